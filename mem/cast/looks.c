// # Looks: which frame is behind an address, and who else has it

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "mem/cast/cast.h"

// Who may not look at his own child's pages is told why.
static void check(int error)
{
	if (error == -EACCES || error == -EPERM)
		skip("/proc/PID may not be read: was this program's file made "
		     "readable for you (chmod a+r), and is /proc mounted "
		     "without hidepid?");
	if (error == -ENOENT)
		skip("this kernel tells nothing of pages: it needs /proc, and "
		     "CONFIG_PROC_PAGE_MONITOR");
	must_neg(error);
}

// Of the whole machine, since it was started; -1 where that is not counted.
static long pages_moved(void)
{
	FILE *file = fopen("/proc/vmstat", "re");
	char line[128];
	long moved = -1;

	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "pgmigrate_success %ld", &moved) == 1)
			break;
	if (file)
		fclose(file);
	return moved;
}

struct sight sight_begin(void)
{
	int shown = frames_shown();

	check(shown < 0 ? shown : 0);
	if (!shown)
		say("frames have no numbers for me (they take CAP_SYS_ADMIN)");
	return (struct sight){ shown, pages_moved() };
}

bool unless_moved(const struct sight *sight, bool holds)
{
	if (!holds && pages_moved() != sight->moves)
		skip("the kernel has moved pages to other frames meanwhile: "
		     "play it again");
	return holds;
}

struct frame_row look(const char *who, pid_t pid, const void *address,
		      const char *note)
{
	struct frame_row row;

	check(frame_row_read(&row, who, pid, (uintptr_t)address, NULL));
	row.note = note;
	return row;
}

static void print_frame(FILE *out, const struct frame_row *row)
{
	const struct page *page = &row->page;
	char frame[24] = "-", mapped[24] = "";

	if (page->hidden)
		snprintf(frame, sizeof frame, "hidden");
	else if (page->present)
		snprintf(frame, sizeof frame, "0x%jx", (uintmax_t)page->frame);
	if (row->frame_known)
		snprintf(mapped, sizeof mapped, "%ju", (uintmax_t)row->count);
	else if (page->present)
		snprintf(mapped, sizeof mapped, "%s",
			 page->exclusive ? "1" : "2+");
	fprintf(out, "  %-9s 0x%-12jx  %-9s %6s  %-9s  %s", row->who,
		(uintmax_t)row->address, frame, mapped,
		!page->present ? ""
		: page->file   ? "file"
			       : "anonymous",
		row->note ? row->note : "");
}

void show_frames(const struct frame_row *rows, size_t n)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	fprintf(out, "  %-9s %-14s  %-9s %6s", "", "address", "frame",
		"mapped");
	for (size_t i = 0; i < n; i++) {
		fputc('\n', out);
		print_frame(out, &rows[i]);
	}
	if (fclose(out) != 0)
		skip("no memory for a table");
	show_text(text);
	free(text);
}

bool one_frame(const struct frame_row *a, const struct frame_row *b)
{
	return a->page.frame && a->page.frame == b->page.frame;
}

bool two_frames(const struct frame_row *a, const struct frame_row *b)
{
	return a->page.frame && b->page.frame && a->page.frame != b->page.frame;
}

struct memory_use use_of(pid_t pid, const void *memory, size_t bytes)
{
	struct memory_use use;
	uintptr_t begin = (uintptr_t)memory;

	check(memory_use_between(&use, pid, begin, begin + bytes));
	return use;
}

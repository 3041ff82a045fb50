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

bool frames_seen(void)
{
	int seen = frames_shown();

	check(seen < 0 ? seen : 0);
	if (!seen)
		say("the numbers of frames are hidden from me (CAP_SYS_ADMIN, "
		    "be root); I see only who is alone with his");
	return seen;
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

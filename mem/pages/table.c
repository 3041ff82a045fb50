// # The frame table: who has which frame behind which address
//
//     who     address         frame     count  flags
//     parent  0x7f21c8a5e000  0x1042f9      2  uptodate,lru,mmap,anon
//     child   0x7f21c8a5e000  0x1042f9      2  uptodate,lru,mmap,anon

#define _GNU_SOURCE
#include "mem/pages/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int frame_row_read(struct frame_row *row, const char *who, pid_t pid,
		   uintptr_t address, const struct frames *frames)
{
	struct frames own = { -1, -1 };

	*row = (struct frame_row){ .who = who, .address = address };
	ssize_t got = pages_read(pid, address, 1, &row->page);
	if (got < 0)
		return (int)got;
	if (row->page.frame == 0 || (!frames && frames_open(&own) < 0))
		return 0;
	if (!frames)
		frames = &own;
	row->frame_known =
		frames_flags(frames, row->page.frame, &row->flags) == 0 &&
		frames_count(frames, row->page.frame, &row->count) == 0;
	frames_close(&own);
	return 0;
}

static void state_of(const struct page *page, char *text, size_t bytes)
{
	if (page->hidden)
		snprintf(text, bytes, "hidden");
	else if (page->present)
		snprintf(text, bytes, "0x%llx",
			 (unsigned long long)page->frame);
	else
		snprintf(text, bytes, "%s", page->swapped ? "swapped" : "-");
}

// What the page table says for itself, where the frame's flags are not known.
static const char *words_of(const struct page *page)
{
	if (!page->present)
		return page->swapped ? "on the swap device" : "no frame";
	if (page->file)
		return page->exclusive ? "file or shared, mapped once"
				       : "file or shared";
	return page->exclusive ? "anonymous, mapped once" : "anonymous";
}

static void write_row(FILE *file, const struct frame_row *row, int who,
		      int address)
{
	char state[32], count[24] = "-", flags[FRAME_FLAGS_BYTES],
			where[2 + 2 * sizeof row->address + 1];

	state_of(&row->page, state, sizeof state);
	snprintf(where, sizeof where, "0x%llx",
		 (unsigned long long)row->address);
	if (row->frame_known)
		snprintf(count, sizeof count, "%llu",
			 (unsigned long long)row->count);
	fprintf(file, "%-*s  %-*s  %-9s %5s  %s%s%s\n", who, row->who, address,
		where, state, count,
		row->frame_known ? frame_flags_text(flags, sizeof flags,
						    (uint32_t)row->flags)
				 : words_of(&row->page),
		row->note ? "  " : "", row->note ? row->note : "");
}

char *frame_table(const struct frame_row *rows, size_t n)
{
	char *text = NULL;
	size_t bytes;
	int who = 3, address = 7;
	FILE *file = open_memstream(&text, &bytes);

	if (!file)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		int length = (int)strlen(rows[i].who);
		int digits = snprintf(NULL, 0, "0x%llx",
				      (unsigned long long)rows[i].address);
		who = length > who ? length : who;
		address = digits > address ? digits : address;
	}
	fprintf(file, "%-*s  %-*s  %-9s %5s  %s\n", who, "who", address,
		"address", "frame", "count", "flags");
	for (size_t i = 0; i < n; i++)
		write_row(file, &rows[i], who, address);
	bool failed = ferror(file);
	if (fclose(file) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

// # Anonymous pages

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/demand/demand.h"
#include "mem/pages/pages.h"

// ## The staircase
//
// mmap (and malloc above it) hands out addresses. No frame is behind them. The
// first touch of a page finds no entry in the page table: a page fault, in which
// the kernel takes a frame, clears it, enters it and lets the instruction begin
// again. The program notices nothing but the time. So the resident size climbs
// by a page a touch, in the order of the touches, and a page nobody touches is
// never paid for.

enum { PAGES = 128, STEPS = 4, EACH = 24 };

static void show_steps(const double resident[STEPS + 1])
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct bar bars[STEPS + 1];
	char labels[STEPS + 1][24], notes[STEPS + 1][24];

	for (int i = 0; i <= STEPS; i++) {
		snprintf(labels[i], sizeof labels[i], "%d touched", i * EACH);
		snprintf(notes[i], sizeof notes[i], "%.0f", resident[i]);
		bars[i] = (struct bar){ labels[i], notes[i], resident[i] };
	}
	char *picture = must_ptr(draw_bars(&canvas, bars, STEPS + 1, false));
	show(picture);
	free(picture);
}

void scene_staircase(void)
{
	char *pages = new_lasting_pages(PAGES);
	double resident[STEPS + 1] = { 0 };
	bool exact = true, alike = true;
	long faults = 0;

	say("%d pages are mapped, none is touched", PAGES);
	for (int i = 0; i < STEPS; i++) {
		// from the outside inwards, to see that order is the touch's
		int step = i % 2 ? PAGES - (i / 2 + 1) * EACH : i / 2 * EACH;
		struct faults before = faults_now();
		write_pages(pages + (size_t)step * page_bytes(), EACH);
		faults += faults_since(before).minor;
		say("touched pages %d to %d", step, step + EACH - 1);
		size_t there = show_pages(pages, PAGES, SIZE_MAX);
		resident[i + 1] = (double)resident_pages(pages, PAGES);
		exact = exact && resident[i + 1] == (i + 1) * EACH;
		alike = alike && there == (size_t)(i + 1) * EACH;
	}
	say("resident pages, step by step:");
	show_steps(resident);
	claim(exact, "as many frames as pages that were touched, no more");
	claim(alike, "mincore shows just these");
	say("%ld minor faults for %d pages", faults, STEPS * EACH);
	claim(faults >= (long)STEPS * EACH,
	      "a page fault for each page, at its first touch");
	struct faults before = faults_now();
	for (int i = 0; i < STEPS; i++)
		write_pages(pages + (size_t)(i % 2 ? PAGES - (i / 2 + 1) * EACH
						   : i / 2 * EACH) *
					    page_bytes(),
			    EACH);
	long again = faults_since(before).minor;
	say("all of them touched again: %ld faults", again);
	claim(again < STEPS * EACH / 2,
	      "a page that is there costs no fault again");
}

// ## A read meets the zero page
//
// A page that was never written holds zeros, so the kernel need not find a frame
// when it is only read: it enters one frame that is full of zeros, the same for
// everybody, without the right to write. The first write faults again, and now the
// page gets a frame of its own (copy-on-write, see mem/cow). Without privilege the
// kernel does not say which frame it is. Yet it gives itself away: the entry is
// there, but the page is in nobody's resident size.

enum { ZEROS = 8 };

static void show_frames(const char *pages, const char *when)
{
	struct page all[2];

	must_neg(pages_read(0, (uintptr_t)pages, 2, all));
	if (!all[0].hidden && !all[1].hidden)
		say("%s: frames 0x%" PRIx64 " and 0x%" PRIx64, when,
		    all[0].frame, all[1].frame);
}

// Whether all these pages show one frame, and the kernel calls it the zero page.
static void claim_zero_page(const char *pages)
{
	struct page all[ZEROS];
	struct frames frames;
	uint64_t flags = 0;
	bool same = true;

	if (frames_shown() <= 0) {
		say("which frame it is, the kernel tells only root");
		return;
	}
	must_neg(pages_read(0, (uintptr_t)pages, ZEROS, all));
	for (int i = 0; i < ZEROS; i++)
		same = same && all[i].present && all[i].frame == all[0].frame;
	claim(same, "all %d pages show one and the same frame", ZEROS);
	if (frames_open(&frames) != 0) {
		say("/proc/kpageflags cannot be read here");
		return;
	}
	must_neg(frames_flags(&frames, all[0].frame, &flags));
	frames_close(&frames);
	claim(flags >> FRAME_ZERO & 1, "/proc/kpageflags calls it ZERO_PAGE");
}

static void claim_own_frames(const char *pages)
{
	struct page all[ZEROS];
	bool apart = true;

	must_neg(pages_read(0, (uintptr_t)pages, ZEROS, all));
	for (int i = 0; i < ZEROS; i++)
		for (int k = 0; k < i; k++)
			apart = apart &&
				(all[i].hidden || all[i].frame != all[k].frame);
	claim(apart && resident_pages(pages, ZEROS) == ZEROS,
	      "a write gives each a frame of its own: %d are resident", ZEROS);
}

void scene_zero(void)
{
	char *pages = new_lasting_pages(ZEROS);
	struct faults before = faults_now();

	read_pages(pages, ZEROS);
	long read = faults_since(before).minor;
	say("%d pages read, never written: %ld faults, resident: %zu", ZEROS,
	    read, resident_pages(pages, ZEROS));
	show_frames(pages, "the first two");
	claim(mapped_pages(pages, ZEROS) == ZEROS &&
		      resident_pages(pages, ZEROS) == 0,
	      "every page has an entry, none has memory of its own");
	claim_zero_page(pages);

	before = faults_now();
	write_pages(pages, ZEROS);
	long written = faults_since(before).minor;
	say("now all are written: %ld faults", written);
	show_frames(pages, "the first two");
	claim_own_frames(pages);
	claim(read >= ZEROS && written >= ZEROS,
	      "who reads first faults twice for a page");
}

// ## Giving back
//
// MADV_DONTNEED takes the frames away at once and leaves the addresses. What was
// in an anonymous page is lost: the next touch meets a new page of zeros. A page
// of a private file mapping meets the file again, and what was written is lost,
// too. (munmap takes the addresses as well. free calls neither for small blocks.)

void scene_back(void)
{
	size_t page = page_bytes();
	char *pages = new_pages(ZEROS);

	write_pages(pages, ZEROS);
	size_t full = resident_pages(pages, ZEROS);
	must(madvise(pages, ZEROS * page, MADV_DONTNEED));
	size_t empty = resident_pages(pages, ZEROS);
	say("resident: %zu pages; after MADV_DONTNEED: %zu", full, empty);
	claim(empty == 0 && mapped_pages(pages, ZEROS) == 0,
	      "the frames are gone, the addresses remain");
	claim(pages[0] == 0, "the next read finds zeros, not what was there");

	int fd = new_file(page);
	char *view = must(
		mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	char old = view[0];
	view[0] = 'X';
	must(madvise(view, page, MADV_DONTNEED));
	say("of a file: '%c', written 'X', after MADV_DONTNEED '%c'", old,
	    view[0]);
	claim(old == 'f' && view[0] == 'f',
	      "a private page of a file meets the file again");
}

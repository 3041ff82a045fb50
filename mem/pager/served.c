// # A fault, served
//
// The kernel's part of paging is small here: the page is not there, so whoever
// touches it sleeps, and the kernel writes a message. All the rest is done by a
// thread of this process: which page, where are its bytes, who goes for it. When
// a page has been put there, the instruction is done again and never knows.

#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"
#include "mem/pager/play.h"
#include "mem/pager/scenes.h"

enum { PAGES = 8, FRAMES = 3 };

struct little {
	struct region *region;
	volatile uint64_t *memory;
	size_t page_words;
	int file;
	struct region_event last; // written while the program waits
	bool told;
};

enum region_way way_here(void)
{
	enum region_way way = region_best();

	if (way == REGION_SIGNAL)
		say("no userfaultfd here (%s): by SIGSEGV and mprotect",
		    strerror(-region_can(REGION_COPY)));
	return way;
}

static void remember(void *context, const struct region_event *event)
{
	struct little *little = context;

	little->last = *event;
	little->told = true;
}

// Page p holds the number 100 + p at first.
static void open_little(struct little *little, const char *policy)
{
	size_t bytes = (size_t)sysconf(_SC_PAGESIZE);

	*little = (struct little){ .file = nameless_file(PAGES * bytes),
				   .page_words = bytes / sizeof(uint64_t) };
	for (uint64_t p = 0; p < PAGES; p++) {
		uint64_t value = 100 + p;
		must(pwrite(little->file, &value, sizeof value,
			    (off_t)(p * bytes)));
	}
	must_neg(region_open(
		&little->region,
		&(struct region_setup){
			.way = way_here(),
			.policy = replacement_named(policy),
			.plan = { .frames = FRAMES, .pages = PAGES },
			.file = little->file,
			.seen = remember,
			.failed = cannot_serve,
			.context = little }));
	little->memory = region_memory(little->region);
}

static void close_little(struct little *little)
{
	region_close(little->region);
	close(little->file);
}

// The pages in sight, as the kernel sees it: mincore(2).
static int in_sight(const struct little *little, char map[PAGES + 1])
{
	unsigned char present[PAGES];
	int count = 0;

	must(mincore((void *)little->memory, PAGES * little->page_words * 8,
		     present));
	for (int p = 0; p < PAGES; p++) {
		map[p] = present[p] & 1 ? (char)('0' + p) : '.';
		count += present[p] & 1;
	}
	map[PAGES] = '\0';
	return count;
}

// Touches a page and tells what the pager saw of that.
static uint64_t touch(struct little *little, uint32_t page, bool write,
		      uint64_t value)
{
	volatile uint64_t *word = little->memory + page * little->page_words;
	char map[PAGES + 1], went[60] = "";

	region_counts(little->region); // the thread is done with `told`
	little->told = false;
	if (write)
		*word = value;
	else
		value = *word;
	region_counts(little->region);
	in_sight(little, map);
	const struct region_event *last = &little->last;
	if (little->told && last->victim != NO_PAGE)
		snprintf(went, sizeof went, "; %u goes%s", last->victim,
			 last->dirty ? ", is written" : "");
	say("[%s] %s %u: %s%s", map, write ? "write" : "read", page,
	    !little->told ? "unnoticed"
	    : last->hit   ? "noticed, in its frame"
			  : "a fault, loaded",
	    went);
	return value;
}

// ## More pages than frames

void scene_region(void)
{
	struct little little;
	char map[PAGES + 1];
	uint64_t value;

	open_little(&little, "fifo");
	say("%d pages, %d frames; who came first goes first", PAGES, FRAMES);
	claim(in_sight(&little, map) == 0, "none of the pages is there");
	value = touch(&little, 5, false, 0);
	claim(value == 105 && little.told && !little.last.hit,
	      "it faults, and what is read stood in the file: %ju",
	      (uintmax_t)value);
	touch(&little, 5, false, 0);
	claim(!little.told, "the second time nobody hears of it");
	touch(&little, 5, true, 42);
	claim(little.told && little.last.hit && little.last.write,
	      "its first write is noticed: now it is modified");
	touch(&little, 6, false, 0);
	touch(&little, 0, false, 0);
	claim(in_sight(&little, map) == FRAMES, "all %d frames are taken",
	      FRAMES);
	touch(&little, 1, false, 0);
	must(pread(little.file, &value, sizeof value,
		   (off_t)(5 * little.page_words * sizeof value)));
	claim(little.last.victim == 5 && little.last.dirty && value == 42,
	      "5 had to go, and the file has what was written: %ju",
	      (uintmax_t)value);
	touch(&little, 2, false, 0);
	claim(little.last.victim == 6 && !little.last.dirty,
	      "6 goes without a write: nobody has modified it");
	value = touch(&little, 5, false, 0);
	claim(value == 42, "5 comes back with its %ju", (uintmax_t)value);
	claim(in_sight(&little, map) == FRAMES,
	      "never are there more pages than frames");
	close_little(&little);
}

// ## Bits without a bit
//
// A policy asks "was this page used since?" The hardware has a bit for that, but
// no process may see it. So the page is taken out of sight: it stays in its
// frame, and if it is touched again that is noticed, for the price of a fault
// but not of a read from the file. In kernels this is how it is done on machines
// without the bit (Babaoglu & Joy, SOSP 1981, on the VAX).

void scene_bits(void)
{
	struct little little;

	open_little(&little, "clock");
	for (uint32_t p = 0; p < FRAMES; p++)
		touch(&little, p, false, 0);
	say("the clock: R is set for all of them, as each was just used");
	touch(&little, 3, false, 0);
	claim(little.last.victim == 0,
	      "the hand clears R of 0, 1, 2, and takes the first");
	uint64_t reads = region_counts(little.region).reads;
	touch(&little, 1, false, 0);
	claim(little.told && little.last.hit &&
		      region_counts(little.region).reads == reads,
	      "1 was protected: its use is noticed, nothing is read");
	touch(&little, 1, false, 0);
	claim(!little.told, "R is set again: further uses cost nothing");
	touch(&little, 4, false, 0);
	claim(little.last.victim == 2,
	      "so 1 is spared, and 2, which nobody used, goes");
	touch(&little, 1, true, 7);
	claim(little.told && little.last.write, "the first write sets M");
	struct region_counts counts = region_counts(little.region);
	say("%ju faults, %ju uses and %ju writes noticed, %ju written back",
	    (uintmax_t)counts.faults, (uintmax_t)counts.noticed,
	    (uintmax_t)counts.writes, (uintmax_t)counts.writebacks);
	claim(counts.reads == counts.faults && counts.faults == 5,
	      "of all those only %ju were page faults of the policy's",
	      (uintmax_t)counts.faults);
	close_little(&little);
}

// # Equal pages become one
//
// So far somebody said what is to be shared. KSM (kernel samepage merging) finds it
// out: a kernel thread reads the pages of memory that was offered to it
// (madvise(MADV_MERGEABLE), or all of a process: PR_SET_MEMORY_MERGE), and of those
// with equal bytes it keeps one, read-only, behind all addresses. A write copies, as
// after a fork. Ten virtual machines with the same system need its memory once. (And
// whoever shares memory with a stranger can tell by the time of a write whether the
// stranger has the same page: so it is off unless wanted.)
//
// Root turns it on (/sys/kernel/mm/ksm/run). This lab does not: nobody would turn
// it off again if the lab were killed.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "host.h"
#include "lab.h"
#include "mem/cast/cast.h"
#include "mem/shared/shared.h"
#include "mem/stretch/stretch.h"

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67 // linux/prctl.h, Linux 6.4
#define PR_GET_MEMORY_MERGE 68
#endif

#define KSM "/sys/kernel/mm/ksm/"
enum { PAGES = 32, MOST_SCANS = 8, MOST_OTHERS = 100000 };

static long number_in(const char *path)
{
	char line[HOST_TEXT];

	return host_line(path, line, sizeof line) ? strtol(line, NULL, 10) : -1;
}

static void fill(const struct stretch *memory, char value)
{
	memset(memory->memory, value, memory->bytes);
}

// Which frames there are behind the pages, at most PAGES.
static size_t count_frames(const struct stretch *memory)
{
	struct frame_row rows[PAGES];
	size_t different = 0;

	for (size_t i = 0; i < PAGES; i++) {
		size_t j = 0;
		rows[i] = look("I", 0, memory->memory + i * page_bytes(), NULL);
		while (j < i && !one_frame(&rows[i], &rows[j]))
			j++;
		different += j == i;
	}
	return different;
}

// By the kernel's word (KSM in smaps, Linux 6.7) or, for those who see them, the
// frames: one, or one on each NUMA node.
static bool are_merged(const struct stretch *memory, bool shown)
{
	return use_of(0, memory->memory, memory->bytes).ksm == memory->bytes ||
	       (shown && count_frames(memory) < PAGES / 2);
}

// Pages of others that the kernel thread has to read in each round.
static long others_pages(void)
{
	return number_in(KSM "pages_shared") + number_in(KSM "pages_sharing") +
	       number_in(KSM "pages_unshared") +
	       number_in(KSM "pages_volatile");
}

// A page is merged when it has not changed between two rounds of the kernel thread;
// it has had all its chances when it has gone round some times more.
static bool await_merge(const struct stretch *memory, bool shown)
{
	long first = number_in(KSM "full_scans");

	while (!are_merged(memory, shown)) {
		if (number_in(KSM "full_scans") > first + MOST_SCANS ||
		    number_in(KSM "run") != 1)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return true;
}

void scene_merge(void)
{
	struct sight sight = sight_begin();
	struct stretch memory;

	must_neg(stretch_make(&memory, PAGES * page_bytes(), false));
	fill(&memory, 'k');
	long run = number_in(KSM "run");
	say("%d pages, equal in all bytes, offered to KSM", PAGES);
	int all = prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0);
	if (all != 1)
		claim_seen(&sight, count_frames(&memory) == PAGES,
			   "equal or not, each has a frame");
	if (madvise(memory.memory, memory.bytes, MADV_MERGEABLE) == -1)
		skip("this kernel has no KSM (CONFIG_KSM)");
	say("PR_SET_MEMORY_MERGE (all of a process): %s",
	    all == 1   ? "set"
	    : all == 0 ? "not set"
		       : "not in this kernel");
	say("%s: %ld", KSM "run", run);
	if (run != 1)
		skip("KSM does not run: root may write 1 to %s (and 0 "
		     "afterwards)",
		     KSM "run");

	if (others_pages() > MOST_OTHERS)
		skip("KSM runs, but with %ld pages of others to go through it "
		     "takes too long",
		     others_pages());
	if (!await_merge(&memory, sight.shown))
		skip("KSM has gone round %d times and not merged them: %s "
		     "and its neighbours say how it is set",
		     MOST_SCANS, KSM "run");
	struct frame_row merged = look("I", 0, memory.memory, "merged");
	claim(are_merged(&memory, sight.shown),
	      "the kernel says of all %d pages: merged", PAGES);
	claim_seen(&sight, count_frames(&memory) < PAGES,
		   "they have %zu frame(s) together", count_frames(&memory));

	long faults;
	count_write(memory.memory, 'w', &faults);
	struct frame_row rows[] = {
		merged,
		look("I", 0, memory.memory, "written to"),
		look("I", 0, memory.memory + page_bytes(), "its neighbour"),
	};
	show_frames(rows, 3);
	claim(faults >= 1 && memory.memory[page_bytes()] == 'k',
	      "a write faults and changes one page only");
	claim_seen(&sight, two_frames(&rows[0], &rows[1]),
		   "that page has a frame of its own again");
	stretch_free(&memory);
}

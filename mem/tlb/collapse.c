// # Huge pages for memory that is there already
//
// Huge pages come at the first touch, or later: khugepaged, a kernel thread, looks
// for memory that is used in small pages, copies 512 of them to one huge page and
// changes the tables; nobody notices but by the clock. madvise(MADV_COLLAPSE)
// (Linux 6.1) does the same at once, so one can look before and after: the same
// addresses, the same bytes, the same chain through them. What changed is how many
// entries of the TLB they take.
//
// The way back is as quiet. One page of the 512 is given back, and the kernel has
// to describe the rest one by one again.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "lab.h"
#include "mem/chase/chase.h"
#include "mem/pages/pages.h"
#include "mem/tlb/tlb.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 // linux/mman.h
#endif

enum {
	ROUNDS = LESS ? 3 : 9,
	PIECES = 8,
	STEPS = LESS ? 1 << 12 : 1 << 16,
	MOST_TRIES = 1000,
};
static const size_t MOST_BYTES = 64 << 20;

struct walk {
	double ns[ROUNDS];
	uint64_t sum;
	bool whole;
};

static struct walk walk_through(const struct chase *chase)
{
	struct chase_link *first = chase_at(chase, 0);
	uint8_t *visits = must_ptr(calloc(chase->slots, 1));
	struct walk walk = { .whole = true };
	size_t steps = (STEPS / chase->slots + 1) * chase->slots;

	walk.sum = chase_count(first, chase->slots, visits);
	for (size_t i = 0; i < chase->slots; i++)
		walk.whole &= visits[i] == 1;
	free(visits);
	for (int round = 0; round < ROUNDS; round++) {
		int64_t began_ns = cpu_ns();
		walk.whole &= chase_walk(first, steps) == first;
		walk.ns[round] = (double)(cpu_ns() - began_ns) / (double)steps;
	}
	return walk;
}

static void tell(const char *when, const struct stretch *stretch,
		 const struct walk *walk)
{
	struct spread got = spread_of(walk->ns, ROUNDS);
	char size[HUMAN_BYTES];

	say("%s: %s in huge pages; %.1f ns a step (%.1f to %.1f)", when,
	    human_size(size, huge_bytes_in(stretch)), got.median, got.low,
	    got.high);
}

// EAGAIN: somebody holds one of the pages at this moment (madvise(2)).
static bool try_collapse(const struct stretch *stretch)
{
	for (int tries = 0; tries < MOST_TRIES; tries++) {
		if (madvise(stretch->memory, stretch->bytes, MADV_COLLAPSE) ==
		    0)
			return true;
		if (errno != EAGAIN)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return false;
}

static void collapse(const struct stretch *stretch)
{
	char why[STRETCH_TEXT];

	// small pages were wished for: take the wish back
	if (madvise(stretch->memory, stretch->bytes, MADV_HUGEPAGE) == -1)
		skip("%s", stretch_why_small(why));
	if (try_collapse(stretch))
		return;
	if (errno == EINVAL && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1)
		skip("%s", stretch_why_small(why));
	if (errno == EINVAL)
		skip("madvise(MADV_COLLAPSE) is refused: it needs Linux 6.1");
	skip("the kernel could not make huge pages of these (%s): root may "
	     "write 1 to /proc/sys/vm/compact_memory",
	     strerror(errno));
}

void scene_collapse(void)
{
	size_t piece = huge_page_bytes(), bytes = PIECES * piece;
	char why[STRETCH_TEXT], size[HUMAN_BYTES];
	struct stretch stretch;

	if (piece == 0)
		skip("%s", stretch_why_small(why));
	if (bytes > MOST_BYTES)
		skip("huge pages are too large here to try it");
	stay_here();
	must_neg(stretch_make(&stretch, bytes, false));
	struct chase chase = { stretch.memory, bytes / page_bytes(),
			       page_bytes() };
	struct random random = { 1 };
	chase_lay(&chase, &random);

	size_t before_bytes = huge_bytes_in(&stretch);
	struct walk before = walk_through(&chase);
	tell("before", &stretch, &before);
	collapse(&stretch);
	size_t after_bytes = huge_bytes_in(&stretch);
	struct walk after = walk_through(&chase);
	tell("after", &stretch, &after);
	claim(before_bytes == 0 && after_bytes == bytes,
	      "MADV_COLLAPSE: %zu small pages are %d huge ones", chase.slots,
	      PIECES);
	claim(before.whole && after.whole && before.sum == after.sum,
	      "the same chain at the same addresses, each page once a round");

	// khugepaged shall not mend what comes now
	must(madvise(stretch.memory, bytes, MADV_NOHUGEPAGE));
	char *hole = stretch.memory + piece / 2;
	must(madvise(hole, page_bytes(), MADV_DONTNEED));
	size_t left_bytes = huge_bytes_in(&stretch);
	say("I give one small page back: %s in huge pages",
	    human_size(size, left_bytes));
	claim(left_bytes == bytes - piece,
	      "one page given back takes a huge page apart");
	size_t kept = 0;
	for (size_t i = 0; i < chase.slots; i++)
		kept += chase_at(&chase, i)->number == i &&
			chase_at(&chase, i)->next != NULL;
	claim(kept == chase.slots - 1,
	      "and of %zu pages %zu have kept what was in them", chase.slots,
	      kept);
	stretch_free(&stretch);
}

// # All at once, or one by one

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"
#include "mem/demand/demand.h"
#include "mem/pages/pages.h"
#include "options.h"
#include "stats.h"

// ## Prefaulting
//
// Demand paging (요구 페이징) pays when a page is touched, and only then. Its
// opposite (선행 페이징) pays in advance: mmap with MAP_POPULATE, or later madvise
// with MADV_POPULATE_WRITE, brings all the pages in during one system call. That
// spares the exceptions, one a page, which is what a program wants that must not
// be late: the faults come where it chose. (The kernel counts a page brought in
// this way as a fault, too, though nothing was interrupted: so look at when.)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGES = 1024, ROUNDS = 9 };

enum way { DEMAND, POPULATE, ADVICE, WAYS };

static const char *const way_names[WAYS] = { "on demand", "MAP_POPULATE",
					     "MADV_POPULATE_WRITE" };

struct round {
	long before, during; // faults: until the pages are there, then
	double ns;           // both together
	size_t ready;        // pages with an entry before the first touch
};

// False: this kernel does not have it (Linux 5.14).
static bool play_round(enum way way, struct round *round)
{
	size_t bytes = PAGES * page_bytes();
	struct faults begin = faults_now();
	int64_t begin_ns = now_ns();
	char *pages = must(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS |
					(way == POPULATE ? MAP_POPULATE : 0),
				-1, 0));
	bool has = way != ADVICE ||
		   madvise(pages, bytes, MADV_POPULATE_WRITE) == 0 ||
		   errno != EINVAL;
	int64_t paused_ns = now_ns();

	round->before = faults_since(begin).minor;
	round->ready = mapped_pages(pages, PAGES);
	begin = faults_now();
	int64_t touched_ns = now_ns();
	write_pages(pages, PAGES);
	round->ns = (double)(now_ns() - touched_ns + paused_ns - begin_ns);
	round->during = faults_since(begin).minor;
	must(munmap(pages, bytes));
	return has;
}

static void say_price(enum way way, double ns[ROUNDS])
{
	char low[HUMAN_BYTES], middle[HUMAN_BYTES], high[HUMAN_BYTES];

	stats_sort(ns, ROUNDS);
	say("%-19s  %s (%s to %s)", way_names[way],
	    human_duration(middle, stats_quantile(ns, ROUNDS, 0.5)),
	    human_duration(low, ns[0]), human_duration(high, ns[ROUNDS - 1]));
}

void scene_prefault(void)
{
	double ns[WAYS][ROUNDS];
	struct round round;
	bool has[WAYS] = { true, true, true };
	int lazy = 0, eager = 0, rounds = 0; // rounds: of those that prefault

	no_huge_pages();
	for (int i = 0; i < ROUNDS; i++)
		for (enum way way = 0; way < WAYS; way++) {
			has[way] = has[way] && play_round(way, &round);
			if (!has[way])
				continue;
			ns[way][i] = round.ns;
			if (i == 0)
				say("%-19s  ready %4zu of %d, then %4ld faults",
				    way_names[way], round.ready, PAGES,
				    round.during);
			if (way == DEMAND) {
				lazy += round.ready == 0 &&
					round.during >= PAGES;
				continue;
			}
			rounds++;
			eager += round.ready == PAGES &&
				 round.during < PAGES / 8;
		}
	if (!has[ADVICE])
		say("this kernel has no MADV_POPULATE_WRITE (Linux 5.14 has)");
	claim(lazy == ROUNDS,
	      "on demand: none there, and a fault for each touch");
	// (While the kernel moves frames about, a touch may have to wait for one.)
	if (eager < rounds)
		say("in %d of %d rounds the kernel was moving frames",
		    rounds - eager, rounds);
	claim(eager * 2 > rounds,
	      "prefaulted: all there, and the touches do not fault");
	say("all of it, from mmap to the last touch, in %d rounds:", ROUNDS);
	for (enum way way = 0; way < WAYS; way++)
		if (has[way])
			say_price(way, ns[way]);
}

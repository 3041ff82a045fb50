// # Thrashing: too many programs for the memory there is
//
// Chapter 15 · Page replacement (페이징 교체)
//
// A program that waits for its disk leaves the CPU to others. So with more
// programs in memory more gets done, up to a point: when what they all need at
// the same time is more than there are frames, each fault takes a page that
// somebody else needs soon. Then everybody waits for pages, and nothing gets
// done: thrashing (스레싱). This lab plays that: workers with a working set each,
// one CPU, one paging disk, and frames that all share, replaced by the code of
// mem/policy.
//
//     $ build/mem/thrash            every scene
//     $ build/mem/thrash cliff      one of them
//
//     cliff · more workers, until they do not fit
//      1574.23 ms  main     400 frames, 57 pages a working set: 7 sets fit
//      1574.32 ms  main     CPU: 1 worker 16 %, 7 workers 79 %, 16 workers 0.9 %
//                  ✓ with more workers more gets done, at first
//                  ✓ it is most with 7: their working sets fit into the frames
//
// The times are those of a model, so they are the same on each machine, and may
// be claimed.
//
// Try: let FRAMES be 300: where is the edge now? Set FAULT_US to 20, a fast
// flash disk: does the cliff go away? Give the workers phases twice as long.
//
// Read next: mem/policy/ (the policies), mem/paging/ (the simulator),
// mem/replace (policies on traces of your own).
// Sources: Denning, "Thrashing: Its Causes and Prevention", AFIPS 1968; Chu,
// Opderbeck, "The Page Fault Frequency Replacement Algorithm", AFIPS 1972;
// Silberschatz, Galvin, Gagne, "Operating System Concepts", section 10.6.

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/paging/paging.h"
#include "random.h"

enum {
	FRAMES = 400,
	WORKERS = 16,   // at most
	SET = 57,       // pages a worker uses in a phase
	PHASE = 40000,  // references; then other pages
	PAGES = 1200,   // of a worker
	QUANTUM = 100,  // references in a row
	IO_EVERY = 200, // references; then it waits for something
	IO_US = 1000,
	FAULT_US = 200, // the paging disk, one page after the other
	RUN_US = 4000000,
};

static_assert(2 * (FRAMES / SET) <= WORKERS, "the curve goes on to the cliff");

// ## Workers
//
// A reference takes a microsecond of the CPU. A worker references SET pages of
// its own in no order, and moves on to SET others from time to time: that is
// its working set (작업 집합). It waits for I/O now and then, and at each fault
// for the disk, where others may be in front of it.

struct worker {
	struct random random;
	uint64_t references;
	int64_t ready_us; // from then on it can go on
	bool suspended;
	int64_t since_us; // ... or not, since then
};

struct host {
	struct worker workers[WORKERS];
	int count, turn;
	struct paging *paging;
	int64_t now_us, disk_us; // disk_us: the disk is busy until then
	uint64_t references, faults;
};

static uint32_t page_of(struct host *host, int i)
{
	struct worker *worker = &host->workers[i];
	uint64_t phase = worker->references / PHASE;
	uint32_t page = (uint32_t)(phase * SET % PAGES) +
			random_below(&worker->random, SET);

	return (uint32_t)i * PAGES + page % PAGES;
}

// One turn on the CPU: until the quantum is over or the worker has to wait.
static void run(struct host *host, int i)
{
	struct worker *worker = &host->workers[i];

	for (int n = 0; n < QUANTUM; n++) {
		uint32_t page = page_of(host, i);

		must_neg(paging_play(host->paging, &page, 1));
		host->now_us++;
		host->references++;
		worker->references++;
		if (paging_counts(host->paging, 0).faults > host->faults) {
			host->faults++;
			if (host->disk_us < host->now_us)
				host->disk_us = host->now_us;
			host->disk_us += FAULT_US;
			worker->ready_us = host->disk_us;
			return;
		}
		if (worker->references % IO_EVERY == 0) {
			worker->ready_us = host->now_us + IO_US;
			return;
		}
	}
}

// Who can go on, in turn; when nobody can, time passes.
static int next_worker(struct host *host)
{
	int64_t soonest = INT64_MAX;

	for (int k = 1; k <= host->count; k++) {
		int i = (host->turn + k) % host->count;
		const struct worker *worker = &host->workers[i];

		if (worker->suspended)
			continue;
		if (worker->ready_us <= host->now_us)
			return i;
		if (worker->ready_us < soonest)
			soonest = worker->ready_us;
	}
	host->now_us = soonest;
	return next_worker(host);
}

// ## Control by page fault frequency
//
// Every WINDOW_US the faults of the last window are held against its
// references. Too many: a worker is suspended, and its pages are soon those of others. Few:
// one that was suspended goes on. The one that has run longest is suspended,
// the one that has waited longest goes on, so all get their turns.

enum { WINDOW_US = 20000, TOO_MANY = 30, FEW = 10 }; // faults a 1000 references

static struct worker *longest(struct host *host, bool suspended)
{
	struct worker *found = NULL;

	for (int i = 0; i < host->count; i++) {
		struct worker *worker = &host->workers[i];

		if (worker->suspended == suspended &&
		    (!found || worker->since_us < found->since_us))
			found = worker;
	}
	return found;
}

static void control(struct host *host, uint64_t references, uint64_t faults)
{
	struct worker *worker = NULL;
	int running = 0;

	for (int i = 0; i < host->count; i++)
		running += !host->workers[i].suspended;
	if (faults * 1000 > references * TOO_MANY && running > 1)
		worker = longest(host, false);
	else if (faults * 1000 < references * FEW)
		worker = longest(host, true);
	if (!worker)
		return;
	worker->suspended = !worker->suspended;
	worker->since_us = host->now_us;
}

static struct host play(const char *policy, int workers, bool controlled)
{
	struct host host = { .count = workers };
	struct paging_run shared = { replacement_named(policy), FRAMES };
	struct paging_setup setup = { .runs = &shared, .count = 1 };
	int64_t window_us = WINDOW_US;
	uint64_t references = 0, faults = 0;

	must_neg(paging_create(&host.paging, &setup));
	for (int i = 0; i < workers; i++)
		host.workers[i].random.state = (uint64_t)i + 1;
	while (host.now_us < RUN_US) {
		host.turn = next_worker(&host);
		run(&host, host.turn);
		if (!controlled || host.now_us < window_us)
			continue;
		control(&host, host.references - references,
			host.faults - faults);
		references = host.references;
		faults = host.faults;
		window_us = host.now_us + WINDOW_US;
	}
	paging_free(host.paging);
	host.paging = NULL;
	return host;
}

// The share of the time in which the CPU did something useful, in percent.
static double useful(const struct host *host)
{
	return 100.0 * (double)host->references / (double)host->now_us;
}

// ## The cliff
//
// Seven working sets of 57 pages fit into 400 frames, eight do not. The policy
// is LRU, for all frames together.

static double degrees[WORKERS];

static void draw(const struct curve *curves, size_t n)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(draw_curves(
		&canvas,
		&(struct axes){ .x_title = "workers at the same time",
				.y_title = "% of the CPU's time used",
				.x = degrees,
				.points = WORKERS },
		curves, n));

	show(picture);
	free(picture);
}

static int measure(bool controlled, double used[WORKERS])
{
	int best = 0;

	for (int i = 0; i < WORKERS; i++) {
		struct host host = play("lru", i + 1, controlled);

		degrees[i] = i + 1;
		used[i] = useful(&host);
		if (used[i] > used[best])
			best = i;
	}
	return best;
}

static void cliff(void)
{
	double used[WORKERS];
	int best = measure(false, used);

	say("%d frames, %d pages a working set: %d sets fit", FRAMES, SET,
	    FRAMES / SET);
	say("CPU: 1 worker %.0f %%, %d workers %.0f %%, %d workers %.1f %%",
	    used[0], best + 1, used[best], WORKERS, used[WORKERS - 1]);
	draw(&(const struct curve){ "LRU, all workers run", 'o', used }, 1);
	claim(used[best] > 2 * used[0],
	      "with more workers more gets done, at first");
	claim(best + 1 <= FRAMES / SET,
	      "it is most with %d: their working sets fit into the frames",
	      best + 1);
	claim(used[2 * (FRAMES / SET) - 1] < used[best] / 4,
	      "with %d, twice as many as fit, it is less than a quarter of "
	      "that",
	      2 * (FRAMES / SET));
	claim(used[WORKERS - 1] < used[0],
	      "and %d workers together get less done than one alone", WORKERS);
}

// ## No policy helps
//
// What everybody needs does not fit; somebody's page must go, whichever. A
// better choice moves the edge a little.

static void policies(void)
{
	static const char *const names[] = { "fifo", "random", "clock",
					     "lru",  "lfu",    "arc" };
	enum { NAMES = sizeof names / sizeof names[0] };
	struct host fit = play("lru", FRAMES / SET, false);
	double most = 0;

	for (int i = 0; i < NAMES; i++) {
		struct host host = play(names[i], WORKERS, false);
		double used = useful(&host);

		say("%-6s of %d workers: CPU %3.1f %%, %2.0f faults a 100",
		    names[i], WORKERS, used,
		    100.0 * (double)host.faults / (double)host.references);
		most = used > most ? used : most;
	}
	say("lru    of %d workers: CPU %.0f %%", FRAMES / SET, useful(&fit));
	claim(most < useful(&fit) / 2,
	      "of %d workers no policy gets half of what LRU gets of %d",
	      WORKERS, FRAMES / SET);
}

// ## Fewer at a time
//
// The control of above, for each number of workers.

static void controlled(void)
{
	double without[WORKERS], with[WORKERS];
	int best = measure(false, without);
	double least = 100;
	struct host host = play("lru", WORKERS, true);
	uint64_t slowest = UINT64_MAX, fastest = 0;

	measure(true, with);
	for (int i = best; i < WORKERS; i++)
		least = with[i] < least ? with[i] : least;
	for (int i = 0; i < WORKERS; i++) {
		uint64_t done = host.workers[i].references;

		slowest = done < slowest ? done : slowest;
		fastest = done > fastest ? done : fastest;
	}
	say("over %d faults a 1000: one stops; under %d: one goes on", TOO_MANY,
	    FEW);
	say("%d workers: CPU %.1f %% without control, %.0f %% with it", WORKERS,
	    without[WORKERS - 1], with[WORKERS - 1]);
	say("the slowest of the %d came to %.0f %% of the fastest", WORKERS,
	    100.0 * (double)slowest / (double)fastest);
	draw((const struct curve[]){ { "with control", 'c', with },
				     { "without", 'o', without } },
	     2);
	claim(least > without[best] / 2,
	      "with control never less than half of the most gets done");
	claim(with[WORKERS - 1] > 5 * without[WORKERS - 1],
	      "with %d workers it is more than five times as much", WORKERS);
	claim(slowest * 10 > fastest,
	      "all take turns: nobody does less than a tenth of the fastest");
}

static const struct scene scenes[] = {
	{ "cliff", "more workers, until they do not fit", cliff },
	{ "policies", "no policy helps", policies },
	{ "control", "fewer at a time, by the faults", controlled },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/thrash",
	.summary = "thrashing: throughput over multiprogramming, and control",
	.chapter = "15 · Page replacement",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

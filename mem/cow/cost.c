// # What a fork costs, and when it is paid
//
// At once: an entry of a page table for each page that is resident, and a counter
// of each frame. Later: a fault for each page that is written while both live, and
// then the copy after all. So a fork of a large process is cheap only if the child
// does not stay; a database that forks to write a snapshot of itself (Redis does)
// needs room for what it changes meanwhile.

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/cast/cast.h"
#include "mem/cow/cow.h"
#include "mem/stretch/stretch.h"
#include "options.h"
#include "stats.h"
#include "threads/bare/bare.h"

#ifdef OSLAB_SANITIZED
enum { STEPS = 3 };
#else
enum { STEPS = 5 };
#endif
enum { ROUNDS = 3, MIB = 1 << 20, ENTRY_BYTES = 8 };

// Of this thread, so that who else runs here does not count.
static int64_t cpu_ns(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static struct stretch written_memory(size_t bytes)
{
	struct stretch memory;

	must_neg(stretch_make(&memory, bytes, false));
	stretch_touch(&memory, 'o');
	return memory;
}

enum { PLAIN, FORK, AFTER, CURVES };

struct cost {
	double mib[STEPS], us[CURVES][STEPS], round[CURVES][ROUNDS];
	double low[CURVES], high[CURVES]; // of the largest
	bool all_faulted, tables;
};

static void measure(struct cost *cost, int step)
{
	struct stretch memory = written_memory((size_t)MIB << step);
	size_t pages = memory.bytes / page_bytes();

	cost->mib[step] = (double)memory.bytes / MIB;
	for (int r = 0; r < ROUNDS; r++) {
		uint64_t table_bytes = 0;
		int64_t began_ns = cpu_ns();
		write_pages(memory.memory, pages, 'b');
		int64_t written_ns = cpu_ns();
		struct actor child = actor_enter("child");
		int64_t forked_ns = cpu_ns();
		long faults = write_pages(memory.memory, pages, 'a');
		int64_t paid_ns = cpu_ns();
		cost->round[PLAIN][r] = (double)(written_ns - began_ns) / 1e3;
		cost->round[FORK][r] = (double)(forked_ns - written_ns) / 1e3;
		cost->round[AFTER][r] = (double)(paid_ns - forked_ns) / 1e3;
		cost->all_faulted &= faults >= (long)pages;
		must_neg(status_field(child.pid, "VmPTE", &table_bytes));
		cost->tables &= table_bytes >= pages * ENTRY_BYTES;
		actor_leave(&child);
	}
	for (int c = 0; c < CURVES; c++) {
		struct interval sure = stats_median_interval(cost->round[c],
							     ROUNDS);
		cost->us[c][step] = stats_median(cost->round[c], ROUNDS);
		cost->low[c] = sure.low;
		cost->high[c] = sure.high;
	}
	stretch_free(&memory);
}

static void draw(const struct cost *cost)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	const struct curve curves[CURVES] = {
		{ "write to each page after it", 'w', cost->us[AFTER] },
		{ "fork", 'f', cost->us[FORK] },
		{ "write to each page before it", '-', cost->us[PLAIN] },
	};
	const struct axes axes = {
		.x_title = "MiB the parent has written to",
		.y_title = "us",
		.x = cost->mib,
		.points = STEPS,
		.x_logarithmic = true,
		.y_logarithmic = true,
	};
	char *picture = must_ptr(draw_curves(&canvas, &axes, curves, CURVES));

	show(picture);
	free(picture);
}

static void tell_sums(const char *when, const struct memory_use *parent,
		      const struct memory_use *child)
{
	say("%s: both %5ju KiB, parent alone %5ju, child %5ju", when,
	    (uintmax_t)(parent->shared_clean + parent->shared_dirty) / 1024,
	    (uintmax_t)(parent->private_clean + parent->private_dirty) / 1024,
	    (uintmax_t)(child->private_clean + child->private_dirty) / 1024);
}

// One frame for both, then two for each page; by smaps, which everybody may read.
static void count_memory(size_t bytes)
{
	struct stretch memory = written_memory(bytes);
	struct actor child = actor_enter("child");
	struct memory_use mine = use_of(0, memory.memory, bytes);
	struct memory_use childs = use_of(child.pid, memory.memory, bytes);

	tell_sums("forked ", &mine, &childs);
	claim(mine.resident == bytes && childs.resident == bytes &&
		      mine.private_dirty + mine.private_clean == 0 &&
		      childs.private_dirty + childs.private_clean == 0,
	      "after the fork each has all of it, and nothing alone");
	uint64_t together = mine.proportional + childs.proportional;
	write_pages(memory.memory, bytes / page_bytes(), 'w');
	mine = use_of(0, memory.memory, bytes);
	childs = use_of(child.pid, memory.memory, bytes);
	tell_sums("written", &mine, &childs);
	claim(mine.private_dirty == bytes && childs.private_dirty == bytes,
	      "after I have written to all, each has all of it alone");
	claim(together == bytes &&
		      mine.proportional + childs.proportional == 2 * bytes,
	      "the sum of both Pss was %zu KiB and is %zu", bytes / 1024,
	      2 * bytes / 1024);
	actor_leave(&child);
	stretch_free(&memory);
}

void scene_cost(void)
{
	sight_begin(); // or there is nothing to see here
	struct cost cost = { .all_faulted = true, .tables = true };
	char median[HUMAN_BYTES], low[HUMAN_BYTES], high[HUMAN_BYTES];
	static const char *const names[CURVES] = { "writing before", "fork",
						   "writing after" };

	for (int step = 0; step < STEPS; step++)
		measure(&cost, step);
	say("CPU time of the parent, median of %d:", ROUNDS);
	draw(&cost);
	for (int c = 0; c < CURVES; c++)
		say("%.0f MiB, %s: %s (%s to %s)", cost.mib[STEPS - 1],
		    names[c],
		    human_duration(median, cost.us[c][STEPS - 1] * 1e3),
		    human_duration(low, cost.low[c] * 1e3),
		    human_duration(high, cost.high[c] * 1e3));
	claim(cost.tables,
	      "the child has 8 bytes of page tables for each page");
	claim(cost.all_faulted,
	      "and each page that I write to afterwards costs a fault");
	count_memory((size_t)MIB << (STEPS - 1));
}

// ## Not to pay
//
// Whoever only wants to start a program needs no copy of his tables. vfork(2) and
// posix_spawn(3) lend the child the parent's memory until it calls execve; the
// parent waits so long. And of memory that no child needs the kernel can be told
// so: MADV_DONTFORK leaves it out, MADV_WIPEONFORK gives the child zeros (keys and
// the state of random generators should not be had twice).

static const size_t SPARE_BYTES = (size_t)MIB << (STEPS - 2);

static void fork_and_wait(char *memory)
{
	(void)memory;
	pid_t child = fork_as("child");
	if (child == 0)
		_exit(EXIT_SUCCESS);
	reap(child);
}

static void fork_without(char *memory)
{
	unsigned char in_core;

	must(madvise(memory, SPARE_BYTES, MADV_DONTFORK));
	pid_t child = fork_as("child");
	if (child == 0) {
		int error = mincore(memory, page_bytes(), &in_core) ? errno : 0;
		claim(error == ENOMEM,
		      "MADV_DONTFORK: the child has nothing at this address");
		_exit(EXIT_SUCCESS);
	}
	reap(child);
	must(madvise(memory, SPARE_BYTES, MADV_DOFORK));
}

static void fork_wiped(char *memory)
{
	must(madvise(memory, SPARE_BYTES, MADV_WIPEONFORK));
	pid_t child = fork_as("child");
	if (child == 0) {
		bool zero = count_read(memory, NULL) == 0;
		claim(zero, "MADV_WIPEONFORK: the child finds zeros there");
		_exit(EXIT_SUCCESS);
	}
	reap(child);
	must(madvise(memory, SPARE_BYTES, MADV_KEEPONFORK));
}

__attribute__((no_sanitize("thread", "address"))) static int
leave_a_mark(void *argument)
{
	*(volatile char *)argument = 'v';
	return EXIT_SUCCESS;
}

// vfork(2) by its definition: our memory, and we wait until it has ended.
static void borrow(char *memory)
{
	struct bare task = { .flags = CLONE_VM | CLONE_VFORK,
			     .exit_signal = SIGCHLD,
			     .run = leave_a_mark,
			     .argument = memory };

	must_neg(bare_stack(&task));
	pid_t child = must_neg(bare_start(&task));
	reap(child);
	bare_no_stack(&task);
	claim(*(volatile char *)memory == 'v',
	      "vfork: what the child has written, the parent has");
}

static void spawn(char *memory)
{
	char *argv[] = { "true", NULL };
	pid_t child;

	(void)memory;
	int error = posix_spawnp(&child, "true", NULL, NULL, argv, environ);
	if (error == ENOENT)
		return; // a host without true(1)
	must_zero(error);
	reap(child);
}

static const struct way {
	const char *name;
	void (*make)(char *memory);
	bool pays;
} ways[] = {
	{ "fork", fork_and_wait, true },
	{ "fork, MADV_DONTFORK", fork_without, false },
	{ "fork, MADV_WIPEONFORK", fork_wiped, false },
	{ "vfork", borrow, false },
	{ "posix_spawn", spawn, false },
};
enum { WAYS = sizeof ways / sizeof *ways };

void scene_spare(void)
{
	struct stretch memory = written_memory(SPARE_BYTES);
	size_t pages = memory.bytes / page_bytes();
	long faults[WAYS];

	write_pages(memory.memory, pages, 'w');
	for (int w = 0; w < WAYS; w++) {
		ways[w].make(memory.memory);
		faults[w] = write_pages(memory.memory, pages, 'w');
	}
	say("after each, I write to my %zu pages again:", pages);
	for (int w = 0; w < WAYS; w++)
		say("%-22s %5ld faults", ways[w].name, faults[w]);
	claim(faults[0] >= (long)pages,
	      "after a fork each page faults, though the child is gone");
	long most = 0;
	for (int w = 1; w < WAYS; w++)
		most = faults[w] > most ? faults[w] : most;
	claim(most < (long)pages, "the other ways leave my pages as they were");
	stretch_free(&memory);
}

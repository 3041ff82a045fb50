// # What a context switch costs
//
// A token goes round a ring of workers, and each sleeps until it comes. On one
// CPU every hop is exactly one context switch, from the worker that passed the
// token on to the one that was waiting for it, so the time of a lap divided by
// the workers is the time of a switch, the system calls of the hand-over
// included:
//
//   futex   a word in shared memory per worker; futex(2) wakes and waits
//   pipe    a pipe per worker, one byte is the token
//
// Processes change the address space with every switch, threads of one process
// do not. A larger ring and a working set make the second cost visible: each
// worker reads and writes `size` bytes of its own while it has the token, and
// what the others evicted from the caches meanwhile must come back. The cost of
// touching is part of the value: `switch/touch` is the same loop alone, with
// warm caches. lmbench subtracts it silently; here both are shown.
//
// Between two CPUs a hop is a wake-up of an idle CPU, often much dearer.
//
// Sources: Larry McVoy and Carl Staelin, "lmbench: Portable Tools for
// Performance Analysis", USENIX 1996; futex(2), pipe(7).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"

enum { KIB = 1024, MIB = 1024 * KIB, LINE = 64, READ = 0, WRITE = 1 };

enum how { BY_FUTEX, BY_PIPE, ALONE };

// One place a worker waits at, on a cache line of its own.
struct place {
	_Alignas(128) _Atomic uint32_t here; // the token
	int pipe[2];
};

static void touch(struct worker *w)
{
	volatile char *bytes = w->own;
	for (size_t i = 0; i < w->c->bytes; i += LINE)
		bytes[i]++;
}

static int pass_on(struct place *to, enum how how)
{
	if (how == BY_PIPE)
		return write(to->pipe[WRITE], "", 1) == 1 ? 0 : -errno;
	// release: what this worker did is before the token's arrival
	atomic_store_explicit(&to->here, 1, memory_order_release);
	return syscall(SYS_futex, &to->here, FUTEX_WAKE, 1, NULL, NULL, 0) == -1
		       ? -errno
		       : 0;
}

static int await_token(struct place *at, enum how how)
{
	char byte;
	if (how == BY_PIPE)
		return read(at->pipe[READ], &byte, 1) == 1 ? 0 : -EPIPE;
	while (!atomic_load_explicit(&at->here, memory_order_acquire))
		syscall(SYS_futex, &at->here, FUTEX_WAIT, 0, NULL, NULL, 0);
	atomic_store_explicit(&at->here, 0, memory_order_relaxed);
	return 0;
}

// One lap as this worker sees it. Worker 0 sends the token off.
static inline int lap(struct worker *w, enum how how)
{
	struct place *ring = w->shared, *mine = &ring[w->index],
		     *next = &ring[(w->index + 1) % w->c->subject->workers];
	int error;

	if (how == ALONE) {
		touch(w);
		return 0;
	}
	if (w->index == 0) {
		touch(w);
		error = pass_on(next, how);
		return error ?: await_token(mine, how);
	}
	error = await_token(mine, how);
	touch(w);
	return error ?: pass_on(next, how);
}

static int work(struct worker *w, long ops)
{
	enum how how = w->c->subject->number;
	int error = 0;
	for (long i = 0; i < ops && !error; i++)
		error = lap(w, how);
	return error;
}

static int stamp(struct worker *w, long ops, int64_t *stamps)
{
	enum how how = w->c->subject->number;
	int error = 0;
	for (long i = 0; i < ops && !error; i++) {
		error = lap(w, how);
		stamps[i] = now_ns();
	}
	return error;
}

// Every worker holds every pipe of a ring of processes open: harmless, since
// nobody waits for an end of file here.
static int open_ring(struct worker *w)
{
	int workers = w->c->subject->workers;
	struct place *ring = mmap(NULL, workers * sizeof *ring,
				  PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED)
		return -errno;
	for (int i = 0; i < workers; i++)
		if (w->c->subject->number == BY_PIPE &&
		    pipe2(ring[i].pipe, O_CLOEXEC) == -1)
			return -errno;
	w->shared = ring;
	return 0;
}

static int enter(struct worker *w)
{
	void *own;
	int error = posix_memalign(&own, 4096, w->c->bytes + 1);
	if (error)
		return -error;
	memset(own, 0, w->c->bytes + 1);
	w->own = own;
	return 0;
}

// --- the table: processes and threads, futex and pipe, rings of 2 to 64 ------

static const int rings[] = { 2, 4, 8, 16, 32, 64 };
enum { RINGS = sizeof rings / sizeof *rings, RING_SUBJECTS = 2 * 2 * RINGS };

static struct subject table
	[RING_SUBJECTS +
	 1] = { [RING_SUBJECTS] = {
			.name = "touch",
			.title = "a working set touched by one process alone",
			.sizes = { 4 * KIB, 64 * KIB, 256 * KIB, MIB },
			.size_count = 4,
			.placements = 1 << SAME_CPU,
			.workers = 1,
			.hops = 1,
			.limit_bytes = SIZE_MAX,
			.number = ALONE,
		} };

static void fill(struct subject *s, bool threads, enum how how, int workers)
{
	static char titles[RING_SUBJECTS][80];
	char *title = titles[s - table];

	snprintf(title, sizeof titles[0], "one of %d %s to the next, by %s",
		 workers, threads ? "threads" : "processes",
		 how == BY_PIPE ? "pipe" : "futex");
	*s = (struct subject){
		.title = title,
		.sizes = { 0, 4 * KIB, 64 * KIB, 256 * KIB, MIB },
		.size_count = 5,
		.placements = ~0u,
		.workers = workers,
		.threads = threads,
		.hops = workers,
		.limit_bytes = SIZE_MAX,
		.floor = "floor/handoff/64B",
		.floor_share = 0.5,
		.number = how,
	};
	snprintf(s->name, sizeof s->name, "%s-%s-%d",
		 threads ? "thread" : "process",
		 how == BY_PIPE ? "pipe" : "futex", workers);
	if (workers == 2)
		s->usual = 1 << SAME_CPU |
			   (how == BY_FUTEX && !threads ? 1 << CROSS_CORE : 0);
	if (workers == 16 && how == BY_FUTEX) {
		s->usual = 1 << SAME_CPU;
		s->usual_bytes = 64 * KIB;
	}
}

static const struct subject *subjects(size_t *count)
{
	*count = RING_SUBJECTS + 1;
	for (int i = 0; i < RING_SUBJECTS && !table[i].title; i++)
		fill(&table[i], i / RINGS & 1, i / RINGS / 2, rings[i % RINGS]);
	return table;
}

static const struct family family_switch = {
	.name = "switch",
	.title = "one hand-over to the next of the ring",
	.subjects = subjects,
	.open = open_ring,
	.enter = enter,
	.work = work,
	.stamp = stamp,
};
BENCH_FAMILY(family_switch)

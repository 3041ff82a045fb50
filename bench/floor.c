// # The floor: what nothing can be cheaper than
//
// A figure means more beside the least that the machine needs for the same
// thing. For one process that is a function call, a look at the clock and the
// cheapest system call; for bytes, a copy in memory; for two processes, the
// cheapest way to hand over from one to the other:
//
//   same-cpu    the other cannot run before the kernel has switched to it, so
//               the floor is one futex(2) wake and one futex wait a direction
//   elsewhere   both run all the time and look at one cache line, which the
//               hardware moves to and fro; the kernel has no part in it
//
// `handoff` does that and copies the payload into shared memory, once a
// direction. Every IPC round trip is compared with it, at its size and
// placement. These are floors of waiting and copying, not of elegance: the
// second burns both CPUs while it waits.
//
// Sources: futex(2); Larry McVoy and Carl Staelin, "lmbench: Portable Tools
// for Performance Analysis", USENIX 1996 (getppid as the null system call).

#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"

enum {
	HERE = 1 << SAME_CPU,
	APART = 1 << SMT | 1 << CROSS_CORE | 1 << CROSS_SOCKET,
	KIB = 1024,
	MIB = 1024 * KIB
};

// --- one process ---------------------------------------------------------------

// The asm tells the compiler that the function may do anything, so that the
// call stays a call.
__attribute__((noinline)) static void callee(void)
{
	__asm__ volatile("" ::: "memory");
}

static void call(struct worker *w)
{
	(void)w;
	callee();
}

static void read_clock(struct worker *w)
{
	(void)w;
	now_ns();
}

// By number: glibc could remember the answer of a wrapper.
static void system_call(struct worker *w)
{
	(void)w;
	syscall(SYS_getppid);
}

static void copy(struct worker *w)
{
	char *bytes = w->own;
	memcpy(bytes, bytes + w->c->bytes, w->c->bytes);
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

// --- two processes -----------------------------------------------------------

// Whose turn it is, on a cache line of its own; behind it the payload.
struct board {
	_Alignas(128) _Atomic uint32_t turn;
	_Alignas(128) char payload[];
};

// acquire pairs with the other side's release: the payload is there before the
// turn is ours.
static void spin_until(_Atomic uint32_t *turn, uint32_t mine)
{
	while (atomic_load_explicit(turn, memory_order_acquire) != mine)
#if defined(__x86_64__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ volatile("yield");
#else
		;
#endif
}

static void sleep_until(_Atomic uint32_t *turn, uint32_t mine)
{
	uint32_t seen;
	while ((seen = atomic_load_explicit(turn, memory_order_acquire)) !=
	       mine)
		syscall(SYS_futex, turn, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static void give(struct worker *w, struct board *board, uint32_t to)
{
	if (w->c->bytes)
		memcpy(board->payload, w->own, w->c->bytes);
	atomic_store_explicit(&board->turn, to, memory_order_release);
	if (w->c->placement == SAME_CPU)
		syscall(SYS_futex, &board->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void handoff(struct worker *w)
{
	struct board *board = w->shared;
	uint32_t mine = w->index, other = 1 - mine;

	if (mine == 0)
		give(w, board, other);
	if (w->c->placement == SAME_CPU)
		sleep_until(&board->turn, mine);
	else
		spin_until(&board->turn, mine);
	if (mine == 1)
		give(w, board, other);
}

// --- the table ---------------------------------------------------------------

struct floor {
	void (*once)(struct worker *w);
	int (*work)(struct worker *w, long ops);
	int (*stamp)(struct worker *w, long ops, int64_t *stamps);
};

// One loop for each, so that no call through a pointer is timed with it.
#define FLOOR(once)                                                         \
	static int once##_work(struct worker *w, long ops)                  \
	{                                                                   \
		for (long i = 0; i < ops; i++)                              \
			once(w);                                            \
		return 0;                                                   \
	}                                                                   \
	static int once##_stamp(struct worker *w, long ops, int64_t *stamps) \
	{                                                                   \
		for (long i = 0; i < ops; i++) {                            \
			once(w);                                            \
			stamps[i] = now_ns();                               \
		}                                                           \
		return 0;                                                   \
	}                                                                   \
	static const struct floor floor_##once = { once, once##_work,       \
						   once##_stamp };
FLOOR(call)
FLOOR(read_clock)
FLOOR(system_call)
FLOOR(copy)
FLOOR(handoff)

#define COMMON .limit_bytes = SIZE_MAX, .hops = 1
#define COPIES { 64, KIB, 4 * KIB, 64 * KIB, MIB }, .size_count = 5

static const struct subject subjects_[] = {
	{ .name = "call", .title = "a function call and its return",
	  .sizes = { 0 }, .size_count = 1, .placements = HERE, .usual = HERE,
	  .workers = 1, .data = &floor_call, COMMON },
	{ .name = "clock", .title = "clock_gettime(2) through the vDSO",
	  .sizes = { 0 }, .size_count = 1, .placements = HERE, .usual = HERE,
	  .workers = 1, .data = &floor_read_clock, COMMON },
	{ .name = "syscall", .title = "getppid(2), the cheapest system call",
	  .sizes = { 0 }, .size_count = 1, .placements = HERE, .usual = HERE,
	  .workers = 1, .data = &floor_system_call, COMMON },
	{ .name = "memcpy", .title = "a copy in memory, in cache if it fits",
	  .sizes = COPIES, .usual_bytes = 64 * KIB, .placements = HERE,
	  .usual = HERE, .workers = 1, .bandwidth = true,
	  .data = &floor_copy, COMMON },
	{ .name = "handoff",
	  .title = "to the other and back: futex on one CPU, else a cache line",
	  .sizes = COPIES, .usual_bytes = 64, .placements = HERE | APART,
	  .usual = HERE | 1 << CROSS_CORE, .workers = 2, .spins = true,
	  .data = &floor_handoff, COMMON },
};

static const struct subject *subjects(size_t *count)
{
	*count = sizeof subjects_ / sizeof *subjects_;
	return subjects_;
}

static int open_floor(struct worker *w)
{
	w->shared = mmap(NULL, sizeof(struct board) + w->c->bytes,
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			 0);
	return w->shared == MAP_FAILED ? -errno : 0;
}

static int enter(struct worker *w)
{
	void *own;
	int error = posix_memalign(&own, 4096, 2 * w->c->bytes + 1);
	if (error)
		return -error;
	memset(own, 1, 2 * w->c->bytes + 1);
	w->own = own;
	return 0;
}

static int work(struct worker *w, long ops)
{
	const struct floor *floor = w->c->subject->data;
	return floor->work(w, ops);
}

static int stamp(struct worker *w, long ops, int64_t *stamps)
{
	const struct floor *floor = w->c->subject->data;
	return floor->stamp(w, ops, stamps);
}

static const struct family family_floor = {
	.name = "floor",
	.title = "one operation",
	.subjects = subjects,
	.open = open_floor,
	.enter = enter,
	.work = work,
	.stamp = stamp,
};
BENCH_FAMILY(family_floor)

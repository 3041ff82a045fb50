// # Chain: a priority is lent on
//
// H waits for M, who has what H wants; and M waits for L. It is no use to lend
// H's priority to M, who does not run. The kernel follows the chain: to the
// holder of the lock, to the lock that one waits for, and on to its holder, up
// to the end (rt_mutex_adjust_prio_chain in the kernel's
// kernel/locking/rtmutex.c; a chain of more than 1024, or one that comes back to
// its beginning, is an error: EDEADLK).

#define _GNU_SOURCE
#include <string.h>

#include "lab.h"
#include "sched/inversion/inversion.h"

enum { URGENT, CROWD, MIDDLE, LOW, OUTER = 0, INNER = 1 };

static const struct step low[] = {
	{ LOCK, INNER },   { LOOK, 0 },
	{ COMPUTE, 2 },    { WAKE, MIDDLE }, { LOOK, 0 },
	{ COMPUTE, 2 },    { WAKE, URGENT }, { LOOK, 0 },
	{ COMPUTE, 2 },    { WAKE, CROWD },
	{ COMPUTE, 2 },    { UNLOCK, INNER }, { LOOK, 0 },
	{ COMPUTE, 2 },    { END, 0 },
};
static const struct step middle[] = {
	{ COMPUTE, 1 }, { LOCK, OUTER },   { COMPUTE, 1 }, { LOCK, INNER },
	{ COMPUTE, 2 }, { UNLOCK, INNER },
	{ COMPUTE, 1 }, { UNLOCK, OUTER }, { COMPUTE, 1 }, { END, 0 },
};
static const struct step crowd[] = { { COMPUTE, 6 }, { END, 0 } };
static const struct step urgent[] = {
	{ COMPUTE, 1 }, { LOCK, OUTER },
	{ COMPUTE, 1 }, { UNLOCK, OUTER },
	{ COMPUTE, 1 }, { END, 0 },
};

// X is more urgent than M and L, and wants no lock.
static const struct play four = {
	.count = 4,
	.parts = {
		[URGENT] = { "H", 4, urgent },
		[CROWD] = { "X", 3, crowd },
		[MIDDLE] = { "M", 2, middle },
		[LOW] = { "L", 1, low },
	},
};

void chain(void)
{
	struct performance p = perform(&four, INHERITANCE);
	const struct account *l = &p.accounts[LOW];
	char order[ORDER_BYTES];

	show_performance(&four, &p);
	order_of(order, &four, p.slices, p.slice_count);
	claim(!strcmp(order, "L M L H L M H X M L"), "they ran in the order %s",
	      order);
	claim(l->look_count == 4 && l->looks[0].now == 1 &&
		      l->looks[1].now == 2,
	      "L has 1; when M waits for L, the kernel runs L with M's 2");
	claim(l->looks[2].now == 4,
	      "H waits for M, who waits for L: now L has H's priority, 4");
	claim(ran_ns(&p, CROWD, 0, p.accounts[URGENT].ended_ns) == 0,
	      "X, more urgent than M and L, does not run before H is done");
	claim(l->looks[3].now == 1, "without the lock, L has 1 again");
	performance_free(&p);
}

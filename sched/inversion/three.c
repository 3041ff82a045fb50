// # Three threads and a lock
//
// H is urgent, M less so, L least. L and H share a lock, for they share some
// data; M has nothing to do with either. L takes the lock and is in the middle
// of its work with it when H comes and wants it; a little later M comes.
//
// H has to wait until L gives the lock back: nothing can be done about that,
// short of taking the data away in mid-change. The question is for what else it
// waits.

#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "lab.h"
#include "sched/inversion/inversion.h"

static const struct step low[] = {
	{ COMPUTE, 2 }, { LOCK, 0 },   { LOOK, 0 },
	{ COMPUTE, 2 }, { WAKE, H },   { LOOK, 0 },
	{ COMPUTE, 2 }, { WAKE, M },
	{ COMPUTE, 4 }, { UNLOCK, 0 }, { LOOK, 0 },
	{ COMPUTE, 2 }, { END, 0 },
};
static const struct step middle[] = { { COMPUTE, 8 }, { END, 0 } };
static const struct step high[] = {
	{ COMPUTE, 1 }, { LOCK, 0 },
	{ COMPUTE, 2 }, { UNLOCK, 0 },
	{ COMPUTE, 1 }, { END, 0 },
};

const struct play three = {
	.count = 3,
	.parts = {
		[H] = { "H", 3, high },
		[M] = { "M", 2, middle },
		[L] = { "L", 1, low },
	},
};

// ## What is the same in all three scenes

static double ms(int64_t ns)
{
	return (double)ns / MS;
}

static void claim_order(const struct performance *p, const char *expected)
{
	char order[ORDER_BYTES];

	order_of(order, &three, p->slices, p->slice_count);
	claim(!strcmp(order, expected), "they ran in the order %s", order);
}

static void say_blocking(const struct performance *p)
{
	const struct account *h = &p->accounts[H];
	int64_t from = h->holds[0].wanted_ns, to = h->holds[0].got_ns;

	say("H took %.2f ms to get the lock: L ran %.2f of them, M %.2f",
	    ms(to - from), ms(ran_ns(p, L, from, to)),
	    ms(ran_ns(p, M, from, to)));
	say("H was done %.2f ms after it was woken",
	    ms(h->ended_ns - h->woken_ns));
}

// L's priority: the one the kernel goes by, and the one it was given.
static bool looks_are(const struct performance *p, int which, int now, int own)
{
	const struct account *l = &p->accounts[L];

	return l->look_count > which && l->looks[which].now == now &&
	       l->looks[which].own == own;
}

// Each after the one before.
static bool ended_in_order(const struct performance *p, int a, int b, int c)
{
	return p->accounts[a].ended_ns < p->accounts[b].ended_ns &&
	       p->accounts[b].ended_ns < p->accounts[c].ended_ns;
}

// ## Inversion
//
// M is more urgent than L, so it runs first. L, preempted, cannot give the lock
// back; H, who waits for that, waits for M. Seen from outside, M has overtaken
// H: their priorities are inverted. And there is no bound to it: any number of
// threads like M may come, and come again.
//
// It was known from Mesa (Lampson & Redell, 1980), and it was met on Mars: in
// 1997 the Pathfinder lander reset itself again and again, because an urgent
// task was not done in time. It waited for a lock of a much less urgent one,
// which others kept from running that had nothing to do with it (Reeves, 1997).

void inversion(void)
{
	struct performance p = perform(&three, NO_PROTOCOL);
	const struct account *h = &p.accounts[H], *m = &p.accounts[M];

	show_performance(&three, &p);
	claim_order(&p, "L H L M L H L");
	claim(h->holds[0].wanted_ns < m->woken_ns &&
		      m->ended_ns < h->holds[0].got_ns,
	      "M came after H wanted the lock, and was done before H got it");
	claim(ended_in_order(&p, M, H, L),
	      "M overtook H, though H is more urgent and M wants no lock");
	claim(looks_are(&p, 0, 1, 1) && looks_are(&p, 1, 1, 1),
	      "H waits, and L keeps its priority all the time: 1");
	say_blocking(&p);
	performance_free(&p);
}

// ## Inheritance
//
// Who holds a lock that somebody more urgent waits for has that one's priority
// until it gives the lock back. So M cannot come between: L runs as if it were
// H, for it is H's work now. H still waits for L, but no longer than L's critical
// section takes, and that bound can be known. On Pathfinder, switching this on
// (it was an option of each VxWorks mutex) was the repair, sent to Mars.
//
// In Linux the lock is a futex of a special kind. Free, it is taken without a
// system call, by writing one's thread ID into it. Who finds another's ID there
// calls FUTEX_LOCK_PI; so the kernel knows who waits for whom, and lends the
// priority (futex(2), "Priority-inheritance futexes"). The holder sees nothing
// of it: sched_getparam(2) still tells what it was given. Only real-time
// (and deadline) priorities are lent; nice values are not.

void inheritance(void)
{
	struct performance p = perform(&three, INHERITANCE);
	const struct account *h = &p.accounts[H], *m = &p.accounts[M];

	show_performance(&three, &p);
	claim_order(&p, "L H L H M L");
	claim(looks_are(&p, 0, 1, 1),
	      "L has the lock, nobody wants it: its priority is 1, as given");
	claim(looks_are(&p, 1, 3, 1),
	      "H waits: L runs with 3, though sched_getparam still says 1");
	claim(looks_are(&p, 2, 1, 1), "L gave it back: 1 again");
	claim(m->woken_ns < h->holds[0].got_ns &&
		      ran_ns(&p, M, m->woken_ns, h->ended_ns) == 0,
	      "M came while L had the lock, and did not run before H was done");
	claim(ended_in_order(&p, H, M, L),
	      "they are done in the order of their urgency: H, M, L");
	say_blocking(&p);
	performance_free(&p);
}

// ## Ceiling
//
// The lock itself has a priority: that of the most urgent thread that ever takes
// it, here H's. Who takes it has this priority at once, whether or not anybody
// waits. So while L has the lock neither H nor M gets the CPU; and when H gets
// it, the lock is free. H waits *before* it has begun, once, instead of in the
// middle, and needs fewer switches. (Sha, Rajkumar & Lehoczky's protocol is
// finer: it also looks at the ceilings of the locks that others hold. This
// simpler one, with the same bound, is POSIX's PTHREAD_PRIO_PROTECT.) With
// several locks it excludes deadlock, too: who could take a second one that
// somebody holds does not run.
//
// The kernel knows nothing of it. glibc changes the thread's priority by
// sched_setscheduler(2), up and down again, in each critical section of a thread
// below the ceiling, whether or not anybody wants the lock: that is the price.

void ceiling(void)
{
	struct performance p = perform(&three, CEILING);
	const struct account *h = &p.accounts[H], *l = &p.accounts[L];

	show_performance(&three, &p);
	claim_order(&p, "L H M L");
	claim(looks_are(&p, 0, 3, 3),
	      "L has the lock, nobody wants it, and its priority is 3");
	claim(h->woken_ns < l->holds[0].freed_ns &&
		      ran_ns(&p, H, 0, l->holds[0].freed_ns) == 0,
	      "H is ready, but does not run before L has given the lock back");
	claim(h->holds[0].slept == 0, "so it finds the lock free: no waiting");
	claim(looks_are(&p, 2, 1, 1), "L, without the lock, has 1 again");
	claim(ended_in_order(&p, H, M, L),
	      "they are done in the order of their urgency: H, M, L");
	say_blocking(&p);
	performance_free(&p);
}

// # Locks by instructions that read and write
//
// With an instruction that looks and takes in one, exclusion is a matter of two
// lines, for any number of processes. All that is left is who waits how.

#define _GNU_SOURCE
#include <stdlib.h>

#include "lab.h"
#include "weave.h"

enum { EXCLUSION, COUNT, PROGRESS, ORDER };

static void drop(struct weave *weave)
{
	weave_free(weave);
	free(weave);
}

static void judge(const char *name, const char *how)
{
	struct weave *weave = scene_weave(name);

	say("%s: %zu states", how, weave->all.count);
	claim(scene_holds(weave, EXCLUSION), "%s: never two are in", how);
	claim(scene_holds(weave, COUNT), "%s: no addition is lost", how);
	claim(scene_holds(weave, PROGRESS), "%s: no state is a dead end", how);
	drop(weave);
}

// ## A mutex (뮤텍스)
//
// xchg puts a 1 into the lock and brings back what was there. A 0: it was free,
// and is ours; a 1: it was taken, and is still. `lock cmpxchg` does the same
// and writes only if it finds the 0. Who waits spins, any number of times, and
// yet comes back to states that were there before: their number is small.

void scene_mutex(void)
{
	judge("xchg", "xchg");
	judge("cmpxchg", "cmpxchg");
	judge("xchg3", "xchg, three processes");
}

// ## Tickets
//
// A test-and-set lock goes to whoever is there when it becomes free: somebody
// may be passed by for ever, and no check of ours forbids it. A ticket lock
// serves in the order of the numbers drawn.

void scene_ticket(void)
{
	judge("ticket", "tickets");
	judge("ticket3", "tickets, three processes");

	struct weave *weave = scene_weave("ticket3");
	claim(scene_holds(weave, ORDER),
	      "nobody is in whose number is higher than that of one who "
	      "waits");
	drop(weave);
}

// ## A semaphore (세마포어) with busy waiting (바쁜 대기)
//
// P: while s is 0, look again; then take 1 off. V: add 1. So the lecture notes
// have it, and it is right if the look and the taking are one. As two, however
// well each is locked, there is room between them: three pass where s said two,
// and s becomes negative.

enum { AT_MOST_TWO, NOT_NEGATIVE, RESTORED, SEMAPHORE_PROGRESS };

void scene_semaphore(void)
{
	struct weave *weave = scene_weave("semagap");

	say("s = 2, three processes; a look, then a locked subtraction:");
	scene_witness(weave, AT_MOST_TWO);
	claim(!scene_holds(weave, AT_MOST_TWO), "three are in at once");
	claim(!scene_holds(weave, NOT_NEGATIVE), "and s is negative");
	drop(weave);

	weave = scene_weave("semaphore");
	say("both in one, by lock cmpxchg: %zu states", weave->all.count);
	claim(scene_holds(weave, AT_MOST_TWO) &&
		      scene_holds(weave, NOT_NEGATIVE),
	      "never more than two are in, and s is never below 0");
	claim(scene_holds(weave, RESTORED) &&
		      scene_holds(weave, SEMAPHORE_PROGRESS),
	      "all get through, and s is 2 again");
	drop(weave);
}

// ## A deadly embrace
//
// Two correct locks, p and q. A takes p, then q; B takes q, then p. In between
// each holds what the other wants. No lock is to blame: that needs an order in
// which all take them (sync/philosophers).

void scene_embrace(void)
{
	struct weave *weave = scene_weave("embrace");

	scene_witness(weave, 1);
	claim(scene_holds(weave, 0), "never both are in");
	claim(!scene_holds(weave, 1), "but both may wait, for ever");
	drop(weave);
}

// # Mutual exclusion by loads and stores
//
// How do two keep out of the same section at the same time, if all they can do
// is load and store a word? The obvious ways are wrong, each in its own manner.
// T. J. Dekker found the first that is right; G. L. Peterson's is the shortest.
//
// "Never" and "always" are claims about all orders, of which there is no end
// here, since who waits may look any number of times. But there are few states.

#define _GNU_SOURCE
#include <stdlib.h>

#include "lab.h"
#include "weave.h"

enum { EXCLUSION, COUNT, PROGRESS };

static void drop(struct weave *weave)
{
	weave_free(weave);
	free(weave);
}

// ## Look, then set
//
// The lock is free, so take it. Between the look and the taking there is room
// for another one's look: both find it free.

void scene_flag(void)
{
	struct weave *weave = scene_weave("flag");

	scene_show(put_program, weave);
	say("%zu states; the shortest way to both of them `in`:",
	    weave->all.count);
	scene_witness(weave, EXCLUSION);
	claim(!scene_holds(weave, EXCLUSION), "both are in at once");
	claim(!scene_holds(weave, COUNT), "and an addition can be lost");
	drop(weave);
}

// ## Set, then look
//
// First say that you want in, then look whether the other does. Now never both
// are in: who looks last sees the other's flag. But if both have set theirs
// before either looks, each waits for the other. They are not asleep, they look
// again and again: a deadlock that takes all the CPU there is.

void scene_polite(void)
{
	struct weave *weave = scene_weave("polite");

	say("the shortest way to a state that nobody gets out of:");
	scene_witness(weave, PROGRESS);
	claim(scene_holds(weave, EXCLUSION), "in no state are both in");
	claim(!scene_holds(weave, PROGRESS),
	      "but there is a state from which nobody ever gets in");
	drop(weave);
}

// ## Peterson's
//
// Both: say that you want in, then leave the first turn to the other; and wait
// only as long as the other wants in and it is its turn. The word that both
// write can only hold one value: it decides.

void scene_peterson(void)
{
	struct weave *weave = scene_weave("peterson");

	scene_show(put_program, weave);
	say("%zu states, and every step that leads from them",
	    weave->all.count);
	claim(scene_holds(weave, EXCLUSION), "in no state are both in");
	claim(scene_holds(weave, COUNT), "every end has both additions");
	claim(scene_holds(weave, PROGRESS),
	      "from every state there is a way to the end");
	drop(weave);
}

// ## What a store buffer does to it
//
// All of that is true of single steps, where each store is in memory before the
// next instruction begins. On a CPU a store goes into a buffer first, and the
// load that follows it is done while it waits there: to the other CPU it looks
// as if the load had come first. So we write it that way, and step again.
//
// That is why Peterson's algorithm, proved right, fails on every x86 without a
// fence (mfence, or xchg for a store) between its stores and its load. The CPU
// really doing so is in sync/litmus.

void scene_overtake(void)
{
	struct weave *weave = scene_weave("overtake");

	say("each loads the other's flag before it sets its own:");
	scene_witness(weave, EXCLUSION);
	claim(!scene_holds(weave, EXCLUSION),
	      "a load that overtakes a store breaks Peterson's algorithm");
	drop(weave);
}

// ## Dekker's
//
// As the polite ones, but who sees the other's flag and has not the turn takes
// back its own for a while. More states, the same verdict.

void scene_dekker(void)
{
	struct weave *weave = scene_weave("dekker");

	say("%zu states", weave->all.count);
	claim(scene_holds(weave, EXCLUSION) && scene_holds(weave, COUNT),
	      "never both are in, and no addition is lost");
	claim(scene_holds(weave, PROGRESS),
	      "from every state there is a way to the end");
	drop(weave);
}

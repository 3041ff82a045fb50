// # Philosophers: deadlock, and what helps
//
// Chapter 12 · Synchronisation (동기화)
//
// Five philosophers, five forks, and each eats with two. When all have taken the
// one on their left, each waits for the one on his right, for ever. It is the
// smallest story of what happens where locks are held while others are waited
// for, and each cure of it is one that real systems use.
//
//     $ build/sync/philosophers              every scene
//     $ build/sync/philosophers deadlock     one of them
//     $ build/sync/philosophers dine --philosophers=9 --manner=waiter
//
//     deadlock · each has one fork, and waits for ever
//        13.61 ms  main     the graph has a ring:
//         P0 -- fork 1 -> P1 -- fork 2 -> P2
//         ^                               |
//       fork 0                          fork 3
//         |                               v
//         P4 <--------- fork 4 ---------- P3
//                  ✓ a ring of all 5, and just one of them found it closed
//        13.76 ms  main     P0 is thread 29263: S, in futex(2), for fork 1
//
//     ordered · cured: the lower number first
//     P0  ▋                                            404, overtaken 529
//     P1  ██▋                                        1761, overtaken 1933
//     P2  ███████████████████                        12923, overtaken 948
//     P3  ██████████████████████████████████████████  36612, overtaken 33
//     P4  ▎                                          200, overtaken 28428
//                  ✓ ordered: no ring was ever closed
//
// The meals of each are the other half of the story: a cure that nobody can be
// caught in need not be fair. A mutex is given to whoever comes first when it is
// free, and that is often the one who has just put it down. "Overtaken" is how
// often a neighbour began to eat while one was hungry, at most.
//
// Read in this order: graph.h (arrows that never lie), deadlock.c, conditions.c,
// kernel.c, victim.c, cures.c with manners.c, backoff.c, hygienic.c; table.c is
// the furniture.
//
// Try: in manners.c let P0 be the one who takes his right fork first, and all
// others their left: is that an order, too? Then give `waiter` n - 2 seats: who
// is better off? In cures.c, put a nanosleep into what they do between meals
// (table.c, play_dinner): how fair is each now?
//
// Read next: sync/robust (why a fork comes back from the dead), ipc/file, scene
// `deadlock` (the kernel as the one who refuses), sync/lock (queues that are
// fair).
// Sources: Dijkstra, EWD310 (1971); Coffman, Elphick & Shoshani, "System
// Deadlocks", ACM Computing Surveys 3 (1971); Holt, the same journal 4 (1972);
// Havender, IBM Systems Journal 7 (1968); Chandy & Misra, "The Drinking
// Philosophers Problem", ACM TOPLAS 6 (1984); futex(2), proc(5),
// pthread_mutex_lock(3p).

#define _GNU_SOURCE
#include "lab.h"
#include "scenes.h"

static const struct scene scenes[] = {
	{ "deadlock",   "each has one fork, and waits for ever", scene_deadlock },
	{ "conditions", "four conditions, looked at",       scene_conditions },
	{ "kernel",     "the kernel's own graph",           scene_kernel },
	{ "victim",     "broken: one dies",                 scene_victim },
	{ "refusal",    "broken: who closes it is refused", scene_refusal },
	{ "ordered",    "cured: the lower number first",    scene_ordered },
	{ "waiter",     "cured: one seat fewer",            scene_waiter },
	{ "livelock",   "busy for ever, in phase",          scene_livelock },
	{ "backoff",    "cured: out of phase, by lot",      scene_backoff },
	{ "hygienic",   "cured: nobody is overtaken twice", scene_hygienic },
	{ 0 }
};

static const struct tool tools[] = {
	{ "dine", "[--philosophers=N] [--manner=NAME] [--meals=N]",
	  "a table of your own, and how fair it is", tool_dine },
	{ 0 }
};

static const struct lab lab = {
	.name = "sync/philosophers",
	.summary = "a deadlock made, found, broken; and ways to have none",
	.chapter = "12 · Synchronisation",
	.scenes = scenes,
	.tools = tools,
};

// ThreadSanitizer looks for deadlocks, too, and at who unlocks what. It is right:
// these threads do what must not be done. The scenes show it, and judge it.
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "detect_deadlocks=0:report_mutex_bugs=0";
}

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

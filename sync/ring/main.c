// # Ring: queues without a lock
//
// Chapter 12 · Synchronisation (동기화)
//
// A lock makes the others wait, and if its holder is taken off the CPU, or dies,
// they wait for that, too. The other way is to prepare a change in private and to
// make it by one exchange of one word, compare-and-swap, that fails if another
// was faster. What can go wrong is that the word is the same and the world is
// not (ABA), and that nobody knows any more when memory may be freed. Two cures:
// tags, for memory that stays; hazard pointers, for memory that does not.
//
//     $ build/sync/ring                  every scene
//     $ build/sync/ring aba tags         the mistake, and a cure
//
//     aba · the same is not unchanged
//         0.40 ms  slow     the top is A, below it B
//         0.45 ms  fast     I took A and B, and put A back; B is mine
//         0.46 ms  slow     is it still A? yes: so the top is B now
//         0.53 ms  fast     the next one gets B
//                  ✓ the exchange finds A, as before, and sees no change
//                  ✓ B is in 2 hands
//
//     price · one to sixteen threads
//     ns a pair: median of 5 (least-most)
//     threads          1             2             4             8            16
//     mutex    32 (18-34)    32 (19-62)   33 (20-147)    40 (22-81)    50 (27-61)
//     ring     11 (10-15)   13 (10-127)    15 (11-62)   15 (13-131)    21 (18-23)
//     list     61 (36-64)   50 (37-442)    39 (35-93)   41 (38-110)   85 (42-111)
//
// (Two CPUs.) Without a lock is not the same as fast: the list makes and frees a
// node each time and says what it reads by an exchange of its own; what it buys
// is that nobody can stop the others (scene `stopped`).
//
// Read in this order: sync/lockfree/slots.h and aba.c, sync/lockfree/hazard.h and
// freed.c, sync/lockfree/queue.h, sync/lockfree/ring.h, stopped.c, price.c.
//
// Try: in aba.c let fast put back B, and not A: who notices? In sync/lockfree/
// slots.h make the tag 4 bits wide and let fast take and put back A until it comes
// round. In queue.c of sync/lockfree leave out hazard_set of 1, and build with
// SAN=address: how long does it take to be found by chance, and how does the
// suite `ring` find it?
//
// Read next: ipc/shm, scenes `ring` to `real` (one producer and one consumer need
// no compare-and-swap at all), sync/litmus (why the orders are named), sync/lock
// (if you have to wait, wait well).
// Sources: Treiber, IBM RJ 5118 (1986); Michael & Scott, PODC 1996; Michael, IEEE
// TPDS 15 (2004); Vyukov, "Bounded MPMC queue", 1024cores.net (2010); Herlihy,
// "Wait-Free Synchronization", ACM TOPLAS 13 (1991); pthread_mutex_lock(3p),
// mprotect(2).

#define _GNU_SOURCE
#include "lab.h"
#include "scenes.h"

static const struct scene scenes[] = {
	{ "aba",     "the same is not unchanged",       scene_aba },
	{ "tags",    "cured: a tag that only grows",    scene_tags },
	{ "freed",   "what is below a node that is gone?", scene_freed },
	{ "hazard",  "cured: say what you read",        scene_hazard },
	{ "once",    "three queues: each value once",   scene_once },
	{ "stopped", "a thread stops in the middle",    scene_stopped },
	{ "price",   "one to sixteen threads",          scene_price },
	{ 0 }
};

static const struct lab lab = {
	.name = "sync/ring",
	.summary = "queues without a lock: ABA forced, tags, hazard pointers",
	.chapter = "12 · Synchronisation",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// # Readers and writers: who is next
//
// Chapter 12 · Synchronisation (동기화)
//
// Threads that only read do not disturb each other: any number of them may be in
// the critical section (임계구역), or one that writes. The lock for that is easy.
// Its hard question is who is next: with readers first a writer may wait for
// ever, with writers first a reader. Both are made to happen here, and then the
// same crowd meets a lock that takes turns.
//
//     $ build/sync/readers              every scene
//     $ build/sync/readers fair         one of them
//
//     writers · readers first: a writer starves
//         0.30 ms  main     two readers that overlap, and a writer that waits (w):
//     reader A  wRRR··wRRRRRRwRRRRRRRRRRRRRRRRRRRwRRRRRRRRRRRRRRRRRRRwRRRRRR··
//     reader B  ·wRRRRRRRwRRRRRRRRRRRRRRRRRRRwRRRRRRRRwRRRRRRRRRRRRRRRRRRRR···
//     writer    ·wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwWW
//                  ✓ readers first: 10 went in while the writer waited
//
//     seqlock · a number that tells what was torn
//         0.34 ms  main     a writer came in between: 12, 13; the number 4, now 6
//                  ✓ what was read is torn, and the number has changed
//
// Try: in turns.c let a third reader into the crowd of `fair`. How many phases
// does the writer wait now? Play `writers` with pthread_rwlock_t: of which kind
// is glibc's (pthread_rwlockattr_setkind_np(3))?
//
// Read next: turns.c, torn.c; sync/lock/rwlock.h and the three files it names;
// sync/lock/seqlock.c.
// Sources: Courtois, Heymans & Parnas, "Concurrent Control with 'Readers' and
// 'Writers'", CACM 14 (1971); Brandenburg & Anderson, "Spin-based reader-writer
// synchronization ...", Real-Time Systems 46 (2010); Boehm, "Can Seqlocks Get
// Along With Programming Language Memory Models?", MSPC 2012.

#define _GNU_SOURCE
#include "lab.h"
#include "scenes.h"

static const struct scene scenes[] = {
	{ "share",   "readers together, a writer alone",     scene_share },
	{ "writers", "readers first: a writer starves",      scene_writers },
	{ "readers", "writers first: a reader starves",      scene_readers },
	{ "fair",    "phases in turn: nobody starves",       scene_fair },
	{ "torn",    "no lock: half of the old, half of the new", scene_torn },
	{ "seqlock", "a number that tells what was torn",    scene_seqlock },
	{ 0 }
};

static const struct lab lab = {
	.name = "sync/readers",
	.summary = "readers and writers: who starves, and who takes turns",
	.chapter = "12 · Synchronisation",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

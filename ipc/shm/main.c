// # Shm: shared memory
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// The kernel puts the same page into two address spaces and has no part in what
// follows: what one process stores, the other loads. The kernel copies nothing
// and is not called. But nobody keeps two from writing at once, or says when
// there is something to read, or even at which address it lies.
//
//     $ build/ipc/shm              every scene
//     $ build/ipc/shm race cures   two of them
//
//     address · one page, many addresses
//         1.24 ms  main     at 0x7ff1b7c45000 here:       frame 0x1dc8b5
//         1.25 ms  main     at 0x7ff1b7c44000 here, too:  frame 0x1dc8b5
//         1.26 ms  main     at 0x7ff1b69a7000 in a child: frame 0x1dc8b5
//                  ✓ three addresses in two processes
//                  ✓ the same frame at all of them
//
//     ring · a queue without a lock, step by step
//         5.13 ms  main     put "four": tail 14 becomes 21
//                 h
//      0  4four···5three>-
//              t
//                  ✓ wrapped: the rest is skipped, the frame begins at cell 0
//
// Read on in this order: objects.c and memfd.c (where the memory comes from),
// address.c (what can be put into it), race.c and robust.c (two at once), ring.c
// and rules.c (how to need no lock), looks.c and lines.c (what makes it fast),
// real.c (ipc/channel/ring.c, the ring in use).
//
// Try: in robust.c, leave out pthread_mutexattr_setrobust. Who waits for whom,
// and what does --timeout=1s say? Then give `race` a fourth cure: a sem_t
// (ipc/semaphore). Then in lines.c let a message take a line, not an eighth of
// one (slots 64 bytes apart): which bars grow, and which difference is left?
//
// Read next: ipc/channel/ring.c, ipc/channel/shm_spin.c, shm_futex.c, shm_sem.c
// and shm_cond.c (a mailbox in shared memory, four ways to wait), ipc/semaphore
// (permission without data).
// Sources: shm_overview(7), memfd_create(2), fcntl(2) (file sealing), unix(7)
// (SCM_RIGHTS), mmap(2), proc(5) (pagemap), pthread_mutexattr_setrobust(3),
// set_robust_list(2), futex(2); Lamport, "Proving the correctness of
// multiprocess programs", IEEE TSE 3 (1977); Lee, Bu, Chandranmenon, "A
// lock-free, cache-efficient shared ring buffer for multi-core architectures",
// ANCS 2009; Drepper, "Futexes Are Tricky" (2011).

#define _GNU_SOURCE
#include "shm.h"

static const struct scene scenes[] = {
	{ "posix",     "an object with a name outlives its maker",  play_posix },
	{ "shrink",    "memfd: a page that is cut off",             play_shrink },
	{ "seals",     "memfd: promises that the kernel enforces",  play_seals },
	{ "anonymous", "shared by fork, or copied on write",        play_anonymous },
	{ "address",   "one page, many addresses",                  play_address },
	{ "pointer",   "a pointer means nothing over there",        play_pointer },
	{ "race",      "two additions, one is lost",                play_race },
	{ "cures",     "three cures",                               play_cures },
	{ "robust",    "the holder of a lock dies",                 play_robust },
	{ "ring",      "a queue without a lock, step by step",      play_ring },
	{ "rules",     "two rules of the ring, broken",             play_rules },
	{ "looks",     "how often a side looks at the other",       play_looks },
	{ "lines",     "why the indices live on their own lines",   play_lines },
	{ "real",      "the ring of ipc/channel",                   play_real },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/shm",
	.summary = "the same pages in several processes: no copy, no order",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

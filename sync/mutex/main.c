// # Mutex: one at a time, and what the others do meanwhile
//
// Chapter 12 · Synchronisation (동기화): 상호배제, 뮤텍스, 바쁜 대기와 대기큐
//
// A mutex lets one thread into a critical section (임계구역) at a time. That
// much every lock does. They differ in what those do that have to wait: burn a
// CPU or sleep, stand in line or push; and from that follows what a lock costs,
// to whom, and what happens when there are more threads than CPUs.
//
//     $ build/sync/mutex              every scene
//     $ build/sync/mutex wrong        one of them
//
//     wrong · a futex mutex that loses a wake-up
//         4.33 ms  main     mutex-wrong: B and C sleep, the word is 2; I unlock
//         4.86 ms  main     B has been in and out; the word is 0
//                  ✓ the lock is free, and C sleeps on
//                  ✓ nobody will wake it: the kernel still has it in its queue
//
// Try: in `fairness`, let each thread do something of its own between two turns
// (a hundred pauses). Who needs fairness then? In `collapse`, set COLLAPSE_TURNS
// to 50 and watch with top how busy a machine can be that does nothing.
//
// Read next: kinds.c, waiting.c, turns.c, crowd.c in this folder; then the locks
// themselves, sync/lock/lock.h and the headers it names. sync/semaphore (more
// than one at a time), sync/robust (an owner that dies).
// Sources: pthread_mutex_lock(3p), futex(2); Mellor-Crummey & Scott 1991,
// Anderson 1990, Drepper 2011 (sync/lock/mcs.h, backoff.h, mutex_right.h).

#include "lab.h"
#include "sync/mutex/scenes.h"

static const struct scene scenes[] = {
	{ "kinds",    "normal, error-checking, recursive",    scene_kinds },
	{ "timed",    "waiting, but not for ever",            scene_timed },
	{ "burn",     "busy waiting burns, sleeping does not", scene_burn },
	{ "order",    "first come, first served, or not",     scene_order },
	{ "wrong",    "a futex mutex that loses a wake-up",   scene_wrong },
	{ "fairness", "who gets how many turns",              scene_fairness },
	{ "convoy",   "one is held up, and all queue behind", scene_convoy },
	{ "collapse", "a fair spinlock on too few CPUs",      scene_collapse },
	{ "crowd",    "from one thread to many",              scene_crowd },
	{ "lines",    "two locks in one cache line",          scene_lines },
	{ 0 }
};

static const struct lab lab = {
	.name = "sync/mutex",
	.summary = "what a lock guarantees, and what waiting for it costs",
	.chapter = "12 · Synchronisation",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

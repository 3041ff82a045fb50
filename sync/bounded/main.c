// # Bounded buffer: producers and consumers
//
// Chapter 12 · Synchronisation (동기화)
//
// Some threads make things, some use them, and between them is a buffer with
// room for a few. A producer must wait while it is full, a consumer while it is
// empty, and nobody may touch it while another does: three conditions to wait
// for, the smallest problem that needs more than mutual exclusion. Two solutions
// are here, and three ways to get them wrong, each forced to fail.
//
//     $ build/sync/bounded              every scene
//     $ build/sync/bounded order        one of them
//
//     semaphores · right: three semaphores
//     4 items  ···█···········█·█·········█·█·········█·█·········█·█·········
//     3 items  ··███·········█████·······█████·······█████·······█████·······█
//     2 items  ·█████·······███████·····███████·····███████·····███████·····██
//     1 items  ███████·█·█·█████████·█·█████████·█·█████████·█·█████████·█·███
//                  ✓ the level was never below 0 or above 4
//
//     order · wrong: P(mutex) before P(empty)
//         3.94 ms  main     who waits for mutex (m), empty (e), full (f):
//     producer  meeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
//     consumer  ····fmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm
//         4.36 ms  main     mutex -1, empty -1, full 0
//                  ✓ each waits for what only the other can give: deadlock
//
// Try: in right.c make the buffer of size 1, and then as large as all that is
// produced: who waits how often? In wrong.c, scene `signal`, wake with
// condition_broadcast(): what do the other sleepers do with that?
//
// Read next: right.c, wrong.c; sync/lock/condition.c; sync/ring (one producer,
// one consumer, no lock); threads/pool (a queue of work).
// Sources: Dijkstra, EWD 123 (1965), "The bounded buffer"; Hoare, "Monitors",
// CACM 17 (1974); Lampson & Redell, "Experience with processes and monitors in
// Mesa", CACM 23 (1980); pthread_cond_signal(3p).

#define _GNU_SOURCE
#include "lab.h"
#include "scenes.h"

static const struct scene scenes[] = {
	{ "semaphores", "right: three semaphores",            scene_semaphores },
	{ "conditions", "right: a mutex and two conditions",  scene_conditions },
	{ "if",         "wrong: `if` where `while` belongs",  scene_if },
	{ "signal",     "wrong: one condition, two kinds of waiters", scene_signal },
	{ "order",      "wrong: P(mutex) before P(empty)",    scene_order },
	{ 0 }
};

static const struct lab lab = {
	.name = "sync/bounded",
	.summary = "producers, consumers and a buffer between, right and wrong",
	.chapter = "12 · Synchronisation",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

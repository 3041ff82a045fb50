// # Barrier: nobody goes on before all have come
//
// Chapter 12 · Synchronisation (동기화)
//
// The lecture notes call synchronisation making tasks agree on when they run
// (실행 시기를 맞추는 것). A barrier does just that and nothing else: work is cut into
// phases, and no thread begins a phase before all have ended the last one. And
// the smallest barrier, `once`: something must be there before anybody uses it.
//
//     $ build/sync/barrier              every scene
//     $ build/sync/barrier reuse        one of them
//
//     phases · with: all in step
//     A  0000000000.....1.....................2.........3.........444444444.5
//     B  ···········0...111111111111111111111.2.........3.........4.........55
//     C  ············00.1.....................222222222.3.........4.........5
//     D  ··············.1.....................2.........333333333.4.........5
//                  ✓ nobody was ever a phase ahead or behind
//
//     reuse · a naive barrier, used twice
//        19.40 ms  main     slow: passed 0, looked 101 times; fast: 1, 102 times
//                  ✓ one waits in the first phase, one in the second
//                  ✓ the count says 1 is missing, and both are here: for ever
//
// Try: give `phases` one thread that is slow in every phase. Who pays? In reuse.c
// let the hands of `naive` be three.
//
// Read next: phases.c, reuse.c; sync/lock/barrier.c, barrier_dissemination.c,
// once.c; threads/pool (work without phases).
// Sources: Mellor-Crummey & Scott, "Algorithms for Scalable Synchronization on
// Shared-Memory Multiprocessors", ACM TOCS 9 (1991); pthread_barrier_wait(3p),
// pthread_once(3p).

#define _GNU_SOURCE
#include "lab.h"
#include "scenes.h"

static const struct scene scenes[] = {
	{ "ahead",  "without: who is fast runs ahead",      scene_ahead },
	{ "phases", "with: all in step",                    scene_phases },
	{ "rumour", "dissemination: who has heard of whom", scene_rumour },
	{ "reuse",  "a naive barrier, used twice",          scene_reuse },
	{ "sense",  "the same with a sense that turns over", scene_sense },
	{ "twice",  "made at first use, and made twice",    scene_twice },
	{ "once",   "made once, whoever comes",             scene_once },
	{ 0 }
};

static const struct lab lab = {
	.name = "sync/barrier",
	.summary = "phases in step, a barrier's trap, and once",
	.chapter = "12 · Synchronisation",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

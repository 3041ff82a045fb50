// # Eras: the same jobs in 1955, 1965, 1975 and now
//
// Chapter 03 · The history of operating systems (운영체제 역사)
//
// The first computers had no operating system: one program, and it had the whole
// machine. What came then was always the answer to one question: who has the CPU
// next? Here four answers rule the same four jobs, real processes on this
// machine. Each answer is a policy of sched/policy, which the model asks as well
// (sched/model), so that beside what happened stands what had to happen.
//
//     batch processing   one job after the other, each to its end   batch
//     multiprogramming   somebody else runs while one waits         fifo
//     time sharing       nobody has the CPU for more than 10 ms     rr
//     multiprocessing    the same, with two CPUs                    rr
//
//     mix.c      the jobs, and how an era is predicted and run
//     account.c  where the time of the CPUs went
//     bound.c    how far from the prediction is still as predicted, and why
//     one.c      the eras with one CPU
//     several.c  the one with two, and all under each other
//
//     $ build/sched/eras              every scene
//     $ build/sched/eras together     one of them
//
//     together · the eras compared
//     batch
//     A  000000000000000▇▇
//     B  ················▁0>~~~~~~~0>~~~~~~~~0]
//     C  ······································0000000]
//     D  ··············································0>~~~~~~~~00>~~~~~~~00]
//        ┬───────────────┬───────────────┬───────────────┬───────────────┬────
//        0 ms            50              100             150             200
//
//     multiprogramming
//     A  000000000000000▇▇
//     B  ················▁0>~~~~~~~···0>~~~~~~~~▄0
//     C  ···················000000!▅
//     D  ··························▃0>~~~~~~~~0▇▄~~~~~~~00]
//        ┬───────────────┬───────────────┬───────────────┬───────────────┬────
//        0 ms            50              100             150             200
//
//                 busy response makespan  lost
//                    %       ms       ms    ms
//     batch
//      predicted  55.1     78.0    214.0
//      observed   55.6     78.9    216.0   0.7
//     multiprogramming
//      predicted  76.6     48.0    154.0
//      observed   77.1     48.8    155.8   0.6
//     time sharing
//      predicted 100.0     13.0    118.0
//      observed  100.0     13.1    120.4   1.0
//     two CPUs
//      predicted  72.0      4.0     82.0
//      observed   73.3      4.0     82.5   0.6
//                  ✓ utilisation rises by 21.6 to 77.1 % (predicted 21.5 -2.3 +2.5)
//
// (Some lines are left out.) A figure may differ from the prediction by as much
// as the jobs computed longer or shorter than asked for and as was lost; that is
// the -2.3 +2.5 (bound.c).
//
// Any user may run it. Without root the dispatcher, which holds and lets go the
// processes, has no real-time priority and is a little late now and then.
//
// Try: in mix.c, give A waits like B's: what does each era make of it? When all n
// jobs wait for a share p of their time, utilisation is about 1 - p^n (Tanenbaum
// & Bos, 2.1.7): try p = 80 % with two, four and eight jobs in sched/sim. Then
// make the quantum 100 ms, and 1: which era is time sharing now, and who pays?
//
// Read next: sched/sim (any jobs, any policy), sched/duel (one policy, predicted
// and run), sched/live/dispatch.c (how a process rules others), threads/ (one
// program on several CPUs).
// Sources: Tanenbaum & Bos, "Modern Operating Systems", 4th ed., 1.2 (the
// history) and 2.1.7; Codd et al., "Multiprogramming STRETCH: Feasibility
// Considerations", CACM 2 (1959); Corbató, Merwin-Daggett & Daley, "An
// Experimental Time-Sharing System", Spring Joint Computer Conference 1962.

#include "eras.h"
#include "lab.h"

static const struct scene scenes[] = {
	{ "batch",            "one job after the other",           batch },
	{ "multiprogramming", "another job runs while one waits",
	  multiprogramming },
	{ "timesharing",      "nobody has the CPU for long",       time_sharing },
	{ "multiprocessing",  "two CPUs",                     multiprocessing },
	{ "together",         "the eras compared",                 together },
	{ 0 }
};

static const struct lab lab = {
	.name = "sched/eras",
	.summary = "the same jobs as batch, multiprogrammed, time-shared, on "
		   "two CPUs",
	.chapter = "03 · The history of operating systems",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

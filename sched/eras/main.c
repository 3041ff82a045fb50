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
//     witness.c  whether somebody else had a CPU
//     account.c  where the time of the CPUs went
//     bound.c    how far from the prediction is still as predicted, and why
//     claims.c   what is promised of that
//     one.c      the eras with one CPU
//     several.c  the one with two, and all under each other
//
//     $ build/sched/eras              every scene
//     $ build/sched/eras together     one of them
//
//     together · the eras compared
//     batch
//     A  000000000000000!0
//     B  ·················0>~~~~~~~0>~~~~~~~~0]
//     C  ······································0000000]
//     D  ··············································00>~~~~~~~00>~~~~~~~00]
//        ┬───────────────┬───────────────┬──────────────┬───────────────┬─────
//        0 ms            50              100            150             200
//
//     multiprogramming
//     A  000000000000000!0
//     B  ·················0>~~~~~~~~···0>~~~~~~~~▆]
//     C  ···················0000000▇▂
//     D  ···························▆0>~~~~~~~~0▇▂~~~~~~~0]
//        ┬───────────────┬───────────────┬──────────────┬───────────────┬─────
//        0 ms            50              100            150             200
//
//                    busy response makespan
//                       %       ms       ms
//     batch
//      predicted     55.1     78.0    214.0
//      observed      55.7     80.2    218.8
//       (others 0.3 ms, late 0.6 ms)
//      less others   55.8     80.1    218.5
//     multiprogramming
//      predicted     76.6     48.0    154.0
//      observed      77.2     50.8    159.7
//       (others 0.2 ms, late 0.7 ms)
//      less others   77.3     50.8    159.5
//     ✓ utilisation 55.8 -> 77.3 %: +21.5 (model +21.5, -5.9 +5.8)
//     ✓ mean response 50.8 -> 14.2 ms: -36.6 (model -35.0, -6.4 +7.0)
//
// (Some lines are left out.) "Others" is the time that strangers had a CPU while a
// job was due; by a clock that stands still then, the figures are compared. They
// may differ from the model's by as much as the jobs computed longer or shorter
// than asked for, and were late: -5.9 +5.8 (bound.c).
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

// # Litmus: what single-stepping cannot show
//
// Chapter 12 · Synchronisation (동기화)
//
// sync/weave tries every order in which the instructions of two processes can
// follow each other. But two CPUs do not take turns. Each does its loads and
// stores in an order that suits it, and the other may see the result. A litmus
// test is the smallest program in which that shows; this lab plays five of them
// on real CPUs, some hundred thousand times each, and counts what comes out:
//
//     SB      store buffering             a load overtakes a store
//     MP      message passing             the flag is there, the data is not
//     LB      load buffering              a store overtakes a load
//     IRIW    independent reads of        two readers disagree which store was
//             independent writes          first
//     CoRR    coherence                   the old value after the new one
//
//     $ build/sync/litmus                 every scene
//     $ build/sync/litmus --test=SB --order=seqcst --rounds=10000000
//
//     $ build/sync/litmus --test=SB --rounds=300000
//     SB (store buffering), relaxed: 300000 rounds in 1.83 s, on 2 CPUs
//       x = 1; r0 = y  ||  y = 1; r1 = x
//                                 count     share  SC  x86-TSO Arm  C11
//       r0=0 r1=0                   281   0.0937%  no  yes     yes  yes
//       r0=1 r1=0                142567  47.5223%  yes yes     yes  yes
//       r0=0 r1=1                157125  52.3750%  yes yes     yes  yes
//       r0=1 r1=1                    27   0.0090%  yes yes     yes  yes
//
// Read the columns so: SC, some interleaving has this outcome; the others,
// the rules of that machine or language allow it. What is allowed need not
// happen, on this CPU or ever. What is forbidden must not, and that is claimed.
//
// Try: in bodies.c let SB's two threads work on neighbours in one cache line
// (litmus.h, struct cells). Is the weak outcome seen less often, or more? Then
// write Peterson's entry (sync/weave) as a test of its own, and cure it.
//
// Read next: bodies.c, run.c, scenes.c in this folder; sync/lock (each atomic
// there names its order); sync/ring.
// Sources: Sewell, Sarkar, Owens, Zappa Nardelli & Myreen, "x86-TSO: A Rigorous
// and Usable Programmer's Model for x86 Multiprocessors", CACM 53 (2010);
// Alglave, Maranget & Tautschnig, "Herding Cats", ACM TOPLAS 36 (2014), whose
// names of tests these are; Pulte et al., "Simplifying ARM Concurrency", POPL
// 2018; Intel 64 Software Developer's Manual, volume 3A, "Memory Ordering";
// ISO/IEC 9899:2011, 5.1.2.4 and 7.17.3.

#define _GNU_SOURCE
#include "lab.h"
#include "litmus.h"

static const struct scene scenes[] = {
	{ "sb",    "store buffering: both loads ahead of both stores", scene_sb },
	{ "cures", "store buffering: which fence forbids it", scene_cures },
	{ "mp",    "message passing: data, then the flag",    scene_mp },
	{ "lb",    "load buffering: stores ahead of loads",   scene_lb },
	{ "iriw",  "two writers, and readers that disagree",  scene_iriw },
	{ "corr",  "coherence: never back to the old value",  scene_corr },
	{ "all",   "every test in every order",               scene_all },
	{ "price", "what an order costs",                     scene_price },
	{ 0 }
};

static const struct tool tools[] = {
	{ "--test", "NAME [--order=ORDER] [--rounds=N]",
	  "one test, as often as you like", tool_main },
	{ 0 }
};

static const struct lab lab = {
	.name = "sync/litmus",
	.summary = "what a CPU reorders, and which fence forbids it, counted",
	.chapter = "12 · Synchronisation",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

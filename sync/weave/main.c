// # Weave: every interleaving of real instructions
//
// Chapter 12 · Synchronisation (동기화)
//
// Two processes change the same memory (동일 자원을 여러 스레드가 동시 수정). What
// can come out? Running them shows one order of their instructions, nearly
// always the same one. Here all orders are shown: the processes are traced, and
// execute one instruction when they are told to. Every interleaving of their
// real machine code is played on the CPU, by the thousands.
//
//     $ build/sync/weave                              every scene
//     $ build/sync/weave orders                       one of them
//     $ build/sync/weave --program=flag               a program, judged
//     $ build/sync/weave --schedule=AABBAB            one order, step by step
//     $ build/sync/weave --program=mine.txt --find='always !(A.in && B.in)'
//
//     flag · look, then set: both are in
//        38.56 ms  main     98 states; the shortest way to both of them `in`:
//           instruction      gate   x  A.rbx  B.rbx   then at
//                               0   0      0      0   wait  wait
//        1 A cmp [gate], 0      0   0      0      0   wait  wait
//        2 A jne wait           0   0      0      0   wait  wait
//        3 B cmp [gate], 0      0   0      0      0   wait  wait
//        4 A mov [gate], 1     >1   0      0      0   in    wait
//        5 B jne wait           1   0      0      0   in    wait
//        6 B mov [gate], 1      1   0      0      0   in    in
//                  ✓ both are in at once
//                  ✓ and an addition can be lost
//
// Each step is whole, in memory, before the next begins. So this shows what one
// CPU that switches between processes can do, and a proof for it is a proof for
// no more: two CPUs have store buffers and caches (sync/litmus), and the
// compiler may write other instructions than you thought.
//
// Try: --program=flag --source, and repair it. Swap the first two lines of
// peterson: which check finds out, and by which order? Let B of xchg jump back
// to `wait` from its end: can A be kept out for ever, and why is `progress`
// content with that?
//
// Read next: counting.c, exclusion.c, locks.c in this folder, texts.c (the
// programs); then sync/stepper (how it is done), sync/litmus, sync/lock.
// Sources: ptrace(2); M. Herlihy, N. Shavit, "The Art of Multiprocessor
// Programming", chapter 2; those of the algorithms, in texts.c.

#define _GNU_SOURCE
#include "lab.h"
#include "weave.h"

static const struct scene scenes[] = {
	{ "step", "one instruction, and stop", scene_step },
	{ "orders", "load, add, store: 20 orders, 18 of them wrong",
	  scene_orders },
	{ "three", "three processes: 1680 orders", scene_three },
	{ "add", "what single steps cannot show", scene_add },
	{ "lock", "one locked instruction", scene_lock },
	{ "flag", "look, then set: both are in", scene_flag },
	{ "polite", "set, then look: both wait for ever", scene_polite },
	{ "peterson", "Peterson's algorithm holds", scene_peterson },
	{ "overtake", "and how a store buffer breaks it", scene_overtake },
	{ "dekker", "Dekker's algorithm holds", scene_dekker },
	{ "mutex", "a mutex by one instruction", scene_mutex },
	{ "ticket", "first come, first served", scene_ticket },
	{ "semaphore", "P and V, with a gap and without", scene_semaphore },
	{ "embrace", "two locks in opposite orders", scene_embrace },
	{ 0 }
};

// Any of these; --list-programs --help tells of all options.
static const struct tool tools[] = {
	{ "--program", "=NAME|FILE",
	  "Every order of a program, judged: one of --list-programs, or your "
	  "own", tool_main },
	{ "--schedule", "=AABBAB", "One order, step by step", tool_main },
	{ "--find", "=CHECK", "An order that breaks `always !(A.in && B.in)'",
	  tool_main },
	{ "--all", "--program=NAME", "Every order, a line each", tool_main },
	{ "--source", "--program=NAME", "Its text, to begin your own with",
	  tool_main },
	{ "--list-programs", "[--help]",
	  "The programs; what they are written in, and all options",
	  tool_main },
	{ 0 }
};

static const struct lab lab = {
	.name = "sync/weave",
	.summary = "every interleaving of real machine instructions",
	.chapter = "12 · Synchronisation",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

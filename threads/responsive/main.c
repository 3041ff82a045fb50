// # Responsive: a program that answers while it works
//
// Chapter 11 · Threads (스레드)
//
// The notes' first advantage of threads is 사용자에 대한 응답성 향상, that users get
// their answers sooner. So here is a user, a process that asks "how far?" at
// random times, and a program that has long work to do. It has three ways to
// answer:
//
//     after      one thread: first the work, then the answers
//     pieces     one thread that looks up from its work now and then
//     threads    a thread for the work, and one for the answers
//
// What counts is how long the user waits, from question to answer, and when:
// during the work, or after it.
//
//     $ build/threads/responsive           every scene
//     $ build/threads/responsive preempt   one of them
//
//     preempt · two threads and one CPU
//       224.78 ms  main     two threads on one CPU: 39 of 40 answers during the work
//     work   wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww
//     asked  ·?··???·?·?·?··??··?··?··??·?··?·?··??·?··??·?··?··?··??··?·???·?·
//     told   ····!!!··!!·!····!··!···!!··!··!·!··!!···!!··!····!··!!!··!·!·!··!
//            ┬───────────────┬────────────────┬───────────────┬───────────────┬
//            0 ms            50               100             150
//                  ✓ both threads are on CPU 1
//                  ✓ answers come while the work goes on
//       225.02 ms  main     answers found the work at 34 different points
//       225.03 ms  main     the worker was taken from its CPU 80 times; slept 0
//                  ✓ for each of these points the worker has left the CPU once
//
// Try: `taskset -c 0 build/threads/responsive`: which of the pictures change?
// Then in two.c let the worker let go of the lock after every 1,000 numbers, and
// take it again at once. How many answers come during the work now? (Fewer than
// one would think: a mutex gives no turns. See sync/mutex.)
//
// Read next: work.c, client.c, alone.c, two.c, one_cpu.c in this folder, in this
// order; then threads/simpler (the same question asked of a server's code) and
// sched/gantt (what the scheduler does with such a mix).
// Sources: pthreads(7), recv(2), getrusage(2), sched(7), setpriority(2),
// sched_setscheduler(2); the kernel's Documentation/scheduler/sched-eevdf.rst;
// Tene, "How NOT to Measure Latency" (2013, talk).

#define _GNU_SOURCE
#include "lab.h"
#include "responsive.h"

static const struct scene scenes[] = {
	{ "after",   "one thread: first the work, then the answers", scene_after },
	{ "pieces",  "one thread that looks up between two pieces", scene_pieces },
	{ "threads", "a thread for each",                     scene_threads },
	{ "lock",    "two threads, and a lock held throughout", scene_lock },
	{ "preempt", "two threads and one CPU",               scene_preempt },
	{ "rank",    "work that steps back",                  scene_rank },
	{ 0 }
};

static const struct lab lab = {
	.name = "threads/responsive",
	.summary =
		"a program that answers while it works, by one thread and two",
	.chapter = "11 · Threads",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

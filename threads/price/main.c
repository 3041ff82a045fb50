// # Price: what a thread costs, and a process
//
// Chapter 11 · Threads (스레드)
//
// "Threads are cheap" compares two prices and names neither. This lab measures
// both here: to make one and wait for its end, by six ways; the same from a
// parent of up to 1 GiB, where fork grows and nothing else does; what a worker
// weighs; one job by 1 to 10,000 workers, and where it tips over (스레드 많이
// 생성하면, Context Switching이 많이 일어나 성능 저하); and which limit ends it.
// Times are printed with their spread; what is claimed are page faults, page
// tables, switches and refusals.
//
//     $ build/threads/price              every scene
//     $ build/threads/price grown        one of them
//
//     grown · the larger the parent, the dearer its fork
//          1 MiB: fork    363.1 us, vfork  102.8, thread  125.3
//          4 MiB: fork    513.2 us, vfork   50.7, thread   45.9
//         64 MiB: fork  12032.7 us, vfork   51.2, thread   84.3
//        256 MiB: fork  50474.2 us, vfork  211.9, thread   34.4
//     then the parent writes 256 pages; faults after
//     fork 256, vfork 0, thread 0
//                 ✓ after fork each page that is written faults
//
// Read on in this order: ways.c, create.c, grown.c, memory.c, many.c, limits.c.
//
// Try: in grown.c, take MADV_NOHUGEPAGE away and put MADV_HUGEPAGE in its
// place. How much cheaper is fork, and how much dearer the first write? Then
// play `many` with `taskset -c 0`, and once with `ulimit -u 500` as an ordinary
// user.
//
// Read next: threads/share (what the flags share), sched/switch (one switch,
// measured), threads/pool (why nobody makes a thread for each piece of work),
// threads/fiber (100,000 at once).
// Sources: clone(2), fork(2), vfork(2), posix_spawn(3), getrusage(2), proc(5),
// getrlimit(2), pthread_create(3); Baumann, Appavoo, Krieger, Roscoe, "A fork()
// in the road", HotOS 2019.

#define _GNU_SOURCE
#include "lab.h"
#include "threads/price/price.h"

static const struct scene scenes[] = {
	{ "create", "to make one and wait for its end", scene_create },
	{ "grown", "the larger the parent, the dearer its fork", scene_grown },
	{ "memory", "what a worker weighs", scene_memory },
	{ "many", "the same job by ever more workers", scene_many },
	{ "limits", "where it ends, and who ends it", scene_limits },
	{ 0 }
};

static const struct lab lab = {
	.name = "threads/price",
	.summary = "what a thread costs, and a process: made, kept, too many",
	.chapter = "11 · Threads",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

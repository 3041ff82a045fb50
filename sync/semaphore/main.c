// # Semaphore: P, V and S
//
// Chapter 12 · Synchronisation (동기화), Mutex and semaphore (세마포어)
//
// S says how many may be in the critical section (임계구역). P asks to go in, V
// leaves. The lecture notes give two ways to wait: look again and again (바쁜대기),
// or let S go below 0 and sleep in a queue (대기큐) until wakeup(). Both are
// written out in sync/lock/semaphore_busy.c and semaphore_queue.c, half a page
// each; here they run, and then the kernel's own between programs that know
// nothing of each other but a name.
//
//     $ build/sync/semaphore              every scene
//     $ build/sync/semaphore burnt        one of them
//
//     negative · below 0: who waits, and in which order
//         2.91 ms  main     S is 1; P(A) 0 P(B) -1 P(C) -2 P(D) -3 [...]
//                  ✓ each P takes one off: S is how many wait, negative
//         4.65 ms  main     V(A) -4 V(B) -3 V(C) -2 [...]
//                  ✓ wakeup() lets in one at a time, first come, first served
//
//     burnt · busy waiting and a queue: the CPU burnt
//       123.91 ms  main     CPU time of a thread that waits, and does nothing:
//     busy waiting  █████████████████████████████████████████████████  50.9 ms
//     wait queue    ▏                                                  35.4 us
//                  ✓ busy waiting has used 50 ms of a CPU for nothing
//                  ✓ meanwhile who sleeps in the queue used not one ns more
//
// Yours: `build/sync/semaphore hold /oslab-mine` in several terminals takes the
// places of a named semaphore, and gives one back at Enter. Make it first with
// `hold --places=2 /oslab-mine`, remove it from /dev/shm in the end.
//
// Try: in ours.c give `inside` 6 places for 6 threads: what is S now, and who
// ever sleeps? Take the queue away from `negative`, with busysem: in which order
// do they come in, and is it the same next time?
//
// Read next: ours.c, named.c; sync/lock/semaphore_queue.c (why no wakeup is
// lost); ipc/semaphore (System V's, which give back what a dead process took).
// Sources: Dijkstra, EWD 123 (1965); sem_overview(7), sem_open(3), sem_wait(3),
// sem_post(3); sync/lock/semaphore.h.

#define _GNU_SOURCE
#include "lab.h"
#include "scenes.h"

static const struct scene scenes[] = {
	{ "inside",    "S = 3: three inside at once",           scene_inside },
	{ "negative",  "below 0: who waits, and in which order", scene_negative },
	{ "burnt",     "busy waiting and a queue: the CPU burnt", scene_burnt },
	{ "strangers", "a name between unrelated programs",     scene_strangers },
	{ "ask",       "asking without waiting for ever",       scene_ask },
	{ "killed",    "who dies inside gives nothing back",    scene_killed },
	{ 0 }
};

static const struct tool tools[] = {
	{ "hold", "[--places=N] NAME", "takes a place in a named semaphore",
	  tool_hold },
	{ 0 }
};

static const struct lab lab = {
	.name = "sync/semaphore",
	.summary = "P, V and S: busy waiting, a queue, and named ones",
	.chapter = "12 · Synchronisation",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// # Signal: a number that interrupts
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// A signal is the smallest message there is: a number from 1 to 64, sent to a
// process by another, by itself, or by the kernel. It needs no preparation and
// no cooperation, and it can come between any two instructions. That makes it
// right for telling a process to stop, and hard to use for anything else.
//
// This lab follows a signal from its sender to its end: where it waits, what a
// handler may do when it comes (and how a server hangs that did more), how many
// arrive of those sent and in which order, what it carries, what it does to
// calls that sleep, and which thread gets it.
//
//     $ build/ipc/signal               every scene
//     $ build/ipc/signal deadlock      one of them
//
//     deadlock · a handler waits for its own thread
//         0.42 ms  naive    I hold the lock, and here comes SIGUSR1
//         0.66 ms  main     naive sleeps in system call 202 (futex_do_wait)
//                  ✓ that is futex(2): it waits for a lock
//                  ✓ it is still in its handler: a second SIGUSR1 stays pending
//        34.09 ms  checked  I hold the lock, and here comes SIGUSR1
//        34.31 ms  checked  its handler is told: Resource deadlock avoided
//                  ✓ the holder of the lock is who waits for it (EDEADLK)
//
// Try: in safety.c, let `checked` ask for PTHREAD_MUTEX_RECURSIVE instead. The
// deadlock is gone; what could the handler see now, if the signal came in the
// middle of a longer update? Then take the block(SIGUSR1) out of
// wait_with_sigsuspend in gap.c, and play `lost`: what does it wait for?
//
// Read next: the files of this folder, an idea each, in this order: masks.c,
// safety.c, queue.c, nest.c, payload.c, calls.c, gap.c, threads.c, fetch.c;
// then ipc/channel/signal.c (a channel built on real-time signals) and
// ipc/eventfd (timers, processes and events in one loop, without handlers).
// Sources: signal(7), signal-safety(7), sigaction(2), sigsuspend(2),
// signalfd(2), sigqueue(3), rt_sigqueueinfo(2), pthreads(7), proc(5),
// execve(2); POSIX.1-2017, XSH 2.4; Kerrisk, "The Linux Programming Interface",
// 20-22.

#define _GNU_SOURCE
#include "ipc/signal/scenes.h"
#include "lab.h"

static const struct scene scenes[] = {
	{ "pending",     "blocked, so pending; unblocked, so delivered",
			 scene_pending },
	{ "ignored",     "what is ignored vanishes",      scene_ignored },
	{ "unblockable", "two that nobody can refuse",    scene_unblockable },
	{ "inherit",     "what fork and execve pass on",  scene_inherit },
	{ "deadlock",    "a handler waits for its own thread", scene_deadlock },
	{ "libc",        "a lock that you do not see",    scene_libc },
	{ "safe",        "the right way: note it, and return", scene_safe },
	{ "coalesce",    "one bit against a queue",       scene_coalesce },
	{ "order",       "which comes first",             scene_order },
	{ "nest",        "handlers that interrupt handlers", scene_nest },
	{ "payload",     "who, how, and what",            scene_payload },
	{ "forge",       "whom to believe",               scene_forge },
	{ "limit",       "how many may wait",             scene_limit },
	{ "eintr",       "a call that was interrupted",   scene_eintr },
	{ "restart",     "which calls are restarted",     scene_restart },
	{ "lost",        "the signal that comes too early", scene_lost },
	{ "any",         "to the process: any free thread", scene_any },
	{ "one",         "to one thread, and the end of all", scene_one },
	{ "fault",       "what a thread did itself",      scene_fault },
	{ "signalfd",    "a signal read in a poll loop",  scene_signalfd },
	{ "unblocked",   "signalfd the wrong way: not blocked",
			 scene_unblocked },
	{ "waiter",      "one thread that waits for all",
			 scene_waiter },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/signal",
	.summary = "numbers that interrupt: masks, handlers, queues, threads",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

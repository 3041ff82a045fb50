// # Fiber: threads that the kernel does not know
//
// Chapter 11 · Threads (스레드)
//
// A thread (스레드, "Light Weight Process") is light beside a process, but the
// kernel still has to know it: Linux treats it as a process that shares memory,
// and to switch is a system call, a choice, and registers saved in the kernel.
// That is why many threads make much Context Switching. A program can also keep
// its threads to itself: a stack each, and a function that changes stacks. What
// does it gain, and what does it give up?
//
//     $ build/threads/fiber                  every scene
//     $ build/threads/fiber switch starve    two of them
//     $ build/threads/fiber echo             a server, a fiber a client
//
//     switch · a switch without the kernel
//        46.99 ms  main     1003894 switches between two fibers; the kernel counts 0
//                  ✓ each has had 500000 turns
//                  ✓ the thread has never given up its CPU for it
//       126.14 ms  main     in a cage where a system call is death: it ended with 0
//                  ✓ 1000000 switches, not one system call
//                  ✓ the thread's own way, sched_yield, once: killed
//
//     price · what a switch costs, by fiber and by thread
//     fibers   ██▌                                 14.1 ns (13.4 ns to 14.9 ns)
//     threads  ██████████████████████████████████   2.74 us (2.7 us to 2.82 us)
//       292.58 ms  main     a hand-over to a fiber costs a 195th of one to a thread
//
// Read threads/fiber/switch_x86_64.S first (the switch is twenty instructions),
// then fiber.h, schedule.c and stack.c beside it; then the scenes, in the order
// of the table below, in threads/fiber_scenes/.
//
// Try: in wait.c, let `compute` yield only every 100,000 turns: how late does the
// sleeper wake? Give `deeper` (stacks.c) a frame of 8,000 bytes that it does not
// fill: it steps over the guard page. Why does gcc's -fstack-clash-protection
// help? Then start `build/threads/fiber echo --address=127.0.0.1:7007`, and
// `build/ipc/echo --listen=127.0.0.1:7008` beside it: how many system calls does
// each make for a message (strace -c)?
//
// Read next: threads/simpler (the same gain, had by hand), ipc/echo (three other
// servers), sync/ring (channels between threads).
// Sources: Anderson, Bershad, Lazowska & Levy, "Scheduler Activations", SOSP
// 1991; Behren, Condit & Brewer, "Why Events Are A Bad Idea", HotOS 2003;
// io_uring(7), epoll(7), madvise(2), getrusage(2), seccomp(2).

#define _GNU_SOURCE
#include "lab.h"
#include "threads/fiber_echo/tool.h"
#include "threads/fiber_scenes/scenes.h"

static const struct scene scenes[] = {
	{ "switch",   "a switch without the kernel",           scene_switch },
	{ "stacks",   "two stacks in one mapping",             scene_stacks },
	{ "guard",    "a stack that is too small",             scene_guard },
	{ "many",     "a hundred thousand at once",            scene_many },
	{ "thread",   "the wrong way: read(2) stops them all", scene_thread },
	{ "block",    "a blocking call blocks one fiber",      scene_block },
	{ "starve",   "a fiber that never yields",             scene_starve },
	{ "pipeline", "a row of fibers that hand on",          scene_pipeline },
	{ "deadlock", "all wait for each other, and are told", scene_deadlock },
	{ "price",    "what a switch costs, by fiber and by thread",
	  scene_price },
	{ 0 }
};

static const struct tool tools[] = {
	{ "echo", "[--address=ADDRESS] [--backend=any|uring|epoll]",
	  "a server that sends back what it gets, a fiber a client",
	  fiber_echo_tool },
	{ 0 }
};

static const struct lab lab = {
	.name = "threads/fiber",
	.summary = "threads that the kernel does not know: stacks and a switch",
	.chapter = "11 · Threads",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

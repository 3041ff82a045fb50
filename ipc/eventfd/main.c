// # Eventfd: events, time and processes as descriptors
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// A program that waits for several things at once needs one place to wait, and
// on Linux that is poll(2) or epoll(7): for descriptors. So the kernel makes
// descriptors of what was none:
//
//     eventfd   a counter: something happened, so often
//     timerfd   a timer: so many periods have passed
//     pidfd     a process: it has ended
//     signalfd  pending signals (ipc/signal, scene `signalfd`)
//
// Each is read or polled like a pipe, inherited by fork, and gone when the last
// descriptor is closed: no names, no handlers. The last scene waits for three
// of them in one loop.
//
//     $ build/ipc/eventfd              every scene
//     $ build/ipc/eventfd recycled     one of them
//
//     loop · a supervisor in one loop
//         9.20 ms  main     worker 2 was killed by signal 9; jobs lost: 1
//        15.06 ms  main     all is done: SIGTERM to each worker, by pidfd
//     timer    ···········t·······t········t·······t········t·······t········t·
//     reports  ···········r·······r········r················r·······r········r·
//     desk 1   1111111111111111111111111111111111111111111111111111111111111111
//     desk 2   ··22222222222222222222222222222222222·33333333333333333333333333
//              ┬───────┬────────┬───────┬────────┬───────┬────────┬───────┬────
//              0 ms    2        4       6        8       10       12      14
//
// Try: in edge.c, add EPOLLONESHOT to the careless server. What does it miss
// now? In loop.c the brittle worker dies before it has done its job. Let it die
// after the work and before the report: can a supervisor tell the two apart?
//
// Read next: counter.c, timer.c, process.c, edge.c, loop.c in this folder; then
// ipc/channel/eventfd.c (a channel built on two counters), ipc/signal (what it
// was like before), ipc/echo (servers built on epoll).
// Sources: eventfd(2), timerfd_create(2), pidfd_open(2), pidfd_send_signal(2),
// clone3(2), waitid(2), pid_namespaces(7), epoll(7).

#define _GNU_SOURCE
#include "ipc/eventfd/scenes.h"
#include "lab.h"

static const struct scene scenes[] = {
	{ "counter",  "writes add up, a read takes it all", scene_counter },
	{ "share",    "one for each, or all for one",       scene_share },
	{ "full",     "a full counter makes a writer wait", scene_full },
	{ "late",     "who comes late is told how late",    scene_late },
	{ "drift",    "a timer from now, and one at",       scene_drift },
	{ "end",      "a process that can be polled",       scene_end },
	{ "recycled", "a number that means another process", scene_recycled },
	{ "edge",     "told each time, or once",            scene_edge },
	{ "asleep",   "asleep beside its work",             scene_asleep },
	{ "loop",     "a supervisor in one loop",           scene_loop },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/eventfd",
	.summary = "events, time and processes as descriptors, in one loop",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

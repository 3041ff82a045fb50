// # Mqueue: messages, whole and by urgency
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// A pipe carries bytes and forgets who wrote which. A message queue (메시지 큐)
// carries messages: each arrives whole, the most urgent first, and it waits in
// the kernel, under a name, also when its sender has ended long ago. This is
// the queue of POSIX (1993); the older one, of System V, is in ipc/sysv.
//
//     $ build/ipc/mqueue              every scene
//     $ build/ipc/mqueue priority     one of them
//
//     rearm · ask anew first, then empty the queue
//         0.59 ms  main     emptied (1), [message], asked, [message]: not told
//                  ✓ asked last: never told again, and 2 messages pile up
//         0.65 ms  main     asked, [message], emptied (2), [message]: told
//                  ✓ asked first: one in between is received, the next announced
//
// The files, one idea each:
//
//     messages.c  whole messages, and their order
//     waiting.c   full and empty queues, and how to wait with a limit
//     notify.c    being told of a message instead of waiting for it
//     poll.c      a queue as a descriptor among others
//     limits.c    what the kernel allows whom
//     persist.c   what stays when processes go, and how to look inside
//
// Try: in `priority` let each overtaking raise the priority of the message that
// waits (receive it and send it again). Is that ageing, and what does it cost?
// Then, in `rearm`, let two messages fall in between. Do both orders of calls
// still end as before?
//
// Read next: ipc/channel/mqueue.c (a queue as a part to build with, and what it
// costs), ipc/sysv (the other message queue), ipc/pipe.c (bytes instead of
// messages), ipc/signal (the notice, seen from the side of signals).
// Sources: mq_overview(7), mq_open(3), mq_send(3), mq_receive(3), mq_notify(3),
// getrlimit(2), ipc_namespaces(7); POSIX.1-2017, mq_receive(), mq_notify();
// ipc/mqueue.c of the Linux kernel.

#include "lab.h"
#include "queue.h"

static const struct scene scenes[] = {
	{ "whole",     "a message stays whole",                boundaries },
	{ "priority",  "the most urgent first",                priorities },
	{ "full",      "full and empty queues make wait",      full_and_empty },
	{ "timeout",   "waiting until a time, not for a time", timeouts },
	{ "notify",    "a notice, once",                       notices },
	{ "silent",    "when no notice comes",                 silences },
	{ "rearm",     "ask anew first, then empty the queue", rearming },
	{ "poll",      "on Linux a queue is a descriptor",     polling },
	{ "limits",    "how large a queue may be, and for whom", limits },
	{ "namespace", "how many queues, and their price",    namespace_limit },
	{ "survive",   "the sender is gone, its messages are there", survivors },
	{ "look",      "looking into a queue",                 looking_inside },
	{ "mount",     "the file system of queues",            mounting },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/mqueue",
	.summary = "messages in a queue with a name, the most urgent first",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// # Sysv: queues, memory and semaphores under a number
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// System V of 1983 gave Unix a message queue (메시지 큐), shared memory (공유
// 메모리) and sets of semaphores (세마포어), all three made alike: no name but a
// number, the key; no descriptor but a number, the identifier; no end but by
// order. Databases and old programs live on them, and whoever finds forgotten
// objects with ipcs(1) has met them. Their successors, the queues, memory and
// semaphores of POSIX, were made to be rid of much that these scenes show.
//
//     $ build/ipc/sysv              every scene
//     $ build/ipc/sysv forks        one of them
//
//     forks · two semaphores one by one: a deadlock
//         1.24 ms  main     each has one fork; now each reaches for the other
//     fork 0: held by left   waited for by 1
//     fork 1: held by right  waited for by 1
//                  ✓ each has taken one fork, and both sleep for ever
//         1.92 ms  main     left is killed; waiting for fork 0: 1, for fork 1: 0
//                  ✓ left waits no more; right still waits for fork 0
//                  ✓ the fork of the dead stays taken: a semaphore has no owner
//
// The files, one idea each:
//
//     keys.c     how strangers find one object, also by mistake
//     rights.c   permissions, asked at each call
//     persist.c  objects without processes, and what ipcs shows
//     types.c    one queue, several letter boxes
//     remove.c   IPC_RMID and its two meanings
//     atomic.c   several semaphores in one step
//     birth.c    a semaphore is there before it is ready
//     limits.c   how much, how many
//
// Try: in `forks`, let the right philosopher take fork 0 first, like the left
// one. Can you still force the deadlock? (What is the cure called that you have
// built?) Then end the maker of `birth` in the gap: who waits for ever now, and
// what should it do?
//
// Read next: ipc/channel/sysv_mq.c (the queue as a part to build with, and a
// deadlock with types), ipc/mqueue (the queue that came after), ipc/shm (memory
// with a name), ipc/semaphore (SEM_UNDO, and semaphores born ready).
// Sources: sysvipc(7), ftok(3), msgop(2), msgctl(2), shmop(2),
// shmctl(2), semget(2), semop(2), semctl(2), ipc_namespaces(7), proc(5); W. R.
// Stevens, "UNIX Network Programming", vol. 2, chapter 11 (the race of a
// semaphore's birth); Coffman, Elphick, Shoshani, "System Deadlocks", 1971.

#include "lab.h"
#include "sysv.h"

static const struct scene scenes[] = {
	{ "ftok",      "a key of a file, and why it collides",   file_keys },
	{ "meeting",   "two strangers with one key",             meeting },
	{ "namespace", "objects without a key, a world of one's own",
	  own_namespace },
	{ "rights",    "permissions, asked at each call",        permissions },
	{ "outlive",   "what a process that is gone has left",   outliving },
	{ "ipcs",      "what ipcs shows, and where it is from",  listing },
	{ "types",     "one queue, several letter boxes",        types },
	{ "remove",    "a queue and a set go at once",           removing },
	{ "dest",      "memory goes when the last has detached", removing_memory },
	{ "forks",     "two semaphores one by one: a deadlock",  one_by_one },
	{ "atomic",    "two semaphores in one step: no deadlock", all_or_nothing },
	{ "birth",     "a semaphore is there before it is ready", birth },
	{ "limits",    "how much, how many",                     limits },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/sysv",
	.summary = "queues, memory and semaphores under a number, of System V",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// # Robust: the owner of a lock dies
//
// Chapter 12 · Synchronisation (동기화)
//
// Whoever holds a lock may end before he lets go: by a crash, by kill -9, or
// just by returning too early. A lock that is a word in memory stays taken, and
// all who wait for it wait for nobody. The kernel is the one who sees every end.
// What has it been told, and what does it do for those who wait?
//
//     $ build/sync/robust                  every scene
//     $ build/sync/robust anywhere         one of them
//
//     anywhere · killed after each instruction
//       439.51 ms  main     93 instructions; killed after each: 94 times
//      0  -----------------------------XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX
//     70  ------------------------
//                  ✓ a plain mutex: after 41 of these nobody ever has it (X)
//      1325.42 ms  main     167 instructions; killed after each: 168 times
//       0  ----------------------------------------------------oooooooooooooooooo
//      70  oooooooooooooooooooHHHoooooooooooooooooooooooooooooooooooooooooooooooo
//     140  ooo-------------------------
//                  ✓ a robust one: never lost, and 91 times told (o, H)
//                  ✓ half done (H) after 3, and never without being told
//
//     ways · ways to die, locks that notice
//                          plain   robust  sem     flock   OFD     fcntl   pipe
//     its thread returns   kept    told    kept    kept    kept    kept    kept
//     its process exits    kept    told    kept    free    free    free    told
//     it is killed (9)     kept    told    kept    free    free    free    told
//     it calls execve      kept    told    kept    kept    kept    kept    kept
//
// What it costs: two stores before the lock and two behind it, and as many
// around the unlock (the list and its pending entry), 167 instructions in place
// of 93 above (the libraries' own, with what stops the process at both ends).
//
// Read in this order: plain.c, list.c, anywhere.c with step.c, ways.c.
//
// Try: in anywhere.c let act_with_journal set `open` before it writes the old
// values down. After which instructions is the bank wrong now? Then kill who
// repairs, after each instruction of repair(): why may that be done twice? In
// ways.c open the files with O_CLOEXEC: what does execve give back then?
//
// Read next: ipc/shm, scene `robust` (EOWNERDEAD between processes, and
// ENOTRECOVERABLE), ipc/semaphore, scenes `dies`, `undo` and `halves`;
// sync/philosophers, scene `victim` (a deadlock broken by a death).
// Sources: get_robust_list(2), futex(2), pthread_mutexattr_setrobust(3), the
// kernel's Documentation/locking/robust-futex-ABI.rst; ptrace(2), flock(2),
// fcntl(2), execve(2).

#define _GNU_SOURCE
#include "lab.h"
#include "robust.h"

static const struct scene scenes[] = {
	{ "plain",    "a thread ends, and its lock stays",   scene_plain },
	{ "thread",   "a thread ends, and the next is told", scene_thread },
	{ "list",     "how the kernel knows: a list",        scene_list },
	{ "word",     "what the kernel does: a bit",         scene_word },
	{ "anywhere", "killed after each instruction",       scene_anywhere },
	{ "journal",  "killed after each, and repaired",     scene_journal },
	{ "ways",     "ways to die, locks that notice",      scene_ways },
	{ 0 }
};

static const struct lab lab = {
	.name = "sync/robust",
	.summary = "the owner of a lock dies, and who is told",
	.chapter = "12 · Synchronisation",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

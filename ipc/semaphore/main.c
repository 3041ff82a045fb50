// # Semaphore: a number that processes wait for
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// A semaphore carries no data. It carries permission: a number that is never
// below zero, P (sem_wait) takes one off or sleeps until it can, V (sem_post)
// puts one on. With N it lets N in at a time, with 1 one, with 0 it says "go".
// It stands beside shared memory, which carries data and no permission.
//
//     $ build/ipc/semaphore              every scene
//     $ build/ipc/semaphore slots        one of them
//
//     slots · at most N inside at any time
//                  ✓ nobody asks: all 5 are inside at once
//         5.09 ms  main     3 slots, 5 workers: 3 inside, 2 asleep; the value is 0
//                  ✓ with a semaphore of 3 no more than 3 come in
//         5.98 ms  main     who waited (w) and who was inside (#):
//     A  w##################################################··················
//     B  ··············w##########################################············
//     C  ························w####################################········
//     D  ···································wwwwwwwwwwwwwwww##############····
//     E  ·············································wwwwwwwwwwww############
//        ┬────────────┬────────────┬────────────┬────────────┬────────────┬───
//        0 ms         0.5          1            1.5          2            2.5
//
// Scene by scene: slots.c (how many are inside), order.c (who says go), where.c
// (names and memory), ask.c (how not to wait), death.c (the holder dies),
// undo.c (what SEM_UNDO keeps in mind).
//
// Try: in `slots`, let the workers ask but forget the post at the end. Who is
// let in, and what does --timeout=1s say? Then let each take two slots, one
// after the other, with SLOTS = 4: how many workers does it need until all
// sleep for ever?
//
// Read next: ipc/channel/shm_sem.c (a mailbox of two semaphores), ipc/shm (the
// memory beside it, and the mutex that survives its holder), ipc/sysv (sets of
// semaphores, ipcs).
// Sources: sem_overview(7), sem_init(3), sem_wait(3), semop(2), semctl(2),
// futex(7), futex(2); POSIX.1-2017, sem_init(), sem_timedwait(); Dijkstra,
// "Cooperating sequential processes" (EWD 123, 1965).

#define _GNU_SOURCE
#include "scenes.h"

static const struct scene scenes[] = {
	{ "slots",      "at most N inside at any time",           play_slots },
	{ "exclusion",  "N = 1: one at a time",                   play_exclusion },
	{ "go",         "a post says go, and is remembered",      play_go },
	{ "owner",      "nobody asks who posts",                  play_owner },
	{ "rendezvous", "neither goes on before the other comes", play_rendezvous },
	{ "named",      "a name in /dev/shm",                     play_named },
	{ "private",    "not shared, or said not to be",          play_private },
	{ "ask",        "not waiting, waiting until, looking",    play_ask },
	{ "dies",       "POSIX: the holder dies, it stays taken", play_dies },
	{ "undo",       "System V: SEM_UNDO gives it back",       play_undo },
	{ "debts",      "what the kernel owes for a process",     play_debts },
	{ "halves",     "what SEM_UNDO does not heal",            play_halves },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/semaphore",
	.summary = "a number that processes wait for: permission without data",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// scenes.h - the scenes of ipc/signal, and what they share

#ifndef IPC_SIGNAL_SCENES_H
#define IPC_SIGNAL_SCENES_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// masks.c: delivery, masks, what fork and execve make of them
void scene_pending(void);
void scene_ignored(void);
void scene_unblockable(void);
void scene_inherit(void);

// safety.c: what a handler may do
void scene_deadlock(void);
void scene_libc(void);
void scene_safe(void);

// queue.c: how many arrive, and in which order
void scene_coalesce(void);
void scene_order(void);

// nest.c: handlers that interrupt handlers
void scene_nest(void);

// payload.c: what comes with a signal, and how many may wait
void scene_payload(void);
void scene_forge(void);
void scene_limit(void);

// calls.c: system calls that a signal interrupts
void scene_eintr(void);
void scene_restart(void);

// gap.c: between the test and the sleep
void scene_lost(void);

// threads.c: which thread gets it
void scene_any(void);
void scene_one(void);
void scene_fault(void);

// fetch.c: signals that are fetched, not handled
void scene_signalfd(void);
void scene_unblocked(void);
void scene_waiter(void);

// tools.c: the sets of a thread as the kernel shows them in
// /proc/TID/status; bit n - 1 stands for signal n (proc(5)).
struct masks {
	uint64_t thread_pending;  // SigPnd: for this thread alone
	uint64_t process_pending; // ShdPnd: for whichever thread takes it
	uint64_t blocked;         // SigBlk, of this thread
	uint64_t ignored;         // SigIgn, of the process
	uint64_t caught;          // SigCgt, of the process: it has a handler
};

// A process or a thread. Leaves the scene where /proc cannot tell.
struct masks masks_of(pid_t tid);
bool has(uint64_t mask, int number);

// Draws them, a row each, a column for each standard signal.
void show_masks(const struct masks *masks);

// A set of one signal.
sigset_t only(int number);

// These change the calling thread's mask. A program inherits its mask, so a
// scene that wants a signal unblocked says so.
void block(int number);
void unblock(int number);

// Installs a handler. No other signal is blocked while it runs.
void handle(int number, void (*handler)(int), int flags);

// sigqueue(3). Leaves the scene where no more may be queued: other processes of
// this user may have used up the limit (scene `limit`).
void queue(pid_t to, int number, int value);
void need_queued(int result); // of another call that queues a signal

#endif

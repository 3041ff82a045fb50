// crash.h - the scenes of threads/crash, and the workers that all use

#ifndef THREADS_CRASH_H
#define THREADS_CRASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { WORKERS = 8, CULPRIT = 3, ENOUGH_TICKS = 3 };

// What the workers leave behind, in memory that outlives them: each writes its
// own fields, the others read. Sequentially consistent throughout: what counts
// is who has seen what, and nothing here is fast.
struct worker {
	_Atomic pid_t tid;
	_Atomic int ticks;                 // how often it has worked
	_Atomic int64_t began_ns, last_ns; // of its ticks
};

struct board {
	struct worker workers[WORKERS];
	_Atomic int64_t fault_ns;
	_Atomic bool told; // the parent knows; who lives works a little more
	_Atomic int cleaned_up; // handlers that ran at the end of somebody
};

struct board *new_board(void);

// Works as number `n`: a tick each half millisecond. Number CULPRIT waits until
// everybody has ticked ENOUGH_TICKS times, then reads address 0; the others go
// on until the parent knows, tick ENOUGH_TICKS times more and return.
void work(struct board *board, int n);

// Reads a byte, in assembly: a compiler may take a load from NULL for
// impossible, and leave out what follows from it.
void read_byte(const void *address);

// The calling process may be killed by a fault, and leaves no core file. (It
// may have inherited another disposition: a sanitizer reports faults.)
void be_mortal(void);

// Whether there is a task, a process or a thread, with this number.
bool is_there(pid_t tid);

void scene_together(void); // eight.c
void scene_alone(void);
void scene_told(void);  // told.c
void scene_leave(void); // ends.c
void scene_exit(void);
void scene_exec(void);
void scene_jump(void); // locks.c
void scene_fork(void);

#endif

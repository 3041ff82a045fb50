// price.h - the scenes of threads/price, and the ways to make a worker

#ifndef THREADS_PRICE_H
#define THREADS_PRICE_H

#include <stddef.h>
#include <stdint.h>

// Each makes something that ends at once, and waits for its end.
enum { CLONE3, PTHREAD, VFORK, FORK, SPAWN, FORK_EXEC, WAYS };

struct way {
	const char *name, *makes;
	void (*make)(void);
};
extern const struct way ways[WAYS]; // ways.c

// Not to be in the way of a reader: what takes longer is left out, and said.
enum { BUDGET_NS = 700000000 };

// A line of /proc/self/status in KiB ("VmPTE:"). Leaves the scene where there
// is none.
long status_kib(const char *name);

// The size of a thread's stack, unless it is asked for another.
size_t default_stack_bytes(void);

// The error number of a call that makes a task. EAGAIN and ENOMEM leave the
// scene: a limit is met (scene `limits`).
void need_task(int error);

// Minor page faults of this process and of the children it has waited for.
long page_faults(void);

void scene_create(void); // create.c
void scene_grown(void);  // grown.c
void scene_memory(void); // memory.c
void scene_many(void);   // many.c
void scene_limits(void); // limits.c

#endif

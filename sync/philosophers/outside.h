// outside.h - a deadlocked table, seen from another process

#ifndef SYNC_PHILOSOPHERS_OUTSIDE_H
#define SYNC_PHILOSOPHERS_OUTSIDE_H

#include <stddef.h>
#include <sys/types.h>

#include "graph.h"
#include "table.h"

// Whether a thread sleeps in futex(2) for a word of this object.
enum sight { WAITS, ELSEWHERE, HIDDEN };
enum sight look(pid_t pid, pid_t tid, const void *object, size_t bytes);

// Starts a process whose philosophers are caught in a deadlock, and returns once
// the kernel shows them asleep. The caller kills it.
pid_t fork_deadlock(struct table *table, struct ring *ring);

void show_ring(const struct ring *ring);

#endif

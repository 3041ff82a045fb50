// queues.h - three queues behind one interface
//
// For as many as CROWD threads. Two of them have room for CAPACITY values.

#ifndef SYNC_RING_QUEUES_H
#define SYNC_RING_QUEUES_H

#include <pthread.h>
#include <stdint.h>

#include "sync/lockfree/queue.h"
#include "sync/lockfree/ring.h"

enum { CAPACITY = 1024, CROWD = 16 };

struct any_queue {
	const struct kind *kind;
	struct ring ring;
	struct queue queue;
	pthread_mutex_t mutex; // of the three below
	uintptr_t values[CAPACITY];
	size_t head, tail;
};

// A thread's way in.
struct user {
	struct any_queue *q;
	struct hazard_record *record;
};

// 0, or -EAGAIN: full, empty.
struct kind {
	const char *name, *word;
	char mark;
	int (*push)(const struct user *user, uintptr_t value);
	int (*pop)(const struct user *user, uintptr_t *value);
};

enum { WITH_MUTEX, CELLS, LIST, KINDS };
extern const struct kind kinds[KINDS];

struct any_queue *open_queue(const struct kind *kind);
void close_queue(struct any_queue *q);
struct user enter(struct any_queue *q);
void leave(const struct user *user);

#endif

// parts.h - what the files of this module know of each other
//
// schedule.c decides who runs; stack.c has the stacks, timer.c who sleeps until
// when, channel.c who waits for whom; io.c says what a request is, uring.c and
// epoll.c see it through. Nothing here is shared between threads.

#ifndef FIBER_PARTS_H
#define FIBER_PARTS_H

#include <liburing.h>

#include "fiber.h"
#include "sanitize.h"

enum fiber_state { FIBER_NONE, FIBER_READY, FIBER_WAITS, FIBER_ENDED };

struct scheduler;
struct request;

// Takes a fiber out of what it waits in. False: not at once, its wait will end
// by itself soon (or cannot be ended).
typedef bool give_up_function(struct scheduler *s, struct fiber *f);

struct fiber {
	void *context; // while it does not run; see switch.h
	struct fiber
		*next; // in the queue of those that can run, or of free ones
	give_up_function *give_up; // while it waits
	int64_t outcome;           // what the wait returns
	fiber_function *function;
	void *value; // the argument, then the result
	struct fiber *joiner;
	union {                       // what it waits in
		struct fiber *target; // join
		struct {              // sleep
			int64_t deadline_ns;
			uint64_t order; // of equal deadlines
			size_t place;   // in the heap
		};
		struct { // channels
			struct fiber_case *cases;
			size_t count;
		};
		struct request *request; // I/O
	};
	enum fiber_state state : 8;
	bool cancelled, detached;
	struct shadow shadow;
};

struct queue {
	struct fiber *head, *tail;
};

// # How the world outside is waited for

struct backend {
	const char *name;
	int (*open)(struct scheduler *s);
	void (*close)(struct scheduler *s);

	// Sees a request through for the fiber that runs; its result.
	int64_t (*perform)(struct scheduler *s, struct request *r);

	// Makes all fibers ready whose request is done. Sleeps until there is
	// one, at most so long; 0: does not sleep, -1: as long as it takes. A
	// signal ends that. Returns 0, or -errno when it is broken.
	int (*look)(struct scheduler *s, int64_t limit_ns);
};

extern const struct backend fiber_uring, fiber_epoll;

struct watched; // epoll.c

struct scheduler {
	struct fiber *running;
	struct queue ready;
	unsigned turns;    // until somebody looks at timers and I/O
	size_t under_way;  // I/O requests
	struct fiber root; // the thread itself: fiber_run, on its own stack

	// stack.c: one mapping: the fibers, the heap, the stacks.
	char *mapping, *stacks;
	size_t mapping_bytes, page_bytes, stack_bytes, stride;
	size_t most, used; // slots there are, and that have been used once
	struct fiber *fibers, *free;
	enum fiber_guard guard;

	// timer.c
	struct fiber **heap;
	size_t sleeping;
	uint64_t sleeps_begun;

	const struct backend *backend; // NULL: not opened yet
	enum fiber_backend wanted;
	union {
		struct {
			struct io_uring ring;
		};
		struct {
			int epoll;
			struct watched *watched; // by descriptor
			size_t watched_count;
		};
	};
	int broken;             // -errno of the backend
	bool locked;            // a deadlock has been told
	struct fiber *ended;    // under TSan: to be forgotten by who runs next
	struct fiber *previous; // who ran before
	struct fiber_facts facts;
};

// # schedule.c

// The scheduler of the calling thread; NULL outside of fibers.
struct scheduler *fiber_scheduler(void);

// Behind all that can run already; its wait returns `outcome`.
void fiber_ready(struct scheduler *s, struct fiber *f, int64_t outcome);

// The running fiber waits until somebody makes it ready.
int64_t fiber_wait(struct scheduler *s, give_up_function *give_up);

// To be called before each wait: -ECANCELED if it has been cancelled (that is
// told now), else 0.
int fiber_check_cancel(struct fiber *f);

// # stack.c

int fiber_stacks_open(struct scheduler *s, const struct fiber_setup *setup);
void fiber_stacks_close(struct scheduler *s);

// A slot with an empty, guarded stack; -EAGAIN, -ENOMEM. And back.
int fiber_slot_take(struct scheduler *s, struct fiber **f);
void fiber_slot_give(struct scheduler *s, struct fiber *f);

char *fiber_stack_low(const struct scheduler *s, const struct fiber *f);
char *fiber_stack_top(const struct scheduler *s, const struct fiber *f);

// # timer.c

// When the first one is to wake; INT64_MAX when nobody sleeps.
int64_t fiber_timer_first(const struct scheduler *s);
void fiber_timer_wake(struct scheduler *s, int64_t now_ns);

// # io.c

// What a request is, whoever sees it through. uring.c only prepares; epoll.c
// tries: without waiting as long as it may (TRY), again when the descriptor is
// said to be ready (AGAIN), and however long it takes where nobody can say that
// (BLOCK). -EAGAIN: not yet.
enum attempt { TRY, AGAIN, BLOCK };

struct operation {
	void (*prepare)(struct io_uring_sqe *sqe, const struct request *r);
	int64_t (*attempt)(struct request *r, enum attempt attempt);
	short events; // what to wait for; 0: it can only block
	bool stays;   // is not cancelled
};

struct request {
	const struct operation *operation;
	int fd;
	void *bytes; // also a path or an address
	size_t n;
	int64_t offset;
	int flags;
	mode_t mode;
	socklen_t *length;
	short events; // of the operation, or what poll asked for

	// epoll.c's: others that wait for the same descriptor.
	struct fiber *fiber;
	struct request *next;
};

// Opens the backend if there is none yet.
int fiber_backend_open(struct scheduler *s);

// epoll.c: nobody will ever be told about this descriptor again.
void fiber_epoll_closed(struct scheduler *s, int fd);

#endif

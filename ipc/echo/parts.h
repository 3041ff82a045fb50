// parts.h - what the three ways share

#ifndef ECHO_PARTS_H
#define ECHO_PARTS_H

#include <errno.h>

#include "clock.h"
#include "echo.h"

extern const struct echo_way echo_way_process, echo_way_epoll, echo_way_uring;

static inline void echo_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t echo_value(_Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

// A client came: returns its number. One went.
uint64_t echo_began(const struct echo_job *job);
void echo_ended(const struct echo_job *job, int error);

// The process of one client (process_child.c), with its connection and number.
_Noreturn void echo_child(const struct echo_job *job, int fd, pid_t server,
			  uint64_t client);

// Whether there are as many clients as there may be.
bool echo_is_full(const struct echo_job *job);

int echo_set_blocking(int fd, bool blocking);

// ## A client as a record
//
// Where one thread serves all, a client is no process with a stack but this.
// What is in the buffer from `begin` to `end` has come and not gone back.
struct echo_client {
	struct echo_client *before, *next;
	int fd;
	bool sending; // waits for room to send; else for what comes
	size_t begin, end;
	uint64_t number, bytes;
	char buffer[ECHO_BUFFER];
};

// Fills in the record (from malloc) of who was accepted at `fd`, and puts it into
// the list. The other one closes, frees and tells.
void echo_client_begin(const struct echo_job *job, struct echo_client **list,
		       struct echo_client *client, int fd);
void echo_client_end(const struct echo_job *job, struct echo_client **list,
		     struct echo_client *client, int error);

// n bytes of the buffer have gone back.
void echo_client_sent(const struct echo_job *job, struct echo_client *client,
		      size_t n);

// ## Why accept(2) failed
//
// Three cases. A connection that was there may be gone again before we came,
// and Linux also passes on the network's own errors this way: go on. No
// descriptor, no memory: rest. Anything else is a mistake of ours.
enum echo_trouble { ECHO_GO_ON, ECHO_REST, ECHO_BROKEN };
enum echo_trouble echo_trouble(int error);

// ## Resting
//
// A connection that cannot be accepted stays in the queue, and the listener
// stays readable: who asks again at once would ask for ever, and the CPU would
// do nothing else (a famous bug of many servers). So we look away, until a
// client of ours has left or, since others may hold what is missing, a while
// has passed.
enum { ECHO_REST_MS = 100 };

struct echo_rest {
	int64_t until_ns; // 0: not resting
};

static inline void echo_rest_begin(struct echo_rest *rest,
				   const struct echo_job *job)
{
	rest->until_ns = now_ns() + ECHO_REST_MS * INT64_C(1000000);
	echo_count(&job->counts->rests, 1);
}

// What poll(2) and epoll_wait(2) want: milliseconds, rounded up; -1 for ever.
static inline int echo_rest_ms(const struct echo_rest *rest)
{
	int64_t left_ns = rest->until_ns - now_ns();

	if (rest->until_ns == 0)
		return -1;
	return left_ns > 0 ? (int)(left_ns / 1000000 + 1) : 0;
}

static inline bool echo_rest_is_over(const struct echo_rest *rest)
{
	return rest->until_ns != 0 && now_ns() >= rest->until_ns;
}

#endif

// channel.h - one interface for every way two processes can talk
//
// A channel joins two processes, its sides, and carries messages both ways.
// One process opens it and forks; then each of the two takes its side:
//
//     struct channel *c;
//     int error = channel_open(&c, channel_mechanism("pipe"), 4096);
//     ...
//     if (fork() == 0) {
//             channel_take_side(c, CHANNEL_RIGHT);
//             while ((n = channel_receive(c, buffer, sizeof buffer)) > 0)
//                     channel_send(c, buffer, n);
//             channel_finish(c);
//             channel_close(c);
//             _exit(0);
//     }
//     channel_take_side(c, CHANNEL_LEFT);
//     channel_send(c, "hello", 5);
//
// How a mechanism does this is told in the file of its name: pipe.c, mqueue.c,
// ring.c ... A lab, ipc/relay and the benchmark all use these same functions:
// what you read is what is timed.
//
// Functions return 0 (or a count) or -errno, print nothing and never exit.
// SIGPIPE is the caller's to ignore: without that, sending to a dead peer over
// pipe, fifo or a stream kills, as it would anywhere.

#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum channel_side { CHANNEL_LEFT, CHANNEL_RIGHT };

enum channel_kind {
	// Bytes in order. What one receive returns may be part of what was
	// sent, or several sends joined: use channel_receive_full.
	CHANNEL_STREAM,
	// One receive returns one message whole. A buffer that is too small is
	// an error (-EMSGSIZE), never a silent cut.
	CHANNEL_MESSAGE,
	// No payload: send and receive with 0 bytes; receive returns 1.
	CHANNEL_EVENT,
};

struct channel;

// What a mechanism is. The table is constant; adding one is adding one file
// and one row (mechanisms.c).
struct mechanism {
	const char *name;  // "pipe": on the command line, in case names
	const char *title; // one line for people
	const char *when;  // to choose it; what speaks against it: at most
			   // 62 characters, for a table
	const char *meets; // how programs that are no relatives would find
			   // the thing it is made of: by "path", "name",
			   // "key", "PID" or "address". "inherited": not at
			   // all, its descriptors come by fork or are passed
			   // over a UNIX socket. (A channel itself is always
			   // inherited.)
	enum channel_kind kind;
	bool queues;      // holds several messages before the receiver
			  // takes one, so that it has a bandwidth
	bool spins;       // waits by looking again and again; on one CPU
			  // it must yield to make progress
	bool tells_death; // when the peer dies, receive returns 0 or an
			  // error; without it, it waits for ever

	// Whether this host has it: 0 and the largest message in bytes
	// (SIZE_MAX: any), or -errno and a sentence that says what is missing.
	int (*probe)(size_t *limit_bytes, char *why, size_t why_bytes);

	// Used through the functions below.
	int (*open)(struct channel *c);
	int (*take_side)(struct channel *c); // may be NULL
	int (*send)(struct channel *c, const void *message, size_t bytes);
	ssize_t (*receive)(struct channel *c, void *buffer, size_t bytes);
	// Several at once; NULL: one after the other.
	int (*send_many)(struct channel *c, const void *messages, size_t bytes,
			 size_t count);
	ssize_t (*receive_many)(struct channel *c, void *buffer, size_t bytes,
				size_t count);
	int (*finish)(struct channel *c);
	void (*close)(struct channel *c);
};

// Every mechanism in the order of the lecture notes; ends with NULL.
extern const struct mechanism *const channel_mechanisms[];

// By name, or NULL.
const struct mechanism *channel_mechanism(const char *name);

// Opens both sides in this process. No message will be larger than
// `largest_bytes`; above the mechanism's limit: -EMSGSIZE. What has a name in
// the file system or the kernel is unlinked here already, or in the ledger of
// names.h, so that nothing outlives the two processes.
// Not thread-safe against fork in another thread.
int channel_open(struct channel **c, const struct mechanism *mechanism,
		 size_t largest_bytes);

// After fork, in each of the two processes, once: becomes that side and closes
// what belongs to the other, so that the end of a stream can be seen. Does not
// wait for the peer, except where the mechanism needs its process ID.
int channel_take_side(struct channel *c, enum channel_side side);

// Sends one message of 1 to largest_bytes bytes (0 for CHANNEL_EVENT), waiting
// while the channel is full. Returns 0 or -errno; after an error the channel
// can only be closed.
static inline int channel_send(struct channel *c, const void *message,
			       size_t bytes);

// Receives into `buffer` of `bytes` bytes, waiting while there is nothing.
// Returns how many bytes came (CHANNEL_EVENT: 1), 0 once the peer has finished
// and everything was received, or -errno.
static inline ssize_t channel_receive(struct channel *c, void *buffer,
				      size_t bytes);

// Receives exactly `bytes` bytes, however a stream splits them. Returns bytes,
// fewer only at the end of the stream, or -errno.
ssize_t channel_receive_full(struct channel *c, void *buffer, size_t bytes);

// Several messages of one size, one behind the other in memory: what
// sendmmsg(2) is to sendto(2). They arrive as if each had been sent alone, and
// may be received one by one. channel_send_many sends all `count` of them and
// returns 0 or -errno. channel_receive_many waits for the first and takes up to
// `count` >= 1 that are there; returns how many, 0 at the end, or -errno: the
// first of another size than `bytes` is -EMSGSIZE (a later one is left for the
// next call). Where the mechanism has no way of its own, one call a message.
int channel_send_many(struct channel *c, const void *messages, size_t bytes,
		      size_t count);
ssize_t channel_receive_many(struct channel *c, void *buffer, size_t bytes,
			     size_t count);

// Says that this side sends no more. The peer's receive returns 0 after the
// last message. Waits like a send where the end is a message of its own. After
// an error, and when the peer is gone already, it may return an error.
int channel_finish(struct channel *c);

// Call channel_finish first: where there is no connection (mqueue, sysv-mq,
// unix-dgram, udp) a close alone tells the peer's receive nothing, and a sender
// that waits for room in a queue is not woken (mqueue, eventfd).
//
// Releases what this process holds of the channel. In the process that opened
// it, also what has a name. NULL is allowed.
void channel_close(struct channel *c);

// The rest is the mechanisms' business (see parts.h); here because a call
// through one pointer is all that channel_send and channel_receive may cost.

struct meeting;

struct channel {
	const struct mechanism *mechanism;
	size_t largest_bytes;
	enum channel_side side;
	pid_t opener;            // who opened it
	struct meeting *meeting; // a page that both sides share
	int in, out;             // this side's descriptors, or -1
	int ends[2][2];          // [side][0 in, 1 out], before take_side
	void *state;             // the mechanism's own
};

static inline int channel_send(struct channel *c, const void *message,
			       size_t bytes)
{
	return c->mechanism->send(c, message, bytes);
}

static inline ssize_t channel_receive(struct channel *c, void *buffer,
				      size_t bytes)
{
	return c->mechanism->receive(c, buffer, bytes);
}

#endif

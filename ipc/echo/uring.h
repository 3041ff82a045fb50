// uring.h - a server that io_uring works for, and what it asks for

#ifndef ECHO_URING_H
#define ECHO_URING_H

#include <liburing.h>

#include "parts.h"

// A result hands in one request at most, the word to stop two, the door one. So
// a turn takes results as long as this many places are free in the queue.
enum { URING_ROOM = 4 };

// Requests are known by an address: a client's record, or of these flags the one
// that says that the request is under way.
struct uring_server {
	const struct echo_job *job;
	struct io_uring ring;
	struct echo_client *clients;
	bool accepting, awaiting_stop, cancelling;
	bool multishot, stopping;
	size_t under_way; // requests whose last result has not come
	struct echo_rest rest;
	int error;
};

// 0 or -errno.
int echo_uring_open(struct io_uring *ring);

// These hand in a request each: receive into a client's buffer, send what is left
// in it, accept, wait until job->stop can be read; and cancel the request that
// is known by this flag, if it is under way.
void uring_ask_receive(struct uring_server *s, struct echo_client *c);
void uring_ask_send(struct uring_server *s, struct echo_client *c);
void uring_ask_accept(struct uring_server *s);
void uring_ask_stop(struct uring_server *s);
void uring_cancel(struct uring_server *s, bool *whose);

#endif

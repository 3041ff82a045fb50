// # shm-spin: a mailbox in shared memory, and looking until it has changed
//
// Both sides map the same pages, so the kernel need not carry anything. For
// each direction there is a box for one message. Its first word says whose box
// it is: 0, the sender's; n, the receiver's, with n bytes in it.
//
//     sender    waits for length == 0   copies in    length = n
//     receiver  waits for length != 0   copies out   length = 0
//
//              ┌─ one cache line ───────────────────┐┌─ more lines ──┐
//     the box: │ length │ ended │ gone │ 52 bytes … ││ … the rest    │
//              └────────────────────────────────────┘└───────────────┘
//
// Nobody sleeps and nobody wakes: who waits reads the word again and again
// (busy waiting, 바쁜 대기). While nothing happens the word is in the waiter's own
// cache and costs the other CPU nothing. The store that changes it takes the
// line away (that is the price: one line moved from cache to cache, tens to
// hundreds of nanoseconds), and because the first bytes of the message lie in
// the same line, a short message arrives with its flag.
//
// On one CPU the waiter burns the very time the other needs, so after a short
// spin it yields (backoff_wait): every hand-over becomes a context switch.
//
// End: `ended` is the sender's last word, `gone` the receiver's. A peer that
// dies says neither: then the wait is for ever.
//
// Price: no system call between two CPUs, two copies, one line a direction.
// Sources: Hennessy & Patterson, Computer Architecture, chapter 5;
// C17 7.17.3 (memory order).

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "lane.h"

struct box {
	_Atomic uint32_t length;
	_Atomic uint32_t ended; // the sender sends no more
	_Atomic uint32_t gone;  // the receiver has closed
	char bytes[];
};

static int open_boxes(struct channel *c)
{
	return lanes_open(c, sizeof(struct box) + c->largest_bytes);
}

// The acquire load of 0 pairs with the receiver's release: its copy out is over
// before ours goes in. The release store pairs with the acquire in receive: who
// sees the length sees the bytes.
static int send(struct channel *c, const void *message, size_t bytes)
{
	struct box *box = lane_out(c);
	struct backoff backoff = { 0 };

	while (atomic_load_explicit(&box->length, memory_order_acquire) != 0) {
		if (atomic_load_explicit(&box->gone, memory_order_relaxed))
			return -EPIPE;
		backoff_wait(&backoff);
	}
	if (atomic_load_explicit(&box->gone, memory_order_relaxed))
		return -EPIPE;
	memcpy(box->bytes, message, bytes);
	atomic_store_explicit(&box->length, bytes, memory_order_release);
	return 0;
}

// `ended` is stored after the last message, with release: a receiver that sees
// it with acquire and then still finds the box empty has had everything.
static ssize_t receive(struct channel *c, void *buffer, size_t bytes)
{
	struct box *box = lane_in(c);
	struct backoff backoff = { 0 };
	uint32_t length, ended = 0;

	while (!(length = atomic_load_explicit(&box->length,
					       memory_order_acquire))) {
		if (ended)
			return 0;
		ended = atomic_load_explicit(&box->ended, memory_order_acquire);
		if (!ended)
			backoff_wait(&backoff);
	}
	if (length > bytes)
		return -EMSGSIZE;
	memcpy(buffer, box->bytes, length);
	atomic_store_explicit(&box->length, 0, memory_order_release);
	return length;
}

static int finish(struct channel *c)
{
	struct box *box = lane_out(c);
	atomic_store_explicit(&box->ended, 1, memory_order_release);
	return 0;
}

// `gone` publishes nothing, so relaxed is enough: the peer's next look sees it.
static void close_boxes(struct channel *c)
{
	if (channel_has_side(c)) {
		struct box *box = lane_in(c);
		atomic_store_explicit(&box->gone, 1, memory_order_relaxed);
		finish(c);
	}
	lanes_close(c);
}

const struct mechanism mechanism_shm_spin = {
	.name = "shm-spin",
	.title = "shared memory and a spinning flag: no kernel, no sleep",
	.when = "least delay where each side owns a CPU; else it burns one",
	.meets = "name",
	.kind = CHANNEL_MESSAGE,
	.spins = true,
	.probe = lanes_probe,
	.open = open_boxes,
	.take_side = lanes_take_side,
	.send = send,
	.receive = receive,
	.finish = finish,
	.close = close_boxes,
};

// # ring: a queue in shared memory for one producer and one consumer
//
// A message costs a copy in and a copy out, and nothing else: no system call,
// no lock, not even an atomic read-modify-write. That works because each of the
// two indices has one writer: the producer moves `tail`, the consumer `head`.
// Both only grow; index & mask is the place in the ring.
//
//          head                        tail
//           ▼                           ▼
//     ┌─────┬────────┬──────────────┬───┬──────────┐
//     │free │8│bytes…│8│bytes…       │8│…│   free   │   8: the length
//     └─────┴────────┴──────────────┴───┴──────────┘
//
// A frame is a length and the message, rounded up to 8 bytes, so that every
// length is aligned. A frame lies in one piece: if it does not fit before the
// end of the ring, the producer writes SKIP there and starts again at 0.
//
// **False sharing.** CPUs exchange cache lines, not variables. Were head and
// tail in one line, each store of one side would take the line from the other,
// though neither wrote what the other wrote. So each index lives on a line of
// its own (on a pair of lines, since the prefetchers of Intel and AMD like to
// fetch the neighbour too). Beside it lies what only its owner uses.
//
// **Cached indices.** Reading the other's index still costs a line, tens to
// hundreds of nanoseconds, because its owner has just written it. So each side
// keeps the last value it saw and looks again only when that is used up: the
// producer when the ring seems full, the consumer when it seems empty. A
// consumer that fell behind takes a whole batch of messages for one look.
//
// When each waits: at full or empty, by looking again and again; after a short
// spin it lets others run (backoff_wait). End: bit 0 of tail, set by finish;
// lengths are multiples of 8, so the bit is free. Bit 0 of head: the consumer
// has closed, which a producer notices when it next looks, at a ring that seems
// full. A peer that dies sets neither: then the wait is for ever.
//
// Price: two copies; one line for tail and the lines of the message itself.
// Sources: Lamport, "Proving the correctness of multiprocess programs", IEEE
// TSE 3 (1977) (one writer an index); Lee, Bu, Chandranmenon, "A lock-free,
// cache-efficient shared ring buffer", ANCS 2009 (cached indices); Intel 64
// Optimization Reference Manual, "spatial prefetcher".

#define _GNU_SOURCE
#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include "lane.h"

enum { SMALLEST_RING = 64 << 10, LARGEST_IN_RING = 4 };

static const uint64_t SKIP = UINT64_MAX, CLOSED = 1;

struct ring {
	alignas(2 * CACHE_LINE) _Atomic uint64_t tail;
	uint64_t head_seen; // the producer's
	alignas(2 * CACHE_LINE) _Atomic uint64_t head;
	uint64_t tail_seen;                    // the consumer's
	alignas(2 * CACHE_LINE) uint64_t mask; // never changes
	alignas(CACHE_LINE) char bytes[];
};

// A power of two, so that & mask can stand for %, and room for several of the
// largest messages, so that both sides can be busy. Twice the largest would be
// enough for a frame and the rest that it skips.
static int open_rings(struct channel *c)
{
	size_t capacity = SMALLEST_RING;
	while (capacity < LARGEST_IN_RING * c->largest_bytes)
		capacity *= 2;

	int error = lanes_open(c, sizeof(struct ring) + capacity);
	if (error)
		return error;
	for (int side = 0; side < 2; side++) {
		struct ring *ring = lanes_of(c, side);
		ring->mask = capacity - 1;
	}
	return 0;
}

static inline uint64_t frame_bytes(uint64_t message_bytes)
{
	return sizeof(uint64_t) + (message_bytes + 7) / 8 * 8;
}

static inline uint64_t *length_at(struct ring *ring, uint64_t place)
{
	return (uint64_t *)(ring->bytes + place);
}

// Waits until the consumer has left room for everything before `end`. Acquire
// pairs with the release of head in receive: the consumer's copy out of that
// room is over before we write there.
static int await_room(struct ring *ring, uint64_t end)
{
	struct backoff backoff = { 0 };
	for (;;) {
		uint64_t head = atomic_load_explicit(&ring->head,
						     memory_order_acquire);
		if (head & CLOSED)
			return -EPIPE;
		ring->head_seen = head;
		if (end - head <= ring->mask + 1)
			return 0;
		backoff_wait(&backoff);
	}
}

// tail is ours: relaxed. Its release store publishes length, bytes and SKIP at
// once; it pairs with the acquire in await_message.
static int send(struct channel *c, const void *message, size_t bytes)
{
	struct ring *ring = lane_out(c);
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint64_t place = tail & ring->mask, rest = ring->mask + 1 - place;
	uint64_t need = frame_bytes(bytes), skip = need > rest ? rest : 0;
	uint64_t end = tail + skip + need;

	if (end - ring->head_seen > ring->mask + 1) {
		int error = await_room(ring, end);
		if (error)
			return error;
	}
	if (skip) {
		*length_at(ring, place) = SKIP;
		place = 0;
	}
	*length_at(ring, place) = bytes;
	memcpy(ring->bytes + place + sizeof(uint64_t), message, bytes);
	atomic_store_explicit(&ring->tail, end, memory_order_release);
	return 0;
}

// Waits for something behind `head`; false at the end. The bit of the end is
// seen together with the last message or after it, never before.
static bool await_message(struct ring *ring, uint64_t head)
{
	struct backoff backoff = { 0 };
	for (;;) {
		uint64_t tail = atomic_load_explicit(&ring->tail,
						     memory_order_acquire);
		ring->tail_seen = tail & ~CLOSED;
		if (ring->tail_seen != head)
			return true;
		if (tail & CLOSED)
			return false;
		backoff_wait(&backoff);
	}
}

static ssize_t receive(struct channel *c, void *buffer, size_t bytes)
{
	struct ring *ring = lane_in(c);
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (ring->tail_seen == head && !await_message(ring, head))
		return 0;
	uint64_t place = head & ring->mask, length = *length_at(ring, place);
	if (length == SKIP) {
		head += ring->mask + 1 - place;
		place = 0;
		length = *length_at(ring, 0);
	}
	if (length > bytes)
		return -EMSGSIZE;
	memcpy(buffer, ring->bytes + place + sizeof(uint64_t), length);
	atomic_store_explicit(&ring->head, head + frame_bytes(length),
			      memory_order_release);
	return length;
}

static int finish(struct channel *c)
{
	struct ring *ring = lane_out(c);
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	atomic_store_explicit(&ring->tail, tail | CLOSED, memory_order_release);
	return 0;
}

static void close_rings(struct channel *c)
{
	if (channel_has_side(c)) {
		struct ring *ring = lane_in(c);
		uint64_t head = atomic_load_explicit(&ring->head,
						     memory_order_relaxed);
		atomic_store_explicit(&ring->head, head | CLOSED,
				      memory_order_release);
		finish(c);
	}
	lanes_close(c);
}

const struct mechanism mechanism_ring = {
	.name = "ring",
	.title = "a ring in shared memory: one producer, one consumer, no lock",
	.kind = CHANNEL_MESSAGE,
	.queues = true,
	.spins = true,
	.probe = lanes_probe,
	.open = open_rings,
	.take_side = lanes_take_side,
	.send = send,
	.receive = receive,
	.finish = finish,
	.close = close_rings,
};

// # ring: a queue in shared memory for one producer and one consumer
//
// A message costs a copy in and a copy out, and nothing else: no system call,
// no lock, not even an atomic read-modify-write. That works because each of the
// two indices has one writer: the producer moves `tail`, the consumer `head`.
//
//          head                        tail
//           ▼                           ▼
//     ┌─────┬────────┬──────────────┬───┬──────────┐
//     │free │8│bytes…│8│bytes…       │8│…│   free   │   8: a word (ring.h)
//     └─────┴────────┴──────────────┴───┴──────────┘
//
// CPUs exchange cache lines, not variables; to fetch one that the other core has
// just written takes tens to hundreds of nanoseconds. So the indices lie on lines
// of their own, each side keeps a copy of the other's, and a ring is not small:
// all that is told in ring.h. And:
//
// **Giving back late.** That a place is free can wait: the consumer stores head
// before it waits, or when an eighth of the ring is free. That a message is there
// cannot: its sender may sleep next.
//
// **Slip.** A consumer that is the faster one catches up after each message and
// looks at tail, whose line the producer must then fetch back. So it lets the
// producer run ahead a little before it looks; but not if it has itself sent
// something since the last look: who awaits an answer looks at once.
//
// **Few stores.** A core keeps some sixty stores under way, in order: behind one
// that waits for its line all wait. So a short message is sent with the stores of
// word, message and tail: what is rare is not inlined, and no register saved.
//
// For orientation, on two cores of an AMD EPYC 7003 without and with these: 64
// bytes 2.4 and 7.5 GB/s, in packs (channel_send_many) 30; 4 KiB 12 and 27.
//
// When each waits: at full or empty, by looking again and again; after a short
// spin it lets others run (backoff_wait). End: bit 0 of tail, free since frames
// are multiples of 8. Bit 0 of head: the consumer has closed, which a producer
// notices at a ring that seems full. Who dies sets neither: a wait for ever.
//
// Sources: Lamport, "Proving the correctness of multiprocess programs", IEEE TSE
// 3 (1977); Lee et al., "A lock-free, cache-efficient shared ring buffer", ANCS
// 2009 (late updates); Giacomoni et al., "FastForward", PPoPP 2008 (slip).

#define _GNU_SOURCE
#include <errno.h>

#include "ring.h"

#define RARE __attribute__((noinline))
enum {
	GIVE_BACK = 8,   // an eighth of the ring
	SLIP = 16,       // looks that are left out
	PACK = 16 << 10, // bytes of small messages in one frame
};

// Several of the largest messages, so that both sides can be busy.
static int open_rings(struct channel *c)
{
	size_t capacity = SMALLEST_RING;
	while (capacity < LARGEST_IN_RING * c->largest_bytes)
		capacity *= 2;

	int error = lanes_open(c, sizeof(struct ring) + capacity);
	for (int side = 0; side < 2 && !error; side++) {
		struct ring *ring = lanes_of(c, side);
		ring->mask = capacity - 1;
	}
	return error;
}

// ## The producer

// One frame; false: no room, as far as seen. tail is ours: relaxed. Its release
// store publishes word and messages; it pairs with the acquire in await_word.
static inline bool put(struct ring *ring, const void *messages, size_t bytes,
		       size_t count)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint64_t all = bytes * count, end = tail + extent_of(tail, all);

	if (end > ring->limit || end - ring->head_seen > ring->mask + 1)
		return false;
	uint64_t *frame = word_at(ring, tail);
	*frame = word_of(bytes, count);
	copy((char *)frame + lead_of(tail, all), messages, all);
	atomic_store_explicit(&ring->tail, end, memory_order_release);
	return true;
}

// The same, and waits for room.
RARE static int put_patiently(struct channel *c, const void *messages,
			      size_t bytes, size_t count)
{
	struct ring *ring = lane_out(c);
	struct backoff backoff = { 0 };

	while (!put(ring, messages, bytes, count)) {
		uint64_t seen = ring->head_seen;
		if (move_limit(ring, lane_in(c), bytes * count))
			continue;
		if (look_at_head(ring) & CLOSED)
			return -EPIPE;
		if (ring->head_seen == seen)
			backoff_wait(&backoff);
	}
	return 0;
}

static int send(struct channel *c, const void *message, size_t bytes)
{
	if (bytes < LARGE && put(lane_out(c), message, bytes, 1))
		return 0;
	return put_patiently(c, message, bytes, 1);
}

static int send_many(struct channel *c, const void *messages, size_t bytes,
		     size_t count)
{
	size_t most = bytes < PACK ? PACK / bytes : 1;
	int error = 0;

	while (count && !error) {
		size_t n = count < most ? count : most;
		error = put_patiently(c, messages, bytes, n);
		messages = (const char *)messages + n * bytes;
		count -= n;
	}
	return error;
}

// ## The consumer

// Release: our copies out of all before `next` are over; see look_at_head.
static inline void give_back(struct ring *ring)
{
	atomic_store_explicit(&ring->head, ring->next, memory_order_release);
}

// The word at `next`, or 0: there is none, as far as seen. What a SKIP leaves out
// is given back at once: the producer may need it for the frame behind.
static inline uint64_t next_word(struct ring *ring)
{
	while (ring->tail_seen != ring->next) {
		uint64_t word = *word_at(ring, ring->next);
		if (word != SKIP)
			return word;
		ring->next = next_lap(ring, ring->next);
		give_back(ring);
	}
	return 0;
}

// Waits for one; 0 at the end. The bit of the end is seen with the last message or
// after it, never before. Acquire pairs with the releases in put and finish.
static uint64_t await_word(struct channel *c)
{
	struct ring *ring = lane_in(c), *back = lane_out(c);
	struct backoff slip = { 0 }, backoff = { 0 };
	uint64_t sent = atomic_load_explicit(&back->tail, memory_order_relaxed);

	give_back(ring);
	while (sent == ring->answered && slip.turns < SLIP)
		backoff_wait(&slip);
	ring->answered = sent;
	for (;;) {
		uint64_t tail = atomic_load_explicit(&ring->tail,
						     memory_order_acquire);
		ring->tail_seen = tail & ~CLOSED;
		uint64_t word = next_word(ring);
		if (word || tail & CLOSED)
			return word;
		backoff_wait(&backoff);
	}
}

// Steps over the frame, whose messages were copied out. head is ours: relaxed.
static inline void leave(struct ring *ring, uint64_t all)
{
	ring->next += extent_of(ring->next, all);
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	if (ring->next - head > ring->mask / GIVE_BACK)
		give_back(ring);
}

static inline ssize_t take(struct ring *ring, uint64_t word, void *buffer,
			   size_t bytes)
{
	if (word > bytes)
		return -EMSGSIZE;
	const char *frame = (char *)word_at(ring, ring->next);
	copy(buffer, frame + lead_of(ring->next, word), word);
	leave(ring, word);
	return word;
}

// Up to `count` messages of the pack at `next`.
static size_t unpack(struct ring *ring, uint64_t word, void *buffer,
		     size_t count)
{
	uint64_t each = bytes_of(word), all = each * count_of(word);

	if (!ring->left) {
		ring->left = count_of(word);
		ring->at = (ring->next & ring->mask) + lead_of(ring->next, all);
	}
	if (count > ring->left)
		count = ring->left;
	copy(buffer, ring->bytes + ring->at, count * each);
	ring->at += count * each;
	ring->left -= count;
	if (!ring->left)
		leave(ring, all);
	return count;
}

RARE static ssize_t take_patiently(struct channel *c, void *buffer,
				   size_t bytes)
{
	struct ring *ring = lane_in(c);
	uint64_t word = next_word(ring) ?: await_word(c);

	if (!count_of(word))
		return word ? take(ring, word, buffer, bytes) : 0;
	if (bytes_of(word) > bytes)
		return -EMSGSIZE;
	unpack(ring, word, buffer, 1);
	return bytes_of(word);
}

static ssize_t receive(struct channel *c, void *buffer, size_t bytes)
{
	struct ring *ring = lane_in(c);

	if (ring->tail_seen != ring->next) {
		uint64_t word = *word_at(ring, ring->next);
		if (word < LARGE)
			return take(ring, word, buffer, bytes);
	}
	return take_patiently(c, buffer, bytes);
}

static ssize_t receive_many(struct channel *c, void *buffer, size_t bytes,
			    size_t count)
{
	struct ring *ring = lane_in(c);
	uint64_t word = next_word(ring) ?: await_word(c);
	size_t got = 0;

	for (; got < count && word; word = next_word(ring)) {
		char *to = (char *)buffer + got * bytes;
		if (bytes_of(word) != bytes)
			return got ? (ssize_t)got : -EMSGSIZE;
		if (count_of(word))
			got += unpack(ring, word, to, count - got);
		else
			got += take(ring, word, to, bytes) > 0;
	}
	return got;
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
		atomic_store_explicit(&ring->head, ring->next | CLOSED,
				      memory_order_release);
		finish(c);
	}
	lanes_close(c);
}

const struct mechanism mechanism_ring = {
	.name = "ring",
	.title = "a ring in shared memory: one producer, one consumer, no lock",
	.when = "a stream of messages, one writer, one reader; spins when idle",
	.meets = "name",
	.kind = CHANNEL_MESSAGE,
	.queues = true,
	.spins = true,
	.probe = lanes_probe,
	.open = open_rings,
	.take_side = lanes_take_side,
	.send = send,
	.receive = receive,
	.send_many = send_many,
	.receive_many = receive_many,
	.finish = finish,
	.close = close_rings,
};

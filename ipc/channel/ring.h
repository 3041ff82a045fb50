// ring.h - what lies in the memory of a ring (ring.c)
//
// Two indices, which count bytes and only grow, and the bytes. The capacity is a
// power of two, so index & mask is the place; and a multiple of the cache line,
// so index % CACHE_LINE is right for the place too.
//
// **False sharing.** Were head and tail in one line, each store of one side
// would take the line from the other, though neither wrote what the other wrote.
// So each index lies on a line of its own (on a pair of lines, since the
// prefetchers of Intel and AMD like to fetch the neighbour too), and beside it
// what only its owner uses.
//
// **Cached indices.** Each side keeps the last value it saw of the other's index
// and looks again only when that is used up: the producer when the ring seems
// full, the consumer when it seems empty. A consumer that fell behind takes a
// whole batch of messages for one look.
//
// **The size.** To overwrite a line the producer must fetch it. From the
// consumer's own cache that is dear; when a ring is larger than that cache, 2 MiB
// for most, the line has meanwhile gone to the cache that both share. So a stream
// goes all the way round. A dialogue has no use for that and would only meet each
// page by a page fault, so it stays within one STRETCH: a producer that comes to
// the end of a stretch, has been answered and finds the ring empty, begins at
// place 0 again.
//
// Sources: Lee, Bu, Chandranmenon, "A lock-free, cache-efficient shared ring
// buffer", ANCS 2009 (cached indices); Intel 64 Optimization Reference Manual,
// "spatial prefetcher".

#ifndef RING_H
#define RING_H

#include <stdalign.h>

#include "copy.h"

enum {
	SMALLEST_RING = 2 << 20,
	STRETCH = 64 << 10,
	LARGEST_IN_RING = 4, // as many of the largest messages
};

struct ring {
	alignas(2 * CACHE_LINE) _Atomic uint64_t tail;
	uint64_t head_seen; // the producer's, and all below
	uint64_t limit;     // up to where it may write before it thinks again
	uint64_t heard;     // next of the other direction when it last did
	alignas(2 * CACHE_LINE) _Atomic uint64_t head;
	uint64_t tail_seen; // the consumer's, and all below
	uint64_t next;      // the frame to be taken
	uint64_t answered;  // tail of the other direction at the last look
	uint64_t left, at;  // in a pack: messages, and the place of the next
	alignas(2 * CACHE_LINE) uint64_t mask; // never changes
	alignas(CACHE_LINE) char bytes[];
};

// ## Frames
//
// A frame is a word, one message or several of the same size, and what rounds
// it up to 8 bytes, so that every word is aligned:
//
//     word                      the frame
//     bytes                     one message of so many bytes
//     count << 32 | bytes       `count` messages of so many bytes, packed
//     SKIP                      nothing: go on at place 0
//
// A frame lies in one piece. What does not fit before the end of the ring begins
// at 0, and a SKIP stands where it would have been.
//
// Messages of LARGE bytes or more (in a pack, all together) begin on a cache
// line. Small ones lie as close as they can: what costs is the line.

static const uint64_t SKIP = UINT64_MAX, CLOSED = 1;

static inline uint64_t word_of(uint64_t bytes, uint64_t count)
{
	return count == 1 ? bytes : count << 32 | bytes;
}

static inline uint64_t bytes_of(uint64_t word)
{
	return (uint32_t)word;
}

// 0: it is one message.
static inline uint64_t count_of(uint64_t word)
{
	return word >> 32;
}

// From the start of a frame to its messages, `all` bytes in all, and to its end.
static inline uint64_t lead_of(uint64_t start, uint64_t all)
{
	return all < LARGE ? sizeof(uint64_t) : CACHE_LINE - start % CACHE_LINE;
}

static inline uint64_t extent_of(uint64_t start, uint64_t all)
{
	return lead_of(start, all) + (all + 7) / 8 * 8;
}

static inline uint64_t *word_at(struct ring *ring, uint64_t index)
{
	return (uint64_t *)(ring->bytes + (index & ring->mask));
}

// The next index with place 0.
static inline uint64_t next_lap(const struct ring *ring, uint64_t index)
{
	return (index | ring->mask) + 1;
}

// ## How far the producer may write
//
// Up to the limit without a further thought: the end of the stretch, or of the
// ring. Beyond, move_limit decides, once in a stretch.

// Acquire pairs with the release in give_back: the consumer's copies out of what
// it gave back are over before we write there.
static inline uint64_t look_at_head(struct ring *ring)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	ring->head_seen = head & ~CLOSED;
	return head;
}

// For the next frame, with `all` bytes of messages: moves the limit behind it, or
// leaves the rest of the lap and begins at place 0. False when there is no need,
// or no room yet for what would be left. The release pairs with the acquire in
// await_word. `back` is the ring of the other direction, where we are the
// consumer and `next` is ours.
static inline bool move_limit(struct ring *ring, const struct ring *back,
			      uint64_t all)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint64_t end = tail + extent_of(tail, all), lap = next_lap(ring, tail);

	if (end <= ring->limit)
		return false;
	bool dialogue = back->next - ring->heard > STRETCH / 2 &&
			look_at_head(ring) == tail;
	if (end > lap || dialogue) {
		if (lap - ring->head_seen > ring->mask + 1)
			return false;
		*word_at(ring, tail) = SKIP;
		atomic_store_explicit(&ring->tail, lap, memory_order_release);
		end = lap + extent_of(lap, all);
		lap += ring->mask + 1;
	}
	ring->heard = back->next;
	end = (end + STRETCH - 1) / STRETCH * STRETCH;
	ring->limit = end < lap ? end : lap;
	return true;
}

#endif

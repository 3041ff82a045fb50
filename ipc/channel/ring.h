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
// Sources: Lee, Bu, Chandranmenon, "A lock-free, cache-efficient shared ring
// buffer", ANCS 2009 (cached indices); Intel 64 Optimization Reference Manual,
// "spatial prefetcher".

#ifndef RING_H
#define RING_H

#include <stdalign.h>
#include <string.h>

#include "lane.h"

struct ring {
	alignas(2 * CACHE_LINE) _Atomic uint64_t tail;
	uint64_t head_seen; // the producer's
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

enum { LARGE = 512 };

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

// ## The copy
//
// Not memcpy(3). From some size on (2 KiB here) glibc leaves the work to one
// instruction, `rep movsb`, and on AMD Zen 3 that is twenty times slower than
// moves through registers where the destination lies some bytes further into
// its cache line than the source, and in a ring often three times. Nor SSE, where
// there is more: 16 bytes a store are four stores a line.
//
// For a few lines the call of a function costs more than the copy. memcpy of a
// constant size is no call: it is moves through registers.

typedef char half_line __attribute__((vector_size(32), aligned(1), may_alias));

__attribute__((always_inline)) static inline void
copy_lines(char *to, const char *from, size_t bytes)
{
	for (; bytes; bytes -= CACHE_LINE) {
		((half_line *)to)[0] = ((const half_line *)from)[0];
		((half_line *)to)[1] = ((const half_line *)from)[1];
		to += CACHE_LINE;
		from += CACHE_LINE;
	}
}

#if defined(__x86_64__)
__attribute__((target("avx2"), noinline)) static void
copy_lines_avx2(char *to, const char *from, size_t bytes)
{
	copy_lines(to, from, bytes);
}
#endif

__attribute__((noinline)) static void copy_large(char *to, const char *from,
						 size_t bytes)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2")) {
		copy_lines_avx2(to, from, bytes);
		return;
	}
#endif
	copy_lines(to, from, bytes);
}

static inline void copy(char *to, const char *from, size_t bytes)
{
	if (bytes >= LARGE) {
		size_t lines = bytes / CACHE_LINE * CACHE_LINE;
		copy_large(to, from, lines);
		to += lines;
		from += lines;
		bytes -= lines;
	}
	for (; bytes >= CACHE_LINE; bytes -= CACHE_LINE) {
		memcpy(to, from, CACHE_LINE);
		to += CACHE_LINE;
		from += CACHE_LINE;
	}
	for (; bytes >= 8; bytes -= 8) {
		memcpy(to, from, 8);
		to += 8;
		from += 8;
	}
	for (; bytes; bytes--)
		*to++ = *from++;
}

#endif

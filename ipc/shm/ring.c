// # Ring: a queue that needs no lock
//
// The race was two writers of one word. So give each word one writer. The
// producer alone moves `tail`, the consumer alone moves `head` (Lamport 1977);
// each only reads the other's. Between head and tail lie the messages: the
// producer writes behind tail, the consumer reads from head, and since neither
// passes the other, never do both touch the same byte at the same time.
//
// This one has sixteen cells of one byte, so that it can be drawn; a frame is a
// cell with the length, and the message. ipc/channel/ring.c is the real one, and
// real.c says what it adds.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "ring.h"
#include "shm.h"

enum { SKIP = '>' };

// ## Put
//
// Both indices only grow; index % CELLS is the place. So tail - head is how much
// lies inside, 0 for empty and CELLS for full, which places alone could not tell
// apart. (At 2^64 they wrap around, and the difference is right even then, as
// CELLS is a power of two.)
//
// A message lies in one piece, so that one copy takes it. If the rest before the
// end is too small, it gets a mark and the frame begins at cell 0. Frames of at
// most half the ring always fit in the end, wherever tail stands.
//
// The orders. tail is ours: relaxed, we only read what we wrote. The acquire
// load of head pairs with the release store in take: what we see as free has
// been copied out. The release store of tail pairs with the acquire load in
// take: who sees the new tail sees the bytes. (On x86 both are plain moves,
// which the CPU keeps in order; the words hold back the compiler. On aarch64
// they are ldar or ldapr, and stlr.)

bool put(struct ring *ring, const char *message)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t length = strlen(message), need = 1 + length;
	uint64_t place = tail % CELLS, rest = CELLS - place;
	uint64_t skip = need > rest ? rest : 0, end = tail + skip + need;

	if (end - head > CELLS)
		return false;
	if (skip) {
		ring->cells[place] = SKIP;
		place = 0;
	}
	ring->cells[place] = (char)('0' + length);
	memcpy(&ring->cells[place + 1], message, length);
	atomic_store_explicit(&ring->tail, end, memory_order_release);
	return true;
}

// ## Take
//
// The mirror image: head is ours, tail is read with acquire, and head is stored
// with release when the copy is over, for the room is the producer's then.

bool take(struct ring *ring, char message[WORD])
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	if (head == tail)
		return false;
	uint64_t place = head % CELLS;
	if (ring->cells[place] == SKIP) {
		head += CELLS - place;
		place = 0;
	}
	size_t length = ring->cells[place] - '0';
	memcpy(message, &ring->cells[place + 1], length);
	message[length] = '\0';
	atomic_store_explicit(&ring->head, head + 1 + length,
			      memory_order_release);
	return true;
}

// ## Step by step
//
// We are the producer; each take is a process of its own, the consumer, and the
// ring lies in memory of both. Cells between head and tail are full, the others
// free (what lies in them is old).

void draw_ring(const struct ring *ring)
{
	uint64_t tail = ring->tail, head = ring->head;
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	enum { LABEL = 4 }; // "10  ", as draw_map has it
	char cells[CELLS], *picture;

	memset(cells, '.', CELLS);
	for (uint64_t i = head; i < tail; i++) {
		cells[i % CELLS] = ring->cells[i % CELLS];
		if (cells[i % CELLS] == SKIP)
			while ((i + 1) % CELLS)
				cells[++i % CELLS] = '-';
	}
	char *map = must_ptr(draw_map(&canvas, cells, CELLS, CELLS));
	must(asprintf(&picture, "%*c\n%s%*c\n", LABEL + 1 + (int)(head % CELLS),
		      'h', map, LABEL + 1 + (int)(tail % CELLS), 't'));
	show(picture);
	free(picture);
	free(map);
}

static bool put_and_show(struct ring *ring, const char *message)
{
	uint64_t before = ring->tail;
	bool done = put(ring, message);

	if (done)
		say("put \"%s\": tail %" PRIu64 " becomes %" PRIu64, message,
		    before, ring->tail);
	else
		say("put \"%s\": there is no room", message);
	draw_ring(ring);
	return done;
}

static void take_and_show(struct ring *ring, const char *wanted)
{
	pid_t consumer = fork_as("consumer");

	if (consumer == 0) {
		uint64_t before = ring->head;
		char message[WORD] = "";
		bool done = take(ring, message);
		say("took \"%s\": head %" PRIu64 " becomes %" PRIu64, message,
		    before, ring->head);
		if (!done || strcmp(message, wanted) != 0)
			claim(false, "\"%s\" is what comes next", wanted);
		_exit(0);
	}
	reap(consumer);
}

void play_ring(void)
{
	struct ring *ring = shared(sizeof *ring);
	char message[WORD];

	say("16 cells, h: head, t: tail; a frame: length and letters");
	claim(!take(ring, message), "head == tail: empty");
	put_and_show(ring, "one");
	put_and_show(ring, "two");
	put_and_show(ring, "three");
	take_and_show(ring, "one");

	bool done = put_and_show(ring, "four");
	claim(!done && CELLS - (ring->tail - ring->head) == 6,
	      "6 cells are free, but not in one piece: no room for 5");
	take_and_show(ring, "two");
	put_and_show(ring, "four");
	claim(ring->cells[14] == SKIP && ring->cells[0] == '4',
	      "wrapped: the rest is skipped, the frame begins at cell 0");
	take_and_show(ring, "three");
	take_and_show(ring, "four");
	draw_ring(ring);
	claim(ring->tail == ring->head && ring->head == 21,
	      "the consumer skips, too; empty again, at 21, which is place 5");

	put_and_show(ring, "exactly");
	put_and_show(ring, "no");
	put_and_show(ring, "more");
	claim(ring->tail % CELLS == ring->head % CELLS &&
		      ring->tail - ring->head == CELLS && !put(ring, "x"),
	      "the places are equal again, but tail - head is 16: full");
	take_and_show(ring, "exactly");
	take_and_show(ring, "no");
	take_and_show(ring, "more");
	claim(!take(ring, message), "all came out, in order");
}

// # Real: what the ring of ipc/channel adds
//
// ipc/channel/ring.c is the ring of ring.c with cached indices (looks.c) on
// lines of their own (lines.c). Beyond that:
//
// - A frame begins with two numbers: the bytes of a message, and how many such
//   messages follow. So channel_send_many puts many small ones into one frame,
//   with one store of tail.
// - Frames are multiples of 8 bytes, so indices are, too, and bit 0 has no work.
//   In tail it says "that was all", in head "I have left".
// - head is not moved message by message, but when an eighth of the ring has
//   been taken, or before the consumer waits. And after it ran dry it comes a
//   little later, when several frames may lie there. (Why: looks.c.)
// - The messages of a large frame begin on a cache line, for the copy's sake.
// - At full and at empty it spins, then lets others run, then naps.

#define _GNU_SOURCE
#include <string.h>

#include "ipc/channel/channel.h"
#include "random.h"
#include "shm.h"

enum { MESSAGES = 3000, LARGEST = 2048, SMALL = 64, BATCH = 500 };

static size_t fill(char *bytes, uint64_t number)
{
	struct random random = { number };
	size_t n = 1 + random_below(&random, LARGEST);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(number + i);
	return n;
}

static void receive(struct channel *c)
{
	char got[LARGEST], wanted[LARGEST];
	int right = 0;

	for (int i = 0; i < MESSAGES; i++) {
		ssize_t n = must_neg(channel_receive(c, got, sizeof got));
		right += (size_t)n == fill(wanted, i) &&
			 !memcmp(got, wanted, n);
	}
	claim(right == MESSAGES,
	      "%d messages of 1 to %d bytes came, whole and in order", right,
	      LARGEST);
	right = 0;
	for (int i = 0; i < BATCH; i++) {
		ssize_t n = must_neg(channel_receive(c, got, sizeof got));
		memset(wanted, i, SMALL);
		right += n == SMALL && !memcmp(got, wanted, SMALL);
	}
	claim(right == BATCH, "%d were put by one call; each came by itself",
	      BATCH);
	claim(channel_receive(c, got, sizeof got) == 0,
	      "then the end: the producer has finished");
}

static void send(struct channel *c)
{
	char message[LARGEST];
	static char batch[BATCH][SMALL];

	for (int i = 0; i < MESSAGES; i++) {
		size_t n = fill(message, i);
		must_neg(channel_send(c, message, n));
	}
	for (int i = 0; i < BATCH; i++)
		memset(batch[i], i, SMALL);
	must_neg(channel_send_many(c, batch, SMALL, BATCH));
	must_neg(channel_finish(c));
}

void play_real(void)
{
	struct channel *c;

	must_neg(channel_open(&c, channel_mechanism("ring"), LARGEST));
	pid_t consumer = fork_as("consumer");
	must_neg(channel_take_side(c, consumer ? CHANNEL_LEFT : CHANNEL_RIGHT));
	if (consumer == 0)
		receive(c);
	else
		send(c);
	if (consumer == 0) {
		channel_close(c);
		_exit(0);
	}
	reap(consumer);
	channel_close(c);
}

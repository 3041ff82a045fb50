// # Rules: two that the ring lives by, broken
//
// Publish last. The wrong producer moves tail first and writes then. We hold it
// up in between; the consumer believes tail and takes what the last lap left
// there. (Without the release, a compiler or an aarch64 CPU may make just that
// out of the right source.)
//
// One producer. Two of them load the same tail, and both write there. We hold
// the first up after its load: then it overwrites the second's message. Several
// producers need a ring of another kind, or a lock.

#define _GNU_SOURCE
#include <stdatomic.h>
#include <string.h>

#include "ring.h"
#include "shm.h"

enum { LOADED = 1, PUBLISHED, GO };

struct held_up {
	struct ring ring;
	_Atomic int step;
};

static void wait_for(struct held_up *play, int step)
{
	while (atomic_load(&play->step) != step)
		nap();
}

static void hold_up(struct held_up *play, int step)
{
	atomic_store(&play->step, step);
	wait_for(play, GO);
}

// put without wrap, for messages of three letters: in the wrong order, or with a
// pause behind the load.
static void put_badly(struct held_up *play, const char *message,
		      bool publishes_first)
{
	struct ring *ring = &play->ring;
	uint64_t tail = atomic_load(&ring->tail);

	if (publishes_first)
		atomic_store(&ring->tail, tail + 4);
	hold_up(play, publishes_first ? PUBLISHED : LOADED);
	ring->cells[tail % CELLS] = '3';
	memcpy(&ring->cells[tail % CELLS + 1], message, 3);
	if (!publishes_first)
		atomic_store(&ring->tail, tail + 4);
}

static pid_t fork_bad(struct held_up *play, const char *message,
		      bool publishes_first)
{
	pid_t producer = fork_as("producer");

	if (producer == 0) {
		put_badly(play, message, publishes_first);
		_exit(0);
	}
	wait_for(play, publishes_first ? PUBLISHED : LOADED);
	return producer;
}

void play_rules(void)
{
	struct held_up *play = shared(sizeof *play);
	char message[WORD] = "";
	int taken = 0;

	for (int i = 0; i < CELLS / 4; i++)
		taken += put(&play->ring, "old") && take(&play->ring, message);
	pid_t producer = fork_bad(play, "new", true);
	say("a lap of \"old\"; then tail is moved, \"new\" is to follow");
	draw_ring(&play->ring);
	taken += take(&play->ring, message);
	claim(taken == CELLS / 4 + 1 && !strcmp(message, "old"),
	      "published too early: the consumer takes \"%s\" once more",
	      message);
	atomic_store(&play->step, GO);
	reap(producer);

	play = shared(sizeof *play);
	producer = fork_bad(play, "one", false);
	bool done = put(&play->ring, "two");
	say("a producer has loaded tail, 0, and is held up; I put \"two\"");
	draw_ring(&play->ring);
	atomic_store(&play->step, GO);
	reap(producer);
	say("the other goes on with its tail and puts \"one\"");
	draw_ring(&play->ring);
	taken = 0;
	while (take(&play->ring, message))
		taken++;
	claim(done && taken == 1 && !strcmp(message, "one"),
	      "two producers, two puts, one message: \"two\" is lost");
}

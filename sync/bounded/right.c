// # A bounded buffer, right

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "scenes.h"
#include "sync/lock/semaphore.h"

enum { ROOM = 4, HANDS = 4, EACH = 30, ALL = EACH * HANDS / 2 };

// The buffer counts what is in it, and after each change notes the level and
// the time: the picture. Every item has a number and is ticked off by whoever
// takes it.
static struct {
	int items[ROOM], first, held;
	int next;      // item to be made
	int seen[ALL]; // how often each was taken
	int least, most;
	int changes, level[2 * ALL];
} buffer;

static void note(void)
{
	buffer.level[buffer.changes++] = buffer.held;
	if (buffer.held > buffer.most)
		buffer.most = buffer.held;
	if (buffer.held < buffer.least)
		buffer.least = buffer.held;
}

static void put(void)
{
	buffer.items[(buffer.first + buffer.held) % ROOM] = buffer.next++;
	buffer.held++;
	note();
}

static void take(void)
{
	int item = buffer.items[buffer.first];

	buffer.first = (buffer.first + 1) % ROOM;
	buffer.held--;
	if (item >= 0 && item < ALL)
		buffer.seen[item]++;
	note();
}

// ## The fill level, change by change
//
// Each column is one change, each row one item. One row at the bottom stays
// dotted where the buffer was empty.

static void draw_level(void)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	size_t width = (size_t)canvas.columns - 12, n = buffer.changes;
	char cells[256];

	if (width > sizeof cells)
		width = sizeof cells;
	if (n > width)
		n = width;
	for (int row = ROOM; row > 0; row--) {
		char *line, text[2 * sizeof cells + 16];
		for (size_t i = 0; i < n; i++)
			cells[i] = buffer.level[i] >= row ? '#' : '.';
		line = must_ptr(draw_map(&canvas, cells, n, n));
		// The row's label is the level, not the first cell's index.
		char *rest = line + strspn(line, " 0123456789");
		snprintf(text, sizeof text, "%d items  %.500s", row, rest);
		show(text);
		free(line);
	}
	say("the first %zu of %d changes, one a column", n, buffer.changes);
}

static void judge(void)
{
	bool once = true;

	for (int i = 0; i < ALL; i++)
		once &= buffer.seen[i] == 1;
	draw_level();
	claim(buffer.least >= 0 && buffer.most <= ROOM,
	      "the level was never below 0 or above %d", ROOM);
	claim(once && buffer.held == 0,
	      "each of the %d items was taken by just one consumer", ALL);
}

static void play(void (*work)(struct hand *hand))
{
	static const char *const names[HANDS] = { "P0", "C0", "P1", "C1" };
	static struct crew crew;

	buffer.least = ROOM;
	for (int i = 0; i < HANDS; i++)
		must_neg(crew_come(&crew, names[i], work, NULL, NULL));
	for (int i = 0; i < HANDS; i++)
		hand_dismiss(&crew.hands[i]);
	judge();
}

// ## With semaphores
//
// `empty` counts the free places, `full` the items, and a third one, of 1, lets
// one thread at a time touch the buffer. Nobody looks at the level: the two
// semaphores are the level. What a producer takes from `empty` it gives to
// `full`, and a consumer the other way round.

static struct queuesem empty, full, mutex;

static void work_with_semaphores(struct hand *hand)
{
	for (int i = 0; i < EACH; i++) {
		bool producer = hand->name[0] == 'P';
		queuesem_p(producer ? &empty : &full);
		queuesem_p(&mutex);
		(producer ? put : take)();
		queuesem_v(&mutex);
		queuesem_v(producer ? &full : &empty);
	}
}

void scene_semaphores(void)
{
	queuesem_init(&empty, ROOM);
	queuesem_init(&full, 0);
	queuesem_init(&mutex, 1);
	play(work_with_semaphores);
	say("empty %d, full %d, mutex %d", queuesem_value(&empty),
	    queuesem_value(&full), queuesem_value(&mutex));
	claim(queuesem_value(&empty) == ROOM && queuesem_value(&full) == 0 &&
		      queuesem_value(&mutex) == 1,
	      "in the end all places are free again");
}

// ## With a mutex and two conditions
//
// Here the level itself is looked at, with the mutex held, and who does not
// like it waits: producers for `not_full`, consumers for `not_empty`. Whoever
// changes the level signals those to whom it matters, one, since one place or
// item is there for one.

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct condition not_full, not_empty;

static void lock_it(void *of)
{
	must_zero(pthread_mutex_lock(of));
}

static void unlock_it(void *of)
{
	must_zero(pthread_mutex_unlock(of));
}

struct condition_mutex mutex_of(pthread_mutex_t *of)
{
	return (struct condition_mutex){ lock_it, unlock_it, of };
}

static void work_with_conditions(struct hand *hand)
{
	const struct condition_mutex guard = mutex_of(&lock);
	bool producer = hand->name[0] == 'P';

	for (int i = 0; i < EACH; i++) {
		lock_it(&lock);
		while (buffer.held == (producer ? ROOM : 0))
			condition_wait(producer ? &not_full : &not_empty,
				       &guard);
		(producer ? put : take)();
		condition_signal(producer ? &not_empty : &not_full);
		unlock_it(&lock);
	}
}

void scene_conditions(void)
{
	play(work_with_conditions);
}

// # A bounded buffer, wrong in three ways
//
// Each of these runs well most of the time, and for a test of an hour. So the
// order that breaks it is forced: a thread is started when the one before it
// sleeps, and what must come between two steps is put there.

#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "scenes.h"
#include "sync/lock/semaphore.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct condition changed;
static struct crew crew;
static int held, least;

static void change(int by)
{
	held += by;
	if (held < least)
		least = held;
}

static void draw_crew(void)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(crew_draw(&crew, &canvas));

	show(picture);
	free(picture);
}

// ## `if` where `while` belongs
//
// A consumer waits. A producer puts one item and signals it; but to go on it
// needs the mutex, and another consumer, which has never waited, gets that
// first. When the one that was signalled has the mutex at last, the item is
// gone. With `while` it looks again. With `if` it takes what is not there.
//
// We force it as main, holding the mutex: put, signal, and take ourselves, as
// that other consumer, before we give the mutex back.

static bool look_again;

static void consume(struct hand *hand)
{
	const struct condition_mutex guard = mutex_of(&lock);

	guard.lock(guard.of);
	hand_mark(hand, 'w');
	if (look_again) {
		while (held == 0)
			condition_wait(&changed, &guard);
	} else if (held == 0) {
		condition_wait(&changed, &guard);
	}
	hand_mark(hand, '#');
	change(-1);
	guard.unlock(guard.of);
}

static int play_consumer(bool again)
{
	const struct condition_mutex guard = mutex_of(&lock);
	struct hand *consumer;

	look_again = again;
	held = least = 0;
	must_neg(crew_come(&crew, again ? "while" : "if", consume, NULL,
			   &consumer));
	guard.lock(guard.of);
	change(+1);
	condition_signal(&changed);
	change(-1); // the other consumer
	guard.unlock(guard.of);
	if (again) {
		while (!hand_waits(consumer))
			nanosleep(&(struct timespec){ .tv_nsec = 200000 },
				  NULL);
		guard.lock(guard.of);
		change(+1);
		condition_signal(&changed);
		guard.unlock(guard.of);
	}
	hand_dismiss(consumer);
	return least;
}

void scene_if(void)
{
	int level = play_consumer(false);

	say("with if: one item put, two taken, the level was %d", level);
	claim(level == -1, "`if`: a consumer took from an empty buffer");
	level = play_consumer(true);
	say("with while: it slept again, until there was another item");
	claim(level == 0, "`while`: it looked again, and the level was never "
			  "below 0");
}

// ## One condition for two kinds of waiters
//
// A buffer of one place, which is free. Two consumers wait, and behind them,
// once it is full, a producer: all for the same condition variable. The producer
// that fills it signals, and wakes a consumer; that one takes the item and
// signals "there is room", which is meant for the waiting producer. The first of
// the queue is the other consumer: it looks, finds nothing, and sleeps again.
// The signal has been used up. One broadcast, or one condition for each kind,
// and it cannot happen.

static bool to_all;

static void tell(void)
{
	(to_all ? condition_broadcast : condition_signal)(&changed);
}

static void use_one_place(struct hand *hand)
{
	const struct condition_mutex guard = mutex_of(&lock);
	bool producer = hand->name[0] == 'P';

	guard.lock(guard.of);
	hand_mark(hand, 'w');
	while (held == producer)
		condition_wait(&changed, &guard);
	hand_mark(hand, '#');
	change(producer ? 1 : -1);
	tell();
	guard.unlock(guard.of);
	hand_mark(hand, '\0');
}

// The consumers come first and sleep. Then main, with the mutex held, fills the
// place, and only when a producer sleeps too does it signal. Returns whether all
// of them came to their end.
static bool play_one_place(bool all)
{
	const struct condition_mutex guard = mutex_of(&lock);
	struct hand *hands[3];
	static const char *const names[] = { "C0", "C1", "P1" };

	crew = (struct crew){ 0 };
	changed = (struct condition){ 0 };
	to_all = all;
	held = 0;
	for (int i = 0; i < 3; i++) {
		if (i == 2) {
			guard.lock(guard.of);
			change(+1); // P0, not yet the signal
			guard.unlock(guard.of);
		}
		must_neg(crew_come(&crew, names[i], use_one_place, NULL,
				   &hands[i]));
	}
	guard.lock(guard.of);
	tell();
	guard.unlock(guard.of);
	hand_dismiss(hands[0]);
	for (;;) {
		bool ended = hands[1]->in && hands[2]->in;
		if (ended || (hand_waits(hands[1]) && hand_waits(hands[2]) &&
			      changed.waiting == 2))
			return ended;
		nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
	}
}

void scene_signal(void)
{
	bool ended = play_one_place(true);

	claim(ended, "broadcast: all look, one producer and two consumers end");
	for (int i = 1; i < 3; i++)
		hand_dismiss(&crew.hands[i]);
	ended = play_one_place(false);
	say("C0 took and signalled; C1 woke, found nothing, slept again");
	draw_crew();
	claim(!ended && held == 0,
	      "signal: the place is free, and P1 sleeps for ever");
}

// ## P(mutex) before P(empty)
//
// The order of two Vs does not matter, that of two Ps does. A producer that
// takes the mutex first, and then waits for a free place, sleeps with the mutex
// in its hand. A consumer, who would make room, must have the mutex for that.

static struct queuesem empty, full, mutex;

static void produce_in_wrong_order(struct hand *hand)
{
	hand_mark(hand, 'm');
	queuesem_p(&mutex);
	hand_mark(hand, 'e');
	queuesem_p(&empty);
	queuesem_v(&mutex);
	queuesem_v(&full);
}

static void consume_in_order(struct hand *hand)
{
	hand_mark(hand, 'f');
	queuesem_p(&full);
	hand_mark(hand, 'm');
	queuesem_p(&mutex);
	queuesem_v(&mutex);
	queuesem_v(&empty);
}

void scene_order(void)
{
	struct hand *producer, *consumer;

	queuesem_init(&empty, 0); // the buffer of one place is full
	queuesem_init(&full, 1);
	queuesem_init(&mutex, 1);
	must_neg(crew_come(&crew, "producer", produce_in_wrong_order, NULL,
			   &producer));
	must_neg(crew_come(&crew, "consumer", consume_in_order, NULL,
			   &consumer));
	say("who waits for mutex (m), empty (e), full (f):");
	draw_crew();
	say("mutex %d, empty %d, full %d", queuesem_value(&mutex),
	    queuesem_value(&empty), queuesem_value(&full));
	claim(queuesem_value(&mutex) == -1 && queuesem_value(&empty) == -1,
	      "each waits for what only the other can give: deadlock");
	claim(hand_waits(producer) && hand_waits(consumer),
	      "both sleep, and nobody is left to wake them");
	queuesem_v(&empty);
	hand_dismiss(producer);
	hand_dismiss(consumer);
	claim(queuesem_value(&mutex) == 1,
	      "a V from outside frees both: nothing was broken but the order");
}

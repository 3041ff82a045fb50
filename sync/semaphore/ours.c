// # P, V and S, by hand

#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "options.h"
#include "scenes.h"
#include "sync/crew/crew.h"
#include "sync/lock/semaphore.h"

// ## Three places, six threads
//
// Each thread does P, stays until it is shown out, and does V. They come one by
// one. Who is inside counts itself; the semaphore is judged by that count.

enum { PLACES = 3, THREADS = 6 };

static const char *const names[THREADS] = { "A", "B", "C", "D", "E", "F" };

static struct {
	struct queuesem sem;
	struct crew crew;
	_Atomic int inside, most;
	_Atomic int order[THREADS], ordered;
} room;

static void visit(struct hand *hand)
{
	hand_mark(hand, 'w');
	queuesem_p(&room.sem);
	hand_mark(hand, '#');
	int inside = atomic_fetch_add(&room.inside, 1) + 1;
	int most = room.most;
	while (inside > most &&
	       !atomic_compare_exchange_weak(&room.most, &most, inside))
		;
	room.order[room.ordered++] = hand->track;
	hand_stay(hand);
	room.inside--;
	queuesem_v(&room.sem);
}

static void draw_crew(struct crew *crew)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(crew_draw(crew, &canvas));

	show(picture);
	free(picture);
}

void scene_inside(void)
{
	queuesem_init(&room.sem, PLACES);
	for (int i = 0; i < THREADS; i++)
		must_neg(crew_come(&room.crew, names[i], visit, NULL, NULL));
	int s = queuesem_value(&room.sem);
	say("S was %d; %d threads did P: %d inside, and S is %d", PLACES,
	    THREADS, room.inside, s);
	claim(room.inside == PLACES && s == PLACES - THREADS,
	      "%d are inside, and -S = %d wait", PLACES, THREADS - PLACES);
	for (int i = 0; i < THREADS; i++) {
		hand_await(&room.crew.hands[i]);
		hand_dismiss(&room.crew.hands[i]);
	}
	say("who waited (w) and who was inside (#):");
	draw_crew(&room.crew);
	claim(room.most == PLACES, "at no time were more than %d inside",
	      PLACES);
	claim(queuesem_value(&room.sem) == PLACES,
	      "every V gave back what a P took: S is %d again", PLACES);
}

// ## Below 0
//
// With S = 1 it is a mutex, and what is below 0 is the queue. Each V adds one;
// where S was below 0 it takes the first out of the queue: wakeup(). We look at
// S after each step, and note who gets in.

void scene_negative(void)
{
	char line[96];
	int n = 0, wrong = 0;

	queuesem_init(&room.sem, 1);
	for (int i = 0; i < THREADS; i++) {
		must_neg(crew_come(&room.crew, names[i], visit, NULL, NULL));
		int s = queuesem_value(&room.sem);
		n += snprintf(line + n, sizeof line - (size_t)n, " P(%s) %d",
			      names[i], s);
		wrong += s != -i;
	}
	say("S is 1;%s", line);
	claim(!wrong, "each P takes one off: S is how many wait, negative");
	n = 0;
	for (int i = 0; i < THREADS; i++) {
		hand_await(&room.crew.hands[i]);
		wrong += room.order[i] != i || room.ordered != i + 1;
		hand_dismiss(&room.crew.hands[i]);
		n += snprintf(line + n, sizeof line - (size_t)n, " V(%s) %d",
			      names[i], queuesem_value(&room.sem));
	}
	say("%s", line + 1);
	draw_crew(&room.crew);
	claim(!wrong,
	      "wakeup() lets in one at a time, first come, first served");
}

// ## The CPU that waiting burns
//
// Both kinds have S = 0, and a thread waits at each. We hold them until the one
// that looks again and again has burnt 50 ms, by the kernel's account of that
// thread (pthread_getcpuclockid(3)), and then look at the account of the other.
// It was asleep (state S) all that time: nobody charges a thread for sleeping.

enum { BURN_NS = 50000000 };

static struct busysem busy;
static struct queuesem queue;

static void wait_busily(struct hand *hand)
{
	(void)hand;
	busysem_p(&busy);
}

static void *busy_thread(void *argument)
{
	wait_busily(argument);
	return NULL;
}

static void wait_in_queue(struct hand *hand)
{
	(void)hand;
	queuesem_p(&queue);
}

static int64_t cpu_ns(pthread_t thread)
{
	struct timespec t;
	clockid_t clock;

	must_zero(pthread_getcpuclockid(thread, &clock));
	must(clock_gettime(clock, &t));
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void scene_burnt(void)
{
	struct hand *sleeper, looker = { 0 };
	char note[2][HUMAN_BYTES];
	struct canvas canvas = canvas_of(STDOUT_FILENO);

	busysem_init(&busy, 0);
	queuesem_init(&queue, 0);
	must_neg(crew_come(&room.crew, "queue", wait_in_queue, NULL, &sleeper));
	await_state(sleeper->tid, 'S');
	int64_t before_ns = cpu_ns(sleeper->thread);
	must_zero(pthread_create(&looker.thread, NULL, busy_thread, &looker));
	while (cpu_ns(looker.thread) < BURN_NS)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	int64_t busy_ns = cpu_ns(looker.thread);
	int64_t queue_ns = cpu_ns(sleeper->thread);
	busysem_v(&busy);
	queuesem_v(&queue);
	must_zero(pthread_join(looker.thread, NULL));
	must_zero(pthread_join(sleeper->thread, NULL));

	const struct bar bars[] = {
		{ "busy waiting", human_duration(note[0], (double)busy_ns),
		  (double)busy_ns },
		{ "wait queue", human_duration(note[1], (double)queue_ns),
		  (double)queue_ns },
	};
	say("CPU time of a thread that waits, and does nothing:");
	char *picture = must_ptr(draw_bars(&canvas, bars, 2, false));
	show(picture);
	free(picture);
	claim(busy_ns >= BURN_NS,
	      "busy waiting has used %d ms of a CPU for nothing",
	      BURN_NS / 1000000);
	claim(queue_ns == before_ns,
	      "meanwhile who sleeps in the queue used not one ns more");
}

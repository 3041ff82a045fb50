// # Each value once, and in order
//
// A value is its producer and its number. Each consumer looks whether the numbers
// of one producer grow, and all together note how often each came.

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lab.h"
#include "queues.h"
#include "scenes.h"

enum { SIDES = 4, VALUES = 2000 };

struct traffic {
	struct any_queue *q;
	_Atomic int next_producer, next_consumer;
	_Atomic long popped;
	_Atomic unsigned char seen[SIDES][VALUES];
	_Atomic int disorder;
};

static void *produce(void *argument)
{
	struct traffic *traffic = argument;
	struct user user = enter(traffic->q);
	uintptr_t self = atomic_fetch_add(&traffic->next_producer, 1);

	for (uintptr_t i = 0; i < VALUES; i++)
		while (traffic->q->kind->push(&user, self * VALUES + i))
			sched_yield();
	leave(&user);
	return NULL;
}

static void *consume(void *argument)
{
	struct traffic *traffic = argument;
	struct user user = enter(traffic->q);
	long last[SIDES] = { -1, -1, -1, -1 };
	uintptr_t value;

	while (atomic_load(&traffic->popped) < SIDES * VALUES) {
		if (traffic->q->kind->pop(&user, &value)) {
			sched_yield();
			continue;
		}
		long from = value / VALUES, number = value % VALUES;
		traffic->disorder += number <= last[from];
		last[from] = number;
		traffic->seen[from][number]++;
		atomic_fetch_add(&traffic->popped, 1);
	}
	leave(&user);
	return NULL;
}

static void run_all(void *(*const work[])(void *), int n, void *argument)
{
	pthread_t threads[2 * CROWD];

	for (int i = 0; i < n; i++)
		must_zero(pthread_create(&threads[i], NULL, work[i % 2],
					 argument));
	for (int i = 0; i < n; i++)
		must_zero(pthread_join(threads[i], NULL));
}

void scene_once(void)
{
	void *(*const work[])(void *) = { produce, consume };

	for (int k = 0; k < KINDS; k++) {
		struct traffic *traffic = must_ptr(calloc(1, sizeof *traffic));
		int once = 0;
		traffic->q = open_queue(&kinds[k]);
		run_all(work, 2 * SIDES, traffic);
		for (int i = 0; i < SIDES; i++)
			for (int j = 0; j < VALUES; j++)
				once += traffic->seen[i][j] == 1;
		claim(once == SIDES * VALUES && traffic->disorder == 0,
		      "%s: %d values, once each and in order", kinds[k].name,
		      once);
		close_queue(traffic->q);
		free(traffic);
	}
}

// # A thread for each
//
// One thread works and knows nothing of questions. The other sleeps in recv(2)
// until there is one. When to change from one to the other is now the kernel's
// concern: a packet wakes the second thread, and the scheduler finds it a CPU.

#define _GNU_SOURCE
#include <pthread.h>

#include "lab.h"
#include "options.h"
#include "responsive.h"

static void *work(void *meeting)
{
	speak_as("worker");
	work_to_the_end(meeting);
	return NULL;
}

void scene_threads(void)
{
	struct meeting m = { .work.least = FIRST,
			     .cpu = -1,
			     .client_cpu = -1,
			     .promised = true };
	pthread_t worker;

	meet_client(&m);
	must_zero(pthread_create(&worker, NULL, work, &m));
	for (int i = 0; i < QUESTIONS; i++)
		answer_now(&m, next_question(&m, true));
	must_zero(pthread_join(worker, NULL));
	int during = part(&m, "two threads");
	claim(during > 0, "answers come while the work goes on, uncut");
	claim_work(&m);
}

// ## A lock that gives it all back
//
// The two share the counts, and what is shared is to be locked (chapter 12). So
// let the worker lock them, for as long as it uses them: it works all the time,
// so that is all the time. Both threads are there, the kernel wakes the second
// one for every question, and the client is served as badly as by one thread.
// What makes a program responsive is not that it has threads, it is that the
// thread which answers waits for nothing but questions.

struct guarded {
	struct meeting *meeting;
	pthread_mutex_t mutex;
	pthread_barrier_t locked;
};

static void *work_locked(void *argument)
{
	struct guarded *g = argument;

	speak_as("worker");
	must_zero(pthread_mutex_lock(&g->mutex));
	pthread_barrier_wait(&g->locked);
	work_to_the_end(g->meeting);
	must_zero(pthread_mutex_unlock(&g->mutex));
	return NULL;
}

void scene_lock(void)
{
	struct meeting m = { .work.least = FIRST, .cpu = -1, .client_cpu = -1 };
	struct guarded g = { .meeting = &m,
			     .mutex = PTHREAD_MUTEX_INITIALIZER };
	pthread_t worker;

	meet_client(&m);
	must_zero(pthread_barrier_init(&g.locked, NULL, 2));
	must_zero(pthread_create(&worker, NULL, work_locked, &g));
	pthread_barrier_wait(&g.locked);
	for (int i = 0; i < QUESTIONS; i++) {
		int question = next_question(&m, true);
		must_zero(pthread_mutex_lock(&g.mutex));
		answer_now(&m, question);
		must_zero(pthread_mutex_unlock(&g.mutex));
	}
	must_zero(pthread_join(worker, NULL));
	must_zero(pthread_barrier_destroy(&g.locked));
	int during = part(&m, "a lock held throughout");
	claim(during == 0, "no answer comes before the work's end");
	claim_work(&m);
}

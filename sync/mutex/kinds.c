// # What POSIX promises of a mutex
//
// Exclusion, and one thing more: what the last holder wrote is seen by the next
// one (POSIX.1-2017, 4.12, memory synchronization). What happens when a thread
// makes a mistake with it depends on its kind.

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <time.h>

#include "lab.h"
#include "sync/mutex/scenes.h"

// ThreadSanitizer takes an unlock by the wrong thread for a mistake of ours, which
// it would be for the two other kinds.
#ifdef __SANITIZE_THREAD__
#define UNLOCKS_ARE_WATCHED
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define UNLOCKS_ARE_WATCHED
#endif
#endif

static void make(pthread_mutex_t *mutex, int kind)
{
	pthread_mutexattr_t attributes;

	must_zero(pthread_mutexattr_init(&attributes));
	must_zero(pthread_mutexattr_settype(&attributes, kind));
	must_zero(pthread_mutex_init(mutex, &attributes));
	must_zero(pthread_mutexattr_destroy(&attributes));
}

// What another thread gets when it tries.
struct attempt {
	pthread_mutex_t *mutex;
	int (*call)(pthread_mutex_t *mutex);
	int result;
};

static void *attempt_it(void *argument)
{
	struct attempt *a = argument;

	a->result = a->call(a->mutex);
	return NULL;
}

static int by_another(int (*call)(pthread_mutex_t *mutex),
		      pthread_mutex_t *mutex)
{
	struct attempt attempt = { mutex, call, 0 };
	pthread_t thread;

	must_zero(pthread_create(&thread, NULL, attempt_it, &attempt));
	must_zero(pthread_join(thread, NULL));
	return attempt.result;
}

// ## Three kinds
//
// Normal: who locks twice waits for itself, for ever, and nobody says so (that
// is why it is not played here: a trylock shows that it is taken, even for its
// owner). Error-checking: the mutex knows its owner and refuses. Recursive: it
// counts, and is free after as many unlocks.

void scene_kinds(void)
{
	pthread_mutex_t normal, checking, recursive;

	make(&normal, PTHREAD_MUTEX_NORMAL);
	make(&checking, PTHREAD_MUTEX_ERRORCHECK);
	make(&recursive, PTHREAD_MUTEX_RECURSIVE);

	must_zero(pthread_mutex_lock(&normal));
	int again = pthread_mutex_trylock(&normal);
	int other = by_another(pthread_mutex_trylock, &normal);
	say("normal, mine; trylock: %s", strerror(again));
	claim(again == EBUSY && other == EBUSY,
	      "normal: taken is taken, for its owner too (EBUSY)");
	must_zero(pthread_mutex_unlock(&normal));

	must_zero(pthread_mutex_lock(&checking));
	again = pthread_mutex_lock(&checking);
	say("error-checking, locked twice: %s", strerror(again));
	claim(again == EDEADLK, "error-checking: to lock it twice is refused "
				"(EDEADLK)");
#ifdef UNLOCKS_ARE_WATCHED
	must_zero(pthread_mutex_unlock(&checking));
#else
	other = by_another(pthread_mutex_unlock, &checking);
	must_zero(pthread_mutex_unlock(&checking));
	int free_one = pthread_mutex_unlock(&checking);
	claim(other == EPERM && free_one == EPERM,
	      "... and only its owner may unlock it (EPERM)");
#endif

	for (int i = 0; i < 3; i++)
		must_zero(pthread_mutex_lock(&recursive));
	for (int i = 0; i < 2; i++)
		must_zero(pthread_mutex_unlock(&recursive));
	other = by_another(pthread_mutex_trylock, &recursive);
	must_zero(pthread_mutex_unlock(&recursive));
	say("recursive, unlocked twice of 3: %s", strerror(other));
	claim(other == EBUSY && pthread_mutex_trylock(&recursive) == 0,
	      "recursive: free after as many unlocks as locks");
	must_zero(pthread_mutex_unlock(&recursive));
}

// ## Waiting, but not for ever
//
// The time is absolute, so that who is woken early need not compute how much is
// left. It is a bound from one side: not before. After it, as soon as the
// scheduler likes.

static int lock_for_20_ms(pthread_mutex_t *mutex)
{
	struct timespec until;

	must(clock_gettime(CLOCK_REALTIME, &until));
	until.tv_nsec += 20000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	int result = pthread_mutex_timedlock(mutex, &until);
	struct timespec now;
	must(clock_gettime(CLOCK_REALTIME, &now));
	bool early = now.tv_sec < until.tv_sec || (now.tv_sec == until.tv_sec &&
						   now.tv_nsec < until.tv_nsec);
	if (result == ETIMEDOUT)
		claim(!early, "who gives up does so not before the time");
	return result;
}

void scene_timed(void)
{
	pthread_mutex_t mutex;

	make(&mutex, PTHREAD_MUTEX_NORMAL);
	must_zero(pthread_mutex_lock(&mutex));
	say("I hold it; another thread wants it for 20 ms");
	int result = by_another(lock_for_20_ms, &mutex);
	claim(result == ETIMEDOUT, "pthread_mutex_timedlock: %s",
	      strerror(result));
	must_zero(pthread_mutex_unlock(&mutex));
	result = pthread_mutex_trylock(&mutex);
	claim(result == 0, "and it was no owner for a moment: I can lock it");
	must_zero(pthread_mutex_unlock(&mutex));
}

// # Ask: not waiting, waiting until, and looking at the value

#define _GNU_SOURCE
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "scenes.h"

enum { HOUR = 3600, SECOND = 1000000000, SOON_NS = 10000000 };

static int take_until(sem_t *semaphore, struct timespec until)
{
	return sem_timedwait(semaphore, &until) == -1 ? errno : 0;
}

static struct timespec from_now(long length_ns)
{
	struct timespec until;

	must(clock_gettime(CLOCK_REALTIME, &until));
	until.tv_nsec += length_ns;
	until.tv_sec += until.tv_nsec / SECOND;
	until.tv_nsec %= SECOND;
	return until;
}

static bool is_over(struct timespec moment)
{
	struct timespec now = from_now(0);

	return now.tv_sec > moment.tv_sec ||
	       (now.tv_sec == moment.tv_sec && now.tv_nsec >= moment.tv_nsec);
}

int take_within(sem_t *semaphore, long length_ns)
{
	return take_until(semaphore, from_now(length_ns));
}

// ## Three ways not to wait for ever
//
// sem_trywait does not sleep at all. sem_timedwait sleeps until a moment, and
// that is a time of day (CLOCK_REALTIME), not a length: so a wait that a signal
// interrupts can be begun again with the same argument. Who gives it a length
// asks for a moment in 1970. But a semaphore that can be had is had, whatever
// the moment: only who would have to sleep looks at it. (The administrator may
// set the clock; sem_clockwait of glibc 2.30 also takes CLOCK_MONOTONIC.)
//
// sem_getvalue looks and does not take. What it saw may be over when it
// returns: "if it is above 0, wait will not sleep" is wrong as soon as there
// are two of us. Only an operation that takes is an answer. (It may count
// sleepers as a negative number, says POSIX. On Linux it is 0.)

void play_ask(void)
{
	sem_t *semaphore = shared(sizeof *semaphore);

	init_shared(semaphore, 0);
	int error = sem_trywait(semaphore) == -1 ? errno : 0;
	claim(error == EAGAIN, "sem_trywait at 0 does not wait: EAGAIN");

	struct timespec soon = from_now(SOON_NS);
	error = take_until(semaphore, soon);
	claim(error == ETIMEDOUT && is_over(soon),
	      "until now + 10 ms: ETIMEDOUT, and not before");

	int64_t began_ns = now_ns();
	error = take_until(semaphore, (struct timespec){ .tv_sec = HOUR });
	int64_t took_ns = now_ns() - began_ns;
	say("until \"an hour\" (3600 s): over after %.3f ms", took_ns / 1e6);
	claim(error == ETIMEDOUT && took_ns < INT64_C(1) * HOUR * SECOND,
	      "3600 s was 1 January 1970, 01:00 UTC: ETIMEDOUT");
	must(sem_post(semaphore));
	error = take_until(semaphore, (struct timespec){ .tv_sec = HOUR });
	claim(error == 0, "after a post it can be had, even until 1970");

	must(sem_post(semaphore));
	int seen = value_of(semaphore);
	pid_t other = fork_as("other");
	if (other == 0) {
		must(sem_wait(semaphore));
		_exit(0);
	}
	reap(other);
	error = sem_trywait(semaphore) == -1 ? errno : 0;
	say("sem_getvalue says %d; another process takes it", seen);
	claim(seen == 1 && error == EAGAIN,
	      "the value seen was 1, but there is nothing to be had: EAGAIN");

	pid_t sleeper = fork_as("sleeper");
	if (sleeper == 0) {
		must(sem_wait(semaphore));
		_exit(0);
	}
	await_state(sleeper, 'S');
	claim(value_of(semaphore) == 0,
	      "one sleeps for it, and the value is 0, not -1");
	must(sem_post(semaphore));
	reap(sleeper);
}

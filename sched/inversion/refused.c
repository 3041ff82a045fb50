// # Refused: a ceiling that is too low
//
// The programmer promised that nobody more urgent than the ceiling takes the
// lock. Somebody does: taking it would lower this thread's priority, and the
// bound that the protocol gives would be wrong for all. POSIX wants the mistake
// found: pthread_mutex_lock(3p) and its relatives fail with EINVAL, and the lock
// is not taken. So with such mutexes their result must be looked at.
//
// pthread_mutex_setprioceiling(3p) repairs it while the program runs.
//
// (An ordinary thread, SCHED_OTHER, cannot use such a mutex at all: glibc's
// attempt to raise its priority fails, also with EINVAL.)

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "lab.h"
#include "sched/inversion/inversion.h"

enum { LOW = 1, HIGH = 2 };

static const struct play alone = { .count = 1,
				   .parts = { { "H", HIGH, NULL } } };

struct report {
	pthread_mutex_t mutex;
	int first, second; // what pthread_mutex_trylock returned
	int before;        // the ceiling, before it was set anew
	int priority;      // in the critical section
};

static void *urgent(void *argument)
{
	struct report *report = argument;
	struct sched_param param = { HIGH };

	must_zero(pthread_setschedparam(pthread_self(), SCHED_FIFO, &param));
	report->first = pthread_mutex_trylock(&report->mutex);
	if (report->first == 0)
		must_zero(pthread_mutex_unlock(&report->mutex));
	must_zero(pthread_mutex_setprioceiling(&report->mutex, HIGH,
					       &report->before));
	report->second = pthread_mutex_trylock(&report->mutex);
	must(sched_getparam(0, &param));
	report->priority = param.sched_priority;
	if (report->second == 0)
		must_zero(pthread_mutex_unlock(&report->mutex));
	return NULL;
}

void refused(void)
{
	struct report report = { 0 };
	pthread_t thread;
	char why[WHY_BYTES];

	if (!may_perform(&alone, why))
		skip("%s", why);
	make_lock(&report.mutex, CEILING, LOW);
	must_zero(pthread_create(&thread, NULL, urgent, &report));
	must_zero(pthread_join(thread, NULL));
	say("priority %d takes a lock with the ceiling %d: %s", HIGH,
	    report.before, strerror(report.first));
	claim(report.first == EINVAL && report.before == LOW,
	      "who is above the ceiling does not get the lock: EINVAL");
	claim(report.second == 0 && report.priority == HIGH,
	      "with the ceiling raised to %d, it does", HIGH);
	must_zero(pthread_mutex_destroy(&report.mutex));
}

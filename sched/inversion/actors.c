// # Actors: real-time threads that leave nothing to luck
//
// All threads are bound to one CPU and are scheduled by SCHED_FIFO. Then these
// are laws (sched(7)):
//
//   - of the threads that are ready, one with the highest priority runs;
//   - one that becomes ready and is more urgent than who runs runs at once;
//   - there are no quanta: who runs goes on until it waits, ends or is
//     preempted by somebody more urgent.
//
// So it is enough to decide *where in its work* a thread wakes another, and the
// order of all that follows is fixed. No thread sleeps "long enough", and
// nothing depends on how fast the machine is or who else uses it: others may
// hold up all of ours, but none of ours can overtake another.
//
// A burst is an amount of the thread's own CPU time, so that being preempted
// does not shorten it.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lab.h"
#include "sched/inversion/actor.h"
#include "sched/live/work.h"

// ## What a thread does

// Who finds that somebody else computed since it did was off the CPU.
static void stamp(struct actor *me)
{
	struct account *account = &me->account;
	int number = (int)(me - me->cast->actors);
	bool away = atomic_exchange_explicit(&me->cast->runner, number,
					     memory_order_relaxed) != number;
	int64_t now = now_ns();

	if ((away || account->stamp_count == 0) &&
	    account->stamp_count < STAMPS)
		account->stamps[account->stamp_count++] =
			(struct slice){ .job = number, .begin_ns = now };
	account->stamps[account->stamp_count - 1].end_ns = now;
}

static void compute(struct actor *me, int ms)
{
	int64_t until_ns = thread_cpu_ns() + (int64_t)ms * MS;

	do
		stamp(me);
	while (thread_cpu_ns() < until_ns);
}

static long times_slept(void)
{
	struct rusage usage;

	must(getrusage(RUSAGE_THREAD, &usage));
	return usage.ru_nvcsw;
}

static void lock(struct actor *me, int which)
{
	struct hold *hold = &me->account.holds[which];
	long before = times_slept();

	hold->wanted_ns = now_ns();
	must_zero(pthread_mutex_lock(&me->cast->locks[which]));
	hold->got_ns = now_ns();
	hold->slept = times_slept() - before;
}

static void unlock(struct actor *me, int which)
{
	me->account.holds[which].freed_ns = now_ns();
	must_zero(pthread_mutex_unlock(&me->cast->locks[which]));
}

// If the other is more urgent than I am now, sem_post returns when it waits or is
// done.
void wake(struct actor *other)
{
	other->account.woken_ns = now_ns();
	must(sem_post(&other->gate));
}

// The kernel has two priorities of a thread: the one it was given, and the one
// it goes by, where a lock may have lent it more. sched_getparam tells the
// first. The second is field 18 of stat: -2 for a real-time priority of 1, down
// to -100 for 99 (proc(5)).
static void look(struct actor *me)
{
	char text[512];
	struct sched_param param;
	int field;
	ssize_t n = must(pread(me->stat, text, sizeof text - 1, 0));

	text[n] = '\0';
	const char *rest = strrchr(text, ')');
	if (!rest || sscanf(rest + 1,
			    "%*s %*s %*s %*s %*s %*s %*s %*s %*s "
			    "%*s %*s %*s %*s %*s %*s %d",
			    &field) != 1)
		die_at(__FILE__, __LINE__, "stat, field 18", EPROTO);
	must(sched_getparam(0, &param));
	if (me->account.look_count < LOOKS)
		me->account.looks[me->account.look_count++] =
			(struct look){ -1 - field, param.sched_priority };
}

void *act(void *argument)
{
	struct actor *me = argument;

	me->tid = gettid();
	must(sem_post(&me->cast->hired));
	must(sem_wait(&me->gate));
	for (const struct step *step = me->part->steps; step->deed; step++) {
		if (step->deed == COMPUTE)
			compute(me, step->what);
		else if (step->deed == LOCK)
			lock(me, step->what);
		else if (step->deed == UNLOCK)
			unlock(me, step->what);
		else if (step->deed == WAKE)
			wake(&me->cast->actors[step->what]);
		else
			look(me);
	}
	me->account.ended_ns = now_ns();
	return NULL;
}

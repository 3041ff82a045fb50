// # Perform: locks, priorities, and a watchdog
//
// Real-time threads can hang a machine: who computes for ever under SCHED_FIFO
// gives way to no ordinary process. Ours compute for some 25 ms in all. If one
// did not stop, RLIMIT_RTTIME would kill it with its process: that is the CPU
// time that a real-time thread may take between two waits (setrlimit(2)). And
// the kernel leaves 5 % of each second to ordinary processes, however many
// real-time threads there are (/proc/sys/kernel/sched_rt_runtime_us; since Linux
// 6.12 by a deadline server that runs for them).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cpu.h"
#include "lab.h"
#include "privilege.h"
#include "sched/inversion/actor.h"

enum { WATCHDOG_US = 1000000 };

// ## Locks
//
// The protocol is a property of the mutex, chosen when it is made
// (pthread_mutexattr_setprotocol(3)). A ceiling is the priority of the most
// urgent thread that will ever take the lock. Nobody can find that out at run
// time: the programmer must know it.

static int ceiling_of(const struct play *play, int lock)
{
	int highest = 1;

	for (size_t i = 0; i < play->count; i++)
		for (const struct step *s = play->parts[i].steps; s->deed; s++)
			if (s->deed == LOCK && s->what == lock &&
			    play->parts[i].urgency > highest)
				highest = play->parts[i].urgency;
	return highest;
}

void make_lock(pthread_mutex_t *lock, enum protocol protocol, int highest)
{
	static const int protocols[] = {
		[NO_PROTOCOL] = PTHREAD_PRIO_NONE,
		[INHERITANCE] = PTHREAD_PRIO_INHERIT,
		[CEILING] = PTHREAD_PRIO_PROTECT,
	};
	pthread_mutexattr_t how;

	must_zero(pthread_mutexattr_init(&how));
	int error = pthread_mutexattr_setprotocol(&how, protocols[protocol]);
	if (!error && protocol == CEILING)
		error = pthread_mutexattr_setprioceiling(&how, highest);
	if (!error)
		error = pthread_mutex_init(lock, &how);
	if (error)
		skip("this system has no such mutexes (%s): use Linux with "
		     "glibc",
		     strerror(error));
	must_zero(pthread_mutexattr_destroy(&how));
}

// ## Real-time priorities, for those who may
//
// EPERM has several causes: an ordinary user needs CAP_SYS_NICE or a limit
// RLIMIT_RTPRIO of so much; in a control group without a real-time budget
// (cpu.rt_runtime_us, in kernels with CONFIG_RT_GROUP_SCHED) even root is
// refused; and a container's seccomp filter may forbid the call altogether.

static int highest_urgency(const struct play *play)
{
	int highest = 1;

	for (size_t i = 0; i < play->count; i++)
		if (play->parts[i].urgency > highest)
			highest = play->parts[i].urgency;
	return highest;
}

bool may_perform(const struct play *play, char why[WHY_BYTES])
{
	struct sched_param before, wanted = { highest_urgency(play) };
	int policy;

	must_zero(pthread_getschedparam(pthread_self(), &policy, &before));
	int error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &wanted);
	if (!error) {
		must_zero(
			pthread_setschedparam(pthread_self(), policy, &before));
		return true;
	}
	if (has_capability(CAP_SYS_NICE))
		snprintf(why, WHY_BYTES,
			 "real-time threads are forbidden here (%s): leave the "
			 "container, or the control group without "
			 "cpu.rt_runtime_us",
			 strerror(error));
	else
		snprintf(why, WHY_BYTES,
			 "real-time priorities are refused (%s): be root, or "
			 "have a limit of %d (ulimit -r, limits.conf(5))",
			 strerror(error), wanted.sched_priority);
	return false;
}

static void limit_time(void)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_RTTIME, &limit));
	if (limit.rlim_max > WATCHDOG_US)
		limit.rlim_max = WATCHDOG_US;
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_RTTIME, &limit));
}

// The thread that waits for them needs no priority: on a machine of one CPU it
// runs when all are done.
static void bind_to_one_cpu(void)
{
	struct topology topology;
	int pair[2] = { 0, 0 };

	must_neg(topology_read(&topology));
	topology_pair(&topology, SAME_CPU, pair);
	topology_free(&topology);
	int error = pin_to_cpu(pair[0]);
	if (error)
		skip("cannot bind threads to CPU %d (%s): try outside this "
		     "container",
		     pair[0], strerror(-error));
}

// ## The performance

// An ordinary thread until it waits at its gate; it inherits the binding.
static void hire(struct cast *cast, const struct part *part, int number)
{
	struct actor *actor = &cast->actors[number];
	struct sched_param urgency = { part->urgency };
	char path[64];

	actor->part = part;
	actor->cast = cast;
	must(sem_init(&actor->gate, 0, 0));
	must_zero(pthread_create(&actor->thread, NULL, act, actor));
	must(sem_wait(&cast->hired));
	await_state(actor->tid, 'S');
	must_zero(pthread_setschedparam(actor->thread, SCHED_FIFO, &urgency));
	snprintf(path, sizeof path, "/proc/self/task/%d/stat", actor->tid);
	actor->stat = must(open(path, O_RDONLY | O_CLOEXEC));
}

static void dismiss(struct actor *actor)
{
	must_zero(pthread_join(actor->thread, NULL));
	must(close(actor->stat));
	must(sem_destroy(&actor->gate));
}

struct performance perform(const struct play *play, enum protocol protocol)
{
	struct cast *cast = must_ptr(calloc(1, sizeof *cast));
	struct performance performance = { 0 };
	struct witness witness;
	pid_t tasks[PARTS];
	char why[WHY_BYTES];

	if (!may_perform(play, why))
		skip("%s", why);
	limit_time();
	bind_to_one_cpu();
	cast->runner = NOBODY;
	must(sem_init(&cast->hired, 0, 0));
	for (int i = 0; i < LOCKS; i++)
		make_lock(&cast->locks[i], protocol, ceiling_of(play, i));
	for (size_t i = 0; i < play->count; i++) {
		hire(cast, &play->parts[i], (int)i);
		tasks[i] = cast->actors[i].tid;
	}
	witness_begin(&witness, tasks, play->count);
	wake(&cast->actors[play->count - 1]);
	for (size_t i = 0; i < play->count; i++) {
		dismiss(&cast->actors[i]);
		performance.accounts[i] = cast->actors[i].account;
	}
	witness_end(&witness, &performance);
	for (int i = 0; i < LOCKS; i++)
		must_zero(pthread_mutex_destroy(&cast->locks[i]));
	must(sem_destroy(&cast->hired));
	free(cast);
	return performance;
}

void performance_free(struct performance *performance)
{
	free(performance->slices);
}

// # contest: how to let threads begin together
//
// A thread that pthread_create() has just made may run at once or in a while,
// and sixteen are not made in an instant: the first would be done before the
// last exists. So each goes to a gate and says that it is there; when all are,
// the gate opens for all of them. The gate is a mutex and two conditions, not a
// barrier: it must also be possible to send everybody home when a thread could
// not be made.
//
// With more threads than CPUs "together" means that all may run; which of them
// does is the scheduler's choice.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "cpu.h"
#include "sync/contest/contest.h"

struct gate {
	alignas(CONTEST_APART) atomic_bool over; // read at every turn
	alignas(CONTEST_APART) pthread_mutex_t mutex;
	pthread_cond_t changed;
	int arrived;  // threads at the gate
	int finished; // threads that have played
	int error;    // the first one at the gate
	bool open, cancelled;
	void (*play)(struct contestant *me);
};

struct entry {
	struct gate *gate;
	struct contestant *contestant;
	pthread_t thread;
};

struct cost {
	int64_t cpu_ns;
	int64_t voluntary, involuntary;
};

static struct cost cost_now(void)
{
	struct timespec t = { 0 };
	struct rusage usage = { 0 };

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	getrusage(RUSAGE_THREAD, &usage);
	return (struct cost){
		.cpu_ns = t.tv_sec * INT64_C(1000000000) + t.tv_nsec,
		.voluntary = usage.ru_nvcsw,
		.involuntary = usage.ru_nivcsw,
	};
}

// Waits at the gate; whether it opened.
static bool enter(struct gate *gate, int error)
{
	pthread_mutex_lock(&gate->mutex);
	gate->arrived++;
	if (error && !gate->error)
		gate->error = error;
	pthread_cond_broadcast(&gate->changed);
	while (!gate->open && !gate->cancelled)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	bool opened = gate->open;
	pthread_mutex_unlock(&gate->mutex);
	return opened;
}

static void *take_part(void *argument)
{
	struct entry *entry = argument;
	struct gate *gate = entry->gate;
	struct contestant *me = entry->contestant;
	int error = me->cpu >= 0 ? pin_to_cpu(me->cpu) : 0;

	me->tid = (pid_t)syscall(SYS_gettid);
	if (!enter(gate, error))
		return NULL;
	struct cost before = cost_now();
	me->begun_ns = now_ns();
	gate->play(me);
	me->ended_ns = now_ns();
	struct cost after = cost_now();
	me->cpu_ns = after.cpu_ns - before.cpu_ns;
	me->voluntary = after.voluntary - before.voluntary;
	me->involuntary = after.involuntary - before.involuntary;

	pthread_mutex_lock(&gate->mutex);
	gate->finished++;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
	return NULL;
}

// Waits until all have played, or until the end of the time if that is earlier.
// When it returns, nobody begins another turn.
static void wait_for_end(struct gate *gate, int threads, int64_t end_ns)
{
	struct timespec end = { .tv_sec = end_ns / 1000000000,
				.tv_nsec = end_ns % 1000000000 };
	int error = 0;

	while (gate->finished < threads && error != ETIMEDOUT)
		error = end_ns ? pthread_cond_timedwait(&gate->changed,
							&gate->mutex, &end)
			       : pthread_cond_wait(&gate->changed,
						   &gate->mutex);
	atomic_store_explicit(&gate->over, true, memory_order_relaxed);
}

// With the mutex held: opens the gate once everybody is there; -errno of whoever
// could not get ready.
static int hold(const struct contest *contest, struct gate *gate, int made,
		int64_t *start_ns)
{
	while (gate->arrived < made)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	gate->open = made == contest->threads && !gate->error;
	gate->cancelled = !gate->open;
	pthread_cond_broadcast(&gate->changed);
	*start_ns = now_ns();
	if (gate->open)
		wait_for_end(gate, made,
			     contest->length_ns ? *start_ns + contest->length_ns
						: 0);
	return gate->error;
}

static int start(const struct contest *contest, struct entry *entries,
		 struct gate *gate, struct contestant *who, int64_t *start_ns)
{
	int made = 0, error = 0;

	for (; made < contest->threads; made++) {
		entries[made] = (struct entry){ .gate = gate,
						.contestant = &who[made] };
		error = -pthread_create(&entries[made].thread, NULL, take_part,
					&entries[made]);
		if (error)
			break;
	}
	pthread_mutex_lock(&gate->mutex);
	int held = hold(contest, gate, made, start_ns);
	pthread_mutex_unlock(&gate->mutex);
	for (int i = 0; i < made; i++)
		pthread_join(entries[i].thread, NULL);
	return error ? error : held;
}

static void add_up(struct contest_sum *sum, const struct contestant *who,
		   int threads, int64_t start_ns)
{
	double squares = 0;

	*sum = (struct contest_sum){ .fewest = INT64_MAX };
	for (int i = 0; i < threads; i++) {
		const struct contestant *c = &who[i];
		sum->turns += c->turns;
		squares += (double)c->turns * (double)c->turns;
		if (c->turns < sum->fewest)
			sum->fewest = c->turns;
		if (c->turns > sum->most)
			sum->most = c->turns;
		if (c->ended_ns - start_ns > sum->length_ns)
			sum->length_ns = c->ended_ns - start_ns;
		if (c->longest_wait_ns > sum->longest_wait_ns)
			sum->longest_wait_ns = c->longest_wait_ns;
		sum->waited_ns += c->waited_ns;
		sum->cpu_ns += c->cpu_ns;
		sum->voluntary += c->voluntary;
		sum->involuntary += c->involuntary;
	}
	double all = (double)sum->turns;
	sum->fairness = squares > 0 ? all * all / (threads * squares) : 1;
}

// Gives everybody a place.
static int prepare(const struct contest *contest, struct contestant *who,
		   const struct gate *gate)
{
	struct topology topology = { 0 };
	int error = contest->places == CONTEST_FREE ? 0
						    : topology_read(&topology);

	if (!error && contest->places != CONTEST_FREE && !topology.count)
		error = -ENODEV;
	for (int i = 0; i < contest->threads && !error; i++) {
		int cpu = -1;
		if (contest->places == CONTEST_PINNED)
			cpu = topology.cpus[i % topology.count].number;
		else if (contest->places == CONTEST_ONE_CPU)
			cpu = topology.cpus[topology.count - 1].number;
		who[i] = (struct contestant){
			.argument = contest->stride
					    ? (char *)contest->argument +
						      contest->stride * i
					    : contest->argument,
			.index = i,
			.limit = contest->turns ? contest->turns : INT64_MAX,
			.over = &gate->over,
			.cpu = cpu,
		};
	}
	topology_free(&topology);
	return error;
}

static int make_gate(struct gate *gate, const struct contest *contest)
{
	pthread_condattr_t attributes;

	memset(gate, 0, sizeof *gate);
	gate->play = contest->play;
	atomic_init(&gate->over, false);
	int error = pthread_condattr_init(&attributes);
	if (error)
		return -error;
	error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (!error)
		error = pthread_cond_init(&gate->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (error)
		return -error;
	error = pthread_mutex_init(&gate->mutex, NULL);
	if (error)
		pthread_cond_destroy(&gate->changed);
	return -error;
}

int contest_run(const struct contest *contest, struct contestant *who,
		struct contest_sum *sum)
{
	struct gate gate;
	int64_t start_ns = 0;

	if (!contest->play || contest->threads < 1 ||
	    contest->threads > CONTEST_MOST || contest->length_ns < 0 ||
	    contest->turns < 0 || (!contest->length_ns && !contest->turns))
		return -EINVAL;
	int error = prepare(contest, who, &gate);
	if (error)
		return error;
	struct entry *entries = calloc(contest->threads, sizeof *entries);
	if (!entries)
		return -ENOMEM;
	error = make_gate(&gate, contest);
	if (!error) {
		error = start(contest, entries, &gate, who, &start_ns);
		pthread_mutex_destroy(&gate.mutex);
		pthread_cond_destroy(&gate.changed);
	}
	free(entries);
	if (!error && sum)
		add_up(sum, who, contest->threads, start_ns);
	return error;
}

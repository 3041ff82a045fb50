// # stride: shares of the CPU without chance
//
// What lottery.c does by luck, by the book. A job with t tickets has the stride
// S / t, and its pass says how far it has come: the smallest pass runs for a
// quantum and goes one stride on. Few tickets, long strides: the rarer its
// turn. After any number of quanta a job is less than one quantum away from its
// share when it is compared with any single other one, where the lottery is
// away by the square root of the number.
//
// Good: proportional and exact, and can be calculated by hand. Bad: it has a
// memory, so a job that comes or goes needs care. A sleeper whose pass stood
// still would have saved up time and could take the CPU for as long as it
// slept. So there is a global pass: it goes on by S / (tickets of all who take
// part) for each quantum of CPU time that is given out, which is the pace at
// which everybody's pass goes on when the shares are right. A job that leaves
// remembers how far it was ahead of it (or behind), and is put there again when
// it comes back: it neither gains nor loses. A new one begins one stride ahead.
//
// Who used only a part of the quantum goes on by that part of the stride.
//
// A heap: O(log n) a decision; 32 bytes a job.
//
// Sources: Waldspurger & Weihl, "Stride Scheduling: Deterministic
// Proportional-Share Resource Management", MIT/LCS/TM-528, 1995 (this is its
// dynamic algorithm, with join and leave); OSTEP, chapter 9.

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "heap.h"
#include "parts.h"

// The paper's stride1: large, so that dividing it loses little; and a product
// of many small primes, so that for the usual numbers of tickets (1 to 18, 24,
// 25, 250, 1000 ...) it loses nothing, and equal passes are equal.
static const int64_t stride1 = INT64_C(1024) * 27 * 625 * 49 * 11 * 13 * 17;

struct client {
	int64_t pass;     // waiting: how far ahead of the global pass
	int64_t since_ns; // running: since then, or since the last tick
};

struct stride {
	const struct task *tasks;
	int64_t quantum_ns;
	uint64_t tickets;    // of all that are ready or running
	int64_t global_pass; // as of the moment at which `given` was 0
	// CPU time given out since then to jobs that have accounted for it.
	// Those running now have had (running * now - since_sum) on top of it;
	// these two may wrap, their difference never does.
	__int128 given_ns;
	uint64_t running, since_sum;
	struct heap ready; // key: pass
	struct client jobs[];
};

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	void *memory;

	if (settings->quantum_ns <= 0)
		return -EINVAL;
	int error = policy_memory(&memory, sizeof(struct stride),
				  sizeof(struct client), n);
	if (error)
		return error;
	struct stride *s = memory;
	s->tasks = tasks;
	s->quantum_ns = settings->quantum_ns;
	for (size_t i = 0; i < n && !error; i++)
		error = tasks[i].tickets ? 0 : -EINVAL;
	if (!error)
		error = heap_create(&s->ready, n, false);
	if (error)
		free(s);
	else
		*state = s;
	return error;
}

static void destroy(void *state)
{
	struct stride *s = state;

	if (s)
		heap_free(&s->ready);
	free(s);
}

// How far `ns` of CPU time take somebody with so many tickets. Passes may wrap:
// only their differences count.
static int64_t advance(const struct stride *s, __int128 ns, uint64_t tickets)
{
	if (ns == s->quantum_ns)
		return (int64_t)((uint64_t)stride1 / tickets);
	return (int64_t)(stride1 * ns / ((__int128)tickets * s->quantum_ns));
}

static int64_t plus(int64_t pass, int64_t way)
{
	return (int64_t)((uint64_t)pass + (uint64_t)way);
}

// The global pass is brought up to date before the number of tickets changes.
static void settle(struct stride *s, int64_t now)
{
	int64_t in_flight =
		(int64_t)(s->running * (uint64_t)now - s->since_sum);
	__int128 ns = s->given_ns + in_flight;

	s->given_ns = -in_flight;
	if (s->tickets)
		s->global_pass = plus(s->global_pass,
				      advance(s, ns, s->tickets));
}

static void join(struct stride *s, int job, int64_t ahead, int64_t now)
{
	settle(s, now);
	s->tickets += s->tasks[job].tickets;
	s->jobs[job].pass = plus(s->global_pass, ahead);
	heap_add(&s->ready, job, s->jobs[job].pass, HEAP_TAIL);
}

static void arrive(void *state, int job, int64_t now)
{
	struct stride *s = state;

	join(s, job, stride1 / s->tasks[job].tickets, now);
}

static void wake(void *state, int job, int64_t now)
{
	struct stride *s = state;

	join(s, job, s->jobs[job].pass, now);
}

static int pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	struct stride *s = state;

	(void)cpu;
	if (!s->ready.count)
		return NOBODY;
	int job = heap_take(&s->ready);
	s->jobs[job].since_ns = now;
	s->running++;
	s->since_sum += (uint64_t)now;
	*slice_ns = s->quantum_ns;
	return job;
}

// A running job stops, and has come so far.
static void account(struct stride *s, int job, int64_t ran_ns)
{
	struct client *c = &s->jobs[job];

	c->pass = plus(c->pass, advance(s, ran_ns, s->tasks[job].tickets));
	s->given_ns += ran_ns;
	s->running--;
	s->since_sum -= (uint64_t)c->since_ns;
}

static bool tick(void *state, int job, int64_t ran_ns, int64_t now,
		 int64_t *slice_ns)
{
	struct stride *s = state;

	(void)now, (void)slice_ns;
	account(s, job, ran_ns);
	heap_add(&s->ready, job, s->jobs[job].pass, HEAP_TAIL);
	return true;
}

static void leave(void *state, int job, int64_t ran_ns, int64_t now)
{
	struct stride *s = state;
	struct client *c = &s->jobs[job];

	account(s, job, ran_ns);
	settle(s, now);
	s->tickets -= s->tasks[job].tickets;
	c->pass = (int64_t)((uint64_t)c->pass - (uint64_t)s->global_pass);
}

static void explain(void *state, int job, int64_t now, char *text, size_t bytes)
{
	const struct stride *s = state;
	int64_t own = s->jobs[job].pass;

	(void)now;
	if (!s->ready.count)
		snprintf(text, bytes, "alone, with %" PRIu32 " tickets",
			 s->tasks[job].tickets);
	else if (heap_key(&s->ready) == own)
		snprintf(text, bytes,
			 "smallest pass of %zu, like the next one, %s; "
			 "%" PRIu32 " of %" PRIu64 " tickets",
			 s->ready.count + 1,
			 policy_tie(heap_took_first(&s->ready)),
			 s->tasks[job].tickets, s->tickets);
	else
		snprintf(text, bytes,
			 "smallest pass of %zu, the next is %.3g of its "
			 "strides ahead; %" PRIu32 " of %" PRIu64 " tickets",
			 s->ready.count + 1,
			 (double)(heap_key(&s->ready) - own) *
				 s->tasks[job].tickets / (double)stride1,
			 s->tasks[job].tickets, s->tickets);
}

const struct policy policy_stride = {
	.name = "stride",
	.title = "stride",
	.summary = "picks for a quantum who has had the least for its tickets",
	.source = "Waldspurger & Weihl, Stride Scheduling, MIT/LCS/TM-528, "
		  "1995",
	.preemptive = true,
	.time_sharing = true,
	.create = create,
	.destroy = destroy,
	.arrive = arrive,
	.wake = wake,
	.pick = pick,
	.tick = tick,
	.block = leave,
	.finish = leave,
	.explain = explain,
};

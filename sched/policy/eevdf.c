// # eevdf: earliest eligible virtual deadline first, Linux's fair scheduler
//
// Imagine a machine that runs all ready jobs at the same time, each at a speed
// in proportion to its weight. That is what is fair. A real CPU can only run
// one, so it keeps account of how far each one is behind the ideal.
//
// Every job has a virtual run time v: its CPU time, scaled by 1024 / weight.
// Where the ideal machine would stand by now is the weighted mean of them,
//
//     V = sum (weight * v) / sum (weight)
//
// and V - v is the job's lag: positive, it is owed CPU time; negative, it has
// had more than its share. A job is eligible when it is not ahead (v <= V). It
// asks for CPU time in requests of one quantum, and the ideal machine would be
// done with that at the virtual deadline v + quantum * 1024 / weight. The rule:
//
//     of those that are eligible, the earliest virtual deadline runs.
//
// The first half makes it fair, the second half makes it prompt. (Linux's CFS,
// from 2007 to 2023, had just "the smallest v".) As long as nobody comes or
// goes, no job is ever ahead of or behind the ideal by more than one quantum,
// and nothing that works in quanta can do better.
//
// A weight comes from the nice value: 1024 for nice 0, and each step is a
// factor of 1.25, so that one step between two jobs moves about 10 % of the
// CPU.
//
// Who blocks takes its lag along, and comes back with it: sleeping earns
// nothing and costs nothing. Joining moves V; so the lag put down is larger by
// (W + weight) / W, W being the weight of the others, and is right when V has
// moved. As in the kernel it is cut off at two quanta. Who wakes, eligible and
// with the earlier deadline, takes the CPU at once, as does any eligible one
// from a job that is ahead; the rest of the request is kept. (The kernel since
// 6.6 mostly lets the running one finish its request: RUN_TO_PARITY.)
//
// Good: shares by weight, exact to a quantum, and prompt for jobs that sleep a
// lot. Bad: no promise in seconds; what matters must be told by nice values.
//
// The kernel has a queue of this kind for each CPU, and counts v from a moving
// origin to fit 64 bits; here one queue serves all CPUs, and the sum has 128
// bits. V also counts the time that running jobs have had but not accounted
// for. On several CPUs nobody ready may be eligible; then who is least ahead
// runs.
//
// A tree by deadline with the least v below each node: O(log n) a decision; 44
// bytes a job.
//
// Sources: Stoica & Abdel-Wahab, "Earliest Eligible Virtual Deadline First: A
// Flexible and Accurate Mechanism for Proportional Share Resource Allocation",
// Old Dominion University TR-95-22, 1995; Linux kernel/sched/fair.c
// (avg_vruntime, place_entity, pick_eevdf) and core.c (sched_prio_to_weight).

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "parts.h"
#include "tree.h"

enum { NICE_MIN = -20, NICE_MAX = 19, NICE_0_WEIGHT = 1024 };

// The kernel's table, nice -20 to 19.
static const uint32_t weights[] = {
	88761, 71755, 56483, 46273, 36291, // -20
	29154, 23254, 18705, 14949, 11916, // -15
	9548,  7620,  6100,  4904,  3906,  // -10
	3121,  2501,  1991,  1586,  1277,  // -5
	1024,  820,   655,   526,   423,   // 0
	335,   272,   215,   172,   137,   // 5
	110,   87,    70,    56,    45,    // 10
	36,    29,    23,    18,    15,    // 15
};

struct eevdf {
	const struct task *tasks;
	int64_t quantum_ns;
	struct tree ready; // key: virtual deadline; value: v, waiting: lag;
			   // least, while it runs: since when
	int64_t *left_ns;  // of each one's request
	uint32_t *rest;    // of each one's CPU time, what v is too coarse for
	// Of all that are ready or running. The CPU time that running ones have
	// not accounted for is running * now - since_sum.
	__int128 weighted_v;
	uint64_t weight;
	uint64_t running, since_sum;
	int64_t parting_v; // V when the last one left
	// For explain, of the last pick: V or, where nobody was eligible, the
	// least v.
	int64_t limit;
	bool nobody_eligible;
	struct tree_node nodes[];
};

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	void *memory;

	if (settings->quantum_ns <= 0)
		return -EINVAL;
	int error = policy_memory(&memory, sizeof(struct eevdf),
				  sizeof(struct tree_node) + sizeof(int64_t) +
					  sizeof(uint32_t),
				  n);
	if (error)
		return error;
	for (size_t i = 0; i < n; i++)
		if (tasks[i].nice < NICE_MIN || tasks[i].nice > NICE_MAX) {
			free(memory);
			return -EINVAL;
		}
	struct eevdf *e = memory;
	e->tasks = tasks;
	e->quantum_ns = settings->quantum_ns;
	e->ready.nodes = e->nodes;
	e->left_ns = (int64_t *)(e->nodes + n);
	e->rest = (uint32_t *)(e->left_ns + n);
	*state = e;
	return 0;
}

static uint32_t weight_of(const struct eevdf *e, int job)
{
	return weights[e->tasks[job].nice - NICE_MIN];
}

// CPU time as virtual time, v + ns * 1024 / weight. Divisions leave a rest, and
// a heavy job would be given 10 us a second if it were dropped: so it is kept,
// and v is where it ought to be however often the way was cut in pieces.
static int64_t further(const struct eevdf *e, int job, int64_t ns,
		       uint32_t *rest)
{
	uint32_t weight = weight_of(e, job);
	__int128 way = (__int128)ns * NICE_0_WEIGHT + *rest;

	if (way <= INT64_MAX) {
		*rest = (uint32_t)((uint64_t)way % weight);
		way = (uint64_t)way / weight;
	} else {
		*rest = (uint32_t)(way % weight);
		way /= weight;
	}
	return within(e->nodes[job].value + way);
}

static int64_t divide_down(__int128 a, __int128 b)
{
	return (int64_t)(a / b - (a % b < 0));
}

// V, rounded down: v <= V holds for just the same whole numbers.
static int64_t virtual_time(const struct eevdf *e, int64_t now)
{
	int64_t in_flight =
		(int64_t)(e->running * (uint64_t)now - e->since_sum);

	if (!e->weight)
		return e->parting_v;
	return divide_down(e->weighted_v + (__int128)in_flight * NICE_0_WEIGHT,
			   e->weight);
}

static void new_request(struct eevdf *e, int job)
{
	uint32_t rest = e->rest[job];

	e->left_ns[job] = e->quantum_ns;
	e->nodes[job].key = further(e, job, e->quantum_ns, &rest);
}

static void join(struct eevdf *e, int job, int64_t lag, int64_t now)
{
	struct tree_node *node = &e->nodes[job];
	uint32_t weight = weight_of(e, job);
	__int128 v = virtual_time(e, now);

	if (e->weight)
		v -= (__int128)lag * (e->weight + weight) / e->weight;
	node->value = within(v);
	e->weight += weight;
	e->weighted_v += (__int128)node->value * weight;
	new_request(e, job);
	tree_insert(&e->ready, job);
}

static void arrive(void *state, int job, int64_t now)
{
	struct eevdf *e = state;

	e->rest[job] = 0;
	join(e, job, 0, now);
}

static void wake(void *state, int job, int64_t now)
{
	struct eevdf *e = state;

	join(e, job, e->nodes[job].value, now);
}

static int pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	struct eevdf *e = state;

	(void)cpu;
	if (!e->ready.root)
		return NOBODY;
	e->limit = virtual_time(e, now);
	e->nobody_eligible = tree_least(&e->ready) > e->limit;
	if (e->nobody_eligible)
		e->limit = tree_least(&e->ready);
	int job = tree_take(&e->ready, e->limit);
	e->nodes[job].least = now;
	e->running++;
	e->since_sum += (uint64_t)now;
	*slice_ns = e->left_ns[job];
	return job;
}

// A running job stops, and has come so far.
static void account(struct eevdf *e, int job, int64_t ran_ns)
{
	struct tree_node *node = &e->nodes[job];
	int64_t before = node->value;

	e->left_ns[job] -= ran_ns;
	node->value = further(e, job, ran_ns, &e->rest[job]);
	e->weighted_v += ((__int128)node->value - before) * weight_of(e, job);
	e->running--;
	e->since_sum -= (uint64_t)node->least;
}

static bool tick(void *state, int job, int64_t ran_ns, int64_t now,
		 int64_t *slice_ns)
{
	struct eevdf *e = state;
	struct tree_node *node = &e->nodes[job];

	account(e, job, ran_ns);
	if (e->left_ns[job] <= 0) {
		new_request(e, job);
		tree_insert(&e->ready, job);
		return true;
	}
	int64_t limit = virtual_time(e, now);
	int rival = tree_find(&e->ready, limit);
	if (rival != -1 &&
	    (node->value > limit || e->nodes[rival].key < node->key)) {
		tree_insert(&e->ready, job);
		return true;
	}
	node->least = now;
	e->running++;
	e->since_sum += (uint64_t)now;
	*slice_ns = e->left_ns[job];
	return false;
}

static void leave(void *state, int job, int64_t ran_ns, int64_t now)
{
	struct eevdf *e = state;
	struct tree_node *node = &e->nodes[job];
	uint32_t weight = weight_of(e, job);
	__int128 most = (__int128)e->quantum_ns * 2 * NICE_0_WEIGHT / weight;

	account(e, job, ran_ns);
	e->parting_v = virtual_time(e, now);
	e->weight -= weight;
	e->weighted_v -= (__int128)node->value * weight;
	__int128 lag = (__int128)e->parting_v - node->value;
	node->value = within(lag > most ? most : lag < -most ? -most : lag);
}

static int64_t rank(void *state, int job, int64_t now)
{
	const struct eevdf *e = state;

	(void)now;
	return e->nodes[job].key;
}

static void explain(void *state, int job, int64_t now, char *text, size_t bytes)
{
	const struct eevdf *e = state;
	const struct tree_node *node = &e->nodes[job];
	int rival = tree_find(&e->ready, e->limit);
	bool tie = rival != -1 && e->nodes[rival].key == node->key;
	char deadline[SPAN_BYTES], lag[SPAN_BYTES];

	(void)now;
	span(lag, sum_within(e->limit, -node->value));
	span(deadline, sum_within(node->key, -e->limit));
	if (!e->ready.root)
		snprintf(text, bytes, "alone, weight %" PRIu32,
			 weight_of(e, job));
	else if (e->nobody_eligible && tie)
		snprintf(text, bytes,
			 "nobody is eligible, this one is least ahead like the "
			 "next one, %s",
			 policy_tie(false));
	else if (e->nobody_eligible)
		snprintf(text, bytes,
			 "nobody is eligible, this one is least ahead; weight "
			 "%" PRIu32,
			 weight_of(e, job));
	else if (rival == -1)
		snprintf(text, bytes,
			 "only this one is eligible (behind by %s); weight "
			 "%" PRIu32,
			 lag, weight_of(e, job));
	else if (tie)
		snprintf(text, bytes,
			 "eligible (behind by %s), virtual deadline (in %s) "
			 "like the next one, %s",
			 lag, deadline, policy_tie(false));
	else
		snprintf(text, bytes,
			 "eligible (behind by %s) with the earliest virtual "
			 "deadline (in %s); weight %" PRIu32,
			 lag, deadline, weight_of(e, job));
}

const struct policy policy_eevdf = {
	.name = "eevdf",
	.title = "earliest eligible virtual deadline first",
	.summary = "picks, among those who have not had more than their share, "
		   "the earliest virtual deadline",
	.source = "Stoica & Abdel-Wahab, Old Dominion University TR-95-22, "
		  "1995; Linux 6.6 and later",
	.preemptive = true,
	.time_sharing = true,
	.create = create,
	.destroy = policy_free,
	.arrive = arrive,
	.wake = wake,
	.pick = pick,
	.tick = tick,
	.block = leave,
	.finish = leave,
	.rank = rank,
	.explain = explain,
};

// # mlfq: a multilevel feedback queue
//
// Nobody knows how long the next burst will be, but a job shows what it is by
// what it does. There is a row of queues, level 0 on top. The highest level
// that has anybody ready runs, by turns. The rules are OSTEP's (chapter 8):
//
// 1. a higher level runs before a lower one, at once;
// 2. within a level it is round robin, with the quantum of that level;
// 3. a new job begins at the top;
// 4. who has used up its allotment at a level (so many quanta, however often it
//    gave up the CPU in between) sinks by one, with a full quantum and
//    allotment; in the lowest level it stays;
// 5. every boost_ns everybody goes back to the top.
//
// So short jobs are done before they sink, almost as if their length had been
// known; long ones get long quanta at the bottom; and who mostly waits stays on
// top. Rule 4 counts, so that nobody stays on top by giving up the CPU just
// before the end of the quantum; with `stay` waiting is forgiven instead (the
// older rule, which can be gamed). Rule 5 ends starvation and gives a job that
// has changed a new chance. The price: many numbers that nobody knows how to
// set.
//
// The fine print: a job that is displaced by a higher level keeps its place at
// the head of its own, and what is left of its quantum. A boost leaves the top
// queue as it is and appends the others behind it, the lowest first; whoever
// ran up to that moment is judged by the old state before, whoever comes in
// that moment joins after it. With `io_head` a job back from waiting enters at
// the head of its level, before the one that is running there.
//
// A boost must not touch all jobs. It joins the queues (O(levels)) and goes one
// up on a counter. Each job remembers which boost it has last seen; one that
// missed some is made new when it is touched. No slice reaches beyond the next
// boost, so that a running job is judged in time. The highest level is the
// lowest set bit of a mask.
//
// O(1) a decision; 28 bytes a job.
//
// Sources: Corbato, Merwin-Daggett & Daley, "An Experimental Time-Sharing
// System", Spring Joint Computer Conference 1962; OSTEP (Arpaci-Dusseau),
// chapter 8; Silberschatz, Galvin & Gagne, "Operating System Concepts", 10th
// edition, section 5.3.6.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "parts.h"
#include "queue.h"

struct level {
	struct queue ready;
	// With io_head: the last of those that came to the head since somebody
	// was picked here, job + 1. A job displaced by them stands behind it.
	int32_t bumped;
};

struct job {
	int64_t left_ns;   // of its quantum
	int32_t allotment; // quanta left at its level, with this one
	uint32_t boosts;   // that it has seen
	uint8_t level;
};

struct mlfq {
	const struct policy_settings *settings;
	int bottom;
	int64_t next_boost_ns;
	uint32_t boosts; // until now
	uint32_t count;  // ready
	uint64_t filled; // bit i: somebody is ready at level i
	struct level levels[LEVELS_MAX];
	int32_t *next;
	struct job jobs[];
};

static bool valid(const struct policy_settings *settings)
{
	int levels = settings->levels;

	if (levels < 1 || levels > LEVELS_MAX || settings->boost_ns < 0)
		return false;
	for (int i = 0; i < levels; i++)
		if (settings->level_quantum_ns[i] <= 0 ||
		    (i < levels - 1 && settings->level_allotment[i] <= 0))
			return false;
	return true;
}

static int create(void **state, const struct policy_settings *settings,
		  const struct task *tasks, size_t n)
{
	void *memory;

	(void)tasks;
	if (!valid(settings))
		return -EINVAL;
	int error = policy_memory(&memory, sizeof(struct mlfq),
				  sizeof(struct job) + sizeof(int32_t), n);
	if (error)
		return error;
	struct mlfq *m = memory;
	m->settings = settings;
	m->bottom = settings->levels - 1;
	m->next_boost_ns = settings->boost_ns ? settings->boost_ns : NEVER;
	m->next = (int32_t *)(m->jobs + n);
	*state = m;
	return 0;
}

static void enter_level(struct mlfq *m, struct job *j, int level)
{
	j->level = (uint8_t)level;
	j->left_ns = m->settings->level_quantum_ns[level];
	j->allotment = m->settings->level_allotment[level];
}

// A job has missed a boost, or is new.
static void renew(struct mlfq *m, int job)
{
	m->jobs[job].boosts = m->boosts;
	enter_level(m, &m->jobs[job], 0);
}

static bool up_to_date(const struct mlfq *m, int job)
{
	return m->jobs[job].boosts == m->boosts;
}

static void append(struct mlfq *m, int job)
{
	int level = m->jobs[job].level;

	queue_append(&m->levels[level].ready, m->next, job);
	m->filled |= UINT64_C(1) << level;
	m->count++;
}

// Where a running job stands: in front of all that were there when it was
// picked.
static void keep_place(struct mlfq *m, int job)
{
	struct level *level = &m->levels[m->jobs[job].level];

	if (level->bumped)
		queue_insert(&level->ready, m->next, level->bumped - 1, job);
	else
		queue_prepend(&level->ready, m->next, job);
	m->filled |= UINT64_C(1) << m->jobs[job].level;
	m->count++;
}

static void bump(struct mlfq *m, int job)
{
	struct level *level = &m->levels[m->jobs[job].level];

	queue_prepend(&level->ready, m->next, job);
	if (!level->bumped)
		level->bumped = job + 1;
	m->filled |= UINT64_C(1) << m->jobs[job].level;
	m->count++;
}

// The boost of this moment, or those that nobody has seen since the last call.
static void boost(struct mlfq *m, int64_t now)
{
	int64_t every = m->settings->boost_ns;

	if (now < m->next_boost_ns)
		return;
	for (int i = m->bottom; i > 0; i--) {
		queue_join(&m->levels[0].ready, m->next, &m->levels[i].ready);
		m->levels[i].bumped = 0;
	}
	m->levels[0].bumped = 0;
	m->filled = !queue_empty(&m->levels[0].ready);
	m->boosts++;
	m->next_boost_ns = product_within(now / every + 1, every);
}

static void arrive(void *state, int job, int64_t now)
{
	struct mlfq *m = state;

	boost(m, now);
	renew(m, job);
	append(m, job);
}

static void wake(void *state, int job, int64_t now)
{
	struct mlfq *m = state;

	boost(m, now);
	if (!up_to_date(m, job))
		renew(m, job);
	if (m->settings->io_head)
		bump(m, job);
	else
		append(m, job);
}

static int64_t slice(const struct mlfq *m, int job, int64_t now)
{
	int64_t left_ns = m->jobs[job].left_ns;
	int64_t to_boost_ns = m->next_boost_ns - now;

	return left_ns < to_boost_ns ? left_ns : to_boost_ns;
}

static int take(struct mlfq *m)
{
	int highest = __builtin_ctzll(m->filled);
	struct level *level = &m->levels[highest];
	int job = queue_take(&level->ready, m->next);

	level->bumped = 0;
	if (queue_empty(&level->ready))
		m->filled &= m->filled - 1;
	m->count--;
	if (!up_to_date(m, job))
		renew(m, job);
	return job;
}

static int pick(void *state, int cpu, int64_t now, int64_t *slice_ns)
{
	struct mlfq *m = state;

	(void)cpu;
	boost(m, now);
	if (!m->filled)
		return NOBODY;
	int job = take(m);
	*slice_ns = slice(m, job, now);
	return job;
}

// What the job has run is taken off its quantum and, when that is used up, the
// quantum off its allotment. True: it was used up.
static bool account(struct mlfq *m, struct job *j, int64_t ran_ns, bool waits)
{
	j->left_ns -= ran_ns;
	bool used_up = j->left_ns <= 0;

	if (waits && m->settings->stay)
		enter_level(m, j, j->level);
	if (!used_up)
		return false;
	if (j->allotment > 0 && --j->allotment == 0)
		enter_level(m, j,
			    j->level < m->bottom ? j->level + 1 : m->bottom);
	else
		j->left_ns = m->settings->level_quantum_ns[j->level];
	return true;
}

// The boost of this moment finds the job at its place in the queues. If it is
// the first after that, too, it runs on.
static bool boosted(struct mlfq *m, int job, bool used_up, int64_t now)
{
	if (used_up)
		append(m, job);
	else
		keep_place(m, job);
	boost(m, now);
	if (used_up || m->levels[0].ready.first != job + 1)
		return true;
	take(m);
	return false;
}

// Somebody else (another CPU, a job that came in this moment) was told of the
// boost first. The job joins the top level behind them, unless it was there.
static bool boosted_before(struct mlfq *m, int job, bool used_up)
{
	bool was_on_top = m->jobs[job].level == 0 && !used_up;

	renew(m, job);
	if (was_on_top || (!used_up && !m->filled))
		return false;
	append(m, job);
	return true;
}

static bool displaced(const struct mlfq *m, int job)
{
	int level = m->jobs[job].level;
	uint64_t higher = (UINT64_C(1) << level) - 1;

	return (m->filled & higher) || m->levels[level].bumped;
}

static bool tick(void *state, int job, int64_t ran_ns, int64_t now,
		 int64_t *slice_ns)
{
	struct mlfq *m = state;
	bool used_up = account(m, &m->jobs[job], ran_ns, false);

	if (!up_to_date(m, job)) {
		boost(m, now);
		if (boosted_before(m, job, used_up))
			return true;
	} else if (now >= m->next_boost_ns) {
		if (boosted(m, job, used_up, now))
			return true;
	} else if (used_up) {
		append(m, job);
		return true;
	}
	if (displaced(m, job)) {
		keep_place(m, job);
		return true;
	}
	*slice_ns = slice(m, job, now);
	return false;
}

static void block(void *state, int job, int64_t ran_ns, int64_t now)
{
	struct mlfq *m = state;

	(void)now;
	account(m, &m->jobs[job], ran_ns, true);
}

static int64_t rank(void *state, int job, int64_t now)
{
	const struct mlfq *m = state;

	(void)now;
	return m->jobs[job].level;
}

static void explain(void *state, int job, int64_t now, char *text, size_t bytes)
{
	const struct mlfq *m = state;
	const struct job *j = &m->jobs[job];
	char left[SPAN_BYTES];

	(void)now;
	snprintf(text, bytes,
		 "first at level %d, the highest with anybody ready; %s of its "
		 "quantum left; %u wait",
		 j->level, span(left, j->left_ns), m->count);
}

const struct policy policy_mlfq = {
	.name = "mlfq",
	.title = "multilevel feedback queue",
	.summary = "picks from the highest level; who uses up its allotment "
		   "sinks by one; now and then all go back to the top",
	.source = "Arpaci-Dusseau, Operating Systems: Three Easy Pieces, "
		  "chapter 8",
	.preemptive = true,
	.time_sharing = true,
	.create = create,
	.destroy = policy_free,
	.arrive = arrive,
	.wake = wake,
	.pick = pick,
	.tick = tick,
	.block = block,
	.finish = policy_leave,
	.rank = rank,
	.explain = explain,
};

// The multilevel feedback queue against the simplest thing that follows the
// same rules: a loop over ticks and arrays that touches every job at every
// boost. The rules are those of OSTEP's chapter 8 and its program, one after
// the other.

#include <stdlib.h>
#include <string.h>

#include "policy_parts.h"

enum { JOBS_MAX = 6, TICKS_MAX = 2000 };

struct plain_job {
	int start, run, io; // every `io` ticks it waits; 0: never
	int level, ticks, allotment, left;
};

struct plain {
	const struct policy_settings *settings;
	int jobs, io_time;
	struct plain_job job[JOBS_MAX];
	int queue[8][JOBS_MAX], length[8];
	int back[JOBS_MAX]; // when its wait is over; -1: it does not wait
	int ran[TICKS_MAX]; // who, in each tick; NOBODY
	int ticks;
};

static void plain_level(struct plain *p, int job, int level)
{
	p->job[job].level = level;
	p->job[job].ticks = (int)p->settings->level_quantum_ns[level];
	p->job[job].allotment = p->settings->level_allotment[level];
}

static void plain_enter(struct plain *p, int job, bool head)
{
	int level = p->job[job].level, *q = p->queue[level];

	if (head) {
		memmove(q + 1, q, (size_t)p->length[level] * sizeof *q);
		q[0] = job;
	} else {
		q[p->length[level]] = job;
	}
	p->length[level]++;
}

static void plain_leave(struct plain *p, int level)
{
	int *q = p->queue[level];

	memmove(q, q + 1, (size_t)--p->length[level] * sizeof *q);
}

static void plain_boost(struct plain *p)
{
	for (int level = p->settings->levels - 1; level > 0; level--) {
		for (int i = 0; i < p->length[level]; i++)
			p->queue[0][p->length[0]++] = p->queue[level][i];
		p->length[level] = 0;
	}
	for (int job = 0; job < p->jobs; job++)
		if (p->job[job].left)
			plain_level(p, job, 0);
}

// The tick is over: the end, a wait, the end of a quantum.
static void plain_account(struct plain *p, int job, int now)
{
	struct plain_job *j = &p->job[job];
	int level = j->level, bottom = p->settings->levels - 1;

	j->left--;
	int ticks = --j->ticks;
	if (!j->left) {
		plain_leave(p, level);
		return;
	}
	bool waits = j->io && (j->run - j->left) % j->io == 0;
	if (waits) {
		plain_leave(p, level);
		p->back[job] = now + p->io_time;
		if (p->settings->stay)
			plain_level(p, job, level);
	}
	if (ticks)
		return;
	if (--j->allotment == 0)
		plain_level(p, job, level < bottom ? level + 1 : bottom);
	else
		j->ticks = (int)p->settings->level_quantum_ns[level];
	if (!waits) {
		plain_leave(p, level);
		plain_enter(p, job, false);
	}
}

static void plain_play(struct plain *p)
{
	int unfinished = p->jobs;

	for (int job = 0; job < p->jobs; job++) {
		p->job[job].left = p->job[job].run;
		p->back[job] = -1;
		plain_level(p, job, 0);
	}
	for (int now = 0; unfinished; now++) {
		ck_assert_int_lt(now, TICKS_MAX);
		int64_t every = p->settings->boost_ns;
		if (every && now && now % every == 0)
			plain_boost(p);
		for (int job = 0; job < p->jobs; job++)
			if (p->job[job].start == now)
				plain_enter(p, job, false);
		for (int job = 0; job < p->jobs; job++)
			if (p->back[job] == now) {
				p->back[job] = -1;
				plain_enter(p, job, p->settings->io_head);
			}
		int level = 0;
		while (level < p->settings->levels && !p->length[level])
			level++;
		p->ran[now] = NOBODY;
		p->ticks = now + 1;
		if (level == p->settings->levels)
			continue;
		int job = p->queue[level][0];
		p->ran[now] = job;
		plain_account(p, job, now + 1);
		unfinished -= !p->job[job].left;
	}
}

// The same jobs as phases for the model: a tick is a ns.
static struct jobs plain_jobs(const struct plain *p)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
	struct job_line lines[JOBS_MAX];
	int64_t *phases[JOBS_MAX];
	struct jobs jobs;

	for (int job = 0; job < p->jobs; job++) {
		const struct plain_job *j = &p->job[job];
		int every = j->io ? j->io : j->run, n = 0;
		phases[job] = malloc(2 * (size_t)j->run * sizeof **phases);
		ck_assert_ptr_nonnull(phases[job]);
		for (int left = j->run; left > 0; left -= every) {
			phases[job][n++] = left < every ? left : every;
			if (left > every)
				phases[job][n++] = p->io_time;
		}
		lines[job] = (struct job_line){ .name = names[job],
						.arrival_ns = j->start,
						.bursts_ns = phases[job],
						.bursts = (size_t)n };
	}
	ck_assert_int_eq(jobs_make(&jobs, lines, (size_t)p->jobs), 0);
	for (int job = 0; job < p->jobs; job++)
		free(phases[job]);
	return jobs;
}

static void shuffle_rules(struct random *random, struct plain *p,
			  struct policy_settings *s)
{
	*p = (struct plain){ .settings = s,
			     .jobs = 1 + (int)random_below(random, JOBS_MAX),
			     .io_time = 1 + (int)random_below(random, 7) };
	s->levels = 1 + (int)random_below(random, 4);
	for (int i = 0; i < s->levels; i++) {
		s->level_quantum_ns[i] = 1 + random_below(random, 6);
		s->level_allotment[i] = 1 + (int)random_below(random, 3);
	}
	s->boost_ns = random_below(random, 2)
			      ? 1 + (int64_t)random_below(random, 30)
			      : 0;
	s->stay = random_below(random, 2);
	s->io_head = random_below(random, 2);
	for (int job = 0; job < p->jobs; job++) {
		p->job[job].start = random_below(random, 2)
					    ? (int)random_below(random, 40)
					    : 0;
		p->job[job].run = 1 + (int)random_below(random, 40);
		p->job[job].io = (int)random_below(random, 8);
	}
}

static void compare(uint64_t seed)
{
	struct random random = { seed };
	struct policy_settings settings = policy_defaults(&random);
	struct simulation simulation = { .cpus = 1,
					 .keep_slices = true,
					 .expired_first = true };
	struct history history;
	struct plain p;
	int ran[TICKS_MAX];

	shuffle_rules(&random, &p, &settings);
	struct jobs jobs = plain_jobs(&p);
	plain_play(&p);
	ck_assert_int_eq(simulate(&simulation, policy_named("mlfq"), &settings,
				  &jobs, &history),
			 0);
	for (int t = 0; t < TICKS_MAX; t++)
		ran[t] = NOBODY;
	for (size_t i = 0; i < history.slice_count; i++)
		for (int64_t t = history.slices[i].begin_ns;
		     t < history.slices[i].end_ns && t < TICKS_MAX; t++)
			ran[t] = history.slices[i].job;
	EXPECT(history.end_ns == p.ticks);
	for (int t = 0; t < p.ticks; t++)
		if (ran[t] != p.ran[t])
			ck_abort_msg("seed %d, tick %d: %d instead of %d",
				     (int)seed, t, ran[t], p.ran[t]);
	history_free(&history);
	jobs_free(&jobs);
}

START_TEST(mlfq_by_the_tick)
{
	for (uint64_t seed = 1; seed <= (soaking() ? 100000 : 3000); seed++)
		compare(seed);
}
END_TEST

void add_policy_feedback(Suite *suite)
{
	add_policy_case(suite, "feedback",
			(const TTest *const[]){ mlfq_by_the_tick, NULL });
}

// What theory promises: shares by tickets and by weight, the bound on how far a
// job is from its share, no starvation where ageing is, deadlines kept where
// they can be.

#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_parts.h"

enum { MANY = 12 };

// Jobs that never stop computing, on one CPU, from time 0.
struct crowd {
	const struct policy *policy;
	struct random random;
	struct policy_settings settings;
	struct task tasks[MANY];
	int64_t got_ns[MANY], now_ns;
	void *state;
};

static void crowd_make(struct crowd *c, const char *policy, uint64_t seed)
{
	*c = (struct crowd){ .policy = policy_named(policy),
			     .random = { seed } };
	c->settings = policy_defaults(&c->random);
	c->settings.quantum_ns = MS;
	for (int i = 0; i < MANY; i++)
		c->tasks[i] = (struct task){ .tickets = 1, .left_ns = NEVER };
}

static void crowd_create(struct crowd *c, int n)
{
	EXPECT(c->policy->create(&c->state, &c->settings, c->tasks,
				 (size_t)n) == 0);
}

static void crowd_free(struct crowd *c)
{
	c->policy->destroy(c->state);
}

static int crowd_pick(struct crowd *c, int64_t *slice_ns)
{
	int job = c->policy->pick(c->state, 0, c->now_ns, slice_ns);

	EXPECT(job != NOBODY);
	return job;
}

// Somebody gets a whole quantum.
static int crowd_turn(struct crowd *c)
{
	int64_t slice_ns;
	int job = crowd_pick(c, &slice_ns);

	c->now_ns += slice_ns;
	c->got_ns[job] += slice_ns;
	EXPECT(c->policy->tick(c->state, job, slice_ns, c->now_ns, &slice_ns));
	return job;
}

// --- lottery -----------------------------------------------------------------

// Waldspurger & Weihl, OSDI 1994, section 2.2: the number of wins is binomial,
// with a variance of n p (1 - p). Five standard deviations, for each of the
// jobs.
START_TEST(lottery_is_binomial)
{
	enum { DRAWS = 200000, JOBS = 6 };
	static const uint32_t tickets[JOBS] = { 1, 10, 50, 100, 339, 500 };
	struct crowd c;
	double sum = 1000;

	crowd_make(&c, "lottery", 1);
	for (int i = 0; i < JOBS; i++)
		c.tasks[i].tickets = tickets[i];
	crowd_create(&c, JOBS);
	for (int i = 0; i < JOBS; i++)
		c.policy->arrive(c.state, i, 0);
	for (int i = 0; i < DRAWS; i++)
		crowd_turn(&c);
	for (int i = 0; i < JOBS; i++) {
		double p = tickets[i] / sum, n = DRAWS;
		ck_assert_double_eq_tol((double)c.got_ns[i] / MS, n * p,
					5 * sqrt(n * p * (1 - p)));
	}
	crowd_free(&c);
}
END_TEST

// --- stride ------------------------------------------------------------------

// Waldspurger & Weihl, MIT/LCS/TM-528: the error between any two
// clients, among the quanta that these two got, is never more than one quantum.
START_TEST(stride_pairs)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct crowd c;
		crowd_make(&c, "stride", seed);
		for (int i = 0; i < MANY; i++)
			c.tasks[i].tickets = 1 + random_below(&c.random, 1000);
		crowd_create(&c, MANY);
		for (int i = 0; i < MANY; i++)
			c.policy->arrive(c.state, i, 0);
		for (int turn = 0; turn < 5000; turn++) {
			int i = crowd_turn(&c);
			double a = c.tasks[i].tickets;
			for (int k = 0; k < MANY; k++) {
				double b = c.tasks[k].tickets;
				double n = (double)(c.got_ns[i] + c.got_ns[k]);
				double ideal = n * a / (a + b);
				EXPECT(k == i || fabs((double)c.got_ns[i] -
						      ideal) <= 1.0001 * MS);
			}
		}
		crowd_free(&c);
	}
}
END_TEST

// Who sleeps in between gets no more and no less than who does not: one job of
// three sleeps and wakes at random, uses parts of quanta, and then, for as long
// as it is there, has its third.
START_TEST(stride_sleepers_neither_gain_nor_lose)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct crowd c;
		double ideal = 0; // of job 2, in ns
		bool asleep = false;
		crowd_make(&c, "stride", seed);
		for (int i = 0; i < 3; i++)
			c.tasks[i].tickets = 100;
		crowd_create(&c, 3);
		for (int i = 0; i < 3; i++)
			c.policy->arrive(c.state, i, 0);
		for (int turn = 0; turn < 20000; turn++) {
			int64_t slice_ns, before_ns = c.now_ns;
			int job = crowd_pick(&c, &slice_ns);
			bool sleeps = job == 2 &&
				      random_below(&c.random, 3) == 0;
			int64_t ran_ns = sleeps ? random_below(&c.random, MS)
						: slice_ns;
			bool wakes = asleep && random_below(&c.random, 20) == 0;
			if (wakes) {
				// In the midst of another's quantum.
				int64_t at_ns = random_below(&c.random, MS);
				c.policy->wake(c.state, 2, before_ns + at_ns);
				ideal += (double)(ran_ns - at_ns) / 3;
				asleep = false;
			} else if (!asleep) {
				ideal += (double)ran_ns / 3;
			}
			c.now_ns += ran_ns;
			c.got_ns[job] += ran_ns;
			if (sleeps) {
				c.policy->block(c.state, job, ran_ns, c.now_ns);
				asleep = true;
			} else {
				EXPECT(c.policy->tick(c.state, job, ran_ns,
						      c.now_ns, &slice_ns));
			}
			EXPECT(fabs((double)c.got_ns[2] - ideal) <= 2 * MS);
		}
		EXPECT(ideal > 500.0 * MS);
		crowd_free(&c);
	}
}
END_TEST

// --- eevdf -------------------------------------------------------------------

// The kernel's table again, by its rule: 1024 at nice 0 and a factor of 1.25
// for each step (core.c, above sched_prio_to_weight). It is rounded, never by
// 10 %.
static double weight_by_rule(int nice)
{
	return 1024 / pow(1.25, nice);
}

// OSTEP, chapter 9, pp. 9-10 (version 1.10): A with nice -5 and B with nice 0 have
// weights of 3121 and 1024, so A gets about 3/4. After 4145 quanta each has its
// weight, give or take a quantum.
START_TEST(eevdf_weights)
{
	struct crowd c;

	crowd_make(&c, "eevdf", 1);
	c.tasks[0].nice = -5;
	crowd_create(&c, 2);
	c.policy->arrive(c.state, 0, 0);
	c.policy->arrive(c.state, 1, 0);
	for (int turn = 0; turn < 3121 + 1024; turn++)
		crowd_turn(&c);
	ck_assert_int_le(llabs(c.got_ns[0] - 3121 * MS), MS);
	ck_assert_int_le(llabs(c.got_ns[1] - 1024 * MS), MS);
	crowd_free(&c);

	for (int nice = -20; nice < 20; nice++) {
		if (nice == 0)
			continue;
		crowd_make(&c, "eevdf", 1);
		c.tasks[0].nice = (int8_t)nice;
		crowd_create(&c, 2);
		c.policy->arrive(c.state, 0, 0);
		c.policy->arrive(c.state, 1, 0);
		for (int turn = 0; turn < 20000; turn++)
			crowd_turn(&c);
		double ratio = (double)c.got_ns[0] / (double)c.got_ns[1];
		ck_assert_double_eq_tol(ratio / weight_by_rule(nice) * 1024, 1,
					0.1);
		crowd_free(&c);
	}
}
END_TEST

// Stoica & Abdel-Wahab, TR-95-22: in a steady system no lag is beyond one
// quantum, neither side. The ideal of a job is its part of the weights, of all
// the time.
START_TEST(eevdf_lag_is_bounded)
{
	static const double weights[] = {
		88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705,
		14949, 11916, 9548,  7620,  6100,  4904,  3906,  3121,
		2501,  1991,  1586,  1277,  1024,  820,   655,   526,
		423,   335,   272,   215,   172,   137,   110,   87,
		70,    56,    45,    36,    29,    23,    18,    15,
	};

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct crowd c;
		double sum = 0;
		crowd_make(&c, "eevdf", seed);
		for (int i = 0; i < MANY; i++) {
			int row = (int)random_below(&c.random, 40);
			if (seed > 10)
				row = 15 + row % 10;
			c.tasks[i].nice = (int8_t)(row - 20);
			sum += weights[row];
		}
		crowd_create(&c, MANY);
		for (int i = 0; i < MANY; i++)
			c.policy->arrive(c.state, i, 0);
		for (int turn = 0; turn < 20000; turn++) {
			crowd_turn(&c);
			for (int i = 0; i < MANY; i++) {
				double part = weights[c.tasks[i].nice + 20] /
					      sum;
				double lag = part * (double)c.now_ns -
					     (double)c.got_ns[i];
				EXPECT(fabs(lag) <= MS * 1.001);
			}
		}
		crowd_free(&c);
	}
}
END_TEST

// A fair scheduler in the plainest form: sums over all jobs at every question.
struct fair_job {
	bool active, ready, known;
	int64_t v, deadline, lag, left, order;
};
struct fair {
	struct fair_job job[MANY];
	int64_t orders, parting;
};

// All have nice 0, so that v is CPU time.
static int64_t fair_v(const struct fair *f)
{
	int64_t sum = 0, n = 0;

	for (int i = 0; i < MANY; i++)
		if (f->job[i].active) {
			sum += f->job[i].v;
			n++;
		}
	if (!n)
		return f->parting;
	return (sum >= 0 ? sum : sum - n + 1) / n;
}

static void fair_join(struct fair *f, int job, int64_t lag)
{
	int64_t others = 0;

	for (int i = 0; i < MANY; i++)
		others += f->job[i].active;
	int64_t v = fair_v(f) - (others ? lag * (others + 1) / others : 0);
	f->job[job] = (struct fair_job){ .active = true,
					 .ready = true,
					 .known = true,
					 .v = v,
					 .deadline = v + MS,
					 .left = MS,
					 .order = f->orders++ };
}

static bool fair_before(const struct fair_job *a, const struct fair_job *b)
{
	return a->deadline < b->deadline ||
	       (a->deadline == b->deadline && a->order < b->order);
}

static int fair_best(const struct fair *f)
{
	int best = NOBODY;
	int64_t v = fair_v(f);

	for (int i = 0; i < MANY; i++)
		if (f->job[i].ready && f->job[i].v <= v &&
		    (best == NOBODY || fair_before(&f->job[i], &f->job[best])))
			best = i;
	return best;
}

static void fair_again(struct fair *f, int job)
{
	f->job[job].ready = true;
	f->job[job].order = f->orders++;
}

// Jobs come, sleep, wake in the midst of others' requests, and go.
static void compare_fair(uint64_t seed)
{
	struct crowd c;
	struct fair f = { .orders = 0 };
	int running = NOBODY;

	crowd_make(&c, "eevdf", seed);
	crowd_create(&c, MANY);
	for (int turn = 0; turn < 4000; turn++) {
		int job = (int)random_below(&c.random, MANY);
		int64_t slice_ns;
		if (!f.job[job].active && random_below(&c.random, 2)) {
			if (f.job[job].known)
				c.policy->wake(c.state, job, c.now_ns);
			else
				c.policy->arrive(c.state, job, c.now_ns);
			fair_join(&f, job, f.job[job].lag);
		}
		if (running == NOBODY) {
			int best = fair_best(&f);
			running = c.policy->pick(c.state, 0, c.now_ns,
						 &slice_ns);
			EXPECT(running == best);
			if (running == NOBODY)
				continue;
			EXPECT(slice_ns == f.job[running].left);
			f.job[running].ready = false;
		}
		struct fair_job *r = &f.job[running];
		int64_t ran_ns = random_below(&c.random, 2)
					 ? r->left
					 : random_below(&c.random,
							(uint32_t)r->left);
		c.now_ns += ran_ns;
		r->v += ran_ns;
		r->left -= ran_ns;
		if (random_below(&c.random, 5) == 0) {
			c.policy->block(c.state, running, ran_ns, c.now_ns);
			f.parting = fair_v(&f);
			r->lag = f.parting - r->v;
			if (r->lag > 2 * MS)
				r->lag = 2 * MS;
			if (r->lag < -2 * MS)
				r->lag = -2 * MS;
			r->active = false;
			running = NOBODY;
			continue;
		}
		bool over = c.policy->tick(c.state, running, ran_ns, c.now_ns,
					   &slice_ns);
		int rival = fair_best(&f);
		if (r->left == 0) {
			EXPECT(over);
			r->left = MS;
			r->deadline = r->v + MS;
		} else {
			bool displaced = rival != NOBODY &&
					 (r->v > fair_v(&f) ||
					  f.job[rival].deadline < r->deadline);
			EXPECT(over == displaced);
		}
		if (over) {
			fair_again(&f, running);
			running = NOBODY;
		}
	}
	crowd_free(&c);
}

START_TEST(eevdf_as_plainly)
{
	for (uint64_t seed = 1; seed <= 100; seed++)
		compare_fair(seed);
}
END_TEST

// --- ageing ------------------------------------------------------------------

// Everybody wants the CPU again at once, in bursts of 10 ms; priorities from 0
// to 20, a step for each 100 ms. A job waits until it has gained the 20 steps,
// one step more where it has to overtake somebody who runs, and until those
// before it have had a turn each: a burst, or a step.
static int64_t longest_wait(const char *policy, uint64_t seed)
{
	enum { BURST = 10, TURNS = 6000 };
	struct crowd c;
	int64_t since[MANY] = { 0 }, longest = 0, slice_ns;

	crowd_make(&c, policy, seed);
	for (int i = 0; i < MANY; i++) {
		c.tasks[i].priority =
			i < 2 ? 20 * i : (int32_t)random_below(&c.random, 21);
	}
	crowd_create(&c, MANY);
	for (int i = 0; i < MANY; i++)
		c.policy->arrive(c.state, i, 0);
	int64_t left_ns[MANY];
	for (int i = 0; i < MANY; i++)
		left_ns[i] = BURST * MS;
	for (int turn = 0; turn < TURNS; turn++) {
		int job = crowd_pick(&c, &slice_ns);
		if (c.now_ns - since[job] > longest)
			longest = c.now_ns - since[job];
		int64_t ran_ns = left_ns[job] < slice_ns ? left_ns[job]
							 : slice_ns;
		c.now_ns += ran_ns;
		left_ns[job] -= ran_ns;
		if (left_ns[job] == 0) {
			left_ns[job] = BURST * MS;
			c.policy->block(c.state, job, ran_ns, c.now_ns);
			c.policy->wake(c.state, job, c.now_ns);
		} else if (!c.policy->tick(c.state, job, ran_ns, c.now_ns,
					   &slice_ns)) {
			c.policy->block(c.state, job, 0, c.now_ns);
			c.policy->wake(c.state, job, c.now_ns);
		}
		since[job] = c.now_ns;
	}
	for (int i = 0; i < MANY; i++)
		if (c.now_ns - since[i] > longest)
			longest = c.now_ns - since[i];
	crowd_free(&c);
	return longest / MS;
}

START_TEST(ageing_starves_nobody)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		ck_assert_int_le(longest_wait("ageing", seed),
				 20 * 100 + MANY * 10);
		ck_assert_int_le(longest_wait("ageing-preemptive", seed),
				 21 * 100 + MANY * 100);
	}
	// Without it the least urgent one never runs.
	ck_assert_int_eq(longest_wait("priority", 1), 6000 * 10);
}
END_TEST

// By hand: a job of priority 3 against one of 0 that never stops, a step of 10
// ms. After 4 steps of waiting it is a whole step ahead; it keeps that for a
// step; then it has to wait again.
START_TEST(ageing_preempts)
{
	struct game game;
	char chart[200];

	game_make(&game, "ageing-preemptive",
		  "A 0 200 prio=0\nB 0 20 prio=3\n");
	game.settings.ageing_ns = 10 * MS;
	game_play(&game);
	ck_assert_str_eq(game_chart(&game, chart, sizeof chart),
			 "0 A 40 B 50 A 90 B 100 A 220");
	game_free(&game);

	// Equals take turns of a step. D, more urgent by a step, takes the CPU
	// at once; C has to wait until A has had the step that its age has won.
	game_make(&game, "ageing-preemptive",
		  "A 0 20 prio=5\nB 0 20 prio=5\nC 22 5 prio=4\n"
		  "D 3 2 prio=4\n");
	game.settings.ageing_ns = 10 * MS;
	game_play(&game);
	ck_assert_str_eq(game_chart(&game, chart, sizeof chart),
			 "0 A 3 D 5 B 15 A 25 C 30 B 40 A 47");
	game_free(&game);
}
END_TEST

// --- deadlines ---------------------------------------------------------------

// Periodic jobs for one hyperperiod of 120 ms, each with its period as deadline
// and as priority. Returns how many deadlines were missed.
struct periodic {
	int n, period[5], cpu[5];
};

static size_t missed(const struct periodic *set, const char *policy)
{
	enum { HYPERPERIOD = 120, LINES_MAX = 5 * HYPERPERIOD / 4 };
	struct job_line lines[LINES_MAX];
	char names[LINES_MAX][24];
	int64_t bursts[LINES_MAX];
	struct simulation simulation = { .cpus = 1 };
	struct random random = { 1 };
	struct policy_settings settings = policy_defaults(&random);
	struct jobs jobs;
	struct history history;
	size_t n = 0, late = 0;

	for (int i = 0; i < set->n; i++)
		for (int at = 0; at < HYPERPERIOD; at += set->period[i]) {
			snprintf(names[n], sizeof names[n], "%d.%d", i, at);
			bursts[n] = set->cpu[i] * MS;
			lines[n] = (struct job_line){
				.name = names[n],
				.arrival_ns = at * MS,
				.bursts_ns = &bursts[n],
				.bursts = 1,
				.priority = set->period[i],
				.deadline_ns = set->period[i] * MS,
			};
			n++;
		}
	EXPECT(jobs_make(&jobs, lines, n) == 0);
	EXPECT(simulate(&simulation, policy_named(policy), &settings, &jobs,
			&history) == 0);
	for (size_t i = 0; i < n; i++)
		late += history.measures[i].turnaround_ns >
			lines[i].deadline_ns;
	history_free(&history);
	jobs_free(&jobs);
	return late;
}

// Liu & Layland: earliest deadline first misses none as long as no more than
// the whole CPU is wanted (theorem 7), fixed priorities by rate as long as it
// is not more than n (2^(1/n) - 1) (theorem 5). Between the two bounds rates do
// miss some.
START_TEST(deadlines_of_liu_and_layland)
{
	static const int periods[] = { 4, 5, 6, 8, 10, 12, 15, 20, 24, 30 };
	struct random random = { 1 };
	int full = 0, below = 0, rates_missed = 0;

	for (int turn = 0; turn < 3000; turn++) {
		struct periodic set = { .n = 2 +
					     (int)random_below(&random, 4) };
		double use = 0, bound = set.n * (pow(2, 1.0 / set.n) - 1);
		for (int i = 0; i < set.n; i++) {
			int period =
				periods[random_below(&random, COUNT(periods))];
			set.period[i] = period;
			set.cpu[i] = 1 + (int)random_below(&random, period / 2);
			use += (double)set.cpu[i] / period;
		}
		if (use > 1 + 1e-9)
			continue;
		EXPECT(missed(&set, "edf") == 0);
		size_t by_rate = missed(&set, "priority-preemptive");
		EXPECT(use > bound || by_rate == 0);
		full += use > 1 - 1e-9;
		below += use <= bound;
		rates_missed += by_rate > 0;
	}
	ck_assert(full > 5 && below > 50 && rates_missed > 5);
}
END_TEST

void add_policy_shares(Suite *suite)
{
	add_policy_case(suite, "shares",
			(const TTest *const[]){
				lottery_is_binomial,
				stride_pairs,
				stride_sleepers_neither_gain_nor_lose,
				eevdf_weights,
				eevdf_lag_is_bounded,
				eevdf_as_plainly,
				ageing_starves_nobody,
				ageing_preempts,
				deadlines_of_liu_and_layland,
				NULL,
			});
}

// Which settings are refused; how decisions are explained; and the policies by
// chance, with ticks that come early and late as those of a real machine do.

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "policy_parts.h"
#include "sched/policy/parts.h"

// --- what is refused ---------------------------------------------------------

enum setting {
	QUANTUM,
	LEVELS,
	LEVEL_QUANTUM,
	ALLOTMENT,
	BOOST,
	AGEING,
	DRAW,
	TICKETS,
	NICE,
	JOBS,
};

static const struct refusal {
	const char *policies;
	enum setting setting;
	int64_t value;
	int expected;
} refusals[] = {
	{ "rr lottery stride eevdf", QUANTUM, 0, -EINVAL },
	{ "rr lottery stride eevdf", QUANTUM, -1, -EINVAL },
	{ "rr lottery stride eevdf", QUANTUM, INT64_MIN, -EINVAL },
	{ "rr lottery stride eevdf", QUANTUM, 1, 0 },
	{ "rr lottery stride eevdf", QUANTUM, NEVER, 0 },
	{ "batch fifo sjf srtf priority ageing mlfq edf", QUANTUM, 0, 0 },
	{ "mlfq", LEVELS, 0, -EINVAL },
	{ "mlfq", LEVELS, -1, -EINVAL },
	{ "mlfq", LEVELS, LEVELS_MAX + 1, -EINVAL },
	{ "mlfq", LEVELS, LEVELS_MAX, 0 },
	{ "mlfq", LEVELS, 1, 0 },
	{ "mlfq", LEVEL_QUANTUM, 0, -EINVAL },
	{ "mlfq", LEVEL_QUANTUM, -5, -EINVAL },
	{ "mlfq", LEVEL_QUANTUM, 1, 0 },
	{ "mlfq", ALLOTMENT, 0, -EINVAL },
	{ "mlfq", ALLOTMENT, -1, -EINVAL },
	{ "mlfq", ALLOTMENT, INT_MAX, 0 },
	{ "mlfq", BOOST, -1, -EINVAL },
	{ "mlfq", BOOST, 0, 0 },
	{ "mlfq", BOOST, 1, 0 },
	{ "mlfq", BOOST, NEVER, 0 },
	{ "fifo rr eevdf", BOOST, -1, 0 },
	{ "ageing ageing-preemptive", AGEING, 0, -EINVAL },
	{ "ageing ageing-preemptive", AGEING, -1, -EINVAL },
	{ "ageing ageing-preemptive", AGEING, 1, 0 },
	{ "ageing ageing-preemptive", AGEING, NEVER, 0 },
	{ "priority rr", AGEING, 0, 0 },
	{ "lottery", DRAW, 0, -EINVAL },
	{ "rr stride", DRAW, 0, 0 },
	{ "lottery stride", TICKETS, 0, -EINVAL },
	{ "lottery stride", TICKETS, UINT32_MAX, 0 },
	{ "rr eevdf", TICKETS, 0, 0 },
	{ "eevdf", NICE, -21, -EINVAL },
	{ "eevdf", NICE, 20, -EINVAL },
	{ "eevdf", NICE, -20, 0 },
	{ "eevdf", NICE, 19, 0 },
	{ "rr priority", NICE, 99, 0 },
	{ "batch fifo sjf srtf priority priority-preemptive ageing "
	  "ageing-preemptive rr mlfq lottery stride edf eevdf",
	  JOBS, (int64_t)INT_MAX + 1, -EINVAL },
};

static void refuse(const char *policy, const struct refusal *r)
{
	struct hand h;
	char untouched;
	size_t n = HAND_JOBS;

	hand_make(&h, policy);
	h.state = &untouched;
	switch (r->setting) {
	case QUANTUM:
		h.settings.quantum_ns = r->value;
		break;
	case LEVELS:
		h.settings.levels = (int)r->value;
		break;
	case LEVEL_QUANTUM:
		h.settings.level_quantum_ns[2] = r->value;
		break;
	case ALLOTMENT:
		h.settings.level_allotment[1] = (int)r->value;
		break;
	case BOOST:
		h.settings.boost_ns = r->value;
		break;
	case AGEING:
		h.settings.ageing_ns = r->value;
		break;
	case DRAW:
		h.settings.draw = NULL;
		break;
	case TICKETS:
		h.tasks[HAND_JOBS - 1].tickets = (uint32_t)r->value;
		break;
	case NICE:
		h.tasks[HAND_JOBS - 1].nice = (int8_t)r->value;
		break;
	case JOBS:
		n = (size_t)r->value;
	}
	int result = h.policy->create(&h.state, &h.settings, h.tasks, n);
	ck_assert_msg(result == r->expected, "%s, setting %d, %jd: %d", policy,
		      r->setting, (intmax_t)r->value, result);
	if (result)
		ck_assert_ptr_eq(h.state, &untouched);
	else
		hand_free(&h);
}

START_TEST(settings_are_checked)
{
	for (size_t i = 0; i < COUNT(refusals); i++) {
		char *names = strdup(refusals[i].policies), *rest = names;
		for (char *name; (name = strsep(&rest, " "));)
			refuse(name, &refusals[i]);
		free(names);
	}
	for (int i = 0; policies[i]; i++) {
		struct hand h;
		hand_make(&h, policies[i]->name);
		ck_assert_int_eq(
			h.policy->create(&h.state, &h.settings, h.tasks, 0), 0);
		ck_assert_int_eq(hand_pick(&h), NOBODY);
		hand_free(&h);
		policies[i]->destroy(NULL);
	}
}
END_TEST

// Three levels of 10, 20 and 40 ms, and usable beyond that.
START_TEST(defaults)
{
	struct random random = { 1 }, same = { 1 };
	struct policy_settings s = policy_defaults(&random);

	ck_assert(s.quantum_ns == 10 * MS && s.levels == 3 &&
		  s.boost_ns == 1000 * MS && s.ageing_ns == 100 * MS &&
		  !s.stay && !s.io_head);
	for (int i = 0; i < LEVELS_MAX; i++) {
		ck_assert(s.level_quantum_ns[i] >= 10 * MS);
		ck_assert_int_eq(s.level_allotment[i], 1);
		if (i < 3)
			ck_assert(s.level_quantum_ns[i] == 10 * MS << i);
	}
	ck_assert_uint_eq(s.draw(s.luck), random_next(&same));
}
END_TEST

// --- why ---------------------------------------------------------------------

// What the first decision is explained by: jobs 0, 1 and 2 are ready.
static void assert_why(const char *policy, const char *expected)
{
	struct hand h;
	char why[200];

	hand_make(&h, policy);
	for (int job = 0; job < 3; job++)
		h.tasks[job] = (struct task){ .left_ns = (3 - job) * 5 * MS / 4,
					      .deadline_ns = (9 - job) * MS,
					      .priority = 2 * job,
					      .tickets = 50 * (job + 1),
					      .nice = (int8_t)(-job) };
	hand_create(&h);
	for (int job = 0; job < 3; job++)
		h.policy->arrive(h.state, job, 0);
	int job = hand_pick(&h);
	h.policy->explain(h.state, job, 0, why, sizeof why);
	ck_assert_str_eq(why, expected);
	hand_free(&h);
}

START_TEST(explanations)
{
	assert_why("batch",
		   "CPU 0 is its own until it is finished; 2 behind it");
	assert_why("fifo", "ready for longest; 2 behind it");
	assert_why("sjf", "shortest of 3: needs 1.25 ms, the next one 2.5 ms");
	assert_why("srtf", "shortest of 3: needs 1.25 ms, the next one 2.5 ms");
	assert_why("priority", "most urgent of 3: priority 0, the next one 2");
	assert_why("ageing", "most urgent of 3: priority 0, by waiting 0; the "
			     "next one is 200 ms of waiting behind");
	assert_why("rr", "its turn for 10 ms; 2 behind it");
	assert_why("mlfq", "first at level 0, the highest with anybody ready; "
			   "10 ms of its quantum left; 2 wait");
	assert_why("stride", "smallest pass of 3, the next is 0.5 of its "
			     "strides ahead; 150 of 300 tickets");
	assert_why("edf", "deadline in 7 ms, the next one is later by 1 ms");
	assert_why("eevdf",
		   "eligible (behind by 0 ns) with the earliest virtual "
		   "deadline (in 6.456494 ms); weight 1586");
}
END_TEST

// Who wins a tie, and why: what is told at each decision.
static void assert_whys(const char *policy, const char *jobs,
			const char *const expected[], size_t n)
{
	struct game game;

	game_make(&game, policy, jobs);
	game.simulation.keep_decisions = true;
	game_play(&game);
	ck_assert_uint_eq(game.history.decision_count, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_str_eq(game.history.decisions[i].why, expected[i]);
	game_free(&game);
}

#define ASSERT_WHYS(policy, jobs, ...)                               \
	assert_whys(policy, jobs, (const char *const[]){ __VA_ARGS__ }, \
		    COUNT(((const char *const[]){ __VA_ARGS__ })))

#define LATER "like the next one, which queued up after it"
#define FIRST "like the next one, but had to give way and goes first"

START_TEST(ties_are_explained)
{
	static const char three[] = "A 0 3\nB 0 3\nC 0 3\n";

	ASSERT_WHYS("sjf", three, "shortest of 3: needs 3 ms " LATER,
		    "shortest of 2: needs 3 ms " LATER, "alone, needs 3 ms");
	ASSERT_WHYS("priority", three, "most urgent of 3: priority 0 " LATER,
		    "most urgent of 2: priority 0 " LATER, "alone, priority 0");
	ASSERT_WHYS("ageing", three,
		    "most urgent of 3: priority 0, by waiting 0 " LATER,
		    "most urgent of 2: priority 0, by waiting -0.03 " LATER,
		    "alone, priority 0");
	ASSERT_WHYS("stride", three,
		    "smallest pass of 3, " LATER "; 100 of 300 tickets",
		    "smallest pass of 2, " LATER "; 100 of 200 tickets",
		    "alone, with 100 tickets");
	ASSERT_WHYS("edf", three, "no deadline among 3, " LATER,
		    "no deadline among 2, " LATER, "alone, no deadline");
	ASSERT_WHYS(
		"eevdf", three,
		"eligible (behind by 0 ns), virtual deadline (in 10 ms) " LATER,
		"eligible (behind by 0 ns), virtual deadline (in 10 ms) " LATER,
		"alone, weight 1024");
}
END_TEST

// A is displaced by B, and has then as much to do as C or is as urgent.
START_TEST(who_gave_way_goes_first)
{
	ASSERT_WHYS("srtf", "A 0 6\nB 1 4\nC 2 5\n", "alone, needs 6 ms",
		    "shortest of 2: needs 4 ms, the next one 5 ms",
		    "shortest of 2: needs 5 ms " FIRST, "alone, needs 5 ms");
	ASSERT_WHYS("priority-preemptive",
		    "A 0 5 prio=2\nC 1 2 prio=2\nB 2 1 prio=1\n",
		    "alone, priority 2",
		    "most urgent of 3: priority 1, the next one 2",
		    "most urgent of 2: priority 2 " FIRST, "alone, priority 2");
	ASSERT_WHYS("edf",
		    "A 0 5 deadline=20\nC 1 2 deadline=19\nB 2 1 deadline=9\n",
		    "alone, deadline in 20 ms",
		    "deadline in 9 ms, the next one is later by 9 ms",
		    "deadline in 17 ms " FIRST, "alone, deadline in 14 ms");
}
END_TEST

START_TEST(spans)
{
	static const struct {
		int64_t ns;
		const char *text;
	} expected[] = {
		{ 0, "0 ns" },           { -999, "-999 ns" },
		{ 1000, "1 us" },        { 999999, "999.999 us" },
		{ MS, "1 ms" },          { -MS, "-1 ms" },
		{ MS + 1, "1.000001 ms" }, { NEVER, "for ever" },
		{ 3600000 * MS + 5, "3600000.000005 ms" },
	};

	for (size_t i = 0; i < COUNT(expected); i++) {
		char text[SPAN_BYTES];
		ck_assert_str_eq(span(text, expected[i].ns), expected[i].text);
	}
}
END_TEST

// --- how much ----------------------------------------------------------------

// Each policy's file says what a job costs; the allocator agrees.
START_TEST(bytes_a_job)
{
#if defined(__GLIBC__) && !defined(OSLAB_SANITIZED)
	static const struct {
		const char *policy;
		double bytes;
	} expected[] = {
		{ "batch", 4 },   { "fifo", 4 },     { "sjf", 16 },
		{ "srtf", 16 },   { "priority", 20 }, { "priority-preemptive", 20 },
		{ "ageing", 36 }, { "ageing-preemptive", 36 },
		{ "rr", 4 },      { "mlfq", 28 },    { "lottery", 8 },
		{ "stride", 32 }, { "edf", 16 },     { "eevdf", 44 },
	};
	enum { FEW = 100000, MANY = 3 * FEW };
	struct task *tasks = calloc(MANY, sizeof *tasks);

	ck_assert_ptr_nonnull(tasks);
	for (size_t i = 0; i < MANY; i++)
		tasks[i].tickets = 1;
	for (size_t i = 0; i < COUNT(expected); i++) {
		struct hand h;
		size_t bytes[2];
		hand_make(&h, expected[i].policy);
		for (int k = 0; k < 2; k++) {
			struct mallinfo2 before = mallinfo2();
			ck_assert_int_eq(h.policy->create(&h.state, &h.settings,
							  tasks,
							  k ? MANY : FEW),
					 0);
			struct mallinfo2 after = mallinfo2();
			bytes[k] = after.uordblks + after.hblkhd -
				   before.uordblks - before.hblkhd;
			hand_free(&h);
		}
		ck_assert_double_eq_tol((double)(bytes[1] - bytes[0]) /
						(MANY - FEW),
					expected[i].bytes, 0.2);
	}
	free(tasks);
#else
	SKIP("mallinfo2(3) counts nothing here");
#endif
}
END_TEST

// Numbers at the ends of their types are no reason to get the order wrong.
START_TEST(extremes)
{
	static const char *const names[] = { "ageing",
					     "ageing-preemptive",
					     "priority-preemptive",
					     "edf",
					     "srtf",
					     "eevdf",
					     "stride" };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct hand h;
		static const int order[] = { 1, 3, 0, 2 };
		hand_make(&h, names[i]);
		h.settings.ageing_ns = h.settings.quantum_ns = NEVER;
		for (int job = 0; job < 4; job++) {
			static const int32_t priorities[] = { 0, INT32_MIN,
							      INT32_MAX, -1 };
			static const int64_t points[] = { NEVER - 1, 0, NEVER,
							  1 };
			static const uint32_t tickets[] = { 2, UINT32_MAX, 1,
							    1000 };
			static const int8_t nice[] = { 0, -20, 19, -1 };
			h.tasks[job] = (struct task){
				.priority = priorities[job],
				.left_ns = points[job],
				.deadline_ns = points[job],
				.tickets = tickets[job],
				.nice = nice[job],
			};
		}
		hand_create(&h);
		for (int job = 0; job < 4; job++)
			h.policy->arrive(h.state, job, NEVER / 4);
		h.now = NEVER / 4 / MS;
		for (int k = 0; k < 4; k++) {
			char why[200];
			ck_assert_int_eq(hand_pick(&h), order[k]);
			h.policy->explain(h.state, order[k], h.now * MS, why,
					  sizeof why);
		}
		for (int k = 0; k < 4; k++) {
			int64_t slice_ns;
			if (!h.policy->tick(h.state, k, NEVER / 2,
					    NEVER / 4 * 3, &slice_ns))
				h.policy->block(h.state, k, 0, NEVER / 4 * 3);
		}
		hand_free(&h);
	}
}
END_TEST

// --- by chance ---------------------------------------------------------------

enum { CPUS = 3, ABSENT = -1, WAITING = -2, READY = -3, GONE = -4 };

// A driver that does what no model does: ticks come early and late, CPU time is
// stolen, jobs wake and priorities change at any time.
struct storm {
	struct hand h;
	struct random random;
	int where[HAND_JOBS]; // a CPU, or one of the above
	int on[CPUS];
	int64_t since_ns[CPUS], now_ns;
	int ready, cpus;
};

static void storm_make(struct storm *s, const char *policy, uint64_t seed)
{
	*s = (struct storm){ .random = { seed } };
	hand_make(&s->h, policy);
	s->cpus = 1 + (int)random_below(&s->random, CPUS);
	s->h.settings.boost_ns = (int64_t)random_below(&s->random, 3) * 70 * MS;
	s->h.settings.io_head = random_below(&s->random, 2);
	s->h.settings.stay = random_below(&s->random, 2);
	s->h.settings.levels = 1 + (int)random_below(&s->random, 5);
	for (int job = 0; job < HAND_JOBS; job++) {
		struct task *t = &s->h.tasks[job];
		s->where[job] = ABSENT;
		t->priority = (int32_t)random_below(&s->random, 9) - 4;
		t->tickets = 1 + random_below(&s->random, 300);
		t->nice = (int8_t)(random_below(&s->random, 40) - 20);
		t->deadline_ns = random_below(&s->random, 3)
					 ? random_below(&s->random, 1000) * MS
					 : NEVER;
	}
	for (int cpu = 0; cpu < CPUS; cpu++)
		s->on[cpu] = NOBODY;
	hand_create(&s->h);
}

static int64_t storm_ran(struct storm *s, int cpu)
{
	int64_t ran_ns = s->now_ns - s->since_ns[cpu];

	s->since_ns[cpu] = s->now_ns;
	return random_below(&s->random, 4) ? ran_ns : ran_ns / 2;
}

static void storm_pick(struct storm *s, int cpu)
{
	const struct policy *p = s->h.policy;
	int64_t slice_ns = -1;
	int job = p->pick(s->h.state, cpu, s->now_ns, &slice_ns);
	char text[200];

	if (job == NOBODY) {
		EXPECT(!s->ready || p == policy_named("batch"));
		return;
	}
	EXPECT(s->where[job] == READY);
	EXPECT(slice_ns > 0);
	s->where[job] = cpu;
	s->on[cpu] = job;
	s->since_ns[cpu] = s->now_ns;
	s->ready--;
	size_t bytes = 1 + random_below(&s->random, sizeof text - 1);
	memset(text, '?', sizeof text);
	p->explain(s->h.state, job, s->now_ns, text, bytes);
	EXPECT(memchr(text, '\0', bytes) != NULL);
	EXPECT(text[bytes] == '?');
	EXPECT(bytes < 20 || strlen(text) > 5);
}

static void storm_running(struct storm *s, int cpu)
{
	const struct policy *p = s->h.policy;
	int job = s->on[cpu];
	int64_t ran_ns = storm_ran(s, cpu), slice_ns = -1;

	switch (random_below(&s->random, 8)) {
	case 0:
		p->finish(s->h.state, job, ran_ns, s->now_ns);
		s->where[job] = GONE;
		break;
	case 1:
	case 2:
		s->h.tasks[job].left_ns = 1 + random_below(&s->random, 90) * MS;
		p->block(s->h.state, job, ran_ns, s->now_ns);
		s->where[job] = WAITING;
		break;
	default:
		if (!p->tick(s->h.state, job, ran_ns, s->now_ns, &slice_ns)) {
			EXPECT(slice_ns > 0);
			return;
		}
		s->where[job] = READY;
		s->ready++;
	}
	s->on[cpu] = NOBODY;
}

static void storm_turn(struct storm *s)
{
	const struct policy *p = s->h.policy;
	int job = (int)random_below(&s->random, HAND_JOBS);
	int cpu = (int)random_below(&s->random, s->cpus);

	if (random_below(&s->random, 3))
		s->now_ns += random_below(&s->random, 30 * MS);
	if (s->where[job] == ABSENT || s->where[job] == GONE) {
		p->arrive(s->h.state, job, s->now_ns);
		s->where[job] = READY;
		s->ready++;
	} else if (s->where[job] == WAITING && random_below(&s->random, 2)) {
		p->wake(s->h.state, job, s->now_ns);
		s->where[job] = READY;
		s->ready++;
	} else if (s->where[job] == READY && p->changed) {
		s->h.tasks[job].priority =
			(int32_t)random_below(&s->random, 9) - 4;
		p->changed(s->h.state, job, s->now_ns);
	}
	if (s->on[cpu] == NOBODY) {
		storm_pick(s, cpu);
		return;
	}
	if (p->rank)
		(void)p->rank(s->h.state, s->on[cpu], s->now_ns);
	storm_running(s, cpu);
}

// Nobody is picked who is not ready, nobody is kept back, no slice is empty.
START_TEST(storms)
{
	for (int i = 0; policies[i]; i++)
		for (uint64_t seed = 1; seed <= 30; seed++) {
			struct storm s;
			storm_make(&s, policies[i]->name, seed);
			for (int turn = 0; turn < 3000; turn++)
				storm_turn(&s);
			hand_free(&s.h);
		}
}
END_TEST

// Two at the same time do what one does alone.
START_TEST(nothing_is_global)
{
	for (int i = 0; policies[i]; i++) {
		struct storm alone, a, b;
		storm_make(&alone, policies[i]->name, 11);
		storm_make(&a, policies[i]->name, 11);
		storm_make(&b, policies[i]->name, 12);
		for (int turn = 0; turn < 3000; turn++)
			storm_turn(&alone);
		for (int turn = 0; turn < 3000; turn++) {
			storm_turn(&a);
			storm_turn(&b);
		}
		ck_assert(!memcmp(a.where, alone.where, sizeof a.where));
		ck_assert(a.now_ns == alone.now_ns);
		hand_free(&alone.h);
		hand_free(&a.h);
		hand_free(&b.h);
	}
}
END_TEST

void add_policy_storms(Suite *suite)
{
	add_policy_case(suite, "storms",
			(const TTest *const[]){
				settings_are_checked,
				defaults,
				explanations,
				ties_are_explained,
				who_gave_way_goes_first,
				spans,
				bytes_a_job,
				extremes,
				storms,
				nothing_is_global,
				NULL,
			});
}

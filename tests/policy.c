// The policies by worked examples that others have published; see also
// policy_structures.c (heap, trees), policy_rules.c (each rule by itself),
// policy_storms.c (settings, reasons, driven by chance), policy_feedback.c
// (mlfq against the simplest one) and policy_shares.c (what theory promises of
// the others).
//
// OSC: Silberschatz, Galvin & Gagne, "Operating System Concepts", 10th edition,
// 2018; section 5.3 is pp. 205 to 217, 5.6 begins on p. 227.
// MOS: Tanenbaum & Bos, "Modern Operating Systems", 4th edition, 2015.
// OSTEP: Arpaci-Dusseau, "Operating Systems: Three Easy Pieces", version 1.10,
// 2023, whose chapters all begin with page 1.
//
// Where there is a section and no page, it is because editions and printings
// differ and the page could not be looked up in this one.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_parts.h"

// --- playing -----------------------------------------------------------------

void game_make(struct game *game, const char *policy, const char *jobs)
{
	struct jobs_error error;
	FILE *file = fmemopen((void *)jobs, strlen(jobs), "r");

	*game = (struct game){ .policy = policy_named(policy),
			       .random = { 1 },
			       .simulation = { .cpus = 1,
					       .keep_slices = true } };
	ck_assert_msg(game->policy != NULL, "no policy %s", policy);
	game->settings = policy_defaults(&game->random);
	ck_assert_ptr_nonnull(file);
	ck_assert_msg(jobs_read(&game->jobs, file, &error) == 0, "%s",
		      error.text);
	fclose(file);
}

void game_play(struct game *game)
{
	int error = simulate(&game->simulation, game->policy, &game->settings,
			     &game->jobs, &game->history);

	ck_assert_msg(error == 0, "%s: %s", game->policy->name,
		      strerror(-error));
}

void game_free(struct game *game)
{
	history_free(&game->history);
	jobs_free(&game->jobs);
}

const char *game_chart(const struct game *game, char *text, size_t bytes)
{
	const struct history *h = &game->history;
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < h->slice_count && n < bytes; i++) {
		const struct slice *s = &h->slices[i];
		int64_t before = i ? s[-1].end_ns : 0;
		char name[JOB_NAME_BYTES];
		if (i && s[-1].job == s->job && before == s->begin_ns)
			continue;
		if (before != s->begin_ns || !i)
			n += snprintf(text + n, bytes - n,
				      before != s->begin_ns ? "%s%.9g - "
							    : "%s",
				      i ? " " : "", (double)before / MS);
		else
			n += snprintf(text + n, bytes - n, " ");
		if (n < bytes)
			n += snprintf(text + n, bytes - n, "%.9g %s",
				      (double)s->begin_ns / MS,
				      job_name(&game->jobs, s->job, name));
	}
	if (n < bytes)
		snprintf(text + n, bytes - n, " %.9g", (double)h->end_ns / MS);
	return text;
}

double game_waiting(const struct game *game)
{
	return history_summary(&game->history).waiting_ns / MS;
}

double game_turnaround(const struct game *game)
{
	return history_summary(&game->history).turnaround_ns / MS;
}

static void assert_near(double got, double expected)
{
	ck_assert_double_eq_tol(got, expected, 0.005);
}

static void assert_chart(const char *policy, int64_t quantum_ns,
			 const char *jobs, const char *expected)
{
	struct game game;
	char chart[1024];

	game_make(&game, policy, jobs);
	game.settings.quantum_ns = quantum_ns;
	game_play(&game);
	ck_assert_str_eq(game_chart(&game, chart, sizeof chart), expected);
	game_free(&game);
}

static void assert_waiting(const char *policy, int64_t quantum_ns,
			   const char *jobs, double expected_ms)
{
	struct game game;

	game_make(&game, policy, jobs);
	game.settings.quantum_ns = quantum_ns;
	game_play(&game);
	assert_near(game_waiting(&game), expected_ms);
	game_free(&game);
}

// --- batch -------------------------------------------------------------------

// Stallings, "Operating Systems: Internals and Design Principles", section 2.2,
// tables 2.1 and 2.2: a job of 5 minutes that computes, one of 15 and one of 10
// that mostly wait. One after the other they take 30 minutes, 6 jobs an hour,
// the mean response time is 18 minutes (the book rounds 18 1/3).
START_TEST(batch_leaves_the_cpu_idle)
{
	struct game game;
	enum { MINUTE = 60000 };

	game_make(&game, "batch",
		  "1 0 5m\n"
		  "2 0 1s,898s,1s\n"
		  "3 0 1s,598s,1s\n");
	game_play(&game);
	ck_assert_int_eq(game.history.end_ns / MS, 30 * MINUTE);
	assert_near(history_summary(&game.history).throughput * 3600, 6);
	assert_near(game_turnaround(&game), 18.0 * MINUTE + MINUTE / 3.0);
	char chart[200];
	ck_assert_str_eq(game_chart(&game, chart, sizeof chart),
			 "0 1 300000 2 301000 - 1199000 2 1200000 3 1201000 - "
			 "1799000 3 1800000");
	game_free(&game);
}
END_TEST

// MOS, section 2.4.2 (shortest job first): four jobs of 8, 4, 4 and 4 minutes.
// In this order the mean turnaround is 14, the shortest first 11 minutes.
START_TEST(batch_and_shortest_of_tanenbaum)
{
	static const char jobs[] = "A 0 8m\nB 0 4m\nC 0 4m\nD 0 4m\n";
	struct game game;

	game_make(&game, "batch", jobs);
	game_play(&game);
	assert_near(game_turnaround(&game) / 60000, 14);
	game_free(&game);
	game_make(&game, "sjf", jobs);
	game_play(&game);
	assert_near(game_turnaround(&game) / 60000, 11);
	game_free(&game);
}
END_TEST

// A CPU is its owner's until he is finished, also when there are several.
START_TEST(batch_on_two_cpus)
{
	struct game game;

	game_make(&game, "batch", "A 0 2,10,2\nB 0 3,10,3\nC 0 1\n");
	game.simulation.cpus = 2;
	game_play(&game);
	ck_assert_int_eq(game.history.measures[0].turnaround_ns, 14 * MS);
	ck_assert_int_eq(game.history.measures[1].turnaround_ns, 16 * MS);
	ck_assert_int_eq(game.history.measures[2].turnaround_ns, 15 * MS);
	game_free(&game);
}
END_TEST

// --- first come, shortest, round robin ---------------------------------------

// OSC, section 5.3.1, p. 206: bursts of 24, 3 and 3 ms; the mean waiting time
// is 17 ms in this order and 3 ms in the order P2, P3, P1.
START_TEST(fifo_of_silberschatz)
{
	static const char long_first[] = "P1 0 24\nP2 0 3\nP3 0 3\n";

	assert_chart("fcfs", MS, long_first, "0 P1 24 P2 27 P3 30");
	assert_waiting("fcfs", MS, long_first, 17);
	assert_waiting("fifo", MS, "P2 0 3\nP3 0 3\nP1 0 24\n", 3);
}
END_TEST

// OSC, section 5.3.2, p. 207: 6, 8, 7 and 3 ms: P4, P1, P3, P2 with a mean
// waiting time of 7 ms, and 10.25 ms in the order of the list.
START_TEST(sjf_of_silberschatz)
{
	static const char jobs[] = "P1 0 6\nP2 0 8\nP3 0 7\nP4 0 3\n";

	assert_chart("sjf", MS, jobs, "0 P4 3 P1 9 P3 16 P2 24");
	assert_waiting("sjf", MS, jobs, 7);
	assert_waiting("fifo", MS, jobs, 10.25);
}
END_TEST

// OSC, section 5.3.2, p. 209: arrivals at 0, 1, 2, 3 ms, 8, 4, 9 and 5 ms long.
// The mean waiting time is 6.5 ms, and 7.75 ms without preemption.
START_TEST(srtf_of_silberschatz)
{
	static const char jobs[] = "P1 0 8\nP2 1 4\nP3 2 9\nP4 3 5\n";

	assert_chart("srtf", MS, jobs, "0 P1 1 P2 5 P4 10 P1 17 P3 26");
	assert_waiting("srtf", MS, jobs, 6.5);
	assert_waiting("sjf", MS, jobs, 7.75);
}
END_TEST

// OSC, section 5.3.3, p. 210: the jobs of 5.3.1 with a quantum of 4 ms; the
// mean waiting time is 17/3 = 5.66 ms.
START_TEST(rr_of_silberschatz)
{
	static const char jobs[] = "P1 0 24\nP2 0 3\nP3 0 3\n";

	assert_chart("rr", 4 * MS, jobs, "0 P1 4 P2 7 P3 10 P1 30");
	assert_waiting("rr", 4 * MS, jobs, 17.0 / 3);
}
END_TEST

// Stallings, 7th edition, tables 9.4 and 9.5: five processes, under each policy
// the time at which each finishes.
static const char stallings[] = "A 0 3\nB 2 6\nC 4 4\nD 6 5\nE 8 2\n";

static void assert_finishes(const char *policy, int64_t quantum_ns,
			    const int expected[5])
{
	struct game game;

	game_make(&game, policy, stallings);
	game.settings.quantum_ns = quantum_ns;
	game_play(&game);
	for (int i = 0; i < 5; i++) {
		const struct measure *m = &game.history.measures[i];
		ck_assert_int_eq((m->arrival_ns + m->turnaround_ns) / MS,
				 expected[i]);
	}
	game_free(&game);
}

START_TEST(five_processes_of_stallings)
{
	assert_finishes("fcfs", MS, (int[]){ 3, 9, 13, 18, 20 });
	assert_finishes("rr", MS, (int[]){ 4, 18, 17, 20, 15 });
	assert_finishes("rr", 4 * MS, (int[]){ 3, 17, 11, 20, 19 });
	assert_finishes("spn", MS, (int[]){ 3, 9, 15, 20, 11 });
	assert_finishes("srt", MS, (int[]){ 3, 15, 8, 20, 10 });
}
END_TEST

// --- priorities --------------------------------------------------------------

// OSC, section 5.3.4, pp. 212-213: P2, P5, P1, P3, P4, a mean waiting time of
// 8.2 ms.
START_TEST(priority_of_silberschatz)
{
	static const char jobs[] = "P1 0 10 prio=3\nP2 0 1 prio=1\n"
				   "P3 0 2 prio=4\nP4 0 1 prio=5\n"
				   "P5 0 5 prio=2\n";

	assert_chart("priority", MS, jobs, "0 P2 1 P5 6 P1 16 P3 18 P4 19");
	assert_waiting("priority", MS, jobs, 8.2);
	assert_waiting("priority-preemptive", MS, jobs, 8.2);
}
END_TEST

// OSC, section 5.6.3, p. 231, figures 5.21 and 5.22: P1 every 50 ms for 20, P2
// every 100 ms for 35. With the shorter period more urgent P2 is displaced at
// 50, 5 ms before its end, P1 runs to 70, P2 to 75; the CPU is idle to 100. The
// other way round P1 finishes at 55 and misses its first deadline.
START_TEST(rate_monotonic_of_silberschatz)
{
	assert_chart("priority-preemptive", MS,
		     "P1 0 20 prio=1\nP2 0 35 prio=2\nP1b 50 20 prio=1\n"
		     "P1c 100 20 prio=1\nP2b 100 35 prio=2\n",
		     "0 P1 20 P2 50 P1b 70 P2 75 - 100 P1c 120 P2b 155");
	assert_chart("priority-preemptive", MS,
		     "P1 0 20 prio=2\nP2 0 35 prio=1\n", "0 P2 35 P1 55");
}
END_TEST

// Liu & Layland, Journal of the ACM 20 (1973), pp. 46-61, section 4: periods of
// 2 and 5. With the shorter one more urgent C1 = 1 leaves room for C2 = 2; the
// other way round neither can be more than 1.
START_TEST(rate_monotonic_of_liu_and_layland)
{
	assert_chart("priority-preemptive", MS,
		     "1 0 1 prio=1\n1b 2 1 prio=1\n1c 4 1 prio=1\n"
		     "2 0 2 prio=2\n",
		     "0 1 1 2 2 1b 3 2 4 1c 5");
	assert_chart("priority-preemptive", MS, "1 0 1 prio=2\n2 0 1 prio=1\n",
		     "0 2 1 1 2");
	assert_chart("priority-preemptive", MS, "1 0 1 prio=2\n2 0 2 prio=1\n",
		     "0 2 2 1 3");
}
END_TEST

// OSC, section 5.3.4, p. 213: priorities from 127 (low) to 0 and a step for
// each second of waiting: "a little over 2 minutes" until the least urgent one
// is the most urgent. The books give this rule and this number and draw no
// chart of ageing; so the jobs here are ours, and only the two minutes are
// theirs. A job of 1 s and priority 0 arrives every second, for ever as it
// were, and one more was there at the beginning.
START_TEST(ageing_of_silberschatz)
{
	enum { OTHERS = 300, LOW = 127 };
	char *jobs;
	size_t bytes;
	FILE *file = open_memstream(&jobs, &bytes);
	struct game game;

	ck_assert_ptr_nonnull(file);
	fprintf(file, "low 0 1s prio=%d\nfirst 0 1s prio=0\n", LOW);
	for (int i = 0; i < OTHERS; i++)
		fprintf(file, "%d %ds 1s prio=0\n", i, i);
	fclose(file);

	game_make(&game, "ageing", jobs);
	game.settings.ageing_ns = 1000 * MS;
	game_play(&game);
	int64_t response_ms = game.history.measures[0].response_ns / MS;
	ck_assert_int_ge(response_ms, LOW * 1000);
	ck_assert_int_le(response_ms, (LOW + 3) * 1000);
	game_free(&game);

	game_make(&game, "priority", jobs);
	game_play(&game);
	ck_assert_int_eq(game.history.measures[0].response_ns / MS,
			 (OTHERS + 1) * 1000);
	game_free(&game);
	free(jobs);
}
END_TEST

// --- feedback ----------------------------------------------------------------

// OSTEP, chapter 8, figures 8.2 and 8.3 (p. 74 of version 0.80, 2014, the
// fourth of the chapter), the long-running job and the interactive one that
// comes along: three queues, slices of 10 ms; the long job is at the bottom
// when at 100 ms a job of 20 ms arrives, which is done before it gets there.
START_TEST(mlfq_of_ostep)
{
	struct game game;
	char chart[200];

	game_make(&game, "mlfq", "A 0 200\nB 100 20\n");
	for (int level = 0; level < 3; level++)
		game.settings.level_quantum_ns[level] = 10 * MS;
	game.settings.boost_ns = 0;
	game_play(&game);
	ck_assert_str_eq(game_chart(&game, chart, sizeof chart),
			 "0 A 100 B 120 A 220");
	game_free(&game);
}
END_TEST

// MOS, section 2.4.3 (multiple queues), on CTSS: a process that needs 100
// quanta gets 1, 2, 4, 8, 16, 32 and then uses 37 of 64: 7 times in the CPU,
// not 100.
START_TEST(mlfq_of_ctss)
{
	static const int expected[] = { 1, 2, 4, 8, 16, 32, 37 };
	struct game game;

	game_make(&game, "mlfq", "A 0 100\n");
	game.settings.levels = COUNT(expected);
	for (size_t i = 0; i < COUNT(expected); i++)
		game.settings.level_quantum_ns[i] = MS << i;
	game.settings.boost_ns = 0;
	game_play(&game);
	ck_assert_uint_eq(game.history.slice_count, COUNT(expected));
	for (size_t i = 0; i < COUNT(expected); i++) {
		const struct slice *s = &game.history.slices[i];
		ck_assert_int_eq(s->end_ns - s->begin_ns, expected[i] * MS);
	}
	game_free(&game);
}
END_TEST

// --- shares ------------------------------------------------------------------

struct numbers {
	const int *list;
	size_t next;
};

static uint64_t draw_from_list(void *luck)
{
	struct numbers *numbers = luck;

	return (uint64_t)numbers->list[numbers->next++];
}

// The winners of the first `n` draws, a letter each, and why the last one won.
static void assert_winners(const char *jobs, const int *draws, size_t n,
			   const char *expected, const char *expected_why)
{
	struct numbers numbers = { .list = draws };
	struct game game;
	char winners[64] = "", why[100] = "";

	game_make(&game, "lottery", jobs);
	game.settings.quantum_ns = MS;
	game.settings.draw = draw_from_list;
	game.settings.luck = &numbers;
	void *state;
	ck_assert_int_eq(game.policy->create(&state, &game.settings,
					     game.jobs.tasks, game.jobs.count),
			 0);
	for (size_t i = 0; i < game.jobs.count; i++)
		game.policy->arrive(state, (int)i, 0);
	for (size_t i = 0; i < n; i++) {
		int64_t slice_ns, now = (int64_t)i * MS;
		int job = game.policy->pick(state, 0, now, &slice_ns);
		winners[i] = game.jobs.names[job][0];
		ck_assert_int_eq(slice_ns, MS);
		game.policy->explain(state, job, now, why, sizeof why);
		ck_assert(
			game.policy->tick(state, job, MS, now + MS, &slice_ns));
	}
	game.policy->destroy(state);
	ck_assert_str_eq(winners, expected);
	ck_assert_str_eq(why, expected_why);
	jobs_free(&game.jobs);
}

// Waldspurger & Weihl, OSDI 1994, pp. 1-11, figure 1: five clients with 10, 2,
// 5, 1 and 2 tickets, ticket 15 is drawn of 20, the third client wins. OSTEP,
// chapter 9, p. 2: A has 75 tickets, B 25; twenty draws, of which B wins 4.
START_TEST(lotteries_as_published)
{
	assert_winners("1 0 1s tickets=10\n2 0 1s tickets=2\n"
		       "3 0 1s tickets=5\n4 0 1s tickets=1\n"
		       "5 0 1s tickets=2\n",
		       (const int[]){ 15 }, 1, "3",
		       "ticket 15 of 20 is drawn; it holds 12 to 16");
	assert_winners("A 0 1s tickets=75\nB 0 1s tickets=25\n",
		       (const int[]){ 63, 85, 70, 39, 76, 17, 29, 41, 36, 39,
				      10, 99, 68, 83, 63, 62, 43, 0,  49, 12 },
		       20, "ABAABAAAAAABABAAAAAA",
		       "ticket 12 of 100 is drawn; it holds 0 to 74");
}
END_TEST

// OSTEP, chapter 9, p. 6 and figure 9.3 on p. 7: tickets of 100, 50 and 250,
// the strides are 100, 200 and 40. There all passes begin with 0 and each job
// runs once, A, B, C; the paper begins with pass = stride, which is where they
// are after that. Then C C A C C, and all passes are 200.
START_TEST(stride_of_ostep)
{
	static const char jobs[] = "A 0 1s tickets=100\nB 0 1s tickets=50\n"
				   "C 0 1s tickets=250\n";
	struct game game;

	game_make(&game, "stride", jobs);
	game.settings.quantum_ns = MS;
	game_play(&game);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(game.history.slices[i].job, "22022"[i] - '0');
	int turns[3] = { 0 };
	for (int i = 0; i < 8; i++)
		turns[game.history.slices[i].job]++;
	ck_assert(turns[0] == 2 && turns[1] == 1 && turns[2] == 5);
	game_free(&game);
}
END_TEST

// Waldspurger & Weihl, MIT/LCS/TM-528, the example of three clients with
// tickets 3 : 2 : 1. With stride1 = 6 the passes begin at 2, 3, 6; A, B, A are
// certain, then all are 6. Every six quanta are shared 3 : 2 : 1.
START_TEST(stride_of_waldspurger)
{
	struct game game;

	game_make(&game, "stride",
		  "A 0 300 tickets=3\nB 0 200 tickets=2\nC 0 100 tickets=1\n");
	game.settings.quantum_ns = MS;
	game_play(&game);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(game.history.slices[i].job, "010"[i] - '0');
	ck_assert_uint_eq(game.history.slice_count, 600);
	for (int i = 0; i < 600; i += 6) {
		int turns[3] = { 0 };
		for (int k = i; k < i + 6; k++)
			turns[game.history.slices[k].job]++;
		ck_assert(turns[0] == 3 && turns[1] == 2 && turns[2] == 1);
	}
	game_free(&game);
}
END_TEST

// Corbet, "Completing the EEVDF scheduler", LWN, April 2024: A, B and C start
// together, slices of 30 ms. After A has run the lags are -20, 10, 10 ms, so B
// is next; then -10, -10, 20 ms, and only C is eligible.
START_TEST(eevdf_of_lwn)
{
	static const char *const lags[] = { "0 ns", "10 ms", "20 ms" };
	struct game game;
	char chart[200];

	game_make(&game, "eevdf", "A 0 60\nB 0 60\nC 0 60\n");
	game.settings.quantum_ns = 30 * MS;
	game.simulation.keep_decisions = true;
	game_play(&game);
	ck_assert_str_eq(game_chart(&game, chart, sizeof chart),
			 "0 A 30 B 60 C 90 A 120 B 150 C 180");
	for (int i = 0; i < 3; i++) {
		char behind[40];
		snprintf(behind, sizeof behind, "(behind by %s)", lags[i]);
		ck_assert_ptr_nonnull(
			strstr(game.history.decisions[i].why, behind));
	}
	game_free(&game);
}
END_TEST

// --- deadlines ---------------------------------------------------------------

// OSC, sections 5.6.3 and 5.6.4, pp. 231-233, figures 5.23 and 5.24: P1 every
// 50 ms for 25, P2 every 80 ms for 35. By rate P2 is done at 85 and too late.
// By deadline P2 goes on at 50, P1 runs 60 to 85, P2 is displaced at 100 and
// ends at 145, all in time; then the CPU is idle to 150.
START_TEST(edf_of_silberschatz)
{
	assert_chart("priority-preemptive", MS,
		     "P1 0 25 prio=1\nP2 0 35 prio=2\nP1b 50 25 prio=1\n",
		     "0 P1 25 P2 50 P1b 75 P2 85");
	assert_chart("edf", MS,
		     "P1 0 25 deadline=50\nP2 0 35 deadline=80\n"
		     "P1b 50 25 deadline=50\nP2b 80 35 deadline=80\n"
		     "P1c 100 25 deadline=50\nP1d 150 25 deadline=50\n",
		     "0 P1 25 P2 60 P1b 85 P2b 100 P1c 125 P2b 145 - 150 P1d "
		     "175");
}
END_TEST

// Jobs without a deadline come last, in their order.
START_TEST(edf_without_deadlines)
{
	assert_chart("edf", MS,
		     "A 0 5\nB 0 5\nC 1 2 deadline=1000\nD 1 1 deadline=9\n",
		     "0 A 1 D 2 C 4 A 8 B 13");
}
END_TEST

// --- the table ---------------------------------------------------------------

START_TEST(policies_have_names)
{
	static const char *const names[] = {
		"batch",  "fifo", "sjf",  "srtf",    "priority",
		"priority-preemptive", "ageing",  "ageing-preemptive",
		"rr",	  "mlfq", "lottery", "stride", "edf", "eevdf",
	};
	static const char *const others[][2] = {
		{ "fcfs", "fifo" },     { "spn", "sjf" },
		{ "srt", "srtf" },      { "stcf", "srtf" },
		{ "prio", "priority" }, { "aging", "ageing" },
		{ "cfs", "eevdf" },     { "fair", "eevdf" },
		{ "aging-preemptive", "ageing-preemptive" },
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		const struct policy *p = policies[i];
		ck_assert_ptr_nonnull(p);
		ck_assert_str_eq(p->name, names[i]);
		ck_assert_ptr_eq(policy_named(names[i]), p);
		ck_assert(p->title && p->summary && p->source && p->create &&
			  p->destroy && p->arrive && p->wake && p->pick &&
			  p->tick && p->block && p->finish && p->explain);
		ck_assert(p->preemptive || !p->rank);
		ck_assert(p->preemptive || !p->time_sharing);
	}
	ck_assert_ptr_null(policies[COUNT(names)]);
	for (size_t i = 0; i < COUNT(others); i++)
		ck_assert_ptr_eq(policy_named(others[i][0]),
				 policy_named(others[i][1]));
	ck_assert_ptr_null(policy_named(""));
	ck_assert_ptr_null(policy_named("rrr"));
}
END_TEST

Suite *policy_suite(void)
{
	Suite *suite = suite_create("policy");

	add_policy_case(suite, "published",
			(const TTest *const[]){
				batch_leaves_the_cpu_idle,
				batch_and_shortest_of_tanenbaum,
				batch_on_two_cpus,
				fifo_of_silberschatz,
				sjf_of_silberschatz,
				srtf_of_silberschatz,
				rr_of_silberschatz,
				five_processes_of_stallings,
				priority_of_silberschatz,
				rate_monotonic_of_silberschatz,
				rate_monotonic_of_liu_and_layland,
				ageing_of_silberschatz,
				mlfq_of_ostep,
				mlfq_of_ctss,
				lotteries_as_published,
				stride_of_ostep,
				stride_of_waldspurger,
				eevdf_of_lwn,
				edf_of_silberschatz,
				edf_without_deadlines,
				policies_have_names,
				NULL,
			});
	add_policy_structures(suite);
	add_policy_rules(suite);
	add_policy_storms(suite);
	add_policy_shares(suite);
	add_policy_feedback(suite);
	return suite;
}

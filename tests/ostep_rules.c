// # Tests of sched/sim --ostep: one rule at a time
//
// Small exercises, worked by hand from the course's rules. A row of mlfq has who
// runs in each tick and, below it, in which queue (0 the lowest); '.' is idle.

#define _GNU_SOURCE
#include "ostep_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python_random.h"

// ## The generator
//
// The check values are Python 3.11's: random.seed(n), then random.random() or
// random.getrandbits(32).

START_TEST(ostep_random_reals)
{
	static const struct {
		uint64_t seed;
		double draws[4];
	} python[] = {
		{ 0, { 0.84442185152504812, 0.75795440294030247,
		       0.420571580830845, 0.25891675029296335 } },
		{ 1, { 0.13436424411240122, 0.84743373693723267,
		       0.76377461897661403, 0.2550690257394217 } },
		{ 42, { 0.63942679845788375, 0.025010755222666936,
			0.27502931836911926, 0.22321073814882275 } },
		{ 7, { 0.32383276483316237, 0.15084917392450192,
		       0.65093447303985374, 0.07243628666754276 } },
		{ 4294967298, { 0.95603427188924939, 0.94782748705934938,
				0.056551367726808688, 0.084871995158921631 } },
	};

	for (size_t i = 0; i < sizeof python / sizeof *python; i++) {
		struct python_random random =
			python_random_seeded(python[i].seed);
		for (int k = 0; k < 4; k++)
			ck_assert_double_eq(python_random_real(&random),
					    python[i].draws[k]);
	}
}
END_TEST

START_TEST(ostep_random_words)
{
	static const struct {
		uint64_t seed;
		uint32_t words[3];
	} python[] = {
		{ 0, { 3626764237u, 1654615998u, 3255389356u } },
		{ 1, { 577090037u, 2444712010u, 3639700191u } },
	};

	for (size_t i = 0; i < 2; i++) {
		struct python_random random =
			python_random_seeded(python[i].seed);
		for (int k = 0; k < 3; k++)
			ck_assert_uint_eq(python_random_word(&random),
					  python[i].words[k]);
	}
}
END_TEST

// Lengths up to 10^8 show eight digits of each draw: what the options make of a
// seed.
START_TEST(ostep_seeds)
{
	static const struct {
		const char *seed;
		double first, second;
	} seeds[] = {
		{ "0", 84442185 + 1, 75795440 + 1 },
		{ "7", 32383276 + 1, 15084917 + 1 },
		{ "-7", 32383276 + 1, 15084917 + 1 },
		{ "0x2a", 63942679 + 1, 2501075 + 1 },
		{ "0X2A", 63942679 + 1, 2501075 + 1 },
		{ "052", 63942679 + 1, 2501075 + 1 },
		{ "0b101010", 63942679 + 1, 2501075 + 1 },
		{ "4294967298", 95603427 + 1, 94782748 + 1 },
		{ "-4294967298", 95603427 + 1, 94782748 + 1 },
		{ "0x100000002", 95603427 + 1, 94782748 + 1 },
	};

	enum { SEEDS = sizeof seeds / sizeof *seeds };
	char *options[SEEDS];

	for (int i = 0; i < SEEDS; i++)
		ck_assert_int_ge(asprintf(&options[i],
					  "scheduler -j 2 -m 100000000 -s %s",
					  seeds[i].seed),
				 0);
	json_t *solutions = ostep_solutions(options, SEEDS);
	for (int i = 0; i < SEEDS; i++) {
		const json_t *jobs = member(json_array_get(solutions, i),
					    "jobs");
		ck_assert_double_eq(number_of(json_array_get(jobs, 0),
					      "length"),
				    seeds[i].first);
		ck_assert_double_eq(number_of(json_array_get(jobs, 1),
					      "length"),
				    seeds[i].second);
		free(options[i]);
	}
	json_decref(solutions);
}
END_TEST

// ## mlfq

static const struct mlfq_row {
	const char *rule, *options, *jobs, *queues;
} mlfq_rows[] = {
	{ "a queue is round robin", "-l 0,3,0:0,3,0 -q 2 -n 1",
	  "001101",
	  "000000" },
	{ "a used slice is a step down", "-l 0,4,0 -q 2 -n 2",
	  "0000",
	  "1100" },
	{ "a higher job displaces at once; place and ticks are kept",
	  "-l 0,6,0:0,6,0:5,1,0 -q 2 -n 2",
	  "0011020110011",
	  "1111010000000" },
	{ "a finished job does no I/O, the end wins over the slice",
	  "-l 0,4,2 -i 3 -q 2 -n 1",
	  "00...00",
	  "00...00" },
	{ "allotments count slices", "-l 0,3,0:0,3,0 -q 1 -a 2 -n 2",
	  "010101",
	  "111100" },
	{ "-Q: the highest first", "-l 0,6,0 -Q 1,2,3",
	  "000000",
	  "211000" },
	{ "-Q sets the number of queues, -n and -q are unused",
	  "-l 0,3,0 -n 0 -q 99 -Q 1,1",
	  "000",
	  "100" },
	{ "-A: the highest first", "-l 0,7,0 -Q 1,1,1 -A 1,3,2",
	  "0000000",
	  "2111000" },
	{ "I/O leaves the rest of the slice", "-l 0,6,2 -q 3 -n 2 -i 1",
	  "00.00.00",
	  "11.10.00" },
	{ "-S: I/O refills the slice", "-l 0,6,2 -q 3 -n 2 -i 1 -S",
	  "00.00.00",
	  "11.11.11" },
	{ "-S: I/O on the last tick of the last slice goes down all the same",
	  "-l 0,4,2 -q 2 -n 2 -i 1 -S",
	  "00.00",
	  "11.00" },
	{ "-S: I/O refills the allotment, less the slice used up",
	  "-l 0,6,2 -q 2 -a 2 -n 2 -i 1 -S",
	  "00.00.00",
	  "11.11.11" },
	{ "without -S the allotment is used up",
	  "-l 0,6,2 -q 2 -a 2 -n 2 -i 1",
	  "00.00.00",
	  "11.11.00" },
	{ "-I: from I/O to the head, before the running job",
	  "-l 0,4,1:0,6,0 -q 3 -n 1 -i 2 -I",
	  "0110110110",
	  "0000000000" },
	{ "without -I: to the tail", "-l 0,4,1:0,6,0 -q 3 -n 1 -i 2",
	  "011101110..0",
	  "000000000..0" },
	{ "-I is not for those who start", "-l 0,3,0:1,1,0 -q 9 -n 1 -I",
	  "0001",
	  "0000" },
	{ "a slice that ends goes before who starts then",
	  "-l 0,4,0:2,2,0 -q 2 -n 1",
	  "000011",
	  "000000" },
	{ "starts come before a completed I/O",
	  "-l 0,2,1:0,3,0:3,1,0 -i 2 -q 9 -n 1",
	  "011120",
	  "000000" },
	{ "starts of one tick: in list order", "-l 1,1,0:1,1,0:0,1,0 -n 1",
	  "201",
	  "000" },
	{ "nobody has started yet", "-l 2,1,0 -n 1",
	  "..0",
	  "..0" },
	{ "boost: the lower queues first", "-l 0,3,0:0,3,0:0,3,0 -n 3 -q 1 -B 4",
	  "012001212",
	  "222122212" },
	{ "boost: who was on top stays in front, with a full slice",
	  "-l 0,6,0:3,3,0 -n 2 -q 2 -B 4",
	  "000111000",
	  "110111111" },
	{ "boost, then starts", "-l 0,3,0:2,1,0 -n 2 -q 1 -B 2",
	  "0001",
	  "1011" },
	{ "boost is for those who wait, too", "-l 0,4,2 -n 2 -q 2 -i 3 -B 3",
	  "00...00",
	  "11...11" },
	{ "a slice is judged before the boost of its end",
	  "-l 0,4,0:0,2,0 -n 2 -q 2 -B 2",
	  "001100",
	  "111111" },
	{ "no boost at a negative interval", "-l 0,4,0 -q 2 -n 2 -B -1",
	  "0000",
	  "1100" },
	{ "an I/O of 0 ticks is back in the next round",
	  "-l 0,3,1 -i 0 -n 1 -q 5",
	  "000",
	  "000" },
	{ "... at the tail", "-l 0,3,1:0,3,0 -i 0 -n 1 -q 5",
	  "011100",
	  "000000" },
	{ "... after the boost", "-l 0,3,1:0,4,0 -i 0 -n 2 -q 1 -B 3",
	  "0101011",
	  "1101101" },
	{ "a quantum of 0 never runs out", "-l 0,5,0:0,2,0 -q 0 -n 2",
	  "0000011",
	  "1111111" },
	{ "a negative quantum, neither", "-l 0,3,0:0,2,0 -Q -2,1",
	  "00011",
	  "11111" },
	{ "an allotment of 0 never runs out", "-l 0,4,0:0,2,0 -q 1 -a 0 -n 2",
	  "010100",
	  "111111" },
	{ "an allotment of 0 in the lowest queue", "-l 0,3,0 -q 1 -n 2 -A 1,0",
	  "000",
	  "100" },
	{ "io 0 is never", "-l 0,3,0 -i 9 -n 1",
	  "000",
	  "000" },
	// seed 0: r * 5 + 1 is 5.2 for the length, then 4.8 for the I/O
	{ "-m and -M are bounds", "-j 1 -m 6 -M 6 -s 0 -n 1 -i 2",
	  "0000..0",
	  "0000..0" },
	{ "-m 1, -M 0", "-j 2 -m 1 -M 0 -s 1 -n 1",
	  "01",
	  "00" },
};

enum { MLFQ_ROWS = sizeof mlfq_rows / sizeof *mlfq_rows };

START_TEST(ostep_mlfq_rules)
{
	char *options[MLFQ_ROWS];

	for (int i = 0; i < MLFQ_ROWS; i++)
		ck_assert_int_ge(asprintf(&options[i], "mlfq %s",
					  mlfq_rows[i].options),
				 0);
	json_t *solutions = ostep_solutions(options, MLFQ_ROWS);
	for (int i = 0; i < MLFQ_ROWS; i++) {
		const struct mlfq_row *row = &mlfq_rows[i];
		json_t *solution = json_array_get(solutions, i);
		char *jobs = ostep_row(solution, "job");
		char *queues = ostep_row(solution, "queue");
		ck_assert_msg(!strcmp(jobs, row->jobs) &&
				      !strcmp(queues, row->queues),
			      "%s\n%s\nwant %s\n     %s\ngot  %s\n     %s",
			      row->rule, row->options, row->jobs, row->queues,
			      jobs, queues);
		free(queues);
		free(jobs);
		free(options[i]);
	}
	json_decref(solutions);
}
END_TEST

// What is printed of the books: slices before they are taken off, ticks that
// fall below 0, both refilled in the lowest queue.
START_TEST(ostep_mlfq_books)
{
	static const struct {
		const char *options;
		int books[4][2]; // ticks, slices; in the first four ticks
	} rows[] = {
		{ "mlfq -l 0,9,0 -n 2 -q 2 -a 2",
		  { { 1, 2 }, { 0, 2 }, { 1, 1 }, { 0, 1 } } },
		{ "mlfq -l 0,9,0 -n 1 -q 1 -a 2",
		  { { 0, 2 }, { 0, 1 }, { 0, 2 }, { 0, 1 } } },
		{ "mlfq -l 0,9,0 -q 0 -a 3",
		  { { -1, 3 }, { -2, 3 }, { -3, 3 }, { -4, 3 } } },
		{ "mlfq -l 0,9,0 -q 1 -a 0",
		  { { 0, 0 }, { 0, -1 }, { 0, -2 }, { 0, -3 } } },
		{ "mlfq -l 0,9,2 -q 2 -a 2 -i 1 -S",
		  { { 1, 2 }, { 0, 2 }, { 1, 1 }, { 0, 1 } } },
		{ "mlfq -l 0,9,3 -q 4 -a 2 -i 1 -S",
		  { { 3, 2 }, { 2, 2 }, { 1, 2 }, { 3, 2 } } },
	};

	enum { ROWS = sizeof rows / sizeof *rows };
	char *options[ROWS];

	for (int i = 0; i < ROWS; i++)
		options[i] = (char *)rows[i].options;
	json_t *solutions = ostep_solutions(options, ROWS);
	for (int i = 0; i < ROWS; i++) {
		const json_t *solution = json_array_get(solutions, i);
		for (int k = 0; k < 4; k++) {
			const json_t *tick =
				json_array_get(member(solution, "ticks"), k);
			ck_assert_msg(number_of(tick, "ticks") ==
						      rows[i].books[k][0] &&
					      number_of(tick, "slices") ==
						      rows[i].books[k][1],
				      "%s, tick %d", rows[i].options, k);
		}
	}
	json_decref(solutions);
}
END_TEST

// From the start, not from time 0; the means; waiting leaves out the I/O.
START_TEST(ostep_mlfq_times)
{
	json_t *solution = ostep_solution("mlfq -l 3,4,0:4,3,2 -q 9 -n 1 -i 5");
	const double want[2][4] = { { 3, 0, 4, 0 }, { 4, 3, 11, 3 } };
	char *row = ostep_row(solution, "job");

	ck_assert_str_eq(row, "...000011.....1");
	free(row);
	for (int i = 0; i < 2; i++) {
		const json_t *job = json_array_get(member(solution, "jobs"), i);
		ck_assert_double_eq(number_of(job, "arrival"), want[i][0]);
		ck_assert_double_eq(number_of(job, "response"), want[i][1]);
		ck_assert_double_eq(number_of(job, "turnaround"), want[i][2]);
		ck_assert_double_eq(number_of(job, "waiting"), want[i][3]);
		ck_assert_double_eq(number_of(job, "switches"), 1);
	}
	const json_t *means = member(solution, "averages");
	ck_assert_double_eq(number_of(means, "response"), 1.5);
	ck_assert_double_eq(number_of(means, "turnaround"), 7.5);
	ck_assert_double_eq(number_of(means, "waiting"), 1.5);
	json_decref(solution);
}
END_TEST

// ## scheduler

static const struct {
	const char *rule, *options, *turns; // "job:begin-end ..."
} scheduler_rows[] = {
	{ "seed 0: 8.4 7.6 4.2, and 1 more", "scheduler",
	  "0:0-9 1:9-17 2:17-22" },
	{ "-m, -j; -m 0 is always 1", "scheduler -m 0 -j 2",
	  "0:0-1 1:1-2" },
	{ "FIFO: list order", "scheduler -l 3,1,2",
	  "0:0-3 1:3-4 2:4-6" },
	{ "FIFO: the quantum is unused", "scheduler -q 0 -l 3,1 -p FIFO",
	  "0:0-3 1:3-4" },
	{ "-l: -j and -m are unused", "scheduler -l 3 -j 0 -m -5",
	  "0:0-3" },
	{ "SJF: stable", "scheduler -p SJF -l 2,1,2,1",
	  "1:0-1 3:1-2 0:2-4 2:4-6" },
	{ "SJF: fractions", "scheduler -p SJF -l 0.75,0.5,.25",
	  "2:0-0.25 1:0.25-0.75 0:0.75-1.5" },
	{ "RR: what is left equals the quantum: done",
	  "scheduler -p RR -q 2 -l 2,4",
	  "0:0-2 1:2-4 1:4-6" },
	{ "RR: to the tail", "scheduler -p RR -q 2 -l 3,2,1",
	  "0:0-2 1:2-4 2:4-5 0:5-6" },
	{ "RR: the last one, too, in quanta", "scheduler -p RR -l 1,3",
	  "0:0-1 1:1-2 1:2-3 1:3-4" },
	{ "RR: a little more is a turn more",
	  "scheduler -p RR -q 2 -l 2.0000000001,1",
	  "0:0-2 1:2-3 0:3-3.0000000001" },
	{ "a length of 0", "scheduler -p RR -l 0,1",
	  "0:0-0 1:0-1" },
	{ "a length of 0 is the shortest", "scheduler -p SJF -l 1,0",
	  "1:0-0 0:0-1" },
	{ "other spellings", "scheduler -l '1e1, 2. ,.5'",
	  "0:0-10 1:10-12 2:12-12.5" },
};

START_TEST(ostep_scheduler_rules)
{
	enum { ROWS = sizeof scheduler_rows / sizeof *scheduler_rows };
	char *options[ROWS], turns[256];

	for (int i = 0; i < ROWS; i++)
		options[i] = (char *)scheduler_rows[i].options;
	json_t *solutions = ostep_solutions(options, ROWS), *slice;
	for (int i = 0; i < ROWS; i++) {
		size_t k, n = 0;
		json_array_foreach(member(json_array_get(solutions, i),
					  "slices"),
				   k, slice)
			n += (size_t)snprintf(turns + n, sizeof turns - n,
					      "%s%d:%g-%.11g", n ? " " : "",
					      job_of(slice, "job"),
					      number_of(slice, "start"),
					      number_of(slice, "end"));
		ck_assert_msg(!strcmp(turns, scheduler_rows[i].turns),
			      "%s (%s)\nwant %s\ngot  %s",
			      scheduler_rows[i].rule, scheduler_rows[i].options,
			      scheduler_rows[i].turns, turns);
	}
	json_decref(solutions);
}
END_TEST

static void expect_times(const char *options, const double (*want)[3], size_t n,
			 const double means[3])
{
	static const char *const keys[] = { "response", "turnaround",
					    "waiting" };
	json_t *solution = ostep_solution(options);
	const json_t *jobs = member(solution, "jobs");

	ck_assert_uint_eq(json_array_size(jobs), n);
	for (int k = 0; k < 3; k++) {
		for (size_t i = 0; i < n; i++)
			ck_assert_msg(number_of(json_array_get(jobs, i),
						keys[k]) == want[i][k],
				      "%s: job %zu, %s", options, i, keys[k]);
		ck_assert_msg(number_of(member(solution, "averages"),
					keys[k]) == means[k],
			      "%s: mean %s", options, keys[k]);
	}
	json_decref(solution);
}

// Doubles, added in the course's order: all digits agree, not only two.
START_TEST(ostep_scheduler_times)
{
	const double rr[3][3] = { { 0, 6, 3 }, { 2, 4, 2 }, { 4, 5, 4 } };
	const double rr_means[3] = { 2, 5, 3 };
	const double end[] = { 0.1, 0.1 + 0.2, (0.1 + 0.2) + 0.3 };
	const double fifo[3][3] = { { 0, end[0], 0 },
				    { end[0], end[1], end[0] },
				    { end[1], end[2], end[1] } };
	const double fifo_means[3] = { (end[0] + end[1]) / 3,
				       ((end[0] + end[1]) + end[2]) / 3,
				       (end[0] + end[1]) / 3 };
	// SJF sums in the order of running: 0.1, 0.1 + 0.2, (0.1 + 0.2) + 0.3
	const double sjf[3][3] = { { end[1], end[2], end[1] },
				   { 0, end[0], 0 },
				   { end[0], end[1], end[0] } };

	ck_assert(end[2] != 0.6);
	expect_times("scheduler -p RR -q 2 -l 3,2,1", rr, 3, rr_means);
	expect_times("scheduler -l 0.1,0.2,0.3", fifo, 3, fifo_means);
	expect_times("scheduler -p SJF -l 0.3,0.1,0.2", sjf, 3, fifo_means);
}
END_TEST

// ## lottery
//
// The draws of seed 0, times 1000001: 844422, 757955, 420572, 258917; of seed
// 1: 134364, 847434, 763775, 255069.

static const struct {
	const char *rule, *options;
	const char *winners, *randoms;
	double done[3];
} lottery_rows[] = {
	{ "winner: the first sum above the ticket", "lottery -l 1:2,1:2",
	  "10", "844422 757955", { 2, 1 } },
	{ "a finished job holds nothing", "lottery -l 2:1,2:3",
	  "1100", "844422 757955 420572 258917", { 4, 2 } },
	{ "the clock moves a whole quantum", "lottery -l 3:1 -q 2",
	  "00", "844422 757955", { 4 } },
	{ "what is left equals the quantum: done", "lottery -l 4:1 -q 2",
	  "00", "844422 757955", { 4 } },
	{ "a length of 0 wins once; the rounds are those of the others",
	  "lottery -l 0:1,1:1", "0", "844422", { 1, -1 } },
	{ "nothing but lengths of 0: no round", "lottery -l 0:1", "", "",
	  { -1 } },
	{ "a draw of 0 is taken back", "lottery -j 1 -m 2 -T 2 -s 1",
	  "0", "255069", { 1 } },
	{ "tickets as many as fit", "lottery -l 1:4294967295,1:4294967295",
	  "01", "844422 757955", { 1, 2 } },
};

START_TEST(ostep_lottery_rules)
{
	enum { ROWS = sizeof lottery_rows / sizeof *lottery_rows };
	char *options[ROWS];

	for (int i = 0; i < ROWS; i++)
		options[i] = (char *)lottery_rows[i].options;
	json_t *solutions = ostep_solutions(options, ROWS);
	for (int i = 0; i < ROWS; i++) {
		const json_t *solution = json_array_get(solutions, i);
		char winners[64] = "", randoms[256] = "";
		json_t *one;
		size_t k, n = 0;
		json_array_foreach(member(solution, "draws"), k, one)
		{
			winners[k] = (char)('0' + job_of(one, "winner"));
			n += (size_t)snprintf(randoms + n, sizeof randoms - n,
					      "%s%.0f", k ? " " : "",
					      number_of(one, "random"));
		}
		ck_assert_msg(!strcmp(winners, lottery_rows[i].winners) &&
				      !strcmp(randoms, lottery_rows[i].randoms),
			      "%s (%s): got %s, %s", lottery_rows[i].rule,
			      lottery_rows[i].options, winners, randoms);
		json_array_foreach(member(solution, "jobs"), k, one)
		{
			double done = lottery_rows[i].done[k];
			if (done < 0)
				ck_assert(json_is_null(
					member(one, "turnaround")));
			else
				ck_assert_double_eq(
					number_of(one, "turnaround"), done);
		}
	}
	json_decref(solutions);
}
END_TEST

// A round that a job did not need is not its running; what it won is.
START_TEST(ostep_lottery_times)
{
	const double want[2][3] = { { 4, 8, 4 }, { 0, 4, 0 } };
	const double means[3] = { 2, 6, 2 };

	// w is 844422 mod 4 = 2, 757955 mod 4 = 3: job 1; then job 0
	expect_times("lottery -l 3:1,3:3 -q 2", want, 2, means);
}
END_TEST

void ostep_rule_tests(Suite *suite)
{
	TCase *tests = tcase_create("rules");

	tcase_add_test(tests, ostep_random_reals);
	tcase_add_test(tests, ostep_random_words);
	tcase_add_test(tests, ostep_seeds);
	tcase_add_test(tests, ostep_mlfq_rules);
	tcase_add_test(tests, ostep_mlfq_books);
	tcase_add_test(tests, ostep_mlfq_times);
	tcase_add_test(tests, ostep_scheduler_rules);
	tcase_add_test(tests, ostep_scheduler_times);
	tcase_add_test(tests, ostep_lottery_rules);
	tcase_add_test(tests, ostep_lottery_times);
	suite_add_tcase(suite, tests);
}

// # Tests of sched/chart: pictures, tables, JSON and SVG of histories
//
// Small pictures are compared with ones that were drawn by hand. Of many random
// histories, as the model makes them, is asked what must hold of every picture:
// that it fits, that it shows nobody running who did not, and that it is well
// formed.

#define _GNU_SOURCE
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "chart_parts.h"
#include "random.h"
#include "sched/chart/chart.h"
#include "sched/chart/stretches.h"
#include "sched/model/simulate.h"

const struct canvas chart_ascii40 = { .columns = 40 };
static const struct canvas utf40 = { .columns = 40, .utf8 = true };

struct jobs chart_jobs(const struct job_line *lines, size_t n)
{
	struct jobs jobs = { 0 };

	ck_assert_int_eq(jobs_make(&jobs, lines, n), 0);
	return jobs;
}

// A history of these slices, measured.
struct history chart_history(const struct jobs *jobs, int cpus,
			     const struct slice *slices, size_t n)
{
	struct history history = { .cpus = cpus, .jobs = jobs->count };

	history.slices = malloc((n + 1) * sizeof *slices);
	history.measures = calloc(jobs->count, sizeof *history.measures);
	ck_assert(history.slices && history.measures);
	memcpy(history.slices, slices, n * sizeof *slices);
	history.slice_count = n;
	for (size_t i = 0; i < n; i++)
		if (slices[i].end_ns > history.end_ns)
			history.end_ns = slices[i].end_ns;
	free(history.measures);
	history.measures = NULL;
	ck_assert_int_eq(history_measure(&history, jobs), 0);
	return history;
}

void chart_expect(char *picture, const char *expected)
{
	ck_assert_ptr_nonnull(picture);
	ck_assert_msg(!strcmp(picture, expected), "drawn:\n%s\nexpected:\n%s",
		      picture, expected);
	free(picture);
}

// ## Pictures
//
// 36 columns beside the names, 36 ms: a column a ms.

const struct slice chart_three_slices[7] = {
	{ 0, 0, 0 * MS, 6 * MS, SLICE_EXPIRED },
	{ 1, 0, 6 * MS, 10 * MS, SLICE_BLOCKED },
	{ 2, 0, 10 * MS, 16 * MS, SLICE_EXPIRED },
	{ 0, 0, 16 * MS, 20 * MS, SLICE_PREEMPTED },
	{ 1, 0, 20 * MS, 24 * MS, SLICE_FINISHED },
	{ 2, 0, 24 * MS, 28 * MS, SLICE_FINISHED },
	{ 0, 0, 28 * MS, 36 * MS, SLICE_FINISHED },
};

START_TEST(chart_draws_each_state)
{
	THREE_JOBS;
	struct history history = chart_history(&jobs, 1, chart_three_slices, 7);
	const struct chart chart = { .title = "rr", .history = &history };

	chart_expect(chart_gantt(&chart_ascii40, &jobs, &chart, 1),
		     "rr\n"
		     "AA  #####|..........###!........#######]\n"
		     "BB    ....###>~~~~~~~~..###]\n"
		     "CC      ......#####|........###]\n"
		     "    +---------+---------+---------+-----\n"
		     "    0 ms      10        20        30\n"
		     "# runs  . ready  ~ waits (I/O)\n"
		     "| quantum over  ! preempted\n"
		     "> left to wait  ] done\n");
	chart_expect(chart_gantt(&utf40, &jobs, &chart, 1),
		     "rr\n"
		     "AA  █████|··········███!········███████]\n"
		     "BB    ····███>~~~~~~~~··███]\n"
		     "CC      ······█████|········███]\n"
		     "    ┬─────────┬─────────┬─────────┬─────\n"
		     "    0 ms      10        20        30\n"
		     "█ runs  · ready  ~ waits (I/O)\n"
		     "| quantum over  ! preempted\n"
		     "> left to wait  ] done\n");
	history_free(&history);
	jobs_free(&jobs);
}
END_TEST

// The second history is half as long, on two CPUs: one scale, digits for all.
START_TEST(chart_draws_several_on_one_scale)
{
	static const struct slice two[] = {
		{ 0, 0, 0 * MS, 18 * MS, SLICE_FINISHED },
		{ 1, 1, 2 * MS, 6 * MS, SLICE_BLOCKED },
		{ 2, 1, 6 * MS, 16 * MS, SLICE_FINISHED },
		{ 1, 1, 16 * MS, 20 * MS, SLICE_FINISHED },
	};
	THREE_JOBS;
	struct history one = chart_history(&jobs, 1, chart_three_slices, 7);
	struct history both = chart_history(&jobs, 2, two, 4);
	const struct chart charts[] = {
		{ .history = &one }, { .title = "two CPUs", .history = &both }
	};

	chart_expect(chart_gantt(&chart_ascii40, &jobs, charts, 2),
		     "AA  00000|..........000!........0000000]\n"
		     "BB    ....000>~~~~~~~~..000]\n"
		     "CC      ......00000|........000]\n"
		     "    +---------+---------+---------+-----\n"
		     "    0 ms      10        20        30\n"
		     "\n"
		     "two CPUs\n"
		     "AA  00000000000000000]\n"
		     "BB    111>~~~~~~~~..111]\n"
		     "CC      ..111111111]\n"
		     "    +---------+---------+---------+-----\n"
		     "    0 ms      10        20        30\n"
		     "0-1 runs, on that CPU  . ready\n"
		     "~ waits (I/O)  | quantum over\n"
		     "! preempted  > left to wait  ] done\n");
	history_free(&one);
	history_free(&both);
	jobs_free(&jobs);
}
END_TEST

// On a terminal the same signs, in colours that end with the line.
START_TEST(chart_colours_change_nothing_else)
{
	static const struct canvas coloured = { 40, true, true };
	THREE_JOBS;
	struct history history = chart_history(&jobs, 1, chart_three_slices, 7);
	const struct chart chart = { .title = "rr", .history = &history };
	char *plain = chart_gantt(&utf40, &jobs, &chart, 1);
	char *picture = chart_gantt(&coloured, &jobs, &chart, 1);
	char *to = picture;
	bool on = false;

	ck_assert(plain && picture);
	assert_has(picture, "\033[");
	for (const char *from = picture; *from;) {
		if (!strncmp(from, "\033[", 2)) {
			on = from[2] != '0';
			from += strcspn(from, "m") + 1;
			continue;
		}
		ck_assert(*from != '\n' || !on);
		*to++ = *from++;
	}
	*to = '\0';
	ck_assert_str_eq(picture, plain);
	free(plain);
	free(picture);
	history_free(&history);
	jobs_free(&jobs);
}
END_TEST

// A scale of 72 ms: a column is 2 ms. A and B take turns of 1/2 ms and 3/2 ms
// for 24 ms, so each of these columns is A's for a quarter.
START_TEST(chart_shows_shares_where_slices_are_short)
{
	const int64_t a[] = { 6 * MS }, b[] = { 66 * MS };
	const struct job_line lines[] = {
		{ .name = "AA", .bursts_ns = a, .bursts = 1 },
		{ .name = "BB", .bursts_ns = b, .bursts = 1 },
	};
	struct jobs jobs = chart_jobs(lines, 2);
	struct slice slices[25];

	for (int i = 0; i < 12; i++) {
		int64_t at = 2 * i * MS;
		slices[2 * i] = (struct slice){ 0, 0, at, at + MS / 2,
						i < 11 ? SLICE_EXPIRED
						       : SLICE_FINISHED };
		slices[2 * i + 1] = (struct slice){ 1, 0, at + MS / 2,
						    at + 2 * MS,
						    SLICE_EXPIRED };
	}
	slices[24] = (struct slice){ 1, 0, 24 * MS, 72 * MS, SLICE_FINISHED };
	struct history history = chart_history(&jobs, 1, slices, 25);
	const struct chart chart = { .history = &history };
	chart_expect(chart_gantt(&chart_ascii40, &jobs, &chart, 1),
		     "AA  ------------\n"
		     "BB  ============#######################]\n"
		     "    +---------+---------+---------+-----\n"
		     "    0 ms      20        40        60\n"
		     "# runs  -= runs a part of the time\n"
		     "] done\n");
	chart_expect(chart_gantt(&utf40, &jobs, &chart, 1),
		     "AA  ▂▂▂▂▂▂▂▂▂▂▂▂\n"
		     "BB  ▆▆▆▆▆▆▆▆▆▆▆▆███████████████████████]\n"
		     "    ┬─────────┬─────────┬─────────┬─────\n"
		     "    0 ms      20        40        60\n"
		     "█ runs  ▂▆ runs a part of the time\n"
		     "] done\n");
	history_free(&history);
	jobs_free(&jobs);
}
END_TEST

static void check_life(const struct jobs *jobs, const struct history *history,
		       const enum state *states, const int64_t *ends_ms,
		       size_t n)
{
	struct stretches stretches;

	ck_assert_int_eq(stretches_make(&stretches, jobs, history), 0);
	ck_assert_uint_eq(stretches.first[1], n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(stretches.stretch[i].state, states[i]);
		ck_assert_int_eq(stretches.stretch[i].end_ns, ends_ms[i] * MS);
	}
	stretches_free(&stretches);
}

// A real process blocks where the job file has no I/O: after 1 and 9 ms, for a
// page. Its I/O is the block that comes where the file has it, after 4 ms; of the
// others we know only that they were over when the job ran again.
START_TEST(chart_finds_the_io_among_blocks)
{
	const int64_t bursts[] = { 4 * MS, 6 * MS, 10 * MS };
	const struct job_line line = { .name = "PP",
				       .bursts_ns = bursts,
				       .bursts = 3 };
	static const struct slice slices[] = {
		{ 0, 0, 0, 1 * MS, SLICE_BLOCKED },
		{ 0, 0, 5 * MS, 8 * MS, SLICE_BLOCKED },
		{ 0, 0, 20 * MS, 25 * MS, SLICE_BLOCKED },
		{ 0, 0, 28 * MS, 33 * MS, SLICE_FINISHED },
	};
	static const enum state states[] = { RUNS,  WAITS, RUNS,  WAITS,
					     READY, RUNS,  WAITS, RUNS };
	static const int64_t ends[] = { 1, 5, 8, 14, 20, 25, 28, 33 };
	struct jobs jobs = chart_jobs(&line, 1);
	struct history history = chart_history(&jobs, 1, slices, 4);

	check_life(&jobs, &history, states, ends, 8);
	history_free(&history);
	jobs_free(&jobs);
}
END_TEST

// One block an I/O: then each is the next one, however much less the work took
// than the file says.
START_TEST(chart_takes_ios_in_their_order)
{
	const int64_t bursts[] = { 10 * MS, 2 * MS, 10 * MS, 3 * MS, 10 * MS };
	const struct job_line line = { .name = "PP",
				       .bursts_ns = bursts,
				       .bursts = 5 };
	static const struct slice slices[] = {
		{ 0, 0, 0, 2 * MS, SLICE_BLOCKED },
		{ 0, 0, 10 * MS, 17 * MS, SLICE_BLOCKED },
		{ 0, 0, 30 * MS, 36 * MS, SLICE_FINISHED },
	};
	static const enum state states[] = { RUNS,  WAITS, READY, RUNS,
					     WAITS, READY, RUNS };
	static const int64_t ends[] = { 2, 4, 10, 17, 20, 30, 36 };
	struct jobs jobs = chart_jobs(&line, 1);
	struct history history = chart_history(&jobs, 1, slices, 3);

	check_life(&jobs, &history, states, ends, 7);
	history_free(&history);
	jobs_free(&jobs);
}
END_TEST

// A mark needs a column beside it: slices of one, two and three columns. And the
// 4 ms before the first job are part of the picture.
START_TEST(chart_marks_where_there_is_room)
{
	const int64_t bursts[] = { 36 * MS };
	const struct job_line line = { .name = "MM",
				       .arrival_ns = 4 * MS,
				       .bursts_ns = bursts,
				       .bursts = 1 };
	static const struct slice slices[] = {
		{ 0, 0, 4 * MS, 5 * MS, SLICE_EXPIRED },
		{ 0, 0, 6 * MS, 8 * MS, SLICE_EXPIRED },
		{ 0, 0, 9 * MS, 12 * MS, SLICE_EXPIRED },
		{ 0, 0, 13 * MS, 36 * MS, SLICE_FINISHED },
	};
	struct jobs jobs = chart_jobs(&line, 1);
	struct history history = chart_history(&jobs, 1, slices, 4);
	const struct chart chart = { .history = &history };

	chart_expect(chart_gantt(&chart_ascii40, &jobs, &chart, 1),
		     "MM      #.#|.##|.######################]\n"
		     "    +---------+---------+---------+-----\n"
		     "    0 ms      10        20        30\n"
		     "# runs  . ready  | quantum over  ] done\n");
	history_free(&history);
	jobs_free(&jobs);
}
END_TEST

START_TEST(chart_begins_late_where_jobs_do)
{
	const int64_t bursts[] = { 36 * MS };
	const struct job_line line = { .name = "XX",
				       .bursts_ns = bursts,
				       .bursts = 1,
				       .arrival_ns = 1000 * MS };
	static const struct slice slice = { 0, 0, 1000 * MS, 1036 * MS,
					    SLICE_FINISHED };
	struct jobs jobs = chart_jobs(&line, 1);
	struct history history = chart_history(&jobs, 1, &slice, 1);
	const struct chart chart = { .history = &history };

	chart_expect(chart_gantt(&chart_ascii40, &jobs, &chart, 1),
		     "XX  ###################################]\n"
		     "    +---------+---------+---------+-----\n"
		     "    1000 ms   1010      1020      1030\n"
		     "# runs  ] done\n");
	history_free(&history);
	jobs_free(&jobs);
}
END_TEST

// ## Tables

START_TEST(chart_table_of_a_small_history)
{
	static const struct canvas wide = { .columns = 80 };
	THREE_JOBS;
	struct history history = chart_history(&jobs, 1, chart_three_slices, 7);

	chart_expect(
		chart_table(&wide, &jobs, &history, 2),
		"job   arrival  CPU  response  turnaround  waiting  switches\n"
		"AA          0   18         0          36       18         3\n"
		"BB          2    8         4          22        6         2\n"
		"mean                    3.33       27.33    12.67      2.33\n"
		"(and 1 jobs more)\n"
		"\n"
		"times in ms; CPU busy 100 %; 83.3 jobs/s; fairness 0.98 "
		"(Jain);"
		" 7 switches\n");
	chart_expect(chart_table(&chart_ascii40, &jobs, &history, 3),
		     "job   resp.  turn.   wait   sw.\n"
		     "AA        0     36     18     3\n"
		     "BB        4     22      6     2\n"
		     "CC        6     24     14     2\n"
		     "mean   3.33  27.33  12.67  2.33\n"
		     "\n"
		     "times in ms; CPU busy 100 %;\n"
		     "83.3 jobs/s; fairness 0.98 (Jain);\n"
		     "7 switches\n");
	history_free(&history);
	jobs_free(&jobs);
}
END_TEST

// The largest numbers there are still fit.
START_TEST(chart_table_of_large_numbers)
{
	THREE_JOBS;
	struct measure measures[3];
	struct history history = { .cpus = 1024,
				   .jobs = 3,
				   .measures = measures,
				   .end_ns = INT64_MAX,
				   .busy_ns = INT64_MAX,
				   .switching_ns = INT64_MAX / 2,
				   .switches = UINT64_MAX };

	for (int i = 0; i < 3; i++)
		measures[i] = (struct measure){
			.response_ns = INT64_MAX - i,
			.turnaround_ns = INT64_MAX / (i + 1),
			.waiting_ns = INT64_MAX / (i + 2),
			.ran_ns = INT64_MAX,
			.switches = UINT32_MAX,
			.done = true,
		};
	char *table = chart_table(&chart_ascii40, &jobs, &history, 3);
	ck_assert_ptr_nonnull(table);
	chart_check_width(table, &chart_ascii40);
	assert_has(table, "4294967295");
	assert_has(table, "\nmean ");
	assert_has(table, "times in h");
	free(table);
	jobs_free(&jobs);
}
END_TEST

// ## Of all histories

static const struct policy *any_policy(struct random *random)
{
	uint32_t count = 0;

	while (policies[count])
		count++;
	return policies[random_below(random, count)];
}

// Some jobs, under some policy, on some CPUs.
void chart_any_history(struct random *random, struct jobs *jobs,
		       struct history *history)
{
	const struct generate generate = {
		.count = 1 + random_below(random, 12),
		.seed = random_next(random),
		.arrivals = random_below(random, 3),
		.load = 0.2 + 3 * random_unit(random),
		.cpus = 1 + (int)random_below(random, 3),
		.lengths = random_below(random, 5),
		.mean_ns = INT64_C(1000) << random_below(random, 33),
		.io = random_unit(random),
	};
	const struct simulation simulation = {
		.cpus = generate.cpus,
		.keep_slices = true,
		.switch_cost_ns = random_below(random, 3) == 0
					  ? 1 + generate.mean_ns / 9
					  : 0,
	};
	struct policy_settings settings = policy_defaults(random);

	settings.quantum_ns = 1 +
			      generate.mean_ns / (1 + random_below(random, 20));
	for (int i = 0; i < settings.levels; i++)
		settings.level_quantum_ns[i] = settings.quantum_ns << i;
	settings.boost_ns = 20 * generate.mean_ns;
	settings.ageing_ns = generate.mean_ns;
	ck_assert_int_eq(jobs_generate(jobs, &generate), 0);
	ck_assert_int_eq(simulate(&simulation, any_policy(random), &settings,
				  jobs, history),
			 0);
}

void chart_check_width(const char *picture, const struct canvas *canvas)
{
	char *copy = strdup(picture), *rest = copy, *line;

	ck_assert_ptr_nonnull(copy);
	while ((line = strsep(&rest, "\n")))
		ck_assert_msg(text_columns(line) <= canvas->columns,
			      "%d columns on %d:\n%s", text_columns(line),
			      canvas->columns, picture);
	for (const char *c = picture; *c && !canvas->utf8; c++)
		ck_assert_msg(*c == '\n' || (*c >= ' ' && *c <= '~'),
			      "not ASCII:\n%s", picture);
	free(copy);
}

START_TEST(chart_never_wider_than_the_canvas)
{
	struct random random = { 1 };
	int rounds = soaking() ? 200 : 4;

	for (int round = 0; round < rounds; round++) {
		struct jobs jobs = { 0 };
		struct history history;
		chart_any_history(&random, &jobs, &history);
		const struct chart charts[] = {
			{ .title = "a long title, longer than forty columns",
			  .history = &history },
			{ .history = &history },
		};
		const struct compared rows[] = {
			{ "priority-preemptive", history_summary(&history) },
			{ "rr", history_summary(&history) },
		};
		for (int columns = 40; columns <= 200; columns++) {
			const struct canvas canvas = {
				columns, (columns + round) % 2 == 0, false
			};
			char *pictures[] = {
				chart_gantt(&canvas, &jobs, charts, 2),
				chart_table(&canvas, &jobs, &history, 99),
				chart_comparison(&canvas, rows, 2),
			};
			for (int i = 0; i < 3; i++) {
				ck_assert_ptr_nonnull(pictures[i]);
				chart_check_width(pictures[i], &canvas);
				free(pictures[i]);
			}
		}
		history_free(&history);
		jobs_free(&jobs);
	}
}
END_TEST

// How much of these columns (from may be a fraction) the job ran.
static double ran_within(const struct history *history, int job, double from,
			 double to, double ns_a_column)
{
	double ran = 0;

	for (size_t i = 0; i < history->slice_count; i++) {
		const struct slice *s = &history->slices[i];
		double begin = (double)s->begin_ns / ns_a_column;
		double end = (double)s->end_ns / ns_a_column;
		begin = begin > from ? begin : from;
		end = end < to ? end : to;
		if (s->job == job && end > begin)
			ran += end - begin;
	}
	return ran;
}

// Borders are rounded to the nearest column, so a sign of running stands where
// the job ran within half a column at least, a column that was all its own has
// one, and no more whole columns stand above each other than there are CPUs.
static void check_signs(const struct jobs *jobs, const struct history *history,
			const char *picture, int columns)
{
	char name[JOB_NAME_BYTES];
	int label = 2, whole[256] = { 0 };
	const char *line = picture;

	for (size_t j = 0; j < jobs->count; j++) {
		int own = text_columns(job_name(jobs, (int)j, name));
		label = own + 2 > label ? own + 2 : label;
	}
	int plot = columns - label;
	double scale = (double)history->end_ns / plot;
	for (size_t j = 0; j < jobs->count; j++) {
		int length = (int)strcspn(line, "\n");
		for (int c = 0; c < plot; c++) {
			char sign = c + label < length ? line[c + label] : ' ';
			bool part = sign == '-' || sign == '=';
			bool runs = !strchr(" .~", sign);
			double near = ran_within(history, (int)j, c - 0.51,
						 c + 1.51, scale);
			double here = ran_within(history, (int)j, c, c + 1.0,
						 scale);
			ck_assert_msg(!runs || near > 0,
				      "job %zu, column %d: '%c', and it did "
				      "not run:\n%s",
				      j, c, sign, picture);
			ck_assert_msg(runs || here < 1 - 1e-6,
				      "job %zu, column %d: '%c', and it did "
				      "run:\n%s",
				      j, c, sign, picture);
			ck_assert_msg(!part || here < 1 - 1e-6,
				      "job %zu, column %d: '%c', and it ran "
				      "all of it:\n%s",
				      j, c, sign, picture);
			ck_assert_msg(!part || (sign == '=') == (here >= 0.5) ||
					      fabs(here - 0.5) < 1e-6,
				      "job %zu, column %d: '%c', and it ran "
				      "%.2f:\n%s",
				      j, c, sign, here, picture);
			whole[c] += runs && !part;
		}
		line += length + 1;
	}
	for (int c = 0; c < plot; c++)
		ck_assert_msg(whole[c] <= history->cpus, "column %d:\n%s", c,
			      picture);
}

START_TEST(chart_shows_only_who_ran)
{
	struct random random = { 2 };
	int rounds = soaking() ? 3000 : 150;

	for (int round = 0; round < rounds; round++) {
		struct jobs jobs = { 0 };
		struct history history;
		const struct canvas canvas = {
			.columns = 40 + (int)random_below(&random, 160)
		};
		chart_any_history(&random, &jobs, &history);
		const struct chart chart = { .history = &history };
		char *picture = chart_gantt(&canvas, &jobs, &chart, 1);
		ck_assert_ptr_nonnull(picture);
		// Where the scale does not begin at 0, the axis says so
		const char *axis = strstr(picture, "+--");
		ck_assert_ptr_nonnull(axis);
		const char *first = strchr(axis, '\n') + 1;
		if (!strncmp(first + strspn(first, " "), "0 ", 2))
			check_signs(&jobs, &history, picture, canvas.columns);
		free(picture);
		history_free(&history);
		jobs_free(&jobs);
	}
}
END_TEST

Suite *chart_suite(void)
{
	Suite *suite = suite_create("chart");
	TCase *tests = tcase_create("chart");

	suite_add_tcase(suite, tests);
	tcase_add_test(tests, chart_draws_each_state);
	tcase_add_test(tests, chart_colours_change_nothing_else);
	tcase_add_test(tests, chart_draws_several_on_one_scale);
	tcase_add_test(tests, chart_shows_shares_where_slices_are_short);
	tcase_add_test(tests, chart_finds_the_io_among_blocks);
	tcase_add_test(tests, chart_takes_ios_in_their_order);
	tcase_add_test(tests, chart_marks_where_there_is_room);
	tcase_add_test(tests, chart_begins_late_where_jobs_do);
	tcase_add_test(tests, chart_table_of_a_small_history);
	tcase_add_test(tests, chart_table_of_large_numbers);
	tcase_add_test(tests, chart_never_wider_than_the_canvas);
	tcase_add_test(tests, chart_shows_only_who_ran);
	add_chart_formats(tests);
	return suite;
}

// # Tests of sched/chart: JSON, SVG, names that mean something to them, and
// histories that were not finished

#define _GNU_SOURCE
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart_parts.h"
#include "random.h"

// ## JSON

static double number_at(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_number(value), "no number \"%s\"", key);
	return json_number_value(value);
}

START_TEST(chart_json_has_its_shape)
{
	THREE_JOBS;
	struct history history = chart_history(&jobs, 1, chart_three_slices, 7);
	json_t *object = chart_json("rr", &jobs, &history, 1e6);
	json_t *expected = json_loads(
		"{\"policy\": \"rr\", \"jobs\": ["
		"{\"name\": \"AA\", \"arrival\": 0, \"response\": 0,"
		" \"turnaround\": 36, \"waiting\": 18, \"switches\": 3},"
		"{\"name\": \"BB\", \"arrival\": 2, \"response\": 4,"
		" \"turnaround\": 22, \"waiting\": 6, \"switches\": 2},"
		"{\"name\": \"CC\", \"arrival\": 4, \"response\": 6,"
		" \"turnaround\": 24, \"waiting\": 14, \"switches\": 2}]}",
		0, NULL);

	ck_assert(object && expected);
	ck_assert_uint_eq(json_object_size(object), 4);
	ck_assert(json_equal(json_object_get(object, "jobs"),
			     json_object_get(expected, "jobs")));
	const json_t *averages = json_object_get(object, "averages");
	ck_assert_uint_eq(json_object_size(averages), 3);
	ck_assert_double_eq_tol(number_at(averages, "response"), 10 / 3.0,
				1e-9);
	ck_assert_double_eq_tol(number_at(averages, "turnaround"), 82 / 3.0,
				1e-9);
	ck_assert_double_eq_tol(number_at(averages, "waiting"), 38 / 3.0, 1e-9);
	const json_t *slices = json_object_get(object, "slices");
	ck_assert_uint_eq(json_array_size(slices), 7);
	json_t *fourth = json_loads("{\"job\": \"AA\", \"cpu\": 0, \"start\":"
				    " 16, \"end\": 20}",
				    0, NULL);
	ck_assert(json_equal(json_array_get(slices, 3), fourth));
	json_decref(fourth);
	json_decref(expected);
	json_decref(object);
	history_free(&history);
	jobs_free(&jobs);
}
END_TEST

// ## SVG
//
// Elements nest, attributes are quoted, & begins an entity: what is well formed,
// as far as this document uses XML 1.0.

struct xml {
	const char *at, *text;
	char open[16][16];
	int depth;
};

static void xml_expect(const struct xml *x, bool condition, const char *what)
{
	ck_assert_msg(condition, "%s at byte %td: %.60s", what, x->at - x->text,
		      x->at);
}

static void xml_text(struct xml *x, const char *end)
{
	for (; *x->at && !strchr(end, *x->at); x->at++) {
		unsigned char c = (unsigned char)*x->at;
		xml_expect(x, c >= ' ' || c == '\n', "a control");
		xml_expect(x, c != '<', "a <");
		if (c == '&')
			xml_expect(x,
				   !strncmp(x->at, "&amp;", 5) ||
					   !strncmp(x->at, "&lt;", 4) ||
					   !strncmp(x->at, "&gt;", 4) ||
					   !strncmp(x->at, "&quot;", 6) ||
					   !strncmp(x->at, "&apos;", 6),
				   "a stray &");
	}
}

static void xml_name(struct xml *x, char name[16])
{
	size_t n = strspn(x->at, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ:-0123456789");

	xml_expect(x, n > 0 && n < 16, "no name");
	snprintf(name, 16, "%.*s", (int)n, x->at);
	x->at += n;
}

static void xml_tag(struct xml *x)
{
	char name[16];

	x->at++;
	if (*x->at == '/') {
		x->at++;
		xml_name(x, name);
		xml_expect(x,
			   x->depth > 0 && !strcmp(x->open[--x->depth], name),
			   "closes another");
	} else {
		xml_expect(x, x->depth < 16, "too deep");
		xml_name(x, x->open[x->depth++]);
		while (*x->at == ' ') {
			x->at++;
			xml_name(x, name);
			xml_expect(x, x->at[0] == '=' && x->at[1] == '\'',
				   "no quote");
			x->at += 2;
			xml_text(x, "'");
			xml_expect(x, *x->at == '\'', "no end of a value");
			x->at++;
		}
		if (*x->at == '/') {
			x->at++;
			x->depth--;
		}
	}
	xml_expect(x, *x->at == '>', "no >");
	x->at++;
}

static void check_svg(const char *svg)
{
	struct xml x = { .at = svg, .text = svg };
	const char *head = "<?xml version='1.0' encoding='UTF-8'?>\n<svg ";

	ck_assert(!strncmp(svg, head, strlen(head)));
	x.at = strchr(svg, '\n') + 1;
	for (bool first = true; *x.at && (first || x.depth > 0);
	     first = false) {
		if (*x.at == '<')
			xml_tag(&x);
		xml_text(&x, "<");
	}
	xml_expect(&x, x.depth == 0 && *x.at == '\0', "does not end");
}

START_TEST(chart_svg_is_well_formed)
{
	struct random random = { 3 };
	int rounds = soaking() ? 500 : 40;

	for (int round = 0; round < rounds; round++) {
		struct jobs jobs = { 0 };
		struct history history;
		chart_any_history(&random, &jobs, &history);
		const struct chart charts[] = {
			{ .title = "one", .history = &history },
			{ .title = "two", .history = &history },
		};
		char *svg = chart_svg(&jobs, charts, 1 + round % 2);
		ck_assert_ptr_nonnull(svg);
		check_svg(svg);
		assert_has(svg, "prefers-color-scheme:dark");
		assert_lacks(svg, "<script");
		assert_lacks(svg, "nan");
		assert_lacks(svg, "inf");
		// The namespace is the only address in it
		ck_assert_int_eq(occurrences(svg, "://"), 1);
		free(svg);
		history_free(&history);
		jobs_free(&jobs);
	}
}
END_TEST

// Names that mean something to XML, to JSON and to a terminal.
START_TEST(chart_escapes_names)
{
	const int64_t bursts[] = { 40 * MS };
	const struct job_line lines[] = {
		{ .name = "<b>&\"'", .bursts_ns = bursts, .bursts = 1 },
		{ .name = "\033[7m\001", .bursts_ns = bursts, .bursts = 1 },
		{ .name = "\xff\xc0z", .bursts_ns = bursts, .bursts = 1 },
		{ .name = "한글", .bursts_ns = bursts, .bursts = 1 },
	};
	struct jobs jobs = { 0 };
	if (jobs_make(&jobs, lines, 4) != 0) {
		// A table may refuse what no terminal should see
		jobs = chart_jobs(
			(const struct job_line[]){ lines[0], lines[3] }, 2);
	}
	struct slice slices[4];
	for (int i = 0; i < (int)jobs.count; i++)
		slices[i] = (struct slice){ i, 0, i * 40 * MS,
					    (i + 1) * 40 * MS, SLICE_FINISHED };
	struct history history = chart_history(&jobs, 1, slices, jobs.count);
	const struct chart chart = { .title = "a < b & c",
				     .history = &history };

	char *svg = chart_svg(&jobs, &chart, 1);
	check_svg(svg);
	assert_has(svg, "&lt;b&gt;&amp;&quot;&apos;");
	assert_has(svg, "a &lt; b &amp; c");
	assert_has(svg, "한글");
	free(svg);
	json_t *object = chart_json("fifo", &jobs, &history, 1e6);
	ck_assert_ptr_nonnull(object);
	char *text = json_dumps(object, 0);
	assert_has(text, "<b>&\\\"'");
	free(text);
	json_decref(object);
	char *picture = chart_gantt(&chart_ascii40, &jobs, &chart, 1);
	chart_check_width(picture, &chart_ascii40);
	assert_has(picture, "<b>&\"'  ####");
	assert_has(picture, "????    ");
	free(picture);
	picture = chart_table(&chart_ascii40, &jobs, &history, 4);
	chart_check_width(picture, &chart_ascii40);
	free(picture);
	history_free(&history);
	jobs_free(&jobs);
}
END_TEST

// ## Odd ones

// Nothing observed, jobs that are not done, slices of nobody and of no length.
START_TEST(chart_takes_what_was_not_finished)
{
	static const struct slice odd[] = {
		{ 0, 0, 0, 10 * MS, SLICE_PREEMPTED },
		{ 7, 0, 0, 5 * MS, SLICE_FINISHED },
		{ -1, 0, 0, 5 * MS, SLICE_FINISHED },
		{ 1, 0, 12 * MS, 12 * MS, SLICE_BLOCKED },
		{ 1, 0, 14 * MS, 13 * MS, SLICE_BLOCKED },
	};
	THREE_JOBS;
	struct measure measures[3] = { { .turnaround_ns = -1 } };
	struct slice slices[5];
	struct history history = { .cpus = 1,
				   .jobs = 3,
				   .measures = measures,
				   .slices = slices,
				   .slice_count = 5,
				   .end_ns = 36 * MS };
	const struct chart chart = { .history = &history };

	memcpy(slices, odd, sizeof odd);
	chart_expect(chart_gantt(&chart_ascii40, &jobs, &chart, 1),
		     "AA  #########!..........................\n"
		     "BB    ..................................\n"
		     "CC      ................................\n"
		     "    +---------+---------+---------+-----\n"
		     "    0 ms      10        20        30\n"
		     "# runs  . ready  ! preempted\n");
	char *table = chart_table(&chart_ascii40, &jobs, &history, 3);
	assert_has(table, "3 not finished");
	free(table);
	char *svg = chart_svg(&jobs, &chart, 1);
	check_svg(svg);
	free(svg);
	history.slice_count = 0;
	history.end_ns = 0;
	char *picture = chart_gantt(&chart_ascii40, &jobs, &chart, 1);
	chart_check_width(picture, &chart_ascii40);
	free(picture);
	jobs_free(&jobs);
}
END_TEST

void add_chart_formats(TCase *tests)
{
	tcase_add_test(tests, chart_json_has_its_shape);
	tcase_add_test(tests, chart_svg_is_well_formed);
	tcase_add_test(tests, chart_escapes_names);
	tcase_add_test(tests, chart_takes_what_was_not_finished);
}

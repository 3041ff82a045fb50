// The table "which mechanism when": that its figures are those of the result,
// that it says what it does not know and whose figures they are, and that it
// can be read anywhere.

#define _GNU_SOURCE
#include "bench_files.h"
#include "interrupt.h"

#include <ctype.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/channel/channel.h"

#define QUICK "--quick", "--time=100ms"
#define COLUMNS_OF_FIGURES "one_cpu", "two_cpus", "one_way"

// ## What the tests share

static json_t *parse_json(const char *text)
{
	json_error_t why;
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	ck_assert_msg(json != NULL, "%s in: %.300s", why.text, text);
	return json;
}

static struct outcome table_of(const char *format, const char *path)
{
	char option[40];
	snprintf(option, sizeof option, "--format=%s", format);
	struct outcome o = run(BENCH, "when", option, path, NULL);
	ck_assert_msg(o.exit == 0, "%s", o.err);
	ck_assert_str_eq(o.err, "");
	return o;
}

static json_t *json_of(const char *path)
{
	struct outcome o = table_of("json", path);
	json_t *json = parse_json(o.out);
	outcome_free(&o);
	return json;
}

// The row of a mechanism, and that all rows are there in their order.
static const json_t *row_of(const json_t *all, const char *name)
{
	const json_t *rows = json_object_get(all, "mechanisms"), *found = NULL;
	size_t i = 0;

	for (; channel_mechanisms[i]; i++) {
		const json_t *row = json_array_get(rows, i);
		const char *its =
			json_string_value(json_object_get(row, "name"));
		ck_assert_ptr_nonnull(its);
		ck_assert_str_eq(its, channel_mechanisms[i]->name);
		if (!strcmp(its, name))
			found = row;
	}
	ck_assert_uint_eq(json_array_size(rows), i);
	ck_assert_ptr_nonnull(found);
	return found;
}

static double median_of(const json_t *all, const char *name, const char *column)
{
	const json_t *median = json_object_get(
		json_object_get(row_of(all, name), column), "median");
	return json_is_number(median) ? json_number_value(median) : NAN;
}

// The words of the row in the text; one more than there are is "".
enum { WORDS = 10, WORD_BYTES = 64 };
static void words_of(char words[WORDS][WORD_BYTES], const char *text,
		     const char *name)
{
	char begin[64];
	snprintf(begin, sizeof begin, "\n%s ", name);
	const char *row = strstr(text, begin);
	ck_assert_msg(row != NULL, "no row of %s in:\n%s", name, text);
	row++;
	for (int i = 0; i < WORDS; i++) {
		row += strspn(row, " ");
		size_t n = strcspn(row, " \n");
		ck_assert_uint_lt(n, WORD_BYTES);
		snprintf(words[i], WORD_BYTES, "%.*s", (int)n, row);
		row += n;
	}
}

static void word_is(const char *text, const char *name, int word,
		    const char *expected)
{
	char words[WORDS][WORD_BYTES];
	words_of(words, text, name);
	ck_assert_msg(!strcmp(words[word], expected), "%s: %s instead of %s",
		      name, words[word], expected);
}

// A result in which the ring and the spinning flag cannot be told apart, nor the
// futex and the fifo, and all four surely beat the pipe.
static json_t *known(void)
{
	json_t *r = empty_result();

	add_case(r, "ipc/pipe/64B/same-cpu", "ns", 4000, 12, 12);
	add_case(r, "ipc/mqueue/64B/same-cpu", "ns", 3000, 10, 12);
	add_case(r, "ipc/pipe/64B/cross-core", "ns", 10000, 100, 12);
	add_case(r, "ipc/ring/64B/cross-core", "ns", 1000, 12, 12);
	add_case(r, "ipc/shm-spin/64B/cross-core", "ns", 1020, 12, 12);
	add_case(r, "ipc/shm-futex/64B/cross-core", "ns", 5000, 50, 12);
	add_case(r, "ipc/fifo/64B/cross-core", "ns", 5100, 50, 12);
	add_case(r, "ipc/signal/8B/cross-core", "ns", 100, 1, 12);
	add_case(r, "bandwidth/pipe/64KiB/cross-core", "B/s", 1e9, 1e7, 12);
	add_case(r, "bandwidth/ring/64KiB/cross-core", "B/s", 9e9, 1.2e7, 12);
	add_case(r, "bandwidth/mqueue/8KiB/cross-core", "B/s", 9e10, 1e7, 12);
	return r;
}

// ## The figures

START_TEST(when_figures_are_those_of_the_file)
{
	static const char *const carries[] = { "bytes", "messages", "events" };
	const char *path = save("known.json", known());
	json_t *all = json_of(path);

	ck_assert_double_eq(median_of(all, "pipe", "one_cpu"), 4066);
	ck_assert_double_eq(median_of(all, "mqueue", "one_cpu"), 3055);
	ck_assert_double_eq(median_of(all, "pipe", "two_cpus"), 10550);
	ck_assert_double_eq(median_of(all, "signal", "two_cpus"), 105.5);
	ck_assert_double_eq(median_of(all, "ring", "one_way"), 9.066e9);
	ck_assert(isnan(median_of(all, "ring", "one_cpu")));
	const json_t *cell = json_object_get(row_of(all, "ring"), "two_cpus");
	const json_t *interval = json_object_get(cell, "interval");
	ck_assert_double_eq(json_number_value(json_array_get(interval, 0)),
			    1012);
	ck_assert_double_eq(json_number_value(json_array_get(interval, 1)),
			    1078);
	ck_assert(json_is_true(json_object_get(cell, "stable")));
	json_decref(all);

	struct outcome o = table_of("text", path);
	for (size_t i = 0; channel_mechanisms[i]; i++) {
		const struct mechanism *m = channel_mechanisms[i];
		word_is(o.out, m->name, 1, carries[m->kind]);
		word_is(o.out, m->name, 3, m->meets);
		word_is(o.out, m->name, 4, m->tells_death ? "yes" : "no");
		word_is(o.out, m->name, 5, m->spins ? "spins" : "sleeps");
	}
	word_is(o.out, "pipe", 2, "any");
	word_is(o.out, "pipe", 6, "4.07");
	word_is(o.out, "pipe", 7, "10.6");
	word_is(o.out, "pipe", 8, "1055");
	word_is(o.out, "ring", 5, "spins");
	word_is(o.out, "ring", 6, "-");
	word_is(o.out, "ring", 7, "1.07");
	word_is(o.out, "ring", 8, "9066");
	word_is(o.out, "signal", 2, "8B");
	word_is(o.out, "signal", 7, "0.11*");
	word_is(o.out, "mqueue", 8, "90055*");
	contains(o.out, "of another size: signal 8B, mqueue 8KiB");
	outcome_free(&o);
}
END_TEST

// Said is what the intervals allow; what is of another size does not compete.
START_TEST(when_sentences_are_no_surer_than_the_intervals)
{
	json_t *r = known();
	json_t *all = json_of(save("known.json", json_deep_copy(r)));
	json_t *findings = json_object_get(all, "findings");
	ck_assert_uint_eq(json_array_size(findings), 3);
	const char *trip = json_string_value(json_array_get(findings, 1));
	const char *bytes = json_string_value(json_array_get(findings, 2));

	contains(trip, "For 64 B between two cores there: ring, 1.07 us a "
		       "round trip, and shm-spin not told apart from it; ");
	contains(trip, "where that may not be: shm-futex, 5.28 us, and fifo "
		       "not told apart from it");
	contains(bytes, "ring, 9.07 GB/s one way, ");
	lacks(bytes, "mqueue");
	json_decref(all);

	// wider intervals, and a pipe may be as fast as the ring
	json_array_clear(json_object_get(r, "cases"));
	add_case(r, "ipc/pipe/64B/cross-core", "ns", 1000, 100, 12);
	add_case(r, "ipc/ring/64B/cross-core", "ns", 990, 100, 12);
	all = json_of(save("wide.json", r));
	findings = json_object_get(all, "findings");
	contains(json_string_value(json_array_get(findings, 0)),
		 "nothing measured is surely faster than a pipe");
	json_decref(all);
	// what is not told apart is not called faster, whatever its rounds say
	r = empty_result();
	add_case(r, "ipc/pipe/64B/cross-core", "ns", 1000, 1, 12);
	json_object_set_new(add_case(r, "ipc/ring/64B/cross-core", "ns", 900, 1,
				     12),
			    "interval", json_pack("[i, i]", 905, 1005));
	all = json_of(save("meet.json", r));
	findings = json_object_get(all, "findings");
	contains(json_string_value(json_array_get(findings, 0)),
		 "nothing measured is surely faster than a pipe");
	json_decref(all);
	// a single round is sure of nothing
	r = empty_result();
	add_case(r, "ipc/pipe/64B/cross-core", "ns", 9000, 0, 1);
	add_case(r, "ipc/ring/64B/cross-core", "ns", 990, 0, 1);
	all = json_of(save("once.json", r));
	findings = json_object_get(all, "findings");
	contains(json_string_value(json_array_get(findings, 0)),
		 "nothing measured is surely faster than a pipe");
	json_decref(all);
}
END_TEST

START_TEST(when_the_nearest_size_is_taken)
{
	json_t *r = empty_result();

	add_case(r, "ipc/pipe/1KiB/same-cpu", "ns", 100, 1, 12);
	add_case(r, "ipc/pipe/1B/same-cpu", "ns", 200, 1, 12);
	add_case(r, "ipc/tcp/1KiB/same-cpu", "ns", 300, 1, 12);
	add_case(r, "ipc/udp/4KiB/same-cpu", "ns", 400, 1, 12);
	add_bare(r, "ipc/udp/64B/same-cpu", "skipped", "not today");
	add_case(r, "bandwidth/pipe/1MiB/same-cpu", "B/s", 1e9, 1, 12);
	add_case(r, "bandwidth/pipe/4KiB/same-cpu", "B/s", 2e9, 1, 12);
	struct outcome o = table_of("text", save("sizes.json", r));
	// 64 to 1,024 are four doublings, 1 to 64 six, 4 to 64 KiB four
	word_is(o.out, "pipe", 6, "0.11");
	word_is(o.out, "udp", 6, "0.41*");
	word_is(o.out, "pipe", 8, "1000");
	contains(o.out, "1 KiB there and as much back, on one CPU");
	contains(o.out, "1 MiB messages in a row, on one CPU");
	contains(o.out, "udp 4KiB");
	outcome_free(&o);
}
END_TEST

START_TEST(when_gaps_are_said)
{
	json_t *r = empty_result();

	add_case(r, "ipc/pipe/64B/smt", "ns", 1000, 1, 12);
	add_bare(r, "ipc/tcp/64B/smt", "failed", "byte 3 is lost");
	add_bare(r, "ipc/udp/64B/smt", "skipped", "no \x1b[31m network");
	add_case(r, "ipc/telepathy/64B/smt", "ns", 1, 1, 12);
	add_case(r, "ipc/ring/64B/beyond", "ns", 1, 1, 12);
	const char *path = save("gaps.json", r);
	struct outcome o = table_of("text", path);

	word_is(o.out, "pipe", 6, "-");
	word_is(o.out, "pipe", 7, "1.01");
	word_is(o.out, "tcp", 7, "-");
	contains(o.out, "tcp      not measured: byte 3 is lost");
	contains(o.out, "udp      not measured: no ?[31m network");
	contains(o.out, "between two hardware threads of a core");
	contains(o.out, "one way  was not measured");
	lacks(o.out, "telepathy");
	outcome_free(&o);
	json_t *all = json_of(path);
	ck_assert(
		json_is_null(json_object_get(row_of(all, "pipe"), "one_cpu")));
	contains(json_string_value(json_object_get(
			 json_object_get(row_of(all, "tcp"), "two_cpus"),
			 "failed")),
		 "byte 3");
	json_decref(all);
}
END_TEST

START_TEST(when_a_run_was_cut_short)
{
	json_t *r = known();

	json_object_set_new(r, "interrupted", json_true());
	add_bare(r, "ipc/tcp/64B/cross-core", "skipped", "it ended before");
	add_bare(r, "ipc/udp/64B/cross-core", "failed", "byte 3 is lost");
	struct outcome o = table_of("text", save("cut.json", r));
	contains(o.out, "interrupted");
	contains(o.out, "udp      not measured: byte 3 is lost");
	lacks(o.out, "it ended before");
	outcome_free(&o);
}
END_TEST

START_TEST(when_workers_were_not_pinned)
{
	json_t *r = empty_result();
	add_case(r, "ipc/pipe/64B/anywhere", "ns", 1000, 1, 12);
	struct outcome o = table_of("text", save("anywhere.json", r));
	word_is(o.out, "pipe", 7, "1.01");
	contains(o.out, "wherever the scheduler puts them");
	outcome_free(&o);
}
END_TEST

START_TEST(when_a_file_has_nothing_to_tell)
{
	json_t *r = empty_result();
	add_case(r, "floor/syscall/0B/same-cpu", "ns", 100, 1, 12);
	const char *path = save("floor.json", r);
	struct outcome o = run(BENCH, "when", path, NULL);

	ck_assert_int_eq(o.exit, 1);
	contains(o.err, path);
	contains(o.err, "no round trips and no bandwidths");
	word_is(o.out, "pipe", 8, "-");
	outcome_free(&o);
}
END_TEST

START_TEST(when_an_unstable_figure_is_marked)
{
	json_t *r = known();
	json_t *cases = json_object_get(r, "cases");
	json_object_set_new(json_array_get(cases, 0), "stable", json_false());
	json_object_set_new(json_array_get(cases, 7), "stable", json_false());
	const char *path = save("restless.json", r);
	struct outcome o = table_of("text", path);
	word_is(o.out, "pipe", 6, "4.07~");
	word_is(o.out, "signal", 7, "0.11~*");
	contains(o.out, "the rounds disagree");
	outcome_free(&o);
	o = table_of("markdown", path);
	contains(o.out, "| 4.07~ (4.01 - 4.08) |");
	contains(o.out, "| 0.11~ (0.10 - 0.11) at 8B |");
	outcome_free(&o);
}
END_TEST

// Sets what a case says to three rounds, given in their order, and to what
// follows from them: the interval of so few is as wide as they are.
static void three_rounds(json_t *c, double low, double median, double high)
{
	json_object_set_new(c, "rounds",
			    json_pack("[f, f, f]", low, median, high));
	json_object_set_new(c, "median", json_real(median));
	json_object_set_new(c, "interval", json_pack("[f, f]", low, high));
}

static void finding_is(const char *path, const char *expected)
{
	json_t *all = json_of(path);
	json_t *findings = json_object_get(all, "findings");
	ck_assert_uint_eq(json_array_size(findings), 1);
	ck_assert_str_eq(json_string_value(json_array_get(findings, 0)),
			 expected);
	json_decref(all);
}

// The ring's median is the best, but its rounds reach down to the pipe's. The
// socket behind it is faster than a pipe for sure.
START_TEST(when_one_restless_case_hides_no_other)
{
	static const char *const names[] = {
		"bandwidth/ring/64KiB/cross-core",
		"bandwidth/unix-seqpacket/64KiB/cross-core",
		"bandwidth/pipe/64KiB/cross-core",
		"bandwidth/fifo/64KiB/cross-core",
	};
	json_t *r = empty_result(), *cases[4];
	for (int i = 0; i < 4; i++)
		cases[i] = add_case(r, names[i], "B/s", 1e9, 0, 3);
	three_rounds(cases[0], 0.5e9, 8.2e9, 9.0e9);
	three_rounds(cases[1], 4.0e9, 4.2e9, 4.3e9);
	three_rounds(cases[2], 0.55e9, 0.55e9, 0.55e9);
	three_rounds(cases[3], 0.5e9, 0.5e9, 0.5e9);
	finding_is(save("hides.json", json_deep_copy(r)),
		   "For 64 KiB between two cores there: unix-seqpacket, "
		   "4.20 GB/s one way, 7.27 to 7.82 times a pipe's; ring, "
		   "faster in the median, is not told apart from a pipe.");

	// without the restless rounds it is the ring again
	three_rounds(cases[0], 8.0e9, 8.2e9, 9.0e9);
	three_rounds(cases[2], 0.5e9, 0.5e9, 0.5e9);
	finding_is(save("calm.json", json_deep_copy(r)),
		   "For 64 KiB between two cores there: ring, 8.20 GB/s one "
		   "way, 16.0 to 18.0 times a pipe's (it keeps its CPU busy "
		   "while it waits; where that may not be: unix-seqpacket, "
		   "4.20 GB/s).");

	// those that sleep hide each other no more than all do
	three_rounds(cases[3], 0.4e9, 7.0e9, 7.1e9);
	finding_is(save("asleep.json", json_deep_copy(r)),
		   "For 64 KiB between two cores there: ring, 8.20 GB/s one "
		   "way, 16.0 to 18.0 times a pipe's (it keeps its CPU busy "
		   "while it waits; where that may not be: unix-seqpacket, "
		   "4.20 GB/s; fifo, faster in the median, is not told apart "
		   "from a pipe).");

	// and none is made up: all reach down to the pipe, or are slower
	three_rounds(cases[0], 0.5e9, 8.2e9, 9.0e9);
	three_rounds(cases[1], 0.1e9, 0.2e9, 0.3e9);
	finding_is(save("none.json", r),
		   "For 64 KiB between two cores there: nothing measured is "
		   "surely faster than a pipe, 500 MB/s one way.");
}
END_TEST

START_TEST(when_too_few_rounds_are_said)
{
	json_t *r = empty_result();
	add_case(r, "ipc/pipe/64B/same-cpu", "ns", 1000, 1, 3);
	add_case(r, "ipc/ring/64B/cross-core", "ns", 1000, 1, 3);
	struct outcome o = table_of("text",
				    save("few.json", json_deep_copy(r)));
	contains(o.out,
		 "\nrounds   3 each, too few to tell whether they agree\n");
	outcome_free(&o);
	o = table_of("markdown", path_of("few.json"));
	contains(o.out, "\n- `rounds`: 3 each, too few to tell");
	outcome_free(&o);

	add_case(r, "ipc/fifo/64B/same-cpu", "ns", 1000, 1, 2);
	o = table_of("text", save("fewer.json", json_deep_copy(r)));
	contains(o.out, "\nrounds   2 to 3 each, too few to tell");
	outcome_free(&o);

	// what has no figure has no rounds to speak of
	add_case(r, "ipc/tcp/64B/same-cpu", "ns", 1000, 1, 4);
	add_bare(r, "ipc/udp/64B/same-cpu", "failed", "byte 3 is lost");
	o = table_of("text", save("some.json", r));
	contains(o.out, "\nrounds   3 of the 4 figures are of fewer than 4");
	outcome_free(&o);

	r = empty_result();
	add_case(r, "ipc/tcp/64B/same-cpu", "ns", 1000, 1, 4);
	add_bare(r, "ipc/udp/64B/same-cpu", "failed", "byte 3 is lost");
	o = table_of("text", save("enough.json", r));
	lacks(o.out, "too few");
	outcome_free(&o);
}
END_TEST

// ## Whose figures they are

static void says(const json_t *all, const char *field, const char *what)
{
	const char *text = json_string_value(json_object_get(all, field));
	ck_assert_ptr_nonnull(text);
	contains(text, what);
}

START_TEST(when_another_machine_is_said)
{
	json_t *all = json_of(save("known.json", known()));
	says(all, "source",
	     "Test CPU, 2 CPUs, Linux 6.1.0; measured 2025-01-01T00:00:00Z");
	says(all, "differs", "That is another machine than this one");
	says(all, "differs", "cpu_model Test CPU, here");
	ck_assert(json_is_true(json_object_get(all, "elsewhere")));
	json_decref(all);
	struct outcome o = table_of("text", path_of("known.json"));
	contains(o.out, "Test CPU");
	contains(o.out, "That is another machine than this one");
	outcome_free(&o);
}
END_TEST

// The environment of this machine, as a run tells it.
static json_t *environment_of_here(void)
{
	struct outcome o = run(BENCH, "run", "--time=100ms", "--format=json",
			       "floor/call", NULL);
	ck_assert_int_eq(o.exit, 0);
	json_t *result = parse_json(o.out);
	json_t *environment =
		json_incref(json_object_get(result, "environment"));
	json_decref(result);
	outcome_free(&o);
	return environment;
}

START_TEST(when_this_machine_and_what_changed_on_it)
{
	json_t *r = known(), *here = environment_of_here();

	json_object_set(r, "environment", here);
	json_t *all = json_of(save("here.json", json_deep_copy(r)));
	ck_assert(json_is_false(json_object_get(all, "elsewhere")));
	ck_assert_str_eq(json_string_value(json_object_get(all, "differs")),
			 "");
	contains(json_string_value(
			 json_array_get(json_object_get(all, "findings"), 1)),
		 "between two cores here: ring");
	json_decref(all);
	json_object_set_new(here, "kernel", json_string("2.6.32 #1"));
	all = json_of(save("old.json", r));
	says(all, "differs",
	     "It is different here now: kernel 2.6.32 #1, here ");
	ck_assert(json_is_false(json_object_get(all, "elsewhere")));
	json_decref(all);
	json_decref(here);
}
END_TEST

// ## To be read anywhere

START_TEST(when_fits_every_width)
{
	static const int widths[] = { 40, 60, 80, 100, 140, 200 };
	char command[400];
	const char *path = save("w.json", known());

	for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
		snprintf(command, sizeof command,
			 "LC_ALL=C COLUMNS=%d $B/bench/bench when %s",
			 widths[w], path);
		struct outcome o = run_shell(command);
		ck_assert_msg(o.exit == 0, "%s", o.err);
		for (size_t i = 0; channel_mechanisms[i]; i++) {
			char word[16];
			const char *when = channel_mechanisms[i]->when;
			snprintf(word, sizeof word, "%.*s",
				 (int)strcspn(when, " "), when);
			contains(o.out, channel_mechanisms[i]->name);
			contains(o.out, word);
		}
		for (char *line = strtok(o.out, "\n"); line;
		     line = strtok(NULL, "\n")) {
			size_t n = strlen(line);
			ck_assert_msg(n <= (size_t)widths[w], "%zu of %d: %s",
				      n, widths[w], line);
			ck_assert_msg(line[n - 1] != ' ', "ends in blanks: %s",
				      line);
		}
		outcome_free(&o);
	}
}
END_TEST

START_TEST(when_a_stranger_writes_no_markup)
{
	json_t *r = known();
	json_t *environment = json_object_get(r, "environment");
	json_object_set_new(environment, "cpu_model",
			    json_string("C<b>|`x` \x1b[2J caf\xc3\xa9"));
	const char *path = save("odd.json", r);

	struct outcome o = table_of("markdown", path);
	contains(o.out, "C\\<b\\>\\|\\`x\\` ?\\[2J caf\xc3\xa9");
	outcome_free(&o);
	char command[300];
	snprintf(command, sizeof command, "LC_ALL=C $B/bench/bench when %s",
		 path);
	o = run_shell(command);
	ck_assert_int_eq(o.exit, 0);
	for (const char *c = o.out; *c; c++)
		ck_assert_msg(*c == '\n' || (*c >= ' ' && *c <= '~'),
			      "byte %d in: %s", *c, o.out);
	outcome_free(&o);
}
END_TEST

// Whatever is cut, is not cut within a character.
START_TEST(when_texts_are_long)
{
	static const char *const fields[] = { "cpu_model", "kernel",
					      "hypervisor", "date" };
	char text[4000];

	for (size_t shift = 0; shift < 3; shift++) {
		json_t *r = known();
		memset(text, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof text; i += 3)
			memcpy(text + i, "\xea\xb0\x80", 4);
		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
			json_object_set_new(json_object_get(r, "environment"),
					    fields[i], json_string(text));
		json_t *all = json_of(save("long.json", r));
		says(all, "source", "from ");
		says(all, "differs", "The limits are of this one.");
		json_decref(all);
	}
}
END_TEST

// A heading, a rule and the rows in their order, all of as many cells.
START_TEST(when_markdown_is_a_table)
{
	struct outcome o = table_of("markdown", save("m.json", known()));
	char *rest = o.out, begin[64];

	for (int row = -2; row < 0 || channel_mechanisms[row]; row++) {
		char *line = strsep(&rest, "\n");
		int bars = 0;
		for (const char *c = line; *c; c++)
			bars += *c == '|' && (c == line || c[-1] != '\\');
		ck_assert_msg(bars == 11 && *line == '|' &&
				      line[strlen(line) - 1] == '|',
			      "%d bars: %s", bars, line);
		if (row >= 0) {
			snprintf(begin, sizeof begin, "| `%s` | ",
				 channel_mechanisms[row]->name);
			contains(line, begin);
			contains(line, channel_mechanisms[row]->when);
		}
	}
	ck_assert_int_eq(*rest, '\n');
	contains(rest, "95 % interval of the median");
	outcome_free(&o);
}
END_TEST

START_TEST(when_output_fails)
{
	char command[600];
	const char *path = save("w.json", known());
	static const char *const formats[] = { "text", "markdown", "json" };

	for (int i = 0; i < 3; i++) {
		snprintf(command, sizeof command,
			 "$B/bench/bench when --format=%s %s >/dev/full",
			 formats[i], path);
		struct outcome o = run_shell(command);
		ck_assert_int_eq(o.exit, 1);
		ck_assert_ptr_nonnull(strchr(o.err, '\n'));
		ck_assert_str_eq(strchr(o.err, '\n'), "\n");
		outcome_free(&o);
	}
	// the reader is gone before the first byte
	snprintf(command, sizeof command,
		 "mkfifo %s/f; exec 3<>%s/f; { read x <%s/f;"
		 " $B/bench/bench when %s; } | { exec <&-; echo go >&3; }",
		 folder, folder, folder, path);
	struct outcome o = run_shell(command);
	ck_assert_str_eq(o.err, "");
	ck_assert_str_eq(o.out, "");
	outcome_free(&o);
}
END_TEST

static const struct {
	const char *arguments, *says;
} bad_usage_of_when[] = {
	{ "--format=xml", "text, markdown or json" },
	{ "--format=", "--format=" },
	{ "--time=fast", "--time=fast" },
	{ "--nonsense", "--nonsense" },
	{ "a.json b.json", "one result file" },
	{ "--quick a.json", "nothing is measured" },
	{ "a.json --time=1s", "nothing is measured" },
	{ "--json=b.json a.json", "nothing is measured" },
};

START_TEST(when_bad_usage)
{
	char command[200];
	snprintf(command, sizeof command, "$B/bench/bench when %s",
		 bad_usage_of_when[_i].arguments);
	struct outcome o = run_shell(command);
	ck_assert_int_eq(o.exit, 2);
	ck_assert_str_eq(o.out, "");
	contains(o.err, bad_usage_of_when[_i].says);
	outcome_free(&o);
}
END_TEST

START_TEST(when_help_has_an_example)
{
	struct outcome o = run(BENCH, "when", "--help", NULL);
	ck_assert_int_eq(o.exit, 0);
	contains(o.out, "Examples:");
	outcome_free(&o);
	o = run(BENCH, "--help", NULL);
	contains(o.out, "\n  when ");
	outcome_free(&o);
}
END_TEST

// ## Measuring

static bool has_case(const json_t *result, const char *name)
{
	size_t i;
	json_t *c;
	json_array_foreach(
		json_object_get(result, "cases"), i,
		c) if (!strcmp(json_string_value(json_object_get(c, "name")),
			       name)) return true;
	return false;
}

// What is printed is what the file keeps, and the file gives the same table.
START_TEST(when_a_run_from_end_to_end)
{
	static const char *const columns[] = { COLUMNS_OF_FIGURES };
	char option[200];
	const char *path = path_of("run.json");
	snprintf(option, sizeof option, "--json=%s", path);
	struct outcome o = run(BENCH, "when", QUICK, "--format=json", option,
			       NULL);
	ck_assert_msg(o.exit == 0, "%s", o.err);
	ck_assert_str_eq(o.err, "");
	json_t *said = parse_json(o.out), *again = json_of(path);
	char *text = load_text(path);
	json_t *result = parse_json(text);

	for (size_t i = 0; channel_mechanisms[i]; i++) {
		const struct mechanism *m = channel_mechanisms[i];
		const json_t *row = row_of(said, m->name);
		bool missing = json_is_string(json_object_get(row, "missing"));
		ck_assert_msg(missing ||
				      median_of(said, m->name, "one_cpu") > 0,
			      "%s was not measured", m->name);
		bool one_way = m->queues && m->kind != CHANNEL_EVENT;
		ck_assert_msg(missing ||
				      one_way == !isnan(median_of(said, m->name,
								  "one_way")),
			      "%s one way", m->name);
		for (int k = 0; k < 3; k++) {
			json_t *cell = json_object_get(row, columns[k]);
			const char *name = json_string_value(
				json_object_get(cell, "case"));
			double was = median_of(said, m->name, columns[k]);
			double is = median_of(again, m->name, columns[k]);
			ck_assert(!name || has_case(result, name));
			ck_assert_msg((isnan(was) && isnan(is)) ||
					      fabs(is / was - 1) < 1e-6,
				      "%s: %g, again %g", m->name, was, is);
		}
	}
	ck_assert(!json_is_true(json_object_get(again, "elsewhere")));
	json_decref(said);
	json_decref(again);
	json_decref(result);
	free(text);
	outcome_free(&o);
}
END_TEST

static const char *const interrupted[] = { BENCH, "when", QUICK, NULL };

START_TEST(when_sigint_at_any_moment)
{
	interrupt_at_moments(interrupted, SIGINT, soaking() ? 20 : 2);
}
END_TEST

START_TEST(when_ctrl_c_ends_with_a_table)
{
	struct outcome o = run_shell(
		"timeout --preserve-status -s INT 2 $B/bench/bench when"
		" --time=1h --format=json; echo status $? >&2");
	json_t *all = parse_json(o.out);
	contains(o.err, "status 130");
	says(all, "source", "interrupted");
	row_of(all, "uring");
	json_decref(all);
	outcome_free(&o);
}
END_TEST

void add_bench_when_tests(Suite *suite)
{
	TCase *tests = tcase_create("when"), *runs = tcase_create("when runs");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, make_folder, remove_folder);
	tcase_add_test(tests, when_figures_are_those_of_the_file);
	tcase_add_test(tests, when_sentences_are_no_surer_than_the_intervals);
	tcase_add_test(tests, when_the_nearest_size_is_taken);
	tcase_add_test(tests, when_gaps_are_said);
	tcase_add_test(tests, when_a_run_was_cut_short);
	tcase_add_test(tests, when_workers_were_not_pinned);
	tcase_add_test(tests, when_a_file_has_nothing_to_tell);
	tcase_add_test(tests, when_an_unstable_figure_is_marked);
	tcase_add_test(tests, when_one_restless_case_hides_no_other);
	tcase_add_test(tests, when_too_few_rounds_are_said);
	tcase_add_test(tests, when_another_machine_is_said);
	tcase_add_test(tests, when_this_machine_and_what_changed_on_it);
	tcase_add_test(tests, when_fits_every_width);
	tcase_add_test(tests, when_a_stranger_writes_no_markup);
	tcase_add_test(tests, when_texts_are_long);
	tcase_add_test(tests, when_markdown_is_a_table);
	tcase_add_test(tests, when_output_fails);
	tcase_add_loop_test(tests, when_bad_usage, 0,
			    sizeof bad_usage_of_when /
				    sizeof *bad_usage_of_when);
	tcase_add_test(tests, when_help_has_an_example);
	suite_add_tcase(suite, tests);

	tcase_set_timeout(runs, soaking() ? 3600 : 240);
	tcase_add_checked_fixture(runs, make_folder, remove_folder);
	tcase_add_test(runs, when_a_run_from_end_to_end);
	tcase_add_test(runs, when_sigint_at_any_moment);
	tcase_add_test(runs, when_ctrl_c_ends_with_a_table);
	suite_add_tcase(suite, runs);
}

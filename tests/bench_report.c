// The HTML page of the benchmark: complete, well-formed, alone, and not to be
// taken over by what a result file says.

#define _GNU_SOURCE
#include "bench_files.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_gnuplot(void)
{
	struct outcome o = run_shell("command -v gnuplot");
	bool has = o.exit == 0;
	outcome_free(&o);
	return has;
}

// The page about a result; the file is taken.
static char *report_of(json_t *result)
{
	const char *path = save("result.json", result);
	const char *page = path_of("result.html");
	struct outcome o = run(BENCH, "report", path, NULL);

	ck_assert_msg(o.exit == 0, "%s", o.err);
	ck_assert_str_eq(o.err, "");
	contains(o.out, page);
	outcome_free(&o);
	return load_text(page);
}

// ## Well-formed: a small judge of our own, and xmllint where there is one

struct judge {
	char open[64][24]; // elements that are open
	int depth;
};

static void end_tag(struct judge *judge, const char *name, size_t n)
{
	ck_assert_msg(judge->depth > 0, "</%.*s> closes nothing", (int)n, name);
	const char *open = judge->open[--judge->depth];
	ck_assert_msg(strlen(open) == n && !strncmp(open, name, n),
		      "<%s> is closed by </%.*s>", open, (int)n, name);
}

// One element's attributes: name="value", no markup inside, none twice.
// Returns the character behind the '>'.
static const char *attributes(const char *at, bool *empty)
{
	char seen[16][24];
	int count = 0;

	*empty = false;
	for (;;) {
		at += strspn(at, " \t\n");
		if (*at == '>')
			return at + 1;
		if (!strncmp(at, "/>", 2)) {
			*empty = true;
			return at + 2;
		}
		size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz-:_"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
		ck_assert_msg(n > 0 && n < 24 && count < 16,
			      "no attribute: %.60s", at);
		snprintf(seen[count], sizeof seen[0], "%.*s", (int)n, at);
		for (int i = 0; i < count; i++)
			ck_assert_msg(strcmp(seen[i], seen[count]) != 0,
				      "%s twice", seen[count]);
		count++;
		at += n;
		at += strspn(at, " ");
		ck_assert_msg(*at == '=', "no value: %.60s", at);
		at++;
		at += strspn(at, " ");
		ck_assert_msg(*at == '"' || *at == '\'', "no quote: %.60s", at);
		size_t length = strcspn(at + 1, *at == '"' ? "\"<" : "'<");
		ck_assert_msg(at[1 + length] == *at, "no end: %.60s", at);
		at += length + 2;
	}
}

static void well_formed(const char *page)
{
	struct judge judge = { .depth = 0 };
	const char *at = page;

	ck_assert_msg(!strncmp(at, "<!DOCTYPE html>\n", 16), "%.40s", at);
	for (at += 16; *at;) {
		bool empty;
		if (*at == '&') {
			const char *end = strchr(at, ';');
			ck_assert_msg(end && end - at < 8, "entity: %.20s", at);
			at = end + 1;
		} else if (*at != '<') {
			ck_assert_msg((unsigned char)*at >= ' ' ||
					      *at == '\n' || *at == '\t',
				      "control: %d", *at);
			ck_assert_msg(strncmp(at, "]]>", 3) != 0, "]]>");
			at++;
		} else if (at[1] == '/') {
			size_t n = strcspn(at, ">");
			end_tag(&judge, at + 2, n - 2);
			at += n + 1;
		} else {
			size_t n = strcspn(at + 1, " />\n");
			ck_assert_msg(isalpha((unsigned char)at[1]) && n < 24,
				      "no element: %.60s", at);
			ck_assert_int_lt(judge.depth, 64);
			snprintf(judge.open[judge.depth++], 24, "%.*s", (int)n,
				 at + 1);
			at = attributes(at + 1 + n, &empty);
			judge.depth -= empty;
		}
	}
	ck_assert_int_eq(judge.depth, 0);

	struct outcome o = run_shell("command -v xmllint");
	bool has_xmllint = o.exit == 0;
	outcome_free(&o);
	if (has_xmllint) {
		char command[300];
		const char *path = save_text("judged.html", page, strlen(page));
		snprintf(command, sizeof command, "xmllint --noout '%s'", path);
		o = run_shell(command);
		ck_assert_msg(o.exit == 0, "%s", o.err);
		outcome_free(&o);
	}
}

// Nothing is fetched, nothing runs, no id is there twice.
static void stands_alone(const char *page)
{
	static const char svg[] = "http://www.w3.org/2000/svg";
	static const char *const never[] = {
		"<script", "<link", "<img", "<iframe", "<object", "src=",
		"url(", "@import", "javascript:", "onload", "<use", "<base",
	};
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		lacks(page, never[i]);
	for (const char *at = page; (at = strcasestr(at, "http")); at += 4)
		ck_assert_msg(!strncmp(at, svg, strlen(svg)) ||
				      !strncmp(at, "http-equiv", 10),
			      "%.60s", at);
	for (const char *a = page; (a = strstr(a, " id=\"")); a += 5) {
		size_t n = strcspn(a + 5, "\"");
		for (const char *b = a + 5; (b = strstr(b, " id=\"")); b += 5)
			ck_assert_msg(strcspn(b + 5, "\"") != n ||
					      strncmp(a + 5, b + 5, n) != 0,
				      "id %.*s twice", (int)n, a + 5);
	}
}

static int count_of(const char *text, const char *what)
{
	int count = 0;
	for (; (text = strstr(text, what)); text += strlen(what))
		count++;
	return count;
}

// ## Pages

static json_t *rich_result(void)
{
	static const char *const sizes[] = { "1B", "64B", "1KiB", "64KiB" };
	static const char *const ways[] = { "pipe", "ring",   "tcp", "udp",
					    "fifo", "mqueue", "file" };
	json_t *result = empty_result();
	char name[90];

	for (size_t s = 0; s < 4; s++)
		for (size_t i = 0; i < 7; i++)
			for (int far = 0; far < 2; far++) {
				snprintf(name, sizeof name, "ipc/%s/%s/%s",
					 ways[i], sizes[s],
					 far ? "cross-core" : "same-cpu");
				add_case(result, name, "ns",
					 (far ? 60e3 : 3e3) * (double)(i + 1) +
						 (double)(1 << 2 * s),
					 5, 9);
			}
	add_case(result, "bandwidth/pipe/64KiB/cross-core", "B/s", 4e9, 1e7, 9);
	add_case(result, "floor/memcpy/64KiB/same-cpu", "B/s", 1e10, 1e7, 9);
	add_case(result, "floor/call/0B/same-cpu", "ns", 1.3, 0.01, 9);
	add_case(result, "floor/handoff/0B/near-by", "ns", 2.3, 0.01, 9);
	add_bare(result, "ipc/eventfd/1KiB/same-cpu", "skipped",
		 "it carries no payload");
	add_bare(result, "ipc/uring/1KiB/same-cpu", "failed",
		 "byte 17 is wrong");
	json_t *c = add_case(result, "switch/process-futex-2/0B/same-cpu", "ns",
			     1e3, 5, 9);
	json_object_set_new(c, "stable", json_false());
	json_object_set_new(c, "why_unstable", json_string("stolen time"));
	return result;
}

START_TEST(the_page_is_complete)
{
	if (!has_gnuplot())
		SKIP("gnuplot is missing: make deps");
	json_t *result = rich_result(), *c;
	json_t *cases = json_incref(json_object_get(result, "cases"));
	char *page = report_of(result);
	size_t i;

	well_formed(page);
	stands_alone(page);
	json_array_foreach(cases, i, c)
		contains(page, json_string_value(json_object_get(c, "name")));
	json_decref(cases);
	contains(page, "it carries no payload");
	contains(page, "byte 17 is wrong");
	contains(page, "stolen time");
	contains(page, "Test CPU");
	contains(page, "6.1.0 #1");
	contains(page, "prefers-color-scheme:dark");
	contains(page, "<caption>");
	contains(page, "scope=\"row\"");
	// side by side, curves, distribution of two placements; one of switch
	// with its distribution; one of bandwidth with its distribution; the
	// floor's times (two placements), bandwidth, and their distributions
	ck_assert_int_eq(count_of(page, "<svg "), 6 + 2 + 2 + 3 + 3);
	ck_assert_int_eq(count_of(page, "<svg "),
			 count_of(page, "role=\"img\""));
	ck_assert_int_eq(count_of(page, "<svg "), count_of(page, "<figure>"));
	// the tokens that stood for labels are gone
	lacks(page, "@0@");
	free(page);
}
END_TEST

START_TEST(one_size_draws_no_curves)
{
	if (!has_gnuplot())
		SKIP("gnuplot is missing: make deps");
	char *page = report_of(one_case("ns", 100, 1, 1));
	well_formed(page);
	lacks(page, "By size");
	ck_assert_int_eq(count_of(page, "<svg "), 2);
	free(page);
}
END_TEST

START_TEST(nothing_measured_is_a_page_too)
{
	if (!has_gnuplot())
		SKIP("gnuplot is missing: make deps");
	json_t *result = empty_result();
	add_bare(result, PIPE, "skipped", "not today");
	json_object_set_new(result, "interrupted", json_true());
	char *page = report_of(result);
	well_formed(page);
	contains(page, "not today");
	contains(page, "interrupted");
	free(page);
}
END_TEST

START_TEST(several_results_lie_side_by_side)
{
	if (!has_gnuplot())
		SKIP("gnuplot is missing: make deps");
	const char *old = save("before.json", one_case("ns", 100, 1, 12));
	const char *new = save("after.json", one_case("ns", 200, 2, 12));
	char output[200];
	snprintf(output, sizeof output, "%s", path_of("both.html"));
	struct outcome o = run(BENCH, "report", "-o", output, old, new, NULL);
	ck_assert_msg(o.exit == 0, "%s", o.err);
	outcome_free(&o);
	char *page = load_text(output);
	well_formed(page);
	stands_alone(page);
	contains(page, "before.json");
	contains(page, "after.json");
	contains(page, "1 slower, 0 faster");
	contains(page, "\xc3\x97"
		       "2.00");
	free(page);
}
END_TEST

// ## A result file that attacks

#define ATTACK "<script>alert(1)<x y='z' \"&amp;]]>--><!--@0@"

// With a control, a newline, and the mark that turns the direction of writing
// (U+202E), which a source file must not hold.
static const char turn[] = { '\xe2', '\x80', '\xae', '\0' };

static json_t *attack(void)
{
	char text[100];
	snprintf(text, sizeof text, ATTACK "\x01\x1b[31m\n%s\xef\xbf\xbf",
		 turn);
	return json_string(text);
}

START_TEST(text_stays_text)
{
	if (!has_gnuplot())
		SKIP("gnuplot is missing: make deps");
	static const char *const names[] = {
		ATTACK "/a/1B/same-cpu",
		"ipc/" ATTACK "/1B/same-cpu",
		"ipc/`touch pwned`/1B/same-cpu",
		"ipc/'; system('touch pwned'); '/1B/same-cpu",
		"ipc/\\n\\\"%s%n$1/1B/same-cpu",
		"ipc/a/" ATTACK "/same-cpu",
		"ipc/a/1B/" ATTACK,
		"ipc/\xec\x96\xb4\xeb\x93\x9c\xf0\x9f\x98\x80/1B/same-cpu",
		"ipc/"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaa/1B/same-cpu",
	};
	static const char *const fields[] = { "cpu_model", "kernel", "date",
					      "hypervisor", "mitigations" };
	json_t *result = empty_result();
	json_t *environment = json_object_get(result, "environment");
	enum { LONG = 100000 };
	char *text = malloc(LONG + 1);

	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		json_object_set_new(add_case(result, names[i], "ns", 100, 1, 5),
				    "why_unstable", attack());
	json_t *c = json_array_get(json_object_get(result, "cases"), 0);
	json_object_set_new(c, "stable", json_false());
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		json_object_set_new(environment, fields[i], attack());
	memset(text, '<', LONG);
	text[LONG] = '\0';
	json_object_set_new(environment, "flags", json_string(text));
	add_bare(result, "ipc/b/1B/same-cpu", "failed", text);
	free(text);

	char *page = report_of(result);
	well_formed(page);
	stands_alone(page);
	contains(page, "&lt;script&gt;alert(1)&lt;x y=&#39;z&#39; &quot;"
		       "&amp;amp;]]&gt;--&gt;&lt;!--@0@");
	lacks(page, "\x1b");
	lacks(page, turn);
	lacks(page, "<!--");
	ck_assert_uint_lt(strlen(page), 1 << 20);
	ck_assert_int_eq(access("pwned", F_OK), -1);
	free(page);
}
END_TEST

// ## The file that is written

START_TEST(without_gnuplot_nothing_is_written)
{
	const char *result = save("result.json", one_case("ns", 100, 1, 5));
	const char *page = save_text("result.html", "precious", 8);
	char command[500];

	snprintf(command, sizeof command,
		 "PATH=/nowhere \"$B/bench/bench\" report '%s'", result);
	struct outcome o = run_shell(command);
	ck_assert_int_eq(o.exit, 77);
	contains(o.err, "gnuplot");
	contains(o.err, "make deps");
	ck_assert_str_eq(o.out, "");
	outcome_free(&o);
	char *text = load_text(page);
	ck_assert_str_eq(text, "precious");
	free(text);
	snprintf(command, sizeof command, "ls '%s'", folder);
	o = run_shell(command);
	ck_assert_str_eq(o.out, "result.html\nresult.json\n");
	outcome_free(&o);
}
END_TEST

// A gnuplot that fails, or that writes something else, must not be published.
START_TEST(a_strange_gnuplot_is_refused)
{
	static const char *const scripts[] = {
		"#!/bin/sh\necho 'no such terminal' >&2; exit 3\n",
		"#!/bin/sh\necho hello\n",
		"#!/bin/sh\nkill -9 $$\n",
		"#!/bin/sh\necho '<defs></defs><script>x()</script></svg>'\n",
		"#!/bin/sh\necho '<defs></defs><use href=\"#x\"/></svg>'\n",
		"#!/bin/sh\necho '<defs></defs><g id=\"x\"></g></svg>'\n",
	};
	char command[500], result[200];

	snprintf(result, sizeof result, "%s",
		 save("result.json", one_case("ns", 100, 1, 5)));
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		const char *fake = save_text("gnuplot", scripts[i],
					     strlen(scripts[i]));
		ck_assert_int_eq(chmod(fake, 0755), 0);
		snprintf(command, sizeof command,
			 "PATH='%s':$PATH "
			 "\"$B/bench/bench\" report '%s'",
			 folder, result);
		struct outcome o = run_shell(command);
		ck_assert_msg(o.exit == 1, "%zu: %d", i, o.exit);
		contains(o.err, "gnuplot");
		outcome_free(&o);
		ck_assert_int_eq(access(path_of("result.html"), F_OK), -1);
	}
}
END_TEST

START_TEST(where_the_page_goes)
{
	if (!has_gnuplot())
		SKIP("gnuplot is missing: make deps");
	const char *result = save("result", one_case("ns", 100, 1, 5));
	const char *page = path_of("result.html"), *link = path_of("link");
	struct stat status;

	struct outcome o = run(BENCH, "report", result, NULL);
	ck_assert_int_eq(o.exit, 0);
	ck_assert_int_eq(access(page, F_OK), 0);
	outcome_free(&o);

	o = run(BENCH, "report", "-o", "-", result, NULL);
	ck_assert_int_eq(o.exit, 0);
	well_formed(o.out);
	outcome_free(&o);

	// the measurements do not become the page
	o = run(BENCH, "report", "-o", result, result, NULL);
	ck_assert_int_eq(o.exit, 2);
	contains(o.err, "is a result");
	outcome_free(&o);
	o = run(BENCH, "compare", result, result, NULL);
	ck_assert_int_eq(o.exit, 0);
	outcome_free(&o);

	// a link stays a link, its file keeps its mode
	ck_assert_int_eq(chmod(page, 0640), 0);
	ck_assert_int_eq(symlink(page, link), 0);
	o = run(BENCH, "report", "-o", link, result, NULL);
	ck_assert_int_eq(o.exit, 0);
	outcome_free(&o);
	ck_assert_int_eq(lstat(link, &status), 0);
	ck_assert(S_ISLNK(status.st_mode));
	ck_assert_int_eq(stat(page, &status), 0);
	ck_assert_int_eq(status.st_mode & 0777, 0640);

	static const char *const bad[] = { "/dev/full", "/tmp",
					   "/nowhere/at/all.html" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		o = run(BENCH, "report", "-o", bad[i], result, NULL);
		ck_assert_msg(o.exit == 1, "%s: %d", bad[i], o.exit);
		contains(o.err, bad[i]);
		outcome_free(&o);
	}
	ck_assert_int_eq(stat("/dev/full", &status), 0);
	ck_assert(S_ISCHR(status.st_mode));
}
END_TEST

void add_bench_report_tests(Suite *suite)
{
	TCase *tests = tcase_create("report");

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, make_folder, remove_folder);
	tcase_add_test(tests, the_page_is_complete);
	tcase_add_test(tests, one_size_draws_no_curves);
	tcase_add_test(tests, nothing_measured_is_a_page_too);
	tcase_add_test(tests, several_results_lie_side_by_side);
	tcase_add_test(tests, text_stays_text);
	tcase_add_test(tests, without_gnuplot_nothing_is_written);
	tcase_add_test(tests, a_strange_gnuplot_is_refused);
	tcase_add_test(tests, where_the_page_goes);
	suite_add_tcase(suite, tests);
}

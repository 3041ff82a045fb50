// What a lab's user may ask for, and how its output leaves: options, lists,
// JSON, full disks and closed pipes.

#define _GNU_SOURCE
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labs.h"

// --- scenes that several tests use ----------------------------------------------

static void holds(void)
{
	say("one is %d", 1);
	printf("printed by the scene\n");
	claim(1 == 1, "one is one");
}

static void fails(void)
{
	claim(1 == 1, "one is one");
	claim(1 == 2, "one is two");
}

static void skips(void)
{
	claim(true, "a claim before");
	skip("no teapot here: buy one");
}

static void silent(void)
{
	say("nothing to claim");
}

static void killed(void)
{
	claim(true, "bytes \xff\xfe and \"quotes\" and 한글");
	raise(SIGKILL);
}

static void many_claim(void)
{
	pid_t children[5];

	for (int i = 0; i < 5; i++) {
		children[i] = fork_as("child");
		if (children[i] == 0) {
			for (int j = 0; j < 100; j++)
				claim(true, "a child's claim");
			_exit(0);
		}
	}
	for (int i = 0; i < 5; i++)
		reap(children[i]);
}

// --- JSON -------------------------------------------------------------------------

static json_t *parse_json(const char *text)
{
	json_error_t error;
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	ck_assert_msg(json, "%s in line %d of:\n%s", error.text, error.line,
		      text);
	return json;
}

START_TEST(json_tells_all)
{
	struct outcome got = play_lab(LAB(SCENE(holds), SCENE(fails),
					  SCENE(skips), SCENE(holds)),
				      "--format=json", NULL);
	const char *program, *name, *result, *text;
	json_t *scenes, *claims, *json = parse_json(got.out);
	int truth;

	ck_assert_int_eq(got.exit, 1);
	ck_assert_int_eq(json_unpack(json, "{s:s, s:o !}", "program", &program,
				     "scenes", &scenes),
			 0);
	ck_assert_str_eq(program, "test/lab");
	ck_assert_uint_eq(json_array_size(scenes), 4);

	ck_assert_int_eq(json_unpack(json_array_get(scenes, 1),
				     "{s:s, s:s, s:o !}", "name", &name,
				     "result", &result, "claims", &claims),
			 0);
	ck_assert_str_eq(name, "fails");
	ck_assert_str_eq(result, "failed");
	ck_assert_uint_eq(json_array_size(claims), 2);
	ck_assert_int_eq(json_unpack(json_array_get(claims, 1), "{s:b, s:s !}",
				     "holds", &truth, "text", &text),
			 0);
	ck_assert_str_eq(text, "one is two");
	ck_assert(!truth);

	ck_assert_int_eq(json_unpack(json_array_get(scenes, 2),
				     "{s:s, s:s, s:s, s:o !}", "name", &name,
				     "result", &result, "reason", &text,
				     "claims", &claims),
			 0);
	ck_assert_str_eq(result, "skipped");
	ck_assert_str_eq(text, "no teapot here: buy one");
	ck_assert_uint_eq(json_array_size(claims), 1);
	json_decref(json);
	outcome_free(&got);
}
END_TEST

// Also where a claim holds what is no UTF-8, and where a scene is killed.
START_TEST(json_is_valid)
{
	struct outcome got = play_lab(LAB(SCENE(holds), SCENE(killed)),
				      "--format=json", NULL);
	json_t *json = parse_json(got.out);
	json_t *scene = json_array_get(json_object_get(json, "scenes"), 1);
	json_t *claims = json_object_get(scene, "claims");

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "bytes ?? and \\\"quotes\\\" and 한글");
	ck_assert_uint_eq(json_array_size(claims), 2);
	json_decref(json);
	outcome_free(&got);
}
END_TEST

static void speak_c_locale(void)
{
	setenv("LC_ALL", "C", 1);
}

// JSON is UTF-8 (RFC 8259, 8.1), whatever the locale.
START_TEST(json_in_any_locale)
{
	struct outcome got =
		play_lab_after(speak_c_locale, LAB(SCENE(killed)),
			       (const char *[]){ "--format=json", NULL });

	json_decref(parse_json(got.out));
	assert_has(got.out, "and 한글");
	outcome_free(&got);
}
END_TEST

START_TEST(json_of_every_process)
{
	struct outcome got = play_lab(LAB(SCENE(many_claim)), "--format=json",
				      NULL);
	json_t *json = parse_json(got.out);
	json_t *scene = json_array_get(json_object_get(json, "scenes"), 0);

	ck_assert_uint_eq(json_array_size(json_object_get(scene, "claims")),
			  500);
	json_decref(json);
	outcome_free(&got);
}
END_TEST

START_TEST(json_anywhere_among_options)
{
	const struct lab *lab = LAB(SCENE(holds), SCENE(fails));
	struct outcome before = play_lab(lab, "--format=json", "--slow=1ms",
					 "holds", NULL);
	struct outcome after = play_lab(lab, "holds", "--slow=1ms",
					"--format=json", NULL);

	ck_assert_int_eq(before.exit, 0);
	ck_assert_str_eq(before.out, after.out);
	json_decref(parse_json(after.out));
	outcome_free(&before);
	outcome_free(&after);
}
END_TEST

// --- options ----------------------------------------------------------------------

START_TEST(scenes_by_name)
{
	const struct lab *lab = LAB(SCENE(holds), SCENE(fails), SCENE(silent));
	struct outcome got = play_lab(lab, "silent", "holds", "holds", NULL);

	ck_assert_int_eq(occurrences(got.out, "one is one"), 2);
	ck_assert(strstr(got.out, "what silent") <
		  strstr(got.out, "what holds"));
	assert_lacks(got.out, "what fails");
	outcome_free(&got);
}
END_TEST

static const struct refusal {
	const char *argument, *says;
} refusals[] = {
	{ "nosuch", "lab: no scene 'nosuch'; there are holds fails\n" },
	{ "a\033[2Jb", "lab: no scene 'a?[2Jb'; there are holds fails\n" },
	{ "--format=xml", "lab: --format=xml: want text or json\n" },
	{ "--format=", "lab: --format=: want text or json\n" },
	{ "--slow=fast", "lab: --slow=fast: want a duration from 1ms to " },
	{ "--slow=5", "lab: --slow=5: want a duration from 1ms to " },
	{ "--slow=1h", "lab: --slow=1h: want a duration from 1ms to " },
	{ "--timeout=0s", "lab: --timeout=0s: want a duration from 100ms to " },
	{ "--nonsense", "--nonsense" },
	{ "-x", "invalid option" },
	{ "--predict", "test/lab: --predict asks its questions at a terminal, "
		"and there is none\n" },
};

START_TEST(bad_usage)
{
	const struct refusal *r = &refusals[_i];
	struct outcome got = play_lab(LAB(SCENE(holds), SCENE(fails)),
				      r->argument, NULL);

	ck_assert_msg(got.exit == 2, "%s: exit %d", r->argument, got.exit);
	ck_assert_str_eq(got.out, "");
	assert_has(got.err, r->says);
	outcome_free(&got);
}
END_TEST

START_TEST(predict_is_for_people)
{
	struct outcome got = play_lab(LAB(SCENE(holds)), "--predict",
				      "--format=json", NULL);

	ck_assert_int_eq(got.exit, 2);
	ck_assert_str_eq(got.out, "");
	assert_has(got.err, "--predict is for people");
	outcome_free(&got);
}
END_TEST

START_TEST(lists)
{
	const struct lab *lab = LAB(SCENE(holds), { "b", "short", fails });
	struct outcome got = play_lab(lab, "--list", NULL);

	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.out, "holds  what holds shows\nb      short\n");
	outcome_free(&got);

	got = play_lab(lab, "--list", "--format=json", NULL);
	json_t *json = parse_json(got.out);
	const char *program, *summary, *chapter, *name, *title;
	json_t *scenes;
	ck_assert_int_eq(json_unpack(json, "{s:s, s:s, s:s, s:o !}", "program",
				     &program, "summary", &summary, "chapter",
				     &chapter, "scenes", &scenes),
			 0);
	ck_assert_uint_eq(json_array_size(scenes), 2);
	ck_assert_int_eq(json_unpack(json_array_get(scenes, 1), "{s:s, s:s !}",
				     "name", &name, "title", &title),
			 0);
	ck_assert_str_eq(name, "b");
	ck_assert_str_eq(title, "short");
	json_decref(json);
	outcome_free(&got);

	got = play_lab(lab, "--catalogue", NULL);
	ck_assert_str_eq(got.out,
			 "test/lab\ta lab for the tests\t00 · Tests\n");
	outcome_free(&got);
}
END_TEST

START_TEST(help_and_version)
{
	struct outcome got = play_lab(LAB(SCENE(holds)), "--help", NULL);

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "a lab for the tests");
	assert_has(got.out, "  holds  what holds shows");
	assert_has(got.out, "Example: test/lab --slow holds");
	assert_lacks(got.out, "catalogue");
	outcome_free(&got);

	got = play_lab(LAB(SCENE(holds)), "--version", NULL);
	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "test/lab (oslab) ");
	outcome_free(&got);
}
END_TEST

// --- a lab's tools --------------------------------------------------------------

static int say_arguments(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		printf("[%s]", argv[i]);
	return 7;
}

static const struct tool two_tools[] = {
	{ "sum", "DIRECTORY...", "adds it all up", say_arguments },
	{ "--replay", "=ORDER", "plays an order again", say_arguments },
	{ 0 }
};

static const struct tool_choice {
	const char *arguments[4];
	const char *out; // NULL: no tool is meant
} tool_choices[] = {
	{ { "sum", "a", "--list" }, "[lab sum][a][--list]" },
	{ { "sum" }, "[lab sum]" },
	{ { "--replay=AB", "x" }, "[lab][--replay=AB][x]" },
	{ { "x", "--replay" }, "[lab][x][--replay]" },
	{ { "holds", "sum" }, NULL },
	{ { "sums" }, NULL },
	{ { "sum=1" }, NULL },
	{ { "--replays=1" }, NULL },
};

START_TEST(tools)
{
	const struct tool_choice *row = &tool_choices[_i];
	struct lab lab = *LAB(SCENE(holds));
	const char *arguments[4];

	lab.tools = two_tools;
	memcpy(arguments, row->arguments, sizeof arguments);
	struct outcome got = play_lab_after(NULL, &lab, arguments);
	if (row->out) {
		ck_assert_int_eq(got.exit, 7);
		ck_assert_str_eq(got.out, row->out);
	} else {
		ck_assert_int_eq(got.exit, 2);
	}
	outcome_free(&got);
}
END_TEST

START_TEST(help_of_tools)
{
	struct lab lab = *LAB(SCENE(holds));

	lab.tools = two_tools;
	struct outcome got = play_lab(&lab, "--help", NULL);
	assert_has(got.out, "  test/lab sum DIRECTORY...\n"
			    "      adds it all up\n"
			    "  test/lab --replay=ORDER\n");
	outcome_free(&got);
}
END_TEST

// --- output that cannot be written -------------------------------------------------

static void output_to_full(void)
{
	int full = open("/dev/full", O_WRONLY);

	if (full == -1 || dup2(full, STDOUT_FILENO) == -1)
		_exit(126);
}

static void output_to_closed_pipe(void)
{
	int ends[2];

	if (pipe(ends) == -1 || dup2(ends[1], STDOUT_FILENO) == -1)
		_exit(126);
	close(ends[0]);
	close(ends[1]);
}

static void close_output(void)
{
	close(STDOUT_FILENO);
}

static const char *const ways[][3] = {
	{ NULL }, { "--format=json" }, { "--list" },
	{ "--list", "--format=json" }, { "--help" }, { "--version" },
};

START_TEST(output_to_a_full_disk)
{
	struct outcome got = play_lab_after(output_to_full, LAB(SCENE(holds)),
					    ways[_i]);

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "cannot write the output: No space left");
	ck_assert_int_eq(occurrences(got.err, "\n"), 1);
	outcome_free(&got);

	got = play_lab_after(close_output, LAB(SCENE(holds)), ways[_i]);
	ck_assert_int_eq(got.exit, 1);
	ck_assert_int_eq(occurrences(got.err, "\n"), 1);
	outcome_free(&got);
}
END_TEST

START_TEST(output_to_nobody)
{
	struct outcome got = play_lab_after(output_to_closed_pipe,
					    LAB(SCENE(holds)), ways[_i]);

	ck_assert_msg(got.signal == SIGPIPE || got.exit == 0, "exit %d",
		      got.exit);
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);
}
END_TEST

// The scene's reader leaves after the heading. The scene goes on talking, from
// a child, with SIGPIPE ignored; it would never end.
static void talks_for_ever(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (fork_as("child") == 0)
		for (;;)
			say("and another thing");
	claim(true, "a claim");
	wait_for_ever();
}

START_TEST(reader_leaves)
{
	struct outcome got = play_lab_after(output_to_closed_pipe,
					    LAB(SCENE(talks_for_ever)),
					    (const char *[]){ NULL });

	ck_assert_int_eq(got.signal, SIGPIPE);
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);

	got = play_lab_after(output_to_full, LAB(SCENE(talks_for_ever)),
			     (const char *[]){ NULL });
	ck_assert_int_eq(got.exit, 1);
	outcome_free(&got);
}
END_TEST

// The end of the scene is seen by a child before anybody kills it.
static void loses_its_parent(void)
{
	int ends[2];
	char byte;

	must(pipe(ends));
	if (must(fork()) == 0) {
		must(close(ends[1]));
		must(read(ends[0], &byte, 1) == 1 ? 0 : -1);
		_exit(0);
	}
	for (;;)
		say("a line");
}

START_TEST(nothing_of_children)
{
	for (int i = 0; i < 10; i++) {
		struct outcome got = play_lab_after(
			i % 2 ? output_to_full : output_to_closed_pipe,
			LAB(SCENE(loses_its_parent)), (const char *[]){ NULL });
		ck_assert_int_eq(got.signal, i % 2 ? 0 : SIGPIPE);
		ck_assert_int_eq(occurrences(got.err, "\n"), i % 2);
		outcome_free(&got);
	}
}
END_TEST

static void pipe_signal(void)
{
	int ends[2];

	must(pipe(ends));
	must(close(ends[0]));
	pid_t child = fork_as("child");
	if (child == 0) {
		say("about to die");
		must(write(ends[1], "x", 1));
	}
	int status;
	must(waitpid(child, &status, 0));
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE,
	      "SIGPIPE still kills in a scene");
}

START_TEST(sigpipe_is_the_scenes)
{
	struct outcome got = play_lab(LAB(SCENE(pipe_signal)), NULL);

	ck_assert_msg(got.exit == 0, "%s", got.out);
	outcome_free(&got);
}
END_TEST

void add_usage_tests(Suite *suite)
{
	TCase *usage = tcase_create("usage"), *output = tcase_create("output");

	suite_add_tcase(suite, usage);
	tcase_add_test(usage, json_tells_all);
	tcase_add_test(usage, json_is_valid);
	tcase_add_test(usage, json_in_any_locale);
	tcase_add_test(usage, json_of_every_process);
	tcase_add_test(usage, json_anywhere_among_options);
	tcase_add_test(usage, scenes_by_name);
	tcase_add_loop_test(usage, bad_usage, 0,
			    sizeof refusals / sizeof *refusals);
	tcase_add_test(usage, predict_is_for_people);
	tcase_add_test(usage, lists);
	tcase_add_test(usage, help_and_version);
	tcase_add_loop_test(usage, tools, 0,
			    sizeof tool_choices / sizeof *tool_choices);
	tcase_add_test(usage, help_of_tools);

	suite_add_tcase(suite, output);
	tcase_add_loop_test(output, output_to_a_full_disk, 0,
			    sizeof ways / sizeof *ways);
	tcase_add_loop_test(output, output_to_nobody, 0,
			    sizeof ways / sizeof *ways);
	tcase_add_test(output, reader_leaves);
	tcase_add_test(output, nothing_of_children);
	tcase_add_test(output, sigpipe_is_the_scenes);
}

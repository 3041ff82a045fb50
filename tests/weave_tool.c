// sync/weave as its user sees it.

#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weave_parts.h"

#define WEAVE "sync/weave"

static const struct {
	const char *arguments;
	int exit;
	const char *out, *err; // parts
} runs[] = {
	{ "--program=count", 1, "18 of 20 orders", "" },
	{ "--program=lock", 0, "2 orders", "" },
	{ "--program=count3", 1, "1674 of 1680 orders", "" },
	{ "--program=peterson", 0, "No end of orders", "" },
	{ "--all", 1, "\n  BBBAAA      2      2      1\n", "" },
	{ "--schedule=AABBAB", 0, "6 B mov [x], rax    1      1", "" },
	{ "--schedule=A", 0, "B has not come to its end", "" },
	{ "--schedule=AAAAB", 2, "", "A has come to its end before step 4" },
	{ "--schedule=ABC", 2, "", "there is no process C in count" },
	{ "--schedule=", 2, "", "want letters" },
	{ "--schedule=aab", 2, "", "want letters" },
	{ "--schedule", 2, "", "requires an argument" },
	{ "--schedule=AB --all", 2, "", "--schedule plays one order" },
	{ "--schedule=AB --find=1", 2, "", "--schedule plays one order" },
	{ "--find='x == 2'", 1, "FAILS in 1 state", "" },
	{ "--find='x <= 2'", 0, "holds", "" },
	{ "--find='always A.rax < 2'", 1, "in 1 of 20 orders", "" },
	{ "--find='x == '", 2, "", "--find=x == : at character 6" },
	{ "--find=", 2, "", "at character 1: the expression ends too early" },
	{ "--find=progress --program=polite", 1, "nobody gets on after AB",
	  "" },
	{ "--program=polite", 1, "there is no way to the end", "" },
	{ "--find=0 --program=add", 1, "in 2 of 2 orders", "" },
	{ "--find='always 0'", 1, "no step at all", "" },
	{ "--program=nobody", 2, "", "no program and no file" },
	{ "--program=", 2, "", "no program and no file" },
	{ "--program=/", 1, "", "Is a directory" },
	{ "--all --program=flag", 1, "", "no end of orders" },
	{ "--steps=3 --program=peterson --find='always !(A.in && B.in)'", 0,
	  "as far as was followed", "" },
	{ "--steps=0 --all", 2, "", "--steps=0: want" },
	{ "--states=5 --all", 1, "", "more states than --states allows" },
	{ "--states=x --all", 2, "", "--states=x: want" },
	{ "--format=xml --all", 2, "", "--format=xml: want" },
	{ "--all more", 2, "", "Too many arguments" },
	{ "--list-programs", 0, "dekker     Dekker's algorithm", "" },
	{ "--list-programs --help", 0, "Exit status", "" },
	{ "--source --program=add", 0, "add [x], 1", "" },
	{ "--help", 0, "sync/weave --schedule=AABBAB", "" },
};

START_TEST(weave_command_lines)
{
	char command[256];

	for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
		snprintf(command, sizeof command, "$B/sync/weave %s",
			 runs[i].arguments);
		struct outcome got = run_shell(command);
		if (got.exit == 77) {
			outcome_free(&got);
			SKIP(NO_STEPPING);
		}
		ck_assert_msg(got.exit == runs[i].exit, "%s: exit %d, %s%s",
			      runs[i].arguments, got.exit, got.out, got.err);
		assert_has(got.out, runs[i].out);
		assert_has(got.err, runs[i].err);
		if (got.exit == 2)
			ck_assert_str_eq(got.out, "");
		outcome_free(&got);
	}
}
END_TEST

// A program from a file, from standard input, and what is wrong in one.
START_TEST(weave_own_programs)
{
	struct outcome got = run_shell(
		"printf 'word x\\nprocess A B\\ninc [x]\\ncheck x == 2\\n' | "
		"$B/sync/weave --program=-");
	if (got.exit == 77)
		SKIP(NO_STEPPING);
	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "check x == 2: holds");
	outcome_free(&got);

	got = run_shell("printf 'word x\\nprocess A\\n  mov rax, [y]\\n' | "
			"$B/sync/weave --program=/dev/stdin");
	ck_assert_int_eq(got.exit, 2);
	assert_has(got.err, "/dev/stdin:3:13: there is no word 'y'");
	outcome_free(&got);

	got = run_shell("printf 'process A\\nnop\\ncheck y\\n' | "
			"$B/sync/weave --program=-");
	ck_assert_int_eq(got.exit, 2);
	assert_has(got.err, "-:3:1: there is no word 'y'");
	outcome_free(&got);

	// a name that is no UTF-8, and one that a terminal would obey
	got = run_shell("cd \"$(mktemp -d)\" && n=$(printf 'a\\377\\033b') && "
			"printf 'process A\\nnop\\n' >$n && "
			"$B/sync/weave --program=$n --format=json && "
			"$B/sync/weave --program=$n; "
			"rm $n && rmdir \"$PWD\"");
	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "\"program\": \"?\"");
	assert_has(got.out, "2 states, 1 step of");
	assert_lacks(got.out, "\033");
	outcome_free(&got);

	got = run_shell("yes '# a long text' | $B/sync/weave --program=-");
	ck_assert_int_eq(got.exit, 2);
	assert_has(got.err, "less than 65536 bytes");
	outcome_free(&got);
}
END_TEST

// What --source prints is a program that is judged the same.
START_TEST(weave_sources)
{
	struct outcome got = run_shell(
		"for p in $($B/sync/weave --list-programs | cut -d' ' -f1); do "
		"$B/sync/weave --source --program=$p | "
		"$B/sync/weave --steps=6 --program=- | tail -n +2 "
		">${TMPDIR:-/tmp}/oslab-w1.$$; "
		"$B/sync/weave --steps=6 --program=$p | tail -n +2 "
		">${TMPDIR:-/tmp}/oslab-w2.$$; "
		"cmp ${TMPDIR:-/tmp}/oslab-w1.$$ ${TMPDIR:-/tmp}/oslab-w2.$$ "
		"|| echo $p; "
		"done; rm ${TMPDIR:-/tmp}/oslab-w1.$$ "
		"${TMPDIR:-/tmp}/oslab-w2.$$");
	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.out, "");
	outcome_free(&got);
}
END_TEST

// --- JSON ------------------------------------------------------------------------

static json_t *json_of(const char *arguments, int status)
{
	char command[256];
	json_error_t error;

	snprintf(command, sizeof command, "$B/sync/weave %s --format=json",
		 arguments);
	struct outcome got = run_shell(command);
	if (got.exit == 77) {
		outcome_free(&got);
		return NULL;
	}
	ck_assert_int_eq(got.exit, status);
	json_t *json = json_loads(got.out, 0, &error);
	ck_assert_msg(json != NULL, "%s: %s in\n%s", arguments, error.text,
		      got.out);
	outcome_free(&got);
	return json;
}

START_TEST(weave_json)
{
	json_t *json = json_of("--all", 1);

	if (!json)
		SKIP(NO_STEPPING);
	json_int_t orders, states, steps, lost;
	const char *check, *order;
	json_t *ends, *all, *processes;
	int complete, good;
	ck_assert_int_eq(json_unpack(json,
				     "{s:I, s:I, s:I, s:b, s:o, s:o, s:o, "
				     "s:[{s:s, s:b, s:I, s:s}]}",
				     "orders", &orders, "states", &states,
				     "steps", &steps, "complete", &complete,
				     "ends", &ends, "all", &all, "processes",
				     &processes, "checks", "check", &check,
				     "holds", &good, "orders", &lost, "order",
				     &order),
			 0);
	ck_assert_int_eq(orders, 20);
	ck_assert_int_eq(states, 22);
	ck_assert(complete && !good);
	ck_assert_int_eq(lost, 18);
	ck_assert_str_eq(check, "end x == 2");
	ck_assert_uint_eq(json_array_size(all), 20);
	ck_assert_uint_eq(json_array_size(ends), 2);
	ck_assert_uint_eq(json_array_size(processes), 2);
	json_decref(json);

	json = json_of("--program=peterson", 0);
	ck_assert(json_is_null(json_object_get(json, "orders")));
	json_decref(json);

	json = json_of("--schedule=AAB", 0);
	json_t *played = json_object_get(json, "played");
	json_int_t rax;
	ck_assert_uint_eq(json_array_size(played), 3);
	ck_assert_int_eq(json_unpack(json_array_get(played, 1),
				     "{s:{s:{s:{s:I}}}}", "processes", "A",
				     "registers", "rax", &rax),
			 0);
	ck_assert_int_eq(rax, 1);
	json_decref(json);
}
END_TEST

// --- output that fails, interruptions --------------------------------------------

START_TEST(weave_full_disk)
{
	struct outcome got = run_shell("$B/sync/weave --all >/dev/full");

	if (got.exit == 77)
		SKIP(NO_STEPPING);
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "No space left");
	outcome_free(&got);
	got = run_shell("$B/sync/weave --program=count3 --all | head -1 "
			">/dev/null");
	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);
}
END_TEST

// Ctrl-C while it steps: nobody is left. The program counts for ever.
static const char endless[] = "word x\n"
			      "process A B C\n"
			      "l: add [x], 1\n"
			      "jmp l\n";

static int traced_by(pid_t tracer)
{
	char command[160];

	snprintf(command, sizeof command,
		 "grep -l '^TracerPid:[[:space:]]%d$' /proc/[0-9]*/status "
		 "2>/dev/null | wc -l",
		 tracer);
	struct outcome got = run_shell(command);
	int n = (int)strtol(got.out, NULL, 10);
	outcome_free(&got);
	return n;
}

START_TEST(weave_interrupted)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGKILL, SIGHUP };
	char path[128];
	int status, fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(write(fd[1], endless, sizeof endless - 1),
			 sizeof endless - 1);
	close(fd[1]);
	snprintf(path, sizeof path, "%s/" WEAVE, build_folder());
	pid_t pid = fork_fresh();
	if (pid == 0) {
		setpgid(0, 0);
		dup2(fd[0], STDIN_FILENO);
		execl(path, "weave", "--program=-", "--states=1000000",
		      (char *)NULL);
		_exit(127);
	}
	close(fd[0]);
	await(traced_by(pid) == 3 || waitpid(pid, &status, WNOHANG) == pid);
	if (is_gone(pid))
		SKIP(NO_STEPPING);
	ck_assert_int_eq(kill(-pid, signals[_i]), 0);
	status = status_of(pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == signals[_i]);
	await(traced_by(pid) == 0);
	await(kill(-pid, 0) == -1 && errno == ESRCH);
}
END_TEST

void add_weave_tool_tests(Suite *suite)
{
	TCase *tool = tcase_create("tool");

	tcase_set_timeout(tool, 120);
	tcase_add_test(tool, weave_command_lines);
	tcase_add_test(tool, weave_own_programs);
	tcase_add_test(tool, weave_sources);
	tcase_add_test(tool, weave_json);
	tcase_add_test(tool, weave_full_disk);
	tcase_add_loop_test(tool, weave_interrupted, 0, 4);
	suite_add_tcase(suite, tool);
}

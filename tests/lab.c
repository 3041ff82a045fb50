// The lab's runtime: scenes, claims, lines. The rest of the suite is in
// lab_scenes.c, lab_usage.c, lab_terminal.c and supervisor.c.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labs.h"

// --- scenes that several tests use ----------------------------------------------

static void holds(void)
{
	say("one is %d", 1);
	claim(1 == 1, "one is one");
}

static void fails(void)
{
	claim(1 == 1, "one is one");
	claim(1 == 2, "one is two");
}

static void silent(void)
{
	say("nothing to claim");
}

static void skips(void)
{
	claim(true, "a claim before");
	skip("no teapot here: buy one");
}

// --- what the exit status says --------------------------------------------------

START_TEST(claims_that_hold)
{
	struct outcome got = play_lab(LAB(SCENE(holds)), NULL);

	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.err, "");
	assert_has(got.out, "holds · what holds shows\n");
	assert_has(got.out, " ms  main     one is 1\n");
	assert_has(got.out, "             ✓ one is one\n");
	assert_has(got.out, "\n1 claim held, none failed\n");
	outcome_free(&got);
}
END_TEST

START_TEST(claim_that_fails)
{
	struct outcome got = play_lab(LAB(SCENE(holds), SCENE(fails)), NULL);

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "             ✗ one is two\n");
	assert_has(got.out, "\n2 claims held, 1 failed (fails)\n");
	outcome_free(&got);
}
END_TEST

START_TEST(scene_without_claim)
{
	struct outcome got = play_lab(LAB(SCENE(silent)), NULL);

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "✗ the scene claims something\n");
	outcome_free(&got);
}
END_TEST

static void is_killed(void)
{
	claim(true, "so far it is well");
	raise(SIGUSR1);
}

static void exits_with_3(void)
{
	claim(true, "so far it is well");
	_exit(3);
}

static void fails_a_call(void)
{
	claim(true, "so far it is well");
	must(open("/nowhere", O_RDONLY));
}

START_TEST(scene_that_dies)
{
	struct outcome got = play_lab(LAB(SCENE(is_killed)), NULL);

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out,
		   "✗ the scene plays to its end: killed by SIGUSR1\n");
	outcome_free(&got);

	got = play_lab(LAB(SCENE(exits_with_3)), NULL);
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "✗ the scene plays to its end: exit status 3\n");
	outcome_free(&got);
}
END_TEST

START_TEST(call_that_fails)
{
	struct outcome got = play_lab(LAB(SCENE(fails_a_call)), NULL);

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "tests/lab.c:");
	assert_has(got.err, ": open(\"/nowhere\", O_RDONLY): ENOENT "
			    "(No such file or directory)\n");
	ck_assert_int_eq(occurrences(got.err, "\n"), 1);
	assert_has(got.out, "✗ the scene plays to its end: exit status 1\n");
	outcome_free(&got);
}
END_TEST

static int calls;

static int *nothing(void)
{
	calls++;
	errno = ENOENT;
	return NULL;
}

static int error_number(void)
{
	calls++;
	return EDEADLK;
}

static int negative(void)
{
	calls++;
	return -ENOTTY;
}

static void fails_zero(void)
{
	must_zero(error_number());
}

static void fails_ptr(void)
{
	must_ptr(nothing());
}

static void fails_neg(void)
{
	must_neg(negative());
}

static void fails_map(void)
{
	must(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, -1, 0));
}

static const struct failure {
	struct scene scene;
	const char *says;
} failures[] = {
	{ SCENE(fails_zero), ": error_number(): EDEADLK (" },
	{ SCENE(fails_ptr), ": nothing(): ENOENT (" },
	{ SCENE(fails_neg), ": negative(): ENOTTY (" },
	{ SCENE(fails_map), ": mmap(NULL, 0, PROT_READ, MAP_PRIVATE, -1, 0): " },
};

START_TEST(calls_that_fail_in_each_way)
{
	const struct failure *f = &failures[_i];
	struct outcome got = play_lab(LAB(f->scene), NULL);

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, f->says);
	outcome_free(&got);
}
END_TEST

static int one_more(void)
{
	return ++calls;
}

// Each call is made once, keeps its value and type, and may hold another.
START_TEST(calls_that_do_not_fail)
{
	static char text[] = "text";

	calls = 0;
	ck_assert_int_eq(must(one_more()), 1);
	ck_assert_int_eq(must_neg(must(one_more()) + one_more()), 5);
	ck_assert_ptr_eq(must_ptr(strchr(must_ptr(strchr(text, 't')), 'x')),
			 text + 2);
	ck_assert_int_eq(must_zero(calls - 3), 0);
	ck_assert_uint_eq(sizeof must((int64_t)1), sizeof(int64_t));
}
END_TEST

START_TEST(skips_all)
{
	struct outcome got = play_lab(LAB(SCENE(skips)), NULL);

	ck_assert_int_eq(got.exit, 77);
	assert_has(got.out, "             - no teapot here: buy one\n");
	outcome_free(&got);
}
END_TEST

START_TEST(skips_some)
{
	struct outcome got = play_lab(LAB(SCENE(skips), SCENE(holds)), NULL);

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "\n2 claims held, none failed; "
			    "1 scene skipped (skips)\n");
	outcome_free(&got);
}
END_TEST

static void fails_then_skips(void)
{
	claim(false, "this one fails");
	skip("no teapot here");
}

START_TEST(skip_hides_no_failure)
{
	struct outcome got = play_lab(LAB(SCENE(fails_then_skips)), NULL);

	ck_assert_int_eq(got.exit, 1);
	outcome_free(&got);
}
END_TEST

// The player would wait for ever.
static void child_skips(void)
{
	if (fork_as("child") == 0)
		skip("the child lacks a teapot");
	wait_for_ever();
}

static void reaped_child_skips(void)
{
	pid_t child = fork_as("child");

	if (child == 0)
		skip("the child lacks a teapot");
	reap(child);
	claim(false, "nobody gets here");
}

START_TEST(skip_in_a_child)
{
	struct outcome got = play_lab(LAB(SCENE(child_skips)), NULL);

	ck_assert_int_eq(got.exit, 77);
	assert_has(got.out, "- the child lacks a teapot\n");
	outcome_free(&got);

	got = play_lab(LAB(SCENE(reaped_child_skips)), NULL);
	ck_assert_int_eq(got.exit, 77);
	outcome_free(&got);
}
END_TEST

// What the parent makes of the end of a child that could not begin is nothing.
static void judged_child_skips(void)
{
	pid_t child = fork_as("child");

	if (child == 0)
		skip("the child lacks a teapot");
	must(waitpid(child, NULL, 0));
	say("now that it is over:");
	claim(false, "nobody gets here");
}

static void dies_for_teapots(void)
{
	pid_t child = fork_as("child");

	if (child == 0)
		skip("the child lacks a teapot");
	must(waitpid(child, NULL, 0));
	die_at(__FILE__, __LINE__, "pour()", EPIPE);
}

START_TEST(skip_is_the_last_word)
{
	struct outcome got = play_lab(
		LAB(SCENE(judged_child_skips), SCENE(dies_for_teapots)), NULL);

	ck_assert_int_eq(got.exit, 77);
	ck_assert_str_eq(got.err, "");
	assert_lacks(got.out, "now that it is over");
	ck_assert_int_eq(occurrences(got.out, "- the child lacks a teapot\n"),
			 2);
	outcome_free(&got);
}
END_TEST

static void exits_with_77(void)
{
	claim(true, "so far it is well");
	_exit(77);
}

START_TEST(status_77_is_no_skip)
{
	struct outcome got = play_lab(LAB(SCENE(exits_with_77)), NULL);

	ck_assert_int_eq(got.exit, 1);
	outcome_free(&got);
}
END_TEST

// --- a host without room -----------------------------------------------------------

static void few_descriptors(void)
{
	must(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 3, 3 }));
	must(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static void no_memory(void)
{
	must(mmap(NULL, SIZE_MAX / 4, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
		  -1, 0));
}

static void *no_thread(void *argument)
{
	return argument;
}

static int pthread_create_in_vain(void)
{
	return EAGAIN;
}

static void no_tasks(void)
{
	pthread_t thread;
	struct rlimit none = { 0, 0 };

	if (geteuid() == 0)
		must(setresuid(61235, 61235, 61235));
	must(setrlimit(RLIMIT_NPROC, &none));
	must_zero(pthread_create(&thread, NULL, no_thread, NULL));
}

static void no_children(void)
{
	struct rlimit none = { 0, 0 };

	if (geteuid() == 0)
		must(setresuid(61235, 61235, 61235));
	must(setrlimit(RLIMIT_NPROC, &none));
	if (fork_as("child") == 0)
		_exit(0);
}

START_TEST(no_room_is_a_skip)
{
	struct outcome got = play_lab(LAB(SCENE(few_descriptors),
					  SCENE(no_memory), SCENE(no_tasks),
					  SCENE(no_children)),
				      NULL);

	ck_assert_msg(got.exit == 77, "exit %d:\n%s%s", got.exit, got.out,
		      got.err);
	ck_assert_str_eq(got.err, "");
	assert_has(got.out, "- no descriptor is left: raise ulimit -n\n");
	assert_has(got.out, "- no memory is left: raise ulimit -v, or");
	ck_assert_int_eq(occurrences(got.out, "raise ulimit -u or -v\n"), 2);
	outcome_free(&got);
}
END_TEST

// EAGAIN of what makes no task is a mistake, like any other error.
static void comes_too_early(void)
{
	must_zero(pthread_create_in_vain());
}

START_TEST(too_early_is_no_skip)
{
	struct outcome got = play_lab(LAB(SCENE(comes_too_early)), NULL);

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "pthread_create_in_vain(): EAGAIN");
	outcome_free(&got);
}
END_TEST

// Not even room for the scenes' processes.
static void allow_no_tasks(void)
{
	struct rlimit none = { 0, 0 };

	if (geteuid() == 0 && setresuid(61235, 61235, 61235))
		_exit(1);
	if (setrlimit(RLIMIT_NPROC, &none))
		_exit(1);
}

START_TEST(no_room_to_begin)
{
	char folder[] = "/tmp/oslab-test-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0777), 0);
	setenv("TMPDIR", folder, 1);
	struct outcome got = play_lab_after(allow_no_tasks, LAB(SCENE(holds)),
					    (const char *const[]){ NULL });

	ck_assert_int_eq(got.exit, 77);
	assert_has(got.err, "no scene can be played: no room for one more");
	outcome_free(&got);
	unsetenv("TMPDIR");
	ck_assert_msg(rmdir(folder) == 0, "something is left in %s", folder);
}
END_TEST

// --- lines ------------------------------------------------------------------------

static void many_talk(void)
{
	enum { MANY = 4, LINES = 200 };
	char text[400];
	pid_t children[MANY];

	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < MANY; i++) {
		children[i] = fork_as("talker");
		if (children[i] == 0) {
			for (int j = 0; j < LINES; j++)
				say("<%s>", text);
			_exit(0);
		}
	}
	for (int i = 0; i < MANY; i++)
		reap(children[i]);
	claim(true, "they talked");
}

START_TEST(lines_stay_whole)
{
	struct outcome got = play_lab(LAB(SCENE(many_talk)), NULL);
	int lines = 0;
	char *rest = got.out;

	ck_assert_int_eq(got.exit, 0);
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *text = strchr(line, '<');
		if (!text)
			continue;
		lines++;
		ck_assert_uint_eq(strlen(text), 401);
		ck_assert(text[400] == '>' && !strpbrk(text + 1, "<\n"));
		ck_assert_ptr_nonnull(strstr(line, " ms  talker   <"));
	}
	ck_assert_int_eq(lines, 800);
	outcome_free(&got);
}
END_TEST

static void hides_output(void)
{
	int null = must(open("/dev/null", O_WRONLY));

	must(dup2(null, STDOUT_FILENO));
	say("still heard");
	claim(close_range(3, ~0U, 0) == 0, "every descriptor is closed");
	must(dup2(STDERR_FILENO, STDOUT_FILENO));
	say("heard here");
}

// A scene may play with its own standard output and still be heard; if it
// closes even our copy, we speak where standard output is.
START_TEST(scene_without_output)
{
	struct outcome got = play_lab(LAB(SCENE(hides_output), SCENE(holds)),
				      NULL);

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "still heard\n");
	assert_has(got.err, "heard here\n");
	assert_has(got.out, "\n2 claims held, none failed\n");
	outcome_free(&got);
}
END_TEST

static void speaks_badly(void)
{
	char longest[6000];

	memset(longest, 'y', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	say("\033[31m tab\t newline\n 한글 \xff\xc0\x80 end");
	say("%s", longest);
	claim(true, "%s", longest);
	claim(true, "bytes \xff\xfe and \"quotes\" and 한글");
}

START_TEST(text_is_made_safe)
{
	struct outcome got = play_lab(LAB(SCENE(speaks_badly)), NULL);

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, " ?[31m tab? newline? 한글 ??? end\n");
	assert_has(got.out, "yyy...\n");
	char *rest = got.out;
	for (char *line; (line = strsep(&rest, "\n"));)
		ck_assert_uint_lt(strlen(line), 4096);
	outcome_free(&got);
}
END_TEST

static void speak_c_locale(void)
{
	setenv("LC_ALL", "C", 1);
}

START_TEST(ascii_in_an_ascii_locale)
{
	struct outcome got = play_lab_after(
		speak_c_locale,
		LAB(SCENE(holds), SCENE(fails), SCENE(speaks_badly),
		    { "title", "a · b → c", holds }),
		(const char *[]){ NULL });

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "title - a - b -> c\n");
	assert_has(got.out, "             ok one is one\n");
	assert_has(got.out, "             NO one is two\n");
	for (const char *c = got.out; *c; c++)
		ck_assert_msg(!(*c & 0x80), "byte %#x", (unsigned char)*c);
	outcome_free(&got);
}
END_TEST

static void draws(void)
{
	show("+--+\n|  |\n+--+\n");
	claim(true, "a picture");
}

START_TEST(pictures)
{
	struct outcome got = play_lab(LAB(SCENE(draws)), NULL);

	assert_has(got.out, "\n+--+\n|  |\n+--+\n");
	outcome_free(&got);
	got = play_lab(LAB(SCENE(draws)), "--format=json", NULL);
	assert_lacks(got.out, "+--+");
	outcome_free(&got);
}
END_TEST

static void prints(void)
{
	printf("printed by the scene\n");
	claim(open("/dev/null", O_RDONLY | O_CLOEXEC) == 3,
	      "the first descriptor a scene gets is 3");
}

START_TEST(scene_is_undisturbed)
{
	struct outcome got = play_lab(LAB(SCENE(prints)), NULL);

	ck_assert_msg(got.exit == 0, "%s", got.out);
	assert_has(got.out, "printed by the scene\n");
	outcome_free(&got);
}
END_TEST

Suite *lab_suite(void)
{
	Suite *suite = suite_create("lab");
	TCase *verdicts = tcase_create("verdicts"),
	      *lines = tcase_create("lines");

	suite_add_tcase(suite, verdicts);
	tcase_add_test(verdicts, claims_that_hold);
	tcase_add_test(verdicts, claim_that_fails);
	tcase_add_test(verdicts, scene_without_claim);
	tcase_add_test(verdicts, scene_that_dies);
	tcase_add_test(verdicts, call_that_fails);
	tcase_add_loop_test(verdicts, calls_that_fail_in_each_way, 0,
			    sizeof failures / sizeof *failures);
	tcase_add_test(verdicts, calls_that_do_not_fail);
	tcase_add_test(verdicts, skips_all);
	tcase_add_test(verdicts, skips_some);
	tcase_add_test(verdicts, skip_hides_no_failure);
	tcase_add_test(verdicts, skip_in_a_child);
	tcase_add_test(verdicts, skip_is_the_last_word);
	tcase_add_test(verdicts, no_room_is_a_skip);
	tcase_add_test(verdicts, too_early_is_no_skip);
	tcase_add_test(verdicts, no_room_to_begin);
	tcase_add_test(verdicts, status_77_is_no_skip);

	suite_add_tcase(suite, lines);
	tcase_add_test(lines, lines_stay_whole);
	tcase_add_test(lines, scene_without_output);
	tcase_add_test(lines, text_is_made_safe);
	tcase_add_test(lines, ascii_in_an_ascii_locale);
	tcase_add_test(lines, pictures);
	tcase_add_test(lines, scene_is_undisturbed);

	add_scene_tests(suite);
	add_usage_tests(suite);
	add_terminal_tests(suite);
	add_supervisor_tests(suite);
	return suite;
}

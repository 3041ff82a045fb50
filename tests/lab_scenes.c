// What a scene may do, and what it may not leave behind: children and threads,
// time, states, names.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labs.h"

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1 // as gcc has it
#endif
#endif

// The sanitizer makes each frame several times as large.
#ifdef __SANITIZE_ADDRESS__
enum { LEAST_STACKS = 4 };
#else
enum { LEAST_STACKS = 1 };
#endif

static void holds(void)
{
	claim(1 == 1, "one is one");
}

// --- children and threads ---------------------------------------------------------

static void *claim_in_thread(void *name)
{
	speak_as(name);
	say("I am a thread");
	for (int i = 0; i < 100; i++)
		claim(true, "a thread's claim");
	return NULL;
}

static void many_claim(void)
{
	enum { MANY = 5 };
	pid_t children[MANY];
	pthread_t thread;

	for (int i = 0; i < MANY; i++) {
		children[i] = fork_as("child");
		if (children[i] == 0) {
			for (int j = 0; j < 100; j++)
				claim(true, "a child's claim");
			_exit(0);
		}
	}
	must_zero(pthread_create(&thread, NULL, claim_in_thread, "threadling"));
	must_zero(pthread_join(thread, NULL));
	for (int i = 0; i < MANY; i++)
		reap(children[i]);
	say("I am main");
}

START_TEST(claims_of_all_processes)
{
	struct outcome got = play_lab(LAB(SCENE(many_claim)), NULL);

	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "\n600 claims held, none failed\n");
	ck_assert_int_eq(occurrences(got.out, "✓ a child's claim\n"), 500);
	assert_has(got.out, " ms  threadling I am a thread\n");
	assert_has(got.out, " ms  main     I am main\n");
	outcome_free(&got);
}
END_TEST

static void child_fails(void)
{
	pid_t child = fork_as("child");

	if (child == 0)
		_exit(4);
	reap(child);
	child = fork_as("child");
	if (child == 0)
		raise(SIGTERM);
	reap(child);
}

START_TEST(reap_tells_of_failure)
{
	struct outcome got = play_lab(LAB(SCENE(child_fails)), NULL);

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "ends well: exit status 4\n");
	assert_has(got.out, "ends well: killed by SIGTERM\n");
	assert_has(got.out, "\n0 claims held, 2 failed (child_fails)\n");
	outcome_free(&got);
}
END_TEST

static void too_many_claims(void)
{
	for (int i = 0; i < 16385; i++)
		claim(true, "one of very many");
}

START_TEST(claims_have_a_limit)
{
	struct outcome got = play_lab(LAB(SCENE(too_many_claims)),
				      "--format=json", NULL);

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "the scene makes no more than 16384 claims");
	outcome_free(&got);
}
END_TEST

static void speaks_in_small_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	must_zero(pthread_attr_init(&attributes));
	must_zero(pthread_attr_setstacksize(&attributes,
					    LEAST_STACKS * PTHREAD_STACK_MIN));
	must_zero(
		pthread_create(&thread, &attributes, claim_in_thread, "small"));
	must_zero(pthread_join(thread, NULL));
	must_zero(pthread_attr_destroy(&attributes));
}

// Speaking takes little stack: a fiber or a thread of the least size may.
START_TEST(small_stack)
{
	struct outcome got = play_lab(LAB(SCENE(speaks_in_small_thread)), NULL);

	ck_assert_msg(got.exit == 0, "%s", got.out);
	outcome_free(&got);
}
END_TEST

// The scene sees its grandchild die with the child that forked it.
static void forks_family(void)
{
	int ends[2];
	pid_t grandchild;

	must(pipe(ends));
	pid_t child = fork_as("child");
	if (child == 0) {
		grandchild = fork_as("grandchild");
		if (grandchild == 0)
			wait_for_ever();
		must(write(ends[1], &grandchild, sizeof grandchild));
		wait_for_ever();
	}
	must(read(ends[0], &grandchild, sizeof grandchild));
	must(kill(child, SIGKILL));
	await_state(grandchild, 'Z');
	claim(true, "a grandchild dies with its parent");
}

START_TEST(children_die_with_parents)
{
	struct outcome got = play_lab(LAB(SCENE(forks_family)), NULL);

	ck_assert_msg(got.exit == 0, "%s", got.out);
	outcome_free(&got);
}
END_TEST

// --- time -------------------------------------------------------------------------

static pid_t *orphan;

// A grandchild in a session of its own whose parent is gone, stopped, too.
static void leaves_orphan(void)
{
	pid_t child = must(fork());

	if (child == 0) {
		must(setsid());
		if (must(fork()) == 0) {
			*orphan = getpid();
			raise(SIGSTOP);
			wait_for_ever();
		}
		_exit(0);
	}
	reap(child);
	while (!*(volatile pid_t *)orphan)
		sched_yield();
	await_state(*orphan, 'T');
	claim(true, "an orphan in a session of its own is stopped");
}

START_TEST(nobody_is_left)
{
	orphan = shared_memory(sizeof *orphan);
	struct outcome got = play_lab(LAB(SCENE(leaves_orphan)), NULL);

	ck_assert_msg(got.exit == 0, "%s", got.out);
	ck_assert_int_gt(*orphan, 0);
	ck_assert(is_gone(*orphan));
	outcome_free(&got);
}
END_TEST

static void never_ends(void)
{
	leaves_orphan();
	wait_for_ever();
}

START_TEST(watchdog)
{
	orphan = shared_memory(sizeof *orphan);
	struct outcome got = play_lab(LAB(SCENE(never_ends), SCENE(holds)),
				      "--timeout=1s", NULL);

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "✗ the scene ends within 1.0 s\n");
	assert_has(got.out, "one is one");
	ck_assert(is_gone(*orphan));
	outcome_free(&got);
}
END_TEST

static void talks_a_while(void)
{
	for (int i = 0; i < 8; i++)
		say("line %d", i);
	claim(true, "it was not too long");
}

// Nine lines, eight pauses: longer than the scene may take. (A pause has a
// least length, which the kernel guarantees; nothing is asserted of a longest.)
START_TEST(slow_is_not_counted)
{
	int64_t begin = now_ns();
	struct outcome got = play_lab(LAB(SCENE(talks_a_while)), "--timeout=1s",
				      "--slow=200ms", NULL);

	ck_assert_msg(got.exit == 0, "%s", got.out);
	ck_assert_int_ge(now_ns() - begin, INT64_C(8) * 200000000);
	outcome_free(&got);
}
END_TEST

static int *shared_flag;

static void sleeps_after_talking(void)
{
	int ends[2];
	char byte;

	must(pipe(ends));
	*shared_flag = 0;
	pid_t child = fork_as("child");
	if (child == 0) {
		say("one");
		say("two");
		say("three");
		__atomic_store_n(shared_flag, 1, __ATOMIC_SEQ_CST);
		must(read(ends[0], &byte, 1));
		_exit(0);
	}
	await_state(child, 'S');
	claim(__atomic_load_n(shared_flag, __ATOMIC_SEQ_CST) == 1,
	      "the child sleeps in read, not in a pause for the reader");
	must(write(ends[1], "x", 1));
	reap(child);
}

START_TEST(pause_is_no_state)
{
	shared_flag = shared_memory(sizeof *shared_flag);
	struct outcome got = play_lab(LAB(SCENE(sleeps_after_talking)),
				      "--slow=50ms", NULL);

	ck_assert_msg(got.exit == 0, "%s", got.out);
	outcome_free(&got);
}
END_TEST

static void awaits_the_dead(void)
{
	pid_t child = fork_as("child");

	if (child == 0)
		_exit(0);
	await_state(child, 'Z');
	claim(true, "a child that has ended is a zombie");
	reap(child);
	await_state(child, 'Z');
}

START_TEST(states)
{
	struct outcome got = play_lab(LAB(SCENE(awaits_the_dead)), NULL);

	ck_assert_int_eq(got.exit, 1);
	assert_has(got.out, "✓ a child that has ended is a zombie");
	assert_has(got.err, "await_state: ESRCH");
	outcome_free(&got);
}
END_TEST

// --- names ------------------------------------------------------------------------

static char *names_seen;

static void names_things(void)
{
	const char *name = fresh_name(), *path = fresh_path();

	must(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
	must(open(path, O_CREAT | O_EXCL | O_RDWR, 0600));
	snprintf(names_seen, 4096, "%s %s", name, path);
	claim(strcmp(name, fresh_name()) != 0, "two names differ");
	raise(SIGKILL);
}

static void sees_no_names(void)
{
	char name[256], path[256];

	claim(sscanf(names_seen, "%255s %255s", name, path) == 2,
	      "the scene before this one named two objects");
	claim(shm_open(name, O_RDWR, 0) == -1 && errno == ENOENT,
	      "its shared memory is gone");
	claim(open(path, O_RDWR) == -1 && errno == ENOENT, "its file is gone");
}

START_TEST(names_end_with_the_scene)
{
	names_seen = shared_memory(4096);
	struct outcome got =
		play_lab(LAB(SCENE(names_things), SCENE(sees_no_names)), NULL);

	assert_has(got.out, "\n4 claims held, 1 failed (names_things)\n");
	outcome_free(&got);
}
END_TEST

// --- sanitizers -------------------------------------------------------------------

#ifdef __SANITIZE_ADDRESS__
static void *volatile lost;

static void leaks(void)
{
	claim(true, "so far it is well");
	for (int i = 0; i < 10; i++)
		lost = malloc(100);
	lost = NULL;
}

START_TEST(leak_is_found)
{
	struct outcome got = play_lab(LAB(SCENE(leaks)), NULL);
	const char *asan = getenv("ASAN_OPTIONS");

	if (!asan || !strstr(asan, "detect_leaks=0")) {
		ck_assert_int_eq(got.exit, 1);
		assert_has(got.err, "LeakSanitizer");
	}
	outcome_free(&got);
}
END_TEST
#endif

void add_scene_tests(Suite *suite)
{
	TCase *all = tcase_create("processes"), *time = tcase_create("time");

	suite_add_tcase(suite, all);
	tcase_add_test(all, claims_of_all_processes);
	tcase_add_test(all, small_stack);
	tcase_add_test(all, reap_tells_of_failure);
	tcase_add_test(all, claims_have_a_limit);
	tcase_add_test(all, children_die_with_parents);
	tcase_add_test(all, nobody_is_left);
	tcase_add_test(all, states);
	tcase_add_test(all, names_end_with_the_scene);
#ifdef __SANITIZE_ADDRESS__
	tcase_add_test(all, leak_is_found);
#endif

	suite_add_tcase(suite, time);
	tcase_add_test(time, watchdog);
	tcase_add_test(time, slow_is_not_counted);
	tcase_add_test(time, pause_is_no_state);
}

// Signals, and who is left: front, guard and body (lib/supervisor.h).

#define _GNU_SOURCE
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labs.h"

// What the body and the test tell each other.
static struct shared {
	volatile pid_t guard, body, orphan;
	volatile int ready, interrupts, done;
} * shared;

typedef int body_function(void *argument);

// supervise() in a child that leads a group of its own.
static pid_t begin(body_function *body, void (*prepare)(void))
{
	shared = shared_memory(sizeof *shared);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid_t front = fork_fresh();
	if (front == 0) {
		// SIGQUIT is to leave no core file
		if (setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 }) == -1 ||
		    setpgid(0, 0) == -1)
			_exit(126);
		if (prepare)
			prepare();
		_exit(supervise(body, NULL));
	}
	return front;
}

// A session of its own, a parent that is gone, and SIGSTOP: nothing short of
// SIGKILL ends this one, and no group reaches it.
static void leave_orphan(void)
{
	pid_t child = must(fork());

	if (child == 0) {
		must(setsid());
		if (must(fork()) == 0) {
			shared->orphan = getpid();
			raise(SIGSTOP);
			wait_for_ever();
		}
		_exit(0);
	}
	must(waitpid(child, NULL, 0));
}

static int body_that_waits(void *argument)
{
	(void)argument;
	shared->body = getpid();
	shared->guard = getppid();
	leave_orphan();
	wait_for_ever();
}

static char state_of(pid_t pid)
{
	char path[32], state = '?';

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *stat = fopen(path, "re");
	if (stat) {
		if (fscanf(stat, "%*d %*s %c", &state) != 1)
			state = '?';
		fclose(stat);
	}
	return state;
}

static bool all_gone(void)
{
	return is_gone(shared->guard) && is_gone(shared->body) &&
	       is_gone(shared->orphan);
}

// --- how it ends ------------------------------------------------------------------

static int body_that_returns_42(void *argument)
{
	(void)argument;
	leave_orphan();
	return 42;
}

START_TEST(returns_status)
{
	int status = status_of(begin(body_that_returns_42, NULL));

	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	ck_assert(is_gone(shared->orphan));
}
END_TEST

static int body_that_dies(void *argument)
{
	(void)argument;
	leave_orphan();
	raise(SIGUSR2);
	return 0;
}

START_TEST(dies_as_the_body_did)
{
	int status = status_of(begin(body_that_dies, NULL));

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR2);
	ck_assert(is_gone(shared->orphan));
}
END_TEST

// --- SIGKILL ----------------------------------------------------------------------

enum victim { FRONT, GUARD, BODY, GROUP, STOPPED_GROUP, VICTIMS };

START_TEST(sigkill)
{
	pid_t front = begin(body_that_waits, NULL);

	await(shared->orphan && state_of(shared->orphan) == 'T');
	if (_i == STOPPED_GROUP) {
		ck_assert_int_eq(kill(-front, SIGSTOP), 0);
		await(state_of(front) == 'T' && state_of(shared->body) == 'T');
	}
	ck_assert_int_ne(state_of(shared->guard), 'T');
	pid_t victim = _i == GUARD   ? shared->guard
		       : _i == BODY  ? shared->body
		       : _i == GROUP ? -front
				     : front;
	ck_assert_int_eq(kill(victim, SIGKILL), 0);
	int status = status_of(front);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	// of the front's own death the guard only hears
	if (_i == GUARD || _i == BODY)
		ck_assert(all_gone());
	await(all_gone());
}
END_TEST

// --- signals that can be caught ---------------------------------------------------

static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

START_TEST(signal_to_the_front)
{
	pid_t front = begin(body_that_waits, NULL);

	await(shared->orphan && state_of(shared->orphan) == 'T');
	ck_assert_int_eq(kill(front, passed_on[_i]), 0);
	int status = status_of(front);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == passed_on[_i]);
	ck_assert(all_gone());
}
END_TEST

static void count_interrupt(int signal_number)
{
	if (signal_number == SIGTERM)
		shared->done = 1;
	else
		shared->interrupts++;
}

// As a benchmark: takes SIGINT as a wish, finishes, and returns 0.
static int body_that_finishes(void *argument)
{
	struct sigaction action = { .sa_handler = count_interrupt };
	sigset_t none;

	(void)argument;
	sigemptyset(&none);
	must(sigaction(SIGINT, &action, NULL));
	must(sigaction(SIGTERM, &action, NULL));
	shared->body = getpid();
	shared->ready = 1;
	while (!shared->done)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return 0;
}

// SIGTERM, which the front hears after SIGINT (the lower number comes first),
// shows that no second SIGINT is under way.
START_TEST(handler_runs_once)
{
	pid_t front = begin(body_that_finishes, NULL);

	await(shared->ready);
	ck_assert_int_eq(kill(front, SIGINT), 0);
	await(shared->interrupts);
	ck_assert_int_eq(kill(front, SIGTERM), 0);
	ck_assert_int_eq(status_of(front), 0);
	ck_assert_int_eq(shared->interrupts, 1);
}
END_TEST

static void ignore_interrupts(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
}

// Whoever starts a program with SIGINT ignored (a shell that knows no job
// control, with &) means it; ignored SIGCHLD would lose the body's status.
START_TEST(ignored_stays_ignored)
{
	pid_t front = begin(body_that_finishes, ignore_interrupts);

	await(shared->ready);
	ck_assert_int_eq(kill(front, SIGINT), 0);
	ck_assert_int_eq(kill(front, SIGTERM), 0);
	ck_assert_int_eq(status_of(front), 0);
	ck_assert_int_eq(shared->interrupts, 0);
}
END_TEST

// What the terminal's driver does at Ctrl-C (there it is sent by the kernel:
// lab_terminal.c) reaches the body once; here from a terminal of our own.
static _Noreturn void be_session(int master, int slave)
{
	close(master);
	if (setsid() == -1 || dup2(slave, STDIN_FILENO) == -1)
		_exit(126);
	// the first terminal a session leader opens becomes its own
	char path[64];
	if (ttyname_r(slave, path, sizeof path) != 0)
		_exit(126);
	FILE *terminal = fopen(path, "r+");
	if (!terminal || tcgetpgrp(STDIN_FILENO) != getpid())
		_exit(126);
	_exit(supervise(body_that_finishes, NULL));
}

START_TEST(ctrl_c_comes_once)
{
	shared = shared_memory(sizeof *shared);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert(master != -1 && grantpt(master) == 0 &&
		  unlockpt(master) == 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ne(slave, -1);
	pid_t front = fork_fresh();
	if (front == 0)
		be_session(master, slave);
	await(shared->ready);
	ck_assert_int_eq(write(master, "\x03", 1), 1);
	await(shared->interrupts);
	ck_assert_int_eq(kill(front, SIGTERM), 0);
	ck_assert_int_eq(status_of(front), 0);
	ck_assert_int_eq(shared->interrupts, 1);
	close(master);
	close(slave);
}
END_TEST

// At any moment of a lab's life.
static void busy_scene(void)
{
	for (int i = 0; i < 3; i++) {
		leave_orphan();
		say("orphan %d", i);
	}
	claim(true, "some orphans are left");
}

START_TEST(any_moment)
{
	const int kill_with[] = { SIGINT, SIGKILL };

	shared = shared_memory(sizeof *shared);
	for (int i = 0; i < (soaking() ? 500 : 40); i++) {
		pid_t front = begin_lab(LAB(SCENE(busy_scene),
					    { "again", "again", busy_scene }),
					(const char *[]){ NULL });
		nanosleep(&(struct timespec){ .tv_nsec = i * 150000 }, NULL);
		kill(front, kill_with[i % 2]);
		status_of(front);
		await(living_child(NULL, 0) == 0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
END_TEST

// --- kill_descendants -------------------------------------------------------------

START_TEST(kills_descendants_only)
{
	shared = shared_memory(sizeof *shared);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	fflush(NULL);
	pid_t sibling = fork();
	if (sibling == 0)
		wait_for_ever();
	pid_t killer = fork();
	if (killer == 0) {
		must(prctl(PR_SET_CHILD_SUBREAPER, 1));
		leave_orphan();
		if (must(fork()) == 0) {
			must(fork());
			__atomic_fetch_add(&shared->ready, 1, __ATOMIC_SEQ_CST);
			wait_for_ever();
		}
		while (shared->ready != 2 || !shared->orphan)
			sched_yield();
		int killed = kill_descendants();
		_exit(killed == 3 && kill_descendants() == 0 &&
				      waitpid(-1, NULL, 0) == -1 &&
				      errno == ECHILD
			      ? 0
			      : 1);
	}
	ck_assert_int_eq(status_of(killer), 0);
	ck_assert(!is_gone(sibling) && is_gone(shared->orphan));
	ck_assert_int_eq(kill(sibling, SIGKILL), 0);
	status_of(sibling);
}
END_TEST

void add_supervisor_tests(Suite *suite)
{
	TCase *supervisor = tcase_create("supervisor");

	suite_add_tcase(suite, supervisor);
	tcase_add_test(supervisor, returns_status);
	tcase_add_test(supervisor, dies_as_the_body_did);
	tcase_add_loop_test(supervisor, sigkill, 0, VICTIMS);
	tcase_add_loop_test(supervisor, signal_to_the_front, 0,
			    sizeof passed_on / sizeof *passed_on);
	tcase_add_test(supervisor, handler_runs_once);
	tcase_add_test(supervisor, ignored_stays_ignored);
	tcase_add_test(supervisor, ctrl_c_comes_once);
	tcase_add_test(supervisor, any_moment);
	tcase_add_test(supervisor, kills_descendants_only);
}

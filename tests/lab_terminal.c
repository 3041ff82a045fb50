// Labs at a terminal: colour, Ctrl-C, Ctrl-Z and fg, `stty tostop`, --predict.
//
// The terminal is a pseudoterminal, pty(7). On it runs a shell of a few lines,
// which does what job control asks of a shell: it leads the session, gives the
// job a process group of its own and the terminal, and tells the test whatever
// wait(2) tells it. Without such a shell the job's group would be orphaned, and
// the kernel would not stop it.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <utmp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "clock.h"
#include "labs.h"

enum { SEEN = 65536, PATIENCE_MS = 60000 };

struct terminal {
	int master;
	pid_t shell;
	pid_t *job;            // shared: the front
	int status;            // what wait told last
	int reports, commands; // pipes from and to the shell
	char seen[SEEN];       // all that was printed
	size_t seen_bytes;
	size_t looked; // expect() has found all up to here
};

struct setting {
	const char *const *arguments;
	bool tostop;          // stty tostop
	bool background;      // the job is started with &
	const char *variable; // set in its environment, or NULL
	int out;              // its standard output, or 0: the terminal
};

// --- the shell ------------------------------------------------------------------

static _Noreturn void be_job(const struct lab *lab,
			     const struct setting *setting)
{
	char *argv[8] = { (char *)"lab" };
	int argc = 1;

	if (setpgid(0, 0) == -1)
		_exit(126);
	if (!setting->background && tcsetpgrp(STDIN_FILENO, getpid()) == -1)
		_exit(126);
	signal(SIGTTOU, SIG_DFL);
	if (setting->out && dup2(setting->out, STDOUT_FILENO) == -1)
		_exit(126);
	setenv("TERM", "xterm", 1);
	if (setting->variable)
		setenv(setting->variable, "1", 1);
	for (; setting->arguments[argc - 1]; argc++)
		argv[argc] = (char *)setting->arguments[argc - 1];
	_exit(lab_main(lab, argc, argv));
}

// Each command is `f`: bring the job to the foreground and let it go on.
static _Noreturn void be_shell(const struct lab *lab,
			       const struct setting *setting,
			       struct terminal *t, int reports, int commands)
{
	struct termios mode;
	int status;
	char command;

	signal(SIGTTOU, SIG_IGN);
	if (tcgetattr(STDIN_FILENO, &mode) == -1)
		_exit(126);
	mode.c_lflag &= ~ECHO;
	mode.c_lflag |= setting->tostop ? TOSTOP : 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &mode) == -1)
		_exit(126);
	pid_t job = fork();
	if (job == 0)
		be_job(lab, setting);
	*t->job = job;
	while (waitpid(job, &status, WUNTRACED) == job) {
		tcsetpgrp(STDIN_FILENO, getpid());
		if (write(reports, &status, sizeof status) == -1 ||
		    !WIFSTOPPED(status))
			break;
		if (read(commands, &command, 1) != 1)
			break;
		tcsetpgrp(STDIN_FILENO, job);
		kill(-job, SIGCONT);
	}
	// until the test has read the terminal to its end
	(void)!read(commands, &command, 1);
	_exit(0);
}

static struct terminal *open_terminal(const struct lab *lab,
				      const struct setting *setting)
{
	struct terminal *t = calloc(1, sizeof *t);
	int reports[2], commands[2];

	ck_assert_ptr_nonnull(t);
	t->job = shared_memory(sizeof *t->job);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe2(reports, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(commands, O_CLOEXEC), 0);
	int slave;
	ck_assert_int_eq(
		openpty(&t->master, &slave, NULL, NULL,
			&(struct winsize){ .ws_row = 24, .ws_col = 80 }),
		0);
	t->shell = fork_fresh();
	if (t->shell == 0) {
		close(commands[1]);
		close(t->master);
		if (login_tty(slave) == -1)
			_exit(126);
		be_shell(lab, setting, t, reports[1], commands[0]);
	}
	close(slave);
	close(reports[1]);
	close(commands[0]);
	t->reports = reports[0];
	t->commands = commands[1];
	return t;
}

// --- what the reader sees and does ------------------------------------------------

static bool read_more(struct terminal *t, int patience_ms)
{
	struct pollfd ready = { .fd = t->master, .events = POLLIN };

	if (poll(&ready, 1, patience_ms) != 1)
		return false;
	ssize_t n = read(t->master, t->seen + t->seen_bytes,
			 SEEN - 1 - t->seen_bytes);
	if (n <= 0)
		return false;
	t->seen_bytes += n;
	t->seen[t->seen_bytes] = '\0';
	return true;
}

// Waits until `text` has been printed, behind all that was expected before.
static void expect(struct terminal *t, const char *text)
{
	const char *found;

	while (!(found = strstr(t->seen + t->looked, text)))
		ck_assert_msg(read_more(t, PATIENCE_MS),
			      "never: \"%s\"; after:\n%s", text, t->seen);
	t->looked = found - t->seen + strlen(text);
}

static void type(struct terminal *t, const char *keys)
{
	ck_assert_int_eq(write(t->master, keys, strlen(keys)), strlen(keys));
}

// Waits until the shell has something to tell of the job. Reads the terminal
// meanwhile, or the job might wait for us.
static int job_status(struct terminal *t)
{
	struct pollfd told = { .fd = t->reports, .events = POLLIN };
	int turns = 0;

	while (poll(&told, 1, 1) == 0) {
		read_more(t, 0);
		ck_assert_msg(turns++ < PATIENCE_MS, "nothing from the job");
	}
	ck_assert_int_eq(read(t->reports, &t->status, sizeof t->status),
			 sizeof t->status);
	return t->status;
}

static void foreground(struct terminal *t)
{
	ck_assert_int_eq(write(t->commands, "f", 1), 1);
}

// Reads what is left, ends the shell, and fails when anybody lives on.
static void close_terminal(struct terminal *t)
{
	while (read_more(t, 0))
		;
	close(t->commands);
	close(t->reports);
	status_of(t->shell);
	close(t->master);
	await(living_child(NULL, 0) == 0);
	free(t);
}

static const char *const none[] = { NULL };

// --- colour -----------------------------------------------------------------------

static void many_speak(void)
{
	static const char *const names[] = { "reader", "writer", "reader" };

	say("I am main");
	for (int i = 0; i < 3; i++) {
		pid_t child = fork_as(names[i]);
		if (child == 0) {
			say("I am the %s", names[i]);
			_exit(0);
		}
		reap(child);
	}
	claim(true, "all spoke");
}

START_TEST(colour_per_speaker)
{
	struct terminal *t = open_terminal(
		LAB(SCENE(many_speak)), &(struct setting){ .arguments = none });
	int status = job_status(t);

	expect(t, "\033[1mmany_speak · what many_speak shows\033[0m\r\n");
	expect(t, " ms  main     I am main\r\n");
	expect(t, " ms  \033[36mreader\033[0m   I am the reader\r\n");
	expect(t, " ms  \033[33mwriter\033[0m   I am the writer\r\n");
	expect(t, " ms  \033[36mreader\033[0m   I am the reader\r\n");
	expect(t, "             \033[32m✓\033[0m all spoke\r\n");
	ck_assert_int_eq(status, 0);
	close_terminal(t);
}
END_TEST

START_TEST(no_colour_when_asked)
{
	struct terminal *t = open_terminal(
		LAB(SCENE(many_speak)),
		&(struct setting){ .arguments = none, .variable = "NO_COLOR" });

	ck_assert_int_eq(job_status(t), 0);
	expect(t, "1 claim held, none failed\r\n");
	ck_assert_ptr_null(strchr(t->seen, '\033'));
	close_terminal(t);
}
END_TEST

// --- Ctrl-C, Ctrl-Z, tostop -------------------------------------------------------

static pid_t *orphan;

static void waits(void)
{
	pid_t child = must(fork());

	if (child == 0) {
		must(setsid());
		if (must(fork()) == 0) {
			*orphan = getpid();
			signal(SIGINT, SIG_IGN);
			wait_for_ever();
		}
		_exit(0);
	}
	reap(child);
	while (!*(volatile pid_t *)orphan)
		sched_yield();
	claim(true, "I wait");
	wait_for_ever();
}

START_TEST(ctrl_c)
{
	orphan = shared_memory(sizeof *orphan);
	struct terminal *t = open_terminal(
		LAB(SCENE(waits)), &(struct setting){ .arguments = none });

	expect(t, "I wait");
	type(t, "\x03");
	int status = job_status(t);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	ck_assert(is_gone(*orphan));
	close_terminal(t);
}
END_TEST

static volatile int *go_on;

static void waits_for_word(void)
{
	claim(true, "I wait");
	while (!*go_on)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	claim(true, "I go on");
}

// Stopped for longer than the scene may take.
START_TEST(ctrl_z_and_fg)
{
	const char *const arguments[] = { "--timeout=2s", NULL };
	go_on = shared_memory(sizeof *go_on);
	struct terminal *t =
		open_terminal(LAB(SCENE(waits_for_word)),
			      &(struct setting){ .arguments = arguments });

	expect(t, "I wait");
	type(t, "\x1a");
	ck_assert(WIFSTOPPED(job_status(t)));
	nanosleep(&(struct timespec){ .tv_sec = 2, .tv_nsec = 500000000 },
		  NULL);
	foreground(t);
	// the manager must have looked at the clock before the scene ends
	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	*go_on = 1;
	expect(t, "I go on");
	ck_assert_int_eq(job_status(t), 0);
	close_terminal(t);
}
END_TEST

START_TEST(killed_while_stopped)
{
	orphan = shared_memory(sizeof *orphan);
	struct terminal *t = open_terminal(
		LAB(SCENE(waits)), &(struct setting){ .arguments = none });

	expect(t, "I wait");
	type(t, "\x1a");
	ck_assert(WIFSTOPPED(job_status(t)));
	ck_assert_int_eq(kill(*t->job, SIGKILL), 0);
	await(is_gone(*orphan));
	close_terminal(t);
}
END_TEST

// Who writes in the background with tostop is stopped, and goes on in the
// foreground as if nothing had been.
START_TEST(tostop)
{
	const struct lab *lab = LAB(SCENE(many_speak));
	struct terminal *t = open_terminal(
		lab, &(struct setting){ .arguments = none, .tostop = true });

	ck_assert_int_eq(job_status(t), 0);
	expect(t, "1 claim held, none failed\r\n");
	close_terminal(t);

	t = open_terminal(lab, &(struct setting){ .arguments = none,
						  .tostop = true,
						  .background = true });
	int status = job_status(t);
	ck_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
	ck_assert_uint_eq(t->seen_bytes, 0);
	foreground(t);
	expect(t, "1 claim held, none failed\r\n");
	ck_assert_int_eq(job_status(t), 0);
	close_terminal(t);
}
END_TEST

// --- predict ----------------------------------------------------------------------

static void claims_in_turn(void)
{
	claim(true, "water is wet");
	pid_t child = fork_as("child");
	if (child == 0) {
		must(setsid());
		claim(true, "stones are hard");
		_exit(0);
	}
	reap(child);
	claim(false, "pigs fly");
}

START_TEST(predicts)
{
	const char *const arguments[] = { "--predict", "--timeout=1s", NULL };
	struct terminal *t =
		open_terminal(LAB(SCENE(claims_in_turn)),
			      &(struct setting){ .arguments = arguments });

	expect(t, " ? water is wet\r\n");
	expect(t, "true or false? ");
	ck_assert_ptr_null(strstr(t->seen, "✓"));
	type(t, "perhaps\n");
	expect(t, "true or false? ");
	// thinking for longer than the scene may take
	nanosleep(&(struct timespec){ .tv_sec = 1, .tv_nsec = 500000000 },
		  NULL);
	type(t, "True\n");
	expect(t, "✓\033[0m water is wet\r\n");
	expect(t, " ? stones are hard\r\n");
	type(t, "f\n");
	expect(t, "✓\033[0m stones are hard\r\n");
	expect(t, " ? pigs fly\r\n");
	type(t, "no\n");
	expect(t, "✗\033[0m pigs fly\r\n");
	expect(t, "\r\n2 claims held, 1 failed (claims_in_turn)\r\n");
	expect(t, "you foresaw 2 of 3\r\n");
	ck_assert_int_eq(WEXITSTATUS(job_status(t)), 1);
	close_terminal(t);
}
END_TEST

// Ctrl-D: no more questions. The questions go to the terminal wherever the
// output goes.
START_TEST(predicts_until_end_of_file)
{
	const char *const arguments[] = { "--predict", NULL };
	int out = memfd_create("out", MFD_CLOEXEC);
	char text[4096] = "";

	ck_assert_int_ne(out, -1);
	struct terminal *t = open_terminal(
		LAB(SCENE(claims_in_turn)),
		&(struct setting){ .arguments = arguments, .out = out });
	expect(t, " ? water is wet\r\n");
	type(t, "y\n");
	expect(t, " ? stones are hard\r\n");
	expect(t, "true or false? ");
	type(t, "\x04");
	ck_assert_int_eq(WEXITSTATUS(job_status(t)), 1);
	ck_assert_ptr_null(strstr(t->seen, "pigs"));
	ck_assert_int_gt(pread(out, text, sizeof text - 1, 0), 0);
	ck_assert_ptr_null(strchr(text, '?'));
	ck_assert_ptr_nonnull(strstr(text, "✗ pigs fly\n"));
	ck_assert_ptr_nonnull(strstr(text, "you foresaw 1 of 1\n"));
	close(out);
	close_terminal(t);
}
END_TEST

void add_terminal_tests(Suite *suite)
{
	TCase *terminal = tcase_create("terminal");

	suite_add_tcase(suite, terminal);
	tcase_add_test(terminal, colour_per_speaker);
	tcase_add_test(terminal, no_colour_when_asked);
	tcase_add_test(terminal, ctrl_c);
	tcase_add_test(terminal, ctrl_z_and_fg);
	tcase_add_test(terminal, killed_while_stopped);
	tcase_add_test(terminal, tostop);
	tcase_add_test(terminal, predicts);
	tcase_add_test(terminal, predicts_until_end_of_file);
}

// # System calls that a signal interrupts
//
// A process that sleeps in a system call is woken for a handler. Then the
// kernel must decide what becomes of the call: it fails with EINTR, or it is
// begun again when the handler returns. SA_RESTART asks for the second; which
// calls honour it is in signal(7).

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ipc/signal/scenes.h"
#include "lab.h"

enum { READ, WRITE };

static int handler_pipe[2];

static void tell(int number)
{
	int saved = errno;

	(void)number;
	(void)!write(handler_pipe[WRITE], "h", 1);
	errno = saved;
}

static void await_handler(void)
{
	char byte;

	must(read(handler_pipe[READ], &byte, 1));
}

// ## EINTR, and how to live with it
//
// The reader sleeps, a handler runs, and read returns -1 with EINTR though
// nothing is wrong. A program either asks for SA_RESTART or calls again itself.
//
// A call that has done a part of its work does not fail: it returns what it
// has. So a write of more than a pipe holds can come back short, with
// SA_RESTART too.

static _Noreturn void be_reader(int fd, int flags)
{
	int interruptions = 0;
	ssize_t n;
	char byte;

	handle(SIGUSR1, tell, flags);
	unblock(SIGUSR1);
	while ((n = read(fd, &byte, 1)) == -1 && errno == EINTR)
		interruptions++;
	say("failures with EINTR: %d; then read returned %zd", interruptions,
	    n);
	claim(n == 1 && interruptions == (flags ? 0 : 1),
	      flags ? "with SA_RESTART read goes on by itself"
		    : "without SA_RESTART read fails once (EINTR)");
	_exit(EXIT_SUCCESS);
}

static void cut_a_write_short(void)
{
	int fd[2];

	must(pipe(fd));
	size_t room = must(fcntl(fd[WRITE], F_GETPIPE_SZ));
	pid_t writer = fork_as("writer");
	if (writer == 0) {
		char *bytes = must_ptr(calloc(2, room));
		handle(SIGUSR1, tell, SA_RESTART);
		unblock(SIGUSR1);
		ssize_t n = must(write(fd[WRITE], bytes, 2 * room));
		say("write of %zu bytes returned %zd", 2 * room, n);
		claim(n > 0 && (size_t)n < 2 * room,
		      "a write that was interrupted halfway returns a part");
		free(bytes);
		_exit(EXIT_SUCCESS);
	}
	await_state(writer, 'S');
	must(kill(writer, SIGUSR1));
	reap(writer);
}

void scene_eintr(void)
{
	int fd[2];

	must(pipe(fd));
	must(pipe(handler_pipe));
	for (int i = 0; i < 2; i++) {
		pid_t reader = fork_as(i ? "restart" : "plain");
		if (reader == 0)
			be_reader(fd[READ], i ? SA_RESTART : 0);
		await_state(reader, 'S');
		must(kill(reader, SIGUSR1));
		await_handler();
		await_state(reader, 'S');
		must(write(fd[WRITE], "x", 1));
		reap(reader);
	}
	cut_a_write_short();
}

// ## Which calls are restarted
//
// The same with seven calls. There is a list in signal(7), and no simple rule:
// reading and waiting for a child are restarted, but reading from a socket with
// a timeout, poll, epoll_wait and nanosleep are not (nor semop(2) or msgrcv(2),
// which need none). So SA_RESTART does not spare a program the check for EINTR.

static long call_read(int fd)
{
	char byte;
	return read(fd, &byte, 1);
}

static long call_waitpid(int unused)
{
	(void)unused;
	pid_t sleeper = fork_as("sleeper");
	if (sleeper == 0)
		for (;;)
			pause();
	return waitpid(sleeper, NULL, 0);
}

static long call_poll(int fd)
{
	return poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1);
}

static long call_epoll_wait(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = must(epoll_create1(EPOLL_CLOEXEC));
	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	return epoll_wait(epoll, &event, 1, -1);
}

static long call_nanosleep(int unused)
{
	(void)unused;
	return nanosleep(&(struct timespec){ .tv_sec = 3600 }, NULL);
}

struct slow_call {
	const char *name;
	long (*call)(int fd);
	int fd;        // nothing ever comes here
	bool restarts; // as signal(7) says
};

static _Noreturn void sleep_in(const struct slow_call *slow, int flags)
{
	handle(SIGUSR1, tell, flags);
	unblock(SIGUSR1);
	if (slow->call(slow->fd) == -1 && errno == EINTR)
		must(write(handler_pipe[WRITE], "E", 1));
	for (;;)
		pause();
}

// After the handler the child sleeps again: in the call, or because the call
// has failed and it has told us so before.
static bool goes_on(const struct slow_call *slow, int flags)
{
	struct pollfd told = { handler_pipe[READ], POLLIN, 0 };
	pid_t child = fork_as(slow->name);

	if (child == 0)
		sleep_in(slow, flags);
	await_state(child, 'S');
	must(kill(child, SIGUSR1));
	await_handler();
	await_state(child, 'S');
	bool failed = must(poll(&told, 1, 0)) == 1;
	if (failed)
		await_handler();
	must(kill(child, SIGKILL));
	must(waitpid(child, NULL, 0));
	return !failed;
}

void scene_restart(void)
{
	enum { CALLS = 7 };
	const struct timeval hour = { .tv_sec = 3600 };
	char text[1024];
	FILE *table = must_ptr(fmemopen(text, sizeof text, "w"));
	int fd[2], socket[2], timed[2], failed = 0, as_listed = 0;

	must(pipe(fd));
	must(pipe(handler_pipe));
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, socket));
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, timed));
	must(setsockopt(timed[0], SOL_SOCKET, SO_RCVTIMEO, &hour, sizeof hour));
	const struct slow_call calls[CALLS] = {
		{ "read a pipe", call_read, fd[READ], true },
		{ "a socket", call_read, socket[0], true },
		{ "SO_RCVTIMEO", call_read, timed[0], false },
		{ "waitpid", call_waitpid, -1, true },
		{ "poll", call_poll, fd[READ], false },
		{ "epoll_wait", call_epoll_wait, fd[READ], false },
		{ "nanosleep", call_nanosleep, -1, false },
	};

	fprintf(table, "%-14s%-14s%s\n", "", "plain", "SA_RESTART");
	for (int i = 0; i < CALLS; i++) {
		bool plain = goes_on(&calls[i], 0);
		bool restart = goes_on(&calls[i], SA_RESTART);
		fprintf(table, "%-14s%-14s%s\n", calls[i].name,
			plain ? "goes on" : "EINTR",
			restart ? "goes on" : "EINTR");
		failed += !plain;
		as_listed += restart == calls[i].restarts;
	}
	must(fclose(table));
	say("a handler runs while a call sleeps. The call:");
	show(text);
	claim(failed == CALLS, "without SA_RESTART each of them fails (EINTR)");
	claim(as_listed == CALLS,
	      "with it, those are restarted that signal(7) lists, no others");
}

// # Lock trials: what fork, close, exec and threads do to a lock
//
// Each trial gets a file of which this process has just locked byte 0, does one
// thing, and then somebody asks for the lock. The scene `locks` makes a table
// of the answers (locks.c).
//
// A trial plays in a process of its own: what it leaves open, and whom it leaves
// behind, can hold no lock of the next.

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "file.h"
#include "lab.h"
#include "locks.h"

// ## Who asks?
//
// Without waiting. True: refused.

static bool open_and_ask(const struct locked *l)
{
	int fd = open_again(l->path);
	bool granted = take(l->kind, fd, 0);

	must(close(fd));
	return !granted;
}

static bool ask_by_copy(const struct locked *l)
{
	return !take(l->kind, l->fd, 0);
}

static bool ask_for_byte_1(const struct locked *l)
{
	return !take(l->kind, open_again(l->path), 1);
}

static bool another_process(const struct locked *l)
{
	return in_child(open_and_ask, l);
}

static bool child_by_its_copy(const struct locked *l)
{
	return in_child(ask_by_copy, l);
}

static bool another_byte(const struct locked *l)
{
	return in_child(ask_for_byte_1, l);
}

static void *ask_in_thread(void *l)
{
	return open_and_ask(l) ? l : NULL;
}

static bool another_thread(const struct locked *l)
{
	pthread_t thread;
	void *refused;

	must_zero(pthread_create(&thread, NULL, ask_in_thread, (void *)l));
	must_zero(pthread_join(thread, &refused));
	return refused;
}

// ## What is done before?

static void close_another_open(const struct locked *l)
{
	must(close(open_again(l->path)));
}

static void close_a_dup(const struct locked *l)
{
	must(close(must(dup(l->fd))));
}

static void child_closes(const struct locked *l)
{
	pid_t child = fork_as("child");

	if (child == 0)
		_exit(close(l->fd) != 0);
	reap(child);
}

static void child_unlocks(const struct locked *l)
{
	pid_t child = fork_as("child");

	if (child == 0) {
		drop(l->kind, l->fd);
		_exit(0);
	}
	reap(child);
}

// The child has a copy of the descriptor, all others are closed.
static void child_has_the_last(const struct locked *l)
{
	if (fork_as("child") == 0)
		for (;;)
			pause();
	must(close(l->fd));
}

// A child locks and becomes another program, with the descriptor open. That it
// has become one shows in a pipe: exec closes its end, and read returns.
static void exec_keeping(const struct locked *l)
{
	int began[2], input[2];
	char byte;

	must(close(l->fd));
	must(pipe2(began, O_CLOEXEC));
	must(pipe2(input, O_CLOEXEC));
	if (fork_as("child") == 0) {
		if (!take(l->kind, must(open(l->path, O_RDWR)), 0))
			_exit(1);
		must(dup2(input[0], STDIN_FILENO));
		must(execlp("cat", "cat", (char *)NULL));
	}
	must(close(began[1]));
	must(read(began[0], &byte, 1));
}

static void lock_and_die(const struct locked *l)
{
	must(close(l->fd));
	pid_t child = fork_as("child");
	if (child == 0)
		_exit(!take(l->kind, open_again(l->path), 0));
	reap(child);
}

// In the order of `enum trial`.
const struct lock_trial lock_trials[TRIALS] = {
	{ "another process",       NULL,               another_process },
	{ "my child, its copy",    NULL,               child_by_its_copy },
	{ "my own second open",    NULL,               open_and_ask },
	{ "my thread, own open",   NULL,               another_thread },
	{ "who wants byte 1",      NULL,               another_byte },
	{ "another open closed",   close_another_open, another_process },
	{ "a dup closed",          close_a_dup,        another_process },
	{ "child closed its copy", child_closes,       another_process },
	{ "child unlocked it",     child_unlocks,      another_process },
	{ "only a child has it",   child_has_the_last, another_process },
	{ "exec",                  exec_keeping,       another_process },
	{ "death",                 lock_and_die,       another_process },
};

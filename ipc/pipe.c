// # Pipe: a stream of bytes through the kernel
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// Two processes cannot see each other's memory, so what one wants the other
// to know has to pass through the kernel. A pipe is the oldest way: a buffer
// in kernel memory with a write end and a read end, each a file descriptor.
// It keeps bytes in order, makes the reader wait while it is empty and the
// writer while it is full, and tells each side when the other is gone. That
// is all a shell needs to make one program of several.
//
//     $ build/ipc/pipe              every scene
//     $ build/ipc/pipe eof          one of them
//
//     capacity · a full pipe makes its writer wait
//         0.69 ms  writer   writing 131072 bytes at once
//         4.05 ms  main     the writer sleeps; in the pipe are 65536 bytes
//                  ✓ written at once, F_GETPIPE_SZ bytes fit into a pipe
//         4.28 ms  writer   write returned 131072
//                  ✓ reading lets the writer finish its write
//
// Try: in `broken`, fork_as() a child that only sleeps, before the close. Why
// does nobody die now? Then find the forgotten close in a pipeline of a shell
// (ipc/pipeline.c has one).
//
// Read next: ipc/pipeline.c (programs joined by pipes), ipc/pipebuf.c (the
// buffer inside, and several writers), ipc/splice.c (through a pipe without a
// copy), ipc/channel/pipe.c (a pipe as a part to build with).
// Sources: pipe(7), pipe(2), fcntl(2), signal(7), capabilities(7);
// POSIX.1-2017, write().

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "lab.h"
#include "privilege.h"

enum { READ, WRITE };

// How many bytes lie in a pipe and wait to be read.
static size_t held(int fd)
{
	int bytes;

	must(ioctl(fd, FIONREAD, &bytes));
	return bytes;
}

// ## A stream has no messages
//
// Three writes, one read. The kernel remembers the bytes and their order, not
// where one write ended and the next began: a program that needs messages has
// to put lengths or separators into the stream itself.

static void stream(void)
{
	int fd[2];
	char got[32] = "";

	must(pipe(fd));
	must(write(fd[WRITE], "one ", 4));
	must(write(fd[WRITE], "two ", 4));
	must(write(fd[WRITE], "three", 5));
	ssize_t n = must(read(fd[READ], got, sizeof got - 1));

	say("wrote 4 + 4 + 5 bytes; one read returned %zd: \"%s\"", n, got);
	claim(n == 13 && !strcmp(got, "one two three"),
	      "a pipe keeps the order of bytes and forgets the writes");
}

// ## An empty pipe makes its reader wait
//
// The reader asks first and finds nothing. The kernel takes it off the CPU:
// its state in /proc becomes S, sleeping, until bytes arrive. Nobody polls,
// so waiting costs nothing. We write only once we have seen that.

static void wait_for_data(void)
{
	int fd[2];
	char byte = 0;

	must(pipe(fd));
	pid_t reader = fork_as("reader");
	if (reader == 0) {
		say("reading from an empty pipe");
		must(read(fd[READ], &byte, 1));
		say("read returned '%c'", byte);
		claim(byte == 'x', "a write wakes the reader");
		_exit(0);
	}
	await_state(reader, 'S');
	claim(held(fd[READ]) == 0,
	      "the pipe is empty, and its reader sleeps (state S)");
	say("writing one byte");
	must(write(fd[WRITE], "x", 1));
	reap(reader);
}

// ## A full pipe makes its writer wait
//
// The room is limited (16 pages unless it is changed, see ipc/pipebuf.c), and
// that is a service: a fast writer cannot run away from a slow reader. Here
// the writer has twice what fits. It sleeps at the brim, in the middle of its
// one write(), until we have read. The rest then follows by itself.

static void capacity(void)
{
	int fd[2];

	must(pipe(fd));
	size_t size = must(fcntl(fd[WRITE], F_GETPIPE_SZ)), got = 0;
	char *bytes = must_ptr(calloc(2, size));
	pid_t writer = fork_as("writer");
	if (writer == 0) {
		say("writing %zu bytes at once", 2 * size);
		ssize_t n = must(write(fd[WRITE], bytes, 2 * size));
		say("write returned %zd", n);
		_exit(n == (ssize_t)(2 * size) ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	await_state(writer, 'S');
	say("the writer sleeps; in the pipe are %zu bytes", held(fd[READ]));
	claim(held(fd[READ]) == size,
	      "written at once, F_GETPIPE_SZ bytes fit into a pipe");
	while (got < 2 * size)
		got += must(read(fd[READ], bytes, 2 * size));
	reap(writer);
	claim(held(fd[READ]) == 0, "reading lets the writer finish its write");
	free(bytes);
}

// ## The room can be changed
//
// F_SETPIPE_SZ rounds up to a power of two pages and returns what it made. It
// never drops a byte: a size that has too few pages for what is inside is
// refused with EBUSY. And kernel memory is not for everyone to take: above
// /proc/sys/fs/pipe-max-size it wants CAP_SYS_RESOURCE, which root in a
// container or virtual machine may lack, too. So a child gives up all its
// capabilities, as anybody may (capset(2)), and asks.

static int set_size(int fd, size_t bytes)
{
	int size = fcntl(fd, F_SETPIPE_SZ, (int)bytes);

	if (size == -1 && errno == EPERM)
		skip("this user's pipes together have all the room that "
		     "/proc/sys/fs/pipe-user-pages-soft allows: raise it");
	return must(size);
}

static void ask_without_capabilities(size_t bytes)
{
	int fd[2];

	give_up_capabilities();
	must(pipe(fd));
	int result = fcntl(fd[WRITE], F_SETPIPE_SZ, (int)bytes);
	int error = result == -1 ? errno : 0;
	claim(error == EPERM, "without a capability it is refused (EPERM)");
}

static void resize(void)
{
	int fd[2], page = must(sysconf(_SC_PAGESIZE));
	char line[HOST_TEXT], *three_pages = must_ptr(calloc(3, page));

	must(pipe(fd));
	int one = set_size(fd[WRITE], 1), two = set_size(fd[WRITE], page + 1);
	int eight = set_size(fd[WRITE], 5 * page);
	say("asked for 1, %d and %d bytes, got %d, %d and %d", page + 1,
	    5 * page, one, two, eight);
	claim(one == page && two == 2 * page && eight == 8 * page,
	      "the room is a power of two pages");

	must(write(fd[WRITE], three_pages, 3 * page));
	free(three_pages);
	bool shrunk = fcntl(fd[WRITE], F_SETPIPE_SZ, 2 * page) != -1;
	claim(!shrunk && errno == EBUSY,
	      "with 3 pages inside it cannot shrink to 2 (EBUSY)");
	int four = set_size(fd[WRITE], 4 * page);
	claim(four == 4 * page && held(fd[READ]) == 3 * (size_t)page,
	      "to 4 it can, and every byte is still there");

	host_line("/proc/sys/fs/pipe-max-size", line, sizeof line);
	size_t limit = strtoul(line, NULL, 10);
	if (limit == 0 || limit > INT_MAX / 2)
		skip("/proc/sys/fs/pipe-max-size, '%s', is no limit of which "
		     "twice can be asked for",
		     line);
	bool granted = fcntl(fd[WRITE], F_SETPIPE_SZ, (int)(2 * limit)) != -1;
	say("pipe-max-size is %zu; I ask for twice that and am %s", limit,
	    granted ? "granted it (CAP_SYS_RESOURCE)" : "refused");
	pid_t child = fork_as("child");
	if (child == 0) {
		ask_without_capabilities(2 * limit);
		_exit(0);
	}
	reap(child);
}

// ## End of file: when the last writer is gone
//
// read() returns 0 once every copy of the write end is closed. Every copy:
// fork() duplicates descriptors, so a reader that keeps its own write end
// open waits for itself, for ever. Forgetting this close is the classic bug.
// Here one reader remembers it and one does not.

static pid_t fork_reader(const char *name, const int fd[2], bool remembers)
{
	char byte;
	pid_t reader = fork_as(name);

	if (reader > 0)
		return reader;
	if (remembers)
		must(close(fd[WRITE]));
	must(read(fd[READ], &byte, 1));
	ssize_t n = must(read(fd[READ], &byte, 1));
	claim(n == 0, "read returns 0 once the last write end is closed");
	_exit(0);
}

static pid_t feed_reader(const char *name, bool remembers)
{
	int fd[2];

	must(pipe(fd));
	pid_t reader = fork_reader(name, fd, remembers);
	must(write(fd[WRITE], "x", 1));
	must(close(fd[WRITE]));
	while (held(fd[READ]) > 0)
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	must(close(fd[READ]));
	return reader;
}

static void eof(void)
{
	reap(feed_reader("careful", true));

	pid_t reader = feed_reader("forgetful", false);
	await_state(reader, 'S');
	say("forgetful has read its byte and sleeps, and we are long gone");
	claim(waitpid(reader, NULL, WNOHANG) == 0,
	      "a reader that holds a write end waits for itself");
	must(kill(reader, SIGKILL));
	must(waitpid(reader, NULL, 0));
}

// ## Writing to nobody
//
// With no reader left the bytes could never be read. The kernel sends SIGPIPE,
// which kills whoever does not know better: a filter need not check for it.
// Who ignores the signal is told by write(), with EPIPE, and has to look.
//
// Whether it is ignored is inherited, even by a new program (execve(2)): who
// depends on it says what it wants.

static void broken(void)
{
	int fd[2], status;

	must(pipe(fd));
	must(close(fd[READ]));
	pid_t writer = fork_as("writer");
	if (writer == 0) {
		must(signal(SIGPIPE, SIG_DFL));
		say("writing to a pipe that nobody reads");
		must(write(fd[WRITE], "x", 1));
		_exit(0);
	}
	must(waitpid(writer, &status, 0));
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE,
	      "SIGPIPE kills the writer before write returns");

	must(signal(SIGPIPE, SIG_IGN));
	int error = write(fd[WRITE], "x", 1) == -1 ? errno : 0;
	say("I ignore SIGPIPE, and write says: %s", strerror(error));
	claim(error == EPIPE, "if it is ignored, write fails with EPIPE");
}

static const struct scene scenes[] = {
	{ "stream",   "a stream has no messages",              stream },
	{ "wait",     "an empty pipe makes its reader wait",   wait_for_data },
	{ "capacity", "a full pipe makes its writer wait",     capacity },
	{ "resize",   "the room can be changed, within limits", resize },
	{ "eof",      "end of file: the last writer is gone",  eof },
	{ "broken",   "writing to nobody",                     broken },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/pipe",
	.summary = "a one-way stream of bytes through the kernel",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// # Pipebuf: the buffer inside a pipe
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// A pipe promises more than order. Writes of up to PIPE_BUF bytes (4096 on
// Linux) stay whole, however many processes write: this is what lets several
// programs share one log. And its room is not measured in bytes but in pages,
// so how much it holds depends on how it is filled.
//
//     $ build/ipc/pipebuf              every scene
//     $ build/ipc/pipebuf torn         one of them
//
//     atomic · up to PIPE_BUF bytes stay whole
//         4.44 ms  main     room for 4095 bytes, and a writer that has 4096 sleeps
//                  ✓ it has not put in a single byte
//        15.19 ms  main     three writers, messages of PIPE_BUF bytes:
//      0  AAAAaaaaBBBBCCCC
//     16  AAAAbbbbccccaaaa
//     32  BBBBCCCCbbbbcccc
//                  ✓ not one message is torn
//
// Try: give the writers of `torn` messages of two pages. Which are torn, and
// why just these? Then let those of `atomic` write with O_NONBLOCK: what must a
// writer do that gets EAGAIN, and do its messages stay whole?
//
// Read next: ipc/splice.c (pages put into a pipe instead of bytes), ipc/pipe.c
// (if you have not: what a pipe is).
// Sources: pipe(7), "PIPE_BUF" and "Pipe capacity"; pipe(2), O_DIRECT;
// POSIX.1-2017, write().

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"

enum { READ, WRITE };

// 4 KiB on x86-64, up to 64 KiB on aarch64.
static size_t page_bytes(void)
{
	return must(sysconf(_SC_PAGESIZE));
}

// How many bytes lie in a pipe and wait to be read.
static size_t held(int fd)
{
	int bytes;

	must(ioctl(fd, FIONREAD, &bytes));
	return bytes;
}

// ## Room is counted in pages
//
// A pipe is a ring of pages. A write first looks at the page that the last one
// left unfilled: what it has beyond whole pages goes there if all of that fits.
// If not, it starts on new pages, and the rest of the old one stays empty. So
// bytes and whole pages fill a pipe, and pieces of half a page and one byte
// waste almost half of it. O_NONBLOCK finds the brim: the write that would
// have to wait fails with EAGAIN.

static size_t fill_with_pieces(size_t piece_bytes)
{
	int fd[2];
	char *piece = must_ptr(calloc(1, piece_bytes));

	must(pipe2(fd, O_NONBLOCK));
	while (write(fd[WRITE], piece, piece_bytes) != -1)
		;
	if (errno != EAGAIN)
		die_at(__FILE__, __LINE__, "write(piece)", errno);
	size_t bytes = held(fd[READ]);
	must(close(fd[READ]));
	must(close(fd[WRITE]));
	free(piece);
	return bytes;
}

static void pieces(void)
{
	size_t page = page_bytes(), took[4];
	const size_t sizes[4] = { 1, page, page + 1, page / 2 + 1 };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char labels[4][32], notes[4][32];
	struct bar bars[4];
	int fd[2];

	must(pipe(fd));
	size_t room = must(fcntl(fd[WRITE], F_GETPIPE_SZ));
	say("F_GETPIPE_SZ is %zu: %zu pages. It holds, in pieces of", room,
	    room / page);
	for (int i = 0; i < 4; i++) {
		took[i] = fill_with_pieces(sizes[i]);
		snprintf(labels[i], sizeof *labels, "%zu B", sizes[i]);
		snprintf(notes[i], sizeof *notes, "%zu B", took[i]);
		bars[i] = (struct bar){ labels[i], notes[i], took[i] };
	}
	char *picture = must_ptr(draw_bars(&canvas, bars, 4, false));
	show(picture);
	free(picture);

	claim(took[0] == room && took[1] == room,
	      "single bytes and whole pages fill a pipe to F_GETPIPE_SZ");
	claim(took[3] == room / page * sizes[3],
	      "a piece of half a page and one byte takes a page each time");
}

// ## Messages, if they are asked for
//
// With O_DIRECT each write (of up to PIPE_BUF bytes) is a packet, and a read
// takes one packet. Each has a page to itself, however small it is, and a read
// that asks for less than a packet loses the rest.

static void packets(void)
{
	int fd[2];
	char got[32] = "";
	size_t fitted = 0;

	if (pipe2(fd, O_DIRECT | O_NONBLOCK) == -1)
		skip("pipes have no packets here (pipe2, O_DIRECT): %s",
		     strerror(errno));
	must(write(fd[WRITE], "one", 3));
	must(write(fd[WRITE], "two and a half", 14));
	ssize_t n = must(read(fd[READ], got, sizeof got));
	claim(n == 3 && !memcmp(got, "one", 3), "one read returns one write");
	must(read(fd[READ], got, 3));
	must(write(fd[WRITE], "three", 5));
	n = must(read(fd[READ], got, sizeof got));
	say("read 3 bytes of \"two and a half\"; next came \"%.*s\"", (int)n,
	    got);
	claim(n == 5 && !memcmp(got, "three", 5),
	      "what a read leaves of a packet is lost");

	while (write(fd[WRITE], "x", 1) == 1)
		fitted++;
	size_t pages = must(fcntl(fd[WRITE], F_GETPIPE_SZ)) / page_bytes();
	say("after %zu packets of one byte it is full", fitted);
	claim(fitted == pages, "a packet takes a page");
}

// ## Several writers
//
// Three writers fill a pipe of a single page, so all soon sleep in write(),
// with something still to say. The reader takes a page, waits until the pipe
// is full again, and takes the next: so at every page the kernel has to choose
// who goes on. What came out is drawn, a cell for each quarter of a page: the
// writer's letter, large and small by turns, a message each.
//
// The messages are all of one size and the stream begins with one. So as long
// as they are whole, each begins at a multiple of that size. One is torn if
// bytes of another lie between its own.

enum { WRITERS = 3, PAGES_EACH = 4, CELLS = WRITERS * PAGES_EACH * 4 };
enum { LARGE = 'A', SMALL = 'a' };

static pid_t fork_writer(char letter, int fd, size_t message_bytes)
{
	pid_t writer = fork_as((char[]){ letter, '\0' });
	size_t left = PAGES_EACH * page_bytes();

	if (writer > 0)
		return writer;
	char *message = must_ptr(malloc(message_bytes));
	for (; left > 0; left -= message_bytes, letter ^= LARGE ^ SMALL) {
		memset(message, letter, message_bytes);
		must(write(fd, message, message_bytes));
	}
	_exit(0);
}

static char *mix(size_t message_bytes)
{
	int fd[2];
	size_t page = page_bytes(), total = WRITERS * PAGES_EACH * page;
	char *bytes = must_ptr(malloc(total));
	pid_t writers[WRITERS];

	must(pipe(fd));
	must(fcntl(fd[WRITE], F_SETPIPE_SZ, (int)page));
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = fork_writer(LARGE + i, fd[WRITE], message_bytes);
		await_state(writers[i], 'S');
	}
	for (size_t got = 0; got < total; got += page) {
		while (held(fd[READ]) < page)
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
		ssize_t n = must(read(fd[READ], bytes + got, page));
		if (n != (ssize_t)page)
			die_at(__FILE__, __LINE__, "read(page)", EIO);
	}
	for (int i = 0; i < WRITERS; i++)
		reap(writers[i]);
	return bytes;
}

static size_t count_torn(const char *bytes, size_t message_bytes)
{
	size_t total = WRITERS * PAGES_EACH * page_bytes(), torn = 0;

	for (size_t at = 0; at < total; at += message_bytes)
		for (size_t i = 1; i < message_bytes; i++)
			if (bytes[at + i] != bytes[at]) {
				torn++;
				break;
			}
	return torn;
}

static void draw_mix(const char *bytes)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char cells[CELLS];

	for (int i = 0; i < CELLS; i++)
		cells[i] = bytes[i * page_bytes() / 4];
	char *picture = must_ptr(draw_map(&canvas, cells, CELLS, CELLS / 3));
	show(picture);
	free(picture);
}

// ## Up to PIPE_BUF bytes stay whole
//
// A message that does not fit is not begun: the writer sleeps until there is
// room for all of it.

static void atomic(void)
{
	int fd[2];
	size_t page = page_bytes(), almost = page - PIPE_BUF + 1;
	char *filler = must_ptr(calloc(1, page));

	must(pipe(fd));
	must(fcntl(fd[WRITE], F_SETPIPE_SZ, (int)page));
	must(write(fd[WRITE], filler, almost));
	pid_t writer = fork_as("writer");
	if (writer == 0) {
		must(write(fd[WRITE], filler, PIPE_BUF));
		_exit(0);
	}
	await_state(writer, 'S');
	say("room for %d bytes, and a writer that has %d sleeps", PIPE_BUF - 1,
	    PIPE_BUF);
	claim(held(fd[READ]) == almost, "it has not put in a single byte");
	must(read(fd[READ], filler, almost));
	reap(writer);
	free(filler);

	char *bytes = mix(PIPE_BUF);
	say("three writers, messages of PIPE_BUF bytes:");
	draw_mix(bytes);
	claim(count_torn(bytes, PIPE_BUF) == 0, "not one message is torn");
	free(bytes);
}

// ## More than PIPE_BUF bytes are torn
//
// A longer write puts in what fits and sleeps halfway; whoever is woken next
// goes on behind it. (Since Linux 5.6 sleeping writers are woken one at a
// time, first come, first served: so they take turns.)

static void torn(void)
{
	size_t message_bytes = PAGES_EACH * page_bytes();
	char *bytes = mix(message_bytes);

	say("three writers, messages of %zu bytes:", message_bytes);
	draw_mix(bytes);
	size_t n = count_torn(bytes, message_bytes);
	claim(n > 0, "messages above PIPE_BUF are torn: %zu of %zu", n,
	      WRITERS * PAGES_EACH * page_bytes() / message_bytes);
	free(bytes);
}

static const struct scene scenes[] = {
	{ "pieces",  "room is counted in pages",            pieces },
	{ "packets", "messages, if they are asked for",     packets },
	{ "atomic",  "up to PIPE_BUF bytes stay whole",     atomic },
	{ "torn",    "more than PIPE_BUF bytes are torn",   torn },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/pipebuf",
	.summary = "how much a pipe holds, and whose bytes stay together",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

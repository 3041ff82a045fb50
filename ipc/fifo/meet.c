// # Meet: a name for a pipe, and how two find each other there

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "draw.h"
#include "fifo.h"
#include "lab.h"

// ## A name, and nothing in it
//
// mkfifo(3) makes an inode with a name, an owner and permissions, but without
// data. All who open it get the same pipe, which lives until the last has closed
// it. Then the name is still there, and what nobody has read is gone.

void name(void)
{
	const char *path = fresh_fifo();
	struct stat facts;
	char text[8] = "";

	int fd = must(open(path, O_RDWR | O_CLOEXEC));
	pid_t writer = fork_as("writer");
	if (writer == 0) {
		must(write(must(open(path, O_WRONLY)), "hello", 5));
		_exit(0);
	}
	reap(writer);
	must(stat(path, &facts));
	must(read(fd, text, 2));
	say("5 bytes written by another, read \"%s\"; file size: %jd", text,
	    (intmax_t)facts.st_size);
	claim(S_ISFIFO(facts.st_mode) && facts.st_size == 0 &&
		      !strcmp(text, "he"),
	      "the name leads both to one pipe; the file itself stays empty");

	must(close(fd));
	fd = must(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	ssize_t n = must(read(fd, text, sizeof text));
	claim(n == 0, "closed by all: the name stays, \"llo\" does not");
}

// ## Opening is a meeting
//
// open(2) of one end waits until somebody opens the other. Reader and writer
// may come in any order, and when open returns each knows that the other is
// there. First a reader has to wait, then, at another FIFO, a writer.

static void open_timed(const char *path, int flags, struct span *span)
{
	int64_t begin_ns = now_ns();

	must(open(path, flags | O_CLOEXEC));
	*span = (struct span){ flags, begin_ns, now_ns(), 'o' };
}

// Who comes first is a child, and sleeps when we come. True when its open did
// not return before ours began. Tracks of the picture: O_RDONLY is 0, O_WRONLY 1.
static const char *const tracks[] = { "reader", "writer" };

static bool meet(int first, int second, struct span spans[2])
{
	const char *path = fresh_fifo();
	pid_t child = fork_as(tracks[first]);

	if (child == 0) {
		open_timed(path, first, &spans[0]);
		_exit(0);
	}
	await_state(child, 'S');
	open_timed(path, second, &spans[1]);
	reap(child);
	return spans[0].end_ns >= spans[1].begin_ns;
}

void rendezvous(void)
{
	struct span *spans = must(mmap(NULL, 4 * sizeof *spans,
				       PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	struct canvas canvas = canvas_of(STDOUT_FILENO);

	say("a reader sleeps in open till a writer comes; then reversed");
	bool reader_waits = meet(O_RDONLY, O_WRONLY, spans);
	bool writer_waits = meet(O_WRONLY, O_RDONLY, spans + 2);
	say("o: inside open(2):");
	char *picture = must_ptr(draw_timeline(&canvas, tracks, 2, spans, 4));
	show(picture);
	free(picture);
	claim(reader_waits, "a reader's open waits for a writer (state S)");
	claim(writer_waits, "a writer's open waits for a reader");
}

// ## Not waiting
//
// With O_NONBLOCK a reader is let in and may look again later. A writer is not,
// its bytes would be for nobody: ENXIO, and so it learns whether a server runs.
// O_RDWR is both at once and meets itself. (POSIX leaves that undefined; Linux
// promises it in fifo(7).)

static const char *outcome(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd == -1)
		return errno == ENXIO ? "ENXIO" : strerror(errno);
	must(close(fd));
	return "opened";
}

// For read(2) a FIFO without writers is at its end; poll(2) tells "not yet" from
// "no more".
static void look_without_writers(void)
{
	const char *path = fresh_fifo();
	char byte;
	int fd = must(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	struct pollfd ready = { fd, POLLIN, 0 };

	int polled = must(poll(&ready, 1, 0));
	claim(polled == 0 && must(read(fd, &byte, 1)) == 0,
	      "no writer yet: read returns 0, and poll reports nothing");
	int writer = must(open(path, O_WRONLY | O_CLOEXEC));
	bool again = read(fd, &byte, 1) == -1 && errno == EAGAIN;
	claim(again, "a writer, but nothing written: read fails with EAGAIN");
	must(close(writer));
	must(poll(&ready, 1, 0));
	claim(ready.revents == POLLHUP && must(read(fd, &byte, 1)) == 0,
	      "the writer has left: read returns 0, and poll says POLLHUP");
}

void without_waiting(void)
{
	static const struct {
		const char *label;
		int flags;
	} ways[] = {
		{ "O_RDONLY | O_NONBLOCK", O_RDONLY | O_NONBLOCK },
		{ "O_WRONLY | O_NONBLOCK", O_WRONLY | O_NONBLOCK },
		{ "O_RDWR",                O_RDWR },
	};
	const char *path = fresh_fifo(), *alone[3], *met[3];
	char table[256];
	int used = snprintf(table, sizeof table, "%-22s %8s %8s\n", "",
			    "nobody", "another");

	for (int i = 0; i < 3; i++) {
		alone[i] = outcome(path, ways[i].flags);
		int another = must(open(path, O_RDWR | O_CLOEXEC));
		met[i] = outcome(path, ways[i].flags);
		must(close(another));
		used += snprintf(table + used, sizeof table - used,
				 "%-22s %8s %8s\n", ways[i].label, alone[i],
				 met[i]);
	}
	say("open(2) of a FIFO that nobody, or another, has open:");
	show(table);
	claim(!strcmp(alone[0], "opened"), "a reader is let in at once");
	claim(!strcmp(alone[1], "ENXIO") && !strcmp(met[1], "opened"),
	      "a writer only if a reader is there: else ENXIO");
	claim(!strcmp(alone[2], "opened"), "O_RDWR waits for nobody");
	look_without_writers();
}

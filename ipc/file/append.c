// # Append: two writers and one end
//
// A log that several processes write. "At the end" is a place that each has to
// find, and that moves while they look for it.

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "file.h"
#include "lab.h"

// ## In the one order that hurts
//
// A goes to the end of the file. Then B, another process, writes its line. Then
// A writes. A process may lose the CPU between two system calls at any time, so
// this happens; we make it happen.
//
//     two opens           A's lseek(2) set A's offset to what was the end then.
//                         Who opens a file gets an offset of his own: it does
//                         not move when the file grows.
//     one open, fork      fork(2) copies the descriptor, not what it stands
//                         for: both share one open file description, and its
//                         offset. That is why the programs of `(date; ls) >log`
//                         do not write over each other.
//     O_APPEND            the kernel finds the end itself, in write(2), while
//                         it holds the inode's lock: nobody comes in between.
//     O_APPEND, 2 writes  each write finds the end anew, and B comes in between.
//
// (On NFS each client looks for the end by itself, and O_APPEND may lose lines:
// open(2).)

struct way {
	const char *label;
	int flags;
	bool share;
	int before; // bytes that A writes before B comes
};

static void write_in_turns(const char *path, const struct way *way)
{
	int a = must(open(path, O_WRONLY | O_CLOEXEC | way->flags));

	must(lseek(a, 0, SEEK_END));
	must(write(a, "AAAA", way->before));
	pid_t writer = fork_as("B");
	if (writer == 0) {
		int b = way->share ? a
				   : must(open(path, O_WRONLY | way->flags));
		must(lseek(b, 0, SEEK_END));
		must(write(b, "BBBB", 4));
		_exit(0);
	}
	reap(writer);
	must(write(a, "AAAA", 4 - way->before));
	must(close(a));
}

void append(void)
{
	static const struct way ways[] = {
		{ "two opens",          0,        false, 0 },
		{ "one open, fork",     0,        true,  0 },
		{ "O_APPEND",           O_APPEND, false, 0 },
		{ "O_APPEND, 2 writes", O_APPEND, false, 2 },
	};
	char after[4][32];
	struct picture picture;

	say("the file is \"oooo\"; A goes to its end, B writes, A writes:");
	picture_begin(&picture);
	for (int i = 0; i < 4; i++) {
		const char *path = file_with("oooo");
		write_in_turns(path, &ways[i]);
		read_text(path, after[i], sizeof after[i]);
		fprintf(picture.stream, "%-20s%s\n", ways[i].label, after[i]);
	}
	picture_end(&picture);
	claim(!strcmp(after[0], "ooooAAAA"),
	      "two opens: A writes over B's line, and B is not told");
	claim(!strcmp(after[1], "ooooBBBBAAAA"),
	      "one open, and fork: they share its offset, nothing is lost");
	claim(!strcmp(after[2], "ooooBBBBAAAA"),
	      "O_APPEND: each write finds the end itself, nothing is lost");
	claim(!strcmp(after[3], "ooooAABBBBAA"),
	      "but a line in two writes is two: B's is in the middle of A's");
}

// ## One write(2), one line
//
// Now all at once, and as often as the scheduler likes. Each line is composed
// first and written by one call. The lines differ in length, so one that was
// written over or torn would be found.

enum { WRITERS = 3, LINES = 40, LONGEST = 80 };

static int compose(char *line, char letter, int number)
{
	int n = snprintf(line, LONGEST, "%c %d ", letter, number);

	memset(line + n, letter, number);
	line[n + number] = '\n';
	return n + number + 1;
}

static pid_t fork_writer(const char *path, char letter, int start)
{
	char line[LONGEST];
	pid_t writer = fork_as((char[]){ letter, '\0' });

	if (writer > 0)
		return writer;
	int fd = must(open(path, O_WRONLY | O_APPEND | O_CLOEXEC));
	must(read(start, line, 1));
	for (int i = 0; i < LINES; i++) {
		must(write(fd, line, compose(line, letter, i)));
		sched_yield();
	}
	_exit(0);
}

// Whether this line (without its newline) is its writer's next one, whole.
static bool is_next(const char *line, int next[WRITERS])
{
	char wanted[LONGEST];
	int writer = *line - 'A';

	if (writer < 0 || writer >= WRITERS)
		return false;
	size_t n = compose(wanted, *line, next[writer]++) - 1;
	return strlen(line) == n && !memcmp(line, wanted, n);
}

void log_of_many(void)
{
	static char text[WRITERS * LINES * LONGEST];
	char whose[WRITERS * LINES];
	const char *path = file_with("");
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	pid_t writers[WRITERS];
	int start[2], next[WRITERS] = { 0 };
	size_t whole = 0, lines = 0;

	must(pipe(start));
	for (int i = 0; i < WRITERS; i++)
		writers[i] = fork_writer(path, (char)('A' + i), start[0]);
	for (int i = 0; i < WRITERS; i++)
		await_state(writers[i], 'S');
	must(write(start[1], "go!", WRITERS));
	for (int i = 0; i < WRITERS; i++)
		reap(writers[i]);

	read_text(path, text, sizeof text);
	for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;
	     lines++)
		if (is_next(line, next) && whole < sizeof whose)
			whose[whole++] = *line;
	say("%d processes appended %d lines each; whose is each line:", WRITERS,
	    LINES);
	char *picture = must_ptr(draw_map(&canvas, whose, whole, 30));
	show(picture);
	free(picture);
	claim(lines == sizeof whose && whole == lines,
	      "all %d lines are there, whole, each writer's in order",
	      WRITERS * LINES);
}

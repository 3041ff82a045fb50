// # Map: the file as memory
//
// mmap(2) gives a process the pages of the file themselves, those in which the
// kernel keeps it anyway: the page cache. read(2) and write(2) copy out of and
// into the same pages. So there is one copy of the file in memory, and no
// msync(2) is needed for others to see a store: msync is for the disk.

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "lab.h"

// ## One page, four views
//
// A and B are two processes that have opened and mapped the file, each for
// itself; P is a private mapping (A's, but anybody's would do). After each act
// the two mappings, read(2) and P say what the file's first byte is.
//
// MAP_PRIVATE means copy-on-write. As long as nobody stores through P, it shows
// the page of the file, and what others do to it. (POSIX leaves that open; on
// Linux it is so.) The first store through P makes a copy of the page for it
// alone: the file never sees it, and P never again sees the file. This is how a
// program's data segment is loaded from its file.

struct views {
	int fd, b; // b: a socket, over which B is asked and answers
	volatile char *a, *p;
};

static pid_t fork_b(const char *path, int asked, int other)
{
	char letter;
	pid_t b = fork_as("B");

	if (b > 0)
		return b;
	must(close(other));
	volatile char *mapped = map_file(open_again(path), 1, MAP_SHARED);
	while (must(read(asked, &letter, 1)) == 1) {
		if (letter != '?')
			*mapped = letter;
		letter = *mapped;
		must(write(asked, &letter, 1));
	}
	_exit(0);
}

// B stores a letter or, with '?', nothing, and answers what it sees then.
static char ask_b(const struct views *v, char letter)
{
	must(write(v->b, &letter, 1));
	must(read(v->b, &letter, 1));
	return letter;
}

// True when the four views are the letters wanted.
static bool all_see(const struct views *v, FILE *picture, const char *act,
		    const char *wanted)
{
	char seen[5] = { *v->a, ask_b(v, '?'), 0, *v->p };

	must(pread(v->fd, &seen[2], 1, 0));
	fprintf(picture, "%-17s%c   %c     %c    %c\n", act, seen[0], seen[1],
		seen[2], seen[3]);
	return !strcmp(seen, wanted);
}

void one_cache(void)
{
	const char *path = file_with("o");
	int fd = open_again(path), ends[2];
	struct picture picture;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	pid_t b = fork_b(path, ends[1], ends[0]);
	struct views v = { fd, ends[0], map_file(fd, 1, MAP_SHARED),
			   map_file(fd, 1, MAP_PRIVATE) };

	say("the file's first byte for A, B, read(2), and P, private:");
	picture_begin(&picture);
	FILE *out = picture.stream;
	fprintf(out, "%-17sA   B   read  P\n", "");
	*v.a = 'a';
	bool stored = all_see(&v, out, "A stores 'a'", "aaaa");
	ask_b(&v, 'b');
	stored &= all_see(&v, out, "B stores 'b'", "bbbb");
	must(pwrite(fd, "w", 1, 0));
	bool written = all_see(&v, out, "write(2) of 'w'", "wwww");
	*v.p = 'p';
	bool copied = all_see(&v, out, "P stores 'p'", "wwwp");
	*v.a = 'z';
	bool parted = all_see(&v, out, "A stores 'z'", "zzzp");
	picture_end(&picture);
	claim(stored,
	      "a store is seen at once by the other process and read(2)");
	claim(written, "and a write(2) by both mappings: one page cache");
	claim(copied, "a store through MAP_PRIVATE is seen by nobody else");
	claim(parted, "and from then on P no longer sees the file");
	must(close(ends[0]));
	reap(b);
}

// ## The file shrinks under the mapping
//
// A mapping does not keep the file as long as it was. When somebody truncates
// it, pages wholly behind the new end are taken out of every mapping, and who
// touches one gets SIGBUS: there is nothing to read, and a load has no way to
// return an error. To look at the size before does not help, the file may shrink
// in between. (read(2) is told: 0 bytes.) Cures: replace by rename(2), never in
// place; or share memory that cannot shrink, a memfd with F_SEAL_SHRINK
// (memfd_create(2), ipc/shm).
//
// The page in which the file ends stays, filled up with zeros. A store there
// does not make the file longer: a mapping cannot.
//
// (PR_SET_DUMPABLE: the reader's death shall leave no core dump.)

static pid_t fork_reader(int fd, int gate, size_t page)
{
	pid_t reader = fork_as("reader");
	char byte;

	if (reader > 0)
		return reader;
	must(signal(SIGBUS, SIG_DFL));
	volatile char *bytes = map_file(fd, 2 * page, MAP_SHARED);
	say("mapped two pages; the second begins with '%c'", bytes[page]);
	must(read(gate, &byte, 1));
	claim(must(pread(fd, &byte, 1, (off_t)page)) == 0,
	      "read(2) of the second page returns 0, the end");
	bytes[10] = 'x';
	claim(bytes[9] == 0 && must(pread(fd, &byte, 1, 10)) == 0,
	      "behind its end the last page is zeros; a store adds nothing");
	say("loading from the second page");
	must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	_exit(bytes[page] == 0);
}

void shrink(void)
{
	int gate[2], status;
	size_t page = must(sysconf(_SC_PAGESIZE));
	char *text = must_ptr(malloc(2 * page + 1));

	memset(text, 't', 2 * page);
	text[2 * page] = '\0';
	const char *path = file_with(text);
	free(text);
	must(pipe(gate));
	pid_t reader = fork_reader(open_again(path), gate[0], page);
	await_state(reader, 'S');
	say("truncating the file to 5 bytes");
	must(truncate(path, 5));
	must(write(gate[1], "x", 1));
	must(waitpid(reader, &status, 0));
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS,
	      "a load from a page behind the end: killed by SIGBUS");
}

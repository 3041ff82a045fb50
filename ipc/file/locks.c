// # Locks: whose is it?
//
// Linux has three kinds of locks on files. They look alike when one process
// holds and another asks, and differ in who the owner is:
//
//     POSIX   fcntl(F_SETLK)       the process (all its threads), on the inode
//     OFD     fcntl(F_OFD_SETLK)   the open file description: what open(2) made
//                                  and dup(2) and fork(2) share
//     flock   flock(LOCK_EX)       the same, but always the whole file
//
// Everything in the table follows from that, with one addition that nobody
// would guess: when a process closes any descriptor of a file, its POSIX locks
// on the file are gone. A library that opens /etc/passwd, reads a line and
// closes it takes your lock with it, and nobody is told. OFD locks (Linux 3.15,
// POSIX.1-2024) are the cure: closing one open file leaves the locks of another
// alone.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "file.h"
#include "lab.h"
#include "locks.h"

static const struct kind kinds[KINDS] = {
	[POSIX] = { "POSIX", F_SETLK },
	[OFD] = { "OFD", F_OFD_SETLK },
	[FLOCK] = { "flock", USE_FLOCK },
};

bool take(const struct kind *kind, int fd, off_t byte)
{
	if (kind->command != USE_FLOCK)
		return lock_byte(fd, kind->command, F_WRLCK, byte) == 0;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno != EWOULDBLOCK)
		die_at(__FILE__, __LINE__, "flock(LOCK_EX)", errno);
	return false;
}

void drop(const struct kind *kind, int fd)
{
	if (kind->command == USE_FLOCK)
		must(flock(fd, LOCK_UN));
	else
		must_zero(lock_byte(fd, kind->command, F_UNLCK, 0));
}

bool in_child(bool (*ask)(const struct locked *), const struct locked *l)
{
	bool *answer = shared_memory(sizeof *answer);
	pid_t child = fork_as("child");

	if (child == 0) {
		*answer = ask(l);
		_exit(0);
	}
	reap(child);
	return *answer;
}

static struct locked lock_file(const struct kind *kind)
{
	const char *path = file_with("");
	int fd = open_again(path);

	if (!take(kind, fd, 0))
		die_at(__FILE__, __LINE__, "the lock of a fresh file", EAGAIN);
	return (struct locked){ .kind = kind, .path = path, .fd = fd };
}

static bool lock_and_try(const struct locked *wanted)
{
	struct locked l = lock_file(wanted->kind);
	const struct lock_trial *trial = &lock_trials[wanted->trial];

	if (trial->act)
		trial->act(&l);
	return trial->is_refused(&l);
}

static void fill(bool table[TRIALS][KINDS])
{
	struct picture picture;

	picture_begin(&picture);
	fprintf(picture.stream, "%-22s %5s %5s %5s\n", "... keep out",
		kinds[POSIX].name, kinds[OFD].name, kinds[FLOCK].name);
	for (int t = 0; t < TRIALS; t++) {
		if (t == OTHER_OPEN)
			fprintf(picture.stream, "... stay after\n");
		fprintf(picture.stream, " %-21s", lock_trials[t].label);
		for (int k = 0; k < KINDS; k++) {
			struct locked wanted = { &kinds[k], .trial = t };
			table[t][k] = in_child(lock_and_try, &wanted);
			fprintf(picture.stream, " %5s",
				table[t][k] ? "yes" : "no");
		}
		fprintf(picture.stream, "\n");
	}
	picture_end(&picture);
}

static bool is(const bool row[KINDS], bool posix, bool ofd, bool flocks)
{
	return row[POSIX] == posix && row[OFD] == ofd && row[FLOCK] == flocks;
}

void lock_table(void)
{
	bool t[TRIALS][KINDS];

	say("I lock byte 0 of a file, three ways; does it ...");
	fill(t);
	claim(is(t[PROCESS], 1, 1, 1) && is(t[DEATH], 0, 0, 0),
	      "all keep another process out, and go with who holds them");
	claim(is(t[OTHER_OPEN], 0, 1, 1) && is(t[DUP], 0, 1, 1),
	      "closing any descriptor of the file drops my POSIX locks");
	claim(is(t[COPY], 1, 0, 0) && is(t[UNLOCKS], 1, 0, 0),
	      "a child shares my OFD locks and flock, never POSIX locks");
	claim(is(t[CLOSES], 1, 1, 1) && is(t[LAST], 0, 1, 1),
	      "OFD locks and flock last until every copy is closed");
	claim(is(t[SECOND], 0, 1, 1) && is(t[THREAD], 0, 1, 1),
	      "POSIX locks do not keep threads of one process apart");
	claim(is(t[EXEC], 1, 1, 1), "all outlive exec, if the file stays open");
	claim(is(t[BYTE], 0, 0, 1), "only flock knows nothing of bytes");

	struct locked posix = lock_file(&kinds[POSIX]);
	int fd = open_again(posix.path);
	claim(!take(&kinds[OFD], fd, 0) && take(&kinds[FLOCK], fd, 0),
	      "POSIX and OFD locks exclude each other, flock neither");
}

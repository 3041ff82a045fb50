// # Update: read, add one, write back
//
// A counter in a file: how many visitors, the next free number. Each system
// call is whole in itself. What has to be whole is the three steps together,
// and of that the kernel knows nothing until we say so, with a lock.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "file.h"
#include "lab.h"

static int read_counter(int fd)
{
	char text[16] = "";

	must(pread(fd, text, sizeof text - 1, 0));
	return (int)strtol(text, NULL, 10);
}

// Eight digits, so that a smaller number covers a larger one.
static void write_counter(int fd, int value)
{
	char text[16];

	int n = snprintf(text, sizeof text, "%08d", value);
	must(pwrite(fd, text, n, 0));
}

// ## Without a lock
//
// A reads. Before it writes, B does all three steps. A writes back what it has
// computed from an old number: B's addition is gone, without an error anywhere.

void lost_update(void)
{
	const char *path = file_with("00000000");
	int fd = open_again(path);

	speak_as("A");
	int mine = read_counter(fd);
	say("read %d", mine);
	pid_t other = fork_as("B");
	if (other == 0) {
		int b = open_again(path), value = read_counter(b);
		write_counter(b, value + 1);
		say("read %d, wrote %d", value, value + 1);
		_exit(0);
	}
	reap(other);
	claim(read_counter(fd) == 1, "B's addition is in the file");
	write_counter(fd, mine + 1);
	say("wrote %d", mine + 1);
	claim(read_counter(fd) == 1, "two added one each, the counter says 1");
}

// ## With a lock
//
// The same, but whoever wants to do the three steps first asks for the lock of
// byte 0. F_OFD_SETLKW (W: wait) puts B to sleep until A lets go, and so it
// reads what A wrote. The lock is an entry in a list of the inode, in memory;
// nothing is written into the file, and the byte need not even be there. What
// wakes B is the unlock, not the write: read, write, and only then unlock.

// Between reading and writing it gives the CPU away, so that the others come.
static void add_under_lock(int fd)
{
	must_zero(lock_byte(fd, F_OFD_SETLKW, F_WRLCK, 0));
	int value = read_counter(fd);
	sched_yield();
	write_counter(fd, value + 1);
	must_zero(lock_byte(fd, F_OFD_SETLK, F_UNLCK, 0));
}

static void add_with_many(const char *path)
{
	enum { ADDERS = 4, EACH = 250 };
	pid_t adders[ADDERS];
	int start[2];
	char byte;

	must(pipe(start));
	for (int i = 0; i < ADDERS; i++) {
		adders[i] = fork_as("adder");
		if (adders[i] == 0) {
			int fd = open_again(path);
			must(read(start[0], &byte, 1));
			for (int k = 0; k < EACH; k++)
				add_under_lock(fd);
			_exit(0);
		}
		await_state(adders[i], 'S');
	}
	must(write(start[1], "go!!", ADDERS));
	for (int i = 0; i < ADDERS; i++)
		reap(adders[i]);
	int sum = read_counter(open_again(path));
	say("%d processes have added one %d times each: %d", ADDERS, EACH, sum);
	claim(sum == 2 + ADDERS * EACH, "none of %d additions is lost",
	      ADDERS * EACH);
}

void locked_update(void)
{
	const char *path = file_with("00000000");
	int fd = open_again(path);

	speak_as("A");
	must_zero(lock_byte(fd, F_OFD_SETLK, F_WRLCK, 0));
	int mine = read_counter(fd);
	say("have the lock, read %d", mine);
	pid_t other = fork_as("B");
	if (other == 0) {
		int b = open_again(path);
		must_zero(lock_byte(b, F_OFD_SETLKW, F_WRLCK, 0));
		int value = read_counter(b);
		write_counter(b, value + 1);
		say("got the lock, read %d, wrote %d", value, value + 1);
		_exit(0);
	}
	await_state(other, 'S');
	claim(read_counter(fd) == 0, "B waits for the lock, asleep (state S), "
				     "and has written nothing");
	write_counter(fd, mine + 1);
	say("wrote %d, letting go", mine + 1);
	must_zero(lock_byte(fd, F_OFD_SETLK, F_UNLCK, 0));
	reap(other);
	claim(read_counter(fd) == 2, "B read what A wrote: the counter says 2");
	add_with_many(path);
}

// ## A lock stops those who ask
//
// Locks of files are advisory, an agreement among programs: read(2) and write(2)
// never look at them. (Linux once had mandatory ones, too, with races that made
// them unreliable; Linux 5.15 removed them: fcntl(2).)

void advisory(void)
{
	const char *path = file_with("00000000");
	int fd = open_again(path);

	must_zero(lock_byte(fd, F_OFD_SETLK, F_WRLCK, 0));
	pid_t rude = fork_as("rude");
	if (rude == 0) {
		int mine = open_again(path);
		int refused = lock_byte(mine, F_OFD_SETLK, F_WRLCK, 0);
		claim(refused == EAGAIN,
		      "I hold the lock; who asks for it is refused (EAGAIN)");
		write_counter(mine, 99);
		_exit(0);
	}
	reap(rude);
	say("I still hold the lock; the counter says %d", read_counter(fd));
	claim(read_counter(fd) == 99,
	      "yet it has written 99: a lock stops only those who ask");
}

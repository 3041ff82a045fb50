// # eventfd: a counter that can be waited for
//
// Behind the descriptor is a number of 64 bits and nothing else. A write adds
// to it, a read takes all of it and leaves 0, and whoever reads while it is 0
// sleeps. How often something happened is told, not what: that lies elsewhere,
// in shared memory as a rule.

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/eventfd/scenes.h"
#include "lab.h"

// ## Writes add up, a read takes it all
//
// A child inherits the descriptor; both mean the same counter. A pipe would
// keep the bytes of each write and fill up after some thousands; here they are
// one number. Less than 8 bytes at a time is refused.

void scene_counter(void)
{
	int fd = new_counter(EFD_NONBLOCK);
	uint64_t half = 0;

	say("a new eventfd, with the value 0");
	claim(ready(fd) == POLLOUT, "poll says writable, not readable");
	pid_t child = fork_as("child");
	if (child == 0) {
		say("adding 3, then 4");
		add_number(fd, 3);
		add_number(fd, 4);
		_exit(EXIT_SUCCESS);
	}
	reap(child);
	claim(ready(fd) == (POLLIN | POLLOUT), "above 0: readable too");
	int error = read(fd, &half, sizeof half / 2) == -1 ? errno : 0;
	claim(error == EINVAL, "a read of 4 bytes is refused (EINVAL)");
	uint64_t sum = read_number(fd);
	say("a read of 8 bytes returned the number %ju", (uintmax_t)sum);
	claim(sum == 7, "writes add up, and one read takes the sum");
	claim(read_number(fd) == 0,
	      "and leaves 0: the next finds none (EAGAIN)");
}

// ## One for each, or all for one
//
// Three readers sleep, and 2 is added. All are woken, and the first one there
// takes the 2; the others find 0 and sleep again. With EFD_SEMAPHORE a read
// takes 1: so two readers return, each with 1, and one sleeps. That is how to
// hand out work, or permissions, and it is a semaphore that poll understands.

enum { READERS = 3, ADDED = 2 };

// How many readers sleep on when ADDED is added, once those that are `expected`
// to return have done so. Each of these returns *each.
static int share(int flags, int expected, int *each)
{
	int fd = new_counter(flags), status, asleep = 0;
	pid_t readers[READERS];

	*each = 0;
	for (int i = 0; i < READERS; i++) {
		readers[i] = fork_as("reader");
		if (readers[i] == 0) {
			uint64_t got = read_number(fd);
			say("read %ju", (uintmax_t)got);
			_exit((int)got);
		}
		await_state(readers[i], 'S');
	}
	add_number(fd, ADDED);
	for (int i = 0; i < expected; i++) {
		pid_t ended = must(waitpid(-1, &status, 0));
		for (int j = 0; j < READERS; j++)
			readers[j] = readers[j] == ended ? 0 : readers[j];
		*each = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	for (int i = 0; i < READERS; i++)
		if (readers[i]) {
			await_state(readers[i], 'S');
			asleep++;
			must(kill(readers[i], SIGKILL));
			must(waitpid(readers[i], NULL, 0));
		}
	must(close(fd));
	return asleep;
}

void scene_share(void)
{
	int each;

	say("three sleep in read; I add %d", ADDED);
	int asleep = share(0, 1, &each);
	claim(each == ADDED && asleep == 2,
	      "a counter: one reader takes all, two sleep on");
	say("the same with EFD_SEMAPHORE");
	asleep = share(EFD_SEMAPHORE, 2, &each);
	claim(each == 1 && asleep == 1,
	      "a semaphore: two readers take 1 each, one sleeps on");
}

// ## Full
//
// The largest value is 2^64 - 2. A write that would go beyond waits, or fails
// with EAGAIN, like a write to a full pipe. Nobody gets there by ones; but so
// the sum is never wrong.

void scene_full(void)
{
	const uint64_t most = UINT64_MAX - 1, too_much = UINT64_MAX;
	const uint64_t one = 1;
	int fd = new_counter(EFD_NONBLOCK);

	int error = write(fd, &too_much, sizeof too_much) == -1 ? errno : 0;
	claim(error == EINVAL, "to add 2^64 - 1 is refused (EINVAL)");
	say("I add 2^64 - 2");
	add_number(fd, most);
	error = write(fd, &one, sizeof one) == -1 ? errno : 0;
	claim(ready(fd) == POLLIN && error == EAGAIN,
	      "it is full: not writable, to add 1 is EAGAIN");

	must(fcntl(fd, F_SETFL, 0));
	pid_t writer = fork_as("writer");
	if (writer == 0) {
		add_number(fd, 1);
		_exit(EXIT_SUCCESS);
	}
	await_state(writer, 'S');
	say("a writer without O_NONBLOCK sleeps; I read");
	uint64_t taken = read_number(fd);
	reap(writer);
	uint64_t then = read_number(fd);
	say("it went on; I read once more: %ju", (uintmax_t)then);
	claim(taken == most && then == 1,
	      "the writer waited for room, and nothing was lost");
}

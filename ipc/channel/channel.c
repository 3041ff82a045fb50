// # The life of a channel, for every mechanism alike
//
// Open both sides, fork, take one side each, talk, finish, close: see
// channel.h. This file does what does not depend on the mechanism.

#define _GNU_SOURCE
#include "parts.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const struct mechanism *channel_mechanism(const char *name)
{
	for (size_t i = 0; channel_mechanisms[i]; i++)
		if (!strcmp(channel_mechanisms[i]->name, name))
			return channel_mechanisms[i];
	return NULL;
}

static void close_end(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void close_side(struct channel *c, enum channel_side side)
{
	int *end = c->ends[side];
	if (end[1] == end[0])
		end[1] = -1;
	close_end(&end[0]);
	close_end(&end[1]);
}

int channel_open(struct channel **result, const struct mechanism *mechanism,
		 size_t largest_bytes)
{
	size_t limit_bytes;
	char why[128];

	int error = mechanism->probe(&limit_bytes, why, sizeof why);
	if (error)
		return error;
	if (largest_bytes > limit_bytes)
		return -EMSGSIZE;

	struct channel *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	*c = (struct channel){
		.mechanism = mechanism,
		.largest_bytes = largest_bytes,
		.opener = getpid(),
		.in = -1,
		.out = -1,
		.ends = { { -1, -1 }, { -1, -1 } },
		.meeting = shared_pages(sizeof *c->meeting),
	};
	error = c->meeting ? mechanism->open(c) : -ENOMEM;
	if (error) {
		close_side(c, CHANNEL_LEFT);
		close_side(c, CHANNEL_RIGHT);
		if (c->meeting)
			munmap(c->meeting, sizeof *c->meeting);
		free(c);
		return error;
	}
	*result = c;
	return 0;
}

void channel_set_ends(struct channel *c, enum channel_side side, int in,
		      int out)
{
	c->ends[side][0] = in;
	c->ends[side][1] = out;
}

int channel_take_side(struct channel *c, enum channel_side side)
{
	c->side = side;
	close_side(c, !side);
	c->in = c->ends[side][0];
	c->out = c->ends[side][1];
	atomic_store_explicit(&c->meeting->pids[side], getpid(),
			      memory_order_release);
	futex_wake((_Atomic uint32_t *)&c->meeting->pids[side], 1);
	return c->mechanism->take_side ? c->mechanism->take_side(c) : 0;
}

pid_t channel_peer(struct channel *c)
{
	_Atomic pid_t *peer = &c->meeting->pids[!c->side];
	pid_t pid;

	// acquire: pairs with the release of the peer's take_side
	while (!(pid = atomic_load_explicit(peer, memory_order_acquire)))
		futex_wait((_Atomic uint32_t *)peer, 0);
	return pid;
}

bool channel_has_side(const struct channel *c)
{
	const _Atomic pid_t *pid = &c->meeting->pids[c->side];
	return atomic_load_explicit(pid, memory_order_relaxed) == getpid();
}

ssize_t channel_receive_full(struct channel *c, void *buffer, size_t bytes)
{
	size_t got = 0;
	do {
		ssize_t n = channel_receive(c, (char *)buffer + got,
					    bytes - got);
		if (n < 0)
			return n;
		if (n == 0)
			break;
		got += n;
	} while (got < bytes);
	return got;
}

int channel_send_many(struct channel *c, const void *messages, size_t bytes,
		      size_t count)
{
	const char *message = messages;
	int error = 0;

	if (c->mechanism->send_many)
		return c->mechanism->send_many(c, messages, bytes, count);
	for (; count && !error; count--, message += bytes)
		error = channel_send(c, message, bytes);
	return error;
}

ssize_t channel_receive_many(struct channel *c, void *buffer, size_t bytes,
			     size_t count)
{
	if (c->mechanism->receive_many)
		return c->mechanism->receive_many(c, buffer, bytes, count);
	bool stream = c->mechanism->kind == CHANNEL_STREAM;
	ssize_t n = stream ? channel_receive_full(c, buffer, bytes)
			   : channel_receive(c, buffer, bytes);
	if (n <= 0)
		return n;
	return (size_t)n == bytes || c->mechanism->kind == CHANNEL_EVENT
		       ? 1
		       : -EMSGSIZE;
}

int channel_finish(struct channel *c)
{
	int out = c->out, error = c->mechanism->finish(c);
	if (c->out != out) // the mechanism closed it
		c->ends[c->side][1] = c->out;
	return error;
}

void channel_close(struct channel *c)
{
	if (!c)
		return;
	if (c->mechanism->close)
		c->mechanism->close(c);
	close_side(c, CHANNEL_LEFT);
	close_side(c, CHANNEL_RIGHT);
	munmap(c->meeting, sizeof *c->meeting);
	free(c);
}

int write_all(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;
	do {
		ssize_t written = write(fd, at, n);
		if (written == -1 && errno != EINTR)
			return -errno;
		if (written > 0) {
			at += written;
			n -= written;
		}
	} while (n > 0);
	return 0;
}

ssize_t read_some(int fd, void *buffer, size_t n)
{
	ssize_t got;
	do
		got = read(fd, buffer, n);
	while (got == -1 && errno == EINTR);
	return got == -1 ? -errno : got;
}

void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
	syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

void futex_wake(_Atomic uint32_t *word, int waiters)
{
	syscall(SYS_futex, word, FUTEX_WAKE, waiters, NULL, NULL, 0);
}

void *shared_pages(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return pages == MAP_FAILED ? NULL : pages;
}

// A yield is cheap against a context switch and dear against a cache line:
// spin for about a microsecond, yield for about a tenth of a second, then nap.
enum { SPIN_TURNS = 64, YIELD_TURNS = 100000, NAP_NS = 50000 };

static inline void cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

void backoff_wait(struct backoff *backoff)
{
	unsigned turn = backoff->turns++;
	if (turn < SPIN_TURNS)
		cpu_pause();
	else if (turn < SPIN_TURNS + YIELD_TURNS)
		sched_yield();
	else {
		backoff->turns = SPIN_TURNS + YIELD_TURNS;
		nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
	}
}

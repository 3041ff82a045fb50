// # The play on two sides that the tests of a channel share
//
// See channel_parts.h.

#define _GNU_SOURCE
#include "channel_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/channel/parts.h"
#include "random.h"

enum { PATIENCE_MS = 60000 };

const struct mechanism *mechanism;
size_t limit_bytes, message_bytes;
char sent[MOST_BYTES], got[MOST_BYTES + 1];
struct play_shared *play_shared;

static int report[2];
static const char *me = "left";

// ## How a side fails

_Noreturn void channel_complain(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	dprintf(report[1], "%s, %s: %s\n", mechanism->name, me, text);
	_exit(1);
}

void must_close_names(void)
{
	int error = names_close();
	need(!error, "names_close: %s", strerror(-error));
}

// ## Messages
//
// A message's bytes follow from its number, so that one that is lost, doubled,
// cut, mixed up or out of order shows.

void fill(char *bytes, size_t n, uint64_t number)
{
	struct random random = { number };

	for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
		uint64_t next = random_next(&random);
		memcpy(bytes + i, &next,
		       n - i < sizeof next ? n - i : sizeof next);
	}
}

bool is_event(void)
{
	return mechanism->kind == CHANNEL_EVENT;
}

void give(struct channel *c, size_t bytes, uint64_t number)
{
	if (is_event())
		bytes = 0;
	fill(sent, bytes, number);
	int error = channel_send(c, sent, bytes);
	need(!error, "sending message %llu of %zu bytes: %s",
	     (unsigned long long)number, bytes, strerror(-error));
}

bool take(struct channel *c, size_t bytes, uint64_t number)
{
	ssize_t n;

	if (mechanism->kind == CHANNEL_STREAM)
		n = channel_receive_full(c, got, bytes);
	else
		n = channel_receive(c, got, is_event() ? 0 : c->largest_bytes);
	need(n >= 0, "receiving message %llu: %s", (unsigned long long)number,
	     strerror(-(int)n));
	if (n == 0)
		return false;
	if (is_event())
		bytes = 1;
	need((size_t)n == bytes, "message %llu has %zd bytes, not %zu",
	     (unsigned long long)number, n, bytes);
	if (!is_event()) {
		fill(sent, bytes, number);
		need(!memcmp(sent, got, bytes),
		     "message %llu of %zu bytes "
		     "is not what was sent",
		     (unsigned long long)number, bytes);
	}
	return true;
}

void must_take(struct channel *c, size_t bytes, uint64_t number)
{
	need(take(c, bytes, number), "the end, and not message %llu",
	     (unsigned long long)number);
}

void must_end(struct channel *c)
{
	ssize_t n = channel_receive(c, got, is_event() ? 0 : 1);
	need(n == 0, "%zd (%s), and not the end", n,
	     n < 0 ? strerror(-(int)n) : "bytes");
}

size_t at_most(size_t bytes)
{
	return bytes < limit_bytes ? bytes : limit_bytes;
}

// ## The play

struct channel *open_channel(size_t bytes)
{
	struct channel *c = NULL;

	int error = channel_open(&c, mechanism, bytes);
	need(!error, "opening for %zu bytes: %s", bytes, strerror(-error));
	return c;
}

void take_side(struct channel *c, enum channel_side side)
{
	me = side == CHANNEL_LEFT ? "left" : "right";
	int error = channel_take_side(c, side);
	need(!error, "taking the side: %s", strerror(-error));
}

pid_t fork_right(struct channel *c, part *right)
{
	pid_t parent = getpid(), child = fork();

	need(child != -1, "fork: %s", strerror(errno));
	if (child == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
			_exit(1);
		take_side(c, CHANNEL_RIGHT);
		right(c);
		channel_close(c);
		_exit(0);
	}
	return child;
}

void reap_side(pid_t child)
{
	int status;

	need(waitpid(child, &status, 0) == child, "waitpid: %s",
	     strerror(errno));
	need(WIFEXITED(status), "the other side died of %s",
	     strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status))
		_exit(1); // it has said why
}

void play_sides(size_t bytes, part *left, part *right)
{
	struct channel *c = open_channel(bytes);
	pid_t child = fork_right(c, right);

	take_side(c, CHANNEL_LEFT);
	left(c);
	reap_side(child);
	channel_close(c);
}

pid_t start_left(void (*body)(void))
{
	ck_assert_int_eq(pipe2(report, O_CLOEXEC), 0);
	play_shared = shared_pages(sizeof *play_shared);
	ck_assert_ptr_nonnull(play_shared);
	pid_t test = getpid(), child = fork();
	ck_assert_int_ne(child, -1);
	if (child == 0) {
		close(report[0]);
		signal(SIGPIPE, SIG_IGN);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != test)
			_exit(1);
		body();
		must_close_names();
		_exit(0);
	}
	close(report[1]);
	return child;
}

void end_play(void)
{
	close(report[0]);
	munmap(play_shared, sizeof *play_shared);
}

// Every side is gone when nobody holds the pipe's write end any more.
int judge(pid_t child)
{
	struct pollfd pipe = { .fd = report[0], .events = POLLIN };
	char text[1024];
	size_t n = 0;
	ssize_t more;
	int status;

	while (poll(&pipe, 1, PATIENCE_MS) == 1 &&
	       (more = read(report[0], text + n, sizeof text - 1 - n)) > 0)
		n += more;
	bool hangs = !pipe.revents;
	if (hangs)
		kill(child, SIGKILL);
	text[n] = '\0';
	end_play();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(!hangs, "%s hangs. %s", mechanism->name, text);
	ck_assert_msg(n == 0, "%s", text);
	ck_assert_msg(WIFEXITED(status), "%s: left died of %s", mechanism->name,
		      strsignal(WTERMSIG(status)));
	return WEXITSTATUS(status);
}

void perform(void (*body)(void))
{
	ck_assert_int_eq(judge(start_left(body)), 0);
}

enum { ROUNDS = 3 };

void ask(struct channel *c)
{
	for (int i = 0; i < ROUNDS; i++) {
		give(c, message_bytes, 2 * i);
		must_take(c, message_bytes, 2 * i + 1);
	}
}

void answer(struct channel *c)
{
	for (int i = 0; i < ROUNDS; i++) {
		must_take(c, message_bytes, 2 * i);
		give(c, message_bytes, 2 * i + 1);
	}
}

void play_round_trips(void)
{
	play_sides(message_bytes, ask, answer);
}

char state_of(pid_t pid)
{
	char path[32], text[512] = "";

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return '?';
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	const char *end = n > 0 ? strrchr(text, ')') : NULL;
	return end && end[1] ? end[2] : '?';
}

void await_sleep(pid_t pid)
{
	while (state_of(pid) != 'S')
		test_nap();
}

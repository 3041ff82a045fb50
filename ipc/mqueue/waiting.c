// # Waiting: for room, for a message, and not for ever

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "lab.h"
#include "queue.h"

// ## Full and empty
//
// A queue gets its size when it is made and keeps it: mq_maxmsg messages, be
// they long or short. That ties a fast sender to a slow receiver (the bounded
// buffer of the textbooks). In a full queue a sender sleeps until somebody has
// received, in an empty queue a receiver until somebody has sent.
//
// O_NONBLOCK turns the wait into EAGAIN. It belongs to the open queue, as with
// files: who opened it without the flag waits, at the same queue, at the same
// moment. mq_setattr() can change that flag and nothing else.

static void fill(mqd_t queue)
{
	for (int i = 0; i < ROOM; i++)
		must(mq_send(queue, "x", 1, 0));
}

static void send_too_many(mqd_t queue)
{
	char got[LARGEST];
	pid_t sender = fork_as("sender");

	if (sender == 0) {
		fill(queue);
		say("sent %d messages, sending one more", ROOM);
		must(mq_send(queue, "last", 4, 0));
		say("mq_send returned");
		_exit(0);
	}
	await_state(sender, 'S');
	say("%ld of %d places are taken", waiting(queue), ROOM);
	claim(waiting(queue) == ROOM,
	      "the queue is full, and its sender sleeps (state S)");
	must(mq_receive(queue, got, sizeof got, NULL));
	reap(sender);
	claim(waiting(queue) == ROOM,
	      "one was received: room for the last, its sender goes on");
}

static void receive_too_early(mqd_t queue)
{
	char got[LARGEST];
	pid_t receiver = fork_as("receiver");

	if (receiver == 0) {
		ssize_t n = must(mq_receive(queue, got, sizeof got, NULL));
		claim(n == 5 && !memcmp(got, "hello", 5),
		      "a message wakes the receiver");
		_exit(0);
	}
	await_state(receiver, 'S');
	claim(waiting(queue) == 0,
	      "the queue is empty, and its receiver sleeps (state S)");
	must(mq_send(queue, "hello", 5, 0));
	reap(receiver);
}

void full_and_empty(void)
{
	const char *name = fresh_name();
	mqd_t queue = make_queue(name, O_RDWR);
	mqd_t impatient = must(mq_open(name, O_RDWR | O_NONBLOCK));
	char got[LARGEST];

	send_too_many(queue);
	int full = FAILURE(mq_send(impatient, "x", 1, 0));
	while (waiting(queue) > 0)
		must(mq_receive(impatient, got, sizeof got, NULL));
	int empty = FAILURE(mq_receive(impatient, got, sizeof got, NULL));
	claim(full == EAGAIN && empty == EAGAIN,
	      "opened with O_NONBLOCK, full and empty are errors: EAGAIN");
	receive_too_early(queue);

	struct mq_attr wish = { .mq_maxmsg = 1 }, now;
	must(mq_setattr(queue, &wish, NULL));
	must(mq_getattr(queue, &now));
	claim(now.mq_maxmsg == ROOM,
	      "the size is for life: mq_setattr sets O_NONBLOCK only");
}

// ## Not for ever: a time, not a duration
//
// mq_timedreceive() and mq_timedsend() take the moment at which to give up, on
// CLOCK_REALTIME, in seconds since 1970. A duration looks the same, and the
// compiler cannot tell. Who writes { 3600, 0 } for "an hour" means one o'clock
// on the first of January 1970: that is past, and the call gives up at once. A
// program with this mistake works as long as messages are there already, and
// polls at full speed when none is.
//
// Why a moment? A loop that is interrupted and tries again (EINTR) can use it
// again; a duration it would have to shorten each time. And why the clock that
// an administrator may set? POSIX had no other to rely on in 1993. Who sets it
// ahead by an hour ends all waits of that hour.

enum { HOUR = 3600, SOON_MS = 10 };

static const int64_t SECOND_NS = 1000000000;

static struct timespec moment_from_now(int64_t ns)
{
	struct timespec t;

	must(clock_gettime(CLOCK_REALTIME, &t));
	ns += t.tv_nsec;
	t.tv_sec += ns / SECOND_NS;
	t.tv_nsec = ns % SECOND_NS;
	return t;
}

static bool has_passed(const struct timespec *moment)
{
	struct timespec now = moment_from_now(0);

	return now.tv_sec > moment->tv_sec ||
	       (now.tv_sec == moment->tv_sec && now.tv_nsec >= moment->tv_nsec);
}

static void wait_an_hour_wrongly(mqd_t queue)
{
	struct timespec hour = { .tv_sec = HOUR };
	char got[LARGEST];

	int64_t began_ns = now_ns();
	int error =
		FAILURE(mq_timedreceive(queue, got, sizeof got, NULL, &hour));
	int64_t took_ns = now_ns() - began_ns;
	say("{ %d, 0 }, meant as an hour: gave up after %.3f ms", HOUR,
	    took_ns / 1e6);
	claim(error == ETIMEDOUT && took_ns < HOUR * SECOND_NS,
	      "a duration is taken for a moment in 1970: ETIMEDOUT");
}

static void wait_an_hour(mqd_t queue)
{
	char got[LARGEST];
	pid_t receiver = fork_as("receiver");

	if (receiver == 0) {
		struct timespec hour = moment_from_now(HOUR * SECOND_NS);
		ssize_t n = must(
			mq_timedreceive(queue, got, sizeof got, NULL, &hour));
		claim(n == 5 && !has_passed(&hour),
		      "a message comes, and it returns before that moment");
		_exit(0);
	}
	await_state(receiver, 'S');
	claim(waiting(queue) == 0,
	      "{ now + %d, ... }: the receiver really waits (state S)", HOUR);
	must(mq_send(queue, "hello", 5, 0));
	reap(receiver);
}

void timeouts(void)
{
	mqd_t queue = make_queue(fresh_name(), O_RDWR);
	const struct timespec past = { .tv_sec = 1 };
	char got[LARGEST];

	wait_an_hour_wrongly(queue);
	wait_an_hour(queue);

	struct timespec soon = moment_from_now(SOON_MS * SECOND_NS / 1000);
	int error =
		FAILURE(mq_timedreceive(queue, got, sizeof got, NULL, &soon));
	claim(error == ETIMEDOUT && has_passed(&soon),
	      "nothing came for %d ms: ETIMEDOUT, not before the moment",
	      SOON_MS);

	fill(queue);
	error = FAILURE(mq_timedsend(queue, "x", 1, 0, &past));
	claim(error == ETIMEDOUT, "at a full queue a sender gives up, too");
	ssize_t n = must(mq_timedreceive(queue, got, sizeof got, NULL, &past));
	claim(n == 1, "what need not wait succeeds, however late it is");
}

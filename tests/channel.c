// # Tests of ipc/channel: the same for every mechanism of its table
//
// Here: that it carries what it promises. channel_trouble.c: deaths and
// signals. channel_left.c: that nothing remains. How they are played:
// channel_parts.h.

#define _GNU_SOURCE
#include "channel_parts.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "random.h"

// In the order of the lecture notes.
static const char *const names[] = {
	"file", "mqueue", "sysv-mq", "shm-futex", "shm-sem", "shm-cond",
	"shm-spin", "ring", "pipe", "fifo", "signal", "unix-stream",
	"unix-dgram", "unix-seqpacket", "socketpair", "tcp", "udp", "eventfd",
	"vmread", "uring",
};

enum { NAMES = sizeof names / sizeof *names };

// ## The table

// One line for a table: it stands beside a name, and in a cell of Markdown.
static bool is_advice(const char *when)
{
	ck_assert(when && *when);
	for (const char *c = when; *c; c++)
		ck_assert_msg(*c >= ' ' && *c <= '~' && *c != '|', "%s", when);
	return strlen(when) <= 62;
}

static bool is_meeting(const char *meets)
{
	static const char *const words[] = { "path", "name",    "key",
					     "PID",  "address", "inherited" };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (meets && !strcmp(words[i], meets))
			return true;
	return false;
}

START_TEST(table)
{
	size_t n = 0;

	for (; channel_mechanisms[n]; n++) {
		const struct mechanism *m = channel_mechanisms[n];
		ck_assert_uint_lt(n, NAMES);
		ck_assert_str_eq(m->name, names[n]);
		ck_assert_ptr_eq(channel_mechanism(names[n]), m);
		ck_assert(m->title && *m->title);
		ck_assert(is_advice(m->when));
		ck_assert(is_meeting(m->meets));
		ck_assert(m->probe && m->open && m->send && m->receive &&
			  m->finish);
	}
	ck_assert_uint_eq(n, NAMES);
	ck_assert_ptr_null(channel_mechanism("telepathy"));
	ck_assert_ptr_null(channel_mechanism(""));
}
END_TEST

// ## Round trips

START_TEST(round_trips)
{
	static const size_t sizes[] = { 1, 2, 7, 64, 1000, 4096, 65507 };

	MECHANISM();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		message_bytes = sizes[i];
		if (message_bytes < limit_bytes)
			perform(play_round_trips);
	}
	message_bytes = limit_bytes;
	perform(play_round_trips);
}
END_TEST

START_TEST(above_the_limit)
{
	struct channel *c = NULL;

	MECHANISM();
	size_t limit;
	char why[128];
	ck_assert_int_eq(mechanism->probe(&limit, why, sizeof why), 0);
	if (limit < SIZE_MAX)
		ck_assert_int_eq(channel_open(&c, mechanism, limit + 1),
				 -EMSGSIZE);
	ck_assert_ptr_null(c);
}
END_TEST

enum { NOBODY = 65534 };

static void play_as_nobody(void)
{
	char why[128] = "";

	need(setgroups(0, NULL) == 0 &&
		     setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
		     setresuid(NOBODY, NOBODY, NOBODY) == 0,
	     "setresuid: %s", strerror(errno));
	// as if logged in: a process that changed its user is else not dumpable
	// and may not be looked into by its own kind, ptrace(2)
	need(prctl(PR_SET_DUMPABLE, 1) == 0 &&
		     prctl(PR_SET_PDEATHSIG, SIGKILL) == 0,
	     "prctl");
	if (mechanism->probe(&limit_bytes, why, sizeof why))
		_exit(UNAVAILABLE);
	message_bytes = at_most(64);
	play_round_trips();
	message_bytes = at_most(65507);
	play_round_trips();
}

START_TEST(ordinary_user)
{
	MECHANISM();
	if (geteuid() != 0)
		SKIP("needs root, to become nobody");
	int status = judge(start_left(play_as_nobody));
	if (status == UNAVAILABLE)
		SKIP("%s: only root may", mechanism->name);
	ck_assert_int_eq(status, 0);
}
END_TEST

// ## Ten thousand messages one way

enum { MANY = 10000 };

static size_t size_of_message(int number)
{
	struct random random = { ~(uint64_t)number };

	if (number % 500 == 0)
		return at_most(65507);
	return 1 + random_below(&random, at_most(4096));
}

// FNV-1a (Fowler, Noll & Vo) of all bytes that were sent or received.
static uint64_t checksum(uint64_t hash, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)bytes[i]) *
		       UINT64_C(0x100000001b3);
	return hash;
}

static const uint64_t checksum_of_nothing = UINT64_C(0xcbf29ce484222325);

static void send_many(struct channel *c)
{
	uint64_t hash = checksum_of_nothing, theirs;

	for (int i = 0; i < MANY; i++) {
		size_t bytes = is_event() ? 0 : size_of_message(i);
		give(c, bytes, i);
		hash = checksum(hash, sent, bytes);
	}
	if (is_event() || limit_bytes < sizeof theirs) {
		must_take(c, 1, MANY);
		return;
	}
	ssize_t n = channel_receive_full(c, &theirs, sizeof theirs);
	need(n == sizeof theirs, "the checksum has %zd bytes", n);
	need(hash == theirs, "other bytes came than were sent");
}

static void receive_many(struct channel *c)
{
	uint64_t hash = checksum_of_nothing;

	for (int i = 0; i < MANY; i++) {
		size_t bytes = is_event() ? 0 : size_of_message(i);
		must_take(c, bytes, i);
		hash = checksum(hash, got, bytes);
	}
	if (is_event() || limit_bytes < sizeof hash) {
		give(c, 1, MANY);
		return;
	}
	int error = channel_send(c, &hash, sizeof hash);
	need(!error, "sending the checksum: %s", strerror(-error));
}

static void play_many(void)
{
	play_sides(at_most(65507), send_many, receive_many);
}

START_TEST(many_in_order)
{
	MECHANISM();
	perform(play_many);
}
END_TEST

// ## Several in one call
//
// What channel_send_many sends is received one by one, several at once, or in
// turn, and is the same. A mechanism without a way of its own does it one by one.

enum { BATCH = 300, BATCHES = 5, PORTION = 7 };

static void send_batches(struct channel *c)
{
	static char messages[BATCH * 4096];

	for (int b = 0; b < BATCHES; b++) {
		for (int i = 0; i < BATCH; i++)
			fill(sent, message_bytes, b * BATCH + i),
				memcpy(messages + i * message_bytes, sent,
				       message_bytes);
		int error = channel_send_many(
			c, messages, is_event() ? 0 : message_bytes, BATCH);
		need(!error, "sending %d messages: %s", BATCH,
		     strerror(-error));
	}
	int error = channel_finish(c);
	need(!error, "finishing: %s", strerror(-error));
}

static void take_batches(struct channel *c)
{
	size_t bytes = is_event() ? 0 : message_bytes;
	ssize_t n;

	for (int i = 0; i < BATCH * BATCHES; i += n) {
		if (i % 3 == 0) {
			must_take(c, message_bytes, i);
			n = 1;
			continue;
		}
		n = channel_receive_many(c, got, bytes, 1 + i % PORTION);
		need(n > 0 && n <= 1 + i % PORTION,
		     "%zd messages from number %d on: %s", n, i,
		     n < 0 ? strerror(-(int)n) : "");
		for (int k = 0; k < n && !is_event(); k++) {
			fill(sent, bytes, i + k);
			need(!memcmp(sent, got + k * bytes, bytes),
			     "message %d is not what was sent", i + k);
		}
	}
	n = channel_receive_many(c, got, bytes, 1);
	need(n == 0, "%zd (%s), and not the end", n,
	     n < 0 ? strerror(-(int)n) : "messages");
}

static void play_batches(void)
{
	play_sides(message_bytes, send_batches, take_batches);
}

START_TEST(several_in_one_call)
{
	static const size_t sizes[] = { 1, 7, 64, 500, 4096 };

	MECHANISM();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		message_bytes = at_most(sizes[i]);
		perform(play_batches);
	}
}
END_TEST

// Of another size than was asked for: refused. What came before it is had.
static void send_two_sizes(struct channel *c)
{
	give(c, 8, 0);
	give(c, 7, 1);
}

static void take_two_sizes(struct channel *c)
{
	ssize_t n = channel_receive_many(c, got, 8, 2);
	need(n == 1, "%zd messages of 8 bytes, not 1", n);
	n = channel_receive_many(c, got, 8, 2);
	need(n == -EMSGSIZE, "%zd, not -EMSGSIZE, for 7 bytes", n);
}

static void play_two_sizes(void)
{
	play_sides(8, send_two_sizes, take_two_sizes);
}

START_TEST(several_of_another_size)
{
	MECHANISM();
	if (mechanism->kind != CHANNEL_MESSAGE || limit_bytes < 8)
		return;
	perform(play_two_sizes);
}
END_TEST

// ## Both directions at once
//
// Each side sends two messages before it receives any: they cross, and must
// not wait for each other. A mechanism that queues holds several; one that does
// not may make the sender wait for its receiver, and two senders for ever.

static void cross(struct channel *c)
{
	for (int i = 0; i < 2000; i += 2) {
		give(c, message_bytes, i);
		give(c, message_bytes, i + 1);
		must_take(c, message_bytes, i);
		must_take(c, message_bytes, i + 1);
	}
}

static void play_crossing(void)
{
	message_bytes = at_most(64);
	play_sides(message_bytes, cross, cross);
}

START_TEST(both_directions_at_once)
{
	MECHANISM();
	if (!mechanism->queues)
		return;
	perform(play_crossing);
}
END_TEST

// ## The end

enum { FEW = 5 };

static void give_few(struct channel *c)
{
	for (int i = 0; i < FEW; i++)
		give(c, message_bytes, i);
	int error = channel_finish(c);
	need(!error, "finishing: %s", strerror(-error));
}

static void take_few(struct channel *c)
{
	for (int i = 0; i < FEW; i++)
		must_take(c, message_bytes, i);
	must_end(c);
	must_end(c);
}

static void give_and_take_few(struct channel *c)
{
	give_few(c);
	take_few(c);
}

static void take_and_give_few(struct channel *c)
{
	take_few(c);
	give_few(c);
}

static void play_finish(void)
{
	message_bytes = at_most(7);
	play_sides(message_bytes, give_and_take_few, take_and_give_few);
}

START_TEST(finish_ends_one_direction)
{
	MECHANISM();
	perform(play_finish);
}
END_TEST

// What was sent arrives, also where the sender has closed before it was read.
static void play_early_close(void)
{
	message_bytes = at_most(7);
	struct channel *c = open_channel(message_bytes);
	pid_t child = fork_right(c, take_few);

	take_side(c, CHANNEL_LEFT);
	give_few(c);
	channel_close(c);
	reap_side(child);
}

START_TEST(closing_loses_nothing)
{
	MECHANISM();
	perform(play_early_close);
}
END_TEST

// ## Small buffers
//
// A message that does not fit is refused, never cut; one that fits is taken,
// also where a larger one could have come.

enum { SMALL = 8, LARGE = 64 };

static void give_small_and_large(struct channel *c)
{
	give(c, SMALL, 0);
	give(c, SMALL - 1, 1);
	(void)channel_send(c, sent, SMALL + 1);
}

static void take_into_small(struct channel *c)
{
	for (int i = 0; i < 2; i++) {
		ssize_t n = channel_receive(c, got, SMALL);
		need(n == SMALL - i, "%zd for a message of %d", n, SMALL - i);
		fill(sent, n, i);
		need(!memcmp(sent, got, n), "message %d was changed", i);
	}
	got[SMALL] = '#';
	ssize_t n = channel_receive(c, got, SMALL);
	need(n == -EMSGSIZE, "%zd, not -EMSGSIZE, for %d bytes into %d", n,
	     SMALL + 1, SMALL);
	need(got[SMALL] == '#', "wrote behind the buffer");
}

static void play_small_buffers(void)
{
	play_sides(LARGE, give_small_and_large, take_into_small);
}

START_TEST(small_buffer_is_refused)
{
	MECHANISM();
	if (mechanism->kind != CHANNEL_MESSAGE || limit_bytes < LARGE)
		return;
	perform(play_small_buffers);
}
END_TEST

// ## Two channels of a kind
//
// Mechanisms that queue have both messages under way, and they are taken in the
// other order.
static struct channel *other;

static void ask_twice(struct channel *c)
{
	give(c, message_bytes, 0);
	give(other, message_bytes, 1);
	must_take(other, message_bytes, 2);
	must_take(c, message_bytes, 3);
	channel_close(other);
}

static void answer_twice(struct channel *c)
{
	take_side(other, CHANNEL_RIGHT);
	if (mechanism->queues) {
		must_take(other, message_bytes, 1);
		must_take(c, message_bytes, 0);
		give(c, message_bytes, 3);
		give(other, message_bytes, 2);
	} else {
		must_take(c, message_bytes, 0);
		must_take(other, message_bytes, 1);
		give(other, message_bytes, 2);
		give(c, message_bytes, 3);
	}
	channel_close(other);
}

static void play_two(void)
{
	message_bytes = at_most(64);
	struct channel *c = open_channel(message_bytes);
	other = open_channel(message_bytes);
	pid_t child = fork_right(c, answer_twice);
	take_side(c, CHANNEL_LEFT);
	take_side(other, CHANNEL_LEFT);
	ask_twice(c);
	reap_side(child);
	channel_close(c);
}

START_TEST(two_at_once)
{
	MECHANISM();
	if (!strcmp(mechanism->name, "signal"))
		return; // is sent to a process, not to a channel
	perform(play_two);
}
END_TEST

Suite *channel_suite(void)
{
	Suite *suite = suite_create("channel");
	TCase *tests = tcase_create("every mechanism");
	int mechanisms = 0;

	while (channel_mechanisms[mechanisms])
		mechanisms++;
	tcase_set_timeout(tests, 240);
	tcase_add_test(tests, table);
	tcase_add_loop_test(tests, round_trips, 0, mechanisms);
	tcase_add_loop_test(tests, above_the_limit, 0, mechanisms);
	tcase_add_loop_test(tests, ordinary_user, 0, mechanisms);
	tcase_add_loop_test(tests, many_in_order, 0, mechanisms);
	tcase_add_loop_test(tests, several_in_one_call, 0, mechanisms);
	tcase_add_loop_test(tests, several_of_another_size, 0, mechanisms);
	tcase_add_loop_test(tests, both_directions_at_once, 0, mechanisms);
	tcase_add_loop_test(tests, finish_ends_one_direction, 0, mechanisms);
	tcase_add_loop_test(tests, closing_loses_nothing, 0, mechanisms);
	tcase_add_loop_test(tests, small_buffer_is_refused, 0, mechanisms);
	tcase_add_loop_test(tests, two_at_once, 0, mechanisms);
	add_trouble_tests(tests, mechanisms);
	add_left_tests(tests, mechanisms);
	suite_add_tcase(suite, tests);
	return suite;
}

// channel_parts.h - the play on two sides that the tests of a channel share
//
// A channel is opened in a process of its own, "left", which forks "right".
// What either finds wrong it writes into a pipe to the test; the test waits
// until both are gone, and takes a play that is not over after a minute for
// one that hangs. So a test may also run in Check's own process.

#ifndef CHANNEL_PARTS_TESTS_H
#define CHANNEL_PARTS_TESTS_H

#include "tests.h"

#include <stdatomic.h>
#include <stdint.h>

#include "ipc/channel/channel.h"
#include "names.h"

enum {
	MOST_BYTES = 16 << 20, // of a message in these tests
	ANY_BYTES = 1 << 20,   // where any size is allowed
	UNAVAILABLE = 77,      // a side's exit status: not for this user
};

// What the test and both sides know.
extern const struct mechanism *mechanism;
extern size_t limit_bytes, message_bytes;
extern char sent[MOST_BYTES], got[MOST_BYTES + 1];

// What they share while they run.
extern struct play_shared {
	_Atomic int alarms[2]; // by side
	_Atomic bool stop;
} * play_shared;

// The mechanism of this turn of a loop test; skipped where the host lacks it.
// A probe may open the ledger of names: left must have one of its own.
#define MECHANISM() do {                                                \
	char why_[128] = "";                                            \
	mechanism = channel_mechanisms[_i];                             \
	int error_ = mechanism->probe(&limit_bytes, why_, sizeof why_); \
	ck_assert_int_eq(names_close(), 0);                             \
	if (error_)                                                     \
		SKIP("%s: %s", mechanism->name, why_);                  \
	if (limit_bytes > MOST_BYTES)                                   \
		limit_bytes = ANY_BYTES;                                \
} while (0)

// ## In the test

// Starts `body` as the left side, in a process that ignores SIGPIPE and dies
// with the test. judge waits for it and whomever it started: it fails the test
// with what a side complained of, or returns the exit status.
pid_t start_left(void (*body)(void));
int judge(pid_t left);

// Both, and the exit status must be 0.
void perform(void (*body)(void));

// Instead of judge: the caller has ended the play itself.
void end_play(void);

// The state of a process as /proc/PID/stat has it; '?': there is none.
char state_of(pid_t pid);

// ## In a side

// Ends the side, and fails the test, unless something holds.
#define need(holds, ...) do {              \
	if (!(holds))                      \
		channel_complain(__VA_ARGS__);     \
} while (0)
_Noreturn void channel_complain(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

// Opens a channel, plays a part on each side, reaps, closes.
typedef void part(struct channel *c);
void play_sides(size_t bytes, part *left, part *right);

// The same, step by step.
struct channel *open_channel(size_t bytes);
pid_t fork_right(struct channel *c, part *right);
void take_side(struct channel *c, enum channel_side side);
void reap_side(pid_t right);
void must_close_names(void);

// Messages whose bytes follow from their number: one that is lost, doubled,
// cut, mixed up or out of order shows. take returns false at the end.
void fill(char *bytes, size_t n, uint64_t number);
void give(struct channel *c, size_t bytes, uint64_t number);
bool take(struct channel *c, size_t bytes, uint64_t number);
void must_take(struct channel *c, size_t bytes, uint64_t number);
void must_end(struct channel *c);

// Three round trips of message_bytes.
void ask(struct channel *c);
void answer(struct channel *c);
void play_round_trips(void);

bool is_event(void);
size_t at_most(size_t bytes); // bytes, or the mechanism's limit

// Waits until the peer sleeps in the kernel; what never comes, judge ends.
void await_sleep(pid_t pid);

// The tests of channel_trouble.c and channel_left.c.
void add_trouble_tests(TCase *tests, int mechanisms);
void add_left_tests(TCase *tests, int mechanisms);

#endif

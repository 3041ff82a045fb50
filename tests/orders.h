// orders.h - every interleaving of two, three or four threads
//
// A model checker for sync/lock. It runs the pages' own C, compiled as for
// ThreadSanitizer: the compiler puts a call in front of every access to memory,
// and those calls come here (orders_memory.c) and not to a runtime of the
// compiler's. Only what the kernel does has to be put in its place by hand:
// ordered.h is included before the sources.
//
// What is explored
//
//   orders    At each atomic access and each futex call any thread may be the
//             next. Every choice at every such point is tried, to the end; a
//             state that was met before is not followed again. There is no bound
//             on the number of preemptions.
//   memory    Plain accesses are checked, not interleaved: who touches what
//             another one has touched must know of it, by a release of the one
//             and an acquire of the other. If not it is a data race, in whatever
//             order they came. (Happens-before, as in ThreadSanitizer, but for
//             all orders and not for those that a run has met.)
//   weakness  `stale` times in a game a load may return what was there earlier,
//             as far as the thread does not know better, and a store may come to
//             lie before one that its thread does not know of.
//   sleep     A futex wakes any of its sleepers; `spurious` sleepers wake for no
//             reason; a deadline may pass at any point.
//
// What is found: a thread that calls orders_fail; a data race; an end that is
// not as it should be; a point where nobody can go on though not all are done:
// deadlock, or a lost wakeup. The order that led there is printed, and
// orders_replay plays it.
//
// And whether it would be found: a game is played again without each of the
// memory orders that it uses, one by one, and without each futex_wake, and must
// then find something (ordered.h, orders_needs_all). What is spare is listed.
//
// What it cannot show: more threads or turns than the game has; more than two
// older values of a word; stale values in a compare-and-exchange that fails, and
// one that fails for no reason; values out of thin air and loads that wait for
// later stores (load buffering); fences (the pages have none). Seq_cst is taken
// for acquire and release of the newest value. Loops that only look are
// cut: who has looked twice and seen nothing new waits until another one has
// written. Of each state a hash of 64 bits is kept; that two of a million have
// the same happens once in 30 million explorations, and would hide one.
//
// Sources: Godefroid, "Model Checking for Programming Languages using VeriSoft",
// POPL 1997 (real code, every order); Norris & Demsky, "CDSChecker", OOPSLA 2013
// (C's weak memory); Serebryany & Iskhodzhanov, "ThreadSanitizer", WBIA 2009.

#ifndef ORDERS_H
#define ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
	ORDERS_THREADS = 4,
	ORDERS_STEPS = 400,
	ORDERS_TEXT = 4 * ORDERS_STEPS,
	ORDERS_PARTS = 40
};

struct game {
	const char *name;
	int threads;
	void *shared; // all that the threads share,
	size_t bytes; // zeroed before each play
	void (*begin)(void);
	void (*thread)(int me);   // what each does
	const char *(*end)(void); // NULL, or what is wrong at the end
	int spurious, stale;      // so many in each play
	bool unwatched;           // orders only, no races: fewer states
};

// What a game uses and could be without: the memory order of one kind of access
// to one word, or the waking of its sleepers.
struct orders_part {
	int operation;
	bool acquire; // or release
	long offset;  // of the word in `shared`; -1: on a stack
};

struct orders_result {
	const char *wrong; // NULL: every interleaving is right
	char schedule
		[ORDERS_TEXT]; // "0 0 1 2b": who; b, c: its second, third choice
	size_t states, steps, ends;
	struct orders_part parts[ORDERS_PARTS];
	int count; // of parts
};

// False: not in this build (x86-64 or aarch64, without sanitizers).
bool orders_possible(void);

// `without`: a part that is left out, or NULL.
struct orders_result orders_explore(const struct game *game,
				    const struct orders_part *without);

// Plays one schedule, and says on `out` what each step does, unless it is NULL.
// Returns what is wrong.
const char *orders_replay(const struct game *game,
			  const struct orders_part *without,
			  const char *schedule, char *out, size_t room);

// From a thread: this must not be.
void orders_fail(const char *why);

// From a thread: others may go on here.
void orders_step(void);

// How often a thread looks before it sleeps: once, of three or more not at all.
extern int orders_spin;

// In the place of sync/lock/futex.h and pause.h.
void orders_pause(void);
int orders_futex_wait(const _Atomic uint32_t *word, uint32_t value, bool far);
int orders_futex_wait_until(const _Atomic uint32_t *word, uint32_t value,
			    const struct timespec *until, bool far);
int orders_futex_wake(const _Atomic uint32_t *word, int count, bool far);

#endif

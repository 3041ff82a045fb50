// table.h - forks, who sits at the table, and how they take the forks
//
// n philosophers, n forks. P(i) sits between fork i and fork i + 1 (the last one
// between fork n - 1 and fork 0), and eats with both.

#ifndef SYNC_PHILOSOPHERS_TABLE_H
#define SYNC_PHILOSOPHERS_TABLE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "graph.h"
#include "random.h"

enum { FIVE = 5, FEWEST = 2 };

struct table;

// A way to take two forks and to put them back. take says table_at_gate when it
// has the first one, so that a scene can stop everybody there.
struct manner {
	const char *name, *rule;
	void (*take)(struct table *table, int who);
	void (*give)(struct table *table, int who);
	bool needs_refusal; // it deadlocks, but for forks that are refused
};

enum { MANNERS = 5 };
extern const struct manner *const manners[MANNERS];
extern const struct manner left_first, ordered, waiter, back_off, hygienic;

// Where a philosopher is. Stored with release by himself and read with acquire
// by who watches, who then sees all that he wrote before (his thread ID).
enum place { OUTSIDE, HUNGRY, SEATLESS, AT_GATE, EATING, HOME };
void table_go_to(struct table *table, int who, enum place place);

struct philosopher {
	_Atomic int place;
	pid_t tid;
	long meals;
	_Atomic long begun; // relaxed: it is only counted
	long seen[2];       // of both neighbours, when he became hungry
	long overtaken;     // the most that one of them began since then
	struct random random;
};

struct table {
	int n;
	const struct manner *manner;
	struct graph graph;
	pthread_mutex_t fork[MOST];
	long uses[MOST];   // of a fork, counted by who eats with it
	bool refuses;      // forks are refused to who would close a ring
	_Atomic int rings; // so often that was so; relaxed, a count
	struct philosopher philosopher[MOST];

	sem_t seats; // of the waiter

	// Chandy and Misra: under `lock`.
	pthread_mutex_t lock;
	pthread_cond_t moved[MOST];    // by philosopher: forks came
	int owner[MOST];               // of a fork
	bool dirty[MOST], asked[MOST]; // a fork; for it, by the other one
	bool hungry[MOST], eats[MOST];

	// For staged meals.
	sem_t gate, plates; // passed with the first fork, and after a meal
	bool staged;
	_Atomic int order_length;
	int order[MOST]; // in which they ate

	long goal; // of a dinner: everybody eats so often, at least
	_Atomic int done;
};

// Memory that children share, with everything set up; until the scene ends.
struct table *table_new(int n, const struct manner *manner);

static inline int left(int who)
{
	return who;
}

static inline int right(const struct table *table, int who)
{
	return (who + 1) % table->n;
}

// pthread_mutex_lock, trylock and unlock that keep the graph. fork_take returns
// 0 or EDEADLK (only where the table refuses), fork_try 0 or EBUSY.
int fork_take(struct table *table, int who, int fork);
int fork_try(struct table *table, int who, int fork);
void fork_give(struct table *table, int fork);

// From now on meals of the neighbours count as overtaking. It is so from before
// take on; a manner that knows the moment better may say it once more.
void table_is_hungry(struct table *table, int who);

// Where the first fork is held. Nothing, or (staged) a wait for the scene.
void table_at_gate(struct table *table, int who);

// The least fortunate moment: everybody comes, one after the other, and those
// who get a first fork stop with it at the gate. Returns once each is at the
// gate or asleep, his wait for a fork or a seat in the graph or in the kernel.
// meal_play is one of them, for those who are processes; meal_await waits for
// that of one.
void meal_play(struct table *table, int who);
void meal_await(struct table *table, int who);
void meal_seat(struct table *table, pthread_t threads[MOST]);

// Opens the gate, and returns once each eats (and stays at that) or is asleep.
void meal_open(struct table *table);

// Lets those who eat finish, and all others eat; returns when all are home.
void meal_end(struct table *table, pthread_t threads[MOST]);

// Everybody eats again and again until each has had `goal` meals, or until he has
// had ten times as many himself.
void dine(struct table *table, long goal);

// The meals of each (after dine), as a picture of the caller's; and shown.
char *draw_meals(const struct table *table);
void show_meals(const struct table *table);

// Claims what must be true after dine: everybody ate, no ring was ever closed
// (unless forks are refused), each fork was in one hand at a time.
void claim_meals(const struct table *table);

// Prints what each does: "P0 has fork 0, waits for fork 1".
void show_graph(struct table *table);

#endif

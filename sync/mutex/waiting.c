// # Waiting: what a waiter does, and whose turn comes next

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"
#include "options.h"
#include "sync/lock/mutex_wrong.h"
#include "sync/mutex/scenes.h"

// ## Busy waiting burns, sleeping does not
//
// Busy waiting (바쁜 대기) repeats a loop until the lock is free. It answers in
// an instant, and costs all of a CPU. The other way is a queue in the kernel
// (대기큐): futex(2) takes the thread off the CPU, and whoever unlocks has it
// woken. We hold each lock until its waiter has burnt 5 ms or sleeps, and then
// for 20 ms; its CPU clock says what it cost.

enum { MOST_KINDS = 16 };
static const int64_t enough_ns = 5000000, hold_ns = 20000000;

static void hold_it_for(int64_t ns)
{
	struct timespec t = { .tv_nsec = ns };

	must(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL));
}

static int64_t burnt_by(const struct lock_kind *kind)
{
	union lock lock = { 0 };
	struct mcs_node mine;
	int log[1], logged = 0;
	struct waiter w = { .name = kind->name,
			    .kind = kind,
			    .lock = &lock,
			    .log = log,
			    .logged = &logged };

	kind->lock(&lock, &mine);
	begin_waiter(&w);
	if (kind->patience == LOCK_SLEEPS)
		await_state(atomic_load(&w.tid), 'S');
	else
		await_that(cpu_time_of(w.thread) >= enough_ns);
	int64_t before_ns = cpu_time_of(w.thread);
	hold_it_for(hold_ns);
	int64_t burnt_ns = cpu_time_of(w.thread);
	if (kind->patience == LOCK_SLEEPS)
		claim(burnt_ns == before_ns, "%s: it sleeps, its clock stands",
		      kind->name);
	else
		claim(burnt_ns >= enough_ns, "%s: it is busy with nothing",
		      kind->name);
	kind->unlock(&lock, &mine);
	end_waiter(&w);
	return burnt_ns;
}

void scene_burn(void)
{
	struct bar bars[MOST_KINDS];
	char notes[MOST_KINDS][HUMAN_BYTES];
	size_t n = 0;

	for (const struct lock_kind *k = lock_kinds; k->name; k++, n++) {
		double burnt_ns = (double)burnt_by(k);
		human_duration(notes[n], burnt_ns);
		bars[n] = (struct bar){ k->name, notes[n], burnt_ns };
	}
	say("CPU time of a waiter until I let go:");
	show_bars(bars, n, false);
}

// ## First come, first served
//
// Four come one after the other while we hold the lock; each is in line before
// the next one is made. A ticket is a number and an MCS node a place in a queue:
// the order is theirs, whoever runs first. A futex mutex promises no order; nor
// does test-and-set, where the line does not exist.

enum { IN_LINE = 4 };

static void order_of(const char *name)
{
	static const char *const names[] = { "first", "second", "third",
					     "fourth" };
	const struct lock_kind *kind = lock_kind(name);
	union lock lock = { 0 };
	struct mcs_node mine;
	int log[IN_LINE] = { 0 }, logged = 0;
	struct waiter w[IN_LINE];
	bool ordered = true;

	kind->lock(&lock, &mine);
	for (int i = 0; i < IN_LINE; i++) {
		w[i] = (struct waiter){ .name = names[i],
					.kind = kind,
					.lock = &lock,
					.log = log,
					.logged = &logged,
					.number = i + 1 };
		begin_waiter(&w[i]);
		if (kind->fifo)
			await_that(is_in_line(&w[i], i + 1));
		else
			await_state(atomic_load(&w[i].tid), 'S');
	}
	kind->unlock(&lock, &mine);
	for (int i = 0; i < IN_LINE; i++)
		end_waiter(&w[i]);
	for (int i = 0; i < IN_LINE; i++)
		ordered &= log[i] == i + 1;
	say("%-12s in: %d %d %d %d", name, log[0], log[1], log[2], log[3]);
	if (kind->fifo)
		claim(ordered, "%s: they go in as they came", name);
	else
		claim(logged == IN_LINE, "%s: each goes in, in some order",
		      name);
}

void scene_order(void)
{
	order_of("ticket-yield");
	order_of("mcs");
	order_of("mcs-sleep");
	order_of("mutex-fast");
}

// ## The wrong futex mutex loses a wake-up
//
// sync/lock/mutex_wrong.h differs from the correct one in a single number: who
// has been woken takes the lock with a 1, which says "nobody sleeps". With two
// sleepers that is a lie. No luck is needed: we let go when both sleep.

static void wrong_locks(union lock *lock, struct mcs_node *node)
{
	(void)node;
	mutex_wrong_lock((struct mutex_wrong *)lock);
}

static void wrong_unlocks(union lock *lock, struct mcs_node *node)
{
	(void)node;
	mutex_wrong_unlock((struct mutex_wrong *)lock);
}

static void two_sleep(const struct lock_kind *kind, bool loses)
{
	union lock lock = { 0 };
	_Atomic uint32_t *word = &lock.mutex_right.state;
	struct mcs_node mine;
	int log[2], logged = 0;
	struct waiter w[2];

	kind->lock(&lock, &mine);
	for (int i = 0; i < 2; i++) {
		w[i] = (struct waiter){ .name = i ? "C" : "B",
					.kind = kind,
					.lock = &lock,
					.log = log,
					.logged = &logged };
		begin_waiter(&w[i]);
		await_state(atomic_load(&w[i].tid), 'S');
	}
	say("%s: B and C sleep, the word is %u; I unlock", kind->name,
	    atomic_load(word));
	kind->unlock(&lock, &mine);
	if (!loses) {
		await_that(w[0].done && w[1].done);
		claim(atomic_load(word) == 0, "B and C have both had it");
	} else {
		await_that(w[0].done || w[1].done);
		struct waiter *left = w[0].done ? &w[1] : &w[0];
		await_state(atomic_load(&left->tid), 'S');
		say("%s has been in and out; the word is %u",
		    w[0].done ? "B" : "C", atomic_load(word));
		claim(!left->done && atomic_load(word) == 0,
		      "the lock is free, and %s sleeps on", left->name);
		claim(futex_wake(word, 1, false) == 1,
		      "nobody will wake it: the kernel still has it in its "
		      "queue");
	}
	end_waiter(&w[0]);
	end_waiter(&w[1]);
}

void scene_wrong(void)
{
	static const struct lock_kind wrong = { .name = "mutex-wrong",
						.lock = wrong_locks,
						.unlock = wrong_unlocks };

	two_sleep(&wrong, true);
	two_sleep(lock_kind("mutex"), false);
}

// # Turns: who gets the lock how often, and one after whom

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu.h"
#include "lab.h"
#include "options.h"
#include "sync/mutex/scenes.h"

enum { THREADS = 4, LOG = 4096 };

struct field {
	union lock lock;
	struct mcs_node nodes[THREADS];
	const struct lock_kind *kind;
	_Atomic pid_t tids[THREADS];
	_Atomic int called; // threads up to this one may ask for the lock
	char log[LOG];      // under the lock: whose turn
	int logged;
	int64_t counter;
};

// All contests here begin the same way, or the first thread might be done before
// the last one is there: A (number 0) takes the lock and calls the others, one
// after the other. Each is in line (or asleep, where there is no line) before the
// next one is called. So everybody has a first turn, also where the time is over
// before the last has come: nobody who is waited for goes home.

static bool is_waiting(struct field *f, int index)
{
	if (f->kind->bytes == sizeof(struct ticket) &&
	    f->kind->patience != LOCK_SLEEPS && f->kind != lock_kind("mcs"))
		return atomic_load(&f->lock.ticket.next) == (uint32_t)index + 1;
	if (f->kind->fifo)
		return atomic_load(&f->lock.mcs.tail) == &f->nodes[index];
	return true;
}

static void call_the_others(struct field *f)
{
	for (int i = 1; i < THREADS; i++) {
		atomic_store(&f->called, i);
		await_that(atomic_load(&f->tids[i]) && is_waiting(f, i));
		if (f->kind->patience == LOCK_SLEEPS)
			await_state(atomic_load(&f->tids[i]), 'S');
	}
}

static void want(struct contestant *me)
{
	struct field *f = me->argument;
	struct mcs_node *node = &f->nodes[me->index];

	while (atomic_load(&f->called) < me->index)
		sched_yield();
	atomic_store(&f->tids[me->index], me->tid);
	me->turns = 1;
	do {
		f->kind->lock(&f->lock, node);
		if (me->index == 0 && me->turns == 1)
			call_the_others(f);
		f->counter++;
		if (f->logged < LOG)
			f->log[f->logged++] = (char)('A' + me->index);
		f->kind->unlock(&f->lock, node);
	} while (contest_goes_on(me));
}

// A contest for a lock of that kind, in memory of its own that the caller frees.
static struct field *fight_for(const char *name, struct contest contest,
			       struct contestant *who, struct contest_sum *sum)
{
	struct field *f = must_ptr(aligned_alloc(64, sizeof *f));

	memset(f, 0, sizeof *f);
	f->kind = lock_kind(name);
	contest.play = want;
	contest.argument = f;
	contest.threads = THREADS;
	*sum = hold_contest(&contest, who);
	return f;
}

static int hand_overs(const struct field *f)
{
	int changes = 0;

	for (int i = 1; i < f->logged; i++)
		changes += f->log[i] != f->log[i - 1];
	return changes;
}

// ## Fairness
//
// Four threads want the lock as often as they can get it. A fair lock gives each
// its turn. An unfair one lets whoever is there take it, and that is mostly the
// one that has just let go: its cache has the line, and the others sleep or back
// off. So the unfair ones make more turns, and the fair ones equal shares of
// fewer.

void scene_fairness(void)
{
	static const char *const names[] = { "ttas", "mutex-fast",
					     "ticket-yield", "mcs-sleep" };
	bool exact = true;

	if (usable_cpus() == 1)
		say("one CPU: who has it is alone with the lock for a time "
		    "slice");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct contestant who[THREADS];
		struct contest_sum sum;
		struct bar bars[THREADS];
		char labels[THREADS][32], notes[THREADS][64], wait[HUMAN_BYTES];
		struct field *f =
			fight_for(names[i],
				  (struct contest){ .length_ns = 60000000,
						    .places = CONTEST_PINNED },
				  who, &sum);
		exact &= sum.turns == f->counter;
		say("%s: %jd turns, %s each, fairness %.2f", names[i],
		    (intmax_t)sum.turns,
		    human_duration(wait, (double)sum.length_ns /
						 ((double)sum.turns + 1e-9)),
		    sum.fairness);
		for (int t = 0; t < THREADS; t++) {
			snprintf(labels[t], sizeof *labels, "thread %c",
				 'A' + t);
			snprintf(notes[t], sizeof *notes, "%jd",
				 (intmax_t)who[t].turns);
			bars[t] = (struct bar){ labels[t], notes[t],
						(double)who[t].turns };
		}
		show_bars(bars, THREADS, false);
		free(f);
	}
	claim(exact, "fair or not: no turn is lost, and none counts twice");
}

// ## A convoy
//
// Let the holder of a fair lock be held up once (a page fault, the end of its
// time slice), and all others arrive and queue behind it. From then on whoever
// leaves finds a line and goes to its end: a lock that was free nine times out of
// ten is now waited for at every turn, and each turn costs a switch. The convoy
// keeps itself together. (Blasgen, Gray, Mitchell & Price, "The Convoy
// Phenomenon", 1979: the cure they found is to let newcomers overtake.)
//
// Thread A holds the lock until B, C and D sleep in line. The letters are the
// turns in their order. The futex mutex lets newcomers overtake.

enum { CONVOY_TURNS = 64 };

static void convoy_of(const char *name)
{
	struct contestant who[THREADS];
	struct contest_sum sum;
	struct field *f = fight_for(
		name, (struct contest){ .turns = CONVOY_TURNS }, who, &sum);

	say("%s: %jd turns, %d hand-overs, %jd sleeps", name,
	    (intmax_t)sum.turns, hand_overs(f), (intmax_t)sum.voluntary);
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture =
		must_ptr(draw_map(&canvas, f->log, (size_t)f->logged, 64));
	show(picture);
	free(picture);
	if (f->kind->fifo)
		claim(strncmp(f->log, "ABCD", 4) == 0,
		      "%s: A's next turn is after B's, C's and D's", name);
	claim(f->counter == sum.turns, "%s: all have had their %d turns", name,
	      CONVOY_TURNS);
	free(f);
}

void scene_convoy(void)
{
	convoy_of("mcs-sleep");
	convoy_of("mutex-fast");
}

// ## Collapse
//
// A fair lock that spins, and more threads than CPUs: here four threads on one.
// The lock may only go to the next in line; that one has no CPU, and those that
// spin on it do not know. Nothing happens until the scheduler takes the CPU away
// from one after the other: a time slice for each hand-over, all of it spent on
// looking. The cure gives the CPU away itself (ticket_lock_yielding). Who sleeps
// in the line gives it away too; but whom an unlock wakes may get the CPU at once,
// before the one that woke it has asked again. So a fair lock need not go round
// evenly: it keeps the order of those who are in the line.

enum { COLLAPSE_TURNS = 5 };

static void collapse_of(const char *name)
{
	struct contestant who[THREADS];
	struct contest_sum sum;
	char length[HUMAN_BYTES], cpu[HUMAN_BYTES];
	struct field *f =
		fight_for(name,
			  (struct contest){ .turns = COLLAPSE_TURNS,
					    .places = CONTEST_ONE_CPU },
			  who, &sum);

	say("%-12s %.20s %s, CPU %s", name, f->log,
	    human_duration(length, (double)sum.length_ns),
	    human_duration(cpu, (double)sum.cpu_ns));
	claim(f->counter == THREADS * COLLAPSE_TURNS,
	      "%s: all get there in the end, by %d hand-overs", name,
	      hand_overs(f));
	if (f->kind->fifo)
		claim(strncmp(f->log, "ABCD", 4) == 0,
		      "... the four that queued first, in that order");
	free(f);
}

void scene_collapse(void)
{
	collapse_of("ticket");
	collapse_of("ticket-yield");
	collapse_of("mcs-sleep");
	collapse_of("mutex-fast");
}

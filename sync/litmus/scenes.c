// # Test by test

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "litmus.h"

#define MS INT64_C(1000000)

enum { LONG_ROUNDS = 1000000, SHORT_ROUNDS = 200000, TRIES = 12, FEW = 10000 };

static void run(const struct test *test, enum order order, uint32_t rounds,
		int64_t limit_ns, uint64_t seed, struct counts *counts)
{
	int error = litmus_run(test, order, rounds, limit_ns, seed, counts);

	if (error == -ENODEV)
		skip("a CPU cannot be caught reordering by itself, and I may "
		     "use one only: allow two (taskset, cpuset)");
	if (error == -EPERM)
		skip("I may not choose CPUs: allow sched_setaffinity(2)");
	if (error == -ENOMEM || error == -EAGAIN)
		skip("no memory or no threads for this many rounds: ulimit -v, "
		     "ulimit -u");
	must_neg(error);
}

// A weak outcome that may not be has not been; one that may be is reported,
// whether it was seen or not. Threads that take turns on too few CPUs could hardly
// have seen it: then nothing is claimed.
static void judge(const struct test *test, enum order order,
		  const struct counts *counts)
{
	char weak[40];
	uint64_t seen = counts->of[test->weak];

	outcome_text(test, test->weak, weak);
	if (!is_allowed_here(test, order) &&
	    (seen || counts->cpus >= test->threads))
		claim(seen == 0, "%s %s: %s never", test->name,
		      order_names[order], weak);
	else if (!is_allowed_here(test, order))
		say("%s %s: %s not seen; to ask takes %d CPUs", test->name,
		    order_names[order], weak, test->threads);
	else
		say("%s %s: %s is allowed, and was %s", test->name,
		    order_names[order], weak, seen ? "seen" : "not seen");
	if (counts->rounds < FEW)
		say("%ju rounds are few: what was not seen may yet be",
		    (uintmax_t)counts->rounds);
	claim(counts->rounds > 0 && counts->strays == 0,
	      "every load saw this round's value or the last one's");
}

static void show_counts(const struct test *test, enum order order,
			const struct counts *counts)
{
	char *text;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	print_counts(out, test, order, counts);
	must(fclose(out));
	say("%s %s: %ju rounds in %.2f s on %d CPUs", test->name,
	    order_names[order], (uintmax_t)counts->rounds,
	    (double)counts->took_ns / 1e9, counts->cpus);
	show_text(text);
	free(text);
}

// Outcomes that were seen and that no interleaving has.
static unsigned beyond_sc(const struct test *test, const struct counts *counts)
{
	uint64_t ways;
	unsigned sc = sc_outcomes(test, &ways), seen = 0;

	for (unsigned o = 0; o < OUTCOMES; o++)
		seen |= (unsigned)(counts->of[o] > 0) << o;
	return seen & ~sc;
}

static void play(const struct test *test, enum order order)
{
	struct counts counts = { 0 };

	run(test, order, LONG_ROUNDS, 150 * MS, 1, &counts);
	show_counts(test, order, &counts);
	judge(test, order, &counts);
}

// ## SB: store buffering
//
// Each stores to its own word and then loads the other's. In any interleaving of
// the four, one of the stores is first, and who comes later sees it: both loads
// cannot be 0. Step through it (sync/weave) and they never are.
//
// A CPU does not wait for its store to reach the cache. It puts it into a buffer
// of its own and goes on with the load. Two CPUs that do so at the same time both
// load the old value. This is x86's only weakness, and it breaks Dekker's and
// Peterson's algorithms: each raises its flag, sees the other's down, and enters.
//
// Whether the two meet in that window is chance, so we try again some times; and
// where they have not met, that is what there is to report.

void scene_sb(void)
{
	const struct test *test = &tests[SB];
	struct counts counts = { 0 };

	for (int i = 0; i < TRIES && !counts.of[test->weak]; i++)
		run(test, RELAXED, LONG_ROUNDS, 100 * MS, 1 + i, &counts);
	show_counts(test, RELAXED, &counts);
	judge(test, RELAXED, &counts);
	uint64_t ways;
	bool possible = sc_outcomes(test, &ways) >> test->weak & 1;
	claim(!possible, "none of the %ju interleavings has r0=0 r1=0",
	      (uintmax_t)ways);
}

// ## Which fence forbids it
//
// What SB needs is that a store be seen before a later load is done. Release and
// acquire do not ask for that (on x86 they are the very same instructions). A
// full fence does: mfence waits until the buffer is empty. So does a sequentially
// consistent store, for which compilers take xchg on x86: an instruction that
// reads and writes at once is locked, and a locked instruction empties the
// buffer, too. (So sync/lock's locks need no mfence.)

void scene_cures(void)
{
	const struct test *test = &tests[SB];
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct counts counts[ORDERS] = { 0 };
	struct bar bars[ORDERS];
	char notes[ORDERS][40];

	for (int o = 0; o < ORDERS; o++) {
		run(test, o, LONG_ROUNDS, 100 * MS, 1, &counts[o]);
		snprintf(notes[o], sizeof notes[o], "%ju of %ju",
			 (uintmax_t)counts[o].of[test->weak],
			 (uintmax_t)counts[o].rounds);
		bars[o] = (struct bar){ order_names[o], notes[o],
					(double)counts[o].of[test->weak] };
	}
	char *picture = must_ptr(draw_bars(&canvas, bars, ORDERS, false));
	say("store buffering, how often both loads were 0:");
	show(picture);
	free(picture);
	for (int o = 0; o < ORDERS; o++)
		judge(test, o, &counts[o]);
}

// ## MP: message passing
//
// One stores the data and then the flag, the other loads the flag and then the
// data. Flag new and data old: the message came before what it announces. x86
// keeps stores in order, and loads. Arm keeps neither, so there the flag has to
// be a release and an acquire; in C it has everywhere, since compilers reorder,
// too.

void scene_mp(void)
{
	play(&tests[MP], RELAXED);
	play(&tests[MP], ACQREL);
}

// ## LB: load buffering
//
// Each loads one word and then stores the other. Both new: each load has seen a
// store that comes after the other's load. Arm allows it (a load that misses may
// be overtaken by a later store), although few chips do it; x86 does not.

void scene_lb(void)
{
	play(&tests[LB], RELAXED);
	play(&tests[LB], ACQREL);
}

// ## IRIW: independent reads of independent writes
//
// Two write, two read, and the readers disagree on which write was first. Where
// all CPUs share one memory this cannot be, as long as each does its loads in
// order. It takes four CPUs to ask properly. On two, a reader and a writer take
// turns on each, and a switch between threads empties the buffers: what we see is
// that the question was put, seldom that it was a hard one.

void scene_iriw(void)
{
	say("%d threads; \"on 2 CPUs\" means that they took turns",
	    tests[IRIW].threads);
	play(&tests[IRIW], RELAXED);
	play(&tests[IRIW], SEQCST);
}

// ## CoRR: coherence
//
// Two loads of the same word, one after the other: once the new value was seen,
// the old one is not seen any more. This is what all CPUs and C's weakest order
// promise, and on what everything else is built.

void scene_corr(void)
{
	play(&tests[CORR], RELAXED);
}

// ## All of them

void scene_all(void)
{
	char *text, weak[40];
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));
	uint64_t rounds = 0, strays = 0;
	int wrong = 0, beyond = 0;

	fprintf(out, "%-5s %-8s %-19s %8s %8s  %-8s%-5s%s\n", "test", "order",
		"weak outcome", "seen", "of", "x86-TSO", "Arm", "C11");
	for (int t = 0; t < TESTS; t++)
		for (int o = 0; o < ORDERS; o++) {
			const struct verdict *v = &tests[t].allowed[o];
			struct counts c = { 0 };
			run(&tests[t], o, SHORT_ROUNDS, 25 * MS, 1, &c);
			fprintf(out, "%-5s %-8s %-19s %8ju %8ju  %-8s%-5s%s\n",
				tests[t].name, order_names[o],
				outcome_text(&tests[t], tests[t].weak, weak),
				(uintmax_t)c.of[tests[t].weak],
				(uintmax_t)c.rounds, yes_no(v->tso),
				yes_no(v->arm), yes_no(v->c11));
			wrong += c.of[tests[t].weak] &&
				 !is_allowed_here(&tests[t], o);
			if (o == SEQCST || o == FENCE)
				beyond += beyond_sc(&tests[t], &c) != 0;
			rounds += c.rounds;
			strays += c.strays;
		}
	must(fclose(out));
	show_text(text);
	free(text);
	claim(wrong == 0, "in %ju rounds nothing forbidden was seen",
	      (uintmax_t)rounds);
	claim(beyond == 0,
	      "with fence or seqcst all that was seen some interleaving has");
	claim(strays == 0, "every load saw this round's value or the last's");
}

// # Counting
//
// The smallest race there is: two processes add 1 to the same word. What comes
// out depends on what the addition is made of.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "weave.h"

enum { CHECK_END, MOST_ORDERS = 64 };

// ## One step
//
// A traced process with the trap flag set executes one instruction; then the
// CPU raises a debug exception, the kernel stops the process and wakes its
// tracer: waitpid(2) returns. Its registers can be read now, and changed.
// Between any two instructions of a program the kernel may do as much, with or
// without a tracer: a timer's interrupt comes, and another process has the CPU.

static int place(const struct weave *weave, const struct step_state *state)
{
	return program_at(&weave->program.routine[0], &state->processes[0]);
}

void scene_step(void)
{
	struct weave *weave = scene_weave("count");
	struct step_state *states;
	bool ended;
	size_t at;

	scene_show(put_program, weave);
	must_neg(weave_replay(weave, "AAA", &states, &at, &ended));
	for (int i = 0; i < 3; i++)
		say("A: %-14s rax %" PRIu64 " -> %" PRIu64 "   x %" PRIu64
		    " -> %" PRIu64,
		    weave->program.routine[0].instructions[i].text,
		    states[i].processes[0].registers[0],
		    states[i + 1].processes[0].registers[0], states[i].words[0],
		    states[i + 1].words[0]);
	claim(place(weave, &states[1]) == 1 && place(weave, &states[2]) == 2 &&
		      step_ended(&states[3], 0),
	      "each step executes one instruction and no more");
	claim(states[2].processes[0].registers[0] == 1 &&
		      states[2].words[0] == 0,
	      "after two of three the sum is in a register, not in memory");
	claim(states[3].words[0] == 1 && states[3].processes[1].next == 0,
	      "the third stores it; B, stopped, has done nothing");
	free(states);
	weave_free(weave);
	free(weave);
}

// ## All orders of three and three
//
// Six steps, of which three are A's: there are 6!/(3! 3!) = 20 ways to choose
// them. Each is played here, from the beginning. Only where one has stored
// before the other loads are both additions kept, and there are two such
// orders.

struct tally {
	int orders, kept;
	char kept_orders[MOST_ORDERS][8];
	FILE *out;
	const struct weave *weave;
	int columns; // of the page
};

static bool count_order(void *context, const char *order,
			const struct step_state *end)
{
	struct tally *tally = context;

	tally->orders++;
	if (end->words[0] == 2 && tally->kept < MOST_ORDERS)
		snprintf(tally->kept_orders[tally->kept++], 8, "%s", order);
	put_order(tally->out, tally->weave, order, end, tally->columns);
	return true;
}

void scene_orders(void)
{
	struct weave *weave = scene_weave("count");
	struct tally tally = { .weave = weave,
			       .columns = canvas_of(STDOUT_FILENO).columns };
	struct verdict verdict;
	char *text = NULL;
	size_t bytes;

	tally.out = must_ptr(open_memstream(&text, &bytes));
	put_order_head(tally.out, weave, tally.columns);
	must_neg(weave_orders(weave, count_order, &tally));
	must(fclose(tally.out));
	show(text);
	free(text);
	claim(tally.orders == 20, "three steps and three: 20 orders");
	claim(tally.kept == 2 && tally.orders - tally.kept == 18,
	      "18 of them lose an addition");
	claim(tally.kept == 2 && !strcmp(tally.kept_orders[0], "AAABBB") &&
		      !strcmp(tally.kept_orders[1], "BBBAAA"),
	      "right are those in which one is done before the other begins");

	must_neg(weave_judge(weave, CHECK_END, &verdict));
	say("the same by states: %zu states, each followed once",
	    weave->all.count);
	claim(exploration_orders(&weave->all) == 20 && verdict.orders == 18,
	      "counted as ways through the states: 20 and 18 as well");
	weave_free(weave);
	free(weave);
}

// ## Three
//
// 9!/(3! 3! 3!) = 1680 orders. Right are only the 3! = 6 in which they go one
// after another; nothing in the code makes that likely. A race that is rarely
// seen is not one that is rarely there: on a machine the orders are far from
// equally likely, and the six are the usual ones.

static void put_ends_here(FILE *out, const struct weave *weave, int columns)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);

	canvas.columns = columns;
	put_ends(out, weave, &canvas);
}

void scene_three(void)
{
	struct weave *weave = scene_weave("count3");
	struct verdict verdict;

	must_neg(weave_judge(weave, CHECK_END, &verdict));
	scene_show(put_ends_here, weave);
	claim(exploration_orders(&weave->all) == 1680,
	      "three times three steps: 1680 orders");
	claim(verdict.orders == 1674, "all but 6 lose something");
	weave_free(weave);
	free(weave);
}

// ## What single steps cannot show
//
// `add [x], 1` is one instruction, and a step executes all of it: here no order
// loses anything. It is safe from interrupts for the same reason, so on a
// machine with one CPU it would do. On two CPUs it would not: inside it reads
// memory and writes it, two accesses, and another CPU may come between them.
// The lock prefix forbids that. Nothing that is done one instruction at a time
// can tell the two apart: sync/race lets two CPUs do it.

static void add_without_loss(const char *name, const char *of)
{
	struct weave *weave = scene_weave(name);

	scene_show(put_program, weave);
	claim(exploration_orders(&weave->all) == 2 &&
		      scene_holds(weave, CHECK_END),
	      "%s: 2 orders, and none loses anything", of);
	weave_free(weave);
	free(weave);
}

void scene_add(void)
{
	add_without_loss("add", "one instruction");
	say("but only as nothing else runs: see sync/race, sync/litmus");
}

void scene_lock(void)
{
	add_without_loss("lock", "a locked instruction");
	say("one byte more (f0): other CPUs have to wait, too");
}

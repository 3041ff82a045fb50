// # From a text to verdicts
//
// Reads a program, starts its processes, lets stepper/explore follow every
// interleaving, and judges: a check that speaks about states is asked in each
// of them. What is needed more than once is kept in struct weave.

#define _GNU_SOURCE
#include "weave.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

int weave_check(struct weave *weave, const char *text, bool only,
		struct text_error *error)
{
	int i = only ? 0 : weave->checks;

	if (strlen(text) >= PROGRAM_CHECK) {
		*error = (struct text_error){ .text = "this is too long" };
		return -EINVAL;
	}
	int result = condition_parse(&weave->check[i], &weave->program, text,
				     error);
	if (result)
		return result;
	memcpy(weave->check_text[i], text, strlen(text) + 1);
	weave->checks = i + 1;
	return 0;
}

int weave_read(struct weave *weave, const char *name, const char *text,
	       size_t length, struct text_error *error)
{
	*weave = (struct weave){ 0 };
	*error = (struct text_error){ 0 };
	snprintf(weave->name, sizeof weave->name, "%s", name);
	for (char *c = weave->name; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	int result = program_parse(&weave->program, text, length, error);
	for (int i = 0; i < weave->program.checks && !result; i++) {
		result = weave_check(weave, weave->program.check[i].text, false,
				     error);
		if (result)
			error->line = weave->program.check[i].line;
	}
	return result;
}

int weave_start(struct weave *weave)
{
	struct step_piece pieces[STEPPER_PROCESSES];
	int count = program_pieces(&weave->program, pieces);
	int error = stepper_open(&weave->stepper, pieces, count);

	if (!error)
		program_start(&weave->program, weave->stepper, &weave->start);
	return error;
}

int weave_explore(struct weave *weave, const struct explore_limits *limits)
{
	return explore(&weave->all, weave->stepper, &weave->start,
		       weave->program.routines, weave->program.words, limits);
}

void weave_free(struct weave *weave)
{
	exploration_free(&weave->all);
	stepper_close(weave->stepper);
	weave->stepper = NULL;
}

// ## Where processes cannot be traced

const char *weave_obstacle(int error)
{
	static char text[160];
	char line[HOST_TEXT] = "";

	switch (error) {
	case -ENOTSUP:
		return "the pieces of machine code are for x86-64: run this on "
		       "such a machine";
	case -ENOSYS:
		return "ptrace(2) is not there (an emulator such as qemu-user, "
		       "or a filter): run this on the machine itself";
	case -EAGAIN:
		return "no room for the process that runs the pieces: raise "
		       "ulimit -u";
	case -EPERM:
	case -EACCES:
		host_line("/proc/sys/kernel/yama/ptrace_scope", line,
			  sizeof line);
		if (!strcmp(line, "3"))
			return "kernel.yama.ptrace_scope is 3: no process may "
			       "be traced until the next boot";
		snprintf(text, sizeof text,
			 "ptrace(2) is forbidden here (%s): by a container's "
			 "filter (docker run --cap-add=SYS_PTRACE), or as "
			 "somebody traces us already",
			 error == -EPERM ? "EPERM" : "EACCES");
		return text;
	default:
		return NULL;
	}
}

// ## Verdicts

static bool breaks(const struct weave *weave, const struct condition *check,
		   size_t index)
{
	const struct explored_state *state = &weave->all.states[index];
	struct step_state content;

	if (check->when == CONDITION_PROGRESS)
		return !state->can_end;
	if (check->when == CONDITION_END && !state->ended)
		return false;
	exploration_state(&weave->all, index, &content);
	return !condition_value(check, &weave->program, &content);
}

int weave_judge(const struct weave *weave, int check, struct verdict *verdict)
{
	bool *bad = calloc(weave->all.count, sizeof *bad);

	if (!bad)
		return -ENOMEM;
	*verdict = (struct verdict){ .holds = true };
	for (size_t i = 0; i < weave->all.count; i++) {
		bad[i] = breaks(weave, &weave->check[check], i);
		if (bad[i] && verdict->states++ == 0)
			verdict->first = i;
	}
	verdict->holds = verdict->states == 0;
	if (!verdict->holds && weave->all.finite)
		verdict->orders = exploration_orders_through(&weave->all, bad);
	free(bad);
	return 0;
}

// ## One order

int weave_replay(struct weave *weave, const char *order,
		 struct step_state **states, size_t *at, bool *ended)
{
	size_t n = strlen(order);
	struct step_state *all = calloc(n + 1, sizeof *all);

	*states = NULL;
	if (!all)
		return -ENOMEM;
	all[0] = weave->start;
	for (*at = 0; *at < n; ++*at) {
		int who = order[*at] - 'A';
		bool there = who >= 0 && who < weave->program.routines;
		*ended = there && step_ended(&all[*at], who);
		all[*at + 1] = all[*at];
		int error = there && !*ended ? stepper_step(weave->stepper,
							    &all[*at + 1], who)
					     : -EINVAL;
		if (error) {
			free(all);
			return error;
		}
	}
	*states = all;
	return 0;
}

// ## All orders
//
// As an odometer counts, the last process first. A state is a value, so to try
// another process from an earlier state is to step from that state.

enum { LONGEST = 2000 }; // steps: each is a frame on our stack

struct walk {
	struct weave *weave;
	order_function *each;
	void *context;
	char *order;
	size_t room;
};

static int walk_on(struct walk *walk, const struct step_state *state,
		   size_t steps)
{
	bool ended = true;

	if (steps + 1 >= walk->room)
		return -E2BIG;
	for (int who = 0; who < walk->weave->program.routines; who++) {
		struct step_state next = *state;
		if (step_ended(state, who))
			continue;
		ended = false;
		walk->order[steps] = (char)('A' + who);
		int error = stepper_step(walk->weave->stepper, &next, who);
		if (!error)
			error = walk_on(walk, &next, steps + 1);
		if (error)
			return error;
	}
	walk->order[steps] = '\0';
	if (ended && !walk->each(walk->context, walk->order, state))
		return -ECANCELED;
	return 0;
}

// No way is longer than there are states.
int weave_orders(struct weave *weave, order_function *each, void *context)
{
	size_t room = weave->all.count + 2;
	struct walk walk = { weave, each, context, NULL,
			     room < LONGEST ? room : LONGEST };

	walk.order = malloc(walk.room);
	if (!walk.order)
		return -ENOMEM;
	int error = walk_on(&walk, &weave->start, 0);
	free(walk.order);
	return error == -ECANCELED ? 0 : error;
}

// ## Ends

static int by_orders(const void *a, const void *b, void *finite)
{
	const struct weave_end *x = a, *y = b;

	if (*(bool *)finite && x->orders != y->orders)
		return x->orders < y->orders ? 1 : -1;
	return (x->state > y->state) - (x->state < y->state);
}

int weave_ends(const struct weave *weave, struct weave_end **ends)
{
	const struct exploration *e = &weave->all;
	size_t words = (size_t)weave->program.words * sizeof(uint64_t);
	struct weave_end *list = calloc(e->count + 1, sizeof *list);
	int n = 0;

	*ends = list;
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < e->count; i++) {
		int j = 0;
		if (!e->states[i].ended)
			continue;
		while (j < n && memcmp(e->rows + list[j].state * e->width,
				       e->rows + i * e->width, words) != 0)
			j++;
		if (j == n)
			list[n++].state = i;
		list[j].states++;
		list[j].orders = list[j].orders > EXPLORED_MANY -
							  e->states[i].orders
					 ? EXPLORED_MANY
					 : list[j].orders + e->states[i].orders;
	}
	bool finite = e->finite;
	qsort_r(list, (size_t)n, sizeof *list, by_orders, &finite);
	return n;
}

// # A graph of states, made by the CPU
//
// Breadth first: states wait in the order in which they were found, which is
// that of the length of the way, so the first bad state that a reader is shown
// has the shortest story. A hash table knows the states that there are.
//
// Of a state only what can differ is kept: the words in use, and of each
// process registers, place, flags, and its stack if it has one.

#define _GNU_SOURCE
#include "sync/stepper/explore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	STATIC_PART = STEPPER_REGISTERS + 2, // and `next`, `flags`
	PROCESS_ROW = STATIC_PART + STEPPER_STACK,
	STACK_POINTER = 4,
};

struct search {
	struct exploration *e;
	size_t room;     // for states
	uint32_t *table; // hash table of states, EXPLORED_NONE: free
	size_t slots;    // a power of two, twice `room`
	uint64_t row[STEPPER_WORDS + STEPPER_PROCESSES * PROCESS_ROW];
};

static size_t process_row(const struct exploration *e)
{
	return e->stacks ? PROCESS_ROW : STATIC_PART;
}

static void pack(const struct exploration *e, const struct step_state *state,
		 uint64_t *row)
{
	memcpy(row, state->words, (size_t)e->words * sizeof *row);
	row += e->words;
	for (int i = 0; i < e->processes; i++) {
		const struct step_process *p = &state->processes[i];
		memcpy(row, p->registers, sizeof p->registers);
		row[STEPPER_REGISTERS] = p->next;
		row[STEPPER_REGISTERS + 1] = p->flags;
		if (e->stacks)
			memcpy(row + STATIC_PART, p->stack, sizeof p->stack);
		row += process_row(e);
	}
}

void exploration_state(const struct exploration *e, size_t index,
		       struct step_state *state)
{
	const uint64_t *row = e->rows + index * e->width;

	*state = (struct step_state){ 0 };
	memcpy(state->words, row, (size_t)e->words * sizeof *row);
	row += e->words;
	for (int i = 0; i < e->processes; i++) {
		struct step_process *p = &state->processes[i];
		memcpy(p->registers, row, sizeof p->registers);
		p->next = row[STEPPER_REGISTERS];
		p->flags = row[STEPPER_REGISTERS + 1];
		if (e->stacks)
			memcpy(p->stack, row + STATIC_PART, sizeof p->stack);
		row += process_row(e);
	}
}

// ## The table

// The mixing step of MurmurHash3 (Austin Appleby, 2011), a word at a time.
static uint64_t hash_of(const uint64_t *row, size_t width)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < width; i++) {
		hash = (hash ^ row[i]) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 33;
	}
	return hash;
}

static uint32_t *slot_of(const struct search *s, const uint64_t *row)
{
	const struct exploration *e = s->e;
	size_t at = hash_of(row, e->width) & (s->slots - 1);

	while (s->table[at] != EXPLORED_NONE &&
	       memcmp(e->rows + s->table[at] * e->width, row,
		      e->width * sizeof *row) != 0)
		at = (at + 1) & (s->slots - 1);
	return &s->table[at];
}

static int grow(struct search *s)
{
	struct exploration *e = s->e;
	size_t room = s->room ? 2 * s->room : 256;
	void *states = reallocarray(e->states, room, sizeof *e->states);

	if (!states)
		return -ENOMEM;
	e->states = states;
	void *rows = reallocarray(e->rows, room * e->width, sizeof *e->rows);
	if (!rows)
		return -ENOMEM;
	e->rows = rows;
	void *table = reallocarray(s->table, 2 * room, sizeof *s->table);
	if (!table)
		return -ENOMEM;
	s->table = table;
	s->room = room;
	s->slots = 2 * room;
	memset(s->table, 0xff, s->slots * sizeof *s->table);
	for (size_t i = 0; i < e->count; i++)
		*slot_of(s, e->rows + i * e->width) = (uint32_t)i;
	return 0;
}

// The index of a state, which may be new; -E2BIG, -ENOMEM.
static int64_t find(struct search *s, const struct step_state *state,
		    uint32_t from, int who, size_t most)
{
	struct exploration *e = s->e;

	pack(e, state, s->row);
	uint32_t *slot = slot_of(s, s->row);
	if (*slot != EXPLORED_NONE)
		return *slot;
	if (e->count >= most || e->count >= EXPLORED_NONE - 1)
		return -E2BIG;
	if (e->count == s->room) {
		int error = grow(s);
		if (error)
			return error;
		slot = slot_of(s, s->row);
	}
	memcpy(e->rows + e->count * e->width, s->row,
	       e->width * sizeof *s->row);
	struct explored_state *found = &e->states[e->count];
	*found = (struct explored_state){
		.next = { EXPLORED_NONE, EXPLORED_NONE, EXPLORED_NONE },
		.from = from,
		.who = (uint8_t)who,
		.ended = true,
		.steps = from == EXPLORED_NONE ? 0 : e->states[from].steps + 1,
	};
	for (int i = 0; i < e->processes; i++)
		found->ended = found->ended && step_ended(state, i);
	*slot = (uint32_t)e->count;
	return (int64_t)e->count++;
}

// ## Every step from every state

static int follow(struct search *s, struct stepper *stepper, uint32_t index,
		  const struct explore_limits *limits)
{
	struct exploration *e = s->e;
	struct step_state here, state;

	exploration_state(e, index, &here);
	if (e->states[index].steps >= limits->steps &&
	    !e->states[index].ended) {
		e->states[index].cut = true;
		e->complete = false;
		return 0;
	}
	for (int who = 0; who < e->processes; who++) {
		if (step_ended(&here, who))
			continue;
		if (limits->stop && limits->stop())
			return -EINTR;
		state = here;
		int error = stepper_step(stepper, &state, who);
		if (error)
			return error;
		int64_t next = find(s, &state, index, who, limits->states);
		if (next < 0)
			return (int)next;
		e->states[index].next[who] = (uint32_t)next;
	}
	return 0;
}

// Backwards, until nothing changes. States were found in the order of their
// distance, so most of it is done in the first round.
static void mark_ways_out(struct exploration *e)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = e->count; i-- > 0;) {
			struct explored_state *state = &e->states[i];
			bool can = state->ended || state->cut;
			for (int who = 0; who < e->processes; who++)
				if (state->next[who] != EXPLORED_NONE)
					can |= e->states[state->next[who]]
						       .can_end;
			changed |= can != state->can_end;
			state->can_end = can;
		}
	}
}

// ## Counting orders
//
// The ways to a state are those to its predecessors, added up; so each state
// has to wait until all of these are done (Kahn's order, 1962). If some never
// are, they lie on or behind a circle, and there is no end of orders.

static uint64_t add_up(uint64_t a, uint64_t b)
{
	return a > EXPLORED_MANY - b ? EXPLORED_MANY : a + b;
}

// Fills ways[], without those through states that are `bad`. Returns how many
// states could be done, or -ENOMEM.
static int64_t count_ways(const struct exploration *e, const bool *bad,
			  uint64_t *ways)
{
	uint32_t *missing = calloc(e->count, sizeof *missing);
	uint32_t *ready = calloc(e->count, sizeof *ready);
	size_t done = 0, found = 0;

	if (!missing || !ready) {
		free(missing);
		free(ready);
		return -ENOMEM;
	}
	memset(ways, 0, e->count * sizeof *ways);
	for (size_t i = 0; i < e->count; i++)
		for (int who = 0; who < e->processes; who++)
			if (e->states[i].next[who] != EXPLORED_NONE)
				missing[e->states[i].next[who]]++;
	ways[0] = 1;
	if (!missing[0])
		ready[found++] = 0;
	while (done < found) {
		uint32_t i = ready[done++];
		if (bad && bad[i])
			ways[i] = 0;
		for (int who = 0; who < e->processes; who++) {
			uint32_t next = e->states[i].next[who];
			if (next == EXPLORED_NONE)
				continue;
			ways[next] = add_up(ways[next], ways[i]);
			if (--missing[next] == 0)
				ready[found++] = next;
		}
	}
	free(missing);
	free(ready);
	return (int64_t)done;
}

static int count_orders(struct exploration *e)
{
	uint64_t *ways = calloc(e->count, sizeof *ways);

	if (!ways)
		return -ENOMEM;
	int64_t done = count_ways(e, NULL, ways);
	e->finite = done == (int64_t)e->count;
	for (size_t i = 0; i < e->count && e->finite; i++)
		e->states[i].orders = ways[i];
	free(ways);
	return done < 0 ? (int)done : 0;
}

static uint64_t sum_of_ends(const struct exploration *e, const uint64_t *ways)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < e->count; i++)
		if (e->states[i].ended)
			sum = add_up(sum, ways ? ways[i] : e->states[i].orders);
	return sum;
}

uint64_t exploration_orders(const struct exploration *e)
{
	return sum_of_ends(e, NULL);
}

// All but those that avoid every bad state. Out of memory: EXPLORED_MANY.
uint64_t exploration_orders_through(const struct exploration *e,
				    const bool *bad)
{
	uint64_t all = exploration_orders(e), good = EXPLORED_MANY;
	uint64_t *ways = calloc(e->count, sizeof *ways);

	if (ways && count_ways(e, bad, ways) >= 0)
		good = sum_of_ends(e, ways);
	free(ways);
	return all == EXPLORED_MANY || good == EXPLORED_MANY ? EXPLORED_MANY
							     : all - good;
}

int explore(struct exploration *e, struct stepper *stepper,
	    const struct step_state *start, int processes, int words,
	    const struct explore_limits *limits)
{
	struct search s = { .e = e };

	*e = (struct exploration){
		.processes = processes,
		.words = words,
		.complete = true,
	};
	for (int i = 0; i < processes; i++)
		e->stacks |= start->processes[i].registers[STACK_POINTER] != 0;
	e->width = (size_t)words + (size_t)processes * process_row(e);
	int error = grow(&s);
	if (!error) {
		int64_t first = find(&s, start, EXPLORED_NONE, 0,
				     limits->states);
		error = first < 0 ? (int)first : 0;
	}
	for (size_t i = 0; i < e->count && !error; i++)
		error = follow(&s, stepper, (uint32_t)i, limits);
	free(s.table);
	if (!error) {
		mark_ways_out(e);
		error = count_orders(e);
	}
	if (error)
		exploration_free(e);
	return error;
}

void exploration_free(struct exploration *e)
{
	free(e->states);
	free(e->rows);
	*e = (struct exploration){ 0 };
}

void exploration_order(const struct exploration *e, size_t index, char *order)
{
	size_t n = e->states[index].steps;

	order[n] = '\0';
	for (; n > 0; index = e->states[index].from)
		order[--n] = (char)('A' + e->states[index].who);
}

// explore.h - every interleaving, by way of every state
//
// Two instructions each of two processes can be interleaved in 6 ways, ten each
// in 184,756. But many orders meet in the same state, and what can happen from
// there on is the same for all of them. So states are explored, not orders:
// from each state every process takes one step, done by the CPU, and a state
// that is known already is not followed again. Busy waiting ends by itself,
// too: who spins comes back to a state that is known.
//
// Nothing is lost by that. The orders are the ways through the graph, and they
// are counted without walking each of them.
//
// Source: model checking, E. M. Clarke and E. A. Emerson, 1981; J.-P. Queille
// and J. Sifakis, 1982.

#ifndef SYNC_STEPPER_EXPLORE_H
#define SYNC_STEPPER_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/stepper/stepper.h"

#define EXPLORED_NONE UINT32_MAX // no state
#define EXPLORED_MANY UINT64_MAX // more orders than 64 bits hold

struct explore_limits {
	size_t states;      // at most (2^32 - 2)
	size_t steps;       // of all processes together, on the shortest way
	bool (*stop)(void); // asked before each step, if there is one
};

struct explored_state {
	uint32_t next[STEPPER_PROCESSES]; // by a step of each, or EXPLORED_NONE
	uint32_t from;                    // where it was first reached from,
	uint8_t who;                      // and by whose step
	bool ended;      // all processes have come to their end
	bool can_end;    // there is a way to a state that is `ended` or `cut`
	bool cut;        // not followed: `steps` were reached here
	uint32_t steps;  // the shortest way from the start
	uint64_t orders; // ways from the start to here, if `finite`
};

struct exploration {
	int processes, words;
	bool stacks;   // a process has a stack, which is part of its state
	bool finite;   // no way leads back to a state: orders can be counted
	bool complete; // no state was cut
	size_t count;  // states, the start first, then by length of the way
	struct explored_state *states;
	uint64_t *rows; // what is in them (exploration_state)
	size_t width;
};

// Explores from `start`, with the processes and the first `words` words of it.
// Returns 0, or -ENOMEM, -E2BIG (more states than the limit), -EINTR (stop said
// so), or what stepper_step returned; *e is empty then. Each step is executed
// once: states times processes at most.
int explore(struct exploration *e, struct stepper *stepper,
	    const struct step_state *start, int processes, int words,
	    const struct explore_limits *limits);
void exploration_free(struct exploration *e);

// The content of a state.
void exploration_state(const struct exploration *e, size_t index,
		       struct step_state *state);

// The shortest order that leads to a state, as letters ("AABB"), and '\0'.
// `order` has room for its steps and 1 more.
void exploration_order(const struct exploration *e, size_t index, char *order);

// How many orders there are from the start to any end, if `finite`; and how
// many of them pass through a state for which bad[index] is true.
uint64_t exploration_orders(const struct exploration *e);
uint64_t exploration_orders_through(const struct exploration *e,
				    const bool *bad);

#endif

// stack.h - Treiber's stack of nodes, with hazard pointers
//
// Like slots.h, but the elements are nodes that the caller makes and that are
// freed when they are no longer used (through the hazard's free_node). A node may
// be pushed again by who popped it only after it was retired and freed, and made
// anew: what is put back by hand, ABA would find.
//
// Any number of threads may call these, each with a hazard record of its own;
// lock-free, O(1) a try. No errors.

#ifndef SYNC_LOCKFREE_STACK_H
#define SYNC_LOCKFREE_STACK_H

#include <stdbool.h>

#include "sync/lockfree/hazard.h"

struct stack_node {
	struct hazard_node hazard;
	void *_Atomic below;
};

struct stack {
	void *_Atomic top; // a stack_node
};

struct stack_look {
	struct stack_node *node, *below;
};

void stack_push(struct stack *stack, struct stack_node *node);

// The top, which is the caller's now: he reads it, and retires it. Or NULL.
struct stack_node *stack_pop(struct stack *stack, struct hazard_record *record);

// pop in two halves. look protects what it returns with hazard pointer 0, which
// the caller clears in the end. look_bare does not: it is the mistake, and reads
// memory that may be freed.
bool stack_look(struct stack *stack, struct hazard_record *record,
		struct stack_look *look);
bool stack_swing(struct stack *stack, const struct stack_look *look);
struct stack_node *stack_look_bare(struct stack *stack);
struct stack_node *stack_below(const struct stack_node *node);

#endif

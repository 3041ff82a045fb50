// # Treiber's stack
//
// Orders: push releases, pop acquires, by the exchange and the loads of the top;
// pop's exchange is sequentially consistent because it unlinks (hazard.h).

#include "sync/lockfree/stack.h"

void stack_push(struct stack *stack, struct stack_node *node)
{
	void *top = atomic_load_explicit(&stack->top, memory_order_relaxed);

	do {
		atomic_store_explicit(&node->below, top, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(
		&stack->top, &top, (void *)node, memory_order_release,
		memory_order_relaxed));
}

struct stack_node *stack_below(const struct stack_node *node)
{
	return atomic_load_explicit(&node->below, memory_order_relaxed);
}

bool stack_look(struct stack *stack, struct hazard_record *record,
		struct stack_look *look)
{
	look->node = hazard_protect(record, 0, &stack->top);
	if (!look->node)
		return false;
	look->below = stack_below(look->node);
	return true;
}

struct stack_node *stack_look_bare(struct stack *stack)
{
	return atomic_load_explicit(&stack->top, memory_order_acquire);
}

bool stack_swing(struct stack *stack, const struct stack_look *look)
{
	void *top = look->node;

	return atomic_compare_exchange_strong_explicit(&stack->top, &top,
						       (void *)look->below,
						       memory_order_seq_cst,
						       memory_order_relaxed);
}

struct stack_node *stack_pop(struct stack *stack, struct hazard_record *record)
{
	struct stack_look look = { 0 };

	while (stack_look(stack, record, &look))
		if (stack_swing(stack, &look))
			break;
	hazard_clear(record, 0);
	return look.node;
}

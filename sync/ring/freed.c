// # Memory that is freed
//
// Tags need memory that stays. If nodes are freed, the slow thread does not even
// come to its exchange: it reads "what is below A" in memory that is gone. Here
// each node is a page of its own, and to free it takes the page away; malloc
// would let the read through, and hand out what happens to lie there.

#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "scenes.h"
#include "sync/lockfree/hazard.h"
#include "sync/lockfree/stack.h"

struct node {
	struct stack_node stack;
	char name;
};

static size_t page_bytes(void)
{
	return must(sysconf(_SC_PAGESIZE));
}

static struct node *new_node(char name)
{
	struct node *node = must(mmap(NULL, page_bytes(),
				      PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	node->name = name;
	return node;
}

static void free_node(void *context, struct hazard_node *node)
{
	int *freed = context;

	++*freed;
	must(mprotect(node, page_bytes(), PROT_NONE));
}

// A on top of B.
static struct stack new_stack(void)
{
	struct stack stack = { NULL };

	stack_push(&stack, &new_node('B')->stack);
	stack_push(&stack, &new_node('A')->stack);
	return stack;
}

enum { FAULT = 42 };

static void on_fault(int number)
{
	(void)number;
	_exit(FAULT);
}

void scene_freed(void)
{
	struct stack stack = new_stack();
	int status, freed = 0;

	pid_t reader = fork_as("reader");
	if (reader == 0) {
		struct sigaction action = { .sa_handler = on_fault };
		must(sigaction(SIGSEGV, &action, NULL));
		struct stack_node *top = stack_look_bare(&stack);
		say("the top is A; now another takes it, and frees it");
		stack.top = stack_below(top);
		free_node(&freed, &top->hazard);
		say("what is below it?");
		_exit(stack_below(top) != NULL);
	}
	must(waitpid(reader, &status, 0));
	claim(WIFEXITED(status) && WEXITSTATUS(status) == FAULT,
	      "it reads memory that is gone: SIGSEGV");
}

// ## Hazard pointers
//
// The slow thread says what it is about to read. The fast one takes A and B and
// retires both; the scan frees what nobody names.

void scene_hazard(void)
{
	struct stack stack = new_stack();
	struct stack_look look;
	struct hazard hazard;
	int freed = 0;

	must_neg(hazard_init(&hazard, 2, free_node, &freed));
	struct hazard_record *slow = hazard_join(&hazard);
	struct hazard_record *fast = hazard_join(&hazard);
	stack_look(&stack, slow, &look);
	say("slow: the top is A, and I say so");
	for (int i = 0; i < 2; i++)
		hazard_retire(fast, &stack_pop(&stack, fast)->hazard);
	hazard_scan(fast);
	say("fast: I took A and B, retired both, and scanned");
	claim(freed == 1 && hazard_retired(fast) == 1,
	      "B is freed, and A is not");
	claim(stack_below(look.node) == look.below, "slow can still read A");
	claim(!stack_swing(&stack, &look), "and its exchange fails");
	hazard_clear(slow, 0);
	hazard_scan(fast);
	claim(freed == 2, "slow no longer says A: the next scan frees it");

	say("and if slow falls asleep with a pointer in its hand?");
	stack_push(&stack, &new_node('A')->stack);
	stack_look(&stack, slow, &look);
	size_t most = 0;
	for (int i = 0; i < 100; i++) {
		hazard_retire(fast, &stack_pop(&stack, fast)->hazard);
		most = hazard_retired(fast) > most ? hazard_retired(fast)
						   : most;
		stack_push(&stack, &new_node('A')->stack);
	}
	claim(most < hazard_limit(&hazard) && freed < 102,
	      "100 more are retired: never more than %zu are kept", most);
	hazard_clear(slow, 0);
	hazard_destroy(&hazard);
}

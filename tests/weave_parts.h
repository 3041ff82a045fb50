// weave_parts.h - what the files of the suite weave share
//
// weave.c (counts and states against a model), weave_model.c (the model),
// weave_text.c (programs, machine code, checks as text), weave_stepper.c
// (traced processes in trouble), weave_lock.c (compiled locks), weave_tool.c (the program as its user sees
// it).

#ifndef WEAVE_PARTS_H
#define WEAVE_PARTS_H

#include "labs.h"
#include "sync/stepper/condition.h"
#include "sync/stepper/explore.h"
#include "sync/stepper/program.h"
#include "sync/stepper/stepper.h"

#define NO_STEPPING "programs cannot be stepped here (ptrace(2), x86-64)"

// A program, its processes, its start.
struct woven {
	struct program program;
	struct stepper *stepper;
	struct step_state start;
};

// False where the host does not allow it; fails the test for other reasons.
bool woven_begin(struct woven *woven, const char *text);
void woven_end(struct woven *woven);

// The text of a program that comes with the lab: what `--source` prints. The
// caller frees it.
char *listed_text(const char *name);

// ## The model: a second opinion about what instructions do
//
// It reads them as they are printed, knows nothing of machine code, and does in
// C what the manual says. Process `who` does one instruction in *state.
void weave_model_step(const struct program *program, struct step_state *state,
		      int who);

// Walks every order from the start, one by one, without looking at states:
// calls each(context, end) at every end. Only for programs without loops.
// Returns how many orders there are.
uint64_t weave_model_orders(const struct program *program,
			    const struct step_state *start,
			    void (*each)(void *context,
					 const struct step_state *end),
			    void *context);

// How many states can be reached.
size_t weave_model_states(const struct program *program,
			  const struct step_state *start);

// A program by chance: straight on, with jumps ahead.
char *random_program(uint64_t *seed, int processes, int instructions);

void add_weave_text_tests(Suite *suite);
void add_weave_stepper_tests(Suite *suite);
void add_weave_tool_tests(Suite *suite);
void add_weave_lock_tests(Suite *suite);

#endif

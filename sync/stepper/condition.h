// condition.h - what must be true: a small language of expressions
//
//     check    = [ "always" | "end" ] expression | "progress"
//
// `always`: in every state; `end` (or nothing): in those where all processes
// have come to their end; `progress`: from every state there is a way to such
// an end, so nobody waits for ever.
//
//     ||  &&  == !=  < <= > >=  + -  *  ! -      as in C, with ( )
//
// Values are 64 bits with sign and wrap around; what is compared is 1 or 0. A
// name is
//
//     x        a word
//     A.rax    a register of a process
//     A.cs     1 while the next instruction of A lies in its section `cs`
//     A.done   1 once A has come to its end
//     12 -1 0x10

#ifndef SYNC_STEPPER_CONDITION_H
#define SYNC_STEPPER_CONDITION_H

#include "sync/stepper/program.h"

enum condition_when { CONDITION_END, CONDITION_ALWAYS, CONDITION_PROGRESS };

enum { CONDITION_NODES = 64 };

struct condition_node {
	enum {
		CONDITION_NUMBER,
		CONDITION_WORD,
		CONDITION_REGISTER,
		CONDITION_SECTION,
		CONDITION_DONE,
		CONDITION_NOT,
		CONDITION_MINUS,
		CONDITION_BINARY,
	} kind;
	int operation; // of CONDITION_BINARY
	int who, index;
	int left, right; // nodes
	uint64_t number;
};

struct condition {
	enum condition_when when;
	int count, root;
	struct condition_node nodes[CONDITION_NODES];
};

// Reads a check for a program. Returns 0, or -EINVAL with column and text of
// *error (its line is 0).
int condition_parse(struct condition *condition, const struct program *program,
		    const char *text, struct text_error *error);

// The value of its expression in a state; 1 for `progress`, which is not about
// one state.
int64_t condition_value(const struct condition *condition,
			const struct program *program,
			const struct step_state *state);

#endif

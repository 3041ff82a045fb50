// assemble.h - one line of assembly to bytes
//
// For program.c. What is understood is described in program.h.

#ifndef SYNC_STEPPER_ASSEMBLE_H
#define SYNC_STEPPER_ASSEMBLE_H

#include <stdbool.h>

#include "sync/stepper/program.h"

// Encodes the instruction at `text`, up to the end of the string. A jump's
// label is returned as a part of the text, and its last byte, the distance, is
// left to the caller; otherwise *label is NULL. On failure returns -EINVAL and
// fills column (from 1, in `text`) and text of *error.
int assemble(const struct program *program, const char *text,
	     struct instruction *instruction, const char **label,
	     size_t *label_length, struct text_error *error);

// Whether a name may stand for a word, section or process: not that of a
// register or an instruction.
bool assemble_reserved(const char *name, size_t length);

#endif

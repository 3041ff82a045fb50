// machine.h - the registers of a stopped process, by kind of CPU
//
// For stepper.c only. x86-64 is known. Another machine needs these functions
// and pieces of code of its own (assemble.c writes x86-64). On Arm mind that
// every exception clears the exclusive monitor: a loop of ldxr and stxr that is
// stepped never comes to its end, so pieces there need the atomic instructions
// of Armv8.1 (ldadd, cas, swp).

#ifndef SYNC_STEPPER_MACHINE_H
#define SYNC_STEPPER_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "sync/stepper/stepper.h"

// Which of the registers holds a function's argument, and the stack.
enum { MACHINE_STACK = 4, MACHINE_ARGUMENT = 7 };

struct machine {
#if defined __x86_64__ && defined __LP64__
	struct user_regs_struct registers;
#else
	long none;
#endif
};

bool machine_known(void);

// All of the registers of a stopped tracee; 0 or -errno.
int machine_read(pid_t pid, struct machine *machine);
int machine_write(pid_t pid, const struct machine *machine);

// From a state into the registers, and back; `base` is where its code begins.
void machine_load(struct machine *machine, const struct step_process *process,
		  uintptr_t base);
void machine_store(const struct machine *machine, struct step_process *process,
		   uintptr_t base);
uintptr_t machine_next(const struct machine *machine);
uintptr_t machine_stack(const struct machine *machine);

#endif

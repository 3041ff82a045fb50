// # The registers of x86-64
//
// The kernel's struct user_regs_struct has them in the order in which it saves
// them; a state has them by number, as instructions encode them. Two details:
//
// - orig_rax. A process that was stopped within a system call has its number
//   there, and the kernel may restart the call when it resumes: -1 says that
//   there is none.
// - RFLAGS. Of the flags only the five that conditions test are part of a
//   state (the auxiliary carry cannot be tested). Interrupts stay enabled, and
//   the trap flag is the kernel's while it steps.

#define _GNU_SOURCE
#include "sync/stepper/machine.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>

#if defined __x86_64__ && defined __LP64__

enum {
	CARRY = 1 << 0,
	ALWAYS_ONE = 1 << 1,
	PARITY = 1 << 2,
	ZERO = 1 << 6,
	SIGN = 1 << 7,
	INTERRUPTS = 1 << 9,
	OVERFLOW = 1 << 11,
	TESTED = CARRY | PARITY | ZERO | SIGN | OVERFLOW,
};

static const size_t offsets[STEPPER_REGISTERS] = {
	offsetof(struct user_regs_struct, rax),
	offsetof(struct user_regs_struct, rcx),
	offsetof(struct user_regs_struct, rdx),
	offsetof(struct user_regs_struct, rbx),
	offsetof(struct user_regs_struct, rsp),
	offsetof(struct user_regs_struct, rbp),
	offsetof(struct user_regs_struct, rsi),
	offsetof(struct user_regs_struct, rdi),
	offsetof(struct user_regs_struct, r8),
	offsetof(struct user_regs_struct, r9),
	offsetof(struct user_regs_struct, r10),
	offsetof(struct user_regs_struct, r11),
	offsetof(struct user_regs_struct, r12),
	offsetof(struct user_regs_struct, r13),
	offsetof(struct user_regs_struct, r14),
	offsetof(struct user_regs_struct, r15),
};

bool machine_known(void)
{
	return true;
}

int machine_read(pid_t pid, struct machine *machine)
{
	return ptrace(PTRACE_GETREGS, pid, NULL, &machine->registers) ? -errno
								      : 0;
}

int machine_write(pid_t pid, const struct machine *machine)
{
	return ptrace(PTRACE_SETREGS, pid, NULL, &machine->registers) ? -errno
								      : 0;
}

void machine_load(struct machine *machine, const struct step_process *process,
		  uintptr_t base)
{
	char *registers = (char *)&machine->registers;

	for (int i = 0; i < STEPPER_REGISTERS; i++)
		*(unsigned long long *)(registers + offsets[i]) =
			process->registers[i];
	machine->registers.rip = base + process->next;
	machine->registers.eflags = (process->flags & TESTED) | ALWAYS_ONE |
				    INTERRUPTS;
	machine->registers.orig_rax = UINT64_MAX;
}

void machine_store(const struct machine *machine, struct step_process *process,
		   uintptr_t base)
{
	const char *registers = (const char *)&machine->registers;

	for (int i = 0; i < STEPPER_REGISTERS; i++)
		process->registers[i] =
			*(const unsigned long long *)(registers + offsets[i]);
	process->next = machine->registers.rip - base;
	process->flags = machine->registers.eflags & TESTED;
}

uintptr_t machine_next(const struct machine *machine)
{
	return machine->registers.rip;
}

uintptr_t machine_stack(const struct machine *machine)
{
	return machine->registers.rsp;
}

#else

bool machine_known(void)
{
	return false;
}

int machine_read(pid_t pid, struct machine *machine)
{
	(void)pid;
	(void)machine;
	return -ENOTSUP;
}

int machine_write(pid_t pid, const struct machine *machine)
{
	(void)pid;
	(void)machine;
	return -ENOTSUP;
}

void machine_load(struct machine *machine, const struct step_process *process,
		  uintptr_t base)
{
	(void)machine;
	(void)process;
	(void)base;
}

void machine_store(const struct machine *machine, struct step_process *process,
		   uintptr_t base)
{
	(void)machine;
	(void)process;
	(void)base;
}

uintptr_t machine_next(const struct machine *machine)
{
	(void)machine;
	return 0;
}

uintptr_t machine_stack(const struct machine *machine)
{
	(void)machine;
	return 0;
}

#endif

// stepper.h - real machine code, one instruction at a time
//
// Two or three processes share a page. Each has a piece of machine code and is
// traced with ptrace(2): it executes an instruction when it is told to, and
// stops. So the order in which instructions happen is the caller's choice, and
// what each of them does is the CPU's.
//
// A state is a value: the shared words, and the registers and stack of each
// process. stepper_step puts a state into the machine, lets one process
// execute one instruction, and takes the state out. Any state that has been
// kept can be stepped from again, so a schedule costs its steps and no process,
// and schedules that meet in one state can be followed once (explore.h).
//
//     struct stepper *stepper;
//     struct step_state state;
//     stepper_open(&stepper, pieces, 2);
//     stepper_start(stepper, &state);
//     stepper_step(stepper, &state, 0);
//     stepper_close(stepper);
//
// What this cannot show: each instruction is done, in memory, before the next
// one begins. Two CPUs promise less: stores wait in buffers, an instruction
// that reads and writes is two accesses unless it is locked, and a compiler
// moves both. See sync/litmus.
//
// All functions return 0 or -errno. Only the thread that opened a stepper may
// step with it (ptrace binds a tracee to a thread). The processes die with it.
// Source: ptrace(2).

#ifndef SYNC_STEPPER_H
#define SYNC_STEPPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STEPPER_PROCESSES = 3,
	STEPPER_WORDS = 16,     // of 8 bytes, shared by all
	STEPPER_REGISTERS = 16, // in the order of their numbers, rax to r15
	STEPPER_STACK = 32,     // words of a stack that are part of a state
	STEPPER_CODE = 4096,    // bytes of a piece
};

// `next` of a process that has come to the end of its code.
#define STEPPER_END UINT64_MAX

struct step_process {
	uint64_t registers[STEPPER_REGISTERS];
	uint64_t next;  // where it stands: bytes from where its code begins
	uint64_t flags; // carry, parity, zero, sign, overflow: as in RFLAGS
	uint64_t stack[STEPPER_STACK]; // the lowest address first
};

struct step_state {
	uint64_t words[STEPPER_WORDS];
	struct step_process processes[STEPPER_PROCESSES];
};

// What a process executes, with the address of the shared words in rdi and 0
// in the other registers. Either `bytes` of machine code, position-independent,
// up to the end of them; or a function of the calling program, up to its
// return, that calls nothing which the sanitizers have changed, makes no system
// call and keeps to a stack of STEPPER_STACK words.
struct step_piece {
	const void *code;
	size_t bytes;
	void (*function)(void *words);
};

struct stepper;

// Starts a process for each of the 1 to 3 pieces and waits until all are
// traced. -EPERM, -ENOSYS: this host forbids ptrace or has none (a seccomp
// filter, Yama's kernel.yama.ptrace_scope = 3, a tracer of our own, qemu-user);
// -ENOTSUP: no machine of which this module knows the registers (x86-64 it
// does); -EINVAL: no piece, or too many, or one that is empty or too long.
int stepper_open(struct stepper **stepper, const struct step_piece *pieces,
		 int count);

// Ends the processes and waits for them. NULL is allowed.
void stepper_close(struct stepper *stepper);

// The state before the first step: words are 0. The caller may change them and
// the registers, but for rdi.
void stepper_start(const struct stepper *stepper, struct step_state *state);

// Process `who` (0 ...) executes its next instruction in this state. -EINVAL:
// no such process, or it has come to its end; -EFAULT: its instruction raised
// an exception (a bad address, no instruction at all); -EOVERFLOW: its stack is
// deeper than a state holds; -ESRCH: somebody killed it. After an error the
// state is as it was. Takes some 10 us: two context switches and four calls.
int stepper_step(struct stepper *stepper, struct step_state *state, int who);

// Whether this process has come to the end of its code.
static inline bool step_ended(const struct step_state *state, int who)
{
	return state->processes[who].next == STEPPER_END;
}

// How many instructions have been executed since stepper_open.
uint64_t stepper_steps(const struct stepper *stepper);

// A process, for tests and the curious: its ID.
int stepper_pid(const struct stepper *stepper, int who);

// The number of a register by its name ("rax", "r9"), or -1; and its name.
int step_register(const char *name, size_t length);
const char *step_register_name(int number);

#endif

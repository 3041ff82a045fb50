// # Traced processes that execute one instruction when told to
//
// PTRACE_SINGLESTEP sets the trap flag of the CPU: after one instruction it
// raises exception 1 (debug), the kernel stops the process with SIGTRAP and
// tells its tracer. On the way the registers of a stopped process can be read
// and written, so where it stands and what it holds is up to us.
//
// The memory is one shared mapping, made before the processes are, and so at
// the same address in all of them and here:
//
//     page 0       the words
//     page 1 to 3  a stack for each process
//     page 4 to 6  the code of each process, not writable once it is there
//     page 7       empty: where functions return to, which is never executed
//
// Sources: ptrace(2); Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 3, section 18.3.1.4 (single-step exception).

#define _GNU_SOURCE
#include "sync/stepper/stepper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sync/stepper/machine.h"

enum {
	PAGE = 4096,
	STACKS = 1,
	CODES = STACKS + STEPPER_PROCESSES,
	RETURN = CODES + STEPPER_PROCESSES,
	PAGES,
	RETURN_SLOT = STEPPER_STACK - 2, // keeps rsp + 8 aligned as a call does
};

struct tracee {
	pid_t pid;
	uintptr_t base, end;  // of its code
	bool calls;           // it is a function
	struct machine frame; // its registers as they are in the machine
};

struct stepper {
	int count;
	unsigned char *memory;
	uint64_t steps;
	struct tracee tracees[STEPPER_PROCESSES];
};

static uint64_t *words_of(const struct stepper *s)
{
	return (uint64_t *)s->memory;
}

static uint64_t *stack_of(const struct stepper *s, int who)
{
	unsigned char *end = s->memory + (size_t)(STACKS + who + 1) * PAGE;

	return (uint64_t *)end - STEPPER_STACK;
}

// ## A process to be traced
//
// It blocks all signals, but for the exceptions of its own instructions: Ctrl-C
// at a terminal reaches the whole group, and is none of its business. The
// kernel kills it when its tracer ends, however that happens (EXITKILL); before
// that option is set, PR_SET_PDEATHSIG does the same. Its exit status says why
// it cannot be traced.

static _Noreturn void be_traced(pid_t parent)
{
	sigset_t set;

	sigfillset(&set);
	sigdelset(&set, SIGTRAP);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGILL);
	sigdelset(&set, SIGFPE);
	if (sigprocmask(SIG_SETMASK, &set, NULL) ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) ||
	    ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(errno);
	if (getppid() != parent)
		_exit(ESRCH);
	raise(SIGSTOP);
	_exit(ESRCH);
}

static int wait_for(pid_t pid, int *status)
{
	while (waitpid(pid, status, __WALL) == -1)
		if (errno != EINTR)
			return -errno;
	return 0;
}

// Reaped already: it is not killed again by the number it had.
static int gone(struct tracee *tracee, int status)
{
	tracee->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return -WEXITSTATUS(status);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? -EPERM
								 : -ESRCH;
}

static int start_tracee(struct tracee *tracee)
{
	pid_t parent = getpid();
	int status;

	tracee->pid = fork();
	if (tracee->pid == 0)
		be_traced(parent);
	if (tracee->pid == -1) {
		tracee->pid = 0;
		return -errno;
	}
	int error = wait_for(tracee->pid, &status);
	if (error)
		return error;
	if (!WIFSTOPPED(status))
		return gone(tracee, status);
	if (ptrace(PTRACE_SETOPTIONS, tracee->pid, NULL,
		   (void *)PTRACE_O_EXITKILL))
		return -errno;
	return machine_read(tracee->pid, &tracee->frame);
}

// ## The memory

static int check_pieces(const struct step_piece *pieces, int count)
{
	if (count < 1 || count > STEPPER_PROCESSES)
		return -EINVAL;
	for (int i = 0; i < count; i++)
		if (!pieces[i].function &&
		    (!pieces[i].bytes || pieces[i].bytes > STEPPER_CODE))
			return -EINVAL;
	return machine_known() ? 0 : -ENOTSUP;
}

static int lay_out(struct stepper *s, const struct step_piece *pieces)
{
	s->memory = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->memory == MAP_FAILED) {
		s->memory = NULL;
		return -errno;
	}
	for (int i = 0; i < s->count; i++) {
		struct tracee *tracee = &s->tracees[i];
		unsigned char *page = s->memory + (size_t)(CODES + i) * PAGE;
		tracee->calls = pieces[i].function != NULL;
		if (tracee->calls) {
			tracee->base = (uintptr_t)pieces[i].function;
			tracee->end = (uintptr_t)s->memory +
				      (size_t)RETURN * PAGE;
			continue;
		}
		memcpy(page, pieces[i].code, pieces[i].bytes);
		tracee->base = (uintptr_t)page;
		tracee->end = tracee->base + pieces[i].bytes;
	}
	return mprotect(s->memory + (size_t)CODES * PAGE,
			(size_t)STEPPER_PROCESSES * PAGE, PROT_READ | PROT_EXEC)
		       ? -errno
		       : 0;
}

int stepper_open(struct stepper **stepper, const struct step_piece *pieces,
		 int count)
{
	int error = check_pieces(pieces, count);

	*stepper = NULL;
	if (error)
		return error;
	struct stepper *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->count = count;
	error = lay_out(s, pieces);
	for (int i = 0; i < count && !error; i++)
		error = start_tracee(&s->tracees[i]);
	if (error) {
		stepper_close(s);
		return error;
	}
	*stepper = s;
	return 0;
}

void stepper_close(struct stepper *s)
{
	int status;

	if (!s)
		return;
	for (int i = 0; i < s->count; i++)
		if (s->tracees[i].pid) {
			kill(s->tracees[i].pid, SIGKILL);
			do
				status = 0;
			while (!wait_for(s->tracees[i].pid, &status) &&
			       WIFSTOPPED(status));
		}
	if (s->memory)
		munmap(s->memory, (size_t)PAGES * PAGE);
	free(s);
}

void stepper_start(const struct stepper *s, struct step_state *state)
{
	*state = (struct step_state){ 0 };
	for (int i = 0; i < s->count; i++) {
		struct step_process *process = &state->processes[i];
		uint64_t *stack = stack_of(s, i);
		process->registers[MACHINE_ARGUMENT] = (uintptr_t)words_of(s);
		if (!s->tracees[i].calls)
			continue;
		process->registers[MACHINE_STACK] =
			(uintptr_t)(stack + RETURN_SLOT);
		process->stack[RETURN_SLOT] = s->tracees[i].end;
	}
}

// ## A step
//
// Of the registers only those of `who` matter now, and they are written only
// where they are not there already: in a replay they always are.

static int put_in(struct stepper *s, const struct step_state *state, int who)
{
	struct tracee *tracee = &s->tracees[who];
	struct machine frame = tracee->frame;

	memcpy(words_of(s), state->words, sizeof state->words);
	if (tracee->calls)
		memcpy(stack_of(s, who), state->processes[who].stack,
		       sizeof state->processes[who].stack);
	machine_load(&frame, &state->processes[who], tracee->base);
	if (!memcmp(&frame, &tracee->frame, sizeof frame))
		return 0;
	int error = machine_write(tracee->pid, &frame);
	if (!error)
		tracee->frame = frame;
	return error;
}

// A SIGSTOP from outside, which nobody can block, arrives before the
// instruction: it is dropped, and the process told again.
static int execute(struct tracee *tracee)
{
	int status, error;

	do {
		if (ptrace(PTRACE_SINGLESTEP, tracee->pid, NULL, NULL))
			return -errno;
		error = wait_for(tracee->pid, &status);
		if (error)
			return error;
		if (!WIFSTOPPED(status))
			return gone(tracee, status);
	} while (WSTOPSIG(status) == SIGSTOP);
	return WSTOPSIG(status) == SIGTRAP ? 0 : -EFAULT;
}

static int take_out(struct stepper *s, struct step_state *state, int who)
{
	struct tracee *tracee = &s->tracees[who];
	struct step_process *process = &state->processes[who];
	int error = machine_read(tracee->pid, &tracee->frame);

	if (error)
		return error;
	uintptr_t at = machine_next(&tracee->frame);
	uint64_t *stack = stack_of(s, who);
	uint64_t top = machine_stack(&tracee->frame);
	if (tracee->calls && at != tracee->end && top < (uintptr_t)stack)
		return -EOVERFLOW;
	machine_store(&tracee->frame, process, tracee->base);
	if (at == tracee->end)
		process->next = STEPPER_END;
	memcpy(state->words, words_of(s), sizeof state->words);
	if (tracee->calls)
		memcpy(process->stack, stack, sizeof process->stack);
	return 0;
}

int stepper_step(struct stepper *s, struct step_state *state, int who)
{
	if (who < 0 || who >= s->count || step_ended(state, who))
		return -EINVAL;
	if (!s->tracees[who].pid)
		return -ESRCH;
	int error = put_in(s, state, who);
	if (!error)
		error = execute(&s->tracees[who]);
	if (error == -EFAULT)
		(void)machine_read(s->tracees[who].pid, &s->tracees[who].frame);
	if (error)
		return error;
	s->steps++;
	return take_out(s, state, who);
}

uint64_t stepper_steps(const struct stepper *s)
{
	return s->steps;
}

int stepper_pid(const struct stepper *s, int who)
{
	return who >= 0 && who < s->count ? s->tracees[who].pid : 0;
}

// ## The names of registers

static const char *const names[STEPPER_REGISTERS] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
};

int step_register(const char *name, size_t length)
{
	for (int i = 0; i < STEPPER_REGISTERS; i++)
		if (strlen(names[i]) == length &&
		    !strncmp(names[i], name, length))
			return i;
	return -1;
}

const char *step_register_name(int number)
{
	return number >= 0 && number < STEPPER_REGISTERS ? names[number] : "?";
}

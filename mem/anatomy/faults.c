// # What is not allowed: SIGSEGV
//
// The CPU finds that a page is not there, or not for this, and calls the kernel;
// which, if it has no cure either, sends SIGSEGV. The signal tells the address
// (si_addr) and why (si_code): MAPERR, nothing is mapped there; ACCERR, not with
// these rights.
//
// A handler needs a stack to run on. That of a stack which is full is no good, so
// it gets one of its own (sigaltstack(2)).

#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "mem/anatomy/anatomy.h"

enum { HANDLER_STACK = 256 * 1024 };

static struct fault *report;
static int wake; // the end of a pipe at which the parent waits

// Only what a handler may call (signal-safety(7)); the rest does the parent.
static void caught(int signal, siginfo_t *info, void *context)
{
	(void)context;
	report->signal = signal;
	report->code = info->si_code;
	report->address = (uintptr_t)info->si_addr;
	if (write(wake, "x", 1) != 1)
		_exit(EXIT_FAILURE);
	for (;;)
		pause();
}

static void catch_faults(void)
{
	const int signals[] = { SIGSEGV, SIGBUS, SIGILL };
	struct sigaction action = { .sa_sigaction = caught,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_size = HANDLER_STACK };

	stack.ss_sp = must(mmap(NULL, HANDLER_STACK, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	must(sigaltstack(&stack, NULL));
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		must(sigaction(signals[i], &action, NULL));
}

// The child stands in its handler: where is its stack?
static void look_at(pid_t child, struct fault *fault)
{
	struct maps maps;

	if (maps_read(&maps, child) != 0)
		return;
	const struct mapping *stack = maps_of_kind(&maps, MAPPING_STACK);
	if (stack) {
		fault->stack_begin = stack->begin;
		fault->stack_end = stack->end;
	}
	maps_free(&maps);
}

struct fault fault_of(void (*act)(void *), void *argument)
{
	struct fault *shared = must(mmap(NULL, sizeof *shared,
					 PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	int fd[2];
	char byte;

	*shared = (struct fault){ 0 };
	must(pipe(fd));
	pid_t child = fork_as("child");
	if (child == 0) {
		report = shared;
		wake = fd[1];
		catch_faults();
		act(argument);
		_exit(0);
	}
	must(close(fd[1]));
	if (must(read(fd[0], &byte, 1)) == 1) {
		look_at(child, shared);
		must(kill(child, SIGKILL));
		must(waitpid(child, NULL, 0));
	} else {
		reap(child);
	}
	must(close(fd[0]));
	struct fault fault = *shared;
	must(munmap(shared, sizeof *shared));
	return fault;
}

const char *fault_code(const struct fault *fault)
{
	if (fault->signal != SIGSEGV)
		return fault->signal ? strsignal(fault->signal) : "no signal";
	return fault->code == SEGV_MAPERR   ? "SEGV_MAPERR, no mapping"
	       : fault->code == SEGV_ACCERR ? "SEGV_ACCERR, no right"
					    : "SIGSEGV";
}

// ## Rights

static void write_to(void *address)
{
	*(volatile char *)address = 1;
}

// (the undefined behaviour sanitizer would stop at address 0 first)
__attribute__((no_sanitize("undefined"))) static void read_from(void *address)
{
	__asm__ volatile("" : "+r"(address)); // which the compiler cannot know
	(void)*(volatile char *)address;
}

static void unmap_and_read(void *page)
{
	must(munmap(page, page_bytes()));
	read_from(page);
}

// Executed as instructions, this returns.
static uint32_t return_at_once[] = {
#if defined(__x86_64__) || defined(__i386__)
	0xc3c3c3c3
#elif defined(__aarch64__)
	0xd65f03c0
#elif defined(__riscv)
	0x00008067
#else
	0
#endif
};

static void execute(void *address)
{
	((void (*)(void))address)();
}

static bool is_refused(const char *what, void (*act)(void *), const void *at,
		       int code)
{
	struct fault fault = fault_of(act, (void *)at);

	say("%s: %s", what, fault_code(&fault));
	return fault.signal == SIGSEGV && fault.code == code &&
	       fault.address == (uintptr_t)at;
}

static void act_with_leave(void *page)
{
	const char *text = page;

	must(mprotect(page, page_bytes(), PROT_READ | PROT_WRITE));
	write_to(page);
	claim(*text == 1, "mprotect gives the right, and it is written");
}

static void *page_for_reading(void)
{
	uintptr_t page = page_bytes();
	char *mine = must(mmap(NULL, page, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	must(mprotect(mine, page, PROT_READ));
	return mine;
}

void scene_rights(void)
{

	claim(is_refused("write to main", write_to, (const void *)main,
			 SEGV_ACCERR),
	      "the text cannot be written");
	claim(is_refused("write to a constant", write_to, a_constant,
			 SEGV_ACCERR),
	      "nor can a constant, whatever a cast says");
	if (*return_at_once)
		claim(is_refused("execute a global", execute, return_at_once,
				 SEGV_ACCERR),
		      "data cannot be executed");
	claim(is_refused("unmap it, and read", unmap_and_read,
			 page_for_reading(), SEGV_MAPERR),
	      "where nothing is mapped, not even reading is possible");
	claim(is_refused("read address 0", read_from, NULL, SEGV_MAPERR),
	      "nor at address 0, which is never mapped");

	void *constant = page_for_reading();
	claim(is_refused("write to a page that is for reading", write_to,
			 constant, SEGV_ACCERR),
	      "rights are a page's");
	struct fault none = fault_of(act_with_leave, constant);
	claim(none.signal == 0, "with the right there is no fault");
}

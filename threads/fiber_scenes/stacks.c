// # What a fiber is: a stack
//
// /proc/self/maps has a line for the stack of the process and, so it looks, none
// for ours: to the kernel they are one piece of anonymous memory. That they are
// many stacks is known to this program alone, and so is where each ends.

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "options.h"
#include "threads/fiber_scenes/scenes.h"

// The mapping that holds an address.
struct mapping {
	uintptr_t begin, end;
};

static struct mapping mapping_of(const void *address)
{
	struct mapping m = { 0 };
	unsigned long begin, end;
	char line[512];
	FILE *file = must_ptr(fopen("/proc/self/maps", "re"));

	while (m.end == 0 && fgets(line, sizeof line, file)) {
		if (sscanf(line, "%lx-%lx", &begin, &end) == 2 &&
		    begin <= (uintptr_t)address && (uintptr_t)address < end)
			m = (struct mapping){ begin, end };
	}
	must(fclose(file));
	return m;
}

static void tell(const char *who, const struct mapping *m, const void *frame)
{
	say("%-10s %lx-%lx  frame %lx", who, (unsigned long)m->begin,
	    (unsigned long)m->end, (unsigned long)frame);
}

// ## Two stacks in one mapping

static void *where_am_i(void *address)
{
	*(void **)address = __builtin_frame_address(0);
	fiber_yield();
	return address;
}

static void *two_stacks(void *threads_own)
{
	void *at[2], *low[2];
	size_t bytes, page = must(sysconf(_SC_PAGESIZE));
	struct fiber *f[2];

	for (int i = 0; i < 2; i++) {
		f[i] = spawn(where_am_i, &at[i]);
		fiber_stack(f[i], &low[i], &bytes);
	}
	fiber_yield();
	struct mapping a = mapping_of(at[0]), b = mapping_of(at[1]);
	struct mapping own = mapping_of(threads_own);
	tell("the thread", &own, threads_own);
	tell("fiber 1", &a, at[0]);
	tell("fiber 2", &b, at[1]);
	bool within = true;
	for (int i = 0; i < 2; i++)
		within &= at[i] >= low[i] &&
			  (char *)at[i] < (char *)low[i] + bytes;
	claim(within, "each runs on its own %zu KiB", bytes / 1024);
	claim((char *)low[1] - (char *)low[0] == (ptrdiff_t)(bytes + page),
	      "from one to the next it is a stack and a page");
	claim(own.begin != a.begin && own.begin != b.begin,
	      "neither is on the stack that the kernel gave the thread");
	struct fiber_facts facts;
	must_neg(fiber_look(&facts));
	claim((a.begin == b.begin) == !strcmp(facts.guard, "marked"),
	      "to the kernel both are %s (guard pages: %s)",
	      a.begin == b.begin ? "one mapping" : "two mappings", facts.guard);
	for (int i = 0; i < 2; i++)
		must_neg(fiber_join(f[i], NULL));
	return NULL;
}

void scene_stacks(void)
{
	run_fibers(3, two_stacks, __builtin_frame_address(0));
}

// ## A stack that is too small
//
// The kernel lets the thread's own stack grow. A fiber's has the room it was
// given, and what lies below it belongs to another one. A page that nobody may
// touch turns a write into somebody else's variables into SIGSEGV. The handler
// needs a stack, too, and the fiber has none left: sigaltstack(2).

static char *guard;
static volatile unsigned char *neighbour; // the last byte of the stack below

static void met(int signal, siginfo_t *info, void *context)
{
	char *at = info->si_addr;
	long page = sysconf(_SC_PAGESIZE);

	(void)signal, (void)context;
	say("SIGSEGV, %zd bytes below the end of the stack", guard + page - at);
	claim(at >= guard && at < guard + page,
	      "it has met the guard page and nothing else");
	claim(*neighbour == 0x5a, "the stack below it is as it was");
	_exit(0);
}

__attribute__((noinline)) static int deeper(int depth)
{
	char frame[1000];

	// A frame that the compiler cannot do without.
	__asm__ volatile("" : : "r"(frame) : "memory");
	int sum = depth ? deeper(depth - 1) : 0;
	__asm__ volatile("" : : "r"(frame) : "memory");
	return sum + 1;
}

static void *too_deep(void *argument)
{
	void *low;
	size_t bytes;

	fiber_stack(fiber_self(), &low, &bytes);
	guard = (char *)low - sysconf(_SC_PAGESIZE);
	say("a stack of %zu KiB, and I call myself a thousand times",
	    bytes / 1024);
	deeper(1000);
	claim(false, "a stack of %zu bytes held a million", bytes);
	return argument;
}

static void *sleep_below(void *argument)
{
	void *low;
	size_t bytes;

	fiber_stack(fiber_self(), &low, &bytes);
	neighbour = (unsigned char *)low + bytes - 1;
	*neighbour = 0x5a;
	fiber_sleep(INT64_MAX);
	return argument;
}

static void *dive(void *argument)
{
	spawn(sleep_below, NULL);
	fiber_yield();
	must_neg(fiber_join(spawn(too_deep, NULL), NULL));
	return argument;
}

void scene_guard(void)
{
	pid_t child = fork_as("diver");

	if (child == 0) {
		struct sigaction action = {
			.sa_sigaction = met, .sa_flags = SA_SIGINFO | SA_ONSTACK
		};
		stack_t stack = { .ss_size = 256 << 10 };
		stack.ss_sp = must_ptr(malloc(stack.ss_size));
		must(sigaltstack(&stack, NULL));
		must(sigaction(SIGSEGV, &action, NULL));
		run_fibers(3, dive, NULL);
		_exit(1);
	}
	reap(child);
}

// ## A hundred thousand
//
// All alive and waiting. What each costs is the pages that it has touched: one,
// mostly. Of the room for its stack it has taken none. (Where guard pages must be
// mprotected, there are two mappings a stack, and the kernel allows 65,530.)

enum { CROWD = SANITIZED ? 1000 : 100000 };

static long resident_pages(void)
{
	long pages = 0;
	FILE *file = must_ptr(fopen("/proc/self/statm", "re"));

	if (fscanf(file, "%*d %ld", &pages) != 1)
		skip("/proc/self/statm does not say how many pages we have");
	must(fclose(file));
	return pages;
}

static int mappings(void)
{
	int lines = 0;
	FILE *file = must_ptr(fopen("/proc/self/maps", "re"));

	for (int c; (c = getc(file)) != EOF;)
		lines += c == '\n';
	must(fclose(file));
	return lines;
}

static void *wait_for_the_end(void *channel)
{
	char byte;

	fiber_channel_take(channel, &byte);
	return NULL;
}

static void *crowd(void *argument)
{
	struct fiber_channel *channel;
	struct fiber_facts facts;
	char each[HUMAN_BYTES];
	int lines = mappings(), error = 0, n = 0;
	long page = must(sysconf(_SC_PAGESIZE)), pages = resident_pages();

	must_neg(fiber_channel_new(&channel, 1, 0));
	while (n < CROWD &&
	       (error = fiber_spawn(NULL, wait_for_the_end, channel)) == 0)
		n++;
	fiber_yield();
	must_neg(fiber_look(&facts));
	pages = resident_pages() - pages;
	lines = mappings() - lines;
	if (n == 0)
		skip("not even one more fiber: %s", strerror(-error));
	say("%zu fibers; of each %zu KiB reserved, %s touched", facts.alive,
	    facts.stack_bytes / 1024,
	    human_size(each, pages > 0 ? pages * page / n : 0));
	say("mappings that it took: %d", lines);
	bool marked = !strcmp(facts.guard, "marked");
	if (!marked)
		say("guard pages had to be protected: it ended at %d", n);
	claim(facts.alive == (size_t)n + 1 && (n == CROWD || !marked),
	      "%d fibers are alive at once, and this thread", n);
	if (!SANITIZED)
		claim(lines <= (marked ? 16 : 2 * n + 16),
		      "their stacks are %s",
		      marked ? "still one mapping or so" : "two mappings each");
	fiber_channel_close(channel);
	fiber_yield();
	must_neg(fiber_look(&facts));
	claim(facts.alive == 1, "told to go, all are gone");
	fiber_channel_free(channel);
	return argument;
}

void scene_many(void)
{
	const struct fiber_setup setup = { .most = CROWD + 1 };

	int error = fiber_run(&setup, crowd, NULL);
	if (error == -ENOMEM)
		skip("no address space for %d stacks: ulimit -v, or "
		     "vm.overcommit_memory",
		     CROWD);
	must_neg(error);
}

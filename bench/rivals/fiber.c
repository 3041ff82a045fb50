// # rivals/fiber: our switch of stacks, Boost's, and the kernel's
//
// libraries: -lboost_context
//
//   jump_fcontext   Boost.Context's switch, to the same end: it also keeps the
//                   registers that a call must keep and both floating-point
//                   control words, in assembly
//   swapcontext     glibc's, which makes a system call to keep the signal mask
//   futex           two threads on one CPU, one of which always sleeps: what it
//                   costs to hand over by way of the kernel
//
// CPU time of the process, not the clock: these switch on one CPU, and who else
// has it meanwhile is no matter. Each is a switch or hand-over one way.
//
// Sources: Boost documentation, "Boost.Context"; swapcontext(3), futex(2).

#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <ucontext.h>

#include "bench/rivals/rivals.h"
#include "lib/cpu.h"
#include "sync/lock/futex.h"
#include "threads/fiber/fiber.h"
#include "threads/fiber/switch.h"

enum { ROUNDS = 20, SWITCHES = 2000000, SLOW = 20000, STACK = 65536 };

static double cpu_ns(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static _Alignas(64) char stack[STACK];

// ## Boost

struct transfer {
	void *context, *value;
};
struct transfer jump_fcontext(void *to, void *value);
void *make_fcontext(void *top, size_t bytes, void (*begin)(struct transfer));

static void boost_side(struct transfer t)
{
	for (;;)
		t = jump_fcontext(t.context, t.value);
}

static double boost_switch(void *argument)
{
	struct transfer t = { .context = make_fcontext(stack + STACK, STACK,
						       boost_side) };

	(void)argument;
	double begin = cpu_ns();
	for (long i = 0; i < SWITCHES; i++)
		t = jump_fcontext(t.context, (void *)i);
	return (cpu_ns() - begin) / (2.0 * SWITCHES);
}

// ## Ours: the bare switch, and a whole yield

static void *there, *here;

static void our_side(void *value)
{
	for (;;)
		value = fiber_switch(&there, here, value);
}

static double our_switch(void *argument)
{
	(void)argument;
	there = fiber_prepare(stack + STACK, our_side);
	double begin = cpu_ns();
	for (long i = 0; i < SWITCHES; i++)
		fiber_switch(&here, there, (void *)i);
	return (cpu_ns() - begin) / (2.0 * SWITCHES);
}

static void *yield_always(void *argument)
{
	for (long i = 0; i < SWITCHES; i++)
		fiber_yield();
	return argument;
}

static void *two_yield(void *ns)
{
	struct fiber *other;

	must_neg(fiber_spawn(&other, yield_always, NULL));
	double begin = cpu_ns();
	yield_always(NULL);
	*(double *)ns = (cpu_ns() - begin) / (2.0 * SWITCHES);
	must_neg(fiber_join(other, NULL));
	return NULL;
}

static double our_yield(void *argument)
{
	double ns = 0;

	(void)argument;
	must_neg(fiber_run(&(struct fiber_setup){ 0 }, two_yield, &ns));
	return ns;
}

// ## glibc

static ucontext_t glibc_here, glibc_there;

static void glibc_side(void)
{
	for (;;)
		must(swapcontext(&glibc_there, &glibc_here));
}

static double glibc_switch(void *argument)
{
	(void)argument;
	must(getcontext(&glibc_there));
	glibc_there.uc_stack.ss_sp = stack;
	glibc_there.uc_stack.ss_size = STACK;
	makecontext(&glibc_there, glibc_side, 0);
	double begin = cpu_ns();
	for (int i = 0; i < SLOW; i++)
		must(swapcontext(&glibc_here, &glibc_there));
	return (cpu_ns() - begin) / (2.0 * SLOW);
}

// ## The kernel: whose turn it is stands in a word

// Release on handing over pairs with acquire on taking.
static _Atomic uint32_t turn;

static void take_turns(uint32_t me)
{
	for (int i = 0; i < SLOW; i++) {
		uint32_t now;
		while ((now = atomic_load_explicit(&turn,
						   memory_order_acquire)) != me)
			(void)futex_wait(&turn, now, false);
		atomic_store_explicit(&turn, !me, memory_order_release);
		(void)futex_wake(&turn, 1, false);
	}
}

static void *other_thread(void *argument)
{
	take_turns(1);
	return argument;
}

static double futex_switch(void *argument)
{
	pthread_t other;

	(void)argument;
	atomic_store_explicit(&turn, 0, memory_order_relaxed);
	must_zero(pthread_create(&other, NULL, other_thread, NULL));
	double begin = cpu_ns();
	take_turns(0);
	must_zero(pthread_join(other, NULL));
	return (cpu_ns() - begin) / (2.0 * SLOW);
}

int main(void)
{
	struct rivals r = { .rounds = ROUNDS, .of = "ns of CPU time" };
	struct topology topology;
	int pair[2];

	must_neg(topology_read(&topology));
	if (topology_pair(&topology, SAME_CPU, pair))
		must_neg(pin_to_cpu(pair[0]));
	topology_free(&topology);
	rivals_line(&r, "a switch of stacks", "boost jump_fcontext", 1.2,
		    boost_switch, our_switch, NULL);
	rivals_line(&r, "a yield of fibers", "glibc swapcontext", 1,
		    glibc_switch, our_yield, NULL);
	rivals_line(&r, "a yield of fibers", "futex between threads", 1.0 / 20,
		    futex_switch, our_yield, NULL);
	return r.dearer;
}

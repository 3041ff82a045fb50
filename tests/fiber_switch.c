// # Tests of threads/fiber/: the switch, and the stacks it switches to
//
// Which registers a call keeps is what the System V ABI, AMD64 supplement, 3.2.1,
// and the Procedure Call Standard for the Arm 64-bit Architecture, 6.1, say.

#define _GNU_SOURCE
#include <fenv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#include "fiber_parts.h"

// --- the switch ----------------------------------------------------------------

#if defined(__x86_64__) || defined(__aarch64__)
unsigned long fiber_keep(unsigned long seed);

static void *keep(void *seed)
{
	unsigned long wrong = 0;

	for (int i = 0; i < 100; i++)
		wrong |= fiber_keep((unsigned long)of_number(seed) + i);
	return number((intptr_t)wrong);
}

static void *three_keep(void *argument)
{
	struct fiber *f[3];

	for (int i = 0; i < 3; i++)
		f[i] = spawned(keep, number(i * 0x123456789L));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(of_number(joined(f[i])), 0);
	return argument;
}

START_TEST(fiber_registers)
{
	run_fibers(0, three_keep, NULL);
}
END_TEST
#endif

// A fiber begins with the rounding of who spawns it, and keeps its own. What
// fegetround says is of the x87 on x86-64; a division tells of the other unit.
static bool divides_upward(void)
{
	volatile double one = 1, three = 3;

	return one / three * three > 1 || one / three > 0.33333333333333333;
}

static void *round_up(void *argument)
{
	ck_assert_int_eq(fegetround(), FE_TONEAREST);
	ck_assert_int_eq(fesetround(FE_UPWARD), 0);
	for (int i = 0; i < 10; i++) {
		fiber_yield();
		ck_assert_int_eq(fegetround(), FE_UPWARD);
		ck_assert(divides_upward());
	}
	struct fiber *heir = spawned(returns_argument, argument);
	ck_assert_int_eq(fiber_join(heir, NULL), 0);
	return argument;
}

static void *round_near(void *argument)
{
	struct fiber *f = spawned(round_up, NULL);

	for (int i = 0; i < 10; i++) {
		fiber_yield();
		ck_assert_int_eq(fegetround(), FE_TONEAREST);
		ck_assert(!divides_upward());
	}
	joined(f);
	ck_assert_int_eq(fegetround(), FE_TONEAREST);
	return argument;
}

START_TEST(fiber_rounding)
{
	run_fibers(0, round_near, NULL);
	ck_assert_int_eq(fegetround(), FE_TONEAREST);
}
END_TEST

#ifdef __x86_64__
// fesetround changes both units; the x87 alone has a precision.
static unsigned short x87_control(void)
{
	unsigned short word;

	__asm__ volatile("fnstcw %0" : "=m"(word));
	return word;
}

static void *single_precision(void *argument)
{
	unsigned short word = x87_control() & ~0x300;

	__asm__ volatile("fldcw %0" : : "m"(word));
	fiber_yield();
	ck_assert_uint_eq(x87_control() & 0x300, 0);
	return argument;
}

static void *extended_precision(void *argument)
{
	struct fiber *f = spawned(single_precision, NULL);

	fiber_yield();
	ck_assert_uint_eq(x87_control() & 0x300, 0x300);
	joined(f);
	ck_assert_uint_eq(x87_control() & 0x300, 0x300);
	return argument;
}

START_TEST(fiber_x87)
{
	run_fibers(0, extended_precision, NULL);
}
END_TEST
#endif

// The frame of a called function begins at a multiple of 16 on either machine.
static void *aligned(void *argument)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	void *low;
	size_t bytes;

	ck_assert_uint_eq(frame % 16, 0);
	fiber_stack(fiber_self(), &low, &bytes);
	ck_assert_uint_ge(frame, (uintptr_t)low);
	ck_assert_uint_lt(frame, (uintptr_t)low + bytes);
	return argument;
}

static void *forty_aligned(void *argument)
{
	struct fiber *f[40];

	for (int i = 0; i < 40; i++)
		f[i] = spawned(aligned, NULL);
	for (int i = 0; i < 40; i++)
		joined(f[i]);
	return argument;
}

START_TEST(fiber_alignment)
{
	run_fibers(0, forty_aligned, NULL);
}
END_TEST

// An unwinder finds its way to where the fiber began, and stops there.
static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context,
				       void *count)
{
	(void)context;
	return ++*(int *)count < 100 ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static void *unwind(void *argument)
{
	int frames = 0;

	fiber_yield();
	_Unwind_Backtrace(count_frame, &frames);
	ck_assert_int_ge(frames, 2);
	ck_assert_int_le(frames, 10);
	return argument;
}

START_TEST(fiber_unwinding)
{
	run_fibers(0, unwind, NULL);
}
END_TEST

// --- stacks ----------------------------------------------------------------------

static _Atomic(char *) guard_page;

// The address decides, and nothing else: exits with 42 when it is the guard.
static void on_fault(int signal, siginfo_t *info, void *context)
{
	char *at = info->si_addr, *page = guard_page;

	(void)signal, (void)context;
	_exit(at >= page && at < page + sysconf(_SC_PAGESIZE) ? 42 : 43);
}

__attribute__((noinline)) static int dive(int depth)
{
	char frame[2000];

	// So that no compiler makes a loop of this.
	__asm__ volatile("" : : "r"(frame) : "memory");
	int deeper = depth == 0 ? 0 : dive(depth - 1);
	__asm__ volatile("" : : "r"(frame) : "memory");
	return deeper + 1;
}

static void *overflow(void *by_hand)
{
	void *low;
	size_t bytes;

	fiber_stack(fiber_self(), &low, &bytes);
	guard_page = (char *)low - sysconf(_SC_PAGESIZE);
	*(volatile char *)low = 1; // the lowest byte is the fiber's
	if (by_hand)
		*((volatile char *)low - 1) = 1;
	else
		dive(1000);
	_exit(44);
}

// Between two others, so there is a stack below and one above.
static void *overflow_in_the_middle(void *by_hand)
{
	struct fiber *below = spawned(returns_argument, NULL);
	struct fiber *f = spawned(overflow, by_hand);
	struct fiber *above = spawned(returns_argument, NULL);

	joined(below), joined(f), joined(above);
	return NULL;
}

static int overflow_with(enum fiber_guard guard, bool by_hand)
{
	static char handlers_stack[64 << 10];
	struct sigaction action = { .sa_sigaction = on_fault,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = handlers_stack,
			  .ss_size = sizeof handlers_stack };
	struct fiber_setup setup = { .guard = guard };

	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	int error = fiber_run(&setup, overflow_in_the_middle,
			      by_hand ? &setup : NULL);
	return error == -EINVAL ? 77 : 45;
}

START_TEST(fiber_guards)
{
	pid_t pid = fork_fresh();

	if (pid == 0)
		_exit(overflow_with(1 + _i / 2, _i % 2));
	int status = status_of(pid);
	ck_assert_msg(WIFEXITED(status), "status %#x", status);
	if (WEXITSTATUS(status) == 77)
		SKIP("no MADV_GUARD_INSTALL: it takes Linux 6.13");
	ck_assert_int_eq(WEXITSTATUS(status), 42);
}
END_TEST

// The pages of a process, and its mappings: what is given back.
static long mapped_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = -1;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%ld", &pages), 1);
	fclose(file);
	return pages;
}

static void *wait_for_close(void *channel)
{
	char byte;

	return number(fiber_channel_take(channel, &byte));
}

static void *many_wait(void *facts)
{
	struct fiber_channel *channel;

	ck_assert_int_eq(fiber_channel_new(&channel, 1, 0), 0);
	int refused = 0;
	for (int i = 0; i < MANY_FIBERS; i++)
		refused += fiber_spawn(NULL, wait_for_close, channel) != 0;
	ck_assert_int_eq(refused, 0);
	settle();
	ck_assert_int_eq(fiber_look(facts), 0);
	ck_assert_int_eq(fiber_spawn(NULL, returns_argument, NULL), -EAGAIN);
	fiber_channel_close(channel);
	settle();
	fiber_channel_free(channel);
	return NULL;
}

// All memory of the first run can be had again by the next.
START_TEST(fiber_many)
{
	struct fiber_facts facts, after;
	struct fiber_setup setup = { .most = MANY_FIBERS + 1,
				     .stack_bytes = 16384,
				     .facts = &after };

	ck_assert_int_eq(fiber_run(&setup, many_wait, &facts), 0);
	if (strcmp(facts.guard, "marked") != 0)
		SKIP("no MADV_GUARD_INSTALL: it takes Linux 6.13");
	ck_assert_uint_eq(facts.alive, MANY_FIBERS + 1);
	ck_assert_uint_eq(after.alive, 0);
	ck_assert_uint_eq(after.most_alive, MANY_FIBERS + 1);
	ck_assert_uint_eq(after.spawned, MANY_FIBERS + 1);
	ck_assert_uint_eq(after.left, 0);
	ck_assert_str_eq(after.backend, "none");
	long pages = mapped_pages();
	ck_assert_int_eq(fiber_run(&setup, many_wait, &facts), 0);
	long more = mapped_pages() - pages;
	ck_assert_int_lt(more, MANY_FIBERS); // of 5 for each
}
END_TEST

// Protected pages end where vm.max_map_count does, with an error and no harm.
static void *spawn_until_refused(void *argument)
{
	int error, n = 0;

	while ((error = fiber_spawn(NULL, returns_argument, NULL)) == 0)
		n++;
	ck_assert_int_eq(error, -ENOMEM);
	ck_assert_int_gt(n, 1000);
	return argument;
}

START_TEST(fiber_protected_many)
{
	if (IS_SANITIZED)
		SKIP("a sanitizer needs mappings of its own");
	struct fiber_facts facts;
	struct fiber_setup setup = { .most = 100000,
				     .stack_bytes = 16384,
				     .guard = FIBER_GUARD_PROTECT,
				     .facts = &facts };
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
	long limit = 0;

	ck_assert(file && fscanf(file, "%ld", &limit) == 1);
	fclose(file);
	if (limit > 150000)
		SKIP("vm.max_map_count is %ld", limit);
	ck_assert_int_eq(fiber_run(&setup, spawn_until_refused, NULL), 0);
	ck_assert_str_eq(facts.guard, "protected");
	ck_assert_uint_lt(facts.most_alive, (size_t)limit);
	ck_assert_uint_eq(facts.left, 0);
}
END_TEST

enum { LIVES = 1000 };

// Slots come back: far more fibers than places, one after the other.
static void *many_lives(void *argument)
{
	for (int i = 0; i < LIVES; i++)
		ck_assert_int_eq(
			of_number(joined(spawned(returns_argument, number(i)))),
			i);
	return argument;
}

START_TEST(fiber_slots)
{
	struct fiber_facts facts;
	struct fiber_setup setup = { .most = 2, .facts = &facts };

	ck_assert_int_eq(fiber_run(&setup, many_lives, NULL), 0);
	ck_assert_uint_eq(facts.most_alive, 2);
	ck_assert_uint_eq(facts.spawned, LIVES + 1);
}
END_TEST

void add_fiber_switch_tests(TCase *tcase)
{
#if defined(__x86_64__) || defined(__aarch64__)
	tcase_add_test(tcase, fiber_registers);
#endif
	tcase_add_test(tcase, fiber_rounding);
#ifdef __x86_64__
	tcase_add_test(tcase, fiber_x87);
#endif
	tcase_add_test(tcase, fiber_alignment);
	tcase_add_test(tcase, fiber_unwinding);
	tcase_add_loop_test(tcase, fiber_guards, 0, 4);
	tcase_add_test(tcase, fiber_many);
	tcase_add_test(tcase, fiber_protected_many);
	tcase_add_test(tcase, fiber_slots);
}

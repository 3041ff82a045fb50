// What the tests of threads/fiber/ share: fiber.c (order, join, sleep, deadlock),
// fiber_switch.c (switch, stacks), fiber_channels.c (against a model), fiber_io.c
// (with either backend), fiber_echo.c (the server).

#ifndef FIBER_TEST_PARTS_H
#define FIBER_TEST_PARTS_H

#include <check.h>
#include <errno.h>
#include <stdint.h>

#include "labs.h"
#include "threads/fiber/fiber.h"
#include "threads/fiber/sanitize.h"

// As many as a sanitizer can bear.
#if defined(FIBER_TSAN)
enum { MANY_FIBERS = 1000 };
#elif defined(FIBER_ASAN)
enum { MANY_FIBERS = 10000 };
#else
enum { MANY_FIBERS = 100000 };
#endif

#ifdef OSLAB_SANITIZED
enum { IS_SANITIZED = true };
#else
enum { IS_SANITIZED = false };
#endif

// Runs with a usual setup and the argument, and expects this result.
void run_fibers(int expected, fiber_function *first, void *argument);

// Spawns, or joins, and nothing goes wrong.
struct fiber *spawned(fiber_function *function, void *argument);
void *joined(struct fiber *f);

static inline void *number(intptr_t n)
{
	return (void *)n;
}

static inline intptr_t of_number(void *p)
{
	return (intptr_t)p;
}

// A fiber that returns its argument.
void *returns_argument(void *argument);

// Lets everybody run as far as he can.
void settle(void);

void add_fiber_switch_tests(TCase *tcase);
void add_fiber_channel_tests(Suite *suite);
void add_fiber_io_tests(Suite *suite);
void add_fiber_echo_tests(Suite *suite);

#endif

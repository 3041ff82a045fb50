// scenes.h - the scenes of threads/fiber.c, a file an idea

#ifndef FIBER_SCENES_H
#define FIBER_SCENES_H

#include "must.h"
#include "threads/fiber/fiber.h"

// A sanitizer makes system calls and mappings of its own, and all much slower.
#ifdef OSLAB_SANITIZED
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

// switch.c: no kernel in between; price.c: what that saves
void scene_switch(void);
void scene_price(void);

// stacks.c: two, one that is too small, and a hundred thousand
void scene_stacks(void);
void scene_guard(void);
void scene_many(void);

// wait.c: who waits when a fiber waits, and who when it does not
void scene_thread(void);
void scene_block(void);
void scene_starve(void);

// channel.c: fibers that hand on, and fibers that wait for each other
void scene_pipeline(void);
void scene_deadlock(void);

// Runs `first` as the first fiber of this thread, with room for `most`.
static inline void run_fibers(size_t most, fiber_function *first,
			      void *argument)
{
	const struct fiber_setup setup = { .most = most };

	must_neg(fiber_run(&setup, first, argument));
}

static inline struct fiber *spawn(fiber_function *function, void *argument)
{
	struct fiber *f;

	must_neg(fiber_spawn(&f, function, argument));
	return f;
}

#endif

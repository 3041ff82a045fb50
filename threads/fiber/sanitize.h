// sanitize.h - the sanitizers are told of the switches
//
// AddressSanitizer knows where the stack of a thread ends and, with
// detect_stack_use_after_return, keeps locals on a fake one; ThreadSanitizer
// follows calls and returns. To both, a switch is a return that goes astray,
// unless they are told. In plain builds these are empty.
//
// Sources: sanitizer/common_interface_defs.h, sanitizer/tsan_interface.h.

#ifndef FIBER_SANITIZE_H
#define FIBER_SANITIZE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define FIBER_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define FIBER_TSAN 1
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

// What a sanitizer knows of a fiber.
struct shadow {
#ifdef FIBER_ASAN
	void *fake;
	const void *low;
	size_t bytes;
#endif
#ifdef FIBER_TSAN
	void *twin;
#endif
};

// The thread itself; a fiber on such a stack, which is taken or given back.
static inline void shadow_root(struct shadow *shadow)
{
	(void)shadow;
#ifdef FIBER_TSAN
	shadow->twin = __tsan_get_current_fiber();
#endif
}

static inline void shadow_begin(struct shadow *shadow, void *low, size_t bytes)
{
	(void)shadow, (void)low, (void)bytes;
#ifdef FIBER_ASAN
	*shadow = (struct shadow){ .low = low, .bytes = bytes };
	__asan_unpoison_memory_region(low, bytes);
#endif
#ifdef FIBER_TSAN
	shadow->twin = __tsan_create_fiber(0);
#endif
}

static inline void shadow_end(struct shadow *shadow)
{
	(void)shadow;
#ifdef FIBER_TSAN
	if (shadow->twin)
		__tsan_destroy_fiber(shadow->twin);
	shadow->twin = NULL;
#endif
}

// Right before a switch, by the one that leaves; and right after it, by the one
// that is there then.
static inline void shadow_leave(struct shadow *from, struct shadow *to,
				bool forever)
{
	(void)from, (void)to, (void)forever;
#ifdef FIBER_ASAN
	__sanitizer_start_switch_fiber(forever ? NULL : &from->fake, to->low,
				       to->bytes);
#endif
#ifdef FIBER_TSAN
	__tsan_switch_to_fiber(to->twin, 0);
#endif
}

static inline void shadow_arrive(struct shadow *here, struct shadow *from)
{
	(void)here, (void)from;
#ifdef FIBER_ASAN
	__sanitizer_finish_switch_fiber(here->fake, &from->low, &from->bytes);
#endif
}

#endif

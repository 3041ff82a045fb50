// must.h - the value of a call that may not fail
//
// For programs and labs, not for modules (those return -errno). When the call
// fails, the program says which call, where and why, and ends with 1. By how
// the call reports failure:
//
//   must       -1 or MAP_FAILED, the reason in errno     open, fork, mmap
//   must_zero  an error number, 0 is success             pthread_*, posix_spawn
//   must_ptr   NULL (SEM_FAILED is NULL), errno          fopen, malloc, sem_open
//   must_neg   a negative error number                   io_uring_*, our modules
//
//     int fd = must(open(path, O_RDONLY | O_CLOEXEC));
//
// Each evaluates its call once and has its value and type.

#ifndef MUST_H
#define MUST_H

#include <errno.h>
#include <stddef.h>

#define must(call) MUST_(MUST_GLUE_(must_, __COUNTER__), call, #call, \
			 v_ == (__typeof__(v_))-1, errno)
#define must_zero(call) MUST_(MUST_GLUE_(must_, __COUNTER__), call, #call, \
			      v_ != 0, v_)
#define must_ptr(call) MUST_(MUST_GLUE_(must_, __COUNTER__), call, #call, \
			     v_ == NULL, errno)
#define must_neg(call) MUST_(MUST_GLUE_(must_, __COUNTER__), call, #call, \
			     v_ < 0, -(int)v_)

// Evaluates `call` outside the scope of v_, so that calls can nest.
#define MUST_(result, call, text, failed, reason) ({             \
	__auto_type result = (call);                             \
	MUST_CHECK_(result, text, failed, reason);               \
	result;                                                  \
})
#define MUST_CHECK_(result, text, failed, reason) do {           \
	__typeof__(result) v_ = result;                          \
	if (failed)                                              \
		die_at(__FILE__, __LINE__, text, reason);        \
} while (0)
#define MUST_GLUE_(a, b) MUST_GLUE__(a, b)
#define MUST_GLUE__(a, b) a##b

// Says "FILE:LINE: CALL: ERRNO_NAME (text)" on standard error and leaves with
// _exit(1): a child must not run its parent's exit handlers.
_Noreturn void die_at(const char *file, int line, const char *call, int error);

// Asked by die_at before it says so, unless NULL: it may leave in another way
// (a lab's scene is skipped where the host has no room for it, see lab.h, and one
// that is at its end already is left without a word).
// `call` begins with the name of the function.
extern void (*die_first)(const char *call, int error);

#endif

// anatomy.h - the files of mem/anatomy

#ifndef MEM_ANATOMY_H
#define MEM_ANATOMY_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

#include "mem/pages/pages.h"
#include "mem/layout/layout.h"

// --- own.c: marks of this program -------------------------------------------------

enum {
	MARK_MAIN,
	MARK_CONSTANT,
	MARK_GLOBAL,
	MARK_ZERO,
	MARK_SMALL,
	MARK_LARGE,
	MARK_LIBRARY,
	MARK_VDSO,
	MARK_LOCAL,
	MARKS
};

// Whether malloc is glibc's, of which we know where it takes its blocks; a
// sanitizer has its own.
#if defined(__GLIBC__) && !defined(OSLAB_SANITIZED)
enum { MALLOC_IS_KNOWN = true };
#else
enum { MALLOC_IS_KNOWN = false };
#endif

// Where things of this run are. They stay (two blocks are never freed).
void own_marks(struct mark marks[MARKS]);

// This process's own; leaves the scene where there is no /proc.
void own_layout(struct layout *layout);

// Leaves the scene under ThreadSanitizer, which wants memory at fixed addresses and
// watches each access to it.
void need_plain_memory(void);

extern const char a_constant[];
extern int a_global;
int main(int argc, char **argv);

// --- faults.c: what the CPU refuses -----------------------------------------------

struct fault {
	int signal; // 0: there was none
	int code;   // SEGV_MAPERR, SEGV_ACCERR ...
	uintptr_t address;

	// Of a stack that overflowed: where its mapping began then.
	uintptr_t stack_begin, stack_end;
};

// Does act(argument) in a child on whose way a SIGSEGV is caught, and tells what
// happened.
struct fault fault_of(void (*act)(void *), void *argument);
const char *fault_code(const struct fault *fault);

// --- grow.c ------------------------------------------------------------------------

// The heap or the stack as it is now (its mappings are not told); from 0 to 0 if
// there is none.
struct region own_region(enum part part);

// Uses so many bytes of stack and a bit more, FRAME by FRAME and from the top down,
// and calls then(argument) there unless it is NULL. Returns where that was.
enum { FRAME = 16 * 1024 };
uintptr_t descend(size_t bytes, void (*then)(void *), void *argument);

// RLIMIT_STACK, the soft one.
rlim_t stack_limit(void);

// --- scenes and tools -------------------------------------------------------------

void scene_picture(void);
void scene_grow(void);
void scene_guard(void);
void scene_aslr(void);
void scene_rights(void);

int of_main(int argc, char **argv);
int marks_main(int argc, char **argv);

#endif

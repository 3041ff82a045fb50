// anatomy.h - the files of mem/anatomy

#ifndef MEM_ANATOMY_H
#define MEM_ANATOMY_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "draw.h"
#include "mem/pages/pages.h"

// --- regions.c: mappings by what they are for -----------------------------------

enum part {
	PART_TEXT,      // the program's instructions
	PART_CONSTANTS, // what it may only read
	PART_DATA,      // global variables with a value in the file
	PART_BSS,       // those that begin as zero, and are not in the file
	PART_HEAP,
	PART_FILE, // another file: libraries ...
	PART_ANONYMOUS,
	PART_SHARED,
	PART_STACK,
	PART_KERNEL,
	PARTS
};

struct region {
	uintptr_t begin, end;
	enum part part;
	const struct mapping *first; // of the mappings in it
	size_t mappings;
};

struct space {
	struct maps maps;
	size_t count;
	struct region *regions; // ascending
	char program[4096];     // the file that it executes, "" if not known
};

// The address space of a process (0: the caller's). A region is one mapping, or
// neighbours of one file. 0 or -errno; space_free also after an error.
int space_read(struct space *space, pid_t pid);
void space_free(struct space *space);

// The region that holds an address, or NULL.
const struct region *space_find(const struct space *space, uintptr_t address);

// "heap", "libc.so.6": what to call it.
const char *region_name(const struct region *region);

// --- picture.c ------------------------------------------------------------------

struct mark {
	const char *name; // "main"
	uintptr_t address;
};

// High addresses on top, as on most blackboards. One line is `scale` bytes of a
// region, or less (0: chosen so that all takes about 40 lines); a gap is one line.
// Only regions that overlap [begin, end). A string of the caller's, or NULL.
char *space_picture(const struct space *space, const struct canvas *canvas,
		    const struct mark *marks, size_t mark_count, size_t scale,
		    uintptr_t begin, uintptr_t end);

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

// Where things of this run are. They stay (two blocks are never freed).
void own_marks(struct mark marks[MARKS]);

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

// --- scenes and tools -------------------------------------------------------------

void scene_picture(void);
void scene_grow(void);
void scene_guard(void);
void scene_aslr(void);
void scene_rights(void);

int of_main(int argc, char **argv);
int marks_main(int argc, char **argv);

#endif

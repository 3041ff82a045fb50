// fragment.h - the scenes and tools of mem/fragment, and what they share

#ifndef MEM_FRAGMENT_FRAGMENT_H
#define MEM_FRAGMENT_FRAGMENT_H

#include "draw.h"
#include "mem/allocator/allocator.h"
#include "random.h"

// choose.c: where a request goes
void scene_choose(void);

// fill.c: a strip as it fills, what cannot be had of it, and two ways out
void scene_fill(void);
void scene_half(void);
void scene_buddy(void);
void scene_compact(void);

// real.c: the same in an address space, in malloc's heap, in physical memory
void scene_space(void);
void scene_heap(void);
void scene_frames(void);

// tool.c: `fragment strip`; ostep.c: --ostep=malloc
int strip_main(int argc, char **argv);
int ostep_main(int argc, char **argv);

// ## picture.c

// A map of the strip in `cells` of equal size, 64 a line: full, partly full, free;
// - is given out and not asked for. With `marks`, pairs of a block's address and a
// letter ('\0': none), a cell that such a block has a part of shows the letter.
// NULL when memory is out; the caller frees it.
struct mark {
	uint64_t address;
	char letter;
};
char *picture(const struct canvas *canvas, const struct strip *strip,
	      size_t cells, const struct mark *marks, size_t n);

// ## program.c: a random program, the same for the same seed

enum { MOST_LIVE = 4096 };

struct program {
	struct strip *strip;
	struct random random;
	uint64_t *live; // the addresses it holds
	size_t count;
	uint64_t least, most; // sizes of its requests
	unsigned requests;
};

struct program program_begin(enum fit fit, uint64_t strip_bytes, uint64_t least,
			     uint64_t most);
void program_end(struct program *program);

// One request; 0 or -ENOSPC.
int program_ask(struct program *program, struct placement *placement);

// Gives one of its blocks back, any of them.
void program_give(struct program *program);

// Asks and gives until a request is refused, or `limit` were met. Asks only when
// twice the largest request is free. Returns what was refused, or 0.
uint64_t program_run(struct program *program, unsigned limit);

#endif

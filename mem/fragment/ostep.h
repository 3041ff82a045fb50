// ostep.h - the worksheet of --ostep=malloc in its parts
//
//   ostep.c        the command line
//   ostep_draw.c   the operations: drawn from a seed, or read from a list
//   ostep_sheet.c  the worksheet, its answers, JSON, the quiz

#ifndef MEM_FRAGMENT_OSTEP_H
#define MEM_FRAGMENT_OSTEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/allocator/allocator.h"
#include "python_random.h"

enum { MOST_OPERATIONS = 100000 };

// What was asked for; the course's options by the names they have there.
struct ostep {
	const char *name; // "malloc"
	uint64_t seed;
	int64_t size, base, header, alignment;
	const char *policy, *order;
	bool coalesce;
	int64_t operations, range, percent;
	const char *list;
	bool compute; // -c
	bool json, explain, quiz;
};

// A pointer of the exercise: the how-manieth allocation, and what it returned.
struct pointer {
	int64_t index;
	bool valid;       // the allocation succeeded
	uint64_t address; // in the strip
};

// One operation, played.
enum operation_kind { OPERATION_ALLOC, OPERATION_FREE, OPERATION_SKIPPED };

struct operation {
	enum operation_kind kind;
	int64_t index;              // of the pointer
	int64_t size;               // alloc: asked for
	int64_t result;             // as the course prints it
	bool done;                  // it succeeded
	uint64_t address;           // free: where the block was, in the strip
	struct placement placement; // alloc
	size_t holes_before;
};

struct exercise {
	const struct ostep *options;
	struct strip *strip;
	struct python_random random;
	struct pointer *live; // random: in order of allocation
	size_t live_count;
	struct pointer *all; // list: by index
	int64_t index;       // of the next allocation
	int64_t succeeded;
	int64_t played;
	const char *rest; // of the list; NULL: it is over
};

void exercise_begin(struct exercise *x, const struct ostep *options);
void exercise_end(struct exercise *x);

// Plays the next operation; false: there is none. Refuses what is wrong in a list.
bool exercise_next(struct exercise *x, struct operation *op);

// The address the course shows for one in the strip.
int64_t exercise_address(const struct exercise *x, uint64_t address);

// Prints what was asked for, or asks; returns the exit status.
int exercise_show(const struct ostep *options);

#endif

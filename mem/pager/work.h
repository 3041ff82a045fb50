// work.h - real algorithms, for memory of either kind
//
// A work is a program on an array of 64-bit words: the same code runs on a
// region (mem/region) and on plain memory, and leaves the same bytes in both.
// Each access is one aligned load or store, so no instruction needs two pages.
//
// Only the first USED words of a page are used (4 KiB: all of it on most
// machines), so that the reference string is the same with larger pages.

#ifndef MEM_PAGER_WORK_H
#define MEM_PAGER_WORK_H

#include <stddef.h>
#include <stdint.h>

#include "random.h"

enum { USED = 512 };

struct view {
	volatile uint64_t *memory;
	size_t page_words; // USED or more
};

struct work {
	const char *name;  // "ijk"
	const char *title; // "matrix product, k innermost"
	uint32_t pages;
	void (*prepare)(struct view view); // writes the input
	void (*run)(struct view view);
};

// Ends with a NULL.
extern const struct work *const works[];
extern const struct work work_ijk, work_ikj, work_quicksort, work_join,
	work_graph;

static inline uint64_t get(struct view view, size_t i)
{
	return view.memory[i / USED * view.page_words + i % USED];
}

static inline void set(struct view view, size_t i, uint64_t value)
{
	view.memory[i / USED * view.page_words + i % USED] = value;
}

// Numbers without an order; the same ones each time.
static inline uint64_t mixed(uint64_t n)
{
	return random_next(&(struct random){ n });
}

#endif

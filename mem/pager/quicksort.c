// # Quicksort
//
// Hoare, "Algorithm 64: Quicksort", Communications of the ACM 4 (1961). Two
// fingers walk towards each other, each along its own page; parts that fit into
// the frames are then sorted without a fault. The larger part waits on a stack
// in ordinary memory, so that 64 entries are always enough.

#include <stdbool.h>

#include "mem/pager/work.h"

enum { PAGES = 8, WORDS = PAGES * USED, DEPTH = 64 };

static void prepare(struct view view)
{
	for (size_t i = 0; i < WORDS; i++)
		set(view, i, mixed(i));
}

// Afterwards nothing in [low, end] is larger than anything in (end, high].
static size_t part(struct view view, size_t low, size_t high)
{
	uint64_t pivot = get(view, low + (high - low) / 2);
	size_t i = low, j = high;

	for (;; i++, j--) {
		uint64_t left = get(view, i), right = get(view, j);
		while (left < pivot)
			left = get(view, ++i);
		while (right > pivot)
			right = get(view, --j);
		if (i >= j)
			return j;
		set(view, i, right);
		set(view, j, left);
	}
}

static void sort(struct view view)
{
	size_t stack[DEPTH][2] = { { 0, WORDS - 1 } };
	int waiting = 1;

	while (waiting > 0) {
		size_t low = stack[--waiting][0], high = stack[waiting][1];
		while (low < high) {
			size_t middle = part(view, low, high);
			bool left = middle - low < high - middle - 1;
			stack[waiting][0] = left ? middle + 1 : low;
			stack[waiting++][1] = left ? high : middle;
			if (left)
				high = middle;
			else
				low = middle + 1;
		}
	}
}

const struct work work_quicksort = { "quicksort", "quicksort of 4096 words",
				     PAGES, prepare, sort };

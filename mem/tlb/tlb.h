// tlb.h - the scenes of mem/tlb, and what they share

#ifndef MEM_TLB_H
#define MEM_TLB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/stretch/stretch.h"
#include "options.h"

// Under a sanitizer all takes many times as long: less of everything.
#ifdef OSLAB_SANITIZED
enum { LESS = 1 };
#else
enum { LESS = 0 };
#endif

void scene_cycle(void);    // cycle.c
void scene_loops(void);    // loops.c
void scene_reach(void);    // reach.c
void scene_collapse(void); // collapse.c
void scene_slopes(void);   // mountain.c

// --- measuring ------------------------------------------------------------------

enum { MOST_ROUNDS = 25 };

// Values of one place in all rounds, and what they say.
struct spread {
	double median, low, high; // the 95 % interval of the median
};
struct spread spread_of(const double *values, size_t n);

// The CPU time of this thread so far: what others do on its CPU does not count
// (but for what they take from the caches).
int64_t cpu_ns(void);

// Keeps this thread on the CPU where it runs, if it may; returns which, or -1.
int stay_here(void);

// How much of a stretch huge pages hold. For scenes: leaves the scene where the
// kernel does not tell.
size_t huge_bytes_in(const struct stretch *stretch);

// Told about every piece of work that is done, of `all`: a line on standard error
// where that is a terminal.
struct far {
	const char *what;
	size_t done, all;
	int64_t next_ns;
	bool shown;
};
void far_begin(struct far *far, const char *what, size_t all);
void far_step(struct far *far);
void far_end(struct far *far);

// --- the reach of the TLB (reach.c) -----------------------------------------------

enum { SMALL, HUGE, PAGE_SIZES };

// One word a page, `sizes` sets of pages, with small and with huge pages.
struct reach {
	size_t most_pages; // of the largest set
	int rounds;
	size_t sizes;
	double *pages;              // of each set
	double *ns[PAGE_SIZES];     // sizes * rounds: a step
	double *middle[PAGE_SIZES]; // sizes: the medians
	size_t walks, came_home;    // timed walks; that ended where they began
};

// Prepares the sets for memory of `bytes`, and a place for the values. 0 or
// -ENOMEM; reach_free releases it, also after an error.
int reach_init(struct reach *reach, size_t bytes, int rounds);
void reach_free(struct reach *reach);

// Measures. `huge` NULL: small pages only.
void reach_measure(struct reach *reach, const struct stretch *small,
		   const struct stretch *huge, struct far *far);

// Hands the curves to `picture` and a table of some sets to `text`.
void reach_show(const struct reach *reach, bool has_huge,
		void (*picture)(const char *), void (*text)(const char *));

// --- the mountain (mountain.c) ----------------------------------------------------

enum { STRIDES = 10, LEAST_BYTES = 4096, WORD = 8 };

struct mountain {
	size_t most_bytes;
	int rounds, sizes;
	double *ns;     // sizes * STRIDES * rounds: a read
	double *middle; // sizes * STRIDES: GB of words a second, the median
	size_t samples, right; // sums that were what they had to be
};

size_t mountain_bytes(int size);    // 4096 << size
size_t mountain_stride(int stride); // bytes, 8 << stride
int mountain_init(struct mountain *mountain, size_t most_bytes, int rounds);
void mountain_free(struct mountain *mountain);
void mountain_measure(struct mountain *mountain, const struct stretch *stretch,
		      struct far *far);

// The map, shaded, with figures where the width allows; the caller frees it.
char *mountain_picture(const struct mountain *mountain);

// --- the tools (tool.c) -----------------------------------------------------------

int mountain_main(int argc, char **argv);
int chase_main(int argc, char **argv);

#endif

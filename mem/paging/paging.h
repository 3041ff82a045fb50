// paging.h - demand paging as a model: a trace, some policies, some frames
//
// The simulator plays references to any number of *runs* at once. A run is a
// policy and a number of frames; all frames are free at first. A reference to a
// page that is in a frame is a hit. Any other is a fault: the page is loaded
// into a free frame or, when there is none, into that of the victim that the
// policy names; if the victim was modified it is written back first.
//
// References come in batches, so a trace needs not fit into memory. What it
// takes is bounded by the distinct pages and the frames; only policies that
// look ahead (opt, unopt) need the trace itself, and their caller has it.
//
// Pages are numbers 0, 1, 2, ... without large gaps. For addresses and other
// sparse numbers see numbering.h; for whole curves see distances.h (exact, LRU)
// and sample.h (all others).
//
// An object belongs to one thread at a time. Errors are -errno, nothing is
// printed. After an error of paging_play the counts are those of the references
// before the batch.

#ifndef MEM_PAGING_H
#define MEM_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/policy/policy.h"

struct paging_run {
	const struct replacement *policy;
	uint32_t frames;
};

// One reference of one run, just done.
struct paging_step {
	size_t run;
	uint64_t index; // of the reference, from 0
	uint32_t page;
	bool write, hit;
	uint32_t victim; // NO_PAGE: nobody left
	bool dirty;      // ... and was written back
	uint32_t frame;  // where `page` is

	// What is in the frames now: `frames` pages or NO_PAGE. The policy's
	// state, for its `page`.
	const uint32_t *contents;
	uint32_t frames;
	const void *state;
};

// Zeros are good values for all but runs and count.
struct paging_setup {
	const struct paging_run *runs; // copied
	size_t count;

	// See struct replacement_setup. A future is that of all runs.
	uint64_t seed, window, period;
	struct replacement_future future;

	// No more than so many bytes may be taken, else -ENOMEM; 0: as many as
	// the system gives.
	uint64_t memory_bytes;

	// Called after each reference, run by run; slow, for short traces. NULL
	// for none.
	void (*step)(void *context, const struct paging_step *step);
	void *context;
};

struct paging;

// 0, -EINVAL (no run, frames out of range, no future for a policy that needs
// one), -EFBIG (a future too long) or -ENOMEM; *paging is written on success
// only. Free takes NULL, too.
int paging_create(struct paging **paging, const struct paging_setup *setup);
void paging_free(struct paging *paging);

// Plays references (page, and REFERENCE_WRITE or not) to all runs. Any page
// less than REPLACEMENT_PAGES - 1 will do: room is made for it, and for all
// less than it. 0, -EINVAL (a page out of range), -ERANGE (opt or unopt: more
// references than the future has) or -ENOMEM.
int paging_play(struct paging *paging, const uint32_t *references,
		size_t count);

// What happened to a run so far. hits = references - faults.
struct replacement_counts paging_counts(const struct paging *paging,
					size_t run);

// Bytes taken now, about, without what belongs to the caller.
uint64_t paging_bytes(const struct paging *paging);

#endif

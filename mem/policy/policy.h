// policy.h - a page replacement policy, written once for two worlds
//
// A page is needed, all frames are taken: which page has to go? A policy
// answers that and nothing else. It knows neither addresses nor contents: pages
// are small numbers, and whoever drives it says which page is referenced. There
// are two drivers. The simulator (mem/paging) plays a trace; the pager
// (mem/pager) replaces the pages of a running program. Both call the same code,
// so what the model predicts and what the machine did can be held against each
// other.
//
// A simulator sees every reference. A pager sees only what the hardware shows:
// faults, and accesses to pages that it has protected. So each policy says what
// it needs to be told (`needs`):
//
//     FAULTS        nothing but references to pages that are not resident
//     BITS          also the first reference to a resident page after its
//                   reference bit R was cleared. The load itself sets R.
//     FRESH_BITS    the same, but a page is loaded with R clear: the first
//                   reference after the load counts, too. Who cannot tell that
//                   one from the load must track every reference.
//     REFERENCES    every reference, in its order
//
// and all of them the first write to a page since it was loaded: that sets its
// modify bit M, and a victim with M set has to be written back. To be told more
// than that changes nothing. When a policy of the second or third kind clears
// an R, it calls `cleared`: the pager protects that page again.
//
// Units: pages and frames are counted, time is the number of references (or of
// faults, where it says so). Nothing here is global; a state belongs to one
// thread at a time. Memory is taken when a state is made or grows, never at a
// reference.

#ifndef MEM_POLICY_H
#define MEM_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A reference is one word: the page, and the highest bit for a write. So a
// trace that only reads is an array of page numbers.
#define REFERENCE_WRITE (UINT32_C(1) << 31)
#define REPLACEMENT_PAGES (UINT32_C(1) << 31) // so many pages, at most
#define REPLACEMENT_FRAMES (UINT32_C(1) << 29)
#define NO_PAGE UINT32_MAX     // nobody had to go
#define NO_NEXT_USE UINT32_MAX // the page is never used again

enum replacement_needs {
	REPLACEMENT_FAULTS,
	REPLACEMENT_BITS,
	REPLACEMENT_FRESH_BITS,
	REPLACEMENT_REFERENCES,
};

// The recorded references of a whole run, for the policies that look ahead
// (opt, unopt). All arrays belong to the caller and outlive the state.
struct replacement_future {
	const uint32_t *references; // page, and REFERENCE_WRITE or not
	const uint32_t *next;       // of each: where its page comes again, or
				    // NO_NEXT_USE; see replacement_next_uses
	uint64_t count;
};

// What to make. Zeros are good values for all but `frames`.
struct replacement_setup {
	// 1 .. REPLACEMENT_FRAMES.
	uint32_t frames;

	// Pages are 0 .. pages - 1; see grow.
	uint32_t pages;

	// random
	uint64_t seed;

	// working-set: a page that was not referenced for so many references
	// leaves; 0: four times as many as there are frames.
	uint64_t window;

	// nur: all R are cleared before the fault that follows so many others;
	// 0: as many as there are frames.
	uint64_t period;

	// opt, unopt
	struct replacement_future future;

	// Called whenever an R that was set is cleared and its page stays; for
	// policies that need bits. May be NULL. It must not call the policy.
	void (*cleared)(void *context, uint32_t page);
	void *context;
};

// What one reference did.
struct replacement_outcome {
	// The page that left, or NO_PAGE. Only working-set lets one go at a
	// hit, too.
	uint32_t victim;
	bool hit;

	// The victim was modified and has to be written back.
	bool dirty;

	// opt, unopt: the run has left its recording; this reference is not in
	// it. The answer is a guess.
	bool strayed;
};

// What many did; they are added to what is there.
struct replacement_counts {
	uint64_t references, faults;

	// Victims that were dirty. Pages that are dirty and resident at the end
	// are not counted.
	uint64_t writebacks;
};

// What a policy knows of a page.
enum {
	PAGE_RESIDENT = 1,
	PAGE_REFERENCED = 2, // R; only policies that need bits have it
	PAGE_MODIFIED = 4,   // M
};

struct replacement {
	const char *name;    // "second-chance", on command lines
	const char *title;   // "second chance"
	const char *summary; // one sentence for --help: who has to go
	const char *source;  // who described it: paper or book
	const char *bound;   // time for a reference: "O(1)", "O(1) amortised, a
			     // fault O(frames) at worst"
	enum replacement_needs needs;
	bool future; // looks ahead: setup.future must be there

	// What a state takes, in bytes, about: for each frame, each page, and
	// each reference of the future (in bits; the future's own arrays, 8
	// bytes, are the caller's). See replacement_bytes.
	unsigned frame_bytes, page_bytes, reference_bits;

	// 0, -EINVAL (a number out of its range, no future), -EFBIG (a future
	// of more than 2^31 - 2 references) or -ENOMEM; *state is
	// written on success only. destroy takes NULL, too.
	int (*create)(void **state, const struct replacement_setup *setup);
	void (*destroy)(void *state);

	// From now on, pages are 0 .. pages - 1. O(pages): double them. 0,
	// -EINVAL or -ENOMEM, and then nothing has changed. Fewer pages than
	// before: nothing happens.
	int (*grow)(void *state, uint32_t pages);

	// One reference to a page less than `pages`.
	struct replacement_outcome (*reference)(void *state, uint32_t page,
						bool write);

	// The same for many, quicker, with `cleared` called as well. For opt
	// and unopt they are the next of the future.
	void (*run)(void *state, const uint32_t *references, size_t count,
		    struct replacement_counts *counts);

	// PAGE_RESIDENT | ... of a page.
	unsigned (*page)(const void *state, uint32_t page);

	// How many pages are resident.
	uint32_t (*resident)(const void *state);
};

// All of them, ends with a NULL. replacement_named also knows the usual other
// names (nru for nur, 2nd-chance, rand, ws, belady ...); NULL when there is no
// such policy.
//
//     fifo opt lru lfu mru unopt nur second-chance clock random working-set
//     arc 2q sieve s3-fifo clock-pro
extern const struct replacement *const replacements[];
const struct replacement *replacement_named(const char *name);

// For each of `count` references, where its page comes again: next[i] is the
// index of the next reference to the same page, or NO_NEXT_USE. One pass from
// the end, O(count). Takes 4 bytes for each page while it runs, and the 4 bytes
// for each reference that `next` has are the caller's. `pages` is more than the
// largest page. 0, -EFBIG (more than REPLACEMENT_PAGES references) or -ENOMEM.
int replacement_next_uses(const uint32_t *references, uint64_t count,
			  uint32_t pages, uint32_t *next);

// What a state takes, in bytes, at most: with so many frames, pages and
// references of the future.
uint64_t replacement_bytes(const struct replacement *policy, uint32_t frames,
			   uint32_t pages, uint64_t future);

#endif

// pager_parts.h - the suite `pager`: what its files share
//
// pager.c is the program as its user sees it, pager_region.c the region, and
// pager_naive.c a simulator of its own, slow and plain.

#ifndef PAGER_PARTS_H
#define PAGER_PARTS_H

#include "labs.h"
#include "mem/region/region.h"

// A program: which pages are touched, and how, in order.
struct touches {
	size_t count;
	uint32_t *page;
	bool *write;
};

// What a tracked region must see of it (region.h): each entry a page, with
// REFERENCE_WRITE or not. The caller's, to be freed.
uint32_t *string_of(const struct touches *touches, size_t *count);

// A page that came, and who went for it.
struct arrival {
	uint32_t page, victim; // NO_PAGE: nobody
	bool dirty;
};

// The same of the string, by a simulator that knows nothing of mem/policy;
// returns the number of arrivals (room for one a reference is the caller's), or
// -1 for a policy that it does not know.
ssize_t naive_run(const char *policy, uint32_t frames, const uint32_t *string,
		  size_t count, struct arrival *arrivals);

void add_region_tests(Suite *suite);

#endif

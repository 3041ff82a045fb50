// unopt.c - the worst there can be
//
// The page goes that is needed soonest. With opt it frames all other policies.
// Time and memory: see ahead.h.

#include "ahead.h"

ALWAYS_INLINE struct replacement_outcome unopt_one(void *state, uint32_t page,
						   bool write)
{
	return ahead_one(state, page, write, false);
}

REPLACEMENT_PLAYED(unopt, ahead_soon, replacement_nothing)

const struct replacement replacement_unopt = {
	.name = "unopt",
	.title = "optimal upside down",
	.summary = "the page that is needed soonest goes, among those never "
		   "needed again the one loaded first",
	.source = "Arpaci-Dusseau, Operating Systems: Three Easy Pieces, "
		  "chapter 22, homework",
	.bound = "O(log references) to the base 64",
	.needs = REPLACEMENT_FAULTS,
	.future = true,
	.frame_bytes = 4,
	.page_bytes = 4,
	.reference_bits = 3,
	.create = ahead_create,
	.destroy = ahead_destroy,
	.grow = ahead_grow,
	.reference = unopt_reference,
	.run = unopt_run,
	.page = ahead_page,
	.resident = ahead_resident,
};

// opt.c - the best there can be, for those who know the future
//
// The page goes that is needed latest. No policy has fewer faults; so this is
// what the others are measured by. Real systems cannot do it, but a recorded
// run can be played again.
//
// Which of several pages that are never needed again goes does not matter for
// the faults. It does for a textbook's table: the one loaded last, as OSTEP has
// it. Time and memory: see ahead.h.

#include "ahead.h"

ALWAYS_INLINE struct replacement_outcome opt_one(void *state, uint32_t page,
						 bool write)
{
	return ahead_one(state, page, write, true);
}

REPLACEMENT_PLAYED(opt, ahead_soon, replacement_nothing)

const struct replacement replacement_opt = {
	.name = "opt",
	.title = "optimal",
	.summary = "the page that is needed latest goes, among those never "
		   "needed again the one loaded last",
	.source = "Belady, IBM Systems Journal 5 (1966): MIN; Mattson, Gecsei, "
		  "Slutz, Traiger, IBM Systems Journal 9 (1970): OPT",
	.bound = "O(log references) to the base 64",
	.needs = REPLACEMENT_FAULTS,
	.future = true,
	.frame_bytes = 4,
	.page_bytes = 4,
	.reference_bits = 3,
	.create = ahead_create,
	.destroy = ahead_destroy,
	.grow = ahead_grow,
	.reference = opt_reference,
	.run = opt_run,
	.page = ahead_page,
	.resident = ahead_resident,
};

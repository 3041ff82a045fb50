// policies.c - the table of all policies, their other names, the next uses
//
// Adding a policy is adding a file and a row.

#include <string.h>

#include "parts.h"

const struct replacement *const replacements[] = {
	&replacement_fifo,
	&replacement_opt,
	&replacement_lru,
	&replacement_lfu,
	&replacement_mru,
	&replacement_unopt,
	&replacement_nur,
	&replacement_second_chance,
	&replacement_clock,
	&replacement_random,
	&replacement_working_set,
	&replacement_arc,
	&replacement_2q,
	&replacement_sieve,
	&replacement_s3_fifo,
	&replacement_clock_pro,
	NULL,
};

static const struct {
	const char *other, *name;
} aliases[] = {
	{ "nru", "nur" },
	{ "rand", "random" },
	{ "2nd-chance", "second-chance" },
	{ "ws", "working-set" },
	{ "optimal", "opt" },
	{ "belady", "opt" },
	{ "min", "opt" },
	{ "s3fifo", "s3-fifo" },
	{ "clockpro", "clock-pro" },
	{ "twoq", "2q" },
};

const struct replacement *replacement_named(const char *name)
{
	for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
		if (!strcmp(name, aliases[i].other))
			name = aliases[i].name;
	for (size_t i = 0; replacements[i]; i++)
		if (!strcmp(name, replacements[i]->name))
			return replacements[i];
	return NULL;
}

// From the end: where a page was met last is where it comes again. The table is
// asked for ahead, as in the policies' own loop.
int replacement_next_uses(const uint32_t *references, uint64_t count,
			  uint32_t pages, uint32_t *next)
{
	if (count > REPLACEMENT_PAGES)
		return -EFBIG;
	uint32_t *met = replacement_zeros(pages, sizeof *met);
	if (!met)
		return -ENOMEM;
	for (uint64_t i = count; i-- > 0;) {
		uint32_t page = references[i] & ~REFERENCE_WRITE;
		uint64_t soon = i > REFERENCES_SOON ? i - REFERENCES_SOON : i;

		__builtin_prefetch(&met[references[soon] & ~REFERENCE_WRITE],
				   1);
		next[i] = met[page] ? met[page] - 1 : NO_NEXT_USE;
		met[page] = (uint32_t)i + 1;
	}
	free(met);
	return 0;
}

// What does not grow with anything: the state itself, the slots of lists, the
// words at the ends of sets.
enum { STATE_BYTES = 1024 };

uint64_t replacement_bytes(const struct replacement *policy, uint32_t frames,
			   uint32_t pages, uint64_t future)
{
	return STATE_BYTES + (uint64_t)policy->frame_bytes * frames +
	       (uint64_t)policy->page_bytes * pages +
	       (policy->future ? policy->reference_bits * future / 8 : 0);
}

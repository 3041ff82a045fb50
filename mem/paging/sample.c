// sample.c - chooses pages by a hash, see sample.h

#include <errno.h>
#include <stdlib.h>

#include "mem/policy/memory.h"
#include "mem/policy/policy.h"
#include "sample.h"

struct sample {
	uint32_t *number; // of each page: its new number + 1, or 0
	uint32_t pages;   // as long is that
	uint32_t count;   // chosen pages that were met
	double rate;
	uint64_t limit, seed; // chosen: the hash's upper half is below
	uint64_t seen, kept;
};

enum { PAGES_FIRST = 1024 };

int sample_create(struct sample **sample, double rate, uint64_t seed)
{
	if (!(rate > 0 && rate <= 1))
		return -EINVAL;

	struct sample *made = calloc(1, sizeof *made);
	if (!made)
		return -ENOMEM;
	made->rate = rate;
	made->seed = seed;
	made->limit = (uint64_t)(rate * 0x1p32);
	made->limit = made->limit ? made->limit : 1;
	made->rate = (double)made->limit * 0x1p-32;
	made->pages = PAGES_FIRST;
	made->number = replacement_zeros(made->pages, sizeof *made->number);
	if (!made->number) {
		free(made);
		return -ENOMEM;
	}
	*sample = made;
	return 0;
}

void sample_free(struct sample *sample)
{
	if (!sample)
		return;
	free(sample->number);
	free(sample);
}

// SplitMix64's mixing, see lib/random.h.
static inline bool chosen(const struct sample *sample, uint32_t page)
{
	uint64_t z = (page + 1 + sample->seed) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z >> 32 < sample->limit;
}

static int make_room(struct sample *sample, uint32_t highest)
{
	uint32_t pages = sample->pages;

	if (highest >= REPLACEMENT_PAGES - 1)
		return -EINVAL;
	while (pages <= highest)
		pages *= 2;
	if (pages == sample->pages)
		return 0;
	uint32_t *number = replacement_more(sample->number, sample->pages,
					    pages, sizeof *number);
	if (!number)
		return -ENOMEM;
	sample->number = number;
	sample->pages = pages;
	return 0;
}

int sample_keep(struct sample *sample, const uint32_t *references, size_t count,
		uint32_t *kept, size_t *n)
{
	size_t filled = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t reference = references[i];
		uint32_t page = reference & ~REFERENCE_WRITE;

		if (!chosen(sample, page))
			continue;
		int error = make_room(sample, page);
		if (error)
			return error;
		if (!sample->number[page])
			sample->number[page] = ++sample->count;
		kept[filled++] = (sample->number[page] - 1) |
				 (reference & REFERENCE_WRITE);
	}
	sample->seen += count;
	sample->kept += filled;
	*n = filled;
	return 0;
}

uint32_t sample_frames(const struct sample *sample, uint32_t frames)
{
	uint32_t scaled = (uint32_t)(frames * sample->rate + 0.5);

	return scaled ? scaled : 1;
}

uint64_t sample_faults(const struct sample *sample, uint64_t faults)
{
	double estimate = (double)faults / sample->rate + 0.5;

	return estimate < (double)sample->seen ? (uint64_t)estimate
					       : sample->seen;
}

uint64_t sample_seen(const struct sample *sample)
{
	return sample->seen;
}

uint64_t sample_kept(const struct sample *sample)
{
	return sample->kept;
}

uint32_t sample_pages(const struct sample *sample)
{
	return sample->count;
}

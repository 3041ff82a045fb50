// # Page numbers that are small
//
// Policies index arrays with pages. Where a trace uses nearly all numbers from 0
// on, its own will do. All others, such as those of addresses, get a number when
// they are first met (mem/paging/numbering.h), behind those that stay as they are.
// Where the border is the first portion says: at most sixteen times as many numbers
// stay as there are pages in it.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "mem/paging/numbering.h"
#include "mem/replace/replace.h"

enum { STAY_MOST = 1 << 22, STAY_ALWAYS = 1 << 16, STAY_SHARE = 16 };

struct numbers {
	struct numbering *numbering;
	bool decided;
	uint32_t border;               // below it, numbers stay
	uint32_t above;                // those that do: more than the largest
	uint64_t used[STAY_MOST / 64]; // those that do, a bit each
	uint64_t large[PORTION];       // of a portion: the others
	uint32_t place[PORTION], translated[PORTION];
};

struct numbers *numbers_create(void)
{
	struct numbers *numbers = have(calloc(1, sizeof *numbers));

	if (numbering_create(&numbers->numbering, 0) != 0)
		out_of_memory();
	return numbers;
}

void numbers_free(struct numbers *numbers)
{
	if (numbers)
		numbering_free(numbers->numbering);
	free(numbers);
}

static void use(struct numbers *numbers, uint64_t page)
{
	numbers->used[page / 64] |= UINT64_C(1) << page % 64;
}

static uint32_t used_count(const struct numbers *numbers)
{
	uint32_t n = 0;

	for (size_t i = 0; i < STAY_MOST / 64; i++)
		n += (uint32_t)__builtin_popcountll(numbers->used[i]);
	return n;
}

static void decide(struct numbers *numbers, const uint64_t *pages, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pages[i] < STAY_MOST)
			use(numbers, pages[i]);
	uint64_t border = (uint64_t)used_count(numbers) * STAY_SHARE;
	if (border && border < STAY_ALWAYS)
		border = STAY_ALWAYS;
	numbers->border = border < STAY_MOST ? (uint32_t)border : STAY_MOST;
	for (size_t i = numbers->border / 64; i < STAY_MOST / 64; i++)
		numbers->used[i] = 0;
	numbers->decided = true;
}

// The others of a portion, all at once: tables are quicker then.
static int translate_large(struct numbers *numbers, size_t n,
			   uint32_t *references)
{
	int error = numbering_translate(numbers->numbering, numbers->large,
					NULL, n, numbers->translated);

	if (!error && numbering_count(numbers->numbering) >=
			      REPLACEMENT_PAGES - numbers->border - 1)
		error = -EFBIG;
	for (size_t i = 0; i < n && !error; i++)
		references[numbers->place[i]] |= numbers->border +
						 numbers->translated[i];
	return error;
}

int numbers_translate(struct numbers *numbers, const uint64_t *pages,
		      const uint8_t *writes, size_t n, uint32_t *references)
{
	size_t large = 0;

	if (!numbers->decided && n)
		decide(numbers, pages, n);
	uint64_t border = numbers->border, above = numbers->above;
	for (size_t i = 0; i < n; i++) {
		uint32_t write = (uint32_t)writes[i] << 31;
		if (pages[i] < border) {
			use(numbers, pages[i]);
			above = pages[i] < above ? above : pages[i] + 1;
			references[i] = (uint32_t)pages[i] | write;
		} else {
			numbers->large[large] = pages[i];
			numbers->place[large++] = (uint32_t)i;
			references[i] = write;
		}
	}
	numbers->above = (uint32_t)above;
	return large ? translate_large(numbers, large, references) : 0;
}

uint64_t numbers_page(const struct numbers *numbers, uint32_t page)
{
	return page < numbers->border ? page
				      : numbering_page(numbers->numbering,
						       page - numbers->border);
}

uint32_t numbers_distinct(const struct numbers *numbers)
{
	return used_count(numbers) + numbering_count(numbers->numbering);
}

uint32_t numbers_bound(const struct numbers *numbers)
{
	uint32_t large = numbering_count(numbers->numbering);

	return large ? numbers->border + large : numbers->above;
}

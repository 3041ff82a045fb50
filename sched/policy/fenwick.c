// fenwick.c - see fenwick.h

#include <errno.h>
#include <stdlib.h>

#include "fenwick.h"

int fenwick_create(struct fenwick *tree, size_t n)
{
	uint64_t *sums = calloc(n + 1, sizeof *sums);
	size_t top = 1;

	if (!sums)
		return -ENOMEM;
	while (top <= n / 2)
		top *= 2;
	*tree = (struct fenwick){ .n = n, .top = top, .sums = sums };
	return 0;
}

void fenwick_free(struct fenwick *tree)
{
	free(tree->sums);
}

void fenwick_add(struct fenwick *tree, size_t i, uint64_t value)
{
	tree->total += value;
	for (i++; i <= tree->n; i += i & -i)
		tree->sums[i] += value;
}

// Unsigned numbers wrap, so adding a negative one subtracts.
void fenwick_subtract(struct fenwick *tree, size_t i, uint64_t value)
{
	fenwick_add(tree, i, -value);
}

size_t fenwick_find(const struct fenwick *tree, uint64_t place,
		    uint64_t *before)
{
	size_t i = 0;

	*before = 0;
	for (size_t step = tree->top; step; step /= 2) {
		if (i + step > tree->n)
			continue;
		uint64_t sum = *before + tree->sums[i + step];
		if (sum > place)
			continue;
		i += step;
		*before = sum;
	}
	return i;
}

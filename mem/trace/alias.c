// # Zipf by an alias table
//
// Of n pages, each with a share, n columns of height 1 / n are built: a column
// holds the rest of one page's share and, above it, a piece of another's. To draw
// is to pick a column, all being as likely, and then one of its two pages: one
// random number, one look into the table.

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "mem/trace/parts.h"

// Whether a page has more or less than a column, kept in one array: those with
// less from the front, those with more from the back.
static void fill(struct alias *table, double *height, uint32_t *order,
		 uint32_t n)
{
	uint32_t less = 0, more = n;

	for (uint32_t i = 0; i < n; i++)
		order[height[i] < 1 ? less++ : --more] = i;
	uint32_t next = 0;
	while (next < less && more < n) {
		uint32_t low = order[next++], high = order[more];
		table[low] = (struct alias){
			.limit = (uint32_t)(height[low] * 0x1p32),
			.other = high,
		};
		height[high] -= 1 - height[low];
		if (height[high] < 1) {
			// the place of `high` joins those with less
			more++;
			order[--next] = high;
		}
	}
	// what is left is 1, but for rounding
	for (; next < less; next++)
		table[order[next]] = (struct alias){ UINT32_MAX, order[next] };
	for (; more < n; more++)
		table[order[more]] = (struct alias){ UINT32_MAX, order[more] };
}

int alias_zipf(uint32_t n, double exponent, struct alias **table)
{
	double *height = malloc(n * sizeof *height), sum = 0;
	uint32_t *order = malloc(n * sizeof *order);

	*table = malloc(n * sizeof **table);
	if (!height || !order || !*table) {
		free(height);
		free(order);
		free(*table);
		return -ENOMEM;
	}
	for (uint32_t i = n; i-- > 0;) // the small ones first: sums are exact
		sum += height[i] = exponent == 1 ? 1 / (double)(i + 1.0)
						 : pow(i + 1.0, -exponent);
	for (uint32_t i = 0; i < n; i++)
		height[i] *= n / sum;
	fill(*table, height, order, n);
	free(height);
	free(order);
	return 0;
}

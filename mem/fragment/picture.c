// # A strip as a picture

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "mem/fragment/fragment.h"

enum { A_LINE = 64 };

// How many of the `size` bytes at `address` lie in [begin, end).
static uint64_t common(uint64_t address, uint64_t size, uint64_t begin,
		       uint64_t end)
{
	uint64_t low = address > begin ? address : begin;
	uint64_t high = address + size < end ? address + size : end;

	return high > low ? high - low : 0;
}

static char letter_of(const struct piece *block, const struct mark *marks,
		      size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (marks[i].letter && marks[i].address == block->address)
			return marks[i].letter;
	return '\0';
}

// Of the cell [begin, end). No block before *first reaches into it.
static char cell(const struct piece *blocks, size_t count, size_t *first,
		 uint64_t begin, uint64_t end, const struct mark *marks,
		 size_t n)
{
	uint64_t used = 0, wanted = 0;
	char letter = '\0';

	while (*first < count &&
	       blocks[*first].address + blocks[*first].size <= begin)
		++*first;
	for (size_t i = *first; i < count && blocks[i].address < end; i++) {
		const struct piece *b = &blocks[i];
		uint64_t part = common(b->address, b->wanted, begin, end);
		used += common(b->address, b->size, begin, end);
		wanted += part;
		if (!letter && part)
			letter = letter_of(b, marks, n);
	}
	if (letter)
		return letter;
	if (wanted == end - begin)
		return '#';
	return wanted ? '+' : used == end - begin ? '-' : used ? '+' : '.';
}

char *picture(const struct canvas *canvas, const struct strip *strip,
	      size_t cells, const struct mark *marks, size_t n)
{
	const struct strip_statistics s = strip_statistics(strip);
	const struct piece *blocks;
	size_t count = strip_blocks(strip, &blocks), first = 0;
	uint64_t size = s.free + s.used;
	char *row = malloc(cells);

	if (!row)
		return NULL;
	for (size_t i = 0; i < cells; i++) {
		// (no overflow: sizes are below 2^62, cells few)
		uint64_t begin = (uint64_t)((__uint128_t)size * i / cells);
		uint64_t end = (uint64_t)((__uint128_t)size * (i + 1) / cells);
		row[i] = begin == end ? '.'
				      : cell(blocks, count, &first, begin, end,
					     marks, n);
	}
	char *map = draw_map(canvas, row, cells, A_LINE);
	free(row);
	return map;
}

// # An address as a row of bits

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "mem/walk/walk.h"

enum { GROUPS = MOST_LEVELS + 2, DIGITS = 24, MARGIN = 4, ALL_BITS = 64 };

// A group of bits, and what is written above and below it.
struct group {
	unsigned high, low;
	int width;
	char number[DIGITS];
	char name[DIGITS];
};

static int digits_of(unsigned number)
{
	return number > 9 ? 2 : 1;
}

// As wide as its bits, its number, or the numbers of its first and last bit.
static void set_width(struct group *group)
{
	int bits = (int)(group->high - group->low) + 1;
	int number = (int)strlen(group->number),
	    name = (int)strlen(group->name);
	int ends = digits_of(group->high) +
		   (bits > 1 ? 1 + digits_of(group->low) : 0);

	group->width = bits;
	if (group->width < number)
		group->width = number;
	if (group->width < name)
		group->width = name;
	if (group->width < ends)
		group->width = ends;
}

// A table of 64-bit addresses leaves bits on top; one of 32-bit ones is for a
// machine that has no more.
static int groups_of(struct group groups[GROUPS], const struct paging *paging,
		     uint64_t address)
{
	enum { SMALL = 36 };
	unsigned bits = paging_bits(paging);
	int n = 0;

	if (bits > SMALL && bits < ALL_BITS) {
		groups[n] = (struct group){ .high = ALL_BITS - 1, .low = bits };
		snprintf(groups[n++].number, DIGITS, "-");
	}
	for (unsigned i = 0; i < paging->levels; i++) {
		unsigned shift = paging_shift(paging, i);
		groups[n] = (struct group){
			.high = shift + paging->index_bits[i] - 1,
			.low = shift,
		};
		snprintf(groups[n].number, DIGITS, "%" PRIu64,
			 paging_index(paging, i, address));
		if (paging->levels == 1)
			snprintf(groups[n++].name, DIGITS, "p");
		else
			snprintf(groups[n++].name, DIGITS, "p%u",
				 paging->levels - i);
	}
	groups[n] = (struct group){ .high = paging->offset_bits - 1 };
	snprintf(groups[n].number, DIGITS, "%" PRIu64,
		 paging_offset(paging, address));
	snprintf(groups[n++].name, DIGITS, "d");
	for (int i = 0; i < n; i++)
		set_width(&groups[i]);
	return n;
}

static void print_bits(FILE *out, const struct group *group, uint64_t address)
{
	for (unsigned bit = group->high + 1; bit-- > group->low;)
		putc('0' + (int)(address >> bit & 1), out);
}

static void print_ends(FILE *out, const struct group *group)
{
	if (group->high == group->low)
		fprintf(out, "%*u", group->width, group->high);
	else
		fprintf(out, "%u%*u", group->high,
			group->width - digits_of(group->high), group->low);
}

static void print_row(FILE *out, const struct group *groups, int n,
		      uint64_t address)
{
	for (int line = 0; line < 4; line++) {
		fprintf(out, "%*s", MARGIN, "");
		for (int i = 0; i < n; i++) {
			const struct group *g = &groups[i];
			if (i > 0)
				putc(line == 1 ? '|' : ' ', out);
			if (line == 0) {
				print_ends(out, g);
			} else if (line == 1) {
				fprintf(out, "%*s",
					g->width - (int)(g->high - g->low) - 1,
					"");
				print_bits(out, g, address);
			} else {
				fprintf(out, "%*s", g->width,
					line == 2 ? g->number : g->name);
			}
		}
		putc('\n', out);
	}
}

static void print_column(FILE *out, const struct group *groups, int n,
			 uint64_t address)
{
	for (int i = 0; i < n; i++) {
		const struct group *g = &groups[i];
		fprintf(out, "%3s = %-12s bits %2u to %u\n", g->name, g->number,
			g->high, g->low);
		fprintf(out, "    ");
		print_bits(out, g, address);
		putc('\n', out);
	}
}

char *draw_address(const struct canvas *canvas, const struct paging *paging,
		   uint64_t address)
{
	struct group groups[GROUPS];
	int n = groups_of(groups, paging, address);
	int width = MARGIN + n - 1;
	char *text = NULL;
	size_t bytes;

	for (int i = 0; i < n; i++)
		width += groups[i].width;
	FILE *out = must_ptr(open_memstream(&text, &bytes));
	if (width <= canvas->columns)
		print_row(out, groups, n, address);
	else
		print_column(out, groups, n, address);
	fclose(out);

	// The lines end where their text ends.
	char *to = text;
	for (const char *from = text; *from; from++) {
		if (*from == '\n')
			while (to > text && to[-1] == ' ')
				to--;
		*to++ = *from;
	}
	*to = '\0';
	return text;
}

void show_address(const struct paging *paging, uint64_t address)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = draw_address(&canvas, paging, address);

	show(picture);
	free(picture);
}

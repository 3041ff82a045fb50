// # The exercise: drawn, and solved
//
// Every number is drawn only if it was not given, in a fixed order: the two
// limits, the two bases, the addresses. What depends on an earlier one (segments
// must not overlap) is drawn again until it fits.

#define _GNU_SOURCE
#include "mem/segment/exercise.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "options.h"
#include "optparse.h"
#include "python_random.h"

enum { RANDOM = -1, MOST_ADDRESSES = 100000 };

static const int64_t most_bytes = 1LL << 50; // whole in a double, with room

// ## Sizes

// "16k": a number, and k, m or g. Returns 0 or -errno as parse_number.
static int read_size(const char *text, int64_t *bytes)
{
	static const char units[] = "kmgKMG";
	char digits[32];
	size_t n = strlen(text);
	const char *unit = n ? strchr(units, text[n - 1]) : NULL;

	if (n >= sizeof digits)
		return -EINVAL;
	memcpy(digits, text, n + 1);
	if (unit)
		digits[n - 1] = '\0';
	int shift = unit ? 10 * ((int)(unit - units) % 3 + 1) : 0;
	int error = parse_number(digits, 0, most_bytes >> shift, bytes);
	if (!error)
		*bytes <<= shift;
	return error;
}

static int64_t size_of(const char *option, const char *text, bool may_be_drawn)
{
	int64_t bytes;

	if (may_be_drawn && !strcmp(text, "-1"))
		return RANDOM;
	if (read_size(text, &bytes) != 0)
		option_refuse(outside_argp(), option, text,
			      "a size up to 1048576g, such as 64, 16k or 1m%s",
			      may_be_drawn ? "; -1: random" : "");
	return bytes;
}

// ## Refusals

static void check_memory(const struct exercise *x,
			 const struct exercise_options *o)
{
	if (x->space < 1)
		option_refuse(outside_argp(), "--asize", o->asize,
			      "1 byte or more");
	if (x->physical <= 4 || x->physical <= x->space)
		option_refuse(outside_argp(), "--physmem", o->physmem,
			      "more than 4 bytes, and more than the address "
			      "space, which has %" PRId64,
			      x->space);
}

static void check_limit(const struct exercise *x, const char *option,
			int64_t limit)
{
	char text[32];

	if (2 * limit <= x->space)
		return;
	snprintf(text, sizeof text, "%" PRId64, limit);
	option_refuse(outside_argp(), option, text,
		      "at most half of the address space of %" PRId64 " bytes",
		      x->space);
}

static void check_places(const struct exercise *x,
			 const struct exercise_options *o)
{
	if (x->base0 + x->limit0 - 1 > x->physical)
		option_refuse(outside_argp(), "--b0", o->b0,
			      "segment 0 within the %" PRId64
			      " bytes of physical memory",
			      x->physical);
	if (x->low1 > x->physical)
		option_refuse(outside_argp(), "--b1", o->b1,
			      "segment 1 within the %" PRId64
			      " bytes of physical memory",
			      x->physical);
	if (x->low1 > x->base0 && x->base0 + x->limit0 > x->low1)
		option_refuse(outside_argp(), "--b1", o->b1,
			      "segments that do not overlap: 0 ends at %" PRId64
			      ", and 1 would begin at %" PRId64,
			      x->base0 + x->limit0, x->low1);
}

// ## Drawing

static int64_t draw(struct python_random *random, int64_t below)
{
	return (int64_t)trunc((double)below * python_random_real(random));
}

// From a quarter of the address space up to a half.
static int64_t draw_limit(struct python_random *random, int64_t space)
{
	double quarter = (double)space / 4;

	return (int64_t)trunc(quarter + quarter * python_random_real(random));
}

static void draw_bases(struct exercise *x, const struct exercise_options *o,
		       int64_t b1, struct python_random *random)
{
	if ((x->base0 == RANDOM || b1 == RANDOM) && x->physical <= 2 * x->space)
		option_refuse(outside_argp(), "--physmem", o->physmem,
			      "more than twice the address space, or both "
			      "bases (-b, -B)");
	if (x->base0 == RANDOM)
		do
			x->base0 = draw(random, x->physical);
		while (x->base0 + x->limit0 >= x->physical);
	x->low1 = b1 - x->limit1;
	if (b1 == RANDOM)
		do
			x->low1 = draw(random, x->physical);
		while (x->low1 + x->limit1 >= x->physical ||
		       (x->low1 <= x->base0 + x->limit0 &&
			x->low1 + x->limit1 >= x->base0));
}

// ## Addresses

static void list_addresses(struct exercise *x, const char *list)
{
	char *copy = must_ptr(strdup(list)), *rest = copy, *one;
	size_t commas = 0;

	for (const char *c = list; *c; c++)
		commas += *c == ',';
	x->addresses = must_ptr(calloc(commas + 1, sizeof *x->addresses));
	while ((one = strsep(&rest, ","))) {
		one += strspn(one, " ");
		for (size_t n = strlen(one); n && one[n - 1] == ' ';)
			one[--n] = '\0';
		if (parse_number(one, 0, x->space - 1,
				 &x->addresses[x->count++]) != 0)
			option_refuse(outside_argp(), "--addresses", list,
				      "virtual addresses from 0 to %" PRId64
				      ", separated by commas; -1: random",
				      x->space - 1);
	}
	free(copy);
}

struct exercise exercise_make(const struct exercise_options *o)
{
	struct python_random random = python_random_seeded(o->seed);
	struct exercise x = {
		.space = size_of("--asize", o->asize, false),
		.physical = size_of("--physmem", o->physmem, false),
		.base0 = size_of("--b0", o->b0, true),
		.limit0 = size_of("--l0", o->l0, true),
		.limit1 = size_of("--l1", o->l1, true),
	};
	int64_t b1 = size_of("--b1", o->b1, true);

	optparse_range("--numaddrs", o->numaddrs, 0, MOST_ADDRESSES);
	check_memory(&x, o);
	if (x.limit0 == RANDOM)
		x.limit0 = draw_limit(&random, x.space);
	if (x.limit1 == RANDOM)
		x.limit1 = draw_limit(&random, x.space);
	check_limit(&x, "--l0", x.limit0);
	check_limit(&x, "--l1", x.limit1);
	draw_bases(&x, o, b1, &random);
	check_places(&x, o);
	if (strcmp(o->addresses, "-1") != 0) {
		list_addresses(&x, o->addresses);
		return x;
	}
	x.count = (size_t)o->numaddrs;
	x.addresses = must_ptr(calloc(x.count + 1, sizeof *x.addresses));
	for (size_t i = 0; i < x.count; i++)
		x.addresses[i] = draw(&random, x.space);
	return x;
}

// ## The solution

int64_t exercise_top(const struct exercise *x)
{
	return x->low1 + x->limit1;
}

int exercise_segment(const struct exercise *x, int64_t address)
{
	return 2 * address >= x->space;
}

bool exercise_translate(const struct exercise *x, int64_t address,
			int64_t *physical)
{
	if (exercise_segment(x, address) == 0) {
		*physical = x->base0 + address;
		return address < x->limit0;
	}
	*physical = exercise_top(x) + (address - x->space);
	return *physical >= x->low1;
}

// # Values of options: the grammar
//
// strtol(3) and its family are made for another purpose: they skip blanks,
// stop at the first character they do not like, read "0x10" and "1e3", and
// round. Here a value is checked by its grammar first:
//
//     number    [+-]? DIGITS                 "-0" is 0, "007" is 7
//     real      [+-]? DIGITS [. DIGITS]      "-0" is 0; no exponent, no "nan"
//     size      DIGITS [. DIGITS] UNIT?      no sign, no blank before the unit
//     duration  DIGITS [. DIGITS] UNIT       the same; also "0" needs its unit
//
// Units are spelled as options.h spells them, capitals and all: "64k" and "5S"
// are refused.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

static const char digits[] = "0123456789";

// The text of a value in its parts; both runs of digits may be any length.
struct decimal {
	const char *whole, *fraction, *unit;
	size_t whole_length, fraction_length;
};

static bool split(const char *text, struct decimal *parts)
{
	size_t n = strspn(text, digits);

	*parts = (struct decimal){ .whole = text, .whole_length = n };
	if (n == 0)
		return false;
	text += n;
	if (*text == '.') {
		parts->fraction = ++text;
		parts->fraction_length = n = strspn(text, digits);
		if (n == 0)
			return false;
		text += n;
	}
	parts->unit = text;
	return true;
}

static bool read_digits(const char *text, size_t length, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < length; i++)
		if (__builtin_mul_overflow(*value, 10u, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(text[i] - '0'),
					   value))
			return false;
	return true;
}

// The fraction times `factor`, multiplied as on paper, from the last digit: what
// does not carry over to the left of the point must be 0, or the product is not
// whole. factor is below 2^60, so 9 * factor + carry fits.
static bool multiply_fraction(const struct decimal *parts, uint64_t factor,
			      uint64_t *product)
{
	uint64_t carry = 0;

	for (size_t i = parts->fraction_length; i-- > 0;) {
		carry += (uint64_t)(parts->fraction[i] - '0') * factor;
		if (carry % 10 != 0)
			return false;
		carry /= 10;
	}
	*product = carry;
	return true;
}

// Tables of units end with a name that is NULL; the largest comes first.
struct unit {
	const char *name;
	uint64_t factor;
};

static int parse_in_units(const char *text, const struct unit *unit,
			  uint64_t min, uint64_t max, uint64_t *value)
{
	struct decimal parts;
	uint64_t whole, fraction;

	if (!split(text, &parts))
		return -EINVAL;
	while (unit->name && strcmp(unit->name, parts.unit) != 0)
		unit++;
	if (!unit->name || !multiply_fraction(&parts, unit->factor, &fraction))
		return -EINVAL;
	if (!read_digits(parts.whole, parts.whole_length, &whole) ||
	    __builtin_mul_overflow(whole, unit->factor, &whole) ||
	    __builtin_add_overflow(whole, fraction, &whole) || whole < min ||
	    whole > max)
		return -ERANGE;
	*value = whole;
	return 0;
}

static const struct unit size_units[] = {
	{ "T", UINT64_C(1) << 40 }, { "TiB", UINT64_C(1) << 40 },
	{ "TB", UINT64_C(1) << 40 },
	{ "G", 1 << 30 }, { "GiB", 1 << 30 }, { "GB", 1 << 30 },
	{ "M", 1 << 20 }, { "MiB", 1 << 20 }, { "MB", 1 << 20 },
	{ "K", 1 << 10 }, { "KiB", 1 << 10 }, { "KB", 1 << 10 },
	{ "B", 1 }, { "", 1 }, { NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "h", UINT64_C(3600000000000) }, { "m", UINT64_C(60000000000) },
	{ "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 },
	{ NULL, 0 },
};

int parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *bytes)
{
	return parse_in_units(text, size_units, min, max, bytes);
}

int parse_duration(const char *text, int64_t min_ns, int64_t max_ns,
		   int64_t *ns)
{
	uint64_t value;
	int error = parse_in_units(text, duration_units,
				   min_ns < 0 ? 0 : (uint64_t)min_ns, INT64_MAX,
				   &value);
	if (error)
		return error;
	if ((int64_t)value > max_ns)
		return -ERANGE;
	*ns = (int64_t)value;
	return 0;
}

int parse_number(const char *text, int64_t min, int64_t max, int64_t *value)
{
	bool negative = *text == '-';
	struct decimal parts;
	uint64_t size;

	text += *text == '-' || *text == '+';
	if (!split(text, &parts) || parts.fraction || *parts.unit)
		return -EINVAL;
	if (!read_digits(text, parts.whole_length, &size) ||
	    size > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	int64_t number = (int64_t)(negative ? -size : size);
	if (number < min || number > max)
		return -ERANGE;
	*value = number;
	return 0;
}

// strtod(3) does the rounding, which is an art of its own, once the grammar is
// checked. It would take the decimal point from the locale: hence strtod_l. A
// value too large becomes infinite, one too small 0: both do not fit.
int parse_real(const char *text, double min, double max, double *value)
{
	struct decimal parts;

	if (!split(text + (*text == '-' || *text == '+'), &parts) ||
	    *parts.unit)
		return -EINVAL;
	locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	if (plain == (locale_t)0)
		return -errno;
	double number = strtod_l(text, NULL, plain);
	freelocale(plain);
	bool lost = number == 0 && strpbrk(text, digits + 1);
	if (lost || !isfinite(number) || !(number >= min && number <= max))
		return -ERANGE;
	*value = number + 0.0;
	return 0;
}

// ## And back
//
// Exact, by the largest unit that divides the value.

const char *size_name(char text[HUMAN_BYTES], uint64_t bytes)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	while (unit < 4 && bytes != 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, HUMAN_BYTES, "%" PRIu64 "%s", bytes, names[unit]);
	return text;
}

const char *duration_name(char text[HUMAN_BYTES], int64_t ns)
{
	const struct unit *unit = &duration_units[ns == 0 ? 2 : 0];

	while (ns % (int64_t)unit->factor != 0)
		unit++;
	snprintf(text, HUMAN_BYTES, "%" PRId64 "%s", ns / (int64_t)unit->factor,
		 unit->name);
	return text;
}

// # Values for people: three digits and a unit
//
// Three significant digits are what a measurement is good for and what an eye
// takes in at once. The trap is the edge of a unit: 999.96 ns rounds to 1000,
// which is spelled 1.0 us. So the limits below are those of the rounded value.

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

struct unit {
	const char *name;
	double size;
	double limit; // from here on the next unit is used
};

// Drops zeros at the end of a decimal fraction, but for the first `keep`
// digits of it.
static void trim(char *digits, size_t keep)
{
	char *point = strchr(digits, '.');
	if (!point)
		return;
	char *end = point + strlen(point);
	while (end > point + 1 + keep && end[-1] == '0')
		end--;
	if (end == point + 1)
		end = point;
	*end = '\0';
}

static void three_digits(char text[HUMAN_BYTES], double value, size_t keep,
			 const struct unit *unit)
{
	char digits[HUMAN_BYTES];

	double scaled = value / unit->size, size = fabs(scaled);
	while (size >= unit->limit) {
		unit++;
		scaled = value / unit->size;
		size = fabs(scaled);
		if (size < 1) // 59.96 s is 60.0 s, which is 1 min
			scaled = copysign(size = 1, value);
	}
	int decimals = size >= 99.95    ? 0
		       : size >= 9.995  ? 1
		       : size >= 0.9995 ? 2
					: 3;
	snprintf(digits, sizeof digits, "%.*f", decimals, scaled);
	trim(digits, size < 9.995 ? keep : 0);
	snprintf(text, HUMAN_BYTES, "%.20s %s", digits, unit->name);
}

const char *human_size(char text[HUMAN_BYTES], uint64_t bytes)
{
	static const struct unit units[] = {
		{ "B", 1, 1024 },
		{ "KiB", 0x1p10, 1023.5 },
		{ "MiB", 0x1p20, 1023.5 },
		{ "GiB", 0x1p30, 1023.5 },
		{ "TiB", 0x1p40, 1023.5 },
		{ "PiB", 0x1p50, 1023.5 },
		{ "EiB", 0x1p60, INFINITY },
	};
	three_digits(text, (double)bytes, 0, units);
	return text;
}

const char *human_duration(char text[HUMAN_BYTES], double ns)
{
	static const struct unit units[] = {
		{ "ns", 1, 999.5 },
		{ "us", 1e3, 999.5 },
		{ "ms", 1e6, 999.5 },
		{ "s", 1e9, 59.95 },
		{ "min", 60e9, 59.95 },
		{ "h", 3600e9, INFINITY },
	};
	if (!isfinite(ns))
		snprintf(text, HUMAN_BYTES, "n/a");
	else if (ns == 0)
		snprintf(text, HUMAN_BYTES, "0 ns");
	else
		three_digits(text, ns, 1, units);
	return text;
}

// # Digits

#define _GNU_SOURCE
#include "digits.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

struct digits digits_for(double largest_ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
		{ "h", 3600e9 },
	};
	size_t unit = largest_ns < 1e3 ? 0 : largest_ns < 1e6 ? 1 : 2;
	int digits = 1;

	while (unit < 4 && largest_ns / units[unit].ns >= 999999.5)
		unit++;
	for (double value = largest_ns / units[unit].ns; value >= 10;
	     value /= 10)
		digits++;
	return (struct digits){ units[unit].name, units[unit].ns,
				digits < 7 ? 7 - digits : 0 };
}

int digits_decimals(const struct digits *digits, double ns, int most)
{
	double value = ns / digits->unit_ns;
	int decimals = 0;

	most = most < digits->room ? most : digits->room;
	for (; decimals < most; decimals++) {
		if (fabs(value - round(value)) < 1e-9 * (1 + fabs(value)))
			break;
		value *= 10;
	}
	return decimals;
}

void digits_text(const struct digits *digits, char text[DIGITS_BYTES],
		 double ns, int decimals)
{
	snprintf(text, DIGITS_BYTES, "%.*f", decimals, ns / digits->unit_ns);
}

void digits_three(char text[DIGITS_BYTES], double value)
{
	if (value > 0 && value < 0.1)
		snprintf(text, DIGITS_BYTES, "%.2g", value);
	else
		snprintf(text, DIGITS_BYTES, "%.*f",
			 value < 9.995   ? 2
			 : value < 99.95 ? 1
					 : 0,
			 value);
}

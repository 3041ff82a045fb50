// digits.h - times of a table: one unit, as few digits as tell them apart

#ifndef SCHED_DIGITS_H
#define SCHED_DIGITS_H

#include <stdint.h>

struct digits {
	const char *unit;
	double unit_ns;
	int room; // for decimals: the largest has 7 digits in all
};

// For times up to this one: ns, us or ms, and beyond 999,999 of these s and h.
struct digits digits_for(double largest_ns);

// How many decimals it takes to say this time exactly, but at most `most`.
int digits_decimals(const struct digits *digits, double ns, int most);

// The longest text of these.
enum { DIGITS_BYTES = 40 };
void digits_text(const struct digits *digits, char text[DIGITS_BYTES],
		 double ns, int decimals);

// Three digits (of very small values two), without a unit: shares, rates.
void digits_three(char text[DIGITS_BYTES], double value);

#endif

// scale.h - time on a line of columns (or of points)

#ifndef SCHED_SCALE_H
#define SCHED_SCALE_H

#include <stddef.h>
#include <stdint.h>

#include "sched/chart/chart.h"

// Times up to 2^63 times a number of columns do not fit into 64 bits.
typedef __int128 wide;

struct scale {
	int64_t begin_ns;
	wide length_ns; // more than 0
	int columns;
};

// From 0, or from the first arrival where that is farther away than all lasts,
// to the end of the last.
struct scale scale_of(const struct jobs *jobs, const struct chart *charts,
		      size_t n, int columns);

// The border between columns that is nearest to this time, 0 .. columns.
int scale_border(const struct scale *scale, int64_t ns);

// How many columns lie between begin and this time, with the fraction.
double scale_place(const struct scale *scale, int64_t ns);

// A tick every 1, 2 or 5 times a power of ten of ns, at least `columns` apart.
// The first is at *first_ns.
int64_t scale_step(const struct scale *scale, int columns, int64_t *first_ns);

// The unit in which the numbers of the axis are short.
struct time_unit {
	const char *name;
	int64_t ns;
};
struct time_unit scale_unit(const struct scale *scale);

#endif

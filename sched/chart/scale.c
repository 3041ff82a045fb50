// # The time scale

#define _GNU_SOURCE
#include "scale.h"

struct scale scale_of(const struct jobs *jobs, const struct chart *charts,
		      size_t n, int columns)
{
	int64_t first_ns = NEVER, last_ns = 0;

	for (size_t i = 0; i < jobs->count; i++) {
		int64_t arrival_ns = jobs->tasks[i].arrival_ns;
		first_ns = arrival_ns < first_ns ? arrival_ns : first_ns;
		last_ns = arrival_ns > last_ns ? arrival_ns : last_ns;
	}
	for (size_t i = 0; i < n; i++) {
		const struct history *h = charts[i].history;
		size_t slices = h->slices ? h->slice_count : 0;
		if (h->end_ns > last_ns)
			last_ns = h->end_ns;
		if (charts[i].until_ns > last_ns)
			last_ns = charts[i].until_ns;
		for (size_t s = 0; s < slices; s++) {
			if (h->slices[s].begin_ns < first_ns)
				first_ns = h->slices[s].begin_ns;
			if (h->slices[s].end_ns > last_ns)
				last_ns = h->slices[s].end_ns;
		}
	}
	if (first_ns > last_ns ||
	    (first_ns > 0 && first_ns <= last_ns - first_ns))
		first_ns = 0;
	wide length_ns = (wide)last_ns - first_ns;
	return (struct scale){ first_ns, length_ns > 0 ? length_ns : 1,
			       columns };
}

int scale_border(const struct scale *scale, int64_t ns)
{
	wide from_ns = (wide)ns - scale->begin_ns;

	if (from_ns <= 0)
		return 0;
	if (from_ns >= scale->length_ns)
		return scale->columns;
	return (int)((2 * from_ns * scale->columns + scale->length_ns) /
		     (2 * scale->length_ns));
}

double scale_place(const struct scale *scale, int64_t ns)
{
	return (double)((wide)ns - scale->begin_ns) * scale->columns /
	       (double)scale->length_ns;
}

int64_t scale_step(const struct scale *scale, int columns, int64_t *first_ns)
{
	static const int factors[] = { 2, 5, 10 };
	wide power = 1, step = 1;

	for (int i = 0; step * scale->columns < scale->length_ns * columns;
	     i++) {
		step = power * factors[i % 3];
		if (i % 3 == 2)
			power *= 10;
	}
	wide first = (scale->begin_ns + step - 1) / step * step;
	if (scale->begin_ns < 0)
		first = -(-(wide)scale->begin_ns / step * step);
	*first_ns = first > NEVER ? NEVER : (int64_t)first;
	return step > NEVER ? NEVER : (int64_t)step;
}

struct time_unit scale_unit(const struct scale *scale)
{
	static const struct time_unit units[] = {
		{ "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 },
		{ "ns", 1 },
	};
	const struct time_unit *unit = units;

	while (unit->ns > 1 && scale->length_ns < unit->ns)
		unit++;
	return *unit;
}

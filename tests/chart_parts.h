// chart_parts.h - what the files of the suite chart share: chart.c (pictures and
// tables), chart_formats.c (JSON, SVG, odd histories)

#ifndef CHART_PARTS_TESTS_H
#define CHART_PARTS_TESTS_H

#include "draw.h"
#include "labs.h"
#include "sched/chart/chart.h"

#define MS INT64_C(1000000)

struct random;

extern const struct canvas chart_ascii40;

struct jobs chart_jobs(const struct job_line *lines, size_t n);

// A history of these slices, measured.
struct history chart_history(const struct jobs *jobs, int cpus,
			     const struct slice *slices, size_t n);

// The picture, which is freed, is this one.
void chart_expect(char *picture, const char *expected);

// No line is too wide, and without UTF-8 all is ASCII.
void chart_check_width(const char *picture, const struct canvas *canvas);

// Some jobs, under some policy, on some CPUs.
void chart_any_history(struct random *random, struct jobs *jobs,
		       struct history *history);

// Three jobs, and how they ran on one CPU.
#define THREE_JOBS                                                         \
	const int64_t a_[] = { 18 * MS }, b_[] = { 4 * MS, 8 * MS, 4 * MS }, \
		      c_[] = { 10 * MS };                                  \
	const struct job_line lines_[] = {                                 \
		{ .name = "AA", .bursts_ns = a_, .bursts = 1 },            \
		{ .name = "BB", .arrival_ns = 2 * MS, .bursts_ns = b_,     \
		  .bursts = 3 },                                           \
		{ .name = "CC", .arrival_ns = 4 * MS, .bursts_ns = c_,     \
		  .bursts = 1 },                                           \
	};                                                                 \
	struct jobs jobs = chart_jobs(lines_, 3)

extern const struct slice chart_three_slices[7];

void add_chart_formats(TCase *tests);

#endif

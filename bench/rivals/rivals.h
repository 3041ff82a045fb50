// rivals.h - ours and theirs in one program, in turns
//
// The rivals of rivals.c are programs. Those here are libraries: a lock, a switch
// of stacks, tasks. So one program links both, and times the same work by theirs
// and by ours in turn, `rounds` times each; the lower quartiles are compared, as
// in rivals.c, and the verdict is on the 95 % bootstrap interval of the ratio
// ours / theirs: it has to reach down to what is allowed. A wide interval gets up to
// MORE_ROUNDS times the rounds; one that stays wide is no verdict: "cannot tell".
//
// A program here is bench/rivals/NAME.c; `make rivals` builds and runs it where
// the rival is installed. What the compiler needs beside our modules stands in a
// line of the source that begins with "// libraries:".

#ifndef RIVALS_H
#define RIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/must.h"
#include "lib/stats.h"

enum { RIVALS_WIDE = 2, MORE_ROUNDS = 4 };

struct rivals {
	int rounds;     // of each
	bool dearer;    // a line was above what is allowed
	bool begun;     // the heading is printed
	const char *of; // what the figures are: "ns a task"
};

// One line: what is timed, by whom else, and two functions that do the work once
// with `argument` and return what it cost, in the unit of `r->of`. The best of
// several rivals is another call for each. Returns the ratio of the quartiles.
static inline double rivals_line(struct rivals *r, const char *what,
				 const char *rival, double allowed,
				 double (*theirs)(void *),
				 double (*ours)(void *), void *argument)
{
	size_t n = 0, most = (size_t)r->rounds * MORE_ROUNDS;
	double *a = must_ptr(calloc(most, sizeof *a));
	double *b = must_ptr(calloc(most, sizeof *b));
	struct interval ratio;

	if (!r->begun)
		printf("%d rounds of each in turn (up to %zu where they "
		       "scatter), lower quartiles, %s\n"
		       "%-30s %9s %9s  ratio  95 %% interval\n",
		       r->rounds, most, r->of, "", "theirs", "ours");
	r->begun = true;
	do {
		for (int i = 0; i < r->rounds; i++, n++) {
			// Who was first last time is second now.
			if (n % 2)
				b[n] = ours(argument);
			a[n] = theirs(argument);
			if (n % 2 == 0)
				b[n] = ours(argument);
		}
		ratio = stats_ratio_interval(b, n, a, n, 0.25);
	} while (n < most && ratio.high > RIVALS_WIDE * ratio.low);
	stats_sort(a, n);
	stats_sort(b, n);
	double low_a = stats_quantile(a, n, 0.25);
	double low_b = stats_quantile(b, n, 0.25);
	bool held = ratio.low <= allowed;
	bool wide = ratio.high > RIVALS_WIDE * ratio.low &&
		    ratio.high > allowed;
	printf("%-30s %9.4g %9.4g  %5.2f  [%.2f, %.2f]  %s %.3g  %s\n", what,
	       low_a, low_b, low_b / low_a, ratio.low, ratio.high,
	       !held  ? "ABOVE"
	       : wide ? "cannot tell whether above"
		      : "not surely above",
	       allowed, rival);
	fflush(stdout);
	r->dearer |= !held;
	free(a);
	free(b);
	return low_b / low_a;
}

#endif

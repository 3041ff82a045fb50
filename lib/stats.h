// stats.h - what a row of measured values says, and how sure that is
//
// Timings are skewed and have outliers, so everything here is by rank (medians,
// quantiles, Mann-Whitney) or by resampling (bootstrap), and assumes no
// distribution. Values are doubles in any unit, finite. Nothing here is random
// between runs: the bootstrap draws from a generator with a fixed seed, and
// what it says does not depend on the order of the values.
//
// Any thread may call these. No state is kept. Where there is no memory, the
// results are NAN.

#ifndef STATS_H
#define STATS_H

#include <stddef.h>

struct interval {
	double low, high;
};

// Sorts ascending, in place. O(n log n).
void stats_sort(double *values, size_t n);

// The p-quantile, 0 <= p <= 1, of n >= 1 ascending values, linear between
// neighbours: definition 7 of Hyndman & Fan, "Sample Quantiles in Statistical
// Packages", The American Statistician 50 (1996), the one R and NumPy use.
double stats_quantile(const double *sorted, size_t n, double p);

// The median of n >= 1 values in any order.
double stats_median(const double *values, size_t n);

// The 95 % interval of the median by the percentile bootstrap (Efron,
// "Bootstrap Methods", Annals of Statistics 7, 1979). Up to 64 values the
// distribution of the resampled median is computed, O(n^2 log n); beyond, it
// is drawn, 2,000 resamples, O(resamples * n).
//
// With few values no interval can be sure. From the smallest to the largest of
// n values covers the true median in 1 - 2^(1-n) of all cases: 50 % for n = 2,
// 94 % for n = 5, 97 % for n = 6. n == 1 gives {value, value}.
struct interval stats_median_interval(const double *values, size_t n);

// The 95 % interval of quantile(a) / quantile(b) (p = 0.5: of the medians), both
// samples resampled, 2,000 times. Values of b are above 0; where a resampled
// quantile of b is 0, there is no interval: NAN.
struct interval stats_ratio_interval(const double *a, size_t na,
				     const double *b, size_t nb, double p);

// Mann & Whitney, "On a Test of Whether one of Two Random Variables is
// Stochastically Larger than the Other", Annals of Mathematical Statistics 18
// (1947). *u is U of `a` (pairs in which a is larger, ties count half);
// returns the two-sided p-value: exact where there are no ties and na + nb <=
// 50, O(min(na, nb) * na * nb) at most; else the normal approximation corrected
// for ties and continuity, O(n log n). An empty sample tells nothing: p is 1.
double stats_mann_whitney(const double *a, size_t na, const double *b,
			  size_t nb, double *u);

// Holm, "A Simple Sequentially Rejective Multiple Test Procedure",
// Scandinavian Journal of Statistics 6 (1979): replaces n p-values by their
// adjusted ones, in place and in place's order, so that "adjusted < 0.05"
// keeps the chance of even one false alarm among all n below 5 %.
// Returns 0 or -ENOMEM.
int stats_holm(double *p_values, size_t n);

// Whether the values fall into two groups (a bistable machine) rather than one:
// the split that leaves the least variance within the groups (Otsu, IEEE
// Transactions SMC 9, 1979; in one dimension also k-means with k = 2). Returns
// the share of the variance that the split explains, 0 to 1, and the groups'
// medians and sizes. For orientation: the best split of a normal distribution
// explains 0.64, of a uniform one 0.75, of any two values 1; above 0.9, of ten
// values or more and with medians well apart, is two groups. A far outlier is a
// group of one: look at the counts. Where all values are equal there is one
// group: high_count is 0, both medians are that value.
struct two_groups {
	double explained;
	double low_median, high_median;
	size_t low_count, high_count;
};
struct two_groups stats_two_groups(const double *values, size_t n);

// How many samples are needed before the p-quantile may be reported: ten lie
// beyond it (p = 0.99: 1,000; p = 0.1: 100). SIZE_MAX for p = 0 and 1.
size_t stats_samples_for(double p);

#endif

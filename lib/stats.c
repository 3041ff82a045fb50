// # stats: ranks instead of bell curves
//
// A latency cannot be below zero, is seldom far below its usual value, and is
// now and then a thousand times above it. The mean follows the few large
// values and the standard deviation says nothing. So everything here asks only
// which value is larger, or asks the sample itself what another sample could
// have looked like.
//
// Values must be finite. The sources of the methods are named in stats.h.

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "stats.h"

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

void stats_sort(double *values, size_t n)
{
	if (n > 1)
		qsort(values, n, sizeof *values, compare);
}

// An ascending copy; NULL where there is no memory, or nothing to copy.
static double *sorted_copy(const double *values, size_t n)
{
	double *copy = n ? malloc(n * sizeof *copy) : NULL;

	if (copy) {
		memcpy(copy, values, n * sizeof *copy);
		stats_sort(copy, n);
	}
	return copy;
}

// ## Quantiles
//
// n values cut the line into n - 1 gaps; the p-quantile lies at the share p of
// the way along them. Rounding cannot lift it above the upper neighbour, as the
// share of a gap is below 1: no p99 is above the maximum.

static double between(double low, double high, double share)
{
	return low + share * (high - low);
}

double stats_quantile(const double *sorted, size_t n, double p)
{
	double place = p * (double)(n - 1), below = floor(place);
	size_t i = (size_t)below;

	if (i + 1 >= n)
		return sorted[n - 1];
	return between(sorted[i], sorted[i + 1], place - below);
}

double stats_median(const double *values, size_t n)
{
	double *sorted = sorted_copy(values, n);
	double median = sorted ? stats_quantile(sorted, n, 0.5) : NAN;

	free(sorted);
	return median;
}

size_t stats_samples_for(double p)
{
	double beyond = fmin(p, 1 - p);

	if (!(beyond > 0))
		return SIZE_MAX;
	// 1 - 0.9 is a little below 0.1 in binary: forgive a thousandth
	double samples = ceil(10 / beyond - 1e-3);
	return samples < (double)SIZE_MAX ? (size_t)samples : SIZE_MAX;
}

// ## The bootstrap
//
// How far would the median move in another run? Only this run is there, so it
// stands for the whole: draw n of its n values, with repetition, take the
// median of those, and do that 2,000 times. The middle 95 % of the medians is
// the interval.
//
// A quantile needs no values, only ranks. So a resample is not copied and
// sorted: we count how often each rank was drawn and walk along the counts,
// O(n) instead of O(n log n).

enum { RESAMPLES = 2000 };
enum { SEED = 20 };

struct sample {
	double *sorted;
	uint32_t *drawn; // how often each rank is in the resample
	size_t n;
};

static bool sample_take(struct sample *sample, const double *values, size_t n)
{
	*sample = (struct sample){
		.sorted = sorted_copy(values, n),
		.drawn = n ? malloc(n * sizeof *sample->drawn) : NULL,
		.n = n,
	};
	return sample->sorted && sample->drawn && n <= UINT32_MAX;
}

static void sample_free(struct sample *sample)
{
	free(sample->sorted);
	free(sample->drawn);
}

// The p-quantile of one resample.
static double resample(const struct sample *sample, struct random *random,
		       double p)
{
	size_t n = sample->n, passed = 0, i = 0;
	double place = p * (double)(n - 1), below = floor(place);
	size_t rank = (size_t)below;

	memset(sample->drawn, 0, n * sizeof *sample->drawn);
	for (size_t draw = 0; draw < n; draw++)
		sample->drawn[random_below(random, (uint32_t)n)]++;

	while ((passed += sample->drawn[i]) <= rank)
		i++;
	double low = sample->sorted[i];
	if (rank + 1 >= n)
		return low;
	while (passed <= rank + 1)
		passed += sample->drawn[++i];
	return between(low, sample->sorted[i], place - below);
}

static struct interval middle_95(double *values, size_t n)
{
	stats_sort(values, n);
	return (struct interval){
		.low = stats_quantile(values, n, 0.025),
		.high = stats_quantile(values, n, 0.975),
	};
}

// With few values the resampled median has few possible values too, and a drawn
// distribution leaves to luck on which of them the interval ends. For n = 15
// the fourth smallest value or one below it is the median of 2.54 % of all
// resamples: 2,000 draws cannot tell that from 2.5 %, but it decides whether
// the interval covers the true median in 96.5 % of all cases or in 88 %. So up
// to 64 values the distribution is computed, as Efron himself does for the
// median. The r-th smallest of n draws is at most the i-th smallest value when
// at least r draws fell on the i smallest: a binomial tail.

enum { COMPUTED = 64 };

static double binomial(size_t n, size_t k)
{
	double ways = 1;

	for (size_t i = 1; i <= k; i++)
		ways = ways * (double)(n - k + i) / (double)i;
	return ways;
}

// The chance that at least `rank` of n draws fall on the i smallest values.
static double chance_at_most(size_t n, size_t i, size_t rank)
{
	double share = (double)i / (double)n, chance = 0;

	for (size_t draws = rank; draws <= n; draws++)
		chance += binomial(n, draws) * pow(share, (double)draws) *
			  pow(1 - share, (double)(n - draws));
	return chance;
}

// The chance that the largest of `draws` draws from all n values is the i-th
// smallest one.
static double chance_largest(size_t n, size_t i, size_t draws)
{
	return pow((double)i / (double)n, (double)draws) -
	       pow((double)(i - 1) / (double)n, (double)draws);
}

struct possible {
	double median, chance;
};

static int compare_possible(const void *left, const void *right)
{
	const struct possible *a = left, *b = right;

	return (a->median > b->median) - (a->median < b->median);
}

// For an even n the median lies between the middle two of the draws: i is the
// largest of the lower half, j the smallest of the upper half, which is i seen
// from above. Each of the ways to choose the lower half is as likely.
static struct interval computed_interval(const double *sorted, size_t n)
{
	struct possible outcomes[COMPUTED * (COMPUTED + 1) / 2] = { 0 };
	size_t count = 0, half = n / 2, rank = (n + 1) / 2, low = 0, high;
	double halves = binomial(n, half), chance;

	for (size_t i = 1; i <= n; i++) {
		double alone = chance_at_most(n, i, rank) -
			       chance_at_most(n, i - 1, rank);
		for (size_t j = i + 1; n % 2 == 0 && j <= n; j++) {
			chance = halves * chance_largest(n, i, half) *
				 chance_largest(n, n + 1 - j, half);
			alone -= chance;
			outcomes[count++] = (struct possible){
				between(sorted[i - 1], sorted[j - 1], 0.5),
				chance,
			};
		}
		outcomes[count++] = (struct possible){ sorted[i - 1], alone };
	}
	qsort(outcomes, count, sizeof *outcomes, compare_possible);
	high = count - 1;
	for (chance = outcomes[low].chance; chance < 0.025 && low < high;)
		chance += outcomes[++low].chance;
	for (chance = outcomes[high].chance; chance < 0.025 && high > low;)
		chance += outcomes[--high].chance;
	return (struct interval){ outcomes[low].median, outcomes[high].median };
}

struct interval stats_median_interval(const double *values, size_t n)
{
	struct interval interval = { NAN, NAN };
	struct random random = { SEED };
	double medians[RESAMPLES];
	struct sample sample;

	if (sample_take(&sample, values, n)) {
		for (int i = 0; n > COMPUTED && i < RESAMPLES; i++)
			medians[i] = resample(&sample, &random, 0.5);
		interval = n > COMPUTED ? middle_95(medians, RESAMPLES)
					: computed_interval(sample.sorted, n);
	}
	sample_free(&sample);
	return interval;
}

struct interval stats_ratio_interval(const double *a, size_t na,
				     const double *b, size_t nb, double p)
{
	struct interval interval = { NAN, NAN };
	struct random random = { SEED };
	double ratios[RESAMPLES];
	struct sample above, below;
	bool taken = sample_take(&above, a, na);

	taken &= sample_take(&below, b, nb);
	for (int i = 0; taken && i < RESAMPLES; i++) {
		double numerator = resample(&above, &random, p);

		ratios[i] = numerator / resample(&below, &random, p);
		taken = isfinite(ratios[i]);
	}
	if (taken)
		interval = middle_95(ratios, RESAMPLES);
	sample_free(&above);
	sample_free(&below);
	return interval;
}

// ## Mann & Whitney's test
//
// If both samples came from one source, each way of dealing na + nb ranks into
// two hands would be as likely as any other. U counts the pairs in which `a`
// beats `b`; the p-value is the share of deals whose U is at least as far from
// the middle, na * nb / 2, as ours.
//
// How many deals have U = u? As many as u has partitions into at most na parts
// none of which exceeds nb: each value of `a` is a part, as large as the number
// of values of `b` below it. Their generating function is the Gaussian binomial
//
//     (1 - q^(nb+1)) (1 - q^(nb+2)) ... (1 - q^(nb+na))
//     -------------------------------------------------
//     (1 - q)        (1 - q^2)      ... (1 - q^na)
//
// (Andrews, "The Theory of Partitions", 1976, theorem 3.1). We multiply it out
// factor by factor, on whole numbers and only up to the power we need:
// O(min(na, nb) * u) steps, O(u) memory, exact. The largest count, of the
// deals of 50 into 25 and 25, is below 2^47; nothing overflows.

enum { EXACT_VALUES = 50, EXACT_U = EXACT_VALUES * EXACT_VALUES / 8 };

// The share of deals with U <= u, for u <= na * nb / 2.
static double exact_tail(size_t na, size_t nb, size_t u)
{
	int64_t deals[EXACT_U + 1] = { 1 };
	size_t parts = na < nb ? na : nb, largest = na < nb ? nb : na;
	double all = 1, tail = 0;

	for (size_t part = 1; part <= parts; part++) {
		for (size_t i = u; i >= largest + part; i--)
			deals[i] -= deals[i - largest - part];
		for (size_t i = part; i <= u; i++)
			deals[i] += deals[i - part];
		all = all * (double)(largest + part) / (double)part;
	}
	for (size_t i = 0; i <= u; i++)
		tail += (double)deals[i];
	return tail / all;
}

// For large samples U is nearly normal. Ties make it narrower: a group of t
// equal values takes t^3 - t from N^3 - N. The half that is subtracted from
// the distance is the step from whole numbers to a smooth curve.
static double normal_tails(double na, double nb, double u, double ties)
{
	double n = na + nb;
	double variance = na * nb / 12 * (n + 1 - ties / (n * (n - 1)));
	double distance = fabs(u - na * nb / 2) - 0.5;

	if (distance <= 0 || variance <= 0)
		return 1;
	return erfc(distance / sqrt(2 * variance));
}

// Walks along both sorted samples, one group of equal values after the other.
// Counts twice U, so that a tie is a whole number, and the sum of t^3 - t.
static uint64_t twice_u(const double *a, size_t na, const double *b, size_t nb,
			double *ties)
{
	uint64_t twice = 0;
	size_t i = 0, j = 0;

	*ties = 0;
	while (i < na || j < nb) {
		double value = j == nb || (i < na && a[i] < b[j]) ? a[i] : b[j];
		size_t from_a = 0, from_b = 0;

		while (i + from_a < na && a[i + from_a] <= value)
			from_a++;
		while (j + from_b < nb && b[j + from_b] <= value)
			from_b++;
		twice += (uint64_t)from_a * (2 * j + from_b);
		double t = (double)(from_a + from_b);
		*ties += t * t * t - t;
		i += from_a;
		j += from_b;
	}
	return twice;
}

double stats_mann_whitney(const double *a, size_t na, const double *b,
			  size_t nb, double *u)
{
	double *sorted_a = sorted_copy(a, na), *sorted_b = sorted_copy(b, nb);
	double p = na && nb ? NAN : 1, ties;

	*u = na && nb ? NAN : 0;
	if (sorted_a && sorted_b) {
		uint64_t twice = twice_u(sorted_a, na, sorted_b, nb, &ties);
		uint64_t pairs = (uint64_t)na * nb;

		*u = (double)twice / 2;
		if (ties == 0 && na + nb <= EXACT_VALUES) {
			uint64_t whole = twice / 2, other = pairs - whole;
			size_t nearer = whole < other ? whole : other;
			p = fmin(1, 2 * exact_tail(na, nb, nearer));
		} else {
			p = normal_tails((double)na, (double)nb, *u, ties);
		}
	}
	free(sorted_a);
	free(sorted_b);
	return p;
}

// ## Holm's correction
//
// Who looks at twenty differences finds one in twenty that is none. The
// smallest p-value has to stand against all n cases, the next against n - 1,
// and so on; none may look better than one that is smaller.

struct ranked {
	double p;
	size_t place;
};

static int compare_ranked(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	return (a->p > b->p) - (a->p < b->p);
}

int stats_holm(double *p_values, size_t n)
{
	double adjusted = 0;

	if (n == 0)
		return 0;
	struct ranked *order = malloc(n * sizeof *order);
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		order[i] = (struct ranked){ p_values[i], i };
	qsort(order, n, sizeof *order, compare_ranked);
	for (size_t i = 0; i < n; i++) {
		adjusted = fmax(adjusted, order[i].p * (double)(n - i));
		p_values[order[i].place] = fmin(adjusted, 1);
	}
	free(order);
	return 0;
}

// ## One group or two
//
// With d = value - mean, a split after k of n sorted values explains
// (sum of the first k d)^2 * n / (k * (n - k)) of the sum of all d^2; the best
// one never parts equal values. Values are taken relative to the smallest first:
// cycles since boot that differ in the last digits lose nothing that way, and
// values that are all equal leave exactly nothing to explain.

static double mean_above(const double *sorted, size_t n, double base)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += sorted[i] - base;
	return sum / (double)n;
}

struct two_groups stats_two_groups(const double *values, size_t n)
{
	struct two_groups groups = {
		.low_median = NAN,
		.high_median = NAN,
		.low_count = n,
	};
	double *sorted = sorted_copy(values, n);
	double sum = 0, total = 0, best = 0;

	if (!sorted)
		return groups;
	double base = sorted[0], mean = mean_above(sorted, n, base);
	for (size_t i = 0; i < n; i++) {
		double d = sorted[i] - base - mean;
		total += d * d;
	}
	for (size_t k = 1; k < n; k++) {
		sum += sorted[k - 1] - base - mean;
		double weight = (double)n / ((double)k * (double)(n - k));
		if (sum * sum * weight > best) {
			best = sum * sum * weight;
			groups.low_count = k;
		}
	}
	groups.high_count = n - groups.low_count;
	groups.low_median = stats_quantile(sorted, groups.low_count, 0.5);
	groups.high_median = groups.high_count == 0
				     ? groups.low_median
				     : stats_quantile(sorted + groups.low_count,
						      groups.high_count, 0.5);
	if (best > 0)
		groups.explained = fmin(best / total, 1);
	free(sorted);
	return groups;
}

// The statistics of one sample: against published values, against counting every
// case where there are few enough, and against what theory says of many samples.

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "random.h"
#include "stats.h"
#include "stats_parts.h"

// --- sorting, quantiles ---------------------------------------------------------

START_TEST(sorts)
{
	double values[1000], sum = 0, sorted_sum = 0;
	struct random random = { 1 };

	for (size_t i = 0; i < COUNT(values); i++)
		sum += values[i] = (double)random_below(&random, 500) - 250;
	stats_sort(values, COUNT(values));
	for (size_t i = 0; i < COUNT(values); i++) {
		sorted_sum += values[i];
		ck_assert(i == 0 || values[i - 1] <= values[i]);
	}
	ck_assert_double_eq(sum, sorted_sum);
	stats_sort(values, 0);
	stats_sort(NULL, 0);
}
END_TEST

// The car weights of R's data set mtcars (Henderson & Velleman, "Building
// Multiple Regression Models Interactively", Biometrics 37, 1981). R prints for
// quantile(mtcars$wt): 1.51300 2.58125 3.32500 3.61000 5.42400.
static const double weights[] = {
	1.513, 1.615, 1.835, 1.935, 2.140, 2.200, 2.320, 2.465,
	2.620, 2.770, 2.780, 2.875, 3.150, 3.170, 3.190, 3.215,
	3.435, 3.440, 3.440, 3.440, 3.460, 3.520, 3.570, 3.570,
	3.730, 3.780, 3.840, 3.845, 4.070, 5.250, 5.345, 5.424,
};

START_TEST(quantiles_as_published)
{
	// Hyndman & Fan's definition 7 puts the k-th of n values at
	// (k - 1) / (n - 1); the deciles of 1 to 9 are printed in the language
	// reference of TIBCO's R.
	const double nine[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	const double deciles[] = { 1.0, 1.8, 2.6, 3.4, 4.2, 5.0,
				   5.8, 6.6, 7.4, 8.2, 9.0 };
	// Microsoft's page on PERCENTILE.INC and QUARTILE.INC, which are
	// definition 7 too.
	const double percentile[] = { 1, 2, 3, 4 };
	const double quartile[] = { 1, 2, 4, 7, 8, 9, 10, 12 };
	const double of_weights[] = { 1.513, 2.58125, 3.325, 3.61, 5.424 };

	for (size_t i = 0; i < COUNT(deciles); i++)
		assert_near(stats_quantile(nine, 9, (double)i / 10), deciles[i],
			    1e-12);
	assert_near(stats_quantile(percentile, 4, 0.3), 1.9, 1e-12);
	assert_near(stats_quantile(quartile, 8, 0.25), 3.5, 1e-12);
	for (size_t i = 0; i < COUNT(of_weights); i++)
		assert_near(stats_quantile(weights, COUNT(weights),
					   (double)i / 4),
			    of_weights[i], 1e-12);
	assert_near(stats_median(weights, COUNT(weights)), 3.325, 1e-12);
}
END_TEST

// A quantile never leaves the values, and never falls as p rises, whatever is
// lost in rounding.
START_TEST(quantiles_are_monotone)
{
	double values[37];
	struct random random = { 2 };

	for (int turn = 0; turn < 100; turn++) {
		size_t n = 1 + random_below(&random, COUNT(values));
		for (size_t i = 0; i < n; i++)
			values[i] = 0.1 * random_below(&random, 5) +
				    1e-9 * random_below(&random, 3);
		stats_sort(values, n);
		double last = values[0];
		for (int i = 0; i <= 1000; i++) {
			double q = stats_quantile(values, n, i / 1000.0);
			ck_assert(q >= last && q <= values[n - 1]);
			last = q;
		}
		ck_assert_double_eq(last, values[n - 1]);
	}
}
END_TEST

START_TEST(median_of_any_order)
{
	const double odd[] = { 9, 1, 5 }, even[] = { 4, 1, 3, 2 };
	const double large[] = { 1e300, 1.5e300 };

	ck_assert_double_eq(stats_median(odd, 1), 9);
	ck_assert_double_eq(stats_median(odd, 3), 5);
	ck_assert_double_eq(stats_median(even, 4), 2.5);
	ck_assert_double_eq(stats_median(large, 2), 1.25e300);
	ck_assert_double_eq(odd[0], 9);
	ck_assert(isnan(stats_median(NULL, 0)));
}
END_TEST

START_TEST(samples_for_a_percentile)
{
	ck_assert_uint_eq(stats_samples_for(0.5), 20);
	ck_assert_uint_eq(stats_samples_for(0.75), 40);
	ck_assert_uint_eq(stats_samples_for(0.9), 100);
	ck_assert_uint_eq(stats_samples_for(0.99), 1000);
	ck_assert_uint_eq(stats_samples_for(0.999), 10000);
	ck_assert_uint_eq(stats_samples_for(0.9999), 100000);
	ck_assert_uint_eq(stats_samples_for(0.1), 100);
	ck_assert_uint_eq(stats_samples_for(0.3), 34);
	ck_assert_uint_eq(stats_samples_for(1), SIZE_MAX);
	ck_assert_uint_eq(stats_samples_for(0), SIZE_MAX);
}
END_TEST

// --- the generator ----------------------------------------------------------------

// The first values for seed 1234567, as Rosetta Code's page on SplitMix64 and
// Vigna's splitmix64.c (prng.di.unimi.it) give them.
START_TEST(generator_as_published)
{
	struct random random = { 1234567 };
	const uint64_t expected[] = {
		UINT64_C(6457827717110365317),  UINT64_C(3203168211198807973),
		UINT64_C(9817491932198370423),  UINT64_C(4593380528125082431),
		UINT64_C(16408922859458223821),
	};

	for (size_t i = 0; i < COUNT(expected); i++)
		ck_assert_uint_eq(random_next(&random), expected[i]);
}
END_TEST

// 60,000 throws of a die: chi-square with 5 degrees of freedom is above 20.5 in
// one case of a thousand; the seed is fixed, so it is or it is not.
START_TEST(generator_is_even)
{
	struct random random = { 3 };
	int seen[6] = { 0 };
	double chi_square = 0;

	for (int i = 0; i < 60000; i++) {
		seen[random_below(&random, 6)]++;
		double unit = random_unit(&random);
		ck_assert(unit >= 0 && unit < 1);
	}
	for (int i = 0; i < 6; i++)
		chi_square += (seen[i] - 1e4) * (seen[i] - 1e4) / 1e4;
	ck_assert_msg(chi_square < 20.5, "chi-square %g", chi_square);
}
END_TEST

// --- the bootstrap -----------------------------------------------------------------

// All n^n resamples of n values: the interval's ends are the values below and
// above which fewer than 2.5 % of their medians lie.
START_TEST(interval_as_counted)
{
	const double values[] = { 3, 10, 11, 14, 20, 29, 50 };
	static double medians[823543]; // 7^7

	for (size_t n = 1; n <= 7; n++) {
		size_t count = 1;
		for (size_t i = 0; i < n; i++)
			count *= n;
		for (size_t code = 0; code < count; code++) {
			double drawn[7];
			size_t rest = code;
			for (size_t i = 0; i < n; i++, rest /= n)
				drawn[i] = values[rest % n];
			medians[code] = stats_median(drawn, n);
		}
		stats_sort(medians, count);
		size_t tail = (size_t)ceil(0.025 * (double)count) - 1;
		struct interval got = stats_median_interval(values, n);
		assert_near(got.low, medians[tail], 1e-12);
		assert_near(got.high, medians[count - 1 - tail], 1e-12);
	}
}
END_TEST

// Between the r-th smallest and the r-th largest of n values lies the true
// median in 1 - 2 P(B < r) of all cases, B binomial with n and 1/2, whatever
// the distribution (Conover, "Practical Nonparametric Statistics", 1999, section
// 3.2).
static double coverage(size_t n, size_t r)
{
	double ways = 1, below = 0;

	for (size_t i = 0; i < r; i++) {
		below += ways;
		ways = ways * (double)(n - i) / (double)(i + 1);
	}
	return 1 - 2 * below / pow(2, (double)n);
}

// The bootstrap agrees with the narrowest such interval that covers 95 %, within
// half a rank for n = 15 and 30, within one for all n from 6 on.
START_TEST(interval_as_order_statistics)
{
	double values[64];

	for (size_t i = 0; i < COUNT(values); i++)
		values[i] = (double)(i + 1);
	assert_near(coverage(15, 4), 0.9648, 5e-5);
	assert_near(coverage(30, 10), 0.9572, 5e-5);
	for (size_t n = 6; n <= COUNT(values); n++) {
		size_t r = 1;
		while (coverage(n, r + 1) >= 0.95)
			r++;
		double ends = n == 15 || n == 30 ? 0.5 : 1;
		struct interval got = stats_median_interval(values, n);
		assert_near(got.low, (double)r, ends);
		assert_near(got.high, (double)(n + 1 - r), ends);
	}
}
END_TEST

static void draw_exponential(struct random *random, double *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		values[i] = -log(1 - random_unit(random));
}

// 1,000 samples of 15 values of an exponential distribution, skewed as timings
// are; its median is ln 2. An interval from the 4th to the 12th value covers it
// with probability 1 - 2 * 576 / 2^15 = 0.9648. In 1,000 samples that is 965
// with a standard deviation of 5.8; we allow four of these.
START_TEST(interval_covers)
{
	struct random random = { 4 };
	double values[15];
	int covered = 0;

	for (int turn = 0; turn < 1000; turn++) {
		draw_exponential(&random, values, COUNT(values));
		struct interval got = stats_median_interval(values,
							    COUNT(values));
		covered += got.low <= M_LN2 && M_LN2 <= got.high;
	}
	ck_assert_msg(covered >= 942 && covered <= 988, "%d covered", covered);
}
END_TEST

// Beyond 64 values the distribution is drawn. For n = 101 the exact interval
// goes from the 41st to the 61st value, 95.4 %; 200 samples have a standard
// deviation of 3 around 191. And the ends lie within two ranks of the exact
// ones: the 2.5 % point of 2,000 draws errs by 0.35 % of probability (one
// standard deviation), a rank there is worth 1 %.
START_TEST(interval_covers_when_drawn)
{
	struct random random = { 5 };
	double values[101];
	int covered = 0;

	for (int turn = 0; turn < 200; turn++) {
		draw_exponential(&random, values, COUNT(values));
		struct interval got = stats_median_interval(values,
							    COUNT(values));
		covered += got.low <= M_LN2 && M_LN2 <= got.high;
	}
	ck_assert_msg(covered >= 179, "%d covered", covered);

	for (size_t i = 0; i < COUNT(values); i++)
		values[i] = (double)(i + 1);
	struct interval got = stats_median_interval(values, COUNT(values));
	assert_near(got.low, 41, 2);
	assert_near(got.high, 61, 2);
}
END_TEST

START_TEST(interval_of_odd_cases)
{
	const double one[] = { 7 }, two[] = { 5, 3 };
	const double jumbled[] = { 3, 1, 2, 5, 4 };
	const double ordered[] = { 1, 2, 3, 4, 5 };
	double same[200];

	struct interval got = stats_median_interval(one, 1);
	ck_assert(got.low == 7 && got.high == 7);
	got = stats_median_interval(two, 2);
	ck_assert(got.low == 3 && got.high == 5);
	for (size_t i = 0; i < COUNT(same); i++)
		same[i] = 0.1;
	for (size_t n = 1; n <= COUNT(same); n++) {
		got = stats_median_interval(same, n);
		ck_assert(got.low == 0.1 && got.high == 0.1);
	}
	got = stats_median_interval(jumbled, 5);
	struct interval again = stats_median_interval(ordered, 5);
	ck_assert(got.low == again.low && got.high == again.high);
	ck_assert(isnan(stats_median_interval(NULL, 0).low));
}
END_TEST

// b is a, three times as large: the true ratio of medians is 1/3. Two medians of
// 15 are resampled independently. How often such an interval covers has no
// closed form; by theory it nears 95 % with n, and it must not fall below 92 %
// (1,000 samples: standard deviation 0.7 %, four of these below 95 %).
START_TEST(ratio_covers)
{
	struct random random = { 6 };
	double a[15], b[15];
	int covered = 0;

	for (int turn = 0; turn < 1000; turn++) {
		draw_exponential(&random, a, COUNT(a));
		draw_exponential(&random, b, COUNT(b));
		for (size_t i = 0; i < COUNT(b); i++)
			b[i] *= 3;
		struct interval got = stats_ratio_interval(a, COUNT(a), b,
							   COUNT(b), 0.5);
		covered += got.low <= 1.0 / 3 && 1.0 / 3 <= got.high;
	}
	ck_assert_msg(covered >= 920, "%d covered", covered);
}
END_TEST

// Three of twelve values are 1, the others 2. The median of a resample is 1 when
// it has at least seven of the small values, 1.4 %, and 1.5 when it has six,
// 4.0 %: so the interval's lower end is the mean of the middle two. (In 2,000
// draws 1.4 % has a standard deviation of 0.27 %: 2.5 % is four of them away.)
START_TEST(ratio_takes_the_middle_two)
{
	const double a[] = { 2, 2, 1, 2, 2, 2, 1, 2, 2, 1, 2, 2 }, b[] = { 1 };
	struct interval got = stats_ratio_interval(a, COUNT(a), b, 1, 0.5);

	ck_assert(got.low == 1.5 && got.high == 2);
	got = stats_median_interval(a, COUNT(a));
	ck_assert(got.low == 1.5 && got.high == 2);
}
END_TEST

START_TEST(ratio_of_odd_cases)
{
	const double a[] = { 4, 4, 4, 4 }, b[] = { 2, 2, 2 }, zero[] = { 0 };
	const double spread[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

	struct interval got = stats_ratio_interval(a, 4, b, 3, 0.5);
	ck_assert(got.low == 2 && got.high == 2);
	got = stats_ratio_interval(a, 1, b, 1, 0.99);
	ck_assert(got.low == 2 && got.high == 2);
	got = stats_ratio_interval(spread, 10, b, 1, 0);
	ck_assert(got.low == 0.5 && got.high >= 1);
	struct interval top = stats_ratio_interval(spread, 10, b, 1, 1);
	ck_assert(top.high == 5 && top.low > got.high);
	struct interval again = stats_ratio_interval(spread, 10, b, 1, 1);
	ck_assert(top.low == again.low && top.high == again.high);
	ck_assert(isnan(stats_ratio_interval(a, 4, zero, 1, 0.5).low));
	ck_assert(isnan(stats_ratio_interval(zero, 1, zero, 1, 0.5).low));
	ck_assert(isnan(stats_ratio_interval(a, 0, b, 3, 0.5).low));
	ck_assert(isnan(stats_ratio_interval(a, 4, b, 0, 0.5).high));
}
END_TEST

Suite *stats_suite(void)
{
	Suite *suite = suite_create("stats");

	add_case(suite, "quantiles",
		 (const TTest *[]){ sorts, quantiles_as_published,
				    quantiles_are_monotone, median_of_any_order,
				    samples_for_a_percentile, NULL });
	add_case(suite, "generator",
		 (const TTest *[]){ generator_as_published, generator_is_even,
				    NULL });
	add_case(suite, "bootstrap",
		 (const TTest *[]){ interval_as_counted,
				    interval_as_order_statistics,
				    interval_covers, interval_covers_when_drawn,
				    interval_of_odd_cases, ratio_covers,
				    ratio_takes_the_middle_two,
				    ratio_of_odd_cases, NULL });
	add_compare_cases(suite);
	return suite;
}

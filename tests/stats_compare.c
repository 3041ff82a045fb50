// The statistics that compare samples: against published values, and against
// counting every case.

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "random.h"
#include "stats.h"
#include "stats_parts.h"

// --- Mann & Whitney -----------------------------------------------------------------

static double mann_whitney(const double *a, size_t na, const double *b,
			   size_t nb, double expected_u)
{
	double u, other, p = stats_mann_whitney(a, na, b, nb, &u);

	ck_assert_double_eq(u, expected_u);
	ck_assert_double_eq(stats_mann_whitney(b, nb, a, na, &other), p);
	ck_assert_double_eq(u + other, (double)na * (double)nb);
	return p;
}

// Samples without ties whose U is as wanted: `a` is 1 to na, each moved above
// as many values of `b` as needed.
static double p_of_u(size_t na, size_t nb, size_t u)
{
	double a[64], b[64];

	for (size_t j = 0; j < nb; j++)
		b[j] = (double)(j + 1) * 100;
	for (size_t i = na; i-- > 0;) {
		size_t above = u < nb ? u : nb;
		a[i] = (double)above * 100 + (double)(i + 1);
		u -= above;
	}
	double found, p = stats_mann_whitney(a, na, b, nb, &found);
	return p;
}

START_TEST(mann_whitney_as_published)
{
	// R's help page of wilcox.test: permeability constants of the human
	// chorioamnion, Hollander & Wolfe (1973), p. 69: W = 35, p-value
	// 0.1272 one-sided.
	const double x[] = { 0.80, 0.83, 1.89, 1.04, 1.45,
			     1.38, 1.91, 1.64, 0.73, 1.46 };
	const double y[] = { 1.15, 0.88, 0.90, 0.74, 1.21 };
	// SciPy's manual page of mannwhitneyu: U = 17, p-value 1/9.
	const double males[] = { 19, 22, 16, 29, 24 };
	const double females[] = { 20, 11, 17, 12 };
	// endmemo.com/r/wilcoxon.php, output of R, with ties: W = 51.5,
	// p-value 0.5966.
	const double c[] = { 1, 5, 9, 24, 56, 21, 3, 7, 21, 4 };
	const double d[] = { 12, 15, 5, 9, 9, 14, 56, 22, 3, 7, 32, 5 };

	assert_near(mann_whitney(x, 10, y, 5, 35), 0.2544, 5e-5);
	assert_near(mann_whitney(x, 10, y, 5, 35) / 2, 0.1272, 5e-5);
	assert_near(mann_whitney(males, 5, females, 4, 17), 1.0 / 9, 1e-15);
	assert_near(mann_whitney(c, 10, d, 12, 51.5), 0.5966, 5e-5);
}
END_TEST

// Table I of Mann & Whitney's paper, reprinted as table J of Siegel,
// "Nonparametric Statistics" (1956): the chance that U is at most 0, 1, 2 ...
START_TEST(mann_whitney_own_table)
{
	const double three[] = { .050, .100, .200, .350, .500 };
	const double four[] = {
		.014, .029, .057, .100, .171, .243, .343, .443
	};
	const double five[] = { .004, .008, .016, .028, .048, .075, .111,
				.155, .210, .274, .345, .421, .500 };

	for (size_t u = 0; u < COUNT(three); u++)
		assert_near(fmin(p_of_u(3, 3, u), 1) / 2, three[u], 5.01e-4);
	for (size_t u = 0; u < COUNT(four); u++)
		assert_near(p_of_u(4, 4, u) / 2, four[u], 5.01e-4);
	for (size_t u = 0; u < COUNT(five); u++)
		assert_near(p_of_u(5, 5, u) / 2, five[u], 5.01e-4);
}
END_TEST

// The largest U that is significant at 5 %, two-sided (Auble, "Extended Tables
// for the Mann-Whitney Statistic", 1953, reprinted as Siegel's table K).
START_TEST(mann_whitney_critical_values)
{
	static const struct {
		size_t na, nb, u;
	} table[] = {
		{ 4, 4, 0 }, { 5, 5, 2 }, { 5, 8, 6 }, { 6, 6, 5 },
		{ 7, 7, 8 }, { 8, 8, 13 }, { 9, 9, 17 }, { 10, 10, 23 },
		{ 12, 12, 37 }, { 13, 16, 59 }, { 15, 15, 64 }, { 10, 20, 55 },
		{ 19, 20, 119 }, { 20, 20, 127 }, { 2, 8, 0 }, { 3, 5, 0 },
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		size_t na = table[i].na, nb = table[i].nb, u = table[i].u;
		ck_assert_double_le(p_of_u(na, nb, u), 0.05);
		ck_assert_double_gt(p_of_u(na, nb, u + 1), 0.05);
		ck_assert_double_le(p_of_u(nb, na, na * nb - u), 0.05);
	}
}
END_TEST

// U of one deal by its definition: every pair looked at.
static double u_by_pairs(const double *all, const bool *in_a, size_t n)
{
	double u = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			if (in_a[i] && !in_a[j])
				u += all[i] > all[j]   ? 1
				     : all[i] < all[j] ? 0
						       : 0.5;
	return u;
}

// Every way to deal n values into hands of na and n - na: how many are at least
// as far from the middle as `u`, and the variance of U over all of them.
static void deal_all(const double *all, size_t n, size_t na, double u,
		     double *share, double *variance)
{
	double middle = (double)(na * (n - na)) / 2, far = 0, deals = 0;
	bool in_a[16];

	*variance = 0;
	for (unsigned hand = 0; hand < 1u << n; hand++) {
		if ((size_t)__builtin_popcount(hand) != na)
			continue;
		for (size_t i = 0; i < n; i++)
			in_a[i] = hand >> i & 1;
		double d = u_by_pairs(all, in_a, n) - middle;
		deals++;
		far += fabs(d) >= fabs(u - middle);
		*variance += d * d;
	}
	*variance /= deals;
	*share = far / deals;
}

// Random small samples: without ties the p-value is the share of deals; with
// ties it is the normal curve's whose variance is that of U over all deals,
// which the formula for ties claims to be.
START_TEST(mann_whitney_as_counted)
{
	struct random random = { 7 };
	double all[10], u, share, variance;
	bool in_a[10];
	int with_ties = 0, without = 0;

	for (int turn = 0; turn < 120; turn++) {
		size_t na = 1 + random_below(&random, 5);
		size_t nb = 1 + random_below(&random, 5), n = na + nb;
		uint32_t range = turn % 2 ? 6 : UINT32_MAX;
		bool ties = false;

		for (size_t i = 0; i < n; i++) {
			all[i] = random_below(&random, range);
			in_a[i] = i < na;
			for (size_t j = 0; j < i; j++)
				ties |= all[i] == all[j];
		}
		u = u_by_pairs(all, in_a, n);
		double p = mann_whitney(all, na, all + na, nb, u);
		deal_all(all, n, na, u, &share, &variance);
		if (!ties) {
			assert_near(p, share, 1e-12);
			without++;
			continue;
		}
		double d = fabs(u - (double)(na * nb) / 2) - 0.5;
		double expected = d > 0 && variance > 0
					  ? erfc(d / sqrt(2 * variance))
					  : 1;
		assert_near(p, expected, 1e-12);
		with_ties++;
	}
	ck_assert_int_ge(with_ties, 30);
	ck_assert_int_ge(without, 30);
}
END_TEST

// The recurrence of Mann & Whitney's paper, f(m, n, u) = f(m - 1, n, u - n) +
// f(m, n - 1, u): the largest value belongs to `a` and beats all n, or to `b`.
static double by_recurrence(size_t m, size_t n, size_t most)
{
	double(*f)[31][451] = calloc(31, sizeof *f), tail = 0, all = 1;

	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i <= m; i++)
		for (size_t j = 0; j <= n; j++)
			for (size_t u = 0; u <= most; u++)
				f[i][j][u] =
					i == 0 || j == 0
						? u == 0
						: (u >= j ? f[i - 1][j][u - j]
							  : 0) +
							  f[i][j - 1][u];
	for (size_t u = 0; u <= most; u++)
		tail += f[m][n][u];
	for (size_t i = 1; i <= m; i++)
		all = all * (double)(n + i) / (double)i;
	free(f);
	return tail / all;
}

START_TEST(mann_whitney_at_the_border)
{
	// The largest exact case, at every U up to the middle.
	for (size_t u = 0; u <= 312; u += 13)
		assert_near(p_of_u(25, 25, u), 2 * by_recurrence(25, 25, u),
			    1e-13);
	assert_near(p_of_u(1, 49, 0), 2.0 / 50, 1e-15);
	assert_near(p_of_u(30, 20, 300), 1, 1e-15);
	// One value more: the normal curve, which is near by then. It errs most
	// where p is about 0.3, there by 1 % of p.
	for (size_t u = 0; u <= 450; u += 25)
		assert_near(p_of_u(30, 30, u),
			    fmin(1, 2 * by_recurrence(30, 30, u)), 0.003);
	ck_assert_double_ne(p_of_u(25, 26, 250), p_of_u(25, 25, 250));
}
END_TEST

START_TEST(mann_whitney_of_odd_cases)
{
	const double same[] = { 1, 1, 1, 1 }, one[] = { 2 };
	double u, big[400];

	assert_near(mann_whitney(same, 4, same, 4, 8), 1, 0);
	// Four equal values leave U a variance of 4 / 12 * (6 - 60 / 20) = 1.
	assert_near(mann_whitney(same, 4, one, 1, 0), erfc(1.5 / M_SQRT2),
		    1e-12);
	assert_near(mann_whitney(one, 1, one, 1, 0.5), 1, 0);
	ck_assert_double_eq(stats_mann_whitney(NULL, 0, one, 1, &u), 1);
	ck_assert_double_eq(u, 0);
	ck_assert_double_eq(stats_mann_whitney(one, 1, NULL, 0, &u), 1);
	for (size_t i = 0; i < COUNT(big); i++)
		big[i] = (double)i;
	double p = mann_whitney(big, 200, big + 200, 200, 0);
	ck_assert(p > 0 && p < 1e-60);
}
END_TEST

// --- Holm ---------------------------------------------------------------------------

START_TEST(holm_as_published)
{
	// Wikipedia, "Holm-Bonferroni method", example: of these four the
	// first and the last are rejected at 5 %, adjusted 0.03 and 0.02.
	double p[] = { 0.01, 0.04, 0.03, 0.005 };
	const double adjusted[] = { 0.03, 0.06, 0.06, 0.02 };

	ck_assert_int_eq(stats_holm(p, 4), 0);
	for (size_t i = 0; i < 4; i++)
		assert_near(p[i], adjusted[i], 1e-15);
}
END_TEST

// R's help page of pairwise.wilcox.test: the ozone in the air of New York, May
// to September 1973 (data set airquality: Chambers et al., "Graphical Methods
// for Data Analysis", 1983), each month against each other by Mann & Whitney
// with ties, adjusted by Holm. Its output, to four digits:
//
//          May    June   July   August
//     June 0.5775
//     July 0.0003 0.0848
//     Aug  0.0011 0.1295 1.0000
//     Sept 0.4744 1.0000 0.0060 0.0227
//
// And the help page of wilcox.test has May against August: W = 127.5, p-value
// 0.0001208.
START_TEST(holm_of_ozone)
{
	static const double may[] = { 41, 36, 12, 18, 28, 23, 19,  8,  7,
				      16, 11, 14, 18, 14, 34, 6,   30, 11,
				      1,  11, 4,  32, 23, 45, 115, 37 },
			    june[] = { 29, 71, 39, 23, 21, 37, 20, 12, 13 },
			    july[] = { 135, 49,  32, 64, 40, 77, 97, 97, 85,
				       10,  27,  7,  48, 35, 61, 79, 63, 16,
				       80,  108, 20, 52, 82, 50, 64, 59 },
			    august[] = { 39, 9,  16,  78, 35, 66,  122, 89, 110,
					 44, 28, 65,  22, 59, 23,  31,  44, 21,
					 9,  45, 168, 73, 76, 118, 84,  85 },
			    september[] = { 96, 78, 73, 91, 47, 32, 20, 23,
					    21, 24, 44, 21, 28, 9,  13, 46,
					    18, 13, 24, 16, 13, 23, 36, 7,
					    14, 30, 14, 18, 20 };
	static const struct {
		const double *values;
		size_t n;
	} months[] = {
		{ may, COUNT(may) }, { june, COUNT(june) },
		{ july, COUNT(july) }, { august, COUNT(august) },
		{ september, COUNT(september) },
	};
	static const double published[] = { 0.5775, 0.0003, 0.0848, 0.0011,
					    0.1295, 1.0000, 0.4744, 1.0000,
					    0.0060, 0.0227 };
	double p[10], u;
	size_t n = 0;

	assert_near(mann_whitney(may, COUNT(may), august, COUNT(august), 127.5),
		    0.0001208, 5e-8);
	for (size_t i = 1; i < 5; i++)
		for (size_t j = 0; j < i; j++)
			p[n++] = stats_mann_whitney(months[i].values,
						    months[i].n,
						    months[j].values,
						    months[j].n, &u);
	ck_assert_int_eq(stats_holm(p, n), 0);
	for (size_t i = 0; i < n; i++)
		assert_near(p[i], published[i], 5.01e-5);
}
END_TEST

START_TEST(holm_of_odd_cases)
{
	double one[] = { 0.3 }, equal[] = { 0.02, 0.02, 0.02 };
	double large[] = { 0.9, 0, 0.8 };

	ck_assert_int_eq(stats_holm(NULL, 0), 0);
	ck_assert_int_eq(stats_holm(one, 1), 0);
	ck_assert_double_eq(one[0], 0.3);
	ck_assert_int_eq(stats_holm(equal, 3), 0);
	for (size_t i = 0; i < 3; i++)
		assert_near(equal[i], 0.06, 1e-15);
	ck_assert_int_eq(stats_holm(large, 3), 0);
	ck_assert(large[0] == 1 && large[1] == 0 && large[2] == 1);
}
END_TEST

// --- two groups ----------------------------------------------------------------------

// The best split by trying each, by the definition: one minus the variance
// within over the variance of all.
static double split_by_definition(const double *sorted, size_t n, size_t *where)
{
	double best = -1;

	for (size_t k = 1; k < n; k++) {
		double mean[3] = { 0 }, square[3] = { 0 };
		for (size_t i = 0; i < n; i++) {
			mean[i >= k] += sorted[i] / (double)(i < k ? k : n - k);
			mean[2] += sorted[i] / (double)n;
		}
		for (size_t i = 0; i < n; i++) {
			double in = sorted[i] - mean[i >= k];
			square[i >= k] += in * in;
			square[2] += (sorted[i] - mean[2]) *
				     (sorted[i] - mean[2]);
		}
		double share = 1 - (square[0] + square[1]) / square[2];
		if (share > best + 1e-12) {
			best = share;
			*where = k;
		}
	}
	return best;
}

START_TEST(two_groups_as_counted)
{
	struct random random = { 8 };
	double values[40];
	size_t where = 0;

	for (int turn = 0; turn < 200; turn++) {
		size_t n = 2 + random_below(&random, COUNT(values) - 1);
		for (size_t i = 0; i < n; i++)
			values[i] = random_unit(&random) +
				    (random_below(&random, 3) ? 0 : 1.5);
		struct two_groups got = stats_two_groups(values, n);
		stats_sort(values, n);
		double best = split_by_definition(values, n, &where);
		assert_near(got.explained, best, 1e-10);
		ck_assert_uint_eq(got.low_count, where);
		ck_assert_uint_eq(got.high_count, n - where);
		ck_assert_double_eq(got.low_median,
				    stats_median(values, where));
		ck_assert_double_eq(got.high_median,
				    stats_median(values + where, n - where));
	}
}
END_TEST

// What one group explains: of a normal distribution 2/pi = 0.6366 (one minus the
// distortion 0.3634 of the best two-level quantizer: Max, "Quantizing for Minimum
// Distortion", IRE Transactions IT-6, 1960, table I), of a uniform one 3/4.
START_TEST(two_groups_of_one)
{
	enum { N = 20000 };
	struct random random = { 9 };
	double *values = malloc(N * sizeof *values);

	ck_assert_ptr_nonnull(values);
	for (size_t i = 0; i < N; i++)
		values[i] = sqrt(-2 * log(1 - random_unit(&random))) *
			    cos(2 * M_PI * random_unit(&random));
	assert_near(stats_two_groups(values, N).explained, 2 / M_PI, 0.01);
	for (size_t i = 0; i < N; i++)
		values[i] = (double)i;
	assert_near(stats_two_groups(values, N).explained, 0.75, 1e-6);
	free(values);
}
END_TEST

// A pipe's round trips on a bistable machine, and the same far from zero: the
// groups may not drown in the rounding of large numbers.
START_TEST(two_groups_of_two)
{
	const double us[] = {
		3.3, 4.9, 3.4, 3.3, 5.0, 3.2, 4.8, 3.3, 4.9, 3.4
	};
	double shifted[COUNT(us)];
	struct two_groups got = stats_two_groups(us, COUNT(us));

	ck_assert_double_gt(got.explained, 0.95);
	ck_assert_uint_eq(got.low_count, 6);
	ck_assert_uint_eq(got.high_count, 4);
	assert_near(got.low_median, 3.3, 1e-12);
	assert_near(got.high_median, 4.9, 1e-12);
	for (size_t i = 0; i < COUNT(us); i++)
		shifted[i] = 0x1p52 + 1 + round(us[i] * 10);
	assert_near(stats_two_groups(shifted, COUNT(us)).explained,
		    got.explained, 1e-9);
}
END_TEST

// Two values, each several times: the split explains everything, and rounding
// does not make it more than that.
START_TEST(two_groups_explain_at_most_all)
{
	struct random random = { 10 };
	double values[20];

	for (int turn = 0; turn < 2000; turn++) {
		size_t n = 2 + random_below(&random, 19), high = 0;
		double x = random_unit(&random), y = x + random_unit(&random);

		for (size_t i = 0; i < n; i++) {
			bool is_high = random_below(&random, 2);
			values[i] = is_high ? y : x;
			high += is_high;
		}
		struct two_groups got = stats_two_groups(values, n);
		if (high == 0 || high == n) {
			ck_assert_double_eq(got.explained, 0);
			continue;
		}
		ck_assert(got.explained <= 1 && got.explained > 1 - 1e-9);
		ck_assert_uint_eq(got.high_count, high);
	}
}
END_TEST

START_TEST(two_groups_of_odd_cases)
{
	const double one[] = { 5 }, two[] = { 9, 4 };
	const double same[] = { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1 };
	struct two_groups got = stats_two_groups(one, 1);

	ck_assert(got.explained == 0 && got.low_count == 1 &&
		  got.high_count == 0 && got.low_median == 5 &&
		  got.high_median == 5);
	got = stats_two_groups(same, COUNT(same));
	ck_assert(got.explained == 0 && got.low_count == COUNT(same) &&
		  got.high_count == 0 && got.high_median == 0.1);
	got = stats_two_groups(two, 2);
	ck_assert(got.explained == 1 && got.low_median == 4 &&
		  got.high_median == 9);
	got = stats_two_groups(NULL, 0);
	ck_assert(got.explained == 0 && got.low_count == 0 &&
		  isnan(got.low_median));
}
END_TEST

void add_compare_cases(Suite *suite)
{
	add_case(suite, "mann-whitney",
		 (const TTest *[]){
			 mann_whitney_as_published, mann_whitney_own_table,
			 mann_whitney_critical_values, mann_whitney_as_counted,
			 mann_whitney_at_the_border, mann_whitney_of_odd_cases,
			 NULL });
	add_case(suite, "holm",
		 (const TTest *[]){ holm_as_published, holm_of_ozone,
				    holm_of_odd_cases, NULL });
	add_case(suite, "two groups",
		 (const TTest *[]){ two_groups_as_counted, two_groups_of_one,
				    two_groups_of_two,
				    two_groups_explain_at_most_all,
				    two_groups_of_odd_cases, NULL });
}

// # Jobs by chance
//
// Random numbers of a distribution come from even ones by its inverse (Knuth,
// "The Art of Computer Programming" 2, section 3.4.1): if u is even on 0 .. 1,
// then -log(1 - u) is exponential with mean 1, and the times between arrivals
// that happen at any moment with the same chance are just that (a Poisson
// process).
//
// Arrivals and the rest have a generator each, so another kind of arrivals leaves
// the jobs as they were.

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "random.h"
#include "sched/model/table.h"
#include "stats.h"

static const int64_t LEAST_NS = 1000, MOST_MEAN_NS = 86400000000000;

static double exponential(struct random *random, double mean)
{
	return -log1p(-random_unit(random)) * mean;
}

// Pareto's law with shape 1.5: mean 3, variance infinite. Its tail is cut at
// 10,000 means, which takes 0.4 % off the mean.
static double pareto(struct random *random, double mean)
{
	double x = mean / 3 * pow(1 - random_unit(random), -1 / 1.5);

	return fmin(x, mean * 10000);
}

static int64_t length_ns(struct random *random, const struct generate *g)
{
	double mean = (double)g->mean_ns, x = mean;

	if (g->lengths == EXPONENTIAL)
		x = exponential(random, mean);
	else if (g->lengths == UNIFORM_LENGTHS)
		x = 2 * mean * random_unit(random);
	else if (g->lengths == PARETO)
		x = pareto(random, mean);
	else if (g->lengths == BIMODAL)
		x = mean * (random_below(random, 10) ? 0.2 : 8.2);
	return x < (double)LEAST_NS ? LEAST_NS : (int64_t)llround(x);
}

static double mean_gap_ns(const struct generate *g)
{
	return (double)g->mean_ns / (g->load * g->cpus);
}

// Arrival times, ascending. A time that does not fit becomes infinite and is
// found out where it is made whole.
static double *arrival_times(const struct generate *g)
{
	struct random random = { ~g->seed };
	double *times = malloc(g->count * sizeof *times), now = 0;

	if (!times)
		return NULL;
	for (size_t i = 0; i < g->count; i++) {
		times[i] = now;
		if (g->arrivals == POISSON)
			now += exponential(&random, mean_gap_ns(g));
		else if (g->arrivals == UNIFORM_ARRIVALS)
			times[i] = random_unit(&random) * mean_gap_ns(g) *
				   (double)g->count;
	}
	if (g->arrivals == UNIFORM_ARRIVALS) {
		stats_sort(times, g->count);
		times[0] = 0;
	}
	return times;
}

// CPU time in equal parts with waits between, exponential, whose mean is that of
// the CPU time.
static int add_bursts(struct table *t, struct random *random,
		      const struct generate *g, int64_t cpu_ns)
{
	int waits = random_unit(random) < g->io ? 1 + random_below(random, 3)
						: 0;
	int error = 0;

	for (int part = waits; !error && part >= 0; part--) {
		int64_t burst_ns = cpu_ns / (part + 1);
		cpu_ns -= burst_ns;
		error = table_burst(t, burst_ns);
		if (part > 0 && !error) {
			double wait = exponential(random, (double)g->mean_ns);
			error = table_burst(t, LEAST_NS + llround(wait));
		}
	}
	return error;
}

static int add_job(struct table *t, struct random *random,
		   const struct generate *g, double arrival)
{
	int64_t cpu_ns = length_ns(random, g);
	uint32_t rank = random_below(random, 10);
	double slack = 2 + 8 * random_unit(random);

	if (!(arrival < 0x1p62))
		return -EOVERFLOW;
	struct task task = {
		.arrival_ns = llround(arrival),
		.deadline_ns = llround(slack * (double)cpu_ns),
		.priority = (int32_t)rank,
		.tickets = (10 - rank) * 10,
		.nice = (int8_t)rank,
	};
	int error = add_bursts(t, random, g, cpu_ns);
	return error ? error : table_job(t, &task, NULL);
}

int jobs_generate(struct jobs *jobs, const struct generate *g)
{
	struct table table = { .jobs = jobs };
	struct random random = { g->seed };
	int error = 0;

	*jobs = (struct jobs){ 0 };
	if (g->count < 1 || g->count > INT_MAX - 1 || g->cpus < 1 ||
	    !(g->load > 0) || !isfinite(g->load) || !(g->io >= 0) ||
	    !(g->io <= 1) || g->mean_ns < LEAST_NS || g->mean_ns > MOST_MEAN_NS)
		return -EINVAL;
	double *times = arrival_times(g);
	if (!times)
		return -ENOMEM;
	for (size_t i = 0; !error && i < g->count; i++)
		error = add_job(&table, &random, g, times[i]);
	free(times);
	if (error)
		jobs_free(jobs);
	return error;
}

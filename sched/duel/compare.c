// # Predicted, observed
//
// The order of completion is the sharpest question that can be asked: times are
// never equal, orders may be. Jobs that the model lets end in one moment have
// none among themselves, so any order of those is right.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "duel.h"
#include "stats.h"

// ## Who was done when

struct completion {
	int64_t at_ns;
	int job;
};

static int by_time(const void *left, const void *right)
{
	const struct completion *a = left, *b = right;

	return a->at_ns != b->at_ns
		       ? (a->at_ns > b->at_ns) - (a->at_ns < b->at_ns)
		       : a->job - b->job;
}

static int *completion_order(const struct history *h)
{
	struct completion *all = calloc(h->jobs, sizeof *all);
	int *order = calloc(h->jobs, sizeof *order);

	for (size_t i = 0; all && order && i < h->jobs; i++)
		all[i] = (struct completion){
			h->measures[i].arrival_ns +
				h->measures[i].turnaround_ns,
			(int)i
		};
	if (all && order) {
		qsort(all, h->jobs, sizeof *all, by_time);
		for (size_t i = 0; i < h->jobs; i++)
			order[i] = all[i].job;
	}
	free(all);
	if (!all) {
		free(order);
		order = NULL;
	}
	return order;
}

// Jobs that the model lets end in one moment have no order.
static bool same_order(const struct history *predicted, const int *order)
{
	int64_t before = -1;

	for (size_t i = 0; i < predicted->jobs; i++) {
		const struct measure *m = &predicted->measures[order[i]];
		int64_t at = m->arrival_ns + m->turnaround_ns;
		if (at < before)
			return false;
		before = at;
	}
	return true;
}

// ## Errors

static int64_t measured(const struct measure *m, enum error_of which)
{
	return which == RESPONSE ? m->response_ns : m->turnaround_ns;
}

double error_ns(const struct duel *duel, size_t job, enum error_of which)
{
	double errors[REPEAT_MAX];
	int64_t predicted = measured(&duel->predicted.measures[job], which);

	for (int i = 0; i < duel->rounds_done; i++)
		errors[i] = (double)(measured(&duel->rounds[i]
						       .observed.measures[job],
					      which) -
				     predicted);
	return stats_median(errors, (size_t)duel->rounds_done);
}

double error_percent(const struct duel *duel, size_t job, enum error_of which)
{
	int64_t predicted = measured(&duel->predicted.measures[job], which);

	return predicted > 0
		       ? 100 * error_ns(duel, job, which) / (double)predicted
		       : 0;
}

int orders_equal(const struct duel *duel)
{
	int equal = 0;

	for (int i = 0; i < duel->rounds_done; i++)
		equal += duel->rounds[i].order_equal;
	return equal;
}

static double total_error(const struct duel *duel, int round)
{
	double sum = 0;

	for (size_t i = 0; i < duel->jobs.count; i++) {
		int64_t e =
			duel->rounds[round].observed.measures[i].turnaround_ns -
			duel->predicted.measures[i].turnaround_ns;
		sum += (double)(e < 0 ? -e : e);
	}
	return sum;
}

// The round in the middle: half of the others were nearer.
static int middle_round(const struct duel *duel)
{
	for (int i = 0; i < duel->rounds_done; i++) {
		int nearer = 0;
		for (int k = 0; k < duel->rounds_done; k++) {
			double mine = total_error(duel, i);
			double other = total_error(duel, k);
			nearer += other < mine || (other == mine && k < i);
		}
		if (nearer == (duel->rounds_done - 1) / 2)
			return i;
	}
	return 0;
}

int compare(struct duel *duel)
{
	duel->order[0] = completion_order(&duel->predicted);
	if (!duel->order[0])
		return -ENOMEM;
	for (int i = 0; i < duel->rounds_done; i++) {
		int *order = completion_order(&duel->rounds[i].observed);
		if (!order)
			return -ENOMEM;
		duel->rounds[i].order_equal = same_order(&duel->predicted,
							 order);
		free(order);
	}
	duel->shown = middle_round(duel);
	duel->order[1] = completion_order(&duel->rounds[duel->shown].observed);
	return duel->order[1] ? 0 : -ENOMEM;
}

// # The bound: how far from the prediction is still as predicted
//
// A run is made of lengths: turns on a CPU, and waits. Each moment in it is the
// end of a chain of them, for a turn begins when the turn before it on that CPU
// has ended and its job is back from its wait, whichever is later. So if one
// length grows by d, no later moment comes earlier, and none more than d later.
// As long as the CPUs go to the same jobs in the same order, every moment of the
// real run lies within D of the predicted one, if D is all that was added to the
// lengths, or taken from them. Two things do that:
//
//     E   a turn takes more CPU time than predicted, or less: the sum of all
//         differences (work is calibrated, but a CPU is not always as fast)
//     L   time is lost (account.c)
//
// The order is needed. Where the policy chooses otherwise, a run may last longer
// because something was shorter: Graham, "Bounds on Multiprocessing Timing
// Anomalies", SIAM Journal on Applied Mathematics 17 (1969). So it is claimed
// first; the processes were not told it. Two events 2 ms apart may change places
// when 2 ms are added or lost, and then the order is no longer sure.
//
// One CPU, in our time. Our clock stands still while time is lost, so that makes
// no turn longer. It makes waits shorter, which go on: by no more than S, what
// was lost while somebody waited, since those of one chain follow each other.
//
// - The makespan T, the last moment, is E later at most, E + S earlier.
// - So busy and idle time, the two sides of a fraction with the denominator T,
//   together differ by no more: utilisation is less by E / (T - E) at most, more
//   by (E + S) / (T - E - S).
// - The first turns of all jobs follow each other (in batch with whole waits in
//   between, in which nothing can be lost). So E of the turns before the last
//   job's first bounds the response, and only the order till there is needed.
//
// On several CPUs time is lost on one while another goes on. There each moment,
// and so the makespan and the response, are within E + L on either side, and the
// utilisation within (E + L) / (T - E - L).
//
// On a machine that is left alone that is 1 or 2 % of the makespan. On a busy
// one it grows and the claim says less; how much it says is printed with it:
// "predicted 55.1 -1.2 +1.2".

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "eras.h"
#include "lab.h"

// ## The order

static int same_turns(const struct run *run)
{
	int n = 0;

	while (n < run->model.turn_count && n < run->real.turn_count &&
	       run->model.turns[n].job == run->real.turns[n].job &&
	       run->model.turns[n].cpu == run->real.turns[n].cpu)
		n++;
	return n;
}

static bool turns_as_predicted(const struct run *run)
{
	int n = same_turns(run);

	return n == run->model.turn_count && n == run->real.turn_count;
}

void claim_turns(const struct run *run)
{
	char predicted[LETTERS], observed[LETTERS];

	letters(&run->model, predicted);
	letters(&run->real, observed);
	if (turns_as_predicted(run) ||
	    disturbance_ns(run) < run->era->slack_ns) {
		claim(turns_as_predicted(run),
		      "the CPU%s went to %s; predicted: %s",
		      run->era->cpus > 1 ? "s" : "", observed, predicted);
		return;
	}
	say("no claim (busy machine): turns %s", observed);
	say("predicted: %s", predicted);
}

// In batch nobody may use a wait. With strangers on the CPU, perhaps nobody can.
void claim_waits_used(const struct run *batch, const struct run *run)
{
	int before = batch->real.waits_used, used = run->real.waits_used;

	claim(before == 0 && (used > 0 || mostly_lost(run)),
	      "another job runs in %d of %d waits; in batch in %d", used,
	      run->real.waits, before);
}

// The turn in which the last of the jobs appears, counted from 1.
int first_round(const struct account *account)
{
	unsigned seen = 0, all = (1U << JOBS) - 1;
	int n = 0;

	while (n < account->turn_count && seen != all)
		seen |= 1U << account->turns[n++].job;
	return n;
}

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

// E, over the first turns.
static double error_ms(const struct run *run, int turns)
{
	int64_t sum_ns = 0;

	for (int i = 0; i < turns; i++)
		sum_ns += llabs(run->real.turns[i].ran_ns -
				run->model.turns[i].ran_ns);
	return ms(sum_ns);
}

// ## The figures

struct figure makespan_of(const struct run *run)
{
	struct figure figure = {
		.name = "makespan",
		.unit = "ms",
		.predicted = ms(run->model.makespan_ns),
		.observed = ms(run->real.makespan_ns),
		.below = INFINITY,
		.above = INFINITY,
	};

	if (turns_as_predicted(run)) {
		double error = error_ms(run, run->model.turn_count);
		bool one = run->era->cpus == 1;
		figure.above = error + (one ? 0 : ms(run->real.lost_ns));
		figure.below = error + (one ? ms(run->real.lost_in_waits_ns)
					    : ms(run->real.lost_ns));
	}
	return figure;
}

// In percent, and no more than there is room for.
static double share(double part_ms, double of_ms, double room)
{
	if (isinf(part_ms))
		return INFINITY;
	return part_ms < of_ms ? fmin(100 * part_ms / (of_ms - part_ms), room)
			       : room;
}

struct figure utilisation_of(const struct run *run)
{
	struct figure makespan = makespan_of(run);
	double predicted = 100 * run->model.utilisation;

	return (struct figure){
		.name = "utilisation",
		.unit = "%",
		.predicted = predicted,
		.observed = 100 * run->real.utilisation,
		.below = share(makespan.above, makespan.predicted, predicted),
		.above = share(makespan.below, makespan.predicted,
			       100 - predicted),
	};
}

struct figure response_of(const struct run *run)
{
	int round = first_round(&run->model);
	double bound = makespan_of(run).below;

	if (run->era->cpus == 1)
		bound = same_turns(run) >= round ? error_ms(run, round - 1)
						 : INFINITY;
	return (struct figure){
		.name = "mean response",
		.unit = "ms",
		.predicted = ms(run->model.response_ns),
		.observed = ms(run->real.response_ns),
		.below = bound,
		.above = bound,
	};
}

// ## The claims

static const double ROUNDING = 1e-6; // of the sums above, in ms

static bool within(double value, double low, double high)
{
	return value >= low - ROUNDING && value <= high + ROUNDING;
}

static void no_claim(struct figure figure)
{
	say("no claim (busy machine): %s %.1f %s, predicted %.1f", figure.name,
	    figure.observed, figure.unit, figure.predicted);
}

// Nothing is claimed where the figure might as well be nothing.
void claim_figure(struct figure figure)
{
	if (figure.below < figure.predicted && isfinite(figure.above))
		claim(within(figure.observed, figure.predicted - figure.below,
			     figure.predicted + figure.above),
		      "%s is %.1f %s (predicted %.1f -%.1f +%.1f)", figure.name,
		      figure.observed, figure.unit, figure.predicted,
		      figure.below, figure.above);
	else
		no_claim(figure);
}

// Nor where as much may be missing of a change as there is of it.
void claim_change(struct figure from, struct figure to)
{
	bool rises = to.predicted > from.predicted;
	double sign = rises ? 1 : -1;
	double predicted = sign * (to.predicted - from.predicted);
	double observed = sign * (to.observed - from.observed);
	double up = to.above + from.below, down = to.below + from.above;
	double less = rises ? down : up, more = rises ? up : down;

	if (less < predicted)
		claim(within(observed, predicted - less, predicted + more),
		      "%s %s by %.1f to %.1f %s (predicted %.1f -%.1f +%.1f)",
		      to.name, rises ? "rises" : "falls", observed, to.observed,
		      to.unit, predicted, less, more);
	else
		no_claim(to);
}

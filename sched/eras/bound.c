// # The bound: how far from the prediction is still as predicted
//
// A run is made of lengths: turns on a CPU, and waits. Each moment in it is the
// end of a chain of them, for a turn begins when the turn before it on that CPU
// has ended and its job is back from its wait, whichever is later. So if one
// length grows by d, no later moment comes earlier, and none more than d later.
// As long as the CPUs go to the same jobs in the same order, every moment of the
// real run lies within D of the predicted one, if D is all that was added to the
// lengths, or taken from them. Three things do that:
//
//     E   a turn takes more CPU time than predicted, or less: the sum of all
//         differences (work is calibrated, but a CPU is not always as fast)
//     B   somebody is late (account.c): switches, timers, our own mistakes. It
//         counts for no more than 1 ms a turn and a wait, and is claimed not to
//         be more; so no mistake makes its own excuse.
//     L   time is lost to others. Where that is a tenth of the makespan, nothing
//         is promised.
//
// The order is needed. Where the policy chooses otherwise, a run may last longer
// because something was shorter: Graham, "Bounds on Multiprocessing Timing
// Anomalies", SIAM Journal on Applied Mathematics 17 (1969). So it is claimed
// first. Two events 2 ms apart may change places when 2 ms are added or lost, and
// then the order is not sure.
//
// One CPU. Our clock stands still while time is lost, so that makes no turn
// longer. It makes waits shorter, which go on: by no more than S, what was lost
// while somebody waited, since those of one chain follow each other.
//
// - The makespan T, the last moment, is E + B later at most, E + S earlier.
// - So busy and idle time, the two sides of a fraction with the denominator T,
//   together differ by no more: utilisation is less by (E + B) / (T - E - B) at
//   most, more by (E + S) / (T - E - S).
// - The first turns of all jobs follow each other (in batch with whole waits in
//   between, in which nothing can be lost). So the response is E later or
//   earlier, of the turns before the last job's first, and B later; only the
//   order till there is needed.
//
// On several CPUs time is lost on one while another goes on. There each moment,
// and so the makespan and the response, are within E + B + L on either side, and
// the utilisation within (E + B + L) / (T - E - B - L).

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "eras.h"

// ## The order

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static int same_turns(const struct run *run)
{
	int n = 0;

	while (n < run->model.turn_count && n < run->real.turn_count &&
	       run->model.turns[n].job == run->real.turns[n].job &&
	       run->model.turns[n].cpu == run->real.turns[n].cpu)
		n++;
	return n;
}

bool turns_as_predicted(const struct run *run)
{
	int n = same_turns(run);

	return n == run->model.turn_count && n == run->real.turn_count;
}

bool fault_unknown(const struct run *run)
{
	return !run->who_known || run->notes.stolen_ns > 0 ||
	       run->real.lost_ns > allowance_ns(run);
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

enum { LOST_PERCENT = 10 };

static void why_not(const struct run *run, bool order, char *why, size_t bytes)
{
	double lost = ms(run->real.lost_ns) / run->era->cpus;

	if (lost * 100 > ms(run->model.makespan_ns) * LOST_PERCENT)
		snprintf(why, bytes, "others had %.1f ms", lost);
	else if (too_late(run) && fault_unknown(run))
		snprintf(why, bytes, "%.1f ms disturbed",
			 ms(disturbance_ns(run)));
	else if (!order)
		snprintf(why, bytes, "the order differs");
}

// B, as far as it is allowed.
static double late_ms(const struct run *run)
{
	return ms(too_late(run) ? allowance_ns(run) : run->real.late_ns);
}

struct figure makespan_of(const struct run *run)
{
	double error = error_ms(run, run->model.turn_count);
	bool one = run->era->cpus == 1;
	struct figure figure = {
		.name = "makespan",
		.unit = "ms",
		.predicted = ms(run->model.makespan_ns),
		.observed = ms(run->real.makespan_ns),
		.above = error + late_ms(run),
		.below = error,
	};

	why_not(run, turns_as_predicted(run), figure.why, sizeof figure.why);
	if (one)
		figure.below += ms(run->real.lost_in_waits_ns);
	else
		figure.below = figure.above += ms(run->real.lost_ns);
	return figure;
}

// In percent, and no more than there is room for.
static double share(double part_ms, double of_ms, double room)
{
	return part_ms < of_ms ? fmin(100 * part_ms / (of_ms - part_ms), room)
			       : room;
}

struct figure utilisation_of(const struct run *run)
{
	struct figure makespan = makespan_of(run), figure = makespan;
	double predicted = 100 * run->model.utilisation;

	figure.name = "utilisation";
	figure.unit = "%";
	figure.predicted = predicted;
	figure.observed = 100 * run->real.utilisation;
	figure.below = share(makespan.above, makespan.predicted, predicted);
	figure.above = share(makespan.below, makespan.predicted,
			     100 - predicted);
	return figure;
}

struct figure response_of(const struct run *run)
{
	int round = first_round(&run->model);
	struct figure figure = makespan_of(run);

	figure.name = "mean response";
	figure.predicted = ms(run->model.response_ns);
	figure.observed = ms(run->real.response_ns);
	if (run->era->cpus > 1)
		return figure;
	*figure.why = '\0';
	why_not(run, same_turns(run) >= round, figure.why, sizeof figure.why);
	figure.below = error_ms(run, round - 1);
	figure.above = figure.below + late_ms(run);
	return figure;
}

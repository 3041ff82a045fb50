// # Claims: what is promised of a run, and what is not
//
// Where strangers decided how a run went, the figures are said and nothing is
// claimed; the line tells why. Being late is our own doing, so that it stays small
// is claimed wherever the records can tell.

#include <math.h>

#include "eras.h"
#include "lab.h"

// ## Who ran, and when

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
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
	say("no claim (%.1f ms disturbed): turns %s", ms(disturbance_ns(run)),
	    observed);
	say("predicted: %s", predicted);
}

void claim_in_time(const struct run *run)
{
	double late = ms(run->real.late_ns), most = ms(allowance_ns(run));

	if (too_late(run) && fault_unknown(run))
		say("no claim (%.1f ms late, whose fault is unknown)", late);
	else
		claim(!too_late(run),
		      "%s: %.1f ms late with nobody in the way (<= %.0f)",
		      run->era->title, late, most);
}

// In batch nobody may use a wait. With strangers on the CPU, perhaps nobody can.
void claim_waits_used(const struct run *batch, const struct run *run)
{
	int before = batch->real.waits_used, used = run->real.waits_used;

	if (used == 0 && mostly_lost(run))
		say("no claim (others had %.1f ms): no wait was used",
		    ms(run->real.lost_ns));
	else
		claim(before == 0 && used > 0,
		      "another job runs in %d of %d waits; in batch in %d",
		      used, run->real.waits, before);
}

// ## Figures

static const double ROUNDING = 1e-6; // of sums and quotients

static bool within(double value, double low, double high)
{
	return value >= low - ROUNDING && value <= high + ROUNDING;
}

// Why not, or NULL. Nothing is promised of a figure that might as well be nothing,
// nor where as much may be missing of a change as there is of it.
static const char *refused(const char *why, double less, double predicted)
{
	return *why ? why : less < predicted ? NULL : "bound too wide";
}

void claim_figure(struct figure figure)
{
	const char *why = refused(figure.why, figure.below, figure.predicted);

	if (why)
		say("no claim (%s): %s %.1f %s", why, figure.name,
		    figure.observed, figure.unit);
	else
		claim(within(figure.observed, figure.predicted - figure.below,
			     figure.predicted + figure.above),
		      "%s is %.1f %s (model %.1f, -%.1f +%.1f)", figure.name,
		      figure.observed, figure.unit, figure.predicted,
		      figure.below, figure.above);
}

// A bound on either side of each figure makes one on either side of the change.
void claim_change(struct figure from, struct figure to)
{
	double predicted = to.predicted - from.predicted;
	double observed = to.observed - from.observed;
	double below = to.below + from.above, above = to.above + from.below;
	const char *why = refused(*to.why ? to.why : from.why,
				  predicted > 0 ? below : above,
				  fabs(predicted));

	if (why)
		say("no claim (%s): %s %.1f %s", why, to.name, to.observed,
		    to.unit);
	else
		claim(within(observed, predicted - below, predicted + above),
		      "%s %.1f -> %.1f %s: %+.1f (model %+.1f, -%.1f +%.1f)",
		      to.name, from.observed, to.observed, to.unit, observed,
		      predicted, below, above);
}

// # The sentence a run ends with
//
// One that can be acted on, and no surer than the intervals allow: what is not
// told apart is named as such. It speaks of round trips where they were
// measured, between the workers farthest apart, of 1 KiB if there is a choice,
// and holds the best against the pipe that most programs are built on.

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "options.h"
#include "reader.h"

enum { SPOKEN_BYTES = 1024 };

static bool measured(const struct result *r)
{
	return r->rounds && !r->failure[0];
}

static bool is_trip(const struct result *r)
{
	return measured(r) && !strcmp(r->c->family->name, "ipc");
}

static const char *between(const struct bench_case *c)
{
	static const char *const phrases[PLACEMENTS] = {
		[SAME_CPU] = "on one CPU",
		[SMT] = "between two hardware threads of a core",
		[CROSS_CORE] = "between two cores",
		[CROSS_SOCKET] = "between two sockets",
	};
	return c->cpus[0] == -1 ? "wherever the scheduler puts them"
				: phrases[c->placement];
}

// The case whose size and placement the sentence is about.
static const struct result *topic(const struct result *results, size_t count)
{
	const struct result *best = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct result *r = &results[i];
		if (!is_trip(r))
			continue;
		if (!best || r->c->placement > best->c->placement ||
		    (r->c->placement == best->c->placement &&
		     r->c->bytes == SPOKEN_BYTES))
			best = r;
	}
	return best;
}

static bool on_topic(const struct result *r, const struct result *topic)
{
	return is_trip(r) && r->c->placement == topic->c->placement &&
	       r->c->bytes == topic->c->bytes;
}

static const struct result *fastest(const struct result *results, size_t count,
				    const struct result *topic, bool asleep)
{
	const struct result *best = NULL;
	for (size_t i = 0; i < count; i++)
		if (on_topic(&results[i], topic) &&
		    !(asleep && results[i].c->subject->spins) &&
		    (!best || results[i].median < best->median))
			best = &results[i];
	return best;
}

// How many others that do not spin reach into the interval of this one.
static int not_told_apart(const struct result *results, size_t count,
			  const struct result *from)
{
	int others = 0;
	for (size_t i = 0; i < count; i++)
		others += on_topic(&results[i], from) && &results[i] != from &&
			  !results[i].c->subject->spins &&
			  results[i].interval.low <= from->interval.high;
	return others;
}

// No round trips: the cheapest of the last family that was measured.
static bool other_finding(char *text, size_t room, const struct result *results,
			  size_t count)
{
	const struct result *best = NULL;
	char value[VALUE_BYTES];

	for (size_t i = 0; i < count; i++) {
		const struct result *r = &results[i];
		if (!measured(r))
			continue;
		bool same = best && best->c->family == r->c->family &&
			    best->c->subject->bandwidth ==
				    r->c->subject->bandwidth;
		if (!same ||
		    (r->c->subject->bandwidth ? r->median > best->median
					      : r->median < best->median))
			best = r;
	}
	if (!best)
		return false;
	snprintf(text, room, "%s of %s here: %s, %s %s.",
		 best->c->subject->bandwidth ? "The fastest" : "The cheapest",
		 best->c->family->name, best->c->name,
		 human_value(value, best->c->subject->bandwidth, best->median),
		 best->c->subject->bandwidth ? "one way"
					     : best->c->family->title);
	return true;
}

bool finding(char *text, size_t room, const struct result *results,
	     size_t count)
{
	const struct result *about = topic(results, count), *pipe = NULL;
	char size[HUMAN_BYTES], time[HUMAN_BYTES];
	struct interval ratio = { 0 };

	if (!about)
		return other_finding(text, room, results, count);
	const struct result *best = fastest(results, count, about, false);
	const struct result *asleep = fastest(results, count, about, true);
	for (size_t i = 0; i < count; i++)
		if (on_topic(&results[i], about) &&
		    !strcmp(results[i].c->subject->name, "pipe"))
			pipe = &results[i];
	size_t n = snprintf(text, room, "For %s %s here: ",
			    human_size(size, about->c->bytes),
			    between(about->c));
	if (pipe && pipe != best)
		ratio = stats_ratio_interval(pipe->values, pipe->rounds,
					     best->values, best->rounds, 0.5);
	if (pipe && pipe != best && ratio.low <= 1) {
		snprintf(text + n, room - n,
			 "nothing measured is surely faster than a pipe, %s a "
			 "round trip.",
			 human_duration(time, pipe->median));
		return true;
	}
	n += snprintf(text + n, room - n, "%s, %s a round trip",
		      best->c->subject->name,
		      human_duration(time, best->median));
	if (pipe && pipe != best)
		n += snprintf(text + n, room - n,
			      ", %.3g to %.3g times under a pipe", ratio.low,
			      ratio.high);
	if (asleep && asleep != best) {
		int alike = not_told_apart(results, count, asleep);
		n += snprintf(text + n, room - n,
			      " (it keeps its CPU busy while it waits; where "
			      "that may not be: %s, %s",
			      asleep->c->subject->name,
			      human_duration(time, asleep->median));
		if (alike)
			n += snprintf(text + n, room - n,
				      ", and %d more not told apart from it",
				      alike);
		n += snprintf(text + n, room - n, ")");
	}
	snprintf(text + n, room - n, ".");
	return true;
}

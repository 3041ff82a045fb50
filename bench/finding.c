// # The sentence a run ends with
//
// One that can be acted on, and no surer than the intervals allow: what is not
// told apart is named as such. It speaks of round trips, or else of bandwidths,
// where they were measured, between the workers farthest apart, of 1 KiB if
// there is a choice, and holds the best against the pipe that most programs are
// built on.

#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "options.h"
#include "reader.h"

enum { SPOKEN_BYTES = 1024, MOST_NAMES = 3 };

// What was measured, and which of it the sentence is about.
struct talk {
	const struct result *results;
	size_t count;
	const struct result *topic;
	char *text;
	size_t room, used;
};

bool has_figures(const struct result *r)
{
	return r->rounds && !r->failure[0];
}

static bool is_trip(const struct result *r)
{
	return !strcmp(r->c->family->name, "ipc");
}

static bool is_spoken_of(const struct result *r)
{
	return has_figures(r) &&
	       (is_trip(r) || !strcmp(r->c->family->name, "bandwidth"));
}

const char *where_phrase(const struct bench_case *c)
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

static bool on_topic(const struct result *r, const struct result *topic)
{
	return is_spoken_of(r) && r->c->family == topic->c->family &&
	       r->c->placement == topic->c->placement &&
	       r->c->bytes == topic->c->bytes;
}

static size_t crowd(const struct talk *talk, const struct result *topic)
{
	size_t count = 0;
	for (size_t i = 0; i < talk->count; i++)
		count += on_topic(&talk->results[i], topic);
	return count;
}

// Whether there is more to say about a than about b.
static bool says_more(const struct talk *talk, const struct result *a,
		      const struct result *b)
{
	bool a_usual = a->c->bytes == SPOKEN_BYTES,
	     b_usual = b->c->bytes == SPOKEN_BYTES;

	if (a->c->family != b->c->family)
		return is_trip(a);
	if (a->c->placement != b->c->placement)
		return a->c->placement > b->c->placement;
	if (a_usual != b_usual)
		return a_usual;
	return a->c->bytes != b->c->bytes && crowd(talk, a) > crowd(talk, b);
}

// The case whose family, size and placement the sentence is about.
static const struct result *find_topic(const struct talk *talk)
{
	const struct result *best = NULL;
	for (size_t i = 0; i < talk->count; i++) {
		const struct result *r = &talk->results[i];
		if (is_spoken_of(r) && (!best || says_more(talk, r, best)))
			best = r;
	}
	return best;
}

static bool competes(const struct talk *talk, const struct result *r,
		     bool asleep)
{
	return on_topic(r, talk->topic) && !(asleep && r->c->subject->spins);
}

static bool faster(const struct result *a, const struct result *b)
{
	return a->c->subject->bandwidth ? a->median > b->median
					: a->median < b->median;
}

// Their intervals meet. A single round has none: it may lie anywhere.
static bool not_told_apart(const struct result *a, const struct result *b)
{
	return a->rounds < 2 || b->rounds < 2 ||
	       (a->interval.low <= b->interval.high &&
		b->interval.low <= a->interval.high);
}

static const struct result *pipe_of(const struct talk *talk)
{
	for (size_t i = 0; i < talk->count; i++)
		if (on_topic(&talk->results[i], talk->topic) &&
		    !strcmp(talk->results[i].c->subject->name, "pipe"))
			return &talk->results[i];
	return NULL;
}

// How many times better than a pipe; 0 where the two are not told apart.
static struct interval over_pipe(const struct result *best,
				 const struct result *pipe)
{
	const struct result *more = pipe, *less = best;

	if (not_told_apart(best, pipe))
		return (struct interval){ 0, 0 };
	if (best->c->subject->bandwidth)
		more = best, less = pipe;
	return stats_ratio_interval(more->values, more->rounds, less->values,
				    less->rounds, 0.5);
}

// The fastest of all that compete, by their medians; `sure`: of those alone that
// surely beat the pipe. One whose rounds scatter down to the pipe's may have the
// best median, and must not hide those behind it that are told apart.
static const struct result *fastest_of(const struct talk *talk, bool asleep,
				       bool sure)
{
	const struct result *best = NULL, *pipe = pipe_of(talk);
	for (size_t i = 0; i < talk->count; i++) {
		const struct result *r = &talk->results[i];
		if (!competes(talk, r, asleep) || (best && !faster(r, best)) ||
		    (sure && !(pipe && over_pipe(r, pipe).low > 1)))
			continue;
		best = r;
	}
	return best;
}

static const struct result *fastest(const struct talk *talk, bool asleep)
{
	const struct result *sure = fastest_of(talk, asleep, true);
	return sure ? sure : fastest_of(talk, asleep, false);
}

static void add(struct talk *talk, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct talk *talk, const char *fmt, ...)
{
	va_list ap;

	if (talk->used >= talk->room)
		return;
	va_start(ap, fmt);
	int n = vsnprintf(talk->text + talk->used, talk->room - talk->used, fmt,
			  ap);
	va_end(ap);
	talk->used += n > 0 ? (size_t)n : 0;
}

// Names of results, where they are few.
struct names {
	const char *first[MOST_NAMES];
	size_t count;
};

static void names_add(struct names *names, const struct result *r)
{
	if (names->count < MOST_NAMES)
		names->first[names->count] = r->c->subject->name;
	names->count++;
}

// Those that may be as fast as the one that is spoken of. Returns whether there
// are any.
static bool add_equals(struct talk *talk, const struct result *best,
		       bool asleep)
{
	struct names equal = { .count = 0 };

	for (size_t i = 0; i < talk->count; i++) {
		const struct result *r = &talk->results[i];
		if (r != best && competes(talk, r, asleep) &&
		    !faster(r, best) && not_told_apart(r, best))
			names_add(&equal, r);
	}
	if (equal.count > MOST_NAMES)
		add(talk, ", and %zu more", equal.count);
	for (size_t i = 0; i < equal.count && equal.count <= MOST_NAMES; i++)
		add(talk, "%s%s", i ? ", " : ", and ", equal.first[i]);
	if (equal.count)
		add(talk, " not told apart from it");
	return equal.count > 0;
}

// Those with a better median than the one that is spoken of: they were passed
// over because they may be no faster than a pipe.
static void add_unsure(struct talk *talk, const struct result *best,
		       bool asleep)
{
	struct names unsure = { .count = 0 };

	for (size_t i = 0; i < talk->count; i++) {
		const struct result *r = &talk->results[i];
		if (competes(talk, r, asleep) && faster(r, best))
			names_add(&unsure, r);
	}
	if (!unsure.count)
		return;
	add(talk, "; ");
	if (unsure.count > MOST_NAMES)
		add(talk, "%zu more", unsure.count);
	for (size_t i = 0; i < unsure.count && unsure.count <= MOST_NAMES; i++)
		add(talk, "%s%s",
		    !i                      ? ""
		    : i + 1 == unsure.count ? " and "
					    : ", ",
		    unsure.first[i]);
	add(talk, ", faster in the median, %s not told apart from a pipe",
	    unsure.count == 1 ? "is" : "are");
}

// No talk: the cheapest of the last family that was measured.
static bool other_finding(struct talk *talk, const char *here)
{
	const struct result *best = NULL;
	char value[VALUE_BYTES];

	for (size_t i = 0; i < talk->count; i++) {
		const struct result *r = &talk->results[i];
		if (!has_figures(r))
			continue;
		bool same = best && best->c->family == r->c->family &&
			    best->c->subject->bandwidth ==
				    r->c->subject->bandwidth;
		if (!same || faster(r, best))
			best = r;
	}
	if (!best)
		return false;
	add(talk, "%s of %s %s: %s, %s %s.",
	    best->c->subject->bandwidth ? "The fastest" : "The cheapest",
	    best->c->family->name, here, best->c->name,
	    human_value(value, best->c->subject->bandwidth, best->median),
	    best->c->subject->bandwidth ? "one way" : best->c->family->title);
	return true;
}

bool finding(char *text, size_t room, const char *here,
	     const struct result *results, size_t count)
{
	struct talk talk = { results, count, NULL, text, room, 0 };
	char size[HUMAN_BYTES], value[VALUE_BYTES], low[CELL_BYTES],
		high[CELL_BYTES];

	talk.topic = find_topic(&talk);
	if (!talk.topic)
		return other_finding(&talk, here);
	const struct result *best = fastest(&talk, false),
			    *asleep = fastest(&talk, true),
			    *pipe = pipe_of(&talk);
	bool bandwidth = best->c->subject->bandwidth;
	const char *trip = bandwidth ? "one way" : "a round trip";
	struct interval ratio = { 0, 0 };

	add(&talk, "For %s %s %s: ", human_size(size, best->c->bytes),
	    where_phrase(best->c), here);
	if (pipe && pipe != best)
		ratio = over_pipe(best, pipe);
	if (pipe && pipe != best && ratio.low <= 1) {
		add(&talk,
		    "nothing measured is surely faster than a pipe, %s %s.",
		    human_value(value, bandwidth, pipe->median), trip);
		return true;
	}
	add(&talk, "%s, %s %s", best->c->subject->name,
	    human_value(value, bandwidth, best->median), trip);
	bool equals = add_equals(&talk, best, false);
	if (pipe && pipe != best)
		add(&talk, "%s %s to %s times %s", equals ? ";" : ",",
		    significant(low, ratio.low), significant(high, ratio.high),
		    bandwidth ? "a pipe's" : "under a pipe");
	add_unsure(&talk, best, false);
	if (asleep && asleep != best) {
		add(&talk,
		    " (it keeps its CPU busy while it waits; where that may "
		    "not be: %s, %s",
		    asleep->c->subject->name,
		    human_value(value, bandwidth, asleep->median));
		add_equals(&talk, asleep, true);
		add_unsure(&talk, asleep, true);
		add(&talk, ")");
	}
	add(&talk, ".");
	return true;
}

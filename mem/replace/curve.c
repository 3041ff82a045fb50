// # Faults against frames: the whole curve in one pass
//
// For LRU a reference's depth in the stack of last uses says with how many frames
// it hits, so one pass answers for all frame counts, exactly
// (mem/paging/distances.h). The other policies are played at some frame counts,
// on a trace that is kept. When it grows too long, half of its pages are dropped
// with all their references, and again when it has to be: what is left is the
// trace of a program of half the size, for half of the frames
// (mem/paging/sample.h).

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "mem/paging/distances.h"
#include "mem/paging/sample.h"
#include "mem/replace/replace.h"
#include "options.h"

// ## The sample

// An estimate from fewer frames than these would be luck.
enum { KEPT_MOST = 1 << 22, PAGES_FEWEST = 4096, STAGES = 20, TRIES = 8 };
enum { FEWEST_FRAMES = 16 };

struct thinning {
	struct sample *stage[STAGES];
	size_t stages;
	struct kept kept;
	uint32_t pages; // of those kept, about: those of the last stage
	uint32_t *scratch;
};

static double rate_of(const struct thinning *t)
{
	return ldexp(1, -(int)t->stages);
}

static size_t thin(struct sample *sample, uint32_t *references, size_t n)
{
	size_t left;
	int error = sample_keep(sample, references, n, references, &left);

	if (error)
		exit(failure("the sample", error));
	return left;
}

// One of the ways to take half of the pages.
struct half {
	struct sample *sample;
	struct kept kept;
	uint64_t apart; // from half of the references
};

static struct half halve(const struct kept *all, uint64_t seed)
{
	struct half half = { 0 };
	int error = sample_create(&half.sample, 0.5, seed);

	if (error)
		exit(failure("the sample", error));
	kept_add(&half.kept, all->references, all->count);
	half.kept.count = thin(half.sample, half.kept.references, all->count);
	half.apart = half.kept.count * 2 > all->count
			     ? half.kept.count * 2 - all->count
			     : all->count - half.kept.count * 2;
	return half;
}

static void half_free(struct half *half)
{
	sample_free(half->sample);
	kept_free(&half->kept);
}

// A few hot pages make much of a trace, and whether they are in the sample is luck.
// So of several samples that one is taken which has about half of the references,
// too. Few pages say little, whatever their number of references: they all stay.
static void thin_more(struct thinning *t, uint32_t pages)
{
	uint32_t now = t->stages ? sample_pages(t->stage[t->stages - 1])
				 : pages;

	if (t->kept.count <= KEPT_MOST || now < 2 * PAGES_FEWEST ||
	    t->stages == STAGES)
		return;
	struct half best = { .apart = UINT64_MAX };
	for (uint64_t seed = 1; seed <= TRIES; seed++) {
		struct half half = halve(&t->kept, seed);
		bool better = half.apart < best.apart;
		half_free(better ? &best : &half);
		best = better ? half : best;
	}
	t->stage[t->stages++] = best.sample;
	kept_free(&t->kept);
	t->kept = best.kept;
}

static void thinning_add(struct thinning *t, const uint32_t *references,
			 size_t n, uint32_t pages)
{
	if (!t->scratch)
		t->scratch = have(malloc(PORTION * sizeof *t->scratch));
	memcpy(t->scratch, references, n * sizeof *references);
	for (size_t i = 0; i < t->stages; i++)
		n = thin(t->stage[i], t->scratch, n);
	kept_add(&t->kept, t->scratch, n);
	thin_more(t, pages);
}

static void thinning_free(struct thinning *t)
{
	for (size_t i = 0; i < t->stages; i++)
		sample_free(t->stage[i]);
	kept_free(&t->kept);
	free(t->scratch);
}

// ## The curves

struct curves {
	const struct request *request;
	struct input *input;
	struct distances *distances; // where lru is asked for
	struct thinning thinning;    // where others are
	bool others;
	struct cost cost; // of what is done while the trace goes by

	double *frames;   // the x of the curves
	uint32_t *counts; // the same
	size_t points;
	uint64_t *faults; // a row a policy; UNKNOWN: no answer there
};

static const uint64_t UNKNOWN = UINT64_MAX;

static bool is_lru(const struct replacement *policy)
{
	return !strcmp(policy->name, "lru");
}

static int take_portions(struct curves *c)
{
	const uint32_t *references;
	struct cost since;
	size_t n;
	int error = 0;

	do {
		int status = input_next(c->input, &references, &n);
		if (status)
			return status;
		since = cost_now();
		if (c->distances)
			error = distances_add(c->distances, references, n);
		cost_add(&c->cost, since);
		if (error)
			return failure("lru", error);
		if (c->others)
			thinning_add(&c->thinning, references, n,
				     input_pages(c->input));
	} while (n);
	return 0;
}

// All frame counts up to the pages while these are few; of many, so many that are
// about as far apart in ratio.
static void choose_points(struct curves *c)
{
	const struct request *r = c->request;
	uint32_t pages = input_pages(c->input);
	size_t few = c->others ? 64 : 512, most = c->others ? 48 : 512;
	size_t room = r->frames_given ? r->counts : pages <= few ? pages : most;

	c->counts = have_zeroed(room, sizeof *c->counts);
	c->frames = have_zeroed(room, sizeof *c->frames);
	for (size_t i = 0; i < room; i++) {
		double share = room > 1 ? (double)i / (double)(room - 1) : 0;
		uint32_t at = (uint32_t)lround(pow(pages, share));
		if (r->frames_given)
			at = r->frames[i];
		else if (pages <= few)
			at = (uint32_t)i + 1;
		if (r->frames_given || c->points == 0 ||
		    at > c->counts[c->points - 1])
			c->counts[c->points++] = at;
	}
	if (r->frames_given) {
		// an axis ascends
		for (size_t i = 1; i < c->points; i++)
			for (size_t k = i; k && c->counts[k] < c->counts[k - 1];
			     k--) {
				uint32_t swap = c->counts[k];
				c->counts[k] = c->counts[k - 1];
				c->counts[k - 1] = swap;
			}
	}
	for (size_t i = 0; i < c->points; i++)
		c->frames[i] = c->counts[i];
}

// Faults of f frames: those of f - 1, less the references of depth f.
static void lru_faults(const struct curves *c, uint64_t *faults)
{
	uint64_t left = distances_references(c->distances);
	uint32_t depth = 0, pages = distances_pages(c->distances);

	for (size_t i = 0; i < c->points; i++) {
		while (depth < c->counts[i] && depth < pages)
			left -= distances_at(c->distances, ++depth);
		faults[i] = left;
	}
}

static uint64_t scaled_up(const struct thinning *t, uint64_t faults)
{
	for (size_t i = t->stages; i-- > 0;)
		faults = sample_faults(t->stage[i], faults);
	return faults;
}

// References or faults of the sample; 0 stays: the policy's own choice.
static uint64_t scaled_down(const struct thinning *t, uint64_t count)
{
	uint64_t down = count >> t->stages;

	return count && !down ? 1 : down;
}

static void other_faults(struct curves *c, const struct replacement *policy,
			 const struct replacement_future *future,
			 uint64_t *faults, double done)
{
	struct thinning *t = &c->thinning;
	struct request scaled = *c->request;

	scaled.window = scaled_down(t, scaled.window);
	scaled.period = scaled_down(t, scaled.period);
	for (size_t i = 0; i < c->points; i++) {
		double frames = c->frames[i] * rate_of(t);
		input_progress(c->input,
			       done + (double)i / (double)c->points /
					       (double)c->request->policies,
			       policy->name);
		if (t->stages > 0 && frames < FEWEST_FRAMES) {
			faults[i] = UNKNOWN;
			continue;
		}
		// Where all pages fit in, each is brought once, whoever reigns.
		if (t->stages > 0 && c->frames[i] >= input_pages(c->input) &&
		    strcmp(policy->name, "working-set") != 0) {
			faults[i] = input_pages(c->input);
			continue;
		}
		faults[i] =
			scaled_up(t, play_kept(&scaled, &t->kept,
					       policy->future ? future : NULL,
					       policy, (uint32_t)lround(frames))
					     .faults);
	}
}

static void tell_cost(const struct curves *c, const char *name,
		      struct cost cost)
{
	char wall[HUMAN_BYTES], cpu[HUMAN_BYTES];

	if (c->request->timing)
		fprintf(stderr, "%s, %zu frame counts: %s, CPU %s\n", name,
			c->points, human_duration(wall, (double)cost.wall_ns),
			human_duration(cpu, (double)cost.cpu_ns));
}

static void find_faults(struct curves *c)
{
	const struct request *r = c->request;
	struct replacement_future future = { 0 };

	c->faults = have_zeroed(r->policies * c->points, sizeof *c->faults);
	if (looks_ahead(r))
		future = future_of(&c->thinning.kept, input_bound(c->input));
	for (size_t i = 0; i < r->policies; i++) {
		struct cost cost = { 0 }, since = cost_now();
		uint64_t *faults = c->faults + i * c->points;
		if (is_lru(r->policy[i])) {
			lru_faults(c, faults);
			cost = c->cost;
		} else {
			other_faults(c, r->policy[i], &future, faults,
				     (double)i / (double)r->policies);
		}
		cost_add(&cost, since);
		tell_cost(c, r->policy[i]->name, cost);
	}
	input_progress_end(c->input);
	free((uint32_t *)future.next);
}

// ## Showing

static double *ratios_of(const struct curves *c)
{
	size_t n = c->request->policies * c->points;
	double *y = have_zeroed(n, sizeof *y);

	for (size_t i = 0; i < n; i++)
		y[i] = c->faults[i] == UNKNOWN
			       ? NAN
			       : percent(c->faults[i], c->input->references);
	return y;
}

// A letter of the name that no other curve has.
static char mark_of(const char *name, const char *taken)
{
	for (; *name; name++)
		if (*name != '-' && !strchr(taken, *name))
			return *name;
	for (int c = 'A'; c <= 'Z'; c++)
		if (!strchr(taken, c))
			return (char)c;
	return '?';
}

static void draw(const struct curves *c, const double *y)
{
	const struct request *r = c->request;
	struct canvas canvas = canvas_of(1);
	struct curve *curves = have_zeroed(r->policies, sizeof *curves);
	char taken[MOST_POLICIES + 1] = "";
	const struct axes axes = {
		.x_title = "frames",
		.y_title = "faults of 100 references",
		.x = c->frames,
		.points = c->points,
		.x_logarithmic = c->frames[c->points - 1] / c->frames[0] > 32,
		.rows = 16,
	};

	for (size_t i = 0; i < r->policies; i++) {
		taken[i] = mark_of(r->policy[i]->name, taken);
		curves[i] = (struct curve){ r->policy[i]->name, taken[i],
					    y + i * c->points };
	}
	char *picture = have(draw_curves(&canvas, &axes, curves, r->policies));
	fputs(picture, stdout);
	free(picture);
	free(curves);
}

enum { COLUMNS = 6 };

static size_t column(const struct curves *c, size_t i, size_t columns)
{
	return columns == 1 ? 0 : i * (c->points - 1) / (columns - 1);
}

static void show_ratios(const struct curves *c, const double *y)
{
	size_t columns = c->points < COLUMNS ? c->points : COLUMNS;

	printf("\n%-14s", "frames");
	for (size_t i = 0; i < columns; i++)
		printf(" %9" PRIu32, c->counts[column(c, i, columns)]);
	putchar('\n');
	for (size_t p = 0; p < c->request->policies; p++) {
		printf("%-14s", c->request->policy[p]->name);
		for (size_t i = 0; i < columns; i++) {
			double ratio = y[p * c->points + column(c, i, columns)];
			if (isnan(ratio))
				printf(" %9s", "-");
			else
				printf(" %7.2f %%", ratio);
		}
		putchar('\n');
	}
}

static void tell_how(const struct curves *c)
{
	const struct thinning *t = &c->thinning;
	char text[HUMAN_BYTES];

	printf("\n%" PRIu64 " references to %" PRIu32 " pages",
	       c->input->references, input_pages(c->input));
	if (c->distances)
		printf("; lru exactly, by stack distances");
	putchar('\n');
	if (!c->others)
		return;
	if (t->stages == 0)
		printf("the others exactly, run by run; kept: %s\n",
		       human_size(text, t->kept.count * 4));
	else
		printf("the others from a sample: about one page of %.0f, "
		       "%" PRIu64 " references (%s)\n",
		       1 / rate_of(t), t->kept.count,
		       human_size(text, t->kept.count * 4));
}

// Of a curve nobody counts what is written back: null.
static void show_json(const struct curves *c)
{
	const struct request *r = c->request;
	uint64_t all = c->input->references;
	bool first = true;

	for (size_t i = 0; i < r->policies * c->points; i++) {
		const struct replacement *policy = r->policy[i / c->points];
		if (c->faults[i] == UNKNOWN)
			continue;
		printf("%s{\"policy\": \"%s\", \"frames\": %" PRIu32
		       ", \"references\": %" PRIu64 ", \"hits\": %" PRIu64
		       ", \"faults\": %" PRIu64
		       ", \"writebacks\": null, \"rate\": %g}",
		       first ? "[" : ",\n", policy->name,
		       c->counts[i % c->points], all, all - c->faults[i],
		       c->faults[i],
		       is_lru(policy) ? 1 : rate_of(&c->thinning));
		first = false;
	}
	puts(first ? "[]" : "]");
}

static int draw_svg(const struct curves *c, const double *y)
{
	const struct request *r = c->request;
	struct line *lines = have_zeroed(r->policies, sizeof *lines);

	for (size_t i = 0; i < r->policies; i++)
		lines[i] = (struct line){ r->policy[i]->name,
					  y + i * c->points };
	int status = write_svg(r, "faults of all references", c->frames,
			       c->points, lines, r->policies);
	free(lines);
	return status;
}

static int show(const struct curves *c)
{
	const char *svg = c->request->svg;
	double *y = ratios_of(c);
	int status = 0;

	if (c->request->json) {
		show_json(c);
	} else if (!svg || strcmp(svg, "-") != 0) {
		draw(c, y);
		show_ratios(c, y);
		tell_how(c);
	}
	if (svg)
		status = draw_svg(c, y);
	free(y);
	return status;
}

int play_curve(const struct request *request)
{
	struct input input;
	struct curves c = { .request = request, .input = &input };
	int status = input_open(&input, request);

	for (size_t i = 0; i < request->policies && !status; i++) {
		bool lru = is_lru(request->policy[i]);
		int error = lru ? distances_create(&c.distances, 0) : 0;
		c.others |= !lru;
		if (error)
			status = failure("lru", error);
	}
	if (!status)
		status = take_portions(&c);
	if (!status) {
		if (request->timing)
			show_timing(&input, NULL, 0, c.cost);
		choose_points(&c);
		find_faults(&c);
		status = show(&c);
	}
	input_progress_end(&input);
	distances_free(c.distances);
	thinning_free(&c.thinning);
	free(c.frames);
	free(c.counts);
	free(c.faults);
	input_close(&input);
	return status;
}

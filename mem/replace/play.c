// # Policies and frame counts over one trace
//
// A trace may be longer than memory: it goes by once, and every run (a policy and
// a number of frames) plays each portion of it. Who looks ahead needs the whole:
// then it is kept, four bytes a reference, and four more say where the page comes
// again.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mem/replace/replace.h"
#include "options.h"

bool looks_ahead(const struct request *request)
{
	for (size_t i = 0; i < request->policies; i++)
		if (request->policy[i]->future)
			return true;
	return false;
}

struct paging_setup setup_of(const struct request *request,
			     const struct replacement_future *future)
{
	return (struct paging_setup){
		.seed = request->recipe.seed,
		.window = request->window,
		.period = request->period,
		.future = future ? *future : (struct replacement_future){ 0 },
	};
}

struct replacement_future future_of(const struct kept *kept, uint32_t pages)
{
	uint32_t *next = NULL;
	int error = -EFBIG;

	if (kept->count <= REPLACEMENT_PAGES) {
		next = have(
			malloc((kept->count + !kept->count) * sizeof *next));
		error = replacement_next_uses(kept->references, kept->count,
					      pages, next);
	}
	if (error)
		exit(failure("the future", error));
	return (struct replacement_future){ kept->references, next,
					    kept->count };
}

static struct paging *begin(const struct request *request,
			    const struct replacement_future *future,
			    struct paging_run run)
{
	struct paging_setup setup = setup_of(request, future);
	struct paging *paging;

	setup.runs = &run;
	setup.count = 1;
	int error = paging_create(&paging, &setup);
	if (error)
		exit(failure(run.policy->name, error));
	return paging;
}

struct replacement_counts play_kept(const struct request *request,
				    const struct kept *kept,
				    const struct replacement_future *future,
				    const struct replacement *policy,
				    uint32_t frames)
{
	struct paging *paging = begin(request, future,
				      (struct paging_run){ policy, frames });

	int error = paging_play(paging, kept->references, kept->count);
	if (error)
		exit(failure(policy->name, error));
	struct replacement_counts counts = paging_counts(paging, 0);
	paging_free(paging);
	return counts;
}

// ## All runs at once, each timed for itself

struct runs {
	struct played *played;
	struct paging **paging;
	size_t count;
};

static struct runs runs_of(const struct request *request)
{
	struct runs runs = { .count = request->policies * request->counts };

	runs.played = have_zeroed(runs.count, sizeof *runs.played);
	runs.paging = have_zeroed(runs.count, sizeof(struct paging *));
	for (size_t i = 0; i < runs.count; i++) {
		runs.played[i].policy = request->policy[i / request->counts];
		runs.played[i].frames = request->frames[i % request->counts];
	}
	return runs;
}

static void runs_free(struct runs *runs)
{
	for (size_t i = 0; i < runs->count; i++)
		paging_free(runs->paging[i]);
	free(runs->paging);
	free(runs->played);
}

static void runs_begin(const struct request *request, struct runs *runs,
		       const struct replacement_future *future)
{
	for (size_t i = 0; i < runs->count; i++)
		runs->paging[i] =
			begin(request, future,
			      (struct paging_run){ runs->played[i].policy,
						   runs->played[i].frames });
}

static int run_one(struct runs *runs, size_t i, const uint32_t *references,
		   size_t n)
{
	struct played *played = &runs->played[i];
	struct cost since = cost_now();

	int error = paging_play(runs->paging[i], references, n);
	cost_add(&played->cost, since);
	played->counts = paging_counts(runs->paging[i], 0);
	return error ? failure(played->policy->name, error) : 0;
}

static int play_stream(struct input *input, struct runs *runs,
		       const uint32_t *references, size_t n)
{
	int status = 0;

	while (n && !status) {
		for (size_t i = 0; i < runs->count && !status; i++)
			status = run_one(runs, i, references, n);
		if (!status)
			status = input_next(input, &references, &n);
	}
	return status;
}

// Run by run: each has the cache for itself.
static int play_all_kept(struct input *input, struct runs *runs,
			 const struct kept *kept)
{
	enum { AT_ONCE = 1 << 20 };
	int status = 0;

	for (size_t i = 0; i < runs->count && !status; i++)
		for (uint64_t at = 0; at < kept->count && !status;
		     at += AT_ONCE) {
			uint64_t n = kept->count - at;
			status = run_one(runs, i, kept->references + at,
					 n < AT_ONCE ? n : AT_ONCE);
			input_progress(
				input,
				((double)i + (double)at / (double)kept->count) /
					(double)runs->count,
				runs->played[i].policy->name);
		}
	return status;
}

// ## What comes out

static bool draws_steps(const struct request *request,
			const struct input *input, const struct runs *runs)
{
	enum { FEW_RUNS = 6, FEW_REFERENCES = 40, FEW_FRAMES = 10 };

	if (request->steps)
		return true;
	for (size_t i = 0; i < runs->count; i++)
		if (runs->played[i].frames > FEW_FRAMES)
			return false;
	return runs->count <= FEW_RUNS && input->references <= FEW_REFERENCES;
}

static void show_json(const struct input *input, const struct kept *kept,
		      const struct replacement_future *future,
		      const struct runs *runs)
{
	for (size_t i = 0; i < runs->count; i++) {
		const struct played *p = &runs->played[i];
		fputs(i ? ",\n" : "[", stdout);
		json_begin(p);
		if (input->request->steps)
			json_steps(input, kept, future, p->policy, p->frames);
		putchar('}');
	}
	puts("]");
}

static int draw_svg(const struct request *request, const struct runs *runs)
{
	double *x = have_zeroed(request->counts, sizeof *x);
	double *y = have_zeroed(runs->count, sizeof *y);
	struct line *lines = have_zeroed(request->policies, sizeof *lines);

	for (size_t i = 0; i < runs->count; i++)
		y[i] = percent(runs->played[i].counts.faults,
			       runs->played[i].counts.references);
	for (size_t i = 0; i < request->counts; i++)
		x[i] = request->frames[i];
	for (size_t i = 0; i < request->policies; i++)
		lines[i] = (struct line){ request->policy[i]->name,
					  y + i * request->counts };
	int status = write_svg(request, "faults of all references", x,
			       request->counts, lines, request->policies);
	free(lines);
	free(y);
	free(x);
	return status;
}

static void tell_of_future(const struct kept *kept)
{
	enum { WORTH_A_WORD = 10000 };
	char text[HUMAN_BYTES];

	if (kept->count < WORTH_A_WORD)
		return;
	printf("\nWho looks ahead needs the whole trace: %s of it were kept, "
	       "8 bytes a\nreference.\n",
	       human_size(text, kept->count * 8));
}

static int show(const struct input *input, const struct kept *kept,
		const struct replacement_future *future,
		const struct runs *runs, bool steps)
{
	const struct request *request = input->request;

	if (request->svg && !strcmp(request->svg, "-"))
		return draw_svg(request, runs);
	if (request->json) {
		show_json(input, kept, future, runs);
	} else {
		for (size_t i = 0; i < runs->count && steps; i++) {
			show_steps(input, kept, future, runs->played[i].policy,
				   runs->played[i].frames);
			putchar('\n');
		}
		show_table(input, runs->played, runs->count);
		if (future)
			tell_of_future(kept);
	}
	return request->svg ? draw_svg(request, runs) : 0;
}

// ## Whether to keep it

// Nothing to be kept beyond the first portion: it goes on as a stream.
static int play_through(struct input *input, struct runs *runs,
			const struct kept *first)
{
	int status;

	runs_begin(input->request, runs, NULL);
	status = play_stream(input, runs, first->references, first->count);
	input_progress_end(input);
	if (status)
		return status;
	if (input->request->timing)
		show_timing(input, runs->played, runs->count,
			    (struct cost){ 0 });
	return show(input, first, NULL, runs,
		    input->references == first->count &&
			    draws_steps(input->request, input, runs));
}

static int play_whole(struct input *input, struct runs *runs, struct kept *kept)
{
	const struct request *request = input->request;
	struct replacement_future future = { 0 };
	struct cost cost = { 0 }, since;
	bool ahead = looks_ahead(request);

	const char *why = request->quiz    ? "--quiz"
			  : request->steps ? "--steps"
					   : "a policy that looks ahead";
	uint64_t most = request->quiz     ? MOST_DRAWN
			: !request->steps ? REPLACEMENT_PAGES
			: request->json   ? MOST_STEPS
					  : MOST_DRAWN;
	int status = kept->count > most
			     ? option_complain(EXIT_USAGE,
					       "%s: want at most %" PRIu64
					       " references, found more",
					       why, most)
			     : input_keep(input, kept, most, why);
	if (status)
		return status;
	since = cost_now();
	if (ahead)
		future = future_of(kept, input_bound(input));
	cost_add(&cost, since);
	const struct replacement_future *seen = ahead ? &future : NULL;
	if (request->quiz) {
		status = play_quiz(input, kept, seen);
	} else {
		runs_begin(request, runs, seen);
		status = play_all_kept(input, runs, kept);
		input_progress_end(input);
		if (!status && request->timing)
			show_timing(input, runs->played, runs->count, cost);
		if (!status)
			status = show(input, kept, seen, runs,
				      draws_steps(request, input, runs));
	}
	free((uint32_t *)future.next);
	return status;
}

int play(const struct request *request)
{
	struct runs runs = runs_of(request);
	struct kept kept = { 0 };
	const uint32_t *references;
	struct input input;
	size_t n;

	int status = input_open(&input, request);
	if (!status)
		status = input_next(&input, &references, &n);
	if (!status) {
		kept_add(&kept, references, n);
		status = request->quiz || request->steps || looks_ahead(request)
				 ? play_whole(&input, &runs, &kept)
				 : play_through(&input, &runs, &kept);
	}
	input_progress_end(&input);
	kept_free(&kept);
	runs_free(&runs);
	input_close(&input);
	return status;
}

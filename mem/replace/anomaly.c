// # Belady's anomaly: one frame more, and more faults
//
// One expects more frames to help. A policy that would keep with f + 1 frames all
// that it keeps with f (LRU, OPT, LFU in its pure form: the stack algorithms) can
// never be worse with more. FIFO does not, and sometimes is.
//
// Sources: Belady, Nelson & Shedler, "An anomaly in space-time characteristics of
// certain programs running in a paging machine", CACM 12 (1969); Mattson, Gecsei,
// Slutz & Traiger, "Evaluation techniques for storage hierarchies", IBM Systems
// Journal 9 (1970).

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/replace/replace.h"
#include "options.h"
#include "random.h"

static uint64_t faults_of(const struct request *request,
			  const struct kept *kept,
			  const struct replacement_future *future,
			  const struct replacement *policy, uint32_t frames)
{
	return play_kept(request, kept, future, policy, frames).faults;
}

// ## In a given trace

struct counted {
	const struct replacement *policy;
	const uint32_t *frames;
	uint64_t *faults;
	size_t count;
};

static bool is_anomaly(const struct counted *c, size_t i)
{
	return i > 0 && c->frames[i] > c->frames[i - 1] &&
	       c->faults[i] > c->faults[i - 1];
}

// The one with the largest difference; 0: there is none.
static size_t worst(const struct counted *c)
{
	size_t best = 0;

	for (size_t i = 1; i < c->count; i++)
		if (is_anomaly(c, i) &&
		    (best == 0 ||
		     c->faults[i] - c->faults[i - 1] >
			     c->faults[best] - c->faults[best - 1]))
			best = i;
	return best;
}

static void put_rows(const struct counted *c)
{
	enum { MANY = 40 };
	bool all = c->count <= MANY;

	printf("%10s %14s\n", "frames", "faults");
	for (size_t i = 0; i < c->count; i++) {
		bool next = i + 1 < c->count && is_anomaly(c, i + 1);
		if (all || next || is_anomaly(c, i))
			printf("%10" PRIu32 " %14" PRIu64 "%s\n", c->frames[i],
			       c->faults[i],
			       is_anomaly(c, i) ? "  more frames, more faults"
						: "");
	}
}

static void show_found(const struct input *input, const struct kept *kept,
		       const struct replacement_future *future,
		       const struct counted *c)
{
	enum { FEW_REFERENCES = 200, FEW_FRAMES = 20 };
	size_t i = worst(c);

	printf("%s: %s; %" PRIu64 " references to %" PRIu32 " pages\n\n",
	       c->policy->name, c->policy->title, kept->count,
	       input_pages(input));
	put_rows(c);
	if (i == 0) {
		printf("\nno anomaly: no frame more makes %s fault more often "
		       "here\n",
		       c->policy->name);
		return;
	}
	printf("\nBelady's anomaly: %s faults %" PRIu64 " times with %" PRIu32
	       " frames, %" PRIu64 " times with %" PRIu32 "\n",
	       c->policy->name, c->faults[i - 1], c->frames[i - 1],
	       c->faults[i], c->frames[i]);
	if (kept->count > FEW_REFERENCES || c->frames[i] > FEW_FRAMES)
		return;
	putchar('\n');
	show_steps(input, kept, future, c->policy, c->frames[i - 1]);
	putchar('\n');
	show_steps(input, kept, future, c->policy, c->frames[i]);
}

static void json_found(const struct input *input, const struct kept *kept,
		       const struct counted *c, bool first)
{
	enum { SHORT = 1000 };
	bool any = false;

	printf("%s{\"policy\": \"%s\", \"references\": %" PRIu64
	       ", \"trace\": ",
	       first ? "[" : ",\n", c->policy->name, kept->count);
	if (kept->count > SHORT)
		printf("null");
	for (uint64_t i = 0; i < kept->count && kept->count <= SHORT; i++)
		printf("%s%" PRIu64, i ? ", " : "[",
		       input_page(input,
				  kept->references[i] & ~REFERENCE_WRITE));
	printf("%s,\n\"faults\": [", kept->count > SHORT ? "" : "]");
	for (size_t i = 0; i < c->count; i++)
		printf("%s{\"frames\": %" PRIu32 ", \"faults\": %" PRIu64 "}",
		       i ? ",\n" : "\n", c->frames[i], c->faults[i]);
	printf("],\n\"anomalies\": [");
	for (size_t i = 1; i < c->count; i++)
		if (is_anomaly(c, i)) {
			printf("%s{\"frames\": %" PRIu32
			       ", \"faults\": %" PRIu64
			       ", \"more_frames\": %" PRIu32
			       ", \"more_faults\": %" PRIu64 "}",
			       any ? ",\n" : "\n", c->frames[i - 1],
			       c->faults[i - 1], c->frames[i], c->faults[i]);
			any = true;
		}
	printf("]}");
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

// All frame counts up to the pages, or those that were asked for.
static size_t counts_of(const struct request *request, uint32_t pages,
			uint32_t *frames)
{
	size_t n = request->counts;

	if (!request->frames_given) {
		for (n = 0; n < pages; n++)
			frames[n] = (uint32_t)n + 1;
		return n;
	}
	memcpy(frames, request->frames, n * sizeof *frames);
	qsort(frames, n, sizeof *frames, by_number);
	return n;
}

static void judge(struct input *input, const struct kept *kept, bool first,
		  const struct replacement *policy, struct counted *c)
{
	const struct request *request = input->request;
	struct replacement_future future = { 0 }, *seen = NULL;

	c->policy = policy;
	if (policy->future) {
		future = future_of(kept, input_bound(input));
		seen = &future;
	}
	for (size_t i = 0; i < c->count; i++) {
		c->faults[i] = faults_of(request, kept, seen, policy,
					 c->frames[i]);
		input_progress(input, (double)i / (double)c->count,
			       policy->name);
	}
	if (request->json) {
		json_found(input, kept, c, first);
	} else if (!request->svg || strcmp(request->svg, "-") != 0) {
		fputs(first ? "" : "\n", stdout);
		show_found(input, kept, seen, c);
	}
	free((uint32_t *)future.next);
}

static int draw_svg(const struct request *request, const struct counted *c,
		    const double *y)
{
	struct line *lines = have_zeroed(request->policies, sizeof *lines);
	double *x = have_zeroed(c->count, sizeof *x);

	for (size_t i = 0; i < c->count; i++)
		x[i] = c->frames[i];
	for (size_t i = 0; i < request->policies; i++)
		lines[i] = (struct line){ request->policy[i]->name,
					  y + i * c->count };
	int status = write_svg(request, "faults of all references", x, c->count,
			       lines, request->policies);
	free(lines);
	free(x);
	return status;
}

static int judge_all(struct input *input, const struct kept *kept)
{
	const struct request *r = input->request;
	uint32_t pages = input_pages(input);
	uint32_t frames[MOST_COUNTS];

	if (!r->frames_given && pages > MOST_COUNTS)
		return option_complain(EXIT_USAGE,
				       "--anomaly: want at most %d pages, "
				       "found %" PRIu32 "; or name the frame "
				       "counts with --frames",
				       MOST_COUNTS, pages);
	struct counted c = { .frames = frames,
			     .count = counts_of(r, pages, frames) };
	double *y = have_zeroed(r->policies * c.count, sizeof *y);
	c.faults = have_zeroed(c.count, sizeof *c.faults);
	for (size_t i = 0; i < r->policies; i++) {
		judge(input, kept, i == 0, r->policy[i], &c);
		for (size_t k = 0; k < c.count; k++)
			y[i * c.count + k] = percent(c.faults[k], kept->count);
	}
	input_progress_end(input);
	if (r->json)
		puts("]");
	int status = r->svg ? draw_svg(r, &c, y) : 0;
	free(c.faults);
	free(y);
	return status;
}

// *empty: there was no reference.
static int play_given(const struct request *request, bool *empty)
{
	struct kept kept = { 0 };
	struct input input;

	int status = input_open(&input, request);
	input.may_be_empty = !request->file && !request->string;
	if (!status)
		status = input_keep(&input, &kept, REPLACEMENT_PAGES,
				    "--anomaly");
	*empty = kept.count == 0;
	if (!status && kept.count)
		status = judge_all(&input, &kept);
	input_progress_end(&input);
	kept_free(&kept);
	input_close(&input);
	return status;
}

// ## By search
//
// Traces by chance, until one shows it; then references are taken out as long as
// what is left still shows it. A trace from which none can be taken is easier to
// understand, and often has the length of the one in the paper: twelve.

enum { PAGES_MOST = 6, LONGEST = 24, TRIES = 20000, HITS = 60 };

struct small {
	uint32_t page[LONGEST];
	size_t n;
};

// A number of frames with which there are fewer faults than with one more; 0.
static uint32_t anomaly_in(const struct request *request,
			   const struct replacement *policy,
			   const struct small *small)
{
	struct kept kept = { (uint32_t *)small->page, small->n, small->n };
	struct replacement_future future = { 0 };
	uint64_t before = UINT64_MAX;
	uint32_t found = 0;

	if (policy->future)
		future = future_of(&kept, PAGES_MOST);
	for (uint32_t frames = 1; frames <= PAGES_MOST && !found; frames++) {
		uint64_t faults = faults_of(request, &kept,
					    policy->future ? &future : NULL,
					    policy, frames);
		if (faults > before)
			found = frames - 1;
		before = faults;
	}
	free((uint32_t *)future.next);
	return found;
}

static void take_out(struct small *small, size_t i)
{
	memmove(small->page + i, small->page + i + 1,
		(small->n - i - 1) * sizeof *small->page);
	small->n--;
}

static void shrink(const struct request *request,
		   const struct replacement *policy, struct small *small)
{
	for (size_t i = 0; i < small->n;) {
		struct small less = *small;
		take_out(&less, i);
		if (less.n > 0 && anomaly_in(request, policy, &less)) {
			*small = less;
			i = 0;
		} else {
			i++;
		}
	}
}

// Pages count from 1 in the order in which they come.
static void name_pages(const struct small *small, char *text, size_t room)
{
	uint32_t name[PAGES_MOST] = { 0 }, names = 0;
	size_t used = 0;

	for (size_t i = 0; i < small->n; i++) {
		uint32_t *n = &name[small->page[i]];
		*n = *n ? *n : ++names;
		used += (size_t)snprintf(text + used, room - used, "%s%" PRIu32,
					 i ? "," : "", *n);
	}
}

static bool search(const struct request *request,
		   const struct replacement *policy, struct small *best)
{
	struct random random = { request->recipe.seed };
	int hits = 0;

	best->n = LONGEST + 1;
	for (int i = 0; i < TRIES && hits < HITS; i++) {
		struct small small = { .n = LONGEST };
		uint32_t pages = 3 + random_below(&random, PAGES_MOST - 2);
		for (size_t k = 0; k < small.n; k++)
			small.page[k] = random_below(&random, pages);
		if (!anomaly_in(request, policy, &small))
			continue;
		hits++;
		shrink(request, policy, &small);
		if (small.n < best->n)
			*best = small;
	}
	return hits > 0;
}

static void tell_none(const struct request *request,
		      const struct replacement *policy, bool first)
{
	if (request->json)
		printf("%s{\"policy\": \"%s\", \"references\": 0, "
		       "\"trace\": null, \"faults\": [], \"anomalies\": []}",
		       first ? "[" : ",\n", policy->name);
	else
		printf("%s%s: no anomaly in %d traces of %d references by "
		       "chance\n",
		       first ? "" : "\n", policy->name, TRIES, LONGEST);
}

// What was found is played as if it had been given.
static int play_found(const struct request *request,
		      const struct replacement *policy,
		      const struct small *small, bool first)
{
	struct request given = *request;
	struct kept kept = { 0 };
	struct input input;
	char text[LONGEST * 4];
	uint32_t frames[PAGES_MOST];
	uint64_t faults[PAGES_MOST];

	name_pages(small, text, sizeof text);
	given.string = text;
	given.frames_given = false;
	int status = input_open(&input, &given);
	if (!status)
		status = input_keep(&input, &kept, LONGEST, "--anomaly");
	if (!status) {
		struct counted c = { .frames = frames, .faults = faults };
		c.count = counts_of(&given, input_pages(&input), frames);
		judge(&input, &kept, first, policy, &c);
	}
	kept_free(&kept);
	input_close(&input);
	return status;
}

static int play_search(const struct request *request)
{
	int status = 0;

	for (size_t i = 0; i < request->policies && !status; i++) {
		struct small small;
		if (search(request, request->policy[i], &small))
			status = play_found(request, request->policy[i], &small,
					    i == 0);
		else
			tell_none(request, request->policy[i], i == 0);
	}
	if (request->json && !status)
		puts("]");
	return status;
}

// A trace is given: by an option, or by a file or a pipe as standard input. A
// terminal, /dev/null or an empty pipe gives none.
static bool is_given(const struct request *request)
{
	struct stat about;

	return request->file || request->string || request->generated ||
	       (fstat(STDIN_FILENO, &about) == 0 && !S_ISCHR(about.st_mode));
}

int play_anomaly(const struct request *request)
{
	bool empty = true;
	int status = is_given(request) ? play_given(request, &empty) : 0;

	if (status || !empty)
		return status;
	if (request->svg)
		return option_complain(EXIT_USAGE,
				       "--svg: want a trace beside --anomaly");
	return play_search(request);
}

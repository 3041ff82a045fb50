// # Real and simulated, of the reader's choice
//
//     build/mem/pager compare join --policy=lru,opt --frames=4,8,16

#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "mem/pager/play.h"
#include "mem/pager/scenes.h"
#include "must.h"
#include "options.h"

enum {
	OPT_POLICY = 0x100,
	OPT_FRAMES,
	OPT_WAY,
	OPT_TRACK,
	OPT_SEED,
	OPT_FORMAT,
	MOST_CHOICES = 64,
	MOST_FRAMES = 4096,
	DEFAULT_FRAMES = 8,
	MISSING = 77,
};

static const struct argp_option options[] = {
	{ "policy", OPT_POLICY, "NAME,...", 0,
	  "Whom to ask: names as in mem/replace (all)", 0 },
	{ "frames", OPT_FRAMES, "N,...", 0, "How many, 1 to 4096 (8)", 0 },
	{ "way", OPT_WAY, "WAY", 0,
	  "How pages are put there: move or copy (userfaultfd), or signal "
	  "(SIGSEGV); the best there is",
	  0 },
	{ "track", OPT_TRACK, NULL, 0,
	  "Let each change of page fault, also where the policy needs less",
	  0 },
	{ "seed", OPT_SEED, "N", 0, "For the policy random (1)", 0 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs", 0 },
	{ 0 }
};

struct wish {
	const struct work *works[MOST_CHOICES];
	const struct replacement *policies[MOST_CHOICES];
	uint32_t frames[MOST_CHOICES];
	size_t work_count, policy_count, frame_count;
	int way; // -1: the best
	bool track, json;
	uint64_t seed;
};

const struct work *const works[] = { &work_ijk,  &work_ikj,   &work_quicksort,
				     &work_join, &work_graph, NULL };

// ## The command line

static void add_policy(struct wish *wish, const struct argp_state *state,
		       const char *name)
{
	const struct replacement *policy = replacement_named(name);

	if (!policy)
		option_refuse(state, "--policy", name,
			      "a policy: %s, opt, lru ... (mem/replace --help "
			      "names all), or all",
			      "fifo");
	wish->policies[wish->policy_count++] = policy;
}

static void add_frames(struct wish *wish, const struct argp_state *state,
		       const char *text)
{
	wish->frames[wish->frame_count++] = (uint32_t)option_number(
		state, "--frames", text, 1, MOST_FRAMES);
}

// Each part of a list with commas.
static void split(struct wish *wish, const struct argp_state *state,
		  const char *option, const char *list,
		  void (*add)(struct wish *wish, const struct argp_state *state,
			      const char *part))
{
	char *parts = must_ptr(strdup(list));
	char *rest = parts, *part;
	int n = 0;

	while ((part = strsep(&rest, ","))) {
		if (++n > MOST_CHOICES)
			option_refuse(state, option, list, "%d of them at most",
				      MOST_CHOICES);
		add(wish, state, part);
	}
	free(parts);
}

static void add_work(struct wish *wish, struct argp_state *state,
		     const char *name)
{
	for (int i = 0; works[i] && wish->work_count < MOST_CHOICES; i++)
		if (!strcmp(works[i]->name, name)) {
			wish->works[wish->work_count++] = works[i];
			return;
		}
	option_refuse(state, "WORK", name,
		      "one of ijk, ikj, quicksort, join, graph");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct wish *wish = state->input;

	switch (key) {
	case OPT_POLICY:
		wish->policy_count = 0;
		if (strcmp(arg, "all") != 0)
			split(wish, state, "--policy", arg, add_policy);
		return 0;
	case OPT_FRAMES:
		wish->frame_count = 0;
		split(wish, state, "--frames", arg, add_frames);
		return 0;
	case OPT_WAY:
		wish->way = option_choice(state, "--way", arg,
					  region_way_names);
		return 0;
	case OPT_TRACK:
		wish->track = true;
		return 0;
	case OPT_SEED:
		wish->seed = (uint64_t)option_number(state, "--seed", arg, 0,
						     INT64_MAX);
		return 0;
	case OPT_FORMAT:
		wish->json = option_choice(state, "--format", arg, formats);
		return 0;
	case ARGP_KEY_ARG:
		add_work(wish, state, arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which work? ijk, ikj, quicksort, join or "
				  "graph");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void fill_in(struct wish *wish)
{
	if (wish->policy_count == 0)
		while (replacements[wish->policy_count]) {
			wish->policies[wish->policy_count] =
				replacements[wish->policy_count];
			wish->policy_count++;
		}
	if (wish->frame_count == 0)
		wish->frames[wish->frame_count++] = DEFAULT_FRAMES;
	if (wish->way < 0)
		wish->way = (int)region_best();
}

// ## Playing

static json_t *json_of(const struct trial *trial, const struct course *real,
		       const struct course *model, bool same)
{
	return must_ptr(json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I}, s:b, s:b}",
		"work", trial->work->name, "policy", trial->policy->name,
		"frames", (json_int_t)trial->frames, "references",
		(json_int_t)model->counts.references, "faults",
		(json_int_t)real->counts.faults, "writebacks",
		(json_int_t)real->counts.writebacks, "noticed",
		(json_int_t)(real->region.noticed + real->region.writes),
		"model", "faults", (json_int_t)model->counts.faults,
		"writebacks", (json_int_t)model->counts.writebacks, "same",
		same, "bytes", real->same_bytes));
}

// True if model and machine agree, and all bytes are right.
static bool play_one(const struct trial *trial, const struct course *recorded,
		     json_t *list)
{
	struct course real, model;

	play_real(trial, &real);
	play_model(trial, recorded, &model);
	bool same = same_course(&real, &model);
	bool good = same && real.same_bytes;
	if (list)
		must(json_array_append_new(list, json_of(trial, &real, &model,
							 same)));
	else
		printf("  %-14s %6u %9ju %9ju %9ju %9ju  %9ju%s\n",
		       trial->policy->name, trial->frames,
		       (uintmax_t)real.counts.faults,
		       (uintmax_t)model.counts.faults,
		       (uintmax_t)real.counts.writebacks,
		       (uintmax_t)model.counts.writebacks,
		       (uintmax_t)(real.region.noticed + real.region.writes),
		       good   ? ""
		       : same ? "  BYTES"
			      : "  DIFFER");
	fflush(stdout);
	play_free(&real);
	play_free(&model);
	return good;
}

static bool play_work(const struct wish *wish, const struct work *work,
		      json_t *list)
{
	struct course recorded;
	struct replacement_future future;
	bool good = true;

	play_record(work, (enum region_way)wish->way, &recorded, &future);
	if (!list)
		printf("%s: %u pages, %zu references\n"
		       "                           faults           written "
		       "back        also\n"
		       "  policy         frames      real     model      real "
		       "    model    noticed\n",
		       work->title, work->pages, recorded.reference_count);
	for (size_t p = 0; p < wish->policy_count; p++)
		for (size_t f = 0; f < wish->frame_count; f++)
			good &= play_one(
				&(struct trial){
					.work = work,
					.policy = wish->policies[p],
					.way = (enum region_way)wish->way,
					.frames = wish->frames[f],
					.track = wish->track,
					.seed = wish->seed,
					.future = future },
				&recorded, list);
	play_free(&recorded);
	free((void *)future.next);
	return good;
}

static void print_json(const struct wish *wish, json_t *list)
{
	json_t *all = must_ptr(json_pack("{s:s, s:o}", "way",
					 region_way_names[wish->way], "runs",
					 list));
	char *text = must_ptr(json_dumps(all, JSON_INDENT(2)));

	puts(text);
	free(text);
	json_decref(all);
}

int tool_compare(int argc, char **argv)
{
	struct wish wish = { .way = -1, .seed = 1 };
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "WORK...",
		.doc = "Does a real work (ijk and ikj, a matrix product; "
		       "quicksort, join, graph) on pages that a policy "
		       "replaces, and has the model foretell it.\v"
		       "Example: build/mem/pager compare join "
		       "--policy=lru,opt --frames=4,8,16\n\n"
		       "Exit status: 0 every fault and every byte was as "
		       "foretold, 1 one was not, 2 bad usage, 77 this host "
		       "has no such way.",
	};
	bool good = true;

	must_zero(argp_parse(&argp, argc, argv, 0, NULL, &wish));
	fill_in(&wish);
	int error = region_can((enum region_way)wish.way);
	if (error)
		return option_complain(MISSING,
				       "--way=%s: this host has no such "
				       "userfaultfd (%s); --way=signal does "
				       "without",
				       region_way_names[wish.way],
				       strerror(-error));
	json_t *list = wish.json ? must_ptr(json_array()) : NULL;
	if (!list)
		printf("way: %s\n", region_way_names[wish.way]);
	for (size_t w = 0; w < wish.work_count; w++)
		good &= play_work(&wish, wish.works[w], list);
	if (list)
		print_json(&wish, list);
	return options_end(good ? EXIT_SUCCESS : EXIT_FAILURE);
}

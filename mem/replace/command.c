// # The command line

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mem/replace/replace.h"
#include "options.h"

const char replace_chapter[] = "15 · Page replacement";
const char replace_summary[] =
	"replacement policies on your own trace of references";

enum {
	OPT_POLICY = 256,
	OPT_FRAMES,
	OPT_LIST_POLICIES,
	OPT_WINDOW,
	OPT_PERIOD,
	OPT_STRING,
	OPT_TRACE_FORMAT,
	OPT_PAGE_SIZE,
	OPT_GENERATE,
	OPT_REFERENCES,
	OPT_PAGES,
	OPT_EXPONENT,
	OPT_WRITE,
	OPT_PHASE,
	OPT_LOCALITY,
	OPT_SPARSE,
	OPT_SEED,
	OPT_STEPS,
	OPT_CURVE,
	OPT_ANOMALY,
	OPT_FORMAT,
	OPT_SVG,
	OPT_TIMING,
	OPT_QUIZ,
	OPT_OSTEP,
	OPT_CATALOGUE
};

static const struct argp_option table[] = {
	{ 0, 0, 0, 0, "What is played", 1 },
	{ "policy", OPT_POLICY, "NAME,...", 0,
	  "The policies (below), in this order, or `all' (fifo,lru,opt)", 1 },
	{ "frames", OPT_FRAMES, "N,N-N,...", 0,
	  "How many frames there are: each number is a run of its own, 1-7 is "
	  "seven (3)",
	  1 },
	{ "window", OPT_WINDOW, "N", 0,
	  "working-set: pages that were not used for so many references leave "
	  "(four times the frames)",
	  1 },
	{ "period", OPT_PERIOD, "N", 0,
	  "nur: R bits are cleared after so many faults (the frames)", 1 },

	{ 0, 0, 0, 0, "The trace", 2 },
	{ "string", OPT_STRING, "LIST", 0,
	  "These references, in place of a file: 7,0,1,w2", 2 },
	{ "trace-format", OPT_TRACE_FORMAT, "text|binary|lackey|perf", 0,
	  "What the file holds (as its first bytes look)", 2 },
	{ "page-size", OPT_PAGE_SIZE, "SIZE", 0,
	  "What addresses are divided by (4096)", 2 },

	{ 0, 0, 0, 0, "A trace by chance, in place of a file", 3 },
	{ "generate", OPT_GENERATE, "KIND", 0,
	  "zipf (few pages are hot), uniform, scan (each page once), loop, or "
	  "phases (localities)",
	  3 },
	{ "references", OPT_REFERENCES, "N", 0, "How many (1000000)", 3 },
	{ "pages", OPT_PAGES, "N", 0, "Of how many pages (1000)", 3 },
	{ "exponent", OPT_EXPONENT, "X", 0,
	  "zipf: page k is used as often as 1/(k+1)^X (1)", 3 },
	{ "write", OPT_WRITE, "X", 0, "Which share are writes, 0 to 1 (0)", 3 },
	{ "phase", OPT_PHASE, "N", 0,
	  "phases: how many references one lasts (10000)", 3 },
	{ "locality", OPT_LOCALITY, "N", 0,
	  "phases: how many pages one uses (a tenth)", 3 },
	{ "sparse", OPT_SPARSE, 0, 0,
	  "Page numbers scattered over 64 bits, as addresses are", 3 },
	{ "seed", OPT_SEED, "N", 0,
	  "The same seed, the same trace and the same luck of `random' (0)",
	  3 },

	{ 0, 0, 0, 0, "What is shown", 4 },
	{ "steps", OPT_STEPS, 0, 0,
	  "The frames after each reference (short traces: always)", 4 },
	{ "curve", OPT_CURVE, 0, 0,
	  "Faults against frames, for all frame counts: lru exactly, in one "
	  "pass; the others too while the trace is short, and from a sample of "
	  "the pages when it is long",
	  4 },
	{ "anomaly", OPT_ANOMALY, 0, 0,
	  "Look for frame counts with more faults than one frame less has "
	  "(Belady's anomaly): in the trace or, without one, in many small "
	  "ones by chance",
	  4 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs: an array of one object a "
	  "run",
	  4 },
	{ "svg", OPT_SVG, "FILE", 0,
	  "Also draw fault ratios against frames into FILE (- : to standard "
	  "output, and nothing else there)",
	  4 },
	{ "timing", OPT_TIMING, 0, 0,
	  "On standard error: how long the trace took, and each run; millions "
	  "of references a second",
	  4 },
	{ "list-policies", OPT_LIST_POLICIES, 0, 0,
	  "List the policies: who has to go, who described it, what a "
	  "reference costs",
	  4 },

	{ 0, 0, 0, 0, "Exercises", 5 },
	{ "quiz", OPT_QUIZ, 0, 0,
	  "Asks who faults and who leaves, and marks the answers", 5 },
	{ "ostep", OPT_OSTEP, "paging-policy", 0,
	  "An exercise of the OSTEP course by its seed; all other options are "
	  "then that program's (--ostep=paging-policy --help)",
	  5 },
	{ "catalogue", OPT_CATALOGUE, 0, OPTION_HIDDEN, 0, 0 },
	{ 0 }
};

void out_of_memory(void)
{
	exit(option_complain(EXIT_FAILURE, "memory is out"));
}

void *have(void *memory)
{
	if (!memory)
		out_of_memory();
	return memory;
}

void *have_zeroed(size_t n, size_t bytes)
{
	return have(calloc(n ? n : 1, bytes));
}

// ## Policies

enum { HELP_COLUMNS = 78 };

// Words, as many a line as fit.
static void put_wrapped(FILE *out, int indent, const char *text)
{
	int used = 0;

	while (*text) {
		int n = (int)strcspn(text, " ");
		if (used && used + 1 + n > HELP_COLUMNS) {
			fputc('\n', out);
			used = 0;
		}
		used += used ? fprintf(out, " %.*s", n, text)
			     : fprintf(out, "%*s%.*s", indent, "", n, text);
		text += n + (text[n] == ' ');
	}
	fputc('\n', out);
}

static _Noreturn void list_policies(void)
{
	for (size_t i = 0; replacements[i]; i++) {
		const struct replacement *p = replacements[i];
		printf("%s%s: %s\n", i ? "\n" : "", p->name, p->title);
		put_wrapped(stdout, 2, p->summary);
		put_wrapped(stdout, 2, p->source);
		printf("  a reference: ");
		put_wrapped(stdout, 0, p->bound);
	}
	exit(options_end(EXIT_SUCCESS));
}

static char *help(int key, const char *text, void *input)
{
	char *all = NULL;
	size_t bytes;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	FILE *out = have(open_memstream(&all, &bytes));
	fputs("Policies:\n", out);
	for (size_t i = 0; replacements[i]; i++) {
		fprintf(out, "  %s\n", replacements[i]->name);
		put_wrapped(out, 6, replacements[i]->summary);
	}
	fprintf(out, "\n%s", text);
	if (fclose(out) != 0)
		return (char *)text;
	return all;
}

static void add_policy(const struct argp_state *state, const char *text,
		       struct request *r, const struct replacement *policy)
{
	for (size_t i = 0; i < r->policies; i++)
		if (r->policy[i] == policy)
			option_refuse(state, "--policy", text,
				      "each policy once: %s is there twice",
				      policy->name);
	r->policy[r->policies++] = policy;
}

static void take_policies(const struct argp_state *state, const char *text,
			  struct request *r)
{
	char *copy = have(strdup(text)), *rest = copy, *name;

	r->policies = 0;
	if (!strcmp(text, "all"))
		for (size_t i = 0; replacements[i]; i++)
			add_policy(state, text, r, replacements[i]);
	else
		while ((name = strsep(&rest, ","))) {
			const struct replacement *p = replacement_named(name);
			if (!p)
				option_refuse(state, "--policy", text,
					      "`all', or names of "
					      "--list-policies with commas "
					      "between");
			add_policy(state, text, r, p);
		}
	free(copy);
}

// ## Frames

static uint32_t frame_count(const struct argp_state *state, const char *all,
			    const char *text)
{
	int64_t value;

	if (parse_number(text, 1, REPLACEMENT_FRAMES, &value) != 0)
		option_refuse(state, "--frames", all,
			      "numbers from 1 to %" PRIu32 " with commas "
			      "between, or ranges such as 1-7",
			      REPLACEMENT_FRAMES);
	return (uint32_t)value;
}

static void add_frames(const struct argp_state *state, const char *text,
		       struct request *r, uint32_t from, uint32_t to)
{
	if (to < from)
		option_refuse(state, "--frames", text,
			      "the smaller number of a range first");
	if (to - from >= MOST_COUNTS - r->counts)
		option_refuse(state, "--frames", text, "at most %d numbers",
			      MOST_COUNTS);
	for (uint64_t n = from; n <= to; n++)
		r->frames[r->counts++] = (uint32_t)n;
}

static void take_frames(const struct argp_state *state, const char *text,
			struct request *r)
{
	char *copy = have(strdup(text)), *rest = copy, *one;

	r->counts = 0;
	r->frames_given = true;
	while ((one = strsep(&rest, ","))) {
		char *dash = *one ? strchr(one + 1, '-') : NULL;
		if (dash)
			*dash = '\0';
		uint32_t from = frame_count(state, text, one);
		uint32_t to = dash ? frame_count(state, text, dash + 1) : from;
		add_frames(state, text, r, from, to);
	}
	free(copy);
}

// ## The rules between options

static void finish_trace(const struct argp_state *state, struct request *r)
{
	struct trace_recipe *recipe = &r->recipe;
	char text[32];

	if ((r->generated || r->string) && r->file)
		exit(option_complain(EXIT_USAGE,
				     "%s: want a file or %s, not both", r->file,
				     r->string ? "--string" : "--generate"));
	if (r->generated && r->string)
		option_refuse(state, "--string", r->string,
			      "it or --generate, not both");
	if (!r->generated && r->chance_option)
		exit(option_complain(EXIT_USAGE,
				     "%s: want --generate=KIND beside it",
				     r->chance_option));
	if (!r->locality_given)
		recipe->locality = recipe->pages < 10 ? 1 : recipe->pages / 10;
	snprintf(text, sizeof text, "%" PRIu64, recipe->locality);
	if (recipe->locality > recipe->pages)
		option_refuse(state, "--locality", text,
			      "no more than the pages, %" PRIu64,
			      recipe->pages);
	snprintf(text, sizeof text, "%" PRIu64, recipe->pages);
	if (r->generated && recipe->kind == TRACE_ZIPF &&
	    recipe->pages > TRACE_MOST_ZIPF)
		option_refuse(state, "--pages", text, "at most %d for zipf",
			      TRACE_MOST_ZIPF);
}

static void finish(const struct argp_state *state, struct request *r)
{
	const char *beside = r->steps ? "--steps" : r->quiz ? "--quiz" : NULL;

	if (r->policies == 0)
		take_policies(state, r->anomaly ? "fifo" : "fifo,lru,opt", r);
	if (r->counts == 0)
		r->frames[r->counts++] = 3;
	if (r->curve && r->anomaly)
		exit(option_complain(EXIT_USAGE,
				     "--anomaly: want it or --curve, not "
				     "both"));
	if ((r->curve || r->anomaly) && beside)
		exit(option_complain(EXIT_USAGE, "%s: want it without %s",
				     beside,
				     r->curve ? "--curve" : "--anomaly"));
	if (r->json && r->svg && !strcmp(r->svg, "-"))
		option_refuse(state, "--svg", r->svg,
			      "a file: standard output is for the JSON");
	if (r->json && r->quiz)
		option_refuse(state, "--format", "json",
			      "text beside --quiz, which asks a person");
	if (r->quiz && !r->generated && !r->string &&
	    (!r->file || !strcmp(r->file, "-")))
		exit(option_complain(EXIT_USAGE,
				     "--quiz: want a file, --string or "
				     "--generate: standard input is for the "
				     "answers"));
	finish_trace(state, r);
}

// ## One option

static error_t parse_chance(int key, char *text, const struct argp_state *state,
			    struct request *r)
{
	static const char *const kinds[] = { "zipf", "uniform", "scan",
					     "loop", "phases",  NULL };
	static const int64_t MOST_REFERENCES = 1000000000000,
			     MOST_PAGES = INT64_C(1) << 30;
	struct trace_recipe *recipe = &r->recipe;

	switch (key) {
	case OPT_GENERATE:
		recipe->kind = (enum trace_kind)option_choice(
			state, "--generate", text, kinds);
		r->generated = true;
		return 0;
	case OPT_REFERENCES:
		r->chance_option = "--references";
		recipe->references = (uint64_t)option_number(
			state, "--references", text, 1, MOST_REFERENCES);
		return 0;
	case OPT_PAGES:
		r->chance_option = "--pages";
		recipe->pages = (uint64_t)option_number(state, "--pages", text,
							1, MOST_PAGES);
		return 0;
	case OPT_EXPONENT:
		r->chance_option = "--exponent";
		recipe->exponent = option_real(state, "--exponent", text, 0,
					       10);
		return 0;
	case OPT_WRITE:
		r->chance_option = "--write";
		recipe->write = option_real(state, "--write", text, 0, 1);
		return 0;
	case OPT_PHASE:
		r->chance_option = "--phase";
		recipe->phase = (uint64_t)option_number(state, "--phase", text,
							1, MOST_REFERENCES);
		return 0;
	case OPT_LOCALITY:
		r->chance_option = "--locality";
		r->locality_given = true;
		recipe->locality = (uint64_t)option_number(state, "--locality",
							   text, 1, MOST_PAGES);
		return 0;
	case OPT_SPARSE:
		r->chance_option = "--sparse";
		recipe->sparse = true;
		return 0;
	case OPT_SEED:
		recipe->seed = (uint64_t)option_number(state, "--seed", text, 0,
						       INT64_MAX);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_played(int key, char *text, const struct argp_state *state,
			    struct request *r)
{
	static const char *const formats[] = { "text", "binary", "lackey",
					       "perf", NULL };
	static const uint64_t MOST_PAGE = UINT64_C(1) << 40;

	switch (key) {
	case OPT_POLICY:
		take_policies(state, text, r);
		return 0;
	case OPT_FRAMES:
		take_frames(state, text, r);
		return 0;
	case OPT_WINDOW:
		r->window = (uint64_t)option_number(state, "--window", text, 1,
						    INT64_MAX);
		return 0;
	case OPT_PERIOD:
		r->period = (uint64_t)option_number(state, "--period", text, 1,
						    INT64_MAX);
		return 0;
	case OPT_STRING:
		r->string = text;
		return 0;
	case OPT_TRACE_FORMAT:
		r->trace_format = TRACE_TEXT + (enum trace_format)option_choice(
						       state, "--trace-format",
						       text, formats);
		return 0;
	case OPT_PAGE_SIZE:
		r->page_bytes = option_size(state, "--page-size", text, 1,
					    MOST_PAGE);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_shown(int key, char *text, const struct argp_state *state,
			   struct request *r)
{
	static const char *const formats[] = { "text", "json", NULL };

	switch (key) {
	case OPT_STEPS:
		r->steps = true;
		return 0;
	case OPT_CURVE:
		r->curve = true;
		return 0;
	case OPT_ANOMALY:
		r->anomaly = true;
		return 0;
	case OPT_FORMAT:
		r->json = option_choice(state, "--format", text, formats);
		return 0;
	case OPT_SVG:
		if (!*text)
			option_refuse(state, "--svg", text, "a file, or -");
		r->svg = text;
		return 0;
	case OPT_TIMING:
		r->timing = true;
		return 0;
	case OPT_QUIZ:
		r->quiz = true;
		return 0;
	case OPT_LIST_POLICIES:
		list_policies();
	case OPT_OSTEP:
		option_refuse(state, "--ostep", text,
			      "the option spelled out, before any --");
	case OPT_CATALOGUE:
		printf("mem/replace\t%s\t%s\ttool\n", replace_summary,
		       replace_chapter);
		exit(options_end(0));
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct request *r = state->input;
	error_t error;

	if (key == ARGP_KEY_END) {
		finish(state, r);
		return 0;
	}
	if (key == ARGP_KEY_ARG) {
		if (r->file)
			exit(option_complain(EXIT_USAGE,
					     "%s: want one file of references, "
					     "or none for standard input",
					     text));
		r->file = text;
		return 0;
	}
	error = parse_played(key, text, state, r);
	if (error == ARGP_ERR_UNKNOWN)
		error = parse_chance(key, text, state, r);
	return error == ARGP_ERR_UNKNOWN ? parse_shown(key, text, state, r)
					 : error;
}

const struct argp replace_argp = {
	.options = table,
	.parser = parse,
	.args_doc = "[FILE]",
	.doc = "Plays page replacement policies on a trace of references from "
	       "FILE (- or none: from standard input), and counts faults.\n"
	       "(chapter 15 · Page replacement)"
	       "\vA trace is text: page numbers, with blanks, commas or line "
	       "ends between; 0x1f3a is an address, divided by the page size; "
	       "r or w before a number says what is done; # begins a comment. "
	       "Or binary (page numbers of 64 bits, little endian), the output "
	       "of valgrind --tool=lackey --trace-mem=yes, or of perf script "
	       "-F addr.\n\n"
	       "Examples:\n"
	       "  replace --string=7,0,1,2,0,3,0,4,2,3 --policy=fifo,lru,opt\n"
	       "  replace --policy=all --frames=3,4,100 trace.txt\n"
	       "  replace --generate=zipf --pages=100000 --curve\n"
	       "  replace --anomaly\n\n"
	       "Exit status: 0 played; 1 the work failed, or an answer of the "
	       "quiz was wrong; 2 bad usage or a mistake in the trace.",
	.help_filter = help,
};

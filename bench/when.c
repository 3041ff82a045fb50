// # bench when: which mechanism when, with the prices of this machine
//
//     $ bench when                                 measures, half a minute
//     $ bench when --json today.json               ... and keeps the result
//     $ bench when --format=markdown today.json    the same, for your notes
//
// Choosing a way for two processes to talk takes three things that stand in
// three places: what it can do (the kernel's manual), what it costs (nobody's
// manual: it depends on the machine), and what speaks against it (experience).
// This table has them in one row.
//
// Of every mechanism three cases are measured, as `bench run` would: a message
// of 64 bytes there and back, both processes on one CPU and on two, and messages
// of 64 KiB one way. What cannot carry so much is measured at its limit.

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "names.h"
#include "options.h"
#include "reader.h"
#include "supervisor.h"
#include "when.h"

static const int64_t CASE_NS = 500000000;

enum format { AS_TEXT, AS_MARKDOWN, AS_JSON };

struct options {
	struct measuring measuring;
	enum format format;
	const char *path; // of a result file; NULL: measure
};

// ## What to measure

// The names of the cases, as plan_make takes them.
struct wishes {
	char names[FIGURES * MAX_MECHANISMS][CASE_NAME_BYTES];
	char *patterns[FIGURES * MAX_MECHANISMS + 1];
	size_t count;
};

static void wish(struct wishes *wishes, const char *family, const char *name,
		 enum placement placement, size_t bytes)
{
	const struct subject *s = plan_subject(family, name, NULL);
	char size[HUMAN_BYTES];

	if (!s) // it has no bandwidth
		return;
	if (!s->missing[0] && s->limit_bytes < bytes)
		bytes = s->limit_bytes;
	wishes->patterns[wishes->count] = wishes->names[wishes->count];
	snprintf(wishes->names[wishes->count++], CASE_NAME_BYTES, "%s/%s/%s/%s",
		 family, name, size_name(size, bytes),
		 placement_names[placement]);
}

// How far apart two processes can be here: on two cores, if there are two.
static enum placement apart(void)
{
	static const enum placement preferred[] = { CROSS_CORE, SMT,
						    CROSS_SOCKET, SAME_CPU };
	struct topology topology;
	int pair[2], i = 0;

	must_neg(topology_read(&topology));
	while (!topology_pair(&topology, preferred[i], pair) &&
	       preferred[i] != SAME_CPU)
		i++;
	topology_free(&topology);
	return preferred[i];
}

static char **cases(void)
{
	static struct wishes wishes;
	enum placement two = apart();

	for (size_t i = 0; channel_mechanisms[i]; i++) {
		const char *name = channel_mechanisms[i]->name;
		wish(&wishes, "ipc", name, SAME_CPU, TRIP_BYTES);
		wish(&wishes, "ipc", name, two, TRIP_BYTES);
		wish(&wishes, "bandwidth", name, two, ONE_WAY_BYTES);
	}
	return wishes.patterns;
}

// ## Telling

static bool tell(struct guide *guide, const struct result *results,
		 size_t count, enum format format)
{
	guide_fill(guide, results, count);
	guide_source(guide);
	if (format == AS_TEXT)
		guide_text(guide);
	else if (format == AS_MARKDOWN)
		guide_markdown(guide);
	else {
		json_t *json = must_ptr(guide_json(guide));
		(void)json_dumpf(json, stdout,
				 JSON_INDENT(1) | JSON_REAL_PRECISION(7));
		putchar('\n');
		json_decref(json);
	}
	for (int k = 0; k < FIGURES; k++)
		if (guide->figures[k].topic)
			return true;
	return false;
}

static void tell_measured(void *argument, const struct result *results,
			  size_t count, const struct run_facts *facts,
			  const json_t *json)
{
	const struct options *o = argument;
	struct guide guide = { .result = json };

	(void)facts;
	(void)tell(&guide, results, count, o->format);
}

static int measure_and_tell(void *argument)
{
	struct options *o = argument;
	o->measuring.patterns = cases();
	return measure(&o->measuring, tell_measured, o);
}

static int tell_file(const struct options *o)
{
	struct reading reading;
	struct retold retold;
	char why[256];
	int status = 0;

	if (!reading_open(&reading, o->path, why)) {
		fprintf(stderr, "bench: %s\n", why);
		return 1;
	}
	must_neg(reading_retell(&reading, &retold));
	struct guide guide = { .result = reading.json, .path = o->path };
	if (!tell(&guide, retold.results, retold.count, o->format)) {
		fflush(stdout);
		fprintf(stderr,
			"bench: %s has no round trips and no bandwidths: make "
			"one with bench when --json FILE\n",
			o->path);
		status = 1;
	}
	retold_free(&retold);
	reading_close(&reading);
	must_neg(names_close());
	return options_end(status);
}

// ## The command

enum { OPTION_FORMAT = 512 };

static error_t parse(int key, char *text, struct argp_state *state)
{
	static const char *const formats[] = { "text", "markdown", "json",
					       NULL };
	struct options *o = state->input;
	const struct measuring *m = &o->measuring;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->measuring;
		return 0;
	case OPTION_FORMAT:
		o->format = option_choice(state, "--format", text, formats);
		return 0;
	case ARGP_KEY_ARG:
		if (o->path)
			argp_error(state, "want one result file, or none");
		o->path = text;
		return 0;
	case ARGP_KEY_END:
		if (o->path && (m->time_ns || m->quick || m->json))
			argp_error(state, "with a result file nothing is "
					  "measured: leave out --time, --quick "
					  "and --json, or the file");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int bench_when(int argc, char **argv)
{
	static const struct argp_option table[] = {
		{ "format", OPTION_FORMAT, "text|markdown|json", 0,
		  "what to print (default: text)", 0 },
		{ 0 }
	};
	static const struct argp_child children[] = {
		{ &measuring_options, 0, NULL, 0 }, { 0 }
	};
	static const struct argp parser = {
		.options = table,
		.parser = parse,
		.children = children,
		.args_doc = "[RESULT.json]",
		.doc = "Which mechanism when: what each way for two processes "
		       "to talk can do, what it costs, and what speaks for and "
		       "against it."
		       "\vWithout a file it measures the cases that the table "
		       "needs. A file is a result of `bench run --json` or of "
		       "`bench when --json`.\n\nExamples:\n"
		       "  bench when\n"
		       "  bench when --json today.json\n"
		       "  bench when --format=markdown today.json",
	};
	struct options options = {
		.measuring = { .pin = true, .case_ns = CASE_NS },
	};

	argp_parse(&parser, argc, argv, 0, NULL, &options);
	return options.path ? tell_file(&options)
			    : supervise(measure_and_tell, &options);
}

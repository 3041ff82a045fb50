// # bench: what context switches and IPC cost on this machine
//
//     $ build/bench/bench run                      the default set, a minute
//     $ build/bench/bench run ipc/pipe --json a.json
//     $ build/bench/bench compare a.json b.json
//     $ build/bench/bench report a.json
//     $ build/bench/bench when                     which mechanism to choose
//     $ build/bench/bench list
//
// How it measures: bench/README.md. How it is put together: bench/bench.h.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "draw.h"
#include "must.h"
#include "names.h"
#include "options.h"

static const struct command {
	const char *name, *title;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "list", "the cases there are", bench_list },
	{ "run", "measure", bench_run },
	{ "when", "which mechanism when: a table for choosing one",
	  bench_when },
	{ "compare", "two or more results: what really differs",
	  bench_compare },
	{ "report", "a result as an HTML page", bench_report },
	{ "rivals", "the same mechanisms, timed by other tools in turn",
	  bench_rivals },
	{ 0 }
};

static int help(FILE *out)
{
	fprintf(out, "Usage: bench COMMAND [OPTION...] [ARGUMENT...]\n"
		     "What context switches and IPC cost on this machine.\n\n");
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  %-10s %s\n", c->name, c->title);
	fprintf(out, "\n  bench COMMAND --help    its options\n"
		     "  bench --version\n\n"
		     "Example: bench run --json today.json && "
		     "bench report today.json\n");
	return 0;
}

// --- bench list ----------------------------------------------------------------

struct list_options {
	bool thorough, json;
	char **patterns;
};

static const struct argp_option list_table[] = {
	{ "thorough", 't', NULL, 0, "the full matrix", 0 },
	{ "format", 'f', "text|json", 0, "what to print (default: text)", 0 },
	{ 0 }
};

static error_t parse_list(int key, char *text, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct list_options *o = state->input;

	switch (key) {
	case 't':
		o->thorough = true;
		return 0;
	case 'f':
		o->json = option_choice(state, "--format", text, formats) == 1;
		return 0;
	case ARGP_KEY_ARGS:
		o->patterns = state->argv + state->next;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int bench_list(int argc, char **argv)
{
	static const struct argp parser = {
		.options = list_table,
		.parser = parse_list,
		.args_doc = "[PATTERN...]",
		.doc = "Names the cases of the default set, or those that "
		       "match."
		       "\vExample: bench list --thorough 'ipc/unix*'",
	};
	struct list_options o = { 0 };
	struct plan plan;
	const char *unmatched;

	argp_parse(&parser, argc, argv, 0, NULL, &o);
	int error = plan_make(&plan, o.thorough ? PLAN_MATRIX : PLAN_USUAL,
			      o.patterns, true, &unmatched);
	if (error == -ENOENT) {
		fprintf(stderr,
			"bench: no case matches '%s': see 'bench list'\n",
			unmatched);
		return 2;
	}
	must_neg(error);
	json_t *list = json_array();
	for (size_t i = 0; i < plan.count; i++) {
		const struct bench_case *c = &plan.cases[i];
		if (o.json)
			json_array_append_new(
				list,
				json_pack("{s:s, s:s, s:s}", "name", c->name,
					  "title", c->subject->title, "skipped",
					  c->excluded));
		else
			printf("%-44s %s\n", c->name,
			       c->excluded[0] ? c->excluded
					      : c->subject->title);
	}
	if (o.json) {
		(void)json_dumpf(list, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	json_decref(list);
	plan_free(&plan);
	must_neg(names_close());
	return options_end(0);
}

// --- dispatch --------------------------------------------------------------------

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";
	static char program[64];

	options_begin("bench");
	names_sweep(); // what cannot be swept is the next run's to say
	if (!strcmp(name, "--help") || !strcmp(name, "help"))
		return options_end(help(argc > 1 ? stdout : stderr))
			       ?: argc > 1 ? 0
					   : 2;
	if (!strcmp(name, "--version")) {
		printf("bench (oslab) %s\n", OSLAB_VERSION);
		return options_end(0);
	}
	if (!strcmp(name, "--catalogue")) {
		puts("bench/bench\twhat context switches and IPC cost on this "
		     "machine\t09 · Context switching\ttool");
		return options_end(0);
	}
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name)) {
			snprintf(program, sizeof program, "bench %s", name);
			argv[1] = program;
			return c->run(argc - 1, argv + 1);
		}
	fprintf(stderr,
		"bench: no command %s: want list, run, when, "
		"compare, report or rivals (bench --help)\n",
		name);
	return 2;
}

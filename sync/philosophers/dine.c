// # A table of your own
//
//     $ build/sync/philosophers dine --philosophers=9 --manner=waiter
//
// As many philosophers as you like, with the manner that you choose, until each
// has had so many meals.

#define _GNU_SOURCE
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "options.h"
#include "scenes.h"
#include "table.h"

enum { MEALS = 100, MOST_MEALS = 1000000 };

static const struct argp_option options[] = {
	{ "philosophers", 'n', "N", 0, "How many: 2 to 32 (5)", 1 },
	{ "manner", 'm', "NAME", 0,
	  "left-first, ordered, waiter, back-off or hygienic (ordered)", 1 },
	{ "meals", 'M', "N", 0, "Until each has had N meals (100)", 1 },
	{ "format", 'f', "text|json", 0, "For people, or for programs", 2 },
	{ 0 }
};

static const char *const formats[] = { "text", "json", NULL };

struct request {
	int n;
	const struct manner *manner;
	long meals;
	bool json;
};

static const struct manner *choose(const struct argp_state *state,
				   const char *text)
{
	const char *names[MANNERS + 1] = { NULL };

	for (int i = 0; i < MANNERS; i++)
		names[i] = manners[i]->name;
	return manners[option_choice(state, "--manner", text, names)];
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case 'n':
		request->n = option_number(state, "--philosophers", text,
					   FEWEST, MOST);
		return 0;
	case 'm':
		request->manner = choose(state, text);
		return 0;
	case 'M':
		request->meals = option_number(state, "--meals", text, 1,
					       MOST_MEALS);
		return 0;
	case 'f':
		request->json = option_choice(state, "--format", text,
					      formats) == 1;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void print_json(const struct table *table)
{
	json_t *all = must_ptr(json_array());

	for (int i = 0; i < table->n; i++) {
		const struct philosopher *p = &table->philosopher[i];
		json_t *one = must_ptr(
			json_pack("{s:I, s:I}", "meals", (json_int_t)p->meals,
				  "overtaken", (json_int_t)p->overtaken));
		must(json_array_append_new(all, one));
	}
	json_t *root = must_ptr(json_pack("{s:s, s:s, s:i, s:o}", "program",
					  "sync/philosophers", "manner",
					  table->manner->name, "refused",
					  table->rings, "philosophers", all));
	must(json_dumpf(root, stdout, JSON_INDENT(2)));
	putchar('\n');
	json_decref(root);
}

int tool_dine(int argc, char **argv)
{
	struct request request = { FIVE, &ordered, MEALS, false };
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Philosophers dine. Drawn is how often each has eaten; "
		       "beside it, the most\n"
		       "meals that a neighbour began while he was hungry "
		       "(overtaken).\v"
		       "Example:\n  philosophers dine --manner=hygienic -n 7",
	};

	options_begin("sync/philosophers dine");
	argp_parse(&argp, argc, argv, 0, NULL, &request);
	struct table *table = table_new(request.n, request.manner);
	dine(table, request.meals);
	if (request.json) {
		print_json(table);
		return options_end(EXIT_SUCCESS);
	}
	char *picture = draw_meals(table);
	printf("%s: %s\n%s", table->manner->name, table->manner->rule, picture);
	if (table->refuses)
		printf("refused %d times to close a ring\n", table->rings);
	free(picture);
	return options_end(EXIT_SUCCESS);
}

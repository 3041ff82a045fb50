// # The address space of any process
//
//     build/mem/anatomy --of=1234

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem/anatomy/anatomy.h"
#include "mem/of/of.h"
#include "must.h"
#include "options.h"

enum {
	OPT_OF = 0x100,
	OPT_FORMAT,
};

static const struct argp_option options[] = {
	{ "of", OPT_OF, "PID", 0, "The process", 0 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs", 0 },
	{ 0 }
};

struct wish {
	pid_t pid;
	int json;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct wish *wish = state->input;

	switch (key) {
	case OPT_OF:
		wish->pid = of_pid(state, arg);
		return 0;
	case OPT_FORMAT:
		wish->json = option_choice(state, "--format", arg, formats);
		return 0;
	case ARGP_KEY_ARG:
		option_refuse(state, "argument", arg, "options only");
	case ARGP_KEY_END:
		if (wish->pid == 0)
			option_refuse(state, "--of", "", "a process's number");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

// ## For programs

static json_t *json_mapping(const struct mapping *mapping,
			    const struct region *region)
{
	char rights[5];

	return must_ptr(json_pack(
		"{s:o, s:o, s:I, s:s, s:I, s:o, s:o}", "begin",
		of_hex(mapping->begin), "end", of_hex(mapping->end), "bytes",
		(json_int_t)(mapping->end - mapping->begin), "rights",
		mapping_rights(mapping, rights), "offset",
		(json_int_t)mapping->offset, "name", of_name(mapping->name),
		"part", of_name(region_name(region))));
}

static void print_json(const struct layout *layout, pid_t pid)
{
	json_t *mappings = must_ptr(json_array());

	for (size_t i = 0; i < layout->maps.count; i++) {
		const struct mapping *mapping = &layout->maps.all[i];
		must(json_array_append_new(
			mappings,
			json_mapping(mapping,
				     layout_find(layout, mapping->begin))));
	}
	json_t *all = must_ptr(json_pack("{s:s, s:i, s:o, s:o}", "program",
					 "mem/anatomy", "pid", (int)pid, "file",
					 of_name(layout->program), "mappings",
					 mappings));

	of_print(all);
}

static void print_picture(const struct layout *layout)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(layout_picture(layout, &canvas, NULL, 0, 0, 0,
						LAYOUT_USER_END));

	fputs(picture, stdout);
	free(picture);
}

int of_main(int argc, char **argv)
{
	static struct layout layout;
	struct wish wish = { 0 };
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "The address space of a process, drawn.\v"
		       "  build/mem/anatomy --of=$$\n\n"
		       "Exit status: 0 done, 1 no such process, 2 bad usage, "
		       "77 this user may not look at it.",
	};

	must_zero(argp_parse(&argp, argc, argv, 0, NULL, &wish));
	int error = layout_read(&layout, wish.pid);
	if (error || layout.count == 0) {
		layout_free(&layout);
		return of_cannot(wish.pid, error);
	}
	if (wish.json)
		print_json(&layout, wish.pid);
	else
		print_picture(&layout);
	layout_free(&layout);
	return options_end(EXIT_SUCCESS);
}

// # Line by line: each step, here and there
//
// The same protocol has the same steps. In threads.c a step is a function that
// calls the next one and waits for it; in machine.c it is cut where it would have
// to wait, and its pieces are called by the loop. This table is made from the two
// sources: where each piece stands, and how long it is, and no function of either
// file is left out.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "simpler.h"

enum { PIECES = 8, WIDTH = 24 };

static const struct step {
	const char *name;
	const char *pieces[WAYS][PIECES]; // functions
} steps[] = {
	{ "wait for a line",
	  { { "next_line" }, { "watch", "take_step", "read_more" } } },
	{ "what it asks for",
	  { { "converse" }, { "take_line", "take_greeting", "take_command" } } },
	{ "add up", { { "add_up" }, { "take_number" } } },
	{ "wait for the back end",
	  { { "wait_for_back_end" },
	    { "enqueue", "dequeue", "time_left_ms", "take_due",
	      "finish_sum" } } },
	{ "answer", { { "answer" }, { "answer", "send_more" } } },
	{ "come and go",
	  { { "serve_caller", "begin_thread" },
	    { "begin_connection", "end_connection", "run" } } },
	{ "the loop", { { "serve" }, { "take_event", "serve_turns", "serve" } } },
};
enum { STEPS = sizeof steps / sizeof *steps, FUNCTIONS = 64 };

struct function {
	char name[40];
	int first, last; // lines
	bool shown;
};

struct source {
	struct function functions[FUNCTIONS];
	int count;
};

// A function begins with a line that is not indented and has a name before a
// bracket, and ends with a } in the first column: that is how this house writes.
static struct source functions_of(const char *path)
{
	struct source source = { 0 };
	struct function *now = NULL;
	char line[256], name[40];
	FILE *file = open_source(path);

	for (int number = 1; fgets(line, sizeof line, file); number++) {
		const char *bracket = strrchr(line, '(');
		bool outside = strchr("/#}{ \t\n", *line) != NULL;
		if (*line == '}' && now) {
			now->last = number;
			now = NULL;
		}
		// An attribute may stand before the name, in brackets, too.
		if (outside || !bracket || strchr(line, ';') || now ||
		    source.count == FUNCTIONS)
			continue;
		const char *end = bracket, *begin = end;
		while (begin > line && strchr(" *)", begin[-1]) == NULL)
			begin--;
		snprintf(name, sizeof name, "%.*s", (int)(end - begin), begin);
		now = &source.functions[source.count++];
		*now = (struct function){ .first = number };
		snprintf(now->name, sizeof now->name, "%s", name);
	}
	must(fclose(file));
	return source;
}

static struct function *find(struct source *source, const char *name)
{
	for (int i = 0; name && i < source->count; i++)
		if (!strcmp(source->functions[i].name, name))
			return &source->functions[i];
	return NULL;
}

// "next_line 30-46", or nothing.
static int print_piece(FILE *out, struct source *source, const char *name)
{
	struct function *f = find(source, name);
	char text[64] = "";

	if (f)
		snprintf(text, sizeof text, "%s %d-%d", f->name, f->first,
			 f->last);
	fprintf(out, "  %-*s", WIDTH, text);
	if (!f)
		return 0;
	f->shown = true;
	return f->last - f->first + 1;
}

static int left_out(const struct source *source)
{
	int n = 0;

	for (int i = 0; i < source->count; i++)
		n += !source->functions[i].shown;
	return n;
}

void scene_steps(void)
{
	struct source sources[WAYS];
	char *text;
	size_t bytes;
	int longer = 0;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	for (int way = 0; way < WAYS; way++)
		sources[way] = functions_of(ways[way]->source);
	fprintf(out, "%-21s  %-*s  %s\n", "lines of", WIDTH, "threads.c",
		"machine.c");
	for (int s = 0; s < STEPS; s++) {
		int lines[WAYS] = { 0 };
		for (int i = 0; i < PIECES; i++) {
			if (!steps[s].pieces[THREADS][i] &&
			    !steps[s].pieces[MACHINE][i])
				continue;
			fprintf(out, "%-21s", i ? "" : steps[s].name);
			for (int way = 0; way < WAYS; way++)
				lines[way] +=
					print_piece(out, &sources[way],
						    steps[s].pieces[way][i]);
			fputc('\n', out);
		}
		char sum[32];
		snprintf(sum, sizeof sum, "= %d lines", lines[THREADS]);
		fprintf(out, "%-21s  %-*s  = %d lines\n", "", WIDTH, sum,
			lines[MACHINE]);
		longer += lines[MACHINE] > lines[THREADS];
	}
	must(fclose(out));
	show_text(text);
	free(text);
	say("%d of %d steps are longer as a machine", longer, STEPS);
	claim(!left_out(&sources[THREADS]) && !left_out(&sources[MACHINE]),
	      "no function of either is left out");
}

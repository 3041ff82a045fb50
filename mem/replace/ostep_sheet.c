// # The sheet: the exercise, its answers, the questions

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "mem/replace/ostep_parts.h"
#include "mem/replace/replace.h"
#include "quiz.h"

static double hit_rate(const struct sheet *sheet)
{
	return 100.0 * (double)sheet->hits / (double)sheet->count;
}

// ## JSON

static void json_step(const struct sheet_step *step, bool first)
{
	printf("%s{\"page\": %" PRId64 ", \"hit\": %s, \"victim\": ",
	       first ? "\n" : ",\n", step->page, step->hit ? "true" : "false");
	if (step->leaves)
		printf("%" PRId64, step->victim);
	else
		printf("null");
	printf(", \"memory\": [");
	for (size_t i = 0; i < step->count; i++)
		printf("%s%" PRId64, i ? ", " : "", step->pages[i]);
	printf("]}");
}

static void show_json(const struct sheet *sheet, const struct sheet_rule *rule)
{
	printf("[{\"policy\": \"%s\", \"frames\": %" PRId64
	       ", \"references\": %zu, \"hits\": %zu, \"faults\": %zu, "
	       "\"writebacks\": 0, \"hitrate\": %.2f",
	       sheet_rule_house(rule), sheet->options->frames, sheet->count,
	       sheet->hits, sheet->count - sheet->hits, hit_rate(sheet));
	if (!sheet->options->notrace) {
		printf(",\n\"steps\": [");
		for (size_t i = 0; i < sheet->count; i++)
			json_step(&sheet->steps[i], i == 0);
		printf("]");
	}
	puts("}]");
}

// ## Text

static void put_problem(FILE *out, const struct sheet *sheet)
{
	const struct ostep *o = sheet->options;

	fprintf(out, "%s, %" PRId64 " frame%s; ", o->policy, o->frames,
		o->frames == 1 ? "" : "s");
	if (*o->file)
		fprintf(out, "the references of %s\n\n", o->file);
	else if (strcmp(o->addresses, "-1") != 0)
		fprintf(out, "the references as listed\n\n");
	else
		fprintf(out, "seed %" PRIu64 "\n\n", o->seed);
	fprintf(out, "references:");
	for (size_t i = 0; i < sheet->count; i++)
		fprintf(out, " %" PRId64, sheet->references[i]);
	fprintf(out, "\n");
	if (!o->compute && !o->quiz)
		fprintf(out, "\nOf each: a hit or a miss? Which pages are in "
			     "memory after it? Which one left?\n");
}

static void put_why(FILE *out, const struct sheet *sheet,
		    const struct sheet_step *step)
{
	const char *policy = sheet->options->policy;
	bool never = step->next == sheet->count;

	fprintf(out, "        %" PRId64 " leaves: ", step->victim);
	if (!strcmp(policy, "FIFO"))
		fprintf(out, "it was loaded longest ago\n");
	else if (!strcmp(policy, "LRU"))
		fprintf(out, "it was not used for the longest time\n");
	else if (!strcmp(policy, "MRU"))
		fprintf(out, "it was used last\n");
	else if (!strcmp(policy, "RAND"))
		fprintf(out, "chance picked place %zu of the list, from 0\n",
			step->place);
	else if (never)
		fprintf(out, "it never comes again%s\n",
			!strcmp(policy, "OPT")
				? ", and was loaded last of those"
				: ", as all here, and was loaded first");
	else
		fprintf(out, "it comes again %s, as reference %zu\n",
			!strcmp(policy, "OPT") ? "last" : "first",
			step->next + 1);
}

static void put_steps(FILE *out, const struct sheet *sheet)
{
	size_t hits = 0;

	fprintf(out,
		"\n%6s  %-4s  %6s  %6s  %6s  memory, first in on the "
		"left\n",
		"page", "", "leaves", "hits", "misses");
	for (size_t i = 0; i < sheet->count; i++) {
		const struct sheet_step *step = &sheet->steps[i];
		char victim[32] = "-";
		if (step->leaves)
			snprintf(victim, sizeof victim, "%" PRId64,
				 step->victim);
		hits += step->hit;
		fprintf(out, "%6" PRId64 "  %-4s  %6s  %6zu  %6zu ", step->page,
			step->hit ? "hit" : "miss", victim, hits, i + 1 - hits);
		for (size_t k = 0; k < step->count; k++)
			fprintf(out, " %" PRId64, step->pages[k]);
		fputc('\n', out);
		if (sheet->options->explain && step->leaves)
			put_why(out, sheet, step);
	}
}

static void put_answers(FILE *out, const struct sheet *sheet)
{
	if (!sheet->options->notrace)
		put_steps(out, sheet);
	fprintf(out, "\n%zu hits, %zu misses, hit rate %.2f %%\n", sheet->hits,
		sheet->count - sheet->hits, hit_rate(sheet));
}

// To the width of the terminal.
static void show(const struct sheet *sheet,
		 void (*put)(FILE *, const struct sheet *))
{
	struct canvas canvas = canvas_of(1);
	char *text = NULL;
	size_t bytes;
	FILE *out = have(open_memstream(&text, &bytes));

	put(out, sheet);
	if (fclose(out) != 0)
		out_of_memory();
	char *lines = have(draw_text(&canvas, text));
	fputs(lines, stdout);
	free(lines);
	free(text);
}

// ## Questions

static int ask(const struct sheet *sheet)
{
	struct quiz quiz = { 0 };
	bool on = true;

	for (size_t i = 0; i < sheet->count && on; i++) {
		const struct sheet_step *step = &sheet->steps[i];
		on = quiz_ask(&quiz, step->hit,
			      "reference %zu, page %" PRId64
			      ": is it a hit (1 yes, 0 no)",
			      i + 1, step->page);
		if (on && step->leaves)
			on = quiz_ask(&quiz, (double)step->victim,
				      "reference %zu, page %" PRId64
				      ": which page leaves",
				      i + 1, step->page);
	}
	if (on)
		quiz_ask(&quiz, hit_rate(sheet), "the hit rate in percent");
	return quiz_end(&quiz);
}

int sheet_show(struct sheet *sheet, const struct sheet_rule *rule)
{
	const struct ostep *o = sheet->options;
	int status = 0;

	sheet_solve(sheet, rule, (o->json || o->compute) && !o->notrace);
	if (o->json) {
		show_json(sheet, rule);
		return 0;
	}
	show(sheet, put_problem);
	if (o->quiz)
		status = ask(sheet);
	if (o->compute)
		show(sheet, put_answers);
	return status;
}

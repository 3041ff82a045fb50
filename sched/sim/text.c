// # For people: charts, tables, and which policy did best at what

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "must.h"
#include "options.h"
#include "sched/chart/chart.h"
#include "sim.h"

void print_and_free(char *picture)
{
	if (!picture)
		exit(option_complain(
			EXIT_FAILURE,
			"there is not enough memory to draw that"));
	fputs(picture, stdout);
	free(picture);
}

void put_wrapped(FILE *out, int columns, const char *before, int indent,
		 const char *text)
{
	char *copy = must_ptr(strdup(text)), *rest = copy, *word;
	int used = text_columns(before);
	const char *blank = "";

	fputs(before, out);
	while ((word = strsep(&rest, " "))) {
		int width = text_columns(word);
		if (*blank && used + 1 + width > columns) {
			used = fprintf(out, "\n%*s", indent, "") - 1;
			blank = "";
		}
		used += fprintf(out, "%s", blank) + width;
		fputs(word, out);
		blank = " ";
	}
	putc('\n', out);
	free(copy);
}

void show_text(const struct request *request, const struct jobs *jobs,
	       const struct played *played, int64_t until_ns)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	const struct chart chart = { played->title, &played->history,
				     until_ns };
	bool many = jobs->count > request->rows;

	if (many)
		printf("%s (%s)\n\n", played->title,
		       policy_kind(played->policy));
	else
		print_and_free(chart_gantt(&canvas, jobs, &chart, 1));
	if (!many)
		putchar('\n');
	print_and_free(chart_table(&canvas, jobs, &played->history,
				   many ? 0 : request->rows));
}

void show_comparison(const struct played *played, size_t n)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct compared *rows = must_ptr(calloc(n, sizeof *rows));

	for (size_t i = 0; i < n; i++)
		rows[i] = (struct compared){ played[i].policy->name,
					     played[i].summary };
	putchar('\n');
	print_and_free(chart_comparison(&canvas, rows, n));
	free(rows);
}

void show_hint(const struct request *request, const struct jobs *jobs)
{
	char text[TITLE_BYTES];

	snprintf(text, sizeof text,
		 "%zu jobs are more than %zu: no charts. --rows=N draws up to "
		 "N of them.",
		 jobs->count, request->rows);
	put_wrapped(stdout, canvas_of(STDOUT_FILENO).columns, "\n", 0, text);
}

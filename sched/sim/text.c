// # For people: charts, tables, and which policy did best at what

#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "must.h"
#include "sched/chart/chart.h"
#include "sim.h"

static void print_and_free(char *picture)
{
	fputs(must_ptr(picture), stdout);
	free(picture);
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
	printf("\n%zu jobs are more than %zu: no charts. --rows=N draws up to "
	       "N "
	       "of them.\n",
	       jobs->count, request->rows);
}

// # The pictures and the table

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "draw.h"
#include "eras.h"
#include "lab.h"
#include "sched/chart/chart.h"

// Predicted and observed under each other, on one time scale.
void show_run(const struct run *run)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char titles[2][40];
	struct chart charts[] = {
		{ .title = titles[0], .history = &run->predicted },
		{ .title = titles[1], .history = &run->observed },
	};

	snprintf(titles[0], sizeof *titles, "%s, predicted", run->era->title);
	snprintf(titles[1], sizeof *titles, "%s, observed", run->era->title);
	char *picture = must_ptr(chart_gantt(&canvas, mix(), charts, 2));
	show(picture);
	free(picture);
	if (!run->notes.traced)
		say("no records from the kernel: others' time counts as ours");
	say("%.1f of %.1f ms were lost to switches and other processes",
	    (double)run->real.lost_ns / 1e6 / run->era->cpus,
	    (double)run->observed.end_ns / 1e6);
	if (run->attempts > 1)
		say("(the calmest of %d runs: this machine is busy)",
		    run->attempts);
}

// The eras under each other, as they were observed.
void show_eras(const struct run *runs, size_t n)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct chart charts[ERAS];

	for (size_t i = 0; i < n; i++)
		charts[i] = (struct chart){ .title = runs[i].era->title,
					    .history = &runs[i].observed };
	char *picture = must_ptr(chart_gantt(&canvas, mix(), charts, n));
	show(picture);
	free(picture);
}

static void print_row(FILE *out, const char *name,
		      const struct account *account, int cpus)
{
	fprintf(out, " %-9s%6.1f%9.1f%9.1f", name, 100 * account->utilisation,
		(double)account->response_ns / 1e6,
		(double)account->makespan_ns / 1e6);
	if (account->lost_ns > 0)
		fprintf(out, "%6.1f", (double)account->lost_ns / 1e6 / cpus);
	fputc('\n', out);
}

// Makespan and response are in our time; what was lost comes on top of it.
void show_figures(const struct run *runs, size_t n)
{
	char *text;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	fputs("            busy response makespan  lost\n"
	      "               %       ms       ms    ms\n",
	      out);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\n", runs[i].era->title);
		print_row(out, "predicted", &runs[i].model, runs[i].era->cpus);
		print_row(out, "observed", &runs[i].real, runs[i].era->cpus);
	}
	must(fclose(out));
	show(text);
	free(text);
}

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
	if (!run->who_known)
		say("no records of the kernel: others count as late");
	say("of %.1f ms others had %.1f, and jobs were %.1f late",
	    (double)run->observed.end_ns / 1e6,
	    (double)run->real.lost_ns / 1e6 / run->era->cpus,
	    (double)run->real.late_ns / 1e6 / run->era->cpus);
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

static void print_row(FILE *out, const char *name, double utilisation,
		      double response_ns, int64_t makespan_ns)
{
	fprintf(out, " %-12s%6.1f%9.1f%9.1f", name, 100 * utilisation,
		response_ns / 1e6, (double)makespan_ns / 1e6);
}

static void print_account(FILE *out, const char *name,
			  const struct account *account)
{
	print_row(out, name, account->utilisation, (double)account->response_ns,
		  account->makespan_ns);
	fputc('\n', out);
}

// As it was, and with it what others and we ourselves have done to it.
static void print_observed(FILE *out, const struct run *run)
{
	struct summary raw = history_summary(&run->observed);

	print_row(out, "observed", raw.utilisation, raw.response_ns,
		  run->observed.end_ns);
	fprintf(out, "\n  (others %.1f ms, late %.1f ms)\n",
		(double)run->real.lost_ns / 1e6 / run->era->cpus,
		(double)run->real.late_ns / 1e6 / run->era->cpus);
}

void show_figures(const struct run *runs, size_t n)
{
	char *text;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	fputs("               busy response makespan\n"
	      "                  %       ms       ms\n",
	      out);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\n", runs[i].era->title);
		print_account(out, "predicted", &runs[i].model);
		print_observed(out, &runs[i]);
		print_account(out, "less others", &runs[i].real);
	}
	fputs("others: had a CPU while a job was due.\n"
	      "less others: by a clock that stood still\n"
	      "meanwhile. late: a job was due, nobody\n"
	      "else was there, and it did not run.\n",
	      out);
	must(fclose(out));
	show(text);
	free(text);
}

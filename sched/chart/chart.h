// chart.h - histories as pictures, tables, JSON and SVG
//
// For sim, gantt, duel and eras alike. Strings are the caller's (free); NULL
// when memory is out. Nothing is printed here.

#ifndef SCHED_CHART_H
#define SCHED_CHART_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "draw.h"
#include "sched/model/history.h"
#include "sched/model/jobs.h"

// A Gantt chart: one row a job (each with the letter or mark by how the slice
// ended), from arrival (waiting shown apart from not yet there or in I/O) to
// completion. Several histories of the same jobs stand one under the other on
// one time scale, each below its title (NULL: none). A history without its
// slices shows only when the jobs arrive.
//
// Borders are rounded to the nearest column. A column in which some slice is
// too short for that shows of every job how much of the column it ran: by the
// height of a block, or in ASCII by "-" (less than half) and "=".
struct chart {
	const char *title;
	const struct history *history;
	int64_t until_ns; // the time scale goes at least so far; 0: as far as
			  // the longest history
};
char *chart_gantt(const struct canvas *canvas, const struct jobs *jobs,
		  const struct chart *charts, size_t n);

// response, turnaround, waiting, switches of each job (the first `rows` jobs),
// the means, and a line of utilisation, throughput, fairness. Wider canvases
// also get arrivals and CPU times.
char *chart_table(const struct canvas *canvas, const struct jobs *jobs,
		  const struct history *history, size_t rows);

// Several of these side by side, one row each: the means, and what else is known
// of all jobs together; as many columns as fit.
struct compared {
	const char *name;
	struct summary summary;
};
char *chart_comparison(const struct canvas *canvas, const struct compared *rows,
		       size_t n);

// A whole SVG document of the charts, light and dark.
char *chart_svg(const struct jobs *jobs, const struct chart *charts, size_t n);

// {"policy", "jobs": [...], "averages": {...}, "slices": [...]}, times in units
// of `unit_ns` (1000000: ms). NULL when memory is out.
json_t *chart_json(const char *policy, const struct jobs *jobs,
		   const struct history *history, double unit_ns);

// Its parts, for who writes a million of them one by one: an element of "jobs",
// one of "slices", "averages".
json_t *chart_json_job(const struct jobs *jobs, const struct history *history,
		       size_t job, double unit_ns);
json_t *chart_json_slice(const struct jobs *jobs, const struct slice *slice,
			 double unit_ns);
json_t *chart_json_averages(const struct history *history, double unit_ns);

// What they are made of: a job's name (as UTF-8, whatever it holds), a time.
json_t *chart_json_name(const struct jobs *jobs, int job);
json_t *chart_json_time(int64_t ns, double unit_ns);

#endif

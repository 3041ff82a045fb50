// # The report for people: a picture, two tables, and what disturbed

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "draw_pen.h"
#include "gantt.h"
#include "must.h"
#include "sched/chart/chart.h"
#include "sched/live/attributes.h"

// ## Words

// A sentence, as many words a line as fit.
static void sentence(const struct canvas *canvas, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void sentence(const struct canvas *canvas, const char *fmt, ...)
{
	char text[2 * TOLD_BYTES];
	va_list values;
	int at = 0;

	va_start(values, fmt);
	vsnprintf(text, sizeof text, fmt, values);
	va_end(values);
	for (char *rest = text, *word; (word = strsep(&rest, " "));) {
		int columns = text_columns(word);
		if (at && at + 1 + columns > canvas->columns) {
			putchar('\n');
			at = 0;
		}
		printf("%s%s", at ? " " : "", word);
		at += columns + (at > 0);
	}
	putchar('\n');
}

void untraced_reason(const struct live_notes *notes, char text[REASON_BYTES])
{
	*text = '\0';
	if (notes->traced)
		return;
	switch (notes->trace_error) {
	case 0:
		snprintf(text, REASON_BYTES, "they were not asked for");
		break;
	case -EACCES:
	case -EPERM:
		snprintf(text, REASON_BYTES,
			 "they are forbidden here (perf_event_open: %s; "
			 "/proc/sys/kernel/perf_event_paranoid must be 2 or "
			 "less, and no filter of a container in the way)",
			 strerror(-notes->trace_error));
		break;
	default:
		snprintf(text, REASON_BYTES,
			 "this kernel or container has none "
			 "(perf_event_open: %s)",
			 strerror(-notes->trace_error));
	}
}

// ## How it was scheduled

static bool is_realtime(const struct live *live)
{
	return live->policy == K_FIFO || live->policy == K_RR;
}

static void print_title(const struct run *run, const struct canvas *canvas)
{
	char list[CPU_LIST_BYTES];
	size_t n = run->jobs.count;

	sentence(canvas,
		 "%zu process%s, policy %s, %s; what the kernel did, from %s",
		 n, n == 1 ? "" : "es", kernel_policy_names[run->live.policy],
		 cpu_list(run, list),
		 run->notes.traced ? "its own records"
				   : "the processes' own clocks");
	putchar('\n');
}

// ## Voluntary and involuntary

struct leaves leaves_of(const struct history *history, int job)
{
	struct leaves n = { 0, 0 };

	for (size_t i = 0; i < history->slice_count; i++) {
		const struct slice *slice = &history->slices[i];
		if (slice->job != job)
			continue;
		n.voluntary += slice->end == SLICE_BLOCKED;
		n.involuntary += slice->end == SLICE_PREEMPTED;
	}
	return n;
}

// What the kernel was asked for, per job: "nice 5", "priority 49", "10 ms each
// 30 ms".
static void terms(const struct run *run, int job, char text[64])
{
	const struct live *live = &run->live;
	char told[TOLD_BYTES], runtime[HUMAN_BYTES], period[HUMAN_BYTES];

	if (is_realtime(live)) {
		snprintf(text, 64, "priority %d",
			 realtime_priority(live, &run->jobs, job, told));
	} else if (live->policy == K_DEADLINE) {
		struct reservation r = reservation_for(live, &run->jobs, job);
		snprintf(text, 64, "%s each %s",
			 human_duration(runtime, (double)r.runtime_ns),
			 human_duration(period, (double)r.period_ns));
	} else {
		snprintf(text, 64, "nice %d",
			 nice_of_job(live, &run->jobs, job));
	}
}

static void print_leaves(const struct run *run, const struct canvas *canvas)
{
	enum { MOST = 40, GAP = 2 };
	struct pen pen = pen_begin(canvas);
	char name[JOB_NAME_BYTES], text[128], how[64];
	int width = 3;
	size_t rows = run->jobs.count < MOST ? run->jobs.count : MOST;

	for (size_t i = 0; i < rows; i++) {
		int own = text_columns(job_name(&run->jobs, (int)i, name));
		width = own > width ? own : width;
	}
	if (width > canvas->columns - 38)
		width = canvas->columns - 38 > 3 ? canvas->columns - 38 : 3;
	pen_colour(&pen, PEN_FAINT);
	pen_text(&pen, "job", width, PEN_LEFT);
	pen_write(&pen, "  left  taken off  terms");
	pen_colour(&pen, NULL);
	pen_newline(&pen);
	for (size_t i = 0; i < rows; i++) {
		struct leaves n = leaves_of(&run->history, (int)i);
		terms(run, (int)i, how);
		pen_text(&pen, job_name(&run->jobs, (int)i, name), width,
			 PEN_LEFT);
		snprintf(text, sizeof text, "%6u  %9u  %s", n.voluntary,
			 n.involuntary, how);
		pen_write(&pen, text);
		pen_newline(&pen);
	}
	char *picture = must_ptr(pen_end(&pen));
	printf("%s\n", picture);
	free(picture);
	sentence(canvas,
		 "left: by itself, to wait (voluntary); taken off: though it "
		 "could have gone on (involuntary), for another job or a "
		 "stranger. switches, above: a CPU came to the job from "
		 "another one of these, or for the first time.");
	if (!run->notes.stopped)
		sentence(canvas,
			 "The kernel's own counters for all of them "
			 "(getrusage): %ld voluntary, %ld involuntary.",
			 run->notes.voluntary, run->notes.involuntary);
}

// ## What disturbed

static void print_observation(const struct run *run,
			      const struct canvas *canvas)
{
	const struct live_notes *n = &run->notes;
	char why[REASON_BYTES];

	if (!n->traced) {
		untraced_reason(n, why);
		sentence(canvas,
			 "Not from the kernel's switch records: %s. The "
			 "processes watched their own clocks instead, in steps "
			 "of 20 us. Who was taken off at the very beginning of "
			 "a burst, twice within a step, or for less than 5 us "
			 "shows it only in the kernel's counters.",
			 why);
	}
	if (n->lost)
		sentence(canvas,
			 "%llu records did not fit and are lost: the picture "
			 "has holes.",
			 (unsigned long long)n->lost);
	if (n->stopped)
		sentence(canvas, "Interrupted: this is what happened so far.");
	if (n->late_ns > 0)
		sentence(canvas,
			 "The machine was so busy that the processes were not "
			 "ready at time 0, but %.1f ms later.",
			 (double)n->late_ns / 1e6);
}

static double asked_for_ns(const struct jobs *jobs)
{
	double sum = 0;

	for (size_t i = 0; i < jobs->count; i++)
		sum += (double)job_cpu_ns(jobs, (int)i);
	return sum;
}

static void print_disturbance(const struct run *run,
			      const struct canvas *canvas)
{
	const struct live_notes *n = &run->notes;
	const double error_ns = (double)n->work_error_ns;
	char text[HUMAN_BYTES], list[CPU_LIST_BYTES];

	if (n->stolen_ns > 0)
		sentence(canvas,
			 "The hypervisor ran somebody else for %s (steal "
			 "time, known to 10 ms): those who had the CPU then "
			 "seem to have computed longer.",
			 human_duration(text, (double)n->stolen_ns));
	if (n->others_ns > 0)
		sentence(canvas,
			 "For %s in stretches of more than 0.1 ms, some job "
			 "was ready and none had %s%s.",
			 human_duration(text, (double)n->others_ns),
			 cpu_list(run, list),
			 is_realtime(&run->live)
				 ? ": interrupts, the hypervisor, or real-time "
				   "throttling (the kernel keeps 5 % of each "
				   "second for the others: "
				   "/proc/sys/kernel/sched_rt_runtime_us)"
				 : ": strangers, interrupts or the hypervisor");
	if (!n->stopped)
		sentence(canvas,
			 "The bursts took %s of CPU time %s than was asked for "
			 "(%+.1f %%): that is the machine, not the scheduler.",
			 human_duration(text, fabs(error_ns)),
			 error_ns < 0 ? "less" : "more",
			 error_ns * 100 / asked_for_ns(&run->jobs));
}

void report_print(const struct run *run, const struct canvas *canvas)
{
	const struct chart chart = { .history = &run->history };
	enum { MOST = 40 };

	print_title(run, canvas);
	char *picture = must_ptr(chart_gantt(canvas, &run->jobs, &chart, 1));
	printf("%s\n", picture);
	free(picture);
	char *table =
		must_ptr(chart_table(canvas, &run->jobs, &run->history, MOST));
	printf("%s\n", table);
	free(table);
	print_leaves(run, canvas);
	putchar('\n');
	print_observation(run, canvas);
	print_disturbance(run, canvas);
}

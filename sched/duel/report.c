// # For people: two charts, a table, and why
//
// Every figure below was measured in the round that is shown; what could not be
// measured is not said.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "duel.h"
#include "host.h"
#include "options.h"
#include "sched/chart/chart.h"
#include "text.h"

enum { BOTH_COLUMNS = 78, NAME_COLUMNS = 12 };

struct report {
	FILE *out;
	const struct duel *duel;
	const struct round *round;
	struct canvas canvas;
	struct spent model, machine;
};

// ## The charts

static const char *ruler(const struct duel *duel)
{
	return duel->rule ? duel->rule->title : "our dispatcher";
}

static int print_charts(const struct report *r)
{
	char predicted[128], observed[128];
	const struct duel *duel = r->duel;
	const char *policy = duel->options->policy->name;
	const struct chart charts[] = {
		{ .title = predicted, .history = &duel->predicted },
		{ .title = observed, .history = &r->round->observed },
	};

	snprintf(predicted, sizeof predicted, "predicted: %s, the model",
		 policy);
	snprintf(observed, sizeof observed, "observed: %s, %s", policy,
		 ruler(duel));
	char *text = chart_gantt(&r->canvas, &duel->jobs, charts, 2);
	if (text)
		fputs(text, r->out);
	free(text);
	return text ? 0 : -1;
}

// ## The table

static int name_columns(const struct duel *duel)
{
	int widest = 3;

	for (size_t i = 0; i < duel->jobs.count; i++) {
		char text[JOB_NAME_BYTES];
		int n = text_columns(job_name(&duel->jobs, (int)i, text));
		widest = n > widest ? n : widest;
	}
	return widest > NAME_COLUMNS ? NAME_COLUMNS : widest;
}

// Cut to its column, filled up with blanks.
static void put_name(const struct report *r, size_t job, int columns)
{
	char text[JOB_NAME_BYTES], cut[JOB_NAME_BYTES];

	snprintf(cut, sizeof cut, "%s",
		 job_name(&r->duel->jobs, (int)job, text));
	while (text_columns(cut) > columns)
		text_shorten(cut);
	fprintf(r->out, "%s%*s", cut, columns - text_columns(cut), "");
}

static void put_errors(const struct report *r, size_t job, enum error_of which)
{
	const struct measure *m = &r->duel->predicted.measures[job];
	double predicted = (double)(which == RESPONSE ? m->response_ns
						      : m->turnaround_ns);
	double error = error_ns(r->duel, job, which);

	fprintf(r->out, " %9.2f %9.2f %+8.2f", predicted / 1e6,
		(predicted + error) / 1e6, error / 1e6);
	if (which == TURNAROUND)
		fprintf(r->out, " %+6.1f", error_percent(r->duel, job, which));
}

static void print_table(const struct report *r, bool turnaround, bool response)
{
	int columns = name_columns(r->duel);

	fprintf(r->out, "\n%*s", columns, "");
	if (turnaround)
		fprintf(r->out, " %-*s", response ? 36 : 0, "turnaround, ms");
	if (response)
		fputs(" response, ms", r->out);
	fprintf(r->out, "\n%-*s", columns, "job");
	if (turnaround)
		fprintf(r->out, " %9s %9s %8s %6s", "predicted", "observed",
			"error", "%");
	if (response)
		fprintf(r->out, " %9s %9s %8s", "predicted", "observed",
			"error");
	putc('\n', r->out);
	for (size_t i = 0; i < r->duel->jobs.count; i++) {
		put_name(r, i, columns);
		if (turnaround)
			put_errors(r, i, TURNAROUND);
		if (response)
			put_errors(r, i, RESPONSE);
		putc('\n', r->out);
	}
}

// ## The order

static void print_order(const struct report *r)
{
	const struct duel *duel = r->duel;
	int equal = orders_equal(duel), rounds = duel->rounds_done;
	char text[2][JOB_NAME_BYTES];
	const struct measure *p = duel->predicted.measures;
	size_t i = 0;

	if (equal == rounds) {
		print_point(r->out, &r->canvas, "order",
			    "equal%s: the jobs are done in the order that the "
			    "model said.",
			    rounds > 1 ? " in every round" : "");
		return;
	}
	if (r->round->order_equal) {
		print_point(r->out, &r->canvas, "order",
			    "of completion: equal in %d rounds of %d, this one "
			    "among them.",
			    equal, rounds);
		return;
	}
	while (duel->order[0][i] == duel->order[1][i])
		i++;
	int first = duel->order[0][i], other = duel->order[1][i];
	const char *a = job_name(&duel->jobs, first, text[0]);
	const char *b = job_name(&duel->jobs, other, text[1]);
	print_point(
		r->out, &r->canvas, "order",
		"of completion: not equal (in %d rounds of %d it was). The "
		"model lets %s end at %.2f ms and %s at %.2f; on the "
		"machine %s was first.",
		equal, rounds, a,
		(double)(p[first].arrival_ns + p[first].turnaround_ns) / 1e6, b,
		(double)(p[other].arrival_ns + p[other].turnaround_ns) / 1e6,
		b);
}

// ## Why
//
// On each CPU the time until the last job is done is computing, standing still,
// switching, waking up, being put aside, somebody else's, or idleness: their
// differences add up to that of the ends. What is nothing is left away, but for
// the first terms.

enum { ALWAYS = 3, TERMS_BYTES = 400 };

static void end_terms(const struct report *r, char text[TERMS_BYTES])
{
	const struct spent *m = &r->machine;
	const struct {
		int64_t ns;
		const char *name;
	} terms[] = {
		{ r->round->notes.work_error_ns, "computing" },
		{ m->switches.sum_ns - r->duel->predicted.switching_ns,
		  "switching" },
		{ m->idle_ns - r->model.idle_ns, "idle" },
		{ paused_ns(r->duel, r->round), "standing still" },
		{ m->wakings.sum_ns, "waking up" },
		{ m->aside.sum_ns, "put aside" },
		{ m->strangers.sum_ns, "strangers" },
		{ m->late.sum_ns, "late" },
		{ m->throttled.sum_ns, "throttled" },
	};
	size_t at = 0;

	for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
		if (i < ALWAYS || llabs(terms[i].ns) >= 5000)
			at += (size_t)snprintf(text + at, TERMS_BYTES - at,
					       "%s%+.2f %s", at ? ", " : "",
					       (double)terms[i].ns / 1e6,
					       terms[i].name);
}

static void print_end(const struct report *r)
{
	const struct history *p = &r->duel->predicted;
	const struct history *o = &r->round->observed;
	int cpus = r->duel->cpu_count;
	char each[64] = "", terms[TERMS_BYTES];

	if (cpus > 1)
		snprintf(each, sizeof each,
			 " on each of %d CPUs, so, all "
			 "together",
			 cpus);
	end_terms(r, terms);
	print_point(r->out, &r->canvas, "end",
		    "the last job was done at %.2f ms, %+.2f against the "
		    "model%s: %s.",
		    (double)o->end_ns / 1e6,
		    (double)(o->end_ns - p->end_ns) / 1e6, each, terms);
}

static void print_gaps(const struct report *r, const char *title,
		       const struct gaps *gaps, const char *what)
{
	char median[HUMAN_BYTES], longest[HUMAN_BYTES], sum[HUMAN_BYTES];

	if (!gaps->count)
		return;
	print_point(r->out, &r->canvas, title,
		    "%zu %s %s: %s in the middle, %s at most, %s in all.",
		    gaps->count, gaps->count == 1 ? "time" : "times", what,
		    human_duration(median, gaps->median_ns),
		    human_duration(longest, gaps->longest_ns),
		    human_duration(sum, (double)gaps->sum_ns));
}

static void print_work(const struct report *r)
{
	double asked = 0, error = (double)r->round->notes.work_error_ns;

	for (size_t i = 0; i < r->duel->jobs.count; i++)
		asked += (double)job_cpu_ns(&r->duel->jobs, (int)i);
	print_point(r->out, &r->canvas, "work",
		    "the bursts are as much computing as took %.2f ms when "
		    "this CPU was measured at its fastest, just before; now it "
		    "took %.2f ms of CPU time (%+.1f %%).",
		    asked / 1e6, (asked + error) / 1e6, 100 * error / asked);
}

// Without the kernel's records the dispatcher knows of no stranger: its stretch
// is the job's.
static void print_pauses(const struct report *r)
{
	int64_t ns = paused_ns(r->duel, r->round);

	if (ns >= LONGEST_SWITCH_NS)
		print_point(r->out, &r->canvas, "still",
			    "for %.2f ms a job had the CPU by its slices, and "
			    "did not compute: %sinterrupts or the hypervisor.",
			    (double)ns / 1e6,
			    r->duel->rule || r->round->notes.traced
				    ? ""
				    : "switches, strangers, ");
}

static void print_losses(const struct report *r)
{
	const struct rule *rule = r->duel->rule;

	print_gaps(r, "switches", &r->machine.switches,
		   "from one job to the next");
	print_gaps(r, "wakings", &r->machine.wakings,
		   "a CPU without work had to wake up for a job");
	print_gaps(r, "aside", &r->machine.aside,
		   rule ? "a job was put aside for somebody who is no job, and "
			  "went on"
			: "a job was put aside for the dispatcher or a "
			  "stranger, and went on");
	print_gaps(r, "strangers", &r->machine.strangers,
		   rule ? "a job was ready, and for more than 0.1 ms none got "
			  "the CPU (strangers, interrupts or the hypervisor)"
			: "a job was ready, and for more than 0.1 ms none got "
			  "the CPU (strangers, interrupts, the hypervisor, or "
			  "the dispatcher was late itself)");
	print_gaps(r, "late", &r->machine.late,
		   "an idle CPU got its job more than 0.1 ms after it should "
		   "have become ready (a late timer, strangers, interrupts or "
		   "the hypervisor)");
	print_gaps(r, "throttled", &r->machine.throttled,
		   "a job had used up its runtime and was kept away until its "
		   "next period");
}

static void print_disturbed(const struct report *r)
{
	const struct live_notes *n = &r->round->notes;

	if (n->stolen_ns > 0)
		print_point(r->out, &r->canvas, "stolen",
			    "the hypervisor ran somebody else on our CPUs for "
			    "about %.0f ms (it counts in steps of 10).",
			    (double)n->stolen_ns / 1e6);
	if (n->late_ns > 0)
		print_point(r->out, &r->canvas, "start",
			    "the machine is so busy that the processes were "
			    "ready %.2f ms after time 0.",
			    (double)n->late_ns / 1e6);
}

// What the kernel does otherwise than the policy of that name, as far as it can
// be seen here.
static void print_rules(const struct report *r)
{
	const struct rule *rule = r->duel->rule;
	const struct history *h = &r->round->observed;
	char slice[HUMAN_BYTES], seen[HUMAN_BYTES], tick[HUMAN_BYTES];
	int64_t slice_ns = r->duel->settings.quantum_ns;
	struct timespec t;
	size_t without = 0;

	if (rule->sliced)
		print_point(r->out, &r->canvas, "slices",
			    "the kernel's slice is %s, and the model was given "
			    "the same.",
			    human_duration(slice, (double)slice_ns));
	if (rule->sliced && r->machine.cut &&
	    r->machine.slice_ns > 1.2 * (double)slice_ns &&
	    !clock_getres(CLOCK_MONOTONIC_COARSE, &t))
		print_point(r->out, &r->canvas, "ticks",
			    "%zu slices on the machine were cut short, and "
			    "they were %s long in the middle: whether a slice "
			    "is over, the kernel looks when its timer ticks, "
			    "each %s.",
			    r->machine.cut,
			    human_duration(seen, r->machine.slice_ns),
			    human_duration(tick, (double)t.tv_nsec));
	for (size_t i = 0; i < r->duel->jobs.count; i++)
		without += r->duel->jobs.tasks[i].deadline_ns == NEVER;
	if (rule->kernel == K_DEADLINE && without)
		print_point(r->out, &r->canvas, "deadlines",
			    "%zu of %zu jobs have none. In the model they come "
			    "last; the kernel takes no deadline task without, "
			    "so each got a reservation of its own, and waits "
			    "when that is used up.",
			    without, h->jobs);
	char line[HOST_TEXT];
	double lost_ns = r->machine.aside.longest_ns;
	if (r->machine.strangers.longest_ns > lost_ns)
		lost_ns = r->machine.strangers.longest_ns;
	if (rule->real_time && lost_ns > 20e6 &&
	    host_line("/proc/sys/kernel/sched_rt_runtime_us", line,
		      sizeof line))
		print_point(r->out, &r->canvas, "reserve",
			    "real-time jobs lost their CPU for %s at a "
			    "stretch: the kernel leaves them %s us of each "
			    "second (sched_rt_runtime_us).",
			    human_duration(seen, lost_ns), line);
}

static void print_record(const struct report *r)
{
	const struct live_notes *n = &r->round->notes;

	if (!n->traced)
		print_point(
			r->out, &r->canvas, "record",
			"%s%s%s: the times are %s.",
			n->trace_error ? "the kernel records no switches "
					 "for us ("
				       : "the kernel's records were not "
					 "asked for",
			n->trace_error ? strerrorname_np(-n->trace_error) ?: "?"
				       : "",
			n->trace_error ? ")" : "",
			r->duel->rule
				? "those that the jobs felt, in steps of 20 us"
				: "the dispatcher's own, and who else "
				  "ran meanwhile is not seen");
	if (n->lost)
		print_point(r->out, &r->canvas, "lost",
			    "%llu records of the kernel: the chart has holes.",
			    (unsigned long long)n->lost);
	if (*n->told)
		print_point(r->out, &r->canvas, "who", "%s.", n->told);
}

int report_print(FILE *out, const struct duel *duel)
{
	struct report r = { .out = out,
			    .duel = duel,
			    .round = &duel->rounds[duel->shown],
			    .canvas = canvas_of(STDOUT_FILENO) };
	bool wide = r.canvas.columns >= BOTH_COLUMNS;
	int error = spent_in(duel, &duel->predicted, &r.model);

	if (!error)
		error = spent_in(duel, &r.round->observed, &r.machine);
	if (error)
		return error;
	if (print_charts(&r))
		return -ENOMEM;
	print_table(&r, true, wide);
	if (!wide)
		print_table(&r, false, true);
	if (duel->rounds_done > 1)
		fprintf(out,
			"(medians of %d rounds; below and in the chart, "
			"the round in the middle)\n",
			duel->rounds_done);
	putc('\n', out);
	print_order(&r);
	print_end(&r);
	print_work(&r);
	print_pauses(&r);
	print_losses(&r);
	print_disturbed(&r);
	if (duel->rule)
		print_rules(&r);
	print_record(&r);
	return 0;
}

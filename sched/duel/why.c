// # What lies between a prediction and the machine
//
// The model's CPU does nothing but compute. A real one also switches, wakes up,
// serves interrupts and strangers, and its work is not as long as was thought.
// All of that can be seen in the slices. On each CPU, between the end of one
// slice and the beginning of the next, somebody was ready to run or nobody was:
// the moment in which a job became ready (its arrival, the end of its wait, the
// end of its last slice if it was taken off) divides the gap into idleness and
// loss. A short loss is a switch, where another job comes next; a waking, where
// the CPU was idle before. Neither takes 0.1 ms: what takes longer is somebody
// else's time, or a wait that ended late, or the kernel kept a deadline job away
// that had used up its runtime. And a job may be put aside and go on itself.
//
// Each ns belongs to one of them, so they add up.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "duel.h"
#include "stats.h"

// What is known of a job, of a CPU, on the way through the slices.
struct job_seen {
	int64_t ready_ns;
	size_t phase; // of its bursts and waits: the burst it is in
	bool cut;     // was taken off: continues
};
struct cpu_seen {
	int job;
	bool cut;
	int64_t end_ns;
};

enum { SWITCHES, ASIDE, WAKINGS, STRANGERS, LATE, THROTTLED, CUT, KINDS };

struct walk {
	const struct jobs *jobs;
	bool sharp;     // whoever is ready may have the CPU: there is just one
	bool throttles; // jobs that were taken off may have to wait
	struct job_seen *job;
	struct cpu_seen *cpu;
	double *values[KINDS]; // of the kinds of gaps, and of slices cut
	size_t count[KINDS];
};

static void add(struct walk *w, int kind, int64_t ns)
{
	w->values[kind][w->count[kind]++] = (double)ns;
}

static int first_ready(const struct walk *w)
{
	int first = 0;

	for (size_t i = 1; i < w->jobs->count; i++)
		if (w->job[i].ready_ns < w->job[first].ready_ns)
			first = (int)i;
	return first;
}

static int kind_of(const struct walk *w, bool same, bool idle, bool cut,
		   int64_t loss_ns)
{
	bool much = loss_ns > LONGEST_SWITCH_NS;

	if (much && w->throttles && cut)
		return THROTTLED;
	if (same)
		return ASIDE;
	if (idle)
		return much ? LATE : WAKINGS;
	return much ? STRANGERS : SWITCHES;
}

// The gap before a slice. On one CPU another job may have been ready before the
// one that got it. (A job that the kernel put aside just before it went to sleep
// is ready earlier than its slices tell, and may run before that.)
static void take_gap(struct walk *w, const struct slice *s, struct spent *spent)
{
	const struct cpu_seen *cpu = &w->cpu[s->cpu];
	bool same = cpu->job == s->job && cpu->cut;
	int wants = s->job;

	if (w->sharp && w->job[wants].ready_ns > cpu->end_ns)
		wants = first_ready(w);
	int64_t ready = w->job[wants].ready_ns;
	ready = ready < s->begin_ns ? ready : s->begin_ns;
	ready = ready > cpu->end_ns ? ready : cpu->end_ns;
	bool idle = ready > cpu->end_ns || cpu->job == NOBODY;
	int64_t loss = s->begin_ns - ready;
	spent->idle_ns += ready - cpu->end_ns;
	add(w, kind_of(w, same, idle, w->job[wants].cut, loss), loss);
}

static void take_slice(struct walk *w, const struct slice *s)
{
	struct job_seen *job = &w->job[s->job];
	bool cut = s->end == SLICE_PREEMPTED || s->end == SLICE_EXPIRED;

	if (cut)
		add(w, CUT, s->end_ns - s->begin_ns);
	job->ready_ns = s->end == SLICE_FINISHED ? NEVER : s->end_ns;
	job->cut = cut;
	if (s->end == SLICE_BLOCKED &&
	    job->phase + 2 < w->jobs->first[s->job + 1]) {
		job->ready_ns += w->jobs->bursts_ns[job->phase + 1];
		job->phase += 2;
	}
	w->cpu[s->cpu] = (struct cpu_seen){ s->job, cut, s->end_ns };
}

static struct gaps gaps_of(const struct walk *w, int kind)
{
	struct gaps gaps = { .count = w->count[kind] };
	double sum = 0;

	for (size_t i = 0; i < gaps.count; i++) {
		double ns = w->values[kind][i];
		sum += ns;
		gaps.longest_ns = ns > gaps.longest_ns ? ns : gaps.longest_ns;
	}
	if (gaps.count)
		gaps.median_ns = stats_median(w->values[kind], gaps.count);
	gaps.sum_ns = (int64_t)sum;
	return gaps;
}

static int walk(struct walk *w, const struct history *h, struct spent *spent)
{
	for (int kind = 0; kind < KINDS; kind++) {
		w->values[kind] = calloc(h->slice_count + 1,
					 sizeof *w->values[kind]);
		if (!w->values[kind])
			return -ENOMEM;
	}
	for (size_t i = 0; i < w->jobs->count; i++)
		w->job[i] = (struct job_seen){
			.ready_ns = w->jobs->tasks[i].arrival_ns,
			.phase = w->jobs->first[i],
		};
	for (int c = 0; c < h->cpus; c++)
		w->cpu[c] = (struct cpu_seen){ .job = NOBODY };
	for (size_t i = 0; i < h->slice_count; i++) {
		take_gap(w, &h->slices[i], spent);
		take_slice(w, &h->slices[i]);
	}
	for (int c = 0; c < h->cpus; c++)
		if (w->cpu[c].end_ns < h->end_ns)
			spent->idle_ns += h->end_ns - w->cpu[c].end_ns;
	spent->switches = gaps_of(w, SWITCHES);
	spent->aside = gaps_of(w, ASIDE);
	spent->wakings = gaps_of(w, WAKINGS);
	spent->strangers = gaps_of(w, STRANGERS);
	spent->late = gaps_of(w, LATE);
	spent->throttled = gaps_of(w, THROTTLED);
	spent->cut = w->count[CUT];
	spent->slice_ns = gaps_of(w, CUT).median_ns;
	return 0;
}

// Under batch the CPU waits with its job, whoever else is ready.
int spent_in(const struct duel *duel, const struct history *history,
	     struct spent *spent)
{
	struct walk w = {
		.jobs = &duel->jobs,
		.sharp = history->cpus == 1 &&
			 strcmp(duel->options->policy->name, "batch") != 0,
		.throttles = history != &duel->predicted && duel->rule &&
			     duel->rule->kernel == K_DEADLINE,
	};
	int error = -ENOMEM;

	*spent = (struct spent){ 0 };
	w.job = calloc(duel->jobs.count, sizeof *w.job);
	w.cpu = calloc(history->cpus, sizeof *w.cpu);
	if (w.job && w.cpu)
		error = walk(&w, history, spent);
	for (int kind = 0; kind < KINDS; kind++)
		free(w.values[kind]);
	free(w.job);
	free(w.cpu);
	return error;
}

int64_t paused_ns(const struct duel *duel, const struct round *round)
{
	int64_t ns = round->observed.busy_ns - round->notes.work_error_ns;

	for (size_t i = 0; i < duel->jobs.count; i++)
		ns -= job_cpu_ns(&duel->jobs, (int)i);
	return ns;
}

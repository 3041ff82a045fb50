// # What lies between a prediction and the machine
//
// The model's CPU does nothing but compute. A real one also switches, wakes up,
// serves interrupts and strangers, and its work is not as long as was thought.
// All of that can be seen in the slices. On each CPU, between the end of one
// slice and the beginning of the next, somebody was ready to run or nobody was:
// the next job's readiness (its arrival, the end of its wait, the end of its
// last slice if it was taken off) divides the gap into idleness and loss. Loss
// is a switch, where another job comes next; a waking, where the CPU was idle
// before; or the job was put aside and went on.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

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

struct walk {
	const struct jobs *jobs;
	struct job_seen *job;
	struct cpu_seen *cpu;
	double *values[4]; // of the three kinds of gaps, and of slices cut
	size_t count[4];
};

enum { SWITCHES, ASIDE, WAKINGS, CUT };

static void add(struct walk *w, int kind, int64_t ns)
{
	w->values[kind][w->count[kind]++] = (double)ns;
}

// The gap before a slice. (A job that the kernel put aside just before it went
// to sleep is ready earlier than its slices tell, and may run before that.)
static void take_gap(struct walk *w, const struct slice *s, struct spent *spent)
{
	const struct cpu_seen *cpu = &w->cpu[s->cpu];
	int64_t ready = w->job[s->job].ready_ns;
	bool same = cpu->job == s->job && cpu->cut;

	ready = ready < s->begin_ns ? ready : s->begin_ns;
	if (same)
		add(w, ASIDE, s->begin_ns - cpu->end_ns);
	else if (ready > cpu->end_ns || cpu->job == NOBODY)
		add(w, WAKINGS, s->begin_ns - ready);
	else
		add(w, SWITCHES, s->begin_ns - cpu->end_ns);
	if (!same && ready > cpu->end_ns)
		spent->idle_ns += ready - cpu->end_ns;
}

static void take_slice(struct walk *w, const struct slice *s)
{
	struct job_seen *job = &w->job[s->job];
	bool cut = s->end == SLICE_PREEMPTED || s->end == SLICE_EXPIRED;

	if (cut)
		add(w, CUT, s->end_ns - s->begin_ns);
	job->ready_ns = s->end_ns;
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
	for (int kind = 0; kind < 4; kind++) {
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
	spent->cut = w->count[CUT];
	spent->slice_ns = gaps_of(w, CUT).median_ns;
	return 0;
}

int spent_in(const struct jobs *jobs, const struct history *history,
	     struct spent *spent)
{
	struct walk w = { .jobs = jobs };
	int error = -ENOMEM;

	*spent = (struct spent){ 0 };
	w.job = calloc(jobs->count, sizeof *w.job);
	w.cpu = calloc(history->cpus, sizeof *w.cpu);
	if (w.job && w.cpu)
		error = walk(&w, history, spent);
	for (int kind = 0; kind < 4; kind++)
		free(w.values[kind]);
	free(w.job);
	free(w.cpu);
	return error;
}

// # What a history says
//
// The measures of jobs that the simulator kept, or that are computed here from
// slices somebody observed.

#include <errno.h>
#include <stdlib.h>

#include "sched/model/history.h"
#include "sched/model/jobs.h"

// Jain's index of shares x: (sum x)^2 / (n * sum x^2). It is 1 when all are
// equal and 1/n when one has everything.
struct summary history_summary(const struct history *history)
{
	struct summary s = { .switches = history->switches };
	double share_sum = 0, share_squares = 0;
	size_t done = 0;

	for (size_t i = 0; i < history->jobs; i++) {
		const struct measure *m = &history->measures[i];
		if (!m->done)
			continue;
		double share = m->turnaround_ns > 0
				       ? (double)m->ran_ns /
						 (double)m->turnaround_ns
				       : 1;
		done++;
		s.response_ns += (double)m->response_ns;
		s.turnaround_ns += (double)m->turnaround_ns;
		s.waiting_ns += (double)m->waiting_ns;
		share_sum += share;
		share_squares += share * share;
	}
	if (done) {
		s.response_ns /= (double)done;
		s.turnaround_ns /= (double)done;
		s.waiting_ns /= (double)done;
	}
	if (share_squares > 0)
		s.fairness = share_sum * share_sum /
			     ((double)done * share_squares);
	if (history->end_ns > 0) {
		double end_ns = (double)history->end_ns;
		s.utilisation = (double)history->busy_ns /
				(end_ns * history->cpus);
		s.throughput = (double)done * 1e9 / end_ns;
	}
	return s;
}

// What is known of a CPU while its slices go by.
struct seen {
	bool any;
	int job;
	int64_t end_ns;
	enum slice_end end;
};

static void measure_slice(struct history *h, const struct slice *slice,
			  struct seen *seen)
{
	struct measure *m = &h->measures[slice->job];
	bool same = seen->any && seen->job == slice->job;

	if (same && seen->end >= SLICE_PREEMPTED &&
	    seen->end_ns == slice->begin_ns)
		m->preempted--;
	m->preempted += slice->end >= SLICE_PREEMPTED;
	m->switches += !same;
	h->switches += !same;
	if (m->ran_ns == 0)
		m->response_ns = slice->begin_ns - m->arrival_ns;
	m->ran_ns += slice->end_ns - slice->begin_ns;
	h->busy_ns += slice->end_ns - slice->begin_ns;
	m->turnaround_ns = slice->end_ns - m->arrival_ns;
	m->done = slice->end == SLICE_FINISHED;
	if (m->done && slice->end_ns > h->end_ns)
		h->end_ns = slice->end_ns;
	*seen = (struct seen){ true, slice->job, slice->end_ns, slice->end };
}

int history_measure(struct history *history, const struct jobs *jobs)
{
	int cpus = history->cpus;

	for (size_t i = 0; i < history->slice_count; i++)
		if (history->slices[i].cpu >= cpus)
			cpus = history->slices[i].cpu + 1;
	struct measure *measures = calloc(jobs->count + 1, sizeof *measures);
	struct seen *seen = calloc(cpus + 1, sizeof *seen);
	if (!measures || !seen) {
		free(measures);
		free(seen);
		return -ENOMEM;
	}
	free(history->measures);
	history->measures = measures;
	history->jobs = jobs->count;
	history->switches = 0;
	history->busy_ns = history->end_ns = 0;
	for (size_t i = 0; i < jobs->count; i++)
		measures[i].arrival_ns = jobs->tasks[i].arrival_ns;
	for (size_t i = 0; i < history->slice_count; i++)
		measure_slice(history, &history->slices[i],
			      &seen[history->slices[i].cpu]);
	for (size_t i = 0; i < jobs->count; i++) {
		struct measure *m = &measures[i];
		int64_t waiting_ns = m->turnaround_ns - m->ran_ns -
				     job_io_ns(jobs, (int)i);
		m->waiting_ns = waiting_ns > 0 ? waiting_ns : 0;
	}
	free(seen);
	return 0;
}

void history_free(struct history *history)
{
	free(history->measures);
	free(history->slices);
	free(history->decisions);
	*history = (struct history){ 0 };
}

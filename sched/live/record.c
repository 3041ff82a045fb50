// # What became of a crew
//
// From the kernel's switch records, or from what the children felt themselves,
// to a history of slices. A slice counts from the job's arrival to the end of
// its last burst: what a process does besides (starting, setting its timer,
// waiting to be dismissed) is none of the job.
//
// By the kernel's records a slice ends as BLOCKED or PREEMPTED: the flag says
// whether the task was still able to run when it lost the CPU. Without them, a
// gap inside a burst that the kernel counted as a switch is a preemption, since a
// burst makes no system call of its own; and the end of a burst is a wait.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "host.h"
#include "sched/live/worker.h"

struct recording {
	const struct crew *crew;
	struct history *history;
	size_t room;
	int64_t stop_ns; // now, on CLOCK_MONOTONIC
	uint64_t lost;
};

static const struct crew_burst *last_burst(const struct crew *crew, int job)
{
	return &crew->bursts[crew->jobs->first[job + 1] - 1];
}

// On CLOCK_MONOTONIC; now, where it is not done yet.
static int64_t done_ns(const struct recording *r, int job)
{
	int64_t end_ns = atomic_load(&last_burst(r->crew, job)->end_ns);

	return end_ns ? end_ns : r->stop_ns;
}

// The machine's CPU numbers become 0, 1 ... in the order of live.cpus.
static int cpu_index(const struct crew *crew, int cpu)
{
	for (int i = 0; i < crew->cpu_count; i++)
		if (crew->cpus[i] == cpu)
			return i;
	return 0;
}

// Takes a stretch on CLOCK_MONOTONIC, cuts it to the job's life, and makes it a
// slice if anything is left. 0 or -ENOMEM.
static int add_slice(struct recording *r, int job, int cpu, int64_t begin_ns,
		     int64_t end_ns, enum slice_end end)
{
	const struct crew *crew = r->crew;
	struct history *h = r->history;
	int64_t arrival_ns = crew->start_ns + crew->jobs->tasks[job].arrival_ns;
	int64_t done = done_ns(r, job);

	if (begin_ns < arrival_ns)
		begin_ns = arrival_ns;
	if (end_ns >= done) {
		end_ns = done;
		end = atomic_load(&last_burst(crew, job)->end_ns)
			      ? SLICE_FINISHED
			      : SLICE_PREEMPTED;
	}
	if (begin_ns >= end_ns)
		return 0;
	if (h->slice_count == r->room) {
		size_t room = r->room ? 2 * r->room : 256;
		void *more = realloc(h->slices, room * sizeof *h->slices);
		if (!more)
			return -ENOMEM;
		h->slices = more;
		r->room = room;
	}
	h->slices[h->slice_count++] = (struct slice){
		.job = job,
		.cpu = cpu_index(crew, cpu),
		.begin_ns = begin_ns - crew->start_ns,
		.end_ns = end_ns - crew->start_ns,
		.end = end,
	};
	return 0;
}

// ## From the kernel's records

struct known_pid {
	pid_t pid;
	int job;
};

static int by_pid(const void *left, const void *right)
{
	const struct known_pid *a = left, *b = right;

	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

// Events of one job, whose `since` is when it got the CPU, or -1. Two events of
// one kind in a row mean that those between them are lost.
static int take_event(struct recording *r, const struct trace_event *event,
		      int job, int64_t *since)
{
	int64_t begin_ns = *since;

	if (event->kind == TRACE_IN) {
		*since = event->at_ns;
		return 0;
	}
	*since = -1;
	return begin_ns == -1
		       ? 0
		       : add_slice(r, job, event->cpu, begin_ns, event->at_ns,
				   event->kind == TRACE_OUT_PREEMPTED
					   ? SLICE_PREEMPTED
					   : SLICE_BLOCKED);
}

static int from_events(struct recording *r, const struct trace_event *events,
		       size_t n)
{
	size_t count = r->crew->count;
	struct known_pid *known = calloc(count, sizeof *known);
	int64_t *since = calloc(count, sizeof *since);
	int *cpus = calloc(count, sizeof *cpus);
	int error = known && since && cpus ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < count; i++) {
		known[i] = (struct known_pid){ r->crew->pids[i], (int)i };
		since[i] = -1;
	}
	if (!error)
		qsort(known, count, sizeof *known, by_pid);
	for (size_t i = 0; !error && i < n; i++) {
		const struct known_pid *found =
			bsearch(&(struct known_pid){ .pid = events[i].task },
				known, count, sizeof *known, by_pid);
		if (!found)
			continue;
		cpus[found->job] = events[i].cpu;
		error = take_event(r, &events[i], found->job,
				   &since[found->job]);
	}
	// Those that have the CPU still.
	for (size_t i = 0; !error && i < count; i++)
		if (since[i] != -1)
			error = add_slice(r, (int)i, cpus[i], since[i],
					  r->stop_ns, SLICE_PREEMPTED);
	free(known);
	free(since);
	free(cpus);
	return error;
}

static int from_trace(struct recording *r)
{
	struct trace_event *events;
	size_t n;
	int error = trace_read(r->crew->trace, &events, &n, &r->lost);

	if (error)
		return error;
	error = from_events(r, events, n);
	free(events);
	return error;
}

// ## From what the children felt
//
// A gap in the last piece of a burst reaches to its end. At that end the job had
// the CPU, so it gets the last ns.

static int from_gaps(struct recording *r, int job)
{
	const struct crew *crew = r->crew;
	const struct crew_member *member = crew_member(crew, job);
	size_t gaps = atomic_load_explicit(&member->gap_count,
					   memory_order_acquire);
	size_t first = crew->jobs->first[job], gap = 0;
	int cpu = atomic_load(&member->first_cpu), error = 0;

	r->lost += atomic_load(&member->gaps_lost);
	for (size_t i = first; !error && i < crew->jobs->first[job + 1];
	     i += 2) {
		int64_t at = atomic_load(&crew->bursts[i].begin_ns);
		int64_t end = atomic_load(&crew->bursts[i].end_ns);
		if (!at)
			break;
		end = end ? end : r->stop_ns;
		for (; !error && gap < gaps && member->gaps[gap].begin_ns < end;
		     gap++) {
			error = add_slice(r, job, cpu, at,
					  member->gaps[gap].begin_ns,
					  SLICE_PREEMPTED);
			at = member->gaps[gap].end_ns;
			at = at < end ? at : end - 1;
			cpu = member->gaps[gap].cpu;
		}
		if (!error)
			error = add_slice(r, job, cpu, at, end, SLICE_BLOCKED);
	}
	return error;
}

// ## Strangers
//
// With one CPU: whenever a job wants it and none of ours has it, somebody else
// does: another process, an interrupt, the hypervisor. (A switch takes a few us
// as well, so stretches up to LONGEST_SWITCH_NS do not count.) With several it cannot be
// told: a CPU may be idle while a job waits for another one, until the balancer
// notices.
//
// Each stretch in which a job wants to run is +1 from its begin to its end; each
// in which one runs makes the CPU ours.

struct edge {
	int64_t at_ns;
	int wants, runs;
};

static int by_moment(const void *left, const void *right)
{
	const struct edge *a = left, *b = right;

	return a->at_ns < b->at_ns ? -1 : a->at_ns > b->at_ns;
}

static size_t add_stretch(struct edge *edges, size_t n, int64_t from,
			  int64_t to, int wants, int runs)
{
	if (from >= to)
		return n;
	edges[n++] = (struct edge){ from, wants, runs };
	edges[n++] = (struct edge){ to, -wants, -runs };
	return n;
}

// When a job wants a CPU: from its arrival or the end of a wait to the end of
// the burst.
static size_t add_wishes(const struct recording *r, int job, struct edge *edges,
			 size_t n)
{
	const struct crew *crew = r->crew;
	int64_t from = crew->jobs->tasks[job].arrival_ns;

	for (size_t i = crew->jobs->first[job]; i < crew->jobs->first[job + 1];
	     i += 2) {
		int64_t end = atomic_load(&crew->bursts[i].end_ns);
		int64_t to = (end ? end : r->stop_ns) - crew->start_ns;
		n = add_stretch(edges, n, from, to, 1, 0);
		if (!end || i + 1 == crew->jobs->first[job + 1])
			break;
		from = to + crew->jobs->bursts_ns[i + 1];
	}
	return n;
}

static int64_t sum_of_waits(const struct edge *edges, size_t n)
{
	int64_t since = -1, sum = 0;
	int wants = 0, runs = 0;

	for (size_t i = 0; i < n; i++) {
		wants += edges[i].wants;
		runs += edges[i].runs;
		if (i + 1 < n && edges[i + 1].at_ns == edges[i].at_ns)
			continue;
		bool waits = wants > 0 && runs == 0;
		if (!waits && since != -1 &&
		    edges[i].at_ns - since > LONGEST_SWITCH_NS)
			sum += edges[i].at_ns - since;
		since = !waits ? -1 : since == -1 ? edges[i].at_ns : since;
	}
	return sum;
}

static int64_t others_ns(const struct recording *r)
{
	const struct history *h = r->history;
	size_t phases = r->crew->jobs->first[r->crew->count], n = 0;

	if (r->crew->cpu_count > 1 || r->crew->told)
		return -1;
	struct edge *edges = calloc(2 * (h->slice_count + phases) + 1,
				    sizeof *edges);
	if (!edges)
		return -1;
	for (size_t i = 0; i < h->slice_count; i++)
		n = add_stretch(edges, n, h->slices[i].begin_ns,
				h->slices[i].end_ns, 0, 1);
	for (size_t i = 0; i < r->crew->count; i++)
		n = add_wishes(r, (int)i, edges, n);
	qsort(edges, n, sizeof *edges, by_moment);
	int64_t sum = sum_of_waits(edges, n);
	free(edges);
	return sum;
}

// ## All together

static void sum_up(const struct recording *r, struct live_notes *notes)
{
	const struct crew *crew = r->crew;

	for (size_t i = 0; i < crew->count; i++) {
		const struct crew_member *member = crew_member(crew, (int)i);
		notes->voluntary += atomic_load(&member->voluntary);
		notes->involuntary += atomic_load(&member->involuntary);
		for (size_t k = crew->jobs->first[i];
		     k < crew->jobs->first[i + 1]; k += 2)
			if (atomic_load(&crew->bursts[k].cpu_ns))
				notes->work_error_ns +=
					atomic_load(&crew->bursts[k].cpu_ns) -
					crew->jobs->bursts_ns[k];
	}
}

// A job that is not done yet: as if it ended now. I/O counts as far as it went.
static void measure_so_far(const struct recording *r, int job)
{
	const struct crew *crew = r->crew;
	struct measure *m = &r->history->measures[job];
	int64_t now = r->stop_ns - crew->start_ns, io_ns = 0;

	r->history->end_ns = now;
	for (size_t i = crew->jobs->first[job];
	     i + 1 < crew->jobs->first[job + 1]; i += 2) {
		int64_t end = atomic_load(&crew->bursts[i].end_ns);
		int64_t most = r->stop_ns - end,
			io = crew->jobs->bursts_ns[i + 1];
		io_ns += !end ? 0 : io < most ? io : most;
	}
	m->turnaround_ns = now > m->arrival_ns ? now - m->arrival_ns : 0;
	m->waiting_ns = m->turnaround_ns - m->ran_ns - io_ns;
	m->waiting_ns = m->waiting_ns > 0 ? m->waiting_ns : 0;
}

static int64_t stolen_since(const struct crew *crew)
{
	int64_t sum = 0;

	for (int i = 0; crew->stolen_ns != -1 && i < crew->cpu_count; i++)
		sum += host_steal_ns(crew->cpus[i]);
	return crew->stolen_ns == -1 ? 0 : sum - crew->stolen_ns;
}

static int by_begin(const void *left, const void *right)
{
	const struct slice *a = left, *b = right;

	return a->begin_ns < b->begin_ns   ? -1
	       : a->begin_ns > b->begin_ns ? 1
					   : a->cpu - b->cpu;
}

int crew_history(struct crew *crew, struct history *history,
		 struct live_notes *notes)
{
	struct recording r = { .crew = crew,
			       .history = history,
			       .stop_ns = now_ns() };
	int error = 0;

	*history = (struct history){ .cpus = crew->cpu_count,
				     .jobs = crew->count };
	*notes = (struct live_notes){
		.traced = crew->trace,
		.trace_error = crew->trace_error,
		.stolen_ns = stolen_since(crew),
		.late_ns = crew->late_ns,
	};
	if (crew->trace)
		error = from_trace(&r);
	else
		for (size_t i = 0; !error && i < crew->count; i++)
			error = from_gaps(&r, (int)i);
	if (!error) {
		if (history->slice_count)
			qsort(history->slices, history->slice_count,
			      sizeof *history->slices, by_begin);
		error = history_measure(history, crew->jobs);
	}
	if (error) {
		history_free(history);
		*history = (struct history){ 0 };
		return error;
	}
	for (size_t i = 0; i < history->jobs; i++)
		if (!history->measures[i].done)
			measure_so_far(&r, (int)i);
	notes->lost = r.lost;
	notes->others_ns = others_ns(&r);
	sum_up(&r, notes);
	return 0;
}

// # The report for programs
//
// The shape of sched/sim's, so that whatever reads one reads the other, and more:
// how often each job left by itself or was taken off, how each slice ended, and
// "observed": by what means, and what disturbed. CPUs are the machine's.

#include "gantt.h"
#include "sched/chart/chart.h"

static const double MS_NS = 1e6;

static const char *const ends[] = {
	[SLICE_FINISHED] = "finished",
	[SLICE_BLOCKED] = "blocked",
	[SLICE_PREEMPTED] = "preempted",
	[SLICE_EXPIRED] = "expired",
};

static int add_job_facts(const struct run *run, json_t *jobs)
{
	json_t *object;
	size_t i;
	int error = 0;

	json_array_foreach(jobs, i, object)
	{
		struct leaves n = leaves_of(&run->history, (int)i);
		error |= json_object_set_new(object, "voluntary",
					     json_integer(n.voluntary));
		error |= json_object_set_new(object, "involuntary",
					     json_integer(n.involuntary));
		error |= json_object_set_new(
			object, "done",
			json_boolean(run->history.measures[i].done));
	}
	return error;
}

static int add_slice_facts(const struct run *run, json_t *slices)
{
	json_t *object;
	size_t i;
	int error = 0;

	json_array_foreach(slices, i, object)
	{
		const struct slice *slice = &run->history.slices[i];
		error |= json_object_set_new(
			object, "cpu",
			json_integer(run->live.cpus[slice->cpu]));
		error |= json_object_set_new(object, "ended",
					     json_string(ends[slice->end]));
	}
	return error;
}

static json_t *ms(int64_t ns)
{
	return json_real((double)ns / MS_NS);
}

static json_t *observed(const struct run *run)
{
	const struct live_notes *n = &run->notes;
	json_t *cpus = json_array();
	char why[REASON_BYTES];

	for (int i = 0; i < run->live.cpu_count; i++)
		json_array_append_new(cpus, json_integer(run->live.cpus[i]));
	untraced_reason(n, why);
	return json_pack("{s:s, s:s, s:o, s:b, s:I, s:I, s:I,"
			 " s:o, s:o, s:o, s:o}",
			 "how", n->traced ? "kernel records" : "own clocks",
			 "why", why, "cpus", cpus, "stopped", n->stopped,
			 "lost", (json_int_t)n->lost, "voluntary",
			 (json_int_t)n->voluntary, "involuntary",
			 (json_int_t)n->involuntary, "stolen", ms(n->stolen_ns),
			 "others",
			 n->others_ns < 0 ? json_null() : ms(n->others_ns),
			 "work_error", ms(n->work_error_ns), "late",
			 ms(n->late_ns));
}

json_t *report_json(const struct run *run)
{
	json_t *object = chart_json(kernel_policy_names[run->live.policy],
				    &run->jobs, &run->history, MS_NS);

	if (!object || add_job_facts(run, json_object_get(object, "jobs")) ||
	    add_slice_facts(run, json_object_get(object, "slices")) ||
	    json_object_set_new(object, "observed", observed(run))) {
		json_decref(object);
		return NULL;
	}
	return json_pack("[o]", object);
}

// # Histories for programs

#define _GNU_SOURCE
#include <math.h>

#include <stdio.h>
#include <string.h>

#include "chart.h"
#include "utf8.h"

// Whole numbers as such: 30, not 30.0.
static json_t *number(double value)
{
	static const double exact = 0x1p53;

	if (value == floor(value) && fabs(value) < exact)
		return json_integer((json_int_t)value);
	return json_real(value);
}

json_t *chart_json_time(int64_t ns, double unit_ns)
{
	return number((double)ns / unit_ns);
}

// The name as UTF-8, which JSON has to be: U+FFFD for each byte that is not.
json_t *chart_json_name(const struct jobs *jobs, int job)
{
	enum { LONGEST = 3 };
	char text[JOB_NAME_BYTES], clean[LONGEST * JOB_NAME_BYTES] = "";
	const char *name = job_name(jobs, job, text);
	size_t used = 0;

	for (size_t bytes; *name && used + 4 < sizeof clean; name += bytes) {
		uint32_t c = utf8_next(name, &bytes);
		if (c == UTF8_INVALID)
			memcpy(clean + used, "\xef\xbf\xbd", 3);
		else
			memcpy(clean + used, name, bytes);
		used += c == UTF8_INVALID ? 3 : bytes;
	}
	return json_stringn(clean, used);
}

json_t *chart_json_job(const struct jobs *jobs, const struct history *history,
		       size_t job, double unit_ns)
{
	const struct measure *m = &history->measures[job];

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "name",
			 chart_json_name(jobs, (int)job), "arrival",
			 chart_json_time(m->arrival_ns, unit_ns), "response",
			 chart_json_time(m->response_ns, unit_ns), "turnaround",
			 chart_json_time(m->turnaround_ns, unit_ns), "waiting",
			 chart_json_time(m->waiting_ns, unit_ns), "switches",
			 (json_int_t)m->switches);
}

json_t *chart_json_slice(const struct jobs *jobs, const struct slice *slice,
			 double unit_ns)
{
	return json_pack("{s:o, s:i, s:o, s:o}", "job",
			 chart_json_name(jobs, slice->job), "cpu", slice->cpu,
			 "start", chart_json_time(slice->begin_ns, unit_ns),
			 "end", chart_json_time(slice->end_ns, unit_ns));
}

json_t *chart_json_averages(const struct history *history, double unit_ns)
{
	struct summary s = history_summary(history);

	return json_pack("{s:o, s:o, s:o}", "response",
			 number(s.response_ns / unit_ns), "turnaround",
			 number(s.turnaround_ns / unit_ns), "waiting",
			 number(s.waiting_ns / unit_ns));
}

// Appending NULL, for want of memory, fails and is noticed.
json_t *chart_json(const char *policy, const struct jobs *jobs,
		   const struct history *history, double unit_ns)
{
	size_t slices = history->slices ? history->slice_count : 0;
	json_t *job = json_array(), *slice = json_array();
	bool whole = job && slice;

	for (size_t i = 0; i < history->jobs && whole; i++)
		whole = json_array_append_new(job,
					      chart_json_job(jobs, history, i,
							     unit_ns)) == 0;
	for (size_t i = 0; i < slices && whole; i++)
		whole = json_array_append_new(
				slice,
				chart_json_slice(jobs, &history->slices[i],
						 unit_ns)) == 0;
	if (!whole) {
		json_decref(job);
		json_decref(slice);
		return NULL;
	}
	return json_pack("{s:s, s:o, s:o, s:o}", "policy", policy, "jobs", job,
			 "averages", chart_json_averages(history, unit_ns),
			 "slices", slice);
}

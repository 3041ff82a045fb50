// # Which mechanisms, on which CPUs, and who would take too long
//
// `--via=all` should end before its user gives up. A sample that grows until it
// takes long enough to be believed gives an estimate; above ten seconds the
// mechanism is left out. An estimate can err, so whoever needs longer than that
// after all is stopped. What was asked for by name is carried, however long it
// takes.

#define _GNU_SOURCE
#include <stdarg.h>
#include <string.h>

#include "cpu.h"
#include "must.h"
#include "options.h"
#include "relay.h"

enum { FIRST_SAMPLE_BYTES = 16 << 10, SAMPLE_GROWTH = 4 };
static const int64_t SAMPLE_NS = 20000000;

// ## Where the two run

// Two cores; failing that, any two CPUs. False: --pin=apart cannot be had.
bool choose_cpus(struct report *report)
{
	static const enum placement far[] = { CROSS_CORE, SMT, CROSS_SOCKET };
	struct topology topology;
	bool found = false;

	report->cpus[0] = report->cpus[1] = -1;
	if (report->options->pin == PIN_NONE)
		return true;
	must_neg(topology_read(&topology));
	for (size_t i = 0; i < sizeof far / sizeof *far && !found; i++)
		found = report->options->pin != PIN_SAME &&
			topology_pair(&topology, far[i], report->cpus);
	bool as_wanted = found || report->options->pin != PIN_APART;
	if (!found)
		topology_pair(&topology, SAME_CPU, report->cpus);
	topology_free(&topology);
	return as_wanted;
}

// ## What can be carried at all

void leave_out(struct row *row, const char *fmt, ...)
{
	va_list ap;

	row->result = ROW_SKIPPED;
	va_start(ap, fmt);
	vsnprintf(row->why, WHY_BYTES, fmt, ap);
	va_end(ap);
}

static void add_row(struct report *report, const struct mechanism *mechanism)
{
	struct row *row = &report->rows[report->count++];
	uint64_t input = report->source.bytes;

	*row = (struct row){ .mechanism = mechanism, .calls = -1 };
	if (mechanism->kind == CHANNEL_EVENT) {
		leave_out(row, "it carries no bytes, only that something "
			       "happened");
		return;
	}
	int error = mechanism->probe(&row->limit_bytes, row->why, WHY_BYTES);
	if (error) {
		leave_out(row, "%s",
			  *row->why ? strdupa(row->why) : strerror(-error));
		row->lacking = true;
		return;
	}
	row->message_bytes = report->options->chunk_bytes;
	if (row->message_bytes > row->limit_bytes)
		row->message_bytes = row->limit_bytes;
	if (input < row->message_bytes)
		row->message_bytes = input;
}

void add_rows(struct report *report)
{
	const struct options *o = report->options;

	for (size_t i = 0; o->all && channel_mechanisms[i]; i++)
		add_row(report, channel_mechanisms[i]);
	for (size_t i = 0; i < o->via_count; i++)
		add_row(report, o->via[i]);
}

// ## Estimating

struct job job_for(const struct report *report, const struct row *row)
{
	return (struct job){
		.mechanism = row->mechanism,
		.message_bytes = row->message_bytes,
		.source = &report->source,
		.most_bytes = ANY_BYTES,
		.out = -1,
		.cpus = { report->cpus[0], report->cpus[1] },
		.what = row->mechanism->name,
	};
}

void row_failed(struct row *row, const struct carried *carried)
{
	row->result = ROW_FAILED;
	memcpy(row->why, carried->why, WHY_BYTES);
}

static double extrapolate(const struct carried *sample, uint64_t input)
{
	return (double)sample->elapsed_ns * (double)input /
	       (double)(sample->bytes ? sample->bytes : 1);
}

// Whoever is about to be left out may have been unlucky: once more, and the
// better of the two counts.
static void again(const struct job *job, struct carried *sample, uint64_t input)
{
	struct carried second;

	if (sample->ending != CARRIED ||
	    extrapolate(sample, input) <= (double)LIMIT_S * 1e9)
		return;
	carry(job, &second);
	if (second.ending == CARRIED && second.elapsed_ns < sample->elapsed_ns)
		*sample = second;
}

// The last sample decides: the first ones are mostly starting.
void estimate(struct report *report, struct row *row)
{
	struct job job = job_for(report, row);
	uint64_t input = report->source.bytes;
	struct carried sample = { 0 };
	char whole[HUMAN_BYTES], part[HUMAN_BYTES], took[HUMAN_BYTES];

	job.limit_ns = LIMIT_S * SECOND_NS;
	for (uint64_t bytes = FIRST_SAMPLE_BYTES; bytes < input;
	     bytes *= SAMPLE_GROWTH) {
		job.most_bytes = bytes;
		carry(&job, &sample);
		if (sample.ending == BROKEN) {
			row_failed(row, &sample);
			return;
		}
		if (sample.ending == TOO_LONG)
			sample.elapsed_ns = job.limit_ns;
		else if (sample.bytes < bytes) // that was all of it
			return;
		if (sample.elapsed_ns >= SAMPLE_NS)
			break;
	}
	if (sample.elapsed_ns == 0)
		return;
	again(&job, &sample, input);
	row->estimate_ns = extrapolate(&sample, input);
	if (row->estimate_ns > (double)LIMIT_S * 1e9)
		leave_out(row,
			  "would take about %s, more than %d s (a sample of %s "
			  "took %s)",
			  human_duration(whole, row->estimate_ns), LIMIT_S,
			  human_size(part, sample.bytes),
			  human_duration(took, (double)sample.elapsed_ns));
}

// # One job, one mechanism after another
//
// The times should be comparable, so everybody gets the same: fresh processes
// on the same two CPUs, messages of the same size (or the largest the mechanism
// takes), and an input that lies in the page cache already. System calls are
// counted afterwards, in a second pass over a bounded piece of zeros: how many
// there are does not depend on the bytes, and counting slows what it counts.

#define _GNU_SOURCE
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "options.h"
#include "relay.h"

enum {
	COUNTED_BYTES = 1 << 20,
	EXIT_LACKING = 77,
};

double row_rate(const struct row *row)
{
	int64_t ns = row->carried.elapsed_ns;

	return ns > 0 ? (double)row->carried.bytes * 1e9 / (double)ns : 0;
}

double row_calls(const struct row *row)
{
	if (row->calls < 0 || row->counted_bytes == 0)
		return NAN;
	return (double)row->calls * 0x1p20 / (double)row->counted_bytes;
}

void checksum_text(char text[33], XXH128_hash_t checksum)
{
	snprintf(text, 33, "%016llx%016llx",
		 (unsigned long long)checksum.high64,
		 (unsigned long long)checksum.low64);
}

bool input_changed(const struct report *report)
{
	const struct row *first = NULL;

	for (size_t i = 0; i < report->count; i++) {
		const struct row *row = &report->rows[i];
		if (row->result != ROW_CARRIED)
			continue;
		if (first && (first->carried.bytes != row->carried.bytes ||
			      !XXH128_isEqual(first->carried.checksum,
					      row->carried.checksum)))
			return true;
		first = first ?: row;
	}
	return false;
}

// ## Carrying

static void count_calls(struct report *report, struct row *row)
{
	static const struct source zeros = { .fd = -1, .bytes = ANY_BYTES };
	struct job job = job_for(report, row);
	struct carried counted;

	if (report->counting.counter == COUNT_NOTHING || !row->message_bytes)
		return;
	job.source = &zeros;
	job.counting = &report->counting;
	job.most_bytes = COUNTED_BYTES;
	if (job.most_bytes / COUNTED_MESSAGES > row->message_bytes)
		job.most_bytes = COUNTED_MESSAGES * row->message_bytes;
	job.most_bytes -= job.most_bytes % row->message_bytes;
	if (job.most_bytes == 0)
		job.most_bytes = row->message_bytes;
	carry(&job, &counted);
	if (counted.ending == CARRIED) {
		row->calls = counted.calls;
		row->counted_bytes = counted.bytes;
	} else {
		row_failed(row, &counted);
	}
}

static void play_row(struct report *report, struct row *row,
		     const struct sink *sink, struct progress *progress)
{
	struct job job = job_for(report, row);
	char limit[HUMAN_BYTES];

	job.out = sink->fd;
	job.out_name = sink->path;
	job.progress = progress;
	job.limit_ns = report->options->all ? LIMIT_S * SECOND_NS : 0;
	carry(&job, &row->carried);
	if (row->carried.ending == TOO_LONG)
		leave_out(row,
			  "stopped after %d s, when it had carried %s "
			  "(estimated: %.1f s)",
			  LIMIT_S, human_size(limit, row->carried.bytes),
			  row->estimate_ns / 1e9);
	else if (row->carried.ending != CARRIED)
		row_failed(row, &row->carried);
}

static size_t rows_with(const struct report *report, int result)
{
	size_t n = 0;

	for (size_t i = 0; i < report->count; i++)
		n += report->rows[i].result == (unsigned)result;
	return n;
}

static void estimate_all(struct report *report, struct progress *progress)
{
	progress_begin(progress);
	for (size_t i = 0; i < report->count; i++) {
		struct row *row = &report->rows[i];
		if (row->result != ROW_CARRIED)
			continue;
		progress_tell(progress, "estimating", row->mechanism->name);
		estimate(report, row);
	}
	progress_clear(progress);
}

static void count_all(struct report *report)
{
	counting_choose(&report->counting);
	for (size_t i = 0; i < report->count; i++)
		if (report->rows[i].result == ROW_CARRIED)
			count_calls(report, &report->rows[i]);
	counting_over(&report->counting);
}

// False: standard error has been told why there is nothing to report.
static bool play_rows(struct report *report, const struct sink *sink,
		      struct progress *progress)
{
	const struct options *o = report->options;

	if ((o->all || o->via_count > 1) &&
	    !source_keep(&report->source, progress))
		return false;
	add_rows(report);
	if (o->all)
		estimate_all(report, progress);
	if (rows_with(report, ROW_CARRIED) &&
	    !source_warm(&report->source, progress))
		return false;
	for (size_t i = 0; i < report->count; i++)
		if (report->rows[i].result == ROW_CARRIED)
			play_row(report, &report->rows[i], sink, progress);
	if (rows_with(report, ROW_CARRIED))
		count_all(report);
	return true;
}

// ## The whole program

// The reader of --to - has left: the end of any filter.
static _Noreturn void end_quietly(void)
{
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
	_exit(EXIT_FAILURE);
}

static int status_of(const struct report *report)
{
	if (rows_with(report, ROW_FAILED))
		return EXIT_FAILURE;
	if (rows_with(report, ROW_CARRIED))
		return EXIT_SUCCESS;
	for (size_t i = 0; i < report->count; i++)
		if (!report->rows[i].lacking)
			return EXIT_FAILURE;
	return EXIT_LACKING;
}

// What the report says, too, for whoever reads only this.
static void say_on_error(const struct report *report, int status)
{
	bool none = !rows_with(report, ROW_CARRIED);

	for (size_t i = 0; i < report->count; i++) {
		const struct row *row = &report->rows[i];
		if (row->result == ROW_FAILED ||
		    (none && !report->options->all))
			complain(row->mechanism->name, "%s", row->why);
	}
	if (none && report->options->all && status != EXIT_SUCCESS)
		complain("--via=all", "nothing was carried: name a mechanism, "
				      "and it is, whatever it takes");
}

static void print_report(const struct report *report, const struct sink *sink)
{
	bool beside = sink->fd == STDOUT_FILENO;
	FILE *out = beside ? stderr : stdout;
	struct canvas canvas = canvas_of(beside ? STDERR_FILENO
						: STDOUT_FILENO);

	if (report->options->json)
		json_print(out, report);
	else
		table_print(out, report, &canvas);
}

int relay(void *argument)
{
	static struct report report;
	struct progress progress;
	struct sink sink;

	report.options = argument;
	progress_open(&progress);
	if (!choose_cpus(&report)) {
		complain("--pin=apart", "this process may use one CPU only");
		return EXIT_LACKING;
	}
	if (!source_open(&report.source, report.options->input) ||
	    !sink_open(&sink, report.options->to))
		return EXIT_FAILURE;
	if (!play_rows(&report, &sink, &progress))
		return EXIT_FAILURE;
	for (size_t i = 0; i < report.count; i++)
		if (report.rows[i].carried.ending == NO_READER &&
		    sink.fd == STDOUT_FILENO)
			end_quietly();
	int status = status_of(&report);
	print_report(&report, &sink);
	say_on_error(&report, status);
	if (status == EXIT_SUCCESS && !sink_keep(&sink))
		status = EXIT_FAILURE;
	return options_end(status);
}

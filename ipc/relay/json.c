// # The report for programs
//
// One object. What was not measured is null. `seconds`, `bytes_per_second`:
// doubles; sizes in bytes; `system_calls_per_mib` from the pass that counts.

#define _GNU_SOURCE
#include <math.h>

#include "relay.h"
#include "must.h"

static json_t *number_or_null(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *carried_json(const struct row *row)
{
	const struct carried *c = &row->carried;
	char sum[33];

	checksum_text(sum, c->checksum);
	return json_pack("{s:I, s:s, s:f, s:o, s:I, s:o, s:{s:I, s:I}}",
			 "bytes", (json_int_t)c->bytes, "xxh3_128", sum,
			 "seconds", (double)c->elapsed_ns / 1e9,
			 "bytes_per_second",
			 number_or_null(c->bytes ? row_rate(row) : NAN),
			 "message_bytes", (json_int_t)row->message_bytes,
			 "system_calls_per_mib", number_or_null(row_calls(row)),
			 "switches", "voluntary", (json_int_t)c->voluntary,
			 "involuntary", (json_int_t)c->involuntary);
}

static json_t *row_json(const struct row *row)
{
	static const char *const results[] = { "carried", "failed", "skipped" };
	json_t *object = must_ptr(json_pack("{s:s, s:s}", "name",
					    row->mechanism->name, "result",
					    results[row->result]));

	if (row->result == ROW_CARRIED)
		json_object_update_new(object, carried_json(row));
	else
		json_object_set_new(object, "reason", json_string(row->why));
	if (row->estimate_ns > 0)
		json_object_set_new(object, "estimated_seconds",
				    json_real(row->estimate_ns / 1e9));
	return object;
}

void json_print(FILE *out, const struct report *report)
{
	static const char *const counters[] = { NULL, "tracepoint", "ptrace" };
	char name[4096];
	json_t *rows = must_ptr(json_array());

	for (size_t i = 0; i < report->count; i++)
		json_array_append_new(rows, row_json(&report->rows[i]));
	printable(name, sizeof name, report->source.name);
	json_t *all = must_ptr(json_pack(
		"{s:s, s:s, s:o, s:s?, s:o}", "program", "ipc/relay", "input",
		name, "cpus",
		report->cpus[0] == -1
			? json_null()
			: json_pack("[i, i]", report->cpus[SENDER],
				    report->cpus[RECEIVER]),
		"system_calls_counted_by", counters[report->counting.counter],
		"mechanisms", rows));
	(void)json_dumpf(all, out, JSON_INDENT(1) | JSON_REAL_PRECISION(7));
	putc('\n', out);
	json_decref(all);
}

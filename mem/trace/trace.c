// # A trace: handing out references, whoever makes them

#define _GNU_SOURCE
#include "mem/trace/trace.h"

#include "mem/trace/parts.h"

const char *const reftrace_format_names[TRACE_FORMATS] = {
	"detect", "text", "binary", "lackey", "perf",
};

const char *const reftrace_kind_names[TRACE_KINDS] = {
	"zipf", "uniform", "scan", "loop", "phases",
};

ssize_t reftrace_read(struct trace *trace, uint64_t *pages, uint8_t *writes,
		      size_t most, struct trace_error *error)
{
	struct portion portion = { pages, writes, 0, most };
	int failed = trace->kindred->read(trace, &portion, error);

	// what was read before the mistake goes first; the mistake stays
	return portion.n ? (ssize_t)portion.n : failed;
}

void reftrace_close(struct trace *trace)
{
	if (trace)
		trace->kindred->close(trace);
}

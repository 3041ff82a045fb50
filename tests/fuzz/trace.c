// # A reference trace
//
// The first byte chooses the format, the size of a page and how many references
// are taken at a time; the rest is the input. Whatever it is, it is read or refused
// with a place that lies within it, and the same whatever the portions.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "mem/trace/trace.h"
#include "must.h"
#include "tests/fuzz/fuzz.h"

struct sum {
	uint64_t references, pages;
	int end; // 0 or -EINVAL
	struct trace_error error;
};

static struct sum read_all(int fd, enum trace_format format,
			   uint64_t page_bytes, size_t portion)
{
	uint64_t pages[64];
	uint8_t writes[64];
	struct sum sum = { 0 };
	struct trace *trace;
	ssize_t got;

	must(lseek(fd, 0, SEEK_SET));
	must_neg(reftrace_open(fd, format, page_bytes, &trace));
	while ((got = reftrace_read(trace, pages, writes, portion,
				    &sum.error)) > 0) {
		promise((size_t)got <= portion, "too many");
		for (ssize_t i = 0; i < got; i++) {
			promise(writes[i] <= 1, "%d", writes[i]);
			sum.pages = sum.pages * 31 + pages[i] * 2 + writes[i];
		}
		sum.references += (uint64_t)got;
	}
	sum.end = (int)got;
	promise(got == 0 || got == -EINVAL, "%zd", got);
	reftrace_close(trace);
	return sum;
}

int fuzz_trace(const uint8_t *bytes, size_t n)
{
	static const uint64_t sizes[] = { 4096, 1, 1000, UINT64_MAX };
	char path[32];

	if (!n)
		return 0;
	enum trace_format format = bytes[0] % TRACE_FORMATS;
	uint64_t page_bytes = sizes[bytes[0] >> 3 & 3];
	int made = fuzz_file(bytes + 1, n - 1, path);
	int fd = must(open(path, O_RDONLY | O_CLOEXEC));
	struct sum all = read_all(fd, format, page_bytes, 64);
	struct sum one = read_all(fd, format, page_bytes, 1);

	promise(all.references == one.references && all.pages == one.pages &&
			all.end == one.end,
		"portions matter");
	if (all.end) {
		promise(all.error.line == one.error.line &&
				all.error.column == one.error.column,
			"another place");
		promise(all.error.line <= n && all.error.column <= n + 1,
			"a place beyond the input");
		promise(strnlen(all.error.text, TRACE_TEXT_BYTES) <
				TRACE_TEXT_BYTES,
			"no end");
	}
	close(fd);
	close(made);
	return 0;
}

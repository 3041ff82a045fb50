// # A reader's buffer, and which format is in it

#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem/trace/parts.h"

// ## The buffer

// One read(2) behind what is there. 0 at the end of the input.
static ssize_t read_some(struct reader *r)
{
	ssize_t n;

	do
		n = read(r->fd, r->buffer + r->end, READER_BYTES - r->end);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	r->end += (size_t)n;
	r->bytes += (uint64_t)n;
	r->ended = n == 0;
	return n;
}

// What is left goes to the front.
static void move_down(struct reader *r)
{
	memmove(r->buffer, r->buffer + r->at, r->end - r->at);
	r->before += r->at;
	r->end -= r->at;
	r->limit = r->at = 0;
}

// The end of what is whole among the bytes from `from` on, or 0.
static size_t whole(const struct reader *r, size_t from)
{
	size_t end = r->end;

	if (r->format == TRACE_BINARY)
		return end / sizeof(uint64_t) * sizeof(uint64_t);
	if (r->format == TRACE_TEXT) {
		while (end > from && !is_between(r->buffer[end - 1]))
			end--;
		return end > from ? end : 0;
	}
	const unsigned char *newline = memrchr(r->buffer + from, '\n',
					       end - from);
	return newline ? (size_t)(newline + 1 - r->buffer) : 0;
}

// Also the last line gets an end.
static int finish(struct reader *r)
{
	if (r->format != TRACE_BINARY && r->end > r->at &&
	    r->buffer[r->end - 1] != '\n')
		r->buffer[r->end++] = '\n';
	r->limit = r->end;
	return r->end > r->at;
}

int reader_fill(struct reader *r)
{
	move_down(r);
	r->limit = whole(r, 0);
	while (r->limit == 0) {
		size_t from = r->end;
		if (r->ended)
			return finish(r);
		if (r->end == READER_BYTES)
			return -EINVAL;
		ssize_t n = read_some(r);
		if (n < 0)
			return (int)n;
		r->limit = whole(r, from);
	}
	return 1;
}

// ## Refusals

// What stands there, up to a blank, for people.
static void quote(const struct reader *r, size_t at, char *to, size_t room)
{
	size_t n = 0;

	for (; at < r->end && n + 4 < room && !is_between(r->buffer[at]); at++)
		to[n++] = isprint(r->buffer[at]) ? (char)r->buffer[at] : '?';
	to[n] = '\0';
	if (at < r->end && !is_between(r->buffer[at]))
		snprintf(to + n, room - n, "...");
}

int reader_refuse(const struct reader *r, size_t at, struct trace_error *error,
		  const char *want)
{
	char found[40];

	quote(r, at, found, sizeof found);
	error->line = r->line;
	error->column = r->before + at - r->line_begin + 1;
	snprintf(error->text, sizeof error->text, "want %s, found %s%s%s", want,
		 *found ? "\"" : "", *found ? found : "the line's end",
		 *found ? "\"" : "");
	return -EINVAL;
}

uint64_t reader_page(const struct reader *r, uint64_t address)
{
	return r->page_shift >= 0 ? address >> r->page_shift
				  : address / r->page_bytes;
}

// ## Binary

static int refuse_rest(const struct reader *r, struct trace_error *error)
{
	error->line = error->column = 0;
	snprintf(error->text, sizeof error->text,
		 "want page numbers of 8 bytes, found %zu at byte %llu, the "
		 "end",
		 r->end - r->at, (unsigned long long)r->before + r->at);
	return -EINVAL;
}

int binary_read(struct reader *r, struct portion *to, struct trace_error *error)
{
	if (r->limit - r->at < sizeof(uint64_t)) {
		int more = reader_fill(r);
		if (more <= 0)
			return more;
		if (r->end - r->at < sizeof(uint64_t))
			return refuse_rest(r, error);
	}
	size_t n = (r->limit - r->at) / sizeof(uint64_t);
	if (n > to->most)
		n = to->most;
	const unsigned char *from = r->buffer + r->at;
	for (size_t i = 0; i < n; i++) {
		uint64_t page;
		memcpy(&page, from + i * sizeof page, sizeof page);
		to->pages[i] = le64toh(page);
	}
	memset(to->writes, 0, n);
	r->at += n * sizeof(uint64_t);
	to->n = n;
	return 0;
}

// ## Which format

// How many bytes follow in a character of UTF-8 that begins so; -1: none does.
static int following(unsigned char c)
{
	return c < 0x80                 ? 0
	       : c >= 0xc2 && c <= 0xdf ? 1
	       : c >= 0xe0 && c <= 0xef ? 2
	       : c >= 0xf0 && c <= 0xf4 ? 3
					: -1;
}

// No text has control characters, or bytes that are not UTF-8.
static bool is_text(const unsigned char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int more = following(text[i]);
		if (more < 0 || text[i] == 0x7f ||
		    (text[i] < ' ' && !(text[i] >= '\t' && text[i] <= '\r')))
			return false;
		for (; more > 0 && i + 1 < n; more--)
			if ((text[++i] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

// By the first line that says something.
static enum trace_format detect(const unsigned char *text, size_t n)
{
	const unsigned char *end = text + n, *line = text, *next;

	if (!is_text(text, n))
		return TRACE_BINARY;
	for (; line < end; line = next) {
		next = memchr(line, '\n', (size_t)(end - line));
		next = next ? next + 1 : end;
		const unsigned char *first = line;
		while (first < next && is_between(*first))
			first++;
		if (first == next || *first == '#')
			continue;
		size_t bytes = (size_t)(next - line);
		return lackey_line(line, bytes) ? TRACE_LACKEY
		       : perf_line(line, bytes) ? TRACE_PERF
						: TRACE_TEXT;
	}
	return TRACE_TEXT;
}

// A whole line will do, or many bytes.
static int begin(struct reader *r)
{
	enum { ENOUGH = 4096, LINE = 16 };

	while (!r->ended && r->end < ENOUGH &&
	       !(r->end >= LINE && memchr(r->buffer, '\n', r->end))) {
		ssize_t n = read_some(r);
		if (n < 0)
			return (int)n;
	}
	r->format = detect(r->buffer, r->end < ENOUGH ? r->end : ENOUGH);
	r->limit = whole(r, 0);
	return 0;
}

// ## As a trace

static int reader_read(struct trace *trace, struct portion *to,
		       struct trace_error *error)
{
	static int (*const by_format[TRACE_FORMATS])(
		struct reader *, struct portion *, struct trace_error *) = {
		[TRACE_TEXT] = text_read,
		[TRACE_BINARY] = binary_read,
		[TRACE_LACKEY] = lackey_read,
		[TRACE_PERF] = perf_read,
	};
	struct reader *r = (struct reader *)trace;

	if (r->format == TRACE_DETECT) {
		int failed = begin(r);
		if (failed)
			return failed;
	}
	return by_format[r->format](r, to, error);
}

static void reader_close(struct trace *trace)
{
	struct reader *r = (struct reader *)trace;

	free(r->buffer);
	free(r);
}

int reftrace_open(int fd, enum trace_format format, uint64_t page_bytes,
	       struct trace **trace)
{
	static const struct trace_kindred kindred = { reader_read,
						      reader_close };
	*trace = NULL;
	if (page_bytes == 0 || (unsigned)format >= TRACE_FORMATS)
		return -EINVAL;
	struct reader *r = calloc(1, sizeof *r);
	unsigned char *buffer = calloc(1, READER_ROOM);
	if (!r || !buffer) {
		free(r);
		free(buffer);
		return -ENOMEM;
	}
	*r = (struct reader){
		.trace.kindred = &kindred,
		.fd = fd,
		.format = format,
		.page_bytes = page_bytes,
		.page_shift = page_bytes & (page_bytes - 1)
				      ? -1
				      : __builtin_ctzll(page_bytes),
		.buffer = buffer,
		.line = 1,
	};
	*trace = &r->trace;
	return 0;
}

enum trace_format reftrace_format_of(const struct trace *trace)
{
	return ((const struct reader *)trace)->format;
}

uint64_t reftrace_bytes(const struct trace *trace)
{
	return ((const struct reader *)trace)->bytes;
}

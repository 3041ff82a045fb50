// parts.h - what the parts of mem/trace share
//
//   trace.c      opens, closes, hands out
//   reader.c     the buffer of a reader, and which format its input has
//   text.c       page numbers and addresses
//   lines.c      lackey, perf: a line a reference
//   generate.c   by chance, with alias.c for zipf

#ifndef MEM_TRACE_PARTS_H
#define MEM_TRACE_PARTS_H

#include "mem/trace/trace.h"
#include "random.h"

// Where references go; `n` there are already.
struct portion {
	uint64_t *pages;
	uint8_t *writes;
	size_t n, most;
};

// The first part of every trace: how it goes on, how it ends. `read` returns 0 or
// -errno; what it adds to the portion, nothing at the end, stands in any case.
struct trace_kindred {
	int (*read)(struct trace *, struct portion *, struct trace_error *);
	void (*close)(struct trace *);
};

struct trace {
	const struct trace_kindred *kindred;
};

// ## Readers

// READER_BYTES of the input at a time. Behind them there is room to look at eight
// bytes from the last one, and for the line's end that the last line may lack.
enum { READER_BYTES = 1 << 20, READER_ROOM = READER_BYTES + 16 };

struct reader {
	struct trace trace;
	int fd;
	enum trace_format format;
	uint64_t page_bytes;
	int page_shift; // where page_bytes is a power of two; otherwise -1

	unsigned char *buffer;
	size_t at, end; // what is not yet taken
	size_t limit;   // up to here numbers and lines are whole
	bool ended;     // there is no more
	uint64_t bytes; // that were read

	// Where `at` is: bytes before the buffer, the line (from 1), and the
	// first byte of that line, counted over the whole input.
	uint64_t before, line, line_begin;

	// text: within a comment; behind an r or w that waits for its number
	bool comment, waits, write;
	// lackey: pages of the last access that are still to be told
	bool more;
	uint64_t next_page, last_page;
};

// What lies between numbers of a text.
static inline bool is_between(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == ',';
}

// Reads on until something that is whole lies from `at` to `limit`. Returns 1, or
// 0 where the input ended, or -errno; -EINVAL: no end of it in a whole buffer.
int reader_fill(struct reader *reader);

uint64_t reader_page(const struct reader *reader, uint64_t address);

// -EINVAL, with the place of buffer[at] and what was found there.
int reader_refuse(const struct reader *reader, size_t at,
		  struct trace_error *error, const char *want);

int text_read(struct reader *, struct portion *, struct trace_error *);
int binary_read(struct reader *, struct portion *, struct trace_error *);
int lackey_read(struct reader *, struct portion *, struct trace_error *);
int perf_read(struct reader *, struct portion *, struct trace_error *);

// Whether a line looks like one of that format.
bool lackey_line(const unsigned char *line, size_t n);
bool perf_line(const unsigned char *line, size_t n);

// The value of a hexadecimal digit, or above 15.
static inline unsigned hex_digit(unsigned char c)
{
	unsigned digit = c - (unsigned)'0';

	if (digit <= 9)
		return digit;
	digit = (c | 0x20u) - (unsigned)'a';
	return digit <= 5 ? digit + 10 : 16;
}

// ## Chance

struct alias {
	uint32_t limit; // below it: this page; otherwise `other`
	uint32_t other;
};

// A table of `n` pages for zipf; *table belongs to the caller. 0 or -ENOMEM.
int alias_zipf(uint32_t n, double exponent, struct alias **table);

#endif

// trace.h - which pages a program refers to, one after another
//
// A trace is read from a file or a pipe, in one of four formats, or made by
// chance. Either way it comes in portions of the caller's size, and memory does
// not grow with its length: one buffer for a reader, a table of the pages for
// the zipf generator, nothing for the others.
//
//     text     page numbers, decimal, as many a line as one likes, with blanks
//              or commas between; 0x1f3a is an address, divided by the size of
//              a page; r or w before a number (or R, W) says what is done;
//              # begins a comment
//     binary   page numbers of 64 bits, little endian
//     lackey   valgrind --tool=lackey --trace-mem=yes: I, L and S lines are one
//              reference each, M (modify) too, a write; an access that crosses
//              a page's end refers to both pages. Lines of valgrind's own
//              (==PID==) are passed over
//     perf     perf script -F addr: an address a line, hexadecimal. With more
//              fields the address is what follows the event's name, which ends
//              with a colon; an event with "store" in its name is a write
//
// Sources: valgrind's manual, "Lackey: an example tool"; perf-script(1).
//
// One thread at a time may use a trace. Nothing is printed, no state is global.

#ifndef MEM_TRACE_H
#define MEM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct trace;

// ## Readers

enum trace_format {
	TRACE_DETECT, // by its first bytes; what is empty is text
	TRACE_TEXT,
	TRACE_BINARY,
	TRACE_LACKEY,
	TRACE_PERF,
	TRACE_FORMATS
};

extern const char *const reftrace_format_names[TRACE_FORMATS]; // "detect" ...

enum { TRACE_TEXT_BYTES = 200 };

// What is wrong with the input, and where: lines and columns count from 1. In a
// binary trace `line` is 0 and `text` says the place.
struct trace_error {
	uint64_t line, column;
	char text[TRACE_TEXT_BYTES]; // "want ..., found ..."
};

// Reads from `fd`, which stays the caller's. `page_bytes`, at least 1, is what
// addresses are divided by; page numbers are taken as they are. Nothing is read
// yet. Returns 0 or -ENOMEM, -EINVAL (page_bytes is 0).
int reftrace_open(int fd, enum trace_format format, uint64_t page_bytes,
		  struct trace **trace);

// The format; TRACE_DETECT until the first reftrace_read.
enum trace_format reftrace_format_of(const struct trace *trace);

// How many bytes were read so far.
uint64_t reftrace_bytes(const struct trace *trace);

// ## Generators

enum trace_kind {
	TRACE_ZIPF,    // page k (from 0) as often as 1 / (k + 1)^exponent
	TRACE_UNIFORM, // every page as often
	TRACE_SCAN,    // 0, 1, 2 ... each page once, never again
	TRACE_LOOP,    // 0 to pages - 1, again and again
	TRACE_PHASES,  // localities: see below
	TRACE_KINDS
};

extern const char *const reftrace_kind_names[TRACE_KINDS]; // "zipf" ...

// A program works on a few pages for a while, then on others: in each phase 99 of
// 100 references go to `locality` pages in a row, all as often, the others
// anywhere. (Denning, "The working set model for program behavior", CACM 11,
// 1968; Denning & Kahn, "A study of program locality and lifetime functions",
// SOSP 1975.)
struct trace_recipe {
	enum trace_kind kind;
	uint64_t references;
	uint64_t pages;    // 1 to 2^32 (zipf: to 2^28); scan: not looked at
	double exponent;   // of zipf, 0 to 10
	double write;      // the share of writes, 0 to 1
	uint64_t seed;     // the same seed, the same trace
	uint64_t phase;    // references of a phase, at least 1
	uint64_t locality; // pages of a phase, 1 to `pages`
	bool sparse;       // page numbers spread over all 64 bits, one to one
};

enum { TRACE_MOST_ZIPF = 1 << 28 };

// zipf takes 8 bytes a page, and 16 more while it begins: O(pages); a reference
// is O(1), by an alias table (Walker, "An efficient method for generating
// discrete random variables with general distributions", ACM Transactions on
// Mathematical Software 3, 1977; built as Vose, IEEE Transactions on Software
// Engineering 17, 1991). Returns 0, -ENOMEM, or -EINVAL (out of the ranges above).
int reftrace_generate(const struct trace_recipe *recipe, struct trace **trace);

// ## Both

// The next references, `most` (at least 1) or fewer: the pages and, of each, 1 for
// a write, 0 for a read. Returns how many; 0 at the end; -EINVAL where the input is
// wrong (*error says what; those before it were returned by earlier calls), or
// -errno of read(2). O(1) a reference.
ssize_t reftrace_read(struct trace *trace, uint64_t *pages, uint8_t *writes,
		      size_t most, struct trace_error *error);

void reftrace_close(struct trace *trace);

// What sparse does to a page number: a bijection of 64 bits (the finaliser of
// SplitMix64, see random.h).
static inline uint64_t reftrace_scatter(uint64_t page)
{
	page = (page ^ (page >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	page = (page ^ (page >> 27)) * UINT64_C(0x94d049bb133111eb);
	return page ^ (page >> 31);
}

#endif

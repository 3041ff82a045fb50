// # Every fault of segments, in one table
//
// Each row is tried, and held against the manual. The error code is 0 where the
// address was wrong, and names the segment where its descriptor was. The codes
// are taken apart: which table (TI), which entry of it.
//
// Source: Intel SDM, volume 3A, 6.15 (each exception, with its error code).

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "mem/segment/segment.h"

// The segments that the rows are about, an entry each.
enum { DATA = 1, CONSTANTS, DOWN, PROGRAM, SECRET, ABSENT, GONE, NOBODY = 100 };

enum { BYTES = 64, KERNEL = 0x18 };

static const struct row {
	const char *what;
	enum act act;
	unsigned entry; // of the LDT
	uint32_t d;
	int vector; // as the manual has it
	bool named; // the error code is the selector
} rows[] = {
	{ "read at the limit", ACT_LOAD, DATA, BYTES - 1, VECTOR_NONE, false },
	{ "read beyond the limit", ACT_LOAD, DATA, BYTES, VECTOR_GP, false },
	{ "write beyond the limit", ACT_STORE, DATA, BYTES, VECTOR_GP, false },
	{ "write to read-only data", ACT_STORE, CONSTANTS, 0, VECTOR_GP, false },
	{ "write to code", ACT_STORE, PROGRAM, 0, VECTOR_GP, false },
	{ "read below one growing down", ACT_LOAD, DOWN, 0, VECTOR_GP,
	  false },
	{ "push beyond the stack's limit", ACT_PUSH, DATA, BYTES + 8, VECTOR_SS,
	  false },
	{ "read-only data as a stack", ACT_PUSH, CONSTANTS, BYTES, VECTOR_GP,
	  true },
	{ "code as a stack", ACT_PUSH, PROGRAM, BYTES, VECTOR_GP, true },
	{ "execute-only code for reading", ACT_TAKE, SECRET, 0, VECTOR_GP, true },
	{ "call of data", ACT_CALL, DATA, 0, VECTOR_GP, true },
	{ "call beyond the limit", ACT_CALL, PROGRAM, BYTES, VECTOR_GP, false },
	{ "an absent segment", ACT_TAKE, ABSENT, 0, VECTOR_NP, true },
	{ "an absent segment as a stack", ACT_PUSH, ABSENT, BYTES, VECTOR_SS,
	  true },
	{ "call of absent code", ACT_CALL, GONE, 0, VECTOR_NP, true },
	{ "an entry that nobody wrote", ACT_TAKE, NOBODY, 0, VECTOR_GP, true },
};

enum { ROWS = sizeof rows / sizeof *rows };

static void put_segments(void)
{
	struct descriptor data = data_segment(0, BYTES), constants = data,
			  down = data, absent = data,
			  program = code_segment(0, BYTES,
						 TYPE_CODE | TYPE_READABLE),
			  secret = code_segment(0, BYTES, TYPE_CODE),
			  gone = program;

	constants.type = 0;
	down.type = TYPE_WRITABLE | TYPE_GROWS_DOWN;
	absent.present = gone.present = false;
	put_entry(DATA, &data);
	put_entry(CONSTANTS, &constants);
	put_entry(DOWN, &down);
	put_entry(PROGRAM, &program);
	put_entry(SECRET, &secret);
	put_entry(ABSENT, &absent);
	put_entry(GONE, &gone);
}

static void print_row(FILE *out, const char *what, uint16_t s, uint32_t d,
		      struct answer a)
{
	struct selector_error e = selector_error_decode(a.fault.error);
	char code[32] = "0", v[32];

	if (a.fault.error)
		snprintf(code, sizeof code, "0x%x: %s[%u]", a.fault.error,
			 e.local ? "LDT" : "GDT", e.index);
	snprintf(v, sizeof v, "(0x%02x, 0x%x)", s, d);
	fprintf(out, "  %-29s %-12s", what, v);
	if (worked(a))
		fprintf(out, " no fault\n");
	else
		fprintf(out, " %s %d %-7s %s\n", vector_name(a.fault.vector),
			a.fault.vector,
			a.fault.signal == SIGBUS ? "SIGBUS" : "SIGSEGV", code);
}

void scene_faults(void)
{
	unsigned right = 0, external = 0;
	char *text;
	size_t bytes;

	reach_begin();
	put_segments();
	FILE *out = must_ptr(open_memstream(&text, &bytes));
	fprintf(out, "  %-29s %-12s fault  signal  error code\n", "what",
		"v = (s, d)");
	for (int i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		uint16_t s = entry_selector(row->entry);
		struct answer a = visit(row->act, s, row->d, 0);
		print_row(out, row->what, s, row->d, a);
		external += selector_error_decode(a.fault.error).external;
		right += row->vector == VECTOR_NONE
				 ? worked(a)
				 : faulted(a, row->vector,
					   row->named ? s & ~3u : 0);
	}
	struct answer null = visit(ACT_LOAD, 0, 0, 0),
		      kernel = visit(ACT_TAKE, KERNEL | 3, 0, 0);
	print_row(out, "use of the null selector", 0, 0, null);
	print_row(out, "the kernel's data (DPL 0)", KERNEL | 3, 0, kernel);
	must(fclose(out) == 0 ? 0 : -1);
	show_text(text);
	free(text);
	claim(right == ROWS, "%u of %d as the manual has them", right, ROWS);
	claim(external == 0, "EXT is 0: no event from outside was under way");
	claim(faulted(null, VECTOR_GP, 0), "null is a fault when it is used");
	claim(faulted(kernel, VECTOR_GP, KERNEL),
	      "the kernel's is one when it is loaded");
}

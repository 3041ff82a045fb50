// # Descriptors and faults, for people

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/segment/segment.h"

// ## A descriptor
//
// As the manual draws it, the upper four bytes above the lower four.

static void print_bits(FILE *out, const struct descriptor *d)
{
	fprintf(out,
		"       base G D L AVL lim P DPL S type base\n"
		"      | %02x |%d|%d|%d| %d | %x |%d| %d |%d|%d%d%d%d| %02x |  "
		" "
		"%s\n",
		d->base >> 24, d->pages, d->big, d->long_mode, d->available,
		d->limit >> 16, d->present, d->dpl, d->memory, d->type >> 3 & 1,
		d->type >> 2 & 1, d->type >> 1 & 1, d->type & 1,
		d->base >> 16 & 0xff, descriptor_type_name(d));
	fprintf(out,
		"      |    base %04x     |    limit %04x   |   base %08x, "
		"limit %05x\n",
		d->base & 0xffff, d->limit & 0xffff, d->base, d->limit);
}

void tell_segment(uint16_t selector)
{
	struct selector s = selector_decode(selector);
	struct descriptor d = descriptor_decode(entry_bits(s.index));
	uint32_t lowest, highest;
	char *text;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	fprintf(out,
		"  s = 0x%02x: entry %u of the %s, asked for with RPL %u\n",
		selector, s.index, s.local ? "LDT" : "GDT", s.rpl);
	print_bits(out, &d);
	if (!d.present)
		fprintf(out, "      not present\n");
	else if (descriptor_offsets(&d, &lowest, &highest))
		fprintf(out, "      d from 0x%x to 0x%x\n", lowest, highest);
	must(fclose(out) == 0 ? 0 : -1);
	show_text(text);
	free(text);
}

// ## An address
//
// The way from v = (s, d) to the linear address, as the rule has it.

void tell_address(uint16_t selector, uint32_t d)
{
	struct selector s = selector_decode(selector);
	struct descriptor segment = descriptor_decode(entry_bits(s.index));
	uint32_t lowest = 0, highest = 0;
	char index[14] = "", *text;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	for (int i = 0; i < 13; i++)
		index[i] = s.index >> (12 - i) & 1 ? '1' : '0';
	descriptor_offsets(&segment, &lowest, &highest);
	bool inside = d >= lowest && d <= highest;
	fprintf(out, "  v = (s, d)   s = %s %d %d%d     d = %08x\n", index,
		s.local, s.rpl >> 1, s.rpl & 1, d);
	fprintf(out,
		"               entry %-4u of the %s         %x to %x: %s\n",
		s.index, s.local ? "LDT" : "GDT", lowest, highest,
		inside ? "inside" : "outside");
	if (inside)
		fprintf(out,
			"               base %08x         +  %08x = %08x\n",
			segment.base, d, descriptor_address(&segment, d));
	must(fclose(out) == 0 ? 0 : -1);
	show_text(text);
	free(text);
}

// ## A fault

static const struct {
	int vector;
	const char *name;
} vectors[] = {
	{ 6, "#UD" },         { 10, "#TS" },        { VECTOR_NP, "#NP" },
	{ VECTOR_SS, "#SS" }, { VECTOR_GP, "#GP" }, { 14, "#PF" },
};

const char *vector_name(int vector)
{
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
		if (vectors[i].vector == vector)
			return vectors[i].name;
	return "another";
}

static void tell_error(uint32_t code)
{
	struct selector_error e = selector_error_decode(code);

	say("0x%x is entry %u of the %s (TI %d, IDT %d, EXT %d)", code, e.index,
	    e.interrupt ? "IDT"
	    : e.local   ? "LDT"
			: "GDT",
	    e.local, e.interrupt, e.external);
}

void tell_answer(const char *what, uint16_t s, uint32_t d, struct answer a)
{
	struct selector selector = selector_decode(s);
	struct descriptor segment = descriptor_decode(
		selector.local ? entry_bits(selector.index) : 0);

	if (worked(a)) {
		say("%s (0x%02x, 0x%x): %08x + %x = %08x", what, s, d,
		    segment.base, d, descriptor_address(&segment, d));
		return;
	}
	say("%s (0x%02x, 0x%x): %s, vector %d, error code 0x%x", what, s, d,
	    vector_name(a.fault.vector), a.fault.vector, a.fault.error);
	if (a.fault.error)
		tell_error(a.fault.error);
	say("%s (%s) at CS:EIP = (0x%02x, 0x%x)",
	    a.fault.signal == SIGBUS ? "SIGBUS" : "SIGSEGV",
	    a.fault.code == SI_KERNEL ? "SI_KERNEL" : "a page's", a.fault.cs,
	    a.fault.ip);
}

bool worked(struct answer a)
{
	return a.fault.vector == VECTOR_NONE;
}

// Linux sends SIGSEGV for #GP, SIGBUS for #NP and #SS. The CPU does not tell the
// address of these, so the signal cannot either: si_code is SI_KERNEL.
bool faulted(struct answer a, int vector, uint32_t error)
{
	return a.fault.vector == vector && a.fault.error == error &&
	       a.fault.code == SI_KERNEL &&
	       a.fault.signal == (vector == VECTOR_GP ? SIGSEGV : SIGBUS);
}

// ## Where segments lie

void tell_strips(const struct strip *strips, size_t n)
{
	enum { CELL = 16, CELLS = 64 };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char cells[CELLS];

	memset(cells, '.', sizeof cells);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < strips[i].bytes; k += CELL)
			cells[(strips[i].at + k) / CELL % CELLS] =
				strips[i].letter;
	char *map = must_ptr(draw_map(&canvas, cells, CELLS, CELLS));
	show(map);
	free(map);
}

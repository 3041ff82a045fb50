// # --ostep=multilevel: a directory and its tables
//
//     $ build/mem/walk --ostep=multilevel -s 7 -c --explain
//
// The machine is tiny: pages of 32 bytes, 128 frames, addresses of 15 bits. The
// directory is one page of 32 entries, a table is one page of 32 entries, and an
// entry is one byte: bit 7 valid, below it the frame. So all of it can be shown,
// and walked with a pencil. A table exists only where a page of its part is in
// use: that is what the second level is for.

#define _GNU_SOURCE
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem/walk/sheet.h"
#include "must.h"
#include "options.h"
#include "optparse.h"
#include "python_random.h"
#include "quiz.h"

enum {
	PAGE = 32, // bytes, and entries of a table
	FRAMES = 128,
	PAGES = 1024,
	BITS = 15,
	INDEX_BITS = 5,
	VALID = 0x80,
	EMPTY = 0x7f, // an entry of nothing
	BYTES_BELOW = 31,
};

struct multilevel {
	uint8_t memory[FRAMES][PAGE];
	bool taken[FRAMES];
	unsigned used; // frames
	unsigned directory;
	unsigned pages[FRAMES]; // allocated ones, in their order
	size_t allocated;
	bool has_frame[PAGES];
};

// ## The memory

static unsigned draw(struct python_random *random, unsigned limit)
{
	return (unsigned)trunc(python_random_real(random) * limit);
}

static unsigned draw_frame(struct multilevel *x, struct python_random *random,
			   const struct worksheet *o)
{
	char text[32];
	unsigned frame;

	if (x->used == FRAMES) {
		snprintf(text, sizeof text, "%" PRId64, o->allocated);
		option_refuse(outside_argp(), "--allocated", text,
			      "fewer pages: with their tables these take more "
			      "than the %d frames",
			      FRAMES);
	}
	do
		frame = draw(random, FRAMES);
	while (x->taken[frame]);
	x->taken[frame] = true;
	x->used++;
	return frame;
}

static void make_table(struct multilevel *x, unsigned frame)
{
	for (int i = 0; i < PAGE; i++)
		x->memory[frame][i] = EMPTY;
}

// In this order: the page, its frame, the table's frame if there is none yet,
// the page's bytes.
static void draw_page(struct multilevel *x, struct python_random *random,
		      const struct worksheet *o)
{
	unsigned page;

	do
		page = draw(random, PAGES);
	while (x->has_frame[page]);
	x->has_frame[page] = true;

	unsigned frame = draw_frame(x, random, o);
	uint8_t *entry = &x->memory[x->directory][page / PAGE];
	if (*entry == EMPTY) {
		unsigned table = draw_frame(x, random, o);
		make_table(x, table);
		*entry = (uint8_t)(VALID | table);
	}
	x->memory[*entry & ~VALID][page % PAGE] = (uint8_t)(VALID | frame);
	for (int i = 0; i < PAGE; i++)
		x->memory[frame][i] = (uint8_t)draw(random, BYTES_BELOW);
	x->pages[x->allocated++] = page;
}

static void draw_memory(struct multilevel *x, struct python_random *random,
			const struct worksheet *o)
{
	x->directory = draw_frame(x, random, o);
	make_table(x, x->directory);
	for (int64_t i = 0; i < o->allocated; i++)
		draw_page(x, random, o);
}

// One address in two lies in an allocated page, while there are such.
static uint64_t draw_address(const struct multilevel *x,
			     struct python_random *random, size_t i)
{
	bool anywhere = python_random_real(random) * 100 > 50.0;

	if (anywhere || i >= x->allocated)
		return draw(random, 1 << BITS);
	return x->pages[i] << INDEX_BITS | draw(random, PAGE);
}

// ## The walk

struct steps {
	unsigned directory_index, table_index, offset;
	uint8_t directory_entry,
		table_entry; // table_entry if the first is valid
};

static struct steps walk(const struct multilevel *x, uint64_t address)
{
	struct steps s = {
		.directory_index = (unsigned)(address >> 2 * INDEX_BITS),
		.table_index = (unsigned)(address >> INDEX_BITS) % PAGE,
		.offset = (unsigned)address % PAGE,
	};

	s.directory_entry = x->memory[x->directory][s.directory_index];
	if (s.directory_entry & VALID)
		s.table_entry =
			x->memory[s.directory_entry & ~VALID][s.table_index];
	return s;
}

static void translate(const struct multilevel *x, struct translation *t)
{
	struct steps s = walk(x, t->address);

	if (!(s.directory_entry & VALID))
		t->fault = "pde";
	else if (!(s.table_entry & VALID))
		t->fault = "pte";
	else
		t->physical = (uint64_t)(s.table_entry & ~VALID) * PAGE +
			      s.offset;
}

static unsigned byte_at(const struct multilevel *x, uint64_t physical)
{
	return x->memory[physical / PAGE][physical % PAGE];
}

// ## Telling

static void problem(const struct sheet *sheet)
{
	const struct multilevel *x = sheet->exercise;

	printf("A page directory and page tables: seed %" PRIu64
	       ", %zu pages allocated\n\n"
	       "An address has %d bits: 5 index the directory, 5 a table, 5 "
	       "are the offset.\nA page has %d bytes. A directory or table is "
	       "a page of %d entries, a byte each:\nbit 7 says that the entry "
	       "is valid, the rest is a frame of physical memory.\n\n"
	       "The directory (PDBR) is frame %u. Physical memory, a frame a "
	       "line:\n",
	       sheet->options->seed, x->allocated, BITS, PAGE, PAGE,
	       x->directory);
	for (int frame = 0; frame < FRAMES; frame++) {
		printf("  %3d:", frame);
		for (int i = 0; i < PAGE; i++)
			printf("%s%02x", i % 4 ? "" : " ", x->memory[frame][i]);
		putchar('\n');
	}
}

static void explain_entry(const char *what, unsigned frame, unsigned index,
			  uint8_t entry)
{
	printf("\n      %s, frame %u, entry %u: 0x%02x, ", what, frame, index,
	       entry);
	if (entry & VALID)
		printf("valid, frame %u", (unsigned)(entry & ~VALID));
	else
		printf("bit 7 is 0: not valid");
}

static void explain(const struct multilevel *x, const struct translation *t)
{
	struct steps s = walk(x, t->address);

	printf("\n      in bits ");
	for (int bit = BITS - 1; bit >= 0; bit--)
		printf("%d%s", (int)(t->address >> bit & 1),
		       bit && bit % INDEX_BITS == 0 ? " " : "");
	printf(": directory index %u, table index %u, offset %u",
	       s.directory_index, s.table_index, s.offset);
	explain_entry("directory", x->directory, s.directory_index,
		      s.directory_entry);
	if (s.directory_entry & VALID)
		explain_entry("table", s.directory_entry & ~VALID,
			      s.table_index, s.table_entry);
	if (!t->fault)
		printf("\n      %u * %d + %u = %" PRIu64,
		       s.table_entry & ~VALID, PAGE, s.offset, t->physical);
}

static void answer(const struct sheet *sheet, size_t i)
{
	const struct multilevel *x = sheet->exercise;
	const struct translation *t = &sheet->translations[i];

	if (t->fault)
		printf(": fault, the %s entry is not valid",
		       t->fault[1] == 'd' ? "directory" : "table");
	else
		printf(": physical 0x%03" PRIx64 " (%" PRIu64
		       "), there is 0x%02x",
		       t->physical, t->physical, byte_at(x, t->physical));
	if (sheet->options->explain)
		explain(x, t);
}

static void members(const struct sheet *sheet)
{
	const struct multilevel *x = sheet->exercise;

	printf(", \"pdbr\": %u,\n \"memory\": [", x->directory);
	for (int frame = 0; frame < FRAMES; frame++) {
		printf("%s\n  \"", frame ? "," : "");
		for (int i = 0; i < PAGE; i++)
			printf("%02x", x->memory[frame][i]);
		putchar('"');
	}
	putchar(']');
}

static void translation_members(const struct sheet *sheet, size_t i)
{
	const struct multilevel *x = sheet->exercise;
	const struct translation *t = &sheet->translations[i];
	struct steps s = walk(x, t->address);

	printf(", \"directory_index\": %u, \"directory_entry\": %u, "
	       "\"table_index\": %u, ",
	       s.directory_index, s.directory_entry, s.table_index);
	if (s.directory_entry & VALID)
		printf("\"table_entry\": %u, ", s.table_entry);
	else
		printf("\"table_entry\": null, ");
	printf("\"offset\": %u, ", s.offset);
	if (t->fault)
		printf("\"value\": null");
	else
		printf("\"value\": %u", byte_at(x, t->physical));
}

static bool ask(const struct sheet *sheet, size_t i, struct quiz *quiz)
{
	const struct multilevel *x = sheet->exercise;
	const struct translation *t = &sheet->translations[i];
	double result = !t->fault            ? (double)t->physical
			: t->fault[1] == 'd' ? -1
					     : -2;

	return quiz_ask(quiz, walk(x, t->address).directory_index,
			"0x%04" PRIx64 ": directory index", t->address) &&
	       quiz_ask(quiz, result,
			"0x%04" PRIx64 ": physical address (fault: -1 "
			"directory entry, -2 table entry)",
			t->address) &&
	       (t->fault ||
		quiz_ask(quiz, byte_at(x, t->physical),
			 "0x%04" PRIx64 ": the byte there", t->address));
}

int multilevel_sheet(const struct worksheet *o)
{
	struct python_random random = python_random_seeded(o->seed);
	struct multilevel *x = must_ptr(calloc(1, sizeof *x));
	struct sheet sheet = {
		.options = o,
		.exercise = x,
		.digits = 4,
		.task = "What is the physical address of each, and which byte "
			"is there? Or which entry is\nnot valid, the "
			"directory's or the table's?",
		.problem = problem,
		.answer = answer,
		.members = members,
		.translation_members = translation_members,
		.ask = ask,
	};

	optparse_range("--allocated", o->allocated, 0, PAGES);
	optparse_range("--addresses", o->count, 0, MOST_ADDRESSES);
	draw_memory(x, &random, o);
	sheet.count = (size_t)o->count;
	sheet.translations =
		must_ptr(calloc(sheet.count + 1, sizeof *sheet.translations));
	for (size_t i = 0; i < sheet.count; i++) {
		sheet.translations[i].address = draw_address(x, &random, i);
		translate(x, &sheet.translations[i]);
	}
	int status = sheet_show(&sheet);
	free(sheet.translations);
	free(x);
	return status;
}

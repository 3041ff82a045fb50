// # --ostep=linear: one page table
//
//     $ build/mem/walk --ostep=linear -s 3 -n 2 -c --explain
//
// The table has an entry for every page of the address space, needed or not. An
// entry is 0 where the page is not valid, else 0x80000000 and the frame's number.
//
// The drawing has one trap: where the frame that was drawn is taken already, the
// page begins anew, with the question whether it is valid at all.

#define _GNU_SOURCE
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/walk/sheet.h"
#include "must.h"
#include "options.h"
#include "optparse.h"
#include "python_random.h"
#include "quiz.h"

#define VALID UINT32_C(0x80000000)

struct linear {
	uint64_t address_space, physical, page; // bytes
	size_t pages;
	uint32_t *table;
};

// ## The numbers of the exercise

static const uint64_t GIGABYTE = UINT64_C(1) << 30;

// A number with k, m or g behind it, from 1 to a byte below 1g.
static uint64_t size_of(const char *option, const char *text)
{
	static const char units[] = "kmg";
	char digits[32], *last = digits;
	int64_t number = 0;
	unsigned shift = 0;
	size_t n = strlen(text);

	if (n > 0 && n < sizeof digits) {
		memcpy(digits, text, n + 1);
		last += n - 1;
		const char *unit = strchr(units, *last | 0x20);
		if (unit) {
			shift = 10 * (unsigned)(unit - units + 1);
			*last = '\0';
		}
		if (parse_number(digits, 1, (int64_t)GIGABYTE, &number) != 0)
			number = 0;
	}
	if (number == 0 || (uint64_t)number << shift >= GIGABYTE)
		option_refuse(outside_argp(), option, text,
			      "a size below 1g, such as 4096, 16k or 1m");
	return (uint64_t)number << shift;
}

static bool is_power_of_two(uint64_t number)
{
	return (number & (number - 1)) == 0;
}

static void read_sizes(struct linear *x, const struct worksheet *o)
{
	x->address_space = size_of("--asize", o->address_space);
	x->physical = size_of("--physmem", o->physical);
	x->page = size_of("--pagesize", o->page);
	if (!is_power_of_two(x->address_space))
		option_refuse(outside_argp(), "--asize", o->address_space,
			      "a power of two");
	if (!is_power_of_two(x->page))
		option_refuse(outside_argp(), "--pagesize", o->page,
			      "a power of two");
	if (x->address_space % x->page)
		option_refuse(outside_argp(), "--asize", o->address_space,
			      "a multiple of the page size, %" PRIu64, x->page);
	if (x->physical % x->page)
		option_refuse(outside_argp(), "--physmem", o->physical,
			      "a multiple of the page size, %" PRIu64, x->page);
	if (x->physical <= x->address_space)
		option_refuse(outside_argp(), "--physmem", o->physical,
			      "more than the address space, %" PRIu64,
			      x->address_space);
	x->pages = x->address_space / x->page;
	if (x->pages > MOST_PAGES)
		option_refuse(outside_argp(), "--pagesize", o->page,
			      "at most %d pages in the address space",
			      MOST_PAGES);
}

static void draw_table(struct linear *x, const struct worksheet *o,
		       struct python_random *random)
{
	size_t frames = x->physical / x->page;
	bool *taken = must_ptr(calloc(frames, sizeof *taken));

	for (size_t i = 0; i < x->pages;) {
		if (python_random_real(random) * 100.0 >
		    100.0 - (double)o->used) {
			size_t frame = (size_t)trunc(
				(double)frames * python_random_real(random));
			if (taken[frame])
				continue;
			taken[frame] = true;
			x->table[i] = VALID | (uint32_t)frame;
		}
		i++;
	}
	free(taken);
}

// ## The addresses

static void list_addresses(struct sheet *sheet, const struct linear *x)
{
	const char *list = sheet->options->list;
	char *copy = must_ptr(strdup(list)), *rest = copy;
	int64_t address;
	size_t n = 1;

	for (const char *c = list; *c; c++)
		n += *c == ',';
	if (n > MOST_LISTED)
		option_refuse(outside_argp(), "--addresses", list,
			      "at most %d addresses", MOST_LISTED);
	sheet->translations = must_ptr(calloc(n, sizeof *sheet->translations));
	for (char *one; (one = strsep(&rest, ","));) {
		one += strspn(one, " \t");
		one[strcspn(one, " \t")] = '\0';
		if (parse_number(one, 0, (int64_t)x->address_space - 1,
				 &address) != 0)
			option_refuse(outside_argp(), "--addresses", list,
				      "addresses from 0 to %" PRIu64
				      " in decimal, separated by commas, or "
				      "-1: random ones",
				      x->address_space - 1);
		sheet->translations[sheet->count++].address = (uint64_t)address;
	}
	free(copy);
}

static void draw_addresses(struct sheet *sheet, const struct linear *x,
			   struct python_random *random)
{
	sheet->count = (size_t)sheet->options->count;
	sheet->translations =
		must_ptr(calloc(sheet->count + 1, sizeof *sheet->translations));
	for (size_t i = 0; i < sheet->count; i++)
		sheet->translations[i].address = (uint64_t)trunc(
			(double)x->address_space * python_random_real(random));
}

static void translate(const struct linear *x, struct translation *t)
{
	uint32_t entry = x->table[t->address / x->page];

	if (!(entry & VALID))
		t->fault = "pte";
	else
		t->physical = (entry & ~VALID) * x->page + t->address % x->page;
}

// ## Telling

static int bits_of(uint64_t size)
{
	return __builtin_ctzll(size);
}

static void problem(const struct sheet *sheet)
{
	const struct linear *x = sheet->exercise;
	const struct worksheet *o = sheet->options;
	int page_bits = bits_of(x->page);

	printf("One page table: seed %" PRIu64 ", %" PRId64
	       " %% of the pages valid\n\n"
	       "  address space    %10" PRIu64 " bytes, %zu pages\n"
	       "  physical memory  %10" PRIu64 " bytes, %" PRIu64 " frames\n"
	       "  page             %10" PRIu64 " bytes\n\n",
	       o->seed, o->used, x->address_space, x->pages, x->physical,
	       x->physical / x->page, x->page);
	printf("An address has %d bits: the upper %d are the page number, the "
	       "lower %d the\noffset. An entry's top bit (of 32) says that the "
	       "page is valid; the rest is its\nframe.\n\n"
	       "Page table, from entry 0:\n",
	       bits_of(x->address_space), bits_of(x->address_space) - page_bits,
	       page_bits);
	for (size_t i = 0; i < x->pages; i++) {
		if (o->numbered)
			printf("  %8zu", i);
		printf("  0x%08" PRIx32 "\n", x->table[i]);
	}
}

static void answer(const struct sheet *sheet, size_t i)
{
	const struct linear *x = sheet->exercise;
	const struct translation *t = &sheet->translations[i];
	uint64_t page = t->address / x->page, offset = t->address % x->page;

	if (t->fault)
		printf(": page %" PRIu64 " is not valid", page);
	else
		printf(": page %" PRIu64 ", physical 0x%0*" PRIx64 " (%" PRIu64
		       ")",
		       page, sheet->digits, t->physical, t->physical);
	if (!sheet->options->explain)
		return;
	printf("\n      %" PRIu64 " = %" PRIu64 " * %" PRIu64 " + %" PRIu64
	       ", so p = %" PRIu64 ", d = %" PRIu64 "\n"
	       "      entry %" PRIu64 " is 0x%08" PRIx32 ": ",
	       t->address, page, x->page, offset, page, offset, page,
	       x->table[page]);
	if (t->fault)
		printf("the top bit is 0, so the page is not valid");
	else
		printf("valid, frame %" PRIu64 "\n"
		       "      %" PRIu64 " * %" PRIu64 " + %" PRIu64
		       " = %" PRIu64,
		       t->physical / x->page, t->physical / x->page, x->page,
		       offset, t->physical);
}

static void members(const struct sheet *sheet)
{
	const struct linear *x = sheet->exercise;

	printf(", \"address_space\": %" PRIu64 ", \"physical_memory\": %" PRIu64
	       ", \"page\": %" PRIu64 ",\n \"page_table\": [",
	       x->address_space, x->physical, x->page);
	for (size_t i = 0; i < x->pages; i++)
		printf("%s%" PRIu32, i ? ", " : "", x->table[i]);
	putchar(']');
}

static void translation_members(const struct sheet *sheet, size_t i)
{
	const struct linear *x = sheet->exercise;
	uint64_t address = sheet->translations[i].address;

	printf(", \"page\": %" PRIu64 ", \"offset\": %" PRIu64,
	       address / x->page, address % x->page);
}

static bool ask(const struct sheet *sheet, size_t i, struct quiz *quiz)
{
	const struct linear *x = sheet->exercise;
	const struct translation *t = &sheet->translations[i];
	uint64_t number = t->address / x->page;

	return quiz_ask(quiz, (double)number, "%" PRIu64 ": page number",
			t->address) &&
	       quiz_ask(quiz, t->fault ? -1 : (double)t->physical,
			"%" PRIu64 ": physical address (-1: the page is not "
			"valid)",
			t->address);
}

int linear_sheet(const struct worksheet *o)
{
	struct python_random random = python_random_seeded(o->seed);
	struct linear x = { 0 };
	struct sheet sheet = {
		.options = o,
		.exercise = &x,
		.task = "Which page does each lie in, and what is its physical "
			"address, or is the page\nnot valid?",
		.problem = problem,
		.answer = answer,
		.members = members,
		.translation_members = translation_members,
		.ask = ask,
	};

	optparse_range("--numaddrs", o->count, 0, MOST_ADDRESSES);
	optparse_range("--used", o->used, 0, 100);
	read_sizes(&x, o);
	for (uint64_t rest = x.physical - 1; rest; rest >>= 4)
		sheet.digits++;
	x.table = must_ptr(calloc(x.pages, sizeof *x.table));
	draw_table(&x, o, &random);
	if (strcmp(o->list, "-1") != 0)
		list_addresses(&sheet, &x);
	else
		draw_addresses(&sheet, &x, &random);
	for (size_t i = 0; i < sheet.count; i++)
		translate(&x, &sheet.translations[i]);
	int status = sheet_show(&sheet);
	free(sheet.translations);
	free(x.table);
	return status;
}

// # --ostep: a course's worksheets on translation
//
//     $ build/mem/walk --ostep=linear -s 6               the worksheet
//     $ build/mem/walk --ostep=linear -s 6 -c --explain  with the answers
//     $ build/mem/walk --ostep=multilevel -s 7 --quiz    asks and marks
//
// A student copies the options from the worksheet, so they are read as the
// course's programs read them (optparse.h); ours stand anywhere between.
//
// Sources: Arpaci-Dusseau & Arpaci-Dusseau, "Operating Systems: Three Easy
// Pieces", https://ostep.org, the homework of the chapters on paging and on
// smaller tables.

#define _GNU_SOURCE
#include "mem/walk/sheet.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "optparse.h"
#include "quiz.h"

// ## The options

#define FIELD(name) offsetof(struct worksheet, name)

static const struct optparse_option linear_options[] = {
	{ 's', "seed", OPTPARSE_SEED, FIELD(seed), "N",
	  "seed of the exercise (0)" },
	{ 'A', "addresses", OPTPARSE_TEXT, FIELD(list), "A,B,...",
	  "virtual addresses, instead of random ones" },
	{ 'a', "asize", OPTPARSE_TEXT, FIELD(address_space), "SIZE",
	  "address space: bytes, or with k, m, g (16k)" },
	{ 'p', "physmem", OPTPARSE_TEXT, FIELD(physical), "SIZE",
	  "physical memory (64k)" },
	{ 'P', "pagesize", OPTPARSE_TEXT, FIELD(page), "SIZE",
	  "size of a page (4k)" },
	{ 'n', "numaddrs", OPTPARSE_INTEGER, FIELD(count), "N",
	  "how many random addresses (5)" },
	{ 'u', "used", OPTPARSE_INTEGER, FIELD(used), "PERCENT",
	  "how many of the pages are valid (50)" },
	{ 'v', NULL, OPTPARSE_FLAG, FIELD(numbered), NULL,
	  "number the entries of the table" },
	{ 'c', NULL, OPTPARSE_FLAG, FIELD(compute), NULL, "show the answers" },
	{ 0 }
};

static const struct optparse_option multilevel_options[] = {
	{ 's', "seed", OPTPARSE_SEED, FIELD(seed), "N",
	  "seed of the exercise (0)" },
	{ 'a', "allocated", OPTPARSE_INTEGER, FIELD(allocated), "N",
	  "how many virtual pages have a frame (64)" },
	{ 'n', "addresses", OPTPARSE_INTEGER, FIELD(count), "N",
	  "how many addresses (10)" },
	{ 'c', "solve", OPTPARSE_FLAG, FIELD(compute), NULL,
	  "show the answers" },
	{ 0 }
};

static const struct optparse_option our_options[] = {
	{ 0, "ostep", OPTPARSE_TEXT, FIELD(name), "NAME",
	  "linear or multilevel: whose exercise" },
	{ 0, "format", OPTPARSE_FORMAT, FIELD(json), "text|json",
	  "JSON always holds the answers (text)" },
	{ 0, "explain", OPTPARSE_FLAG, FIELD(explain), NULL,
	  "with -c: step by step, and why" },
	{ 0, "quiz", OPTPARSE_FLAG, FIELD(quiz), NULL,
	  "asks for the answers and marks them" },
	{ 'h', "help", OPTPARSE_HELP, 0, NULL, "print this" },
	{ 0, "version", OPTPARSE_VERSION, 0, NULL, "print the version" },
	{ 0 }
};

static const struct program {
	const char *name, *of, *summary, *keys;
	const struct optparse_option *options;
	int (*play)(const struct worksheet *);
	struct worksheet defaults;
} programs[] = {
	{ "linear", "paging-linear-translate",
	  "one page table, a row of entries",
	  "exercise, seed, address_space, physical_memory, page (bytes), "
	  "page_table,\n  translations (virtual, page, offset, physical or "
	  "null, fault: null or \"pte\")",
	  linear_options, linear_sheet,
	  { .address_space = "16k", .physical = "64k", .page = "4k",
	    .list = "-1", .count = 5, .used = 50 } },
	{ "multilevel", "paging-multilevel-translate",
	  "a page directory and its page tables",
	  "exercise, seed, pdbr, memory (a page a line), translations "
	  "(virtual,\n  directory_index, directory_entry, table_index, "
	  "table_entry, physical or null,\n  value, fault: null, \"pde\" or "
	  "\"pte\")",
	  multilevel_options, multilevel_sheet,
	  { .allocated = 64, .count = 10 } },
};

enum { PROGRAMS = sizeof programs / sizeof *programs };

// The course's own names are understood, too. The last --ostep counts, as with
// all options.
static const struct program *find_program(int argc, char **argv)
{
	static const char *const names[] = { "linear", "multilevel",
					     "paging-linear",
					     "paging-multilevel", NULL };
	int which = option_choice(outside_argp(), "--ostep",
				  optparse_value(argc, argv, "ostep"), names);

	return &programs[which % PROGRAMS];
}

static void help(const struct optparse *parser)
{
	const struct program *program = programs;

	while (program->options != parser->theirs)
		program++;
	printf("Usage: walk --ostep=%s [OPTION...]\n"
	       "The exercise of OSTEP's homework program %s:\n"
	       "%s,\nthe same for the same options and seed; its answers with "
	       "-c.\n\n",
	       program->name, program->of, program->summary);
	optparse_print(parser->theirs);
	putchar('\n');
	optparse_print(parser->ours);
	printf("\nExample: walk --ostep=%s -s 3 -c --explain\n\n"
	       "--quiz takes an answer a line, in decimal; an empty one is "
	       "\"I do not know\".\n"
	       "JSON has the keys:\n  %s.\n"
	       "Exit status: 0; with --quiz 1 where an answer was wrong or "
	       "missing; 2 bad usage.\n",
	       program->name, program->keys);
}

int ostep_tool(int argc, char **argv)
{
	const struct program *program = find_program(argc, argv);
	struct worksheet options = program->defaults;
	char exercise[32];

	snprintf(exercise, sizeof exercise, "--ostep=%s", program->name);
	const struct optparse parser = {
		.exercise = exercise,
		.theirs = program->options,
		.ours = our_options,
		.help = help,
	};
	optparse_read(&parser, argc, argv, &options);
	options.name = program->name;
	if (options.quiz && options.json)
		option_refuse(outside_argp(), "--format", "json",
			      "text beside --quiz, which asks a person");
	return program->play(&options);
}

// ## The answers

static void show_json(const struct sheet *sheet)
{
	printf("{\"exercise\": \"%s\", \"seed\": %" PRIu64,
	       sheet->options->name, sheet->options->seed);
	sheet->members(sheet);
	printf(",\n \"translations\": [");
	for (size_t i = 0; i < sheet->count; i++) {
		const struct translation *t = &sheet->translations[i];
		printf("%s\n  {\"virtual\": %" PRIu64, i ? "," : "",
		       t->address);
		sheet->translation_members(sheet, i);
		if (t->fault)
			printf(", \"physical\": null, \"fault\": \"%s\"}",
			       t->fault);
		else
			printf(", \"physical\": %" PRIu64 ", \"fault\": null}",
			       t->physical);
	}
	printf("]}\n");
}

static int ask(const struct sheet *sheet)
{
	struct quiz quiz = { 0 };

	for (size_t i = 0; i < sheet->count; i++)
		if (!sheet->ask(sheet, i, &quiz))
			break;
	return quiz_end(&quiz);
}

static void show_addresses(const struct sheet *sheet, bool answers)
{
	for (size_t i = 0; i < sheet->count; i++) {
		uint64_t address = sheet->translations[i].address;
		printf("  0x%0*" PRIx64 " (%" PRIu64 ")", sheet->digits,
		       address, address);
		if (answers)
			sheet->answer(sheet, i);
		putchar('\n');
	}
}

int sheet_show(const struct sheet *sheet)
{
	const struct worksheet *o = sheet->options;
	int status = EXIT_SUCCESS;

	if (o->json) {
		show_json(sheet);
		return status;
	}
	sheet->problem(sheet);
	printf("\nVirtual addresses:\n");
	show_addresses(sheet, false);
	if (o->quiz) {
		printf("\n%s\n\n", sheet->task);
		status = ask(sheet);
	} else if (!o->compute) {
		printf("\n%s\nThe answers are shown with -c, asked for with "
		       "--quiz.\n",
		       sheet->task);
	}
	if (o->compute) {
		printf("\nTranslated:\n");
		show_addresses(sheet, true);
	}
	return status;
}

// # --ostep=segmentation: another program's command line
//
//     $ build/mem/segment --ostep=segmentation -s 2 -n 2 -c --explain
//
// A student copies the options from the worksheet, so they are read as the
// course's program reads them (optparse.h); ours stand anywhere between.
//
// Sources: Arpaci-Dusseau & Arpaci-Dusseau, "Operating Systems: Three Easy
// Pieces", https://ostep.org, the homework of chapter 16, "Segmentation".

#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem/segment/sheet.h"
#include "options.h"
#include "optparse.h"

struct asked {
	struct exercise_options o;
	const char *name;
};

#define FIELD(name) offsetof(struct asked, o.name)

static const struct optparse_option their_options[] = {
	{ 's', "seed", OPTPARSE_SEED, FIELD(seed), "N",
	  "seed of the exercise (0)" },
	{ 'A', "addresses", OPTPARSE_TEXT, FIELD(addresses), "A,B,...",
	  "virtual addresses, instead of random ones" },
	{ 'a', "asize", OPTPARSE_TEXT, FIELD(asize), "SIZE",
	  "the address space (1k)" },
	{ 'p', "physmem", OPTPARSE_TEXT, FIELD(physmem), "SIZE",
	  "physical memory (16k)" },
	{ 'n', "numaddrs", OPTPARSE_INTEGER, FIELD(numaddrs), "N",
	  "how many random addresses (5)" },
	{ 'b', "b0", OPTPARSE_TEXT, FIELD(b0), "SIZE", "base of segment 0" },
	{ 'l', "l0", OPTPARSE_TEXT, FIELD(l0), "SIZE", "limit of segment 0" },
	{ 'B', "b1", OPTPARSE_TEXT, FIELD(b1), "SIZE",
	  "base of segment 1: one past its highest byte" },
	{ 'L', "l1", OPTPARSE_TEXT, FIELD(l1), "SIZE", "limit of segment 1" },
	{ 'c', NULL, OPTPARSE_FLAG, FIELD(compute), NULL, "show the answers" },
	{ 0 }
};

static const struct optparse_option our_options[] = {
	{ 0, "ostep", OPTPARSE_TEXT, offsetof(struct asked, name), "NAME",
	  "segmentation: whose exercise" },
	{ 0, "format", OPTPARSE_FORMAT, FIELD(json), "text|json",
	  "JSON always holds the answers (text)" },
	{ 0, "explain", OPTPARSE_FLAG, FIELD(explain), NULL,
	  "with -c: why, and where the segments lie" },
	{ 0, "quiz", OPTPARSE_FLAG, FIELD(quiz), NULL,
	  "ask for the answers and mark them" },
	{ 'h', "help", OPTPARSE_HELP, 0, NULL, "print this" },
	{ 0, "version", OPTPARSE_VERSION, 0, NULL, "print the version" },
	{ 0 }
};

static void help(const struct optparse *parser)
{
	printf("Usage: segment --ostep=segmentation [OPTION...]\n"
	       "The exercise of OSTEP's homework program segmentation: two "
	       "segments, the lower\nhalf of the address space and the upper, "
	       "which grows down; the same for the same\noptions and seed; its "
	       "answers with -c.\n\n");
	optparse_print(parser->theirs);
	putchar('\n');
	optparse_print(parser->ours);
	printf("\nExample: segment --ostep=segmentation -s 3 -c --explain\n\n"
	       "A SIZE is a number, with k, m or g; -1 is random. "
	       "--quiz takes an answer a line;\nan empty one is \"I do not "
	       "know\".\n"
	       "JSON: address_space, physical_memory, segments (segment, base, "
	       "limit, grows),\ntranslations (virtual, segment, physical, "
	       "fault; with --explain why).\n"
	       "Exit status: 0; with --quiz 1 where an answer was wrong or "
	       "missing; 2 bad usage.\n");
}

int segmentation_main(int argc, char **argv)
{
	static const char *const names[] = { "segmentation", NULL };
	struct asked asked = { .o = { .asize = "1k",
				      .physmem = "16k",
				      .b0 = "-1",
				      .l0 = "-1",
				      .b1 = "-1",
				      .l1 = "-1",
				      .addresses = "-1",
				      .numaddrs = 5 } };
	const struct optparse parser = {
		.exercise = "--ostep=segmentation",
		.theirs = their_options,
		.ours = our_options,
		.help = help,
	};

	option_choice(outside_argp(), "--ostep",
		      optparse_value(argc, argv, "ostep"), names);
	optparse_read(&parser, argc, argv, &asked);
	if (asked.o.quiz && asked.o.json)
		option_refuse(outside_argp(), "--format", "json",
			      "text beside --quiz, which asks a person");
	struct exercise exercise = exercise_make(&asked.o);
	int status = sheet_show(&exercise, &asked.o);
	free(exercise.addresses);
	return options_end(status);
}

// # --ostep=malloc: another program's command line
//
//     $ build/mem/fragment --ostep=malloc -n 10 -H 4 -C        the worksheet
//     $ build/mem/fragment --ostep=malloc -n 10 -H 4 -C -c     with its answers
//
//     $ build/mem/fragment --ostep=malloc -S 60 -A +10,+20,-0,+4 -c --explain
//
// A student copies the options from the worksheet, so they are read as the
// course's programs read them (optparse.h); ours stand anywhere between.
//
// Source: Arpaci-Dusseau & Arpaci-Dusseau, "Operating Systems: Three Easy
// Pieces", https://ostep.org, the homework of the chapter on free space.

#define _GNU_SOURCE
#include "mem/fragment/ostep.h"

#include <stddef.h>
#include <stdio.h>

#include "mem/fragment/fragment.h"
#include "options.h"
#include "optparse.h"

#define FIELD(name) offsetof(struct ostep, name)

static const struct optparse_option theirs[] = {
	{ 's', "seed", OPTPARSE_SEED, FIELD(seed), "N",
	  "seed of the exercise (0)" },
	{ 'S', "size", OPTPARSE_INTEGER, FIELD(size), "N",
	  "size of the heap (100)" },
	{ 'b', "baseAddr", OPTPARSE_INTEGER, FIELD(base), "N",
	  "where it begins (1000)" },
	{ 'H', "headerSize", OPTPARSE_INTEGER, FIELD(header), "N",
	  "bytes of a block's header (0)" },
	{ 'a', "alignment", OPTPARSE_INTEGER, FIELD(alignment), "N",
	  "sizes are multiples of it; -1: of 1 (-1)" },
	{ 'p', "policy", OPTPARSE_TEXT, FIELD(policy), "NAME",
	  "BEST, WORST or FIRST (BEST)" },
	{ 'l', "listOrder", OPTPARSE_TEXT, FIELD(order), "ORDER",
	  "of the free list, see below (ADDRSORT)" },
	{ 'C', "coalesce", OPTPARSE_FLAG, FIELD(coalesce), NULL,
	  "join neighbours when a block comes back" },
	{ 'n', "numOps", OPTPARSE_INTEGER, FIELD(operations), "N",
	  "how many operations (10)" },
	{ 'r', "range", OPTPARSE_INTEGER, FIELD(range), "N",
	  "the largest request (10)" },
	{ 'P', "percentAlloc", OPTPARSE_INTEGER, FIELD(percent), "N",
	  "percent of allocations (50)" },
	{ 'A', "allocList", OPTPARSE_TEXT, FIELD(list), "+SIZE,-INDEX,...",
	  "these operations, not random ones" },
	{ 'c', "compute", OPTPARSE_FLAG, FIELD(compute), NULL,
	  "show the answers" },
	{ 0 }
};

static const struct optparse_option ours[] = {
	{ 0, "ostep", OPTPARSE_TEXT, FIELD(name), "malloc", "whose exercise" },
	{ 0, "format", OPTPARSE_FORMAT, FIELD(json), "text|json",
	  "JSON always holds the answers (text)" },
	{ 0, "explain", OPTPARSE_FLAG, FIELD(explain), NULL,
	  "with -c: which block, and why" },
	{ 0, "quiz", OPTPARSE_FLAG, FIELD(quiz), NULL,
	  "ask for the answers and mark them" },
	{ 'h', "help", OPTPARSE_HELP, 0, NULL, "print this" },
	{ 0, "version", OPTPARSE_VERSION, 0, NULL, "print the version" },
	{ 0 }
};

static void help(const struct optparse *parser)
{
	printf("Usage: fragment --ostep=malloc [OPTION...]\n"
	       "The exercise of OSTEP's homework program malloc: a heap and "
	       "its free list, the\nsame for the same options and seed; its "
	       "answers with -c.\n\n");
	optparse_print(parser->theirs);
	putchar('\n');
	optparse_print(parser->ours);
	printf("\nExample: fragment --ostep=malloc -H 4 -a 8 -C -c "
	       "--explain\n\n"
	       "Orders of the free list: ADDRSORT, SIZESORT+ (rising), "
	       "SIZESORT- (falling),\nINSERT-FRONT, INSERT-BACK.\n"
	       "--quiz takes an answer a line: 7, 2.5 or 7/3; an empty one is "
	       "\"I do not know\".\n"
	       "JSON: operations, each with its operation (alloc, free), "
	       "index, result and\nfree_list: [address, size]; of an "
	       "allocation also size, address (of the block\nwith its header, "
	       "or null) and searched.\n"
	       "Exit status: 0; with --quiz 1 where an answer was wrong or "
	       "missing; 2 bad usage.\n");
}

static const int64_t most = INT64_C(1) << 40;

static void check(const struct ostep *o)
{
	optparse_range("--size", o->size, 1, most);
	optparse_range("--baseAddr", o->base, -most, most);
	optparse_range("--headerSize", o->header, 0, most);
	optparse_range("--alignment", o->alignment, -1, most);
	if (o->alignment == 0)
		option_refuse(outside_argp(), "--alignment", "0",
			      "-1, or a number above 0");
	optparse_range("--numOps", o->operations, 0, MOST_OPERATIONS);
	optparse_range("--range", o->range, 0, most);
	optparse_range("--percentAlloc", o->percent, 1, INT32_MAX);
}

int ostep_main(int argc, char **argv)
{
	static const char *const names[] = { "malloc", NULL };
	const struct optparse parser = {
		.exercise = "--ostep=malloc",
		.theirs = theirs,
		.ours = ours,
		.help = help,
	};
	struct ostep o = { .size = 100,
			   .base = 1000,
			   .alignment = -1,
			   .policy = "BEST",
			   .order = "ADDRSORT",
			   .operations = 10,
			   .range = 10,
			   .percent = 50,
			   .list = "" };

	option_choice(outside_argp(), "--ostep",
		      optparse_value(argc, argv, "ostep"), names);
	optparse_read(&parser, argc, argv, &o);
	check(&o);
	if (o.quiz && o.json)
		option_refuse(outside_argp(), "--format", "json",
			      "text beside --quiz, which asks a person");
	return options_end(exercise_show(&o));
}

// # --ostep=paging-policy: another program's command line
//
//     $ build/mem/replace --ostep=paging-policy -s 3 -p LRU -c
//     $ build/mem/replace --ostep=paging-policy -a 1,2,3,4,1,2 -p OPT -C 3
//
// A student copies the options from the worksheet, so they are read as the
// course's program reads them (optparse.h); ours stand anywhere between.
//
// Sources: Arpaci-Dusseau & Arpaci-Dusseau, "Operating Systems: Three Easy
// Pieces", https://ostep.org, the homework of the chapter on page replacement.

#define _GNU_SOURCE
#include "mem/replace/ostep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mem/replace/ostep_parts.h"
#include "mem/replace/replace.h"
#include "options.h"
#include "optparse.h"

// ## The options

#define FIELD(name) offsetof(struct ostep, name)

static const struct optparse_option their_options[] = {
	{ 's', "seed", OPTPARSE_TEXT, FIELD(seed_text), "N",
	  "seed of the exercise (0)" },
	{ 'a', "addresses", OPTPARSE_TEXT, FIELD(addresses), "A,B,...",
	  "the references, instead of random ones (-1: random)" },
	{ 'f', "addressfile", OPTPARSE_TEXT, FIELD(file), "FILE",
	  "the references, one a line" },
	{ 'n', "numaddrs", OPTPARSE_TEXT, FIELD(count_text), "N",
	  "how many random references (10)" },
	{ 'm', "maxpage", OPTPARSE_TEXT, FIELD(maxpage_text), "N",
	  "random pages are below it (10)" },
	{ 'p', "policy", OPTPARSE_TEXT, FIELD(policy), "NAME",
	  "FIFO, LRU, MRU, OPT, UNOPT or RAND (FIFO)" },
	{ 'C', "cachesize", OPTPARSE_TEXT, FIELD(frames_text), "N",
	  "frames (3)" },
	{ 'b', "clockbits", OPTPARSE_INTEGER, FIELD(bits), "N",
	  "for CLOCK, which is not played here" },
	{ 'N', "notrace", OPTPARSE_FLAG, FIELD(notrace), NULL,
	  "with -c: totals only" },
	{ 'c', "compute", OPTPARSE_FLAG, FIELD(compute), NULL,
	  "show the answers" },
	{ 0 }
};

static const struct optparse_option our_options[] = {
	{ 0, "ostep", OPTPARSE_TEXT, FIELD(name), "NAME",
	  "paging-policy: whose exercise" },
	{ 0, "format", OPTPARSE_FORMAT, FIELD(json), "text|json",
	  "JSON always holds the answers (text)" },
	{ 0, "explain", OPTPARSE_FLAG, FIELD(explain), NULL,
	  "with -c: why this page leaves" },
	{ 0, "quiz", OPTPARSE_FLAG, FIELD(quiz), NULL,
	  "ask for the answers and mark them" },
	{ 'h', "help", OPTPARSE_HELP, 0, NULL, "print this" },
	{ 0, "version", OPTPARSE_VERSION, 0, NULL, "print the version" },
	{ 0 }
};

static void help(const struct optparse *parser)
{
	printf("Usage: replace --ostep=paging-policy [OPTION...]\n"
	       "The exercise of OSTEP's homework program paging-policy: "
	       "references, and which\npage leaves; the same for the same "
	       "options and seed; its answers with -c.\n\n");
	optparse_print(parser->theirs);
	putchar('\n');
	optparse_print(parser->ours);
	printf("\nExample: replace --ostep=paging-policy -s 3 -p LRU -c "
	       "--explain\n\n"
	       "--quiz takes an answer a line: 7, 2.5 or 7/3; an empty one is "
	       "\"I do not know\".\n"
	       "JSON has the keys of replace --format=json --steps, and of a "
	       "step memory (the\nlist after it), and hitrate (percent).\n"
	       "Exit status: 0; with --quiz 1 where an answer was wrong or "
	       "missing; 2 bad usage.\n");
}

// ## Numbers: plain decimal here, whatever the zeros in front

static bool is_decimal(const char *text, size_t n)
{
	size_t sign = n && (*text == '-' || *text == '+');

	return n > sign && strspn(text + sign, "0123456789") >= n - sign;
}

static int64_t decimal(const char *option, const char *text, int64_t low,
		       int64_t high)
{
	int64_t value;

	if (!is_decimal(text, strlen(text)) ||
	    parse_number(text, low, high, &value) != 0)
		option_refuse(outside_argp(), option, text,
			      "a whole number from %" PRId64 " to %" PRId64,
			      low, high);
	return value;
}

// Python seeds by the absolute value.
static uint64_t seed_of(const char *text)
{
	const char *digits = text + (*text == '-' || *text == '+');
	uint64_t seed;

	errno = 0;
	seed = strtoull(digits, NULL, 10);
	if (!is_decimal(text, strlen(text)) || errno)
		option_refuse(outside_argp(), "-s", text,
			      "a seed from -%" PRIu64 " to %" PRIu64,
			      UINT64_MAX, UINT64_MAX);
	return seed;
}

static void take_numbers(struct ostep *o)
{
	o->seed = seed_of(o->seed_text);
	o->count = decimal("-n", o->count_text, 1, SHEET_MOST);
	o->maxpage = decimal("-m", o->maxpage_text, -INT64_C(1000000000),
			     INT64_C(1000000000));
	o->frames = decimal("-C", o->frames_text, 1, SHEET_MOST);
}

static const struct sheet_rule *rule_of(const struct ostep *o)
{
	const struct sheet_rule *rule = sheet_rule(o->policy);

	if (!strcmp(o->policy, "CLOCK"))
		option_refuse(outside_argp(), "-p", o->policy,
			      "FIFO, LRU, MRU, OPT, UNOPT or RAND: what that "
			      "program calls CLOCK picks pages by chance until "
			      "it meets one whose counter is zero, which is "
			      "not the clock algorithm (replace "
			      "--policy=clock)");
	if (!rule)
		option_refuse(outside_argp(), "-p", o->policy,
			      "FIFO, LRU, MRU, OPT, UNOPT or RAND");
	return rule;
}

// ## The references

static void add(struct sheet *sheet, const char *option, const char *text,
		int64_t page)
{
	if (sheet->count == SHEET_MOST)
		option_refuse(outside_argp(), option, text,
			      "at most %d references", SHEET_MOST);
	if (sheet->count % 1024 == 0)
		sheet->references = have(
			reallocarray(sheet->references, sheet->count + 1024,
				     sizeof *sheet->references));
	sheet->references[sheet->count++] = page;
}

// A number of a list or a line, with blanks around it.
static bool list_number(char *text, int64_t *page)
{
	static const char blanks[] = " \t\r\n\f\v";

	text += strspn(text, blanks);
	size_t n = strlen(text);
	while (n && strchr(blanks, text[n - 1]))
		text[--n] = '\0';
	return is_decimal(text, n) &&
	       parse_number(text, INT64_MIN, INT64_MAX, page) == 0;
}

static void take_list(struct sheet *sheet, const char *list)
{
	char *copy = have(strdup(list)), *rest = copy, *one;
	int64_t page;

	while ((one = strsep(&rest, ","))) {
		if (!list_number(one, &page))
			option_refuse(outside_argp(), "-a", list,
				      "page numbers with commas between");
		add(sheet, "-a", list, page);
	}
	free(copy);
}

static void take_file(struct sheet *sheet, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0, number = 0;
	int64_t page;

	if (!file)
		exit(option_complain(EXIT_USAGE, "-f=%s: %s", path,
				     strerror(errno)));
	while (getline(&line, &room, file) > 0) {
		number++;
		if (!list_number(line, &page))
			exit(option_complain(EXIT_USAGE,
					     "%s:%zu: want a page number", path,
					     number));
		add(sheet, "-f", path, page);
	}
	if (ferror(file))
		exit(option_complain(EXIT_USAGE, "-f=%s: %s", path,
				     strerror(errno)));
	free(line);
	fclose(file);
	if (!sheet->count)
		option_refuse(outside_argp(), "-f", path,
			      "a file with a page number a line");
}

static void take_references(struct sheet *sheet)
{
	const struct ostep *o = sheet->options;

	sheet->random = python_random_seeded(o->seed);
	if (*o->file)
		take_file(sheet, o->file);
	else if (strcmp(o->addresses, "-1") != 0)
		take_list(sheet, o->addresses);
	else
		for (int64_t i = 0; i < o->count; i++)
			add(sheet, "-n", "",
			    (int64_t)((double)o->maxpage *
				      python_random_real(&sheet->random)));
}

// ## The program

int ostep_main(int argc, char **argv)
{
	static const char *const names[] = { "paging-policy", NULL };
	struct ostep o = {
		.seed_text = "0",
		.addresses = "-1",
		.file = "",
		.count_text = "10",
		.maxpage_text = "10",
		.policy = "FIFO",
		.frames_text = "3",
		.bits = 2,
	};
	const struct optparse parser = {
		.exercise = "--ostep=paging-policy",
		.theirs = their_options,
		.ours = our_options,
		.help = help,
	};
	struct sheet sheet = { .options = &o };

	option_choice(outside_argp(), "--ostep",
		      optparse_value(argc, argv, "ostep"), names);
	optparse_read(&parser, argc, argv, &o);
	if (o.quiz && o.json)
		option_refuse(outside_argp(), "--format", "json",
			      "text beside --quiz, which asks a person");
	take_numbers(&o);
	const struct sheet_rule *rule = rule_of(&o);
	take_references(&sheet);
	sheet.steps = have_zeroed(sheet.count, sizeof *sheet.steps);
	int status = sheet_show(&sheet, rule);
	for (size_t i = 0; i < sheet.count; i++)
		free(sheet.steps[i].pages);
	free(sheet.steps);
	free(sheet.references);
	return options_end(status);
}

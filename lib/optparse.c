// # optparse: options as a course in Python has them
//
// The options themselves stand in two tables, the course's and ours, and their
// values in a structure of the caller's. See optparse.h for the grammar.

#define _GNU_SOURCE
#include "optparse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "options.h"

enum { BAD_USAGE = 2 };

// ## Integers

// The base that a prefix names, and past the prefix. It goes without a sign, as
// in Python: "-0x10" is no integer there.
static unsigned base_of(const char **text)
{
	if (!strncasecmp(*text, "0x", 2) || !strncasecmp(*text, "0b", 2)) {
		*text += 2;
		return tolower((*text)[-1]) == 'x' ? 16 : 2;
	}
	if (**text == '0')
		return 8;
	*text += **text == '-' || **text == '+';
	return 10;
}

static int read_integer(const char *text, bool *negative, uint64_t *size)
{
	static const char digits[] = "0123456789abcdef";

	if (!text)
		return -EINVAL;
	*negative = *text == '-';
	*size = 0;
	unsigned base = base_of(&text);
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		const char *found = strchr(digits,
					   tolower((unsigned char)*text));
		if (!found || found - digits >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(*size, base, size) ||
		    __builtin_add_overflow(*size, (uint64_t)(found - digits),
					   size))
			return -ERANGE;
	}
	return 0;
}

int64_t optparse_integer(const char *option, const char *text)
{
	bool negative;
	uint64_t size;

	int error = read_integer(text, &negative, &size);
	if (error == -ERANGE || (!error && size > INT64_MAX))
		option_refuse(outside_argp(), option, text,
			      "a whole number that fits 64 bits");
	if (error)
		option_refuse(outside_argp(), option, text,
			      "a whole number: decimal, 0x, 0b, or octal after "
			      "a 0");
	return negative ? -(int64_t)size : (int64_t)size;
}

// Python seeds by the absolute value.
uint64_t optparse_seed(const char *option, const char *text)
{
	bool negative;
	uint64_t size;

	int error = read_integer(text, &negative, &size);
	if (error == -ERANGE)
		option_refuse(outside_argp(), option, text,
			      "a seed from -%" PRIu64 " to %" PRIu64,
			      UINT64_MAX, UINT64_MAX);
	if (error)
		option_refuse(outside_argp(), option, text,
			      "a whole number as seed: decimal, 0x, 0b, or "
			      "octal after a 0");
	return size;
}

void optparse_range(const char *option, int64_t value, int64_t min, int64_t max)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRId64, value);
	option_number(outside_argp(), option, text, min, max);
}

// ## --help

static void print_option(const struct optparse_option *option)
{
	char left[64];
	int n = 0;

	if (option->letter)
		n = snprintf(left, sizeof left, "-%c%s%s%s", option->letter,
			     option->value && !option->name ? " " : "",
			     option->value && !option->name ? option->value
							    : "",
			     option->name ? ", " : "");
	else
		n = snprintf(left, sizeof left, "    ");
	if (option->name)
		snprintf(left + n, sizeof left - (size_t)n, "--%s%s%s",
			 option->name, option->value ? "=" : "",
			 option->value ? option->value : "");
	printf("  %-32s  %s\n", left, option->help);
}

void optparse_print(const struct optparse_option *options)
{
	for (; options->help; options++)
		print_option(options);
}

// ## Reading

static const struct optparse_option *
by_letter(const struct optparse_option *option, char letter)
{
	for (; option->help; option++)
		if (option->letter == letter)
			return option;
	return NULL;
}

// By the whole name (`whole`) or its beginning; *found counts.
static const struct optparse_option *
by_name(const struct optparse_option *option, const char *name, size_t length,
	bool whole, int *found)
{
	const struct optparse_option *last = NULL;

	*found = 0;
	for (; option->help; option++)
		if (option->name && !strncmp(option->name, name, length) &&
		    (!whole || option->name[length] == '\0')) {
			last = option;
			++*found;
		}
	return last;
}

static _Noreturn void refuse_option(const struct optparse *parser,
				    const char *text, const char *what)
{
	exit(option_complain(BAD_USAGE, "%s: want %s of %s (--help lists them)",
			     text, what, parser->exercise));
}

static const struct optparse_option *long_option(const struct optparse *parser,
						 const char *text)
{
	const char *name = text + 2;
	size_t length = strcspn(name, "=");
	const struct optparse_option *option = NULL;
	int found = 0;

	for (int turn = 0; turn < 4 && !found; turn++)
		option = by_name(turn % 2 ? parser->ours : parser->theirs, name,
				 length, turn < 2, &found);
	if (found > 1)
		refuse_option(parser, text, "the name of just one option");
	if (!found)
		refuse_option(parser, text, "an option");
	return option;
}

static const struct optparse_option *
letter_option(const struct optparse *parser, const char *text, char letter)
{
	const struct optparse_option *theirs, *ours;

	theirs = by_letter(parser->theirs, letter);
	if (theirs)
		return theirs;
	ours = by_letter(parser->ours, letter);
	if (ours)
		return ours;
	refuse_option(parser, text, "an option");
}

static void set(const struct optparse *parser, void *values,
		const struct optparse_option *option, const char *spelling,
		const char *value)
{
	static const char *const formats[] = { "text", "json", NULL };
	char *field = (char *)values + option->field;

	switch (option->kind) {
	case OPTPARSE_FLAG:
		*(bool *)field = true;
		break;
	case OPTPARSE_INTEGER:
		*(int64_t *)field = optparse_integer(spelling, value);
		break;
	case OPTPARSE_SEED:
		*(uint64_t *)field = optparse_seed(spelling, value);
		break;
	case OPTPARSE_TEXT:
		*(const char **)field = value;
		break;
	case OPTPARSE_FORMAT:
		*(bool *)field = option_choice(outside_argp(), spelling, value,
					       formats);
		break;
	case OPTPARSE_HELP:
		parser->help(parser);
		exit(options_end(EXIT_SUCCESS));
	case OPTPARSE_VERSION:
		printf("%s\n", argp_program_version);
		exit(options_end(EXIT_SUCCESS));
	}
}

// A command line, and how far it is read.
struct words {
	int argc, at;
	char **argv;
};

static const char *next_word(struct words *words, const char *spelling,
			     const struct optparse_option *option)
{
	if (words->at + 1 >= words->argc)
		exit(option_complain(BAD_USAGE, "%s: want a value: %s",
				     spelling, option->value));
	return words->argv[++words->at];
}

static void read_long(const struct optparse *parser, void *values,
		      struct words *words)
{
	const char *text = words->argv[words->at];
	const char *value = strchr(text, '=');
	const struct optparse_option *option = long_option(parser, text);
	char spelling[32];

	snprintf(spelling, sizeof spelling, "--%s", option->name);
	if (value && !option->value)
		option_refuse(outside_argp(), spelling, value + 1, "no value");
	if (option->value)
		value = value ? value + 1 : next_word(words, spelling, option);
	set(parser, values, option, spelling, value);
}

static void read_letters(const struct optparse *parser, void *values,
			 struct words *words)
{
	const char *text = words->argv[words->at];

	for (const char *letter = text + 1; *letter; letter++) {
		const struct optparse_option *option =
			letter_option(parser, text, *letter);
		const char spelling[] = { '-', *letter, '\0' };
		if (option->value) {
			set(parser, values, option, spelling,
			    letter[1] ? letter + 1
				      : next_word(words, spelling, option));
			return;
		}
		set(parser, values, option, spelling, NULL);
	}
}

void optparse_read(const struct optparse *parser, int argc, char **argv,
		   void *values)
{
	struct words words = { .argc = argc, .argv = argv };

	while (++words.at < argc) {
		const char *word = argv[words.at];
		if (!strcmp(word, "--"))
			break;
		if (!strncmp(word, "--", 2))
			read_long(parser, values, &words);
		else if (word[0] == '-' && word[1])
			read_letters(parser, values, &words);
	}
}

const char *optparse_value(int argc, char **argv, const char *name)
{
	const char *value = NULL;
	size_t length = strlen(name);

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--", 2) != 0 ||
		    strncmp(argv[i] + 2, name, length) != 0)
			continue;
		const char *end = argv[i] + 2 + length;
		if (*end == '=')
			value = end + 1;
		else if (!*end)
			value = i + 1 < argc ? argv[i + 1] : "";
	}
	return value;
}

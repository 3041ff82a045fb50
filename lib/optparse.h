// optparse.h - command lines as Python's optparse reads them
//
// The homework programs of "Operating Systems: Three Easy Pieces" take their
// options in that way, which is not argp's: a value may begin with a minus, a
// later option takes the place of an earlier one, words that are no options are
// ignored. A student copies the options from the worksheet, so whoever plays one
// of these exercises reads them as the course does.
//
// Values may be joined (-s5, --seed=5); flags may share a minus (-cs5); long names
// may be cut short where they remain unambiguous. Integers are read by their
// prefix: 0x1f, 0b101, 017.
//
// Our own options stand anywhere between. None of them has the whole name of one
// of theirs. Where a beginning fits both, it is theirs; the whole name is always
// what it says.
//
// Source: the optparse chapter of the Python Library Reference.

#ifndef OPTPARSE_H
#define OPTPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum optparse_kind {
	OPTPARSE_FLAG,    // bool
	OPTPARSE_INTEGER, // int64_t
	OPTPARSE_SEED,    // uint64_t: without its sign, as Python seeds
	OPTPARSE_TEXT,    // const char *
	OPTPARSE_FORMAT,  // bool: text or json
	OPTPARSE_HELP,
	OPTPARSE_VERSION
};

struct optparse_option {
	char letter;      // '\0': it has none
	const char *name; // NULL: it has none
	enum optparse_kind kind;
	size_t field; // of the structure that takes the values
	const char *value, *help;
};

struct optparse {
	const char *exercise;                 // "--ostep=mlfq", for refusals
	const struct optparse_option *theirs; // ends with help NULL
	const struct optparse_option *ours;
	void (*help)(const struct optparse *); // prints it; then the end, 0
};

// Reads the command line into `values`. Refuses with 2 and one line.
void optparse_read(const struct optparse *parser, int argc, char **argv,
		   void *values);

// Two columns for each option.
void optparse_print(const struct optparse_option *options);

// Whether the command line has the option --NAME=VALUE or --NAME VALUE before a
// "--"; the last one counts. Returns its value, "" where it is missing, NULL
// without the option.
const char *optparse_value(int argc, char **argv, const char *name);

// Ends the program with 2 and a line "sim: OPTION=TEXT: want ..." where the
// value is not what `option` takes.
int64_t optparse_integer(const char *option, const char *text);
uint64_t optparse_seed(const char *option, const char *text);
void optparse_range(const char *option, int64_t value, int64_t min,
		    int64_t max);

#endif

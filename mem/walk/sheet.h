// sheet.h - worksheets on translation: what --ostep's exercises share
//
//   sheet.c       the command line, and the answers as text, JSON or questions
//   linear.c      one table: the exercise, and each address translated
//   multilevel.c  a directory and its tables, in a memory that is shown
//
// An exercise is drawn from a seed, as the course's program draws it (which draws
// follow which, python_random.h). Then every address is walked.

#ifndef MEM_WALK_SHEET_H
#define MEM_WALK_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quiz;

// What was asked for; the course's options by the names they have there. Sizes
// are texts of theirs: "16k".
struct worksheet {
	const char *name; // "linear"
	uint64_t seed;    // without its sign
	const char *address_space, *physical, *page, *list;
	int64_t count; // addresses to draw
	int64_t used, allocated;
	bool numbered, compute; // -v, -c
	bool json, explain, quiz;
};

// One address and what became of it.
struct translation {
	uint64_t address;
	uint64_t physical; // if no fault
	const char *fault; // NULL, "pde" or "pte": which entry is not valid
};

// An exercise, ready. The functions print it, or one of its answers: as text
// (with the reasons where `explain`), as members of a JSON object that begin
// with ", ", as questions (false: nobody answers any more).
struct sheet {
	const struct worksheet *options;
	size_t count;
	struct translation *translations;
	const void *exercise;
	int digits; // of an address in hexadecimal
	const char *task;
	void (*problem)(const struct sheet *sheet);
	void (*answer)(const struct sheet *sheet, size_t i);
	void (*members)(const struct sheet *sheet);
	void (*translation_members)(const struct sheet *sheet, size_t i);
	bool (*ask)(const struct sheet *sheet, size_t i, struct quiz *quiz);
};

// Prints what was asked for, or asks; returns the exit status.
int sheet_show(const struct sheet *sheet);

// More addresses than these, and larger tables, are refused.
enum { MOST_ADDRESSES = 100000, MOST_LISTED = 10000, MOST_PAGES = 1 << 20 };

// "linear": the whole of it, from options to exit status.
int linear_sheet(const struct worksheet *options);
int multilevel_sheet(const struct worksheet *options);

// The tool --ostep of mem/walk.
int ostep_tool(int argc, char **argv);

#endif

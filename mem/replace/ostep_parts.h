// ostep_parts.h - what the parts of --ostep share
//
//   ostep.c         the command line, and the references
//   ostep_solve.c   the list of pages, and who leaves it
//   ostep_sheet.c   prints both, or asks

#ifndef MEM_REPLACE_OSTEP_PARTS_H
#define MEM_REPLACE_OSTEP_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python_random.h"

enum { SHEET_MOST = 100000 }; // references, and frames

struct ostep {
	uint64_t seed; // without its sign
	const char *addresses, *file, *policy;
	int64_t count, maxpage, bits, frames;
	const char *seed_text, *count_text, *maxpage_text, *frames_text;
	const char *name;
	bool notrace, compute;
	bool json, explain, quiz;
};

struct sheet_step {
	int64_t page, victim;
	bool hit, leaves;
	size_t count;   // pages in memory after it
	int64_t *pages; // where they are wanted; left: loaded longest ago
	size_t place;   // of the victim in the list before it
	size_t next;    // of the victim: where it comes again, or sheet.count
};

struct sheet {
	const struct ostep *options;
	struct python_random random; // goes on where the references end
	size_t count;
	int64_t *references;
	struct sheet_step *steps;
	size_t hits;
};

struct sheet_rule;

// FIFO ... by its capitals; NULL: no such rule.
const struct sheet_rule *sheet_rule(const char *name);
const char *sheet_rule_house(const struct sheet_rule *rule); // "random"

// Fills steps (calloc'ed by the caller) and hits. `lists`: the pages, too.
void sheet_solve(struct sheet *sheet, const struct sheet_rule *rule,
		 bool lists);

// Prints what was asked for, or asks. Returns the exit status.
int sheet_show(struct sheet *sheet, const struct sheet_rule *rule);

#endif

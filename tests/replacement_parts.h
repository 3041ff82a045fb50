// replacement_parts.h - what the files of the suite `replacement` share
//
// The oracle: every policy once more, as its source tells it, with rows of
// pages that are searched from end to end, and nothing of mem/policy's code.

#ifndef TESTS_REPLACEMENT_PARTS_H
#define TESTS_REPLACEMENT_PARTS_H

#include "mem/policy/policy.h"
#include "random.h"
#include "tests.h"

// Check writes down where each ck_assert is, before it is one: a system call.
// These do so only when they fail; for conditions that are looked at millions
// of times.
#define QUICK_MSG(condition, ...)                                              \
	do {                                                                   \
		if (!(condition))                                              \
			ck_abort_msg(__VA_ARGS__);                             \
	} while (0)
#define QUICK(condition) QUICK_MSG(condition, "not so: %s", #condition)
#define QUICK_COMPARE(a, op, b)                                                \
	do {                                                                   \
		long long a_ = (long long)(a), b_ = (long long)(b);            \
		QUICK_MSG(a_ op b_, "not so: %s: %lld, %lld",                  \
			  #a " " #op " " #b, a_, b_);                          \
	} while (0)
#define QUICK_EQ(a, b) QUICK_COMPARE(a, ==, b)
#define QUICK_NE(a, b) QUICK_COMPARE(a, !=, b)
#define QUICK_LT(a, b) QUICK_COMPARE(a, <, b)
#define QUICK_LE(a, b) QUICK_COMPARE(a, <=, b)
#define QUICK_GT(a, b) QUICK_COMPARE(a, >, b)
#define QUICK_GE(a, b) QUICK_COMPARE(a, >=, b)

enum { ORACLE_PAGES = 96, ORACLE_REFERENCES = 4096 };

// Pages in some order.
struct row {
	uint32_t page[ORACLE_REFERENCES];
	size_t count;
};

struct oracle {
	uint32_t frames;
	uint64_t window, period;
	const uint32_t *trace;
	size_t count, now; // references, and how many of them are over
	uint64_t faults;
	bool modified[ORACLE_PAGES], referenced[ORACLE_PAGES];
	unsigned uses[ORACLE_PAGES];
	size_t last[ORACLE_PAGES];  // reference
	size_t since[ORACLE_PAGES]; // put into the clock
	struct row in;              // what is resident, in the policy's order
	struct row a, b, c, d;      // its other lists
	size_t hand, target, clock;
	struct random random;
};

// What a policy does with a page that is referenced; NULL: there is no oracle
// of that name.
typedef struct replacement_outcome oracle_step(struct oracle *oracle,
					       uint32_t page);
oracle_step *oracle_named(const char *policy);

// Begins at the first reference of a trace; the next one.
void oracle_begin(struct oracle *oracle, const struct replacement_setup *setup,
		  const uint32_t *trace, size_t count);
struct replacement_outcome oracle_next(struct oracle *oracle,
				       oracle_step *step);

// A trace of some shape, by chance: mixtures of scans, loops and favourites.
// write_percent of the references write.
void replacement_trace(uint32_t *trace, size_t count, uint32_t pages,
		       unsigned write_percent, uint64_t seed);

// Makes a state, with its future where it looks ahead; next has room for count.
void *replacement_made(const struct replacement *policy,
		       struct replacement_setup *setup, const uint32_t *trace,
		       size_t count, uint32_t *next);

// A trace from a book: single digits, what else there is is skipped.
size_t replacement_digits(const char *digits, uint32_t *trace);

void add_replacement_chance(Suite *suite);
void add_replacement_drivers(Suite *suite);
void add_replacement_paging(Suite *suite);

#endif

// fenwick.h - running totals that can change: a binary indexed tree
//
// Lottery scheduling asks "whose is ticket 4711?": the first job in the list
// with which the running total becomes larger than that. Adding up is O(n).
// Here place i (from 1) holds the sum of as many values as the lowest set bit
// of i says, up to and with value i; then every change and every question
// touches log2 n places, and the tree is nothing but an array of n numbers.
//
// Source: Fenwick, "A New Data Structure for Cumulative Frequency Tables",
// Software: Practice and Experience 24 (1994). 8 bytes a value.

#ifndef SCHED_POLICY_FENWICK_H
#define SCHED_POLICY_FENWICK_H

#include <stddef.h>
#include <stdint.h>

struct fenwick {
	size_t n, top;  // top: the largest power of two that is <= n
	uint64_t *sums; // [1] .. [n]
	uint64_t total;
};

// n zeros. 0 or -ENOMEM; *tree is written on success only.
int fenwick_create(struct fenwick *tree, size_t n);
void fenwick_free(struct fenwick *tree);

void fenwick_add(struct fenwick *tree, size_t i, uint64_t value);
void fenwick_subtract(struct fenwick *tree, size_t i, uint64_t value);

// The value with which the running total becomes larger than `place`, which
// must be less than the total; *before is the sum of those in front of it.
size_t fenwick_find(const struct fenwick *tree, uint64_t place,
		    uint64_t *before);

#endif

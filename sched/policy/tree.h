// tree.h - the smallest key among those whose value is not too large
//
// EEVDF asks: of all jobs that are eligible (virtual time not beyond V), which
// has the earliest virtual deadline? Two orders at once, and a heap knows only
// one. So this is a search tree by key in which every node also knows the least
// value below it. Then one walk from the root finds the answer: to the left,
// where the keys are smaller, as long as anybody there is small enough; else
// here; else to the right.
//
// It is balanced as a treap (Seidel & Aragon, "Randomized Search Trees",
// Algorithmica 16, 1996): a heap by a number that looks random, here the job's
// number well mixed. Then the tree has the shape that it would have had with
// entries in random order, whatever order they came in: a depth of about 2 ln
// n. No colours, no rotations to tell apart: to insert is to split, to remove
// is to merge.
//
// Equal keys stand in the order in which they came. O(log n) expected; 32 bytes
// a job.

#ifndef SCHED_POLICY_TREE_H
#define SCHED_POLICY_TREE_H

#include <stdint.h>

// The caller sets key and value of a node before it goes in, and leaves both
// alone until it has come out. `least` is free for other use outside the tree.
struct tree_node {
	int64_t key, value;
	int64_t least;       // value in the subtree from here down
	int32_t left, right; // job + 1; 0: none
};

struct tree {
	struct tree_node *nodes; // one a job; the caller's memory
	int32_t root;            // 0: the tree is empty
};

void tree_insert(struct tree *tree, int job);

// The smallest key of a value <= limit, the oldest of equals; -1 when there is
// none. tree_take removes it.
int tree_find(const struct tree *tree, int64_t limit);
int tree_take(struct tree *tree, int64_t limit);

// The least value; the tree must not be empty.
static inline int64_t tree_least(const struct tree *tree)
{
	return tree->nodes[tree->root - 1].least;
}

#endif

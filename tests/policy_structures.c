// The data structures of sched/policy against the simplest thing that does the
// same, by random operations.

#include <stdlib.h>

#include "policy_parts.h"
#include "sched/policy/fenwick.h"
#include "sched/policy/heap.h"
#include "sched/policy/queue.h"
#include "sched/policy/tree.h"

enum { JOBS = 300, TURNS = 60000 };

// --- queues ------------------------------------------------------------------

// Two queues over one table, against two arrays.
START_TEST(queues_keep_their_order)
{
	struct random random = { 1 };
	struct queue queues[2] = { { 0 } };
	int32_t next[JOBS];
	int naive[2][JOBS], counts[2] = { 0 };
	bool in[JOBS] = { 0 };

	for (int turn = 0; turn < TURNS; turn++) {
		int q = (int)random_below(&random, 2), *a = naive[q];
		int job = (int)random_below(&random, JOBS);
		switch (random_below(&random, 8)) {
		case 0:
		case 1:
			if (in[job])
				break;
			queue_append(&queues[q], next, job);
			a[counts[q]++] = job;
			in[job] = true;
			break;
		case 2:
			if (in[job])
				break;
			queue_prepend(&queues[q], next, job);
			for (int i = counts[q]++; i > 0; i--)
				a[i] = a[i - 1];
			a[0] = job;
			in[job] = true;
			break;
		case 3:
			if (in[job] || !counts[q])
				break;
			int place = (int)random_below(&random, counts[q]);
			queue_insert(&queues[q], next, a[place], job);
			for (int i = counts[q]++; i > place + 1; i--)
				a[i] = a[i - 1];
			a[place + 1] = job;
			in[job] = true;
			break;
		case 4:
			if (random_below(&random, 50))
				break;
			queue_join(&queues[q], next, &queues[!q]);
			for (int i = 0; i < counts[!q]; i++)
				a[counts[q]++] = naive[!q][i];
			counts[!q] = 0;
			break;
		default:
			EXPECT(queue_empty(&queues[q]) == !counts[q]);
			if (!counts[q])
				break;
			EXPECT(queue_take(&queues[q], next) == a[0]);
			in[a[0]] = false;
			counts[q]--;
			for (int i = 0; i < counts[q]; i++)
				a[i] = a[i + 1];
		}
	}
}
END_TEST

// --- the heap ----------------------------------------------------------------

struct naive_heap {
	struct {
		int job;
		int64_t key, order;
	} in[JOBS];
	int count;
	int64_t head, tail;
};

static int naive_smallest(const struct naive_heap *n)
{
	int least = 0;

	for (int i = 1; i < n->count; i++) {
		int64_t by = (int64_t)((uint64_t)n->in[i].key -
				       (uint64_t)n->in[least].key);
		if (by < 0 || (by == 0 && n->in[i].order < n->in[least].order))
			least = i;
	}
	return least;
}

// Keys from few values, so that many are equal, around `middle`.
static void play_heap(uint64_t seed, bool indexed, int64_t middle)
{
	struct random random = { seed };
	struct heap heap;
	struct naive_heap n = { .count = 0 };
	bool in[JOBS] = { 0 };

	EXPECT(heap_create(&heap, JOBS, indexed) == 0);
	for (int turn = 0; turn < TURNS; turn++) {
		int job = (int)random_below(&random, JOBS);
		if (random_below(&random, 2)) {
			if (in[job])
				continue;
			int64_t key = (int64_t)((uint64_t)middle +
						random_below(&random, 40) - 20);
			bool head = random_below(&random, 4) == 0;
			heap_add(&heap, job, key, head ? HEAP_HEAD : HEAP_TAIL);
			n.in[n.count].job = job;
			n.in[n.count].key = key;
			n.in[n.count++].order = head ? --n.head : n.tail++;
			in[job] = true;
		} else if (n.count && indexed &&
			   random_below(&random, 3) == 0) {
			int i = (int)random_below(&random, n.count);
			job = n.in[i].job;
			EXPECT(heap_has(&heap, job));
			EXPECT(heap_key_of(&heap, job) == n.in[i].key);
			heap_remove(&heap, job);
			EXPECT(!heap_has(&heap, job));
			n.in[i] = n.in[--n.count];
			in[job] = false;
		} else if (n.count) {
			int i = naive_smallest(&n);
			EXPECT(heap_key(&heap) == n.in[i].key);
			job = heap_take(&heap);
			EXPECT(job == n.in[i].job);
			n.in[i] = n.in[--n.count];
			in[job] = false;
		}
		EXPECT(heap.count == (size_t)n.count);
	}
	heap_free(&heap);
}

START_TEST(heap_is_stable)
{
	play_heap(1, false, 0);
	play_heap(2, true, 0);
	play_heap(3, true, -7000);
}
END_TEST

// Keys may go past the largest number, as passes and clocks do.
START_TEST(heap_keys_may_wrap)
{
	play_heap(4, true, INT64_MAX);
	play_heap(5, false, INT64_MIN);
}
END_TEST

START_TEST(heap_takes_sorted)
{
	enum { MANY = 20000 };
	struct random random = { 6 };
	struct heap heap;
	int64_t last = INT64_MIN, *keys = malloc(MANY * sizeof *keys);

	EXPECT(keys != NULL);
	EXPECT(heap_create(&heap, MANY, true) == 0);
	for (int job = 0; job < MANY; job++) {
		keys[job] = (int64_t)(random_next(&random) >> 2);
		heap_add(&heap, job, keys[job], HEAP_TAIL);
	}
	for (int i = 0; i < MANY; i++) {
		int64_t key = heap_key(&heap);
		int job = heap_take(&heap);
		EXPECT(key >= last && key == keys[job]);
		last = key;
	}
	EXPECT(heap.count == 0);
	heap_free(&heap);
	free(keys);
}
END_TEST

// --- the Fenwick tree --------------------------------------------------------

START_TEST(fenwick_finds_the_holder)
{
	struct random random = { 7 };

	for (size_t n = 1; n <= 70; n++) {
		struct fenwick tree;
		uint64_t naive[70] = { 0 }, total = 0;
		EXPECT(fenwick_create(&tree, n) == 0);
		for (int turn = 0; turn < 300; turn++) {
			size_t i = random_below(&random, (uint32_t)n);
			uint64_t value = random_below(&random, 1000);
			if (random_below(&random, 10) == 0)
				value = UINT32_MAX;
			if (random_below(&random, 3) == 0) {
				fenwick_subtract(&tree, i, naive[i]);
				total -= naive[i];
				naive[i] = 0;
			} else {
				fenwick_add(&tree, i, value);
				total += value;
				naive[i] += value;
			}
			EXPECT(tree.total == total);
			if (!total)
				continue;
			uint64_t place = random_next(&random) % total;
			uint64_t before, sum = 0;
			size_t holder = 0;
			while (sum + naive[holder] <= place)
				sum += naive[holder++];
			EXPECT(fenwick_find(&tree, place, &before) == holder);
			EXPECT(before == sum);
		}
		fenwick_free(&tree);
	}
}
END_TEST

// --- the tree ----------------------------------------------------------------

struct naive_tree {
	int jobs[JOBS]; // in the order in which they came
	int count;
};

static int naive_find(const struct naive_tree *n, const struct tree_node *nodes,
		      int64_t limit)
{
	int found = -1;

	for (int i = 0; i < n->count; i++) {
		const struct tree_node *node = &nodes[n->jobs[i]];
		if (node->value <= limit &&
		    (found == -1 || node->key < nodes[n->jobs[found]].key))
			found = i;
	}
	return found;
}

START_TEST(tree_finds_the_first_below_a_limit)
{
	struct random random = { 8 };
	struct tree_node nodes[JOBS];
	struct tree tree = { .nodes = nodes };
	struct naive_tree n = { .count = 0 };
	bool in[JOBS] = { 0 };

	EXPECT(tree_find(&tree, INT64_MAX) == -1);
	EXPECT(tree_take(&tree, INT64_MAX) == -1);
	for (int turn = 0; turn < TURNS; turn++) {
		int job = (int)random_below(&random, JOBS);
		int64_t limit = (int64_t)random_below(&random, 60) - 5;
		if (random_below(&random, 2)) {
			if (in[job])
				continue;
			nodes[job].key = (int64_t)random_below(&random, 30) - 9;
			nodes[job].value = random_below(&random, 50);
			nodes[job].least = -1;
			tree_insert(&tree, job);
			n.jobs[n.count++] = job;
			in[job] = true;
		} else {
			int i = naive_find(&n, nodes, limit);
			int expected = i == -1 ? -1 : n.jobs[i];
			EXPECT(tree_find(&tree, limit) == expected);
			EXPECT(tree_take(&tree, limit) == expected);
			if (i == -1)
				continue;
			in[expected] = false;
			n.count--;
			for (; i < n.count; i++)
				n.jobs[i] = n.jobs[i + 1];
		}
		int64_t least = INT64_MAX;
		for (int i = 0; i < n.count; i++)
			if (nodes[n.jobs[i]].value < least)
				least = nodes[n.jobs[i]].value;
		EXPECT(!n.count == !tree.root);
		if (n.count)
			EXPECT(tree_least(&tree) == least);
	}
}
END_TEST

static int depth(const struct tree *tree, int32_t link)
{
	if (!link)
		return 0;
	int left = depth(tree, tree->nodes[link - 1].left);
	int right = depth(tree, tree->nodes[link - 1].right);
	return 1 + (left > right ? left : right);
}

// Rising keys, falling keys, all keys equal: what makes a chain of a tree that
// is not balanced. A random tree of 2^16 has a depth of 4.311 ln n = 48 at
// most, with overwhelming probability (Devroye, Journal of the ACM 33, 1986).
START_TEST(tree_stays_flat)
{
	enum { MANY = 65536, DEPTH = 48 };
	struct tree_node *nodes = malloc(MANY * sizeof *nodes);

	EXPECT(nodes != NULL);
	for (int slope = -1; slope <= 1; slope++) {
		struct tree tree = { .nodes = nodes };
		for (int job = 0; job < MANY; job++) {
			nodes[job].key = slope * job;
			nodes[job].value = job;
			tree_insert(&tree, job);
		}
		EXPECT(depth(&tree, tree.root) <= DEPTH);
	}
	free(nodes);
}
END_TEST

void add_policy_structures(Suite *suite)
{
	add_policy_case(suite, "structures",
			(const TTest *const[]){
				queues_keep_their_order,
				heap_is_stable,
				heap_keys_may_wrap,
				heap_takes_sorted,
				fenwick_finds_the_holder,
				tree_finds_the_first_below_a_limit,
				tree_stays_flat,
				NULL,
			});
}

// # Hazard pointers

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "sync/lockfree/hazard.h"

enum { LINE = 64 };

// A line of memory each, so that one thread's stores are not in another's way.
struct hazard_record {
	_Alignas(LINE) void *_Atomic pointer[HAZARDS];
	_Atomic bool taken;
	struct hazard *hazard;
	struct hazard_node *retired; // these three are its thread's alone
	size_t count;
	const void **seen; // room for all hazard pointers
};

int hazard_init(struct hazard *hazard, size_t threads,
		void (*free_node)(void *context, struct hazard_node *node),
		void *context)
{
	if (threads == 0 || threads > SIZE_MAX / HAZARDS / 2 / LINE)
		return -EINVAL;
	*hazard = (struct hazard){ .count = threads,
				   .limit = 2 * threads * HAZARDS,
				   .free_node = free_node,
				   .context = context };
	hazard->records = aligned_alloc(LINE,
					threads * sizeof *hazard->records);
	if (!hazard->records)
		return -ENOMEM;
	for (size_t i = 0; i < threads; i++) {
		struct hazard_record *record = &hazard->records[i];
		*record = (struct hazard_record){ .hazard = hazard };
		record->seen = calloc(threads * HAZARDS, sizeof *record->seen);
		if (!record->seen) {
			hazard->count = i;
			hazard_destroy(hazard);
			return -ENOMEM;
		}
	}
	return 0;
}

void hazard_destroy(struct hazard *hazard)
{
	for (size_t i = 0; i < hazard->count; i++) {
		struct hazard_record *record = &hazard->records[i];
		while (record->retired) {
			struct hazard_node *node = record->retired;
			record->retired = node->next_retired;
			hazard->free_node(hazard->context, node);
		}
		free(record->seen);
	}
	free(hazard->records);
	hazard->records = NULL;
}

// Acquire, and release below: the next owner sees the list as the last one left
// it.
struct hazard_record *hazard_join(struct hazard *hazard)
{
	for (size_t i = 0; i < hazard->count; i++)
		if (!atomic_exchange_explicit(&hazard->records[i].taken, true,
					      memory_order_acquire))
			return &hazard->records[i];
	return NULL;
}

void hazard_leave(struct hazard_record *record)
{
	for (int i = 0; i < HAZARDS; i++)
		hazard_clear(record, i);
	hazard_scan(record);
	atomic_store_explicit(&record->taken, false, memory_order_release);
}

// Sequentially consistent: see hazard.h. (On x86-64 this is an exchange, the
// price of it all.)
void hazard_set(struct hazard_record *record, int which, const void *node)
{
	atomic_store_explicit(&record->pointer[which], (void *)node,
			      memory_order_seq_cst);
}

void *hazard_protect(struct hazard_record *record, int which,
		     void *_Atomic *source)
{
	void *node = atomic_load_explicit(source, memory_order_relaxed);

	for (;;) {
		hazard_set(record, which, node);
		void *again = atomic_load_explicit(source,
						   memory_order_seq_cst);
		if (again == node)
			return node;
		node = again;
	}
}

// Pairs with the loads of a scan, which acquire.
void hazard_clear(struct hazard_record *record, int which)
{
	atomic_store_explicit(&record->pointer[which], NULL,
			      memory_order_release);
}

void hazard_retire(struct hazard_record *record, struct hazard_node *node)
{
	node->next_retired = record->retired;
	record->retired = node;
	if (++record->count >= record->hazard->limit)
		hazard_scan(record);
}

// ## The scan

static int by_address(const void *a, const void *b)
{
	uintptr_t left = (uintptr_t) * (const void *const *)a;
	uintptr_t right = (uintptr_t) * (const void *const *)b;

	return (left > right) - (left < right);
}

// Copies all hazard pointers, sorted. Returns how many are set.
static size_t see_all(struct hazard_record *record)
{
	const struct hazard *hazard = record->hazard;
	size_t n = 0;

	for (size_t i = 0; i < hazard->count; i++)
		for (int k = 0; k < HAZARDS; k++) {
			const void *node = atomic_load_explicit(
				&hazard->records[i].pointer[k],
				memory_order_seq_cst);
			if (node)
				record->seen[n++] = node;
		}
	qsort(record->seen, n, sizeof *record->seen, by_address);
	return n;
}

void hazard_scan(struct hazard_record *record)
{
	struct hazard *hazard = record->hazard;
	struct hazard_node *node = record->retired;

	if (!node)
		return;
	size_t seen = see_all(record);
	record->retired = NULL;
	record->count = 0;
	while (node) {
		struct hazard_node *next = node->next_retired;
		const void *key = node;
		if (bsearch(&key, record->seen, seen, sizeof *record->seen,
			    by_address)) {
			node->next_retired = record->retired;
			record->retired = node;
			record->count++;
		} else {
			hazard->free_node(hazard->context, node);
		}
		node = next;
	}
}

size_t hazard_retired(const struct hazard_record *record)
{
	return record->count;
}

size_t hazard_limit(const struct hazard *hazard)
{
	return hazard->limit;
}

// heap.c - see heap.h

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "heap.h"

// Node i has the children 4i + 1 .. 4i + 4. Entry 0 stands at the end of a
// cache line, so that all siblings share one.
enum { WAYS = 4, LINE_BYTES = 64, LEAD = WAYS - 1 };

int heap_create(struct heap *heap, size_t n, bool indexed)
{
	struct heap made = { .job_bits = 1 };

	if (n > INT_MAX)
		return -EINVAL;
	while (n >> made.job_bits)
		made.job_bits++;
	made.head = made.tail = UINT64_C(1) << (63 - made.job_bits);

	size_t bytes = (n + LEAD + WAYS) * sizeof(struct heap_entry);
	struct heap_entry *lines =
		aligned_alloc(LINE_BYTES, bytes / LINE_BYTES * LINE_BYTES);
	if (!lines)
		return -ENOMEM;
	made.entries = lines + LEAD;
	if (indexed) {
		made.where = calloc(n ? n : 1, sizeof *made.where);
		if (!made.where) {
			free(lines);
			return -ENOMEM;
		}
	}
	*heap = made;
	return 0;
}

void heap_free(struct heap *heap)
{
	if (heap->entries)
		free(heap->entries - LEAD);
	free(heap->where);
}

// By key and, where it is equal, by sequence number: then the difference of 0
// becomes -1. Nobody can predict which of four siblings is the smallest, so
// there is no branch to predict.
static inline bool before(const struct heap_entry *a,
			  const struct heap_entry *b)
{
	uint64_t older = a->order < b->order;

	return (int64_t)((uint64_t)a->key - (uint64_t)b->key - older) < 0;
}

static inline void put(struct heap *heap, size_t place, struct heap_entry entry)
{
	heap->entries[place] = entry;
	if (heap->where)
		heap->where[heap_job(&entry, heap)] = (int32_t)place + 1;
}

// The entry belongs at `place` or above: whoever stands in its way steps down.
static void rise(struct heap *heap, size_t place, struct heap_entry entry)
{
	while (place > 0) {
		size_t parent = (place - 1) / WAYS;
		if (!before(&entry, &heap->entries[parent]))
			break;
		put(heap, place, heap->entries[parent]);
		place = parent;
	}
	put(heap, place, entry);
}

// The smallest of the children, `child` being the first of them.
static inline size_t least_child(const struct heap *heap, size_t child)
{
	const struct heap_entry *e = heap->entries;

	if (child + WAYS <= heap->count) {
		size_t a = child + before(&e[child + 1], &e[child]);
		size_t b = child + 2 + before(&e[child + 3], &e[child + 2]);
		return a + (b - a) * before(&e[b], &e[a]);
	}
	size_t least = child;
	while (++child < heap->count)
		if (before(&e[child], &e[least]))
			least = child;
	return least;
}

// All grandchildren, one cache line for each child: a large heap is not in the
// cache, and so one of them is on its way while the children are compared.
static inline void fetch_grandchildren(const struct heap *heap, size_t child)
{
	size_t first = child * WAYS + 1;

	if (first + WAYS * WAYS <= heap->count)
		for (size_t i = 0; i < WAYS; i++)
			__builtin_prefetch(&heap->entries[first + i * WAYS]);
}

// ... or below: the smallest child steps up.
static void sink(struct heap *heap, size_t place, struct heap_entry entry)
{
	for (size_t child; (child = place * WAYS + 1) < heap->count;) {
		fetch_grandchildren(heap, child);
		size_t least = least_child(heap, child);
		if (!before(&heap->entries[least], &entry))
			break;
		put(heap, place, heap->entries[least]);
		place = least;
	}
	put(heap, place, entry);
}

void heap_add(struct heap *heap, int job, int64_t key, enum heap_end end)
{
	uint64_t number = end == HEAP_TAIL ? heap->tail++ : --heap->head;
	struct heap_entry entry = {
		.key = key,
		.order = number << heap->job_bits | (uint64_t)job,
	};

	rise(heap, heap->count++, entry);
}

int heap_take(struct heap *heap)
{
	int job = heap_job(&heap->entries[0], heap);

	heap->taken = heap->entries[0].order;
	if (heap->where)
		heap->where[job] = 0;
	if (--heap->count)
		sink(heap, 0, heap->entries[heap->count]);
	return job;
}

bool heap_took_first(const struct heap *heap)
{
	return heap->taken >> 63 == 0;
}

bool heap_has(const struct heap *heap, int job)
{
	return heap->where[job] != 0;
}

int64_t heap_key_of(const struct heap *heap, int job)
{
	return heap->entries[heap->where[job] - 1].key;
}

void heap_remove(struct heap *heap, int job)
{
	size_t place = (size_t)heap->where[job] - 1;
	struct heap_entry last = heap->entries[--heap->count];

	heap->where[job] = 0;
	if (place == heap->count)
		return;
	if (place > 0 && before(&last, &heap->entries[(place - 1) / WAYS]))
		rise(heap, place, last);
	else
		sink(heap, place, last);
}

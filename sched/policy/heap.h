// heap.h - the job with the smallest key, the oldest among equals
//
// A heap with four children a node (d-ary: Johnson, "Priority queues with
// update and finding minimum spanning trees", Information Processing Letters 4,
// 1975): half as deep as the binary one, and the four siblings that are
// compared lie beside each other, 64 bytes. O(log n) to add and to take, O(1)
// to look.
//
// Equal keys leave in the order in which they came. A heap does not do that by
// itself, so an entry carries a sequence number behind its key: rising numbers
// for those who join at the tail of their equals, falling ones for those who
// join at the head. The job's own number shares the word with it, in as many
// low bits as the table of jobs needs; what is left (44 bits with a million
// jobs) counts the entries, and lasts for weeks.
//
// Keys are compared by their difference, as the kernel compares times: they may
// grow past the largest number and wrap, as long as those in the heap at one
// time are less than 2^63 apart.
//
// 16 bytes a job, and 4 more with an index (to remove any job, not just the
// first).

#ifndef SCHED_POLICY_HEAP_H
#define SCHED_POLICY_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_entry {
	int64_t key;
	uint64_t order; // sequence number, job
};

struct heap {
	size_t count;
	struct heap_entry *entries; // [0] is the smallest
	int32_t *where;      // of each job: its entry + 1, or 0; NULL: no index
	uint64_t head, tail; // the next sequence numbers
	uint64_t taken;      // order of the entry taken last
	unsigned job_bits;
};

enum heap_end { HEAP_HEAD, HEAP_TAIL };

// Room for jobs 0 .. n-1. Returns 0, -EINVAL (more than an int can number) or
// -ENOMEM; *heap is written on success only.
int heap_create(struct heap *heap, size_t n, bool indexed);
void heap_free(struct heap *heap);

// `job` must not be in the heap. Among equal keys it is the first or the last.
void heap_add(struct heap *heap, int job, int64_t key, enum heap_end end);

// Takes the smallest out; the heap must not be empty.
int heap_take(struct heap *heap);

// Whether the one that was taken last had joined at the head of its equals.
bool heap_took_first(const struct heap *heap);

// For heaps with an index: whether `job` is there; its key, and takes it out,
// when it is.
bool heap_has(const struct heap *heap, int job);
int64_t heap_key_of(const struct heap *heap, int job);
void heap_remove(struct heap *heap, int job);

// The smallest key and its job; the heap must not be empty.
static inline int64_t heap_key(const struct heap *heap)
{
	return heap->entries[0].key;
}

static inline int heap_job(const struct heap_entry *entry,
			   const struct heap *heap)
{
	return (int)(entry->order & ((UINT64_C(1) << heap->job_bits) - 1));
}

#endif

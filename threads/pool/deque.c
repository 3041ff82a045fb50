// # Chase and Lev's deque
//
// What could go wrong is one item in two hands. An owner who takes the item
// number b first says so, by storing b into `bottom`, and then looks at `top`.
// A thief looks at `top`, then at `bottom`. Each writes its own word before it
// reads the other's, and if one of the two reads could come early, both would
// believe the item theirs: the store-buffer race (sync/litmus shows it), which
// x86 has, too. So these four are sequentially consistent. All other orders are
// release and acquire:
//
//     push   slot, then bottom (release)     steal  bottom, then slot
//     grow   slots, then array (release)     steal  array (acquire), then slot
//     steal  slot, then top (the swap)       push   top (acquire), then slot:
//                                                   it may be overwritten
//
// Slots are atomic, relaxed: a thief that comes too late reads a slot while the
// owner overwrites it, and throws away what it read, since its swap fails.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "threads/pool/deque.h"

static struct deque_array *make_array(int64_t length)
{
	struct deque_array *a = malloc(sizeof *a + length * sizeof *a->slots);

	if (a) {
		a->older = NULL;
		a->mask = length - 1;
		for (int64_t i = 0; i < length; i++)
			atomic_init(&a->slots[i], NULL);
	}
	return a;
}

int deque_make(struct deque *deque, size_t length)
{
	struct deque_array *array = make_array((int64_t)length);

	if (!array)
		return -ENOMEM;
	atomic_init(&deque->top, 0);
	atomic_init(&deque->bottom, 0);
	deque->top_seen = 0;
	atomic_init(&deque->array, array);
	return 0;
}

void deque_free(struct deque *deque)
{
	struct deque_array *a = atomic_load(&deque->array), *older;

	for (; a; a = older) {
		older = a->older;
		free(a);
	}
	atomic_store(&deque->array, NULL);
}

// Twice the room. Items keep their numbers, so top and bottom stay as they are,
// and a thief finds an item in either array.
static struct deque_array *grow(struct deque *d, struct deque_array *old,
				int64_t top, int64_t bottom)
{
	struct deque_array *a;

	if (old->mask >= INT64_MAX / 4 / (int64_t)sizeof *old->slots)
		return NULL;
	a = make_array(2 * (old->mask + 1));
	if (!a)
		return NULL;
	a->older = old;
	for (int64_t i = top; i < bottom; i++)
		atomic_store_explicit(
			&a->slots[i & a->mask],
			atomic_load_explicit(&old->slots[i & old->mask],
					     memory_order_relaxed),
			memory_order_relaxed);
	atomic_store_explicit(&d->array, a, memory_order_release);
	return a;
}

int deque_push(struct deque *d, void *item)
{
	// relaxed: only the owner writes these two
	int64_t bottom = atomic_load_explicit(&d->bottom, memory_order_relaxed);
	struct deque_array *a = atomic_load_explicit(&d->array,
						     memory_order_relaxed);

	if (__builtin_expect(bottom - d->top_seen > a->mask, 0)) {
		d->top_seen = atomic_load_explicit(&d->top,
						   memory_order_acquire);
		if (bottom - d->top_seen > a->mask) {
			a = grow(d, a, d->top_seen, bottom);
			if (!a)
				return -ENOMEM;
		}
	}
	atomic_store_explicit(&a->slots[bottom & a->mask], item,
			      memory_order_relaxed);
	atomic_store_explicit(&d->bottom, bottom + 1, memory_order_release);
	return 0;
}

void *deque_take(struct deque *d)
{
	int64_t bottom =
		atomic_load_explicit(&d->bottom, memory_order_relaxed) - 1;
	struct deque_array *a = atomic_load_explicit(&d->array,
						     memory_order_relaxed);
	void *item = NULL;

	atomic_store_explicit(&d->bottom, bottom, memory_order_seq_cst);
	int64_t top = atomic_load_explicit(&d->top, memory_order_seq_cst);
	if (top <= bottom)
		item = atomic_load_explicit(&a->slots[bottom & a->mask],
					    memory_order_relaxed);
	if (__builtin_expect(top < bottom, 1))
		return item;

	// the last one, or none: whoever moves top has it
	if (top == bottom &&
	    !atomic_compare_exchange_strong_explicit(&d->top, &top, top + 1,
						     memory_order_seq_cst,
						     memory_order_relaxed))
		item = NULL;
	// release: a thief that reads this value must find what push wrote
	atomic_store_explicit(&d->bottom, bottom + 1, memory_order_release);
	return item;
}

int deque_steal(struct deque *d, void **item)
{
	int64_t top = atomic_load_explicit(&d->top, memory_order_seq_cst);
	int64_t bottom = atomic_load_explicit(&d->bottom, memory_order_seq_cst);

	if (top >= bottom)
		return -ENOENT;
	struct deque_array *a = atomic_load_explicit(&d->array,
						     memory_order_acquire);
	void *seen = atomic_load_explicit(&a->slots[top & a->mask],
					  memory_order_relaxed);
	if (!atomic_compare_exchange_strong_explicit(&d->top, &top, top + 1,
						     memory_order_seq_cst,
						     memory_order_relaxed))
		return -EAGAIN;
	*item = seen;
	return 0;
}

// memory.h - large arrays of zeros
//
// In large pages where they are large: the table of a million pages is read in
// no order, and with small pages the TLB would miss at most references. free()
// gives them back.

#ifndef MEM_POLICY_MEMORY_H
#define MEM_POLICY_MEMORY_H

#include <stddef.h>

// NULL when there is no memory. Never NULL for 0 elements.
void *replacement_zeros(size_t count, size_t each);

// The same array with `more` elements instead of `count`, the new ones zeros.
// NULL, and the array is as it was, when there is no memory.
void *replacement_more(void *array, size_t count, size_t more, size_t each);

#endif

// memory.c - asks for large pages, see memory.h

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "memory.h"

enum { HUGE_PAGE = 2 << 20 };

// Whole large pages inside; advice that is refused costs nothing but time.
static void advise(void *array, size_t bytes)
{
	uintptr_t from = ((uintptr_t)array + HUGE_PAGE - 1) &
			 ~(uintptr_t)(HUGE_PAGE - 1);
	uintptr_t to = ((uintptr_t)array + bytes) & ~(uintptr_t)(HUGE_PAGE - 1);

	if (from < to)
		(void)madvise((void *)from, to - from, MADV_HUGEPAGE);
}

void *replacement_zeros(size_t count, size_t each)
{
	void *array = calloc(count ? count : 1, each);

	if (array)
		advise(array, count * each);
	return array;
}

void *replacement_more(void *array, size_t count, size_t more, size_t each)
{
	size_t bytes;

	if (__builtin_mul_overflow(more, each, &bytes))
		return NULL;
	char *larger = realloc(array, bytes ? bytes : 1);
	if (!larger)
		return NULL;
	advise(larger, bytes);
	memset(larger + count * each, 0, bytes - count * each);
	return larger;
}

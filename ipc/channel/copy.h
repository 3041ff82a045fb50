// copy.h - a copy between two cores (ring.c)
//
// Why not memcpy(3)? From some size on (2 KiB here) glibc leaves it to one
// instruction, `rep movsb`. On AMD Zen 3 that is twenty times slower than moves
// through registers where the destination lies a few bytes further into its
// cache line than the source; and into a ring, in every other run, three times,
// however they lie. So a large message goes line by line through registers, as
// wide as there are: the fewer stores a line takes, the more lines are under way.
//
// For a few lines the call of a function costs more than the copy. memcpy of a
// constant size is no call: the compiler makes it moves through registers, too.

#ifndef COPY_H
#define COPY_H

#include <string.h>

#include "lane.h"

enum { LARGE = 512 }; // bytes

typedef char half_line __attribute__((vector_size(32), aligned(1), may_alias));

__attribute__((always_inline)) static inline void
copy_lines(char *to, const char *from, size_t bytes)
{
	for (; bytes; bytes -= CACHE_LINE) {
		((half_line *)to)[0] = ((const half_line *)from)[0];
		((half_line *)to)[1] = ((const half_line *)from)[1];
		to += CACHE_LINE;
		from += CACHE_LINE;
	}
}

#if defined(__x86_64__)
__attribute__((target("avx2"), noinline)) static void
copy_lines_avx2(char *to, const char *from, size_t bytes)
{
	copy_lines(to, from, bytes);
}
#endif

__attribute__((noinline)) static void copy_large(char *to, const char *from,
						 size_t bytes)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2")) {
		copy_lines_avx2(to, from, bytes);
		return;
	}
#endif
	copy_lines(to, from, bytes);
}

static inline void copy(char *to, const char *from, size_t bytes)
{
	if (bytes >= LARGE) {
		size_t lines = bytes / CACHE_LINE * CACHE_LINE;
		copy_large(to, from, lines);
		to += lines;
		from += lines;
		bytes -= lines;
	}
	for (; bytes >= CACHE_LINE; bytes -= CACHE_LINE) {
		memcpy(to, from, CACHE_LINE);
		to += CACHE_LINE;
		from += CACHE_LINE;
	}
	for (; bytes >= 8; bytes -= 8) {
		memcpy(to, from, 8);
		to += 8;
		from += 8;
	}
	for (; bytes; bytes--)
		*to++ = *from++;
}

#endif

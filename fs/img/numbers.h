// numbers.h - a set of inode numbers, each with something remembered about it

#ifndef IMG_NUMBERS_H
#define IMG_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

struct numbers { // all zeros: empty
	struct number {
		uint32_t key; // 0: free
		void *value;
	} * place;
	size_t count, room; // a power of two
};

// Adds it. 1: it is new; 0: it was there, with its own value; -ENOMEM.
int numbers_add(struct numbers *, uint32_t key, void *value);
// What is remembered, or NULL.
void *numbers_find(const struct numbers *, uint32_t key);
// Frees the set, and each value with `release` unless that is NULL.
void numbers_free(struct numbers *, void (*release)(void *));

#endif

// # A hash table of inode numbers
//
// Open addressing: a number stands at the place that its hash says, or at the
// next that is free; at most half of the places are taken. Fibonacci hashing:
// Knuth, The Art of Computer Programming, volume 3, section 6.4.

#include "fs/img/numbers.h"

#include <errno.h>
#include <stdlib.h>

static size_t place_of(const struct numbers *numbers, uint32_t key)
{
	size_t mask = numbers->room - 1;
	size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;

	while (numbers->place[i].key && numbers->place[i].key != key)
		i = (i + 1) & mask;
	return i;
}

static int grow(struct numbers *numbers)
{
	struct numbers larger = {
		.room = numbers->room ? numbers->room * 2 : 64,
		.count = numbers->count,
	};

	larger.place = calloc(larger.room, sizeof *larger.place);
	if (!larger.place)
		return -ENOMEM;
	for (size_t i = 0; i < numbers->room; i++)
		if (numbers->place[i].key)
			larger.place[place_of(&larger, numbers->place[i].key)] =
				numbers->place[i];
	free(numbers->place);
	*numbers = larger;
	return 0;
}

int numbers_add(struct numbers *numbers, uint32_t key, void *value)
{
	if (numbers->count * 2 >= numbers->room && grow(numbers) != 0)
		return -ENOMEM;
	struct number *place = &numbers->place[place_of(numbers, key)];
	if (place->key)
		return 0;
	*place = (struct number){ key, value };
	numbers->count++;
	return 1;
}

void *numbers_find(const struct numbers *numbers, uint32_t key)
{
	return numbers->room ? numbers->place[place_of(numbers, key)].value
			     : NULL;
}

void numbers_free(struct numbers *numbers, void (*release)(void *))
{
	for (size_t i = 0; release && i < numbers->room; i++)
		if (numbers->place[i].key)
			release(numbers->place[i].value);
	free(numbers->place);
	*numbers = (struct numbers){ 0 };
}

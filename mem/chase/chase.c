// # A chain of pointers: laid, walked, counted

#include "mem/chase/chase.h"

// A sanitizer looks at each access, which is what is timed here.
#define AS_IT_IS __attribute__((noinline, no_sanitize("address", "thread")))

enum { WORDS_A_LINE_STEP = 32 };

// i + i / 32, in lines: of slots that are pages, 32 neighbours differ in the line,
// and so do those that are alike in the lowest 5 bits of their number. A cache
// takes its set from the lowest bits of the page's number and the line together.
struct chase_link *chase_at(const struct chase *chase, size_t i)
{
	size_t lines = chase->slot_bytes / CHASE_LINE;
	size_t line = (i + i / WORDS_A_LINE_STEP) % lines;

	return (struct chase_link *)(void *)(chase->memory +
					     i * chase->slot_bytes +
					     line * CHASE_LINE);
}

static void begin(const struct chase *chase)
{
	for (size_t i = 0; i < chase->slots; i++) {
		struct chase_link *link = chase_at(chase, i);
		link->number = i;
		link->next = link;
	}
}

static void swap(struct chase_link *a, struct chase_link *b)
{
	struct chase_link *next = a->next;

	a->next = b->next;
	b->next = next;
}

// Each slot is a cycle of its own at first. To swap the successors of two that are
// in different cycles joins these: with j < i always, slot i joins those before
// it. Where j may be i or the two are in one cycle already, that cycle parts.
void chase_lay(const struct chase *chase, struct random *random)
{
	begin(chase);
	for (size_t i = 1; i < chase->slots; i++) {
		size_t j = random_below(random, (uint32_t)i);
		swap(chase_at(chase, i), chase_at(chase, j));
	}
}

void chase_lay_any(const struct chase *chase, struct random *random)
{
	begin(chase);
	for (size_t i = 1; i < chase->slots; i++) {
		size_t j = random_below(random, (uint32_t)i + 1);
		swap(chase_at(chase, i), chase_at(chase, j));
	}
}

void chase_lay_in_order(const struct chase *chase)
{
	begin(chase);
	for (size_t i = 0; i < chase->slots; i++)
		chase_at(chase, i)->next = chase_at(chase,
						    (i + 1) % chase->slots);
}

AS_IT_IS struct chase_link *chase_walk(struct chase_link *from, size_t steps)
{
	struct chase_link *at = from;

	for (; steps >= 8; steps -= 8)
		at = at->next->next->next->next->next->next->next->next;
	while (steps-- > 0)
		at = at->next;
	return at;
}

uint64_t chase_count(const struct chase_link *from, size_t steps,
		     uint8_t *visits)
{
	const struct chase_link *at = from;
	uint64_t sum = 0;

	while (steps-- > 0) {
		at = at->next;
		sum = (sum << 1 | sum >> 63) ^ at->number;
		if (visits[at->number] < UINT8_MAX)
			visits[at->number]++;
	}
	return sum;
}

size_t chase_cycle(const struct chase *chase, size_t i)
{
	const struct chase_link *first = chase_at(chase, i), *at = first->next;
	size_t steps = 1;

	for (; at != first; at = at->next)
		steps++;
	return steps;
}

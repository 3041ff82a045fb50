// A simulator that is as plain as the textbook's definitions: every choice looks
// at every frame. Silberschatz, Galvin & Gagne, "Operating System Concepts",
// section 10.4, for each policy; for NUR's details mem/policy/nur.c says when the
// bits are cleared.

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "pager_parts.h"

enum { MOST_FRAMES = 64 };

struct frame {
	uint32_t page;
	size_t loaded, used, uses;
	bool r, m;
};

struct naive {
	struct frame at[MOST_FRAMES];
	uint32_t frames, taken, hand;
	const uint32_t *string;
	size_t count, now, faults;
};

static uint32_t page_of(uint32_t reference)
{
	return reference & ~REFERENCE_WRITE;
}

static size_t next_use(const struct naive *naive, uint32_t page)
{
	size_t i = naive->now;

	while (i < naive->count && page_of(naive->string[i]) != page)
		i++;
	return i;
}

// Whether `a` has to go rather than `b`.
typedef bool rather(const struct naive *naive, const struct frame *a,
		    const struct frame *b);

static bool rather_fifo(const struct naive *naive, const struct frame *a,
			const struct frame *b)
{
	(void)naive;
	return a->loaded < b->loaded;
}

static bool rather_lru(const struct naive *naive, const struct frame *a,
		       const struct frame *b)
{
	(void)naive;
	return a->used < b->used;
}

static bool rather_mru(const struct naive *naive, const struct frame *a,
		       const struct frame *b)
{
	(void)naive;
	return a->used > b->used;
}

static bool rather_lfu(const struct naive *naive, const struct frame *a,
		       const struct frame *b)
{
	(void)naive;
	return a->uses < b->uses || (a->uses == b->uses && a->used < b->used);
}

static bool rather_opt(const struct naive *naive, const struct frame *a,
		       const struct frame *b)
{
	size_t next_a = next_use(naive, a->page);
	size_t next_b = next_use(naive, b->page);

	return next_a > next_b || (next_a == next_b && a->loaded > b->loaded);
}

static uint32_t choose(const struct naive *naive, rather *is_rather)
{
	uint32_t victim = 0;

	for (uint32_t f = 1; f < naive->frames; f++)
		if (is_rather(naive, &naive->at[f], &naive->at[victim]))
			victim = f;
	return victim;
}

static uint32_t choose_clock(struct naive *naive)
{
	while (naive->at[naive->hand].r) {
		naive->at[naive->hand].r = false;
		naive->hand = (naive->hand + 1) % naive->frames;
	}
	uint32_t victim = naive->hand;
	naive->hand = (naive->hand + 1) % naive->frames;
	return victim;
}

static uint32_t choose_nur(struct naive *naive)
{
	for (int class = 0; class < 4; class ++)
		for (uint32_t i = 0; i < naive->frames; i++) {
			uint32_t f = (naive->hand + i) % naive->frames;
			if (2 * naive->at[f].r + naive->at[f].m == class) {
				naive->hand = (f + 1) % naive->frames;
				return f;
			}
		}
	return 0;
}

static const struct {
	const char *name;
	rather *is_rather;
	uint32_t (*choose)(struct naive *naive);
} policies[] = {
	{ "fifo", rather_fifo, NULL },
	{ "lru", rather_lru, NULL },
	{ "mru", rather_mru, NULL },
	{ "lfu", rather_lfu, NULL },
	{ "opt", rather_opt, NULL },
	{ "second-chance", NULL, choose_clock },
	{ "clock", NULL, choose_clock },
	{ "nur", NULL, choose_nur },
};

enum { POLICIES = sizeof policies / sizeof *policies };

static struct frame *find(struct naive *naive, uint32_t page)
{
	for (uint32_t f = 0; f < naive->taken; f++)
		if (naive->at[f].page == page)
			return &naive->at[f];
	return NULL;
}

static struct arrival load(struct naive *naive, int policy, uint32_t page)
{
	struct arrival arrival = { page, NO_PAGE, false };
	uint32_t f = naive->taken;

	// NUR, before the fault that follows so many others
	if (policies[policy].choose == choose_nur &&
	    naive->faults % naive->frames == 0)
		for (uint32_t i = 0; i < naive->taken; i++)
			naive->at[i].r = false;
	naive->faults++;
	if (naive->taken < naive->frames) {
		naive->taken++;
	} else {
		f = policies[policy].choose
			    ? policies[policy].choose(naive)
			    : choose(naive, policies[policy].is_rather);
		arrival.victim = naive->at[f].page;
		arrival.dirty = naive->at[f].m;
	}
	naive->at[f] = (struct frame){ .page = page, .loaded = naive->now };
	return arrival;
}

ssize_t naive_run(const char *policy, uint32_t frames, const uint32_t *string,
		  size_t count, struct arrival *arrivals)
{
	struct naive naive = { .frames = frames,
			       .string = string,
			       .count = count };
	ssize_t n = 0;
	int which = 0;

	while (which < POLICIES && strcmp(policies[which].name, policy) != 0)
		which++;
	if (which == POLICIES || frames > MOST_FRAMES)
		return -1;
	for (; naive.now < count; naive.now++) {
		uint32_t page = page_of(string[naive.now]);
		struct frame *frame = find(&naive, page);
		if (!frame) {
			arrivals[n++] = load(&naive, which, page);
			frame = find(&naive, page);
		}
		frame->used = naive.now;
		frame->uses++;
		frame->r = true;
		frame->m |= (string[naive.now] & REFERENCE_WRITE) != 0;
	}
	return n;
}

uint32_t *string_of(const struct touches *touches, size_t *count)
{
	uint32_t *string = calloc(touches->count + 1, sizeof *string);
	size_t n = 0;

	ck_assert_ptr_nonnull(string);
	for (size_t i = 0; i < touches->count; i++) {
		bool same = n > 0 && page_of(string[n - 1]) == touches->page[i];
		bool writable = same && (string[n - 1] & REFERENCE_WRITE);
		if (same && (writable || !touches->write[i]))
			continue;
		string[n++] = touches->page[i] |
			      (touches->write[i] ? REFERENCE_WRITE : 0);
	}
	*count = n;
	return string;
}

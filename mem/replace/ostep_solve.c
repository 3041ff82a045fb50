// # The course's memory: a list of pages
//
// A page that is loaded goes to the right end. When all frames are taken one
// leaves, and those behind it move up. On a hit nothing moves, but for LRU and
// MRU, where the page goes to the right end. Each rule names a place of the list.

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "mem/replace/ostep_parts.h"
#include "mem/replace/replace.h"

struct memory {
	int64_t *pages;
	size_t *next; // of each: where it comes again
	size_t count;
};

struct sheet_rule {
	const char *name, *house;
	bool moves; // a page that is used goes to the right end
	size_t (*victim)(struct sheet *, const struct memory *);
};

static size_t leftmost(struct sheet *sheet, const struct memory *m)
{
	(void)sheet, (void)m;
	return 0;
}

static size_t rightmost(struct sheet *sheet, const struct memory *m)
{
	(void)sheet;
	return m->count - 1;
}

// The same stream that drew the references goes on.
static size_t drawn(struct sheet *sheet, const struct memory *m)
{
	return (size_t)(python_random_real(&sheet->random) * (double)m->count);
}

// Who never comes again has the number of all references; of several the
// rightmost.
static size_t furthest(struct sheet *sheet, const struct memory *m)
{
	size_t best = 0;

	(void)sheet;
	for (size_t i = 1; i < m->count; i++)
		if (m->next[i] >= m->next[best])
			best = i;
	return best;
}

static size_t nearest(struct sheet *sheet, const struct memory *m)
{
	size_t best = 0;

	(void)sheet;
	for (size_t i = 1; i < m->count; i++)
		if (m->next[i] < m->next[best])
			best = i;
	return best;
}

static const struct sheet_rule rules[] = {
	{ "FIFO", "fifo", false, leftmost },
	{ "LRU", "lru", true, leftmost },
	{ "MRU", "mru", true, rightmost },
	{ "OPT", "opt", false, furthest },
	{ "UNOPT", "unopt", false, nearest },
	{ "RAND", "random", false, drawn },
};

const struct sheet_rule *sheet_rule(const char *name)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (!strcmp(rules[i].name, name))
			return &rules[i];
	return NULL;
}

const char *sheet_rule_house(const struct sheet_rule *rule)
{
	return rule->house;
}

// ## Where each page comes again

struct use {
	int64_t page;
	size_t at;
};

static int by_page(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->page != y->page)
		return x->page < y->page ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static size_t *next_uses(const struct sheet *sheet)
{
	struct use *uses = have_zeroed(sheet->count, sizeof *uses);
	size_t *next = have_zeroed(sheet->count, sizeof *next);

	for (size_t i = 0; i < sheet->count; i++)
		uses[i] = (struct use){ sheet->references[i], i };
	qsort(uses, sheet->count, sizeof *uses, by_page);
	for (size_t i = 0; i < sheet->count; i++)
		next[uses[i].at] = i + 1 < sheet->count && uses[i + 1].page ==
								   uses[i].page
					   ? uses[i + 1].at
					   : sheet->count;
	free(uses);
	return next;
}

// ## Playing

static void take_out(struct memory *m, size_t i)
{
	m->count--;
	memmove(m->pages + i, m->pages + i + 1,
		(m->count - i) * sizeof *m->pages);
	memmove(m->next + i, m->next + i + 1, (m->count - i) * sizeof *m->next);
}

static void append(struct memory *m, int64_t page, size_t next)
{
	m->pages[m->count] = page;
	m->next[m->count++] = next;
}

static size_t find(const struct memory *m, int64_t page)
{
	size_t i = 0;

	while (i < m->count && m->pages[i] != page)
		i++;
	return i;
}

static void play_one(struct sheet *sheet, const struct sheet_rule *rule,
		     struct memory *m, struct sheet_step *step, size_t next)
{
	size_t at = find(m, step->page);

	step->hit = at < m->count;
	sheet->hits += step->hit;
	if (step->hit && !rule->moves) {
		m->next[at] = next;
		return;
	}
	if (step->hit) {
		take_out(m, at);
	} else if (m->count == (size_t)sheet->options->frames) {
		step->place = rule->victim(sheet, m);
		step->leaves = true;
		step->victim = m->pages[step->place];
		step->next = m->next[step->place];
		take_out(m, step->place);
	}
	append(m, step->page, next);
}

void sheet_solve(struct sheet *sheet, const struct sheet_rule *rule, bool lists)
{
	size_t *next = next_uses(sheet);
	size_t frames = (size_t)sheet->options->frames;
	size_t room = frames < sheet->count ? frames : sheet->count;
	struct memory m = {
		.pages = have_zeroed(room, sizeof *m.pages),
		.next = have_zeroed(room, sizeof *m.next),
	};

	for (size_t i = 0; i < sheet->count; i++) {
		struct sheet_step *step = &sheet->steps[i];
		step->page = sheet->references[i];
		play_one(sheet, rule, &m, step, next[i]);
		step->count = m.count;
		if (!lists)
			continue;
		step->pages = have_zeroed(m.count, sizeof *m.pages);
		memcpy(step->pages, m.pages, m.count * sizeof *m.pages);
	}
	free(m.pages);
	free(m.next);
	free(next);
}

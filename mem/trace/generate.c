// # Traces by chance
//
// One random number of 64 bits makes a reference: its upper half picks, its lower
// half decides between two. Whether it is a write says another generator, so that
// the pages are the same whatever the share of writes.

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem/trace/parts.h"

struct generator {
	struct trace trace;
	struct trace_recipe recipe;
	struct random pages, writes;
	struct alias *table;
	uint64_t done;
	uint64_t base; // of this phase's pages
	uint64_t left; // of this phase
};

static uint32_t high(uint64_t random)
{
	return (uint32_t)(random >> 32);
}

// 0 to n - 1, n up to 2^32.
static uint64_t pick(uint64_t random, uint64_t n)
{
	return (uint64_t)((unsigned __int128)random * n >> 64);
}

// Which of a column's two pages comes cannot be foreseen, and a table of many pages
// does not fit into a cache: so there is no branch, and a column is asked for long
// before it is looked at.
static void zipf(struct generator *g, uint64_t *to, size_t n)
{
	enum { AT_ONCE = 32 };
	const struct alias *table = g->table;
	uint64_t pages = g->recipe.pages;
	uint64_t r[AT_ONCE];

	for (size_t begin = 0; begin < n; begin += AT_ONCE) {
		size_t some = n - begin < AT_ONCE ? n - begin : AT_ONCE;
		for (size_t i = 0; i < some; i++) {
			r[i] = random_next(&g->pages);
			__builtin_prefetch(&table[high(r[i]) * pages >> 32]);
		}
		for (size_t i = 0; i < some; i++) {
			uint64_t column = high(r[i]) * pages >> 32;
			const struct alias *a = &table[column];
			uint64_t mask = -(uint64_t)((uint32_t)r[i] < a->limit);
			to[begin + i] = a->other ^ ((column ^ a->other) & mask);
		}
	}
}

static void uniform(struct generator *g, uint64_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = pick(random_next(&g->pages), g->recipe.pages);
}

static void scan(struct generator *g, uint64_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = g->done + i;
}

static void loop(struct generator *g, uint64_t *to, size_t n)
{
	uint64_t page = g->done % g->recipe.pages;

	for (size_t i = 0; i < n; i++) {
		to[i] = page;
		if (++page == g->recipe.pages)
			page = 0;
	}
}

static void phases(struct generator *g, uint64_t *to, size_t n)
{
	static const uint32_t inside = (uint32_t)(0.99 * 0x1p32);
	const struct trace_recipe *recipe = &g->recipe;

	for (size_t i = 0; i < n; i++) {
		if (g->left-- == 0) {
			g->left = recipe->phase - 1;
			g->base = pick(random_next(&g->pages),
				       recipe->pages - recipe->locality + 1);
		}
		uint64_t r = random_next(&g->pages);
		uint64_t where = random_next(&g->pages);
		to[i] = (uint32_t)r < inside
				? g->base + pick(where, recipe->locality)
				: pick(where, recipe->pages);
	}
}

static void set_writes(struct generator *g, uint8_t *to, size_t n)
{
	double share = g->recipe.write;

	if (share == 0 || share == 1)
		memset(to, share == 1, n);
	else
		for (size_t i = 0; i < n; i++)
			to[i] = random_unit(&g->writes) < share;
}

static int generator_read(struct trace *trace, struct portion *to,
			  struct trace_error *error)
{
	static void (*const make[TRACE_KINDS])(struct generator *, uint64_t *,
					       size_t) = {
		[TRACE_ZIPF] = zipf,     [TRACE_UNIFORM] = uniform,
		[TRACE_SCAN] = scan,     [TRACE_LOOP] = loop,
		[TRACE_PHASES] = phases,
	};
	struct generator *g = (struct generator *)trace;
	uint64_t left = g->recipe.references - g->done;
	size_t n = to->most < left ? to->most : left;

	(void)error;
	make[g->recipe.kind](g, to->pages, n);
	if (g->recipe.sparse)
		for (size_t i = 0; i < n; i++)
			to->pages[i] = reftrace_scatter(to->pages[i]);
	set_writes(g, to->writes, n);
	g->done += n;
	to->n = n;
	return 0;
}

static void generator_close(struct trace *trace)
{
	struct generator *g = (struct generator *)trace;

	free(g->table);
	free(g);
}

// Not (x >= ...): NAN is out of every range.
static bool is_sound(const struct trace_recipe *r)
{
	static const uint64_t MOST = UINT64_C(1) << 32;

	return (unsigned)r->kind < TRACE_KINDS && r->write >= 0 &&
	       r->write <= 1 &&
	       (r->kind == TRACE_SCAN || (r->pages >= 1 && r->pages <= MOST)) &&
	       (r->kind != TRACE_ZIPF ||
		(r->pages <= TRACE_MOST_ZIPF && r->exponent >= 0 &&
		 r->exponent <= 10)) &&
	       (r->kind != TRACE_PHASES ||
		(r->phase >= 1 && r->locality >= 1 && r->locality <= r->pages));
}

int reftrace_generate(const struct trace_recipe *recipe, struct trace **trace)
{
	static const struct trace_kindred kindred = { generator_read,
						      generator_close };
	static const uint64_t OTHER = UINT64_C(0x5851f42d4c957f2d);

	*trace = NULL;
	if (!is_sound(recipe))
		return -EINVAL;
	struct generator *g = calloc(1, sizeof *g);
	if (!g)
		return -ENOMEM;
	g->trace.kindred = &kindred;
	g->recipe = *recipe;
	g->pages.state = reftrace_scatter(recipe->seed);
	g->writes.state = reftrace_scatter(recipe->seed ^ OTHER);
	int error = recipe->kind == TRACE_ZIPF
			    ? alias_zipf((uint32_t)recipe->pages,
					 recipe->exponent, &g->table)
			    : 0;
	if (error) {
		free(g);
		return error;
	}
	*trace = &g->trace;
	return 0;
}

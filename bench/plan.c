// # The plan: which cases there are, and which of them to run
//
// A case is named family/what/size/placement. The families tell their
// subjects (the `what`); the plan multiplies them by sizes and placements,
// finds the CPUs for each placement in the topology of this host, and says in
// words why a case cannot be run here.

#define _GNU_SOURCE
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "options.h"

enum { MAX_FAMILIES = 32 };

static const struct family *families[MAX_FAMILIES];

// Keeps them in the order of their names' rank below; linkers promise no order
// among constructors.
static int rank(const struct family *family)
{
	static const char *const order[] = { "floor", "switch", "ipc",
					     "bandwidth" };
	int i = 0;
	while (i < (int)(sizeof order / sizeof *order) &&
	       strcmp(order[i], family->name))
		i++;
	return i;
}

void plan_register(const struct family *family)
{
	size_t at = 0;
	while (at < MAX_FAMILIES && families[at])
		at++;
	if (at == MAX_FAMILIES)
		abort();
	for (; at > 0 && rank(families[at - 1]) > rank(family); at--)
		families[at] = families[at - 1];
	families[at] = family;
}

const struct family *plan_family(size_t number)
{
	return number < MAX_FAMILIES ? families[number] : NULL;
}

const struct subject *plan_subject(const char *family_name, const char *name,
				   const struct family **family)
{
	for (size_t f = 0; plan_family(f); f++) {
		size_t count;
		const struct subject *s = plan_family(f)->subjects(&count);
		if (strcmp(plan_family(f)->name, family_name))
			continue;
		for (size_t i = 0; i < count; i++)
			if (!strcmp(s[i].name, name)) {
				if (family)
					*family = plan_family(f);
				return &s[i];
			}
	}
	return NULL;
}

struct maker {
	struct plan *plan;
	struct topology topology;
	bool pin;
};

static struct bench_case *find(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (!strcmp(plan->cases[i].name, name))
			return &plan->cases[i];
	return NULL;
}

// Workers that are not pinned are nowhere in particular: there is one such case
// of each subject and size.
static const char *where(const struct maker *maker, enum placement placement)
{
	return maker->pin ? placement_names[placement] : "anywhere";
}

static void exclude(struct bench_case *c, const struct maker *maker)
{
	const struct subject *s = c->subject;
	char size[HUMAN_BYTES], limit[HUMAN_BYTES];

	c->cpus[0] = c->cpus[1] = -1;
	bool empty = c->bytes == 0;
	for (int i = 0; i < s->size_count; i++)
		empty = empty && s->sizes[i] != 0;
	if (s->missing[0])
		snprintf(c->excluded, sizeof c->excluded, "%s", s->missing);
	else if (c->bytes > s->limit_bytes)
		snprintf(c->excluded, sizeof c->excluded,
			 "%s is above its limit of %s",
			 size_name(size, c->bytes),
			 size_name(limit, s->limit_bytes));
	else if (empty)
		snprintf(c->excluded, sizeof c->excluded,
			 "a message needs at least a byte");
	else if (!topology_pair(&maker->topology, c->placement, c->cpus))
		snprintf(c->excluded, sizeof c->excluded,
			 "this process may use no two CPUs placed %s",
			 placement_names[c->placement]);
	if (!maker->pin)
		c->cpus[0] = c->cpus[1] = -1;
}

// Less than a cache line costs what a cache line costs. A copy in memory is the
// floor of a bandwidth wherever the two sides are.
static void name_floor(struct bench_case *c, const struct maker *maker)
{
	const struct subject *s = c->subject;
	char size[HUMAN_BYTES];

	if (s->floor && strchr(strchr(s->floor, '/') + 1, '/'))
		snprintf(c->floor, sizeof c->floor, "%s/%s", s->floor,
			 c->where);
	else if (s->floor)
		snprintf(c->floor, sizeof c->floor, "%s/%s/%s", s->floor,
			 size_name(size, c->bytes < 64 ? 64 : c->bytes),
			 s->bandwidth ? where(maker, SAME_CPU) : c->where);
}

static int add(struct maker *maker, const struct family *family,
	       const struct subject *subject, size_t bytes,
	       enum placement placement)
{
	struct plan *plan = maker->plan;
	struct bench_case c = {
		.family = family,
		.subject = subject,
		.bytes = bytes,
		.placement = maker->pin ? placement : SAME_CPU,
		.where = where(maker, placement),
	};
	char size[HUMAN_BYTES];

	snprintf(c.name, sizeof c.name, "%s/%s/%s/%s", family->name,
		 subject->name, size_name(size, bytes), c.where);
	if (find(plan, c.name))
		return 0;
	exclude(&c, maker);

	name_floor(&c, maker);

	struct bench_case *grown = reallocarray(plan->cases, plan->count + 1,
						sizeof c);
	if (!grown)
		return -ENOMEM;
	plan->cases = grown;
	plan->cases[plan->count++] = c;
	return 0;
}

// A set of cases, every family's. Cases of the full matrix that need CPUs this
// host does not have would only be noise: they are left out here, and named
// only when asked for.
static int add_set(struct maker *maker, enum plan_set set)
{
	int error = 0, pair[2];

	for (size_t f = 0; plan_family(f); f++) {
		size_t count;
		const struct subject *s = plan_family(f)->subjects(&count);
		for (size_t i = 0; i < count; i++)
			for (int p = 0; p < PLACEMENTS && !error; p++) {
				if (!topology_pair(&maker->topology, p, pair))
					continue;
				if (set == PLAN_USUAL) {
					if (s[i].usual & 1 << p)
						error = add(maker,
							    plan_family(f),
							    &s[i],
							    s[i].usual_bytes,
							    p);
					continue;
				}
				if (!(s[i].placements & 1 << p))
					continue;
				for (int n = 0; n < s[i].size_count; n++)
					error = error
							?: add(maker,
							       plan_family(f),
							       &s[i],
							       s[i].sizes[n],
							       p);
			}
	}
	return error;
}

// A complete name, with whatever size. -ENOENT when it is none.
static int add_named(struct maker *maker, const char *name)
{
	char parts[4][48] = { "" };
	uint64_t bytes;
	int end = 0;

	if (sscanf(name, "%47[^/]/%47[^/]/%47[^/]/%47[^/]%n", parts[0],
		   parts[1], parts[2], parts[3], &end) != 4 ||
	    name[end] || parse_size(parts[2], 0, UINT64_C(1) << 30, &bytes))
		return -ENOENT;
	const struct family *family;
	const struct subject *s = plan_subject(parts[0], parts[1], &family);
	for (int p = 0; s && p < PLACEMENTS; p++)
		if (!strcmp(where(maker, p), parts[3]) &&
		    s->placements & 1 << p)
			return add(maker, family, s, bytes, p);
	return -ENOENT;
}

static bool matches(const char *name, const char *text)
{
	char pattern[2 * CASE_NAME_BYTES];
	size_t n = strlen(text);

	// "ipc/" is all of ipc
	snprintf(pattern, sizeof pattern, "%.*s",
		 (int)(n && text[n - 1] == '/' ? n - 1 : n), text);
	return !fnmatch(pattern, name, FNM_PATHNAME | FNM_LEADING_DIR) ||
	       !fnmatch(pattern, name, 0);
}

// Moves the cases of `from` that match into the plan; returns how many.
static int add_matching(struct maker *maker, const struct plan *from,
			const char *pattern)
{
	int matched = 0;
	for (size_t i = 0; i < from->count; i++) {
		const struct bench_case *c = &from->cases[i];
		if (!matches(c->name, pattern))
			continue;
		int error = add(maker, c->family, c->subject, c->bytes,
				c->placement);
		if (error)
			return error;
		matched++;
	}
	return matched;
}

static int by_family(const void *a, const void *b)
{
	const struct bench_case *x = a, *y = b;
	int order = rank(x->family) - rank(y->family);
	order = order ?: strcmp(x->family->name, y->family->name);
	order = order ?: (int)x->placement - (int)y->placement;
	order = order ?: (x->bytes > y->bytes) - (x->bytes < y->bytes);
	order = order ?: (x->subject > y->subject) - (x->subject < y->subject);
	return order;
}

static int choose(struct maker *maker, enum plan_set set, char *const *patterns,
		  const char **unmatched)
{
	struct plan sets[2] = { { 0 } };
	struct maker source = *maker;
	int error = 0;

	for (int i = set; i <= PLAN_MATRIX && !error; i++) {
		source.plan = &sets[i];
		error = add_set(&source, i);
	}
	if (!error && (!patterns || !*patterns))
		error = add_matching(maker, &sets[set], "*");
	for (; error >= 0 && patterns && *patterns; patterns++) {
		*unmatched = *patterns;
		error = add_matching(maker, &sets[set], *patterns);
		if (error == 0)
			error = add_matching(maker, &sets[PLAN_MATRIX],
					     *patterns);
		if (error == 0)
			error = add_named(maker, *patterns);
		if (error < 0)
			break;
	}
	plan_free(&sets[0]);
	plan_free(&sets[1]);
	return error < 0 ? error : 0;
}

static int add_floors(struct maker *maker)
{
	for (size_t i = 0; i < maker->plan->count; i++) {
		const struct bench_case *c = &maker->plan->cases[i];
		char floor[CASE_NAME_BYTES];
		if (!c->floor[0] || c->excluded[0])
			continue;
		memcpy(floor, c->floor, sizeof floor);
		int error = add_named(maker, floor);
		if (error)
			return error;
	}
	return 0;
}

int plan_make(struct plan *plan, enum plan_set set, char *const *patterns,
	      bool pin, const char **unmatched)
{
	struct maker maker = { .plan = plan, .pin = pin };

	*plan = (struct plan){ 0 };
	*unmatched = NULL;
	int error = topology_read(&maker.topology);
	if (error)
		return error;
	error = choose(&maker, set, patterns, unmatched);
	if (!error)
		error = add_floors(&maker);
	topology_free(&maker.topology);
	if (error) {
		plan_free(plan);
		return error;
	}
	qsort(plan->cases, plan->count, sizeof *plan->cases, by_family);
	return 0;
}

void plan_free(struct plan *plan)
{
	free(plan->cases);
	*plan = (struct plan){ 0 };
}

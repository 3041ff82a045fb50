// The oracle of the suite `replacement`: the policies in rows, O(n) and more.
// The head of a row is where pages leave.

#include <string.h>

#include "replacement_parts.h"

// --- rows --------------------------------------------------------------------

enum { NOWHERE = ORACLE_REFERENCES };

static size_t row_find(const struct row *row, uint32_t page)
{
	for (size_t i = 0; i < row->count; i++)
		if (row->page[i] == page)
			return i;
	return NOWHERE;
}

static bool row_has(const struct row *row, uint32_t page)
{
	return row_find(row, page) != NOWHERE;
}

static void row_append(struct row *row, uint32_t page)
{
	QUICK_LT(row->count, ORACLE_REFERENCES);
	row->page[row->count++] = page;
}

static uint32_t row_take(struct row *row, size_t i)
{
	uint32_t page = row->page[i];

	QUICK_LT(i, row->count);
	row->count--;
	memmove(&row->page[i], &row->page[i + 1],
		(row->count - i) * sizeof row->page[0]);
	return page;
}

static void row_remove(struct row *row, uint32_t page)
{
	row_take(row, row_find(row, page));
}

static bool full(const struct oracle *o)
{
	return o->in.count == o->frames;
}

static struct replacement_outcome leaves(struct oracle *o, uint32_t page)
{
	struct replacement_outcome outcome = { .victim = page,
					       .dirty = o->modified[page] };

	o->modified[page] = o->referenced[page] = false;
	o->uses[page] = 0;
	return outcome;
}

static const struct replacement_outcome nobody = { .victim = NO_PAGE };
static const struct replacement_outcome hit = { .victim = NO_PAGE,
						.hit = true };

// --- one row -----------------------------------------------------------------

// Those that pick a victim and load the page at the end of the row.
static struct replacement_outcome load(struct oracle *o, uint32_t page,
				       size_t (*victim)(struct oracle *))
{
	struct replacement_outcome outcome = nobody;

	if (full(o))
		outcome = leaves(o, row_take(&o->in, victim(o)));
	row_append(&o->in, page);
	return outcome;
}

static size_t oldest(struct oracle *o)
{
	(void)o;
	return 0;
}

static size_t newest(struct oracle *o)
{
	return o->in.count - 1;
}

static struct replacement_outcome fifo(struct oracle *o, uint32_t page)
{
	return row_has(&o->in, page) ? hit : load(o, page, oldest);
}

static struct replacement_outcome used_order(struct oracle *o, uint32_t page,
					     size_t (*victim)(struct oracle *))
{
	if (!row_has(&o->in, page))
		return load(o, page, victim);
	row_remove(&o->in, page);
	row_append(&o->in, page);
	return hit;
}

static struct replacement_outcome lru(struct oracle *o, uint32_t page)
{
	return used_order(o, page, oldest);
}

static struct replacement_outcome mru(struct oracle *o, uint32_t page)
{
	return used_order(o, page, newest);
}

static size_t next_use(const struct oracle *o, uint32_t page)
{
	size_t i = o->now + 1;

	while (i < o->count && (o->trace[i] & ~REFERENCE_WRITE) != page)
		i++;
	return i;
}

static size_t latest(struct oracle *o)
{
	size_t best = 0;

	for (size_t i = 1; i < o->in.count; i++)
		if (next_use(o, o->in.page[i]) >= next_use(o, o->in.page[best]))
			best = i;
	return best;
}

static size_t soonest(struct oracle *o)
{
	size_t best = 0;

	for (size_t i = 1; i < o->in.count; i++)
		if (next_use(o, o->in.page[i]) < next_use(o, o->in.page[best]))
			best = i;
	return best;
}

static struct replacement_outcome opt(struct oracle *o, uint32_t page)
{
	return row_has(&o->in, page) ? hit : load(o, page, latest);
}

static struct replacement_outcome unopt(struct oracle *o, uint32_t page)
{
	return row_has(&o->in, page) ? hit : load(o, page, soonest);
}

static size_t rarest(struct oracle *o)
{
	size_t best = 0;

	for (size_t i = 1; i < o->in.count; i++) {
		uint32_t a = o->in.page[i], b = o->in.page[best];

		if (o->uses[a] < o->uses[b] ||
		    (o->uses[a] == o->uses[b] && o->last[a] < o->last[b]))
			best = i;
	}
	return best;
}

static struct replacement_outcome lfu(struct oracle *o, uint32_t page)
{
	struct replacement_outcome outcome = hit;

	if (!row_has(&o->in, page))
		outcome = load(o, page, rarest);
	o->uses[page]++;
	o->last[page] = o->now;
	return outcome;
}

static size_t second(struct oracle *o)
{
	while (o->referenced[o->in.page[0]]) {
		o->referenced[o->in.page[0]] = false;
		row_append(&o->in, row_take(&o->in, 0));
	}
	return 0;
}

static struct replacement_outcome second_chance(struct oracle *o, uint32_t page)
{
	struct replacement_outcome outcome = hit;

	if (!row_has(&o->in, page))
		outcome = load(o, page, second);
	o->referenced[page] = true;
	return outcome;
}

// `last` is the time of the last reference + 1.
static struct replacement_outcome working_set(struct oracle *o, uint32_t page)
{
	struct replacement_outcome outcome = nobody;
	bool found = row_has(&o->in, page);

	if (found)
		row_remove(&o->in, page);
	for (size_t i = 0; i < o->in.count; i++)
		if (o->last[o->in.page[i]] + o->window <= o->now) {
			QUICK_EQ(outcome.victim, NO_PAGE);
			outcome = leaves(o, row_take(&o->in, i--));
		}
	if (full(o))
		outcome = leaves(o, row_take(&o->in, 0));
	row_append(&o->in, page);
	o->last[page] = o->now;
	outcome.hit = found;
	return outcome;
}

// --- frames that keep their place --------------------------------------------

static struct replacement_outcome replace(struct oracle *o, uint32_t page,
					  size_t (*victim)(struct oracle *))
{
	if (!full(o)) {
		row_append(&o->in, page);
		return nobody;
	}

	size_t frame = victim(o);
	struct replacement_outcome outcome = leaves(o, o->in.page[frame]);

	o->in.page[frame] = page;
	return outcome;
}

static size_t lot(struct oracle *o)
{
	return random_below(&o->random, o->frames);
}

static struct replacement_outcome by_chance(struct oracle *o, uint32_t page)
{
	return row_has(&o->in, page) ? hit : replace(o, page, lot);
}

static size_t swept(struct oracle *o)
{
	for (;; o->hand++) {
		uint32_t page = o->in.page[o->hand % o->frames];

		if (!o->referenced[page])
			return o->hand++ % o->frames;
		o->referenced[page] = false;
	}
}

static struct replacement_outcome circle(struct oracle *o, uint32_t page)
{
	struct replacement_outcome outcome = hit;

	if (!row_has(&o->in, page))
		outcome = replace(o, page, swept);
	o->referenced[page] = true;
	return outcome;
}

static size_t lowest_class(struct oracle *o)
{
	size_t best = NOWHERE;
	int lowest = 4;

	for (size_t i = 0; i < o->frames; i++) {
		size_t frame = (o->hand + i) % o->frames;
		uint32_t page = o->in.page[frame];
		int class = 2 * o->referenced[page] + o->modified[page];

		if (class < lowest) {
			lowest = class;
			best = frame;
		}
	}
	o->hand = best + 1;
	return best;
}

static struct replacement_outcome nur(struct oracle *o, uint32_t page)
{
	struct replacement_outcome outcome = hit;

	if (!row_has(&o->in, page)) {
		if (o->faults % o->period == 0)
			memset(o->referenced, 0, sizeof o->referenced);
		outcome = replace(o, page, lowest_class);
	}
	o->referenced[page] = true;
	return outcome;
}

// --- several lists -----------------------------------------------------------

// The paper's REPLACE. a, b, c, d: T1, T2, B1, B2.
static struct replacement_outcome arc_demote(struct oracle *o, bool in_b2)
{
	bool t1 = o->a.count >= 1 && (o->a.count > o->target ||
				      (in_b2 && o->a.count == o->target));
	uint32_t page = row_take(t1 ? &o->a : &o->b, 0);

	row_append(t1 ? &o->c : &o->d, page);
	return leaves(o, page);
}

static struct replacement_outcome arc(struct oracle *o, uint32_t page)
{
	struct replacement_outcome outcome = nobody;
	size_t c = o->frames, b1 = o->c.count, b2 = o->d.count;

	if (row_has(&o->a, page) || row_has(&o->b, page)) {
		row_remove(row_has(&o->a, page) ? &o->a : &o->b, page);
		row_append(&o->b, page);
		return hit;
	}
	if (row_has(&o->c, page)) {
		o->target += b1 >= b2 ? 1 : b2 / b1;
		if (o->target > c)
			o->target = c;
		outcome = arc_demote(o, false);
		row_remove(&o->c, page);
		row_append(&o->b, page);
		return outcome;
	}
	if (row_has(&o->d, page)) {
		size_t step = b2 >= b1 ? 1 : b1 / b2;

		o->target = step > o->target ? 0 : o->target - step;
		outcome = arc_demote(o, true);
		row_remove(&o->d, page);
		row_append(&o->b, page);
		return outcome;
	}
	if (o->a.count + b1 == c) {
		if (o->a.count < c) {
			row_take(&o->c, 0);
			outcome = arc_demote(o, false);
		} else {
			outcome = leaves(o, row_take(&o->a, 0));
		}
	} else if (o->a.count + o->b.count + b1 + b2 >= c) {
		if (o->a.count + o->b.count + b1 + b2 == 2 * c)
			row_take(&o->d, 0);
		outcome = arc_demote(o, false);
	}
	row_append(&o->a, page);
	return outcome;
}

// a, b, c: A1in, A1out, Am.
static struct replacement_outcome two_queues(struct oracle *o, uint32_t page)
{
	struct replacement_outcome outcome = nobody;
	size_t k_in = o->frames < 4 ? 1 : o->frames / 4;
	size_t k_out = o->frames < 2 ? 1 : o->frames / 2;

	if (row_has(&o->c, page)) {
		row_remove(&o->c, page);
		row_append(&o->c, page);
		return hit;
	}
	if (row_has(&o->a, page))
		return hit;

	bool back = row_has(&o->b, page);

	if (back)
		row_remove(&o->b, page);
	if (o->a.count + o->c.count == o->frames) {
		if (o->a.count > k_in || !o->c.count) {
			uint32_t victim = row_take(&o->a, 0);

			outcome = leaves(o, victim);
			row_append(&o->b, victim);
			if (o->b.count > k_out)
				row_take(&o->b, 0);
		} else {
			outcome = leaves(o, row_take(&o->c, 0));
		}
	}
	row_append(back ? &o->c : &o->a, page);
	return outcome;
}

// The hand is a position in the row; who leaves behind it does not move it.
static size_t sieved(struct oracle *o)
{
	for (;;) {
		if (o->hand >= o->in.count)
			o->hand = 0;
		if (!o->referenced[o->in.page[o->hand]])
			return o->hand;
		o->referenced[o->in.page[o->hand++]] = false;
	}
}

static struct replacement_outcome sieve(struct oracle *o, uint32_t page)
{
	if (row_has(&o->in, page)) {
		o->referenced[page] = true;
		return hit;
	}
	if (!full(o))
		return load(o, page, NULL);

	// The hand goes on from the victim's neighbour, which is now in its
	// place; if there was none, from the tail, whatever comes in.
	size_t victim = sieved(o);
	bool none = victim + 1 == o->in.count;
	struct replacement_outcome outcome = load(o, page, sieved);

	if (none)
		o->hand = 0;
	return outcome;
}

// a, b, c: S, M, G. G has all that ever left S; some count no more.
static struct replacement_outcome s3_fifo(struct oracle *o, uint32_t page)
{
	struct replacement_outcome outcome = nobody;
	size_t small = o->frames < 10 ? 1 : o->frames / 10, known = NOWHERE;
	bool gone = false;

	if (row_has(&o->a, page) || row_has(&o->b, page)) {
		if (o->uses[page] < 3)
			o->uses[page]++;
		return hit;
	}
	for (size_t i = 0; i < o->c.count; i++)
		if (o->c.page[i] == page && o->c.count - i <= o->frames - small)
			known = i;
	while (o->a.count + o->b.count == o->frames && !gone) {
		if (o->a.count >= small || !o->b.count) {
			uint32_t tail = row_take(&o->a, 0);

			gone = o->uses[tail] < 2;
			row_append(gone ? &o->c : &o->b, tail);
			o->uses[tail] = 0;
			if (gone)
				outcome = leaves(o, tail);
		} else {
			uint32_t tail = row_take(&o->b, 0);

			gone = !o->uses[tail];
			if (gone) {
				outcome = leaves(o, tail);
			} else {
				o->uses[tail]--;
				row_append(&o->b, tail);
			}
		}
	}
	for (size_t i = 0; i < o->c.count; i++)
		if (o->c.page[i] == page)
			o->c.page[i] = NO_PAGE;
	row_append(known != NOWHERE ? &o->b : &o->a, page);
	return outcome;
}

// a: hot, b: cold, c: in their test (resident or not), d: ghosts. target: how
// many frames are not for cold pages.
static void pro_put(struct oracle *o, struct row *row, uint32_t page)
{
	row_append(row, page);
	o->since[page] = ++o->clock;
}

static void pro_oldest_test_ends(struct oracle *o)
{
	uint32_t page = row_take(&o->c, 0);

	if (!o->referenced[page] && o->target < o->frames - 1u)
		o->target++;
	if (row_has(&o->d, page))
		row_remove(&o->d, page);
}

static void pro_heat(struct oracle *o, uint32_t page)
{
	if (o->target)
		o->target--;
	pro_put(o, &o->a, page);
	while (o->a.count > o->target) {
		uint32_t eldest = o->a.page[0];

		while (o->c.count && o->since[o->c.page[0]] < o->since[eldest])
			pro_oldest_test_ends(o);
		row_take(&o->a, 0);
		pro_put(o, o->referenced[eldest] ? &o->a : &o->b, eldest);
		o->referenced[eldest] = false;
	}
}

static struct replacement_outcome pro_free(struct oracle *o)
{
	for (;;) {
		uint32_t page = row_take(&o->b, 0);
		bool test = row_has(&o->c, page);

		if (o->referenced[page]) {
			o->referenced[page] = false;
			if (test) {
				row_remove(&o->c, page);
				pro_heat(o, page);
			} else {
				pro_put(o, &o->b, page);
				row_append(&o->c, page);
			}
			continue;
		}
		if (test)
			row_append(&o->d, page);

		struct replacement_outcome outcome = leaves(o, page);

		while (o->d.count > o->frames)
			pro_oldest_test_ends(o);
		return outcome;
	}
}

static struct replacement_outcome clock_pro(struct oracle *o, uint32_t page)
{
	struct replacement_outcome outcome = nobody;
	bool ghost = row_has(&o->d, page);

	if (row_has(&o->a, page) || row_has(&o->b, page)) {
		o->referenced[page] = true;
		return hit;
	}
	if (ghost) {
		row_remove(&o->d, page);
		row_remove(&o->c, page);
	}
	if (o->a.count + o->b.count == o->frames)
		outcome = pro_free(o);
	if (ghost) {
		pro_heat(o, page);
	} else {
		pro_put(o, &o->b, page);
		row_append(&o->c, page);
	}
	return outcome;
}

// --- the table ---------------------------------------------------------------

static const struct {
	const char *name;
	oracle_step *step;
} oracles[] = {
	{ "fifo", fifo },
	{ "opt", opt },
	{ "lru", lru },
	{ "lfu", lfu },
	{ "mru", mru },
	{ "unopt", unopt },
	{ "nur", nur },
	{ "second-chance", second_chance },
	{ "clock", circle },
	{ "random", by_chance },
	{ "working-set", working_set },
	{ "arc", arc },
	{ "2q", two_queues },
	{ "sieve", sieve },
	{ "s3-fifo", s3_fifo },
	{ "clock-pro", clock_pro },
};

oracle_step *oracle_named(const char *policy)
{
	for (size_t i = 0; i < sizeof oracles / sizeof oracles[0]; i++)
		if (!strcmp(policy, oracles[i].name))
			return oracles[i].step;
	return NULL;
}

void oracle_begin(struct oracle *o, const struct replacement_setup *setup,
		  const uint32_t *trace, size_t count)
{
	memset(o, 0, sizeof *o);
	o->frames = setup->frames;
	o->trace = trace;
	o->count = count;
	o->random.state = setup->seed;
	o->window = setup->window ? setup->window : 4ull * setup->frames;
	o->period = setup->period ? setup->period : setup->frames;
}

struct replacement_outcome oracle_next(struct oracle *o, oracle_step *step)
{
	uint32_t page = o->trace[o->now] & ~REFERENCE_WRITE;
	bool write = o->trace[o->now] & REFERENCE_WRITE;
	struct replacement_outcome outcome = step(o, page);

	o->modified[page] |= write;
	o->faults += !outcome.hit;
	o->now++;
	return outcome;
}

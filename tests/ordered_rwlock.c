// The three readers-writer locks, in every interleaving.

#define _GNU_SOURCE
#include "ordered.h"
#include "wait_parts.h"

#define rwlock_reader modelled_rwlock_reader
#define rwlock_writer modelled_rwlock_writer
#define rwlock_fair modelled_rwlock_fair
#include "sync/lock/rwlock.h"

#include "sync/lock/rwlock_reader.c"
#undef WRITER
#undef SLEEPS

#include "sync/lock/rwlock_writer.c"
#undef WRITER
#undef READERS

#include "sync/lock/rwlock_fair.c"

static struct {
	union rwlock lock;
	int data, readers, writers;
} shared;

static const struct rwlock_kind *const kinds[] = { &rwlock_reader,
						   &rwlock_writer,
						   &rwlock_fair };
static const struct rwlock_kind *kind;
static const char *plan; // what each thread does: r, w, R and W twice

static UNSEEN void come(int readers, int writers)
{
	shared.readers += readers;
	shared.writers += writers;
	if (shared.writers > 1)
		orders_fail("two writers");
	if (shared.writers && shared.readers)
		orders_fail("a reader beside a writer");
}

static void read_once(void)
{
	kind->read_lock(&shared.lock);
	come(1, 0);
	(void)*(volatile int *)&shared.data;
	orders_step();
	come(-1, 0);
	kind->read_unlock(&shared.lock);
}

static void write_once(void)
{
	kind->write_lock(&shared.lock);
	come(0, 1);
	shared.data++;
	orders_step();
	come(0, -1);
	kind->write_unlock(&shared.lock);
}

static void play_plan(int me)
{
	char does = plan[me];

	for (int i = 0; i < (does == 'R' || does == 'W' ? 2 : 1); i++)
		if (does == 'r' || does == 'R')
			read_once();
		else
			write_once();
}

static void play_three(int me)
{
	if (me == 1)
		write_once();
	else
		read_once();
}

static const char *end_free(void)
{
	// A bit that says "somebody slept" may be left; nobody inside, though.
	union rwlock *l = &shared.lock;
	bool taken = kind == &rwlock_reader ? l->reader.state & ~(1u << 30)
		     : kind == &rwlock_writer
			     ? l->writer.state & ~(UINT64_C(3) << 61)
			     : l->fair.state != 0;

	return taken || shared.readers || shared.writers ? "not free at the end"
							 : NULL;
}

static void check(const char *does, int spurious)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		kind = kinds[i];
		plan = does;
		orders_right(GAME(plan, (int)strlen(plan), .thread = play_plan,
				  .end = end_free, .spurious = spurious,
				  .unwatched = plan[2] != '\0'));
	}
}

START_TEST(orders_rwlock_two)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	check("RW", 1);
	check("WW", 1);
	check("RR", 0);
}
END_TEST

// Of the loop test: which of the kinds.
START_TEST(orders_rwlock_needs)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	kind = kinds[_i];
	plan = "RWr";
	orders_needs_all(GAMES(GAME(kind->name, 2, .thread = play_plan,
				    .end = end_free, .stale = 1),
			       GAME(kind->name, 3, .thread = play_three,
				    .end = end_free)),
			 "");
}
END_TEST

START_TEST(orders_rwlock_three)
{
	if (!orders_possible())
		SKIP(ORDERS_IMPOSSIBLE);
	check("rrw", 0);
	check("rww", 0);
	check("www", 0);
	if (soaking())
		check("rRw", 0);
}
END_TEST

void add_rwlock_orders(TCase *tcase)
{
	tcase_add_test(tcase, orders_rwlock_two);
	tcase_add_loop_test(tcase, orders_rwlock_needs, 0, 3);
	tcase_add_test(tcase, orders_rwlock_three);
}

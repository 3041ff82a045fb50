// # Hygienic philosophers: forks that are asked for
//
// Chandy & Misra, "The Drinking Philosophers Problem", ACM TOPLAS 6 (1984), need
// no order of the forks, no waiter and no luck. A fork is always somebody's, and
// clean or dirty:
//
//     eating makes both forks dirty
//     whoever is hungry asks for the fork that he lacks
//     a dirty fork is washed and handed over, unless its owner eats just now;
//     then when he has eaten
//     a clean fork is kept until its owner has eaten
//
// So whoever has eaten stands behind both neighbours until they have, and the
// arrows "stands behind" never form a ring: they do not at first (each fork is
// dirty, and with the lower number), and eating turns all arrows of one towards
// his neighbours. No ring of waiters, and nobody is overtaken twice.
//
// In the paper these are messages between processes. Here a mutex stands for the
// mail, and a condition variable for each letter box.

#include "lab.h"
#include "table.h"

static int other(const struct table *table, int fork, int who)
{
	int owners[] = { fork, (fork + table->n - 1) % table->n };

	return owners[0] == who ? owners[1] : owners[0];
}

static void hand_over(struct table *table, int fork, int to)
{
	int from = table->owner[fork];

	table->owner[fork] = to;
	table->dirty[fork] = false;
	table->asked[fork] = table->hungry[from];
	must_zero(pthread_cond_signal(&table->moved[to]));
}

// His own, or handed over at once, or asked for.
static bool has_or_asks(struct table *table, int who, int fork)
{
	int owner = table->owner[fork];

	if (owner == who)
		return true;
	if (table->dirty[fork] && !table->eats[owner]) {
		hand_over(table, fork, who);
		return true;
	}
	table->asked[fork] = true;
	return false;
}

static bool has_or_asks_both(struct table *table, int who, const int forks[2])
{
	bool has = has_or_asks(table, who, forks[0]);

	return has_or_asks(table, who, forks[1]) && has;
}

static void take(struct table *table, int who)
{
	int forks[] = { left(who), right(table, who) };

	must_zero(pthread_mutex_lock(&table->lock));
	table->hungry[who] = true;
	table_is_hungry(table, who);
	while (!has_or_asks_both(table, who, forks))
		must_zero(pthread_cond_wait(&table->moved[who], &table->lock));
	table->hungry[who] = false;
	table->eats[who] = true;
	table->dirty[forks[0]] = table->dirty[forks[1]] = true;
	must_zero(pthread_mutex_unlock(&table->lock));

	// Both are free, or the rules are broken.
	must_zero(fork_try(table, who, forks[0]));
	must_zero(fork_try(table, who, forks[1]));
}

static void give(struct table *table, int who)
{
	int forks[] = { left(who), right(table, who) };

	fork_give(table, forks[1]);
	fork_give(table, forks[0]);
	must_zero(pthread_mutex_lock(&table->lock));
	table->eats[who] = false;
	for (int i = 0; i < 2; i++)
		if (table->asked[forks[i]])
			hand_over(table, forks[i], other(table, forks[i], who));
	must_zero(pthread_mutex_unlock(&table->lock));
}

const struct manner hygienic = {
	.name = "hygienic",
	.rule = "forks are asked for, and handed over",
	.take = take,
	.give = give,
};

// # The table of locks
//
// Nothing but names: each lock is explained in its header.

#include "sync/lock/lock.h"

#include <string.h>

// The three functions of a lock that needs no node, and of one that does.
#define WITHOUT_NODE(kind, member, lock_it)                                    \
	static void kind##_locks(union lock *l, struct mcs_node *node)         \
	{                                                                      \
		(void)node;                                                    \
		lock_it(&l->member);                                           \
	}                                                                      \
	static bool kind##_takes(union lock *l, struct mcs_node *node)         \
	{                                                                      \
		(void)node;                                                    \
		return member##_try(&l->member);                               \
	}                                                                      \
	static void kind##_unlocks(union lock *l, struct mcs_node *node)       \
	{                                                                      \
		(void)node;                                                    \
		member##_unlock(&l->member);                                   \
	}

#define WITH_NODE(member)                                                      \
	static void member##_locks(union lock *l, struct mcs_node *node)       \
	{                                                                      \
		member##_lock(&l->member, node);                               \
	}                                                                      \
	static bool member##_takes(union lock *l, struct mcs_node *node)       \
	{                                                                      \
		return member##_try(&l->member, node);                         \
	}                                                                      \
	static void member##_unlocks(union lock *l, struct mcs_node *node)     \
	{                                                                      \
		member##_unlock(&l->member, node);                             \
	}

WITHOUT_NODE(tas, tas, tas_lock)
WITHOUT_NODE(ttas, ttas, ttas_lock)
WITHOUT_NODE(ticket, ticket, ticket_lock)
WITHOUT_NODE(ticket_yield, ticket, ticket_lock_yielding)
WITH_NODE(mcs)
WITH_NODE(mcs_sleep)
WITHOUT_NODE(mutex_right, mutex_right, mutex_right_lock)
WITHOUT_NODE(mutex_fast, mutex_fast, mutex_fast_lock)

#define FUNCTIONS(kind) \
	.lock = kind##_locks, .take = kind##_takes, .unlock = kind##_unlocks

const struct lock_kind lock_kinds[] = {
	{ "tas", "test-and-set", sizeof(struct tas), false, LOCK_SPINS,
	  FUNCTIONS(tas) },
	{ "ttas", "test-and-test-and-set with back-off", sizeof(struct ttas),
	  false, LOCK_YIELDS, FUNCTIONS(ttas) },
	{ "ticket", "ticket lock, spinning", sizeof(struct ticket), true,
	  LOCK_SPINS, FUNCTIONS(ticket) },
	{ "ticket-yield", "ticket lock, yielding", sizeof(struct ticket), true,
	  LOCK_YIELDS, FUNCTIONS(ticket_yield) },
	{ "mcs", "MCS queue lock, spinning", sizeof(struct mcs), true,
	  LOCK_SPINS, FUNCTIONS(mcs) },
	{ "mcs-sleep", "MCS queue lock, sleeping", sizeof(struct mcs_sleep),
	  true, LOCK_SLEEPS, FUNCTIONS(mcs_sleep) },
	{ "mutex", "futex mutex that sleeps at once",
	  sizeof(struct mutex_right), false, LOCK_SLEEPS,
	  FUNCTIONS(mutex_right) },
	{ "mutex-fast", "futex mutex that looks again first",
	  sizeof(struct mutex_fast), false, LOCK_SLEEPS,
	  FUNCTIONS(mutex_fast) },
	{ 0 },
};

const struct lock_kind *lock_kind(const char *name)
{
	for (const struct lock_kind *k = lock_kinds; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

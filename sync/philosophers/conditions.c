// # The four conditions
//
// Coffman, Elphick & Shoshani, "System Deadlocks", ACM Computing Surveys 3
// (1971): a deadlock needs all of these at once. Take one away, whichever, and
// there is none. So each cure can be told by the condition that it removes, and
// before that, each can be looked at, on a table that is caught.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "lab.h"
#include "outside.h"
#include "scenes.h"
#include "table.h"

// pthread_mutex_trylock of a mutex that processes share, from this process.
static int count_taken(struct table *table)
{
	int taken = 0;

	for (int i = 0; i < table->n; i++)
		taken += pthread_mutex_trylock(&table->fork[i]) == EBUSY;
	return taken;
}

// Unlocking what another holds is refused by mutexes that check (EPERM); from
// those that do not, POSIX promises nothing at all.
static int count_kept(struct table *table)
{
	int kept = 0;

	for (int i = 0; i < table->n; i++)
		kept += pthread_mutex_unlock(&table->fork[i]) == EPERM;
	return kept;
}

static void use_checking_forks(struct table *table)
{
	pthread_mutexattr_t attributes;

	must_zero(pthread_mutexattr_init(&attributes));
	must_zero(pthread_mutexattr_settype(&attributes,
					    PTHREAD_MUTEX_ERRORCHECK));
	must_zero(pthread_mutexattr_setpshared(&attributes,
					       PTHREAD_PROCESS_SHARED));
	for (int i = 0; i < table->n; i++)
		must_zero(pthread_mutex_init(&table->fork[i], &attributes));
	must_zero(pthread_mutexattr_destroy(&attributes));
}

void scene_conditions(void)
{
	struct table *table = table_new(FIVE, &left_first);
	struct ring ring;
	int both = 0;

	use_checking_forks(table);
	table->refuses = false;
	pid_t child = fork_deadlock(table, &ring);
	struct graph now = graph_now(&table->graph);

	int taken = count_taken(table);
	claim(taken == table->n,
	      "1 mutual exclusion: a sixth asks for each: %d x EBUSY", taken);
	for (int i = 0; i < table->n; i++)
		both += now.holder[left(i)] == i && now.wants[i] != NOTHING;
	claim(both == table->n,
	      "2 hold and wait: %d have one fork and wait for another", both);
	int kept = count_kept(table);
	claim(kept == table->n,
	      "3 no preemption: none can be put down by another: %d x EPERM",
	      kept);
	claim(ring.length == table->n, "4 circular wait: a ring of %d",
	      ring.length);
	show_text(
		"    removed                by                     scene\n"
		"    1 mutual exclusion     forks for everybody    (no table)\n"
		"    2 hold and wait        trylock, and back off  backoff\n"
		"    3 no preemption        a victim dies          victim\n"
		"    4 circular wait        an order of the forks  ordered\n"
		"                           n - 1 seats            waiter\n"
		"                           who closes it is told  refusal\n"
		"                           eaters step back       hygienic\n");
	must(kill(child, SIGKILL));
	must(waitpid(child, NULL, 0));
}

// # The kernel's own graph
//
// For a plain futex the kernel does not know who holds it: the word is whatever
// the program likes. With FUTEX_LOCK_PI the word is the owner's thread ID by
// contract, because the owner is to inherit the priority of those who wait, and
// of those who wait for these. So the kernel walks the same arrows as we do, and
// when they lead back to who asks, refuses: EDEADLK (futex(2)).
//
// This is the bare call. A mutex with PTHREAD_PRIO_INHERIT is built on it, but
// POSIX has no word for such a refusal, and what the C library makes of it is
// not to be relied on: glibc 2.36 puts the thread to sleep for ever, or, if the
// mutex is one that checks, ends the program with a failed assertion.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab.h"
#include "scenes.h"
#include "table.h"

struct kernel_table {
	_Atomic uint32_t fork[FIVE]; // 0 or the owner's thread ID
	_Atomic pid_t asks[FIVE];    // thread IDs
	int error[FIVE], meals;
	pthread_barrier_t first;
};

struct kernel_seat {
	struct kernel_table *table;
	int who;
};

// Acquire on success, and release below: the words order what the owners do. A
// failed exchange reads nothing that counts, the kernel looks again.
static int lock_pi(_Atomic uint32_t *word)
{
	uint32_t free = 0;

	if (atomic_compare_exchange_strong_explicit(word, &free, gettid(),
						    memory_order_acquire,
						    memory_order_relaxed))
		return 0;
	return syscall(SYS_futex, word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL,
		       0) == -1
		       ? errno
		       : 0;
}

static void unlock_pi(_Atomic uint32_t *word)
{
	uint32_t mine = gettid();

	if (!atomic_compare_exchange_strong_explicit(
		    word, &mine, 0, memory_order_release, memory_order_relaxed))
		must(syscall(SYS_futex, word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL,
			     NULL, 0));
}

// They ask one after another, so that it is P4 who closes the ring. Each sleeps
// before the next one asks.
static void *sit(void *argument)
{
	struct kernel_seat *seat = argument;
	struct kernel_table *table = seat->table;
	int who = seat->who;
	char name[16];

	snprintf(name, sizeof name, "P%d", who);
	speak_as(name);
	must_zero(lock_pi(&table->fork[who]));
	pthread_barrier_wait(&table->first);
	if (who > 0) {
		pid_t before;
		while (!(before = atomic_load(&table->asks[who - 1])))
			sched_yield();
		await_state(before, 'S');
	}
	atomic_store(&table->asks[who], gettid());
	table->error[who] = lock_pi(&table->fork[(who + 1) % FIVE]);
	say("asked for fork %d: %s", (who + 1) % FIVE,
	    table->error[who] ? strerrorname_np(table->error[who]) : "eats");
	if (table->error[who] == 0)
		unlock_pi(&table->fork[(who + 1) % FIVE]);
	unlock_pi(&table->fork[who]);
	return NULL;
}

void scene_kernel(void)
{
	static struct kernel_table table;
	struct kernel_seat seats[FIVE];
	pthread_t threads[FIVE];
	int eaten = 0;

	must_zero(pthread_barrier_init(&table.first, NULL, FIVE));
	for (int i = 0; i < FIVE; i++) {
		seats[i] = (struct kernel_seat){ &table, i };
		must_zero(pthread_create(&threads[i], NULL, sit, &seats[i]));
	}
	for (int i = 0; i < FIVE; i++)
		must_zero(pthread_join(threads[i], NULL));
	for (int i = 0; i < FIVE; i++)
		eaten += table.error[i] == 0;
	if (table.error[FIVE - 1] == ENOSYS)
		skip("the kernel has no FUTEX_LOCK_PI: build it with "
		     "CONFIG_FUTEX_PI");
	claim(table.error[FIVE - 1] == EDEADLK,
	      "who closes the ring of PI futexes is refused: EDEADLK");
	claim(eaten == FIVE - 1, "he puts his fork back, and all %d others eat",
	      eaten);
}

// # The list
//
// How does the kernel know? It is never told that a mutex was locked: that is an
// exchange of one word, without a system call. But each thread has said once, as
// it began, where the head of a list lies in its own memory
// (set_robust_list(2)). glibc chains each robust mutex into that list while it is
// locked. The list costs no call, and the kernel reads it only once: when the
// thread ends, however it ends.
//
//     head ──▶ mutex ──▶ mutex ──▶ back to the head
//     futex_offset       from an entry to the word of its lock
//     list_op_pending    the one that is being taken or put back just now
//
// The last one closes the gap between the word and the chain: it is set before
// the word changes and cleared when the chain is right again, and the kernel
// looks at it, too (scene `anywhere` dies in that gap).

#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "robust.h"

enum { LOCKS = 3, MOST = 16 };

static void read_there(pid_t pid, uintptr_t address, void *to, size_t bytes)
{
	struct iovec here = { to, bytes }, there = { (void *)address, bytes };

	if (process_vm_readv(pid, &here, 1, &there, 1, 0) == -1) {
		if (errno == EPERM || errno == ENOSYS)
			skip("process_vm_readv(2) is forbidden here: allow it "
			     "in the container's seccomp profile");
		must(-1);
	}
}

static struct robust_list_head *head_of(pid_t pid)
{
	struct robust_list_head *head;
	size_t bytes;

	if (syscall(SYS_get_robust_list, pid, &head, &bytes) == -1) {
		if (errno == EPERM || errno == ENOSYS)
			skip("get_robust_list(2) is forbidden here: allow it "
			     "in the container's seccomp profile");
		must(-1);
	}
	return head;
}

// The words of all locks on the list, in its order; their number. The lowest
// bit of an entry marks a futex that inherits priority.
static int walk(pid_t pid, uintptr_t words[MOST])
{
	uintptr_t first = (uintptr_t)head_of(pid);
	struct robust_list_head head = { 0 };
	int n = 0;

	read_there(pid, first, &head, sizeof head);
	struct robust_list entry = head.list;
	for (; (uintptr_t)entry.next != first && n < MOST; n++) {
		uintptr_t address = (uintptr_t)entry.next & ~(uintptr_t)1;
		words[n] = address + head.futex_offset;
		read_there(pid, address, &entry, sizeof entry);
	}
	return n;
}

static pid_t fork_owner(pthread_mutex_t *mutexes, int n)
{
	pid_t owner = fork_as("owner");

	if (owner > 0) {
		await_state(owner, 'S');
		return owner;
	}
	for (int i = 0; i < n; i++)
		must_zero(pthread_mutex_lock(&mutexes[i]));
	for (;;)
		pause();
}

void scene_list(void)
{
	pthread_mutex_t *mutexes = shared(LOCKS * sizeof(pthread_mutex_t));
	uintptr_t words[MOST] = { 0 };
	bool found = true;

	for (int i = 0; i < LOCKS; i++)
		init_mutex(&mutexes[i], true);
	pid_t owner = fork_owner(mutexes, LOCKS);
	say("%d took mutex 0 to 2; get_robust_list tells of them", owner);
	int n = walk(owner, words);
	for (int i = 0; i < n; i++) {
		uintptr_t from = words[i] - (uintptr_t)mutexes;
		size_t which = from / sizeof(pthread_mutex_t);
		say("entry %d: a word at %#jx, in mutex %zu", i,
		    (uintmax_t)words[i], which);
		found &= which == (size_t)(LOCKS - 1 - i);
	}
	claim(n == LOCKS && found,
	      "its list has just these %d, the last one first", n);
	bury(owner);
	int told = 0;
	for (int i = 0; i < LOCKS; i++)
		told += pthread_mutex_trylock(&mutexes[i]) == EOWNERDEAD;
	claim(told == LOCKS, "it is killed: %d times EOWNERDEAD", told);
}

// ## The word
//
// What the kernel and the C library agree on (futex(2)): the lower 30 bits are
// the owner's thread ID, the highest says that somebody sleeps for it, and the
// one below, FUTEX_OWNER_DIED, is what the kernel writes when it finds the word
// on the list of a dead thread whose ID it holds. The heir is stopped (SIGSTOP)
// before the owner is killed, so that it does not take the lock before we look.

static uint32_t word_at(uintptr_t address)
{
	return __atomic_load_n((uint32_t *)address, __ATOMIC_RELAXED);
}

static void say_word(const char *when, uint32_t word)
{
	say("%-22s %#010x  %s%sID %u", when, word,
	    word & FUTEX_WAITERS ? "WAITERS " : "",
	    word & FUTEX_OWNER_DIED ? "OWNER_DIED " : "",
	    word & FUTEX_TID_MASK);
}

void scene_word(void)
{
	pthread_mutex_t *mutex = shared(sizeof(pthread_mutex_t));
	uintptr_t words[MOST] = { 0 };

	init_mutex(mutex, true);
	pid_t owner = fork_owner(mutex, 1);
	claim(walk(owner, words) == 1, "one lock is on the list");
	uint32_t held = word_at(words[0]);
	say_word("held:", held);

	pid_t heir = fork_as("heir");
	if (heir == 0) {
		int error = pthread_mutex_lock(mutex);
		claim(error == EOWNERDEAD, "the heir is told (EOWNERDEAD)");
		for (;;)
			pause();
	}
	await_state(heir, 'S');
	uint32_t awaited = word_at(words[0]);
	say_word("held, and waited for:", awaited);
	must(kill(heir, SIGSTOP));
	await_state(heir, 'T');
	bury(owner);
	uint32_t orphaned = word_at(words[0]);
	say_word("the owner is killed:", orphaned);
	must(kill(heir, SIGCONT));
	while ((word_at(words[0]) & FUTEX_TID_MASK) != (uint32_t)heir)
		sched_yield();
	say_word("the heir has it:", word_at(words[0]));

	claim(held == (uint32_t)owner && awaited == (held | FUTEX_WAITERS),
	      "the word is the owner's ID, and a bit when somebody waits");
	claim(orphaned == (FUTEX_WAITERS | FUTEX_OWNER_DIED),
	      "the kernel put FUTEX_OWNER_DIED in the place of the ID");
	await_state(heir, 'S');
	bury(heir);
}

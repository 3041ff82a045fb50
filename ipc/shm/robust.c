// # Robust: the holder of a lock dies
//
// A lock in shared memory is a word; that its holder is dead changes no word.
// For robust mutexes glibc keeps, in each thread, a list of those it holds, and
// has told the kernel where that list is (set_robust_list(2)). Whatever ends the
// thread, the kernel walks the list, marks each word (FUTEX_OWNER_DIED), and
// wakes one who sleeps for it. That one gets the mutex, and is told: EOWNERDEAD.
//
// That is a warning and no repair. What the mutex guards may be half done, and
// only the program knows how to put it right. It says that it has, with
// pthread_mutex_consistent, before it unlocks. If it unlocks without that, the
// mutex is given up: ENOTRECOVERABLE, for everybody.

#define _GNU_SOURCE
#include <errno.h>

#include "shm.h"

void init_robust(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attributes;

	must_zero(pthread_mutexattr_init(&attributes));
	must_zero(pthread_mutexattr_setpshared(&attributes,
					       PTHREAD_PROCESS_SHARED));
	must_zero(
		pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
	must_zero(pthread_mutex_init(mutex, &attributes));
	must_zero(pthread_mutexattr_destroy(&attributes));
}

struct bank {
	pthread_mutex_t mutex;
	long left, right; // 100 together, whenever nobody is inside
};

// Moves 10 and is killed halfway, once somebody sleeps for the mutex.
static pid_t fork_mover(struct bank *bank, int gate)
{
	pid_t mover = fork_as("mover");
	char byte;

	if (mover > 0)
		return mover;
	must_zero(pthread_mutex_lock(&bank->mutex));
	bank->left -= 10;
	must(read(gate, &byte, 1));
	bank->right += 10;
	must_zero(pthread_mutex_unlock(&bank->mutex));
	_exit(0);
}

static pid_t fork_heir(struct bank *bank, bool repairs)
{
	pid_t heir = fork_as("heir");

	if (heir > 0)
		return heir;
	int error = pthread_mutex_lock(&bank->mutex);
	claim(error == EOWNERDEAD && bank->left + bank->right == 90,
	      "the next is woken and told (EOWNERDEAD); it finds %ld + %ld",
	      bank->left, bank->right);
	if (repairs) {
		bank->right = 100 - bank->left;
		must_zero(pthread_mutex_consistent(&bank->mutex));
	}
	must_zero(pthread_mutex_unlock(&bank->mutex));
	_exit(0);
}

static struct bank *inherit(bool repairs)
{
	struct bank *bank = shared(sizeof *bank);
	int gate[2];

	init_robust(&bank->mutex);
	bank->left = 100;
	must(pipe(gate));
	pid_t mover = fork_mover(bank, gate[0]);
	await_state(mover, 'S');
	pid_t heir = fork_heir(bank, repairs);
	await_state(heir, 'S');
	say("100 + 0; mover took 10 out, heir waits; I kill mover");
	must(kill(mover, SIGKILL));
	killed_by(mover);
	reap(heir);
	return bank;
}

void play_robust(void)
{
	struct bank *bank = inherit(false);
	int error = pthread_mutex_lock(&bank->mutex);
	claim(error == ENOTRECOVERABLE,
	      "unlocked without a word, it is lost: ENOTRECOVERABLE");

	bank = inherit(true);
	error = pthread_mutex_lock(&bank->mutex);
	claim(error == 0 && bank->left + bank->right == 100,
	      "repaired and said to be consistent, it is a mutex: %ld + %ld",
	      bank->left, bank->right);
	must_zero(pthread_mutex_unlock(&bank->mutex));
}

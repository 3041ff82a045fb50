// # Slots: at most N at a time, and N = 1
//
// A semaphore (Dijkstra, 1965) is a number that is never below zero, and two
// operations. P, sem_wait, takes one off and sleeps while it cannot. V,
// sem_post, puts one on and wakes somebody who sleeps. If the number says how
// many places are free, no more processes can be inside than there are places.

#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "draw.h"
#include "scenes.h"

// ## Three slots, five workers
//
// Each worker stays inside until we show it out, so those who find no place
// are sure to have to wait. `inside` is counted by the workers themselves and
// not by the semaphore: it is what the semaphore is judged by.

enum { SLOTS = 3, WORKERS = 5 };

struct office {
	sem_t slots, out[WORKERS];
	_Atomic int inside, most;
	struct {
		_Atomic int64_t came_ns, in_ns, out_ns;
	} times[WORKERS];
};

static void note_most(struct office *office, int inside)
{
	int most = atomic_load(&office->most);

	while (inside > most &&
	       !atomic_compare_exchange_weak(&office->most, &most, inside))
		;
}

static void work(struct office *office, int i, bool asks)
{
	atomic_store(&office->times[i].came_ns, now_ns());
	if (asks)
		must(sem_wait(&office->slots));
	atomic_store(&office->times[i].in_ns, now_ns());
	note_most(office, atomic_fetch_add(&office->inside, 1) + 1);

	must(sem_wait(&office->out[i]));
	atomic_fetch_sub(&office->inside, 1);
	atomic_store(&office->times[i].out_ns, now_ns());
	if (asks)
		must(sem_post(&office->slots));
}

static struct office *open_office(pid_t workers[WORKERS], bool asks)
{
	struct office *office = shared(sizeof *office);

	init_shared(&office->slots, SLOTS);
	for (int i = 0; i < WORKERS; i++)
		init_shared(&office->out[i], 0);
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = fork_as((char[]){ 'A' + i, '\0' });
		if (workers[i] == 0) {
			work(office, i, asks);
			_exit(0);
		}
		await_state(workers[i], 'S');
	}
	return office;
}

// Who has been inside longest leaves, until nobody is left.
static void show_out(struct office *office, const pid_t workers[WORKERS])
{
	bool left[WORKERS] = { false };

	for (int turn = 0; turn < WORKERS; turn++) {
		int first = -1, want = WORKERS - turn;
		while (atomic_load(&office->inside) <
		       (want < SLOTS ? want : SLOTS))
			nap();
		for (int i = 0; i < WORKERS; i++) {
			int64_t in_ns = atomic_load(&office->times[i].in_ns);
			if (!left[i] && in_ns > 0 &&
			    (first == -1 || in_ns < office->times[first].in_ns))
				first = i;
		}
		left[first] = true;
		must(sem_post(&office->out[first]));
		reap(workers[first]);
	}
}

static void draw_office(const struct office *office)
{
	static const char *const names[] = { "A", "B", "C", "D", "E" };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct span spans[2 * WORKERS];

	for (int i = 0; i < WORKERS; i++) {
		int64_t in_ns = office->times[i].in_ns;
		spans[2 * i] = (struct span){ i, office->times[i].came_ns,
					      in_ns, 'w' };
		spans[2 * i + 1] =
			(struct span){ i, in_ns, office->times[i].out_ns, '#' };
	}
	char *picture = must_ptr(
		draw_timeline(&canvas, names, WORKERS, spans, 2 * WORKERS));
	show(picture);
	free(picture);
}

void play_slots(void)
{
	pid_t workers[WORKERS];
	struct office *office = open_office(workers, false);

	claim(office->inside == WORKERS,
	      "nobody asks: all %d are inside at once", WORKERS);
	show_out(office, workers);

	office = open_office(workers, true);
	int inside = office->inside, value = value_of(&office->slots);
	say("%d slots, %d workers: %d inside, %d asleep; the value is %d",
	    SLOTS, WORKERS, inside, WORKERS - inside, value);
	claim(inside == SLOTS && value == 0,
	      "with a semaphore of %d no more than %d come in", SLOTS, SLOTS);
	show_out(office, workers);
	say("who waited (w) and who was inside (#):");
	draw_office(office);
	claim(office->most == SLOTS && value_of(&office->slots) == SLOTS,
	      "never more than %d were inside, and all slots are free again",
	      SLOTS);
}

// ## N = 1: mutual exclusion
//
// Two clerks each put 10 on an account that holds 100. `first` reads the
// balance and is held up before it stores: the worst moment, and on a machine
// with other work to do it comes by itself. Without a semaphore `second` does
// all of its work meanwhile, and is then overwritten. With one it is not let
// in, and we see it sleep before we let `first` go on.

struct account {
	sem_t mutex, go_on;
	long balance;
};

static pid_t fork_clerk(struct account *account, const char *name, bool asks,
			bool held_up)
{
	pid_t clerk = fork_as(name);

	if (clerk > 0)
		return clerk;
	if (asks)
		must(sem_wait(&account->mutex));
	long seen = account->balance;
	if (held_up)
		must(sem_wait(&account->go_on));
	account->balance = seen + 10;
	say("read %ld, stored %ld", seen, seen + 10);
	if (asks)
		must(sem_post(&account->mutex));
	_exit(0);
}

static long two_clerks(struct account *account, bool asks)
{
	account->balance = 100;
	pid_t first = fork_clerk(account, "first", asks, true);
	await_state(first, 'S');
	pid_t second = fork_clerk(account, "second", asks, false);
	if (asks)
		await_state(second, 'S');
	else
		reap(second);
	must(sem_post(&account->go_on));
	reap(first);
	if (asks)
		reap(second);
	return account->balance;
}

void play_exclusion(void)
{
	struct account *account = shared(sizeof *account);

	init_shared(&account->mutex, 1);
	init_shared(&account->go_on, 0);
	long balance = two_clerks(account, false);
	claim(balance == 110, "nobody asks: 100 and twice 10 is %ld", balance);
	balance = two_clerks(account, true);
	claim(balance == 120, "with a semaphore of 1: %ld", balance);
}

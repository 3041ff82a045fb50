// # Killed anywhere
//
// One process locks, moves 10 from the left account to the right one, unlocks;
// and is killed after 1, 2, 3 ... instructions of that. Each time the next one
// asks for the lock and looks at the accounts.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "robust.h"

enum { KILLS = 200, FEW_KILLS = 24 };

// volatile: the stores are made in this order and all of them. Who looks later
// does so when the other is dead, or under the lock, so they need not be atomic.
struct bank {
	pthread_mutex_t mutex;
	volatile long left, right; // 100 together, whenever nobody is inside
	volatile int open;         // the journal counts
	volatile long old_left, old_right;
};

static void move(struct bank *bank)
{
	bank->left -= 10;
	bank->right += 10;
}

static void act(void *argument)
{
	struct bank *bank = argument;

	must_zero(pthread_mutex_lock(&bank->mutex));
	move(bank);
	must_zero(pthread_mutex_unlock(&bank->mutex));
}

// ## The journal
//
// EOWNERDEAD says that somebody died inside, not where. So he has to leave a
// note before he touches anything: what was there, and then, in one store, that
// the note counts. When all is done, in one store, that it no longer does. Who
// finds a note that counts puts back what it says; and may die while he does,
// for it can be done twice.

static void act_with_journal(void *argument)
{
	struct bank *bank = argument;

	must_zero(pthread_mutex_lock(&bank->mutex));
	bank->old_left = bank->left;
	bank->old_right = bank->right;
	bank->open = 1;
	move(bank);
	bank->open = 0;
	must_zero(pthread_mutex_unlock(&bank->mutex));
}

static void repair(struct bank *bank)
{
	if (bank->open) {
		bank->left = bank->old_left;
		bank->right = bank->old_right;
		bank->open = 0;
	}
}

// ## Every place
//
// What the next one finds, a letter a place: '-' it gets the lock, 'o' it gets it
// and is told; 'H' too, and the accounts are half done; 'X' it never gets it.
// In `journal`, 'r': it is told, finds a note that counts, and repairs by it. ('!'
// would be half done and not told.)

struct trial {
	bool robust;
	void (*act)(void *argument);
};

static char look_at(struct bank *bank)
{
	int error = pthread_mutex_trylock(&bank->mutex);

	if (error == EBUSY)
		return 'X';
	if (error == EOWNERDEAD) {
		bool noted = bank->open;
		repair(bank);
		error = pthread_mutex_consistent(&bank->mutex);
		must_zero(error);
		must_zero(pthread_mutex_unlock(&bank->mutex));
		if (bank->left + bank->right != 100)
			return 'H';
		return noted ? 'r' : 'o';
	}
	must_zero(error);
	must_zero(pthread_mutex_unlock(&bank->mutex));
	return bank->left + bank->right == 100 ? '-' : '!';
}

static long kill_at(struct bank *bank, const struct trial *trial, long place,
		    void (*watch)(void *argument, long made))
{
	memset(bank, 0, sizeof *bank);
	init_mutex(&bank->mutex, trial->robust);
	bank->left = 100;
	return kill_after(place, trial->act, bank, watch);
}

// Where what both share has changed: after these instructions. (Compared byte by
// byte: which of the mutex's are used is the library's affair.)
static struct {
	unsigned char before[sizeof(struct bank)];
	long places[KILLS];
	int count;
} changes;

static void note_change(void *argument, long made)
{
	const unsigned char *now = argument;

	if (memcmp(changes.before, now, sizeof changes.before) == 0)
		return;
	memcpy(changes.before, now, sizeof changes.before);
	if (changes.count < KILLS)
		changes.places[changes.count++] = made;
}

static bool is_near_change(long place)
{
	for (int i = 0; i < changes.count; i++)
		if (place == changes.places[i] ||
		    place + 1 == changes.places[i])
			return true;
	return false;
}

// Every place. Where a sanitizer makes thousands of instructions of them, those
// before and behind each change, and some more.
static char *try_all(const struct trial *trial)
{
	struct bank *bank = shared(sizeof *bank);
	long n = 0;

	// Once here, or the children would bind the names of functions.
	kill_at(bank, trial, 0, NULL);
	trial->act(bank);
	changes.count = 0;
	memset(changes.before, 0, sizeof changes.before);
	long places = kill_at(bank, trial, ALL_STEPS, note_change);
	long stride = places < KILLS ? 1 : places / FEW_KILLS;
	char *found = must_ptr(calloc(1, places + 2));

	for (long place = 0; place <= places; place++)
		if (place % stride == 0 || is_near_change(place)) {
			kill_at(bank, trial, place, NULL);
			found[n++] = look_at(bank);
		}
	say("%ld instructions; killed after %s: %ld times", places,
	    stride == 1 ? "each" : "some", n);
	return found;
}

static int count(const char *found, char what)
{
	int n = 0;

	for (; *found; found++)
		n += *found == what;
	return n;
}

static void show_map(const char *found)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *map = must_ptr(draw_map(&canvas, found, strlen(found), 0));

	show(map);
	free(map);
}

void scene_anywhere(void)
{
	char *plain = try_all(&(struct trial){ false, act });

	say("a sign for each of them: what the next one finds then,");
	say("- a free lock, and nothing amiss");
	show_map(plain);
	int lost = count(plain, 'X');
	claim(lost > 0 && count(plain, 'o') + count(plain, 'H') == 0,
	      "a plain mutex: after %d of these nobody ever has it (X)", lost);
	free(plain);

	char *robust = try_all(&(struct trial){ true, act });
	show_map(robust);
	int told = count(robust, 'o') + count(robust, 'H');
	claim(count(robust, 'X') == 0 && told > 0,
	      "a robust one: never lost, and %d times told (o, H)", told);
	int halves = count(robust, 'H');
	claim(halves > 0 && count(robust, '!') == 0,
	      "half done (H) after %d, and never without being told", halves);
	free(robust);
}

void scene_journal(void)
{
	char *found = try_all(&(struct trial){ true, act_with_journal });

	show_map(found);
	int noted = count(found, 'r'), told = noted + count(found, 'o');
	claim(count(found, 'H') + count(found, '!') + count(found, 'X') == 0,
	      "never lost, never half done");
	claim(told > noted && noted > 0,
	      "told %d times; in %d of them the note put it right (r)", told,
	      noted);
	free(found);
}

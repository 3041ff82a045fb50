// crew.h - threads that come one after the other, and what each did when
//
// To show who is let in, and in which order, it must be sure who asked first.
// So a hand of the crew starts when the one before it sleeps in the kernel or is
// through, and one that is through stays until it is told to go. What each did
// it marks with a letter, and the marks make a timeline.
//
// One thread, the captain, calls what takes a crew; hands call what takes a
// hand. Zeroed memory is an empty crew. Errors: -errno.

#ifndef CREW_H
#define CREW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "draw.h"

enum { CREW_MOST = 16, CREW_MARKS = 64 };

struct hand {
	const char *name;
	void (*work)(struct hand *hand);
	void *of; // whatever the work is about
	pthread_t thread;
	_Atomic pid_t tid;
	_Atomic uint32_t in, may_go;
	int track;
	_Atomic int marks; // of one another, each until the next
	struct {
		int64_t since_ns;
		char letter; // '\0': nothing to show
	} mark[CREW_MARKS];
};

struct crew {
	struct hand hands[CREW_MOST];
	int count;
};

// Starts a hand and waits until it sleeps, has stayed or has ended.
int crew_come(struct crew *crew, const char *name,
	      void (*work)(struct hand *hand), void *of, struct hand **hand);

// In the kernel, asleep (state S), and not because it stays.
bool hand_waits(const struct hand *hand);

// Lets it go on from hand_stay, and waits for its end.
void hand_dismiss(struct hand *hand);

// From the hand's thread: "I am through", and sleeps until it is dismissed.
void hand_stay(struct hand *hand);

// From now on it does what this letter stands for. More than CREW_MARKS are
// not kept.
void hand_mark(struct hand *hand, char letter);

// Waits, a millisecond at a time, until it is through.
void hand_await(const struct hand *hand);

// The timeline of all marks (free it), or NULL. Marks still open end now.
char *crew_draw(const struct crew *crew, const struct canvas *canvas);

#endif

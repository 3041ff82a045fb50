// # Once: made at first use
//
// A table is filled when it is first wanted. Who wants it looks whether it is
// there, and if not makes it.

#define _GNU_SOURCE
#include <unistd.h>

#include "lab.h"
#include "scenes.h"
#include "sync/crew/crew.h"
#include "sync/lock/once.h"
#include "sync/lock/semaphore.h"

enum { THREADS = 4 };

static const char *const names[THREADS] = { "A", "B", "C", "D" };
static struct crew crew;
static struct queuesem gate;
static _Atomic int made, there, unfinished;
static struct once once;

static void make(void *unused)
{
	(void)unused;
	made++;
	queuesem_p(&gate); // making takes a while
	there = 1;
}

// ## Look, then make
//
// All look while the first is still making: for all of them it is not there.

static void look_and_make(struct hand *hand)
{
	(void)hand;
	if (!there)
		make(NULL);
}

static void come_all(void (*work)(struct hand *))
{
	queuesem_init(&gate, 0);
	for (int i = 0; i < THREADS; i++)
		must_neg(crew_come(&crew, names[i], work, NULL, NULL));
}

static void dismiss_all(void)
{
	for (int i = 0; i < THREADS; i++)
		hand_dismiss(&crew.hands[i]);
}

void scene_twice(void)
{
	come_all(look_and_make);
	int makers = made;
	for (int i = 0; i < THREADS; i++)
		queuesem_v(&gate);
	dismiss_all();
	say("%d threads came at first use, %d made it", THREADS, makers);
	claim(makers == THREADS, "who only looks makes it again, each of them");
}

// ## Once
//
// The first makes it, the others sleep until it is done; later it costs one look.

static void ask_once(struct hand *hand)
{
	(void)hand;
	once_run(&once, make, NULL);
	unfinished += !there;
}

void scene_once(void)
{
	int asleep = 0;

	come_all(ask_once);
	for (int i = 0; i < THREADS; i++)
		asleep += hand_waits(&crew.hands[i]);
	say("A makes it; %d threads sleep, A among them", asleep);
	claim(made == 1 && asleep == THREADS,
	      "one makes it, and the others wait until it is there");
	queuesem_v(&gate);
	dismiss_all();
	once_run(&once, make, NULL);
	claim(made == 1 && unfinished == 0,
	      "it was made once, and nobody went on with half of it");
}

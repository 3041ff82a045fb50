// # ABA
//
// A stack of three: A on top, then B, then C. One thread wants the top. It has
// loaded "A, and below it B", and before its exchange another thread comes, takes
// A, takes B, and puts A back. A barrier before that and one behind make it so;
// else it takes an interrupt at the wrong instruction. (The stack, its halves of
// pop, and the tags: sync/lockfree/slots.h.)

#include <pthread.h>

#include "lab.h"
#include "scenes.h"
#include "sync/lockfree/slots.h"

void meet(pthread_barrier_t *barrier)
{
	int error = pthread_barrier_wait(barrier);

	if (error != PTHREAD_BARRIER_SERIAL_THREAD)
		must_zero(error);
}

struct slow {
	struct slots *slots;
	pthread_barrier_t looked, changed;
	bool swung;
};

static void *pop_slowly(void *argument)
{
	struct slow *slow = argument;
	struct slots_look look;

	speak_as("slow");
	slots_look(slow->slots, &look);
	say("the top is %c, below it %c", 'A' + look.number, 'A' + look.below);
	meet(&slow->looked);
	meet(&slow->changed);
	slow->swung = slots_swing(slow->slots, &look);
	say("is it still %c? %s", 'A' + look.number,
	    slow->swung ? "yes: so the top is B now" : "no: I look again");
	return NULL;
}

// Plays it, and then takes all there is. Returns how often B was handed out.
static int count_b(bool tagged, bool *swung)
{
	struct slots slots;
	struct slow slow = { .slots = &slots };
	pthread_t thread;

	must_neg(slots_init(&slots, 3, tagged));
	for (int i = 2; i >= 0; i--)
		slots_push(&slots, i);
	must_zero(pthread_barrier_init(&slow.looked, NULL, 2));
	must_zero(pthread_barrier_init(&slow.changed, NULL, 2));
	must_zero(pthread_create(&thread, NULL, pop_slowly, &slow));
	speak_as("fast");
	meet(&slow.looked);
	uint32_t a = slots_pop(&slots), b = slots_pop(&slots);
	slots_push(&slots, a);
	say("I took %c and %c, and put %c back; B is mine", 'A' + a, 'A' + b,
	    'A' + a);
	meet(&slow.changed);
	must_zero(pthread_join(thread, NULL));
	*swung = slow.swung;
	int hands = 1;
	for (uint32_t n; (n = slots_pop(&slots)) != SLOTS_NONE;) {
		say("the next one gets %c", 'A' + n);
		hands += n == b;
	}
	slots_free(&slots);
	return hands;
}

void scene_aba(void)
{
	bool swung;
	int hands = count_b(false, &swung);

	claim(swung, "the exchange finds A, as before, and sees no change");
	claim(hands == 2, "B is in %d hands", hands);
}

// ## Tags
//
// The same, with a tag beside the number, that is one larger after each change.

void scene_tags(void)
{
	bool swung;
	int hands = count_b(true, &swung);

	claim(!swung, "A is back, the tag is not: the exchange fails");
	claim(hands == 1, "B is in %d hand", hands);
}

// # A barrier that is used twice

#define _GNU_SOURCE
#include <time.h>
#include <unistd.h>

#include "lab.h"
#include "scenes.h"
#include "sync/crew/crew.h"
#include "sync/lock/semaphore.h"

// Both barriers count down, and the last fills the count again. They differ in
// what those who wait look at. A slow thread is held up where any thread may be:
// after it has counted itself, before it looks.

enum { PARTIES = 2, LOOKS = 1000 };

static struct {
	_Atomic int missing, phase;
	_Atomic int passed[PARTIES]; // barriers passed by each
	_Atomic long looks[PARTIES]; // at a closed gate
	struct queuesem slow;
	struct crew crew;
} meeting;

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

static void arrive(struct hand *hand, int mine)
{
	bool last = atomic_fetch_sub(&meeting.missing, 1) == 1;

	if (last) {
		meeting.missing = PARTIES;
		meeting.phase = mine + 1;
	} else if (hand->track == 0 && mine == 0) {
		queuesem_p(&meeting.slow);
	}
	hand->of = last ? NULL : &meeting;
}

// ## The gate is a count
//
// "All are here when the count is full again." The last one fills it and passes,
// and is back at the barrier, in the next phase, before the slow one has looked:
// now the count is not full, and will never be. One waits in the first phase,
// the other in the second, each for the other.

static void meet_naively(struct hand *hand)
{
	for (int phase = 0; phase < 2; phase++) {
		arrive(hand, phase);
		while (hand->of && meeting.missing != PARTIES) {
			meeting.looks[hand->track]++;
			nap();
		}
		meeting.passed[hand->track]++;
	}
}

static void begin(void (*work)(struct hand *))
{
	meeting.missing = PARTIES;
	queuesem_init(&meeting.slow, 0);
	must_neg(crew_come(&meeting.crew, "slow", work, NULL, NULL));
	must_neg(crew_come(&meeting.crew, "fast", work, NULL, NULL));
	while (meeting.passed[1] < 1 || meeting.looks[1] < 1)
		nap();
	say("the fast one has passed %d and is back; the slow one looks",
	    meeting.passed[1]);
	queuesem_v(&meeting.slow);
}

void scene_reuse(void)
{
	begin(meet_naively);
	while (meeting.looks[0] < LOOKS / 10 || meeting.looks[1] < LOOKS / 10)
		nap();
	say("slow: passed %d, looked %ld times; fast: %d, %ld times",
	    meeting.passed[0], meeting.looks[0], meeting.passed[1],
	    meeting.looks[1]);
	claim(meeting.passed[0] == 0 && meeting.passed[1] == 1,
	      "one waits in the first phase, one in the second");
	claim(meeting.missing == PARTIES - 1,
	      "the count says 1 is missing, and both are here: for ever");
}

// ## The gate is a phase
//
// Each remembers which phase it came in, and waits until it is another. What the
// count is then does not matter. One bit is enough (a sense that turns over),
// since nobody can be two phases ahead.

static void meet_by_phase(struct hand *hand)
{
	for (int phase = 0; phase < 2; phase++) {
		arrive(hand, phase);
		while (meeting.phase == phase) {
			meeting.looks[hand->track]++;
			nap();
		}
		meeting.passed[hand->track]++;
	}
}

void scene_sense(void)
{
	begin(meet_by_phase);
	hand_dismiss(&meeting.crew.hands[0]);
	hand_dismiss(&meeting.crew.hands[1]);
	claim(meeting.passed[0] == 2 && meeting.passed[1] == 2,
	      "the same delay, and both have passed both barriers");
}

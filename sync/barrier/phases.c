// # Phases
//
// Four threads, each with a cell. In every phase each adds what its neighbour had
// at the end of the last phase: 1, 2, 4, 8 ... if all are in step.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "scenes.h"
#include "sync/crew/crew.h"
#include "sync/lock/barrier.h"

enum { THREADS = 4, PHASES = 6 };

static struct {
	struct crew crew;
	struct barrier barrier;
	_Atomic int cell[2][THREADS]; // of this phase, of the last
	_Atomic int started, out_of_step, lasts;
	_Atomic int done[THREADS]; // phases
} grid;

static void nap(int64_t ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

// One phase of one thread: in a buffer the old values, in the other the new.
static void step(int me, int phase)
{
	int next = (me + 1) % THREADS;

	for (int i = 0; i < THREADS; i++)
		if (grid.done[i] < phase || grid.done[i] > phase + 1)
			grid.out_of_step++;
	grid.cell[!(phase % 2)][me] = grid.cell[phase % 2][me] +
				      grid.cell[phase % 2][next];
	grid.done[me] = phase + 1;
}

static void begin(void)
{
	for (int i = 0; i < THREADS; i++)
		grid.cell[0][i] = 1;
}

// ## Without
//
// Thread A is fast: it has done all its phases before the others have begun.
// That is no accident here, they start one after the other, and nothing in the
// program forbids it.

static void run_ahead(struct hand *hand)
{
	for (int phase = 0; phase < PHASES; phase++)
		step(hand->track, phase);
}

void scene_ahead(void)
{
	static const char *const names[THREADS] = { "A", "B", "C", "D" };
	char line[64];
	int n = 0;

	begin();
	for (int i = 0; i < THREADS; i++) {
		struct hand *hand;
		must_neg(crew_come(&grid.crew, names[i], run_ahead, NULL,
				   &hand));
		hand_dismiss(hand);
	}
	for (int i = 0; i < THREADS; i++)
		n += snprintf(line + n, sizeof line - (size_t)n, " %d",
			      grid.cell[PHASES % 2][i]);
	say("after %d phases should be 4 times %d, but there is%s", PHASES,
	    1 << PHASES, line);
	claim(grid.out_of_step > 0 && grid.cell[PHASES % 2][0] != 1 << PHASES,
	      "without a barrier A used values of the wrong phase");
}

// ## With
//
// A barrier after each phase. The threads take turns at being slow: it does not
// matter who, all wait (.) for that one. One thread of each phase is told that it
// was the last to come.

static void run_in_step(struct hand *hand)
{
	for (int phase = 0; phase < PHASES; phase++) {
		hand_mark(hand, '0' + phase);
		nap(phase % THREADS == hand->track ? 3000000 : 300000);
		step(hand->track, phase);
		hand_mark(hand, '.');
		grid.lasts += barrier_wait(&grid.barrier);
	}
}

void scene_phases(void)
{
	static const char *const names[THREADS] = { "A", "B", "C", "D" };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	bool right = true;

	begin();
	barrier_init(&grid.barrier, THREADS);
	for (int i = 0; i < THREADS; i++)
		must_neg(crew_come(&grid.crew, names[i], run_in_step, NULL,
				   NULL));
	for (int i = 0; i < THREADS; i++)
		hand_dismiss(&grid.crew.hands[i]);
	say("a digit works in that phase, a dot waits for the others");
	char *picture = must_ptr(crew_draw(&grid.crew, &canvas));
	show(picture);
	free(picture);
	for (int i = 0; i < THREADS; i++)
		right &= grid.cell[PHASES % 2][i] == 1 << PHASES;
	claim(!grid.out_of_step, "nobody was ever a phase ahead or behind");
	claim(right, "each cell is %d, as it should be", 1 << PHASES);
	claim(grid.lasts == PHASES, "in each phase just one was the last");
}

// ## Dissemination
//
// Without a place that all must touch: in round k each tells the one 2^k places
// on what it knows. We play the rounds with sets, and then the real one.

enum { PARTIES = 5 };

static struct dissemination rumour;
static _Atomic int came, early;

static void meet(struct hand *hand)
{
	came++;
	dissemination_wait(&rumour, hand->track);
	early += came != PARTIES;
}

void scene_rumour(void)
{
	static const char *const names[] = { "A", "B", "C", "D", "E" };
	static struct crew crew;
	unsigned knows[PARTIES], then[PARTIES];
	uint32_t rounds = 0;
	bool all = false;

	for (int i = 0; i < PARTIES; i++)
		knows[i] = 1u << i;
	for (; !all; rounds++) {
		all = true;
		for (int i = 0; i < PARTIES; i++)
			then[(i + (1 << rounds)) % PARTIES] =
				knows[(i + (1 << rounds)) % PARTIES] | knows[i];
		for (int i = 0; i < PARTIES; i++) {
			knows[i] = then[i];
			all &= knows[i] == (1u << PARTIES) - 1;
		}
		say("after round %u A has heard of %d", rounds,
		    __builtin_popcount(knows[0]));
	}
	must_neg(dissemination_init(&rumour, PARTIES));
	claim(rounds == rumour.rounds,
	      "%d parties need %u rounds: log2, rounded up", PARTIES, rounds);
	for (int i = 0; i < PARTIES; i++)
		must_neg(crew_come(&crew, names[i], meet, NULL, NULL));
	for (int i = 0; i < PARTIES; i++)
		hand_dismiss(&crew.hands[i]);
	claim(early == 0, "and none of the real ones went on before all came");
	dissemination_free(&rumour);
}

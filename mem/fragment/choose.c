// # Where a request goes
//
// Processes of 212, 417, 112 and 426 KB come, in this order, to a memory with
// holes of 100, 500, 200, 300 and 600 KB (the exercise of a well-known book). The
// operating system puts each into one hole, and the rest of the hole remains one.
// Four rules, four memories.
//
// Best fit wins here. Does it always? Knuth's counterexample is three numbers
// long: it leaves pieces too small for anybody, and first fit does not.
//
// Sources: Silberschatz, Galvin & Gagne, Operating System Concepts, 9th ed. 2013,
// exercise 8.11; Knuth, The Art of Computer Programming 1, section 2.5.

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lab.h"
#include "mem/fragment/fragment.h"

enum { WALL = 22, CELLS = 64 }; // what stands between two holes, KB

// A memory with such holes, a block between each two.
static struct strip *with_holes(enum fit fit, const uint64_t *sizes, size_t n)
{
	struct strip_settings settings = { .fit = fit, .coalesce = true };
	struct placement placement;
	struct strip *strip;
	uint64_t at = 0;

	for (size_t i = 0; i < n; i++)
		settings.size += sizes[i] + WALL;
	must_neg(strip_open(&settings, &strip));
	for (size_t i = 0; i < n; i++) {
		must_neg(strip_allocate(strip, sizes[i], &placement));
		must_neg(strip_allocate(strip, WALL, &placement));
	}
	for (size_t i = 0; i < n; at += sizes[i++] + WALL)
		must_neg(strip_free(strip, at));
	return strip;
}

struct outcome {
	size_t met;          // requests, until one was refused
	uint64_t hole[8];    // its size before, of each
	uint64_t free, want; // when one was refused
};

static struct outcome ask(struct strip *strip, const uint64_t *requests,
			  size_t n, struct mark *marks)
{
	struct outcome o = { 0 };
	struct placement placement;

	while (o.met < n) {
		int error = strip_allocate(strip, requests[o.met], &placement);
		if (error) {
			o.want = requests[o.met];
			o.free = strip_statistics(strip).free;
			break;
		}
		marks[o.met] = (struct mark){ placement.address,
					      (char)('A' + o.met) };
		o.hole[o.met++] = placement.hole.size;
	}
	return o;
}

static struct outcome book(enum fit fit)
{
	static const uint64_t holes[] = { 100, 500, 200, 300, 600 };
	static const uint64_t processes[] = { 212, 417, 112, 426 };
	const struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct strip *strip = with_holes(fit, holes, 5);
	struct mark marks[4];
	char places[128];
	int n = 0;

	struct outcome o = ask(strip, processes, 4, marks);
	for (size_t i = 0; i < o.met; i++)
		n += snprintf(places + n, sizeof places - (size_t)n,
			      "%s%c in %ju", i ? ", " : "", (char)('A' + i),
			      (uintmax_t)o.hole[i]);
	if (o.want)
		say("%s: %s; D must wait, %ju free", fit_names[fit], places,
		    o.free);
	else
		say("%s: %s", fit_names[fit], places);
	char *map = must_ptr(picture(&canvas, strip, CELLS, marks, o.met));
	show(map);
	free(map);
	strip_close(strip);
	return o;
}

static struct outcome knuth(enum fit fit)
{
	static const uint64_t holes[] = { 1300, 1200 };
	static const uint64_t requests[] = { 1000, 1100, 250 };
	struct strip *strip = with_holes(fit, holes, 2);
	struct mark marks[3];

	struct outcome o = ask(strip, requests, 3, marks);
	strip_close(strip);
	return o;
}

void scene_choose(void)
{
	say("holes 100 500 200 300 600; A 212, B 417, C 112, D 426");
	struct outcome first = book(FIT_FIRST), best = book(FIT_BEST);
	struct outcome worst = book(FIT_WORST), next = book(FIT_NEXT);

	claim(best.met == 4, "best fit finds a place for all four");
	claim(first.met == 3 && first.want < first.free && worst.met == 3 &&
		      worst.want < worst.free,
	      "first and worst fit refuse D, less than what is free");
	claim(next.met == 3 && next.hole[2] == 183,
	      "next fit goes on behind B: C goes to the rest of 600");

	first = knuth(FIT_FIRST), best = knuth(FIT_BEST);
	say("holes of 1300 and 1200, requests of 1000, 1100, 250");
	say("best fit meets %zu: %ju are free, and not 250 in one", best.met,
	    best.free);
	claim(first.met == 3 && best.met == 2,
	      "here first fit meets all three, and best fit does not");
}

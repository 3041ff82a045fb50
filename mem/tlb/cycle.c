// # The instrument: a chain that visits each page once a round
//
// What follows is measured with a chain of pointers (mem/chase): the next address
// is what the last load brings, so no two of them overlap, and the order is random,
// so nobody fetches ahead. All that is worth something only if a round visits each
// page. A shuffle as everybody writes it does not give that: a random permutation
// is several cycles, and who starts in one never leaves it. Sattolo's change of a
// single character (j < i for j <= i) gives one cycle, always.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/chase/chase.h"
#include "mem/tlb/tlb.h"

enum { PAGES = 64, PER_ROW = 32, SHORT = 8, LONG = 48 };

static bool each_once(const uint8_t *visits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (visits[i] != 1)
			return false;
	return true;
}

static void show_visits(const uint8_t *visits)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char cells[PAGES];

	for (int i = 0; i < PAGES; i++)
		cells[i] = visits[i] ? (char)('0' + visits[i]) : '.';
	char *picture = must_ptr(draw_map(&canvas, cells, PAGES, PER_ROW));
	show(picture);
	free(picture);
}

static size_t count_cycles(const struct chase *chase)
{
	uint8_t seen[PAGES] = { 0 };
	size_t cycles = 0;

	for (size_t i = 0; i < PAGES; i++) {
		if (seen[i])
			continue;
		cycles++;
		chase_count(chase_at(chase, i), chase_cycle(chase, i), seen);
	}
	return cycles;
}

void scene_cycle(void)
{
	size_t page = (size_t)must(sysconf(_SC_PAGESIZE));
	char *memory = must(mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	struct chase chase = { memory, PAGES, page };
	uint8_t visits[PAGES] = { 0 };

	// The first seed that shows it well: each length of page 0's cycle, from 1
	// to PAGES, is equally likely.
	struct random random;
	size_t length;
	for (uint64_t seed = 1;; seed++) {
		random.state = seed;
		chase_lay_any(&chase, &random);
		length = chase_cycle(&chase, 0);
		if (length >= SHORT && length <= LONG)
			break;
	}
	size_t cycles = count_cycles(&chase);
	chase_count(chase_at(&chase, 0), PAGES, visits);
	say("%d pages shuffled the usual way are %zu cycles", PAGES, cycles);
	say("how often %d steps from page 0 visit each page:", PAGES);
	show_visits(visits);
	claim(cycles > 1 && length < PAGES && !each_once(visits, PAGES),
	      "a random permutation: the walk goes round in %zu of %d pages",
	      length, PAGES);

	chase_lay(&chase, &random);
	memset(visits, 0, sizeof visits);
	chase_count(chase_at(&chase, 0), PAGES, visits);
	say("the same shuffle with j < i for j <= i:");
	show_visits(visits);
	claim(count_cycles(&chase) == 1 && each_once(visits, PAGES),
	      "one cycle: %d steps visit each page once", PAGES);
	claim(chase_walk(chase_at(&chase, 0), PAGES) == chase_at(&chase, 0) &&
		      chase_walk(chase_at(&chase, 0), 3 * PAGES + 1) ==
			      chase_at(&chase, 0)->next,
	      "and lead back to where they began");
}

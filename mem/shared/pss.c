// # Whose memory is it?
//
// top shows Rss, the resident set: all pages a process has frames for. Add that up
// over processes that share, and a frame counts as often as it is mapped: more than
// the machine has. Pss, the proportional set size, divides each page by how many map
// it, so the sum over all is right; and what one process would set free if it ended
// now, is what it has alone (Private). The price of a fair share: it changes when
// others come and go.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/cast/cast.h"
#include "mem/shared/shared.h"
#include "options.h"

// 48 pages can be divided by 2, 3 and 4.
enum { PAGES = 48, OTHERS = 3, ALL = OTHERS + 1, NOTE = 64, KIB = 1024 };
static const char *const names[ALL] = { "I", "A", "B", "C" };

struct region {
	char *memory;
	size_t pages;
};

static long touch(const void *argument)
{
	const struct region *region = argument;

	return write_pages(region->memory, region->pages, 't');
}

static char *map(size_t pages, int flags)
{
	return must(mmap(NULL, pages * page_bytes(), PROT_READ | PROT_WRITE,
			 flags | MAP_ANONYMOUS, -1, 0));
}

struct sums {
	uint64_t resident, proportional, alone;
	uint64_t pss[ALL];
};

static struct sums sums_of(const struct region *region,
			   const struct actor *others, int n)
{
	size_t bytes = region->pages * page_bytes();
	struct sums sums = { 0 };

	for (int i = 0; i <= n; i++) {
		struct memory_use use = use_of(i ? others[i - 1].pid : 0,
					       region->memory, bytes);
		sums.resident += use.resident;
		sums.proportional += use.proportional;
		sums.alone += use.private_clean + use.private_dirty;
		sums.pss[i] = use.proportional;
	}
	return sums;
}

static void draw(const struct sums *sums)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char labels[ALL][NOTE], notes[ALL][NOTE], size[HUMAN_BYTES];
	struct bar bars[ALL];

	for (int n = OTHERS, i = 0; n >= 0; n--, i++) {
		snprintf(labels[i], NOTE, "of %d", n + 1);
		snprintf(notes[i], NOTE, "%s",
			 human_size(size, sums[n].pss[0]));
		bars[i] = (struct bar){ labels[i], notes[i],
					(double)sums[n].pss[0] };
	}
	char *picture = must_ptr(draw_bars(&canvas, bars, ALL, false));
	show(picture);
	free(picture);
}

// smaps writes whole KiB: each may lack up to one.
static bool about(uint64_t sum, uint64_t bytes, int processes)
{
	return sum <= bytes && sum + (uint64_t)processes * KIB >= bytes;
}

void scene_pss(void)
{
	const struct region shared = { map(PAGES, MAP_SHARED), PAGES };
	const struct region private = { map(PAGES, MAP_PRIVATE), PAGES };
	const uint64_t bytes = PAGES * page_bytes();
	struct actor others[OTHERS];
	struct sums by_sharers[ALL];

	// (Huge pages would have a frame behind more than is touched.)
	madvise(private.memory, bytes, MADV_NOHUGEPAGE);
	touch(&shared);
	for (int i = 0; i < OTHERS; i++) {
		others[i] = actor_enter(names[i + 1]);
		actor_call(&others[i], touch, &shared, sizeof shared);
		actor_call(&others[i], touch, &private, sizeof private);
	}
	touch(&private);

	struct sums s = by_sharers[OTHERS] = sums_of(&shared, others, OTHERS);
	struct sums p = sums_of(&private, others, OTHERS);
	say("%d processes share %ju KiB, each has %ju of its own", ALL,
	    (uintmax_t)bytes / KIB, (uintmax_t)bytes / KIB);
	say("own:    sum of Rss %4ju KiB, of Pss %4ju, of Private %4ju",
	    (uintmax_t)p.resident / KIB, (uintmax_t)p.proportional / KIB,
	    (uintmax_t)p.alone / KIB);
	say("shared: sum of Rss %4ju KiB, of Pss %4ju, of Private %4ju",
	    (uintmax_t)s.resident / KIB, (uintmax_t)s.proportional / KIB,
	    (uintmax_t)s.alone / KIB);
	claim(p.resident == ALL * bytes && p.alone == ALL * bytes &&
		      about(p.proportional, ALL * bytes, ALL),
	      "of what each has alone, all three say the same");
	claim(s.resident == ALL * bytes && s.alone == 0,
	      "of what is shared, Rss says %d times too much, Private nothing",
	      ALL);
	claim(about(s.proportional, bytes, ALL),
	      "Pss adds up to the frames there are");

	for (int n = OTHERS - 1; n >= 0; n--) {
		actor_leave(&others[n]);
		by_sharers[n] = sums_of(&shared, others, n);
	}
	say("the others end one by one; my Pss of the shared part:");
	draw(by_sharers);
	bool right = true;
	for (int n = 0; n < ALL; n++)
		right &= about(by_sharers[n].pss[0] * (uint64_t)(n + 1), bytes,
			       n + 1);
	claim(right, "a quarter, a third, half, all of it");
	claim(by_sharers[0].alone == bytes,
	      "in the end it is mine alone: now it would be free if I ended");
}

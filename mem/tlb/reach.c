// # How far the TLB reaches
//
// Each address a program uses is virtual; the frame must be looked up in page
// tables, four or five loads deep. The CPU remembers what it has looked up, in the
// translation lookaside buffer: some dozen entries that cost nothing, and one or
// two thousand more behind them. Entries times page size is the TLB's reach: for
// memory within it, translation is free. Beyond it each access to another page
// begins with a walk through tables. A huge page needs one entry for 2 MiB, so
// the same TLB reaches 512 times as far.
//
// Here one word of each page is read, in random order: more and more pages, but
// never more than a cache line of each, at the same places in both cases. The
// caches have the same work with huge pages as with small ones; the difference is
// translation. (Which sets of a cache small pages fall into is a matter of luck,
// for their frames lie anywhere; the spread over the rounds tells how much.)

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/chase/chase.h"
#include "mem/pages/pages.h"
#include "mem/tlb/tlb.h"
#include "stats.h"

enum {
	ROUNDS = LESS ? 3 : 9,
	LEAST_PAGES = 16,
	LEAST_STEPS = LESS ? 1 << 10 : 1 << 15,
	TABLE_ROWS = 4,
};
static const size_t SCENE_BYTES = LESS ? 4 << 20 : 64 << 20;
static const size_t MOST_HUGE_PAGE = 32 << 20; // 512 MiB, some arm64: too much

// 16, 24, 32, 48, 64 ... as far as the memory goes.
int reach_init(struct reach *reach, size_t bytes, int rounds)
{
	size_t most = bytes / page_bytes(), n = 0;

	*reach = (struct reach){ .most_pages = most, .rounds = rounds };
	for (size_t p = LEAST_PAGES; p <= most; p *= 2)
		n += 1 + (p + p / 2 <= most);
	reach->pages = calloc(n + 1, sizeof *reach->pages);
	for (int s = 0; s < PAGE_SIZES; s++) {
		reach->ns[s] = calloc(n * (size_t)rounds + 1, sizeof(double));
		reach->middle[s] = calloc(n + 1, sizeof(double));
		if (!reach->pages || !reach->ns[s] || !reach->middle[s])
			return -ENOMEM;
	}
	for (size_t p = LEAST_PAGES; p <= most; p *= 2) {
		size_t between = p + p / 2;
		reach->pages[reach->sizes++] = (double)p;
		if (between <= most)
			reach->pages[reach->sizes++] = (double)between;
	}
	return 0;
}

void reach_free(struct reach *reach)
{
	free(reach->pages);
	for (int s = 0; s < PAGE_SIZES; s++) {
		free(reach->ns[s]);
		free(reach->middle[s]);
	}
	*reach = (struct reach){ 0 };
}

// The chain is laid anew for each round, the same in both stretches. The first
// walk brings lines and translations in, the second one is timed.
static double time_walk(struct reach *reach, const struct chase *chase,
			uint64_t seed)
{
	struct random random = { seed };
	size_t turns = LEAST_STEPS / chase->slots + 1;
	size_t steps = turns * chase->slots;

	chase_lay(chase, &random);
	struct chase_link *first = chase_at(chase, 0);
	struct chase_link *warm = chase_walk(first, chase->slots);
	int64_t began_ns = cpu_ns();
	struct chase_link *last = chase_walk(warm, steps);
	int64_t took_ns = cpu_ns() - began_ns;
	reach->walks++;
	reach->came_home += warm == first && last == first;
	return (double)took_ns / (double)steps;
}

// Sizes and page sizes in turns within a round: a busy moment of the machine hits
// neighbours, not one curve.
void reach_measure(struct reach *reach, const struct stretch *small,
		   const struct stretch *huge, struct far *far)
{
	const struct stretch *of[PAGE_SIZES] = { small, huge };

	for (int round = 0; round < reach->rounds; round++)
		for (size_t i = 0; i < reach->sizes; i++)
			for (int s = 0; s < PAGE_SIZES && of[s]; s++) {
				struct chase chase = { of[s]->memory,
						       (size_t)reach->pages[i],
						       page_bytes() };
				reach->ns[s][i * (size_t)reach->rounds +
					     (size_t)round] =
					time_walk(reach, &chase,
						  (uint64_t)round + 1);
				far_step(far);
			}
	for (int s = 0; s < PAGE_SIZES && of[s]; s++)
		for (size_t i = 0; i < reach->sizes; i++)
			reach->middle[s][i] = stats_median(
				reach->ns[s] + i * (size_t)reach->rounds,
				(size_t)reach->rounds);
}

// --- the scene --------------------------------------------------------------------

static long faults_of_touching(const struct stretch *stretch)
{
	struct rusage before, after;

	must(getrusage(RUSAGE_THREAD, &before));
	stretch_touch(stretch, 0);
	must(getrusage(RUSAGE_THREAD, &after));
	return after.ru_minflt - before.ru_minflt;
}

static void make(struct stretch *stretch, size_t bytes, bool huge)
{
	int error = stretch_make(stretch, bytes, huge);

	if (error == -ENOMEM)
		skip("no room for %zu bytes: raise ulimit -v", bytes);
	must_neg(error);
}

// How the sets of pages compare at a few sizes.
static char *reach_text(const struct reach *reach, bool has_huge)
{
	char median[HUMAN_BYTES], low[HUMAN_BYTES], high[HUMAN_BYTES];
	size_t rounds = (size_t)reach->rounds, bytes;
	char *text = NULL;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	size_t n = reach->sizes < TABLE_ROWS ? reach->sizes : TABLE_ROWS;
	for (size_t row = 0; row < n; row++) {
		size_t i = (row + 1) * reach->sizes / n - 1;
		const double *ns[PAGE_SIZES] = { reach->ns[SMALL] + i * rounds,
						 reach->ns[HUGE] + i * rounds };
		fprintf(out, "%s%6.0f pages:", row ? "\n" : "",
			reach->pages[i]);
		for (int s = 0; s <= (has_huge ? HUGE : SMALL); s++) {
			struct spread got = spread_of(ns[s], rounds);
			fprintf(out, " %s (%s to %s) %s;",
				human_duration(median, got.median),
				human_duration(low, got.low),
				human_duration(high, got.high),
				s == SMALL ? "small" : "huge");
		}
		if (!has_huge)
			continue;
		struct interval ratio = stats_ratio_interval(
			ns[SMALL], rounds, ns[HUGE], rounds, 0.5);
		fprintf(out, " %.1f to %.1f times", ratio.low, ratio.high);
	}
	return fclose(out) == 0 ? text : NULL;
}

static char *reach_picture(const struct reach *reach, bool has_huge)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	const struct curve curves[] = {
		{ "small pages", 's', reach->middle[SMALL] },
		{ "huge pages", 'H', reach->middle[HUGE] },
	};
	const struct axes axes = {
		.x_title = "pages, one word of each",
		.y_title = "ns a step",
		.x = reach->pages,
		.points = reach->sizes,
		.x_logarithmic = true,
	};

	return draw_curves(&canvas, &axes, curves, has_huge ? 2 : 1);
}

void reach_show(const struct reach *reach, bool has_huge,
		void (*picture)(const char *), void (*text)(const char *))
{
	char *curves = must_ptr(reach_picture(reach, has_huge));
	char *table = must_ptr(reach_text(reach, has_huge));

	picture(curves);
	text(table);
	free(curves);
	free(table);
}

// The longest chain once more, counted: which pages, in which order.
static uint64_t survey(const struct stretch *stretch, uint8_t *visits, size_t n)
{
	struct chase chase = { stretch->memory, n, page_bytes() };
	struct random random = { 1 };

	memset(visits, 0, n);
	chase_lay(&chase, &random);
	return chase_count(chase_at(&chase, 0), n, visits);
}

static size_t visited_once(const uint8_t *visits, size_t n)
{
	size_t once = 0;

	for (size_t i = 0; i < n; i++)
		once += visits[i] == 1;
	return once;
}

void scene_reach(void)
{
	struct stretch small, huge;
	struct reach reach;
	struct far far;
	char why[STRETCH_TEXT], size[HUMAN_BYTES];
	size_t piece = huge_page_bytes();

	if (piece == 0)
		skip("%s", stretch_why_small(why));
	if (piece > MOST_HUGE_PAGE)
		skip("a huge page is larger than 32 MiB here");
	make(&small, SCENE_BYTES, false);
	make(&huge, SCENE_BYTES, true);
	size_t pages = small.bytes / page_bytes();
	long small_faults = faults_of_touching(&small);
	long huge_faults = faults_of_touching(&huge);
	size_t huge_bytes = huge_bytes_in(&huge);
	say("%zu pages touched: %ld faults with pages of %s", pages,
	    small_faults, human_size(size, page_bytes()));
	say("huge pages allowed: %ld faults; they hold %s", huge_faults,
	    human_size(size, huge_bytes));
	claim(small_faults >= (long)pages && huge_bytes_in(&small) == 0,
	      "of small pages each costs a fault at the first touch");
	if (huge_bytes < huge.bytes)
		skip("%s", stretch_why_small(why));
	claim(huge_faults < small_faults, "of huge pages one costs a fault");

	uint8_t *visits = must_ptr(malloc(pages));
	uint64_t sum[PAGE_SIZES];
	size_t once[PAGE_SIZES];
	sum[SMALL] = survey(&small, visits, pages);
	once[SMALL] = visited_once(visits, pages);
	sum[HUGE] = survey(&huge, visits, pages);
	once[HUGE] = visited_once(visits, pages);
	free(visits);
	claim(once[SMALL] == pages && once[HUGE] == pages,
	      "a round of the chain visits each of %zu pages once", pages);
	claim(sum[SMALL] == sum[HUGE],
	      "in the same order in both (checksum %016jx)",
	      (uintmax_t)sum[SMALL]);

	int cpu = stay_here();
	must_neg(reach_init(&reach, SCENE_BYTES, ROUNDS));
	far_begin(&far, "reach",
		  reach.sizes * PAGE_SIZES * (size_t)reach.rounds);
	reach_measure(&reach, &small, &huge, &far);
	far_end(&far);
	if (cpu >= 0)
		say("on CPU %d, median of %d rounds:", cpu, reach.rounds);
	else
		say("on any CPU, median of %d rounds:", reach.rounds);
	reach_show(&reach, true, show, show_text);
	claim(reach.came_home == reach.walks,
	      "all %zu timed walks ended where they began", reach.walks);
	reach_free(&reach);
	stretch_free(&small);
	stretch_free(&huge);
}

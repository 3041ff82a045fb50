// # Locality: two loops that differ in nothing but their order
//
// A matrix with a page for each row. Sum it up row by row, and 512 reads in a
// row find their page in the TLB. Sum it up column by column, and each read is of
// another page: by the time the next column begins, the translation of the first
// row has long been replaced (with LRU, as surely as in chapter 15: a loop over
// more pages than there are entries never hits). The third order reads columns,
// too, but of a few rows at a time: it changes the page as often as the second one,
// and yet has all its pages at hand. Locality is not going straight ahead; it is
// coming back soon.
//
// The model counts: a TLB of 64 entries, fully associative, LRU. The machine
// says how long it took (there the caches have their share, too: what the huge
// pages do not win back is theirs).

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/pages/pages.h"
#include "mem/tlb/tlb.h"

enum {
	MOST_ROWS = LESS ? 256 : 4096,
	COLUMNS = 512,
	ENTRIES = 64, // of the model
	TILE = 32,    // rows, less than ENTRIES
	ROUNDS = 7,
	NOTE = 96,
	BARS = 6,
};

// One order is a loop over tiles of `tile` rows and, in it, columns or rows first.
struct order {
	const char *name;
	int tile;
	bool by_columns;
};
static const struct order orders[] = {
	{ "by rows", MOST_ROWS, false },
	{ "by columns", MOST_ROWS, true },
	{ "in tiles", TILE, true },
};
enum { ORDERS = sizeof orders / sizeof *orders };

static const size_t MOST_BYTES = 32 << 20;

// Each row takes a page, however large pages are here.
static int row_count(void)
{
	size_t rows = MOST_BYTES / page_bytes();

	return rows < MOST_ROWS ? (int)rows : MOST_ROWS;
}

static int tile_of(const struct order *order, int rows)
{
	return order->tile < rows ? order->tile : rows;
}

// Adds up the matrix in an order. (A sanitizer looks at each access, which is
// what is timed here.)
__attribute__((noinline, no_sanitize("address", "thread"))) static uint64_t
sum_up(const char *matrix, size_t page, int rows, const struct order *order)
{
	uint64_t sum = 0;
	int tile = tile_of(order, rows);

	for (int from = 0; from < rows; from += tile) {
		int outer = order->by_columns ? COLUMNS : tile;
		int inner = order->by_columns ? tile : COLUMNS;
		for (int a = 0; a < outer; a++)
			for (int b = 0; b < inner; b++) {
				int row = from + (order->by_columns ? b : a);
				int column = order->by_columns ? a : b;
				const uint64_t *words =
					(const void *)(matrix +
						       (size_t)row * page);
				sum += words[column];
			}
	}
	return sum;
}

// --- the model ----------------------------------------------------------------

// The entries in the order of their last use, a ring through `head`.
struct model {
	int next[MOST_ROWS + 1], before[MOST_ROWS + 1];
	bool in[MOST_ROWS];
	int used, last;
	long reads, changes, misses;
};
enum { HEAD = MOST_ROWS };

static void take_out(struct model *model, int page)
{
	model->next[model->before[page]] = model->next[page];
	model->before[model->next[page]] = model->before[page];
	model->in[page] = false;
	model->used--;
}

static void put_first(struct model *model, int page)
{
	model->next[page] = model->next[HEAD];
	model->before[page] = HEAD;
	model->before[model->next[page]] = page;
	model->next[HEAD] = page;
	model->in[page] = true;
	model->used++;
}

static void model_read(struct model *model, int page)
{
	model->reads++;
	model->changes += page != model->last;
	model->misses += !model->in[page];
	model->last = page;
	if (model->in[page])
		take_out(model, page);
	else if (model->used == ENTRIES)
		take_out(model, model->before[HEAD]);
	put_first(model, page);
}

static struct model model_of(const struct order *order, int rows)
{
	struct model model = { .last = -1 };
	int tile = tile_of(order, rows);

	model.next[HEAD] = model.before[HEAD] = HEAD;
	for (int from = 0; from < rows; from += tile) {
		int outer = order->by_columns ? COLUMNS : tile;
		int inner = order->by_columns ? tile : COLUMNS;
		for (int a = 0; a < outer; a++)
			for (int b = 0; b < inner; b++)
				model_read(&model,
					   from + (order->by_columns ? b : a));
	}
	return model;
}

// --- the machine ----------------------------------------------------------------

static void fill(const struct stretch *matrix)
{
	size_t page = page_bytes();

	for (int row = 0; row < row_count(); row++)
		for (int column = 0; column < COLUMNS; column++)
			((uint64_t *)(void *)(matrix->memory +
					      (size_t)row * page))[column] =
				(uint64_t)row * COLUMNS + (uint64_t)column;
}

struct times {
	double ns[PAGE_SIZES][ORDERS][ROUNDS]; // a read
	long right, sums;
};

static void measure(struct times *times, const struct stretch *matrices, int n)
{
	const int rows = row_count();
	const uint64_t words = (uint64_t)rows * COLUMNS;

	for (int round = 0; round < ROUNDS; round++)
		for (int s = 0; s < n; s++)
			for (int o = 0; o < ORDERS; o++) {
				int64_t began_ns = cpu_ns();
				uint64_t sum = sum_up(matrices[s].memory,
						      page_bytes(), rows,
						      &orders[o]);
				int64_t took_ns = cpu_ns() - began_ns;
				times->ns[s][o][round] = (double)took_ns /
							 (double)words;
				times->sums++;
				times->right += sum == words * (words - 1) / 2;
			}
}

static void draw(const struct times *times, int n)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char labels[BARS][NOTE], notes[BARS][NOTE], value[HUMAN_BYTES];
	struct bar bars[BARS];
	int k = 0;

	for (int o = 0; o < ORDERS; o++)
		for (int s = 0; s < n; s++, k++) {
			struct spread got = spread_of(times->ns[s][o], ROUNDS);
			snprintf(labels[k], NOTE, "%s, %s", orders[o].name,
				 s == SMALL ? "small" : "huge");
			snprintf(notes[k], NOTE, "%s (%.2f-%.2f)",
				 human_duration(value, got.median), got.low,
				 got.high);
			bars[k] = (struct bar){ labels[k], notes[k],
						got.median };
		}
	char *picture = must_ptr(draw_bars(&canvas, bars, (size_t)k, false));
	show(picture);
	free(picture);
}

// Huge pages, if they come; small ones always.
static int make_matrices(struct stretch matrices[PAGE_SIZES])
{
	size_t bytes = (size_t)row_count() * page_bytes();
	struct stretch *huge = &matrices[HUGE];

	must_neg(stretch_make(&matrices[SMALL], bytes, false));
	fill(&matrices[SMALL]);
	if (huge_page_bytes() > bytes || stretch_make(huge, bytes, true) != 0)
		return 1;
	fill(huge);
	if (stretch_huge_bytes(huge) == (ssize_t)huge->bytes)
		return 2;
	stretch_free(huge);
	return 1;
}

void scene_loops(void)
{
	struct stretch matrices[PAGE_SIZES];
	struct times times = { 0 };
	const int rows = row_count();
	const long words = (long)rows * COLUMNS;
	long misses[ORDERS], changes[ORDERS];

	say("%ld reads; the model's TLB has %d entries:", words, ENTRIES);
	for (int o = 0; o < ORDERS; o++) {
		struct model model = model_of(&orders[o], rows);
		misses[o] = model.misses;
		changes[o] = model.changes;
		say("%-10s: %7ld to another page, %7ld misses", orders[o].name,
		    changes[o], misses[o]);
	}
	claim(misses[0] == rows, "by rows: one miss a page, no more");
	claim(misses[1] == words, "by columns: each read misses");
	claim(changes[2] == words && misses[2] == rows,
	      "in tiles of %d rows: a new page each time, and hardly a miss",
	      TILE);

	stay_here();
	int n = make_matrices(matrices);
	measure(&times, matrices, n);
	say("ns a read on this machine, and its 95 %% interval%s:",
	    n == 1 ? " (no huge pages came)" : "");
	draw(&times, n);
	claim(times.right == times.sums,
	      "the order changes no sum: %ld sums are equal", times.sums);
}

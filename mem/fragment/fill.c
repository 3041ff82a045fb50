// # A strip as it fills
//
// A random program asks for pieces of 16 to 256 bytes of a strip of 4096, and
// gives some back. It never asks for more than half of what is free. The four
// fits get the same program.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "mem/fragment/fragment.h"

enum {
	STRIP = 4096,
	LEAST = 16,
	MOST = 256,
	CELLS = 128, // 32 bytes each
	LIMIT = 10000,
};

static void draw(const struct strip *strip)
{
	const struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *map = must_ptr(picture(&canvas, strip, CELLS, NULL, 0));

	show(map);
	free(map);
}

// ## External fragmentation
//
// Sooner or later a request is refused although twice as much is free: the free
// bytes are no piece. That is external fragmentation, and none of the fits is
// safe from it (Robson, "Worst case fragmentation of first fit and best fit
// storage allocation strategies", Computer Journal 20 (1977): for each way of
// choosing there is a program that breaks it).

static void fill(enum fit fit)
{
	struct program program = program_begin(fit, STRIP, LEAST, MOST);

	uint64_t refused = program_run(&program, LIMIT);
	const struct strip_statistics s = strip_statistics(program.strip);
	draw(program.strip);
	say("%s fit, request %u: %ju bytes, refused", fit_names[fit],
	    program.requests, refused);
	say("%ju free in %zu holes of at most %ju: %.0f %% no use", s.free,
	    s.holes, s.largest, 100 * s.external);
	claim(refused && refused > s.largest && 2 * refused <= s.free,
	      "%s fit: a request is refused, and twice as much is free",
	      fit_names[fit]);
	program_end(&program);
}

void scene_fill(void)
{
	struct program program = program_begin(FIT_FIRST, STRIP, LEAST, MOST);

	for (unsigned until = 10; until <= 30; until += 10) {
		must(-(int)program_run(&program, until));
		say("first fit, after %u requests: %ju bytes free", until,
		    strip_statistics(program.strip).free);
		draw(program.strip);
	}
	program_end(&program);
	fill(FIT_FIRST);
	fill(FIT_BEST);
	fill(FIT_WORST);
	fill(FIT_NEXT);
}

// ## Half as many holes as blocks
//
// How many holes are there, once as much comes back as is given out? Knuth's
// fifty-percent rule: of two neighbours of a block that comes back, each is a
// block or a hole, and in equilibrium as many holes are made as vanish. If no
// request fits exactly, there are half as many holes as blocks, whatever the
// sizes are. (Less, where some fit.)

static double holes_to_blocks(enum fit fit)
{
	enum { SIZE = 1 << 20, WARM = 20000, TURNS = 40000 };
	struct program program = program_begin(fit, SIZE, 64, 4096);
	struct placement placement;
	uint64_t holes = 0, blocks = 0;

	for (int turn = 0; turn < TURNS; turn++) {
		struct strip_statistics s = strip_statistics(program.strip);
		if (s.used > SIZE / 4 * 3)
			program_give(&program);
		else
			(void)program_ask(&program, &placement);
		if (turn < WARM)
			continue;
		holes += s.holes;
		blocks += s.blocks;
	}
	program_end(&program);
	return (double)holes / (double)blocks;
}

void scene_half(void)
{
	static const enum fit fits[] = { FIT_FIRST, FIT_BEST, FIT_WORST,
					 FIT_NEXT };
	struct bar bars[4];
	char notes[4][32];

	say("1 MiB, three quarters in use; 20000 steps");
	for (size_t i = 0; i < 4; i++) {
		double ratio = holes_to_blocks(fits[i]);
		snprintf(notes[i], sizeof notes[i], "%.2f", ratio);
		bars[i] = (struct bar){ fit_names[fits[i]], notes[i], ratio };
	}
	const struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *chart = must_ptr(draw_bars(&canvas, bars, 4, false));
	show(chart);
	free(chart);
	for (size_t i = 0; i < 4; i++)
		claim(bars[i].value > 0.3 && bars[i].value < 0.6,
		      "%s fit: about half as many holes as blocks",
		      bars[i].label);
}

// ## Buddies: internal fragmentation instead
//
// The buddy system gives out powers of two only. Freed buddies find each other
// without a search; but who asks for 65 bytes has 128, and nobody else can have
// the 63. That is internal fragmentation. It does not even end the other kind.

static void halves(void)
{
	const struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct strip_settings settings = { .size = 256,
					   .fit = FIT_BUDDY,
					   .coalesce = true };
	struct placement p;
	struct strip *strip;
	const struct piece *holes;

	must_neg(strip_open(&settings, &strip));
	must_neg(strip_allocate(strip, 21, &p));
	const struct mark mark = { p.address, 'A' };
	char *map = must_ptr(picture(&canvas, strip, 64, &mark, 1));
	size_t n = strip_holes(strip, &holes);
	say("256 KB, A asks for 21: halved down to %ju, %zu stay", p.size, n);
	show(map);
	claim(p.size == 32 && n == 3 && holes[0].size == 32 &&
		      holes[1].size == 64 && holes[2].size == 128,
	      "32 for A; 32, 64 and 128 are free, each at its own multiple");
	must_neg(strip_free(strip, p.address));
	claim(strip_holes(strip, &holes) == 1 && holes->size == 256,
	      "back it comes, and three times two buddies are one");
	free(map);
	strip_close(strip);
}

static bool are_aligned(const struct strip *strip)
{
	const struct piece *blocks;
	size_t n = strip_blocks(strip, &blocks);

	for (size_t i = 0; i < n; i++)
		if (blocks[i].size & (blocks[i].size - 1) ||
		    blocks[i].address % blocks[i].size)
			return false;
	return n > 0;
}

void scene_buddy(void)
{
	halves();
	struct program buddy = program_begin(FIT_BUDDY, STRIP, LEAST, MOST);
	struct program first = program_begin(FIT_FIRST, STRIP, LEAST, MOST);
	uint64_t refused = program_run(&buddy, LIMIT);
	program_run(&first, LIMIT);
	struct strip_statistics b = strip_statistics(buddy.strip);
	struct strip_statistics f = strip_statistics(first.strip);

	say("the random program; %ju bytes are refused (-: unused)", refused);
	draw(buddy.strip);
	say("buddy: %ju given out, %ju asked for: %.0f %% unused", b.used,
	    b.wanted, 100 * b.internal);
	say("first: %ju given out, %ju asked for", f.used, f.wanted);
	claim(are_aligned(buddy.strip),
	      "each block is a power of two at a multiple of itself");
	claim(b.internal > 0 && b.internal < 0.5,
	      "some of what is given out nobody asked for, less than half");
	claim(f.used == f.wanted, "the fits give what is asked for");
	claim(refused && refused <= b.free,
	      "and a request smaller than the free total is refused as well");
	program_end(&buddy);
	program_end(&first);
}

// ## Compaction
//
// What is free can be brought together: every block moves down until it touches
// the one before. Bytes are copied, and everybody who knows an address must learn
// the new one. So it takes addresses that nobody but the system knows: a segment
// has a base that the hardware adds (mem/segment), a page has a table. A pointer
// in C has neither, and malloc(3) cannot move a block.

struct copier {
	char *memory;
	unsigned moves;
	uint64_t bytes;
};

static void copy(void *argument, uint64_t from, uint64_t to, uint64_t bytes)
{
	struct copier *copier = argument;

	memmove(copier->memory + to, copier->memory + from, bytes);
	copier->moves++;
	copier->bytes += bytes;
}

// Each block is full of its own number in the order of addresses.
static bool fill_or_check(const struct strip *strip, char *memory, bool check)
{
	const struct piece *blocks;
	size_t n = strip_blocks(strip, &blocks);

	for (size_t i = 0; i < n; i++) {
		char *begin = memory + blocks[i].address;
		if (!check)
			memset(begin, (int)i, blocks[i].size);
		for (uint64_t k = 0; check && k < blocks[i].size; k++)
			if (begin[k] != (char)i)
				return false;
	}
	return true;
}

void scene_compact(void)
{
	struct program program = program_begin(FIT_FIRST, STRIP, LEAST, MOST);
	struct copier copier = { .memory = must_ptr(calloc(1, STRIP)) };
	struct placement placement;

	uint64_t refused = program_run(&program, LIMIT);
	struct strip_statistics before = strip_statistics(program.strip);
	say("first fit has refused %ju bytes, %ju are free", refused,
	    before.free);
	draw(program.strip);
	fill_or_check(program.strip, copier.memory, false);
	must_neg(strip_compact(program.strip, copy, &copier));
	struct strip_statistics after = strip_statistics(program.strip);
	say("%u of %zu blocks moved down, %ju of %ju bytes copied",
	    copier.moves, before.blocks, copier.bytes, before.used);
	draw(program.strip);
	claim(after.holes == 1 && after.largest == before.free,
	      "all that was free is one hole");
	claim(fill_or_check(program.strip, copier.memory, true),
	      "every byte is where its block is now");
	claim(copier.bytes <= before.used, "at most what is in use is copied");
	claim(strip_allocate(program.strip, refused, &placement) == 0,
	      "the request that was refused is met");
	free(copier.memory);
	program_end(&program);
}

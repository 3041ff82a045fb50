// # Tests of mem/allocator
//
// Known examples first: Knuth, The Art of Computer Programming 1, 3rd ed.,
// section 2.5; Silberschatz, Galvin & Gagne, Operating System Concepts, 9th ed.,
// exercise 8.11 and section 9.8.1. Then random programs, each step of which is
// played on a map of bytes, too: a letter a byte, and the rules by looking.

#define _GNU_SOURCE
#include "fragment_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem/allocator/allocator.h"
#include "random.h"

static struct strip *open_strip(uint64_t size, enum fit fit)
{
	const struct strip_settings settings = { .size = size,
						 .fit = fit,
						 .coalesce = true };
	struct strip *strip;

	ck_assert_int_eq(strip_open(&settings, &strip), 0);
	return strip;
}

// The address, or -errno.
static int64_t get(struct strip *strip, uint64_t bytes)
{
	struct placement placement;

	int error = strip_allocate(strip, bytes, &placement);
	return error ? error : (int64_t)placement.address;
}

// A strip with holes of these sizes, in this order, a block of one byte behind
// each but the last.
static struct strip *open_holes(enum fit fit, const uint64_t *sizes, size_t n)
{
	uint64_t sum = n - 1, at = 0;

	for (size_t i = 0; i < n; i++)
		sum += sizes[i];
	struct strip *strip = open_strip(sum, fit);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_ge(get(strip, sizes[i]), 0);
		if (i + 1 < n)
			ck_assert_int_ge(get(strip, 1), 0);
	}
	for (size_t i = 0; i < n; at += sizes[i++] + 1)
		ck_assert_int_eq(strip_free(strip, at), 0);
	return strip;
}

// ## Known examples

// Knuth 2.5: areas of 1300 and 1200, requests of 1000, 1100 and 250. First fit
// meets all three, best fit is left with 300 bytes it cannot use.
START_TEST(fragment_knuth)
{
	const uint64_t areas[] = { 1300, 1200 };
	struct strip *strip = open_holes(FIT_FIRST, areas, 2);

	ck_assert_int_eq(get(strip, 1000), 0);
	ck_assert_int_eq(get(strip, 1100), 1301);
	ck_assert_int_eq(get(strip, 250), 1000);
	strip_close(strip);

	strip = open_holes(FIT_BEST, areas, 2);
	ck_assert_int_eq(get(strip, 1000), 1301);
	ck_assert_int_eq(get(strip, 1100), 0);
	ck_assert_int_eq(get(strip, 250), -ENOSPC);
	struct strip_statistics s = strip_statistics(strip);
	ck_assert_uint_eq(s.free, 400);
	ck_assert_uint_eq(s.largest, 200);
	ck_assert_double_eq_tol(s.external, 0.5, 1e-12);
	strip_close(strip);
}
END_TEST

// Silberschatz 8.11: 100, 500, 200, 300 and 600 KB; processes of 212, 417, 112
// and 426 KB, in this order.
START_TEST(fragment_silberschatz)
{
	const uint64_t areas[] = { 100, 500, 200, 300, 600 };
	const uint64_t starts[] = { 0, 101, 602, 803, 1104 };
	const uint64_t processes[] = { 212, 417, 112, 426 };
	static const struct {
		enum fit fit;
		int hole[4]; // where each goes; -1: it must wait
		int within[4];
	} answers[] = {
		{ FIT_FIRST, { 1, 4, 1, -1 }, { 0, 0, 212, 0 } },
		{ FIT_BEST, { 3, 1, 2, 4 }, { 0 } },
		{ FIT_WORST, { 4, 1, 4, -1 }, { 0, 0, 212, 0 } },
	};

	for (size_t a = 0; a < 3; a++) {
		struct strip *strip = open_holes(answers[a].fit, areas, 5);
		for (int p = 0; p < 4; p++) {
			int hole = answers[a].hole[p];
			int64_t want = hole < 0 ? -ENOSPC
						: (int64_t)starts[hole] +
							  answers[a].within[p];
			ck_assert_msg(get(strip, processes[p]) == want,
				      "%s: process %d",
				      fit_names[answers[a].fit], p);
		}
		strip_close(strip);
	}
}
END_TEST

// Silberschatz 9.8.1 (allocating kernel memory): a segment of 256 KB, a request
// of 21 KB: halves of 128, 64, 32, which is the smallest that holds it; all
// coalesce when it comes back.
START_TEST(fragment_buddy_silberschatz)
{
	struct strip *strip = open_strip(256, FIT_BUDDY);
	const struct piece *holes;
	struct placement placement;

	ck_assert_int_eq(strip_allocate(strip, 21, &placement), 0);
	ck_assert_uint_eq(placement.address, 0);
	ck_assert_uint_eq(placement.size, 32);
	ck_assert_uint_eq(placement.searched, 4); // 32, 64, 128, 256
	ck_assert_uint_eq(placement.hole.size, 256);
	ck_assert_uint_eq(strip_holes(strip, &holes), 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(holes[i].size, UINT64_C(32) << i);
		ck_assert_uint_eq(holes[i].address, UINT64_C(32) << i);
	}
	ck_assert_int_eq(strip_free(strip, 0), 0);
	ck_assert_uint_eq(strip_holes(strip, &holes), 1);
	ck_assert_uint_eq(holes[0].size, 256);
	strip_close(strip);
}
END_TEST

// Two that touch are no buddies when they are halves of different pieces.
START_TEST(fragment_buddy_strangers)
{
	struct strip *strip = open_strip(64, FIT_BUDDY);
	const struct piece *holes;

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(get(strip, 16), 16 * i);
	ck_assert_int_eq(strip_free(strip, 16), 0);
	ck_assert_int_eq(strip_free(strip, 32), 0);
	ck_assert_uint_eq(strip_holes(strip, &holes), 2);
	ck_assert_int_eq(get(strip, 32), -ENOSPC);
	ck_assert_int_eq(strip_free(strip, 0), 0);
	ck_assert_uint_eq(strip_holes(strip, &holes), 2);
	ck_assert_int_eq(get(strip, 32), 0);
	strip_close(strip);
}
END_TEST

// The roving pointer goes on where it was, comes round, and does not go back
// for what has become free behind it.
START_TEST(fragment_next_roves)
{
	const uint64_t areas[] = { 10, 10, 10 }; // at 0, 11, 22
	struct strip *strip = open_holes(FIT_NEXT, areas, 3);

	// all but the last bytes were given out before; the rover stands there
	ck_assert_int_eq(get(strip, 4), 0); // came round
	ck_assert_int_eq(get(strip, 4), 4);
	ck_assert_int_eq(get(strip, 4), 11);
	ck_assert_int_eq(strip_free(strip, 0), 0);
	ck_assert_int_eq(get(strip, 4), 15);
	ck_assert_int_eq(get(strip, 4), 22);
	ck_assert_int_eq(get(strip, 8), -ENOSPC);
	ck_assert_int_eq(get(strip, 4), 26);
	ck_assert_int_eq(get(strip, 4), 0);
	strip_close(strip);
}
END_TEST

// ## What is refused

START_TEST(fragment_refusals)
{
	static const struct strip_settings bad[] = {
		{ .size = 0 },
		{ .size = (UINT64_C(1) << 62) + 1 },
		{ .size = 100, .header = UINT64_MAX },
		{ .size = 100, .alignment = UINT64_MAX },
		{ .size = 100, .fit = FITS },
		{ .size = 100, .order = ORDERS },
		{ .size = 100, .fit = FIT_NEXT, .order = ORDER_BACK },
		{ .size = 128, .fit = FIT_BUDDY, .order = ORDER_SIZE_UP },
		{ .size = 96, .fit = FIT_BUDDY, .smallest = 24 },
		{ .size = 100, .fit = FIT_BUDDY, .smallest = 16 },
	};
	struct strip *strip;
	struct placement placement;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(strip_open(&bad[i], &strip) == -EINVAL, "%zu", i);
	strip_close(NULL);

	for (int fit = 0; fit < FITS; fit++) {
		strip = open_strip(100, (enum fit)fit);
		ck_assert_int_eq(get(strip, 0), -EINVAL);
		ck_assert_int_eq(get(strip, UINT64_MAX), -ENOSPC);
		ck_assert_int_eq(get(strip, 101), -ENOSPC);
		ck_assert_int_eq(get(strip, UINT64_C(1) << 62), -ENOSPC);
		ck_assert_int_eq(strip_free(strip, 0), -ENOENT);
		// (a buddy system begins with pieces of 64, 32 and 4)
		int64_t at = fit == FIT_BUDDY ? 64 : 0;
		ck_assert_int_eq(get(strip, 10), at);
		ck_assert_int_eq(strip_free(strip, (uint64_t)at + 1), -ENOENT);
		ck_assert_int_eq(strip_free(strip, UINT64_MAX), -ENOENT);
		ck_assert_int_eq(strip_free(strip, (uint64_t)at), 0);
		ck_assert_int_eq(strip_free(strip, (uint64_t)at), -ENOENT);
		strip_close(strip);
	}
	strip = open_strip(128, FIT_BUDDY);
	ck_assert_int_eq(strip_compact(strip, NULL, NULL), -ENOTSUP);
	strip_close(strip);

	// rounded and with its header it is too much, and nothing overflows
	const struct strip_settings large = { .size = UINT64_C(1) << 62,
					      .alignment = UINT64_C(1) << 62,
					      .header = UINT64_C(1) << 62 };
	ck_assert_int_eq(strip_open(&large, &strip), 0);
	ck_assert_int_eq(strip_allocate(strip, 1, &placement), -ENOSPC);
	ck_assert_int_eq(strip_allocate(strip, 0, &placement), 0);
	ck_assert_uint_eq(placement.size, UINT64_C(1) << 62);
	strip_close(strip);
}
END_TEST

// Rounded first, the header then.
START_TEST(fragment_header)
{
	const struct strip_settings settings = {
		.size = 100, .alignment = 8, .header = 4, .coalesce = true
	};
	struct strip *strip;
	struct placement placement;
	const struct piece *blocks;

	ck_assert_int_eq(strip_open(&settings, &strip), 0);
	ck_assert_int_eq(strip_allocate(strip, 9, &placement), 0);
	ck_assert_uint_eq(placement.size, 20);
	ck_assert_int_eq(strip_allocate(strip, 8, &placement), 0);
	ck_assert_uint_eq(placement.size, 12);
	ck_assert_uint_eq(strip_blocks(strip, &blocks), 2);
	ck_assert_uint_eq(blocks[0].wanted, 9);
	struct strip_statistics s = strip_statistics(strip);
	ck_assert_uint_eq(s.used, 32);
	ck_assert_uint_eq(s.wanted, 17);
	ck_assert_double_eq_tol(s.internal, 15.0 / 32, 1e-12);
	strip_close(strip);
}
END_TEST

// ## Random programs on a map of bytes

enum { MAP = 300, STEPS = 400 };

// Check's own assertions tell its parent each time that they hold: too slow for
// each byte.
#define HOLDS(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			ck_abort_msg("%s", #condition);                        \
	} while (0)

struct map {
	struct strip_settings settings;
	struct strip *strip;
	int owner[MAP]; // of each byte; 0: nobody
	int next;       // owner
	struct piece held[MAP];
	size_t holding;
	uint64_t rover;
};

// The bytes from `at` on that are free, as the map has it.
static uint64_t run_of(const struct map *map, uint64_t at)
{
	uint64_t n = 0;

	while (at + n < map->settings.size && !map->owner[at + n])
		n++;
	return n;
}

// The bytes that a request takes, by counting up.
static uint64_t whole_of(const struct map *map, uint64_t bytes)
{
	const struct strip_settings *s = &map->settings;
	uint64_t piece = s->smallest ? s->smallest : 1;

	while (s->alignment && bytes % s->alignment)
		bytes++;
	bytes += s->header;
	if (s->fit != FIT_BUDDY)
		return bytes;
	while (piece < bytes)
		piece += piece;
	return piece;
}

// Where the rule puts a block with coalesced holes in order of address; -1:
// nowhere.
static int64_t rule(const struct map *map, uint64_t size)
{
	int64_t found = -1;
	uint64_t found_run = 0;
	enum fit fit = map->settings.fit;

	for (int round = fit == FIT_NEXT ? 0 : 1; round < 2; round++)
		for (uint64_t at = 0; at < map->settings.size; at++) {
			if (at && !map->owner[at - 1])
				continue;
			uint64_t run = run_of(map, at);
			if (!run || run < size ||
			    (!round && at + run <= map->rover))
				continue;
			if ((fit == FIT_FIRST || fit == FIT_NEXT) &&
			    found == -1)
				return (int64_t)at;
			if (found == -1 ||
			    (fit == FIT_BEST && run < found_run) ||
			    (fit == FIT_WORST && run > found_run)) {
				found = (int64_t)at;
				found_run = run;
			}
		}
	return found;
}

static void check_map(const struct map *map)
{
	const struct piece *holes, *blocks;
	size_t n = strip_holes(map->strip, &holes);
	size_t m = strip_blocks(map->strip, &blocks);
	struct strip_statistics s = strip_statistics(map->strip);
	int seen[MAP] = { 0 };
	uint64_t free_bytes = 0, largest = 0, wanted = 0;

	// every byte is in one hole or one block
	for (size_t i = 0; i < n; i++) {
		HOLDS(holes[i].size >= 1);
		for (uint64_t b = 0; b < holes[i].size; b++) {
			HOLDS(map->owner[holes[i].address + b] == 0);
			HOLDS(seen[holes[i].address + b]++ == 0);
		}
		free_bytes += holes[i].size;
		largest = holes[i].size > largest ? holes[i].size : largest;
	}
	for (size_t i = 0; i < m; i++) {
		int owner = map->owner[blocks[i].address];
		HOLDS(owner != 0);
		HOLDS(blocks[i].size > 0);
		for (uint64_t b = 0; b < blocks[i].size; b++) {
			HOLDS(map->owner[blocks[i].address + b] == owner);
			HOLDS(seen[blocks[i].address + b]++ == 0);
		}
		wanted += blocks[i].wanted;
		if (map->settings.fit == FIT_BUDDY)
			HOLDS(blocks[i].address % blocks[i].size == 0);
	}
	HOLDS(s.free == free_bytes);
	HOLDS(s.largest == largest);
	HOLDS(s.wanted == wanted);
	HOLDS(s.free + s.used == map->settings.size);
	HOLDS(s.blocks == map->holding);
	HOLDS(s.holes == n);
}

// In a list by address that is coalesced, no two holes touch; no two buddies are
// free, whole ones.
static void check_coalesced(const struct map *map)
{
	const struct piece *holes;
	size_t n = strip_holes(map->strip, &holes);

	for (size_t i = 0; i + 1 < n; i++) {
		HOLDS(holes[i].address < holes[i + 1].address);
		if (map->settings.fit != FIT_BUDDY)
			HOLDS(holes[i].address + holes[i].size <
			      holes[i + 1].address);
		else if (holes[i].size == holes[i + 1].size)
			HOLDS(holes[i].address / holes[i].size + 1 !=
			      ((holes[i + 1].address / holes[i + 1].size) | 1));
	}
}

static bool by_rule(const struct map *map)
{
	return map->settings.coalesce && map->settings.fit != FIT_BUDDY &&
	       map->settings.order == ORDER_ADDRESS;
}

static void map_allocate(struct map *map, uint64_t bytes)
{
	struct placement placement;
	uint64_t size = whole_of(map, bytes);
	int64_t want = by_rule(map) ? rule(map, size) : 0;

	int error = strip_allocate(map->strip, bytes, &placement);
	HOLDS(error == 0 || error == -ENOSPC);
	HOLDS(placement.size == size);
	if (by_rule(map))
		HOLDS((error ? -1 : (int64_t)placement.address) == want);
	if (error) {
		HOLDS(strip_statistics(map->strip).largest < size);
		return;
	}
	HOLDS(placement.hole.size >= size);
	HOLDS(placement.hole.address == placement.address);
	HOLDS(placement.address + size <= map->settings.size);
	map->next++;
	for (uint64_t b = 0; b < size; b++) {
		HOLDS(map->owner[placement.address + b] == 0);
		map->owner[placement.address + b] = map->next;
	}
	map->held[map->holding++] = (struct piece){ placement.address, size,
						    bytes };
	map->rover = placement.address + size;
}

static void map_free(struct map *map, size_t i)
{
	struct piece piece = map->held[i];

	HOLDS(strip_free(map->strip, piece.address) == 0);
	for (uint64_t b = 0; b < piece.size; b++)
		map->owner[piece.address + b] = 0;
	map->held[i] = map->held[--map->holding];
}

// Whoever moves bytes along finds each of its own again.
static void map_move(void *argument, uint64_t from, uint64_t to, uint64_t bytes)
{
	struct map *map = argument;
	int owner = map->owner[from];

	HOLDS(to < from);
	HOLDS(owner != 0);
	for (uint64_t b = 0; b < bytes; b++) {
		HOLDS(map->owner[from + b] == owner);
		map->owner[from + b] = 0;
		HOLDS(map->owner[to + b] == 0);
		map->owner[to + b] = owner;
	}
	for (size_t i = 0; i < map->holding; i++)
		if (map->held[i].address == from)
			map->held[i].address = to;
}

static void map_compact(struct map *map)
{
	int error = strip_compact(map->strip, map_move, map);
	struct strip_statistics s = strip_statistics(map->strip);

	if (map->settings.fit == FIT_BUDDY) {
		HOLDS(error == -ENOTSUP);
		return;
	}
	HOLDS(error == 0);
	HOLDS(s.holes <= 1);
	HOLDS(s.largest == s.free);
	map->rover = s.used;
}

static void play(struct random *random, struct map *map)
{
	uint32_t range = 1 + random_below(random, 60);

	HOLDS(strip_open(&map->settings, &map->strip) == 0);
	for (int step = 0; step < STEPS; step++) {
		uint32_t dice = random_below(random, 100);
		if (dice == 0)
			map_compact(map);
		else if (dice < 45 && map->holding)
			map_free(map,
				 random_below(random, (uint32_t)map->holding));
		else
			map_allocate(map, 1 + random_below(random, range));
		check_map(map);
		if (map->settings.coalesce &&
		    map->settings.order == ORDER_ADDRESS)
			check_coalesced(map);
	}
	// all comes back, and is one again
	while (map->holding)
		map_free(map, 0);
	check_map(map);
	if (map->settings.coalesce && map->settings.order == ORDER_ADDRESS &&
	    map->settings.fit != FIT_BUDDY)
		HOLDS(strip_statistics(map->strip).largest ==
		      map->settings.size);
	if (map->settings.coalesce && map->settings.fit == FIT_BUDDY)
		HOLDS(__builtin_popcountll(map->settings.size) ==
		      (int)strip_statistics(map->strip).holes);
	strip_close(map->strip);
}

START_TEST(fragment_random)
{
	struct random random = { 7 + (uint64_t)_i };
	enum fit fit = (enum fit)(_i % FITS);
	int turns = soaking() ? 2000 : 30;

	for (int turn = 0; turn < turns; turn++) {
		static struct map map;
		map = (struct map){
			.settings = {
				.size = 1 + random_below(&random, MAP),
				.fit = fit,
				.order = fit == FIT_NEXT || fit == FIT_BUDDY
					? ORDER_ADDRESS
					: random_below(&random, ORDERS),
				.coalesce = random_below(&random, 4),
				.alignment = random_below(&random, 9),
				.header = random_below(&random, 2) * 4,
			},
		};
		if (fit == FIT_BUDDY && random_below(&random, 2)) {
			map.settings.smallest = UINT64_C(1)
						<< random_below(&random, 5);
			map.settings.size =
				16 * (1 + random_below(&random, MAP / 16));
		}
		play(&random, &map);
	}
}
END_TEST

// In a sorted list best fit takes what first fit would, and so does worst fit in
// one that falls.
START_TEST(fragment_orders)
{
	static const enum fit fits[] = { FIT_BEST, FIT_WORST };
	static const enum hole_order orders[] = { ORDER_SIZE_UP,
						  ORDER_SIZE_DOWN };

	for (int i = 0; i < 2; i++) {
		struct random random = { 11 };
		struct strip_settings settings = { .size = 2000,
						   .fit = fits[i],
						   .order = orders[i] };
		struct strip *a, *b;
		HOLDS(strip_open(&settings, &a) == 0);
		settings.fit = FIT_FIRST;
		HOLDS(strip_open(&settings, &b) == 0);
		for (int k = 0; k < 60; k++)
			HOLDS(get(a, 1 + (uint64_t)k % 30) ==
			      get(b, 1 + (uint64_t)k % 30));
		// back comes everything: the list is sorted
		const struct piece *blocks;
		while (strip_blocks(a, &blocks)) {
			uint64_t address = blocks[0].address;
			HOLDS(strip_free(a, address) == 0);
			HOLDS(strip_free(b, address) == 0);
		}
		uint64_t wanted = 1 + random_below(&random, 30);
		HOLDS(get(a, wanted) == get(b, wanted));
		strip_close(a);
		strip_close(b);
	}
}
END_TEST

void fragment_allocator_tests(Suite *suite)
{
	TCase *tests = tcase_create("allocator");

	tcase_add_test(tests, fragment_knuth);
	tcase_add_test(tests, fragment_silberschatz);
	tcase_add_test(tests, fragment_buddy_silberschatz);
	tcase_add_test(tests, fragment_buddy_strangers);
	tcase_add_test(tests, fragment_next_roves);
	tcase_add_test(tests, fragment_refusals);
	tcase_add_test(tests, fragment_header);
	tcase_add_loop_test(tests, fragment_random, 0, 2 * FITS);
	tcase_add_test(tests, fragment_orders);
	suite_add_tcase(suite, tests);
}

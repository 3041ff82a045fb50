// What the tests ask of orders.h: nothing wrong, nothing spare, or something
// that must be found.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ordered.h"
#include "orders_parts.h"

enum { GAMES = 4 };

static void name_part(const struct orders_part *part, char *text, size_t room)
{
	snprintf(text, room, "%s at %s%s",
		 part->operation == WAKE ? "futex"
		 : part->acquire         ? "acquire"
					 : "release",
		 orders_operation(part->operation),
		 part->offset < 0 ? " of a waiter" : "");
}

// With OSLAB_ORDERS set, how large it was, on standard error.
static void told(const struct game *game, const struct orders_result *r,
		 const char *what)
{
	if (getenv("OSLAB_ORDERS"))
		fprintf(stderr, "%-28s %7zu states %7zu steps %4zu ends  %s\n",
			game->name, r->states, r->steps, r->ends, what);
}

static void show(const struct game *game, const struct orders_part *without,
		 const struct orders_result *r)
{
	static char text[64 << 10];

	orders_replay(game, without, r->schedule, text, sizeof text);
	fprintf(stderr, "%s: %s\n%sthe schedule: %s\n", game->name, r->wrong,
		text, r->schedule);
}

static struct orders_result explore_right(const struct game *game)
{
	struct orders_result r = orders_explore(game, NULL);

	told(game, &r, r.wrong ? r.wrong : "");
	if (r.wrong)
		show(game, NULL, &r);
	ck_assert_msg(!r.wrong, "%s: %s", game->name, r.wrong);
	ck_assert_uint_gt(r.ends, 0);
	return r;
}

void orders_right(const struct game *game)
{
	explore_right(game);
}

void orders_wrong(const struct game *game, const char *why)
{
	struct orders_result r = orders_explore(game, NULL);

	told(game, &r, r.wrong ? r.wrong : "nothing wrong");
	ck_assert_msg(r.wrong && !strcmp(r.wrong, why), "%s: %s, not %s",
		      game->name, r.wrong ? r.wrong : "found nothing", why);
	const char *again = orders_replay(game, NULL, r.schedule, NULL, 0);
	ck_assert_msg(again == r.wrong, "%s: replayed: %s", game->name,
		      again ? again : "nothing wrong");
}

static bool uses(const struct orders_result *r, const struct orders_part *part)
{
	for (int i = 0; i < r->count; i++)
		if (r->parts[i].operation == part->operation &&
		    r->parts[i].acquire == part->acquire &&
		    r->parts[i].offset == part->offset)
			return true;
	return false;
}

// Whether some game complains where the part is missing.
static bool is_needed(const struct game *const *games,
		      const struct orders_result *results,
		      const struct orders_part *part)
{
	for (int i = 0; games[i]; i++) {
		if (!uses(&results[i], part))
			continue;
		struct orders_result r = orders_explore(games[i], part);
		told(games[i], &r, r.wrong ? r.wrong : "NOTHING WRONG");
		if (!r.wrong)
			continue;
		const char *again = orders_replay(games[i], part, r.schedule,
						  NULL, 0);
		ck_assert_msg(again, "%s, and replayed nothing", r.wrong);
		return true;
	}
	return false;
}

void orders_needs_all(const struct game *const *games, const char *spare)
{
	struct orders_result results[GAMES];
	char missed[2048] = "", name[80];
	int found = 0;

	for (int i = 0; games[i]; i++) {
		ck_assert_int_lt(i, GAMES);
		results[i] = explore_right(games[i]);
	}
	for (int i = 0; games[i]; i++)
		for (int j = 0; j < results[i].count; j++) {
			const struct orders_part *part = &results[i].parts[j];
			bool before = false;
			for (int k = 0; k < i; k++)
				before |= uses(&results[k], part);
			if (before)
				continue;
			name_part(part, name, sizeof name);
			if (getenv("OSLAB_ORDERS"))
				fprintf(stderr, "  without %s, +%ld:\n", name,
					part->offset);
			if (is_needed(games, results, part))
				found++;
			else if (!strstr(missed, name))
				snprintf(missed + strlen(missed),
					 sizeof missed - strlen(missed), "%s\n",
					 name);
		}
	ck_assert_int_gt(found, 0);
	ck_assert_msg(!strcmp(missed, spare),
		      "%s: nothing is wrong without:\n%sexpected:\n%s",
		      games[0]->name, missed, spare);
}

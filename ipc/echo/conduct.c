// # Who is in the crowd, and what each does
//
// A row each: how much it sends, how far ahead of what comes back, how it reads
// and how it leaves. All else is the same for all. The slow have a small receive
// buffer, so that the server feels it when they do not read.

#define _GNU_SOURCE
#include <string.h>

#include "crowd.h"

static const struct conduct prompt = {
	.kind = ECHO_PROMPT,
	.bytes = 4096,
	.ahead = 256,
};

static const struct conduct half = {
	.kind = ECHO_HALF,
	.bytes = 8192,
	.ahead = SIZE_MAX,
	.half_close = true,
};

static const struct conduct big = {
	.kind = ECHO_BIG,
	.bytes = 262144,
	.ahead = SIZE_MAX,
};

static const struct conduct slow = {
	.kind = ECHO_SLOW,
	.bytes = 262144,
	.ahead = SIZE_MAX,
	.half_close = true,
	.bites = 40,
	.room = 16384,
};

static const struct conduct silent = { .kind = ECHO_SILENT };

static const struct conduct gone[] = {
	{ ECHO_GONE, AT_ONCE, 0, 0, false, 0, 0 },
	{ ECHO_GONE, RESETS, 65536, SIZE_MAX, false, 0, 0 },
	{ ECHO_GONE, LEAVES_UNREAD, 1024, SIZE_MAX, false, 0, 0 },
	{ ECHO_GONE, RESETS_HALF_CLOSED, 1024, SIZE_MAX, true, 0, 0 },
};

const char *const echo_kind_names[ECHO_KINDS] = {
	"prompt", "half-close", "big", "slow", "vanishing", "silent",
};

// In an order that mixes them, and exact for each hundred: 61 and 100 have no
// common factor. The rest are the first three kinds, about 6 : 3 : 1.
const struct conduct *crowd_conduct(const struct echo_crowd *crowd, unsigned i)
{
	unsigned place = i * 61 % 100, silent_end = crowd->silent;
	unsigned gone_end = silent_end + crowd->gone;

	if (place < silent_end)
		return &silent;
	if (place < gone_end)
		return &gone[(place - silent_end + i / 100) %
			     (sizeof gone / sizeof *gone)];
	if (place < gone_end + crowd->slow)
		return &slow;
	unsigned of_ten = (place + i / 100) % 10;
	return of_ten == 0 ? &big : of_ten <= 3 ? &half : &prompt;
}

void echo_crowd_count(const struct echo_crowd *crowd,
		      unsigned count[ECHO_KINDS])
{
	memset(count, 0, ECHO_KINDS * sizeof *count);
	for (unsigned i = 0; i < crowd->clients; i++)
		count[crowd_conduct(crowd, i)->kind]++;
}

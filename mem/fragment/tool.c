// # fragment strip: your own requests
//
//     $ build/mem/fragment strip "a 300, a 200, a 300, f 1, a 120"
//     first fit, 1000 bytes
//     a 300      0 (A) at 0, 1 looked at
//      0  AAAAAAAAAAAAAAAAAAAA············································
//     ...
//     a 120      3 (D) at 300, 1 looked at
//      0  AAAAAAAAAAAAAAAAAAAADDDDDDD·····CCCCCCCCCCCCCCCCCCCC············
//     280 bytes free in 2 holes, the largest 200: 28.6 % of no use to one request
//     720 given out, 720 asked for: 0.0 % lost inside

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem/fragment/fragment.h"
#include "must.h"
#include "options.h"

enum {
	OPT_FIT = 256,
	OPT_SIZE,
	OPT_ORDER,
	OPT_HEADER,
	OPT_ALIGN,
	OPT_SMALLEST,
	OPT_NO_COALESCE,
	OPT_FORMAT,

	EXIT_USAGE = 2,
	MOST_REQUESTS = 10000,
	TEXT_BYTES = 1 << 20,
	CELLS = 64,
};

static const struct argp_option table[] = {
	{ "fit", OPT_FIT, "NAME", 0,
	  "first (the default), best, worst, next, buddy, or all", 1 },
	{ "size", OPT_SIZE, "BYTES", 0, "Of the strip (1000; buddy 1024)", 1 },
	{ "order", OPT_ORDER, "NAME", 0,
	  "Of the free list: address (the default), size-up, size-down, front, "
	  "back; next fit and buddy: address",
	  1 },
	{ "header", OPT_HEADER, "BYTES", 0, "Each block has one (0)", 2 },
	{ "align", OPT_ALIGN, "BYTES", 0,
	  "Sizes are rounded up to a multiple, before the header is added (1)",
	  2 },
	{ "smallest", OPT_SMALLEST, "BYTES", 0,
	  "Buddy: no piece is smaller; a power of two (1)", 2 },
	{ "no-coalesce", OPT_NO_COALESCE, 0, 0, "Do not join holes that touch",
	  2 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs: an array, an object for "
	  "each fit",
	  3 },
	{ 0 }
};

static const char doc[] =
	"A strip of memory, and what is asked of it: who gets which bytes, and "
	"what remains.\v"
	"REQUESTS are separated by commas, or by new lines; - reads them from "
	"standard input:\n"
	"\n"
	"  a BYTES   allocate; the first is A or 0, the second B or 1 ...\n"
	"  f WHICH   free it: a letter, or a number from 0\n"
	"  c         compact\n"
	"\n"
	"Sizes may have a unit: 4K, 1M.\n"
	"\n"
	"Example: fragment strip --fit=all \"a 300, a 200, a 300, f B, a "
	"120\"\n"
	"\n"
	"Exit status: 0, also where a request is refused; 1 the work failed, 2 "
	"bad usage.";

// ## Requests

struct request {
	char kind;     // 'a', 'f', 'c'
	uint64_t size; // a
	size_t which;  // f
};

struct input {
	const char *order, *smallest; // as they were written
	struct strip_settings settings;
	bool sized, all, json;
	char *text;
	struct request *requests;
	size_t count;
};

static const uint64_t most_bytes = UINT64_C(1) << 50;

// "A" to "Z" or a number.
static bool read_which(const char *text, size_t allocations, size_t *which)
{
	int64_t number;

	if (*text >= 'A' && *text <= 'Z' && !text[1])
		number = *text - 'A';
	else if (parse_number(text, 0, MOST_REQUESTS, &number) != 0)
		return false;
	*which = (size_t)number;
	return *which < allocations;
}

static _Noreturn void refuse(const char *request)
{
	exit(option_complain(EXIT_USAGE,
			     "'%s': want a BYTES (1 to 1024T), f WHICH (an "
			     "allocation before it) or c, separated by commas",
			     request));
}

static void read_request(struct input *input, char *text, size_t *allocations)
{
	struct request *r = &input->requests[input->count];
	char whole[64];

	snprintf(whole, sizeof whole, "%s", text);
	r->kind = *text;
	if (*text)
		text++;
	text += strspn(text, " \t");
	bool right =
		input->count < MOST_REQUESTS &&
		(r->kind == 'a'   ? !parse_size(text, 1, most_bytes, &r->size)
		 : r->kind == 'f' ? read_which(text, *allocations, &r->which)
				  : r->kind == 'c' && !*text);
	if (!right)
		refuse(whole);
	*allocations += r->kind == 'a';
	input->count++;
}

static void read_requests(struct input *input)
{
	size_t allocations = 0;
	char *rest = input->text, *one;

	input->requests =
		must_ptr(calloc(MOST_REQUESTS + 1, sizeof *input->requests));
	while ((one = strsep(&rest, ",\n"))) {
		one += strspn(one, " \t\r");
		size_t n = strlen(one);
		while (n && strchr(" \t\r", one[n - 1]))
			one[--n] = '\0';
		if (n)
			read_request(input, one, &allocations);
	}
	if (!input->count)
		exit(option_complain(EXIT_USAGE,
				     "want requests, such as \"a 100, f 0\""));
}

static char *read_input(void)
{
	char *text = must_ptr(malloc(TEXT_BYTES));
	size_t n = fread(text, 1, TEXT_BYTES, stdin);

	if (ferror(stdin))
		exit(option_complain(EXIT_FAILURE, "standard input: %s",
				     strerror(errno)));
	if (n == TEXT_BYTES || memchr(text, '\0', n))
		exit(option_complain(EXIT_USAGE,
				     "standard input: want a text of less than "
				     "%d bytes",
				     TEXT_BYTES));
	text[n] = '\0';
	return text;
}

// ## Playing them

struct play {
	const struct input *input;
	struct strip *strip;
	struct mark *marks; // of each allocation; letter 0: it has no block
	size_t allocations;
	struct canvas canvas;
	uint64_t moves, bytes; // of a compaction
};

static char letter(size_t i)
{
	return i < 26 ? (char)('A' + i) : '#';
}

static void moved(void *argument, uint64_t from, uint64_t to, uint64_t bytes)
{
	struct play *play = argument;

	for (size_t i = 0; i < play->allocations; i++)
		if (play->marks[i].letter && play->marks[i].address == from)
			play->marks[i].address = to;
	play->moves++;
	play->bytes += bytes;
}

static void json_state(const struct play *play)
{
	const struct strip_statistics s = strip_statistics(play->strip);
	const struct piece *holes;
	size_t n = strip_holes(play->strip, &holes);

	printf(", \"free\": %" PRIu64 ", \"largest\": %" PRIu64
	       ",\n    \"external\": %.6f, \"internal\": %.6f, "
	       "\"free_list\": [",
	       s.free, s.largest, s.external, s.internal);
	for (size_t i = 0; i < n; i++)
		printf("%s[%" PRIu64 ", %" PRIu64 "]", i ? ", " : "",
		       holes[i].address, holes[i].size);
	printf("]}");
}

static void allocate(struct play *play, const struct request *r)
{
	struct placement p;
	size_t index = play->allocations++;
	bool json = play->input->json;

	int error = strip_allocate(play->strip, r->size, &p);
	if (error != -ENOSPC)
		must_neg(error);
	play->marks[index] = (struct mark){ p.address,
					    error ? '\0' : letter(index) };
	if (json)
		printf("{\"operation\": \"alloc\", \"index\": %zu, \"size\": "
		       "%" PRIu64 ", \"searched\": %zu, \"address\": ",
		       index, r->size, p.searched);
	else
		printf("a %-8" PRIu64 " ", r->size);
	if (json && error)
		printf("null");
	else if (json)
		printf("%" PRIu64 ", \"bytes\": %" PRIu64, p.address, p.size);
	else if (error)
		printf("refused, %zu looked at\n", p.searched);
	else
		printf("%zu (%c) at %" PRIu64 ", %zu looked at\n", index,
		       letter(index), p.address, p.searched);
}

static void give(struct play *play, const struct request *r)
{
	struct mark *mark = &play->marks[r->which];
	int error = mark->letter ? strip_free(play->strip, mark->address)
				 : -ENOENT;

	if (error != -ENOENT)
		must_neg(error);
	mark->letter = '\0';
	if (play->input->json)
		printf("{\"operation\": \"free\", \"index\": %zu, \"freed\": "
		       "%s",
		       r->which, error ? "false" : "true");
	else
		printf("f %zu%s\n", r->which,
		       error ? "        is not there: refused, or free already"
			     : "");
}

static void compact(struct play *play)
{
	play->moves = play->bytes = 0;
	int error = strip_compact(play->strip, moved, play);
	if (error != -ENOTSUP)
		must_neg(error);
	if (play->input->json)
		printf("{\"operation\": \"compact\", \"moves\": %" PRIu64
		       ", \"bytes\": %" PRIu64,
		       play->moves, play->bytes);
	else if (error)
		printf("c          buddies stay at multiples of their sizes\n");
	else
		printf("c          %" PRIu64 " blocks moved, %" PRIu64
		       " bytes\n",
		       play->moves, play->bytes);
}

static void print_end(const struct play *play)
{
	const struct strip_statistics s = strip_statistics(play->strip);

	printf("%" PRIu64 " bytes free in %zu hole%s, the largest %" PRIu64
	       ": %.1f %% of no use to one request\n",
	       s.free, s.holes, s.holes == 1 ? "" : "s", s.largest,
	       100 * s.external);
	printf("%" PRIu64 " given out, %" PRIu64
	       " asked for: %.1f %% lost inside\n",
	       s.used, s.wanted, 100 * s.internal);
}

static void play_all(const struct input *input, enum fit fit)
{
	struct strip_settings settings = input->settings;
	struct play play = { .input = input,
			     .canvas = canvas_of(STDOUT_FILENO) };

	settings.fit = fit;
	must_neg(strip_open(&settings, &play.strip));
	play.marks = must_ptr(calloc(input->count + 1, sizeof *play.marks));
	if (input->json)
		printf("{\"fit\": \"%s\", \"size\": %" PRIu64
		       ", \"operations\": [",
		       fit_names[fit], settings.size);
	else
		printf("%s%s, %" PRIu64 " bytes\n", fit_names[fit],
		       fit == FIT_BUDDY ? "" : " fit", settings.size);
	for (size_t i = 0; i < input->count; i++) {
		const struct request *r = &input->requests[i];
		if (input->json)
			printf("%s\n   ", i ? "," : "");
		if (r->kind == 'a')
			allocate(&play, r);
		else if (r->kind == 'f')
			give(&play, r);
		else
			compact(&play);
		if (input->json) {
			json_state(&play);
			continue;
		}
		char *map = must_ptr(picture(&play.canvas, play.strip, CELLS,
					     play.marks, play.allocations));
		fputs(map, stdout);
		free(map);
	}
	if (input->json)
		printf("]}");
	else
		print_end(&play);
	free(play.marks);
	strip_close(play.strip);
}

// ## The command line

static error_t parse(int key, char *text, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	static const char *const fits[] = { "first", "best", "worst", "next",
					    "buddy", "all",  NULL };
	struct input *in = state->input;
	struct strip_settings *s = &in->settings;

	switch (key) {
	case OPT_FIT:
		s->fit = (enum fit)option_choice(state, "--fit", text, fits);
		in->all = s->fit == FITS;
		return 0;
	case OPT_SIZE:
		s->size = option_size(state, "--size", text, 1, most_bytes);
		in->sized = true;
		return 0;
	case OPT_ORDER:
		in->order = text;
		s->order = (enum hole_order)option_choice(
			state, "--order", text, hole_order_names);
		return 0;
	case OPT_HEADER:
		s->header = option_size(state, "--header", text, 0, most_bytes);
		return 0;
	case OPT_ALIGN:
		s->alignment = option_size(state, "--align", text, 1,
					   most_bytes);
		return 0;
	case OPT_SMALLEST:
		in->smallest = text;
		s->smallest = option_size(state, "--smallest", text, 1,
					  most_bytes);
		if (s->smallest & (s->smallest - 1))
			option_refuse(state, "--smallest", text,
				      "a power of two");
		return 0;
	case OPT_NO_COALESCE:
		s->coalesce = false;
		return 0;
	case OPT_FORMAT:
		in->json = option_choice(state, "--format", text, formats);
		return 0;
	case ARGP_KEY_ARG:
		if (in->text)
			exit(option_complain(EXIT_USAGE,
					     "%s: want the requests in one "
					     "argument: \"a 100, f 0\"",
					     text));
		in->text = text;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

// What does not go together.
static void check(const struct input *in)
{
	const struct strip_settings *s = &in->settings;
	bool buddy = s->fit == FIT_BUDDY || in->all;

	if (s->order != ORDER_ADDRESS &&
	    (s->fit == FIT_NEXT || s->fit == FIT_BUDDY || in->all))
		option_refuse(outside_argp(), "--order", in->order,
			      "address for next fit and buddy (and all)");
	if (buddy && s->smallest && s->size % s->smallest)
		option_refuse(outside_argp(), "--smallest", in->smallest,
			      "what divides the strip's size, %" PRIu64,
			      s->size);
}

int strip_main(int argc, char **argv)
{
	static const struct argp argp = { table, parse, "REQUESTS", doc,
					  NULL,  NULL,  NULL };
	struct input in = { .settings = { .coalesce = true } };
	char *input = NULL;

	argp_parse(&argp, argc, argv, 0, NULL, &in);
	if (!in.sized)
		in.settings.size = in.settings.fit == FIT_BUDDY ? 1024 : 1000;
	check(&in);
	if (!in.text)
		return option_complain(EXIT_USAGE,
				       "want requests, such as \"a 100, f 0\"");
	if (!strcmp(in.text, "-"))
		in.text = input = read_input();
	read_requests(&in);
	if (in.json)
		printf("[");
	for (int fit = 0; fit < FITS; fit++) {
		if (!in.all && fit != (int)in.settings.fit)
			continue;
		if (fit && in.all)
			fputs(in.json ? ",\n" : "\n", stdout);
		play_all(&in, (enum fit)fit);
	}
	if (in.json)
		printf("]\n");
	free(in.requests);
	free(input);
	return EXIT_SUCCESS;
}

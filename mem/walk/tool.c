// # walk split: any address, on any shape of tables
//
//     $ build/mem/walk split 0x7ffc1a2b3c4d
//     $ build/mem/walk split --levels=2 0xc0ffee 0xbadcafe
//     $ build/mem/walk split --levels=36,12 0x7ffc1a2b3c4d

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"
#include "mem/walk/walk.h"
#include "options.h"

enum { OPT_LEVELS = 0x100, OPT_FORMAT };

static const struct argp_option table[] = {
	{ "levels", OPT_LEVELS, "N|BITS,...", 0,
	  "1 (20/12), 2 (10/10/12), 3 (2/9/9/12), 4 (9/9/9/9/12), 5 "
	  "(9/9/9/9/9/12), or the bits of each index from the root on and of "
	  "the offset: 36,12 (this machine's own)", 0 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs", 0 },
	{ 0 }
};

enum { MOST = 10000 };

struct wish {
	struct paging paging;
	int json;
	char **words;
	size_t count;
	uint64_t *addresses;
};

static void take_levels(struct argp_state *state, const char *text,
			struct wish *wish)
{
	int error = paging_parse(&wish->paging, text);

	if (error == -ERANGE)
		option_refuse(state, "--levels", text,
			      "1 to %d indices of 1 to 52 bits, an offset of 1 "
			      "to 30, all of them 64 at most",
			      MOST_LEVELS);
	if (error)
		option_refuse(state, "--levels", text,
			      "1 to 5, or the bits of each index and of the "
			      "offset, such as 10,10,12");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct wish *wish = state->input;

	switch (key) {
	case OPT_LEVELS:
		take_levels(state, arg, wish);
		return 0;
	case OPT_FORMAT:
		wish->json = option_choice(state, "--format", arg, formats);
		return 0;
	case ARGP_KEY_ARGS:
		wish->words = state->argv + state->next;
		wish->count = (size_t)(state->argc - state->next);
		if (wish->count > MOST)
			option_refuse(state, "ADDRESS", wish->words[MOST],
				      "at most %d of them", MOST);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "want an ADDRESS");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

// ## An address
//
// Hexadecimal after 0x, else decimal. A machine with 64-bit registers has bits
// above those that its tables use; on a smaller one there is nothing above.

static bool has_upper_bits(const struct paging *paging)
{
	enum { SMALL = 36 };

	return paging_bits(paging) > SMALL;
}

static uint64_t read_address(const struct paging *paging, const char *text)
{
	bool hexadecimal = !strncmp(text, "0x", 2) || !strncmp(text, "0X", 2);
	const char *digits = hexadecimal ? text + 2 : text;
	size_t allowed = strspn(digits, hexadecimal ? "0123456789abcdefABCDEF"
						    : "0123456789");
	unsigned bits = paging_bits(paging);

	errno = 0;
	uint64_t address = strtoull(digits, NULL, hexadecimal ? 16 : 10);
	if (!*digits || digits[allowed])
		option_refuse(outside_argp(), "ADDRESS", text,
			      "a whole number: decimal, or hexadecimal after "
			      "0x");
	if (errno)
		option_refuse(outside_argp(), "ADDRESS", text,
			      "a number of 64 bits at most");
	if (!has_upper_bits(paging) && address >> bits)
		option_refuse(outside_argp(), "ADDRESS", text,
			      "an address of %u bits, as these tables have",
			      bits);
	return address;
}

static bool is_address(const struct paging *paging, uint64_t address)
{
	return !has_upper_bits(paging) || !addresses_are_signed() ||
	       paging_is_canonical(paging, address);
}

// ## Telling

static void print_one(const struct paging *paging, uint64_t address)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = draw_address(&canvas, paging, address);
	uint64_t offset = paging_offset(paging, address);

	printf("0x%" PRIx64 " (%" PRIu64 ")\n\n%s\n", address, address,
	       picture);
	printf("    p = %" PRIu64 ", d = %" PRIu64 ": v = p * %" PRIu64
	       " + d\n",
	       address >> paging->offset_bits, offset,
	       UINT64_C(1) << paging->offset_bits);
	if (paging->levels > 1) {
		printf("    root");
		for (unsigned i = 0; i < paging->levels; i++)
			printf("%s[%" PRIu64 "]", i ? " -> " : "",
			       paging_index(paging, i, address));
		printf(" -> frame, + %" PRIu64 "\n", offset);
	}
	if (!is_address(paging, address))
		printf("    not canonical: bits 63 to %u are not copies of bit "
		       "%u\n",
		       paging_bits(paging), paging_bits(paging) - 1);
	free(picture);
}

static void print_text(const struct wish *wish)
{
	char shape[PAGING_BYTES];
	const struct paging *paging = &wish->paging;

	printf("%u level%s, %s\n\n", paging->levels,
	       paging->levels == 1 ? "" : "s", paging_text(shape, paging));
	for (size_t i = 0; i < wish->count; i++) {
		if (i > 0)
			putchar('\n');
		print_one(paging, wish->addresses[i]);
	}
	if (wish->count > 1 && paging->levels > 1)
		putchar('\n');
	for (size_t i = 1; i < wish->count && paging->levels > 1; i++)
		printf("0x%" PRIx64 " and 0x%" PRIx64 ": %u of %u tables in "
		       "common\n",
		       wish->addresses[i - 1], wish->addresses[i],
		       paging_shared(paging, wish->addresses[i - 1],
				     wish->addresses[i]),
		       paging->levels);
}

static json_t *json_one(const struct paging *paging, uint64_t address)
{
	char text[32];
	json_t *indices = must_ptr(json_array());

	for (unsigned i = 0; i < paging->levels; i++)
		must(json_array_append_new(
			indices, json_integer((json_int_t)paging_index(
					 paging, i, address))));
	snprintf(text, sizeof text, "0x%" PRIx64, address);
	return must_ptr(json_pack(
		"{s:s, s:I, s:I, s:o, s:b}", "address", text, "page",
		(json_int_t)(address >> paging->offset_bits), "offset",
		(json_int_t)paging_offset(paging, address), "indices", indices,
		"canonical", (int)is_address(paging, address)));
}

static void print_json(const struct wish *wish)
{
	json_t *addresses = must_ptr(json_array());
	json_t *bits = must_ptr(json_array());

	for (unsigned i = 0; i < wish->paging.levels; i++)
		must(json_array_append_new(
			bits, json_integer(wish->paging.index_bits[i])));
	for (size_t i = 0; i < wish->count; i++)
		must(json_array_append_new(addresses,
					   json_one(&wish->paging,
						    wish->addresses[i])));
	json_t *all = must_ptr(json_pack(
		"{s:i, s:o, s:i, s:o}", "levels", (int)wish->paging.levels,
		"index_bits", bits, "offset_bits",
		(int)wish->paging.offset_bits, "addresses", addresses));
	char *text = must_ptr(json_dumps(all, JSON_INDENT(1)));
	puts(text);
	free(text);
	json_decref(all);
}

int split_tool(int argc, char **argv)
{
	struct wish wish = { 0 };
	const struct argp argp = {
		.options = table,
		.parser = parse,
		.args_doc = "ADDRESS...",
		.doc = "Takes virtual addresses apart: the index into the "
		       "table "
		       "of each level, and the offset.\v"
		       "ADDRESS is decimal, or hexadecimal after 0x.\n\n"
		       "Examples:\n"
		       "  walk split 0x7ffc1a2b3c4d\n"
		       "  walk split --levels=2 0xc0ffee 0xc1ffee\n\n"
		       "Exit status: 0; 1 the output could not be written; 2 "
		       "bad usage.",
	};

	if (!paging_here(&wish.paging))
		must_neg(paging_parse(&wish.paging, "4"));
	must_zero(argp_parse(&argp, argc, argv, 0, NULL, &wish));
	wish.addresses = must_ptr(calloc(wish.count, sizeof *wish.addresses));
	for (size_t i = 0; i < wish.count; i++)
		wish.addresses[i] = read_address(&wish.paging, wish.words[i]);
	if (wish.json)
		print_json(&wish);
	else
		print_text(&wish);
	free(wish.addresses);
	return EXIT_SUCCESS;
}

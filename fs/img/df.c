// # df: how full it is, and what it is
//
// As df(1) for a file system that is mounted: what metadata take is not
// available to anybody, and what is reserved for root not to others. (Who edits
// an image is its owner: `img put` may use it.) Below that, what the superblock
// says of the kind of image.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "fs/img/img.h"
#include "must.h"

static error_t parse(int key, char *text, struct argp_state *state)
{
	if (key == ARGP_KEY_ARG)
		argp_failure(state, EXIT_USAGE, 0,
			     "%s: want nothing after the image", text);
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.parser = parse,
	.args_doc = "IMAGE",
	.doc = "Shows how much of an image is used, and what kind of file "
	       "system it is."
	       "\vExample:\n"
	       "  img df disk.img",
};

static json_t *features(const struct ext2_numbers *n)
{
	const uint32_t words[] = { n->compat, n->incompat, n->ro_compat };
	json_t *list = must_ptr(json_array());
	char text[32];

	for (int word = 0; word < 3; word++)
		for (int bit = 0; bit < 32; bit++) {
			const char *name = ext2_feature_name(word, bit);
			if (!(words[word] & UINT32_C(1) << bit))
				continue;
			snprintf(text, sizeof text, "FEATURE_%c%d", "CIR"[word],
				 bit);
			json_array_append_new(list,
					      json_string(name ? name : text));
		}
	return list;
}

static const char *kind_of(const struct ext2_numbers *n)
{
	uint32_t ext4 = INCOMPAT_EXTENTS | INCOMPAT_64BIT | INCOMPAT_FLEX_BG;

	if (n->incompat & ext4 || n->ro_compat & RO_COMPAT_METADATA_CSUM)
		return "ext4";
	return n->compat & COMPAT_HAS_JOURNAL ? "ext3" : "ext2";
}

static void uuid_text(const uint8_t uuid[16], char text[37])
{
	size_t n = 0;

	for (int i = 0; i < 16; i++)
		n += (size_t)snprintf(
			text + n, 37 - n, "%s%02x",
			i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			uuid[i]);
}

static void print_line(const char *label, uint64_t value, uint64_t total,
		       uint32_t unit)
{
	char size[HUMAN_BYTES];

	printf("%-18s%12" PRIu64, label, value);
	if (unit)
		printf("  %10s", human_size(size, value * unit));
	if (total && total != value)
		printf("  %3.0f %%", 100.0 * (double)value / (double)total);
	putchar('\n');
}

static void print_features(const struct ext2_numbers *n)
{
	json_t *list = features(n), *word;
	char *text;
	size_t bytes, i;

	FILE *out = must_ptr(open_memstream(&text, &bytes));
	json_array_foreach(list, i, word)
		fprintf(out, "%s%s", i ? " " : "", json_string_value(word));
	must_zero(fclose(out));
	put_wrapped(stdout, canvas_of(STDOUT_FILENO).columns, "features    ",
		    12, *text ? text : "none");
	free(text);
	json_decref(list);
}

static void print_text(const struct ext2_numbers *n)
{
	char uuid[37], *label = shown(n->label, strlen(n->label));
	uint64_t used = n->blocks - n->free_blocks;
	uint64_t content = used > n->overhead_blocks ? used - n->overhead_blocks
						     : 0;

	uuid_text(n->uuid, uuid);
	printf("%s%s%s, blocks of %" PRIu32 " bytes, inodes of %" PRIu32
	       ", %" PRIu32 " group%s\n",
	       kind_of(n), *label ? ", labelled " : "", label, n->block_bytes,
	       n->inode_bytes, n->groups, n->groups == 1 ? "" : "s");
	printf("state       %s%s\n",
	       n->state & STATE_ERRORS ? "errors were found in it"
	       : n->state & STATE_CLEAN
		       ? "clean"
		       : "not clean: mounted, or not unmounted",
	       n->replayed ? "; its log holds changes, seen here as made" : "");
	printf("uuid        %s\n", uuid);
	print_features(n);
	putchar('\n');
	print_line("blocks", n->blocks, n->blocks, n->block_bytes);
	print_line("  metadata", n->overhead_blocks, n->blocks, n->block_bytes);
	print_line("  content", content, n->blocks, n->block_bytes);
	print_line("  free", n->free_blocks, n->blocks, n->block_bytes);
	print_line("  free, for root", n->reserved_blocks, n->blocks,
		   n->block_bytes);
	print_line("inodes", n->inodes, n->inodes, 0);
	print_line("  used", n->inodes - n->free_inodes, n->inodes, 0);
	print_line("  free", n->free_inodes, n->inodes, 0);
	free(label);
}

static int print_all_json(const struct ext2_numbers *n)
{
	char uuid[37];

	uuid_text(n->uuid, uuid);
	json_t *object = must_ptr(json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, "
		"s:b, s:b, s:o}",
		"kind", kind_of(n), "uuid", uuid, "block_bytes",
		(json_int_t)n->block_bytes, "inode_bytes",
		(json_int_t)n->inode_bytes, "groups", (json_int_t)n->groups,
		"blocks", (json_int_t)n->blocks, "free_blocks",
		(json_int_t)n->free_blocks, "reserved_blocks",
		(json_int_t)n->reserved_blocks, "overhead_blocks",
		(json_int_t)n->overhead_blocks, "inodes", (json_int_t)n->inodes,
		"free_inodes", (json_int_t)n->free_inodes, "clean",
		(n->state & STATE_CLEAN) != 0, "errors",
		(n->state & STATE_ERRORS) != 0, "replayed", n->replayed,
		"features", features(n)));
	json_set_name(object, "label", n->label, strlen(n->label));
	return print_json(object);
}

static int run_df(struct session *s, int argc, char **argv)
{
	struct ext2_numbers numbers;

	command_parse(s, &parser, argc, argv, NULL);
	if (session_open(s, EXT2_READ_ONLY) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	ext2_numbers(s->fs, &numbers);
	if (s->json)
		return print_all_json(&numbers);
	print_text(&numbers);
	return EXIT_SUCCESS;
}

const struct command df_command = {
	.name = "df",
	.summary = "shows how full an image is, and what kind it is",
	.heading = "Looking",
	.run = run_df,
};

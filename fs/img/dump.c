// # img dump: the structures of the disk, field by field
//
//     img dump disk.img super              the superblock (--copy=3: group 3's)
//     img dump disk.img group 0            a group's descriptor and its bitmaps
//     img dump disk.img inode 14           an inode
//     img dump disk.img block 531          bytes, and what they are
//     img dump disk.img dir /home/ubuntu   entries with their places and slack
//     img dump disk.img journal            what the log holds
//
// Each field with its name (that of the kernel's headers), its value and what it
// is for; with --hex also its place and its bytes. What is read is the image as it
// lies, with a log that has not been replayed: --replay shows it as if it had been.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "fs/img/dump.h"
#include "fs/img/fields.h"
#include "must.h"

// ## The command line

enum { OPT_HEX = 256, OPT_COPY, OPT_REPLAY };

static const struct argp_option table[] = {
	{ "hex", OPT_HEX, 0, 0, "Also the place of each field and its bytes",
	  1 },
	{ "copy", OPT_COPY, "GROUP", 0,
	  "super, group: the copy at the head of this group", 1 },
	{ "replay", OPT_REPLAY, 0, 0,
	  "As if the log had been replayed (in memory)", 1 },
	{ 0 }
};

static int (*const parts[])(struct dump *) = {
	[DUMP_SUPER] = dump_super,     [DUMP_GROUP] = dump_group,
	[DUMP_INODE] = dump_inode,     [DUMP_BLOCK] = dump_block,
	[DUMP_DIR] = dump_dir,         [DUMP_JOURNAL] = dump_journal,
};

static const char *const words[] = { "super", "group",   "inode", "block",
				     "dir",   "journal", NULL };

static void take_argument(struct dump *d, char *text, struct argp_state *state)
{
	bool number = d->what == DUMP_GROUP || d->what == DUMP_INODE ||
		      d->what == DUMP_BLOCK;

	if (!d->chosen) {
		d->what = (enum dump_what)option_choice(state, "WHAT", text,
							words);
		d->chosen = true;
	} else if (d->argument || !(number || d->what == DUMP_DIR)) {
		argp_failure(state, EXIT_USAGE, 0,
			     "%s: want nothing more after %s", text,
			     words[d->what]);
	} else {
		d->argument = text;
		if (number)
			d->number = (uint64_t)option_number(
				state, words[d->what], text,
				d->what == DUMP_INODE, INT64_MAX);
	}
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct dump *d = state->input;

	switch (key) {
	case OPT_HEX:
		d->hex = true;
		return 0;
	case OPT_COPY:
		d->copy = option_number(state, "--copy", text, 0, UINT32_MAX);
		return 0;
	case OPT_REPLAY:
		d->replay = true;
		return 0;
	case ARGP_KEY_ARG:
		take_argument(d, text, state);
		return 0;
	case ARGP_KEY_END:
		if (!d->chosen)
			argp_failure(state, EXIT_USAGE, 0,
				     "want super, group N, inode N, block N, "
				     "dir PATH or journal");
		if (!d->argument && d->what != DUMP_SUPER &&
		    d->what != DUMP_JOURNAL)
			argp_failure(state, EXIT_USAGE, 0, "%s: want %s",
				     words[d->what],
				     d->what == DUMP_DIR ? "a PATH"
							 : "its number");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE super|group N|inode N|block N|dir PATH|journal",
	.doc = "Shows a structure of the file system, field by field, with "
	       "what each is for."
	       "\vExamples:\n"
	       "  img dump disk.img super\n"
	       "  img dump disk.img inode 14 --hex\n"
	       "  img dump disk.img dir /home",
};

// ## The superblock

static int read_super_copy(struct dump *d, struct disk_super *super)
{
	struct ext2_group group;
	uint8_t *block;

	if (d->copy < 0) {
		*super = *ext2_super(d->session->fs);
		return 0;
	}
	int error = ext2_group(d->session->fs, (uint32_t)d->copy, &group);
	if (!error && !group.has_super)
		error = -ENOENT;
	if (error)
		return error;
	block = must_ptr(malloc(d->numbers.block_bytes));
	error = ext2_read_block(d->session->fs, group.first_block, block);
	// Block 0 holds it behind the boot sector.
	uint32_t at = group.first_block == 0 ? SUPER_OFFSET : 0;
	if (!error)
		memcpy(super, block + at, sizeof *super);
	free(block);
	return error;
}

int dump_super(struct dump *d)
{
	struct disk_super super;
	int error = read_super_copy(d, &super);

	if (error == -ENOENT || error == -EINVAL)
		return complain(d->session, 0,
				"--copy=%" PRId64 ": want a group with a copy "
				"(0, 1 and powers of 3, 5 and 7)",
				d->copy);
	if (error)
		return complain(d->session, error, "cannot read it");
	if (d->session->json)
		return print_json(json_fields(&super_structure,
					      (uint8_t *)&super, sizeof super));
	print_fields(&super_structure, (uint8_t *)&super, sizeof super, d->hex,
		     0);
	return EXIT_SUCCESS;
}

// ## A group

// Runs of numbers in use, as "1-12 15", and as [[1, 12], [15, 15]].
struct runs {
	FILE *out;
	json_t *list;
	uint64_t first, last, count;
};

static void runs_flush(struct runs *r)
{
	if (!r->count)
		return;
	fprintf(r->out,
		r->first == r->last ? " %" PRIu64 : " %" PRIu64 "-%" PRIu64,
		r->first, r->last);
	json_array_append_new(r->list, json_pack("[I, I]", (json_int_t)r->first,
						 (json_int_t)r->last));
}

static void runs_add(struct runs *r, uint64_t n)
{
	if (r->count && n == r->last + 1) {
		r->last = n;
		return;
	}
	runs_flush(r);
	r->first = r->last = n;
	r->count++;
}

static int in_use(struct dump *d, bool inodes, uint64_t n, bool *used)
{
	return inodes ? ext2_inode_in_use(d->session->fs, (uint32_t)n, used)
		      : ext2_block_in_use(d->session->fs, n, used);
}

// What a bitmap says, as the library reads it: one that was never written (ext4)
// says what a fresh one would.
static int tell_bitmap(struct dump *d, bool inodes, uint64_t block,
		       uint64_t first, uint64_t count, json_t *object)
{
	const char *what = inodes ? "inodes" : "blocks";
	struct runs runs = { .list = must_ptr(json_array()) };
	char *text, *before, key[32];
	size_t bytes;
	bool used;
	int error = 0;

	runs.out = must_ptr(open_memstream(&text, &bytes));
	for (uint64_t n = first; !error && n < first + count; n++) {
		error = in_use(d, inodes, n, &used);
		if (!error && used)
			runs_add(&runs, n);
	}
	runs_flush(&runs);
	must_zero(fclose(runs.out));
	snprintf(key, sizeof key, "%s_in_use", what);
	if (object) {
		json_object_set(object, key, runs.list);
	} else if (!error) {
		must(asprintf(&before,
			      "\n%s in use (bitmap in block %" PRIu64 "): ",
			      what, block));
		put_wrapped(stdout, canvas_of(STDOUT_FILENO).columns, before, 2,
			    runs.count ? text + 1 : "none");
		free(before);
	}
	json_decref(runs.list);
	free(text);
	return error;
}

static json_t *json_group(const struct ext2_group *g)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, "
			 "s:I}",
			 "first_block", (json_int_t)g->first_block, "blocks",
			 (json_int_t)g->blocks, "block_bitmap",
			 (json_int_t)g->block_bitmap, "inode_bitmap",
			 (json_int_t)g->inode_bitmap, "inode_table",
			 (json_int_t)g->inode_table, "inode_table_blocks",
			 (json_int_t)g->inode_table_blocks, "free_blocks",
			 (json_int_t)g->free_blocks, "free_inodes",
			 (json_int_t)g->free_inodes, "directories",
			 (json_int_t)g->directories, "has_super",
			 (int)g->has_super, "flags", (json_int_t)g->flags);
}

// Where the descriptor stands: after the superblock's block; with meta_bg at the
// head of the groups that its block describes.
static int descriptor_place(const struct dump *d, uint32_t bytes,
			    uint64_t *block, uint32_t *offset)
{
	uint32_t per_block = d->numbers.block_bytes / bytes;
	uint64_t index = d->number / per_block;
	const struct disk_super *super = ext2_super(d->session->fs);
	struct ext2_group head;

	*offset = (uint32_t)(d->number % per_block) * bytes;
	*block = d->numbers.first_data_block + 1 + index;
	if (d->copy >= 0)
		*block += (uint64_t)d->copy * d->numbers.blocks_per_group;
	if (!(d->numbers.incompat & INCOMPAT_META_BG) ||
	    index < get32(super->s_first_meta_bg))
		return 0;
	int error = ext2_group(d->session->fs, (uint32_t)(index * per_block),
			       &head);
	if (!error)
		*block = head.first_block + head.has_super;
	return error;
}

static int tell_descriptor(struct dump *d, json_t *object)
{
	uint32_t bytes = get16(ext2_super(d->session->fs)->s_desc_size), offset;
	uint64_t place;

	if (!(d->numbers.incompat & INCOMPAT_64BIT) || bytes < GROUP_BYTES)
		bytes = GROUP_BYTES;
	if (bytes > d->numbers.block_bytes)
		return -EUCLEAN;
	int error = descriptor_place(d, bytes, &place, &offset);
	if (error)
		return error;
	uint8_t *block = must_ptr(malloc(d->numbers.block_bytes));
	error = ext2_read_block(d->session->fs, place, block);
	if (!error && object) {
		json_object_set_new(object, "descriptor_block",
				    json_integer((json_int_t)place));
		json_object_set_new(object, "descriptor_offset",
				    json_integer(offset));
		json_object_set_new(object, "descriptor",
				    json_fields(&group_structure,
						block + offset, bytes));
	} else if (!error) {
		printf("descriptor, in block %" PRIu64 " at byte %" PRIu32 "\n",
		       place, offset);
		print_fields(&group_structure, block + offset, bytes, d->hex,
			     offset);
	}
	free(block);
	return error;
}

int dump_group(struct dump *d)
{
	struct ext2_group g;
	int error = d->number < d->numbers.groups
			    ? ext2_group(d->session->fs, (uint32_t)d->number,
					 &g)
			    : -EINVAL;

	if (error)
		return complain(d->session, error == -EINVAL ? 0 : error,
				"group %" PRIu64
				": want one from 0 to %" PRIu32,
				d->number, d->numbers.groups - 1);
	uint64_t inode = d->number * d->numbers.inodes_per_group + 1;
	json_t *object = d->session->json ? json_group(&g) : NULL;
	if (!object)
		printf("group %" PRIu64 ": blocks %" PRIu64 "-%" PRIu64
		       ", inodes %" PRIu64 "-%" PRIu64 "%s\n\n",
		       d->number, g.first_block, g.first_block + g.blocks - 1,
		       inode, inode + d->numbers.inodes_per_group - 1,
		       g.has_super ? "; begins with a superblock" : "");
	error = tell_descriptor(d, object);
	if (!error)
		error = tell_bitmap(d, false, g.block_bitmap, g.first_block,
				    g.blocks, object);
	if (!error)
		error = tell_bitmap(d, true, g.inode_bitmap, inode,
				    d->numbers.inodes_per_group, object);
	int status = object ? print_json(object) : EXIT_SUCCESS;
	return error ? complain(d->session, error, "cannot read group %" PRIu64,
				d->number)
		     : status;
}

// ## Inode

int dump_inode(struct dump *d)
{
	uint64_t block;
	uint32_t offset;
	bool used = true;

	if (d->number > d->numbers.inodes)
		return complain(d->session, 0,
				"inode %" PRIu64
				": want one from 1 to %" PRIu32,
				d->number, d->numbers.inodes);
	uint8_t *bytes = must_ptr(malloc(d->numbers.block_bytes));
	int error = ext2_inode_place(d->session->fs, (uint32_t)d->number,
				     &block, &offset);
	if (!error)
		error = ext2_read_block(d->session->fs, block, bytes);
	if (!error)
		error = ext2_inode_in_use(d->session->fs, (uint32_t)d->number,
					  &used);
	if (error) {
		free(bytes);
		return complain(d->session, error, "cannot read inode %" PRIu64,
				d->number);
	}
	int status = EXIT_SUCCESS;
	if (d->session->json) {
		json_t *object = json_fields(&inode_structure, bytes + offset,
					     d->numbers.inode_bytes);
		json_object_set_new(object, "block",
				    json_integer((json_int_t)block));
		json_object_set_new(object, "offset", json_integer(offset));
		json_object_set_new(object, "in_use", json_boolean(used));
		status = print_json(object);
	} else {
		printf("inode %" PRIu64 ", in block %" PRIu64
		       " at byte %" PRIu32 "%s\n",
		       d->number, block, offset,
		       used ? "" : "; not in use: what it held last");
		print_fields(&inode_structure, bytes + offset,
			     d->numbers.inode_bytes, d->hex, offset);
	}
	free(bytes);
	return status;
}

// ## The whole

static int dump(struct session *s, int argc, char **argv)
{
	struct dump d = { .session = s, .copy = -1 };

	command_parse(s, &parser, argc, argv, &d);
	int status = session_open(s,
				  d.replay ? EXT2_READ_ONLY : EXT2_NO_REPLAY);
	if (status)
		return status;
	ext2_numbers(s->fs, &d.numbers);
	return parts[d.what](&d);
}

const struct command dump_command = {
	.name = "dump",
	.summary = "a structure of the disk, field by field",
	.heading = "Explaining",
	.run = dump,
};

// # stat: everything an inode says
//
// The block list is told as runs: that is what a file on a disk is made of. A
// hole takes no block and reads as zeros. Indirect blocks hold no data but say
// where data are; they count in the inode's sectors, too.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/fields.h"
#include "fs/img/img.h"
#include "must.h"

struct options {
	char **paths;
	int count;
	bool follow, by_number;
	int64_t most_runs;
};

// ## The command line

enum { OPT_RUNS = 256 };

static const struct argp_option table[] = {
	{ "follow", 'L', 0, 0, "A symlink's target, not the symlink", 1 },
	{ "inode", 'i', 0, 0, "PATH is an inode's number", 1 },
	{ "runs", OPT_RUNS, "N", 0,
	  "Print at most N runs of blocks (16; --format=json: all)", 2 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'L':
		o->follow = true;
		return 0;
	case 'i':
		o->by_number = true;
		return 0;
	case OPT_RUNS:
		o->most_runs = option_number(state, "--runs", text, 0,
					     INT32_MAX);
		return 0;
	case ARGP_KEY_ARGS:
		o->paths = state->argv + state->next;
		o->count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_failure(state, EXIT_USAGE, 0, "want IMAGE and PATH");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE PATH...",
	.doc = "Shows everything that inodes of an image say: kind, mode, "
	       "owner, size, times, attributes, and in which blocks the "
	       "content lies."
	       "\vExample:\n"
	       "  img stat disk.img /home/notes.txt",
};

// ## Words

static json_t *flags_json(uint32_t value)
{
	json_t *list = must_ptr(json_array());
	char text[16];

	for (int bit = 0; bit < 32; bit++) {
		const char *word = inode_flag_word(bit);
		if (!(value >> bit & 1))
			continue;
		snprintf(text, sizeof text, "bit%d", bit);
		json_array_append_new(list, json_string(word ? word : text));
	}
	return list;
}

static void print_flags(uint32_t value)
{
	json_t *list = flags_json(value), *word;
	size_t i;

	if (!json_array_size(list)) {
		json_decref(list);
		return;
	}
	printf("flags       ");
	json_array_foreach(list, i, word)
		printf("%s%s", i ? ", " : "", json_string_value(word));
	putchar('\n');
	json_decref(list);
}

// ## Attributes

static int print_xattr(void *context, const char *name, const void *value,
		       size_t size, bool in_inode)
{
	bool *any = context;
	char *text = shown(name, strlen(name));

	(void)value;
	printf("%-12s%s, %zu bytes, in %s\n", *any ? "" : "attributes", text,
	       size, in_inode ? "the inode" : "a block");
	*any = true;
	free(text);
	return 0;
}

static int xattr_json(void *context, const char *name, const void *value,
		      size_t size, bool in_inode)
{
	json_t *list = context, *object = must_ptr(json_object());

	(void)value;
	json_set_name(object, "name", name, strlen(name));
	json_object_set_new(object, "size", json_integer((json_int_t)size));
	json_object_set_new(object, "in_inode", json_boolean(in_inode));
	return json_array_append_new(list, object);
}

// ## Blocks

struct blocks_told {
	json_t *list; // NULL: printed
	int64_t count, most;
};

static void tell_run(struct blocks_told *told, const struct ext2_run *run)
{
	const char *kind = !run->physical   ? "hole"
			   : run->unwritten ? "unwritten"
					    : "data";
	char logical[48], physical[48] = "-";

	if (told->list) {
		json_array_append_new(
			told->list,
			json_pack("{s:I, s:I, s:I, s:s}", "logical",
				  (json_int_t)run->logical, "physical",
				  (json_int_t)run->physical, "blocks",
				  (json_int_t)run->blocks, "kind", kind));
		return;
	}
	if (told->count++ == 0)
		printf("%-12s%-24s%-24s%s\n", "blocks", "of the file",
		       "of the image", "how many");
	if (told->count > told->most)
		return;
	snprintf(logical, sizeof logical, "%" PRIu64 "-%" PRIu64, run->logical,
		 run->logical + run->blocks - 1);
	if (run->physical)
		snprintf(physical, sizeof physical, "%" PRIu64 "-%" PRIu64,
			 run->physical, run->physical + run->blocks - 1);
	printf("%-12s%-24s%-24s%" PRIu64 "%s%s\n", "", logical, physical,
	       run->blocks, *kind == 'd' ? "" : ", ", *kind == 'd' ? "" : kind);
}

// Whether b goes on where a ends: the map cuts runs where one of its blocks ends.
static bool goes_on(const struct ext2_run *a, const struct ext2_run *b)
{
	return a->blocks && a->unwritten == b->unwritten &&
	       (a->physical ? b->physical == a->physical + a->blocks
			    : !b->physical);
}

static int tell_runs(struct ext2 *fs, const struct ext2_inode *inode,
		     struct blocks_told *told)
{
	struct ext2_run run, whole = { 0 };
	int error;

	for (uint64_t at = 0;; at = run.logical + run.blocks) {
		error = ext2_run_at(fs, inode, at, &run);
		if (error || run.blocks == 0)
			break;
		if (goes_on(&whole, &run)) {
			whole.blocks += run.blocks;
			continue;
		}
		if (whole.blocks)
			tell_run(told, &whole);
		whole = run;
	}
	if (whole.blocks)
		tell_run(told, &whole);
	return error;
}

static int tell_map_block(void *context, const struct ext2_map_block *block)
{
	struct blocks_told *told = context;

	if (told->list) {
		json_array_append_new(
			told->list, json_pack("{s:I, s:i, s:I}", "block",
					      (json_int_t)block->block, "level",
					      block->level, "logical",
					      (json_int_t)block->logical));
		return 0;
	}
	if (told->count++ == 0)
		printf("%-12s", "map");
	else if (told->count <= told->most)
		printf("%-12s", "");
	if (told->count <= told->most)
		printf("block %" PRIu64 ", level %d, from block %" PRIu64
		       " of the file on\n",
		       block->block, block->level, block->logical);
	return 0;
}

static void tell_rest(const struct blocks_told *told, const char *what)
{
	if (told->count > told->most)
		printf("%-12sand %" PRIu64 " more %s (--runs=N)\n", "",
		       told->count - told->most, what);
}

static bool has_map(const struct ext2_inode *inode)
{
	bool inside = S_ISLNK(inode->mode) && inode->size < SYMLINK_INSIDE;

	return (S_ISREG(inode->mode) || S_ISDIR(inode->mode) ||
		S_ISLNK(inode->mode)) &&
	       !inside && !(inode->flags & INODE_INLINE_DATA);
}

// ## Text

static void print_when(const char *label, struct ext2_time when)
{
	char text[40];

	printf("%-12s%s\n", label, time_text(when, true, text));
}

static void print_place(struct ext2 *fs, const struct ext2_inode *inode)
{
	struct ext2_numbers numbers;
	uint64_t block;
	uint32_t offset;

	ext2_numbers(fs, &numbers);
	printf("inode       %" PRIu32, inode->ino);
	if (numbers.inodes_per_group &&
	    ext2_inode_place(fs, inode->ino, &block, &offset) == 0)
		printf(", in group %" PRIu32 ", block %" PRIu64
		       ", byte %" PRIu32,
		       (inode->ino - 1) / numbers.inodes_per_group, block,
		       offset);
	putchar('\n');
}

static void print_facts(const struct ext2_inode *inode, struct ext2 *fs)
{
	char mode[11], size[HUMAN_BYTES];
	const uint64_t plain = 1024; // bytes that need no other unit

	print_place(fs, inode);
	printf("mode        %04o %s\n", inode->mode & 07777,
	       mode_text(inode->mode, mode));
	printf("owner       %" PRIu32 ":%" PRIu32 "\n", inode->uid, inode->gid);
	printf("links       %" PRIu32 "\n", inode->links);
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		printf("device      %" PRIu32 ":%" PRIu32 "\n",
		       inode->device_major, inode->device_minor);
	printf("size        %" PRIu64, inode->size);
	if (inode->size >= plain)
		printf(" (%s)", human_size(size, inode->size));
	printf(", %" PRIu64 " sectors of 512 bytes\n", inode->sectors);
	print_flags(inode->flags);
	printf("generation  0x%08" PRIx32 "\n", inode->generation);
	print_when("accessed", inode->atime);
	print_when("modified", inode->mtime);
	print_when("changed", inode->ctime);
	if (inode->crtime.seconds)
		print_when("made", inode->crtime);
	if (inode->dtime)
		print_when("deleted",
			   (struct ext2_time){ .seconds = inode->dtime });
	if (inode->xattr_block)
		printf("attributes' block %" PRIu64 "\n", inode->xattr_block);
}

static char *target_text(struct ext2 *fs, const struct ext2_inode *inode)
{
	enum { LONGEST = 65536 };
	char *target = must_ptr(malloc(LONGEST + 1)), *text = NULL;

	if (S_ISLNK(inode->mode) &&
	    ext2_readlink(fs, inode->ino, target, LONGEST + 1) >= 0)
		text = shown(target, strlen(target));
	free(target);
	return text;
}

static int print_stat(struct session *s, const struct options *o,
		      const char *path, const struct ext2_inode *inode)
{
	struct blocks_told runs = { .most = o->most_runs };
	struct blocks_told map = { .most = o->most_runs };
	char *name = shown(path, strlen(path));
	char *target = target_text(s->fs, inode);
	bool any = false;
	int error = 0;

	printf("%s%s%s: %s\n", name, target ? " -> " : "", target ? target : "",
	       type_word(inode->mode));
	free(name);
	free(target);
	print_facts(inode, s->fs);
	int xattr_error = ext2_xattrs(s->fs, inode->ino, print_xattr, &any);
	if (has_map(inode)) {
		error = tell_runs(s->fs, inode, &runs);
		tell_rest(&runs, "runs");
		if (!error)
			error = ext2_map_blocks(s->fs, inode, tell_map_block,
						&map);
		tell_rest(&map, "blocks of the map");
	}
	return error ? error : xattr_error;
}

// ## JSON

static int stat_json(struct session *s, const char *path,
		     const struct ext2_inode *inode, json_t *object)
{
	struct blocks_told runs = { .list = must_ptr(json_array()) };
	struct blocks_told map = { .list = must_ptr(json_array()) };
	json_t *xattrs = must_ptr(json_array());
	char *target = target_text(s->fs, inode);
	uint64_t block;
	uint32_t offset;
	int error = 0;

	json_set_name(object, "path", path, strlen(path));
	if (target)
		json_object_set_new(object, "target", json_string(target));
	free(target);
	json_object_set_new(object, "flags", flags_json(inode->flags));
	json_object_set_new(object, "generation",
			    json_integer(inode->generation));
	if (ext2_inode_place(s->fs, inode->ino, &block, &offset) == 0) {
		json_object_set_new(object, "block",
				    json_integer((json_int_t)block));
		json_object_set_new(object, "offset", json_integer(offset));
	}
	int xattr_error = ext2_xattrs(s->fs, inode->ino, xattr_json, xattrs);
	if (has_map(inode)) {
		error = tell_runs(s->fs, inode, &runs);
		if (!error)
			error = ext2_map_blocks(s->fs, inode, tell_map_block,
						&map);
	}
	json_object_set_new(object, "xattrs", xattrs);
	json_object_set_new(object, "runs", runs.list);
	json_object_set_new(object, "map", map.list);
	return error ? error : xattr_error;
}

// ## The command

static int inode_of(struct session *s, const struct options *o,
		    const char *path, struct ext2_inode *inode)
{
	struct ext2_numbers numbers;
	int64_t ino;

	if (!o->by_number)
		return reach_inode(s, path, o->follow ? 0 : EXT2_NOFOLLOW,
				   inode);
	ext2_numbers(s->fs, &numbers);
	if (parse_number(path, 1, numbers.inodes, &ino) != 0)
		return complain(s, 0, "%s: want an inode from 1 to %" PRIu32,
				path, numbers.inodes);
	int error = ext2_inode(s->fs, (uint32_t)ino, inode);
	return error ? complain(s, error, "cannot read inode %s", path)
		     : EXIT_SUCCESS;
}

static int run_stat(struct session *s, int argc, char **argv)
{
	struct options o = { .most_runs = 16 };
	struct json_list list = { 0 };
	int status = EXIT_SUCCESS, error;
	struct ext2_inode inode = { 0 };

	command_parse(s, &parser, argc, argv, &o);
	if (session_open(s, EXT2_READ_ONLY) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	for (int i = 0; i < o.count; i++) {
		if (inode_of(s, &o, o.paths[i], &inode) != EXIT_SUCCESS) {
			status = EXIT_FAILURE;
			continue;
		}
		if (s->json) {
			json_t *object = json_inode(&inode);
			error = stat_json(s, o.paths[i], &inode, object);
			json_list_add(&list, object);
		} else {
			if (i)
				putchar('\n');
			error = print_stat(s, &o, o.paths[i], &inode);
		}
		if (error)
			status = complain(s, error, "cannot read all of %s",
					  o.paths[i]);
	}
	if (s->json)
		json_list_end(&list);
	return status;
}

const struct command stat_command = {
	.name = "stat",
	.summary = "shows everything that an inode says",
	.heading = "Looking",
	.run = run_stat,
};

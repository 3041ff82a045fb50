// # img walk: how a path leads to an inode, and to blocks
//
//     $ img walk disk.img /home/ubuntu/link.txt
//
//     /             inode 2, directory  (in the inode table: block 4, byte 256)
//     │   is "home" in it? Yes: in its block 0, which is block 20 of the disk, at
//     │   byte 56: inode 13
//     ▼
//     home          inode 13, directory  (in the inode table: block 4, byte 3072)
//     │   is "ubuntu" in it? Yes: in its block 0, which is block 26 ...: inode 15
//     ▼
//     ubuntu        inode 15, directory  (in the inode table: block 4, byte 3584)
//     │   is "link.txt" in it? Yes: in its block 0, which is block 28 ...: inode 16
//     ▼
//     link.txt      inode 16, symlink  (in the inode table: block 4, byte 3840)
//     ↪   it says "notes.txt": the walk goes on in inode 15
//     │   is "notes.txt" in it? Yes: in its block 0, which is block 28 ...: inode 17
//     ▼
//     notes.txt     inode 17, file of 6 bytes  (in the inode table: block 5, byte 0)
//         data: block 29
//
//     5 inodes and 4 entries were read on the way.
//
// An inode's place needs no search: its number says in which group's table it
// stands, and where. A name's place does: the directory is a file of entries, and
// whoever looks for a name reads them. That is all there is to a path.
//
// --hex shows the bytes of each entry and inode and takes them apart.
//
// Try: a path with "..", one with two slashes, a symlink to a directory, a symlink
// to itself (`img ln -s disk.img loop /loop`). Where does the time go in a deep
// path? What would a cache of names (the kernel's dentries) save?
//
// Source: the lecture notes' example, chapter 17; path_resolution(7).

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "fs/img/fields.h"
#include "fs/img/img.h"
#include "must.h"

struct walk {
	struct session *session;
	const char *path;
	bool hex, follow;

	struct canvas canvas;
	json_t *steps;
	unsigned inodes, entries;
};

// ## The command line

enum { OPT_HEX = 256, OPT_NO_FOLLOW };

static const struct argp_option table[] = {
	{ "hex", OPT_HEX, 0, 0,
	  "Show the bytes of each entry and inode, taken apart", 1 },
	{ "no-follow", OPT_NO_FOLLOW, 0, 0,
	  "Stop at a symlink that is the last of the path", 1 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct walk *w = state->input;

	switch (key) {
	case OPT_HEX:
		w->hex = true;
		return 0;
	case OPT_NO_FOLLOW:
		w->follow = false;
		return 0;
	case ARGP_KEY_ARG:
		if (w->path)
			argp_failure(state, EXIT_USAGE, 0, "want one PATH");
		w->path = text;
		return 0;
	case ARGP_KEY_END:
		if (!w->path)
			argp_failure(state, EXIT_USAGE, 0,
				     "want a PATH in the image");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE PATH",
	.doc = "Follows a path through an image, step by step: in which block "
	       "and at which byte each entry was found, and which inode it "
	       "leads to."
	       "\vExamples:\n"
	       "  img walk disk.img /home/ubuntu/link.txt\n"
	       "  img walk disk.img /home/ubuntu/link.txt --hex",
};

// ## An inode that was reached

static const char *glyph(const struct walk *w, const char *utf8,
			 const char *ascii)
{
	return w->canvas.utf8 ? utf8 : ascii;
}

static void indent_hex(const struct structure *structure, const uint8_t *bytes,
		       size_t length, uint32_t base)
{
	printf("        %s, byte by byte\n", structure->name);
	print_fields(structure, bytes, length, true, base);
}

static void print_kind(const struct ext2_inode *inode)
{
	printf("inode %" PRIu32 ", %s", inode->ino, type_word(inode->mode));
	if (S_ISREG(inode->mode))
		printf(" of %" PRIu64 " byte%s", inode->size,
		       inode->size == 1 ? "" : "s");
}

// Block bytes of it, at most.
static uint8_t *block_bytes(const struct walk *w, uint64_t block)
{
	struct ext2_numbers numbers;

	ext2_numbers(w->session->fs, &numbers);
	uint8_t *bytes = must_ptr(malloc(numbers.block_bytes));
	int error = ext2_read_block(w->session->fs, block, bytes);
	if (!error)
		return bytes;
	complain(w->session, error, "cannot read block %" PRIu64, block);
	free(bytes);
	return NULL;
}

static void print_inode(const struct walk *w, const char *name, size_t length,
			const struct ext2_inode *inode, uint64_t block,
			uint32_t offset)
{
	struct ext2_numbers numbers;
	char *text = shown(name, length);

	ext2_numbers(w->session->fs, &numbers);
	printf("  %s%-*s  ", text,
	       text_columns(text) < 12 ? 12 - text_columns(text) : 0, "");
	print_kind(inode);
	printf("  (in the inode table: block %" PRIu64 ", byte %" PRIu32 ")\n",
	       block, offset);
	free(text);
	if (!w->hex)
		return;
	uint8_t *bytes = block_bytes(w, block);
	if (bytes)
		indent_hex(&inode_structure, bytes + offset,
			   numbers.inode_bytes, offset);
	free(bytes);
}

static void reached(struct walk *w, const char *name, size_t length,
		    uint32_t ino, json_t *step)
{
	struct ext2_inode inode;
	uint64_t block = 0;
	uint32_t offset = 0;
	int error = ext2_inode(w->session->fs, ino, &inode);

	w->inodes++;
	if (!error)
		error = ext2_inode_place(w->session->fs, ino, &block, &offset);
	if (error) {
		complain(w->session, error, "cannot read inode %" PRIu32, ino);
		return;
	}
	if (!w->session->json) {
		print_inode(w, name, length, &inode, block, offset);
		return;
	}
	json_object_set_new(step, "inode", json_integer(ino));
	json_object_set_new(step, "type", json_string(type_word(inode.mode)));
	json_object_set_new(step, "inode_block",
			    json_integer((json_int_t)block));
	json_object_set_new(step, "inode_offset", json_integer(offset));
}

// ## The steps

static void print_entry(const struct walk *w, const struct ext2_step *step)
{
	const struct ext2_entry *entry = &step->entry;
	char *text = shown(step->name, step->name_len);

	printf("  %s   is \"%s\" in it? Yes: in its block %" PRIu64
	       ", which is block %" PRIu64 " of the disk, at byte %" PRIu32
	       ": inode %" PRIu32 "\n",
	       glyph(w, "│", "|"), text, entry->logical, entry->block,
	       entry->offset, entry->ino);
	free(text);
	if (w->hex) {
		uint8_t *bytes = block_bytes(w, entry->block);
		if (bytes) {
			const uint8_t *at = bytes + entry->offset;
			indent_hex(&entry_structure, at, ENTRY_HEADER,
				   entry->offset);
			print_hex(at, ENTRY_HEADER + entry->name_len,
				  entry->offset);
		}
		free(bytes);
	}
	printf("  %s\n", glyph(w, "▼", "v"));
}

static json_t *json_entry(const struct ext2_step *step)
{
	const struct ext2_entry *entry = &step->entry;
	json_t *object = json_pack(
		"{s:s, s:i, s:I, s:I, s:i, s:i}", "step", "entry", "directory",
		(int)step->dir, "block", (json_int_t)entry->block,
		"directory_block", (json_int_t)entry->logical, "offset",
		(int)entry->offset, "rec_len", (int)entry->rec_len);

	json_set_name(object, "name", step->name, step->name_len);
	return object;
}

static void tell_symlink(struct walk *w, const struct ext2_step *step)
{
	if (w->session->json) {
		json_t *object = json_pack("{s:s, s:i, s:i}", "step", "symlink",
					   "inode", (int)step->ino, "directory",
					   (int)step->dir);
		json_set_name(object, "target", step->target,
			      strlen(step->target));
		json_array_append_new(w->steps, object);
		return;
	}
	char *text = shown(step->target, strlen(step->target));
	printf("  %s   it says \"%s\": the walk goes on in inode %" PRIu32 "\n",
	       glyph(w, "↪", ">"), text,
	       step->target[0] == '/' ? INO_ROOT : step->dir);
	free(text);
}

static void told(void *context, const struct ext2_step *step)
{
	struct walk *w = context;

	if (step->kind == STEP_SYMLINK) {
		tell_symlink(w, step);
		return;
	}
	bool entry = step->kind == STEP_ENTRY;
	json_t *object = NULL;
	if (w->session->json)
		object = entry ? json_entry(step)
			       : json_pack("{s:s}", "step", "start");
	else if (entry)
		print_entry(w, step);
	w->entries += entry;
	reached(w, entry ? step->name : "/", entry ? step->name_len : 1,
		step->ino, object);
	if (object)
		json_array_append_new(w->steps, object);
}

// ## The end: where the data are

// Runs of blocks, as many as fit into a few lines.
static int tell_data(struct walk *w, const struct ext2_inode *inode,
		     json_t *blocks)
{
	enum { MOST = 12 };
	struct ext2_run run;
	int printed = 0, error;

	if (!S_ISREG(inode->mode) && !S_ISDIR(inode->mode))
		return 0;
	for (uint64_t at = 0;; at += run.blocks) {
		error = ext2_run_at(w->session->fs, inode, at, &run);
		if (error || !run.blocks)
			break;
		if (w->session->json) {
			json_array_append_new(
				blocks,
				json_pack("{s:I, s:I, s:I}", "logical",
					  (json_int_t)run.logical, "physical",
					  (json_int_t)run.physical, "blocks",
					  (json_int_t)run.blocks));
			continue;
		}
		if (printed++ == MOST) {
			printf(" ... (img stat shows all)");
			break;
		}
		if (printed == 1)
			printf("      data:");
		if (!run.physical)
			printf(" hole of %" PRIu64, run.blocks);
		else if (run.blocks == 1)
			printf(" block %" PRIu64, run.physical);
		else
			printf(" blocks %" PRIu64 "-%" PRIu64, run.physical,
			       run.physical + run.blocks - 1);
	}
	if (printed)
		printf("\n");
	return error;
}

static int follow(struct walk *w)
{
	struct session *s = w->session;
	struct ext2_inode inode;
	json_t *blocks = must_ptr(json_array());
	uint32_t ino = 0;

	int failed = ext2_walk(s->fs, INO_ROOT, w->path,
			       w->follow ? 0 : EXT2_NOFOLLOW, told, w, &ino);
	if (!failed)
		failed = ext2_inode(s->fs, ino, &inode);
	if (!failed)
		failed = tell_data(w, &inode, blocks);
	if (s->json) {
		json_t *whole =
			json_pack("{s:o, s:o, s:o}", "steps", w->steps, "inode",
				  failed ? json_null() : json_integer(ino),
				  "blocks", blocks);
		json_set_name(whole, "path", w->path, strlen(w->path));
		int status = print_json(whole);
		if (status)
			return status;
	} else {
		json_decref(blocks);
		if (!failed)
			printf("\n%u inode%s and %u entr%s were read on the "
			       "way.\n",
			       w->inodes, w->inodes == 1 ? "" : "s", w->entries,
			       w->entries == 1 ? "y" : "ies");
	}
	return failed ? complain(s, failed, "cannot follow %s", w->path)
		      : EXIT_SUCCESS;
}

static int walk(struct session *s, int argc, char **argv)
{
	struct walk w = {
		.session = s,
		.follow = true,
		.canvas = canvas_of(STDOUT_FILENO),
	};

	command_parse(s, &parser, argc, argv, &w);
	int status = session_open(s, EXT2_READ_ONLY);
	if (status)
		return status;
	if (s->json)
		w.steps = must_ptr(json_array());
	return follow(&w);
}

const struct command walk_command = {
	.name = "walk",
	.summary = "how a path leads to an inode, step by step",
	.heading = "Explaining",
	.run = walk,
};

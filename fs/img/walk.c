// # img walk: how a path leads to an inode, and to blocks
//
//     $ img walk disk.img /home/ubuntu/link.txt
//
//     /             inode 2, directory
//     │             stands in the inode table of group 0: block 4, byte 256
//     │   "home"?   yes, after 3 other entries: in its block 0 (i_block[0] = block
//     │             193 of the disk) at byte 56: inode 13
//     ▼
//     home          inode 13, directory
//     │             stands in the inode table of group 0: block 4, byte 3072
//     │   "ubuntu"? yes, after 2 other entries: in its block 0 (...)
//     ▼
//     ubuntu        inode 17, directory
//     ...
//     link.txt      inode 3018, symlink
//     ↪             says "notes.txt": the walk goes on in inode 17 (symlink 1 of
//                   at most 40)
//     ...
//     notes.txt     inode 3019, file of 6 bytes
//
//     of the file   on the disk    by way of
//     0             976            i_block[0]
//
// An inode's place needs no search: its number says in which group's table it
// stands, and where. A name's place does: the directory is a file of entries, and
// whoever looks for a name reads them, or asks the directory's index (its nodes are
// told, too). A block's place needs neither: i_block says it, or says which block
// of pointers does. That is all there is to a path.
//
// --hex shows the bytes of each entry and inode and takes them apart.
//
// Try: a path with "..", one with two slashes, a symlink to a directory, a symlink
// to itself (`img ln -s disk.img loop /loop`), a name that is not there, a file of
// 3 MiB in blocks of 1 KiB. Where does the time go in a deep path? What would a
// cache of names (the kernel's dentries) save?
//
// Source: the lecture notes' example, chapter 17; path_resolution(7).

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "fs/img/fields.h"
#include "fs/img/img.h"
#include "fs/img/way.h"
#include "must.h"

struct walk {
	struct session *session;
	const char *path;
	bool hex, follow;

	struct canvas canvas;
	struct ext2_numbers numbers;
	bool said; // why it ended
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

// ## Drawing: a name or a sign at the left, sentences beside the rail

enum { LEFT = 12 };

static const char *glyph(const struct walk *w, const char *utf8,
			 const char *ascii)
{
	return w->canvas.utf8 ? utf8 : ascii;
}

static void say(const struct walk *w, const char *rail, const char *left,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

// The rail goes on beside a sentence that takes several lines.
static void say(const struct walk *w, const char *rail, const char *left,
		const char *fmt, ...)
{
	char *text, *before, *after;
	int gap = LEFT - text_columns(rail) - text_columns(left);
	va_list list;

	va_start(list, fmt);
	must(vasprintf(&text, fmt, list));
	va_end(list);
	must(asprintf(&before, "  %s%s%*s  ", rail, left, gap > 0 ? gap : 0,
		      ""));
	const char *on = *rail ? glyph(w, "│", "|") : "";
	must(asprintf(&after, "  %s%*s  ", on, LEFT - text_columns(on), ""));
	put_wrapped_with(stdout, w->canvas.columns, before, after, text);
	free(before);
	free(after);
	free(text);
}

// A block's bytes, or NULL, having said why.
static uint8_t *block_bytes(const struct walk *w, uint64_t block)
{
	uint8_t *bytes = must_ptr(malloc(w->numbers.block_bytes));
	int error = ext2_read_block(w->session->fs, block, bytes);

	if (!error)
		return bytes;
	complain(w->session, error, "cannot read block %" PRIu64, block);
	free(bytes);
	return NULL;
}

static json_t *json_hex(const uint8_t *bytes, size_t n)
{
	char *hex = must_ptr(malloc(2 * n + 1));

	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	hex[2 * n] = '\0';
	json_t *value = must_ptr(json_string(hex));
	free(hex);
	return value;
}

// ## An inode that was reached

static void print_inode(const struct walk *w, const char *name, size_t length,
			const struct ext2_inode *inode, uint64_t block,
			uint32_t offset)
{
	bool end = !S_ISDIR(inode->mode) && !S_ISLNK(inode->mode);
	const char *rail = end ? "" : glyph(w, "│", "|");
	char *text = shown(name, length);

	if (S_ISREG(inode->mode))
		say(w, "", text,
		    "inode %" PRIu32 ", file of %" PRIu64 " byte%s", inode->ino,
		    inode->size, inode->size == 1 ? "" : "s");
	else
		say(w, "", text, "inode %" PRIu32 ", %s", inode->ino,
		    type_word(inode->mode));
	free(text);
	say(w, rail, "",
	    "stands in the inode table of group %" PRIu32 ": block %" PRIu64
	    ", byte %" PRIu32,
	    (inode->ino - 1) / w->numbers.inodes_per_group, block, offset);
	if (!w->hex)
		return;
	uint8_t *bytes = block_bytes(w, block);
	if (bytes)
		print_fields(&inode_way_structure, bytes + offset,
			     w->numbers.inode_bytes, true, offset);
	free(bytes);
}

static void json_reached(const struct walk *w, json_t *step,
			 const struct ext2_inode *inode, uint64_t block,
			 uint32_t offset)
{
	json_object_set_new(step, "inode", json_integer(inode->ino));
	json_object_set_new(step, "type", json_string(type_word(inode->mode)));
	json_object_set_new(step, "size",
			    json_integer((json_int_t)inode->size));
	json_object_set_new(step, "inode_block",
			    json_integer((json_int_t)block));
	json_object_set_new(step, "inode_offset", json_integer(offset));
	if (!w->hex)
		return;
	uint8_t *bytes = block_bytes(w, block);
	if (bytes)
		json_object_set_new(step, "inode_bytes",
				    json_hex(bytes + offset,
					     w->numbers.inode_bytes));
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
		w->said = true;
		complain(w->session, error, "cannot read inode %" PRIu32, ino);
	} else if (step) {
		json_reached(w, step, &inode, block, offset);
	} else {
		print_inode(w, name, length, &inode, block, offset);
	}
}

// ## The search in a directory

// How many names a reader meets before an entry: all, if it is not there.
struct before {
	const struct ext2_entry *sought; // NULL: none
	uint64_t names, blocks, last;
};

static int count_name(void *context, const struct ext2_entry *entry)
{
	struct before *b = context;

	if (b->sought && entry->logical == b->sought->logical &&
	    entry->offset == b->sought->offset)
		return 1;
	b->blocks += !b->names || entry->logical != b->last;
	b->last = entry->logical;
	b->names++;
	return 0;
}

static bool find_index(struct walk *w, const struct ext2_step *step,
		       struct ext2_index_path *path)
{
	struct ext2_inode dir;

	return ext2_inode(w->session->fs, step->dir, &dir) == 0 &&
	       ext2_index_path(w->session->fs, &dir, step->name, step->name_len,
			       path) == 0;
}

static const char *hash_word(int version)
{
	static const char *const words[] = {
		"legacy",           "half MD4",           "TEA",
		"legacy, unsigned", "half MD4, unsigned", "TEA, unsigned"
	};
	const int n = sizeof words / sizeof *words;

	return version >= 0 && version < n ? words[version] : "unknown";
}

static void print_index(const struct walk *w, const char *left,
			const struct ext2_index_path *path)
{
	const char *rail = glyph(w, "│", "|");

	say(w, rail, left,
	    "the directory has an index (htree); the name's hash is %08" PRIx32
	    " (%s)",
	    path->hash, hash_word(path->version));
	for (int i = 0; i < path->steps; i++) {
		const struct ext2_index_step *s = &path->step[i];
		say(w, rail, "",
		    "%s (its block %" PRIu64 ", block %" PRIu64
		    " of the disk), byte %" PRIu32 ": entry %" PRIu32
		    " of %" PRIu32 ", for hashes from %08" PRIx32
		    " on, leads to its block %" PRIu64,
		    i ? "node" : "root", s->logical, s->block, s->offset, s->at,
		    s->count, s->hash, s->child);
	}
}

static json_t *json_index(const struct ext2_index_path *path)
{
	json_t *nodes = must_ptr(json_array());

	for (int i = 0; i < path->steps; i++) {
		const struct ext2_index_step *s = &path->step[i];
		json_array_append_new(
			nodes,
			json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
				  "directory_block", (json_int_t)s->logical,
				  "block", (json_int_t)s->block, "offset",
				  (json_int_t)s->offset, "entry",
				  (json_int_t)s->at, "entries",
				  (json_int_t)s->count, "hash",
				  (json_int_t)s->hash, "child",
				  (json_int_t)s->child));
	}
	return json_pack("{s:I, s:s, s:o}", "hash", (json_int_t)path->hash,
			 "hash_version", hash_word(path->version), "nodes",
			 nodes);
}

// ## An entry that was found

static void print_entry_bytes(const struct walk *w,
			      const struct ext2_entry *entry)
{
	uint8_t *bytes = block_bytes(w, entry->block);

	if (!bytes)
		return;
	print_fields(&entry_structure, bytes + entry->offset, ENTRY_HEADER,
		     true, entry->offset);
	print_hex(bytes + entry->offset, ENTRY_HEADER + entry->name_len,
		  entry->offset);
	free(bytes);
}

static void print_entry(struct walk *w, const struct ext2_step *step,
			const struct before *before, const struct way *way)
{
	const struct ext2_entry *entry = &step->entry;
	const char *rail = glyph(w, "│", "|");
	char *text = shown(step->name, step->name_len), *left, *search;
	char *pointers = way_text(way);
	struct ext2_index_path index;

	must(asprintf(&left, " \"%s\"?", text));
	if (find_index(w, step, &index)) {
		print_index(w, left, &index);
		must(asprintf(&search, "yes:"));
		*left = '\0';
	} else {
		must(asprintf(&search, "yes, after %" PRIu64 " other entr%s:",
			      before->names, before->names == 1 ? "y" : "ies"));
	}
	say(w, rail, left,
	    "%s in its block %" PRIu64 " (%s = block %" PRIu64
	    " of the disk) at byte %" PRIu32 ": inode %" PRIu32 "%s",
	    search, entry->logical, pointers, entry->block, entry->offset,
	    entry->ino,
	    entry->ino != step->ino ? "; but the root is its own parent" : "");
	free(search);
	free(pointers);
	free(left);
	free(text);
	if (w->hex)
		print_entry_bytes(w, entry);
	printf("  %s\n", glyph(w, "▼", "v"));
}

static json_t *json_entry(struct walk *w, const struct ext2_step *step,
			  const struct before *before, const struct way *way)
{
	const struct ext2_entry *entry = &step->entry;
	struct ext2_index_path index;
	json_t *object = json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "step", "entry",
		"directory", (json_int_t)step->dir, "block",
		(json_int_t)entry->block, "directory_block",
		(json_int_t)entry->logical, "offset", (json_int_t)entry->offset,
		"rec_len", (json_int_t)entry->rec_len, "names_before",
		(json_int_t)before->names, "way", way_json(way));

	json_set_name(object, "name", step->name, step->name_len);
	if (find_index(w, step, &index))
		json_object_set_new(object, "index", json_index(&index));
	uint8_t *bytes = w->hex ? block_bytes(w, entry->block) : NULL;
	if (bytes)
		json_object_set_new(object, "entry_bytes",
				    json_hex(bytes + entry->offset,
					     ENTRY_HEADER + entry->name_len));
	free(bytes);
	return object;
}

static json_t *tell_entry(struct walk *w, const struct ext2_step *step)
{
	struct before before = { .sought = &step->entry };
	struct ext2_inode dir;
	struct way way = { .slot = -1 };

	w->entries++;
	(void)ext2_list(w->session->fs, step->dir, count_name, &before);
	if (ext2_inode(w->session->fs, step->dir, &dir) == 0)
		way_find(w->session, &dir, step->entry.logical, &way);
	if (w->session->json)
		return json_entry(w, step, &before, &way);
	print_entry(w, step, &before, &way);
	return NULL;
}

// ## A name that is not there, and a symlink

static void tell_missing(struct walk *w, const struct ext2_step *step)
{
	struct before all = { .sought = NULL };
	struct ext2_index_path index;
	char *text, *left;

	(void)ext2_list(w->session->fs, step->dir, count_name, &all);
	bool indexed = find_index(w, step, &index);
	if (w->session->json) {
		json_t *object =
			json_pack("{s:s, s:I, s:I, s:I}", "step", "missing",
				  "directory", (json_int_t)step->dir,
				  "names_before", (json_int_t)all.names,
				  "blocks", (json_int_t)all.blocks);
		json_set_name(object, "name", step->name, step->name_len);
		if (indexed)
			json_object_set_new(object, "index",
					    json_index(&index));
		json_array_append_new(w->steps, object);
		return;
	}
	text = shown(step->name, step->name_len);
	must(asprintf(&left, " \"%s\"?", text));
	if (indexed) {
		print_index(w, left, &index);
		say(w, glyph(w, "│", "|"), "", "no: it is not in that block");
	} else {
		say(w, glyph(w, "│", "|"), left,
		    "no: it is none of the %" PRIu64 " entries in %" PRIu64
		    " block%s",
		    all.names, all.blocks, all.blocks == 1 ? "" : "s");
	}
	printf("  %s\n", glyph(w, "✗", "x"));
	free(left);
	free(text);
}

static void tell_symlink(struct walk *w, const struct ext2_step *step)
{
	size_t length = strlen(step->target);

	if (w->session->json) {
		json_t *object =
			json_pack("{s:s, s:I, s:I, s:i}", "step", "symlink",
				  "inode", (json_int_t)step->ino, "directory",
				  (json_int_t)step->dir, "depth", step->depth);
		json_set_name(object, "target", step->target, length);
		json_array_append_new(w->steps, object);
		return;
	}
	char *text = shown(step->target, length);
	say(w, glyph(w, "↪", ">"), "",
	    "says \"%s\": the walk goes on in inode %" PRIu32
	    "%s (symlink %d of at most 40)",
	    text, step->dir, step->target[0] == '/' ? ", the root" : "",
	    step->depth);
	free(text);
}

static void told(void *context, const struct ext2_step *step)
{
	struct walk *w = context;
	json_t *object = NULL;

	if (step->kind == STEP_SYMLINK) {
		tell_symlink(w, step);
		return;
	}
	if (step->kind == STEP_MISSING) {
		tell_missing(w, step);
		return;
	}
	bool entry = step->kind == STEP_ENTRY;
	if (entry)
		object = tell_entry(w, step);
	else if (w->session->json)
		object = must_ptr(json_pack("{s:s}", "step", "start"));
	const char *start = step->ino == INO_ROOT ? "/" : ".";
	reached(w, entry ? step->name : start, entry ? step->name_len : 1,
		step->ino, object);
	if (object)
		json_array_append_new(w->steps, object);
}

// ## The end: where the data are

static void print_run(const struct walk *w, const struct ext2_run *run,
		      const struct way *way)
{
	char logical[48], physical[48] = "hole", *before, *pointers;

	pointers = run->physical ? way_text(way) : must_ptr(strdup("-"));
	if (run->physical && run->blocks > 1 && way->slot >= 0 &&
	    way->slot < BLOCKS_DIRECT) {
		free(pointers);
		must(asprintf(&pointers, "i_block[%d] to i_block[%d]",
			      way->slot, way->slot + (int)run->blocks - 1));
	}
	if (run->blocks == 1)
		snprintf(logical, sizeof logical, "%" PRIu64, run->logical);
	else
		snprintf(logical, sizeof logical, "%" PRIu64 "-%" PRIu64,
			 run->logical, run->logical + run->blocks - 1);
	if (run->physical && run->blocks == 1)
		snprintf(physical, sizeof physical, "%" PRIu64, run->physical);
	else if (run->physical)
		snprintf(physical, sizeof physical, "%" PRIu64 "-%" PRIu64,
			 run->physical, run->physical + run->blocks - 1);
	must(asprintf(&before, "  %-*s  %-16s  ", LEFT, logical, physical));
	put_wrapped(stdout, w->canvas.columns, before, text_columns(before) + 2,
		    pointers);
	free(before);
	free(pointers);
}

static int tell_data(struct walk *w, const struct ext2_inode *inode,
		     json_t *blocks)
{
	enum { MOST = 16 };
	struct ext2_run run;
	struct way way;
	int printed = 0, error;

	if (!S_ISREG(inode->mode) && !S_ISDIR(inode->mode))
		return 0;
	for (uint64_t at = 0;; at += run.blocks) {
		error = ext2_run_at(w->session->fs, inode, at, &run);
		if (error || !run.blocks)
			break;
		way_find(w->session, inode, at, &way);
		if (w->session->json) {
			json_array_append_new(
				blocks,
				json_pack("{s:I, s:I, s:I, s:o}", "logical",
					  (json_int_t)run.logical, "physical",
					  (json_int_t)run.physical, "blocks",
					  (json_int_t)run.blocks, "way",
					  way_json(&way)));
			continue;
		}
		if (printed == 0)
			printf("\n  %-*s  %-16s  %s\n", LEFT, "of the file",
			       "of the disk", "by way of");
		if (printed++ == MOST) {
			printf("  and so on (img stat --runs shows all)\n");
			break;
		}
		print_run(w, &run, &way);
	}
	return error;
}

static int print_walk(struct walk *w, int failed, uint32_t ino, json_t *blocks)
{
	if (!w->session->json) {
		json_decref(blocks);
		if (!failed)
			printf("\n%u inode%s and %u entr%s on the way\n",
			       w->inodes, w->inodes == 1 ? "" : "s", w->entries,
			       w->entries == 1 ? "y" : "ies");
		return EXIT_SUCCESS;
	}
	json_t *whole = json_pack("{s:o, s:o, s:o}", "steps", w->steps, "inode",
				  failed ? json_null() : json_integer(ino),
				  "blocks", blocks);
	json_set_name(whole, "path", w->path, strlen(w->path));
	return print_json(whole);
}

static int follow(struct walk *w)
{
	struct session *s = w->session;
	struct ext2_inode inode;
	json_t *blocks = must_ptr(json_array());
	uint32_t ino = 0;

	int failed = ext2_walk(s->fs, from_here(s), w->path,
			       w->follow ? 0 : EXT2_NOFOLLOW, told, w, &ino);
	if (!failed)
		failed = ext2_inode(s->fs, ino, &inode);
	if (!failed)
		failed = tell_data(w, &inode, blocks);
	int status = print_walk(w, failed, ino, blocks);
	if (!failed || w->said)
		return failed ? EXIT_FAILURE : status;
	return complain(s, failed, "cannot follow %s",
			*w->path ? w->path : "an empty path");
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
	ext2_numbers(s->fs, &w.numbers);
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

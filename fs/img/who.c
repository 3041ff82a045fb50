// # img who: what a block is for
//
//     $ img who disk.img 532 7
//     532  data of inode 14 (/home/ubuntu/notes.txt), its block 0
//     7    inode table of group 0: inodes 1 to 16
//
// The question after a disk reported a bad sector. The way back from a block to a
// file is written nowhere: every inode is asked what it points at, and then every
// directory for its names.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"
#include "fs/img/pieces.h"
#include "must.h"

struct owner {
	struct piece piece; // that holds the block
	char *paths;        // of its inode, joined by ", "; NULL: none
	struct owner *next;
};

struct asked {
	uint64_t block;
	bool in_use;
	struct owner *owners;
};

struct who {
	struct session *session;
	struct asked *asked;
	int count;
};

// ## The command line

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct who *w = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		w->asked =
			must_ptr(calloc((size_t)state->argc, sizeof *w->asked));
		return 0;
	case ARGP_KEY_ARG:
		w->asked[w->count++].block = (uint64_t)option_number(
			state, "BLOCK", text, 0, INT64_MAX);
		return 0;
	case ARGP_KEY_END:
		if (!w->count)
			argp_failure(state, EXIT_USAGE, 0,
				     "want the number of a BLOCK");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.parser = parse,
	.args_doc = "IMAGE BLOCK...",
	.doc = "Says what blocks of an image are for, and the names of the "
	       "files that own them."
	       "\vExample:\n"
	       "  img who disk.img 532 7",
};

// ## Asking

static int look(void *context, const struct piece *piece)
{
	struct who *w = context;

	for (int i = 0; i < w->count; i++) {
		struct asked *a = &w->asked[i];
		if (a->block < piece->first ||
		    a->block - piece->first >= piece->blocks)
			continue;
		struct owner *owner = must_ptr(calloc(1, sizeof *owner));
		owner->piece = *piece;
		owner->next = a->owners;
		a->owners = owner;
	}
	return 0;
}

static void add_path(struct owner *owner, const char *path)
{
	char *text = shown(path, strlen(path)), *more;

	if (owner->paths) {
		must(asprintf(&more, "%s, %s", owner->paths, text));
		free(owner->paths);
		free(text);
		text = more;
	}
	owner->paths = text;
}

static int name(void *context, struct visit *visit)
{
	struct who *w = context;

	for (int i = 0; i < w->count; i++)
		for (struct owner *o = w->asked[i].owners; o; o = o->next)
			if (o->piece.inode == visit->inode.ino)
				add_path(o, visit->path);
	return 0;
}

static bool wants_names(const struct who *w)
{
	for (int i = 0; i < w->count; i++)
		for (struct owner *o = w->asked[i].owners; o; o = o->next)
			if (o->piece.inode)
				return true;
	return false;
}

// ## Telling

// Which inodes stand in a block of a table.
static void table_inodes(const struct who *w, const struct asked *a,
			 const struct piece *p, uint32_t *first, uint32_t *last)
{
	struct ext2_numbers n;

	ext2_numbers(w->session->fs, &n);
	uint32_t per_block = n.block_bytes / n.inode_bytes;
	uint64_t begin = p->group * (uint64_t)n.inodes_per_group + 1;
	uint64_t from = begin + (a->block - p->first) * per_block;
	uint64_t end = begin + n.inodes_per_group;

	*first = (uint32_t)from;
	*last = (uint32_t)((from + per_block < end ? from + per_block : end) -
			   1);
}

// The blocks kept for descriptors are told by group, but an inode points at them.
static bool by_resize_inode(const struct who *w, const struct piece *p)
{
	struct ext2_numbers n;

	ext2_numbers(w->session->fs, &n);
	return p->kind == PIECE_RESERVED && n.compat & COMPAT_RESIZE_INODE;
}

static void print_owner(const struct who *w, const struct asked *a,
			const struct owner *o)
{
	const struct piece *p = &o->piece;
	uint32_t first, last;

	printf("%s", piece_words[p->kind]);
	if (p->inode) {
		printf(" of inode %" PRIu32 " (%s)", p->inode,
		       o->paths ? o->paths : "no name");
		if (p->kind == PIECE_MAP)
			printf(", level %d, from its block %" PRIu64 " on",
			       p->level, p->logical);
		else if (p->kind != PIECE_XATTR)
			printf(", its block %" PRIu64,
			       p->logical + (a->block - p->first));
	} else if (p->kind != PIECE_BOOT) {
		printf(" of group %" PRIu32, p->group);
	}
	if (by_resize_inode(w, p))
		printf(", by inode %d", INO_RESIZE);
	if (p->kind == PIECE_INODE_TABLE) {
		table_inodes(w, a, p, &first, &last);
		printf(": inodes %" PRIu32 " to %" PRIu32, first, last);
	}
}

static void print_asked(const struct who *w, const struct asked *a)
{
	printf("%" PRIu64 "  ", a->block);
	if (!a->owners)
		printf("%s", a->in_use ? "in use by the bitmap, and nobody's "
					 "(img fsck)"
				       : "free");
	for (const struct owner *o = a->owners; o; o = o->next) {
		print_owner(w, a, o);
		if (o->next)
			printf(", and ");
	}
	printf("%s\n", a->owners && !a->in_use && a->owners->piece.inode
			       ? "; but free by the bitmap (img fsck)"
			       : "");
}

static json_t *json_owner(const struct who *w, const struct asked *a,
			  const struct owner *o)
{
	const struct piece *p = &o->piece;
	json_t *object = json_pack("{s:s}", "is", piece_words[p->kind]);
	uint32_t first, last;

	if (p->inode) {
		json_object_set_new(object, "inode", json_integer(p->inode));
		if (o->paths)
			json_object_set_new(object, "paths",
					    json_string(o->paths));
		uint64_t logical = p->logical;
		if (p->kind != PIECE_MAP)
			logical += a->block - p->first;
		json_object_set_new(object, "logical",
				    json_integer((json_int_t)logical));
		if (p->kind == PIECE_MAP)
			json_object_set_new(object, "level",
					    json_integer(p->level));
	} else {
		json_object_set_new(object, "group", json_integer(p->group));
		if (by_resize_inode(w, p))
			json_object_set_new(object, "inode",
					    json_integer(INO_RESIZE));
	}
	if (p->kind == PIECE_INODE_TABLE) {
		table_inodes(w, a, p, &first, &last);
		json_object_set_new(object, "first_inode", json_integer(first));
		json_object_set_new(object, "last_inode", json_integer(last));
	}
	return object;
}

static json_t *json_asked(const struct who *w, const struct asked *a)
{
	json_t *owners = json_array();

	for (const struct owner *o = a->owners; o; o = o->next)
		json_array_append_new(owners, json_owner(w, a, o));
	return json_pack("{s:I, s:b, s:o}", "block", (json_int_t)a->block,
			 "in_use", (int)a->in_use, "owners", owners);
}

static void forget(struct who *w)
{
	for (int i = 0; i < w->count; i++)
		while (w->asked[i].owners) {
			struct owner *o = w->asked[i].owners;
			w->asked[i].owners = o->next;
			free(o->paths);
			free(o);
		}
	free(w->asked);
}

static int answer(struct who *w)
{
	struct session *s = w->session;
	struct ext2_numbers numbers;
	json_t *all;

	ext2_numbers(s->fs, &numbers);
	for (int i = 0; i < w->count; i++) {
		if (w->asked[i].block >= numbers.blocks)
			return complain(s, 0,
					"block %" PRIu64 ": want one from 0 to "
					"%" PRIu64,
					w->asked[i].block, numbers.blocks - 1);
		int error = ext2_block_in_use(s->fs, w->asked[i].block,
					      &w->asked[i].in_use);
		if (error)
			return complain(s, error, "cannot read the bitmap");
	}
	all = s->json ? must_ptr(json_array()) : NULL;
	int failed = pieces_each(s, look, w);
	if (wants_names(w))
		failed |= visit_tree(s, INO_ROOT, "/", false, name, w);
	for (int i = 0; i < w->count; i++)
		if (all)
			json_array_append_new(all, json_asked(w, &w->asked[i]));
		else
			print_asked(w, &w->asked[i]);
	if (all && print_json(all))
		return EXIT_FAILURE;
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int who(struct session *s, int argc, char **argv)
{
	struct who w = { .session = s };

	command_parse(s, &parser, argc, argv, &w);
	int status = session_open(s, EXT2_READ_ONLY);
	if (!status)
		status = answer(&w);
	forget(&w);
	return status;
}

const struct command who_command = {
	.name = "who",
	.summary = "what a block is for, and whose",
	.heading = "Explaining",
	.run = who,
};

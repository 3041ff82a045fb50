// # undelete: what was deleted, as long as it is there
//
//     $ img undelete disk.img
//     disk.img: 3 deleted files: 2 whole, 1 in part
//
//       inode  deleted                   size  state    name
//          12  2026-11-23 12:59:46   97.7 KiB  whole    /home/notes.txt
//          14  2026-11-23 12:59:46        3 B  whole    /home/d/in
//          15  2026-11-23 12:59:46    5.7 MiB  in part  /home/film
//              5881 of 5884 blocks are free; 3 are inode 20's (/home/new)
//
//     $ img undelete disk.img /home/notes.txt
//     inode 12 is /home/notes.txt again: 97.7 KiB
//
// Deleting a file gives back its inode and its blocks. It erases neither, and
// often not its name. What is found, and what the kernel and others leave behind,
// stands at the head of undelete_find.c; names at that of undelete_names.c.
//
// What is not whole comes back only with --partial: what is missing is a hole then.
// "free" does not say that the bytes are the file's: a block may have been another
// file's in between. Look at what came back.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/undelete.h"
#include "must.h"

struct undelete {
	const char *what; // an inode's number or a path; NULL: list
	const char *to, *output;
	bool all, partial, cleared;
};

enum { OPT_TO = 256, OPT_OUTPUT, OPT_ALL, OPT_PARTIAL, OPT_CLEARED };

static const struct argp_option table[] = {
	{ "to", OPT_TO, "PATH", 0,
	  "Bring it back as PATH of the image, or into that directory", 1 },
	{ "output", OPT_OUTPUT, "FILE", 0,
	  "Write its content to FILE of the host (- is standard output), "
	  "and leave the image alone; with --all: into the directory FILE", 1 },
	{ "all", OPT_ALL, 0, 0,
	  "Everything that is whole; wants --to or --output", 2 },
	{ "partial", OPT_PARTIAL, 0, 0,
	  "Also what is there in part; the rest becomes holes", 2 },
	{ "cleared", OPT_CLEARED, 0, 0,
	  "List also inodes of which only times are left", 3 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct undelete *u = state->input;

	switch (key) {
	case OPT_TO:
		if (!*text)
			option_refuse(state, "--to", text, "a path");
		u->to = text;
		return 0;
	case OPT_OUTPUT:
		if (!*text)
			option_refuse(state, "--output", text, "a file");
		u->output = text;
		return 0;
	case OPT_ALL:
		u->all = true;
		return 0;
	case OPT_PARTIAL:
		u->partial = true;
		return 0;
	case OPT_CLEARED:
		u->cleared = true;
		return 0;
	case ARGP_KEY_ARG:
		if (u->what)
			return ARGP_ERR_UNKNOWN;
		u->what = text;
		return 0;
	case ARGP_KEY_END:
		if (u->all && u->what)
			argp_failure(state, EXIT_USAGE, 0,
				     "--all and %s: want one of them", u->what);
		if (u->to && u->output)
			argp_failure(state, EXIT_USAGE, 0,
				     "want one of --to and --output");
		if (u->all && !u->to && !u->output)
			argp_failure(state, EXIT_USAGE, 0,
				     "--all: want --to=DIRECTORY or "
				     "--output=DIRECTORY with it");
		if (!u->all && !u->what && (u->to || u->output || u->partial))
			argp_failure(state, EXIT_USAGE, 0,
				     "want an INODE, a PATH or --all");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE [INODE|PATH]",
	.doc = "Lists deleted files, or brings one back: with its inode, its "
	       "attributes and those blocks that nobody has taken since. "
	       "Without --to it gets its old names again, as far as they are "
	       "known. A directory comes back with all that was deleted in it."
	       "\vExamples:\n"
	       "  img undelete disk.img\n"
	       "  img undelete disk.img /home/notes.txt\n"
	       "  img undelete disk.img 12 --output=notes.txt\n"
	       "  img undelete disk.img --all --to=/lost+found",
};

// ## The list

static char *names_text(const struct search *s, const struct deleted *d)
{
	char *text = must_ptr(strdup("")), *more;

	for (uint32_t i = 0; i < d->names; i++) {
		const struct deleted_name *name = &s->name[d->first_name + i];
		char *path = deleted_path(s, name);
		char *plain = path ? shown(path, strlen(path))
				   : shown(name->name, name->length);
		must(asprintf(&more, "%s%s%s%s", text, i ? " or " : "",
			      path ? "" : "?/", plain));
		free(text);
		free(path);
		free(plain);
		text = more;
	}
	return text;
}

static char *taker_text(const struct search *s, const struct taker *t)
{
	const char *path = t->deleted ? NULL : path_known(s, t->inode);
	char *text, *plain = path ? shown(path, strlen(path)) : NULL;

	if (t->deleted)
		must(asprintf(&text, "a file's that was deleted later"));
	else if (t->inode)
		must(asprintf(&text, "inode %" PRIu32 "'s%s%s%s", t->inode,
			      plain ? " (" : "", plain ? plain : "",
			      plain ? ")" : ""));
	else
		must(asprintf(&text, "used for the %s", piece_words[t->kind]));
	free(plain);
	return text;
}

static uint64_t nobodys(const struct deleted *d)
{
	uint64_t known = d->other_takers, taken = d->blocks - d->free;

	for (int i = 0; i < d->takers; i++)
		known += d->taker[i].blocks;
	return taken > known ? taken - known : 0;
}

static void print_blocks(const struct search *s, const struct deleted *d)
{
	if (d->blocks == d->free && !d->map_broken && !d->xattrs_gone)
		return;
	printf("         %" PRIu64 " of %" PRIu64 " blocks %s free", d->free,
	       d->blocks, d->free == 1 ? "is" : "are");
	for (int i = 0; i < d->takers; i++) {
		char *text = taker_text(s, &d->taker[i]);
		printf("%s %" PRIu64 " %s %s", i ? "," : ";",
		       d->taker[i].blocks,
		       d->taker[i].blocks == 1 ? "is" : "are", text);
		free(text);
	}
	uint64_t others = d->other_takers + nobodys(d);
	if (others)
		printf("%s %" PRIu64 " in use otherwise", d->takers ? "," : ";",
		       others);
	if (d->map_broken)
		printf("; its block map is not whole");
	if (d->xattrs_gone)
		printf("; the block of its attributes is another's");
	printf("\n");
}

static void print_deleted(const struct search *s, const struct deleted *d)
{
	char size[HUMAN_BYTES], when[40] = "unknown", *names = names_text(s, d);
	const struct ext2_time time = { .seconds = d->dtime };

	if (d->dtime)
		time_text(time, false, when);
	printf("%7" PRIu32 "  %-19.19s  %9s  %-7s  %s%s", d->ino, when,
	       d->state == DELETED_CLEARED ? "?" : human_size(size, d->size),
	       deleted_words[d->state], *names ? names : "no name",
	       S_ISREG(d->mode) ? "" : " (");
	if (!S_ISREG(d->mode))
		printf("%s)", d->mode ? type_word(d->mode) : "no mode");
	printf("\n");
	if (d->state == DELETED_CLEARED) {
		printf("         was empty, or the kernel has deleted it\n");
	} else {
		if (d->copy)
			printf("         its inode stands in the log, "
			       "transaction %" PRIu32 "\n",
			       s->copy[d->copy - 1].sequence);
		print_blocks(s, d);
	}
	free(names);
}

static json_t *json_names(const struct search *s, const struct deleted *d)
{
	static const char *const from[] = {
		[NAME_SLACK] = "slack",
		[NAME_LOG] = "log",
		[NAME_DELETED] = "deleted directory",
	};
	json_t *array = must_ptr(json_array());

	for (uint32_t i = 0; i < d->names; i++) {
		const struct deleted_name *name = &s->name[d->first_name + i];
		char *path = deleted_path(s, name);
		json_t *object = must_ptr(json_pack("{s:I, s:s}", "directory",
						    (json_int_t)name->dir,
						    "from", from[name->from]));
		json_set_name(object, "name", name->name, name->length);
		if (path)
			json_set_name(object, "path", path, strlen(path));
		json_array_append_new(array, object);
		free(path);
	}
	return array;
}

static json_t *json_takers(const struct search *s, const struct deleted *d)
{
	json_t *array = must_ptr(json_array());

	for (int i = 0; i < d->takers; i++) {
		const struct taker *t = &d->taker[i];
		const char *path = t->deleted ? NULL : path_known(s, t->inode);
		json_t *object = must_ptr(json_pack(
			"{s:I, s:b, s:s}", "blocks", (json_int_t)t->blocks,
			"deleted_later", (int)t->deleted, "for",
			t->deleted ? "deleted" : piece_words[t->kind]));
		if (t->inode)
			json_object_set_new(object, "inode",
					    json_integer(t->inode));
		if (path)
			json_set_name(object, "path", path, strlen(path));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *json_deleted(const struct search *s, const struct deleted *d)
{
	const struct ext2_time deleted = { .seconds = d->dtime };
	json_t *object = must_ptr(json_pack(
		"{s:I, s:s, s:s, s:I, s:o, s:o, s:s}", "inode",
		(json_int_t)d->ino, "state", deleted_words[d->state], "type",
		d->mode ? type_word(d->mode) : "unknown", "size",
		(json_int_t)d->size, "dtime",
		d->dtime ? json_time(deleted) : json_null(), "mtime",
		json_time(d->mtime), "from", d->copy ? "log" : "inode table"));
	json_t *blocks = must_ptr(json_pack(
		"{s:I, s:I, s:I, s:b, s:b}", "all", (json_int_t)d->blocks,
		"free", (json_int_t)d->free, "data_lost", (json_int_t)d->lost,
		"map_broken", (int)d->map_broken, "attributes_lost",
		(int)d->xattrs_gone));

	if (d->copy)
		json_object_set_new(
			object, "transaction",
			json_integer(s->copy[d->copy - 1].sequence));
	json_object_set_new(object, "blocks", blocks);
	json_object_set_new(object, "taken_by", json_takers(s, d));
	json_object_set_new(object, "names", json_names(s, d));
	return object;
}

static void print_sum(const struct search *s)
{
	size_t n[DELETED_STATES] = { 0 };
	const char *before = ":";

	for (size_t i = 0; i < s->count; i++)
		n[s->deleted[i].state]++;
	size_t shown_count = s->count - n[DELETED_CLEARED];
	printf("%s: %zu deleted file%s", s->session->image_path, shown_count,
	       shown_count == 1 ? "" : "s");
	for (int i = 0; i < DELETED_CLEARED; i++) {
		if (!n[i])
			continue;
		printf("%s %zu %s", before, n[i], deleted_words[i]);
		before = ",";
	}
	if (n[DELETED_CLEARED])
		printf("; %zu of which only times are left (--cleared)",
		       n[DELETED_CLEARED]);
	printf("\n");
}

static int list(const struct undelete *u, const struct search *s)
{
	struct json_list all = { 0 };
	bool any = false;

	if (!s->session->json)
		print_sum(s);
	for (size_t i = 0; i < s->count; i++) {
		const struct deleted *d = &s->deleted[i];
		if (d->state == DELETED_CLEARED && !u->cleared)
			continue;
		if (s->session->json) {
			json_list_add(&all, json_deleted(s, d));
			continue;
		}
		if (!any)
			printf("\n  inode  deleted                   size  "
			       "state    name\n");
		any = true;
		print_deleted(s, d);
	}
	if (s->session->json)
		json_list_end(&all);
	return EXIT_SUCCESS;
}

// ## Which one

static bool same_path(const char *path, const char *wanted)
{
	size_t length = path_trimmed(wanted);

	while (length && *wanted == '/') {
		wanted++;
		length--;
	}
	while (*path == '/')
		path++;
	return strlen(path) == length && !memcmp(path, wanted, length);
}

// Of several with that name the one that was deleted last, and of these one that
// can be brought back.
static bool better(const struct deleted *d, const struct deleted *than)
{
	if (!than || (d->state < DELETED_GONE) != (than->state < DELETED_GONE))
		return !than || d->state < DELETED_GONE;
	return d->dtime > than->dtime;
}

static int choose(const char *what, struct search *s, struct bring *bring)
{
	int64_t ino;

	if (parse_number(what, 1, UINT32_MAX, &ino) == 0) {
		bring->which = search_find(s, (uint32_t)ino);
		if (bring->which)
			return EXIT_SUCCESS;
		return complain(s->session, 0,
				"inode %s is not one that was deleted: `img "
				"undelete %s' lists them",
				what, s->session->image_path);
	}
	for (size_t i = 0; i < s->names; i++) {
		struct deleted *d = &s->deleted[s->name[i].of];
		char *path = deleted_path(s, &s->name[i]);
		if (path && same_path(path, what) && better(d, bring->which)) {
			bring->which = d;
			bring->name = &s->name[i];
		}
		free(path);
	}
	return bring->which ? EXIT_SUCCESS
			    : complain(s->session, 0,
				       "no deleted file is known by the name "
				       "%s: `img undelete %s' lists them",
				       what, s->session->image_path);
}

static int undelete(struct session *s, int argc, char **argv)
{
	struct undelete u = { 0 };
	struct search search;
	struct bring bring = { .search = &search };

	command_parse(s, &parser, argc, argv, &u);
	bool back = u.what || u.all;
	int status = session_open(s, back && !u.output ? EXT2_WRITE
						       : EXT2_READ_ONLY);
	if (status)
		return status;
	bring.to = u.to;
	bring.output = u.output;
	bring.partial = u.partial;
	status = search_open(&search, s);
	if (!status && u.what)
		status = choose(u.what, &search, &bring);
	if (!status)
		status = !back      ? list(&u, &search)
			 : u.output ? bring_to_host(&bring)
				    : bring_into_image(&bring);
	search_close(&search);
	return status;
}

const struct command undelete_command = {
	.name = "undelete",
	.summary = "lists deleted files, and brings them back",
	.heading = "Caring",
	.run = undelete,
	.alone = true,
};

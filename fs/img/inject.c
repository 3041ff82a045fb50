// # inject: damage of a named kind
//
//     $ img inject --list
//     $ img inject disk.img entry-type --seed=3
//     $ img inject disk.img --exercise=2 --seed=7       an exercise
//     $ img inject disk.img --exercise=2 --seed=7 -c    and its answers
//
//     1  entry-type: the type in an entry is not that of its inode
//        file_type of the entry "x" in inode 12 (/home)
//          block 521, byte 31 (byte 533535 of the image): 01 -> 05
//        img fsck   entry-type: Inode 12 (/home): the entry "x" ...
//                   repair: sets it
//        e2fsck     "has an incorrect filetype"
//
// Where the damage goes is chosen by the seed: the same seed, image and kinds give
// the same damage, so that a whole class gets one exercise or each its own.
//
// This is the one command that makes an image worse, so it is careful. A kind or
// --random damages IMAGE itself, which has to be a file: a disk is refused, and so
// is an image that is mounted or in use. --keep-undo saves what stood there, and
// `img fsck --undo' puts it back. Nobody is asked: to have named image and kind is
// the answer. An exercise leaves IMAGE alone and damages a copy (IMAGE.exercise, or
// --to=FILE), so that the answers can be worked out at any time: -c writes nothing,
// does it all again in memory, and lets the checker look at the result.
//
// The superblock still says that the image is clean. So img fsck and e2fsck want
// their -f.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/ext2/check.h"
#include "fs/img/inject.h"
#include "must.h"

enum { OPT_RANDOM = 256, OPT_EXERCISE, OPT_SEED, OPT_TO, OPT_KEEP, MOST = 40 };

static const struct argp_option table[] = {
	{ "list", 'l', 0, 0, "Print the kinds of damage (wants no IMAGE)", 1 },
	{ "random", OPT_RANDOM, "N", OPTION_ARG_OPTIONAL,
	  "N kinds (1), chosen by the seed", 1 },
	{ "exercise", OPT_EXERCISE, "N", OPTION_ARG_OPTIONAL,
	  "A copy of IMAGE with N things damaged (1), and the question", 2 },
	{ "answers", 'c', 0, 0,
	  "The answers of that exercise; writes nothing", 2 },
	{ "to", OPT_TO, "FILE", 0,
	  "The exercise's copy (IMAGE.exercise); replaces it", 2 },
	{ "seed", OPT_SEED, "N", 0, "What decides where (0)", 3 },
	{ "keep-undo", OPT_KEEP, "FILE", 0,
	  "Save what is overwritten in FILE, for `img fsck --undo'", 3 },
	{ 0 }
};

static const struct kind *kind_named(const char *name)
{
	for (const struct kind *k = inject_kinds; k->name; k++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

static void end_parse(const struct inject *in, const struct argp_state *state)
{
	int ways = (in->count > 0) + (in->random > 0) + (in->exercise > 0);

	if (ways != 1)
		argp_failure(state, EXIT_USAGE, 0,
			     "want a KIND, --random or --exercise (--list "
			     "prints the kinds)");
	if ((in->answers || in->to) && !in->exercise)
		argp_failure(state, EXIT_USAGE, 0,
			     "-c and --to: want them with --exercise");
	if (in->answers && in->to)
		argp_failure(state, EXIT_USAGE, 0,
			     "-c writes nothing: want it without --to");
	if (in->keep_undo && in->exercise)
		argp_failure(state, EXIT_USAGE, 0,
			     "--keep-undo: an exercise leaves IMAGE alone");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct inject *in = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		in->names = must_ptr(
			calloc((size_t)state->argc + 1, sizeof *in->names));
		return 0;
	case OPT_RANDOM:
		in->random = text ? (uint32_t)option_number(state, "--random",
							    text, 1, MOST)
				  : 1;
		return 0;
	case OPT_EXERCISE:
		in->exercise = text ? (uint32_t)option_number(state,
							      "--exercise",
							      text, 1, MOST)
				    : 1;
		return 0;
	case OPT_SEED:
		in->seed = (uint64_t)option_number(state, "--seed", text, 0,
						   INT64_MAX);
		return 0;
	case 'c':
		in->answers = true;
		return 0;
	case OPT_TO:
		if (!*text)
			option_refuse(state, "--to", text, "a file");
		in->to = text;
		return 0;
	case OPT_KEEP:
		if (!*text || access(text, F_OK) == 0)
			option_refuse(state, "--keep-undo", text,
				      "a file that does not exist yet");
		in->keep_undo = text;
		return 0;
	case ARGP_KEY_ARG:
		if (!kind_named(text))
			option_refuse(state, "KIND", text,
				      "one that `img inject --list' prints");
		in->names[in->count++] = text;
		return 0;
	case ARGP_KEY_END:
		end_parse(in, state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE KIND...\n"
		    "IMAGE --exercise[=N] [-c]\n"
		    "--list",
	.doc = "Damages an image in a known way, for teaching and for tests: "
	       "what does `img fsck -f' find, and how is it mended?"
	       "\vExamples:\n"
	       "  img inject --list\n"
	       "  img inject disk.img pointer-double --keep-undo=before\n"
	       "  img inject disk.img --exercise=3 --seed=7\n"
	       "  img inject disk.img --exercise=3 --seed=7 -c",
};

// ## Opening

static int refuse_disk(struct session *s)
{
	struct stat info;

	if (stat(s->image_path, &info) == 0 && S_ISBLK(info.st_mode))
		return complain(s, 0,
				"it is a disk: want an image in a file (copy "
				"it there)");
	return EXIT_SUCCESS;
}

// Damage is told by what is wrong, not by a checksum that does not fit any more.
static int refuse_features(struct session *s, const struct ext2_numbers *n)
{
	const uint32_t found[3] = { n->compat, n->incompat, n->ro_compat };

	for (int word = 0; word < 3; word++)
		if (found[word] & ~ext2_writable[word])
			return complain(s, 0,
					"it can be read, but not damaged in a "
					"known way: it is not plain ext2 or "
					"ext3");
	if (n->replayed || get32(ext2_super(s->fs)->s_last_orphan))
		return complain(s, 0,
				"its log holds something, or there are orphans:"
				" `img fsck -p' first");
	return EXIT_SUCCESS;
}

static int open_image(struct session *s, int mode, struct ext2_numbers *n)
{
	struct ext2_refusal why = { "" };
	int status = refuse_disk(s);

	if (!status)
		status = session_device(s, mode);
	if (status)
		return status;
	int error = ext2_open(s->device, EXT2_READ_ONLY, &s->fs, &why);
	if (error && *why.text)
		return complain(s, 0, "%s", why.text);
	if (error)
		return complain(s, error, "cannot open it");
	ext2_numbers(s->fs, n);
	return refuse_features(s, n);
}

// ## Harming

// 0, -ENOENT (nothing to damage in this way), or another error.
static int harm(struct work *w, const struct kind *k)
{
	size_t first = w->x.count;
	int error = k->harm(&w->x, k);

	if (error)
		return error;
	for (size_t i = first; i < w->x.count; i++)
		if (memcmp(w->x.change[i].before, w->x.change[i].after,
			   w->x.change[i].n) != 0) {
			w->done[w->count++] =
				(struct done){ k, first, w->x.count - first };
			return 0;
		}
	return -ENOENT;
}

static int harm_named(struct work *w)
{
	const struct inject *in = w->in;

	for (int i = 0; i < in->count; i++) {
		const struct kind *k = kind_named(in->names[i]);
		int error = harm(w, k);

		if (error == -ENOENT)
			return complain(
				in->session, 0, "%s: it has not %s", k->name,
				k->needs ? k->needs : "what can be damaged so");
		if (error)
			return complain(in->session, error, "%s", k->name);
	}
	return EXIT_SUCCESS;
}

// Kinds in an order that the seed decides, until there are enough. A kind that
// leaves no room for others is only taken alone.
static int harm_random(struct work *w, uint32_t wanted)
{
	const struct kind *order[128];
	uint32_t n = 0;

	for (const struct kind *k = inject_kinds;
	     k->name && n < sizeof order / sizeof *order; k++)
		if (!k->alone || wanted == 1)
			order[n++] = k;
	while (n && w->count < wanted) {
		uint32_t at = random_below(&w->x.random, n);
		int error = harm(w, order[at]);

		if (error && error != -ENOENT)
			return complain(w->in->session, error, "%s",
					order[at]->name);
		order[at] = order[--n];
	}
	return w->count == wanted
		       ? EXIT_SUCCESS
		       : complain(
				 w->in->session, 0,
				 "no more than %zu kinds of damage can be done "
				 "to it",
				 w->count);
}

// ## What the checker finds

static void note_finding(void *context, const struct finding *f, bool repaired)
{
	struct work *w = context;

	(void)repaired;
	if (w->found_count == w->found_room) {
		w->found_room = w->found_room ? w->found_room * 2 : 16;
		w->found = must_ptr(
			realloc(w->found, w->found_room * sizeof *w->found));
	}
	w->found[w->found_count++] = (struct found){
		.code = must_ptr(strdup(f->code)),
		.text = must_ptr(strdup(f->text)),
		.repair = must_ptr(
			strdup(f->repair ? f->repair : "nothing can be done")),
	};
}

static int look(struct work *w)
{
	struct check_options options = {
		.force = true,
		.found = note_finding,
		.context = w,
	};
	struct check_result result;
	int error = ext2_check(w->x.out, &options, &result);

	return error ? complain(w->in->session, error,
				"cannot check what was damaged")
		     : EXIT_SUCCESS;
}

// ## The copy

struct copying {
	struct device *from, *to;
	uint8_t *bytes;
};

static bool all_zero(const uint8_t *bytes, size_t n)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, n - 1);
}

static int copy_all(const struct copying *c, uint64_t base, uint64_t bytes)
{
	enum { PIECE = 1 << 16 };
	int error = 0;

	for (uint64_t at = 0; at < bytes && !error; at += PIECE) {
		size_t n = bytes - at < PIECE ? (size_t)(bytes - at) : PIECE;

		error = device_read(c->from, at, c->bytes, n);
		if (!error && !all_zero(c->bytes, n))
			error = device_write(c->to, base + at, c->bytes, n);
	}
	return error;
}

// The image alone, from its first byte to its last: what else is in the file around
// it (--offset) stays where it is.
static int make_copy(const struct work *w, const char *path)
{
	struct copying c = { .from = w->x.out };
	uint64_t bytes = w->x.out->bytes;
	int error = device_create(path, bytes, &c.to);

	if (error)
		return error;
	c.bytes = must_ptr(malloc(1 << 16));
	error = copy_all(&c, 0, bytes);
	if (!error)
		error = device_publish(c.to);
	device_close(c.to);
	free(c.bytes);
	return error;
}

static bool same_file(const char *a, const char *b)
{
	struct stat one, two;

	return stat(a, &one) == 0 && stat(b, &two) == 0 &&
	       one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static int exercise(struct work *w)
{
	const struct inject *in = w->in;
	const char *copy = in->to;
	char *own = NULL;
	int status = EXIT_SUCCESS;

	if (in->answers) {
		status = look(w);
		return status ? status : inject_answers(w);
	}
	if (copy && same_file(copy, in->session->image_path))
		return complain(in->session, 0,
				"--to=%s: want another file than the image",
				copy);
	if (!copy) {
		must(asprintf(&own, "%s.exercise", in->session->image_path));
		copy = own;
	}
	int error = make_copy(w, copy);
	if (error)
		status = complain(in->session, error, "cannot make %s", copy);
	else
		status = inject_question(w, copy);
	free(own);
	return status;
}

// ## The image itself

static int in_place(struct work *w)
{
	const struct inject *in = w->in;
	int error = device_overlay_apply(w->x.out, in->keep_undo);

	if (error)
		return complain(in->session, error,
				in->keep_undo &&
						access(in->keep_undo, F_OK) == 0
					? "cannot write the damage; %s holds "
					  "what stood in its place"
					: "cannot write the damage%s",
				in->keep_undo ? in->keep_undo : "");
	return in->session->quiet && !in->session->json ? EXIT_SUCCESS
							: inject_answers(w);
}

static int prepare(struct work *w)
{
	enum { UNIT = 512, MEMORY = 1 << 20 };
	struct session *s = w->in->session;
	bool write = !w->in->exercise;
	int status = open_image(s, write ? DEVICE_WRITE : DEVICE_READ,
				&w->x.numbers);

	if (status)
		return status;
	int error = device_overlay(s->device, UNIT, MEMORY, &w->x.out);
	if (error)
		return complain(s, error, "cannot prepare the damage");
	w->x.session = s;
	w->x.random.state = w->in->seed;
	w->x.block = must_ptr(malloc(w->x.numbers.block_bytes));
	w->done = must_ptr(
		calloc((size_t)w->in->count + MOST + 1, sizeof *w->done));
	if (w->in->count)
		return harm_named(w);
	return harm_random(w, w->in->random ? w->in->random : w->in->exercise);
}

static void end(struct work *w)
{
	for (size_t i = 0; i < w->x.count; i++)
		free(w->x.change[i].what);
	for (size_t i = 0; i < w->found_count; i++) {
		free(w->found[i].code);
		free(w->found[i].text);
		free(w->found[i].repair);
	}
	device_close(w->x.out);
	free(w->x.change);
	free(w->x.used);
	free(w->x.block);
	free(w->found);
	free(w->done);
	free(w->in->names);
}

static bool has_word(int argc, char **argv, const char *word)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], word))
			return true;
	return false;
}

static int inject(struct session *s, int argc, char **argv)
{
	struct inject in = { .session = s };
	struct work work = { .in = &in };

	if (has_word(argc, argv, "--list") || has_word(argc, argv, "-l"))
		return inject_list(has_word(argc, argv, "--format=json"));
	command_parse(s, &parser, argc, argv, &in);
	int status = prepare(&work);
	if (!status)
		status = in.exercise ? exercise(&work) : in_place(&work);
	end(&work);
	return status;
}

const struct command inject_command = {
	.name = "inject",
	.summary = "damages an image in a known way: fsck exercises",
	.heading = "Teaching",
	.run = inject,
	.alone = true,
};

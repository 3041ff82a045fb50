// # img mkfs: a new image, empty or with a tree of files in it
//
// First all is known, then all is written. The source is listed as a whole
// (mkfs_scan.c, mkfs_tar.c, mkfs_table.c), its size is counted (mkfs_size.c), and
// only then a file is made. That file has no name before it is complete and on
// stable storage: a new image appears whole or not at all, whatever ends us.
//
// Where IMAGE is a block device, or the file system lies inside a disk image
// (--offset, --partition), there is nothing to be renamed. What was there is lost
// with the first write, so --force is asked for.
//
// Reproducible: with SOURCE_DATE_EPOCH set, the image depends on nothing but the
// tree and the options. Files are made in the order of their names, UUID and seed
// of the hashes are computed from the tree, and of a file's times only the last
// change counts (reading it, and putting it there, must not show), but not if it
// is later than that epoch.
//
// Sources: mke2fs(8), genext2fs(8); SOURCE_DATE_EPOCH:
// https://reproducible-builds.org/specs/source-date-epoch/

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/img/mkfs.h"
#include "fs/img/values.h"
#include "must.h"

enum {
	OPT_SIZE = 256,
	OPT_FROM,
	OPT_FREE,
	OPT_BLOCK_SIZE,
	OPT_INODES,
	OPT_BYTES_AN_INODE,
	OPT_INODE_SIZE,
	OPT_LABEL,
	OPT_UUID,
	OPT_JOURNAL,
	OPT_RESERVED,
	OPT_OWNER,
	OPT_TABLE,
	OPT_ONE,
	OPT_SPARSE,
	OPT_FORCE,
};

static const uint64_t LARGEST_IMAGE = UINT64_C(4096) << 32;

static const struct argp_option table[] = {
	{ 0, 0, 0, 0, "What is in it", 1 },
	{ "from", OPT_FROM, "DIRECTORY|TAR|-", 0,
	  "A directory's tree, or an archive's (compressed, too; `-' reads it "
	  "from standard input), with modes, owners, times, links, devices, "
	  "holes, attributes and ACLs", 1 },
	{ "table", OPT_TABLE, "FILE", 0,
	  "Devices, directories, modes and owners, see below", 1 },
	{ "owner", OPT_OWNER, "UID:GID", 0,
	  "Everything belongs to these (but for the table)", 1 },
	{ "one-file-system", OPT_ONE, 0, 0,
	  "Directories where others are mounted are empty", 1 },
	{ "sparse", OPT_SPARSE, 0, 0,
	  "Blocks of zeros become holes, not only those that are holes", 1 },
	{ 0, 0, 0, 0, "How large it is", 2 },
	{ "size", OPT_SIZE, "SIZE", 0,
	  "Such as 64M. Without it as small as the content allows", 2 },
	{ "free", OPT_FREE, "SIZE|N%", 0,
	  "Without --size: leave so much of the image free (10%)", 2 },
	{ "inodes", OPT_INODES, "N", 0, "At least so many inodes", 2 },
	{ "bytes-per-inode", OPT_BYTES_AN_INODE, "SIZE", 0,
	  "An inode for each so many bytes of the image (16K with --size; "
	  "without it, of what is free)", 2 },
	{ "reserved", OPT_RESERVED, "SIZE|N%", 0,
	  "Kept for root where the image is mounted (0)", 2 },
	{ 0, 0, 0, 0, "How it is made", 3 },
	{ "block-size", OPT_BLOCK_SIZE, "1K|2K|4K", 0, "4K", 3 },
	{ "inode-size", OPT_INODE_SIZE, "128|256|512|1024", 0,
	  "256. With 128 times are in seconds, and end in 2038", 3 },
	{ "journal", OPT_JOURNAL, "SIZE", OPTION_ARG_OPTIONAL,
	  "ext3: with a journal (of a size that suits)", 3 },
	{ "label", OPT_LABEL, "TEXT", 0, "Up to 16 bytes", 3 },
	{ "uuid", OPT_UUID, "UUID", 0, "A random one", 3 },
	{ "force", OPT_FORCE, 0, 0,
	  "Replace IMAGE, or overwrite the device or part of it", 3 },
	{ 0 }
};

// ## Options

// A size, or a share in percent.
static void parse_part(const struct argp_state *state, const char *option,
		       const char *text, uint64_t *bytes, double *share)
{
	size_t n = strlen(text);
	double percent;

	*bytes = 0;
	*share = 0;
	if (n == 0 || text[n - 1] != '%') {
		*bytes = option_size(state, option, text, 0, LARGEST_IMAGE);
		return;
	}
	char *number = must_ptr(strndup(text, n - 1));
	int error = parse_real(number, 0, 90, &percent);
	free(number);
	if (error)
		option_refuse(state, option, text,
			      "a size such as 20M, or a share from 0%% to "
			      "90%%");
	*share = percent / 100;
}

static void parse_uuid(const struct argp_state *state, const char *text,
		       uint8_t uuid[16])
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	static const char digits[] = "0123456789abcdefABCDEF";
	size_t n = 0;

	memset(uuid, 0, 16);
	for (size_t i = 0; i < sizeof form; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (form[i] == 'x' ? !digit : text[i] != form[i])
			option_refuse(state, "--uuid", text,
				      "a UUID such as f81d4fae-7dec-11d0-a765-"
				      "00a0c91e6bf6");
		if (form[i] != 'x')
			continue;
		long value = digit - digits;
		uuid[n / 2] |= (uint8_t)((value > 15 ? value - 6 : value)
					 << (n % 2 ? 0 : 4));
		n++;
	}
}

static void finish(const struct make_options *o, const struct argp_state *state,
		   bool free_given)
{
	if (o->size && free_given)
		argp_failure(state, EXIT_USAGE, 0,
			     "--size and --free: want one of them");
	if (o->inodes && o->bytes_an_inode)
		argp_failure(
			state, EXIT_USAGE, 0,
			"--inodes and --bytes-per-inode: want one of them");
	if (o->inode_bytes > o->block_bytes)
		argp_failure(state, EXIT_USAGE, 0,
			     "--inode-size: want no more than --block-size");
	if (!o->from && (o->one_file_system || o->sparse))
		argp_failure(state, EXIT_USAGE, 0, "%s: want --from beside it",
			     o->sparse ? "--sparse" : "--one-file-system");
}

struct input {
	struct make_options make;
	bool free_given;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	static const char *const block_sizes[] = { "1K",   "2K",   "4K", "1024",
						   "2048", "4096", NULL };
	static const char *const inode_sizes[] = { "128", "256", "512", "1024",
						   NULL };
	struct input *input = state->input;
	struct make_options *o = &input->make;
	struct owner owner;

	switch (key) {
	case OPT_SIZE:
		o->size = option_size(state, "--size", text, 1024,
				      LARGEST_IMAGE);
		return 0;
	case OPT_FROM:
		if (!*text)
			option_refuse(state, "--from", text,
				      "a directory, an archive, or -");
		o->from = text;
		return 0;
	case OPT_FREE:
		parse_part(state, "--free", text, &o->free_bytes,
			   &o->free_share);
		input->free_given = true;
		return 0;
	case OPT_BLOCK_SIZE:
		o->block_bytes = 1024u << option_choice(state, "--block-size",
							text, block_sizes) %
						  3;
		return 0;
	case OPT_INODES:
		o->inodes = (uint32_t)option_number(state, "--inodes", text, 1,
						    UINT32_MAX);
		return 0;
	case OPT_BYTES_AN_INODE:
		o->bytes_an_inode = (uint32_t)option_size(
			state, "--bytes-per-inode", text, 1024, 1 << 26);
		return 0;
	case OPT_INODE_SIZE:
		o->inode_bytes = 128u << option_choice(state, "--inode-size",
						       text, inode_sizes);
		return 0;
	case OPT_LABEL:
		if (strlen(text) > 16)
			option_refuse(state, "--label", text,
				      "at most 16 bytes");
		o->label = text;
		return 0;
	case OPT_UUID:
		parse_uuid(state, text, o->uuid);
		o->uuid_given = true;
		return 0;
	case OPT_JOURNAL:
		o->journal = true;
		if (text)
			o->journal_bytes = option_size(state, "--journal", text,
						       1 << 20, 1 << 28);
		return 0;
	case OPT_RESERVED:
		parse_part(state, "--reserved", text, &o->reserved_bytes,
			   &o->reserved_share);
		return 0;
	case OPT_OWNER:
		option_owner(state, "--owner", text, false, &owner);
		o->uid = owner.uid;
		o->gid = owner.gid;
		return 0;
	case OPT_TABLE:
		o->table = text;
		return 0;
	case OPT_ONE:
		o->one_file_system = true;
		return 0;
	case OPT_SPARSE:
		o->sparse = true;
		return 0;
	case OPT_FORCE:
		o->force = true;
		return 0;
	case ARGP_KEY_END:
		finish(o, state, input->free_given);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.args_doc = "IMAGE",
	.doc = "Makes an ext2 (or ext3) image: an empty one, or one that holds "
	       "a tree of files. Root is not needed. IMAGE appears whole, or "
	       "not at all; with --offset and --partition, and on a block "
	       "device, the place is overwritten, and is no file system if "
	       "that "
	       "is cut off.\n"
	       "With SOURCE_DATE_EPOCH set, the same tree and options give the "
	       "same bytes: no time is later than that, and a file's times are "
	       "all that of its last change."
	       "\vExamples:\n"
	       "  img mkfs disk.img --size=64M --journal\n"
	       "  img mkfs root.img --from=root --owner=0:0 --table=devices\n"
	       "  tar c tree | img mkfs tree.img --from=- --free=20%\n\n"
	       "A line of the table (as of genext2fs and buildroot):\n"
	       "  NAME  TYPE MODE UID GID MAJOR MINOR START INC COUNT\n"
	       "  /dev  d    755  0   0   -     -     -     -   -\n"
	       "  /dev/tty c 666  0   0   5     0     0     0   -\n"
	       "  /dev/hda b 640  0   6   3     1     1     1   15\n"
	       "  /bin/su  f 4755 0   0   -     -     -     -   -\n"
	       "Types: d directory (made if it is not there), c and b devices, "
	       "p fifo, s socket (made), f file (mode and owner of one that is "
	       "there; F: if it is there), r directory with all that is in it "
	       "(owner, and mode unless `-'). MODE `-' keeps it. With COUNT, "
	       "NAME is made so many times, with numbers from START on behind "
	       "it, MINOR rising by INC. After # is a comment; a blank in a "
	       "name "
	       "is \\040.\n\n"
	       "A tree that changes while it is read: what has vanished or "
	       "became shorter is named, and the exit status is 1, but there "
	       "is "
	       "an image. A file's content is that of when it is read.\n"
	       "Of file attributes user, trusted, security and ACLs are kept.",
};

// ## The device

static int refuse_existing(const struct session *s)
{
	return complain(s, EEXIST, "want --force to replace it");
}

// Part of a disk image, or a block device.
static int open_in_place(struct session *s, const struct make_options *o)
{
	int status;

	if (!o->force)
		return complain(s, 0,
				"what is there would be overwritten: want "
				"--force");
	status = session_device(s, DEVICE_WRITE);
	if (status)
		return status;
	if (s->device->bytes < o->size)
		return complain(s, ENOSPC,
				"want --size of at most %" PRIu64 " bytes",
				s->device->bytes);
	return EXIT_SUCCESS;
}

// A new file reads as zeros, a place that was in use does not.
static int clear_place(struct session *s, uint64_t bytes)
{
	enum { CHUNK = 1 << 30 };
	int error = 0;

	for (uint64_t at = 0; !error && at < bytes; at += CHUNK)
		error = device_punch(s->device, at,
				     bytes - at < CHUNK ? bytes - at : CHUNK);
	return error ? complain(s, error, "cannot clear it") : EXIT_SUCCESS;
}

// ## The closing line

static void report(const struct session *s, const struct ext2_numbers *n,
		   const struct need *need)
{
	uint64_t bytes = n->blocks * n->block_bytes;
	char size[HUMAN_BYTES], room[HUMAN_BYTES];
	uint32_t files = need->inodes - INO_FIRST;

	if (s->json) {
		char uuid[37];
		const uint8_t *u = n->uuid;
		snprintf(uuid, sizeof uuid,
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x"
			 "%02x%02x%02x%02x",
			 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8],
			 u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
		print_json(must_ptr(json_pack(
			"{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:s}",
			"image", s->image_path, "bytes", (json_int_t)bytes,
			"block_bytes", (json_int_t)n->block_bytes, "blocks",
			(json_int_t)n->blocks, "free_blocks",
			(json_int_t)n->free_blocks, "inodes",
			(json_int_t)n->inodes, "free_inodes",
			(json_int_t)n->free_inodes, "files", (json_int_t)files,
			"journal", !!(n->compat & COMPAT_HAS_JOURNAL), "uuid",
			uuid)));
	} else if (!s->quiet) {
		printf("%s: %s, %" PRIu32 " file%s, %s free\n", s->image_path,
		       human_size(size, bytes), files, files == 1 ? "" : "s",
		       human_size(room, n->free_blocks * n->block_bytes));
	}
}

// ## Making it

static uint64_t bytes_of(const struct tree *t)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < t->count; i++)
		if (S_ISREG(t->node[i].mode) &&
		    !(t->node[i].flags & (NODE_LINK | NODE_SPARSE)))
			bytes += t->node[i].size;
	return bytes;
}

static int fill(struct session *s, struct tree *t, const struct make_options *o,
		const struct ext2_plan *plan, struct ext2_numbers *numbers)
{
	struct progress progress;
	struct ext2 *fs;
	int error = ext2_make(s->device, plan), status;

	if (!error)
		error = ext2_open(s->device, EXT2_WRITE | EXT2_FRESH, &fs,
				  NULL);
	if (error)
		return complain(s, error, "cannot make a file system");
	ext2_set_now(fs, o->now);
	progress_begin(&progress, s, "writing", bytes_of(t));
	status = write_tree(t, fs, o, &progress);
	progress_end(&progress);
	if (!status) {
		tree_forget(t); // a commit needs memory for large directories
		error = ext2_commit(fs);
		ext2_numbers(fs, numbers);
		if (error)
			status = complain(s, error, "cannot write it");
	}
	ext2_close(fs);
	return status;
}

static int make_image(struct session *s, struct tree *t, struct make_options *o,
		      bool in_place)
{
	struct need need = { 0 };
	struct ext2_numbers numbers = { 0 };
	struct ext2_plan plan = { 0 };
	uint64_t bytes;
	int status, error;

	begin_plan(t, o, &plan);
	status = size_tree(t, o, &plan, &need);

	// An empty image has no size of its own.
	if (!status && !o->size && in_place)
		o->size = s->device->bytes;
	if (!status)
		status = finish_plan(t, o, &need, &plan);
	bytes = o->size ? o->size : plan.blocks * o->block_bytes;
	if (status)
		return status;
	if (in_place) {
		status = clear_place(s, bytes);
	} else {
		error = device_create(s->image_path, bytes, &s->device);
		if (error)
			status = session_refused(s, error, DEVICE_WRITE,
						 "cannot make it");
	}
	if (!status)
		status = fill(s, t, o, &plan, &numbers);
	if (!status && !in_place) {
		error = device_publish(s->device);
		if (error)
			status = complain(s, error,
					  "cannot put it in its place");
	}
	if (!status)
		report(s, &numbers, &need);
	return status;
}

static bool is_directory(const char *path)
{
	struct stat info;

	return strcmp(path, "-") != 0 && !stat(path, &info) &&
	       S_ISDIR(info.st_mode);
}

static int gather(struct tree *t, const struct make_options *o)
{
	int status = EXIT_SUCCESS;
	struct node *root = &t->node[ROOT_NODE];

	root->mtime = pack_time(o->now.seconds, o->now.ns);
	root->atime = root->ctime = root->mtime;
	t->arranged = true;
	if (o->from)
		status = is_directory(o->from) ? scan_directory(t, o)
					       : read_archive(t, o);
	if (status)
		return status;
	tree_normalise(t, o);
	if (o->table)
		status = apply_table(t, o);
	tree_arrange(t);
	return status;
}

static int mkfs(struct session *s, int argc, char **argv)
{
	struct input input = { .make = {
				       .block_bytes = 4096,
				       .inode_bytes = 256,
				       .free_share = 0.1,
				       .label = "",
				       .uid = -1,
				       .gid = -1,
			       } };
	struct make_options *o = &input.make;
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	int64_t seconds;
	struct stat info;
	struct tree tree;

	command_parse(s, &parser, argc, argv, &input);
	o->now = time_now();
	o->reproducible = epoch && *epoch;
	if (o->reproducible &&
	    parse_number(epoch, 0, INT64_C(1) << 33, &seconds)) {
		complain(s, 0, "SOURCE_DATE_EPOCH=%s: want seconds since 1970",
			 epoch);
		return EXIT_USAGE;
	}
	if (!o->from && !o->table && !o->size && !s->offset && !s->partition) {
		complain(s, 0, "want --size, or --from to have one");
		return EXIT_USAGE;
	}
	bool there = !stat(s->image_path, &info);
	if (there && S_ISDIR(info.st_mode))
		return complain(s, EISDIR, "cannot make it");
	bool in_place = s->offset || s->partition ||
			(there && S_ISBLK(info.st_mode));
	if (there && !in_place && !o->force)
		return refuse_existing(s);
	int status = in_place ? open_in_place(s, o) : EXIT_SUCCESS;
	if (status)
		return status;
	tree_begin(&tree, s);
	status = gather(&tree, o);
	if (!status)
		status = make_image(s, &tree, o, in_place);
	if (!status && tree.changed)
		status = EXIT_FAILURE;
	tree_end(&tree);
	return status;
}

const struct command mkfs_command = {
	.name = "mkfs",
	.summary = "make an image, empty or with a tree of files in it",
	.heading = "Making",
	.run = mkfs,
	.alone = true,
};

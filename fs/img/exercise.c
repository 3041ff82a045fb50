// # img exercise: a course's worksheet, with its answers
//
//     $ img exercise --ostep=vsfs -s 3              the worksheet
//     $ img exercise --ostep=vsfs -s 3 -c           with the answers
//     $ img exercise --ostep=vsfs -s 3 -c --explain
//     $ img exercise --ostep=vsfs -s 3 --image=x.img && img tree x.img
//
//      1  creat("/z")
//         inode 1 is the first free one; an empty file has no block
//
//         inode bitmap  11000000
//         inodes        [d a:0 r:2][f a:-1 r:1][][][][][][]
//         data bitmap   10000000
//         data          [(.,0) (..,0) (z,1)][][][][][][][]
//
// Same options, same seed: same exercise and same answers as the course's program
// (vsfs.h). That one ends when the last inode or block is taken. Here the disk is
// full then, and the next call that needs one returns ENOSPC, as a real one does.
//
// With --image the same calls are made in a real ext2 image: compare its inode and
// data bitmaps (img dump) with those of the model. What does ext2 do otherwise
// with an empty file, and with a directory's size?

#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"
#include "fs/img/vsfs.h"
#include "optparse.h"

enum { FEWEST = 1, MOST_OPERATIONS = 100000 };

struct exercise {
	uint64_t seed;
	int64_t inodes, blocks, operations;
	bool reverse, final, compute; // the course's -r, -p, -c
	bool json, explain;
	const char *image, *ostep;
};

#define FIELD(name) offsetof(struct exercise, name)

static const struct optparse_option theirs[] = {
	{ 's', "seed", OPTPARSE_SEED, FIELD(seed), "N",
	  "seed of the exercise (0)" },
	{ 'i', "numInodes", OPTPARSE_INTEGER, FIELD(inodes), "N",
	  "inodes (8)" },
	{ 'd', "numData", OPTPARSE_INTEGER, FIELD(blocks), "N",
	  "data blocks (8)" },
	{ 'n', "numRequests", OPTPARSE_INTEGER, FIELD(operations), "N",
	  "operations (10)" },
	{ 'r', "reverse", OPTPARSE_FLAG, FIELD(reverse), NULL,
	  "show the operations, ask for the states" },
	{ 'p', "printFinal", OPTPARSE_FLAG, FIELD(final), NULL,
	  "list files and directories at the end" },
	{ 'c', "compute", OPTPARSE_FLAG, FIELD(compute), NULL,
	  "show the answers" },
	{ 0 }
};

static const struct optparse_option ours[] = {
	{ 0, "ostep", OPTPARSE_TEXT, FIELD(ostep), "vsfs",
	  "whose exercise" },
	{ 0, "format", OPTPARSE_FORMAT, FIELD(json), "text|json",
	  "JSON always holds the answers (text)" },
	{ 0, "explain", OPTPARSE_FLAG, FIELD(explain), NULL,
	  "with -c: which inode, which block, and why" },
	{ 0, "image", OPTPARSE_TEXT, FIELD(image), "FILE",
	  "make the same calls in a new ext2 image" },
	{ 'h', "help", OPTPARSE_HELP, 0, NULL, "print this" },
	{ 0, "version", OPTPARSE_VERSION, 0, NULL, "print the version" },
	{ 0 }
};

static void help(const struct optparse *parser)
{
	printf("Usage: img exercise --ostep=vsfs [OPTION...]\n"
	       "The exercise of OSTEP's homework program vsfs: a very simple "
	       "file system, the\nsame for the same options and seed; its "
	       "answers with -c.\n\n");
	optparse_print(parser->theirs);
	putchar('\n');
	optparse_print(parser->ours);
	printf("\nExample: img exercise --ostep=vsfs -s 3 -c --explain\n\n"
	       "Where the course's program ends because the last inode or "
	       "block is taken, this\none goes on: what needs one fails with "
	       "ENOSPC.\n");
}

// ## A state

static void print_inodes(FILE *out, const struct vsfs *fs)
{
	for (int i = 0; i < fs->inodes; i++) {
		const struct vsfs_inode *inode = &fs->inode[i];
		if (inode->type)
			fprintf(out, "[%c a:%d r:%d]", inode->type,
				inode->address, inode->references);
		else
			fprintf(out, "[]");
	}
}

static void print_blocks(FILE *out, const struct vsfs *fs)
{
	for (int i = 0; i < fs->blocks; i++) {
		const struct vsfs_block *block = &fs->block[i];
		fputc('[', out);
		for (int k = 0; k < block->count; k++)
			fprintf(out, "%s(%s,%d)", k ? " " : "",
				block->entry[k].name, block->entry[k].inode);
		if (block->letter)
			fputc(block->letter, out);
		fputc(']', out);
	}
}

static void print_bitmap(FILE *out, const struct vsfs *fs, bool of_inodes)
{
	for (int i = 0; i < (of_inodes ? fs->inodes : fs->blocks); i++) {
		bool used = of_inodes ? fs->inode[i].type != 0
				      : fs->block[i].used;
		fputc(used ? '1' : '0', out);
	}
}

static void print_state(const struct vsfs *fs)
{
	printf("    inode bitmap  ");
	print_bitmap(stdout, fs, true);
	printf("\n    inodes        ");
	print_inodes(stdout, fs);
	printf("\n    data bitmap   ");
	print_bitmap(stdout, fs, false);
	printf("\n    data          ");
	print_blocks(stdout, fs);
	printf("\n");
}

// ## An operation

static const char *const words[] = {
	[VSFS_CREAT] = "creat", [VSFS_MKDIR] = "mkdir",
	[VSFS_UNLINK] = "unlink", [VSFS_LINK] = "link",
	[VSFS_APPEND] = "append",
};

static void print_operation(const struct vsfs_operation *op)
{
	if (op->kind == VSFS_LINK)
		printf("link(\"%s\", \"%s\")", op->target, op->path);
	else if (op->kind == VSFS_APPEND)
		printf("fd = open(\"%s\", O_WRONLY | O_APPEND), "
		       "write(fd, buf, block size), close(fd)",
		       op->path);
	else
		printf("%s(\"%s\")", words[op->kind], op->path);
	if (op->error)
		printf("  fails: ENOSPC");
	printf("\n");
}

static void print_step(const struct exercise *x, const struct vsfs *fs,
		       const struct vsfs_operation *op, int number)
{
	printf("\n%2d  ", number);
	if (x->compute || x->reverse)
		print_operation(op);
	else
		printf("which operation was that?\n");
	if (x->compute && x->explain)
		printf("    %s\n\n", op->why);
	if (x->compute || !x->reverse)
		print_state(fs);
	else
		printf("    what is the state now?\n");
}

static void print_paths(const char *what, const struct vsfs_node *node,
			int count)
{
	printf("%s", what);
	for (int i = 0; i < count; i++)
		printf(" %s", node[i].path);
	printf("\n");
}

// ## JSON

static json_t *json_memory(void (*print)(FILE *, const struct vsfs *),
			   const struct vsfs *fs)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	print(out, fs);
	fclose(out);
	json_t *value = json_string(text);
	free(text);
	return value;
}

static void print_inode_bitmap(FILE *out, const struct vsfs *fs)
{
	print_bitmap(out, fs, true);
}

static void print_data_bitmap(FILE *out, const struct vsfs *fs)
{
	print_bitmap(out, fs, false);
}

static json_t *json_state(const struct vsfs *fs)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "inode_bitmap",
			 json_memory(print_inode_bitmap, fs), "inodes",
			 json_memory(print_inodes, fs), "data_bitmap",
			 json_memory(print_data_bitmap, fs), "data",
			 json_memory(print_blocks, fs));
}

static json_t *json_operation(const struct vsfs_operation *op)
{
	json_t *value = json_pack("{s:s, s:s, s:s}", "call", words[op->kind],
				  "path", op->path, "why", op->why);

	if (op->target)
		json_object_set_new(value, "target", json_string(op->target));
	if (op->kind == VSFS_APPEND)
		json_object_set_new(value, "letter",
				    json_stringn(&op->letter, 1));
	json_object_set_new(value, "error",
			    op->error ? json_string("ENOSPC") : json_null());
	return value;
}

static json_t *json_paths(const struct vsfs_node *node, int count)
{
	json_t *array = json_array();

	for (int i = 0; i < count; i++)
		json_array_append_new(array, json_string(node[i].path));
	return array;
}

// ## The same in a real image

struct real {
	struct device *device;
	struct ext2 *fs;
};

static int real_open(struct real *real, const struct exercise *x)
{
	struct ext2_plan plan = {
		.blocks = 1024 + 64 * (uint64_t)x->blocks,
		.block_bytes = 1024,
		.inode_bytes = 256,
		.inodes = 16 + (uint32_t)x->inodes,
		.root_mode = 0755,
		.now = time_now(),
	};
	int error = device_create(x->image, plan.blocks * plan.block_bytes,
				  &real->device);

	if (!error)
		error = ext2_make(real->device, &plan);
	if (!error)
		error = ext2_open(real->device, EXT2_WRITE | EXT2_FRESH,
				  &real->fs, NULL);
	return error;
}

// The course's append writes one block of one letter.
static int real_append(struct real *real, const struct vsfs_operation *op)
{
	char block[1024];
	uint32_t ino;

	memset(block, op->letter, sizeof block);
	int error = ext2_walk(real->fs, INO_ROOT, op->path, 0, NULL, NULL,
			      &ino);
	return error ? error
		     : ext2_write(real->fs, ino, 0, block, sizeof block);
}

static int real_play(struct real *real, const struct vsfs_operation *op)
{
	struct ext2_time now = ext2_now(real->fs);
	struct ext2_inode attributes = {
		.mode = op->kind == VSFS_MKDIR ? S_IFDIR | 0755
					       : S_IFREG | 0644,
		.atime = now,
		.mtime = now,
		.ctime = now,
		.crtime = now,
	};
	uint32_t dir, ino;
	const char *name;
	size_t length;

	if (op->error)
		return 0;
	if (op->kind == VSFS_APPEND)
		return real_append(real, op);
	int error = ext2_walk_parent(real->fs, INO_ROOT, op->path, &dir, &name,
				     &length);
	if (error)
		return error;
	if (op->kind == VSFS_UNLINK)
		return ext2_unlink(real->fs, dir, name, length);
	if (op->kind != VSFS_LINK)
		return ext2_create(real->fs, dir, name, length, &attributes,
				   &ino);
	error = ext2_walk(real->fs, INO_ROOT, op->target, 0, NULL, NULL, &ino);
	return error ? error : ext2_link(real->fs, dir, name, length, ino);
}

static int real_close(struct real *real, int error)
{
	if (!error)
		error = ext2_commit(real->fs);
	ext2_close(real->fs);
	if (!error)
		error = device_publish(real->device);
	device_close(real->device);
	return error;
}

// ## The exercise

struct answers {
	json_t *operations, *states, *full;
};

static void note_full(struct answers *a, const struct vsfs *fs, int done)
{
	bool inodes = vsfs_inodes_full(fs);

	if (a->full || !(inodes || vsfs_blocks_full(fs)))
		return;
	a->full = json_pack("{s:s, s:i}", "what", inodes ? "inodes" : "data",
			    "after", done);
}

static void print_worksheet(const struct exercise *x, const struct vsfs *fs)
{
	printf("vsfs: seed %ju, %d inodes, %d data blocks, %d operations\n",
	       (uintmax_t)x->seed, fs->inodes, fs->blocks, (int)x->operations);
	printf("    [type a:ADDRESS r:REFERENCES], a directory's block: "
	       "(name,inode) ...\n\n    at first\n");
	print_state(fs);
}

static int play(const struct session *s, const struct exercise *x,
		struct vsfs *fs, struct answers *a, struct real *real)
{
	struct vsfs_operation op;

	note_full(a, fs, 0);
	for (int i = 0; i < x->operations; i++) {
		int error = vsfs_next(fs, &op);
		if (error)
			return complain(s, error, "cannot go on");
		if (x->json) {
			json_array_append_new(a->operations,
					      json_operation(&op));
			json_array_append_new(a->states, json_state(fs));
		} else {
			print_step(x, fs, &op, i + 1);
		}
		note_full(a, fs, i + 1);
		if (real->fs)
			error = real_play(real, &op);
		if (error)
			complain(s, error, "cannot do the same in %s: %s %s",
				 x->image, words[op.kind], op.path);
		vsfs_operation_free(&op);
		if (error)
			return 1;
	}
	return 0;
}

static int show(const struct exercise *x, const struct vsfs *fs,
		struct answers *a)
{
	if (x->json)
		return print_json(json_pack(
			"{s:s, s:I, s:i, s:i, s:O, s:O, s:O, s:o, s:o}",
			"exercise", "vsfs", "seed", (json_int_t)x->seed,
			"inodes", fs->inodes, "blocks", fs->blocks,
			"operations", a->operations, "states", a->states,
			"full", a->full ? a->full : json_null(), "files",
			json_paths(fs->file, fs->files), "dirs",
			json_paths(fs->dir, fs->dirs)));
	if (x->final) {
		printf("\n");
		print_paths("files       ", fs->file, fs->files);
		print_paths("directories ", fs->dir, fs->dirs);
	}
	return 0;
}

static int run(const struct session *s, const struct exercise *x)
{
	struct answers a = { json_array(), json_array(), NULL };
	struct real real = { 0 };
	struct vsfs fs;
	int status = 0;

	int error = vsfs_make(&fs, (int)x->inodes, (int)x->blocks, x->seed);
	if (error)
		return complain(s, error, "cannot make the file system");
	if (x->image && (error = real_open(&real, x)))
		status = complain(s, error, "cannot make %s", x->image);
	if (!x->json)
		print_worksheet(x, &fs);
	else
		json_array_append_new(a.states, json_state(&fs));
	if (!status)
		status = play(s, x, &fs, &a, &real);
	if (!status)
		status = show(x, &fs, &a);
	if (x->image && !error &&
	    (error = real_close(&real, status ? -1 : 0)) && !status)
		status = complain(s, error, "cannot write %s", x->image);
	json_decref(a.operations);
	json_decref(a.states);
	json_decref(a.full);
	vsfs_free(&fs);
	return status;
}

static int exercise(struct session *s, int argc, char **argv)
{
	static const char *const names[] = { "vsfs", NULL };
	const struct optparse parser = { "--ostep=vsfs", theirs, ours, help };
	struct exercise x = {
		.inodes = 8, .blocks = 8, .operations = 10, .ostep = ""
	};

	optparse_read(&parser, argc, argv, &x);
	option_choice(outside_argp(), "--ostep", x.ostep, names);
	optparse_range("--numInodes", x.inodes, FEWEST, VSFS_MOST);
	optparse_range("--numData", x.blocks, FEWEST, VSFS_MOST);
	optparse_range("--numRequests", x.operations, 0, MOST_OPERATIONS);
	if (x.image && !*x.image)
		option_refuse(outside_argp(), "--image", x.image, "a file");
	return run(s, &x);
}

const struct command exercise_command = {
	"exercise", "a course's worksheet (OSTEP's vsfs), with its answers",
	"Teaching", exercise, .alone = true
};

// directory_model.c - random changes of a tree, against a model in memory
//
// Names with any bytes are made, linked, renamed and removed at random, right and
// wrong, in a few directories, one of which becomes large. A list says what must be
// the case: the result of each call, then every name, every link count, and that
// there are no other names. Commits come in between; after each, e2fsck looks for
// faults, and at times the image is opened again.

#include "directory_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 6000, NAMES = 6000, NODE_ROOT = 0, BIG = 1 };

struct node {
	bool used;
	uint16_t type; // S_IFMT
	uint32_t ino, links;
	int parent; // of a directory
};

struct name {
	int dir, node;
	uint8_t length;
	char text[NAME_LONGEST];
};

struct model {
	struct random random;
	struct content_image image;
	struct node node[NODES];
	struct name name[NAMES];
	int names, most;
	int short_names; // of 10
};

static struct name *model_find(struct model *m, int dir, const char *text,
			       size_t length)
{
	for (int i = 0; i < m->names; i++)
		if (m->name[i].dir == dir && m->name[i].length == length &&
		    !memcmp(m->name[i].text, text, length))
			return &m->name[i];
	return NULL;
}

static bool model_empty(const struct model *m, int dir)
{
	for (int i = 0; i < m->names; i++)
		if (m->name[i].dir == dir)
			return false;
	return true;
}

static void model_add(struct model *m, int dir, const char *text, size_t length,
		      int node)
{
	struct name *name = &m->name[m->names++];

	ck_assert_int_le(m->names, NAMES);
	*name = (struct name){ .dir = dir,
			       .node = node,
			       .length = (uint8_t)length };
	memcpy(name->text, text, length);
}

static void model_remove(struct model *m, struct name *name)
{
	*name = m->name[--m->names];
}

static int model_new(struct model *m)
{
	for (int i = 0; i < NODES; i++)
		if (!m->node[i].used)
			return i;
	ck_abort_msg("too many files");
}

static bool is_dir(const struct model *m, int node)
{
	return S_ISDIR(m->node[node].type);
}

// ## Choosing

static int any_dir(struct model *m)
{
	if (random_below(&m->random, 3))
		return BIG;
	for (;;) {
		int i = (int)random_below(&m->random, 40);

		if (m->node[i].used && is_dir(m, i))
			return i;
	}
}

static size_t any_text(struct model *m, char *text)
{
	struct random *r = &m->random;
	bool is_short = (int)random_below(r, 10) < m->short_names;
	size_t length = 1 + random_below(r, is_short ? 12 : NAME_LONGEST);

	memset(text, 0, length);
	do
		for (size_t i = 0; i < length; i++)
			do
				text[i] = (char)random_below(r, 256);
			while (!text[i] || text[i] == '/');
	while (length <= 2 && text[0] == '.' && text[length - 1] == '.');
	return length;
}

// A name that is there, or (at times) one that is not.
static size_t some_name(struct model *m, int *dir, char *text)
{
	if (m->names == 0 || !random_below(&m->random, 20)) {
		*dir = any_dir(m);
		return any_text(m, text);
	}

	const struct name *name =
		&m->name[random_below(&m->random, (uint32_t)m->names)];

	*dir = name->dir;
	memcpy(text, name->text, name->length);
	return name->length;
}

// ## One step each

static void step_create(struct model *m)
{
	static const uint16_t types[] = { S_IFREG, S_IFREG, S_IFREG, S_IFREG,
					  S_IFDIR, S_IFLNK, S_IFLNK, S_IFIFO };
	char text[NAME_LONGEST], target[200];
	int dir = any_dir(m), node = model_new(m), error, expected = 0;
	size_t length = any_text(m, text), n;
	struct ext2_inode attributes =
		wanted(types[random_below(&m->random, 8)] | 0755);
	uint32_t at = m->node[dir].ino, ino = 0;

	if (random_below(&m->random, 20) == 0) // again
		length = some_name(m, &dir, text), at = m->node[dir].ino;
	if (S_ISDIR(attributes.mode) && node >= 40)
		attributes.mode = S_IFREG | 0644;
	if (m->names >= m->most)
		return;
	if (model_find(m, dir, text, length))
		expected = -EEXIST;
	memset(target, 'x', sizeof target);
	n = 1 + random_below(&m->random, sizeof target - 1);
	error = S_ISLNK(attributes.mode)
			? ext2_symlink(m->image.fs, at, text, length,
				       &attributes, target, n, &ino)
			: ext2_create(m->image.fs, at, text, length,
				      &attributes, &ino);
	ck_assert_int_eq(error, expected);
	if (error)
		return;
	m->node[node] = (struct node){
		.used = true,
		.type = attributes.mode & S_IFMT,
		.ino = ino,
		.links = S_ISDIR(attributes.mode) ? 2 : 1,
		.parent = dir,
	};
	if (S_ISDIR(attributes.mode))
		m->node[dir].links++;
	model_add(m, dir, text, length, node);
}

static void step_link(struct model *m)
{
	char text[NAME_LONGEST], old[NAME_LONGEST];
	int from, dir = any_dir(m), expected = 0;
	size_t length = any_text(m, text);
	size_t old_length = some_name(m, &from, old);
	const struct name *name = model_find(m, from, old, old_length);

	if (!name || m->names >= m->most)
		return;

	int node = name->node;

	if (is_dir(m, node))
		expected = -EPERM;
	else if (model_find(m, dir, text, length))
		expected = -EEXIST;
	ck_assert_int_eq(ext2_link(m->image.fs, m->node[dir].ino, text, length,
				   m->node[node].ino),
			 expected);
	if (expected)
		return;
	m->node[node].links++;
	model_add(m, dir, text, length, node);
}

static void drop_node(struct model *m, int node)
{
	struct node *n = &m->node[node];

	if (is_dir(m, node)) {
		m->node[n->parent].links--;
		n->used = false;
	} else if (--n->links == 0) {
		n->used = false;
	}
}

static void step_remove(struct model *m)
{
	char text[NAME_LONGEST];
	int dir, expected = 0;
	size_t length = some_name(m, &dir, text);
	struct name *name = model_find(m, dir, text, length);
	bool as_dir = name ? is_dir(m, name->node) : false;

	if (!random_below(&m->random, 20))
		as_dir = !as_dir;
	if (name && name->node == BIG)
		return;
	if (!name)
		expected = -ENOENT;
	else if (as_dir && !is_dir(m, name->node))
		expected = -ENOTDIR;
	else if (!as_dir && is_dir(m, name->node))
		expected = -EISDIR;
	else if (as_dir && !model_empty(m, name->node))
		expected = -ENOTEMPTY;
	ck_assert_int_eq((as_dir ? ext2_rmdir : ext2_unlink)(
				 m->image.fs, m->node[dir].ino, text, length),
			 expected);
	if (expected)
		return;
	drop_node(m, name->node);
	model_remove(m, name);
}

static bool is_below(const struct model *m, int dir, int above)
{
	for (; dir != NODE_ROOT; dir = m->node[dir].parent)
		if (dir == above)
			return true;
	return dir == above;
}

static int rename_expected(struct model *m, const struct name *name,
			   const struct name *over, int new_dir)
{
	if (!name)
		return -ENOENT;
	if (over && over->node == name->node)
		return 0;
	if (is_dir(m, name->node) && is_below(m, new_dir, name->node))
		return -EINVAL;
	if (!over)
		return 0;
	if (is_dir(m, name->node) && !is_dir(m, over->node))
		return -ENOTDIR;
	if (!is_dir(m, name->node) && is_dir(m, over->node))
		return -EISDIR;
	return is_dir(m, over->node) && !model_empty(m, over->node) ? -ENOTEMPTY
								    : 0;
}

static void step_rename(struct model *m)
{
	char text[NAME_LONGEST], new_text[NAME_LONGEST];
	int dir, new_dir = any_dir(m);
	size_t length = some_name(m, &dir, text);
	size_t new_length = any_text(m, new_text);

	if (!random_below(&m->random, 3))
		new_length = some_name(m, &new_dir, new_text);

	struct name *name = model_find(m, dir, text, length);
	struct name *over = model_find(m, new_dir, new_text, new_length);
	int expected = rename_expected(m, name, over, new_dir), node;

	if (over && over->node == BIG)
		return;
	ck_assert_int_eq(ext2_rename(m->image.fs, m->node[dir].ino, text,
				     length, m->node[new_dir].ino, new_text,
				     new_length),
			 expected);
	if (expected || (over && over->node == name->node))
		return;
	node = name->node;
	if (over) {
		drop_node(m, over->node);
		model_remove(m, over);
	}
	model_remove(m, model_find(m, dir, text, length));
	model_add(m, new_dir, new_text, new_length, node);
	if (is_dir(m, node)) {
		m->node[m->node[node].parent].links--;
		m->node[node].parent = new_dir;
		m->node[new_dir].links++;
	}
}

// ## Comparing

struct listed {
	struct model *m;
	int dir, seen;
};

static int compare_entry(void *context, const struct ext2_entry *entry)
{
	static const uint16_t types[] = { 0,       S_IFREG, S_IFDIR,  S_IFCHR,
					  S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK };
	struct listed *listed = context;
	struct model *m = listed->m;
	const struct name *name;

	if (entry->name_len <= 2 && entry->name[0] == '.' &&
	    entry->name[entry->name_len - 1] == '.')
		return 0;
	if (entry->ino == INO_FIRST) // lost+found
		return 0;
	name = model_find(m, listed->dir, entry->name, entry->name_len);
	ck_assert_ptr_nonnull(name);
	ck_assert_uint_eq(entry->ino, m->node[name->node].ino);
	if (get32(m->image.fs->super.s_feature_incompat) & INCOMPAT_FILETYPE)
		ck_assert_uint_eq(types[entry->type], m->node[name->node].type);
	else
		ck_assert_uint_eq(entry->type, 0);
	listed->seen++;
	return 0;
}

static void compare(struct model *m)
{
	int seen = 0;

	for (int i = 0; i < NODES; i++) {
		struct listed listed = { .m = m, .dir = i };
		struct ext2_inode inode;

		if (!m->node[i].used)
			continue;
		ck_assert_int_eq(
			ext2_inode(m->image.fs, m->node[i].ino, &inode), 0);
		ck_assert_uint_eq(inode.mode & S_IFMT, m->node[i].type);
		if (i != NODE_ROOT)
			ck_assert_uint_eq(inode.links, m->node[i].links);
		if (!is_dir(m, i))
			continue;
		ck_assert_int_eq(ext2_list(m->image.fs, m->node[i].ino,
					   compare_entry, &listed),
				 0);
		seen += listed.seen;
	}
	ck_assert_int_eq(seen, m->names);
	for (int i = 0; i < m->names; i++) {
		const struct name *name = &m->name[i];
		struct ext2_entry entry;
		char other[NAME_LONGEST];
		size_t length = any_text(m, other);

		ck_assert_int_eq(ext2_find(m->image.fs, m->node[name->dir].ino,
					   name->text, name->length, &entry),
				 0);
		ck_assert_uint_eq(entry.ino, m->node[name->node].ino);
		if (!model_find(m, name->dir, other, length))
			ck_assert_int_eq(ext2_find(m->image.fs,
						   m->node[name->dir].ino,
						   other, length, &entry),
					 -ENOENT);
	}
}

// ## All

struct shape {
	const char *options, *size;
	int fresh, short_names, most;
	enum {
		ANY,
		INDEXED,
		LINEAR
	} expected; // the large directory, at the end
};

static const struct shape shapes[] = {
	{ "-t ext2 -b 1024", "12M", EXT2_FRESH, 5, 3000, INDEXED },
	{ "-t ext2 -b 2048", "20M", EXT2_FRESH, 5, 3000, INDEXED },
	{ "-t ext2 -b 4096", "30M", EXT2_FRESH, 5, 3000, INDEXED },
	{ "-t ext2 -b 1024 -O ^dir_index", "12M", 0, 5, 2500, LINEAR },
	{ "-t ext2 -b 2048 -O ^filetype", "20M", 0, 9, 2500, LINEAR },
	{ "-t ext2 -b 4096 -I 128", "30M", 0, 5, 2500, LINEAR },
	{ "-t ext3 -b 1024", "30M", 0, 3, 3000, INDEXED },
	{ "-t ext3 -b 2048 -O ^dir_index", "30M", 0, 7, 3000, INDEXED },
	{ "-t ext3 -b 4096", "60M", 0, 5, 3000, INDEXED },
	{ "-t ext2 -r 0 -b 1024", "12M", EXT2_FRESH, 5, 2000, LINEAR },
};

static void model_open(struct model *m, const struct shape *shape)
{
	m->image = content_open(EXT2_WRITE | shape->fresh);
	if (random_below(&m->random, 2))
		ext2_set_now(m->image.fs, (struct ext2_time){ 1900000000, 1 });
}

static void one_step(struct model *m, int i, int steps)
{
	uint32_t what = random_below(&m->random, 20);
	uint32_t creates = i < steps / 2 ? 11 : 6;

	if (what < creates)
		step_create(m);
	else if (what < creates + 1)
		step_link(m);
	else if (what < creates + 4)
		step_rename(m);
	else
		step_remove(m);
}

START_TEST(a_tree_against_a_model)
{
	const struct shape *shape = &shapes[_i];
	int steps = soaking() ? 10000 : 2500;
	int commits = soaking() ? 40 : 8;
	struct model *m;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	m = calloc(1, sizeof *m);
	content_make_image(shape->options, shape->size, 0);
	m->random.state = 100 + (uint64_t)_i;
	m->most = shape->most;
	m->short_names = shape->short_names;
	model_open(m, shape);
	m->node[NODE_ROOT] =
		(struct node){ .used = true, .type = S_IFDIR, .ino = INO_ROOT };
	m->node[BIG] = (struct node){
		.used = true,
		.type = S_IFDIR,
		.ino = make_dir(m->image.fs, INO_ROOT, "big"),
		.links = 2,
	};
	model_add(m, NODE_ROOT, "big", 3, BIG);
	for (int i = 0; i < steps; i++) {
		one_step(m, i, steps);
		if ((i + 1) % (steps / commits) != 0)
			continue;
		compare(m);
		content_commit(&m->image);
		compare(m);
		content_check();
		if (random_below(&m->random, 2)) {
			content_close(&m->image);
			model_open(m, shape);
			compare(m);
		}
		if (m->names > 1000 && shape->expected != ANY)
			ck_assert_int_eq(has_index(m->image.fs,
						   m->node[BIG].ino),
					 shape->expected == INDEXED);
	}
	content_close(&m->image);
	free(m);
}
END_TEST

TCase *directory_model_case(void)
{
	TCase *tests = tcase_create("directory_model");

	tcase_add_checked_fixture(tests, content_set_up, content_tear_down);
	tcase_set_timeout(tests, soaking() ? 1200 : 120);
	tcase_add_loop_test(tests, a_tree_against_a_model, 0,
			    sizeof shapes / sizeof *shapes);
	return tests;
}

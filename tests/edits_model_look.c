// # What the model holds: picked from, seen, taken over from an image

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "edits_model.h"

// ## Looking

static void path_of(const struct model *m, const struct model_entry *entry,
		    char path[EDIT_PATH])
{
	char whole[EDIT_PATH];
	size_t at = sizeof whole - 1;

	whole[at] = '\0';
	for (;;) {
		ck_assert_uint_gt(at, entry->length);
		at -= entry->length;
		memcpy(whole + at, entry->name, entry->length);
		whole[--at] = '/';
		if (entry->dir == MODEL_ROOT)
			break;
		const struct model_entry *up = m->entry;
		while (up->node != entry->dir)
			up++;
		entry = up;
	}
	memcpy(path, whole + at, sizeof whole - at);
}

bool model_pick(const struct model *m, struct random *random, int what,
		char path[EDIT_PATH])
{
	enum { TRIES = 60 };

	for (int i = 0; i < TRIES; i++) {
		uint32_t k = random_below(random, (uint32_t)m->entries + 1);
		if (k == m->entries && what != PICK_DIRECTORY)
			continue;
		if (k == m->entries)
			return path[0] = '\0', true; // the root
		const struct model_entry *entry = &m->entry[k];
		bool directory = S_ISDIR(m->node[entry->node].mode);
		if (!(what & (directory ? PICK_DIRECTORY : PICK_OTHER)))
			continue;
		path_of(m, entry, path);
		if (what == PICK_DIRECTORY || strcmp(path, "/lost+found") != 0)
			return true;
	}
	return false;
}

struct model_look model_look(const struct model *m, const char *path)
{
	struct model_place place;

	if (model_locate(m, path, &place) || !place.node)
		return (struct model_look){ 0 };
	uint64_t bytes = 0;
	for (size_t i = 0; i < place.node->attributes; i++)
		bytes += place.node->attribute[i].n +
			 strlen(place.node->attribute[i].name) + 16;
	return (struct model_look){ place.node->mode, place.node->links,
				    place.node->size, bytes, true };
}

uint64_t model_names(const struct model *m)
{
	return m->entries;
}

static void see_node(struct sight *sight, const struct model *m,
		     const char *path, uint32_t i)
{
	const struct model_node *node = &m->node[i];
	struct seen *seen = sight_add(sight, path);

	seen->id = i;
	seen->mode = node->mode;
	seen->uid = node->uid;
	seen->gid = node->gid;
	seen->links = node->links;
	seen->major = node->major;
	seen->minor = node->minor;
	seen->size = S_ISDIR(node->mode) ? 0 : node->size;
	memcpy(seen->time, node->time, sizeof seen->time);
	if (node->target)
		seen->target = strdup(node->target);
	for (size_t k = 0; k < node->blocks; k++) {
		uint64_t begin = node->block[k].logical * m->block_bytes;
		uint64_t n = node->size - begin;
		seen_block(seen, node->block[k].logical, node->block[k].bytes,
			   n < m->block_bytes ? n : m->block_bytes);
	}
	for (size_t k = 0; k < node->attributes; k++)
		seen_xattr(seen, node->attribute[k].name,
			   node->attribute[k].value, node->attribute[k].n);
}

void see_model(struct sight *sight, const struct model *m)
{
	char *path = malloc(EDIT_PATH);

	*sight = (struct sight){ .block_bytes = m->block_bytes };
	see_node(sight, m, "/", MODEL_ROOT);
	for (size_t i = 0; i < m->entries; i++) {
		path_of(m, &m->entry[i], path);
		see_node(sight, m, path, m->entry[i].node);
	}
	free(path);
	sight_sort(sight);
}

void model_take_times(struct model *m, const struct sight *sight)
{
	struct model_place place;

	for (size_t i = 0; i < sight->count; i++) {
		const struct seen *seen = &sight->item[i];
		struct model_node *node = &m->node[MODEL_ROOT];
		if (seen->path[1]) {
			ck_assert_int_eq(model_locate(m, seen->path, &place),
					 0);
			node = place.node;
		}
		if (node)
			memcpy(node->time, seen->time, sizeof node->time);
	}
}

// ## Taking over what an image holds

struct adoption {
	struct model *model;
	struct ext2 *fs;
	uint32_t dir;
	uint32_t *node_of; // by inode
};

static int adopt_attribute(void *context, const char *name, const void *value,
			   size_t size, bool in_inode)
{
	(void)in_inode;
	model_set_attribute(context, name, value, size);
	return 0;
}

static void adopt_content(struct adoption *a, const struct ext2_inode *inode,
			  struct model_node *node)
{
	uint32_t block_bytes = a->model->block_bytes;
	uint64_t end = (inode->size + block_bytes - 1) / block_bytes;
	struct ext2_run run;

	for (uint64_t at = 0; at < end; at = run.logical + run.blocks) {
		ck_assert_int_eq(ext2_run_at(a->fs, inode, at, &run), 0);
		if (!run.blocks)
			break;
		for (uint64_t k = 0; run.physical && k < run.blocks; k++) {
			struct model_block *block =
				model_block_of(a->model, node, run.logical + k);
			ck_assert_int_ge(
				ext2_read(a->fs, inode->ino,
					  (run.logical + k) * block_bytes,
					  block->bytes, block_bytes),
				1);
		}
	}
}

static uint32_t adopt_inode(struct adoption *a, uint32_t ino)
{
	struct ext2_inode inode;
	uint32_t i = model_new_node(a->model);
	struct model_node *node = &a->model->node[i];

	ck_assert_int_eq(ext2_inode(a->fs, ino, &inode), 0);
	*node = (struct model_node){
		.mode = inode.mode,
		.uid = inode.uid,
		.gid = inode.gid,
		.links = inode.links,
		.major = inode.device_major,
		.minor = inode.device_minor,
		.parent = a->dir,
		.size = inode.size,
		.time = { inode.atime, inode.mtime, inode.ctime, inode.crtime },
	};
	if (S_ISLNK(inode.mode)) {
		node->target = calloc(1, EDIT_PATH + 1);
		ck_assert_int_eq(
			ext2_readlink(a->fs, ino, node->target, EDIT_PATH), 0);
	}
	if (S_ISREG(inode.mode))
		adopt_content(a, &inode, node);
	ck_assert_int_eq(ext2_xattrs(a->fs, ino, adopt_attribute, node), 0);
	a->node_of[ino] = i;
	return i;
}

static int adopt_entry(void *context, const struct ext2_entry *entry)
{
	struct adoption *a = context;
	const char *name = entry->name;

	if (name[0] == '.' && entry->name_len <= 2 &&
	    name[entry->name_len - 1] == '.')
		return 0;
	bool known = a->node_of[entry->ino];
	uint32_t node = known ? a->node_of[entry->ino]
			      : adopt_inode(a, entry->ino);
	model_add_entry(a->model, a->dir, name, entry->name_len, node);
	if (!S_ISDIR(a->model->node[node].mode))
		return 0;
	ck_assert(!known);
	struct adoption below = *a;
	below.dir = node;
	return ext2_list(a->fs, entry->ino, adopt_entry, &below);
}

void model_adopt(struct model *m, struct ext2 *fs)
{
	struct ext2_numbers n;

	ext2_numbers(fs, &n);
	struct adoption a = { m, fs, MODEL_ROOT,
			      calloc(n.inodes + 1, sizeof *a.node_of) };
	ck_assert_ptr_nonnull(a.node_of);
	ck_assert_uint_eq(adopt_inode(&a, INO_ROOT), MODEL_ROOT);
	ck_assert_int_eq(ext2_list(fs, INO_ROOT, adopt_entry, &a), 0);
	free(a.node_of);
}

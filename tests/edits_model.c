// # A file system in memory
//
// It does what the manual pages of the system calls say, and nothing else: no
// blocks to find room for, no order of writes. So it is short enough to be believed
// when it and an image differ.
//
// A file's content is the blocks that were written, by number; what lies between
// is holes. Entries are one list for all directories, searched from its beginning:
// the trees of these tests are small.
//
// Sources: mkdir(2), mknod(2), symlink(2), link(2), unlink(2), rmdir(2), rename(2),
// chown(2), truncate(2), setxattr(2).

#define _GNU_SOURCE
#include "edits_model.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 255, LINKS_OF_A_FILE = 32000 };

static void *copied(const void *bytes, size_t n)
{
	void *copy = calloc(1, n ? n : 1);

	ck_assert_ptr_nonnull(copy);
	if (bytes && n)
		memcpy(copy, bytes, n);
	return copy;
}

static void *grown(void *array, size_t need, size_t *room, size_t item)
{
	if (need <= *room)
		return array;
	*room = need * 2;
	array = realloc(array, *room * item);
	ck_assert_ptr_nonnull(array);
	return array;
}

// ## Making one

struct model *model_new(uint32_t block_bytes, bool wide)
{
	struct model *m = calloc(1, sizeof *m);

	ck_assert_ptr_nonnull(m);
	m->block_bytes = block_bytes;
	m->wide = wide;
	return m;
}

static void node_clear(struct model_node *node)
{
	for (size_t i = 0; i < node->blocks; i++)
		free(node->block[i].bytes);
	for (size_t i = 0; i < node->attributes; i++)
		free(node->attribute[i].value);
	free(node->block);
	free(node->attribute);
	free(node->target);
	*node = (struct model_node){ 0 };
}

void model_free(struct model *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->nodes; i++)
		node_clear(&m->node[i]);
	for (size_t i = 0; i < m->entries; i++)
		free(m->entry[i].name);
	free(m->node);
	free(m->entry);
	free(m);
}

static void node_copy(struct model_node *to, const struct model *m)
{
	// What is taken up again is not cleared before: nothing has no room.
	to->block = to->blocks
			    ? copied(to->block, to->blocks * sizeof *to->block)
			    : NULL;
	to->block_room = to->blocks;
	for (size_t i = 0; i < to->blocks; i++)
		to->block[i].bytes = copied(to->block[i].bytes, m->block_bytes);
	to->attribute = to->attributes
				? copied(to->attribute,
					 to->attributes * sizeof *to->attribute)
				: NULL;
	for (size_t i = 0; i < to->attributes; i++)
		to->attribute[i].value = copied(to->attribute[i].value,
						to->attribute[i].n);
	if (to->target)
		to->target = copied(to->target, strlen(to->target) + 1);
}

struct model *model_copy(const struct model *m)
{
	struct model *copy = copied(m, sizeof *m);

	copy->node = copied(m->node, m->nodes * sizeof *m->node);
	for (uint32_t i = 0; i < m->nodes; i++)
		node_copy(&copy->node[i], m);
	copy->entry = copied(m->entry, m->entries * sizeof *m->entry);
	copy->entry_room = m->entries;
	for (size_t i = 0; i < m->entries; i++)
		copy->entry[i].name = copied(m->entry[i].name,
					     m->entry[i].length + 1);
	return copy;
}

// ## Names

static struct model_entry *find(const struct model *m, uint32_t dir,
				const char *name, size_t length)
{
	for (size_t i = 0; i < m->entries; i++) {
		struct model_entry *entry = &m->entry[i];
		if (entry->dir == dir && entry->length == length &&
		    !memcmp(entry->name, name, length))
			return entry;
	}
	return NULL;
}

void model_add_entry(struct model *m, uint32_t dir, const char *name,
		     size_t length, uint32_t node)
{
	char *copy = copied(name, length + 1);

	copy[length] = '\0';
	m->entry = grown(m->entry, m->entries + 1, &m->entry_room,
			 sizeof *m->entry);
	m->entry[m->entries++] = (struct model_entry){ dir, node, length,
						       copy };
}

static void drop_entry(struct model *m, struct model_entry *entry)
{
	free(entry->name);
	*entry = m->entry[--m->entries];
}

static bool has_entries(const struct model *m, uint32_t dir)
{
	for (size_t i = 0; i < m->entries; i++)
		if (m->entry[i].dir == dir)
			return true;
	return false;
}

int model_locate(const struct model *m, const char *path,
		 struct model_place *place)
{
	*place = (struct model_place){ .dir = MODEL_ROOT };
	for (const char *at = path + 1;;) {
		const char *end = strchrnul(at, '/');
		struct model_entry *entry = find(m, place->dir, at,
						 (size_t)(end - at));
		if (*end == '\0') {
			place->name = at;
			place->length = (size_t)(end - at);
			place->entry = entry;
			place->node = entry ? &m->node[entry->node] : NULL;
			return place->length > NAME_MOST ? -ENAMETOOLONG : 0;
		}
		if (!entry)
			return -ENOENT;
		if (!S_ISDIR(m->node[entry->node].mode))
			return -ENOTDIR;
		place->dir = entry->node;
		at = end + 1;
	}
}

// ## Times

bool model_is_wide(const struct model *m)
{
	return m->wide;
}

// What an inode has room for.
static struct ext2_time kept(const struct model *m, struct ext2_time time)
{
	int64_t last = m->wide ? INT32_MIN + (INT64_C(1) << 34) - 1 : INT32_MAX;

	if (!m->wide)
		time.ns = 0;
	if (time.seconds > last)
		return (struct ext2_time){ last, 0 };
	if (time.seconds < INT32_MIN)
		return (struct ext2_time){ INT32_MIN, 0 };
	return time;
}

enum { A, M, C, CR };

static void changed(struct model *m, uint32_t node, const struct edit *e,
		    bool content)
{
	m->node[node].time[C] = kept(m, e->now);
	if (content)
		m->node[node].time[M] = kept(m, e->now);
}

// ## Content

struct model_block *model_block_of(const struct model *m,
				   struct model_node *node, uint64_t logical)
{
	size_t at = node->blocks;

	while (at && node->block[at - 1].logical >= logical)
		at--;
	if (at < node->blocks && node->block[at].logical == logical)
		return &node->block[at];
	node->block = grown(node->block, node->blocks + 1, &node->block_room,
			    sizeof *node->block);
	memmove(&node->block[at + 1], &node->block[at],
		(node->blocks - at) * sizeof *node->block);
	node->blocks++;
	node->block[at] = (struct model_block){ logical,
						calloc(1, m->block_bytes) };
	ck_assert_ptr_nonnull(node->block[at].bytes);
	return &node->block[at];
}

static void write_bytes(const struct model *m, struct model_node *node,
			uint64_t offset, const uint8_t *bytes, uint64_t n)
{
	uint64_t end = offset + n;

	while (offset < end) {
		uint64_t in = offset % m->block_bytes;
		uint64_t some = m->block_bytes - in;
		if (some > end - offset)
			some = end - offset;
		struct model_block *block =
			model_block_of(m, node, offset / m->block_bytes);
		memcpy(block->bytes + in, bytes, some);
		bytes += some;
		offset += some;
	}
	if (end > node->size)
		node->size = end;
}

static void cut(const struct model *m, struct model_node *node, uint64_t size)
{
	uint64_t keep = (size + m->block_bytes - 1) / m->block_bytes;
	uint64_t in = size % m->block_bytes;

	while (node->blocks && node->block[node->blocks - 1].logical >= keep)
		free(node->block[--node->blocks].bytes);
	if (in && size < node->size && node->blocks &&
	    node->block[node->blocks - 1].logical == keep - 1)
		memset(node->block[node->blocks - 1].bytes + in, 0,
		       m->block_bytes - in);
	node->size = size;
}

// ## New files

uint32_t model_new_node(struct model *m)
{
	for (uint32_t i = MODEL_ROOT; i < m->nodes; i++)
		if (!m->node[i].links)
			return i;
	uint32_t had = m->nodes;
	m->nodes = had ? had * 2 : 64;
	m->node = realloc(m->node, m->nodes * sizeof *m->node);
	ck_assert_ptr_nonnull(m->node);
	memset(&m->node[had], 0, (m->nodes - had) * sizeof *m->node);
	return had ? had : MODEL_ROOT;
}

static int play_make(struct model *m, const struct edit *e, bool dry)
{
	static const uint16_t formats[EDIT_KINDS] = {
		[EDIT_MKDIR] = S_IFDIR,
		[EDIT_CREATE] = S_IFREG,
		[EDIT_PUT] = S_IFREG,
		[EDIT_SYMLINK] = S_IFLNK,
	};
	struct model_place place;
	int error = model_locate(m, e->path, &place);

	if (!error && place.entry)
		error = -EEXIST;
	if (!error && e->kind == EDIT_SYMLINK &&
	    strlen(e->other) >= m->block_bytes)
		error = -ENAMETOOLONG;
	if (error || dry)
		return error;
	uint32_t i = model_new_node(m);
	struct model_node *node = &m->node[i];
	*node = (struct model_node){
		.mode = e->mode | formats[e->kind],
		.uid = e->uid,
		.gid = e->gid,
		.links = e->kind == EDIT_MKDIR ? 2 : 1,
		.major = e->kind == EDIT_MKNOD ? e->major : 0,
		.minor = e->kind == EDIT_MKNOD ? e->minor : 0,
		.parent = place.dir,
	};
	for (int k = A; k <= CR; k++)
		node->time[k] = kept(m, e->now);
	if (!m->wide)
		node->time[CR] = (struct ext2_time){ 0 };
	if (e->kind == EDIT_SYMLINK) {
		node->target = copied(e->other, strlen(e->other) + 1);
		node->size = strlen(e->other);
	}
	if (e->kind == EDIT_PUT) {
		write_bytes(m, node, e->offset, e->bytes, e->size);
		node->size = e->offset + e->size;
		node->time[A] = kept(m, e->atime);
		node->time[M] = kept(m, e->mtime);
	}
	if (e->kind == EDIT_MKDIR)
		m->node[place.dir].links++;
	model_add_entry(m, place.dir, place.name, place.length, i);
	changed(m, place.dir, e, true);
	return 0;
}

// ## Names that come and go

static void drop_link(struct model *m, uint32_t i, const struct edit *e)
{
	struct model_node *node = &m->node[i];

	if (S_ISDIR(node->mode) || --node->links == 0)
		node_clear(node);
	else
		changed(m, i, e, false);
}

static int play_link(struct model *m, const struct edit *e, bool dry)
{
	struct model_place from, to;
	int error = model_locate(m, e->path, &from);

	if (!error && !from.entry)
		error = -ENOENT;
	if (!error)
		error = model_locate(m, e->other, &to);
	if (!error && to.entry)
		error = -EEXIST;
	if (!error && S_ISDIR(from.node->mode))
		error = -EPERM;
	if (!error && from.node->links >= LINKS_OF_A_FILE)
		error = -EMLINK;
	if (error || dry)
		return error;
	from.node->links++;
	changed(m, from.entry->node, e, false);
	model_add_entry(m, to.dir, to.name, to.length, from.entry->node);
	changed(m, to.dir, e, true);
	return 0;
}

static int play_remove(struct model *m, const struct edit *e, bool dry)
{
	struct model_place place;
	int error = model_locate(m, e->path, &place);
	bool directory = !error && place.entry && S_ISDIR(place.node->mode);

	if (!error && !place.entry)
		error = -ENOENT;
	if (!error && e->kind == EDIT_UNLINK && directory)
		error = -EISDIR;
	if (!error && e->kind == EDIT_RMDIR && !directory)
		error = -ENOTDIR;
	if (!error && directory && has_entries(m, place.entry->node))
		error = -ENOTEMPTY;
	if (error || dry)
		return error;
	drop_link(m, place.entry->node, e);
	if (directory)
		m->node[place.dir].links--;
	drop_entry(m, place.entry);
	changed(m, place.dir, e, true);
	return 0;
}

static bool is_above(const struct model *m, uint32_t above, uint32_t dir)
{
	while (dir != above && dir != MODEL_ROOT)
		dir = m->node[dir].parent;
	return dir == above;
}

static int may_rename(const struct model *m, const struct model_place *from,
		      const struct model_place *to)
{
	bool directory = S_ISDIR(from->node->mode);

	if (directory && is_above(m, from->entry->node, to->dir))
		return -EINVAL;
	if (!to->entry)
		return 0;
	bool replaces = S_ISDIR(to->node->mode);
	if (replaces && is_above(m, to->entry->node, from->dir))
		return -ENOTEMPTY; // the kernel asks that before all others
	if (directory != replaces)
		return directory ? -ENOTDIR : -EISDIR;
	return directory && has_entries(m, to->entry->node) ? -ENOTEMPTY : 0;
}

static int play_rename(struct model *m, const struct edit *e, bool dry)
{
	struct model_place from, to = { 0 };
	int error = model_locate(m, e->path, &from);

	if (!error)
		error = model_locate(m, e->other, &to);
	if (!error && !from.entry)
		error = -ENOENT;
	if (error || (to.entry && to.entry->node == from.entry->node))
		return error;
	error = may_rename(m, &from, &to);
	if (error || dry)
		return error;
	uint32_t moved = from.entry->node;
	bool directory = S_ISDIR(from.node->mode);
	if (to.entry) {
		drop_link(m, to.entry->node, e);
		to.entry->node = moved;
		m->node[to.dir].links -= directory;
	} else {
		model_add_entry(m, to.dir, to.name, to.length, moved);
		model_locate(m, e->path, &from); // the list may have moved
	}
	drop_entry(m, from.entry);
	if (directory) {
		m->node[moved].parent = to.dir;
		m->node[from.dir].links--;
		m->node[to.dir].links++;
	}
	changed(m, moved, e, false);
	changed(m, from.dir, e, true);
	changed(m, to.dir, e, true);
	return 0;
}

// ## Attributes

static size_t attribute_at(const struct model_node *node, const char *name)
{
	size_t at = 0;

	while (at < node->attributes &&
	       strcmp(node->attribute[at].name, name) != 0)
		at++;
	return at;
}

void model_set_attribute(struct model_node *node, const char *name,
			 const void *value, size_t n)
{
	size_t at = attribute_at(node, name);

	if (at == node->attributes) {
		node->attribute = realloc(node->attribute,
					  (at + 1) * sizeof *node->attribute);
		ck_assert_ptr_nonnull(node->attribute);
		node->attribute[at] = (struct model_attribute){ 0 };
		node->attributes++;
	}
	struct model_attribute *a = &node->attribute[at];
	free(a->value);
	snprintf(a->name, sizeof a->name, "%s", name);
	a->value = copied(value, n);
	a->n = n;
}

static int remove_attribute(struct model_node *node, const char *name, bool dry)
{
	size_t at = attribute_at(node, name);

	if (at == node->attributes)
		return -ENODATA;
	if (dry)
		return 0;
	free(node->attribute[at].value);
	node->attribute[at] = node->attribute[--node->attributes];
	return 0;
}

static void set_owner(struct model_node *node, const struct edit *e)
{
	node->uid = e->uid;
	node->gid = e->gid;
	if (!S_ISDIR(node->mode))
		node->mode &= (uint16_t)(node->mode & S_IXGRP
						 ? ~(S_ISUID | S_ISGID)
						 : ~S_ISUID);
}

static int play_change(struct model *m, const struct edit *e, bool dry)
{
	struct model_place place;
	int error = model_locate(m, e->path, &place);
	struct model_node *node = error ? NULL : place.node;

	if (!error && !node)
		error = -ENOENT;
	if (!error && e->kind == EDIT_REMOVE_XATTR)
		error = remove_attribute(node, e->name, dry);
	if (error || dry)
		return error;
	switch (e->kind) {
	case EDIT_WRITE:
		write_bytes(m, node, e->offset, e->bytes, e->size);
		break;
	case EDIT_TRUNCATE:
		cut(m, node, e->size);
		break;
	case EDIT_CHMOD:
		node->mode = (node->mode & S_IFMT) | e->mode;
		break;
	case EDIT_CHOWN:
		set_owner(node, e);
		break;
	case EDIT_TIMES:
		node->time[A] = kept(m, e->atime);
		node->time[M] = kept(m, e->mtime);
		break;
	case EDIT_SET_XATTR:
		model_set_attribute(node, e->name, e->bytes, e->size);
		break;
	default:
		break;
	}
	changed(m, place.entry->node, e,
		e->kind == EDIT_WRITE || e->kind == EDIT_TRUNCATE);
	return 0;
}

int model_play(struct model *m, const struct edit *e, bool dry)
{
	switch (e->kind) {
	case EDIT_MKDIR:
	case EDIT_CREATE:
	case EDIT_PUT:
	case EDIT_SYMLINK:
	case EDIT_MKNOD:
		return play_make(m, e, dry);
	case EDIT_LINK:
		return play_link(m, e, dry);
	case EDIT_UNLINK:
	case EDIT_RMDIR:
		return play_remove(m, e, dry);
	case EDIT_RENAME:
		return play_rename(m, e, dry);
	default:
		return play_change(m, e, dry);
	}
}

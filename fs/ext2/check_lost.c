// check_lost.c - a root, lost+found, and names put into directories
//
// What is found without a name is put into /lost+found under its number, "#123".
// Names go where there is room behind an entry; when no block has any, the
// directory grows by one. A directory that has an index loses it: its names are
// not in order any more.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/ext2/check_parts.h"

static const char lost_name[] = "lost+found";

// ## Entries

// Calls `each` for the entries of a directory until it returns other than 0;
// positive: the block was changed.
static int entries_each(struct check *c, uint32_t dir,
			int (*each)(struct check *, uint8_t *bytes,
				    struct disk_entry *, void *),
			void *context)
{
	struct disk_inode *inode = malloc(c->inode_bytes);
	uint32_t *data = NULL, *map = NULL;
	size_t count = 0, map_count;
	int status = inode ? inode_read(c, dir, inode) : -ENOMEM;

	if (!status)
		status = map_lists(c, inode, &data, &count, &map, &map_count);
	for (size_t i = 0; !status && i < count; i++) {
		status = check_read(c, data[i], c->block);
		for (uint32_t at = 0; !status && at < c->block_bytes &&
				      entry_sound(c, c->block, at);) {
			struct disk_entry *e = (void *)(c->block + at);
			uint32_t length = entry_length(c, e);

			status = each(c, c->block, e, context);
			at += length;
		}
		if (status > 0) {
			int error = check_write(c, data[i], c->block);

			status = error ? error : 1;
		}
	}
	free(inode);
	free(data);
	free(map);
	return status;
}

static bool is_dots(const struct disk_entry *e)
{
	return e->name_len && e->name_len <= 2 && e->name[0] == '.' &&
	       (e->name_len == 1 || e->name[1] == '.');
}

static int erase_one(struct check *c, uint8_t *bytes, struct disk_entry *e,
		     void *ino)
{
	(void)c;
	(void)bytes;
	if (get32(e->inode) != *(uint32_t *)ino || is_dots(e))
		return 0;
	e->inode = put32(0);
	return 1;
}

int entry_erase(struct check *c, uint32_t dir, uint32_t ino)
{
	int status = entries_each(c, dir, erase_one, &ino);

	return status < 0 ? status : 0;
}

static int set_dotdot(struct check *c, uint8_t *bytes, struct disk_entry *e,
		      void *parent)
{
	(void)bytes;
	if (!is_dots(e) || e->name_len != 2)
		return 0;
	e->inode = put32(*(uint32_t *)parent);
	if (c->filetype)
		e->file_type = TYPE_DIRECTORY;
	return 1;
}

int dotdot_set(struct check *c, uint32_t dir, uint32_t parent)
{
	int status = entries_each(c, dir, set_dotdot, &parent);

	return status < 0 ? status : 0;
}

struct addition {
	const char *name;
	uint32_t ino;
};

static int add_here(struct check *c, uint8_t *bytes, struct disk_entry *e,
		    void *context)
{
	struct addition *a = context;
	uint32_t n = (uint32_t)strlen(a->name), length = entry_length(c, e);
	uint32_t used = get32(e->inode) ? entry_bytes(e->name_len) : 0;
	struct disk_entry *new = (void *)((uint8_t *)e + used);

	(void)bytes;
	if (length - used < entry_bytes(n))
		return 0;
	if (used)
		e->rec_len = put_length(used);
	new->inode = put32(a->ino);
	new->rec_len = put_length(length - used);
	new->name_len = (uint8_t)n;
	new->file_type = c->filetype ? c->kind[a->ino] & KIND_TYPE : 0;
	memcpy(new->name, a->name, n);
	return 1;
}

// One block more, all of it one entry.
static int grow(struct check *c, uint32_t dir, struct addition *a, bool *done)
{
	struct disk_inode *inode = malloc(c->inode_bytes);
	uint32_t *data = NULL, *map = NULL, *more = NULL, block;
	size_t count = 0, map_count = 0, map_used = 0;
	int error = inode ? inode_read(c, dir, inode) : -ENOMEM;
	struct disk_entry *e = (void *)c->block;

	if (!error)
		error = map_lists(c, inode, &data, &count, &map, &map_count);
	if (!error)
		more = reallocarray(data, count + 1, sizeof *data);
	if (!error && !more)
		error = -ENOMEM;
	if (more)
		data = more;
	block = error ? 0 : check_allocate(c, count ? data[count - 1] : 0);
	if (block) {
		data[count] = block;
		error = map_build(c, inode, data, count + 1, map, map_count,
				  &map_used);
		if (error == -ENOSPC || error == -EFBIG) {
			// As before: this map needs no block more.
			bit_clear(c->used, block);
			block = 0;
			error = map_build(c, inode, data, count, map, map_count,
					  &map_used);
		}
	}
	if (!error && block) {
		uint64_t blocks = count + 1 + map_used +
				  !!get32(inode->i_file_acl);

		inode->i_blocks =
			put32((uint32_t)(blocks * (c->block_bytes / 512)));
		inode->i_size = put32((uint32_t)((count + 1) * c->block_bytes));
		memset(c->block, 0, c->block_bytes);
		e->rec_len = put_length(c->block_bytes);
		add_here(c, c->block, e, a);
		error = check_write(c, block, c->block);
		c->lost_hint = (uint32_t)count;
	}
	if (!error && block)
		error = inode_write(c, dir, inode);
	*done = block;
	free(inode);
	free(data);
	free(map);
	return error;
}

// The blocks before this one had no room for the last name of this kind.
static int add_near(struct check *c, uint32_t dir, struct addition *a,
		    bool *done)
{
	struct disk_inode *inode = malloc(c->inode_bytes);
	uint32_t block = 0;
	int status = inode ? inode_read(c, dir, inode) : -ENOMEM;

	if (!status)
		status = map_find(c, inode, c->lost_hint, &block);
	free(inode);
	if (!status && block)
		status = check_read(c, block, c->block);
	for (uint32_t at = 0; !status && block && at < c->block_bytes &&
			      entry_sound(c, c->block, at);) {
		struct disk_entry *e = (void *)(c->block + at);
		uint32_t length = entry_length(c, e);

		status = add_here(c, c->block, e, a);
		at += length;
	}
	*done = status > 0;
	return status > 0 ? check_write(c, block, c->block) : status;
}

static int entry_add(struct check *c, uint32_t dir, const char *name,
		     uint32_t ino, bool *done)
{
	struct addition a = { .name = name, .ino = ino };
	int status = 0;

	*done = false;
	if (c->kind[dir] & KIND_INDEXED)
		status = index_drop(c, dir);
	if (!status && dir == c->lost && c->lost_hint)
		status = add_near(c, dir, &a, done);
	if (status || *done)
		return status;
	status = dir == c->lost && c->lost_hint
			 ? 0
			 : entries_each(c, dir, add_here, &a);
	*done = status > 0;
	if (!status)
		status = grow(c, dir, &a, done);
	return status < 0 ? status : 0;
}

// ## New directories

static int insert_dir(struct check *c, uint32_t ino, uint32_t parent)
{
	size_t i = c->dir_count;

	if (!check_room(&c->dirs, &c->dir_room, c->dir_count, sizeof *c->dirs))
		return -ENOMEM;
	for (; i && c->dirs[i - 1].ino > ino; i--)
		c->dirs[i] = c->dirs[i - 1];
	c->dirs[i] =
		(struct dir){ .ino = ino, .parent = parent, .dotdot = parent };
	c->dir_count++;
	return 0;
}

// The inode and its block; `links` that it will have.
static int make_directory(struct check *c, uint32_t ino, uint32_t parent,
			  uint32_t mode, uint32_t links, uint32_t *block)
{
	struct disk_inode *inode;
	le32 now = put32((uint32_t)c->now);
	int error;

	*block = check_allocate(
		c, group_start(c, (ino - 1) / c->inodes_per_group));
	if (!*block)
		return 0;
	inode = calloc(1, c->inode_bytes);
	if (!inode)
		return -ENOMEM;
	inode->i_mode = put16(S_IFDIR | mode);
	inode->i_links_count = put16(links);
	inode->i_size = put32(c->block_bytes);
	inode->i_blocks = put32(c->block_bytes / 512);
	inode->i_block[0] = put32(*block);
	inode->i_atime = inode->i_ctime = inode->i_mtime = now;
	if (c->inode_bytes >= INODE_BYTES_OLD + INODE_EXTRA) {
		inode->i_extra_isize = put16(INODE_EXTRA);
		inode->i_crtime = now;
	}
	error = inode_write(c, ino, inode);
	free(inode);
	dir_format(c, ino, parent, c->block);
	if (!error)
		error = check_write(c, *block, c->block);
	c->kind[ino] = TYPE_DIRECTORY;
	c->links[ino] = (uint16_t)links;
	c->used_inodes++;
	return error;
}

int root_check(struct check *c)
{
	uint32_t block;
	int error;

	if ((c->kind[INO_ROOT] & KIND_TYPE) == TYPE_DIRECTORY ||
	    !problem(c, "root-missing", 0, INO_ROOT, 0, "makes one",
		     "there is no root directory"))
		return 0;
	error = make_directory(c, INO_ROOT, INO_ROOT, 0755, 2, &block);
	if (error)
		return error;
	if (!block) {
		not_repaired(c);
		return 0;
	}
	error = insert_dir(c, INO_ROOT, 0);
	if (!error && !check_room(&c->dir_blocks, &c->dir_block_room,
				  c->dir_block_count, sizeof *c->dir_blocks))
		error = -ENOMEM;
	if (!error)
		c->dir_blocks[c->dir_block_count++] =
			(struct dir_block){ block, INO_ROOT, 0 };
	return error;
}

// ## lost+found

struct looking {
	uint32_t ino;
	bool other; // the name belongs to what is no directory
};

static int look_for_lost(struct check *c, uint8_t *bytes, struct disk_entry *e,
			 void *context)
{
	struct looking *l = context;
	uint32_t ino = get32(e->inode);

	(void)bytes;
	if (!ino || ino > c->inodes || e->name_len != sizeof lost_name - 1 ||
	    memcmp(e->name, lost_name, e->name_len))
		return 0;
	if ((c->kind[ino] & KIND_TYPE) == TYPE_DIRECTORY) {
		l->ino = ino;
		return 0;
	}
	if (!problem(c, "lost+found", 0, ino, 0, "moves it away",
		     "it is no directory, but has the name lost+found"))
		return 0;
	e->name[4] = '-';
	return 1;
}

static int make_lost(struct check *c)
{
	uint32_t ino = c->first_ino, block;
	bool done = false;
	int error;

	while (ino <= c->inodes && c->kind[ino])
		ino++;
	if (ino > c->inodes ||
	    !problem(c, "lost+found", SAFE, 0, 0, "makes one",
		     "There is no directory /lost+found"))
		return 0;
	error = make_directory(c, ino, INO_ROOT, 0700, 2, &block);
	if (error || !block)
		return error;
	error = insert_dir(c, ino, INO_ROOT);
	if (!error)
		error = entry_add(c, INO_ROOT, lost_name, ino, &done);
	if (!error && !done) {
		// No room for the name: as if it had never been.
		c->kind[ino] = 0;
		c->used_inodes--;
		bit_clear(c->used, block);
		memset(c->block, 0, c->inode_bytes);
		return inode_write(c, ino, c->block);
	}
	c->kind[ino] |= KIND_REACHED;
	c->seen[ino] = 2;
	c->seen[INO_ROOT]++;
	c->lost = ino;
	return error;
}

static int find_lost(struct check *c)
{
	struct looking l = { 0 };
	int status = entries_each(c, INO_ROOT, look_for_lost, &l);

	if (status < 0)
		return status;
	c->lost = l.ino;
	return c->lost ? 0 : make_lost(c);
}

int lost_attach(struct check *c, uint32_t ino, bool *done)
{
	char name[16];
	int error = c->lost ? 0 : find_lost(c);

	*done = false;
	snprintf(name, sizeof name, "#%u", ino);
	if (!error && c->lost && c->lost != ino)
		error = entry_add(c, c->lost, name, ino, done);
	if (*done && c->seen[ino] < UINT16_MAX)
		c->seen[ino]++;
	if (!*done)
		not_repaired(c);
	return error;
}

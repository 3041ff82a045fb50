// # vsfs: a file system of eight inodes and eight blocks
//
// The rules are those of vsfs.h's source. What counts for the answers is when a
// random number is drawn: an attempt that fails has used up its numbers, and is
// followed by the next attempt without a word. Which attempts fail so: there is
// no file to unlink, the name is taken, the file has its one block already. An
// attempt that finds no free inode or block is shown as what a real one would be:
// a call that returned ENOSPC.

#define _GNU_SOURCE
#include "fs/img/vsfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum attempt { DONE, FAILED, NO_MEMORY };

// ## Drawing

static double draw(struct vsfs *fs)
{
	return python_random_real(&fs->random);
}

static int draw_below(struct vsfs *fs, int n)
{
	return (int)(draw(fs) * n);
}

// i and l look like 1 on a worksheet: the course leaves them out.
static char draw_name(struct vsfs *fs)
{
	static const char letters[] = "abcdefghjkmnopqrstuvwxyz";

	return letters[draw_below(fs, sizeof letters - 1)];
}

// ## Bitmaps: first fit

static int free_inode(const struct vsfs *fs)
{
	for (int i = 0; i < fs->inodes; i++)
		if (!fs->inode[i].type)
			return i;
	return -1;
}

static int free_block(const struct vsfs *fs)
{
	for (int i = 0; i < fs->blocks; i++)
		if (!fs->block[i].used)
			return i;
	return -1;
}

bool vsfs_inodes_full(const struct vsfs *fs)
{
	return free_inode(fs) == -1;
}

bool vsfs_blocks_full(const struct vsfs *fs)
{
	return free_block(fs) == -1;
}

static void block_free(struct vsfs *fs, int block)
{
	free(fs->block[block].entry);
	fs->block[block] = (struct vsfs_block){ 0 };
}

// ## Directories

static struct vsfs_block *entries_of(struct vsfs *fs, int dir_inode)
{
	return &fs->block[fs->inode[dir_inode].address];
}

static bool has_name(struct vsfs *fs, int dir_inode, char name)
{
	const struct vsfs_block *dir = entries_of(fs, dir_inode);

	for (int i = 0; i < dir->count; i++)
		if (dir->entry[i].name[0] == name)
			return true;
	return false;
}

static void add_entry(struct vsfs_block *dir, const char *name, int inode)
{
	struct vsfs_entry *entry = &dir->entry[dir->count++];

	snprintf(entry->name, sizeof entry->name, "%s", name);
	entry->inode = inode;
}

static void remove_entry(struct vsfs_block *dir, char name)
{
	int i = 0;

	while (i < dir->count && dir->entry[i].name[0] != name)
		i++;
	dir->count--;
	memmove(&dir->entry[i], &dir->entry[i + 1],
		(size_t)(dir->count - i) * sizeof *dir->entry);
}

static int make_directory(struct vsfs *fs, int inode, int parent, int block)
{
	struct vsfs_block *b = &fs->block[block];

	*b = (struct vsfs_block){
		.used = true,
		.entry = calloc(VSFS_ENTRIES, sizeof *b->entry),
	};
	if (!b->entry)
		return -ENOMEM;
	add_entry(b, ".", inode);
	add_entry(b, "..", parent);
	fs->inode[inode] = (struct vsfs_inode){ 'd', block, 2 };
	return 0;
}

// ## The generator's lists

static bool push(struct vsfs_node **list, int *count, const char *path,
		 int inode)
{
	struct vsfs_node *more = realloc(*list,
					 (size_t)(*count + 1) * sizeof **list);

	if (!more)
		return false;
	*list = more;
	more[*count] = (struct vsfs_node){ strdup(path), inode };
	if (!more[*count].path)
		return false;
	++*count;
	return true;
}

static void drop_file(struct vsfs *fs, int at)
{
	free(fs->file[at].path);
	fs->files--;
	memmove(&fs->file[at], &fs->file[at + 1],
		(size_t)(fs->files - at) * sizeof *fs->file);
}

static char *joined_path(const char *dir, char name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%c", dir[1] ? dir : "", name) == -1)
		return NULL;
	return path;
}

// The directory that holds a path's last component.
static int parent_inode(const struct vsfs *fs, const char *path)
{
	size_t length = (size_t)(strrchr(path, '/') - path);

	for (int i = 1; i < fs->dirs; i++)
		if (strlen(fs->dir[i].path) == length &&
		    !strncmp(fs->dir[i].path, path, length))
			return fs->dir[i].inode;
	return fs->dir[0].inode;
}

// ## The four attempts

static enum attempt told(int printed)
{
	return printed == -1 ? NO_MEMORY : DONE;
}

static enum attempt append(struct vsfs *fs, struct vsfs_operation *op)
{
	if (!fs->files)
		return FAILED;
	const struct vsfs_node *file = &fs->file[draw_below(fs, fs->files)];
	char letter = (char)('a' + draw_below(fs, 26));
	struct vsfs_inode *inode = &fs->inode[file->inode];
	int block = free_block(fs);

	if (inode->address != -1)
		return FAILED;
	op->kind = VSFS_APPEND;
	op->letter = letter;
	if (!(op->path = strdup(file->path)))
		return NO_MEMORY;
	if (block == -1) {
		op->error = ENOSPC;
		return told(asprintf(&op->why, "no data block is free"));
	}
	fs->block[block] = (struct vsfs_block){ .used = true,
						.letter = letter };
	inode->address = block;
	return told(asprintf(&op->why,
			     "block %d is the first free one; inode %d now "
			     "has its address, and '%c' is in it",
			     block, file->inode, letter));
}

static enum attempt unlink_one(struct vsfs *fs, struct vsfs_operation *op)
{
	if (!fs->files)
		return FAILED;
	int at = draw_below(fs, fs->files), number = fs->file[at].inode;
	struct vsfs_inode *inode = &fs->inode[number];
	char *path = strdup(fs->file[at].path);
	int printed;

	if (!path)
		return NO_MEMORY;
	op->kind = VSFS_UNLINK;
	op->path = path;
	if (inode->references == 1) {
		printed = asprintf(
			&op->why,
			"that was the last name of inode %d: it is "
			"free again%s",
			number, inode->address == -1 ? "" : ", and its block");
		if (inode->address != -1)
			block_free(fs, inode->address);
		*inode = (struct vsfs_inode){ 0 };
	} else {
		inode->references--;
		printed = asprintf(&op->why,
				   "inode %d has another name: the count goes "
				   "down to %d and nothing is freed",
				   number, inode->references);
	}
	remove_entry(entries_of(fs, parent_inode(fs, path)),
		     strrchr(path, '/')[1]);
	drop_file(fs, at);
	return told(printed);
}

static enum attempt link_one(struct vsfs *fs, struct vsfs_operation *op)
{
	if (!fs->files)
		return FAILED;
	int dir = draw_below(fs, fs->dirs);
	char name = draw_name(fs);
	int target = draw_below(fs, fs->files);
	int inode = fs->file[target].inode, parent = fs->dir[dir].inode;
	struct vsfs_block *block = entries_of(fs, parent);

	if (block->count >= VSFS_ENTRIES || has_name(fs, parent, name))
		return FAILED;
	op->kind = VSFS_LINK;
	op->path = joined_path(fs->dir[dir].path, name);
	op->target = strdup(fs->file[target].path);
	if (!op->path || !op->target)
		return NO_MEMORY;
	if (!push(&fs->file, &fs->files, op->path, inode))
		return NO_MEMORY;
	fs->inode[inode].references++;
	add_entry(block, (char[]){ name, '\0' }, inode);
	return told(asprintf(&op->why,
			     "one more entry with inode %d; its count goes up "
			     "to %d, no inode and no block is taken",
			     inode, fs->inode[inode].references));
}

static enum attempt create(struct vsfs *fs, struct vsfs_operation *op)
{
	bool directory = draw(fs) >= 0.75;
	int dir = draw_below(fs, fs->dirs);
	char name = draw_name(fs);
	int parent = fs->dir[dir].inode;
	int inode = free_inode(fs), block = directory ? free_block(fs) : -1;

	if (entries_of(fs, parent)->count >= VSFS_ENTRIES ||
	    has_name(fs, parent, name))
		return FAILED;
	op->kind = directory ? VSFS_MKDIR : VSFS_CREAT;
	if (!(op->path = joined_path(fs->dir[dir].path, name)))
		return NO_MEMORY;
	if (inode == -1 || (directory && block == -1)) {
		op->error = ENOSPC;
		return told(asprintf(&op->why, "no %s is free",
				     inode == -1 ? "inode" : "data block"));
	}
	if (!directory) {
		if (!push(&fs->file, &fs->files, op->path, inode))
			return NO_MEMORY;
		fs->inode[inode] = (struct vsfs_inode){ 'f', -1, 1 };
	} else {
		if (!push(&fs->dir, &fs->dirs, op->path, inode) ||
		    make_directory(fs, inode, parent, block) != 0)
			return NO_MEMORY;
		fs->inode[parent].references++;
	}
	add_entry(entries_of(fs, parent), (char[]){ name, '\0' }, inode);
	if (!directory)
		return told(asprintf(&op->why,
				     "inode %d is the first free one; an empty "
				     "file has no block",
				     inode));
	return told(asprintf(&op->why,
			     "inode %d and block %d are the first free ones; "
			     "its \"..\" is one more link to inode %d",
			     inode, block, parent));
}

// ## Everything

static enum attempt attempt(struct vsfs *fs, struct vsfs_operation *op)
{
	double r = draw(fs);

	if (r < 0.3)
		return append(fs, op);
	if (r < 0.5)
		return unlink_one(fs, op);
	if (r < 0.7)
		return link_one(fs, op);
	return create(fs, op);
}

int vsfs_next(struct vsfs *fs, struct vsfs_operation *op)
{
	enum attempt result;

	*op = (struct vsfs_operation){ 0 };
	while ((result = attempt(fs, op)) == FAILED)
		;
	if (result == DONE)
		return 0;
	vsfs_operation_free(op);
	return -ENOMEM;
}

void vsfs_operation_free(struct vsfs_operation *op)
{
	free(op->path);
	free(op->target);
	free(op->why);
	*op = (struct vsfs_operation){ 0 };
}

int vsfs_make(struct vsfs *fs, int inodes, int blocks, uint64_t seed)
{
	*fs = (struct vsfs){
		.inodes = inodes,
		.blocks = blocks,
		.inode = calloc((size_t)inodes, sizeof *fs->inode),
		.block = calloc((size_t)blocks, sizeof *fs->block),
		.random = python_random_seeded(seed),
	};
	if (fs->inode && fs->block && make_directory(fs, 0, 0, 0) == 0 &&
	    push(&fs->dir, &fs->dirs, "/", 0))
		return 0;
	vsfs_free(fs);
	return -ENOMEM;
}

void vsfs_free(struct vsfs *fs)
{
	for (int i = 0; fs->block && i < fs->blocks; i++)
		free(fs->block[i].entry);
	for (int i = 0; i < fs->files; i++)
		free(fs->file[i].path);
	for (int i = 0; i < fs->dirs; i++)
		free(fs->dir[i].path);
	free(fs->file);
	free(fs->dir);
	free(fs->inode);
	free(fs->block);
	*fs = (struct vsfs){ 0 };
}

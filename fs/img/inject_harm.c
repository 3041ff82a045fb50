// # What damage does
//
// The kinds that are more than one field with a wrong value, and which inodes a
// kind can be done to.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/inject.h"
#include "must.h"

// ## What inodes fit

bool fits_file(const struct injection *x, const struct ext2_inode *inode)
{
	struct ext2_numbers n = x->numbers;
	le32 first[2];

	memcpy(first, inode->block, sizeof first);
	return S_ISREG(inode->mode) && inode->size > n.block_bytes &&
	       get32(first[0]) && get32(first[1]);
}

bool fits_plain(const struct injection *x, const struct ext2_inode *inode)
{
	return fits_file(x, inode) && inode->links == 1;
}

bool fits_mapped(const struct injection *x, const struct ext2_inode *inode)
{
	le32 pointer[BLOCK_POINTERS];

	memcpy(pointer, inode->block, sizeof pointer);
	return S_ISREG(inode->mode) && get32(pointer[BLOCK_SINGLE]) &&
	       inode->size > (uint64_t)BLOCKS_DIRECT * x->numbers.block_bytes;
}

bool fits_doubly_mapped(const struct injection *x,
			const struct ext2_inode *inode)
{
	le32 pointer[BLOCK_POINTERS];

	memcpy(pointer, inode->block, sizeof pointer);
	return fits_mapped(x, inode) && get32(pointer[BLOCK_DOUBLE]);
}

bool fits_wide(const struct injection *x, const struct ext2_inode *inode)
{
	return x->numbers.inode_bytes > INODE_BYTES_OLD && fits_file(x, inode);
}

bool fits_directory(const struct injection *x, const struct ext2_inode *inode)
{
	(void)x;
	return S_ISDIR(inode->mode) && inode->ino > x->numbers.first_inode &&
	       !(inode->flags & INODE_INDEX) &&
	       inode->size == x->numbers.block_bytes;
}

bool fits_indexed(const struct injection *x, const struct ext2_inode *inode)
{
	return S_ISDIR(inode->mode) && inode->flags & INODE_INDEX &&
	       x->numbers.compat & COMPAT_DIR_INDEX;
}

bool fits_fast(const struct injection *x, const struct ext2_inode *inode)
{
	(void)x;
	return S_ISLNK(inode->mode) && inode->size < SYMLINK_INSIDE &&
	       !inode->sectors;
}

bool fits_special(const struct injection *x, const struct ext2_inode *inode)
{
	(void)x;
	return S_ISFIFO(inode->mode) || S_ISSOCK(inode->mode) ||
	       S_ISCHR(inode->mode) || S_ISBLK(inode->mode);
}

bool fits_attributes(const struct injection *x, const struct ext2_inode *inode)
{
	(void)x;
	return inode->xattr_block != 0;
}

bool fits_inside(const struct injection *x, const struct ext2_inode *inode)
{
	le32 magic;

	if (x->numbers.inode_bytes < 2 * INODE_BYTES_OLD ||
	    inode->extra != INODE_EXTRA)
		return false;
	memcpy(&magic, inode->rest + INODE_EXTRA, sizeof magic);
	return get32(magic) == XATTR_MAGIC;
}

// ## Damage that is more than a field

enum {
	POINTERS = offsetof(struct disk_inode, i_block),
	DTIME = offsetof(struct disk_inode, i_dtime),
	LINKS = offsetof(struct disk_inode, i_links_count),
	OUTSIDE = 0x7ffffff0, // a block that no image here has
};

static int group_of(const struct injection *x, uint64_t block, uint32_t *group,
		    uint32_t *bit)
{
	uint64_t n = block - x->numbers.first_data_block;

	*group = (uint32_t)(n / x->numbers.blocks_per_group);
	*bit = (uint32_t)(n % x->numbers.blocks_per_group);
	return *group < x->numbers.groups ? 0 : -ENOENT;
}

static int flip_bit(struct injection *x, uint64_t bitmap, uint32_t bit,
		    const char *what)
{
	return poke_number(x, bitmap * x->numbers.block_bytes + bit / 8, 1,
			   FLIP, 1u << bit % 8, what);
}

static int flip_block(struct injection *x, bool in_use)
{
	struct ext2_group g;
	uint32_t group, bit;
	uint64_t block;
	char *what;
	int error = pick_block(x, in_use, &block);

	if (!error)
		error = group_of(x, block, &group, &bit);
	if (!error)
		error = ext2_group(x->session->fs, group, &g);
	if (error)
		return error;
	must(asprintf(&what,
		      "bit %" PRIu32 " of the block bitmap of group "
		      "%" PRIu32 ": block %" PRIu64,
		      bit, group, block));
	error = flip_bit(x, g.block_bitmap, bit, what);
	free(what);
	return error;
}

int harm_block_lost(struct injection *x, const struct kind *k)
{
	(void)k;
	return flip_block(x, true);
}

int harm_block_leaked(struct injection *x, const struct kind *k)
{
	(void)k;
	return flip_block(x, false);
}

static int flip_inode(struct injection *x, bool in_use)
{
	struct ext2_group g;
	uint32_t ino, group, bit;
	char *what;
	int error = pick_number(x, in_use, &ino);

	if (error)
		return error;
	group = (ino - 1) / x->numbers.inodes_per_group;
	bit = (ino - 1) % x->numbers.inodes_per_group;
	error = ext2_group(x->session->fs, group, &g);
	if (error)
		return error;
	must(asprintf(&what,
		      "bit %" PRIu32 " of the inode bitmap of group "
		      "%" PRIu32 ": inode %" PRIu32,
		      bit, group, ino));
	error = flip_bit(x, g.inode_bitmap, bit, what);
	free(what);
	return error;
}

int harm_inode_lost(struct injection *x, const struct kind *k)
{
	(void)k;
	return flip_inode(x, true);
}

int harm_inode_leaked(struct injection *x, const struct kind *k)
{
	(void)k;
	return flip_inode(x, false);
}

int harm_padding(struct injection *x, const struct kind *k)
{
	uint32_t bits = x->numbers.block_bytes * 8;
	struct ext2_group g;
	int error = ext2_group(x->session->fs, 0, &g);

	(void)k;
	if (error || x->numbers.inodes_per_group >= bits)
		return error ? error : -ENOENT;
	return flip_bit(x, g.inode_bitmap, bits - 1,
			"the last bit of the inode bitmap of group 0, behind "
			"its inodes");
}

// Pointer number `index` of an inode.
static int set_pointer(struct injection *x, const struct ext2_inode *inode,
		       uint32_t index, uint32_t block)
{
	char *text = inode_text(x, inode->ino), *what;
	uint64_t offset;
	int error = offset_of_inode(x, inode->ino, &offset);

	must(asprintf(&what, "i_block[%" PRIu32 "] of %s", index, text));
	if (!error)
		error = poke_number(x, offset + POINTERS + 4ull * index, 4, SET,
				    block, what);
	free(what);
	free(text);
	return error;
}

int harm_pointer_outside(struct injection *x, const struct kind *k)
{
	struct ext2_inode inode = { 0 };
	int error = pick_inode(x, fits_file, &inode);

	(void)k;
	return error ? error : set_pointer(x, &inode, 1, OUTSIDE);
}

int harm_map_outside(struct injection *x, const struct kind *k)
{
	struct ext2_inode inode = { 0 };
	int error = pick_inode(x, fits_mapped, &inode);

	(void)k;
	return error ? error : set_pointer(x, &inode, BLOCK_SINGLE, OUTSIDE);
}

int harm_pointer_metadata(struct injection *x, const struct kind *k)
{
	struct ext2_inode inode = { 0 };
	struct ext2_group g;
	int error = pick_inode(x, fits_file, &inode);

	(void)k;
	if (!error)
		error = ext2_group(x->session->fs, 0, &g);
	return error ? error
		     : set_pointer(x, &inode, 1, (uint32_t)g.inode_table);
}

int harm_pointer_double(struct injection *x, const struct kind *k)
{
	struct ext2_inode one = { 0 }, other = { 0 };
	uint64_t block;
	int error = pick_inode(x, fits_file, &one);

	(void)k;
	if (!error)
		error = pick_inode(x, fits_file, &other);
	if (!error)
		error = block_of(x, &one, 0, &block);
	return error ? error : set_pointer(x, &other, 1, (uint32_t)block);
}

int harm_pointer_loop(struct injection *x, const struct kind *k)
{
	struct ext2_inode inode = { 0 };
	le32 pointer[BLOCK_POINTERS];
	char *text, *what;
	int error = pick_inode(x, fits_doubly_mapped, &inode);

	(void)k;
	if (error)
		return error;
	memcpy(pointer, inode.block, sizeof pointer);
	uint32_t block = get32(pointer[BLOCK_DOUBLE]);
	text = inode_text(x, inode.ino);
	must(asprintf(&what, "pointer 0 of the double indirect block of %s",
		      text));
	error = poke_number(x, (uint64_t)block * x->numbers.block_bytes, 4, SET,
			    block, what);
	free(what);
	free(text);
	return error;
}

static int entry_harm(struct injection *x, const struct picked *p,
		      uint32_t offset, const void *bytes, uint32_t n,
		      const char *field)
{
	char *dir = inode_text(x, p->dir), *name = shown(p->name, p->name_len);
	int error = poke(x,
			 p->block * x->numbers.block_bytes + p->offset + offset,
			 bytes, n, "%s of the entry \"%s\" in %s", field, name,
			 dir);

	free(name);
	free(dir);
	return error;
}

int harm_entry_unused(struct injection *x, const struct kind *k)
{
	struct picked picked;
	uint32_t ino;
	int error = pick_entry(x, TYPE_REGULAR, &picked);

	(void)k;
	if (!error)
		error = pick_number(x, false, &ino);
	if (error)
		return error;
	le32 number = put32(ino);
	return entry_harm(x, &picked, 0, &number, 4, "inode");
}

int harm_entry_slash(struct injection *x, const struct kind *k)
{
	struct picked picked;
	int error = pick_entry(x, 0, &picked);

	(void)k;
	return error ? error
		     : entry_harm(x, &picked,
				  ENTRY_HEADER + picked.name_len / 2u, "/", 1,
				  "name");
}

// A name becomes that of another entry of the directory, of the same length.
struct twin {
	const struct picked *of;
	char name[NAME_LONGEST + 1];
	bool found;
};

static int find_twin(void *context, const struct ext2_entry *e)
{
	struct twin *twin = context;
	bool dots = e->name_len <= 2 && e->name[0] == '.';

	if (dots || e->name_len != twin->of->name_len ||
	    e->block != twin->of->block || e->offset == twin->of->offset)
		return 0;
	memcpy(twin->name, e->name, e->name_len);
	twin->found = true;
	return 1;
}

int harm_entry_twice(struct injection *x, const struct kind *k)
{
	enum { TRIES = 200 };
	struct picked picked;
	struct twin twin;

	(void)k;
	for (int i = 0; i < TRIES; i++) {
		int error = pick_entry(x, 0, &picked);

		if (error)
			return error;
		twin = (struct twin){ .of = &picked };
		error = ext2_list(x->session->fs, picked.dir, find_twin, &twin);
		if (error < 0)
			return error;
		if (twin.found && picked.name_len <= CHANGE_BYTES)
			return entry_harm(x, &picked, ENTRY_HEADER, twin.name,
					  picked.name_len, "name");
	}
	return -ENOENT;
}

// A file's entry leads to the directory above: that has two names then.
int harm_directory_loop(struct injection *x, const struct kind *k)
{
	struct picked picked;
	le32 number;
	const uint8_t type = TYPE_DIRECTORY;
	int error = pick_entry(x, TYPE_REGULAR, &picked);

	(void)k;
	for (int i = 0; !error && picked.dir == INO_ROOT && i < 100; i++)
		error = pick_entry(x, TYPE_REGULAR, &picked);
	if (error || picked.dir == INO_ROOT)
		return error ? error : -ENOENT;
	number = put32(picked.dir);
	error = entry_harm(x, &picked, 0, &number, 4, "inode");
	return error ? error : entry_harm(x, &picked, 7, &type, 1, "file_type");
}

// The first two bytes of the names "." and "..", made another's.
int harm_dot_name(struct injection *x, const struct kind *k)
{
	const bool dotdot = k->number > 12;
	struct ext2_inode inode = { 0 };
	uint64_t block;
	char *text;
	int error = pick_inode(x, k->fits, &inode);

	if (!error)
		error = block_of(x, &inode, 0, &block);
	if (error)
		return error;
	text = inode_text(x, inode.ino);
	error = poke(x, block * x->numbers.block_bytes + k->number, "x", 1,
		     "the name of the entry \"%s\" in %s", dotdot ? ".." : ".",
		     text);
	free(text);
	return error;
}

int harm_orphan(struct injection *x, const struct kind *k)
{
	struct ext2_inode inode = { 0 };
	char *text;
	uint64_t offset;
	int error = pick_inode(x, fits_plain, &inode);

	(void)k;
	if (!error)
		error = offset_of_inode(x, inode.ino, &offset);
	if (error)
		return error;
	text = inode_text(x, inode.ino);
	le32 next = put32(inode.ino == 12 ? 13 : 12);
	error = poke(x, offset + DTIME, &next, 4,
		     "i_dtime of %s: the next in a list of orphans", text);
	free(text);
	return error;
}

int harm_orphan_list(struct injection *x, const struct kind *k)
{
	const uint64_t at = SUPER_OFFSET +
			    offsetof(struct disk_super, s_last_orphan);

	(void)k;
	return poke_number(x, at, 4, SET, x->numbers.inodes + 1000,
			   "s_last_orphan of the superblock");
}

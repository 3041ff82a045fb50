// rebuild.c - a whole tree from one image into another, empty one
//
// Growing, shrinking and putting files into one piece are the same work here: the
// tree is written anew, and the old image stays what it is until the new one is
// whole. So there is no moment at which a crash could hurt, and no code that moves
// blocks under a living file system.
//
// Directories are worked off one after the other (breadth first), the entries of
// each by rising inode: that is the order in which the old inodes lie, and files
// of one directory come to lie side by side. New numbers are remembered by old
// ones, 4 bytes an inode: the second name of a file becomes a link.
//
// Kept: type, mode, owner, the four times, links, devices, flags, generation,
// holes, content, attributes; lost+found with what is in it; the boot sectors
// before the superblock; and of the superblock what its owner has decided, not
// mke2fs: label, UUID, hash seed and signedness, share of reserved blocks and for
// whom, behaviour on errors, counts and times of mounts and checks, mount options.
//
// Not kept: inode numbers; deleted files; blocks behind a file's end; the list of
// bad blocks; room kept for more descriptors (resize_inode); i_version; attributes
// under a prefix that no call could ask for; the size of groups other than 8 ×
// block bytes. An image of revision 0 becomes one of revision 1 with filetype and
// sparse_super.
//
// The old image is not trusted: a directory with two names, an entry that leads to
// no file, more blocks than there are, a file in use that no name reaches: all of
// them are -EUCLEAN, since a copy would lose or double something.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/content.h"
#include "fs/ext2/directory.h"

enum { CHUNK_BYTES = 1 << 20, SMALL_BYTES = 1 << 18 };

struct gathered { // an entry of the directory that is being copied
	uint32_t ino;
	uint32_t name; // in `names`
	uint8_t length;
};

struct rebuild {
	struct ext2 *from, *to;
	void (*progress)(void *context, uint64_t done_blocks, uint64_t all);
	void *context;
	uint64_t done, all;

	uint32_t *made;  // by the old number, the new one; 0: not yet
	uint32_t *queue; // directories, by their old numbers
	size_t queued, queue_room;
	uint32_t lost_found; // the new one's

	struct gathered *entry;
	size_t count, room;
	char *names;
	size_t name_bytes, name_room;

	uint8_t *bytes; // a chunk
};

// What an operation on the new image says of the old one's fault.
static int fault(int error)
{
	return error == -EEXIST || error == -EINVAL || error == -ENOENT ||
			       error == -ENOTDIR
		       ? -EUCLEAN
		       : error;
}

static void advance(struct rebuild *r, uint64_t blocks)
{
	r->done += blocks;
	if (r->progress)
		r->progress(r->context, r->done < r->all ? r->done : r->all,
			    r->all);
}

// ## The superblock

static void take_super(struct rebuild *r)
{
	const struct disk_super *old = &r->from->super;
	struct disk_super *new = &r->to->super;
	uint64_t reserved = get32(old->s_r_blocks_count);

	memcpy(new->s_uuid, old->s_uuid, sizeof new->s_uuid);
	memcpy(new->s_volume_name, old->s_volume_name,
	       sizeof new->s_volume_name);
	memcpy(new->s_last_mounted, old->s_last_mounted,
	       sizeof new->s_last_mounted);
	memcpy(new->s_hash_seed, old->s_hash_seed, sizeof new->s_hash_seed);
	if (old->s_def_hash_version <= HASH_TEA)
		new->s_def_hash_version = old->s_def_hash_version;
	if (get32(old->s_flags) & (FLAG_SIGNED_HASH | FLAG_UNSIGNED_HASH))
		new->s_flags = old->s_flags;
	new->s_feature_compat =
		put32(get32(new->s_feature_compat) |
		      (get32(old->s_feature_compat) & COMPAT_DIR_INDEX));
	if (r->from->blocks < UINT64_C(1) << 32)
		reserved = reserved * r->to->blocks / r->from->blocks;
	if (reserved > r->to->blocks / 2)
		reserved = r->to->blocks / 2;
	new->s_r_blocks_count = put32((uint32_t)reserved);
	new->s_def_resuid = old->s_def_resuid;
	new->s_def_resgid = old->s_def_resgid;
	new->s_errors = old->s_errors;
	new->s_mtime = old->s_mtime;
	new->s_mnt_count = old->s_mnt_count;
	new->s_max_mnt_count = old->s_max_mnt_count;
	new->s_lastcheck = old->s_lastcheck;
	new->s_checkinterval = old->s_checkinterval;
	new->s_mkfs_time = old->s_mkfs_time;
	new->s_creator_os = old->s_creator_os;
	new->s_default_mount_opts = old->s_default_mount_opts;
	r->to->super_changed = true;
}

// What stands before the superblock belongs to a boot loader.
static int take_boot(struct rebuild *r)
{
	struct buffer *b;
	int error = device_read(r->from->device, 0, r->bytes, SUPER_OFFSET);

	if (!error)
		error = cache_get(r->to->cache, 0, 0, &b);
	if (error)
		return error;
	memcpy(b->bytes, r->bytes, SUPER_OFFSET);
	cache_dirty(r->to->cache, b, BLOCK_SUPER);
	cache_drop(b);
	return 0;
}

// ## Attributes

struct attributes {
	struct ext2 *to;
	uint32_t ino;
};

static int copy_xattr(void *context, const char *name, const void *value,
		      size_t size, bool in_inode)
{
	const struct attributes *a = context;

	(void)in_inode;
	return ext2_set_xattr(a->to, a->ino, name, value, size);
}

// The last word on an inode that has got its names and its content.
static int settle(struct rebuild *r, const struct ext2_inode *old, uint32_t ino)
{
	struct ext2_inode inode;
	int error = inode_get(r->to, ino, &inode);

	if (error)
		return error;
	inode.generation = old->generation;
	error = inode_put(r->to, &inode);
	inode.mode = old->mode;
	inode.uid = old->uid;
	inode.gid = old->gid;
	inode.atime = old->atime;
	inode.mtime = old->mtime;
	inode.ctime = old->ctime;
	inode.crtime = old->crtime;
	inode.flags = old->flags;
	return error ? error : ext2_set_inode(r->to, &inode);
}

static int copy_xattrs(struct rebuild *r, const struct ext2_inode *old,
		       uint32_t ino)
{
	struct attributes a = { r->to, ino };
	int error = ext2_xattrs(r->from, old->ino, copy_xattr, &a);

	return error ? fault(error) : settle(r, old, ino);
}

// ## Content

static int copy_run(struct rebuild *r, const struct ext2_inode *old,
		    uint32_t ino, uint64_t from, uint64_t end)
{
	int error = 0;

	while (!error && from < end) {
		size_t n = end - from < CHUNK_BYTES ? (size_t)(end - from)
						    : CHUNK_BYTES;
		int64_t got = content_read(r->from, old, from, r->bytes, n);

		if (got <= 0)
			return got ? (int)got : -EUCLEAN;
		error = ext2_write(r->to, ino, from, r->bytes, (size_t)got);
		from += (uint64_t)got;
		advance(r, ((uint64_t)got + r->from->block_bytes - 1) >>
				   r->from->block_bits);
	}
	return error;
}

static int copy_runs(struct rebuild *r, const struct ext2_inode *old,
		     uint32_t ino)
{
	uint64_t end = inode_file_blocks(r->from, old), met = 0;
	struct ext2_run run;

	for (uint64_t at = 0; at < end; at += run.blocks) {
		int error = ext2_run_at(r->from, old, at, &run);

		if (error)
			return error;
		if (!run.blocks)
			break;
		if (!run.physical || run.unwritten)
			continue;
		met += run.blocks;
		if (met > r->from->blocks)
			return -EUCLEAN;

		uint64_t to = (at + run.blocks) << r->from->block_bits;

		error = copy_run(r, old, ino, at << r->from->block_bits,
				 to < old->size ? to : old->size);
		if (error)
			return error;
	}
	return ext2_truncate(r->to, ino, old->size);
}

static int is_whole(struct rebuild *r, const struct ext2_inode *old,
		    bool *whole)
{
	uint64_t end = inode_file_blocks(r->from, old);
	struct ext2_run run = { 0 };

	*whole = true;
	for (uint64_t at = 0; *whole && at < end; at += run.blocks) {
		int error = ext2_run_at(r->from, old, at, &run);

		if (error)
			return error;
		if (!run.blocks || !run.physical || run.unwritten)
			*whole = false;
	}
	return 0;
}

static int copy_regular(struct rebuild *r, uint32_t dir,
			const struct gathered *e, const struct ext2_inode *old,
			uint32_t *ino)
{
	const char *name = r->names + e->name;
	bool whole = false;
	int64_t got = 0;
	int error = 0;

	if (old->size <= SMALL_BYTES)
		error = is_whole(r, old, &whole);
	if (!error && whole && old->size) {
		got = content_read(r->from, old, 0, r->bytes,
				   (size_t)old->size);
		if (got < 0)
			error = (int)got;
		else if ((uint64_t)got != old->size)
			error = -EUCLEAN;
	}
	if (error)
		return error;
	error = ext2_create_with(r->to, dir, name, e->length, old, r->bytes,
				 whole ? (size_t)got : 0, ino);
	if (error)
		return fault(error);
	if (!whole)
		return copy_runs(r, old, *ino);
	advance(r, inode_file_blocks(r->from, old));
	return 0;
}

static int copy_symlink(struct rebuild *r, uint32_t dir,
			const struct gathered *e, const struct ext2_inode *old,
			uint32_t *ino)
{
	char *target = (char *)r->bytes;
	int error = ext2_readlink(r->from, old->ino, target, CHUNK_BYTES);

	if (!error)
		error = ext2_symlink(r->to, dir, r->names + e->name, e->length,
				     old, target, strlen(target), ino);
	if (!error && old->size >= SYMLINK_INSIDE)
		advance(r, 1);
	return fault(error);
}

// ## Names

static int gather(void *context, const struct ext2_entry *entry)
{
	struct rebuild *r = context;

	if (entry->name[0] == '.' &&
	    (entry->name_len == 1 ||
	     (entry->name_len == 2 && entry->name[1] == '.')))
		return 0;
	if (r->count == r->room) {
		size_t room = r->room ? r->room * 2 : 256;
		void *more = realloc(r->entry, room * sizeof *r->entry);

		if (!more)
			return -ENOMEM;
		r->entry = more;
		r->room = room;
	}
	if (r->name_bytes + entry->name_len > r->name_room) {
		size_t room = r->name_room ? r->name_room * 2 : 8192;
		void *more = room <= UINT32_MAX ? realloc(r->names, room)
						: NULL;

		if (!more)
			return -ENOMEM;
		r->names = more;
		r->name_room = room;
	}
	memcpy(r->names + r->name_bytes, entry->name, entry->name_len);
	r->entry[r->count++] = (struct gathered){
		.ino = entry->ino,
		.name = (uint32_t)r->name_bytes,
		.length = entry->name_len,
	};
	r->name_bytes += entry->name_len;
	return 0;
}

static int by_inode(const void *a, const void *b)
{
	const struct gathered *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

static int queue_directory(struct rebuild *r, uint32_t ino)
{
	if (r->queued == r->queue_room) {
		size_t room = r->queue_room ? r->queue_room * 2 : 64;
		void *more = realloc(r->queue, room * sizeof *r->queue);

		if (!more)
			return -ENOMEM;
		r->queue = more;
		r->queue_room = room;
	}
	r->queue[r->queued++] = ino;
	return 0;
}

static bool is_lost_found(const struct rebuild *r, uint32_t dir,
			  const struct gathered *e,
			  const struct ext2_inode *old)
{
	static const char name[] = "lost+found";

	return r->lost_found && dir == INO_ROOT && S_ISDIR(old->mode) &&
	       e->length == sizeof name - 1 &&
	       !memcmp(r->names + e->name, name, e->length);
}

static int copy_new(struct rebuild *r, uint32_t dir, const struct gathered *e,
		    const struct ext2_inode *old, uint32_t *ino)
{
	int error = 0;

	if (is_lost_found(r, dir, e, old))
		*ino = r->lost_found;
	else if (S_ISREG(old->mode))
		error = copy_regular(r, dir, e, old, ino);
	else if (S_ISLNK(old->mode))
		error = copy_symlink(r, dir, e, old, ino);
	else
		error = fault(ext2_create(r->to, dir, r->names + e->name,
					  e->length, old, ino));
	if (!error)
		error = copy_xattrs(r, old, *ino);
	if (error)
		return error;
	r->made[old->ino] = *ino;
	return S_ISDIR(old->mode) ? queue_directory(r, old->ino) : 0;
}

static int copy_entry(struct rebuild *r, uint32_t dir, const struct gathered *e)
{
	struct ext2_numbers numbers;
	struct ext2_inode old;
	uint32_t ino = 0;
	int error;

	ext2_numbers(r->from, &numbers);
	if (e->ino < numbers.first_inode || e->ino > numbers.inodes)
		return -EUCLEAN;
	error = inode_get(r->from, e->ino, &old);
	if (error)
		return error;
	if (!old.links)
		return -EUCLEAN;
	if (!r->made[e->ino])
		return copy_new(r, dir, e, &old, &ino);
	if (S_ISDIR(old.mode))
		return -EUCLEAN;
	error = ext2_link(r->to, dir, r->names + e->name, e->length,
			  r->made[e->ino]);
	return error ? fault(error) : settle(r, &old, r->made[e->ino]);
}

// Room for all of the names in a row: as many entries of the length that the
// directory counts with as take so much. Never more than they will fill.
static int expect(struct rebuild *r, uint32_t to)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < r->count; i++)
		bytes += entry_bytes(r->entry[i].length);
	return ext2_expect_entries(r->to, to, bytes / RESERVE_ENTRY);
}

static int copy_directory(struct rebuild *r, uint32_t from)
{
	uint32_t to = r->made[from];
	struct ext2_inode old;
	int error = inode_get(r->from, from, &old);

	r->count = r->name_bytes = 0;
	if (!error)
		error = ext2_list(r->from, from, gather, r);
	if (error)
		return error;
	if (r->count > 1) {
		qsort(r->entry, r->count, sizeof *r->entry, by_inode);
		error = expect(r, to);
	}
	for (size_t i = 0; !error && i < r->count; i++)
		error = copy_entry(r, to, &r->entry[i]);
	advance(r, inode_file_blocks(r->from, &old));
	return error ? error : settle(r, &old, to);
}

// ## The whole

// A file in use that no name reaches is somebody's, who wants it in lost+found.
static int nothing_left(const struct rebuild *r, const struct ext2_numbers *n)
{
	struct ext2_inode inode;
	bool in_use = false;
	int error = 0;

	for (uint32_t ino = n->first_inode; !error && ino <= n->inodes; ino++) {
		if (r->made[ino])
			continue;
		error = ext2_inode_in_use(r->from, ino, &in_use);
		if (error || !in_use)
			continue;
		error = inode_get(r->from, ino, &inode);
		if (!error && inode.links)
			error = -EUCLEAN;
	}
	return error;
}

static int copy_tree(struct rebuild *r, const struct ext2_numbers *numbers)
{
	struct ext2_entry entry;
	struct ext2_inode root;
	int error = ext2_find(r->to, INO_ROOT, "lost+found", 10, &entry);

	if (!error)
		r->lost_found = entry.ino;
	else if (error != -ENOENT)
		return error;
	error = inode_get(r->from, INO_ROOT, &root);
	if (!error && !S_ISDIR(root.mode))
		error = -EUCLEAN;
	r->made[INO_ROOT] = INO_ROOT;
	if (!error)
		error = copy_xattrs(r, &root, INO_ROOT);
	if (!error)
		error = queue_directory(r, INO_ROOT);
	for (size_t i = 0; !error && i < r->queued; i++)
		error = copy_directory(r, r->queue[i]);
	return error ? error : nothing_left(r, numbers);
}

int ext2_rebuild(struct ext2 *from, struct ext2 *to,
		 void (*progress)(void *context, uint64_t done_blocks,
				  uint64_t all),
		 void *context)
{
	struct rebuild r = {
		.from = from,
		.to = to,
		.progress = progress,
		.context = context,
	};
	struct ext2_numbers n;
	int error;

	if (to->mode != MODE_FRESH)
		return -EINVAL;
	ext2_numbers(from, &n);
	if (n.blocks > n.free_blocks + n.overhead_blocks)
		r.all = n.blocks - n.free_blocks - n.overhead_blocks;
	r.made = calloc((size_t)n.inodes + 1, sizeof *r.made);
	r.bytes = malloc(CHUNK_BYTES);
	error = r.made && r.bytes ? take_boot(&r) : -ENOMEM;
	if (!error) {
		take_super(&r);
		error = copy_tree(&r, &n);
	}
	free(r.made);
	free(r.queue);
	free(r.entry);
	free(r.names);
	free(r.bytes);
	return error;
}

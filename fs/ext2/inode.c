// inode.c - a number -> 128 or 256 bytes -> fields
//
// Inodes stand in tables, one a group: number n (from 1) is entry (n - 1) modulo
// inodes_per_group of group (n - 1) / inodes_per_group. Only the block that is
// asked for is read.
//
// What is spread over the bytes for historical reasons is put together here:
//
//     uid, gid   16 bits and 16 more
//     size       32 bits and, of regular files, 32 more
//     times      seconds as a signed number, and (where i_extra_isize says that
//                there is room) 30 bits of ns and 2 more of seconds: 1901 to 2446.
//                Without room: 1901 to 2038; what is outside is clamped
//     devices    in i_block: [0] = 8 bits major, 8 minor; or, if those do not
//                fit, [0] = 0 and [1] = 12 bits major, 20 minor
//     i_blocks   of 512 bytes; with huge_file 16 bits more, and a flag for whole
//                blocks
//
// Fields that no one here uses (i_version, i_faddr, project ...) are kept.
//
// Sources: Linux, Documentation/filesystems/ext4/inodes.rst; new_encode_dev().

#include "fs/ext2/fs.h"

#include <errno.h>
#include <string.h>

enum { NS_IN_SECOND = 1000000000 };

static bool has_huge_files(const struct ext2 *fs)
{
	return get32(fs->super.s_feature_ro_compat) & RO_COMPAT_HUGE_FILE;
}

static bool has_wide_size(const struct ext2 *fs, uint16_t mode)
{
	return S_ISREG(mode) ||
	       (S_ISDIR(mode) &&
		get32(fs->super.s_feature_incompat) & INCOMPAT_LARGEDIR);
}

// ## Times

// Whether the inode has the extra field that ends at byte `end`.
static bool has_extra(const struct ext2 *fs, uint16_t extra, size_t end)
{
	return fs->inode_bytes > INODE_BYTES_OLD &&
	       INODE_BYTES_OLD + (size_t)extra >= end;
}

#define HAS(fs, extra, field)                                     \
	has_extra(fs, extra, offsetof(struct disk_inode, field) + \
			     sizeof(le32))

static struct ext2_time time_decode(le32 low, le32 more, bool has_more)
{
	uint32_t extra = has_more ? get32(more) : 0;
	uint32_t ns = extra >> 2;

	return (struct ext2_time){
		.seconds = (int32_t)get32(low) + ((int64_t)(extra & 3) << 32),
		.ns = ns < NS_IN_SECOND ? ns : NS_IN_SECOND - 1,
	};
}

static void time_encode(struct ext2_time time, bool has_more, le32 *low,
			le32 *more)
{
	int64_t most = INT32_MAX + (has_more ? INT64_C(3) << 32 : 0);
	int64_t seconds = time.seconds;

	if (seconds < INT32_MIN || seconds > most) {
		seconds = seconds < 0 ? INT32_MIN : most;
		time.ns = 0;
	}
	*low = put32((uint32_t)seconds);
	if (has_more)
		*more = put32(
			(uint32_t)((seconds - (int32_t)seconds) >> 32 & 3) |
			time.ns << 2);
}

// ## Devices

static bool is_device(uint16_t mode)
{
	return S_ISCHR(mode) || S_ISBLK(mode);
}

static void device_decode(const struct disk_inode *d, struct ext2_inode *inode)
{
	uint32_t old = get32(d->i_block[0]), new = get32(d->i_block[1]);

	if (old) {
		inode->device_major = old >> 8 & 0xff;
		inode->device_minor = old & 0xff;
	} else {
		inode->device_major = new >> 8 & 0xfff;
		inode->device_minor = (new & 0xff) | (new >> 12 & 0xfff00);
	}
}

static void device_encode(const struct ext2_inode *inode, struct disk_inode *d)
{
	uint32_t major = inode->device_major, minor = inode->device_minor;

	memset(d->i_block, 0, sizeof d->i_block);
	if (major < 256 && minor < 256)
		d->i_block[0] = put32(major << 8 | minor);
	else
		d->i_block[1] = put32((minor & 0xff) | (major & 0xfff) << 8 |
				      (minor & 0xfff00) << 12);
}

// ## The whole

static uint32_t rest_bytes(const struct ext2 *fs)
{
	uint32_t n = fs->inode_bytes - INODE_BYTES_OLD;
	uint32_t most = sizeof((struct ext2_inode *)0)->rest;

	return n < most ? n : most;
}

void inode_decode(const struct ext2 *fs, uint32_t ino, const uint8_t *bytes,
		  struct ext2_inode *inode)
{
	const struct disk_inode *d = (const struct disk_inode *)bytes;
	bool wide = fs->inode_bytes > INODE_BYTES_OLD;
	uint16_t extra = wide ? get16(d->i_extra_isize) : 0;
	uint16_t mode = get16(d->i_mode);
	bool c = HAS(fs, extra, i_ctime_extra);
	bool m = HAS(fs, extra, i_mtime_extra);
	bool a = HAS(fs, extra, i_atime_extra);
	bool cr = HAS(fs, extra, i_crtime);
	bool crx = HAS(fs, extra, i_crtime_extra);
	const le32 none = { { 0 } };

	inode->ino = ino;
	inode->mode = mode;
	inode->uid = get16(d->i_uid) | (uint32_t)get16(d->i_uid_high) << 16;
	inode->gid = get16(d->i_gid) | (uint32_t)get16(d->i_gid_high) << 16;
	inode->size = get32(d->i_size);
	if (has_wide_size(fs, mode))
		inode->size |= (uint64_t)get32(d->i_size_high) << 32;
	inode->links = get16(d->i_links_count);
	inode->atime = time_decode(d->i_atime, a ? d->i_atime_extra : none, a);
	inode->mtime = time_decode(d->i_mtime, m ? d->i_mtime_extra : none, m);
	inode->ctime = time_decode(d->i_ctime, c ? d->i_ctime_extra : none, c);
	inode->crtime = time_decode(cr ? d->i_crtime : none,
				    crx ? d->i_crtime_extra : none, crx);
	inode->dtime = get32(d->i_dtime);
	inode->flags = get32(d->i_flags);
	inode->sectors = get32(d->i_blocks);
	if (has_huge_files(fs)) {
		inode->sectors |= (uint64_t)get16(d->i_blocks_high) << 32;
		if (inode->flags & INODE_HUGE_FILE)
			inode->sectors <<= fs->block_bits - 9;
	}
	inode->generation = get32(d->i_generation);
	inode->xattr_block = get32(d->i_file_acl);
	if (get32(fs->super.s_feature_incompat) & INCOMPAT_64BIT)
		inode->xattr_block |= (uint64_t)get16(d->i_file_acl_high) << 32;
	inode->device_major = inode->device_minor = 0;
	if (is_device(mode))
		device_decode(d, inode);
	inode->extra = extra;
	memcpy(inode->block, d->i_block, sizeof inode->block);
	if (wide)
		memcpy(inode->rest, bytes + INODE_BYTES_OLD, rest_bytes(fs));
}

static void encode_sectors(const struct ext2 *fs, uint64_t sectors,
			   struct disk_inode *d)
{
	uint32_t flags = get32(d->i_flags) & ~(uint32_t)INODE_HUGE_FILE;

	if (has_huge_files(fs)) {
		if (sectors >> 48) {
			flags |= INODE_HUGE_FILE;
			sectors >>= fs->block_bits - 9;
		}
		d->i_blocks_high = put16((uint32_t)(sectors >> 32));
		d->i_flags = put32(flags);
	}
	d->i_blocks = put32((uint32_t)sectors);
}

void inode_encode(const struct ext2 *fs, const struct ext2_inode *inode,
		  uint8_t *bytes)
{
	struct disk_inode *d = (struct disk_inode *)bytes;
	bool wide = fs->inode_bytes > INODE_BYTES_OLD;
	uint16_t extra = wide ? inode->extra : 0;

	memset(d, 0, INODE_BYTES_OLD);
	if (wide) {
		memcpy(bytes + INODE_BYTES_OLD, inode->rest, rest_bytes(fs));
		d->i_extra_isize = put16(extra);
	}
	d->i_mode = put16(inode->mode);
	d->i_uid = put16(inode->uid);
	d->i_uid_high = put16(inode->uid >> 16);
	d->i_gid = put16(inode->gid);
	d->i_gid_high = put16(inode->gid >> 16);
	d->i_size = put32((uint32_t)inode->size);
	if (has_wide_size(fs, inode->mode))
		d->i_size_high = put32((uint32_t)(inode->size >> 32));
	d->i_links_count = put16(inode->links);
	time_encode(inode->atime, HAS(fs, extra, i_atime_extra), &d->i_atime,
		    wide ? &d->i_atime_extra : NULL);
	time_encode(inode->mtime, HAS(fs, extra, i_mtime_extra), &d->i_mtime,
		    wide ? &d->i_mtime_extra : NULL);
	time_encode(inode->ctime, HAS(fs, extra, i_ctime_extra), &d->i_ctime,
		    wide ? &d->i_ctime_extra : NULL);
	if (HAS(fs, extra, i_crtime))
		time_encode(inode->crtime, HAS(fs, extra, i_crtime_extra),
			    &d->i_crtime, &d->i_crtime_extra);
	d->i_dtime = put32(inode->dtime);
	d->i_flags = put32(inode->flags);
	encode_sectors(fs, inode->sectors, d);
	d->i_generation = put32(inode->generation);
	d->i_file_acl = put32((uint32_t)inode->xattr_block);
	if (is_device(inode->mode))
		device_encode(inode, d);
	else
		memcpy(d->i_block, inode->block, sizeof d->i_block);
}

// ## Where it stands

int ext2_inode_place(struct ext2 *fs, uint32_t ino, uint64_t *block,
		     uint32_t *offset)
{
	uint32_t group, index;
	uint64_t byte;

	if (!ino || ino > get32(fs->super.s_inodes_count))
		return -EUCLEAN;
	group = (ino - 1) / fs->inodes_per_group;
	index = (ino - 1) % fs->inodes_per_group;
	byte = (uint64_t)index * fs->inode_bytes;
	*block = fs->groups[group].inode_table + (byte >> fs->block_bits);
	*offset = (uint32_t)(byte & (fs->block_bytes - 1));
	return *block > fs->first_data_block && *block < fs->blocks ? 0
								    : -EUCLEAN;
}

static int hold(struct ext2 *fs, uint32_t ino, struct buffer **b,
		uint8_t **bytes)
{
	uint64_t block;
	uint32_t offset;
	int error = ext2_inode_place(fs, ino, &block, &offset);

	if (!error)
		error = cache_get(fs->cache, block, 0, b);
	if (!error)
		*bytes = (*b)->bytes + offset;
	return error;
}

int inode_get(struct ext2 *fs, uint32_t ino, struct ext2_inode *inode)
{
	struct buffer *b;
	uint8_t *bytes;
	int error = hold(fs, ino, &b, &bytes);

	if (error)
		return error;
	inode_decode(fs, ino, bytes, inode);
	cache_drop(b);
	return 0;
}

int inode_put(struct ext2 *fs, const struct ext2_inode *inode)
{
	struct buffer *b;
	struct disk_inode *d;
	uint8_t *bytes;
	le32 version, faddr;
	int error;

	if (fs->mode == MODE_READ)
		return -EROFS;
	error = hold(fs, inode->ino, &b, &bytes);
	if (error)
		return error;
	d = (struct disk_inode *)bytes;
	version = d->i_version;
	faddr = d->i_faddr;
	inode_encode(fs, inode, bytes);
	d->i_version = version;
	d->i_faddr = faddr;
	cache_dirty(fs->cache, b, BLOCK_INODES);
	cache_drop(b);
	return 0;
}

int inode_clear(struct ext2 *fs, uint32_t ino)
{
	struct buffer *b;
	uint8_t *bytes;
	int error = hold(fs, ino, &b, &bytes);

	if (error)
		return error;
	memset(bytes, 0, fs->inode_bytes);
	cache_dirty(fs->cache, b, BLOCK_INODES);
	cache_drop(b);
	return 0;
}

// ## For users

int ext2_inode(struct ext2 *fs, uint32_t ino, struct ext2_inode *inode)
{
	return inode_get(fs, ino, inode);
}

uint32_t flags_allowed(uint16_t mode, uint32_t flags)
{
	bool special = !S_ISREG(mode) && !S_ISDIR(mode);

	return special ? flags & ~(uint32_t)INODE_NOT_SPECIAL : flags;
}

int ext2_set_inode(struct ext2 *fs, const struct ext2_inode *wanted)
{
	// What says how the bytes are to be read is not the caller's to change.
	const uint32_t kept = INODE_FORM;
	struct ext2_inode inode;
	int error = inode_get(fs, wanted->ino, &inode);

	if (error)
		return error;
	if ((wanted->mode & S_IFMT) != (inode.mode & S_IFMT))
		return -EINVAL;
	inode.mode = wanted->mode;
	inode.uid = wanted->uid;
	inode.gid = wanted->gid;
	inode.atime = wanted->atime;
	inode.mtime = wanted->mtime;
	inode.ctime = wanted->ctime;
	inode.crtime = wanted->crtime;
	inode.flags = (inode.flags & kept) |
		      flags_allowed(inode.mode, wanted->flags & ~kept);
	return inode_put(fs, &inode);
}

// ## The end of one

// In an ordered commit the entry that names the inode goes at another time than
// the inode does: until then its bytes must be those of the disk, which point at
// blocks that are not used again. Changes of this transaction are given up.
static int as_on_disk(struct ext2 *fs, uint32_t ino)
{
	struct buffer *b;
	uint64_t block;
	uint32_t offset;
	int error = ext2_inode_place(fs, ino, &block, &offset);

	if (!error)
		error = cache_get(fs->cache, block, 0, &b);
	if (error)
		return error;
	if (b->dirty)
		error = device_read(fs->device,
				    block * fs->block_bytes + offset,
				    b->bytes + offset, fs->inode_bytes);
	cache_drop(b);
	return error;
}

// Deleted: no links, a time of deletion. The rest stays, for undelete. A time
// below the number of inodes would look like a link in the list of orphans.
int inode_bury(struct ext2 *fs, uint32_t ino)
{
	uint32_t least = get32(fs->super.s_inodes_count);
	int64_t seconds = fs->now.seconds;
	struct disk_inode *d;
	struct buffer *b;
	uint8_t *bytes;
	int error = hold(fs, ino, &b, &bytes);

	if (error)
		return error;
	if (seconds < least)
		seconds = least;
	if (seconds > UINT32_MAX)
		seconds = UINT32_MAX;
	d = (struct disk_inode *)bytes;
	d->i_links_count = put16(0);
	d->i_dtime = put32((uint32_t)seconds);
	cache_dirty(fs->cache, b, BLOCK_INODES);
	cache_drop(b);
	return 0;
}

int inode_remove(struct ext2 *fs, uint32_t ino)
{
	bool new = inode_is_new(fs, ino);
	struct ext2_inode inode;
	int error;

	if (fs->mode == MODE_READ)
		return -EROFS;
	error = inode_get(fs, ino, &inode);
	if (!error && inode_has_map(&inode))
		error = map_cut(fs, &inode, 0);
	if (!error && inode.xattr_block)
		error = xattr_release(fs, &inode);
	if (!error)
		error = inode_free(fs, ino, S_ISDIR(inode.mode));
	if (error)
		return error;
	if (new)
		return inode_clear(fs, ino);
	return fs->mode == MODE_ORDERED ? as_on_disk(fs, ino)
					: inode_bury(fs, ino);
}

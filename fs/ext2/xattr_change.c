// xattr_change.c - extended attributes: laying them out anew
//
// All attributes of an inode are gathered, one is changed, and what comes out is
// laid out anew: each stays in its place if it fits there, else the largest that do
// fit go into the inode. A block that others share is not changed: a new one takes
// its place. Nor is, without a journal, one that the last commit holds: a torn write
// would cost all attributes in it, and a wrong hash is an error to e2fsck. There
// only h_refcount changes in place, which is one sector. A block of the same
// content that was written not long ago is shared; not without a journal, where the
// inodes would appear one after the other, and e2fsck asks about a wrong count.
//
// An ACL is also a mode: the permissions of its owner, of its mask (or group) and
// of others are those of the inode, as the kernel does it, and an ACL which says no
// more than a mode can is not stored.

#include "fs/ext2/xattr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SHARED_MOST = 1024, VALUE_MOST = 65536 };

// ## Laying out

static size_t entry_room(const struct attribute *a)
{
	return xattr_padded(sizeof(struct disk_xattr_entry) + a->name_len) +
	       xattr_padded(a->size);
}

static uint32_t entry_hash(const struct attribute *a)
{
	uint32_t hash = 0;

	for (int i = 0; i < a->name_len; i++)
		hash = (hash << 5 ^ hash >> 27) ^ a->name[i];
	for (uint32_t i = 0; i < a->size; i += 4) {
		uint8_t word[4] = { 0 };
		uint32_t left = a->size - i;

		memcpy(word, a->value + i, left < 4 ? left : 4);
		hash = (hash << 16 ^ hash >> 16) ^ get32(*(le32 *)word);
	}
	return hash;
}

// Those of `all` that go here, in their order. Returns the hash over all.
static uint32_t area_write(const struct area *area,
			   const struct attributes *all, bool inside)
{
	uint8_t *at = area->entries, *value = area->entries + area->room;
	uint32_t hash = 0;
	bool hashed = true;

	memset(area->entries, 0, area->room);
	for (size_t i = 0; i < all->count; i++) {
		const struct attribute *a = &all->item[i];
		struct disk_xattr_entry *entry = (void *)at;

		if (a->inside != inside)
			continue;
		entry->e_name_len = a->name_len;
		entry->e_name_index = a->index;
		entry->e_value_size = put32(a->size);
		memcpy(entry->e_name, a->name, a->name_len);
		if (a->size) {
			value -= xattr_padded(a->size);
			memcpy(value, a->value, a->size);
			entry->e_value_offs =
				put16((uint32_t)(value - area->base));
		}
		entry->e_hash = put32(entry_hash(a));
		hash = (hash << 16 ^ hash >> 16) ^ get32(entry->e_hash);
		hashed = hashed && get32(entry->e_hash);
		at += xattr_padded(sizeof(*entry) + a->name_len);
	}
	return hashed ? hash : 0;
}

static size_t area_used(const struct attributes *all, bool inside)
{
	size_t used = XATTR_END_BYTES;

	for (size_t i = 0; i < all->count; i++)
		if (all->item[i].inside == inside)
			used += entry_room(&all->item[i]);
	return used;
}

static bool all_fit(const struct attributes *all, size_t inode_room,
		    size_t block_room)
{
	return (area_used(all, true) <= inode_room ||
		area_used(all, true) == XATTR_END_BYTES) &&
	       area_used(all, false) <= block_room;
}

// Says of each where it goes.
static int arrange(const struct attributes *all, struct attribute *changed,
		   size_t inode_room, size_t block_room)
{
	if (changed) {
		for (int inside = 1; inside >= 0; inside--) {
			changed->inside = inside;
			if (all_fit(all, inode_room, block_room))
				return 0;
		}
	} else if (all_fit(all, inode_room, block_room)) {
		return 0;
	}
	for (size_t i = 0; i < all->count; i++)
		all->item[i].inside = false;
	for (;;) {
		struct attribute *best = NULL;
		size_t used = area_used(all, true);

		for (size_t i = 0; i < all->count; i++) {
			struct attribute *a = &all->item[i];

			if (!a->inside && used + entry_room(a) <= inode_room &&
			    (!best || entry_room(a) > entry_room(best)))
				best = a;
		}
		if (!best)
			break;
		best->inside = true;
	}
	return all_fit(all, inode_room, block_room) ? 0 : -ENOSPC;
}

static int compare_attributes(const void *a, const void *b)
{
	return xattr_order(a, b);
}

// ## Blocks

static void shared_forget(struct ext2 *fs, uint64_t block)
{
	for (int i = 0; fs->content && i < XATTRS_SHARED; i++)
		if (fs->content->shared[i].block == block)
			fs->content->shared[i].block = 0;
}

static void shared_add(struct ext2 *fs, uint64_t block, const uint8_t *bytes)
{
	const struct disk_xattr_header *header = (const void *)bytes;
	struct content *content = fs->content;

	content->shared[content->next_shared].block = block;
	content->shared[content->next_shared].hash = get32(header->h_hash);
	content->next_shared = (content->next_shared + 1) % XATTRS_SHARED;
}

// One of the same content, with one more inode now. 0 in *block: there is none.
static int shared_find(struct ext2 *fs, const uint8_t *bytes, uint64_t *block)
{
	const struct disk_xattr_header *header = (const void *)bytes;
	size_t from = sizeof(*header);

	*block = 0;
	if (fs->mode == MODE_ORDERED)
		return 0;
	for (int i = 0; get32(header->h_hash) && i < XATTRS_SHARED; i++) {
		uint64_t other = fs->content->shared[i].block;
		struct buffer *buffer;
		struct disk_xattr_header *its;
		uint32_t count;
		int error;

		if (!other ||
		    fs->content->shared[i].hash != get32(header->h_hash))
			continue;
		error = cache_get(fs->cache, other, 0, &buffer);
		if (error)
			return error;
		its = (void *)buffer->bytes;
		count = get32(its->h_refcount);
		if (count < SHARED_MOST &&
		    !memcmp(buffer->bytes + from, bytes + from,
			    fs->block_bytes - from)) {
			its->h_refcount = put32(count + 1);
			cache_dirty(fs->cache, buffer, BLOCK_XATTR);
			*block = other;
		}
		cache_drop(buffer);
		if (*block)
			return 0;
	}
	return 0;
}

int xattr_release(struct ext2 *fs, struct ext2_inode *inode)
{
	struct buffer *buffer;
	uint64_t block = inode->xattr_block;
	uint32_t sectors = fs->block_bytes / 512;
	int error;

	if (!block)
		return 0;
	error = xattr_block_get(fs, inode, &buffer);
	if (error)
		return error;

	struct disk_xattr_header *header = (void *)buffer->bytes;
	uint32_t count = get32(header->h_refcount);

	if (count > 1) {
		header->h_refcount = put32(count - 1);
		cache_dirty(fs->cache, buffer, BLOCK_XATTR);
		cache_drop(buffer);
	} else {
		cache_drop(buffer);
		error = blocks_free(fs, block, 1);
		if (error)
			return error;
		shared_forget(fs, block);
	}
	inode->xattr_block = 0;
	inode->sectors -= inode->sectors < sectors ? inode->sectors : sectors;
	return 0;
}

// A new block with these bytes.
static int block_make(struct ext2 *fs, const struct ext2_inode *inode,
		      const uint8_t *bytes, uint64_t *block)
{
	struct buffer *buffer;
	uint32_t got;
	int error;

	error = blocks_allocate(fs, inode_goal(fs, inode->ino), 1, block, &got);
	if (error)
		return error;
	error = cache_get(fs->cache, *block, CACHE_ZERO, &buffer);
	if (error) {
		content_give_back(fs, *block, 1);
		return error;
	}
	memcpy(buffer->bytes, bytes, fs->block_bytes);
	cache_dirty(fs->cache, buffer, BLOCK_NEW);
	cache_drop(buffer);

	shared_add(fs, *block, bytes);
	return 0;
}

// A log makes the change of a block atomic.
static bool may_rewrite(struct ext2 *fs, const struct buffer *old)
{
	const struct disk_xattr_header *header = (const void *)old->bytes;

	return get32(header->h_refcount) == 1 &&
	       (fs->mode == MODE_JOURNAL || block_is_new(fs, old->block));
}

// The block of attributes is to hold these bytes (NULL: there is none).
static int block_change(struct ext2 *fs, struct ext2_inode *inode,
			struct buffer *old, const uint8_t *bytes)
{
	size_t from = sizeof(struct disk_xattr_header);
	uint64_t block = 0;
	int error;

	if (bytes && old &&
	    !memcmp(old->bytes + from, bytes + from, fs->block_bytes - from))
		return 0;
	if (bytes) {
		error = content_make(fs);
		if (!error)
			error = shared_find(fs, bytes, &block);
		if (error)
			return error;
	}
	if (bytes && !block && old && may_rewrite(fs, old)) {
		shared_forget(fs, old->block);
		memcpy(old->bytes, bytes, fs->block_bytes);
		cache_dirty(fs->cache, old, BLOCK_XATTR);
		shared_add(fs, old->block, bytes);
		return 0;
	}
	if (bytes && !block) {
		error = block_make(fs, inode, bytes, &block);
		if (error)
			return error;
	}
	error = xattr_release(fs, inode);
	if (error || !block)
		return error;
	inode->xattr_block = block;
	inode->sectors += fs->block_bytes / 512;
	return 0;
}

// ## Changing

// The attributes of the inode become `all`, sorted; `changed` is one of them.
static int attributes_write(struct ext2 *fs, struct ext2_inode *inode,
			    struct attributes *all, struct attribute *changed)
{
	uint8_t rest[sizeof(inode->rest)];
	struct area inside = xattr_inside(fs, rest, inode->extra);
	uint8_t *bytes = calloc(1, fs->block_bytes);
	int error;

	if (!bytes)
		return -ENOMEM;

	struct disk_xattr_header *header = (void *)bytes;
	struct area area = xattr_area(fs, bytes);

	error = arrange(all, changed, inside.room, area.room);
	if (error) {
		free(bytes);
		return error;
	}
	memcpy(rest, inode->rest, sizeof(rest));
	if (inside.room) {
		bool any = area_used(all, true) > XATTR_END_BYTES;

		area_write(&inside, all, true);
		*(le32 *)(inside.entries - sizeof(le32)) =
			put32(any ? XATTR_MAGIC : 0);
	}
	header->h_magic = put32(XATTR_MAGIC);
	header->h_refcount = put32(1);
	header->h_blocks = put32(1);
	header->h_hash = put32(area_write(&area, all, false));
	error = block_change(fs, inode, all->block,
			     area_used(all, false) > XATTR_END_BYTES ? bytes
								     : NULL);
	if (!error)
		memcpy(inode->rest, rest, sizeof(rest));
	free(bytes);
	return error;
}

static void feature_is(struct ext2 *fs)
{
	uint32_t features = get32(fs->super.s_feature_compat);

	if (features & COMPAT_EXT_ATTR)
		return;
	fs->super.s_feature_compat = put32(features | COMPAT_EXT_ATTR);
	fs->super_changed = true;
}

// The value as the disk has it; *mode as the ACL says. NULL in a->value: an ACL
// that is no more than the mode.
static int value_taken(const struct ext2_inode *inode, struct attribute *a,
		       uint8_t **own, uint16_t *mode)
{
	bool plain;
	int n;

	*own = NULL;
	*mode = inode->mode;
	if (a->index == XATTR_USER && !S_ISREG(inode->mode) &&
	    !S_ISDIR(inode->mode))
		return -EPERM;
	if (!is_acl(a))
		return 0;
	if (S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	if (a->index == XATTR_ACL_DEFAULT && !S_ISDIR(inode->mode))
		return -EACCES;
	*own = malloc((size_t)a->size + 1);
	if (!*own)
		return -ENOMEM;
	n = acl_to_disk(a->value, a->size, *own, mode, &plain);
	if (n < 0) {
		free(*own);
		*own = NULL;
		return n;
	}
	a->value = *own;
	a->size = (uint32_t)n;
	*mode |= inode->mode & (uint16_t) ~(S_IRWXU | S_IRWXG | S_IRWXO);
	if (a->index == XATTR_ACL_DEFAULT)
		*mode = inode->mode;
	else if (plain)
		a->value = NULL;
	return 0;
}

int xattr_change(struct ext2 *fs, struct ext2_inode *inode, const char *name,
		 const void *value, size_t size)
{
	struct attribute wanted = { .value = value, .size = (uint32_t)size };
	struct attribute *found;
	struct attributes all = { 0 };
	uint16_t mode = inode->mode;
	uint8_t *own = NULL;
	int error = xattr_name_split(name, &wanted);

	if (fs->mode == MODE_READ)
		return -EROFS;
	if (!error && size > VALUE_MOST)
		error = -E2BIG;
	if (!error && value && strlen(name) > NAME_LONGEST)
		error = -ERANGE; // no system call could ask for it
	if (!error && value)
		error = value_taken(inode, &wanted, &own, &mode);
	if (!error)
		error = xattrs_read(fs, inode, &all);
	found = error ? NULL : xattrs_find(&all, &wanted);
	if (error) {
		;
	} else if (wanted.value) {
		if (found)
			*found = wanted;
		else
			error = xattrs_add(&all, &wanted);
	} else if (found) {
		*found = all.item[--all.count];
	} else if (!value) {
		error = -ENODATA;
	}
	if (!error) {
		if (all.count)
			qsort(all.item, all.count, sizeof(all.item[0]),
			      compare_attributes);
		found = wanted.value ? xattrs_find(&all, &wanted) : NULL;
		error = attributes_write(fs, inode, &all, found);
	}
	if (!error) {
		inode->mode = mode;
		if (all.count)
			feature_is(fs);
	}
	xattrs_drop(&all);
	free(own);
	return error;
}

static int change_file(struct ext2 *fs, uint32_t ino, const char *name,
		       const void *value, size_t size)
{
	struct ext2_inode inode;
	int error = inode_get(fs, ino, &inode);

	if (!error)
		error = xattr_change(fs, &inode, name, value, size);
	return error ? error : inode_put(fs, &inode);
}

int ext2_set_xattr(struct ext2 *fs, uint32_t ino, const char *name,
		   const void *value, size_t size)
{
	return change_file(fs, ino, name, value ? value : "", size);
}

int ext2_remove_xattr(struct ext2 *fs, uint32_t ino, const char *name)
{
	return change_file(fs, ino, name, NULL, 0);
}

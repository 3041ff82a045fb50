// xattr.c - extended attributes: names with values beside the content
//
// They stand in two places of the same form: in the inode, behind the fields that
// its i_extra_isize covers, and in one block that i_file_acl names. Entries (a
// number for the name's prefix, the rest of the name, where the value is) grow from
// the front, values from the back, and four zero bytes end the entries:
//
//     inode   magic │ entry │ entry │ 0 ...          │ value │ value
//     block   header with magic, refcount, hash │ entry │ entry │ 0 ... │ value
//
// In the block the entries are sorted, by prefix, length and bytes of the name:
// the kernel stops its search where a name would have stood. e_hash is a sum over
// name and value, h_hash one over all e_hash; the kernel finds blocks of the same
// content by it, and lets their inodes share one (h_refcount of them).
//
// Source: Documentation/filesystems/ext4/attributes.rst; xattr(7), acl(5).

#include "fs/ext2/xattr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 32 + NAME_LONGEST + 1 };

// ## Names

struct prefix {
	const char *text;
	uint8_t index;
	bool whole; // the name has nothing after it
};

static const struct prefix prefixes[] = {
	{ "user.", XATTR_USER, false },
	{ "system.posix_acl_access", XATTR_ACL_ACCESS, true },
	{ "system.posix_acl_default", XATTR_ACL_DEFAULT, true },
	{ "trusted.", XATTR_TRUSTED, false },
	{ "security.", XATTR_SECURITY, false },
};

enum { PREFIXES = sizeof(prefixes) / sizeof(prefixes[0]) };

int xattr_name_split(const char *name, struct attribute *a)
{
	for (int i = 0; i < PREFIXES; i++) {
		size_t length = strlen(prefixes[i].text);
		size_t rest;

		if (strncmp(name, prefixes[i].text, length) != 0)
			continue;
		rest = strlen(name + length);
		if (prefixes[i].whole && rest)
			continue;
		if (rest > NAME_LONGEST)
			return -ERANGE;
		if (!prefixes[i].whole && !rest)
			return -EINVAL;
		a->index = prefixes[i].index;
		a->name = (const uint8_t *)name + length;
		a->name_len = (uint8_t)rest;
		return 0;
	}
	return -EOPNOTSUPP;
}

// False: a prefix that has no name, or a name no call could ask for.
static bool name_join(const struct attribute *a, char text[NAME_BYTES])
{
	for (int i = 0; i < PREFIXES; i++) {
		size_t length = strlen(prefixes[i].text);

		if (prefixes[i].index != a->index)
			continue;
		if (prefixes[i].whole != !a->name_len ||
		    memchr(a->name, 0, a->name_len))
			return false;
		memcpy(text, prefixes[i].text, length);
		memcpy(text + length, a->name, a->name_len);
		text[length + a->name_len] = 0;
		return true;
	}
	return false;
}

int xattr_order(const struct attribute *a, const struct attribute *b)
{
	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	if (a->name_len != b->name_len)
		return a->name_len < b->name_len ? -1 : 1;
	return memcmp(a->name, b->name, a->name_len);
}

// ## Reading

void xattrs_drop(struct attributes *all)
{
	cache_drop(all->block);
	free(all->item);
}

int xattrs_add(struct attributes *all, const struct attribute *a)
{
	if (all->count == all->room) {
		size_t room = all->room ? 2 * all->room : 8;
		void *item = realloc(all->item, room * sizeof(*a));

		if (!item)
			return -ENOMEM;
		all->item = item;
		all->room = room;
	}
	all->item[all->count++] = *a;
	return 0;
}

static int area_read(const struct area *area, bool inside,
		     struct attributes *all)
{
	size_t at = 0, values = (size_t)(area->entries - area->base);
	size_t first = all->count;

	for (;;) {
		const struct disk_xattr_entry *entry =
			(const void *)(area->entries + at);
		struct attribute a = { .inside = inside };
		size_t offset, bytes;

		if (area->room - at < XATTR_END_BYTES)
			return -EUCLEAN;
		if (!get32(*(const le32 *)entry))
			break;
		if (area->room - at < sizeof(*entry))
			return -EUCLEAN;
		bytes = xattr_padded(sizeof(*entry) + entry->e_name_len);
		a.size = get32(entry->e_value_size);
		offset = get16(entry->e_value_offs);
		if (area->room - at < bytes || get32(entry->e_value_inum) ||
		    (a.size && (a.size > area->room + values ||
				offset > area->room + values - a.size)))
			return -EUCLEAN;
		a.index = entry->e_name_index;
		a.name = entry->e_name;
		a.name_len = entry->e_name_len;
		a.value = a.size ? area->base + offset : area->base;
		at += bytes;

		int error = xattrs_add(all, &a);

		if (error)
			return error;
	}
	for (size_t i = first; i < all->count; i++) {
		const struct attribute *a = &all->item[i];

		if (a->size && a->value < area->entries + at + XATTR_END_BYTES)
			return -EUCLEAN;
	}
	return 0;
}

// The inode's; no room: it has none, or nothing says where it would begin.
struct area xattr_inside(const struct ext2 *fs, uint8_t *rest, unsigned extra)
{
	size_t bytes = fs->inode_bytes < 1024 ? fs->inode_bytes : 1024;
	size_t end = bytes - INODE_BYTES_OLD;
	struct area area = { 0 };

	if (extra >= sizeof(le32) && extra % 4 == 0 &&
	    extra + sizeof(le32) + XATTR_END_BYTES < end)
		area = (struct area){
			.entries = rest + extra + sizeof(le32),
			.room = end - extra - sizeof(le32),
			.base = rest + extra + sizeof(le32),
		};
	return area;
}

struct area xattr_area(const struct ext2 *fs, uint8_t *bytes)
{
	return (struct area){
		.entries = bytes + sizeof(struct disk_xattr_header),
		.room = fs->block_bytes - sizeof(struct disk_xattr_header),
		.base = bytes,
	};
}

int xattr_block_get(struct ext2 *fs, const struct ext2_inode *inode,
		    struct buffer **buffer)
{
	const struct disk_xattr_header *header;
	int error;

	*buffer = NULL;
	if (!block_is_data(fs, inode->xattr_block))
		return -EUCLEAN;
	error = cache_get(fs->cache, inode->xattr_block, 0, buffer);
	if (error)
		return error;
	header = (const void *)(*buffer)->bytes;
	if (get32(header->h_magic) == XATTR_MAGIC &&
	    get32(header->h_blocks) == 1 && get32(header->h_refcount))
		return 0;
	cache_drop(*buffer);
	*buffer = NULL;
	return -EUCLEAN;
}

// On an error, too, *all is to be dropped.
int xattrs_read(struct ext2 *fs, struct ext2_inode *inode,
		struct attributes *all)
{
	struct area area = xattr_inside(fs, inode->rest, inode->extra);
	int error = 0;

	*all = (struct attributes){ 0 };
	if (area.room &&
	    get32(*(const le32 *)(area.entries - sizeof(le32))) == XATTR_MAGIC)
		error = area_read(&area, true, all);
	if (error || !inode->xattr_block)
		return error;
	error = xattr_block_get(fs, inode, &all->block);
	if (error)
		return error;
	area = xattr_area(fs, all->block->bytes);
	return area_read(&area, false, all);
}

struct attribute *xattrs_find(const struct attributes *all,
			      const struct attribute *wanted)
{
	for (size_t i = 0; i < all->count; i++)
		if (!xattr_order(&all->item[i], wanted))
			return &all->item[i];
	return NULL;
}

// As getxattr(2) shows it. *own is to be freed.
static int value_shown(const struct attribute *a, const uint8_t **value,
		       size_t *size, uint8_t **own)
{
	int n;

	*own = NULL;
	*value = a->value;
	*size = a->size;
	if (!is_acl(a))
		return 0;
	*own = malloc(2 * (size_t)a->size + 1);
	if (!*own)
		return -ENOMEM;
	n = acl_from_disk(a->value, a->size, *own);
	if (n < 0) {
		free(*own);
		*own = NULL;
		return n;
	}
	*value = *own;
	*size = (size_t)n;
	return 0;
}

int ext2_xattr(struct ext2 *fs, uint32_t ino, const char *name, void *value,
	       size_t size)
{
	struct ext2_inode inode;
	struct attributes all = { 0 };
	struct attribute wanted = { 0 };
	const struct attribute *found;
	const uint8_t *bytes;
	uint8_t *own = NULL;
	size_t n = 0;
	int error = xattr_name_split(name, &wanted);

	if (!error)
		error = inode_get(fs, ino, &inode);
	if (!error)
		error = xattrs_read(fs, &inode, &all);
	found = error ? NULL : xattrs_find(&all, &wanted);
	if (!error)
		error = found ? value_shown(found, &bytes, &n, &own) : -ENODATA;
	if (!error && size && n > size)
		error = -ERANGE;
	if (!error && size && n)
		memcpy(value, bytes, n);
	free(own);
	xattrs_drop(&all);
	return error ? error : (int)n;
}

int ext2_xattrs(struct ext2 *fs, uint32_t ino,
		int (*each)(void *context, const char *name, const void *value,
			    size_t size, bool in_inode),
		void *context)
{
	struct ext2_inode inode;
	struct attributes all = { 0 };
	int error = inode_get(fs, ino, &inode);

	if (!error)
		error = xattrs_read(fs, &inode, &all);
	for (size_t i = 0; !error && i < all.count; i++) {
		char name[NAME_BYTES];
		const uint8_t *bytes;
		uint8_t *own;
		size_t n;

		if (!name_join(&all.item[i], name))
			continue;
		error = value_shown(&all.item[i], &bytes, &n, &own);
		if (error)
			break;
		error = each(context, name, bytes, n, all.item[i].inside);
		free(own);
	}
	xattrs_drop(&all);
	return error;
}

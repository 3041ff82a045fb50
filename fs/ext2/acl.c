// acl.c - a POSIX ACL in two forms
//
// getxattr(2) shows version 2: a header of 4 bytes, then entries of 8 (tag,
// permissions, id). On the disk there is version 1: the entries of the owner, the
// group, the mask and the others have no id, and take 4.
//
// An ACL that the kernel takes names its entries in a fixed order: owner, users,
// owning group, groups, mask, others; with users or groups there must be a mask.
// That order is a little machine: each tag says which may follow.
//
// Source: acl(5); Grünbacher, "POSIX Access Control Lists on Linux", 2003.

#include "fs/ext2/content.h"

#include <errno.h>

enum {
	XATTR_ACL_VERSION = 2,
	XATTR_ENTRY_BYTES = 8,
	NO_ID = -1,
	PERMISSIONS = 7,
};

enum acl_tag {
	ACL_OWNER = 0x1,
	ACL_USER = 0x2,
	ACL_GROUP_OWNER = 0x4,
	ACL_GROUP = 0x8,
	ACL_MASK = 0x10,
	ACL_OTHER = 0x20,
};

struct xattr_acl_entry {
	le16 e_tag;
	le16 e_perm;
	le32 e_id;
};
static_assert(sizeof(struct xattr_acl_entry) == XATTR_ENTRY_BYTES, "ACL entry");

static bool tag_is_named(unsigned tag)
{
	return tag == ACL_USER || tag == ACL_GROUP;
}

// What may stand before a tag; 0: nothing may.
static unsigned tags_before(unsigned tag)
{
	switch (tag) {
	case ACL_USER:
	case ACL_GROUP_OWNER:
		return ACL_OWNER | ACL_USER;
	case ACL_GROUP:
	case ACL_MASK:
		return ACL_GROUP_OWNER | ACL_GROUP;
	case ACL_OTHER:
		return ACL_GROUP_OWNER | ACL_GROUP | ACL_MASK;
	default:
		return 0;
	}
}

struct acl_reading {
	unsigned last, seen;
	unsigned owner, group, mask, other;
};

static bool acl_follows(struct acl_reading *acl, unsigned tag, unsigned perm)
{
	if (perm & ~(unsigned)PERMISSIONS)
		return false;
	if (tag == ACL_OWNER ? acl->last : !(tags_before(tag) & acl->last))
		return false;
	acl->last = tag;
	acl->seen |= tag;
	if (tag == ACL_OWNER)
		acl->owner = perm;
	if (tag == ACL_GROUP_OWNER)
		acl->group = perm;
	if (tag == ACL_MASK)
		acl->mask = perm;
	if (tag == ACL_OTHER)
		acl->other = perm;
	return true;
}

static bool acl_is_whole(const struct acl_reading *acl)
{
	return acl->last == ACL_OTHER &&
	       ((acl->seen & ACL_MASK) ||
		!(acl->seen & (ACL_USER | ACL_GROUP)));
}

int acl_to_disk(const void *value, size_t size, uint8_t *disk, uint16_t *mode,
		bool *plain)
{
	const struct xattr_acl_entry *entry =
		(const void *)((const uint8_t *)value + sizeof(le32));
	struct acl_reading acl = { 0 };
	size_t count, used = sizeof(le32);

	if (size < sizeof(le32) ||
	    (size - sizeof(le32)) % sizeof(*entry) != 0 ||
	    get32(*(const le32 *)value) != XATTR_ACL_VERSION)
		return -EINVAL;
	count = (size - sizeof(le32)) / sizeof(*entry);
	*(le32 *)disk = put32(ACL_VERSION);
	for (size_t i = 0; i < count; i++) {
		unsigned tag = get16(entry[i].e_tag);
		struct disk_acl_long *to = (void *)(disk + used);

		if (!acl_follows(&acl, tag, get16(entry[i].e_perm)))
			return -EINVAL;
		to->e_tag = entry[i].e_tag;
		to->e_perm = entry[i].e_perm;
		used += sizeof(struct disk_acl_short);
		if (tag_is_named(tag)) {
			to->e_id = entry[i].e_id;
			used = used - sizeof(struct disk_acl_short) +
			       sizeof(struct disk_acl_long);
		}
	}
	if (!acl_is_whole(&acl))
		return -EINVAL;
	*mode = (uint16_t)(acl.owner << 6 |
			   (acl.seen & ACL_MASK ? acl.mask : acl.group) << 3 |
			   acl.other);
	*plain = !(acl.seen & (ACL_USER | ACL_GROUP | ACL_MASK));
	return (int)used;
}

int acl_from_disk(const uint8_t *disk, size_t size, uint8_t *value)
{
	struct acl_reading acl = { 0 };
	size_t at = sizeof(le32), used = sizeof(le32);

	if (size < sizeof(le32) || get32(*(const le32 *)disk) != ACL_VERSION)
		return -EUCLEAN;
	if (value)
		*(le32 *)value = put32(XATTR_ACL_VERSION);
	while (at < size) {
		const struct disk_acl_long *from = (const void *)(disk + at);
		size_t bytes = sizeof(struct disk_acl_short);
		unsigned tag;

		if (size - at < bytes)
			return -EUCLEAN;
		tag = get16(from->e_tag);
		if (tag_is_named(tag))
			bytes = sizeof(struct disk_acl_long);
		if (size - at < bytes ||
		    !acl_follows(&acl, tag, get16(from->e_perm)))
			return -EUCLEAN;
		if (value)
			*(struct xattr_acl_entry *)(value + used) =
				(struct xattr_acl_entry){
					.e_tag = from->e_tag,
					.e_perm = from->e_perm,
					.e_id = tag_is_named(tag)
							? from->e_id
							: put32((uint32_t)
									NO_ID),
				};
		at += bytes;
		used += sizeof(struct xattr_acl_entry);
	}
	return acl_is_whole(&acl) ? (int)used : -EUCLEAN;
}

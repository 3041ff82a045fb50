// features.c - what an image may use, by name
//
// Three words of bits say what a file system uses beyond the first ext2. Whoever
// meets a bit that it does not know may do this with the image:
//
//     compat      anything
//     incompat    nothing
//     ro_compat   read
//
// (Card, Ts'o & Tweedie 1994; the names are those of dumpe2fs(8).) We read more
// than we write: what ext4 added needs care at every change (checksums, extents),
// and an image that has it is better changed by the kernel.

#include "fs/ext2/fs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const names[3][32] = {
	{
		[0] = "dir_prealloc",
		[1] = "imagic_inodes",
		[2] = "has_journal",
		[3] = "ext_attr",
		[4] = "resize_inode",
		[5] = "dir_index",
		[6] = "lazy_bg",
		[8] = "snapshot_bitmap",
		[9] = "sparse_super2",
		[10] = "fast_commit",
		[11] = "stable_inodes",
		[12] = "orphan_file",
	},
	{
		[0] = "compression",
		[1] = "filetype",
		[2] = "needs_recovery",
		[3] = "journal_dev",
		[4] = "meta_bg",
		[6] = "extent",
		[7] = "64bit",
		[8] = "mmp",
		[9] = "flex_bg",
		[10] = "ea_inode",
		[12] = "dirdata",
		[13] = "metadata_csum_seed",
		[14] = "large_dir",
		[15] = "inline_data",
		[16] = "encrypt",
		[17] = "casefold",
	},
	{
		[0] = "sparse_super",
		[1] = "large_file",
		[2] = "btree_dir",
		[3] = "huge_file",
		[4] = "uninit_bg",
		[5] = "dir_nlink",
		[6] = "extra_isize",
		[7] = "snapshot",
		[8] = "quota",
		[9] = "bigalloc",
		[10] = "metadata_csum",
		[11] = "replica",
		[12] = "read-only",
		[13] = "project",
		[14] = "shared_blocks",
		[15] = "verity",
		[16] = "orphan_present",
	},
};

// Bits of compat that say how the image is kept, whatever the rule: that bitmaps
// are not what they seem, where copies stand, what the log holds.
#define LAZY_BG 0x40u
#define SNAPSHOT_BITMAP 0x100u
#define FAST_COMMIT 0x400u

// A word of compat or ro_compat may hold anything for a reader.
const uint32_t ext2_readable[3] = {
	UINT32_MAX,
	INCOMPAT_FILETYPE | INCOMPAT_RECOVER | INCOMPAT_META_BG |
		INCOMPAT_EXTENTS | INCOMPAT_64BIT | INCOMPAT_MMP |
		INCOMPAT_FLEX_BG | INCOMPAT_CSUM_SEED | INCOMPAT_LARGEDIR,
	UINT32_MAX,
};

// extra_isize only says how much room inodes have; dir_nlink matters above 65000
// subdirectories, where we stop at 32000; huge_file we decode and keep.
const uint32_t ext2_writable[3] = {
	~(LAZY_BG | SNAPSHOT_BITMAP | COMPAT_SPARSE_SUPER2 | FAST_COMMIT),
	INCOMPAT_FILETYPE | INCOMPAT_RECOVER,
	RO_COMPAT_SPARSE_SUPER | RO_COMPAT_LARGE_FILE | RO_COMPAT_HUGE_FILE |
		RO_COMPAT_DIR_NLINK | RO_COMPAT_EXTRA_ISIZE,
};

const char *ext2_feature_name(int word, int bit)
{
	return word >= 0 && word < 3 && bit >= 0 && bit < 32 ? names[word][bit]
							     : NULL;
}

// "extent", or "incompatible feature 28" where nobody has given it a name.
static void feature_text(int word, int bit, char *text, size_t size)
{
	static const char *const kind[3] = { "compatible", "incompatible",
					     "read-only compatible" };

	if (names[word][bit])
		snprintf(text, size, "%s", names[word][bit]);
	else
		snprintf(text, size, "%s feature %d", kind[word], bit);
}

// The bits of `found` that are not in `allowed`, as "a, b and c".
static bool excess(const uint32_t found[3], const uint32_t allowed[3],
		   char *text, size_t size)
{
	uint32_t more[3];
	size_t used = 0;
	int left = 0;

	text[0] = '\0';
	for (int word = 0; word < 3; word++) {
		more[word] = found[word] & ~allowed[word];
		left += __builtin_popcount(more[word]);
	}
	for (int bit = 0; bit < 3 * 32 && used < size; bit++) {
		char name[40];

		if (!(more[bit / 32] >> bit % 32 & 1))
			continue;
		left--;
		feature_text(bit / 32, bit % 32, name, sizeof name);
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 !used  ? ""
					 : left ? ", "
						: " and ",
					 name);
	}
	return used;
}

int features_check(const uint32_t found[3], bool write,
		   struct ext2_refusal *why)
{
	char list[100];

	if (excess(found, ext2_readable, list, sizeof list)) {
		refuse(why, "it uses what this program cannot read: %s", list);
		return -ENOTSUP;
	}
	if (write && excess(found, ext2_writable, list, sizeof list)) {
		refuse(why, "it can be read, but not changed: it uses %s",
		       list);
		return -ENOTSUP;
	}
	return 0;
}

void refuse(struct ext2_refusal *why, const char *fmt, ...)
{
	va_list arguments;

	if (!why)
		return;
	va_start(arguments, fmt);
	vsnprintf(why->text, sizeof why->text, fmt, arguments);
	va_end(arguments);
}

// Damage that takes more than one field: structures that are gone, that two claim,
// or that lead to themselves.

#include "fsck_parts.h"

#include <stdlib.h>
#include <string.h>

#include "random.h"

enum {
	MODE = offsetof(struct disk_inode, i_mode),
	SIZE = offsetof(struct disk_inode, i_size),
	DTIME = offsetof(struct disk_inode, i_dtime),
	LINKS = offsetof(struct disk_inode, i_links_count),
	SECTORS = offsetof(struct disk_inode, i_blocks),
	POINTERS = offsetof(struct disk_inode, i_block),
	ATTRIBUTES = offsetof(struct disk_inode, i_file_acl),
	LAST_ORPHAN = SUPER_OFFSET + offsetof(struct disk_super, s_last_orphan),
	GARBAGE_SEED = 5,
};

static uint64_t block_bytes(const struct corpus *c)
{
	return c->kind->block_bytes;
}

static uint64_t named(const struct corpus *c, const char *path)
{
	return corpus_inode(c, corpus_ino(c, path));
}

static uint64_t pointer(const struct corpus *c, const char *path, int i)
{
	return named(c, path) + POINTERS + 4 * (uint64_t)i;
}

static void garbage(struct corpus *c, uint64_t at, size_t n)
{
	struct random random = { GARBAGE_SEED };
	uint8_t *bytes = malloc(n);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)random_next(&random);
	ck_assert_int_eq(device_write(c->device, at, bytes, n), 0);
	free(bytes);
}

static void unlink_entry(struct corpus *c, const char *path)
{
	corpus_put(c, corpus_entry(c, path), 4, 0);
}

// The entry means another inode, a directory.
static void lead_entry(struct corpus *c, const char *path, const char *to)
{
	uint64_t at = corpus_entry(c, path);

	corpus_put(c, at, 4, corpus_ino(c, to));
	corpus_put(c, at + 7, 1, TYPE_DIRECTORY);
}

// ## Superblock and descriptors

static void super_gone(struct corpus *c)
{
	corpus_zero(c, SUPER_OFFSET, SUPER_BYTES);
}

static void super_garbage(struct corpus *c)
{
	garbage(c, SUPER_OFFSET, SUPER_BYTES);
}

static void descriptors_gone(struct corpus *c)
{
	corpus_zero(c, corpus_group(c, 0), block_bytes(c));
}

static void descriptors_garbage(struct corpus *c)
{
	garbage(c, corpus_group(c, 0), block_bytes(c));
}

static void head_gone(struct corpus *c)
{
	super_gone(c);
	descriptors_gone(c);
}

static void copy_garbage(struct corpus *c)
{
	uint32_t each = corpus_get(c, SUPER_OFFSET + 32, 4);

	garbage(c, (each + (block_bytes(c) == 1024)) * block_bytes(c),
		SUPER_BYTES);
}

static uint64_t block_of_group(const struct corpus *c, uint32_t field)
{
	return corpus_get(c, corpus_group(c, 0) + field, 4) * block_bytes(c);
}

static void block_bitmap_zeros(struct corpus *c)
{
	corpus_zero(c, block_of_group(c, 0), block_bytes(c));
}

static void block_bitmap_garbage(struct corpus *c)
{
	garbage(c, block_of_group(c, 0), block_bytes(c));
}

static void inode_bitmap_zeros(struct corpus *c)
{
	corpus_zero(c, block_of_group(c, 4), block_bytes(c));
}

static void inode_bitmap_garbage(struct corpus *c)
{
	garbage(c, block_of_group(c, 4), block_bytes(c));
}

static void inode_bitmap_end(struct corpus *c)
{
	corpus_zero(c, block_of_group(c, 4) + block_bytes(c) - 1, 1);
}

static uint64_t table_bytes(const struct corpus *c)
{
	return (uint64_t)corpus_get(c, SUPER_OFFSET + 40, 4) *
	       corpus_get(c, SUPER_OFFSET + 88, 2);
}

static void table_zeros(struct corpus *c)
{
	corpus_zero(c, block_of_group(c, 8), table_bytes(c));
}

static void table_garbage(struct corpus *c)
{
	garbage(c, block_of_group(c, 8), table_bytes(c));
}

static void tables_outside(struct corpus *c)
{
	for (uint32_t i = 0; i < 2; i++)
		for (uint32_t k = 0; k < 12; k += 4)
			corpus_put(c, corpus_group(c, i) + k, 4,
				   0xfff000 + 4 * i + k);
}

// Where mke2fs would put the bitmap, counting from the blocks reserved, there is the
// other one.
static void bitmap_outside_beside_reserved(struct corpus *c)
{
	const uint64_t at = SUPER_OFFSET +
			    offsetof(struct disk_super, s_reserved_gdt_blocks);

	corpus_put(c, at, 2, corpus_get(c, at, 2) + 1);
	corpus_put(c, corpus_group(c, 0), 4, 0xfffff0);
}

static void inodes_garbage(struct corpus *c)
{
	garbage(c, named(c, "/dir/file"), 128);
	garbage(c, named(c, "/other/more"), 128);
}

// ## Blocks that two claim

static void two_files(struct corpus *c)
{
	for (int i = 0; i < 3; i++)
		corpus_put(c, pointer(c, "/plain", i), 4,
			   corpus_block(c, "/other/file", (uint64_t)i));
}

static void one_file_twice(struct corpus *c)
{
	corpus_put(c, pointer(c, "/plain", 3), 4, corpus_block(c, "/plain", 1));
}

static void file_and_directory(struct corpus *c)
{
	corpus_put(c, pointer(c, "/plain", 2), 4, corpus_block(c, "/dir", 0));
}

static void file_and_table(struct corpus *c)
{
	corpus_put(c, pointer(c, "/plain", 2), 4,
		   (uint32_t)(block_of_group(c, 8) / block_bytes(c)));
}

static void file_and_map(struct corpus *c)
{
	corpus_put(c, pointer(c, "/plain", 2), 4,
		   corpus_map_block(c, "/big", 1));
}

static void two_maps(struct corpus *c)
{
	corpus_put(c, pointer(c, "/other/file", 12), 4,
		   corpus_map_block(c, "/big", 1));
}

static void file_and_attributes(struct corpus *c)
{
	corpus_put(c, pointer(c, "/plain", 2), 4, corpus_xattr_block(c, "/xa"));
}

static void attributes_and_file(struct corpus *c)
{
	corpus_put(c, named(c, "/xa") + ATTRIBUTES, 4,
		   corpus_block(c, "/plain", 0));
}

static void file_and_log(struct corpus *c)
{
	uint64_t log = corpus_inode(c, INO_JOURNAL) + POINTERS;

	corpus_put(c, pointer(c, "/plain", 2), 4, corpus_get(c, log + 20, 4));
}

static void two_directories(struct corpus *c)
{
	corpus_put(c, pointer(c, "/other", 0), 4, corpus_block(c, "/dir", 0));
}

static void bad_block_in_use(struct corpus *c)
{
	uint64_t at = corpus_inode(c, INO_BAD_BLOCKS);

	corpus_put(c, at + POINTERS, 4, corpus_block(c, "/plain", 1));
	corpus_put(c, at + SECTORS, 4, (uint32_t)block_bytes(c) / 512);
}

static void three_files(struct corpus *c)
{
	two_files(c);
	for (int i = 0; i < 3; i++)
		corpus_put(c, pointer(c, "/dir/file", i), 4,
			   corpus_block(c, "/other/file", (uint64_t)i));
}

// ## Maps

static void map_is_part_of_itself(struct corpus *c)
{
	uint32_t map = corpus_map_block(c, "/big", 2);

	corpus_put(c, map * block_bytes(c), 4, map);
}

static void triple_leads_to_itself(struct corpus *c)
{
	uint32_t map = corpus_map_block(c, "/big", 3);

	corpus_put(c, map * block_bytes(c), 4, map);
}

static void map_in_table(struct corpus *c)
{
	corpus_put(c, pointer(c, "/big", 12), 4,
		   (uint32_t)(block_of_group(c, 8) / block_bytes(c)));
}

static void map_garbage(struct corpus *c)
{
	garbage(c, corpus_map_block(c, "/big", 1) * block_bytes(c),
		block_bytes(c));
}

static void map_zeros(struct corpus *c)
{
	corpus_zero(c, corpus_map_block(c, "/big", 1) * block_bytes(c),
		    block_bytes(c));
}

// ## Directories

static void directory_hole(struct corpus *c)
{
	corpus_put(c, pointer(c, "/names", 1), 4, 0);
}

static void directory_without_block(struct corpus *c)
{
	corpus_put(c, pointer(c, "/dir", 0), 4, 0);
}

static void directory_garbage(struct corpus *c)
{
	garbage(c, corpus_block(c, "/dir", 0) * block_bytes(c), block_bytes(c));
}

static void directory_zeros(struct corpus *c)
{
	corpus_zero(c, corpus_block(c, "/dir", 0) * block_bytes(c),
		    block_bytes(c));
}

static void leaf_zeros(struct corpus *c)
{
	corpus_zero(c, corpus_block(c, "/names", 2) * block_bytes(c),
		    block_bytes(c));
}

static void directory_twice(struct corpus *c)
{
	lead_entry(c, "/dir/file", "/other");
}

static void directory_in_itself(struct corpus *c)
{
	lead_entry(c, "/dir/sub/deep/leaf", "/dir");
}

static void loop(struct corpus *c)
{
	directory_in_itself(c);
	unlink_entry(c, "/dir");
}

static void loop_of_one(struct corpus *c)
{
	lead_entry(c, "/dir/file", "/dir");
	unlink_entry(c, "/dir");
}

static void whole_tree_lost(struct corpus *c)
{
	unlink_entry(c, "/dir");
	unlink_entry(c, "/other");
	unlink_entry(c, "/plain");
	unlink_entry(c, "/fifo");
	unlink_entry(c, "/slow");
}

static void no_lost_and_found(struct corpus *c)
{
	unlink_entry(c, "/lost+found");
	unlink_entry(c, "/plain");
}

static void lost_and_found_is_a_file(struct corpus *c)
{
	uint64_t at = corpus_entry(c, "/lost+found");

	corpus_put(c, at, 4, corpus_ino(c, "/small"));
	corpus_put(c, at + 7, 1, TYPE_REGULAR);
	unlink_entry(c, "/plain");
}

static void root_without_block(struct corpus *c)
{
	corpus_put(c, pointer(c, "/", 0), 4, 0);
}

static void root_gone(struct corpus *c)
{
	corpus_zero(c, named(c, "/"), INODE_BYTES_OLD);
}

static void root_block_garbage(struct corpus *c)
{
	garbage(c, corpus_block(c, "/", 0) * block_bytes(c), block_bytes(c));
}

// The name of one entry, of this length, in place of that of another.
static void name_twice(struct corpus *c)
{
	uint64_t from = corpus_entry(c, "/xa") + ENTRY_HEADER;

	corpus_put(c, corpus_entry(c, "/xb") + ENTRY_HEADER, 2,
		   corpus_get(c, from, 2));
}

static void entry_twice(struct corpus *c)
{
	name_twice(c);
	corpus_put(c, corpus_entry(c, "/xb"), 4, corpus_ino(c, "/xa"));
}

// The first entry of each of two leaves; the second means another inode.
static void name_twice_in_blocks(struct corpus *c)
{
	uint64_t one = corpus_block(c, "/names", 1) * block_bytes(c);
	uint64_t two = corpus_block(c, "/names", 2) * block_bytes(c);
	uint8_t name[200];

	ck_assert_int_eq(device_read(c->device, one + 8, name, sizeof name), 0);
	ck_assert_int_eq(device_write(c->device, two + 8, name, sizeof name),
			 0);
	corpus_put(c, two, 4, corpus_ino(c, "/plain"));
}

static void leaves_exchanged(struct corpus *c)
{
	uint64_t at = corpus_block(c, "/names", 0) * block_bytes(c) + 36;
	uint32_t one = corpus_get(c, at, 4), two = corpus_get(c, at + 8, 4);

	corpus_put(c, at, 4, two);
	corpus_put(c, at + 8, 4, one);
}

static void index_garbage(struct corpus *c)
{
	garbage(c, corpus_block(c, "/names", 0) * block_bytes(c) + 24, 60);
}

// ## Orphans

static void orphan(struct corpus *c)
{
	unlink_entry(c, "/plain");
	corpus_put(c, named(c, "/plain") + LINKS, 2, 0);
	corpus_put(c, LAST_ORPHAN, 4, corpus_ino(c, "/plain"));
}

static void orphan_to_be_cut(struct corpus *c)
{
	corpus_put(c, named(c, "/plain") + SIZE, 4, 10);
	corpus_put(c, LAST_ORPHAN, 4, corpus_ino(c, "/plain"));
}

// The list goes on with what is no inode: the file is not in it, and is not cut.
static void orphan_that_leads_nowhere(struct corpus *c)
{
	orphan_to_be_cut(c);
	corpus_put(c, named(c, "/plain") + DTIME, 4, 1700000000);
}

static void orphans_in_a_ring(struct corpus *c)
{
	unlink_entry(c, "/plain");
	unlink_entry(c, "/other/file");
	corpus_put(c, named(c, "/plain") + LINKS, 2, 0);
	corpus_put(c, named(c, "/other/file") + LINKS, 2, 0);
	corpus_put(c, LAST_ORPHAN, 4, corpus_ino(c, "/plain"));
	corpus_put(c, named(c, "/plain") + DTIME, 4,
		   corpus_ino(c, "/other/file"));
	corpus_put(c, named(c, "/other/file") + DTIME, 4,
		   corpus_ino(c, "/plain"));
}

// ## Journal

static void log_inode_gone(struct corpus *c)
{
	corpus_zero(c, corpus_inode(c, INO_JOURNAL), INODE_BYTES_OLD);
}

static void log_inode_and_copy_gone(struct corpus *c)
{
	log_inode_gone(c);
	corpus_zero(c, SUPER_OFFSET + 253, 1);
}

static void log_super_gone(struct corpus *c)
{
	corpus_zero(c, corpus_log(c), 1024);
}

static void needs_recovery(struct corpus *c)
{
	uint64_t at = SUPER_OFFSET +
		      offsetof(struct disk_super, s_feature_incompat);

	corpus_put(c, at, 4, corpus_get(c, at, 4) | INCOMPAT_RECOVER);
}

static void log_garbage(struct corpus *c)
{
	garbage(c, corpus_log(c) + block_bytes(c), 4 * block_bytes(c));
	corpus_put(c, corpus_log(c) + 28, 4, __builtin_bswap32(1));
	needs_recovery(c);
}

// ## The inode that keeps room

static uint64_t resize_map(const struct corpus *c)
{
	return corpus_get(c, corpus_inode(c, INO_RESIZE) + POINTERS + 13 * 4,
			  4) *
	       block_bytes(c);
}

static void resize_garbage(struct corpus *c)
{
	garbage(c, resize_map(c), block_bytes(c));
}

static void resize_map_in_use(struct corpus *c)
{
	corpus_put(c, corpus_inode(c, INO_RESIZE) + POINTERS + 13 * 4, 4,
		   corpus_block(c, "/plain", 0));
}

static void resize_map_outside(struct corpus *c)
{
	corpus_put(c, corpus_inode(c, INO_RESIZE) + POINTERS + 13 * 4, 4,
		   0xfffffff0);
	two_files(c);
}

static void resize_gone(struct corpus *c)
{
	corpus_zero(c, corpus_inode(c, INO_RESIZE), INODE_BYTES_OLD);
}

// ALONE: what a block holds that two claim, or a map that is not one leads to, depends
// on what was repaired before. (Of two files that share a map, and a map of zeros,
// e2fsck 1.47.0 makes a file that has one block in three places.)
const struct damage corpus_structures[] = {
	{ "superblock gone", "super", .needs = KIND_COPY, .by = super_gone },
	{ "superblock garbage", "super", .needs = KIND_COPY, .by = super_garbage },
	{ "descriptors gone", "group-descriptor", .by = descriptors_gone },
	{ "descriptors garbage", "group-descriptor",
	  .by = descriptors_garbage },
	{ "superblock and descriptors gone", "super group-descriptor", .needs = KIND_COPY,
	  .by = head_gone },
	// e2fsck takes no interest in copies until it needs one.
	{ "copy garbage", "super-copy", .needs = KIND_COPY, .flags = QUIET, .by = copy_garbage },
	{ "block bitmap of zeros", "block-bitmap", .by = block_bitmap_zeros },
	{ "block bitmap garbage", "block-bitmap", .by = block_bitmap_garbage },
	{ "inode bitmap of zeros", "inode-bitmap", .by = inode_bitmap_zeros },
	{ "inode bitmap garbage", "inode-bitmap", .by = inode_bitmap_garbage },
	{ "inode bitmap's end", "bitmap-padding", .by = inode_bitmap_end },
	{ "inode table of zeros", "root-missing", .flags = NO_JUDGE,
	  .by = table_zeros },
	{ "inode table garbage", "inode-mode", .flags = NO_JUDGE,
	  .by = table_garbage },
	{ "inode tables outside", "group-descriptor", .needs = KIND_COPY, .by = tables_outside },
	{ "bitmap outside, its place taken", "group-descriptor",
	  .needs = KIND_RESIZE | KIND_ONE, .by = bitmap_outside_beside_reserved },
	{ "inodes garbage", "inode-mode", .by = inodes_garbage },

	{ "two files", "double-block", .by = two_files },
	{ "three files", "double-block", .by = three_files },
	{ "one file twice", "double-block", .by = one_file_twice },
	{ "file and directory", "double-block", .by = file_and_directory },
	{ "file and table", "double-block", .flags = ALONE, .by = file_and_table },
	{ "file and map", "double-block", .by = file_and_map },
	{ "two maps", "double-block", .flags = ALONE, .by = two_maps },
	{ "file and attributes", "double-block", .flags = ALONE, .by = file_and_attributes },
	{ "attributes and file", "xattr-block", .by = attributes_and_file },
	{ "file and log", "double-block", .needs = KIND_JOURNAL,
	  .by = file_and_log },
	{ "two directories", "double-block", .flags = INTACT, .by = two_directories },
	{ "bad block in use", "double-block", .by = bad_block_in_use },

	{ "map is a part of itself", "map-loop", .spoils = "/big", .by = map_is_part_of_itself },
	{ "triple map leads to itself", "map-loop", .spoils = "/big",
	  .by = triple_leads_to_itself },
	{ "map in the table", "map-block", .spoils = "/big", .by = map_in_table },
	{ "map garbage", "pointer", .flags = ALONE, .by = map_garbage },
	{ "map of zeros", "inode-blocks", .flags = ALONE, .by = map_zeros },

	{ "directory with a hole", "directory-hole", .by = directory_hole },
	{ "directory without block", "directory-empty",
	  .by = directory_without_block },
	{ "directory garbage", "entry-length", .by = directory_garbage },
	{ "directory of zeros", "entry-length", .by = directory_zeros },
	{ "leaf of zeros", "entry-length", .by = leaf_zeros },
	{ "directory with two names", "entry-directory",
	  .by = directory_twice },
	{ "directory in itself", "entry-directory",
	  .by = directory_in_itself },
	{ "loop", "directory-loop", .by = loop },
	{ "loop of one", "directory-loop", .by = loop_of_one },
	{ "many lost", "directory-lost inode-lost", .by = whole_tree_lost },
	{ "no lost+found", "directory-lost inode-lost",
	  .by = no_lost_and_found },
	{ "lost+found is a file", "inode-lost",
	  .by = lost_and_found_is_a_file },
	{ "root without block", "directory-empty",
	  .by = root_without_block },
	{ "root gone", "root-missing", .by = root_gone },
	{ "root garbage", "entry-length", .by = root_block_garbage },
	{ "name twice", "entry-twice", .by = name_twice },
	{ "entry twice", "entry-twice", .by = entry_twice },
	{ "name twice in two blocks", "entry-twice",
	  .by = name_twice_in_blocks },
	{ "leaves exchanged", "htree", .by = leaves_exchanged },
	{ "index garbage", "htree", .by = index_garbage },

	{ "orphan", "orphan", .flags = ALONE, .by = orphan },
	{ "orphan to be cut", "orphan", .flags = ALONE, .by = orphan_to_be_cut },
	{ "orphan that leads nowhere", "orphan-list", .flags = ALONE,
	  .by = orphan_that_leads_nowhere },
	{ "orphans in a ring", "orphan", .flags = ALONE, .by = orphans_in_a_ring },

	{ "log's inode gone", "journal-inode", .needs = KIND_JOURNAL,
	  .by = log_inode_gone },
	{ "log's inode and its copy gone", "journal-inode",
	  .needs = KIND_JOURNAL, .by = log_inode_and_copy_gone },
	{ "log's superblock gone", "journal-super", .needs = KIND_JOURNAL,
	  .by = log_super_gone },
	{ "log garbage", "journal-replay", .flags = QUIET, .needs = KIND_JOURNAL,
	  .by = log_garbage },

	{ "resize inode's map garbage", "resize-inode", .needs = KIND_RESIZE,
	  .by = resize_garbage },
	{ "resize inode's map in use", "resize-inode", .needs = KIND_RESIZE,
	  .by = resize_map_in_use },
	{ "resize inode's map outside, and two files",
	  "resize-inode double-block", .needs = KIND_RESIZE,
	  .by = resize_map_outside },
	{ "resize inode gone", "resize-inode", .needs = KIND_RESIZE,
	  .by = resize_gone },
};

const int corpus_structure_count = sizeof corpus_structures /
				   sizeof *corpus_structures;

// # The images and disks that inputs begin with
//
// Made in memory by the library itself, once, the same each time. Each base shows
// its readers something else: old inodes, an index of one and of two levels, a log
// that is full, extents, copies of the superblock. The regions are what damage aims
// at: all that is not a file's data, an inode or a block each.
//
// The log and the extents are written by hand, as the kernel leaves them: we
// ourselves never leave several transactions in a log, and write no extents.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/ext2/ext2.h"
#include "must.h"
#include "tests/fuzz/fuzz.h"

enum { KIB = 1024, NOW = 1700000000 };

// ## What a base holds

static uint32_t make(struct ext2 *fs, const char *path, uint16_t mode,
		     const void *bytes, size_t n)
{
	const struct ext2_time now = { .seconds = NOW, .ns = 5 };
	const struct ext2_inode attributes = {
		.mode = mode,
		.uid = 1000,
		.gid = 100,
		.atime = now,
		.mtime = now,
		.ctime = now,
		.crtime = now,
		.device_major = 8,
		.device_minor = 259,
	};
	const char *name;
	size_t length;
	uint32_t dir, ino;

	must_neg(ext2_walk_parent(fs, INO_ROOT, path, &dir, &name, &length));
	if (S_ISLNK(mode))
		must_neg(ext2_symlink(fs, dir, name, length, &attributes, bytes,
				      n, &ino));
	else if (S_ISREG(mode))
		must_neg(ext2_create_with(fs, dir, name, length, &attributes,
					  bytes, n, &ino));
	else
		must_neg(ext2_create(fs, dir, name, length, &attributes, &ino));
	return ino;
}

static void make_large(struct ext2 *fs, uint32_t block_bytes)
{
	static const uint64_t block[] = { 0, 3, 12, 14, 268, 300, 65804 };
	char text[] = "an island in a file of holes";
	uint32_t ino = make(fs, "/dir/large", S_IFREG | 0600, "", 0);

	for (size_t i = 0; i < sizeof block / sizeof *block; i++)
		must_neg(ext2_write(fs, ino, block[i] * block_bytes + i, text,
				    sizeof text));
}

static void make_attributes(struct ext2 *fs, uint32_t ino)
{
	static const uint8_t acl[] = {
		2,   0,   0,   0,   1,   0,   6,  0,   255, 255, 255,
		255, 2,   0,   4,   0,   232, 3,  0,   0,   4,   0,
		4,   0,   255, 255, 255, 255, 16, 0,   4,   0,   255,
		255, 255, 255, 32,  0,   0,   0,  255, 255, 255, 255,
	};
	char value[400];

	memset(value, 'v', sizeof value);
	must_neg(ext2_set_xattr(fs, ino, "user.mime", "text/plain", 10));
	must_neg(ext2_set_xattr(fs, ino, "system.posix_acl_access", acl,
				sizeof acl));
	must_neg(ext2_set_xattr(fs, ino, "user.long", value, sizeof value));
	must_neg(ext2_set_xattr(fs, ino, "security.selinux", "x", 2));
}

static void make_tree(struct ext2 *fs, uint32_t block_bytes)
{
	char target[200], text[5000];
	uint32_t ino;

	memset(target, 't', sizeof target);
	memset(text, 'a', sizeof text);
	make(fs, "/dir", S_IFDIR | 0755, "", 0);
	make(fs, "/dir/sub", S_IFDIR | 01777, "", 0);
	make(fs, "/dir/sub/deep", S_IFDIR | 0700, "", 0);
	ino = make(fs, "/dir/file", S_IFREG | 04755, text, sizeof text);
	make_attributes(fs, ino);
	must_neg(ext2_link(fs, INO_ROOT, "hard", 4, ino));
	make(fs, "/empty", S_IFREG | 0644, "", 0);
	make(fs, "/short", S_IFLNK | 0777, "dir/file", 8);
	make(fs, "/dir/long", S_IFLNK | 0777, target, sizeof target);
	make(fs, "/loop", S_IFLNK | 0777, "loop", 4);
	make(fs, "/dir/up", S_IFLNK | 0777, "../dir/sub/../up/x", 18);
	make(fs, "/out", S_IFLNK | 0777, "../outside", 10);
	make(fs, "/ouu", S_IFDIR | 0755, "", 0);
	make(fs, "/ouu/in", S_IFREG | 0644, "in", 2);
	make(fs, "/fifo", S_IFIFO | 0600, "", 0);
	make(fs, "/socket", S_IFSOCK | 0600, "", 0);
	make(fs, "/device", S_IFBLK | 0660, "", 0);
	make(fs, "/tty", S_IFCHR | 0620, "", 0);
	make_large(fs, block_bytes);
}

// Many names for one inode: no room but in the directory.
static void make_index(struct ext2 *fs, int names)
{
	uint32_t dir, ino = make(fs, "/many", S_IFREG | 0644, "", 0);
	char name[64];

	dir = make(fs, "/index", S_IFDIR | 0755, "", 0);
	for (int i = 0; i < names; i++) {
		int n = snprintf(name, sizeof name,
				 "%d-a-name-that-takes-some-room", i);

		must_neg(ext2_link(fs, dir, name, (size_t)n, ino));
	}
}

// ## Regions

static void add_region(struct base *base, uint64_t offset, uint64_t bytes)
{
	enum { MOST = sizeof base->region / sizeof *base->region };

	if (offset && bytes && offset + bytes <= base->size &&
	    base->regions < MOST)
		base->region[base->regions++] = (struct region){
			(uint32_t)offset,
			(uint32_t)bytes,
		};
}

static void add_block(struct base *base, uint64_t block)
{
	add_region(base, block * base->block_bytes, base->block_bytes);
}

static int add_map_block(void *context, const struct ext2_map_block *b)
{
	add_block(context, b->block);
	return 0;
}

static void add_content(struct base *base, struct ext2 *fs, uint32_t ino)
{
	enum { MOST = 24 }; // blocks of a long directory, or of the log
	struct ext2_inode inode;
	struct ext2_run run;

	must_neg(ext2_inode(fs, ino, &inode));
	add_block(base, inode.xattr_block);
	if (S_ISREG(inode.mode) || S_ISDIR(inode.mode))
		must_neg(ext2_map_blocks(fs, &inode, add_map_block, base));
	if (ino != INO_JOURNAL && !S_ISDIR(inode.mode))
		return;
	for (uint64_t i = 0; i < MOST; i++) {
		must_neg(ext2_run_at(fs, &inode, i, &run));
		if (!run.blocks)
			return;
		add_block(base, run.physical);
	}
}

static void add_inodes(struct base *base, struct ext2 *fs, bool content)
{
	struct ext2_numbers n;
	uint64_t block;
	uint32_t offset;
	bool used;

	ext2_numbers(fs, &n);
	for (uint32_t ino = 1; ino <= n.inodes; ino++) {
		must_neg(ext2_inode_in_use(fs, ino, &used));
		if (!used || (ino > INO_ROOT && ino < INO_RESIZE))
			continue;
		must_neg(ext2_inode_place(fs, ino, &block, &offset));
		if (content)
			add_content(base, fs, ino);
		else
			add_region(base, block * n.block_bytes + offset,
				   n.inode_bytes);
	}
}

static void find_regions(struct base *base, struct ext2 *fs)
{
	struct ext2_numbers n;
	struct ext2_group g;

	ext2_numbers(fs, &n);
	add_region(base, SUPER_OFFSET, 356);
	for (uint32_t i = 0; i < n.groups; i++) {
		must_neg(ext2_group(fs, i, &g));
		for (uint32_t k = 0; g.has_super && k < 2; k++)
			add_block(base, g.first_block + k);
		add_block(base, g.block_bitmap);
		add_block(base, g.inode_bitmap);
	}
	add_inodes(base, fs, false);
	add_inodes(base, fs, true);
}

// ## A log as the kernel leaves it

struct log {
	struct base *base;
	struct ext2 *fs;
	struct ext2_inode inode;
	uint32_t at, sequence;
};

static uint8_t *log_block(struct log *log, uint32_t type)
{
	struct disk_journal_header header = {
		put32_be(JOURNAL_MAGIC),
		put32_be(type),
		put32_be(log->sequence),
	};
	struct ext2_run run;

	must_neg(ext2_run_at(log->fs, &log->inode, log->at++, &run));
	uint8_t *bytes = log->base->bytes + run.physical * KIB;
	memset(bytes, 0, KIB);
	if (type)
		memcpy(bytes, &header, sizeof header);
	return bytes;
}

// Blocks of the disk from `first` on, as they are now, but for a mark.
static void log_transaction(struct log *log, uint32_t first, int count)
{
	struct disk_journal_tag *tag;
	uint8_t *place = log_block(log, JOURNAL_DESCRIPTOR) + 12;

	for (int i = 0; i < count; i++) {
		unsigned flags = (i ? TAG_SAME_UUID : 0) |
				 (i == count - 1 ? TAG_LAST : 0) |
				 (i == 1 ? TAG_ESCAPE : 0);

		tag = (struct disk_journal_tag *)place;
		*tag = (struct disk_journal_tag){
			.t_blocknr = put32_be(first + (uint32_t)i),
			.t_flags = put16_be(flags),
		};
		place += sizeof *tag + (i ? 0 : 16);
		uint8_t *copy = log_block(log, 0);
		memcpy(copy, log->base->bytes + (first + (uint32_t)i) * KIB,
		       KIB);
		copy[KIB - 1] ^= (uint8_t)log->sequence;
	}
	log_block(log, JOURNAL_COMMIT);
	log->sequence++;
}

static void log_revoke(struct log *log, uint32_t block)
{
	be32 revoke[2] = { put32_be(20), put32_be(block) };

	memcpy(log_block(log, JOURNAL_REVOKE) + 12, revoke, sizeof revoke);
	log_block(log, JOURNAL_COMMIT);
	log->sequence++;
}

static void fill_log(struct base *base, struct ext2 *fs)
{
	struct log log = { .base = base, .fs = fs, .at = 1, .sequence = 7 };
	struct disk_super *super =
		(struct disk_super *)(base->bytes + SUPER_OFFSET);
	struct disk_journal_super *head;
	struct ext2_inode root;
	struct ext2_run run, dir;

	must_neg(ext2_inode(fs, INO_JOURNAL, &log.inode));
	must_neg(ext2_inode(fs, INO_ROOT, &root));
	must_neg(ext2_run_at(fs, &log.inode, 0, &run));
	must_neg(ext2_run_at(fs, &root, 0, &dir));
	log_transaction(&log, (uint32_t)dir.physical, 3);
	log_revoke(&log, (uint32_t)dir.physical + 1);
	log_transaction(&log, (uint32_t)dir.physical + 2, 2);
	head = (struct disk_journal_super *)(base->bytes + run.physical * KIB);
	head->s_sequence = put32_be(7);
	head->s_start = put32_be(1);
	head->s_feature_incompat = put32_be(JOURNAL_INCOMPAT_REVOKE);
	super->s_feature_incompat = put32(get32(super->s_feature_incompat) |
					  INCOMPAT_RECOVER);
}

// ## Extents

static struct disk_inode *inode_of(struct base *base, struct ext2 *fs,
				   const char *path, uint32_t *first)
{
	struct ext2_inode inode;
	struct ext2_run run;
	uint64_t block;
	uint32_t ino, offset;

	must_neg(ext2_walk(fs, INO_ROOT, path, 0, NULL, NULL, &ino));
	must_neg(ext2_inode(fs, ino, &inode));
	must_neg(ext2_run_at(fs, &inode, 0, &run));
	must_neg(ext2_inode_place(fs, ino, &block, &offset));
	*first = (uint32_t)run.physical;
	return (struct disk_inode *)(base->bytes + block * base->block_bytes +
				     offset);
}

static void put_extents(void *place, int depth, int entries, uint32_t target)
{
	const struct disk_extent_header header = {
		.eh_magic = put16(EXTENT_MAGIC),
		.eh_entries = put16((uint32_t)entries),
		.eh_max = put16(4),
		.eh_depth = put16((uint32_t)depth),
	};
	uint8_t *at = place;

	memcpy(at, &header, sizeof header);
	for (int i = 0; i < entries; i++) {
		const struct disk_extent_index index = {
			.ei_block = put32((uint32_t)i * 6),
			.ei_leaf_lo = put32(target + (uint32_t)i),
		};
		const struct disk_extent extent = {
			.ee_block = put32((uint32_t)i * 3),
			.ee_len = put16(i == 1 ? EXTENT_LONGEST + 2 : 2),
			.ee_start_lo = put32(target + (uint32_t)i * 2),
		};

		at += sizeof index;
		memcpy(at, depth ? (const void *)&index : &extent,
		       sizeof index);
	}
}

// /dir/file gets leaves in its inode; /node's two blocks become leaves, and /tree
// begins with an index of them.
static void make_extents(struct base *base, struct ext2 *fs)
{
	uint32_t data, node, none;
	struct disk_inode *file = inode_of(base, fs, "/dir/file", &data);
	struct disk_inode *tree = inode_of(base, fs, "/tree", &none);
	struct disk_super *super =
		(struct disk_super *)(base->bytes + SUPER_OFFSET);

	(void)inode_of(base, fs, "/node", &node);
	put_extents(base->bytes + (size_t)node * KIB, 0, 2, data);
	put_extents(base->bytes + (size_t)(node + 1) * KIB, 0, 3, data);
	put_extents(file->i_block, 0, 2, data);
	put_extents(tree->i_block, 1, 2, node);
	tree->i_size = put32(12 * KIB);
	file->i_flags = tree->i_flags = put32(INODE_EXTENTS);
	add_region(base, (uint64_t)node * KIB, KIB);
	add_region(base, (uint64_t)(node + 1) * KIB, KIB);
	super->s_feature_incompat = put32(get32(super->s_feature_incompat) |
					  INCOMPAT_EXTENTS | INCOMPAT_64BIT |
					  INCOMPAT_FLEX_BG);
	super->s_desc_size = put16(GROUP_BYTES_64);
}

// ## The table

enum content { TREE, INDEX, DEEP_INDEX };

static const struct recipe {
	const char *name;
	uint32_t blocks, block_bytes, inode_bytes, journal;
	enum content content;
	void (*after)(struct base *, struct ext2 *);
} recipes[BASES] = {
	{ "plain", 256, 1024, 256, 0, TREE, NULL },
	{ "old", 256, 1024, 128, 0, TREE, NULL },
	[BASE_LOG] = { "log", 1400, 1024, 256, 1024, TREE, fill_log },
	{ "index", 256, 1024, 256, 0, INDEX, NULL },
	{ "extents", 256, 1024, 256, 0, TREE, make_extents },
	{ "four", 64, 4096, 256, 0, TREE, NULL },
	{ "ext3", 1400, 1024, 256, 1024, TREE, NULL },
	{ "wide", 8193 + 600, 1024, 128, 0, TREE, NULL },
	{ "deep", 512, 1024, 256, 0, DEEP_INDEX, NULL },
};

static void fill(struct ext2 *fs, const struct recipe *recipe)
{
	static char node[2048];

	if (recipe->content == TREE)
		make_tree(fs, recipe->block_bytes);
	else
		make_index(fs, recipe->content == INDEX ? 150 : 2900);
	if (recipe->after == make_extents) {
		make(fs, "/node", S_IFREG | 0600, node, sizeof node);
		make(fs, "/tree", S_IFREG | 0600, "", 0);
	}
}

static void make_base(struct base *base, const struct recipe *recipe)
{
	const struct ext2_plan plan = {
		.block_bytes = recipe->block_bytes,
		.inode_bytes = recipe->inode_bytes,
		.inodes = 48,
		.journal = recipe->journal,
		.uuid = { 1, 2, 3 },
		.hash_seed = { 4, 5, 6 },
		.label = "fuzz",
		.root_mode = 0755,
		.lost_and_found = true,
		.now = { .seconds = NOW },
	};
	struct device *device;
	struct ext2 *fs;

	base->name = recipe->name;
	base->block_bytes = recipe->block_bytes;
	base->size = (size_t)recipe->blocks * recipe->block_bytes;
	base->bytes = must_ptr(malloc(base->size));
	must_neg(device_memory(base->size, &device));
	must_neg(ext2_make(device, &plan));
	must_neg(ext2_open(device, EXT2_WRITE | EXT2_FRESH, &fs, NULL));
	ext2_set_now(fs, plan.now);
	fill(fs, recipe);
	must_neg(ext2_commit(fs));
	ext2_close(fs);
	must_neg(device_read(device, 0, base->bytes, base->size));
	must_neg(ext2_open(device, 0, &fs, NULL));
	find_regions(base, fs);
	if (recipe->after)
		recipe->after(base, fs);
	ext2_close(fs);
	device_close(device);
}

static struct base bases[BASES + DISKS];

const struct base *base_of(uint8_t number)
{
	struct base *base = &bases[number % BASES];

	base->number = number % BASES;
	if (!base->bytes)
		make_base(base, &recipes[number % BASES]);
	return base;
}

// ## Disks

enum { SECTOR = 512, SECTORS = 128 };

static void put_entry(uint8_t *sector, int i, uint8_t type, uint32_t first,
		      uint32_t count)
{
	const le32 place[2] = { put32(first), put32(count) };

	sector[446 + 16 * i + 4] = type;
	memcpy(sector + 446 + 16 * i + 8, place, sizeof place);
	sector[510] = 0x55;
	sector[511] = 0xaa;
}

static void make_mbr(uint8_t *disk)
{
	put_entry(disk, 0, 0x83, 8, 8);
	put_entry(disk, 1, 0x05, 32, 64);
	put_entry(disk + 32 * SECTOR, 0, 0x83, 4, 4);
	put_entry(disk + 32 * SECTOR, 1, 0x05, 16, 16);
	put_entry(disk + 48 * SECTOR, 0, 0x83, 4, 4);
}

static void put_number(uint8_t *at, uint32_t value)
{
	const le32 n = put32(value);

	memcpy(at, &n, sizeof n);
}

static void make_gpt(uint8_t *disk)
{
	uint8_t *head = disk + SECTOR, *list = disk + 2 * SECTOR;

	put_entry(disk, 0, 0xee, 1, SECTORS - 1);
	memcpy(head, "EFI PART", 8);
	put_number(head + 12, 92);
	put_number(head + 24, 1);
	put_number(head + 72, 2);
	put_number(head + 80, 4);
	put_number(head + 84, 128);
	for (int i = 0; i < 2; i++, list += 128) {
		memset(list, 0xaf, 32);
		put_number(list + 32, 40 + 20 * (uint32_t)i);
		put_number(list + 40, 50 + 20 * (uint32_t)i);
		memcpy(list + 56, "r\0o\0o\0t\0=\xd8\x80\xde", 12);
	}
	memcpy(disk + (SECTORS - 1) * SECTOR, head, SECTOR);
	put_number(disk + (SECTORS - 1) * SECTOR + 24, SECTORS - 1);
}

const struct base *disk_of(uint8_t number)
{
	struct base *base = &bases[BASES + number % DISKS];
	static const int sector[] = { 0, 1, 2, 3, 32, 48, SECTORS - 1 };

	if (base->bytes)
		return base;
	base->number = BASES + number % DISKS;
	base->block_bytes = SECTOR;
	base->size = SECTOR * SECTORS;
	base->bytes = must_ptr(calloc(1, base->size));
	(number % DISKS ? make_gpt : make_mbr)(base->bytes);
	for (size_t i = 0; i < sizeof sector / sizeof *sector; i++)
		base->region[base->regions++] = (struct region){
			(uint32_t)sector[i] * SECTOR,
			SECTOR,
		};
	return base;
}

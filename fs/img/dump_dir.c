// # A directory's blocks, entry by entry
//
//     block 531 of the disk (block 0 of the directory)
//        byte  inode  length  type       name
//           0     13      12  directory  .
//          12     12      12  directory  ..
//          24     14      16  file       notes.txt
//          40     15    4056  symlink    link.txt
//                                        4036 bytes behind it are free
//
// An entry is as long as the way to the next. Removing a name makes the entry
// before it longer: the name's bytes stay, and --hex shows them. ("rm" removes a
// name, not the data; see img undelete.)
//
// In a directory with an index (htree) block 0 has the index's root in the slack of
// "..", and nodes look like blocks with one entry that is not in use: to who does
// not know the index, all blocks are plain ones.
//
// The bytes are read here, not by the library: a broken block is shown up to where
// it is broken, and said.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/dump.h"
#include "fs/img/fields.h"
#include "must.h"

enum {
	ROOT_INFO = 24,       // behind "." and ".."
	ROOT_INDEX = 24 + 8,  // its entries
	NODE_INDEX = 8,       // those of a node
	CHECKSUM_TYPE = 0xde, // of the entry that hides a block's checksum
	CHECKSUM_BYTES = 12,
};

// ## One entry

struct entry {
	uint32_t at, ino, rec_len;
	uint8_t name_len, type;
	const char *name;
	const char *broken; // why it cannot be one; NULL: it can
};

static struct entry entry_at(const struct dump *d, const uint8_t *bytes,
			     uint32_t at)
{
	uint32_t left = d->numbers.block_bytes - at;
	const struct disk_entry *disk = (const void *)(bytes + at);
	struct entry e = { .at = at };

	if (left < ENTRY_HEADER) {
		e.broken = "the block ends in the middle of an entry";
		return e;
	}
	e.ino = get32(disk->inode);
	e.rec_len = get16(disk->rec_len);
	e.name_len = disk->name_len;
	e.type = disk->file_type;
	e.name = (const char *)disk->name;
	if (e.rec_len < ENTRY_HEADER)
		e.broken = "too short to lead to the next entry";
	else if (e.rec_len % 4)
		e.broken = "its length is no multiple of 4";
	else if (e.rec_len > left)
		e.broken = "it reaches over the end of the block";
	else if (e.ino && ENTRY_HEADER + (uint32_t)e.name_len > e.rec_len)
		e.broken = "its name does not fit into it";
	else if (e.ino > d->numbers.inodes)
		e.broken = "there is no such inode";
	return e;
}

static bool is_checksum(const struct entry *e)
{
	return !e->ino && e->rec_len == CHECKSUM_BYTES &&
	       e->type == CHECKSUM_TYPE;
}

// Whether what follows can still be read.
static bool leads_on(const struct dump *d, const struct entry *e)
{
	return e->rec_len >= ENTRY_HEADER && e->rec_len % 4 == 0 &&
	       e->rec_len <= d->numbers.block_bytes - e->at;
}

static const char *entry_type_word(const struct dump *d, uint8_t type)
{
	static const char *const words[TYPES] = { "-",         "file",
						  "directory", "char",
						  "block",     "fifo",
						  "socket",    "symlink" };

	if (!(d->numbers.incompat & INCOMPAT_FILETYPE))
		return "-";
	return type < TYPES ? words[type] : "?";
}

static void print_entry(const struct dump *d, const uint8_t *bytes,
			const struct entry *e, bool index_behind)
{
	uint32_t used = e->ino ? entry_bytes(e->name_len) : ENTRY_HEADER;
	const char *indent = "                                   ";

	if (is_checksum(e)) {
		printf("  %5" PRIu32 "         -  %6" PRIu32
		       "  %-9s  (the checksum of this block)\n",
		       e->at, e->rec_len, "-");
		return;
	}
	char *text = e->ino && !e->broken ? shown(e->name, e->name_len)
					  : must_ptr(strdup("(not in use)"));
	printf("  %5" PRIu32 "  %8" PRIu32 "  %6" PRIu32 "  %-9s  ", e->at,
	       e->ino, e->rec_len, entry_type_word(d, e->type));
	if (e->broken)
		printf("broken: %s\n", e->broken);
	else
		printf("%s\n", text);
	free(text);
	if (e->broken || e->rec_len <= used)
		return;
	printf("%s%" PRIu32 " bytes behind it %s\n", indent, e->rec_len - used,
	       index_behind ? "hold the index" : "are free");
	if (d->hex)
		print_hex(bytes + e->at + used, e->rec_len - used,
			  e->at + used);
}

static json_t *json_entry(const struct entry *e)
{
	json_t *object = json_pack("{s:I, s:I, s:I, s:I}", "offset",
				   (json_int_t)e->at, "inode",
				   (json_int_t)e->ino, "rec_len",
				   (json_int_t)e->rec_len, "file_type",
				   (json_int_t)e->type);

	if (e->broken)
		json_object_set_new(object, "broken", json_string(e->broken));
	else if (e->ino)
		json_set_name(object, "name", e->name, e->name_len);
	return object;
}

// ## The index

struct index {
	uint32_t at, limit, count; // at 0: this block has none
	bool root;
};

// A node's limit is what its block has room for (one less with a checksum): an
// empty leaf would have zeros there.
static struct index index_in(const struct dump *d, const struct ext2_inode *dir,
			     const uint8_t *bytes, uint64_t logical)
{
	const struct disk_entry *first = (const void *)bytes;
	struct index index = { .root = logical == 0 };
	uint32_t size = d->numbers.block_bytes;

	if (!(dir->flags & INODE_INDEX))
		return index;
	uint32_t at = index.root ? ROOT_INDEX : NODE_INDEX;
	const struct disk_htree_limit *limit = (const void *)(bytes + at);
	uint32_t most = (size - at) / sizeof(struct disk_htree_entry);
	index.limit = get16(limit->limit);
	index.count = get16(limit->count);
	if (!index.root &&
	    (get32(first->inode) || get16(first->rec_len) != size))
		return index;
	if (index.limit <= most && index.limit + 1 >= most)
		index.at = at;
	return index;
}

static void print_index(const struct index *x, const uint8_t *bytes)
{
	const struct disk_htree_entry *e = (const void *)(bytes + x->at);
	const struct disk_htree_root *root = (const void *)(bytes + ROOT_INFO);

	if (x->root)
		printf("  the index: hash version %u, %u level%s of nodes "
		       "below this root\n",
		       root->hash_version, root->indirect_levels,
		       root->indirect_levels == 1 ? "" : "s");
	printf("  %" PRIu32 " of %" PRIu32 " entries\n"
	       "   byte  hashes from  lead to its block\n",
	       x->count, x->limit);
	for (uint32_t i = 0; i < x->count && i < x->limit; i++)
		printf("  %5" PRIu32 "     %08" PRIx32 "  %17" PRIu32 "\n",
		       (uint32_t)(x->at + i * sizeof *e),
		       i ? get32(e[i].hash) : 0, get32(e[i].block));
}

static json_t *json_index(const struct index *x, const uint8_t *bytes)
{
	const struct disk_htree_entry *e = (const void *)(bytes + x->at);
	const struct disk_htree_root *root = (const void *)(bytes + ROOT_INFO);
	json_t *entries = must_ptr(json_array());

	for (uint32_t i = 0; i < x->count && i < x->limit; i++)
		json_array_append_new(
			entries,
			json_pack("{s:I, s:I}", "hash",
				  (json_int_t)(i ? get32(e[i].hash) : 0),
				  "block", (json_int_t)get32(e[i].block)));
	json_t *object = json_pack("{s:I, s:I, s:o}", "limit",
				   (json_int_t)x->limit, "count",
				   (json_int_t)x->count, "entries", entries);
	if (x->root) {
		json_object_set_new(object, "hash_version",
				    json_integer(root->hash_version));
		json_object_set_new(object, "levels",
				    json_integer(root->indirect_levels));
	}
	return object;
}

// ## A block

static void each_entry(const struct dump *d, const uint8_t *bytes,
		       const struct index *index, json_t *entries)
{
	uint32_t at = 0;

	if (index->at && !index->root)
		return;
	if (!entries)
		printf("   byte     inode  length  type       name\n");
	while (at < d->numbers.block_bytes) {
		struct entry e = entry_at(d, bytes, at);
		if (entries)
			json_array_append_new(entries, json_entry(&e));
		else
			print_entry(d, bytes, &e, index->at && at);
		if (!leads_on(d, &e))
			return;
		at += e.rec_len;
	}
}

void print_dir_block(const struct dump *d, const struct ext2_inode *dir,
		     const uint8_t *bytes, uint64_t logical)
{
	struct index index = index_in(d, dir, bytes, logical);

	each_entry(d, bytes, &index, NULL);
	if (index.at)
		print_index(&index, bytes);
}

json_t *json_dir_block(const struct dump *d, const struct ext2_inode *dir,
		       const uint8_t *bytes, uint64_t logical)
{
	struct index index = index_in(d, dir, bytes, logical);
	json_t *entries = must_ptr(json_array());

	each_entry(d, bytes, &index, entries);
	json_t *object = json_pack("{s:I, s:o}", "directory_block",
				   (json_int_t)logical, "entries", entries);
	if (index.at)
		json_object_set_new(object, "index", json_index(&index, bytes));
	return object;
}

// ## The directory

static int tell_block(struct dump *d, const struct ext2_inode *dir,
		      uint64_t logical, uint64_t block, json_t *blocks)
{
	uint8_t *bytes = must_ptr(malloc(d->numbers.block_bytes));
	int error = ext2_read_block(d->session->fs, block, bytes);

	if (!error && blocks) {
		json_t *object = json_dir_block(d, dir, bytes, logical);
		json_object_set_new(object, "block",
				    json_integer((json_int_t)block));
		json_array_append_new(blocks, object);
	} else if (!error) {
		printf("%sblock %" PRIu64 " of the disk (block %" PRIu64
		       " of the directory)\n",
		       logical ? "\n" : "", block, logical);
		print_dir_block(d, dir, bytes, logical);
	}
	free(bytes);
	return error;
}

static int tell_blocks(struct dump *d, const struct ext2_inode *dir,
		       json_t *blocks)
{
	uint64_t end = dir->size / d->numbers.block_bytes;
	struct ext2_run run;
	int error = 0;

	for (uint64_t at = 0; !error && at < end; at += run.blocks) {
		error = ext2_run_at(d->session->fs, dir, at, &run);
		if (error || !run.blocks)
			break;
		if (!run.physical && !blocks)
			printf("%sblocks %" PRIu64 "-%" PRIu64
			       " of the directory: holes\n",
			       at ? "\n" : "", at, at + run.blocks - 1);
		for (uint64_t i = 0;
		     run.physical && !error && i < run.blocks && at + i < end;
		     i++)
			error = tell_block(d, dir, at + i, run.physical + i,
					   blocks);
	}
	return error;
}

int dump_dir(struct dump *d)
{
	struct session *s = d->session;
	struct ext2_inode dir;
	json_t *blocks = NULL;
	int status = EXIT_SUCCESS;

	if (reach_inode(s, d->argument, 0, &dir))
		return EXIT_FAILURE;
	if (!S_ISDIR(dir.mode))
		return complain(s, -ENOTDIR, "%s", d->argument);
	if (dir.flags & INODE_INLINE_DATA)
		return complain(s, 0,
				"%s: its entries stand in its inode: "
				"img dump inode %" PRIu32,
				d->argument, dir.ino);
	if (s->json)
		blocks = must_ptr(json_array());
	int error = tell_blocks(d, &dir, blocks);
	if (blocks) {
		json_t *whole = json_pack("{s:I, s:b, s:o}", "inode",
					  (json_int_t)dir.ino, "indexed",
					  (int)!!(dir.flags & INODE_INDEX),
					  "blocks", blocks);
		json_set_name(whole, "path", d->argument, strlen(d->argument));
		status = print_json(whole);
	}
	return error ? complain(s, error, "cannot read all of %s", d->argument)
		     : status;
}

// htree_build.c - the index of a whole directory at once
//
// To split n leaves one after the other costs more than to sort all names once, and
// leaves behind half empty blocks. So a directory that becomes large is linear until
// it is closed; then its names are read, sorted by hash and written back as leaves
// that are full, in order, with the nodes behind them.
//
// A million names are 30 MB, more than we want to hold. They are sorted from the
// outside (distribution, then sorting): reading, a name goes to the part that the
// top bits of its hash say. A part is a chain of chunks; full chunks go to a scratch
// device, which keeps a little in memory and the rest in a file without name. Hashes
// are spread evenly, so that a part is about PART_BYTES, and can be sorted alone.
// Small directories are one part. The work grows with n, the memory does not.
//
// First all parts are sorted and only counted: then it is known how many blocks it
// takes, and they are got before the first one is overwritten. A full image leaves
// the directory linear, which is correct as well.

#include "fs/ext2/htree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_BYTES = 16 << 10,
	PART_BYTES = 1 << 20,
	PARTS_BITS_MOST = 10,
	SCRATCH_MEMORY = 2 << 20,
	DIGITS = 256,
};

struct record {
	uint32_t hash, ino;
	uint8_t name_len, type;
	char name[];
};

enum { RECORD_HEADER = offsetof(struct record, name) };

static uint32_t record_bytes(uint32_t name_len)
{
	return (RECORD_HEADER + name_len + 3) & ~3u;
}

struct part {
	uint32_t *chunk; // their numbers in the scratch device
	uint32_t chunks, room;
	uint8_t *open; // the last one
	uint32_t used; // bytes of it
	uint64_t bytes;
	uint32_t names;
};

struct key {
	uint32_t hash, at; // in units of 4 bytes
};

struct building {
	struct ext2 *fs;
	struct ext2_inode *inode;
	int version;
	struct part *part;
	uint32_t parts, bits;
	struct device *memory, *scratch;
	uint32_t chunks; // in it
	uint32_t parent;

	// The part that is in memory, sorted.
	uint32_t loaded; // 1 + its number
	uint8_t *text;
	struct key *key, *spare;
	uint64_t text_room;
	uint32_t key_room;

	// The leaf that is being written.
	struct buffer *leaf;
	uint32_t leaves, at, last; // at: where the next goes; last: the entry
	uint32_t hash;             // of the name before
	struct disk_htree_entry *index;
	uint32_t index_room;
};

// ## Distributing

static int make_parts(struct building *b, uint64_t bytes)
{
	int error;

	while (b->bits < PARTS_BITS_MOST && bytes >> b->bits > PART_BYTES)
		b->bits++;
	b->parts = 1u << b->bits;
	b->part = calloc(b->parts, sizeof *b->part);
	if (!b->part)
		return -ENOMEM;
	// A record is never twice an entry, and each part has one chunk more.
	error = device_memory(bytes * 2 + (uint64_t)b->parts * CHUNK_BYTES,
			      &b->memory);
	return error ? error
		     : device_overlay(b->memory, CHUNK_BYTES, SCRATCH_MEMORY,
				      &b->scratch);
}

static int write_chunk(struct building *b, struct part *part)
{
	if (part->chunks == part->room) {
		uint32_t room = part->room ? part->room * 2 : 16;
		uint32_t *grown = realloc(part->chunk, room * sizeof *grown);

		if (!grown)
			return -ENOMEM;
		part->chunk = grown;
		part->room = room;
	}
	part->chunk[part->chunks++] = b->chunks;
	memset(part->open + part->used, 0, CHUNK_BYTES - part->used);
	part->used = 0;
	return device_write(b->scratch, (uint64_t)b->chunks++ * CHUNK_BYTES,
			    part->open, CHUNK_BYTES);
}

static int distribute(struct building *b, const struct disk_entry *entry)
{
	uint32_t hash, n = record_bytes(entry->name_len);
	int error = name_hash(b->fs, b->version, (const char *)entry->name,
			      entry->name_len, &hash, NULL);

	if (error)
		return error;

	struct part *part = &b->part[b->bits ? hash >> (32 - b->bits) : 0];

	if (!part->open) {
		part->open = malloc(CHUNK_BYTES);
		if (!part->open)
			return -ENOMEM;
	}
	if (part->used + n > CHUNK_BYTES) {
		part->bytes += part->used;
		error = write_chunk(b, part);
		if (error)
			return error;
	}

	struct record *record = (struct record *)(part->open + part->used);

	record->hash = hash;
	record->ino = get32(entry->inode);
	record->name_len = entry->name_len;
	record->type = entry->file_type;
	memcpy(record->name, entry->name, entry->name_len);
	part->used += n;
	part->names++;
	return 0;
}

static int read_block(struct building *b, uint64_t logical)
{
	struct buffer *buffer;
	uint32_t rec_len;
	int error = dir_get(b->fs, b->inode, logical, &buffer);

	if (error)
		return error;
	for (uint32_t at = 0; at < b->fs->block_bytes && !error;
	     at += rec_len) {
		const struct disk_entry *entry = entry_at(b->fs, buffer->bytes,
							  at, &rec_len);

		if (!entry)
			error = -EUCLEAN;
		else if (logical == 0 && at == 0)
			continue;
		else if (entry->name_len == 2 &&
			 memcmp(entry->name, "..", 2) == 0)
			b->parent = get32(entry->inode);
		else if (get32(entry->inode) != 0)
			error = distribute(b, entry);
		if (error)
			break;
	}
	cache_drop(buffer);
	return error;
}

// ## Sorting a part

// By hash; those that are equal stay in the order of the directory.
static void sort_keys(struct key *key, struct key *spare, uint32_t n)
{
	for (int shift = 0; shift < 32; shift += 8) {
		uint32_t begin[DIGITS + 1] = { 0 };

		for (uint32_t i = 0; i < n; i++)
			begin[(key[i].hash >> shift & 0xff) + 1]++;
		for (int i = 0; i < DIGITS; i++)
			begin[i + 1] += begin[i];
		for (uint32_t i = 0; i < n; i++)
			spare[begin[key[i].hash >> shift & 0xff]++] = key[i];

		struct key *other = key;

		key = spare;
		spare = other;
	}
}

static int make_room(struct building *b, const struct part *part)
{
	uint64_t bytes = part->bytes + part->used;

	if (bytes > UINT32_MAX)
		return -ENOSPC;
	if (bytes > b->text_room) {
		free(b->text);
		b->text = malloc(bytes);
		b->text_room = b->text ? bytes : 0;
		if (!b->text)
			return -ENOMEM;
	}
	if (part->names > b->key_room) {
		free(b->key);
		free(b->spare);
		b->key = calloc(part->names, sizeof *b->key);
		b->spare = calloc(part->names, sizeof *b->spare);
		b->key_room = b->key && b->spare ? part->names : 0;
		if (b->key_room == 0)
			return -ENOMEM;
	}
	return 0;
}

static int load_part(struct building *b, uint32_t number)
{
	const struct part *part = &b->part[number];
	uint8_t chunk[CHUNK_BYTES];
	uint32_t names = 0;
	uint64_t used = 0;

	if (b->loaded == number + 1)
		return 0;

	int error = make_room(b, part);

	for (uint32_t c = 0; c <= part->chunks && !error && part->open; c++) {
		const uint8_t *from = part->open;
		uint32_t end = part->used;

		if (c < part->chunks) {
			from = chunk;
			end = CHUNK_BYTES;
			error = device_read(b->scratch,
					    (uint64_t)part->chunk[c] *
						    CHUNK_BYTES,
					    chunk, CHUNK_BYTES);
		}
		for (uint32_t at = 0; at + RECORD_HEADER <= end && !error;) {
			const struct record *r =
				(const struct record *)(from + at);
			uint32_t n = record_bytes(r->name_len);

			if (r->name_len == 0) // the rest of the chunk
				break;
			memcpy(b->text + used, r, n);
			b->key[names++] = (struct key){ r->hash,
							(uint32_t)used / 4 };
			used += n;
			at += n;
		}
	}
	if (error)
		return error;
	sort_keys(b->key, b->spare, names);
	b->loaded = number + 1;
	return 0;
}

static const struct record *record_at(const struct building *b, uint32_t i)
{
	return (const struct record *)(b->text + (size_t)b->key[i].at * 4);
}

// ## Writing

static int begin_leaf(struct building *b, uint32_t hash, bool write)
{
	int error = 0;

	if (write) {
		cache_drop(b->leaf);
		b->leaf = NULL;
		error = dir_get(b->fs, b->inode, b->leaves + UINT64_C(1),
				&b->leaf);
		if (error)
			return error;
		block_empty(b->fs, b->leaf->bytes);
		cache_dirty(b->fs->cache, b->leaf, BLOCK_DIRECTORY);
		b->index[b->leaves] = (struct disk_htree_entry){
			put32(b->leaves > 0 && hash == b->hash ? hash | 1
							       : hash),
			put32(b->leaves + 1),
		};
	}
	b->leaves++;
	b->at = b->last = 0;
	return 0;
}

static int put_record(struct building *b, const struct record *record,
		      bool write)
{
	uint32_t n = entry_bytes(record->name_len);
	int error = 0;

	if (b->leaves == 0 || b->at + n > b->fs->block_bytes)
		error = begin_leaf(b, record->hash, write);
	if (error)
		return error;
	if (write)
		b->last = entry_put(b->fs, b->leaf->bytes, b->last,
				    record->name, record->name_len, record->ino,
				    (enum entry_type)record->type);
	b->at += n;
	b->hash = record->hash;
	return 0;
}

static int put_all(struct building *b, bool write)
{
	b->leaves = 0;
	for (uint32_t p = 0; p < b->parts; p++) {
		int error = load_part(b, p);

		for (uint32_t i = 0; i < b->part[p].names && !error; i++)
			error = put_record(b, record_at(b, i), write);
		if (error)
			return error;
	}
	return 0;
}

// Entries [from, from + count) of the index, as those of a node or of the root.
static void put_index(const struct building *b, uint8_t *bytes, bool root,
		      const struct disk_htree_entry *entry, uint32_t count)
{
	uint8_t *begin = bytes + (root ? HTREE_ROOT_HEAD : HTREE_NODE_HEAD);
	struct disk_htree_limit *limit = (struct disk_htree_limit *)begin;

	memcpy(begin, entry, count * sizeof *entry);
	limit->limit = put16(htree_limit(b->fs, root));
	limit->count = put16(count);
}

// The nodes, behind the leaves; the index is then one of them.
static int put_nodes(struct building *b, uint32_t nodes)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i < nodes; i++) {
		uint32_t end =
			(uint32_t)((uint64_t)b->leaves * (i + 1) / nodes);
		uint32_t block = 1 + b->leaves + i;
		le32 hash = b->index[from].hash;
		struct buffer *buffer;
		int error = dir_get(b->fs, b->inode, block, &buffer);

		if (error)
			return error;
		block_empty(b->fs, buffer->bytes);
		put_index(b, buffer->bytes, false, b->index + from, end - from);
		cache_dirty(b->fs->cache, buffer, BLOCK_DIRECTORY);
		cache_drop(buffer);
		b->index[i] = (struct disk_htree_entry){ hash, put32(block) };
		from = end;
	}
	return 0;
}

static int put_root(struct building *b, uint32_t entries, bool nodes)
{
	struct buffer *buffer;
	int error = dir_get(b->fs, b->inode, 0, &buffer);

	if (error)
		return error;
	block_empty(b->fs, buffer->bytes);
	entry_put(b->fs, buffer->bytes, 0, ".", 1, b->inode->ino,
		  TYPE_DIRECTORY);
	entry_put(b->fs, buffer->bytes, 0, "..", 2, b->parent, TYPE_DIRECTORY);
	*htree_info(buffer->bytes) = (struct disk_htree_root){
		.hash_version = (uint8_t)b->version,
		.info_length = sizeof(struct disk_htree_root),
		.indirect_levels = nodes,
	};
	put_index(b, buffer->bytes, true, b->index, entries);
	cache_dirty(b->fs->cache, buffer, BLOCK_DIRECTORY);
	cache_drop(buffer);
	return 0;
}

// ## The whole

// Half MD4, unless the image's other indexes have another.
static int choose_hash(const struct ext2 *fs)
{
	return get32(fs->super.s_feature_compat) & COMPAT_DIR_INDEX &&
			       fs->super.s_def_hash_version <= HASH_TEA
		       ? fs->super.s_def_hash_version
		       : HASH_HALF_MD4;
}

// An image with an index has the feature, and says how names were hashed.
static void tell_super(struct ext2 *fs, int version)
{
	uint32_t flags = get32(fs->super.s_flags);

	if (!(flags & (FLAG_SIGNED_HASH | FLAG_UNSIGNED_HASH)))
		flags |= FLAG_SIGNED_HASH;
	fs->super.s_flags = put32(flags);
	fs->super.s_def_hash_version = (uint8_t)version;
	fs->super.s_feature_compat = put32(get32(fs->super.s_feature_compat) |
					   COMPAT_DIR_INDEX);
	fs->super_changed = true;
}

static int build(struct building *b)
{
	struct ext2 *fs = b->fs;
	uint64_t blocks = dir_blocks(fs, b->inode), needed;
	uint32_t nodes = 0, root_limit = htree_limit(fs, true);
	uint32_t node_limit = htree_limit(fs, false);
	int error = make_parts(b, b->inode->size);

	for (uint64_t i = 0; i < blocks && !error; i++)
		error = read_block(b, i);
	if (!error)
		error = put_all(b, false);
	if (error)
		return error;
	if (b->leaves > root_limit)
		nodes = (b->leaves + node_limit - 1) / node_limit;
	if (b->leaves == 0 || nodes > root_limit)
		return -ENOSPC;
	b->index = calloc(b->leaves, sizeof *b->index);
	if (!b->index)
		return -ENOMEM;
	needed = UINT64_C(1) + b->leaves + nodes;
	if (needed > blocks)
		error = dir_grow(fs, b->inode, (uint32_t)(needed - blocks));

	uint32_t leaves = b->leaves;

	if (!error)
		error = put_all(b, true);
	if (!error && nodes > 0)
		error = put_nodes(b, nodes);
	if (!error)
		error = put_root(b, nodes ? nodes : leaves, nodes > 0);
	b->inode->flags |= INODE_INDEX;
	if (!error)
		error = needed < blocks ? dir_shrink(fs, b->inode, needed)
					: inode_put(fs, b->inode);
	if (!error)
		tell_super(fs, b->version);
	return error;
}

int htree_build(struct ext2 *fs, struct ext2_inode *inode)
{
	struct building b = {
		.fs = fs,
		.inode = inode,
		.version = choose_hash(fs),
	};
	int error = build(&b);

	cache_drop(b.leaf);
	for (uint32_t i = 0; i < b.parts && b.part; i++) {
		free(b.part[i].chunk);
		free(b.part[i].open);
	}
	free(b.part);
	free(b.text);
	free(b.key);
	free(b.spare);
	free(b.index);
	device_close(b.scratch);
	device_close(b.memory);
	return error;
}

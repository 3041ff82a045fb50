// check_twins.c - names that stand twice in a directory
//
// Within a block each name is compared with those before it. A directory of
// several blocks has them checked at different times, so each of its names leaves
// a number of 64 bits in a table (of all such directories together: eight bytes a
// name, half of it empty). A number that is there already marks the directory, and
// only marked ones are read again, to see whether the names are the same indeed.
// The table is larger than the caches near the processor, so its places are asked
// for some names before they are needed.
//
// The second of two names is removed when both mean the same inode, else renamed:
// "x" to "x~0".

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/check_parts.h"

enum { DIRS_MOST = 256 };

static uint64_t hash_name(const uint8_t *name, size_t n)
{
	uint64_t hash = n * UINT64_C(0x9e3779b97f4a7c15);

	while (n >= 8) {
		uint64_t word;

		memcpy(&word, name, 8);
		hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 32;
		name += 8;
		n -= 8;
	}
	for (; n; n--)
		hash = (hash ^ *name++) * UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 29;
}

struct disk_entry *twin_known(struct block_check *b, uint32_t offset)
{
	struct disk_entry *e = entry_at(b, offset);
	uint32_t i = hash_name(e->name, e->name_len) >> 20 & (NAME_SLOTS - 1);

	for (; b->slot[i]; i = (i + 1) & (NAME_SLOTS - 1)) {
		struct disk_entry *other = entry_at(b, (b->slot[i] - 1u) * 4);

		if (other->name_len == e->name_len &&
		    !memcmp(other->name, e->name, e->name_len))
			return other;
	}
	if (b->taken_count < NAME_SLOTS / 2) {
		b->slot[i] = (uint16_t)(offset / 4 + 1);
		b->taken[b->taken_count++] = i;
	}
	return NULL;
}

void twin_forget(struct block_check *b)
{
	for (uint32_t i = 0; i < b->taken_count; i++)
		b->slot[b->taken[i]] = 0;
	b->taken_count = 0;
}

// Another name: two characters at the end, as many times as it takes.
void twin_rename(struct block_check *b, uint32_t offset)
{
	struct disk_entry *e = entry_at(b, offset);
	uint32_t length = entry_length(b->c, e);
	uint32_t at = e->name_len;

	if (at + 2u > NAME_LONGEST || ENTRY_HEADER + at + 2u > length)
		at = at < 2 ? 0 : at - 2u;
	else
		e->name_len = (uint8_t)(at + 2);
	b->dirty = b->renamed = true;
	for (uint32_t i = 0; i < 36 * 36; i++) {
		static const char digits[] =
			"0123456789abcdefghijklmnopqrstuvwxyz";

		e->name[at] = i < 36 ? '~' : (uint8_t)digits[i / 36];
		if (at + 1u < e->name_len)
			e->name[at + 1] = (uint8_t)digits[i % 36];
		if (!twin_known(b, offset))
			return;
	}
}

// ## Directories of several blocks

// True: it was there.
static bool table_put(uint64_t *table, size_t room, uint64_t hash)
{
	size_t i = hash & (room - 1);

	for (; table[i]; i = (i + 1) & (room - 1))
		if (table[i] == hash)
			return true;
	table[i] = hash;
	return false;
}

static bool table_grow(struct check *c)
{
	size_t room = c->name_room ? c->name_room * 2 : 4096;
	uint64_t *larger = calloc(room, sizeof *larger);

	if (!larger)
		return false;
	for (size_t i = 0; i < c->name_room; i++)
		if (c->names[i])
			table_put(larger, room, c->names[i]);
	free(c->names);
	c->names = larger;
	c->name_room = room;
	return true;
}

static int mark_dir(struct check *c, uint32_t dir)
{
	for (size_t i = c->twin_dir_count; i--;)
		if (c->twin_dirs[i] == dir)
			return 0;
	if (c->twin_dir_count == DIRS_MOST)
		return 0; // in the next round
	if (!check_room(&c->twin_dirs, &c->twin_dir_room, c->twin_dir_count,
			sizeof *c->twin_dirs))
		return -ENOMEM;
	c->twin_dirs[c->twin_dir_count++] = dir;
	return 0;
}

static int put_noted(struct check *c)
{
	int error = 0;

	for (size_t i = 0; !error && i < c->noted_count; i++) {
		if (table_put(c->names, c->name_room, c->noted[i].hash))
			error = mark_dir(c, c->noted[i].dir);
		else
			c->name_count++;
	}
	c->noted_count = 0;
	return error;
}

int twin_note(struct check *c, uint32_t dir, const struct disk_entry *e)
{
	uint64_t hash = hash_name(e->name, e->name_len);
	int error = 0;

	hash = (hash ^ dir) * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 32;
	if (!hash)
		hash = 1;
	if (c->noted_count == NOTED_MOST)
		error = put_noted(c);
	if ((c->name_count + NOTED_MOST) * 4 >= c->name_room * 3 &&
	    !table_grow(c))
		return -ENOMEM;
	__builtin_prefetch(&c->names[hash & (c->name_room - 1)], 1);
	c->noted[c->noted_count++] = (struct noted){ hash, dir };
	return error;
}

struct place_of_name {
	uint64_t hash;
	uint32_t block, offset;
};

static int by_hash(const void *a, const void *b)
{
	const struct place_of_name *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

struct names {
	struct place_of_name *item;
	size_t count, room;
};

// The names of the block in b->bytes, after the first `skip`.
static int add_names(struct block_check *b, struct names *names, int skip)
{
	struct check *c = b->c;

	for (uint32_t at = 0;
	     at < c->block_bytes && entry_sound(c, b->bytes, at); skip--) {
		struct disk_entry *e = entry_at(b, at);

		if (skip <= 0 && get32(e->inode)) {
			if (!check_room(&names->item, &names->room,
					names->count, sizeof *names->item))
				return -ENOMEM;
			names->item[names->count++] = (struct place_of_name){
				hash_name(e->name, e->name_len), b->at.block, at
			};
		}
		at += entry_length(c, e);
	}
	return 0;
}

static int settle_pair(struct block_check *b, const uint8_t *first,
		       const struct place_of_name *one,
		       const struct place_of_name *two)
{
	struct check *c = b->c;
	const struct disk_entry *e = (const void *)(first + one->offset);
	struct disk_entry *other = entry_at(b, two->offset);
	char name[NAME_TEXT];
	bool same;

	if (one->block == two->block || !get32(e->inode) ||
	    !get32(other->inode) || e->name_len != other->name_len ||
	    memcmp(e->name, other->name, e->name_len) != 0)
		return 0;
	same = get32(e->inode) == get32(other->inode);
	if (!problem(c, "entry-twice", 0, b->at.ino, two->block,
		     same ? "removes one" : "renames the second",
		     "the name %s stands twice in the directory, for inodes "
		     "%u and %u",
		     check_name(e->name, e->name_len, name), get32(e->inode),
		     get32(other->inode)))
		return 0;
	if (same) {
		other->inode = put32(0);
		c->seen[get32(e->inode)]--;
	} else {
		for (uint32_t at = 0; at < two->offset;
		     at += entry_length(c, entry_at(b, at)))
			twin_known(b, at);
		twin_rename(b, two->offset);
		twin_forget(b);
	}
	return check_write(c, two->block, b->bytes);
}

static int settle_dir(struct block_check *b, uint32_t ino, uint8_t *first)
{
	struct check *c = b->c;
	struct names names = { 0 };
	int error = 0;

	b->renamed = false;
	b->at.ino = ino;
	for (size_t i = 0; !error && i < c->dir_block_count; i++) {
		if (c->dir_blocks[i].ino != ino || !c->dir_blocks[i].block)
			continue;
		b->at = c->dir_blocks[i];
		error = check_read(c, b->at.block, b->bytes);
		if (!error)
			error = add_names(b, &names, b->at.logical ? 0 : 2);
	}
	if (names.count)
		qsort(names.item, names.count, sizeof *names.item, by_hash);
	for (size_t i = 1; !error && i < names.count; i++) {
		const struct place_of_name *two = &names.item[i],
					   *one = two - 1;

		if (one->hash != two->hash)
			continue;
		error = check_read(c, one->block, first);
		if (!error)
			error = check_read(c, two->block, b->bytes);
		if (!error)
			error = settle_pair(b, first, one, two);
	}
	free(names.item);
	if (!error && b->renamed && c->kind[ino] & KIND_INDEXED)
		error = index_drop(c, ino);
	return error;
}

int twin_settle(struct block_check *b)
{
	struct check *c = b->c;
	uint8_t *first, *bytes;
	int error = put_noted(c);

	if (error || !c->twin_dir_count)
		return error;
	first = malloc(c->block_bytes);
	bytes = b->bytes = malloc(c->block_bytes);
	if (!first || !bytes)
		error = -ENOMEM;
	for (size_t i = 0; !error && i < c->twin_dir_count; i++)
		error = settle_dir(b, c->twin_dirs[i], first);
	free(first);
	free(bytes);
	return error;
}

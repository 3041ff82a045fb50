// forecast.c - how large a directory will be, before anything is written
//
// Whoever makes an image as small as it can be has to know. It is computed in the
// way in which dir.c and htree_build.c work: a name goes to the first block that has
// room for it; a directory that has become large is then sorted by hash and laid out
// anew, leaf by leaf, each as full as it gets, with the root before them and the
// nodes behind. Both are done here with lengths only.
//
// While the index is being built the directory has the blocks of both forms: as many
// as the larger one. That is the number that is told.

#include "fs/ext2/htree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT = 4, UNITS = (ENTRY_HEADER + NAME_LONGEST + 3) / UNIT + 1 };

struct forecast {
	struct ext2
		fs; // block bytes and the seed of the hash: no more is asked
	uint16_t *room; // of each block, behind its last name
	uint32_t blocks, allocated;
	uint32_t from[UNITS]; // no block before it has room for so much
};

// ## Linear

static int add_block(struct forecast *f)
{
	if (f->blocks == f->allocated) {
		uint32_t more = f->allocated ? 2 * f->allocated : 16;
		uint16_t *room = realloc(f->room, more * sizeof *room);

		if (!room)
			return -ENOMEM;
		f->room = room;
		f->allocated = more;
	}
	f->room[f->blocks++] = (uint16_t)f->fs.block_bytes;
	return 0;
}

static int put_name(struct forecast *f, uint32_t bytes, uint32_t *block)
{
	uint32_t *from = &f->from[bytes / UNIT];

	while (*from < f->blocks && f->room[*from] < bytes)
		++*from;
	if (*from == f->blocks) {
		int error = add_block(f);

		if (error)
			return error;
	}
	*block = *from;
	f->room[*from] -= (uint16_t)bytes;
	return 0;
}

// ## With an index

struct hashed {
	uint32_t hash, block; // in the linear directory
	uint32_t i;
};

static int by_hash(const void *a, const void *b)
{
	const struct hashed *p = a, *q = b;

	if (p->hash != q->hash)
		return p->hash < q->hash ? -1 : 1;
	if (p->block != q->block)
		return p->block < q->block ? -1 : 1;
	return (p->i > q->i) - (p->i < q->i);
}

static uint32_t count_leaves(const struct forecast *f,
			     const struct ext2_names *names,
			     const struct hashed *sorted)
{
	uint32_t leaves = 1, used = 0;

	for (uint64_t i = 0; i < names->count; i++) {
		size_t length;
		uint32_t bytes;

		names->name(names->context, sorted[i].i, &length);
		bytes = entry_bytes((uint32_t)length);
		if (used + bytes > f->fs.block_bytes) {
			leaves++;
			used = 0;
		}
		used += bytes;
	}
	return leaves;
}

// 0: so many leaves no index can have.
static uint32_t with_index(const struct forecast *f, uint32_t leaves)
{
	uint32_t root = htree_limit(&f->fs, true), nodes = 0;
	uint32_t node = htree_limit(&f->fs, false);

	if (leaves > root)
		nodes = (leaves + node - 1) / node;
	return nodes > root ? 0 : 1 + leaves + nodes;
}

int ext2_directory_blocks(const struct ext2_plan *plan, uint32_t had,
			  const struct ext2_names *names, uint32_t *blocks)
{
	struct forecast f = { .fs = { .block_bytes = plan->block_bytes } };
	bool large = had <= LARGE;
	struct hashed *all = NULL;
	uint32_t block;
	int error;

	if (names->count > UINT32_MAX / sizeof *all)
		return -EFBIG;
	memcpy(f.fs.super.s_hash_seed, plan->hash_seed, sizeof plan->hash_seed);
	error = put_name(&f, entry_bytes(1), &block);
	if (!error)
		error = put_name(&f, entry_bytes(2), &block);
	// Could it become large? Every block but the last holds one name at least.
	if (large && names->count >= LARGE) {
		all = malloc(names->count * sizeof *all);
		if (!all)
			error = -ENOMEM;
	}
	for (uint64_t i = 0; i < names->count && !error; i++) {
		size_t length;

		names->name(names->context, i, &length);
		error = put_name(&f, entry_bytes((uint32_t)length), &block);
		if (all)
			all[i].block = block;
	}
	*blocks = f.blocks > had ? f.blocks : had;
	large = all && f.blocks > LARGE;
	for (uint64_t i = 0; i < names->count && large && !error; i++) {
		size_t length;
		const char *name = names->name(names->context, i, &length);

		all[i].i = (uint32_t)i;
		error = name_hash(&f.fs, HASH_HALF_MD4, name, length,
				  &all[i].hash, NULL);
	}
	if (large && !error) {
		qsort(all, names->count, sizeof *all, by_hash);

		uint32_t indexed = with_index(&f, count_leaves(&f, names, all));

		if (indexed > *blocks)
			*blocks = indexed;
	}
	free(all);
	free(f.room);
	return error;
}

// check_counts.c - bitmaps and counts against what was found
//
// For each group the two bitmaps are made as they should be (with ones behind the
// end, for what the group does not have) and compared with those of the disk. One
// finding a bitmap lists what differs. Then the counts of descriptors and
// superblock.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/check_parts.h"

struct counting {
	struct check *c;
	uint8_t *right, *disk;
	uint32_t group;
	uint32_t released; // bits of the last bitmap
	uint64_t free_blocks, free_inodes;
	uint64_t said_blocks, said_inodes; // by the groups, before any repair
};

static void list(char *text, size_t room, const struct counting *k,
		 uint32_t base, uint32_t n, bool in_use)
{
	size_t used = 0;

	*text = '\0';
	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = i;

		while (i < n && (k->right[i / 8] >> i % 8 & 1) == in_use &&
		       (k->disk[i / 8] >> i % 8 & 1) != in_use)
			i++;
		if (i == from)
			continue;
		if (used + 40 > room) {
			snprintf(text + used, room - used, ", ...");
			return;
		}
		used += snprintf(text + used, room - used,
				 i == from + 1 ? "%s%u" : "%s%u-%u",
				 used ? ", " : "", base + from, base + i - 1);
	}
}

// Compares `n` bits; base: the number of the first. True: the disk's is to be
// written.
static bool compare(struct counting *k, const char *code, const char *what,
		    uint32_t block, uint32_t base, uint32_t n)
{
	struct check *c = k->c;
	char used[200], unused[200];

	if (!memcmp(k->right, k->disk, c->block_bytes))
		return false;
	list(used, sizeof used, k, base, n, true);
	list(unused, sizeof unused, k, base, n, false);
	if (!*used && !*unused)
		return problem(c, "bitmap-padding", SAFE, 0, block, "sets it",
			       "The %s bitmap of group %u does not end with "
			       "ones",
			       what, k->group);
	return problem(c, code, SAFE, 0, block, "sets it right",
		       "The %s bitmap of group %u is wrong:%s%s%s%s%s", what,
		       k->group, *used ? " in use, but marked as free: " : "",
		       used, *used && *unused ? ";" : "",
		       *unused ? " free, but marked as in use: " : "", unused);
}

static void copy_bits(const uint64_t *bits, uint64_t from, uint32_t n,
		      uint8_t *to)
{
	for (uint32_t i = 0; i < n; i += 8) {
		uint64_t at = from + i, word = bits[at / 64] >> at % 64;

		if (at % 64 > 56 && i + (64 - at % 64) < n)
			word |= bits[at / 64 + 1] << (64 - at % 64);
		to[i / 8] = (uint8_t)word;
	}
	if (n % 8)
		to[n / 8] |= (uint8_t)(0xff << n % 8);
}

static uint32_t zeros(const uint8_t *bytes, uint32_t n)
{
	uint32_t ones = 0, words = n / 64;

	for (uint32_t i = 0; i < words; i++) {
		uint64_t word;

		memcpy(&word, bytes + 8 * i, 8);
		ones += __builtin_popcountll(word);
	}
	for (uint32_t i = words * 64; i < n; i++)
		ones += bytes[i / 8] >> i % 8 & 1;
	return n - ones;
}

// What orphans had is still marked in the bitmap: that is no finding. Returns how
// many bits have been cleared in k->disk.
static uint32_t forget_released(struct counting *k, const uint64_t *released,
				uint64_t base, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; released && i < n; i++) {
		uint8_t bit = (uint8_t)(1 << i % 8);

		if (!bit_get(released, base + i) || k->right[i / 8] & bit ||
		    !(k->disk[i / 8] & bit))
			continue;
		k->disk[i / 8] &= (uint8_t)~bit;
		count++;
	}
	return count;
}

static int blocks_of_group(struct counting *k, uint32_t *free_blocks)
{
	struct check *c = k->c;
	struct place *p = &c->groups[k->group];
	uint32_t start = group_start(c, k->group);
	uint32_t n = group_end(c, k->group) - start;
	int error = check_read(c, p->block_bitmap, k->disk);

	memset(k->right, 0xff, c->block_bytes);
	copy_bits(c->used, start, n, k->right);
	*free_blocks = zeros(k->right, n);
	if (error)
		return error;
	k->released = forget_released(k, c->released, start, n);
	p->free_blocks += k->released;
	if (compare(k, "block-bitmap", "block", p->block_bitmap, start, n))
		return check_write(c, p->block_bitmap, k->right);
	return k->released ? check_write(c, p->block_bitmap, k->disk) : 0;
}

static int inodes_of_group(struct counting *k, uint32_t *free_inodes,
			   uint32_t *directories)
{
	struct check *c = k->c;
	struct place *p = &c->groups[k->group];
	uint32_t n = c->inodes_per_group, first = k->group * n + 1;
	const uint8_t *kind = c->kind + first;
	int error = check_read(c, p->inode_bitmap, k->disk);

	memset(k->right, 0xff, c->block_bytes);
	memset(k->right, 0, n / 8);
	*directories = 0;
	for (uint32_t i = 0; i < n; i++) {
		bool used = kind[i] || first + i < c->first_ino;

		if (used)
			k->right[i / 8] |= (uint8_t)(1 << i % 8);
		else
			k->right[i / 8] &= (uint8_t) ~(1 << i % 8);
		*directories += (kind[i] & KIND_TYPE) == TYPE_DIRECTORY;
	}
	*free_inodes = zeros(k->right, n);
	if (error)
		return error;
	k->released = forget_released(k, c->released_inodes, first, n);
	p->free_inodes += k->released;
	if (compare(k, "inode-bitmap", "inode", p->inode_bitmap, first, n))
		return check_write(c, p->inode_bitmap, k->right);
	return k->released ? check_write(c, p->inode_bitmap, k->disk) : 0;
}

static bool count(struct counting *k, const char *code, const char *what,
		  uint32_t *said, uint32_t right)
{
	if (*said == right)
		return false;
	if (!problem(k->c, code, SAFE, 0, group_start(k->c, 0) + 1, "sets it",
		     "Group %u is said to have %u %s, but has %u", k->group,
		     *said, what, right))
		return false;
	*said = right;
	return true;
}

static void total(struct check *c, const char *code, const char *what,
		  le32 *said, uint64_t right)
{
	if (get32(*said) == right ||
	    !problem(c, code, SAFE, 0, SUPER_OFFSET / c->block_bytes, "sets it",
		     "The superblock says %u %s, but there are %llu",
		     get32(*said), what, (unsigned long long)right))
		return;
	*said = put32((uint32_t)right);
	c->super_dirty = true;
}

// The kernel keeps the counts of groups as it goes, the totals only when it ends
// well: where it did not, they are no finding.
static void follow_groups(struct check *c, le32 *total_said, uint64_t sum)
{
	if (get32(*total_said) == sum)
		return;
	*total_said = put32((uint32_t)sum);
	c->super_dirty = true;
}

static int count_groups(struct counting *k)
{
	struct check *c = k->c;
	bool changed = false;
	int error = 0;

	for (k->group = 0; !error && k->group < c->group_count; k->group++) {
		struct place *p = &c->groups[k->group];
		uint32_t blocks = 0, inodes = 0, directories = 0;

		error = blocks_of_group(k, &blocks);
		changed |= k->released;
		if (!error)
			error = inodes_of_group(k, &inodes, &directories);
		changed |= k->released;
		if (error)
			return error;
		k->said_blocks += p->free_blocks;
		k->said_inodes += p->free_inodes;
		changed |= count(k, "group-free-blocks", "free blocks",
				 &p->free_blocks, blocks);
		changed |= count(k, "group-free-inodes", "free inodes",
				 &p->free_inodes, inodes);
		changed |= count(k, "group-directories", "directories",
				 &p->directories, directories);
		k->free_blocks += blocks;
		k->free_inodes += inodes;
	}
	return changed ? groups_write(c) : 0;
}

int check_counts(struct check *c)
{
	struct counting k = { .c = c };
	int error;

	check_progress(c, "counts", 0.97);
	k.right = malloc(c->block_bytes);
	k.disk = malloc(c->block_bytes);
	error = k.right && k.disk ? count_groups(&k) : -ENOMEM;
	free(k.right);
	free(k.disk);
	if (error)
		return error;
	if (c->unclean || c->released ||
	    !(get16(c->super.s_state) & STATE_CLEAN)) {
		follow_groups(c, &c->super.s_free_blocks_count, k.said_blocks);
		follow_groups(c, &c->super.s_free_inodes_count, k.said_inodes);
	}
	total(c, "free-blocks", "free blocks", &c->super.s_free_blocks_count,
	      k.free_blocks);
	total(c, "free-inodes", "free inodes", &c->super.s_free_inodes_count,
	      k.free_inodes);
	c->result->used_blocks = c->blocks - k.free_blocks;
	c->result->used_inodes = (uint32_t)(c->inodes - k.free_inodes);
	return 0;
}

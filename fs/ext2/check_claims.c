// check_claims.c - blocks that two claim
//
// The pass over the inodes marks each block that is claimed a second time, but
// not by whom: that would be a number for each block of every image. Where there
// are such blocks, the inodes are walked once more and the claims on just these
// blocks are written down, up to a bound (what is beyond comes in the next round).
//
// Of all claimers one keeps the block: metadata before the directory whose "." stands
// in it, the list of bad blocks, the journal, blocks of maps and attributes, and
// data; of equals the inode with the smaller number. Every other one gets a copy,
// since nobody can say whose the content is; when there is no room for it, a hole.
// A directory that loses its first block to the one that "." names gets an empty
// block: the names are the other's. A copied block of a map points
// at the same blocks as before: those are doubly claimed then, in the next round.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/check_parts.h"

enum {
	CLAIMS_MOST = 1 << 18,
	LEVEL_XATTR = 8, // beside the levels of a map
};

struct claim {
	uint32_t block, ino, logical;
	uint8_t level;
	bool loses, empty;
	uint32_t other; // who keeps the block; 0: metadata
};

struct claiming {
	struct check *c;
	uint32_t ino;
	uint64_t *followed;
	uint64_t *xattr_seen;
	struct claim *claim;
	size_t count, room;
};

static int add_claim(struct claiming *k, uint32_t block, uint32_t logical,
		     int level)
{
	if (k->count == CLAIMS_MOST)
		return 0;
	if (!check_room(&k->claim, &k->room, k->count, sizeof *k->claim))
		return -ENOMEM;
	k->claim[k->count++] = (struct claim){ .block = block,
					       .ino = k->ino,
					       .logical = logical,
					       .level = (uint8_t)level };
	return 0;
}

static int claim_pointer(void *context, struct pointer *p)
{
	struct claiming *k = context;
	struct check *c = k->c;
	int error;

	if (!block_valid(c, p->value) ||
	    (p->level && block_is_metadata(c, p->value)))
		return MAP_SKIP;
	if (!bit_get(c->twice, p->value))
		return 0;
	error = add_claim(k, p->value, p->logical, p->level);
	if (error || !p->level)
		return error;
	if (bit_get(k->followed, p->value))
		return MAP_SKIP;
	bit_set(k->followed, p->value);
	return 0;
}

static bool has_claims(const struct check *c, uint32_t ino,
		       const struct disk_inode *inode)
{
	if (ino == INO_BAD_BLOCKS)
		return true;
	if (ino == INO_JOURNAL)
		return c->has_journal;
	return c->kind[ino] & KIND_TYPE && inode_maps(c, inode);
}

static int claim_inode(void *context, uint32_t ino, uint8_t *bytes, bool *dirty)
{
	struct claiming *k = context;
	struct check *c = k->c;
	struct disk_inode *inode = (void *)bytes;
	uint32_t attributes = get32(inode->i_file_acl);
	uint32_t resize = get32(inode->i_block[BLOCK_DOUBLE]);
	bool changed = false;
	int error = 0;

	(void)dirty;
	k->ino = ino;
	if (c->kind[ino] & KIND_TYPE && attributes &&
	    block_valid(c, attributes) && bit_get(c->twice, attributes) &&
	    !bit_get(k->xattr_seen, attributes)) {
		bit_set(k->xattr_seen, attributes);
		error = add_claim(k, attributes, 0, LEVEL_XATTR);
	}
	if (!error && ino == INO_RESIZE && c->has_resize && !c->resize_broken &&
	    block_valid(c, resize) && bit_get(c->twice, resize))
		return add_claim(k, resize, 0, 2);
	if (error || !has_claims(c, ino, inode))
		return error;
	return map_walk(c, c->map, inode, &changed, 0, claim_pointer, k);
}

static int rank(const struct claim *claim)
{
	if (claim->ino == INO_BAD_BLOCKS || claim->ino == INO_RESIZE)
		return 0;
	if (claim->ino == INO_JOURNAL)
		return 1;
	return claim->level ? 2 : 3;
}

static int by_block(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	if (rank(x) != rank(y))
		return rank(x) - rank(y);
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return (x->logical > y->logical) - (x->logical < y->logical);
}

static int by_loser(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->loses != y->loses)
		return x->loses ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	if (x->other != y->other)
		return x->other < y->other ? -1 : 1;
	return (x->block > y->block) - (x->block < y->block);
}

static int by_place(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->logical != y->logical)
		return x->logical < y->logical ? -1 : 1;
	return x->level - y->level;
}

static bool begins_directory(const struct check *c, const struct claim *claim)
{
	return !claim->level && !claim->logical &&
	       (c->kind[claim->ino] & KIND_TYPE) == TYPE_DIRECTORY;
}

// The claims on one block: the directory that it says it is of comes first.
static int prefer_owner(struct check *c, struct claim *claim, size_t n)
{
	const struct disk_entry *dot = (const void *)c->block;
	size_t i = 0;
	int error;

	while (i < n && !begins_directory(c, &claim[i]))
		i++;
	if (i == n)
		return 0;
	error = check_read(c, claim->block, c->block);
	if (error || dot->name_len != 1 || dot->name[0] != '.')
		return error;
	for (; i < n; i++) {
		struct claim first = *claim;

		if (!begins_directory(c, &claim[i]) ||
		    claim[i].ino != get32(dot->inode))
			continue;
		*claim = claim[i];
		claim[i] = first;
		for (size_t k = 1; k < n; k++)
			claim[k].empty = begins_directory(c, &claim[k]) &&
					 claim[k].ino != claim->ino;
		return 0;
	}
	return 0;
}

static int decide(struct check *c, struct claim *claim, size_t n)
{
	int error = 0;

	qsort(claim, n, sizeof *claim, by_block);
	for (size_t i = 0, k; !error && i < n; i = k) {
		for (k = i + 1; k < n && claim[k].block == claim[i].block;)
			k++;
		error = prefer_owner(c, claim + i, k - i);
	}
	for (size_t i = 0, first = 0; i < n; i++) {
		if (claim[i].block != claim[first].block)
			first = i;
		if (block_is_metadata(c, claim[i].block)) {
			claim[i].loses = true;
			claim[i].other = 0;
		} else if (i != first) {
			claim[i].loses = true;
			claim[i].other = claim[first].ino;
		}
	}
	qsort(claim, n, sizeof *claim, by_loser);
	return error;
}

// ## Telling: once for all blocks that one inode shares with another

static void list_blocks(const struct claim *claim, size_t n, char *text,
			size_t room)
{
	size_t used = 0;

	*text = '\0';
	for (size_t i = 0; i < n && used < room - 40;) {
		size_t k = i + 1;

		while (k < n && claim[k].block == claim[k - 1].block + 1)
			k++;
		used += snprintf(text + used, room - used,
				 k == i + 1 ? "%s%u" : "%s%u-%u", i ? ", " : "",
				 claim[i].block, claim[k - 1].block);
		i = k;
		if (i < n && used >= room - 40)
			snprintf(text + used, room - used, ", ...");
	}
}

static bool tell(struct check *c, const struct claim *claim, size_t n)
{
	char blocks[160], path_text[PATH_TEXT], other[PATH_TEXT + 64];
	const char *path = NULL;

	if (claim->other)
		path = check_path(c, claim->other, path_text);
	if (!claim->other)
		snprintf(other, sizeof other, "metadata");
	else if (claim->other == claim->ino)
		snprintf(other, sizeof other, "itself in another place");
	else
		snprintf(other, sizeof other,
			 path ? "inode %u (%s)" : "inode %u", claim->other,
			 path);
	list_blocks(claim, n, blocks, sizeof blocks);
	return problem(c, "double-block", 0, claim->ino, claim->block,
		       claim->ino == INO_BAD_BLOCKS ? "takes it from the list"
		       : claim->empty ? "gives this directory an empty block"
				      : "gives this inode a copy of its own",
		       "block%s %s %s also claimed by %s", n == 1 ? "" : "s",
		       blocks, n == 1 ? "is" : "are", other);
}

// ## Repair

struct copying {
	struct check *c;
	struct claim *claim; // by place
	size_t count;
	uint64_t *entered; // blocks of maps, of all inodes: once each
};

static int copy_block(struct check *c, const struct claim *claim, uint32_t *to)
{
	uint32_t from = claim->block;
	uint8_t *bytes;
	int error;

	*to = check_allocate(c, from);
	if (!*to)
		return 0;
	bytes = malloc(c->block_bytes);
	error = bytes ? 0 : -ENOMEM;
	if (!error && claim->empty)
		dir_format(c, claim->ino, INO_ROOT, bytes);
	else if (!error)
		error = check_read(c, from, bytes);
	if (!error)
		error = check_write(c, *to, bytes);
	free(bytes);
	return error;
}

static int copy_pointer(void *context, struct pointer *p)
{
	struct copying *k = context;
	struct claim key = { .logical = p->logical,
			     .level = (uint8_t)p->level };
	struct claim *claim = bsearch(&key, k->claim, k->count, sizeof key,
				      by_place);
	int error;

	if (!block_valid(k->c, p->value) ||
	    (p->level && block_is_metadata(k->c, p->value)))
		return MAP_SKIP;
	if (!claim || claim->block != p->value) {
		if (!p->level)
			return 0;
		if (bit_get(k->entered, p->value))
			return MAP_SKIP;
		bit_set(k->entered, p->value);
		return 0;
	}
	if (claim->ino == INO_BAD_BLOCKS) {
		p->value = 0;
		return MAP_SKIP;
	}
	error = copy_block(k->c, claim, &p->value);
	if (error)
		return error;
	if (!p->value)
		not_repaired(k->c);
	// Below a copied block of a map all is doubly claimed from now on.
	return MAP_SKIP;
}

static int give_copies(struct check *c, struct claim *claim, size_t n,
		       uint64_t *entered)
{
	struct copying k = {
		.c = c,
		.claim = claim,
		.count = n,
		.entered = entered,
	};
	uint8_t *bytes = malloc(c->inode_bytes);
	bool dirty = false;
	int error = bytes ? inode_read(c, claim->ino, bytes) : -ENOMEM;
	uint32_t ino = claim->ino, to = 0;

	qsort(claim, n, sizeof *claim, by_place);
	for (size_t i = 0; !error && i < n; i++)
		if (claim[i].level == LEVEL_XATTR) {
			error = copy_block(c, &claim[i], &to);
			((struct disk_inode *)bytes)->i_file_acl = put32(to);
			dirty = true;
		}
	if (!error)
		error = map_walk(c, c->map, (void *)bytes, &dirty, 0,
				 copy_pointer, &k);
	if (!error && dirty)
		error = inode_write(c, ino, bytes);
	free(bytes);
	return error;
}

static int settle(struct check *c, struct claim *claim, size_t n,
		  uint64_t *entered)
{
	int error = 0;

	for (size_t i = 0, k; !error && i < n && claim[i].loses; i = k) {
		size_t agreed = i;

		// All of one inode: asked about each other claimer, then
		// repaired at once.
		for (k = i;
		     k < n && claim[k].loses && claim[k].ino == claim[i].ino;) {
			size_t from = k;

			while (k < n && claim[k].loses &&
			       claim[k].ino == claim[from].ino &&
			       claim[k].other == claim[from].other)
				k++;
			if (!tell(c, claim + from, k - from))
				continue;
			memmove(claim + agreed, claim + from,
				(k - from) * sizeof *claim);
			agreed += k - from;
		}
		if (agreed == i)
			continue;
		c->copied = true;
		error = give_copies(c, claim + i, agreed - i, entered);
	}
	return error;
}

int check_claims(struct check *c)
{
	struct claiming k = { .c = c };
	int error = 0;

	if (!c->twice_count)
		return 0;
	k.followed = calloc(c->blocks / 64 + 1, 8);
	k.xattr_seen = calloc(c->blocks / 64 + 1, 8);
	if (!k.followed || !k.xattr_seen)
		error = -ENOMEM;
	if (!error)
		error = inodes_each(c, claim_inode, &k, "claims", 0.5, 0.55);
	if (!error && k.count) {
		memset(k.followed, 0, (c->blocks / 64 + 1) * 8);
		error = decide(c, k.claim, k.count);
		if (!error)
			error = settle(c, k.claim, k.count, k.followed);
	}
	free(k.claim);
	free(k.followed);
	free(k.xattr_seen);
	return error;
}

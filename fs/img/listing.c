// # A directory's entries, gathered
//
// Whoever works on what a directory holds reads its entries first: a callback of
// ext2_list must not change the directory, and a good order saves time. By name
// is for people. By inode is for the disk: inodes of one directory stand side by
// side in the inode table, and their data mostly in the same order, while the
// entries of a directory with an index lie there by hash.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/img.h"

struct gathering {
	struct listing *listing;
	int flags;
	uint32_t dots[2]; // how often "." and ".." have been met
};

// Doubles what is too small.
static int grow(void *at, size_t *room, size_t need, size_t item_bytes)
{
	void *block, *moved;
	size_t more = *room ? *room : 64;

	if (need <= *room)
		return 0;
	while (more < need)
		more *= 2;
	memcpy(&block, at, sizeof block);
	moved = realloc(block, more * item_bytes);
	if (!moved)
		return -ENOMEM;
	memcpy(at, &moved, sizeof moved);
	*room = more;
	return 0;
}

// Every directory has each of them once; a second one is somebody's mischief, and
// must be seen.
static bool is_dots(struct gathering *g, const struct ext2_entry *entry)
{
	bool dots = entry->name_len >= 1 && entry->name_len <= 2 &&
		    !memcmp(entry->name, "..", entry->name_len);

	return dots && g->dots[entry->name_len - 1]++ == 0;
}

// The names move when their block grows, so pointers are set at the end.
static int gather(void *context, const struct ext2_entry *entry)
{
	struct gathering *g = context;
	struct listing *l = g->listing;

	if (is_dots(g, entry) && !(g->flags & LIST_DOTS))
		return 0;
	int error = grow(&l->item, &l->room, l->count + 1, sizeof *l->item);
	if (!error)
		error = grow(&l->names, &l->name_room,
			     l->name_bytes + entry->name_len + 1, 1);
	if (error)
		return error;
	memcpy(l->names + l->name_bytes, entry->name, entry->name_len);
	l->names[l->name_bytes + entry->name_len] = '\0';
	l->name_bytes += entry->name_len + 1u;
	l->item[l->count++] = (struct listed){
		.ino = entry->ino,
		.type = entry->type,
		.name_len = entry->name_len,
		.entry = *entry,
	};
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	size_t least = x->name_len < y->name_len ? x->name_len : y->name_len;
	int order = memcmp(x->name, y->name, least);

	return order ? order : x->name_len - y->name_len;
}

static int by_inode(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return x->ino != y->ino ? (x->ino < y->ino ? -1 : 1) : by_name(a, b);
}

int listing_read(struct ext2 *fs, uint32_t dir, int flags,
		 struct listing *listing)
{
	struct gathering gathering = { .listing = listing, .flags = flags };
	size_t at = 0;

	*listing = (struct listing){ 0 };
	int error = ext2_list(fs, dir, gather, &gathering);
	for (size_t i = 0; i < listing->count; i++) {
		struct listed *item = &listing->item[i];
		item->name = item->entry.name = listing->names + at;
		at += item->name_len + 1u;
	}
	if (listing->count && !(flags & LIST_AS_IS))
		qsort(listing->item, listing->count, sizeof *listing->item,
		      flags & LIST_SORTED ? by_name : by_inode);
	return error;
}

void listing_free(struct listing *listing)
{
	free(listing->item);
	free(listing->names);
	*listing = (struct listing){ 0 };
}

// check_names.c - the path of an inode, when a finding needs one
//
// Most images are sound and need no path. So nothing is kept of names while
// directories are read; the first finding that names an inode reads all
// directories once more and notes for each inode where its name stands (the
// directory, and the block of the disk: eight bytes). A path is then put together
// from the end: the block is read, the entry found, and so on to the root.
//
// The image may be damaged in any way: blocks are followed once each, entries are
// taken while they are sound, and a path that does not reach the root within
// some hundred steps is none.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ext2/check_parts.h"
#include "utf8.h"

struct naming {
	struct check *c;
	uint64_t *followed; // a bit a block
	uint8_t *map[3], *block;
	uint32_t dir;
};

static int note_block(struct naming *n, uint32_t block)
{
	struct check *c = n->c;
	uint32_t offset = 0;
	int error = check_read(c, block, n->block);

	if (error)
		return error;
	while (offset < c->block_bytes && entry_sound(c, n->block, offset)) {
		struct disk_entry *e = (void *)(n->block + offset);
		uint32_t ino = get32(e->inode);
		bool dot = e->name_len <= 2 && e->name[0] == '.' &&
			   (e->name_len == 1 || e->name[1] == '.');

		if (ino && ino <= c->inodes && !dot && !c->named[ino].dir)
			c->named[ino] = (struct named){ n->dir, block };
		offset += entry_length(c, e);
	}
	return 0;
}

static int note_pointer(void *context, struct pointer *p)
{
	struct naming *n = context;

	if (!block_valid(n->c, p->value) || bit_get(n->followed, p->value))
		return MAP_SKIP;
	bit_set(n->followed, p->value);
	return p->level ? 0 : note_block(n, p->value);
}

static int note_inode(void *context, uint32_t ino, uint8_t *bytes, bool *dirty)
{
	struct naming *n = context;
	struct disk_inode *inode = (void *)bytes;
	bool changed = false;

	(void)dirty;
	if (kind_of(get16(inode->i_mode)) != TYPE_DIRECTORY ||
	    !get16(inode->i_links_count))
		return 0;
	n->dir = ino;
	return map_walk(n->c, n->map, inode, &changed, 0, note_pointer, n);
}

// Without a path the finding is told all the same: errors are none.
static void note_all(struct check *c)
{
	struct naming n = { .c = c };

	c->named = calloc((size_t)c->inodes + 1, sizeof *c->named);
	n.followed = calloc(c->blocks / 64 + 1, 8);
	n.block = malloc(c->block_bytes);
	for (int i = 0; i < 3; i++)
		n.map[i] = malloc(c->block_bytes);
	if (c->named && n.followed && n.block && n.map[0] && n.map[1] &&
	    n.map[2])
		inodes_each(c, note_inode, &n, NULL, 0, 0);
	for (int i = 0; i < 3; i++)
		free(n.map[i]);
	free(n.block);
	free(n.followed);
}

// Puts "/name" before what stands at text + *from.
static bool prepend(struct check *c, uint8_t *bytes, uint32_t ino,
		    char text[PATH_TEXT], size_t *from)
{
	if (check_read(c, c->named[ino].block, bytes))
		return false;
	for (uint32_t offset = 0;
	     offset < c->block_bytes && entry_sound(c, bytes, offset);) {
		struct disk_entry *e = (void *)(bytes + offset);
		bool dot = e->name_len <= 2 && e->name[0] == '.' &&
			   (e->name_len == 1 || e->name[1] == '.');

		if (get32(e->inode) == ino && !dot) {
			if (*from < e->name_len + 1u)
				return false;
			*from -= e->name_len + 1u;
			text[*from] = '/';
			memcpy(text + *from + 1, e->name, e->name_len);
			for (uint32_t i = 0; i < e->name_len; i++)
				if (!e->name[i])
					text[*from + 1 + i] = '?';
			return true;
		}
		offset += entry_length(c, e);
	}
	return false;
}

const char *check_path(struct check *c, uint32_t ino, char text[PATH_TEXT])
{
	size_t from = PATH_TEXT - 1;
	uint8_t *bytes;

	if (ino == INO_ROOT)
		return "/";
	if (!c->groups || ino > c->inodes || ino < c->first_ino)
		return NULL;
	if (!c->named)
		note_all(c);
	bytes = malloc(c->block_bytes);
	if (!c->named || !bytes)
		ino = 0;
	text[from] = '\0';
	for (int steps = 0; ino && ino != INO_ROOT; steps++) {
		if (!c->named[ino].dir || steps > PATH_TEXT / 2 ||
		    !prepend(c, bytes, ino, text, &from))
			ino = 0;
		else
			ino = c->named[ino].dir;
	}
	free(bytes);
	return ino ? text + from : NULL;
}

const char *check_name(const void *name, size_t length, char text[NAME_TEXT])
{
	char *out = text, copy[NAME_LONGEST + 1] = "";

	if (length > NAME_LONGEST)
		length = NAME_LONGEST;
	memcpy(copy, name, length);
	*out++ = '\'';
	for (size_t i = 0; i < length;) {
		size_t n;
		uint32_t character = utf8_next(copy + i, &n);

		if (!n || character == UTF8_INVALID || character < ' ' ||
		    (character >= 0x7f && character < 0xa0)) {
			out += snprintf(out, 5, "\\%03o", (uint8_t)copy[i]);
			i++;
			continue;
		}
		memcpy(out, copy + i, n);
		out += n;
		i += n;
	}
	*out++ = '\'';
	*out = '\0';
	return text;
}

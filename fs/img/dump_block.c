// # A block's bytes, and what they are
//
// The bytes alone do not tell whether they are text or pointers: who owns the block
// does (pieces.h). So that is found out first, then the bytes are shown in that
// light: a directory as entries, a block map as pointers, an inode table as inodes.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "fs/img/dump.h"
#include "fs/img/fields.h"
#include "fs/img/pieces.h"
#include "must.h"

struct search {
	uint64_t block;
	struct piece found;
	bool any;
};

static int look(void *context, const struct piece *piece)
{
	struct search *search = context;

	if (search->block < piece->first ||
	    search->block - piece->first >= piece->blocks)
		return 0;
	search->found = *piece;
	search->any = true;
	return 1;
}

static void print_owner(const struct search *search, bool in_use)
{
	const struct piece *p = &search->found;

	printf("block %" PRIu64 ": ", search->block);
	if (!search->any)
		printf("%s", in_use ? "in use by the bitmap, and nobody's "
				      "(img fsck)"
				    : "free");
	else if (p->inode)
		printf("%s of inode %" PRIu32 ", its block %" PRIu64,
		       piece_words[p->kind], p->inode,
		       p->logical + (p->kind == PIECE_MAP
					     ? 0
					     : search->block - p->first));
	else
		printf("%s of group %" PRIu32, piece_words[p->kind], p->group);
	printf("\n\n");
}

// ## Blocks of a kind

// Runs of rising numbers, and of zeros, in a line each.
static void print_pointers(const uint8_t *bytes, uint32_t n)
{
	const le32 *pointer = (const le32 *)bytes;
	uint32_t run;

	printf("   byte  pointers\n");
	for (uint32_t i = 0; i < n; i += run) {
		uint32_t first = get32(pointer[i]);
		for (run = 1; i + run < n && get32(pointer[i + run]) ==
						     (first ? first + run : 0);
		     run++)
			;
		printf("  %5" PRIu32 "  ", i * 4);
		if (!first)
			printf("%" PRIu32 " of 0: holes\n", run);
		else if (run == 1)
			printf("%" PRIu32 "\n", first);
		else
			printf("%" PRIu32 "-%" PRIu32 "\n", first,
			       first + run - 1);
	}
}

static bool is_extents(const uint8_t *bytes)
{
	const struct disk_extent_header *header = (const void *)bytes;

	return get16(header->eh_magic) == EXTENT_MAGIC;
}

static void print_map(const struct dump *d, const uint8_t *bytes,
		      const struct ext2_inode *inode)
{
	if (inode->flags & INODE_EXTENTS)
		print_extents(bytes, d->numbers.block_bytes, 0, d->hex);
	else
		print_pointers(bytes, d->numbers.block_bytes / 4);
}

// The inodes that stand in a block of their table, with what they are.
static void print_inodes(const struct dump *d, const struct search *search)
{
	uint32_t n = d->numbers.block_bytes / d->numbers.inode_bytes;
	uint64_t first = (uint64_t)search->found.group *
				 d->numbers.inodes_per_group +
			 (search->block - search->found.first) * n + 1;
	struct ext2_inode inode;

	printf("   byte     inode  what\n");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t ino = (uint32_t)(first + i);
		bool used = false;
		if (ino > d->numbers.inodes ||
		    ext2_inode_in_use(d->session->fs, ino, &used) != 0)
			break;
		printf("  %5" PRIu32 "  %8" PRIu32 "  ",
		       i * d->numbers.inode_bytes, ino);
		if (!used)
			printf("free\n");
		else if (ext2_inode(d->session->fs, ino, &inode) != 0)
			printf("cannot be read\n");
		else if (!inode.mode)
			printf("reserved, empty\n");
		else
			printf("%s, %" PRIu64 " bytes, %" PRIu32 " link%s\n",
			       type_word(inode.mode), inode.size, inode.links,
			       inode.links == 1 ? "" : "s");
	}
}

static void print_super(const struct dump *d, const struct search *search,
			const uint8_t *bytes)
{
	uint32_t at = search->block ? 0 : SUPER_OFFSET % d->numbers.block_bytes;

	print_fields(&super_structure, bytes + at, SUPER_BYTES, d->hex, at);
}

static void print_target(const struct dump *d, const struct ext2_inode *inode,
			 const uint8_t *bytes)
{
	size_t n = inode->size < d->numbers.block_bytes
			   ? (size_t)inode->size
			   : d->numbers.block_bytes;
	char *text = shown((const char *)bytes, n);

	put_wrapped(stdout, canvas_of(STDOUT_FILENO).columns, "", 0, text);
	free(text);
}

static bool is_bitmap(enum piece_kind kind)
{
	return kind == PIECE_BLOCK_BITMAP || kind == PIECE_INODE_BITMAP;
}

static uint64_t logical_of(const struct search *search)
{
	const struct piece *p = &search->found;

	return p->logical +
	       (p->kind == PIECE_MAP ? 0 : search->block - p->first);
}

// True: its bytes have been shown for what they are.
static bool print_special(const struct dump *d, const struct search *search,
			  const uint8_t *bytes)
{
	enum piece_kind kind = search->found.kind;
	struct ext2_inode inode = { 0 };

	if (!search->any ||
	    (search->found.inode &&
	     ext2_inode(d->session->fs, search->found.inode, &inode) != 0))
		return false;
	if (kind == PIECE_MAP &&
	    (!(inode.flags & INODE_EXTENTS) || is_extents(bytes)))
		print_map(d, bytes, &inode);
	else if (kind == PIECE_XATTR)
		print_fields(&xattr_header_structure, bytes,
			     d->numbers.block_bytes, true, 0);
	else if (kind == PIECE_DIRECTORY)
		print_dir_block(d, &inode, bytes, logical_of(search));
	else if (kind == PIECE_INODE_TABLE)
		print_inodes(d, search);
	else if (kind == PIECE_SUPER)
		print_super(d, search, bytes);
	else if (kind == PIECE_SYMLINK)
		print_target(d, &inode, bytes);
	else if (is_bitmap(kind))
		printf("img dump group %" PRIu32
		       " says what its bits mean: bit 0 of byte 0 is the "
		       "first\n",
		       search->found.group);
	else
		return false;
	return kind != PIECE_XATTR && !is_bitmap(kind);
}

// The same facts as members.
static void json_special(const struct dump *d, const struct search *search,
			 const uint8_t *bytes, json_t *object)
{
	const struct piece *p = &search->found;
	struct ext2_inode inode;

	if (!search->any)
		return;
	if (!p->inode) {
		json_object_set_new(object, "group", json_integer(p->group));
		if (p->kind == PIECE_SUPER)
			json_object_set_new(
				object, "super",
				json_fields(
					&super_structure,
					bytes + (search->block
							 ? 0
							 : SUPER_OFFSET %
								   d->numbers
									   .block_bytes),
					SUPER_BYTES));
		return;
	}
	json_object_set_new(object, "logical",
			    json_integer((json_int_t)logical_of(search)));
	if (ext2_inode(d->session->fs, p->inode, &inode) != 0)
		return;
	if (p->kind == PIECE_DIRECTORY)
		json_object_set_new(object, "directory",
				    json_dir_block(d, &inode, bytes,
						   logical_of(search)));
	if (p->kind != PIECE_MAP)
		return;
	json_object_set_new(object, "level", json_integer(p->level));
	if (inode.flags & INODE_EXTENTS) {
		json_object_set_new(object, "extents",
				    json_extents(bytes,
						 d->numbers.block_bytes));
		return;
	}
	json_t *list = must_ptr(json_array());
	for (uint32_t i = 0; i < d->numbers.block_bytes; i += 4)
		json_array_append_new(
			list, json_integer(get32(*(const le32 *)(bytes + i))));
	json_object_set_new(object, "pointers", list);
}

int dump_block(struct dump *d)
{
	struct session *s = d->session;
	struct search search = { .block = d->number };
	bool in_use = false;

	if (d->number >= d->numbers.blocks)
		return complain(s, 0,
				"block %" PRIu64
				": want one from 0 to %" PRIu64,
				d->number, d->numbers.blocks - 1);
	uint8_t *bytes = must_ptr(malloc(d->numbers.block_bytes));
	int error = ext2_read_block(s->fs, d->number, bytes);
	if (!error)
		error = ext2_block_in_use(s->fs, d->number, &in_use);
	if (error) {
		free(bytes);
		return complain(s, error, "cannot read block %" PRIu64,
				d->number);
	}
	pieces_each(s, look, &search);
	int status = EXIT_SUCCESS;
	if (s->json) {
		char *hex = must_ptr(malloc(2u * d->numbers.block_bytes + 1));
		for (uint32_t i = 0; i < d->numbers.block_bytes; i++)
			snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
		json_t *object = json_pack(
			"{s:I, s:b, s:s?, s:I, s:s}", "block",
			(json_int_t)d->number, "in_use", (int)in_use, "is",
			search.any ? piece_words[search.found.kind] : NULL,
			"inode", (json_int_t)search.found.inode, "bytes", hex);
		json_special(d, &search, bytes, object);
		status = print_json(object);
		free(hex);
	} else {
		print_owner(&search, in_use);
		bool told = print_special(d, &search, bytes);
		if (!told || d->hex) {
			if (told)
				printf("\n");
			print_hex(bytes, d->numbers.block_bytes, 0);
		}
	}
	free(bytes);
	return status;
}

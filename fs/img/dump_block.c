// # A block's bytes, and what they are
//
// The bytes alone do not tell whether they are text or pointers: who owns the block
// does (pieces.h). So that is found out first, then the bytes are shown in that
// light.

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

static void print_pointers(const uint8_t *bytes, uint32_t block_bytes)
{
	uint32_t n = block_bytes / 4, shown_runs = 0;

	printf("it points at:");
	for (uint32_t i = 0; i < n && shown_runs < 40; shown_runs++) {
		uint32_t first = get32(*(const le32 *)(bytes + 4 * i));
		uint32_t run = 1;
		while (i + run < n &&
		       get32(*(const le32 *)(bytes + 4 * (i + run))) ==
			       (first ? first + run : 0))
			run++;
		if (!first)
			printf(" hole of %" PRIu32, run);
		else if (run == 1)
			printf(" %" PRIu32, first);
		else
			printf(" %" PRIu32 "-%" PRIu32, first, first + run - 1);
		i += run;
	}
	printf("\n\n");
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

static void print_special(const struct dump *d, const struct search *search,
			  const uint8_t *bytes)
{
	if (!search->any)
		return;
	if (search->found.kind == PIECE_MAP)
		print_pointers(bytes, d->numbers.block_bytes);
	else if (search->found.kind == PIECE_XATTR)
		print_fields(&xattr_header_structure, bytes,
			     d->numbers.block_bytes, true, 0);
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
		status = print_json(json_pack(
			"{s:I, s:b, s:s?, s:I, s:s}", "block",
			(json_int_t)d->number, "in_use", (int)in_use, "is",
			search.any ? piece_words[search.found.kind] : NULL,
			"inode", (json_int_t)search.found.inode, "bytes", hex));
		free(hex);
	} else {
		print_owner(&search, in_use);
		print_special(d, &search, bytes);
		print_hex(bytes, d->numbers.block_bytes, 0);
	}
	free(bytes);
	return status;
}

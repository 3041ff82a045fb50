// # A directory's blocks, entry by entry
//
//     block 531 of the disk (block 0 of the directory)
//        byte  inode  length  name
//           0     13      12  .
//          12     12      12  ..
//          24     14      16  notes.txt
//          40     15    4056  link.txt
//                        4036 bytes behind it are free
//
// An entry is as long as the way to the next. Removing a name makes the entry
// before it longer: the name's bytes stay, and --hex shows them. ("rm" removes a
// name, not the data; see img undelete.)

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/img/dump.h"
#include "fs/img/fields.h"
#include "must.h"

struct lister {
	const struct dump *dump;
	json_t *entries;
	uint64_t block; // the last one that was begun
};

static void print_slack(const struct lister *l, const struct ext2_entry *e)
{
	uint32_t used = entry_bytes(e->name_len);

	if (e->rec_len <= used)
		return;
	printf("                       %" PRIu32 " bytes behind it are free\n",
	       e->rec_len - used);
	if (!l->dump->hex)
		return;
	uint8_t *bytes = must_ptr(malloc(l->dump->numbers.block_bytes));
	if (ext2_read_block(l->dump->session->fs, e->block, bytes) == 0 &&
	    e->offset + e->rec_len <= l->dump->numbers.block_bytes)
		print_hex(bytes + e->offset + used, e->rec_len - used,
			  e->offset + used);
	free(bytes);
}

static int list(void *context, const struct ext2_entry *e)
{
	struct lister *l = context;

	if (l->entries) {
		json_t *object = json_pack(
			"{s:I, s:I, s:i, s:i, s:i, s:i}", "block",
			(json_int_t)e->block, "directory_block",
			(json_int_t)e->logical, "offset", (int)e->offset,
			"rec_len", (int)e->rec_len, "inode", (int)e->ino,
			"file_type", (int)e->type);
		json_set_name(object, "name", e->name, e->name_len);
		json_array_append_new(l->entries, object);
		return 0;
	}
	if (l->block != e->block)
		printf("block %" PRIu64 " of the disk (block %" PRIu64
		       " of the directory)\n"
		       "   byte     inode  length  name\n",
		       e->block, e->logical);
	l->block = e->block;
	char *text = shown(e->name, e->name_len);
	printf("  %5" PRIu32 "  %8" PRIu32 "  %6" PRIu32 "  %s\n", e->offset,
	       e->ino, e->rec_len, text);
	free(text);
	print_slack(l, e);
	return 0;
}

// Block 0 of a directory with an index holds its root, behind "..".
static int print_index(const struct dump *d, const struct ext2_inode *inode)
{
	struct disk_htree_root root;
	struct ext2_run run;

	if (!(inode->flags & INODE_INDEX))
		return 0;
	int error = ext2_run_at(d->session->fs, inode, 0, &run);
	if (error || !run.physical)
		return error;
	uint8_t *bytes = must_ptr(malloc(d->numbers.block_bytes));
	error = ext2_read_block(d->session->fs, run.physical, bytes);
	if (!error) {
		const struct disk_htree_limit *limit =
			(const void *)(bytes + 24 + sizeof root);
		memcpy(&root, bytes + 24, sizeof root);
		printf("It has an index (htree), %u level%s of nodes below "
		       "the root, hash %u; the root in block %" PRIu64
		       " has %u of %u entries.\n\n",
		       root.indirect_levels,
		       root.indirect_levels == 1 ? "" : "s", root.hash_version,
		       run.physical, get16(limit->count), get16(limit->limit));
	}
	free(bytes);
	return error;
}

int dump_dir(struct dump *d)
{
	struct session *s = d->session;
	struct lister l = { .dump = d };
	struct ext2_inode inode;

	if (reach_inode(s, d->argument, 0, &inode))
		return EXIT_FAILURE;
	if (!S_ISDIR(inode.mode))
		return complain(s, -ENOTDIR, "%s", d->argument);
	if (s->json)
		l.entries = must_ptr(json_array());
	int error = s->json ? 0 : print_index(d, &inode);
	if (!error)
		error = ext2_list(s->fs, inode.ino, list, &l);
	if (l.entries && print_json(l.entries))
		return EXIT_FAILURE;
	return error ? complain(s, error, "cannot list %s", d->argument)
		     : EXIT_SUCCESS;
}

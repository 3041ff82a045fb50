// # The way from an inode to a block
//
//     i_block[0]                                      one of the first 12
//     i_block[12] = 4783, there at byte 296           over a block of pointers
//     i_block[13] = 5040, there at byte 8 = 5041, there at byte 296
//     the extent in the inode at byte 52              ext4
//     the extents' node 900, there at byte 24
//
// What stands at the last place is the number of the block itself.

#define _GNU_SOURCE
#include "fs/img/way.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

void way_find(struct session *s, const struct ext2_inode *inode,
	      uint64_t logical, struct way *way)
{
	uint64_t block;
	uint32_t offset;

	*way = (struct way){ .slot = -1 };
	way->steps = ext2_map_path(s->fs, inode, logical, way->step);
	if (way->steps <= 0 || inode->flags & INODE_EXTENTS ||
	    ext2_inode_place(s->fs, inode->ino, &block, &offset) != 0)
		return;
	way->slot = (int)((way->step[0].offset - offset -
			   offsetof(struct disk_inode, i_block)) /
			  sizeof(le32));
}

char *way_text(const struct way *way)
{
	char *text;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	if (way->slot >= 0)
		fprintf(out, "i_block[%d]", way->slot);
	else if (way->steps == 1)
		fprintf(out, "the extent in the inode");
	else if (way->steps > 1)
		fprintf(out, "the extent tree in the inode");
	for (int i = 1; i < way->steps; i++)
		fprintf(out, " = %" PRIu64 ", there at byte %" PRIu32,
			way->step[i].holder, way->step[i].offset);
	must_zero(fclose(out));
	return text;
}

json_t *way_json(const struct way *way)
{
	json_t *list = must_ptr(json_array());

	for (int i = 0; i < way->steps; i++)
		json_array_append_new(
			list,
			json_pack("{s:I, s:I, s:I}", "holder",
				  (json_int_t)way->step[i].holder, "offset",
				  (json_int_t)way->step[i].offset, "value",
				  (json_int_t)way->step[i].value));
	return list;
}

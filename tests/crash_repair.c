// A loss of power in a repair, which an undo file takes back.

#include "crash_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/ext2/check.h"

struct undoing {
	const struct crash_bytes *before, *after;
	struct device *device;
	char undo[100];
	uint64_t whole, mended;
};

// Whatever of the repair is there: undone, the image is what it was.
static void judge_undo(void *context, const struct crash_bytes *state,
		       const struct crash_point *point)
{
	struct undoing *u = context;
	uint8_t *now = malloc(state->n);

	ck_assert_ptr_nonnull(now);
	u->mended += !memcmp(state->bytes, u->after->bytes, state->n);
	device_write(u->device, 0, state->bytes, state->n);
	ck_assert_int_eq(device_undo(u->device, u->undo), 0);
	ck_assert_int_eq(device_read(u->device, 0, now, state->n), 0);
	ck_assert_msg(!memcmp(now, u->before->bytes, state->n), "%s",
		      crash_point_text(point));
	u->whole++;
	free(now);
}

enum { BLOCK = 1024, INODE = 256, DAMAGED = 30 };

// Both bitmaps say that all is free, the superblock's counts are nonsense, and so
// are links and sizes of many inodes: a repair writes blocks of every kind.
void crash_damage(struct device *device)
{
	uint8_t bytes[BLOCK] = { 0 };
	struct disk_super super;
	struct disk_group group;
	struct disk_inode inode;

	ck_assert_int_eq(
		device_read(device, SUPER_OFFSET, &super, sizeof(super)), 0);

	uint64_t block = UINT64_C(1024) << get32(super.s_log_block_size);
	uint64_t groups = (get32(super.s_first_data_block) + 1) * block;

	ck_assert_int_eq(device_read(device, groups, &group, sizeof(group)), 0);

	uint64_t table = get32(group.bg_inode_table) * block;

	device_write(device, get32(group.bg_block_bitmap) * block, bytes,
		     BLOCK);
	device_write(device, get32(group.bg_inode_bitmap) * block, bytes,
		     BLOCK);
	memset(bytes, 0xff, sizeof(bytes));
	device_write(device, SUPER_OFFSET + 12, bytes, 8);
	for (uint64_t i = INO_FIRST; i < INO_FIRST + DAMAGED; i++) {
		uint64_t at = table + i * INODE;

		ck_assert_int_eq(device_read(device, at, &inode, sizeof(inode)),
				 0);
		if (!get16(inode.i_links_count))
			continue;
		inode.i_links_count = put16(get16(inode.i_links_count) + 3);
		inode.i_blocks = put32(get32(inode.i_blocks) + 2);
		device_write(device, at, &inode, sizeof(inode));
	}
}

START_TEST(crash_while_repairing)
{
	const struct crash_edit *edit = crash_edit_called("batch");
	struct crash_bytes base = crash_base(&crash_ordered[0], edit);
	struct device *device = device_of_bytes(&base), *recorder, *overlay;
	struct recording recording = { 0 };
	struct check_options options = { .repair = true, .force = true };
	struct check_result result;
	struct undoing u = { 0 };
	uint64_t seen = 0, all;

	free(base.bytes);
	crash_damage(device);
	base = bytes_of_device(device);
	ck_assert_int_eq(device_recorder(device, &recording, &recorder), 0);
	ck_assert_int_eq(device_overlay(recorder, 1024, 1 << 20, &overlay), 0);
	ck_assert_int_eq(ext2_check(overlay, &options, &result), 0);
	ck_assert_uint_gt(result.repaired, DAMAGED / 2);
	ck_assert_uint_gt(device_overlay_units(overlay), 6);
	ck_assert_uint_eq(recording.count, 0);
	snprintf(u.undo, sizeof(u.undo), "%s/undo", crash_folder);
	unlink(u.undo);
	ck_assert_int_eq(device_overlay_apply(overlay, u.undo), 0);

	struct crash_bytes after = bytes_of_device(device);
	const char *said;

	put_sector_bytes(crash_image(), &after);
	if (have_e2fsck())
		ck_assert_int_eq(e2fsck("-fn", crash_image(), &said), 0);
	u.before = &base;
	u.after = &after;
	u.device = device;
	all = crash_states(&base, &recording, 0, 7, &seen, judge_undo, &u);
	ck_assert_uint_eq(u.whole, seen);
	ck_assert_uint_gt(seen, 50);
	if (soaking())
		printf("crash: repair: %ju of %ju states, %ju mended\n",
		       (uintmax_t)seen, (uintmax_t)all, (uintmax_t)u.mended);
	device_close(overlay);
	device_close(recorder);
	device_close(device);
	recording_clear(&recording);
	free(base.bytes);
	free(after.bytes);
}
END_TEST

void add_crash_repair_tests(TCase *tests)
{
	tcase_add_test(tests, crash_while_repairing);
}

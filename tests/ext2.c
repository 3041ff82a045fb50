// ext2.c - the suite: what can be opened, what is refused, and why
//
// Judges: dumpe2fs says what an image is; its own sources say how a feature is
// called. Hostile superblocks are made by changing each field in turn.

#include "ext2_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ## Shared

uint8_t *device_bytes(struct device *device)
{
	uint8_t *bytes = malloc(device->bytes);

	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(device_read(device, 0, bytes, device->bytes), 0);
	return bytes;
}

struct device *image_in_memory(const char *options, const char *size)
{
	struct device *file, *memory;
	uint8_t *bytes;

	content_make_image(options, size, 0);
	ck_assert_int_eq(device_file(content_image, DEVICE_READ, 0, 0, &file),
			 0);
	bytes = device_bytes(file);
	ck_assert_int_eq(device_memory(file->bytes, &memory), 0);
	ck_assert_int_eq(device_write(memory, 0, bytes, file->bytes), 0);
	device_close(file);
	free(bytes);
	return memory;
}

void image_to_file(struct device *memory)
{
	uint8_t *bytes = device_bytes(memory);
	FILE *file = fopen(content_image, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, memory->bytes, file), memory->bytes);
	ck_assert_int_eq(fclose(file), 0);
	free(bytes);
}

struct ext2 *opened(struct device *device, int flags)
{
	struct ext2_refusal why;
	struct ext2 *fs;
	int error = ext2_open(device, flags, &fs, &why);

	ck_assert_msg(!error, "%s: %s", strerror(-error), why.text);
	return fs;
}

// ## What an image is

static const char *const shapes[][2] = {
	{ "-t ext2 -b 1024", "3M" },
	{ "-t ext2 -b 1024 -O ^resize_inode", "20M" },
	{ "-t ext2 -b 2048 -I 128", "40M" },
	{ "-t ext2 -b 4096 -g 1024 -N 3000", "70M" },
	{ "-t ext2 -b 1024 -g 256 -O ^sparse_super,^resize_inode", "6M" },
	{ "-t ext2 -b 1024 -r 0", "2M" },
	{ "-t ext3 -b 1024", "12M" },
	{ "-t ext3 -b 4096", "40M" },
	{ "-t ext4 -b 1024", "40M" },
	{ "-t ext4 -b 4096 -O ^64bit", "200M" },
	{ "-t ext4 -b 4096 -g 4096 -O ^metadata_csum,uninit_bg", "200M" },
	{ "-t ext4 -b 1024 -O meta_bg,^resize_inode", "100M" },
	{ "-t ext4 -b 1024 -O bigalloc -C 16384", "100M" },
	{ "-t ext4 -b 1024 -O sparse_super2,^resize_inode", "50M" },
	{ "-t ext4 -b 8192", "100M" },
	{ "-t ext4 -b 65536", "400M" },
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

static uint64_t number_after(const char *text, const char *label)
{
	const char *at = strstr(text, label);

	ck_assert_msg(at, "dumpe2fs does not say '%s'", label);
	return strtoull(at + strlen(label), NULL, 10);
}

static void compare_numbers(struct ext2 *fs, const char *said)
{
	struct ext2_numbers n;

	ext2_numbers(fs, &n);
	ck_assert_uint_eq(n.blocks, number_after(said, "\nBlock count:"));
	ck_assert_uint_eq(n.reserved_blocks,
			  number_after(said, "\nReserved block count:"));
	ck_assert_uint_eq(n.inodes, number_after(said, "\nInode count:"));
	ck_assert_uint_eq(n.free_inodes, number_after(said, "\nFree inodes:"));
	ck_assert_uint_eq(n.first_data_block,
			  number_after(said, "\nFirst block:"));
	ck_assert_uint_eq(n.block_bytes, number_after(said, "\nBlock size:"));
	ck_assert_uint_eq(n.blocks_per_group,
			  number_after(said, "\nBlocks per group:"));
	ck_assert_uint_eq(n.inodes_per_group,
			  number_after(said, "\nInodes per group:"));
	if (n.inode_bytes > 128 || strstr(said, "\nInode size:"))
		ck_assert_uint_eq(n.inode_bytes,
				  number_after(said, "\nInode size:"));
	if (strstr(said, "\nFirst inode:"))
		ck_assert_uint_eq(n.first_inode,
				  number_after(said, "\nFirst inode:"));
	ck_assert_uint_eq(n.free_blocks, number_after(said, "\nFree blocks:"));
	ck_assert_str_eq(n.label, "a label");
}

// The paragraph of one group: its text ends where the next begins.
static char *group_text(char *said, uint32_t group, uint32_t groups)
{
	char label[40], *at, *next;

	snprintf(label, sizeof label, "\nGroup %u: ", group);
	at = strstr(said, label);
	ck_assert_msg(at, "no%s", label);
	at++;
	snprintf(label, sizeof label, "\nGroup %u: ", group + 1);
	next = strstr(at, label);
	ck_assert_int_eq(next != NULL, group + 1 < groups);
	if (next)
		*next = '\0';
	return at;
}

// Blocks at the head: superblock, descriptors, reserved ones, as dumpe2fs has them.
static uint32_t head_said(const char *text, uint64_t first)
{
	static const char *const labels[] = { "superblock at ",
					      "Group descriptors at ",
					      "Group descriptor at ",
					      "Reserved GDT blocks at " };
	uint64_t end = first;

	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		const char *at = strstr(text, labels[i]);
		unsigned long long from, to;

		if (!at)
			continue;
		switch (sscanf(at + strlen(labels[i]), "%llu-%llu", &from,
			       &to)) {
		case 1:
			to = from;
			break;
		case 2:
			break;
		default:
			ck_abort_msg("%s", at);
		}
		ck_assert_uint_ge(from, first);
		if (to + 1 > end)
			end = to + 1;
	}
	return (uint32_t)(end - first);
}

static void compare_groups(struct ext2 *fs, char *said)
{
	struct ext2_numbers n;

	ext2_numbers(fs, &n);
	for (uint32_t i = 0; i < n.groups; i++) {
		char *text = group_text(said, i, n.groups);
		unsigned long long first, last;
		struct ext2_group g;
		char *next = text + strlen(text);

		ck_assert_int_eq(ext2_group(fs, i, &g), 0);
		ck_assert_int_eq(sscanf(text, "Group %*u: (Blocks %llu-%llu)",
					&first, &last),
				 2);
		ck_assert_uint_eq(g.first_block, first);
		ck_assert_uint_eq(g.first_block + g.blocks - 1, last);
		ck_assert_uint_eq(g.block_bitmap,
				  number_after(text, "Block bitmap at "));
		ck_assert_uint_eq(g.inode_bitmap,
				  number_after(text, "Inode bitmap at "));
		ck_assert_uint_eq(g.inode_table,
				  number_after(text, "Inode table at "));
		ck_assert_uint_eq(g.free_inodes,
				  number_after(text, "free blocks, "));
		ck_assert_uint_eq(g.directories,
				  number_after(text, "free inodes, "));
		ck_assert_int_eq(g.has_super,
				 strstr(text, "superblock at ") != NULL);
		ck_assert_msg(g.super_blocks == head_said(text, first),
			      "group %u: %u at the head, dumpe2fs has %u", i,
			      g.super_blocks, head_said(text, first));
		if (i + 1 < n.groups)
			*next = '\n';
	}
	ck_assert_int_eq(ext2_group(fs, n.groups, &(struct ext2_group){ 0 }),
			 -EINVAL);
}

// The bitmaps, lazy groups too, against the free blocks that dumpe2fs lists.
static void compare_free(struct ext2 *fs, char *said)
{
	struct ext2_numbers n;
	uint64_t free_blocks = 0, free_inodes = 0;

	ext2_numbers(fs, &n);
	for (uint64_t b = n.first_data_block; b < n.blocks; b++) {
		bool used;

		ck_assert_int_eq(ext2_block_in_use(fs, b, &used), 0);
		free_blocks += !used;
	}
	for (uint32_t i = 1; i <= n.inodes; i++) {
		bool used;

		ck_assert_int_eq(ext2_inode_in_use(fs, i, &used), 0);
		free_inodes += !used;
	}
	ck_assert_uint_eq(free_blocks, number_after(said, "\nFree blocks:"));
	ck_assert_uint_eq(free_inodes, n.free_inodes);
}

START_TEST(is_what_dumpe2fs_says)
{
	struct content_image image;
	char *head, *said;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_do("mke2fs -q -F -L 'a label' %s image %s 2>&1", shapes[_i][0],
		   shapes[_i][1]);
	head = content_shell("dumpe2fs -h image 2>/dev/null");
	said = content_shell("dumpe2fs image 2>/dev/null");
	image = content_open(0);
	compare_numbers(image.fs, head);
	compare_free(image.fs, head);
	if (!strstr(head, "bigalloc"))
		compare_groups(image.fs, said);
	content_close(&image);
	free(head);
	free(said);
}
END_TEST

// ## Features

static void change_word(struct device *device, size_t at, uint32_t value)
{
	le32 n = put32(value);

	ck_assert_int_eq(device_write(device, SUPER_OFFSET + at, &n, 4), 0);
}

static const size_t words[3] = {
	offsetof(struct disk_super, s_feature_compat),
	offsetof(struct disk_super, s_feature_incompat),
	offsetof(struct disk_super, s_feature_ro_compat),
};

static void expect_refusal(struct device *device, int flags, int error,
			   const char *text)
{
	struct ext2_refusal why;
	struct ext2 *fs;

	ck_assert_int_eq(ext2_open(device, flags, &fs, &why), error);
	ck_assert_msg(strstr(why.text, text), "'%s' lacks '%s'", why.text,
		      text);
	ck_assert_int_eq(ext2_open(device, flags, &fs, NULL), error);
}

// e2fsprogs prints a name for each bit that it knows. Its own words for those
// that nobody uses any more are not a test of ours.
START_TEST(features_have_the_names_of_dumpe2fs)
{
	struct device *device;
	int known = 0;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	device = image_in_memory("-t ext2 -b 1024", "1M");
	for (int word = 0; word < 3; word++)
		for (int bit = 0; bit < 32; bit++) {
			const char *name = ext2_feature_name(word, bit);
			char *said, look[80];

			change_word(device, words[word], 1u << bit);
			image_to_file(device);
			said = content_shell("dumpe2fs -h -f image 2>&1 | "
					     "sed -n 's/^Filesystem features: "
					     "*//p'; true");
			snprintf(look, sizeof look, "FEATURE_%c%d", "CIR"[word],
				 bit);
			if (strstr(said, look)) // it has no name for it
				ck_assert_msg(!name || bit < 32, "%s", said);
			else if (*said) {
				ck_assert_msg(name && strstr(said, name),
					      "%d/%d is %s, not %s", word, bit,
					      said, name ? name : "(nothing)");
				known++;
			}
			free(said);
			change_word(device, words[word], 0);
		}
	ck_assert_int_ge(known, 35);
	ck_assert_ptr_null(ext2_feature_name(3, 0));
	ck_assert_ptr_null(ext2_feature_name(-1, 0));
	ck_assert_ptr_null(ext2_feature_name(0, 32));
	device_close(device);
}
END_TEST

static const char *const ext4_only[][2] = {
	{ "-t ext2 -O extent", "uses extent" },
	{ "-t ext2 -O 64bit,extent", "extent and 64bit" },
	{ "-t ext2 -O flex_bg", "flex_bg" },
	{ "-t ext2 -O metadata_csum", "metadata_csum" },
	{ "-t ext2 -O uninit_bg", "uninit_bg" },
	{ "-t ext2 -O meta_bg,^resize_inode", "meta_bg" },
	{ "-t ext2 -O quota", "quota" },
	{ "-t ext2 -O project,quota -I 256", "quota and project" },
	{ "-t ext2 -O sparse_super2,^resize_inode", "sparse_super2" },
	{ "-t ext2 -O mmp", "mmp" },
	{ "-t ext4", "metadata_csum" },
};

START_TEST(ext4_is_read_and_not_written)
{
	struct device *device;
	struct ext2 *fs;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	device = image_in_memory(ext4_only[_i][0], "16M");
	fs = opened(device, 0);
	ext2_close(fs);
	expect_refusal(device, EXT2_WRITE, -ENOTSUP, ext4_only[_i][1]);
	device_close(device);
}
END_TEST

START_TEST(unknown_features)
{
	struct device *device;
	struct ext2 *fs;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	device = image_in_memory("-t ext2 -b 1024", "2M");

	change_word(device, words[0], 1u << 27 | COMPAT_EXT_ATTR);
	ext2_close(opened(device, 0));
	fs = opened(device, EXT2_WRITE);
	ext2_close(fs);
	change_word(device, words[0], 0x400);
	ext2_close(opened(device, 0));
	expect_refusal(device, EXT2_WRITE, -ENOTSUP, "fast_commit");
	change_word(device, words[0], 0);

	change_word(device, words[1], 2u | 1u << 28);
	expect_refusal(device, 0, -ENOTSUP, "incompatible feature 28");
	expect_refusal(device, EXT2_WRITE, -ENOTSUP, "incompatible feature 28");
	change_word(device, words[1],
		    2u | INCOMPAT_ENCRYPT | INCOMPAT_CASEFOLD);
	expect_refusal(device, 0, -ENOTSUP, "encrypt and casefold");
	change_word(device, words[1], INCOMPAT_JOURNAL_DEV);
	expect_refusal(device, 0, -ENOTSUP, "journal_dev");
	change_word(device, words[1], UINT32_MAX); // the text has its end
	expect_refusal(device, 0, -ENOTSUP, "compression");
	change_word(device, words[1], 2);

	change_word(device, words[2], 1u << 29);
	ext2_close(opened(device, 0));
	expect_refusal(device, EXT2_WRITE, -ENOTSUP,
		       "read-only compatible feature 29");
	device_close(device);
}
END_TEST

START_TEST(states)
{
	const size_t at = SUPER_OFFSET + offsetof(struct disk_super, s_state);
	struct device *device;
	struct ext2_inode inode;
	uint64_t block;
	uint32_t got;
	struct ext2 *fs;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	device = image_in_memory("-t ext2 -b 1024", "2M");
	ck_assert_int_eq(device_write(device, at, &(le16){ { 3 } }, 2), 0);
	expect_refusal(device, EXT2_WRITE, -EUCLEAN, "damaged");
	ext2_close(opened(device, 0));
	ext2_close(opened(device, EXT2_WRITE | EXT2_ANY_STATE));
	ck_assert_int_eq(device_write(device, at, &(le16){ { 0 } }, 2), 0);
	expect_refusal(device, EXT2_WRITE, -EUCLEAN, "not unmounted");
	ck_assert_int_eq(device_write(device, at, &(le16){ { 1 } }, 2), 0);

	device->writable = false;
	expect_refusal(device, EXT2_WRITE, -EROFS, "only be read");
	fs = opened(device, 0);
	ck_assert_int_eq(inode_get(fs, INO_ROOT, &inode), 0);
	ck_assert_int_eq(inode_put(fs, &inode), -EROFS);
	ck_assert_int_eq(ext2_set_inode(fs, &inode), -EROFS);
	ck_assert_int_eq(inode_remove(fs, 11), -EROFS);
	ck_assert_int_eq(inode_free(fs, 12, false), -EROFS);
	ck_assert_int_eq(inode_allocate(fs, 2, false, &got), -EROFS);
	ck_assert_int_eq(blocks_allocate(fs, 0, 1, &block, &got), -EROFS);
	ck_assert_int_eq(blocks_free(fs, 1000, 1), -EROFS);
	ck_assert_int_eq(ext2_commit(fs), -EROFS);
	ext2_close(fs);
	device_close(device);
}
END_TEST

START_TEST(no_image_at_all)
{
	struct device *device;
	uint8_t noise[4096];
	struct random random = { 1 };

	ck_assert_int_eq(device_memory(100, &device), 0);
	expect_refusal(device, 0, -EINVAL, "too small");
	device_close(device);
	ck_assert_int_eq(device_memory(1 << 20, &device), 0);
	expect_refusal(device, 0, -EINVAL, "no superblock");
	content_fill(&random, noise, sizeof noise);
	ck_assert_int_eq(device_write(device, 0, noise, sizeof noise), 0);
	expect_refusal(device, 0, -EINVAL, "no superblock");
	device_close(device);
}
END_TEST

// Cut off: the superblock says more than there is.
START_TEST(a_cut_image)
{
	struct device *device, *part;
	uint8_t *bytes;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	device = image_in_memory("-t ext2 -b 1024", "2M");
	bytes = device_bytes(device);
	ck_assert_int_eq(device_memory((2 << 20) - 1, &part), 0);
	ck_assert_int_eq(device_write(part, 0, bytes, part->bytes), 0);
	expect_refusal(part, 0, -EINVAL, "ends after 2097151 bytes");
	device_close(part);
	device_close(device);
	free(bytes);
}
END_TEST

// ## Hostile images

static int no_more(void *context, const struct ext2_entry *entry)
{
	(void)entry;
	return ++*(int *)context == 1000;
}

static void read_a_bit(struct ext2 *fs)
{
	struct ext2_numbers n;
	struct ext2_group g;
	struct ext2_inode inode;
	struct ext2_run run;
	uint8_t *block = malloc(65536);
	bool used;
	int names = 0;

	ext2_numbers(fs, &n);
	ck_assert_uint_le(n.free_blocks, n.blocks);
	ck_assert_uint_le(n.free_inodes, n.inodes);
	for (uint32_t i = 0; i < n.groups && i < 100; i++)
		ck_assert_int_eq(ext2_group(fs, i, &g), 0);
	for (uint32_t i = 0; i < 40; i++) {
		if (!ext2_inode(fs, i, &inode))
			ext2_run_at(fs, &inode, 0, &run);
		ext2_inode_in_use(fs, i, &used);
		ext2_block_in_use(fs, n.blocks - 1 - i, &used);
		ext2_read_block(fs, n.blocks - 1 - i, block);
		ext2_read(fs, i, 0, block, 65536);
	}
	ext2_inode(fs, n.inodes, &inode);
	ext2_list(fs, INO_ROOT, no_more, &names);
	free(block);
}

static void write_a_bit(struct ext2 *fs)
{
	struct ext2_inode inode;
	uint64_t first;
	uint32_t got, ino, last = 0;

	for (int i = 0; i < 20; i++) {
		if (!blocks_allocate(fs, (uint64_t)i * 977, 1 + (uint32_t)i,
				     &first, &got))
			blocks_free(fs, first, got);
		if (inode_allocate(fs, INO_ROOT, i % 2, &ino))
			continue;
		ck_assert_uint_ne(ino, last);
		last = ino;
		if (!inode_get(fs, ino, &inode))
			inode_put(fs, &inode);
	}
	blocks_free(fs, 1, 100);
	for (uint32_t i = 1; i < 30; i++)
		inode_remove(fs, i);
}

static void try_it(struct device *device, bool commit)
{
	static const int flags[] = { 0, EXT2_NO_REPLAY,
				     EXT2_WRITE | EXT2_ANY_STATE,
				     EXT2_WRITE | EXT2_FRESH };

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		struct ext2_refusal why;
		struct ext2 *fs;

		if (ext2_open(device, flags[i], &fs, &why)) {
			ck_assert_int_ne(why.text[0], '\0');
			continue;
		}
		read_a_bit(fs);
		if (flags[i] & EXT2_WRITE)
			write_a_bit(fs);
		if (commit && flags[i] & EXT2_WRITE)
			ext2_commit(fs);
		ext2_close(fs);
	}
}

// Every field of the superblock, and of the first descriptors, at its extremes.
START_TEST(each_field_at_its_extremes)
{
	static const uint32_t extremes[] = {
		0,          1,          2,          7,          8,
		31,         32,         33,         127,        128,
		255,        256,        1024,       4096,       0x7fff,
		0x8000,     0xffff,     0x10000,    0x7fffffff, 0x80000000,
		0xfffffff8, 0xfffffffe, 0xffffffff,
	};
	static const char *const options[] = { "-t ext2 -b 1024",
					       "-t ext2 -b 4096 -I 128",
					       "-t ext3 -b 1024 -J size=1",
					       "-t ext4 -b 1024" };
	struct device *device;
	uint8_t *bytes;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	device = image_in_memory(options[_i], "4M");
	bytes = device_bytes(device);
	for (size_t at = SUPER_OFFSET; at < SUPER_OFFSET + 2 * SUPER_BYTES;
	     at += 2) {
		size_t where = at < SUPER_OFFSET + SUPER_BYTES || _i != 1
				       ? at
				       : at + 2048;

		if (at % SUPER_BYTES >
		    (at < SUPER_OFFSET + SUPER_BYTES ? 376 : 128))
			continue; // nothing there is used
		for (size_t k = 0; k < sizeof extremes / sizeof *extremes;
		     k++) {
			le32 n = put32(extremes[k]);

			ck_assert_int_eq(device_write(device, where, &n,
						      at % 4 ? 2 : 4),
					 0);
			try_it(device, false);
			ck_assert_int_eq(device_write(device, where,
						      bytes + where, 4),
					 0);
		}
	}
	device_close(device);
	free(bytes);
}
END_TEST

// Damage at random, in what an opening reads and in all metadata.
START_TEST(random_damage)
{
	static const char *const options[] = { "-t ext2 -b 1024 -g 1024",
					       "-t ext3 -b 1024 -J size=1",
					       "-t ext4 -b 1024" };
	struct random random = { 7 + (uint64_t)_i };
	int rounds = soaking() ? 30000 : 500;
	struct device *device;
	uint8_t *bytes;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	device = image_in_memory(options[_i], "4M");
	bytes = device_bytes(device);
	for (int i = 0; i < rounds; i++) {
		uint32_t changes = 1 + random_below(&random, 20);
		uint32_t reach = i % 3 ? 3072 : 300 * 1024;

		for (uint32_t k = 0; k < changes; k++) {
			uint8_t byte = (uint8_t)random_next(&random);

			ck_assert_int_eq(
				device_write(device,
					     1024 + random_below(&random,
								 reach),
					     &byte, 1),
				0);
		}
		try_it(device, i % 2);
		ck_assert_int_eq(device_write(device, 0, bytes, device->bytes),
				 0);
	}
	device_close(device);
	free(bytes);
}
END_TEST

// The claim of 2^32 groups, and an image with 300,000 inodes.
START_TEST(opening_reads_little)
{
	struct content_image image;
	struct recording recording = { .fail_at = UINT64_MAX,
				       .fail_reads = true };
	struct device *recorder;
	struct ext2 *fs;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 4096 -N 300000", "600M", 0);
	ck_assert_int_eq(device_file(content_image, DEVICE_WRITE, 0, 0,
				     &image.device),
			 0);
	ck_assert_int_eq(device_recorder(image.device, &recording, &recorder),
			 0);
	fs = opened(recorder, EXT2_WRITE);
	ck_assert_uint_le(recording.calls, 4);
	ck_assert_uint_eq(recording.count, 0); // and wrote nothing
	ext2_close(fs);
	device_close(recorder);
	recording_clear(&recording);
	device_close(image.device);
}
END_TEST

Suite *ext2_suite(void)
{
	Suite *suite = suite_create("ext2");
	TCase *tests = tcase_create("opening");

	tcase_add_checked_fixture(tests, content_set_up, content_tear_down);
	tcase_set_timeout(tests, soaking() ? 1200 : 120);
	tcase_add_loop_test(tests, is_what_dumpe2fs_says, 0, SHAPES);
	tcase_add_test(tests, features_have_the_names_of_dumpe2fs);
	tcase_add_loop_test(tests, ext4_is_read_and_not_written, 0,
			    sizeof ext4_only / sizeof *ext4_only);
	tcase_add_test(tests, unknown_features);
	tcase_add_test(tests, states);
	tcase_add_test(tests, no_image_at_all);
	tcase_add_test(tests, a_cut_image);
	tcase_add_loop_test(tests, each_field_at_its_extremes, 0, 4);
	tcase_add_loop_test(tests, random_damage, 0, 3);
	tcase_add_test(tests, opening_reads_little);
	suite_add_tcase(suite, tests);
	suite_add_tcase(suite, ext2_inode_case());
	suite_add_tcase(suite, ext2_space_case());
	suite_add_tcase(suite, ext2_cache_case());
	return suite;
}

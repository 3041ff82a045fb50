// img mkfs: how large an image is, and what an empty one is like
//
// The layout is mke2fs's: dumpe2fs must say the same of both. The least size is the
// least: with one block less it is refused.

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/ext2/ext2.h"
#include "mkfs_parts.h"

static uint64_t size_of(const char *name)
{
	char path[128];
	struct stat info;

	snprintf(path, sizeof path, "%s/%s", mkfs_folder, name);
	ck_assert_int_eq(stat(path, &info), 0);
	return (uint64_t)info.st_size;
}

// ## Empty images

static const char alike[] =
	"sed -E '/UUID|created|Hash Seed|write time|Last checked|Reserved "
	"block count|^dumpe2fs|resize|features|Mount count|Maximum mount|"
	"Journal backup|Last mounted|mkfs|Lifetime|Overhead/d'";

START_TEST(like_mke2fs)
{
	static const struct {
		unsigned block_bytes, blocks;
	} images[] = {
		{ 4096, 100 },	  { 4096, 2048 },  { 4096, 32768 },
		{ 4096, 32818 },  { 4096, 34000 }, { 4096, 300000 },
		{ 4096, 3000000 }, { 2048, 1000 },  { 2048, 16500 },
		{ 2048, 70000 },  { 1024, 5000 },  { 1024, 8193 },
		{ 1024, 8300 },	  { 1024, 16385 },
	};

	if (!mkfs_have("mke2fs"))
		SKIP(MKFS_NEEDS);
	for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
		unsigned b = images[i].block_bytes, n = images[i].blocks;

		mkfs_expect(
			0, "rm -f a b; $IMG mkfs a --size=%uK --block-size=%uK",
			b / 1024 * n, b / 1024);
		mkfs_check("a");
		mkfs_expect(
			0,
			"truncate -s %uK b && mke2fs -q -F -t ext2 -b %u "
			"-I 256 -i 16384 -m 0 -O ^resize_inode,^dir_index "
			"b %u && for i in a b; do dumpe2fs $i 2>/dev/null | "
			"%s >$i.text; done; diff a.text b.text",
			b / 1024 * n, b, n, alike);
	}
}
END_TEST

// What ext2_overhead says beforehand is what is free in the end.
START_TEST(overhead_is_exact)
{
	static const uint32_t blocks[] = { 64,   1000,  8193, 8244,
					   8400, 20000, 70000 };

	if (!mkfs_have("e2fsck"))
		SKIP(MKFS_NEEDS);
	for (uint32_t b = 1024; b <= 4096; b *= 2)
		for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
			for (int journal = 0; journal <= 4; journal += 4) {
				struct ext2_plan plan = {
					.blocks = blocks[i],
					.block_bytes = b,
					.inode_bytes = 256,
					.lost_and_found = true,
					.journal = (uint32_t)journal << 10,
				};
				uint64_t overhead;
				uint32_t inodes;

				if (ext2_overhead(&plan, &overhead, &inodes))
					continue;
				mkfs_expect(0,
					    "rm -f a; $IMG mkfs a --quiet "
					    "--size=%uK --block-size=%uK %s%s",
					    blocks[i] * (b / 1024), b / 1024,
					    journal ? "--journal=" : "",
					    !journal    ? ""
					    : b == 1024 ? "4M"
					    : b == 2048 ? "8M"
							: "16M");
				mkfs_check("a");
				ck_assert_uint_eq(mkfs_number("a",
							      "Free blocks"),
						  blocks[i] - overhead);
				ck_assert_uint_eq(mkfs_number("a",
							      "Inode count"),
						  inodes);
			}
}
END_TEST

START_TEST(blocks_of_a_file)
{
	// 1 KiB: 12 direct, 256 by one, 256² by two, 256³ by three levels.
	ck_assert_uint_eq(ext2_blocks_of(0, 1024), 0);
	ck_assert_uint_eq(ext2_blocks_of(12, 1024), 12);
	ck_assert_uint_eq(ext2_blocks_of(13, 1024), 14);
	ck_assert_uint_eq(ext2_blocks_of(268, 1024), 269);
	ck_assert_uint_eq(ext2_blocks_of(269, 1024), 272);
	ck_assert_uint_eq(ext2_blocks_of(268 + 65536, 1024),
			  268 + 65536 + 1 + 1 + 256);
	ck_assert_uint_eq(ext2_blocks_of(268 + 65536 + 1, 1024),
			  268 + 65536 + 1 + 1 + 1 + 256 + 3);
	ck_assert_uint_eq(ext2_blocks_of(1 << 20, 4096),
			  (1 << 20) + 1 + 1 + 1023);
}
END_TEST

START_TEST(impossible_plans)
{
	static const struct {
		struct ext2_plan plan;
		int error;
	} plans[] = {
		{ { .blocks = 10, .block_bytes = 4096, .inode_bytes = 256,
		    .inodes = 1000 }, -ENOSPC },
		{ { .blocks = 1000, .block_bytes = 512, .inode_bytes = 128 },
		  -EINVAL },
		{ { .blocks = 1000, .block_bytes = 8192, .inode_bytes = 128 },
		  -EINVAL },
		{ { .blocks = 1000, .block_bytes = 4096, .inode_bytes = 100 },
		  -EINVAL },
		{ { .blocks = 1000, .block_bytes = 4096, .inode_bytes = 384 },
		  -EINVAL },
		{ { .blocks = 1000, .block_bytes = 4096, .inode_bytes = 256,
		    .journal = 1023 }, -EINVAL },
		{ { .blocks = 1000, .block_bytes = 4096, .inode_bytes = 256,
		    .journal = 1024 }, -ENOSPC },
		{ { .blocks = 100000, .block_bytes = 1024, .inode_bytes = 256,
		    .journal = 9000 }, -EINVAL },
		{ { .blocks = 1000, .block_bytes = 4096, .inode_bytes = 256,
		    .reserved = 501 }, -EINVAL },
		{ { .blocks = UINT64_C(1) << 32, .block_bytes = 4096,
		    .inode_bytes = 256 }, -EFBIG },
		{ { .blocks = UINT32_MAX, .block_bytes = 1024,
		    .inode_bytes = 256 }, -EFBIG },
		{ { .blocks = 1, .block_bytes = 1024, .inode_bytes = 128 },
		  -ENOSPC },
		{ { .blocks = 0, .block_bytes = 1024, .inode_bytes = 128 },
		  -EINVAL },
	};

	for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
		uint64_t blocks;
		uint32_t inodes;

		ck_assert_msg(ext2_overhead(&plans[i].plan, &blocks, &inodes) ==
				      plans[i].error,
			      "plan %zu", i);
	}
}
END_TEST

// ## With a tree

START_TEST(least)
{
	static const char *const forms[] = {
		"--block-size=1K", "--block-size=2K --inode-size=128",
		"--block-size=4K", "--block-size=2K --journal=4M",
		"--block-size=1K --inode-size=512",
	};

	if (!mkfs_have("e2fsck"))
		SKIP(MKFS_NEEDS);
	mkfs_hard_tree("tree", 3000);
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		uint64_t size, block;
		char wanted[64];

		mkfs_expect(0,
			    "rm -f image; $IMG mkfs image --quiet --from=tree "
			    "--free=0 %s",
			    forms[i]);
		mkfs_check("image");
		size = size_of("image");
		block = mkfs_number("image", "Block size");
		ck_assert_uint_eq(mkfs_number("image", "Free blocks"), 0);
		mkfs_expect(0, "rm image");
		int names = mkfs_names();
		snprintf(wanted, sizeof wanted, "want at least %ju bytes",
			 (uintmax_t)size);
		mkfs_expect_text(1, wanted,
				 "$IMG mkfs image --from=tree "
				 "--bytes-per-inode=64M --size=%ju %s",
				 (uintmax_t)(size - block), forms[i]);
		mkfs_expect_text(1, "ENOSPC",
				 "$IMG mkfs image --from=tree "
				 "--bytes-per-inode=64M --size=%ju %s",
				 (uintmax_t)(size - block), forms[i]);
		ck_assert_int_eq(mkfs_names(), names);
		mkfs_expect(0,
			    "$IMG mkfs image --quiet --from=tree "
			    "--bytes-per-inode=64M --size=%ju %s",
			    (uintmax_t)size, forms[i]);
		mkfs_check("image");
	}
}
END_TEST

// Many small directories, and names that do not fill blocks evenly. Where a directory
// gets an index it may give a block or two back.
START_TEST(least_of_directories)
{
	if (!mkfs_have("e2fsck"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(
		0,
		"mkdir tree && cd tree && for i in $(seq 1 90); do mkdir "
		"d$i; n=$i; while [ $n -gt 0 ]; do n=$((n - 1)); "
		"printf \"d$i/%%0$((n * 37 %% 250 + 1))d\\n\" $n; done; done "
		"| sort -u | xargs touch");
	for (int b = 1; b <= 4; b *= 2) {
		mkfs_expect(0,
			    "$IMG mkfs image --quiet --force --from=tree "
			    "--free=0 --block-size=%dK",
			    b);
		mkfs_check("image");
		ck_assert_uint_le(mkfs_number("image", "Free blocks"),
				  b == 4 ? 0 : 2 * 90);
	}
}
END_TEST

// Few names can fill many blocks, when they are long: 13 of them four of 1 KiB.
START_TEST(few_names_and_many_blocks)
{
	if (!mkfs_have("e2fsck"))
		SKIP(MKFS_NEEDS);
	for (int n = 10; n < 18; n++) {
		mkfs_expect(0,
			    "rm -rf tree image; mkdir tree; for i in $(seq "
			    "%d); do printf tree/%%0255d\\\\n $i; done | "
			    "xargs touch; $IMG mkfs image --quiet "
			    "--from=tree --block-size=1024",
			    n);
		mkfs_check("image");
	}
}
END_TEST

// A group has no more inodes than a bitmap block has bits. Where many files are
// small that must not make the image large: groups become smaller.
START_TEST(many_inodes)
{
	static const int counts[] = { 8180, 8181, 8200, 33000, 40000 };

	if (!mkfs_have("e2fsck"))
		SKIP(MKFS_NEEDS);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		for (int b = 1; b <= 4; b *= 2) {
			mkfs_expect(0,
				    "echo '/f p 600 0 0 - - 0 - %d' >table && "
				    "$IMG mkfs image --quiet --force "
				    "--table=table --free=0 --block-size=%dK",
				    counts[i], b);
			mkfs_check("image");
			// Of groups in eights a few blocks are left.
			uint64_t inodes = mkfs_number("image", "Inode count");
			uint64_t groups = inodes /
					  mkfs_number("image",
						      "Inodes per group");
			ck_assert_uint_le(mkfs_number("image", "Free blocks"),
					  8 * groups);
			ck_assert_uint_le(size_of("image"), inodes * 340);
		}
	mkfs_expect_text(1, "want at least",
			 "$IMG mkfs small --size=10M --inodes=100000");
	mkfs_expect(0, "$IMG mkfs small --size=30M --inodes=100000");
	mkfs_check("small");
	// The log must fit into a group.
	mkfs_expect(0, "$IMG mkfs small --force --size=135M --inodes=303100 "
		       "--journal");
	mkfs_check("small");
}
END_TEST

START_TEST(sparse_output)
{
	struct stat info;
	char path[128];

	snprintf(path, sizeof path, "%s/image", mkfs_folder);
	mkfs_expect(0, "$IMG mkfs image --quiet --size=4G --journal");
	ck_assert_int_eq(stat(path, &info), 0);
	ck_assert_int_eq(info.st_size, INT64_C(4) << 30);
	ck_assert_int_le(info.st_blocks, (2 << 20) / 512);
}
END_TEST

START_TEST(free_space)
{
	if (!mkfs_have("dumpe2fs"))
		SKIP(MKFS_NEEDS);
	mkfs_hard_tree("tree", 100);
	mkfs_expect(0, "$IMG mkfs a --quiet --from=tree && "
		       "$IMG mkfs b --quiet --from=tree --free=75%% && "
		       "$IMG mkfs c --quiet --from=tree --free=20M");
	for (int i = 0; i < 3; i++) {
		const char *image = (const char *[]){ "a", "b", "c" }[i];
		uint64_t blocks = mkfs_number(image, "Block count");
		uint64_t left = mkfs_number(image, "Free blocks");
		uint64_t wanted = i == 0   ? (blocks + 9) / 10
				  : i == 1 ? (blocks * 3 + 3) / 4
					   : 5120;

		ck_assert_uint_ge(left, wanted);
		ck_assert_uint_le(left, wanted + 1);
		ck_assert_uint_ge(mkfs_number(image, "Free inodes") * 16384,
				  left * 4096 - 16384);
		mkfs_check(image);
	}
}
END_TEST

START_TEST(inodes)
{
	if (!mkfs_have("dumpe2fs"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(0, "mkdir tree && touch $(seq -f tree/%%g 100)");
	mkfs_expect(0, "$IMG mkfs a --quiet --size=64M --inodes=1000 && "
		       "$IMG mkfs b --quiet --size=64M --bytes-per-inode=4K && "
		       "$IMG mkfs c --quiet --from=tree --inodes=500");
	ck_assert_uint_eq(mkfs_number("a", "Inode count"), 1008);
	ck_assert_uint_eq(mkfs_number("b", "Inode count"), 16384);
	ck_assert_uint_eq(mkfs_number("c", "Inode count"), 512);
	mkfs_expect_text(1, "--inodes=110: want at least 111",
			 "$IMG mkfs d --from=tree --inodes=110");
	mkfs_expect(0, "$IMG mkfs d --from=tree --inodes=111 && [ ! -e e ]");
}
END_TEST

START_TEST(journal_sizes)
{
	static const struct {
		const char *options, *journal;
	} images[] = {
		{ "--size=8M --journal", "1024k|4096k" },
		{ "--size=64M --journal", "4096k" },
		{ "--size=64M --journal=20M", "20M" },
		{ "--size=600M --journal", "16M" },
		{ "--size=3G --journal", "64M" },
		{ "--size=64M --journal --block-size=1K", "4096k" },
		{ "--size=64M --journal=7M --block-size=1K", "7168k" },
	};

	if (!mkfs_have("dumpe2fs"))
		SKIP(MKFS_NEEDS);
	for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
		mkfs_expect(0, "$IMG mkfs a --force --quiet %s",
			    images[i].options);
		mkfs_check("a");
		mkfs_expect(
			0,
			"dumpe2fs -h a | grep -E 'Total journal size: *(%s)$'",
			images[i].journal);
	}
	mkfs_expect_text(1, "want at least", "$IMG mkfs b --size=4M --journal");
	mkfs_expect_text(1, "--journal: want ",
			 "$IMG mkfs b --size=640M --journal=200M");
	mkfs_expect_text(1, "--journal: want ",
			 "$IMG mkfs b --size=64M --block-size=1K "
			 "--journal=10M");
	mkfs_expect_text(1, "--journal: want ",
			 "$IMG mkfs b --size=64M --journal=3M");
}
END_TEST

START_TEST(reserved)
{
	if (!mkfs_have("dumpe2fs"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(0, "$IMG mkfs a --quiet --size=64M --reserved=5%% && "
		       "$IMG mkfs b --quiet --size=64M --reserved=1M");
	ck_assert_uint_eq(mkfs_number("a", "Reserved block count"), 819);
	ck_assert_uint_eq(mkfs_number("b", "Reserved block count"), 256);
	ck_assert_uint_eq(size_of("a"), 64 << 20);
}
END_TEST

void add_mkfs_size_tests(Suite *suite)
{
	TCase *tcase = mkfs_case("mkfs sizes");

	tcase_add_test(tcase, like_mke2fs);
	tcase_add_test(tcase, overhead_is_exact);
	tcase_add_test(tcase, blocks_of_a_file);
	tcase_add_test(tcase, impossible_plans);
	tcase_add_test(tcase, least);
	tcase_add_test(tcase, least_of_directories);
	tcase_add_test(tcase, few_names_and_many_blocks);
	tcase_add_test(tcase, many_inodes);
	tcase_add_test(tcase, sparse_output);
	tcase_add_test(tcase, free_space);
	tcase_add_test(tcase, inodes);
	tcase_add_test(tcase, journal_sizes);
	tcase_add_test(tcase, reserved);
	suite_add_tcase(suite, tcase);
}

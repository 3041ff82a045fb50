// Damage at random: whatever an image has become, its check ends, its repair
// leaves nothing to find, and e2fsck(8) finds nothing either.
//
// Images of several kinds, made by programs of others and by ours, with something
// of everything in them. A damaged one differs in a few places, most of them in
// metadata: bits, words (random, or such as could stand there), pieces, blocks.
// All of it follows from a seed, which a failure names.
//
// What may not be repaired is an image whose superblock is beyond help; e2fsck
// must say so, too.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/ext2/check.h"
#include "fs/ext2/ext2.h"
#include "fsck_parts.h"
#include "img_parts.h"
#include "random.h"

// ## Kinds of images

struct damage_kind {
	const char *name;
	const char
		*recipe; // a script that makes the image $I of the tree `tree`
};

static const char damage_tree[] =
	"mkdir -p tree/a/b/c tree/many tree/empty && cd tree && "
	"for i in 1 2 3 4 5 6 7 8; do head -c $((i * 700)) /dev/zero | "
	"tr '\\0' $i >a/file$i; done && "
	"head -c 40000 /dev/zero | tr '\\0' x >a/b/forty && "
	"head -c 330000 /dev/zero | tr '\\0' y >a/b/double && "
	"printf island >a/b/triple && truncate -s 70M a/b/triple && "
	"printf island >>a/b/triple && "
	"printf head >a/sparse && truncate -s 100000 a/sparse && "
	"ln a/file1 a/b/c/link && ln a/file1 link && "
	"ln -s a/b/c/link short && ln -s $(printf '%%0100d' 7) a/long && "
	"mkfifo a/fifo && : >a/none && "
	"for i in $(seq 150); do : >many/a-name-that-takes-room-$i; done";

// What mke2fs does not take from a tree.
#define ADD_MORE                                                         \
	"printf '%s\\n' 'ea_set /a/file1 user.one first' "               \
	"'ea_set /a/file2 user.two second' 'ea_set /a user.dir third' "  \
	"\"ea_set /a/file3 user.long $(printf '%0300d' 3)\" "            \
	"'mknod /a/device c 1 3' 'mknod /a/block b 259 70000' "          \
	"| debugfs -w -f - $I >/dev/null 2>&1 && "
#define CLEANED "{ e2fsck -fy $I >/dev/null 2>&1 || [ $? = 1 ]; }"
#define LEFT_LOG                                                         \
	" && dd if=$I bs=1024 skip=1600 count=3 of=blocks status=none && " \
	"printf '%s\\n' jo 'jw -b 1600-1602 blocks' jc "                 \
	"| debugfs -w -f - $I >/dev/null 2>&1"

static const struct damage_kind damage_kinds[] = {
	{ "ext2, 1 KiB",
	  "mke2fs -q -t ext2 -b 1024 -N 300 -d tree $I 2500 && " ADD_MORE
	  CLEANED },
	{ "ext2, 4 KiB, small inodes",
	  "mke2fs -q -t ext2 -b 4096 -I 128 -N 400 -d tree $I 2M && " ADD_MORE
	  CLEANED },
	{ "ext2, many groups",
	  "mke2fs -q -t ext2 -b 1024 -g 512 -N 500 -d tree $I 3500 && " ADD_MORE
	  CLEANED },
	{ "ext2 of revision 0",
	  "mke2fs -q -r 0 -b 1024 -N 300 -d tree $I 2500 && " CLEANED },
	{ "ext3, 1 KiB",
	  "mke2fs -q -t ext3 -J size=1 -b 1024 -N 300 -d tree $I 4500 && "
	  ADD_MORE CLEANED },
	{ "ext3, 4 KiB",
	  "mke2fs -q -t ext3 -J size=4 -b 4096 -N 300 -d tree $I 9M && "
	  ADD_MORE CLEANED },
	{ "ext3 with a log to be replayed",
	  "mke2fs -q -t ext3 -J size=1 -b 1024 -N 300 -d tree $I 4500 && "
	  ADD_MORE CLEANED LEFT_LOG },
	{ "indexed directories",
	  "mke2fs -q -t ext2 -b 1024 -N 300 -d tree $I 2500 && "
	  "{ e2fsck -fyD $I >/dev/null 2>&1 || [ $? = 1 ]; }" },
	{ "a large index",
	  "mkdir large && (cd large && seq -f '%060g' 2500 | xargs touch) && "
	  "img mkfs --quiet --block-size=1K --from=large --free=300K $I" },
	{ "ours, ext3",
	  "img mkfs --quiet --block-size=1K --journal=1M --free=20% "
	  "--from=tree $I" },
	{ "ours, 4 KiB",
	  "img mkfs --quiet --block-size=4K --free=40% --from=tree $I" },
};

enum { KINDS = sizeof damage_kinds / sizeof *damage_kinds };

// ## What is where

enum place_class {
	PLACE_SUPER,
	PLACE_GROUPS,
	PLACE_BITMAP,
	PLACE_INODE,
	PLACE_DIRECTORY,
	PLACE_MAP,
	PLACE_XATTR,
	PLACE_LOG,
	PLACE_ANY,
	PLACE_CLASSES
};

struct place_list {
	uint64_t *offset;
	size_t count, room;
};

struct subject { // an image that is sound
	const struct damage_kind *kind;
	uint8_t *bytes;
	size_t n;
	uint32_t block_bytes, inode_bytes, blocks, inodes;
	struct place_list place[PLACE_CLASSES];
};

static void note_place(struct subject *s, enum place_class class,
		       uint64_t offset)
{
	struct place_list *list = &s->place[class];

	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 16;
		list->offset = reallocarray(list->offset, list->room,
					    sizeof *list->offset);
		ck_assert_ptr_nonnull(list->offset);
	}
	list->offset[list->count++] = offset;
}

static int note_map_block(void *context, const struct ext2_map_block *block)
{
	struct subject *s = context;

	note_place(s, PLACE_MAP, block->block * s->block_bytes);
	return 0;
}

static void note_data(struct subject *s, struct ext2 *fs,
		      const struct ext2_inode *inode, enum place_class class)
{
	enum { MOST = 64 }; // of a journal
	struct ext2_run run;

	ck_assert_int_eq(ext2_run_at(fs, inode, 0, &run), 0);
	for (uint64_t at = 0; run.blocks; at += run.blocks) {
		ck_assert_int_eq(ext2_run_at(fs, inode, at, &run), 0);
		for (uint64_t i = 0; run.physical && i < run.blocks; i++)
			if (s->place[class].count < MOST || class != PLACE_LOG)
				note_place(s, class,
					   (run.physical + i) * s->block_bytes);
	}
}

static void note_inode(struct subject *s, struct ext2 *fs, uint32_t ino)
{
	struct ext2_inode inode;
	uint64_t block;
	uint32_t offset;

	ck_assert_int_eq(ext2_inode(fs, ino, &inode), 0);
	ck_assert_int_eq(ext2_inode_place(fs, ino, &block, &offset), 0);
	note_place(s, PLACE_INODE, block * s->block_bytes + offset);
	if (inode.xattr_block)
		note_place(s, PLACE_XATTR, inode.xattr_block * s->block_bytes);
	if (S_ISDIR(inode.mode))
		note_data(s, fs, &inode, PLACE_DIRECTORY);
	else if (ino == INO_JOURNAL)
		note_data(s, fs, &inode, PLACE_LOG);
	if (S_ISDIR(inode.mode) || S_ISREG(inode.mode))
		ck_assert_int_eq(ext2_map_blocks(fs, &inode, note_map_block, s),
				 0);
}

static void note_groups(struct subject *s, struct ext2 *fs, uint32_t groups)
{
	for (uint32_t i = 0; i < groups; i++) {
		struct ext2_group group;

		ck_assert_int_eq(ext2_group(fs, i, &group), 0);
		note_place(s, PLACE_BITMAP,
			   group.block_bitmap * s->block_bytes);
		note_place(s, PLACE_BITMAP,
			   group.inode_bitmap * s->block_bytes);
		if (!group.has_super)
			continue;
		note_place(s, i ? PLACE_ANY : PLACE_SUPER,
			   i ? group.first_block * s->block_bytes
			     : SUPER_OFFSET);
		for (uint32_t k = 1; k < group.super_blocks && k < 4; k++)
			note_place(s, PLACE_GROUPS,
				   (group.first_block + k) * s->block_bytes);
	}
}

static void survey(struct subject *s, struct device *device)
{
	struct ext2_numbers numbers;
	struct ext2 *fs;

	ck_assert_msg(!ext2_open(device, 0, &fs, NULL), "%s", s->kind->name);
	ext2_numbers(fs, &numbers);
	s->block_bytes = numbers.block_bytes;
	s->inode_bytes = numbers.inode_bytes;
	s->blocks = (uint32_t)numbers.blocks;
	s->inodes = numbers.inodes;
	note_groups(s, fs, numbers.groups);
	for (uint32_t ino = 1; ino <= s->inodes; ino++) {
		bool used;

		ck_assert_int_eq(ext2_inode_in_use(fs, ino, &used), 0);
		if (used)
			note_inode(s, fs, ino);
	}
	for (uint32_t i = 0; i < s->blocks; i++)
		note_place(s, PLACE_ANY, (uint64_t)i * s->block_bytes);
	ext2_close(fs);
}

// Makes the image, and looks where everything is in it.
static void prepare_subject(struct subject *s, const struct damage_kind *kind)
{
	char path[256];
	struct device *device, *memory;

	*s = (struct subject){ .kind = kind };
	img_do("I=image; rm -f image; %s", kind->recipe);
	snprintf(path, sizeof path, "%s/image", img_folder);
	ck_assert_int_eq(device_file(path, DEVICE_READ, 0, 0, &device), 0);
	s->n = device->bytes;
	s->bytes = malloc(s->n);
	ck_assert_ptr_nonnull(s->bytes);
	ck_assert_int_eq(device_read(device, 0, s->bytes, s->n), 0);
	device_close(device);
	ck_assert_int_eq(device_memory(s->n, &memory), 0);
	ck_assert_int_eq(device_write(memory, 0, s->bytes, s->n), 0);
	survey(s, memory);
	device_close(memory);
}

static void forget_subject(struct subject *s)
{
	for (int i = 0; i < PLACE_CLASSES; i++)
		free(s->place[i].offset);
	free(s->bytes);
}

// ## Damage

static uint64_t some_place(const struct subject *s, struct random *random,
			   enum place_class class)
{
	const struct place_list *list = &s->place[class];

	ck_assert_ptr_nonnull(list->offset);
	return list->offset[random_below(random, (uint32_t)list->count)];
}

static enum place_class some_class(const struct subject *s,
				   struct random *random)
{
	static const uint8_t weight[PLACE_CLASSES] = {
		[PLACE_SUPER] = 1, [PLACE_GROUPS] = 1,	  [PLACE_BITMAP] = 1,
		[PLACE_INODE] = 8, [PLACE_DIRECTORY] = 5, [PLACE_MAP] = 3,
		[PLACE_XATTR] = 2, [PLACE_LOG] = 1,	  [PLACE_ANY] = 2,
	};

	for (;;) {
		uint32_t n = random_below(random, 24);
		int class = 0;

		while (n >= weight[class])
			n -= weight[class ++];
		if (s->place[class].count)
			return (enum place_class) class;
	}
}

// A number that could stand there, or one that never could.
static uint32_t some_word(const struct subject *s, struct random *random)
{
	static const uint32_t edges[] = { 0,      1,      2,      3,      7,
					  8,      11,     12,     0xff,   0x100,
					  0x7fff, 0x8000, 0xffff, 0x10000 };

	switch (random_below(random, 6)) {
	case 0:
		return edges[random_below(random,
					  sizeof edges / sizeof *edges)];
	case 1:
		return UINT32_MAX - random_below(random, 3);
	case 2:
		return random_below(random, s->blocks + 2);
	case 3:
		return random_below(random, s->inodes + 2);
	case 4:
		return (uint32_t)(some_place(s, random, some_class(s, random)) /
				  s->block_bytes);
	default:
		return (uint32_t)random_next(random);
	}
}

static void put_word(uint8_t *to, uint32_t word, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (uint8_t)(word >> 8 * i);
}

// Most of a directory's entries and of an inode stand at its head.
static uint32_t some_offset(struct random *random, uint32_t n)
{
	return random_below(random,
			    random_below(random, 2) && n > 128 ? 128 : n);
}

static void damage_piece(const struct subject *s, struct random *random,
			 uint8_t *piece, uint32_t n)
{
	uint32_t at = some_offset(random, n), length;

	switch (random_below(random, 9)) {
	case 0:
		piece[at] ^= (uint8_t)(1 << random_below(random, 8));
		return;
	case 1:
		piece[at] = (uint8_t)random_next(random);
		return;
	case 2:
	case 3:
		put_word(piece + (at & ~1u), some_word(s, random), 2);
		return;
	case 4:
	case 5:
	case 6:
		put_word(piece + (at & ~3u), some_word(s, random), 4);
		return;
	case 7:
		length = 1 + random_below(random, n - at);
		memset(piece + at, random_below(random, 2) ? 0 : 0xff, length);
		return;
	default:
		length = 1 + random_below(random, n - at);
		for (uint32_t i = 0; i < length; i++)
			piece[at + i] = (uint8_t)random_next(random);
	}
}

static void damage_once(const struct subject *s, struct random *random,
			uint8_t *bytes)
{
	enum place_class class = some_class(s, random);
	uint64_t at = some_place(s, random, class);
	uint32_t n = class == PLACE_INODE   ? s->inode_bytes
		     : class == PLACE_SUPER ? SUPER_BYTES
					    : s->block_bytes;

	if (random_below(random, 16))
		damage_piece(s, random, bytes + at, n);
	else // what belongs elsewhere
		memmove(bytes + at, bytes + some_place(s, random, class), n);
}

static void damage(const struct subject *s, struct random *random,
		   uint8_t *bytes)
{
	memcpy(bytes, s->bytes, s->n);
	do
		damage_once(s, random, bytes);
	while (random_below(random, 4));
}

// ## The judgement

struct verdict {
	uint64_t findings, rounds;
	bool given_up;
	char why[1200]; // "": all is well
};

static void say(struct verdict *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void say(struct verdict *v, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(v->why, sizeof v->why, fmt, args);
	va_end(args);
}

static void note_finding(void *context, const struct finding *f, bool repaired)
{
	struct verdict *v = context;
	size_t used = strlen(v->why);

	snprintf(v->why + used, sizeof v->why - used, "%s%s: %.200s",
		 used ? "; " : "", f->code, f->text);
	(void)repaired;
}

static void save(const char *path, const uint8_t *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

// e2fsck -fn on what is in `bytes`.
static int ask_e2fsck(const uint8_t *bytes, size_t n, struct verdict *v)
{
	char path[256];

	snprintf(path, sizeof path, "%s/judged", img_folder);
	save(path, bytes, n);
	struct outcome o = img_shell("e2fsck -fn judged 2>&1");
	int status = o.exit;

	if (status && !*v->why)
		say(v, "e2fsck -fn ends with %d:\n%.1000s", status, o.out);
	outcome_free(&o);
	return status;
}

static void judge(const struct subject *s, const uint8_t *damaged,
		  struct verdict *v)
{
	const struct check_options repair = { .repair = true, .force = true };
	const struct check_options look = { .force = true,
					    .found = note_finding,
					    .context = v };
	struct check_result result;
	struct device *device;
	uint8_t *after = malloc(s->n);
	int error;

	*v = (struct verdict){ 0 };
	ck_assert_ptr_nonnull(after);
	ck_assert_int_eq(device_memory(s->n, &device), 0);
	ck_assert_int_eq(device_write(device, 0, damaged, s->n), 0);
	error = ext2_check(device, &repair, &result);
	v->findings = result.findings;
	v->given_up = error == -EINVAL || error == -ENOTSUP;
	if (v->given_up) {
		if (!ask_e2fsck(damaged, s->n, v))
			say(v, "given up (%d), but e2fsck finds nothing",
			    -error);
		else
			*v->why = '\0';
	} else if (error) {
		say(v, "the repair ends with %s", strerror(-error));
	} else if (result.left) {
		say(v, "%ju findings are left", (uintmax_t)result.left);
	} else {
		error = ext2_check(device, &look, &result);
		if (error)
			say(v, "the second check ends with %s",
			    strerror(-error));
		ck_assert_int_eq(device_read(device, 0, after, s->n), 0);
		if (!*v->why)
			ask_e2fsck(after, s->n, v);
	}
	device_close(device);
	free(after);
}

// ## Tests

static void damage_and_judge(const struct damage_kind *kind, uint64_t seed,
			     int turns)
{
	struct subject s;
	uint64_t findings = 0;
	int given_up = 0;

	prepare_subject(&s, kind);
	uint8_t *bytes = malloc(s.n);

	ck_assert_ptr_nonnull(bytes);
	for (int i = 0; i < turns; i++) {
		struct random random = { seed + (uint64_t)i };
		struct verdict v;

		damage(&s, &random, bytes);
		judge(&s, bytes, &v);
		ck_assert_msg(!*v.why, "%s, seed %ju: %s", kind->name,
			      (uintmax_t)seed + i, v.why);
		findings += v.findings;
		given_up += v.given_up;
	}
	ck_assert_uint_gt(findings, (uint64_t)turns);
	ck_assert_int_lt(given_up, turns / 4 + 1);
	free(bytes);
	forget_subject(&s);
}

START_TEST(damage_at_random)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	img_do(damage_tree);
	damage_and_judge(&damage_kinds[_i], 1000000u * (unsigned)_i,
			 soaking() ? 2000 : 12);
}
END_TEST

void fsck_damage_tests(Suite *suite)
{
	TCase *tests = tcase_create("damage");

	tcase_add_checked_fixture(tests, img_set_up, img_tear_down);
	tcase_set_timeout(tests, soaking() ? 3600 : 240);
	tcase_add_loop_test(tests, damage_at_random, 0, KINDS);
	suite_add_tcase(suite, tests);
}

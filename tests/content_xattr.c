// Extended attributes: ours are judged by e2fsck (places, hashes, counts), debugfs
// and the kernel; the kernel's are read and changed by us; random changes are
// compared with a model.

#define _GNU_SOURCE
#include "content_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

struct sample {
	const char *name;
	const char *value;
	size_t size;
};

#define SAMPLE(name, value)                                                    \
	{                                                                      \
		name, value, sizeof(value) - 1                                 \
	}

#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"

// getxattr(2)'s form: version 2; tag, permissions, id.
static const char acl[] = "\2\0\0\0"
			  "\1\0\6\0\377\377\377\377"   // owner rw-
			  "\2\0\5\0\350\3\0\0"         // user 1000 r-x
			  "\2\0\4\0\240\206\1\0"       // user 100000 r--
			  "\4\0\4\0\377\377\377\377"   // group r--
			  "\10\0\7\0\144\0\0\0"        // group 100 rwx
			  "\20\0\5\0\377\377\377\377"  // mask r-x
			  "\40\0\0\0\377\377\377\377"; // others ---
static const char minimal_acl[] = "\2\0\0\0"
				  "\1\0\6\0\377\377\377\377"
				  "\4\0\4\0\377\377\377\377"
				  "\40\0\1\0\377\377\377\377";
// setcap cap_net_raw+ep: revision 2, effective (capability(7), xattr).
static const char capability[] = "\1\0\0\2\0\40\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

static char long_value[600], longest_name[NAME_LONGEST + 1];

static const struct sample samples[] = {
	SAMPLE("user.mime", "text/plain"),
	SAMPLE("user.empty", ""),
	SAMPLE("user.odd", "1234567"),
	SAMPLE("user.zeros", "\0\0\0"),
	SAMPLE("user.gr\303\274n \377", "not ASCII"),
	SAMPLE("security.capability", capability),
	SAMPLE("trusted.overlay.opaque", "y"),
	SAMPLE(ACL_ACCESS, acl),
	{ "user.long", long_value, sizeof long_value },
	{ longest_name, "far", 3 },
};

enum { SAMPLES = sizeof(samples) / sizeof(samples[0]) };

static void fill_samples(void)
{
	struct random random = { 21 };

	content_fill(&random, (uint8_t *)long_value, sizeof long_value);
	memset(longest_name, 'n', sizeof longest_name - 1);
	memcpy(longest_name, "user.", 5);
}

static void expect(struct ext2 *fs, uint32_t ino, const struct sample *s)
{
	char value[65536];
	int n = ext2_xattr(fs, ino, s->name, value, sizeof value);

	ck_assert_msg(n == (int)s->size, "%s: %d", s->name, n);
	ck_assert_int_eq(memcmp(value, s->value, s->size), 0);
	ck_assert_int_eq(ext2_xattr(fs, ino, s->name, NULL, 0), n);
	if (n > 1)
		ck_assert_int_eq(ext2_xattr(fs, ino, s->name, value,
					    (size_t)n - 1),
				 -ERANGE);
}

struct listed {
	uint32_t seen;
	int count, inside;
};

static int list_one(void *context, const char *name, const void *value,
		    size_t size, bool in_inode)
{
	struct listed *l = context;

	for (int i = 0; i < SAMPLES; i++)
		if (!strcmp(name, samples[i].name)) {
			ck_assert_uint_eq(size, samples[i].size);
			ck_assert_int_eq(memcmp(value, samples[i].value, size),
					 0);
			l->seen |= 1u << i;
		}
	l->count++;
	l->inside += in_inode;
	return 0;
}

static const struct {
	const char *options;
	bool inside;    // there is room in the inode
	uint32_t large; // a value that makes the block full soon
} layouts[] = {
	{ "-t ext2 -b 1024 -I 128", false, 900 },
	{ "-t ext2 -b 1024 -I 256", true, 900 },
	{ "-t ext2 -b 4096 -I 512", true, 3500 },
	{ "-t ext3 -b 2048 -I 256 -J size=2", true, 1800 },
};

enum { LAYOUTS = sizeof(layouts) / sizeof(layouts[0]) };

// --- ours, judged ---------------------------------------------------------------

static const char *see_samples(const char *folder, void *context)
{
	static char why[400];
	char path[128], value[4096];
	uint32_t files = *(uint32_t *)context;

	for (uint32_t i = 0; i < SAMPLES; i++) {
		snprintf(path, sizeof path, "%s/f%u", folder, i % files);

		ssize_t n = getxattr(path, samples[i].name, value,
				     sizeof value);

		if (n != (ssize_t)samples[i].size ||
		    memcmp(value, samples[i].value, (size_t)n) != 0) {
			snprintf(why, sizeof why, "%s: %s: %zd %s", path,
				 samples[i].name, n, strerror(errno));
			return why;
		}
	}
	return NULL;
}

// All in one file, where they fit; or spread over several.
START_TEST(attributes_are_seen_by_all)
{
	uint32_t files = 3;
	char why[256];
	struct listed listed = { 0 };

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	fill_samples();
	content_make_image(layouts[_i].options, "16M", (int)files);

	struct content_image image = content_open(EXT2_WRITE);

	for (uint32_t i = 0; i < SAMPLES; i++)
		ck_assert_int_eq(
			ext2_set_xattr(image.fs, FIRST_FILE + i % files,
				       samples[i].name, samples[i].value,
				       samples[i].size),
			0);
	content_commit(&image);
	content_close(&image);
	content_check();
	image = content_open(0);
	for (uint32_t i = 0; i < SAMPLES; i++)
		expect(image.fs, FIRST_FILE + i % files, &samples[i]);
	for (uint32_t i = 0; i < files; i++)
		ck_assert_int_eq(ext2_xattrs(image.fs, FIRST_FILE + i, list_one,
					     &listed),
				 0);
	ck_assert_uint_eq(listed.seen, (1u << SAMPLES) - 1);
	ck_assert_int_eq(listed.count, SAMPLES);
	ck_assert_int_eq(listed.inside > 0, layouts[_i].inside);
	content_close(&image);

	for (uint32_t i = 0; i < SAMPLES; i++) {
		char *list = content_shell("debugfs -R 'ea_list /f%u' image "
					   "2>/dev/null",
					   i % files);
		char line[300];

		// debugfs shows bytes beyond ASCII in its own way.
		snprintf(line, sizeof line, "  %s (%zu)", samples[i].name,
			 strcmp(samples[i].name, ACL_ACCESS)
				 ? samples[i].size
				 : 4 + 4 * 4 + 3 * 8u);
		if (i != 4)
			ck_assert_msg(strstr(list, line) != NULL,
				      "no '%s' in: %s", line, list);
		free(list);
	}
	content_do("debugfs -R 'ea_get -f value /f%d user.long' image "
		   "2>/dev/null && test $(wc -c <value) = 600",
		   8 % 3);
	if (!content_mounted("loop,ro", see_samples, &files, why))
		ck_assert_msg(!strncmp(why, "cannot mount", 12), "%s", why);
}
END_TEST

// --- theirs ---------------------------------------------------------------------

// Too large for the inode; both fit into a block of 1 KiB. (A hash of characters
// with a sign would be another for this name: machines differed once.)
enum { SHARED = 500, SECOND = 350 };
#define SECOND_NAME "user.zw\303\266lf"

static const char *set_samples(const char *folder, void *context)
{
	static char why[400];
	char path[128];

	(void)context;
	for (uint32_t i = 0; i < SAMPLES; i++) {
		snprintf(path, sizeof path, "%s/f%u", folder, i % 3);
		if (setxattr(path, samples[i].name, samples[i].value,
			     samples[i].size, 0)) {
			snprintf(why, sizeof why, "%s: %s", samples[i].name,
				 strerror(errno));
			return why;
		}
	}
	if (setxattr(folder, ACL_DEFAULT, acl, sizeof acl - 1, 0))
		return "no default ACL";
	for (int i = 3; i < 6; i++) { // a block that is shared
		snprintf(path, sizeof path, "%s/f%d", folder, i);
		if (setxattr(path, "user.shared", long_value, SHARED, 0) ||
		    setxattr(path, SECOND_NAME, long_value, SECOND, 0))
			return "no shared block";
	}
	return NULL;
}

static uint64_t xattr_block(struct ext2 *fs, uint32_t ino)
{
	struct ext2_inode inode;

	ck_assert_int_eq(ext2_inode(fs, ino, &inode), 0);
	return inode.xattr_block;
}

static uint32_t count_of(struct ext2 *fs, uint64_t block)
{
	uint8_t bytes[4096];

	ck_assert_int_eq(ext2_read_block(fs, block, bytes), 0);
	return get32(((struct disk_xattr_header *)bytes)->h_refcount);
}

static uint32_t hash_of(struct ext2 *fs, uint64_t block)
{
	uint8_t bytes[4096];

	ck_assert_int_eq(ext2_read_block(fs, block, bytes), 0);
	return get32(((struct disk_xattr_header *)bytes)->h_hash);
}

static const struct sample shared = { "user.shared", long_value, SHARED };

START_TEST(attributes_of_the_kernel_are_read_and_changed)
{
	char why[256];

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	fill_samples();
	content_make_image(layouts[_i].options, "16M", 6);
	if (!content_mounted("loop", set_samples, NULL, why)) {
		if (!strncmp(why, "cannot mount", 12))
			SKIP("%s (needs root)", why);
		ck_abort_msg("%s", why);
	}

	struct content_image image = content_open(EXT2_WRITE);
	const struct sample root = { ACL_DEFAULT, acl, sizeof acl - 1 };
	uint64_t block = xattr_block(image.fs, FIRST_FILE + 3);

	for (uint32_t i = 0; i < SAMPLES; i++)
		expect(image.fs, FIRST_FILE + i % 3, &samples[i]);
	expect(image.fs, INO_ROOT, &root);
	for (uint32_t i = 3; i < 6; i++) {
		expect(image.fs, FIRST_FILE + i, &shared);
		ck_assert_uint_eq(xattr_block(image.fs, FIRST_FILE + i), block);
	}
	ck_assert_uint_ne(block, 0);
	ck_assert_uint_eq(count_of(image.fs, block), 3);

	// One goes its own way, and comes to the same content again: the hash
	// that the kernel would look for is the kernel's.
	uint32_t ino = FIRST_FILE + 4;

	ck_assert_int_eq(ext2_remove_xattr(image.fs, ino, SECOND_NAME), 0);
	ck_assert_uint_ne(xattr_block(image.fs, ino), block);
	ck_assert_uint_eq(count_of(image.fs, block), 2);
	expect(image.fs, ino, &shared);
	ck_assert_int_eq(ext2_set_xattr(image.fs, ino, SECOND_NAME, long_value,
					SECOND),
			 0);
	ck_assert_uint_ne(xattr_block(image.fs, ino), block);
	ck_assert_uint_eq(hash_of(image.fs, xattr_block(image.fs, ino)),
			  hash_of(image.fs, block));
	content_commit(&image);
	content_check();

	// The others give it up.
	for (ino = FIRST_FILE + 3; ino < FIRST_FILE + 6; ino += 2) {
		ck_assert_int_eq(ext2_remove_xattr(image.fs, ino, SECOND_NAME),
				 0);
		ck_assert_int_eq(
			ext2_remove_xattr(image.fs, ino, "user.shared"), 0);
		ck_assert_uint_eq(xattr_block(image.fs, ino), 0);
		content_commit(&image);
		content_check();
	}
	for (uint32_t i = 0; i < SAMPLES; i++)
		ck_assert_int_eq(ext2_remove_xattr(image.fs, FIRST_FILE + i % 3,
						   samples[i].name),
				 0);
	content_commit(&image);
	content_close(&image);
	content_check();
}
END_TEST

START_TEST(equal_blocks_are_shared_in_a_journal)
{
	bool sharing = strstr(layouts[_i].options, "ext3");
	uint64_t block;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	fill_samples();
	content_make_image(layouts[_i].options, "16M", 5);

	struct content_image image = content_open(EXT2_WRITE);

	for (uint32_t i = 0; i < 5; i++)
		ck_assert_int_eq(ext2_set_xattr(image.fs, FIRST_FILE + i,
						shared.name, shared.value,
						shared.size),
				 0);
	block = xattr_block(image.fs, FIRST_FILE);
	ck_assert_uint_ne(block, 0);
	for (uint32_t i = 1; i < 5; i++)
		ck_assert_int_eq(xattr_block(image.fs, FIRST_FILE + i) == block,
				 sharing);
	ck_assert_uint_eq(count_of(image.fs, block), sharing ? 5 : 1);
	content_commit(&image);
	content_check();
	// What was shared before the commit is found again after it.
	ck_assert_int_eq(ext2_set_xattr(image.fs, FIRST_FILE, "user.x",
					long_value, 200),
			 0);
	ck_assert_int_eq(ext2_remove_xattr(image.fs, FIRST_FILE, "user.x"), 0);
	ck_assert_uint_eq(count_of(image.fs, xattr_block(image.fs, FIRST_FILE)),
			  sharing ? 5 : 1);

	struct ext2_inode inode;

	for (uint32_t i = 0; i < 5; i++) {
		ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE + i, &inode),
				 0);
		ck_assert_int_eq(xattr_release(image.fs, &inode), 0);
		ck_assert_int_eq(inode_put(image.fs, &inode), 0);
		if (sharing && i < 4)
			ck_assert_uint_eq(count_of(image.fs, block), 4 - i);
		ck_assert_uint_eq(inode.sectors, 0);
	}
	content_commit(&image);
	content_close(&image);
	content_check();
}
END_TEST

// --- against a model ------------------------------------------------------------

enum { SLOTS = 12, VALUE_MOST = 3500 };

START_TEST(random_changes_are_those_of_a_model)
{
	static struct {
		bool is;
		size_t size;
		uint8_t value[VALUE_MOST];
	} model[2][SLOTS];
	struct random random = { (uint64_t)_i + 30 };
	int steps = soaking() ? 20000 : 600, full = 0;

	memset(model, 0, sizeof model);
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image(layouts[_i].options, "16M", 2);

	struct content_image image = content_open(EXT2_WRITE);

	for (int step = 0; step < steps; step++) {
		uint32_t f = random_below(&random, 2);
		uint32_t k = random_below(&random, SLOTS);
		uint32_t most = random_below(&random, 4) ? 40
							 : layouts[_i].large;
		uint8_t value[VALUE_MOST], got[VALUE_MOST];
		size_t size = random_below(&random, most);
		char name[32];
		int error;

		snprintf(name, sizeof name, "%s.%.*s%u",
			 k % 3 ? "user" : "trusted", (int)k, "abcdefghijklmn",
			 k);
		content_fill(&random, value, size);
		if (random_below(&random, 3)) {
			error = ext2_set_xattr(image.fs, FIRST_FILE + f, name,
					       value, size);
			if (!error) {
				model[f][k].is = true;
				model[f][k].size = size;
				memcpy(model[f][k].value, value, size);
			} else {
				ck_assert_int_eq(error, -ENOSPC);
				full++;
			}
		} else {
			error = ext2_remove_xattr(image.fs, FIRST_FILE + f,
						  name);
			ck_assert_int_eq(error, model[f][k].is ? 0 : -ENODATA);
			model[f][k].is = false;
		}
		for (k = 0; k < SLOTS; k++) {
			snprintf(name, sizeof name, "%s.%.*s%u",
				 k % 3 ? "user" : "trusted", (int)k,
				 "abcdefghijklmn", k);

			int n = ext2_xattr(image.fs, FIRST_FILE + f, name, got,
					   sizeof got);

			if (model[f][k].is
				    ? n != (int)model[f][k].size ||
					      memcmp(got, model[f][k].value,
						     model[f][k].size) != 0
				    : n != -ENODATA)
				ck_abort_msg("step %d: %s: %d", step, name, n);
		}
		if (step % 40 == 39) {
			content_commit(&image);
			content_check();
		}
		if (step % 100 == 99) {
			content_close(&image);
			image = content_open(EXT2_WRITE);
			memset(model, 0, sizeof model);
			for (uint32_t i = 0; i < 2; i++) {
				struct ext2_inode inode;

				ck_assert_int_eq(ext2_inode(image.fs,
							    FIRST_FILE + i,
							    &inode),
						 0);
				memset(inode.rest + inode.extra, 0,
				       sizeof inode.rest - inode.extra);
				ck_assert_int_eq(
					xattr_release(image.fs, &inode), 0);
				ck_assert_int_eq(inode_put(image.fs, &inode),
						 0);
			}
		}
	}
	ck_assert_int_gt(full, 0); // the limit was met
	content_commit(&image);
	content_close(&image);
	content_check();
}
END_TEST

// --- rules ----------------------------------------------------------------------

START_TEST(what_cannot_be_is_refused)
{
	static const struct {
		const char *name;
		int error;
	} wrong[] = {
		{ "", -EOPNOTSUPP },	     { "user", -EOPNOTSUPP },
		{ "user.", -EINVAL },	     { "unknown.x", -EOPNOTSUPP },
		{ "system.x", -EOPNOTSUPP }, { ACL_ACCESS "x", -EOPNOTSUPP },
		{ ACL_DEFAULT, -EACCES },
	};
	char name[NAME_LONGEST + 2];

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	fill_samples();
	content_make_image("-t ext2 -b 1024", "4M", 1);
	content_do("debugfs -w -R 'mknod null c 1 3' image 2>/dev/null");

	struct content_image image = content_open(EXT2_WRITE);

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(ext2_set_xattr(image.fs, FIRST_FILE,
					     wrong[i].name, acl,
					     sizeof acl - 1) == wrong[i].error,
			      "%s", wrong[i].name);
	memset(name, 'n', sizeof name - 1);
	memcpy(name, "user.", 5);
	name[sizeof name - 1] = 0;
	ck_assert_int_eq(ext2_set_xattr(image.fs, FIRST_FILE, name, "", 0),
			 -ERANGE);
	ck_assert_int_eq(ext2_set_xattr(image.fs, FIRST_FILE, "user.x",
					long_value, 70000),
			 -E2BIG);
	ck_assert_int_eq(ext2_set_xattr(image.fs, FIRST_FILE + 1, "user.x", "",
					0),
			 -EPERM);
	ck_assert_int_eq(ext2_set_xattr(image.fs, FIRST_FILE + 1, "trusted.x",
					"", 0),
			 0);
	ck_assert_int_eq(ext2_remove_xattr(image.fs, FIRST_FILE, "user.x"),
			 -ENODATA);
	content_commit(&image);
	content_close(&image);
	content_check();
	image = content_open(0);
	ck_assert_int_eq(ext2_set_xattr(image.fs, FIRST_FILE, "user.x", "", 0),
			 -EROFS);
	content_close(&image);
}
END_TEST

START_TEST(the_first_attribute_is_a_feature)
{
	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	fill_samples();
	content_make_image("-t ext2 -b 1024 -O ^ext_attr", "4M", 1);

	struct content_image image = content_open(EXT2_WRITE);

	ck_assert_int_eq(ext2_set_xattr(image.fs, FIRST_FILE, shared.name,
					shared.value, shared.size),
			 0);
	content_commit(&image);
	content_close(&image);
	content_check();
	content_do("dumpe2fs -h image 2>/dev/null | grep -q ext_attr");
}
END_TEST

START_TEST(an_acl_is_also_a_mode)
{
	static const struct sample wrong[] = {
		SAMPLE("", ""),
		SAMPLE("version", "\1\0\0\0"),
		SAMPLE("nothing in it", "\2\0\0\0"),
		SAMPLE("cut", "\2\0\0\0\1\0\6\0\377\377\377"),
		SAMPLE("no others", "\2\0\0\0\1\0\6\0\377\377\377\377"
				    "\4\0\4\0\377\377\377\377"),
		SAMPLE("order", "\2\0\0\0\4\0\4\0\377\377\377\377"
				"\1\0\6\0\377\377\377\377"
				"\40\0\1\0\377\377\377\377"),
		SAMPLE("permission 8", "\2\0\0\0\1\0\10\0\377\377\377\377"
				       "\4\0\4\0\377\377\377\377"
				       "\40\0\1\0\377\377\377\377"),
		SAMPLE("no mask", "\2\0\0\0\1\0\6\0\377\377\377\377"
				  "\2\0\6\0\1\0\0\0"
				  "\4\0\4\0\377\377\377\377"
				  "\40\0\1\0\377\377\377\377"),
	};
	struct ext2_inode inode;

	if (!content_judges())
		SKIP(CONTENT_NEEDS);
	content_make_image("-t ext2 -b 1024", "4M", 1);
	content_do("debugfs -w -R 'set_inode_field /f0 mode 0104777' image "
		   "2>/dev/null");

	struct content_image image = content_open(EXT2_WRITE);

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(ext2_set_xattr(image.fs, FIRST_FILE, ACL_ACCESS,
					     wrong[i].value,
					     wrong[i].size) == -EINVAL,
			      "%s", wrong[i].name);
	ck_assert_int_eq(ext2_set_xattr(image.fs, FIRST_FILE, ACL_ACCESS, acl,
					sizeof acl - 1),
			 0);
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
	ck_assert_int_eq(inode.mode, 0104650); // owner, mask, others
	ck_assert_int_eq(ext2_set_xattr(image.fs, FIRST_FILE, ACL_ACCESS,
					minimal_acl, sizeof minimal_acl - 1),
			 0);
	ck_assert_int_eq(ext2_inode(image.fs, FIRST_FILE, &inode), 0);
	ck_assert_int_eq(inode.mode, 0104641);
	ck_assert_int_eq(ext2_xattr(image.fs, FIRST_FILE, ACL_ACCESS, NULL, 0),
			 -ENODATA);
	content_close(&image);
}
END_TEST

TCase *content_xattr_case(void)
{
	TCase *t = tcase_create("attributes");

	tcase_set_timeout(t, 600);
	tcase_add_checked_fixture(t, content_set_up, content_tear_down);
	tcase_add_loop_test(t, attributes_are_seen_by_all, 0, LAYOUTS);
	tcase_add_loop_test(t, attributes_of_the_kernel_are_read_and_changed, 0,
			    LAYOUTS);
	tcase_add_loop_test(t, equal_blocks_are_shared_in_a_journal, 0,
			    LAYOUTS);
	tcase_add_loop_test(t, random_changes_are_those_of_a_model, 0, LAYOUTS);
	tcase_add_test(t, what_cannot_be_is_refused);
	tcase_add_test(t, the_first_attribute_is_a_feature);
	tcase_add_test(t, an_acl_is_also_a_mode);
	return t;
}

// What works on a whole image: resize, defrag, fill, diff. Judges: e2fsck, and
// debugfs, which reads what was copied and makes the differences that diff is to
// find.

#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edits_parts.h"

static char edits_folder[64];

#define EDITS_NEEDS "needs mke2fs, e2fsck and debugfs"

// ## Shell

static void edits_set_up(void)
{
	snprintf(edits_folder, sizeof edits_folder,
		 "/dev/shm/edits-test-XXXXXX");
	if (mkdtemp(edits_folder))
		return;
	snprintf(edits_folder, sizeof edits_folder, "/tmp/edits-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(edits_folder));
}

static struct outcome edits_shell(const char *fmt, va_list args)
{
	char *command, *whole;

	ck_assert_int_ge(vasprintf(&command, fmt, args), 0);
	ck_assert_int_ge(
		asprintf(&whole,
			 "PATH=$PATH:/usr/sbin:/sbin LC_ALL=C; "
			 "export PATH LC_ALL; img() { \"$B/fs/img\" \"$@\"; }; "
			 "cd '%s' && %s",
			 edits_folder, command),
		0);
	struct outcome o = run_shell(whole);
	free(command);
	free(whole);
	return o;
}

static void edits_do(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
static void edits_do(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	struct outcome o = edits_shell(fmt, args);
	va_end(args);
	ck_assert_msg(o.exit == 0, "%s: exit %d\n%s%s", fmt, o.exit, o.out,
		      o.err);
	outcome_free(&o);
}

// Exit status and output are as wanted (a part of it, of either stream).
static void edits_says(int status, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void edits_says(int status, const char *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	struct outcome o = edits_shell(fmt, args);
	va_end(args);
	ck_assert_msg(o.exit == status &&
			      (strstr(o.out, text) || strstr(o.err, text)),
		      "%s: exit %d, want %d and \"%s\"\n%s%s", fmt, o.exit,
		      status, text, o.out, o.err);
	outcome_free(&o);
}

static void edits_tear_down(void)
{
	edits_do("rm -rf '%s'", edits_folder);
}

static bool edits_judges(void)
{
	struct outcome o = run_shell("PATH=$PATH:/usr/sbin:/sbin; "
				     "command -v mke2fs && "
				     "command -v e2fsck && "
				     "command -v debugfs");
	bool yes = o.exit == 0;

	outcome_free(&o);
	return yes;
}

// ## An image with something of everything

static void edits_make(const char *image, const char *options)
{
	edits_do("rm -rf tree && mkdir -p tree/a/b tree/many && "
		 "i=0; while [ $i -lt 700 ]; do "
		 "echo $i >tree/many/a-file-of-that-number-$i; "
		 "i=$((i+1)); done; "
		 "head -c 1500000 /dev/urandom >tree/a/big && printf x | "
		 "dd of=tree/a/big bs=1 seek=102400 conv=notrunc "
		 "status=none && "
		 "ln tree/a/big tree/a/b/again && "
		 "truncate -s 3G tree/sparse && printf x | "
		 "dd of=tree/sparse bs=1 seek=2000000000 conv=notrunc "
		 "status=none && "
		 "ln -s target tree/a/short && "
		 "ln -s $(printf '%%0200d' 1) tree/a/long");
	edits_do("rm -f %s && img mkfs --quiet %s --from=tree --size=48M %s",
		 image, image, options);
	edits_do("img batch %s <<'END'\n"
		 "mknod /a/device b 259 70000\n"
		 "mknod /a/fifo p\n"
		 "chown 100000:7 /a/b\n"
		 "chmod 4755 /a/big\n"
		 "chmod 700 /lost+found\n"
		 "mkdir /lost+found/#77\n"
		 "xattr /a/big set user.colour blue\n"
		 "touch -d @-157000000.25 /a/big /many\n"
		 "END",
		 image);
	edits_do("e2fsck -fn %s", image);
}

static void edits_same(const char *image, const char *other)
{
	edits_do("e2fsck -fn %s", image);
	edits_do("img diff %s %s --xattrs --all-times", image, other);
	edits_do(
		"rm -rf out && mkdir out && "
		"debugfs -R 'rdump /many out' %s && diff -r tree/many out/many "
		"&& debugfs -R 'dump /a/b/again out/again' %s && "
		"cmp tree/a/big out/again",
		image, image);
}

// ## resize

static const char *const edits_kinds[] = {
	"--block-size=1K", "--block-size=4K --journal", "--block-size=2K"
};

START_TEST(edits_resize_keeps_all)
{
	static const char *const sizes[] = { "90M", "30M", "--minimum", "50M" };

	if (!edits_judges())
		SKIP(EDITS_NEEDS);
	edits_make("x", edits_kinds[_i]);
	edits_do("cp --sparse=always x before");
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		edits_do("img resize --quiet x %s", sizes[i]);
		edits_same("x", "before");
	}
	edits_do("dumpe2fs -h before >1 2>&1 && dumpe2fs -h x >2 2>&1 && "
		 "grep -E 'UUID|volume name|Hash Seed|Errors|mount options' 1 "
		 ">3; grep -E 'UUID|volume name|Hash Seed|Errors|mount options'"
		 " 2 | cmp - 3");
}
END_TEST

START_TEST(edits_resize_says_how_much)
{
	if (!edits_judges())
		SKIP(EDITS_NEEDS);
	edits_make("x", "--journal");
	edits_do("cp --sparse=always x before");
	edits_says(1, "want a SIZE of at least", "img resize x 1M");
	edits_do("cmp x before");
	// What it says is enough. A block less would do without the index of
	// /many, which is left out where it has no room; 16 less do not.
	edits_do("n=$(img resize x 1M 2>&1 | "
		 "sed 's/.*at least \\([0-9]*\\).*/\\1/') && "
		 "! img resize x $((n - 65536)) 2>/dev/null && cmp x before && "
		 "img resize --quiet x $n && test $(stat -c %%s x) = $n");
	edits_same("x", "before");
}
END_TEST

START_TEST(edits_remake_refuses)
{
	if (!edits_judges())
		SKIP(EDITS_NEEDS);
	edits_do("img mkfs --quiet x --size=8M && cp x y");
	edits_says(2, "dd", "img resize x 9M --offset=512");
	edits_says(2, "dd", "img defrag x --partition=1");
	edits_says(2, "want a SIZE", "img resize x");
	edits_says(2, "want a SIZE", "img resize x 9M --minimum");
	edits_says(2, "SIZE=-1", "img resize x -- -1");
	edits_says(1, "outside a batch", "echo resize 9M | img batch x");
	edits_do("cmp x y");
	edits_do("printf behind >>y");
	edits_says(1, "behind the file system", "img resize y 9M");
	edits_do("mke2fs -q -t ext4 z 8M");
	edits_says(1, "extent", "cp z z2; img resize z 9M");
	edits_do("cmp z z2");
}
END_TEST

// A file that no name reaches would be lost: the image is to be checked first.
START_TEST(edits_resize_loses_nothing)
{
	if (!edits_judges())
		SKIP(EDITS_NEEDS);
	edits_do("img mkfs --quiet x --size=8M && echo one >f && img put x f "
		 "/f && "
		 "debugfs -w -R 'unlink /f' x && cp x y");
	edits_says(1, "check it first", "img resize x 16M");
	edits_do("cmp x y");
	edits_do("e2fsck -fy x; img resize --quiet x 16M && e2fsck -fn x && "
		 "img cat x '/lost+found/#12' | cmp - f");
}
END_TEST

START_TEST(edits_resize_what_others_made)
{
	static const char *const options[] = {
		"-t ext2 -b 1024", "-t ext3 -b 4096 -O resize_inode,dir_index",
		"-t ext2 -r 0 -b 1024", "-t ext2 -I 128 -b 2048",
		"-t ext2 -I 512 -b 4096"
	};

	if (!edits_judges())
		SKIP(EDITS_NEEDS);
	edits_do("mkdir d && head -c 400000 /dev/urandom >d/f && "
		 "mke2fs -q %s x 24M && "
		 "debugfs -w -f - x <<'END'\nmkdir d\nwrite d/f d/f\n"
		 "symlink d/s f\nmknod d/p p\nset_inode_field d/f mtime "
		 "19700102030405\nEND\n"
		 "e2fsck -fy x; cp x before",
		 options[_i]);
	edits_do("img resize --quiet x 60M && e2fsck -fn x");
	edits_do("img diff before x --all-times --xattrs");
	edits_do("img resize --quiet x --minimum && e2fsck -fn x");
	edits_do("img diff before x --all-times --xattrs && "
		 "debugfs -R 'cat /d/f' x 2>/dev/null | cmp - d/f");
}
END_TEST

// ## defrag

START_TEST(edits_defrag_joins)
{
	if (!edits_judges())
		SKIP(EDITS_NEEDS);
	edits_make("x", edits_kinds[_i]);
	// Two files that grow in turns.
	edits_do("head -c 30000 /dev/urandom >piece && printf %%s "
		 "\"$(for i in 1 2 3 4 5 6 7 8; do for f in p q; do "
		 "echo write piece $f$i; done; done)\" >script && "
		 "debugfs -w -f script x && debugfs -w -R 'rm p3' x && "
		 "debugfs -w -R 'rm p5' x && debugfs -w -R 'rm q6' x && "
		 "cat piece piece piece piece >whole && "
		 "debugfs -w -R 'write whole whole' x && e2fsck -fn x && "
		 "cp --sparse=always x before");
	edits_do("test $(debugfs -R 'blocks whole' x 2>/dev/null | "
		 "tr ' ' '\\n' | grep . | sort -n | "
		 "awk 'NR==1{a=$1} {b=$1} END{print b-a+1-NR}') -gt 0");
	edits_do("img defrag x --format=json >json && "
		 "grep -q '\"before\"' json");
	edits_same("x", "before");
	edits_do("test $(debugfs -R 'blocks whole' x 2>/dev/null | "
		 "tr ' ' '\\n' | grep . | sort -n | "
		 "awk 'NR==1{a=$1} {b=$1} END{print b-a+1-NR}') -eq 0");
}
END_TEST

// ## fill

START_TEST(edits_fill_clears_free_blocks_alone)
{
	static const char *const how[] = { "", "--write" };

	if (!edits_judges())
		SKIP(EDITS_NEEDS);
	edits_make("x", "--journal");
	edits_do("yes secret | head -c 900000 >f && img put x f /f && "
		 "img rm x /f && cp --sparse=always x before && "
		 "grep -q secret x");
	edits_do("img fill --quiet x %s && ! grep -q secret x", how[_i]);
	edits_same("x", "before");
	// Every block that is in use is the same, every other is zeros.
	edits_do("dumpe2fs before 2>/dev/null | sed -n "
		 "'s/^  Free blocks: //p' | tr ',' '\\n' | tr -d ' ' | grep . "
		 ">free && cp --sparse=never before want && "
		 "while IFS=- read a b; do dd if=/dev/zero of=want bs=4096 "
		 "seek=$a count=$((${b:-$a} - a + 1)) conv=notrunc "
		 "status=none; done <free && cmp want x");
}
END_TEST

// ## diff

START_TEST(edits_diff_finds)
{
	static const struct {
		const char *change, *line;
	} made[] = {
		{ "set_inode_field /a/big mode 0100644",
		  "/a/big: mode: 4755, other 0644" },
		{ "set_inode_field /a/b uid 5",
		  "/a/b: owner: 100000:7, other" },
		{ "set_inode_field /a/big mtime 20010203040506",
		  "/a/big: modified:" },
		{ "set_inode_field /a/big links_count 3",
		  "/a/big: links: 2, other 3" },
		{ "set_inode_field /a/big size 1499999",
		  "/a/big: size: 1500000, other 1499999" },
		{ "ea_set /a/big user.colour bluf",
		  "attribute user.colour: 4 bytes, other 4 others" },
		{ "ea_rm /a/big user.colour",
		  "attribute user.colour: 4 bytes, other missing" },
		{ "rm /a/fifo", "only in x: /a/fifo" },
		{ "mkdir /new", "only in y: /new" },
		{ "set_inode_field /a/device block[1] 0x13",
		  "/a/device: device: 259:70000, other 0:19" },
		{ "zap_block -f /a/big -p 7 100",
		  "/a/big: content: differs from byte 102400 on" },
		{ "zap_block -f /sparse -p 7 1953125",
		  "/sparse: content: differs from byte 2000000000 on" },
	};

	if (!edits_judges())
		SKIP(EDITS_NEEDS);
	edits_make("x", "--block-size=1K");
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		edits_do("cp --sparse=always x y && "
			 "debugfs -w -R '%s' y >log 2>&1",
			 made[i].change);
		edits_says(1, made[i].line, "img diff x y --xattrs");
	}
	edits_do("img diff x y --root=/many");
	edits_says(1, "/sparse", "img diff y x --format=json");
	// Other links with the same counts: a=b, c=d there, a=c, b=d here.
	edits_do("mkdir t && cd t && echo 1 >a && ln a b && echo 1 >c && "
		 "ln c d && touch -d @0 * . && cd .. && "
		 "img mkfs --quiet l --from=t --size=2M && img diff l t && "
		 "rm t/b t/c && ln t/a t/c && ln t/d t/b && "
		 "touch -d @0 t/* t");
	edits_says(1, "a link to", "img diff l t");
}
END_TEST

START_TEST(edits_diff_with_a_directory)
{
	edits_do("mkdir -p t/d && echo hello >t/d/f && ln -s f t/d/l && "
		 "mkfifo t/p && truncate -s 1G t/hole && "
		 "img mkfs --quiet x --from=t --size=4M");
	edits_do("test -z \"$(img diff x t --xattrs)\"");
	edits_do("img diff x t/d --root=/d");
	edits_do("test \"$(img diff x t --format=json)\" = '[]'");
	edits_do("echo jello >f && touch -r t/d/f f && cat f >t/d/f && "
		 "touch -r f t/d/f");
	edits_says(1, "/d/f: content: differs from byte 0 on", "img diff x t");
	edits_do("touch -d @7 t/d/f");
	edits_says(1, "/d/f: modified:", "img diff x t");
	edits_says(1, "content", "img diff x t --ignore-times");
	edits_do("rm t/p && mkdir t/p");
	edits_says(1, "/p: type: fifo, other directory", "img diff x t");
	edits_says(2, "nowhere", "img diff x nowhere");
	edits_says(2, "/nix", "img diff x t --root=/nix");
	edits_says(2, "ext2", "img diff t/d/f t");
	edits_says(2, "want an image or a directory", "img diff x");
}
END_TEST

Suite *edits_suite(void)
{
	Suite *suite = suite_create("edits");
	TCase *tcase = tcase_create("whole images");
	int kinds = sizeof edits_kinds / sizeof *edits_kinds;

	tcase_add_checked_fixture(tcase, edits_set_up, edits_tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, edits_resize_keeps_all, 0, kinds);
	tcase_add_test(tcase, edits_resize_says_how_much);
	tcase_add_test(tcase, edits_remake_refuses);
	tcase_add_test(tcase, edits_resize_loses_nothing);
	tcase_add_loop_test(tcase, edits_resize_what_others_made, 0, 5);
	tcase_add_loop_test(tcase, edits_defrag_joins, 0, kinds);
	tcase_add_loop_test(tcase, edits_fill_clears_free_blocks_alone, 0, 2);
	tcase_add_test(tcase, edits_diff_finds);
	tcase_add_test(tcase, edits_diff_with_a_directory);
	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, edits_random_case());
	return suite;
}

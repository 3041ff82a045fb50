// Sound images are never flagged, whoever made them.
//
// A row is a shell command that makes the image, most of them from the folder
// `tree`. e2fsck has to find nothing in it, or the row would be no sound image;
// then we must find nothing, with and without repair, and write nothing.

#define _GNU_SOURCE
#include "content_parts.h"
#include "crash_parts.h"
#include "fsck_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char make_tree[] =
	"mkdir -p tree/a/b/c tree/many && cd tree && "
	"for i in $(seq 300); do echo $i >many/a-name-of-some-length-$i; "
	"done && "
	"head -c 700000 /dev/zero | tr '\\0' x >large && "
	"printf y | dd of=far bs=1 seek=4295000000 conv=notrunc 2>/dev/null && "
	"printf y | dd of=hole bs=1 seek=9000000 conv=notrunc 2>/dev/null && "
	": >empty && ln -s short fast && "
	"ln -s $(printf %0200d 0) slow && ln -s $(printf %059d 0) edge && "
	"ln -s $(printf %060d 0) beyond && "
	"ln large a/b/c/link && mkfifo fifo && chmod 4755 large && "
	"for n in $(seq 9); do echo $n >a/b/c/file$n; done && cd ..";

// In a mount of its own, so that nothing stays behind.
#define MOUNTED(commands)                                                    \
	"unshare -m sh -ec 'mkdir -p at; mount -o loop image at; cd at; "    \
	commands "; cd ..; umount at'"
#define AGE                                                                  \
	"mkdir d e f; for i in $(seq 900); do echo $i >d/the-name-of-$i; "   \
	"done; for i in $(seq 1 3 900); do rm d/the-name-of-$i; done; "      \
	"for i in $(seq 200); do mv d/the-name-of-$((i*3-1)) e/; done; "     \
	"head -c 900000 /dev/urandom >f/x; truncate -s 300000 f/x; "         \
	"truncate -s 4g f/sparse; echo y >>f/sparse; ln f/x e/y; "           \
	"ln -s $(printf %0300d 0) f/slow; ln -s s f/fast; mkfifo f/fifo; "   \
	"mknod f/disk b 8 1; mknod f/tty c 300 70000; "                      \
	"(setfattr -n user.k -v v f/x; setfacl -m u:33:r f/fifo e/y; "       \
	"setfacl -d -m u:33:r f; setfattr -n user.big "                      \
	"-v $(printf %0500d 0) d) 2>/dev/null || :; "                        \
	"mkdir -p f/a/b/c; echo z >f/a/b/c/z; rm -r d; mkdir d; echo >d/q"

struct maker {
	const char *name;
	const char *needs; // a program beside e2fsprogs, or NULL
	bool root;
	const char *command;
};

#define MKE2FS(name, options) \
	{ name, NULL, false, "mke2fs -q -F " options " -d tree image 24M" }

static const struct maker makers[] = {
	MKE2FS("ext2, 1 KiB", "-t ext2 -b 1024"),
	MKE2FS("ext2, 2 KiB", "-t ext2 -b 2048"),
	MKE2FS("ext2, 4 KiB", "-t ext2 -b 4096"),
	MKE2FS("ext2, 8 KiB", "-t ext2 -b 8192"),
	MKE2FS("ext2, 64 KiB", "-t ext2 -b 65536"),
	MKE2FS("ext3, 1 KiB", "-t ext3 -b 1024"),
	MKE2FS("ext3, 2 KiB", "-t ext3 -b 2048"),
	MKE2FS("ext3, 4 KiB", "-t ext3 -b 4096"),
	MKE2FS("small inodes", "-t ext2 -b 1024 -I 128"),
	MKE2FS("large inodes", "-t ext3 -b 4096 -I 1024"),
	MKE2FS("small groups", "-t ext2 -b 1024 -g 512"),
	MKE2FS("copies everywhere",
	       "-t ext2 -b 1024 -g 1024 -O ^sparse_super,^resize_inode"),
	MKE2FS("no file types", "-t ext2 -b 1024 -O ^filetype"),
	MKE2FS("no resize_inode", "-t ext3 -b 1024 -O ^resize_inode"),
	MKE2FS("room for growth", "-t ext2 -b 1024 -E resize=2000000"),
	MKE2FS("revision 0", "-t ext2 -b 1024 -r 0"),
	MKE2FS("none reserved", "-t ext2 -b 1024 -m 0 -N 1000"),
	MKE2FS("no extra features",
	       "-t ext2 -b 1024 -O none,filetype,large_file"),
	{ "indexes", NULL, false,
	  "mke2fs -q -F -t ext2 -b 1024 -O dir_index -d tree image 24M && "
	  "(e2fsck -fyD image; test $? -le 1)" },
	{ "indexes, TEA", NULL, false,
	  "mke2fs -q -F -t ext3 -b 1024 -d tree image 24M && "
	  "tune2fs -E hash_alg=tea image && "
	  "(e2fsck -fyD image; test $? -le 1)" },
	{ "journal given later", NULL, false,
	  "mke2fs -q -F -t ext2 -b 1024 -d tree image 24M && "
	  "tune2fs -j image" },
	{ "journal taken away", NULL, false,
	  "mke2fs -q -F -t ext3 -b 1024 -d tree image 24M && "
	  "tune2fs -O ^has_journal image" },
	{ "another UUID", NULL, false,
	  "mke2fs -q -F -t ext3 -b 1024 -d tree image 24M && "
	  "tune2fs -U random image" },
	{ "larger inodes, later", NULL, false,
	  "mke2fs -q -F -t ext2 -b 1024 -I 128 -d tree image 24M && "
	  "tune2fs -I 256 image" },
	{ "grown", NULL, false,
	  "mke2fs -q -F -t ext2 -b 1024 -d tree image 24M && "
	  "resize2fs image 60M" },
	{ "shrunk", NULL, false,
	  "mke2fs -q -F -t ext3 -b 1024 -d tree image 60M && "
	  "e2fsck -fy image && resize2fs image 24M" },
	{ "bad blocks", NULL, false,
	  "mke2fs -q -F -t ext2 -b 1024 -d tree image 24M && "
	  "printf '20000\\n20001\\n20500\\n' >bad && "
	  "(e2fsck -fy -l bad image; test $? -le 1)" },
	{ "debugfs", NULL, false,
	  "mke2fs -q -F -t ext2 -b 1024 image 8M && "
	  "printf 'mkdir d\\nwrite tree/large d/large\\n"
	  "symlink d/fast x\\nsymlink d/slow %0200d\\n"
	  "cd d\\nmknod p p\\nmknod b b 8 1\\ncd /\\nwrite tree/hole hole\\n"
	  "ea_set d/large user.k v\\nea_set hole -f tree/many/"
	  "a-name-of-some-length-7 user.f\\nwrite tree/empty e\\nrm e\\n"
	  "mkdir q\\nrmdir q\\nexpand_dir d\\n' 0 >script && "
	  "debugfs -w -f script image" },
	{ "genext2fs, 1 KiB", "genext2fs", false,
	  "rm -f tree/far && genext2fs -b 20000 -B 1024 -d tree image" },
	{ "genext2fs, 4 KiB", "genext2fs", false,
	  "rm -f tree/far && genext2fs -b 5000 -B 4096 -d tree image" },
	{ "ours", "img", false, "img mkfs image --from=tree" },
	{ "ours, 1 KiB", "img", false,
	  "img mkfs image --from=tree --block-size=1K --free=50%" },
	{ "ours, journal", "img", false,
	  "img mkfs image --from=tree --size=40M --journal" },
	{ "the kernel's, ext2", NULL, true,
	  "mke2fs -q -F -t ext2 -b 1024 image 24M && " MOUNTED(AGE) },
	{ "the kernel's, ext2, 4 KiB", NULL, true,
	  "mke2fs -q -F -t ext2 -b 4096 image 24M && " MOUNTED(AGE) },
	{ "the kernel's, ext3", NULL, true,
	  "mke2fs -q -F -t ext3 -b 1024 image 24M && " MOUNTED(AGE) },
	{ "the kernel's, ext3, 2 KiB", NULL, true,
	  "mke2fs -q -F -t ext3 -b 2048 -I 128 image 24M && " MOUNTED(AGE) },
	{ "the kernel's, ext3, 4 KiB", NULL, true,
	  "mke2fs -q -F -t ext3 -b 4096 image 24M && " MOUNTED(AGE) },
	{ "ours, then the kernel's", "img", true,
	  "img mkfs image --from=tree --size=40M --journal && " MOUNTED(AGE) },
};

enum { MAKERS = sizeof makers / sizeof *makers };

// NULL, or why the row is left out.
static const char *cannot(const struct maker *maker)
{
	char *said;
	bool have;

	if (!content_judges())
		return CONTENT_NEEDS;
	if (maker->root && geteuid())
		return "mounting needs root";
	if (maker->root) {
		said = content_shell("(mke2fs -q -F image 1M && " MOUNTED(
			":") ") >/dev/null 2>&1 && echo yes || echo no");
		have = !strcmp(said, "yes\n");
		free(said);
		if (!have)
			return "no loop mounts here";
	}
	if (!maker->needs)
		return NULL;
	said = content_shell("command -v %s >/dev/null && echo yes || echo no",
			     maker->needs);
	have = !strcmp(said, "yes\n");
	free(said);
	return have ? NULL : maker->needs;
}

static void expect_nothing(const char *name, bool repair)
{
	struct device *image, *overlay;
	struct check_result result;
	struct told told;
	int error;

	ck_assert_int_eq(device_file(content_image, DEVICE_READ, 0, 0, &image),
			 0);
	ck_assert_int_eq(device_overlay(image, 512, 1 << 20, &overlay), 0);
	error = corpus_look(overlay, repair, &told, &result);
	ck_assert_msg(!error, "%s: %s", name, strerror(-error));
	ck_assert_msg(!told.count, "%s:\n%s", name, told.text);
	ck_assert_msg(!device_overlay_units(overlay), "%s: written", name);
	device_close(overlay);
	device_close(image);
}

START_TEST(fsck_never_flags)
{
	const struct maker *maker = &makers[_i];
	char folder[200];
	const char *said, *why;

	snprintf(folder, sizeof folder, "%s/fs", build_folder());
	char *path = NULL;

	ck_assert(asprintf(&path, "%s:%s", getenv("PATH"), folder) > 0);
	setenv("PATH", path, 1);
	free(path);
	why = cannot(maker);
	if (why)
		SKIP("%s: %s", maker->name, why);
	content_do("rm -f image; umask 022; %s", make_tree);
	content_do("%s", maker->command);
	ck_assert_msg(!e2fsck("-fn", content_image, &said), "%s: %s",
		      maker->name, said);
	expect_nothing(maker->name, false);
	expect_nothing(maker->name, true);
}
END_TEST

void fsck_clean_tests(Suite *suite)
{
	TCase *tests = tcase_create("clean");

	tcase_add_checked_fixture(tests, corpus_set_up, corpus_tear_down);
	tcase_set_timeout(tests, 0);
	tcase_add_loop_test(tests, fsck_never_flags, 0, MAKERS);
	suite_add_tcase(suite, tests);
}

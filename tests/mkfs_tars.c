// img mkfs: archives, and tables of devices
//
// An archive made by GNU tar gives the same image, byte by byte, as the directory it
// was made of. Hostile ones are put together here, header by header.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mkfs_parts.h"
#include "must.h"

// ## Archives of tar(1)

static const char pack[] = "tar --format=posix --xattrs --xattrs-include='*' "
			   "--acls -S -c -C tree .";

// Where tar cannot keep something it says so, and the test has no point.
static bool have_tar(void)
{
	struct outcome o = mkfs_shell("tar --version | grep -q GNU && "
				      "mkdir t && tar --xattrs --acls -c t");
	bool there = o.exit == 0;

	outcome_free(&o);
	return there;
}

START_TEST(tar_like_directory)
{
	if (!have_tar())
		SKIP("needs GNU tar with attributes");
	mkfs_hard_tree("tree", 300);
	mkfs_expect(0, "rm tree/socket"); // tar leaves it out
	mkfs_expect(0,
		    "export SOURCE_DATE_EPOCH=4000000000; %s >x.tar && "
		    "$IMG mkfs a --quiet --from=tree && "
		    "$IMG mkfs b --quiet --from=x.tar && cmp a b && "
		    "$IMG mkfs c --quiet --from=- <x.tar && cmp a c && "
		    "gzip <x.tar | $IMG mkfs d --quiet --from=- && cmp a d && "
		    "xz <x.tar | cat | $IMG mkfs e --quiet --from=- && cmp a e",
		    pack);
}
END_TEST

START_TEST(tar_is_mounted)
{
	if (!have_tar() || !mkfs_have("e2fsck"))
		SKIP("needs GNU tar with attributes and e2fsprogs");
	mkfs_hard_tree("tree", 30);
	mkfs_expect(0, "rm tree/socket");
	// Both must see the times of the last access that the archive has.
	mkfs_expect(0,
		    "%s --atime-preserve=system >x.tar && "
		    "find tree -exec touch -h -a -d @1500000000 {} + && "
		    "%s --atime-preserve=system >x.tar && "
		    "$IMG mkfs a --quiet --from=x.tar && "
		    "find tree -exec touch -h -a -d @1500000000 {} +",
		    pack, pack);
	mkfs_check("a");
	mkfs_compare("a", "tree");
}
END_TEST

START_TEST(tar_is_cut_off)
{
	if (!have_tar())
		SKIP("needs GNU tar");
	mkfs_expect(0, "mkdir tree && head -c 300K /dev/urandom >tree/f && "
		       "tar cf x.tar tree && head -c 200K x.tar >cut.tar && "
		       "gzip <x.tar | head -c 100K >cut.gz");
	int names = mkfs_names();
	mkfs_expect_text(1, "cannot read cut.tar",
			 "$IMG mkfs a --from=cut.tar");
	mkfs_expect_text(1, "cannot read cut.gz", "$IMG mkfs a --from=cut.gz");
	mkfs_expect_text(1, "cannot read -", "$IMG mkfs a --from=- <cut.gz");
	mkfs_expect(1, "head -c 1M /dev/urandom | $IMG mkfs a --from=-");
	mkfs_expect(1, "$IMG mkfs a --from=nowhere");
	ck_assert_int_eq(mkfs_names(), names);
}
END_TEST

// ## Archives made here
//
// ustar: a header of 512 bytes, POSIX.1-1988.

struct member {
	const char *name;
	char type;           // 0 file, 1 hard link, 2 symlink, 5 directory
	const char *content; // or what it links to
};

static void make_archive(const char *name, const struct member *m)
{
	char path[128];
	static const char zeros[1024];

	snprintf(path, sizeof path, "%s/%s", mkfs_folder, name);
	FILE *file = must_ptr(fopen(path, "we"));
	for (; m->name; m++) {
		char header[512] = "", *link = header + 157;
		unsigned sum = 0;
		bool data = m->type == '0';
		size_t n = data ? strlen(m->content) : 0;

		snprintf(header, 100, "%s", m->name);
		snprintf(header + 100, 8, "%07o", 0644);
		snprintf(header + 108, 8, "%07o", 1);
		snprintf(header + 116, 8, "%07o", 2);
		snprintf(header + 124, 12, "%011o", (unsigned)n);
		snprintf(header + 136, 12, "%011o", 1700000000);
		header[156] = m->type;
		if (!data && m->content)
			snprintf(link, 100, "%s", m->content);
		memcpy(header + 257, "ustar\00000", 8);
		memset(header + 148, ' ', 8);
		for (size_t i = 0; i < sizeof header; i++)
			sum += (uint8_t)header[i];
		snprintf(header + 148, 8, "%06o", sum);
		fwrite(header, 1, sizeof header, file);
		if (n) {
			fwrite(m->content, 1, n, file);
			fwrite(zeros, 1, (512 - n % 512) % 512, file);
		}
	}
	fwrite(zeros, 1, sizeof zeros, file);
	must_zero(fclose(file));
}

START_TEST(tar_hostile)
{
	static const struct {
		struct member members[4];
		const char *refusal;
	} archives[] = {
		{ { { "../up", '0', "x" } }, "it leads out" },
		{ { { "a/../../up", '0', "x" } }, "it leads out" },
		{ { { "a", '0', "x" }, { "b", '1', "../../etc/passwd" } },
		  "it leads out" },
		{ { { "l", '2', "/tmp" }, { "l/inside", '0', "x" } },
		  "no directory" },
		{ { { "f", '0', "x" }, { "f/inside", '0', "x" } },
		  "no directory" },
		{ { { "b", '1', "not there" } }, "a hard link to" },
		{ { { "d", '5', NULL }, { "b", '1', "d" } }, "a hard link to" },
		{ { { "d", '5', NULL }, { "d", '0', "x" } },
		  "a directory of that name" },
		{ { { ".", '0', "x" } }, "can only be a directory" },
	};

	for (size_t i = 0; i < sizeof archives / sizeof *archives; i++) {
		make_archive("x.tar", archives[i].members);
		int names = mkfs_names();
		mkfs_expect_text(1, archives[i].refusal,
				 "$IMG mkfs a --from=x.tar");
		ck_assert_int_eq(mkfs_names(), names);
	}
}
END_TEST

// Names that are absolute, doubled, implied, given away, or linked to themselves.
START_TEST(tar_odd)
{
	static const struct member members[] = {
		{ "z", '0', "one" },	 { "b", '1', "z" },
		{ "c", '1', "./b" },	 { "z", '0', "two" },
		{ "b", '1', "b" },	 { "/abs//olute/./f", '0', "three" },
		{ "implied", '0', "x" }, { "implied", '2', "target" },
		{ "d/", '5', NULL },	 { "d", '5', NULL },
		{ "d/e", '0', "four" },	 { ".", '5', NULL },
		{ "w", '0', "x" },	 { "v", '1', "w" },
		{ "w", '2', "gone" },	 { NULL, 0, NULL },
	};
	static const char *const contents[][2] = {
		{ "z", "two" },	   { "b", "one" }, { "c", "one" },
		{ "d/e", "four" }, { "v", "x" },   { "abs/olute/f", "three" },
	};

	if (!mkfs_have("debugfs"))
		SKIP(MKFS_NEEDS);
	make_archive("x.tar", members);
	mkfs_expect(0, "$IMG mkfs a --from=x.tar");
	mkfs_check("a");
	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++)
		mkfs_expect(0,
			    "[ \"$(debugfs -R 'cat %s' a 2>/dev/null)\" = %s ]",
			    contents[i][0], contents[i][1]);
	mkfs_expect_text(0, "Links: 2", "debugfs -R 'stat b' a");
	mkfs_expect_text(0, "Links: 1", "debugfs -R 'stat z' a");
	mkfs_expect_text(0, "Fast link dest: \"target\"",
			 "debugfs -R 'stat implied' a");
	mkfs_expect_text(0, "Mode:  0755", "debugfs -R 'stat abs/olute' a");
}
END_TEST

// ## Tables

static const char devices[] = "# a comment\\n\\n"
			      "/dev d 755 0 0 - - - - -\\n"
			      "/dev/null c 666 0 0 1 3 0 0 -\\n"
			      "/dev/hda b 640 0 6 3 1 1 1 15\\n"
			      "/dev/tty c 622 0 5 4 64 0 1 3 # three of them\\n"
			      "/dev/large b 600 0 0 259 70000\\n"
			      "/dev/pipe p 600 1 2\\n"
			      "/dev/socket s 700 1 2\\n"
			      "/bin/su f 4755 0 0 - - - - -\\n"
			      "/bin/not F 4755 0 0\\n"
			      "/home r - 1000 1000\\n"
			      "/a\\\\040blank f 600 - 7\\n"
			      "/new d\\n";

START_TEST(table)
{
	static const char *const stats[][2] = {
		{ "/dev", "Mode:  0755" },
		{ "/dev/null", "Device major/minor number: 01:03" },
		{ "/dev/null", "Mode:  0666" },
		{ "/dev/hda1", "Device major/minor number: 03:01" },
		{ "/dev/hda15", "Device major/minor number: 03:15" },
		{ "/dev/hda15", "User:     0   Group:     6" },
		{ "/dev/tty0", "Device major/minor number: 04:64" },
		{ "/dev/tty2", "Device major/minor number: 04:66" },
		{ "/dev/large", "Device major/minor number: 259:70000" },
		{ "/dev/pipe", "Type: FIFO" },
		{ "/dev/socket", "Type: socket" },
		{ "/bin/su", "Mode:  04755" },
		{ "/home", "User:  1000   Group:  1000" },
		{ "/home/u/f", "User:  1000   Group:  1000" },
		{ "/home/u/f", "Mode:  0640" },
		{ "\"/a blank\"", "Mode:  0600" },
		{ "/new", "Mode:  0755" },
	};

	if (!mkfs_have("debugfs"))
		SKIP(MKFS_NEEDS);
	mkfs_expect(0,
		    "mkdir -p tree/bin tree/home/u && echo su >tree/bin/su && "
		    "touch tree/home/u/f 'tree/a blank' && "
		    "chmod 640 tree/home/u/f && printf '%s' >table",
		    devices);
	mkfs_expect(0, "$IMG mkfs a --from=tree --table=table --owner=3:3");
	mkfs_check("a");
	for (size_t i = 0; i < sizeof stats / sizeof *stats; i++)
		mkfs_expect_text(0, stats[i][1], "debugfs -R 'stat %s' a",
				 stats[i][0]);
	for (int i = 0; i < 3; i++)
		mkfs_expect_text(0, "File not found", "debugfs -R 'stat %s' a",
				 (const char *[]){ "/dev/hda0", "/dev/hda16",
						   "/bin/not" }[i]);
	// The same without a tree, from nothing.
	mkfs_expect(0, "grep ^/dev table >only && "
		       "$IMG mkfs b --table=only --size=1M");
	mkfs_check("b");
}
END_TEST

START_TEST(table_refusals)
{
	static const char *const lines[][2] = {
		{ "/x", "want a type" },
		{ "/x q 1 2 3", "x:2: q: want a type" },
		{ "/x cc 1 2 3", "x:2: cc: want a type" },
		{ "/x c 999 0 0", "want a mode in octal" },
		{ "/x c 10000 0 0", "want a mode in octal" },
		{ "/x c 755 -2 0", "want a UID" },
		{ "/x c 755 0 99999999999", "want a GID" },
		{ "/x c 755 0 0 4096", "want a major number" },
		{ "/x c 755 0 0 1 1048576", "want a minor number" },
		{ "/x c 755 0 0 1 1048575 0 1 2", "no minor number above" },
		{ "/x c 755 0 0 1 0 0 0 99999", "want a count" },
		{ "/x c 1 2 3 4 5 6 7 8 9", "want ten fields" },
		{ "/no/x c 755 0 0 1 1", "want a directory there before" },
		{ "/f/x c 755 0 0 1 1", "want a directory there before" },
		{ "/../x c 755 0 0 1 1", "and no . or .." },
		{ "/d c 755 0 0 1 1", "something else" },
		{ "/nothing f 755", "want a file that is there" },
	};

	mkfs_expect(0, "mkdir -p tree/d && touch tree/f");
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		mkfs_expect(0, "printf '# first\\n%s\\n' >x", lines[i][0]);
		mkfs_expect_text(1, lines[i][1],
				 "$IMG mkfs a --from=tree --table=x");
		mkfs_expect(0, "[ ! -e a ]");
	}
	mkfs_expect(1, "$IMG mkfs a --size=1M --table=nowhere");
}
END_TEST

void add_mkfs_tar_tests(Suite *suite)
{
	TCase *tcase = mkfs_case("mkfs tars");

	tcase_add_test(tcase, tar_like_directory);
	tcase_add_test(tcase, tar_is_mounted);
	tcase_add_test(tcase, tar_is_cut_off);
	tcase_add_test(tcase, tar_hostile);
	tcase_add_test(tcase, tar_odd);
	tcase_add_test(tcase, table);
	tcase_add_test(tcase, table_refusals);
	suite_add_tcase(suite, tcase);
}

// # Each changing command beside the tool it is named after
//
// What `img chmod` does to an image, chmod(1) does to a directory of the host; then
// e2fsck -fn has nothing to say, and the kernel's mount of the image and the
// directory are the same in everything. Needs root, for the mount and for owners and
// devices. (That the kernel's times are ours is asked where times are set; elsewhere
// all are set to one, since the two commands do not run at the same moment. And
// files end at multiples of 4096 where they get a hole after it: tmpfs has pages.)

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "img_parts.h"

struct row {
	const char *ours, *theirs; // after "img", and in the directory
	bool times;                // are the same, too
};

static const struct row rows[] = {
	{ "mkdir x.img /a /a/b", "mkdir a a/b", false },
	{ "mkdir -m 1777 x.img /tmp", "mkdir -m 1777 tmp", false },
	{ "mkdir -m u=rwx,g=s,o= x.img /s", "mkdir -m u=rwx,g=s,o= s", false },
	{ "mkdir -p -m 750 x.img /p/q/r /a", "mkdir -p -m 750 p/q/r a", false },
	{ "mkdir -p --numeric --owner=70000:100000 x.img /o/p",
	  "mkdir -p o/p && chown -R 70000:100000 o", false },
	{ "mknod -m 666 x.img /null c 1 3", "mknod -m 666 null c 1 3", false },
	{ "mknod --owner=3:4 --numeric x.img /disk b 259 70000",
	  "mknod disk b 259 70000 && chown 3:4 disk", false },
	{ "mknod -m 4711 x.img /fifo p", "mkfifo fifo && chmod 4711 fifo",
	  false },
	{ "put x.img src /a", "cp -a ../src a", false },
	{ "put x.img src/. /a/b", "cp -a ../src/. a/b", false },
	{ "put --owner=5:6 --numeric x.img src /o",
	  "cp -a ../src o && chown -Rh 5:6 o/src && chmod 6755 o/src/suid",
	  false },
	{ "put -f x.img src/many /a/src/file",
	  "rm a/src/file && cp -a ../src/many a/src/file", false },
	{ "put -f x.img src/f2 /a/src/hard", "cp -a --remove-destination "
	  "../src/f2 a/src/hard", false },
	{ "put -L x.img src/soft /L", "cp -pL ../src/soft L", false },
	{ "put x.img - /in </etc/passwd", "cat /etc/passwd >in", false },
	{ "put --tar x.img src.tar /tmp", "tar xpf ../src.tar -C tmp", false },
	{ "ln x.img /a/src/f2 /p/l1", "ln a/src/f2 p/l1", false },
	{ "ln x.img /a/src/f2 /null /p/q", "ln a/src/f2 null p/q", false },
	{ "ln -f x.img /in /p/l1", "ln -f in p/l1", false },
	{ "ln -s x.img ../a/src /p/sym", "ln -s ../a/src p/sym", false },
	{ "ln -s -T x.img short /p/sym2", "ln -s -T short p/sym2", false },
	{ "ln -sf x.img $(printf %0300d 1) /p/sym2",
	  "ln -sfn $(printf %0300d 1) p/sym2", false },
	{ "ln x.img /p/sym2 /p/symhard", "ln -P p/sym2 p/symhard", false },
	{ "mv x.img /p/l1 /p/l2", "mv p/l1 p/l2", false },
	{ "mv x.img /p/l2 /p/q /s", "mv p/l2 p/q s", false },
	{ "mv x.img /L /s/l2", "mv L s/l2", false },
	{ "mv -n x.img /a/src/f2 /s/l2", "mv -n a/src/f2 s/l2", false },
	{ "mv -T x.img /o/src /o/p", "mv -T o/src o/p", false },
	{ "chmod x.img 7644 /a/src/f2 /null", "chmod 7644 a/src/f2 null",
	  false },
	{ "chmod x.img a-s,u+x,+t,g=u,o-rwx /a/src/f2",
	  "chmod a-s,u+x,+t,g=u,o-rwx a/src/f2", false },
	{ "chmod -R x.img u=rwX,go=rX /a", "chmod -R u=rwX,go=rX a", false },
	{ "chmod x.img 640 /a/src/soft", "chmod 640 a/src/soft", false },
	{ "chown x.img 100000:100001 /a/src/f2 /fifo",
	  "chown 100000:100001 a/src/f2 fifo", false },
	{ "chown -h x.img 9:10 /a/src/soft", "chown -h 9:10 a/src/soft",
	  false },
	{ "chown x.img :11 /a/src/soft", "chown :11 a/src/soft", false },
	{ "chown -R x.img daemon: /s", "chown -R daemon: s", false },
	{ "chown -R x.img root:daemon /tmp", "chown -R root:daemon tmp",
	  false },
	{ "truncate -s 3G x.img /a/src/f2 /new", "truncate -s 3G a/src/f2 new",
	  false },
	{ "truncate -s -1G x.img /new", "truncate -s -1G new", false },
	{ "truncate -s 4096 x.img /a/src/many", "truncate -s 4096 a/src/many",
	  false },
	{ "truncate -s +8K x.img /a/src/many", "truncate -s +8K a/src/many",
	  false },
	{ "truncate -c -s 0 x.img /none /new", "truncate -c -s 0 none new",
	  false },
	{ "touch -d @1000000000.5 x.img /a /a/src/many",
	  "touch -d @1000000000.5 a a/src/many", true },
	{ "touch -a -d 1965-02-03T04:05:06Z x.img /null",
	  "touch -a -d 1965-02-03T04:05:06Z null", true },
	{ "touch -m -d 2300-02-03T04:05:06.123456789Z x.img /null /a/src/soft",
	  "touch -m -d 2300-02-03T04:05:06.123456789Z null a/src/soft", true },
	{ "touch -h -d '2040-01-01 10:11+09:00' x.img /a/src/soft",
	  "touch -h -d '2040-01-01 10:11+09:00' a/src/soft", true },
	{ "touch --reference=/null x.img /fifo", "touch -r null fifo", true },
	{ "touch -c x.img /none", "touch -c none", true },
	{ "touch x.img /made /p/sym3", "touch made p/sym3", false },
	{ "ln -s x.img p/later /dangling", "ln -s p/later dangling", false },
	{ "touch x.img /dangling", "touch dangling", false },
	{ "rm x.img /made /null", "rm made null", false },
	{ "rm -f x.img /made /p/sym /none/x", "rm -f made p/sym none/x",
	  false },
	{ "mkdir x.img /e1 /e1/e2", "mkdir e1 e1/e2", false },
	{ "rm -d x.img /e1/e2 /e1", "rmdir e1/e2 e1", false },
	{ "rm -r x.img /a/src /tmp", "rm -r a/src tmp", false },
	{ "batch x.img script", "mkdir B && touch 'B/a b' && ln -s x B/l",
	  false },
	{ "resize --quiet x.img 40M", "true", false },
	{ "defrag --quiet x.img", "true", false },
	{ "fill --quiet x.img", "true", false },
	{ "fill --write --quiet x.img", "true", false },
	{ "resize --quiet --minimum x.img", "true", false },
};

enum { ROWS = sizeof rows / sizeof *rows };

static const char *const images[] = {
	"mke2fs -q -F -t ext2 -b 1024 -I 256 -O dir_index x.img 24M",
	"mke2fs -q -F -t ext3 -b 4096 -I 256 x.img 32M",
	"img mkfs --quiet x.img --size=24M --block-size=2K",
};

static bool img_mounts(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0)
		return false;
	struct outcome o = img_shell(
		"mount --make-rprivate / && mke2fs -q -F -t ext2 probe 1M && "
		"mkdir -p mnt && mount -o loop,ro probe mnt && umount mnt");
	bool can = o.exit == 0;

	outcome_free(&o);
	return can;
}

static void make_source(void)
{
	img_do("umask 022; mkdir -p src/dir/deep tree; seq 1 30000 >src/file; "
	       "ln src/file src/hard; ln -s dir src/soft; "
	       "ln -s file src/dir/fast; head -c 8192 /dev/urandom >src/f2; "
	       "rm src/soft; ln -s f2 src/soft; chmod 6755 src/f2; "
	       "cp src/f2 src/suid; chmod 6755 src/suid; "
	       "chown 70000:70001 src/f2; seq 1 90000 >src/many; "
	       "truncate -s 1G src/hole; printf end >>src/hole; "
	       "mkfifo src/dir/p; mknod src/dir/b b 259 300; "
	       "tar cf src.tar -C src dir file hard f2; "
	       "printf 'mkdir /B\\ntouch \"/B/a b\"\\nln -s x /B/l\\n' "
	       ">script");
}

// (Looking for the names reads directories; so they are found first.)
#define SETTLE                                                      \
	"(cd tree && find . -printf \"touch -h -d @7 '/%%P'\\n\") "   \
	">times; img batch x.img times; "                            \
	"find tree -depth -exec touch -h -d @7 {} +; "

START_TEST(img_commands_are_those_of_the_host)
{
	if (!img_judges())
		SKIP(IMG_NEEDS);
	if (!img_mounts())
		SKIP("needs root and loop mounts");
	img_do("%s; mkdir -p mnt", images[_i]);
	make_source();
	img_do("chmod 755 tree; touch tree/.; img chmod x.img 755 /");
	for (int i = 0; i < ROWS; i++) {
		const struct row *row = &rows[i];
		img_do("umask 022; img %s", row->ours);
		img_do("umask 022; cd tree; %s", row->theirs);
		if (!row->times)
			img_do(SETTLE);
		img_clean("x.img");
		img_do("mount -o loop,ro,noatime x.img mnt");
		img_same("tree", "mnt");
		img_do("umount mnt");
	}
}
END_TEST

// ## ACLs

static const unsigned char some_acl[] = {
	2,    0, 0, 0,                         //
	1,    0, 7, 0, 0xff, 0xff, 0xff, 0xff, // the owner: rwx
	2,    0, 7, 0, 0xd2, 0x04, 0,    0,    // user 1234: rwx
	4,    0, 5, 0, 0xff, 0xff, 0xff, 0xff, // the group: r-x
	0x10, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, // the mask: rwx
	0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, // others: ---
};

// chmod changes an ACL just as the kernel does.
START_TEST(img_chmod_changes_the_acl)
{
	static const char *const modes[] = { "640", "0", "7777", "g-w",
					     "o+r,u-x" };
	unsigned char ours[256], theirs[256];
	char path[128];

	if (!img_judges())
		SKIP(IMG_NEEDS);
	if (!img_mounts())
		SKIP("needs root and loop mounts");
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		img_do("mke2fs -q -F -t ext2 x.img 8M; mkdir -p mnt; "
		       "img touch x.img /a /b; mount -o loop x.img mnt");
		for (const char *name = "ab"; *name; name++) {
			snprintf(path, sizeof path, "%s/mnt/%c", img_folder,
				 *name);
			ck_assert_int_eq(setxattr(path,
						  "system.posix_acl_access",
						  some_acl, sizeof some_acl, 0),
					 0);
		}
		img_do("umask 0; chmod -- %s mnt/b; umount mnt; "
		       "img chmod -- x.img %s /a",
		       modes[i], modes[i]);
		img_clean("x.img");
		img_do("mount -o loop,ro x.img mnt; "
		       "test $(stat -c %%a mnt/a) = $(stat -c %%a mnt/b)");
		snprintf(path, sizeof path, "%s/mnt/a", img_folder);
		ssize_t n = getxattr(path, "system.posix_acl_access", ours,
				     sizeof ours);
		snprintf(path, sizeof path, "%s/mnt/b", img_folder);
		ck_assert_int_eq(getxattr(path, "system.posix_acl_access",
					  theirs, sizeof theirs),
				 n);
		ck_assert_int_eq(n, sizeof some_acl);
		ck_assert_mem_eq(ours, theirs, (size_t)n);
		img_do("umount mnt");
	}
}
END_TEST

void add_img_kernel_tests(Suite *suite)
{
	TCase *kernel = tcase_create("kernel");

	tcase_add_checked_fixture(kernel, img_set_up, img_tear_down);
	tcase_set_timeout(kernel, 300);
	tcase_add_loop_test(kernel, img_commands_are_those_of_the_host, 0, 3);
	tcase_add_test(kernel, img_chmod_changes_the_acl);
	suite_add_tcase(suite, kernel);
}

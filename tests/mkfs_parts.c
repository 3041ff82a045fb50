// The hard tree, and its judges.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mkfs_parts.h"
#include "must.h"
#include "random.h"
#include "tree_compare.h"

char mkfs_folder[64];

// ## A folder

// In the process of all tests: what a test that fails leaves goes with the rest.
static char all_folders[32];

static void make_all_folders(void)
{
	static const char *const places[] = { "/dev/shm", "/tmp" };

	for (int i = 0; i < 2; i++) {
		snprintf(all_folders, sizeof all_folders,
			 "%s/oslab-mkfs-XXXXXX", places[i]);
		if (mkdtemp(all_folders))
			return;
	}
	ck_abort_msg("no place for a folder: %s", strerror(errno));
}

static void remove_folder(const char *folder)
{
	struct outcome o = mkfs_shell("cd / && chmod -R u+rwx %s && rm -rf %s",
				      folder, folder);

	ck_assert_msg(o.exit == 0, "%s", o.out);
	outcome_free(&o);
}

static void remove_all_folders(void)
{
	snprintf(mkfs_folder, sizeof mkfs_folder, "/");
	remove_folder(all_folders);
}

static void set_up(void)
{
	unsetenv("SOURCE_DATE_EPOCH");
	snprintf(mkfs_folder, sizeof mkfs_folder, "%s/XXXXXX", all_folders);
	must_ptr(mkdtemp(mkfs_folder));
}

static void tear_down(void)
{
	remove_folder(mkfs_folder);
}

TCase *mkfs_case(const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 0);
	tcase_add_unchecked_fixture(tcase, make_all_folders,
				    remove_all_folders);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	return tcase;
}

static struct outcome shell(const char *fmt, va_list ap)
{
	char *command, *whole;

	must(vasprintf(&command, fmt, ap));
	must(asprintf(&whole,
		      "cd %s && PATH=$PATH:/usr/sbin:/sbin && IMG=%s/fs/img && "
		      "{ %s\n} 2>&1",
		      mkfs_folder, build_folder(), command));
	struct outcome o = run_shell(whole);
	free(whole);
	free(command);
	return o;
}

struct outcome mkfs_shell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	struct outcome o = shell(fmt, ap);
	va_end(ap);
	return o;
}

void mkfs_expect(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	struct outcome o = shell(fmt, ap);
	va_end(ap);
	ck_assert_msg(o.exit == status, "%s: exit %d: %s", fmt, o.exit, o.out);
	outcome_free(&o);
}

void mkfs_expect_text(int status, const char *text, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	struct outcome o = shell(fmt, ap);
	va_end(ap);
	ck_assert_msg(o.exit == status && strstr(o.out, text),
		      "%s: exit %d, not %d with `%s': %s", fmt, o.exit, status,
		      text, o.out);
	outcome_free(&o);
}

bool mkfs_have(const char *program)
{
	struct outcome o = mkfs_shell("command -v %s >/dev/null", program);
	bool there = o.exit == 0;

	outcome_free(&o);
	return there;
}

int mkfs_names(void)
{
	DIR *dir = must_ptr(opendir(mkfs_folder));
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

// ## The tree

static int tree; // a descriptor of its top

static void make_file(const char *name, const void *bytes, size_t n)
{
	int fd = must(openat(tree, name,
			     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));

	ck_assert_int_eq(must(write(fd, bytes, n)), n);
	close(fd);
}

static void make_random(const char *name, size_t n)
{
	struct random random = { n };
	uint64_t *bytes = must_ptr(malloc(n + sizeof *bytes));

	for (size_t i = 0; i <= n / sizeof *bytes; i++)
		bytes[i] = random_next(&random);
	make_file(name, bytes, n);
	free(bytes);
}

// Islands of 20000 bytes, the rest is a hole.
static void make_sparse(const char *name, off_t size, const off_t *at, int n)
{
	int fd = must(openat(tree, name,
			     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	char island[20000];

	memset(island, 'i', sizeof island);
	must(ftruncate(fd, size));
	for (int i = 0; i < n; i++) {
		size_t bytes = (off_t)sizeof island < size - at[i]
				       ? sizeof island
				       : (size_t)(size - at[i]);
		ck_assert_int_eq(must(pwrite(fd, island, bytes, at[i])), bytes);
	}
	close(fd);
}

static void make_symlink(const char *name, size_t length)
{
	char target[1001];

	memset(target, 't', length);
	target[length] = '\0';
	must(symlinkat(target, tree, name));
}

static void make_dated(const char *name, time_t seconds)
{
	const struct timespec times[2] = { { seconds, 123456789 },
					   { seconds, 987654321 } };

	make_file(name, name, strlen(name));
	must(utimensat(tree, name, times, 0));
}

// Where the file system keeps such attributes.
static void attribute(const char *file, const char *name, const void *value,
		      size_t n)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d/%s", tree, file);
	if (setxattr(path, name, value, n, 0))
		ck_assert_msg(errno == EOPNOTSUPP, "%s: %s", name,
			      strerror(errno));
}

static void make_attributes(void)
{
	// getxattr(2)'s form: a version, then tag, permissions and id.
	static const uint8_t acl[] = {
		2,    0,    0,    0,    1,    0,    6,  0,    0xff, 0xff, 0xff,
		0xff, 2,    0,    4,    0,    0xe8, 3,  0,    0,    4,    0,
		4,    0,    0xff, 0xff, 0xff, 0xff, 16, 0,    4,    0,    0xff,
		0xff, 0xff, 0xff, 32,   0,    0,    0,  0xff, 0xff, 0xff, 0xff,
	};
	// capabilities(7): version 2, cap_net_bind_service, effective.
	static const uint8_t capability[20] = { 1, 0, 0, 2, 0, 4 };
	char large[700];

	memset(large, 'v', sizeof large);
	for (const char *const *name =
		     (const char *const[]){ "small", "large", "both", "acl",
					    "alike", "capable", NULL };
	     *name; name++)
		make_file(*name, *name, 1);
	attribute("small", "user.small", "value", 5);
	attribute("large", "user.large", large, sizeof large);
	attribute("alike", "user.large", large, sizeof large);
	attribute("both", "user.b", large, 40);
	attribute("both", "user.a", large, 60);
	attribute("both", "user.empty", "", 0);
	attribute("acl", "system.posix_acl_access", acl, sizeof acl);
	must(mkdirat(tree, "inherits", 0775));
	attribute("inherits", "system.posix_acl_default", acl, sizeof acl);
	attribute("inherits", "user.directory", large, 300);
	if (geteuid() == 0) {
		attribute("capable", "security.capability", capability,
			  sizeof capability);
		attribute("capable", "trusted.secret", "s", 1);
	}
}

static void make_specials(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = must(socket(AF_UNIX, SOCK_STREAM, 0));

	snprintf(address.sun_path, sizeof address.sun_path,
		 "/proc/self/fd/%d/socket", tree);
	must(bind(fd, (struct sockaddr *)&address, sizeof address));
	close(fd);
	must(mkfifoat(tree, "fifo", 0640));
	if (geteuid() != 0)
		return;
	must(mknodat(tree, "block", S_IFBLK | 0660, makedev(259, 70000)));
	must(mknodat(tree, "character", S_IFCHR | 0620, makedev(5, 1)));
	make_file("foreign", "f", 1);
	must(fchownat(tree, "foreign", 100000, 100001, 0));
	must(fchmodat(tree, "foreign", 06751, 0));
}

static void make_names(int entries)
{
	char name[NAME_MAX + 1];

	memset(name, 'n', NAME_MAX);
	name[NAME_MAX] = '\0';
	make_file(name, "long", 4);
	make_file("\xff\xfe\x80 \x01\n", "not UTF-8", 9);
	make_file("\xed\x95\x9c\xea\xb8\x80", "UTF-8", 5);
	must(mkdirat(tree, "many", 0755));
	for (int i = 0; i < entries; i++) {
		snprintf(name, sizeof name, "many/entry number %d", i * 7919);
		int fd = must(openat(tree, name, O_CREAT | O_CLOEXEC, 0600));
		close(fd);
	}
}

void mkfs_hard_tree(const char *name, int entries)
{
	static const off_t islands[] = { 0, 5 << 20, 1 << 30,
					 (INT64_C(3) << 30) - 8192 };
	// With blocks of 1 KiB triple indirection begins at 64 MiB.
	static const off_t far[] = { 0, 20 << 10, 300 << 10, 100 << 20 };
	char path[128], deep[600] = "deep";

	snprintf(path, sizeof path, "%s/%s", mkfs_folder, name);
	must(mkdir(path, 0751));
	tree = must(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	make_sparse("sparse", INT64_C(3) << 30, islands, 4);
	make_sparse("triple", (100 << 20) + 3, far, 4);
	make_sparse("hole", 1 << 20, NULL, 0);
	make_file("empty", "", 0);
	make_random("one byte", 1);
	make_random("a block", 4096);
	make_random("direct", 12 << 10);
	make_random("single", 300000);
	make_random("double", 5000001);
	must(linkat(tree, "direct", tree, "link of it", 0));
	must(mkdirat(tree, "below", 01777));
	must(linkat(tree, "direct", tree, "below/another", 0));
	make_symlink("symlink 59", 59);
	make_symlink("symlink 60", 60);
	make_symlink("symlink 1000", 1000);
	make_dated("1901", -2147480000);
	make_dated("1965", -157766400);
	make_dated("2040", 2208988800);
	make_dated("2106", 4291747200);
	make_dated("2440", 14831769600);
	for (int i = 0; i < 50; i++) {
		must(mkdirat(tree, deep, 0700));
		strncat(deep, "/d", sizeof deep - strlen(deep) - 1);
	}
	make_specials();
	make_names(entries);
	make_attributes();
	close(tree);
}

// ## Judges

void mkfs_check(const char *image)
{
	mkfs_expect(0, "e2fsck -fn %s", image);
}

uint64_t mkfs_number(const char *image, const char *name)
{
	struct outcome o = mkfs_shell("dumpe2fs -h %s | sed -n 's/^%s: *//p'",
				      image, name);
	// dumpe2fs says its version first.
	const char *at = strchr(o.out, '\n');
	uint64_t number = strtoull(at ? at : o.out, NULL, 10);

	outcome_free(&o);
	return number;
}

// In a mount namespace of its own, which takes the mount with it.
static int mounted_differences(const char *image, const char *path, char *first,
			       size_t size)
{
	char command[512], folder[128];

	snprintf(folder, sizeof folder, "%s/mounted", mkfs_folder);
	mkdir(folder, 0700);
	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	snprintf(command, sizeof command,
		 "mount -o loop,ro,noatime %s/%s %s >/dev/null 2>&1",
		 mkfs_folder, image, folder);
	if (system(command) != 0)
		return -1;
	int n = tree_differences(path, folder, first, size);
	umount2(folder, MNT_DETACH);
	return n > 100 ? 100 : n;
}

bool mkfs_compare(const char *image, const char *name)
{
	enum { NOT_MOUNTED = 77, DIFFERENT = 1 };
	char path[128], first[512] = "";
	int ends[2], status;

	if (geteuid() != 0)
		return false;
	snprintf(path, sizeof path, "%s/%s", mkfs_folder, name);
	must(pipe2(ends, O_CLOEXEC));
	pid_t child = must(fork());
	if (child == 0) {
		int n = mounted_differences(image, path, first, sizeof first);
		if (write(ends[1], first, sizeof first) < 0)
			_exit(NOT_MOUNTED);
		_exit(n < 0 ? NOT_MOUNTED : n ? DIFFERENT : 0);
	}
	close(ends[1]);
	must(waitpid(child, &status, 0));
	if (read(ends[0], first, sizeof first) < 0)
		*first = '\0';
	close(ends[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_MOUNTED)
		return false;
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "%s is not as %s: %s", image, name, first);
	return true;
}

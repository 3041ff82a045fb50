// # A folder, a shell and a hard tree

#define _GNU_SOURCE
#include "img_parts.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tree_compare.h"

char img_folder[64];

void img_set_up(void)
{
	snprintf(img_folder, sizeof img_folder, "/dev/shm/img-test-XXXXXX");
	if (!mkdtemp(img_folder)) {
		snprintf(img_folder, sizeof img_folder, "/tmp/img-test-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(img_folder));
	}
	ck_assert_int_eq(chmod(img_folder, 0755), 0);
}

// Trees that were copied have directories that may not be written to.
void img_tear_down(void)
{
	img_do("cd / && chmod -R u+rwX %s && rm -rf %s", img_folder,
	       img_folder);
}

// ## The shell

static struct outcome shell(const char *script)
{
	char *whole;

	ck_assert_int_ge(
		asprintf(&whole,
			 "export PATH=$PATH:/usr/sbin:/sbin B='%s' LC_ALL=C "
			 "COLUMNS=80\n"
			 "img() { \"$B/fs/img\" \"$@\"; }\n"
			 "cd '%s' || exit 125\n"
			 "{ %s\n}",
			 build_folder(), img_folder, script),
		0);
	struct outcome o = run_shell(whole);
	free(whole);
	return o;
}

#define SCRIPT_OF(script, fmt)                                    \
	do {                                                      \
		va_list args_;                                    \
		va_start(args_, fmt);                             \
		ck_assert_int_ge(vasprintf(&(script), fmt, args_), 0); \
		va_end(args_);                                    \
	} while (0)

struct outcome img_shell(const char *fmt, ...)
{
	char *script;

	SCRIPT_OF(script, fmt);
	struct outcome o = shell(script);
	free(script);
	return o;
}

static char *text_of(const char *script)
{
	struct outcome o = shell(script);

	ck_assert_msg(o.exit == 0, "%s: exit %d, signal %d\n%.2000s%.2000s",
		      script, o.exit, o.signal, o.out, o.err);
	free(o.err);
	return o.out;
}

char *img_text(const char *fmt, ...)
{
	char *script;

	SCRIPT_OF(script, fmt);
	char *text = text_of(script);
	free(script);
	return text;
}

void img_prints(const char *expected, const char *fmt, ...)
{
	char *script;

	SCRIPT_OF(script, fmt);
	char *text = text_of(script);
	ck_assert_msg(!strcmp(text, expected), "%s\nprints\n%.3000s\nnot\n%s",
		      script, text, expected);
	free(script);
	free(text);
}

void img_fails(int status, const char *words, const char *fmt, ...)
{
	char *script;

	SCRIPT_OF(script, fmt);
	struct outcome o = shell(script);
	ck_assert_msg(o.exit == status, "%s: exit %d, not %d\n%.1000s%.1000s",
		      script, o.exit, status, o.out, o.err);
	ck_assert_msg(!*o.out, "%s prints\n%.1000s", script, o.out);
	const char *end = strchr(o.err, '\n');
	ck_assert_msg(end && !end[1], "%s: not one line:\n%.1000s", script,
		      o.err);
	ck_assert_msg(strstr(o.err, words), "%s: not '%s':\n%.1000s", script,
		      words, o.err);
	outcome_free(&o);
	free(script);
}

bool img_judges(void)
{
	struct outcome o = img_shell("command -v mke2fs >/dev/null && "
				     "command -v e2fsck >/dev/null && "
				     "command -v debugfs >/dev/null");
	bool yes = o.exit == 0;

	outcome_free(&o);
	return yes;
}

void img_clean(const char *image)
{
	struct outcome o = img_shell("e2fsck -fn %s 2>&1", image);

	ck_assert_msg(o.exit == 0, "%s: e2fsck -fn ends with %d\n%.3000s",
		      image, o.exit, o.out);
	outcome_free(&o);
}

void img_same(const char *a, const char *b)
{
	char path_a[256], path_b[256], first[1024] = "";

	snprintf(path_a, sizeof path_a, "%s/%s", img_folder, a);
	snprintf(path_b, sizeof path_b, "%s/%s", img_folder, b);
	int n = tree_differences(path_a, path_b, first, sizeof first);
	ck_assert_msg(n == 0, "%s and %s: %d differences, such as %s", a, b, n,
		      first);
}

void img_patch(const char *file, const char *what, const char *with)
{
	char path[256], *bytes;
	size_t n = strlen(what), found = 0;
	struct stat info;

	ck_assert_uint_eq(strlen(with), n);
	snprintf(path, sizeof path, "%s/%s", img_folder, file);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(fstat(fd, &info), 0);
	bytes = malloc((size_t)info.st_size);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(pread(fd, bytes, (size_t)info.st_size, 0),
			 info.st_size);
	for (char *at = bytes;
	     (at = memmem(at, (size_t)(bytes + info.st_size - at), what, n));
	     found++) {
		ck_assert_int_eq(pwrite(fd, with, n, at - bytes), (ssize_t)n);
		at += n;
	}
	ck_assert_uint_gt(found, 0);
	free(bytes);
	close(fd);
}

// ## The hard tree

struct hard {
	int dir;
	bool root;
};

static void hard_file(const struct hard *h, const char *name, const void *bytes,
		      size_t n)
{
	int fd = openat(h->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			0644);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

// An ACL as getxattr(2) has it: rw- for the owner, rwx for user 1234, r-- else.
static const uint8_t acl[] = {
	2,    0, 0, 0,                         //
	1,    0, 6, 0, 0xff, 0xff, 0xff, 0xff, //
	2,    0, 7, 0, 0xd2, 0x04, 0,    0,    //
	4,    0, 4, 0, 0xff, 0xff, 0xff, 0xff, //
	0x10, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, //
	0x20, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, //
};

// cap_net_bind_service, permitted and effective, as capabilities(7) has it.
static const uint8_t capability[20] = { 1, 0, 0, 2, 0, 4 };

static void hard_xattr(const struct hard *h, const char *name,
		       const char *attribute, const void *value, size_t n)
{
	char path[512];

	snprintf(path, sizeof path, "/proc/self/fd/%d/%s", h->dir, name);
	ck_assert_msg(lsetxattr(path, attribute, value, n, 0) == 0,
		      "%s of %s: %m", attribute, name);
}

static void hard_holes(const struct hard *h)
{
	static const off_t islands[] = { 0, 1 << 30, INT64_C(2) << 30,
					 (INT64_C(3) << 30) - 5000 };
	char bytes[5000];

	memset(bytes, 'i', sizeof bytes);
	hard_file(h, "holes", "", 0);
	int fd = openat(h->dir, "holes", O_WRONLY | O_CLOEXEC);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pwrite(fd, bytes, sizeof bytes, islands[i]),
				 sizeof bytes);
	close(fd);
	hard_file(h, "hole", "", 0);
	fd = openat(h->dir, "hole", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	close(fd);
	hard_file(h, "tail", bytes, sizeof bytes);
	fd = openat(h->dir, "tail", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, 100000), 0);
	close(fd);
}

static void hard_links(const struct hard *h)
{
	static const int lengths[] = { 1, 59, 60, 61, 1000 };
	char target[1001], name[16];

	for (int i = 0; i < 5; i++) {
		memset(target, 't', lengths[i]);
		target[lengths[i]] = '\0';
		snprintf(name, sizeof name, "sym%d", lengths[i]);
		ck_assert_int_eq(symlinkat(target, h->dir, name), 0);
	}
	ck_assert_int_eq(linkat(h->dir, "sym60", h->dir, "symlink", 0), 0);
	hard_file(h, "a", "shared", 6);
	ck_assert_int_eq(mkdirat(h->dir, "d", 0755), 0);
	ck_assert_int_eq(mkdirat(h->dir, "d/e", 0755), 0);
	ck_assert_int_eq(linkat(h->dir, "a", h->dir, "b", 0), 0);
	ck_assert_int_eq(linkat(h->dir, "a", h->dir, "d/e/c", 0), 0);
}

static void hard_names(const struct hard *h)
{
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	hard_file(h, name, "1", 1);
	hard_file(h, "\xff\xfe\x01 not UTF-8", "2", 1);
	hard_file(h, "\xed\x95\x9c\xea\xb8\x80", "3", 1);
	hard_file(h, "back\\slash \033[31m", "4", 1);
	ck_assert_int_eq(mkdirat(h->dir, "many", 0755), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "many/file%04d", i);
		hard_file(h, name, name, (size_t)i % 20);
	}
}

static void hard_special(const struct hard *h)
{
	hard_file(h, "suid", "5", 1);
	hard_file(h, "none", "6", 1);
	ck_assert_int_eq(mknodat(h->dir, "fifo", S_IFIFO | 0600, 0), 0);
	ck_assert_int_eq(mknodat(h->dir, "socket", S_IFSOCK | 0640, 0), 0);
	ck_assert_int_eq(mkdirat(h->dir, "sgid", 0755), 0);
	ck_assert_int_eq(mkdirat(h->dir, "readonly", 0755), 0);
	hard_file(h, "readonly/x", "7", 1);
	hard_xattr(h, "a", "user.note", "text", 4);
	hard_xattr(h, "d", "user.empty", "", 0);
	hard_xattr(h, "a", "system.posix_acl_access", acl, sizeof acl);
	hard_xattr(h, "d", "system.posix_acl_default", acl, sizeof acl);
	ck_assert_int_eq(fchmodat(h->dir, "sgid", 03775, 0), 0);
	ck_assert_int_eq(fchmodat(h->dir, "readonly", 0555, 0), 0);
	if (!h->root) {
		ck_assert_int_eq(fchmodat(h->dir, "suid", 06755, 0), 0);
		return;
	}
	ck_assert_int_eq(fchmodat(h->dir, "none", 0, 0), 0);
	ck_assert_int_eq(mknodat(h->dir, "block", S_IFBLK | 0600,
				 makedev(259, 70000)),
			 0);
	ck_assert_int_eq(mknodat(h->dir, "null", S_IFCHR | 0666, makedev(1, 3)),
			 0);
	ck_assert_int_eq(linkat(h->dir, "null", h->dir, "zero", 0), 0);
	ck_assert_int_eq(fchownat(h->dir, "suid", 100000, 100001, 0), 0);
	ck_assert_int_eq(
		fchownat(h->dir, "sym59", 70000, 5, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert_int_eq(fchmodat(h->dir, "suid", 06755, 0), 0);
	hard_xattr(h, "suid", "security.capability", capability,
		   sizeof capability);
	hard_xattr(h, "sym1", "trusted.note", "of a symlink", 12);
	hard_xattr(h, "null", "trusted.note", "of a device", 11);
}

static void hard_times(const struct hard *h)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} rows[] = {
		{ "none", -157766400 },	  // 1965
		{ "d/e", -2145830400 },	  // 1902
		{ "suid", 2208988800 },	  // 2040
		{ "sym61", 4291747200 },  // 2106
		{ "fifo", 10413792000 },  // 2300
		{ "a", 0 },		  // 1970
		{ ".", 5 },		  //
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct timespec times[] = {
			{ rows[i].seconds, 123456789 },
			{ rows[i].seconds, 987654321 },
		};
		ck_assert_int_eq(utimensat(h->dir, rows[i].name, times,
					   AT_SYMLINK_NOFOLLOW),
				 0);
	}
}

void img_hard_tree(const char *name)
{
	struct hard h = { .root = geteuid() == 0 };
	char path[256];

	mode_t mask = umask(022);
	snprintf(path, sizeof path, "%s/%s", img_folder, name);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	h.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ne(h.dir, -1);
	hard_holes(&h);
	hard_links(&h);
	hard_names(&h);
	hard_special(&h);
	hard_times(&h);
	close(h.dir);
	umask(mask);
}

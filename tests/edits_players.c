// # Who plays edits: our library, the kernel, our program
//
// The program is told the time by SOURCE_DATE_EPOCH, in whole seconds.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "edits_parts.h"

const char *const edit_words[EDIT_KINDS] = {
	"mkdir",  "create", "put",    "write",	  "truncate",	"symlink",
	"mknod",  "link",   "unlink", "rmdir",	  "rename",	"chmod",
	"chown",  "times",  "set",    "remove",
};

// ## The library

static struct ext2_inode attributes_of(const struct edit *e)
{
	static const uint16_t formats[EDIT_KINDS] = {
		[EDIT_MKDIR] = S_IFDIR,
		[EDIT_CREATE] = S_IFREG,
		[EDIT_PUT] = S_IFREG,
		[EDIT_SYMLINK] = S_IFLNK,
	};

	return (struct ext2_inode){
		.mode = e->mode | formats[e->kind],
		.uid = e->uid,
		.gid = e->gid,
		.atime = e->now,
		.mtime = e->now,
		.ctime = e->now,
		.crtime = e->now,
		.device_major = e->kind == EDIT_MKNOD ? e->major : 0,
		.device_minor = e->kind == EDIT_MKNOD ? e->minor : 0,
	};
}

struct name {
	uint32_t dir;
	const char *at;
	size_t length;
};

static int locate(struct ext2 *fs, const char *path, struct name *name)
{
	return ext2_walk_parent(fs, INO_ROOT, path, &name->dir, &name->at,
				&name->length);
}

static int library_make(struct ext2 *fs, const struct edit *e)
{
	struct ext2_inode wanted = attributes_of(e);
	struct name name;
	uint32_t ino;
	int error = locate(fs, e->path, &name);

	if (error)
		return error;
	if (e->kind == EDIT_SYMLINK)
		return ext2_symlink(fs, name.dir, name.at, name.length, &wanted,
				    e->other, strlen(e->other), &ino);
	if (e->kind == EDIT_PUT) {
		wanted.atime = e->atime;
		wanted.mtime = e->mtime;
	}
	if (e->kind == EDIT_PUT && e->offset == 0)
		return ext2_create_with(fs, name.dir, name.at, name.length,
					&wanted, e->bytes, e->size, &ino);
	struct ext2_inode dir;
	ck_assert_int_eq(ext2_inode(fs, name.dir, &dir), 0);
	error = ext2_create(fs, name.dir, name.at, name.length, &wanted, &ino);
	if (error || e->kind != EDIT_PUT)
		return error;
	error = ext2_write(fs, ino, e->offset, e->bytes, e->size);
	if (error) { // two edits here, and one for the model
		ck_assert_int_eq(
			ext2_unlink(fs, name.dir, name.at, name.length), 0);
		ck_assert_int_eq(ext2_set_inode(fs, &dir), 0);
	}
	return error;
}

static int library_names(struct ext2 *fs, const struct edit *e)
{
	struct name from, to;
	uint32_t ino;
	int error = locate(fs, e->path, &from);

	if (!error && (e->kind == EDIT_LINK || e->kind == EDIT_RENAME))
		error = locate(fs, e->other, &to);
	if (error)
		return error;
	switch (e->kind) {
	case EDIT_UNLINK:
		return ext2_unlink(fs, from.dir, from.at, from.length);
	case EDIT_RMDIR:
		return ext2_rmdir(fs, from.dir, from.at, from.length);
	case EDIT_RENAME:
		return ext2_rename(fs, from.dir, from.at, from.length, to.dir,
				   to.at, to.length);
	default:
		error = ext2_walk(fs, INO_ROOT, e->path, EXT2_NOFOLLOW, NULL,
				  NULL, &ino);
		return error ? error
			     : ext2_link(fs, to.dir, to.at, to.length, ino);
	}
}

static void new_owner(struct ext2_inode *inode, const struct edit *e)
{
	inode->uid = e->uid;
	inode->gid = e->gid;
	if (!S_ISDIR(inode->mode))
		inode->mode &= (uint16_t)(inode->mode & S_IXGRP
						  ? ~(S_ISUID | S_ISGID)
						  : ~S_ISUID);
}

static int library_content(struct ext2 *fs, uint32_t ino, const struct edit *e)
{
	switch (e->kind) {
	case EDIT_WRITE:
		return ext2_write(fs, ino, e->offset, e->bytes, e->size);
	case EDIT_TRUNCATE:
		return ext2_truncate(fs, ino, e->size);
	case EDIT_SET_XATTR:
		return ext2_set_xattr(fs, ino, e->name, e->bytes, e->size);
	case EDIT_REMOVE_XATTR:
		return ext2_remove_xattr(fs, ino, e->name);
	default:
		return 0;
	}
}

static int library_change(struct ext2 *fs, const struct edit *e)
{
	struct ext2_inode inode;
	uint32_t ino;
	int error = ext2_walk(fs, INO_ROOT, e->path, EXT2_NOFOLLOW, NULL, NULL,
			      &ino);

	if (!error)
		error = library_content(fs, ino, e);
	if (!error)
		error = ext2_inode(fs, ino, &inode);
	if (error)
		return error;
	inode.ctime = e->now;
	if (e->kind == EDIT_CHMOD)
		inode.mode = (inode.mode & S_IFMT) | e->mode;
	if (e->kind == EDIT_CHOWN)
		new_owner(&inode, e);
	if (e->kind == EDIT_TIMES) {
		inode.atime = e->atime;
		inode.mtime = e->mtime;
	}
	if (e->kind == EDIT_WRITE || e->kind == EDIT_TRUNCATE)
		inode.mtime = e->now;
	return ext2_set_inode(fs, &inode);
}

int edit_by_library(struct ext2 *fs, const struct edit *e)
{
	ext2_set_now(fs, e->now);
	switch (e->kind) {
	case EDIT_MKDIR:
	case EDIT_CREATE:
	case EDIT_PUT:
	case EDIT_SYMLINK:
	case EDIT_MKNOD:
		return library_make(fs, e);
	case EDIT_LINK:
	case EDIT_UNLINK:
	case EDIT_RMDIR:
	case EDIT_RENAME:
		return library_names(fs, e);
	default:
		return library_change(fs, e);
	}
}

// ## The kernel

static int negated(int result)
{
	return result < 0 ? -errno : 0;
}

static int kernel_write(int top, const struct edit *e)
{
	bool new = e->kind == EDIT_PUT;
	int fd = openat(top, e->path + 1,
			O_WRONLY | O_NOFOLLOW | O_CLOEXEC |
				(new ? O_CREAT | O_EXCL : 0),
			e->mode);

	if (fd < 0)
		return -errno;
	ssize_t n = pwrite(fd, e->bytes, e->size, (off_t)e->offset);
	ck_assert_msg(n == (ssize_t)e->size, "%s: the kernel wrote %zd of %ju",
		      e->path, n, (uintmax_t)e->size);
	ck_assert_int_eq(close(fd), 0);
	return 0;
}

// Owner and mode after it is made: a umask and a directory's setgid have a say.
static int kernel_make(int top, const struct edit *e)
{
	const char *path = e->path + 1;
	int error;

	if (e->kind == EDIT_MKDIR)
		error = negated(mkdirat(top, path, e->mode));
	else if (e->kind == EDIT_SYMLINK)
		error = negated(symlinkat(e->other, top, path));
	else if (e->kind == EDIT_PUT)
		error = kernel_write(top, e);
	else
		error = negated(mknodat(
			top, path,
			e->kind == EDIT_CREATE ? S_IFREG | e->mode : e->mode,
			makedev(e->major, e->minor)));
	if (!error)
		error = negated(fchownat(top, path, e->uid, e->gid,
					 AT_SYMLINK_NOFOLLOW));
	if (!error && e->kind != EDIT_SYMLINK)
		error = negated(fchmodat(top, path, e->mode & 07777, 0));
	return error;
}

static int kernel_xattr(int top, const struct edit *e)
{
	char *path;

	ck_assert_int_gt(asprintf(&path, "/proc/self/fd/%d%s", top, e->path),
			 0);
	int result = e->kind == EDIT_SET_XATTR
			     ? lsetxattr(path, e->name, e->bytes, e->size, 0)
			     : lremovexattr(path, e->name);
	int error = negated(result);
	free(path);
	return error;
}

static int kernel_truncate(int top, const struct edit *e)
{
	int fd = openat(top, e->path + 1, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	int error = fd < 0 ? -errno : negated(ftruncate(fd, (off_t)e->size));

	if (fd >= 0)
		close(fd);
	return error;
}

static int kernel_times(int top, const struct edit *e)
{
	const struct timespec times[] = {
		{ e->atime.seconds, e->atime.ns },
		{ e->mtime.seconds, e->mtime.ns },
	};

	return negated(utimensat(top, e->path + 1, times, AT_SYMLINK_NOFOLLOW));
}

int edit_by_kernel(int top, const struct edit *e)
{
	const char *path = e->path + 1, *other = e->other + 1;

	switch (e->kind) {
	case EDIT_LINK:
		return negated(linkat(top, path, top, other, 0));
	case EDIT_UNLINK:
		return negated(unlinkat(top, path, 0));
	case EDIT_RMDIR:
		return negated(unlinkat(top, path, AT_REMOVEDIR));
	case EDIT_RENAME:
		return negated(renameat(top, path, top, other));
	case EDIT_WRITE:
		return kernel_write(top, e);
	case EDIT_TRUNCATE:
		return kernel_truncate(top, e);
	case EDIT_CHMOD:
		return negated(fchmodat(top, path, e->mode, 0));
	case EDIT_CHOWN:
		return negated(fchownat(top, path, e->uid, e->gid,
					AT_SYMLINK_NOFOLLOW));
	case EDIT_TIMES:
		return kernel_times(top, e);
	case EDIT_SET_XATTR:
	case EDIT_REMOVE_XATTR:
		return kernel_xattr(top, e);
	default:
		return kernel_make(top, e);
	}
}

// ## The program

enum { WORDS = 12, LINES = 3 };

// The command lines of an edit, without `img` and without the image.
struct lines {
	char *word[LINES][WORDS];
	int words[LINES], count;
};

static void add_line(struct lines *lines, ...) __attribute__((sentinel));
static void add_line(struct lines *lines, ...)
{
	char **line = lines->word[lines->count];
	const char *word;
	va_list ap;
	int n = 0;

	va_start(ap, lines);
	while ((word = va_arg(ap, const char *)) != NULL) {
		ck_assert_int_lt(n, WORDS);
		line[n] = strdup(word);
		ck_assert_ptr_nonnull(line[n++]);
	}
	va_end(ap);
	lines->words[lines->count++] = n;
}

static void free_lines(struct lines *lines)
{
	for (int i = 0; i < lines->count; i++)
		for (int k = 0; k < lines->words[i]; k++)
			free(lines->word[i][k]);
}

// "@-1.500000000" is 1.5 s before 1970, and not 1 s before and 0.5 after.
static const char *seconds_text(struct ext2_time t, char text[48])
{
	bool behind = t.seconds < 0 && t.ns;
	int64_t seconds = behind ? t.seconds + 1 : t.seconds;
	uint32_t ns = behind ? 1000000000 - t.ns : t.ns;

	snprintf(text, 48, "@%s%" PRId64 ".%09" PRIu32,
		 behind && !seconds ? "-" : "", seconds, ns);
	return text;
}

static void hex_of(const struct edit *e, char *text)
{
	memcpy(text, "0x", 3);
	for (uint64_t i = 0; i < e->size; i++)
		snprintf(text + 2 + 2 * i, 3, "%02x", e->bytes[i]);
}

static void put_source(const struct edit *e, const char *source)
{
	const struct timespec times[] = {
		{ e->atime.seconds, e->atime.ns },
		{ e->mtime.seconds, e->mtime.ns },
	};
	int fd = open(source, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, e->bytes, e->size, (off_t)e->offset),
			 (ssize_t)e->size);
	ck_assert_int_eq(fchmod(fd, 0400), 0);
	ck_assert_int_eq(futimens(fd, times), 0);
	close(fd);
}

static void lines_of(struct lines *l, const struct edit *e, const char *source)
{
	static const struct {
		uint16_t format;
		const char *letter;
	} kinds[] = { { S_IFBLK, "b" },
		      { S_IFCHR, "c" },
		      { S_IFIFO, "p" },
		      { S_IFSOCK, "s" } };
	char mode[16], owner[48], size[32], a[48], m[48], major[16], minor[16];
	const char *letter = NULL;

	snprintf(mode, sizeof mode, "%o", e->mode & 07777);
	snprintf(owner, sizeof owner, "%" PRIu32 ":%" PRIu32, e->uid, e->gid);
	snprintf(size, sizeof size, "%" PRIu64, e->size);
	snprintf(major, sizeof major, "%" PRIu32, e->major);
	snprintf(minor, sizeof minor, "%" PRIu32, e->minor);
	switch (e->kind) {
	case EDIT_MKDIR:
		add_line(l, "mkdir", "-m", mode, "--owner", owner, "--numeric",
			 e->path, NULL);
		break;
	case EDIT_CREATE:
		add_line(l, "touch", e->path, NULL);
		add_line(l, "chown", "--numeric", owner, e->path, NULL);
		add_line(l, "chmod", mode, e->path, NULL);
		break;
	case EDIT_PUT:
		put_source(e, source);
		add_line(l, "put", "--quiet", "--numeric", "--owner", owner,
			 source, e->path, NULL);
		// Now: put takes over the source's time of change.
		add_line(l, "chmod", mode, e->path, NULL);
		break;
	case EDIT_TRUNCATE:
		add_line(l, "truncate", "-c", "-s", size, e->path, NULL);
		break;
	case EDIT_SYMLINK:
		add_line(l, "ln", "-s", "-T", "--", e->other, e->path, NULL);
		add_line(l, "chown", "-h", "--numeric", owner, e->path, NULL);
		break;
	case EDIT_MKNOD:
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
			if ((e->mode & S_IFMT) == kinds[i].format)
				letter = kinds[i].letter;
		if (S_ISBLK(e->mode) || S_ISCHR(e->mode))
			add_line(l, "mknod", "-m", mode, "--owner", owner,
				 "--numeric", e->path, letter, major, minor,
				 NULL);
		else
			add_line(l, "mknod", "-m", mode, "--owner", owner,
				 "--numeric", e->path, letter, NULL);
		break;
	case EDIT_LINK:
		add_line(l, "ln", "-T", e->path, e->other, NULL);
		break;
	case EDIT_UNLINK:
		add_line(l, "rm", e->path, NULL);
		break;
	case EDIT_RMDIR:
		add_line(l, "rm", "-d", e->path, NULL);
		break;
	case EDIT_RENAME:
		add_line(l, "mv", "-T", e->path, e->other, NULL);
		break;
	case EDIT_CHMOD:
		add_line(l, "chmod", mode, e->path, NULL);
		break;
	case EDIT_CHOWN:
		add_line(l, "chown", "-h", "--numeric", owner, e->path, NULL);
		break;
	case EDIT_TIMES:
		add_line(l, "touch", "-h", "-a", "-d",
			 seconds_text(e->atime, a), e->path, NULL);
		add_line(l, "touch", "-h", "-m", "-d",
			 seconds_text(e->mtime, m), e->path, NULL);
		break;
	case EDIT_SET_XATTR: {
		char *hex = malloc(2 * e->size + 3);
		ck_assert_ptr_nonnull(hex);
		hex_of(e, hex);
		add_line(l, "xattr", "-h", e->path, "set", e->name, hex, NULL);
		free(hex);
		break;
	}
	case EDIT_REMOVE_XATTR:
		add_line(l, "xattr", "-h", e->path, "remove", e->name, NULL);
		break;
	default:
		ck_abort_msg("the program cannot %s", edit_words[e->kind]);
	}
}

// "... (ENOSPC)" -> -ENOSPC.
static int error_named(const char *text)
{
	const char *open = strrchr(text, '(');

	for (int error = 1; open && error < 140; error++) {
		const char *name = strerrorname_np(error);
		if (name && !strncmp(open + 1, name, strlen(name)) &&
		    open[1 + strlen(name)] == ')')
			return -error;
	}
	return -EIO;
}

static void set_epoch(const struct edit *e)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRId64, e->now.seconds);
	ck_assert_int_eq(setenv("SOURCE_DATE_EPOCH", text, 1), 0);
}

int edit_by_program(const char *image, const char *folder, const struct edit *e)
{
	struct lines l = { 0 };
	char source[256];
	int error = 0;

	snprintf(source, sizeof source, "%s/source", folder);
	lines_of(&l, e, source);
	set_epoch(e);
	for (int i = 0; i < l.count && !error; i++) {
		char *const *w = l.word[i];
		struct outcome o = run("fs/img", w[0], image, w[1], w[2], w[3],
				       w[4], w[5], w[6], w[7], w[8], w[9],
				       NULL);
		ck_assert_msg(o.exit == 0 || o.exit == 1, "%s: exit %d: %s",
			      w[0], o.exit, o.err);
		error = o.exit ? error_named(o.err) : 0;
		outcome_free(&o);
	}
	unlink(source);
	free_lines(&l);
	return error;
}

bool edit_in_words(FILE *batch, const char *folder, int number,
		   const struct edit *e)
{
	struct lines l = { 0 };
	char source[256];

	if (strpbrk(e->path, "'\"\\\n\r") || strpbrk(e->other, "'\"\\\n\r"))
		return false;
	snprintf(source, sizeof source, "%s/source%d", folder, number);
	lines_of(&l, e, source);
	for (int i = 0; i < l.count; i++) {
		for (int k = 0; k < l.words[i]; k++)
			fprintf(batch, "'%s' ", l.word[i][k]);
		fputc('\n', batch);
	}
	free_lines(&l);
	return true;
}

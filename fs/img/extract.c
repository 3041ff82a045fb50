// # Files of an image become files of the host
//
// Everything an inode says is kept where the host and the user's rights allow it:
// type, mode, owner, times to the nanosecond (of symlinks and directories, too),
// hard links, holes, extended attributes with ACLs and capabilities.
//
// The order of things, for each file: made (with O_EXCL: nothing that exists is
// written into, and no symlink followed), content, owner, mode (a new owner takes
// setuid and setgid away), attributes (a new owner takes capabilities away), times.
// A directory is made for us alone (0700) and gets all this when everything is in
// it: it may not be writable then, and each name changes its times.
//
// Five system calls make a small file: openat2, write, fchown, utimensat, close.
// Its content is read in one piece where it lies in one piece.
//
// As an ordinary user owners cannot be kept, and what depends on them is not:
// setuid and setgid bits of files that were another's, attributes "security." and
// "trusted.".
//
// What cannot be made is said, the rest is done, and the status is 1 in the end.
// Only when the host has no room, or is read-only, there is no sense in going on.

#define _GNU_SOURCE
#include "fs/img/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "must.h"

enum { BUFFER_BYTES = 1 << 18, NS_MOST = 999999999, PERMISSIONS = 07777 };

struct target { // what is being made
	const struct visit *visit;
	int dir;
	const char *name;
	int fd;    // of a file or directory; else -1
	bool made; // it exists now
};

// ## Failing

// Returns what the walk is to be told: to go on, or to stop.
static int failed(struct extraction *x, int error, const struct visit *visit,
		  const char *what)
{
	x->failed++;
	complain(x->session, error, "cannot %s %s", what, visit->path);
	switch (-error) {
	case ENOSPC:
	case EDQUOT:
	case EROFS:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return error;
	}
	return 0;
}

// ## Attributes

// What a user who is not the owner must not give away.
static mode_t mode_kept(const struct extraction *x,
			const struct ext2_inode *inode)
{
	mode_t mode = inode->mode & PERMISSIONS;

	if (!x->owners && inode->uid != x->uid)
		mode &= ~(mode_t)S_ISUID;
	if (!x->owners && inode->gid != x->gid)
		mode &= ~(mode_t)S_ISGID;
	return mode;
}

// More than 30 bits of an image can say means "now" to utimensat(2).
static struct timespec time_of(struct ext2_time when)
{
	return (struct timespec){
		.tv_sec = (time_t)when.seconds,
		.tv_nsec = when.ns > NS_MOST ? NS_MOST : (long)when.ns,
	};
}

static int set_times(const struct target *t)
{
	const struct ext2_inode *inode = &t->visit->inode;
	const struct timespec times[] = { time_of(inode->atime),
					  time_of(inode->mtime) };

	int result = t->fd >= 0 ? futimens(t->fd, times)
				: utimensat(t->dir, t->name, times,
					    AT_SYMLINK_NOFOLLOW);
	return result ? -errno : 0;
}

static int set_owner(const struct target *t)
{
	const struct ext2_inode *inode = &t->visit->inode;

	int result = t->fd >= 0 ? fchown(t->fd, inode->uid, inode->gid)
				: fchownat(t->dir, t->name, inode->uid,
					   inode->gid, AT_SYMLINK_NOFOLLOW);
	return result ? -errno : 0;
}

// Not for symlinks, which have none.
static int set_mode(const struct target *t, mode_t mode)
{
	int result = t->fd >= 0 ? fchmod(t->fd, mode)
				: fchmodat(t->dir, t->name, mode, 0);
	return result ? -errno : 0;
}

struct attributes_to {
	struct extraction *extraction;
	const struct target *target;
};

// There is no call that sets an attribute of NAME in a directory that is open
// (before Linux 6.13); /proc knows the directory by its descriptor.
static int set_xattr(void *context, const char *name, const void *value,
		     size_t size, bool in_inode)
{
	const struct attributes_to *a = context;
	const struct target *t = a->target;
	bool rooted = !strncmp(name, "security.", 9) ||
		      !strncmp(name, "trusted.", 8);
	char path[NAME_LONGEST + 64];

	(void)in_inode;
	if (rooted && a->extraction->uid != 0)
		return 0;
	snprintf(path, sizeof path, "/proc/self/fd/%d/%s", t->dir, t->name);
	int result = t->fd >= 0 ? fsetxattr(t->fd, name, value, size, 0)
				: lsetxattr(path, name, value, size, 0);
	if (result == 0)
		return 0;
	int error = -errno;
	char *text = shown(name, strlen(name));
	complain(a->extraction->session, error,
		 "cannot keep the attribute %s of %s", text, t->visit->path);
	a->extraction->failed++;
	free(text);
	return 0;
}

// Away with what a default ACL of the host's directory has given it.
static void drop_inherited(const struct target *t)
{
	if (t->fd < 0)
		return;
	(void)fremovexattr(t->fd, "system.posix_acl_access");
	if (S_ISDIR(t->visit->inode.mode))
		(void)fremovexattr(t->fd, "system.posix_acl_default");
}

static int set_attributes(struct extraction *x, const struct target *t)
{
	const struct ext2_inode *inode = &t->visit->inode;
	struct attributes_to to = { x, t };
	mode_t mode = mode_kept(x, inode);
	int error = 0;

	if (x->owners)
		error = set_owner(t);
	if (error)
		return failed(x, error, t->visit, "keep the owner of");
	if (x->inherits)
		drop_inherited(t);
	if (S_ISDIR(inode->mode) ||
	    (!S_ISLNK(inode->mode) && (x->inherits || mode & 07000)))
		error = set_mode(t, mode);
	if (error)
		return failed(x, error, t->visit, "keep the mode of");
	if (x->xattrs)
		error = ext2_xattrs(x->session->fs, inode->ino, set_xattr, &to);
	if (error && failed(x, error, t->visit, "read the attributes of"))
		return error;
	error = set_times(t);
	return error ? failed(x, error, t->visit, "keep the times of") : 0;
}

// ## Content

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t some = write(fd, bytes, n);
		if (some == -1 && errno == EINTR)
			continue;
		if (some == -1)
			return -errno;
		bytes += some;
		n -= (size_t)some;
	}
	return 0;
}

// Small, and in one piece: what nearly all files of nearly all trees are.
static bool is_one_piece(const struct extraction *x,
			 const struct ext2_inode *inode)
{
	struct ext2_run run;
	uint64_t blocks = (inode->size + x->block_bytes - 1) / x->block_bytes;

	return inode->size <= BUFFER_BYTES &&
	       ext2_run_at(x->session->fs, inode, 0, &run) == 0 &&
	       run.physical && !run.unwritten && run.blocks >= blocks;
}

static int copy_content(struct extraction *x, const struct ext2_inode *inode,
			int fd)
{
	struct ext2 *fs = x->session->fs;

	if (inode->size == 0)
		return 0;
	if (!possible_size(x->session, inode))
		return -EUCLEAN;
	if (!is_one_piece(x, inode))
		return ext2_copy_out(fs, inode, fd);
	int64_t n = ext2_read(fs, inode->ino, 0, x->buffer,
			      (size_t)inode->size);
	if (n < 0)
		return (int)n;
	if ((uint64_t)n != inode->size)
		return -EUCLEAN;
	return write_all(fd, x->buffer, (size_t)n);
}

// ## What is in the way

static bool may_replace(const struct extraction *x, const struct target *t,
			const struct stat *there)
{
	mode_t type = there->st_mode & S_IFMT;
	mode_t wanted = t->visit->inode.mode & S_IFMT;

	return x->force && !is_own_image(x->session, there) &&
	       ((type == S_IFREG && wanted != S_IFDIR) || type == S_IFLNK ||
		type == wanted) &&
	       type != S_IFDIR;
}

static const char *why_kept(const struct extraction *x,
			    const struct stat *there)
{
	if (is_own_image(x->session, there))
		return "it is the image itself";
	return x->force ? "a file of another kind is there" : NULL;
}

// 0: it is out of the way. 1: it stays, and has been told.
static int make_way(struct extraction *x, const struct target *t)
{
	struct stat there;

	if (fstatat(t->dir, t->name, &there, AT_SYMLINK_NOFOLLOW) != 0)
		return failed(x, -errno, t->visit, "make") ?: 1;
	if (!may_replace(x, t, &there)) {
		x->failed++;
		const char *why = why_kept(x, &there);
		complain(x->session, 0, "%s: not replaced%s%s", t->visit->path,
			 why ? ": " : " (--force does): ",
			 why ? why : "there is a file of that name");
		return 1;
	}
	if (unlinkat(t->dir, t->name, 0) != 0)
		return failed(x, -errno, t->visit, "replace") ?: 1;
	return 0;
}

// ## Regular files

// A file that replaces another is complete before it takes the name.
static int open_regular(struct extraction *x, const struct target *t,
			char temporary[32])
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL;
	mode_t mode = t->visit->inode.mode & 0777;
	struct stat there;

	*temporary = '\0';
	int fd = beneath_open(t->dir, t->name, flags, mode);
	if (fd != -EEXIST || !x->force)
		return fd;
	if (fstatat(t->dir, t->name, &there, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !may_replace(x, t, &there))
		return -EEXIST;
	snprintf(temporary, 32, ".img-get-%ld", (long)getpid());
	fd = beneath_open(t->dir, temporary, flags, mode);
	if (fd != -EEXIST)
		return fd;
	(void)unlinkat(t->dir, temporary, 0);
	return beneath_open(t->dir, temporary, flags, mode);
}

static int make_regular(struct extraction *x, struct target *t)
{
	const struct ext2_inode *inode = &t->visit->inode;
	char temporary[32];

	t->fd = open_regular(x, t, temporary);
	if (t->fd == -EEXIST) {
		int kept = make_way(x, t);
		return kept < 0 ? kept : 0;
	}
	if (t->fd < 0)
		return failed(x, t->fd, t->visit, "make");
	const char *name = *temporary ? temporary : t->name;
	int error = copy_content(x, inode, t->fd), stop = 0;
	if (!error)
		stop = set_attributes(x, t);
	if (close(t->fd) != 0 && !error)
		error = -errno;
	if (!error && *temporary &&
	    renameat(t->dir, temporary, t->dir, t->name) != 0)
		error = -errno;
	t->made = !error;
	if (!error)
		return stop;
	(void)unlinkat(t->dir, name, 0);
	return failed(x, error, t->visit, "copy");
}

// ## Everything else

static int make_symlink(struct extraction *x, const struct target *t)
{
	enum { LONGEST = 65536 };
	char *text = must_ptr(malloc(LONGEST + 1));

	int error = ext2_readlink(x->session->fs, t->visit->inode.ino, text,
				  LONGEST + 1);
	if (error >= 0)
		error = symlinkat(text, t->dir, t->name) ? -errno : 0;
	free(text);
	return error;
}

// mknodat(2) makes fifos and sockets for everybody, devices for root.
static int make_special(struct extraction *x, const struct target *t)
{
	const struct ext2_inode *inode = &t->visit->inode;
	dev_t device = 0;

	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		device = makedev(inode->device_major, inode->device_minor);
	mode_t mode = (inode->mode & S_IFMT) | (mode_kept(x, inode) & 0777);
	return mknodat(t->dir, t->name, mode, device) ? -errno : 0;
}

static int make_other(struct extraction *x, struct target *t,
		      int (*make)(struct extraction *, const struct target *))
{
	int error = make(x, t);

	if (error == -EEXIST) {
		int kept = make_way(x, t);
		if (kept)
			return kept < 0 ? kept : 0;
		error = make(x, t);
	}
	t->made = !error;
	return error ? failed(x, error, t->visit, "make")
		     : set_attributes(x, t);
}

// ## Hard links

// Where it is below the target directory.
static char *path_below(const struct extraction *x, const struct visit *visit)
{
	const char *rest = visit->path + x->source_length;
	char *path;

	rest += strspn(rest, "/");
	must(asprintf(&path, "%s%s%s", x->name, *x->name && *rest ? "/" : "",
		      rest));
	return path;
}

static int link_to(struct extraction *x, const char *first,
		   const struct target *t)
{
	const char *slash = strrchr(first, '/');
	char *parent = must_ptr(strndup(first, slash ? slash - first : 0));
	int dir = beneath_find(&x->beneath, parent), error = 0;

	free(parent);
	if (dir < 0)
		return dir;
	if (linkat(dir, slash ? slash + 1 : first, t->dir, t->name, 0) != 0)
		error = -errno;
	close(dir);
	return error;
}

// 1: it is a further name of what has been made, and has been dealt with.
static int make_link(struct extraction *x, const struct target *t)
{
	const struct ext2_inode *inode = &t->visit->inode;

	if (inode->links < 2 || S_ISDIR(inode->mode))
		return 0;
	const char *first = numbers_find(&x->links, inode->ino);
	if (!first)
		return 0;
	int error = link_to(x, first, t);
	if (error == -EEXIST) {
		int kept = make_way(x, t);
		if (kept)
			return kept < 0 ? kept : 1;
		error = link_to(x, first, t);
	}
	if (error == -EMLINK) // a second file: the host knows no more names
		return 0;
	if (error && failed(x, error, t->visit, "link"))
		return error;
	return 1;
}

static int remember_link(struct extraction *x, const struct visit *visit)
{
	if (visit->inode.links < 2 || S_ISDIR(visit->inode.mode))
		return 0;
	char *path = path_below(x, visit);
	int added = numbers_add(&x->links, visit->inode.ino, path);
	if (added != 1)
		free(path);
	return added < 0 ? added : 0;
}

// ## Directories

static int note_made(struct extraction *x, bool made)
{
	size_t level = x->beneath.depth - 1;

	if (level >= x->made_room) {
		size_t room = x->made_room ? x->made_room * 2 : 64;
		x->made = must_ptr(realloc(x->made, room * sizeof *x->made));
		x->made_room = room;
	}
	x->made[level] = made;
	return 0;
}

static void look_for_default_acl(struct extraction *x)
{
	if (fgetxattr(beneath_here(&x->beneath), "system.posix_acl_default",
		      NULL, 0) > 0)
		x->inherits = true;
}

// One that exists is filled further; with --force it gets the attributes, too.
static int make_directory(struct extraction *x, const struct target *t,
			  bool *entered)
{
	bool made = mkdirat(t->dir, t->name, 0700) == 0;
	int error = made ? 0 : -errno;

	*entered = false;
	if (error && error != -EEXIST)
		return failed(x, error, t->visit, "make");
	error = beneath_enter(&x->beneath, t->name);
	if (!made && (error == -ENOTDIR || error == -ELOOP)) {
		int kept = make_way(x, t);
		if (kept)
			return kept < 0 ? kept : 0;
		made = mkdirat(t->dir, t->name, 0700) == 0;
		error = made ? beneath_enter(&x->beneath, t->name) : -errno;
	}
	if (error)
		return failed(x, error, t->visit, "enter");
	*entered = true;
	if (!made)
		look_for_default_acl(x);
	return note_made(x, made || x->force);
}

static int leave_directory(void *context, struct visit *visit)
{
	struct extraction *x = context;
	const struct target target = {
		.visit = visit,
		.fd = beneath_here(&x->beneath),
	};
	int stop = 0;

	if (x->made[x->beneath.depth - 1])
		stop = set_attributes(x, &target);
	if (stop || (visit->depth == 0 && !*x->name))
		return stop;
	int error = beneath_leave(&x->beneath);
	if (error)
		complain(x->session, error, "cannot go back from %s",
			 visit->path);
	return error;
}

// ## The walk

static int refuse_name(struct extraction *x, struct visit *visit)
{
	visit->skip = true;
	x->failed++;
	complain(x->session, 0,
		 "%s: refused: no file of a directory has such a name",
		 visit->path);
	return 0;
}

static int make(struct extraction *x, struct target *t)
{
	uint16_t mode = t->visit->inode.mode;
	int linked = make_link(x, t);

	if (linked)
		return linked < 0 ? linked : 0;
	int stop = 0;
	if (S_ISREG(mode))
		stop = make_regular(x, t);
	else if (S_ISLNK(mode))
		stop = make_other(x, t, make_symlink);
	else if ((S_ISCHR(mode) || S_ISBLK(mode)) && !x->devices)
		x->devices_left++;
	else if (type_of_mode(mode) != TYPE_UNKNOWN)
		stop = make_other(x, t, make_special);
	else
		return failed(x, -EUCLEAN, t->visit, "make");
	return stop || !t->made ? stop : remember_link(x, t->visit);
}

static int each(void *context, struct visit *visit)
{
	struct extraction *x = context;
	const char *name = visit->depth ? visit->entry->name : x->name;
	size_t length = visit->depth ? visit->entry->name_len : strlen(name);
	struct target target = {
		.visit = visit,
		.dir = beneath_here(&x->beneath),
		.name = name,
		.fd = -1,
	};
	bool entered;

	progress_add(x->progress, visit->inode.sectors);
	if (visit->depth == 0 && !*name && S_ISDIR(visit->inode.mode))
		return note_made(x, x->force);
	if (!beneath_good_name(name, length))
		return refuse_name(x, visit);
	if (!S_ISDIR(visit->inode.mode))
		return make(x, &target);
	int stop = make_directory(x, &target, &entered);
	visit->skip = !entered;
	return stop;
}

int extract_begin(struct extraction *x, const char *target)
{
	struct ext2_numbers numbers;

	int error = beneath_begin(&x->beneath, target);
	if (error)
		return complain(x->session, error, "cannot open %s", target);
	ext2_numbers(x->session->fs, &numbers);
	x->block_bytes = numbers.block_bytes;
	x->buffer = must_ptr(malloc(BUFFER_BYTES));
	look_for_default_acl(x);
	x->uid = geteuid();
	x->gid = getegid();
	x->mask = umask(0);
	return EXIT_SUCCESS;
}

int extract_tree(struct extraction *x, uint32_t ino, const char *source,
		 const char *name)
{
	const struct visitor visitor = {
		.each = each,
		.leave = leave_directory,
		.context = x,
	};
	uint64_t before = x->failed;

	x->name = name;
	x->source_length = path_trimmed(source);
	int error = visit_with(x->session, ino, source, &visitor);
	while (x->beneath.depth > 1 && beneath_leave(&x->beneath) == 0)
		;
	return error || x->failed > before ? EXIT_FAILURE : EXIT_SUCCESS;
}

void extract_end(struct extraction *x)
{
	if (x->devices_left && !x->session->quiet)
		complain(x->session, 0,
			 "%llu device%s left out (--devices makes them)",
			 (unsigned long long)x->devices_left,
			 x->devices_left == 1 ? " was" : "s were");
	umask(x->mask);
	beneath_end(&x->beneath);
	numbers_free(&x->links, free);
	free(x->made);
	free(x->buffer);
}

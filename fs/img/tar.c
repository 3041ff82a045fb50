// # Files of an image become a tar archive
//
// The format is pax (POSIX.1-2001, pax(1)), because older ones lose something: it
// has times in nanoseconds, owners and devices of any size, attributes (SCHILY.
// xattr, as star and GNU tar have them), ACLs, and holes (GNU.sparse). libarchive
// writes it.
//
// Names in pax are UTF-8, and libarchive makes it from the characters of the
// locale. So the locale is C.UTF-8 meanwhile; a name that is not UTF-8 is written
// as the bytes it has (hdrcharset=BINARY). Not all of them are: GNU tar 1.34 prints
// a warning for each entry that says so.
//
// A time before 1970 with a fraction: libarchive (3.6) writes -1.75 s, which it has
// as -2 s and 0.25 s, as "-2.25", and reads it back as it meant it. For POSIX and
// GNU tar that is another time. So it is given what makes it write "-1.75".
//
// What tar cannot hold are sockets. They are left out, as tar(1) does it.

#define _GNU_SOURCE
#include "fs/img/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/img/archive.h"
#include "fs/img/beneath.h"
#include "must.h"

#ifdef OSLAB_WITHOUT_ARCHIVE

int tar_begin(struct tar_request *r)
{
	return no_archives(r->session);
}

int tar_tree(struct tar_request *r, uint32_t ino, const char *source,
	     const char *name)
{
	(void)r;
	(void)ino;
	(void)source;
	(void)name;
	return EXIT_MISSING;
}

int tar_end(struct tar_request *r, int status)
{
	(void)r;
	return status;
}

#else

enum { BUFFER_BYTES = 1 << 18, ZEROS_BYTES = 1 << 30 };

// ## Failing

// A reader that has left is no failure to talk about.
static int write_failed(struct tar_request *r)
{
	const struct archives *a = archives();

	if (errno != EPIPE)
		complain(r->session, 0, "cannot write %s: %s", r->destination,
			 a->archive_error_string(r->archive));
	r->failed++;
	return -EIO;
}

static int read_failed(struct tar_request *r, int error, const char *path)
{
	complain(r->session, error, "cannot read %s", path);
	r->failed++;
	return 0;
}

// ## Attributes

// The value as getxattr(2) has it: a version, then a tag, permissions and an id
// each; see acl(5) for the tags.
struct acl_item {
	le16 tag, permissions;
	le32 id;
};

static int acl_tag(uint16_t tag)
{
	switch (tag) {
	case 0x01:
		return ARCHIVE_ENTRY_ACL_USER_OBJ;
	case 0x02:
		return ARCHIVE_ENTRY_ACL_USER;
	case 0x04:
		return ARCHIVE_ENTRY_ACL_GROUP_OBJ;
	case 0x08:
		return ARCHIVE_ENTRY_ACL_GROUP;
	case 0x10:
		return ARCHIVE_ENTRY_ACL_MASK;
	}
	return ARCHIVE_ENTRY_ACL_OTHER;
}

static void add_acl(struct tar_request *r, int type, const uint8_t *value,
		    size_t size)
{
	const struct archives *a = archives();
	struct acl_item item;

	for (size_t at = sizeof(le32); at + sizeof item <= size;
	     at += sizeof item) {
		memcpy(&item, value + at, sizeof item);
		int tag = acl_tag(get16(item.tag));
		bool named = tag == ARCHIVE_ENTRY_ACL_USER ||
			     tag == ARCHIVE_ENTRY_ACL_GROUP;
		a->archive_entry_acl_add_entry(r->entry, type,
					       get16(item.permissions) & 7, tag,
					       named ? (int)get32(item.id) : -1,
					       NULL);
	}
}

static int add_xattr(void *context, const char *name, const void *value,
		     size_t size, bool in_inode)
{
	struct tar_request *r = context;

	(void)in_inode;
	if (!strcmp(name, "system.posix_acl_access"))
		add_acl(r, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, value, size);
	else if (!strcmp(name, "system.posix_acl_default"))
		add_acl(r, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, value, size);
	else
		archives()->archive_entry_xattr_add_entry(r->entry, name, value,
							  size);
	return 0;
}

static void say_time(struct tar_request *r,
		     void (*set)(struct archive_entry *, time_t, long),
		     struct ext2_time when)
{
	enum { SECOND_NS = 1000000000 };

	if (when.seconds < -1 && when.ns) {
		when.seconds++;
		when.ns = SECOND_NS - when.ns % SECOND_NS;
	} else if (when.seconds == -1) {
		when.ns = 0; // "-0.5" cannot be said
	}
	set(r->entry, (time_t)when.seconds, (long)when.ns);
}

static void say_inode(struct tar_request *r, const struct ext2_inode *inode,
		      const char *path)
{
	const struct archives *a = archives();
	struct archive_entry *e = r->entry;

	a->archive_entry_clear(e);
	a->archive_entry_copy_pathname(e, path);
	a->archive_entry_set_mode(e, inode->mode);
	a->archive_entry_set_uid(e, inode->uid);
	a->archive_entry_set_gid(e, inode->gid);
	a->archive_entry_set_nlink(e, inode->links);
	say_time(r, a->archive_entry_set_mtime, inode->mtime);
	say_time(r, a->archive_entry_set_atime, inode->atime);
	say_time(r, a->archive_entry_set_ctime, inode->ctime);
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode)) {
		a->archive_entry_set_rdevmajor(e, inode->device_major);
		a->archive_entry_set_rdevminor(e, inode->device_minor);
	}
	a->archive_entry_set_size(e, S_ISREG(inode->mode) ? (int64_t)inode->size
							  : 0);
}

// ## Content

// The runs of data, where there are holes between them.
static int say_holes(struct tar_request *r, const struct ext2_inode *inode)
{
	const struct archives *a = archives();
	struct ext2_run run;
	bool any = false;

	for (uint64_t at = 0; at * r->block_bytes < inode->size;
	     at = run.logical + run.blocks) {
		int error = ext2_run_at(r->session->fs, inode, at, &run);
		if (error)
			return error;
		if (run.blocks == 0)
			break;
		uint64_t begin = run.logical * r->block_bytes;
		uint64_t n = run.blocks * r->block_bytes;
		if (!run.physical || run.unwritten)
			continue;
		if (n > inode->size - begin)
			n = inode->size - begin;
		a->archive_entry_sparse_add_entry(r->entry, (int64_t)begin,
						  (int64_t)n);
		any = true;
	}
	if (!any && inode->size)
		a->archive_entry_sparse_add_entry(r->entry,
						  (int64_t)inode->size, 0);
	return 0;
}

static int write_bytes(struct tar_request *r, const void *bytes, size_t n)
{
	return archives()->archive_write_data(r->archive, bytes, n) ==
			       (la_ssize_t)n
		       ? 0
		       : write_failed(r);
}

// libarchive wants the holes, too, and throws them away. So they are what no memory
// is needed for: a mapping that nobody reads.
static int write_hole(struct tar_request *r, uint64_t n)
{
	int error = 0;

	for (uint64_t some; !error && n; n -= some) {
		some = n < ZEROS_BYTES ? n : ZEROS_BYTES;
		error = write_bytes(r, r->zeros, some);
	}
	return error;
}

static int write_data(struct tar_request *r, const struct ext2_inode *inode,
		      uint64_t at, uint64_t n, const char *path)
{
	int error = 0;

	for (int64_t some; !error && n;
	     at += (uint64_t)some, n -= (uint64_t)some) {
		size_t want = n < BUFFER_BYTES ? n : BUFFER_BYTES;
		some = ext2_read(r->session->fs, inode->ino, at, r->buffer,
				 want);
		if (some <= 0)
			return read_failed(r, some ? (int)some : -EUCLEAN, path)
				       ?: 1;
		error = write_bytes(r, r->buffer, (size_t)some);
	}
	return error;
}

// The archive has promised inode->size bytes: what cannot be read is zeros (and
// said).
static int write_content(struct tar_request *r, const struct ext2_inode *inode,
			 const char *path)
{
	struct ext2_run run;
	uint64_t n;
	int error = 0;

	for (uint64_t at = 0; !error && at < inode->size; at += n) {
		error = ext2_run_at(r->session->fs, inode, at / r->block_bytes,
				    &run);
		if (error)
			return read_failed(r, error, path);
		n = inode->size - at;
		if (run.blocks && run.blocks * r->block_bytes < n)
			n = run.blocks * r->block_bytes;
		error = !run.blocks || !run.physical || run.unwritten
				? write_hole(r, n)
				: write_data(r, inode, at, n, path);
	}
	return error < 0 ? error : 0;
}

static int say_target(struct tar_request *r, const struct ext2_inode *inode)
{
	enum { LONGEST = 65536 };
	char *target = must_ptr(malloc(LONGEST + 1));

	int error = ext2_readlink(r->session->fs, inode->ino, target,
				  LONGEST + 1);
	if (error >= 0)
		archives()->archive_entry_copy_symlink(r->entry, target);
	free(target);
	return error < 0 ? error : 0;
}

// ## The walk

static char *path_of(const struct tar_request *r, const struct visit *visit)
{
	const char *rest = visit->path + r->source_length;
	char *path;

	rest += strspn(rest, "/");
	if (!*r->name && !*rest)
		return must_ptr(strdup("."));
	must(asprintf(&path, "%s%s%s", r->name, *r->name && *rest ? "/" : "",
		      rest));
	return path;
}

// Whether it is a further name of something that is there already.
static bool is_linked(struct tar_request *r, const struct ext2_inode *inode,
		      const char *path)
{
	if (inode->links < 2 || S_ISDIR(inode->mode))
		return false;
	const char *first = numbers_find(&r->links, inode->ino);
	if (!first) {
		char *copy = must_ptr(strdup(path));
		must_neg(numbers_add(&r->links, inode->ino, copy));
		return false;
	}
	archives()->archive_entry_copy_hardlink(r->entry, first);
	archives()->archive_entry_set_size(r->entry, 0);
	return true;
}

static int write_entry(struct tar_request *r, const struct visit *visit,
		       const char *path)
{
	const struct ext2_inode *inode = &visit->inode;
	int error = 0;

	say_inode(r, inode, path);
	if (S_ISREG(inode->mode) && !possible_size(r->session, inode))
		return read_failed(r, -EUCLEAN, visit->path);
	bool linked = is_linked(r, inode, path);
	bool content = !linked && S_ISREG(inode->mode);
	if (!linked && r->xattrs)
		error = ext2_xattrs(r->session->fs, inode->ino, add_xattr, r);
	if (!error && !linked && S_ISLNK(inode->mode))
		error = say_target(r, inode);
	if (!error && content)
		error = say_holes(r, inode);
	if (error)
		return read_failed(r, error, visit->path);
	if (archives()->archive_write_header(r->archive, r->entry) <
	    ARCHIVE_WARN)
		return write_failed(r);
	return content ? write_content(r, inode, visit->path) : 0;
}

static int each(void *context, struct visit *visit)
{
	struct tar_request *r = context;

	if (S_ISSOCK(visit->inode.mode)) {
		r->sockets++;
		return 0;
	}
	if (type_of_mode(visit->inode.mode) == TYPE_UNKNOWN)
		return read_failed(r, -EUCLEAN, visit->path);
	if (visit->depth &&
	    !beneath_good_name(visit->entry->name, visit->entry->name_len)) {
		visit->skip = true;
		complain(r->session, 0,
			 "%s: refused: no file of a directory has such a name",
			 visit->path);
		r->failed++;
		return 0;
	}
	char *path = path_of(r, visit);
	int error = write_entry(r, visit, path);
	free(path);
	return error;
}

int tar_tree(struct tar_request *r, uint32_t ino, const char *source,
	     const char *name)
{
	uint64_t before = r->failed;

	r->name = name;
	r->source_length = path_trimmed(source);
	int error = visit_tree(r->session, ino, source, true, each, r);
	return error || r->failed > before ? EXIT_FAILURE : EXIT_SUCCESS;
}

// ## The archive's file

// What is no ordinary file (a device, a fifo) is written into; a file takes its
// name when it is complete.
static int open_destination(struct tar_request *r)
{
	struct session *s = r->session;
	struct stat info;

	r->fd = STDOUT_FILENO;
	if (!strcmp(r->destination, "-"))
		return EXIT_SUCCESS;
	bool there = stat(r->destination, &info) == 0;
	if (there && is_own_image(s, &info))
		return complain(s, 0,
				"%s: not replaced: it is the image itself",
				r->destination);
	if (there && S_ISREG(info.st_mode) && !r->force)
		return complain(s, EEXIST, "%s (--force replaces it)",
				r->destination);
	if (there && !S_ISREG(info.st_mode)) {
		r->fd = open(r->destination, O_WRONLY | O_CLOEXEC);
	} else {
		must(asprintf(&r->temporary, "%s.XXXXXX", r->destination));
		r->fd = mkostemp(r->temporary, O_CLOEXEC);
	}
	if (r->fd != -1)
		return EXIT_SUCCESS;
	int error = errno;
	free(r->temporary);
	r->temporary = NULL;
	return complain(s, error, "cannot make %s", r->destination);
}

int tar_begin(struct tar_request *r)
{
	const struct archives *a = archives();
	struct ext2_numbers numbers;

	if (!a)
		return no_archives(r->session);
	int status = open_destination(r);
	if (status != EXIT_SUCCESS)
		return status;
	ext2_numbers(r->session->fs, &numbers);
	r->block_bytes = numbers.block_bytes;
	r->buffer = must_ptr(malloc(BUFFER_BYTES));
	r->zeros = must(mmap(NULL, ZEROS_BYTES, PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			     0));
	r->entry = must_ptr(a->archive_entry_new());
	r->archive = must_ptr(a->archive_write_new());
	a->archive_write_set_format_pax(r->archive);
	a->archive_write_set_options(r->archive, "xattrheader=SCHILY");
	r->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (r->utf8)
		r->before = uselocale(r->utf8);
	a->archive_write_add_filter_none(r->archive);
	// The same bytes into a pipe as into a file.
	a->archive_write_set_bytes_in_last_block(r->archive, 1);
	if (a->archive_write_open_fd(r->archive, r->fd) == ARCHIVE_OK)
		return EXIT_SUCCESS;
	write_failed(r);
	return tar_end(r, EXIT_FAILURE);
}

static int publish(struct tar_request *r, int status)
{
	mode_t mask = umask(0);

	umask(mask);
	if (status == EXIT_SUCCESS &&
	    (fchmod(r->fd, 0666 & ~mask) != 0 || fdatasync(r->fd) != 0 ||
	     close(r->fd) != 0 || rename(r->temporary, r->destination) != 0))
		status = complain(r->session, errno, "cannot write %s",
				  r->destination);
	if (status != EXIT_SUCCESS)
		unlink(r->temporary);
	free(r->temporary);
	return status;
}

int tar_end(struct tar_request *r, int status)
{
	const struct archives *a = archives();

	if (r->failed == 0 && a->archive_write_close(r->archive) != ARCHIVE_OK)
		write_failed(r);
	a->archive_write_free(r->archive);
	a->archive_entry_free(r->entry);
	if (r->failed)
		status = EXIT_FAILURE;
	if (r->sockets && !r->session->quiet)
		complain(r->session, 0, "%llu socket%s left out: tar has none",
			 (unsigned long long)r->sockets,
			 r->sockets == 1 ? " was" : "s were");
	if (r->temporary)
		status = publish(r, status);
	numbers_free(&r->links, free);
	free(r->buffer);
	must(munmap(r->zeros, ZEROS_BYTES));
	if (r->utf8) {
		uselocale(r->before);
		freelocale(r->utf8);
	}
	return status;
}

#endif

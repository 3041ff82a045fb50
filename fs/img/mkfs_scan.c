// # A directory becomes a tree of nodes
//
// Every directory is listed (getdents64(2)) and each of its entries asked for its
// attributes. The nodes stand sorted by name; they are asked by rising inode
// number, because a disk keeps inodes in that order, and a cold cache then reads a
// block of them once. Paths are never longer than a component below an open
// directory, and symlinks are never followed: what is moved meanwhile leads
// nowhere else.
//
// Several names of one file are found by its device and inode number.
//
// A tree may change while it is read. What has vanished between the listing and
// the question is named and left out; the image is made, and the exit status is 1,
// as tar(1) does it. What may not be read is an error, and there is no image.
//
// Attributes: listxattrat(2) and getxattrat(2), since Linux 6.13; before that the
// same by way of /proc/self/fd/DIRECTORY/NAME, which costs 0.6 µs more a file.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fs/img/mkfs.h"
#include "must.h"

#ifndef SYS_getxattrat
enum { SYS_getxattrat = 464, SYS_listxattrat = 465 };
#endif

enum { LIST_BYTES = 64 << 10, VALUE_BYTES = 64 << 10 };

struct linked { // a file with several names
	uint64_t dev, ino;
	uint32_t node;
};

// What stands in a directory: its inode number, and the name's place in the text;
// later the name's node.
struct listed_entry {
	uint64_t ino;
	uint32_t name, node;
};

struct scan {
	struct tree *tree;
	const struct make_options *options;
	uint64_t dev;                  // of the root
	uint64_t image_dev, image_ino; // of what the image replaces
	struct linked *link;           // open addressing
	uint32_t links, link_slots;

	enum { BY_CALL, BY_PROC, BY_NOTHING } way; // to the attributes
	char *names, *value;
	char *entries;
	struct listed_entry *list; // the directory that is scanned
	uint32_t listed, list_room;
};

// ## Opening

int open_directory(const struct tree *t, uint32_t node)
{
	enum { PIECE = 3000 };
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	char *path = node_path(t, &t->node[node]), *at = path;
	int fd = t->root, next;

	for (char *end; fd >= 0; at = end) {
		end = at + strlen(at);
		if (end - at > PIECE) {
			end = at + PIECE;
			while (*end != '/') // NAME_LONGEST is less
				end--;
			*end++ = '\0';
		}
		next = openat(fd, at, flags | O_NOATIME);
		if (next < 0 && errno == EPERM)
			next = openat(fd, at, flags);
		if (next < 0)
			next = -errno;
		if (fd != t->root)
			close(fd);
		fd = next;
		if (!*end)
			break;
	}
	free(path);
	return fd;
}

// ## Attributes

struct xattr_arguments { // of getxattrat(2)
	uint64_t value;
	uint32_t size, flags;
};

static ssize_t list_xattrs(struct scan *s, int dir, const char *name)
{
	char path[NAME_LONGEST + 32];
	long n;

	if (s->way == BY_CALL) {
		n = syscall(SYS_listxattrat, dir, name, AT_SYMLINK_NOFOLLOW,
			    s->names, LIST_BYTES);
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n < 0 ? -errno : n;
		s->way = access("/proc/self/fd", X_OK) ? BY_NOTHING : BY_PROC;
	}
	if (s->way == BY_NOTHING)
		return 0;
	snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir, name);
	n = llistxattr(path, s->names, LIST_BYTES);
	return n < 0 ? -errno : n;
}

static ssize_t get_xattr(struct scan *s, int dir, const char *name,
			 const char *attribute)
{
	struct xattr_arguments a = { (uintptr_t)s->value, VALUE_BYTES, 0 };
	char path[NAME_LONGEST + 32];
	long n;

	if (s->way == BY_CALL) {
		n = syscall(SYS_getxattrat, dir, name, AT_SYMLINK_NOFOLLOW,
			    attribute, &a, sizeof a);
	} else {
		snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir, name);
		n = lgetxattr(path, attribute, s->value, VALUE_BYTES);
	}
	return n < 0 ? -errno : n;
}

static int scan_xattrs(struct scan *s, int dir, const char *name, uint32_t node)
{
	struct tree *t = s->tree;
	ssize_t n = list_xattrs(s, dir, name), size;
	uint32_t begun = xattrs_begin(t);

	if (n == 0 || n == -EOPNOTSUPP || n == -ENOENT)
		return 0;
	if (n < 0)
		return (int)n;
	for (char *at = s->names; at < s->names + n; at += strlen(at) + 1) {
		if (!is_kept_xattr(at))
			continue;
		size = get_xattr(s, dir, name, at);
		if (size >= 0)
			tree_xattr_add(t, at, s->value, (size_t)size);
		else if (size != -ENODATA && size != -ENOENT)
			return (int)size;
	}
	t->node[node].xattrs = xattrs_end(t, begun);
	return 0;
}

// ## Hard links

static uint64_t link_place(const struct scan *s, uint64_t dev, uint64_t ino)
{
	uint64_t at = (ino ^ dev << 32) * UINT64_C(0x9e3779b97f4a7c15);

	for (at >>= 20;; at++) {
		struct linked *link = &s->link[at & (s->link_slots - 1)];
		if (!link->node || (link->dev == dev && link->ino == ino))
			return at & (s->link_slots - 1);
	}
}

// The node that has this inode already, or 0 and `node` has it from now on.
static uint32_t first_of_links(struct scan *s, const struct stat *info,
			       uint32_t node)
{
	enum { FIRST_SLOTS = 256 };

	if (s->links * 2 >= s->link_slots) {
		struct linked *old = s->link;
		uint32_t n = s->link_slots;

		s->link_slots = n ? 2 * n : FIRST_SLOTS;
		s->link = must_ptr(calloc(s->link_slots, sizeof *s->link));
		for (uint32_t i = 0; i < n; i++)
			if (old[i].node)
				s->link[link_place(s, old[i].dev, old[i].ino)] =
					old[i];
		free(old);
	}
	struct linked *link =
		&s->link[link_place(s, info->st_dev, info->st_ino)];
	if (link->node)
		return link->node;
	*link = (struct linked){ info->st_dev, info->st_ino, node };
	s->links++;
	return 0;
}

// ## One node

static void take_attributes(struct node *node, const struct stat *info)
{
	node->mode = (uint16_t)info->st_mode;
	node->uid = info->st_uid;
	node->gid = info->st_gid;
	node->atime = pack_time(info->st_atim.tv_sec,
				(uint32_t)info->st_atim.tv_nsec);
	node->mtime = pack_time(info->st_mtim.tv_sec,
				(uint32_t)info->st_mtim.tv_nsec);
	node->ctime = pack_time(info->st_ctim.tv_sec,
				(uint32_t)info->st_ctim.tv_nsec);
}

static int scan_symlink(struct tree *t, int dir, const char *name,
			uint32_t node)
{
	char target[4096]; // PATH_MAX, the longest that Linux makes
	ssize_t n = readlinkat(dir, name, target, sizeof target);

	if (n < 0)
		return -errno;
	t->node[node].size = (uint64_t)n;
	t->node[node].target = tree_keep(t, target, (size_t)n);
	tree_keep(t, "", 1);
	return 0;
}

static int scan_sparse(struct scan *s, int dir, const char *name,
		       struct node *node)
{
	const struct make_options *o = s->options;
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(dir, name, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(dir, name, flags);
	if (fd < 0)
		return -errno;
	node->flags |= NODE_SPARSE;
	int error = sparse_blocks(fd, 0, node->size, o->block_bytes, o->sparse,
				  &node->content);
	close(fd);
	return error;
}

// Fills the node. Returns 0 or -errno; -ENOENT: it is not there any more.
static int scan_node(struct scan *s, int dir, uint32_t i)
{
	struct tree *t = s->tree;
	// The text may move while attributes are added.
	char name[NAME_LONGEST + 1];
	struct node *node = &t->node[i];
	struct stat info;

	memcpy(name, node_name(t, node), node_name_len(t, node) + 1);
	if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (info.st_dev == s->image_dev && info.st_ino == s->image_ino) {
		node->flags |= NODE_GONE;
		complain(s->tree->session, 0,
			 "it stands in the tree: left out");
		return 0;
	}
	take_attributes(node, &info);
	if (!S_ISDIR(info.st_mode) && info.st_nlink > 1) {
		uint32_t first = first_of_links(s, &info, i);
		if (first) {
			node->flags |= NODE_LINK;
			node->target = first;
			return 0;
		}
	}
	int error = scan_xattrs(s, dir, name, i);
	node = &t->node[i];
	if (error)
		return error;
	if (S_ISLNK(info.st_mode))
		return scan_symlink(t, dir, name, i);
	if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode))
		node->size = (uint64_t)major(info.st_rdev) << 32 |
			     minor(info.st_rdev);
	if (S_ISDIR(info.st_mode) && info.st_dev != s->dev &&
	    s->options->one_file_system)
		node->flags |= NODE_CLOSED;
	if (!S_ISREG(info.st_mode))
		return 0;
	node->size = (uint64_t)info.st_size;
	if (node->size &&
	    (s->options->sparse || (uint64_t)info.st_blocks * 512 < node->size))
		return scan_sparse(s, dir, name, node);
	return 0;
}

static void say_vanished(struct tree *t, uint32_t node)
{
	char *path = node_path(t, &t->node[node]);

	complain(t->session, 0, "%s vanished while the tree was read: left out",
		 path);
	free(path);
	t->node[node].flags |= NODE_GONE;
	t->changed++;
}

// ## One directory

static void list_entry(struct scan *s, const struct dirent64 *entry)
{
	uint8_t length = (uint8_t)strlen(entry->d_name);

	if (s->listed == s->list_room) {
		s->list_room = s->list_room ? 2 * s->list_room : 256;
		s->list = must_ptr(
			realloc(s->list, s->list_room * sizeof *s->list));
	}
	s->list[s->listed++] = (struct listed_entry){
		.ino = entry->d_ino,
		.name = tree_keep(s->tree, &length, 1),
	};
	tree_keep(s->tree, entry->d_name, length + 1u);
}

static int list_names(struct scan *s, int dir)
{
	long n;

	s->listed = 0;
	while ((n = syscall(SYS_getdents64, dir, s->entries, LIST_BYTES)) > 0)
		for (char *at = s->entries; at < s->entries + n;) {
			const struct dirent64 *entry = (void *)at;
			const char *name = entry->d_name;

			at += entry->d_reclen;
			if (!strcmp(name, ".") || !strcmp(name, ".."))
				continue;
			if (strlen(name) > NAME_LONGEST)
				return -ENAMETOOLONG;
			list_entry(s, entry);
		}
	return n < 0 ? -errno : 0;
}

static int by_name(const void *a, const void *b, void *context)
{
	const struct listed_entry *p = a, *q = b;
	const char *text = context;

	return compare_names(text + p->name, text + q->name);
}

static int by_inode(const void *a, const void *b)
{
	const struct listed_entry *p = a, *q = b;

	if (p->ino == q->ino)
		return p->node < q->node ? -1 : p->node > q->node;
	return p->ino < q->ino ? -1 : 1;
}

// The nodes by rising name; the list then by rising inode.
static void add_nodes(struct scan *s, uint32_t parent)
{
	struct tree *t = s->tree;
	bool rising = true;

	if (s->listed)
		qsort_r(s->list, s->listed, sizeof *s->list, by_name, t->text);
	t->node[parent].target = t->count;
	t->node[parent].count = s->listed;
	for (uint32_t i = 0; i < s->listed; i++) {
		s->list[i].node = t->count;
		tree_add_kept(t, parent, s->list[i].name);
		if (i && s->list[i].ino < s->list[i - 1].ino)
			rising = false;
	}
	if (!rising)
		qsort(s->list, s->listed, sizeof *s->list, by_inode);
}

static int scan_one(struct scan *s, uint32_t parent)
{
	struct tree *t = s->tree;
	uint32_t failed = parent;
	int dir = open_directory(t, parent), error;

	if (dir == -ENOENT) {
		say_vanished(t, parent);
		return EXIT_SUCCESS;
	}
	error = dir < 0 ? dir : list_names(s, dir);
	if (!error)
		add_nodes(s, parent);
	for (uint32_t i = 0; !error && i < s->listed; i++) {
		failed = s->list[i].node;
		error = scan_node(s, dir, failed);
		if (error == -ENOENT) {
			say_vanished(t, failed);
			error = 0;
		}
	}
	if (dir >= 0)
		close(dir);
	if (error) {
		char *path = node_path(t, &t->node[failed]);
		complain(t->session, error, "cannot read %s/%s",
			 s->options->from, path);
		free(path);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int scan_directory(struct tree *t, const struct make_options *o)
{
	struct scan s = { .tree = t, .options = o, .link_slots = 0 };
	struct stat info;
	int status = EXIT_SUCCESS;

	t->root = open(o->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->root < 0 || fstat(t->root, &info))
		return complain(t->session, errno, "cannot open %s", o->from);
	s.dev = info.st_dev;
	take_attributes(t->node, &info);
	if (!stat(t->session->image_path, &info) && S_ISREG(info.st_mode)) {
		s.image_dev = info.st_dev;
		s.image_ino = info.st_ino;
	}
	s.names = must_ptr(malloc(LIST_BYTES));
	s.value = must_ptr(malloc(VALUE_BYTES));
	s.entries = must_ptr(malloc(LIST_BYTES));
	int error = scan_xattrs(&s, t->root, ".", ROOT_NODE);
	if (error)
		status = complain(t->session, error,
				  "cannot read the attributes of %s", o->from);
	for (uint32_t i = 0; !status && i < t->count; i++)
		if (S_ISDIR(t->node[i].mode) &&
		    !(t->node[i].flags & (NODE_CLOSED | NODE_LINK)))
			status = scan_one(&s, i);
	t->arranged = true;
	free(s.names);
	free(s.value);
	free(s.entries);
	free(s.list);
	free(s.link);
	return status;
}

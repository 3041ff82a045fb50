// # A tree is written into a new image
//
// Node by node: all children of a directory, then those of the next. A second
// thread reads ahead (mkfs_read.c). A directory's times are set after the last name
// has been put into it.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/img/mkfs.h"
#include "must.h"

struct writer {
	struct tree *tree;
	struct ext2 *fs;
	const struct make_options *options;
	struct progress *progress;
	struct reader *reader;
	struct ext2_inode attributes;
};

// ## Attributes

static void say_attributes(const struct node *node, struct ext2_inode *inode)
{
	inode->mode = node->mode;
	inode->uid = node->uid;
	inode->gid = node->gid;
	inode->atime = unpack_time(node->atime);
	inode->mtime = unpack_time(node->mtime);
	inode->ctime = unpack_time(node->ctime);
	inode->device_major = inode->device_minor = 0;
	if (S_ISCHR(node->mode) || S_ISBLK(node->mode)) {
		inode->device_major = (uint32_t)(node->size >> 32);
		inode->device_minor = (uint32_t)node->size;
	}
}

int write_xattrs(const struct tree *t, struct ext2 *fs, uint32_t ino,
		 const struct node *node)
{
	struct kept_xattr x;
	int error = 0;

	for (uint32_t at = node->xattrs;
	     !error && (at = xattr_next(t, at, &x));)
		error = ext2_set_xattr(fs, ino, x.name, x.value, x.size);
	return error;
}

// Of one that was there before (the root, lost+found), or that has got its names.
static int set_again(struct writer *w, const struct node *node)
{
	struct ext2_inode inode;
	int error = ext2_inode(w->fs, node->ino, &inode);

	if (error)
		return error;
	say_attributes(node, &inode);
	return ext2_set_inode(w->fs, &inode);
}

// ## Content

struct copying {
	struct writer *writer;
	const struct node *node;
	int fd;
};

static int copy_run(void *context, uint64_t from, uint64_t n)
{
	enum { STEP = 16 << 20 };
	const struct copying *c = context;
	struct writer *w = c->writer;
	uint64_t begin = c->fd == w->tree->spool ? c->node->content : 0;
	int error = 0;

	while (!error && n) {
		uint64_t some = n < STEP ? n : STEP;

		error = ext2_write_from(w->fs, c->node->ino, from, c->fd,
					begin + from, some);
		progress_add(w->progress, some);
		from += some;
		n -= some;
	}
	return error;
}

static int write_content(struct writer *w, const struct node *node,
			 const struct fetched *piece)
{
	struct tree *t = w->tree;
	struct copying c = { w, node, piece->fd };
	int error = 0;

	if (t->spool >= 0)
		c.fd = t->spool;
	if (node->flags & NODE_SPARSE)
		error = each_run(
			c.fd, c.fd == t->spool ? node->content : 0, node->size,
			w->options->sparse ? w->options->block_bytes : 0,
			copy_run, &c);
	else
		error = copy_run(&c, 0, node->size);
	return error ? error : ext2_truncate(w->fs, node->ino, node->size);
}

// ## One node

static void say_changed(struct tree *t, const struct node *node,
			const char *how)
{
	char *path = node_path(t, node);

	complain(t->session, 0, "%s %s", path, how);
	free(path);
	t->changed++;
}

static int make_regular(struct writer *w, struct node *node, uint32_t parent)
{
	struct tree *t = w->tree;
	const struct fetched *piece = NULL;
	int error;

	if (node->size) {
		piece = reader_next(w->reader);
		if (piece->error == -ENOENT) {
			say_changed(t, node,
				    "vanished while the tree was "
				    "read: left out");
			node->flags |= NODE_GONE;
			return 0;
		}
		if (piece->error)
			return piece->error;
	}
	bool whole = !piece || piece->bytes;
	error = ext2_create_with(w->fs, parent, node_name(t, node),
				 node_name_len(t, node), &w->attributes,
				 piece ? piece->bytes : NULL,
				 piece && whole ? piece->n : 0, &node->ino);
	if (!error && !whole)
		return write_content(w, node, piece);
	progress_add(w->progress, node->size);
	if (!error && piece && piece->n < node->size)
		say_changed(t, node, "became shorter while it was read");
	return error;
}

static int make_again(struct writer *w, const struct node *node)
{
	if (node->flags & NODE_THERE)
		return 0;
	int error = set_again(w, node);
	return error ? error : write_xattrs(w->tree, w->fs, node->ino, node);
}

static int make_node(struct writer *w, struct node *node)
{
	struct tree *t = w->tree;
	uint32_t parent = t->node[node->parent].ino;
	const char *name = node_name(t, node);
	size_t length = node_name_len(t, node);
	int error;

	if (t->node[ROOT_NODE].ino == INO_ROOT && is_lost_found(t, node))
		node->ino = INO_FIRST;
	if (node->ino)
		return make_again(w, node);
	say_attributes(node, &w->attributes);
	if (S_ISREG(node->mode))
		error = make_regular(w, node, parent);
	else if (S_ISLNK(node->mode))
		error = ext2_symlink(w->fs, parent, name, length,
				     &w->attributes, t->text + node->target,
				     node->size, &node->ino);
	else
		error = ext2_create(w->fs, parent, name, length, &w->attributes,
				    &node->ino);
	return error || !node->xattrs || node->flags & NODE_GONE
		       ? error
		       : write_xattrs(t, w->fs, node->ino, node);
}

static int make_link(struct writer *w, struct node *node)
{
	struct tree *t = w->tree;
	struct node *first = &t->node[node->target];
	int error;

	if (first->flags & NODE_GONE) {
		node->flags |= NODE_GONE;
		return 0;
	}
	error = ext2_link(w->fs, t->node[node->parent].ino, node_name(t, node),
			  node_name_len(t, node), first->ino);
	return error ? error : set_again(w, first);
}

// ## All of them

// Room at once, and never too much: an entry takes at least 12 bytes.
static int expect(const struct writer *w, const struct node *dir)
{
	enum { ENTRY_LEAST = 12 };
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < dir->count; i++)
		bytes += entry_bytes((uint32_t)node_name_len(
			w->tree, &w->tree->node[dir->target + i]));
	return ext2_expect_entries(w->fs, dir->ino, bytes / ENTRY_LEAST);
}

static int write_node(struct writer *w, uint32_t i)
{
	struct tree *t = w->tree;
	struct node *node = &t->node[i], *parent = &t->node[node->parent];
	int error = i == parent->target ? expect(w, parent) : 0;

	if (!error && !(node->flags & NODE_GONE))
		error = node->flags & NODE_LINK ? make_link(w, node)
						: make_node(w, node);
	// Whoever copies a directory without entries has said its times.
	if (!error && i == parent->target + parent->count - 1 &&
	    !(parent->flags & NODE_THERE))
		error = set_again(w, parent);
	return error;
}

int write_tree(struct tree *t, struct ext2 *fs, const struct make_options *o,
	       struct progress *progress)
{
	struct writer w = {
		.tree = t,
		.fs = fs,
		.options = o,
		.progress = progress,
		.reader = reader_begin(t),
		.attributes = { .crtime = o->now },
	};
	struct node *root = &t->node[ROOT_NODE];
	int status = EXIT_SUCCESS, error;

	if (!root->ino)
		root->ino = INO_ROOT;
	error = make_again(&w, root);
	if (!error && root->count > 1)
		error = ext2_expect_entries(fs, root->ino, root->count);
	for (uint32_t i = 1; !error && i < t->count; i++) {
		error = write_node(&w, i);
		if (error) {
			char *path = node_path(t, &t->node[i]);
			status = complain(t->session, error, "cannot write %s",
					  path);
			free(path);
		}
	}
	if (error && !status)
		status = complain(t->session, error, "cannot write the root");
	reader_end(w.reader);
	return status;
}

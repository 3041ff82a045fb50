// check_tree.c - every directory reaches the root, every file has a name
//
// Each directory has one parent, the one with an entry for it. From each the
// parents are climbed until one is met that reaches the root already, so all
// climbs together are one walk over the tree. A climb that ends elsewhere ends at
// a directory without a name; one that comes back to itself is a loop, which is
// cut where it was entered. Both go to lost+found.
//
// Then the links: what inodes say against what was counted.

#include <errno.h>
#include <stdlib.h>

#include "fs/ext2/check_parts.h"

static bool is_directory(const struct check *c, uint32_t ino)
{
	return ino <= c->inodes && (c->kind[ino] & KIND_TYPE) == TYPE_DIRECTORY;
}

static int attach_directory(struct check *c, struct dir *dir)
{
	uint32_t ino = dir->ino;
	bool done;
	int error = lost_attach(c, ino, &done);

	if (error || !done)
		return error;
	dir = dir_find(c, ino); // lost+found may have been put before it
	dir->parent = c->lost;
	error = dotdot_set(c, ino, c->lost);
	if (!error && dir->dotdot && dir->dotdot <= c->inodes)
		c->seen[dir->dotdot]--;
	if (!error) {
		dir->dotdot = c->lost;
		c->seen[c->lost]++;
	}
	return error;
}

static int lost_directory(struct check *c, struct dir *dir)
{
	if (!problem(c, "directory-lost", SAFE, dir->ino, 0,
		     "gives it a name in lost+found",
		     "the directory has no name in any other"))
		return 0;
	return attach_directory(c, dir);
}

static int cut_loop(struct check *c, struct dir *dir)
{
	int error;

	if (!problem(c, "directory-loop", 0, dir->ino, 0,
		     "moves it to lost+found",
		     "the directory is below itself: inode %u, which it holds, "
		     "has its name",
		     dir->parent))
		return 0;
	error = entry_erase(c, dir->parent, dir->ino);
	if (!error) {
		c->seen[dir->ino]--;
		dir->parent = 0;
		error = attach_directory(c, dir);
	}
	return error;
}

// Climbs from a directory; marks what it met as reached.
static int climb(struct check *c, uint32_t start)
{
	uint32_t ino = start;
	int error = 0;

	while (!(c->kind[ino] & (KIND_REACHED | KIND_CLIMBING))) {
		struct dir *dir = dir_find(c, ino);

		c->kind[ino] |= KIND_CLIMBING;
		if (!dir->parent) {
			error = lost_directory(c, dir);
			break;
		}
		ino = dir->parent;
		if (c->kind[ino] & KIND_CLIMBING) {
			error = cut_loop(c, dir_find(c, ino));
			break;
		}
	}
	for (ino = start; c->kind[ino] & KIND_CLIMBING;) {
		struct dir *dir = dir_find(c, ino);

		c->kind[ino] &= ~KIND_CLIMBING;
		c->kind[ino] |= KIND_REACHED;
		if (!dir->parent)
			break;
		ino = dir->parent;
	}
	return error;
}

static int check_parent(struct check *c, struct dir *dir)
{
	uint32_t right = dir->ino == INO_ROOT ? INO_ROOT : dir->parent;
	int error;

	if (!right || dir->dotdot == right)
		return 0;
	if (!problem(c, "dotdot-inode", SAFE, dir->ino, 0, "sets it",
		     "the entry '..' means inode %u, but the directory is in "
		     "inode %u",
		     dir->dotdot, right))
		return 0;
	error = dotdot_set(c, dir->ino, right);
	if (dir->dotdot && dir->dotdot <= c->inodes)
		c->seen[dir->dotdot]--;
	c->seen[right]++;
	dir->dotdot = right;
	return error;
}

int check_tree(struct check *c)
{
	uint32_t before = 0;
	int error = 0;

	if (!is_directory(c, INO_ROOT))
		return 0;
	check_progress(c, "tree", 0.92);
	c->kind[INO_ROOT] |= KIND_REACHED;
	// By number, as the table of directories grows by lost+found.
	for (size_t i = 0; !error && i < c->dir_count; i++) {
		uint32_t ino = c->dirs[i].ino;

		if (ino <= before)
			continue;
		before = ino;
		error = climb(c, ino);
	}
	for (size_t i = 0; !error && i < c->dir_count; i++)
		error = check_parent(c, &c->dirs[i]);
	return error;
}

// ## Links

static int lost_file(struct check *c, uint32_t ino, struct disk_inode *inode)
{
	bool empty = kind_of(get16(inode->i_mode)) == TYPE_REGULAR &&
		     !get32(inode->i_blocks);
	bool done;

	if (!problem(c, "inode-lost", SAFE, ino, 0,
		     empty ? "clears it: it is empty"
			   : "gives it a name in lost+found",
		     "no directory has a name for it"))
		return 0;
	if (empty) {
		inode_erase(c, inode);
		c->kind[ino] = 0;
		c->used_inodes--;
		return inode_write(c, ino, inode);
	}
	return lost_attach(c, ino, &done);
}

// With dir_nlink, a directory of too many directories says 1.
static bool many_links(const struct check *c, uint32_t ino)
{
	uint32_t features = get32(c->super.s_feature_ro_compat);

	return features & RO_COMPAT_DIR_NLINK && c->links[ino] == 1 &&
	       c->seen[ino] >= 65000 &&
	       (c->kind[ino] & KIND_TYPE) == TYPE_DIRECTORY;
}

static int check_link(struct check *c, uint32_t ino)
{
	struct disk_inode *inode = malloc(c->inode_bytes);
	int error = inode ? inode_read(c, ino, inode) : -ENOMEM;

	if (!error && !c->seen[ino] &&
	    (c->kind[ino] & KIND_TYPE) != TYPE_DIRECTORY)
		error = lost_file(c, ino, inode);
	if (!error && c->kind[ino] && c->seen[ino] &&
	    c->seen[ino] != c->links[ino] && !many_links(c, ino) &&
	    problem(c, "link-count", SAFE, ino, 0, "sets it",
		    "it is said to have %u links, but has %u", c->links[ino],
		    c->seen[ino])) {
		inode->i_links_count = put16(c->seen[ino]);
		error = inode_write(c, ino, inode);
	}
	free(inode);
	return error;
}

int check_links(struct check *c)
{
	int error = 0;

	if (!is_directory(c, INO_ROOT))
		return 0;
	check_progress(c, "links", 0.95);
	for (uint32_t ino = INO_ROOT; !error && ino <= c->inodes; ino++)
		if (c->links[ino] != c->seen[ino] && c->kind[ino] & KIND_TYPE)
			error = check_link(c, ino);
	return error;
}

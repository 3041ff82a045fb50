// check_inodes.c - each inode, field by field
//
// The tables are read in long pieces, group after group, whatever the bitmaps
// say. Most inodes of most tables are not in use: links and mode are looked at
// first, and nothing else of those. An inode counts as in use when it has links
// (as the kernel sees it); an inode without links but with a mode is a file that
// was deleted, and then it must have a time of deletion.
//
// The numbers below 11 are reserved: 1 lists bad blocks, 2 is the root, 7 holds
// the blocks for more descriptors, 8 the journal; the others are empty.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/ext2/check_parts.h"

enum { PIECE_BYTES = 64 << 10 };

static uint64_t inode_at(const struct check *c, uint32_t ino)
{
	uint32_t group = (ino - 1) / c->inodes_per_group;
	uint64_t index = (ino - 1) % c->inodes_per_group;

	return (uint64_t)c->groups[group].inode_table * c->block_bytes +
	       index * c->inode_bytes;
}

uint32_t inode_block(const struct check *c, uint32_t ino)
{
	uint64_t block;

	if (!c->groups || !ino || ino > c->inodes ||
	    (ino - 1) / c->inodes_per_group >= c->group_count)
		return 0;
	block = inode_at(c, ino) / c->block_bytes;
	return block < c->blocks ? (uint32_t)block : 0;
}

int inode_read(struct check *c, uint32_t ino, void *bytes)
{
	if (!ino || ino > c->inodes)
		return -EUCLEAN;
	return device_read(c->device, inode_at(c, ino), bytes, c->inode_bytes);
}

int inode_write(struct check *c, uint32_t ino, const void *bytes)
{
	if (!ino || ino > c->inodes)
		return -EUCLEAN;
	return device_write(c->device, inode_at(c, ino), bytes, c->inode_bytes);
}

typedef int each_inode(void *context, uint32_t ino, uint8_t *bytes,
		       bool *dirty);

static int each_of(struct check *c, uint32_t first, uint8_t *bytes, uint32_t n,
		   each_inode *each, void *context)
{
	uint32_t step = c->inode_bytes;

	for (uint32_t i = 0; i < n; i++, bytes += step) {
		const struct disk_inode *inode = (const void *)bytes;
		uint32_t ino = first + i;
		bool dirty = false;
		int status;

		if (!get16(inode->i_links_count) && !get16(inode->i_mode) &&
		    !get32(inode->i_dtime) && ino >= c->first_ino)
			continue;
		status = each(context, ino, bytes, &dirty);
		if (!status && dirty && c->o->repair)
			status = inode_write(c, ino, bytes);
		if (status)
			return status;
	}
	return 0;
}

int inodes_each(struct check *c, each_inode *each, void *context,
		const char *phase, double from, double to)
{
	uint8_t *piece = malloc(PIECE_BYTES);
	uint32_t most = PIECE_BYTES / c->inode_bytes;
	int status = piece ? 0 : -ENOMEM;

	for (uint32_t group = 0; !status && group < c->group_count; group++) {
		uint32_t first = group * c->inodes_per_group + 1;
		uint32_t n;

		if (phase)
			check_progress(c, phase,
				       from + (to - from) * group /
						       c->group_count);
		for (uint32_t i = 0; !status && i < c->inodes_per_group;
		     i += n) {
			n = c->inodes_per_group - i < most
				    ? c->inodes_per_group - i
				    : most;
			status = device_read(c->device, inode_at(c, first + i),
					     piece, (size_t)n * c->inode_bytes);
			if (!status)
				status = each_of(c, first + i, piece, n, each,
						 context);
		}
	}
	free(piece);
	return status;
}

enum entry_type kind_of(uint32_t mode)
{
	static const uint8_t kinds[16] = {
		[S_IFIFO >> 12] = TYPE_FIFO,
		[S_IFCHR >> 12] = TYPE_CHARACTER,
		[S_IFDIR >> 12] = TYPE_DIRECTORY,
		[S_IFBLK >> 12] = TYPE_BLOCK,
		[S_IFREG >> 12] = TYPE_REGULAR,
		[S_IFLNK >> 12] = TYPE_SYMLINK,
		[S_IFSOCK >> 12] = TYPE_SOCKET,
	};

	return kinds[mode >> 12 & 15];
}

uint64_t inode_size(const struct disk_inode *inode)
{
	return get32(inode->i_size) | (uint64_t)get32(inode->i_size_high) << 32;
}

void inode_erase(struct check *c, struct disk_inode *inode)
{
	inode->i_links_count = put16(0);
	inode->i_dtime = put32((uint32_t)c->now);
	inode->i_flags = put32(0);
}

// ## Fields that every inode has

static void zero_field(struct check *c, uint32_t ino, void *field, size_t n,
		       const char *name, bool *dirty)
{
	static const uint8_t zeros[4];

	if (!memcmp(field, zeros, n) ||
	    !problem(c, "inode-field", SAFE, ino, 0, "sets it to 0",
		     "%s is not 0, which has no meaning here", name))
		return;
	memset(field, 0, n);
	*dirty = true;
}

static void check_flags(struct check *c, uint32_t ino, struct disk_inode *inode,
			bool *dirty)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} unknown[] = {
		{ 0x200, "compressed blocks" },
		{ 0x800, "encryption" },
		{ 0x2000, "AFS" },
		{ INODE_EXTENTS, "extents" },
		{ INODE_EA_INODE, "values of attributes" },
		{ INODE_INLINE_DATA, "data inside" },
		{ 0x40000000, "names without case" },
		{ INODE_HUGE_FILE, "sizes counted in blocks" },
		{ 0x100000, "verity" },
	};
	uint32_t flags = get32(inode->i_flags);

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		if (!(flags & unknown[i].flag) ||
		    !problem(c, "inode-flags", 0, ino, 0, "clears the flag",
			     "its flags promise %s, which this file system "
			     "does not have",
			     unknown[i].name))
			continue;
		flags &= ~unknown[i].flag;
		inode->i_flags = put32(flags);
		*dirty = true;
	}
	if (!(flags & INODE_INDEX) ||
	    (c->has_index && kind_of(get16(inode->i_mode)) == TYPE_DIRECTORY))
		return;
	if (!problem(c, "inode-index", SAFE, ino, 0, "clears the flag",
		     "it is said to have an index of names, but is %s",
		     c->has_index ? "no directory"
				  : "in a file system without them"))
		return;
	inode->i_flags = put32(flags & ~INODE_INDEX);
	*dirty = true;
}

static bool time_strange(le32 seconds, le32 extra)
{
	return get32(seconds) >> 31 && (get32(extra) & 3) == 3;
}

// What lies behind byte 128.
static void check_extra(struct check *c, uint32_t ino, struct disk_inode *inode,
			bool *dirty)
{
	uint32_t most = c->inode_bytes - INODE_BYTES_OLD, n;
	uint32_t want = get16(c->super.s_want_extra_isize);

	if (!most)
		return;
	n = get16(inode->i_extra_isize);
	if (n && (n < 4 || n > most || n & 3) &&
	    problem(c, "inode-extra", SAFE, ino, 0, "sets it",
		    "its fields behind byte 128 are said to take %u bytes",
		    n)) {
		if (want < 4 || want > most || want & 3)
			want = INODE_EXTRA;
		inode->i_extra_isize = put16(want);
		*dirty = true;
		n = want;
	}
	if (n < 20 || n > most)
		return;
	// Before 1970 and after 2310 at once: what older kernels wrote on
	// 64-bit machines for times before 1970.
	le32 *times[3][2] = {
		{ &inode->i_atime, &inode->i_atime_extra },
		{ &inode->i_ctime, &inode->i_ctime_extra },
		{ &inode->i_mtime, &inode->i_mtime_extra },
	};
	bool strange = false;

	for (int i = 0; i < 3; i++)
		strange |= time_strange(*times[i][0], *times[i][1]);
	if (n >= 24)
		strange |= time_strange(inode->i_crtime, inode->i_crtime_extra);
	if (!strange ||
	    !problem(c, "inode-time", SAFE, ino, 0, "makes it one before 1970",
		     "one of its times lies between 2310 and 2378: "
		     "it was written wrongly"))
		return;
	for (int i = 0; i < 3; i++)
		if (time_strange(*times[i][0], *times[i][1]))
			*times[i][1] = put32(get32(*times[i][1]) & ~3u);
	if (n >= 24 && time_strange(inode->i_crtime, inode->i_crtime_extra))
		inode->i_crtime_extra = put32(get32(inode->i_crtime_extra) &
					      ~3u);
	*dirty = true;
}

int inode_fields(struct check *c, uint32_t ino, struct disk_inode *inode,
		 bool *dirty)
{
	zero_field(c, ino, &inode->i_faddr, 4, "i_faddr", dirty);
	zero_field(c, ino, &inode->i_blocks_high, 2, "i_blocks_high", dirty);
	zero_field(c, ino, &inode->i_file_acl_high, 2, "i_file_acl_high",
		   dirty);
	if (kind_of(get16(inode->i_mode)) == TYPE_DIRECTORY)
		zero_field(c, ino, &inode->i_size_high, 4, "i_size_high",
			   dirty);
	if (get32(inode->i_flags) & ~(0xffu | INODE_DIRSYNC | INODE_TOPDIR))
		check_flags(c, ino, inode, dirty);
	check_extra(c, ino, inode, dirty);
	return 0;
}

// ## Reserved ones

static bool has_content(const struct disk_inode *inode)
{
	for (int i = 0; i < BLOCK_POINTERS; i++)
		if (get32(inode->i_block[i]))
			return true;
	return get16(inode->i_mode) || get16(inode->i_links_count) ||
	       get32(inode->i_blocks) || get32(inode->i_file_acl) ||
	       get32(inode->i_flags) || get32(inode->i_dtime) ||
	       inode_size(inode);
}

static int bad_blocks_inode(struct check *c, struct disk_inode *inode,
			    bool *dirty)
{
	uint32_t ino = INO_BAD_BLOCKS;

	if ((get16(inode->i_mode) || get16(inode->i_uid) ||
	     get16(inode->i_gid) || get16(inode->i_links_count) ||
	     get32(inode->i_flags) || get32(inode->i_dtime) ||
	     get32(inode->i_file_acl)) &&
	    problem(c, "bad-blocks-inode", SAFE, ino, 0, "clears these fields",
		    "the list of bad blocks has a mode, owner, links, flags or "
		    "attributes")) {
		inode->i_mode = inode->i_uid = inode->i_gid = put16(0);
		inode->i_links_count = put16(0);
		inode->i_flags = inode->i_dtime = put32(0);
		inode->i_file_acl = put32(0);
		*dirty = true;
	}
	return map_check(c, ino, inode, dirty);
}

static int reserved_inode(struct check *c, uint32_t ino,
			  struct disk_inode *inode, bool *dirty)
{
	c->kind[ino] = KIND_RESERVED;
	if (ino == INO_BAD_BLOCKS)
		return bad_blocks_inode(c, inode, dirty);
	if (ino == INO_RESIZE && c->has_resize) {
		c->large |= inode_size(inode) > INT32_MAX;
		return resize_check(c, ino, inode, dirty);
	}
	if (ino == INO_JOURNAL && c->has_journal) {
		zero_field(c, ino, &inode->i_file_acl, 4, "i_file_acl", dirty);
		return map_check(c, ino, inode, dirty);
	}
	if (has_content(inode) &&
	    problem(c, "reserved-inode", 0, ino, 0, "clears it",
		    "it is reserved, and should be empty")) {
		memset(inode, 0, c->inode_bytes);
		*dirty = true;
	}
	return 0;
}

// ## One inode

static bool looks_like_root(struct check *c, const struct disk_inode *inode)
{
	const struct disk_entry *dot = (const void *)c->block;

	return block_valid(c, get32(inode->i_block[0])) &&
	       !check_read(c, get32(inode->i_block[0]), c->block) &&
	       get32(dot->inode) == INO_ROOT && dot->name_len == 1 &&
	       dot->name[0] == '.';
}

// Without a root nothing has a path: it is kept wherever it can be known again.
static bool root_kept(struct check *c, struct disk_inode *inode, bool *dirty)
{
	uint32_t mode = get16(inode->i_mode);
	bool looks = looks_like_root(c, inode);

	if (kind_of(mode) == TYPE_DIRECTORY)
		return get16(inode->i_links_count) || looks;
	if (!mode && !get16(inode->i_links_count) && !looks)
		return false; // empty: root_check tells of it
	if (!problem(c, "root-mode", 0, INO_ROOT, 0,
		     looks ? "makes it a directory again" : "clears it",
		     "it is not a directory (mode 0%o)", mode))
		return false;
	*dirty = true;
	if (!looks) {
		memset(inode, 0, c->inode_bytes);
		return false;
	}
	inode->i_mode = put16(S_IFDIR | (mode & 0111 ? mode & 07777 : 0755));
	return true;
}

static bool clock_was_wrong(const struct check *c, le32 seconds)
{
	return get32(seconds) && get32(seconds) < c->inodes;
}

// Times of deletion this small are inode numbers: the list of orphans goes
// through this field. Not where the clock was wrong when the image was used.
static bool is_list_link(const struct check *c, uint32_t dtime)
{
	return dtime && dtime < c->inodes &&
	       !clock_was_wrong(c, c->super.s_wtime) &&
	       !clock_was_wrong(c, c->super.s_mtime) &&
	       !clock_was_wrong(c, c->super.s_mkfs_time);
}

// True: it is in use.
static bool check_dtime(struct check *c, uint32_t ino, struct disk_inode *inode,
			bool *dirty)
{
	uint32_t dtime = get32(inode->i_dtime);
	bool used = get16(inode->i_links_count) || ino == INO_ROOT;

	if (is_list_link(c, dtime)) {
		if (problem(c, "inode-orphan", SAFE, ino, 0,
			    used ? "takes it out" : "sets the time to now",
			    "it is left over from the list of orphans "
			    "(time of deletion %u)",
			    dtime)) {
			inode->i_dtime = put32(used ? 0 : (uint32_t)c->now);
			*dirty = true;
		}
	} else if (used == !!dtime) {
		if (problem(c, "inode-dtime", SAFE, ino, 0,
			    used ? "clears it" : "sets it to now",
			    used ? "it is in use, but has a time of deletion"
				 : "it is deleted, but has no time of "
				   "deletion")) {
			inode->i_dtime = put32(used ? 0 : (uint32_t)c->now);
			*dirty = true;
		}
	}
	return used;
}

static int note_dir(struct check *c, uint32_t ino,
		    const struct disk_inode *inode)
{
	if (!check_room(&c->dirs, &c->dir_room, c->dir_count, sizeof *c->dirs))
		return -ENOMEM;
	c->dirs[c->dir_count++] = (struct dir){ .ino = ino };
	if (get32(inode->i_flags) & INODE_INDEX)
		c->kind[ino] |= KIND_INDEXED;
	return 0;
}

static int used_inode(struct check *c, uint32_t ino, struct disk_inode *inode,
		      bool *dirty)
{
	enum entry_type kind;
	int error = kind_check(c, ino, inode, dirty);

	kind = kind_of(get16(inode->i_mode));
	if (error || !kind || (!get16(inode->i_links_count) && ino != INO_ROOT))
		return error;
	c->kind[ino] = kind;
	c->links[ino] = get16(inode->i_links_count);
	c->used_inodes++;
	inode_fields(c, ino, inode, dirty);
	if (kind == TYPE_DIRECTORY)
		error = note_dir(c, ino, inode);
	if (!error && c->inode_bytes > INODE_BYTES_OLD)
		error = xattr_in_inode(c, ino, inode, dirty);
	if (!error && get32(inode->i_file_acl))
		error = xattr_claim(c, ino, inode, dirty);
	if (!error)
		error = map_check(c, ino, inode, dirty);
	if (kind == TYPE_REGULAR && inode_size(inode) > INT32_MAX)
		c->large = true;
	return error;
}

static int check_inode(void *context, uint32_t ino, uint8_t *bytes, bool *dirty)
{
	struct check *c = context;
	struct disk_inode *inode = (void *)bytes;

	if (ino != INO_ROOT && ino < c->first_ino)
		return reserved_inode(c, ino, inode, dirty);
	if (ino == INO_ROOT && !root_kept(c, inode, dirty))
		return 0;
	if (!check_dtime(c, ino, inode, dirty))
		return 0;
	return used_inode(c, ino, inode, dirty);
}

static void numbers(struct check *c)
{
	struct check_result *r = c->result;

	r->inodes = c->inodes;
	r->used_inodes = c->used_inodes + c->first_ino - 2;
	r->directories = (uint32_t)c->dir_count;
	r->blocks = c->blocks;
	r->files = r->links = 0;
	for (uint32_t i = INO_ROOT; i <= c->inodes; i++) {
		r->files += (c->kind[i] & KIND_TYPE) == TYPE_REGULAR;
		r->links += (c->kind[i] & KIND_TYPE) == TYPE_SYMLINK;
	}
}

// Features need revision 1; what their words hold before that means nothing.
static void large_files(struct check *c)
{
	struct disk_super *s = &c->super;
	bool old = !get32(s->s_rev_level);

	if (!old && get32(s->s_feature_ro_compat) & RO_COMPAT_LARGE_FILE)
		return;
	if (!problem(c, "super-large-file", SAFE, 0, 0,
		     old ? "makes it revision 1, and sets the feature"
			 : "sets the feature",
		     "There are files of 2 GiB and more, but the superblock "
		     "lacks the feature large_file"))
		return;
	if (old) {
		s->s_rev_level = put32(1);
		s->s_first_ino = put32(INO_FIRST);
		s->s_inode_size = put16(INODE_BYTES_OLD);
		s->s_feature_compat = s->s_feature_incompat = put32(0);
		s->s_feature_ro_compat = put32(0);
	}
	s->s_feature_ro_compat = put32(get32(s->s_feature_ro_compat) |
				       RO_COMPAT_LARGE_FILE);
	c->super_dirty = true;
}

int check_inodes(struct check *c)
{
	int error;

	c->result->fragmented = 0;
	error = inodes_each(c, check_inode, c, "inodes", 0, 0.5);
	if (!error && c->large)
		large_files(c);
	numbers(c);
	return error;
}

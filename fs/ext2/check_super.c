// check_super.c - the superblock, or one of its copies
//
// Everything hangs on these few numbers: block size, blocks and inodes a group.
// They are believed when they agree with each other, with the size of the device,
// and when they lead to a root directory: the descriptor of group 0 (or the place
// where mke2fs puts the table) must hold an inode 2 that is a directory whose
// first entry is "." and says 2. A number that is possible and wrong fails there.
//
// Where the superblock at byte 1024 fails, its copies are tried: for each block
// size the groups 1, 3, 5, 7, 9 ... as mke2fs lays them out, the same with the
// group size that the first superblock says, and group 1 wherever any group size
// would put it. The first copy that leads to a root is taken.
//
// If there is none (an image of one group has no copy), the superblock is mended:
// what is wrong may follow from the rest (sizes in blocks from the device, inodes
// from groups). The root directory, and that all descriptors are possible, are the
// proof. Then a copy that leads to no root is better than none; and if the first
// superblock agrees with itself, it is the root that is damaged.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/ext2/check_parts.h"

enum { LOG_MOST = 6 };

uint32_t super_unknown(const struct disk_super *s, int *word)
{
	const uint32_t unknown[3] = {
		get32(s->s_feature_compat) & ~ext2_checked[0],
		get32(s->s_feature_incompat) & ~ext2_checked[1],
		get32(s->s_feature_ro_compat) & ~ext2_checked[2],
	};

	if (!get32(s->s_rev_level))
		return 0;
	for (*word = 1; *word != 4; ++*word)
		if (unknown[*word % 3]) {
			*word %= 3;
			return unknown[*word] & -unknown[*word];
		}
	return 0;
}

static uint32_t groups_of(const struct disk_super *s)
{
	uint32_t blocks = get32(s->s_blocks_count);
	uint32_t first = get32(s->s_first_data_block);
	uint32_t each = get32(s->s_blocks_per_group);

	return (blocks - first - 1) / each + 1;
}

// The first thing that cannot be, or NULL.
static const char *fault_of(const struct disk_super *s)
{
	uint32_t log = get32(s->s_log_block_size), bytes, inode_bytes;

	if (get16(s->s_magic) != EXT2_MAGIC)
		return "its magic number is wrong";
	if (get32(s->s_rev_level) > 1)
		return "its revision is not known";
	if (log > LOG_MOST)
		return "its block size is not possible";
	bytes = 1024 << log;
	if (get32(s->s_log_cluster_size) != log)
		return "its cluster size differs from its block size";
	if (get32(s->s_first_data_block) != (log == 0))
		return "its first data block is not that of its block size";
	if (get32(s->s_blocks_per_group) < 256 ||
	    get32(s->s_blocks_per_group) > 8 * bytes ||
	    get32(s->s_blocks_per_group) % 8)
		return "its group size is not possible";
	if (get32(s->s_clusters_per_group) != get32(s->s_blocks_per_group))
		return "its group sizes in clusters and in blocks differ";
	inode_bytes = get32(s->s_rev_level) ? get16(s->s_inode_size)
					    : INODE_BYTES_OLD;
	if (inode_bytes < INODE_BYTES_OLD || inode_bytes > bytes ||
	    inode_bytes & (inode_bytes - 1))
		return "its inode size is not possible";
	if (get32(s->s_inodes_per_group) < bytes / inode_bytes ||
	    get32(s->s_inodes_per_group) > 8 * bytes ||
	    get32(s->s_inodes_per_group) % 8)
		return "its number of inodes in a group is not possible";
	if (get32(s->s_blocks_count) < 8)
		return "its number of blocks is not possible";
	if ((uint64_t)groups_of(s) * get32(s->s_inodes_per_group) !=
	    get32(s->s_inodes_count))
		return "its number of inodes is not that of its groups";
	if (get16(s->s_reserved_gdt_blocks) > bytes / 4)
		return "it reserves too many blocks for descriptors";
	if (get32(s->s_rev_level) &&
	    (get32(s->s_first_ino) < INO_FIRST ||
	     get32(s->s_first_ino) > get32(s->s_inodes_count)))
		return "its first inode that is not reserved is not possible";
	return NULL;
}

void super_geometry(struct check *c)
{
	const struct disk_super *s = &c->super;
	bool dynamic = get32(s->s_rev_level);
	uint32_t compat = dynamic ? get32(s->s_feature_compat) : 0;
	uint32_t incompat = dynamic ? get32(s->s_feature_incompat) : 0;

	c->block_bytes = 1024u << get32(s->s_log_block_size);
	c->blocks = get32(s->s_blocks_count);
	c->first_data = get32(s->s_first_data_block);
	c->inodes = get32(s->s_inodes_count);
	c->inode_bytes = dynamic ? get16(s->s_inode_size) : INODE_BYTES_OLD;
	c->first_ino = dynamic ? get32(s->s_first_ino) : INO_FIRST;
	c->blocks_per_group = get32(s->s_blocks_per_group);
	c->inodes_per_group = get32(s->s_inodes_per_group);
	c->group_count = groups_of(s);
	c->pointers = c->block_bytes / 4;
	c->table_blocks = ((uint64_t)c->inodes_per_group * c->inode_bytes +
			   c->block_bytes - 1) /
			  c->block_bytes;
	c->desc_blocks =
		((uint64_t)c->group_count * GROUP_BYTES + c->block_bytes - 1) /
		c->block_bytes;
	c->filetype = incompat & INCOMPAT_FILETYPE;
	c->has_index = compat & COMPAT_DIR_INDEX;
	c->has_journal = compat & COMPAT_HAS_JOURNAL;
	c->has_resize = compat & COMPAT_RESIZE_INODE;
	c->reserved_gdt = c->has_resize ? get16(s->s_reserved_gdt_blocks) : 0;
}

// Each group has room for what it must hold.
static bool groups_hold(const struct check *c)
{
	uint32_t last = c->group_count - 1;

	for (uint32_t group = 0; group <= last; group += last ? last : 1) {
		uint64_t need = (uint64_t)group_super_blocks(c, group) + 2 +
				c->table_blocks;

		if (group_start(c, group) + need > group_end(c, group))
			return false;
	}
	return true;
}

static bool fits(const struct check *c)
{
	return c->blocks <= c->device->bytes / c->block_bytes;
}

bool root_at(const struct check *t, uint64_t table)
{
	struct disk_inode inode;
	uint8_t entry[12];
	uint64_t at = table * t->block_bytes + t->inode_bytes;

	if (!table || at > t->device->bytes ||
	    device_read(t->device, at, &inode, INODE_BYTES_OLD) ||
	    kind_of(get16(inode.i_mode)) != TYPE_DIRECTORY ||
	    get32(inode.i_block[0]) >= t->blocks ||
	    device_read(t->device,
			(uint64_t)get32(inode.i_block[0]) * t->block_bytes,
			entry, sizeof entry))
		return false;
	return entry[0] == INO_ROOT && !entry[1] && !entry[2] && !entry[3] &&
	       entry[4] == 12 && entry[6] == 1 && entry[8] == '.';
}

static struct place place_said(const struct disk_group *group)
{
	return (struct place){
		.block_bitmap = get32(group->bg_block_bitmap),
		.inode_bitmap = get32(group->bg_inode_bitmap),
		.inode_table = get32(group->bg_inode_table),
	};
}

// Descriptor 0, and whether what it says is possible.
static bool first_group(const struct check *t, struct place *place, bool *sound)
{
	struct disk_group group;
	uint32_t block;

	if (device_read(t->device, (t->first_data + 1ull) * t->block_bytes,
			&group, GROUP_BYTES))
		return false;
	*place = place_said(&group);
	*sound = !group_fault(t, 0, place, &block);
	return true;
}

// How many of the first descriptors are not possible in this geometry.
static uint32_t misplaced_groups(const struct check *c,
				 const struct disk_super *s)
{
	struct check t = *c;
	uint32_t faults = 0, ignored;

	t.super = *s;
	super_geometry(&t);
	for (uint32_t i = 0; i < t.group_count; i++) {
		struct disk_group group;
		struct place place;

		if (device_read(t.device,
				(t.first_data + 1ull) * t.block_bytes +
					(uint64_t)i * GROUP_BYTES,
				&group, GROUP_BYTES))
			return t.group_count;
		place = place_said(&group);
		faults += group_fault(&t, i, &place, &ignored) != NULL;
	}
	return faults;
}

// For the number of blocks reserved: as many as there are before the first of the
// first group's bitmaps and table. More than it says now: false.
static bool less_reserved(const struct check *c, struct disk_super *s)
{
	struct check t = *c;
	uint32_t first, end;
	struct place place;
	bool sound;

	t.super = *s;
	super_geometry(&t);
	first = t.first_data + 1 + t.desc_blocks;
	if (!t.has_resize || !first_group(&t, &place, &sound))
		return false;
	end = place.block_bitmap < place.inode_bitmap ? place.block_bitmap
						      : place.inode_bitmap;
	if (place.inode_table < end)
		end = place.inode_table;
	if (end < first || end - first >= t.reserved_gdt)
		return false;
	s->s_reserved_gdt_blocks = put16(end - first);
	return true;
}

static bool leads_to_root(struct check *c, const struct disk_super *s)
{
	struct check t = *c;
	struct place said, place;
	bool sound;

	if (fault_of(s))
		return false;
	t.super = *s;
	super_geometry(&t);
	if (!groups_hold(&t))
		return false;
	if (!first_group(&t, &said, &sound))
		return false;
	group_layout(&t, 0, &place);
	return (sound && root_at(&t, said.inode_table)) ||
	       root_at(&t, place.inode_table);
}

bool super_sane(const struct check *c, const struct disk_super *s)
{
	struct check t = *c;

	if (fault_of(s))
		return false;
	t.super = *s;
	super_geometry(&t);
	return groups_hold(&t) && fits(&t);
}

// ## Copies

static bool holds_copy(uint32_t group)
{
	for (uint32_t base = 3; base <= 7; base += 2) {
		uint64_t power = 1;

		while (power < group)
			power *= base;
		if (power == group)
			return true;
	}
	return false;
}

bool group_holds_super(const struct check *c, uint32_t group)
{
	if (!group || !get32(c->super.s_rev_level) ||
	    !(get32(c->super.s_feature_ro_compat) & RO_COMPAT_SPARSE_SUPER))
		return true;
	return holds_copy(group);
}

static int copy_at(struct check *c, uint64_t at, uint32_t log,
		   struct disk_super *copy, bool *good)
{
	int error;

	*good = false;
	if (at + SUPER_BYTES > c->device->bytes)
		return 0;
	error = device_read(c->device, at, copy, SUPER_BYTES);
	*good = !error && get32(copy->s_log_block_size) == log &&
		super_sane(c, copy);
	return error;
}

// Looks through the places of one block and group size for the best copy: one
// that leads to a root, else (if `any`) one that is sane.
static int look(struct check *c, uint32_t log, uint32_t each, bool any,
		struct disk_super *copy, uint64_t *found)
{
	uint64_t bytes = 1024ull << log;

	for (uint32_t group = 1; group < 4096; group++) {
		uint64_t at = ((uint64_t)group * each + !log) * bytes;
		bool good;
		int error;

		if (at > c->device->bytes)
			break;
		if (!holds_copy(group))
			continue;
		error = copy_at(c, at, log, copy, &good);
		if (error)
			return error;
		if (good && (any || leads_to_root(c, copy))) {
			*found = at;
			return 0;
		}
	}
	return 0;
}

static int find_copy(struct check *c, const struct disk_super *first, bool any,
		     struct disk_super *copy, uint64_t *found)
{
	uint32_t said = get32(first->s_blocks_per_group);
	int error = 0;

	*found = 0;
	for (uint32_t log = 0; !error && !*found && log <= LOG_MOST; log++) {
		error = look(c, log, 8192u << log, any, copy, found);
		if (!error && !*found && said >= 256 && said < 8192u << log)
			error = look(c, log, said, any, copy, found);
	}
	return error;
}

// The copy of group 1, of whatever group size: 130,000 short reads at most.
static int look_everywhere(struct check *c, bool any, struct disk_super *copy,
			   uint64_t *found)
{
	for (uint32_t log = 0; log <= LOG_MOST; log++)
		for (uint32_t each = 256; each <= 8192u << log; each += 8) {
			uint64_t at = ((uint64_t)each + !log) << (10 + log);
			bool good;
			int error;

			if (at >= c->device->bytes)
				break;
			error = copy_at(c, at, log, copy, &good);
			if (error)
				return error;
			if (good && get32(copy->s_blocks_per_group) == each &&
			    get16(copy->s_block_group_nr) == 1 &&
			    (any || leads_to_root(c, copy))) {
				*found = at;
				return 0;
			}
		}
	return 0;
}

// With --superblock: this one or none.
static int given_copy(struct check *c, struct disk_super *copy, uint64_t *found)
{
	for (uint32_t log = 0; log <= LOG_MOST; log++) {
		uint64_t at = c->o->super_block * (1024ull << log);
		bool good;
		int error;

		if (c->o->block_bytes && c->o->block_bytes != 1024u << log)
			continue;
		error = copy_at(c, at, log, copy, &good);
		if (error)
			return error;
		if (good) {
			*found = at;
			return 0;
		}
	}
	return -EINVAL;
}

// ## Mending one that has no copy

// One try of many: the numbers that cannot be read are put together in some way.
// `kept`: those of blocks and inodes stay as they are.
static bool mend_so(struct check *c, struct disk_super *s, uint32_t log,
		    uint32_t each, uint32_t inode_bytes, bool kept)
{
	uint64_t blocks = c->device->bytes / (1024ull << log);
	uint32_t groups, inodes = get32(s->s_inodes_count);

	s->s_magic = put16(EXT2_MAGIC);
	s->s_log_block_size = s->s_log_cluster_size = put32(log);
	s->s_first_data_block = put32(!log);
	s->s_rev_level = put32(1);
	if (!kept)
		s->s_blocks_count = put32(blocks > UINT32_MAX ? UINT32_MAX
							      : blocks);
	s->s_blocks_per_group = s->s_clusters_per_group = put32(each);
	s->s_inode_size = put16(inode_bytes);
	s->s_first_ino = put32(INO_FIRST);
	if (!each || get32(s->s_blocks_count) < 8)
		return false;
	groups = groups_of(s);
	if (kept && !(inodes % groups))
		s->s_inodes_per_group = put32(inodes / groups);
	if (!kept)
		s->s_inodes_count =
			put32(groups * get32(s->s_inodes_per_group));
	if (get16(s->s_reserved_gdt_blocks) > 256u << log)
		s->s_reserved_gdt_blocks = put16(256u << log);
	if (fault_of(s))
		return false;
	less_reserved(c, s);
	return super_sane(c, s);
}

// How numbers that were put together prove themselves. Those of blocks and inodes
// are rather kept than counted anew.
enum proof {
	PROOF_ALL,    // they lead to a root, and to all bitmaps and tables
	PROOF_ROOT,   // to a root
	PROOF_GROUPS, // to all bitmaps and tables; where the root may be gone
};

static bool proven(struct check *c, const struct disk_super *s,
		   enum proof proof)
{
	if (proof != PROOF_GROUPS && !leads_to_root(c, s))
		return false;
	return proof == PROOF_ROOT || !misplaced_groups(c, s);
}

static bool mend(struct check *c, struct disk_super *s, enum proof proof)
{
	const struct disk_super old = *s;
	const uint32_t inode_bytes[] = { get16(old.s_inode_size), 256, 128, 512,
					 1024 };
	enum {
		LOGS = LOG_MOST + 1,
		EACHS = 3,
		SIZES = 5,
		TRIES = LOGS * EACHS * SIZES
	};

	for (uint32_t i = 0; i < (proof == PROOF_GROUPS ? 1 : 2) * TRIES; i++) {
		uint32_t log = get32(old.s_log_block_size) + i / SIZES / EACHS;
		uint32_t each[] = { get32(old.s_blocks_per_group),
				    get32(old.s_clusters_per_group),
				    8192u << log % LOGS };

		*s = old;
		if (mend_so(c, s, log % LOGS, each[i / SIZES % EACHS],
			    inode_bytes[i % SIZES], i < TRIES) &&
		    proven(c, s, proof))
			return true;
	}
	*s = old;
	return false;
}

// ## Choosing

static bool first_is_good(struct check *c)
{
	int word;

	return super_sane(c, &c->super) && !super_unknown(&c->super, &word) &&
	       leads_to_root(c, &c->super);
}

static bool take(struct check *c, const struct disk_super *copy, uint64_t at)
{
	const char *why = fault_of(&c->super);
	int word;
	char mended[] = "mends its fields", restored[96];

	snprintf(restored, sizeof restored, "restores it from block %llu",
		 (unsigned long long)(at >>
				      (10 + get32(copy->s_log_block_size))));
	if (!why && super_unknown(&c->super, &word))
		why = "it has features that its copies do not have";
	if (!why && first_is_good(c))
		why = "it is not of the same shape as the copy";
	if (!why)
		why = "its numbers do not lead to where things are";
	bool fix = problem(c, "super", 0, 0, 0, at ? restored : mended,
			   "The superblock at byte 1024 is damaged: %s", why);

	c->super = *copy;
	c->super.s_block_group_nr = put16(0);
	c->super_dirty = fix;
	c->super_kept = !fix;
	c->source = at ? at : SUPER_OFFSET;
	return fix;
}

// A device that ends before the file system does: fewer blocks, so fewer groups.
static int shrink(struct check *c)
{
	struct disk_super *s = &c->super;
	uint64_t have = c->device->bytes /
			(1024u << get32(s->s_log_block_size));
	uint64_t said = get32(s->s_blocks_count);
	struct check t = *c;

	t.super.s_blocks_count = put32((uint32_t)have);
	if (have < 64)
		return -EINVAL;
	super_geometry(&t);
	while (t.group_count > 1 && !groups_hold(&t)) {
		t.super.s_blocks_count =
			put32(t.first_data +
			      (t.group_count - 1) * t.blocks_per_group);
		super_geometry(&t);
	}
	if (!groups_hold(&t))
		return -EINVAL;
	t.super.s_inodes_count = put32(t.group_count * t.inodes_per_group);
	if (problem(c, "super-size", 0, 0, 0,
		    "makes the file system as small as the image",
		    "The superblock says %llu blocks, but the image has only "
		    "%llu: its end is missing",
		    (unsigned long long)said, (unsigned long long)have))
		c->super_dirty = true;
	else
		c->super_kept = true;
	c->super = t.super;
	return 0;
}

// Revision 0 has no features, yet whoever mounts it looks at their words. When
// they are all known, it is the revision that is wrong, else the words.
static void revision_check(struct check *c)
{
	struct disk_super *s = &c->super, one = *s;
	int word;

	if (get16(s->s_magic) != EXT2_MAGIC || get32(s->s_rev_level) ||
	    !(get32(s->s_feature_compat) | get32(s->s_feature_incompat) |
	      get32(s->s_feature_ro_compat)))
		return;
	one.s_rev_level = put32(1);
	if (super_unknown(&one, &word) || fault_of(&one)) {
		one = *s;
		one.s_feature_compat = one.s_feature_incompat = put32(0);
		one.s_feature_ro_compat = put32(0);
	}
	if (problem(c, "super-revision", 0, 0, 0,
		    get32(one.s_rev_level) ? "makes it revision 1"
					   : "clears the features",
		    "The superblock is of revision 0, but has features"))
		c->super_dirty = true;
	else
		c->super_kept = true;
	*s = one;
}

// A superblock whose numbers are possible and lead to a root, but not to all the
// bitmaps and tables: believed, unless a copy leads to all of them.
static int doubt(struct check *c)
{
	struct disk_super copy;
	uint64_t at = 0;
	int error = 0, word;

	if (misplaced_groups(c, &c->super))
		error = find_copy(c, &c->super, false, &copy, &at);
	if (!error && at && !super_unknown(&copy, &word) &&
	    !misplaced_groups(c, &copy))
		take(c, &copy, at);
	return error;
}

// Sane, but for the end of the device.
static bool first_is_cut(const struct check *c)
{
	struct check t = *c;

	if (fault_of(&c->super))
		return false;
	super_geometry(&t);
	return groups_hold(&t) && !fits(&t);
}

// The first one is possible, but does not lead to a root, or it is not possible. What
// is the best that there is instead? False: nothing. *at 0: the first, mended.
static int find_other(struct check *c, bool sane, struct disk_super *copy,
		      uint64_t *at, bool *found)
{
	int error = 0;

	*found = true;
	if (!*at && !sane)
		error = look_everywhere(c, false, copy, at);
	if (error || *at)
		return error;
	*copy = c->super;
	if (mend(c, copy, PROOF_ALL) || mend(c, copy, PROOF_ROOT))
		return 0;
	*found = false;
	if (sane)
		return 0;
	error = find_copy(c, &c->super, true, copy, at);
	if (!error && !*at)
		error = look_everywhere(c, true, copy, at);
	if (!*at)
		*copy = c->super;
	*found = *at || (!error && mend(c, copy, PROOF_GROUPS));
	return error;
}

static int not_found(const struct check *c)
{
	int word;

	return get16(c->super.s_magic) == EXT2_MAGIC &&
			       super_unknown(&c->super, &word)
		       ? -ENOTSUP
		       : -EINVAL;
}

static int find_damaged(struct check *c)
{
	bool sane = super_sane(c, &c->super), found;
	struct disk_super copy;
	uint64_t at;
	int word, error = find_copy(c, &c->super, false, &copy, &at);

	if (error)
		return error;
	if (!at && first_is_cut(c))
		return super_unknown(&c->super, &word) ? -ENOTSUP : shrink(c);
	if (sane && super_unknown(&c->super, &word) &&
	    (!at || super_unknown(&copy, &word)))
		return -ENOTSUP;
	error = find_other(c, sane, &copy, &at, &found);
	if (error)
		return error;
	if (!found) // it is the root that is damaged
		return sane ? 0 : not_found(c);
	if (super_unknown(&copy, &word))
		return -ENOTSUP;
	take(c, &copy, at);
	return 0;
}

// Where the first one is good and the copy agrees with it, the first is still the
// better: only there stand its counts, orphans and whether there is a log to play.
static int take_given(struct check *c, const struct disk_super *copy,
		      uint64_t at)
{
	if (!first_is_good(c) || !super_same_shape(&c->super, copy)) {
		take(c, copy, at);
		return 0;
	}
	revision_check(c);
	c->source = at;
	return 0;
}

int super_find(struct check *c)
{
	struct disk_super copy;
	uint64_t at = 0;
	int error;

	if (c->device->bytes < SUPER_OFFSET + SUPER_BYTES)
		return -EINVAL;
	error = device_read(c->device, SUPER_OFFSET, &c->super, SUPER_BYTES);
	if (error)
		return error;
	if (c->o->super_block && c->round == 1) {
		error = given_copy(c, &copy, &at);
		return error ? error : take_given(c, &copy, at);
	}
	revision_check(c);
	return first_is_good(c) ? doubt(c) : find_damaged(c);
}

bool super_is_plausible(struct check *c)
{
	return proven(c, &c->super, PROOF_ALL);
}

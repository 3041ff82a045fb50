// check_special.c - the journal
//
// It comes before all else, since it changes the rest: its transactions are
// replayed.
//
// A journal whose inode or superblock is damaged is of no use. The inode is taken
// from its copy in the superblock, if that leads to a journal; the journal's
// superblock is written anew (what the log held is lost). Where that is not
// possible the file system loses its journal for the moment, and is given an empty
// one in one piece once it is known which blocks are free: on a nearly full image
// it stays without.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/ext2/check_parts.h"
#include "fs/ext2/fs.h"

enum {
	JOURNAL_LEAST = 1024, // blocks
	INCOMPAT_LOG = JOURNAL_INCOMPAT_REVOKE | JOURNAL_INCOMPAT_64BIT |
		       JOURNAL_INCOMPAT_ASYNC_COMMIT | JOURNAL_INCOMPAT_CSUM_2 |
		       JOURNAL_INCOMPAT_CSUM_3,
};

static bool wants_replay(const struct check *c)
{
	return get32(c->super.s_feature_incompat) & INCOMPAT_RECOVER;
}

static void set_bits(le32 *field, uint32_t clear, uint32_t set)
{
	*field = put32((get32(*field) & ~clear) | set);
}

// ## The journal's inode

struct log_blocks {
	const struct check *c;
	uint64_t next; // logical
	uint32_t first;
	bool broken;
};

static int count_log(void *context, struct pointer *p)
{
	struct log_blocks *l = context;

	if (!block_valid(l->c, p->value) || block_is_metadata(l->c, p->value)) {
		l->broken = true;
		return MAP_STOP;
	}
	if (p->level)
		return 0;
	if (p->logical != l->next) {
		l->broken = true;
		return MAP_STOP;
	}
	if (!l->next++)
		l->first = p->value;
	return 0;
}

// NULL, or what is wrong with it; *first is the block of its superblock.
static const char *log_fault(struct check *c, struct disk_inode *inode,
			     uint32_t *first, uint64_t *blocks)
{
	struct log_blocks l = { .c = c };
	uint64_t size = inode_size(inode);
	bool dirty = false;

	*blocks = size / c->block_bytes;
	if (!get16(inode->i_links_count) ||
	    kind_of(get16(inode->i_mode)) != TYPE_REGULAR)
		return "it is not a file in use";
	if (*blocks < JOURNAL_LEAST || *blocks > c->blocks)
		return "its size is not possible";
	if (get32(inode->i_flags) & (INODE_EXTENTS | INODE_INLINE_DATA))
		return "its flags are not possible";
	if (map_walk(c, c->map, inode, &dirty, 0, count_log, &l) || l.broken ||
	    l.next < *blocks)
		return "its blocks are not all there";
	*first = l.first;
	return NULL;
}

static bool log_begins(struct check *c, uint32_t block)
{
	const struct disk_journal_super *s = (const void *)c->block;

	return !check_read(c, block, c->block) &&
	       get32_be(s->s_header.h_magic) == JOURNAL_MAGIC;
}

// The copy of i_block and size that the superblock keeps.
static bool inode_from_copy(struct check *c, struct disk_inode *inode)
{
	const struct disk_super *s = &c->super;
	uint32_t first;
	uint64_t blocks;

	if (s->s_jnl_backup_type != 1)
		return false;
	memset(inode, 0, c->inode_bytes);
	inode->i_mode = put16(S_IFREG | 0600);
	inode->i_links_count = put16(1);
	memcpy(inode->i_block, s->s_jnl_blocks, sizeof inode->i_block);
	inode->i_size_high = s->s_jnl_blocks[BLOCK_POINTERS];
	inode->i_size = s->s_jnl_blocks[BLOCK_POINTERS + 1];
	if (log_fault(c, inode, &first, &blocks) || !log_begins(c, first))
		return false;
	// i_blocks: data, and a block of the map for each so many.
	uint64_t map = 0,
		 left = blocks > BLOCKS_DIRECT ? blocks - BLOCKS_DIRECT : 0;

	if (left)
		map++;
	if (left > c->pointers)
		map += 1 + (left - 1) / c->pointers;
	inode->i_blocks =
		put32((uint32_t)((blocks + map) * (c->block_bytes / 512)));
	return true;
}

void journal_drop(struct check *c)
{
	struct disk_super *s = &c->super;

	set_bits(&s->s_feature_compat, COMPAT_HAS_JOURNAL, 0);
	set_bits(&s->s_feature_incompat, INCOMPAT_RECOVER, 0);
	s->s_journal_inum = s->s_journal_dev = put32(0);
	memset(s->s_journal_uuid, 0, sizeof s->s_journal_uuid);
	memset(s->s_jnl_blocks, 0, sizeof s->s_jnl_blocks);
	s->s_jnl_backup_type = 0;
	c->has_journal = false;
	c->super_dirty = true;
}

static int give_up_journal(struct check *c)
{
	uint8_t *zeros = calloc(1, c->inode_bytes);
	int error = zeros ? inode_write(c, INO_JOURNAL, zeros) : -ENOMEM;

	free(zeros);
	journal_drop(c);
	c->journal_lost = true;
	return error;
}

// ## Its superblock

static const char *log_super_fault(const struct check *c,
				   const struct disk_journal_super *s,
				   uint64_t blocks)
{
	uint32_t type = get32_be(s->s_header.h_blocktype);
	uint32_t most = get32_be(s->s_maxlen);

	if (get32_be(s->s_header.h_magic) != JOURNAL_MAGIC)
		return "its magic number is wrong";
	if (type != JOURNAL_SUPER_1 && type != JOURNAL_SUPER_2)
		return "its type is not that of a superblock";
	if (get32_be(s->s_blocksize) != c->block_bytes)
		return "its block size is not that of the file system";
	if (most > blocks || most < JOURNAL_LEAST)
		return "its length is not possible";
	if (!get32_be(s->s_first) || get32_be(s->s_first) >= most)
		return "the log's first block is not possible";
	if (get32_be(s->s_start) &&
	    (get32_be(s->s_start) < get32_be(s->s_first) ||
	     get32_be(s->s_start) >= most))
		return "the log's beginning is not possible";
	if (type == JOURNAL_SUPER_1) {
		const uint8_t *bytes = (const uint8_t *)s;

		for (size_t i = offsetof(struct disk_journal_super,
					 s_feature_compat);
		     i < sizeof *s; i++)
			if (bytes[i])
				return "it has fields of a later version";
		return NULL;
	}
	if (get32_be(s->s_nr_users) > 1)
		return "it is that of a journal of several file systems";
	if (get32_be(s->s_feature_incompat) & ~INCOMPAT_LOG ||
	    get32_be(s->s_feature_ro_compat) ||
	    get32_be(s->s_feature_compat) & ~1u)
		return "it has features that are not known";
	return NULL;
}

static int new_log_super(struct check *c, uint32_t block, uint64_t blocks)
{
	struct disk_journal_super *s = (void *)c->block;

	memset(c->block, 0, c->block_bytes);
	s->s_header.h_magic = put32_be(JOURNAL_MAGIC);
	s->s_header.h_blocktype = put32_be(JOURNAL_SUPER_2);
	s->s_blocksize = put32_be(c->block_bytes);
	s->s_maxlen = put32_be((uint32_t)blocks);
	s->s_first = put32_be(1);
	s->s_sequence = put32_be((uint32_t)c->now);
	s->s_nr_users = put32_be(1);
	memcpy(s->s_uuid, c->super.s_uuid, sizeof s->s_uuid);
	return check_write(c, block, c->block);
}

static int check_log_super(struct check *c, uint32_t block, uint64_t blocks)
{
	struct disk_journal_super *s = (void *)c->block;
	const char *why;
	int error = check_read(c, block, c->block);

	if (error)
		return error;
	why = log_super_fault(c, s, blocks);
	if (why) {
		if (!problem(c, "journal-super", 0, INO_JOURNAL, block,
			     "makes it anew: the log is empty then",
			     "the journal's superblock is damaged: %s", why))
			return 0;
		set_bits(&c->super.s_feature_incompat, INCOMPAT_RECOVER, 0);
		c->super_dirty = true;
		return new_log_super(c, block, blocks);
	}
	if (get32_be(s->s_start) && !wants_replay(c) &&
	    problem(c, "journal-flag", 0, INO_JOURNAL, block,
		    "sets the flag, so that they are replayed",
		    "the journal holds transactions, but the superblock lacks "
		    "the flag needs_recovery")) {
		set_bits(&c->super.s_feature_incompat, 0, INCOMPAT_RECOVER);
		c->super_dirty = true;
		error = super_write(c);
	}
	if (!error && get32_be(s->s_errno) &&
	    problem(c, "journal-error", SAFE, INO_JOURNAL, block, "clears it",
		    "the journal notes an error (%d)",
		    (int)get32_be(s->s_errno))) {
		s->s_errno = put32_be(0);
		error = check_write(c, block, c->block);
	}
	return error;
}

// ## Replay

static int empty_log(struct check *c, uint32_t block)
{
	struct disk_journal_super *s = (void *)c->block;
	int error = check_read(c, block, c->block);

	s->s_start = put32_be(0);
	s->s_sequence = put32_be(get32_be(s->s_sequence) + 1);
	set_bits(&c->super.s_feature_incompat, INCOMPAT_RECOVER, 0);
	c->super_dirty = true;
	return error ? error : check_write(c, block, c->block);
}

static bool log_waits(struct check *c, uint32_t block, int flags)
{
	return problem(c, "journal-replay", flags, INO_JOURNAL, block,
		       "replays it",
		       "the journal was not emptied: what "
		       "it holds belongs into its places");
}

static int replay(struct check *c, uint32_t block)
{
	uint64_t found;
	int error;

	if (c->o->repair ? !log_waits(c, block, SAFE) : !c->overlay)
		return 0;
	c->unclean = true;
	error = super_write(c);
	if (!error)
		error = journal_replay(c->device, &found);
	if (error == -EUCLEAN || error == -EINVAL || error == -ENOTSUP) {
		if (!problem(c, "journal-log", 0, INO_JOURNAL, block,
			     "empties it",
			     "the log is damaged and cannot be "
			     "replayed"))
			return 0;
		return empty_log(c, block);
	}
	if (error)
		return error;
	if (!c->o->repair)
		log_waits(c, block, SAFE | PENDING);
	return device_read(c->device, SUPER_OFFSET, &c->super, SUPER_BYTES);
}

// A file system without a journal says nothing of one.
static int check_no_journal(struct check *c)
{
	struct disk_super *s = &c->super;
	static const uint8_t none[16];

	if (!wants_replay(c) && !get32(s->s_journal_inum) &&
	    !get32(s->s_journal_dev) &&
	    !memcmp(s->s_journal_uuid, none, sizeof none))
		return 0;
	if (problem(c, "super-journal", 0, 0, 0, "clears these fields",
		    "The superblock speaks of a journal, but lacks the feature "
		    "has_journal"))
		journal_drop(c);
	return 0;
}

// The groups are needed for telling metadata from blocks of the log.
static int groups_for_now(struct check *c)
{
	const struct check_options quiet = { 0 };
	const struct check_options *asked = c->o;
	struct check_result ignored = { 0 }, *result = c->result;
	int error;

	c->o = &quiet;
	c->result = &ignored;
	error = groups_read(c);
	c->o = asked;
	c->result = result;
	return error;
}

static void forget_groups(struct check *c)
{
	free(c->groups);
	free(c->descs);
	free(c->named);
	c->groups = NULL;
	c->descs = NULL;
	c->named = NULL;
}

// What the superblock says beside the feature.
static void journal_fields(struct check *c)
{
	struct disk_super *s = &c->super;
	static const uint8_t none[16];

	if (get32(s->s_journal_inum) == INO_JOURNAL &&
	    !get32(s->s_journal_dev) &&
	    !memcmp(s->s_journal_uuid, none, sizeof none))
		return;
	if (!problem(c, "super-journal", 0, INO_JOURNAL, 0, "sets it",
		     "the superblock does not say that the journal is this "
		     "inode (it says %u, device 0x%x)",
		     get32(s->s_journal_inum), get32(s->s_journal_dev)))
		return;
	s->s_journal_inum = put32(INO_JOURNAL);
	s->s_journal_dev = put32(0);
	memset(s->s_journal_uuid, 0, sizeof s->s_journal_uuid);
	c->super_dirty = true;
}

static int check_inode_of_log(struct check *c, uint8_t *inode)
{
	uint32_t first = 0;
	uint64_t blocks = 0;
	const char *why;
	int error = inode_read(c, INO_JOURNAL, inode);

	if (error)
		return error;
	why = log_fault(c, (void *)inode, &first, &blocks);
	if (!why)
		journal_fields(c);
	if (why) {
		bool copy = inode_from_copy(c, (void *)inode);

		if (!problem(c, "journal-inode", 0, INO_JOURNAL, 0,
			     copy ? "restores it from its copy"
				  : "makes a new journal, as far as there is "
				    "room",
			     "the journal's inode is damaged: %s", why) &&
		    !(copy && c->overlay))
			return 0;
		if (!copy)
			return give_up_journal(c);
		error = inode_write(c, INO_JOURNAL, inode);
		log_fault(c, (void *)inode, &first, &blocks);
	}
	if (!error)
		error = check_log_super(c, first, blocks);
	if (!error && wants_replay(c))
		error = replay(c, first);
	return error;
}

int journal_check(struct check *c)
{
	uint8_t *inode;
	int error;

	if (!c->has_journal)
		return check_no_journal(c);
	if (get32(c->super.s_journal_dev) && !get32(c->super.s_journal_inum))
		return -ENOTSUP;
	inode = calloc(1, c->inode_bytes);
	error = inode ? groups_for_now(c) : -ENOMEM;
	if (!error)
		error = check_inode_of_log(c, inode);
	forget_groups(c);
	free(inode);
	// A log may hold another superblock than the one that led here.
	if (!error && !super_sane(c, &c->super))
		return -EUCLEAN;
	if (!error)
		super_geometry(c);
	return error;
}

// ## A new one

// The first of so many free blocks in a row; 0: there are none.
static uint32_t free_run(const struct check *c, uint32_t wanted)
{
	uint32_t n = 0;

	for (uint32_t block = c->first_data + 1; block < c->blocks; block++) {
		n = bit_get(c->used, block) ? 0 : n + 1;
		if (n == wanted)
			return block + 1 - wanted;
	}
	return 0;
}

static int fill_inode(struct check *c, struct disk_inode *inode, uint32_t first,
		      uint32_t blocks)
{
	uint32_t *data = calloc(blocks, sizeof *data);
	uint64_t size = (uint64_t)blocks * c->block_bytes;
	le32 now = put32((uint32_t)c->now);
	size_t map_used = 0;
	int error = data ? 0 : -ENOMEM;

	for (uint32_t i = 0; !error && i < blocks; i++) {
		data[i] = first + i;
		bit_set(c->used, first + i);
	}
	if (!error)
		error = map_build(c, inode, data, blocks, NULL, 0, &map_used);
	free(data);
	inode->i_mode = put16(S_IFREG | 0600);
	inode->i_links_count = put16(1);
	inode->i_atime = inode->i_ctime = inode->i_mtime = now;
	inode->i_size = put32((uint32_t)size);
	inode->i_size_high = put32((uint32_t)(size >> 32));
	inode->i_blocks =
		put32((uint32_t)((blocks + map_used) * (c->block_bytes / 512)));
	return error;
}

static void name_journal(struct check *c, const struct disk_inode *inode)
{
	struct disk_super *s = &c->super;

	set_bits(&s->s_feature_compat, 0, COMPAT_HAS_JOURNAL);
	s->s_journal_inum = put32(INO_JOURNAL);
	s->s_jnl_backup_type = 1;
	memcpy(s->s_jnl_blocks, inode->i_block, sizeof inode->i_block);
	s->s_jnl_blocks[BLOCK_POINTERS] = inode->i_size_high;
	s->s_jnl_blocks[BLOCK_POINTERS + 1] = inode->i_size;
	c->has_journal = true;
	c->super_dirty = true;
}

int journal_rebuild(struct check *c)
{
	uint64_t blocks = ext2_journal_blocks(c->blocks, c->block_bytes);
	struct disk_inode *inode;
	uint32_t first, map = (uint32_t)(blocks / c->pointers) + 3;
	int error;

	if (!c->journal_lost || !blocks)
		return 0;
	first = free_run(c, (uint32_t)blocks + map);
	if (!first)
		return 0;
	inode = calloc(1, c->inode_bytes);
	error = inode ? fill_inode(c, inode, first, (uint32_t)blocks) : -ENOMEM;
	if (!error)
		error = inode_write(c, INO_JOURNAL, inode);
	if (!error)
		error = new_log_super(c, first, blocks);
	if (!error)
		name_journal(c, inode);
	free(inode);
	return error;
}

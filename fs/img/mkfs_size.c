// # How large an image must be
//
// As small as the content allows means: exactly, to the block. So what each file
// will take is counted as the library will do it.
//
//     files        their blocks and those of the block map; where there are holes,
//                  only what they leave (SEEK_DATA, SEEK_HOLE of lseek(2))
//     directories  ext2_directory_blocks
//     symlinks     of 60 bytes and more: a block
//     attributes   what does not fit into an inode goes into a block, which is
//                  shared by files whose attributes are alike. Rules enough that
//                  they are not repeated here: the few files that may need a block
//                  get their attributes in a scratch image in memory, and its
//                  blocks are counted
//
// The metadata depend on the size, and not always in one direction: with one block
// more a last group becomes worth having, and takes its tables. So the number of
// groups is tried from below, and within a number of groups the least size is found
// by halving.
//
// A tree that does not fit is refused before anything is written, with the size
// that would do.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>

#include "fs/img/mkfs.h"
#include "must.h"

enum { BYTES_AN_INODE = 16 << 10, JOURNAL_LEAST = 1024 };

// ## Holes

static bool is_zero(const char *bytes, size_t n)
{
	return n == 0 || (bytes[0] == 0 && !memcmp(bytes, bytes + 1, n - 1));
}

// Blocks of `unit` bytes that are not all zeros.
static int each_full(int fd, uint64_t begin, uint64_t from, uint64_t end,
		     uint32_t unit,
		     int (*each)(void *context, uint64_t from, uint64_t n),
		     void *context)
{
	enum { CHUNK = 64 << 10 };
	char *bytes = must_ptr(malloc(CHUNK));
	uint64_t run = from; // has been read and not been told
	int error = 0;

	while (!error && from < end) {
		size_t want = CHUNK - from % unit;

		if (want > end - from)
			want = (size_t)(end - from);
		ssize_t got = pread(fd, bytes, want, (off_t)(begin + from));
		if (got < 0)
			error = -errno;
		if (got <= 0)
			break;
		for (ssize_t at = 0, n; !error && at < got; at += n) {
			n = (ssize_t)(unit - from % unit);
			if (n > got - at)
				n = got - at;
			if (is_zero(bytes + at, (size_t)n)) {
				if (run < from)
					error = each(context, run, from - run);
				run = from + (uint64_t)n;
			}
			from += (uint64_t)n;
		}
	}
	free(bytes);
	return !error && run < from ? each(context, run, from - run) : error;
}

int each_run(int fd, uint64_t begin, uint64_t size, uint32_t zeros,
	     int (*each)(void *context, uint64_t from, uint64_t n),
	     void *context)
{
	int error = 0;

	for (uint64_t at = 0, end; !error && at < size; at = end) {
		off_t from = lseek(fd, (off_t)(begin + at), SEEK_DATA);
		off_t to = from < 0 ? -1 : lseek(fd, from, SEEK_HOLE);

		if (from < 0 && errno == ENXIO)
			return 0;
		if (from < 0) { // it does not know of holes
			from = (off_t)(begin + at);
			to = -1;
		}
		end = to < 0 ? size : (uint64_t)to - begin;
		at = (uint64_t)from - begin;
		if (at >= size)
			return 0;
		if (end > size)
			end = size;
		if (end <= at) // it changes while we look
			return -EAGAIN;
		error = zeros ? each_full(fd, begin, at, end, zeros, each,
					  context)
			      : each(context, at, end - at);
	}
	return error;
}

// Blocks of data, and those of the map that they need. A map's lowest blocks are
// numbered (0 is the single indirect one), and so are those above them.
struct counting {
	uint32_t block_bytes;
	uint64_t blocks, next, next_leaf, next_middle;
	bool top;
};

static uint64_t count_new(uint64_t first, uint64_t end, uint64_t *next)
{
	if (first < *next)
		first = *next;
	if (end <= first)
		return 0;
	*next = end;
	return end - first;
}

static int count_run(void *context, uint64_t from, uint64_t n)
{
	struct counting *c = context;
	uint64_t each = c->block_bytes / 4, first = from / c->block_bytes;
	uint64_t end = (from + n + c->block_bytes - 1) / c->block_bytes;

	c->blocks += count_new(first, end, &c->next);
	if (end <= BLOCKS_DIRECT)
		return 0;
	first = first < BLOCKS_DIRECT ? 0 : (first - BLOCKS_DIRECT) / each;
	end = (end - 1 - BLOCKS_DIRECT) / each + 1;
	c->blocks += count_new(first, end, &c->next_leaf);
	if (end <= 1)
		return 0;
	first = first < 1 ? 0 : (first - 1) / each;
	end = (end - 2) / each + 1;
	c->blocks += count_new(first, end, &c->next_middle);
	if (end > 1 && !c->top)
		c->top = true, c->blocks++;
	return 0;
}

int sparse_blocks(int fd, uint64_t begin, uint64_t size, uint32_t block_bytes,
		  bool zeros, uint64_t *blocks)
{
	struct counting c = { .block_bytes = block_bytes };
	int error = each_run(fd, begin, size, zeros ? block_bytes : 0,
			     count_run, &c);

	*blocks = c.blocks;
	return error;
}

// ## Directories

struct listed_names {
	const struct tree *tree;
	const struct node *dir;
	uint32_t *node; // those that are there
	uint32_t count, room;
};

// lost+found stands in the root before all others.
static const char *listed_name(void *context, uint32_t i, size_t *length)
{
	const struct listed_names *l = context;
	const struct node *node = &l->tree->node[l->node[i]];

	if (l->node[i] == ROOT_NODE) {
		*length = sizeof "lost+found" - 1;
		return "lost+found";
	}
	*length = node_name_len(l->tree, node);
	return node_name(l->tree, node);
}

static int directory_blocks(struct listed_names *l,
			    const struct ext2_plan *plan, uint32_t had,
			    uint64_t *blocks)
{
	const struct tree *t = l->tree;
	struct ext2_names names = { .name = listed_name, .context = l };
	uint32_t n;

	if (l->dir->count >= l->room) {
		l->room = l->dir->count + 1;
		free(l->node);
		l->node = must_ptr(calloc(l->room, sizeof *l->node));
	}
	l->count = 0;
	if (l->dir == t->node)
		l->node[l->count++] = ROOT_NODE;
	for (uint32_t i = 0; i < l->dir->count; i++) {
		const struct node *child = &t->node[l->dir->target + i];

		if (!(child->flags & NODE_GONE) && !is_lost_found(t, child))
			l->node[l->count++] = l->dir->target + i;
	}
	names.count = l->count;
	int error = ext2_directory_blocks(plan, had, &names, &n);
	if (!error && n > had)
		*blocks += ext2_blocks_of(n, plan->block_bytes) - had;
	return error;
}

// ## Attributes

// Whether they go into the inode whatever their order.
static bool fits_inside(const struct tree *t, const struct node *node,
			uint32_t inode_bytes)
{
	uint32_t used = INODE_BYTES_OLD + INODE_EXTRA + 4 + 4;
	struct kept_xattr x;

	for (uint32_t at = node->xattrs; (at = xattr_next(t, at, &x));)
		used += (uint32_t)(sizeof(struct disk_xattr_entry) +
				   (strlen(x.name) + 3) / 4 * 4 +
				   (x.size + 3) / 4 * 4);
	return used <= inode_bytes;
}

static bool has_own_xattrs(const struct node *node)
{
	return node->xattrs && !(node->flags & (NODE_GONE | NODE_LINK));
}

// An image of nothing but the files that may need a block.
static int count_in_scratch(struct tree *t, const struct make_options *o,
			    uint32_t files, struct device *device,
			    uint64_t *blocks)
{
	struct ext2_plan plan = {
		.block_bytes = o->block_bytes,
		.inode_bytes = o->inode_bytes,
		.inodes = files + INO_FIRST,
		.root_mode = 0755,
	};
	struct ext2_numbers before, after;
	struct ext2 *fs = NULL;
	int error = ext2_make(device, &plan);

	if (!error)
		error = ext2_open(device, EXT2_WRITE | EXT2_FRESH, &fs, NULL);
	for (uint32_t i = 0; !error && i < t->count; i++) {
		const struct node *node = &t->node[i];
		struct ext2_inode made = { .mode = S_IFREG };
		char name[16];
		uint32_t ino;

		if (!has_own_xattrs(node) ||
		    fits_inside(t, node, o->inode_bytes))
			continue;
		snprintf(name, sizeof name, "%" PRIu32, i);
		made.mode = node->mode & S_IFMT;
		error = ext2_create(fs, INO_ROOT, name, strlen(name), &made,
				    &ino);
		ext2_numbers(fs, &before);
		if (!error)
			error = write_xattrs(t, fs, ino, node);
		if (error == -ENOSPC) {
			char *path = node_path(t, node);
			exit(complain(t->session, 0,
				      "the attributes of %s take more than an "
				      "inode and a block of %" PRIu32 " bytes",
				      path, o->block_bytes));
		}
		ext2_numbers(fs, &after);
		*blocks += before.free_blocks - after.free_blocks;
	}
	ext2_close(fs);
	return error;
}

static int xattr_blocks(struct tree *t, const struct make_options *o,
			uint64_t *blocks)
{
	enum { SPARE = 1 << 20 };
	uint32_t files = 0;
	struct device *device;

	*blocks = 0;
	for (uint32_t i = 0; i < t->count; i++)
		files += has_own_xattrs(&t->node[i]) &&
			 !fits_inside(t, &t->node[i], o->inode_bytes);
	if (!files)
		return 0;
	// Room for an inode, a block and a name each, and for the metadata.
	uint64_t bytes = files * (UINT64_C(2) * o->block_bytes) + SPARE;
	bytes += bytes / 4;
	int error = device_memory(bytes / o->block_bytes * o->block_bytes,
				  &device);
	if (error)
		return error;
	error = count_in_scratch(t, o, files, device, blocks);
	device_close(device);
	return error;
}

// ## All of it

static uint64_t file_blocks(const struct tree *t, const struct node *node,
			    const struct make_options *o, int *error)
{
	uint64_t blocks = (node->size + o->block_bytes - 1) / o->block_bytes;

	if (!(node->flags & NODE_SPARSE))
		return ext2_blocks_of(blocks, o->block_bytes);
	if (t->spool < 0)
		return node->content; // was counted when it was scanned
	*error = sparse_blocks(t->spool, node->content, node->size,
			       o->block_bytes, o->sparse, &blocks);
	return blocks;
}

int size_tree(struct tree *t, const struct make_options *o,
	      const struct ext2_plan *plan, struct need *need)
{
	struct listed_names names = { .tree = t };
	int error = xattr_blocks(t, o, &need->blocks);

	need->inodes = INO_FIRST; // the reserved ones and lost+found
	for (uint32_t i = 0; !error && i < t->count; i++) {
		const struct node *node = &t->node[i];
		bool there = i == ROOT_NODE || is_lost_found(t, node);

		if (node->flags & (NODE_GONE | NODE_LINK))
			continue;
		need->inodes += !there;
		if (S_ISREG(node->mode)) {
			need->blocks += file_blocks(t, node, o, &error);
		} else if (S_ISLNK(node->mode)) {
			need->blocks += node->size >= SYMLINK_INSIDE;
		} else if (S_ISDIR(node->mode)) {
			names.dir = node;
			need->blocks += !there;
			error = directory_blocks(
				&names, plan,
				is_lost_found(t, node)
					? lost_found_blocks(o->block_bytes)
					: 1,
				&need->blocks);
		}
	}
	free(names.node);
	return error ? complain(t->session, error, "cannot find its size")
		     : EXIT_SUCCESS;
}

// ## From there to a plan

static uint64_t free_in(const struct make_options *o, uint64_t blocks)
{
	if (o->size)
		return 0;
	if (o->free_bytes)
		return (o->free_bytes + o->block_bytes - 1) / o->block_bytes;
	return (uint64_t)((double)blocks * o->free_share + 0.999);
}

static uint64_t journal_for(const struct make_options *o, uint64_t blocks)
{
	uint64_t suits;

	if (!o->journal)
		return 0;
	if (o->journal_bytes)
		return o->journal_bytes / o->block_bytes;
	suits = ext2_journal_blocks(blocks, o->block_bytes);
	return suits > JOURNAL_LEAST ? suits : JOURNAL_LEAST;
}

static void plan_for(const struct make_options *o, const struct need *need,
		     uint64_t blocks, struct ext2_plan *plan)
{
	uint64_t bytes = blocks * o->block_bytes, inodes = need->inodes;

	if (o->inodes)
		inodes = o->inodes;
	else if (o->bytes_an_inode)
		inodes = bytes / o->bytes_an_inode;
	else if (o->size)
		inodes = bytes / BYTES_AN_INODE;
	else
		inodes += free_in(o, blocks) * o->block_bytes / BYTES_AN_INODE;
	if (inodes < need->inodes && !o->inodes)
		inodes = need->inodes;
	plan->blocks = blocks;
	plan->inodes = inodes > UINT32_MAX ? UINT32_MAX : (uint32_t)inodes;
	plan->reserved = o->reserved_bytes / o->block_bytes +
			 (uint64_t)((double)blocks * o->reserved_share);
	plan->journal = journal_for(
		o, o->size ? blocks : need->blocks + need->blocks / 8);
}

// The log lies in one group. Where many inodes make these small, one whose size was
// not asked for becomes smaller, too.
static bool fits(const struct make_options *o, const struct need *need,
		 uint64_t blocks, struct ext2_plan *plan)
{
	uint64_t overhead;
	uint32_t inodes;
	int error;

	plan_for(o, need, blocks, plan);
	while ((error = ext2_overhead(plan, &overhead, &inodes)) == -ENOSPC &&
	       !o->journal_bytes && plan->journal > JOURNAL_LEAST)
		plan->journal = plan->journal / 2 > JOURNAL_LEAST
					? plan->journal / 2
					: JOURNAL_LEAST;
	return !error && inodes >= need->inodes &&
	       overhead + need->blocks + free_in(o, blocks) <= blocks;
}

// The least number of blocks; 0: no image is large enough.
static uint64_t least_blocks(const struct make_options *o,
			     const struct need *need, struct ext2_plan *plan)
{
	uint64_t group = (uint64_t)o->block_bytes * 8;
	uint64_t first = o->block_bytes == 1024;
	uint64_t least = (uint64_t)((double)need->blocks / (1 - o->free_share));

	for (uint64_t n = least / group + 1; n * group < UINT32_MAX; n++) {
		uint64_t low = first + (n - 1) * group, high = low + group;

		if (!fits(o, need, high, plan))
			continue;
		while (high - low > 1) {
			uint64_t middle = low + (high - low) / 2;
			if (fits(o, need, middle, plan))
				high = middle;
			else
				low = middle;
		}
		while (fits(o, need, high - 1, plan))
			high--;
		fits(o, need, high, plan);
		return high;
	}
	return 0;
}

// ## What it is called
//
// The seed of the hashes comes from the names alone: it decides how full the blocks
// of an index get, and the same names must not sometimes take a block more.

static void hash_names(const struct tree *t, XXH3_state_t *state)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct node *n = &t->node[i];

		if (n->flags & NODE_GONE)
			continue;
		XXH3_128bits_update(state, &n->parent, sizeof n->parent);
		XXH3_128bits_update(state, t->text + n->name,
				    1 + node_name_len(t, n));
	}
}

static void hash_attributes(const struct tree *t, XXH3_state_t *state)
{
	struct kept_xattr x;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct node *n = &t->node[i];
		// A link says whose, and all the rest is said there.
		uint64_t link[] = { n->mode & S_IFMT, n->target };
		uint64_t own[] = { n->mode, n->uid, n->gid, n->mtime,
				   S_ISDIR(n->mode) ? 0 : n->size };

		if (n->flags & NODE_GONE)
			continue;
		if (n->flags & NODE_LINK) {
			XXH3_128bits_update(state, link, sizeof link);
			continue;
		}
		XXH3_128bits_update(state, own, sizeof own);
		if (S_ISLNK(n->mode))
			XXH3_128bits_update(state, t->text + n->target,
					    n->size);
		for (uint32_t at = n->xattrs; (at = xattr_next(t, at, &x));) {
			XXH3_128bits_update(state, x.name, strlen(x.name));
			XXH3_128bits_update(state, x.value, x.size);
		}
	}
}

static void digest(const XXH3_state_t *state, uint8_t bytes[16])
{
	XXH128_canonical_t value;

	XXH128_canonicalFromHash(&value, XXH3_128bits_digest(state));
	memcpy(bytes, value.digest, sizeof value.digest);
}

// RFC 9562: random (version 4), or made of something (version 8).
static void mark_uuid(uint8_t uuid[16], unsigned version)
{
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | version << 4);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

void begin_plan(const struct tree *t, const struct make_options *o,
		struct ext2_plan *plan)
{
	XXH3_state_t *state = must_ptr(XXH3_createState());

	*plan = (struct ext2_plan){
		.block_bytes = o->block_bytes,
		.inode_bytes = o->inode_bytes,
		.root_uid = t->node[ROOT_NODE].uid,
		.root_gid = t->node[ROOT_NODE].gid,
		.root_mode = t->node[ROOT_NODE].mode & 07777,
		.lost_and_found = true,
		.now = o->now,
	};
	XXH3_128bits_reset(state);
	hash_names(t, state);
	digest(state, plan->hash_seed);
	if (o->uuid_given) {
		memcpy(plan->uuid, o->uuid, sizeof plan->uuid);
	} else if (o->reproducible) {
		XXH3_128bits_update(state, o->label, strlen(o->label) + 1);
		hash_attributes(t, state);
		digest(state, plan->uuid);
		mark_uuid(plan->uuid, 8);
	} else {
		must(getrandom(plan->uuid, sizeof plan->uuid, 0));
		mark_uuid(plan->uuid, 4);
	}
	XXH3_freeState(state);
	memcpy(plan->label, o->label, strlen(o->label) + 1);
}

// ## The plan

// The log lies in one group, beside that group's metadata.
static bool journal_is_impossible(const struct ext2_plan *plan)
{
	uint64_t overhead;
	uint32_t inodes;

	return plan->journal &&
	       ext2_overhead(plan, &overhead, &inodes) == -EINVAL;
}

static int refuse_journal(const struct tree *t, const struct make_options *o)
{
	char least[HUMAN_BYTES], most[HUMAN_BYTES];
	uint64_t bytes = o->block_bytes;

	return complain(t->session, 0,
			"--journal: want from %s to less than %s, with blocks "
			"of %" PRIu32,
			size_name(least, JOURNAL_LEAST * bytes),
			size_name(most, 8 * bytes * bytes), o->block_bytes);
}

static int refuse_size(const struct tree *t, const struct make_options *o,
		       const struct need *need, struct ext2_plan *plan)
{
	struct make_options any = *o;
	char wanted[HUMAN_BYTES];
	uint64_t least;

	any.size = 0;
	any.free_share = 0;
	least = least_blocks(&any, need, plan);
	if (!least)
		return complain(t->session, EFBIG, "so large a tree");
	least *= o->block_bytes;
	return complain(t->session, ENOSPC,
			"want at least %" PRIu64 " bytes (%s), not %" PRIu64,
			least, human_size(wanted, least), o->size);
}

int finish_plan(struct tree *t, const struct make_options *o,
		const struct need *need, struct ext2_plan *plan)
{
	if (o->inodes && o->inodes < need->inodes)
		return complain(t->session, ENOSPC,
				"--inodes=%" PRIu32 ": want at least %" PRIu32,
				o->inodes, need->inodes);
	if (o->size) {
		if (o->size / o->block_bytes > UINT32_MAX)
			return complain(t->session, EFBIG,
					"want less than 2^32 blocks");
		if (fits(o, need, o->size / o->block_bytes, plan))
			return EXIT_SUCCESS;
		if (journal_is_impossible(plan))
			return refuse_journal(t, o);
		return refuse_size(t, o, need, plan);
	}
	if (!least_blocks(o, need, plan))
		return journal_is_impossible(plan)
			       ? refuse_journal(t, o)
			       : complain(t->session, EFBIG, "so large a tree");
	return EXIT_SUCCESS;
}

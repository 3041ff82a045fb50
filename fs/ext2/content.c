// content.c - the bytes of files
//
// ## Writing
//
// A block that the last commit holds is never overwritten. So a write sees three
// kinds of blocks: holes and committed ones, which get a new place, and those that
// are new in this transaction, which are written where they are. What a partly
// written block held is copied along. What was replaced is freed with the commit.
//
// How many blocks a write takes, the indirect ones included, is known before it
// begins (map_need). Where the image has fewer, it is -ENOSPC and the file is what
// it was. The blocks come from one supply, so that a new file lies in one piece:
//
//     12 direct │ single │ P data │ double │ single │ P data │ single │ P data ...
//
// Should a write fail in the middle, because the device does or because counts and
// bitmaps of a damaged image contradict each other, then what has been written up
// to there stays and is counted, and the size covers just that.
//
// ## The tail
//
// The last block of a file is zero behind the file's end. Whoever makes a file
// longer relies on it, so it is seen to here, also for images of others: where the
// size grows, and where it shrinks.

#include "fs/ext2/content.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ## Reading

// Blocks of a directory are metadata: the cache has them.
static int read_cached(struct ext2 *fs, uint64_t block, uint32_t offset,
		       uint8_t *bytes, size_t n)
{
	for (size_t done = 0; done < n; block++, offset = 0) {
		size_t some = fs->block_bytes - offset;
		struct buffer *buffer;
		int error = cache_get(fs->cache, block, 0, &buffer);

		if (error)
			return error;
		if (some > n - done)
			some = n - done;
		memcpy(bytes + done, buffer->bytes + offset, some);
		cache_drop(buffer);
		done += some;
	}
	return 0;
}

// What stands in the inode: a short symlink, ext4's smallest files.
static int64_t read_inside(const struct ext2_inode *inode, uint64_t offset,
			   void *bytes, size_t n)
{
	if (!S_ISLNK(inode->mode) && !(inode->flags & INODE_INLINE_DATA))
		return 0;
	if (inode->size > sizeof(inode->block))
		return -ENOTSUP;
	memcpy(bytes, inode->block + offset, n);
	return (int64_t)n;
}

int64_t content_read(struct ext2 *fs, const struct ext2_inode *inode,
		     uint64_t offset, void *bytes, size_t n)
{
	uint8_t *to = bytes;
	size_t done = 0;

	if (offset >= inode->size)
		return 0;
	if (n > inode->size - offset)
		n = (size_t)(inode->size - offset);
	if (n > SSIZE_MAX)
		n = SSIZE_MAX;
	if (!inode_has_map(inode))
		return read_inside(inode, offset, bytes, n);
	while (done < n) {
		uint64_t at = offset + done;
		uint32_t inside = (uint32_t)(at & (fs->block_bytes - 1));
		struct ext2_run run;
		int error = ext2_run_at(fs, inode, at >> fs->block_bits, &run);

		if (error)
			return error;
		if (!run.blocks)
			return -EUCLEAN;

		uint64_t most = SSIZE_MAX >> fs->block_bits;
		size_t some = n - done, room;

		if (run.blocks < most)
			most = run.blocks;
		room = (size_t)(most << fs->block_bits) - inside;
		if (some > room)
			some = room;
		if (!run.physical || run.unwritten)
			memset(to + done, 0, some);
		else if (S_ISDIR(inode->mode))
			error = read_cached(fs, run.physical, inside, to + done,
					    some);
		else
			error = content_fetch(fs, run.physical, inside,
					      to + done, some);
		if (error)
			return error;
		done += some;
	}
	return (int64_t)n;
}

int64_t ext2_read(struct ext2 *fs, uint32_t ino, uint64_t offset, void *bytes,
		  size_t n)
{
	struct ext2_inode inode;
	int error = inode_get(fs, ino, &inode);

	return error ? error : content_read(fs, &inode, offset, bytes, n);
}

int ext2_copy_out(struct ext2 *fs, const struct ext2_inode *inode, int fd)
{
	uint64_t blocks = inode_file_blocks(fs, inode), met = 0;

	if (inode->size > INT64_MAX)
		return -EFBIG;
	if (ftruncate(fd, (off_t)inode->size))
		return -errno;
	if (!inode_has_map(inode)) {
		char bytes[sizeof(inode->block)];
		int64_t n = content_read(fs, inode, 0, bytes, sizeof(bytes));

		if (n > 0 && pwrite(fd, bytes, (size_t)n, 0) != n)
			n = -EIO;
		return n < 0 ? (int)n : 0;
	}
	for (uint64_t at = 0; at < blocks;) {
		uint64_t to = at << fs->block_bits;
		struct ext2_run run;
		int error = ext2_run_at(fs, inode, at, &run);

		if (error)
			return error;
		if (!run.blocks)
			return -EUCLEAN;
		at += run.blocks;
		if (!run.physical || run.unwritten)
			continue;
		met += run.blocks;
		if (met > fs->blocks)
			return -EUCLEAN;

		uint64_t n = run.blocks << fs->block_bits;

		if (n > inode->size - to)
			n = inode->size - to;
		error = content_settle(fs, run.physical, run.blocks);
		if (!error)
			error = device_copy_out(fs->device,
						run.physical << fs->block_bits,
						fd, to, n);
		if (error)
			return error;
	}
	return 0;
}

// ## Writing

// Where the bytes come from.
struct source {
	const uint8_t *bytes; // or, if NULL:
	int fd;
	uint64_t from;
};

static int source_read(const struct source *source, uint64_t at, uint8_t *to,
		       size_t n)
{
	if (source->bytes) {
		memcpy(to, source->bytes + at, n);
		return 0;
	}
	while (n) {
		ssize_t got = pread(source->fd, to, n,
				    (off_t)(source->from + at));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got) { // somebody made the file shorter
			memset(to, 0, n);
			break;
		}
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

// Whole blocks.
static int put_blocks(struct ext2 *fs, const struct source *source, uint64_t at,
		      uint64_t block, uint64_t count)
{
	uint64_t bytes = count << fs->block_bits;
	int error;
	uint8_t *room = content_gather(fs, block, count, &error);

	if (error)
		return error;
	if (room)
		return source_read(source, at, room, (size_t)bytes);
	if (source->bytes)
		return device_write(fs->device, block << fs->block_bits,
				    source->bytes + at, (size_t)bytes);
	return device_copy_in(fs->device, block << fs->block_bits, source->fd,
			      source->from + at, bytes);
}

// One write.
struct write {
	struct ext2_inode *inode;
	struct source source;
	uint64_t offset, end;
	struct supply supply;
};

// A block of which [begin, end) is written; `old` is where it stood, or 0.
static int put_part(struct ext2 *fs, const struct write *w, uint64_t logical,
		    uint64_t old, uint64_t block)
{
	uint64_t start = logical << fs->block_bits;
	uint64_t begin = w->offset > start ? w->offset - start : 0;
	uint64_t end = w->end - start;
	uint64_t held = w->inode->size > start ? w->inode->size - start : 0;
	uint8_t *bytes, *room, *own = NULL;
	int error = 0;

	if (end > fs->block_bytes)
		end = fs->block_bytes;
	if (held > fs->block_bytes)
		held = fs->block_bytes;
	if (old && (begin > 0 || end < held)) {
		own = malloc(fs->block_bytes);
		if (!own)
			return -ENOMEM;
		error = content_fetch(fs, old, 0, own, fs->block_bytes);
	}

	room = error ? NULL : content_gather(fs, block, 1, &error);
	if (error) {
		free(own);
		return error;
	}
	bytes = room;
	if (own)
		memcpy(bytes, own, held);
	else
		held = 0;
	if (held < begin)
		memset(bytes + held, 0, begin - held);
	error = source_read(&w->source, start + begin - w->offset,
			    bytes + begin, (size_t)(end - begin));
	if (end > held)
		held = end;
	memset(bytes + held, 0, fs->block_bytes - held);
	free(own);
	return error;
}

// How many blocks from `logical` on, at most `most`, are treated alike: new ones
// that lie in a row, or such that get a new place. *physical: where they are.
static int stretch(struct ext2 *fs, const struct ext2_inode *inode,
		   uint64_t logical, uint64_t most, uint64_t *physical,
		   bool *in_place, uint64_t *blocks)
{
	struct ext2_run run;
	int error;

	*physical = 0;
	*in_place = false;
	*blocks = most;
	if (logical >= inode_file_blocks(fs, inode))
		return 0;
	error = ext2_run_at(fs, inode, logical, &run);
	if (error)
		return error;
	if (run.blocks < most)
		*blocks = run.blocks;
	*physical = run.physical;
	if (!run.physical)
		return 0;
	*in_place = block_is_new(fs, run.physical);
	for (uint64_t i = 1; i < *blocks; i++)
		if (block_is_new(fs, run.physical + i) != *in_place)
			*blocks = i;
	return 0;
}

static int write_blocks(struct ext2 *fs, struct write *w, uint64_t first,
			uint64_t end, uint64_t *done)
{
	uint64_t head = w->offset & (fs->block_bytes - 1);
	uint64_t tail = w->end & (fs->block_bytes - 1);

	for (uint64_t at = first; at < end; *done = at) {
		uint64_t most = end - at, blocks, room, old, physical;
		bool in_place, part = false;
		int error;

		if ((at == first && head) || (at == end - 1 && tail)) {
			most = 1;
			part = true;
		} else if (tail) {
			most--;
		}
		error = stretch(fs, w->inode, at, most, &old, &in_place,
				&blocks);
		if (error)
			return error;
		physical = old;
		if (!in_place) {
			uint32_t got;

			error = map_prepare(fs, w->inode, at, &w->supply,
					    &room);
			if (error)
				return error;
			if (blocks > room)
				blocks = room;
			error = supply_take(fs, &w->supply, (uint32_t)blocks,
					    &physical, &got);
			if (error)
				return error;
			blocks = got;
		}
		error = part ? put_part(fs, w, at, old, physical)
			     : put_blocks(fs, &w->source,
					  (at << fs->block_bits) - w->offset,
					  physical, blocks);
		if (!in_place) {
			if (!error)
				error = map_put(fs, w->inode, at, physical,
						blocks, &w->supply);
			else
				content_give_back(fs, physical,
						  (uint32_t)blocks);
		}
		if (error)
			return error;
		at += blocks;
	}
	return 0;
}

// The block before which there is another of the same file goes behind that.
static int goal_of(struct ext2 *fs, const struct ext2_inode *inode,
		   uint64_t first, uint64_t *goal)
{
	*goal = inode_goal(fs, inode->ino);
	if (first && inode_file_blocks(fs, inode) >= first) {
		struct ext2_run run;
		int error = ext2_run_at(fs, inode, first - 1, &run);

		if (error)
			return error;
		if (run.physical)
			*goal = run.physical + 1;
	} else if (fs->content->last > *goal &&
		   (fs->mode == MODE_FRESH ||
		    fs->content->last - *goal < fs->blocks_per_group)) {
		*goal = fs->content->last; // small files side by side
	}
	return 0;
}

static void size_is(struct ext2 *fs, struct ext2_inode *inode, uint64_t size)
{
	uint32_t features = get32(fs->super.s_feature_ro_compat);

	inode->size = size;
	if (size > INT32_MAX && !(features & RO_COMPAT_LARGE_FILE)) {
		fs->super.s_feature_ro_compat = put32(features |
						      RO_COMPAT_LARGE_FILE);
		fs->super_changed = true;
	}
}

// Zeros behind the end of the file, as far as its last block goes.
static int clean_tail(struct ext2 *fs, struct ext2_inode *inode)
{
	uint32_t held = (uint32_t)(inode->size & (fs->block_bytes - 1));
	uint64_t last = inode->size >> fs->block_bits, physical;
	struct ext2_run run;
	int error;

	if (!held)
		return 0;
	error = ext2_run_at(fs, inode, last, &run);
	if (error || !run.physical)
		return error;

	uint8_t *bytes = malloc(fs->block_bytes), *room;
	uint32_t end = fs->block_bytes, got;

	if (!bytes)
		return -ENOMEM;
	error = content_fetch(fs, run.physical, 0, bytes, fs->block_bytes);
	while (end > held && !bytes[end - 1])
		end--;
	physical = run.physical;
	if (!error && end > held) {
		if (!block_is_new(fs, physical))
			error = blocks_allocate(fs, physical, 1, &physical,
						&got);
		room = error ? NULL : content_gather(fs, physical, 1, &error);
		if (room) {
			memcpy(room, bytes, held);
			memset(room + held, 0, fs->block_bytes - held);
		}
		if (!error && physical != run.physical)
			error = map_set(fs, inode, last, physical, 1);
		else if (physical != run.physical)
			content_give_back(fs, physical, 1);
	}
	free(bytes);
	return error;
}

// Before a file becomes longer: what a kernel may have left behind its end must
// not come to light.
static int clear_beyond(struct ext2 *fs, struct ext2_inode *inode,
			uint64_t offset)
{
	int error = 0;

	if (inode->sectors)
		error = map_cut(fs, inode, inode_file_blocks(fs, inode));
	if (!error && offset > inode->size)
		error = clean_tail(fs, inode);
	return error;
}

static int may_change(const struct ext2 *fs, const struct ext2_inode *inode)
{
	if (fs->mode == MODE_READ)
		return -EROFS;
	if (S_ISDIR(inode->mode))
		return -EISDIR;
	if (!S_ISREG(inode->mode)) // a symlink's size is its target's
		return -EINVAL;
	if (inode->flags & (INODE_EXTENTS | INODE_INLINE_DATA))
		return -ENOTSUP;
	return 0;
}

// Into an inode in memory.
static int content_write(struct ext2 *fs, struct ext2_inode *inode,
			 uint64_t offset, struct source source, uint64_t n)
{
	uint64_t most = map_limit(fs) << fs->block_bits;
	struct write w = {
		.inode = inode,
		.source = source,
		.offset = offset,
		.end = offset + n,
	};
	uint64_t first = offset >> fs->block_bits, done = first, end;
	int error;

	if (!n)
		return 0;
	if (offset > most || n > most - offset)
		return -EFBIG;
	end = (w.end + fs->block_bytes - 1) >> fs->block_bits;
	error = content_make(fs);
	if (!error && w.end > inode->size)
		error = clear_beyond(fs, inode, offset);
	if (!error)
		error = map_need(fs, inode, first, end, &w.supply.want);
	if (!error && w.supply.want > fs->free_blocks)
		error = -ENOSPC;
	if (!error && w.supply.want)
		error = goal_of(fs, inode, first, &w.supply.goal);
	if (error)
		return error;
	error = write_blocks(fs, &w, first, end, &done);
	supply_end(fs, &w.supply);
	if (w.supply.goal)
		fs->content->last = w.supply.goal;

	uint64_t reached = done << fs->block_bits;

	if (reached > w.end || done == end)
		reached = w.end;
	if (reached > inode->size && done > first)
		size_is(fs, inode, reached);
	return error;
}

int content_create(struct ext2 *fs, struct ext2_inode *inode, const void *bytes,
		   size_t n)
{
	struct source source = { .bytes = bytes };
	int error = content_write(fs, inode, 0, source, n);

	if (error) {
		map_cut(fs, inode, 0);
		inode->size = 0;
	}
	return error;
}

static int write_file(struct ext2 *fs, uint32_t ino, uint64_t offset,
		      struct source source, uint64_t n)
{
	struct ext2_inode inode;
	int error = inode_get(fs, ino, &inode);

	if (!error)
		error = may_change(fs, &inode);
	if (error || !n)
		return error;
	error = content_write(fs, &inode, offset, source, n);

	int put = inode_put(fs, &inode);

	return error ? error : put;
}

int ext2_write(struct ext2 *fs, uint32_t ino, uint64_t offset,
	       const void *bytes, size_t n)
{
	return write_file(fs, ino, offset, (struct source){ .bytes = bytes },
			  n);
}

int ext2_write_from(struct ext2 *fs, uint32_t ino, uint64_t offset, int fd,
		    uint64_t from, uint64_t n)
{
	return write_file(fs, ino, offset,
			  (struct source){ .fd = fd, .from = from }, n);
}

int ext2_truncate(struct ext2 *fs, uint32_t ino, uint64_t size)
{
	struct ext2_inode inode;
	int error = inode_get(fs, ino, &inode);

	if (!error)
		error = may_change(fs, &inode);
	if (!error && !inode_has_map(&inode))
		error = -EINVAL;
	if (!error && size > map_limit(fs) << fs->block_bits)
		error = -EFBIG;
	if (!error)
		error = content_make(fs);
	if (error || size == inode.size)
		return error;
	if (size > inode.size) {
		error = clear_beyond(fs, &inode, size);
	} else {
		uint64_t kept = (size + fs->block_bytes - 1) >> fs->block_bits;
		uint64_t was = inode.size;

		inode.size = size;
		error = clean_tail(fs, &inode);
		if (!error)
			error = map_cut(fs, &inode, kept);
		if (error)
			inode.size = was;
	}
	if (!error)
		size_is(fs, &inode, size);

	int put = inode_put(fs, &inode);

	return error ? error : put;
}

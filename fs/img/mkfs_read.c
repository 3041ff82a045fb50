// # Reading ahead, in a second thread
//
// The files of a tree are read in the order in which they are written, a batch of
// up to 32 (or 256 KiB) after the other. While the first thread writes one batch,
// this one opens the files of the next ones.
//
// A file that the page cache holds is read at once (preadv2(2), RWF_NOWAIT; on a
// tmpfs, which does not know that flag and has nothing but its cache, without it).
// One that has to come from a disk is only announced (posix_fadvise(2), WILLNEED),
// and read when its batch has its turn; by then the batch behind has been
// announced, too, so that the disk always has 32 to 64 files to fetch, in its own
// order. Large files are not read here: the writer gets a descriptor, and copies by
// it.
//
// What it is worth, with 20,000 files of 1 to 8 KiB and two processors (ratios of
// medians): the second thread makes it 1.25 times as fast from a warm cache, 1.3 times
// from a cold one. To announce files makes it 3 times as fast from a cold cache, and
// nothing from a warm one.
//
// Only this thread opens files and touches `reader` between a batch's being empty
// and full; the lock hands batches over. The tree is read by both.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fs/img/mkfs.h"
#include "must.h"

enum {
	BATCHES = 8,
	BATCH_FILES = 32,
	BATCH_BYTES = 256 << 10,
	WHOLE_BYTES = 64 << 10, // larger ones are handed over as descriptors
};

struct batch {
	struct fetched piece[BATCH_FILES];
	int count;
	size_t used;
	char *bytes;
};

struct reader {
	struct tree *tree;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	// Batches are numbered from 0; number n is in batch[n % BATCHES].
	uint64_t opened;  // the thread's own: so many have been begun
	uint64_t full;    // so many can be taken
	uint64_t emptied; // so many have been taken
	bool ended;       // no more will be full
	bool stop;        // nobody wants more
	struct batch batch[BATCHES];

	bool taking;  // the taker waits
	bool opening; // the thread waits

	uint32_t next;   // the thread's own: the node to open next
	uint32_t parent; // whose directory is open as dir
	int dir;
	int flags; // for preadv2

	int at; // the taker's own: the piece to hand out next
};

// ## Opening and reading

static bool has_content(const struct node *node)
{
	return S_ISREG(node->mode) && node->size > 0 &&
	       !(node->flags & (NODE_LINK | NODE_GONE));
}

static int enter(struct reader *r, uint32_t parent)
{
	struct statfs info;

	if (r->dir >= 0 && r->parent == parent)
		return 0;
	if (r->dir >= 0)
		close(r->dir);
	r->dir = open_directory(r->tree, parent);
	r->parent = parent;
	if (r->dir < 0)
		return r->dir;
	r->flags = fstatfs(r->dir, &info) || info.f_type != TMPFS_MAGIC
			   ? RWF_NOWAIT
			   : 0;
	return 0;
}

static int open_file(struct reader *r, const struct node *node)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int error = enter(r, node->parent), fd;

	if (error)
		return error;
	fd = openat(r->dir, node_name(r->tree, node), flags | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = openat(r->dir, node_name(r->tree, node), flags);
	return fd < 0 ? -errno : fd;
}

// Reads what is in memory already. True: that was all.
static bool read_now(const struct fetched *piece, char *bytes, size_t n,
		     int flags)
{
	struct iovec v = { bytes, n };
	ssize_t got = preadv2(piece->fd, &v, 1, 0, flags);

	if (got < 0 || (size_t)got < n)
		return false;
	return true;
}

static void read_whole(struct fetched *piece, char *bytes, size_t n)
{
	size_t done = 0;
	ssize_t got = 1;

	while (done < n && got > 0) {
		got = pread(piece->fd, bytes + done, n - done, (off_t)done);
		if (got > 0)
			done += (size_t)got;
	}
	piece->n = done;
	if (got < 0)
		piece->error = -errno;
}

static void close_piece(struct fetched *piece)
{
	if (piece->fd >= 0)
		close(piece->fd);
	piece->fd = -1;
}

// Adds a file. False: the batch has no room for it.
static bool open_piece(struct reader *r, struct batch *batch, uint32_t i)
{
	const struct node *node = &r->tree->node[i];
	bool whole = node->size <= WHOLE_BYTES && !(node->flags & NODE_SPARSE);
	size_t n = whole ? (size_t)node->size : 0;
	struct fetched *piece = &batch->piece[batch->count];

	if (batch->count == BATCH_FILES || batch->used + n > BATCH_BYTES)
		return false;
	*piece = (struct fetched){ .node = i, .fd = -1, .n = n };
	batch->count++;
	if (r->tree->spool >= 0) // the writer knows where it stands
		return true;
	piece->fd = open_file(r, node);
	if (piece->fd < 0) {
		piece->error = piece->fd;
		piece->fd = -1;
		return true;
	}
	if (!whole) {
		posix_fadvise(piece->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		return true;
	}
	piece->bytes = batch->bytes + batch->used;
	batch->used += n;
	if (read_now(piece, batch->bytes + batch->used - n, n, r->flags))
		close_piece(piece);
	else
		posix_fadvise(piece->fd, 0, 0, POSIX_FADV_WILLNEED);
	return true;
}

// Begins batch number r->opened. False: there are no more files.
static bool open_batch(struct reader *r)
{
	struct batch *batch = &r->batch[r->opened % BATCHES];

	batch->count = 0;
	batch->used = 0;
	for (; r->next < r->tree->count; r->next++)
		if (has_content(&r->tree->node[r->next]) &&
		    !open_piece(r, batch, r->next))
			break;
	r->opened++;
	return batch->count > 0;
}

static void finish_batch(struct batch *batch)
{
	for (int i = 0; i < batch->count; i++) {
		struct fetched *piece = &batch->piece[i];

		if (piece->fd < 0 || !piece->bytes)
			continue;
		read_whole(piece, (char *)piece->bytes, piece->n);
		close_piece(piece);
	}
}

// Waits until the batch that comes after those begun is empty. False: stop.
static bool may_open(struct reader *r)
{
	pthread_mutex_lock(&r->lock);
	while (!r->stop && r->opened - r->emptied >= BATCHES) {
		r->opening = true;
		pthread_cond_wait(&r->changed, &r->lock);
	}
	r->opening = false;
	bool go = !r->stop;
	pthread_mutex_unlock(&r->lock);
	return go;
}

static void hand_over(struct reader *r, bool ended)
{
	pthread_mutex_lock(&r->lock);
	if (ended)
		r->ended = true;
	else
		r->full++;
	bool wake = r->taking;
	pthread_mutex_unlock(&r->lock);
	if (wake)
		pthread_cond_signal(&r->changed);
}

static void *read_files(void *argument)
{
	struct reader *r = argument;
	bool more = may_open(r) && open_batch(r);
	uint64_t n = 0;

	while (more) {
		more = may_open(r) && open_batch(r);
		finish_batch(&r->batch[n++ % BATCHES]);
		hand_over(r, false);
	}
	hand_over(r, true);
	return NULL;
}

// ## For the writer

struct reader *reader_begin(struct tree *tree)
{
	struct reader *r = must_ptr(calloc(1, sizeof *r));

	*r = (struct reader){ .tree = tree, .dir = -1 };
	for (int i = 0; i < BATCHES; i++)
		r->batch[i].bytes = must_ptr(malloc(BATCH_BYTES));
	must_zero(pthread_mutex_init(&r->lock, NULL));
	must_zero(pthread_cond_init(&r->changed, NULL));
	must_zero(pthread_create(&r->thread, NULL, read_files, r));
	return r;
}

static void empty_batch(struct reader *r)
{
	struct batch *batch = &r->batch[r->emptied % BATCHES];

	for (int i = 0; i < batch->count; i++)
		close_piece(&batch->piece[i]);
	batch->count = 0;
	pthread_mutex_lock(&r->lock);
	r->emptied++;
	// Not for every batch: waking costs more than most files.
	bool wake = r->opening && r->opened - r->emptied <= BATCHES / 2;
	pthread_mutex_unlock(&r->lock);
	if (wake)
		pthread_cond_signal(&r->changed);
	r->at = 0;
}

const struct fetched *reader_next(struct reader *r)
{
	if (r->at > 0 && r->at == r->batch[r->emptied % BATCHES].count)
		empty_batch(r);
	if (r->at == 0) {
		pthread_mutex_lock(&r->lock);
		while (r->full == r->emptied && !r->ended) {
			r->taking = true;
			pthread_cond_wait(&r->changed, &r->lock);
		}
		r->taking = false;
		bool none = r->full == r->emptied;
		pthread_mutex_unlock(&r->lock);
		if (none)
			return NULL;
	}
	return &r->batch[r->emptied % BATCHES].piece[r->at++];
}

void reader_end(struct reader *r)
{
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	must_zero(pthread_join(r->thread, NULL));
	for (int i = 0; i < BATCHES; i++) {
		for (int k = 0; k < r->batch[i].count; k++)
			close_piece(&r->batch[i].piece[k]);
		free(r->batch[i].bytes);
	}
	if (r->dir >= 0)
		close(r->dir);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

// # One file, one task
//
// A worker has a buffer and a context of libcrypto's; files of any size pass
// through it piece by piece. All bytes of a file go through one chain of
// compressions, so a single large file keeps one worker busy and no more: the
// serial part that Amdahl's law speaks of (threads/amdahl).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "threads/checksum/checksum.h"

enum { BUFFER = 128 << 10, QUEUE = 256, LINE = 64 };

struct lane {
	_Alignas(LINE) EVP_MD_CTX *context;
	unsigned char *buffer;
};

static int make_lanes(struct digests *d, int workers)
{
	d->lanes = aligned_alloc(LINE, workers * sizeof *d->lanes);
	if (!d->lanes)
		return -ENOMEM;
	for (int i = 0; i < workers; i++)
		d->lanes[i] = (struct lane){ .context = EVP_MD_CTX_new(),
					     .buffer = malloc(BUFFER) };
	for (int i = 0; i < workers; i++)
		if (!d->lanes[i].context || !d->lanes[i].buffer)
			return -ENOMEM;
	return 0;
}

int digests_open(struct digests *d, int workers, const _Atomic int *interrupted)
{
	*d = (struct digests){ .interrupted = interrupted };
	// Fetched once: EVP_sha256() is looked up anew, under a lock, in each
	// EVP_DigestInit_ex (crypto(7), "Performance").
	d->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!d->algorithm)
		return -EINVAL;
	int error = pool_open(&d->pool,
			      &(struct pool_options){ .kind = POOL_SHARED,
						      .workers = workers,
						      .capacity = QUEUE });
	if (!error)
		error = make_lanes(d, pool_workers(d->pool));
	if (error)
		digests_close(d);
	return error;
}

void digests_close(struct digests *d)
{
	int workers = d->pool ? pool_workers(d->pool) : 0;

	if (d->pool)
		(void)pool_stop(d->pool, POOL_DROP);
	pool_close(d->pool);
	for (int i = 0; d->lanes && i < workers; i++) {
		EVP_MD_CTX_free(d->lanes[i].context);
		free(d->lanes[i].buffer);
	}
	free(d->lanes);
	EVP_MD_free(d->algorithm);
	*d = (struct digests){ 0 };
}

static int digest_all(struct digest *digest, struct lane *lane, int fd)
{
	struct digests *all = digest->all;
	ssize_t n;

	if (!EVP_DigestInit_ex(lane->context, all->algorithm, NULL))
		return EIO;
	while ((n = read(fd, lane->buffer, BUFFER)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno;
		if (*all->interrupted)
			return ECANCELED;
		if (!EVP_DigestUpdate(lane->context, lane->buffer, n))
			return EIO;
		// relaxed: for the eye only
		atomic_fetch_add_explicit(&all->bytes, n, memory_order_relaxed);
	}
	return EVP_DigestFinal_ex(lane->context, digest->sum, NULL) ? 0 : EIO;
}

// Between the walk and now a file may have become a FIFO, which would make us
// wait (O_NONBLOCK), a terminal (O_NOCTTY) or a link out of the tree (O_NOFOLLOW).
void digest_run(struct pool_worker *me, struct pool_task *task)
{
	struct digest *digest = (struct digest *)task;
	struct lane *lane = &digest->all->lanes[pool_index(me)];
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct stat st;

	if (*digest->all->interrupted) {
		digest->error = ECANCELED;
		return;
	}
	int fd = open(digest->path, flags | (digest->named ? 0 : O_NOFOLLOW));
	if (fd == -1) {
		digest->error = errno;
		return;
	}
	if (fstat(fd, &st) == -1)
		digest->error = errno;
	else if (!S_ISREG(st.st_mode))
		digest->error = EINVAL;
	else
		digest->error = digest_all(digest, lane, fd);
	close(fd);
}

// # Deleted files as files of the host
//
// The content alone, and the image is only read. FILE is new, or it is not written;
// with --all the files get their names (of several the first), in one directory,
// and nothing in it is replaced.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/img/beneath.h"
#include "fs/img/undelete.h"
#include "must.h"

static int write_all(int fd, const uint8_t *bytes, size_t n, off_t offset)
{
	while (n) {
		ssize_t done = offset < 0 ? write(fd, bytes, n)
					  : pwrite(fd, bytes, n, offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		bytes += done;
		n -= (size_t)done;
		if (offset >= 0)
			offset += done;
	}
	return 0;
}

// What is between the runs: to a file it is a hole.
static int write_zeros(int fd, uint64_t n)
{
	static const uint8_t zeros[65536];
	int error = 0;

	while (n && !error) {
		size_t some = n < sizeof zeros ? (size_t)n : sizeof zeros;
		error = write_all(fd, zeros, some, -1);
		n -= some;
	}
	return error;
}

static int write_content(struct plan *p, const struct back *b, int fd,
			 bool stream)
{
	uint32_t bytes = p->search->numbers.block_bytes;
	uint64_t size = b->inode.size, at = 0;
	int error = 0;

	for (size_t i = 0; i < b->run_count && !error; i++) {
		const struct ext2_run *run = &b->runs[i];
		for (uint64_t k = 0; k < run->blocks && !error; k++) {
			uint64_t offset = (run->logical + k) * bytes;
			uint64_t left = size - offset;
			size_t n = left < bytes ? (size_t)left : bytes;

			error = ext2_read_block(p->session->fs,
						run->physical + k,
						p->search->block);
			if (!error && stream && offset > at)
				error = write_zeros(fd, offset - at);
			if (!error)
				error = write_all(fd, p->search->block, n,
						  stream ? -1 : (off_t)offset);
			at = offset + n;
		}
	}
	if (!error && stream)
		error = write_zeros(fd, size - at);
	else if (!error && ftruncate(fd, (off_t)size))
		error = -errno;
	return error;
}

static void keep_times(int fd, const struct ext2_inode *inode)
{
	const struct timespec times[2] = {
		{ inode->atime.seconds, inode->atime.ns },
		{ inode->mtime.seconds, inode->mtime.ns },
	};

	// A host that cannot have such a time keeps its own.
	if (futimens(fd, times))
		return;
}

static int write_file(struct plan *p, const struct back *b, int dir,
		      const char *name)
{
	int fd = openat(dir, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0666);
	int error = fd < 0 ? -errno : write_content(p, b, fd, false);

	if (fd < 0)
		return error;
	keep_times(fd, &b->inode);
	if (!error && fsync(fd))
		error = -errno;
	if (close(fd) && !error)
		error = -errno;
	if (error)
		unlinkat(dir, name, 0);
	return error;
}

static int prepare(struct plan *p, struct back *b)
{
	const char *why = back_why_not(p->bring, b->d);

	if (!why && !S_ISREG(b->d->mode))
		why = "only files of data go to the host (--to brings it back "
		      "in the image)";
	if (why)
		return back_left_out(p, b->d, why);
	int error = deleted_inode(p->search, b->d, &b->inode);
	if (!error && !possible_size(p->session, &b->inode))
		return back_left_out(p, b->d, "no file can be so long");
	if (!error)
		error = deleted_runs(p->search, b->d, &b->inode, false,
				     &b->runs, &b->run_count);
	return error ? complain(p->session, error, "cannot read inode %" PRIu32,
				b->d->ino)
		     : EXIT_SUCCESS;
}

static int one_to_host(struct plan *p, const char *output)
{
	struct back *b = &p->back[0];
	int error, status = prepare(p, b);

	if (status)
		return status;
	if (!strcmp(output, "-")) {
		fflush(stdout);
		error = write_content(p, b, STDOUT_FILENO, true);
		p->session->quiet = true;
	} else {
		error = write_file(p, b, AT_FDCWD, output);
	}
	if (error)
		return complain(p->session, error, "cannot write %s", output);
	if (strcmp(output, "-") != 0)
		back_tell(p, b, output, NULL);
	return EXIT_SUCCESS;
}

static int all_to_host(struct plan *p, const char *output)
{
	struct beneath beneath;
	int status = EXIT_SUCCESS;
	int error = beneath_begin(&beneath, output);

	if (error)
		return complain(p->session, error, "%s", output);
	for (size_t i = 0; i < p->count && !status; i++) {
		struct back *b = &p->back[i];
		if (prepare(p, b))
			continue;
		char *name = back_name(b, 0);
		error = beneath_good_name(name, strlen(name))
				? write_file(p, b, beneath_here(&beneath), name)
				: -EEXIST;
		if (error == -EEXIST) {
			free(name);
			name = back_name(b, 1);
			error = write_file(p, b, beneath_here(&beneath), name);
		}
		if (error)
			status = complain(p->session, error,
					  "cannot write %s in %s", name,
					  output);
		else
			back_tell(p, b, name, NULL);
		free(name);
		free(b->runs);
		b->runs = NULL;
	}
	if (!status && fsync(beneath_here(&beneath)))
		status = complain(p->session, errno, "%s", output);
	beneath_end(&beneath);
	return status;
}

int bring_to_host(const struct bring *bring)
{
	struct plan plan;
	int status;

	plan_begin(&plan, bring);
	if (bring->which) {
		plan_add(&plan, bring->which, NOWHERE, 0, NULL);
		status = one_to_host(&plan, bring->output);
	} else {
		plan_add_all(&plan, 0);
		status = all_to_host(&plan, bring->output);
	}
	return plan_end(&plan, status);
}

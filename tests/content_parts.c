#define _GNU_SOURCE
#include "content_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

char content_folder[64], content_image[96];

void content_set_up(void)
{
	snprintf(content_folder, sizeof content_folder,
		 "/dev/shm/content-test-XXXXXX");
	if (!mkdtemp(content_folder)) {
		snprintf(content_folder, sizeof content_folder,
			 "/tmp/content-test-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(content_folder));
	}
	snprintf(content_image, sizeof content_image, "%s/image",
		 content_folder);
}

void content_tear_down(void)
{
	content_do("rm -rf '%s'", content_folder);
}

char *content_shell(const char *fmt, ...)
{
	char *command, *whole, *out;
	va_list args;

	va_start(args, fmt);
	ck_assert_int_ge(vasprintf(&command, fmt, args), 0);
	va_end(args);
	ck_assert_int_ge(asprintf(&whole,
				  "PATH=$PATH:/usr/sbin:/sbin LC_ALL=C; "
				  "export PATH LC_ALL; cd '%s' && %s",
				  content_folder, command),
			 0);

	struct outcome o = run_shell(whole);

	ck_assert_msg(o.exit == 0, "%s: exit %d\n%s%s", command, o.exit, o.out,
		      o.err);
	out = o.out;
	free(o.err);
	free(command);
	free(whole);
	return out;
}

bool content_zeros(const uint8_t *bytes, size_t n)
{
	return !n || (!bytes[0] && !memcmp(bytes, bytes + 1, n - 1));
}

bool content_judges(void)
{
	char *out = content_shell(
		"(command -v mke2fs && command -v e2fsck && "
		"command -v debugfs) >/dev/null && echo yes || echo no");
	bool yes = !strcmp(out, "yes\n");

	free(out);
	return yes;
}

void content_make_image(const char *options, const char *size, int files)
{
	char list[96];
	FILE *script;

	content_do("rm -f image && mke2fs -q -F %s image %s", options, size);
	if (!files)
		return;
	snprintf(list, sizeof list, "%s/script", content_folder);
	script = fopen(list, "w");
	ck_assert_ptr_nonnull(script);
	for (int i = 0; i < files; i++)
		fprintf(script, "write /dev/null f%d\n", i);
	ck_assert_int_eq(fclose(script), 0);
	content_do("debugfs -w -f script image");
}

struct content_image content_open(int flags)
{
	struct content_image image;
	struct ext2_refusal why;
	int error = device_file(content_image,
				flags & EXT2_WRITE ? DEVICE_WRITE : DEVICE_READ,
				0, 0, &image.device);

	ck_assert_int_eq(error, 0);
	error = ext2_open(image.device, flags, &image.fs, &why);
	ck_assert_msg(error == 0, "%s: %s", strerror(-error), why.text);
	return image;
}

void content_close(struct content_image *image)
{
	ext2_close(image->fs);
	device_close(image->device);
}

void content_commit(struct content_image *image)
{
	ck_assert_int_eq(ext2_commit(image->fs), 0);
}

void content_check(void)
{
	content_do("e2fsck -fn image");
}

// --- models ---------------------------------------------------------------------

int content_model(void)
{
	int fd = memfd_create("model", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

// The next stretch of data from *at on; false: there is none.
static bool next_data(int fd, off_t *at, off_t *end)
{
	*at = lseek(fd, *at, SEEK_DATA);
	if (*at < 0) {
		ck_assert_int_eq(errno, ENXIO);
		return false;
	}
	*end = lseek(fd, *at, SEEK_HOLE);
	ck_assert_int_gt(*end, *at);
	return true;
}

enum { PIECE = 1 << 16 };

static void read_whole(int fd, uint8_t *bytes, size_t n, off_t at)
{
	ck_assert_int_eq(pread(fd, bytes, n, at), (ssize_t)n);
}

int content_model_copy(int model)
{
	int copy = content_model();
	uint8_t *bytes = malloc(PIECE);
	struct stat stat;

	ck_assert_int_eq(fstat(model, &stat), 0);
	ck_assert_int_eq(ftruncate(copy, stat.st_size), 0);
	for (off_t at = 0, end; next_data(model, &at, &end); at = end)
		for (; at < end;) {
			size_t n = end - at < PIECE ? (size_t)(end - at)
						    : PIECE;

			read_whole(model, bytes, n, at);
			ck_assert_int_eq(pwrite(copy, bytes, n, at),
					 (ssize_t)n);
			at += (off_t)n;
		}
	free(bytes);
	return copy;
}

void content_fill(struct random *random, uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(random_next(random) >> 56 | 1);
}

void content_island(int model, struct random *random, uint64_t offset, size_t n)
{
	uint8_t *bytes = malloc(n);

	content_fill(random, bytes, n);
	ck_assert_int_eq(pwrite(model, bytes, n, (off_t)offset), (ssize_t)n);
	free(bytes);
}

struct content_edges content_edges(uint32_t block_bytes)
{
	uint64_t p = block_bytes / 4;
	struct content_edges edges = { { 12, 12 + p, 12 + p + p * p,
					 12 + p + p * p + p * p * p } };

	return edges;
}

static void compare_stretch(struct ext2 *fs, uint32_t ino, int model, off_t at,
			    off_t end)
{
	uint8_t *ours = malloc(PIECE), *theirs = malloc(PIECE);

	while (at < end) {
		size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;

		ck_assert_int_eq(ext2_read(fs, ino, (uint64_t)at, ours, n),
				 (int64_t)n);
		read_whole(model, theirs, n, at);
		for (size_t i = 0; memcmp(ours, theirs, n); i++)
			if (ours[i] != theirs[i])
				ck_abort_msg("inode %u, byte %lld: %02x, not "
					     "%02x",
					     ino, (long long)at + (long long)i,
					     ours[i], theirs[i]);
		at += (off_t)n;
	}
	free(ours);
	free(theirs);
}

static int count_one(void *context, const struct ext2_map_block *block)
{
	ck_assert_uint_ge(block->level, 1);
	++*(uint64_t *)context;
	return 0;
}

void content_compare(struct ext2 *fs, uint32_t ino, int model)
{
	struct ext2_inode inode;
	struct ext2_numbers numbers;
	uint64_t blocks = 0, at = 0;
	struct stat stat;

	ext2_numbers(fs, &numbers);
	ck_assert_int_eq(ext2_inode(fs, ino, &inode), 0);
	ck_assert_int_eq(fstat(model, &stat), 0);
	ck_assert_uint_eq(inode.size, (uint64_t)stat.st_size);
	for (;;) {
		struct ext2_run run;
		uint64_t byte = at * numbers.block_bytes, end;

		ck_assert_int_eq(ext2_run_at(fs, &inode, at, &run), 0);
		if (!run.blocks)
			break;
		ck_assert_uint_eq(run.logical, at);
		at += run.blocks;
		end = at * numbers.block_bytes;
		if (end > inode.size)
			end = inode.size;
		if (!run.physical)
			continue;
		blocks += run.blocks;
		if (!run.unwritten)
			compare_stretch(fs, ino, model, (off_t)byte,
					(off_t)end);
	}
	ck_assert_uint_eq(at, (inode.size + numbers.block_bytes - 1) /
				      numbers.block_bytes);
	for (off_t from = 0, end; next_data(model, &from, &end); from = end)
		compare_stretch(fs, ino, model, from, end);
	ck_assert_int_eq(ext2_map_blocks(fs, &inode, count_one, &blocks), 0);
	blocks += inode.xattr_block != 0;
	ck_assert_uint_eq(inode.sectors, blocks * (numbers.block_bytes / 512));
}

static void compare_data(int a, int b)
{
	uint8_t *x = malloc(PIECE), *y = malloc(PIECE);

	for (off_t at = 0, end; next_data(a, &at, &end); at = end)
		while (at < end) {
			size_t n = end - at < PIECE ? (size_t)(end - at)
						    : PIECE;

			read_whole(a, x, n, at);
			read_whole(b, y, n, at);
			ck_assert_msg(!memcmp(x, y, n), "they differ at %lld",
				      (long long)at);
			at += (off_t)n;
		}
	free(x);
	free(y);
}

void content_compare_files(int a, int b)
{
	struct stat x, y;

	ck_assert_int_eq(fstat(a, &x), 0);
	ck_assert_int_eq(fstat(b, &y), 0);
	ck_assert_int_eq(x.st_size, y.st_size);
	compare_data(a, b);
	compare_data(b, a);
}

// --- the kernel -----------------------------------------------------------------

static const char *mount_and_work(const char *options, const char *folder,
				  const char *(*work)(const char *, void *),
				  void *context)
{
	char command[512];
	const char *why;

	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return "cannot mount: no mount namespace";
	snprintf(command, sizeof command,
		 "PATH=$PATH:/usr/sbin:/sbin; mount -o %s %s %s 2>/dev/null",
		 options, content_image, folder);
	if (system(command))
		return "cannot mount: no loop device";
	why = work(folder, context);
	if (umount(folder))
		return "umount failed";
	return why;
}

bool content_mounted(const char *options,
		     const char *(*work)(const char *folder, void *context),
		     void *context, char why[256])
{
	char folder[96];
	int ends[2], status;
	ssize_t n;
	pid_t child;

	snprintf(folder, sizeof folder, "%s/mounted", content_folder);
	ck_assert(mkdir(folder, 0700) == 0 || errno == EEXIST);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child) {
		const char *text = mount_and_work(options, folder, work,
						  context);

		if (text)
			_exit(write(ends[1], text, strlen(text)) < 0 ? 2 : 1);
		_exit(0);
	}
	close(ends[1]);
	n = read(ends[0], why, 255);
	why[n > 0 ? n : 0] = 0;
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status == 0;
}

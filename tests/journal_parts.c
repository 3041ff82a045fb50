#define _GNU_SOURCE
#include "journal_parts.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char journal_folder[64];

void journal_set_up(void)
{
	snprintf(journal_folder, sizeof(journal_folder),
		 "/dev/shm/journal-test-XXXXXX");
	if (mkdtemp(journal_folder))
		return;
	snprintf(journal_folder, sizeof(journal_folder),
		 "/tmp/journal-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(journal_folder));
}

void journal_tear_down(void)
{
	journal_do("rm -rf '%s'", journal_folder);
}

static int run_in_folder(char **out, const char *command)
{
	char *whole;

	ck_assert_int_ge(asprintf(&whole,
				  "PATH=$PATH:/usr/sbin:/sbin LC_ALL=C; "
				  "export PATH LC_ALL; exec 2>&1; "
				  "cd '%s' && { %s\n}",
				  journal_folder, command),
			 0);
	struct outcome outcome = run_shell(whole);

	free(whole);
	ck_assert_int_eq(outcome.signal, 0);
	free(outcome.err);
	if (out)
		*out = outcome.out;
	else
		free(outcome.out);
	return outcome.exit;
}

int journal_shell(char **out, const char *fmt, ...)
{
	char *command;
	va_list args;

	va_start(args, fmt);
	ck_assert_int_ge(vasprintf(&command, fmt, args), 0);
	va_end(args);
	int status = run_in_folder(out, command);

	free(command);
	return status;
}

void journal_do(const char *fmt, ...)
{
	char *command, *out;
	va_list args;

	va_start(args, fmt);
	ck_assert_int_ge(vasprintf(&command, fmt, args), 0);
	va_end(args);
	int status = run_in_folder(&out, command);

	ck_assert_msg(status == 0, "%s: exit %d\n%s", command, status, out);
	free(command);
	free(out);
}

bool journal_judges(void)
{
	return journal_shell(NULL, "command -v mke2fs && command -v e2fsck && "
				   "command -v debugfs") == 0;
}

bool journal_mounts(void)
{
	return geteuid() == 0 &&
	       journal_shell(NULL, "mke2fs -q -F -t ext3 probe 4m && mkdir m; "
				   "unshare -m sh -c 'mount -o loop probe m && "
				   "umount m'; s=$?; rm probe; exit $s") == 0;
}

// ## Images

static int open_in_folder(const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", journal_folder, name);
	int fd = open(path, flags | O_CLOEXEC, 0600);

	ck_assert_msg(fd >= 0, "%s", path);
	return fd;
}

struct image image_load(const char *name)
{
	int fd = open_in_folder(name, O_RDONLY);
	struct stat stat;

	ck_assert_int_eq(fstat(fd, &stat), 0);
	struct image image = { malloc((size_t)stat.st_size),
			       (size_t)stat.st_size };

	ck_assert_ptr_nonnull(image.bytes);
	ck_assert_int_eq(pread(fd, image.bytes, image.n, 0), (ssize_t)image.n);
	close(fd);
	return image;
}

void image_save(const char *name, const struct image *image)
{
	int fd = open_in_folder(name, O_WRONLY | O_CREAT | O_TRUNC);

	ck_assert_int_eq(pwrite(fd, image->bytes, image->n, 0),
			 (ssize_t)image->n);
	close(fd);
}

void image_free(struct image *image)
{
	free(image->bytes);
	image->bytes = NULL;
}

struct device *image_device(const struct image *image)
{
	struct device *device;

	ck_assert_int_eq(device_memory(image->n, &device), 0);
	ck_assert_int_eq(device_write(device, 0, image->bytes, image->n), 0);
	return device;
}

struct image image_of(struct device *device)
{
	struct image image = { malloc(device->bytes), device->bytes };

	ck_assert_ptr_nonnull(image.bytes);
	ck_assert_int_eq(device_read(device, 0, image.bytes, image.n), 0);
	return image;
}

int replay_file(const char *name, uint64_t *found)
{
	struct device *device;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", journal_folder, name);
	ck_assert_int_eq(device_file(path, DEVICE_WRITE, 0, 0, &device), 0);
	int error = journal_replay(device, found);

	device_close(device);
	return error;
}

// ## Comparing

static bool in_super(const struct log *log, uint64_t byte)
{
	const uint64_t group = (uint64_t)get32(log->fs.s_blocks_per_group) *
			       log->block_bytes;
	const uint64_t first = (uint64_t)get32(log->fs.s_first_data_block) *
			       log->block_bytes;

	if (byte >= SUPER_OFFSET && byte < SUPER_OFFSET + SUPER_BYTES)
		return true;
	return byte >= first && (byte - first) % group < SUPER_BYTES &&
	       byte - first >= group;
}

static bool in_checksums(const struct log *log, uint64_t byte)
{
	const uint64_t table =
		(get32(log->fs.s_first_data_block) + UINT64_C(1)) *
		log->block_bytes;
	const bool wide = get32(log->fs.s_feature_incompat) & INCOMPAT_64BIT;
	const uint64_t at = (byte - table) %
			    (wide ? GROUP_BYTES_64 : GROUP_BYTES);

	return byte >= table && byte < table + log->block_bytes &&
	       ((at >= 18 && at < 20) || (at >= 28 && at < 32));
}

bool image_same(const struct image *a, const struct image *b, bool descriptors,
		char why[200])
{
	struct device *device = image_device(a);
	struct log log;
	bool same = true;

	ck_assert_uint_eq(a->n, b->n);
	ck_assert_int_eq(log_open(&log, device), 0);
	uint8_t *journal = calloc(1, a->n / log.block_bytes + 1);

	for (uint64_t n = 0; n < log.inode_blocks; n++) {
		uint64_t place;

		ck_assert_int_eq(log_place(&log, n, &place), 0);
		journal[place] = 1;
	}
	for (uint64_t block = 0; block < a->n / log.block_bytes; block++) {
		const uint64_t from = block * log.block_bytes;

		if (journal[block] ||
		    !memcmp(a->bytes + from, b->bytes + from, log.block_bytes))
			continue;
		for (uint64_t i = from; same && i < from + log.block_bytes; i++)
			if (a->bytes[i] != b->bytes[i] && !in_super(&log, i) &&
			    !(descriptors && in_checksums(&log, i))) {
				snprintf(why, 200,
					 "block %llu differs at byte %llu",
					 (unsigned long long)block,
					 (unsigned long long)(i - from));
				same = false;
			}
	}
	free(journal);
	log_close(&log);
	device_close(device);
	return same;
}

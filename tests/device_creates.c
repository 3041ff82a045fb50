// Tests of fs/ext2/device_create: whole, or not at all.

#define _GNU_SOURCE
#include "device_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IMAGE = 100000 };

static const uint8_t mark[] = "a mark at the end";

static struct device *create(void)
{
	struct device *d;

	ck_assert_int_eq(device_create(device_path("image"), IMAGE, &d), 0);
	ck_assert_int_eq(
		device_write(d, IMAGE - sizeof(mark), mark, sizeof(mark)), 0);
	return d;
}

static void check_whole(const char *path)
{
	size_t n;
	uint8_t *bytes = file_bytes(path, &n);
	struct stat info;

	ck_assert_uint_eq(n, IMAGE);
	ck_assert_mem_eq(bytes + IMAGE - sizeof(mark), mark, sizeof(mark));
	for (size_t i = 0; i < IMAGE - sizeof(mark); i++)
		ck_assert_uint_eq(bytes[i], 0);
	ck_assert_int_eq(stat(path, &info), 0);
	ck_assert_int_eq(info.st_nlink, 1);
	ck_assert_int_lt(info.st_blocks * 512, IMAGE / 2); // sparse
	free(bytes);
}

START_TEST(create_appears_when_published)
{
	struct device *d = create();
	struct stat info;
	mode_t mask = umask(027);

	umask(mask);
	ck_assert_int_eq(entries_of_folder(), 0);
	ck_assert_int_eq(device_publish(d), 0);
	ck_assert_int_eq(entries_of_folder(), 1);
	check_whole(device_path("image"));
	ck_assert_int_eq(stat(device_path("image"), &info), 0);
	ck_assert_int_eq(info.st_mode, S_IFREG | (0666 & ~mask));
	// It is an image like any other now, and still ours.
	ck_assert_int_eq(device_publish(d), -EINVAL);
	ck_assert_int_eq(device_write(d, 0, "", 1), 0);
	struct device *other;
	ck_assert_int_eq(device_file(device_path("image"), DEVICE_READ, 0, 0,
				     &other),
			 -EWOULDBLOCK);
	device_close(d);
	check_whole(device_path("image"));

	ck_assert_int_eq(device_memory(10, &d), 0);
	ck_assert_int_eq(device_publish(d), -EINVAL);
	device_close(d);
}
END_TEST

START_TEST(create_heeds_umask)
{
	mode_t mask = umask(027);
	struct device *d = create();
	struct stat info;

	umask(mask);
	ck_assert_int_eq(device_publish(d), 0);
	device_close(d);
	ck_assert_int_eq(stat(device_path("image"), &info), 0);
	ck_assert_int_eq(info.st_mode, S_IFREG | 0640);
}
END_TEST

START_TEST(create_not_published_is_gone)
{
	device_close(create());
	ck_assert_int_eq(entries_of_folder(), 0);

	make_file(device_path("image"), "old", 3);
	device_close(create());
	ck_assert_int_eq(entries_of_folder(), 1);

	size_t n;
	uint8_t *bytes = file_bytes(device_path("image"), &n);

	ck_assert_uint_eq(n, 3);
	free(bytes);
}
END_TEST

START_TEST(create_killed_leaves_nothing)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		create();
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(entries_of_folder(), 0);
}
END_TEST

START_TEST(create_replaces_a_file)
{
	struct device *d;
	struct stat info;

	make_file(device_path("image"), "old", 3);
	ck_assert_int_eq(chmod(device_path("image"), 04604), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(chown(device_path("image"), 1000, 1001), 0);
	ck_assert_int_eq(stat(device_path("image"), &info), 0);
	d = create();
	ck_assert_int_eq(entries_of_folder(), 1);
	ck_assert_int_eq(device_publish(d), 0);
	device_close(d);
	ck_assert_int_eq(entries_of_folder(), 1);
	check_whole(device_path("image"));

	struct stat now;

	ck_assert_int_eq(stat(device_path("image"), &now), 0);
	ck_assert_int_eq(now.st_mode, S_IFREG | 0604);
	ck_assert_int_eq(now.st_uid, info.st_uid);
	ck_assert_int_eq(now.st_gid, info.st_gid);
	ck_assert(now.st_ino != info.st_ino);
}
END_TEST

// Somebody makes a file of this name while we are at it.
START_TEST(create_is_overtaken)
{
	struct device *d = create();

	make_file(device_path("image"), "faster", 6);
	ck_assert_int_eq(device_publish(d), 0);
	device_close(d);
	check_whole(device_path("image"));
	ck_assert_int_eq(entries_of_folder(), 1);
}
END_TEST

START_TEST(create_refuses)
{
	struct device *d;
	char path[400], *name;

	ck_assert_int_eq(device_create("/", IMAGE, &d), -EISDIR);
	ck_assert_int_eq(device_create("", IMAGE, &d), -ENOENT);
	ck_assert_int_eq(device_create(device_folder, IMAGE, &d), -EEXIST);
	ck_assert_int_eq(device_create("/dev/null", IMAGE, &d), -EEXIST);
	ck_assert_int_eq(device_create(device_path("no/image"), IMAGE, &d),
			 -ENOENT);
	make_file(device_path("file"), "", 0);
	ck_assert_int_eq(device_create(device_path("file/image"), IMAGE, &d),
			 -ENOTDIR);
	ck_assert_int_eq(unlink(device_path("file")), 0);
	ck_assert_int_eq(mkfifo(device_path("fifo"), 0600), 0);
	ck_assert_int_eq(device_create(device_path("fifo"), IMAGE, &d),
			 -EEXIST);
	ck_assert_int_eq(unlink(device_path("fifo")), 0);
	ck_assert_int_eq(device_create(device_path("image"), UINT64_MAX, &d),
			 -EFBIG);
	ck_assert_int_eq(device_create(device_path("image"), INT64_MAX, &d),
			 -EFBIG);
	if (geteuid() != 0)
		ck_assert_int_eq(device_create("/image", IMAGE, &d), -EACCES);
	ck_assert_int_eq(entries_of_folder(), 0);

	// The longest name there can be, and one that is longer.
	snprintf(path, sizeof(path), "%s/", device_folder);
	name = path + strlen(path);
	memset(name, 'n', 256);
	name[256] = '\0';
	ck_assert_int_eq(device_create(path, IMAGE, &d), -ENAMETOOLONG);
	name[255] = '\0';
	make_file(path, "", 0);
	ck_assert_int_eq(device_create(path, 1, &d), 0);
	ck_assert_int_eq(device_publish(d), 0);
	device_close(d);
	ck_assert_int_eq(entries_of_folder(), 1);
}
END_TEST

START_TEST(create_in_the_current_directory)
{
	int before = open(".", O_PATH | O_CLOEXEC);
	struct device *d;

	ck_assert_int_eq(chdir(device_folder), 0);
	ck_assert_int_eq(device_create("image", IMAGE, &d), 0);
	ck_assert_int_eq(
		device_write(d, IMAGE - sizeof(mark), mark, sizeof(mark)), 0);
	// The place is that of the beginning.
	ck_assert_int_eq(fchdir(before), 0);
	close(before);
	ck_assert_int_eq(device_publish(d), 0);
	device_close(d);
	check_whole(device_path("image"));
}
END_TEST

START_TEST(create_through_a_symlink)
{
	struct device *d;
	struct stat info;

	make_file(device_path("target"), "old", 3);
	ck_assert_int_eq(symlink("target", device_path("image")), 0);
	d = create();
	ck_assert_int_eq(device_publish(d), 0);
	device_close(d);
	check_whole(device_path("target"));
	ck_assert_int_eq(lstat(device_path("image"), &info), 0);
	ck_assert(S_ISLNK(info.st_mode));

	ck_assert_int_eq(unlink(device_path("target")), 0);
	ck_assert_int_eq(device_create(device_path("image"), IMAGE, &d),
			 -EEXIST);
}
END_TEST

START_TEST(create_over_what_is_in_use)
{
	struct device *user, *d;

	make_file(device_path("image"), "old", 3);
	for (int mode = 0; mode < 2; mode++) {
		ck_assert_int_eq(device_file(device_path("image"), mode, 0, 0,
					     &user),
				 0);
		ck_assert_int_eq(device_create(device_path("image"), IMAGE, &d),
				 -EWOULDBLOCK);
		device_close(user);
	}
	// And nobody begins to use it while its end is prepared.
	d = create();
	ck_assert_int_eq(device_file(device_path("image"), DEVICE_READ, 0, 0,
				     &user),
			 -EWOULDBLOCK);
	device_close(d);
}
END_TEST

// Whoever has the image open for writing may put a new one in its place.
START_TEST(create_over_what_we_hold)
{
	struct device *held, *d;

	make_file(device_path("image"), "old", 3);
	ck_assert_int_eq(device_file(device_path("image"), DEVICE_WRITE, 0, 0,
				     &held),
			 0);
	ck_assert_int_eq(device_create(device_path("image"), IMAGE, &d),
			 -EWOULDBLOCK);
	ck_assert_int_eq(
		device_create_over(held, device_path("image"), IMAGE, &d), 0);
	ck_assert_int_eq(
		device_write(d, IMAGE - sizeof(mark), mark, sizeof(mark)), 0);
	ck_assert_int_eq(device_publish(d), 0);
	device_close(d);
	check_whole(device_path("image"));

	// It has been replaced: another file has the name now.
	ck_assert_int_eq(device_create_over(held, device_path("image"), IMAGE,
					    &d),
			 -EWOULDBLOCK);
	device_close(held);
	ck_assert_int_eq(device_memory(10, &held), 0);
	ck_assert_int_eq(device_create_over(held, device_path("image"), IMAGE,
					    &d),
			 -EINVAL);
	device_close(held);
	check_whole(device_path("image"));
}
END_TEST

// Another image gets the name between the look at it and its lock.
static int64_t replace_before_lock(void *context, int number,
				   const uint64_t argument[6])
{
	int *turns = context;

	(void)number;
	(void)argument;
	if (*turns) {
		*turns = 0;
		make_file(device_path("other"), "newer", 5);
		rename(device_path("other"), device_path("image"));
	}
	return CALL_GOES_ON;
}

static void create_in_a_race(void *context)
{
	struct device *d;
	int *result = (int *)context + 1;

	*result = device_create(device_path("image"), IMAGE, &d);
	if (!*result)
		device_close(d);
}

START_TEST(create_over_what_was_just_replaced)
{
	int context[2] = { 1, 0 }; // turns, the result

	make_file(device_path("image"), "old", 3);
	if (!run_filtered(&(struct filtered){
		    .numbers = (const int[]){ SYS_flock, -1 },
		    .answer = replace_before_lock,
		    .body = create_in_a_race,
		    .context = context }))
		SKIP(NO_FILTERS);
	ck_assert_int_eq(context[1], -EWOULDBLOCK);
	ck_assert_int_eq(entries_of_folder(), 1);
}
END_TEST

// ## The calls it makes

#ifdef SYS_access
#define CALL_ACCESS SYS_access // what access(3) is on older architectures
#else
#define CALL_ACCESS SYS_faccessat
#endif

enum { CALLS_MOST = 64 };

struct creating {
	bool exists;     // the name, before
	bool named;      // O_TMPFILE is refused
	bool no_proc;    // what has no name cannot be linked
	int fail, error; // which call of those below
	int created, published;
	int calls, made[CALLS_MOST];
	int entries; // of the folder before it was published
};

static int64_t watch(void *context, int number, const uint64_t argument[6])
{
	struct creating *c = context;

	if (number == SYS_openat)
		return c->named && (argument[2] & O_TMPFILE) == O_TMPFILE
			       ? -EOPNOTSUPP
			       : CALL_GOES_ON;
	if (number == SYS_faccessat || number == CALL_ACCESS)
		return c->no_proc ? -ENOENT : CALL_GOES_ON;
	if (c->calls < CALLS_MOST)
		c->made[c->calls] = number;
	return c->calls++ == c->fail ? -c->error : CALL_GOES_ON;
}

static void create_body(void *context)
{
	struct creating *c = context;
	struct device *d;

	c->created = device_create(device_path("image"), IMAGE, &d);
	if (c->created)
		return;
	c->published = device_write(d, IMAGE - sizeof(mark), mark,
				    sizeof(mark));
	c->entries = entries_of_folder();
	if (!c->published)
		c->published = device_publish(d);
	device_close(d);
}

static bool create_watched(struct creating *c)
{
	const int numbers[] = { SYS_fsync,     SYS_linkat, SYS_renameat,
				SYS_renameat2, SYS_openat, SYS_faccessat,
				CALL_ACCESS,   -1 };

	if (c->exists)
		make_file(device_path("image"), "old", 3);
	return run_filtered(&(struct filtered){ .numbers = numbers,
						.answer = watch,
						.body = create_body,
						.context = c });
}

// The file is flushed before it has a name, the directory after.
START_TEST(create_flushes_in_order)
{
	const struct {
		bool exists, named, no_proc;
		int entries;
		const char *calls; // F flush, L link, R rename
	} rows[] = {
		{ false, false, false, 0, "FLF" },
		{ true, false, false, 1, "FLLRF" }, // the first link: EEXIST
		{ false, true, false, 1, "FRF" },
		{ true, true, false, 2, "FRF" },
		{ false, false, true, 1, "FRF" },
		{ true, false, true, 2, "FRF" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct creating c = { .exists = rows[i].exists,
				      .named = rows[i].named,
				      .no_proc = rows[i].no_proc,
				      .fail = -1 };
		char calls[CALLS_MOST + 1] = "";

		if (!create_watched(&c))
			SKIP(NO_FILTERS);
		ck_assert_int_eq(c.created, 0);
		ck_assert_int_eq(c.published, 0);
		ck_assert_int_eq(c.entries, rows[i].entries);
		for (int k = 0; k < c.calls && k < CALLS_MOST; k++)
			calls[k] = c.made[k] == SYS_fsync    ? 'F'
				   : c.made[k] == SYS_linkat ? 'L'
							     : 'R';
		ck_assert_str_eq(calls, rows[i].calls);
		check_whole(device_path("image"));
		ck_assert_int_eq(entries_of_folder(), 1);
		ck_assert_int_eq(unlink(device_path("image")), 0);
	}
}
END_TEST

// Each of these calls fails once: nothing else is left, and the image is the old
// one or the new one.
START_TEST(create_fails_at_each_call)
{
	int failures = 0;

	for (int way = 0; way < 4; way++)
		for (int fail = 0; fail < 8; fail++) {
			struct creating c = { .exists = way & 1,
					      .named = way & 2,
					      .fail = fail,
					      .error = EIO };
			size_t n;
			uint8_t *bytes;

			if (!create_watched(&c))
				SKIP(NO_FILTERS);
			ck_assert_int_eq(c.created, 0);
			ck_assert_int_eq(c.published,
					 c.calls > fail ? -EIO : 0);
			failures += c.calls > fail;
			if (!access(device_path("image"), F_OK)) {
				ck_assert_int_eq(entries_of_folder(), 1);
				bytes = file_bytes(device_path("image"), &n);
				ck_assert(n == IMAGE || (c.exists && n == 3));
				free(bytes);
				ck_assert_int_eq(unlink(device_path("image")),
						 0);
			} else {
				ck_assert(!c.exists);
				ck_assert_int_eq(entries_of_folder(), 0);
			}
		}
	// F L F, F L L R F, F R F, F R F
	ck_assert_int_eq(failures, 3 + 5 + 3 + 3);
}
END_TEST

// A directory that may be written and not read cannot be opened for a flush.
START_TEST(create_in_a_directory_that_cannot_be_read)
{
	uid_t before = geteuid();
	struct device *d;

	if (before == 0)
		ck_assert_int_eq(chown(device_folder, 65534, 65534), 0);
	ck_assert_int_eq(chmod(device_folder, 0300), 0);
	if (before == 0)
		ck_assert_int_eq(seteuid(65534), 0);

	int error = device_create(device_path("image"), 100, &d);

	if (!error) {
		error = device_publish(d);
		device_close(d);
	}
	if (before == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(chmod(device_folder, 0700), 0);
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(entries_of_folder(), 1);
}
END_TEST

void add_device_create_tests(Suite *suite)
{
	TCase *tests = tcase_create("create");

	tcase_add_checked_fixture(tests, make_device_folder,
				  remove_device_folder);
	tcase_add_test(tests, create_appears_when_published);
	tcase_add_test(tests, create_heeds_umask);
	tcase_add_test(tests, create_not_published_is_gone);
	tcase_add_test(tests, create_killed_leaves_nothing);
	tcase_add_test(tests, create_replaces_a_file);
	tcase_add_test(tests, create_is_overtaken);
	tcase_add_test(tests, create_refuses);
	tcase_add_test(tests, create_in_the_current_directory);
	tcase_add_test(tests, create_through_a_symlink);
	tcase_add_test(tests, create_over_what_is_in_use);
	tcase_add_test(tests, create_over_what_we_hold);
	tcase_add_test(tests, create_over_what_was_just_replaced);
	tcase_add_test(tests, create_flushes_in_order);
	tcase_add_test(tests, create_fails_at_each_call);
	tcase_add_test(tests, create_in_a_directory_that_cannot_be_read);
	suite_add_tcase(suite, tests);
}

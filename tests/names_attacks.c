// The ledger of names under attack, and under the accidents that look like one.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "names_parts.h"

START_TEST(directory_that_is_a_link)
{
	char name[NAME_BYTES];

	ck_assert_int_eq(symlink("/tmp", directory), 0);
	ck_assert_int_eq(names_open(), -EPERM);
	ck_assert_int_eq(names_fresh(NAME_PATH, name), -EPERM);
	ck_assert_int_eq(names_sweep(), -EPERM);
	ck_assert_int_eq(unlink(directory), 0);
}
END_TEST

START_TEST(directory_open_to_others)
{
	ck_assert_int_eq(mkdir(directory, 0700), 0);
	ck_assert_int_eq(chmod(directory, 0750), 0);
	ck_assert_int_eq(names_open(), -EPERM);
	ck_assert_int_eq(names_sweep(), -EPERM);
	ck_assert_int_eq(chmod(directory, 0700), 0);
	ck_assert_int_eq(names_open(), 0);
}
END_TEST

START_TEST(directory_of_somebody_else)
{
	if (geteuid() != 0)
		SKIP("only root can give a directory away");
	ck_assert_int_eq(mkdir(directory, 0700), 0);
	ck_assert_int_eq(chown(directory, 65534, 65534), 0);
	ck_assert_int_eq(names_open(), -EPERM);
	ck_assert_int_eq(names_sweep(), -EPERM);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

// Whatever it says, nothing is removed that could not be ours.
START_TEST(ledger_of_nonsense)
{
	char ledger[128], victim[128], text[1024];

	ck_assert_int_eq(mkdir(directory, 0700), 0);
	snprintf(ledger, sizeof ledger, "%s/1.2.ledger", directory);
	snprintf(victim, sizeof victim, "%s/victim", temporary);
	write_file(victim, "");
	snprintf(text, sizeof text,
		 "+path ../victim\n+path %s\n+path ..\n"
		 "+path .\n+directory ..\n+directory 1/../../victim\n+shm /x\n"
		 "+posix /oslab.1/2\n+sysv-shm 00000000\n+sysv-shm zzz\n+nokind"
		 " 1.2.3\n+path\n+\n\n-path 1.2.3\n+path 1.2.4",
		 victim);
	write_file(ledger, text);
	ck_assert_int_eq(names_sweep(), 0);
	ck_assert_int_eq(access(ledger, F_OK), -1);
	ck_assert_int_eq(unlink(victim), 0);
}
END_TEST

// A line that was cut does not spoil the one behind it.
START_TEST(ledger_cut_short)
{
	char ledger[512], name[NAME_BYTES];

	ck_assert_int_eq(names_open(), 0);
	DIR *files = opendir(directory);
	struct dirent *entry = NULL;
	ck_assert_ptr_nonnull(files);
	while ((entry = readdir(files)) && !strstr(entry->d_name, ".ledger"))
		;
	ck_assert_ptr_nonnull(entry);
	snprintf(ledger, sizeof ledger, "%s/%s", directory, entry->d_name);
	closedir(files);
	write_file(ledger, "\n+path 1.2");
	ck_assert_int_eq(names_fresh(NAME_PATH, name), 0);
	ck_assert_int_eq(mkfifo(name, 0600), 0);
	ck_assert_int_eq(names_close(), 0);
	ck_assert_int_eq(access(name, F_OK), -1);
}
END_TEST

START_TEST(links_are_not_followed)
{
	char folder[NAME_BYTES], link[NAME_BYTES + 8], kept[128];

	snprintf(kept, sizeof kept, "%s/kept", temporary);
	ck_assert_int_eq(mkdir(kept, 0700), 0);
	snprintf(link, sizeof link, "%s/f", kept);
	write_file(link, "");

	ck_assert_int_eq(names_fresh(NAME_DIRECTORY, folder), 0);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	snprintf(link, sizeof link, "%s/link", folder);
	ck_assert_int_eq(symlink(kept, link), 0);
	// and a name that is itself a link
	ck_assert_int_eq(names_fresh(NAME_DIRECTORY, link), 0);
	ck_assert_int_eq(symlink(kept, link), 0);
	ck_assert_int_eq(names_close(), 0);

	snprintf(link, sizeof link, "%s/f", kept);
	ck_assert_int_eq(unlink(link), 0);
	ck_assert_int_eq(rmdir(kept), 0);
}
END_TEST

// In a mount namespace of its own: a directory bound into ours is not emptied.
static int mount_and_clear(const char *kept)
{
	char folder[NAME_BYTES], inner[NAME_BYTES + 8];

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return 77;
	if (names_fresh(NAME_DIRECTORY, folder) || mkdir(folder, 0700) == -1)
		return 1;
	snprintf(inner, sizeof inner, "%s/inner", folder);
	if (mkdir(inner, 0700) == -1 ||
	    mount(kept, inner, NULL, MS_BIND, NULL) == -1)
		return 2;
	if (names_clear() != -EBUSY)
		return 3;
	if (umount(inner) == -1 || names_close() != 0)
		return 4;
	return 0;
}

START_TEST(mounts_are_not_entered)
{
	char kept[128], file[160];

	snprintf(kept, sizeof kept, "%s/kept", temporary);
	snprintf(file, sizeof file, "%s/f", kept);
	ck_assert_int_eq(mkdir(kept, 0700), 0);
	write_file(file, "");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(mount_and_clear(kept));
	int status = status_of(pid);
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(rmdir(kept), 0);
	if (WEXITSTATUS(status) == 77)
		SKIP("a mount namespace needs root");
	ck_assert_int_eq(status, 0);
}
END_TEST

// With /dev/shm read-only, for us: a name that nobody used is no failure, an
// object that is there is one.
static int clear_read_only(void)
{
	const char *memory = "/dev/shm";
	char unused[NAME_BYTES], used[NAME_BYTES];

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return 77;
	if (names_fresh(NAME_POSIX, unused) || names_fresh(NAME_SHM, used))
		return 1;
	int fd = shm_open(used, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1 || close(fd) == -1 ||
	    mount(memory, memory, NULL, MS_BIND, NULL) == -1 ||
	    mount(NULL, memory, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL))
		return 2;
	if (names_remove(NAME_POSIX, unused, 0) != 0)
		return 3;
	if (names_clear() != -EROFS)
		return 4;
	return umount(memory) == -1 || names_close() != 0 ? 5 : 0;
}

START_TEST(read_only_memory)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(clear_read_only());
	int status = status_of(pid);
	if (WEXITSTATUS(status) == 77)
		SKIP("a mount namespace needs root");
	ck_assert_int_eq(status, 0);
}
END_TEST

// What cannot be removed is remembered.
START_TEST(refusal_is_remembered)
{
	char ledger[128], file[128];

	if (geteuid() == 0)
		SKIP("nothing is refused to root");
	ck_assert_int_eq(mkdir(directory, 0700), 0);
	snprintf(ledger, sizeof ledger, "%s/1.2.ledger", directory);
	snprintf(file, sizeof file, "%s/1.2.3", directory);
	write_file(ledger, "+path 1.2.3\n");
	write_file(file, "");
	ck_assert_int_eq(chmod(directory, 0500), 0);
	ck_assert_int_eq(names_sweep(), -EACCES);
	ck_assert_int_eq(access(ledger, F_OK), 0);
	ck_assert_int_eq(chmod(directory, 0700), 0);
	ck_assert_int_eq(names_sweep(), 1);
}
END_TEST

void add_attack_tests(Suite *suite)
{
	TCase *attacks = tcase_create("attacks");

	suite_add_tcase(suite, attacks);
	tcase_add_checked_fixture(attacks, names_set_up, names_tear_down);
	tcase_add_test(attacks, directory_that_is_a_link);
	tcase_add_test(attacks, directory_open_to_others);
	tcase_add_test(attacks, directory_of_somebody_else);
	tcase_add_test(attacks, ledger_of_nonsense);
	tcase_add_test(attacks, ledger_cut_short);
	tcase_add_test(attacks, links_are_not_followed);
	tcase_add_test(attacks, mounts_are_not_entered);
	tcase_add_test(attacks, read_only_memory);
	tcase_add_test(attacks, refusal_is_remembered);
}

// The folder and the filters of the suite device.
//
// A filter belongs to the thread that installs it (seccomp(2)), so another thread
// of the same process, which has the same memory and descriptors, can stand in for
// the kernel: do half of a read, say EINTR, or first change the world.

#define _GNU_SOURCE
#include "device_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

char device_folder[64];

void make_device_folder(void)
{
	snprintf(device_folder, sizeof(device_folder), "/tmp/device.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(device_folder));
	ck_assert_int_eq(chmod(device_folder, 0777), 0);
}

void remove_device_folder(void)
{
	DIR *dir = opendir(device_folder);
	struct dirent *entry;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		if (unlinkat(dirfd(dir), entry->d_name, 0))
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	closedir(dir);
	ck_assert_int_eq(rmdir(device_folder), 0);
}

const char *device_path(const char *name)
{
	static _Thread_local char paths[8][400];
	static _Thread_local unsigned turn;
	char *path = paths[turn++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", device_folder, name);
	return path;
}

uint8_t *file_bytes(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;

	ck_assert_msg(fd >= 0 && !fstat(fd, &info), "%s: %s", path,
		      strerror(errno));
	uint8_t *bytes = malloc(info.st_size + 1);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(read(fd, bytes, info.st_size), info.st_size);
	close(fd);
	*n = info.st_size;
	return bytes;
}

void make_file(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), n);
	close(fd);
}

int entries_of_folder(void)
{
	DIR *dir = opendir(device_folder);
	int count = -2; // "." and ".."

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

bool device_holds(struct device *device, uint64_t offset, const void *bytes,
		  size_t n)
{
	uint8_t *there = malloc(n + 1);

	ck_assert_ptr_nonnull(there);
	ck_assert_int_eq(device_read(device, offset, there, n), 0);
	bool same = !memcmp(there, bytes, n);
	free(there);
	return same;
}

// ## Filters

enum { FILTER_MOST = 40 };

struct filter_run {
	const struct filtered *filtered;
	int listener, ready[2];
};

static int install(const int *numbers)
{
	struct sock_filter code[FILTER_MOST];
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (; *numbers >= 0; numbers++) {
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, *numbers, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						 SECCOMP_RET_ALLOW);

	struct sock_fprog program = { .len = n, .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void *filtered_thread(void *context)
{
	struct filter_run *run_ = context;
	char byte = 0;

	run_->listener = install(run_->filtered->numbers);
	// Not among the filtered calls: write(2) on a pipe.
	if (write(run_->ready[1], &byte, 1) == 1 && run_->listener >= 0)
		run_->filtered->body(run_->filtered->context);
	return NULL;
}

static void serve(const struct filter_run *run_)
{
	struct pollfd wait = { .fd = run_->listener, .events = POLLIN };

	while (poll(&wait, 1, -1) >= 0 || errno == EINTR) {
		struct seccomp_notif asked = { 0 };
		struct seccomp_notif_resp reply = { 0 };

		if (!(wait.revents & POLLIN) && (wait.revents & POLLHUP))
			return; // the thread has ended
		if (ioctl(run_->listener, SECCOMP_IOCTL_NOTIF_RECV, &asked))
			continue;

		uint64_t argument[6];

		for (int i = 0; i < 6; i++)
			argument[i] = asked.data.args[i];

		int64_t value = run_->filtered->answer(run_->filtered->context,
						       asked.data.nr, argument);

		reply.id = asked.id;
		if (value == CALL_GOES_ON)
			reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		else if (value < 0)
			reply.error = value;
		else
			reply.val = value;
		ioctl(run_->listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
	}
}

bool run_filtered(const struct filtered *filtered)
{
	struct filter_run run_ = { .filtered = filtered };
	pthread_t thread;
	char byte;

	ck_assert_int_eq(pipe2(run_.ready, O_CLOEXEC), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, filtered_thread, &run_),
			 0);
	ck_assert_int_eq(read(run_.ready[0], &byte, 1), 1);
	if (run_.listener >= 0)
		serve(&run_);
	pthread_join(thread, NULL);
	if (run_.listener >= 0)
		close(run_.listener);
	close(run_.ready[0]);
	close(run_.ready[1]);
	return run_.listener >= 0;
}

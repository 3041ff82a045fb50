// e2fsck and the kernel as judges of the suite crash.

#define _GNU_SOURCE
#include "crash_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// ## e2fsck

static const char *e2fsck_path(void)
{
	static const char *const places[] = { "/usr/sbin/e2fsck",
					      "/sbin/e2fsck", "/usr/bin/e2fsck",
					      "/usr/local/sbin/e2fsck" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (!access(places[i], X_OK))
			return places[i];
	return NULL;
}

bool have_e2fsck(void)
{
	return e2fsck_path();
}

enum { WORDS = 8 };

int e2fsck(const char *options, const char *path, const char **said)
{
	static char text[3000];
	static char *const environment[] = { "LC_ALL=C", NULL };
	char log[100], copy[100], *words[WORDS + 3] = { "e2fsck" },
						 *rest = copy;
	posix_spawn_file_actions_t actions;
	int n = 1, status = -1;
	pid_t pid;

	snprintf(log, sizeof(log), "%s/e2fsck.log", crash_folder);
	snprintf(copy, sizeof(copy), "%s", options);
	while (n < WORDS && rest)
		words[n++] = strsep(&rest, " ");
	words[n] = (char *)path;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, log,
					 O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	ck_assert_int_eq(posix_spawn(&pid, e2fsck_path(), &actions, NULL, words,
				     environment),
			 0);
	posix_spawn_file_actions_destroy(&actions);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;

	int fd = open(log, O_RDONLY | O_CLOEXEC);
	ssize_t got = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[got < 0 ? 0 : got] = '\0';
	*said = text;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

const char *crash_image(void)
{
	static char path[100];

	snprintf(path, sizeof(path), "%s/image", crash_folder);
	return path;
}

void put_sector_bytes(const char *path, const struct crash_bytes *bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes->bytes, bytes->n), bytes->n);
	close(fd);
}

struct crash_bytes get_bytes(const char *path)
{
	struct device *device;

	ck_assert_int_eq(device_file(path, DEVICE_READ, 0, 0, &device), 0);

	struct crash_bytes got = bytes_of_device(device);

	device_close(device);
	return got;
}

// ## The kernel
//
// In a child with mounts of its own, so that nothing stays mounted; the loop device
// goes with its last user.

static int attach(const char *image, char path[64])
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int file = open(image, O_RDWR | O_CLOEXEC), loop = -1;

	for (int turn = 0; control >= 0 && loop < 0 && turn < 20; turn++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		struct loop_config config = {
			.fd = file,
			.info = { .lo_flags = LO_FLAGS_AUTOCLEAR },
		};

		if (number < 0)
			break;
		snprintf(path, 64, "/dev/loop%d", number);
		loop = open(path, O_RDWR | O_CLOEXEC);
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config)) {
			close(loop);
			loop = -1;
		}
	}
	if (control >= 0)
		close(control);
	if (file >= 0)
		close(file);
	return loop;
}

static void send_tree(int fd, const struct tree *tree)
{
	FILE *out = fdopen(fd, "w");

	for (size_t i = 0; out && i < tree->count; i++)
		fprintf(out, "%s%c", tree->row[i].line, 0);
	if (out)
		fclose(out);
}

static void receive_tree(int fd, struct tree *tree)
{
	FILE *in = fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;

	*tree = (struct tree){ 0 };
	ck_assert_ptr_nonnull(in);
	while (getdelim(&line, &room, 0, in) > 0) {
		tree->row = realloc(tree->row,
				    (tree->count + 1) * sizeof(*tree->row));
		ck_assert_ptr_nonnull(tree->row);
		tree->row[tree->count++] = (struct tree_row){
			.line = strdup(line),
			.path = strndup(line, strcspn(line, " ")),
		};
	}
	free(line);
	fclose(in);
}

enum { CHILD_OK, CHILD_CANNOT, CHILD_ERROR };

static int child(const char *image, bool journal, int out)
{
	const char *type = journal ? "ext3" : "ext2";
	char loop_path[64], folder[100];
	struct tree tree;

	snprintf(folder, sizeof(folder), "%s/mount", crash_folder);
	mkdir(folder, 0700);
	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    attach(image, loop_path) < 0)
		return CHILD_CANNOT;
	if (mount(loop_path, folder, type, 0, "") &&
	    (errno != ENODEV || mount(loop_path, folder, "ext4", 0, ""))) {
		dprintf(out, "mount: %s", strerror(errno));
		return errno == ENODEV ? CHILD_CANNOT : CHILD_ERROR;
	}

	int error = tree_of_folder(folder, &tree);

	if (umount(folder) || error) {
		dprintf(out, "read: %s", strerror(-error));
		return CHILD_ERROR;
	}
	send_tree(out, &tree);
	return CHILD_OK;
}

int tree_of_kernel(const char *image, bool journal, struct tree *tree)
{
	int ends[2], status;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);

	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid)
		_exit(child(image, journal, ends[1]));
	close(ends[1]);
	receive_tree(ends[0], tree);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status) == CHILD_OK       ? 0
	       : WEXITSTATUS(status) == CHILD_CANNOT ? -ENODEV
						     : -EIO;
}

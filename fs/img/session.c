// # A command and its image
//
// What all commands do alike: they take IMAGE from their arguments, open it,
// and in the end commit or leave it. A command never commits itself, so that
// several can be one transaction (a batch): whoever opened the image does.
//
// From the first byte that a commit writes to the last, the signals that end a
// program have to wait. Before that Ctrl-C may come at any time: what has been
// written stands in blocks that were free, and nothing points at it. (An image
// with a journal would stand a kill in between, too. One without could be left
// with leaked blocks; so it is not let happen where it can be helped.)

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fs/img/img.h"
#include "must.h"

// ## Saying what failed

static const char *error_name(int error, char number[32])
{
#if defined __GLIBC__ && __GLIBC_PREREQ(2, 32)
	const char *name = strerrorname_np(error);
	if (name)
		return name;
#endif
	snprintf(number, 32, "errno %d", error);
	return number;
}

// errno's words are about files and disks in general.
static const char *error_words(int error)
{
	switch (error) {
	case EUCLEAN:
		return "the image is damaged there; see `img fsck'";
	case ENODATA:
		return "there is no such attribute";
	case EOVERFLOW:
		return "too large for what the image can express";
	}
	return strerror(error);
}

// Composed in memory, so that it leaves in one write(2).
int complain(const struct session *s, int error, const char *fmt, ...)
{
	char *text, *line, number[32];
	size_t bytes;
	va_list ap;

	FILE *out = must_ptr(open_memstream(&text, &bytes));
	fputs("img", out);
	if (s->command)
		fprintf(out, " %s", s->command);
	if (s->image_path)
		fprintf(out, ": %s", s->image_path);
	fputs(": ", out);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	error = abs(error);
	if (error)
		fprintf(out, ": %s (%s)", error_words(error),
			error_name(error, number));
	must_zero(fclose(out));
	line = shown_line(text, bytes);
	fflush(stdout);
	fprintf(stderr, "%s\n", line);
	free(line);
	free(text);
	return EXIT_FAILURE;
}

int session_stdin(const struct session *s)
{
	return s->stdin_is_script
		       ? complain(s, 0, "standard input is the script")
		       : EXIT_SUCCESS;
}

// ## Arguments

enum { OPT_OFFSET = 0x2000, OPT_PARTITION, OPT_FORMAT, OPT_QUIET };

static const struct argp_option common[] = {
	{ 0, 0, 0, 0, "The image, and what all commands understand", 100 },
	{ "offset", OPT_OFFSET, "SIZE", 0,
	  "The file system begins so many bytes into IMAGE", 100 },
	{ "partition", OPT_PARTITION, "N", 0,
	  "It is partition N of IMAGE, which has a partition table", 100 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs", 100 },
	{ "quiet", OPT_QUIET, 0, 0, "No progress, no closing line", 100 },
	{ 0 }
};

struct common_input {
	struct session *session;
	void *input; // the command's
};

static error_t parse_common(int key, char *text, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	enum { PARTITIONS = 1024 };
	struct common_input *both = state->input;
	struct session *s = both->session;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = both->input;
		return 0;
	case OPT_OFFSET:
		s->offset = option_size(state, "--offset", text, 0,
					INT64_MAX / 2);
		return 0;
	case OPT_PARTITION:
		s->partition = (int)option_number(state, "--partition", text, 1,
						  PARTITIONS);
		return 0;
	case OPT_FORMAT:
		s->json = option_choice(state, "--format", text, formats);
		return 0;
	case OPT_QUIET:
		s->quiet = true;
		return 0;
	case ARGP_KEY_ARG:
		if (s->shared || s->image_path)
			return ARGP_ERR_UNKNOWN;
		if (!*text)
			argp_failure(state, argp_err_exit_status, 0,
				     "want an image, and not an empty name");
		s->image_path = text;
		return 0;
	case ARGP_KEY_NO_ARGS:
		if (!s->image_path)
			argp_failure(state, argp_err_exit_status, 0,
				     "want an IMAGE as the first argument");
		return 0;
	case ARGP_KEY_SUCCESS:
		if (s->partition && s->offset)
			argp_failure(state, argp_err_exit_status, 0,
				     "--offset and --partition: want one of "
				     "them");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

void command_parse(struct session *s, const struct argp *parser, int argc,
		   char **argv, void *input)
{
	const struct argp_child children[] = { { parser, 0, NULL, 0 }, { 0 } };
	const struct argp whole = {
		.options = common,
		.parser = parse_common,
		.children = children,
	};
	struct common_input both = { s, input };

	int error = argp_parse(&whole, argc, argv, 0, NULL, &both);
	if (error)
		exit(argp_err_exit_status);
}

// ## Opening

int session_refused(const struct session *s, int error, int mode,
		    const char *failed)
{
	if (error == -EWOULDBLOCK)
		return complain(s, 0,
				mode == DEVICE_WRITE
					? "another program has it open: try "
					  "again when that has ended"
					: "another program is changing it: "
					  "try again when that has ended");
	if (error == -EBUSY)
		return complain(s, 0, "it is mounted: want it unmounted first");
	return complain(s, error, "%s", failed);
}

static int find_partition(struct session *s, struct device *device)
{
	enum { MOST = 1024 };
	struct partition *table = must_ptr(calloc(MOST, sizeof *table));
	int n = device_partitions(device, table, MOST), status = EXIT_SUCCESS;
	int i = 0;

	while (i < n && table[i].number != s->partition)
		i++;
	if (n < 0)
		status = complain(s, n == -EINVAL ? 0 : n,
				  "cannot find a partition table in it");
	else if (i >= n)
		status = complain(s, 0, "it has no partition %d", s->partition);
	else {
		s->offset = table[i].offset;
		s->bytes = table[i].bytes;
	}
	free(table);
	return status;
}

int session_device(struct session *s, int mode)
{
	struct device *whole;

	if (s->partition && !s->bytes) {
		int error = device_file(s->image_path, DEVICE_READ, 0, 0,
					&whole);
		if (error)
			return session_refused(s, error, DEVICE_READ,
					       "cannot open it");
		int status = find_partition(s, whole);
		device_close(whole);
		if (status)
			return status;
	}
	int error = device_file(s->image_path, mode, s->offset, s->bytes,
				&s->device);
	return error ? session_refused(s, error, mode, "cannot open it")
		     : EXIT_SUCCESS;
}

// Two partitions of one image may be as long as each other.
char *session_undo_path(const struct session *s)
{
	char *path;

	if (s->offset)
		must(asprintf(&path, "%s.%ju.undo", s->image_path,
			      (uintmax_t)s->offset));
	else
		must(asprintf(&path, "%s.undo", s->image_path));
	return path;
}

bool is_own_image(const struct session *s, const struct stat *file)
{
	struct stat image;

	if (stat(s->image_path, &image) != 0)
		return false;
	if (S_ISBLK(image.st_mode) && S_ISBLK(file->st_mode))
		return image.st_rdev == file->st_rdev;
	return image.st_dev == file->st_dev && image.st_ino == file->st_ino;
}

// What fsck has left when it was cut off (fsck.c) is put back by the next one: over
// whatever has been written in between, so nothing is.
static int refuse_half_repaired(struct session *s)
{
	char *undo = session_undo_path(s);
	int status = access(undo, F_OK)
			     ? EXIT_SUCCESS
			     : complain(s, 0,
					"a repair of it was cut off, and %s "
					"holds what it had overwritten: want "
					"`img fsck -y' first",
					undo);
	free(undo);
	return status;
}

int session_open(struct session *s, int flags)
{
	struct ext2_refusal why = { "" };

	if (s->fs) {
		if (flags & EXT2_WRITE && !(s->flags & EXT2_WRITE))
			return complain(s, EROFS, "it is open for reading");
		return EXIT_SUCCESS;
	}
	int status = session_device(s, flags & EXT2_WRITE ? DEVICE_WRITE
							  : DEVICE_READ);
	if (!status && flags & EXT2_WRITE)
		status = refuse_half_repaired(s);
	if (status)
		return status;
	s->flags = flags;
	int error = ext2_open(s->device, flags, &s->fs, &why);
	if (error && *why.text)
		return complain(s, 0, "%s", why.text);
	if (error == -EINVAL)
		return complain(s, 0, "it is not an ext2, ext3 or ext4 image");
	if (error)
		return complain(s, error, "cannot open it");
	if (flags & EXT2_WRITE)
		ext2_set_now(s->fs, time_now());
	return EXIT_SUCCESS;
}

// ## The end

// What ends a program, and what stops it (it would keep its lock).
static const int ending[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGTSTP,
			      SIGPIPE, SIGALRM, SIGXCPU, SIGUSR1, SIGUSR2 };

static int commit(struct session *s)
{
	sigset_t wait, before;

	sigemptyset(&wait);
	for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
		sigaddset(&wait, ending[i]);
	must(sigprocmask(SIG_BLOCK, &wait, &before));
	int error = ext2_commit(s->fs);
	int status = EXIT_SUCCESS;
	if (error && ext2_decided(s->fs))
		status = complain(s, error,
				  "the change is in the image's log, but could "
				  "not be written home yet; whoever opens the "
				  "image next does it");
	else if (error)
		status = complain(s, error,
				  "cannot write the change; the image is as it "
				  "was");
	must(sigprocmask(SIG_SETMASK, &before, NULL));
	return status;
}

int session_end(struct session *s, int status)
{
	if (s->shared)
		return status;
	if (s->fs && s->flags & EXT2_WRITE && status == EXIT_SUCCESS)
		status = commit(s);
	ext2_close(s->fs);
	device_close(s->device);
	s->fs = NULL;
	s->device = NULL;
	return status;
}

// ## The time that changes are marked with
//
// SOURCE_DATE_EPOCH: https://reproducible-builds.org/specs/source-date-epoch/

struct ext2_time time_now(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	struct timespec now;
	int64_t seconds;

	if (epoch && parse_number(epoch, 0, INT64_C(1) << 34, &seconds) == 0)
		return (struct ext2_time){ .seconds = seconds };
	must(clock_gettime(CLOCK_REALTIME, &now));
	return (struct ext2_time){ now.tv_sec, (uint32_t)now.tv_nsec };
}

// ## Paths

int reach(struct session *s, const char *path, int walk_flags, uint32_t *ino)
{
	int error = ext2_walk(s->fs, from_here(s), path, walk_flags, NULL, NULL,
			      ino);

	return error ? complain(s, error, "%s", *path ? path : "an empty path")
		     : EXIT_SUCCESS;
}

bool leads_to_directory(struct session *s, const char *path, uint32_t *ino)
{
	struct ext2_inode inode;

	return ext2_walk(s->fs, from_here(s), path, 0, NULL, NULL, ino) == 0 &&
	       ext2_inode(s->fs, *ino, &inode) == 0 && S_ISDIR(inode.mode);
}

int reach_inode(struct session *s, const char *path, int walk_flags,
		struct ext2_inode *inode)
{
	uint32_t ino;

	if (reach(s, path, walk_flags, &ino) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	int error = ext2_inode(s->fs, ino, inode);
	return error ? complain(s, error, "cannot read the inode of %s", path)
		     : EXIT_SUCCESS;
}

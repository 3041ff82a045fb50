// A program under ptrace(2): every call that changes the image, in order
//
// The recorder of the device seam sees what the library does; this sees what the
// whole program asks of the kernel, in whatever process and by whatever way. At the
// entry of a call its arguments are read and, of a write, the bytes. Files are told
// apart by the name that /proc gives to the descriptor.

#define _GNU_SOURCE
#include "crash_parts.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

// What PTRACE_GET_SYSCALL_INFO gives at the entry of a call (ptrace(2)); the name
// of this structure differs from one C library to another.
struct entered {
	uint8_t op; // 1: an entry
	uint8_t pad[3];
	uint32_t arch;
	uint64_t instruction, stack, number, argument[6];
};

enum file { FILE_OTHER, FILE_IMAGE, FILE_UNDO, FILE_NEW, FILE_FOLDER };

static enum file file_of(const struct traced *t, pid_t pid, int fd)
{
	char link[64], name[400] = "", undo[200];
	size_t folder = strlen(crash_folder);

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
	if (readlink(link, name, sizeof(name) - 1) < 0)
		return FILE_OTHER;
	snprintf(undo, sizeof(undo), "%s.undo", t->image);
	if (!strcmp(name, t->image))
		return FILE_IMAGE;
	if (!strcmp(name, undo))
		return FILE_UNDO;
	if (!strcmp(name, crash_folder))
		return FILE_FOLDER;
	if (!strncmp(name, crash_folder, folder) && name[folder] == '/' &&
	    (name[folder + 1] == '.' || name[folder + 1] == '#'))
		return FILE_NEW;
	return FILE_OTHER;
}

static void note(struct traced *t, char letter)
{
	t->calls = realloc(t->calls, t->count + 2);
	ck_assert_ptr_nonnull(t->calls);
	t->calls[t->count++] = letter;
	t->calls[t->count] = '\0';
}

static struct recorded *record(struct traced *t, enum recorded_kind kind,
			       uint64_t offset, uint64_t n)
{
	struct recording *r = &t->recording;

	r->item = realloc(r->item, (r->count + 1) * sizeof(*r->item));
	ck_assert_ptr_nonnull(r->item);
	r->item[r->count] = (struct recorded){ kind, offset, n, NULL };
	if (kind == RECORDED_WRITE) {
		r->item[r->count].bytes = malloc(n + 1);
		ck_assert_ptr_nonnull(r->item[r->count].bytes);
	}
	return &r->item[r->count++];
}

static void read_memory(pid_t pid, uint64_t address, void *bytes, size_t n)
{
	struct iovec here = { bytes, n };
	struct iovec there = { (void *)(uintptr_t)address, n };

	ck_assert_int_eq(process_vm_readv(pid, &here, 1, &there, 1, 0), n);
}

static void note_write(struct traced *t, pid_t pid, const uint64_t *argument)
{
	enum file file = file_of(t, pid, (int)argument[0]);

	if (file == FILE_IMAGE)
		read_memory(pid, argument[1],
			    record(t, RECORDED_WRITE, argument[3], argument[2])
				    ->bytes,
			    argument[2]);
	if (file != FILE_OTHER)
		note(t, file == FILE_IMAGE  ? 'W'
			: file == FILE_UNDO ? 'U'
					    : 'T');
}

// The kernel is about to copy; what it will is read here.
static void note_copy(struct traced *t, pid_t pid, const uint64_t *argument)
{
	enum file file = file_of(t, pid, (int)argument[2]);
	uint64_t from, to;
	char link[64];

	if (file == FILE_NEW)
		note(t, 'T');
	if (file != FILE_IMAGE)
		return;
	read_memory(pid, argument[1], &from, sizeof(from));
	read_memory(pid, argument[3], &to, sizeof(to));
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, (int)argument[0]);

	int fd = open(link, O_RDONLY | O_CLOEXEC);
	struct recorded *item = record(t, RECORDED_WRITE, to, argument[4]);

	ck_assert_int_ge(fd, 0);
	ssize_t got = pread(fd, item->bytes, argument[4], from);
	ck_assert_int_ge(got, 0);
	item->n = got;
	close(fd);
	note(t, 'W');
}

static void note_hole(struct traced *t, pid_t pid, const uint64_t *argument)
{
	enum file file = file_of(t, pid, (int)argument[0]);

	if (file == FILE_IMAGE) {
		ck_assert_uint_eq(argument[1],
				  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
		record(t, RECORDED_PUNCH, argument[2], argument[3]);
		note(t, 'C');
	}
	if (file == FILE_NEW)
		note(t, 'T');
}

static void note_flush(struct traced *t, pid_t pid, const uint64_t *argument)
{
	static const char letters[] = {
		[FILE_OTHER] = '\0', [FILE_IMAGE] = 'F',  [FILE_UNDO] = 'u',
		[FILE_NEW] = 't',    [FILE_FOLDER] = 'D',
	};
	enum file file = file_of(t, pid, (int)argument[0]);

	if (file == FILE_IMAGE)
		record(t, RECORDED_FLUSH, 0, 0);
	if (letters[file])
		note(t, letters[file]);
}

static void note_call(struct traced *t, pid_t pid, const struct entered *call)
{
	switch (call->number) {
	case SYS_pwrite64:
		note_write(t, pid, call->argument);
		return;
	case SYS_copy_file_range:
		note_copy(t, pid, call->argument);
		return;
	case SYS_fallocate:
		note_hole(t, pid, call->argument);
		return;
	case SYS_fsync:
	case SYS_fdatasync:
		note_flush(t, pid, call->argument);
		return;
	case SYS_write:
	case SYS_writev:
	case SYS_pwritev:
	case SYS_pwritev2:
	case SYS_ftruncate:
	case SYS_sendfile:
	case SYS_splice:
		if (file_of(t, pid, (int)call->argument[0]) == FILE_IMAGE)
			note(t, '?');
		return;
	case SYS_linkat:
		note(t, 'L');
		return;
#ifdef SYS_rename
	case SYS_rename:
#endif
#ifdef SYS_renameat
	case SYS_renameat:
#endif
	case SYS_renameat2:
		note(t, 'R');
		return;
#ifdef SYS_unlink
	case SYS_unlink:
#endif
	case SYS_unlinkat:
		note(t, 'X');
		return;
	case SYS_exit_group:
		note(t, 'E');
		return;
	}
}

static void become(char *const argv[])
{
	int null = open("/dev/null", O_RDWR);

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(126);
	// It looks for leaks with ptrace(2), too, and only one can.
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	setenv("SOURCE_DATE_EPOCH", "1700000500", 1);
	if (chdir(crash_folder) || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		_exit(126);
	raise(SIGSTOP);
	execv(argv[0], argv);
	_exit(127);
}

// Returns the signal that the process is to get.
static int stopped(struct traced *t, pid_t pid, int signal)
{
	struct entered call;

	if (signal != (SIGTRAP | 0x80))
		return signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(call), &call) >
		    0 &&
	    call.op == 1)
		note_call(t, pid, &call);
	return 0;
}

bool run_traced(struct traced *t, char *const argv[])
{
	int status;
	pid_t first = fork();

	ck_assert_int_ge(first, 0);
	if (!first)
		become(argv);
	ck_assert_int_eq(waitpid(first, &status, 0), first);
	if (!WIFSTOPPED(status))
		return false;
	if (ptrace(PTRACE_SETOPTIONS, first, NULL,
		   (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD |
				       PTRACE_O_TRACECLONE |
				       PTRACE_O_EXITKILL)) ||
	    ptrace(PTRACE_SYSCALL, first, NULL, NULL)) {
		kill(first, SIGKILL);
		waitpid(first, &status, 0);
		return false;
	}
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);

		ck_assert_int_gt(pid, 0);
		if (WIFSTOPPED(status)) {
			int signal = stopped(t, pid, WSTOPSIG(status));

			if (t->kill_at >= 0 && t->count > (size_t)t->kill_at)
				kill(first, SIGKILL);
			ptrace(PTRACE_SYSCALL, pid, NULL,
			       (void *)(uintptr_t)signal);
		} else if (pid == first) {
			t->exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
			return true;
		}
	}
}

void traced_clear(struct traced *t)
{
	recording_clear(&t->recording);
	free(t->calls);
	t->calls = NULL;
	t->count = 0;
}

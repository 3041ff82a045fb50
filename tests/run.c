// # Running a program as its user would, and seeing who it leaves behind
//
// The test's process makes itself a subreaper (prctl(2)): whoever loses its
// parent below it, also after setsid(2) and a double fork, becomes its child.
// So once the program has ended, a child that was not there before is a
// process the program forgot, and the test fails.
//
// Output goes to memory files (memfd_create(2)) and not through pipes: the end
// of a pipe is only seen once a forgotten process, too, has closed it.

#define _GNU_SOURCE
#include "tests.h"

#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 120000, CHILDREN = 1024, ARGUMENTS = 64 };

void test_nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

// The program stands in FOLDER/tests/check.
const char *build_folder(void)
{
	static char folder[PATH_MAX];

	if (!*folder) {
		if (!realpath("/proc/self/exe", folder))
			err(EXIT_FAILURE, "/proc/self/exe");
		for (int up = 0; up < 2; up++)
			*strrchr(folder, '/') = '\0';
	}
	return folder;
}

// The tests are started there (check.c sees to it).
const char *source_folder(void)
{
	static char folder[PATH_MAX];

	if (!*folder && !getcwd(folder, sizeof folder))
		err(EXIT_FAILURE, "getcwd");
	return folder;
}

// ## Whose child is alive
//
// /proc/PID/stat, proc(5): the state is field 3, the parent 4, the flags 9 and
// the pending signals 31. The name in field 2 may hold anything, so we read
// behind the last parenthesis. A process that has a SIGKILL pending or is
// exiting is as good as dead, however long it waits for a CPU to die on.

enum { PF_EXITING = 0x4 };

static bool is_living_child(pid_t pid)
{
	char path[32], text[1024];
	char state;
	int parent;
	unsigned flags;
	unsigned long pending;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	const char *name_end = strrchr(text, ')');
	if (!name_end ||
	    sscanf(name_end + 1,
		   " %c %d %*s %*s %*s %*s %u"
		   " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
		   " %*s %*s %*s %*s %*s %*s %*s %lu",
		   &state, &parent, &flags, &pending) != 4)
		return false;
	return parent == getpid() && !strchr("ZXx", state) &&
	       !(flags & PF_EXITING) && !(pending & 1UL << (SIGKILL - 1));
}

static bool among(const pid_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

// Collects living children that are not known; returns how many.
static size_t living_children(const pid_t *known, size_t known_count,
			      pid_t *pids, size_t max)
{
	size_t n = 0;
	DIR *proc = opendir("/proc");

	if (!proc)
		err(EXIT_FAILURE, "/proc");
	for (struct dirent *entry; n < max && (entry = readdir(proc));) {
		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (!among(known, known_count, pid) && is_living_child(pid))
			pids[n++] = pid;
	}
	closedir(proc);
	return n;
}

pid_t living_child(const pid_t *known, size_t n)
{
	pid_t pid;

	return living_children(known, n, &pid, 1) ? pid : 0;
}

// ## The program

// The child: never returns. It dies with the test (PR_SET_PDEATHSIG), so that
// one that Check kills for its time leaves nobody.
_Noreturn static void become(char *const argv[], int out, int error_out,
			     pid_t test)
{
	int null = open("/dev/null", O_RDONLY);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != test ||
	    dup2(null, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    dup2(error_out, STDERR_FILENO) == -1)
		_exit(126);
	execv(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int memory_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_ne(fcntl(fd, F_SETFL, O_APPEND), -1);
	return fd;
}

static char *contents(int fd)
{
	off_t bytes = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, bytes + 1);

	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(pread(fd, text, bytes, 0), bytes);
	close(fd);
	return text;
}

// What a process is called, for a message.
static void command_of(pid_t pid, char *text, size_t text_bytes)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, text, text_bytes - 1);
	if (fd != -1)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (ssize_t i = 0; i + 1 < n; i++)
		if (!text[i])
			text[i] = ' ';
}

// Who is still alive some time after the program has ended was left behind; it
// is killed. A program that ended by itself has no business left: 20 looks, a
// millisecond apart. One that was killed, or was a shell that may have killed
// others, leaves them time to notice and to end.
static size_t bury_left_behind(const pid_t *known, size_t known_count,
			       bool patient, char *names, size_t names_bytes)
{
	pid_t pids[CHILDREN];
	size_t n, looks = patient ? 1000 : 20;

	while ((n = living_children(known, known_count, pids, CHILDREN)) &&
	       looks--)
		test_nap();
	for (size_t i = 0; i < n; i++) {
		char command[128];
		size_t length = strlen(names);

		command_of(pids[i], command, sizeof command);
		snprintf(names + length, names_bytes - length, " [%d %s]",
			 pids[i], command);
		kill(pids[i], SIGKILL);
	}
	return n;
}

// Reaps dead orphans; the test's own children (known) are its own to wait for.
static void reap_orphans(const pid_t *known, size_t known_count)
{
	siginfo_t info = { 0 };

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid && !among(known, known_count, info.si_pid)) {
		waitpid(info.si_pid, NULL, 0);
		info.si_pid = 0;
	}
}

// Waits until the process has ended, and kills it when that takes too long.
static bool ends_in_time(pid_t pid, int *status)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), ready;
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	ck_assert_int_ne(pidfd, -1);
	do
		ready = poll(&end, 1, PATIENCE_MS);
	while (ready == -1 && errno == EINTR);
	close(pidfd);
	if (ready != 1)
		kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, status, 0), pid);
	return ready == 1;
}

static struct outcome run_vector(char *const argv[], bool shell)
{
	pid_t known[CHILDREN];
	char name[256], left[1024] = "";
	int status;

	snprintf(name, sizeof name, "%s %s %s", argv[0], argv[1] ? argv[1] : "",
		 argv[1] && argv[2] ? argv[2] : "");
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	size_t known_count = living_children(NULL, 0, known, CHILDREN);
	int out = memory_file("out"), error_out = memory_file("err");

	pid_t test = getpid();
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		become(argv, out, error_out, test);
	ck_assert_int_gt(pid, 0);
	bool in_time = ends_in_time(pid, &status);
	size_t strays = bury_left_behind(known, known_count,
					 shell || WIFSIGNALED(status), left,
					 sizeof left);
	reap_orphans(known, known_count);

	struct outcome outcome = {
		.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.out = contents(out),
		.err = contents(error_out),
	};
	ck_assert_msg(in_time, "%s: not done after %d s\n%.1000s%.1000s", name,
		      PATIENCE_MS / 1000, outcome.out, outcome.err);
	ck_assert_msg(!strays, "%s left processes behind:%s", name, left);
	const char *report = strstr(outcome.err, "Sanitizer: ");
	ck_assert_msg(!report, "%s: %.2000s", name, outcome.err);
	return outcome;
}

struct outcome run(const char *program, ...)
{
	char path[PATH_MAX], *argv[ARGUMENTS] = { path };
	size_t n = 1;
	va_list ap;

	snprintf(path, sizeof path, "%s%s%s",
		 *program == '/' ? "" : build_folder(),
		 *program == '/' ? "" : "/", program);
	va_start(ap, program);
	while (n < ARGUMENTS - 1 && (argv[n] = va_arg(ap, char *)))
		n++;
	va_end(ap);
	argv[n] = NULL;
	return run_vector(argv, false);
}

struct outcome run_shell(const char *command)
{
	return run_vector((char *[]){ "/bin/sh", "-c", (char *)command, NULL },
			  true);
}

void outcome_free(struct outcome *outcome)
{
	free(outcome->out);
	free(outcome->err);
	*outcome = (struct outcome){ 0 };
}

// # Interrupting a program again and again
//
// If the first process dies at once (of SIGKILL, or before it could prepare for
// others), the rest need a moment to notice: we wait for that, and fail if it
// does not come.
//
// Who is left? Our own children, since we are a subreaper; and, for one that
// found other parents, whoever has our mark in its environment.

#define _GNU_SOURCE
#include "interrupt.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "labs.h"
#include "random.h"
#include "tests.h"

// A program that takes long is interrupted less often (but for a soak), as often
// as fits into MOST_NS if each time were its whole length.
enum { FEW = 4 };
static const int64_t LONG_NS = 300000000, MOST_NS = INT64_C(8) * 1000000000;

static const char mark[] = "OSLAB_TEST_MARK";

// In a group of its own, all three standard streams /dev/null.
static pid_t start(const char *const argv[])
{
	char path[PATH_MAX];
	pid_t test = getpid();

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	snprintf(path, sizeof path, "%s/%s", build_folder(), argv[0]);
	pid_t pid = fork_fresh();
	if (pid > 0) {
		setpgid(pid, pid); // whoever of us is first
		return pid;
	}
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
	    getppid() != test || setpgid(0, 0) == -1 ||
	    dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1 ||
	    dup2(null, STDERR_FILENO) == -1)
		_exit(126);
	execv(path, (char *const *)argv);
	_exit(127);
}

static void reap_orphans(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

// The longest of three runs; a long program's lengths differ less.
static int64_t length_ns(const char *const argv[])
{
	int64_t longest = 0;
	int status;

	for (int i = 0; i < 3 && longest < LONG_NS; i++) {
		int64_t begin = now_ns();
		pid_t pid = start(argv);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(status == 0, "%s ends with %#x by itself",
			      argv[0], status);
		int64_t took = now_ns() - begin;
		longest = took > longest ? took : longest;
	}
	return longest;
}

static bool has_mark(const char *pid, const char *marked)
{
	char path[64], text[65536];

	snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, text, sizeof text);
	if (fd != -1)
		close(fd);
	return n > 0 && memmem(text, n, marked, strlen(marked) + 1);
}

static pid_t somebody_left(const char *marked)
{
	pid_t left = living_child(NULL, 0);
	DIR *proc = opendir("/proc");

	ck_assert_ptr_nonnull(proc);
	for (struct dirent *entry; !left && (entry = readdir(proc));)
		if (has_mark(entry->d_name, marked))
			left = (pid_t)strtol(entry->d_name, NULL, 10);
	closedir(proc);
	return left;
}

static void interrupt(const char *const argv[], int with, bool group,
		      int64_t after_ns)
{
	char marked[128], value[64];
	int status;

	snprintf(value, sizeof value, "%d.%lld", getpid(), (long long)now_ns());
	snprintf(marked, sizeof marked, "%s=%s", mark, value);
	setenv(mark, value, 1);
	pid_t pid = start(argv);
	struct timespec delay = { after_ns / 1000000000,
				  after_ns % 1000000000 };
	nanosleep(&delay, NULL);
	ck_assert_int_eq(kill(group ? -pid : pid, with), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);

	pid_t left;
	for (int i = 0; (left = somebody_left(marked)) && i < 10000; i++)
		test_nap();
	ck_assert_msg(!left, "%s, signal %d after %lld ns: process %d is left",
		      argv[0], with, (long long)after_ns, left);
	ck_assert_msg(status == 0 ||
			      (WIFSIGNALED(status) && WTERMSIG(status) == with),
		      "%s, signal %d after %lld ns: ends with %#x", argv[0],
		      with, (long long)after_ns, status);
	unsetenv(mark);
	reap_orphans();
}

static int count_file(const char *path, const struct stat *stat, int type,
		      struct FTW *place)
{
	(void)path, (void)stat, (void)place;
	return type == FTW_F || type == FTW_SL ? 1 : 0;
}

static int remove_file(const char *path, const struct stat *stat, int type,
		       struct FTW *place)
{
	(void)stat, (void)type, (void)place;
	return remove(path);
}

// How many SysV objects there are: lines of /proc/sysvipc, but for headings.
static int sysv_objects(void)
{
	const char *const kinds[] = { "msg", "sem", "shm" };
	int lines = 0;

	for (int i = 0; i < 3; i++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/sysvipc/%s", kinds[i]);
		FILE *file = fopen(path, "re");
		for (int c; file && (c = getc(file)) != EOF;)
			lines += c == '\n';
		lines -= file != NULL;
		if (file)
			fclose(file);
	}
	return lines;
}

static int fewer(int moments, int64_t whole_ns)
{
	int64_t most = MOST_NS / (whole_ns + 1);

	if (soaking() || moments <= FEW || moments <= most)
		return moments;
	return most > FEW ? (int)most : FEW;
}

// The ledgers, and the paths that they name, lie below TMPDIR: in a folder of
// our own nobody else's are among them. So it is with SysV objects in an IPC
// namespace of our own, where we may have one.
static void interrupt_by(const int *signals, int kinds,
			 const char *const argv[], const char *const last[],
			 int moments)
{
	char folder[] = "/tmp/oslab-test-XXXXXX";
	struct random random = { 1 };
	bool alone = unshare(CLONE_NEWIPC) == 0;
	int status;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	setenv("TMPDIR", folder, 1);
	int64_t whole_ns = length_ns(argv);
	moments = fewer(moments, whole_ns);
	for (int i = 0; i < moments; i++) {
		int with = signals[i % kinds];
		interrupt(argv, with, with == SIGINT && i / kinds % 2,
			  (int64_t)(random_unit(&random) * (double)whole_ns));
	}
	pid_t pid = start(last);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	unsetenv("TMPDIR");
	// A scene may be more than this user is allowed.
	ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 0 ||
					    WEXITSTATUS(status) == 77),
		      "%s, once more after all that: status %#x", argv[0],
		      (unsigned)status);
	ck_assert_msg(nftw(folder, count_file, 8, FTW_PHYS) == 0,
		      "%s has left something in %s", argv[0], folder);
	ck_assert(!alone || sysv_objects() == 0);
	nftw(folder, remove_file, 8, FTW_PHYS | FTW_DEPTH);
}

void interrupt_at_moments(const char *const argv[], int with, int moments)
{
	interrupt_by(&with, 1, argv, argv, moments);
}

void interrupt_in_turns(const char *const argv[], const char *const last[],
			int moments)
{
	interrupt_by((const int[]){ SIGINT, SIGKILL }, 2, argv, last, moments);
}

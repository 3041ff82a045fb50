// # Tests of ipc/channel: nothing is left
//
// No descriptor, no mapping, no name: not after closing, not after a failed
// opening, and not after a death once somebody has swept. How they are played:
// channel_parts.h.

#define _GNU_SOURCE
#include "channel_parts.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// ## Descriptors and mappings

static size_t count_descriptors(void)
{
	size_t n = 0;
	DIR *fds = opendir("/proc/self/fd");

	if (!fds)
		channel_complain("/proc/self/fd: %s", strerror(errno));
	while (readdir(fds))
		n++;
	closedir(fds);
	return n;
}

// Shared mappings show in maps(5) as what they are inside: files. One is always
// there, play_shared.
static size_t count_shared_mappings(void)
{
	char line[512];
	size_t n = 0;
	FILE *maps = fopen("/proc/self/maps", "re");

	if (maps) {
		while (fgets(line, sizeof line, maps))
			n += strstr(line, "/dev/zero") ||
			     strstr(line, "memfd:") ||
			     strstr(line, "anon_inode:");
		fclose(maps);
	}
	need(n > 0, "no shared mapping in /proc/self/maps");
	return n;
}

static void open_and_close(void)
{
	channel_close(open_channel(message_bytes));
}

static void open_talk_and_close(void)
{
	play_sides(message_bytes, ask, answer);
}

static void play_fifty(void (*turn)(void))
{
	turn();
	size_t descriptors = count_descriptors();
	size_t mappings = count_shared_mappings();
	for (int i = 0; i < 50; i++)
		turn();
	need(count_descriptors() == descriptors, "%zu descriptors, then %zu",
	     descriptors, count_descriptors());
	need(count_shared_mappings() == mappings, "%zu mappings, then %zu",
	     mappings, count_shared_mappings());
}

static void play_leaks(void)
{
	message_bytes = at_most(64);
	play_fifty(open_and_close);
	play_fifty(open_talk_and_close);
}

START_TEST(nothing_leaks)
{
	MECHANISM();
	perform(play_leaks);
}
END_TEST

// Opens with room for no descriptor, for one, for two ... until it succeeds:
// every failure on the way must leave nothing.
static void play_failing_opens(void)
{
	struct channel *c;
	struct rlimit before, limit;
	int error;

	message_bytes = at_most(64);
	need(names_open() == 0, "names_open");
	need(getrlimit(RLIMIT_NOFILE, &before) == 0, "getrlimit");
	limit = (struct rlimit){ 0, before.rlim_max };
	size_t descriptors = count_descriptors();
	size_t mappings = count_shared_mappings();
	do {
		limit.rlim_cur++;
		need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
		error = channel_open(&c, mechanism, message_bytes);
		need(limit.rlim_cur < 64, "never: %s", strerror(-error));
	} while (error);
	channel_close(c);
	need(setrlimit(RLIMIT_NOFILE, &before) == 0, "setrlimit");
	need(count_descriptors() == descriptors, "%zu descriptors, then %zu",
	     descriptors, count_descriptors());
	need(count_shared_mappings() == mappings, "%zu mappings, then %zu",
	     mappings, count_shared_mappings());
}

START_TEST(failing_opens_leave_nothing)
{
	MECHANISM();
	perform(play_failing_opens);
}
END_TEST

// ## Names
//
// Everything that can be left, seen from a place of its own: as root in an IPC
// namespace, ipc_namespaces(7), where nobody else makes any.
static char place[] = "/tmp/oslab-check-XXXXXX";
static bool is_alone;

static size_t count_entries(const char *folder, const char *with)
{
	size_t n = 0;
	DIR *entries = opendir(folder);

	if (!entries)
		return 0;
	for (struct dirent *entry; (entry = readdir(entries));)
		n += *entry->d_name != '.' && strstr(entry->d_name, with);
	closedir(entries);
	return n;
}

static size_t count_lines(const char *path)
{
	char line[512];
	size_t n = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	while (fgets(line, sizeof line, file))
		n++;
	fclose(file);
	return n;
}

static size_t count_sysv(void)
{
	return count_lines("/proc/sysvipc/msg") +
	       count_lines("/proc/sysvipc/shm") +
	       count_lines("/proc/sysvipc/sem");
}

static size_t sysv_before;

static void need_nothing_left(pid_t program, size_t ledgers, const char *when)
{
	char text[64];

	snprintf(text, sizeof text, "oslab.%d.", program);
	need(!count_entries("/dev/shm", text), "%s: left in /dev/shm", when);
	snprintf(text, sizeof text, "%s/oslab-%u", place, geteuid());
	need(count_entries(text, "") == ledgers, "%s: left in %s", when, text);
	snprintf(text, sizeof text, "%s/mqueue", place);
	need(!is_alone || !count_entries(text, ""), "%s: left a queue", when);
	while (!is_alone && count_sysv() > sysv_before)
		test_nap(); // somebody else's, it is hoped
	need(count_sysv() <= sysv_before, "%s: left a SysV object", when);
}

static void make_place(void)
{
	char queues[64];

	need(setenv("TMPDIR", place, 1) == 0, "setenv");
	if (geteuid() != 0 || unshare(CLONE_NEWIPC | CLONE_NEWNS) == -1)
		return;
	snprintf(queues, sizeof queues, "%s/mqueue", place);
	need(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		     mkdir(queues, 0700) == 0,
	     "making %s: %s", queues, strerror(errno));
	is_alone = mount("mqueue", queues, "mqueue", 0, NULL) == 0;
}

static void leave_place(void)
{
	char queues[64];

	snprintf(queues, sizeof queues, "%s/mqueue", place);
	if (is_alone)
		umount(queues);
	(void)rmdir(queues);
}

// The worst moment: the name is made and not yet unlinked. A seccomp(2) filter
// kills the process there, as SIGKILL would.
#define KILLED_BY(call)                                              \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),             \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static void die_of_unlink(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
#ifdef SYS_unlink
		KILLED_BY(SYS_unlink),
#endif
		KILLED_BY(SYS_unlinkat),
		KILLED_BY(SYS_mq_unlink),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof filter / sizeof *filter,
		.filter = filter,
	};

	need(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) == 0 &&
		     prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		     prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0,
	     "seccomp: %s", strerror(errno));
}

static pid_t fork_program(bool dies)
{
	pid_t child = fork();

	need(child != -1, "fork");
	if (child)
		return child;
	need(names_open() == 0, "names_open");
	if (dies) {
		die_of_unlink();
		open_channel(message_bytes);
	} else {
		play_round_trips();
		need_nothing_left(getpid(), 1, "closed");
		must_close_names();
	}
	_exit(0);
}

static void play_and_look(void)
{
	int status;

	message_bytes = at_most(64);
	make_place();
	sysv_before = count_sysv();
	pid_t program = fork_program(false);
	reap_side(program);
	need_nothing_left(program, 0, "ended");

	program = fork_program(true);
	need(waitpid(program, &status, 0) == program, "waitpid");
	bool died = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
	need(died || (WIFEXITED(status) && WEXITSTATUS(status) == 0),
	     "opening ended with status %#x", status);
	int swept = names_sweep();
	need(swept >= died, "swept: %d", swept);
	need_nothing_left(program, 0, "killed and swept");
	leave_place();
}

START_TEST(nothing_is_left)
{
	MECHANISM();
	memcpy(place + sizeof place - 7, "XXXXXX", 7);
	ck_assert_ptr_nonnull(mkdtemp(place));
	is_alone = false;
	int status = judge(start_left(play_and_look));
	rmdir(place);
	ck_assert_int_eq(status, 0);
}
END_TEST

void add_left_tests(TCase *tests, int mechanisms)
{
	tcase_add_loop_test(tests, nothing_leaks, 0, mechanisms);
	tcase_add_loop_test(tests, failing_opens_leave_nothing, 0, mechanisms);
	tcase_add_loop_test(tests, nothing_is_left, 0, mechanisms);
}

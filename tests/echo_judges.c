// # Tests of ipc/echo/: what a server is judged by
//
// The crowd checks the bytes, so servers that cheat must be found out by it. And
// what needs no server: addresses, and the sentence where io_uring is forbidden.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo_parts.h"

enum { NOT_FORBIDDEN = 101 }; // an exit status

// --- the crowd finds cheats ----------------------------------------------------------

enum cheat { FLIPS, HANGS_UP, ADDS, KEEPS_QUIET, CHEATS };

static _Noreturn void cheat_client(int fd, enum cheat how)
{
	char buffer[65536];
	size_t before = 0;

	for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
		if (how == FLIPS && before + n > 1000)
			buffer[n - 1] ^= 1;
		if (how == HANGS_UP && before > 0)
			_exit(0);
		if (how == KEEPS_QUIET && before > 0)
			continue;
		if (how == ADDS && before > 0 && n < (ssize_t)sizeof buffer)
			n++;
		send(fd, buffer, n, MSG_NOSIGNAL);
		before += n;
	}
	_exit(0);
}

static _Noreturn void be_cheat(int listener, enum cheat how)
{
	signal(SIGCHLD, SIG_IGN);
	for (int fd; (fd = accept(listener, NULL, NULL)) != -1; close(fd))
		if (fork() == 0)
			cheat_client(fd, how);
	_exit(1);
}

START_TEST(echo_crowd_finds_cheats)
{
	struct echo_crowd crowd = { .clients = 10,
				    .seed = 7,
				    .limit_ns = 60000000000 };
	struct echo_address address;
	struct echo_report report;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(echo_address_parse("127.0.0.1:0", &address), 0);
	int listener = echo_listen(&address, SOMAXCONN);
	pid_t pid = fork_fresh();
	if (pid == 0)
		be_cheat(listener, _i);
	close(listener);
	if (_i == KEEPS_QUIET)
		crowd.limit_ns = 300000000;
	ck_assert_int_eq(echo_crowd_play(&crowd, &address, &report), 0);
	ck_assert_msg(report.failed == 10, "cheat %d: %u found: %s", _i,
		      report.failed, report.first);
	ck_assert_str_ne(report.first, "");
	kill(pid, SIGKILL);
	status_of(pid);
	await(!living_child(NULL, 0));
}
END_TEST

START_TEST(echo_crowd_is_mixed)
{
	struct echo_crowd crowd = {
		.clients = 1000, .slow = 5, .gone = 20, .silent = 5
	};
	unsigned n[ECHO_KINDS];

	echo_crowd_count(&crowd, n);
	ck_assert_uint_eq(n[ECHO_SLOW], 50);
	ck_assert_uint_eq(n[ECHO_GONE], 200);
	ck_assert_uint_eq(n[ECHO_SILENT], 50);
	ck_assert_uint_eq(n[ECHO_PROMPT] + n[ECHO_HALF] + n[ECHO_BIG], 700);
	ck_assert_uint_ge(n[ECHO_BIG], 50);
}
END_TEST

START_TEST(echo_crowd_says_when_it_cannot)
{
	struct echo_crowd crowd = { .clients = 1000, .limit_ns = 1 };
	struct echo_address address = { .bytes = 0 };
	struct echo_report report;

	pid_t pid = fork_fresh();
	if (pid == 0) {
		struct rlimit few = { 100, 100 };
		setrlimit(RLIMIT_NOFILE, &few);
		_exit(-echo_crowd_play(&crowd, &address, &report));
	}
	int status = status_of(pid);
	ck_assert_int_eq(WEXITSTATUS(status), EMFILE);
}
END_TEST

// --- io_uring is forbidden ------------------------------------------------------------

static bool forbid_io_uring(int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int uring_without(int error)
{
	const struct echo_way *way = echo_way("uring");
	struct echo_job job = { .listener = -1, .stop = -1 };
	char why[256] = "";

	if (!forbid_io_uring(error))
		return NOT_FORBIDDEN;
	return way->probe(why, sizeof why) == -error &&
			       strstr(why, "io_uring") &&
			       way->serve(&job) == -error
		       ? 0
		       : 1;
}

START_TEST(echo_uring_forbidden)
{
	const int errors[] = { EPERM, ENOSYS };
	char path[4096];

	pid_t pid = fork_fresh();
	if (pid == 0)
		_exit(uring_without(errors[_i]));
	ck_assert_int_eq(status_of(pid), 0);

	snprintf(path, sizeof path, "%s/ipc/echo", build_folder());
	pid = fork_fresh();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, STDERR_FILENO);
		dup2(null, STDOUT_FILENO);
		if (forbid_io_uring(errors[_i]))
			execl(path, path, "--way=uring", "--crowd=3", NULL);
		_exit(NOT_FORBIDDEN);
	}
	int status = status_of(pid);
	ck_assert_int_eq(WEXITSTATUS(status), 77);
}
END_TEST

// --- addresses -------------------------------------------------------------------

START_TEST(echo_addresses)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{ "127.0.0.1:7007", 0 },      { "0.0.0.0:0", 0 },
		{ "[::1]:65535", 0 },         { "unix:/tmp/x", 0 },
		{ "unix:@name", 0 },          { "", -EINVAL },
		{ "127.0.0.1", -EINVAL },     { "127.0.0.1:", -EINVAL },
		{ "127.0.0.1:65536", -EINVAL }, { "127.0.0.1:-1", -EINVAL },
		{ "127.0.0.1: 1", -EINVAL },  { "127.0.0.1:1x", -EINVAL },
		{ "127.0.0.1:000001", -EINVAL }, { "1.2.3:1", -EINVAL },
		{ "::1:7", -EINVAL },         { "[::1:7", -EINVAL },
		{ "[]:7", -EINVAL },          { "[", -EINVAL },
		{ ":7", -EINVAL },            { "localhost:7", -EINVAL },
		{ "unix:", -EINVAL },         { "tcp:/x", -EINVAL },
	};
	char long_path[256], text[ECHO_TEXT];
	struct echo_address address;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int error = echo_address_parse(rows[i].text, &address);
		ck_assert_msg(error == rows[i].error, "'%s': %d", rows[i].text,
			      error);
		if (!error)
			ck_assert_str_eq(echo_address_text(&address, text),
					 rows[i].text);
	}
	memset(long_path, 'x', sizeof long_path - 1);
	long_path[sizeof long_path - 1] = '\0';
	memcpy(long_path, "unix:", 5);
	ck_assert_int_eq(echo_address_parse(long_path, &address),
			 -ENAMETOOLONG);
	long_path[5 + 107] = '\0'; // sun_path has 108 bytes, unix(7)
	ck_assert_int_eq(echo_address_parse(long_path, &address), 0);
	ck_assert_str_eq(echo_address_text(&address, text), long_path);
}
END_TEST

void add_echo_judge_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, echo_crowd_finds_cheats, 0, CHEATS);
	tcase_add_test(tcase, echo_crowd_is_mixed);
	tcase_add_test(tcase, echo_crowd_says_when_it_cannot);
	tcase_add_loop_test(tcase, echo_uring_forbidden, 0, 2);
	tcase_add_test(tcase, echo_addresses);
}

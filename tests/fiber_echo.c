// # Tests of threads/fiber_echo/: a server of fibers and a crowd
//
// The crowd of ipc/echo/crowd.c checks every byte; a fifth of it vanishes. Then
// the program, its options, and how it ends.

#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fiber_parts.h"
#include "threads/fiber_echo/fiber_echo.h"

enum { LEFT_DESCRIPTORS = 101, REFUSED = 77, BACKLOG = 4096 };

static const struct {
	enum fiber_backend backend;
	const char *name, *where;
} ways[] = {
	{ FIBER_URING, "uring", "127.0.0.1:0" },
	{ FIBER_URING, "uring", "unix:@" },
	{ FIBER_EPOLL, "epoll", "127.0.0.1:0" },
	{ FIBER_EPOLL, "epoll", "unix:@" },
};

static int descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	while (folder && readdir(folder))
		n++;
	if (folder)
		closedir(folder);
	return n;
}

// Its exit status: 0, an errno, or what it left.
static _Noreturn void be_server(const struct echo_job *job,
				enum fiber_backend backend)
{
	struct fiber_facts facts = { 0 };

	(void)echo_descriptors(3000);
	int before = descriptors();
	int error = fiber_echo_serve(job, backend, &facts);
	if (backend == FIBER_URING && (error == -EPERM || error == -ENOSYS))
		_exit(REFUSED);
	if (error)
		_exit(-error);
	_exit(descriptors() == before && facts.left == 0 ? 0
							 : LEFT_DESCRIPTORS);
}

// True when it was served. Everybody who came has gone when the server ends.
static bool serve_crowd(int way, unsigned clients, unsigned most)
{
	const struct echo_crowd crowd = {
		.clients = clients,
		.slow = 5,
		.gone = 20,
		.silent = most ? 0 : 5,
		.seed = 7,
		.limit_ns = INT64_C(60000000000),
	};
	struct echo_address here;
	struct echo_report report;
	struct echo_job job = { .counts = echo_counts_new(),
				.stop = eventfd(0, EFD_CLOEXEC),
				.most_clients = most };
	int error = 0;

	ck_assert_int_eq(echo_address_parse(ways[way].where, &here), 0);
	job.listener = echo_listen(&here, BACKLOG);
	ck_assert_int_ge(job.listener, 0);
	pid_t server = fork_fresh();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		be_server(&job, ways[way].backend);
	}
	close(job.listener);
	error = echo_crowd_play(&crowd, &here, &report);
	ck_assert_int_eq(eventfd_write(job.stop, 1), 0);
	int status = status_of(server);
	close(job.stop);
	if (WIFEXITED(status) && WEXITSTATUS(status) == REFUSED)
		return false;
	ck_assert_int_eq(error, 0);
	ck_assert_msg(report.failed == 0, "%u failed: %s", report.failed,
		      report.first);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(job.counts->began, job.counts->ended);
	ck_assert_uint_ge(job.counts->began, clients);
	ck_assert_uint_ge(job.counts->bytes, report.bytes);
	echo_counts_free(job.counts);
	return true;
}

START_TEST(fiber_echo_crowd)
{
	unsigned clients = IS_SANITIZED ? 200 : 1000;

	if (echo_descriptors(clients + 64) != 0)
		SKIP("%u clients need a higher ulimit -Hn", clients);
	if (!serve_crowd(_i, clients, 0))
		SKIP("io_uring is refused here");
}
END_TEST

// --- the program -----------------------------------------------------------------

struct program {
	pid_t pid;
	FILE *out;
	char line[256];
};

// Started, and it listens: its first line says where.
static struct program start(const char *backend, const char *address)
{
	struct program p = { 0 };
	char path[4096];
	int fd[2];

	snprintf(path, sizeof path, "%s/threads/fiber", build_folder());
	ck_assert_int_eq(pipe(fd), 0);
	p.pid = fork_fresh();
	if (p.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd[1], STDOUT_FILENO);
		close(fd[0]);
		close(fd[1]);
		execl(path, path, "echo", backend, address, NULL);
		_exit(127);
	}
	close(fd[1]);
	p.out = fdopen(fd[0], "r");
	ck_assert_ptr_nonnull(p.out);
	if (!fgets(p.line, sizeof p.line, p.out))
		p.line[0] = '\0';
	return p;
}

// Its exit status, and the last line.
static int stop(struct program *p, int signal)
{
	ck_assert_int_eq(kill(p->pid, signal), 0);
	while (fgets(p->line, sizeof p->line, p->out))
		continue;
	fclose(p->out);
	int status = status_of(p->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(fiber_echo_program)
{
	const int signals[] = { SIGINT, SIGTERM };
	const char *const backends[] = { "--backend=any", "--backend=epoll" };
	const struct echo_crowd crowd = { .clients = 50,
					  .seed = 3,
					  .limit_ns = INT64_C(60000000000) };
	struct program p = start(backends[_i], "--address=127.0.0.1:0");
	struct echo_report report;
	struct echo_address here;
	char where[64] = "";

	ck_assert_int_eq(sscanf(p.line, "listening on %63[^,],", where), 1);
	ck_assert_int_eq(echo_address_parse(where, &here), 0);
	ck_assert_int_eq(echo_crowd_play(&crowd, &here, &report), 0);
	ck_assert_uint_eq(report.failed, 0);
	ck_assert_int_eq(stop(&p, signals[_i]), 0);
	assert_has(p.line, "clients, ");
	if (_i == 1)
		assert_has(p.line, "by epoll");
}
END_TEST

// A path is gone with it.
START_TEST(fiber_echo_path)
{
	char folder[] = "/tmp/fiber-echo-XXXXXX", address[128];
	struct stat st;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(address, sizeof address, "--address=unix:%s/s", folder);
	struct program p = start("--backend=epoll", address);
	assert_has(p.line, "listening on unix:");
	ck_assert_int_eq(stat(strchr(address, ':') + 1, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_int_eq(stop(&p, SIGTERM), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(fiber_echo_usage)
{
	const struct {
		const char *argument, *says;
	} rows[] = {
		{ "--backend=poll", "any, uring or epoll" },
		{ "--backend=", "any, uring or epoll" },
		{ "--address=localhost:7", "ADDRESS:PORT in numbers" },
		{ "--address=127.0.0.1:70000", "ADDRESS:PORT in numbers" },
		{ "more", "what is 'more'?" },
		{ "--nothing", "unrecognized option" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome o = run("threads/fiber", "echo",
				       rows[i].argument, NULL);
		ck_assert_int_eq(o.exit, 2);
		assert_has(o.err, rows[i].says);
		outcome_free(&o);
	}
	struct outcome o = run("threads/fiber", "echo", "--address=192.0.2.1:7",
			       NULL);
	ck_assert_int_eq(o.exit, 1);
	assert_has(o.err, "cannot listen on 192.0.2.1:7");
	outcome_free(&o);
}
END_TEST

void add_fiber_echo_tests(Suite *suite)
{
	TCase *tcase = tcase_create("echo");

	tcase_set_timeout(tcase, 120);
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, fiber_echo_crowd, 0, 4);
	tcase_add_loop_test(tcase, fiber_echo_program, 0, 2);
	tcase_add_test(tcase, fiber_echo_path);
	tcase_add_test(tcase, fiber_echo_usage);
}

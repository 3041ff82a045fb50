// # Tests of ipc/echo/: three servers and a crowd
//
// (What the servers are judged by, the crowd and the addresses: echo_judges.c.
// The tool, and what real clients get from it: echo_tool.c.)
//
// A server runs in a child of the test; when it has been told to stop, it looks
// for what it left behind (descriptors, children) and says so in its exit
// status. The crowd of ipc/echo/crowd.c checks the bytes, so it is tested first.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo_parts.h"

enum {
	ANYBODY = 65534,
	LEFT_DESCRIPTORS = 101, // exit statuses of a server
	LEFT_CHILDREN,
	CANNOT_PREPARE,
};

static const char *const places[] = { "127.0.0.1:0", "unix:@" };

// --- a server --------------------------------------------------------------------

struct server {
	pid_t pid;
	struct echo_address address;
	struct echo_job job;
};

static int descriptors_open(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	while (folder && readdir(folder))
		n++;
	if (folder)
		closedir(folder);
	return n;
}

static _Noreturn void be_server(const struct echo_way *way,
				const struct echo_job *job)
{
	int before = descriptors_open(), error = way->serve(job);

	if (error)
		_exit(-error);
	if (descriptors_open() != before)
		_exit(LEFT_DESCRIPTORS);
	_exit(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD
		      ? 0
		      : LEFT_CHILDREN);
}

// `prepare`, if any, runs in the server's process first.
static struct server start(const struct echo_way *way, const char *where,
			   unsigned most, bool (*prepare)(void))
{
	struct server s = { .job = { .most_clients = most } };
	pid_t test = getpid();

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(echo_address_parse(where, &s.address), 0);
	s.job.listener = echo_listen(&s.address, SOMAXCONN);
	ck_assert_int_ge(s.job.listener, 0);
	s.job.stop = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_ge(s.job.stop, 0);
	s.job.counts = echo_counts_new();
	ck_assert_ptr_nonnull(s.job.counts);
	s.pid = fork_fresh();
	if (s.pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
		    getppid() != test || (prepare && !prepare()))
			_exit(CANNOT_PREPARE);
		be_server(way, &s.job);
	}
	close(s.job.listener);
	return s;
}

// Tells it to stop; everything that began has ended then.
static void stop(struct server *s)
{
	ck_assert_int_eq(eventfd_write(s->job.stop, 1), 0);
	ck_assert_int_eq(status_of(s->pid), 0);
	ck_assert_uint_eq(s->job.counts->began, s->job.counts->ended);
	ck_assert_int_eq(living_child(NULL, 0), 0);
	close(s->job.stop);
	echo_counts_free(s->job.counts);
}

// --- a client ---------------------------------------------------------------------

static int knock(const struct server *s)
{
	int fd = socket(s->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC,
			0);

	ck_assert_int_ge(fd, 0);
	ck_assert_msg(connect(fd, &s->address.any, s->address.bytes) == 0,
		      "connect: %s", strerror(errno));
	return fd;
}

static void say_and_hear(int fd, const char *text)
{
	char got[64] = "";
	size_t bytes = strlen(text), at = 0;

	ck_assert_int_eq(send(fd, text, bytes, MSG_NOSIGNAL), bytes);
	while (at < bytes) {
		ssize_t n = recv(fd, got + at, sizeof got - 1 - at, 0);
		ck_assert_msg(n > 0, "recv: %zd, %s", n, strerror(errno));
		at += n;
	}
	ck_assert_str_eq(got, text);
}

// Whether an answer to "?" comes within the time.
static bool is_answered(int fd, int ms)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, ms) == 1;
}

static void reset(int fd)
{
	struct linger at_once = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(fd);
}

// Sends until nothing goes any more, at most 64 MiB. Returns how many bytes.
static size_t send_until_stuck(int fd)
{
	enum { MOST = 64 << 20, PIECE = 65536 };
	static const char piece[PIECE];
	size_t sent = 0;
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	while (sent < MOST) {
		ssize_t n = send(fd, piece, PIECE, MSG_DONTWAIT | MSG_NOSIGNAL);
		ck_assert_msg(n > 0 || errno == EAGAIN, "send: %s",
			      strerror(errno));
		if (n == -1 && poll(&room, 1, 100) == 0)
			break;
		sent += n > 0 ? n : 0;
	}
	return sent;
}

// Fails if the server wakes up again and again though nothing happens: a few
// turns may be late ones, who spins takes thousands.
static void must_not_spin(const struct server *s)
{
	enum { LOOKS = 30, LATE = 10 };
	uint64_t turns = s->job.counts->turns;

	for (int i = 0; i < LOOKS; i++)
		test_nap();
	ck_assert_uint_le(s->job.counts->turns, turns + LATE);
}

// --- a thousand -------------------------------------------------------------------

static void play_crowd(const struct echo_way *way, const char *where,
		       unsigned clients, bool (*prepare)(void))
{
	struct echo_crowd crowd = { .clients = clients,
				    .slow = 5,
				    .gone = 20,
				    .silent = 5,
				    .seed = clients,
				    .limit_ns = 60000000000 };
	struct echo_report report;

	struct server s = start(way, where, 0, prepare);
	ck_assert_int_eq(echo_crowd_play(&crowd, &s.address, &report), 0);
	ck_assert_msg(report.failed == 0, "%s, %s: %u failed: %s", way->name,
		      where, report.failed, report.first);
	for (int kind = 0; kind < ECHO_KINDS; kind++)
		ck_assert_msg(report.well[kind] == report.sent[kind] &&
				      report.sent[kind] > 0,
			      "%s: %u of %u", echo_kind_names[kind],
			      report.well[kind], report.sent[kind]);
	// all but those that left at once, and perhaps the silent
	ck_assert_uint_ge(s.job.counts->most, clients * 90 / 100);
	await(s.job.counts->ended == clients);
	stop(&s);
}

START_TEST(echo_thousand_clients)
{
	WAY(_i);
	if (echo_descriptors(1200) != 0)
		SKIP("fewer than 1,200 descriptors (ulimit -Hn)");
	play_crowd(way, "127.0.0.1:0", 1000, NULL);
}
END_TEST

START_TEST(echo_crowd_on_unix_socket)
{
	WAY(_i);
	play_crowd(way, "unix:@", 200, NULL);
}
END_TEST

static bool become_anybody(void)
{
	return geteuid() != 0 || (setgroups(0, NULL) == 0 &&
				  setresgid(ANYBODY, ANYBODY, ANYBODY) == 0 &&
				  setresuid(ANYBODY, ANYBODY, ANYBODY) == 0);
}

START_TEST(echo_as_ordinary_user)
{
	WAY(_i);
	play_crowd(way, "127.0.0.1:0", 100, become_anybody);
}
END_TEST

// --- clients that vanish ------------------------------------------------------------

static void leave_at_once(int fd)
{
	close(fd);
}

static void reset_at_once(int fd)
{
	reset(fd);
}

static void leave_unread(int fd)
{
	char byte;

	ck_assert_int_eq(send(fd, "unread", 6, 0), 6);
	ck_assert_int_eq(recv(fd, &byte, 1, MSG_PEEK), 1);
	close(fd);
}

static void leave_half_read(int fd)
{
	char bytes[3];

	ck_assert_int_eq(send(fd, "unread", 6, 0), 6);
	ck_assert_int_gt(recv(fd, bytes, 3, 0), 0);
	close(fd);
}

static void reset_when_stuck(int fd)
{
	send_until_stuck(fd);
	reset(fd);
}

static void leave_when_stuck(int fd)
{
	send_until_stuck(fd);
	close(fd);
}

static void half_close_and_reset(int fd)
{
	ck_assert_int_eq(send(fd, "half", 4, 0), 4);
	shutdown(fd, SHUT_WR);
	reset(fd);
}

static void half_close_stuck_and_reset(int fd)
{
	send_until_stuck(fd);
	shutdown(fd, SHUT_WR);
	reset(fd);
}

static void stop_reading_and_leave(int fd)
{
	shutdown(fd, SHUT_RD);
	ck_assert_int_eq(send(fd, "deaf", 4, 0), 4);
	close(fd);
}

static void (*const ways_to_vanish[])(int fd) = {
	leave_at_once,          reset_at_once,
	leave_unread,           leave_half_read,
	reset_when_stuck,       leave_when_stuck,
	half_close_and_reset,   half_close_stuck_and_reset,
	stop_reading_and_leave,
};

enum { VANISHING = sizeof ways_to_vanish / sizeof *ways_to_vanish };

// One stays all the while, and is served before and after.
START_TEST(echo_clients_vanish)
{
	WAY(_i / 2);
	struct server s = start(way, places[_i % 2], 0, NULL);
	int stays = knock(&s);

	say_and_hear(stays, "before");
	for (size_t i = 0; i < VANISHING; i++) {
		ways_to_vanish[i](knock(&s));
		await(s.job.counts->ended == i + 1);
		say_and_hear(stays, "and after");
	}
	ck_assert_uint_eq(s.job.counts->began, VANISHING + 1);
	must_not_spin(&s);
	close(stays);
	stop(&s);
}
END_TEST

// All the same, but nobody waits for the server in between.
START_TEST(echo_clients_vanish_together)
{
	enum { ROUNDS = 10 };
	WAY(_i / 2);
	struct server s = start(way, places[_i % 2], 0, NULL);

	for (int i = 0; i < ROUNDS * VANISHING; i++) {
		void (*vanish)(int) = ways_to_vanish[i % VANISHING];
		if (vanish != reset_when_stuck && vanish != leave_when_stuck &&
		    vanish != half_close_stuck_and_reset)
			vanish(knock(&s));
	}
	int fd = knock(&s);
	say_and_hear(fd, "still there");
	await(s.job.counts->ended + 1 == s.job.counts->began);
	close(fd);
	stop(&s);
}
END_TEST

// --- half close, back pressure --------------------------------------------------------

START_TEST(echo_half_close)
{
	enum { MUCH = 100000 };
	WAY(_i / 2);
	struct server s = start(way, places[_i % 2], 0, NULL);
	char *sent = malloc(MUCH), *got = malloc(MUCH + 1);
	int fd = knock(&s);

	for (int i = 0; i < MUCH; i++)
		sent[i] = (char)(i * 31 + i / 256);
	ck_assert_int_eq(send(fd, sent, MUCH, 0), MUCH);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	for (ssize_t at = 0, n; at < MUCH; at += n) {
		n = recv(fd, got + at, MUCH + 1 - at, 0);
		ck_assert_msg(n > 0, "%zd after %zd bytes: %s", n, at,
			      strerror(errno));
	}
	ck_assert_int_eq(memcmp(sent, got, MUCH), 0);
	ck_assert_int_eq(recv(fd, got, 1, 0), 0);
	close(fd);
	await(s.job.counts->ended == 1);
	ck_assert_uint_eq(s.job.counts->failed, 0);
	ck_assert_uint_eq(s.job.counts->bytes, MUCH);
	stop(&s);
	free(sent);
	free(got);
}
END_TEST

// The server takes no more than it can hold, sleeps, serves others; and when the
// client reads after all, nothing is missing.
START_TEST(echo_back_pressure)
{
	WAY(_i / 2);
	struct server s = start(way, places[_i % 2], 0, NULL);
	int deaf = knock(&s), other = knock(&s);
	size_t sent = send_until_stuck(deaf), back = 0;
	static char buffer[65536];

	ck_assert_uint_lt(sent, 64 << 20);
	must_not_spin(&s);
	say_and_hear(other, "others are served");
	shutdown(deaf, SHUT_WR);
	must_not_spin(&s);
	for (ssize_t n; (n = recv(deaf, buffer, sizeof buffer, 0)) != 0;) {
		ck_assert_msg(n > 0, "recv: %s", strerror(errno));
		back += n;
	}
	ck_assert_uint_eq(back, sent);
	close(deaf);
	close(other);
	stop(&s);
}
END_TEST

// --- descriptors and processes run out --------------------------------------------------

enum { SPARE = 6, THRONG = 24 };

static bool few_descriptors(void)
{
	int highest = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit few = { highest + SPARE, highest + SPARE };

	return highest != -1 && close(highest) == 0 &&
	       setrlimit(RLIMIT_NOFILE, &few) == 0;
}

// Three rests, so that it was not by chance that it waited and not span: a turn
// at the end of each, and few more.
static void must_rest(const struct server *s)
{
	uint64_t rests = s->job.counts->rests, turns = s->job.counts->turns;

	await(s->job.counts->rests >= rests + 3);
	ck_assert_uint_le(s->job.counts->turns - turns,
			  4 * (s->job.counts->rests - rests) + 4);
}

// Everybody asks; who is not served now is served when others have left.
static void serve_throng(const struct server *s, int fd[THRONG])
{
	bool served[THRONG] = { false };
	int left = THRONG;

	for (int i = 0; i < THRONG; i++)
		ck_assert_int_eq(send(fd[i], "?", 1, 0), 1);
	for (int turns = 0; left > 0; turns++) {
		ck_assert_msg(turns < 60000, "%d clients are never served",
			      left);
		for (int i = 0; i < THRONG; i++)
			if (!served[i] && is_answered(fd[i], 0)) {
				char byte;
				ck_assert_int_eq(recv(fd[i], &byte, 1, 0), 1);
				ck_assert_int_eq(byte, '?');
				close(fd[i]);
				served[i] = true;
				left--;
			}
		test_nap();
	}
	await(s->job.counts->ended == THRONG);
}

START_TEST(echo_descriptors_run_out)
{
	WAY(_i / 2);
	struct server s = start(way, places[_i % 2], 0, few_descriptors);
	int fd[THRONG];

	for (int i = 0; i < THRONG; i++)
		fd[i] = knock(&s);
	await(s.job.counts->rests > 0);
	ck_assert_uint_lt(s.job.counts->began, THRONG);
	ck_assert_uint_gt(s.job.counts->began, 0);
	must_rest(&s);
	serve_throng(&s, fd);
	stop(&s);
}
END_TEST

// A limit of its own is no trouble: it does not even rest.
START_TEST(echo_most_clients)
{
	enum { MOST = 3 };
	WAY(_i / 2);
	struct server s = start(way, places[_i % 2], MOST, NULL);
	int fd[THRONG];

	for (int i = 0; i < THRONG; i++)
		fd[i] = knock(&s);
	await(s.job.counts->began == MOST);
	must_not_spin(&s);
	serve_throng(&s, fd);
	ck_assert_uint_eq(s.job.counts->most, MOST);
	ck_assert_uint_eq(s.job.counts->rests, 0);
	stop(&s);
}
END_TEST

// No process may be started by this user; the client that was let in waits.
static bool no_processes(void)
{
	struct rlimit none = { 0, RLIM_INFINITY };

	if (getrlimit(RLIMIT_NPROC, &none) == -1)
		return false;
	none.rlim_cur = 0;
	return become_anybody() && setrlimit(RLIMIT_NPROC, &none) == 0;
}

// By the same user: root in a container may not do it for another one.
static bool allow_processes(pid_t pid)
{
	struct rlimit limit;

	if (!become_anybody() || prlimit(pid, RLIMIT_NPROC, NULL, &limit) != 0)
		return false;
	limit.rlim_cur = limit.rlim_max;
	return prlimit(pid, RLIMIT_NPROC, &limit, NULL) == 0;
}

START_TEST(echo_processes_run_out)
{
	const struct echo_way *way = echo_way("process");
	char why[256];

	if (way->probe(why, sizeof why) != 0)
		SKIP("%s", why);
	struct server s = start(way, "127.0.0.1:0", 0, no_processes);
	int fd[THRONG];
	for (int i = 0; i < THRONG; i++)
		fd[i] = knock(&s);
	await(s.job.counts->rests > 0);
	must_rest(&s);
	ck_assert_uint_eq(s.job.counts->began, 0);
	pid_t helper = fork_fresh();
	if (helper == 0)
		_exit(allow_processes(s.pid) ? 0 : 1);
	ck_assert_int_eq(status_of(helper), 0);
	serve_throng(&s, fd);
	stop(&s);
}
END_TEST

// --- stopping --------------------------------------------------------------------

// Clients in every state: silent, in conversation, half closed, deaf and stuck.
START_TEST(echo_stop_with_clients)
{
	enum { CLIENTS = 12 };
	WAY(_i / 2);
	struct server s = start(way, places[_i % 2], 0, NULL);
	int fd[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		fd[i] = knock(&s);
		if (i % 4 > 0)
			say_and_hear(fd[i], "hello");
		if (i % 4 == 2)
			shutdown(fd[i], SHUT_RD);
		if (i % 4 == 3)
			send_until_stuck(fd[i]);
	}
	await(s.job.counts->began == CLIENTS);
	stop(&s);
	for (int i = 0; i < CLIENTS; i++) {
		char byte;
		if (i % 4 < 2) // who hears nothing but the end
			ck_assert_int_le(recv(fd[i], &byte, 1, 0), 0);
		close(fd[i]);
	}
}
END_TEST

START_TEST(echo_stop_before_anybody_came)
{
	WAY(_i);
	struct server s = start(way, places[0], 0, NULL);

	stop(&s);
}
END_TEST

// A signal, too, is a descriptor.
static _Noreturn void serve_until_signal(const struct echo_way *way,
					 struct echo_job *job)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	job->stop = signalfd(-1, &signals, SFD_CLOEXEC);
	be_server(way, job);
}

START_TEST(echo_stop_by_signal)
{
	WAY(_i);
	struct server s = { .job = { .counts = echo_counts_new() } };

	ck_assert_int_eq(echo_address_parse(places[0], &s.address), 0);
	s.job.listener = echo_listen(&s.address, 8);
	s.pid = fork_fresh();
	if (s.pid == 0)
		serve_until_signal(way, &s.job);
	close(s.job.listener);
	int fd = knock(&s);
	say_and_hear(fd, "hello");
	ck_assert_int_eq(kill(s.pid, SIGUSR1), 0);
	ck_assert_int_eq(status_of(s.pid), 0);
	close(fd);
	echo_counts_free(s.job.counts);
}
END_TEST

Suite *echo_suite(void)
{
	Suite *suite = suite_create("echo");
	TCase *tcase = tcase_create("echo");
	int ways = 0;

	while (echo_ways[ways])
		ways++;
	suite_add_tcase(suite, tcase);
	add_echo_judge_tests(tcase);
	tcase_add_loop_test(tcase, echo_thousand_clients, 0, ways);
	tcase_add_loop_test(tcase, echo_crowd_on_unix_socket, 0, ways);
	tcase_add_loop_test(tcase, echo_as_ordinary_user, 0, ways);
	tcase_add_loop_test(tcase, echo_clients_vanish, 0, 2 * ways);
	tcase_add_loop_test(tcase, echo_clients_vanish_together, 0, 2 * ways);
	tcase_add_loop_test(tcase, echo_half_close, 0, 2 * ways);
	tcase_add_loop_test(tcase, echo_back_pressure, 0, 2 * ways);
	tcase_add_loop_test(tcase, echo_descriptors_run_out, 0, 2 * ways);
	tcase_add_loop_test(tcase, echo_most_clients, 0, 2 * ways);
	tcase_add_test(tcase, echo_processes_run_out);
	tcase_add_loop_test(tcase, echo_stop_with_clients, 0, 2 * ways);
	tcase_add_loop_test(tcase, echo_stop_before_anybody_came, 0, ways);
	tcase_add_loop_test(tcase, echo_stop_by_signal, 0, ways);
	add_echo_tool_tests(tcase, ways);
	return suite;
}

// # Tests of ipc/echo: three servers, a crowd, and the tool
//
// A server runs in a child of the test; when it has been told to stop, it looks
// for what it left behind (descriptors, children) and says so in its exit
// status. The crowd of ipc/echo/crowd.c checks the bytes, so it is tested first:
// servers that cheat must be found out.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"
#include "ipc/echo/echo.h"
#include "labs.h"

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

// The way of a test that is played for each, twice where `places` counts, too.
// (The probe of io_uring closes a ring, and when the kernel takes that down, a
// little later, it interrupts us as a signal would, without one: MSG_WAITALL may
// return less than all here.)
#define WAY(index)                                               \
	const struct echo_way *way = echo_ways[index];           \
	char why_[256];                                          \
	if (way->probe(why_, sizeof why_) != 0)                  \
		SKIP("%s: %s", way->name, why_)

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
		return CANNOT_PREPARE;
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
		_exit(CANNOT_PREPARE);
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

// --- the tool: real clients ------------------------------------------------------------

// Starts a server in a folder of its own, waits for its first line (in which the
// port is), runs the clients, stops it; prints what they got, the server's
// lines and its exit status.
static struct outcome run_tool(const char *options, const char *clients)
{
	char script[2048];

	snprintf(script, sizeof script,
		 "cd \"$(mktemp -d)\" || exit 99\n"
		 "until_there() { until grep -qs \"$1\" \"$2\"; do "
		 "sleep 0.02; done; }\n"
		 "$B/ipc/echo %s >out 2>&1 & server=$!\n"
		 "until_there try out\n"
		 "port=$(sed -n '1s/.*:\\([0-9]*\\) .*/\\1/p' out)\n"
		 "%s\n"
		 "kill -TERM $server; wait $server; echo \"exit $?\"\n"
		 "cat out; rm -f out heard; echo \"left: $(ls -A)\"; rm -rf "
		 "\"$PWD\"",
		 options, clients);
	return run_shell(script);
}

static bool is_installed(const char *program)
{
	char command[128];

	snprintf(command, sizeof command, "command -v %s >/dev/null", program);
	struct outcome got = run_shell(command);
	bool found = got.exit == 0;
	outcome_free(&got);
	return found;
}

// OpenBSD's nc half closes at the end of its input with -N; nmap's ncat, which
// does not know that, without.
#define NC "nc=nc; nc -h 2>&1 | grep -q -e -N && nc='nc -N'\n"

START_TEST(echo_real_nc)
{
	const char *const tries[][2] = {
		{ "--listen=127.0.0.1:0",
		  NC "printf 'from nc' | $nc 127.0.0.1 $port" },
		{ "--listen=unix:door", NC "printf 'from nc' | $nc -U door" },
	};
	WAY(_i);
	char options[128];

	if (!is_installed("nc"))
		SKIP("nc is not installed (netcat-openbsd, make deps-dev)");
	for (int i = 0; i < 2; i++) {
		snprintf(options, sizeof options, "--way=%s %s --verbose",
			 way->name, tries[i][0]);
		struct outcome got = run_tool(options, tries[i][1]);
		assert_has(got.out, "from ncexit 0\nlistening on ");
		assert_has(got.out, "client 1: 7 bytes\n1 client, 1 at once at "
				    "most, 0 cut off; 7 B sent back\n");
		assert_has(got.out, "\nleft: \n");
		outcome_free(&got);
	}
}
END_TEST

// curl waits for more until it is stopped, as an echo server never hangs up.
START_TEST(echo_real_curl)
{
	const char *const tries[][3] = {
		{ "--listen=127.0.0.1:0",
		  "printf 'from curl\\n' | curl -sN telnet://127.0.0.1:$port",
		  "from curl\n" },
		{ "--listen=unix:door",
		  "curl -sN --http0.9 --unix-socket door http://echo/path",
		  "GET /path HTTP/1.1\r\nHost: echo\r\n" },
	};
	WAY(_i);
	char options[128], clients[512];

	if (!is_installed("curl"))
		SKIP("curl is not installed (make deps-dev)");
	for (int i = 0; i < 2; i++) {
		snprintf(options, sizeof options, "--way=%s %s", way->name,
			 tries[i][0]);
		snprintf(clients, sizeof clients,
			 ": >heard; { %s; } >heard & until_there '.' heard\n"
			 "kill $!; cat heard",
			 tries[i][1]);
		struct outcome got = run_tool(options, clients);
		assert_has(got.out, tries[i][2]);
		assert_has(got.out, "exit 0\nlistening on ");
		assert_has(got.out, "\n1 client, ");
		outcome_free(&got);
	}
}
END_TEST

START_TEST(echo_path_in_use)
{
	struct outcome got =
		run_tool("--listen=unix:door",
			 "$B/ipc/echo --listen=unix:door; echo \"second $?\"");
	assert_has(got.err, "somebody listens there");
	ck_assert_int_eq(occurrences(got.err, "\n"), 1);
	assert_has(got.out, "second 1\nexit 0\n");
	assert_has(got.out, "\nleft: \n");
	outcome_free(&got);

	got = run_shell("cd \"$(mktemp -d)\" && : >file; "
			"$B/ipc/echo --listen=unix:file; echo $?; ls; "
			"rm -r \"$PWD\"");
	assert_has(got.err, "it is not a socket");
	ck_assert_str_eq(got.out, "1\nfile\n");
	outcome_free(&got);
}
END_TEST

// SIGKILL leaves the path (whom should it ask?), and the next start says so.
START_TEST(echo_path_left)
{
	struct outcome got = run_shell(
		"cd \"$(mktemp -d)\" || exit 99\n"
		"$B/ipc/echo --listen=unix:door >out & server=$!\n"
		"until grep -qs try out; do sleep 0.02; done\n"
		"kill -KILL $server; wait $server 2>/dev/null\n"
		"while $B/ipc/echo --listen=unix:door 2>&1 | tee said | "
		"grep -q 'somebody listens'; do sleep 0.02; done\n"
		"cat said; rm -r \"$PWD\"");
	assert_has(got.out, "a server that is gone left it: remove it");
	outcome_free(&got);
}
END_TEST

// --- the tool: output and usage ----------------------------------------------------------

START_TEST(echo_tool_crowd)
{
	json_error_t error;
	const json_t *way;
	size_t i;
	struct outcome got = run("ipc/echo", "--format=json", "--crowd=40",
				 NULL);

	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	json_t *parsed = json_loads(got.out, 0, &error);
	ck_assert_msg(parsed, "%s: %s", error.text, got.out);
	ck_assert_uint_eq(json_array_size(json_object_get(parsed, "ways")), 3);
	json_array_foreach(json_object_get(parsed, "ways"), i, way)
	{
		const char *result =
			json_string_value(json_object_get(way, "result"));
		ck_assert_ptr_nonnull(result);
		ck_assert(!strcmp(result, "skipped") ||
			  (!strcmp(result, "held") &&
			   json_integer_value(json_object_get(way, "well")) ==
				   40));
	}
	json_decref(parsed);
	outcome_free(&got);

	got = run_shell("COLUMNS=40 LC_ALL=C $B/ipc/echo --crowd=40 "
			"--listen=unix:@");
	ck_assert_msg(got.exit == 0, "%s%s", got.out, got.err);
	for (const char *c = got.out; *c; c++)
		ck_assert_msg(!(*c & 0x80), "not ASCII: %s", got.out);
	outcome_free(&got);
}
END_TEST

START_TEST(echo_tool_too_few_descriptors)
{
	struct outcome got = run_shell("ulimit -n 100; $B/ipc/echo "
				       "--crowd=1000");

	ck_assert_int_eq(got.exit, 77);
	assert_has(got.err, "ulimit -Hn");
	ck_assert_int_eq(occurrences(got.err, "\n"), 1);
	outcome_free(&got);
}
END_TEST

START_TEST(echo_tool_list)
{
	struct outcome got = run("ipc/echo", "--list", NULL);
	for (size_t i = 0; echo_ways[i]; i++)
		assert_has(got.out, echo_ways[i]->title);
	outcome_free(&got);
	got = run("ipc/echo", "--catalogue", NULL);
	assert_has(got.out, "ipc/echo\t");
	assert_has(got.out, "\t10 · Interprocess communication\ttool\n");
	outcome_free(&got);
	got = run("ipc/echo", "--version", NULL);
	ck_assert_int_eq(got.exit, 0);
	outcome_free(&got);
	got = run("ipc/echo", "--help", NULL);
	assert_has(got.out, "Examples:");
	outcome_free(&got);
}
END_TEST

START_TEST(echo_tool_bad_usage)
{
	static const char *const bad[][2] = {
		{ "--way=select", "--way" },
		{ "--way=", "--way" },
		{ "--listen=here", "--listen" },
		{ "--listen=127.0.0.1:99999", "--listen" },
		{ "--listen=unix:", "--listen" },
		{ "--crowd=0", "--crowd" },
		{ "--crowd=20001", "--crowd" },
		{ "--crowd=1e3", "--crowd" },
		{ "--crowd", "crowd" },
		{ "--most=0", "--most" },
		{ "--most=-1", "--most" },
		{ "--format=xml", "--format" },
		{ "--format=json", "--format" },
		{ "--verbose=yes", "verbose" },
		{ "--no-such-option", "no-such-option" },
		{ "argument", "argument" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct outcome got = run("ipc/echo", bad[i][0], NULL);
		ck_assert_msg(got.exit == 2 && !*got.out &&
				      strstr(got.err, bad[i][1]),
			      "%s: exit %d\n%s%s", bad[i][0], got.exit, got.out,
			      got.err);
		outcome_free(&got);
	}
}
END_TEST

START_TEST(echo_tool_output)
{
	static const char *const arguments[] = { "", "--crowd=5", "--list",
						 "--help",
						 "--crowd=5 --format=json" };
	char command[256];

	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
		snprintf(command, sizeof command, "$B/ipc/echo %s >/dev/full",
			 arguments[i]);
		struct outcome got = run_shell(command);
		ck_assert_msg(got.exit == 1 && occurrences(got.err, "\n") == 1,
			      "%s: exit %d: %s", command, got.exit, got.err);
		outcome_free(&got);
		snprintf(command, sizeof command,
			 "{ sleep 0.1; $B/ipc/echo %s; } | :", arguments[i]);
		got = run_shell(command);
		ck_assert_str_eq(got.err, "");
		outcome_free(&got);
	}
}
END_TEST

START_TEST(echo_tool_interrupted)
{
	static const char *const argv[] = { "ipc/echo", "--crowd=50", NULL };

	interrupt_at_moments(argv, _i ? SIGKILL : SIGINT, soaking() ? 300 : 15);
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
	tcase_add_loop_test(tcase, echo_crowd_finds_cheats, 0, CHEATS);
	tcase_add_test(tcase, echo_crowd_is_mixed);
	tcase_add_test(tcase, echo_crowd_says_when_it_cannot);
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
	tcase_add_loop_test(tcase, echo_uring_forbidden, 0, 2);
	tcase_add_test(tcase, echo_addresses);
	tcase_add_loop_test(tcase, echo_real_nc, 0, ways);
	tcase_add_loop_test(tcase, echo_real_curl, 0, ways);
	tcase_add_test(tcase, echo_path_in_use);
	tcase_add_test(tcase, echo_path_left);
	tcase_add_test(tcase, echo_tool_crowd);
	tcase_add_test(tcase, echo_tool_too_few_descriptors);
	tcase_add_test(tcase, echo_tool_list);
	tcase_add_test(tcase, echo_tool_bad_usage);
	tcase_add_test(tcase, echo_tool_output);
	tcase_add_loop_test(tcase, echo_tool_interrupted, 0, 2);
	return suite;
}

// # Tests of threads/fiber/: input and output, by io_uring and by epoll
//
// Every test runs with both; `_i` says which. What each call must do is what its
// man page says of a blocking one.

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fiber_parts.h"

enum { READ, WRITE };
static const enum fiber_backend backends[] = { FIBER_URING, FIBER_EPOLL };
static const char *const names[] = { "uring", "epoll" };

// Descriptors below this are ours; what a run leaves open would be among them.
static int open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

static void *do_nothing(void *argument)
{
	return argument;
}

static bool has_uring(void)
{
	struct fiber_setup setup = { .backend = FIBER_URING };

	return fiber_run(&setup, do_nothing, NULL) == 0;
}

// Plays with a backend, and expects that nothing stays open.
static bool play_io(int which, fiber_function *first, void *argument)
{
	struct fiber_facts facts;
	struct fiber_setup setup = { .most = 2000,
				     .backend = backends[which],
				     .facts = &facts };

	if (backends[which] == FIBER_URING && !has_uring())
		return false;
	int before = open_descriptors();
	ck_assert_int_eq(fiber_run(&setup, first, argument), 0);
	ck_assert_str_eq(facts.backend, names[which]);
	ck_assert_int_eq(open_descriptors(), before);
	return true;
}

#define PLAY_IO(first, argument)                                       \
	do {                                                           \
		if (!play_io(_i, first, argument))                     \
			SKIP("io_uring is refused here");              \
	} while (0)

static void open_pipe(int fd[2], int flags)
{
	ck_assert_int_eq(pipe2(fd, O_CLOEXEC | flags), 0);
}

static void close_both(const int fd[2])
{
	ck_assert_int_eq(fiber_close(fd[0]), 0);
	ck_assert_int_eq(fiber_close(fd[1]), 0);
}

// --- a blocking call blocks one fiber ------------------------------------------

static void *read_byte(void *fd)
{
	char byte = 0;
	ssize_t n = fiber_read((int)of_number(fd), &byte, 1);

	return number(n == 1 ? byte : n);
}

// With blocking and with non-blocking pipes.
static void *read_waits(void *argument)
{
	for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
		int fd[2];
		open_pipe(fd, flags);
		struct fiber *f = spawned(read_byte, number(fd[READ]));
		for (int i = 0; i < 1000; i++)
			fiber_yield(); // the thread is not blocked
		ck_assert_int_eq(fiber_write(fd[WRITE], "x", 1), 1);
		ck_assert_int_eq(of_number(joined(f)), 'x');
		f = spawned(read_byte, number(fd[READ]));
		settle();
		ck_assert_int_eq(fiber_close(fd[WRITE]), 0);
		ck_assert_int_eq(of_number(joined(f)), 0); // the end
		ck_assert_int_eq(fiber_close(fd[READ]), 0);
	}
	return argument;
}

START_TEST(fiber_io_reads)
{
	PLAY_IO(read_waits, NULL);
}
END_TEST

// A full pipe makes its writer wait, and every byte arrives in order.
enum { STREAM = 300000 };

static void *write_stream(void *fd)
{
	unsigned char *bytes = malloc(STREAM);
	ssize_t n;

	ck_assert_ptr_nonnull(bytes);
	for (int i = 0; i < STREAM; i++)
		bytes[i] = (unsigned char)(i % 251);
	for (size_t at = 0; at < STREAM; at += (size_t)n) {
		n = fiber_write((int)of_number(fd), bytes + at, STREAM - at);
		ck_assert_int_gt(n, 0);
	}
	free(bytes);
	return number(fiber_close((int)of_number(fd)));
}

static void *read_stream(void *argument)
{
	unsigned char bytes[5000];
	int fd[2], at = 0, wrong = 0;
	ssize_t n;

	open_pipe(fd, 0);
	struct fiber *f = spawned(write_stream, number(fd[WRITE]));
	while ((n = fiber_read(fd[READ], bytes, sizeof bytes)) > 0)
		for (ssize_t i = 0; i < n; i++)
			wrong += bytes[i] != at++ % 251;
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(wrong, 0);
	ck_assert_int_eq(at, STREAM);
	ck_assert_int_eq(of_number(joined(f)), 0);
	ck_assert_int_eq(fiber_close(fd[READ]), 0);
	return argument;
}

START_TEST(fiber_io_stream)
{
	PLAY_IO(read_stream, NULL);
}
END_TEST

// More requests than the ring has places for, on one descriptor.
static void *read_count(void *fd)
{
	uint64_t count = 0;

	ck_assert_int_eq(fiber_read((int)of_number(fd), &count, 8), 8);
	return number((intptr_t)count);
}

static void *thousand_read(void *argument)
{
	struct fiber *f[1000];
	int fd = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	uint64_t count = 1000;

	ck_assert_int_ge(fd, 0);
	for (int i = 0; i < 1000; i++)
		f[i] = spawned(read_count, number(fd));
	settle();
	ck_assert_int_eq(fiber_write(fd, &count, 8), 8);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(of_number(joined(f[i])), 1);
	ck_assert_int_eq(fiber_close(fd), 0);
	return argument;
}

START_TEST(fiber_io_thousand)
{
	PLAY_IO(thousand_read, NULL);
}
END_TEST

// --- sockets -------------------------------------------------------------------

static void *echo_once(void *listener)
{
	struct sockaddr_storage peer;
	socklen_t bytes = sizeof peer;
	char text[16];

	int fd = fiber_accept((int)of_number(listener), (void *)&peer, &bytes,
			      SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(bytes, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ssize_t n = fiber_recv(fd, text, sizeof text, 0);
	ck_assert_int_eq(n, 5);
	ck_assert_int_eq(fiber_send(fd, text, n, 0), n);
	ck_assert_int_eq(fiber_recv(fd, text, sizeof text, 0), 0);
	ck_assert_int_eq(fiber_close(fd), 0);
	return NULL;
}

static void talk(const struct sockaddr *address, socklen_t bytes, int listener)
{
	char text[16] = "";
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct fiber *server = spawned(echo_once, number(listener));

	ck_assert_int_ge(fd, 0);
	settle();
	ck_assert_int_eq(fiber_connect(fd, address, bytes), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fiber_send(fd, "hello", 5, 0), 5);
	ck_assert_int_eq(fiber_recv(fd, text, sizeof text, 0), 5);
	ck_assert_str_eq(text, "hello");
	ck_assert_int_eq(fiber_close(fd), 0);
	joined(server);
}

static void *sockets(void *argument)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t in_bytes = sizeof in, un_bytes = sizeof un;
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(tcp, (void *)&in, sizeof in), 0);
	ck_assert_int_eq(listen(tcp, 5), 0);
	ck_assert_int_eq(getsockname(tcp, (void *)&in, &in_bytes), 0);
	ck_assert_int_eq(bind(local, (void *)&un, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(listen(local, 5), 0);
	ck_assert_int_eq(getsockname(local, (void *)&un, &un_bytes), 0);
	talk((void *)&in, in_bytes, tcp);
	talk((void *)&un, un_bytes, local);
	ck_assert_int_eq(fiber_close(tcp), 0);

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(fiber_connect(fd, (void *)&in, in_bytes),
			 -ECONNREFUSED);
	ck_assert_int_eq(fiber_close(fd), 0);
	ck_assert_int_eq(fiber_close(local), 0);
	return argument;
}

START_TEST(fiber_io_sockets)
{
	PLAY_IO(sockets, NULL);
}
END_TEST

// A Unix listener whose queue is full: whoever connects waits.
static void *accept_five(void *listener)
{
	for (int i = 0; i < 5; i++) {
		int fd = fiber_accept((int)of_number(listener), NULL, NULL, 0);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(fiber_close(fd), 0);
	}
	return NULL;
}

static void *knock(void *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_un *un = address;

	ck_assert_int_eq(fiber_connect(fd, address,
				       sizeof(sa_family_t) + 1 +
					       strlen(un->sun_path + 1)),
			 0);
	return number(fiber_close(fd));
}

static void *full_queue(void *argument)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t bytes = sizeof un;
	struct fiber *f[5];
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(listener, (void *)&un, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(listen(listener, 0), 0);
	ck_assert_int_eq(getsockname(listener, (void *)&un, &bytes), 0);
	for (int i = 0; i < 5; i++)
		f[i] = spawned(knock, &un);
	ck_assert_int_eq(fiber_sleep(3000000), 0);
	joined(spawned(accept_five, number(listener)));
	for (int i = 0; i < 5; i++)
		joined(f[i]);
	ck_assert_int_eq(fiber_close(listener), 0);
	return argument;
}

START_TEST(fiber_io_full_queue)
{
	PLAY_IO(full_queue, NULL);
}
END_TEST

// One reads and one writes on the same socket: each is told of his own event.
static void *fill(void *fd)
{
	char bytes[4096] = "";
	ssize_t n, sum = 0;

	while ((n = fiber_send((int)of_number(fd), bytes, sizeof bytes, 0)) > 0)
		sum += n;
	ck_assert_int_eq(n, -EPIPE); // and no SIGPIPE
	return number(sum);
}

static void *both_ways(void *argument)
{
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd),
			 0);
	struct fiber *writer = spawned(fill, number(fd[0]));
	struct fiber *reader = spawned(read_byte, number(fd[0]));
	settle();
	ck_assert_int_eq(fiber_sleep(1000000), 0);
	ck_assert_int_eq(fiber_send(fd[1], "y", 1, 0), 1);
	ck_assert_int_eq(of_number(joined(reader)), 'y'); // the writer waits
	ck_assert_int_eq(fiber_close(fd[1]), 0);
	ck_assert_int_gt(of_number(joined(writer)), 0);
	ck_assert_int_eq(fiber_close(fd[0]), 0);
	return argument;
}

START_TEST(fiber_io_both_ways)
{
	PLAY_IO(both_ways, NULL);
}
END_TEST

// --- files ---------------------------------------------------------------------

static void *files(void *argument)
{
	char path[] = "/tmp/fiber-test-XXXXXX", text[32] = "";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fiber_close(fd), 0);
	fd = fiber_openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(fiber_write(fd, "one two", 7), 7);
	ck_assert_int_eq(fiber_pwrite(fd, "six", 3, 4), 3);
	ck_assert_int_eq(fiber_write(fd, "!", 1), 1);
	ck_assert_int_eq(fiber_fsync(fd), 0);
	ck_assert_int_eq(fiber_read(fd, text, sizeof text), 0);
	ck_assert_int_eq(fiber_pread(fd, text, sizeof text, 2), 6);
	ck_assert_str_eq(text, "e six!");
	ck_assert_int_gt(fiber_poll(fd, POLLIN) & POLLIN, 0);
	ck_assert_int_eq(fiber_close(fd), 0);

	ck_assert_int_eq(fiber_openat(AT_FDCWD, "/nowhere/at/all", O_RDONLY, 0),
			 -ENOENT);
	ck_assert_int_eq(fiber_close(-1), -EBADF);
	ck_assert_int_eq(fiber_read(-1, text, 1), -EBADF);
	ck_assert_int_eq(fiber_write(-1, text, 1), -EBADF);
	ck_assert_int_eq(fiber_recv(-1, text, 1, 0), -EBADF);
	ck_assert_int_eq(fiber_accept(-1, NULL, NULL, 0), -EBADF);
	ck_assert_int_eq(fiber_connect(-1, NULL, 0), -EBADF);
	return argument;
}

START_TEST(fiber_io_files)
{
	PLAY_IO(files, NULL);
}
END_TEST

static void *poll_in(void *fd)
{
	return number(fiber_poll((int)of_number(fd), POLLIN));
}

static void *polls(void *argument)
{
	int fd[2];

	open_pipe(fd, 0);
	ck_assert_int_eq(fiber_poll(fd[WRITE], POLLOUT), POLLOUT);
	struct fiber *f = spawned(poll_in, number(fd[READ]));
	settle();
	ck_assert_int_eq(fiber_write(fd[WRITE], "x", 1), 1);
	ck_assert_int_eq(of_number(joined(f)), POLLIN);
	ck_assert_int_eq(
		of_number(joined(spawned(read_byte, number(fd[READ])))), 'x');
	close_both(fd);
	return argument;
}

START_TEST(fiber_io_polls)
{
	PLAY_IO(polls, NULL);
}
END_TEST

// --- cancellation, deadlock ------------------------------------------------------

static void *read_twice(void *fd)
{
	char byte = 0;

	ck_assert_int_eq(fiber_read((int)of_number(fd), &byte, 1), -ECANCELED);
	return read_byte(fd);
}

// A cancelled read takes nothing out of the pipe.
static void *cancels(void *argument)
{
	int fd[2];

	open_pipe(fd, 0);
	for (int turns = 0; turns < 3; turns++) {
		struct fiber *f = spawned(read_twice, number(fd[READ]));
		if (turns == 1)
			settle();
		if (turns == 2) // long enough to be in the kernel
			ck_assert_int_eq(fiber_sleep(1000000), 0);
		fiber_cancel(f);
		settle();
		ck_assert_int_eq(fiber_write(fd[WRITE], "z", 1), 1);
		ck_assert_int_eq(of_number(joined(f)), 'z');
	}
	struct fiber *f = spawned(poll_in, number(fd[READ]));
	ck_assert_int_eq(fiber_sleep(1000000), 0);
	fiber_cancel(f);
	ck_assert_int_eq(of_number(joined(f)), -ECANCELED);
	fiber_cancel(fiber_self());
	ck_assert_int_eq(fiber_close(fd[READ]), 0); // does not notice
	ck_assert_int_eq(fiber_sleep(1), -ECANCELED);
	ck_assert_int_eq(fiber_close(fd[WRITE]), 0);
	return argument;
}

START_TEST(fiber_io_cancels)
{
	PLAY_IO(cancels, NULL);
}
END_TEST

// A read that nobody will ever answer is no deadlock that we could know of; but
// once it is cancelled, the rest is one.
static void *take_one(void *channel)
{
	char byte;

	return number(fiber_channel_take(channel, &byte));
}

static void *stuck_reader(void *fd)
{
	struct fiber_channel *channel;

	ck_assert_int_eq(fiber_channel_new(&channel, 1, 0), 0);
	struct fiber *reader = spawned(read_byte, fd);
	struct fiber *taker = spawned(take_one, channel);
	ck_assert_int_eq(fiber_sleep(2000000), 0);
	fiber_cancel(reader);
	ck_assert_int_eq(fiber_join(taker, NULL), -EDEADLK);
	ck_assert_int_eq(of_number(joined(reader)), -ECANCELED);
	ck_assert_int_eq(of_number(joined(taker)), -EDEADLK);
	fiber_channel_free(channel);
	return NULL;
}

START_TEST(fiber_io_deadlock)
{
	struct fiber_setup setup = { .backend = backends[_i] };
	int fd[2];

	open_pipe(fd, 0);
	int error = fiber_run(&setup, stuck_reader, number(fd[READ]));
	close(fd[READ]);
	close(fd[WRITE]);
	if (_i == 0 && !has_uring())
		SKIP("io_uring is refused here");
	ck_assert_int_eq(error, -EDEADLK);
}
END_TEST

// --- where io_uring is refused -----------------------------------------------------

static bool forbid_uring(int error)
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

static int run_forbidden(int error)
{
	struct fiber_facts facts = { 0 };
	struct fiber_setup any = { .facts = &facts };
	struct fiber_setup uring = { .backend = FIBER_URING };

	if (!forbid_uring(error))
		return 77;
	if (fiber_run(&any, read_waits, NULL) != 0 ||
	    strcmp(facts.backend, "epoll") != 0)
		return 1;
	return fiber_run(&uring, read_waits, NULL) == -error ? 0 : 2;
}

START_TEST(fiber_io_refused)
{
	const int errors[] = { EPERM, ENOSYS, ENOMEM };
	pid_t pid = fork_fresh();

	if (pid == 0)
		_exit(run_forbidden(errors[_i]));
	int status = status_of(pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("no seccomp here");
	ck_assert_int_eq(status, 0);
}
END_TEST

// No descriptor is left for a ring or an epoll: the call that needs it says so.
static void *read_refused(void *argument)
{
	char byte;

	return number(fiber_read(0, &byte, 1) == -EMFILE && !argument ? 0 : 1);
}

static void *join_refused(void *result)
{
	*(intptr_t *)result = of_number(joined(spawned(read_refused, NULL)));
	return NULL;
}

START_TEST(fiber_io_no_descriptor)
{
	pid_t pid = fork_fresh();

	if (pid == 0) {
		struct fiber_setup setup = { 0 };
		struct fiber_setup epoll = { .backend = FIBER_EPOLL };
		struct rlimit none = { 0, 0 };
		intptr_t result = 1;
		setrlimit(RLIMIT_NOFILE, &none);
		int error = fiber_run(&setup, join_refused, &result);
		_exit(error || result ||
		      fiber_run(&epoll, join_refused, &result) != -EMFILE);
	}
	ck_assert_int_eq(status_of(pid), 0);
}
END_TEST

// Too little address space for a ring, and then for half of one: epoll stands in
// for it, and whoever reads does not notice. Each limit in a child of its own.
enum { BY_URING, BY_EPOLL, NO_ROOM, WRONG, AS_STEP = 4096, AS_STEPS = 4096 };

struct late {
	int fd[2];
	int64_t result;
	char byte;
};

static void *write_late(void *fd)
{
	fiber_yield();
	return number(write((int)of_number(fd), "w", 1));
}

static void *read_before(void *argument)
{
	struct late *late = argument;

	late->result = fiber_spawn(NULL, write_late, number(late->fd[WRITE]));
	if (late->result == 0)
		late->result = fiber_read(late->fd[READ], &late->byte, 1);
	return NULL;
}

static rlim_t address_space(void)
{
	unsigned long pages = 0;
	FILE *sizes = fopen("/proc/self/statm", "re");

	ck_assert_ptr_nonnull(sizes);
	ck_assert_int_eq(fscanf(sizes, "%lu", &pages), 1);
	fclose(sizes);
	return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static int read_within(rlim_t bytes)
{
	struct rlimit limit = { bytes, bytes };
	struct fiber_facts facts = { 0 };
	struct fiber_setup setup = { .most = 2, .facts = &facts };
	struct late late = { .result = 0 };

	if (pipe2(late.fd, O_CLOEXEC) || setrlimit(RLIMIT_AS, &limit))
		return WRONG;
	int error = fiber_run(&setup, read_before, &late);
	if (error == -ENOMEM || (!error && late.result == -ENOMEM))
		return NO_ROOM;
	if (error || late.result != 1 || late.byte != 'w')
		return WRONG;
	return strcmp(facts.backend, "uring") ? BY_EPOLL : BY_URING;
}

START_TEST(fiber_io_little_room)
{
	int ways[WRONG] = { 0 };

	if (IS_SANITIZED)
		SKIP("a sanitizer needs more address space than any limit");
	rlim_t now = address_space();
	for (int i = 0; i < AS_STEPS && ways[BY_URING] == 0; i++) {
		pid_t pid = fork_fresh();
		if (pid == 0)
			_exit(read_within(now + (rlim_t)i * AS_STEP));
		int status = status_of(pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) < WRONG,
			      "%d KiB more: status %#x", i * AS_STEP / 1024,
			      (unsigned)status);
		ways[WEXITSTATUS(status)]++;
		if (i == 512 && !has_uring())
			SKIP("io_uring is refused here");
	}
	ck_assert_int_eq(ways[BY_URING], 1);
	ck_assert_int_gt(ways[BY_EPOLL], 0);
}
END_TEST

void add_fiber_io_tests(Suite *suite)
{
	TCase *tcase = tcase_create("io");

	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, fiber_io_reads, 0, 2);
	tcase_add_loop_test(tcase, fiber_io_stream, 0, 2);
	tcase_add_loop_test(tcase, fiber_io_thousand, 0, 2);
	tcase_add_loop_test(tcase, fiber_io_sockets, 0, 2);
	tcase_add_loop_test(tcase, fiber_io_full_queue, 0, 2);
	tcase_add_loop_test(tcase, fiber_io_both_ways, 0, 2);
	tcase_add_loop_test(tcase, fiber_io_files, 0, 2);
	tcase_add_loop_test(tcase, fiber_io_polls, 0, 2);
	tcase_add_loop_test(tcase, fiber_io_cancels, 0, 2);
	tcase_add_loop_test(tcase, fiber_io_deadlock, 0, 2);
	tcase_add_loop_test(tcase, fiber_io_refused, 0, 3);
	tcase_add_test(tcase, fiber_io_no_descriptor);
	tcase_add_test(tcase, fiber_io_little_room);
}

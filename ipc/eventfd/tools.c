// # What the scenes share

#define _GNU_SOURCE
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ipc/eventfd/scenes.h"
#include "lab.h"

// What a kernel was built without is ENOSYS, what a container's filter forbids
// is that or EPERM.
static int need(int result, const char *call, const char *since)
{
	if (result == -1 && (errno == ENOSYS || errno == EPERM))
		skip("no %s here: it needs %s and a container that allows it: "
		     "%s",
		     call, since, strerror(errno));
	return result;
}

int new_counter(int flags)
{
	return must(need(eventfd(0, EFD_CLOEXEC | flags), "eventfd",
			 "a kernel with CONFIG_EVENTFD"));
}

int new_timer(void)
{
	return must(need(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC),
			 "timerfd", "a kernel with CONFIG_TIMERFD"));
}

// The wrappers of these two are young in C libraries.
int open_process(pid_t pid)
{
	return must(need((int)syscall(SYS_pidfd_open, pid, 0), "pidfd_open",
			 "Linux 5.3"));
}

int signal_process(int pidfd, int number)
{
	int result = need((int)syscall(SYS_pidfd_send_signal, pidfd, number,
				       NULL, 0),
			  "pidfd_send_signal", "Linux 5.1");

	if (result == -1 && errno != ESRCH)
		die_at(__FILE__, __LINE__, "pidfd_send_signal", errno);
	return result;
}

void add_number(int fd, uint64_t number)
{
	must(write(fd, &number, sizeof number));
}

uint64_t read_number(int fd)
{
	uint64_t number;

	if (read(fd, &number, sizeof number) == sizeof number)
		return number;
	if (errno != EAGAIN)
		die_at(__FILE__, __LINE__, "read(number)", errno);
	return 0;
}

short ready(int fd)
{
	struct pollfd input = { fd, POLLIN | POLLOUT, 0 };

	must(poll(&input, 1, 0));
	return input.revents;
}

// A mask and ignored signals are inherited, from the shell or further up.
void be_mortal(void)
{
	sigset_t set;

	must(sigemptyset(&set));
	must(sigaddset(&set, SIGTERM));
	must(signal(SIGTERM, SIG_DFL));
	must(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

siginfo_t reap_process(int pidfd)
{
	siginfo_t info = { 0 };

	must(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED));
	return info;
}

// # The process of one client
//
// What every book on servers begins with: read, write, and sleep in between. It
// needs no state but where it is in this function.
//
// Sources: prctl(2), PR_SET_PDEATHSIG; close_range(2); send(2), MSG_NOSIGNAL.

#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "parts.h"

static int echo_all(int fd, struct echo_counts *counts, uint64_t *bytes)
{
	char buffer[ECHO_BUFFER];

	for (;;) {
		ssize_t n = recv(fd, buffer, sizeof buffer, 0);
		if (n == 0)
			return 0;
		if (n == -1 && errno != EINTR)
			return errno;
		for (ssize_t at = 0, sent; at < n; at += sent) {
			sent = send(fd, buffer + at, n - at, MSG_NOSIGNAL);
			if (sent == -1 && errno != EINTR)
				return errno;
			sent = sent == -1 ? 0 : sent;
			*bytes += sent;
			echo_count(&counts->bytes, sent);
		}
	}
}

// It has inherited everything that is open, the listener too: a connection that
// a forgotten copy holds open never ends. close_range(2) is of Linux 5.9; where
// it is missing, the two that matter go.
static void close_others(const struct echo_job *job, int fd)
{
	int first = STDERR_FILENO + 1;

#ifdef SYS_close_range
	if ((fd <= first || syscall(SYS_close_range, first, fd - 1, 0) == 0) &&
	    syscall(SYS_close_range, fd < first ? first : fd + 1, ~0U, 0) == 0)
		return;
#endif
	close(job->listener);
	close(job->stop);
}

// Dies with the server, however that ends.
_Noreturn void echo_child(const struct echo_job *job, int fd, pid_t server,
			  uint64_t client)
{
	uint64_t bytes = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 ||
	    getppid() != server)
		_exit(EXIT_FAILURE);
	close_others(job, fd);
	int error = echo_all(fd, job->counts, &bytes);
	if (job->gone)
		job->gone(client, bytes, error);
	_exit(error ? EXIT_FAILURE : EXIT_SUCCESS);
}

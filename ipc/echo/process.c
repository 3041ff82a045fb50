// # A process for each client
//
// The oldest way, and the plainest: accept, fork, and let the child serve. It
// reads and writes as if there were nobody else in the world, and sleeps in the
// kernel whenever its client makes it wait. Back pressure, half close, slow
// clients: all of it comes by itself. A child that crashes takes one client
// along.
//
//     server ── accept ── fork ─┬─▶ child: recv, send, recv, send ...
//                accept ── fork ─┼─▶ child
//                  ...           └─▶ child
//
// What it costs is a process a client: a fork (it copies page tables and the table
// of descriptors, so it is dearer the more memory and the more children the
// server has), a kernel stack, a place in the scheduler. And the number of
// processes is limited (RLIMIT_NPROC, pids.max of the cgroup). Where fork fails
// with EAGAIN, the client that was just accepted waits, and the others wait in
// the queue. What a child does is in process_child.c.
//
// The server itself must hear of three things at once: a client at the door, a
// child that has ended, the word to stop. A child's end is SIGCHLD; but a
// signal finds the server in any line, several become one, and a wait for "any
// child" would reap children that the caller started for itself. A pidfd (Linux
// 5.3) is a descriptor that becomes readable when that one process has ended.
//
// Sources: fork(2), pidfd_open(2), poll(2), waitpid(2), prctl(2); Stevens,
// Fenner & Rudoff, "UNIX Network Programming" 1, 3rd edition, chapter 5.

#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parts.h"

// What poll(2) watches: the door and the word to stop, then a pidfd each child.
enum { DOOR, STOP, CHILDREN };

struct server {
	const struct echo_job *job;
	struct pollfd *watched;
	pid_t *pids; // of the child whose pidfd is at the same place
	size_t count, room;
	int waiting; // accepted, but there was no process for it; or -1
	struct echo_rest rest;
};

static int pidfd_of(pid_t pid)
{
#ifdef SYS_pidfd_open
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return fd == -1 ? -errno : fd;
#else
	(void)pid;
	return -ENOSYS;
#endif
}

static int probe(char *why, size_t why_bytes)
{
	int fd = pidfd_of(getpid());

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	snprintf(why, why_bytes,
		 "no pidfd_open(2) (%s): it takes Linux 5.3, and a container's "
		 "seccomp filter must allow it",
		 strerror(-fd));
	return fd;
}

static void bury(pid_t pid, int *status)
{
	*status = 0;
	while (waitpid(pid, status, 0) == -1 && errno == EINTR)
		continue;
}

static int make_room(struct server *s)
{
	size_t room = s->room ? 2 * s->room : 64;

	if (s->count < s->room)
		return 0;
	struct pollfd *watched = reallocarray(s->watched, room,
					      sizeof *watched);
	if (!watched)
		return -ENOMEM;
	s->watched = watched;
	pid_t *pids = reallocarray(s->pids, room, sizeof *pids);
	if (!pids)
		return -ENOMEM;
	s->pids = pids;
	s->room = room;
	return 0;
}

// Gives the waiting client a process. The server's own copy of the connection
// is closed before the pidfd is opened, so there is a number free for that.
static int start_child(struct server *s)
{
	const struct echo_job *job = s->job;
	pid_t server = getpid();
	int error = make_room(s), status;

	if (error)
		return error;
	uint64_t client = echo_value(&job->counts->began) + 1;
	pid_t pid = fork();
	if (pid == -1)
		return -errno;
	if (pid == 0)
		echo_child(job, s->waiting, server, client);
	close(s->waiting);
	s->waiting = -1;
	echo_began(job);
	int pidfd = pidfd_of(pid);
	if (pidfd < 0) {
		kill(pid, SIGKILL);
		bury(pid, &status);
		echo_ended(job, -pidfd);
		return 0;
	}
	s->watched[s->count] = (struct pollfd){ pidfd, POLLIN, 0 };
	s->pids[s->count++] = pid;
	return 0;
}

// EAGAIN says there are as many processes as there may be (fork(2)).
static enum echo_trouble fork_trouble(int error)
{
	return error == 0                           ? ECHO_GO_ON
	       : error == EAGAIN || error == ENOMEM ? ECHO_REST
						    : ECHO_BROKEN;
}

// Everybody at the door, until there is nobody or no room.
static int let_in(struct server *s)
{
	while (s->rest.until_ns == 0 && !echo_is_full(s->job)) {
		if (s->waiting == -1)
			s->waiting = accept4(s->job->listener, NULL, NULL,
					     SOCK_CLOEXEC);
		if (s->waiting == -1 && errno == EAGAIN)
			return 0;
		int error = s->waiting == -1 ? -errno : 0;
		enum echo_trouble trouble = echo_trouble(-error);
		if (!error) {
			error = start_child(s);
			trouble = fork_trouble(-error);
		}
		if (trouble == ECHO_BROKEN)
			return error;
		if (trouble == ECHO_REST)
			echo_rest_begin(&s->rest, s->job);
	}
	return 0;
}

// The child at this place has ended; the last one takes the place.
static void child_ended(struct server *s, size_t place, bool stopping)
{
	int status;

	bury(s->pids[place], &status);
	close(s->watched[place].fd);
	echo_ended(s->job, stopping ? 0 : status);
	s->watched[place] = s->watched[--s->count];
	s->pids[place] = s->pids[s->count];
	s->rest.until_ns = 0;
}

// The door is not looked at while nobody could be let in (fd -1: poll(2) skips
// it).
static int serve_until_stopped(struct server *s)
{
	const struct echo_job *job = s->job;

	for (;;) {
		bool open = s->rest.until_ns == 0 && !echo_is_full(job);
		s->watched[DOOR].fd = open ? job->listener : -1;
		int n = poll(s->watched, s->count, echo_rest_ms(&s->rest));
		if (n == -1 && errno != EINTR)
			return -errno;
		if (n == -1)
			continue; // and the answers are those of last time
		echo_count(&job->counts->turns, 1);
		if (s->watched[STOP].revents)
			return 0;
		for (size_t i = s->count; i-- > CHILDREN;)
			if (s->watched[i].revents)
				child_ended(s, i, false);
		if (echo_rest_is_over(&s->rest))
			s->rest.until_ns = 0;
		int error = let_in(s);
		if (error)
			return error;
	}
}

// SIGKILL, because a child may sleep in a send(2) to a client that never reads.
// All are killed before the first is waited for, so that they die together.
static void send_home(struct server *s)
{
	for (size_t i = CHILDREN; i < s->count; i++)
		kill(s->pids[i], SIGKILL);
	while (s->count > CHILDREN)
		child_ended(s, s->count - 1, true);
	if (s->waiting != -1)
		close(s->waiting);
}

// Non-blocking, because who knocked may be gone before we open.
static int serve(const struct echo_job *job)
{
	struct server s = { .job = job, .waiting = -1 };

	int error = echo_set_blocking(job->listener, false) ?: make_room(&s);
	if (!error) {
		s.watched[DOOR] = (struct pollfd){ -1, POLLIN, 0 };
		s.watched[STOP] = (struct pollfd){ job->stop, POLLIN, 0 };
		s.count = CHILDREN;
		error = serve_until_stopped(&s);
		send_home(&s);
	}
	free(s.watched);
	free(s.pids);
	return error;
}

const struct echo_way echo_way_process = {
	.name = "process",
	.title = "a process for each client, which waits for that one only",
	.probe = probe,
	.serve = serve,
};

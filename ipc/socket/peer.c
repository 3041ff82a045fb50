// # Who is there
//
// Whoever connects through AF_UNIX is on this machine, so the kernel knows who it
// is: a server need not believe what it is told. SO_PEERCRED says process, user
// and group of the other end, as they were when it called connect(2) (for a
// client: when the server called listen(2); for socketpair(2): when that was
// called). They are noted then and never looked at again.
//
// Sources: unix(7), "SO_PEERCRED", "SCM_CREDENTIALS"; pidfd_open(2), credentials(7).

#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "privilege.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static struct ucred peer_of(int fd)
{
	struct ucred who;
	socklen_t bytes = sizeof who;

	must(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes));
	return who;
}

static int accept_from(int listener)
{
	return must(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}

// ## A note from the moment of connecting
//
// The client connects, forks an heir that keeps the connection, and dies. Who
// speaks now is the heir; who is noted is the dead. Nothing stops a process from
// handing its connection on like that, or passing it (`pass`): SO_PEERCRED says
// who opened the conversation, not who is speaking.

static _Noreturn void be_client(const struct echo_address *server, int gate)
{
	int fd = connect_to(server);
	char byte;

	must(read(gate, &byte, 1));
	if (must(fork()) == 0) { // not fork_as: it outlives its parent
		must(read(gate, &byte, 1));
		pid_t self = getpid();
		must(send(fd, &self, sizeof self, 0));
	}
	_exit(0);
}

void show_peer(void)
{
	struct echo_address here;
	int listener = listen_on("unix:@", 4, &here), gate[2];
	pid_t speaker;

	must(pipe(gate));
	pid_t client = fork_as("client");
	if (client == 0)
		be_client(&here, gate[0]);
	int fd = accept_from(listener);
	struct ucred who = peer_of(fd);
	say("connected: process %d, user %u, group %u", who.pid,
	    (unsigned)who.uid, (unsigned)who.gid);
	claim(who.pid == client && who.uid == geteuid() && who.gid == getegid(),
	      "the kernel says who connected, whatever the client says");

	must(write(gate[1], "1", 1));
	reap(client);
	must(write(gate[1], "2", 1));
	must(recv(fd, &speaker, sizeof speaker, MSG_WAITALL));
	who = peer_of(fd);
	say("now speaks %d, and SO_PEERCRED says %d", speaker, who.pid);
	claim(who.pid == client && speaker != client,
	      "it notes who connected: a process now gone, its number free");
}

// ## A pidfd
//
// Between asking for a number and using it (kill, /proc/PID) the process may die
// and the number go to somebody else. A pidfd stands for one process for ever.
// Since Linux 6.5 the socket gives it (SO_PEERPIDFD). Before, there is only
// pidfd_open(2) on the number, and that may be another process's already.

static int pidfd_of_peer(int fd, const char **how)
{
	int pidfd;
	socklen_t bytes = sizeof pidfd;

	*how = "SO_PEERPIDFD";
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &bytes) == 0)
		return pidfd;
	if (errno != ENOPROTOOPT)
		die_at(__FILE__, __LINE__, "getsockopt(SO_PEERPIDFD)", errno);
	*how = "pidfd_open(2), since SO_PEERPIDFD takes Linux 6.5";
	pidfd = (int)syscall(SYS_pidfd_open, peer_of(fd).pid, 0);
	if (pidfd == -1 && (errno == ENOSYS || errno == EPERM))
		skip("no pidfd_open (%s): it takes Linux 5.3, and a "
		     "container's seccomp filter must allow it",
		     strerror(errno));
	return must(pidfd);
}

static int signal_through(int pidfd, int signal_number)
{
	return error_of(
		syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0));
}

void show_pidfd(void)
{
	struct echo_address here;
	int listener = listen_on("unix:@", 4, &here);
	const char *how;

	pid_t client = fork_as("client");
	if (client == 0) {
		connect_to(&here);
		pause();
		_exit(0);
	}
	int fd = accept_from(listener), pidfd = pidfd_of_peer(fd, &how);
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	say("a pidfd of the peer, by %s", how);
	claim(must(poll(&end, 1, 0)) == 0 && signal_through(pidfd, 0) == 0,
	      "while the peer lives it is not readable, and takes signals");
	must(kill(client, SIGKILL));
	must(waitpid(client, NULL, 0));
	say("the peer is killed and reaped: its number is free");
	claim(must(poll(&end, 1, 0)) == 1,
	      "a pidfd becomes readable when its process has ended");
	claim(signal_through(pidfd, SIGKILL) == ESRCH,
	      "and never means another one, whoever gets the number (ESRCH)");
}

// ## Who has sent this
//
// With SO_PASSCRED the receiver gets the sender's credentials with each message,
// also of datagrams. The kernel writes them if the sender does not; if it does
// (SCM_CREDENTIALS), the kernel checks them: an ordinary process may only say
// what is true of itself. (CAP_SYS_ADMIN may name any process that exists.)

static int send_as(int fd, const struct ucred *who)
{
	return send_beside(fd, SCM_CREDENTIALS, who, sizeof *who);
}

static struct ucred receive_credentials(int fd)
{
	struct ucred who = { 0 };

	(void)take_beside(fd, SCM_CREDENTIALS, &who, sizeof who);
	return who;
}

void show_credentials(void)
{
	int fd[2], on = 1;

	must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fd));
	must(setsockopt(fd[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	pid_t sender = fork_as("sender");
	if (sender == 0) {
		struct ucred forged = { getppid(), geteuid(), getegid() };

		give_up_capabilities();
		must(send(fd[0], "x", 1, 0));
		int error = send_as(fd[0], &forged);
		say("\"I am %d\", I say; the kernel: %s", forged.pid,
		    error ? strerror(error) : "all right");
		claim(error == EPERM, "a forged process ID is refused (EPERM)");
		forged.pid = getpid();
		claim(send_as(fd[0], &forged) == 0, "the true one is not");
		_exit(0);
	}
	reap(sender);
	struct ucred first = receive_credentials(fd[1]);
	struct ucred second = receive_credentials(fd[1]);
	say("made by %d: SO_PEERCRED says %d, messages %d", getpid(),
	    peer_of(fd[1]).pid, first.pid);
	claim(peer_of(fd[1]).pid == getpid(),
	      "SO_PEERCRED names who made the pair, whoever sends");
	claim(first.pid == sender && second.pid == sender,
	      "with SO_PASSCRED each message names who sent it");
}

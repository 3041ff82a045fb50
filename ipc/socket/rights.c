// # Passing a descriptor
//
// A descriptor is an index into a table of this process; in another process the
// same number is another file, or none. What it stands for is an "open file
// description" in the kernel: the file, the offset, the mode it was opened with.
// An AF_UNIX message can carry a reference to that (SCM_RIGHTS), and the
// receiver gets a descriptor of its own for it. So a process that may open a
// file can let another one use it that may not: the file is given, not the
// right to open files.
//
//     sender: 20 ──┐                           ┌── 5 :receiver
//                  └─▶ open file description ◀─┘
//                      offset, mode, file
//
// Sources: unix(7), "SCM_RIGHTS"; cmsg(3); open(2), "Open file descriptions".

#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NUMBER = 20 };

// ## Beside the data
//
// A control message travels beside the bytes of a message and says by its type
// what it is: SCM_RIGHTS (descriptors) or SCM_CREDENTIALS (see peer.c). On a
// stream at least one byte of data must go along.

// Room for one of either, aligned as cmsg(3) asks.
union control {
	char bytes[CMSG_SPACE(sizeof(struct ucred))];
	struct cmsghdr align;
};

int send_beside(int socket, int type, const void *what, size_t bytes)
{
	char byte = 'x';
	struct iovec piece = { &byte, 1 };
	union control control = { .bytes = "" };
	struct msghdr message = {
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = type;
	header->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(header), what, bytes);
	return error_of(sendmsg(socket, &message, 0));
}

// MSG_CMSG_CLOEXEC, or a descriptor would leak into the next program that is
// started.
bool take_beside(int socket, int type, void *what, size_t bytes)
{
	char byte;
	struct iovec piece = { &byte, 1 };
	union control control;
	struct msghdr message = {
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(bytes),
	};

	must(recvmsg(socket, &message, MSG_CMSG_CLOEXEC));
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != type)
		return false;
	memcpy(what, CMSG_DATA(header), bytes);
	return true;
}

static void pass(int socket, int fd)
{
	must_zero(send_beside(socket, SCM_RIGHTS, &fd, sizeof fd));
}

static int take(int socket)
{
	int fd;

	return take_beside(socket, SCM_RIGHTS, &fd, sizeof fd) ? fd : -1;
}

// A file with this text, at its beginning.
static int file_of(const char *text)
{
	int fd = must(memfd_create("file", MFD_CLOEXEC));

	must(write(fd, text, strlen(text)));
	must(lseek(fd, 0, SEEK_SET));
	return fd;
}

static const char *read_five(int fd, char text[6])
{
	ssize_t n = read(fd, text, 5);

	text[n > 0 ? n : 0] = '\0';
	return n == -1 ? strerror(errno) : text;
}

// ## One description, two processes
//
// The receiver is forked before the file is opened: it cannot have it from its
// parent. It reads five bytes, and the sender's offset has moved.

void show_passing(void)
{
	int line[2];
	char text[6];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line));
	pid_t receiver = fork_as("receiver");
	if (receiver == 0) {
		int fd = take(line[1]);
		say("got descriptor %d and read \"%s\" from it", fd,
		    read_five(fd, text));
		claim(fd >= 0 && fd != NUMBER && !strcmp(text, "first"),
		      "the same open file has another number here");
		_exit(0);
	}
	int fd = must(fcntl(file_of("first then"), F_DUPFD_CLOEXEC, NUMBER));
	say("sending descriptor %d", fd);
	pass(line[0], fd);
	reap(receiver);
	off_t offset = must(lseek(fd, 0, SEEK_CUR));
	say("my offset is %lld, and I have not read a byte", (long long)offset);
	claim(offset == 5,
	      "the offset is shared: one open file description, as after dup");

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line));
	pass(line[0], fd);
	must(close(fd));
	must(close(line[0]));
	fd = take(line[1]);
	claim(!strcmp(read_five(fd, text), " then"),
	      "in flight it is open: the sender closed all, the taker reads "
	      "on");
}

// ## The wrong way: sending the number
//
// "20" as text is a number and nothing else. The receiver looks into its own
// table; at best there is nothing.

void show_number(void)
{
	int line[2];
	char text[6], got[8] = "";

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line));
	pid_t receiver = fork_as("receiver");
	if (receiver == 0) {
		must(recv(line[1], got, sizeof got - 1, 0));
		int fd = (int)strtol(got, NULL, 10);
		(void)close(fd); // if who started us had left it open
		claim(error_of(read(fd, text, 5)) == EBADF,
		      "where nothing has that number, it is refused (EBADF)");
		must(dup2(file_of("other"), fd));
		say("reading from my descriptor %s: \"%s\"", got,
		    read_five(fd, text));
		claim(!strcmp(text, "other"),
		      "where something has it, that is read: a wrong file, "
		      "no error");
		_exit(0);
	}
	int fd = must(fcntl(file_of("first"), F_DUPFD_CLOEXEC, NUMBER));
	snprintf(got, sizeof got, "%d", fd);
	say("sending the text \"%s\"", got);
	must(send(line[0], got, strlen(got), 0));
	reap(receiver);
}

// ## A descriptor that nobody takes
//
// It travels beside the data, and only recvmsg(2) with room for it takes it. A
// plain read gets the byte, and the kernel closes what came along. Here that is
// the last write end of a pipe, so its reader sees the end of file. The same
// happens to what does not fit (MSG_CTRUNC), and at close to what was never
// received.

void show_dropped(void)
{
	int line[2], ends[2];
	char byte;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line));
	must(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	pass(line[0], ends[1]);
	must(close(ends[1]));
	claim(error_of(read(ends[0], &byte, 1)) == EAGAIN,
	      "on its way it holds the pipe open: its reader would wait");
	must(read(line[1], &byte, 1));
	ssize_t n = must(read(ends[0], &byte, 1));
	say("a plain read took the byte; the descriptor had no place");
	claim(n == 0,
	      "read without room for it, it is closed: the pipe is at its end");
}

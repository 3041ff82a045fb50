// # Streams and messages
//
// Three kinds of AF_UNIX socket differ in two questions: does it keep the bounds
// of messages, and is there a connection whose end one can see?
//
//                   bounds   connection
//     SOCK_STREAM      -         yes        like a pipe in both directions
//     SOCK_DGRAM      yes         -         a letter box
//     SOCK_SEQPACKET  yes        yes        messages on a line
//
// All three keep the order and lose nothing: the kernel is between the two, no
// wire. That is AF_UNIX's promise (unix(7)), not that of datagrams: UDP keeps
// neither (`unread`).

#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct socket_kind socket_kinds[KINDS] = {
	{ "stream", SOCK_STREAM },
	{ "dgram", SOCK_DGRAM },
	{ "seqpacket", SOCK_SEQPACKET },
};

void pair_of(int kind, int fd[2])
{
	int type = socket_kinds[kind].type;

	must(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd));
}

// ## Three sends
//
// The receiver comes when all three lie there, and has room for all. What one
// recv returns is what the kernel thinks belongs together.

void show_kinds(void)
{
	static const char *const sent[] = { "one", "two!", "three" };
	char picture[256] = "";
	int received[KINDS] = { 0 };

	for (int k = 0; k < KINDS; k++) {
		int fd[2];
		char got[64];
		ssize_t n;
		size_t end = strlen(picture);

		pair_of(k, fd);
		for (int i = 0; i < 3; i++)
			must(send(fd[0], sent[i], strlen(sent[i]), 0));
		snprintf(picture + end, sizeof picture - end, " %-10s |",
			 socket_kinds[k].name);
		while ((n = recv(fd[1], got, sizeof got, MSG_DONTWAIT)) > 0) {
			end = strlen(picture);
			snprintf(picture + end, sizeof picture - end, "%.*s|",
				 (int)n, got);
			received[k]++;
		}
		end = strlen(picture);
		snprintf(picture + end, sizeof picture - end, "\n");
	}
	say("sent \"one\", \"two!\", \"three\"; each recv returned:");
	show(picture);
	claim(received[STREAM] == 1 && strstr(picture, "|onetwo!three|"),
	      "a stream joins the sends: one recv returns all of them");
	claim(received[DGRAM] == 3 && received[SEQPACKET] == 3 &&
		      strstr(strstr(picture, "dgram"), "|one|two!|three|") &&
		      strstr(strstr(picture, "seqp"), "|one|two!|three|"),
	      "dgram and seqpacket keep each message by itself, in order");
}

// ## The end
//
// Where there is a connection, its end is news: recv returns 0. A datagram
// socket has at most a standing address; who is behind it may come and go. Its
// recv would wait for ever. And its 0 means something else: a message without a
// byte.

void show_ends(void)
{
	int result[KINDS];
	char byte;

	for (int k = 0; k < KINDS; k++) {
		int fd[2];

		pair_of(k, fd);
		must(close(fd[0]));
		ssize_t n = recv(fd[1], &byte, 1, MSG_DONTWAIT);
		result[k] = n == -1 ? -errno : (int)n;
		say("%s, after the peer's close: recv %s", socket_kinds[k].name,
		    n == 0            ? "returns 0"
		    : n > 0           ? "returns a byte"
		    : errno == EAGAIN ? "would wait"
				      : strerror(errno));
		if (k == DGRAM)
			claim(error_of(send(fd[1], "x", 1, MSG_NOSIGNAL)) ==
				      ECONNREFUSED,
			      "to send to a box that is gone fails "
			      "(ECONNREFUSED)");
	}
	claim(result[STREAM] == 0 && result[SEQPACKET] == 0,
	      "a connection tells its end: recv returns 0");
	claim(result[DGRAM] == -EAGAIN,
	      "a datagram socket is not told: there was no connection");

	int fd[2];
	pair_of(DGRAM, fd);
	must(send(fd[0], "", 0, 0));
	must(send(fd[0], "x", 1, 0));
	ssize_t first = must(recv(fd[1], &byte, 1, 0));
	ssize_t second = must(recv(fd[1], &byte, 1, 0));
	claim(first == 0 && second == 1,
	      "there, 0 is an empty message, and the next one follows");
}

// ## Too small a buffer
//
// What a recv leaves of a message the kernel throws away; what it leaves of a
// stream waits for the next one. That something was cut is said only to those
// who ask: recvmsg(2) sets MSG_TRUNC in msg_flags, and given as a flag MSG_TRUNC
// makes recv return the length that the message had.

static int flags_of_cut(int fd, char *buffer, size_t bytes)
{
	struct iovec piece = { buffer, bytes };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };

	must(recvmsg(fd, &message, 0));
	return message.msg_flags;
}

void show_cuts(void)
{
	for (int k = 0; k < KINDS; k++) {
		int fd[2];
		char first[4], next[16];

		pair_of(k, fd);
		must(send(fd[0], "cut short", 9, 0));
		must(send(fd[0], "next", 4, 0));
		int flags = flags_of_cut(fd[1], first, sizeof first);
		ssize_t n = must(recv(fd[1], next, sizeof next, 0));
		say("%s: 4 bytes of \"cut short\", then \"%.*s\"",
		    socket_kinds[k].name, (int)n, next);
		if (k == STREAM)
			claim(!(flags & MSG_TRUNC) && n == 9 &&
				      !memcmp(next, "shortnext", 9),
			      "of a stream, the rest comes next");
		else
			claim(flags & MSG_TRUNC && n == 4 &&
				      !memcmp(next, "next", 4),
			      "of a message (%s) the rest is lost; only "
			      "MSG_TRUNC tells",
			      socket_kinds[k].name);
		if (k == DGRAM) {
			must(send(fd[0], "cut short", 9, 0));
			n = must(recv(fd[1], first, sizeof first, MSG_TRUNC));
			claim(n == 9, "asked with MSG_TRUNC, recv returns the "
				      "whole length: 9");
		}
	}
}

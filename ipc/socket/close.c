// # Half close
//
// A connection is two streams, one each way, and each has an end of its own.
// shutdown(fd, SHUT_WR) ends the one that we send: the peer reads what is left
// and then end of file, and can still answer. close(2) gives up both: what the
// peer answers meets nobody.
//
// Sources: shutdown(2), tcp(7), unix(7); RFC 9293, 3.6 "Closing a Connection".

#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const families[] = { "unix:@", "127.0.0.1:0" };

// Both ends of a connection in this process.
static void connection(const char *where, int *client, int *server)
{
	struct echo_address here;
	int listener = listen_on(where, 1, &here);

	*client = connect_to(&here);
	*server = must(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	must(close(listener));
}

static const char *family_of(const char *where)
{
	return *where == 'u' ? "AF_UNIX" : "TCP";
}

// ## The question ends, the conversation does not
//
// The server adds up numbers. How should it know that there are no more? The
// client has sent all it has and the server sleeps, waiting for the rest: until
// it is told that this was the end. (A length in front, or an empty line, would
// do as well; half close needs no protocol. cat, sort and wc know only this.)

static _Noreturn void add_up(int fd)
{
	char text[64] = "", *rest = text;
	size_t got = 0;
	long sum = 0;

	for (ssize_t n;
	     got < sizeof text - 1 &&
	     (n = must(recv(fd, text + got, sizeof text - 1 - got, 0))) > 0;)
		got += n;
	say("end of file after \"%s\"", text);
	for (char *word; (word = strsep(&rest, " "));)
		sum += strtol(word, NULL, 10);
	snprintf(text, sizeof text, "%ld", sum);
	must(send(fd, text, strlen(text), 0));
	_exit(0);
}

void show_half(void)
{
	for (size_t i = 0; i < 2; i++) {
		int client, server;
		char answer[16] = "";

		connection(families[i], &client, &server);
		pid_t adder = fork_as("server");
		if (adder == 0) {
			must(close(client));
			add_up(server);
		}
		must(close(server));
		must(send(client, "2 3 ", 4, 0));
		must(send(client, "5 7", 3, 0));
		await_state(adder, 'S');
		say("%s: all is sent; the server sleeps, it cannot know",
		    family_of(families[i]));
		must(shutdown(client, SHUT_WR));
		must(recv(client, answer, sizeof answer - 1, 0));
		claim(!strcmp(answer, "17"),
		      "%s: after shutdown(SHUT_WR) it knows, and answers: %s",
		      family_of(families[i]), answer);
		claim(error_of(send(client, "11", 2, MSG_NOSIGNAL)) == EPIPE,
		      "to send more is an error now (EPIPE)");
		reap(adder);
	}
}

// ## The wrong way
//
// The client closes instead. The server reads to the end, as before, and answers
// into the void. AF_UNIX knows at once (EPIPE, and SIGPIPE unless MSG_NOSIGNAL).
// TCP does not: send gives the bytes to the kernel and says that it succeeded,
// which it has. The other side's kernel finds no socket for them and answers
// with a reset (RST), and only the next send fails.
//
// And a close that leaves something unread is told as an error (ECONNRESET), not
// as an end of file: the kernel knows that the peer will never read it. So who
// closes early destroys, for the other, the difference between "done" and
// "broken".

static void answer_into_the_void(const char *where)
{
	bool tcp = *where != 'u';
	int client, server;
	char text[8];

	connection(where, &client, &server);
	must(send(client, "2 3", 3, 0));
	must(close(client));
	while (must(recv(server, text, sizeof text, 0)) > 0)
		continue;
	int first = error_of(send(server, "5", 1, MSG_NOSIGNAL));
	struct pollfd reset = { .fd = server };
	must(poll(&reset, 1, -1)); // errors are reported unasked
	int second = error_of(send(server, "5", 1, MSG_NOSIGNAL));
	say("%s: the answer: %s; once more: %s", family_of(where),
	    first ? strerror(first) : "sent",
	    second ? strerror(second) : "sent");
	if (tcp)
		claim(first == 0 && second == EPIPE,
		      "TCP: the lost answer was \"sent\"; only the next send "
		      "fails (EPIPE)");
	else
		claim(first == EPIPE, "AF_UNIX: the answer is refused (EPIPE)");
}

void show_close(void)
{
	for (size_t i = 0; i < 2; i++) {
		int client, server;
		char byte;

		answer_into_the_void(families[i]);
		connection(families[i], &client, &server);
		must(send(server, "unread", 6, 0));
		must(recv(client, &byte, 1, MSG_PEEK));
		must(close(client));
		claim(error_of(recv(server, &byte, 1, 0)) == ECONNRESET,
		      "%s: closed with data unread: ECONNRESET, not end of "
		      "file",
		      family_of(families[i]));
	}
}

// ## Descriptors and the socket
//
// fork(2) copies descriptors; the connection ends when the last one is closed. A
// server that forks and forgets to close its copy keeps its clients waiting for
// the end (see `eof` of ipc/pipe.c). shutdown acts on the socket itself, however
// many descriptors there are.

void show_copies(void)
{
	int fd[2];
	char byte;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	int copy = must(dup(fd[0]));
	must(close(fd[0]));
	claim(error_of(recv(fd[1], &byte, 1, MSG_DONTWAIT)) == EAGAIN,
	      "closed, but a copy is open: the peer waits");
	must(shutdown(copy, SHUT_WR));
	claim(must(recv(fd[1], &byte, 1, MSG_DONTWAIT)) == 0,
	      "shutdown is for the socket: the peer has its end of file");
	must(send(fd[1], "x", 1, 0));
	claim(must(recv(copy, &byte, 1, 0)) == 1,
	      "the other direction is open still");
}

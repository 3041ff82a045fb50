// # Socket: a conversation with a stranger
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// A pipe joins relatives: both have its ends from a common parent. A socket has
// an address, so two processes that know nothing of each other can meet, on one
// machine (AF_UNIX) or across the world (AF_INET). What they get is a connection
// with two directions, or a box for messages. On one machine it can do more than
// any other way of this chapter: hand over open files, and say who is there.
//
//     $ build/ipc/socket              every scene
//     $ build/ipc/socket pass         one of them
//
//     kinds · three sends, and what each kind makes of them
//         0.37 ms  main     sent "one", "two!", "three"; each recv returned:
//      stream     |onetwo!three|
//      dgram      |one|two!|three|
//      seqpacket  |one|two!|three|
//                  ✓ a stream joins the sends: one recv returns all of them
//                  ✓ dgram and seqpacket keep each message by itself, in order
//
// In the order of its files: kinds.c (streams and messages), unread.c (a
// peer that does not read), rights.c (passing a descriptor), peer.c (who is
// there), addresses.c (paths and abstract names), backlog.c (the queue at the
// door), close.c (half close), servers.c (a crowd of clients at the three servers
// of ipc/echo/).
//
// Try: in `pass`, send the same descriptor twice. How many numbers does the
// receiver have, and how many offsets? In `backlog`, let the waiting client be
// killed: does accept(2) still return its connection?
//
// Read next: ipc/echo/echo.h (one server, three ways) and the tool ipc/echo (talk
// to it with nc and curl); sockets as parts to build with: ipc/channel/sockets.c
// (how two find each other), unix_stream.c, unix_dgram.c, unix_seqpacket.c,
// tcp.c and udp.c beside it, and uring.c for io_uring.
// Sources: socket(7), unix(7), tcp(7), udp(7), cmsg(3), listen(2), shutdown(2),
// epoll(7), io_uring(7); POSIX.1-2017, 2.10 "Sockets"; Stevens, Fenner & Rudoff,
// "UNIX Network Programming" 1, 3rd edition.

#define _GNU_SOURCE
#include "socket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int listen_on(const char *text, int backlog, struct echo_address *address)
{
	must_neg(echo_address_parse(text, address));
	int fd = echo_listen(address, backlog);

	if (fd < 0 && address->any.sa_family == AF_INET)
		skip("no TCP on 127.0.0.1 (%s): ip link set lo up, and a "
		     "kernel with CONFIG_INET",
		     strerror(-fd));
	return must_neg(fd);
}

int connect_to(const struct echo_address *address)
{
	int fd = must(
		socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (connect(fd, &address->any, address->bytes) == -1) {
		if (errno == ENETUNREACH)
			skip("no way to 127.0.0.1: ip link set lo up");
		die_at(__FILE__, __LINE__, "connect", errno);
	}
	return fd;
}

int error_of(ssize_t result)
{
	return result == -1 ? errno : 0;
}

static const struct scene scenes[] = {
	{ "kinds",      "three sends, and what each kind makes of them",
	  show_kinds },
	{ "ends",       "which of them notice that the other is gone",
	  show_ends },
	{ "cut",        "a buffer that is too small",             show_cuts },
	{ "unread",     "a peer that does not read",              show_unread },
	{ "pass",       "an open file, sent to another process",  show_passing },
	{ "number",     "the wrong way: sending the number",      show_number },
	{ "dropped",    "a descriptor that nobody takes",         show_dropped },
	{ "peer",       "who has connected",                      show_peer },
	{ "pidfd",      "a number may come back, a pidfd does not", show_pidfd },
	{ "sender",     "who has sent this, and can that be forged?",
	  show_credentials },
	{ "names",      "a path stays, an abstract name goes",    show_names },
	{ "permission", "a path has permissions, an abstract name none",
	  show_permission },
	{ "namespace",  "an abstract name is as far as the network",
	  show_namespace },
	{ "backlog",    "connected before anybody accepts",       show_backlog },
	{ "syn",        "the same queue, with TCP",               show_syn },
	{ "half",       "\"I have said all\": half close",        show_half },
	{ "close",      "the wrong way: close, and the answer is lost",
	  show_close },
	{ "copies",     "close is for a descriptor, shutdown for the socket",
	  show_copies },
	{ "servers",    "a crowd of clients at three servers",    show_servers },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/socket",
	.summary = "conversations between processes that are no relatives",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

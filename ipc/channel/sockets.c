// # How two sockets find each other
//
// A socket is a door without a house number. To be found, one gets an address
// with bind(2): a path in the file system (AF_UNIX) or an IP address and a port
// (AF_INET). From there two ways lead on:
//
//     a connection                       datagrams
//
//     bind, listen ◀─ connect ─ left     left, bind ─ connect ─▶ right
//          │                             left ◀─ connect ─ bind, right
//       accept ─▶ right
//
// The address is only the meeting point: once the two know each other, a path
// can be unlinked and a listener closed. Until then somebody else may come.
// Our paths lie in a directory that only this user may enter; but a port is
// open to everybody on the machine, so we look who came.
//
// Sources: unix(7), ip(7), connect(2), accept(2); Stevens, Fenner & Rudoff,
// "UNIX Network Programming" 1, 3rd edition, chapters 4, 8 and 15.

#define _GNU_SOURCE
#include "sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel.h"
#include "names.h"

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
};

// The loopback interface: what is sent to it never leaves the machine, but
// takes the way of a packet up to the point where a network card would come.
// Port 0: at bind(2) the kernel picks one that is free.
static union address loopback(in_port_t port)
{
	return (union address){ .in = {
					.sin_family = AF_INET,
					.sin_port = htons(port),
					.sin_addr.s_addr =
						htonl(INADDR_LOOPBACK),
				} };
}

// A new socket, bound to a fresh address. For AF_UNIX the name is a path now,
// written down in the ledger before it is made (names.h). Returns it or -errno.
static int bound_socket(int family, int type, char name[NAME_BYTES])
{
	union address here = loopback(0);
	socklen_t bytes = sizeof here.in;

	*name = '\0';
	if (family == AF_UNIX) {
		int error = names_fresh(NAME_PATH, name);
		if (error)
			return error;
		here.un.sun_family = AF_UNIX;
		bytes = sizeof here.un;
		if (strlen(name) >= sizeof here.un.sun_path)
			return -ENAMETOOLONG;
		memcpy(here.un.sun_path, name, strlen(name) + 1);
	}
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	if (bind(fd, &here.any, bytes) == -1) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

// A path that cannot be removed now stays in the ledger.
static void forget(const char *name)
{
	if (*name)
		names_remove(NAME_PATH, name, 0);
}

static int close_pair(int pair[2], int error)
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	return error;
}

static int connect_to(int fd, int other)
{
	union address there;
	socklen_t bytes = sizeof there;

	if (getsockname(other, &there.any, &bytes) == -1)
		return -errno;
	while (connect(fd, &there.any, bytes) == -1)
		if (errno != EINTR)
			return -errno;
	return 0;
}

// Whether the far end of `accepted` is our own `connected`.
static bool is_ours(int accepted, int connected)
{
	union address theirs = { 0 }, ours = { 0 };
	socklen_t a = sizeof theirs, b = sizeof ours;

	return getpeername(accepted, &theirs.any, &a) == 0 &&
	       getsockname(connected, &ours.any, &b) == 0 && a == b &&
	       !memcmp(&theirs, &ours, a);
}

// connect(2) returns before accept(2) was called: the kernel completes the
// connection and parks it at the listener. So one process can play both parts.
static int meet(int listener, int family, int type, int pair[2])
{
	enum { BACKLOG = 16 };

	if (listen(listener, BACKLOG) == -1)
		return -errno;
	pair[CHANNEL_LEFT] = socket(family, type | SOCK_CLOEXEC, 0);
	if (pair[CHANNEL_LEFT] == -1)
		return -errno;
	int error = connect_to(pair[CHANNEL_LEFT], listener);
	if (error)
		return error;

	for (;;) {
		int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (accepted == -1 && errno != EINTR && errno != ECONNABORTED)
			return -errno;
		if (accepted == -1)
			continue;
		if (is_ours(accepted, pair[CHANNEL_LEFT])) {
			pair[CHANNEL_RIGHT] = accepted;
			return 0;
		}
		close(accepted); // a stranger
	}
}

int sockets_by_accept(int family, int type, int pair[2])
{
	char name[NAME_BYTES];

	pair[0] = pair[1] = -1;
	int listener = bound_socket(family, type, name);
	int error = listener < 0 ? listener
				 : meet(listener, family, type, pair);
	if (listener >= 0)
		close(listener);
	forget(name);
	return error ? close_pair(pair, error) : 0;
}

// What strangers sent before the sockets were connected is thrown away; what
// they send afterwards the kernel does not let in.
static void drain(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
		continue;
}

int sockets_by_address(int family, int pair[2])
{
	char names[2][NAME_BYTES] = { "", "" };
	int error = 0;

	pair[0] = pair[1] = -1;
	for (int i = 0; i < 2 && !error; i++) {
		pair[i] = bound_socket(family, SOCK_DGRAM, names[i]);
		error = pair[i] < 0 ? pair[i] : 0;
	}
	for (int i = 0; i < 2 && !error; i++)
		error = connect_to(pair[i], pair[!i]);
	for (int i = 0; i < 2; i++) {
		forget(names[i]);
		if (!error)
			drain(pair[i]);
	}
	return error ? close_pair(pair, error) : 0;
}

int send_whole(int fd, const void *message, size_t bytes)
{
	ssize_t sent;
	do
		sent = send(fd, message, bytes, 0);
	while (sent == -1 && errno == EINTR);
	return sent == -1 ? -errno : 0;
}

ssize_t receive_whole(int fd, void *buffer, size_t bytes)
{
	ssize_t got;
	do
		got = recv(fd, buffer, bytes, MSG_TRUNC);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return -errno;
	return (size_t)got > bytes ? -EMSGSIZE : got;
}

// A message lies in the sender's send buffer (SO_SNDBUF, from
// /proc/sys/net/core/wmem_default) until it is received, so it can be no larger
// than that, less what the kernel keeps for itself. How much that is we do not
// know but ask: one byte fewer, until send(2) stops to say EMSGSIZE.
int sockets_unix_limit(int type, size_t *limit_bytes)
{
	int pair[2], room;
	socklen_t length = sizeof room;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) == -1)
		return -errno;
	if (getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, &length) == -1)
		return close_pair(pair, -errno);
	char *message = calloc(1, room);
	if (!message)
		return close_pair(pair, -ENOMEM);

	size_t bytes = room;
	ssize_t sent;
	while ((sent = send(pair[0], message, bytes, 0)) == -1 && bytes > 1 &&
	       (errno == EMSGSIZE || errno == EINTR))
		bytes -= errno == EMSGSIZE;
	int error = sent == -1 ? -errno : 0;
	free(message);
	*limit_bytes = bytes;
	return close_pair(pair, error);
}

// connect(2) on a UDP socket sends nothing; it only looks for a way there. In
// a new network namespace the interface is there but down: ENETUNREACH.
int sockets_probe_loopback(char *why, size_t why_bytes)
{
	union address there = loopback(9);

	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = fd == -1 || connect(fd, &there.any, sizeof there.in) == -1
			    ? errno
			    : 0;
	if (fd != -1)
		close(fd);
	if (error)
		snprintf(why, why_bytes,
			 "no way to 127.0.0.1 (%s): "
			 "ip link set lo up",
			 strerror(error));
	return -error;
}

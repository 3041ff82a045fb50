// # Where a server listens
//
// An address is written as people write it and kept as the kernel wants it.
// Three families share one text, because an echo server does not care through
// which of them its streams come.
//
// Sources: ip(7), ipv6(7), unix(7), inet_pton(3), getrlimit(2).

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "echo.h"

enum { KERNEL_HOLDS = 65536 };

static const char unix_prefix[] = "unix:";

// A path ends with a zero byte; an abstract name begins with one and is as long
// as the address says. With no name at all bind(2) picks one ("autobind").
static int parse_unix(const char *name, struct echo_address *address)
{
	size_t length = strlen(name),
	       start = offsetof(struct sockaddr_un, sun_path);

	if (length == 0)
		return -EINVAL;
	if (length >= sizeof address->un.sun_path)
		return -ENAMETOOLONG;
	address->un.sun_family = AF_UNIX;
	memcpy(address->un.sun_path, name, length + 1);
	if (*name != '@') {
		address->bytes = start + length + 1;
		return 0;
	}
	address->un.sun_path[0] = '\0';
	address->bytes = length == 1 ? sizeof(sa_family_t) : start + length;
	return 0;
}

// Digits only, so neither a sign nor a blank.
static bool parse_port(const char *text, in_port_t *port)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long value = strtoul(text, NULL, 10);

	*port = htons((in_port_t)value);
	return digits > 0 && digits <= 5 && !text[digits] && value <= 65535;
}

static int parse_inet(const char *text, struct echo_address *address)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	bool six = *text == '[';
	in_port_t port;

	if (!colon || length >= sizeof host || !parse_port(colon + 1, &port) ||
	    (six && (length < 2 || text[length - 1] != ']')))
		return -EINVAL;
	snprintf(host, sizeof host, "%.*s", (int)(six ? length - 2 : length),
		 text + six);
	if (six) {
		address->in6.sin6_family = AF_INET6;
		address->in6.sin6_port = port;
		address->bytes = sizeof address->in6;
		return inet_pton(AF_INET6, host, &address->in6.sin6_addr) == 1
			       ? 0
			       : -EINVAL;
	}
	address->in.sin_family = AF_INET;
	address->in.sin_port = port;
	address->bytes = sizeof address->in;
	return inet_pton(AF_INET, host, &address->in.sin_addr) == 1 ? 0
								    : -EINVAL;
}

int echo_address_parse(const char *text, struct echo_address *address)
{
	size_t prefix = sizeof unix_prefix - 1;

	*address = (struct echo_address){ .bytes = 0 };
	if (!strncmp(text, unix_prefix, prefix))
		return parse_unix(text + prefix, address);
	return parse_inet(text, address);
}

// sun_path is full to its last byte where no zero byte fits.
static void unix_text(const struct echo_address *address, char text[ECHO_TEXT])
{
	size_t start = offsetof(struct sockaddr_un, sun_path);
	size_t length = address->bytes > start ? address->bytes - start : 0;
	const char *name = address->un.sun_path;

	if (length > 0 && *name)
		length = strnlen(name, length);
	int n = snprintf(text, ECHO_TEXT, "%s", unix_prefix);
	for (size_t i = 0; i < length && n < ECHO_TEXT - 1; i++) {
		unsigned char c = name[i];
		text[n++] = i == 0 && c == 0 ? '@' : iscntrl(c) ? '?' : (char)c;
	}
	text[n] = '\0';
}

const char *echo_address_text(const struct echo_address *address,
			      char text[ECHO_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "?";

	switch (address->any.sa_family) {
	case AF_UNIX:
		unix_text(address, text);
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &address->in6.sin6_addr, host, sizeof host);
		snprintf(text, ECHO_TEXT, "[%s]:%u", host,
			 ntohs(address->in6.sin6_port));
		break;
	default:
		inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof host);
		snprintf(text, ECHO_TEXT, "%s:%u", host,
			 ntohs(address->in.sin_port));
	}
	return text;
}

// Options that accepted sockets inherit. SO_REUSEADDR: the port of a
// server that has just ended may be used again, though some of its connections
// are still in TIME_WAIT. TCP_NODELAY: small answers leave at once instead of
// waiting for the acknowledgement of the last one (Nagle's algorithm).
// SO_SNDBUF: left alone, the kernel itself would hold up to 4 MiB (tcp_wmem) for
// a client that does not read; a thousand of them are a bounded buffer no more.
// (What an AF_UNIX socket holds is wmem_default, 208 KiB, in any case.)
static int set_options(int fd)
{
	int on = 1, bytes = KERNEL_HOLDS;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == -1)
		return -errno;
	return 0;
}

static int listen_at(int fd, struct echo_address *address, int backlog)
{
	bool inet = address->any.sa_family != AF_UNIX;
	int error = inet ? set_options(fd) : 0;

	if (error)
		return error;
	if (bind(fd, &address->any, address->bytes) == -1)
		return -errno;
	struct echo_address bound = { .bytes = sizeof bound.un };
	if (listen(fd, backlog) == -1 ||
	    getsockname(fd, &bound.any, &bound.bytes) == -1) {
		error = errno;
		if (!inet && address->un.sun_path[0])
			unlink(address->un.sun_path);
		return -error;
	}
	*address = bound;
	return 0;
}

int echo_listen(struct echo_address *address, int backlog)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	int error = listen_at(fd, address, backlog);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

// A path outlives the server that was killed; then connecting to it is refused.
// It is for its owner to remove it: another server may have bound it and be about
// to listen.
static const char *who_has_path(const struct echo_address *address)
{
	struct stat stat;
	bool refused = false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd != -1) {
		refused = connect(fd, &address->any, address->bytes) == -1 &&
			  errno == ECONNREFUSED;
		close(fd);
	}
	if (lstat(address->un.sun_path, &stat) == 0 && !S_ISSOCK(stat.st_mode))
		return "it is not a socket";
	return refused ? "a server that is gone left it: remove it"
		       : "somebody listens there";
}

const char *echo_listen_trouble(const struct echo_address *address, int error,
				char why[ECHO_TEXT])
{
	bool path = address->any.sa_family == AF_UNIX &&
		    address->un.sun_path[0];

	snprintf(why, ECHO_TEXT, "%s%s%s", strerror(error),
		 error == EADDRINUSE ? ": " : "",
		 error != EADDRINUSE ? ""
		 : path              ? who_has_path(address)
				     : "somebody listens there");
	return why;
}

int echo_descriptors(size_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -errno;
	if (limit.rlim_cur >= wanted)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -errno;
	return limit.rlim_max < wanted ? -EMFILE : 0;
}

// # The service: what a server and its clients have to do
//
// Each line here answers a way to fail that one of the scenes shows.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fifo.h"
#include "lab.h"

const char *fresh_fifo(void)
{
	const char *path = fresh_path();

	if (mkfifo(path, 0600) == 0)
		return path;
	if (errno == EPERM || errno == ENOSYS || errno == EOPNOTSUPP)
		skip("no FIFOs in the temporary folder (%s): set TMPDIR to one "
		     "on a local file system",
		     strerror(errno));
	die_at(__FILE__, __LINE__, "mkfifo", errno);
}

// ## The server
//
// With a write end of its own the server never reads an end of file, however
// often the last client leaves (scenes `eof` and `hold`). To open both ends
// alone, the read end comes first and with O_NONBLOCK; then there is a reader,
// and the write end opens at once. Then the flag is taken away: reads shall wait.
// The descriptor of the write end need only be open.

int open_service(const char *path)
{
	int requests = must(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));

	must(open(path, O_WRONLY | O_CLOEXEC));
	must(fcntl(requests, F_SETFL, 0));
	return requests;
}

// One client must not be able to hold up all the others. So the server waits
// for none: not for it to open its FIFO, not for it to read.

int open_reply(const struct request *request)
{
	int fd = open(request->reply_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	return fd == -1 ? -errno : fd;
}

int send_reply(int fd, const struct request *request)
{
	struct reply reply = { request->number,
			       request->number * request->number };
	ssize_t n = write(fd, &reply, sizeof reply);
	int error = n == -1 ? -errno : 0;

	must(close(fd));
	return error;
}

// ## The client
//
// It opens the read end of its FIFO before it asks: a server that does not wait
// finds either a reader or nobody, and nobody means dead. O_NONBLOCK, since the
// server opens the other end only later.
//
// Until then nobody writes, and a read would return 0, which looks like the
// end. poll(2) knows better: it reports POLLHUP only when a writer was there
// since the open and has left. So it waits for the reply, or for the server's
// leaving without one. (A server that dies before it opens the FIFO is not
// noticed; a client that must not hang gives poll a timeout.)
//
// And the client reads on to the end of file, though it has its reply: so that
// the server has left the FIFO before it is used again (scene `reuse`).

int open_replies(const char *path)
{
	return must(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

struct request request_for(uint32_t client, uint32_t number,
			   const char *reply_path)
{
	struct request request = { .client = client, .number = number };
	int n = snprintf(request.reply_path, sizeof request.reply_path, "%s",
			 reply_path);

	if (n >= (int)sizeof request.reply_path)
		die_at(__FILE__, __LINE__, "reply_path", ENAMETOOLONG);
	return request;
}

void send_request(int service, const struct request *request)
{
	must(write(service, request, sizeof *request));
}

bool await_reply(int replies, struct reply *reply)
{
	struct pollfd ready = { replies, POLLIN, 0 };
	char bytes[2 * sizeof *reply];
	size_t got = 0;
	ssize_t n;

	do {
		must(poll(&ready, 1, -1));
		n = read(replies, bytes + got, sizeof bytes - got);
		if (n == -1 && errno != EAGAIN)
			die_at(__FILE__, __LINE__, "read(reply)", errno);
		got += n > 0 ? n : 0;
	} while (n != 0);
	if (got != sizeof *reply)
		return false;
	memcpy(reply, bytes, sizeof *reply);
	return true;
}

// # Leave: end of file, which for a server is no end

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fifo.h"
#include "lab.h"

// A client that comes, asks and is gone again.
static void visit(const char *path, uint32_t number)
{
	pid_t client = fork_as("client");

	if (client == 0) {
		struct request request = request_for(0, number, "");
		send_request(must(open(path, O_WRONLY | O_CLOEXEC)), &request);
		_exit(0);
	}
	reap(client);
}

// The next request's number; 0 at an end of file.
static uint32_t take(int requests)
{
	struct request request = { 0 };

	return must(read(requests, &request, sizeof request)) ? request.number
							      : 0;
}

// Opened to read only, as one would; the flag just spares us the meeting.
static int open_naively(const char *path)
{
	int requests = must(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));

	must(fcntl(requests, F_SETFL, 0));
	return requests;
}

// ## The last client leaves
//
// When nobody has a write end open, read(2) returns 0, as with any pipe. For a
// pipe that is final. A FIFO has a name, and the next client may come at any
// time. A server that ends here serves one crowd; one that reads on is told 0
// again, at once and for ever: it does not sleep, it burns the CPU.

void end_of_file(void)
{
	enum { LOOKS = 1000 };
	const char *path = fresh_fifo();
	int requests = open_naively(path), ends = 0;

	visit(path, 7);
	uint32_t first = take(requests);
	for (int i = 0; i < LOOKS; i++)
		ends += take(requests) == 0;
	say("read request %u, then %d ends of file in %d reads", first, ends,
	    LOOKS);
	claim(first == 7 && ends == LOOKS,
	      "without writers every read returns 0, and none waits");
	visit(path, 8);
	claim(take(requests) == 8, "and it was not the end: request 8 comes");
}

// ## The cure that loses requests
//
// Close it at the end of file and open it again: open waits for the next
// client, nothing burns. But a client may have come between the 0 and the
// close. It found a reader, its write succeeded, it went. With the close the
// last end is gone, and with it the pipe and what is in it.

void reopened(void)
{
	const char *path = fresh_fifo();
	int requests = open_naively(path), held;

	visit(path, 7);
	uint32_t first = take(requests);
	bool ended = take(requests) == 0;
	visit(path, 8);
	must(ioctl(requests, FIONREAD, &held));
	say("read request %u and an end of file; now 8 comes", first);
	say("%d bytes lie in the FIFO; I close it and open it again", held);
	must(close(requests));
	requests = open_naively(path);
	must(ioctl(requests, FIONREAD, &held));
	claim(ended && held == 0 && take(requests) == 0,
	      "request 8 was written without an error, and is lost");
}

// ## The cure
//
// A server that holds a write end of its own is never without a writer. It
// sleeps when nobody is there, and nothing is lost. Two ways to hold one: open
// the FIFO a second time to write, or open it with O_RDWR (Linux). The price:
// it never learns that nobody is left, and has to be told when to end.

static int open_both(const char *path)
{
	return must(open(path, O_RDWR | O_CLOEXEC));
}

static bool serves_and_sleeps(const char *how, int (*open_fifo)(const char *))
{
	const char *path = fresh_fifo();
	int status;

	pid_t server = fork_as("server");
	if (server == 0) {
		int requests = open_fifo(path);
		uint32_t first = take(requests), second = take(requests);
		say("%s: read requests %u and %u", how, first, second);
		_exit(first != 7 || second != 8);
	}
	await_state(server, 'S');
	visit(path, 7);
	await_state(server, 'S');
	visit(path, 8);
	must(waitpid(server, &status, 0));
	return status == 0;
}

void held_open(void)
{
	claim(serves_and_sleeps("a write end of its own", open_service),
	      "with its own write end a server sleeps between clients");
	claim(serves_and_sleeps("O_RDWR", open_both), "with O_RDWR, too");
}

// ## An end that belongs to the last reply
//
// The client's side of it. It has its reply and opens its FIFO anew for the next
// one. But it was the write that woke it: the server may not have closed yet,
// and when it does, the client takes that for an end without a reply. It takes
// bad luck with the scheduler; so here one process is both, and closes the
// server's end when it hurts.
//
// The cure: read on to the end of file before the FIFO is used again, as
// await_reply does (service.c). Then whoever was there is gone.

static const char *polled(int replies)
{
	struct pollfd ready = { replies, POLLIN, 0 };

	must(poll(&ready, 1, 0));
	return ready.revents == POLLHUP ? "POLLHUP" : "nothing";
}

static int open_anew(int replies, const char *path)
{
	must(close(replies));
	return open_replies(path);
}

static void hasty_client(const char *path)
{
	struct reply reply = { 0 };
	int replies = open_replies(path);
	int server = must(open(path, O_WRONLY | O_CLOEXEC));

	must(write(server, &reply, sizeof reply));
	must(read(replies, &reply, sizeof reply));
	replies = open_anew(replies, path);
	must(close(server));
	const char *seen = polled(replies);
	say("have the reply, open anew; server closes; poll: %s", seen);
	claim(!strcmp(seen, "POLLHUP"),
	      "too early: the last reply's end is taken for the next one's");
	must(close(replies));
}

static void patient_client(const char *path)
{
	struct reply reply;
	int replies = open_replies(path);
	bool came = await_reply(replies, &reply);
	const char *seen = polled(open_anew(replies, path));

	say("have read to the end, open anew; poll: %s", seen);
	claim(came && !strcmp(seen, "nothing"),
	      "read to its end before, the FIFO is silent");
}

void reused(void)
{
	const char *path = fresh_fifo();
	struct reply reply = { 0 };
	int unread = 1;

	hasty_client(path);
	pid_t client = fork_as("client");
	if (client == 0) {
		patient_client(path);
		_exit(0);
	}
	await_state(client, 'S');
	int server = must(open(path, O_WRONLY | O_CLOEXEC));
	must(write(server, &reply, sizeof reply));
	while (unread > 0) {
		nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
		must(ioctl(server, FIONREAD, &unread));
	}
	await_state(client, 'S');
	say("a patient client sleeps on with its reply; I close");
	must(close(server));
	reap(client);
}

// # Clients: many who ask, one who answers

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "fifo.h"
#include "lab.h"

enum { CLIENTS = 4, QUESTIONS = 5, ALL = CLIENTS * QUESTIONS };

// What server and clients write down, in memory that they share.
struct notes {
	_Atomic int served, right;
	struct span spans[2 * ALL]; // the server's work; each client's waiting
};

// ## A server with many clients
//
// All requests come through one FIFO, one after the other, and the server is
// one process: it needs no lock. The replies cannot go the same way. Readers of
// one FIFO take each other's bytes, whoever comes first; so each client has one
// of its own.
//
// The clients come before the server and sleep in open. Then each asks five
// times, one question after the other; the server works for 0.3 ms on each.

static pid_t fork_server(const char *path, struct notes *notes)
{
	struct request request = { 0 };
	pid_t server = fork_as("server");

	if (server > 0)
		return server;
	must(signal(SIGPIPE, SIG_IGN));
	int requests = open_service(path);
	while (must(read(requests, &request, sizeof request)) &&
	       request.number > 0) {
		int i = atomic_fetch_add(&notes->served, 1);
		int64_t begin_ns = now_ns();
		nanosleep(&(struct timespec){ .tv_nsec = 300000 }, NULL);
		int fd = must_neg(open_reply(&request));
		must_neg(send_reply(fd, &request));
		if (i < ALL)
			notes->spans[i] =
				(struct span){ 0, begin_ns, now_ns(),
					       (char)('A' + request.client) };
	}
	_exit(0);
}

static bool ask(int service, uint32_t client, uint32_t number,
		const char *reply_path)
{
	struct request request = request_for(client, number, reply_path);
	struct reply reply = { 0 };
	int replies = open_replies(reply_path);

	send_request(service, &request);
	bool came = await_reply(replies, &reply);
	must(close(replies));
	return came && reply.number == number &&
	       reply.square == number * number;
}

static pid_t fork_client(const char *path, uint32_t me, struct notes *notes)
{
	pid_t client = fork_as((char[]){ (char)('A' + me), '\0' });

	if (client > 0)
		return client;
	const char *reply_path = fresh_fifo();
	int service = must(open(path, O_WRONLY | O_CLOEXEC));
	for (uint32_t i = 0; i < QUESTIONS; i++) {
		int64_t begin_ns = now_ns();
		if (ask(service, me, 1 + me * QUESTIONS + i, reply_path))
			atomic_fetch_add(&notes->right, 1);
		notes->spans[ALL + me * QUESTIONS + i] = (struct span){
			(int)me + 1, begin_ns, now_ns(), (char)('1' + i)
		};
	}
	_exit(0);
}

void many_clients(void)
{
	static const char *const tracks[] = { "server", "A", "B", "C", "D" };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	const char *path = fresh_fifo();
	struct notes *notes = must(mmap(NULL, sizeof *notes,
					PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid_t clients[CLIENTS];

	for (uint32_t i = 0; i < CLIENTS; i++) {
		clients[i] = fork_client(path, i, notes);
		await_state(clients[i], 'S');
	}
	say("%d clients sleep in open; the server starts", CLIENTS);
	pid_t server = fork_server(path, notes);
	for (int i = 0; i < CLIENTS; i++)
		reap(clients[i]);
	struct request end = request_for(0, 0, "");
	send_request(must(open(path, O_WRONLY | O_CLOEXEC)), &end);
	reap(server);

	say("whom it serves, and the question each waits with:");
	char *picture = must_ptr(draw_timeline(&canvas, tracks, CLIENTS + 1,
					       notes->spans, 2 * ALL));
	show(picture);
	free(picture);
	claim(notes->served == ALL, "the server got %d requests, one at a time",
	      notes->served);
	claim(notes->right == ALL, "each client got its own answers, all %d",
	      notes->right);
}

// ## A request in two writes
//
// First the head, then the rest: it looks harmless, and with one client it is.
// But between two writes of A another client may write. The server takes bytes
// by the size of a request and believes what it finds.

enum { CELLS = 8, PART = sizeof(struct request) / CELLS };

// As it is sent: every byte bears the client's letter.
static const char *letters(char letter)
{
	static char bytes[sizeof(struct request)];

	return memset(bytes, letter, sizeof bytes);
}

// Takes two requests, and draws whose bytes they are. Returns how many of them
// are one client's from the first byte to the last.
static int take_two(int requests)
{
	char bytes[sizeof(struct request)], picture[64];
	int used = 0, whole_ones = 0;

	for (int r = 0; r < 2; r++) {
		char cells[CELLS + 1] = "";
		must(read(requests, bytes, sizeof bytes));
		for (int i = 0; i < CELLS; i++)
			cells[i] = bytes[i * PART];
		used += snprintf(picture + used, sizeof picture - used,
				 "request %d  %s\n", r + 1, cells);
		whole_ones += !memcmp(bytes, bytes + 1, sizeof bytes - 1);
	}
	show(picture);
	return whole_ones;
}

void mixed(void)
{
	const char *path = fresh_fifo();
	int requests = open_service(path);
	int a = must(open(path, O_WRONLY | O_CLOEXEC));
	size_t half = sizeof(struct request) / 2;

	must(write(a, letters('A'), half));
	pid_t other = fork_as("B");
	if (other == 0) {
		must(write(must(open(path, O_WRONLY)), letters('B'), 2 * half));
		_exit(0);
	}
	reap(other);
	must(write(a, letters('A'), half));
	say("A wrote half a request, B a whole one, A the rest:");
	claim(take_two(requests) == 0,
	      "what arrives as a request is half A's and half B's");
}

// ## A request in one write
//
// Up to PIPE_BUF bytes a write is atomic: it goes in whole, with nobody's bytes
// between (pipe(7)). If there is room for only a part of it, it waits for more.
// Here the FIFO has room for half a request when A and B write.

void whole(void)
{
	const char *path = fresh_fifo();
	int requests = open_service(path), held;
	size_t page = must(sysconf(_SC_PAGESIZE));
	size_t filled = page - sizeof(struct request) / 2;
	char *filler = must_ptr(calloc(1, filled));
	pid_t clients[2];

	must(fcntl(requests, F_SETPIPE_SZ, (int)page));
	int fd = must(open(path, O_WRONLY | O_CLOEXEC));
	must(write(fd, filler, filled));
	for (int i = 0; i < 2; i++) {
		clients[i] = fork_as((char[]){ (char)('A' + i), '\0' });
		if (clients[i] == 0) {
			must(write(fd, letters((char)('A' + i)),
				   sizeof(struct request)));
			_exit(0);
		}
		await_state(clients[i], 'S');
	}
	must(ioctl(requests, FIONREAD, &held));
	claim(held == (int)filled,
	      "room for half a request: both sleep, and no byte goes in");
	must(read(requests, filler, filled));
	free(filler);
	say("I have made room:");
	claim(take_two(requests) == 2, "each request is one client's, whole");
	reap(clients[0]);
	reap(clients[1]);
}

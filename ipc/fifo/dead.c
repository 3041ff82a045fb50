// # Dead: a client that asks and does not live to read the answer
//
// It was killed, its user pressed Ctrl-C, it had a timeout. Its request lies in
// the FIFO all the same. What becomes of the server, and of the other clients?

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fifo.h"
#include "lab.h"

// A client that has asked and, as `then` says, ...
enum then {
	LEAVES, // its FIFO is there, but nobody reads it
	TIDIES, // removes its FIFO and leaves
	DIES,   // is there when its FIFO is opened, then killed (by who forked)
	DEAF,   // lives, and never reads
	READS,  // does what a client should
	THENS
};

static pid_t fork_client(const char *path, enum then then)
{
	struct reply reply = { 0 };
	pid_t client = fork_as("client");

	if (client > 0)
		return client;
	const char *reply_path = fresh_fifo();
	struct request request = request_for(0, 9, reply_path);
	int replies = open_replies(reply_path);
	if (then == DEAF) // a small one is full soon
		must(fcntl(replies, F_SETPIPE_SZ, 1));
	send_request(must(open(path, O_WRONLY | O_CLOEXEC)), &request);
	if (then == TIDIES)
		must(unlink(reply_path));
	if (then == DIES || then == DEAF)
		for (;;)
			pause();
	if (then == READS &&
	    (!await_reply(replies, &reply) || reply.square != 81))
		_exit(1);
	_exit(0);
}

static void put_to_death(pid_t pid)
{
	must(kill(pid, SIGKILL));
	must(waitpid(pid, NULL, 0));
}

static struct request take(int requests)
{
	struct request request;

	must(read(requests, &request, sizeof request));
	return request;
}

// ## A server that waits for the dead
//
// The natural way to open the reply FIFO is to open it. But that is a meeting,
// and the other will not come. The server sleeps for ever, and whoever asks
// next waits with it.

void stuck(void)
{
	const char *path = fresh_fifo();
	int requests = open_service(path), unread;

	reap(fork_client(path, LEAVES));
	pid_t server = fork_as("server");
	if (server == 0) {
		struct request request = take(requests);
		say("have a request, opening the FIFO of its client");
		must(open(request.reply_path, O_WRONLY | O_CLOEXEC));
		_exit(0);
	}
	await_state(server, 'S');
	pid_t next = fork_client(path, READS);
	await_state(next, 'S');
	must(ioctl(requests, FIONREAD, &unread));
	say("the next client has asked; %d bytes lie in the FIFO", unread);
	claim(unread == sizeof(struct request) &&
		      waitpid(server, NULL, WNOHANG) == 0,
	      "for one dead client the server sleeps in open, and all wait");
	put_to_death(server);
	put_to_death(next);
}

// ## A server that dies with its client
//
// Now the client lives when its FIFO is opened, and dies before the reply is
// written. The server writes to nobody: SIGPIPE, which kills who does not know
// better.

// Who started us may have ignored or blocked it, and both are inherited.
static void allow_sigpipe(void)
{
	sigset_t set;

	must(signal(SIGPIPE, SIG_DFL));
	must(sigemptyset(&set));
	must(sigaddset(&set, SIGPIPE));
	must(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

void killed(void)
{
	const char *path = fresh_fifo();
	int requests = open_service(path), gate[2], status;
	char byte;

	must(pipe(gate));
	pid_t client = fork_client(path, DIES);
	await_state(client, 'S');
	pid_t server = fork_as("server");
	if (server == 0) {
		allow_sigpipe();
		struct request request = take(requests);
		int fd = must_neg(open_reply(&request));
		say("have opened the FIFO of the client");
		must(read(gate[0], &byte, 1));
		must_neg(send_reply(fd, &request));
		_exit(0);
	}
	await_state(server, 'S');
	put_to_death(client);
	say("the client is dead; the server writes its reply");
	must(write(gate[1], "x", 1));
	must(waitpid(server, &status, 0));
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE,
	      "the server dies of it: SIGPIPE");
}

// ## A server that lets them go
//
// O_NONBLOCK when the reply FIFO is opened and written, SIGPIPE ignored: then
// each trouble is an error of that one call, and the server drops the reply and
// goes on. That helps also against a client that does not read: its FIFO fills
// up. (A reply that does not fit is dropped whole: it is no larger than
// PIPE_BUF.)

// Serves one client that behaves like this, until there is an error if it is
// DEAF. What became of the (last) reply.
static int serve(int requests, const char *path, enum then then)
{
	pid_t client = fork_client(path, then);
	int error;

	if (then == LEAVES || then == TIDIES)
		reap(client);
	else
		await_state(client, 'S');
	struct request request = take(requests);
	do {
		int fd = open_reply(&request);
		if (then == DIES)
			put_to_death(client);
		error = fd < 0 ? fd : send_reply(fd, &request);
	} while (then == DEAF && !error);
	if (then == DEAF)
		put_to_death(client);
	if (then == READS)
		reap(client);
	return -error;
}

void dropped(void)
{
	static const struct {
		const char *label;
		int error;
		const char *name, *claim;
	} clients[THENS] = {
		[LEAVES] = { "left after asking", ENXIO, "ENXIO",
			     "nobody reads its FIFO: open fails with ENXIO" },
		[TIDIES] = { "removed its FIFO", ENOENT, "ENOENT",
			     "its FIFO is gone: ENOENT" },
		[DIES] = { "died after the open", EPIPE, "EPIPE",
			   "it has gone meanwhile: write fails with EPIPE" },
		[DEAF] = { "never reads", EAGAIN, "EAGAIN",
			   "its FIFO is full: EAGAIN, the server goes on" },
		[READS] = { "waits for it", 0, "sent",
			    "and the client that waits has its answer" },
	};
	const char *path = fresh_fifo();
	int requests = open_service(path), errors[THENS];
	char table[512];
	int used = snprintf(table, sizeof table, "%-22s%s\n", "the client ...",
			    "reply");

	must(signal(SIGPIPE, SIG_IGN));
	for (int i = 0; i < THENS; i++) {
		errors[i] = serve(requests, path, i);
		used += snprintf(table + used, sizeof table - used, "%-22s%s\n",
				 clients[i].label,
				 errors[i] == clients[i].error
					 ? clients[i].name
					 : strerror(errors[i]));
	}
	say("what becomes of the reply:");
	show(table);
	for (int i = 0; i < THENS; i++)
		claim(errors[i] == clients[i].error, "%s", clients[i].claim);
}

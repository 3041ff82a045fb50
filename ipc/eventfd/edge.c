// # Level and edge
//
// epoll(7) can be asked two questions. Level-triggered, the default, is poll's:
// "is there something to read?" Edge-triggered (EPOLLET): "has something come
// since you last told me?" The second wakes less often, and forgives nothing.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "draw.h"
#include "ipc/eventfd/scenes.h"
#include "lab.h"

enum { READ, WRITE, BYTES = 3 };

static int epoll_for(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epoll = must(epoll_create1(EPOLL_CLOEXEC));

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	return epoll;
}

static bool comes_up(int epoll, int timeout_ms)
{
	struct epoll_event event;

	return must(epoll_wait(epoll, &event, 1, timeout_ms)) == 1;
}

static int held(int fd)
{
	int bytes;

	must(ioctl(fd, FIONREAD, &bytes));
	return bytes;
}

static void filled_pipe(int fd[2])
{
	must(pipe2(fd, O_CLOEXEC | O_NONBLOCK));
	must(write(fd[WRITE], "abc", BYTES));
}

// ## How often it is told
//
// Three bytes lie in a pipe, and for each event one byte is read. Level-
// triggered, epoll reports the pipe until it is empty. Edge-triggered, once:
// the bytes that remain are no news.
//
// So who uses EPOLLET reads until EAGAIN each time, and needs O_NONBLOCK to see
// that. A new write is news, though, whether the last one has been read or not:
// an eventfd that only rings a bell need never be read.

struct way {
	const char *name;
	uint32_t events;
	bool drain;
	int told, left;
};

static void consume(struct way *way)
{
	int fd[2];
	char byte;

	filled_pipe(fd);
	int epoll = epoll_for(fd[READ], way->events);
	for (way->told = 0; comes_up(epoll, 0); way->told++)
		while (read(fd[READ], &byte, 1) == 1 && way->drain)
			;
	way->left = held(fd[READ]);
	must(close(epoll));
	must(close(fd[READ]));
	must(close(fd[WRITE]));
}

static void draw_ways(const struct way *ways, int n)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct bar bars[8];
	char notes[8][32];

	for (int i = 0; i < n; i++) {
		snprintf(notes[i], sizeof *notes, "%d (%d left)", ways[i].told,
			 ways[i].left);
		bars[i] = (struct bar){ ways[i].name, notes[i], ways[i].told };
	}
	char *picture = must_ptr(draw_bars(&canvas, bars, (size_t)n, false));
	show(picture);
	free(picture);
}

void scene_edge(void)
{
	struct way ways[] = {
		{ .name = "level", .events = EPOLLIN },
		{ .name = "edge", .events = EPOLLIN | EPOLLET },
		{ .name = "edge, drain", .events = EPOLLIN | EPOLLET,
		  .drain = true },
	};
	int counted = 0;

	for (int i = 0; i < 3; i++)
		consume(&ways[i]);
	say("%d bytes in a pipe; events (and bytes left in the end):", BYTES);
	draw_ways(ways, 3);
	claim(ways[0].told == BYTES && ways[0].left == 0,
	      "level-triggered: told as long as there is something");
	claim(ways[1].told == 1 && ways[1].left == BYTES - 1,
	      "edge-triggered: told once, and the rest is forgotten");
	claim(ways[2].told == 1 && ways[2].left == 0,
	      "edge-triggered and read until EAGAIN: once, and all of it");

	say("an eventfd, edge-triggered; I write %d times", BYTES);
	int fd = new_counter(EFD_NONBLOCK);
	int epoll = epoll_for(fd, EPOLLIN | EPOLLET);
	for (int i = 0; i < BYTES; i++) {
		add_number(fd, 1);
		counted += comes_up(epoll, 0) && !comes_up(epoll, 0);
	}
	claim(counted == BYTES && read_number(fd) == BYTES,
	      "nobody reads it, and yet each write is told, once");
}

// ## Asleep beside its work
//
// The same mistake in a server: it takes one request at each event and goes
// back to epoll_wait. The second request came with the first, so there is no
// edge for it: the server sleeps, and its client waits for an answer. It goes
// unnoticed as long as traffic is lively, since the next request wakes it up;
// it is then behind for ever.

static _Noreturn void serve(int fd, bool drain)
{
	char byte;
	int epoll = epoll_for(fd, EPOLLIN | EPOLLET);

	while (comes_up(epoll, -1))
		while (read(fd, &byte, 1) == 1) {
			say("serving request %c", byte);
			if (!drain)
				break;
		}
	_exit(EXIT_FAILURE);
}

static int left_asleep(pid_t server, int fd)
{
	await_state(server, 'S');
	int left = held(fd);
	say("the server sleeps; requests that wait: %d", left);
	return left;
}

static void end(pid_t server)
{
	must(kill(server, SIGKILL));
	must(waitpid(server, NULL, 0));
}

void scene_asleep(void)
{
	int fd[2];

	filled_pipe(fd);
	say("requests a, b and c lie in a pipe");
	pid_t server = fork_as("careless");
	if (server == 0)
		serve(fd[READ], false);
	claim(left_asleep(server, fd[READ]) == BYTES - 1,
	      "one read for each edge: it sleeps with requests waiting");
	say("one more request: d");
	must(write(fd[WRITE], "d", 1));
	while (held(fd[READ]) > BYTES - 1)
		await_state(server, 'S');
	claim(left_asleep(server, fd[READ]) == BYTES - 1,
	      "a new request wakes it, and it serves an old one");
	end(server);

	filled_pipe(fd);
	server = fork_as("careful");
	if (server == 0)
		serve(fd[READ], true);
	claim(left_asleep(server, fd[READ]) == 0,
	      "read until EAGAIN: it sleeps when there is nothing to do");
	end(server);
}

// # Wait: how a reader learns that there is something to read
//
// A pipe makes its reader wait. A file never does: it has an end, and who reads
// there is told so at once. That something will come is not known to the
// kernel. So the reader looks again and again, or asks to be told: inotify(7).

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "file.h"
#include "lab.h"

// ## The end of a file is not the end of the data
//
// read(2) returns 0 there, and poll(2) calls a file readable at any time, since
// read never waits. Who reads on after the file has grown gets what is new:
// `tail -f` lives on that.

void end_of_file(void)
{
	const char *path = file_with("one");
	char text[16];
	int fd = open_again(path);
	struct pollfd ready = { fd, POLLIN, 0 };

	must(read(fd, text, sizeof text));
	ssize_t end = must(read(fd, text, sizeof text));
	must(poll(&ready, 1, 0));
	claim(end == 0,
	      "at the end of the file read returns 0 and does not wait");
	claim(ready.revents == POLLIN,
	      "and there poll, too, calls it readable");

	pid_t writer = fork_as("writer");
	if (writer == 0) {
		must(pwrite(open_again(path), "two", 3, 3));
		_exit(0);
	}
	reap(writer);
	ssize_t more = must(read(fd, text, sizeof text));
	say("another process has written; read returns %zd bytes: \"%.*s\"",
	    more, (int)more, text);
	claim(more == 3 && !memcmp(text, "two", 3),
	      "the end moves: the same descriptor reads on");
}

// ## Look, or sleep
//
// Two readers wait for a file to appear. The poller looks for it, sleeps for
// half a millisecond, and looks again: with a shorter nap it looks in vain more
// often, with a longer one it finds the file later. The watcher has told the
// kernel what it waits for, and sleeps in read(2) on an inotify descriptor. The
// writer lets the poller look a while before it gives the file its name.
//
// The watcher first adds its watch and then looks, once. The other way round a
// file that comes in between would never be seen.

enum { POLLER, WATCHER, WRITER };
enum { BEFORE = 40, LOOKS = 1000 };

struct history {
	_Atomic int looks, returns;   // of the watcher's read
	struct span spans[2 + LOOKS]; // the watcher wakes, the file appears,
				      // the poller looks
};

static pid_t fork_poller(const char *path, struct history *h)
{
	pid_t poller = fork_as("poller");

	if (poller > 0)
		return poller;
	for (bool found = false; !found;) {
		int64_t now = now_ns();
		found = access(path, F_OK) == 0;
		int i = atomic_fetch_add(&h->looks, 1);
		if (i < LOOKS)
			h->spans[2 + i] = (struct span){ POLLER, now, now,
							 'l' };
		nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
	}
	_exit(0);
}

static pid_t fork_watcher(const char *directory, const char *path,
			  struct history *h)
{
	_Alignas(struct inotify_event) char events[4096];
	pid_t watcher = fork_as("watcher");

	if (watcher > 0)
		return watcher;
	int fd = watch_directory(directory, IN_MOVED_TO, 0);
	while (access(path, F_OK) == -1) {
		must(read(fd, events, sizeof events));
		atomic_fetch_add(&h->returns, 1);
	}
	h->spans[0] = (struct span){ WATCHER, now_ns(), now_ns(), 'w' };
	_exit(0);
}

void wait_for_file(void)
{
	static const char *const tracks[] = { "poller", "watcher", "writer" };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct history *h = shared_memory(sizeof *h);
	const char *draft = file_with("");
	char directory[NAME_BYTES], path[NAME_BYTES + 8];

	fresh_directory(directory);
	snprintf(path, sizeof path, "%s/news", directory);
	pid_t watcher = fork_watcher(directory, path, h);
	await_state(watcher, 'S');
	pid_t poller = fork_poller(path, h);
	while (atomic_load(&h->looks) < BEFORE)
		nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
	int64_t began_ns = now_ns();
	must(rename(draft, path));
	h->spans[1] = (struct span){ WRITER, began_ns, now_ns(), 'W' };
	reap(poller);
	reap(watcher);

	say("l: a look; w: the watcher wakes; W: the file appears:");
	int spans = 2 + (h->looks < LOOKS ? h->looks : LOOKS);
	char *picture =
		must_ptr(draw_timeline(&canvas, tracks, 3, h->spans, spans));
	show(picture);
	free(picture);
	claim(h->looks > BEFORE,
	      "the poller looked %d times, %d of them in vain", h->looks,
	      h->looks - 1);
	claim(h->returns == 1,
	      "the watcher slept in one read until the file was there");
}

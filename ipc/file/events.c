// # Events: of what inotify tells, and when a file is complete
//
// A watch on a directory reports what happens to the entries in it, whoever
// does it. Which event means "now you can read"?
//
//     IN_CREATE       never: there is a name, and nothing behind it yet
//     IN_MODIFY       never: something was written, more may follow
//     IN_CLOSE_WRITE  if the writer writes all in one go, and lives
//     IN_MOVED_TO     always, if what is renamed was complete before

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "lab.h"

static const struct {
	uint32_t bit;
	const char *name;
} names[] = {
	{ IN_CREATE, "CREATE" },
	{ IN_OPEN, "OPEN" },
	{ IN_MODIFY, "MODIFY" },
	{ IN_CLOSE_WRITE, "CLOSE_WRITE" },
	{ IN_MOVED_FROM, "MOVED_FROM" },
	{ IN_MOVED_TO, "MOVED_TO" },
	{ IN_DELETE, "DELETE" },
};

enum { NAMES = sizeof names / sizeof *names };

struct told {
	char text[128];
	uint32_t cookies[2]; // of the first event and of the last
};

// Takes the events since the last time, and writes them behind what was done.
static struct told look(int fd, FILE *picture, const char *done)
{
	_Alignas(struct inotify_event) char events[4096];
	struct told told = { .text = "" };
	int used = 0;
	ssize_t n = read(fd, events, sizeof events);

	if (n == -1 && errno != EAGAIN)
		die_at(__FILE__, __LINE__, "read(inotify)", errno);
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (void *)(events + at);
		for (int i = 0; i < NAMES && used < (int)sizeof told.text; i++)
			if (event->mask & names[i].bit)
				used += snprintf(told.text + used,
						 sizeof told.text - used,
						 "%s%s", used ? " " : "",
						 names[i].name);
		told.cookies[at > 0] = event->cookie;
		at += (ssize_t)(sizeof *event + event->len);
	}
	fprintf(picture, "%-15s%s\n", done, *told.text ? told.text : "-");
	return told;
}

static void store(int fd, char byte)
{
	char *bytes = map_file(fd, 1, MAP_SHARED);

	*bytes = byte;
	must(munmap(bytes, 1));
}

// ## A file's life, step by step
//
//     two writes      are one event: of equal neighbours that nobody has read
//                     yet one is kept. Events wake, they do not count. (And if
//                     the queue is full they are lost; then IN_Q_OVERFLOW says
//                     so, and one has to look at everything again.)
//     a store         through a mapping is not reported at all.
//     close(2)        says IN_CLOSE_WRITE only for the last descriptor of what
//                     open(2) made. A copy that dup(2) or fork(2) made keeps
//                     the watcher waiting, on most file systems a mapping too.

void events(void)
{
	char directory[NAME_BYTES], draft[NAME_BYTES + 8], news[NAME_BYTES + 8];
	uint32_t mask = 0;
	struct picture picture;
	struct stat facts;

	for (int i = 0; i < NAMES; i++)
		mask |= names[i].bit;
	fresh_directory(directory);
	int in = watch_directory(directory, mask, IN_NONBLOCK);
	snprintf(draft, sizeof draft, "%s/draft", directory);
	snprintf(news, sizeof news, "%s/news", directory);

	picture_begin(&picture);
	FILE *out = picture.stream;
	int fd = must(open(draft, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	must(fstat(fd, &facts));
	struct told create = look(in, out, "open(O_CREAT)");
	must(write(fd, "ne", 2));
	must(write(fd, "ws", 2));
	struct told modify = look(in, out, "write, write");
	store(fd, 'N');
	struct told stored = look(in, out, "mmap, store");
	must(close(must(dup(fd))));
	struct told dup_closed = look(in, out, "dup, close");
	must(close(fd));
	struct told closed = look(in, out, "close");
	must(rename(draft, news));
	struct told renamed = look(in, out, "rename");
	must(unlink(news));
	look(in, out, "unlink");
	say("what a process does, and what the watcher is told:");
	picture_end(&picture);

	claim(!strcmp(create.text, "CREATE OPEN") && facts.st_size == 0,
	      "IN_CREATE comes while the file is still empty");
	claim(!strcmp(modify.text, "MODIFY"), "two writes are one event");
	claim(!strcmp(stored.text, ""),
	      "a store into a mapping is not reported");
	claim(!strcmp(dup_closed.text, "") &&
		      !strcmp(closed.text, "CLOSE_WRITE"),
	      "IN_CLOSE_WRITE waits until the last copy is closed");
	claim(!strcmp(renamed.text, "MOVED_FROM MOVED_TO") &&
		      renamed.cookies[0] == renamed.cookies[1] &&
		      renamed.cookies[0] != 0,
	      "a rename is two events, joined by their cookie");
}

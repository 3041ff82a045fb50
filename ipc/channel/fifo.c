// # fifo: a pipe that has a name
//
// mkfifo(3) puts an entry into a directory; whoever may open it gets an end of
// the pipe behind it. So two programs that are no relatives can talk: one opens
// it to read, the other to write. The file holds nothing: the bytes live in
// memory as with any pipe, and the name is only the place to meet.
//
//     /…/to_right   prw-------          open(O_RDONLY) ─▶ read end
//         └────────▶ [ pipe buffer ]    open(O_WRONLY) ─▶ write end
//
// open(2) of one end waits until somebody opens the other, so that neither
// talks into the void. One process that wants both ends would wait for itself,
// for ever: we open the read end with O_NONBLOCK, which does not wait, then the
// write end, which finds a reader, and set the flag back. With both ends open,
// the name can go.
//
// From here on it is a pipe: 16 pages of buffer, sleep when full or empty,
// end of file when the last write end is closed, also by death; SIGPIPE or
// EPIPE when the last read end is. See pipe.c.
//
// Price: as a pipe; the name costs at open only. Sources: fifo(7), mkfifo(3),
// open(2).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names.h"
#include "parts.h"

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	(void)why, (void)why_bytes;
	*limit_bytes = SIZE_MAX;
	return 0;
}

static int open_ends(const char *path, int *read_end, int *write_end)
{
	if (mkfifo(path, 0600) == -1)
		return -errno;
	*read_end = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (*read_end == -1)
		return -errno;
	*write_end = open(path, O_WRONLY | O_CLOEXEC);
	if (*write_end == -1 || fcntl(*read_end, F_SETFL, O_RDONLY) == -1)
		return -errno;
	return 0;
}

static int one_way(struct channel *c, enum channel_side reader)
{
	char path[NAME_BYTES];

	int error = names_fresh(NAME_PATH, path);
	if (error)
		return error;
	error = open_ends(path, &c->ends[reader][0], &c->ends[!reader][1]);
	names_remove(NAME_PATH, path, 0);
	return error;
}

static int open_fifos(struct channel *c)
{
	int error = one_way(c, CHANNEL_RIGHT);
	return error ? error : one_way(c, CHANNEL_LEFT);
}

static int send_bytes(struct channel *c, const void *message, size_t bytes)
{
	return write_all(c->out, message, bytes);
}

static ssize_t receive_bytes(struct channel *c, void *buffer, size_t bytes)
{
	return read_some(c->in, buffer, bytes);
}

static int finish(struct channel *c)
{
	close(c->out);
	c->out = -1;
	return 0;
}

const struct mechanism mechanism_fifo = {
	.name = "fifo",
	.title =
		"FIFO: a pipe with a name, for processes that are no relatives",
	.when = "a pipe for programs started apart, shells too; writers mix",
	.meets = "path",
	.kind = CHANNEL_STREAM,
	.queues = true,
	.tells_death = true,
	.probe = probe,
	.open = open_fifos,
	.send = send_bytes,
	.receive = receive_bytes,
	.finish = finish,
};

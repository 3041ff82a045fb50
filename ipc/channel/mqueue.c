// # mqueue: a mailbox with a name and a size (POSIX)
//
// mq_open(3) makes a queue of messages in the kernel, under a name like
// "/mailbox" that lies in a file system of its own (mount -t mqueue none
// /dev/mqueue to look inside). A message keeps its boundaries and has a
// priority: mq_receive takes the oldest of the most urgent. We use one
// priority, and two queues, one a direction.
//
//     left ── mq_send ▶ [ to_right: 10 messages of up to N bytes ] ▶ right
//     left ◀────────── [ to_left:  10 messages of up to N bytes ] ◀── right
//
// A queue has its size from birth, mq_maxmsg messages of mq_msgsize bytes, and
// its user is charged for all of that at once, not as it fills. Three limits:
// /proc/sys/fs/mqueue/msgsize_max (8,192) and msg_max (10), which only
// CAP_SYS_RESOURCE may pass, and RLIMIT_MSGQUEUE (819,200 bytes for all queues
// of a user together; EMFILE). We take 10 messages, or as many fewer as the
// last limit makes us. A sender sleeps while the queue is full, a receiver
// while it is empty; if the receiver already waits, the kernel hands the
// message straight to it, and the queue never sees it.
//
// mq_receive wants a buffer for the largest message of the queue, whatever
// comes: into a smaller one we receive by way of a spare.
//
// The end: none. A queue does not know who could still send, so an empty
// message is our mark. Nor does anybody hear of a death, or of a close: the
// receiver waits on, and so does a sender whose queue is full.
// The queue goes with its last descriptor, once the name is unlinked.
//
// Price: two system calls, two copies, an allocation a message. Sources:
// mq_overview(7), getrlimit(2), ipc/mqueue.c in the kernel.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names.h"
#include "parts.h"

enum { MOST_MESSAGES = 10 };

struct mailbox {
	bool ended;
	char spare[]; // largest_bytes
};

// Makes a queue and opens it twice, for its reader and for its writer; the name
// is gone again on return.
static int make_queue(long messages, long message_bytes, int *reader,
		      int *writer)
{
	char name[NAME_BYTES];
	struct mq_attr size = {
		.mq_maxmsg = messages,
		.mq_msgsize = message_bytes,
	};

	int error = names_fresh(NAME_MQ, name);
	if (error)
		return error;
	*reader = mq_open(name, O_RDONLY | O_CREAT | O_EXCL, 0600, &size);
	*writer = *reader == -1 ? -1 : mq_open(name, O_WRONLY);
	if (*writer == -1)
		error = -errno;
	names_remove(NAME_MQ, name, 0);
	return error;
}

// On Linux a queue's descriptor is a file descriptor, and closed like one.
static void close_ends(int ends[2][2])
{
	for (int i = 0; i < 4; i++) {
		int *end = &ends[i / 2][i % 2];
		if (*end != -1)
			close(*end);
		*end = -1;
	}
}

static int make_both(long messages, long message_bytes, int ends[2][2])
{
	for (int i = 0; i < 4; i++)
		ends[i / 2][i % 2] = -1;
	int error = make_queue(messages, message_bytes, &ends[CHANNEL_LEFT][0],
			       &ends[CHANNEL_RIGHT][1]);
	if (!error)
		error = make_queue(messages, message_bytes,
				   &ends[CHANNEL_RIGHT][0],
				   &ends[CHANNEL_LEFT][1]);
	if (error)
		close_ends(ends);
	return error;
}

// A smaller queue may still fit where the user's share is nearly used up.
static int make_what_fits(long message_bytes, int ends[2][2])
{
	int error;

	for (long messages = MOST_MESSAGES; messages > 0; messages--) {
		error = make_both(messages, message_bytes, ends);
		if (error != -EMFILE && error != -EINVAL)
			break;
	}
	return error;
}

// The number that the administrator set; 8,192 where /proc does not tell.
static long msgsize_max(void)
{
	long bytes = 8192;
	FILE *file = fopen("/proc/sys/fs/mqueue/msgsize_max", "re");

	if (file) {
		if (fscanf(file, "%ld", &bytes) != 1)
			bytes = 8192;
		fclose(file);
	}
	return bytes;
}

static int explain(int error, char *why, size_t why_bytes)
{
	const char *text =
		error == -ENOSYS ? "this kernel has none (CONFIG_POSIX_MQUEUE)"
		: error == -EMFILE
			? "RLIMIT_MSGQUEUE is used up (ulimit -q, or -n)"
			: strerror(-error);

	snprintf(why, why_bytes, "POSIX message queues: %s", text);
	return error;
}

// What this user can really have now: msgsize_max, or less where
// RLIMIT_MSGQUEUE leaves no room for two queues of it, found by halving.
static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	int ends[2][2], error;
	long bytes = msgsize_max(), fits = 0, too_large = bytes + 1;

	do {
		error = make_both(1, bytes, ends);
		if (!error) {
			close_ends(ends);
			fits = bytes;
		} else if (error == -EMFILE || error == -EINVAL) {
			too_large = bytes;
		} else {
			break;
		}
		bytes = fits + (too_large - fits) / 2;
	} while (too_large - fits > 1);

	*limit_bytes = fits;
	return fits > 0 ? 0 : explain(error, why, why_bytes);
}

static int open_queues(struct channel *c)
{
	struct mailbox *box = malloc(sizeof *box + c->largest_bytes);

	if (!box)
		return -ENOMEM;
	int error = make_what_fits(c->largest_bytes, c->ends);
	if (error) {
		free(box);
		return error;
	}
	box->ended = false;
	c->state = box;
	return 0;
}

static int send_message(struct channel *c, const void *message, size_t bytes)
{
	int sent;
	do
		sent = mq_send(c->out, message, bytes, 0);
	while (sent == -1 && errno == EINTR);
	return sent == -1 ? -errno : 0;
}

static ssize_t receive_message(struct channel *c, void *buffer, size_t bytes)
{
	struct mailbox *box = c->state;
	bool small = bytes < c->largest_bytes;
	ssize_t got;

	if (box->ended)
		return 0;
	do
		got = mq_receive(c->in, small ? box->spare : buffer,
				 small ? c->largest_bytes : bytes, NULL);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return -errno;
	if ((size_t)got > bytes)
		return -EMSGSIZE;
	if (small)
		memcpy(buffer, box->spare, got);
	box->ended = got == 0;
	return got;
}

static int finish(struct channel *c)
{
	return send_message(c, "", 0);
}

static void free_mailbox(struct channel *c)
{
	free(c->state);
}

const struct mechanism mechanism_mqueue = {
	.name = "mqueue",
	.title = "POSIX message queue: a mailbox with a name and a size",
	.when = "short messages by priority, between strangers; tells no death",
	.meets = "name",
	.kind = CHANNEL_MESSAGE,
	.queues = true,
	.probe = probe,
	.open = open_queues,
	.send = send_message,
	.receive = receive_message,
	.finish = finish,
	.close = free_mailbox,
};

// # sysv-mq: the message queue of 1983 (System V)
//
// msgget(2) makes a queue in the kernel and gives it a number. It is no file:
// no descriptor, no poll, no end, and it lives until somebody removes it, also
// when everybody has died: `ipcs -q` shows such leftovers. Each message is a
// type (a long above 0) with bytes behind it; msgrcv(2) takes the oldest, or
// the oldest of a type.
//
//     left ── msgsnd ▶ [ to_right, 16,384 bytes ] ▶ msgrcv ── right
//     left ◀─ msgrcv ─ [ to_left,  16,384 bytes ] ◀ msgsnd ── right
//
// One queue with two types, 1 for the right and 2 for the left, would look
// thrifty, and it is what textbooks draw. It can stop for ever: the two
// directions share one capacity. Left sends requests until the queue is full
// and waits; right takes one, left may fill the gap at once, and right waits
// too, with its answer in hand; everything in the queue is for right. With a
// queue each, a direction is full only of its own messages. It is faster as
// well: msgrcv of a type has to walk past all messages of the other.
//
// Limits: a message has at most /proc/sys/kernel/msgmax bytes (8,192), a queue
// msgmnb (16,384; CAP_SYS_RESOURCE may raise it, msgctl IPC_SET). A sender
// sleeps while the queue is full, a receiver while it is empty.
//
// The end: an empty message is our mark. A death tells nobody anything: the
// queue stays, the receiver waits on. What ends it is the removal of the queue:
// whoever sleeps at it wakes with EIDRM. So the reader of a queue removes it
// when it closes, which is to the writer what a closed pipe is.
//
// Price: two system calls and four copies a message: the type must stand right
// in front of the bytes, in one piece, and so in a buffer of ours; and an
// allocation. Sources: msgop(2), msgget(2), sysvipc(7).

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <unistd.h>

#include "names.h"
#include "parts.h"

// The queues, by the side that reads them.
struct queues {
	key_t key[2];
	int id[2];
	bool ended;
	struct {
		long type;    // as msgop(2) wants it
		char bytes[]; // largest_bytes
	} message;
};

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	struct msginfo limits;

	if (msgctl(0, IPC_INFO, (struct msqid_ds *)&limits) == -1) {
		int error = errno;
		snprintf(why, why_bytes, "System V message queues: %s",
			 error == ENOSYS ? "this kernel has none "
					   "(CONFIG_SYSVIPC)"
					 : strerror(error));
		return -error;
	}
	*limit_bytes = limits.msgmax < limits.msgmnb ? limits.msgmax
						     : limits.msgmnb;
	return 0;
}

// The name of a queue is a number of 32 bits that anybody may have taken.
static int make_queue(key_t *key, int *id)
{
	do {
		int error = names_fresh_key(NAME_SYSV_MSG, key);
		if (error)
			return error;
		*id = msgget(*key, IPC_CREAT | IPC_EXCL | 0600);
	} while (*id == -1 && errno == EEXIST);
	return *id == -1 ? -errno : 0;
}

static int open_queues(struct channel *c)
{
	struct queues *q = malloc(sizeof *q + c->largest_bytes);

	if (!q)
		return -ENOMEM;
	int error = make_queue(&q->key[0], &q->id[0]);
	if (!error) {
		error = make_queue(&q->key[1], &q->id[1]);
		if (error)
			names_remove(NAME_SYSV_MSG, NULL, q->key[0]);
	}
	if (error) {
		free(q);
		return error;
	}
	q->ended = false;
	q->message.type = 1;
	c->state = q;
	return 0;
}

static int send_message(struct channel *c, const void *message, size_t bytes)
{
	struct queues *q = c->state;
	int sent;

	if (bytes > c->largest_bytes)
		return -EMSGSIZE;
	memcpy(q->message.bytes, message, bytes);
	do
		sent = msgsnd(q->id[!c->side], &q->message, bytes, 0);
	while (sent == -1 && errno == EINTR);
	return sent == -1 ? -errno : 0;
}

// A message that is larger than we say stays in the queue: E2BIG. The writer
// removes a queue only when nothing is in it: then its absence (EIDRM while we
// sleep, EINVAL before) is the end too.
static ssize_t receive_message(struct channel *c, void *buffer, size_t bytes)
{
	struct queues *q = c->state;
	size_t most = bytes < c->largest_bytes ? bytes : c->largest_bytes;
	ssize_t got;

	if (q->ended)
		return 0;
	do
		got = msgrcv(q->id[c->side], &q->message, most, 0, 0);
	while (got == -1 && errno == EINTR);
	if (got == -1 && errno != EIDRM && errno != EINVAL)
		return errno == E2BIG ? -EMSGSIZE : -errno;
	if (got > 0)
		memcpy(buffer, q->message.bytes, got);
	q->ended = got <= 0;
	return q->ended ? 0 : got;
}

static int finish(struct channel *c)
{
	return send_message(c, "", 0);
}

// Whether a queue may still be read: its reader lives and something is in it.
static bool is_wanted(int id, pid_t reader)
{
	struct msqid_ds queue;

	return msgctl(id, IPC_STAT, &queue) == 0 && queue.msg_qnum > 0 &&
	       (reader == 0 || kill(reader, 0) == 0 || errno != ESRCH);
}

// Each side removes the queue it reads; the opener the other one too, unless
// the peer has yet to read it. What is left then (the peer was killed in
// between), the ledger removes.
static void remove_queues(struct channel *c)
{
	struct queues *q = c->state;

	for (int side = 0; side < 2; side++) {
		pid_t reader = atomic_load_explicit(&c->meeting->pids[side],
						    memory_order_acquire);
		if (reader == getpid() ||
		    (c->opener == getpid() && !is_wanted(q->id[side], reader)))
			names_remove(NAME_SYSV_MSG, NULL, q->key[side]);
	}
	free(q);
}

const struct mechanism mechanism_sysv_mq = {
	.name = "sysv-mq",
	.title = "System V message queue: typed messages under a number",
	.when = "where old programs speak it; no poll, and it outlives them "
		"all",
	.meets = "key",
	.kind = CHANNEL_MESSAGE,
	.queues = true,
	.probe = probe,
	.open = open_queues,
	.send = send_message,
	.receive = receive_message,
	.finish = finish,
	.close = remove_queues,
};

// # file: messages in an ordinary file, and locks that hand the turn over
//
// The oldest way: one process writes a file, the other reads it. The file keeps
// the bytes (in the page cache; the disk hears of them later, or never, for we
// unlink the file at once), but it does not say when there is something to
// read. Looking again and again would do; locks do better, for who asks for a
// lock that another holds sleeps until it is free. fcntl(F_OFD_SETLKW) locks
// single bytes of a file, which need not exist; they are only numbers.
//
// **The turn goes round over three locks.** A file carries one direction and
// one message. The turns t = 0, 1, 2 ... are alternately the sender's (write)
// and the receiver's (read); lock n stands for n mod 3. At turn t
//
//     who acts holds  t and t - 1        who waits holds  t + 1
//                     and will let go t                   and asks for t
//
//     turn   lock 0      lock 1      lock 2
//       0    S lets go   R           S            S writes
//       1    R           R lets go   S            R reads
//       2    R           S           S lets go    S writes
//       3    R lets go   S           R            ... and so on
//
// Why it is sound. Only the actor can let go of t, so the other cannot begin
// early. Once t is free, only the other asks for it: the actor asks next for
// t + 1, which the other holds and lets go only at the end of its own turn. So
// it does not matter how slow the other is to take t: nobody can overtake it,
// and no turn is lost. When it has taken t, it holds t + 1 and (t + 1) - 1, and
// the old actor holds t - 1, which is (t + 1) + 1: the same picture, a turn
// later. Two locks would not do: who acts would hold both, and the other none
// that it has to wait for.
//
// Locks of which kind: the usual fcntl locks belong to a process, which fork(2)
// does not inherit and any close of the file drops. Open file description locks
// belong to what open(2) made. We open each file twice, once for each side, and
// the locks follow the descriptors through the fork.
//
// End: a description that is closed loses its locks. The receiver gets its
// turn, finds no new message, and knows; the kernel closes for a process that
// dies, too. A sender whose turn it is asks whether the receiver still holds
// t + 1, as it must: if not, EPIPE. The message is written before its header,
// so a sender that dies while writing does not leave half of one.
//
// Price: a system call to wait, one to let go, one or two to copy and for the
// sender one to ask. Sources: fcntl(2), "Open file description locks";
// Stevens, UNIX Network Programming 2 (1999), chapter 9.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "names.h"
#include "parts.h"

enum { LOCKS = 3, PAGE = 4096, LARGEST_FILE_MESSAGE = 1 << 30 };

// Lies before the end of a page; the message before it, so that one pwritev
// writes first the message and then the header.
struct header {
	uint64_t turn; // the receiver's turn in which to read it
	uint64_t length;
};

struct turns {
	uint64_t out, in; // the next one of ours, in each direction
	off_t header_at;
};

// F_OFD_SETLKW sleeps while another description holds the byte. No deadlock
// detection goes with it (fcntl(2)), and none is needed.
static int lock_call(int fd, int command, short type, uint64_t turn,
		     struct flock *result)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = turn % LOCKS,
		.l_len = 1,
	};
	while (fcntl(fd, command, &lock) == -1)
		if (errno != EINTR)
			return -errno;
	if (result)
		*result = lock;
	return 0;
}

static int take(int fd, uint64_t turn)
{
	return lock_call(fd, F_OFD_SETLKW, F_WRLCK, turn, NULL);
}

static int let_go(int fd, uint64_t turn)
{
	return lock_call(fd, F_OFD_SETLK, F_UNLCK, turn, NULL);
}

// Whether the other side holds it: 1, 0 or -errno.
static int held(int fd, uint64_t turn)
{
	struct flock lock = { 0 };
	int error = lock_call(fd, F_OFD_GETLK, F_WRLCK, turn, &lock);
	return error ? error : lock.l_type != F_UNLCK;
}

// A file without a name, opened twice, with the locks of turn 0.
static int open_file(int *sender, int *receiver)
{
	char path[NAME_BYTES];

	int error = names_fresh(NAME_PATH, path);
	if (error)
		return error;
	*sender = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	error = *sender == -1 ? -errno : 0;
	*receiver = error ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (!error && *receiver == -1)
		error = -errno;
	int removed = names_remove(NAME_PATH, path, 0);
	if (!error)
		error = removed;
	(void)(error || (error = take(*sender, 0)) ||
	       (error = take(*sender, 2)) || (error = take(*receiver, 1)));
	if (error && *sender != -1)
		close(*sender);
	if (error && *receiver != -1)
		close(*receiver);
	return error;
}

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	int sender, receiver;
	int error = open_file(&sender, &receiver);
	if (error) {
		snprintf(why, why_bytes,
			 "no file with locks can be made in "
			 "the temporary folder ($TMPDIR): %s",
			 strerror(-error));
		return error;
	}
	close(sender);
	close(receiver);
	*limit_bytes = LARGEST_FILE_MESSAGE;
	return 0;
}

static int open_files(struct channel *c)
{
	int to_right[2], to_left[2];

	struct turns *turns = calloc(1, sizeof *turns);
	if (!turns)
		return -ENOMEM;
	turns->in = 1;
	turns->header_at = (c->largest_bytes + 2 * PAGE - 1) / PAGE * PAGE -
			   sizeof(struct header);
	int error = open_file(&to_right[0], &to_right[1]);
	if (!error) {
		error = open_file(&to_left[0], &to_left[1]);
		if (error) {
			close(to_right[0]);
			close(to_right[1]);
		}
	}
	if (error) {
		free(turns);
		return error;
	}
	channel_set_ends(c, CHANNEL_LEFT, to_left[1], to_right[0]);
	channel_set_ends(c, CHANNEL_RIGHT, to_right[1], to_left[0]);
	c->state = turns;
	return 0;
}

// Waits for our turn, in which the other must hold the lock after it.
static int send(struct channel *c, const void *message, size_t bytes)
{
	struct turns *turns = c->state;
	uint64_t turn = turns->out;
	struct header header = { turn + 1, bytes };
	struct iovec parts[] = {
		{ (void *)message, bytes }, { &header, sizeof header }
	};

	int error = turn == 0 ? 0 : take(c->out, turn - 1);
	if (error)
		return error;
	int there = held(c->out, turn + 1);
	if (there <= 0)
		return there ? there : -EPIPE;
	ssize_t n = pwritev(c->out, parts, 2, turns->header_at - bytes);
	if (n != (ssize_t)(bytes + sizeof header))
		return n == -1 ? -errno : -EIO;
	turns->out += 2;
	return let_go(c->out, turn);
}

// Our turn again although the header is old: nobody took it to write, so the
// sender has closed or died.
static ssize_t receive(struct channel *c, void *buffer, size_t bytes)
{
	struct turns *turns = c->state;
	uint64_t turn = turns->in;
	struct header header = { 0 };

	int error = take(c->in, turn - 1);
	if (error)
		return error;
	if (pread(c->in, &header, sizeof header, turns->header_at) == -1)
		return -errno;
	if (header.turn != turn)
		return 0;
	if (header.length > bytes)
		return -EMSGSIZE;
	ssize_t n = pread(c->in, buffer, header.length,
			  turns->header_at - (off_t)header.length);
	if (n != (ssize_t)header.length)
		return n == -1 ? -errno : -EIO;
	turns->in += 2;
	error = let_go(c->in, turn);
	return error ? error : n;
}

static int finish(struct channel *c)
{
	if (c->out != -1)
		close(c->out);
	c->out = -1;
	return 0;
}

static void close_files(struct channel *c)
{
	free(c->state);
}

const struct mechanism mechanism_file = {
	.name = "file",
	.title = "an ordinary file, and locks that hand the turn over",
	.when = "data that must outlive both sides; waiting takes lock calls",
	.meets = "path",
	.kind = CHANNEL_MESSAGE,
	.tells_death = true,
	.probe = probe,
	.open = open_files,
	.send = send,
	.receive = receive,
	.finish = finish,
	.close = close_files,
};

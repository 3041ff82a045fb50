// # signal: eight bytes in a queue of the kernel's, addressed to a process
//
// A signal is how the kernel interrupts a process; a real-time signal (SIGRTMIN
// and above) is also a small message. It is queued, not merged as SIGINT is,
// in the order it was sent, and it carries a value, an int or a pointer: 8
// bytes. Nobody has to be interrupted: the receiver blocks the signal, so it
// stays pending, and takes it with sigwaitinfo(2), asleep until one comes.
//
//     left ── rt_sigqueueinfo ▶ [ pending signals of right ] ▶ sigwaitinfo
//
// How long the message is has to travel too. A signal number for each length
// would lose the order: of several pending numbers the lowest comes first,
// whenever it was sent. So there is one number, and the length lies in
// si_errno. sigqueue(3) does not let us fill that; the system call below it
// does: for a negative si_code (SI_QUEUE is -1) the kernel copies the siginfo
// to the receiver as it is. As it is, also a forged si_pid: it tells messages
// from strays (somebody's `kill -34`), not friends from enemies. Enemies need
// our user ID or CAP_KILL to send at all.
//
// Limit: RLIMIT_SIGPENDING bounds the signals queued for all processes of the
// receiver's user together. Above it the sender gets EAGAIN and is not told
// when there is room again: it must look again (backoff_wait). Until then every
// program of that user is without: timer_create(2) fails there too. So this is
// a channel for a few signals under way, not for a flood.
//
// End: a flag in shared memory, then a knock, a plain kill(2), which is sent
// even if the queue is full. A receiver that sees the flag takes what is
// pending without waiting. If it looked too early, it is woken by the knock, or
// by a message that kept the knock out of the full queue, and looks again.
//
// A peer that dies: a send fails with ESRCH once it has been reaped (before
// that it disappears); a receiver waits for ever. One such channel a process:
// two would have to share the number, and the peer. Open it before starting
// threads, since each has its own mask of blocked signals.
//
// Price: a system call a side, a queue entry made and freed, 128 bytes of
// siginfo for 8 of message. Sources: signal(7), rt_sigqueueinfo(2),
// sigwaitinfo(2), getrlimit(2); POSIX.1-2017 XSH 2.4.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lane.h"

struct side {
	_Atomic uint32_t ended; // stored with release before the knock, read
				// with acquire before the wait
	_Atomic uint32_t gone;  // relaxed: publishes nothing
	sigset_t mask_before;   // the process's before open
	siginfo_t message;      // the sender's: what it sends, ready but for
				// length and bytes
};

static sigset_t our_signal(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	return set;
}

static int probe(size_t *limit_bytes, char *why, size_t why_bytes)
{
	struct rlimit queue;

	if (getrlimit(RLIMIT_SIGPENDING, &queue) == 0 && queue.rlim_cur == 0) {
		snprintf(why, why_bytes,
			 "no signal may be queued: the limit "
			 "RLIMIT_SIGPENDING is 0 (ulimit -i)");
		return -EAGAIN;
	}
	*limit_bytes = sizeof(union sigval);
	return 0;
}

// Blocked before the fork: a message that comes while it is not would kill.
static int open_sides(struct channel *c)
{
	sigset_t ours = our_signal(), before;

	int error = lanes_open(c, sizeof(struct side));
	if (error)
		return error;
	error = pthread_sigmask(SIG_BLOCK, &ours, &before);
	if (error) {
		lanes_close(c);
		return -error;
	}
	for (int i = 0; i < 2; i++) {
		struct side *side = lanes_of(c, i);
		side->mask_before = before;
	}
	return 0;
}

// Waits for the peer: nobody can send to a process without its number.
static int take_side(struct channel *c)
{
	lanes_take_side(c);
	struct side *out = lane_out(c);
	out->message.si_code = SI_QUEUE;
	out->message.si_pid = getpid();
	out->message.si_uid = getuid();
	channel_peer(c);
	return 0;
}

static int send(struct channel *c, const void *message, size_t bytes)
{
	struct side *out = lane_out(c);
	struct backoff backoff = { 0 };

	out->message.si_errno = bytes;
	memcpy(&out->message.si_value, message, bytes);
	while (!atomic_load_explicit(&out->gone, memory_order_relaxed)) {
		if (!syscall(SYS_rt_sigqueueinfo, channel_peer(c), SIGRTMIN,
			     &out->message))
			return 0;
		if (errno == ESRCH)
			break;
		if (errno != EAGAIN)
			return -errno;
		backoff_wait(&backoff);
	}
	return -EPIPE;
}

static ssize_t receive(struct channel *c, void *buffer, size_t bytes)
{
	struct side *in = lane_in(c);
	sigset_t ours = our_signal();
	siginfo_t got;

	for (;;) {
		bool ended = atomic_load_explicit(&in->ended,
						  memory_order_acquire);
		int signal = ended ? sigtimedwait(&ours, &got,
						  &(struct timespec){ 0 })
				   : sigwaitinfo(&ours, &got);
		if (signal == -1 && errno == EAGAIN)
			return 0;
		if (signal == -1 && errno != EINTR)
			return -errno;
		if (signal != -1 && got.si_code == SI_QUEUE &&
		    got.si_pid == channel_peer(c))
			break;
	}
	size_t length = got.si_errno;
	if (length > bytes)
		return -EMSGSIZE;
	memcpy(buffer, &got.si_value, length);
	return length;
}

static int finish(struct channel *c)
{
	struct side *out = lane_out(c);
	atomic_store_explicit(&out->ended, 1, memory_order_release);
	if (kill(channel_peer(c), SIGRTMIN) == -1 && errno != ESRCH)
		return -errno;
	return 0;
}

// Ignoring the signal throws away what is still pending, and what the peer was
// about to send when it had not yet seen `gone`: unblocked and not ignored, it
// would kill us now. So it stays ignored. (Linux queues an ignored signal while
// it is blocked, so a later channel is not hurt.)
static void close_sides(struct channel *c)
{
	struct side *in = lanes_of(c, !c->side);

	if (channel_has_side(c)) {
		atomic_store_explicit(&in->gone, 1, memory_order_relaxed);
		finish(c);
		signal(SIGRTMIN, SIG_IGN);
	}
	pthread_sigmask(SIG_SETMASK, &in->mask_before, NULL);
	lanes_close(c);
}

const struct mechanism mechanism_signal = {
	.name = "signal",
	.title = "real-time signals: eight bytes, queued by the kernel",
	.when = "stop, reload, child gone; 8 bytes at most, in a limited queue",
	.meets = "PID",
	.kind = CHANNEL_MESSAGE,
	.queues = true,
	.probe = probe,
	.open = open_sides,
	.take_side = take_side,
	.send = send,
	.receive = receive,
	.finish = finish,
	.close = close_sides,
};

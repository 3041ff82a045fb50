// # One carrying, watched to its end
//
// Many mechanisms do not tell a side that its peer has died (`tells_death` in
// channel.h): a receiver at a message queue would wait for ever. The parent of
// both always knows. It holds a pidfd of each side (pidfd_open(2)), which
// becomes readable when the process ends, and sleeps in poll(2) on both. When
// one ends otherwise than as it should, the other is killed.
//
// Who is to blame? A side whose peer was killed may fail first, with EPIPE,
// while the peer is still on its way to becoming a zombie: the kernel closes a
// dying process's descriptors before it tells the parent (5 of 60 times over
// unix-stream on a busy machine). So a side that complains of its peer is
// believed only after the peer had time to show why.
//
// Sources: pidfd_open(2), poll(2), waitpid(2).

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "carry.h"
#include "clock.h"
#include "must.h"
#include "names.h"
#include "supervisor.h"

enum { TICK_MS = 100, PATIENCE_MS = 2000, WATCHED = 3, NEWS = 2 };
static const int64_t LONGEST_STEP_NS = 3000000000;

// ## The two sides' ends

static void reap(struct watch *w, int side)
{
	if (w->ended[side] || !w->pids[side])
		return;
	// The receiver is the sender's child until that has ended, and its
	// status the sender's to fetch.
	if (side == RECEIVER)
		reap(w, SENDER);
	must(waitpid(w->pids[side], &w->status[side], 0));
	w->ended[side] = true;
}

static bool over(int pidfd, int ms)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	return pidfd != -1 && poll(&end, 1, ms) == 1;
}

static void end_side(struct watch *w, int side)
{
	if (w->pids[side] && !w->ended[side] && !over(w->pidfds[side], 0)) {
		w->killed[side] = true;
		kill(w->pids[side], SIGKILL);
	}
}

static void meet_side(struct watch *w, int side, pid_t pid)
{
	if (w->pids[side] || !pid)
		return;
	w->pids[side] = pid;
	w->pidfds[side] = must((int)syscall(SYS_pidfd_open, pid, 0));
}

// ## Watching

static void hear_news(struct watch *w)
{
	char bytes[8];
	ssize_t n = read(w->ground->news[0], bytes, sizeof bytes);

	w->ready += n > 0 ? n : 0;
	meet_side(w, RECEIVER, atomic_load(&w->ground->receiver));
}

// One side has ended, or time is up: the other has PATIENCE_MS if its peer
// blames it, else none.
static void end_both(struct watch *w)
{
	for (int side = 0; side < 2; side++)
		if (over(w->pidfds[side], 0) && blames_peer(w, side))
			over(w->pidfds[!side], PATIENCE_MS);
	end_side(w, SENDER);
	end_side(w, RECEIVER);
	reap(w, RECEIVER);
	reap(w, SENDER);
}

// Time that passes while we are stopped (Ctrl-Z) does not count.
static bool too_long(struct watch *w)
{
	int64_t now = now_ns(), step_ns = now - w->last_ns;

	w->last_ns = now;
	if (step_ns > LONGEST_STEP_NS)
		w->opened_ns += step_ns;
	return w->job->limit_ns && now - w->opened_ns > w->job->limit_ns;
}

static void show(const struct watch *w)
{
	const struct job *job = w->job;
	uint64_t all = job->source->bytes;

	if (job->progress)
		progress_show(job->progress, job->what,
			      atomic_load_explicit(&w->ground->carried,
						   memory_order_relaxed),
			      all < job->most_bytes ? all : job->most_bytes);
}

// Until both are ready: true; or one has ended: false.
static bool await_ready(struct watch *w)
{
	enum { FORKED = 1, READY = 2 };

	while (w->ready < FORKED + READY) {
		struct pollfd fds[WATCHED] = {
			{ .fd = w->pidfds[SENDER], .events = POLLIN },
			{ .fd = w->pidfds[RECEIVER], .events = POLLIN },
			{ .fd = w->ground->news[0], .events = POLLIN },
		};
		if (poll(fds, WATCHED, -1) == -1)
			continue;
		if (fds[NEWS].revents)
			hear_news(w);
		else if (fds[SENDER].revents || fds[RECEIVER].revents)
			return false;
	}
	w->opened_ns = w->last_ns = now_ns();
	return true;
}

// Until both have ended well, or one has not.
static bool await_ends(struct watch *w, struct carried *result)
{
	for (;;) {
		struct pollfd fds[2];
		for (int side = 0; side < 2; side++)
			fds[side] = (struct pollfd){
				.fd = w->ended[side] || side_state(w, side) ==
								SIDE_DONE
					      ? -1
					      : w->pidfds[side],
				.events = POLLIN,
			};
		if (fds[SENDER].fd == -1 && fds[RECEIVER].fd == -1)
			return true;
		if (poll(fds, 2, TICK_MS) > 0)
			for (int side = 0; side < 2; side++)
				if (fds[side].revents &&
				    side_state(w, side) != SIDE_DONE)
					return false;
		show(w);
		if (too_long(w)) {
			result->ending = TOO_LONG;
			return false;
		}
	}
}

static void watch(struct watch *w, struct carried *result)
{
	const struct counting *counting = w->job->counting;

	if (!await_ready(w)) {
		end_both(w);
		return;
	}
	if (counting && counting->counter == COUNT_PTRACE) {
		int error = trace_sides(w->ground, w->pids, w->status,
					w->killed);
		w->ended[SENDER] = w->ended[RECEIVER] = !error;
		if (!error)
			return;
		w->ground->sides[SENDER].calls = -1;
	}
	ground_open_gate(w->ground);
	if (await_ends(w, result))
		reap(w, RECEIVER);
	else
		end_both(w);
}

// What a killed side leaves of named objects goes with names_clear: nobody else
// of the family uses a name.
void carry(const struct job *job, struct carried *result)
{
	struct ground *ground = must(mmap(NULL, sizeof *ground,
					  PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	struct watch w = { .job = job, .ground = ground, .pidfds = { -1, -1 } };

	*result = (struct carried){ .ending = BROKEN };
	must(pipe2(ground->news, O_CLOEXEC));
	if (job->progress)
		progress_begin(job->progress);
	pid_t body = getpid(), sender = must(fork());
	if (sender == 0) {
		must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
		if (getppid() != body)
			_exit(EXIT_FAILURE);
		side_sender(job, ground);
	}
	meet_side(&w, SENDER, sender);
	watch(&w, result);
	judge(&w, result);
	if (job->progress)
		progress_clear(job->progress);
	kill_descendants();
	names_clear();
	for (int i = 0; i < 2; i++) {
		close(ground->news[i]);
		if (w.pidfds[i] != -1)
			close(w.pidfds[i]);
	}
	munmap(ground, sizeof *ground);
}

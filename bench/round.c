// # One round of one case
//
// A round starts fresh processes, because what two processes cost each other
// depends on where the kernel happened to put them and their pages: the same
// case is bistable from one pair of processes to the next and hardly varies
// within one. So a round is one sample, however many operations it does, and
// the interval of a result is over rounds.
//
//     runner ── fork ▶ ground ── fork or pthread_create ▶ worker 0 (timed)
//                        │                                worker 1 ...
//                        └─ opens the case, gives the word for each pass
//
// The passes, each begun by all workers together and never mixed:
//
//   verify     every byte written and checked, untimed
//   calibrate  how many operations make a batch that is long for the clock;
//              at the same time the warm-up: until two batches in a row agree
//   batch      the mean: whole batches timed, nothing stored in the loop
//   stamp      the distribution: one time stamp an operation, into an array
//
// A worker does the same count of operations as worker 0 in each pass, so that
// all end together and each can read its own CPU time and context switches
// from the kernel, around its loop and nothing else.

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "supervisor.h"

enum pass { ENTER, VERIFY, CALIBRATE, BATCH, STAMP, LEAVE };

static const char *const pass_names[] = {
	"start", "verify", "calibrate", "batch", "stamp", "leave"
};

enum {
	VERIFY_OPS = 16,
	WARM_SHARE = 8, // an eighth of a batch runs before the first
	MIN_BATCHES = 5,
	PASS_LIMIT_S = 20,   // a pass that takes longer hangs
	SETTLED_PERCENT = 5, // warm: two batches agree this closely
};
static const int64_t MIN_BATCH_NS = 1000000, LONGEST_STEP_NS = 3000000000;

// What ground and workers share. The atomics are futex words: `turn` is stored
// with release after the order is written and loaded with acquire before it is
// read; `done` likewise, the other way round.
struct control {
	_Atomic uint32_t turn; // counts the passes
	_Atomic uint32_t done; // workers that have ended this one
	enum pass pass;
	long ops; // of one batch, or of the pass
	int batches;
	int64_t elapsed_ns; // of worker 0
	_Atomic int error;  // the first one, -errno
	struct usage {
		double cpu_ns;
		long voluntary, involuntary, migrations;
	} usage[MAX_WORKERS];
	int64_t stamps[MAX_STAMPS + 1];
};

struct stand { // where one worker stands
	struct worker worker;
	struct control *control;
	struct round *round;
	pid_t pid;
	pthread_t thread;
};

static void futex_sleep(_Atomic uint32_t *word, uint32_t seen, long ms)
{
	struct timespec t = { .tv_sec = ms / 1000,
			      .tv_nsec = ms % 1000 * 1000000 };
	syscall(SYS_futex, word, FUTEX_WAIT, seen, ms ? &t : NULL, NULL, 0);
}

static void futex_wake_all(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, MAX_WORKERS + 1, NULL, NULL, 0);
}

// --- a worker ----------------------------------------------------------------

// How often the scheduler moved this thread to another CPU, or -1.
static long migrations(void)
{
	char line[128];
	long count = -1;
	FILE *f = fopen("/proc/thread-self/sched", "re");
	while (f && count == -1 && fgets(line, sizeof line, f))
		if (!strncmp(line, "se.nr_migrations", 16)) {
			char *colon = strchr(line, ':');
			if (colon)
				count = strtol(colon + 1, NULL, 10);
		}
	if (f)
		fclose(f);
	return count;
}

static struct usage usage_now(void)
{
	struct rusage r;
	struct timespec t;
	getrusage(RUSAGE_THREAD, &r);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (struct usage){
		.cpu_ns = t.tv_sec * 1e9 + t.tv_nsec,
		.voluntary = r.ru_nvcsw,
		.involuntary = r.ru_nivcsw,
	};
}

static int batch_pass(struct stand *s)
{
	const struct family *family = s->worker.c->family;
	struct control *control = s->control;
	struct usage *usage = &control->usage[s->worker.index];
	long ops = control->ops, warm = ops / WARM_SHARE + 1;
	int error;

	long moved = migrations();
	struct usage before = usage_now();
	if (s->worker.index != 0) {
		error = family->work(&s->worker, warm + ops * control->batches);
	} else {
		error = family->work(&s->worker, warm);
		for (int b = 0; b < control->batches && !error; b++) {
			int64_t start = now_ns();
			error = family->work(&s->worker, ops);
			s->round->batch_ns[b] = now_ns() - start;
		}
	}
	struct usage after = usage_now();
	*usage = (struct usage){
		.cpu_ns = after.cpu_ns - before.cpu_ns,
		.voluntary = after.voluntary - before.voluntary,
		.involuntary = after.involuntary - before.involuntary,
		.migrations = moved == -1 ? -1 : migrations() - moved,
	};
	return error;
}

static int do_pass(struct stand *s)
{
	const struct family *family = s->worker.c->family;
	struct control *control = s->control;
	struct worker *w = &s->worker;
	int64_t start;
	int error;

	switch (control->pass) {
	case ENTER:
		return family->enter ? family->enter(w) : 0;
	case VERIFY:
		return family->verify ? family->verify(w, control->ops) : 0;
	case CALIBRATE:
		start = now_ns();
		error = family->work(w, control->ops);
		if (w->index == 0)
			control->elapsed_ns = now_ns() - start;
		return error;
	case BATCH:
		return batch_pass(s);
	case STAMP:
		if (w->index != 0)
			return family->work(w, control->ops);
		// Resident in this process before the first stamp: fork(2) does
		// not copy the page tables of shared memory, and a page fault is
		// not part of an operation.
		memset(control->stamps, 0, sizeof control->stamps);
		control->stamps[0] = now_ns();
		return family->stamp(w, control->ops, control->stamps + 1);
	case LEAVE:
		break;
	}
	return 0;
}

static void *work(void *argument)
{
	struct stand *s = argument;
	struct control *control = s->control;
	const int *cpus = s->worker.c->cpus;
	uint32_t turn = 0;
	int error = 0;

	if (cpus[0] != -1)
		error = pin_to_cpu(cpus[s->worker.index % 2]);
	while (control->pass != LEAVE) {
		error = error ?: do_pass(s);
		if (error) {
			int none = 0;
			atomic_compare_exchange_strong(&control->error, &none,
						       error);
		}
		if (atomic_fetch_add(&control->done, 1) + 1 ==
			    (uint32_t)s->worker.c->subject->workers ||
		    error)
			futex_wake_all(&control->done);
		while (atomic_load(&control->turn) == turn)
			futex_sleep(&control->turn, turn, 0);
		turn++;
	}
	return NULL;
}

// --- the ground --------------------------------------------------------------

struct ground {
	const struct bench_case *c;
	const struct effort *effort;
	struct round *round;
	struct control *control;
	struct stand stands[MAX_WORKERS];
};

static void fail(struct round *round, int error, const char *step)
{
	round->error = error;
	if (error == -ETIMEDOUT)
		snprintf(round->failure, sizeof round->failure,
			 "%s: not done in time (%d s a pass)", step,
			 PASS_LIMIT_S);
	else
		snprintf(round->failure, sizeof round->failure, "%s: %s", step,
			 error == -EBADMSG ? "bytes were lost or mixed up"
					   : strerror(-error));
}

// A limit that stands still while the program does: a step of the wait that
// took far longer than it should was Ctrl-Z, and what was measured around it is
// not to be kept.
struct limit {
	int64_t end_ns, last_ns;
};

static struct limit limit_of(int64_t ns)
{
	int64_t now = now_ns();
	return (struct limit){ .end_ns = now + ns, .last_ns = now };
}

static bool limit_reached(struct limit *limit, bool *was_stopped)
{
	int64_t now = now_ns(), step_ns = now - limit->last_ns;

	limit->last_ns = now;
	if (step_ns > LONGEST_STEP_NS) {
		limit->end_ns += step_ns;
		*was_stopped = true;
	}
	return now > limit->end_ns;
}

static void start(struct ground *g, int index)
{
	struct stand *s = &g->stands[index];
	pid_t ground = getpid();

	s->worker.index = index;
	s->control = g->control;
	s->round = g->round;
	if (g->c->subject->threads) {
		int error = pthread_create(&s->thread, NULL, work, s);
		if (error)
			fail(g->round, -error, "pthread_create");
		return;
	}
	s->pid = fork();
	if (s->pid == -1)
		fail(g->round, -errno, "fork");
	if (s->pid != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == ground)
		work(s);
	_exit(0);
}

// A worker that died will never be done.
static bool somebody_died(const struct ground *g, char *how, size_t bytes)
{
	siginfo_t info = { 0 };
	if (g->c->subject->threads ||
	    waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1 ||
	    info.si_pid == 0)
		return false;
	snprintf(how, bytes,
		 info.si_code == CLD_EXITED ? "a worker left (status %d)"
					    : "a worker was killed (signal %d)",
		 info.si_status);
	return true;
}

static bool await_done(struct ground *g)
{
	struct control *control = g->control;
	struct round *round = g->round;
	struct limit limit = limit_of(PASS_LIMIT_S * INT64_C(1000000000));
	char how[64];
	uint32_t done;

	while ((done = atomic_load(&control->done)) <
	       (uint32_t)g->c->subject->workers) {
		if (atomic_load(&control->error))
			break;
		if (somebody_died(g, how, sizeof how)) {
			round->error = -ESRCH;
			snprintf(round->failure, sizeof round->failure,
				 "%s: %s", pass_names[control->pass], how);
			return false;
		}
		if (limit_reached(&limit, &round->was_stopped)) {
			fail(round, -ETIMEDOUT, pass_names[control->pass]);
			return false;
		}
		futex_sleep(&control->done, done, 100);
	}
	int error = atomic_load(&control->error);
	if (error)
		fail(round, error, pass_names[control->pass]);
	return !error;
}

static bool order(struct ground *g, enum pass pass, long ops, int batches)
{
	struct control *control = g->control;
	control->pass = pass;
	control->ops = ops;
	control->batches = batches;
	atomic_store(&control->done, 0);
	atomic_fetch_add(&control->turn, 1);
	futex_wake_all(&control->turn);
	return pass == LEAVE || await_done(g);
}

// Doubles the operations until they take a millisecond, then repeats until two
// in a row agree or the time for it is over. Leaves the time of one operation.
static bool calibrate(struct ground *g)
{
	struct control *control = g->control;
	int64_t limit = now_ns() + g->effort->slot_ns * 3 / 20;
	double hint = g->effort->op_ns, last = 0;
	long ops = hint > 0 ? (long)((double)MIN_BATCH_NS / 4 / hint) : 1;

	for (ops = ops < 1 ? 1 : ops;;) {
		if (!order(g, CALIBRATE, ops, 1))
			return false;
		double each = (double)control->elapsed_ns / ops;
		g->round->op_ns = each < 0.01 ? 0.01 : each;
		bool agree = last > 0 &&
			     each < last * (100 + SETTLED_PERCENT) / 100 &&
			     each > last * (100 - SETTLED_PERCENT) / 100;
		if (control->elapsed_ns < MIN_BATCH_NS && ops < LONG_MAX / 4)
			ops *= 2;
		else if (agree || now_ns() > limit)
			return true;
		last = each;
	}
}

static int64_t steal(const struct bench_case *c)
{
	if (c->cpus[0] == -1)
		return -1;
	int64_t ns = host_steal_ns(c->cpus[0]);
	if (ns >= 0 && c->cpus[1] != c->cpus[0])
		ns += host_steal_ns(c->cpus[1]);
	return ns;
}

static bool measure_mean(struct ground *g)
{
	struct round *round = g->round;
	double share_ns = g->effort->slot_ns * 0.45;
	double batch_ns = share_ns / 20;
	if (batch_ns < MIN_BATCH_NS)
		batch_ns = MIN_BATCH_NS;
	long ops = batch_ns / round->op_ns;
	ops = ops < 1 ? 1 : ops;
	int batches = share_ns / (ops * round->op_ns);
	batches = batches < MIN_BATCHES ? MIN_BATCHES : batches;
	batches = batches > MAX_BATCHES ? MAX_BATCHES : batches;

	int64_t stolen = steal(g->c);
	if (!order(g, BATCH, ops, batches))
		return false;
	round->steal_ns = stolen < 0 ? -1 : steal(g->c) - stolen;
	round->batches = batches;
	round->batch_ops = ops;
	round->usage_ops = ops / WARM_SHARE + 1 + ops * batches;
	for (int b = 0; b < batches; b++)
		round->batch_ns[b] /= (double)ops * g->c->subject->hops;
	for (int i = 0; i < g->c->subject->workers; i++) {
		const struct usage *u = &g->control->usage[i];
		round->cpu_ns[i] = u->cpu_ns;
		round->voluntary += u->voluntary;
		round->involuntary += u->involuntary;
		if (u->migrations == -1 || round->migrations == -1)
			round->migrations = -1;
		else
			round->migrations += u->migrations;
	}
	return true;
}

static bool measure_distribution(struct ground *g)
{
	struct round *round = g->round;
	const int64_t *stamps = g->control->stamps;
	double ops = g->effort->slot_ns * 0.3 / round->op_ns;
	int count = ops > g->effort->max_stamps ? g->effort->max_stamps
		    : ops < 10                  ? 10
						: (int)ops;

	if (!order(g, STAMP, count, 1))
		return false;
	for (int i = 0; i < count; i++)
		round->stamp_ns[i] = (float)(stamps[i + 1] - stamps[i]) /
				     g->c->subject->hops;
	round->stamps = count;
	return true;
}

static void play(struct ground *g)
{
	const struct family *family = g->c->family;
	struct worker opener = { .c = g->c, .index = -1 };

	g->control = mmap(NULL, sizeof *g->control, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->control == MAP_FAILED) {
		fail(g->round, -errno, "mmap");
		return;
	}
	int error = family->open ? family->open(&opener) : 0;
	if (error) {
		fail(g->round, error, "open");
		return;
	}
	for (int i = 0; i < g->c->subject->workers && !g->round->error; i++) {
		g->stands[i].worker = opener;
		start(g, i);
	}
	if (!g->round->error && await_done(g) &&
	    (!family->verify || order(g, VERIFY, VERIFY_OPS, 1)) &&
	    calibrate(g) && measure_mean(g) && measure_distribution(g))
		order(g, LEAVE, 0, 0);
}

// --- the runner --------------------------------------------------------------

struct round *round_new(void)
{
	struct round *round = mmap(NULL, sizeof *round, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return round == MAP_FAILED ? NULL : round;
}

// Waits for the ground, but not for ever and not against the user's will.
static bool await_ground(pid_t ground, struct round *round,
			 volatile sig_atomic_t *stop)
{
	int fd = syscall(SYS_pidfd_open, ground, 0), status = 0;
	struct limit limit = limit_of(6 * PASS_LIMIT_S * INT64_C(1000000000));

	if (fd == -1) {
		fail(round, -errno, "pidfd_open");
		return false;
	}
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int ready = 0;
	while (!*stop && ready == 0 &&
	       !limit_reached(&limit, &round->was_stopped)) {
		ready = poll(&poll_fd, 1, 200);
		if (ready == -1 && errno == EINTR)
			ready = 0;
	}
	close(fd);
	if (*stop)
		fail(round, -EINTR, "interrupted");
	else if (ready != 1)
		fail(round, -ETIMEDOUT, "round");
	else if (waitpid(ground, &status, 0) == ground && status != 0) {
		round->error = -ESRCH;
		snprintf(round->failure, sizeof round->failure,
			 "the round ended with wait status %#x", status);
	}
	return round->error == 0;
}

void round_play(const struct bench_case *c, const struct effort *effort,
		struct round *round, volatile sig_atomic_t *stop)
{
	pid_t runner = getpid();

	memset(round, 0, sizeof *round);
	pid_t ground = fork();
	if (ground == -1) {
		fail(round, -errno, "fork");
		return;
	}
	if (ground == 0) {
		static struct ground g;
		g = (struct ground){ .c = c, .effort = effort, .round = round };
		// The runner decides what Ctrl-C means.
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_DFL);
		signal(SIGPIPE, SIG_IGN);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == runner)
			play(&g);
		_exit(0);
	}
	await_ground(ground, round, stop);
	kill_descendants();
}

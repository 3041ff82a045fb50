// # A job's life as a process
//
// It waits at its gate, sleeps until it arrives, computes and waits in turn, and
// waits to be dismissed. What it tells of itself it writes into memory that it
// shares with its parent: no system call, nothing that would switch.
//
// A job *arrives* when its timer wakes it: the kernel makes it ready at that
// moment, in the timer's interrupt, whoever is running. I/O is a sleep too, from
// the moment in which its burst ended, as the textbook has it: until an absolute
// time (TIMER_ABSTIME), so that what the child does in between is not added.
// Timers may be late by the thread's timer slack, 50 us unless it is set
// (prctl(2), PR_SET_TIMERSLACK).
//
// Sources: clock_nanosleep(2), prctl(2), futex(2), getrusage(2).

#define _GNU_SOURCE
#include "sched/live/worker.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"

void gate_wait(_Atomic uint32_t *word, uint32_t value,
	       const struct timespec *timeout)
{
	(void)syscall(SYS_futex, word, FUTEX_WAIT, value, timeout, NULL, 0);
}

void gate_wake(_Atomic uint32_t *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static void tell_place(struct crew_member *self, enum place place)
{
	atomic_store(&self->place, place);
	gate_wake(&self->place);
}

static void wait_for_gate(struct crew_member *self, uint32_t bursts)
{
	uint32_t seen;

	while ((seen = atomic_load(&self->gate)) < bursts)
		gate_wait(&self->gate, seen, NULL);
}

static void sleep_until(int64_t at_ns)
{
	struct timespec at = { at_ns / 1000000000, at_ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) ==
	       EINTR)
		;
}

// ## Watching one's own clock
//
// Where the kernel does not tell of its switches, they can be felt: between two
// small pieces of work the clock jumps. Whether the CPU was lost then, or the job
// had it and only stood still (an interrupt, the hypervisor, a slower clock),
// its count of switches tells. It is asked only after a jump, for that is a
// system call.
//
// A piece takes 20 us. The whole of one in which the CPU was lost counts as the
// gap: so a slice may be short by a piece, and those of two children on one CPU
// never overlap.

static const int64_t PIECE_NS = 20000, JUMP_NS = 25000;

struct watcher {
	struct crew_member *self;
	int64_t seen_ns; // now_ns() after the last piece
	long switches;   // as far as accounted for
};

static long switches_so_far(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw + usage.ru_nvcsw;
}

static void add_gap(struct watcher *w, int64_t end_ns)
{
	struct crew_member *self = w->self;
	uint32_t n = atomic_load_explicit(&self->gap_count,
					  memory_order_relaxed);

	if (n == GAPS_MAX) {
		atomic_fetch_add(&self->gaps_lost, 1);
		return;
	}
	self->gaps[n] = (struct gap){ w->seen_ns, end_ns, sched_getcpu() };
	atomic_store_explicit(&self->gap_count, n + 1, memory_order_release);
}

static void look(struct watcher *w)
{
	int64_t now = now_ns();

	if (now - w->seen_ns > JUMP_NS) {
		long switches = switches_so_far();
		if (switches != w->switches) {
			now = now_ns();
			add_gap(w, now);
		}
		w->switches = switches;
	}
	w->seen_ns = now;
}

// Returns when it was done, by the last look.
static int64_t watched_work(struct watcher *w, const struct work *work,
			    int64_t ns)
{
	w->switches = switches_so_far();
	w->seen_ns = now_ns();
	for (; ns > 0; ns -= PIECE_NS) {
		work_for(work, ns < PIECE_NS ? ns : PIECE_NS);
		look(w);
	}
	return w->seen_ns;
}

// ## Bursts
//
// The thread's CPU clock is read when the wait after a burst is over, and not
// before it. To tell how much CPU time somebody had, the kernel does the accounts
// then and there (update_curr, kernel/sched/fair.c), finds that he has long
// overdrawn his slice, which it looks at with each tick only, and takes the CPU
// away at the end of that very system call. Asked at the end of a burst, half of
// all processes would have lost the CPU on the threshold of their sleep.
//
// It may still happen, once in a blue moon, by a tick between the stamp and the
// sleep. When the CPU comes back later than the I/O would have ended, there is no
// sleep any more.
//
// The switches are counted before that clock is read, for the same reason: what
// it costs after the last burst is none of the job's. getrusage(2) takes the
// accounts as they are.

static void count_switches(struct crew_member *self, const struct rusage *base)
{
	struct rusage now;

	(void)getrusage(RUSAGE_THREAD, &now);
	atomic_store(&self->voluntary, now.ru_nvcsw - base->ru_nvcsw);
	atomic_store(&self->involuntary, now.ru_nivcsw - base->ru_nivcsw);
}

static int64_t compute(struct crew *crew, struct crew_member *self, int64_t ns)
{
	if (!crew->trace)
		return watched_work(&(struct watcher){ .self = self },
				    &crew->work, ns);
	work_for(&crew->work, ns);
	return now_ns();
}

static int64_t compute_burst(struct crew *crew, int job, size_t phase)
{
	struct crew_member *self = crew_member(crew, job);
	struct crew_burst *burst = &crew->bursts[phase];

	atomic_store(&self->first_cpu, sched_getcpu());
	atomic_store(&burst->begin_ns, now_ns());
	int64_t end_ns = compute(crew, self, crew->jobs->bursts_ns[phase]);
	atomic_store(&burst->end_ns, end_ns);
	return end_ns;
}

static void tell_news(const struct crew *crew, const struct crew_news *news)
{
	while (write(crew->news_write, news, sizeof *news) == -1 &&
	       errno == EINTR)
		;
}

static _Noreturn void live_on(struct crew *crew, int job)
{
	struct crew_member *self = crew_member(crew, job);
	size_t first = crew->jobs->first[job];
	size_t phases = crew->jobs->first[job + 1] - first;
	struct rusage base;

	(void)getrusage(RUSAGE_THREAD, &base);
	for (size_t i = 0; i < phases; i += 2) {
		bool last = i + 1 >= phases;
		if (crew->told)
			wait_for_gate(self, (uint32_t)i / 2 + 1);
		int64_t cpu_ns = thread_cpu_ns();
		int64_t end_ns = compute_burst(crew, job, first + i);
		if (!crew->told && !last)
			sleep_until(end_ns +
				    crew->jobs->bursts_ns[first + i + 1]);
		count_switches(self, &base);
		atomic_store(&crew->bursts[first + i].cpu_ns,
			     thread_cpu_ns() - cpu_ns);
		if (crew->told || last)
			tell_news(crew, &(struct crew_news){
						.job = job,
						.burst = (int)(i / 2),
						.last = last,
						.end_ns = end_ns,
					});
	}
	atomic_store(&self->place, OVER);
	for (;;)
		gate_wait(&self->place, OVER, NULL);
}

// ## From birth to arrival

static void ignore_signals(void)
{
	const int terminals[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < sizeof terminals / sizeof *terminals; i++)
		signal(terminals[i], SIG_IGN);
}

// A little of what it will do, so that it has its pages: a page that is copied
// after fork(2) costs the first who writes to it.
static void warm_up(struct crew *crew, struct crew_member *self)
{
	struct rusage usage;

	work_for(&crew->work, 100000);
	(void)sched_getcpu();
	(void)getrusage(RUSAGE_THREAD, &usage);
	(void)now_ns();
	atomic_store(&self->voluntary, 0);
	for (uint32_t i = 0; !crew->trace && i < GAPS_MAX; i++)
		self->gaps[i] = (struct gap){ 0 };
}

_Noreturn void worker_live(struct crew *crew, int job, pid_t parent)
{
	struct crew_member *self = crew_member(crew, job);
	char name[16];

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 ||
	    getppid() != parent)
		_exit(EXIT_FAILURE);
	ignore_signals();
	snprintf(name, sizeof name, "job %d", job);
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	warm_up(crew, self);
	tell_place(self, AT_GATE);
	wait_for_gate(self, 1);
	if (!crew->told) {
		tell_place(self, SETTING_TIMER);
		sleep_until(atomic_load(&self->start_ns) +
			    crew->jobs->tasks[job].arrival_ns);
	}
	live_on(crew, job);
}

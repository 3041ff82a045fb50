// # Signals and the process: CLONE_SIGHAND and CLONE_THREAD
//
// CLONE_SIGHAND shares the table of what signals do. CLONE_THREAD puts the task
// into its maker's thread group, and that is what the rest of the world calls a
// process: one PID, one parent, one set of limits and of signals that were sent
// to "the process".

#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "host.h"
#include "lab.h"
#include "threads/share/share.h"

// ## Dispositions
//
// We ask the kernel, in /proc, for the signals that are ignored: a sanitizer's
// library would answer from a table of its own, in memory.

static unsigned long long ignored_signals(void)
{
	char status[8192];

	host_line("/proc/thread-self/status", status, sizeof status);
	const char *row = strstr(status, "SigIgn:");
	if (row)
		return strtoull(row + strlen("SigIgn:"), NULL, 16);
	skip("no SigIgn in /proc/thread-self/status: it takes Linux's own "
	     "/proc");
}

static void prepare_disposition(struct trial *trial)
{
	(void)trial;
	must(signal(SIGUSR2, SIG_DFL));
}

static void change_disposition(struct trial *trial)
{
	(void)trial;
	must(signal(SIGUSR2, SIG_IGN));
}

static bool disposition_changed(struct trial *trial)
{
	(void)trial;
	return ignored_signals() >> (SIGUSR2 - 1) & 1;
}

// ## The process

static void compare_pid(struct trial *trial)
{
	trial->same = getpid() == trial->maker;
}

// The maker asks with the task's eyes: who is your parent?
static void prepare_parent(struct trial *trial)
{
	trial->before = getppid();
}

static void compare_parent(struct trial *trial)
{
	trial->same = getppid() == trial->before;
}

static void find_in_list(struct trial *trial)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task/%d", trial->maker, gettid());
	trial->same = access(path, F_OK) == 0;
}

static sigset_t usr1(void)
{
	sigset_t set;

	must(sigemptyset(&set));
	must(sigaddset(&set, SIGUSR1));
	return set;
}

static void block_signal(struct trial *trial)
{
	const sigset_t set = usr1();

	(void)trial;
	must_zero(pthread_sigmask(SIG_BLOCK, &set, NULL));
}

// Sent to the process, and blocked: it waits for whichever thread takes it.
static void signal_the_process(struct trial *trial)
{
	(void)trial;
	must(kill(getpid(), SIGUSR1));
}

static bool signal_is_pending(struct trial *trial)
{
	sigset_t pending;

	(void)trial;
	must(sigpending(&pending));
	return sigismember(&pending, SIGUSR1);
}

static rlim_t limit_of_files(void)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_NOFILE, &limit));
	return limit.rlim_cur;
}

static void prepare_limit(struct trial *trial)
{
	trial->before = (long)limit_of_files();
}

static void change_limit(struct trial *trial)
{
	struct rlimit limit;

	(void)trial;
	must(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur--;
	must(setrlimit(RLIMIT_NOFILE, &limit));
}

static bool limit_changed(struct trial *trial)
{
	return (long)limit_of_files() != trial->before;
}

static void start_timer(struct trial *trial)
{
	enum { LATER_S = 1000 };

	(void)trial;
	must(setitimer(ITIMER_REAL,
		       &(struct itimerval){ .it_value.tv_sec = LATER_S },
		       NULL));
}

static bool timer_runs(struct trial *trial)
{
	struct itimerval timer;

	(void)trial;
	must(getitimer(ITIMER_REAL, &timer));
	return timer.it_value.tv_sec > 0;
}

const struct thing process_things[] = {
	{ "signal handlers", CLONE_SIGHAND, prepare_disposition,
	  change_disposition, disposition_changed },
	{ "PID", CLONE_THREAD, NULL, compare_pid, NULL },
	{ "parent", CLONE_THREAD, prepare_parent, compare_parent, NULL },
	{ "/proc/PID/task", CLONE_THREAD, NULL, find_in_list, NULL },
	{ "pending signal", CLONE_THREAD, block_signal, signal_the_process,
	  signal_is_pending },
	{ "resource limit", CLONE_THREAD, prepare_limit, change_limit,
	  limit_changed },
	{ "interval timer", CLONE_THREAD, NULL, start_timer, timer_runs },
	{ 0 }
};

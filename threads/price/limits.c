// # Where it ends
//
// clone(2) says EAGAIN for three different limits and ENOMEM for want of memory,
// and pthread_create(3) makes EAGAIN of nearly all. So whoever is refused has to
// know where to look. A thread takes what a process takes: a task, a number, a
// place in the count of its user and of its cgroup.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "draw.h"
#include "host.h"
#include "lab.h"
#include "options.h"
#include "privilege.h"
#include "threads/price/price.h"

// ## Where to look

enum { LIMITS = 6, NOTE_BYTES = 64 };

struct limit {
	const char *name, *of;
	double tasks; // as many as it allows; 0: no limit, or not to be read
};

static double number_in(const char *path)
{
	char text[HOST_TEXT];

	return host_line(path, text, sizeof text) ? strtod(text, NULL) : 0;
}

// Of the process's own cgroup: version 2 ("0::/path") or 1 ("8:pids:/path").
// "max" is no number, so no limit.
static double pids_max(void)
{
	char groups[4096], path[4200];

	host_line("/proc/self/cgroup", groups, sizeof groups);
	const char *row = strstr(groups, ":pids:");
	const char *root = row ? "/sys/fs/cgroup/pids" : "/sys/fs/cgroup";
	size_t skipped = strlen(row ? ":pids:" : "0::");
	if (!row)
		row = strstr(groups, "0::");
	if (!row)
		return 0;
	row += skipped;
	snprintf(path, sizeof path, "%s%.*s/pids.max", root,
		 (int)strcspn(row, " \n"), row);
	return number_in(path);
}

static double user_limit(void)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_NPROC, &limit));
	return limit.rlim_cur == RLIM_INFINITY ? 0 : (double)limit.rlim_cur;
}

static double address_space_limit(void)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_AS, &limit));
	if (limit.rlim_cur == RLIM_INFINITY)
		return 0;
	rlim_t stacks = limit.rlim_cur / default_stack_bytes();
	return (double)stacks;
}

static void read_limits(struct limit limits[LIMITS])
{
	const struct limit all[LIMITS] = {
		{ "ulimit -u", "of one user", user_limit() },
		{ "pids.max", "of a cgroup", pids_max() },
		{ "ulimit -v", "stacks of a process", address_space_limit() },
		{ "max_map_count", "stacks and guards of a process",
		  number_in("/proc/sys/vm/max_map_count") / 2 },
		{ "threads-max", "of the machine",
		  number_in("/proc/sys/kernel/threads-max") },
		{ "pid_max", "of the machine",
		  number_in("/proc/sys/kernel/pid_max") },
	};

	memcpy(limits, all, sizeof all);
}

static void draw(const struct limit limits[LIMITS])
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct bar bars[LIMITS];
	char notes[LIMITS][NOTE_BYTES];
	size_t n = 0;

	for (int i = 0; i < LIMITS; i++) {
		if (limits[i].tasks < 1) {
			say("%-13s none here", limits[i].name);
			continue;
		}
		snprintf(notes[n], NOTE_BYTES, "%.0f", limits[i].tasks);
		bars[n] = (struct bar){ limits[i].name, notes[n],
					limits[i].tasks };
		say("%-13s %8.0f, %s", limits[i].name, limits[i].tasks,
		    limits[i].of);
		n++;
	}
	if (n == 0)
		return;
	char *picture = must_ptr(draw_bars(&canvas, bars, n, true));
	show(picture);
	free(picture);
}

// ## Two of them, met
//
// The user's limit counts tasks, whatever they are: we make threads and
// processes in turns. It does not hold for root, so root becomes somebody who
// has no other process.

enum { TASKS = 10, STACKS = 3, FAR_ABOVE = 100000 };

static void *stand(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static int make_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, stand, NULL);
}

static int make_process(void)
{
	pid_t child = fork();

	if (child == 0)
		stand(NULL);
	return child == -1 ? errno : 0;
}

static void limit_to(int resource, size_t most)
{
	struct rlimit limit;

	must(getrlimit(resource, &limit));
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < most)
		most = limit.rlim_max;
	limit.rlim_cur = most;
	must(setrlimit(resource, &limit));
}

// Returns the error, and how many could be made before.
static int make_in_turns(int (*first)(void), int (*second)(void), int most,
			 int *made)
{
	int error = 0;

	for (*made = 0; *made < most && !error; *made += !error)
		error = *made % 2 ? second() : first();
	return error;
}

static _Noreturn void meet_user_limit(bool alone)
{
	int made, most = alone ? TASKS : 1;

	if (alone) {
		uid_t nobody = FAR_ABOVE + (uid_t)getpid();
		must(setresuid(nobody, nobody, nobody));
	}
	limit_to(RLIMIT_NPROC, (size_t)most);
	int error = make_in_turns(make_thread, make_process, 2 * TASKS, &made);
	say("ulimit -u %d: %d tasks beside me, then %s", most, made,
	    error == EAGAIN ? "EAGAIN" : strerror(error));
	claim(error == EAGAIN && made < most,
	      "a thread counts like a process: EAGAIN");
	_exit(EXIT_SUCCESS);
}

// A stack counts from its first byte to its last, touched or not.
static _Noreturn void meet_address_limit(void)
{
	int made;
	size_t stack = default_stack_bytes();

	limit_to(RLIMIT_AS, (size_t)status_kib("VmSize:") * 1024 +
				    STACKS * stack + stack / 2);
	int error = make_in_turns(make_thread, make_thread, 2 * STACKS, &made);
	say("ulimit -v for %d stacks and a half: %d threads, then %s", STACKS,
	    made, error == EAGAIN ? "EAGAIN" : strerror(error));
	claim(error == EAGAIN && made <= STACKS,
	      "no room for a stack: EAGAIN again");
	_exit(EXIT_SUCCESS);
}

void scene_limits(void)
{
	struct limit limits[LIMITS];
	bool may_change = has_capability(CAP_SETUID);

	read_limits(limits);
	say("so many tasks may there be:");
	draw(limits);
	claim(limits[LIMITS - 1].tasks > 0 && limits[LIMITS - 2].tasks > 0,
	      "the machine has a limit of tasks, and one of numbers");
	if (may_change || geteuid() != 0) {
		pid_t child = fork_as("user");
		if (child == 0)
			meet_user_limit(may_change);
		reap(child);
	}
#ifndef OSLAB_SANITIZED // whose library maps terabytes
	pid_t child = fork_as("mapper");
	if (child == 0)
		meet_address_limit();
	reap(child);
#else
	(void)meet_address_limit;
#endif
}

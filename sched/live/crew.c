// # A crew: one child a job
//
// The parent's side. What a child does is in worker.c, what is made of it in
// record.c.
//
// The order of things matters. The CPU is measured just before the run and by
// the parent on the CPU in question. The trace is opened before the children
// are forked, since they inherit it. A child is pinned, has touched its memory
// and sleeps at its gate before the next one is forked. In the end the gates
// open in the order of the file, each when the one before sleeps on its timer:
// the kernel keeps timers of one CPU that end in the same moment in the order
// in which they were set, so of jobs that arrive together the first in the file
// becomes ready first.
//
// Sources: fork(2), prctl(2) (PR_SET_PDEATHSIG), sched_setaffinity(2);
// kernel/time/hrtimer.c and lib/timerqueue.c for the order of timers.

#define _GNU_SOURCE
#include "sched/live/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "host.h"
#include "sched/live/worker.h"

static int refuse(struct live_notes *notes, int error, const char *what)
{
	snprintf(notes->told, TOLD_BYTES, "%s: %s", what, strerror(-error));
	return error;
}

struct crew_member *crew_member(const struct crew *crew, int job)
{
	return (struct crew_member *)(void *)(crew->members +
					      (size_t)job * crew->member_bytes);
}

// ## Where they run

static void cpu_mask(const struct crew *crew, cpu_set_t *mask)
{
	CPU_ZERO(mask);
	for (int i = 0; i < crew->cpu_count; i++)
		if (crew->cpus[i] >= 0 && crew->cpus[i] < CPU_SETSIZE)
			CPU_SET(crew->cpus[i], mask);
}

// Measures the first of our CPUs, where we have nothing else to do.
static int calibrate(struct crew *crew)
{
	cpu_set_t before, one;

	CPU_ZERO(&one);
	CPU_SET(crew->cpus[0], &one);
	if (sched_getaffinity(0, sizeof before, &before) == -1 ||
	    sched_setaffinity(0, sizeof one, &one) == -1)
		return -errno;
	crew->work = work_calibrate();
	(void)sched_setaffinity(0, sizeof before, &before);
	return 0;
}

// The kernel drops CPUs that it does not have from a mask in silence, so we look
// at what became of it.
static int pin_child(const struct crew *crew, pid_t pid)
{
	cpu_set_t mask, got;

	cpu_mask(crew, &mask);
	if (sched_setaffinity(pid, sizeof mask, &mask) == -1 ||
	    sched_getaffinity(pid, sizeof got, &got) == -1)
		return -errno;
	return CPU_EQUAL(&mask, &got) ? 0 : -EINVAL;
}

// ## What is shared

static int share_memory(struct crew *crew)
{
	size_t phases = crew->jobs->first[crew->count];
	size_t gaps = crew->trace ? 0 : GAPS_MAX;

	crew->member_bytes = sizeof(struct crew_member) +
			     gaps * sizeof(struct gap);
	crew->member_bytes = (crew->member_bytes + 63) / 64 * 64;
	crew->shared_bytes = crew->count * crew->member_bytes +
			     phases * sizeof *crew->bursts;
	crew->shared = mmap(NULL, crew->shared_bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crew->shared == MAP_FAILED) {
		crew->shared = NULL;
		return -errno;
	}
	crew->members = crew->shared;
	crew->bursts =
		(void *)(crew->members + crew->count * crew->member_bytes);
	return 0;
}

static int open_news(struct crew *crew)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -errno;
	crew->news = fds[0];
	crew->news_write = fds[1];
	return fcntl(crew->news, F_SETFL, O_NONBLOCK) == -1 ? -errno : 0;
}

// ## Waiting for a child

static bool is_dead(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
		       -1 ||
	       info.si_pid == pid;
}

int crew_dead(const struct crew *crew)
{
	for (size_t i = 0; i < crew->count; i++)
		if (crew->pids[i] && is_dead(crew->pids[i]))
			return (int)i;
	return -1;
}

static int await_place(const struct crew *crew, int job, enum place place)
{
	struct crew_member *member = crew_member(crew, job);
	const struct timespec turn = { .tv_nsec = 20000000 };
	uint32_t seen;

	while ((seen = atomic_load(&member->place)) < place) {
		gate_wait(&member->place, seen, &turn);
		if (crew->stop && *crew->stop)
			return -EINTR;
		if (is_dead(crew->pids[job]))
			return -ECHILD;
	}
	return 0;
}

// The third field of /proc/PID/stat, behind the name, which may hold anything.
static bool is_asleep(pid_t pid)
{
	char path[64], text[256];

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return true;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

static void await_timer(const struct crew *crew, int job)
{
	const struct timespec nap = { .tv_nsec = 50000 };

	while (!is_asleep(crew->pids[job]) && now_ns() < crew->start_ns)
		nanosleep(&nap, NULL);
}

// ## From hiring to dismissal

static int start_child(struct crew *crew, int job)
{
	pid_t self = getpid(), pid = fork();

	if (pid == -1)
		return -errno;
	if (pid == 0)
		worker_live(crew, job, self);
	crew->pids[job] = pid;
	int error = pin_child(crew, pid);
	return error ? error : await_place(crew, job, AT_GATE);
}

static int64_t stolen_ns(const struct crew *crew)
{
	int64_t sum = 0;

	for (int i = 0; i < crew->cpu_count; i++) {
		int64_t one = host_steal_ns(crew->cpus[i]);
		if (one < 0)
			return -1;
		sum += one;
	}
	return sum;
}

static int check(const struct live *live, const struct jobs *jobs,
		 struct live_notes *notes)
{
	if (!jobs->count || jobs->count > JOBS_AT_ONCE) {
		snprintf(notes->told, TOLD_BYTES,
			 "%zu jobs: as processes, 1 to %d of them", jobs->count,
			 JOBS_AT_ONCE);
		return -EINVAL;
	}
	if (live->cpu_count < 1) {
		snprintf(notes->told, TOLD_BYTES, "no CPU to run on");
		return -EINVAL;
	}
	for (int i = 0; i < live->cpu_count; i++)
		if (live->cpus[i] < 0 || live->cpus[i] >= CPU_SETSIZE) {
			snprintf(notes->told, TOLD_BYTES, "there is no CPU %d",
				 live->cpus[i]);
			return -EINVAL;
		}
	return 0;
}

static int allocate(struct crew *crew, const struct live *live)
{
	crew->pids = calloc(crew->count, sizeof *crew->pids);
	crew->cpus = calloc((size_t)live->cpu_count, sizeof *crew->cpus);
	if (!crew->pids || !crew->cpus)
		return -ENOMEM;
	memcpy(crew->cpus, live->cpus,
	       (size_t)live->cpu_count * sizeof *crew->cpus);
	crew->cpu_count = live->cpu_count;
	return 0;
}

static int hire(struct crew *crew, const struct live *live,
		struct live_notes *notes)
{
	int error = allocate(crew, live);

	if (error)
		return refuse(notes, error, "the crew");
	if ((error = calibrate(crew))) {
		snprintf(notes->told, TOLD_BYTES,
			 "CPU %d is not ours to use (there is none of that "
			 "number, it is offline, or taskset or a cpuset "
			 "excludes it): %s",
			 crew->cpus[0], strerror(-error));
		return error;
	}
	crew->trace = live->no_trace ? NULL
				     : trace_family(crew->cpus,
						    (size_t)crew->cpu_count,
						    &crew->trace_error);
	if ((error = share_memory(crew)) || (error = open_news(crew)))
		return refuse(notes, error, "memory or a pipe for the crew");
	for (size_t i = 0; i < crew->count && !error; i++)
		error = start_child(crew, (int)i);
	if (error == -EINVAL)
		return refuse(notes, error, "not all of these CPUs are ours");
	return error ? refuse(notes, error, "starting a process for each job")
		     : 0;
}

int crew_hire(struct crew *crew, const struct live *live,
	      const struct jobs *jobs, bool told, struct live_notes *notes)
{
	*notes = (struct live_notes){ .others_ns = -1 };
	*crew = (struct crew){ .jobs = jobs,
			       .told = told,
			       .stop = live->stop,
			       .news = -1,
			       .news_write = -1 };
	int error = check(live, jobs, notes);
	if (error)
		return error;
	crew->count = jobs->count;
	if ((error = hire(crew, live, notes)))
		crew_dismiss(crew);
	return error;
}

void crew_let(struct crew *crew, int job, int burst)
{
	struct crew_member *member = crew_member(crew, job);

	atomic_store(&member->gate, (uint32_t)burst + 1);
	gate_wake(&member->gate);
}

int crew_start(struct crew *crew, int64_t margin_ns)
{
	crew->stolen_ns = stolen_ns(crew);
	crew->start_ns = now_ns() + (crew->told ? 0 : margin_ns);
	for (size_t i = 0; i < crew->count && !crew->told; i++) {
		int job = (int)i;
		atomic_store(&crew_member(crew, job)->start_ns, crew->start_ns);
		crew_let(crew, job, 0);
		int error = await_place(crew, job, SETTING_TIMER);
		if (error)
			return error;
		await_timer(crew, job);
	}
	int64_t late_ns = now_ns() - crew->start_ns;
	crew->late_ns = !crew->told && late_ns > 0 ? late_ns : 0;
	return 0;
}

void crew_dismiss(struct crew *crew)
{
	for (size_t i = 0; crew->pids && i < crew->count; i++)
		if (crew->pids[i])
			kill(crew->pids[i], SIGKILL);
	for (size_t i = 0; crew->pids && i < crew->count; i++)
		while (crew->pids[i] && waitpid(crew->pids[i], NULL, 0) == -1 &&
		       errno == EINTR)
			;
	trace_free(crew->trace);
	if (crew->news_write > 0) {
		close(crew->news);
		close(crew->news_write);
	}
	if (crew->shared)
		munmap(crew->shared, crew->shared_bytes);
	free(crew->pids);
	free(crew->cpus);
	*crew = (struct crew){ .news = -1, .news_write = -1 };
}

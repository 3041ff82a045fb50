// # What a thread is called
//
// The kernel schedules tasks, and each has a number: gettid(2), the LWP of
// `ps -L` (light weight process, as the notes say). What getpid(2) returns is
// the number of the thread group, that of its first task. All tasks have a
// folder in /proc/PID/task; and one in /proc itself, which `ls` does not show.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "supervisor.h"
#include "threads/share/share.h"

enum { THREADS = 2 };

struct identity {
	pthread_t thread;
	pid_t pid, tid;
	pthread_barrier_t *known, *seen;
};

static void *tell(void *argument)
{
	struct identity *identity = argument;

	identity->pid = getpid();
	identity->tid = gettid();
	pthread_barrier_wait(identity->known);
	pthread_barrier_wait(identity->seen);
	return NULL;
}

static bool is_listed(const char *folder, pid_t tid)
{
	bool found = false;
	DIR *stream = must_ptr(opendir(folder));

	for (const struct dirent *entry; (entry = readdir(stream));)
		found |= atoi(entry->d_name) == tid;
	must(closedir(stream));
	return found;
}

// A sanitizer's library may run a thread of its own, so we look for ours.
void scene_ids(void)
{
	pthread_barrier_t known, seen;
	struct identity others[THREADS];
	char path[32];
	int in_group = 0, hidden = 0, same_pid = 0;

	if (!proc_is_ours())
		skip("/proc shows another PID namespace than ours: mount it "
		     "anew (unshare --mount-proc)");
	must_zero(pthread_barrier_init(&known, NULL, THREADS + 1));
	must_zero(pthread_barrier_init(&seen, NULL, THREADS + 1));
	for (int i = 0; i < THREADS; i++) {
		others[i] = (struct identity){ .known = &known, .seen = &seen };
		must_zero(pthread_create(&others[i].thread, NULL, tell,
					 &others[i]));
	}
	pthread_barrier_wait(&known);
	say("main:     getpid %d, gettid %d", getpid(), gettid());
	for (int i = 0; i < THREADS; i++) {
		say("thread %d: getpid %d, gettid %d", i + 1, others[i].pid,
		    others[i].tid);
		snprintf(path, sizeof path, "/proc/%d/stat", others[i].tid);
		in_group += is_listed("/proc/self/task", others[i].tid);
		hidden += access(path, F_OK) == 0 &&
			  !is_listed("/proc", others[i].tid);
		same_pid += others[i].pid == getpid();
	}
	claim(same_pid == THREADS, "one PID: that of the process");
	claim(gettid() == getpid() && others[0].tid != getpid() &&
		      others[1].tid != getpid() &&
		      others[0].tid != others[1].tid,
	      "a TID for each, and the first thread's is the PID");
	claim(in_group == THREADS && is_listed("/proc/self/task", getpid()),
	      "/proc/PID/task lists them all");
	claim(hidden == THREADS,
	      "/proc has a folder for each, too, but does not list it");
	pthread_barrier_wait(&seen);
	for (int i = 0; i < THREADS; i++)
		must_zero(pthread_join(others[i].thread, NULL));
	must_zero(pthread_barrier_destroy(&known));
	must_zero(pthread_barrier_destroy(&seen));
}

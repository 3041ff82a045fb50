// # Other ends: of one thread, of all, and of all but one
//
// A thread ends alone by returning or by pthread_exit(3): exit(2), the system
// call. What C calls exit, and a return from main, is exit_group(2): the end of
// all. And execve(2) ends all but the caller: a program cannot be replaced
// under a thread that runs it.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "supervisor.h"
#include "threads/crash/crash.h"

struct stage_door {
	sem_t begun, go;
	_Atomic pid_t tid;
	_Atomic bool went_on;
	int out; // exec: where the new program writes
};

static struct stage_door *new_door(void)
{
	struct stage_door *door = must(mmap(NULL, sizeof *door,
					    PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	if (!proc_is_ours())
		skip("/proc shows another PID namespace than ours: mount it "
		     "anew (unshare --mount-proc)");
	must(sem_init(&door->begun, 1, 0));
	must(sem_init(&door->go, 1, 0));
	return door;
}

static void pass(sem_t *semaphore)
{
	while (sem_wait(semaphore) == -1)
		if (errno != EINTR)
			die_at(__FILE__, __LINE__, "sem_wait", errno);
}

static void *stay(void *argument)
{
	struct stage_door *door = argument;

	door->tid = gettid();
	must(sem_post(&door->begun));
	pass(&door->go);
	door->went_on = true;
	return NULL;
}

// The library of a sanitizer has a thread of its own that would be the last
// one, and has more to do at the end than to end.
static void *stay_as_the_last(void *argument)
{
	stay(argument);
#ifdef OSLAB_SANITIZED
	_exit(EXIT_SUCCESS);
#endif
	return NULL;
}

// ## main leaves first
//
// The first thread is a thread. When it ends with pthread_exit, its task stays
// as a zombie, because its number is the process's; the process lives on, and
// its parent waits for the last thread.

static _Noreturn void leave_main_first(struct stage_door *door)
{
	pthread_t thread;

	must_zero(pthread_create(&thread, NULL, stay_as_the_last, door));
	pthread_exit(NULL);
}

void scene_leave(void)
{
	struct stage_door *door = new_door();
	int status;
	pid_t process = fork_as("process");

	if (process == 0)
		leave_main_first(door);
	pass(&door->begun);
	await_state(process, 'Z');
	pid_t ended = must(waitpid(process, &status, WNOHANG));
	say("main has ended: task %d is a zombie; task %d sleeps", process,
	    door->tid);
	claim(ended == 0 && is_there(door->tid),
	      "the first task is dead, the process is not");
	must(sem_post(&door->go));
	must(waitpid(process, &status, 0));
	claim(door->went_on, "the other thread has gone on to its end");
	claim(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	      "the last thread has ended the process, with status 0");
	must(munmap(door, sizeof *door));
}

// ## One thread says exit

enum { STATUS = 7 };

static void *end_all(void *argument)
{
	_exit(STATUS);
	return argument;
}

static _Noreturn void exit_from_a_thread(struct stage_door *door)
{
	pthread_t thread, other;

	must_zero(pthread_create(&other, NULL, stay, door));
	pass(&door->begun);
	must_zero(pthread_create(&thread, NULL, end_all, NULL));
	must_zero(pthread_join(thread, NULL));
	_exit(EXIT_SUCCESS);
}

void scene_exit(void)
{
	struct stage_door *door = new_door();
	int status;
	pid_t process = fork_as("process");

	if (process == 0)
		exit_from_a_thread(door);
	must(waitpid(process, &status, 0));
	must(sem_post(&door->go));
	say("one of three threads says exit: status %d",
	    WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	claim(WIFEXITED(status) && WEXITSTATUS(status) == STATUS,
	      "its status is the status of the process");
	claim(!door->went_on && !is_there(door->tid),
	      "the others are gone, without a word");
	must(munmap(door, sizeof *door));
}

// ## One thread becomes another program
//
// It is not the first thread that calls execve here. The kernel ends all others,
// waits until they are gone, and gives the caller the first one's number: the
// parent knows the process by it. The new program is cat, and copies out what
// /proc says of it.

static void *become_cat(void *argument)
{
	struct stage_door *door = argument;

	door->tid = gettid();
	must(dup2(door->out, STDOUT_FILENO));
	must(execl("/bin/cat", "cat", "/proc/self/status", NULL));
	return NULL;
}

static _Noreturn void exec_from_a_thread(struct stage_door *door)
{
	pthread_t thread, other;

	must_zero(pthread_create(&other, NULL, stay, door));
	pass(&door->begun);
	must_zero(pthread_create(&thread, NULL, become_cat, door));
	must_zero(pthread_join(thread, NULL));
	_exit(EXIT_FAILURE);
}

static int field(const char *status, const char *name)
{
	const char *row = strstr(status, name);

	return row ? atoi(row + strlen(name)) : -1;
}

void scene_exec(void)
{
	struct stage_door *door = new_door();
	char text[8192];
	size_t bytes = 0;
	int fd[2];

	must(pipe2(fd, O_CLOEXEC));
	door->out = fd[1];
	pid_t process = fork_as("process");
	if (process == 0)
		exec_from_a_thread(door);
	must(close(fd[1]));
	for (ssize_t n; bytes < sizeof text - 1 &&
			(n = must(read(fd[0], text + bytes,
				       sizeof text - 1 - bytes))) > 0;)
		bytes += (size_t)n;
	text[bytes] = '\0';
	must(close(fd[0]));
	reap(process);
	say("thread %d of process %d becomes cat, and then is:", door->tid,
	    process);
	say("Tgid %d, Pid %d, Threads %d", field(text, "\nTgid:"),
	    field(text, "\nPid:"), field(text, "\nThreads:"));
	claim(field(text, "\nThreads:") == 1,
	      "the other threads have vanished");
	claim(door->tid != process && field(text, "\nPid:") == process,
	      "its TID has changed: it is the process's first task now");
	claim(!is_there(door->tid), "the number it had is free");
	must(munmap(door, sizeof *door));
}

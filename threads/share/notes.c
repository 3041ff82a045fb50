// # The comparison of the lecture notes, line by line
//
//     프로세스                 스레드                   here
//     독립적                   프로세스의 서프셋        who dies with it
//     각각 자원가짐            프로세스의 자원 공유     a descriptor
//     자신만의 주소영역 가짐   주소영역 공유            a variable
//     IPC 기법으로 통신        필요 없음                a number told
//
// Each line is tried with fork and with pthread_create. That a thread needs no
// IPC is true of the data. That it is told when they are there is another
// matter: here the join says so, and chapter 12 is about the rest.

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "threads/share/share.h"

static const struct way *const process = &ways[FORK];
static const struct way *const thread = &ways[PTHREAD];

static const struct thing *find(const struct thing *thing, const char *name)
{
	while (strcmp(thing->name, name) != 0)
		thing++;
	return thing;
}

static void have_both(const struct thing *thing, bool shared[2])
{
	shared[0] = try_thing(thing, process);
	shared[1] = try_thing(thing, thread);
}

// ## Independent, or a part of it

static void *kill_my_process(void *argument)
{
	must(kill(getpid(), SIGKILL));
	return argument;
}

static _Noreturn void make_a_victim(const struct way *way)
{
	pthread_t victim;
	int status;

	if (way == thread) {
		must_zero(pthread_create(&victim, NULL, kill_my_process, NULL));
		must_zero(pthread_join(victim, NULL));
		_exit(EXIT_FAILURE); // nobody comes here
	}
	pid_t child = fork_as("victim");
	if (child == 0)
		kill_my_process(NULL);
	must(waitpid(child, &status, 0));
	_exit(WIFSIGNALED(status) ? EXIT_SUCCESS : EXIT_FAILURE);
}

// Whether the maker has survived the death of what it made.
static bool is_independent(const struct way *way)
{
	int status;
	pid_t maker = fork_as("maker");

	if (maker == 0)
		make_a_victim(way);
	must(waitpid(maker, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) != EXIT_SUCCESS)
		claim(false, "the victim dies");
	return WIFEXITED(status);
}

// ## To tell a number

enum { NUMBER = 42 };

static int told; // a plain variable

struct talk {
	int by_variable, by_pipe;
};

static void *tell(void *argument)
{
	const int number = NUMBER, *fd = argument;

	told = NUMBER;
	must(write(*fd, &number, sizeof number));
	return NULL;
}

static struct talk talk(const struct way *way)
{
	struct talk talk = { 0 };
	pthread_t teller;
	int fd[2];

	told = 0;
	must(pipe(fd));
	if (way == thread) {
		must_zero(pthread_create(&teller, NULL, tell, &fd[1]));
		must_zero(pthread_join(teller, NULL));
	} else {
		pid_t child = fork_as("teller");
		if (child == 0) {
			tell(&fd[1]);
			_exit(EXIT_SUCCESS);
		}
		reap(child);
	}
	talk.by_variable = told;
	must(read(fd[0], &talk.by_pipe, sizeof talk.by_pipe));
	must(close(fd[0]));
	must(close(fd[1]));
	return talk;
}

void scene_notes(void)
{
	bool shared[2];
	bool lives[2] = { is_independent(process), is_independent(thread) };

	say("killed: as a process its maker %s, as a thread %s",
	    lives[0] ? "lives" : "dies", lives[1] ? "lives" : "dies too");
	claim(lives[0] && !lives[1],
	      "a process is independent, a thread is part of one");

	have_both(find(file_things, "new descriptor"), shared);
	say("descriptor: a process %s it, a thread %s it",
	    shared[0] ? "shares" : "keeps", shared[1] ? "shares" : "keeps");
	claim(!shared[0] && shared[1],
	      "a process has resources, a thread shares its process's");

	have_both(find(memory_things, "a global"), shared);
	say("variable: a process %s it, a thread %s it",
	    shared[0] ? "shares" : "has a copy of",
	    shared[1] ? "shares" : "has a copy of");
	claim(!shared[0] && shared[1],
	      "an address space of its own, or the common one");

	struct talk apart = talk(process), together = talk(thread);
	say("number: a process left %d in a variable, %d in a pipe",
	    apart.by_variable, apart.by_pipe);
	say("number: a thread left %d in a variable", together.by_variable);
	claim(apart.by_variable == 0 && apart.by_pipe == NUMBER &&
		      together.by_variable == NUMBER,
	      "a process needs IPC to tell it, a thread does not");
}

// # sem_open, sem_wait, sem_post: programs that share a name

#define _GNU_SOURCE
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"
#include "options.h"
#include "scenes.h"

// ## A program that takes a place
//
// `hold NAME` opens the semaphore, waits for a place, says so, keeps it until
// its input has a line or ends, and gives it back. It inherits no memory, no
// pointer and no number: what it has is the name, and the file that glibc keeps
// under it in /dev/shm.

struct hold {
	const char *name;
	int64_t places; // -1: it is there already
};

static error_t parse_hold(int key, char *text, struct argp_state *state)
{
	struct hold *hold = state->input;

	switch (key) {
	case 'p':
		hold->places = option_number(state, "--places", text, 0,
					     1000000);
		return 0;
	case ARGP_KEY_ARG:
		if (hold->name)
			argp_error(state, "one name, not also '%s'", text);
		hold->name = text;
		return 0;
	case ARGP_KEY_END:
		if (!hold->name)
			argp_error(state, "of which semaphore? (/NAME)");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int tool_hold(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "places", 'p', "N", 0, "makes it, with N places", 0 }, { 0 }
	};
	static const struct argp argp = {
		options,
		parse_hold,
		"/NAME",
		"Takes a place in a named semaphore until Enter."
		"\vExample, in two terminals:\n"
		"  semaphore hold --places=1 /door\n"
		"  semaphore hold /door\n"
		"The semaphore stays when all have left, as its kind does: "
		"rm /dev/shm/sem.door",
		NULL,
		NULL,
		NULL
	};
	struct hold hold = { NULL, -1 };
	char line[64];

	argp_parse(&argp, argc, argv, 0, NULL, &hold);
	sem_t *sem = hold.places < 0 ? sem_open(hold.name, 0)
				     : sem_open(hold.name, O_CREAT | O_EXCL,
						0600, (unsigned)hold.places);
	if (sem == SEM_FAILED)
		return option_complain(1, "sem_open %s: %s%s", hold.name,
				       strerror(errno),
				       hold.places < 0 && errno == ENOENT
					       ? " (--places=N makes it)"
					       : "");
	while (sem_wait(sem) == -1)
		if (errno != EINTR)
			return option_complain(1, "sem_wait: %s",
					       strerror(errno));
	puts("inside");
	fflush(stdout);
	if (!fgets(line, sizeof line, stdin))
		line[0] = '\0';
	must(sem_post(sem));
	return options_end(0);
}

// A stranger: this program, executed anew as `hold NAME`.
struct stranger {
	pid_t pid;
	int to, from; // its standard input and output
};

static struct stranger call_stranger(const char *name)
{
	int to[2], from[2];

	must(pipe2(to, O_CLOEXEC));
	must(pipe2(from, O_CLOEXEC));
	pid_t pid = fork_as("stranger");
	if (pid == 0) {
		must(dup2(to[0], STDIN_FILENO));
		must(dup2(from[1], STDOUT_FILENO));
		must(execl("/proc/self/exe", "semaphore", "hold", name, NULL));
	}
	must(close(to[0]));
	must(close(from[1]));
	return (struct stranger){ pid, to[1], from[0] };
}

static void hear(const struct stranger *stranger)
{
	char text[16] = "";

	must(read(stranger->from, text, sizeof text - 1));
	if (strcmp(text, "inside\n"))
		claim(false, "the stranger said '%s'", text);
}

static void show_out(const struct stranger *stranger)
{
	must(close(stranger->to));
	reap(stranger->pid);
	must(close(stranger->from));
}

static sem_t *make(const char *name, unsigned places)
{
	return must_ptr(sem_open(name, O_CREAT | O_EXCL, 0600, places));
}

static int value_of(sem_t *sem)
{
	int value;

	must(sem_getvalue(sem, &value));
	return value;
}

// ## A name between strangers
//
// Three programs are executed; the semaphore has two places. The third sleeps in
// sem_wait until one of the others leaves. glibc's value does not go below 0:
// how many wait is counted beside it, and sem_getvalue does not tell.

void scene_strangers(void)
{
	const char *name = fresh_name();
	sem_t *sem = make(name, 2);
	struct stranger guests[3];

	for (int i = 0; i < 3; i++) {
		guests[i] = call_stranger(name);
		if (i < 2)
			hear(&guests[i]);
	}
	await_state(guests[2].pid, 'S');
	say("2 places; processes %d and %d are inside", guests[0].pid,
	    guests[1].pid);
	claim(value_of(sem) == 0, "the value is 0, not negative, though %s",
	      "one waits");
	show_out(&guests[0]);
	hear(&guests[2]);
	say("%d has left, and %d is inside", guests[0].pid, guests[2].pid);
	claim(value_of(sem) == 0, "its sem_post let in the one who waited");
	show_out(&guests[1]);
	show_out(&guests[2]);
	claim(value_of(sem) == 2, "when all have left there are 2 places");
}

// ## Asking
//
// sem_trywait takes a place if there is one, and otherwise says EAGAIN.
// sem_timedwait waits up to a time of CLOCK_REALTIME, and then says ETIMEDOUT;
// if there is a place it does not even look whether that time is over
// (POSIX.1-2017, sem_timedwait()).

void scene_ask(void)
{
	sem_t *sem = make(fresh_name(), 1);
	const struct timespec past = { 0 };
	struct timespec soon;

	int first = sem_trywait(sem);
	int second = sem_trywait(sem) == -1 ? errno : 0;
	say("sem_trywait: %d, then %s", first, strerrorname_np(second));
	claim(first == 0 && second == EAGAIN,
	      "who only asks is told EAGAIN, and does not wait");
	must(clock_gettime(CLOCK_REALTIME, &soon));
	soon.tv_sec += (soon.tv_nsec += 20000000) / 1000000000;
	soon.tv_nsec %= 1000000000;
	int64_t begin_ns = now_ns();
	int third = sem_timedwait(sem, &soon) == -1 ? errno : 0;
	say("sem_timedwait until in 20 ms: %s after %.1f ms",
	    strerrorname_np(third), (double)(now_ns() - begin_ns) / 1e6);
	claim(third == ETIMEDOUT && value_of(sem) == 0,
	      "who waits in vain is told ETIMEDOUT, and took nothing");
	must(sem_post(sem));
	claim(sem_timedwait(sem, &past) == 0,
	      "where there is a place, a time long past is no hindrance");
}

// ## Killed inside
//
// The semaphore is a number in a file. The kernel, which cleans up after a dead
// process, does not know that one of that number was his. So it stays taken:
// not even the file has an owner to be asked. A mutex can be told to notice
// (sync/robust), a System V semaphore to give back (ipc/semaphore, scene `undo`).

void scene_killed(void)
{
	const char *name = fresh_name();
	sem_t *sem = make(name, 1);
	struct stranger owner = call_stranger(name);
	int status;

	hear(&owner);
	say("%d is inside; I kill it", owner.pid);
	must(kill(owner.pid, SIGKILL));
	must(waitpid(owner.pid, &status, 0));
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
		      value_of(sem) == 0,
	      "it is gone, and the value is still 0");
	claim(sem_trywait(sem) == -1 && errno == EAGAIN,
	      "nobody gives back its place: the next one is refused");
	must(sem_post(sem));
	struct stranger next = call_stranger(name);
	hear(&next);
	say("I post, though I never waited: %d is inside", next.pid);
	show_out(&next);
	claim(value_of(sem) == 1,
	      "anybody may post, so anybody may repair it, or break it");
}

// # Trying one cell
//
// The maker is a process of its own, so that whatever is changed is gone with
// it. It makes the task with CLONE_VFORK on top of the flags under trial: that
// flag shares nothing, but lets the maker sleep until the task has ended, so
// the two are never in the C library at once with one thread-local storage (see
// threads/bare). The last column is pthread_create(3), which asks for all.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "threads/bare/bare.h"
#include "threads/share/share.h"

const struct way ways[WAYS] = {
	{ "fork",    0 },
	{ "FS",      CLONE_FS },
	{ "FILES",   CLONE_FILES },
	{ "VM",      CLONE_VM },
	{ "SIGHAND", CLONE_VM | CLONE_SIGHAND },
	{ "THREAD",  CLONE_VM | CLONE_SIGHAND | CLONE_THREAD },
	{ "pthread", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
		     CLONE_THREAD | CLONE_SETTLS },
};

// What the task is given.
struct errand {
	const struct thing *thing;
	struct trial *trial;
};

static int run_errand(void *argument)
{
	const struct errand *errand = argument;

	errand->thing->act(errand->trial);
	return EXIT_SUCCESS;
}

static void *run_errand_as_thread(void *argument)
{
	run_errand(argument);
	return NULL;
}

// A thread leaves nobody to wait for. Returns 0 or -errno.
static int send_task(int flags, int (*run)(void *), void *argument)
{
	struct bare task = {
		.flags = (unsigned)(flags | CLONE_VFORK),
		.exit_signal = flags & CLONE_THREAD ? 0 : SIGCHLD,
		.run = run,
		.argument = argument,
	};

	must_neg(bare_stack(&task));
	pid_t tid = bare_start(&task);
	bare_no_stack(&task);
	if (tid < 0)
		return tid;
	if (!(flags & CLONE_THREAD))
		reap(tid);
	return 0;
}

static void send(const struct way *way, struct errand *errand)
{
	pthread_t thread;

	if (way != &ways[PTHREAD]) {
		must_neg(send_task(way->flags, run_errand, errand));
		return;
	}
	must_zero(pthread_create(&thread, NULL, run_errand_as_thread, errand));
	must_zero(pthread_join(thread, NULL));
}

enum { OWN = 10, SHARED };

static _Noreturn void make_and_look(const struct thing *thing,
				    const struct way *way, struct trial *trial)
{
	volatile int on_my_stack = 0;

	trial->maker = getpid();
	trial->number = &on_my_stack; // cppcheck-suppress autoVariables
	if (thing->prepare)
		thing->prepare(trial);
	send(way, &(struct errand){ thing, trial });
	bool shared = thing->look ? thing->look(trial) : trial->same;
	_exit(shared ? SHARED : OWN);
}

// One that found this host lacking something has left the scene (skip).
static int status_of_maker(pid_t maker)
{
	enum { LEFT_THE_SCENE = 77 };
	int status;

	must(waitpid(maker, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == LEFT_THE_SCENE)
		_exit(LEFT_THE_SCENE);
	if (!WIFEXITED(status))
		claim(false, "a maker ends well: wait status %#x",
		      (unsigned)status);
	return WEXITSTATUS(status);
}

bool try_thing(const struct thing *thing, const struct way *way)
{
	struct trial *trial = must(mmap(NULL, sizeof *trial,
					PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid_t maker = fork_as("maker");

	if (maker == 0)
		make_and_look(thing, way, trial);
	int status = status_of_maker(maker);
	must(munmap(trial, sizeof *trial));
	if (status != OWN && status != SHARED)
		claim(false, "%s can be tried with %s: exit status %d",
		      thing->name, way->name, status);
	return status == SHARED;
}

int try_flags(int flags)
{
	pid_t maker = fork_as("maker");

	if (maker == 0)
		_exit(-send_task(flags, NULL, NULL));
	return -status_of_maker(maker);
}

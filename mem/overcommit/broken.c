// # When the promise cannot be kept
//
// A page is touched, and there is no frame, nothing to throw away, nowhere to
// swap to. The instruction cannot return an error. So the kernel kills somebody
// (the OOM killer) and lets the others go on. These scenes do it on a leash: a
// control group with 32 MiB of memory is out of memory long before the machine
// is, and only its members can be chosen.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/overcommit/overcommit.h"
#include "options.h"
#include "privilege.h"

enum { LIMIT = 32 * MIB };

// What a child in the group tells, in memory that it did not touch first (who
// does, pays).
struct progress {
	_Atomic int promised; // mmap succeeded
	_Atomic uint64_t bytes;
	_Atomic int done;
};

static struct progress *share(void)
{
	struct progress *progress =
		must(mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	memset(progress, 0, sizeof *progress);
	return progress;
}

// How willingly this process is chosen: -1000 (never) to 1000 (first).
static int set_score(int adjustment)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return errno;
	int error = dprintf(fd, "%d", adjustment) < 0 ? errno : 0;
	close(fd);
	return error;
}

// A child of the scene that waits until it may begin.
struct hog {
	pid_t pid;
	int go;
	struct progress *progress;
};

static void use(struct progress *progress, uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	volatile char *memory = promise(bytes, PROT_READ | PROT_WRITE, 0);

	if (memory == MAP_FAILED)
		_exit(EXIT_FAILURE);
	atomic_store(&progress->promised, 1);
	for (uint64_t at = 0; at < bytes; at += page) {
		memory[at] = 1;
		atomic_store(&progress->bytes, at + page);
	}
	atomic_store(&progress->done, 1);
}

static struct hog hog(const struct group *group, const char *name,
		      uint64_t bytes, int score, bool stays)
{
	struct hog hog = { .progress = share() };
	int fd[2];
	char byte;

	must(pipe2(fd, O_CLOEXEC));
	hog.pid = fork_as(name);
	if (hog.pid == 0) {
		close(fd[1]);
		(void)set_score(score);
		if (read(fd[0], &byte, 1) != 1)
			_exit(EXIT_FAILURE);
		use(hog.progress, bytes);
		if (stays)
			pause(); // until it is killed
		_exit(EXIT_SUCCESS);
	}
	close(fd[0]);
	hog.go = fd[1];
	group_add(group, hog.pid);
	return hog;
}

static void let_go(const struct hog *hog)
{
	must(write(hog->go, "", 1));
}

static _Noreturn void skip_unpromised(void)
{
	skip("the kernel has no more to promise (vm.overcommit_memory is 2): "
	     "end other programs");
}

// Until it has touched everything.
static void await_use(const struct hog *hog)
{
	siginfo_t info = { 0 };

	while (!atomic_load(&hog->progress->done)) {
		must(waitid(P_PID, (id_t)hog->pid, &info,
			    WEXITED | WNOHANG | WNOWAIT));
		if (info.si_pid)
			skip_unpromised();
		must(usleep(1000));
	}
}

static int status_of(const struct hog *hog)
{
	int status;

	must(waitpid(hog->pid, &status, 0));
	return status;
}

static bool was_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

// ## On a leash

static void draw(uint64_t promised, uint64_t used)
{
	const struct canvas canvas = canvas_of(STDOUT_FILENO);
	char a[HUMAN_BYTES], b[HUMAN_BYTES], c[HUMAN_BYTES];
	const struct bar bars[] = {
		{ "promised", human_size(a, promised), (double)promised },
		{ "limit", human_size(b, LIMIT), LIMIT },
		{ "touched", human_size(c, used), (double)used },
	};
	char *chart = must_ptr(draw_bars(&canvas, bars, 3, false));

	show(chart);
	free(chart);
}

void scene_leash(void)
{
	const uint64_t wanted = 256 * MIB;

	need_promises();
	const struct group group = group_make(LIMIT);
	struct hog child = hog(&group, "child", wanted, 1000, false);
	say("a child asks for 256 MiB, in a group that may have 32");
	let_go(&child);
	int status = status_of(&child);
	uint64_t touched = atomic_load(&child.progress->bytes);
	long kills = group_kills(&group);
	if (!child.progress->promised)
		skip_unpromised();
	draw(wanted, touched);
	claim(touched > 0, "mmap of 256 MiB was granted");
	claim(was_killed(status),
	      "in the midst of touching them it was killed (SIGKILL)");
	claim(touched <= LIMIT,
	      "what it had touched is no more than the limit");
	if (kills < 0)
		say("this kernel does not count kills of a group");
	else
		claim(kills == 1, "the group's oom_kill says 1");
}

// ## Who is chosen
//
// The kernel takes the process that frees most: its memory, swap and page tables,
// in thousandths of what there is, and oom_score_adj (-1000 to 1000) added. Who
// asked last need not be who dies. Daemons lower theirs; a browser raises that of
// its tabs.

void scene_chosen(void)
{
	need_promises();
	const struct group group = group_make(LIMIT);
	struct hog small = hog(&group, "small", 12 * MIB, 1000, true);
	struct hog large = hog(&group, "large", 26 * MIB, 0, false);
	let_go(&small);
	await_use(&small);
	say("small has 12 of 32 MiB, oom_score_adj 1000, and sleeps");
	say("large, oom_score_adj 0, takes 26 MiB");
	let_go(&large);
	int of_small = status_of(&small), of_large = status_of(&large);
	claim(was_killed(of_small), "small is killed, who did nothing");
	claim(WIFEXITED(of_large) && !WEXITSTATUS(of_large) &&
		      large.progress->done,
	      "large goes on and has all it asked for");
}

// ## Whose score it is
//
// Anybody may make it likelier that they are chosen, and their children. To make
// it less likely than it was at first takes CAP_SYS_RESOURCE.

void scene_score(void)
{
	long before = proc_number("/proc/self/oom_score_adj");
	long score = proc_number("/proc/self/oom_score");

	say("oom_score_adj is %ld, oom_score %ld", before, score);
	pid_t child = fork_as("child");
	if (child == 0) {
		give_up_capabilities();
		int error = set_score(1000);
		claim(!error && proc_number("/proc/self/oom_score_adj") == 1000,
		      "without a capability I may raise it to 1000");
		error = set_score(-1000);
		claim(error == EACCES,
		      "and may not lower it to -1000 (EACCES)");
		_exit(EXIT_SUCCESS);
	}
	reap(child);
	claim(proc_number("/proc/self/oom_score_adj") == before,
	      "it was the child's own");
}

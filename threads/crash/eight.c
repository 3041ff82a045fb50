// # One of eight reads address 0
//
// The same eight workers, twice. As threads they are one process, and the
// default action of SIGSEGV is an action on a process: the kernel marks the
// whole thread group as ending and sends each of its tasks SIGKILL. Nobody
// finishes anything. As processes they share no fate: one is gone, its parent
// hears of it, and the rest go on.

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "supervisor.h"
#include "threads/crash/crash.h"

// ## Who worked until when
//
// 'w' working, '!' the fault, and of the parent '.' waiting.

enum { PARENT = WORKERS, TRACKS };

static void draw(const struct board *board, int64_t start_ns, int64_t told_ns)
{
	static const char *const tracks[TRACKS] = {
		"worker 0", "worker 1", "worker 2", "worker 3", "worker 4",
		"worker 5", "worker 6", "worker 7", "parent",
	};
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct span spans[TRACKS + 1];
	int64_t fault_ns = board->fault_ns - start_ns;

	for (int n = 0; n < WORKERS; n++)
		spans[n] = (struct span){ n,
					  board->workers[n].began_ns - start_ns,
					  board->workers[n].last_ns - start_ns,
					  'w' };
	spans[PARENT] = (struct span){ PARENT, 0, told_ns - start_ns, '.' };
	spans[TRACKS] = (struct span){ CULPRIT, fault_ns, fault_ns + 1, '!' };
	char *picture = must_ptr(
		draw_timeline(&canvas, tracks, TRACKS, spans, TRACKS + 1));
	show(picture);
	free(picture);
}

// How many of the others have worked after a moment.
static int worked_after(const struct board *board, int64_t ns)
{
	int workers = 0;

	for (int n = 0; n < WORKERS; n++)
		workers += n != CULPRIT && board->workers[n].last_ns > ns;
	return workers;
}

static int left(const struct board *board)
{
	int workers = 0;

	for (int n = 0; n < WORKERS; n++)
		workers += is_there(board->workers[n].tid);
	return workers;
}

// ## As threads

struct order {
	struct board *board;
	int n;
};

static void *work_as_thread(void *argument)
{
	const struct order *order = argument;

	work(order->board, order->n);
	return NULL;
}

static _Noreturn void be_eight_threads(struct board *board)
{
	pthread_t threads[WORKERS];
	struct order orders[WORKERS];

	be_mortal();
	for (int n = 0; n < WORKERS; n++) {
		orders[n] = (struct order){ board, n };
		must_zero(pthread_create(&threads[n], NULL, work_as_thread,
					 &orders[n]));
	}
	for (int n = 0; n < WORKERS; n++)
		must_zero(pthread_join(threads[n], NULL));
	_exit(EXIT_SUCCESS);
}

void scene_together(void)
{
	struct board *board = new_board();
	int status;

	if (!proc_is_ours())
		skip("/proc shows another PID namespace than ours: mount it "
		     "anew (unshare --mount-proc)");
	int64_t start_ns = now_ns();
	pid_t process = fork_as("process");
	if (process == 0)
		be_eight_threads(board);
	must(waitpid(process, &status, 0));
	int64_t told_ns = now_ns();
	board->told = true;
	say("one process of eight threads; worker %d reads address 0:",
	    CULPRIT);
	draw(board, start_ns, told_ns);
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
	      "the parent is told once: killed by SIGSEGV");
	claim(board->fault_ns && board->workers[0].ticks >= ENOUGH_TICKS,
	      "all eight were at work until then");
	claim(left(board) == 0 && worked_after(board, told_ns) == 0,
	      "none is left: seven innocents have died with it");
	must(munmap(board, sizeof *board));
}

// ## As processes

void scene_alone(void)
{
	struct board *board = new_board();
	pid_t processes[WORKERS];
	int status, well = 0;
	char name[16];

	int64_t start_ns = now_ns();
	for (int n = 0; n < WORKERS; n++) {
		snprintf(name, sizeof name, "worker %d", n);
		processes[n] = fork_as(name);
		if (processes[n] == 0) {
			be_mortal();
			work(board, n);
			_exit(EXIT_SUCCESS);
		}
	}
	pid_t first = must(wait(&status));
	int64_t told_ns = now_ns();
	board->told = true;
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
	for (int n = 0; n < WORKERS - 1; n++) {
		must(wait(&status));
		well += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	say("eight processes; worker %d reads address 0:", CULPRIT);
	draw(board, start_ns, told_ns);
	claim(first == processes[CULPRIT] && killed,
	      "the parent is told who: worker %d, killed by SIGSEGV", CULPRIT);
	claim(worked_after(board, told_ns) == WORKERS - 1,
	      "seven have worked on since then");
	claim(well == WORKERS - 1, "and have ended well");
	must(munmap(board, sizeof *board));
}

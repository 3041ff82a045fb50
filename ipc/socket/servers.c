// # A crowd at three servers
//
// All of this at once: ipc/echo/ has one server in three ways and a crowd of
// clients (see echo.h there), among them slow ones, half closers, some that
// vanish at the worst moment and some that never say a word. The scene claims
// what a server is for; how long each way took is told, and nothing is made of
// it. `build/ipc/echo --crowd=1000` is the same with more of them.

#define _GNU_SOURCE
#include "socket.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "draw.h"
#include "options.h"

enum { CLIENTS = 200, WAYS = 8 };

static int open_descriptors(void)
{
	DIR *folder = must_ptr(opendir("/proc/self/fd"));
	int n = 0;

	while (readdir(folder))
		n++;
	must(closedir(folder));
	return n;
}

static _Noreturn void be_server(const struct echo_way *way,
				const struct echo_job *job)
{
	int before = open_descriptors();
	must_neg(way->serve(job));
	claim(open_descriptors() == before &&
		      job->counts->began == job->counts->ended,
	      "%s: told to stop with a client there, it has closed all",
	      way->name);
	_exit(0);
}

// Whether this user may have so many processes more (RLIMIT_NPROC, pids.max): who
// wants to know must try.
static bool may_start(int n)
{
	pid_t pids[CLIENTS];
	int started = 0;

	while (started < n && (pids[started] = fork()) > 0)
		started++;
	if (started < n && pids[started] == 0)
		for (;;)
			pause();
	for (int i = 0; i < started; i++) {
		must(kill(pids[i], SIGKILL));
		must(waitpid(pids[i], NULL, 0));
	}
	return started == n;
}

static const struct echo_crowd crowd = {
	.clients = CLIENTS,
	.slow = 5,
	.gone = 20,
	.silent = 5,
	.seed = 1,
	.limit_ns = INT64_C(60000000000),
};

static void play(const struct echo_way *way, struct echo_report *report)
{
	struct echo_address here;
	struct echo_job job = {
		.listener = listen_on("127.0.0.1:0", SOMAXCONN, &here),
		.stop = must(eventfd(0, EFD_CLOEXEC)),
		.counts = must_ptr(echo_counts_new()),
	};

	pid_t server = fork_as(way->name);
	if (server == 0)
		be_server(way, &job);
	must(close(job.listener));
	int error = echo_crowd_play(&crowd, &here, report);
	if (error == -ENETUNREACH)
		skip("no way to 127.0.0.1: ip link set lo up");
	must_neg(error);
	if (report->failed)
		say("%s", report->first);
	claim(report->failed == 0,
	      "%s: %d clients at once, and every byte came back right",
	      way->name, CLIENTS);
	int last = connect_to(&here);
	char byte = 'x';
	must(send(last, &byte, 1, 0));
	must(recv(last, &byte, 1, 0));
	must(eventfd_write(job.stop, 1));
	reap(server);
	must(close(last));
	echo_counts_free(job.counts);
}

void show_servers(void)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct echo_report report;
	char notes[WAYS][HUMAN_BYTES], why[256];
	struct bar bars[WAYS];
	unsigned kinds[ECHO_KINDS];
	size_t n = 0;

	if (echo_descriptors(CLIENTS + 64) != 0)
		skip("fewer than %d descriptors (ulimit -Hn): raise the hard "
		     "limit",
		     CLIENTS + 64);
	echo_crowd_count(&crowd, kinds);
	say("%u prompt, %u half closers, %u big senders", kinds[ECHO_PROMPT],
	    kinds[ECHO_HALF], kinds[ECHO_BIG]);
	say("%u slow, %u that vanish, %u silent", kinds[ECHO_SLOW],
	    kinds[ECHO_GONE], kinds[ECHO_SILENT]);
	for (size_t i = 0; echo_ways[i] && n < WAYS; i++) {
		const struct echo_way *way = echo_ways[i];
		if (way->probe(why, sizeof why) != 0) {
			say("%s: not here (%s)", way->name, why);
			continue;
		}
		if (way == echo_way("process") && !may_start(CLIENTS)) {
			say("%s: not here (fewer than %d processes: raise "
			    "ulimit -u, or pids.max of the cgroup)",
			    way->name, CLIENTS);
			continue;
		}
		play(way, &report);
		bars[n] =
			(struct bar){ way->name,
				      human_duration(notes[n], report.took_ns),
				      (double)report.took_ns };
		n++;
	}
	say("time until the last of %d clients had all its bytes:", CLIENTS);
	char *picture = must_ptr(draw_bars(&canvas, bars, n, false));
	show(picture);
	free(picture);
}

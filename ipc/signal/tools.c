// # What the scenes share: the kernel's sets of signals, read and drawn

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "host.h"
#include "ipc/signal/scenes.h"
#include "lab.h"
#include "supervisor.h"

// ## What the kernel knows of a thread
//
// Five lines of /proc/TID/status, each a number of 64 bits, one a signal.

static uint64_t mask_in(const char *status, const char *name)
{
	const char *row = strstr(status, name);

	if (row)
		return strtoull(row + strlen(name), NULL, 16);
	skip("no %s in /proc/PID/status: it takes Linux's own /proc", name);
}

struct masks masks_of(pid_t tid)
{
	char path[64], status[8192];

	if (!proc_is_ours())
		skip("/proc shows another PID namespace than ours: mount it "
		     "anew (unshare --mount-proc)");
	snprintf(path, sizeof path, "/proc/%d/status", tid);
	host_line(path, status, sizeof status);
	return (struct masks){
		.thread_pending = mask_in(status, "SigPnd:"),
		.process_pending = mask_in(status, "ShdPnd:"),
		.blocked = mask_in(status, "SigBlk:"),
		.ignored = mask_in(status, "SigIgn:"),
		.caught = mask_in(status, "SigCgt:"),
	};
}

bool has(uint64_t mask, int number)
{
	return mask >> (number - 1) & 1;
}

// The standard signals, 1 to 31. The real-time ones begin at 32; of these the C
// library takes the first for itself (signal(7)), so SIGRTMIN is 34 with glibc.

void show_masks(const struct masks *masks)
{
	enum { STANDARD = 31, LABEL = 8, WITH_MEANING = 64 };
	const struct {
		const char *name;
		uint64_t mask;
		const char *meaning;
	} rows[] = {
		{ "SigPnd", masks->thread_pending, "pending for the thread" },
		{ "ShdPnd", masks->process_pending, "pending for the process" },
		{ "SigBlk", masks->blocked, "blocked" },
		{ "SigIgn", masks->ignored, "ignored" },
		{ "SigCgt", masks->caught, "caught: has a handler" },
	};
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	const char *set = canvas.utf8 ? "█" : "#";
	const char *clear = canvas.utf8 ? "·" : ".";
	char text[1024];
	FILE *picture = must_ptr(fmemopen(text, sizeof text, "w"));

	fprintf(picture, "%*s%-9s%-10s%-10s%s\n", LABEL, "", "1", "10", "20",
		"30");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fprintf(picture, "%-*s", LABEL, rows[i].name);
		for (int n = 1; n <= STANDARD; n++)
			fputs(has(rows[i].mask, n) ? set : clear, picture);
		if (canvas.columns >= WITH_MEANING)
			fprintf(picture, "  %s", rows[i].meaning);
		fputc('\n', picture);
	}
	must(fclose(picture));
	show(text);
}

// ## Sets, handlers, sending

sigset_t only(int number)
{
	sigset_t set;

	must(sigemptyset(&set));
	must(sigaddset(&set, number));
	return set;
}

void block(int number)
{
	const sigset_t set = only(number);

	must_zero(pthread_sigmask(SIG_BLOCK, &set, NULL));
}

void unblock(int number)
{
	const sigset_t set = only(number);

	must_zero(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
}

void handle(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	must(sigemptyset(&action.sa_mask));
	must(sigaction(number, &action, NULL));
}

void queue(pid_t to, int number, int value)
{
	need_queued(sigqueue(to, number, (union sigval){ value }));
}

void need_queued(int result)
{
	if (result == -1)
		skip("no more signals may be queued for this user: raise the "
		     "limit (ulimit -i): %s",
		     strerror(errno));
}

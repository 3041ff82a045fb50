// # How many arrive, and in which order
//
// Signals 1 to 31 are the standard ones, as old as Unix. Of those the kernel
// remembers *that* one is pending: a bit. From SIGRTMIN on they are real-time
// signals (POSIX.1b), and each one sent is an entry in a queue, with the value
// that came with it.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "ipc/signal/scenes.h"
#include "lab.h"

// ## One bit against a queue
//
// Five of each are sent while both are blocked. Of the standard signal one is
// delivered: a handler learns that there is something to do, not how often. So
// a handler for SIGCHLD must call waitpid(2) until nobody is left.
//
// Not blocked, five are delivered; how many it is depends on when the receiver
// looks. That is why a standard signal cannot count.

enum { SENT = 5 };

static volatile sig_atomic_t delivered;

static void count(int number)
{
	(void)number;
	delivered = delivered + 1;
}

static int deliver_blocked(int number)
{
	delivered = 0;
	handle(number, count, 0);
	block(number);
	for (int i = 0; i < SENT; i++)
		if (number == SIGUSR1)
			must(kill(getpid(), number));
		else
			queue(getpid(), number, i);
	unblock(number);
	return delivered;
}

static int deliver_unblocked(int number)
{
	delivered = 0;
	for (int i = 0; i < SENT; i++)
		must(kill(getpid(), number));
	return delivered;
}

void scene_coalesce(void)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	int standard = deliver_blocked(SIGUSR1);
	int realtime = deliver_blocked(SIGRTMIN);
	int prompt = deliver_unblocked(SIGUSR1);
	struct bar bars[] = {
		{ "SIGUSR1 blocked", "", standard },
		{ "SIGRTMIN blocked", "", realtime },
		{ "SIGUSR1 unblocked", "", prompt },
	};

	char *picture = must_ptr(draw_bars(&canvas, bars, 3, false));
	say("%d of each were sent; delivered: %d, %d and %d", SENT, standard,
	    realtime, prompt);
	show(picture);
	free(picture);
	claim(standard == 1, "a standard signal is one bit: %d sent, 1 came",
	      SENT);
	claim(realtime == SENT, "real-time signals queue: %d sent, %d came",
	      SENT, SENT);
	claim(prompt == SENT,
	      "not blocked, each is delivered before the next is sent");
}

// ## The order
//
// Among pending real-time signals the lowest number comes first; signals of the
// same number come in the order they were sent (POSIX.1-2017, XSH 2.4.1). So
// the number is a priority. Between standard and real-time signals POSIX leaves
// it open; Linux takes the standard ones first.
//
// sigwaitinfo(2) fetches blocked signals one by one, without any handler.

enum { MESSAGES = 6, STANDARD = -1 };

struct message {
	int above;   // SIGRTMIN; or STANDARD: SIGUSR1, which carries nothing
	char letter; // its value
};

static void draw_row(FILE *picture, const char *what,
		     const struct message *messages)
{
	fprintf(picture, "%-6s", what);
	for (int i = 0; i < MESSAGES; i++)
		if (messages[i].above == STANDARD)
			fputs(" USR1", picture);
		else
			fprintf(picture, "  +%d%c", messages[i].above,
				messages[i].letter);
	fputc('\n', picture);
}

void scene_order(void)
{
	const struct message sent[MESSAGES] = {
		{ 2, 'a' }, { 0, 'b' }, { 2, 'c' },
		{ 1, 'd' }, { 0, 'e' }, { STANDARD, '-' },
	};
	struct message taken[MESSAGES];
	char text[256], order[MESSAGES + 1] = "";
	FILE *picture = must_ptr(fmemopen(text, sizeof text, "w"));
	sigset_t set = only(SIGUSR1);
	siginfo_t info;

	for (int i = 0; i < 3; i++)
		must(sigaddset(&set, SIGRTMIN + i));
	must(sigprocmask(SIG_BLOCK, &set, NULL));
	for (int i = 0; i < MESSAGES; i++)
		if (sent[i].above == STANDARD)
			must(kill(getpid(), SIGUSR1));
		else
			queue(getpid(), SIGRTMIN + sent[i].above,
			      sent[i].letter);
	for (int i = 0; i < MESSAGES; i++) {
		int number = must(sigwaitinfo(&set, &info));
		bool standard = number == SIGUSR1;
		taken[i].above = standard ? STANDARD : number - SIGRTMIN;
		taken[i].letter = standard ? '-'
					   : (char)info.si_value.sival_int;
		order[i] = taken[i].letter;
	}
	draw_row(picture, "sent", sent);
	draw_row(picture, "taken", taken);
	must(fclose(picture));
	say("sent while blocked (+2a is SIGRTMIN+2 with the value 'a'):");
	show(text);
	claim(!strcmp(order + 1, "bedac"),
	      "lowest number first, the same number in the order sent");
	claim(order[0] == '-',
	      "Linux takes a standard signal before real-time ones");
}

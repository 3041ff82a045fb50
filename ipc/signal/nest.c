// # Handlers that interrupt handlers
//
// Real-time signals are delivered lowest number first (queue.c), and yet their
// handlers seem to run the other way round. The kernel does take the lowest
// first: it builds a frame on the stack that enters its handler. But another
// signal is pending, so before the handler's first instruction runs, the kernel
// puts the next frame on top. The last one put there runs first: the highest
// number.
//
// A handler's own signal is blocked while it runs, so the same number cannot
// nest. sa_mask blocks more: with all the others in it, a handler is left
// alone, and the order is that of delivery.
//
// In its frame a handler finds the mask that will be restored when it returns
// (uc_sigmask). What is blocked there, other handlers below it have blocked:
// that is how deep it is.

#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "ipc/signal/scenes.h"
#include "lab.h"

enum { KINDS = 3, RUNS = 2 * KINDS };

static volatile sig_atomic_t runs;
static volatile struct run {
	int above; // SIGRTMIN
	int depth; // 0: it has interrupted no other handler
} ran[RUNS];

static void note_run(int number, siginfo_t *info, void *context)
{
	const ucontext_t *interrupted = context;
	struct run run = { .above = number - SIGRTMIN };

	(void)info;
	for (int i = 0; i < KINDS; i++)
		run.depth += sigismember(&interrupted->uc_sigmask,
					 SIGRTMIN + i);
	ran[runs] = run;
	runs = runs + 1;
}

// Two of each number are sent. Notes the order of the handlers.
static void nest(bool mask_others, char order[RUNS + 1])
{
	struct sigaction action = { .sa_sigaction = note_run,
				    .sa_flags = SA_SIGINFO };
	sigset_t set;

	must(sigemptyset(&set));
	for (int i = 0; i < KINDS; i++)
		must(sigaddset(&set, SIGRTMIN + i));
	must(sigemptyset(&action.sa_mask));
	if (mask_others)
		action.sa_mask = set;
	for (int i = 0; i < KINDS; i++)
		must(sigaction(SIGRTMIN + i, &action, NULL));
	runs = 0;
	must(sigprocmask(SIG_BLOCK, &set, NULL));
	for (int i = 0; i < RUNS; i++)
		queue(getpid(), SIGRTMIN + i % KINDS, i);
	must(sigprocmask(SIG_UNBLOCK, &set, NULL));
	for (int i = 0; i < RUNS; i++)
		order[i] = i < runs ? (char)('0' + ran[i].above) : '-';
	order[RUNS] = '\0';
}

// A row for each depth, from left to right as the handlers ran.
static void draw_nesting(int deepest)
{
	char text[256];
	FILE *picture = must_ptr(fmemopen(text, sizeof text, "w"));

	for (int depth = deepest; depth >= 0; depth--) {
		int gap = 2;
		fprintf(picture, "depth %d", depth);
		for (int i = 0; i < RUNS; i++)
			if (ran[i].depth == depth) {
				fprintf(picture, "%*s+%d", gap, "",
					ran[i].above);
				gap = 1;
			} else {
				gap += 3;
			}
		fputc('\n', picture);
	}
	must(fclose(picture));
	show(text);
}

void scene_nest(void)
{
	char order[RUNS + 1];

	say("SIGRTMIN+0, +1 and +2, two each; the handlers as they ran:");
	nest(false, order);
	draw_nesting(KINDS - 1);
	claim(!strcmp(order, "221100"),
	      "each new frame is put on top: the highest number runs first");
	claim(ran[0].depth == 2 && ran[RUNS - 1].depth == 0,
	      "the first to run has interrupted two others");
	say("the same with all three in sa_mask:");
	nest(true, order);
	draw_nesting(0);
	claim(!strcmp(order, "001122"),
	      "with a full sa_mask they run as they are delivered");
}

// # A line that says how far it is
//
// On standard error, and only if that is a terminal; only when something takes
// longer than a moment; and gone when it is over, also when Ctrl-C ends it. The
// signal's handler may call nothing but write(2) (signal-safety(7)), then gives
// the signal its old meaning back and sends it again, so that the shell sees
// what ended us.

#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "options.h"
#include "relay.h"

static const int64_t MOMENT_NS = 700000000, STEP_NS = 100000000;

static const int ends_us[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
enum { ENDS_US = sizeof ends_us / sizeof *ends_us };

static volatile sig_atomic_t on_screen;
static const char clear_line[] = "\r\033[K";

static void clear_and_end(int signal_number)
{
	if (on_screen &&
	    write(STDERR_FILENO, clear_line, sizeof clear_line - 1) == -1)
		on_screen = 0;
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

// What whoever started us wants ignored stays ignored.
static void set_handlers(void (*from)(int), void (*to)(int))
{
	struct sigaction action;

	for (int i = 0; i < ENDS_US; i++)
		if (sigaction(ends_us[i], NULL, &action) == 0 &&
		    action.sa_handler == from)
			signal(ends_us[i], to);
}

void progress_open(struct progress *progress)
{
	*progress = (struct progress){
		.canvas = canvas_of(STDERR_FILENO),
		.terminal = isatty(STDERR_FILENO),
	};
	// the last column stays free: some terminals would begin a new line
	progress->canvas.columns--;
	if (progress->terminal)
		set_handlers(SIG_DFL, clear_and_end);
}

void progress_forget(void)
{
	set_handlers(clear_and_end, SIG_DFL);
}

void progress_begin(struct progress *progress)
{
	progress->began_ns = progress->next_ns = now_ns();
	progress->next_ns += MOMENT_NS;
}

void progress_clear(struct progress *progress)
{
	if (progress->shown)
		fputs(clear_line, stderr);
	progress->shown = false;
	on_screen = 0;
}

static bool is_due(struct progress *progress, int64_t now)
{
	if (!progress->terminal || now < progress->next_ns)
		return false;
	progress->next_ns = now + STEP_NS;
	return true;
}

static void shown(struct progress *progress)
{
	fflush(stderr);
	progress->shown = true;
	on_screen = 1;
}

void progress_tell(struct progress *progress, const char *what,
		   const char *which)
{
	if (!is_due(progress, now_ns()))
		return;
	fprintf(stderr, "\r%s %s\033[K", what, which);
	shown(progress);
}

void progress_show(struct progress *progress, const char *what, uint64_t done,
		   uint64_t all)
{
	char text[160], amount[HUMAN_BYTES], speed[HUMAN_BYTES];
	char rest[HUMAN_BYTES];
	int64_t now = now_ns();

	if (!is_due(progress, now))
		return;
	double rate = (double)done * 1e9 / (double)(now - progress->began_ns);
	human_size(amount, done);
	human_size(speed, (uint64_t)rate);
	if (all == ANY_BYTES || rate < 1) {
		fprintf(stderr, "\r%s: %s, %s/s\033[K", what, amount, speed);
	} else {
		double left = done < all ? (double)(all - done) : 0;
		snprintf(text, sizeof text, "%s, %s/s, %s left", what, speed,
			 human_duration(rest, left / rate * 1e9));
		char *line = draw_progress(&progress->canvas,
					   (double)done / (double)all, text);
		fprintf(stderr, "\r%s\033[K", line ? line : text);
		free(line);
	}
	shown(progress);
}

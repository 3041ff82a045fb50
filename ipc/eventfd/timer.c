// # timerfd: time as something to read
//
// A timer behind a descriptor: it becomes readable when it expires, and a read
// returns how often it has expired since the last one. No signal, no handler,
// no timeout to compute before each poll. (For an alarm at a time of day take
// CLOCK_REALTIME and TFD_TIMER_CANCEL_ON_SET: when somebody sets the clock, a
// read fails with ECANCELED.)

#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "ipc/eventfd/scenes.h"
#include "lab.h"

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){ ns / 1000000000, ns % 1000000000 };
}

// First at (TFD_TIMER_ABSTIME) or after `first_ns`; 0 disarms it.
static void arm(int timer, int flags, int64_t first_ns, int64_t period_ns)
{
	const struct itimerspec when = {
		.it_value = timespec_of(first_ns),
		.it_interval = timespec_of(period_ns),
	};

	must(timerfd_settime(timer, flags, &when, NULL));
}

static void sleep_until(int64_t ns)
{
	const struct timespec until = timespec_of(ns);

	must_zero(
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
}

// ## Who comes late is told how late
//
// A period of 1 ms, and nobody reads until 5 have passed. One read returns them
// all. (Linux lets the timer expire once and works out the others when it is
// read: nobody is interrupted for ticks that nobody waits for.)
//
// How many it must be follows from the clock, looked at before the read and
// after it: on a busy machine the reader may come later than it wanted.

static int64_t expirations(int64_t first_ns, int64_t period_ns, int64_t at_ns)
{
	return at_ns < first_ns ? 0 : (at_ns - first_ns) / period_ns + 1;
}

void scene_late(void)
{
	enum { PERIOD_NS = 1000000, PERIODS = 5 };
	int timer = new_timer();
	int64_t first_ns = now_ns() + PERIOD_NS;

	arm(timer, TFD_TIMER_ABSTIME, first_ns, PERIOD_NS);
	sleep_until(first_ns + (PERIODS - 1) * PERIOD_NS);
	int64_t before_ns = now_ns();
	int64_t told = (int64_t)read_number(timer);
	int64_t least = expirations(first_ns, PERIOD_NS, before_ns);
	int64_t most = expirations(first_ns, PERIOD_NS, now_ns());
	say("a tick each 1 ms; I come after %.1f ms, and read %jd",
	    (double)(before_ns - first_ns + PERIOD_NS) / 1e6, (intmax_t)told);
	claim(told >= PERIODS, "one read tells all that were missed");
	claim(least <= told && told <= most,
	      "as many as have passed by the clock");

	arm(timer, 0, 0, 0);
	sleep_until(now_ns() + 2 * PERIOD_NS);
	claim(!(ready(timer) & POLLIN), "disarmed: no tick comes any more");
	say("now set once, to a moment that is past");
	arm(timer, TFD_TIMER_ABSTIME, now_ns() - PERIOD_NS, 0);
	claim(read_number(timer) == 1, "it expires at once, and once");
}

// ## From now, or at
//
// Something is to be done every 4 ms, and takes 1 ms. The wrong way arms the
// timer "in 4 ms" each time when the work is done: the period is 5 ms, and all
// delays of a busy machine add up. The right way names the moments: a first
// one, absolute, and an interval. However long the work takes, the next tick is
// where it belongs, and ticks that were missed are counted.

enum { PERIOD_NS = 4000000, WORK_NS = 1000000, ROUNDS = 5 };
enum { RELATIVE, ABSOLUTE, WAYS };

struct work {
	int64_t elapsed_ns;
	int64_t ticks, least, most; // counted, and possible by the clock
};

static struct work do_work(int way, struct span spans[ROUNDS])
{
	struct work work = { .ticks = 0 };
	int timer = new_timer();
	int64_t start_ns = now_ns(), first_ns = start_ns + PERIOD_NS;

	if (way == ABSOLUTE)
		arm(timer, TFD_TIMER_ABSTIME, first_ns, PERIOD_NS);
	for (int i = 0; i < ROUNDS; i++) {
		if (way == RELATIVE)
			arm(timer, 0, PERIOD_NS, 0);
		work.least = expirations(first_ns, PERIOD_NS, now_ns());
		work.ticks += (int64_t)read_number(timer);
		int64_t begin_ns = now_ns();
		work.most = expirations(first_ns, PERIOD_NS, begin_ns);
		sleep_until(begin_ns + WORK_NS);
		spans[i] = (struct span){ way, begin_ns - start_ns,
					  now_ns() - start_ns, 'w' };
	}
	work.elapsed_ns = now_ns() - start_ns;
	must(close(timer));
	return work;
}

void scene_drift(void)
{
	static const char *const tracks[WAYS] = { "relative", "absolute" };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct span spans[WAYS * ROUNDS];
	struct work relative = do_work(RELATIVE, spans);
	struct work absolute = do_work(ABSOLUTE, spans + ROUNDS);

	say("every 4 ms a piece of work of 1 ms, %d times:", ROUNDS);
	char *picture = must_ptr(
		draw_timeline(&canvas, tracks, WAYS, spans, WAYS * ROUNDS));
	show(picture);
	free(picture);
	claim(relative.elapsed_ns >= ROUNDS * (PERIOD_NS + WORK_NS),
	      "armed anew each time, %d ticks take %d ms or more, not %d",
	      ROUNDS, ROUNDS * (PERIOD_NS + WORK_NS) / 1000000,
	      ROUNDS * PERIOD_NS / 1000000);
	claim(absolute.least <= absolute.ticks &&
		      absolute.ticks <= absolute.most,
	      "absolute, it counts the periods of the clock: no drift");
}

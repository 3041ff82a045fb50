// # What the scenes share

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"
#include "sync/mutex/scenes.h"

static void *wait_for_lock(void *argument)
{
	struct waiter *w = argument;

	speak_as(w->name);
	atomic_store(&w->tid, (pid_t)syscall(SYS_gettid));
	w->kind->lock(w->lock, &w->node);
	w->log[(*w->logged)++] = w->number;
	w->kind->unlock(w->lock, &w->node);
	atomic_store(&w->done, 1);
	return NULL;
}

void begin_waiter(struct waiter *waiter)
{
	must_zero(pthread_create(&waiter->thread, NULL, wait_for_lock, waiter));
	await_that(atomic_load(&waiter->tid));
}

void end_waiter(struct waiter *waiter)
{
	must_zero(pthread_join(waiter->thread, NULL));
}

bool is_in_line(const struct waiter *waiter, int place)
{
	if (waiter->kind->bytes == sizeof(struct ticket) &&
	    waiter->kind->patience != LOCK_SLEEPS &&
	    waiter->kind != lock_kind("mcs"))
		return atomic_load(&waiter->lock->ticket.next) ==
		       (uint32_t)place + 1;
	return atomic_load(&waiter->lock->mcs.tail) == &waiter->node;
}

void short_nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

int64_t cpu_time_of(pthread_t thread)
{
	clockid_t id;
	struct timespec t;

	must_zero(pthread_getcpuclockid(thread, &id));
	must(clock_gettime(id, &t));
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void show_bars(const struct bar *bars, size_t n, bool logarithmic)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(draw_bars(&canvas, bars, n, logarithmic));

	show(picture);
	free(picture);
}

struct contest_sum hold_contest(const struct contest *contest,
				struct contestant *who)
{
	struct contest_sum sum;

	int error = contest_run(contest, who, &sum);
	if (error == -EAGAIN)
		skip("no room for %d threads: raise ulimit -u or -v",
		     contest->threads);
	must_neg(error);
	return sum;
}

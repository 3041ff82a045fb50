// # What is done the same way in every scene

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "cpu.h"
#include "draw.h"
#include "lab.h"
#include "mem/tlb/tlb.h"
#include "stats.h"

static const int64_t MOMENT_NS = 700000000, STEP_NS = 100000000;

struct spread spread_of(const double *values, size_t n)
{
	struct interval sure = stats_median_interval(values, n);

	return (struct spread){ stats_median(values, n), sure.low, sure.high };
}

int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

// Another CPU has another TLB, which knows nothing yet.
int stay_here(void)
{
	int cpu = sched_getcpu();

	return cpu >= 0 && pin_to_cpu(cpu) == 0 ? cpu : -1;
}

size_t huge_bytes_in(const struct stretch *stretch)
{
	ssize_t bytes = stretch_huge_bytes(stretch);

	if (bytes == -ENOENT || bytes == -EACCES || bytes == -EPERM)
		skip("/proc/self/smaps tells which pages are huge, and cannot "
		     "be read: mount /proc (CONFIG_PROC_PAGE_MONITOR)");
	return (size_t)must_neg(bytes);
}

void far_begin(struct far *far, const char *what, size_t all)
{
	*far = (struct far){ .what = what, .all = all };
	far->next_ns = isatty(STDERR_FILENO) ? now_ns() + MOMENT_NS : INT64_MAX;
}

void far_step(struct far *far)
{
	far->done++;
	if (far->next_ns == INT64_MAX || now_ns() < far->next_ns)
		return;
	struct canvas canvas = canvas_of(STDERR_FILENO);
	canvas.columns--;
	char *line = draw_progress(
		&canvas, (double)far->done / (double)far->all, far->what);
	fprintf(stderr, "\r%s\033[K", line ? line : far->what);
	fflush(stderr);
	free(line);
	far->shown = true;
	far->next_ns = now_ns() + STEP_NS;
}

void far_end(struct far *far)
{
	if (far->shown)
		fputs("\r\033[K", stderr);
	far->shown = false;
}

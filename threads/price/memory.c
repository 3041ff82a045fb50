// # What a worker weighs
//
// A thread's stack is a mapping of as much as `ulimit -s` says, 8 MiB here, but
// a page of it exists when it is touched. What a thread weighs is the pages it
// has touched, and in the kernel a task and a stack of 16 KiB (on x86-64). A
// process has in addition an address space: page tables, and a copy of each
// page that it or its parent has written since the fork.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"
#include "lab.h"
#include "options.h"
#include "threads/price/price.h"

enum { WORKERS = 100 };

// KiB of kernel stacks in the whole machine, or -1.
static long kernel_stacks_kib(void)
{
	char text[16384];

	host_line("/proc/vmstat", text, sizeof text);
	const char *row = strstr(text, "nr_kernel_stack ");
	return row ? strtol(row + strlen("nr_kernel_stack "), NULL, 10) : -1;
}

struct weight {
	long mapped_kib, resident_kib, tables_kib;
};

static struct weight weigh(void)
{
	return (struct weight){ status_kib("VmSize:"), status_kib("VmRSS:"),
				status_kib("VmPTE:") };
}

static void *stand(void *argument)
{
	pthread_barrier_t *turn = argument;

	pthread_barrier_wait(turn); // main weighs
	pthread_barrier_wait(turn);
	return NULL;
}

static void weigh_threads(void)
{
	pthread_barrier_t turn;
	pthread_t threads[WORKERS];
	char size[HUMAN_BYTES];
	int made = 0, error = 0;

	must_zero(pthread_barrier_init(&turn, NULL, WORKERS + 1));
	long stacks_kib = kernel_stacks_kib();
	struct weight before = weigh();
	while (made < WORKERS && !error) {
		error = pthread_create(&threads[made], NULL, stand, &turn);
		made += !error;
	}
	need_task(error);
	pthread_barrier_wait(&turn);
	struct weight after = weigh();
	long more_stacks_kib = kernel_stacks_kib() - stacks_kib;
	pthread_barrier_wait(&turn);
	for (int i = 0; i < WORKERS; i++)
		must_zero(pthread_join(threads[i], NULL));
	must_zero(pthread_barrier_destroy(&turn));

	long mapped_kib = after.mapped_kib - before.mapped_kib;
	long resident_kib = after.resident_kib - before.resident_kib;
	long stack_kib = (long)(default_stack_bytes() / 1024);
	say("a thread:  mapped %s",
	    human_size(size, (uint64_t)mapped_kib * 1024 / WORKERS));
	say("           resident %.1f KiB, page tables %.1f KiB",
	    (double)resident_kib / WORKERS,
	    (double)(after.tables_kib - before.tables_kib) / WORKERS);
	if (stacks_kib >= 0)
		say("           kernel stacks %.1f KiB (of the whole machine)",
		    (double)more_stacks_kib / WORKERS);
	claim(mapped_kib >= WORKERS * stack_kib,
	      "%d threads have mapped %d whole stacks", WORKERS, WORKERS);
	claim(resident_kib < mapped_kib / 2,
	      "and have touched less than half of that");
}

// A child reports of itself. What it shares with its parent is counted as
// resident in both; what it has for itself is what is private and dirty, as
// smaps_rollup says (proc(5)).
struct report {
	struct weight weight;
	long private_kib;
};

static long private_kib(void)
{
	char text[4096];

	host_line("/proc/self/smaps_rollup", text, sizeof text);
	const char *row = strstr(text, "Private_Dirty:");
	return row ? strtol(row + strlen("Private_Dirty:"), NULL, 10) : -1;
}

static void weigh_a_process(void)
{
	struct report *report = must(mmap(NULL, sizeof *report,
					  PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid_t child = fork_as("child");

	if (child == 0) {
		report->weight = weigh();
		report->private_kib = private_kib();
		_exit(EXIT_SUCCESS);
	}
	reap(child);
	say("a process: resident %ld KiB, most of it its parent's",
	    report->weight.resident_kib);
	if (report->private_kib >= 0)
		say("           its own %ld KiB, page tables %ld KiB",
		    report->private_kib, report->weight.tables_kib);
	claim(report->weight.tables_kib > 0,
	      "a process has page tables of its own");
	must(munmap(report, sizeof *report));
}

void scene_memory(void)
{
	weigh_threads();
	weigh_a_process();
}

// # The larger the parent, the dearer its fork
//
// fork copies page tables: 8 bytes for each page of 4 KiB that is resident and
// private, so 2 MiB of tables for 1 GiB, and as many counters of pages to
// count up. The parent pays again afterwards, with a fault for each page that
// it writes. A thread and a child of vfork have nothing to copy, whatever the
// parent holds.
//
// (Huge pages would need 512 times fewer entries, so they are turned off here.
// A forked server of many GiB is why there are posix_spawn and vfork.)

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "options.h"
#include "stats.h"
#include "threads/price/price.h"

enum { STEPS = 6, ROUNDS = 3, ENTRY_BYTES = 8, LOOKED_AT = 256 };
static const size_t least_bytes = 1 << 20;

static const int compared[] = { FORK, VFORK, PTHREAD };
enum { COMPARED = sizeof compared / sizeof *compared };

static char *grow(size_t bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	// Without huge pages in the kernel: EINVAL, and that is as well.
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	size_t page = (size_t)must(sysconf(_SC_PAGESIZE));
	for (size_t i = 0; i < bytes; i += page)
		memory[i] = 1;
	return memory;
}

static double price_of(const struct way *way)
{
	double ns[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		int64_t start_ns = now_ns();
		way->make();
		ns[i] = (double)(now_ns() - start_ns);
	}
	return stats_median(ns, ROUNDS);
}

// How large the page tables of a forked child are, as it sees them itself.
static bool child_has_tables(size_t bytes)
{
	size_t page = (size_t)must(sysconf(_SC_PAGESIZE));
	size_t least_kib = bytes / page * ENTRY_BYTES / 1024;
	int status;
	pid_t child = fork_as("child");

	if (child == 0)
		_exit((size_t)status_kib("VmPTE:") >= least_kib ? EXIT_SUCCESS
								: EXIT_FAILURE);
	must(waitpid(child, &status, 0));
	return status == 0;
}

// Faults of this thread while it writes to pages that it has written before. (A
// sanitizer would note each write in a page of its own.)
static __attribute__((no_sanitize("thread", "address"))) long
faults_of_writing(char *memory)
{
	struct rusage before, after;
	size_t page = (size_t)must(sysconf(_SC_PAGESIZE));

	must(getrusage(RUSAGE_THREAD, &before));
	for (size_t i = 0; i < LOOKED_AT; i++)
		((volatile char *)memory)[i * page] = 2;
	must(getrusage(RUSAGE_THREAD, &after));
	return after.ru_minflt - before.ru_minflt;
}

struct growth {
	double mib[STEPS], us[COMPARED][STEPS];
	int steps;
	bool tables;           // of each forked child were its own
	long faults[COMPARED]; // afterwards
};

// One size. Returns how long that took, or -1: there is no such memory here.
static int64_t look_at(struct growth *growth, size_t bytes)
{
	int64_t start_ns = now_ns();
	int step = growth->steps;
	char *memory = grow(bytes);

	if (!memory)
		return -1;
	growth->mib[step] = (double)bytes / (1 << 20);
	for (int i = 0; i < COMPARED; i++) {
		growth->us[i][step] = price_of(&ways[compared[i]]) / 1e3;
		growth->faults[i] = faults_of_writing(memory);
	}
	growth->tables &= child_has_tables(bytes);
	must(munmap(memory, bytes));
	growth->steps++;
	return now_ns() - start_ns;
}

static void draw(const struct growth *growth)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	const struct axes axes = {
		.x_title = "MiB resident",
		.y_title = "us",
		.x = growth->mib,
		.points = (size_t)growth->steps,
		.x_logarithmic = true,
		.y_logarithmic = true,
	};
	struct curve curves[COMPARED];

	for (int i = 0; i < COMPARED; i++)
		curves[i] = (struct curve){ ways[compared[i]].name,
					    ways[compared[i]].name[0],
					    growth->us[i] };
	char *picture = must_ptr(draw_curves(&canvas, &axes, curves, COMPARED));
	show(picture);
	free(picture);
}

void scene_grown(void)
{
	struct growth growth = { .tables = true };
	size_t bytes = least_bytes;
	int64_t took_ns = 0, total_ns = 0;

	while (growth.steps < STEPS && took_ns >= 0 &&
	       total_ns + 4 * took_ns < 2 * (int64_t)BUDGET_NS) {
		took_ns = look_at(&growth, bytes);
		total_ns += took_ns;
		bytes *= 4;
	}
	char size[HUMAN_BYTES];
	if (growth.steps < STEPS)
		say("%s and more are left out: %s", human_size(size, bytes),
		    took_ns < 0 ? "no such memory" : "it would take long");
	say("to make one and wait for it, from a parent of this size:");
	draw(&growth);
	for (int step = 0; step < growth.steps; step++)
		say("%5.0f MiB: fork %8.1f us, vfork %6.1f, thread %6.1f",
		    growth.mib[step], growth.us[0][step], growth.us[1][step],
		    growth.us[2][step]);
	say("then the parent writes %d pages; faults after", LOOKED_AT);
	say("fork %ld, vfork %ld, thread %ld", growth.faults[0],
	    growth.faults[1], growth.faults[2]);
	claim(growth.tables,
	      "each forked child has page tables of its own for all of it");
	claim(growth.faults[0] >= LOOKED_AT,
	      "after fork each page that is written faults");
	claim(growth.faults[1] < LOOKED_AT && growth.faults[2] < LOOKED_AT,
	      "after vfork and a thread they are as they were");
}

// # The same job by ever more workers
//
// 8,000 pieces of arithmetic, some 20 ms for one CPU, shared out evenly. More
// workers than CPUs cannot be faster: there is nobody to run them. But each has
// to be made, put to sleep, woken, switched to and buried (스레드 많이
// 생성하면, Context Switching이 많이 일어나 성능 저하). Where that costs as
// much as the job itself, so that all takes twice as long as with the best number
// of workers, it tips over. Each number has three runs if they are short, and the
// fastest counts: what is slower was held up by strangers.
//
// All wait at a gate, a pipe that nobody writes to, until the last has come:
// they are to exist at the same time. The bill for the switches is in
// getrusage(2).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "threads/price/price.h"

enum {
	PIECES = 8000,
	TURNS = 1500, // of a piece
	STEPS = 5,
	STACK_BYTES = 256 * 1024,
	RUNS = 3,
	TRIED = 2, // up to this step, however long one takes
};
static const int counts[STEPS] = { 1, 10, 100, 1000, 10000 };

// Shared by all workers of a run, threads or processes. Relaxed: both are
// counters, and their readers wait for the workers by other means.
struct job {
	_Atomic uint64_t sum;
	_Atomic int arrived;
	int workers;
	int gate[2];
	bool processes;
};

// The same result in whatever order; volatile, or the compiler knows it.
static uint64_t piece(unsigned n)
{
	volatile uint64_t x = n;

	for (int i = 0; i < TURNS; i++)
		x = x * UINT64_C(6364136223846793005) + 1;
	return x;
}

struct worker {
	struct job *job;
	unsigned first, end;
	pthread_t thread;
};

static struct worker share_of(struct job *job, int n)
{
	return (struct worker){
		.job = job,
		.first = (unsigned)((long)PIECES * n / job->workers),
		.end = (unsigned)((long)PIECES * (n + 1) / job->workers),
	};
}

static void do_share(const struct worker *worker)
{
	struct job *job = worker->job;
	char byte;
	uint64_t sum = 0;

	atomic_fetch_add_explicit(&job->arrived, 1, memory_order_relaxed);
	while (read(job->gate[0], &byte, 1) == -1)
		if (errno != EINTR)
			die_at(__FILE__, __LINE__, "read(gate)", errno);
	for (unsigned n = worker->first; n < worker->end; n++)
		sum += piece(n);
	atomic_fetch_add_explicit(&job->sum, sum, memory_order_relaxed);
}

static void *do_share_as_thread(void *argument)
{
	do_share(argument);
	return NULL;
}

static void open_gate_for(struct job *job, int workers)
{
	while (atomic_load_explicit(&job->arrived, memory_order_relaxed) <
	       workers)
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	must(close(job->gate[1]));
}

// Both return how many could be made, and have waited for these.
static int run_threads(struct job *job)
{
	struct worker *workers =
		must_ptr(calloc((size_t)job->workers, sizeof *workers));
	pthread_attr_t attributes;
	int made = 0;

	must_zero(pthread_attr_init(&attributes));
	must_zero(pthread_attr_setstacksize(&attributes, STACK_BYTES));
	for (; made < job->workers; made++) {
		workers[made] = share_of(job, made);
		if (pthread_create(&workers[made].thread, &attributes,
				   do_share_as_thread, &workers[made]) != 0)
			break;
	}
	open_gate_for(job, made);
	for (int n = 0; n < made; n++)
		must_zero(pthread_join(workers[n].thread, NULL));
	must_zero(pthread_attr_destroy(&attributes));
	free(workers);
	return made;
}

static int run_processes(struct job *job)
{
	int made = 0;

	for (; made < job->workers; made++) {
		pid_t child = fork();
		if (child == -1)
			break;
		if (child == 0) {
			must(close(job->gate[1]));
			struct worker me = share_of(job, made);
			do_share(&me);
			_exit(EXIT_SUCCESS);
		}
	}
	open_gate_for(job, made);
	for (int n = 0; n < made; n++)
		must(wait(NULL));
	return made;
}

static long switches(int who)
{
	struct rusage usage;

	must(getrusage(who, &usage));
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

struct runs {
	const char *name;
	int (*run)(struct job *job);
	int who; // whose switches
	int most;
	double ms[STEPS];
	long switches[STEPS];
	int wrong; // runs with another result
};

// One run. Returns its time, or -1 when not all workers could be made.
static int64_t run_once(struct runs *runs, int step, uint64_t *sum)
{
	struct job *job = must(mmap(NULL, sizeof *job, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	job->workers = counts[step];
	must(pipe2(job->gate, O_CLOEXEC));
	long before = switches(runs->who);
	int64_t start_ns = now_ns();
	int made = runs->run(job);
	int64_t took_ns = now_ns() - start_ns;
	must(close(job->gate[0]));
	runs->switches[step] = switches(runs->who) - before;
	runs->ms[step] = (double)took_ns / 1e6;
	*sum = atomic_load_explicit(&job->sum, memory_order_relaxed);
	must(munmap(job, sizeof *job));
	if (made == counts[step])
		return took_ns;
	if (made == 0)
		need_task(EAGAIN);
	say("%d %s: refused after %d (see the scene limits)", counts[step],
	    runs->name, made);
	runs->ms[step] = NAN;
	return -1;
}

// The fastest of a few. Returns its time, or -1 when not all workers could be made.
static int64_t run_some(struct runs *runs, int step, uint64_t wanted)
{
	int64_t spent_ns = 0, best_ns = INT64_MAX;
	long switches = 0;

	for (int run = 0; run < RUNS && spent_ns < BUDGET_NS / 10; run++) {
		uint64_t sum;
		int64_t took_ns = run_once(runs, step, &sum);
		if (took_ns < 0)
			return -1;
		runs->wrong += sum != wanted;
		spent_ns += took_ns;
		if (took_ns < best_ns) {
			best_ns = took_ns;
			switches = runs->switches[step];
		}
	}
	runs->ms[step] = (double)best_ns / 1e6;
	runs->switches[step] = switches;
	return best_ns;
}

static void say_where_it_tips(const struct runs *runs)
{
	int best = 0;

	for (int step = 1; step < STEPS; step++)
		if (runs->ms[step] < runs->ms[best])
			best = step;
	for (int step = best + 1; step < STEPS; step++)
		if (runs->ms[step] >= 2 * runs->ms[best]) {
			say("it tips over at %d %s: %.1f times as long as "
			    "with %d",
			    counts[step], runs->name,
			    runs->ms[step] / runs->ms[best], counts[best]);
			return;
		}
	say("as far as that it does not tip over: %s", runs->name);
}

// Whatever runs on no CPU when the gate opens has been switched away from at
// least once. (Sanitizers are slow, and know 8,000 threads at most.)
static void run_all(struct runs *runs, uint64_t wanted)
{
	long cpus = must(sysconf(_SC_NPROCESSORS_ONLN));
	int64_t took_ns = 0;
	int switched = 0, tried = 0;

	for (int step = 0; step < STEPS; step++) {
		runs->ms[step] = NAN;
		if (took_ns < 0 || counts[step] > runs->most)
			continue;
		if (step > TRIED && 5 * took_ns > BUDGET_NS) {
			say("%d %s and more: left out, would take long",
			    counts[step], runs->name);
			took_ns = -1;
			continue;
		}
		took_ns = run_some(runs, step, wanted);
		if (took_ns < 0)
			continue;
		tried++;
		switched += runs->switches[step] >= counts[step] - cpus;
		say("%5d %-9s %8.1f ms, %6ld switches", counts[step],
		    runs->name, runs->ms[step], runs->switches[step]);
	}
	say_where_it_tips(runs);
	claim(tried > 0 && runs->wrong == 0, "%s: always the same result",
	      runs->name);
	claim(switched == tried, "and a switch for each that had to wait");
}

static void draw(const struct runs *threads, const struct runs *processes)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	double x[STEPS];
	const struct axes axes = {
		.x_title = "workers",
		.y_title = "ms for the job",
		.x = x,
		.points = STEPS,
		.x_logarithmic = true,
		.y_logarithmic = true,
	};
	const struct curve curves[] = {
		{ "threads", 't', threads->ms },
		{ "processes", 'p', processes->ms },
	};

	for (int step = 0; step < STEPS; step++)
		x[step] = counts[step];
	char *picture = must_ptr(draw_curves(&canvas, &axes, curves, 2));
	show(picture);
	free(picture);
}

void scene_many(void)
{
#ifdef OSLAB_SANITIZED
	enum { MOST_THREADS = 1000, MOST_PROCESSES = 100 };
#else
	enum { MOST_THREADS = 10000, MOST_PROCESSES = 10000 };
#endif
	struct runs threads = { .name = "threads",
				.run = run_threads,
				.who = RUSAGE_SELF,
				.most = MOST_THREADS };
	struct runs processes = { .name = "processes",
				  .run = run_processes,
				  .who = RUSAGE_CHILDREN,
				  .most = MOST_PROCESSES };
	uint64_t wanted = 0;

	int64_t start_ns = now_ns();
	for (unsigned n = 0; n < PIECES; n++)
		wanted += piece(n);
	say("the job by nobody but main: %.1f ms",
	    (double)(now_ns() - start_ns) / 1e6);
	run_all(&threads, wanted);
	run_all(&processes, wanted);
	draw(&threads, &processes);
}

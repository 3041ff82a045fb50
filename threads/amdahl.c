// # Amdahl: how much faster with more workers?
//
// Chapter 11 · Threads (스레드)
//
// The notes: several threads do work at the same time (동시에 실행가능), and with
// many of them performance falls (성능 저하). Both have a shape. What must be done
// one after another takes its time whatever the number of workers, so with the
// serial share f of the work n workers are at most
//
//     1 / (f + (1 - f) / n)
//
// times as fast as one: Amdahl's law; never more than 1/f. And more workers than
// CPUs only take turns. This lab measures the serial part of a job, draws what
// the law allows beside what this machine does, and then crowds the CPUs.
//
//     $ build/threads/amdahl             every scene
//     $ build/threads/amdahl law         one of them
//
//     law · the serial part, and what it allows
//      1777.75 ms  main     one worker: 9.4 ms, of which 1.3 are serial: f = 0.14
//      1777.79 ms  main     so at most 7.0 times as fast, by any crew; CPUs: 2
//                  ✓ every piece was done once, by every crew
//                  ✓ and every crew came to the same result
//
// Times are this machine's, and only said; what is claimed are counts, and that
// nobody gets more CPU time than there is.
//
// Try: make the serial part ten times as long, then a tenth. Which workers are
// worth having? In `crowd`, let each piece end with a short sleep, as one does
// that waits for a disk: why do more workers than CPUs pay now?
//
// Read next: threads/pool/ (the workers), threads/price (what a thread costs),
// threads/checksum/ (a tool with a serial part: one large file).
// Sources: Amdahl, "Validity of the Single Processor Approach to Achieving
// Large-Scale Computing Capabilities", AFIPS 1967; Gustafson, "Reevaluating
// Amdahl's Law", CACM 31 (1988), for what the law does not say.

#define _GNU_SOURCE
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"
#include "draw.h"
#include "lab.h"
#include "random.h"
#include "stats.h"
#include "threads/pool/pool.h"

enum { PIECES = 64, ROUNDS = 5, STEPS = 20000, SETTINGS = 6 };

static const double crews[SETTINGS] = { 1, 2, 4, 8, 16, 32 };

// ## A job
//
// First a chain of random numbers, of which each needs the one before: serial.
// Then 64 pieces of arithmetic that need nothing of each other.

struct piece {
	struct pool_task task;
	uint64_t seed, result;
	int64_t cpu_ns;
	_Atomic int runs;
};

struct job {
	struct pool_task task;
	struct piece pieces[PIECES];
	bool serial_part;
	uint64_t result;
	int64_t serial_ns, total_ns, cpu_ns; // of the pieces together
};

static int64_t my_cpu_ns(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static uint64_t churn(uint64_t seed, int steps)
{
	struct random random = { seed };
	uint64_t sum = 0;

	for (int i = 0; i < steps; i++)
		sum ^= random_next(&random);
	return sum;
}

static void do_piece(struct pool_worker *me, struct pool_task *task)
{
	struct piece *piece = (struct piece *)task;
	int64_t begin = my_cpu_ns();

	(void)me;
	piece->result = churn(piece->seed, 5 * STEPS);
	piece->runs++;
	piece->cpu_ns = my_cpu_ns() - begin;
}

static void do_job(struct pool_worker *me, struct pool_task *task)
{
	struct job *job = (struct job *)task;
	int64_t begin = now_ns();
	uint64_t seed = 1;

	for (int i = 0; i < PIECES; i++) {
		if (job->serial_part)
			seed = churn(seed, STEPS);
		job->pieces[i] = (struct piece){ .task.run = do_piece,
						 .seed = seed + i };
	}
	job->serial_ns = now_ns() - begin;
	for (int i = 0; i < PIECES; i++)
		pool_spawn(me, &job->pieces[i].task);
	for (int i = PIECES - 1; i >= 0; i--)
		pool_sync(me, &job->pieces[i].task);
	for (int i = 0; i < PIECES; i++) {
		job->result ^= job->pieces[i].result;
		job->cpu_ns += job->pieces[i].cpu_ns;
	}
	job->total_ns = now_ns() - begin;
}

static struct job run_job(int workers, bool serial_part)
{
	struct job job = { .task.run = do_job, .serial_part = serial_part };
	struct pool *pool;

	must_neg(
		pool_open(&pool, &(struct pool_options){ .workers = workers }));
	must_neg(pool_run(pool, &job.task));
	pool_close(pool);
	return job;
}

static bool each_once(const struct job *job)
{
	for (int i = 0; i < PIECES; i++)
		if (job->pieces[i].runs != 1)
			return false;
	return true;
}

static void draw(const struct axes *axes, const struct curve *curves, size_t n)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(draw_curves(&canvas, axes, curves, n));

	show(picture);
	free(picture);
}

// ## The law
//
// The serial share is measured with one worker, in this run. The rounds of all
// crews take turns, so that what disturbs the machine disturbs all of them, and
// the fastest of each counts: others can only make a round slower.

static void law(void)
{
	double ms[SETTINGS][ROUNDS], serial[ROUNDS];
	double allowed[SETTINGS], possible[SETTINGS], seen[SETTINGS];
	bool once = true, same = true;
	int cpus = usable_cpus();
	uint64_t result = 0;

	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < SETTINGS; i++) {
			struct job job = run_job((int)crews[i], true);
			ms[i][round] = (double)job.total_ns / 1e6;
			if (i == 0) {
				serial[round] = (double)job.serial_ns / 1e6;
				result = round ? result : job.result;
			}
			once &= each_once(&job);
			same &= job.result == result;
		}
	for (int i = 0; i < SETTINGS; i++)
		stats_sort(ms[i], ROUNDS);
	stats_sort(serial, ROUNDS);
	double one = ms[0][0], f = serial[0] / one;
	say("one worker: %.1f ms, of which %.1f are serial: f = %.2f", one,
	    serial[0], f);
	say("so at most %.1f times as fast, by any crew; CPUs: %d", 1 / f,
	    cpus);
	for (int i = 0; i < SETTINGS; i++) {
		allowed[i] = 1 / (f + (1 - f) / crews[i]);
		possible[i] = 1 / (f + (1 - f) / fmin(crews[i], cpus));
		seen[i] = one / ms[i][0];
		say("%2.0f workers: %5.1f to %5.1f ms, %4.2f as fast, law %.2f",
		    crews[i], ms[i][0], ms[i][ROUNDS - 1], seen[i], allowed[i]);
	}
	draw(&(struct axes){ .x_title = "workers",
			     .y_title = "times as fast as one",
			     .x = crews,
			     .points = SETTINGS,
			     .x_logarithmic = true },
	     (const struct curve[]){
		     { "this machine", 'm', seen },
		     { "the law, with the CPUs there are", 'c', possible },
		     { "Amdahl's law, a CPU for each worker", 'A', allowed },
	     },
	     3);
	claim(once, "every piece was done once, by every crew");
	claim(same, "and every crew came to the same result");
}

// ## More workers than CPUs
//
// Without a serial part, and with ever more workers. The kernel shares the CPUs
// out among them; each turn costs a context switch, and the cache of who had the
// CPU before. CPU time is counted by the kernel for each thread
// (CLOCK_THREAD_CPUTIME_ID), and is the one thing that workers cannot multiply.

static void crowd(void)
{
	double ms[SETTINGS][ROUNDS], seen[SETTINGS];
	long switches[SETTINGS] = { 0 };
	bool within = true, once = true;
	int cpus = usable_cpus();

	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < SETTINGS; i++) {
			struct rusage before, after;
			must(getrusage(RUSAGE_SELF, &before));
			struct job job = run_job((int)crews[i], false);
			must(getrusage(RUSAGE_SELF, &after));
			ms[i][round] = (double)job.total_ns / 1e6;
			switches[i] += after.ru_nvcsw - before.ru_nvcsw +
				       after.ru_nivcsw - before.ru_nivcsw;
			once &= each_once(&job);
			// a hundredth for the kernel's bookkeeping
			within &= (double)job.cpu_ns <=
				  1.01 * (double)job.total_ns *
					  fmin(cpus, crews[i]);
		}
	for (int i = 0; i < SETTINGS; i++) {
		stats_sort(ms[i], ROUNDS);
		seen[i] = ms[i][0];
		say("%2.0f workers: %5.1f to %5.1f ms, %ld context switches",
		    crews[i], ms[i][0], ms[i][ROUNDS - 1],
		    switches[i] / ROUNDS);
	}
	draw(&(struct axes){ .x_title = "workers",
			     .y_title = "ms",
			     .x = crews,
			     .points = SETTINGS,
			     .x_logarithmic = true,
			     .rows = 8 },
	     &(const struct curve){ "this machine, the fastest of 5 rounds",
				    'm', seen },
	     1);
	claim(once, "every piece was done once, by every crew");
	claim(within,
	      "no crew got more CPU time than its workers, and the %d "
	      "CPU%s, had",
	      cpus, cpus == 1 ? "" : "s");
}

// ## Sixteen on one CPU
//
// The extreme: all workers are kept on a single CPU. They do the work of one,
// and all of it must pass through the same place.

static void one_cpu(void)
{
	struct topology topology;

	must_neg(topology_read(&topology));
	int cpu = topology.cpus[topology.count - 1].number;
	topology_free(&topology);
	must_neg(pin_to_cpu(cpu));
	struct job job = run_job(16, false);
	say("16 workers on CPU %d: %.1f ms for %.1f ms of CPU time", cpu,
	    (double)job.total_ns / 1e6, (double)job.cpu_ns / 1e6);
	claim((double)job.total_ns * 1.01 >= (double)job.cpu_ns,
	      "they take no less time than their CPU times together");
	claim(each_once(&job), "every piece was done once");
}

static const struct scene scenes[] = {
	{ "law",   "the serial part, and what it allows", law },
	{ "crowd", "more workers than CPUs",              crowd },
	{ "one",   "sixteen workers on one CPU",          one_cpu },
	{ 0 }
};

static const struct lab lab = {
	.name = "threads/amdahl",
	.summary = "speed-up over workers: Amdahl's law, and too many of them",
	.chapter = "11 · Threads",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

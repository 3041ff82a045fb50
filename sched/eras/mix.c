// # The mix: two jobs that compute, two that wait, and how they are run
//
// A and C are calculations, what the first computers were built for. B and D
// compute a little, wait for something slow (a tape, a printer, a person), and
// compute a little. All four are there at the beginning.
//
// What is compared with a prediction must not depend on luck. The waits are all
// of one length, so who waits first is back first, and with nothing but the order
// of arrival to go by (batch, FIFO) the turns are sure: B is 6 ms ahead of D. In
// time sharing, on one CPU or two, no two events that could change places are
// closer than 2 ms. Work that is up to 10 % slower than asked for changes none.

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "cpu.h"
#include "eras.h"
#include "lab.h"
#include "random.h"
#include "sched/model/simulate.h"

#define MS INT64_C(1000000)

const struct era eras[ERAS] = {
	[BATCH] = { "batch", "batch", 1, true, NEVER },
	[MULTIPROGRAMMING] = { "multiprogramming", "fifo", 1, false, 6 * MS },
	[TIME_SHARING] = { "time sharing", "rr", 1, false, 2 * MS },
	[MULTIPROCESSING] = { "two CPUs", "rr", CPUS, false, 2 * MS },
};

const struct jobs *mix(void)
{
	static const int64_t a[] = { 52 * MS }, c[] = { 24 * MS };
	static const int64_t b[] = { 6 * MS, 24 * MS, 6 * MS, 24 * MS, 6 * MS };
	static const int64_t d[] = { 8 * MS, 24 * MS, 8 * MS, 24 * MS, 8 * MS };
	static const struct job_line lines[JOBS] = {
		{ .name = "A", .bursts_ns = a, .bursts = 1 },
		{ .name = "B", .bursts_ns = b, .bursts = 5 },
		{ .name = "C", .bursts_ns = c, .bursts = 1 },
		{ .name = "D", .bursts_ns = d, .bursts = 5 },
	};
	static struct jobs jobs;

	if (jobs.count == 0)
		must_neg(jobs_make(&jobs, lines, JOBS));
	return &jobs;
}

// ## Where
//
// CPU 0 takes most of the machine's own work, so one CPU is the one with the
// highest number, and two are cores of their own if there are such.

bool enough_cpus(int wanted)
{
	return usable_cpus() >= wanted;
}

static void choose_cpus(int cpus[CPUS], int wanted)
{
	static const enum placement best[] = { CROSS_CORE, CROSS_SOCKET, SMT };
	struct topology topology;
	bool found = false;

	if (!enough_cpus(wanted))
		skip("this process may use one CPU, and it takes two: see "
		     "taskset(1), cpuset(7)");
	must_neg(topology_read(&topology));
	for (int i = 0; i < 3 && !found && wanted > 1; i++)
		found = topology_pair(&topology, best[i], cpus);
	if (!found)
		cpus[0] = topology.cpus[topology.count - 1].number;
	topology_free(&topology);
}

// ## How
//
// The same policy, from sched/policy, predicts and rules: in the model it is
// asked by a virtual clock, on the machine by a dispatcher which lets the job
// that it picks run, a real process, and holds the others.

static void observe(struct run *run, const struct policy *policy,
		    const struct policy_settings *settings)
{
	int cpus[CPUS] = { 0 };
	struct witness witness;
	struct live live = { .cpus = cpus,
			     .cpu_count = run->era->cpus,
			     .progress = witness_progress,
			     .progress_argument = &witness };

	choose_cpus(cpus, run->era->cpus);
	witness_begin(&witness, cpus, run->era->cpus);
	int error = live_dispatch(&live, policy, settings, mix(),
				  &run->observed, &run->notes);
	struct ours ours = witness_end(&witness);
	if (error == -EPERM || error == -EACCES || error == -ENOSYS ||
	    error == -EAGAIN)
		skip("%s", run->notes.told);
	if (error != 0)
		die_at(__FILE__, __LINE__, "live_dispatch", -error);
	run->who_known = ours.known;
	run->real = account_of(run->era, mix(), &run->observed, &ours);
	free(ours.stretches);
}

// A machine has other things to do. A run that was disturbed, by a tenth of its
// makespan or more, or was late beyond what is allowed, is made anew, and of three
// the least disturbed counts: chosen by what was done to it, not by how well it
// fits. Where strangers took more than all jobs need, they are there to stay, and
// trying again is only slow.

enum { ATTEMPTS = 3, CALM_PERCENT = 10 };

static struct run attempt(enum era_name name)
{
	struct random random = { 1 };
	struct policy_settings settings = policy_defaults(&random);
	struct run run = { .era = &eras[name] };
	struct simulation model = { .cpus = run.era->cpus,
				    .keep_slices = true };
	const struct policy *policy = must_ptr(policy_named(run.era->policy));

	settings.quantum_ns = QUANTUM_MS * MS;
	must_neg(simulate(&model, policy, &settings, mix(), &run.predicted));
	run.model = account_of(run.era, mix(), &run.predicted, NULL);
	observe(&run, policy, &settings);
	return run;
}

int64_t disturbance_ns(const struct run *run)
{
	int64_t sum_ns = run->real.lost_ns + run->real.late_ns;

	for (int job = 0; job < JOBS; job++)
		sum_ns += llabs(run->observed.measures[job].ran_ns -
				job_cpu_ns(mix(), job));
	return sum_ns;
}

// A dispatcher with a sanitizer in it does the same in several times the time.
int64_t allowance_ns(const struct run *run)
{
#ifdef OSLAB_SANITIZED
	const int64_t each_ns = 3 * MS;
#else
	const int64_t each_ns = MS;
#endif
	return (run->model.turn_count + run->model.waits) * each_ns;
}

bool too_late(const struct run *run)
{
	return run->real.late_ns > allowance_ns(run);
}

bool mostly_lost(const struct run *run)
{
	return run->real.lost_ns + (run->who_known ? 0 : run->real.late_ns) >
	       run->model.busy_ns;
}

struct run run_era(enum era_name name)
{
	struct run best = attempt(name);
	int attempts = 1;

	while (attempts < ATTEMPTS && !mostly_lost(&best) &&
	       (too_late(&best) ||
		disturbance_ns(&best) * 100 >
			best.model.makespan_ns * CALM_PERCENT)) {
		struct run again = attempt(name);
		if (disturbance_ns(&again) < disturbance_ns(&best)) {
			struct run worse = best;
			best = again;
			again = worse;
		}
		forget(&again);
		attempts++;
	}
	best.attempts = attempts;
	return best;
}

void forget(struct run *run)
{
	history_free(&run->predicted);
	history_free(&run->observed);
}

// # One CPU: batch, multiprogramming, time sharing

#include "eras.h"
#include "lab.h"

// ## Batch processing (배치 처리): one after the other
//
// An operator collects jobs and the machine does them in the order in which they
// were handed in, each to its end. Nobody has to be clever. But a device is a
// thousand times slower than a CPU, and while the job that has the CPU waits for
// one, the dearest machine of the house stands still. And whoever comes last
// sees his first answer when all others are done.

static bool one_after_the_other(const struct run *run)
{
	const struct measure *jobs = run->observed.measures;

	for (int i = 1; i < JOBS; i++)
		if (jobs[i].response_ns < jobs[i - 1].turnaround_ns)
			return false;
	return true;
}

void batch(void)
{
	struct run run = run_era(BATCH);

	say("A: 52 ms, C: 24; B: 3 x 6, D: 3 x 8, waits of 24");
	show_run(&run);
	claim(one_after_the_other(&run),
	      "each job begins when the one before it is done");
	say("%.1f ms of work took %.1f: each wait is idle",
	    (double)run.real.busy_ns / 1e6, (double)run.observed.end_ns / 1e6);
	claim_turns(&run);
	claim_in_time(&run);
	claim_figure(utilisation_of(&run));
	claim_figure(response_of(&run));
	forget(&run);
}

// ## Multiprogramming (멀티 프로그래밍): somebody else runs while one waits
//
// Several jobs are in memory at once. When the one that runs has to wait, the
// CPU goes to the next that is ready, and the device works at the same time. It
// needs an interrupt that tells when the device is done, and protection of one
// job's memory from the others: here is where operating systems begin. A job
// keeps the CPU as long as it wants it (FIFO, no preemption, 비선점형).
//
// Utilisation rises. It would be 100 % if always somebody were ready: here, at
// the end, only B and D are left, and at times both wait.

void multiprogramming(void)
{
	struct run before = run_era(BATCH), run = run_era(MULTIPROGRAMMING);

	show_run(&run);
	claim_turns(&run);
	claim_in_time(&run);
	claim_waits_used(&before, &run);
	claim_change(utilisation_of(&before), utilisation_of(&run));
	claim_change(makespan_of(&before), makespan_of(&run));
	forget(&before);
	forget(&run);
}

// ## Time sharing (시분할): nobody has the CPU for long
//
// Now people sit at terminals, and each wants to see something happen. A timer
// interrupts whoever runs after 10 ms, a quantum, and the CPU goes to the next
// (round robin, preemption, 선점형): the notes' 10 to 20 ms, after which the
// programs seem to run at the same time (멀티 태스킹). With n jobs everybody has
// a first turn after n - 1 quanta, however long the others' jobs are.
//
// Nothing of this makes a job shorter. That here utilisation rises once more is
// an accident of the mix: B and D begin early, so that A and C are there to fill
// their waits. And each turn costs a switch, which in FIFO there were fewer of.

static int turns_of(const struct account *account, int job)
{
	int n = 0;

	for (int i = 0; i < account->turn_count; i++)
		n += account->turns[i].job == job;
	return n;
}

void time_sharing(void)
{
	struct run before = run_era(MULTIPROGRAMMING),
		   run = run_era(TIME_SHARING);

	show_run(&run);
	claim_turns(&run);
	claim_in_time(&run);
	claim(first_round(&run.real) == JOBS,
	      "each job has its first turn before any has its second");
	claim(turns_of(&before.real, 0) == 1 && turns_of(&run.real, 0) > 1,
	      "A had its 52 ms in one turn, now in %d", turns_of(&run.real, 0));
	claim_change(response_of(&before), response_of(&run));
	claim_figure(utilisation_of(&run));
	forget(&before);
	forget(&run);
}

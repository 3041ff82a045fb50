// # Several CPUs, and all eras under each other

#include "eras.h"
#include "lab.h"

// ## Multiprocessing (멀티 프로세싱): several CPUs
//
// One queue of those who are ready, and each CPU takes the first of it. Now jobs
// do run at the same moment, which until here only seemed so. But there is only
// so much to do at the same time: the makespan does not halve, for a job that
// computes, waits and computes takes as long as it takes, and each CPU is idle
// more often than the one was. (The notes have one program run on several CPUs in
// parallel, 병렬: that takes threads, chapter 11.)

void multiprocessing(void)
{
	struct run run = run_era(MULTIPROCESSING),
		   before = run_era(TIME_SHARING);

	show_run(&run);
	claim_turns(&run);
	claim_in_time(&run);
	if (run.real.together_ns > 0 || !mostly_lost(&run))
		claim(run.real.together_ns > 0 && before.real.together_ns == 0,
		      "for %.1f ms two jobs run at once; on one CPU never",
		      (double)run.real.together_ns / 1e6);
	else
		say("two jobs never ran at once: others had the CPUs");
	claim_change(makespan_of(&before), makespan_of(&run));
	claim_change(response_of(&before), response_of(&run));
	claim_change(utilisation_of(&before), utilisation_of(&run));
	forget(&before);
	forget(&run);
}

// ## The eras, under each other

void together(void)
{
	struct run runs[ERAS];
	size_t n = 0;

	while (n < ERAS && enough_cpus(eras[n].cpus)) {
		runs[n] = run_era((enum era_name)n);
		n++;
	}
	show_eras(runs, n);
	show_figures(runs, n);
	if (n < ERAS)
		say("two CPUs are left out: this process may use only one");
	for (size_t i = 0; i < n; i++)
		claim_in_time(&runs[i]);
	claim_waits_used(&runs[BATCH], &runs[MULTIPROGRAMMING]);
	claim_change(utilisation_of(&runs[BATCH]),
		     utilisation_of(&runs[MULTIPROGRAMMING]));
	claim_change(response_of(&runs[MULTIPROGRAMMING]),
		     response_of(&runs[TIME_SHARING]));
	if (n == ERAS)
		claim_change(makespan_of(&runs[TIME_SHARING]),
			     makespan_of(&runs[MULTIPROCESSING]));
	for (size_t i = 0; i < n; i++)
		forget(&runs[i]);
}

// # A quiz: the student predicts, the simulator marks
//
//     $ build/sched/sim --quiz --policy=rr jobs.txt
//     round robin
//     A arrives at 0 and runs 30 ms
//     B arrives at 5 and runs 10, waits 20, runs 10 ms
//     A: response time in ms? 0
//     right
//     A: turnaround time in ms? 45
//     wrong: it is 50.00
//     ...
//     4 of 9 right

#define _GNU_SOURCE
#include "quiz.h"

#include <stdio.h>
#include <stdlib.h>

#include "sched/model/history.h"
#include "sched/model/jobs.h"
#include "sched/sim/sim.h"

static double ms(double ns)
{
	return ns / 1e6;
}

static void print_job(const struct jobs *jobs, int job)
{
	char name[JOB_NAME_BYTES];

	printf("%s arrives at %g and", job_name(jobs, job, name),
	       ms((double)jobs->tasks[job].arrival_ns));
	for (size_t i = jobs->first[job]; i < jobs->first[job + 1]; i++) {
		bool waits = (i - jobs->first[job]) % 2 == 1;
		printf("%s %s %g", i == jobs->first[job] ? "" : ",",
		       waits ? "waits" : "runs",
		       ms((double)jobs->bursts_ns[i]));
	}
	printf(" ms\n");
}

int quiz_history(const char *title, const struct jobs *jobs,
		 const struct history *history)
{
	struct summary summary = history_summary(history);
	const struct {
		const char *name;
		double mean_ns;
	} measures[] = {
		{ "response", summary.response_ns },
		{ "turnaround", summary.turnaround_ns },
		{ "waiting", summary.waiting_ns },
	};
	struct quiz quiz = { 0 };
	char name[JOB_NAME_BYTES];

	printf("%s\n", title);
	for (int job = 0; job < (int)jobs->count; job++)
		print_job(jobs, job);
	for (int job = 0; job < (int)jobs->count; job++) {
		const struct measure *m = &history->measures[job];
		const int64_t answers_ns[] = { m->response_ns, m->turnaround_ns,
					       m->waiting_ns };
		for (int i = 0; i < 3; i++)
			if (!quiz_ask(&quiz, ms((double)answers_ns[i]),
				      "%s: %s time in ms",
				      job_name(jobs, job, name),
				      measures[i].name))
				return quiz_end(&quiz);
	}
	for (int i = 0; i < 3; i++)
		if (!quiz_ask(&quiz, ms(measures[i].mean_ns),
			      "the mean %s time in ms", measures[i].name))
			break;
	return quiz_end(&quiz);
}

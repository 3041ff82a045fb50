// # Model: the same three in the simulator
//
// The table of steps that the threads perform becomes a table of jobs: how much
// each computes, from where to where it holds the lock, when it comes. The
// simulator (sched/model) runs them under preemptive priorities with each of the
// three protocols. What it predicts and what the threads did stand one under the
// other.
//
// Times are alike only as far as the machine is quiet; the order is the same on
// any machine, and that is claimed. Who may not have real-time threads sees the
// model alone.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "random.h"
#include "sched/chart/chart.h"
#include "sched/inversion/inversion.h"

enum { PROTOCOLS = CEILING + 1 };

static const char *const names[PROTOCOLS] = {
	[NO_PROTOCOL] = "no protocol",
	[INHERITANCE] = "inheritance",
	[CEILING] = "ceiling",
};

// ## From steps to jobs

// CPU time that a part needs before it does something; before END: all of it.
static int64_t cpu_before(int part, enum deed deed, int what)
{
	const struct step *step = three.parts[part].steps;
	int64_t sum_ns = 0;

	for (; step->deed && (step->deed != deed || step->what != what); step++)
		if (step->deed == COMPUTE)
			sum_ns += (int64_t)step->what * MS;
	return sum_ns;
}

// L wakes both others. M comes when L has got so far, which is later by what H
// did at once, unless the ceiling keeps H back.
static int64_t arrival_of(int part, enum protocol protocol)
{
	if (part == L)
		return 0;
	int64_t arrival_ns = cpu_before(L, WAKE, part);
	if (part == M && protocol != CEILING)
		arrival_ns += cpu_before(H, LOCK, 0);
	return arrival_ns;
}

static void make_jobs(struct jobs *jobs, enum protocol protocol)
{
	struct job_line lines[PARTS];
	int64_t bursts_ns[PARTS];

	for (int i = 0; i < (int)three.count; i++) {
		bursts_ns[i] = cpu_before(i, END, 0);
		lines[i] = (struct job_line){
			.name = three.parts[i].name,
			.arrival_ns = arrival_of(i, protocol),
			.bursts_ns = &bursts_ns[i],
			.bursts = 1,
			.priority = -three.parts[i].urgency, // small is urgent
		};
	}
	must_neg(jobs_make(jobs, lines, three.count));
}

static void predict(struct history *history, const struct jobs *jobs,
		    enum protocol protocol)
{
	static const int users[] = { H, L };
	struct section sections[2];
	struct random random = { 0 };
	struct policy_settings settings = policy_defaults(&random);
	struct simulation simulation = {
		.cpus = 1,
		.keep_slices = true,
		.sections = sections,
		.section_count = 2,
		.protocol = protocol,
	};

	for (int i = 0; i < 2; i++)
		sections[i] = (struct section){
			.job = users[i],
			.lock = 0,
			.from_ns = cpu_before(users[i], LOCK, 0),
			.to_ns = cpu_before(users[i], UNLOCK, 0),
		};
	must_neg(simulate(&simulation, policy_named("priority-preemptive"),
			  &settings, jobs, history));
}

// ## From a performance to a history

static struct history observe(const struct performance *p,
			      const struct jobs *jobs)
{
	struct history history = { .cpus = 1, .slice_count = p->slice_count };
	int64_t zero_ns = p->accounts[L].woken_ns;

	history.slices =
		must_ptr(calloc(p->slice_count + 1, sizeof *history.slices));
	for (size_t i = 0; i < p->slice_count; i++) {
		history.slices[i] = p->slices[i];
		history.slices[i].cpu = 0;
		history.slices[i].begin_ns -= zero_ns;
		history.slices[i].end_ns -= zero_ns;
	}
	must_neg(history_measure(&history, jobs));
	return history;
}

static void show_charts(const struct jobs *jobs, const struct history *model,
			const struct history *here, bool traced)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct chart charts[] = {
		{ .title = "the model", .history = model },
		{ .title = traced ? "here (the kernel's record)"
				  : "here (the threads' own stamps)",
		  .history = here },
	};
	char *picture =
		must_ptr(chart_gantt(&canvas, jobs, charts, here ? 2 : 1));

	show(picture);
	free(picture);
}

// ## The comparison

struct result {
	int64_t model_ns, here_ns; // H, from its coming to its end
};

static struct result compare(enum protocol protocol, const char *expected,
			     bool may)
{
	char predicted[ORDER_BYTES], seen[ORDER_BYTES];
	struct history model, here = { 0 };
	struct performance p = { 0 };
	struct result result = { 0 };
	struct jobs jobs;

	make_jobs(&jobs, protocol);
	predict(&model, &jobs, protocol);
	order_of(predicted, &three, model.slices, model.slice_count);
	result.model_ns = model.measures[H].turnaround_ns;
	if (may) {
		p = perform(&three, protocol);
		here = observe(&p, &jobs);
		order_of(seen, &three, p.slices, p.slice_count);
		result.here_ns = p.accounts[H].ended_ns -
				 p.accounts[H].woken_ns;
	}
	say("%s%s:", names[protocol],
	    protocol == CEILING ? "" : "; ~ is waiting for the lock");
	show_charts(&jobs, &model, may ? &here : NULL,
		    !p.trace_error && !p.lost);
	claim(!strcmp(predicted, expected), "%s: the model runs %s",
	      names[protocol], predicted);
	if (may)
		claim(!strcmp(predicted, seen), "and so did the machine");
	performance_free(&p);
	history_free(&here);
	history_free(&model);
	jobs_free(&jobs);
	return result;
}

static void show_results(const struct result *results, bool may)
{
	char table[256];
	int used = snprintf(table, sizeof table, "%-15s%8s%s\n", "H takes",
			    "model", may ? "    here" : "");

	for (int i = 0; i < PROTOCOLS; i++) {
		used += snprintf(table + used, sizeof table - used,
				 "%-15s%5.1f ms", names[i],
				 (double)results[i].model_ns / MS);
		if (may)
			used += snprintf(table + used, sizeof table - used,
					 "%5.1f ms",
					 (double)results[i].here_ns / MS);
		used += snprintf(table + used, sizeof table - used, "\n");
	}
	show(table);
}

void model(void)
{
	static const char *const orders[PROTOCOLS] = {
		[NO_PROTOCOL] = "L H L M L H L",
		[INHERITANCE] = "L H L H M L",
		[CEILING] = "L H M L",
	};
	struct result results[PROTOCOLS];
	char why[WHY_BYTES];
	bool may = may_perform(&three, why);

	if (!may)
		say("the model alone: %s", why);
	for (int i = 0; i < PROTOCOLS; i++)
		results[i] = compare((enum protocol)i, orders[i], may);
	say("from the moment H comes until it is done:");
	show_results(results, may);
	claim(results[NO_PROTOCOL].model_ns - results[INHERITANCE].model_ns ==
		      cpu_before(M, END, 0),
	      "in the model, inversion costs H all that M computes: %d ms",
	      (int)(cpu_before(M, END, 0) / MS));
	claim(results[INHERITANCE].model_ns == results[CEILING].model_ns,
	      "and both cures help it alike");
}

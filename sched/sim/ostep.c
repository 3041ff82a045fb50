// # --ostep: another program's command line
//
//     $ build/sched/sim --ostep=lottery -s 3 -c
//     $ build/sched/sim --ostep=mlfq -l 0,20,3:5,7,0 -B 10 --format=json
//     $ build/sched/sim --quiz --ostep scheduler -p RR -q 3 -j 5
//
//     $ build/sched/sim --ostep=scheduler -p SJF -l 2.5,1 -c --explain
//     SJF; the jobs as listed, all ready at time 0
//
//       job 0 runs for 2.5
//       job 1 runs for 1
//
//             0.00  job 1 runs for 1.00 and is done at 1.00
//                   because it is the shortest of 2 that have not run, with 1
//             1.00  job 0 runs for 2.50 and is done at 3.50
//                   because it is the shortest of 1 that have not run, with 2.5
//
//     job         response  turnaround     waiting   (seconds)
//     1               0.00        1.00        0.00
//     0               1.00        3.50        1.00
//     mean            0.50        2.25        0.50
//
// A student copies the options from the worksheet, so they are read as the
// course's programs read them (optparse.h); ours stand anywhere between.
//
// Sources: Arpaci-Dusseau & Arpaci-Dusseau, "Operating Systems: Three Easy
// Pieces", https://ostep.org, the homework of the chapters on scheduling.

#define _GNU_SOURCE
#include "sched/sim/ostep.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "optparse.h"
#include "sched/command/command.h"
#include "sched/sim/ostep_parts.h"

// ## The options

#define FIELD(name) offsetof(struct ostep, name)

static const struct optparse_option scheduler_options[] = {
	{ 's', "seed", OPTPARSE_SEED, FIELD(seed), "N", "seed of the exercise (0)" },
	{ 'j', "jobs", OPTPARSE_INTEGER, FIELD(jobs), "N", "how many jobs (3)" },
	{ 'l', "jlist", OPTPARSE_TEXT, FIELD(jlist), "A,B,...",
	  "their run times, instead of random ones" },
	{ 'm', "maxlen", OPTPARSE_INTEGER, FIELD(maxlen), "N", "longest job (10)" },
	{ 'p', "policy", OPTPARSE_TEXT, FIELD(policy), "NAME", "FIFO, SJF or RR (FIFO)" },
	{ 'q', "quantum", OPTPARSE_INTEGER, FIELD(quantum), "N", "slice of RR (1)" },
	{ 'c', NULL, OPTPARSE_FLAG, FIELD(compute), NULL, "show the answers" },
	{ 0 }
};

static const struct optparse_option mlfq_options[] = {
	{ 's', "seed", OPTPARSE_SEED, FIELD(seed), "N", "seed of the exercise (0)" },
	{ 'n', "numQueues", OPTPARSE_INTEGER, FIELD(queues), "N", "queues (3)" },
	{ 'q', "quantum", OPTPARSE_INTEGER, FIELD(quantum), "N",
	  "slice of every queue (10)" },
	{ 'a', "allotment", OPTPARSE_INTEGER, FIELD(allotment), "N",
	  "slices before a job goes down (1)" },
	{ 'Q', "quantumList", OPTPARSE_TEXT, FIELD(quantum_list), "A,B,...",
	  "slice of each queue, the highest first; sets -n" },
	{ 'A', "allotmentList", OPTPARSE_TEXT, FIELD(allotment_list), "A,B,...",
	  "allotment of each queue, the highest first" },
	{ 'j', "numJobs", OPTPARSE_INTEGER, FIELD(jobs), "N", "how many jobs (3)" },
	{ 'm', "maxlen", OPTPARSE_INTEGER, FIELD(maxlen), "N",
	  "bound of the run times (100)" },
	{ 'M', "maxio", OPTPARSE_INTEGER, FIELD(maxio), "N",
	  "bound of the ticks between I/Os (10)" },
	{ 'B', "boost", OPTPARSE_INTEGER, FIELD(boost), "N",
	  "all jobs to the top every N ticks; 0: never (0)" },
	{ 'i', "iotime", OPTPARSE_INTEGER, FIELD(iotime), "N",
	  "how long an I/O takes (5)" },
	{ 'S', "stay", OPTPARSE_FLAG, FIELD(stay), NULL,
	  "an I/O refills slice and allotment" },
	{ 'I', "iobump", OPTPARSE_FLAG, FIELD(iobump), NULL,
	  "after an I/O to the head of the queue" },
	{ 'l', "jlist", OPTPARSE_TEXT, FIELD(jlist), "START,RUN,IO:...",
	  "the jobs, instead of random ones" },
	{ 'c', NULL, OPTPARSE_FLAG, FIELD(compute), NULL, "show the answers" },
	{ 0 }
};

static const struct optparse_option lottery_options[] = {
	{ 's', "seed", OPTPARSE_SEED, FIELD(seed), "N", "seed of the exercise (0)" },
	{ 'j', "jobs", OPTPARSE_INTEGER, FIELD(jobs), "N", "how many jobs (3)" },
	{ 'l', "jlist", OPTPARSE_TEXT, FIELD(jlist), "LENGTH:TICKETS,...",
	  "the jobs, instead of random ones" },
	{ 'm', "maxlen", OPTPARSE_INTEGER, FIELD(maxlen), "N",
	  "bound of the lengths (10)" },
	{ 'T', "maxticket", OPTPARSE_INTEGER, FIELD(maxticket), "N",
	  "bound of the tickets (100)" },
	{ 'q', "quantum", OPTPARSE_INTEGER, FIELD(quantum), "N", "slice (1)" },
	{ 'c', "compute", OPTPARSE_FLAG, FIELD(compute), NULL, "show the answers" },
	{ 0 }
};

static const struct optparse_option our_options[] = {
	{ 0, "ostep", OPTPARSE_TEXT, FIELD(name), "NAME",
	  "scheduler, mlfq or lottery: whose exercise" },
	{ 0, "format", OPTPARSE_FORMAT, FIELD(json), "text|json",
	  "JSON always holds the answers (text)" },
	{ 0, "explain", OPTPARSE_FLAG, FIELD(explain), NULL, "with -c: why this job" },
	{ 0, "steps", OPTPARSE_FLAG, FIELD(steps), NULL,
	  "with -c: every step with the state of the jobs" },
	{ 0, "quiz", OPTPARSE_FLAG, FIELD(quiz), NULL,
	  "ask for the answers and mark them" },
	{ 'h', "help", OPTPARSE_HELP, 0, NULL, "print this" },
	{ 0, "version", OPTPARSE_VERSION, 0, NULL, "print the version" },
	{ 0 }
};

// ## The three programs

struct program {
	const char *name, *summary;
	const char *keys; // what JSON has beside the common keys
	const struct optparse_option *options;
	int (*play)(const struct ostep *options);
	struct ostep defaults;
};

static const struct program programs[] = {
	{ "scheduler", "FIFO, SJF and round robin, jobs without I/O",
	  "length (of a job), ran and done (of a slice)", scheduler_options, ostep_scheduler,
	  { .jobs = 3, .maxlen = 10, .quantum = 1, .jlist = "",
	    .policy = "FIFO" } },
	{ "mlfq", "the multilevel feedback queue",
	  "run, io (of a job), ticks (tick, job, queue, ticks, slices, "
	  "left), idle, boosts", mlfq_options, ostep_mlfq,
	  { .jobs = 3, .maxlen = 100, .quantum = 10, .jlist = "",
	    .queues = 3, .allotment = 1, .maxio = 10, .iotime = 5,
	    .quantum_list = "", .allotment_list = "" } },
	{ "lottery", "lottery scheduling",
	  "length, tickets (of a job), draws (random, winner, ticket, "
	  "tickets)",
	  lottery_options, ostep_lottery,
	  { .jobs = 3, .maxlen = 10, .quantum = 1, .jlist = "",
	    .maxticket = 100 } },
};

enum { PROGRAMS = sizeof programs / sizeof *programs };

// The last --ostep counts, as with all options.
static const struct program *find_program(int argc, char **argv)
{
	const char *names[PROGRAMS + 1] = { NULL };

	for (int i = 0; i < PROGRAMS; i++)
		names[i] = programs[i].name;
	return &programs[option_choice(outside_argp(), "--ostep",
				       optparse_value(argc, argv, "ostep"),
				       names)];
}

static void help(const struct optparse *parser)
{
	const struct program *program = programs;

	while (program->options != parser->theirs)
		program++;
	printf("Usage: sim --ostep=%s [OPTION...]\n"
	       "The exercise of OSTEP's homework program %s: %s,\n"
	       "the same for the same options and seed; its answers with -c.\n"
	       "\n",
	       program->name, program->name, program->summary);
	optparse_print(parser->theirs);
	putchar('\n');
	optparse_print(parser->ours);
	printf("\nExample: sim --ostep=%s -s 3 -c --explain\n\n"
	       "--quiz takes an answer a line: 7, 2.5 or 7/3; an empty one is "
	       "\"I do not know\".\n"
	       "JSON has the keys of sim --format=json, and:\n  %s.\n"
	       "Exit status: 0; with --quiz 1 where an answer was wrong or "
	       "missing; 2 bad usage.\n",
	       program->name, program->keys);
}

int ostep_main(int argc, char **argv)
{
	const struct program *program = find_program(argc, argv);
	struct ostep o = program->defaults;
	char exercise[32];

	snprintf(exercise, sizeof exercise, "--ostep=%s", program->name);
	const struct optparse parser = {
		.exercise = exercise,
		.theirs = program->options,
		.ours = our_options,
		.help = help,
	};
	optparse_read(&parser, argc, argv, &o);
	o.name = program->name;
	if (o.quiz && o.json)
		option_refuse(outside_argp(), "--format", "json",
			      "text beside --quiz, which asks a person");
	return options_end(program->play(&o));
}

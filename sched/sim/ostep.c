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
// course's programs read them (Python's optparse), which is not argp's way: a
// value may begin with a minus, a later option takes the place of an earlier
// one, and words that are no options are ignored. Values may be joined (-s5,
// --seed=5); flags may share a minus (-cs5); long names may be cut short where
// they remain unambiguous.
//
// Our own long options stand anywhere between. None of them has the whole name of
// one of theirs. Where a beginning fits both (--st: stay or steps), it is
// theirs; the whole name is always what it says.
//
// Sources: Arpaci-Dusseau & Arpaci-Dusseau, "Operating Systems: Three Easy
// Pieces", https://ostep.org, the homework of the chapters on scheduling; the
// optparse chapter of the Python Library Reference.

#define _GNU_SOURCE
#include "sched/sim/ostep.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "sched/command/command.h"
#include "sched/sim/ostep_parts.h"

// ## The options

enum kind { FLAG, INTEGER, SEED, TEXT, FORMAT, HELP, VERSION };

struct course_option {
	char letter;      // '\0': it has none
	const char *name; // NULL: it has none
	enum kind kind;
	size_t field;
	const char *value, *help;
};

#define FIELD(name) offsetof(struct ostep, name)

static const struct course_option scheduler_options[] = {
	{ 's', "seed", SEED, FIELD(seed), "N", "seed of the exercise (0)" },
	{ 'j', "jobs", INTEGER, FIELD(jobs), "N", "how many jobs (3)" },
	{ 'l', "jlist", TEXT, FIELD(jlist), "A,B,...",
	  "their run times, instead of random ones" },
	{ 'm', "maxlen", INTEGER, FIELD(maxlen), "N", "longest job (10)" },
	{ 'p', "policy", TEXT, FIELD(policy), "NAME", "FIFO, SJF or RR (FIFO)" },
	{ 'q', "quantum", INTEGER, FIELD(quantum), "N", "slice of RR (1)" },
	{ 'c', NULL, FLAG, FIELD(compute), NULL, "show the answers" },
	{ 0 }
};

static const struct course_option mlfq_options[] = {
	{ 's', "seed", SEED, FIELD(seed), "N", "seed of the exercise (0)" },
	{ 'n', "numQueues", INTEGER, FIELD(queues), "N", "queues (3)" },
	{ 'q', "quantum", INTEGER, FIELD(quantum), "N",
	  "slice of every queue (10)" },
	{ 'a', "allotment", INTEGER, FIELD(allotment), "N",
	  "slices before a job goes down (1)" },
	{ 'Q', "quantumList", TEXT, FIELD(quantum_list), "A,B,...",
	  "slice of each queue, the highest first; sets -n" },
	{ 'A', "allotmentList", TEXT, FIELD(allotment_list), "A,B,...",
	  "allotment of each queue, the highest first" },
	{ 'j', "numJobs", INTEGER, FIELD(jobs), "N", "how many jobs (3)" },
	{ 'm', "maxlen", INTEGER, FIELD(maxlen), "N",
	  "bound of the run times (100)" },
	{ 'M', "maxio", INTEGER, FIELD(maxio), "N",
	  "bound of the ticks between I/Os (10)" },
	{ 'B', "boost", INTEGER, FIELD(boost), "N",
	  "all jobs to the top every N ticks; 0: never (0)" },
	{ 'i', "iotime", INTEGER, FIELD(iotime), "N",
	  "how long an I/O takes (5)" },
	{ 'S', "stay", FLAG, FIELD(stay), NULL,
	  "an I/O refills slice and allotment" },
	{ 'I', "iobump", FLAG, FIELD(iobump), NULL,
	  "after an I/O to the head of the queue" },
	{ 'l', "jlist", TEXT, FIELD(jlist), "START,RUN,IO:...",
	  "the jobs, instead of random ones" },
	{ 'c', NULL, FLAG, FIELD(compute), NULL, "show the answers" },
	{ 0 }
};

static const struct course_option lottery_options[] = {
	{ 's', "seed", SEED, FIELD(seed), "N", "seed of the exercise (0)" },
	{ 'j', "jobs", INTEGER, FIELD(jobs), "N", "how many jobs (3)" },
	{ 'l', "jlist", TEXT, FIELD(jlist), "LENGTH:TICKETS,...",
	  "the jobs, instead of random ones" },
	{ 'm', "maxlen", INTEGER, FIELD(maxlen), "N",
	  "bound of the lengths (10)" },
	{ 'T', "maxticket", INTEGER, FIELD(maxticket), "N",
	  "bound of the tickets (100)" },
	{ 'q', "quantum", INTEGER, FIELD(quantum), "N", "slice (1)" },
	{ 'c', "compute", FLAG, FIELD(compute), NULL, "show the answers" },
	{ 0 }
};

static const struct course_option our_options[] = {
	{ 0, "format", FORMAT, 0, "text|json",
	  "JSON always holds the answers (text)" },
	{ 0, "explain", FLAG, FIELD(explain), NULL, "with -c: why this job" },
	{ 0, "steps", FLAG, FIELD(steps), NULL,
	  "with -c: every step with the state of the jobs" },
	{ 0, "quiz", FLAG, FIELD(quiz), NULL,
	  "ask for the answers and mark them" },
	{ 'h', "help", HELP, 0, NULL, "print this" },
	{ 0, "version", VERSION, 0, NULL, "print the version" },
	{ 0 }
};

// ## The three programs

struct program {
	const char *name, *summary;
	const char *keys; // what JSON has beside the common keys
	const struct course_option *options;
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
	const char *names[PROGRAMS + 1] = { NULL }, *name = "";

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--ostep"))
			name = i + 1 < argc ? argv[i + 1] : "";
		else if (!strncmp(argv[i], "--ostep=", 8))
			name = argv[i] + 8;
	for (int i = 0; i < PROGRAMS; i++)
		names[i] = programs[i].name;
	return &programs[option_choice(outside_argp(), "--ostep", name, names)];
}

// ## --help

static void print_option(const struct course_option *option)
{
	char left[64];
	int n = 0;

	if (option->letter)
		n = snprintf(left, sizeof left, "-%c%s%s%s", option->letter,
			     option->value && !option->name ? " " : "",
			     option->value && !option->name ? option->value
							    : "",
			     option->name ? ", " : "");
	else
		n = snprintf(left, sizeof left, "    ");
	if (option->name)
		snprintf(left + n, sizeof left - (size_t)n, "--%s%s%s",
			 option->name, option->value ? "=" : "",
			 option->value ? option->value : "");
	printf("  %-32s  %s\n", left, option->help);
}

static _Noreturn void help(const struct program *program)
{
	printf("Usage: sim --ostep=%s [OPTION...]\n"
	       "The exercise of OSTEP's homework program %s: %s,\n"
	       "the same for the same options and seed; its answers with -c.\n"
	       "\n",
	       program->name, program->name, program->summary);
	for (const struct course_option *o = program->options; o->help; o++)
		print_option(o);
	putchar('\n');
	for (const struct course_option *o = our_options; o->help; o++)
		print_option(o);
	printf("\nExample: sim --ostep=%s -s 3 -c --explain\n\n"
	       "--quiz takes an answer a line: 7, 2.5 or 7/3; an empty one is "
	       "\"I do not know\".\n"
	       "JSON has the keys of sim --format=json, and:\n  %s.\n"
	       "Exit status: 0; with --quiz 1 where an answer was wrong or "
	       "missing; 2 bad usage.\n",
	       program->name, program->keys);
	exit(options_end(EXIT_SUCCESS));
}

// ## Reading

static const struct course_option *by_letter(const struct course_option *option,
					     char letter)
{
	for (; option->help; option++)
		if (option->letter == letter)
			return option;
	return NULL;
}

// By the whole name (`whole`) or its beginning; *found counts.
static const struct course_option *by_name(const struct course_option *option,
					   const char *name, size_t length,
					   bool whole, int *found)
{
	const struct course_option *last = NULL;

	*found = 0;
	for (; option->help; option++)
		if (option->name && !strncmp(option->name, name, length) &&
		    (!whole || option->name[length] == '\0')) {
			last = option;
			++*found;
		}
	return last;
}

static _Noreturn void refuse_option(const struct program *program,
				    const char *text, const char *what)
{
	exit(complain(EXIT_USAGE,
		      "%s: want %s of --ostep=%s (--help lists them)", text,
		      what, program->name));
}

static const struct course_option *long_option(const struct program *program,
					       const char *text)
{
	const char *name = text + 2;
	size_t length = strcspn(name, "=");
	const struct course_option *option = NULL;
	int found = 0;

	for (int turn = 0; turn < 4 && !found; turn++)
		option = by_name(turn % 2 ? our_options : program->options,
				 name, length, turn < 2, &found);
	if (found > 1)
		refuse_option(program, text, "the name of just one option");
	if (!found)
		refuse_option(program, text, "an option");
	return option;
}

static const struct course_option *letter_option(const struct program *program,
						 const char *text, char letter)
{
	const struct course_option *theirs, *ours;

	theirs = by_letter(program->options, letter);
	if (theirs)
		return theirs;
	ours = by_letter(our_options, letter);
	if (ours)
		return ours;
	refuse_option(program, text, "an option");
}

static void set(const struct program *program, struct ostep *o,
		const struct course_option *option, const char *spelling,
		const char *value)
{
	static const char *const formats[] = { "text", "json", NULL };
	char *field = (char *)o + option->field;

	switch (option->kind) {
	case FLAG:
		*(bool *)field = true;
		break;
	case INTEGER:
		*(int64_t *)field = ostep_integer(spelling, value);
		break;
	case SEED:
		*(uint64_t *)field = ostep_seed(spelling, value);
		break;
	case TEXT:
		*(const char **)field = value;
		break;
	case FORMAT:
		o->json = option_choice(outside_argp(), spelling, value,
					formats);
		break;
	case HELP:
		help(program);
	case VERSION:
		printf("%s\n", argp_program_version);
		exit(options_end(EXIT_SUCCESS));
	}
}

// A command line, and how far it is read.
struct words {
	int argc, at;
	char **argv;
};

static const char *next_word(struct words *words, const char *spelling,
			     const struct course_option *option)
{
	if (words->at + 1 >= words->argc)
		exit(complain(EXIT_USAGE, "%s: want a value: %s", spelling,
			      option->value));
	return words->argv[++words->at];
}

static void read_long(const struct program *program, struct ostep *o,
		      struct words *words)
{
	const char *text = words->argv[words->at];
	const char *value = strchr(text, '=');
	const struct course_option *option = long_option(program, text);
	char spelling[32];

	snprintf(spelling, sizeof spelling, "--%s", option->name);
	if (value && !option->value)
		option_refuse(outside_argp(), spelling, value + 1, "no value");
	if (option->value)
		value = value ? value + 1 : next_word(words, spelling, option);
	set(program, o, option, spelling, value);
}

static void read_letters(const struct program *program, struct ostep *o,
			 struct words *words)
{
	const char *text = words->argv[words->at];

	for (const char *letter = text + 1; *letter; letter++) {
		const struct course_option *option =
			letter_option(program, text, *letter);
		const char spelling[] = { '-', *letter, '\0' };
		if (option->value) {
			set(program, o, option, spelling,
			    letter[1] ? letter + 1
				      : next_word(words, spelling, option));
			return;
		}
		set(program, o, option, spelling, NULL);
	}
}

int ostep_main(int argc, char **argv)
{
	const struct program *program = find_program(argc, argv);
	struct ostep o = program->defaults;
	struct words words = { .argc = argc, .argv = argv };

	o.name = program->name;
	while (++words.at < argc) {
		const char *word = argv[words.at];
		if (!strcmp(word, "--"))
			break;
		if (!strcmp(word, "--ostep"))
			words.at++;
		else if (!strncmp(word, "--ostep=", 8))
			continue;
		else if (!strncmp(word, "--", 2))
			read_long(program, &o, &words);
		else if (word[0] == '-' && word[1])
			read_letters(program, &o, &words);
	}
	if (o.quiz && o.json)
		option_refuse(outside_argp(), "--format", "json",
			      "text beside --quiz, which asks a person");
	return options_end(program->play(&o));
}

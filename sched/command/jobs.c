// # The jobs: from a file, from standard input, or by chance

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "options.h"
#include "sched/command/command.h"

enum {
	OPT_GENERATE = 256,
	OPT_ARRIVALS,
	OPT_LENGTHS,
	OPT_LOAD,
	OPT_MEAN,
	OPT_IO,
	OPT_SEED,
};

static const struct argp_option table[] = {
	{ "generate", OPT_GENERATE, "N", 0, "N jobs, J0 to JN-1", 0 },
	{ "arrivals", OPT_ARRIVALS, "together|poisson|uniform", 0,
	  "When they come (poisson)", 0 },
	{ "lengths", OPT_LENGTHS, "exponential|uniform|fixed|pareto|bimodal",
	  0, "How CPU times are distributed (exponential)", 0 },
	{ "load", OPT_LOAD, "X", 0,
	  "How much of all CPUs they ask for, by their rate of arrival (0.8)",
	  0 },
	{ "mean", OPT_MEAN, "TIME", 0, "The mean CPU time of a job (50)", 0 },
	{ "io", OPT_IO, "X", 0,
	  "Which share of them waits between bursts, 0 to 1 (0)", 0 },
	{ "seed", OPT_SEED, "N", 0,
	  "The same seed, the same jobs, the same luck in the lottery (0)", 0 },
	{ 0 }
};

struct jobs_given jobs_given(size_t most)
{
	return (struct jobs_given){
		.most = most,
		.generate = { .arrivals = POISSON,
			      .lengths = EXPONENTIAL,
			      .load = 0.8,
			      .cpus = 1,
			      .mean_ns = 50000000 },
	};
}

static void finish(const struct jobs_given *given)
{
	if (given->generated && given->input)
		exit(option_complain(EXIT_USAGE,
				     "%s: want a file or --generate, not both",
				     given->input));
	if (!given->generated && given->chance_option)
		exit(option_complain(EXIT_USAGE,
				     "%s: want --generate=N beside it",
				     given->chance_option));
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	static const char *const arrivals[] = { "together", "poisson",
						"uniform", NULL };
	static const char *const lengths[] = { "exponential", "uniform",
					       "fixed",       "pareto",
					       "bimodal",     NULL };
	static const int64_t SHORTEST_MEAN_NS = 1000,
			     LONGEST_MEAN_NS = INT64_C(24) * 3600 * 1000000000;
	struct jobs_given *given = state->input;
	struct generate *g = &given->generate;

	switch (key) {
	case OPT_GENERATE:
		g->count = (size_t)option_number(state, "--generate", text, 1,
						 (int64_t)given->most);
		given->generated = true;
		return 0;
	case OPT_ARRIVALS:
		given->chance_option = "--arrivals";
		g->arrivals = (enum arrivals)option_choice(state, "--arrivals",
							   text, arrivals);
		return 0;
	case OPT_LENGTHS:
		given->chance_option = "--lengths";
		g->lengths = (enum lengths)option_choice(state, "--lengths",
							 text, lengths);
		return 0;
	case OPT_LOAD:
		given->chance_option = "--load";
		g->load = option_real(state, "--load", text, 0.001, 1000);
		return 0;
	case OPT_MEAN:
		given->chance_option = "--mean";
		g->mean_ns = option_time(state, "--mean", text,
					 SHORTEST_MEAN_NS, LONGEST_MEAN_NS);
		return 0;
	case OPT_IO:
		given->chance_option = "--io";
		g->io = option_real(state, "--io", text, 0, 1);
		return 0;
	case OPT_SEED:
		if (!given->seed_alone)
			given->chance_option = "--seed";
		g->seed = (uint64_t)option_number(state, "--seed", text, 0,
						  INT64_MAX);
		return 0;
	case ARGP_KEY_ARG:
		if (given->input)
			exit(option_complain(
				EXIT_USAGE,
				"%s: want one file of jobs, or none for "
				"standard input",
				text));
		given->input = text;
		return 0;
	case ARGP_KEY_END:
		finish(given);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

const struct argp jobs_argp = { .options = table, .parser = parse };

// ## Taking them

static int generate(const struct generate *how, struct jobs *jobs)
{
	int error = jobs_generate(jobs, how);

	if (!error)
		return 0;
	return option_complain(error == -ENOMEM ? EXIT_FAILURE : EXIT_USAGE,
			       "--generate: %s",
			       error == -EOVERFLOW
				       ? "the times of so many jobs of "
					 "this length do not fit into 292 "
					 "years"
				       : strerror(-error));
}

static int judge(const char *name, int error, const struct jobs_error *mistake)
{
	if (error == 0)
		return 0;
	if (error == -EINVAL && mistake->line > 0)
		return option_complain(EXIT_USAGE, "%s:%zu:%zu: %s", name,
				       mistake->line, mistake->column,
				       mistake->text);
	return option_complain(
		error == -EINVAL || error == -EISDIR ? EXIT_USAGE
						     : EXIT_FAILURE,
		"%s: %s", name,
		error == -EINVAL ? mistake->text : strerror(-error));
}

static int read_jobs(const char *path, struct jobs *jobs)
{
	struct jobs_error mistake = { 0 };
	struct stat about;

	if (!path && isatty(STDIN_FILENO))
		return option_complain(
			EXIT_USAGE,
			"want a file of jobs, - for standard input, or "
			"--generate=N; see --help");
	if (!path || !strcmp(path, "-"))
		return judge("standard input", jobs_read(jobs, stdin, &mistake),
			     &mistake);
	FILE *file = fopen(path, "re");
	if (!file)
		return option_complain(EXIT_USAGE, "%s: %s", path,
				       strerror(errno));
	// a folder can be opened; only reading it would fail, and say less
	int error = fstat(fileno(file), &about) == 0 && S_ISDIR(about.st_mode)
			    ? -EISDIR
			    : jobs_read(jobs, file, &mistake);
	fclose(file);
	return judge(path, error, &mistake);
}

int jobs_take(const struct jobs_given *given, struct jobs *jobs)
{
	int status = given->generated ? generate(&given->generate, jobs)
				      : read_jobs(given->input, jobs);

	if (!status && jobs->count > given->most)
		return option_complain(EXIT_USAGE, "%zu jobs: want at most %zu",
				       jobs->count, given->most);
	return status;
}

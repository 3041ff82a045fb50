// # bench rivals: is the harness as lean as the tools it competes with?
//
// A harness that adds work to the loop it times reports figures that are too
// high. So the same mechanism is timed by us and by a known benchmark in turn,
// on the same CPU, 20 fresh starts of each, and the lower quartiles are
// compared: the lower quartile, because the machine can only add to a time. The
// verdict is on the 95 % bootstrap interval of the ratio ours / theirs: it has
// to reach down to 1.03 or less. Ours is the mean of a round's batches here, not
// their median, since theirs are means.
//
// What is the same and what is not:
//
//   perf bench sched pipe       4 bytes there and back over two pipes
//   hackbench -p -g1 -f1        100 bytes one way through a pipe
//   hackbench -g1 -f1           ... through a socket pair
//   stress-ng --switch          one byte through a pipe of one page in packet
//                               mode: its switch figure against our pipe's

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "must.h"
#include "options.h"
#include "supervisor.h"

enum { STARTS = 20, MAX_ARGUMENTS = 16 };
static const double ALLOWED = 1.03;
static const int64_t SLOT_NS = 250000000;

struct rival {
	const char *name, *package;
	const char *argv[MAX_ARGUMENTS];
	const char *marker; // in its output, beside the figure
	bool before;        // the figure stands before the marker
	double to_ns;       // the figure times this is ns an operation
	const char *ours;
};

static const struct rival rivals[] = {
	{ "perf bench sched pipe", "linux-perf",
	  { "perf", "bench", "sched", "pipe", "-l", "50000" },
	  " usecs/op", true, 1000, "ipc/pipe/4B/same-cpu" },
	{ "hackbench, pipe", "rt-tests",
	  { "hackbench", "-p", "-g", "1", "-f", "1", "-l", "200000", "-s",
	    "100" },
	  "Time: ", false, 1e9 / 200000, "bandwidth/pipe/100B/same-cpu" },
	{ "hackbench, socket", "rt-tests",
	  { "hackbench", "-g", "1", "-f", "1", "-l", "100000", "-s", "100" },
	  "Time: ", false, 1e9 / 100000, "bandwidth/socketpair/100B/same-cpu" },
	{ "stress-ng --switch, pipe", "stress-ng",
	  { "stress-ng", "--switch", "1", "--switch-ops", "50000", "--metrics",
	    "--switch-method", "pipe" },
	  " nanosecs per context switch", true, 1,
	  "switch/process-pipe-2/0B/same-cpu" },
};
enum { RIVALS = sizeof rivals / sizeof *rivals };

// Ctrl-C ends this command at once: no round is stopped on its own.
static volatile sig_atomic_t never;

// The figure beside the marker, or 0.
static double figure(const struct rival *rival, const char *output)
{
	const char *at = strstr(output, rival->marker);
	if (!at)
		return 0;
	if (!rival->before)
		return strtod(at + strlen(rival->marker), NULL);
	while (at > output && !strchr(" \t\n", at[-1]))
		at--;
	return strtod(at, NULL);
}

// Runs the rival once on `cpu`; ns an operation, or 0 when it gave none.
static double play_rival(const struct rival *rival, int cpu)
{
	char output[8192];
	size_t n = 0;
	ssize_t got;
	int fd[2], status;

	must(pipe(fd));
	pid_t pid = must(fork());
	if (pid == 0) {
		if (pin_to_cpu(cpu) || dup2(fd[1], STDOUT_FILENO) == -1 ||
		    dup2(fd[1], STDERR_FILENO) == -1)
			_exit(126);
		close(fd[0]);
		close(fd[1]);
		execvp(rival->argv[0], (char *const *)rival->argv);
		_exit(127);
	}
	close(fd[1]);
	while (n < sizeof output - 1 &&
	       (got = read(fd[0], output + n, sizeof output - 1 - n)) > 0)
		n += got;
	output[n] = '\0';
	close(fd[0]);
	must(waitpid(pid, &status, 0));
	if (status != 0)
		return 0;
	return figure(rival, output) * rival->to_ns;
}

static double play_ours(const struct bench_case *c, struct round *round)
{
	struct effort effort = { .slot_ns = SLOT_NS, .max_stamps = 10 };
	double sum = 0;

	round_play(c, &effort, round, &never);
	if (round->error)
		return 0;
	for (int i = 0; i < round->batches; i++)
		sum += round->batch_ns[i];
	return sum / round->batches;
}

static bool installed(const char *program)
{
	char command[128];
	snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1",
		 program);
	return system(command) == 0;
}

// 1 when ours is dearer than allowed.
static int hold_against(const struct rival *rival, struct round *round)
{
	double ours[STARTS], theirs[STARTS];
	char *patterns[] = { (char *)rival->ours, NULL };
	const char *unmatched;
	struct plan plan;
	size_t at = 0;

	must_neg(plan_make(&plan, PLAN_USUAL, patterns, true, &unmatched));
	while (strcmp(plan.cases[at].name, rival->ours))
		at++;
	for (int i = 0; i < STARTS; i++) {
		theirs[i] = play_rival(rival, plan.cases[at].cpus[0]);
		ours[i] = play_ours(&plan.cases[at], round);
		if (theirs[i] <= 0 || ours[i] <= 0) {
			printf("%-26s %s\n", rival->name,
			       theirs[i] <= 0 ? "gave no figure"
					      : round->failure);
			plan_free(&plan);
			return 1;
		}
	}
	struct interval ratio = stats_ratio_interval(ours, STARTS, theirs,
						     STARTS, 0.25);
	stats_sort(ours, STARTS);
	stats_sort(theirs, STARTS);
	double q_ours = stats_quantile(ours, STARTS, 0.25),
	       q_theirs = stats_quantile(theirs, STARTS, 0.25);
	bool lean = ratio.low <= ALLOWED;
	printf("%-26s %8.0f %8.0f   %.2f  [%.2f, %.2f]  %s  %s\n", rival->name,
	       q_theirs, q_ours, q_ours / q_theirs, ratio.low, ratio.high,
	       lean ? "not surely above" : "ABOVE           ", rival->ours);
	fflush(stdout);
	plan_free(&plan);
	return !lean;
}

static bool wanted(const struct rival *rival, char *const *names)
{
	for (; names && *names; names++)
		if (strstr(rival->name, *names))
			return true;
	return !names;
}

static int body(void *argument)
{
	int status = 0, missing = 0, asked = 0;
	struct round *round = must_ptr(round_new());

	printf("%d fresh starts of each in turn, lower quartiles, ns an "
	       "operation\n%-26s %8s %8s  ratio  95 %% interval\n",
	       STARTS, "", "theirs", "ours");
	fflush(stdout);
	for (int i = 0; i < RIVALS; i++) {
		if (!wanted(&rivals[i], argument))
			continue;
		asked++;
		if (installed(rivals[i].argv[0])) {
			status |= hold_against(&rivals[i], round);
			continue;
		}
		missing++;
		printf("%-26s skipped: %s is not installed (package %s, or "
		       "make deps-dev)\n",
		       rivals[i].name, rivals[i].argv[0], rivals[i].package);
	}
	return options_end(missing == asked ? 77 : status);
}

static error_t parse_argument(int key, char *text, struct argp_state *state)
{
	char ***names = state->input;

	(void)text;
	if (key != ARGP_KEY_ARGS)
		return ARGP_ERR_UNKNOWN;
	*names = state->argv + state->next;
	for (char **name = *names; *name; name++) {
		bool known = false;
		for (int i = 0; i < RIVALS; i++)
			known = known || strstr(rivals[i].name, *name);
		if (!known)
			argp_error(state,
				   "no rival is called %s: want perf, "
				   "hackbench or stress-ng",
				   *name);
	}
	return 0;
}

int bench_rivals(int argc, char **argv)
{
	static const struct argp parser = {
		.parser = parse_argument,
		.args_doc = "[NAME...]",
		.doc = "Times the same mechanisms with perf bench, hackbench "
		       "and "
		       "stress-ng and with this program, in turn, on one CPU."
		       "\vExits with 1 when ours is above theirs. Takes about "
		       "a "
		       "minute.\n\nExample: bench rivals perf",
	};
	char **names = NULL;

	argp_parse(&parser, argc, argv, 0, NULL, &names);
	return supervise(body, names);
}

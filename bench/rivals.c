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
//
// And is the ring of ipc/channel, which we wrote, as fast as the one that others
// would take from the shelf, and as the machine lets it be? Here both sides run
// at once, on two cores:
//
//   boost                       64 bytes one way through Boost's spsc_queue
//                               (rivals/spsc.cpp), in each of its four forms;
//                               the interval has to reach down to 1
//   memcpy                      4 KiB through the ring against one copy of them
//                               in the cache: two copies, and the lines go from
//                               core to core, in at most twice the time
//
// What two cores can exchange depends on where they are, by a factor of ten. A
// hypervisor may move them from one core to two of a socket, then to two sockets:
// so a line says how far they were. Two cores of a socket hand a cache line there
// and back in some 80 ns, two sockets in some 500, and no ring makes that up.

#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
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
	double allowed;     // 0: ALLOWED
	bool built;         // by `make rivals`; is told both CPUs
	const char *theirs; // instead of a program: another case of ours
	const char *beside; // a third case, which says where the CPUs are
};

#define PROGRAM(...) .argv = { __VA_ARGS__ }
#define BOOST(form, words, family)                                      \
	{ .name = "boost, " words, .package = "libboost-dev",      \
	  PROGRAM("spsc", form), .marker = " ns a message",             \
	  .before = true, .to_ns = 1, .allowed = 1, .built = true,      \
	  .ours = family "/ring/64B/cross-core" }

static const struct rival rivals[] = {
	{ .name = "perf bench sched pipe", .package = "linux-perf",
	  PROGRAM("perf", "bench", "sched", "pipe", "-l", "50000"),
	  .marker = " usecs/op", .before = true, .to_ns = 1000,
	  .ours = "ipc/pipe/4B/same-cpu" },
	{ .name = "hackbench, pipe", .package = "rt-tests",
	  PROGRAM("hackbench", "-p", "-g", "1", "-f", "1", "-l", "200000",
		  "-s", "100"),
	  .marker = "Time: ", .to_ns = 1e9 / 200000,
	  .ours = "bandwidth/pipe/100B/same-cpu" },
	{ .name = "hackbench, socket", .package = "rt-tests",
	  PROGRAM("hackbench", "-g", "1", "-f", "1", "-l", "100000", "-s",
		  "100"),
	  .marker = "Time: ", .to_ns = 1e9 / 100000,
	  .ours = "bandwidth/socketpair/100B/same-cpu" },
	{ .name = "stress-ng --switch, pipe", .package = "stress-ng",
	  PROGRAM("stress-ng", "--switch", "1", "--switch-ops", "50000",
		  "--metrics", "--switch-method", "pipe"),
	  .marker = " nanosecs per context switch", .before = true, .to_ns = 1,
	  .ours = "switch/process-pipe-2/0B/same-cpu" },
	BOOST("one", "one at a time", "bandwidth"),
	BOOST("visit", "one, visitor", "bandwidth"),
	BOOST("array", "arrays", "batch"),
	BOOST("array-visit", "arrays, visitor", "batch"),
	{ .name = "memcpy, 4 KiB, in cache",
	  .theirs = "floor/memcpy/4KiB/same-cpu",
	  .beside = "floor/handoff/64B/cross-core",
	  .ours = "bandwidth/ring/4KiB/cross-core", .allowed = 2 },
};
#undef BOOST
#undef PROGRAM
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

// Where `make rivals` puts what it builds: beside our objects.
static void find_built(char path[PATH_MAX], const char *program)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	path[n < 0 ? 0 : n] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	}
	n = strlen(path);
	snprintf(path + n, PATH_MAX - n, "/obj/bench/rivals/%s", program);
}

static void become(const struct rival *rival, const int cpus[2])
{
	const char *argv[MAX_ARGUMENTS + 3];
	char path[PATH_MAX], numbers[2][16];
	int n = 0;

	if (!rival->built) {
		execvp(rival->argv[0], (char *const *)rival->argv);
		return;
	}
	while ((argv[n] = rival->argv[n]))
		n++;
	for (int i = 0; i < 2; i++) {
		snprintf(numbers[i], sizeof *numbers, "%d", cpus[i]);
		argv[n++] = numbers[i];
	}
	argv[n] = NULL;
	find_built(path, argv[0]);
	execv(path, (char *const *)argv);
}

// Runs the rival once on `cpus`; ns an operation, or 0 when it gave none.
static double play_rival(const struct rival *rival, const int cpus[2])
{
	char output[8192];
	size_t n = 0;
	ssize_t got;
	int fd[2], status;

	must(pipe(fd));
	pid_t pid = must(fork());
	if (pid == 0) {
		if ((!rival->built && pin_to_cpu(cpus[0])) ||
		    dup2(fd[1], STDOUT_FILENO) == -1 ||
		    dup2(fd[1], STDERR_FILENO) == -1)
			_exit(126);
		close(fd[0]);
		close(fd[1]);
		become(rival, cpus);
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

static bool installed(const struct rival *rival)
{
	char command[PATH_MAX + 64], path[PATH_MAX];

	if (rival->theirs)
		return true;
	if (rival->built) {
		find_built(path, rival->argv[0]);
		return access(path, X_OK) == 0;
	}
	snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1",
		 rival->argv[0]);
	return system(command) == 0;
}

// False when ours is dearer than allowed.
static bool report(const struct rival *rival, double *theirs, double *ours)
{
	struct interval ratio = stats_ratio_interval(ours, STARTS, theirs,
						     STARTS, 0.25);
	stats_sort(ours, STARTS);
	stats_sort(theirs, STARTS);
	double q_ours = stats_quantile(ours, STARTS, 0.25),
	       q_theirs = stats_quantile(theirs, STARTS, 0.25),
	       allowed = rival->allowed > 0 ? rival->allowed : ALLOWED;
	int digits = q_theirs < 100;

	printf("%-26s %8.*f %8.*f  %5.2f  [%.2f, %.2f]  %s %-4.3g  %s\n",
	       rival->name, digits, q_theirs, digits, q_ours, q_ours / q_theirs,
	       ratio.low, ratio.high,
	       ratio.low <= allowed ? "not surely above" : "ABOVE", allowed,
	       rival->ours);
	fflush(stdout);
	return ratio.low <= allowed;
}

static const struct bench_case *case_of(const struct plan *plan,
					const char *name)
{
	size_t at = 0;
	while (strcmp(plan->cases[at].name, name))
		at++;
	return &plan->cases[at];
}

enum verdict { LEAN, DEARER, NOT_HERE };

static enum verdict hold_against(const struct rival *rival, struct round *round)
{
	double ours[STARTS] = { 0 }, theirs[STARTS] = { 0 },
	       beside[STARTS] = { 0 };
	char *patterns[] = { (char *)rival->ours, (char *)rival->theirs,
			     (char *)rival->beside, NULL };
	enum verdict verdict = DEARER;
	const char *unmatched;
	struct plan plan;
	int i;

	must_neg(plan_make(&plan, PLAN_USUAL, patterns, true, &unmatched));
	const struct bench_case *c = case_of(&plan, rival->ours);
	if (c->excluded[0]) {
		printf("%-26s skipped: %s\n", rival->name, c->excluded);
		plan_free(&plan);
		return NOT_HERE;
	}
	for (i = 0; i < STARTS; i++) {
		theirs[i] = rival->theirs
				    ? play_ours(case_of(&plan, rival->theirs),
						round)
				    : play_rival(rival, c->cpus);
		ours[i] = theirs[i] > 0 ? play_ours(c, round) : 0;
		if (theirs[i] <= 0 || ours[i] <= 0)
			break;
		if (rival->beside)
			beside[i] = play_ours(case_of(&plan, rival->beside),
					      round);
	}
	if (i == STARTS)
		verdict = report(rival, theirs, ours) ? LEAN : DEARER;
	else
		printf("%-26s %s\n", rival->name,
		       round->error ? round->failure : "gave no figure");
	if (i == STARTS && rival->beside) {
		stats_sort(beside, STARTS);
		printf("%-26s a cache line there and back: a quarter of the "
		       "starts below %.0f ns, half below %.0f\n",
		       "", stats_quantile(beside, STARTS, 0.25),
		       stats_quantile(beside, STARTS, 0.5));
	}
	plan_free(&plan);
	return verdict;
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
		if (installed(&rivals[i])) {
			enum verdict v = hold_against(&rivals[i], round);
			missing += v == NOT_HERE;
			status |= v == DEARER;
			continue;
		}
		missing++;
		printf("%-26s skipped: %s is not %s (package %s, or "
		       "make deps-dev)\n",
		       rivals[i].name, rivals[i].argv[0],
		       rivals[i].built ? "built: make rivals" : "installed",
		       rivals[i].package);
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
				   "hackbench, stress-ng, boost or memcpy",
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
		       "and stress-ng and with this program, in turn, on one "
		       "CPU; then the shared-memory ring beside Boost's "
		       "spsc_queue and beside memcpy, on two."
		       "\vExits with 1 when ours is above theirs. Takes two "
		       "minutes. `make rivals` holds locks, fibers and the "
		       "pool against libraries, too.\n\nExample: bench rivals "
		       "perf boost",
	};
	char **names = NULL;

	argp_parse(&parser, argc, argv, 0, NULL, &names);
	return supervise(body, names);
}

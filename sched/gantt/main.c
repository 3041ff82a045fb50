// # Gantt: what the kernel's scheduler really does
//
// Chapter 06 · Scheduling algorithms (스케쥴링 알고리즘)
//
// The same jobs as sched/sim takes, but each is a process that really computes
// and really waits, and who gets the CPU when is the kernel's decision. The
// picture is made from the kernel's own records of its switches.
//
//     $ printf 'A 0 30\nB 5 6,20,6\n' | build/sched/gantt
//     2 processes, policy other, CPU 1; what the kernel did, from its own
//     records
//
//     A  █████!··········█████!·····███████████████!█████████!······██]
//     B         ·██!···········████>~~~~~~~~~~~~~~~~~~~~~~~~~~█████!····█]
//        ┬────────────┬─────────────┬────────────┬────────────┬───────────
//        0 ms         10            20           30           40
//     █ runs  · ready  ~ waits (I/O)  ! preempted  > left to wait  ] done
//
//     job   arrival     CPU  response  turnaround  waiting  switches
//     A       0.000  30.930     0.110      46.742   15.812         4
//     B       5.000  12.311     0.831      43.662   11.351         4
//     mean                      0.471      45.202   13.581         4
//
//     job  left  taken off  terms
//     A       0          4  nice 0
//     B       1          2  nice 0
//
// (A stranger had the CPU, too: from 4 to 8 ms both wait. That is what the last
// lines of the report are about.)
//
// What to expect on Linux 6.18 with a tick of 4 ms (CONFIG_HZ=250), found out
// with this program:
//
// - other: EEVDF. Jobs that only compute take turns of one tick, 4 ms: a slice
//   is shorter (0.7 ms, 1.4 with two CPUs: sysctl_sched_base_slice), but whether
//   it is over is looked at with each tick. Who wakes up from a wait is there
//   within 0.1 ms if he has slept for long: his deadline is the earliest. The
//   weights of nice 0 and nice 5 are 1024 and 335.
// - batch: the same shares, but nobody who wakes up displaces it at once: his
//   answer comes with the next tick, and there are fewer switches.
// - idle: weight 3. Among themselves they share as others do; beside one
//   ordinary hog, 10 ms of computing took 2.6 s (0.4 %).
// - fifo: from beginning to end; who waited comes back at the end of the queue
//   of his priority. No quantum.
// - rr: the same with a quantum of 100 ms
//   (/proc/sys/kernel/sched_rr_timeslice_ms): jobs of 30 ms never see it and run
//   as under fifo. Try 250 ms.
// - fifo and rr for longer than 0.95 s: holes of up to 50 ms in each second, in
//   which ordinary processes get their 5 % (real-time throttling,
//   /proc/sys/kernel/sched_rt_runtime_us). Jobs taken off so are "preempted"
//   although nobody more urgent is there.
// - deadline: the earliest deadline first, on all CPUs together; a job that has
//   used up its runtime is not run before its next period, though the CPU be
//   idle. It cannot be tied to one CPU: the kernel's promise is for all.
//
// Try: the same file under fifo, then in sched/sim under eevdf. A hog, `A 0 60',
// and one who waits, `B 10 4,6,4,6,4', under other and batch: how soon does B
// come back? One job with deadline=20 among others without. --cpu=0-1: who is
// moved, and when?
//
// Read next: sched/live/run.c (the order of things), sched/live/worker.c (a job
// as a process), sched/live/trace.c (how the kernel tells of its switches).
// Sources: sched(7), sched_setattr(2), perf_event_open(2),
// Documentation/scheduler/sched-eevdf.rst, sched-deadline.rst, sched-rt-group.rst.

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "gantt.h"
#include "supervisor.h"

static const char chapter[] = "06 · Scheduling algorithms";
static const char summary[] =
	"what the kernel's scheduler does with real processes, drawn";

enum {
	OPT_POLICY = 256,
	OPT_NICE,
	OPT_PRIORITY,
	OPT_CPU,
	OPT_RUNTIME,
	OPT_PERIOD,
	OPT_FORMAT,
	OPT_SVG,
	OPT_LIMIT,
	OPT_FORCE,
	OPT_NO_TRACE,
	OPT_CATALOGUE
};

static const struct argp_option table[] = {
	{ 0, 0, 0, 0, "How the kernel schedules them", 1 },
	{ "policy", OPT_POLICY, "NAME", 0,
	  "other (the default), batch, idle, fifo, rr or deadline: sched(7)",
	  1 },
	{ "nice", OPT_NICE, "N", 0,
	  "Added to each job's nice=, from -20 to 19 (other, batch)", 1 },
	{ "priority", OPT_PRIORITY, "N", 0,
	  "Real-time priority of the most urgent jobs, 1 to 99 (50); a job "
	  "with a larger prio= gets one less, and so on (fifo, rr)",
	  1 },
	{ "cpu", OPT_CPU, "LIST", 0,
	  "The CPUs to run on, such as 1 or 0,2-3; may be repeated (the "
	  "highest that is ours; deadline: all)",
	  1 },
	{ "runtime", OPT_RUNTIME, "TIME", 0,
	  "deadline: CPU time that is reserved for each job per period "
	  "(chosen from the job)",
	  1 },
	{ "period", OPT_PERIOD, "TIME", 0,
	  "deadline: that period (the job's deadline=, else 30ms)", 1 },

	{ 0, 0, 0, 0, "What comes out", 3 },
	{ "format", OPT_FORMAT, "text|json", 0,
	  "For people (the default), or for programs: an array of one object, "
	  "times in ms",
	  3 },
	{ "svg", OPT_SVG, "FILE", 0, "Draw the chart into FILE, too", 3 },

	{ 0, 0, 0, 0, "Safety", 4 },
	{ "limit", OPT_LIMIT, "TIME", 0,
	  "Refuse jobs that would take longer (10m)", 4 },
	{ "force", OPT_FORCE, 0, 0,
	  "Given twice: run also what would make the machine unusable while "
	  "it lasts",
	  4 },
	{ "no-trace", OPT_NO_TRACE, 0, OPTION_HIDDEN, 0, 0 },
	{ "catalogue", OPT_CATALOGUE, 0, OPTION_HIDDEN, 0, 0 },
	{ 0 }
};

static const struct argp_child children[] = {
	{ &jobs_argp, 0, "Jobs by chance, in place of a file", 2 },
	{ 0 }
};

// ## Values

static const int64_t MS_NS = 1000000, DAY_NS = INT64_C(86400000000000);
static const int64_t FIRST_LIMIT_NS = INT64_C(600000000000);

static bool parse_policy_options(struct gantt_options *o, int key,
				 const char *text,
				 const struct argp_state *state)
{
	switch (key) {
	case OPT_POLICY:
		o->policy = (enum kernel_policy)option_choice(
			state, "--policy", text, kernel_policy_names);
		return true;
	case OPT_NICE:
		o->nice = (int)option_number(state, "--nice", text, -20, 19);
		return true;
	case OPT_PRIORITY:
		o->priority = (int)option_number(state, "--priority", text, 1,
						 99);
		return true;
	case OPT_CPU:
		option_cpus(o, state, text);
		return true;
	case OPT_RUNTIME:
		o->runtime_ns = option_time(state, "--runtime", text, 1,
					    DAY_NS);
		return true;
	case OPT_PERIOD:
		o->period_ns = option_time(state, "--period", text, 1, DAY_NS);
		return true;
	}
	return false;
}

// ## What no option says by itself

static void refuse_useless(const struct gantt_options *o,
			   const struct argp_state *state)
{
	const char *name = kernel_policy_names[o->policy];
	bool realtime = o->policy == K_FIFO || o->policy == K_RR;
	bool fair = o->policy == K_OTHER || o->policy == K_BATCH;

	if (o->priority && !realtime)
		argp_failure(state, EXIT_USAGE, 0,
			     "--priority: policy %s has none; want it with "
			     "--policy=fifo or rr",
			     name);
	if (o->nice && !fair)
		argp_failure(state, EXIT_USAGE, 0,
			     "--nice: policy %s does not look at it; want it "
			     "with --policy=other or batch",
			     name);
	if ((o->runtime_ns || o->period_ns) && o->policy != K_DEADLINE)
		argp_failure(state, EXIT_USAGE, 0,
			     "--runtime, --period: policy %s has none; want "
			     "them with --policy=deadline",
			     name);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct gantt_options *o = state->input;

	if (parse_policy_options(o, key, text, state))
		return 0;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->jobs;
		return 0;
	case OPT_FORMAT:
		o->json = option_choice(state, "--format", text, formats);
		return 0;
	case OPT_SVG:
		if (!*text)
			option_refuse(state, "--svg", text, "a file");
		o->svg = text;
		return 0;
	case OPT_LIMIT:
		o->limit_ns = option_time(state, "--limit", text, MS_NS,
					  DAY_NS);
		return 0;
	case OPT_FORCE:
		o->forced++;
		return 0;
	case OPT_NO_TRACE:
		o->no_trace = true;
		return 0;
	case OPT_CATALOGUE:
		printf("sched/gantt\t%s\t%s\ttool\n", summary, chapter);
		exit(options_end(0));
	case ARGP_KEY_END:
		refuse_useless(o, state);
		o->jobs.generate.cpus = o->cpu_count ? o->cpu_count : 1;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = table,
	.parser = parse,
	.children = children,
	.args_doc = "[FILE]",
	.doc = "Runs jobs as real processes under a scheduling policy of the "
	       "kernel, and draws who had the CPU when.\n"
	       "(chapter 06 · Scheduling algorithms)"
	       "\vA job is a line of FILE, or of standard input:\n"
	       "  name arrival cpu[,io,cpu...] [prio=N] [deadline=T] "
	       "[nice=N]\n"
	       "Times are in ms or have a unit (ns us ms s m h). A # begins a "
	       "comment.\n\n"
	       "Examples:\n"
	       "  printf 'A 0 30\\nB 5 10,20,10\\n' | gantt\n"
	       "  gantt --policy=rr --cpu=1 jobs.txt\n"
	       "  gantt --policy=deadline --runtime=5ms --period=20ms "
	       "jobs.txt\n"
	       "  gantt --generate=8 --seed=3 --format=json\n\n"
	       "Exit status: 0 the jobs ran; 1 something failed on the way; 2 "
	       "bad usage, bad jobs, or a run that would hang the machine; 77 "
	       "this host or this user may not do that (it says what is "
	       "missing).",
};

int main(int argc, char **argv)
{
	struct gantt_options options = {
		.limit_ns = FIRST_LIMIT_NS,
		.jobs = jobs_given(JOBS_AT_ONCE),
	};

	options_begin("sched/gantt");
	argp_parse(&parser, argc, argv, 0, NULL, &options);
	return supervise(gantt, &options);
}

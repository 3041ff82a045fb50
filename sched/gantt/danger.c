// # What would hang the machine
//
// A real-time process that computes has the CPU until it is done: the shell, the
// terminal and the ssh connection wait, and so does the kernel's own work in
// threads. With a CPU left over the machine remains usable; with none it does
// not, but for the 5 % that the kernel keeps for the others
// (/proc/sys/kernel/sched_rt_runtime_us). Half a second of that goes unnoticed;
// what is longer must be asked for twice. So must minutes of real-time work on a
// single CPU: whatever is bound to that one stands still.
//
// Deadline tasks are no danger: the kernel admits no more of them than leaves 5 %
// of every second to the others, in small pieces.

#define _GNU_SOURCE
#include <unistd.h>

#include "gantt.h"

static const int64_t UNNOTICED_NS = 500000000, PATIENCE_NS = 10000000000;
enum { ASKED_TWICE = 2 };

static int64_t sum_ns(const struct jobs *jobs)
{
	int64_t sum = 0;

	for (size_t i = 0; i < jobs->count; i++) {
		int64_t cpu = job_cpu_ns(jobs, (int)i);
		sum = cpu > INT64_MAX - sum ? INT64_MAX : sum + cpu;
	}
	return sum;
}

static int64_t plus(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

int64_t predicted_ns(const struct run *run)
{
	const struct jobs *jobs = &run->jobs;
	int64_t last_ns = 0, io_ns = 0;

	for (size_t i = 0; i < jobs->count; i++) {
		int64_t arrival = jobs->tasks[i].arrival_ns;
		int64_t io = job_io_ns(jobs, (int)i);
		last_ns = arrival > last_ns ? arrival : last_ns;
		io_ns = io > io_ns ? io : io_ns;
	}
	return plus(plus(last_ns, io_ns), sum_ns(jobs) / run->live.cpu_count);
}

// A job is one process, so it holds one CPU at a time.
static int held_at_once(const struct run *run)
{
	size_t cpus = (size_t)run->live.cpu_count, jobs = run->jobs.count;
	size_t least = jobs < cpus ? jobs : cpus;

	return least ? (int)least : 1;
}

static int refuse(const struct run *run, const char *what, int64_t busy_ns)
{
	char busy[HUMAN_BYTES], list[CPU_LIST_BYTES];

	return option_complain(
		EXIT_USAGE,
		"policy %s: the jobs would hold %s for %s, and %s "
		"meanwhile; %s",
		kernel_policy_names[run->live.policy], cpu_list(run, list),
		human_duration(busy, (double)busy_ns), what,
		run->options->forced == 1
			? "--force must be given twice for that"
			: "if you really want that, give --force "
			  "twice");
}

int refuse_danger(const struct run *run)
{
	const struct live *live = &run->live;
	bool realtime = live->policy == K_FIFO || live->policy == K_RR;
	int64_t busy_ns = sum_ns(&run->jobs) / held_at_once(run);
	bool every = held_at_once(run) >= sysconf(_SC_NPROCESSORS_ONLN);
	char takes[HUMAN_BYTES], limit[HUMAN_BYTES];

	if (predicted_ns(run) > run->options->limit_ns)
		return option_complain(
			EXIT_USAGE,
			"the jobs would take about %s of real time; "
			"want at most %s (--limit)",
			human_duration(takes, (double)predicted_ns(run)),
			human_duration(limit, (double)run->options->limit_ns));
	if (!realtime || run->options->forced >= ASKED_TWICE)
		return 0;
	if (every && busy_ns > UNNOTICED_NS)
		return refuse(run,
			      "since these are all of the machine's, nothing "
			      "else would run",
			      busy_ns);
	if (busy_ns > PATIENCE_NS)
		return refuse(run,
			      "whatever is bound to a CPU that they hold would "
			      "stand still",
			      busy_ns);
	return 0;
}

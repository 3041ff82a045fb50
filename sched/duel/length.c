// # What is too long
//
// A real-time task of the kernel's own policies goes before everything else: for
// as long as such tasks compute on every CPU there is no shell to stop them,
// but for the twentieth that the kernel keeps for the others
// (/proc/sys/kernel/sched_rt_runtime_us). Half a second of that goes unnoticed;
// what is longer must be asked for twice, and so must what holds a single CPU
// for more than ten. (sched/gantt has the same rules.) Our dispatcher's children
// are no danger: they are ordinary processes.

#define _GNU_SOURCE
#include <unistd.h>

#include "duel.h"
#include "options.h"

static const int64_t UNNOTICED_NS = 500 * MS, PATIENT_NS = 10 * SECOND;
enum { ASKED_TWICE = 2 };

int refuse_length(const struct duel *duel)
{
	const struct options *o = duel->options;
	int64_t end_ns = duel->predicted.end_ns;
	int64_t busy_ns = duel->predicted.busy_ns / duel->cpu_count;
	bool every = duel->cpu_count >= sysconf(_SC_NPROCESSORS_ONLN);
	char takes[HUMAN_BYTES], limit[HUMAN_BYTES];

	if (end_ns > o->limit_ns)
		return option_complain(
			EXIT_USAGE,
			"the jobs would take %s of real time; want at "
			"most %s (--limit)",
			human_duration(takes, (double)end_ns),
			human_duration(limit, (double)o->limit_ns));
	if (!duel->rule || !duel->rule->real_time || o->forced >= ASKED_TWICE ||
	    busy_ns <= (every ? UNNOTICED_NS : PATIENT_NS))
		return 0;
	return option_complain(EXIT_USAGE,
			       "%s for %s on %s: nothing else would run there "
			       "meanwhile; want shorter jobs, or --force twice",
			       duel->rule->title,
			       human_duration(takes, (double)busy_ns),
			       every ? "every CPU" : "a CPU");
}

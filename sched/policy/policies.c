// policies.c - the table of all policies, their other names, usual settings
//
// Adding a policy is adding a file and a row.

#include <stddef.h>
#include <string.h>

#include "parts.h"
#include "random.h"

const struct policy *const policies[] = {
	&policy_batch,
	&policy_fifo,
	&policy_sjf,
	&policy_srtf,
	&policy_priority,
	&policy_priority_preemptive,
	&policy_ageing,
	&policy_ageing_preemptive,
	&policy_rr,
	&policy_mlfq,
	&policy_lottery,
	&policy_stride,
	&policy_edf,
	&policy_eevdf,
	NULL,
};

static const struct {
	const char *other, *name;
} aliases[] = {
	{ "fcfs", "fifo" },
	{ "spn", "sjf" },
	{ "spt", "sjf" },
	{ "srt", "srtf" },
	{ "stcf", "srtf" },
	{ "prio", "priority" },
	{ "priority-p", "priority-preemptive" },
	{ "prio-preemptive", "priority-preemptive" },
	{ "aging", "ageing" },
	{ "aging-preemptive", "ageing-preemptive" },
	{ "round-robin", "rr" },
	{ "feedback", "mlfq" },
	{ "fair", "eevdf" },
	{ "cfs", "eevdf" },
	{ "deadline", "edf" },
};

const struct policy *policy_named(const char *name)
{
	for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
		if (!strcmp(name, aliases[i].other))
			name = aliases[i].name;
	for (size_t i = 0; policies[i]; i++)
		if (!strcmp(name, policies[i]->name))
			return policies[i];
	return NULL;
}

const char *policy_kind(const struct policy *policy)
{
	return policy->time_sharing ? "time sharing, preemptive"
	       : policy->preemptive ? "preemptive"
				    : "batch, non-preemptive";
}

static uint64_t draw(void *luck)
{
	return random_next(luck);
}

struct policy_settings policy_defaults(struct random *random)
{
	enum { MS = 1000000, DOUBLINGS = 7 };
	struct policy_settings settings = {
		.quantum_ns = 10 * MS,
		.levels = 3,
		.boost_ns = 1000 * MS,
		.ageing_ns = 100 * MS,
		.draw = draw,
		.luck = random,
	};

	for (int level = 0; level < LEVELS_MAX; level++) {
		int doublings = level < DOUBLINGS ? level : DOUBLINGS;
		settings.level_quantum_ns[level] = (10 * MS) << doublings;
		settings.level_allotment[level] = 1;
	}
	return settings;
}

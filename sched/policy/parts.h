// parts.h - what the policies share: the rows of the table, memory, phrases

#ifndef SCHED_POLICY_PARTS_H
#define SCHED_POLICY_PARTS_H

#include "policy.h"

extern const struct policy policy_batch, policy_fifo, policy_sjf, policy_srtf,
	policy_priority, policy_priority_preemptive, policy_ageing,
	policy_ageing_preemptive, policy_rr, policy_mlfq, policy_lottery,
	policy_stride, policy_edf, policy_eevdf;

// 0, or -EINVAL for more jobs than an int can number.
int policy_numbered(size_t n);

// Memory for a policy's state: `head` bytes set to 0, and behind them `each`
// bytes for every one of n jobs, not touched (so the pages of jobs that never
// come cost nothing). -EINVAL for more jobs than an int can number; -ENOMEM.
int policy_memory(void **state, size_t head, size_t each, size_t n);

// The destroy of a policy that is one piece of memory.
void policy_free(void *state);

// The tick of policies that let everybody run to the end of his burst, and the
// block and finish of those that keep no account.
bool policy_run_on(void *state, int job, int64_t ran_ns, int64_t now,
		   int64_t *slice_ns);
void policy_leave(void *state, int job, int64_t ran_ns, int64_t now);

// A stretch of time for a phrase, to the ns: "12.5 ms", "NEVER" is "for ever".
enum { SPAN_BYTES = 32 };
const char *span(char text[SPAN_BYTES], int64_t ns);

// For explain, why a job goes before an equal one: "... like the next one, "
// and it queued up earlier or, `head`, was put at the head of its equals.
const char *policy_tie(bool head);

// A number as it is or, where it does not fit, the nearest that does; and so a
// sum and a product.
static inline int64_t within(__int128 value)
{
	return value > INT64_MAX   ? INT64_MAX
	       : value < INT64_MIN ? INT64_MIN
				   : (int64_t)value;
}

static inline int64_t sum_within(int64_t a, int64_t b)
{
	return within((__int128)a + b);
}

static inline int64_t product_within(int64_t a, int64_t b)
{
	return within((__int128)a * b);
}

#endif

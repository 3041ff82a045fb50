// # Who is to blame
//
// Both sides have ended. A side that somebody killed explains everything; then
// comes one that failed for a reason of its own (a full disk), then one that
// complains of its peer. If nobody is to blame, the checksums have the word.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "carry.h"

int side_state(const struct watch *w, int side)
{
	return atomic_load_explicit(&w->ground->sides[side].state,
				    memory_order_acquire);
}

// These are what the mechanisms say when a peer is gone; of a file they would
// mean something else.
bool blames_peer(const struct watch *w, int side)
{
	int error = -w->ground->sides[side].error;

	return side_state(w, side) == SIDE_FAILED &&
	       (error == EPIPE || error == ECONNRESET ||
		error == ECONNREFUSED || error == ESRCH || error == EIDRM ||
		error == EINVAL) &&
	       w->ground->sides[side].step != STEP_WRITING &&
	       w->ground->sides[side].step != STEP_READING;
}

static bool was_killed(const struct watch *w, int side)
{
	return w->ended[side] && !w->killed[side] &&
	       WIFSIGNALED(w->status[side]);
}

static const char *object_of(const struct job *job, enum step step)
{
	return step == STEP_READING   ? job->source->name
	       : step == STEP_WRITING ? job->out_name
				      : NULL;
}

static void tell_failure(const struct watch *w, int side,
			 struct carried *result)
{
	const struct side_report *report = &w->ground->sides[side];
	const char *object = object_of(w->job, report->step);
	char name[128];

	printable(name, sizeof name, object ? object : "");
	if (was_killed(w, side))
		snprintf(result->why, WHY_BYTES, "the %s was killed (SIG%s)",
			 side_names[side],
			 sigabbrev_np(WTERMSIG(w->status[side])) ?: "?");
	else if (side_state(w, side) == SIDE_FAILED)
		snprintf(result->why, WHY_BYTES, "the %s, %s%s%s: %s",
			 side_names[side], step_names[report->step],
			 *name ? " " : "", name, strerror(-report->error));
	else
		snprintf(result->why, WHY_BYTES,
			 "the %s left with status %d and did not say why",
			 side_names[side], WEXITSTATUS(w->status[side]));
	if (side_state(w, side) == SIDE_FAILED &&
	    report->step == STEP_WRITING && report->error == -EPIPE)
		result->ending = NO_READER;
}

// 3: killed by somebody, 2: failed for a reason of its own, 1: failed because
// of its peer, or left without a word, 0: as it should.
static int blame(const struct watch *w, int side)
{
	if (!w->pids[side] || w->killed[side])
		return 0;
	if (was_killed(w, side))
		return 3;
	if (side_state(w, side) == SIDE_FAILED)
		return blames_peer(w, side) ? 1 : 2;
	return w->status[side] != 0;
}

static bool same_bytes(const struct side_report *sent,
		       const struct side_report *got, char why[WHY_BYTES])
{
	char left[33], right[33];

	if (sent->bytes == got->bytes &&
	    XXH128_isEqual(sent->checksum, got->checksum))
		return true;
	checksum_text(left, sent->checksum);
	checksum_text(right, got->checksum);
	snprintf(why, WHY_BYTES,
		 "what came is not what was sent: %llu bytes, checksum %s, "
		 "became %llu bytes, checksum %s",
		 (unsigned long long)sent->bytes, left,
		 (unsigned long long)got->bytes, right);
	return false;
}

void judge(const struct watch *w, struct carried *result)
{
	const struct side_report *sent = &w->ground->sides[SENDER];
	const struct side_report *got = &w->ground->sides[RECEIVER];
	int side = blame(w, RECEIVER) > blame(w, SENDER);

	result->bytes = atomic_load_explicit(&w->ground->carried,
					     memory_order_relaxed);
	if (result->ending == TOO_LONG)
		return;
	result->ending = BROKEN;
	if (blame(w, side))
		tell_failure(w, side, result);
	else if (same_bytes(sent, got, result->why))
		result->ending = CARRIED;
	if (result->ending != CARRIED)
		return;
	result->checksum = got->checksum;
	result->bytes = got->bytes;
	result->elapsed_ns = got->stamp_ns - sent->stamp_ns;
	result->voluntary = sent->voluntary + got->voluntary;
	result->involuntary = sent->involuntary + got->involuntary;
	result->calls = sent->calls < 0 || got->calls < 0
				? -1
				: sent->calls + got->calls;
}

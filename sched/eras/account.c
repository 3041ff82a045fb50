// # The account: where the time of the CPUs went
//
// At any moment a CPU is one of three. *Busy*: a job of ours runs. *Lost*: a job
// is due, and does not run while a stranger has a CPU (witness.c). *Idle*: all
// else. That holds time, too, in which a job was due and nobody was in its way
// but our dispatcher, or nobody at all: it is *late*, and our own fault.
//
// Response and makespan are told by a clock that stands still while time is
// lost, and utilisation is busy / (busy + idle). So no neighbour makes an era
// look worse than it is, and no delay of ours is blamed on him.
//
// The same account is made of the model's history and of the observed one. A job
// is due again as long after its burst as the mix says; when it really ran is
// what the records say. The time between is late or lost.

#include <stdlib.h>

#include "eras.h"
#include "must.h"

// ## Changes
//
// At a moment one job more (or less) wants a CPU, or has one, or waits.

struct change {
	int64_t at_ns;
	int wanting, running, waiting, ours;
};

struct changes {
	struct change *rows;
	size_t n;
};

static int by_time(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

static void add_stretch(struct changes *changes, int64_t begin_ns,
			int64_t end_ns, struct change what)
{
	if (begin_ns >= end_ns)
		return;
	what.at_ns = begin_ns;
	changes->rows[changes->n++] = what;
	changes->rows[changes->n++] = (struct change){
		end_ns, -what.wanting, -what.running, -what.waiting, -what.ours
	};
}

// ## Waits

// How long the job of this slice waits after it. (The waits of a job are all of
// one length in our mix.)
static int64_t wait_after(const struct jobs *jobs, const struct slice *slice)
{
	return slice->end == SLICE_BLOCKED
		       ? jobs->bursts_ns[jobs->first[slice->job] + 1]
		       : 0;
}

// Somebody else ran in that time.
static bool is_used(const struct history *history, size_t i, int64_t wait_ns)
{
	const struct slice *slice = &history->slices[i], *other = slice + 1;

	for (; other < history->slices + history->slice_count; other++)
		if (other->job != slice->job &&
		    other->begin_ns < slice->end_ns + wait_ns)
			return true;
	return false;
}

// A job wants a CPU from its arrival until it is done, but for its waits. In
// batch it wants nothing before the last one is done.
static struct changes changes_of(const struct era *era, const struct jobs *jobs,
				 const struct history *history,
				 const struct ours *ours)
{
	static const struct change wanting = { .wanting = 1 },
				   running = { .running = 1 },
				   waiting = { .waiting = 1 };
	size_t most = 6 * history->slice_count + 2 * jobs->count + 2 * ours->n;
	struct changes changes = {
		must_ptr(calloc(most, sizeof(struct change))), 0
	};
	int64_t last_ns = 0;

	for (int job = 0; job < (int)jobs->count; job++) {
		const struct measure *measure = &history->measures[job];
		int64_t from_ns = measure->arrival_ns;
		if (era->one_at_a_time)
			from_ns = last_ns;
		for (size_t i = 0; i < history->slice_count; i++) {
			const struct slice *slice = &history->slices[i];
			int64_t wait_ns = wait_after(jobs, slice);
			if (slice->job != job)
				continue;
			add_stretch(&changes, slice->begin_ns, slice->end_ns,
				    running);
			if (wait_ns == 0)
				continue;
			add_stretch(&changes, from_ns, slice->end_ns, wanting);
			from_ns = slice->end_ns + wait_ns;
			add_stretch(&changes, slice->end_ns, from_ns, waiting);
		}
		last_ns = measure->arrival_ns + measure->turnaround_ns;
		add_stretch(&changes, from_ns, last_ns, wanting);
	}
	for (size_t i = 0; i < ours->n; i++)
		add_stretch(&changes, ours->stretches[i].begin_ns,
			    ours->stretches[i].end_ns,
			    (struct change){ .ours = 1 });
	qsort(changes.rows, changes.n, sizeof *changes.rows, by_time);
	return changes;
}

// ## Sums, from time 0 to some moment

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

// `alone`: no stranger is known of.
static struct account sums_until(const struct changes *changes, int cpus,
				 bool alone, int64_t until_ns)
{
	struct account account = { 0 };
	struct change now = { .at_ns = INT64_MIN };

	for (size_t i = 0; i < changes->n && now.at_ns < until_ns; i++) {
		const struct change *next = &changes->rows[i];
		int64_t end_ns = least(next->at_ns, until_ns);
		int64_t ns = end_ns > 0
				     ? end_ns - (now.at_ns > 0 ? now.at_ns : 0)
				     : 0;
		int busy = (int)least(now.running, cpus);
		int due = (int)least(now.wanting, cpus) - busy;
		due = due > 0 ? due : 0;
		int lost = alone || now.ours >= cpus ? 0 : due;
		account.busy_ns += busy * ns;
		account.lost_ns += lost * ns;
		account.late_ns += (due - lost) * ns;
		account.lost_in_waits_ns += now.waiting > 0 ? lost * ns : 0;
		account.idle_ns += (cpus - busy - lost) * ns;
		account.together_ns += busy > 1 ? ns : 0;
		now = (struct change){ end_ns, now.wanting + next->wanting,
				       now.running + next->running,
				       now.waiting + next->waiting,
				       now.ours + next->ours };
	}
	account.makespan_ns = (account.busy_ns + account.idle_ns) / cpus;
	return account;
}

// ## Turns
//
// Whom the policy gave a CPU to. That it let a job go on, or that a stranger got
// in between, makes no new turn; neither does a wait, if nobody else comes before
// the job is back.

static int next_cpu(const struct history *history, int after)
{
	int next = NOBODY;

	for (size_t i = 0; i < history->slice_count; i++) {
		int cpu = history->slices[i].cpu;
		if (cpu > after && (next == NOBODY || cpu < next))
			next = cpu;
	}
	return next;
}

static void note_turns(const struct history *history, struct account *account)
{
	for (int cpu = NOBODY; (cpu = next_cpu(history, cpu)) != NOBODY;) {
		struct turn *turn = NULL;
		for (size_t i = 0; i < history->slice_count; i++) {
			const struct slice *slice = &history->slices[i];
			if (slice->cpu != cpu)
				continue;
			if (!turn || turn->job != slice->job) {
				if (account->turn_count == TURNS)
					return;
				turn = &account->turns[account->turn_count++];
				*turn = (struct turn){ slice->job, cpu, 0 };
			}
			turn->ran_ns += slice->end_ns - slice->begin_ns;
		}
	}
}

const char *letters(const struct account *account, char text[LETTERS])
{
	int n = 0;

	for (int i = 0; i < account->turn_count && n < LETTERS - 2; i++) {
		const struct turn *turn = &account->turns[i];
		if (i > 0 && turn->cpu != turn[-1].cpu)
			text[n++] = '|';
		text[n++] = (char)('A' + turn->job);
	}
	text[n] = '\0';
	return text;
}

// Response: what our clock says when a job first runs.
struct account account_of(const struct era *era, const struct jobs *jobs,
			  const struct history *history,
			  const struct ours *ours)
{
	static const struct ours nobody;
	const struct ours *known = ours && ours->known ? ours : &nobody;
	struct changes changes = changes_of(era, jobs, history, known);
	struct account account = sums_until(&changes, era->cpus, !known->known,
					    history->end_ns);

	for (size_t job = 0; job < jobs->count; job++) {
		const struct measure *measure = &history->measures[job];
		int64_t first_ns = measure->arrival_ns + measure->response_ns;
		account.response_ns += sums_until(&changes, era->cpus,
						  !known->known, first_ns)
					       .makespan_ns;
	}
	account.response_ns /= (int64_t)(jobs->count ? jobs->count : 1);
	account.utilisation = (double)account.busy_ns /
			      (double)(account.busy_ns + account.idle_ns);
	for (size_t i = 0; i < history->slice_count; i++) {
		int64_t wait_ns = wait_after(jobs, &history->slices[i]);
		account.waits += wait_ns > 0;
		account.waits_used += wait_ns > 0 &&
				      is_used(history, i, wait_ns);
	}
	note_turns(history, &account);
	free(changes.rows);
	return account;
}

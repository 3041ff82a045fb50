// # The dispatcher: a policy rules real processes
//
// The simulator calls a policy when something happens on its virtual clock. Here
// a timer says that a job arrives, that a wait or a slice is over, and a child
// says that it has done its burst. The calls are the same, in the same order,
// and so is the policy's code. Time is CLOCK_MONOTONIC since the start. Between
// two events the dispatcher sleeps, and costs nothing.
//
// A child whose burst is done says so, which wakes the dispatcher, and sleeps at
// its gate. Its I/O is a wait of just that length, and the dispatcher's timer is
// the device: when the wait is over the job is ready, but it does not run before
// the policy picks it, not even to say that it is back. So it is with a kernel:
// the interrupt of a device makes a process ready and runs on its own.
//
// ## What one moment is
//
// In the model a burst of 30 ms ends in the same moment as the third slice of
// 10 ms, and as a job that arrives at 30: there is a rule for who is first (the
// end of the burst before that of the slice; whoever becomes ready before who is
// taken off). On a machine no two things happen in one moment, and which is
// first would be luck, after which all that follows differs. Three things put
// that right, and neither looks at what the model has computed:
//
// - A slice is CPU time that the job got, by its own CPU clock. What the
//   dispatcher, strangers and the hypervisor took is not its fault: at the end
//   of the time a job that has not got all of it has the rest, too. (The clock
//   of a process that runs on another CPU moves with the timer tick, 4 ms at
//   250 Hz; one that is stopped tells the truth, so it is stopped for a look.)
// - A slice that is as long as what is left of the burst has no end of its own.
// - What was lost since the CPU was last idle is known: the time since, less the
//   work that was done. Who has no more than that left of his burst would be
//   done by now, had nothing been lost: whoever becomes ready waits until he is
//   (somebody_late). And of who has more left the policy is told what he would
//   have left, in whole ms, so that equals stay equal (srtf).
//
// A wait ends late, too, when the burst before it did, and that much of the loss
// is old: it counts for nothing between the two.
//
// The work was calibrated and takes a little more or less than it should, so the
// end of a burst may be early or late; a job that should be done is left alone
// for a while (grace_ns) before its slice ends after all.
//
// Sources: sched/policy/policy.h; Silberschatz, Galvin & Gagne, "Operating
// System Concepts", 10th ed., 5.1.4 (what a dispatcher is, its latency).

#define _GNU_SOURCE
#include "sched/live/dispatch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

enum {
	MOMENT_NS = 100000, // timers are less exact than that
	TICK_NS = 1000000,  // in which CPU time is charged, as in many a kernel
	MOST_LOST_NS = 10000000, // what is longer is not made good
	LOOK_AGAIN_NS = 50000000 // nobody tells of a dead child, or of `stop`
};

enum state { ABSENT, READY, RUNNING, WAITING, DONE };

struct person {
	enum state state;
	struct held held;
	int burst;          // 0, 1 ...: the one in the table
	bool begun;         // ... and whether it has begun it
	int64_t due_ns;     // arrives (ABSENT), is ready again (WAITING)
	int64_t lag_ns;     // ... so much later than it should, as its last
			    // burst ended late
	int64_t burst_from; // its CPU clock when the burst began
	bool over;          // we have heard that its burst is done
	int64_t over_ns;    // ... when
	int64_t on_ns;      // has the CPU since
};

// What one CPU does.
struct seat {
	int job;          // or NOBODY
	int64_t since;    // the job's CPU clock at pick or the last tick
	int64_t slice_ns; // CPU time that it may take from then on
	int64_t due_ns;   // when to look whether it has
	int64_t busy_ns;  // when the CPU was last taken out of idleness
	int64_t used_ns;  // work that was done on it since, the present job's
			  // apart
	int64_t left_ns;  // of the present job's burst, when it came
};

struct dispatcher {
	const struct live *live;
	const struct policy *policy;
	const struct jobs *jobs;
	struct task *tasks; // ours, up to date: the policy reads it
	void *state;
	struct crew crew;
	struct person *people;
	struct seat *seats;
	size_t left, ready; // jobs
	bool stirred;       // somebody has become ready
	int64_t now_ns, nominal_ns;
	int64_t lag_ns;      // of the latest who became ready
	int64_t patience_ns; // other events wait until then; 0: nobody waits
	uint64_t picks;
	bool stopped; // by live.stop
	int error;
	struct record record;
};

// ## Who has had how much

static int64_t burst_length(const struct dispatcher *d, int job)
{
	return d->jobs
		->bursts_ns[d->jobs->first[job] + 2 * d->people[job].burst];
}

static int64_t ran_ns(const struct dispatcher *d, const struct seat *seat)
{
	return held_cpu_ns(&d->people[seat->job].held) - seat->since;
}

static void fail(struct dispatcher *d, int error)
{
	d->error = d->error ? d->error : error;
}

// For sure. On another CPU the job is stopped then, until held_go.
static int64_t exactly_ran_ns(struct dispatcher *d, const struct seat *seat)
{
	if (seat != d->seats)
		fail(d, held_stop(&d->people[seat->job].held));
	return ran_ns(d, seat);
}

// Of its burst, and more than nothing: the end of it is told by the child.
static int64_t left_ns(const struct dispatcher *d, int job)
{
	const struct person *p = &d->people[job];
	int64_t left = burst_length(d, job) -
		       (held_cpu_ns(&p->held) - p->burst_from);

	return left > 0 ? left : 1;
}

// What jobs should have got of this CPU since it was last idle, and have not.
static int64_t lost_ns(const struct seat *seat, int64_t at_ns, int64_t done_ns)
{
	int64_t lost = at_ns - seat->busy_ns - seat->used_ns - done_ns;

	return lost < 0 ? 0 : lost < MOST_LOST_NS ? lost : MOST_LOST_NS;
}

// How much farther the running job would be, had nothing been lost, when
// somebody becomes ready who is late himself by `lag_ns`.
static int64_t behind_ns(const struct dispatcher *d, const struct seat *seat,
			 int64_t lag_ns)
{
	int64_t done = seat->left_ns - left_ns(d, seat->job);
	int64_t behind = lost_ns(seat, d->now_ns, done) - lag_ns;

	return behind > 0 ? behind : 0;
}

// What the job has left, for the policy: in whole ticks run.
static void look_at(struct dispatcher *d, const struct seat *seat,
		    int64_t behind)
{
	int64_t length = burst_length(d, seat->job);
	int64_t ran = length - left_ns(d, seat->job) + behind;

	ran = (ran + TICK_NS / 2) / TICK_NS * TICK_NS;
	d->tasks[seat->job].left_ns = ran < length ? length - ran : 1;
}

static void note(struct dispatcher *d, const struct seat *seat, int64_t end_ns,
		 enum slice_end end)
{
	struct slice slice = { .job = seat->job,
			       .cpu = (int)(seat - d->seats),
			       .begin_ns = d->people[seat->job].on_ns,
			       .end_ns = end_ns,
			       .end = end };

	if (!d->crew.trace && slice.begin_ns < slice.end_ns)
		fail(d, record_add(&d->record, slice));
}

// ## Seats

static int64_t now_of(const struct dispatcher *d)
{
	return now_ns() - d->crew.start_ns;
}

// How long the work may take longer than it should before its slice ends after
// all.
static int64_t grace_ns(const struct dispatcher *d, int job)
{
	return burst_length(d, job) / 2 + 20 * MOMENT_NS;
}

// When to look whether the slice is over. One that the burst's end comes before
// is looked at when that should have come long ago.
static void set_timer(struct dispatcher *d, struct seat *seat, int64_t ran)
{
	int64_t left = left_ns(d, seat->job), rest = NEVER;

	if (seat->slice_ns != NEVER)
		rest = seat->slice_ns - ran;
	if (rest != NEVER && left <= rest + MOMENT_NS) {
		rest = left + grace_ns(d, seat->job);
		seat->slice_ns = ran + rest;
	}
	seat->due_ns = rest == NEVER ? NEVER : now_of(d) + rest;
}

static void begin_slice(struct dispatcher *d, struct seat *seat,
			int64_t slice_ns)
{
	seat->since = held_cpu_ns(&d->people[seat->job].held);
	seat->slice_ns = slice_ns;
	set_timer(d, seat, 0);
}

// It is put on its CPU before it can run. (One whose burst's end we heard of when
// it was ready again already goes on to its gate, and the next moment ends the
// burst.)
static void take_seat(struct dispatcher *d, int cpu, int job, int64_t slice_ns)
{
	struct person *p = &d->people[job];
	struct seat *seat = &d->seats[cpu];

	fail(d, held_place(&p->held, d->live->cpus[cpu]));
	seat->job = job;
	if (!p->begun)
		p->burst_from = held_cpu_ns(&p->held);
	seat->left_ns = left_ns(d, job);
	p->state = RUNNING;
	begin_slice(d, seat, slice_ns);
	p->on_ns = now_of(d);
	if (!p->begun)
		crew_let(&d->crew, job, p->burst);
	p->begun = true;
	fail(d, held_go(&p->held));
}

static void leave_seat(struct seat *seat, int64_t left)
{
	seat->used_ns += seat->left_ns - left;
	seat->job = NOBODY;
}

// The policy has taken the CPU away from its job, which is ready now.
static void take_away(struct dispatcher *d, struct seat *seat,
		      enum slice_end end)
{
	int job = seat->job;
	struct person *p = &d->people[job];

	p->state = READY;
	d->ready++;
	d->stirred = true;
	if (!p->over)
		fail(d, held_stop(&p->held));
	note(d, seat, now_of(d), end);
	leave_seat(seat, left_ns(d, job));
}

// ## Events

// The burst of a running job is done: it waits, or is gone. Our waking up has
// interrupted it on its way to sleep at its gate. So that it does not go the
// rest of that way when somebody else has the CPU, it is stopped.
static void end_burst(struct dispatcher *d, struct seat *seat)
{
	int job = seat->job;
	struct person *p = &d->people[job];
	struct task *task = &d->tasks[job];
	int64_t ran = ran_ns(d, seat);
	size_t next = d->jobs->first[job] + 2 * ++p->burst;
	bool last = next >= d->jobs->first[job + 1];

	note(d, seat, p->over_ns, last ? SLICE_FINISHED : SLICE_BLOCKED);
	p->over = p->begun = false;
	leave_seat(seat, 0);
	p->lag_ns = lost_ns(seat, p->over_ns, 0);
	if (last) {
		task->left_ns = 0;
		p->state = DONE;
		d->left--;
		d->policy->finish(d->state, job, ran, d->now_ns);
		return;
	}
	fail(d, held_stop(&p->held));
	task->burst_ns = task->left_ns = d->jobs->bursts_ns[next];
	p->state = WAITING;
	p->due_ns = p->over_ns + d->jobs->bursts_ns[next - 1];
	d->policy->block(d->state, job, ran, d->now_ns);
}

static void fill_seat(struct dispatcher *d, int cpu)
{
	struct seat *seat = &d->seats[cpu];
	int64_t slice_ns = NEVER;
	int job = d->policy->pick(d->state, cpu, d->now_ns, &slice_ns);

	if (job == NOBODY) {
		seat->busy_ns = NEVER;
		return;
	}
	if (job < 0 || (size_t)job >= d->jobs->count ||
	    d->people[job].state != READY || slice_ns <= 0) {
		fail(d, -EINVAL);
		return;
	}
	d->picks++;
	d->ready--;
	if (seat->busy_ns == NEVER) {
		seat->busy_ns = d->nominal_ns;
		seat->used_ns = 0;
	}
	take_seat(d, cpu, job, slice_ns);
}

static void fill_seats(struct dispatcher *d)
{
	for (int cpu = 0; cpu < d->live->cpu_count && !d->error; cpu++)
		if (d->seats[cpu].job != NOBODY)
			continue;
		else if (d->ready)
			fill_seat(d, cpu);
		else
			d->seats[cpu].busy_ns = NEVER;
}

// True: the CPU is free.
static bool ask(struct dispatcher *d, struct seat *seat, int64_t ran,
		enum slice_end end)
{
	int64_t slice_ns = NEVER;

	if (d->policy->tick(d->state, seat->job, ran, d->now_ns, &slice_ns)) {
		take_away(d, seat, end);
		return true;
	}
	begin_slice(d, seat, slice_ns);
	fail(d, held_go(&d->people[seat->job].held));
	return false;
}

// The one that a job that has become ready would displace.
static struct seat *weakest(struct dispatcher *d)
{
	struct seat *found = NULL;
	int64_t worst = 0;

	for (int cpu = 0; cpu < d->live->cpu_count; cpu++) {
		struct seat *seat = &d->seats[cpu];
		if (seat->job == NOBODY)
			continue;
		look_at(d, seat, behind_ns(d, seat, d->lag_ns));
		int64_t rank = d->policy->rank(d->state, seat->job, d->now_ns);
		if (!found || rank >= worst) {
			found = seat;
			worst = rank;
		}
	}
	return found;
}

// After as many displacements as there are CPUs, the most urgent of all run.
static void displace(struct dispatcher *d)
{
	for (int turn = 0; turn < d->live->cpu_count; turn++) {
		struct seat *seat = d->ready && !d->error ? weakest(d) : NULL;
		if (!seat ||
		    !ask(d, seat, exactly_ran_ns(d, seat), SLICE_PREEMPTED))
			return;
		fill_seats(d);
	}
}

// Who is due next: arrivals before waits' ends, then in the order of the file.
static struct person *first_due(const struct dispatcher *d)
{
	struct person *first = NULL;

	for (size_t i = 0; i < d->jobs->count; i++) {
		struct person *p = &d->people[i];
		if (p->state != ABSENT && p->state != WAITING)
			continue;
		if (!first || p->due_ns < first->due_ns ||
		    (p->due_ns == first->due_ns && p->state < first->state))
			first = p;
	}
	return first;
}

static void welcome(struct dispatcher *d)
{
	for (struct person *p; (p = first_due(d)) && p->due_ns <= d->now_ns;) {
		int job = (int)(p - d->people);
		bool arrives = p->state == ABSENT;
		p->state = READY;
		d->lag_ns = p->lag_ns;
		d->ready++;
		d->stirred = true;
		(arrives ? d->policy->arrive : d->policy->wake)(d->state, job,
								d->now_ns);
	}
}

// Its burst is done, though it has not come to telling us.
static bool about_to_tell(const struct dispatcher *d, int job)
{
	size_t burst = d->jobs->first[job] + 2 * d->people[job].burst;

	return atomic_load(&d->crew.bursts[burst].end_ns) != 0;
}

// By how much a slice may end early. With several CPUs, those that end in the
// same moment should end together, in the order of the CPUs; what jobs lose by
// that adds up, so with one CPU it is next to nothing.
static int64_t early_ns(const struct dispatcher *d)
{
	return d->live->cpu_count > 1 ? MOMENT_NS / 2 : MOMENT_NS / 10;
}

static void end_slice(struct dispatcher *d, struct seat *seat)
{
	int64_t ran = exactly_ran_ns(d, seat);

	if (about_to_tell(d, seat->job)) {
		seat->due_ns = d->now_ns + MOMENT_NS;
	} else if (ran < seat->slice_ns - early_ns(d)) {
		set_timer(d, seat, ran);
	} else {
		look_at(d, seat, 0);
		ask(d, seat, ran < seat->slice_ns ? seat->slice_ns : ran,
		    SLICE_EXPIRED);
		return;
	}
	fail(d, held_go(&d->people[seat->job].held));
}

// What happens on the CPUs, in their order.
static void ends(struct dispatcher *d)
{
	for (int cpu = 0; cpu < d->live->cpu_count && !d->error; cpu++) {
		struct seat *seat = &d->seats[cpu];
		if (seat->job == NOBODY)
			continue;
		if (d->people[seat->job].over)
			end_burst(d, seat);
		else if (seat->due_ns <= d->now_ns + early_ns(d))
			end_slice(d, seat);
	}
}

// Somebody would be done by now, had nothing been lost: whoever becomes ready
// waits for that. (Not where a CPU is idle.)
static bool somebody_late(struct dispatcher *d, int64_t lag_ns)
{
	int64_t longest = 0;

	for (int cpu = 0; cpu < d->live->cpu_count; cpu++) {
		struct seat *seat = &d->seats[cpu];
		if (seat->job == NOBODY)
			return false;
		if (d->people[seat->job].over)
			continue;
		int64_t left = left_ns(d, seat->job);
		if (left > behind_ns(d, seat, lag_ns) + MOMENT_NS)
			continue;
		left += grace_ns(d, seat->job);
		longest = left > longest ? left : longest;
	}
	if (longest && !d->patience_ns)
		d->patience_ns = d->now_ns + longest;
	return longest && d->now_ns < d->patience_ns;
}

static void hear_news(struct dispatcher *d)
{
	struct crew_news news;

	while (read(d->crew.news, &news, sizeof news) == sizeof news) {
		struct person *p = &d->people[news.job];
		p->over = true;
		p->over_ns = news.end_ns - d->crew.start_ns;
		d->patience_ns = 0;
	}
}

static void welcome_due(struct dispatcher *d)
{
	const struct person *first = first_due(d);

	if (!first || first->due_ns > d->now_ns ||
	    somebody_late(d, first->lag_ns))
		return;
	d->patience_ns = 0;
	if (first->due_ns < d->nominal_ns)
		d->nominal_ns = first->due_ns;
	welcome(d);
}

// Everything that is due, in the model's order.
static void moment(struct dispatcher *d)
{
	uint64_t picks = d->picks;

	d->now_ns = d->nominal_ns = now_of(d);
	hear_news(d);
	welcome_due(d);
	ends(d);
	welcome_due(d);
	fill_seats(d);
	if (!d->policy->rank || !d->stirred)
		return;
	d->stirred = false;
	if (d->live->cpu_count > 1 || picks == d->picks)
		displace(d);
}

// ## The loop

// NEVER: nothing will ever happen again.
static int64_t next_due(const struct dispatcher *d)
{
	const struct person *first = first_due(d);
	int64_t next = d->patience_ns ? d->patience_ns
		       : first        ? first->due_ns
				      : NEVER;

	for (int cpu = 0; cpu < d->live->cpu_count; cpu++) {
		const struct seat *seat = &d->seats[cpu];
		if (seat->job == NOBODY)
			continue;
		if (d->people[seat->job].over)
			return d->now_ns;
		// its end has no time, but it comes
		if (seat->due_ns < next || next == NEVER)
			next = seat->due_ns < NEVER ? seat->due_ns : NEVER - 1;
	}
	return next;
}

// 0: nothing has come.
static int sleep_until(struct dispatcher *d, int64_t due_ns)
{
	int64_t sleep_ns = due_ns - now_of(d);
	struct pollfd news = { .fd = d->crew.news, .events = POLLIN };

	if (sleep_ns < 0)
		sleep_ns = 0;
	else if (sleep_ns > LOOK_AGAIN_NS)
		sleep_ns = LOOK_AGAIN_NS;
	struct timespec timeout = { .tv_nsec = sleep_ns };
	return ppoll(&news, 1, &timeout, NULL);
}

// False, and told: somebody has killed a job.
static bool all_live(struct dispatcher *d, struct live_notes *notes)
{
	char name[JOB_NAME_BYTES];
	int dead = crew_dead(&d->crew);

	if (dead < 0)
		return true;
	d->error = -ECHILD;
	snprintf(notes->told, TOLD_BYTES,
		 "the process of job %s was killed by somebody",
		 job_name(d->jobs, dead, name));
	return false;
}

// A slow look, now and then.
static bool goes_on(struct dispatcher *d, struct live_notes *notes)
{
	const struct live *live = d->live;

	if (live->progress)
		live->progress(live->progress_argument, now_of(d));
	d->stopped = live->stop && *live->stop;
	return !d->stopped && all_live(d, notes);
}

static int dispatch(struct dispatcher *d, struct live_notes *notes)
{
	int64_t look_ns = 0;

	d->error = crew_start(&d->crew, 0);
	while (!d->error) {
		moment(d);
		int64_t due_ns = next_due(d);
		if (d->error || !d->left)
			break;
		// the policy keeps one back
		if (due_ns == NEVER)
			return -EDEADLK;
		if (sleep_until(d, due_ns) == 0 || now_of(d) >= look_ns) {
			look_ns = now_of(d) + LOOK_AGAIN_NS;
			if (!goes_on(d, notes))
				break;
		}
	}
	if (d->error == -ESRCH)
		all_live(d, notes);
	return d->error;
}

// ## Before and after

static int prepare(struct dispatcher *d, const struct policy_settings *settings)
{
	size_t n = d->jobs->count;

	d->left = n;
	d->tasks = malloc(n * sizeof *d->tasks);
	d->people = calloc(n, sizeof *d->people);
	d->seats = calloc(d->live->cpu_count, sizeof *d->seats);
	if (!d->tasks || !d->people || !d->seats)
		return -ENOMEM;
	memcpy(d->tasks, d->jobs->tasks, n * sizeof *d->tasks);
	for (int cpu = 0; cpu < d->live->cpu_count; cpu++)
		d->seats[cpu] = (struct seat){ .job = NOBODY,
					       .busy_ns = NEVER };
	for (size_t i = 0; i < n; i++) {
		d->people[i].due_ns = d->tasks[i].arrival_ns;
		int error = held_begin(&d->people[i].held, d->crew.pids[i]);
		if (error)
			return error;
	}
	return d->policy->create(&d->state, settings, d->tasks, n);
}

static int run(struct dispatcher *d, const struct policy_settings *settings,
	       struct history *history, struct live_notes *notes)
{
	char told[TOLD_BYTES] = "";
	struct raised raised;
	int error = prepare(d, settings);

	if (error)
		return error;
	error = raise_above(&raised, d->live->cpus[0], &d->crew, told);
	if (error)
		return error;
	error = dispatch(d, notes);
	lower_again(&raised);
	if (error)
		return error;
	error = crew_history(&d->crew, history, notes);
	if (!error)
		error = record_history(&d->record, &d->crew, history);
	if (!error) {
		history->picks = d->picks;
		notes->stopped = d->stopped;
		memcpy(notes->told, told, sizeof told);
	}
	return error;
}

int live_dispatch(const struct live *live, const struct policy *policy,
		  const struct policy_settings *settings,
		  const struct jobs *jobs, struct history *history,
		  struct live_notes *notes)
{
	struct dispatcher d = { .live = live, .policy = policy, .jobs = jobs };

	*history = (struct history){ 0 };
	*notes = (struct live_notes){ 0 };
	int error = crew_hire(&d.crew, live, jobs, true, notes);
	if (error)
		return error;
	error = run(&d, settings, history, notes);
	if (error)
		history_free(history);
	if (error && !*notes->told)
		snprintf(notes->told, TOLD_BYTES,
			 "the dispatcher cannot go on: %s", strerror(-error));
	if (d.state)
		policy->destroy(d.state);
	crew_dismiss(&d.crew);
	free(d.tasks);
	free(d.people);
	free(d.seats);
	free(d.record.slices);
	return error;
}

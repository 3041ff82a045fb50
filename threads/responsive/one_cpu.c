// # Two threads and one CPU
//
// Threads answer sooner even where there is no second CPU for them. The worker
// never lets go of the CPU by itself; the kernel takes it away when a packet
// wakes the thread that answers, and gives it back when that sleeps again. The
// kernel does what the pieces of alone.c did by hand, and at any instruction.
//
// When exactly? Linux 6.6 and later give each thread a deadline (EEVDF); one
// that slept has saved up and is due early, so it preempts. But only up to a
// point: who sleeps little and computes much is treated like the worker. Who
// knows that some work can wait says so: by a nice value, or by SCHED_IDLE,
// whose threads run when nobody else wants to and yield at once. Both are a
// thread's own in Linux. (POSIX has the nice value be the process's.)

#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cpu.h"
#include "draw.h"
#include "lab.h"
#include "options.h"
#include "responsive.h"

struct rank {
	const char *name;
	int policy, nice;
};
static const struct rank ranks[] = {
	{ "normal", SCHED_OTHER, 0 },
	{ "nice 19", SCHED_OTHER, 19 },
	{ "SCHED_IDLE", SCHED_IDLE, 0 },
};
enum { NORMAL, NICE, IDLE, RANKS = sizeof ranks / sizeof *ranks };

struct ranked {
	struct meeting meeting;
	const struct rank *rank;
	int policy, nice; // that the worker then had
};

static void take_rank(const struct rank *rank)
{
	const struct sched_param none = { 0 };

	if (rank->policy != SCHED_OTHER &&
	    sched_setscheduler(0, rank->policy, &none))
		skip("I may not choose a policy: allow sched_setscheduler(2)");
	if (rank->nice && setpriority(PRIO_PROCESS, 0, rank->nice))
		skip("I may not be nice: allow setpriority(2)");
}

static void *work(void *argument)
{
	struct ranked *r = argument;

	speak_as("worker");
	take_rank(r->rank);
	r->policy = sched_getscheduler(0);
	r->nice = getpriority(PRIO_PROCESS, 0);
	work_to_the_end(&r->meeting);
	return NULL;
}

// The client has a CPU of its own, if there are two: we ask how long the answer
// took, not how long the client did.
static void choose_cpus(struct meeting *m)
{
	struct topology topology;

	must_neg(topology_read(&topology));
	m->client_cpu = topology.cpus[0].number;
	m->cpu = topology.cpus[topology.count - 1].number;
	if (topology.count == 1)
		say("there is one CPU, so the client is on it, too");
	topology_free(&topology);
}

static void play(struct ranked *r)
{
	struct meeting *m = &r->meeting;
	pthread_t worker;

	m->promised = true;
	meet_client(m);
	must_zero(pthread_create(&worker, NULL, work, r));
	for (int i = 0; i < QUESTIONS; i++)
		answer_now(m, next_question(m, true));
	must_zero(pthread_join(worker, NULL));
}

// ## Taken away, and given back
//
// Each answer says how far the work was. Where two answers differ, the worker
// has run between them, on the one CPU; so it was taken away in between, or it
// gave it up by going to sleep, which our work has no reason to do.

static int steps_of(const struct meeting *m)
{
	uint64_t before = 0;
	int steps = 0;

	for (int i = 0; i < QUESTIONS; i++) {
		const struct reply *reply = &m->asked->log[i].reply;
		if (reply->over)
			break;
		steps += reply->tested != before;
		before = reply->tested;
	}
	return steps;
}

void scene_preempt(void)
{
	struct ranked r = { .rank = &ranks[NORMAL],
			    .meeting.work.least = FIRST };
	struct meeting *m = &r.meeting;

	choose_cpus(m);
	play(&r);
	int during = part(m, "two threads on one CPU");
	claim(m->work.cpu == m->cpu && sched_getcpu() == m->cpu,
	      "both threads are on CPU %d", m->cpu);
	claim(during > 0, "answers come while the work goes on");
	int steps = steps_of(m);
	say("answers found the work at %d different points", steps);
	say("the worker was taken from its CPU %ld times; slept %ld",
	    m->work.taken, m->work.given);
	claim(m->work.taken + m->work.given >= steps,
	      "for each of these points the worker has left the CPU once");
	claim_work(m);
}

// ## Work that steps back

static void claim_ranks(const struct ranked *r, int policy, int nice)
{
	claim(r[NICE].nice == 19 && r[IDLE].policy == SCHED_IDLE &&
		      sched_getscheduler(0) == policy &&
		      getpriority(PRIO_PROCESS, 0) == nice,
	      "the rank is the worker's alone; who answers keeps its own");
}

static void draw_waits(const char *title, const struct bar *bars)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(draw_bars(&canvas, bars, RANKS, true));

	say("%s", title);
	show(picture);
	free(picture);
}

void scene_rank(void)
{
	static struct ranked r[RANKS];
	char note[2][RANKS][64], a[HUMAN_BYTES], b[HUMAN_BYTES];
	struct bar half[RANKS], longest[RANKS];
	int policy = sched_getscheduler(0), nice = getpriority(PRIO_PROCESS, 0);

	for (int i = 0; i < RANKS; i++) {
		struct meeting *m = &r[i].meeting;
		r[i].rank = &ranks[i];
		if (i == 0)
			choose_cpus(m);
		m->cpu = r[0].meeting.cpu;
		m->client_cpu = r[0].meeting.client_cpu;
		play(&r[i]);
		reap(m->client);
		claim(count_during(m) > 0,
		      "%s: answers come while the work goes on", ranks[i].name);
		double half_ns = median_wait_ns(m);
		double longest_ns = longest_wait_ns(m);
		snprintf(note[0][i], sizeof *note[0], "%s",
			 human_duration(a, half_ns));
		snprintf(note[1][i], sizeof *note[1], "%s, %ju numbers",
			 human_duration(b, longest_ns),
			 (uintmax_t)m->work.tested);
		half[i] = (struct bar){ ranks[i].name, note[0][i], half_ns };
		longest[i] = (struct bar){ ranks[i].name, note[1][i],
					   longest_ns };
	}
	claim_ranks(r, policy, nice);
	draw_waits("half of the answers took less than this:", half);
	draw_waits("and the longest:", longest);
}

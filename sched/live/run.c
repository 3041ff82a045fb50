// # The jobs under the kernel's own scheduler
//
// Everything together: hire a crew, set the timers, give each child its policy,
// wait. The parent sleeps in poll(2) and is woken once a job, and a few times a
// second to look whether it is to stop.
//
// A real-time policy is given before the child sets its timer: if it came late,
// some would run by it and some not yet. The others are given while it sleeps:
// an idle process beside a hog might not get to its timer for seconds.
//
// If the machine is so busy that time 0 passes before all timers are set, the
// crew is sent home and another is hired with more time; the fourth time we take
// it as it is and say so (late_ns).

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "sched/live/attributes.h"
#include "sched/live/crew.h"

enum { TURN_MS = 50, TRIES = 4 };
static const int64_t MARGIN_NS = 20000000, MARGIN_A_JOB_NS = 1000000;

static int set_policies(struct crew *crew, const struct live *live,
			struct live_notes *notes)
{
	for (size_t i = 0; i < crew->count; i++) {
		int error = policy_set(crew->pids[i], live, crew->jobs, (int)i,
				       notes->told);
		if (error)
			return error;
	}
	return 0;
}

static int prepare(struct crew *crew, const struct live *live,
		   const struct jobs *jobs, struct live_notes *notes)
{
	int64_t margin_ns = MARGIN_NS + (int64_t)jobs->count * MARGIN_A_JOB_NS;
	bool early = live->policy == K_FIFO || live->policy == K_RR ||
		     live->policy == K_DEADLINE;

	for (int tries = 1;; tries++, margin_ns *= 4) {
		int error = crew_hire(crew, live, jobs, false, notes);
		if (!error && early)
			error = set_policies(crew, live, notes);
		if (!error)
			error = crew_start(crew, margin_ns);
		if (!error && !early)
			error = set_policies(crew, live, notes);
		int64_t late_ns = now_ns() - crew->start_ns;
		if (error || late_ns <= 0 || tries == TRIES) {
			crew->late_ns = error || late_ns < 0 ? 0 : late_ns;
			return error;
		}
		crew_dismiss(crew);
	}
}

static bool told_to_stop(const struct live *live)
{
	return live->stop && *live->stop;
}

static size_t hear(const struct crew *crew)
{
	struct crew_news news;
	size_t done = 0;

	while (read(crew->news, &news, sizeof news) == sizeof news)
		done += news.last;
	return done;
}

// Until all are done: 0; -EINTR: told to stop; -ECHILD: somebody killed one.
static int await_all(const struct crew *crew, const struct live *live,
		     struct live_notes *notes)
{
	size_t done = 0;

	while (done < crew->count) {
		struct pollfd fd = { .fd = crew->news, .events = POLLIN };

		if (told_to_stop(live))
			return -EINTR;
		int n = poll(&fd, 1, TURN_MS);
		done += n > 0 ? hear(crew) : 0;
		if (live->progress)
			live->progress(live->progress_argument,
				       now_ns() - crew->start_ns);
		int dead = n == 0 ? crew_dead(crew) : -1;
		if (dead != -1) {
			char name[JOB_NAME_BYTES];
			snprintf(notes->told, TOLD_BYTES,
				 "the process of job %s was killed",
				 job_name(crew->jobs, dead, name));
			return -ECHILD;
		}
	}
	return 0;
}

int live_run(const struct live *live, const struct jobs *jobs,
	     struct history *history, struct live_notes *notes)
{
	struct crew crew = { .news = -1, .news_write = -1 };
	char told[TOLD_BYTES] = "";

	*history = (struct history){ 0 };
	int error = prepare(&crew, live, jobs, notes);
	if (!error) {
		int ended = await_all(&crew, live, notes);
		memcpy(told, notes->told, sizeof told);
		error = ended && ended != -EINTR
				? ended
				: crew_history(&crew, history, notes);
		notes->stopped = ended == -EINTR;
		memcpy(notes->told, told, sizeof told);
	}
	// Of deadline tasks that have used up their runtime the CPU is kept
	// away although nobody else has it.
	if (live->policy == K_DEADLINE)
		notes->others_ns = -1;
	if (error && !*notes->told)
		snprintf(notes->told, TOLD_BYTES, "%s", strerror(-error));
	crew_dismiss(&crew);
	return error;
}

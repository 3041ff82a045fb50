// # One loop
//
// A small supervisor. A timer hands out a job at each tick, workers report what
// they have done, one of them falls over and is replaced: three kinds of event,
// all descriptors, so a single epoll_wait is where everything is waited for. No
// handlers, no threads, no locks, and nothing can come at a bad moment.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "draw.h"
#include "ipc/eventfd/scenes.h"
#include "lab.h"

enum { WORKERS = 2, BRITTLE = 1, JOBS = 6, TICK_NS = 2000000 };

// What an event is about; from WORKER on: a worker's end.
enum { TIMER, REPORT, WORKER };

// Rows of the picture.
enum { ROW_TIMER, ROW_REPORTS, ROW_WORKER, ROWS = ROW_WORKER + WORKERS };

enum { SPANS = 256 };

struct worker {
	int desk; // an eventfd with EFD_SEMAPHORE: jobs waiting for it
	int pidfd;
	int64_t given, done;
	int64_t began_ns;
	char mark;
};

struct supervisor {
	int epoll, timer;
	int reports; // an eventfd, of all workers
	struct worker workers[WORKERS];
	int64_t to_give, done; // jobs
	int started, living, killed, next;
	bool dismissed;
	int64_t began_ns;
	struct span spans[SPANS];
	size_t span_count;
};

static void draw_moment(struct supervisor *s, int row, int64_t begin_ns,
			char mark)
{
	if (s->span_count < SPANS)
		s->spans[s->span_count++] =
			(struct span){ row, begin_ns - s->began_ns,
				       now_ns() - s->began_ns, mark };
}

static void watch(const struct supervisor *s, int fd, uint32_t what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = what };

	must(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event));
}

// ## A worker
//
// It takes a job from its desk, 1 of the counter, and sleeps when there is
// none. All report through one eventfd; so that it tells who, each worker has
// its own half of the 64 bits. Sums do not mind.

static uint64_t report_of(int worker)
{
	return UINT64_C(1) << 32 * worker;
}

static _Noreturn void work(const struct supervisor *s, int i, bool brittle)
{
	be_mortal();
	for (int job = 1;; job++) {
		read_number(s->workers[i].desk);
		if (brittle && job == 2)
			raise(SIGKILL);
		add_number(s->reports, report_of(i));
	}
}

static void start_worker(struct supervisor *s, int i, bool brittle)
{
	struct worker *worker = &s->workers[i];
	char name[32];

	*worker = (struct worker){
		.desk = new_counter(EFD_SEMAPHORE),
		.began_ns = now_ns(),
		.mark = (char)('1' + s->started),
	};
	snprintf(name, sizeof name, "worker %d", ++s->started);
	pid_t pid = fork_as(name);
	if (pid == 0)
		work(s, i, brittle);
	worker->pidfd = open_process(pid);
	s->living++;
	watch(s, worker->pidfd, (uint32_t)(WORKER + i));
}

// ## The events
//
// At each tick a job goes to the next worker. If the loop was late, the timer
// says how many ticks that was.

static void hand_out(struct supervisor *s)
{
	draw_moment(s, ROW_TIMER, now_ns(), 't');
	for (uint64_t ticks = read_number(s->timer); ticks > 0; ticks--) {
		if (s->to_give == 0)
			return;
		struct worker *worker = &s->workers[s->next];
		s->next = (s->next + 1) % WORKERS;
		add_number(worker->desk, 1);
		worker->given++;
		s->to_give--;
	}
}

static void take_reports(struct supervisor *s)
{
	uint64_t reports = read_number(s->reports);

	for (int i = 0; i < WORKERS; i++) {
		int64_t done = reports >> 32 * i & UINT32_MAX;
		s->workers[i].done += done;
		s->done += done;
	}
	if (reports)
		draw_moment(s, ROW_REPORTS, now_ns(), 'r');
}

// The end of a worker and its last report may both be there to read, and epoll
// promises no order. So the reports come first: what was given and then not
// reported is lost, and is given again.
//
// A closed descriptor leaves epoll by itself, but only the last of its copies;
// and the workers that were forked since have inherited one (epoll(7),
// Questions and answers). Without EPOLL_CTL_DEL a dead worker would be reported
// as long as they live.
static void bury(struct supervisor *s, int i)
{
	struct worker *worker = &s->workers[i];

	take_reports(s);
	siginfo_t info = reap_process(worker->pidfd);
	must(epoll_ctl(s->epoll, EPOLL_CTL_DEL, worker->pidfd, NULL));
	must(close(worker->pidfd));
	must(close(worker->desk));
	s->living--;
	draw_moment(s, ROW_WORKER + i, worker->began_ns, worker->mark);
	if (info.si_code == CLD_KILLED && info.si_status == SIGTERM)
		return;
	int64_t lost = worker->given - worker->done;
	say("worker %c was killed by signal %d; jobs lost: %jd", worker->mark,
	    info.si_status, (intmax_t)lost);
	s->killed++;
	s->to_give += lost;
	start_worker(s, i, false);
}

static void dismiss_all(struct supervisor *s)
{
	s->dismissed = true;
	say("all is done: SIGTERM to each worker, by pidfd");
	for (int i = 0; i < WORKERS; i++)
		must(signal_process(s->workers[i].pidfd, SIGTERM));
}

static void run(struct supervisor *s)
{
	struct epoll_event event;

	while (s->living > 0) {
		must(epoll_wait(s->epoll, &event, 1, -1));
		if (event.data.u32 == TIMER)
			hand_out(s);
		else if (event.data.u32 == REPORT)
			take_reports(s);
		else
			bury(s, (int)event.data.u32 - WORKER);
		if (s->done == JOBS && !s->dismissed)
			dismiss_all(s);
	}
}

static void draw(const struct supervisor *s)
{
	static const char *const rows[ROWS] = { "timer", "reports", "desk 1",
						"desk 2" };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *picture = must_ptr(
		draw_timeline(&canvas, rows, ROWS, s->spans, s->span_count));

	show(picture);
	free(picture);
}

void scene_loop(void)
{
	struct supervisor s = { .to_give = JOBS, .began_ns = now_ns() };
	const struct itimerspec ticks = { { 0, TICK_NS }, { 0, TICK_NS } };

	s.epoll = must(epoll_create1(EPOLL_CLOEXEC));
	s.timer = new_timer();
	s.reports = new_counter(EFD_NONBLOCK);
	watch(&s, s.timer, TIMER);
	watch(&s, s.reports, REPORT);
	for (int i = 0; i < WORKERS; i++)
		start_worker(&s, i, i == BRITTLE);
	must(timerfd_settime(s.timer, 0, &ticks, NULL));
	run(&s);

	say("ticks, reports, and which worker is alive at each desk:");
	draw(&s);
	claim(s.done == JOBS, "all %d jobs were reported, each once", JOBS);
	claim(s.killed == 1 && s.started == WORKERS + 1,
	      "one worker was killed; its pidfd told, and another took over");
	int error = waitpid(-1, NULL, WNOHANG) == -1 ? errno : 0;
	claim(error == ECHILD, "nobody is left, and nobody is a zombie");
}

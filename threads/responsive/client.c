// # The client
//
// It asks at times of its own and does not wait for one answer before the next
// question. That matters: a client that is polite and waits asks nothing while
// it is kept waiting, and of a pause of a second, in which twenty people would
// have asked, it reports one bad answer (Tene calls that coordinated omission).

#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cpu.h"
#include "draw.h"
#include "lab.h"
#include "random.h"
#include "responsive.h"
#include "stats.h"

enum { SEED = 11, HISTOGRAM_ROWS = 8 };

static void pin(int cpu)
{
	if (cpu >= 0 && pin_to_cpu(cpu))
		skip("I may not choose a CPU: allow sched_setaffinity(2)");
}

// ## Asking

static void take_answer(const struct meeting *m, int socket)
{
	struct reply reply;

	ssize_t n = must(recv(socket, &reply, sizeof reply, MSG_WAITALL));
	if (n == sizeof reply && reply.number < QUESTIONS) {
		m->asked->log[reply.number].told_ns = now_ns();
		m->asked->log[reply.number].reply = reply;
	} else {
		die_at(__FILE__, __LINE__, "recv of an answer", EPROTO);
	}
}

// Takes answers until it is time for something else.
static int take_until(const struct meeting *m, int socket, int64_t until_ns)
{
	struct pollfd answer = { .fd = socket, .events = POLLIN };
	int taken = 0;

	for (;;) {
		int64_t left_ns = until_ns - now_ns();
		if (left_ns < 0)
			left_ns = 0;
		struct timespec left = { left_ns / 1000000000,
					 left_ns % 1000000000 };
		if (must(ppoll(&answer, 1, &left, NULL)) == 0)
			return taken;
		take_answer(m, socket);
		taken++;
	}
}

static void ask(const struct meeting *m, int socket, uint32_t number)
{
	m->asked->log[number].asked_ns = now_ns();
	must(send(socket, &number, sizeof number, MSG_NOSIGNAL));
	atomic_store_explicit(&m->asked->count, number + 1,
			      memory_order_release);
}

static _Noreturn void play_client(const struct meeting *m, int socket)
{
	struct random random = { SEED };
	struct reply begun;
	int answers = 0;

	pin(m->client_cpu);
	must(recv(socket, &begun, sizeof begun, MSG_WAITALL));
	int64_t due_ns = now_ns();
	for (uint32_t i = 0; i < QUESTIONS; i++) {
		due_ns += random_below(&random, GAP_NS);
		answers += take_until(m, socket, due_ns);
		if (m->promised && i == QUESTIONS - 1 && answers == 0) {
			take_answer(m, socket);
			answers++;
		}
		ask(m, socket, i);
	}
	for (; answers < QUESTIONS; answers++)
		take_answer(m, socket);
	_exit(0);
}

void meet_client(struct meeting *m)
{
	int ends[2];

	m->asked = must(mmap(NULL, sizeof *m->asked, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	m->client = fork_as("client");
	if (m->client == 0) {
		must(close(ends[0]));
		play_client(m, ends[1]);
	}
	must(close(ends[1]));
	m->socket = ends[0];
	pin(m->cpu);
}

// ## Answering

int next_question(const struct meeting *m, bool wait)
{
	uint32_t number;

	ssize_t n = recv(m->socket, &number, sizeof number,
			 wait ? MSG_WAITALL : MSG_DONTWAIT);
	if (!wait && (n == 0 || (n == -1 && errno == EAGAIN)))
		return -1;
	if (must(n) != sizeof number)
		die_at(__FILE__, __LINE__, "recv of a question", EPROTO);
	return (int)number;
}

void answer_now(const struct meeting *m, int question)
{
	struct reply reply = { .number = question };

	reply.tested = atomic_load_explicit(&m->work.tested,
					    memory_order_acquire);
	reply.primes = atomic_load_explicit(&m->work.primes,
					    memory_order_relaxed);
	reply.over = reply.tested >= m->work.least &&
		     atomic_load_explicit(&m->asked->count,
					  memory_order_acquire) == QUESTIONS;
	must(send(m->socket, &reply, sizeof reply, MSG_NOSIGNAL));
}

// ## What it saw

int count_during(const struct meeting *m)
{
	int n = 0;

	for (int i = 0; i < QUESTIONS; i++)
		n += !m->asked->log[i].reply.over;
	return n;
}

static void waits_of(const struct meeting *m, double ns[QUESTIONS])
{
	for (int i = 0; i < QUESTIONS; i++)
		ns[i] = (double)(m->asked->log[i].told_ns -
				 m->asked->log[i].asked_ns);
	stats_sort(ns, QUESTIONS);
}

double median_wait_ns(const struct meeting *m)
{
	double ns[QUESTIONS];

	waits_of(m, ns);
	return stats_quantile(ns, QUESTIONS, 0.5);
}

double longest_wait_ns(const struct meeting *m)
{
	double ns[QUESTIONS];

	waits_of(m, ns);
	return ns[QUESTIONS - 1];
}

static void draw_times(const struct meeting *m, const struct canvas *canvas)
{
	static const char *const rows[] = { "work", "asked", "told" };
	struct span spans[1 + 2 * QUESTIONS];
	int64_t zero_ns = m->work.began_ns;

	spans[0] = (struct span){ 0, 0, m->work.ended_ns - zero_ns, 'w' };
	for (int i = 0; i < QUESTIONS; i++) {
		const struct asked *a = &m->asked->log[i];
		int64_t asked_ns = a->asked_ns - zero_ns;
		int64_t told_ns = a->told_ns - zero_ns;
		spans[1 + 2 * i] = (struct span){ 1, asked_ns, asked_ns, '?' };
		spans[2 + 2 * i] = (struct span){ 2, told_ns, told_ns, '!' };
	}
	char *picture = must_ptr(
		draw_timeline(canvas, rows, 3, spans, 1 + 2 * QUESTIONS));
	show(picture);
	free(picture);
}

static void draw_waits(const struct meeting *m, const struct canvas *canvas)
{
	double us[QUESTIONS];

	waits_of(m, us);
	for (int i = 0; i < QUESTIONS; i++)
		us[i] /= 1000;
	char *picture = must_ptr(draw_histogram(canvas, us, QUESTIONS,
						HISTOGRAM_ROWS, true, "us"));
	show(picture);
	free(picture);
}

int part(struct meeting *m, const char *how)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);

	reap(m->client);
	int during = count_during(m);
	say("%s: %d of %d answers during the work", how, during, QUESTIONS);
	draw_times(m, &canvas);
	say("how long the client waited for an answer:");
	draw_waits(m, &canvas);
	return during;
}

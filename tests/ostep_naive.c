// # Tests of sched/sim --ostep: two ways to the same answer
//
// The course's rules once more, as slow and literal as they can be written: a
// tick is a tick, a queue is a row of numbers. Random exercises must come out
// the same, word for word. Nothing here is shared with the program but the
// numbers of Python's generator, which have their own tests.

#define _GNU_SOURCE
#include "ostep_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python_random.h"
#include "random.h"

enum { JOBS = 6, QUEUES = 4, EXERCISES = 80 };

// What an exercise came to, as text.
struct page {
	char *text;
	size_t bytes;
	FILE *out;
};

// The stream keeps the addresses of the page's members.
static void page_open(struct page *page)
{
	page->out = open_memstream(&page->text, &page->bytes);
	ck_assert(page->out != NULL);
}

// Compares the pages of the naive way with those of the program.
static void compare(char *options[], struct page naive[],
		    void (*print)(FILE *out, const json_t *solution))
{
	json_t *solutions = ostep_solutions(options, EXERCISES);

	for (size_t i = 0; i < EXERCISES; i++) {
		struct page page;
		page_open(&page);
		print(page.out, json_array_get(solutions, i));
		fclose(page.out);
		fclose(naive[i].out);
		ck_assert_msg(!strcmp(page.text, naive[i].text),
			      "%s\nwant\n%s\ngot\n%s", options[i],
			      naive[i].text, page.text);
		free(page.text);
		free(naive[i].text);
		free(options[i]);
	}
	json_decref(solutions);
}

static int below(struct random *random, uint32_t limit)
{
	return (int)random_below(random, limit);
}

// ## mlfq

struct mlfq {
	int count, queues, boost, iotime;
	bool stay, bump;
	int start[JOBS], run[JOBS], io[JOBS];
	int quantum[QUEUES], allotment[QUEUES];

	int priority[JOBS], ticks[JOBS], slices[JOBS], left[JOBS];
	int first[JOBS], end[JOBS], back[JOBS];
	int queue[QUEUES][JOBS], length[QUEUES];
};

static void leave(struct mlfq *m, int queue, int job)
{
	int *row = m->queue[queue], i = 0;

	while (row[i] != job)
		i++;
	memmove(row + i, row + i + 1, sizeof *row * (--m->length[queue] - i));
}

static void enter(struct mlfq *m, int queue, int job, bool head)
{
	int *row = m->queue[queue];

	if (head)
		memmove(row + 1, row, sizeof *row * m->length[queue]);
	row[head ? 0 : m->length[queue]] = job;
	m->length[queue]++;
}

static void move_to(struct mlfq *m, int job, int queue)
{
	m->priority[job] = queue;
	m->ticks[job] = m->quantum[queue];
	m->slices[job] = m->allotment[queue];
}

static void begin_tick(struct mlfq *m, int t, FILE *out)
{
	int top = m->queues - 1;

	if (m->boost > 0 && t > 0 && t % m->boost == 0) {
		fprintf(out, "%d boost\n", t);
		for (int q = 0; q < top; q++)
			while (m->length[q]) {
				int job = m->queue[q][0];
				leave(m, q, job);
				enter(m, top, job, false);
			}
		for (int i = 0; i < m->count; i++)
			if (!m->end[i])
				move_to(m, i, top);
	}
	for (int i = 0; i < m->count; i++)
		if (m->start[i] == t)
			enter(m, m->priority[i], i, false);
	for (int i = 0; i < m->count; i++)
		if (m->back[i] == t)
			enter(m, m->priority[i], i, m->bump);
}

static void tick(struct mlfq *m, int queue, int t, FILE *out)
{
	int job = m->queue[queue][0];
	bool waits;

	if (m->left[job] == m->run[job])
		m->first[job] = t;
	m->left[job]--;
	int ticks = --m->ticks[job];
	fprintf(out, "%d job %d queue %d: %d %d %d\n", t, job, queue, ticks,
		m->slices[job], m->left[job]);
	if (m->left[job] == 0) {
		leave(m, queue, job);
		m->end[job] = t + 1;
		return;
	}
	waits = m->io[job] && (m->run[job] - m->left[job]) % m->io[job] == 0;
	if (waits) {
		leave(m, queue, job);
		m->back[job] = t + 1 + m->iotime;
		if (m->stay)
			move_to(m, job, queue);
	}
	if (ticks != 0)
		return;
	m->slices[job]--;
	if (m->slices[job] == 0)
		move_to(m, job, queue > 0 ? queue - 1 : 0);
	else
		m->ticks[job] = m->quantum[queue];
	if (!waits) {
		leave(m, queue, job);
		enter(m, m->priority[job], job, false);
	}
}

static void naive_mlfq(struct mlfq *m, FILE *out)
{
	int unfinished = m->count;

	for (int i = 0; i < m->count; i++) {
		move_to(m, i, m->queues - 1);
		m->left[i] = m->run[i];
		m->back[i] = -1;
	}
	for (int t = 0; unfinished; t++) {
		int queue = m->queues - 1, job;
		begin_tick(m, t, out);
		while (queue >= 0 && !m->length[queue])
			queue--;
		if (queue < 0) {
			fprintf(out, "%d idle\n", t);
			continue;
		}
		job = m->queue[queue][0];
		tick(m, queue, t, out);
		unfinished -= m->end[job] > 0;
	}
	for (int i = 0; i < m->count; i++)
		fprintf(out, "%d %d\n", m->first[i] - m->start[i],
			m->end[i] - m->start[i]);
}

// The arrays of the solution, merged by time.
static void print_mlfq(FILE *out, const json_t *solution)
{
	const json_t *ticks = member(solution, "ticks");
	const json_t *idle = member(solution, "idle");
	const json_t *boosts = member(solution, "boosts");
	size_t i = 0, k = 0, b = 0;
	json_t *job;

	for (json_int_t t = 0; i < json_array_size(ticks); t++) {
		const json_t *now = json_array_get(ticks, i);
		if (json_integer_value(json_array_get(boosts, b)) == t &&
		    b < json_array_size(boosts)) {
			fprintf(out, "%d boost\n", (int)t);
			b++;
		}
		if (json_integer_value(json_array_get(idle, k)) == t &&
		    k < json_array_size(idle)) {
			fprintf(out, "%d idle\n", (int)t);
			k++;
		}
		if (number_of(now, "tick") != (double)t)
			continue;
		fprintf(out, "%d job %d queue %.0f: %.0f %.0f %.0f\n", (int)t,
			job_of(now, "job"), number_of(now, "queue"),
			number_of(now, "ticks"), number_of(now, "slices"),
			number_of(now, "left"));
		i++;
	}
	json_array_foreach(member(solution, "jobs"), i, job)
		fprintf(out, "%.0f %.0f\n", number_of(job, "response"),
			number_of(job, "turnaround"));
}

static int one_of(struct random *random, const int *numbers, uint32_t n)
{
	return numbers[below(random, n)];
}

static struct mlfq some_mlfq(struct random *random)
{
	static const int quanta[] = { 1, 1, 2, 3, 4, 7, 10, 0, -2 };
	static const int allotments[] = { 1, 1, 2, 3 };
	static const int boosts[] = { 0, 0, 1, 2, 3, 5, 7, 10, 19, -4 };
	static const int iotimes[] = { 0, 0, 1, 2, 3, 5, 8 };
	static const int starts[] = { 0, 0, 0, 1, 2, 3, 5, 8, 20 };
	static const int ios[] = { 0, 1, 2, 3, 4, 7 };
	struct mlfq m = { .count = 1 + below(random, JOBS),
			  .queues = 1 + below(random, QUEUES),
			  .boost = one_of(random, boosts, 10),
			  .iotime = one_of(random, iotimes, 7),
			  .stay = below(random, 2),
			  .bump = below(random, 2) };

	for (int q = 0; q < m.queues; q++) {
		m.quantum[q] = one_of(random, quanta, 9);
		m.allotment[q] = one_of(random, allotments, 4);
	}
	if (below(random, 4) == 0)
		m.allotment[0] = -below(random, 2);
	for (int i = 0; i < m.count; i++) {
		m.start[i] = one_of(random, starts, 9);
		m.run[i] = 1 + below(random, 25);
		m.io[i] = one_of(random, ios, 6);
	}
	return m;
}

static char *mlfq_options(const struct mlfq *m)
{
	struct page page;

	page_open(&page);
	fprintf(page.out, "mlfq -B %d -i %d%s%s -l ", m->boost, m->iotime,
		m->stay ? " -S" : "", m->bump ? " -I" : "");
	for (int i = 0; i < m->count; i++)
		fprintf(page.out, "%s%d,%d,%d", i ? ":" : "", m->start[i],
			m->run[i], m->io[i]);
	fprintf(page.out, " -Q ");
	for (int q = m->queues - 1; q >= 0; q--)
		fprintf(page.out, "%d%s", m->quantum[q], q ? "," : " -A ");
	for (int q = m->queues - 1; q >= 0; q--)
		fprintf(page.out, "%d%s", m->allotment[q], q ? "," : "");
	fclose(page.out);
	return page.text;
}

START_TEST(ostep_mlfq_naively)
{
	struct random random = { .state = 6 + (uint64_t)_i };
	struct page naive[EXERCISES];
	char *options[EXERCISES];

	for (int i = 0; i < EXERCISES; i++) {
		struct mlfq m = some_mlfq(&random);
		options[i] = mlfq_options(&m);
		page_open(&naive[i]);
		naive_mlfq(&m, naive[i].out);
	}
	compare(options, naive, print_mlfq);
}
END_TEST

// ## scheduler

struct jobs {
	int count, quantum;
	double left[JOBS];
	int64_t tickets[JOBS];
};

// Round robin without a queue: who has waited longest since its last turn.
static void naive_rr(const struct jobs *exercise, FILE *out)
{
	struct jobs j = *exercise;
	double clock = 0;
	int turn = JOBS, stand[JOBS] = { 0 }; // the smallest is the head
	bool done[JOBS] = { false };

	for (int i = 0; i < j.count; i++)
		stand[i] = i;
	for (;;) {
		int head = -1;
		for (int i = 0; i < j.count; i++)
			if (!done[i] && (head < 0 || stand[i] < stand[head]))
				head = i;
		if (head < 0)
			return;
		double ran = j.left[head] > j.quantum ? j.quantum
						      : j.left[head];
		done[head] = !(j.left[head] > j.quantum);
		fprintf(out, "%d %.17g %.17g\n", head, clock, clock + ran);
		clock += ran;
		j.left[head] -= ran;
		stand[head] = turn++;
	}
}

// Not preemptive: the next is the first of the shortest (FIFO: of all).
static void naive_order(const struct jobs *exercise, bool shortest, FILE *out)
{
	bool done[JOBS] = { false };
	double clock = 0;

	for (int turn = 0; turn < exercise->count; turn++) {
		const double *length = exercise->left;
		int next = -1;
		for (int i = 0; i < exercise->count; i++)
			if (!done[i] &&
			    (next < 0 ||
			     (shortest && length[i] < length[next])))
				next = i;
		fprintf(out, "%d %.17g %.17g\n", next, clock,
			clock + length[next]);
		clock += length[next];
		done[next] = true;
	}
}

static void print_turns(FILE *out, const json_t *solution)
{
	json_t *slice;
	size_t i;

	json_array_foreach(member(solution, "slices"), i, slice)
		fprintf(out, "%d %.17g %.17g\n", job_of(slice, "job"),
			number_of(slice, "start"), number_of(slice, "end"));
}

START_TEST(ostep_scheduler_naively)
{
	static const char *const names[] = { "FIFO", "SJF", "RR" };
	struct random random = { .state = 11 };
	struct page naive[EXERCISES];
	char *options[EXERCISES];

	for (int i = 0; i < EXERCISES; i++) {
		struct jobs j = { .count = 1 + below(&random, JOBS),
				  .quantum = 1 + below(&random, 4) };
		struct page page;
		page_open(&page);
		fprintf(page.out, "scheduler -p %s -q %d -l ", names[i % 3],
			j.quantum);
		for (int k = 0; k < j.count; k++) {
			// often whole, often equal, often not binary
			j.left[k] = below(&random, 2)
					    ? below(&random, 8)
					    : below(&random, 80) / 10.0;
			fprintf(page.out, "%s%.1f", k ? "," : "", j.left[k]);
		}
		fclose(page.out);
		options[i] = page.text;
		page_open(&naive[i]);
		if (i % 3 == 2)
			naive_rr(&j, naive[i].out);
		else
			naive_order(&j, i % 3 == 1, naive[i].out);
	}
	compare(options, naive, print_turns);
}
END_TEST

// ## lottery

static void naive_lottery(const struct jobs *exercise,
			  struct python_random *python, FILE *out)
{
	struct jobs j = *exercise;
	int64_t rounds = 0, total = 0, clock = 0, done[JOBS] = { 0 };

	for (int i = 0; i < j.count; i++) {
		rounds += (int64_t)j.left[i];
		total += j.tickets[i];
	}
	for (; rounds > 0 && total > 0; rounds--) {
		int64_t d = (int64_t)(python_random_real(python) * 1000001);
		int64_t sum = 0;
		int winner = -1;
		while (sum <= d % total)
			sum += j.tickets[++winner];
		fprintf(out, "%d %d of %d: %d\n", (int)d, (int)(d % total),
			(int)total, winner);
		j.left[winner] -= j.left[winner] < j.quantum ? j.left[winner]
							     : j.quantum;
		clock += j.quantum;
		if (j.left[winner] > 0)
			continue;
		done[winner] = clock;
		total -= j.tickets[winner];
		j.tickets[winner] = 0;
	}
	for (int i = 0; i < j.count; i++)
		fprintf(out, "%d\n", (int)done[i]);
}

static void print_lottery(FILE *out, const json_t *solution)
{
	json_t *one;
	size_t i;

	json_array_foreach(member(solution, "draws"), i, one)
		fprintf(out, "%.0f %.0f of %.0f: %d\n",
			number_of(one, "random"), number_of(one, "ticket"),
			number_of(one, "tickets"), job_of(one, "winner"));
	json_array_foreach(member(solution, "jobs"), i, one) fprintf(
		out, "%.0f\n", json_number_value(member(one, "turnaround")));
}

static int64_t drawn(struct python_random *python, int bound)
{
	int64_t number;

	do
		number = (int64_t)(bound * python_random_real(python));
	while (!number);
	return number;
}

// Every other exercise is drawn by the program, too, the rest is listed, with
// lengths of 0 among them.
START_TEST(ostep_lottery_naively)
{
	struct random random = { .state = 12 };
	struct page naive[EXERCISES];
	char *options[EXERCISES];

	for (int i = 0; i < EXERCISES; i++) {
		struct jobs j = { .count = 1 + below(&random, JOBS),
				  .quantum = 1 + below(&random, 4) };
		struct page page;
		int maxlen = 2 + below(&random, 12);
		int maxticket = 2 + below(&random, 40);
		page_open(&page);
		struct python_random python =
			python_random_seeded((uint64_t)i * 77777777777);
		fprintf(page.out, "lottery -q %d -s %ju ", j.quantum,
			(uintmax_t)i * 77777777777);
		if (i % 2)
			fprintf(page.out, "-j %d -m %d -T %d", j.count, maxlen,
				maxticket);
		for (int k = 0; k < j.count; k++) {
			j.left[k] = i % 2 ? (double)drawn(&python, maxlen)
					  : below(&random, maxlen);
			j.tickets[k] = i % 2 ? drawn(&python, maxticket)
					     : 1 + below(&random, maxticket);
			if (i % 2 == 0)
				fprintf(page.out, "%s%.0f:%d", k ? "," : "-l ",
					j.left[k], (int)j.tickets[k]);
		}
		fclose(page.out);
		options[i] = page.text;
		page_open(&naive[i]);
		naive_lottery(&j, &python, naive[i].out);
	}
	compare(options, naive, print_lottery);
}
END_TEST

void ostep_naive_tests(Suite *suite)
{
	TCase *tests = tcase_create("naive");

	tcase_add_loop_test(tests, ostep_mlfq_naively, 0, soaking() ? 100 : 2);
	tcase_add_test(tests, ostep_scheduler_naively);
	tcase_add_test(tests, ostep_lottery_naively);
	suite_add_tcase(suite, tests);
}

// The model: job files, generated jobs; see also model_engine.c (the simulator by
// worked examples) and model_properties.c (what must hold of any jobs).

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_parts.h"

static int read_bytes(struct jobs *jobs, const char *text, size_t bytes,
		      struct jobs_error *error)
{
	FILE *file = bytes ? fmemopen((void *)text, bytes, "r")
			   : fopen("/dev/null", "r");

	ck_assert_ptr_nonnull(file);
	int result = jobs_read(jobs, file, error);
	fclose(file);
	return result;
}

struct jobs model_jobs(const char *text)
{
	struct jobs jobs;
	struct jobs_error error;
	int result = read_bytes(&jobs, text, strlen(text), &error);

	ck_assert_msg(result == 0, "%zu:%zu: %s", error.line, error.column,
		      error.text);
	return jobs;
}

// --- job files ----------------------------------------------------------------

START_TEST(model_reads_a_file)
{
	struct jobs jobs = model_jobs(
		"\xef\xbb\xbf# name arrival cpu[,io,cpu...]\r\n"
		"A  0   30\r\n"
		"\n"
		" \tB\t5   10,20,10   prio=1 # a comment\r\n"
		"작업  2.5   1.5s  deadline=3s nice=-20 tickets=7\n"
		"-1  1us   1ns,1m,2h prio=-3 deadline=1#");
	char text[JOB_NAME_BYTES];

	ck_assert_uint_eq(jobs.count, 4);
	ck_assert_str_eq(job_name(&jobs, 0, text), "A");
	ck_assert_str_eq(job_name(&jobs, 2, text), "작업");
	ck_assert_str_eq(job_name(&jobs, 3, text), "-1");
	const struct task *t = jobs.tasks;
	ck_assert(t[0].arrival_ns == 0 && t[0].burst_ns == 30 * MS &&
		  t[0].left_ns == 30 * MS && t[0].deadline_ns == NEVER &&
		  t[0].priority == 0 && t[0].tickets == 100 && t[0].nice == 0);
	ck_assert(t[1].arrival_ns == 5 * MS && t[1].burst_ns == 10 * MS &&
		  t[1].priority == 1);
	ck_assert_int_eq(job_cpu_ns(&jobs, 1), 20 * MS);
	ck_assert_int_eq(job_io_ns(&jobs, 1), 20 * MS);
	ck_assert(t[2].arrival_ns == 2500000 && t[2].burst_ns == 1500000000 &&
		  t[2].deadline_ns == 3002500000 && t[2].nice == -20 &&
		  t[2].tickets == 7);
	ck_assert(t[3].arrival_ns == 1000 && t[3].burst_ns == 1 &&
		  t[3].priority == -3 && t[3].deadline_ns == MS + 1000);
	ck_assert_int_eq(job_cpu_ns(&jobs, 3), INT64_C(7200000000001));
	ck_assert_int_eq(job_io_ns(&jobs, 3), INT64_C(60000000000));
	ck_assert_uint_eq(jobs.first[4], 8);
	jobs_free(&jobs);
}
END_TEST

#define TIME_WANTED                                                       \
	": a number, in ms or with a unit (ns us ms s m h), whole in ns"
#define KEYS_WANTED "want prio=N, tickets=N, deadline=T or nice=N"
#define LENGTH_32 "12345678901234567890123456789012"

static const struct bad_file {
	const char *text;
	size_t line, column;
	const char *error;
} bad_files[] = {
	{ "", 0, 0, "want at least one job: name arrival cpu[,io,cpu...]" },
	{ "\n# A 0 30\n \t\r\n", 0, 0,
	  "want at least one job: name arrival cpu[,io,cpu...]" },
	{ "A", 1, 2, "want an arrival" TIME_WANTED ", found nothing" },
	{ "A 0 1\nB  \n", 2, 4, "want an arrival" TIME_WANTED ", found nothing" },
	{ "A # 0 1\n", 1, 3, "want an arrival" TIME_WANTED ", found nothing" },
	{ "A x 1", 1, 3, "want an arrival" TIME_WANTED ", found 'x'" },
	{ "\xef\xbb\xbf" "A x 1", 1, 3, "want an arrival" TIME_WANTED ", found 'x'" },
	{ "A -1 1", 1, 3, "want an arrival" TIME_WANTED ", found '-1'" },
	{ "A 0x10 1", 1, 3, "want an arrival" TIME_WANTED ", found '0x10'" },
	{ "A 1e3 1", 1, 3, "want an arrival" TIME_WANTED ", found '1e3'" },
	{ "A 1. 1", 1, 3, "want an arrival" TIME_WANTED ", found '1.'" },
	{ "A 0.5ns 1", 1, 3, "want an arrival" TIME_WANTED ", found '0.5ns'" },
	{ "A 0.0000001 1", 1, 3,
	  "want an arrival" TIME_WANTED ", found '0.0000001'" },
	{ "A 5d 1", 1, 3, "want an arrival" TIME_WANTED ", found '5d'" },
	{ "A 9223372036854.775807 1", 1, 3,
	  "want an arrival below 292 years, found '9223372036854.775807'" },
	{ "A 99999999999999999999 1", 1, 3,
	  "want an arrival below 292 years, found '99999999999999999999'" },
	{ "A " LENGTH_32 LENGTH_32 LENGTH_32 LENGTH_32 " 1", 1, 3,
	  "want an arrival in fewer digits, found "
	  "'123456789012345678901234567890...'" },
	{ "A 0", 1, 4, "want CPU times, cpu[,io,cpu...], found nothing" },
	{ "A 0 0", 1, 5, "want a CPU time above 0, found '0'" },
	{ "A 0 -3", 1, 5, "want a CPU time" TIME_WANTED ", found '-3'" },
	{ "A 0 1,0,1", 1, 7, "want an I/O time above 0, found '0'" },
	{ "A 0 1,2,0", 1, 9, "want a CPU time above 0, found '0'" },
	{ "A 0 1,2", 1, 8,
	  "want a CPU time after the I/O: a job ends with computing, found "
	  "nothing" },
	{ "A 0 1,,2", 1, 7, "want an I/O time" TIME_WANTED ", found nothing" },
	{ "A 0 ,1", 1, 5, "want a CPU time" TIME_WANTED ", found nothing" },
	{ "A 0 1,", 1, 7, "want an I/O time" TIME_WANTED ", found nothing" },
	{ "A 0 1, 2,3", 1, 7, "want an I/O time" TIME_WANTED ", found nothing" },
	{ "A 0 1 2", 1, 7, KEYS_WANTED ", found '2'" },
	{ "A 0 1 prio", 1, 7, KEYS_WANTED ", found 'prio'" },
	{ "A 0 1 pri=1", 1, 7, KEYS_WANTED ", found 'pri=1'" },
	{ "A 0 1 =1", 1, 7, KEYS_WANTED ", found '=1'" },
	{ "A 0 1 Prio=1", 1, 7, KEYS_WANTED ", found 'Prio=1'" },
	{ "A 0 1 prio=", 1, 12,
	  "want prio= and a whole number from -1000000 to 1000000, found "
	  "nothing" },
	{ "A 0 1 prio=1.5", 1, 12,
	  "want prio= and a whole number from -1000000 to 1000000, found '1.5'" },
	{ "A 0 1 prio=1000001", 1, 12,
	  "want prio= and a whole number from -1000000 to 1000000, found "
	  "'1000001'" },
	{ "A 0 1 tickets=0", 1, 15,
	  "want tickets= and a whole number from 1 to 1000000, found '0'" },
	{ "A 0 1 tickets=-5", 1, 15,
	  "want tickets= and a whole number from 1 to 1000000, found '-5'" },
	{ "A 0 1 tickets=99999999999999999999", 1, 15,
	  "want tickets= and a whole number from 1 to 1000000, found "
	  "'99999999999999999999'" },
	{ "A 0 1 nice=20", 1, 12,
	  "want nice= and a whole number from -20 to 19, found '20'" },
	{ "A 0 1 nice=-21", 1, 12,
	  "want nice= and a whole number from -20 to 19, found '-21'" },
	{ "A 0 1 deadline=0", 1, 16, "want a deadline above 0, found '0'" },
	{ "A 0 1 deadline=soon", 1, 16,
	  "want a deadline" TIME_WANTED ", found 'soon'" },
	{ "A 0 1 prio=1  prio=1", 1, 15, "want prio= once, found 'prio=1'" },
	{ "A 0 1 nice=1 tickets=3 nice=x", 1, 24,
	  "want nice= once, found 'nice=x'" },
	{ "A 0 1\nB 0 1\n\nA 2 3\n", 4, 1,
	  "want a name that is used once, A is job 1 already" },
	{ LENGTH_32 " 0 1", 1, 1,
	  "want a name of at most 31 bytes, found "
	  "'123456789012345678901234567890...'" },
	{ "\tA\x01" "B 0 1", 1, 3,
	  "want a name of printable UTF-8, not the byte 0x01" },
	{ "A\xc2\x85 0 1", 1, 2,
	  "want a name of printable UTF-8, not the byte 0xc2" },
	{ "작\xff 0 1", 1, 2,
	  "want a name of printable UTF-8, not the byte 0xff" },
	{ "작업 0 \x1b[31m", 1, 6, "want a CPU time" TIME_WANTED ", found '?[31m'" },
	{ "A 9000000000000 9000000000000", 1, 1,
	  "want times that add up to less than 292 years" },
	{ "A 9000000000000 1 deadline=9000000000000", 1, 1,
	  "want times that add up to less than 292 years" },
};

START_TEST(model_tells_what_is_wrong_and_where)
{
	for (size_t i = 0; i < COUNT(bad_files); i++) {
		const struct bad_file *bad = &bad_files[i];
		struct jobs jobs;
		struct jobs_error error;
		int result = read_bytes(&jobs, bad->text, strlen(bad->text),
					&error);
		ck_assert_msg(result == -EINVAL, "taken: %s", bad->text);
		ck_assert_msg(error.line == bad->line &&
				      error.column == bad->column &&
				      !strcmp(error.text, bad->error),
			      "'%s' gave %zu:%zu: %s\nexpected %zu:%zu: %s",
			      bad->text, error.line, error.column, error.text,
			      bad->line, bad->column, bad->error);
		ck_assert(jobs.count == 0 && !jobs.tasks);
	}
}
END_TEST

START_TEST(model_refuses_nul_bytes)
{
	static const char nul[] = "A 0 1\nB 0\0 1\n", wide[] = "A\0 \0"
							       "0\0";
	struct jobs jobs;
	struct jobs_error error;

	ck_assert_int_eq(read_bytes(&jobs, nul, sizeof nul - 1, &error),
			 -EINVAL);
	ck_assert_str_eq(error.text, "want text, not a NUL byte");
	ck_assert_uint_eq(error.line, 2);
	ck_assert_uint_eq(error.column, 4);
	ck_assert_int_eq(read_bytes(&jobs, wide, sizeof wide - 1, &error),
			 -EINVAL);
	ck_assert_uint_eq(error.column, 2);
}
END_TEST

START_TEST(model_reports_reading_errors)
{
	struct jobs jobs;
	struct jobs_error error;
	FILE *folder = fopen("/", "r");

	ck_assert_ptr_nonnull(folder);
	ck_assert_int_eq(jobs_read(&jobs, folder, &error), -EISDIR);
	fclose(folder);
}
END_TEST

// A job of 60,000 bursts on one line, a number of 100 digits, a comment of a
// megabyte, 20,000 lines.
START_TEST(model_reads_long_lines_and_many)
{
	char *text;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	ck_assert_ptr_nonnull(out);
	fprintf(out, "long 0 1");
	for (int i = 0; i < 30000; i++)
		fprintf(out, ",2,3");
	fprintf(out, " # %01000000d\nzeros 0.%0100d 1\n", 0, 0);
	for (int i = 0; i < 20000; i++)
		fprintf(out, "J%d %d 1\n", i, i);
	fclose(out);
	struct jobs jobs = model_jobs(text);
	free(text);
	ck_assert_uint_eq(jobs.count, 20002);
	ck_assert_int_eq(job_cpu_ns(&jobs, 0), INT64_C(90001) * MS);
	ck_assert_int_eq(job_io_ns(&jobs, 0), INT64_C(60000) * MS);
	ck_assert_int_eq(jobs.tasks[20001].arrival_ns, INT64_C(19999) * MS);
	ck_assert_str_eq(jobs.names[20001], "J19999");
	jobs_free(&jobs);
}
END_TEST

// What jobs_write writes is read as the same.
static void round_trip(const struct jobs *jobs)
{
	struct jobs again;
	struct jobs_error error;
	char *text, name[JOB_NAME_BYTES], name_again[JOB_NAME_BYTES];
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(jobs_write(jobs, out), 0);
	fclose(out);
	int result = read_bytes(&again, text, bytes, &error);
	ck_assert_msg(result == 0, "%s: %s", text, error.text);
	ck_assert_uint_eq(again.count, jobs->count);
	for (size_t i = 0; i < jobs->count; i++) {
		const struct task *a = &jobs->tasks[i], *b = &again.tasks[i];
		ck_assert_str_eq(job_name(jobs, (int)i, name),
				 job_name(&again, (int)i, name_again));
		holds(a->arrival_ns == b->arrival_ns &&
		      a->burst_ns == b->burst_ns && a->left_ns == b->left_ns &&
		      a->deadline_ns == b->deadline_ns &&
		      a->priority == b->priority && a->tickets == b->tickets &&
		      a->nice == b->nice &&
		      jobs->first[i + 1] == again.first[i + 1]);
	}
	ck_assert_mem_eq(jobs->bursts_ns, again.bursts_ns,
			 jobs->first[jobs->count] * sizeof *jobs->bursts_ns);
	free(text);
	jobs_free(&again);
}

START_TEST(model_writes_what_it_reads)
{
	struct jobs jobs;
	const struct generate generate = {
		.count = 500,
		.seed = 3,
		.arrivals = POISSON,
		.load = 0.5,
		.cpus = 2,
		.lengths = PARETO,
		.mean_ns = 12345678,
		.io = 0.5,
	};

	ck_assert_int_eq(jobs_generate(&jobs, &generate), 0);
	round_trip(&jobs);
	FILE *full = fopen("/dev/full", "w");
	ck_assert_ptr_nonnull(full);
	ck_assert_int_eq(jobs_write(&jobs, full), -ENOSPC);
	fclose(full);
	jobs_free(&jobs);
}
END_TEST

// Whatever the bytes, the answer is jobs or a text.
START_TEST(model_survives_mutated_files)
{
	static const char good[] =
		"# name arrival cpu[,io,cpu...]\r\n"
		"A 0 30\nB 5 10,20,10 prio=1 nice=-3\n"
		"작업 5ms 1.5s deadline=3s tickets=7 # done\n\tC 1 2,3,4,5,6\n";
	static const char bytes[] = " \t\n\r\0#,=.-+0189ABn'\"\\%\xff\xed\x94";
	struct random random = { 11 };
	int taken = 0;

	for (int turn = 0; turn < 4000; turn++) {
		char text[2 * sizeof good];
		size_t length = sizeof good - 1;
		memcpy(text, good, length);
		for (int n = 1 + random_below(&random, 3); n > 0; n--) {
			size_t at = random_below(&random, length);
			size_t end = at + random_below(&random, length - at);
			switch (random_below(&random, 4)) {
			case 0: // a piece is lost
				memmove(text + at, text + end, length - end);
				length -= end - at;
				break;
			case 1: // the rest is lost
				length = at + 1;
				break;
			default: // another byte
				text[at] = bytes[random_below(
					&random, sizeof bytes - 1)];
			}
			if (length < 2)
				break;
		}
		struct jobs jobs;
		struct jobs_error error;
		int result = read_bytes(&jobs, text, length, &error);
		if (result == 0) {
			taken++;
			ck_assert_uint_gt(jobs.count, 0);
			round_trip(&jobs);
			jobs_free(&jobs);
		} else {
			ck_assert_int_eq(result, -EINVAL);
			ck_assert(!strncmp(error.text, "want ", 5));
			ck_assert(!error.line == !error.column);
		}
	}
	ck_assert_int_gt(taken, 100);
	ck_assert_int_lt(taken, 3900);
}
END_TEST

START_TEST(model_makes_jobs_by_hand)
{
	static const int64_t one[] = { 5 }, io[] = { 5, 0, 5 },
			     odd[] = { 5, 1 }, zero[] = { 0 };
	static const struct job_line bad[] = {
		{ .name = "A", .bursts_ns = odd, .bursts = 2 },
		{ .name = "A", .bursts_ns = zero, .bursts = 1 },
		{ .name = "A", .bursts_ns = one, .bursts = 0 },
		{ .name = "", .bursts_ns = one, .bursts = 1 },
		{ .name = "A", .bursts_ns = one, .bursts = 1, .nice = 20 },
		{ .name = "A", .bursts_ns = one, .bursts = 1, .arrival_ns = -1 },
		{ .name = LENGTH_32, .bursts_ns = one, .bursts = 1 },
		{ .name = "A", .bursts_ns = one, .bursts = 1,
		  .arrival_ns = NEVER - 5 },
		{ .name = "A", .bursts_ns = one, .bursts = 1, .arrival_ns = 1,
		  .deadline_ns = NEVER },
	};
	static const struct job_line good[] = {
		{ .bursts_ns = one, .bursts = 1, .deadline_ns = 9,
		  .arrival_ns = 2 },
		{ .bursts_ns = io, .bursts = 3, .tickets = 3, .priority = -7 },
	};
	static const struct job_line mixed[] = {
		{ .name = "A", .bursts_ns = one, .bursts = 1 },
		{ .bursts_ns = one, .bursts = 1 },
	};
	struct jobs jobs;
	char text[JOB_NAME_BYTES];

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(jobs_make(&jobs, &bad[i], 1) == -EINVAL,
			      "row %zu", i);
	ck_assert_int_eq(jobs_make(&jobs, mixed, 2), -EINVAL);
	ck_assert_int_eq(jobs_make(&jobs, good, 0), -EINVAL);
	ck_assert_int_eq(jobs_make(&jobs, good, 2), 0);
	ck_assert_int_eq(jobs.tasks[0].deadline_ns, 11);
	ck_assert_uint_eq(jobs.tasks[0].tickets, 100);
	ck_assert_uint_eq(jobs.tasks[1].tickets, 3);
	ck_assert_int_eq(jobs.tasks[1].priority, -7);
	ck_assert_int_eq(job_cpu_ns(&jobs, 1), 10);
	ck_assert_str_eq(job_name(&jobs, 1, text), "J1");
	jobs_free(&jobs);
}
END_TEST

// --- generated jobs -------------------------------------------------------------

static const struct generate usual = {
	.count = 20000,
	.seed = 1,
	.arrivals = POISSON,
	.load = 0.9,
	.cpus = 1,
	.lengths = EXPONENTIAL,
	.mean_ns = 10 * MS,
};

static double mean_cpu_ns(const struct jobs *jobs)
{
	double sum = 0;

	for (size_t i = 0; i < jobs->count; i++)
		sum += (double)job_cpu_ns(jobs, (int)i);
	return sum / (double)jobs->count;
}

// The means of 20,000 are within 3 % of the law's (its standard error is below
// 1 %); Pareto's variance is infinite, so its mean of any sample wanders.
START_TEST(model_generates_lengths_by_their_law)
{
	static const struct {
		enum lengths lengths;
		double share_below_mean, tolerance;
	} laws[] = {
		{ EXPONENTIAL, 0.6321, 0.03 }, // 1 - 1/e
		{ UNIFORM_LENGTHS, 0.5, 0.03 },
		{ FIXED, 0, 0 },
		{ PARETO, 0.8075, 0.3 }, // 1 - (1/3)^1.5
		{ BIMODAL, 0.9, 0.03 },
	};

	for (size_t i = 0; i < COUNT(laws); i++) {
		struct generate generate = usual;
		struct jobs jobs;
		size_t below = 0;
		generate.lengths = laws[i].lengths;
		ck_assert_int_eq(jobs_generate(&jobs, &generate), 0);
		double mean = mean_cpu_ns(&jobs) / (double)usual.mean_ns;
		ck_assert_msg(fabs(mean - 1) <= laws[i].tolerance,
			      "law %zu: mean %g", i, mean);
		for (size_t k = 0; k < jobs.count; k++)
			below += job_cpu_ns(&jobs, (int)k) < usual.mean_ns;
		double share = (double)below / (double)jobs.count;
		ck_assert_msg(fabs(share - laws[i].share_below_mean) < 0.015,
			      "law %zu: %g below the mean", i, share);
		jobs_free(&jobs);
	}
}
END_TEST

// The rate of arrivals is that of the load; times between Poisson's arrivals are
// exponential (1 - 1/e of them shorter than the mean), uniform ones are too when
// there are many.
START_TEST(model_generates_arrivals_by_their_law)
{
	static const enum arrivals kinds[] = { POISSON, UNIFORM_ARRIVALS };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct generate generate = usual;
		struct jobs jobs;
		size_t below = 0;
		generate.arrivals = kinds[i];
		generate.cpus = 2;
		ck_assert_int_eq(jobs_generate(&jobs, &generate), 0);
		double gap = (double)usual.mean_ns / 0.9 / 2;
		const struct task *t = jobs.tasks;
		ck_assert_int_eq(t[0].arrival_ns, 0);
		for (size_t k = 1; k < jobs.count; k++) {
			int64_t d = t[k].arrival_ns - t[k - 1].arrival_ns;
			holds(d >= 0);
			below += (double)d < gap;
		}
		// Nor do the lengths follow the gaps.
		double length = mean_cpu_ns(&(struct jobs){
					.count = 1,
					.tasks = jobs.tasks,
					.first = jobs.first,
					.bursts_ns = jobs.bursts_ns }) /
				(double)usual.mean_ns;
		holds(fabs((double)t[1].arrival_ns / gap - length) > 1e-6);
		double n = (double)jobs.count;
		double mean = (double)t[jobs.count - 1].arrival_ns / n / gap;
		ck_assert_msg(fabs(mean - 1) < 0.03, "mean %g", mean);
		ck_assert(fabs((double)below / n - 0.6321) < 0.015);
		jobs_free(&jobs);
	}
	struct generate together = usual;
	struct jobs jobs;
	together.arrivals = TOGETHER;
	ck_assert_int_eq(jobs_generate(&jobs, &together), 0);
	for (size_t k = 0; k < jobs.count; k++)
		holds(jobs.tasks[k].arrival_ns == 0);
	jobs_free(&jobs);
}
END_TEST

START_TEST(model_generates_waits_and_urgency)
{
	struct generate generate = usual;
	struct jobs jobs;
	size_t waiting = 0, urgent[10] = { 0 };

	generate.io = 0.3;
	generate.mean_ns = 1000;
	ck_assert_int_eq(jobs_generate(&jobs, &generate), 0);
	for (size_t i = 0; i < jobs.count; i++) {
		const struct task *t = &jobs.tasks[i];
		uint32_t rank = (uint32_t)t->priority;
		size_t phases = jobs.first[i + 1] - jobs.first[i];
		holds(phases % 2 == 1 && phases <= 7);
		waiting += phases > 1;
		holds(job_cpu_ns(&jobs, (int)i) >= 1000);
		for (size_t k = jobs.first[i]; k < jobs.first[i + 1]; k++)
			holds(jobs.bursts_ns[k] > 0);
		holds(t->priority >= 0 && t->priority <= 9);
		holds(t->nice == t->priority);
		holds(t->tickets == 100 - 10 * rank);
		urgent[t->priority]++;
		double slack = (double)(t->deadline_ns - t->arrival_ns) /
			       (double)job_cpu_ns(&jobs, (int)i);
		holds(slack > 1.999 && slack < 10.001);
	}
	ck_assert_uint_ge(waiting, 5700);
	ck_assert_uint_le(waiting, 6300);
	for (int i = 0; i < 10; i++)
		ck_assert(urgent[i] > 1800 && urgent[i] < 2200);
	jobs_free(&jobs);
}
END_TEST

static bool same_jobs(const struct jobs *a, const struct jobs *b)
{
	if (a->count != b->count || a->first[a->count] != b->first[b->count])
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->tasks[i].arrival_ns != b->tasks[i].arrival_ns ||
		    a->tasks[i].deadline_ns != b->tasks[i].deadline_ns ||
		    a->tasks[i].priority != b->tasks[i].priority)
			return false;
	return !memcmp(a->bursts_ns, b->bursts_ns,
		       a->first[a->count] * sizeof *a->bursts_ns);
}

START_TEST(model_generates_the_same_from_a_seed)
{
	struct generate generate = usual;
	struct jobs a, b, c, d;

	generate.count = 500;
	generate.io = 0.5;
	ck_assert_int_eq(jobs_generate(&a, &generate), 0);
	ck_assert_int_eq(jobs_generate(&b, &generate), 0);
	generate.arrivals = TOGETHER;
	ck_assert_int_eq(jobs_generate(&d, &generate), 0);
	generate = usual;
	generate.count = 500;
	generate.io = 0.5;
	generate.seed = 2;
	ck_assert_int_eq(jobs_generate(&c, &generate), 0);
	ck_assert(same_jobs(&a, &b));
	ck_assert(!same_jobs(&a, &c));
	// The same work, whenever it comes.
	ck_assert_mem_eq(a.bursts_ns, d.bursts_ns,
			 a.first[500] * sizeof *a.bursts_ns);
	jobs_free(&a);
	jobs_free(&b);
	jobs_free(&c);
	jobs_free(&d);
}
END_TEST

START_TEST(model_refuses_to_generate_nonsense)
{
	struct generate bad[] = { usual, usual, usual, usual, usual,
				  usual, usual, usual, usual, usual };
	struct jobs jobs;

	bad[0].count = 0;
	bad[1].load = 0;
	bad[2].load = NAN;
	bad[3].load = INFINITY;
	bad[4].cpus = 0;
	bad[5].io = -0.1;
	bad[6].io = 1.1;
	bad[7].mean_ns = 999;
	bad[8].mean_ns = NEVER;
	bad[9].count = SIZE_MAX;
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(jobs_generate(&jobs, &bad[i]) == -EINVAL,
			      "row %zu", i);
	struct generate slow = usual;
	slow.load = 1e-12;
	ck_assert_int_eq(jobs_generate(&jobs, &slow), -EOVERFLOW);
}
END_TEST

Suite *model_suite(void)
{
	Suite *suite = suite_create("model");

	add_model_case(suite, "job files",
		       (const TTest *[]){ model_reads_a_file,
					  model_tells_what_is_wrong_and_where,
					  model_refuses_nul_bytes,
					  model_reports_reading_errors,
					  model_reads_long_lines_and_many,
					  model_writes_what_it_reads,
					  model_survives_mutated_files,
					  model_makes_jobs_by_hand, NULL });
	add_model_case(suite, "generated jobs",
		       (const TTest *[]){ model_generates_lengths_by_their_law,
					  model_generates_arrivals_by_their_law,
					  model_generates_waits_and_urgency,
					  model_generates_the_same_from_a_seed,
					  model_refuses_to_generate_nonsense,
					  NULL });
	add_engine_cases(suite);
	add_limit_cases(suite);
	add_property_cases(suite);
	add_theorem_cases(suite);
	return suite;
}

// # Tests of ipc/relay: every byte, whatever happens
//
// The program is judged by its output file, compared byte for byte here, and by
// checksums that are computed here: its own would agree with themselves.
//
// Here: every byte, by every mechanism. relay_input.c: where they come from,
// and what is changed or lost on the way. relay_output.c: options, files, the
// report. relay_trouble.c: what is missing, too slow, killed or forbidden.

#define _GNU_SOURCE
#include "relay_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## Every byte

// What is to be carried, in messages of at most so many bytes.
struct job {
	size_t bytes, chunk;
};

// Each job has an input and an output of its own, $D/in.0 and $D/out.0 ...
static char *job_path(const char *which, size_t i)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s.%zu", job_folder, which, i);
	return path;
}

static void check_output(const struct mechanism *m, const struct job *job,
			 size_t i)
{
	char *bytes = random_bytes(job->bytes, i);
	char *came = malloc(job->bytes + 1);

	ck_assert_ptr_nonnull(came);
	size_t got = read_file(job_path("out", i), came, job->bytes + 1);
	ck_assert_msg(got == job->bytes,
		      "%s, --chunk=%zuB: %zu bytes of %zu came", m->name,
		      job->chunk, got, job->bytes);
	ck_assert_msg(!memcmp(bytes, came, got),
		      "%s, --chunk=%zuB: of %zu bytes other ones came", m->name,
		      job->chunk, got);
	free(came);
	free(bytes);
}

// In three rows side by side: most of a small job is waiting, and copies must
// not disturb each other.
static void carry_exactly(const struct mechanism *m, const struct job *jobs,
			  size_t n)
{
	enum { ROWS = 3 };
	char script[8192];
	size_t used = 0;

	make_job_folder();
	for (size_t i = 0; i < n; i++) {
		char *bytes = random_bytes(jobs[i].bytes, i);
		write_file(job_path("in", i), bytes, jobs[i].bytes);
		write_file(job_path("out", i), "old", 3);
		free(bytes);
	}
	for (size_t row = 0; row < ROWS; row++) {
		used += snprintf(script + used, sizeof script - used, "{ :\n");
		for (size_t i = row; i < n; i += ROWS)
			used += snprintf(
				script + used, sizeof script - used,
				"$B/" RELAY " --via=%s --chunk=%zuB"
				" --to $D/out.%zu $D/in.%zu >/dev/null ||"
				" echo %zu bytes, --chunk=%zuB: exit $? >&2\n",
				m->name, jobs[i].chunk, i, i, jobs[i].bytes,
				jobs[i].chunk);
		used += snprintf(script + used, sizeof script - used, "} &\n");
	}
	snprintf(script + used, sizeof script - used, "wait");
	struct outcome got = run_shell(script);
	ck_assert_msg(got.exit == 0 && !*got.err, "%s: %s", m->name, got.err);
	outcome_free(&got);
	for (size_t i = 0; i < n; i++)
		check_output(m, &jobs[i], i);
	remove_job_folder();
}

START_TEST(relay_sizes_at_the_limit)
{
	const struct mechanism *m;
	size_t limit;

	CARRIER(m, limit);
	// the chunk is the limit first, then less
	const size_t chunk = limit < 1000 ? limit : 1000;
	const struct job jobs[] = {
		{ 0, limit },	      { 1, limit },	{ limit - 1, limit },
		{ limit, limit },     { limit + 1, limit },
		{ chunk - 1, chunk }, { chunk, chunk }, { chunk + 1, chunk },
		{ 5 * chunk, chunk }, { 37, 1 },
	};
	carry_exactly(m, jobs, sizeof jobs / sizeof *jobs);
}
END_TEST

// Eight bytes a message make 1.3 million of them for `signal`: 10 MiB in a
// soak, otherwise one.
START_TEST(relay_ten_mebibytes)
{
	const struct mechanism *m;
	size_t limit;

	CARRIER(m, limit);
	size_t bytes = limit < 1000 && !soaking() ? MIB : 10 * MIB;
	carry_exactly(m, &(struct job){ bytes, 64 << 10 }, 1);
}
END_TEST

// Known from outside: xxHash's own self-test (xxhsum) has this sum for no
// bytes.
START_TEST(relay_checksum_is_that_of_xxhash)
{
	static const char of_nothing[] = "99aa06d3014798d86001c324468d497f";
	char sum[33];

	checksum_of("", 0, sum);
	ck_assert_str_eq(sum, of_nothing);
	make_job_folder();
	struct outcome got = run(RELAY, "--via=pipe", NULL); // /dev/null
	assert_has(got.out, of_nothing);
	ck_assert_int_eq(got.exit, 0);
	outcome_free(&got);

	char *bytes = random_bytes(3 * MIB, 1);
	write_file(input, bytes, 3 * MIB);
	checksum_of(bytes, 3 * MIB, sum);
	got = run(RELAY, "--via=ring,pipe", "--format=json", input, NULL);
	json_t *report = parse(&got);
	ck_assert_str_eq(text_in(row_of(report, "ring"), "xxh3_128"), sum);
	ck_assert_str_eq(text_in(row_of(report, "pipe"), "xxh3_128"), sum);
	json_decref(report);
	outcome_free(&got);
	free(bytes);
	remove_job_folder();
}
END_TEST

Suite *relay_suite(void)
{
	Suite *suite = suite_create("relay");
	TCase *tests = tcase_create("relay");
	int n = mechanism_count();

	tcase_set_timeout(tests, soaking() ? 3600 : 300);
	suite_add_tcase(suite, tests);
	tcase_add_loop_test(tests, relay_sizes_at_the_limit, 0, n);
	tcase_add_loop_test(tests, relay_ten_mebibytes, 0, n);
	tcase_add_test(tests, relay_checksum_is_that_of_xxhash);
	add_relay_input_tests(tests);
	add_relay_output_tests(tests);
	add_relay_trouble_tests(tests, n);
	return suite;
}

// # Tests of ipc/relay: what it writes, and what it says

#define _GNU_SOURCE
#include "relay_parts.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "utf8.h"

// ## Misuse

START_TEST(relay_bad_usage)
{
	static const struct {
		const char *arguments[3], *says;
	} bad[] = {
		{ { "--via=pip" }, "--via=pip: want all, or some of file, " },
		{ { "--via=" }, "--via=: want all, or " },
		{ { "--via=pipe,,ring" }, "--via=pipe,,ring: want all, or " },
		{ { "--via=pipe," }, "--via=pipe,: want all, or " },
		{ { "--via=all,pipe" }, "--via=all,pipe: want all, or " },
		{ { "--via=all", "--via=pipe" }, "either all or names" },
		{ { "--via=PIPE" }, "--via=PIPE: want all, or " },
		{ { "--via=eventfd" }, "--via=eventfd: want mechanisms that "
				       "carry bytes" },
		{ { "--via=pipe,eventfd" }, "mechanisms that carry bytes" },
		{ { "--via" }, "--via" },
		{ { "--chunk=0" }, "--chunk=0: want a size from 1 B to 1 GiB" },
		{ { "--chunk=2G" }, "--chunk=2G: want a size from 1 B" },
		{ { "--chunk=-1" }, "--chunk=-1: want a size" },
		{ { "--chunk=64k " }, "--chunk=64k : want a size" },
		{ { "--chunk=" }, "--chunk=: want a size" },
		{ { "--pin=far" }, "--pin=far: want apart, same or none" },
		{ { "--format=xml" }, "--format=xml: want text or json" },
		{ { "--to=" }, "--to=: want a file, or -" },
		{ { "--to=x" }, "--to=x: want one mechanism" },
		{ { "--to=-", "--via=pipe,ring" }, "--to=-: want one mech" },
		{ { "--to=-", "--via=all" }, "--to=-: want one mechanism" },
		{ { "one", "two" }, "two: want one file" },
		{ { "--no-such-option" }, "--no-such-option" },
		{ { "--list=all" }, "--list" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *const *a = bad[i].arguments;
		struct outcome got = run(RELAY, a[0], a[1], NULL);
		char *end = strchr(got.err, '\n');
		const char *found = strstr(got.err, bad[i].says);
		ck_assert_msg(
			got.exit == 2 && !*got.out && end && found &&
				found < end &&
				(!end[1] || !strncmp(end + 1, "Try `", 5)),
			"%s: exit %d\n%s%s", a[0], got.exit, got.out, got.err);
		outcome_free(&got);
	}
}
END_TEST

START_TEST(relay_help_and_list)
{
	struct outcome got = run(RELAY, "--help", NULL);
	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "Example");
	outcome_free(&got);

	got = run(RELAY, "--catalogue", NULL);
	ck_assert_int_eq(occurrences(got.out, "\n"), 1);
	assert_has(got.out, RELAY "\t");
	assert_has(got.out, "\t10 · Interprocess communication\ttool\n");
	outcome_free(&got);

	got = run(RELAY, "--list", NULL);
	struct outcome data = run(RELAY, "--format=json", "--list", NULL);
	json_t *report = parse(&data);
	ck_assert_str_eq(text_in(report, "program"), RELAY);
	ck_assert_int_eq(occurrences(got.out, "\n"), mechanism_count());
	for (int i = 0; i < mechanism_count(); i++) {
		const struct mechanism *m = channel_mechanisms[i];
		const json_t *row = row_of(report, m->name);
		ck_assert_str_eq(text_in(row, "title"), m->title);
		ck_assert_int_eq(json_is_true(json_object_get(row, "carries")),
				 m->kind != CHANNEL_EVENT);
		assert_has(got.out, m->title);
	}
	json_decref(report);
	outcome_free(&got);
	outcome_free(&data);
}
END_TEST

// ## Output that cannot be written

START_TEST(relay_full_output)
{
	static const char *const commands[] = {
		"$B/" RELAY " --via=pipe $IN >/dev/full",
		"$B/" RELAY " --via=pipe --format=json $IN >/dev/full",
		"$B/" RELAY " --list >/dev/full",
		"$B/" RELAY " --help >/dev/full",
		"$B/" RELAY " --via=ring --to /dev/full $IN >/dev/null",
		"$B/" RELAY " --via=ring --to $D/none/x $IN >/dev/null",
		"$B/" RELAY " --via=ring --to $D $IN >/dev/null",
	};

	make_job_folder();
	make_input(100000);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		struct outcome got = run_shell(commands[i]);
		ck_assert_msg(got.exit == 1 && occurrences(got.err, "\n") == 1,
			      "%s: exit %d\n%s", commands[i], got.exit,
			      got.err);
		outcome_free(&got);
	}
	// the report is on standard error then, with the complaint below it
	struct outcome got = run_shell("$B/" RELAY
				       " --via=pipe --to - $IN >/dev/full");
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "relay: pipe: the receiver, writing standard "
			    "output: No space left on device\n");
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

// A filter whose reader leaves ends as SIGPIPE ends it, without a word.
START_TEST(relay_reader_has_left)
{
	make_job_folder();
	make_input(3 * MIB);
	struct outcome got = run_shell(
		"{ $B/" RELAY " --via=pipe --to - $IN; echo $? >&2; } |"
		" head -c 10 | cmp -n 10 - $IN;"
		"{ $B/" RELAY " --via=ring --to - </dev/zero; echo $? >&2; } |"
		" head -c 100000 | wc -c;"
		"{ sleep 0.2; $B/" RELAY " --via=pipe $IN; echo $? >&2; } |"
		" true");
	ck_assert_int_eq(got.exit, 0);
	ck_assert_str_eq(got.out, "100000\n");
	ck_assert_str_eq(got.err, "141\n141\n141\n");
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

START_TEST(relay_output_beside_the_report)
{
	make_job_folder();
	make_input(100000);
	struct outcome got = run_shell(
		"$B/" RELAY " --via=udp --to - $IN 2>$D/report | cmp - $IN &&"
		" grep -c '^udp ' $D/report &&"
		" $B/" RELAY " --via=udp --to - --format=json $IN 2>$D/report |"
		" cmp - $IN && cat $D/report");
	ck_assert_int_eq(got.exit, 0);
	assert_has(got.out, "2\n{");
	memmove(got.out, got.out + 2, strlen(got.out + 2) + 1);
	json_t *report = parse(&got);
	ck_assert_str_eq(text_in(row_of(report, "udp"), "result"), "carried");
	json_decref(report);
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

START_TEST(relay_replaces_a_file_whole)
{
	struct stat facts;

	make_job_folder();
	make_input(100000);
	struct outcome got = run_shell(
		"umask 027; $B/" RELAY " --via=pipe --to $OUT $IN >/dev/null &&"
		" cmp $IN $OUT && stat -c %a $OUT && chmod 604 $OUT &&"
		" ln -s out $D/link &&"
		" $B/" RELAY " --via=ring --to $D/link /proc/version"
		" >/dev/null && cmp $OUT /proc/version && stat -c %a $OUT &&"
		" test -L $D/link && rm $OUT &&"
		" $B/" RELAY " --via=tcp --to $D/link $IN >/dev/null &&"
		" test -L $D/link && cmp $OUT $IN &&"
		// onto itself
		" $B/" RELAY " --via=ring --to $IN $IN >/dev/null &&"
		" stat -c %s $IN && ls $D");
	ck_assert_msg(!strcmp(got.out, "640\n604\n100000\nin\nlink\nout\n"),
		      "%s%s", got.out, got.err);
	outcome_free(&got);
	ck_assert_int_eq(stat(input, &facts), 0);
	remove_job_folder();
}
END_TEST

// ## The report

START_TEST(relay_counts_system_calls)
{
	make_job_folder();
	make_input(2 * MIB);
	struct outcome got = run(RELAY, "--via=pipe", "--chunk=4K",
				 "--format=json", input, NULL);
	json_t *report = parse(&got);
	const char *counter = text_in(report, "system_calls_counted_by");
	if (*counter)
		check_calls(&got, counter);
	else
		test_skipped("relay_counts_system_calls",
			     "neither tracepoint nor ptrace here");
	json_decref(report);
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

START_TEST(relay_json_agrees_with_text)
{
	make_job_folder();
	make_input(300000);
	struct outcome text = run(RELAY, "--via=pipe,signal,ring,udp",
				  "--chunk=10000", input, NULL);
	struct outcome data = run(RELAY, "--via=pipe,signal,ring,udp",
				  "--chunk=10000", input, "--format=json",
				  NULL);
	json_t *report = parse(&data), *row;
	size_t i;

	ck_assert_int_eq(text.exit, 0);
	ck_assert_int_eq(data.exit, 0);
	ck_assert_str_eq(text_in(report, "program"), RELAY);
	ck_assert_str_eq(text_in(report, "input"), input);
	json_array_foreach(json_object_get(report, "mechanisms"), i, row)
	{
		char line[256], pattern[128], name[64], message[64];
		const char *found;
		snprintf(pattern, sizeof pattern, "\n%s ",
			 text_in(row, "name"));
		found = strstr(text.out, pattern);
		ck_assert_msg(found, "no row%s in\n%s", pattern, text.out);
		snprintf(line, sizeof line, "%.200s", found + 1);
		*strchrnul(line, '\n') = '\0';
		ck_assert_int_eq(sscanf(line, "%63s", name), 1);
		snprintf(message, sizeof message, " %lldB",
			 (long long)json_integer_value(
				 json_object_get(row, "message_bytes")));
		assert_has(line, message);
		assert_has(text.out, text_in(row, "xxh3_128"));
		ck_assert_int_eq(
			json_integer_value(json_object_get(row, "bytes")),
			300000);
		double seconds =
			json_real_value(json_object_get(row, "seconds"));
		double rate = json_real_value(
			json_object_get(row, "bytes_per_second"));
		ck_assert_double_eq_tol(seconds * rate / 300000, 1, 1e-5);
	}
	ck_assert_uint_eq(i, 4);
	json_decref(report);
	outcome_free(&text);
	outcome_free(&data);
	remove_job_folder();
}
END_TEST

START_TEST(relay_narrow_and_ascii)
{
	make_job_folder();
	make_input(30000);
	struct outcome got = run_shell("cd $D; COLUMNS=40 LC_ALL=C $B/" RELAY
				       " in");
	ck_assert_int_eq(got.exit, 0);
	char *rest = got.out;
	for (char *line; (line = strsep(&rest, "\n"));) {
		ck_assert_msg(strlen(line) <= 40, "too wide: %s", line);
		for (const char *c = line; *c; c++)
			ck_assert_msg(*c >= ' ' && *c <= '~', "no ASCII: %s",
				      line);
	}
	outcome_free(&got);

	got = run_shell("cd $D; $B/" RELAY " in");
	rest = got.out;
	for (char *line; (line = strsep(&rest, "\n"));) {
		int columns = 0;
		size_t n;
		for (const char *c = line; *c; c += n) {
			uint32_t character = utf8_next(c, &n);
			columns += utf8_columns(character);
		}
		ck_assert_msg(columns <= 80, "too wide: %s", line);
	}
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

START_TEST(relay_pins)
{
	static const struct {
		const char *command, *says;
		int exit;
	} pins[] = {
		{ "$B/" RELAY " --pin=same --via=pipe,ring,shm-spin $IN",
		  "two processes on CPU", 0 },
		{ "$B/" RELAY " --pin=none --via=pipe,ring $IN",
		  ", two processes\n", 0 },
		{ "taskset -c 0 $B/" RELAY " --via=pipe,ring,shm-spin $IN",
		  "two processes on CPU 0", 0 },
		{ "taskset -c 0 $B/" RELAY " --pin=apart --via=pipe $IN 2>&1",
		  "one CPU only", 77 },
	};

	make_job_folder();
	make_input(MIB);
	for (size_t i = 0; i < sizeof pins / sizeof *pins; i++) {
		struct outcome got = run_shell(pins[i].command);
		ck_assert_msg(got.exit == pins[i].exit &&
				      strstr(got.out, pins[i].says),
			      "%s: exit %d\n%s%s", pins[i].command, got.exit,
			      got.out, got.err);
		outcome_free(&got);
	}
	remove_job_folder();
}
END_TEST

// On a terminal a line tells how far it is, and is gone in the end; elsewhere
// there is none.
START_TEST(relay_progress)
{
	make_job_folder();
	make_input(100000);
	struct outcome got = run_shell(
		"cat >$D/slow <<'END'\n"
		"head -c 50000 $IN; sleep 1; tail -c 50000 $IN\nEND\n"
		"sh $D/slow | $B/" RELAY " --via=pipe --to - >/dev/null &"
		" script -qec \"sh $D/slow | $B/" RELAY
		" --via=pipe --to - >/dev/null\" /dev/null >$D/seen; wait $!");
	ck_assert_int_eq(got.exit, 0);
	assert_lacks(got.err, "\r");
	assert_lacks(got.err, "\033");
	char seen[8192] = "", path[128];
	snprintf(path, sizeof path, "%s/seen", job_folder);
	read_file(path, seen, sizeof seen - 1);
	assert_has(seen, "\rpipe: ");
	// what follows the last piece of it is the table
	const char *last = seen;
	for (const char *next; (next = strstr(last + 1, "\rpipe: "));)
		last = next;
	assert_has(last, "\r\033[K");
	assert_has(strstr(last, "\r\033[K"), "standard input");
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

void add_relay_output_tests(TCase *tests)
{
	tcase_add_test(tests, relay_bad_usage);
	tcase_add_test(tests, relay_help_and_list);
	tcase_add_test(tests, relay_full_output);
	tcase_add_test(tests, relay_reader_has_left);
	tcase_add_test(tests, relay_output_beside_the_report);
	tcase_add_test(tests, relay_replaces_a_file_whole);
	tcase_add_test(tests, relay_counts_system_calls);
	tcase_add_test(tests, relay_json_agrees_with_text);
	tcase_add_test(tests, relay_narrow_and_ascii);
	tcase_add_test(tests, relay_pins);
	tcase_add_test(tests, relay_progress);
}

// # Tests of ipc/relay: where the bytes come from, and what becomes of them

#define _GNU_SOURCE
#include "relay_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## Where the bytes come from

START_TEST(relay_standard_input)
{
	static const char *const commands[] = {
		// once, streamed
		"cat $IN | $B/" RELAY " --via=pipe --to - 2>/dev/null",
		"$B/" RELAY " --via=ring --to - <$IN 2>/dev/null",
		"$B/" RELAY " --via=ring --to - - <$IN 2>/dev/null",
		// as it comes, in pieces
		"(head -c 100000; sleep 0.1; cat) <$IN |"
		" $B/" RELAY " --via=unix-dgram --to - 2>/dev/null",
		"mkfifo $D/f; cat $IN >$D/f &"
		" $B/" RELAY
		" --via=tcp --to - $D/f 2>/dev/null; wait; rm $D/f",
		// two relays in a row
		"$B/" RELAY " --via=sysv-mq --to - $IN 2>/dev/null |"
		" $B/" RELAY " --via=ring --to - 2>/dev/null",
	};
	make_job_folder();
	make_input(700001);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		char command[1024];
		snprintf(command, sizeof command,
			 "{ %s; } | cmp - $IN && echo same", commands[i]);
		struct outcome got = run_shell(command);
		ck_assert_msg(!strcmp(got.out, "same\n"), "%s:\n%s%s",
			      commands[i], got.out, got.err);
		outcome_free(&got);
	}
	remove_job_folder();
}
END_TEST

START_TEST(relay_keeps_a_pipe_for_several)
{
	char sum[33];

	make_job_folder();
	char *bytes = random_bytes(MIB + 1, 3);
	write_file(input, bytes, MIB + 1);
	checksum_of(bytes, MIB + 1, sum);
	free(bytes);
	struct outcome got = run_shell(
		"export TMPDIR=$D; cat $IN | $B/" RELAY
		" --via=pipe,ring,sysv-mq --format=json");
	ck_assert_int_eq(got.exit, 0);
	json_t *report = parse(&got);
	const char *const names[] = { "pipe", "ring", "sysv-mq" };
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(text_in(row_of(report, names[i]), "xxh3_128"),
				 sum);
	ck_assert_uint_eq(entries_in(job_folder), 1);
	json_decref(report);
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

START_TEST(relay_says_where_it_cannot_keep_a_pipe)
{
	make_job_folder();
	struct outcome got = run_shell(
		"unshare -m sh -c 'mount -t tmpfs -o size=64k none $D' ||"
		" exit 77; unshare -m sh -c 'mount -t tmpfs -o size=64k none $D"
		" && export TMPDIR=$D && head -c 1M /dev/zero |"
		" $B/" RELAY " --via=pipe,ring'");
	if (got.exit == 77) {
		outcome_free(&got);
		remove_job_folder();
		SKIP("no mount namespace for this user");
	}
	ck_assert_int_eq(got.exit, 1);
	ck_assert_int_eq(occurrences(got.err, "\n"), 1);
	assert_has(got.err, "No space left on device");
	assert_has(got.err, job_folder);
	assert_has(got.err, "TMPDIR");
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

// What has no length, or a wrong one, or begins in the middle.
START_TEST(relay_odd_inputs)
{
	static const struct {
		const char *command, *says;
	} odd[] = {
		{ "$B/" RELAY " --via=pipe --to - /proc/version 2>/dev/null |"
		  " cmp - /proc/version", "" },
		{ "$B/" RELAY " --via=ring,pipe /proc/version", "ring " },
		{ "$B/" RELAY " --via=ring --to - /sys/kernel/notes 2>/dev/null"
		  " | cmp - /sys/kernel/notes", "" },
		{ "$B/" RELAY " --via=pipe,ring /dev/null", "0 B" },
		{ "{ read -r line; $B/" RELAY " --via=ring,pipe; } <$D/lines",
		  "4 B" },
		{ "{ read -r line; $B/" RELAY " --via=ring --to - 2>/dev/null;"
		  " } <$D/lines", "two\n" },
	};
	char path[128];

	make_job_folder();
	snprintf(path, sizeof path, "%s/lines", job_folder);
	write_file(path, "one\ntwo\n", 8);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct outcome got = run_shell(odd[i].command);
		ck_assert_msg(got.exit == 0 && strstr(got.out, odd[i].says),
			      "%s: exit %d\n%s%s", odd[i].command, got.exit,
			      got.out, got.err);
		outcome_free(&got);
	}
	remove_job_folder();
}
END_TEST

START_TEST(relay_inputs_that_cannot_be_read)
{
	static const struct {
		const char *arguments, *says;
	} bad[] = {
		{ "--via=pipe $D/none", "none: No such file" },
		{ "$D/none", "none: No such file" },
		{ "--via=ring $D", "Is a directory" },
		{ "--via=ring <$D", "standard input: Is a directory" },
		{ "--via=ring <&-", "standard input: Bad file descriptor" },
		{ "--via=ring \"$(printf 'a\\n\\033[31m')\"", "a??[31m: No" },
	};

	make_job_folder();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char command[256];
		snprintf(command, sizeof command, "$B/" RELAY " %s",
			 bad[i].arguments);
		struct outcome got = run_shell(command);
		ck_assert_msg(got.exit == 1 && !*got.out &&
				      occurrences(got.err, "\n") == 1 &&
				      strstr(got.err, bad[i].says),
			      "%s: exit %d\n%s%s", command, got.exit, got.out,
			      got.err);
		outcome_free(&got);
	}
	remove_job_folder();
}
END_TEST

// ## What comes is not what was sent
//
// A library between the program and the C library changes, or loses, a byte
// that read(2) brings from the pipe; the input itself is read by pread(2).

static const char with_fault[] =
	"nm $B/" RELAY " | grep -q __[at]san_init && exit 77\n"
	"cat >$D/f.c <<'END'\n"
	"#define _GNU_SOURCE\n"
	"#include <sys/syscall.h>\n#include <unistd.h>\n"
	"ssize_t read(int fd, void *b, size_t n) {\n"
	"  ssize_t got = syscall(SYS_read, fd, b, n);\n"
	"  if (got > 1000) { %s; }\n"
	"  return got;\n}\n"
	"END\n"
	"cc -shared -fPIC -o $D/f.so $D/f.c\n"
	"LD_PRELOAD=$D/f.so $B/" RELAY " --via=pipe,ring --format=json $IN\n"
	"s=$?; LD_PRELOAD=$D/f.so $B/" RELAY " --via=pipe --to $OUT $IN"
	" >/dev/null 2>&1; echo $? $s >&2; ls $D >&2\n";

START_TEST(relay_notices_what_is_changed_or_lost)
{
	static const char *const faults[] = { "((char *)b)[1000] ^= 1", "got--",
					      "((char *)b)[got - 1] ^= 128" };
	char command[2048];

	make_job_folder();
	make_input(200000);
	snprintf(command, sizeof command, with_fault, faults[_i]);
	struct outcome got = run_shell(command);
	if (got.exit == 77) {
		outcome_free(&got);
		remove_job_folder();
		SKIP("a sanitizer does not go with LD_PRELOAD");
	}
	json_t *report = parse(&got);
	ck_assert_str_eq(text_in(row_of(report, "pipe"), "result"), "failed");
	assert_has(text_in(row_of(report, "pipe"), "reason"),
		   "what came is not what was sent");
	ck_assert_str_eq(text_in(row_of(report, "ring"), "result"), "carried");
	assert_has(got.err, "relay: pipe: what came is not what was sent");
	assert_has(got.err, "\n1 1\n");
	assert_lacks(got.err, "out"); // no file is made of it
	json_decref(report);
	outcome_free(&got);
	remove_job_folder();
}
END_TEST

void add_relay_input_tests(TCase *tests)
{
	tcase_add_test(tests, relay_standard_input);
	tcase_add_test(tests, relay_keeps_a_pipe_for_several);
	tcase_add_test(tests, relay_says_where_it_cannot_keep_a_pipe);
	tcase_add_test(tests, relay_odd_inputs);
	tcase_add_test(tests, relay_inputs_that_cannot_be_read);
	tcase_add_loop_test(tests, relay_notices_what_is_changed_or_lost, 0, 3);
}

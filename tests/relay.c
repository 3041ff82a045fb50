// # Tests of ipc/relay: every byte, whatever happens
//
// The program is judged by its output file, compared byte for byte here, and by
// checksums that are computed here: its own would agree with themselves.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "interrupt.h"
#include "ipc/channel/channel.h"
#include "labs.h"
#include "names.h"
#include "random.h"
#include "utf8.h"

#define RELAY "ipc/relay"

enum {
	NOBODY = 65534,
	MIB = 1 << 20,
	MOST_CHUNK = 16 * MIB, // the limit of shared memory
	TEN_MIB = 10 * MIB,
};

// ## A folder for the files of a test

static char folder[64], input[128], output[128];

static void make_folder(void)
{
	snprintf(folder, sizeof folder, "/tmp/oslab-relay-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	snprintf(input, sizeof input, "%s/in", folder);
	snprintf(output, sizeof output, "%s/out", folder);
	setenv("IN", input, 1);
	setenv("OUT", output, 1);
	setenv("D", folder, 1);
}

static int remove_entry(const char *path, const struct stat *facts, int type,
			struct FTW *place)
{
	(void)facts, (void)type, (void)place;
	return remove(path);
}

static void remove_folder(void)
{
	nftw(folder, remove_entry, 8, FTW_PHYS | FTW_DEPTH);
}

static void write_file(const char *path, const void *bytes, size_t n)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
	ck_assert_int_eq(fclose(file), 0);
}

// As many bytes as fread finds, at most n, in memory of the caller's.
static size_t read_file(const char *path, void *bytes, size_t n)
{
	FILE *file = fopen(path, "re");

	ck_assert_msg(file, "%s: %s", path, strerror(errno));
	size_t got = fread(bytes, 1, n, file);
	fclose(file);
	return got;
}

static char *random_bytes(size_t n, uint64_t seed)
{
	struct random random = { seed };
	char *bytes = malloc(n + sizeof(uint64_t));

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
		uint64_t next = random_next(&random);
		memcpy(bytes + i, &next, sizeof next);
	}
	return bytes;
}

static void make_input(size_t n)
{
	char *bytes = random_bytes(n, n + 1);

	write_file(input, bytes, n);
	free(bytes);
}

static size_t entries_in(const char *path)
{
	size_t n = 0;
	DIR *entries = opendir(path);

	ck_assert_ptr_nonnull(entries);
	for (struct dirent *entry; (entry = readdir(entries));)
		n += *entry->d_name != '.';
	closedir(entries);
	return n;
}

static void checksum_of(const char *bytes, size_t n, char text[33])
{
	XXH128_hash_t sum = XXH3_128bits(bytes, n);

	snprintf(text, 33, "%016llx%016llx", (unsigned long long)sum.high64,
		 (unsigned long long)sum.low64);
}

static json_t *parse(const struct outcome *got)
{
	json_error_t why;
	json_t *json = json_loads(got->out, JSON_REJECT_DUPLICATES, &why);

	ck_assert_msg(json, "no JSON (%s):\n%.999s%.999s", why.text, got->out,
		      got->err);
	return json;
}

static const json_t *row_of(const json_t *report, const char *name)
{
	const json_t *rows = json_object_get(report, "mechanisms"), *row;
	size_t i;

	json_array_foreach(
		rows, i,
		row) if (!strcmp(json_string_value(json_object_get(row,
								   "name")),
				 name)) return row;
	ck_abort_msg("no mechanism %s in the report", name);
	return NULL;
}

static const char *text_in(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

// ## The mechanisms

static size_t mechanism_limit(const struct mechanism *m, char why[128])
{
	size_t limit = 0;
	int error = m->probe(&limit, why, 128);

	ck_assert_int_eq(names_close(), 0);
	return error ? 0 : limit < MOST_CHUNK ? limit : MOST_CHUNK;
}

#define CARRIER(m, limit) do {                                             \
	char why_[128] = "";                                               \
	(m) = channel_mechanisms[_i];                                      \
	if ((m)->kind == CHANNEL_EVENT)                                    \
		return;                                                    \
	(limit) = mechanism_limit(m, why_);                                \
	if (!(limit))                                                      \
		SKIP("%s: %s", (m)->name, why_);                           \
} while (0)

static int mechanism_count(void)
{
	int n = 0;

	while (channel_mechanisms[n])
		n++;
	return n;
}

// ## Every byte

static void check_output(const char *bytes, size_t n, const char *what)
{
	char *came = malloc(n + 1);

	ck_assert_ptr_nonnull(came);
	size_t got = read_file(output, came, n + 1);
	ck_assert_msg(got == n, "%s: %zu bytes of %zu came", what, got, n);
	ck_assert_msg(!memcmp(bytes, came, n), "%s: other bytes came", what);
	free(came);
}

static void carry_exactly(const struct mechanism *m, size_t n, size_t chunk)
{
	char via[64], size[64], what[128];
	char *bytes = random_bytes(n, n + 7);

	snprintf(via, sizeof via, "--via=%s", m->name);
	snprintf(size, sizeof size, "--chunk=%zuB", chunk);
	snprintf(what, sizeof what, "%s, %zu bytes, %s", m->name, n, size);
	write_file(input, bytes, n);
	write_file(output, "old", 3);
	struct outcome got = run(RELAY, via, size, "--to", output, input, NULL);
	ck_assert_msg(got.exit == 0, "%s: exit %d, signal %d\n%s%s", what,
		      got.exit, got.signal, got.out, got.err);
	ck_assert_str_eq(got.err, "");
	check_output(bytes, n, what);
	outcome_free(&got);
	free(bytes);
}

START_TEST(relay_sizes_at_the_limit)
{
	const struct mechanism *m;
	size_t limit;

	CARRIER(m, limit);
	make_folder();
	const size_t sizes[] = { 0, 1, limit - 1, limit, limit + 1 };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		carry_exactly(m, sizes[i], limit);
	// the same with messages that the chunk limits
	const size_t chunk = limit < 1000 ? limit : 1000;
	const size_t others[] = { chunk - 1, chunk, chunk + 1, 5 * chunk };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		carry_exactly(m, others[i], chunk);
	carry_exactly(m, 37, 1);
	remove_folder();
}
END_TEST

// Eight bytes a message make 1.3 million of them for `signal`: 10 MiB in a
// soak, otherwise one.
START_TEST(relay_ten_mebibytes)
{
	const struct mechanism *m;
	size_t limit;

	CARRIER(m, limit);
	make_folder();
	carry_exactly(m, limit < 1000 && !soaking() ? MIB : TEN_MIB, 64 << 10);
	remove_folder();
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
	make_folder();
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
	remove_folder();
}
END_TEST

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
	make_folder();
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
	remove_folder();
}
END_TEST

START_TEST(relay_keeps_a_pipe_for_several)
{
	char sum[33];

	make_folder();
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
	ck_assert_uint_eq(entries_in(folder), 1);
	json_decref(report);
	outcome_free(&got);
	remove_folder();
}
END_TEST

START_TEST(relay_says_where_it_cannot_keep_a_pipe)
{
	make_folder();
	struct outcome got = run_shell(
		"unshare -m sh -c 'mount -t tmpfs -o size=64k none $D' ||"
		" exit 77; unshare -m sh -c 'mount -t tmpfs -o size=64k none $D"
		" && export TMPDIR=$D && head -c 1M /dev/zero |"
		" $B/" RELAY " --via=pipe,ring'");
	if (got.exit == 77) {
		outcome_free(&got);
		remove_folder();
		SKIP("no mount namespace for this user");
	}
	ck_assert_int_eq(got.exit, 1);
	ck_assert_int_eq(occurrences(got.err, "\n"), 1);
	assert_has(got.err, "No space left on device");
	assert_has(got.err, folder);
	assert_has(got.err, "TMPDIR");
	outcome_free(&got);
	remove_folder();
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

	make_folder();
	snprintf(path, sizeof path, "%s/lines", folder);
	write_file(path, "one\ntwo\n", 8);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct outcome got = run_shell(odd[i].command);
		ck_assert_msg(got.exit == 0 && strstr(got.out, odd[i].says),
			      "%s: exit %d\n%s%s", odd[i].command, got.exit,
			      got.out, got.err);
		outcome_free(&got);
	}
	remove_folder();
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

	make_folder();
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
	remove_folder();
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

	make_folder();
	make_input(200000);
	snprintf(command, sizeof command, with_fault, faults[_i]);
	struct outcome got = run_shell(command);
	if (got.exit == 77) {
		outcome_free(&got);
		remove_folder();
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
	remove_folder();
}
END_TEST

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

	make_folder();
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
	remove_folder();
}
END_TEST

// A filter whose reader leaves ends as SIGPIPE ends it, without a word.
START_TEST(relay_reader_has_left)
{
	make_folder();
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
	remove_folder();
}
END_TEST

START_TEST(relay_output_beside_the_report)
{
	make_folder();
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
	remove_folder();
}
END_TEST

START_TEST(relay_replaces_a_file_whole)
{
	struct stat facts;

	make_folder();
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
	remove_folder();
}
END_TEST

// ## What this host lacks

START_TEST(relay_leaves_out_what_is_missing)
{
	struct rlimit before;

	make_folder();
	make_input(1000);
	ck_assert_int_eq(getrlimit(RLIMIT_SIGPENDING, &before), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_SIGPENDING,
				   &(struct rlimit){ 0, before.rlim_max }),
			 0);
	struct outcome got = run(RELAY, "--via=signal", input, NULL);
	struct outcome two = run(RELAY, "--via=signal,pipe", input, NULL);
	struct outcome all = run(RELAY, "--format=json", input, NULL);
	ck_assert_int_eq(setrlimit(RLIMIT_SIGPENDING, &before), 0);
	ck_assert_int_eq(got.exit, 77);
	assert_has(got.err, "relay: signal: no signal may be queued");
	ck_assert_int_eq(two.exit, 0);
	assert_has(two.out, "  signal: no signal may be queued");
	ck_assert_int_eq(all.exit, 0);
	json_t *report = parse(&all);
	ck_assert_str_eq(text_in(row_of(report, "signal"), "result"),
			 "skipped");
	ck_assert_str_eq(text_in(row_of(report, "eventfd"), "result"),
			 "skipped");
	ck_assert_str_eq(text_in(row_of(report, "pipe"), "result"), "carried");
	json_decref(report);
	outcome_free(&got);
	outcome_free(&two);
	outcome_free(&all);
	remove_folder();
}
END_TEST

// A file of a tebibyte, all hole: nobody carries it in 10 s, and it takes no
// ten seconds to say so. By name it would be carried, so it is interrupted.
START_TEST(relay_all_leaves_out_what_takes_too_long)
{
	make_folder();
	struct outcome got = run_shell("truncate -s 1T $IN 2>/dev/null");
	if (got.exit != 0) {
		outcome_free(&got);
		remove_folder();
		SKIP("no file of a tebibyte in /tmp");
	}
	outcome_free(&got);
	got = run(RELAY, "--via=all", "--format=json", input, NULL);
	ck_assert_int_eq(got.exit, 1);
	assert_has(got.err, "relay: --via=all: nothing was carried: name");
	json_t *report = parse(&got);
	for (int i = 0; i < mechanism_count(); i++) {
		const struct mechanism *m = channel_mechanisms[i];
		const json_t *row = row_of(report, m->name);
		ck_assert_str_eq(text_in(row, "result"), "skipped");
		if (m->kind == CHANNEL_EVENT ||
		    !json_object_get(row, "estimated_seconds"))
			continue;
		assert_has(text_in(row, "reason"), "more than 10 s");
		ck_assert_double_gt(json_real_value(json_object_get(
					    row, "estimated_seconds")),
				    10);
	}
	ck_assert_double_gt(
		json_real_value(json_object_get(row_of(report, "pipe"),
						"estimated_seconds")),
		10);
	json_decref(report);
	outcome_free(&got);
	got = run_shell("timeout -s INT 1 $B/" RELAY " --via=pipe $IN");
	ck_assert_int_eq(got.exit, 124);
	ck_assert_str_eq(got.out, "");
	ck_assert_str_eq(got.err, "");
	outcome_free(&got);
	remove_folder();
}
END_TEST

// 8 GiB: some mechanisms are fast enough for that, some are not.
START_TEST(relay_all_of_several_gibibytes)
{
	if (!soaking())
		return;
	make_folder();
	struct outcome got = run_shell(
		"truncate -s 8G $IN && timeout 600 $B/" RELAY
		" --format=json $IN");
	ck_assert_int_eq(got.exit, 0);
	json_t *report = parse(&got);
	ck_assert_str_eq(text_in(row_of(report, "signal"), "result"),
			 "skipped");
	json_decref(report);
	outcome_free(&got);
	remove_folder();
}
END_TEST

// ## The report

// In messages of a page, a pipe takes a write and a read for each of 256, a
// close, and a read that finds the end.
static void check_calls(const struct outcome *got, const char *counter)
{
	json_t *report = parse(got);
	const json_t *row = row_of(report, "pipe");

	ck_assert_str_eq(text_in(report, "system_calls_counted_by"), counter);
	ck_assert_double_eq(
		json_real_value(json_object_get(row, "system_calls_per_mib")),
		256 + 256 + 1 + 1);
	json_decref(report);
}

START_TEST(relay_counts_system_calls)
{
	make_folder();
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
	remove_folder();
}
END_TEST

START_TEST(relay_json_agrees_with_text)
{
	make_folder();
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
	remove_folder();
}
END_TEST

START_TEST(relay_narrow_and_ascii)
{
	make_folder();
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
	remove_folder();
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

	make_folder();
	make_input(MIB);
	for (size_t i = 0; i < sizeof pins / sizeof *pins; i++) {
		struct outcome got = run_shell(pins[i].command);
		ck_assert_msg(got.exit == pins[i].exit &&
				      strstr(got.out, pins[i].says),
			      "%s: exit %d\n%s%s", pins[i].command, got.exit,
			      got.out, got.err);
		outcome_free(&got);
	}
	remove_folder();
}
END_TEST

// On a terminal a line tells how far it is, and is gone in the end; elsewhere
// there is none.
START_TEST(relay_progress)
{
	make_folder();
	make_input(100000);
	struct outcome got = run_shell(
		"cat >$D/slow <<'END'\n"
		"head -c 50000 $IN; sleep 1.5; tail -c 50000 $IN\nEND\n"
		"script -qec \"sh $D/slow | $B/" RELAY
		" --via=pipe --to - >/dev/null\" /dev/null >$D/seen;"
		" sh $D/slow | $B/" RELAY " --via=pipe --to - >/dev/null");
	ck_assert_int_eq(got.exit, 0);
	assert_lacks(got.err, "\r");
	assert_lacks(got.err, "\033");
	char seen[8192] = "", path[128];
	snprintf(path, sizeof path, "%s/seen", folder);
	read_file(path, seen, sizeof seen - 1);
	assert_has(seen, "\rpipe: ");
	// what follows the last piece of it is the table
	const char *last = seen;
	for (const char *next; (next = strstr(last + 1, "\rpipe: "));)
		last = next;
	assert_has(last, "\r\033[K");
	assert_has(strstr(last, "\r\033[K"), "standard input");
	outcome_free(&got);
	remove_folder();
}
END_TEST

// ## Somebody is killed

struct running {
	pid_t front;
	int stdin_end, err;
};

// A relay whose input never ends: from /dev/zero, or a pipe that we hold.
static struct running start_endless(const char *via, bool busy)
{
	struct running r;
	char path[PATH_MAX], option[64];
	int ends[2];
	pid_t test = getpid();

	snprintf(path, sizeof path, "%s/" RELAY, build_folder());
	snprintf(option, sizeof option, "--via=%s", via);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	r.stdin_end = ends[1];
	r.err = memfd_create("err", MFD_CLOEXEC);
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ck_assert(r.err != -1 && zero != -1 && null != -1);
	r.front = fork_fresh();
	if (r.front == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
		    getppid() != test ||
		    dup2(busy ? zero : ends[0], STDIN_FILENO) == -1 ||
		    dup2(null, STDOUT_FILENO) == -1 ||
		    dup2(r.err, STDERR_FILENO) == -1)
			_exit(126);
		execl(path, path, option, (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	close(zero);
	close(null);
	return r;
}

// The parent of a process and what it is called; 0 when there is none.
static pid_t parent_and_name(pid_t pid, char name[32])
{
	char path[64], text[512] = "";
	int parent = 0;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof text - 1);
	if (fd != -1)
		close(fd);
	char *begin = strchr(text, '('), *end = strrchr(text, ')');
	if (n <= 0 || !begin || !end)
		return 0;
	snprintf(name, 32, "%.*s", (int)(end - begin - 1), begin + 1);
	return sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

// The process of this name below `top`, or 0.
static pid_t find_below(pid_t top, const char *wanted)
{
	pid_t found = 0;
	DIR *proc = opendir("/proc");

	ck_assert_ptr_nonnull(proc);
	for (struct dirent *entry; !found && (entry = readdir(proc));) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		char name[32], other[32];
		pid_t up = pid > 0 ? parent_and_name(pid, name) : 0;
		if (up == 0 || strcmp(name, wanted) != 0)
			continue;
		while (up > 1 && up != top)
			up = parent_and_name(up, other);
		if (up == top)
			found = pid;
	}
	closedir(proc);
	return found;
}

static char *all_of(int fd)
{
	off_t n = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, n + 1);

	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(pread(fd, text, n, 0), n);
	return text;
}

static void kill_one(const struct mechanism *m, const char *who, bool busy)
{
	char name[32], says[128];
	int status;

	struct running r = start_endless(m->name, busy);
	snprintf(name, sizeof name, "relay-%s", who);
	pid_t victim = 0;
	// both have to be there, or there is nobody to wait for it
	await(find_below(r.front, "relay-receiver") &&
	      find_below(r.front, "relay-sender"));
	await((victim = find_below(r.front, name)) != 0);
	ck_assert_int_eq(kill(victim, SIGKILL), 0);
	ck_assert_int_eq(waitpid(r.front, &status, 0), r.front);
	ck_assert_int_eq(living_child(NULL, 0), 0);
	char *text = all_of(r.err);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 1,
		      "%s, %s killed: status %#x: %s", m->name, who, status,
		      text);
	snprintf(says, sizeof says, "relay: %s: the %s was killed (SIGKILL)\n",
		 m->name, who);
	ck_assert_str_eq(text, says);
	free(text);
	close(r.err);
	close(r.stdin_end);
}

// Often in a soak: a relay that believed the first complaint it hears would, in
// one of twelve kills of a receiver over unix-stream, blame the sender.
START_TEST(relay_says_who_was_killed)
{
	const struct mechanism *m;
	size_t limit;

	CARRIER(m, limit);
	for (int i = 0; i < (soaking() ? 50 : 1); i++) {
		kill_one(m, "sender", false);
		kill_one(m, "receiver", false);
		kill_one(m, "sender", true);
		kill_one(m, "receiver", true);
	}
}
END_TEST

// Killed before everything has come: the file is as it was, and alone.
START_TEST(relay_killed_leaves_the_old_file)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGKILL };
	const int signal_number = signals[_i];
	char text[16] = "", command[512], says[32];

	make_folder();
	write_file(output, "old", 3);
	snprintf(command, sizeof command,
		 "$B/" RELAY " --via=pipe --to $OUT </dev/zero & p=$!;"
		 " sleep 0.3; kill -%d $p; wait $p; echo $?",
		 signal_number);
	struct outcome got = run_shell(command);
	snprintf(says, sizeof says, "%d\n", 128 + signal_number);
	ck_assert_str_eq(got.out, says);
	outcome_free(&got);
	ck_assert_uint_eq(read_file(output, text, sizeof text), 3);
	ck_assert(!memcmp(text, "old", 3));
	ck_assert_uint_eq(entries_in(folder), 1);
	remove_folder();
}
END_TEST

// Mechanisms with names, memory and processes of all kinds, and the program
// that plays these tests as their input.
static void interrupt_relay(int with)
{
	char check[PATH_MAX];
	const char *const argv[] = {
		RELAY, "--via=sysv-mq,mqueue,file,fifo,ring,vmread", check, NULL
	};

	snprintf(check, sizeof check, "%s/tests/check", build_folder());
	interrupt_at_moments(argv, with, soaking() ? 300 : 30);
}

START_TEST(relay_sigint_at_any_moment)
{
	interrupt_relay(SIGINT);
}
END_TEST

START_TEST(relay_sigkill_at_any_moment)
{
	interrupt_relay(SIGKILL);
}
END_TEST

// ## An ordinary user

// Root becomes one; the program is copied to where such a user can go.
START_TEST(relay_as_ordinary_user)
{
	make_folder();
	make_input(400000);
	ck_assert_int_eq(chmod(folder, 0777), 0);
	struct outcome got = run_shell(
		"cp $B/" RELAY " $D/relay; cd $D; "
		"as=; [ $(id -u) != 0 ] || as='setpriv --reuid=65534"
		" --regid=65534 --clear-groups'; export TMPDIR=$D;"
		" $as ./relay --format=json in && $as ./relay --via=pipe"
		" --chunk=4K --format=json in >$D/pipe &&"
		" cat in | $as ./relay --via=ring,pipe >/dev/null &&"
		" chmod 600 in && $as ./relay --via=pipe in >/dev/null;"
		" echo $? >&2; $as ./relay --via=pipe --to in /proc/version"
		" >/dev/null; echo $? >&2");
	json_t *report = parse(&got), *row;
	size_t i, carried = 0;
	json_array_foreach(json_object_get(report, "mechanisms"), i, row)
	{
		const char *result = text_in(row, "result");
		ck_assert_str_ne(result, "failed");
		carried += !strcmp(result, "carried");
	}
	ck_assert_uint_gt(carried, 10);
	json_decref(report);
	if (geteuid() == 0)
		ck_assert_str_eq(got.err, "relay: in: Permission denied\n1\n"
					  "relay: in: Permission denied\n1\n");
	free(got.out);
	got.out = calloc(1, 8192);
	char path[128];
	snprintf(path, sizeof path, "%s/pipe", folder);
	read_file(path, got.out, 8191);
	report = parse(&got);
	if (!strcmp(text_in(report, "system_calls_counted_by"), "ptrace"))
		check_calls(&got, "ptrace");
	json_decref(report);
	outcome_free(&got);
	remove_folder();
}
END_TEST

Suite *relay_suite(void)
{
	Suite *suite = suite_create("relay");
	TCase *tcase = tcase_create("relay");
	int n = mechanism_count();

	tcase_set_timeout(tcase, soaking() ? 3600 : 300);
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, relay_sizes_at_the_limit, 0, n);
	tcase_add_loop_test(tcase, relay_ten_mebibytes, 0, n);
	tcase_add_test(tcase, relay_checksum_is_that_of_xxhash);
	tcase_add_test(tcase, relay_standard_input);
	tcase_add_test(tcase, relay_keeps_a_pipe_for_several);
	tcase_add_test(tcase, relay_says_where_it_cannot_keep_a_pipe);
	tcase_add_test(tcase, relay_odd_inputs);
	tcase_add_test(tcase, relay_inputs_that_cannot_be_read);
	tcase_add_loop_test(tcase, relay_notices_what_is_changed_or_lost, 0, 3);
	tcase_add_test(tcase, relay_bad_usage);
	tcase_add_test(tcase, relay_help_and_list);
	tcase_add_test(tcase, relay_full_output);
	tcase_add_test(tcase, relay_reader_has_left);
	tcase_add_test(tcase, relay_output_beside_the_report);
	tcase_add_test(tcase, relay_replaces_a_file_whole);
	tcase_add_test(tcase, relay_leaves_out_what_is_missing);
	tcase_add_test(tcase, relay_all_leaves_out_what_takes_too_long);
	tcase_add_test(tcase, relay_all_of_several_gibibytes);
	tcase_add_test(tcase, relay_counts_system_calls);
	tcase_add_test(tcase, relay_json_agrees_with_text);
	tcase_add_test(tcase, relay_narrow_and_ascii);
	tcase_add_test(tcase, relay_pins);
	tcase_add_test(tcase, relay_progress);
	tcase_add_loop_test(tcase, relay_says_who_was_killed, 0, n);
	tcase_add_loop_test(tcase, relay_killed_leaves_the_old_file, 0, 3);
	tcase_add_test(tcase, relay_sigint_at_any_moment);
	tcase_add_test(tcase, relay_sigkill_at_any_moment);
	tcase_add_test(tcase, relay_as_ordinary_user);
	return suite;
}

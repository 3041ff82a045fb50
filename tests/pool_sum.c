// The tool `threads/pool sum`, against sha256sum and find.

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool_parts.h"

static char folder[64];

static void sum_set_up(void)
{
	snprintf(folder, sizeof folder, "/tmp/oslab-sum-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	ck_assert_int_eq(setenv("FOLDER", folder, 1), 0);
}

static void sum_tear_down(void)
{
	struct outcome o = run_shell("rm -rf \"$FOLDER\"");

	outcome_free(&o);
}

static void must_run(const char *command)
{
	struct outcome o = run_shell(command);

	ck_assert_msg(o.exit == 0, "%s: exit %d: %s", command, o.exit, o.err);
	outcome_free(&o);
}

// Runs both: the same exit status (where it is asked for) and the same output.
static void assert_same(const char *ours, const char *theirs)
{
	struct outcome a = run_shell(ours), b = run_shell(theirs);

	ck_assert_str_eq(a.out, b.out);
	ck_assert_str_eq(a.err, "");
	ck_assert_int_eq(a.exit, 0);
	ck_assert_int_eq(b.exit, 0);
	outcome_free(&a);
	outcome_free(&b);
}

// FIPS 180-2, appendix B, and the empty message of NIST's test vectors.
START_TEST(pool_sum_known)
{
	static const struct {
		const char *make, *sum;
	} rows[] = {
		{ "printf abc", "ba7816bf8f01cfea414140de5dae2223"
				"b00361a396177a9cb410ff61f20015ad" },
		{ "printf ''", "e3b0c44298fc1c149afbf4c8996fb924"
			       "27ae41e4649b934ca495991b7852b855" },
		{ "head -c 1000000 /dev/zero | tr '\\0' a",
		  "cdc76e5c9914fb9281a1c7e284d73e67"
		  "f1809a48a497200e046d39ccc7112cd0" },
	};
	char command[300], expected[300];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(command, sizeof command,
			 "cd $FOLDER && { %s; } >file && "
			 "$B/threads/pool sum file",
			 rows[i].make);
		snprintf(expected, sizeof expected, "%s  file\n", rows[i].sum);
		struct outcome o = run_shell(command);
		ck_assert_str_eq(o.out, expected);
		ck_assert_int_eq(o.exit, 0);
		outcome_free(&o);
	}
}
END_TEST

// Names that need escapes, that are not UTF-8, and that sort differently as names
// and as paths; lengths around a block of SHA-256 and our buffer; more files than
// the window holds; what is no file; links that go round.
static void make_tree(void)
{
	must_run("cd $FOLDER && mkdir -p t/a t/a.d t/A t/deep/er/and/deeper "
		 "t/empty t/many 't/sp ace' && cd t && "
		 "touch -- a.c a/b a-b a0 A/x -n ' ' 'sp ace/q' "
		 "\"$(printf 'new\\nline')\" \"$(printf 'car\\rriage')\" "
		 "'back\\slash' '\\n' \"$(printf 'tab\\t')\" "
		 "\"$(printf 'bad\\377utf')\" '한글' .hidden '*' \"q'\" && "
		 "for n in 1 55 56 63 64 65 131071 131072 131073 400000; do "
		 "head -c $n /dev/urandom >a.d/$n; done && "
		 "for n in $(seq 1500); do echo $n >many/$n; done && "
		 "echo x >deep/er/and/deeper/file && "
		 "ln -s . round && ln -s ../deep A/link && ln -s nowhere gone "
		 "&& "
		 "ln -s loop loop && ln -s a.c to-a && mkfifo fifo");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s/t/socket",
		 folder);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address),
			 0);
	close(fd);
}

#define FIND(arguments)                                                        \
	"find -H " arguments " -type f -print0 | LC_ALL=C sort -z | "          \
	"xargs -0 sha256sum"

START_TEST(pool_sum_tree)
{
	make_tree();
	assert_same("cd $FOLDER && $B/threads/pool sum t",
		    "cd $FOLDER && " FIND("t"));
	assert_same("cd $FOLDER && $B/threads/pool sum --workers=1 t/",
		    "cd $FOLDER && " FIND("t/"));
	assert_same("cd $FOLDER/t && $B/threads/pool sum -w 16 .",
		    "cd $FOLDER/t && " FIND("."));
	assert_same("$B/threads/pool sum $FOLDER", FIND("$FOLDER"));
	// arguments in their own order, links followed, one twice
	assert_same(
		"cd $FOLDER/t && $B/threads/pool sum -- to-a A/link -n a0 "
		"a-b a0 A",
		"cd $FOLDER/t && { sha256sum to-a && " FIND(
			"A/link") " && sha256sum -- -n a0 a-b a0 && " FIND("A") "; }");
	assert_same("cd $FOLDER && ulimit -n 16 && $B/threads/pool sum t",
		    "cd $FOLDER && " FIND("t"));
	assert_same("cd $FOLDER && $B/threads/pool sum t | "
		    "sha256sum --check --quiet --strict",
		    "true");
	assert_same("$B/threads/pool sum $FOLDER/t/empty", "true");
}
END_TEST

// What cannot be read is named, in its place; all else is summed; exit 1.
START_TEST(pool_sum_trouble)
{
	struct outcome o = run_shell(
		"cd $FOLDER && echo 1 >a && mkfifo p && ln -s l l && echo 2 >z "
		"&& exec $B/threads/pool sum a l none p /dev/null z 2>&1");

	ck_assert_int_eq(o.exit, 1);
	const char *lines[] = { "  a\n",
				"pool: l: Too many levels",
				"pool: none: No such file",
				"pool: p: neither file nor directory",
				"pool: /dev/null: neither",
				"  z\n" };
	const char *at = o.out;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		at = strstr(at, lines[i]);
		ck_assert_msg(at != NULL, "no '%s' in its place in:\n%s",
			      lines[i], o.out);
	}
	outcome_free(&o);

	must_run("cd $FOLDER && mkdir -p d/shut && echo 3 >d/bare && "
		 "echo 4 >d/open && chmod 0 d/bare d/shut");
	o = run_shell("user='setpriv --reuid=65534 --regid=65534 "
		      "--clear-groups'; [ $(id -u) = 0 ] || user=; "
		      "cd $FOLDER && exec $user $B/threads/pool sum d");
	if (o.exit == 127)
		SKIP("setpriv is not installed (util-linux)");
	if (geteuid() == 0 && strstr(o.err, "ermission denied") == NULL &&
	    o.exit != 1)
		SKIP("an ordinary user cannot run the build");
	ck_assert_int_eq(o.exit, 1);
	assert_has(o.out, "  d/open\n");
	assert_has(o.err, "d/bare: Permission denied\n");
	assert_has(o.err, "d/shut: Permission denied\n");
	assert_lacks(o.out, "d/bare");
	outcome_free(&o);
}
END_TEST

START_TEST(pool_sum_json)
{
	struct outcome o = run_shell(
		"cd $FOLDER && printf abc >abc && "
		"touch \"$(printf 'x\\377\"')\" && exec $B/threads/pool sum "
		"--format=json . none 2>&1");

	ck_assert_int_eq(o.exit, 1);
	assert_has(o.out, "{\"program\": \"threads/pool\", \"files\": [\n");
	assert_has(o.out, " {\"path\":\"./abc\",\"sha256\":\"ba7816bf");
	assert_has(o.out, " {\"path_hex\":\"2e2f78ff22\",\"sha256\":\"e3b0");
	assert_has(o.out, "\"none\",\"error\":\"No such file or directory\"");
	assert_has(o.out, "\n]}\n");
	outcome_free(&o);
}
END_TEST

START_TEST(pool_sum_usage)
{
	static const struct {
		const char *arguments, *said;
	} bad[] = {
		{ "", "want a file or a directory" },
		{ "--workers=0 .", "--workers=0: want a whole number from 1" },
		{ "--workers=1025 .", "want a whole number from 1 to 1024" },
		{ "--workers=2x .", "--workers=2x: want" },
		{ "--format=xml .", "--format=xml: want" },
		{ "--nonsense .", "nonsense" },
	};
	char command[200];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(command, sizeof command, "$B/threads/pool sum %s",
			 bad[i].arguments);
		struct outcome o = run_shell(command);
		ck_assert_int_eq(o.exit, 2);
		ck_assert_str_eq(o.out, "");
		assert_has(o.err, bad[i].said);
		outcome_free(&o);
	}
	struct outcome o = run_shell("$B/threads/pool sum --help");
	ck_assert_int_eq(o.exit, 0);
	assert_has(o.out, "pool sum [OPTION...] FILE|DIRECTORY...");
	assert_has(o.out, "sha256sum --check");
	outcome_free(&o);
}
END_TEST

// Output that cannot be written, and a reader that leaves.
START_TEST(pool_sum_unheard)
{
	struct outcome o = run_shell("cd $FOLDER && echo 1 >a && "
				     "$B/threads/pool sum a >/dev/full");

	ck_assert_int_eq(o.exit, 1);
	assert_has(o.err, "No space left");
	outcome_free(&o);
	o = run_shell("cd $FOLDER && for n in $(seq 3000); do echo >$n; done; "
		      "$B/threads/pool sum . | head -n 1 | wc -l");
	ck_assert_str_eq(o.out, "1\n");
	ck_assert_str_eq(o.err, "");
	outcome_free(&o);
}
END_TEST

// More bytes than it may have memory.
START_TEST(pool_sum_huge)
{
#ifdef OSLAB_SANITIZED
	SKIP("a sanitizer takes more memory than the test allows");
#endif
	assert_same("cd $FOLDER && truncate -s 128M huge && ulimit -v 100000 "
		    "&& $B/threads/pool sum -w 1 huge",
		    "cd $FOLDER && sha256sum huge");
}
END_TEST

// No more threads, no more memory: said, and nothing is summed.
START_TEST(pool_sum_no_threads)
{
#ifdef OSLAB_SANITIZED
	SKIP("a sanitizer takes more memory than the test allows");
#endif
	struct outcome o = run_shell("cd $FOLDER && echo 1 >a && "
				     "ulimit -v 200000 && "
				     "exec $B/threads/pool sum -w 1000 a");

	ck_assert_int_eq(o.exit, 1);
	ck_assert_str_eq(o.out, "");
	assert_has(o.err, "pool: no more threads: ");
	outcome_free(&o);
}
END_TEST

// How many threads a process has, or 0.
static int threads_of(pid_t pid)
{
	char path[40], line[100];
	int threads = 0;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "Threads: %d", &threads) == 1)
			break;
	if (file)
		fclose(file);
	return threads;
}

// Ctrl-C in the middle of a file that would take an hour.
START_TEST(pool_sum_interrupted)
{
	int number = (int[]){ SIGINT, SIGTERM, SIGHUP }[_i];
	char program[300], file[100];

	must_run("truncate -s 8T $FOLDER/hour || truncate -s 1T $FOLDER/hour");
	snprintf(program, sizeof program, "%s/threads/pool", build_folder());
	snprintf(file, sizeof file, "%s/hour", folder);
	pid_t child = fork_fresh();
	if (child == 0) {
		signal(number, SIG_DFL);
		execl(program, program, "sum", "-w", "7", file, NULL);
		_exit(127);
	}
	// the handlers are set by then, or nearly: the signal ends it anyway
	await(threads_of(child) >= 8);
	ck_assert_int_eq(kill(child, number), 0);
	int status = status_of(child);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), number);
}
END_TEST

// The bar is on a terminal only, and is gone in the end.
START_TEST(pool_sum_bar)
{
	if (system("command -v script >/dev/null") != 0)
		SKIP("script is not installed (bsdutils)");
	struct outcome o = run_shell(
		"cd $FOLDER && mkdir d && truncate -s 300M d/big && "
		"echo 1 >small && "
		"script -qec \"$B/threads/pool sum d >sums\" /dev/null && "
		"sha256sum --check --quiet sums");
	ck_assert_int_eq(o.exit, 0);
	assert_has(o.out, " of 300 MiB");
	assert_has(o.out, " %");
	ck_assert_msg(strlen(o.out) > 4 &&
			      !strcmp(o.out + strlen(o.out) - 4, "\r\033[K"),
		      "not wiped: %s", o.out);
	outcome_free(&o);
	o = run_shell("cd $FOLDER && exec $B/threads/pool sum small");
	ck_assert_str_eq(o.err, "");
	outcome_free(&o);
}
END_TEST

void add_sum_tests(Suite *suite)
{
	TCase *tests = tcase_create("sum");

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, sum_set_up, sum_tear_down);
	tcase_add_test(tests, pool_sum_known);
	tcase_add_test(tests, pool_sum_tree);
	tcase_add_test(tests, pool_sum_trouble);
	tcase_add_test(tests, pool_sum_json);
	tcase_add_test(tests, pool_sum_usage);
	tcase_add_test(tests, pool_sum_unheard);
	tcase_add_test(tests, pool_sum_huge);
	tcase_add_test(tests, pool_sum_no_threads);
	tcase_add_loop_test(tests, pool_sum_interrupted, 0, 3);
	tcase_add_test(tests, pool_sum_bar);
	suite_add_tcase(suite, tests);
}

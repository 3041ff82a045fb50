// # The Check suite: every folder's tests in one program
//
// Plays the suites one after another, each test in a process of its own
// (Check's default; CK_FORK=no plays them all in this one), and says in the
// end what failed, what was skipped and why, and Check's own summary, last.
//
//     $ build/tests/check                    everything
//     $ build/tests/check stats names_sweep  a suite, and a test of another
//     $ build/tests/check fs/                a folder's suites
//
// Check knows no word for "skipped". A test that cannot be done here writes
// its name and the reason into a file that all processes of the run share
// (SKIP in tests.h). On a machine that lacks nothing, with root and /dev/kvm,
// the skips must be those of tests/expected-skips: a test that silently no
// longer runs is a failure.
//
// Sources: Check's manual, https://libcheck.github.io/check/.

#define _GNU_SOURCE
#include "tests.h"

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

static Suite *skips_suite(void);

static const struct row {
	const char *name;
	Suite *(*make)(void);
	const char *folder; // whose
} rows[] = {
	{ "options", options_suite, "lib/" },
	{ "draw", draw_suite, "lib/" },
	{ "stats", stats_suite, "lib/" },
	{ "host", host_suite, "lib/" },
	{ "names", names_suite, "lib/" },
	{ "lab", lab_suite, "lib/" },
	{ "channel", channel_suite, "ipc/" },
	{ "ipc", ipc_suite, "ipc/" },
	{ "echo", echo_suite, "ipc/" },
	{ "relay", relay_suite, "ipc/" },
	{ "sched", sched_suite, "sched/" },
	{ "policy", policy_suite, "sched/" },
	{ "model", model_suite, "sched/" },
	{ "chart", chart_suite, "sched/" },
	{ "sim", sim_suite, "sched/" },
	{ "ostep", ostep_suite, "sched/" },
	{ "gantt", gantt_suite, "sched/" },
	{ "duel", duel_suite, "sched/" },
	{ "threads", threads_suite, "threads/" },
	{ "pool", pool_suite, "threads/" },
	{ "fiber", fiber_suite, "threads/" },
	{ "sync", sync_suite, "sync/" },
	{ "lock", lock_suite, "sync/" },
	{ "wait", wait_suite, "sync/" },
	{ "weave", weave_suite, "sync/" },
	{ "litmus", litmus_suite, "sync/" },
	{ "ring", ring_suite, "sync/" },
	{ "walk", walk_suite, "mem/" },
	{ "cow", cow_suite, "mem/" },
	{ "mem", mem_suite, "mem/" },
	{ "pages", pages_suite, "mem/" },
	{ "segment", segment_suite, "mem/" },
	{ "fragment", fragment_suite, "mem/" },
	{ "replace", replace_suite, "mem/" },
	{ "overcommit", overcommit_suite, "mem/" },
	{ "replacement", replacement_suite, "mem/" },
	{ "pager", pager_suite, "mem/" },
	{ "device", device_suite, "fs/ext2/" },
	{ "ext2", ext2_suite, "fs/ext2/" },
	{ "content", content_suite, "fs/ext2/" },
	{ "directory", directory_suite, "fs/ext2/" },
	{ "journal", journal_suite, "fs/ext2/" },
	{ "crash", crash_suite, "fs/ext2/" },
	{ "fsck", fsck_suite, "fs/ext2/" },
	{ "mkfs", mkfs_suite, "fs/img/" },
	{ "img", img_suite, "fs/img/" },
	{ "explain", explain_suite, "fs/img/" },
	{ "teaching", teaching_suite, "fs/img/" },
	{ "edits", edits_suite, "fs/img/" },
	{ "vsfs", vsfs_suite, "fs/img/" },
	{ "fuzz", fuzz_suite, "fs/img/" },
	{ "bench", bench_suite, "bench/" },
	{ "build", build_suite, "tests/" },
	{ "docs", docs_suite, "tests/" },
	{ "skips", skips_suite, "tests/" },
};

enum { ROWS = sizeof rows / sizeof *rows };

// ## Which tests were asked for
//
// No names: all. Otherwise those whose name, or whose suite's or folder's name, is
// given; a name that nothing has is a mistake and not a run without tests.

static struct {
	char **names;            // ends with NULL
	bool *known;             // by name: something has it
	const struct row *suite; // the one being made
	int tests;               // of it, so far
} wanted;

// "fs/" is above "fs/ext2/".
static bool is_above(const char *name, const char *folder)
{
	size_t length = strlen(name);

	return length > 0 && name[length - 1] == '/' &&
	       !strncmp(name, folder, length);
}

bool test_selected(const char *test)
{
	bool selected = !wanted.names[0];

	for (size_t i = 0; wanted.names[i]; i++)
		if (!strcmp(wanted.names[i], test) ||
		    !strcmp(wanted.names[i], wanted.suite->name) ||
		    is_above(wanted.names[i], wanted.suite->folder))
			selected = wanted.known[i] = true;
	wanted.tests += selected;
	return selected;
}

static Suite *make_suite(const struct row *row)
{
	wanted.suite = row;
	wanted.tests = 0;
	return row->make();
}

// ## Skips
//
// A line each, "test: reason", appended with one write(2) by whichever process
// the test runs in. A memory file: it needs no folder and leaves nothing.

static int skips_fd;

void test_skipped(const char *test, const char *fmt, ...)
{
	char reason[256], line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof reason, fmt, ap);
	va_end(ap);
	// START_TEST(name) makes a function name_fn
	size_t length = strlen(test);
	if (length > 3 && !strcmp(test + length - 3, "_fn"))
		length -= 3;
	int n = snprintf(line, sizeof line, "%.*s: %s\n", (int)length, test,
			 reason);
	if (write(skips_fd, line, n) != n)
		err(EXIT_FAILURE, "cannot note a skipped test");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct lines {
	char *text, **line;
	size_t count;
};

// The lines of a file, sorted, each once, without empty ones and comments.
static struct lines lines_of(int fd)
{
	struct lines lines = { 0 };
	size_t bytes = lseek(fd, 0, SEEK_END);

	lines.text = calloc(1, bytes + 1);
	lines.line = calloc(bytes + 1, sizeof *lines.line);
	if (!lines.text || !lines.line ||
	    pread(fd, lines.text, bytes, 0) != (ssize_t)bytes)
		err(EXIT_FAILURE, "cannot read the list of skips");
	char *rest = lines.text;
	for (char *line; (line = strsep(&rest, "\n"));)
		if (*line && *line != '#')
			lines.line[lines.count++] = line;
	qsort(lines.line, lines.count, sizeof *lines.line, by_text);

	size_t unique = 0;
	for (size_t i = 0; i < lines.count; i++)
		if (!unique || strcmp(lines.line[unique - 1], lines.line[i]))
			lines.line[unique++] = lines.line[i];
	lines.count = unique;
	return lines;
}

static void lines_free(struct lines *lines)
{
	free(lines->text);
	free(lines->line);
}

static void print_skips(void)
{
	struct lines skips = lines_of(skips_fd);

	printf("%zu skipped\n", skips.count);
	for (size_t i = 0; i < skips.count; i++)
		printf("  %s\n", skips.line[i]);
	lines_free(&skips);
}

// Of a line only the test's name counts, a reason may hold a number.
static bool names_test(const struct lines *lines, const char *line)
{
	size_t length = strcspn(line, ":");

	for (size_t i = 0; i < lines->count; i++)
		if (strcspn(lines->line[i], ":") == length &&
		    !strncmp(lines->line[i], line, length))
			return true;
	return false;
}

static void note_missing(FILE *notes, const char *what,
			 const struct lines *lines, const struct lines *from)
{
	for (size_t i = 0; i < lines->count; i++)
		if (!names_test(from, lines->line[i]))
			fprintf(notes, "\n  %s %s", what, lines->line[i]);
}

// The last test: where nothing is missing, just the expected ones are skipped.
START_TEST(skips_expected)
{
	char *text;
	size_t bytes;
	FILE *notes = open_memstream(&text, &bytes);
	int fd = open("tests/expected-skips", O_RDONLY | O_CLOEXEC);

	ck_assert(notes && fd != -1);
	struct lines expected = lines_of(fd), found = lines_of(skips_fd);
	note_missing(notes, "expected, not skipped:", &expected, &found);
	note_missing(notes, "skipped, not expected:", &found, &expected);
	fclose(notes);
	close(fd);
	lines_free(&expected);
	lines_free(&found);
	ck_assert_msg(!bytes,
		      "on a machine with root and /dev/kvm the skips "
		      "are those of tests/expected-skips:%s",
		      text);
	free(text);
}
END_TEST

bool sanitized(void)
{
#ifdef OSLAB_SANITIZED
	return true;
#else
	return false;
#endif
}

// Judges a whole run only. Some tests cannot be done with a sanitizer: the list
// is that of a build without.
static Suite *skips_suite(void)
{
	Suite *suite = suite_create("skips");
	TCase *tcase = tcase_create("skips");

	suite_add_tcase(suite, tcase);
	if (!wanted.names[0] && !soaking() && !sanitized() && geteuid() == 0 &&
	    access("/dev/kvm", R_OK | W_OK) == 0)
		tcase_add_test(tcase, skips_expected);
	return suite;
}

// ## Playing

bool soaking(void)
{
	return getenv("OSLAB_SOAK") != NULL;
}

// A test that was killed leaves its processes to us (we are a subreaper).
static int bury_strays(void)
{
	int strays = 0;

	for (pid_t pid; (pid = living_child(NULL, 0));) {
		strays++;
		printf("  left behind by a test: process %d, killed\n", pid);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return strays;
}

// What is ignored is inherited, and nohup(1) and a shell's & ignore signals that
// tests send to what they start.
static void heed_signals(void)
{
	const int sent[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE };

	for (size_t i = 0; i < sizeof sent / sizeof *sent; i++)
		signal(sent[i], SIG_DFL);
}

// Everybody speaks the same language, whatever the terminal: the tests compare
// what programs print. A test that needs a program for long says so itself
// (tcase_set_timeout); Check's own default, 4 s, is meant for functions.
static void set_scene(void)
{
	heed_signals();
	if (access("tests/expected-skips", R_OK) == -1)
		errx(EXIT_FAILURE, "start me at the top of the source tree");
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("B", build_folder(), 1);
	unsetenv("COLUMNS");
	unsetenv("NO_COLOR");
	setenv("CK_DEFAULT_TIMEOUT", soaking() ? "3600" : "150", 0);

	skips_fd = memfd_create("skips", MFD_CLOEXEC);
	if (skips_fd == -1 || fcntl(skips_fd, F_SETFL, O_APPEND) == -1 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		err(EXIT_FAILURE, "cannot begin");
}

int main(int argc, char **argv)
{
	SRunner *runner = srunner_create(NULL);
	bool played[ROWS] = { false };
	int strays = 0;

	char *check_name[] = { getenv("CK_RUN_SUITE"), NULL };
	wanted.names = argc > 1 ? argv + 1 : check_name;
	wanted.known = calloc(argc + 1, sizeof *wanted.known);
	if (!wanted.known)
		err(EXIT_FAILURE, "cannot begin");
	set_scene();
	for (int i = 0; i < ROWS; i++) {
		srunner_add_suite(runner, make_suite(&rows[i]));
		played[i] = wanted.tests > 0;
	}
	for (int i = 0; wanted.names[i]; i++)
		if (!wanted.known[i])
			errx(2, "no suite, folder or test is called '%s'",
			     wanted.names[i]);

	for (int i = 0; i < ROWS; i++) {
		if (!played[i])
			continue;
		int before = srunner_ntests_run(runner);
		int failed_before = srunner_ntests_failed(runner);
		int64_t begin_ns = now_ns();

		printf("%-10s", rows[i].name);
		fflush(stdout);
		srunner_run(runner, rows[i].name, getenv("CK_RUN_CASE"),
			    CK_SILENT);
		printf("%4d checks, %d failed, %5.1f s\n",
		       srunner_ntests_run(runner) - before,
		       srunner_ntests_failed(runner) - failed_before,
		       (now_ns() - begin_ns) / 1e9);
		strays += bury_strays();
	}

	int failed = srunner_ntests_failed(runner);
	if (failed)
		srunner_print(runner, CK_NORMAL);
	print_skips();
	srunner_print(runner, CK_MINIMAL);
	bool nothing = srunner_ntests_run(runner) == 0;
	srunner_free(runner);
	free(wanted.known);
	return failed || strays || nothing ? EXIT_FAILURE : EXIT_SUCCESS;
}

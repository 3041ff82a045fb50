// # The labs of every folder: every scene is a test
//
// A lab is found in the tree and tells its scenes itself (--list), so a new one
// is tested without a change here. What a lab claims is judged by the lab; here
// every scene is played alone and with the others, by root and by an ordinary
// user, and read back as a program would, from JSON. The rest is how a lab
// behaves to its user: narrow, in ASCII, interrupted, unheard, misused. A row of
// scenes takes seconds, so what every start of a lab shows is shown by one scene.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <jansson.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "interrupt.h"
#include "labs.h"
#include "random.h"

enum { LABS = 64, ORDINARY = 65534 };

#ifdef OSLAB_SANITIZED
enum { IS_SANITIZED = true };
#else
enum { IS_SANITIZED = false };
#endif

// ThreadSanitizer looks for races; the ways to play a scene have none of their own.
#ifdef __SANITIZE_THREAD__
enum { RACES_ONLY = true };
#else
enum { RACES_ONLY = false };
#endif

// --- what there is to play --------------------------------------------------------

// The labs of one folder after those of another.
static char found[LABS][64];
static int known;

// FOLDER/NAME.c is a program, and so is FOLDER/NAME/main.c.
static bool is_program(const char *folder, char *name)
{
	char path[PATH_MAX];
	size_t length = strlen(name);

	if (length > 2 && !strcmp(name + length - 2, ".c")) {
		name[length - 2] = '\0';
		return true;
	}
	snprintf(path, sizeof path, "%s/%s/%s/main.c", source_folder(), folder,
		 name);
	return *name != '.' && access(path, F_OK) == 0;
}

// A tool (ipc/relay) says so in the last column of its line in the catalogue,
// has no scenes, and a suite of its own.
static bool is_lab(const char *lab)
{
	char command[2 * PATH_MAX], line[512] = "";

	snprintf(command, sizeof command, "'%s/%s' --catalogue", build_folder(),
		 lab);
	FILE *said = popen(command, "re");
	bool read = said && fgets(line, sizeof line, said);
	if (said)
		pclose(said);
	return !read || !strstr(line, "\ttool\n");
}

// Returns how many it put into found, from number `n` on.
static int find_labs(const char *folder, int n)
{
	char path[PATH_MAX];
	int from = n;

	snprintf(path, sizeof path, "%s/%s", source_folder(), folder);
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (!is_program(folder, entry->d_name) || n == LABS)
			continue;
		snprintf(found[n], sizeof *found, "%s/%.50s", folder,
			 entry->d_name);
		n += is_lab(found[n]);
	}
	if (dir)
		closedir(dir);
	return n - from;
}

static json_t *parse(const struct outcome *got, const char *lab)
{
	json_error_t error;
	json_t *parsed = json_loads(got->out, 0, &error);

	ck_assert_msg(parsed, "%s prints no JSON (%s):\n%s%s", lab, error.text,
		      got->out, got->err);
	return parsed;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

// The scenes as --list has them, an array of {"name", "title"}.
static json_t *scenes_of(const char *lab)
{
	struct outcome got = run(lab, "--list", "--format=json", NULL);

	ck_assert_int_eq(got.exit, 0);
	json_t *list = parse(&got, lab);
	json_t *scenes = json_incref(json_object_get(list, "scenes"));
	ck_assert_str_eq(text_of(list, "program"), lab);
	ck_assert_msg(json_array_size(scenes) > 0, "%s has no scenes", lab);
	json_decref(list);
	outcome_free(&got);
	return scenes;
}

// --- starting a lab otherwise than run() does ---------------------------------------

struct start {
	const char *lab, *arguments[3]; // ends with NULL
	bool ordinary;                  // as a user without privileges
	int out, err;                   // -1: thrown away
	const struct little *little;    // setrlimit(2), or NULL
};

struct little {
	int resource;
	rlim_t most;
};

static bool confine(const struct little *little)
{
	struct rlimit limit;

	if (!little)
		return true;
	limit = (struct rlimit){ little->most, little->most };
	return setrlimit(little->resource, &limit) == 0;
}

static void become_ordinary(void)
{
	if (setgroups(0, NULL) == -1 ||
	    setresgid(ORDINARY, ORDINARY, ORDINARY) == -1 ||
	    setresuid(ORDINARY, ORDINARY, ORDINARY) == -1)
		_exit(125);
}

// The program is opened before the user changes, since the tree may lie where an
// ordinary user cannot go; PR_SET_PDEATHSIG comes after, since a change of user
// clears it (prctl(2)).
static pid_t start(const struct start *how)
{
	char path[PATH_MAX];
	char *argv[4] = { path, (char *)how->arguments[0],
			  (char *)how->arguments[1], NULL };
	pid_t test = getpid();

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	snprintf(path, sizeof path, "%s/%s", build_folder(), how->lab);
	pid_t pid = fork_fresh();
	if (pid > 0)
		return pid;
	int program = open(path, O_RDONLY | O_CLOEXEC);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (how->ordinary)
		become_ordinary();
	if (program == -1 || null == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != test ||
	    dup2(null, STDIN_FILENO) == -1 ||
	    dup2(how->out == -1 ? null : how->out, STDOUT_FILENO) == -1 ||
	    dup2(how->err == -1 ? null : how->err, STDERR_FILENO) == -1 ||
	    !confine(how->little))
		_exit(126);
	fexecve(program, argv, environ);
	_exit(127);
}

static int memory_file(void)
{
	int fd = memfd_create("output", MFD_CLOEXEC);

	ck_assert(fd != -1 && fcntl(fd, F_SETFL, O_APPEND) != -1);
	return fd;
}

static char *contents_of(int fd)
{
	off_t bytes = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, bytes + 1);

	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(pread(fd, text, bytes, 0), bytes);
	close(fd);
	return text;
}

static void reap_orphans(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

// Plays and waits. `how->out` -1 is kept in the outcome.
static struct outcome play_as(struct start how)
{
	bool keep = how.out == -1;
	int status;

	if (keep)
		how.out = memory_file();
	how.err = memory_file();
	pid_t pid = start(&how);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	pid_t left = living_child(NULL, 0);
	ck_assert_msg(!left, "%s left process %d behind", how.lab, left);
	reap_orphans();
	return (struct outcome){
		.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.out = keep ? contents_of(how.out) : strdup(""),
		.err = contents_of(how.err),
	};
}

// The loop's number is how many labs the folder has.
START_TEST(played_something)
{
	ck_assert_int_gt(_i, 0);
}
END_TEST

// --- every scene ------------------------------------------------------------------

// What is wrong with a scene as it is reported; a skip is noted.
static void check_scene(FILE *wrong, const char *lab, const json_t *scene)
{
	const char *name = text_of(scene, "name");
	const char *result = text_of(scene, "result");
	json_t *claims = json_object_get(scene, "claims"), *claim;
	char test[128];
	size_t i;

	snprintf(test, sizeof test, "%s %s", lab, name);
	if (!strcmp(result, "skipped"))
		test_skipped(test, "%s", text_of(scene, "reason"));
	else if (strcmp(result, "held") != 0 || json_array_size(claims) == 0)
		fprintf(wrong, "\n  %s %s: result '%s', %zu claims", lab, name,
			result, json_array_size(claims));
	json_array_foreach(claims, i, claim) if (!json_is_true(json_object_get(
							 claim, "holds")))
		fprintf(wrong, "\n  %s %s: does not hold: %s", lab, name,
			text_of(claim, "text"));
}

// The report must tell of just the `wanted` scenes, in their order.
static void check_report(FILE *wrong, const char *lab, json_t *wanted,
			 const struct outcome *got)
{
	json_t *report = parse(got, lab);
	json_t *scenes = json_object_get(report, "scenes"), *scene;
	size_t i;

	if (strcmp(text_of(report, "program"), lab) != 0 ||
	    json_array_size(scenes) != json_array_size(wanted))
		fprintf(wrong, "\n  %s tells of '%s' and %zu scenes, not %zu",
			lab, text_of(report, "program"),
			json_array_size(scenes), json_array_size(wanted));
	json_array_foreach(scenes, i, scene)
	{
		const char *name = text_of(json_array_get(wanted, i), "name");
		if (strcmp(text_of(scene, "name"), name) != 0)
			fprintf(wrong, "\n  %s: scene '%s', where '%s' belongs",
				lab, text_of(scene, "name"), name);
		check_scene(wrong, lab, scene);
	}
	if (got->signal || (got->exit != 0 && got->exit != 77))
		fprintf(wrong, "\n  %s: exit %d, signal %d: %s", lab, got->exit,
			got->signal, got->err);
	json_decref(report);
}

struct notes {
	FILE *file;
	char *text;
	size_t bytes;
};

static void begin_notes(struct notes *notes)
{
	notes->file = open_memstream(&notes->text, &notes->bytes);
	ck_assert_ptr_nonnull(notes->file);
}

static void end_notes(struct notes *notes)
{
	fclose(notes->file);
	ck_assert_msg(notes->bytes == 0, "%s", notes->text);
	free(notes->text);
}

// Each scene alone. (All in a row are played below.)
START_TEST(played_scenes)
{
	const char *lab = found[_i];
	json_t *scenes = scenes_of(lab), *scene;
	struct notes wrong;
	size_t i;

	begin_notes(&wrong);
	json_array_foreach(scenes, i, scene)
	{
		json_t *alone = json_pack("[O]", scene);
		struct outcome got = run(lab, "--format=json",
					 text_of(scene, "name"), NULL);
		check_report(wrong.file, lab, alone, &got);
		outcome_free(&got);
		json_decref(alone);
	}
	json_decref(scenes);
	end_notes(&wrong);
}
END_TEST

START_TEST(played_in_a_row_as_ordinary_user)
{
	const char *lab = found[_i];
	json_t *scenes = scenes_of(lab);
	struct notes wrong;

	begin_notes(&wrong);
	struct outcome got = play_as((struct start){
		.lab = lab,
		.arguments = { "--format=json" },
		.ordinary = geteuid() == 0,
		.out = -1,
	});
	check_report(wrong.file, lab, scenes, &got);
	outcome_free(&got);
	json_decref(scenes);
	end_notes(&wrong);
}
END_TEST

// Where there is little room a lab plays what it can, skips the rest and says why;
// it neither fails nor dies of it.
START_TEST(played_in_little_room)
{
	static const struct little littles[] = {
		{ RLIMIT_NPROC, 3 },   { RLIMIT_NPROC, 6 },
		{ RLIMIT_NPROC, 12 },  { RLIMIT_NOFILE, 8 },
		{ RLIMIT_NOFILE, 16 }, { RLIMIT_AS, 300000 * 1024UL },
	};

	if (geteuid() != 0)
		SKIP("only root can be a user who has nothing else running");
	// What looks for leaks needs a task of its own.
	if (IS_SANITIZED)
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	for (size_t i = 0; i < sizeof littles / sizeof *littles; i++) {
		if (IS_SANITIZED && littles[i].resource == RLIMIT_AS)
			continue;
		struct outcome got = play_as(
			(struct start){ .lab = found[_i],
					.arguments = { "--timeout=60s" },
					.ordinary = true,
					.out = -1,
					.little = &littles[i] });
		ck_assert_msg(got.exit == 0 || got.exit == 77,
			      "%s, limit %d of %llu: exit %d\n%.3000s%.1000s",
			      found[_i], littles[i].resource,
			      (unsigned long long)littles[i].most, got.exit,
			      got.out, got.err);
		outcome_free(&got);
	}
}
END_TEST

// --- what a lab prints --------------------------------------------------------------

// Whether the lab composed this line itself, which wraps nothing: a heading, a
// line of somebody, a claim or a skip, the sum at the end.
static bool is_prose(const char *line, json_t *scenes)
{
	const json_t *scene;
	size_t i;

	json_array_foreach(scenes, i, scene)
	{
		const char *name = text_of(scene, "name");
		size_t length = strlen(name);
		if (!strncmp(line, name, length) &&
		    !strncmp(line + length, " - ", 3))
			return true;
	}
	return !*line || strstr(line, " ms  ") == line + 8 ||
	       !strncmp(line, "             ", 13) || strstr(line, " held, ");
}

// In 40 columns pictures are 40 columns wide at most; in a locale without UTF-8
// all is ASCII.
START_TEST(played_narrow_and_ascii)
{
	char command[256];
	json_t *scenes = scenes_of(found[_i]);

	snprintf(command, sizeof command, "COLUMNS=40 LC_ALL=C $B/%s",
		 found[_i]);
	struct outcome got = run_shell(command);
	ck_assert_msg(got.exit == 0 || got.exit == 77, "%s: exit %d\n%s%s",
		      command, got.exit, got.out, got.err);
	char *rest = got.out;
	for (char *line; (line = strsep(&rest, "\n"));) {
		for (const char *c = line; *c; c++)
			ck_assert_msg(!(*c & 0x80) && *c != '\033',
				      "%s: not ASCII: %s", found[_i], line);
		ck_assert_msg(is_prose(line, scenes) || strlen(line) <= 40,
			      "%s: more than 40 columns:\n%s", found[_i], line);
	}
	json_decref(scenes);
	outcome_free(&got);
}
END_TEST

// The name of a lab's first scene; the caller frees it.
static char *first_scene_of(const char *lab)
{
	json_t *scenes = scenes_of(lab);
	char *name = strdup(text_of(json_array_get(scenes, 0), "name"));

	ck_assert_ptr_nonnull(name);
	json_decref(scenes);
	return name;
}

// (Text ends with the scene that cannot be heard; JSON comes after the last one.)
START_TEST(played_full_disk)
{
	char *scene = first_scene_of(found[_i]);
	char json[128];
	const char *const arguments[] = { "", json, "--list", "--help" };

	snprintf(json, sizeof json, "--format=json %s", scene);
	free(scene);
	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
		char command[256];
		snprintf(command, sizeof command, "$B/%s %s > /dev/full",
			 found[_i], arguments[i]);
		struct outcome got = run_shell(command);
		ck_assert_msg(got.exit == 1 && occurrences(got.err, "\n") == 1,
			      "%s: exit %d: %s", command, got.exit, got.err);
		outcome_free(&got);
	}
}
END_TEST

// The reader has left before the first line: silence, and the end that SIGPIPE
// brings, as for any filter.
START_TEST(played_reader_has_left)
{
	char *scene = first_scene_of(found[_i]);
	const char *const arguments[][2] = {
		{ NULL, NULL },
		{ "--format=json", scene },
	};

	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
		int fd[2];
		ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
		close(fd[0]);
		struct outcome got = play_as((struct start){
			.lab = found[_i],
			.arguments = { arguments[i][0], arguments[i][1] },
			.out = fd[1],
		});
		close(fd[1]);
		ck_assert_int_eq(got.signal, SIGPIPE);
		ck_assert_str_eq(got.err, "");
		outcome_free(&got);
	}
	free(scene);
}
END_TEST

// --- misuse -----------------------------------------------------------------------

// One line that names what is wrong. Behind what getopt(3) finds, argp adds
// where to look.
static bool is_refusal(const char *text, const char *argument)
{
	const char *end = strchr(text, '\n');
	size_t name = strcspn(argument, "=");

	return end && memmem(text, end - text, argument, name) &&
	       (!end[1] || (!strncmp(end + 1, "Try `", 5) &&
			    occurrences(text, "\n") == 2));
}

START_TEST(played_bad_usage)
{
	static const char *const bad[] = {
		"no-such-scene",  "--no-such-option", "--format=xml",
		"--format",	  "--slow=fast",      "--slow=-1s",
		"--timeout=0s",	  "--timeout=1",      "--list=all",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct outcome got = run(found[_i], bad[i], NULL);
		ck_assert_msg(got.exit == 2 && !*got.out &&
				      is_refusal(got.err, bad[i]),
			      "%s %s: exit %d\n%s%s", found[_i], bad[i],
			      got.exit, got.out, got.err);
		outcome_free(&got);
	}
}
END_TEST

// A scene of the lab does not make up for one that is not there.
START_TEST(played_bad_usage_plays_nothing)
{
	char *scene = first_scene_of(found[_i]);
	struct outcome got = run(found[_i], scene, "no-such-scene", NULL);

	ck_assert_int_eq(got.exit, 2);
	ck_assert_str_eq(got.out, "");
	free(scene);
	outcome_free(&got);
}
END_TEST

// --- interruption ------------------------------------------------------------------

static int moments(const char *lab)
{
	return soaking() ? 1000 : strcmp(lab, "ipc/pipe") ? 20 : 100;
}

START_TEST(played_interrupted_at_any_moment)
{
	char *scene = first_scene_of(found[_i]);
	const char *const argv[] = { found[_i], NULL };
	const char *const last[] = { found[_i], scene, NULL };

	interrupt_in_turns(argv, last, moments(found[_i]));
	free(scene);
}
END_TEST

// The suite of a folder: all of these, for each of its labs.
static Suite *suite_of(const char *folder)
{
	Suite *suite = suite_create(folder);
	TCase *tcase = tcase_create(folder);
	int from = known, to = known += find_labs(folder, known);

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, played_something, to - from, to - from + 1);
	tcase_add_loop_test(tcase, played_scenes, from, to);
	if (RACES_ONLY)
		return suite;
	tcase_add_loop_test(tcase, played_in_a_row_as_ordinary_user, from, to);
	if (!strcmp(folder, "threads") || !strcmp(folder, "sync"))
		tcase_add_loop_test(tcase, played_in_little_room, from, to);
	tcase_add_loop_test(tcase, played_narrow_and_ascii, from, to);
	tcase_add_loop_test(tcase, played_full_disk, from, to);
	tcase_add_loop_test(tcase, played_reader_has_left, from, to);
	tcase_add_loop_test(tcase, played_bad_usage, from, to);
	tcase_add_loop_test(tcase, played_bad_usage_plays_nothing, from, to);
	tcase_add_loop_test(tcase, played_interrupted_at_any_moment, from, to);
	return suite;
}

Suite *ipc_suite(void)
{
	return suite_of("ipc");
}

Suite *sched_suite(void)
{
	return suite_of("sched");
}

Suite *threads_suite(void)
{
	return suite_of("threads");
}

Suite *sync_suite(void)
{
	return suite_of("sync");
}

Suite *mem_suite(void)
{
	return suite_of("mem");
}

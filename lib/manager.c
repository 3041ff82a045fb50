// # The manager: plays the scenes, watches, judges
//
// One process, the body of supervisor.h. It plays one scene after another, each
// in a process of its own, and waits for it with an eye on the clock. When the
// scene is over, whoever it started is killed and what it named is removed; so
// the next one finds the stage as the first did.
//
// Sources: sigtimedwait(2), waitpid(2), prctl(2).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "names.h"
#include "options.h"
#include "stage.h"
#include "supervisor.h"

// Linked in by -fsanitize=address alone. It does its work in exit(3), and a
// scene ends with _exit(2).
void __lsan_do_leak_check(void) __attribute__((weak));

struct stage *stage;

// ## The stage

// Out of the way: a scene finds the numbers 3, 4, 5 free, as its reader will.
static int high_copy(int fd)
{
	int copy = -1;

	for (int lowest = 400; copy == -1 && lowest > STDERR_FILENO;
	     lowest /= 2)
		copy = fcntl(fd, F_DUPFD_CLOEXEC, lowest);
	return must(copy);
}

// The records are touched only as claims are made, so the memory for thousands
// of them costs nothing.
void stage_open(void)
{
	stage = must(mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	stage->canvas = canvas_of(STDOUT_FILENO);
	stage->out = high_copy(STDOUT_FILENO);
	stage->began_ns = now_ns();
}

static unsigned claims_made(void)
{
	unsigned claims = atomic_load(&stage->claims);
	return claims < CLAIMS ? claims : CLAIMS;
}

void stage_clear(void)
{
	memset(stage->records, 0, claims_made() * sizeof *stage->records);
	memset(stage->speaker_state, 0, sizeof stage->speaker_state);
	memset(stage->speaking, 0, sizeof stage->speaking);
	atomic_store(&stage->held, 0);
	atomic_store(&stage->failed, 0);
	atomic_store(&stage->claims, 0);
	atomic_store(&stage->skipped, 0);
	atomic_store(&stage->reading_ns, 0);
	stage->began_ns = now_ns();
}

// ## Asking the reader
//
// With --predict a claim waits in its record until we have asked. The manager
// asks because it is surely in the terminal's foreground group; a scene's
// process may have gone elsewhere, and reading would stop it.

struct score {
	int asked, right;
	bool over; // the reader wants no more questions (end of file)
};

static void tell_reader(int terminal, const char *text)
{
	size_t n = strlen(text);
	if (write(terminal, text, n) != (ssize_t)n)
		die_at(__FILE__, __LINE__, "write(terminal)", errno);
}

// A line of the terminal, without its newline; false at the end of file.
static bool hear_reader(int terminal, char *line, size_t line_bytes)
{
	ssize_t n;

	do
		n = read(terminal, line, line_bytes - 1);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return false;
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	return true;
}

// 1, 0, or -1 for neither.
static int truth_of(const char *answer)
{
	static const char *const words[2][4] = {
		{ "false", "f", "no", "n" }, { "true", "t", "yes", "y" },
	};

	for (int truth = 0; truth < 2; truth++)
		for (int i = 0; i < 4; i++)
			if (!strcasecmp(answer, words[truth][i]))
				return truth;
	return -1;
}

static void ask(int terminal, const struct claim_record *r, struct score *score)
{
	char text[SENTENCE_BYTES], answer[256];
	int said = -1;

	if (score->over)
		return;
	plain_text(text, sizeof text, r->text, stage->canvas.utf8);
	tell_reader(terminal, "             ? ");
	tell_reader(terminal, text);
	while (said == -1) {
		tell_reader(terminal, "\n               true or false? ");
		if (!hear_reader(terminal, answer, sizeof answer)) {
			tell_reader(terminal, "\n");
			score->over = true;
			return;
		}
		said = truth_of(answer);
	}
	score->asked++;
	score->right += said == r->holds;
}

static void ask_all(int terminal, struct score *score)
{
	for (unsigned i = 0; i < claims_made(); i++) {
		struct claim_record *r = &stage->records[i];
		if (atomic_load_explicit(&r->state, memory_order_acquire) !=
		    CLAIM_MADE)
			continue;
		ask(terminal, r, score);
		atomic_store_explicit(&r->state, CLAIM_ASKED,
				      memory_order_release);
	}
}

// ## Watching
//
// How long a scene has played is counted in short looks, and none counts for
// more than it was meant to last: Ctrl-Z stops us along with the scene, and
// when we go on, the hours between look like one tick. What a scene waited for
// its reader is taken off.
//
// SIGCHLD is blocked here (and free in the scene): one that comes between
// waitpid and sigtimedwait is not lost.

enum { TICK_MS = 100, ASKING_TICK_MS = 10 };

// The player has ended, or the scene is to be ended.
enum end { ENDED, LEFT, TOO_LONG };

static int64_t counted(int64_t elapsed_ns, int64_t tick_ns)
{
	int64_t ns = elapsed_ns < tick_ns ? elapsed_ns : tick_ns;
	int64_t reading = atomic_load(&stage->reading_ns);
	int64_t off = reading < ns ? reading : ns;

	atomic_fetch_sub(&stage->reading_ns, off);
	return ns - off;
}

static sigset_t child_signal(void)
{
	sigset_t only;

	sigemptyset(&only);
	sigaddset(&only, SIGCHLD);
	return only;
}

static enum end watch(const struct programme *programme, pid_t player,
		      int *status, struct score *score)
{
	int64_t tick_ns = (stage->predict ? ASKING_TICK_MS : TICK_MS) *
			  INT64_C(1000000);
	const struct timespec tick = { .tv_nsec = tick_ns };
	const sigset_t only = child_signal();
	int64_t left_ns = programme->limit_ns;

	while (must(waitpid(player, status, WNOHANG)) == 0) {
		if (atomic_load(&stage->skipped) == 2 ||
		    atomic_load(&stage->write_error))
			return LEFT;
		if (left_ns <= 0)
			return TOO_LONG;
		int64_t before = now_ns();
		(void)sigtimedwait(&only, NULL, &tick);
		left_ns -= counted(now_ns() - before, tick_ns);
		if (stage->predict)
			ask_all(programme->terminal, score);
	}
	return ENDED;
}

// ## Playing one scene

enum result { HELD, FAILED, SKIPPED };

static const char *const results[] = { "held", "failed", "skipped" };

struct tally {
	int held, failed;              // claims
	int scenes[3];                 // by result
	char names[3][SENTENCE_BYTES]; // of these scenes, "eof, broken"
	json_t *json;                  // scenes
	struct score score;
};

static _Noreturn void play(const struct scene *scene)
{
	if (stage->quiet) {
		int nowhere = must(open("/dev/null", O_WRONLY | O_CLOEXEC));
		must(dup2(nowhere, STDOUT_FILENO));
		must(close(nowhere));
	}
	scene->play();
	fflush(stdout);
	if (__lsan_do_leak_check)
		__lsan_do_leak_check();
	_exit(EXIT_SUCCESS);
}

// -1: it is skipped, there is no room for its process.
static pid_t start(const struct programme *programme, const struct scene *scene)
{
	const sigset_t only = child_signal();

	must(sigprocmask(SIG_BLOCK, &only, NULL));
	pid_t manager = getpid(), player = fork();
	if (player > 0)
		return player;
	if (player == -1) {
		const char *limit = limit_met("fork()", errno);
		if (!limit)
			die_at(__FILE__, __LINE__, "fork()", errno);
		stage_skip(limit);
		return -1;
	}
	must(sigprocmask(SIG_UNBLOCK, &only, NULL));
	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
	if (getppid() != manager)
		_exit(EXIT_FAILURE);
	if (programme->terminal != -1)
		must(close(programme->terminal));
	stage_enter();
	play(scene);
}

static void add_claim(json_t *claims, bool holds, const char *text)
{
	must(json_array_append_new(claims,
				   must_ptr(json_pack("{s:b, s:s}", "holds",
						      holds, "text", text))));
}

static json_t *claims_of_scene(void)
{
	json_t *claims = must_ptr(json_array());

	for (unsigned i = 0; i < claims_made(); i++) {
		const struct claim_record *r = &stage->records[i];
		if (atomic_load_explicit(&r->state, memory_order_acquire) !=
		    CLAIM_EMPTY)
			add_claim(claims, r->holds, r->text);
	}
	return claims;
}

// What the manager claims of every scene is said only when it is not so.
static void __attribute__((format(printf, 2, 3)))
fail(json_t *claims, const char *fmt, ...)
{
	char text[SENTENCE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	atomic_fetch_add(&stage->failed, 1);
	add_claim(claims, false, text);
	stage_mark('!', text);
}

// `left`: 0, or the error with which something of the scene could not be ended
// or removed.
static enum result judge(const struct programme *programme, enum end end,
			 int status, int left, json_t *claims)
{
	char text[ENDING_BYTES];
	bool skipped = atomic_load(&stage->skipped) == 2;
	unsigned made = atomic_load(&stage->claims);

	if (end == TOO_LONG)
		fail(claims, "the scene ends within %s",
		     human_duration(text, programme->limit_ns));
	else if (end == ENDED && status != 0 && !skipped)
		fail(claims, "the scene plays to its end: %s",
		     ending(text, status));
	else if (made == 0 && !skipped)
		fail(claims, "the scene claims something");
	if (made > CLAIMS)
		fail(claims, "the scene makes no more than %d claims", CLAIMS);
	if (left < 0)
		fail(claims, "the scene leaves nothing behind: %s",
		     strerror(-left));
	return atomic_load(&stage->failed) ? FAILED : skipped ? SKIPPED : HELD;
}

static void note(struct tally *tally, const struct scene *scene,
		 enum result result, json_t *claims)
{
	char *names = tally->names[result];
	size_t used = strlen(names);

	tally->held += atomic_load(&stage->held);
	tally->failed += atomic_load(&stage->failed);
	tally->scenes[result]++;
	snprintf(names + used, SENTENCE_BYTES - used, "%s%s", used ? ", " : "",
		 scene->name);
	json_t *entry = must_ptr(json_pack("{s:s, s:s, s:o}", "name",
					   scene->name, "result",
					   results[result], "claims", claims));
	if (result == SKIPPED)
		must(json_object_set_new(entry, "reason",
					 must_ptr(json_string(stage->reason))));
	must(json_array_append_new(tally->json, entry));
}

static void print_heading(const struct scene *scene, bool first)
{
	char title[SENTENCE_BYTES], text[LINE_BYTES];
	const char *bold = stage->canvas.colour ? "\033[1m" : "";
	const char *plain = stage->canvas.colour ? "\033[0m" : "";

	if (stage->quiet)
		return;
	plain_text(title, sizeof title, scene->title, stage->canvas.utf8);
	int n = snprintf(text, sizeof text, "%s%s%s %s %s%s\n",
			 first ? "" : "\n", bold, scene->name,
			 stage->canvas.utf8 ? "·" : "-", title, plain);
	stage_write(text, n);
}

static void play_scene(const struct programme *programme,
		       const struct scene *scene, struct tally *tally)
{
	int status = 0;

	stage_clear();
	pid_t player = start(programme, scene);
	enum end end = player == -1 ? LEFT
				    : watch(programme, player, &status,
					    &tally->score);
	if (end != ENDED && player != -1)
		must(kill(player, SIGKILL));
	int reaped = kill_descendants(), cleared = names_clear();
	if (atomic_load(&stage->write_error))
		return;

	json_t *claims = claims_of_scene();
	enum result result = judge(programme, end, status,
				   reaped < 0 ? reaped : cleared, claims);
	note(tally, scene, result, claims);
}

// ## The end

static void print_json(const struct programme *programme,
		       const struct tally *tally)
{
	json_t *all = must_ptr(json_pack("{s:s, s:O}", "program",
					 programme->lab->name, "scenes",
					 tally->json));
	char *text = must_ptr(json_dumps(all, JSON_INDENT(2)));

	stage_write(text, strlen(text));
	stage_write("\n", 1);
	free(text);
	json_decref(all);
}

// "7 claims held, none failed", and which scenes were not like that.
static void print_tally(const struct tally *tally)
{
	char scenes[3 * SENTENCE_BYTES], text[4 * SENTENCE_BYTES];
	char failed[32] = "none";

	if (tally->failed)
		snprintf(failed, sizeof failed, "%d", tally->failed);
	int n = 0;
	*scenes = '\0';
	if (tally->scenes[FAILED])
		n = snprintf(scenes, sizeof scenes, " (%s)",
			     tally->names[FAILED]);
	if (tally->scenes[SKIPPED])
		snprintf(scenes + n, sizeof scenes - n, "; %d %s skipped (%s)",
			 tally->scenes[SKIPPED],
			 tally->scenes[SKIPPED] == 1 ? "scene" : "scenes",
			 tally->names[SKIPPED]);
	n = snprintf(text, sizeof text, "\n%d %s held, %s failed%s\n",
		     tally->held, tally->held == 1 ? "claim" : "claims", failed,
		     scenes);
	stage_write(text, n);
	if (!stage->predict)
		return;
	n = snprintf(text, sizeof text, "you foresaw %d of %d\n",
		     tally->score.right, tally->score.asked);
	stage_write(text, n);
}

// A reader that has left (`| head`) is no failure: we end as the signal would
// have ended us that the kernel sends in such a case, also where it was ignored
// or blocked. The last value is for whom no signal kills (PID 1).
static int end_as_sigpipe(void)
{
	sigset_t only;

	sigemptyset(&only);
	sigaddset(&only, SIGPIPE);
	must(signal(SIGPIPE, SIG_DFL));
	must(raise(SIGPIPE));
	must(sigprocmask(SIG_UNBLOCK, &only, NULL));
	return 128 + SIGPIPE;
}

static int end_unheard(const struct programme *programme, int error)
{
	char text[256];

	if (error == EPIPE)
		return end_as_sigpipe();
	int n = snprintf(text, sizeof text, "%s: cannot write the output: %s\n",
			 programme->lab->name, strerror(error));
	(void)!write(STDERR_FILENO, text, n);
	return EXIT_FAILURE;
}

int manage(void *argument)
{
	const struct programme *programme = argument;
	struct tally tally = { .json = must_ptr(json_array()) };

	stage_open();
	die_first = NULL;
	stage->quiet = programme->json;
	stage->predict = programme->terminal != -1;
	stage->pause_ns = programme->pause_ns;
	for (size_t i = 0; i < programme->count; i++) {
		if (atomic_load(&stage->write_error))
			break;
		print_heading(programme->scenes[i], i == 0);
		play_scene(programme, programme->scenes[i], &tally);
	}
	if (programme->json)
		print_json(programme, &tally);
	else
		print_tally(&tally);
	json_decref(tally.json);
	int error = atomic_load(&stage->write_error);
	if (error)
		return end_unheard(programme, error);
	if (tally.scenes[FAILED])
		return EXIT_FAILURE;
	return tally.scenes[HELD] ? EXIT_SUCCESS : EXIT_SKIP;
}

// # threads/pool sum: sha256sum, by all CPUs
//
// One thread walks the tree and hands each file to the pool; the sums come out
// of order and are printed in order: a window of files is in the air, and when it
// is full, the oldest must land first. Window and queue are bounded, so a tree of
// millions of files takes no more memory than one of thousands.

#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "draw.h"
#include "options.h"
#include "threads/checksum/checksum.h"

enum { WINDOW = 1024 };
static const int64_t STEP_NS = 100000000;

struct sum {
	struct visitor visitor; // first: visitors are cast to it
	struct digests digests;
	struct digest *window[WINDOW];
	size_t first, count; // in the air
	char **paths;
	int workers, status;
	bool json, any;

	// the bar
	struct visitor counter;
	struct canvas canvas;
	bool bar, shown;
	uint64_t all_bytes;
	int64_t next_ns;
};

// ## Ctrl-C
//
// The handler only says so. Workers look after every piece they read, so the
// oldest file ends soon, whatever its size; then the pool is dropped, the bar
// wiped, and the signal sent again with its old meaning.

static _Atomic int interrupted;
static const int ends_us[] = { SIGINT, SIGTERM, SIGHUP };

static void interrupt(int number)
{
	interrupted = number;
}

// What whoever started us wants ignored stays ignored.
static void listen_to_signals(void (*from)(int), void (*to)(int))
{
	struct sigaction action;

	for (size_t i = 0; i < sizeof ends_us / sizeof *ends_us; i++) {
		if (sigaction(ends_us[i], NULL, &action) == -1 ||
		    action.sa_handler != from)
			continue;
		action = (struct sigaction){ .sa_handler = to,
					     .sa_flags = SA_RESTART };
		(void)sigaction(ends_us[i], &action, NULL);
	}
}

// ## The bar

static void wipe(struct sum *sum)
{
	if (sum->shown)
		fputs("\r\033[K", stderr);
	sum->shown = false;
}

static void draw(struct sum *sum)
{
	char text[2 * HUMAN_BYTES + 8], done_text[HUMAN_BYTES];
	char all_text[HUMAN_BYTES];
	uint64_t done = sum->digests.bytes, all = sum->all_bytes;

	if (!sum->bar || now_ns() < sum->next_ns)
		return;
	sum->next_ns = now_ns() + STEP_NS;
	snprintf(text, sizeof text, "%s of %s", human_size(done_text, done),
		 human_size(all_text, all));
	double share = all && done < all ? (double)done / (double)all : 1;
	char *line = draw_progress(&sum->canvas, share, text);
	fprintf(stderr, "\r%s\033[K", line ? line : text);
	free(line);
	sum->shown = true;
}

// Counts the bytes before the first is read, where somebody looks on.
static int count_file(struct visitor *visitor, const char *path, bool named)
{
	struct sum *sum =
		(struct sum *)((char *)visitor - offsetof(struct sum, counter));
	struct stat st;

	if ((named ? stat(path, &st) : lstat(path, &st)) == 0)
		sum->all_bytes += st.st_size;
	return interrupted;
}

static void count_nothing(struct visitor *visitor, const char *path, int error)
{
	(void)visitor;
	(void)path;
	(void)error;
}

// ## Files land

static void trouble(struct sum *sum, const char *path, int error)
{
	wipe(sum);
	fflush(stdout);
	sum->status = option_complain(1, "%s: %s", path,
				      error == EINVAL
					      ? "neither file nor directory"
					      : strerror(error));
}

static void print(struct sum *sum, const struct digest *digest)
{
	if (sum->json) {
		printf("%s\n ", sum->any ? "," : "");
		print_json(stdout, digest);
	} else if (!digest->error) {
		print_sum(stdout, digest);
	}
	sum->any = true;
}

static void land(struct sum *sum)
{
	struct digest *digest = sum->window[sum->first];

	while (sum->bar && !pool_ended(&digest->task)) {
		draw(sum);
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	int gone = pool_wait(sum->digests.pool, NULL, &digest->task);
	sum->first = (sum->first + 1) % WINDOW;
	sum->count--;
	if (!gone && digest->error != ECANCELED && !interrupted) {
		if (isatty(STDOUT_FILENO))
			wipe(sum);
		print(sum, digest);
		if (digest->error)
			trouble(sum, digest->path, digest->error);
	}
	free(digest->path);
	free(digest);
}

static int take_file(struct visitor *visitor, const char *path, bool named)
{
	struct sum *sum = (struct sum *)visitor;
	struct digest *digest = malloc(sizeof *digest);
	char *copy = strdup(path);

	if (!digest || !copy) {
		free(digest);
		free(copy);
		return -ENOMEM;
	}
	*digest = (struct digest){ .task.run = digest_run,
				   .all = &sum->digests,
				   .path = copy,
				   .named = named };
	while (sum->count == WINDOW ||
	       (sum->count && pool_ended(&sum->window[sum->first]->task)))
		land(sum);
	int error = pool_submit(sum->digests.pool, &digest->task);
	if (error) {
		free(digest);
		free(copy);
		return error;
	}
	sum->window[(sum->first + sum->count++) % WINDOW] = digest;
	draw(sum);
	return ferror(stdout) ? -EPIPE : interrupted;
}

// In the place where it was met, too: after what is in the air.
static void take_trouble(struct visitor *visitor, const char *path, int error)
{
	struct sum *sum = (struct sum *)visitor;
	struct digest digest = { .path = (char *)path, .error = error };

	while (sum->count)
		land(sum);
	if (interrupted)
		return;
	if (sum->json)
		print(sum, &digest);
	trouble(sum, path, error);
}

static int sum_all(struct sum *sum)
{
	int result = 0;

	for (char **path = sum->paths; *path && sum->bar && !interrupted;
	     path++)
		(void)walk(*path, &sum->counter);
	if (sum->json)
		printf("{\"program\": \"threads/pool\", \"files\": [");
	for (char **path = sum->paths; *path && !result && !interrupted; path++)
		result = walk(*path, &sum->visitor);
	while (sum->count)
		land(sum);
	if (sum->json && !interrupted)
		printf("%s]}\n", sum->any ? "\n" : "");
	return result;
}

// ## The command line

static const struct argp_option options[] = {
	{ "workers", 'w', "NUMBER", 0,
	  "So many threads read (as many as there are CPUs)", 0 },
	{ "format", 'f', "text|json", 0,
	  "Lines as sha256sum writes them (the default), or a JSON object", 0 },
	{ 0 }
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	static const char *const formats[] = { "text", "json", NULL };
	struct sum *sum = state->input;

	switch (key) {
	case 'w':
		sum->workers = (int)option_number(state, "--workers", text, 1,
						  1024);
		return 0;
	case 'f':
		sum->json = option_choice(state, "--format", text, formats);
		return 0;
	case ARGP_KEY_ARGS:
		sum->paths = state->argv + state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "want a file or a directory, such as .");
		return EINVAL;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = options,
	.parser = parse,
	.args_doc = "FILE|DIRECTORY...",
	.doc = "Writes the SHA-256 of each file, and of each file in and below "
	       "each directory, as sha256sum does, computed by all CPUs."
	       "\vThe order is that of the arguments, and below a directory "
	       "that "
	       "of the paths' bytes: the output is that of\n"
	       "  find -H DIRECTORY -type f -print0 | LC_ALL=C sort -z |\n"
	       "      xargs -0 sha256sum\n"
	       "Links below a directory are not followed; FIFOs, sockets and "
	       "devices are passed over. Where standard error is a terminal, a "
	       "bar shows how far it is.\n\n"
	       "Examples:\n"
	       "  pool sum ~/photos >before; pool sum ~/photos | diff before "
	       "-\n"
	       "  pool sum --workers=1 /usr/share/doc >/dev/null\n"
	       "  pool sum . | sha256sum --check --quiet\n\n"
	       "Exit status: 0 all was read; 1 something was not, and is "
	       "named; "
	       "2 bad usage.",
};

int sum_main(int argc, char **argv)
{
	struct sum sum = {
		.visitor = { take_file, take_trouble },
		.counter = { count_file, count_nothing },
		.canvas = canvas_of(STDERR_FILENO),
		.bar = isatty(STDERR_FILENO),
	};

	argp_parse(&parser, argc, argv, 0, NULL, &sum);
	// the last column stays free: some terminals would begin a new line
	sum.canvas.columns--;
	int error = digests_open(&sum.digests, sum.workers, &interrupted);
	if (error)
		return option_complain(1, "%s: %s",
				       error == -EAGAIN ? "no more threads"
							: "no pool",
				       strerror(-error));
	listen_to_signals(SIG_DFL, interrupt);
	error = sum_all(&sum);
	wipe(&sum);
	digests_close(&sum.digests);
	listen_to_signals(interrupt, SIG_DFL);
	if (interrupted) {
		fflush(stdout);
		raise(interrupted);
	}
	if (error < 0 && error != -EPIPE)
		return option_complain(1, "%s", strerror(-error));
	return sum.status;
}

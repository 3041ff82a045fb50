// # The trace, portion by portion

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "draw.h"
#include "mem/replace/replace.h"
#include "options.h"

// ## What it costs

struct cost cost_now(void)
{
	struct timespec cpu;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	return (struct cost){
		.wall_ns = now_ns(),
		.cpu_ns = (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec,
	};
}

void cost_add(struct cost *sum, struct cost since)
{
	struct cost now = cost_now();

	sum->wall_ns += now.wall_ns - since.wall_ns;
	sum->cpu_ns += now.cpu_ns - since.cpu_ns;
}

// ## Opening

int failure(const char *what, int error)
{
	return option_complain(
		error == -EINVAL || error == -EFBIG || error == -EISDIR
			? EXIT_USAGE
			: EXIT_FAILURE,
		"%s: %s", what,
		error == -ENOMEM  ? "memory is out"
		: error == -EFBIG ? "want fewer than 2^31 pages, and fewer "
				    "than 2^31 references where a policy "
				    "looks ahead"
				  : strerror(-error));
}

// Read as a file would be.
static int open_string(struct input *input, const char *string)
{
	size_t bytes = strlen(string);
	FILE *file = NULL;

	input->name = "--string";
	input->fd = memfd_create("string", MFD_CLOEXEC);
	if (input->fd != -1)
		file = fdopen(dup(input->fd), "w");
	if (!file || fwrite(string, 1, bytes, file) != bytes ||
	    fclose(file) != 0 || lseek(input->fd, 0, SEEK_SET) == -1)
		return failure(input->name, -errno);
	return 0;
}

static int open_file(struct input *input, const char *path)
{
	struct stat about;

	if (!path || !strcmp(path, "-")) {
		input->name = "standard input";
		input->fd = STDIN_FILENO;
		if (!path && isatty(STDIN_FILENO))
			return option_complain(
				EXIT_USAGE,
				"want a file of references, - for standard "
				"input, --string=LIST or --generate=KIND; see "
				"--help");
	} else {
		input->name = path;
		input->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (input->fd == -1)
			return option_complain(EXIT_USAGE, "%s: %s", path,
					       strerror(errno));
	}
	if (fstat(input->fd, &about) == 0) {
		if (S_ISDIR(about.st_mode))
			return failure(input->name, -EISDIR);
		if (S_ISREG(about.st_mode))
			input->bytes_total = (uint64_t)about.st_size;
	}
	return 0;
}

static int open_trace(struct input *input)
{
	const struct request *r = input->request;
	int status;

	if (r->generated) {
		input->name = "--generate";
		struct cost begin = cost_now();
		int error = reftrace_generate(&r->recipe, &input->trace);
		cost_add(&input->cost, begin);
		return error ? failure(input->name, error) : 0;
	}
	status = r->string ? open_string(input, r->string)
			   : open_file(input, r->file);
	if (status)
		return status;
	int error = reftrace_open(input->fd,
				  r->string ? TRACE_TEXT : r->trace_format,
				  r->page_bytes, &input->trace);
	return error ? failure(input->name, error) : 0;
}

int input_open(struct input *input, const struct request *request)
{
	*input = (struct input){
		.request = request,
		.fd = -1,
		.bar = isatty(STDERR_FILENO),
		.pages = have(malloc(PORTION * sizeof *input->pages)),
		.writes = have(malloc(PORTION * sizeof *input->writes)),
		.portion = have(malloc(PORTION * sizeof *input->portion)),
		.numbers = numbers_create(),
	};
	return open_trace(input);
}

void input_close(struct input *input)
{
	reftrace_close(input->trace);
	numbers_free(input->numbers);
	free(input->pages);
	free(input->writes);
	free(input->portion);
	if (input->fd > STDIN_FILENO)
		close(input->fd);
}

// ## A portion

static int complain(const struct input *input, int error,
		    const struct trace_error *mistake)
{
	if (error != -EINVAL)
		return failure(input->name, error);
	if (mistake->line == 0)
		return option_complain(EXIT_USAGE, "%s: %s", input->name,
				       mistake->text);
	return option_complain(EXIT_USAGE, "%s:%" PRIu64 ":%" PRIu64 ": %s",
			       input->name, mistake->line, mistake->column,
			       mistake->text);
}

static double share_read(const struct input *input)
{
	const struct trace_recipe *recipe = &input->request->recipe;

	if (input->request->generated)
		return (double)input->references / (double)recipe->references;
	if (!input->bytes_total)
		return -1;
	double share = (double)reftrace_bytes(input->trace) /
		       (double)input->bytes_total;
	return share < 1 ? share : 1;
}

int input_next(struct input *input, const uint32_t **references, size_t *n)
{
	struct trace_error mistake = { 0 };
	struct cost begin = cost_now();
	ssize_t got = 1;

	*n = 0;
	*references = input->portion;
	while (!input->ended && got > 0 && *n < PORTION) {
		got = reftrace_read(input->trace, input->pages + *n,
				    input->writes + *n, PORTION - *n, &mistake);
		input->ended = got == 0;
		*n += got > 0 ? (size_t)got : 0;
	}
	if (got < 0) {
		input_progress_end(input);
		return complain(input, (int)got, &mistake);
	}
	int error = numbers_translate(input->numbers, input->pages,
				      input->writes, *n, input->portion);
	if (error)
		return failure(input->name, error);
	input->wrote = input->wrote || memchr(input->writes, 1, *n);
	input->references += *n;
	cost_add(&input->cost, begin);
	if (input->ended && input->references == 0 && !input->may_be_empty)
		return option_complain(EXIT_USAGE,
				       "%s: want at least one reference, "
				       "found none",
				       input->name);
	input_progress(input, share_read(input), "of the trace");
	return 0;
}

uint64_t input_page(const struct input *input, uint32_t page)
{
	return numbers_page(input->numbers, page);
}

uint32_t input_pages(const struct input *input)
{
	return numbers_distinct(input->numbers);
}

uint32_t input_bound(const struct input *input)
{
	return numbers_bound(input->numbers);
}

// ## Keeping

void kept_add(struct kept *kept, const uint32_t *references, size_t n)
{
	if (n == 0)
		return;
	if (kept->room - kept->count < n) {
		uint64_t room = kept->room + kept->room / 2 + n;
		uint32_t *more = reallocarray(kept->references, room,
					      sizeof *more);
		kept->references = have(more);
		kept->room = room;
	}
	memcpy(kept->references + kept->count, references,
	       n * sizeof *references);
	kept->count += n;
}

void kept_free(struct kept *kept)
{
	free(kept->references);
	*kept = (struct kept){ 0 };
}

int input_keep(struct input *input, struct kept *kept, uint64_t most,
	       const char *why)
{
	const uint32_t *references;
	size_t n;

	do {
		int status = input_next(input, &references, &n);
		if (status)
			return status;
		if (n > most - kept->count) {
			input_progress_end(input);
			return option_complain(EXIT_USAGE,
					       "%s: want at most %" PRIu64
					       " references, found more",
					       why, most);
		}
		kept_add(kept, references, n);
	} while (n);
	return 0;
}

// ## How far it is

void input_progress(struct input *input, double share, const char *what)
{
	enum { EVERY_NS = 100000000, LONG = 1000000 };
	struct canvas canvas;

	if (!input->bar || input->references < LONG ||
	    now_ns() < input->bar_after_ns)
		return;
	input->bar_after_ns = now_ns() + EVERY_NS;
	if (share < 0) {
		fprintf(stderr, "\r\033[K%" PRIu64 " references",
			input->references);
		return;
	}
	// The last column stays free: some terminals would begin a new line
	canvas = canvas_of(STDERR_FILENO);
	canvas.columns--;
	char *line = draw_progress(&canvas, share, what);
	if (line)
		fprintf(stderr, "\r\033[K%s", line);
	free(line);
}

void input_progress_end(struct input *input)
{
	if (input->bar)
		fputs("\r\033[K", stderr);
	input->bar = false;
}

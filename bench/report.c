// # bench report: one HTML page
//
//     $ bench report today.json                     writes today.html
//     $ bench report -o both.html old.json new.json
//
// The page holds everything: style, plots (gnuplot's SVG) and tables; it
// fetches nothing and runs no script. With several results they lie side by
// side, each compared with the first, and each has its own plots below.
//
// It is made in memory and written beside its target under another name, then
// renamed: a reader sees the old page or the new one, never half of one.

#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "options.h"
#include "report.h"

enum { NOT_HERE = 77 };

// ## The page

static bool has_family(const struct reading *reading, const char *family)
{
	for (size_t i = 0; i < reading->count; i++)
		if (has_values(&reading->cases[i]) &&
		    !strcmp(reading->cases[i].family, family))
			return true;
	return false;
}

static void write_family_plots(struct report *report, size_t which,
			       const char *family)
{
	FILE *out = report->out;

	if (!has_family(&report->readings[which], family))
		return;
	fputs("<section>\n<h2>", out);
	html_text(out, family_title(family), 80);
	fputs("</h2>\n", out);
	plot_family(report, which, family);
	fputs("</section>\n", out);
}

// What most readers came for is first; the floor, which explains it, is last.
static const char *const first_families[] = { "ipc", "switch", "bandwidth" };
enum { FIRST_FAMILIES = sizeof first_families / sizeof *first_families };

static bool is_first(const char *family)
{
	int i = 0;
	while (i < FIRST_FAMILIES && strcmp(first_families[i], family) != 0)
		i++;
	return i < FIRST_FAMILIES;
}

static void write_other_plots(struct report *report, size_t which,
			      const char *family)
{
	if (!is_first(family))
		write_family_plots(report, which, family);
}

static void write_side_by_side(struct report *report, size_t which,
			       const char *family)
{
	bool measured = false;

	(void)which;
	for (size_t r = 0; r < report->count; r++)
		measured |= has_family(&report->readings[r], family);
	if (!measured)
		return;
	fputs("<h3>", report->out);
	html_text(report->out, family_title(family), 80);
	fputs("</h3>\n", report->out);
	plot_side_by_side(report, family);
}

static void write_other_side(struct report *report, size_t which,
			     const char *family)
{
	if (!is_first(family))
		write_side_by_side(report, which, family);
}

static void write_one(struct report *report, size_t which)
{
	const struct reading *reading = &report->readings[which];

	for (int i = 0; i < FIRST_FAMILIES; i++)
		write_family_plots(report, which, first_families[i]);
	each_family(report, which, which, write_other_plots);
	page_tables(report, which);
	page_troubles(report, reading);
}

static void write_page(struct report *report)
{
	page_begin(report);
	if (report->count == 1) {
		page_tiles(report, report->readings);
		fputs("</header>\n<main>\n", report->out);
		write_one(report, 0);
	} else {
		page_legend(report);
		fputs("</header>\n<main>\n<h2>Side by side</h2>\n",
		      report->out);
		for (int i = 0; i < FIRST_FAMILIES; i++)
			write_side_by_side(report, 0, first_families[i]);
		each_family(report, 0, report->count - 1, write_other_side);
		fputs("<h2>What really differs</h2>\n", report->out);
		for (size_t i = 1; i < report->count; i++)
			page_comparison(report, i);
		for (size_t i = 0; i < report->count; i++) {
			page_result_heading(report, i);
			write_one(report, i);
		}
	}
	page_environment(report);
	page_method(report);
	fputs("</main>\n", report->out);
	page_end(report);
}

// ## The file

static int write_whole(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, bytes, n);
		if (written == -1 && errno == EINTR)
			continue;
		if (written == -1)
			return -errno;
		bytes += written;
		n -= (size_t)written;
	}
	return 0;
}

// A device or a pipe is written to as it is; renaming would replace it.
static int write_through(const char *path, const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	int error = write_whole(fd, bytes, n);
	if (close(fd) == -1 && !error)
		error = -errno;
	return error;
}

static int replace_file(const char *path, mode_t mode, const char *bytes,
			size_t n)
{
	char temporary[PATH_MAX];
	int length = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);

	if (length < 0 || (size_t)length >= sizeof temporary)
		return -ENAMETOOLONG;
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd == -1)
		return -errno;
	int error = write_whole(fd, bytes, n);
	if (!error && fchmod(fd, mode) == -1)
		error = -errno;
	if (close(fd) == -1 && !error)
		error = -errno;
	if (!error && rename(temporary, path) == -1)
		error = -errno;
	if (error)
		unlink(temporary);
	return error;
}

// Signals wait while the temporary file exists: it is a matter of
// milliseconds, and afterwards nothing is left to clean up.
static int write_file(const char *path, const char *bytes, size_t n)
{
	char real[PATH_MAX];
	struct stat status;
	sigset_t all, before;
	mode_t mask = umask(0);

	umask(mask);
	if (!strcmp(path, "-"))
		return write_whole(STDOUT_FILENO, bytes, n);
	bool exists = stat(path, &status) == 0;
	if (exists && S_ISDIR(status.st_mode))
		return -EISDIR;
	if (exists && !S_ISREG(status.st_mode))
		return write_through(path, bytes, n);
	// behind a symbolic link is the file that is meant
	if (exists && !realpath(path, real))
		return -errno;
	if (exists && access(real, W_OK) == -1)
		return -errno;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	int error = replace_file(exists ? real : path,
				 exists ? status.st_mode & 0777 : 0666 & ~mask,
				 bytes, n);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error;
}

// ## The command

struct request {
	const char *output;
	char **paths;
	size_t count;
};

// RESULT.json becomes RESULT.html, anything else gets .html behind it.
static char *default_output(const char *path)
{
	size_t n = strlen(path);
	char *name;

	if (n > 5 && !strcmp(path + n - 5, ".json"))
		n -= 5;
	return asprintf(&name, "%.*s.html", (int)n, path) == -1 ? NULL : name;
}

// The measurements must not become the page about them.
static bool is_a_result(const struct request *request, const char *output)
{
	struct stat out, in;

	if (stat(output, &out) == -1 || !S_ISREG(out.st_mode))
		return false;
	for (size_t i = 0; i < request->count; i++)
		if (stat(request->paths[i], &in) == 0 &&
		    in.st_dev == out.st_dev && in.st_ino == out.st_ino)
			return true;
	return false;
}

static int make_report(const struct request *request,
		       const struct reading *readings)
{
	struct report report = { .readings = readings,
				 .count = request->count };
	char *bytes = NULL, *name = NULL;
	size_t size = 0;

	if (!request->output)
		name = default_output(request->paths[0]);
	const char *output = request->output ? request->output : name;
	if (output && is_a_result(request, output)) {
		fprintf(stderr,
			"bench: %s is a result: name another file for the page "
			"with -o\n",
			output);
		free(name);
		return 2;
	}
	report.out = open_memstream(&bytes, &size);
	if (!report.out || !output) {
		report.error = -ENOMEM;
	} else {
		write_page(&report);
	}
	if (report.out && fclose(report.out) != 0 && !report.error)
		report.error = -ENOMEM;
	if (report.error) {
		fprintf(stderr, "bench: %s\n",
			report.why[0] ? report.why : strerror(-report.error));
	} else if ((report.error = write_file(output, bytes, size)) != 0) {
		fprintf(stderr, "bench: %s: %s\n", output,
			strerror(-report.error));
		report.error = -EIO;
	} else if (strcmp(output, "-") != 0) {
		printf("%s\n", output);
	}
	free(bytes);
	free(name);
	return report.error == -ENOENT ? NOT_HERE : report.error ? 1 : 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct request *r = state->input;

	switch (key) {
	case 'o':
		if (!*argument)
			option_refuse(state, "--output", argument,
				      "the name of a file, or -");
		r->output = argument;
		return 0;
	case ARGP_KEY_ARGS:
		r->paths = state->argv + state->next;
		r->count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		if (r->count < 1 || r->count > MAX_RESULTS)
			argp_error(state,
				   "want one to %d result files, as "
				   "`bench run --json FILE` writes them",
				   MAX_RESULTS);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int bench_report(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "output", 'o', "FILE", 0, "Write the page there; - is "
		  "standard output (default: RESULT with .html)", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "RESULT [RESULT...]",
		.doc = "Writes one self-contained HTML page about a result of "
		       "`bench run --json`, or about several side by side."
		       "\vExit status: 0; 1 a file cannot be read or written; "
		       "2 bad usage; 77 there is no gnuplot.",
	};
	struct reading readings[MAX_RESULTS] = { 0 };
	struct request request = { 0 };
	char why[256];
	int status = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &request);
	for (size_t i = 0; i < request.count; i++)
		if (!reading_open(&readings[i], request.paths[i], why)) {
			fprintf(stderr, "bench: %s\n", why);
			status = 1;
		}
	if (status == 0)
		status = make_report(&request, readings);
	for (size_t i = 0; i < request.count; i++)
		reading_close(&readings[i]);
	return options_end(status);
}

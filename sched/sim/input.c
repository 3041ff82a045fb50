// # The jobs: from a file, from standard input, or by chance

#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim.h"
#include "utf8.h"

// One line, whatever the name holds.
static void put_name(FILE *out, const char *name)
{
	for (size_t bytes; *name; name += bytes) {
		uint32_t c = utf8_next(name, &bytes);
		if (c == UTF8_INVALID || c < ' ' || (c >= 0x7f && c < 0xa0) ||
		    (c >= 0x2028 && c <= 0x202e))
			putc('?', out);
		else
			fwrite(name, 1, bytes, out);
	}
}

void complain(const char *name, const char *fmt, ...)
{
	va_list ap;

	fputs("sim: ", stderr);
	put_name(stderr, name);
	fputs(*fmt == ':' ? "" : ": ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
}

static int made(const struct request *request, struct jobs *jobs)
{
	int error = jobs_generate(jobs, &request->generate);

	if (error == 0)
		return 0;
	complain("--generate", "%s",
		 error == -EOVERFLOW ? "the times of so many jobs of this "
				       "length do not fit into 292 years"
				     : strerror(-error));
	return error == -ENOMEM ? WORK_FAILED : BAD_USAGE;
}

// A folder can be opened; only reading it would fail, and say less.
static FILE *open_input(const char *path)
{
	struct stat about;
	FILE *file = fopen(path, "re");

	if (file && fstat(fileno(file), &about) == 0 &&
	    S_ISDIR(about.st_mode)) {
		fclose(file);
		errno = EISDIR;
		return NULL;
	}
	return file;
}

static int judge(const char *name, int error, const struct jobs_error *mistake)
{
	if (error == 0)
		return 0;
	if (error == -EINVAL && mistake->line > 0)
		complain(name, ":%zu:%zu: %s", mistake->line, mistake->column,
			 mistake->text);
	else
		complain(name, "%s",
			 error == -EINVAL ? mistake->text : strerror(-error));
	return error == -EINVAL || error == -EISDIR ? BAD_USAGE : WORK_FAILED;
}

int input_jobs(const struct request *request, struct jobs *jobs)
{
	struct jobs_error mistake = { 0 };
	const char *path = request->input;

	if (request->generated)
		return made(request, jobs);
	if (!path && isatty(STDIN_FILENO)) {
		fputs("sim: want a file of jobs, - for standard input, or "
		      "--generate=N; see --help\n",
		      stderr);
		return BAD_USAGE;
	}
	if (!path || !strcmp(path, "-"))
		return judge("standard input", jobs_read(jobs, stdin, &mistake),
			     &mistake);
	FILE *file = open_input(path);
	if (!file) {
		complain(path, "%s", strerror(errno));
		return BAD_USAGE;
	}
	int status = judge(path, jobs_read(jobs, file, &mistake), &mistake);
	fclose(file);
	return status;
}

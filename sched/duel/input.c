// # The jobs, and what is too long
//
// From a file, from standard input, or by chance.

#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "duel.h"
#include "options.h"
#include "utf8.h"

// A name in `fmt` may hold anything, and must not move a terminal's cursor.
int complain(int status, const char *fmt, ...)
{
	char text[2 * TOLD_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fputs("duel: ", stderr);
	for (size_t bytes, at = 0; text[at]; at += bytes) {
		uint32_t c = utf8_next(text + at, &bytes);
		bool plain = c != UTF8_INVALID && c >= ' ' &&
			     !(c >= 0x7f && c < 0xa0) &&
			     !(c >= 0x2028 && c <= 0x202e);
		fprintf(stderr, "%.*s", plain ? (int)bytes : 1,
			plain ? text + at : "?");
	}
	putc('\n', stderr);
	return status;
}

// ## Reading

static int judge(const char *name, int error, const struct jobs_error *mistake)
{
	if (error == 0)
		return 0;
	if (error == -EINVAL && mistake->line > 0)
		return complain(EXIT_USAGE, "%s:%zu:%zu: %s", name,
				mistake->line, mistake->column, mistake->text);
	return complain(error == -EINVAL || error == -EISDIR ? EXIT_USAGE
							     : EXIT_FAILURE,
			"%s: %s", name,
			error == -EINVAL ? mistake->text : strerror(-error));
}

static int read_jobs(const char *path, struct jobs *jobs)
{
	struct jobs_error mistake = { 0 };
	struct stat about;

	if (!path && isatty(STDIN_FILENO))
		return complain(EXIT_USAGE,
				"want a file of jobs, - for standard input, or "
				"--generate=N; see --help");
	if (!path || !strcmp(path, "-"))
		return judge("standard input", jobs_read(jobs, stdin, &mistake),
			     &mistake);
	FILE *file = fopen(path, "re");
	if (!file)
		return complain(EXIT_USAGE, "%s: %s", path, strerror(errno));
	// a folder can be opened; only reading it would fail, and say less
	int error = fstat(fileno(file), &about) == 0 && S_ISDIR(about.st_mode)
			    ? -EISDIR
			    : jobs_read(jobs, file, &mistake);
	fclose(file);
	return judge(path, error, &mistake);
}

int input_jobs(const struct options *options, struct jobs *jobs)
{
	int status = 0;

	if (options->generated) {
		int error = jobs_generate(jobs, &options->generate);
		if (error)
			return complain(EXIT_USAGE, "--generate: %s",
					strerror(-error));
	} else {
		status = read_jobs(options->input, jobs);
	}
	if (!status && jobs->count > JOBS_MAX)
		return complain(EXIT_USAGE,
				"%zu jobs: want at most %d, each is a process",
				jobs->count, JOBS_MAX);
	return status;
}

// ## What is too long
//
// A real-time task of the kernel's own policies goes before everything else: for
// as long as such tasks compute on every CPU there is no shell to stop them,
// but for the twentieth that the kernel keeps for the others
// (/proc/sys/kernel/sched_rt_runtime_us). Half a second of that goes unnoticed;
// what is longer must be asked for twice, and so must what holds a single CPU
// for more than ten. (sched/gantt has the same rules.) Our dispatcher's children
// are no danger: they are ordinary processes.

static const int64_t UNNOTICED_NS = 500 * MS, PATIENT_NS = 10 * SECOND;
enum { ASKED_TWICE = 2 };

int refuse_length(const struct duel *duel)
{
	const struct options *o = duel->options;
	int64_t end_ns = duel->predicted.end_ns;
	int64_t busy_ns = duel->predicted.busy_ns / duel->cpu_count;
	bool every = duel->cpu_count >= sysconf(_SC_NPROCESSORS_ONLN);
	char takes[HUMAN_BYTES], limit[HUMAN_BYTES];

	if (end_ns > o->limit_ns)
		return complain(EXIT_USAGE,
				"the jobs would take %s of real time; want at "
				"most %s (--limit)",
				human_duration(takes, (double)end_ns),
				human_duration(limit, (double)o->limit_ns));
	if (!duel->rule || !duel->rule->real_time || o->forced >= ASKED_TWICE ||
	    busy_ns <= (every ? UNNOTICED_NS : PATIENT_NS))
		return 0;
	return complain(EXIT_USAGE,
			"%s for %s on %s: nothing else would run there "
			"meanwhile; want shorter jobs, or --force twice",
			duel->rule->title,
			human_duration(takes, (double)busy_ns),
			every ? "every CPU" : "a CPU");
}

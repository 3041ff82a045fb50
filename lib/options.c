// # Options: a value is taken whole or refused
//
// The grammar is parse.c; here is what a program says when it refuses a value,
// and what it does first and last. argp finds the options themselves: it sorts
// them before the arguments, understands unambiguous abbreviations, and writes
// --help. Sources: argp in the glibc manual, getopt_long(3).

#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"

#ifndef OSLAB_VERSION
#define OSLAB_VERSION "unknown"
#endif

enum { BAD_USAGE = 2 };

// ## The refusal

static const char *program_name = "oslab";
static const char digits[] = "0123456789";

// What the user wrote may hold anything; what we print is one line that does
// nothing to the terminal. Longer texts than anybody types are cut.
static void print_escaped(FILE *out, const char *text)
{
	enum { LONGEST = 200 };
	static const char special[] = "\n\t\r\\", letters[] = "ntr\\";
	const char *begin = text;

	for (size_t n; *text; text += n) {
		uint32_t c = utf8_next(text, &n);
		if (text - begin >= LONGEST) {
			fputs("...", out);
			return;
		}
		const char *found = c < 0x80 ? strchr(special, (int)c) : NULL;
		if (found)
			fprintf(out, "\\%c", letters[found - special]);
		else if (c == UTF8_INVALID || c < ' ' || c == 0x7f)
			fprintf(out, "\\x%02x", (unsigned char)*text);
		else if ((c >= 0x80 && c < 0xa0) ||
			 (c >= 0x2028 && c <= 0x202e))
			fprintf(out, "\\u%04x", (unsigned)c);
		else
			fwrite(text, 1, n, out);
	}
}

// Composed in memory, so that it leaves in one write(2).
void option_refuse(const struct argp_state *state, const char *option,
		   const char *text, const char *allowed, ...)
{
	FILE *err = state && state->err_stream ? state->err_stream : stderr;
	char *line = NULL;
	size_t bytes;
	va_list ap;

	FILE *out = open_memstream(&line, &bytes);
	if (!out)
		exit(argp_err_exit_status);
	const char *name = state && state->name ? state->name : program_name;
	fprintf(out, "%s: %s=", name, option);
	print_escaped(out, text ? text : "");
	fputs(": want ", out);
	va_start(ap, allowed);
	vfprintf(out, allowed, ap);
	va_end(ap);
	fputc('\n', out);
	if (fclose(out) == 0)
		fwrite(line, 1, bytes, err);
	free(line);
	exit(argp_err_exit_status);
}

const struct argp_state *outside_argp(void)
{
	static struct argp_state state;

	state.name = program_invocation_short_name;
	return &state;
}

// A name in a sentence may hold anything, and must not move a terminal's cursor.
int option_complain(int status, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	int bytes_made = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (bytes_made == -1)
		return status;
	fprintf(stderr, "%s: ", program_invocation_short_name);
	for (size_t bytes, at = 0; text[at]; at += bytes) {
		uint32_t c = utf8_next(text + at, &bytes);
		bool plain = c != UTF8_INVALID && c >= ' ' &&
			     !(c >= 0x7f && c < 0xa0) &&
			     !(c >= 0x2028 && c <= 0x202e);
		fprintf(stderr, "%.*s", plain ? (int)bytes : 1,
			plain ? text + at : "?");
	}
	putc('\n', stderr);
	free(text);
	return status;
}

// " from 1 B to 1 MiB", without the limits (NULL) that are those of the type:
// nobody wants to read 18446744073709551615.
static void print_range(char *text, size_t bytes, const char *low,
			const char *high)
{
	if (low && high)
		snprintf(text, bytes, " from %s to %s", low, high);
	else if (high)
		snprintf(text, bytes, " up to %s", high);
	else if (low)
		snprintf(text, bytes, " from %s up", low);
	else
		*text = '\0';
}

enum { RANGE_BYTES = 800 };

int64_t option_number(const struct argp_state *state, const char *option,
		      const char *text, int64_t min, int64_t max)
{
	char low[32], high[32], range[RANGE_BYTES];
	int64_t value;

	if (parse_number(text, min, max, &value) == 0)
		return value;
	snprintf(low, sizeof low, "%" PRId64, min);
	snprintf(high, sizeof high, "%" PRId64, max);
	print_range(range, sizeof range, min == INT64_MIN ? NULL : low,
		    max == INT64_MAX ? NULL : high);
	option_refuse(state, option, text, "a whole number%s", range);
}

// The first of the examples that the range allows.
static const char *example(const char *const *examples, const char *fallback,
			   bool (*fits)(const char *text, const void *range),
			   const void *range)
{
	while (*examples && !fits(*examples, range))
		examples++;
	return *examples ? *examples : fallback;
}

struct size_range {
	uint64_t min, max;
};

static bool size_fits(const char *text, const void *range)
{
	const struct size_range *r = range;
	uint64_t value;
	return parse_size(text, r->min, r->max, &value) == 0;
}

// size_name is exact, which human_size is not, but for a blank.
static void spell_size(char text[HUMAN_BYTES], uint64_t bytes)
{
	char name[HUMAN_BYTES];

	size_name(name, bytes);
	int n = (int)strspn(name, digits);
	snprintf(text, HUMAN_BYTES, "%.*s %.3s", n, name, name + n);
}

uint64_t option_size(const struct argp_state *state, const char *option,
		     const char *text, uint64_t min, uint64_t max)
{
	static const char *const examples[] = { "64K", "4K",  "1K", "64", "1",
						"1M",  "64M", "1G", NULL };
	char low[HUMAN_BYTES], high[HUMAN_BYTES], name[HUMAN_BYTES];
	char range[RANGE_BYTES];
	uint64_t value;

	if (parse_size(text, min, max, &value) == 0)
		return value;
	spell_size(low, min);
	spell_size(high, max);
	print_range(range, sizeof range,
		    min == 0 && max == UINT64_MAX ? NULL : low,
		    max == UINT64_MAX ? NULL : high);
	option_refuse(state, option, text, "a size%s, such as %s", range,
		      example(examples, size_name(name, min), size_fits,
			      &(struct size_range){ min, max }));
}

struct duration_range {
	int64_t min, max;
};

static bool duration_fits(const char *text, const void *range)
{
	const struct duration_range *r = range;
	int64_t value;
	return parse_duration(text, r->min, r->max, &value) == 0;
}

int64_t option_duration(const struct argp_state *state, const char *option,
			const char *text, int64_t min_ns, int64_t max_ns)
{
	static const char *const examples[] = { "30s",   "1s",  "10ms", "10us",
						"100ns", "10m", "1h",   NULL };
	char low[HUMAN_BYTES], high[HUMAN_BYTES], range[RANGE_BYTES];
	int64_t value;

	if (min_ns < 0)
		min_ns = 0;
	if (parse_duration(text, min_ns, max_ns, &value) == 0)
		return value;
	duration_name(low, min_ns);
	duration_name(high, max_ns);
	print_range(range, sizeof range,
		    min_ns == 0 && max_ns == INT64_MAX ? NULL : low,
		    max_ns == INT64_MAX ? NULL : high);
	option_refuse(state, option, text, "a duration%s, such as %s", range,
		      example(examples, low, duration_fits,
			      &(struct duration_range){ min_ns, max_ns }));
}

// The shortest decimal that is this value: %g could print "1e+09", which the
// parser would refuse.
static void spell_real(char *text, size_t bytes, double value)
{
	for (int decimals = 0; decimals <= 17; decimals++) {
		snprintf(text, bytes, "%.*f", decimals, value);
		if (strtod(text, NULL) == value)
			break;
	}
}

double option_real(const struct argp_state *state, const char *option,
		   const char *text, double min, double max)
{
	char low[350], high[350], range[RANGE_BYTES];
	double value;

	if (parse_real(text, min, max, &value) == 0)
		return value;
	spell_real(low, sizeof low, min);
	spell_real(high, sizeof high, max);
	print_range(range, sizeof range, min <= -DBL_MAX ? NULL : low,
		    max >= DBL_MAX ? NULL : high);
	option_refuse(state, option, text, "a number%s", range);
}

int option_choice(const struct argp_state *state, const char *option,
		  const char *text, const char *const choices[])
{
	char *all = NULL;
	size_t bytes;

	for (int i = 0; choices[i]; i++)
		if (!strcmp(text, choices[i]))
			return i;
	FILE *out = open_memstream(&all, &bytes);
	if (!out)
		exit(BAD_USAGE);
	for (int i = 0; choices[i]; i++)
		fprintf(out, "%s%s",
			i == 0           ? ""
			: choices[i + 1] ? ", "
					 : " or ",
			choices[i]);
	option_refuse(state, option, text, "%s", fclose(out) == 0 ? all : "");
}

// ## The program's begin and end
//
// What printf(3) accepted may still be in the buffer when main returns, and
// exit(3) throws its fate away: a program on a full disk would end with 0. So
// the buffer is flushed and looked at last of all, when every other handler of
// atexit(3) has run (ours was registered first). A child that leaves with
// _exit(2) runs none of this.
//
// A reader that has left (`| head`) is no failure. Normally SIGPIPE ends the
// program without a word; where a caller had it ignored, we say nothing either.

static bool output_failed(void)
{
	static bool told;
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	errno = 0;
	bool failed = fflush(stdout) != 0;
	int error = errno;
	if (!failed && !ferror(stdout))
		return false;
	if (poll(&out, 1, 0) == 1 && out.revents & (POLLERR | POLLHUP))
		return false;
	if (!told)
		fprintf(stderr, "%s: cannot write the output%s%s\n",
			program_name, error ? ": " : "",
			error ? strerror(error) : "");
	told = true;
	return true;
}

static void check_output(void)
{
	if (output_failed())
		_exit(EXIT_FAILURE);
}

int options_end(int status)
{
	return output_failed() ? EXIT_FAILURE : status;
}

// A caller may have closed descriptors 0 to 2 (`>&-`). The next file or pipe
// that the program opens would take the number, and printf would write into it.
// So the number is taken at once, by a file that fails as the closed one would:
// /dev/null, opened for the wrong direction.
static void occupy_closed(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open("/dev/null",
			 fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) == -1)
			_exit(EXIT_FAILURE);
}

// ARGP_HELP_FMT lets a user lay out --help; glibc's argp believes any number in
// it and with "rmargin=1" never ends. Help here looks the same everywhere.
void options_begin(const char *program)
{
	static char version[128];

	occupy_closed();
	unsetenv("ARGP_HELP_FMT");
	program_name = program;
	snprintf(version, sizeof version, "%s (oslab) " OSLAB_VERSION, program);
	argp_program_version = version;
	argp_err_exit_status = BAD_USAGE;
	if (atexit(check_output) != 0)
		_exit(EXIT_FAILURE);
}

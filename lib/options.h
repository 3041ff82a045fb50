// options.h - strict options, on glibc's argp
//
// A value is taken whole or refused: no trailing characters, no overflow, no
// silent clipping. A refusal is one line that names the option, the value and
// what is allowed, and exit status 2:
//
//     bench: --time=fast: want a duration from 100ms to 1h, such as 30s

#ifndef OPTIONS_H
#define OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Parses the whole text; returns 0, -EINVAL (not such a thing) or -ERANGE (it
// does not fit, or lies outside [min, max]). *value is set on success only.
//
//   number    decimal, optional sign                      12  -3
//   size      bytes; K M G T are powers of 1024, and KiB, KB, B are
//             understood (KB is 1024 too); a decimal fraction must come
//             out as whole bytes                          64K  1.5M  4096  100B
//   duration  ns us ms s m h; a unit is required          10ms  1.5s  2m
//   real      decimal with optional fraction              2.5
int parse_number(const char *text, int64_t min, int64_t max, int64_t *value);
int parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *bytes);
int parse_duration(const char *text, int64_t min_ns, int64_t max_ns,
		   int64_t *ns);
int parse_real(const char *text, double min, double max, double *value);

// The same for an argp parser: `option` as the user wrote it ("--time").
// Refuse and exit with 2 on failure.
int64_t option_number(const struct argp_state *state, const char *option,
		      const char *text, int64_t min, int64_t max);
uint64_t option_size(const struct argp_state *state, const char *option,
		     const char *text, uint64_t min, uint64_t max);
int64_t option_duration(const struct argp_state *state, const char *option,
			const char *text, int64_t min_ns, int64_t max_ns);
double option_real(const struct argp_state *state, const char *option,
		   const char *text, double min, double max);

// The index of text among choices (NULL at the end).
int option_choice(const struct argp_state *state, const char *option,
		  const char *text, const char *const choices[]);

// The refusal itself: "PROGRAM: OPTION=TEXT: want ALLOWED", exit 2.
_Noreturn void option_refuse(const struct argp_state *state, const char *option,
			     const char *text, const char *allowed, ...)
	__attribute__((format(printf, 4, 5)));

// For these outside a parser of argp: what is refused begins with the name by
// which the program was called, as within one.
const struct argp_state *outside_argp(void);

// Says "PROGRAM: sentence" on standard error, one line whatever the names in it
// hold, and returns `status`.
int option_complain(int status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

// Prepares argp for this program: --version, exit status 2 for bad usage, and
// a check at exit that standard output (also of --help) could be written.
// Call first in main.
void options_begin(const char *program);

// Flushes standard output. Returns `status`, or 1 with a line on standard
// error when the output could not be written.
int options_end(int status);

// Human-readable values, in a buffer of the caller that is returned:
// "64 KiB", "1.5 MiB", "17 B"; "340 ns", "3.21 us", "1.5 ms", "2.0 s".
// size_name gives the spelling that names of cases use: "64KiB", "1B". It and
// duration_name ("100ms", "1h") are exact, and the parsers read them back.
enum { HUMAN_BYTES = 32 };
const char *human_size(char text[HUMAN_BYTES], uint64_t bytes);
const char *human_duration(char text[HUMAN_BYTES], double ns);
const char *size_name(char text[HUMAN_BYTES], uint64_t bytes);
const char *duration_name(char text[HUMAN_BYTES], int64_t ns);

#endif

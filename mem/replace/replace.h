// replace.h - the parts of mem/replace
//
//   main.c, command.c   the command line
//   input.c             the trace, portion by portion
//   numbers.c           its pages as small numbers
//   play.c              policies and frame counts over the trace, timed
//   text.c, steps.c     for people: the table, the frames step by step
//   json.c, svg.c       for programs, for papers
//   curve.c             faults against frames, in one pass
//   anomaly.c           more frames, more faults
//   quiz.c              the reader predicts
//   ostep.c ...         the exercises of a course

#ifndef MEM_REPLACE_H
#define MEM_REPLACE_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "mem/paging/paging.h"
#include "mem/policy/policy.h"
#include "mem/trace/trace.h"

enum { EXIT_USAGE = 2, MOST_POLICIES = 64, MOST_COUNTS = 4096 };

// ## What the user wants (command.c)

struct request {
	const struct replacement *policy[MOST_POLICIES];
	size_t policies;
	uint32_t frames[MOST_COUNTS];
	size_t counts; // of frame counts
	bool frames_given;

	// The trace: a file, a string of the command line, or by chance.
	const char *file, *string;
	bool generated;
	struct trace_recipe recipe;
	bool locality_given;
	const char *chance_option; // one that needs --generate, as given
	enum trace_format trace_format;
	uint64_t page_bytes;

	uint64_t window, period; // see struct replacement_setup

	bool steps, curve, anomaly, json, quiz, timing;
	const char *svg;
};

extern const struct argp replace_argp;
extern const char replace_chapter[], replace_summary[];

// Ends the program: 1, memory is out. NULL is such a case; others are returned.
_Noreturn void out_of_memory(void);
void *have(void *memory);
void *have_zeroed(size_t n, size_t bytes);

// ## The trace (input.c)

// Wall and CPU time that a part of the work took.
struct cost {
	int64_t wall_ns, cpu_ns;
};
struct cost cost_now(void);
void cost_add(struct cost *sum, struct cost since);

struct input {
	const struct request *request;
	const char *name; // "trace.txt", "standard input"
	struct trace *trace;
	int fd;
	uint64_t bytes_total; // of a file; 0: nobody knows

	uint64_t *pages; // a portion
	uint8_t *writes;
	uint32_t *portion;
	struct numbers *numbers;

	uint64_t references; // so far
	bool wrote;          // one of them was a write
	bool ended;
	bool may_be_empty; // set by who can do without
	struct cost cost;

	bool bar; // a progress bar is wanted
	int64_t bar_after_ns;
};

enum { PORTION = 1 << 18 };

// 0 or an exit status; then it has said why.
int input_open(struct input *input, const struct request *request);
void input_close(struct input *input);

// The next portion (*n is 0 at the end), which stands until the next call. The
// same.
int input_next(struct input *input, const uint32_t **references, size_t *n);

// References kept in memory.
struct kept {
	uint32_t *references;
	uint64_t count, room;
};
void kept_add(struct kept *kept, const uint32_t *references, size_t n);
void kept_free(struct kept *kept);

// All of the rest; refuses with `why` beyond `most`.
int input_keep(struct input *input, struct kept *kept, uint64_t most,
	       const char *why);

// The page's number in the trace; how many pages there were so far; and a number
// that all pages are below.
uint64_t input_page(const struct input *input, uint32_t page);
uint32_t input_pages(const struct input *input);
uint32_t input_bound(const struct input *input);

// ## The numbers of pages (numbers.c)

struct numbers *numbers_create(void); // exits where memory is out
void numbers_free(struct numbers *numbers);

// Translates a portion. 0 or -errno.
int numbers_translate(struct numbers *numbers, const uint64_t *pages,
		      const uint8_t *writes, size_t n, uint32_t *references);
uint64_t numbers_page(const struct numbers *numbers, uint32_t page);
uint32_t numbers_distinct(const struct numbers *numbers);
uint32_t numbers_bound(const struct numbers *numbers);

// A share of all work is done: shown from time to time. `what` is a word.
void input_progress(struct input *input, double share, const char *what);
void input_progress_end(struct input *input);

// ## Playing (play.c)

struct played {
	const struct replacement *policy;
	uint32_t frames;
	struct replacement_counts counts;
	struct cost cost;
};

// Returns the exit status.
int play(const struct request *request);

// The settings of all runs. `future` of a kept trace may be NULL.
struct paging_setup setup_of(const struct request *request,
			     const struct replacement_future *future);

// One run over a kept trace; `future` as above. Exits with 1 where memory is out.
struct replacement_counts play_kept(const struct request *request,
				    const struct kept *kept,
				    const struct replacement_future *future,
				    const struct replacement *policy,
				    uint32_t frames);

// The next uses of a kept trace, where a policy looks ahead; free .next.
struct replacement_future future_of(const struct kept *kept, uint32_t pages);

bool looks_ahead(const struct request *request);

// Says of a failed module what failed, and returns the exit status.
int failure(const char *what, int error);

// ## Showing

void show_table(const struct input *input, const struct played *played,
		size_t n);
void show_timing(const struct input *input, const struct played *played,
		 size_t n, struct cost future);
double percent(uint64_t part, uint64_t whole);

// One run step by step: as a textbook draws it, or as members of JSON.
enum { MOST_DRAWN = 4000, MOST_STEPS = 1000000 };
void show_steps(const struct input *input, const struct kept *kept,
		const struct replacement_future *future,
		const struct replacement *policy, uint32_t frames);
void json_steps(const struct input *input, const struct kept *kept,
		const struct replacement_future *future,
		const struct replacement *policy, uint32_t frames);

// Without the brace at its end.
void json_begin(const struct played *played);

// ## The others

int play_curve(const struct request *request);
int play_anomaly(const struct request *request);
int play_quiz(struct input *input, const struct kept *kept,
	      const struct replacement_future *future);

// ## svg.c: fault ratios against frames

struct line {
	const char *label;
	const double *y; // percent, one for each x
};

// Writes it to the request's file; returns the exit status.
int write_svg(const struct request *request, const char *title, const double *x,
	      size_t points, const struct line *lines, size_t n);

#endif

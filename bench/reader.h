// reader.h - what compare and report share: results as they were read
//
// result_load (bench.h) checks a file; here its cases become C values, and two
// files are held against each other.

#ifndef READER_H
#define READER_H

#include "bench.h"

enum { READ_PERCENTILES = PERCENTILES + 1, READ_PERCENTILE_MAX = PERCENTILES };

// One case of a file. Strings and JSON belong to the file.
struct measured {
	const json_t *json;
	const char *name;
	// the parts of the name
	char family[CASE_NAME_BYTES], what[CASE_NAME_BYTES],
		size[CASE_NAME_BYTES], placement[CASE_NAME_BYTES];
	int64_t bytes;                // of the size, -1: not a size
	const char *skipped, *failed; // why it has no values, or both NULL
	// the values, where it has any
	bool bandwidth; // bytes per second, higher is better
	double median;
	struct interval interval;
	size_t rounds;
	double *values;
	double percentile[READ_PERCENTILES]; // 50 90 99 99.9 max, or NAN
	double floor_ratio;                  // NAN: no floor
	const char *floor;                   // or NULL
	bool stable;
	const char *why_unstable;
};

// `text` as one line that does nothing to a terminal: controls and bytes that
// are not UTF-8 become '?'. Cut to fit, never within a character.
void printable_text(char *out, size_t bytes, const char *text);

struct reading {
	const char *path;
	json_t *json;
	const json_t *environment;
	size_t count;
	struct measured *cases;
	json_t *index; // name -> place in cases
};

// Reads and checks a file. False with a sentence in why; true: release it with
// reading_close.
bool reading_open(struct reading *reading, const char *path, char why[256]);
void reading_close(struct reading *reading);

// The case of that name, or NULL.
const struct measured *reading_find(const struct reading *reading,
				    const char *name);
bool has_values(const struct measured *c);

// A string of the environment, "" where there is none. Not printable as it is.
const char *reading_text(const struct reading *reading, const char *field);

// The cases as results (bench.h), for what is said of results: those of a family
// and a subject that this program has, with median, interval and rounds, or
// with why there are none. `cases` and `results` belong to the caller, what they
// point to to the reading.
struct retold {
	struct bench_case *cases;
	struct result *results;
	size_t count;
};
// 0 or -ENOMEM.
int reading_retell(const struct reading *reading, struct retold *retold);
void retold_free(struct retold *retold);

// "lower is better" decides what a ratio says.
enum verdict {
	NO_DIFFERENCE, // none that these rounds can show
	SLOWER,
	FASTER,  // real
	TOO_FEW, // no difference, however large, could be called real
	VERDICTS
};
extern const char *const verdict_names[VERDICTS];

struct difference {
	const struct measured *old, *new;
	double ratio;             // median of new over median of old
	struct interval interval; // 95 %, of the ratio
	double slowdown;          // time for the same work, new over old
	struct interval slowdown_interval;
	double p, adjusted; // Mann-Whitney; after Holm
	double least_p;     // that so many rounds can reach
	enum verdict verdict;
};

struct comparison {
	size_t count;
	struct difference *differences; // in the order of the new file
	size_t verdicts[VERDICTS];
	// rounds of each side that every case would need for a verdict
	size_t rounds_needed;
};

// Compares all cases that have values in both. 0 or -ENOMEM.
int compare_readings(const struct reading *old, const struct reading *new,
		     struct comparison *comparison);
void comparison_free(struct comparison *comparison);

// The fields of the environments that differ and matter, in the order of the
// old file: calls `told` with the field and both values as printable text.
// Returns how many.
size_t environments_differ(const struct reading *old, const struct reading *new,
			   void (*told)(void *argument, const char *field,
					const char *was, const char *is),
			   void *argument);

// A value of a case as people read it: "3.21 us", "4.40 GB/s".
enum { VALUE_BYTES = 40 };
const char *human_value(char text[VALUE_BYTES], bool bandwidth, double value);

#endif

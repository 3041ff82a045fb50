// when.h - how the table "which mechanism when" is put together
//
//   when.c         the command: what it measures, or the file it reads
//   when_facts.c   the figures that stand in a row, and whose they are
//   when_page.c    the table, as text and for notes
//
// What can be told without measuring, struct mechanism tells
// (ipc/channel/channel.h).

#ifndef WHEN_H
#define WHEN_H

#include "bench.h"
#include "ipc/channel/channel.h"

enum { ON_ONE_CPU, BETWEEN_CPUS, ONE_WAY, FIGURES };
enum { TRIP_BYTES = 64, ONE_WAY_BYTES = 64 << 10 };

// One column of figures, a cell for each row of channel_mechanisms.
struct figures {
	const struct result *cells[MAX_MECHANISMS]; // NULL: not tried
	const struct bench_case *topic; // as most of the cells are; NULL: no
					// cell has a figure
};

struct guide {
	struct figures figures[FIGURES];
	const json_t *result; // as a result file has it
	const char *path;     // of that file, or NULL: measured just now
	bool elsewhere;       // on another machine than this one
	char source[640];     // what was measured where and when, in words
	char differs[1024];   // how that machine differs from this, or ""
};

// Finds the figures among results: of the size that is nearest to the wanted
// one, and of the placement farthest apart.
void guide_fill(struct guide *guide, const struct result *results,
		size_t count);

// Puts into words where the figures come from. The text is printable.
void guide_source(struct guide *guide);

// The sentences below the table: calls `said` with each.
void guide_findings(const struct guide *guide,
		    void (*said)(void *argument, const char *sentence),
		    void *argument);

// Whether a cell has a figure; whether it is of another size than most.
bool cell_figure(const struct figures *f, size_t row);
bool cell_differs(const struct figures *f, size_t row);

// The page.
void guide_text(const struct guide *guide);
void guide_markdown(const struct guide *guide);
json_t *guide_json(const struct guide *guide);

#endif

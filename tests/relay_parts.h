// relay_parts.h - what the files of the suite relay share
//
// A folder with an input and an output, whose paths a shell finds as $D, $IN
// and $OUT; checksums and bytes of our own making; the report, parsed.

#ifndef RELAY_PARTS_TESTS_H
#define RELAY_PARTS_TESTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/channel/channel.h"
#include "labs.h"

#define RELAY "ipc/relay"

enum { MIB = 1 << 20 };

extern char job_folder[64], input[128], output[128];

void make_job_folder(void);
void remove_job_folder(void);

void write_file(const char *path, const void *bytes, size_t n);
// As many bytes as there are, at most n, in memory of the caller's.
size_t read_file(const char *path, void *bytes, size_t n);
size_t entries_in(const char *path);

char *random_bytes(size_t n, uint64_t seed); // to be freed
void make_input(size_t n);                   // of random bytes
void checksum_of(const char *bytes, size_t n, char text[33]);

json_t *parse(const struct outcome *got); // of --format=json
const json_t *row_of(const json_t *report, const char *name);
const char *text_in(const json_t *object, const char *key); // or ""

// In messages of a page, over a MiB.
void check_calls(const struct outcome *got, const char *counter);

int mechanism_count(void);
// Its largest message: a MiB (in a soak 16) where more than 16 are allowed. 0:
// this host has it not, and `why`.
size_t mechanism_limit(const struct mechanism *m, char why[128]);

// The mechanism of this turn of a loop test; passed over where it carries no
// bytes, skipped where the host lacks it.
#define CARRIER(m, limit) do {                                     \
	char why_[128] = "";                                       \
	(m) = channel_mechanisms[_i];                              \
	if ((m)->kind == CHANNEL_EVENT)                            \
		return;                                            \
	(limit) = mechanism_limit(m, why_);                        \
	if (!(limit))                                              \
		SKIP("%s: %s", (m)->name, why_);                   \
} while (0)

void add_relay_input_tests(TCase *tests);
void add_relay_output_tests(TCase *tests);
void add_relay_trouble_tests(TCase *tests, int mechanisms);

#endif

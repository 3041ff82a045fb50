// relay.h - the parts of ipc/relay
//
// From top to bottom: main.c understands the command line, job.c plays the
// mechanisms one after another, plan.c says which and where, carry.c is one
// carrying (it starts two processes, sides.c, watches them, and blame.c
// judges), source.c and sink.c are where the bytes come from and go to, count.c
// and trace.c count system calls, progress.c is the bar, table.c and json.c the
// report, text.c how it is said.

#ifndef RELAY_H
#define RELAY_H

#include <jansson.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <xxhash.h>

#include "draw.h"
#include "ipc/channel/channel.h"

static const int64_t SECOND_NS = 1000000000;

enum { WHY_BYTES = 512, MOST_MECHANISMS = 64 };

// ## text.c

// "relay: NAME: sentence" on standard error, one line whatever the name holds.
void complain(const char *name, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

// `text` with '?' for what a terminal would obey.
void printable(char *out, size_t bytes, const char *text);

// Words up to the canvas's width, every line indented.
void print_wrapped(FILE *out, const struct canvas *canvas, int indent,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

// ## source.c: the input

#define ANY_BYTES UINT64_MAX

struct source {
	const char *name; // for people
	int fd;           // -1: zeros, out of nowhere
	bool seekable;    // can be read again, from `start`
	uint64_t start;
	uint64_t bytes; // ANY_BYTES: until it ends
};

// Opens the file, or standard input for NULL and "-". False: it cannot be had,
// and standard error has been told.
bool source_open(struct source *source, const char *path);

// Up to n bytes (at least 1), those at `at` where it is seekable, else the next
// ones. Returns how many, 0 at the end, or -errno. Zeros: the buffer is left
// as it is.
ssize_t source_read(const struct source *source, uint64_t at, void *buffer,
		    size_t n);

struct progress;

// What can be read once only is kept in a file without a name, so that several
// mechanisms can carry it. False as above.
bool source_keep(struct source *source, struct progress *progress);

// Reads it all once, if it fits into the page cache: whoever comes first would
// else pay for the disk. False as above.
bool source_warm(const struct source *source, struct progress *progress);

// ## sink.c: where the receiver writes

struct sink {
	const char *path;      // for people
	char target[PATH_MAX]; // the file that it leads to
	int fd;                // -1: nowhere
	bool unnamed;          // gets its name in the end
	mode_t mode;
};

bool sink_open(struct sink *sink, const char *path); // false as above
bool sink_keep(struct sink *sink); // the file is whole: false as above
int sink_write(int fd, const void *bytes, size_t n); // all of it, or -errno

// ## progress.c: a line on standard error, if that is a terminal

struct progress {
	struct canvas canvas;
	bool terminal, shown;
	int64_t began_ns, next_ns;
};

void progress_open(struct progress *progress);
void progress_begin(struct progress *progress); // something that may take long
// `done` of `all` bytes (ANY_BYTES: nobody knows).
void progress_show(struct progress *progress, const char *what, uint64_t done,
		   uint64_t all);
// Where nobody knows how much there is to do.
void progress_tell(struct progress *progress, const char *what,
		   const char *which);
void progress_clear(struct progress *progress);
void progress_forget(void); // in a child

// ## count.c, trace.c: system calls, counted by the kernel

enum counter { COUNT_NOTHING, COUNT_TRACEPOINT, COUNT_PTRACE };

struct counting {
	enum counter counter;
	uint64_t tracepoint; // its number
	int held;            // COUNT_TRACEPOINT: a counter that counts nothing
	char why[WHY_BYTES]; // COUNT_NOTHING: what is missing
};

// Finds out what this user may do here. From here to `counting_over` the
// machine pays for the counting: nothing is timed meanwhile.
void counting_choose(struct counting *counting);
void counting_over(struct counting *counting);

// In a side: from here to there. -errno. `count_end` leaves the number.
int count_prepare(const struct counting *counting, int *fd);
void count_begin(int fd);
int64_t count_end(int fd);

// ## sides.c: what the two processes do

enum { SENDER, RECEIVER };

extern const char *const side_names[2];

enum step {
	STEP_OPENING,
	STEP_MEETING,
	STEP_PINNING,
	STEP_MEMORY,
	STEP_COUNTING,
	STEP_READING,
	STEP_SENDING,
	STEP_FINISHING,
	STEP_RECEIVING,
	STEP_WRITING,
};

extern const char *const step_names[];

// What a side tells its parent. `state` is stored with release after the rest,
// and loaded with acquire before it is read.
enum { SIDE_WORKS, SIDE_DONE, SIDE_FAILED };
struct side_report {
	_Atomic int state;
	enum step step; // SIDE_FAILED: while
	int error;      // what happened, -errno
	uint64_t bytes;
	XXH128_hash_t checksum;
	int64_t stamp_ns; // the sender's: its begin, the receiver's: its end
	long voluntary, involuntary;
	int64_t calls;

	_Atomic bool counting; // whoever traces it counts now
};

// Shared by parent, sender and receiver. `carried` is relaxed, for the progress
// bar; `gate` is a futex word: the sides wait until it is 1.
struct ground {
	_Atomic uint32_t gate;
	_Atomic pid_t receiver;
	_Atomic uint64_t carried;
	struct side_report sides[2];
	int news[2]; // a pipe: a byte says that there is something to see
};

// One carrying: what, through which mechanism, where to.
struct job {
	const struct mechanism *mechanism;
	size_t message_bytes;
	const struct source *source;
	uint64_t most_bytes; // of the source, no more
	int out;             // or -1
	const char *out_name;
	int cpus[2];                     // or -1
	int64_t limit_ns;                // 0: as long as it takes
	const struct counting *counting; // NULL: do not
	struct progress *progress;       // NULL: none
	const char *what;                // for the bar
};

// The sender opens the channel and starts the receiver.
_Noreturn void side_sender(const struct job *job, struct ground *ground);
void ground_open_gate(struct ground *ground);

// ## carry.c

enum ending { CARRIED, BROKEN, TOO_LONG, NO_READER };

struct carried {
	enum ending ending;
	char why[WHY_BYTES]; // BROKEN: one sentence
	uint64_t bytes;      // TOO_LONG: so far
	XXH128_hash_t checksum;
	int64_t elapsed_ns;
	long voluntary, involuntary;
	int64_t calls;
};

void carry(const struct job *job, struct carried *result);

// trace.c: opens the gate and follows both sides (by side, their pids) until
// they have ended, counting. When one ends otherwise than with 0 the other is
// killed. Leaves their wait statuses, and whom it killed. -errno: they could
// not be traced, and wait at the gate still.
int trace_sides(struct ground *ground, const pid_t pids[2], int status[2],
		bool killed[2]);
bool trace_works(char why[WHY_BYTES]);

// ## job.c: all mechanisms that were asked for

struct row {
	const struct mechanism *mechanism;
	enum { ROW_CARRIED, ROW_FAILED, ROW_SKIPPED } result;
	bool lacking; // ROW_SKIPPED: the host has it not
	char why[WHY_BYTES];
	size_t limit_bytes, message_bytes;
	double estimate_ns; // 0: none was needed
	struct carried carried;
	int64_t calls; // in `counted_bytes`, or -1
	uint64_t counted_bytes;
};

struct options {
	const struct mechanism *via[MOST_MECHANISMS];
	size_t via_count;
	bool all, json, list;
	size_t chunk_bytes;
	int pin; // enum pin
	const char *input, *to;
};

// Two CPUs where there are two; two, or not at all; one; wherever.
enum pin { PIN_USUAL, PIN_APART, PIN_SAME, PIN_NONE };

enum {
	LIMIT_S = 10,           // --via=all: nobody takes longer
	COUNTED_MESSAGES = 256, // at most, and at most a MiB or one
};

struct report {
	const struct options *options;
	struct source source;
	struct row rows[MOST_MECHANISMS];
	size_t count;
	int cpus[2];
	struct counting counting;
};

int relay(void *options); // for supervise

// plan.c: before anything is carried. False: --pin=apart cannot be had.
bool choose_cpus(struct report *report);
void add_rows(struct report *report); // with what is left out, and why
void estimate(struct report *report, struct row *row);
void leave_out(struct row *row, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

// A carrying of the whole input through the row's mechanism, as a start.
struct job job_for(const struct report *report, const struct row *row);
void row_failed(struct row *row, const struct carried *carried);

double row_rate(const struct row *row);  // bytes a second
double row_calls(const struct row *row); // a MiB, or NAN
bool input_changed(const struct report *report);
void checksum_text(char text[33], XXH128_hash_t checksum);

// ## table.c, json.c

void table_print(FILE *out, const struct report *report,
		 const struct canvas *canvas);
void json_print(FILE *out, const struct report *report);

#endif

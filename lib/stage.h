// stage.h - what the processes of a scene share with the manager
//
// For the files behind lab.h only: lab.c (what the program was asked to do),
// manager.c (plays the scenes and judges them), story.c (what a scene says) and
// scene.c (what else a scene may call).
//
// It is memory, not a pipe: a scene may close every descriptor it finds, and a
// process that is killed in mid-sentence leaves nobody waiting for a lock.

#ifndef STAGE_H
#define STAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "draw.h"
#include "lab.h"

enum {
	EXIT_SKIP = 77,
	LINE_BYTES = 1536, // three on the stack of a small thread or fiber
	SENTENCE_BYTES = 1000,
	CLAIMS = 16384, // of one scene; more are a failure
	SPEAKERS = 24,
	SPEAKER_BYTES = 32,
	SPEAKING = 64,
};

// A claim as the manager finds it. A process counts itself a record, fills it
// and stores the state with release; the manager reads the state with acquire,
// then the rest. Who dies in between leaves CLAIM_EMPTY. CLAIM_ASKED is the way
// back (--predict): stored by the manager, waited for by who claims.
enum claim_state { CLAIM_EMPTY, CLAIM_MADE, CLAIM_ASKED };

struct claim_record {
	_Atomic int state;
	bool holds;
	char text[SENTENCE_BYTES];
};

// Counters are atomic because several processes count; the manager reads the
// sums when it has reaped them all, so no order between them matters.
struct stage {
	// Set before the first scene.
	struct canvas canvas; // what standard output can show
	int out;              // standard output, where no scene loses it
	bool quiet;           // --format=json: scenes print nothing
	bool predict;         // --predict: claims wait for the reader
	int64_t pause_ns;     // --slow: between two lines

	// Of the scene that plays.
	int64_t began_ns;
	_Atomic int held, failed;
	_Atomic unsigned claims; // records begun
	_Atomic int skipped;     // 1: somebody writes the reason, 2: done
	char reason[SENTENCE_BYTES];
	_Atomic int write_error;      // errno of output that failed
	_Atomic int64_t next_line_ns; // --slow: no line before this
	_Atomic int64_t reading_ns;   // time left to the reader

	// Who is inside say or claim now (thread IDs): in there a process may
	// sleep for reasons that are not the scene's. See await_state.
	_Atomic pid_t speaking[SPEAKING];

	// Speakers in the order in which they first spoke, for their colours.
	// 0 is free, 1 being written, 2 there.
	_Atomic int speaker_state[SPEAKERS];
	char speakers[SPEAKERS][SPEAKER_BYTES];

	struct claim_record records[CLAIMS];
};

// In the manager and every process of its scenes.
extern struct stage *stage;

// Makes the stage (standard output is what it writes to); clears it for the
// next scene.
void stage_open(void);
void stage_clear(void);

// Makes the calling process the first of a scene: it is "main", and failing to
// write ends it.
void stage_enter(void);

// The limit of the host that a call has met, and what to do about it; NULL: it
// failed for another reason. `call` begins with the name of the function.
const char *limit_met(const char *call, int error);

// Notes why the scene is left, unless somebody has done so already.
void stage_skip(const char *reason);

// Writes all of it, in one write(2) if the kernel takes it so. On failure sets
// stage->write_error (and ends a scene's process).
void stage_write(const char *text, size_t bytes);

// A line with a mark ('+', '!', '-', as claims and skips have it), uncounted.
void stage_mark(char mark, const char *text);

// Copies text so that it can be printed anywhere: control characters and what
// is not UTF-8 become '?'; unless `utf8`, what is above ASCII is spelled in
// ASCII. What does not fit is cut between characters and ends with "...".
void plain_text(char *out, size_t out_bytes, const char *text, bool utf8);

// What a wait status says: "exit status 1", "killed by SIGSEGV".
enum { ENDING_BYTES = 64 };
const char *ending(char text[ENDING_BYTES], int status);

// manager.c: what the command line asked for, and the playing of it. Returns
// the exit status; for supervise.
struct programme {
	const struct lab *lab;
	const struct scene **scenes; // in the order of playing
	size_t count;
	bool json;
	int64_t pause_ns; // --slow, or 0
	int64_t limit_ns; // a scene takes no longer
	int terminal;     // --predict: where to ask, or -1
};
int manage(void *programme);

#endif

// orders_parts.h - what orders.c (who goes on) and orders_memory.c (what a
// thread sees) share

#ifndef ORDERS_PARTS_H
#define ORDERS_PARTS_H

#include "orders.h"

enum { ORDERS_STACK = 16 << 10, ORDERS_WORDS = 20, ORDERS_ROWS = 1024 };
enum { AGES = 3 }; // of a word: what is there, and two older values

enum operation {
	STEP,
	LOAD,
	STORE,
	EXCHANGE,
	ADD,
	SUB,
	AND,
	OR,
	XOR,
	COMPARE,
	COMPARE_FAILED, // in struct orders_part only
	SLEEP,
	WAKE
};

enum status { READY, WAITING, ENDED };

struct coroutine {
	enum status status;
	const void *word; // WAITING: for this,
	bool timed;       // with a deadline
	bool paused;      // before its next step,
	bool news;        // somebody wrote since it looked last
	uint8_t looks;    // in vain
	char *low;        // its stack pointer: live from here
	// its next step, which is not done yet
	enum operation next;
	const void *at;
	int order, count;
};

// ## What is known
//
// An event is an access by a thread. Who knows of it, happens after it. A row is
// an event: a bit for each thread that knows of it, and for each message (a
// value in an atomic word) that tells of it whoever reads it and acquires.
struct word {
	uint64_t older[AGES - 1];
	uint8_t ages;    // how many values may be read
	bool tied[AGES]; // by a read-modify-write to the one before
};

struct memory {
	uint64_t messages[ORDERS_WORDS * AGES]; // rows: the writing of each
	uint64_t rows[ORDERS_ROWS];             // rows: the other accesses
	struct word words[ORDERS_WORDS];
};

// What the games of one exploration have in common.
extern struct orders_world {
	const struct game *game;
	const struct orders_part *without;
	int running;  // or -1
	int choice;   // of its next step
	int spurious; // left
	int stale;    // left
	const char *wrong;
	bool again; // more is to be watched, and all to be played again
	struct coroutine threads[ORDERS_THREADS];
	struct memory memory;
	struct orders_result *result;
	char *told; // where steps are told of, or NULL
	size_t room;
	char (*stacks)[ORDERS_STACK];
} orders_world;

// orders.c: others may go on; then this thread's step is done.
void orders_before(enum operation next, const void *at, int order, int count);
void orders_wrote(void);
void orders_tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void orders_part_used(enum operation operation, const void *at, bool acquire);
bool orders_without(enum operation operation, const void *at, bool acquire);

// orders_memory.c
void memory_forget(void); // before an exploration
void memory_begin(void);  // before a game
void memory_watch(void);  // what has been found to be shared
int memory_choices(const struct coroutine *c, int me);
size_t memory_rows(void); // in use
size_t memory_words(void);
const char *orders_operation(int operation);

#endif

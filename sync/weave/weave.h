// weave.h - a program of two or three processes, and all its interleavings

#ifndef SYNC_WEAVE_H
#define SYNC_WEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "draw.h"
#include "sync/stepper/condition.h"
#include "sync/stepper/explore.h"
#include "sync/stepper/program.h"
#include "sync/stepper/stepper.h"

// texts.c: the programs that come with the lab. Ends with a NULL name.
struct listed {
	const char *name, *title, *text;
};
extern const struct listed listed[];
const struct listed *listed_named(const char *name); // or NULL

// weave.c: a text that has been read, and its processes.
enum { WEAVE_CHECKS = PROGRAM_CHECKS + 1 };

struct weave {
	char name[64];
	struct program program;
	struct stepper *stepper;
	struct step_state start;
	int checks;
	char check_text[WEAVE_CHECKS][PROGRAM_CHECK];
	struct condition check[WEAVE_CHECKS];
	struct exploration all; // once weave_explore was called
};

// Reads a text with its checks; no process is started. -EINVAL fills *error.
int weave_read(struct weave *weave, const char *name, const char *text,
	       size_t length, struct text_error *error);

// One check more, or (if `only`) in place of all others.
int weave_check(struct weave *weave, const char *text, bool only,
		struct text_error *error);

// Starts the processes; see stepper_open. Explores; see explore.
int weave_start(struct weave *weave);
int weave_explore(struct weave *weave, const struct explore_limits *limits);
void weave_free(struct weave *weave);

// What this host lacks when weave_start failed for a reason of the host's, and
// how to get it; else NULL.
const char *weave_obstacle(int error);

// What came out of a check.
struct verdict {
	bool holds;
	size_t states;   // in which it does not
	size_t first;    // the first of them: it has the shortest way
	uint64_t orders; // that pass through one, if they can be counted
};
// 0 or -ENOMEM.
int weave_judge(const struct weave *weave, int check, struct verdict *verdict);

// A schedule done by the processes, from the start: states[0] is the start,
// states[i] that after i steps. *states is the caller's to free. -EINVAL: at
// order[*at] a process is named that does not exist (*ended is false) or has
// come to its end.
int weave_replay(struct weave *weave, const char *order,
		 struct step_state **states, size_t *at, bool *ended);

// All orders, one after another, every step of each done by the processes.
// Only where they are finite. `each` returns false to stop.
typedef bool order_function(void *context, const char *order,
			    const struct step_state *end);
int weave_orders(struct weave *weave, order_function *each, void *context);

// The ends, by what is in the words: each combination once, most orders first
// (or in the order found, where orders cannot be counted). -ENOMEM, or how
// many; *ends is the caller's to free.
struct weave_end {
	size_t state;    // one of them
	size_t states;   // how many
	uint64_t orders; // that lead there, if they can be counted
};
int weave_ends(const struct weave *weave, struct weave_end **ends);

// table.c: pictures, into *out, for a page of that many columns.
//
// The instructions with their bytes; a schedule, a line a step; the ends.
void put_program(FILE *out, const struct weave *weave, int columns);
void put_steps(FILE *out, const struct weave *weave, const char *order,
	       const struct step_state *states, int columns);
void put_ends(FILE *out, const struct weave *weave,
	      const struct canvas *canvas);
// A line an order: its letters, registers and words in the end.
void put_order_head(FILE *out, const struct weave *weave, int columns);
void put_order(FILE *out, const struct weave *weave, const char *order,
	       const struct step_state *end, int columns);
bool register_used(const struct weave *weave, int who, int number);
// In which section a process stands: "in", "-", "end".
const char *place_of(const struct weave *weave, const struct step_state *state,
		     int who);

// json.c
int put_json(struct weave *weave, const char *order, bool all);

// tool.c: everything but the scenes; a struct tool's main.
int tool_main(int argc, char **argv);

// scene.c: for scenes. A program with its processes, explored; leaves the scene
// where that is not possible.
struct weave *scene_weave(const char *name);
// Whether a check holds.
bool scene_holds(struct weave *weave, int check);
// Shows the shortest order that breaks a check, as a table.
void scene_witness(struct weave *weave, int check);
void scene_show(void (*put)(FILE *, const struct weave *, int columns),
		const struct weave *weave);

// The scenes.
void scene_step(void); // counting.c
void scene_orders(void);
void scene_three(void);
void scene_add(void);
void scene_lock(void);
void scene_flag(void); // exclusion.c
void scene_polite(void);
void scene_peterson(void);
void scene_overtake(void);
void scene_dekker(void);
void scene_mutex(void); // locks.c
void scene_ticket(void);
void scene_semaphore(void);
void scene_embrace(void);

#endif

// # One frame, nine processes, then eight ...
//
// How does the kernel know that nobody else is there? It counts: each frame knows
// how many page tables map it (/proc/kpagecount shows it to root). A fork counts
// up, a copy counts down, and so does an end. Here eight children are made, all with
// the same page, and one after another writes.

#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpu.h"
#include "draw.h"
#include "lab.h"
#include "mem/cast/cast.h"
#include "mem/cow/cow.h"
#include "mem/stretch/stretch.h"

enum { CHILDREN = 8, EVERYBODY = CHILDREN + 1, PAGES = 128 };
static const char *const names[CHILDREN] = { "A", "B", "C", "D",
					     "E", "F", "G", "H" };

// A row of the picture: '#' for the frame all began with, else whose own it is.
static void note_row(char *cells, const struct frame_row *first,
		     const struct frame_row *rows)
{
	for (int i = 0; i < EVERYBODY; i++) {
		bool old = first->page.frame
				   ? one_frame(first, &rows[i])
				   : i == 0 || !rows[i].page.exclusive;
		cells[i] = old ? '#' : *rows[i].who;
	}
}

static bool are_different(const struct frame_row *rows)
{
	for (int i = 0; i < EVERYBODY; i++)
		for (int j = 0; j < i; j++)
			if (!two_frames(&rows[i], &rows[j]))
				return false;
	return true;
}

void scene_crowd(void)
{
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct stretch memory;
	struct actor children[CHILDREN];
	struct frame_row rows[EVERYBODY], first;
	char cells[EVERYBODY * EVERYBODY];
	struct sight sight = sight_begin();
	bool falls = true, alone_early = false;
	long faults, least = 1;

	pin_to_cpu(sched_getcpu());
	must_neg(stretch_make(&memory, PAGES * page_bytes(), false));
	stretch_touch(&memory, 'o');
	for (int i = 0; i < CHILDREN; i++)
		children[i] = actor_enter(names[i]);

	first = look("me", 0, memory.memory, NULL);
	for (int writers = 0; writers <= CHILDREN; writers++) {
		if (writers > 0) {
			actor_write(&children[writers - 1], memory.memory,
				    *names[writers - 1], &faults);
			least = faults < least ? faults : least;
		}
		rows[0] = look("me", 0, memory.memory, NULL);
		for (int i = 0; i < CHILDREN; i++)
			rows[i + 1] = look(names[i], children[i].pid,
					   memory.memory, NULL);
		note_row(cells + writers * EVERYBODY, &first, rows);
		if (rows[0].frame_known)
			falls &= rows[0].count ==
				 (uint64_t)(EVERYBODY - writers);
		alone_early |= writers < CHILDREN && rows[0].page.exclusive;
	}
	say("whose frame? (in each line one more child has written)");
	char *picture =
		must_ptr(draw_map(&canvas, cells, sizeof cells, EVERYBODY));
	show(picture);
	free(picture);
	claim(!alone_early && rows[0].page.exclusive,
	      "I am not alone with my frame until all %d have copies",
	      CHILDREN);
	claim(least >= 1, "each first write is a fault");
	if (rows[0].frame_known)
		claim(falls, "the frame's count falls from %d to 1 by one each",
		      EVERYBODY);
	claim_seen(&sight, one_frame(&first, &rows[0]) && are_different(rows),
		   "in the end %d frames, and mine is the one of old",
		   EVERYBODY);
	for (int i = 0; i < CHILDREN; i++) {
		claim(actor_read(&children[i], memory.memory, NULL) ==
			      *names[i],
		      "%s reads what %s wrote", names[i], names[i]);
		actor_leave(&children[i]);
	}
	stretch_free(&memory);
}

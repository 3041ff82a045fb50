// play.h - a work on a region, and in the model
//
// Used by the scenes and by the tool. What goes wrong is told with must() and
// ends the program.

#ifndef MEM_PAGER_PLAY_H
#define MEM_PAGER_PLAY_H

#include "mem/pager/work.h"
#include "mem/region/region.h"

struct trial {
	const struct work *work;
	const struct replacement *policy;
	enum region_way way;
	uint32_t frames;
	bool track;
	uint64_t seed;
	struct replacement_future future;
};

// A page that came or went.
struct change {
	uint32_t page;   // came; or was used, and another one went
	uint32_t victim; // or NO_PAGE
	bool dirty;
};

// What a run was, real or simulated. play_free frees the arrays.
struct course {
	struct replacement_counts counts;
	uint64_t strayed;
	struct change *changes;
	size_t change_count, change_room;
	uint32_t *references; // of a tracked run: the reference string
	size_t reference_count, reference_room;
	bool same_bytes; // as in plain memory
	struct region_counts region;
};

// Runs the work on a region and compares every byte with plain memory: in the
// region, so what was written to the file has to come back. `course` is
// overwritten.
void play_real(const struct trial *trial, struct course *course);

// The same of the model: the reference string `recorded` through mem/paging.
void play_model(const struct trial *trial, const struct course *recorded,
		struct course *course);

void play_free(struct course *course);

// Tracks the work once, and prepares the future for policies that look ahead:
// `next` is the caller's, to be freed.
void play_record(const struct work *work, enum region_way way,
		 struct course *recorded, struct replacement_future *future);

// Whether both runs had the same faults, in order, with the same victims.
bool same_course(const struct course *a, const struct course *b);

// A file for so many bytes, without a name, with room for all of it; the
// caller's to close.
int nameless_file(size_t bytes);

// Says so, and ends the program.
void cannot_serve(void *context, int error);

#endif

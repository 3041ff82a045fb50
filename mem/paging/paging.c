// paging.c - plays references to runs, see paging.h

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "paging.h"

// What only a run with a step callback has.
struct watch {
	uint32_t *contents; // of each frame: its page
	uint32_t *where;    // of each resident page: its frame
};

struct live {
	const struct replacement *policy;
	void *state;
	uint32_t frames;
	struct replacement_counts counts;
	struct watch watch;
};

struct paging {
	struct paging_setup setup; // its runs are in `live`
	uint32_t pages;            // room for so many
	uint64_t played;           // references
	size_t count;
	struct live live[];
};

enum { PAGES_FIRST = 1024 };

static uint64_t bytes_with(const struct paging *paging, uint32_t pages)
{
	uint64_t bytes = sizeof *paging;

	for (size_t i = 0; i < paging->count; i++) {
		const struct live *live = &paging->live[i];

		bytes += sizeof *live +
			 replacement_bytes(live->policy, live->frames, pages,
					   paging->setup.future.count);
		if (paging->setup.step)
			bytes += 4 * ((uint64_t)live->frames + pages);
	}
	return bytes;
}

uint64_t paging_bytes(const struct paging *paging)
{
	return bytes_with(paging, paging->pages);
}

static bool too_large(const struct paging *paging, uint32_t pages)
{
	return paging->setup.memory_bytes &&
	       bytes_with(paging, pages) > paging->setup.memory_bytes;
}

static int watch_create(struct watch *watch, uint32_t frames, uint32_t pages)
{
	watch->contents = malloc(frames * sizeof *watch->contents);
	watch->where = malloc(pages * sizeof *watch->where);
	if (!watch->contents || !watch->where)
		return -ENOMEM;
	for (uint32_t i = 0; i < frames; i++)
		watch->contents[i] = NO_PAGE;
	return 0;
}

static int live_create(struct live *live, const struct paging_setup *setup,
		       uint32_t pages)
{
	struct replacement_setup wanted = {
		.frames = live->frames,
		.pages = pages,
		.seed = setup->seed,
		.window = setup->window,
		.period = setup->period,
		.future = setup->future,
	};

	if (live->policy->future && !setup->future.references)
		return -EINVAL;
	int error = live->policy->create(&live->state, &wanted);
	if (!error && setup->step)
		error = watch_create(&live->watch, live->frames, pages);
	return error;
}

int paging_create(struct paging **paging, const struct paging_setup *setup)
{
	if (!setup->count)
		return -EINVAL;

	struct paging *made =
		calloc(1, sizeof *made + setup->count * sizeof made->live[0]);
	if (!made)
		return -ENOMEM;
	made->setup = *setup;
	made->setup.runs = NULL;
	made->count = setup->count;
	made->pages = PAGES_FIRST;
	for (size_t i = 0; i < made->count; i++) {
		made->live[i].policy = setup->runs[i].policy;
		made->live[i].frames = setup->runs[i].frames;
	}

	int error = too_large(made, made->pages) ? -ENOMEM : 0;

	for (size_t i = 0; i < made->count && !error; i++)
		error = live_create(&made->live[i], setup, made->pages);
	if (error)
		paging_free(made);
	else
		*paging = made;
	return error;
}

void paging_free(struct paging *paging)
{
	if (!paging)
		return;
	for (size_t i = 0; i < paging->count; i++) {
		struct live *live = &paging->live[i];

		live->policy->destroy(live->state);
		free(live->watch.contents);
		free(live->watch.where);
	}
	free(paging);
}

static int live_grow(struct live *live, uint32_t pages)
{
	if (live->watch.where) {
		uint32_t *where = realloc(live->watch.where,
					  pages * sizeof *where);
		if (!where)
			return -ENOMEM;
		live->watch.where = where;
	}
	return live->policy->grow(live->state, pages);
}

// Room for pages 0 .. highest: twice as much as before, or more. Where some of
// the runs have room and another gets none, nothing is lost.
static int make_room(struct paging *paging, uint32_t highest)
{
	uint32_t pages = paging->pages;

	if (highest >= REPLACEMENT_PAGES - 1)
		return -EINVAL;
	while (pages <= highest)
		pages *= 2;
	if (pages == paging->pages)
		return 0;
	if (too_large(paging, pages))
		return -ENOMEM;
	for (size_t i = 0; i < paging->count; i++) {
		int error = live_grow(&paging->live[i], pages);
		if (error)
			return error;
	}
	paging->pages = pages;
	return 0;
}

// Where a page that was just loaded goes: into the victim's frame, or the first
// that is free.
static uint32_t frame_for(const struct live *live, uint32_t victim)
{
	uint32_t frame = 0;

	if (victim != NO_PAGE)
		return live->watch.where[victim];
	while (live->watch.contents[frame] != NO_PAGE)
		frame++;
	return frame;
}

static void step_one(struct paging *paging, size_t run, uint64_t index,
		     uint32_t reference)
{
	struct live *live = &paging->live[run];
	struct watch *watch = &live->watch;
	uint32_t page = reference & ~REFERENCE_WRITE;
	bool write = reference & REFERENCE_WRITE;
	struct replacement_outcome outcome =
		live->policy->reference(live->state, page, write);

	live->counts.references++;
	live->counts.faults += !outcome.hit;
	live->counts.writebacks += outcome.dirty;

	uint32_t frame = outcome.hit ? watch->where[page]
				     : frame_for(live, outcome.victim);

	if (outcome.victim != NO_PAGE)
		watch->contents[watch->where[outcome.victim]] = NO_PAGE;
	watch->contents[frame] = page;
	watch->where[page] = frame;

	struct paging_step step = {
		.run = run,
		.index = index,
		.page = page,
		.write = write,
		.hit = outcome.hit,
		.victim = outcome.victim,
		.dirty = outcome.dirty,
		.frame = frame,
		.contents = watch->contents,
		.frames = live->frames,
		.state = live->state,
	};

	paging->setup.step(paging->setup.context, &step);
}

int paging_play(struct paging *paging, const uint32_t *references, size_t count)
{
	const struct replacement_future *future = &paging->setup.future;
	uint32_t highest = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t page = references[i] & ~REFERENCE_WRITE;

		highest = page > highest ? page : highest;
	}
	for (size_t i = 0; i < paging->count; i++)
		if (paging->live[i].policy->future &&
		    count > future->count - paging->played)
			return -ERANGE;
	int error = make_room(paging, highest);
	if (error)
		return error;

	for (size_t run = 0; run < paging->count; run++) {
		struct live *live = &paging->live[run];

		if (!paging->setup.step) {
			live->policy->run(live->state, references, count,
					  &live->counts);
			continue;
		}
		for (size_t i = 0; i < count; i++)
			step_one(paging, run, paging->played + i,
				 references[i]);
	}
	paging->played += count;
	return 0;
}

struct replacement_counts paging_counts(const struct paging *paging, size_t run)
{
	return paging->live[run].counts;
}

// # Real algorithms on too few frames
//
// Each work is done on a region, under several policies, and again in plain
// memory: every byte must be the same. Faults are counted twice: those that
// happened, and those that the model (mem/paging) foretells from the reference
// string, which an earlier run under full tracking has recorded.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "mem/pager/play.h"
#include "mem/pager/scenes.h"

// Policies that need no tracking: the work runs at nearly full speed.
static const char *const quick[] = { "fifo",   "second-chance", "nur",
				     "random", "opt",           NULL };

struct totals {
	uint64_t faults[8]; // as in `quick`
	int same, sound, runs;
};

static struct totals compare(const struct work *work, uint32_t frames)
{
	enum region_way way = region_best();
	struct totals totals = { 0 };
	struct course recorded, real, model;
	struct replacement_future future;
	char table[2000];
	size_t n;

	play_record(work, way, &recorded, &future);
	say("%s", work->title);
	say("%u pages, %u frames, %zu references", work->pages, frames,
	    recorded.reference_count);
	n = (size_t)snprintf(table, sizeof table, "    %-14s %9s %9s %12s\n",
			     "policy", "faults", "foretold", "written back");
	for (int i = 0; quick[i]; i++) {
		const struct trial trial = { .work = work,
					     .policy = replacement_named(
						     quick[i]),
					     .way = way,
					     .frames = frames,
					     .seed = 1,
					     .future = future };
		play_real(&trial, &real);
		play_model(&trial, &recorded, &model);
		totals.faults[i] = real.counts.faults;
		totals.same += same_course(&real, &model);
		totals.sound += real.same_bytes;
		totals.runs++;
		n += (size_t)snprintf(table + n, sizeof table - n,
				      "    %-14s %9ju %9ju %12ju\n", quick[i],
				      (uintmax_t)real.counts.faults,
				      (uintmax_t)model.counts.faults,
				      (uintmax_t)real.counts.writebacks);
		play_free(&real);
		play_free(&model);
	}
	show_text(table);
	play_free(&recorded);
	free((void *)future.next);
	return totals;
}

static void claim_sound(const struct totals *totals)
{
	claim(totals->sound == totals->runs,
	      "every byte is as in plain memory, under each policy");
	claim(totals->same == totals->runs,
	      "the model has foretold each fault and each victim");
}

static bool opt_is_best(const struct totals *totals)
{
	for (int i = 0; i < totals->runs; i++)
		if (totals->faults[i] < totals->faults[totals->runs - 1])
			return false;
	return true;
}

void scene_matrix(void)
{
	way_here();
	struct totals ijk = compare(&work_ijk, 12);
	struct totals ikj = compare(&work_ikj, 12);

	claim_sound(&ijk);
	claim_sound(&ikj);
	claim(ikj.faults[0] * 10 < ijk.faults[0],
	      "the same sums, and fewer than a tenth of the faults");
}

static void play_work(const struct work *work, uint32_t frames)
{
	way_here();
	struct totals totals = compare(work, frames);

	claim_sound(&totals);
	claim(opt_is_best(&totals), "nobody has fewer faults than OPT");
}

void scene_quicksort(void)
{
	play_work(&work_quicksort, 4);
}

void scene_join(void)
{
	play_work(&work_join, 12);
}

void scene_graph(void)
{
	play_work(&work_graph, 12);
}

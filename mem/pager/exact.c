// # The model and the machine agree
//
// Every policy of mem/policy, the same code twice: once asked by the simulator,
// reference by reference, once by the pager, fault by fault. The simulator is
// given the reference string of a recorded run. If the pager sees all that a
// policy needs, both must come to the same faults, the same victims and the same
// pages written back, not about but exactly.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "lab.h"
#include "mem/pager/play.h"
#include "mem/pager/scenes.h"

const char *needs_text(const struct replacement *policy)
{
	static const char *const texts[] = {
		[REPLACEMENT_FAULTS] = "faults",
		[REPLACEMENT_BITS] = "bits",
		[REPLACEMENT_FRESH_BITS] = "all",
		[REPLACEMENT_REFERENCES] = "all",
	};

	return texts[policy->needs];
}

struct tally {
	int policies, same, sound, tracked;
};

static void play_policy(const struct trial *trial,
			const struct course *recorded, struct tally *tally)
{
	const struct replacement *policy = trial->policy;
	struct course real, model;
	char line[100];

	play_real(trial, &real);
	play_model(trial, recorded, &model);
	bool same = same_course(&real, &model);
	snprintf(line, sizeof line,
		 "    %-14s %-7s %7ju %7ju  %7ju %7ju  %7ju %s\n", policy->name,
		 needs_text(policy), (uintmax_t)real.counts.faults,
		 (uintmax_t)model.counts.faults,
		 (uintmax_t)real.counts.writebacks,
		 (uintmax_t)model.counts.writebacks,
		 (uintmax_t)(real.region.noticed + real.region.writes),
		 same && real.same_bytes ? "" : "no");
	show_text(line);
	tally->policies++;
	tally->same += same;
	tally->sound += real.same_bytes;
	tally->tracked += policy->needs >= REPLACEMENT_FRESH_BITS;
	play_free(&real);
	play_free(&model);
}

static struct tally play_all(enum region_way way, const struct work *work,
			     uint32_t frames, bool slow_ones)
{
	struct replacement_future future;
	struct course recorded;
	struct tally tally = { 0 };

	play_record(work, way, &recorded, &future);
	say("%s", work->title);
	say("%u pages, %u frames, %zu references", work->pages, frames,
	    recorded.reference_count);
	show_text("    policy         must       faults      written back   "
		  "also\n"
		  "                   see       real   model     real   model  "
		  "noticed\n");
	for (int i = 0; replacements[i]; i++)
		if (slow_ones ||
		    replacements[i]->needs < REPLACEMENT_FRESH_BITS)
			play_policy(&(struct trial){ .work = work,
						     .policy = replacements[i],
						     .way = way,
						     .frames = frames,
						     .seed = 7,
						     .future = future },
				    &recorded, &tally);
	play_free(&recorded);
	free((void *)future.next);
	return tally;
}

static void claim_tally(const struct tally *tally)
{
	claim(tally->same == tally->policies,
	      "%d policies: faults, victims and write-backs are the model's",
	      tally->policies);
	claim(tally->sound == tally->policies,
	      "and each time every byte is as in plain memory");
}

void scene_exact(void)
{
	struct tally tally = play_all(way_here(), &work_join, 12, true);

	claim_tally(&tally);
	claim(tally.tracked > 0 && tally.tracked < tally.policies,
	      "%d need each change of page to fault; %d see faults and bits "
	      "only",
	      tally.tracked, tally.policies - tally.tracked);
}

// ## Without userfaultfd
//
// The same, by SIGSEGV: the handler passes the news on, and sleeps until the
// page is mapped.

void scene_signal(void)
{
	struct tally tally = play_all(REGION_SIGNAL, &work_graph, 12, false);

	claim_tally(&tally);
}

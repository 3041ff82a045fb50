// The simulator, the numbering of pages, LRU's curve and samples.

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem/paging/distances.h"
#include "mem/paging/numbering.h"
#include "mem/paging/paging.h"
#include "mem/paging/sample.h"
#include "mem/policy/bits.h"
#include "replacement_parts.h"

// --- several runs at once ----------------------------------------------------

// All policies, three numbers of frames, pages that are met late: as each does
// it alone.
START_TEST(paging_plays_all)
{
	enum { COUNT = 30000, PAGES = 5000, FRAMES = 3, RUNS = 16 * FRAMES };
	static const uint32_t frames[FRAMES] = { 3, 70, 2500 };
	static uint32_t trace[COUNT], next[COUNT];
	struct paging_run runs[RUNS];
	struct paging_setup setup = { .runs = runs, .count = RUNS, .seed = 9 };
	struct paging *paging;

	replacement_trace(trace, COUNT, PAGES, 25, 11);
	QUICK_EQ(replacement_next_uses(trace, COUNT, PAGES, next), 0);
	setup.future = (struct replacement_future){ trace, next, COUNT };
	for (size_t i = 0; i < RUNS; i++)
		runs[i] = (struct paging_run){ replacements[i / FRAMES],
					       frames[i % FRAMES] };
	QUICK_EQ(paging_create(&paging, &setup), 0);
	for (size_t i = 0; i < COUNT; i += 1000)
		QUICK_EQ(paging_play(paging, trace + i, 1000), 0);
	QUICK_EQ(paging_play(paging, trace, 1), -ERANGE);
	for (size_t i = 0; i < RUNS; i++) {
		const struct replacement *p = runs[i].policy;
		struct replacement_setup alone = { .frames = runs[i].frames,
						   .pages = PAGES,
						   .seed = 9,
						   .future = setup.future };
		struct replacement_counts expected = { .references = 0 };
		struct replacement_counts counts = paging_counts(paging, i);
		void *state;

		QUICK_EQ(p->create(&state, &alone), 0);
		p->run(state, trace, COUNT, &expected);
		p->destroy(state);
		QUICK_EQ(counts.references, COUNT);
		QUICK_EQ(counts.faults, expected.faults);
		QUICK_EQ(counts.writebacks, expected.writebacks);
	}
	paging_free(paging);
}
END_TEST

// What the steps say, put together, is what is in the frames.
struct watcher {
	uint32_t in[64];
	uint64_t steps, faults, writebacks;
};

static void watch(void *context, const struct paging_step *step)
{
	struct watcher *watcher = &((struct watcher *)context)[step->run];
	bool found = false;

	QUICK_EQ(step->index, watcher->steps++);
	watcher->faults += !step->hit;
	watcher->writebacks += step->dirty;
	for (uint32_t i = 0; i < step->frames; i++) {
		if (watcher->in[i] == step->victim && step->victim != NO_PAGE)
			watcher->in[i] = NO_PAGE;
		found |= watcher->in[i] == step->page;
	}
	QUICK_EQ(found, step->hit);
	if (!step->hit)
		QUICK_EQ(watcher->in[step->frame], NO_PAGE);
	watcher->in[step->frame] = step->page;
	for (uint32_t i = 0; i < step->frames; i++)
		QUICK_EQ(watcher->in[i], step->contents[i]);
}

START_TEST(paging_steps)
{
	enum { COUNT = 3000, PAGES = 60 };
	static uint32_t trace[COUNT], next[COUNT];

	for (size_t i = 0; replacements[i]; i++) {
		struct watcher watchers[2];
		struct paging_run runs[] = { { replacements[i], 7 },
					     { replacements[i], 40 } };
		struct paging_setup setup = { .runs = runs,
					      .count = 2,
					      .window = 30,
					      .step = watch,
					      .context = watchers };
		struct paging *paging;

		memset(watchers, 0, sizeof watchers);
		for (size_t k = 0; k < 64; k++)
			watchers[0].in[k] = watchers[1].in[k] = NO_PAGE;
		replacement_trace(trace, COUNT, PAGES, 25, 12);
		QUICK_EQ(replacement_next_uses(trace, COUNT, PAGES, next), 0);
		setup.future = (struct replacement_future){ trace, next,
							    COUNT };
		QUICK_EQ(paging_create(&paging, &setup), 0);
		for (size_t k = 0; k < COUNT; k += 100)
			QUICK_EQ(paging_play(paging, trace + k, 100), 0);
		for (size_t run = 0; run < 2; run++) {
			struct replacement_counts counts = paging_counts(paging,
									 run);

			QUICK_EQ(watchers[run].steps, COUNT);
			QUICK_EQ(watchers[run].faults, counts.faults);
			QUICK_EQ(watchers[run].writebacks, counts.writebacks);
		}
		paging_free(paging);
	}
}
END_TEST

START_TEST(paging_refuses)
{
	struct paging_run run = { replacement_named("opt"), 4 };
	struct paging_setup setup = { .runs = &run, .count = 0 };
	struct paging *paging = (struct paging *)&run;
	uint32_t page = REPLACEMENT_PAGES - 1;

	QUICK_EQ(paging_create(&paging, &setup), -EINVAL);
	setup.count = 1;
	QUICK_EQ(paging_create(&paging, &setup), -EINVAL);
	run.policy = replacement_named("fifo");
	run.frames = 0;
	QUICK_EQ(paging_create(&paging, &setup), -EINVAL);
	run.frames = 4;
	setup.memory_bytes = 100;
	QUICK_EQ(paging_create(&paging, &setup), -ENOMEM);
	ck_assert_ptr_eq(paging, &run);

	// A megabyte is enough for a hundred thousand pages of FIFO's.
	setup.memory_bytes = 1 << 20;
	QUICK_EQ(paging_create(&paging, &setup), 0);
	QUICK_EQ(paging_play(paging, &page, 1), -EINVAL);
	page = 100000;
	QUICK_EQ(paging_play(paging, &page, 1), 0);
	page = 10000000;
	QUICK_EQ(paging_play(paging, &page, 1), -ENOMEM);
	QUICK_LE(paging_bytes(paging), setup.memory_bytes);
	page = 100000 | REFERENCE_WRITE;
	QUICK_EQ(paging_play(paging, &page, 1), 0);
	QUICK_EQ(paging_counts(paging, 0).references, 2);
	QUICK_EQ(paging_counts(paging, 0).faults, 1);
	paging_free(paging);
	paging_free(NULL);
}
END_TEST

// --- numbers for sparse pages ------------------------------------------------

START_TEST(numbering_counts_up)
{
	enum { COUNT = 50000, DISTINCT = 20000 };
	static uint64_t pages[COUNT], known[DISTINCT];
	static uint8_t writes[COUNT];
	static uint32_t references[COUNT];
	struct random random = { 3 };
	struct numbering *numbering;
	uint32_t met = 0;

	for (size_t i = 0; i < DISTINCT; i++)
		known[i] = i % 4 == 0   ? random_next(&random)
			   : i % 4 == 1 ? (uint64_t)i << 44
			   : i % 4 == 2 ? i
					: UINT64_MAX - i * 4096;
	for (size_t i = 0; i < COUNT; i++) {
		pages[i] = known[random_below(&random, DISTINCT)];
		writes[i] = random_below(&random, 2) ? 7 : 0;
	}
	QUICK_EQ(numbering_create(&numbering, 0), 0);
	for (size_t i = 0; i < COUNT; i += 500)
		QUICK_EQ(numbering_translate(numbering, pages + i,
					     i % 1000 ? NULL : writes + i, 500,
					     references + i),
			 0);
	for (size_t i = 0; i < COUNT; i++) {
		uint32_t page = references[i] & ~REFERENCE_WRITE;

		QUICK_LE(page, met);
		met += page == met;
		QUICK_EQ(numbering_page(numbering, page), pages[i]);
		QUICK_EQ(!!(references[i] & REFERENCE_WRITE),
			 i % 1000 < 500 && writes[i]);
	}
	QUICK_EQ(numbering_count(numbering), met);

	// One page has one number: as many numbers as there are pages.
	uint32_t again;

	for (uint32_t i = 0; i < met; i++) {
		uint64_t page = numbering_page(numbering, i);

		QUICK_EQ(numbering_translate(numbering, &page, NULL, 1, &again),
			 0);
		QUICK_EQ(again, i);
	}
	numbering_free(numbering);
	numbering_free(NULL);
}
END_TEST

START_TEST(numbering_without_memory)
{
	struct numbering *numbering = NULL;
	uint32_t reference;
	uint64_t page;
	int error = 0;

	QUICK_EQ(numbering_create(&numbering, 1000), -ENOMEM);
	ck_assert_ptr_null(numbering);
	QUICK_EQ(numbering_create(&numbering, 100000), 0);
	for (page = 0; page < 100000 && !error; page++)
		error = numbering_translate(numbering, &page, NULL, 1,
					    &reference);
	QUICK_EQ(error, -ENOMEM);
	QUICK_GT(page, 1000);
	QUICK_LE(numbering_bytes(numbering), 100000);
	page = 7;
	QUICK_EQ(numbering_translate(numbering, &page, NULL, 1, &reference), 0);
	QUICK_EQ(reference, 7);
	numbering_free(numbering);
}
END_TEST

// --- LRU's curve -------------------------------------------------------------

static uint64_t lru_faults(uint32_t frames, const uint32_t *trace, size_t count,
			   uint32_t pages)
{
	const struct replacement *p = replacement_named("lru");
	struct replacement_setup setup = { .frames = frames, .pages = pages };
	struct replacement_counts counts = { .references = 0 };
	void *state;

	QUICK_EQ(p->create(&state, &setup), 0);
	p->run(state, trace, count, &counts);
	p->destroy(state);
	return counts.faults;
}

// Small numbers of pages pack their places many times, large ones grow.
START_TEST(distances_are_lru)
{
	enum { COUNT = 40000 };
	static const uint32_t sizes[] = { 1, 2, 40, 700, 1024, 9000 };
	static uint32_t trace[COUNT];
	uint32_t pages = sizes[_i];
	struct distances *distances;
	uint64_t faults = COUNT;

	replacement_trace(trace, COUNT, pages, 30, 70);
	QUICK_EQ(distances_create(&distances, 0), 0);
	for (size_t i = 0; i < COUNT; i += 800)
		QUICK_EQ(distances_add(distances, trace + i, 800), 0);
	QUICK_EQ(distances_references(distances), COUNT);
	QUICK_EQ(distances_faults(distances, 0), COUNT);
	for (uint32_t frames = 1; frames <= pages + 1; frames++) {
		faults -= distances_at(distances, frames);
		if (frames > 40 && frames % 97 && frames < pages - 2)
			continue;
		QUICK_EQ(distances_faults(distances, frames), faults);
		QUICK_EQ(lru_faults(frames, trace, COUNT, pages), faults);
	}
	QUICK_EQ(faults, distances_pages(distances));
	distances_free(distances);
}
END_TEST

START_TEST(distances_without_memory)
{
	struct distances *distances = NULL;
	uint32_t trace[] = { 5, 9, 5, 3000 };

	QUICK_EQ(distances_create(&distances, 1000), -ENOMEM);
	ck_assert_ptr_null(distances);
	QUICK_EQ(distances_create(&distances, 40000), 0);
	QUICK_EQ(distances_add(distances, trace, 4), -ENOMEM);
	QUICK_EQ(distances_references(distances), 0);
	QUICK_EQ(distances_add(distances, trace, 3), 0);
	QUICK_EQ(distances_at(distances, 2), 1);
	QUICK_EQ(distances_faults(distances, 2), 2);
	trace[0] = REPLACEMENT_PAGES - 1;
	QUICK_EQ(distances_add(distances, trace, 1), -EINVAL);
	distances_free(distances);
	distances_free(NULL);
}
END_TEST

// --- samples -----------------------------------------------------------------

// Pages whose number squared is evenly spread: few are used often.
static void favourites(uint32_t *trace, size_t count, uint32_t pages)
{
	struct random random = { 17 };

	for (size_t i = 0; i < count; i++) {
		double u = random_unit(&random);

		trace[i] = (uint32_t)(u * u * pages);
	}
}

START_TEST(sample_of_all_is_all)
{
	enum { COUNT = 2000 };
	static uint32_t trace[COUNT], kept[COUNT];
	struct sample *sample;
	size_t n;

	replacement_trace(trace, COUNT, 90, 30, 8);
	QUICK_EQ(sample_create(&sample, 1, 1), 0);
	QUICK_EQ(sample_keep(sample, trace, COUNT, kept, &n), 0);
	QUICK_EQ(n, COUNT);
	QUICK_EQ(sample_frames(sample, 33), 33);
	QUICK_EQ(sample_faults(sample, 77), 77);
	QUICK_EQ(lru_faults(20, kept, n, 90), lru_faults(20, trace, COUNT, 90));
	sample_free(sample);
	sample_free(NULL);
}
END_TEST

START_TEST(sample_chooses_pages)
{
	enum { COUNT = 200000, PAGES = 20000 };
	static uint32_t trace[COUNT], kept[COUNT];
	static uint32_t renamed[PAGES];
	static bool asked[PAGES];
	struct sample *sample, *alone;
	size_t n, at = 0;
	uint32_t met = 0;

	favourites(trace, COUNT, PAGES);
	for (size_t i = 0; i < COUNT; i += 3)
		trace[i] |= REFERENCE_WRITE;
	QUICK_EQ(sample_create(&sample, 0.1, 5), 0);
	QUICK_EQ(sample_create(&alone, 0.1, 5), 0);
	QUICK_EQ(sample_keep(sample, trace, COUNT, kept, &n), 0);
	QUICK_EQ(sample_seen(sample), COUNT);
	QUICK_EQ(sample_kept(sample), n);
	QUICK_EQ(sample_frames(sample, 1000), 100);
	QUICK_EQ(sample_frames(sample, 1), 1);

	// All references to a page are kept, or none, in their order. (Who is
	// chosen depends on nothing but the page and the seed.)
	for (size_t i = 0; i < COUNT; i++) {
		uint32_t page = trace[i] & ~REFERENCE_WRITE, first;
		size_t one;

		if (!asked[page]) {
			asked[page] = true;
			QUICK_EQ(sample_keep(alone, &page, 1, &first, &one), 0);
			renamed[page] = one ? ++met : 0;
		}
		if (!renamed[page])
			continue;
		QUICK_EQ(kept[at++],
			 (renamed[page] - 1) | (trace[i] & REFERENCE_WRITE));
	}
	sample_free(alone);
	QUICK_EQ(at, n);
	QUICK_EQ(met, sample_pages(sample));
	QUICK_GT(met, PAGES / 10 - 200);
	QUICK_LT(met, PAGES / 10 + 200);
	sample_free(sample);
	QUICK_EQ(sample_create(&sample, 0, 5), -EINVAL);
	QUICK_EQ(sample_create(&sample, 1.5, 5), -EINVAL);
	QUICK_EQ(sample_create(&sample, NAN, 5), -EINVAL);
}
END_TEST

// 4000 of 20,000 pages: the fault ratio of every policy within 0.05.
START_TEST(sample_estimates)
{
	enum { COUNT = 400000, PAGES = 20000, FRAMES = 4000 };
	static uint32_t trace[COUNT], kept[COUNT], next[COUNT];
	struct sample *sample;
	size_t n;

	favourites(trace, COUNT, PAGES);
	QUICK_EQ(sample_create(&sample, 0.2, 2), 0);
	QUICK_EQ(sample_keep(sample, trace, COUNT, kept, &n), 0);
	for (size_t i = 0; replacements[i]; i++) {
		const struct replacement *p = replacements[i];
		struct replacement_setup setup = { .frames = FRAMES,
						   .pages = PAGES };
		struct replacement_counts all = { .references = 0 }, some = all;
		void *state;

		if (!strcmp(p->name, "working-set"))
			setup.window = FRAMES;
		state = replacement_made(p, &setup, trace, COUNT, next);
		p->run(state, trace, COUNT, &all);
		p->destroy(state);

		setup.frames = sample_frames(sample, FRAMES);
		setup.window /= FRAMES / setup.frames;
		state = replacement_made(p, &setup, kept, n, next);
		p->run(state, kept, n, &some);
		p->destroy(state);

		double exact = (double)all.faults / COUNT;
		double guess = (double)sample_faults(sample, some.faults) /
			       COUNT;
		QUICK_MSG(fabs(exact - guess) < 0.05, "%s: %.4f, %.4f", p->name,
			  exact, guess);
	}
	sample_free(sample);
}
END_TEST

// --- sets --------------------------------------------------------------------

START_TEST(bits_find_neighbours)
{
	static const size_t sizes[] = {
		1, 63, 64, 65, 4095, 4096, 4097, 70000
	};
	size_t n = sizes[_i];
	bool *set = calloc(n, sizeof *set);
	struct random random = { 23 };
	struct bits bits;

	ck_assert_ptr_nonnull(set);
	QUICK_EQ(bits_create(&bits, n), 0);
	for (size_t round = 0; round < 3000; round++) {
		size_t i = random_below(&random, (uint32_t)n);
		size_t from = random_below(&random, (uint32_t)n + 1);
		size_t first = from, last = n;

		// Full at first, then nearly empty.
		set[i] = random_below(&random, 16) >= round / 150;
		(set[i] ? bits_set : bits_clear)(&bits, i);
		while (first < n && !set[first])
			first++;
		while (last && !set[last - 1])
			last--;
		QUICK_EQ(bits_first(&bits, from), first < n ? first : NO_BIT);
		QUICK_EQ(bits_last(&bits), last ? last - 1 : NO_BIT);
	}
	bits_free(&bits);
	free(set);
}
END_TEST

void add_replacement_paging(Suite *suite)
{
	TCase *tcase = tcase_create("paging");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, paging_plays_all);
	tcase_add_test(tcase, paging_steps);
	tcase_add_test(tcase, paging_refuses);
	tcase_add_test(tcase, numbering_counts_up);
	tcase_add_test(tcase, numbering_without_memory);
	tcase_add_loop_test(tcase, distances_are_lru, 0, 6);
	tcase_add_test(tcase, distances_without_memory);
	tcase_add_test(tcase, sample_of_all_is_all);
	tcase_add_test(tcase, sample_chooses_pages);
	tcase_add_test(tcase, sample_estimates);
	tcase_add_loop_test(tcase, bits_find_neighbours, 0, 8);
	suite_add_tcase(suite, tcase);
}

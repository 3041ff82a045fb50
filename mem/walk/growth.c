// # The tables that a page takes

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"
#include "mem/pages/pages.h"
#include "mem/walk/walk.h"
#include "options.h"

// ## Predicted, then counted
//
// A large range is reserved, without any right: that takes no table at all. In it
// lies a stretch that one entry of the root stands for (with five levels, of the
// tables below it), so nothing else of the process has tables there. Then single pages are touched, one after another. Before each
// the model says how many tables that will take, and VmPTE is read before and
// after it.
//
// The last place begins at a border of the last table's reach and asks for a huge
// page. Where the kernel grants one, the level above names it, and no last table
// is needed; yet one is counted. The kernel lays it by, for the day when the huge
// page has to be split and there may be no memory (pgtable_trans_huge_deposit).

struct reservation {
	struct paging paging;
	unsigned above;   // the level of the entry that is ours alone
	uint64_t own;     // bytes below it
	char *all, *base; // base: where the first such entry begins
	size_t bytes;
};

// Two entries of the root, if there is room for them; else of the next level.
static void reserve(struct reservation *r)
{
	char size[HUMAN_BYTES];

	r->above = first_counted(&r->paging) - 1;
	while (paging_shift(&r->paging, r->above) + 4 > user_bits(&r->paging))
		r->above++;
	r->own = UINT64_C(1) << paging_shift(&r->paging, r->above);
	r->bytes = 3 * r->own;
	r->all = mmap(NULL, r->bytes, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->all == MAP_FAILED)
		skip("no room to reserve %s of addresses: raise ulimit -v",
		     human_size(size, r->bytes));
	r->base = r->all + (r->own - (uintptr_t)r->all % r->own) % r->own;
}

// (A sanitizer would look at memory of its own first, which takes tables, too.)
__attribute__((noinline, no_sanitize("address", "thread"))) static void
store(char *place)
{
	*(volatile char *)place = 1;
}

// How many tables VmPTE grows by when this byte is first written.
static uint64_t touch(char *place)
{
	size_t page = page_bytes();
	char *begin = place - (uintptr_t)place % page;

	must(mprotect(begin, page,
		      PROT_READ | PROT_WRITE)); // too small to be huge
	uint64_t before = tables_counted();
	store(place);
	return tables_counted() - before;
}

// What the model says of a page above all those before it.
static uint64_t predict(const struct reservation *r, struct table_count *count,
			const char *place)
{
	size_t page = page_bytes();
	uintptr_t begin = (uintptr_t)place - (uintptr_t)place % page;
	uint64_t before = table_count_from(count, r->above + 1);

	must_neg(table_count_add(count, begin, begin + page));
	return table_count_from(count, r->above + 1) - before;
}

enum { MOST_PLACES = MOST_LEVELS + 4 };

struct place {
	char what[48];
	uint64_t offset;
	uint64_t predicted, counted;
};

static size_t list_places(const struct reservation *r,
			  struct place places[MOST_PLACES])
{
	const struct paging *p = &r->paging;
	uint64_t page = page_bytes();
	uint64_t reach = UINT64_C(1) << paging_shift(p, p->levels - 2);
	char text[HUMAN_BYTES];
	size_t n = 0;

	places[n++] = (struct place){ .what = "a page far from all others" };
	places[n++] = (struct place){ .what = "the next one", .offset = page };
	places[n++] = (struct place){ .what = "the last of that table",
				      .offset = reach - page };
	for (unsigned i = p->levels - 1; i-- > r->above;) {
		uint64_t border = UINT64_C(1) << paging_shift(p, i);
		snprintf(places[n].what, sizeof places[n].what,
			 "behind the border at %s", human_size(text, border));
		places[n++].offset = border;
	}
	return n;
}

static char *growth_table(const struct place *places, size_t n,
			  const char *base)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	fprintf(out, "%-30s %14s %10s %8s\n", "touched", "address", "predicted",
		"counted");
	for (size_t i = 0; i < n; i++)
		fprintf(out,
			"%-30s 0x%012" PRIxPTR " %10" PRIu64 " %8" PRIu64 "\n",
			places[i].what, (uintptr_t)base + places[i].offset,
			places[i].predicted, places[i].counted);
	fclose(out);
	return text;
}

// A whole reach of a last table, for which a huge page is asked.
static void play_huge(const struct reservation *r, struct table_count *count)
{
	uint64_t reach = UINT64_C(1)
			 << paging_shift(&r->paging, r->paging.levels - 2);
	char *place = r->base + r->own + 2 * reach;
	struct memory_use use;
	char size[HUMAN_BYTES];

	must(mprotect(place, reach, PROT_READ | PROT_WRITE));
	bool asked = madvise(place, reach, MADV_HUGEPAGE) == 0;
	uint64_t predicted = predict(r, count, place);
	uint64_t before = tables_counted();
	store(place);
	uint64_t counted = tables_counted() - before;
	must_neg(memory_use_between(&use, 0, (uintptr_t)place,
				    (uintptr_t)place + reach));
	say("a place for a huge page of %s: %s; tables: %" PRIu64,
	    human_size(size, reach),
	    use.anonymous_huge ? "granted"
	    : asked            ? "asked for, not granted"
			       : "there are none here",
	    counted);
	claim(counted == predicted,
	      "with or without a huge page, a last table is counted");
}

void scene_growth(void)
{
	struct reservation r = { 0 };
	struct place places[MOST_PLACES] = { 0 };
	char size[HUMAN_BYTES];
	uint64_t wrong = 0;

	need_paging_here(&r.paging);
	settle_tables();
	uint64_t first = tables_counted();
	reserve(&r);
	uint64_t reserved = tables_counted();
	say("%s of addresses reserved: VmPTE was %" PRIu64
	    " tables, is %" PRIu64,
	    human_size(size, r.bytes), first, reserved);
	claim(reserved == first, "what nobody has touched takes no table");

	struct table_count count = { .paging = &r.paging };
	size_t n = list_places(&r, places);
	for (size_t i = 0; i < n; i++) {
		char *place = r.base + places[i].offset;
		places[i].predicted = predict(&r, &count, place);
		places[i].counted = touch(place);
		wrong += places[i].predicted != places[i].counted;
	}
	char *table = growth_table(places, n, r.base);
	show_text(table);
	free(table);
	claim(wrong == 0, "VmPTE grows by what the model predicts, each time");
	play_huge(&r, &count);
	// (At the ends of the reservation others may have had tables, which stay
	// as long as it is mapped: only the stretch that is all ours is judged.)
	uint64_t full = tables_counted();
	must(munmap(r.base, 2 * r.own));
	uint64_t after = tables_counted();
	say("unmapped: VmPTE was %" PRIu64 " tables, is %" PRIu64, full, after);
	claim(full - after == table_count_from(&count, r.above + 1),
	      "with the mapping its tables go");
}

// # A flat table against the tables there are

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lab.h"
#include "mem/pages/pages.h"
#include "mem/walk/walk.h"
#include "options.h"

// ## What the levels are for
//
// A flat table has an entry for every page that there could be, and nearly all of
// them say "nothing here". Cut into levels, a table exists only where something
// is mapped below it, and its absence in the level above says "nothing" for all
// of its reach at once.
//
// How many tables this process needs is counted here by arithmetic, from what is
// there: once for the pages that have been touched (pagemap), once for all that
// is mapped (maps), as if every page of it had been. What the kernel has must lie
// between the two: a table is made when the first page below it is touched, and
// may stay when its pages go, as long as the mapping does. The kernel's number is
// VmPTE in /proc/self/status. It leaves out the root.

enum { ENTRY_BYTES = 8, CHUNK = 4096 };

struct use {
	struct table_count touched, mapped;
	uint64_t pages; // touched
};

// A frame as large as a table's whole reach is named by the entry above, and of a
// file the last table is not needed then: such mappings are left out.
static bool has_huge_pages(const struct mapping *mapping)
{
	struct memory_use sum;

	return memory_use_between(&sum, 0, mapping->begin, mapping->end) != 0 ||
	       sum.file_huge || sum.shared_memory_huge || sum.shared_hugetlb ||
	       sum.private_hugetlb;
}

static void count_touched(struct use *use, const struct pagemap *pagemap,
			  const struct mapping *mapping, struct page *pages)
{
	size_t page = page_bytes();
	uintptr_t at = mapping->begin;

	while (at < mapping->end) {
		size_t n = (mapping->end - at) / page;
		ssize_t got = must_neg(pagemap_read(
			pagemap, at, n < CHUNK ? n : CHUNK, pages));
		for (ssize_t i = 0; i < got; i++, at += page)
			if (pages[i].present || pages[i].swapped) {
				must_neg(table_count_add(&use->touched, at,
							 at + page));
				use->pages++;
			}
		if (got == 0)
			return;
	}
}

// (A mapping of terabytes, as sanitizers have, would take minutes to look
// through: it counts as not touched, and the bound is a lower one still.)
static void count_use(struct use *use, const struct paging *paging)
{
	const uint64_t most = UINT64_C(1) << 36;
	struct page *pages = must_ptr(calloc(CHUNK, sizeof *pages));
	struct pagemap pagemap;
	struct maps maps;

	must_neg(pagemap_open(&pagemap, 0));
	must_neg(maps_read(&maps, 0));
	for (size_t i = 0; i < maps.count; i++) {
		const struct mapping *m = &maps.all[i];
		if ((m->end - 1) >> user_bits(paging)) // [vsyscall]
			continue;
		if (m->end - m->begin <= most && !has_huge_pages(m))
			count_touched(use, &pagemap, m, pages);
	}
	maps_free(&maps);
	pagemap_close(&pagemap);
	free(pages);
}

static void count_mapped(struct use *use, const struct paging *paging)
{
	struct maps maps;

	must_neg(maps_read(&maps, 0));
	for (size_t i = 0; i < maps.count; i++)
		if (!((maps.all[i].end - 1) >> user_bits(paging)))
			must_neg(table_count_add(&use->mapped,
						 maps.all[i].begin,
						 maps.all[i].end));
	maps_free(&maps);
}

static char *use_table(const struct paging *paging, const struct use *use)
{
	char *text = NULL, reach[HUMAN_BYTES];
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	fprintf(out, "%-5s %14s %14s %14s %14s\n", "", "an entry is for",
		"tables in use", "entries in use", "if all touched");
	for (unsigned i = 0; i < paging->levels; i++)
		fprintf(out,
			"%-5s %15s %14" PRIu64 " %14" PRIu64 " %14" PRIu64 "\n",
			level_name(paging, i),
			human_size(reach, UINT64_C(1)
						  << paging_shift(paging, i)),
			use->touched.tables[i], use->touched.entries[i],
			use->mapped.tables[i]);
	fclose(out);
	return text;
}

// ## The notes' 32 bits
//
// 2^20 entries of four bytes are 4 MiB for every process, in the years when a
// machine had 16. Two levels of 10 bits each take a page for the root and one for
// each 4 MiB in which something lies.

static void play_32_bits(void)
{
	struct paging flat, two;

	must_neg(paging_parse(&flat, "1"));
	must_neg(paging_parse(&two, "2"));
	struct table_count count = { .paging = &two };
	must_neg(table_count_add(&count, 0x08048000, 0x08148000)); // program
	must_neg(table_count_add(&count, 0xbff00000, 0xc0000000)); // stack
	uint64_t bytes = table_count_from(&count, 0) * 4096;
	uint64_t flat_bytes = (UINT64_C(4) << flat.index_bits[0]);
	say("32 bits, a program and a stack of 1 MiB each:");
	say("flat %" PRIu64 " KiB, in two levels %" PRIu64 " KiB",
	    flat_bytes >> 10, bytes >> 10);
	claim(flat_bytes == UINT64_C(4) << 20 && bytes == 3 * 4096,
	      "20/12 takes 4 MiB whatever is mapped, 10/10/12 three pages");
}

void scene_flat(void)
{
	struct paging paging;
	struct use use = { 0 };
	char flat_text[HUMAN_BYTES], here_text[HUMAN_BYTES];

	play_32_bits();
	need_paging_here(&paging);
	use.touched.paging = use.mapped.paging = &paging;
	unsigned first = first_counted(&paging);
	uint64_t flat = (UINT64_C(1)
			 << (user_bits(&paging) - paging.offset_bits)) *
			ENTRY_BYTES;

	settle_tables();
	count_use(&use, &paging);
	uint64_t kernel = tables_counted();
	count_mapped(&use, &paging);
	char *table = use_table(&paging, &use);
	show_text(table);
	free(table);
	uint64_t touched = table_count_from(&use.touched, first);
	uint64_t mapped = table_count_from(&use.mapped, first);
	say("%" PRIu64 " pages are touched; VmPTE is %" PRIu64
	    " tables, %" PRIu64 " kB",
	    use.pages, kernel, kernel * page_bytes() >> 10);
	claim(touched <= kernel,
	      "the kernel has the %" PRIu64 " tables that these pages need",
	      touched);
	claim(kernel <= mapped,
	      "and no more than the %" PRIu64 " that all mappings could need",
	      mapped);
	uint64_t all = (kernel + first) * page_bytes();
	say("a flat table for %u bits: %s; the tables here: %s",
	    user_bits(&paging), human_size(flat_text, flat),
	    human_size(here_text, all));
	claim(all < flat / 1000,
	      "the levels take less than a thousandth of the flat table");
}

// # An index for each level

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"
#include "lab.h"
#include "mem/pages/pages.h"
#include "mem/walk/walk.h"

// ## The same address, four tables
//
// With 48 bits, one table would have 2^36 entries. So p is cut into pieces. The
// first is an index into a small table, the root, whose frame the CPU knows (CR3
// on x86). The entry there names the frame of another small table, the next piece
// is the index into that one, and so on; the last entry names the frame of the
// page. Whoever has the same upper bits walks through the same tables.

struct place {
	const char *what;
	uintptr_t address;
};

static char *place_table(const struct paging *paging,
			 const struct place *places, size_t n)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = must_ptr(open_memstream(&text, &bytes));

	fprintf(out, "%-9s %14s", "", "address");
	for (unsigned level = 0; level < paging->levels; level++)
		fprintf(out, " %5s", level_name(paging, level));
	fprintf(out, "  offset\n");
	for (size_t i = 0; i < n; i++) {
		uintptr_t v = places[i].address;
		fprintf(out, "%-9s 0x%012" PRIxPTR, places[i].what, v);
		for (unsigned level = 0; level < paging->levels; level++)
			fprintf(out, " %5" PRIu64,
				paging_index(paging, level, v));
		fprintf(out, "   0x%04" PRIx64 "\n", paging_offset(paging, v));
	}
	fprintf(out, "\ntables in common:\n%-9s", "");
	for (size_t i = 0; i + 1 < n; i++)
		fprintf(out, " %8s", places[i].what);
	for (size_t i = 1; i < n; i++) {
		fprintf(out, "\n%-9s", places[i].what);
		for (size_t k = 0; k < i; k++)
			fprintf(out, " %8u",
				paging_shared(paging, places[i].address,
					      places[k].address));
	}
	fprintf(out, "\n");
	fclose(out);
	return text;
}

static bool joins(const struct paging *paging, uintptr_t address)
{
	uint64_t indices[MOST_LEVELS];

	for (unsigned i = 0; i < paging->levels; i++)
		indices[i] = paging_index(paging, i, address);
	return paging_join(paging, indices, paging_offset(paging, address)) ==
	       address;
}

void scene_levels(void)
{
	struct paging paging;
	char shape[PAGING_BYTES];
	int on_stack = 0;
	int *on_heap = must_ptr(malloc(sizeof *on_heap));
	void *mapped = must(mmap(NULL, page_bytes(), PROT_READ,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	const struct place places[] = {
		{ "text", (uintptr_t)scene_levels },
		{ "heap", (uintptr_t)on_heap },
		{ "mapping", (uintptr_t)mapped },
		{ "library", (uintptr_t)getauxval },
		{ "stack", (uintptr_t)&on_stack },
		{ "vdso", (uintptr_t)getauxval(AT_SYSINFO_EHDR) },
	};
	enum { TEXT = 0, STACK = 4, PLACES = sizeof places / sizeof *places };
	size_t n = PLACES - (places[PLACES - 1].address == 0);
	uintptr_t text = places[TEXT].address, stack = places[STACK].address;
	bool whole = true, user = true;

	need_paging_here(&paging);
	say("an address here has %u bits, %s: %u tables to walk",
	    paging_bits(&paging), paging_text(shape, &paging), paging.levels);
	say("this one is a local variable's, 0x%" PRIxPTR, stack);
	show_address(&paging, stack);
	char *table = place_table(&paging, places, n);
	show_text(table);
	free(table);
	free(on_heap);
	for (size_t i = 0; i < n; i++) {
		whole = whole && joins(&paging, places[i].address);
		user = user && !(places[i].address >> user_bits(&paging));
	}
	claim(whole, "the indices and the offset make each address again");
	claim(user, "each is below 2^%u: the rest is the kernel's",
	      user_bits(&paging));
	claim(paging_shared(&paging, text, stack) == 1,
	      "text and stack are so far apart that they share only the root");
	claim(paging_shared(&paging, stack, (uintptr_t)&on_stack + 1) ==
			      paging.levels ||
		      paging_offset(&paging, stack + 1) == 0,
	      "two bytes of one page walk through all the same tables");
}

// ## Five levels
//
// 48 bits are 256 TiB, and there are machines with more to map. A CPU with la57
// has a fifth level, nine bits more, and a kernel may turn it on when it starts;
// only then does /proc/cpuinfo name the flag. Programs that keep data in the
// upper bits of pointers would break, so the kernel gives such addresses only to
// who asks: with a hint above 2^47 (5level-paging.rst). AArch64 has the same
// rule, for addresses of 52 bits.

static bool cpu_says_la57(void)
{
	char *line = NULL;
	size_t bytes = 0;
	bool found = false;
	FILE *in = fopen("/proc/cpuinfo", "re");

	if (!in)
		skip("/proc/cpuinfo cannot be read: mount /proc");
	while (!found && getline(&line, &bytes, in) != -1)
		found = !strncmp(line, "flags", 5) && strstr(line, " la57");
	free(line);
	fclose(in);
	return found;
}

static uintptr_t map_at(uintptr_t hint)
{
	void *got = must(mmap((void *)hint, page_bytes(), PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	must(munmap(got, page_bytes()));
	return (uintptr_t)got;
}

void scene_five(void)
{
	struct paging paging;
	char shape[PAGING_BYTES];

	need_paging_here(&paging);
#ifdef __x86_64__
	enum { USUAL = 47, HINT = 55 };
#else
	enum { USUAL = 48, HINT = 51 };
#endif
	uintptr_t hint = (uintptr_t)1 << HINT;
	uintptr_t plain = map_at(0), asked = map_at(hint);
	say("mmap without a wish: 0x%" PRIxPTR, plain);
	say("mmap near 2^%d:      0x%" PRIxPTR, HINT, asked);
	claim(plain >> USUAL == 0,
	      "who does not ask gets an address below 2^%d", USUAL);
	say("so the tables are %s", paging_text(shape, &paging));
#ifdef __x86_64__
	bool la57 = cpu_says_la57();
	say("/proc/cpuinfo has %s flag la57", la57 ? "the" : "no");
	claim(la57 == (asked >> USUAL != 0),
	      la57 ? "five levels: who asks for an address above is given one"
		   : "four levels: the wish for one above is not granted");
#else
	(void)cpu_says_la57;
	claim((asked >> USUAL != 0) == (paging_bits(&paging) > USUAL),
	      "who asks gets one above just where the tables reach there");
#endif
}

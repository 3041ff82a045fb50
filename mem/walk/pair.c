// # v = (p, d)

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"
#include "mem/pages/pages.h"
#include "mem/walk/walk.h"

// ## Page number and offset
//
// All pages are equally large, and the size is a power of two. So dividing an
// address by it needs no arithmetic: the upper bits are the quotient, p, the
// lower ones the remainder, d. The hardware wires them apart. Translation
// replaces p by the number of a frame and leaves d alone.
//
// The kernel shows a page table that is as plain as the textbook's: in
// /proc/self/pagemap the entry of page p is the eight bytes at 8 * p. (It is a
// drawing of the real tables, made when it is read.)

static int in_data = 1;

static bool is_present(uint64_t page)
{
	uint64_t entry;
	const uint64_t present = UINT64_C(1) << 63;
	int fd = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	ssize_t n = must(
		pread(fd, &entry, sizeof entry, (off_t)(page * sizeof entry)));

	must(close(fd));
	return n == sizeof entry && (entry & present);
}

static void claim_borders(size_t page)
{
	char *two = must(mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	uintptr_t last = (uintptr_t)two + page - 1, next = last + 1;

	claim(last % page == page - 1 && next / page == last / page + 1 &&
		      next % page == 0,
	      "behind the last byte of a page comes p + 1, d = 0");
	*(volatile char *)two = 1;
	bool here = is_present((uintptr_t)two / page);
	bool there = is_present(next / page);
	say("of two new pages I touch the first: %s, %s",
	    here ? "present" : "not present",
	    there ? "present" : "not present");
	claim(here && !there,
	      "the entry of p lies at byte 8 * p of /proc/self/pagemap");

	int refused = mprotect(two + 1, page, PROT_READ) == -1 ? errno : 0;
	claim(refused == EINVAL,
	      "rights belong to pages: mprotect refuses d = 1 (EINVAL)");
	must(munmap(two, 2 * page));
}

// A page below 4 GiB, where the notes' addresses have their place.
static void show_32_bits(void)
{
	struct paging paging;
	const size_t four_kib = 4096;
	uintptr_t address = 0x08048abc; // where 32-bit programs used to begin
	void *low = mmap((void *)(address - address % page_bytes()),
			 page_bytes(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0);

	must_neg(paging_parse(&paging, "1"));
	say("32 bits, 20 for p and 12 for d: 0x%08" PRIxPTR "%s", address,
	    low == MAP_FAILED ? "" : " (mapped here)");
	show_address(&paging, address);
	claim(paging_index(&paging, 0, address) == address / four_kib &&
		      paging_offset(&paging, address) == address % four_kib,
	      "p is the address divided by 4096, d what remains");
	if (low != MAP_FAILED)
		must(munmap(low, page_bytes()));
}

void scene_pair(void)
{
	size_t page = page_bytes();
	unsigned bits = (unsigned)__builtin_ctzl(page);
	int on_stack = 0;
	int *on_heap = must_ptr(malloc(sizeof *on_heap));
	const struct {
		const char *what;
		uintptr_t address;
	} mine[] = {
		{ "a function", (uintptr_t)scene_pair },
		{ "a global variable", (uintptr_t)&in_data },
		{ "a block of malloc", (uintptr_t)on_heap },
		{ "a local variable", (uintptr_t)&on_stack },
	};
	bool whole = true, wired = true;

	show_32_bits();
	say("here a page has %zu bytes: d is %u bits", page, bits);
	for (size_t i = 0; i < sizeof mine / sizeof *mine; i++) {
		uintptr_t v = mine[i].address, p = v / page, d = v % page;
		say("%-17s 0x%012" PRIxPTR " = (0x%" PRIxPTR ", 0x%03" PRIxPTR
		    ")",
		    mine[i].what, v, p, d);
		whole = whole && p * page + d == v;
		wired = wired && p == v >> bits && d == (v & (page - 1));
	}
	free(on_heap);
	claim(whole, "p * size + d is the address again, of all four");
	claim(wired, "p is the upper bits as they stand, d the lower %u", bits);
	claim_borders(page);
}

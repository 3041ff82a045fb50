// # The shape of this machine's page tables
//
// Tables fill one page each and have entries of eight bytes, so a page of 4 KiB
// makes 9 bits a level, one of 16 KiB 11, one of 64 KiB 13. How many levels there
// are follows from how many bits an address has, and that the kernel tells by
// where it puts things: the stack lies at the upper end, and a page is mapped
// above the usual end only for who asks for an address there
// (Documentation/arch/x86/x86_64/5level-paging.rst; arch/arm64/memory.rst).

#define _GNU_SOURCE
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"
#include "mem/pages/pages.h"
#include "mem/walk/walk.h"

// Whether a page can be had at or above 2^bits, where a hint asks for it.
static bool reaches_above(unsigned bits, unsigned hint_bit)
{
	uintptr_t hint = (uintptr_t)1 << hint_bit;
	size_t page = page_bytes();
	void *got = mmap((void *)hint, page, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (got == MAP_FAILED)
		return false;
	must(munmap(got, page));
	return (uintptr_t)got >> bits != 0;
}

// The bits that the stack's address takes.
__attribute__((unused)) static unsigned stack_bits(void)
{
	return 64 -
	       (unsigned)__builtin_clzll((uintptr_t)__builtin_frame_address(0));
}

static unsigned address_bits(void)
{
#if defined __x86_64__
	return reaches_above(47, 55) ? 57 : 48;
#elif defined __aarch64__
	static const unsigned usual[] = { 36, 39, 42, 47, 48 };
	if (reaches_above(48, 51))
		return 52;
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (stack_bits() <= usual[i])
			return usual[i];
	return 52;
#elif defined __riscv && __riscv_xlen == 64
	if (reaches_above(47, 55))
		return 57;
	return stack_bits() > 38 ? 48 : 39;
#else
	return 0;
#endif
}

bool paging_here(struct paging *paging)
{
	unsigned bits = address_bits();

	if (bits == 0)
		return false;
	*paging = paging_of(bits, (unsigned)__builtin_ctzl(page_bytes()));
	return true;
}

void need_paging_here(struct paging *paging)
{
	if (!paging_here(paging))
		skip("how this architecture's page tables divide an address is "
		     "not known here: x86-64, AArch64 and 64-bit RISC-V are");
}

unsigned user_bits(const struct paging *paging)
{
#ifdef __aarch64__
	return paging_bits(paging); // the kernel's half has a root of its own
#else
	return paging_bits(paging) - 1;
#endif
}

unsigned first_counted(const struct paging *paging)
{
	enum { COUNTED = 3 };

	return paging->levels > COUNTED + 1 ? paging->levels - COUNTED : 1;
}

bool addresses_are_signed(void)
{
#ifdef __aarch64__
	return false;
#else
	return true;
#endif
}

// Linux folds the middle levels where there are fewer than five.
const char *level_name(const struct paging *paging, unsigned level)
{
	static const char *const names[] = { "PTE", "PMD", "PUD", "P4D" };

	return level == 0 ? "PGD" : names[paging->levels - 1 - level];
}

uint64_t tables_counted(void)
{
	uint64_t bytes;

	must_neg(status_field(0, "VmPTE", &bytes));
	return bytes / page_bytes();
}

// What the calls themselves need is touched once: so much stack, what status_field
// allocates. Later calls then take no table of their own.
__attribute__((noinline)) void settle_tables(void)
{
	enum { ENOUGH = 32 * 1024, STEP = 1024 };
	char stack[ENOUGH];

	for (int i = 0; i < ENOUGH; i += STEP)
		*(volatile char *)&stack[i] = 1;
	tables_counted();
	tables_counted();
}

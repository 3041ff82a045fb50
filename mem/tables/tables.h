// tables.h - how page tables divide an address, and how many of them it takes
//
// A virtual address is a row of bits. The lowest are the offset in the page. The
// rest is the page number: one index into one large table, or cut into several,
// each an index into a small table that was found by the one before. Nothing here
// looks at the machine: the shape of its tables is given, the numbers follow.
//
// There is no state, nothing is printed, any thread may call. Errors are -errno.
//
// Sources: Intel 64 and IA-32 Architectures Software Developer's Manual, volume
// 3A, "Paging"; Arm Architecture Reference Manual, "The AArch64 Virtual Memory
// System Architecture"; Linux, Documentation/mm/page_tables.rst.

#ifndef MEM_TABLES_H
#define MEM_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MOST_LEVELS = 6 };

struct paging {
	unsigned levels;                  // tables on the way to a page
	unsigned index_bits[MOST_LEVELS]; // of each; [0] is the root's
	unsigned offset_bits;
};

// From a text: "1" to "5" are the classical ones (20/12 and 10/10/12 of 32 bits,
// 2/9/9/12 of PAE, 9/9/9/9/12 of 48 and 9/9/9/9/9/12 of 57 bits); a list such as
// "36,12" has the bits of each index from the root on, and of the offset at its
// end. -EINVAL: neither; -ERANGE: more than 64 bits, an index of more than 52, or
// an offset of more than 30.
int paging_parse(struct paging *paging, const char *text);

// The shape that a machine has whose tables fill one page each, with entries of
// eight bytes, and whose addresses have that many bits; what is left over is the
// root's. page_bits is 12 to 16, address_bits above it, at most 64.
struct paging paging_of(unsigned address_bits, unsigned page_bits);

// "9/9/9/9/12". Returns text.
enum { PAGING_BYTES = 32 };
const char *paging_text(char text[PAGING_BYTES], const struct paging *paging);

// All bits of an address, 64 at most.
unsigned paging_bits(const struct paging *paging);

// How many bits lie below the index of that level: one entry there stands for
// 2^that bytes.
unsigned paging_shift(const struct paging *paging, unsigned level);

// The index into the table of that level, and the offset; and the way back. Bits
// above the address's own are left out.
uint64_t paging_index(const struct paging *paging, unsigned level,
		      uint64_t address);
uint64_t paging_offset(const struct paging *paging, uint64_t address);
uint64_t paging_join(const struct paging *paging, const uint64_t *indices,
		     uint64_t offset);

// The bits above are copies of the highest one that is used, as a 64-bit CPU
// wants it (SDM volume 1, "Canonical Addressing").
bool paging_is_canonical(const struct paging *paging, uint64_t address);

// How many tables, from the root, two addresses have in common: 1 to levels.
unsigned paging_shared(const struct paging *paging, uint64_t a, uint64_t b);

// How many tables a set of pages takes, and how many of their entries are in use,
// level by level. Zeroed but for `paging` at first; ranges [begin, end) are then
// added in ascending order, without overlap. O(levels) each. -EINVAL: not
// ascending, or empty; nothing is counted.
struct table_count {
	const struct paging *paging;
	uint64_t tables[MOST_LEVELS], entries[MOST_LEVELS];
	uint64_t last; // the last byte counted
};
int table_count_add(struct table_count *count, uint64_t begin, uint64_t end);

// The sum over the levels from `first` to the last one.
uint64_t table_count_from(const struct table_count *count, unsigned first);

#endif

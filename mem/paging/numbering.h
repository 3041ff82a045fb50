// numbering.h - sparse 64-bit page numbers become 0, 1, 2, ...
//
// Programs use few pages of a huge address space. Each page gets a small
// number when it is first met; from then on policies index arrays with it. It
// is done once for all policies and frame counts.
//
// A hash table with open addressing and linear probing, at most three quarters
// full (Knuth, The Art of Computer Programming 3, section 6.4, algorithm L):
// O(1) a number on average. 24 to 40 bytes for each distinct page, half as much
// again while it grows.

#ifndef MEM_PAGING_NUMBERING_H
#define MEM_PAGING_NUMBERING_H

#include <stddef.h>
#include <stdint.h>

struct numbering;

// memory_bytes: as in struct paging_setup. 0 or -ENOMEM; *numbering is written
// on success only. Free takes NULL, too.
int numbering_create(struct numbering **numbering, uint64_t memory_bytes);
void numbering_free(struct numbering *numbering);

// Translates `count` page numbers to references: the page's small number and,
// where `writes` (may be NULL) is not 0, REFERENCE_WRITE. 0, -ENOMEM or -EFBIG
// (more distinct pages than REPLACEMENT_PAGES - 1); then what was new stays
// numbered.
int numbering_translate(struct numbering *numbering, const uint64_t *pages,
			const uint8_t *writes, size_t count,
			uint32_t *references);

// The number of distinct pages so far; the 64-bit number of one of them.
uint32_t numbering_count(const struct numbering *numbering);
uint64_t numbering_page(const struct numbering *numbering, uint32_t page);

uint64_t numbering_bytes(const struct numbering *numbering);

#endif

// distances.h - LRU for all numbers of frames at once
//
// LRU keeps the pages in the order of their last use, a stack. With f frames
// the first f of it are resident. So a reference hits exactly when its page is
// among the first f, and its depth, the *stack distance*, answers for every f:
// one pass gives the whole curve of faults against frames. It never rises
// (inclusion): LRU has no anomaly.
//
// Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques for storage
// hierarchies", IBM Systems Journal 9 (1970). The depth is the number of
// distinct pages since the last use: one bit at the last use of each page, and
// a Fenwick tree that counts the bits behind a place (Bennett, Kruskal, "LRU
// stack processing", IBM Journal of R&D 19, 1975). When the places are used up
// the bits are packed together, which happens at most every second `pages`
// references: O(log pages) amortised, memory for the distinct pages only.

#ifndef MEM_PAGING_DISTANCES_H
#define MEM_PAGING_DISTANCES_H

#include <stddef.h>
#include <stdint.h>

struct distances;

// memory_bytes: as in struct paging_setup. 0 or -ENOMEM; *distances is written
// on success only. Free takes NULL, too.
int distances_create(struct distances **distances, uint64_t memory_bytes);
void distances_free(struct distances *distances);

// Any page less than REPLACEMENT_PAGES - 1; writes count like reads. 0, -EINVAL
// (a page out of range) or -ENOMEM; then nothing of the batch was counted.
int distances_add(struct distances *distances, const uint32_t *references,
		  size_t count);

// How many references there were, and how many distinct pages.
uint64_t distances_references(const struct distances *distances);
uint32_t distances_pages(const struct distances *distances);

// How many references found their page at this depth: 1 .. distances_pages.
uint64_t distances_at(const struct distances *distances, uint32_t depth);

// LRU's faults with so many frames; O(frames). For the whole curve, count down:
// faults with 0 frames are all references, and f frames have distances_at(f)
// less than f - 1 frames.
uint64_t distances_faults(const struct distances *distances, uint32_t frames);

uint64_t distances_bytes(const struct distances *distances);

#endif

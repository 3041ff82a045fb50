// visit.h - one visit to a segment: what thunk.S and reach.c share

#ifndef MEM_SEGMENT_VISIT_H
#define MEM_SEGMENT_VISIT_H

// Offsets of the members below.
#define VISIT_RSP 0
#define VISIT_SELECTOR 8
#define VISIT_OFFSET 12
#define VISIT_VALUE 16
#define VISIT_STACK 20
#define VISIT_ENTRY 24

#ifndef __ASSEMBLER__

#include <stdint.h>

struct visit {
	uint64_t rsp;      // of the 64-bit side, while we are there
	uint32_t selector; // s of v = (s, d)
	uint32_t offset;   // d
	uint32_t value;    // to be stored, or what was found
	uint32_t stack;    // top of the 32-bit stack
	uint32_t entry;    // where to begin: an offset of the code segment,
	uint16_t code;     // and its selector
};

#endif
#endif

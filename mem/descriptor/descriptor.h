// descriptor.h - segment descriptors, selectors and error codes of x86
//
// A segment of x86 is eight bytes in a table: where it begins (base), where it
// ends (limit), what one may do there (type), who may (DPL), whether it is in
// memory at all (P). Programs do not name the segment by its base but by a
// selector, 16 bits: which table, which entry, with which right. This module
// packs and unpacks the three, and says what the CPU's checks would say.
//
//        63    56 55 54 53 52  51    48 47 46 45 44 43  40 39    32
//       | base   |  |D/|  |   | limit  |  | D  |  |      | base    |
//       | 31..24 |G |B |L |AVL| 19..16 |P | PL |S | type | 23..16  |
//       | base 15..0                   | limit 15..0               |
//        31                          16 15                        0
//
// Nothing here needs an x86, and nothing fails. All in O(1).
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume
// 3A: 3.4.2 selectors, 3.4.5 descriptors, table 3-1 types, 5.3 limit checking,
// 6.13 error codes.

#ifndef MEM_DESCRIPTOR_H
#define MEM_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The four bits of a type, where S is 1. Bit 3 says how bits 1 and 2 are read.
enum {
	TYPE_ACCESSED = 1,   // the CPU sets it
	TYPE_WRITABLE = 2,   // of data
	TYPE_READABLE = 2,   // of code
	TYPE_GROWS_DOWN = 4, // of data
	TYPE_CONFORMING = 4, // of code
	TYPE_CODE = 8,
};

enum { LIMIT_MOST = 0xfffff, SELECTOR_INDEX_MOST = 0x1fff };

struct descriptor {
	uint32_t base;  // linear address of offset 0
	uint32_t limit; // 20 bits: bytes, or pages of 4 KiB where `pages`
	uint8_t type;   // 4 bits
	uint8_t dpl;    // 2 bits: 0 the kernel's, 3 everybody's
	bool memory;    // S: a segment of code or data; else the system's
	bool present;   // P
	bool available; // AVL: the system's own use
	bool long_mode; // L: 64-bit code
	bool big;       // D/B: 32 bits; where it is clear, 16
	bool pages;     // G
};

uint64_t descriptor_encode(const struct descriptor *descriptor);
struct descriptor descriptor_decode(uint64_t bits);

// The offsets that lie in the segment: lowest to highest. The limit is the last
// one, or, where it grows down, the last one that is outside. Returns false
// where there is none.
bool descriptor_offsets(const struct descriptor *descriptor, uint32_t *lowest,
			uint32_t *highest);

// What the CPU checks at an access of `bytes` >= 1 through a register that holds
// this segment. Whether it is present was checked when the register was loaded.
enum segment_use { USE_READ, USE_WRITE, USE_EXECUTE };
bool descriptor_allows(const struct descriptor *descriptor,
		       enum segment_use use, uint32_t offset, uint32_t bytes);

// Its linear address: the sum, modulo 2^32.
uint32_t descriptor_address(const struct descriptor *descriptor,
			    uint32_t offset);

// The type in words: "data, read and write, grows down". Lives for ever.
const char *descriptor_type_name(const struct descriptor *descriptor);

// The smallest limit and G of a segment of `bytes` >= 1 that grows up. Up to
// 1 MiB it is exact, then whole pages: returns the bytes it has.
uint64_t descriptor_set_bytes(struct descriptor *descriptor, uint64_t bytes);

// ## Selectors

struct selector {
	uint16_t index; // 13 bits
	bool local;     // TI: the LDT, else the GDT
	uint8_t rpl;    // 2 bits
};

uint16_t selector_encode(struct selector selector);
struct selector selector_decode(uint16_t bits);

// Whether it is a null selector: index 0 of the GDT, whatever the RPL.
bool selector_is_null(uint16_t bits);

// ## Error codes
//
// What #NP, #SS, #GP (and #TS) push: 0, or which selector it was about, with the
// RPL's place taken by two flags.

struct selector_error {
	uint16_t index;
	bool local;     // TI: the LDT's entry
	bool interrupt; // IDT: an entry of that table
	bool external;  // EXT: while an event from outside was delivered
};

struct selector_error selector_error_decode(uint32_t code);

#endif

// reach.h - segments of this process, and how to get at what is in them
//
// A process of Linux has a descriptor table of its own, the LDT, which
// modify_ldt(2) writes; fork copies it, threads share it. The scenes make
// segments of a little memory below 4 GiB (the arena), and visit them: 32-bit
// code (thunk.S) takes v = (s, d), a selector and an offset, and the CPU adds
// the base and checks limit and rights. A fault comes back as an answer.
//
// Each scene begins with reach_begin, which leaves it (skip) where there is no
// such table: another processor, or a kernel that has no modify_ldt.

#ifndef MEM_SEGMENT_REACH_H
#define MEM_SEGMENT_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/descriptor/descriptor.h"

enum { ARENA_BYTES = 64 * 1024 };

void reach_begin(void);

// ARENA_BYTES of zeros below 4 GiB, at the beginning of a page.
uint8_t *arena(void);

// The arena's address at `at`, as 32-bit code has it.
uint32_t arena_address(size_t at);

// Lets the arena's bytes be executed, and no longer written, or the reverse.
void arena_execute(bool executable);

// ## The table

// Entry 0 is the code's that visits.
enum { ENTRY_CODE, ENTRY_ONE, ENTRY_TWO, ENTRY_THREE, ENTRY_BIG = 8191 };

// Writes an entry, as the kernel allows it: DPL, S and L are its own choice.
// Returns 0 or -errno.
int try_entry(unsigned entry, const struct descriptor *descriptor);

// The same where it must work. Returns the selector.
uint16_t put_entry(unsigned entry, const struct descriptor *descriptor);

// The eight bytes as they stand in the kernel's table; 0 beyond its end.
uint64_t entry_bits(unsigned entry);

// A segment of the arena from `at`, of `bytes`, which may be read and written.
struct descriptor data_segment(size_t at, uint64_t bytes);

// The same of the type given, 32 bits.
struct descriptor code_segment(size_t at, uint64_t bytes, unsigned type);

// The selector of an entry, also of one that is not there.
uint16_t entry_selector(unsigned entry);

// ## Visits

enum act {
	ACT_LOAD,  // the byte at v
	ACT_STORE, // a byte to v
	ACT_TAKE,  // only load the segment register (ES)
	ACT_PUSH,  // push 4 bytes on a stack whose top is v
	ACT_CALL,  // far call of v, which has to end with lret
	ACT_OWN,   // the byte at d of the visiting code's segment
	ACT_SUM,   // the sum of the 4-byte words from 0 to d of s
	ACT_JUMP,  // jump to d of the visiting code's segment
	ACTS
};

enum { VECTOR_NONE = -1, VECTOR_NP = 11, VECTOR_SS = 12, VECTOR_GP = 13 };

// As the kernel tells a signal handler (siginfo_t, ucontext_t).
struct fault {
	int vector;     // REG_TRAPNO; VECTOR_NONE: there was none
	uint32_t error; // REG_ERR
	int signal, code;
	uint16_t cs;         // of REG_CSGSFS
	uint32_t ip;         // REG_RIP: an offset in cs
	uint16_t handler_cs; // where the handler itself runs
};

struct answer {
	uint32_t value;
	struct fault fault;
};

struct answer visit(enum act act, uint16_t s, uint32_t d, uint32_t value);

// From here on visits run in the code segment of this selector, which must have
// the base of entry 0.
void visit_in(uint16_t code);

// The descriptor of entry 0.
struct descriptor visiting_code(void);

// Asked at each fault; true has the instruction executed again. NULL: nobody.
// It runs in the signal handler.
void visit_mend(bool (*mend)(const struct fault *fault));

#endif

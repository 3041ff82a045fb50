// # The table: what is not there, what is nobody's, what is not allowed

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "lab.h"
#include "mem/segment/segment.h"

// ## absent
//
// P = 0: the segment exists, and is not in memory. All other bits may then be
// what the system likes. The fault #NP comes when a register is loaded, not at
// each access; its error code names the segment, so the system can fetch it and
// have the instruction executed again: swapping by segments, as page faults are
// by pages. The handler below is such a system: its disk is an array.

enum { HOME = 0x40, WORDS = 16, SWAPPED_BYTES = WORDS * 4 };

static uint8_t disk[SWAPPED_BYTES];
static unsigned fetched;

static bool fetch(const struct fault *fault)
{
	struct selector_error which = selector_error_decode(fault->error);

	if (fault->vector != VECTOR_NP || which.index != ENTRY_ONE)
		return false;
	memcpy(arena() + HOME, disk, sizeof disk);
	struct descriptor d = data_segment(HOME, SWAPPED_BYTES);
	fetched++;
	return try_entry(which.index, &d) == 0;
}

void scene_absent(void)
{
	reach_begin();
	struct descriptor d = data_segment(HOME, SWAPPED_BYTES);
	uint16_t s = entry_selector(ENTRY_ONE);
	uint32_t sum = 0;

	for (uint32_t i = 0; i < WORDS; i++) {
		memcpy(disk + 4 * i, &i, sizeof i);
		sum += i;
	}
	d.present = false;
	put_entry(ENTRY_ONE, &d);
	tell_segment(s);
	struct answer take = visit(ACT_TAKE, s, 0, 0);
	tell_answer("load", s, 0, take);
	claim(faulted(take, VECTOR_NP, s & ~3u),
	      "loading it is #NP, with its selector: SIGBUS");
	struct answer stack = visit(ACT_PUSH, s, SWAPPED_BYTES, 0);
	tell_answer("push", s, SWAPPED_BYTES, stack);
	claim(faulted(stack, VECTOR_SS, s & ~3u),
	      "an absent stack is #SS, with its selector");

	visit_mend(fetch);
	say("a program adds up the segment; a handler fetches it");
	struct answer answer = visit(ACT_SUM, s, SWAPPED_BYTES, 0);
	tell_segment(s);
	say("fetched %u time, sum %u", fetched, answer.value);
	claim(fetched == 1 && worked(answer) && answer.value == sum,
	      "fetched on demand; the program noticed nothing");
}

// ## null
//
// Selector 0 is nobody's: entry 0 of the GDT is not used. A register may hold it,
// so that a pointer may be null; to use it is a fault. (A null pointer of pages
// faults only because nobody maps page 0.) Other wrong selectors are found
// when they are loaded.

void scene_null(void)
{
	enum { KERNEL_DATA = 0x18, UNUSED = 4711 };

	reach_begin();
	struct answer taken = visit(ACT_TAKE, 0, 0, 0),
		      used = visit(ACT_LOAD, 0, 0, 0);
	say("load (0x00): %s", worked(taken) ? "no fault" : "a fault");
	tell_answer("read", 0, 0, used);
	claim(worked(taken), "a register may hold the null selector");
	claim(faulted(used, VECTOR_GP, 0), "its use is #GP, error code 0");
	struct answer stack = visit(ACT_PUSH, 0, 0x100, 0);
	tell_answer("push", 0, 0x100, stack);
	claim(faulted(stack, VECTOR_GP, 0), "SS must not even hold it");

	uint16_t s = entry_selector(UNUSED);
	struct answer unused = visit(ACT_TAKE, s, 0, 0);
	tell_answer("load", s, 0, unused);
	claim(faulted(unused, VECTOR_GP, s & ~3u),
	      "an entry that nobody wrote is #GP, by name");
	struct answer kernel = visit(ACT_TAKE, KERNEL_DATA | 3, 0, 0);
	tell_answer("load", KERNEL_DATA | 3, 0, kernel);
	claim(faulted(kernel, VECTOR_GP, KERNEL_DATA),
	      "the kernel's own (DPL 0) is not for us: #GP, by name");
}

// ## rules
//
// The descriptor decides what the CPU lets a program do. A process that could
// write any eight bytes could make itself a gate into the kernel. So it may only
// say base, limit and kind, and the kernel writes: DPL 3, S 1, L 0.

static bool refused(const char *what, int error)
{
	say("%s: %s", what, error == -EINVAL ? "EINVAL" : "taken");
	return error == -EINVAL;
}

void scene_rules(void)
{
	reach_begin();
	struct descriptor d = data_segment(0x100, 0x40);

	d.dpl = 0;
	d.memory = false;
	d.long_mode = true;
	uint16_t s = put_entry(ENTRY_ONE, &d);
	say("I ask for DPL 0, S = 0 and L = 1");
	tell_segment(s);
	struct descriptor got = descriptor_decode(entry_bits(ENTRY_ONE));
	claim(got.dpl == 3 && got.memory && !got.long_mode,
	      "it is DPL 3, S = 1, L = 0 all the same");
	d.dpl = got.dpl;
	d.memory = true;
	d.long_mode = false;
	d.type |= TYPE_ACCESSED;
	claim(descriptor_encode(&d) == entry_bits(ENTRY_ONE),
	      "all other bits are as asked: %016llx",
	      (unsigned long long)entry_bits(ENTRY_ONE));

	struct descriptor gate = code_segment(0x100, 0x40,
					      TYPE_CODE | TYPE_CONFORMING);
	claim(refused("conforming code", try_entry(ENTRY_TWO, &gate)),
	      "code that keeps its caller's privilege is refused");
	gate.present = false;
	claim(!refused("the same, not present", try_entry(ENTRY_TWO, &gate)),
	      "unless it is not present");
	claim(!refused("entry 8191", try_entry(ENTRY_BIG, &d)) &&
		      refused("entry 8192", try_entry(ENTRY_BIG + 1, &d)),
	      "13 bits of a selector: 8192 entries and no more");
	d.big = false;
	if (refused("16 bits (D/B = 0)", try_entry(ENTRY_THREE, &d)))
		say("this kernel is one without CONFIG_X86_16BIT");
}

// # The limit
//
// Before the CPU adds d to the base it compares it: d may be at most the limit.
// A page table has no such thing. There the end of an array is somewhere within
// a page, and who goes one byte too far reads what lies behind; a segment ends
// at a byte.

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "lab.h"
#include "mem/segment/segment.h"

// ## limit

void scene_limit(void)
{
	enum { AT = 0x100, BYTES = 100, LAST = BYTES - 1 };

	reach_begin();
	struct descriptor segment = data_segment(AT, BYTES);
	uint16_t s = put_entry(ENTRY_ONE, &segment);

	memset(arena(), '.', 0x400);
	arena()[AT + LAST] = 'z';
	arena()[AT + LAST + 1] = '!';
	tell_segment(s);
	struct answer last = visit(ACT_LOAD, s, LAST, 0);
	tell_answer("read", s, LAST, last);
	tell_address(s, LAST + 1);
	struct answer beyond = visit(ACT_LOAD, s, LAST + 1, 0);
	tell_answer("read", s, LAST + 1, beyond);
	claim(worked(last) && last.value == 'z', "d = limit is the last byte");
	claim(faulted(beyond, VECTOR_GP, 0),
	      "d = limit + 1 is #GP with error code 0: SIGSEGV");
	claim(arena()[AT + LAST + 1] == '!',
	      "though the byte is there, in the same page");
	claim(beyond.fault.cs == entry_selector(ENTRY_CODE) &&
		      beyond.fault.handler_cs != beyond.fault.cs,
	      "from 32-bit code (CS 0x%02x) to a handler of 64 (0x%02x)",
	      beyond.fault.cs, beyond.fault.handler_cs);

	struct answer far = visit(ACT_LOAD, s, UINT32_MAX, 0);
	claim(faulted(far, VECTOR_GP, 0),
	      "d = 0x%x is no way round to base - 1", UINT32_MAX);

	segment = data_segment(AT, 6);
	uint16_t six = put_entry(ENTRY_TWO, &segment);
	struct answer words = visit(ACT_SUM, six, 8, 0);
	tell_answer("add up", six, 8, words);
	claim(worked(visit(ACT_SUM, six, 4, 0)) && faulted(words, VECTOR_GP, 0),
	      "of 4 bytes all must be inside: 4 to 7 of 6 are not");

	segment = data_segment(AT, BYTES + 1);
	put_entry(ENTRY_ONE, &segment);
	say("the limit is raised by one, as brk(2) would");
	struct answer now = visit(ACT_LOAD, s, LAST + 1, 0);
	tell_answer("read", s, LAST + 1, now);
	claim(worked(now) && now.value == '!', "a segment can grow");

	segment = data_segment(0, 4096);
	segment.pages = true;
	segment.limit = 0;
	put_entry(ENTRY_ONE, &segment);
	say("20 bits reach for 1 MiB; with G they count 4 KiB: limit 0");
	claim(worked(visit(ACT_LOAD, s, 4095, 0)) &&
		      faulted(visit(ACT_LOAD, s, 4096, 0), VECTOR_GP, 0),
	      "with G set, limit 0 ends at d = 4095");
}

// ## down
//
// A stack grows towards lower addresses. A segment for it turns the comparison
// round: the limit is the last offset that is *outside*, and the offsets go from
// there up to the highest number there is. Lowering the limit then adds room at
// the lower end, and no d changes.
//
// With D/B = 1 the highest offset is 0xffffffff, so d is -1, -2 ...; the base is
// then one past the highest byte, which is how --ostep=segmentation has it
// for its segment 1. With D/B = 0 it is 0xffff.

void scene_down(void)
{
	enum { TOP = 0x4000, PAGE = 0x1000 };

	reach_begin();
	struct descriptor segment = data_segment(TOP, PAGE);
	uint16_t s = entry_selector(ENTRY_ONE);

	segment.type |= TYPE_GROWS_DOWN;
	segment.pages = true;
	segment.limit = LIMIT_MOST - 1;
	put_entry(ENTRY_ONE, &segment);
	arena()[TOP - 1] = 'T';
	arena()[TOP - PAGE] = 'L';
	tell_segment(s);
	struct answer top = visit(ACT_LOAD, s, -1u, 0),
		      low = visit(ACT_LOAD, s, -(uint32_t)PAGE, 0),
		      under = visit(ACT_LOAD, s, -(uint32_t)PAGE - 1, 0),
		      zero = visit(ACT_LOAD, s, 0, 0);
	tell_answer("read", s, -1u, top);
	tell_answer("read", s, -(uint32_t)PAGE, low);
	tell_address(s, -(uint32_t)PAGE);
	tell_answer("read", s, -(uint32_t)PAGE - 1, under);
	claim(worked(top) && top.value == 'T' && worked(low) &&
		      low.value == 'L',
	      "d = -1 is its highest byte, d = -4096 its lowest");
	claim(faulted(under, VECTOR_GP, 0), "d = limit is outside: #GP");
	claim(faulted(zero, VECTOR_GP, 0), "and so is d = 0");

	segment.limit--;
	put_entry(ENTRY_ONE, &segment);
	struct answer more = visit(ACT_LOAD, s, -(uint32_t)PAGE - 1, 0);
	tell_answer("read", s, -(uint32_t)PAGE - 1, more);
	claim(worked(more), "a limit one lower: it has grown down by a page");

	segment = data_segment(0, 1);
	segment.type |= TYPE_GROWS_DOWN;
	segment.limit = 0x8000 - 1;
	segment.big = false;
	int error = try_entry(ENTRY_TWO, &segment);
	if (error == -EINVAL) {
		say("D/B = 0 is refused: a kernel without CONFIG_X86_16BIT");
		return;
	}
	must_neg(error);
	s = entry_selector(ENTRY_TWO);
	tell_segment(s);
	claim(faulted(visit(ACT_LOAD, s, 0x7fff, 0), VECTOR_GP, 0) &&
		      worked(visit(ACT_LOAD, s, 0x8000, 0)) &&
		      worked(visit(ACT_LOAD, s, 0xffff, 0)) &&
		      faulted(visit(ACT_LOAD, s, 0x10000, 0), VECTOR_GP, 0),
	      "with D/B = 0 the d's go from limit + 1 to 0xffff");
}

// ## stack
//
// The stack segment has an exception of its own, #SS, because a push that does
// not fit is often meant: the system could make the segment longer and have the
// push executed again. (The 80286's systems did. The handler below does.)

static struct descriptor growing;

static bool grow(const struct fault *fault)
{
	if (fault->vector != VECTOR_SS)
		return false;
	growing.limit--;
	return try_entry(ENTRY_ONE, &growing) == 0;
}

void scene_stack(void)
{
	enum { TOP = 0x4000, PAGE = 0x1000 };
	const uint32_t full = -(uint32_t)PAGE;

	reach_begin();
	growing = data_segment(TOP, PAGE);
	growing.type |= TYPE_GROWS_DOWN;
	growing.pages = true;
	growing.limit = LIMIT_MOST - 1;
	uint16_t s = put_entry(ENTRY_ONE, &growing);
	uint32_t found;

	tell_segment(s);
	struct answer push = visit(ACT_PUSH, s, full + 4, 0x11223344);
	memcpy(&found, arena() + TOP - PAGE, sizeof found);
	tell_answer("push", s, full + 4, push);
	claim(worked(push) && found == 0x11223344,
	      "a push to the lowest four bytes fits");
	push = visit(ACT_PUSH, s, full, 0x55667788);
	tell_answer("push", s, full, push);
	claim(faulted(push, VECTOR_SS, 0), "the next is #SS: SIGBUS");

	visit_mend(grow);
	say("again, with a handler that lowers the limit");
	push = visit(ACT_PUSH, s, full, 0x55667788);
	memcpy(&found, arena() + TOP - PAGE - 4, sizeof found);
	tell_segment(s);
	claim(worked(push) && found == 0x55667788,
	      "the same push, executed again, has its room");
	claim(push.fault.vector == VECTOR_NONE &&
		      growing.limit == LIMIT_MOST - 2,
	      "and the segment is one page longer: a stack on demand");
}

// # base + d
//
// An address of a segmented machine has two parts, v = (s, d): s says which
// segment, d how far from its beginning (s는 세그먼트 번호, d는 변위). The CPU looks
// up the base of s and adds d. What comes out is the linear address, which the
// page tables then translate as any other: on x86, paging lies below.

#define _GNU_SOURCE
#include <string.h>

#include "lab.h"
#include "mem/segment/segment.h"

// ## base

enum { A_AT = 0x100, B_AT = 0x280, SEGMENT_BYTES = 0x40, MIDDLE = 0x30 };

static bool all_bytes_agree(uint16_t s, const struct descriptor *segment)
{
	const uint8_t *memory = arena() + (segment->base - arena_address(0));

	for (uint32_t d = 0; d < SEGMENT_BYTES; d++) {
		struct answer a = visit(ACT_LOAD, s, d, 0);
		if (!worked(a) || a.value != memory[d])
			return false;
	}
	return true;
}

void scene_base(void)
{
	reach_begin();
	struct descriptor one = data_segment(A_AT, SEGMENT_BYTES),
			  two = data_segment(B_AT, SEGMENT_BYTES),
			  three = data_segment(A_AT + MIDDLE, SEGMENT_BYTES);
	uint16_t a = put_entry(ENTRY_ONE, &one), b = put_entry(ENTRY_TWO, &two);

	for (int i = 0; i < SEGMENT_BYTES; i++) {
		arena()[A_AT + i] = (uint8_t)(3 * i + 1);
		arena()[B_AT + i] = (uint8_t)(5 * i + 2);
	}
	arena()[A_AT + 0x10] = 'a';
	arena()[B_AT + 0x10] = 'b';
	tell_segment(a);
	tell_segment(b);
	tell_strips((struct strip[]){ { 'A', A_AT, SEGMENT_BYTES },
				      { 'B', B_AT, SEGMENT_BYTES } },
		    2);

	tell_address(a, 0x10);
	struct answer first = visit(ACT_LOAD, a, 0x10, 0);
	tell_answer("read", a, 0x10, first);
	tell_address(b, 0x10);
	struct answer second = visit(ACT_LOAD, b, 0x10, 0);
	tell_answer("read", b, 0x10, second);
	claim(first.value == 'a' && second.value == 'b',
	      "one d, two segments: an a and a b");
	claim(all_bytes_agree(a, &one) && all_bytes_agree(b, &two),
	      "for each of 64 d's, (s, d) is the byte at base + d");

	struct answer store = visit(ACT_STORE, a, 0x20, 'w');
	tell_answer("write", a, 0x20, store);
	claim(worked(store) && arena()[A_AT + 0x20] == 'w',
	      "a write goes to base + d, too");

	uint16_t c = put_entry(ENTRY_THREE, &three);
	say("a third segment begins 0x%x bytes into the first", MIDDLE);
	visit(ACT_STORE, c, 4, 's');
	claim(visit(ACT_LOAD, a, MIDDLE + 4, 0).value == 's',
	      "(0x%02x, 0x%x) and (0x%02x, 0x%x) are one byte: shared", c, 4u,
	      a, MIDDLE + 4u);
}

// ## relocate
//
// A program that knows only its d's does not care where its segment is. So an
// operating system may move it: copy the bytes, write the new base, and let it
// go on. (That is why segments of different sizes can be packed together, when
// the holes between them have become too small: mem/fragment.) The program is
// eight instructions that add up the words of its segment: thunk_sum in thunk.S.
//
// The CPU reads the table when a segment register is loaded, and keeps a copy
// beside the register (its hidden part). Whoever changes a base has to see to it
// that the register is loaded again; Linux does, after modify_ldt.

void scene_relocate(void)
{
	enum { WORDS = 16, BYTES = WORDS * 4, FROM = 0x40, TO = 0x300 };

	reach_begin();
	struct descriptor d = data_segment(FROM, BYTES);
	uint16_t s = put_entry(ENTRY_ONE, &d);
	uint32_t sum = 0;

	for (uint32_t i = 0; i < WORDS; i++) {
		uint32_t word = i * i + 1;
		memcpy(arena() + FROM + 4 * i, &word, sizeof word);
		sum += word;
	}
	tell_strips(&(struct strip){ 'S', FROM, BYTES }, 1);
	uint32_t before = visit(ACT_SUM, s, BYTES, 0).value;
	say("at 0x%08x the program adds up %u", d.base, before);

	memcpy(arena() + TO, arena() + FROM, BYTES);
	memset(arena() + FROM, 0xff, BYTES);
	d = data_segment(TO, BYTES);
	uint32_t stale = visit(ACT_SUM, s, BYTES, 0).value;
	say("the bytes are moved, the base is not: %u", stale);
	put_entry(ENTRY_ONE, &d);
	tell_strips(&(struct strip){ 'S', TO, BYTES }, 1);
	uint32_t after = visit(ACT_SUM, s, BYTES, 0).value;
	say("at 0x%08x the program adds up %u", d.base, after);
	claim(before == sum, "the program finds its data by d alone");
	claim(stale != sum, "moved, with the old base, it reads what is there");
	claim(after == sum, "with the new base it runs on, and knows nothing");
	claim(visit(ACT_SUM, s, BYTES + 4, 0).fault.vector == VECTOR_GP,
	      "its limit has moved along");
}

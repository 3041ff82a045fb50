// # What one may do there
//
// A segment is a unit of meaning (논리적 단위): this one is the program, that one
// its constants, this one its data. So rights belong to it as a whole, and stand
// in the four bits of its type. Code may be executed, and read if its type says
// so, and never written; data may be read, and written if its type says so, and
// never executed: what pages learnt only with the NX bit.

#define _GNU_SOURCE
#include <string.h>

#include "lab.h"
#include "mem/segment/segment.h"

// ## readonly

void scene_readonly(void)
{
	enum { AT = 0x100, BYTES = 0x40 };

	reach_begin();
	struct descriptor constants = data_segment(AT, BYTES),
			  all = data_segment(AT, BYTES);
	constants.type &= ~TYPE_WRITABLE;
	uint16_t r = put_entry(ENTRY_ONE, &constants),
		 w = put_entry(ENTRY_TWO, &all);

	arena()[AT + 5] = 'c';
	tell_segment(r);
	struct answer read = visit(ACT_LOAD, r, 5, 0),
		      write = visit(ACT_STORE, r, 5, 'x');
	tell_answer("read", r, 5, read);
	tell_answer("write", r, 5, write);
	claim(worked(read) && read.value == 'c', "it can be read");
	claim(faulted(write, VECTOR_GP, 0) && arena()[AT + 5] == 'c',
	      "a write is #GP, and changes nothing");

	struct answer other = visit(ACT_STORE, w, 5, 'x');
	tell_answer("write", w, 5, other);
	claim(worked(other) && visit(ACT_LOAD, r, 5, 0).value == 'x',
	      "the same byte by another segment: the right is the name's");
	struct answer push = visit(ACT_PUSH, r, BYTES, 0);
	tell_answer("push", r, BYTES, push);
	claim(faulted(push, VECTOR_GP, r & ~3u),
	      "as a stack it is refused at once, by name");
}

// ## code
//
// The instructions mov $42, %eax and lret, in 32-bit code. They are bytes like
// any other; whether they are a program is a question of the segment by which
// one comes to them. (Paging below has its own opinion: the arena's pages are
// made executable first.)

static const uint8_t forty_two[] = { 0xb8, 42, 0, 0, 0, 0xcb };

void scene_code(void)
{
	enum { AT = 0x200, SIZE = sizeof forty_two };

	reach_begin();
	memcpy(arena() + AT, forty_two, sizeof forty_two);
	arena_execute(true);
	struct descriptor program = code_segment(AT, SIZE,
						 TYPE_CODE | TYPE_READABLE),
			  secret = code_segment(AT, SIZE, TYPE_CODE),
			  data = data_segment(AT, SIZE);
	uint16_t x = put_entry(ENTRY_ONE, &program),
		 only = put_entry(ENTRY_TWO, &secret),
		 d = put_entry(ENTRY_THREE, &data);

	tell_segment(x);
	struct answer call = visit(ACT_CALL, x, 0, 0);
	tell_answer("call", x, 0, call);
	claim(worked(call) && call.value == 42, "it executes, from d = 0 on");
	claim(worked(visit(ACT_LOAD, x, 0, 0)), "this one may be read, too");
	struct answer write = visit(ACT_STORE, x, 0, 0xcb);
	tell_answer("write", x, 0, write);
	claim(faulted(write, VECTOR_GP, 0), "code is never written");
	struct answer beyond = visit(ACT_CALL, x, SIZE, 0);
	tell_answer("call", x, SIZE, beyond);
	claim(faulted(beyond, VECTOR_GP, 0), "its limit holds for calls");

	tell_segment(only);
	struct answer hidden = visit(ACT_LOAD, only, 0, 0);
	tell_answer("read", only, 0, hidden);
	claim(worked(visit(ACT_CALL, only, 0, 0)) &&
		      faulted(hidden, VECTOR_GP, only & ~3u),
	      "execute-only: called, but not loaded for reading");
	struct descriptor blind = visiting_code();
	blind.type &= ~TYPE_READABLE;
	put_entry(ENTRY_CODE, &blind);
	struct answer own = visit(ACT_OWN, entry_selector(ENTRY_CODE), 0, 0);
	tell_answer("read", entry_selector(ENTRY_CODE), 0, own);
	claim(faulted(own, VECTOR_GP, 0),
	      "such code cannot even read itself (CS:d)");

	struct answer executed = visit(ACT_CALL, d, 0, 0);
	tell_answer("call", d, 0, executed);
	claim(faulted(executed, VECTOR_GP, d & ~3u),
	      "data is never executed, whatever its bytes are");
}

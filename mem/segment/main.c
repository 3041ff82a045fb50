// # Segment: v = (s, d) on a real descriptor table
//
// Chapter 16 · Segmentation (세그멘테이션)
//
// A segment is a piece of memory of any length, with a meaning: the program, its
// constants, its data, a stack. An address names the segment and how far one is
// in it: v = (s, d). Hardware is needed (하드웨어 지원 필요), which compares d with
// the limit and adds it to the base. x86 has it to this day. These scenes make
// segments in the process's own table, enter them by 32-bit code, and show what
// the CPU does and each fault that it knows: vector, error code, signal.
//
//     $ build/mem/segment               every scene
//     $ build/mem/segment limit stack   two of them
//
//     limit · one byte too far
//       s = 0x0f: entry 1 of the LDT, asked for with RPL 3
//            base G D L AVL lim P DPL S type base
//           | 41 |0|1|0| 0 | 0 |1| 3 |1|0011| a6 |   data, read and write
//           |    base a100     |    limit 0063   |   base 41a6a100, limit 00063
//           d from 0x0 to 0x63
//         2.32 ms  main     read (0x0f, 0x63): 41a6a100 + 63 = 41a6a163
//       v = (s, d)   s = 0000000000001 1 11     d = 00000064
//                    entry 1    of the LDT         0 to 63: outside
//         2.37 ms  main     read (0x0f, 0x64): #GP, vector 13, error code 0x0
//         2.38 ms  main     SIGSEGV (SI_KERNEL) at CS:EIP = (0x07, 0x4d)
//                  ✓ d = limit is the last byte
//                  ✓ d = limit + 1 is #GP with error code 0: SIGSEGV
//                  ✓ though the byte is there, in the same page
//
// Exercises of two segments, the second of which grows down, with answers:
//
//     $ build/mem/segment --ostep=segmentation -s 2 -n 2 -c --explain
//     Two segments, seed 2
//
//       address space  1024 bytes
//       memory         16384 bytes
//       segment 0      grows up    base 0x0000039e (926), limit 500
//       segment 1      grows down  base 0x0000376a (14186), limit 498
//
//     Physical memory, 256 bytes a cell
//      0  ···000···············································111········
//
//       VA 0: 0x000002f1 (753)  segment 1, 0x0000365b (13915)
//           because 753 - 1024 = -271 is not below -498; 14186 - 271
//       VA 1: 0x000002ad (685)  segment 1, 0x00003617 (13847)
//           because 685 - 1024 = -339 is not below -498; 14186 - 339
//
// Read on in this order: base.c, limit.c, rights.c, table.c, faults.c, model.c,
// flat.c; then how it
// is done: thunk.S, reach.c. The rule itself is the module mem/descriptor.
//
// Try: in base.c, let the third segment begin 0x40 bytes further: do the claims
// still hold? In limit.c, make the stack's handler refuse at the third page: what
// becomes of the push? Give --ostep=segmentation a segment 1 of limit 0 (-L 0):
// which addresses are left?
//
// Read next: mem/walk (addresses in pages: v = (p, d)), mem/fragment (what pieces
// of any length do to memory: 외부 단편화).
// Sources: modify_ldt(2), arch_prctl(2), sigaltstack(2), sigaction(2); Intel 64
// and IA-32 Architectures Software Developer's Manual, volume 3A, chapters 3, 5
// and 6; Linux, Documentation/arch/x86/x86_64/fsgs.rst.

#define _GNU_SOURCE
#include "lab.h"
#include "mem/segment/segment.h"
#include "mem/segment/sheet.h"

static const struct scene scenes[] = {
	{ "base", "one d, two segments: base + d", scene_base },
	{ "relocate", "a segment moves, its program does not notice",
	  scene_relocate },
	{ "limit", "one byte too far", scene_limit },
	{ "down", "a segment that grows down", scene_down },
	{ "stack", "a push that does not fit, and a stack that grows",
	  scene_stack },
	{ "readonly", "a right of the name, not of the byte", scene_readonly },
	{ "code", "what may be executed, and what may be read", scene_code },
	{ "absent", "a segment on the disk, fetched on demand", scene_absent },
	{ "null", "selectors of nobody, of nothing, of the kernel",
	  scene_null },
	{ "rules", "who writes the table", scene_rules },
	{ "faults", "every fault of segments, in one table", scene_faults },
	{ "model", "the rule of the book against the CPU, 3000 times",
	  scene_model },
	{ "flat", "today: 64-bit code and its one segment", scene_flat },
	{ "thread", "what is left: FS, the thread's own segment",
	  scene_thread },
	{ 0 }
};

static const struct tool tools[] = {
	{ "--ostep", "=segmentation [OPTION...]",
	  "the exercise of OSTEP on two segments (--ostep=segmentation --help)",
	  segmentation_main },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/segment",
	.summary = "v = (s, d) on a real descriptor table",
	.chapter = "16 · Segmentation",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// # Fragment: memory that is free and cannot be had
//
// Chapter 16 · Segmentation (세그멘테이션)
//
// Segments have any size, so memory that is given out in segments becomes a row
// of blocks and holes. Who asks for more than the largest hole is refused,
// whatever the sum is: external fragmentation (외부 단편화). Pages are all alike
// and have none; they waste the rest of the last one: internal fragmentation
// (내부 단편화). First fit, best fit, worst fit, next fit choose a hole each in
// its own way (최초 적합, 최적 적합, 최악 적합), buddies give out powers of two,
// and compaction moves what is in the way.
//
//     $ build/mem/fragment             every scene
//     $ build/mem/fragment compact     one of them
//
//     space · an address space full of holes
//         2.49 ms  main     a child reserved all addresses but 32 MiB: 128 TiB
//                  ✓ not one more page fits into its address space
//         2.51 ms  main     in the 32 MiB, every other one is unmapped: 16 are free
//      0  █·█·█·█·█·█·█·█·█·█·█·█·█·█·█·█·
//                  ✓ mmap of 1 MiB succeeds, of 2 MiB fails with 16 MiB free
//         2.59 ms  main     mremap moves 15 mappings together
//      0  ████████████████················
//                  ✓ what was written is found at the new addresses
//                  ✓ mmap of 16 MiB succeeds
//
//     $ build/mem/fragment strip "a 300, a 200, a 300, f 1, a 120"
//     $ build/mem/fragment strip --fit=buddy --size=1024 "a 100, a 65, f 0"
//     $ build/mem/fragment --ostep=malloc -H 4 -C -s 3 -c    a worksheet
//
// Read on in this order: choose.c, fill.c, real.c; then the allocator itself,
// mem/allocator/allocator.h, and its list.c and buddy.c.
//
// Try: in fill.c, let MOST be 64, then 1024: how full is the strip when somebody
// is refused? In real.c, let the child move its mappings to the upper half.
//
// Read next: mem/segment (the segments themselves), mem/cow and mem/tlb (huge
// pages, which need large pieces), fs/img defrag (blocks of a disk).
// Sources: Knuth, The Art of Computer Programming 1, section 2.5; Wilson et al.,
// "Dynamic Storage Allocation: A Survey and Critical Review", IWMM 1995;
// mmap(2), mremap(2), brk(2), mallinfo(3), malloc_trim(3), proc(5).

#define _GNU_SOURCE
#include "lab.h"
#include "mem/fragment/fragment.h"

static const struct scene scenes[] = {
	{ "choose", "where a request goes", scene_choose },
	{ "fill", "free, and not to be had", scene_fill },
	{ "half", "half as many holes as blocks", scene_half },
	{ "buddy", "powers of two: unused inside", scene_buddy },
	{ "compact", "moving what is in the way", scene_compact },
	{ "space", "an address space full of holes", scene_space },
	{ "heap", "what malloc keeps", scene_heap },
	{ "frames", "physical memory, by size of piece", scene_frames },
	{ 0 }
};

static const struct tool tools[] = {
	{ "strip", "[OPTION...] REQUESTS",
	  "your own requests: strip --fit=best \"a 100, a 50, f 0\"",
	  strip_main },
	{ "--ostep", "malloc [OPTION...]",
	  "the worksheet of OSTEP's chapter on free space", ostep_main },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/fragment",
	.summary = "memory in pieces: fits, buddies, fragmentation, compaction",
	.chapter = "16 · Segmentation",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

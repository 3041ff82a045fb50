// # Copy-on-write: one frame until somebody writes
//
// Chapter 14 · Paging (페이징): 쓰기 시 복사 (copy-on-write), mmap, fork
//
// Two who only read can have one frame. So the kernel copies nothing when a file is
// mapped privately, or when a process forks: it gives both the same frame, makes
// the entries of their page tables read-only, and waits. The first write faults;
// then, and for that page only, it copies. This lab looks at the frames themselves
// (/proc/PID/pagemap, /proc/kpagecount) before and after.
//
//     $ build/mem/cow              every scene (the frames' numbers: as root)
//     $ build/mem/cow fork         one of them
//
//     fork · who writes first gets the copy
//        28.10 ms  main     after the fork:
//                 address         frame     mapped
//       parent    0x7fea1b400000  0x187980       2  anonymous
//       child     0x7fea1b400000  0x187980       2  anonymous
//                  ✓ both have the page, and neither is alone with it
//                  ✓ the child writes to the first page: a fault, and I see nothing
//       parent    0x7fea1b400000  0x187980       1  anonymous
//       child     0x7fea1b400000  0x20eef2       1  anonymous  wrote: the copy
//                  ✓ who writes gets a new frame, who does not keeps the old
//
// "mapped" is in how many page tables the frame stands. An ordinary user is not told
// the numbers of frames; then the kernel's word "mapped by nobody else" (pagemap,
// bit 56), page faults, smaps and the bytes themselves are the witnesses, and the
// same scenes are played.
//
// Read on in this order: file.c, fork.c, crowd.c, cost.c, huge.c.
//
// Try: in `fork`, let parent and child both write to the third page before the
// child ends. Who pays what? In `cost`, take MADV_NOHUGEPAGE away
// (stretch_make(..., true)): what becomes of the upper curve? In `private`, let the
// other process map the file anew after my write. What does it see?
//
// Read next: mem/shared (one frame, many processes, on purpose), mem/demand (other
// faults), mem/translate (where a frame's number comes from), threads/price (fork
// beside threads). Sources: fork(2), mmap(2), madvise(2), vfork(2), posix_spawn(3),
// proc_pid_pagemap(5); Bobrow et al., TENEX, CACM 15 (1972), where copy-on-write
// begins; Linux, Documentation/admin-guide/mm/pagemap.rst.

#define _GNU_SOURCE
#include "lab.h"
#include "mem/cow/cow.h"

static const struct scene scenes[] = {
	{ "private", "a private mapping of a file", scene_private },
	{ "poke", "a breakpoint copies a page of the program", scene_poke },
	{ "fork", "who writes first gets the copy", scene_fork },
	{ "shared", "what is shared keeps its frame", scene_shared },
	{ "crowd", "one frame, nine processes, then eight ...", scene_crowd },
	{ "cost", "what a fork costs, by the size of the parent", scene_cost },
	{ "spare", "four ways not to pay for it", scene_spare },
	{ "huge", "two megabytes at once, and taken apart", scene_huge },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/cow",
	.summary = "copy-on-write: one frame until somebody writes",
	.chapter = "14 · Paging",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// # Demand paging: pages arrive when they are touched
//
// Chapter 14 · Paging (페이징 시스템): 요구 페이징, 선행 페이징, 페이지 폴트
//
// To map memory is to be promised it. A frame comes at the first touch of a page,
// in a page fault (페이지 폴트) that the program does not notice. If the page's
// contents are in memory already, or are zeros, the fault is a minor one; if they
// must come from a device, it is major, and the process sleeps. The kernel guesses
// what will be wanted next and brings that, too; a program may tell it better.
//
//     $ build/mem/demand              every scene
//     $ build/mem/demand readahead    one of them
//
//     zero · a read meets the zero page
//         0.56 ms  main     8 pages read, never written: 8 faults, resident: 0
//         0.64 ms  main     the first two: frames 0x3b34 and 0x3b34
//                  ✓ every page has an entry, none has memory of its own
//                  ✓ all 8 pages show one and the same frame
//                  ✓ /proc/kpageflags calls it ZERO_PAGE
//         1.05 ms  main     now all are written: 8 faults
//         1.07 ms  main     the first two: frames 0x112f2a and 0x19586e
//                  ✓ a write gives each a frame of its own: 8 are resident
//
// Try: TMPDIR=/dev/shm build/mem/demand faults: why can nothing be shown there? In
// `staircase`, let new_pages allow huge pages: how high is the first step then? Set
// read_ahead_kb of your disk to 0 and to 1024, and play `readahead`.
//
// Read next: memory.c, prefault.c, files.c in this folder; mem/cow (the fault at a
// write), mem/pager (faults served by a program), mem/replace (what goes when
// something must come).
// Sources: mmap(2), madvise(2), mincore(2), getrusage(2), posix_fadvise(2),
// proc_pid_pagemap(5); Linux, mm/memory.c (do_anonymous_page, do_fault_around),
// mm/filemap.c.

#define _GNU_SOURCE
#include <stddef.h>

#include "lab.h"
#include "mem/demand/demand.h"

static const struct scene scenes[] = {
	{ "staircase", "a page arrives when it is touched",   scene_staircase },
	{ "zero",      "a read meets the zero page",          scene_zero },
	{ "back",      "giving back",                         scene_back },
	{ "prefault",  "all at once, or one by one",          scene_prefault },
	{ "faults",    "minor and major faults",              scene_faults },
	{ "readahead", "one touch brings its neighbours in",  scene_readahead },
	{ "around",    "one fault enters several",            scene_around },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/demand",
	.summary = "pages arrive when they are touched",
	.chapter = "14 · Paging",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

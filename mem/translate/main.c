// # Translate: from a virtual address to a frame
//
// Chapter 13 · Virtual memory (가상메모리)
//
// A program's addresses are virtual (가상 주소): each process has all of them for
// itself. Memory consists of frames (프레임) of one page each, and has physical
// addresses (물리 주소). Between the two stands a table, one a process, made by the
// kernel and read by the CPU at every access. Only the number of the page is
// translated; the offset in it stays as it is.
//
// Nobody but the kernel sees a frame's number, and root, whom it tells. This lab
// asks: which frame is behind this address, in this process?
//
//     $ build/mem/translate              every scene (as root)
//     $ build/mem/translate fork         one of them
//     $ build/mem/translate --of=PID ADDRESS...
//
//     fork · one address, two values, two frames
//         0.64 ms  main     at 0x7f7ad5402000 I read 1, and the child reads 2:
//     who     address         frame     count  flags
//     parent  0x7f7ad5402000  0x179d21      1  uptodate,lru,mmap,anon,swapbacked
//     child   0x7f7ad5402000  0x12f43b      1  uptodate,mmap,anon,swapbacked
//                  ✓ one address, two values
//                  ✓ one address, two frames
//
// Try: in `fork`, let the child only read, and then the parent write. Who keeps the
// old frame? Take an address from /proc/PID/maps of your shell, and ask the tool for
// its libc: do two shells share its frames? Its heap?
//
// Read next: scenes.c in this folder, mem/pages/pagemap.c (how it is asked),
// mem/walk (the tables themselves), mem/cow, mem/shared.
// Sources: proc_pid_pagemap(5), proc_kpageflags(5), fork(2), mremap(2), mmap(2);
// Linux, Documentation/admin-guide/mm/pagemap.rst; Seaborn & Dullien, "Exploiting
// the DRAM rowhammer bug to gain kernel privileges" (2015).

#define _GNU_SOURCE
#include "lab.h"
#include "mem/translate/translate.h"

static const struct scene scenes[] = {
	{ "fork",   "one address, two values, two frames", scene_fork },
	{ "file",   "three addresses, one frame",          scene_file },
	{ "exchange",  "two pages change places, and no byte is copied",
	  scene_exchange },
	{ "states", "pages without a frame",               scene_states },
	{ "hidden", "what an ordinary user sees",          scene_hidden },
	{ 0 }
};

static const struct tool tools[] = {
	{ "--of", "PID ADDRESS...", "what is behind addresses of any process",
	  of_main },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/translate",
	.summary = "from virtual addresses to frames of physical memory",
	.chapter = "13 · Virtual memory",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

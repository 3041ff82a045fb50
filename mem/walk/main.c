// # Walk: an address taken apart, and the tables that it takes
//
// Chapter 14 · Paging (페이징 시스템): v = (p, d), 페이지 테이블, 다중 단계 페이징
//
// A virtual address is a page number p and an offset d. The page table says in
// which frame page p is. A flat table needs an entry for every page that there
// could be, so p is cut into an index for each of several levels, and tables
// exist only where something is mapped. Here addresses of this very process are
// taken apart, its tables are counted by arithmetic, and the kernel's own count
// (VmPTE) must agree.
//
//     $ build/mem/walk                          every scene
//     $ build/mem/walk growth                   one of them
//     $ build/mem/walk split 0x7ffc1a2b3c4d     any address
//     $ build/mem/walk --ostep=linear -s 3 -c   a worksheet and its answers
//
//     growth · the tables that a page takes
//         3.97 ms  main     1.5 TiB of addresses reserved: VmPTE was 12
//                           tables, is 12
//                  ✓ what nobody has touched takes no table
//     touched                               address  predicted  counted
//     a page far from all others     0x7e0000000000          3        3
//     the next one                   0x7e0000001000          0        0
//     the last of that table         0x7e00001ff000          0        0
//     behind the border at 2 MiB     0x7e0000200000          1        1
//     behind the border at 1 GiB     0x7e0040000000          2        2
//     behind the border at 512 GiB   0x7e8000000000          3        3
//                  ✓ VmPTE grows by what the model predicts, each time
//
// Try: walk split with two addresses of a process from /proc/PID/maps: how many
// tables do they share? --levels=36,12 for the flat table of 48 bits. Then a
// worksheet, --ostep=multilevel --quiz: a machine so small that all its memory is
// on the page. In `growth`, touch the pages from the far end: does it matter?
//
// Read next: pair.c, levels.c, size.c, growth.c, canonical.c in this folder;
// mem/tables (the arithmetic); mem/translate (which frame it is), mem/demand (when
// a page gets one), mem/tlb (why the walk is not taken each time).
// Sources: Intel SDM volume 3A, "Paging"; volume 1, "Canonical Addressing";
// proc_pid_pagemap(5), proc_pid_status(5); Linux, Documentation/mm/page_tables.rst
// and arch/x86/x86_64/5level-paging.rst; https://ostep.org, chapters 18 and 20.

#define _GNU_SOURCE
#include <stddef.h>
#include "lab.h"
#include "mem/walk/sheet.h"
#include "mem/walk/walk.h"

static const struct scene scenes[] = {
	{ "pair",      "v = (p, d)",                         scene_pair },
	{ "levels",    "an index for each level",            scene_levels },
	{ "flat",      "a flat table against the tables there are", scene_flat },
	{ "growth",    "the tables that a page takes",       scene_growth },
	{ "five",      "four levels or five",                scene_five },
	{ "canonical", "not every number is an address",     scene_canonical },
	{ 0 }
};

static const struct tool tools[] = {
	{ "split", "[--levels=N|BITS,...] ADDRESS...",
	  "any address taken apart, on any shape of tables", split_tool },
	{ "--ostep", "=linear|multilevel [OPTION...]",
	  "a worksheet of OSTEP's homework, drawn, solved, marked", ostep_tool },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/walk",
	.summary = "an address taken apart, and the tables that it takes",
	.chapter = "14 · Paging",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

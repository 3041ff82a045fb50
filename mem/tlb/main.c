// # TLB: page size and locality
//
// Chapter 14 · Paging (페이징): 페이지 크기, 지역성, TLB
//
// Paging puts a table between an address and its byte. If each access had to look
// there first, it would be several accesses; so the CPU keeps what it has looked up
// in a small table of its own, the translation lookaside buffer (TLB). That works
// because programs come back to where they have just been (locality, 지역성), and
// it works the farther, the larger a page is. This lab measures both with memory
// of its own, in small pages (4 KiB) and in huge ones (2 MiB on x86-64).
//
//     $ build/mem/tlb                     every scene
//     $ build/mem/tlb reach               one of them
//     $ build/mem/tlb mountain --max=1G   a tool: longer, of what size you like
//
//     collapse · huge pages for memory that is there
//       447.20 ms  main     before: 0 B in huge pages; 37.9 ns a step (31.1 to 89.5)
//       686.40 ms  main     after: 16 MiB in huge pages; 15.2 ns a step (11.4 to 17.0)
//                  ✓ MADV_COLLAPSE: 4096 small pages are 8 huge ones
//                  ✓ the same chain at the same addresses, each page once a round
//       686.87 ms  main     I give one small page back: 14 MiB in huge pages
//                  ✓ one page given back takes a huge page apart
//
// What is claimed is counted: pages, faults, visits, sums. The times are this
// machine's and are only said, with their 95 % interval. They are CPU time, so that
// who else runs here disturbs less. In a virtual machine an address is translated
// twice, and a huge page reaches only as far as the host has huge pages, too: where
// `reach` shows no difference, that may be why.
//
// Read on in this order: cycle.c (the instrument), loops.c (locality), reach.c,
// collapse.c, mountain.c; measure.c and tool.c are the rest.
//
// Try: in `reach`, find the two knees of the lower curve, and look up how many
// entries the TLBs of your CPU have. In loops.c, make TILE larger than ENTRIES: what
// does the model say, what the machine? In chase.c, put each slot's word at the
// beginning of its page (line = 0): which cache did that fill, and when?
//
// Read next: mem/walk (the tables behind the TLB), mem/cow (huge pages and fork),
// mem/replace (LRU, and why a loop defeats it).
// Sources: Bryant & O'Hallaron, Computer Systems: A Programmer's Perspective, 6.6;
// Drepper, What Every Programmer Should Know About Memory (2007), 4.3;
// Denning, The Locality Principle, CACM 48 (2005); madvise(2); Linux,
// Documentation/admin-guide/mm/transhuge.rst.

#define _GNU_SOURCE
#include "lab.h"
#include "mem/tlb/tlb.h"

static const struct scene scenes[] = {
	{ "cycle", "a chain that visits each page once a round", scene_cycle },
	{ "loops", "locality: two orders of one loop", scene_loops },
	{ "reach", "how far the TLB reaches", scene_reach },
	{ "collapse", "huge pages for memory that is there", scene_collapse },
	{ "slopes", "how fast memory is, by size and stride", scene_slopes },
	{ 0 }
};

static const struct tool tools[] = {
	{ "mountain", "[--max=SIZE] [--huge] [--format=json]",
	  "how fast memory is, by size and stride: a longer sweep",
	  mountain_main },
	{ "chase", "[--max=SIZE] [--format=json]",
	  "one word a page, over more and more pages", chase_main },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/tlb",
	.summary = "page size and locality: what translation costs",
	.chapter = "14 · Paging",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// # Pager: real pages, replaced by the policies of the model
//
// Chapter 15 · Page replacement (페이징 교체): 페이지 부재, 참조 비트, 변경 비트
//
// mem/replace plays page replacement on paper. Here the same policies, the very
// same code (mem/policy), replace pages of a running program: memory with more
// pages than frames, a file behind it, and a thread that serves the page faults
// which the kernel hands to this process (userfaultfd(2); where there is none,
// SIGSEGV). Sorting, joining and multiplying go on in there and never know. Then
// the two are held against each other: every fault and every victim of the real
// run is the one that the model foretells.
//
//     $ build/mem/pager               every scene
//     $ build/mem/pager exact         one of them
//     $ build/mem/pager compare join --policy=lru,opt --frames=4,8,16
//
//     region · a page fault, served by hand
//         0.60 ms  main     8 pages, 3 frames; who came first goes first
//                  ✓ none of the pages is there
//         0.68 ms  main     [.....5..] read 5: a fault, loaded
//                  ✓ it faults, and what is read stood in the file: 105
//         0.69 ms  main     [.....5..] read 5: unnoticed
//                  ✓ the second time nobody hears of it
//         0.73 ms  main     [.....5..] write 5: noticed, in its frame
//                  ✓ its first write is noticed: now it is modified
//
// Try: how many frames does the matrix product need until the order of its loops
// no longer matters? (`compare ijk ikj --frames=4,12,24,40`.) Give `bits` four
// frames instead of three: who is spared now? Let quicksort sort what is sorted
// already (quicksort.c, prepare).
//
// Read next: served.c, kernel.c, exact.c, price.c in this folder; then the pager
// itself: mem/region/region.h and region.c. mem/replace (the model), mem/demand
// (the kernel's own paging), mem/thrash (too few frames for all).
// Sources: userfaultfd(2), mincore(2); mem/policy/policy.h for the policies;
// Babaoglu & Joy, "Converting a Swap-Based System to do Paging in an Architecture
// Lacking Page-Referenced Bits", SOSP 1981.

#include "lab.h"
#include "mem/pager/scenes.h"

static const struct scene scenes[] = {
	{ "region", "a page fault, served by hand", scene_region },
	{ "bits", "R and M, taken from faults", scene_bits },
	{ "matrix", "one product in two loop orders", scene_matrix },
	{ "quicksort", "quicksort on 4 frames", scene_quicksort },
	{ "join", "a hash join on 12 frames", scene_join },
	{ "graph", "a graph walk on 12 frames", scene_graph },
	{ "exact", "every policy, real and simulated", scene_exact },
	{ "signal", "the same without userfaultfd", scene_signal },
	{ "price", "a fault against the bare round trip", scene_price },
	{ "forbidden", "a system call into a missing page", scene_forbidden },
	{ 0 }
};

static const struct tool tools[] = {
	{ "compare", "WORK... [OPTION...]",
	  "a work under policies of your choice, real and simulated",
	  tool_compare },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/pager",
	.summary = "replaces real pages, with the policies of the model",
	.chapter = "15 · Page replacement",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// # Page replacement, the model
//
// Chapter 15 · Page replacement (페이징 교체)
//
// A page is needed, and all frames are taken: which page has to go? Here are the
// textbook's answers and some newer ones, on your own trace of references:
// exactly, so that an exercise can be checked by hand, and fast, so that a
// hundred million references take seconds. The policies are mem/policy, each
// written once: the same code replaces the pages of a running program in
// mem/pager.
//
//     $ build/mem/replace --policy=fifo,lru --string=7,0,1,2,0,3,0,4,2,3
//
//     fifo: first in, first out, 3 frames
//     reference  7 0 1 2 0 3 0 4 2 3
//     frame 0    7 7 7 2 2 2 2 4 4 4
//     frame 1      0 0 0 0 3 3 3 2 2
//     frame 2        1 1 1 1 0 0 0 3
//     fault      F F F F   F F F F F
//     leaves           7   0 1 2 3 0
//     9 faults
//
//     lru: least recently used, 3 frames
//     reference  7 0 1 2 0 3 0 4 2 3
//     frame 0    7 7 7 2 2 2 2 4 4 4
//     frame 1      0 0 0 0 0 0 0 0 3
//     frame 2        1 1 1 3 3 3 2 2
//     fault      F F F F   F   F F F
//     leaves           7   1   2 3 0
//     8 faults
//
//     10 references to 6 pages
//
//     policy             frames         faults  hit ratio    write-backs
//     fifo                    3              9    10.00 %              0
//     lru                     3              8    20.00 %              0
//
// Try: --policy=all --frames=1-8, and look for a number that grows where it
// should fall; --anomaly finds it for you. --generate=zipf --curve: how many
// frames are enough? --generate=loop --pages=10 --frames=9: which policies are
// worst, and why is MRU so good? Then --quiz.
//
// Your own program's references:
//
//     $ valgrind --tool=lackey --trace-mem=yes --log-fd=9 9>trace ls
//     $ build/mem/replace --policy=lru,sieve --curve trace
//
// Read next: play.c, then mem/paging/paging.h (the frames) and
// mem/policy/fifo.c (the shortest of the policies).
// Sources: those of the policies, in --list-policies.

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "mem/replace/ostep.h"
#include "mem/replace/replace.h"
#include "options.h"
#include "optparse.h"

static int play_what_is_asked(const struct request *request)
{
	return request->anomaly ? play_anomaly(request)
	       : request->curve ? play_curve(request)
				: play(request);
}

int main(int argc, char **argv)
{
	static struct request request = {
		.page_bytes = 4096,
		.recipe = { .kind = TRACE_ZIPF,
			    .references = 1000000,
			    .pages = 1000,
			    .exponent = 1,
			    .phase = 10000 },
	};

	options_begin("mem/replace");
	if (optparse_value(argc, argv, "ostep"))
		return ostep_main(argc, argv);
	argp_parse(&replace_argp, argc, argv, 0, NULL, &request);
	return options_end(play_what_is_asked(&request));
}

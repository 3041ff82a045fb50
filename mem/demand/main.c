// # Demand paging

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

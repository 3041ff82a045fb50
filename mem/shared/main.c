#define _GNU_SOURCE
#include "lab.h"
#include "mem/shared/shared.h"

static const struct scene scenes[] = {
	{ "ways", "five ways to one frame", scene_ways },
	{ "seal", "a promise about what is shared", scene_seal },
	{ "text", "one libc for everybody", scene_text },
	{ "data", "the same file, and each his own", scene_data },
	{ "pss", "whose memory is it: Rss and Pss", scene_pss },
	{ "merge", "equal pages become one (KSM)", scene_merge },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/shared",
	.summary = "one frame, many processes",
	.chapter = "14 · Paging",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

#define _GNU_SOURCE
#include "lab.h"
#include "mem/fragment/fragment.h"

static void scene_x(void)
{
	claim(true, "x");
}
static const struct scene scenes[] = { { "x", "x", scene_x }, { 0 } };

static const struct tool tools[] = {
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

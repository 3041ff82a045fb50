// # Segment

#define _GNU_SOURCE
#include "lab.h"
#include "mem/segment/segment.h"
#include "mem/segment/sheet.h"

static const struct scene scenes[] = {
	{ "base", "one d, two segments: base + d", scene_base },
	{ "relocate", "a segment moves, its program does not notice",
	  scene_relocate },
	{ "limit", "one byte too far", scene_limit },
	{ "down", "a segment that grows down", scene_down },
	{ "stack", "a push that does not fit, and a stack that grows",
	  scene_stack },
	{ "readonly", "a right of the name, not of the byte", scene_readonly },
	{ "code", "what may be executed, and what may be read", scene_code },
	{ "absent", "a segment on the disk, fetched on demand", scene_absent },
	{ "null", "selectors of nobody, of nothing, of the kernel",
	  scene_null },
	{ "rules", "who writes the table", scene_rules },
	{ "model", "the rule of the book against the CPU, 3000 times",
	  scene_model },
	{ "flat", "today: 64-bit code and its one segment", scene_flat },
	{ "thread", "what is left: FS, the thread's own segment",
	  scene_thread },
	{ 0 }
};

static const struct tool tools[] = {
	{ "--ostep", "=segmentation [OPTION...]",
	  "the exercise of OSTEP on two segments (--ostep=segmentation --help)",
	  segmentation_main },
	{ 0 }
};

static const struct lab lab = {
	.name = "mem/segment",
	.summary = "v = (s, d) on a real descriptor table",
	.chapter = "16 · Segmentation",
	.scenes = scenes,
	.tools = tools,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// # Walk
#define _GNU_SOURCE
#include <stddef.h>
#include "lab.h"
#include "mem/walk/sheet.h"
#include "mem/walk/walk.h"

static const struct scene scenes[] = {
	{ "split",     "v = (p, d)",                         scene_split },
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

// # Walk
#define _GNU_SOURCE
#include <stddef.h>
#include "lab.h"
#include "mem/walk/sheet.h"

static void scene_none(void)
{
	claim(1, "none");
}

static const struct scene scenes[] = {
	{ "none", "none", scene_none },
	{ 0 }
};

static const struct tool tools[] = {
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

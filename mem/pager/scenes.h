// scenes.h - the scenes and the tool of mem/pager

#ifndef MEM_PAGER_SCENES_H
#define MEM_PAGER_SCENES_H

#include "mem/region/region.h"

// served.c
void scene_region(void);
void scene_bits(void);

// kernel.c
void scene_forbidden(void);

// works.c
void scene_matrix(void);
void scene_quicksort(void);
void scene_join(void);
void scene_graph(void);

// exact.c
void scene_exact(void);
void scene_signal(void);

// price.c
void scene_price(void);

// compare.c
int tool_compare(int argc, char **argv);

// The best way here; says so where there is no userfaultfd.
enum region_way way_here(void);

// "read", "read and reference bits" ...: what a policy must be told.
const char *needs_text(const struct replacement *policy);

#endif

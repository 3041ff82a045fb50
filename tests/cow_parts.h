// cow_parts.h - the files of the suite `cow`

#ifndef COW_PARTS_H
#define COW_PARTS_H

#include "labs.h"

void add_cow_tool_tests(Suite *suite); // cow_tool.c
void add_cow_play_tests(Suite *suite); // cow_play.c

#endif

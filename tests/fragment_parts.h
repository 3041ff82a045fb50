// fragment_parts.h - what the tests of mem/allocator and mem/fragment share

#ifndef FRAGMENT_PARTS_H
#define FRAGMENT_PARTS_H

#include "tests.h"

void fragment_allocator_tests(Suite *suite); // fragment_allocator.c
void fragment_ostep_tests(Suite *suite);     // fragment_ostep.c
void fragment_tool_tests(Suite *suite);      // fragment_tool.c

#endif

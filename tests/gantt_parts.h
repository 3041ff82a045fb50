// gantt_parts.h - what the files of the suite gantt share

#ifndef GANTT_PARTS_TESTS_H
#define GANTT_PARTS_TESTS_H

#include "tests.h"

#define GANTT "sched/gantt"

enum { LACKING = 77, USAGE = 2 }; // exit statuses

void add_live_tests(TCase *tests); // gantt_live.c

#endif

// duel_parts.h - the suite of sched/duel is two files

#ifndef DUEL_PARTS_H
#define DUEL_PARTS_H

#include "tests.h"

void add_dispatcher_tests(Suite *suite); // duel_dispatcher.c

#endif

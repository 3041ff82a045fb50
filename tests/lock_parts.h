// lock_parts.h - what the tests of sync/lock and sync/contest share
//
// lock.c (the table, stress, order), lock_contest.c (sync/contest), ordered_lock.c
// (every interleaving).

#ifndef LOCK_PARTS_H
#define LOCK_PARTS_H

#include "tests.h"

void add_contest_tests(Suite *suite);
void add_lock_orders(Suite *suite);

#endif

// wait_parts.h - what the files of the suite `wait` share
//
// wait.c (known behaviours), wait_stress.c (many threads), ordered_*.c (every
// interleaving).

#ifndef WAIT_PARTS_H
#define WAIT_PARTS_H

#include "tests.h"

void add_semaphore_orders(TCase *tcase);
void add_rwlock_orders(TCase *tcase);
void add_condition_orders(TCase *tcase);
void add_wait_stress(TCase *tcase);

#endif

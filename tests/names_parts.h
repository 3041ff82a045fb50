// names_parts.h - what the files of the suite names share

#ifndef NAMES_PARTS_H
#define NAMES_PARTS_H

#include "labs.h"
#include "names.h"

// Each test has a TMPDIR of its own, so that nobody else's ledgers count. In the
// end nothing may be left in it, not even the directory of the ledgers.
extern char temporary[64]; // TMPDIR
extern char directory[96]; // of the ledgers
void names_set_up(void);
void names_tear_down(void);

void add_attack_tests(Suite *suite);

#endif

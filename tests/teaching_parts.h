// teaching_parts.h - what the files of the suite teaching share

#ifndef TEACHING_PARTS_H
#define TEACHING_PARTS_H

#include "tests.h"

void undelete_tests(Suite *suite); // undelete.c
void inject_tests(Suite *suite);   // inject.c

#endif

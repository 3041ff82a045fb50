// pages_parts.h - the files of the suite `pages`: pages.c (mem/pages), pages_tools.c
// (the tools of mem/translate and mem/anatomy)

#ifndef PAGES_PARTS_H
#define PAGES_PARTS_H

#include <check.h>

TCase *pages_tools_tcase(void);

#endif

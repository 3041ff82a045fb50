// fragment.h - the scenes and tools of mem/fragment, and what they share

#ifndef MEM_FRAGMENT_FRAGMENT_H
#define MEM_FRAGMENT_FRAGMENT_H

#include "mem/allocator/allocator.h"

// ostep.c: --ostep=malloc
int ostep_main(int argc, char **argv);

#endif

// ostep.h - the exercise of a course, with its answers
//
// "Operating Systems: Three Easy Pieces" (Arpaci-Dusseau & Arpaci-Dusseau,
// https://ostep.org) has homework that its programs draw from a seed. For the
// same options and the same seed, replace --ostep=paging-policy draws the same
// references and comes to the same answers, so that a student's worksheet can be
// checked.

#ifndef MEM_REPLACE_OSTEP_H
#define MEM_REPLACE_OSTEP_H

// The whole program, for a command line that has --ostep; after options_begin.
// Returns the exit status.
int ostep_main(int argc, char **argv);

#endif

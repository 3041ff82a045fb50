// ostep.h - the exercises of a course, with their answers
//
// "Operating Systems: Three Easy Pieces" (Arpaci-Dusseau & Arpaci-Dusseau,
// https://ostep.org) has homework that its programs draw from a seed. For the
// same options and the same seed, sim --ostep=MODE draws the same exercise and
// comes to the same answer, so that a student's worksheet can be checked.

#ifndef SCHED_SIM_OSTEP_H
#define SCHED_SIM_OSTEP_H

// The whole program, for a command line that has --ostep=MODE or --ostep MODE;
// after options_begin. Returns the exit status.
int ostep_main(int argc, char **argv);

#endif

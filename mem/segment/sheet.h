// sheet.h - --ostep=segmentation

#ifndef MEM_SEGMENT_SHEET_H
#define MEM_SEGMENT_SHEET_H

#include "mem/segment/exercise.h"

// The tool (ostep.c): reads the whole command line, returns the exit status.
int segmentation_main(int argc, char **argv);

// Prints what was asked for, or asks; returns the exit status (sheet.c).
int sheet_show(const struct exercise *exercise,
	       const struct exercise_options *options);

#endif

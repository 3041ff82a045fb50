// parts.h - what the files of mem/pages share

#ifndef MEM_PAGES_PARTS_H
#define MEM_PAGES_PARTS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "mem/pages/pages.h"

// Opens /proc/PID (0: /proc/self) as a folder. All that is opened below it
// belongs to one process, also when its number is given to another. Returns a
// descriptor or -errno: -ESRCH no such process, -ENOENT no /proc.
int process_open(pid_t pid);

// Opens a file of that folder for reading. Returns a descriptor or -errno.
int process_file_open(int folder, const char *name);

// The same as a stream, in *file.
int process_stream_open(int folder, const char *name, FILE **file);

// Whether it is a thread of the kernel, which has no memory of its own. Who else
// has none is about to end, or has.
bool process_is_kernels(int folder);

// The mappings of a text as /proc/PID/maps has it.
int maps_read_stream(struct maps *maps, FILE *file);

// Adds up the mappings of a text as /proc/PID/smaps or smaps_rollup has it: those
// that have a byte in [begin, end). -ENODATA: it names no mapping at all.
int use_read_stream(struct memory_use *use, FILE *file, uintptr_t begin,
		    uintptr_t end);

#endif

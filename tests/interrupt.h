// interrupt.h - a program, interrupted at any moment, leaves nobody and nothing

#ifndef INTERRUPT_H
#define INTERRUPT_H

// Starts a program of the build folder (argv[0], such as "ipc/pipe"; argv ends
// with NULL) `moments` times and sends it the signal `with`, each time at a
// moment drawn at random from its measured length (fewer times if that is long,
// but in a soak): to its first process alone and, every second SIGINT, to its
// whole group, as Ctrl-C would be. The test fails when it ends otherwise than by
// that signal or with 0, when any of its processes is left, or when, after one
// more run to the end, a named object is.
void interrupt_at_moments(const char *const argv[], int with, int moments);

// The same by SIGINT and SIGKILL in turns, so that the length of a long program
// is measured once for both. The run to the end is of `last`: any start of the
// program removes what earlier ones have left.
void interrupt_in_turns(const char *const argv[], const char *const last[],
			int moments);

#endif

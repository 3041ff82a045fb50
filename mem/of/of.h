// of.h - tools that look at another process: --of=PID
//
// What mem/translate and mem/anatomy share: the option, why it may not be, and
// numbers and names as JSON. For programs: these print and exit as options.h does.

#ifndef MEM_OF_H
#define MEM_OF_H

#include <argp.h>
#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

// The exit status where this user is not told.
enum { OF_MISSING = 77 };

// The value of --of; exit 2 unless it is a number that a process may have.
pid_t of_pid(const struct argp_state *state, const char *text);

// Says why a process cannot be looked at (-errno of mem/pages; 0: it is a thread
// of the kernel), and what to do. Returns the exit status.
int of_cannot(pid_t pid, int error);

// A name of a file, which is bytes: what is not UTF-8 becomes '?'.
json_t *of_name(const char *name);

// "0x7f21c8a5e000"
json_t *of_hex(uint64_t number);

// Prints it, and lets go of it.
void of_print(json_t *json);

#endif

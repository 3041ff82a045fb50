// overcommit.h - the scenes of mem/overcommit, and what they share

#ifndef MEM_OVERCOMMIT_OVERCOMMIT_H
#define MEM_OVERCOMMIT_OVERCOMMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { MIB = 1 << 20 };

// promise.c: what is promised, and what is refused
void scene_reserve(void);
void scene_modes(void);
void scene_limit(void);

// broken.c: what happens when the promise cannot be kept
void scene_leash(void);
void scene_chosen(void);
void scene_score(void);

// ## facts.c

// A row "NAME:   123 kB" of a file in /proc, in bytes; 0 where it is not there.
uint64_t proc_bytes(const char *path, const char *name);

// A number that is all of a small file; leaves the scene where there is none.
long proc_number(const char *path);

// Leaves the scene where this process has a limit of its own (ulimit -v, -d): what
// the kernel would promise cannot be seen there.
void need_promises(void);

// Private anonymous memory; MAP_FAILED and errno.
char *promise(uint64_t bytes, int protection, int flags);

// ## group.c: a control group with a limit of memory

struct group {
	char path[512]; // of its folder
	bool unified;   // version 2
};

// Makes one for this scene. Leaves the scene where that cannot be.
struct group group_make(uint64_t limit_bytes);

// Puts a process into it.
void group_add(const struct group *group, pid_t pid);

// How many of it were killed for want of memory; -1: this kernel does not count.
long group_kills(const struct group *group);

#endif

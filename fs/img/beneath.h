// beneath.h - making files in a directory of the host, and nowhere else
//
// A stack of open directories: the lowest is one that the user named, each other
// lies in the one below it. Names come from an image and are not to be trusted, so
// each is looked at, and opened without following anything.
//
// Functions return 0, a descriptor, or -errno.

#ifndef IMG_BENEATH_H
#define IMG_BENEATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct beneath {
	struct beneath_level {
		int fd;    // -1: closed until it is needed, there were too many
		dev_t dev; // then: what it was
		ino_t ino;
	} * level;
	size_t depth, room; // the deepest is level[depth - 1]
	size_t open_from;   // those from here on are open (the lowest always)
};

// The directory `path`, found as the user's own (symlinks followed).
int beneath_begin(struct beneath *, const char *path);
void beneath_end(struct beneath *);

// The directory that names are made in now.
int beneath_here(const struct beneath *);

int beneath_enter(struct beneath *, const char *name);
int beneath_leave(struct beneath *);

// A component that may be made: not empty, not "." or "..", without / and NUL.
bool beneath_good_name(const char *name, size_t length);

// openat(2) of one component, which is never followed.
int beneath_open(int dir, const char *name, int flags, mode_t mode);

// The directory at the path "a/b/c" below the lowest ("" is itself): a new
// descriptor.
int beneath_find(const struct beneath *, const char *path);

#endif

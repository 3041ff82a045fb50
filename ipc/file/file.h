// file.h - the scenes of ipc/file, and what they share

#ifndef IPC_FILE_FILE_H
#define IPC_FILE_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "names.h"

// Two writers and the end of a file (append.c).
void append(void);
void log_of_many(void);

// Read, add one, write back (update.c).
void lost_update(void);
void locked_update(void);
void advisory(void);

// Whose is a lock? (locks.c) And two who wait for each other (deadlock.c).
void lock_table(void);
void deadlock(void);

// How a reader learns that there is something to read (wait.c, events.c).
void end_of_file(void);
void wait_for_file(void);
void events(void);
void publish(void);

// The file as memory (map.c).
void one_cache(void);
void shrink(void);

// --- parts.c ----------------------------------------------------------------

// A fresh file with this text in it; its path.
const char *file_with(const char *text);

// A fresh, empty directory, to which its path is written.
void fresh_directory(char path[NAME_BYTES]);

// Opens it to read and write. Each call makes an open file description of its
// own, with its own offset.
int open_again(const char *path);

// The whole file as text, at most `bytes` - 1 of it.
void read_text(const char *path, char *text, size_t bytes);

// Locks one byte for writing (F_WRLCK) or lets it go (F_UNLCK). `command` is
// F_SETLK, F_SETLKW or the same with OFD. Returns 0, EAGAIN (refused) or EDEADLK;
// skips where there are no such locks.
int lock_byte(int fd, int command, short type, off_t byte);

// A mapping of the first `bytes` bytes of the file, to load and store.
char *map_file(int fd, size_t bytes, int flags);

// An inotify descriptor with a watch on this directory; `flags` as for
// inotify_init1(2).
int watch_directory(const char *directory, uint32_t events, int flags);

// Memory that the children of this process share with it; zeroed.
void *shared_memory(size_t bytes);

// A picture that is written like a file: fprintf to the stream between begin
// and end.
struct picture {
	FILE *stream;
	char *text;
	size_t bytes;
};
void picture_begin(struct picture *picture);
void picture_end(struct picture *picture);

#endif

// cast.h - for scenes about pages: who plays, and which frames they have
//
// An actor is a child that does with memory what it is told, and says what that
// cost in page faults. A look is a row of the frame table (mem/pages). These are
// for scenes (lab.h): what cannot be leaves the scene by skip() or must().

#ifndef MEM_CAST_H
#define MEM_CAST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "mem/pages/pages.h"

// --- actors -----------------------------------------------------------------------

struct actor {
	const char *name;
	pid_t pid;
	int stage; // a socket between us
};

// Forks one, which has copies of all the caller has, as after any fork, and waits.
// It reads its orders from a socket, and ends when told to or when the caller does.
struct actor actor_enter(const char *name);
void actor_leave(struct actor *actor);

// Reads or writes a byte at an address of the actor's. `faults`, unless NULL, is
// set to how many page faults that took (at least 1 if the page table had to be
// changed).
char actor_read(struct actor *actor, const void *address, long *faults);
void actor_write(struct actor *actor, void *address, char value, long *faults);

// Has the actor call a function with a copy of an argument of up to ACTOR_BYTES.
// (It has the same program at the same addresses: fork.) Returns what that did.
enum { ACTOR_BYTES = 320 };
long actor_call(struct actor *actor, long (*function)(const void *argument),
		const void *argument, size_t bytes);

// Has it call mmap(NULL, bytes, protection, flags, fd, 0), with a descriptor that
// the caller had when the actor entered. Returns the address.
void *actor_map(struct actor *actor, size_t bytes, int protection, int flags,
		int fd);

// The same for the caller itself.
char count_read(const void *address, long *faults);
void count_write(void *address, char value, long *faults);

// Page faults of the calling thread so far, minor and major.
long faults_now(void);

// Writes to each page from `memory` on, and returns what that took in faults.
long write_pages(void *memory, size_t pages, char value);

// --- looks ------------------------------------------------------------------------

// Whether frames have numbers here (CAP_SYS_ADMIN), and how many pages the kernel
// had moved to other frames when the scene began. Says so where they are hidden.
struct sight {
	bool shown;
	long moves;
};
struct sight sight_begin(void);

// A claim about frames, for those who see them. The kernel may move a page at any
// moment (compaction, NUMA balancing): if it did, what does not hold says nothing,
// and the scene is left.
#define claim_seen(sight, holds, ...)                                          \
	do {                                                                   \
		if ((sight)->shown)                                            \
			claim(unless_moved(sight, holds), __VA_ARGS__);        \
	} while (0)
bool unless_moved(const struct sight *sight, bool holds);

// The page that holds an address of a process, 0 for the caller. A note, NULL for
// none, stands behind the row.
struct frame_row look(const char *who, pid_t pid, const void *address,
		      const char *note);

// The table: who, address, frame, how many page tables map it ("1" and "2+" where
// only that is known), of what it is, note.
void show_frames(const struct frame_row *rows, size_t n);

// Both have a frame, and it is (not) one; false where the numbers are hidden.
bool one_frame(const struct frame_row *a, const struct frame_row *b);
bool two_frames(const struct frame_row *a, const struct frame_row *b);

// How much smaps says of the mappings in a range, or leaves the scene.
struct memory_use use_of(pid_t pid, const void *memory, size_t bytes);

#endif

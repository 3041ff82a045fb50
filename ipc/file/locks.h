// locks.h - three kinds of locks on files, and what is tried with them

#ifndef IPC_FILE_LOCKS_H
#define IPC_FILE_LOCKS_H

#include <stdbool.h>
#include <sys/types.h>

enum { POSIX, OFD, FLOCK, KINDS };
enum { USE_FLOCK = -1 }; // no command: flock(2)

// What is tried: whom does it keep out? Is it still there after ...?
enum trial {
	PROCESS,
	COPY,
	SECOND,
	THREAD,
	BYTE, // whom
	OTHER_OPEN,
	DUP,
	CLOSES,
	UNLOCKS,
	LAST,
	EXEC,
	DEATH, // after
	TRIALS
};

struct kind {
	const char *name;
	int command; // of fcntl(2), or USE_FLOCK
};

// A file that this process has opened and of which it has locked byte 0.
struct locked {
	const struct kind *kind;
	const char *path;
	int fd;
	enum trial trial; // what is tried with it
};

// locks.c. Asks for a lock of one byte, for writing, without waiting; returns
// whether it was granted. flock(2) knows no bytes and takes the file. And lets
// byte 0 go.
bool take(const struct kind *kind, int fd, off_t byte);
void drop(const struct kind *kind, int fd);

// Has a child ask, and returns its answer.
bool in_child(bool (*ask)(const struct locked *l), const struct locked *l);

// lock_trials.c
extern const struct lock_trial {
	const char *label;
	void (*act)(const struct locked *l); // or NULL
	bool (*is_refused)(const struct locked *l);
} lock_trials[TRIALS];

#endif

// names.h - what has a name outlives its maker, unless somebody remembers it
//
// Memory, descriptors and processes die with a process; a POSIX queue, a shared
// memory object, a SysV object, a socket's path or a temporary file stays. So
// each is written down before it is made, in a ledger that belongs to the
// program: one file per program run in a private directory
// (${TMPDIR:-/tmp}/oslab-UID/, mode 0700; a sweep looks below /tmp too), held
// open with flock(2) by the program and every descendant of it. Whoever can take that lock knows that
// the whole family is gone, whatever killed it, and may remove what the ledger
// names: names_sweep does, at the start of every program (and `make sweep`).
//
// Names are "/oslab.PID.START.n": PID and its start time (field 22 of
// /proc/PID/stat) name the program, n counts. SysV objects have no names but
// 32-bit keys; ours are random.
//
// All functions return 0 (or what they say) or -errno; none prints or exits.
// Any process of the family may call them; appending to the ledger is one
// write(2) with O_APPEND. Only names_open and names_close need to be alone:
// no other thread of the process may be in here.

#ifndef NAMES_H
#define NAMES_H

#include <stddef.h>
#include <sys/types.h>

enum name_kind {
	NAME_SHM,       // shm_open(3)
	NAME_SEM,       // sem_open(3)
	NAME_MQ,        // mq_open(3)
	NAME_POSIX,     // any of these three, or several
	NAME_PATH,      // a file, FIFO or socket
	NAME_DIRECTORY, // removed with everything in it
	NAME_SYSV_MSG,  // msgget(2)
	NAME_SYSV_SHM,  // shmget(2)
	NAME_SYSV_SEM,  // semget(2)
	NAME_CGROUP,    // a control group, at the top of its hierarchy
	NAME_KINDS
};

enum { NAME_BYTES = 256 };

// Opens this program's ledger, once, before it forks. Calling it again does
// nothing. Functions below call it where it has not been. -EPERM: the directory
// is there, but it is not ours, not private, or a link.
int names_open(void);

// A fresh name, written to the ledger. For the POSIX kinds and a control group
// "/oslab...."; for NAME_PATH and NAME_DIRECTORY an absolute path in the ledger's
// directory (short enough for sun_path). The caller makes the object.
int names_fresh(enum name_kind kind, char name[NAME_BYTES]);

// A fresh key for a SysV kind, one that no object had a moment ago, written to
// the ledger. The caller makes the object with IPC_CREAT | IPC_EXCL and, on
// EEXIST, asks for another key.
int names_fresh_key(enum name_kind kind, key_t *key);

// Removes the object (if it is still there) and crosses it out. For a SysV
// kind the name is NULL and the key counts.
int names_remove(enum name_kind kind, const char *name, key_t key);

// Removes everything this program's ledger still names. Call it when nobody
// else of the family uses a name: between two scenes.
int names_clear(void);

// The same, then the ledger: the last act of the program's first process.
int names_close(void);

// Removes what dead programs of this user left behind. Returns how many
// objects that were, or -errno: what could not be removed stays in its ledger,
// for the next sweep.
int names_sweep(void);

#endif

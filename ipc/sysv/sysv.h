// sysv.h - what the files of ipc/sysv share: objects to play with, and the
// scenes

#ifndef SYSV_H
#define SYSV_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/types.h>

// The error of a call that may fail: 0 or errno. FAILURE(msgsnd(...)).
#define FAILURE(call) ((call) == -1 ? errno : 0)

// The ends of a pipe(2).
enum { READ, WRITE };

// semctl(2) takes one of these and has every program declare it.
union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

// A message as msgop(2) wants it: a type above 0, then the bytes.
enum { TEXT = 16 };
struct letter {
	long type;
	char text[TEXT];
};

// New objects under keys that nobody else has, in the ledger of names.h, so
// that they are gone after us however we end. Permissions `mode`; *key is the
// key (NULL: not wanted). Each returns the identifier, or leaves the scene
// (skip) where this host can have no such object.
int make_queue(int mode, key_t *key);
int make_memory(size_t bytes, int mode, key_t *key);
int make_set(int semaphores, int mode, key_t *key);

// Sends a text of less than TEXT bytes; 0 or the error.
int send_text(int queue, long type, const char *text, int flags);

// A semaphore's value; how many wait for it to grow.
int value_of(int set, int semaphore);
int waiting_for(int set, int semaphore);

// Numbers of /proc/sys/kernel/FILE. Leaves the scene where there is none.
void kernel_numbers(const char *file, unsigned long long *numbers, int n);
unsigned long long kernel_number(const char *file);

// Leaves the scene where memory is removed as soon as nobody is attached.
void need_memory_that_stays(void);

// Kills a child and waits for its end.
void kill_child(pid_t child);

// keys.c
void file_keys(void);
void meeting(void);
void own_namespace(void);

// rights.c
void permissions(void);

// persist.c
void outliving(void);
void listing(void);

// types.c
void types(void);

// remove.c
void removing(void);
void removing_memory(void);

// atomic.c
void one_by_one(void);
void all_or_nothing(void);

// birth.c
void birth(void);

// limits.c
void limits(void);

#endif

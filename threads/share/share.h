// share.h - how threads/share tries what two tasks share, and its scenes

#ifndef THREADS_SHARE_H
#define THREADS_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// One try: a task is made, it changes a thing, and its maker looks whether the
// thing has changed for him, too. This lies in memory that both always see.
struct trial {
	pid_t maker; // its process ID, which is its thread ID as well
	bool same;   // what only the task can tell, while it lives

	// Where the thing is, and what it was before.
	volatile int *number;
	void *address;
	int fd;
	long before;
};

// What decides whether a thing is shared: a flag of clone(2), or one of these,
// which are no flags. (What lies in memory and is found by a register, the
// thread pointer, is shared with CLONE_VM unless CLONE_SETTLS loads another.)
enum { ALWAYS = 1, NEVER, BY_REGISTER };

struct thing {
	const char *name;
	int decided_by;
	void (*prepare)(struct trial *trial); // by the maker, before; or NULL
	void (*act)(struct trial *trial);     // by the task
	bool (*look)(struct trial *trial);    // by the maker; NULL: trial->same
};

// The things, in four files; a thing without a name ends each list.
extern const struct thing memory_things[];  // memory.c
extern const struct thing file_things[];    // files.c
extern const struct thing process_things[]; // process.c
extern const struct thing own_things[];     // own.c

// The columns of the table: the ways to make a task, from least to most.
struct way {
	const char *name;
	int flags;
};
enum { FORK = 0, PTHREAD = 6, WAYS };
extern const struct way ways[WAYS];

// Tries one thing one way, in a process of its own that is the maker.
bool try_thing(const struct thing *thing, const struct way *way);

// Makes a task with just these flags, which does nothing. 0 or -errno.
int try_flags(int flags);

void scene_table(void); // table.c
void scene_needs(void); // needs.c
void scene_kernel(void);
void scene_ids(void);    // ids.c
void scene_stacks(void); // stacks.c
void scene_local(void);
void scene_credentials(void); // credentials.c
void scene_apart(void);       // apart.c
void scene_notes(void);       // notes.c

#endif

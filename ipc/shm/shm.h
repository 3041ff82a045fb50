// shm.h - the scenes of ipc/shm, and what they share

#ifndef SHM_SCENES_H
#define SHM_SCENES_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"

void play_posix(void); // objects.c
void play_anonymous(void);
void play_shrink(void); // memfd.c
void play_seals(void);
void play_address(void); // address.c
void play_pointer(void);
void play_race(void); // race.c
void play_cures(void);
void play_robust(void); // robust.c
void play_ring(void);   // ring.c
void play_rules(void);  // rules.c
void play_looks(void);  // looks.c
void play_lines(void);  // lines.c
void play_real(void);   // real.c

static inline size_t page_bytes(void)
{
	return must(sysconf(_SC_PAGESIZE));
}

// The first page of a file, shared with whoever else maps it.
static inline void *map_page(int fd)
{
	return must(mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, 0));
}

// Zeroed memory that this process and all it forks from now on have in common.
static inline void *shared(size_t bytes)
{
	return must(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

// Between two looks at a word that another process will change.
static inline void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
}

// For a child that is about to do what kills: with the signal's own effect,
// whatever was inherited, and without a core file.
static inline void expect_death(int number)
{
	must(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 }));
	must(signal(number, SIG_DFL) == SIG_ERR ? -1 : 0);
}

// Waits for a child; the signal that ended it, or 0.
static inline int killed_by(pid_t child)
{
	int status;

	must(waitpid(child, &status, 0));
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

// memfd.c: a file of one page without a name, in memory.
int page_file(unsigned flags);

// address.c: the line of /proc/self/maps that an address lies in.
struct mapping {
	unsigned long begin, end, offset, inode;
	char device[16], path[64];
};
struct mapping mapping_of(const void *address);

// robust.c: a mutex for shared memory that knows when its holder has died.
void init_robust(pthread_mutex_t *mutex);

#endif

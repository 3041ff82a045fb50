// demand.h - what the scenes of mem/demand share
//
//   main.c       the table of scenes
//   memory.c     anonymous pages: the staircase, the zero page, giving back
//   prefault.c   all at once, or one by one
//   files.c      pages of a file: from the device, and from the cache
//   tools.c      touching, counting, drawing

#ifndef MEM_DEMAND_H
#define MEM_DEMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void scene_staircase(void);
void scene_zero(void);
void scene_back(void);
void scene_prefault(void);
void scene_faults(void);
void scene_readahead(void);
void scene_around(void);

// From now on this process gets no huge pages (PR_SET_THP_DISABLE): the scenes
// count small ones.
void no_huge_pages(void);

// Anonymous pages of the usual size, none of them touched.
char *new_pages(size_t pages);

// The same, and what has a frame keeps it, whatever else the machine does: locked,
// but not touched. (Who may lock no memory goes on without.)
char *new_lasting_pages(size_t pages);

// Reads or writes a byte of each of n pages; no sanitizer's memory is touched
// beside them.
void read_pages(const char *pages, size_t n);
void write_pages(char *pages, size_t n);

// Page faults of this process so far (getrusage(2)).
struct faults {
	long minor, major;
};
struct faults faults_now(void);
struct faults faults_since(struct faults before);

// Frames in use for these pages: smaps' Rss, in pages. It leaves out the zero
// page. Exact, where VmRSS may lag behind on many CPUs.
size_t resident_pages(const char *begin, size_t pages);

// Pages whose entry in the page table is there (pagemap).
size_t mapped_pages(const char *begin, size_t pages);

// The pages as a map: mincore(2) tells which are in memory. `touched` (or
// SIZE_MAX) is marked. More pages than cells share one. Returns how many are in
// memory.
size_t show_pages(const char *begin, size_t pages, size_t touched);
size_t cached_pages(const char *begin, size_t pages); // the same, not shown

// A file of that size with no name, on a file system in ${TMPDIR:-/tmp}, all of
// it on the device. Leaves the scene where it cannot be had.
int new_file(size_t bytes);

// Drops the file's pages from the page cache. False where they stay.
bool drop_cached(int fd, size_t bytes);
void need_dropped(int fd, size_t bytes); // skips the scene instead

#endif

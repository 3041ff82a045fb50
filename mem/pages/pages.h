// pages.h - what the kernel tells of a process's pages and of the frames below
//
// A process has mappings (/proc/PID/maps): ranges of virtual pages. Behind each
// page there may be a frame of physical memory, or not (/proc/PID/pagemap). What
// a frame is used for, and how often it is mapped, the kernel tells by the
// frame's number (/proc/kpageflags, /proc/kpagecount). How much that is in sum it
// tells, too (smaps, smaps_rollup, status).
//
// `pid` is any process; 0 is the caller's. Nothing is printed, and there is no
// global state: any thread may call any of these. Each returns 0 (or a number
// that is not negative) or -errno:
//
//   -ESRCH   no such process, or it has ended (a zombie has no memory)
//   -EACCES, -EPERM  it is another user's, or one that may not be looked at:
//            that takes what ptrace(2) takes, PTRACE_MODE_READ_FSCREDS
//   -ENOENT  this kernel has no such file (CONFIG_PROC_PAGE_MONITOR), or no /proc
//            is mounted
//   -EBADMSG the file has another form than proc(5) says
//   -ENOMEM, -EMFILE ... as everywhere
//
// To hide is no error: without CAP_SYS_ADMIN the kernel shows the pages of a
// process, but 0 for each frame (struct page, hidden).
//
// Sources: proc_pid_maps(5), proc_pid_pagemap(5), proc_pid_smaps(5),
// proc_kpageflags(5), mincore(2); Linux, Documentation/admin-guide/mm/pagemap.rst.

#ifndef MEM_PAGES_H
#define MEM_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The size of a page here, in bytes (sysconf(3)).
size_t page_bytes(void);

// --- mappings -------------------------------------------------------------------

enum mapping_kind {
	MAPPING_ANONYMOUS, // of no file (nor any of the below)
	MAPPING_FILE,      // of a file, private or shared
	MAPPING_MEMORY,    // of a file without a name: memfd, shared anonymous,
			   // System V
	MAPPING_HEAP,      // [heap]: what brk(2) moves
	MAPPING_STACK,     // [stack]: of the first thread
	MAPPING_KERNEL,    // [vdso], [vvar], [vsyscall]: the kernel's gift
};

struct mapping {
	uintptr_t begin, end; // bytes; `end` is the first one behind it
	bool read, write, execute, shared;
	enum mapping_kind kind;
	uint64_t offset; // into the file, bytes
	unsigned device_major, device_minor;
	uint64_t inode; // 0: no file

	// As the kernel writes it, "" for none: a path, "[heap]", "[anon:NAME]".
	// A newline in a path stands as \012 (a path that has these four
	// characters looks the same); other controls stand as they are: do not
	// send it to a terminal (say and the pictures of draw.h do not).
	const char *name;

	// The path ends in " (deleted)": the file has no name now, or is really
	// called so.
	bool deleted;
};

struct maps {
	size_t count; // ascending by address, without overlap
	struct mapping *all;
	char *names; // what they point into
};

// Reads them all. A kernel thread has none (count 0). The mappings may change
// while they are read, unless the process is the caller or stands still.
// O(count); maps_free releases it (after an error there is nothing to release).
int maps_read(struct maps *maps, pid_t pid);
void maps_free(struct maps *maps);

// The mapping that holds the address, or NULL. O(log count).
const struct mapping *maps_find(const struct maps *maps, uintptr_t address);

// The first mapping of that kind, or NULL. O(count).
const struct mapping *maps_of_kind(const struct maps *maps,
				   enum mapping_kind kind);

// "r-xp", as in /proc/PID/maps.
const char *mapping_rights(const struct mapping *mapping, char text[5]);

// --- pages ----------------------------------------------------------------------

struct page {
	bool present;   // a frame is behind it
	bool hidden;    // present, and the kernel does not say which frame
	bool swapped;   // on a swap device (or a page on its way: migration)
	bool file;      // of a file or of shared memory, not anonymous
	bool exclusive; // no other page table maps its frame (Linux 4.2)
	bool uffd_protected; // write-protected by userfaultfd(2) (Linux 5.14)
	bool guard;          // MADV_GUARD_INSTALL (Linux 6.15)
	uint64_t frame;      // the frame's number; 0 unless present and shown
};

struct pagemap {
	int fd;
};

// One descriptor for many questions. It stays with the memory it was opened for,
// even if another process gets the number: once that memory is gone (the process
// has ended, or executes another program) the answer is -ESRCH; a kernel thread
// has none either.
int pagemap_open(struct pagemap *map, pid_t pid);
void pagemap_close(struct pagemap *map);

// The `n` pages from the one that holds `address`. A page that is not mapped is
// not present. Returns how many were read: fewer than n only where the user's
// part of the address space ends. O(n), 8 bytes of the kernel's a page.
ssize_t pagemap_read(const struct pagemap *map, uintptr_t address, size_t n,
		     struct page *pages);

// The same for one question, opened and closed.
ssize_t pages_read(pid_t pid, uintptr_t address, size_t n, struct page *pages);

// How the eight bytes of one entry are read.
struct page page_of_entry(uint64_t entry);

// Whether the kernel tells the caller the numbers of frames: it does if he has
// CAP_SYS_ADMIN (in the first user namespace). Tried, with a page of our own.
// 1, 0 or -errno.
int frames_shown(void);

// --- frames ---------------------------------------------------------------------

// What the kernel says of a frame. Files of root (mode 0400): -EACCES for others;
// -EPERM, where a container's root lacks CAP_SYS_ADMIN.
struct frames {
	int flags, counts;
};

int frames_open(struct frames *frames);
void frames_close(struct frames *frames);

// The flags (below), and how often a page table maps the frame. For a part of a
// larger folio a kernel may give the average of its parts. -ENXIO: there is no
// such frame. What belongs to several frames is not read in one moment.
int frames_flags(const struct frames *frames, uint64_t frame, uint64_t *flags);
int frames_count(const struct frames *frames, uint64_t frame, uint64_t *count);

// The bits of the flags that have a name; the table ends with a NULL name.
struct frame_flag {
	int bit;
	const char *name;    // as page-types(1) has it, "mmap"
	const char *meaning; // a few words, "some page table maps it"
};
extern const struct frame_flag frame_flags[];

// Bits that programs ask for (linux/kernel-page-flags.h).
enum {
	FRAME_REFERENCED = 2,
	FRAME_DIRTY = 4,
	FRAME_LRU = 5,
	FRAME_ACTIVE = 6,
	FRAME_MMAP = 11,
	FRAME_ANON = 12,
	FRAME_SWAPBACKED = 14,
	FRAME_HUGE = 17,
	FRAME_KSM = 21,
	FRAME_THP = 22,
	FRAME_ZERO = 24,
};

// "uptodate,lru,mmap,anon", "-" for none; a bit without a name is "bit38". What
// does not fit is cut. Returns text.
enum { FRAME_FLAGS_BYTES = 640 };
const char *frame_flags_text(char *text, size_t bytes, uint64_t flags);

// --- a row of the frame table ---------------------------------------------------

// Who has which frame behind which address. All that can be known is there; what
// cannot is told by the flags.
struct frame_row {
	const char *who; // the caller's
	uintptr_t address;
	struct page page;
	bool frame_known; // flags and count are
	uint64_t flags, count;
	const char *note; // the caller's, NULL for none
};

// Fills a row in. `frames` NULL: opened for this, where that is allowed. The
// frame is not ours to hold: read and reported, it may be another's already.
int frame_row_read(struct frame_row *row, const char *who, pid_t pid,
		   uintptr_t address, const struct frames *frames);

// A table of rows, a line each, in a string of the caller's (free it): who,
// address, frame, count, flags, note. For show_text: a line may be long. Of the
// flags those are left out that mean nothing to programs (bit 32 and above).
// NULL when memory is out.
char *frame_table(const struct frame_row *rows, size_t n);

// --- how much -------------------------------------------------------------------

// Bytes, as smaps counts them. A line that this kernel does not write is 0.
struct memory_use {
	uint64_t size;         // of the mappings (0 in a rollup)
	uint64_t resident;     // Rss
	uint64_t proportional; // Pss: each page divided by its users
	uint64_t shared_clean, shared_dirty, private_clean, private_dirty;
	uint64_t referenced, anonymous, ksm, lazy_free;
	uint64_t anonymous_huge;                // AnonHugePages
	uint64_t shared_memory_huge, file_huge; // ShmemPmdMapped, FilePmdMapped
	uint64_t shared_hugetlb, private_hugetlb;
	uint64_t swap, swap_proportional, locked;
};

// Of the whole process (smaps_rollup, Linux 4.14).
int memory_use(struct memory_use *use, pid_t pid);

// Of all mappings that have a byte in [begin, end), each as a whole.
// O(mappings + their pages).
int memory_use_between(struct memory_use *use, pid_t pid, uintptr_t begin,
		       uintptr_t end);

// A field of /proc/PID/status: "VmRSS", "VmPTE", "Threads". What is in kB there
// is in bytes here. -ENODATA: no such field (a kernel thread has no Vm...).
int status_field(pid_t pid, const char *field, uint64_t *value);

// Page faults of a process since it began (/proc/PID/stat): without and with a
// wait for a device.
int faults_of(pid_t pid, uint64_t *minor, uint64_t *major);

// --- which pages are in memory ----------------------------------------------------

// mincore(2) for the caller's own memory: 1 or 0 for each page of a range that
// begins at a page. For a file it tells what the page cache holds, touched or
// not; of a file that the caller could not write the kernel says 1 throughout
// (Linux 5.2). -ENOMEM: part of it is not mapped.
int resident_read(const void *address, size_t bytes, unsigned char *pages);

// The same as the cells of a map (draw_map): '#' in memory, '.' not. Returns how
// many are in memory, or -errno. `cells` has one for each page.
ssize_t resident_cells(const void *address, size_t bytes, char *cells);

#endif

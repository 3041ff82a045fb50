// region.h - memory whose pages are replaced by a policy of mem/policy
//
// A region looks like memory and has more pages than frames. A page that is in
// no frame faults when it is touched; the program waits, a thread of the region
// brings the page from a file, and the policy says which other page has to go
// for it, back to the file if it was modified. It is demand paging as a kernel
// does it, done by a process for itself.
//
// A policy may want to know more than faults (mem/policy/policy.h, `needs`).
// What an MMU would note in a bit, a region finds out by protection:
//
//     M       a page that was only read is write-protected; the first write
//             faults.
//     R       a page whose reference bit the policy clears is taken out of
//             sight: it stays in its frame, and the next touch faults.
//     track   only the page last touched is in sight. Every change of page
//             faults, so the reference string is known to the last entry.
//
// Three ways to do it, in order of preference:
//
//     move    userfaultfd(2), Linux 6.8: the frames are pages of ordinary
//             memory, and UFFDIO_MOVE hangs them into the region and takes them
//             out again, without a copy.
//     copy    userfaultfd(2), Linux 5.11: UFFDIO_COPY into the region, and a
//             copy back when a modified page goes.
//     signal  no userfaultfd: PROT_NONE and SIGSEGV. The frames are a memfd,
//             mapped into the region page by page.
//
// Without CAP_SYS_PTRACE (and vm.unprivileged_userfaultfd 0) userfaultfd serves
// faults of user mode only, as SIGSEGV does: then a system call that is given an
// address of the region fails with EFAULT unless the page is in sight.
//
// The string that a tracked region sees has an entry for each change of page and
// one for the first write of a stay that began with a read; all else repeats the
// entry before it. It depends on the program alone, not on the policy.
//
// Under `track`, and where there is one frame only, an instruction that needs two
// pages of the region at once never ends. That is found out (-ELOOP).
//
// Any number of threads may touch a region of copy or signal; they are served
// one at a time. Of move only one thread at a time: between hanging a page in and
// protecting it is a moment in which another could write unseen, for UFFDIO_MOVE
// cannot do both at once. Children do not inherit a region (MADV_DONTFORK).
//
// Sources: userfaultfd(2), ioctl_userfaultfd(2), sigaction(2); Li & Hudak,
// "Memory Coherence in Shared Virtual Memory Systems", ACM TOCS 7 (1989), for
// paging by protection in user mode.

#ifndef MEM_REGION_H
#define MEM_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/policy/policy.h"

enum region_way { REGION_MOVE, REGION_COPY, REGION_SIGNAL, REGION_WAYS };
extern const char *const region_way_names[]; // ends with NULL

// 0 or why not: -ENOSYS, -EPERM (a filter, or the sysctl), -EOPNOTSUPP (this
// kernel's userfaultfd lacks something). Tries it, leaves nothing.
int region_can(enum region_way way);

// The first way that can be gone.
enum region_way region_best(void);

// Something that the region saw and told its policy.
struct region_event {
	uint32_t page;
	uint32_t victim; // the page that left, or NO_PAGE
	bool write;
	bool hit;     // the page was in a frame
	bool dirty;   // the victim was written to the file
	bool strayed; // see struct replacement_outcome
};

struct region_setup {
	enum region_way way;
	const struct replacement *policy;

	// What the policy gets. `pages` and `frames` count pages of
	// sysconf(_SC_PAGESIZE) bytes; fewer pages than 2^30. `cleared` and
	// `context` are the region's own.
	struct replacement_setup plan;

	// See every reference. Implied where the policy needs it.
	bool track;

	// The file behind: `pages` pages from its beginning, which are what the
	// region holds at first. It belongs to the caller, who keeps it open
	// and as long as it is.
	int file;

	// Called by the region's thread, in order, before the program goes on.
	// May be NULL. It must not touch the region.
	void (*seen)(void *context, const struct region_event *event);

	// Called by the region's thread when a fault cannot be served: the file
	// cannot be read or written, memory is out (-errno). The program that
	// waits can never go on, so this must not return.
	void (*failed)(void *context, int error);
	void *context;
};

struct region_counts {
	uint64_t faults;  // touches of pages in no frame: policy's faults
	uint64_t noticed; // of pages in a frame but out of sight
	uint64_t writes;  // first writes to pages in sight
	uint64_t reads, writebacks; // pages from the file, and to it
	uint64_t strayed;
};

struct region;

// 0 or -errno: region_can's; -EINVAL (no policy, numbers out of range); what
// mmap(2), pthread_create(3) say; -ENOMEM also where the way is `signal` and
// twice the frames exceed vm.max_map_count. The thread runs on the CPUs that the
// caller may use, with all signals blocked.
int region_open(struct region **region, const struct region_setup *setup);

// Ends the thread and unmaps everything; pages that are dirty are lost, as when
// a process exits. Nobody may touch the region then. NULL is allowed.
void region_close(struct region *region);

// The region's first byte; page-aligned.
void *region_memory(const struct region *region);
size_t region_page_bytes(const struct region *region);

// True where system calls may be given addresses of the region.
bool region_serves_kernel(const struct region *region);

// What has been counted so far; any thread.
struct region_counts region_counts(struct region *region);

#endif

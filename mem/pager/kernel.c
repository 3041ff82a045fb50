// # Who may not touch it: the kernel itself
//
// read(2) into a page that is not there makes the kernel fault, in the middle of
// a system call. If a process may hold it up there for as long as it likes, it
// can win races inside the kernel that nobody else can (userfaultfd was used in
// many exploits). So since Linux 5.11 an ordinary user gets userfaultfd for faults
// of user mode only (UFFD_USER_MODE_ONLY): then the call fails with EFAULT, as it
// does by SIGSEGV. What helps is to touch the page first.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lab.h"
#include "mem/pager/play.h"
#include "mem/pager/scenes.h"
#include "privilege.h"

enum { PAGES = 4 };

static struct region *open_any(enum region_way way, int file)
{
	struct region *region;

	must_neg(region_open(
		&region, &(struct region_setup){
				 .way = way,
				 .policy = replacement_named("fifo"),
				 .plan = { .frames = PAGES, .pages = PAGES },
				 .file = file,
				 .failed = cannot_serve }));
	return region;
}

static void try_read(enum region_way way)
{
	int file = nameless_file(PAGES * (size_t)sysconf(_SC_PAGESIZE));
	struct region *region = open_any(way, file);
	volatile char *memory = region_memory(region);
	size_t page = region_page_bytes(region);
	int zero = must(open("/dev/zero", O_RDONLY | O_CLOEXEC));

	memory[0] = 'x';
	ssize_t n = read(zero, (void *)memory, 1);
	claim(n == 1 && memory[0] == 0,
	      "%s: read(2) into a page that is in sight: 1 byte",
	      region_way_names[way]);
	errno = 0;
	n = read(zero, (void *)(memory + page), 1);
	if (region_serves_kernel(region))
		claim(n == 1 && region_counts(region).faults == 2,
		      "%s: into one that is not: the kernel waits for us, too",
		      region_way_names[way]);
	else
		claim(n == -1 && errno == EFAULT,
		      "%s: into one that is not: EFAULT",
		      region_way_names[way]);
	memory[page] = 'x';
	n = read(zero, (void *)(memory + page), 1);
	claim(n == 1, "%s: touched first, it works", region_way_names[way]);
	close(zero);
	region_close(region);
	close(file);
}

void scene_forbidden(void)
{
	enum region_way way = way_here();

	if (way != REGION_SIGNAL) {
		pid_t child = fork_as("ordinary");
		if (child == 0) {
			give_up_capabilities();
			try_read(way);
			_exit(0);
		}
		reap(child);
		try_read(way);
	}
	try_read(REGION_SIGNAL);
}

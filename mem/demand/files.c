// # Pages of a file

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"
#include "mem/demand/demand.h"
#include "mem/pages/pages.h"
#include "options.h"

// ## Minor and major
//
// A page of a file may be in memory already, in the page cache, because somebody
// read it. Then a fault only enters it: minor. If it is not, the kernel must ask
// the device and the process sleeps until the page has come: major, a thousand
// times dearer. Here the difference is made: the file is written out (fsync) and
// dropped from the cache (POSIX_FADV_DONTNEED), or left there.

enum { FEW = 16 };

static char *map_file(int fd, size_t bytes)
{
	return must(mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0));
}

void scene_faults(void)
{
	size_t bytes = FEW * page_bytes();
	int fd = new_file(bytes);

	need_dropped(fd, bytes);
	char *first = map_file(fd, bytes);
	must(madvise(first, bytes, MADV_RANDOM));
	say("a file of %d pages, none in the page cache:", FEW);
	show_pages(first, FEW, SIZE_MAX);
	struct faults before = faults_now();
	read_pages(first, FEW);
	struct faults cold = faults_since(before);
	say("all touched: %ld major, %ld minor faults", cold.major, cold.minor);
	claim(cold.major >= 1,
	      "what is not in memory comes from the device: major faults");

	// What is locked stays in the cache, whatever the machine does.
	if (mlock(first, bytes) == -1)
		say("(may not be locked: the cache might lose it again)");
	char *second = map_file(fd, bytes);
	say("the same file, mapped once more, now in the page cache:");
	size_t there = show_pages(second, FEW, SIZE_MAX);
	before = faults_now();
	read_pages(second, FEW);
	struct faults warm = faults_since(before);
	say("all touched: %ld major, %ld minor faults", warm.major, warm.minor);
	claim(there == FEW && warm.major < cold.major && warm.minor >= 1,
	      "what is in the cache is only entered: minor faults");
}

// ## Reading ahead
//
// Who wants one page of a file will want the next one, and one large request is
// cheaper than many small ones. So a major fault brings in neighbours, too, as
// many as the device is set to (read_ahead_kb in /sys/class/bdi). A program that
// knows better says so: MADV_RANDOM, and a fault brings its own page only;
// MADV_SEQUENTIAL, and what comes lies ahead of it.

enum { FILE_BYTES = 16 << 20 };

// Reading goes on after the fault is over: waits until nothing more arrives.
static size_t settled(const char *view, size_t pages)
{
	enum { QUIET = 50, LONGEST = 2000 };
	size_t n = cached_pages(view, pages);

	for (int quiet = 0, i = 0; quiet < QUIET && i < LONGEST; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		size_t now = cached_pages(view, pages);
		quiet = now == n ? quiet + 1 : 0;
		n = now;
	}
	return n;
}

// One touch in the middle: how many pages are in the cache then, of which behind
// it, that is with a lower number.
static size_t touch_once(int fd, size_t pages, int advice, const char *name,
			 size_t *behind)
{
	size_t page = page_bytes(), middle = pages / 2;

	need_dropped(fd, FILE_BYTES);
	char *view = map_file(fd, FILE_BYTES);
	must(madvise(view, FILE_BYTES, advice));
	read_pages(view + middle * page, 1);
	size_t n = settled(view, pages);
	*behind = cached_pages(view, middle);
	say("%s: page %zu touched; in memory: %zu", name, middle, n);
	show_pages(view, pages, middle);
	must(munmap(view, FILE_BYTES));
	return n;
}

void scene_readahead(void)
{
	size_t pages = FILE_BYTES / page_bytes(), behind;
	char size[HUMAN_BYTES];
	int fd = new_file(FILE_BYTES);

	say("a file of %s, %zu pages; T marks the touch",
	    human_size(size, FILE_BYTES), pages);
	size_t random = touch_once(fd, pages, MADV_RANDOM, "MADV_RANDOM",
				   &behind);
	size_t normal = touch_once(fd, pages, MADV_NORMAL, "MADV_NORMAL",
				   &behind);
	size_t around = behind;
	size_t ahead = touch_once(fd, pages, MADV_SEQUENTIAL, "MADV_SEQUENTIAL",
				  &behind);
	claim(random >= 1 && normal >= 1 && ahead >= 1,
	      "the page that was touched is there each time");
	if (normal == 1)
		skip("this device is set to read nothing ahead: see "
		     "read_ahead_kb in /sys/class/bdi");
	claim(random < normal, "MADV_RANDOM brings fewer than MADV_NORMAL");
	say("below that page: %zu by MADV_NORMAL, %zu by MADV_SEQUENTIAL",
	    around, behind);
	claim(behind == 0 && ahead > 1,
	      "MADV_SEQUENTIAL brings only what lies ahead");
}

// ## Around a fault
//
// Also a minor fault has its price, so the kernel enters what lies in the cache
// around it in the same go: fault_around_bytes (in debugfs), 64 KiB as a rule, and
// the rest of a large folio. That is for pages of files that are read. An anonymous
// page comes alone: nobody knows whether its neighbours will ever be wanted.

void scene_around(void)
{
	enum { PAGES = 64 };
	size_t page = page_bytes(), bytes = PAGES * page;
	int fd = new_file(bytes);
	char *view = map_file(fd, bytes);
	char *memory = new_pages(PAGES);

	// In the cache, and held there.
	must(madvise(view, bytes, MADV_WILLNEED));
	if (mlock(view, bytes) == -1)
		read_pages(view, PAGES);
	char *second = map_file(fd, bytes);
	read_pages(second + PAGES / 2 * page, 1);
	size_t around = mapped_pages(second, PAGES);
	write_pages(memory + PAGES / 2 * page, 1);
	size_t alone = mapped_pages(memory, PAGES);
	say("one touch enters %zu pages of a cached file, %zu of memory",
	    around, alone);
	claim(alone == 1, "an anonymous page comes alone");
	claim(around >= 1, "of a file, with those around it: %zu", around);

	struct faults before = faults_now();
	char *third = map_file(fd, bytes);
	read_pages(third, PAGES);
	struct faults all = faults_since(before);
	say("all %d pages of the file touched: %ld faults", PAGES,
	    all.minor + all.major);
	if (around == 1)
		say("the kernel enters one at a time here "
		    "(fault_around_bytes)");
	else
		claim(all.minor + all.major < PAGES,
		      "so there are fewer faults than pages");
}

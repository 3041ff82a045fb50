// # Touching, counting, drawing

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/demand/demand.h"
#include "mem/pages/pages.h"
#include "options.h"

void no_huge_pages(void)
{
	must(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
}

char *new_pages(size_t pages)
{
	no_huge_pages();
	return must(mmap(NULL, pages * page_bytes(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

char *new_lasting_pages(size_t pages)
{
	char *begin = new_pages(pages);

	if (mlock2(begin, pages * page_bytes(), MLOCK_ONFAULT) == -1)
		errno = 0;
	return begin;
}

#define UNSEEN __attribute__((noinline, no_sanitize("address", "thread")))

UNSEEN void read_pages(const char *pages, size_t n)
{
	size_t page = page_bytes();

	for (size_t i = 0; i < n; i++)
		(void)*(const volatile char *)(pages + i * page);
}

UNSEEN void write_pages(char *pages, size_t n)
{
	size_t page = page_bytes();

	for (size_t i = 0; i < n; i++)
		*(volatile char *)(pages + i * page) = 1;
}

struct faults faults_now(void)
{
	struct rusage usage;

	must(getrusage(RUSAGE_SELF, &usage));
	return (struct faults){ usage.ru_minflt, usage.ru_majflt };
}

struct faults faults_since(struct faults before)
{
	struct faults now = faults_now();

	return (struct faults){ now.minor - before.minor,
				now.major - before.major };
}

size_t resident_pages(const char *begin, size_t pages)
{
	struct memory_use use;
	size_t page = page_bytes();

	must_neg(memory_use_between(&use, 0, (uintptr_t)begin,
				    (uintptr_t)begin + pages * page));
	return use.resident / page;
}

size_t mapped_pages(const char *begin, size_t pages)
{
	struct page *all = must_ptr(calloc(pages, sizeof *all));
	size_t n = 0;

	must_neg(pages_read(0, (uintptr_t)begin, pages, all));
	for (size_t i = 0; i < pages; i++)
		n += all[i].present;
	free(all);
	return n;
}

// ## The map

enum { CELLS = 128 };

size_t cached_pages(const char *begin, size_t pages)
{
	char *cells = must_ptr(malloc(pages));
	ssize_t n =
		must_neg(resident_cells(begin, pages * page_bytes(), cells));

	free(cells);
	return (size_t)n;
}

static char cell_of(const char *pages, size_t n)
{
	size_t full = 0;

	for (size_t i = 0; i < n; i++)
		full += pages[i] == '#';
	return full == n ? '#' : full ? '+' : '.';
}

size_t show_pages(const char *begin, size_t pages, size_t touched)
{
	enum { A_ROW = 64, NARROW = 32, MARGIN = 12 };
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	char *all = must_ptr(malloc(pages)), cells[CELLS];
	size_t each = (pages + CELLS - 1) / CELLS;
	size_t count = pages / each;
	ssize_t n = must_neg(resident_cells(begin, pages * page_bytes(), all));

	for (size_t i = 0; i < count; i++)
		cells[i] = touched / each == i ? 'T'
					       : cell_of(all + i * each, each);
	char *picture = must_ptr(
		draw_map(&canvas, cells, count,
			 canvas.columns >= A_ROW + MARGIN ? A_ROW : NARROW));
	show(picture);
	free(picture);
	free(all);
	return (size_t)n;
}

// ## A file

static void write_whole(int fd, size_t bytes)
{
	enum { PIECE = 1 << 16 };
	static char piece[PIECE];

	memset(piece, 'f', sizeof piece);
	for (size_t done = 0; done < bytes;) {
		size_t left = bytes - done;
		ssize_t n = write(fd, piece, left < PIECE ? left : PIECE);
		if (n == -1 &&
		    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
			skip("no room for a file of %zu bytes in "
			     "${TMPDIR:-/tmp} (%s): make room, raise ulimit "
			     "-f, or set TMPDIR",
			     bytes, strerror(errno));
		done += (size_t)must(n);
	}
}

int new_file(size_t bytes)
{
	const char *path = fresh_path();

	signal(SIGXFSZ, SIG_IGN); // a limit becomes EFBIG
	int fd = must(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	write_whole(fd, bytes);
	must(fsync(fd));
	return fd;
}

// What is dirty is not dropped, so it has to be written first (fsync). Pages that
// somebody holds just then stay, so it is asked for a few times.
bool drop_cached(int fd, size_t bytes)
{
	enum { TRIES = 50 };
	char *view = must(mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0));
	size_t pages = (bytes + page_bytes() - 1) / page_bytes(), left = 1;

	for (int i = 0; i < TRIES && left; i++) {
		if (i > 0)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 },
				  NULL);
		must_zero(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
		left = cached_pages(view, pages);
	}
	must(munmap(view, bytes));
	return left == 0;
}

void need_dropped(int fd, size_t bytes)
{
	if (!drop_cached(fd, bytes))
		skip("the file system of ${TMPDIR:-/tmp} keeps its pages in "
		     "memory (tmpfs has no other place): set TMPDIR to a "
		     "folder on a disk");
}

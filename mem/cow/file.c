// # A private mapping of a file
//
// A file that is mapped is read once, into the page cache: frames of the kernel's
// that hold pieces of files. A mapping is an entry in a page table that points to
// such a frame, nothing is copied. MAP_SHARED and MAP_PRIVATE differ only in what a
// write does. The private one's entry is read-only, whatever the mapping says; the
// write faults, the kernel copies the page to a fresh frame, which belongs to no
// file (it is anonymous now), points the entry to it, and the write is done again.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"
#include "mem/cast/cast.h"
#include "mem/cow/cow.h"

static int file_of_a_page(char content)
{
	int fd = must(open(fresh_path(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
			   0600));

	must(ftruncate(fd, (off_t)page_bytes()));
	must(pwrite(fd, &content, 1, 0));
	return fd;
}

static char in_file(int fd)
{
	char byte;

	must(pread(fd, &byte, 1, 0));
	return byte;
}

void scene_private(void)
{
	size_t page = page_bytes();
	int fd = file_of_a_page('f');
	struct sight sight = sight_begin();
	struct actor other = actor_enter("other");
	char *shared = must(
		mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	char *mine = must(
		mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	char *others = actor_map(&other, page, PROT_READ, MAP_PRIVATE, fd);
	long faults;

	count_read(shared, NULL);
	count_read(mine, NULL);
	actor_read(&other, others, NULL);
	struct frame_row before[] = {
		look("shared", 0, shared, "MAP_SHARED"),
		look("mine", 0, mine, "MAP_PRIVATE"),
		look("other's", other.pid, others, "MAP_PRIVATE"),
	};
	say("a file of one page, mapped three times and read:");
	show_frames(before, 3);
	claim(before[1].page.file && before[2].page.file,
	      "all show the file's page");
	claim_seen(&sight,
		   one_frame(&before[0], &before[1]) &&
			   one_frame(&before[0], &before[2]),
		   "in one frame, the page cache's, private or not");

	count_write(shared, 's', NULL);
	say("I write s to the shared mapping, then p to my private one");
	char seen_mine = *(volatile char *)mine;
	char seen_others = actor_read(&other, others, NULL);
	claim(seen_mine == 's' && seen_others == 's',
	      "private is no snapshot: until it is copied, it follows the "
	      "file");

	count_write(mine, 'p', &faults);
	struct frame_row after[] = {
		look("shared", 0, shared, NULL),
		look("mine", 0, mine, "the copy"),
		look("other's", other.pid, others, NULL),
	};
	show_frames(after, 3);
	claim(faults >= 1 && !after[1].page.file,
	      "the write faulted; what is written to is of no file any more");
	claim_seen(&sight,
		   two_frames(&before[1], &after[1]) &&
			   one_frame(&before[0], &after[0]) &&
			   one_frame(&before[2], &after[2]),
		   "my page has a new frame, the others have theirs");
	claim(*mine == 'p' && in_file(fd) == 's' &&
		      actor_read(&other, others, NULL) == 's',
	      "nobody sees my p: not the file, not the other");
	count_write(shared, 't', NULL);
	claim(*(volatile char *)mine == 'p' && in_file(fd) == 't',
	      "and I see no more of what is written to the file");

	must(madvise(mine, page, MADV_DONTNEED));
	char again = count_read(mine, NULL);
	struct frame_row back = look("mine", 0, mine, NULL);
	say("I give my copy back (MADV_DONTNEED) and read %c", again);
	claim(again == 't' && back.page.file &&
		      (!sight.shown || one_frame(&back, &before[0])),
	      "the mapping shows the file again");
	actor_leave(&other);
}

// ## A breakpoint
//
// The text of a program is a private mapping too, without the right to write. A
// debugger writes there nevertheless, through /proc/PID/mem or ptrace(2), and the
// kernel does what it does for any private page: it copies, for this process alone.
// Otherwise a breakpoint in libc would stop everybody. (Here a process writes into
// a page of its own that it may only read; the page of a program is the same.)

void scene_poke(void)
{
	size_t page = page_bytes();
	int fd = file_of_a_page('f');
	struct sight sight = sight_begin();
	char *mine = must(mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0));
	char *witness = must(mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0));

	count_read(mine, NULL);
	count_read(witness, NULL);
	struct frame_row before = look("mine", 0, mine, "r--p");
	int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (memory == -1 || pwrite(memory, "b", 1, (off_t)(size_t)mine) != 1)
		skip("/proc/self/mem may not be written (%s): a kernel can be "
		     "told so, proc_mem.force_override=",
		     strerror(errno));
	struct frame_row rows[] = {
		before,
		look("mine", 0, mine, "after the poke"),
		look("witness", 0, witness, "r--p, of the same file"),
	};
	show_frames(rows, 3);
	claim(*(volatile char *)mine == 'b' && *witness == 'f' &&
		      in_file(fd) == 'f',
	      "a page that I may only read has changed, for me alone");
	claim(before.page.file && !rows[1].page.file && rows[2].page.file,
	      "mine is a copy, the witness shows the file's page");
	claim_seen(&sight,
		   two_frames(&before, &rows[1]) &&
			   one_frame(&before, &rows[2]),
		   "in a frame of its own");
}

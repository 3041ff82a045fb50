// # Looking at page tables from outside
//
// The CPU translates each address by itself, and no instruction tells what it
// found. But the kernel made the tables, and shows what stands there: a frame's
// number for each page, in /proc/PID/pagemap (see mem/pages).
//
// The kernel may move a page to another frame whenever it likes (migration: to
// make room for huge pages, or nearer to a CPU). What is compared must hold still,
// so the first is looked at once more after the last.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"
#include "mem/pages/pages.h"
#include "mem/translate/translate.h"
#include "privilege.h"
#include "supervisor.h"

enum { ROWS = 6, ASK_AGAIN = 1000 };

static void need_frames(void)
{
	int shown = frames_shown();

	if (shown == 0)
		skip("the kernel hides the numbers of frames from whoever "
		     "lacks CAP_SYS_ADMIN: be root (of the host, not of a "
		     "container)");
	if (shown < 0)
		skip("no /proc/self/pagemap (%s): it takes a kernel with "
		     "CONFIG_PROC_PAGE_MONITOR, and before Linux 4.2 root",
		     strerror(-shown));
}

// Fresh pages that nobody has touched, each with a frame of its own (not part of
// a huge page).
static char *fresh_pages(size_t n)
{
	size_t bytes = n * page_bytes();
	char *pages = must(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	// A kernel without huge pages says EINVAL.
	if (madvise(pages, bytes, MADV_NOHUGEPAGE) == -1 && errno != EINVAL)
		must(-1);
	return pages;
}

// Who and where is filled in already; the rest as it is at one moment.
static void look(struct frame_row *rows, const pid_t *pids, size_t n)
{
	struct frame_row again;

	for (int i = 0; i < ASK_AGAIN; i++) {
		for (size_t k = 0; k < n; k++)
			must_neg(frame_row_read(&rows[k], rows[k].who, pids[k],
						rows[k].address, NULL));
		must_neg(frame_row_read(&again, rows->who, pids[0],
					rows->address, NULL));
		if (again.page.frame == rows->page.frame &&
		    again.page.present == rows->page.present)
			return;
	}
	skip("the kernel moves this page all the time");
}

static void show_rows(const struct frame_row *rows, size_t n)
{
	char *table = must_ptr(frame_table(rows, n));

	show_text(table);
	free(table);
}

static bool share_a_frame(const struct frame_row *a, const struct frame_row *b)
{
	return a->page.present && a->page.frame == b->page.frame;
}

static struct frame_row row_of(const char *who, const volatile void *address)
{
	return (struct frame_row){ .who = who, .address = (uintptr_t)address };
}

// ## One address, two values
//
// fork(2) copies the table of pages, not the pages: both tables lead to one
// frame, and in both it is read-only. The first who writes gets a copy in another
// frame. The address, which is all that a program ever sees, stays the same.

static _Noreturn void write_two(volatile int *number, const int told[2],
				const int answer[2])
{
	char go;

	must(read(told[0], &go, 1));
	*number = 2;
	say("I write 2 to %p", (void *)number);
	int value = *number;
	must(write(answer[1], &value, sizeof value));
	must(read(told[0], &go, 1)); // until I am told to leave
	_exit(0);
}

void scene_fork(void)
{
	int told[2], answer[2], its = 0;

	need_frames();
	if (!proc_is_ours())
		skip("/proc shows another PID namespace than ours: mount it "
		     "anew (unshare --mount-proc)");
	volatile int *number = (volatile int *)fresh_pages(1);
	*number = 1;
	must(pipe(told));
	must(pipe(answer));
	pid_t child = fork_as("child");
	if (child == 0)
		write_two(number, told, answer);
	const pid_t pids[2] = { 0, child };
	struct frame_row before[2] = { row_of("parent", number),
				       row_of("child", number) };
	struct frame_row after[2] = { before[0], before[1] };

	say("after fork, before anybody has written:");
	look(before, pids, 2);
	show_rows(before, 2);
	claim(share_a_frame(&before[0], &before[1]),
	      "one address, one value, one frame");
	claim(!before[0].frame_known || before[0].count == 2,
	      "two page tables map it, says the kernel");
	must(write(told[1], "w", 1));
	must(read(answer[0], &its, sizeof its));
	int mine = *number;
	look(after, pids, 2);
	say("at %p I read %d, and the child reads %d:", (void *)number, mine,
	    its);
	show_rows(after, 2);
	claim(mine == 1 && its == 2, "one address, two values");
	claim(after[0].page.present && after[1].page.present &&
		      !share_a_frame(&after[0], &after[1]),
	      "one address, two frames");
	must(write(told[1], "x", 1));
	reap(child);
}

// ## Two addresses, one frame
//
// A page of a file is in memory once, in the page cache, however often and by
// whomever it is mapped. MAP_PRIVATE shares it, too, until it is written to.

void scene_file(void)
{
	size_t bytes = page_bytes();
	const char *path = fresh_path();

	need_frames();
	int fd = must(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	must(ftruncate(fd, (off_t)bytes));
	char *one = must(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			      fd, 0)),
	     *two = must(mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0)),
	     *copy = must(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			       fd, 0));
	const pid_t pids[3] = { 0 };
	struct frame_row rows[3] = { row_of("shared", one),
				     row_of("again", two),
				     row_of("private", copy) };

	memcpy(one, "hello", sizeof "hello");
	say("written at %p:", (void *)one);
	say("read at    %p: \"%s\"", (void *)two, two);
	bool same = !strcmp(two, "hello") && !strcmp(copy, "hello");
	look(rows, pids, 3);
	show_rows(rows, 3);
	claim(one != two && same && share_a_frame(&rows[0], &rows[1]) &&
		      share_a_frame(&rows[0], &rows[2]),
	      "three addresses, one frame");
	*(volatile char *)copy = 'j';
	look(rows, pids, 3);
	say("written there: \"%s\"; elsewhere still \"%s\"", copy, one);
	show_rows(rows, 3);
	claim(share_a_frame(&rows[0], &rows[1]) &&
		      !share_a_frame(&rows[0], &rows[2]) && !rows[2].page.file,
	      "a write takes the private one to a frame of no file");
	must(close(fd));
}

// ## Pages change places, and no byte is copied
//
// Which frame follows which is not in the address: it is in the table. mremap(2)
// moves entries of the table from one address to another. Three such moves let
// two neighbours change places, as three assignments do with numbers; the bytes stay where they
// are.

static void move(char *from, char *to)
{
	must(mremap(from, page_bytes(), page_bytes(),
		    MREMAP_MAYMOVE | MREMAP_FIXED, to));
}

// Fills rows 0 and 1 before, 2 and 3 after. True when each has the other's frame.
static bool exchange(char *first, char *second, char *spare,
		     struct frame_row *rows)
{
	static const pid_t pids[2] = { 0 };

	look(rows, pids, 2);
	move(first, spare);
	move(second, first);
	move(spare, second);
	look(rows + 2, pids, 2);
	return share_a_frame(&rows[0], &rows[3]) &&
	       share_a_frame(&rows[1], &rows[2]);
}

void scene_exchange(void)
{
	need_frames();
	size_t bytes = page_bytes(), at = 0x123;
	char *first = fresh_pages(3), *second = first + bytes,
	     *spare = second + bytes;
	struct frame_row rows[] = { row_of("before", first),
				    row_of("before", second),
				    row_of("after", first),
				    row_of("after", second) };
	bool exchanged = false;
	char left = 0, right = 0;

	for (int i = 0; i < ASK_AGAIN && !exchanged; i++) {
		first[at] = 'A';
		second[at] = 'B';
		exchanged = exchange(first, second, spare, rows);
		left = first[at];
		right = second[at];
	}
	unsigned long long frame = rows[2].page.frame;
	show_rows(rows, 4);
	say("at %p stood A, now %c", (void *)(first + at), left);
	say("at %p stood B, now %c", (void *)(second + at), right);
	claim(left == 'B' && right == 'A', "the addresses kept their place, "
					   "the contents changed it");
	claim(exchanged, "each has the other's frame: nothing was copied");
	say("%p is page 0x%llx, offset 0x%zx", (void *)(first + at),
	    (unsigned long long)((uintptr_t)first / bytes), at);
	say("that is frame 0x%llx: physical address 0x%llx", frame,
	    frame * bytes + at);
}

// ## Where there is no frame
//
// A page of a mapping has no frame until it is touched. Who reads first sees
// zeros: on most machines in one frame that all share (see mem/demand). Who writes
// gets one. And a page can be given back.

static struct page page_at(const char *address)
{
	struct page page = { 0 };

	must_neg(pages_read(0, (uintptr_t)address, 1, &page));
	return page;
}

void scene_states(void)
{
	static const pid_t pids[ROWS] = { 0 };
	int shown = frames_shown();
	size_t bytes = page_bytes();
	char *pages = fresh_pages(5);
	const char *gone = pages + 4 * bytes;
	struct frame_row rows[] = {
		row_of("untouched", pages),
		row_of("read", pages + bytes),
		row_of("written", pages + 2 * bytes),
		row_of("given back", pages + 3 * bytes),
		row_of("not mapped", gone),
	};

	if (shown < 0)
		need_frames();
	must(munmap(pages + 4 * bytes, bytes));
	char zero = ((volatile char *)pages)[bytes];
	((volatile char *)pages)[2 * bytes] = 1;
	((volatile char *)pages)[3 * bytes] = 1;
	bool was_there = page_at(pages + 3 * bytes).present;
	must(madvise(pages + 3 * bytes, bytes, MADV_DONTNEED));
	look(rows, pids, sizeof rows / sizeof *rows);
	show_rows(rows, sizeof rows / sizeof *rows);
	claim(!rows[0].page.present, "a page that nobody touched has none");
	claim(zero == 0 && rows[1].page.present, "who reads, reads zeros");
	claim(rows[2].page.present &&
		      (!shown || rows[2].page.frame != rows[1].page.frame),
	      "who writes, has one%s", shown ? " of his own" : "");
	claim(was_there && !rows[3].page.present,
	      "it can be given back (MADV_DONTNEED)");
	claim(!rows[4].page.present,
	      "where nothing is mapped there is none: SIGSEGV");
}

// ## What an ordinary user sees
//
// The number of a frame helps to attack the machine's memory (rowhammer), so
// since Linux 4.2 it is 0 for whoever lacks CAP_SYS_ADMIN. The rest of the entry
// is his to see. A child gives up its capabilities, as anybody may.

void scene_hidden(void)
{
	char *page = fresh_pages(1);

	*(volatile char *)page = 1;
	pid_t child = fork_as("child");
	if (child == 0) {
		struct frame_row row;
		give_up_capabilities();
		int error = frame_row_read(&row, "child", 0, (uintptr_t)page,
					   NULL);
		if (error == -EPERM || error == -EACCES || error == -ENOENT)
			skip("/proc/self/pagemap is refused to an ordinary "
			     "user: it takes Linux 4.2, and "
			     "CONFIG_PROC_PAGE_MONITOR");
		must_neg(error);
		show_rows(&row, 1);
		claim(row.page.present && row.page.hidden &&
			      row.page.frame == 0,
		      "without CAP_SYS_ADMIN: that there is a frame, not "
		      "which");
		claim(!row.page.exclusive && !row.page.file,
		      "that it is anonymous, and shared with my parent");
		*(volatile char *)page = 2;
		must_neg(frame_row_read(&row, "child", 0, (uintptr_t)page,
					NULL));
		claim(row.page.exclusive, "and, once I write, not shared");
		_exit(0);
	}
	reap(child);
}

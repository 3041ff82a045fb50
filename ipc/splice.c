// # Splice: through a pipe without a copy
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// write() copies bytes into the kernel's pages, read() copies them out again.
// But a pipe is a row of references to pages, and nobody says whose pages. Three
// calls put references in instead of bytes:
//
//     vmsplice   a process's own memory into a pipe
//     splice     between a pipe and a file or socket
//     tee        from one pipe into another, leaving the first as it is
//
// What is not copied is shared. So each scene changes a page after it was sent
// and looks at what arrives: that shows whether it was copied, and also what
// sharing costs the programmer.
//
//     $ build/ipc/splice              every scene
//     $ build/ipc/splice lend         one of them
//
//     lend · write copies, vmsplice lends
//         1.14 ms  main     sent a page of 'o', put 'N' on it: write brought 'o', vmsplice 'N'
//                  ✓ write copied: the reader has the old page
//                  ✓ vmsplice lent it: the reader sees the change
//
// Try: in `lend`, fork() a child that sleeps, after the page was filled and
// before it is sent: now the reader sees the old letter in both. Who made a
// copy, of what, and when (fork(2), "copy-on-write")?
//
// Read next: ipc/pipebuf.c (what a pipe does with pages of its own).
// Sources: splice(2), tee(2), vmsplice(2), proc(5) on /proc/PID/io; Kellermann,
// "The Dirty Pipe Vulnerability", CVE-2022-0847.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"

enum { READ, WRITE };

static size_t page_bytes(void)
{
	return must(sysconf(_SC_PAGESIZE));
}

static size_t held(int fd)
{
	int bytes;

	must(ioctl(fd, FIONREAD, &bytes));
	return bytes;
}

// A page of memory full of one letter. It goes when the scene ends.
static char *page_of(char letter)
{
	char *page = must(mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	return memset(page, letter, page_bytes());
}

// A file without a name that holds such a page.
static int file_of(char letter)
{
	int fd = must(memfd_create("page", MFD_CLOEXEC));
	ssize_t n = must(write(fd, page_of(letter), page_bytes()));

	if (n != (ssize_t)page_bytes())
		die_at(__FILE__, __LINE__, "write(page)", EIO);
	return fd;
}

// Takes a page out of a pipe and returns its first letter.
static char take(int fd)
{
	char *page = page_of('?');

	must(read(fd, page, page_bytes()));
	char letter = *page;
	must(munmap(page, page_bytes()));
	return letter;
}

static void lend_page(int fd, char *page, unsigned flags)
{
	struct iovec piece = { page, page_bytes() };

	if (vmsplice(fd, &piece, 1, flags) == -1)
		skip("vmsplice is not to be had here: %s", strerror(errno));
}

// ## write copies, vmsplice lends
//
// The same page goes into two pipes, then we change it. write() had copied it;
// vmsplice() had only noted which page it was. So who lends a page must leave
// it alone until the reader has it, and the kernel does not say when that is:
// the price of the copy that was saved.

static void lend(void)
{
	int written[2], lent[2];
	char *page = page_of('o');

	must(pipe(written));
	must(pipe(lent));
	must(write(written[WRITE], page, page_bytes()));
	lend_page(lent[WRITE], page, 0);
	page[0] = 'N';
	char from_written = take(written[READ]), from_lent = take(lent[READ]);

	say("sent a page of 'o', put 'N' on it: write brought '%c', vmsplice "
	    "'%c'",
	    from_written, from_lent);
	claim(from_written == 'o', "write copied: the reader has the old page");
	claim(from_lent == 'N', "vmsplice lent it: the reader sees the change");
}

// ## A gift that is not taken
//
// With SPLICE_F_GIFT we promise never to touch the page again, so that the
// kernel may move it into a file instead of copying it. It takes our word: the
// page stays ours to write on. And it moves nothing: SPLICE_F_MOVE has done
// nothing since Linux 2.6.21 (splice(2)), the file gets a copy.

static void gift(void)
{
	int to_reader[2], to_file[2];
	char *page = page_of('o'), letter = 0;
	int file = must(memfd_create("gift", MFD_CLOEXEC));

	must(pipe(to_reader));
	must(pipe(to_file));
	lend_page(to_reader[WRITE], page, SPLICE_F_GIFT);
	lend_page(to_file[WRITE], page, SPLICE_F_GIFT);
	must(splice(to_file[READ], NULL, file, NULL, page_bytes(),
		    SPLICE_F_MOVE));
	page[0] = 'N';
	must(pread(file, &letter, 1, 0));
	char seen = take(to_reader[READ]);

	say("put 'N' on a page I had given away: the pipe has '%c', the file "
	    "'%c'",
	    seen, letter);
	claim(seen == 'N', "a given page can still be changed by its giver");
	claim(letter == 'o', "moved into a file it was copied all the same");
}

// ## splice lends the pages of a file
//
// The data of a file lie in pages of the kernel, the page cache. read() copies
// them out. splice() puts those very pages into the pipe, so who changes the
// file changes what is on its way.

static void file(void)
{
	int copied[2], spliced[2], fd = file_of('o');
	char *page = page_of('?');
	off_t start = 0;

	must(pipe(copied));
	must(pipe(spliced));
	must(pread(fd, page, page_bytes(), 0));
	must(write(copied[WRITE], page, page_bytes()));
	must(splice(fd, &start, spliced[WRITE], NULL, page_bytes(), 0));
	must(pwrite(fd, "N", 1, 0));
	char from_copied = take(copied[READ]);
	char from_spliced = take(spliced[READ]);

	say("changed the file after sending: read and write brought '%c', "
	    "splice '%c'",
	    from_copied, from_spliced);
	claim(from_copied == 'o', "read and write brought what was there then");
	claim(from_spliced == 'N', "splice brought the file's own page");
}

// ## A file's page is not the pipe's to fill
//
// Small writes fill up the last page of a pipe (`pieces` in ipc/pipebuf.c).
// But if that page belongs to a file, this would change the file, even one that
// we may only read. From Linux 5.8 to 5.16.10 it did: a place in the ring kept
// its mark "may be filled up" when a spliced page took it. We give every place
// that mark first, by filling the pipe and emptying it.

static void guard(void)
{
	int fd[2], victim = file_of('o');
	char letters[8] = "";
	off_t start = 0;

	must(pipe(fd));
	size_t room = must(fcntl(fd[WRITE], F_GETPIPE_SZ));
	for (size_t i = 0; i < room; i += page_bytes())
		must(write(fd[WRITE], page_of('x'), page_bytes()));
	while (held(fd[READ]) > 0)
		take(fd[READ]);
	must(splice(victim, &start, fd[WRITE], NULL, 1, 0));
	must(write(fd[WRITE], "NNN", 3));
	must(pread(victim, letters, 4, 0));
	say("spliced 1 byte of a file, wrote 3 behind it; the file has \"%s\"",
	    letters);
	claim(!strcmp(letters, "oooo"), "the file is as it was");
	ssize_t n = must(read(fd[READ], letters, sizeof letters));
	claim(n == 4 && !memcmp(letters, "oNNN", 4),
	      "the pipe has taken a page of its own for the rest");
}

// ## tee: the same pages in two pipes
//
// tee() puts references to a pipe's pages into another pipe and takes nothing
// away: two readers, one set of pages. (With splice behind it that is the
// program tee(1), without a copy.)

static void copy_of_a_pipe(void)
{
	int first[2], second[2];
	char *page = page_of('o');

	must(pipe(first));
	must(pipe(second));
	lend_page(first[WRITE], page, 0);
	ssize_t n = must(tee(first[READ], second[WRITE], page_bytes(), 0));
	say("tee returned %zd; the pipes hold %zu and %zu bytes", n,
	    held(first[READ]), held(second[READ]));
	claim(held(first[READ]) == page_bytes() &&
		      held(second[READ]) == page_bytes(),
	      "tee takes nothing out of the first pipe");
	page[0] = 'N';
	char in_first = take(first[READ]), in_second = take(second[READ]);
	claim(in_first == 'N' && in_second == 'N',
	      "one page lies in both: a change of it arrives twice");
}

// ## Counting
//
// A file is copied twice: with read and write, and with splice through a pipe.
// /proc/self/io counts the bytes that read and write have moved between the
// kernel and us (rchar, wchar). With splice they never came here: no buffer, no
// page of ours, no cache of ours filled with them. (Into the second file the
// kernel still copies them once.)

enum { FILE_BYTES = 1 << 20, BUFFER_BYTES = 1 << 16 };

// The bytes that read and write have moved for this process so far.
static unsigned long long moved(void)
{
	unsigned long long in, out;
	FILE *io = fopen("/proc/self/io", "re");

	if (!io || fscanf(io, "rchar: %llu wchar: %llu", &in, &out) != 2)
		skip("no /proc/self/io: no /proc, or a kernel without "
		     "CONFIG_TASK_IO_ACCOUNTING");
	must(fclose(io));
	return in + out;
}

static void copy_with_read(int from, int to)
{
	static char buffer[BUFFER_BYTES];
	ssize_t n;

	while ((n = must(read(from, buffer, sizeof buffer))) > 0)
		must(write(to, buffer, n));
}

static void copy_with_splice(int from, int to)
{
	int fd[2];
	ssize_t n;

	must(pipe(fd));
	while ((n = must(splice(from, NULL, fd[WRITE], NULL, BUFFER_BYTES, 0))))
		while (n > 0)
			n -= must(splice(fd[READ], NULL, to, NULL, n, 0));
}

static bool are_equal(int a, int b)
{
	char *in_a = must(mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, a, 0));
	char *in_b = must(mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, b, 0));

	return lseek(b, 0, SEEK_END) == FILE_BYTES &&
	       !memcmp(in_a, in_b, FILE_BYTES);
}

static void count(void)
{
	static const char *const names[] = { "read, write", "splice" };
	static void (*const copy[])(int, int) = { copy_with_read,
						  copy_with_splice };
	int from = must(memfd_create("from", MFD_CLOEXEC)), to[2];
	unsigned long long bytes[2];
	struct canvas canvas = canvas_of(STDOUT_FILENO);
	struct bar bars[2];
	char notes[2][32];

	for (size_t i = 0; i < FILE_BYTES / page_bytes(); i++)
		must(write(from, page_of('a' + i % 26), page_bytes()));
	for (int i = 0; i < 2; i++) {
		to[i] = must(memfd_create("to", MFD_CLOEXEC));
		must(lseek(from, 0, SEEK_SET));
		bytes[i] = moved();
		copy[i](from, to[i]);
		bytes[i] = moved() - bytes[i];
		snprintf(notes[i], sizeof *notes, "%llu B", bytes[i]);
		bars[i] = (struct bar){ names[i], notes[i], bytes[i] };
	}
	say("moved by read and write, for a file of %d bytes:", FILE_BYTES);
	char *picture = must_ptr(draw_bars(&canvas, bars, 2, false));
	show(picture);
	free(picture);
	claim(are_equal(from, to[0]) && are_equal(from, to[1]),
	      "both copies are complete");
	claim(bytes[0] >= 2 * FILE_BYTES,
	      "with read and write all bytes come to us, and leave again");
	claim(bytes[1] < page_bytes(),
	      "with splice none do (the rest is our look at the counter)");
}

static const struct scene scenes[] = {
	{ "lend",  "write copies, vmsplice lends",                lend },
	{ "gift",  "a gift that is not taken",                    gift },
	{ "file",  "splice lends the pages of a file",            file },
	{ "guard", "a file's page is not the pipe's to fill",     guard },
	{ "tee",   "the same pages in two pipes",                 copy_of_a_pipe },
	{ "count", "what never came to us",                       count },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/splice",
	.summary = "pages put through a pipe instead of bytes",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}

// # mem/pages: what the kernel tells of mappings, pages and frames
//
// Mappings of our own are made, touched, shared, given back, and found as such;
// what another user may not see is asked for as one; and texts that no kernel
// here writes are read as they would be.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labs.h"
#include "mem/pages/pages.h"
#include "mem/pages/parts.h"
#include "pages_parts.h"

enum { ORDINARY = 65534, PAGES = 8 };

static char *pages_fresh(size_t n, int flags, int fd)
{
	char *pages = mmap(NULL, n * page_bytes(), PROT_READ | PROT_WRITE,
			   flags, fd, 0);

	ck_assert_ptr_ne(pages, MAP_FAILED);
	madvise(pages, n * page_bytes(), MADV_NOHUGEPAGE);
	return pages;
}

static void touch(volatile char *page)
{
	*page = 1;
}

static struct page page_of(pid_t pid, const void *address)
{
	struct page page;
	ssize_t got = pages_read(pid, (uintptr_t)address, 1, &page);

	ck_assert_msg(got == 1, "reading %p of %d: %zd", address, pid, got);
	return page;
}

// --- mappings -----------------------------------------------------------------

static struct maps maps_of(const char *text)
{
	struct maps maps;
	FILE *file = fmemopen((char *)text, strlen(text), "r");

	ck_assert_ptr_nonnull(file);
	int error = maps_read_stream(&maps, file);
	ck_assert_msg(error == 0, "%d for:\n%s", error, text);
	fclose(file);
	return maps;
}

// The lines of the manual page's own example (proc_pid_maps(5)).
START_TEST(pages_maps_of_the_manual)
{
	struct maps maps = maps_of(
		"00400000-00452000 r-xp 00000000 08:02 173521      "
		"/usr/bin/dbus-daemon\n"
		"00651000-00652000 r--p 00051000 08:02 173521      "
		"/usr/bin/dbus-daemon\n"
		"00e03000-00e24000 rw-p 00000000 00:00 0           [heap]\n"
		"35b1a21000-35b1a22000 rw-p 00000000 00:00 0\n"
		"f2c6ff8c000-7f2c7078c000 rw-p 00000000 00:00 0    "
		"[stack:986]\n"
		"7fffb2c0d000-7fffb2c2e000 rw-p 00000000 00:00 0   [stack]\n"
		"7fffb2d48000-7fffb2d49000 r-xp 00000000 00:00 0   [vdso]\n");
	char rights[5];

	ck_assert_uint_eq(maps.count, 7);
	const struct mapping *text = maps_find(&maps, 0x451fff);
	ck_assert_ptr_eq(text, &maps.all[0]);
	ck_assert_str_eq(text->name, "/usr/bin/dbus-daemon");
	ck_assert_str_eq(mapping_rights(text, rights), "r-xp");
	ck_assert_uint_eq(text->inode, 173521);
	ck_assert_uint_eq(text->device_major, 8);
	ck_assert_uint_eq(text->device_minor, 2);
	ck_assert_int_eq(text->kind, MAPPING_FILE);
	ck_assert_uint_eq(maps.all[1].offset, 0x51000);
	ck_assert_ptr_null(maps_find(&maps, 0x452000));
	ck_assert_ptr_null(maps_find(&maps, 0));
	ck_assert_ptr_null(maps_find(&maps, UINTPTR_MAX));
	ck_assert_str_eq(maps.all[3].name, "");
	ck_assert_int_eq(maps.all[3].kind, MAPPING_ANONYMOUS);
	ck_assert_int_eq(maps.all[4].kind, MAPPING_STACK);
	ck_assert_ptr_eq(maps_of_kind(&maps, MAPPING_HEAP), &maps.all[2]);
	ck_assert_ptr_eq(maps_of_kind(&maps, MAPPING_KERNEL), &maps.all[6]);
	ck_assert_ptr_null(maps_of_kind(&maps, MAPPING_MEMORY));
	maps_free(&maps);
}
END_TEST

START_TEST(pages_maps_of_kinds)
{
	static const struct {
		const char *rest;
		enum mapping_kind kind;
		bool deleted;
	} rows[] = {
		{ "00:01 5 /memfd:x (deleted)", MAPPING_MEMORY, true },
		{ "00:01 5 /dev/zero (deleted)", MAPPING_MEMORY, true },
		{ "00:01 0 /SYSV00000000 (deleted)", MAPPING_MEMORY, true },
		{ "00:05 6 /dev/zero", MAPPING_FILE, false },
		{ "08:01 7 /tmp/a (deleted)", MAPPING_FILE, true },
		{ "08:01 7 / (deleted)", MAPPING_FILE, true },
		{ "08:01 7 /tmp/(deleted)", MAPPING_FILE, false },
		{ "08:01 7 /memfd:real", MAPPING_FILE, false },
		{ "00:00 0 [anon:name]", MAPPING_ANONYMOUS, false },
		{ "00:01 9 [anon_shmem:name]", MAPPING_MEMORY, false },
		{ "00:00 0 [vvar_vclock]", MAPPING_KERNEL, false },
		{ "00:0e 1038 anon_inode:[perf_event]", MAPPING_FILE, false },
		{ "00:00 0 ", MAPPING_ANONYMOUS, false },
		{ "00:00 0", MAPPING_ANONYMOUS, false },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char line[200];
		snprintf(line, sizeof line, "1000-2000 rw-s 00000000 %s\n",
			 rows[i].rest);
		struct maps maps = maps_of(line);
		ck_assert_uint_eq(maps.count, 1);
		ck_assert_msg(maps.all->kind == rows[i].kind &&
				      maps.all->deleted == rows[i].deleted,
			      "'%s' is of kind %d", rows[i].rest,
			      (int)maps.all->kind);
		ck_assert(maps.all->shared);
		maps_free(&maps);
	}
}
END_TEST

START_TEST(pages_maps_that_are_none)
{
	static const char *const bad[] = {
		"hello\n",
		"1000-1000 rw-p 00000000 00:00 0\n",
		"2000-1000 rw-p 00000000 00:00 0\n",
		"1000-2000 rw 00000000 00:00 0\n",
		"1000-2000 rw-p 00000000 00:00\n",
		"1000-3000 rw-p 0 00:00 0\n2000-4000 rw-p 0 00:00 0\n",
		"3000-4000 rw-p 0 00:00 0\n1000-2000 rw-p 0 00:00 0\n",
		"\n",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct maps maps;
		FILE *file = fmemopen((char *)bad[i], strlen(bad[i]), "r");
		ck_assert_ptr_nonnull(file);
		int error = maps_read_stream(&maps, file);
		ck_assert_msg(error == -EBADMSG, "%d for %s", error, bad[i]);
		maps_free(&maps);
		fclose(file);
	}
}
END_TEST

// All that was mapped is found, with its rights; what is unmapped is not.
START_TEST(pages_maps_of_my_own)
{
	size_t bytes = PAGES * page_bytes();
	char *mine = pages_fresh(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct maps maps;
	int local = 0;

	ck_assert_int_eq(mprotect(mine + bytes / 2, page_bytes(), PROT_NONE),
			 0);
	ck_assert_int_eq(maps_read(&maps, 0), 0);
	for (size_t i = 0; i < bytes; i += page_bytes()) {
		const struct mapping *found = maps_find(&maps,
							(uintptr_t)mine + i);
		ck_assert_ptr_nonnull(found);
		bool denied = i == bytes / 2;
		ck_assert(found->read != denied && found->write != denied);
		ck_assert(!found->execute && !found->shared);
	}
	const struct mapping *code = maps_find(&maps, (uintptr_t)&pages_suite);
	ck_assert(code && code->execute && code->kind == MAPPING_FILE);
	ck_assert_ptr_nonnull(strstr(code->name, "tests/check"));
	ck_assert_ptr_nonnull(maps_find(&maps, (uintptr_t)&local));
	ck_assert_ptr_nonnull(maps_of_kind(&maps, MAPPING_STACK));
	maps_free(&maps);

	munmap(mine + page_bytes(), page_bytes());
	ck_assert_int_eq(maps_read(&maps, getpid()), 0);
	ck_assert_ptr_null(maps_find(&maps, (uintptr_t)mine + page_bytes()));
	ck_assert_ptr_nonnull(maps_find(&maps, (uintptr_t)mine));
	for (size_t i = 1; i < maps.count; i++)
		ck_assert_uint_le(maps.all[i - 1].end, maps.all[i].begin);
	maps_free(&maps);
	maps_free(&maps);
}
END_TEST

// Names that lie: a newline, the word deleted, blanks at the end, a line of maps,
// and the longest that a file system takes.
START_TEST(pages_maps_of_hostile_names)
{
	char folder[] = "/tmp/oslab-tests-pages-XXXXXX", path[400],
	     longest[256];
	const struct {
		const char *name, *shown;
		bool deleted;
	} rows[] = {
		{ "a\nb", "a\\012b", false },
		{ "x (deleted)", "x (deleted)", true },
		{ "  blanks  ", "  blanks  ", false },
		{ "1000-2000 rw-p 00000000 00:00 0 [heap]",
		  "1000-2000 rw-p 00000000 00:00 0 [heap]", false },
		{ "\n1000-2000 rw-p 00000000 00:00 0",
		  "\\0121000-2000 rw-p 00000000 00:00 0", false },
		{ "\033[31m\xff", "\033[31m\xff", false },
		{ "a\\012b", "a\\012b", false },
		{ longest, longest, false },
	};

	memset(longest, 'z', 255);
	longest[255] = '\0';
	ck_assert_ptr_nonnull(mkdtemp(folder));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct maps maps;
		snprintf(path, sizeof path, "%s/%s", folder, rows[i].name);
		int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
			      0600);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(ftruncate(fd, (off_t)page_bytes()), 0);
		char *page = pages_fresh(1, MAP_SHARED, fd);
		ck_assert_int_eq(maps_read(&maps, 0), 0);
		const struct mapping *found = maps_find(&maps, (uintptr_t)page);
		ck_assert_ptr_nonnull(found);
		snprintf(path, sizeof path, "%s/%s", folder, rows[i].shown);
		ck_assert_str_eq(found->name, path);
		ck_assert_int_eq(found->deleted, rows[i].deleted);
		ck_assert_int_eq(found->kind, MAPPING_FILE);
		ck_assert(found->shared && found->write);
		maps_free(&maps);
		snprintf(path, sizeof path, "%s/%s", folder, rows[i].name);
		ck_assert_int_eq(unlink(path), 0);
		ck_assert_int_eq(maps_read(&maps, 0), 0);
		ck_assert(maps_find(&maps, (uintptr_t)page)->deleted);
		maps_free(&maps);
		munmap(page, page_bytes());
		close(fd);
	}
	rmdir(folder);
}
END_TEST

// --- pages --------------------------------------------------------------------

// Bits as in Documentation/admin-guide/mm/pagemap.rst.
START_TEST(pages_entry_bits)
{
	const uint64_t one = 1;
	struct page page = page_of_entry(one << 63 | one << 56 | 0x1234);

	ck_assert(page.present && page.exclusive && !page.hidden);
	ck_assert(!page.swapped && !page.file && !page.guard);
	ck_assert_uint_eq(page.frame, 0x1234);
	page = page_of_entry(one << 63 | one << 61 | one << 55);
	ck_assert(page.present && page.file && page.hidden);
	ck_assert_uint_eq(page.frame, 0);
	page = page_of_entry(one << 62 | 77 << 5 | 3);
	ck_assert(page.swapped && !page.present && !page.hidden);
	ck_assert_uint_eq(page.frame, 0);
	page = page_of_entry(one << 63 | ((one << 55) - 1));
	ck_assert_uint_eq(page.frame, (one << 55) - 1);
	ck_assert(page_of_entry(one << 57).uffd_protected);
	ck_assert(page_of_entry(one << 58).guard);
	page = page_of_entry(0);
	ck_assert(!page.present && !page.hidden && !page.swapped);
}
END_TEST

START_TEST(pages_present_after_touching)
{
	size_t size = page_bytes();
	char *mine = pages_fresh(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct page pages[PAGES + 2];
	char cells[PAGES + 1] = "";

	for (int i = 0; i < PAGES; i += 2)
		touch(mine + i * size);
	ssize_t got = pages_read(0, (uintptr_t)mine + 5, PAGES, pages);
	ck_assert_int_eq(got, PAGES);
	for (int i = 0; i < PAGES; i++)
		ck_assert_int_eq(pages[i].present, i % 2 == 0);
	ck_assert(pages[0].exclusive && !pages[0].file);
	ck_assert_int_eq(resident_cells(mine, PAGES * size, cells), PAGES / 2);
	ck_assert_str_eq(cells, "#.#.#.#.");
	ck_assert_int_eq(madvise(mine, 2 * size, MADV_DONTNEED), 0);
	ck_assert(!page_of(0, mine).present);
	munmap(mine + size, size);
	ck_assert_int_eq(resident_cells(mine, PAGES * size, cells), -ENOMEM);
	ck_assert(!page_of(0, mine + size).present);
	munmap(mine, PAGES * size);
}
END_TEST

// More than are read in one piece, and the end of the address space.
START_TEST(pages_many_and_the_end)
{
	enum { MANY = 3000 };
	size_t size = page_bytes();
	char *mine = pages_fresh(MANY, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct page *pages = calloc(MANY, sizeof *pages);

	ck_assert_ptr_nonnull(pages);
	for (int i = 0; i < MANY; i += 7)
		touch(mine + i * size);
	ck_assert_int_eq(pages_read(0, (uintptr_t)mine, MANY, pages), MANY);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(pages[i].present, i % 7 == 0);
	free(pages);
	struct page last[4];
	ck_assert_int_eq(pages_read(0, UINTPTR_MAX - 2 * size, 4, last), 0);
	ck_assert_int_eq(pages_read(0, (uintptr_t)mine, 0, last), 0);
	munmap(mine, MANY * size);
}
END_TEST

// One page of a memfd at two addresses: one frame, mapped twice.
START_TEST(pages_one_frame_twice)
{
	int fd = memfd_create("pages", MFD_CLOEXEC);
	struct frame_row rows[3];

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)page_bytes()), 0);
	char *one = pages_fresh(1, MAP_SHARED, fd),
	     *two = pages_fresh(1, MAP_SHARED, fd),
	     *copy = pages_fresh(1, MAP_PRIVATE, fd);
	touch(one);
	ck_assert_int_eq(*(volatile char *)two, 1);
	touch(copy);
	ck_assert(page_of(0, one).file && page_of(0, two).file);
	ck_assert(!page_of(0, copy).file);
	if (frames_shown() != 1)
		SKIP("frames are hidden: be root");
	ck_assert_int_eq(
		frame_row_read(&rows[0], "one", 0, (uintptr_t)one, NULL), 0);
	ck_assert_int_eq(
		frame_row_read(&rows[1], "two", 0, (uintptr_t)two, NULL), 0);
	ck_assert_int_eq(
		frame_row_read(&rows[2], "copy", 0, (uintptr_t)copy, NULL), 0);
	ck_assert_uint_eq(rows[0].page.frame, rows[1].page.frame);
	ck_assert_uint_ne(rows[0].page.frame, rows[2].page.frame);
	ck_assert(rows[0].frame_known);
	ck_assert_uint_eq(rows[0].count, 2);
	ck_assert_uint_eq(rows[2].count, 1);
	ck_assert(rows[0].flags >> FRAME_MMAP & 1);
	ck_assert(!(rows[0].flags >> FRAME_ANON & 1));
	ck_assert(rows[2].flags >> FRAME_ANON & 1);
	char *table = frame_table(rows, 3);
	ck_assert_ptr_nonnull(table);
	ck_assert_int_eq(occurrences(table, "\n"), 4);
	ck_assert_int_eq(occurrences(table, "anon"), 1);
	free(table);
	munmap(two, page_bytes());
	ck_assert_int_eq(
		frame_row_read(&rows[0], "one", 0, (uintptr_t)one, NULL), 0);
	ck_assert_uint_eq(rows[0].count, 1);
	close(fd);
}
END_TEST

// A frame that no machine has, and one that every machine has.
START_TEST(pages_frames_there_and_not)
{
	struct frames frames;
	uint64_t word;
	int error = frames_open(&frames);

	if (error == -EACCES || error == -EPERM || error == -ENOENT)
		SKIP("/proc/kpageflags: be root");
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(frames_flags(&frames, UINT64_MAX, &word), -ENXIO);
	ck_assert_int_eq(frames_count(&frames, UINT64_C(1) << 54, &word),
			 -ENXIO);
	ck_assert_int_eq(frames_flags(&frames, 1, &word), 0);
	frames_close(&frames);
	frames_close(&frames);
}
END_TEST

START_TEST(pages_flags_in_words)
{
	char text[FRAME_FLAGS_BYTES], small[12];

	ck_assert_str_eq(frame_flags_text(text, sizeof text, 0), "-");
	ck_assert_str_eq(frame_flags_text(text, sizeof text,
					  1 << FRAME_LRU | 1 << FRAME_ANON),
			 "lru,anon");
	ck_assert_str_eq(frame_flags_text(text, sizeof text, UINT64_C(1) << 63),
			 "bit63");
	ck_assert_str_eq(frame_flags_text(small, sizeof small, UINT64_MAX),
			 "locked");
	frame_flags_text(text, sizeof text, UINT64_MAX);
	ck_assert_ptr_nonnull(strstr(text, "bit63"));
	ck_assert_str_eq(frame_flags_text(text, 1, 1), "");
	for (const struct frame_flag *flag = frame_flags; flag->name; flag++)
		ck_assert(*flag->name && *flag->meaning);
}
END_TEST

// --- who may not, and who is not there ------------------------------------------

static int as_ordinary(int (*ask)(void *), void *argument)
{
	pid_t child = fork_fresh();

	if (child == 0) {
		// (gone with this child)
		if (geteuid() == 0 &&
		    (setresgid(ORDINARY, ORDINARY, ORDINARY) == -1 ||
		     setresuid(ORDINARY, ORDINARY, ORDINARY) == -1))
			_exit(126);
		// a change of user makes what belongs to the process root's
		if (prctl(PR_SET_DUMPABLE, 1) == -1)
			_exit(126);
		_exit(ask(argument));
	}
	int status = status_of(child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

enum { AS_HOPED = 0, REFUSED = 10, ELSE = 11 };

static int ask_hidden(void *argument)
{
	char *page = argument;
	struct page seen, absent;
	struct frames frames;
	struct frame_row row;

	touch(page);
	if (pages_read(0, (uintptr_t)page, 1, &seen) != 1)
		return REFUSED;
	if (pages_read(0, (uintptr_t)page + page_bytes(), 1, &absent) != 1)
		return REFUSED;
	if (!seen.present || !seen.hidden || seen.frame || absent.present ||
	    absent.hidden || frames_shown() != 0)
		return ELSE;
	if (frame_row_read(&row, "x", 0, (uintptr_t)page, NULL) != 0 ||
	    row.frame_known || !row.page.hidden)
		return ELSE;
	int error = frames_open(&frames);
	return error == -EACCES || error == -EPERM || error == -ENOENT
		       ? AS_HOPED
		       : ELSE;
}

START_TEST(pages_hidden_frames)
{
	char *page = pages_fresh(2, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	ck_assert_int_eq(as_ordinary(ask_hidden, page), AS_HOPED);
}
END_TEST

static int ask_of_another(void *argument)
{
	pid_t pid = *(pid_t *)argument;
	struct maps maps;
	struct page page;
	struct memory_use use;
	int results[] = {
		maps_read(&maps, pid),
		(int)pages_read(pid, (uintptr_t)&page, 1, &page),
		memory_use(&use, pid),
		memory_use_between(&use, pid, 0, UINTPTR_MAX),
	};

	for (size_t i = 0; i < sizeof results / sizeof *results; i++)
		if (results[i] != -EACCES && results[i] != -EPERM)
			return ELSE;
	return AS_HOPED;
}

START_TEST(pages_of_another_user)
{
	pid_t pid = getpid();

	if (geteuid() != 0)
		SKIP("only root has another user at hand");
	ck_assert_int_eq(as_ordinary(ask_of_another, &pid), AS_HOPED);
}
END_TEST

static void check_nobody(pid_t pid)
{
	struct maps maps;
	struct page page;
	struct pagemap map;
	struct memory_use use;
	uint64_t value, other;

	ck_assert_int_eq(maps_read(&maps, pid), -ESRCH);
	ck_assert_uint_eq(maps.count, 0);
	ck_assert_int_eq(memory_use(&use, pid), -ESRCH);
	ck_assert_int_eq(memory_use_between(&use, pid, 0, 1), -ESRCH);
	ck_assert_int_eq(pages_read(pid, (uintptr_t)&page, 1, &page), -ESRCH);
	if (kill(pid, 0) == 0 || pid < 0)
		return;
	ck_assert_int_eq(pagemap_open(&map, pid), -ESRCH);
	ck_assert_int_eq(status_field(pid, "Threads", &value), -ESRCH);
	ck_assert_int_eq(faults_of(pid, &value, &other), -ESRCH);
}

// A zombie, a number that nobody has any more, and one that nobody can have.
START_TEST(pages_of_nobody)
{
	siginfo_t info;
	pid_t child = fork_fresh();

	if (child == 0)
		_exit(0);
	ck_assert_int_eq(waitid(P_PID, child, &info, WEXITED | WNOWAIT), 0);
	check_nobody(child);
	status_of(child);
	check_nobody(child);
	check_nobody(-1);
}
END_TEST

// A process that ends between two questions: the descriptors stay its own.
START_TEST(pages_ends_while_read)
{
	char *page = pages_fresh(1, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct pagemap map;
	struct page seen;

	touch(page);
	pid_t child = fork_fresh();
	if (child == 0)
		wait_for_ever();
	ck_assert_int_eq(pagemap_open(&map, child), 0);
	ck_assert_int_eq(pagemap_read(&map, (uintptr_t)page, 1, &seen), 1);
	ck_assert(seen.present);
	int folder = process_open(child);
	ck_assert_int_ge(folder, 0);
	ck_assert(!process_is_kernels(folder));
	kill(child, SIGKILL);
	status_of(child);
	ck_assert_int_eq(pagemap_read(&map, (uintptr_t)page, 1, &seen), -ESRCH);
	ck_assert_int_eq(process_file_open(folder, "maps"), -ESRCH);
	close(folder);
	pagemap_close(&map);
	pagemap_close(&map);
}
END_TEST

// Asked without pause while processes come and go: an answer or -ESRCH.
START_TEST(pages_of_the_short_lived)
{
	for (int i = 0; i < 20; i++) {
		struct memory_use use;
		struct maps maps;
		int error = 0;
		pid_t child = fork_fresh();

		if (child == 0)
			_exit(0);
		while (error == 0) {
			error = maps_read(&maps, child);
			if (error == 0)
				ck_assert_uint_gt(maps.count, 0);
			maps_free(&maps);
			ck_assert(error == 0 || error == -ESRCH);
		}
		ck_assert_int_eq(memory_use(&use, child), -ESRCH);
		status_of(child);
	}
}
END_TEST

// --- sums -----------------------------------------------------------------------

START_TEST(pages_sums)
{
	size_t bytes = 64 * page_bytes();
	char *mine = pages_fresh(64, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct memory_use before, after, part;
	uint64_t resident, threads, minor, major, more;

	ck_assert_int_eq(memory_use(&before, 0), 0);
	ck_assert_int_eq(faults_of(0, &minor, &major), 0);
	memset(mine, 1, bytes);
	ck_assert_int_eq(memory_use(&after, 0), 0);
	ck_assert_int_eq(faults_of(0, &more, &major), 0);
	ck_assert_uint_ge(more, minor + 64);
	ck_assert_uint_ge(after.resident, before.resident + bytes);
	ck_assert_uint_ge(after.anonymous, before.anonymous + bytes);
	ck_assert_uint_le(after.proportional, after.resident);
	ck_assert_int_eq(memory_use_between(&part, 0, (uintptr_t)mine,
					    (uintptr_t)mine + 1),
			 0);
	ck_assert_uint_ge(part.size, bytes);
	ck_assert_uint_ge(part.resident, bytes);
	ck_assert_uint_lt(part.resident, after.resident);
	ck_assert_int_eq(status_field(0, "VmRSS", &resident), 0);
	ck_assert_uint_ge(resident, bytes);
	ck_assert_int_eq(status_field(0, "Threads", &threads), 0);
	ck_assert_uint_ge(threads, 1);
	ck_assert_int_eq(status_field(0, "Thread", &threads), -ENODATA);
	ck_assert_int_eq(status_field(0, "", &threads), -ENODATA);
	munmap(mine, bytes);
}
END_TEST

// Two mappings, of which one is asked for; a line of a kernel to come.
START_TEST(pages_smaps_by_hand)
{
	static const char text[] = "1000-3000 rw-p 00000000 00:00 0 \n"
				   "Size:                  8 kB\n"
				   "Rss:                   4 kB\n"
				   "Pss:                   2 kB\n"
				   "Novelty:              77 kB\n"
				   "AnonHugePages:         0 kB\n"
				   "VmFlags: rd wr mr mw me ac \n"
				   "3000-5000 r--p 00000000 08:01 5 /a: b kB\n"
				   "Size:                 16 kB\n"
				   "Rss:                   8 kB\n"
				   "SwapPss:               1 kB\n";
	struct memory_use use;
	FILE *file = fmemopen((char *)text, sizeof text - 1, "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(use_read_stream(&use, file, 0x2fff, 0x3000), 0);
	ck_assert_uint_eq(use.size, 8192);
	ck_assert_uint_eq(use.resident, 4096);
	ck_assert_uint_eq(use.proportional, 2048);
	ck_assert_uint_eq(use.swap_proportional, 0);
	rewind(file);
	ck_assert_int_eq(use_read_stream(&use, file, 0, UINTPTR_MAX), 0);
	ck_assert_uint_eq(use.size, 24576);
	ck_assert_uint_eq(use.resident, 12288);
	ck_assert_uint_eq(use.swap_proportional, 1024);
	fclose(file);
}
END_TEST

Suite *pages_suite(void)
{
	Suite *suite = suite_create("pages");
	TCase *tcase = tcase_create("pages");

	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, pages_tools_tcase());
	tcase_add_test(tcase, pages_maps_of_the_manual);
	tcase_add_test(tcase, pages_maps_of_kinds);
	tcase_add_test(tcase, pages_maps_that_are_none);
	tcase_add_test(tcase, pages_maps_of_my_own);
	tcase_add_test(tcase, pages_maps_of_hostile_names);
	tcase_add_test(tcase, pages_entry_bits);
	tcase_add_test(tcase, pages_present_after_touching);
	tcase_add_test(tcase, pages_many_and_the_end);
	tcase_add_test(tcase, pages_one_frame_twice);
	tcase_add_test(tcase, pages_frames_there_and_not);
	tcase_add_test(tcase, pages_flags_in_words);
	tcase_add_test(tcase, pages_hidden_frames);
	tcase_add_test(tcase, pages_of_another_user);
	tcase_add_test(tcase, pages_of_nobody);
	tcase_add_test(tcase, pages_ends_while_read);
	tcase_add_test(tcase, pages_of_the_short_lived);
	tcase_add_test(tcase, pages_sums);
	tcase_add_test(tcase, pages_smaps_by_hand);
	return suite;
}

// # A promise about what is shared
//
// Who shares memory shares it with all its writers: the other may change what has
// just been checked. A memfd can be sealed (memfd_create(2), F_ADD_SEALS): from then
// on nobody writes, neither through descriptors nor through mappings, also not who
// made it. The kernel keeps the promise with page tables: it gives the seal only
// when no page table has a writable entry for the file, and makes none afterwards.
// Nothing is copied for it. (Seals against truncation: ipc/shm, scene `shrink`.)

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"
#include "mem/cast/cast.h"
#include "mem/shared/shared.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 // linux/fcntl.h
#endif

static int sealable(void)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		skip("memfd_create(2) is refused (%s): allow it in the seccomp "
		     "filter of the container",
		     strerror(errno));
	must(ftruncate(fd, (off_t)page_bytes()));
	return fd;
}

static void *map(int fd, int protection)
{
	return mmap(NULL, page_bytes(), protection, MAP_SHARED, fd, 0);
}

// A descriptor of the same file that may only read. (A mapping through one that may
// write could be made writable later, and counts as writable for a seal.)
static int reading_only(int fd)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return must(open(path, O_RDONLY | O_CLOEXEC));
}

static int error_of_seal(int fd, int seals)
{
	return fcntl(fd, F_ADD_SEALS, seals) == -1 ? errno : 0;
}

static int error_of_writable_map(int fd)
{
	void *there = map(fd, PROT_READ | PROT_WRITE);

	if (there == MAP_FAILED)
		return errno;
	munmap(there, page_bytes());
	return 0;
}

// Of the fork the reader has a copy of my mapping, with all its rights.
static long drop_copy(const void *argument)
{
	return munmap(*(void *const *)argument, page_bytes());
}

void scene_seal(void)
{
	struct sight sight = sight_begin();
	int fd = sealable();
	char *mine = must(map(fd, PROT_READ | PROT_WRITE));
	int reading = reading_only(fd);
	struct actor reader = actor_enter("reader");
	char *theirs = actor_map(&reader, page_bytes(), PROT_READ, MAP_SHARED,
				 reading);

	count_write(mine, '1', NULL);
	char first = actor_read(&reader, theirs, NULL);
	count_write(mine, '2', NULL);
	char second = actor_read(&reader, theirs, NULL);
	struct frame_row before = look("reader", reader.pid, theirs, "before");
	say("the reader reads %c, and when it looks again %c", first, second);
	claim(first == '1' && second == '2',
	      "without a seal what was checked can change");

	int error = error_of_seal(fd, F_SEAL_WRITE);
	say("I ask for F_SEAL_WRITE: %s", strerror(error));
	claim(error == EBUSY, "while a mapping is writable it is refused");
	must(munmap(mine, page_bytes()));
	error = error_of_seal(fd, F_SEAL_WRITE);
	claim(error == EBUSY, "the copy that a fork made of it counts as well");
	actor_call(&reader, drop_copy, &mine, sizeof mine);
	error = error_of_seal(fd, F_SEAL_WRITE);
	claim(error == 0, "when the last one is gone it is granted");

	ssize_t written = pwrite(fd, "3", 1, 0);
	int write_error = written == -1 ? errno : 0;
	int map_error = error_of_writable_map(fd);
	say("write(2): %s", strerror(write_error));
	say("a writable mapping: %s", strerror(map_error));
	claim(write_error == EPERM && map_error == EPERM,
	      "nobody can write any more, not even I who made it");
	struct frame_row rows[] = {
		before,
		look("reader", reader.pid, theirs, "sealed"),
	};
	show_frames(rows, 2);
	claim(actor_read(&reader, theirs, NULL) == '2' &&
		      (!sight.shown || one_frame(&rows[0], &rows[1])),
	      "the reader's page is what it was%s",
	      sight.shown ? ", in the same frame" : "");
	actor_leave(&reader);
	must(close(fd));

	fd = sealable();
	mine = must(map(fd, PROT_READ | PROT_WRITE));
	if (error_of_seal(fd, F_SEAL_FUTURE_WRITE) == EINVAL) {
		say("(F_SEAL_FUTURE_WRITE came with Linux 5.1)");
		return;
	}
	count_write(mine, '4', NULL);
	reading = reading_only(fd);
	char *reads = must(map(reading, PROT_READ));
	claim(error_of_writable_map(fd) == EPERM &&
		      count_read(reads, NULL) == '4',
	      "F_SEAL_FUTURE_WRITE: I write on, nobody else ever will");
	must(close(fd));
}

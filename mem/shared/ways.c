// # Five ways to one frame
//
// Two processes share memory when their page tables point to the same frame. How
// they come to that is a matter of names: an anonymous mapping is inherited, a memfd
// is handed over as a descriptor, shm_open(3) has names of its own, System V has
// numbers, and a file has a path. Behind all five is the same thing, a file in the
// page cache; and a mapping of it may lie at another address in each process. (So a
// pointer that is stored in shared memory means something to one of them only.)

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "lab.h"
#include "mem/cast/cast.h"
#include "mem/shared/shared.h"
#include "names.h"

// How the other finds it: what is not needed is not set.
struct found {
	char name[NAME_BYTES];
	int fd;
	void *inherited;
};

struct way {
	const char *name, *how;
	void *(*make)(struct found *found); // or NULL with errno
	long (*find)(const void *found);    // in the other process: the address
	void (*end)(const struct found *found);
};

static void *map(int fd)
{
	if (fd == -1)
		return NULL;
	return must(mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED,
			 fd, 0));
}

static void *map_new(int fd)
{
	if (fd != -1)
		must(ftruncate(fd, (off_t)page_bytes()));
	return map(fd);
}

static long find_by_fd(const void *argument)
{
	return (long)map(((const struct found *)argument)->fd);
}

static void *make_anonymous(struct found *found)
{
	return found->inherited = must(mmap(NULL, page_bytes(),
					    PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

// It is there already, at the same address. Of a shared mapping mremap makes
// a second one when told that the old one has 0 bytes (mremap(2)).
static long find_anonymous(const void *argument)
{
	const struct found *found = argument;

	return (long)must(
		mremap(found->inherited, 0, page_bytes(), MREMAP_MAYMOVE));
}

static void *make_memfd(struct found *found)
{
	found->fd = memfd_create("shared", MFD_CLOEXEC);
	return map_new(found->fd);
}

static void *make_shm(struct found *found)
{
	snprintf(found->name, sizeof found->name, "%s", fresh_name());
	found->fd = shm_open(found->name, O_RDWR | O_CREAT | O_EXCL, 0600);
	return map_new(found->fd);
}

static long find_shm(const void *argument)
{
	const struct found *found = argument;

	return (long)map(must(shm_open(found->name, O_RDWR, 0)));
}

static void end_shm(const struct found *found)
{
	must(shm_unlink(found->name));
}

static void *make_file(struct found *found)
{
	snprintf(found->name, sizeof found->name, "%s", fresh_path());
	found->fd = must(
		open(found->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	return map_new(found->fd);
}

static long find_file(const void *argument)
{
	const struct found *found = argument;

	return (long)map(must(open(found->name, O_RDWR | O_CLOEXEC)));
}

static void end_file(const struct found *found)
{
	must(unlink(found->name));
}

// A key that is written down (names.h), so that the segment does not outlive us.
static void *make_sysv(struct found *found)
{
	key_t key;

	must_neg(names_fresh_key(NAME_SYSV_SHM, &key));
	found->fd = shmget(key, page_bytes(), IPC_CREAT | IPC_EXCL | 0600);
	return found->fd == -1 ? NULL : must(shmat(found->fd, NULL, 0));
}

static long find_sysv(const void *argument)
{
	return (long)must(shmat(((const struct found *)argument)->fd, NULL, 0));
}

static void end_sysv(const struct found *found)
{
	must(shmctl(found->fd, IPC_RMID, NULL));
}

static void end_nothing(const struct found *found)
{
	(void)found;
}

static const struct way ways[] = {
	{ "anonymous", "inherited by fork", make_anonymous, find_anonymous,
	  end_nothing },
	{ "memfd", "a descriptor", make_memfd, find_by_fd, end_nothing },
	{ "shm_open", "a name", make_shm, find_shm, end_shm },
	{ "System V", "a number", make_sysv, find_sysv, end_sysv },
	{ "a file", "a path", make_file, find_file, end_file },
};
enum { WAYS = sizeof ways / sizeof *ways, HOLE = 16 };

// Something that only one of them has, so that what is mapped next lies elsewhere.
static long dig_hole(const void *argument)
{
	(void)argument;
	must(mmap(NULL, HOLE * page_bytes(), PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	return 0;
}

static void try(const struct way *way, const struct sight *sight)
{
	struct found found = { .fd = -1 };
	char *mine = way->make(&found);

	if (!mine) {
		say("%s: not here (%s)", way->name, strerror(errno));
		return;
	}
	struct actor other = actor_enter("other");
	actor_call(&other, dig_hole, "", 1);
	char *others = (char *)actor_call(&other, way->find, &found,
					  sizeof found);
	way->end(&found);

	count_write(mine, 'm', NULL);
	char read_there = actor_read(&other, others, NULL);
	actor_write(&other, others, 'o', NULL);
	char read_here = count_read(mine, NULL);
	struct frame_row rows[] = {
		look("I", 0, mine, way->how),
		look("the other", other.pid, others, NULL),
	};
	say("%s:", way->name);
	show_frames(rows, 2);
	claim(read_there == 'm' && read_here == 'o',
	      "%s: what one writes, the other reads", way->name);
	claim(mine != others, "%s: at another address", way->name);
	claim(rows[0].page.file && rows[1].page.file &&
		      !rows[0].page.exclusive && !rows[1].page.exclusive,
	      "%s: the page of a file that both map", way->name);
	claim_seen(sight, one_frame(&rows[0], &rows[1]), "%s: one frame",
		   way->name);
	actor_leave(&other);
	if (found.fd != -1 && way->make != make_sysv)
		must(close(found.fd));
}

void scene_ways(void)
{
	struct sight sight = sight_begin();

	for (int w = 0; w < WAYS; w++)
		try(&ways[w], &sight);
}

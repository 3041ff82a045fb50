// # Objects: memory with a name, and memory without one
//
// Shared memory is a file that lies nowhere but in memory: on tmpfs. shm_open(3)
// opens one by name, mmap(2) puts its pages into the address space. Then there
// is no read and no write any more, only loads and stores.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "shm.h"

// ## With a name
//
// On Linux shm_open makes a file in /dev/shm, nothing more. So it has a mode and
// an owner, and lives until its name is taken away and nobody has it open or
// mapped.
//
// It begins with a size of 0, and ftruncate gives it one. Who maps it before
// that has addresses with nothing behind them: SIGBUS. This may happen to a
// second process that comes between the first one's shm_open and ftruncate: look
// at the size (fstat) before you trust it.

static int open_object(const char *name, int flags)
{
	int fd = shm_open(name, flags, 0600);

	if (fd == -1 && flags & O_CREAT &&
	    (errno == ENOENT || errno == EACCES || errno == EROFS))
		skip("no place for shared memory objects: mount a tmpfs on "
		     "/dev/shm that you may write to (mode 1777)");
	return fd;
}

static int death_by_size(bool sized)
{
	int fd = must(open_object(fresh_name(), O_RDWR | O_CREAT | O_EXCL));
	pid_t child = fork_as(sized ? "careful" : "hasty");

	if (child > 0)
		return killed_by(child);
	if (sized)
		must(ftruncate(fd, page_bytes()));
	volatile char *page = map_page(fd);
	expect_death(SIGBUS);
	*page = 'x';
	_exit(0);
}

static _Noreturn void make_and_leave(const char *name)
{
	int fd = must(open_object(name, O_RDWR | O_CREAT | O_EXCL));

	must(ftruncate(fd, page_bytes()));
	char *page = map_page(fd);
	memcpy(page, "still here", sizeof "still here");
	say("wrote \"%s\" and leave", page);
	_exit(0);
}

void play_posix(void)
{
	const char *name = fresh_name();
	struct stat file, new_file;

	claim(death_by_size(false) == SIGBUS,
	      "mapped before ftruncate, the first store brings SIGBUS");
	claim(death_by_size(true) == 0, "with a size, it is a store");

	pid_t maker = fork_as("maker");
	if (maker == 0)
		make_and_leave(name);
	reap(maker);
	int fd = must(shm_open(name, O_RDWR, 0));
	char *page = map_page(fd);
	must(fstat(fd, &file));
	say("mode %o, %lld bytes: /dev/shm%s", file.st_mode & 07777,
	    (long long)file.st_size, name);
	claim(!strcmp(page, "still here"),
	      "the object survives its maker: \"%s\"", page);

	must(shm_unlink(name));
	claim(shm_open(name, O_RDWR, 0) == -1 && errno == ENOENT,
	      "shm_unlink takes the name away: nobody new can come");
	page[0] = 'S';
	claim(!strcmp(page, "Still here"), "who has it mapped keeps the page");
	int new_fd = must(open_object(name, O_RDWR | O_CREAT | O_EXCL));
	must(ftruncate(new_fd, page_bytes()));
	must(fstat(new_fd, &new_file));
	claim(new_file.st_ino != file.st_ino && *(char *)map_page(new_fd) == 0,
	      "a new object of that name is another, and full of zeros");
}

// ## Without a name
//
// MAP_SHARED | MAP_ANONYMOUS makes such a file, too, but no name and no
// descriptor lead to it: only fork(2) hands it on. (In /proc/PID/maps it is
// called /dev/zero, for the way this was done before there was a flag.)
//
// MAP_PRIVATE is what a process's data, heap and stack are: after fork both see
// the same pages until one writes. Then the kernel gives the writer a copy of
// its own (copy-on-write), and the other never hears of it.

void play_anonymous(void)
{
	char *ours = shared(page_bytes());
	char *mine = must(mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	*ours = *mine = 'p';
	say("/proc/self/maps calls the shared page %s", mapping_of(ours).path);
	pid_t child = fork_as("child");
	if (child == 0) {
		claim(*ours == 'p' && *mine == 'p',
		      "fork hands on both pages, with the 'p' that is in them");
		*ours = *mine = 'c';
		say("stored 'c' in both");
		_exit(0);
	}
	reap(child);
	say("after the child: shared '%c', private '%c'", *ours, *mine);
	claim(*mine == 'p', "MAP_PRIVATE: the child wrote on a copy");
	claim(*ours == 'c', "MAP_SHARED: the child's store is here");
}

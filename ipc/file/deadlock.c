// # Deadlock: two who wait for each other
//
//     A  holds byte 0, wants byte 1
//     B  holds byte 1, wants byte 0
//
// Neither will ever let go. The owner of a POSIX lock is a process, and one
// that waits does nothing else; so before the kernel puts it to sleep it follows
// the chain (who holds what I want? what does he wait for?), and if that leads
// back, refuses with EDEADLK. The owner of an OFD lock is an open file, which
// any number of processes may use: that one of them waits says nothing of what
// the others do. So nobody looks, and flock(2) does not either. (Nor is EDEADLK
// to be relied on: the kernel follows a chain for 10 steps only, fcntl(2).)
//
// The cure needs no kernel: all take their locks in the same order.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "lab.h"

// A takes byte 0 and waits for byte 1, which is B's already. It opens the file
// itself, so that also the open file description is its own.
static pid_t fork_a(const char *path, int wait, int theirs)
{
	pid_t a = fork_as("A");

	if (a > 0)
		return a;
	must(close(theirs));
	int fd = open_again(path);
	must_zero(lock_byte(fd, wait, F_WRLCK, 0));
	say("have byte 0, asking for byte 1");
	must_zero(lock_byte(fd, wait, F_WRLCK, 1));
	say("have both");
	_exit(0);
}

// A sleeps before we ask, so we are the one who closes the circle.
static void posix_is_told(void)
{
	const char *path = file_with("");
	int fd = open_again(path);

	must_zero(lock_byte(fd, F_SETLK, F_WRLCK, 1));
	pid_t a = fork_a(path, F_SETLKW, fd);
	await_state(a, 'S');
	int error = lock_byte(fd, F_SETLKW, F_WRLCK, 0);
	say("have byte 1, asked for byte 0: %s",
	    error == EDEADLK ? "EDEADLK" : "granted");
	claim(error == EDEADLK,
	      "POSIX: who would close the circle is refused (EDEADLK)");
	must_zero(lock_byte(fd, F_SETLK, F_UNLCK, 1));
	reap(a);
}

// /proc/locks has a line for each lock of the system and, marked with an arrow,
// one for each who waits for it. In place of a process an OFD lock has -1.
static void show_locks(const char *path)
{
	FILE *locks = fopen("/proc/locks", "re");
	struct picture picture;
	struct stat facts;
	char line[256], kind[16];
	uintmax_t inode, byte;
	int pid;

	if (!locks)
		return;
	must(stat(path, &facts));
	picture_begin(&picture);
	fprintf(picture.stream, "/proc/locks of this file:\n");
	while (fgets(line, sizeof line, locks)) {
		const char *waits = strstr(line, "-> ");
		if (sscanf(waits ? waits + 3 : line + strcspn(line, " "),
			   "%15s %*s %*s %d %*x:%*x:%ju %ju", kind, &pid,
			   &inode, &byte) == 4 &&
		    inode == facts.st_ino)
			fprintf(picture.stream,
				" %s  process %d  %s byte %ju\n", kind, pid,
				waits ? "wants" : "holds", byte);
	}
	picture_end(&picture);
	must(fclose(locks));
}

// Here B is a child, for whoever asks does not come back. It uses our open file,
// so the lock that we took is its lock, too, and goes when we both have closed.
static void ofd_is_not(void)
{
	const char *path = file_with("");
	int fd = open_again(path), status;

	say("once more, with OFD locks");
	must_zero(lock_byte(fd, F_OFD_SETLK, F_WRLCK, 1));
	pid_t a = fork_a(path, F_OFD_SETLKW, fd);
	await_state(a, 'S');
	pid_t b = fork_as("B");
	if (b == 0) {
		say("have byte 1, asking for byte 0");
		must_zero(lock_byte(fd, F_OFD_SETLKW, F_WRLCK, 0));
		_exit(0);
	}
	must(close(fd));
	await_state(b, 'S');
	await_state(a, 'S');
	show_locks(path);
	claim(waitpid(a, NULL, WNOHANG) == 0 && waitpid(b, NULL, WNOHANG) == 0,
	      "OFD: nobody is refused, and both sleep for ever");
	must(kill(b, SIGKILL));
	must(waitpid(b, NULL, 0));
	must(waitpid(a, &status, 0));
	claim(status == 0, "B is killed: its locks go with it, A gets both");
}

void deadlock(void)
{
	speak_as("B");
	posix_is_told();
	ofd_is_not();
}

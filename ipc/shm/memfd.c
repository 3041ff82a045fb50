// # Memfd: shared memory for strangers, with seals
//
// memfd_create(2) makes the same kind of file without a name in any directory: a
// descriptor, and no more. Whoever is given the descriptor (over a UNIX socket,
// SCM_RIGHTS) has the memory, and when all have closed and unmapped it, it is
// gone.
//
// But what if the other is no friend? Whoever may write may also ftruncate, and
// pages that were cut off behind our back bring SIGBUS when we touch them. A
// server that maps what its clients send could be killed by any of them. (So a
// careful one would have to copy with pread(2), which only returns less.) A seal
// is a promise that the kernel enforces: fcntl(2), F_ADD_SEALS. It binds
// everybody, can never be taken off, and the receiver can look at it first.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "shm.h"

int page_file(unsigned flags)
{
	int fd = memfd_create("page", MFD_CLOEXEC | flags);

	if (fd == -1 && (errno == ENOSYS || errno == EPERM))
		skip("memfd_create(2) is forbidden: allow it in the "
		     "container's seccomp profile");
	must(ftruncate(must(fd), page_bytes()));
	return fd;
}

// ## A descriptor through a socket
//
// What arrives is not the number but a new descriptor for the same open file,
// as dup(2) would make it, in the receiver's table. Over a stream at least one
// byte has to go along.

struct parcel {
	char letter;
	struct iovec byte;
	struct msghdr message;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
};

static struct msghdr *wrap(struct parcel *parcel)
{
	*parcel = (struct parcel){ .byte = { &parcel->letter, 1 } };
	parcel->message = (struct msghdr){
		.msg_iov = &parcel->byte,
		.msg_iovlen = 1,
		.msg_control = &parcel->control,
		.msg_controllen = sizeof parcel->control,
	};
	return &parcel->message;
}

static void send_descriptor(int socket, int fd)
{
	struct parcel parcel;
	struct msghdr *message = wrap(&parcel);

	parcel.control.header = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof fd),
	};
	memcpy(CMSG_DATA(&parcel.control.header), &fd, sizeof fd);
	must(sendmsg(socket, message, 0));
}

static int receive_descriptor(int socket)
{
	struct parcel parcel;
	int fd = -1;

	must(recvmsg(socket, wrap(&parcel), MSG_CMSG_CLOEXEC));
	const struct cmsghdr *header = CMSG_FIRSTHDR(&parcel.message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof fd);
	return must(fd);
}

// ## Cut off
//
// The receiver maps what it is sent and reads the first letter; then we try to
// shrink the file to nothing, and it reads the next one. A careful receiver
// looks for the seal before it maps, and declines what has none.

enum { DECLINED = 3 };

static _Noreturn void receive(int socket, bool careful)
{
	int fd = receive_descriptor(socket);

	if (careful && !(must(fcntl(fd, F_GET_SEALS)) & F_SEAL_SHRINK)) {
		say("it could be cut off: I decline");
		_exit(DECLINED);
	}
	volatile char *page = map_page(fd);
	char first = page[0], go;
	expect_death(SIGBUS);
	must(write(socket, &first, 1));
	must(read(socket, &go, 1));
	char second = page[1];
	say("read '%c' and '%c'", first, second);
	_exit(0);
}

// What shrinking said (an errno, or 0), and how the receiver ended.
struct fate {
	int shrink_error, status;
};

static struct fate send_and_shrink(int seals, bool careful)
{
	struct fate fate = { 0 };
	int socket[2];
	char byte;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket));
	pid_t receiver = fork_as(careful ? "careful" : "trusting");
	if (receiver == 0) {
		must(close(socket[0]));
		receive(socket[1], careful);
	}
	must(close(socket[1]));
	int fd = page_file(MFD_ALLOW_SEALING);
	must(pwrite(fd, "ab", 2, 0));
	must(fcntl(fd, F_ADD_SEALS, seals));
	send_descriptor(socket[0], fd);
	if (must(read(socket[0], &byte, 1)) == 1) {
		if (ftruncate(fd, 0) == -1)
			fate.shrink_error = errno;
		must(write(socket[0], "g", 1));
	}
	must(waitpid(receiver, &fate.status, 0));
	must(close(fd));
	must(close(socket[0]));
	return fate;
}

void play_shrink(void)
{
	struct fate fate = send_and_shrink(0, false);
	claim(WIFSIGNALED(fate.status) && WTERMSIG(fate.status) == SIGBUS,
	      "no seal: the sender shrinks it, the receiver dies of SIGBUS");

	fate = send_and_shrink(0, true);
	claim(WIFEXITED(fate.status) && WEXITSTATUS(fate.status) == DECLINED,
	      "who looks at F_GET_SEALS first need not touch it");

	fate = send_and_shrink(F_SEAL_SHRINK, true);
	claim(fate.shrink_error == EPERM,
	      "F_SEAL_SHRINK: ftruncate is refused (EPERM)");
	claim(fate.status == 0, "and the receiver reads in peace");
}

// ## All the seals
//
//     F_SEAL_SHRINK        may not become smaller
//     F_SEAL_GROW          may not become larger
//     F_SEAL_WRITE         may not be written; refused (EBUSY) while anybody has
//                          it mapped for writing: the promise would be false
//     F_SEAL_FUTURE_WRITE  who has it mapped goes on writing, nobody else
//                          begins: a producer's memory, for readers to map
//     F_SEAL_SEAL          no more seals
//
// (A memfd that was not made with MFD_ALLOW_SEALING has the last one from
// birth. F_SEAL_EXEC, Linux 6.3, is about running it as a program.)

// 0, or why not.
static int seal(int fd, int seals)
{
	return fcntl(fd, F_ADD_SEALS, seals) == -1 ? errno : 0;
}

static int write_error(int fd)
{
	return pwrite(fd, "w", 1, 0) == -1 ? errno : 0;
}

static int map_error(int fd)
{
	void *page = mmap(NULL, page_bytes(), PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? errno : 0;
}

void play_seals(void)
{
	enum {
		ALL = F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE |
		      F_SEAL_SEAL
	};
	int fd = page_file(MFD_ALLOW_SEALING);
	volatile char *mapped = map_page(fd);

	must_zero(seal(fd, F_SEAL_GROW));
	int error = ftruncate(fd, 2 * page_bytes()) == -1 ? errno : 0;
	claim(error == EPERM, "F_SEAL_GROW: it does not become larger (EPERM)");
	claim(seal(fd, F_SEAL_WRITE) == EBUSY,
	      "F_SEAL_WRITE is refused while it is mapped for writing: EBUSY");

	error = seal(fd, F_SEAL_FUTURE_WRITE);
	if (error == EINVAL)
		skip("no F_SEAL_FUTURE_WRITE: it came with Linux 5.1");
	mapped[0] = 'm';
	char seen = 0;
	must(pread(fd, &seen, 1, 0));
	claim(error == 0 && seen == 'm',
	      "F_SEAL_FUTURE_WRITE: the mapping that is there still writes");
	claim(write_error(fd) == EPERM && map_error(fd) == EPERM,
	      "new ones do not: write and mmap say EPERM");

	must(munmap((void *)mapped, page_bytes()));
	claim(seal(fd, F_SEAL_WRITE) == 0,
	      "once it is unmapped, F_SEAL_WRITE is granted");
	claim(seal(fd, F_SEAL_SEAL) == 0 && seal(fd, F_SEAL_SHRINK) == EPERM,
	      "F_SEAL_SEAL: no seal after it (EPERM)");
	claim((must(fcntl(fd, F_GET_SEALS)) & (ALL | F_SEAL_SHRINK)) == ALL,
	      "F_GET_SEALS tells the four, and that F_SEAL_SHRINK is missing");
}

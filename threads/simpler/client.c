// # Servers and clients for the scenes
//
// A server is a process of its own, so that what it takes of memory and of the
// kernel's time can be told from ours. The socket is a local one with a name
// that the kernel picks and that is gone with it (unix(7), "autobind").

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"
#include "simpler.h"

void turn_away(int error)
{
	skip("the server has no room for one more client (%s): raise ulimit "
	     "-n, -u or -v",
	     strerror(error));
}

static int open_door(void)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = must(
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

	must(bind(fd, (struct sockaddr *)&any, sizeof any.sun_family));
	must(listen(fd, 1024));
	return fd;
}

static void ask_for_tracer(void)
{
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) == -1)
		skip("I may not count system calls by ptrace(2): allow it");
	must(raise(SIGSTOP));
}

static struct running start(const struct way *way, int64_t wait_ns, bool traced)
{
	struct running running = { .way = way };

	running.server = must(mmap(NULL, sizeof *running.server,
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	running.server->listener = open_door();
	running.server->stop = must(eventfd(0, EFD_CLOEXEC));
	running.server->wait_ns = wait_ns;
	running.pid = fork_as(way->name);
	if (running.pid == 0) {
		if (traced)
			ask_for_tracer();
		way->serve(running.server);
		_exit(0);
	}
	return running;
}

struct running start_server(const struct way *way, int64_t wait_ns)
{
	return start(way, wait_ns, false);
}

struct running start_traced_server(const struct way *way, int64_t wait_ns)
{
	return start(way, wait_ns, true);
}

void close_server(struct running *running)
{
	must(close(running->server->listener));
	must(close(running->server->stop));
	must(munmap(running->server, sizeof *running->server));
}

struct rusage stop_server(struct running *running)
{
	const uint64_t one = 1;
	struct rusage usage;
	int status;

	must(write(running->server->stop, &one, sizeof one));
	must(wait4(running->pid, &status, 0, &usage));
	if (status != 0)
		claim(false, "%s: the server ends well", running->way->name);
	close_server(running);
	return usage;
}

int connect_to(const struct running *running)
{
	struct sockaddr_un address;
	socklen_t bytes = sizeof address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 && errno == EMFILE)
		skip("too few descriptors for the clients: ulimit -n 256");
	must(fd);
	must(getsockname(running->server->listener, (struct sockaddr *)&address,
			 &bytes));
	must(connect(fd, (struct sockaddr *)&address, bytes));
	return fd;
}

void send_text(int fd, const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		ssize_t n = must(send(fd, text, length, MSG_NOSIGNAL));
		text += n;
		length -= n;
	}
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
}

// For a local socket SIOCOUTQ tells what the other side has not yet read.
void await_read(int fd)
{
	int unread;

	for (;;) {
		must(ioctl(fd, SIOCOUTQ, &unread));
		if (unread == 0)
			return;
		nap();
	}
}

void await_open(const struct running *running, int connections)
{
	while (atomic_load_explicit(&running->server->open,
				    memory_order_relaxed) != connections)
		nap();
}

size_t receive(int fd, char *reply, size_t bytes)
{
	size_t got = 0;

	while (got < bytes) {
		ssize_t n = must(recv(fd, reply + got, bytes - got, 0));
		if (n == 0)
			break;
		got += n;
	}
	return got;
}

long status_of_server(const struct running *running, const char *file,
		      const char *key)
{
	char path[64], line[256], format[64];
	long value = -1;

	snprintf(path, sizeof path, "/proc/%d/%s", running->pid, file);
	snprintf(format, sizeof format, "%s: %%ld", key);
	FILE *figures = fopen(path, "re");
	while (figures && value < 0 && fgets(line, sizeof line, figures))
		if (sscanf(line, format, &value) != 1)
			value = -1;
	if (figures)
		must(fclose(figures));
	if (value < 0)
		skip("/proc/PID/%s of my own child has no %s", file, key);
	return value;
}

int descriptors_of(const struct running *running)
{
	char path[64];
	int n = 0;

	snprintf(path, sizeof path, "/proc/%d/fd", running->pid);
	DIR *folder = opendir(path);
	if (!folder)
		skip("/proc does not show me my child's descriptors");
	while (readdir(folder))
		n++;
	must(closedir(folder));
	return n;
}

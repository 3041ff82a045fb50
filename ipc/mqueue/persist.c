// # What stays when processes go
//
// A queue has a name, as a file has, and lives as a file does: closing it
// removes nothing, the end of the last process that used it removes nothing.
// It stays until somebody unlinks its name *and* the last descriptor is
// closed, or until the machine (or the IPC namespace) goes down: "kernel
// persistence", mq_overview(7). No disk ever sees it.

#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "privilege.h"
#include "queue.h"

// ## The sender is gone, its messages are there
//
// Sender and receiver need not live at the same time: that no pipe can do. The
// other side of it is that nobody is told of a death. A message that a process
// received before it died is gone with it; the queue has no second copy and
// waits for no receipt.

static int open_error(const char *name)
{
	mqd_t queue = mq_open(name, O_RDONLY);

	if (queue == -1)
		return errno;
	must(mq_close(queue));
	return 0;
}

static void send_and_end(const char *name)
{
	mqd_t queue = make_queue(name, O_WRONLY);

	must(mq_send(queue, "one", 3, 0));
	must(mq_send(queue, "two", 3, 0));
	_exit(0);
}

static void receive_and_stop(const char *name)
{
	mqd_t queue = must(mq_open(name, O_RDONLY));
	char got[LARGEST];

	must(mq_receive(queue, got, sizeof got, NULL));
	must(raise(SIGSTOP));
	_exit(0);
}

void survivors(void)
{
	const char *name = fresh_name();
	char got[LARGEST];

	pid_t sender = fork_as("sender");
	if (sender == 0)
		send_and_end(name);
	reap(sender);
	mqd_t queue = must(mq_open(name, O_RDWR));
	claim(waiting(queue) == 2,
	      "its maker is gone, the queue and two messages are there");

	pid_t receiver = fork_as("receiver");
	if (receiver == 0)
		receive_and_stop(name);
	await_state(receiver, 'T');
	must(kill(receiver, SIGKILL));
	must(waitpid(receiver, NULL, 0));
	say("a receiver took one and was killed; %ld in the queue",
	    waiting(queue));
	claim(waiting(queue) == 1, "its message is lost, and nobody is told");

	must(mq_unlink(name));
	claim(open_error(name) == ENOENT,
	      "mq_unlink takes the name away at once (ENOENT)");
	must(mq_send(queue, "three", 5, 1));
	ssize_t n = must(mq_receive(queue, got, sizeof got, NULL));
	claim(n == 5 && waiting(queue) == 1,
	      "who has the queue open sends and receives as before");

	mqd_t second = make_queue(name, O_RDWR);
	claim(waiting(second) == 0 && waiting(queue) == 1,
	      "the name is free: a new queue under it is another one");
	must(mq_unlink(name));
}

// ## Looking inside
//
// Queues are files of a file system of their own, mqueue. A read(2) of one
// receives nothing; it tells the state, in one line:
//
//     QSIZE:7          NOTIFY:0     SIGNO:10    NOTIFY_PID:4711
//
// QSIZE is the sum of the bytes in the queue; NOTIFY is 0 for a signal, 1 for
// nothing, 2 for a thread; NOTIFY_PID is who asked to be told, 0 for nobody.
// (SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD: the numbers of <signal.h>.)
//
// That takes no mount, just a descriptor. Of another process it takes
// `cat /proc/PID/fd/N`, and permission to read the queue.

struct inside {
	unsigned long bytes;
	int how, signal, pid;
};

static struct inside look(int fd)
{
	char line[256] = "";
	struct inside in;

	must(read(fd, line, sizeof line - 1));
	if (sscanf(line, "QSIZE:%lu NOTIFY:%d SIGNO:%d NOTIFY_PID:%d",
		   &in.bytes, &in.how, &in.signal, &in.pid) != 4)
		die_at(__FILE__, __LINE__, "read(queue): no QSIZE", EPROTO);
	say("read: QSIZE %lu, NOTIFY %d, SIGNO %d, NOTIFY_PID %d", in.bytes,
	    in.how, in.signal, in.pid);
	return in;
}

void looking_inside(void)
{
	mqd_t queue = make_queue(fresh_name(), O_RDWR);

	must(mq_send(queue, "hello", 5, 0));
	must(mq_send(queue, "hi", 2, 0));
	must_zero(ask_for_notice(queue));
	struct inside in = look(queue);
	claim(in.bytes == 7 && waiting(queue) == 2,
	      "a read tells how many bytes lie there, and takes none");
	claim(in.pid == getpid() && in.signal == NOTICE,
	      "and who has ordered a notice (we), with which signal");
}

// ## The file system of queues
//
// Mounted, it is a folder in which each queue is a file: queues can be listed,
// looked into and removed by name (ls, cat, rm), which is how an administrator
// finds what a program forgot. Mounting takes privileges, so a child does it in
// mount and IPC namespaces of its own; for everybody,
// `mount -t mqueue none /dev/mqueue`.

static void look_through_mount(void)
{
	const char *folder = fresh_path();
	char path[512];

	must(mkdir(folder, 0700));
	enter_own_namespaces(CLONE_NEWIPC | CLONE_NEWNS);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("none", folder, "mqueue", 0, NULL) == -1)
		skip("the mqueue file system cannot be mounted: %s; run it as "
		     "root, or allow mount in the container's profile",
		     strerror(errno));
	mqd_t queue = make_queue("/letters", O_RDWR);
	must(mq_send(queue, "hello", 5, 0));
	snprintf(path, sizeof path, "%s/letters", folder);
	int file = must(open(path, O_RDONLY | O_CLOEXEC));
	struct inside in = look(file);
	claim(in.bytes == 5 && in.pid == 0,
	      "mounted, the queue /letters is the file `letters`");
	must(unlink(path));
	claim(open_error("/letters") == ENOENT,
	      "removing the file is mq_unlink: the name is gone");
	_exit(0);
}

void mounting(void)
{
	pid_t child = fork_as("alone");

	if (child == 0)
		look_through_mount();
	reap(child);
}

// # Limits: how large, how many, how much in all
//
// A queue is kernel memory that no swap takes and that outlives its maker, so
// there is a fence on every side:
//
//     /proc/sys/fs/mqueue/msg_max      messages in one queue     EINVAL
//     /proc/sys/fs/mqueue/msgsize_max  bytes in one message      EINVAL
//     /proc/sys/fs/mqueue/queues_max   queues in the namespace   ENOSPC
//     RLIMIT_MSGQUEUE (ulimit -q)      bytes of all of a user's
//                                      queues together           EMFILE
//
// CAP_SYS_RESOURCE passes the three in /proc. Nobody passes the fourth; that
// capability may only raise it. And root need not have it: in containers and
// virtual machines it is among the first to be taken away. (In a user namespace
// one may have it, and it does not count: the kernel asks for the one of the
// initial namespace.) So a child gives up all its capabilities and asks.

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host.h"
#include "lab.h"
#include "privilege.h"
#include "queue.h"

static long read_limit(const char *name)
{
	char path[64], line[HOST_TEXT];

	snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", name);
	if (!host_line(path, line, sizeof line))
		skip("no %s: no /proc, or a kernel without message queues "
		     "(CONFIG_POSIX_MQUEUE, CONFIG_SYSCTL)",
		     path);
	return strtol(line, NULL, 10);
}

// Sets the limit of this process and its children; not above what it may.
static void set_ulimit(rlim_t bytes)
{
	struct rlimit ulimit;

	must(getrlimit(RLIMIT_MSGQUEUE, &ulimit));
	if (bytes > ulimit.rlim_max)
		skip("RLIMIT_MSGQUEUE may not be %lu: raise it (ulimit -q)",
		     (unsigned long)bytes);
	ulimit.rlim_cur = bytes;
	must(setrlimit(RLIMIT_MSGQUEUE, &ulimit));
}

// Makes a queue and removes it at once; 0 or the error.
static int try_queue(const char *name, long messages, long bytes)
{
	struct mq_attr size = { .mq_maxmsg = messages, .mq_msgsize = bytes };
	mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600,
			      &size);

	if (queue == -1 && errno == ENOSPC)
		skip("there are as many queues as there may be (queues_max): "
		     "remove some, or raise it");
	if (queue == -1)
		return errno;
	must(mq_close(queue));
	must(mq_unlink(name));
	return 0;
}

// ## What one queue may be
//
// The user pays for a queue when it is made, for all that it may ever hold. The
// usual limit, 819,200 bytes, is soon used up: a queue of the default size, 10
// messages of 8,192 bytes, is charged 82,880, so a user can have nine. The tenth
// gets EMFILE, whose text, "Too many open files", has sent many to look for a
// leak of descriptors.

static void ask_for_too_much(const char *name, long messages, long bytes)
{
	give_up_capabilities();
	claim(try_queue(name, messages + 1, 1) == EINVAL,
	      "without it nobody passes msg_max, not even root (EINVAL)");
	claim(try_queue(name, 1, bytes + 1) == EINVAL,
	      "nor msgsize_max, the size of a message (EINVAL)");

	int error = try_queue(name, ROOM, LARGEST);
	if (error == EMFILE)
		skip("RLIMIT_MSGQUEUE is used up: raise it (ulimit -q)");
	claim(error == 0, "a queue of %d x %d bytes is allowed", ROOM, LARGEST);
	set_ulimit(ROOM * LARGEST - 1);
	error = try_queue(name, ROOM, LARGEST);
	say("the same with ulimit -q %d: %s", ROOM * LARGEST - 1,
	    strerror(error));
	claim(error == EMFILE,
	      "a queue is paid for at once: no message was sent (EMFILE)");
	_exit(0);
}

void limits(void)
{
	const char *name = fresh_name();
	long messages = read_limit("msg_max"),
	     bytes = read_limit("msgsize_max");

	must(mq_close(make_queue(name, O_RDWR)));
	must(mq_unlink(name));
	say("msg_max %ld, msgsize_max %ld, queues_max %ld", messages, bytes,
	    read_limit("queues_max"));

	int error = try_queue(name, messages + 1, 1);
	say("user %u %s CAP_SYS_RESOURCE: %ld messages are %s", geteuid(),
	    has_capability(CAP_SYS_RESOURCE) ? "with" : "without", messages + 1,
	    error ? "refused" : "allowed");
	pid_t child = fork_as("ordinary");
	if (child == 0)
		ask_for_too_much(name, messages, bytes);
	reap(child);
}

// ## How many queues, and what each costs
//
// queues_max counts the queues of an IPC namespace, whoever made them, so to
// reach it we would have to take everybody's. In a namespace of our own, as a
// container has it, we disturb nobody: it begins without queues, the names we
// use elsewhere mean nothing in it, and when its last process has ended, all
// its queues are gone, though nobody unlinked them.
//
// In it we also see the bill of a queue, without the user's other queues: the
// lowest RLIMIT_MSGQUEUE with which it can be made. Beside its bytes each
// message is charged the head that goes with it in the kernel and a place in
// the tree of priorities (getrlimit(2)): 48 bytes each on 64-bit Linux.

enum { MOST_OVERHEAD = 256 };

static bool is_enough(long limit, long messages)
{
	set_ulimit(limit);
	int error = try_queue("/price", messages, LARGEST);
	if (error && error != EMFILE)
		die_at(__FILE__, __LINE__, "mq_open(price)", error);
	return error == 0;
}

static long price_of(long messages)
{
	long refused = 0, allowed = messages * (LARGEST + MOST_OVERHEAD);

	if (!is_enough(allowed, messages))
		skip("RLIMIT_MSGQUEUE is used up by this user's other queues: "
		     "raise it (ulimit -q)");
	while (allowed - refused > 1) {
		long middle = refused + (allowed - refused) / 2;
		*(is_enough(middle, messages) ? &allowed : &refused) = middle;
	}
	return allowed;
}

// Root may have come here without a user namespace of its own; then the other
// queues of root count, too, and may come and go while we measure.
static void find_price(void)
{
	struct rlimit before;
	long few, many;

	must(getrlimit(RLIMIT_MSGQUEUE, &before));
	do {
		few = price_of(ROOM / 2);
		many = price_of(ROOM);
	} while (price_of(ROOM / 2) != few);
	must(setrlimit(RLIMIT_MSGQUEUE, &before));
	say("an empty queue of %d x %d bytes costs %ld, of %d x %d %ld",
	    ROOM / 2, LARGEST, few, ROOM, LARGEST, many);
	long each = (many - few) / (ROOM - ROOM / 2);
	claim(each > LARGEST,
	      "a message costs its bytes and %ld more, sent or not",
	      each - LARGEST);
}

static void make_them_all(void)
{
	struct mq_attr smallest = { .mq_maxmsg = 1, .mq_msgsize = 1 };
	long made = 0, most = read_limit("queues_max");
	char name[32];
	int error;

	do {
		snprintf(name, sizeof name, "/%ld", made);
		mqd_t queue = mq_open(name, O_RDWR | O_CREAT, 0600, &smallest);
		error = queue == -1 ? errno : 0;
		if (!error)
			must(mq_close(queue));
		made += !error;
	} while (!error && made <= most);
	if (error == EMFILE)
		skip("RLIMIT_MSGQUEUE is used up after %ld queues: raise it "
		     "(ulimit -q)",
		     made);
	say("made %ld queues; the next: %s", made, strerror(error));
	claim(made == most && error == ENOSPC,
	      "a namespace has queues_max queues and no more (ENOSPC)");
}

static void be_alone(const char *outside)
{
	enter_own_namespaces(CLONE_NEWIPC);
	give_up_capabilities();
	claim(FAILURE(mq_open(outside, O_RDONLY)) == ENOENT,
	      "in another IPC namespace a queue's name means nothing");
	find_price();
	make_them_all();
	_exit(0);
}

void namespace_limit(void)
{
	const char *name = fresh_name();
	mqd_t queue = make_queue(name, O_RDWR);

	pid_t child = fork_as("alone");
	if (child == 0)
		be_alone(name);
	reap(child);
	must(mq_close(queue));
}

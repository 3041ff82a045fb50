// # What the scenes share: a queue to play with

#define _GNU_SOURCE
#include "queue.h"

#include <fcntl.h>
#include <string.h>

#include "host.h"
#include "lab.h"

// O_EXCL: the name is fresh, so whatever has it already is not ours. Mode 0600
// as for a file; a queue that others may write to, others may fill.
mqd_t make_queue(const char *name, int flags)
{
	char why[HOST_TEXT];
	struct mq_attr size = { .mq_maxmsg = ROOM, .mq_msgsize = LARGEST };
	mqd_t queue = mq_open(name, flags | O_CREAT | O_EXCL | O_CLOEXEC, 0600,
			      &size);

	if (queue != -1)
		return queue;
	int error = errno;
	if (error == EINVAL)
		skip("this host forbids a queue of %d messages of %d bytes: "
		     "raise msg_max, msgsize_max in /proc/sys/fs/mqueue",
		     ROOM, LARGEST);
	if (error == EMFILE)
		skip("RLIMIT_MSGQUEUE (ulimit -q) is used up, or there are no "
		     "descriptors (ulimit -n): raise them");
	if (error == ENOSPC)
		skip("there are as many queues as there may be: remove some, "
		     "or raise /proc/sys/fs/mqueue/queues_max");
	if (!host_has_mqueue(why))
		skip("%s", why);
	die_at(__FILE__, __LINE__, "mq_open(a new queue)", error);
}

long waiting(mqd_t queue)
{
	struct mq_attr now;

	must(mq_getattr(queue, &now));
	return now.mq_curmsgs;
}

int ask_for_notice(mqd_t queue)
{
	const struct sigevent how = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = NOTICE,
		.sigev_value.sival_int = VALUE,
	};
	int error = FAILURE(mq_notify(queue, &how));

	if (error == EPERM || error == ENOSYS)
		skip("a filter forbids mq_notify (%s): allow it in the "
		     "container's profile",
		     strerror(error));
	return error;
}

// # host_checks: what this machine can do
//
// To look for a facility is to use it: a version number says nothing about a
// kernel's configuration, and neither about the filters of a container.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

// Whether seccomp(2) filters this process's system calls, as container
// runtimes do.
static bool filtered(void)
{
	char status[8192];

	host_line("/proc/self/status", status, sizeof status);
	return strstr(status, "Seccomp:\t2") != NULL;
}

// io_uring_setup(2) fails with EPERM for two reasons: the administrator's
// switch (kernel.io_uring_disabled since Linux 6.6: 1 all but CAP_SYS_ADMIN and
// the group kernel.io_uring_group, 2 all) or a filter. Filters may also say
// ENOSYS, as if the kernel were too old.
bool host_has_io_uring(char why[HOST_TEXT])
{
	struct io_uring ring;
	char disabled[16];
	int error = -io_uring_queue_init(1, &ring, 0);

	why[0] = '\0';
	if (error == 0) {
		io_uring_queue_exit(&ring);
		return true;
	}
	host_line("/proc/sys/kernel/io_uring_disabled", disabled,
		  sizeof disabled);
	bool switched_off = !strcmp(disabled, "2") ||
			    (!strcmp(disabled, "1") && geteuid() != 0);
	if (error == EPERM && switched_off)
		snprintf(why, HOST_TEXT,
			 "io_uring is switched off "
			 "(kernel.io_uring_disabled is %s): as root, "
			 "sysctl kernel.io_uring_disabled=0",
			 disabled);
	else if ((error == EPERM || error == ENOSYS) && filtered())
		snprintf(why, HOST_TEXT,
			 "a seccomp filter forbids io_uring "
			 "(%s): allow io_uring_setup, io_uring_enter and "
			 "io_uring_register in the container's profile",
			 error == EPERM ? "EPERM" : "ENOSYS");
	else if (error == ENOSYS)
		snprintf(why, HOST_TEXT,
			 "this kernel has no io_uring: it "
			 "takes Linux 5.1 with CONFIG_IO_URING");
	else if (error == ENOMEM)
		snprintf(why, HOST_TEXT,
			 "io_uring may lock no memory "
			 "(ENOMEM): raise ulimit -l");
	else
		snprintf(why, HOST_TEXT, "io_uring_setup failed: %s",
			 strerror(error));
	return false;
}

// A queue has a name until it is unlinked, and outlives us if we are killed
// between the two calls. So signals wait meanwhile, and the name is always the
// same for one user: should SIGKILL strike just there, the next try takes over
// what is left and removes it.
bool host_has_mqueue(char why[HOST_TEXT])
{
	struct mq_attr smallest = { .mq_maxmsg = 1, .mq_msgsize = 1 };
	char name[64];
	sigset_t all, before;

	why[0] = '\0';
	snprintf(name, sizeof name, "/oslab.probe.%u", (unsigned)geteuid());
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600,
			      &smallest);
	int error = queue == (mqd_t)-1 ? errno : 0;
	if (error == 0) {
		mq_unlink(name);
		mq_close(queue);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);

	if (error == 0)
		return true;
	if ((error == ENOSYS || error == EPERM) && filtered())
		snprintf(why, HOST_TEXT,
			 "a seccomp filter forbids message "
			 "queues (%s): allow mq_open in the container's "
			 "profile",
			 error == EPERM ? "EPERM" : "ENOSYS");
	else if (error == ENOSYS)
		snprintf(why, HOST_TEXT,
			 "this kernel has no POSIX message "
			 "queues: it takes CONFIG_POSIX_MQUEUE");
	else if (error == EMFILE)
		snprintf(why, HOST_TEXT,
			 "the limit of open files or of bytes "
			 "in message queues is reached: see ulimit -n, "
			 "ulimit -q and mq_overview(7)");
	else if (error == ENOSPC)
		snprintf(why, HOST_TEXT,
			 "there are too many message queues: "
			 "remove some, or raise sysctl fs.mqueue.queues_max");
	else
		snprintf(why, HOST_TEXT, "mq_open failed: %s", strerror(error));
	return false;
}

bool host_is_root(char why[HOST_TEXT])
{
	why[0] = '\0';
	if (geteuid() == 0)
		return true;
	snprintf(why, HOST_TEXT, "it takes root: run it with sudo");
	return false;
}

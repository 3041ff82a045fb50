// # How many system calls: asking the kernel itself
//
// The kernel has a tracepoint at the door where every system call comes in,
// raw_syscalls:sys_enter. A counter on it (perf_event_open(2)) counts those of
// one process and changes nothing else about it. It has a price, though: while
// anybody counts, every process of the machine takes the longer way through
// that door. So the counting has passes of its own, after all that is timed. And
// whoever is the last to leave a tracepoint waits until no CPU is inside it (an
// RCU grace period, tens of milliseconds): one counter, which counts nothing,
// is held from the first pass to the last, so that only its end has to wait.
//
// The tracepoint's number lies in tracefs. Where nobody has mounted it, root
// may: a helper process does so in a mount namespace of its own, so that nobody
// else sees it, reads the number, and takes everything with it when it ends.
//
// To count in the kernel takes CAP_PERFMON or a kernel.perf_event_paranoid below
// 2, and tracefs is usually for root to read. For anybody else there is ptrace:
// trace.c.
//
// Sources: perf_event_open(2); Documentation/trace/events.rst and
// admin-guide/perf-security.rst in the kernel; mount_namespaces(7).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "must.h"
#include "relay.h"

// ## The tracepoint's number

static uint64_t number_in(const char *tracefs)
{
	char path[128];
	uint64_t number = 0;

	snprintf(path, sizeof path, "%s/events/raw_syscalls/sys_enter/id",
		 tracefs);
	FILE *file = fopen(path, "re");
	if (file && fscanf(file, "%" SCNu64, &number) != 1)
		number = 0;
	if (file)
		fclose(file);
	return number;
}

static void tell_number(int to)
{
	static const char folder[] = "/sys/kernel/tracing";
	uint64_t number = 0;

	if (unshare(CLONE_NEWNS) == 0 &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("tracefs", folder, "tracefs", 0, NULL) == 0)
		number = number_in(folder);
	_exit(write(to, &number, sizeof number) == sizeof number ? 0 : 1);
}

static uint64_t number_by_helper(void)
{
	uint64_t number = 0;
	int ends[2];

	must(pipe2(ends, O_CLOEXEC));
	pid_t helper = must(fork());
	if (helper == 0)
		tell_number(ends[1]);
	close(ends[1]);
	if (read(ends[0], &number, sizeof number) != sizeof number)
		number = 0;
	close(ends[0]);
	must(waitpid(helper, NULL, 0));
	return number;
}

static uint64_t tracepoint_number(void)
{
	uint64_t number = number_in("/sys/kernel/tracing");
	if (!number)
		number = number_in("/sys/kernel/debug/tracing");
	if (!number && geteuid() == 0)
		number = number_by_helper();
	return number;
}

// ## The counter

// Of the calling process. -errno.
static int open_counter(uint64_t tracepoint)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof attr,
		.config = tracepoint,
		.disabled = 1,
	};

	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1,
			      PERF_FLAG_FD_CLOEXEC);
	return fd == -1 ? -errno : fd;
}

// ptrace is for whoever the tracepoint refuses.
void counting_choose(struct counting *counting)
{
	*counting = (struct counting){ .tracepoint = tracepoint_number(),
				       .held = -1 };
	if (counting->tracepoint)
		counting->held = open_counter(counting->tracepoint);
	if (counting->held >= 0)
		counting->counter = COUNT_TRACEPOINT;
	else if (trace_works(counting->why))
		counting->counter = COUNT_PTRACE;
}

void counting_over(struct counting *counting)
{
	if (counting->held >= 0)
		close(counting->held);
	counting->held = -1;
}

int count_prepare(const struct counting *counting, int *fd)
{
	*fd = -1;
	if (!counting || counting->counter != COUNT_TRACEPOINT)
		return 0;
	*fd = open_counter(counting->tracepoint);
	return *fd < 0 ? *fd : 0;
}

void count_begin(int fd)
{
	if (fd != -1)
		ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
}

// The call that ends the counting has been counted, too.
int64_t count_end(int fd)
{
	uint64_t count;

	if (fd == -1)
		return -1;
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	if (read(fd, &count, sizeof count) != sizeof count || count == 0)
		return -1;
	return (int64_t)count - 1;
}

// # The kernel's own record of its switches
//
// A perf event need not count anything: PERF_COUNT_SW_DUMMY never does. But like
// any event it may carry *side-band* records of what happened to the task it is
// attached to, and with attr.context_switch that is every switch to the task
// and away from it. The kernel writes them into a ring buffer that we have
// mapped; we read them there without a system call and tell it how far we are.
// When we are too slow it throws records away and says how many
// (PERF_RECORD_LOST).
//
//         data_tail (ours)        data_head (the kernel's)
//              |                       |
//     +--------v-----------------------v---------------------+
//     | read   | SWITCH | SWITCH | ... |                     |
//     +--------------------------------- around it goes -----+
//
// data_head is read with acquire order and data_tail written with release order:
// the records between them belong to us until the latter (perf_event_open(2),
// "MMAP layout").
//
// One event watches one task on any CPU (trace_task), or this process and
// whoever it forks from now on, on one CPU (trace_family; an inherited event
// may not have a ring and run on any CPU).
//
// A thread empties the rings. It sleeps until one is half full, so it does not
// disturb what it watches.
//
// Sources: perf_event_open(2); kernel/events/core.c, perf_event_switch.

#define _GNU_SOURCE
#include "sched/live/trace.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef PERF_RECORD_MISC_SWITCH_OUT_PREEMPT
#define PERF_RECORD_MISC_SWITCH_OUT_PREEMPT (1 << 14)
#endif

// The ring's pages are locked memory: an ordinary user has about 128 of them a
// CPU for free (/proc/sys/kernel/perf_event_mlock_kb). A record takes 32 bytes.
enum { RING_PAGES = 64 };

struct ring {
	int fd;
	struct perf_event_mmap_page *page; // NULL: none
	size_t bytes;                      // of the data, behind that page
};

struct trace {
	size_t ring_count;
	struct ring *rings;
	int stop; // an eventfd: readable when the reader is to end
	bool reading;
	pthread_t reader;

	// the reader's, until it has ended
	struct trace_event *events;
	size_t count, room;
	uint64_t lost;
	int error;
};

// ## One ring

static int open_event(pid_t task, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof attr,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			       PERF_SAMPLE_CPU,
		.inherit = cpu != -1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.watermark = 1,
		.sample_id_all = 1,
		.context_switch = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.wakeup_watermark =
			(uint32_t)(RING_PAGES * sysconf(_SC_PAGESIZE) / 2),
	};

	int fd = (int)syscall(SYS_perf_event_open, &attr, task, cpu, -1,
			      PERF_FLAG_FD_CLOEXEC);
	return fd == -1 ? -errno : fd;
}

// A smaller ring where the locked memory does not suffice.
static int map_ring(struct ring *ring)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);

	for (size_t pages = RING_PAGES; pages; pages /= 2) {
		void *at = mmap(NULL, (pages + 1) * page_bytes,
				PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
				0);
		if (at != MAP_FAILED) {
			ring->page = at;
			ring->bytes = pages * page_bytes;
			return 0;
		}
		if (errno != EPERM && errno != ENOMEM)
			break;
	}
	return -errno;
}

static int open_ring(struct ring *ring, pid_t task, int cpu)
{
	int fd = open_event(task, cpu);

	if (fd < 0)
		return fd;
	ring->fd = fd;
	return map_ring(ring);
}

static void close_ring(struct ring *ring)
{
	if (ring->page)
		munmap(ring->page, ring->bytes + (size_t)sysconf(_SC_PAGESIZE));
	if (ring->fd != -1)
		close(ring->fd);
}

// ## Records
//
// What sample_id_all adds to each record, by our sample_type.

struct stamp {
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, reserved;
};

struct switch_record {
	struct perf_event_header header;
	struct stamp stamp;
};

struct lost_record {
	struct perf_event_header header;
	uint64_t id, lost;
};

static void add_switch(struct trace *trace, const struct switch_record *record)
{
	uint16_t misc = record->header.misc;

	if (trace->count == trace->room) {
		size_t room = trace->room ? 2 * trace->room : 1024;
		void *more = realloc(trace->events,
				     room * sizeof *trace->events);
		if (!more) {
			trace->error = -ENOMEM;
			trace->lost++;
			return;
		}
		trace->events = more;
		trace->room = room;
	}
	trace->events[trace->count++] = (struct trace_event){
		.at_ns = (int64_t)record->stamp.time,
		.task = (pid_t)record->stamp.tid,
		.cpu = (int)record->stamp.cpu,
		.kind = !(misc & PERF_RECORD_MISC_SWITCH_OUT) ? TRACE_IN
			: misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT
				? TRACE_OUT_PREEMPTED
				: TRACE_OUT_BLOCKED,
	};
}

// Copies out of the ring, whose end goes on at its beginning.
static void copy_from(const struct ring *ring, uint64_t at, void *to, size_t n)
{
	const char *data = (const char *)ring->page +
			   (size_t)sysconf(_SC_PAGESIZE);
	size_t from = at % ring->bytes;
	size_t first = n < ring->bytes - from ? n : ring->bytes - from;

	memcpy(to, data + from, first);
	memcpy((char *)to + first, data, n - first);
}

static void drain(struct trace *trace, const struct ring *ring)
{
	union {
		struct perf_event_header header;
		struct switch_record switched;
		struct lost_record lost;
	} record;
	uint64_t head = __atomic_load_n(&ring->page->data_head,
					__ATOMIC_ACQUIRE);
	uint64_t tail = ring->page->data_tail;

	while (head - tail >= sizeof record.header) {
		memset(&record, 0, sizeof record);
		copy_from(ring, tail, &record.header, sizeof record.header);
		size_t size = record.header.size;
		if (size < sizeof record.header || size > head - tail)
			break;
		copy_from(ring, tail, &record,
			  size < sizeof record ? size : sizeof record);
		if (record.header.type == PERF_RECORD_SWITCH)
			add_switch(trace, &record.switched);
		else if (record.header.type == PERF_RECORD_LOST)
			trace->lost += record.lost.lost;
		tail += size;
	}
	__atomic_store_n(&ring->page->data_tail, tail, __ATOMIC_RELEASE);
}

// ## The reader

static void *read_rings(void *argument)
{
	struct trace *trace = argument;
	size_t n = trace->ring_count;
	struct pollfd *fds = calloc(n + 1, sizeof *fds);

	if (!fds) {
		trace->error = -ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){ trace->rings[i].fd, POLLIN, 0 };
	fds[n] = (struct pollfd){ trace->stop, POLLIN, 0 };
	while (!fds[n].revents) {
		if (poll(fds, n + 1, -1) == -1)
			continue;
		for (size_t i = 0; i < n; i++) {
			if (fds[i].revents & POLLIN)
				drain(trace, &trace->rings[i]);
			// The task is gone; poll would not sleep any more.
			if (fds[i].revents & (POLLHUP | POLLERR))
				fds[i].fd = -1;
		}
	}
	free(fds);
	return NULL;
}

// The reader takes no signals: they are the others' to handle.
static int start_reader(struct trace *trace)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int error = pthread_create(&trace->reader, NULL, read_rings, trace);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	trace->reading = !error;
	return -error;
}

static void stop_reader(struct trace *trace)
{
	uint64_t one = 1;

	if (!trace->reading)
		return;
	while (write(trace->stop, &one, sizeof one) == -1 && errno == EINTR)
		;
	pthread_join(trace->reader, NULL);
	trace->reading = false;
}

// ## All together

static struct trace *trace_open(pid_t task, const int *cpus, size_t n,
				int *error)
{
	struct trace *trace = calloc(1, sizeof *trace);

	*error = -ENOMEM;
	if (!trace)
		return NULL;
	trace->stop = -1;
	trace->rings = calloc(n, sizeof *trace->rings);
	if (!trace->rings)
		goto failed;
	trace->ring_count = n;
	for (size_t i = 0; i < n; i++)
		trace->rings[i].fd = -1;
	for (size_t i = 0; i < n; i++)
		if ((*error = open_ring(&trace->rings[i], task, cpus[i])))
			goto failed;
	if ((trace->stop = eventfd(0, EFD_CLOEXEC)) == -1) {
		*error = -errno;
		goto failed;
	}
	if ((*error = start_reader(trace)))
		goto failed;
	return trace;
failed:
	trace_free(trace);
	return NULL;
}

struct trace *trace_task(pid_t task, int *error)
{
	return trace_open(task, &(int){ -1 }, 1, error);
}

struct trace *trace_family(const int *cpus, size_t n, int *error)
{
	return trace_open(0, cpus, n, error);
}

static int by_time(const void *left, const void *right)
{
	const struct trace_event *a = left, *b = right;

	return a->at_ns < b->at_ns ? -1 : a->at_ns > b->at_ns;
}

int trace_read(struct trace *trace, struct trace_event **events, size_t *n,
	       uint64_t *lost)
{
	for (size_t i = 0; i < trace->ring_count; i++)
		(void)ioctl(trace->rings[i].fd, PERF_EVENT_IOC_DISABLE, 0);
	stop_reader(trace);
	for (size_t i = 0; i < trace->ring_count; i++)
		drain(trace, &trace->rings[i]);
	if (trace->error)
		return trace->error;
	if (trace->count)
		qsort(trace->events, trace->count, sizeof *trace->events,
		      by_time);
	*events = trace->events;
	*n = trace->count;
	*lost = trace->lost;
	trace->events = NULL;
	trace->count = trace->room = 0;
	return 0;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	stop_reader(trace);
	for (size_t i = 0; i < trace->ring_count; i++)
		close_ring(&trace->rings[i]);
	if (trace->stop != -1)
		close(trace->stop);
	free(trace->rings);
	free(trace->events);
	free(trace);
}

// # What a fault costs
//
// The yardstick is the least that userfaultfd can do: somebody touches a page,
// a thread reads the message and copies one page of ordinary memory to where it
// is missing; and, for every page that comes, one goes. There is no file and no
// policy. Against it, in turn, faults that the pager serves: one where a clean
// page goes and another is read, and one where the page that goes is written
// back first. (The file's pages are in the kernel's cache: a disk would hide all
// the rest.)
//
// All of it on one CPU, so a fault costs two context switches. Across two CPUs it
// costs two wake-ups of another CPU, which is more, and in a virtual machine much
// more.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cpu.h"
#include "lab.h"
#include "mem/pager/play.h"
#include "mem/pager/scenes.h"
#include "options.h"
#include "stats.h"

enum { PAGES = 256, FRAMES = 16, ROUNDS = 21 };
enum { COPIED, BARE, READ, WRITTEN, KINDS };

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

// ## The least

struct bare {
	int fd;
	size_t page_bytes;
	volatile char *memory;
	char *source;
	atomic_bool drop; // the page before goes
	pthread_t thread;
};

static void drop_before(const struct bare *bare, uintptr_t at)
{
	size_t page = (at - (uintptr_t)bare->memory) / bare->page_bytes;
	size_t before = (page + PAGES - 1) % PAGES;

	must(madvise((char *)bare->memory + before * bare->page_bytes,
		     bare->page_bytes, MADV_DONTNEED));
}

// One more page, behind the others, is for the end.
static void *serve_bare(void *argument)
{
	struct bare *bare = argument;
	uintptr_t end = (uintptr_t)bare->memory + PAGES * bare->page_bytes;
	struct uffd_msg message;

	for (;;) {
		must(read(bare->fd, &message, sizeof message));
		uintptr_t at = message.arg.pagefault.address &
			       ~(bare->page_bytes - 1);
		struct uffdio_copy copy = { .dst = at,
					    .src = (uintptr_t)bare->source,
					    .len = bare->page_bytes };
		if (at < end && atomic_load(&bare->drop))
			drop_before(bare, at);
		must(ioctl(bare->fd, UFFDIO_COPY, &copy));
		if (at >= end)
			return NULL;
	}
}

static void *map(size_t bytes)
{
	void *memory = must(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	madvise(memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

static void open_bare(struct bare *bare)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct uffdio_api api = { .api = UFFD_API };

	*bare = (struct bare){ .page_bytes = page,
			       .memory = map((PAGES + 1) * page),
			       .source = map(page) };
	memset(bare->source, 1, page);
	bare->fd = must(
		(int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
	must(ioctl(bare->fd, UFFDIO_API, &api));
	struct uffdio_register wish = {
		.range = { (uintptr_t)bare->memory, (PAGES + 1) * page },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	must(ioctl(bare->fd, UFFDIO_REGISTER, &wish));
	must_zero(pthread_create(&bare->thread, NULL, serve_bare, bare));
}

static void close_bare(struct bare *bare)
{
	(void)bare->memory[PAGES * bare->page_bytes];
	must_zero(pthread_join(bare->thread, NULL));
	close(bare->fd);
	munmap((void *)bare->memory, (PAGES + 1) * bare->page_bytes);
	munmap(bare->source, bare->page_bytes);
}

// ## A round of each
//
// ns a fault.

static double touch_all(volatile char *memory, size_t page, bool write)
{
	int64_t begin = now_ns();

	for (size_t p = 0; p < PAGES; p++)
		if (write)
			memory[p * page] = 1;
		else
			(void)memory[p * page];
	return (double)(now_ns() - begin) / PAGES;
}

static void play_rounds(struct bare *bare, struct region *region,
			double ns[KINDS][ROUNDS])
{
	volatile char *memory = region_memory(region);
	size_t page = bare->page_bytes;

	for (int i = 0; i < ROUNDS; i++) {
		must(madvise((void *)bare->memory, PAGES * page,
			     MADV_DONTNEED));
		atomic_store(&bare->drop, false);
		ns[COPIED][i] = touch_all(bare->memory, page, false);
		must(madvise((void *)bare->memory, PAGES * page,
			     MADV_DONTNEED));
		atomic_store(&bare->drop, true);
		ns[BARE][i] = touch_all(bare->memory, page, false);
		// Clean the frames, so that nothing is written in the next.
		for (size_t p = 0; p < FRAMES; p++)
			(void)memory[p * page];
		ns[READ][i] = touch_all(memory + FRAMES * page, page, false);
		for (size_t p = 0; p < FRAMES; p++)
			memory[p * page] = 1;
		ns[WRITTEN][i] = touch_all(memory + FRAMES * page, page, true);
	}
}

static void tell(double ns[KINDS][ROUNDS])
{
	static const char *const what[KINDS] = { "bare, no page goes",
						 "bare, one comes, one goes",
						 "pager, a page is read",
						 "pager, and one written" };
	char text[HUMAN_BYTES];

	for (int k = 0; k < KINDS; k++) {
		struct interval all = stats_median_interval(ns[k], ROUNDS);
		say("%-25s %8s  [%.0f, %.0f] ns", what[k],
		    human_duration(text, stats_median(ns[k], ROUNDS)), all.low,
		    all.high);
	}
	for (int k = READ; k <= WRITTEN; k++) {
		struct interval ratio = stats_ratio_interval(
			ns[k], ROUNDS, ns[BARE], ROUNDS, 0.5);
		say("%s: %.2f times the bare round trip [%.2f, %.2f]",
		    k == READ ? "read" : "written",
		    stats_median(ns[k], ROUNDS) /
			    stats_median(ns[BARE], ROUNDS),
		    ratio.low, ratio.high);
	}
}

void scene_price(void)
{
	double ns[KINDS][ROUNDS];
	enum region_way way = region_best();
	struct topology topology;
	struct bare bare;
	struct region *region;

	if (way == REGION_SIGNAL)
		skip("no userfaultfd here (%s): it wants Linux 5.11 or later "
		     "with CONFIG_USERFAULTFD, and no filter that forbids it",
		     strerror(-region_can(REGION_COPY)));
	must_neg(topology_read(&topology));
	must_neg(pin_to_cpu(topology.cpus[topology.count - 1].number));
	topology_free(&topology);
	open_bare(&bare);
	int file = nameless_file((PAGES + FRAMES) * bare.page_bytes);
	must_neg(region_open(
		&region,
		&(struct region_setup){
			.way = way,
			.policy = replacement_named("fifo"),
			.plan = { .frames = FRAMES, .pages = PAGES + FRAMES },
			.file = file,
			.failed = cannot_serve }));
	play_rounds(&bare, region, ns);
	struct region_counts counts = region_counts(region);
	tell(ns);
	claim(counts.faults == 2 * ROUNDS * (uint64_t)(PAGES + FRAMES),
	      "each touch of a page was a fault: %ju",
	      (uintmax_t)counts.faults);
	claim(counts.writebacks == ROUNDS * (uint64_t)(PAGES + FRAMES) - FRAMES,
	      "and each page that was written went to the file: %ju",
	      (uintmax_t)counts.writebacks);
	region_close(region);
	close(file);
	close_bare(&bare);
}

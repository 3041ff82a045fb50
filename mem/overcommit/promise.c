// # What is promised, and what is refused

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "draw.h"
#include "lab.h"
#include "mem/overcommit/overcommit.h"
#include "options.h"

static const char mode_file[] = "/proc/sys/vm/overcommit_memory";

enum { HEURISTIC, ALWAYS, STRICT }; // what is in there

// ## One tebibyte
//
// mmap(2) writes down that a range of addresses is ours. There is no memory
// behind it: a page comes when it is touched (mem/demand). So a process can have
// a thousand times what the machine has, as long as it does not use it: sparse
// tables, one large heap for a garbage collector, a sanitizer's shadow.
//
// MAP_NORESERVE asks the kernel not to count the promise. In mode 2 it counts all
// the same, but memory that nobody may write (PROT_NONE) costs nothing in any
// mode: reserve so, and make the part writable that is needed.

enum { USED = 10 * MIB };

static const uint64_t TIB = UINT64_C(1) << 40;

// What of the mapping is in memory, or has been and is swapped out. From smaps:
// VmRSS of status is kept in several parts, and may be wrong by some pages.
static uint64_t resident(const char *mapping)
{
	FILE *file = must_ptr(fopen("/proc/self/smaps", "re"));
	uint64_t begin = 0, end, kib, sum = 0;
	char line[512];

	while (fgets(line, sizeof line, file)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &begin, &end) == 2)
			continue;
		if (begin >= (uintptr_t)mapping &&
		    begin < (uintptr_t)mapping + TIB &&
		    (sscanf(line, "Rss: %" SCNu64, &kib) == 1 ||
		     sscanf(line, "Swap: %" SCNu64, &kib) == 1))
			sum += kib * 1024;
	}
	fclose(file);
	return sum;
}

static void draw(uint64_t size, uint64_t memory, uint64_t used)
{
	const struct canvas canvas = canvas_of(STDOUT_FILENO);
	char a[HUMAN_BYTES], b[HUMAN_BYTES], c[HUMAN_BYTES];
	const struct bar bars[] = {
		{ "reserved", human_size(a, size), (double)size },
		{ "the machine", human_size(b, memory), (double)memory },
		{ "used", human_size(c, used), (double)used },
	};
	char *chart = must_ptr(draw_bars(&canvas, bars, 3, true));

	show(chart);
	free(chart);
}

void scene_reserve(void)
{
	static const char status[] = "/proc/self/status";
	char text[HUMAN_BYTES], more[HUMAN_BYTES];

	need_promises();
	bool strict = proc_number(mode_file) == STRICT;
	uint64_t before = proc_bytes(status, "VmSize");
	char *mapping = strict ? promise(TIB, PROT_NONE, 0)
			       : promise(TIB, PROT_READ | PROT_WRITE,
					 MAP_NORESERVE);
	if (mapping == MAP_FAILED && errno == ENOMEM)
		skip("no 1 TiB of addresses: it takes a kernel with 48 bits");
	must(mapping);
	(void)madvise(mapping, TIB, MADV_NOHUGEPAGE);
	if (strict)
		must(mprotect(mapping, USED, PROT_READ | PROT_WRITE));
	say("1 TiB is reserved by one mmap, %s",
	    strict ? "PROT_NONE (mode 2)" : "MAP_NORESERVE");
	memset(mapping, 1, USED);
	uint64_t size = proc_bytes(status, "VmSize");
	uint64_t rss = proc_bytes(status, "VmRSS"), used = resident(mapping);
	say("10 MiB of it are written: VmSize %s, VmRSS %s",
	    human_size(text, size), human_size(more, rss));
	draw(TIB, proc_bytes("/proc/meminfo", "MemTotal"), used);
	claim(size >= before + TIB, "the process has become 1 TiB larger");
	claim(used == USED, "of this TiB 10 MiB are in memory, to the byte");
	claim(rss < size / 1000,
	      "not a thousandth of what it has is there (VmRSS to VmSize)");
	must(munmap(mapping, TIB));
	claim(proc_bytes(status, "VmSize") < size - TIB / 2,
	      "and it is given back as easily");
}

// ## Three modes
//
// How much does the kernel promise? /proc/sys/vm/overcommit_memory says:
//
//   0  heuristic: no mapping larger than all memory and swap. Each is looked at
//      alone, so two that are smaller may be larger together.
//   1  always: everything.
//   2  never more than CommitLimit in all, for all processes: swap and
//      overcommit_ratio percent of memory (or overcommit_kbytes). What counts
//      (Committed_AS) is memory that may be written and belongs to one process.
//
// The first two overcommit: a promise may turn out to be empty when a page is
// touched, and then it is too late for an error (scene `leash`). In mode 2 mmap
// and fork say ENOMEM in time, and memory lies idle for promises nobody calls in.
// This scene reads the mode of this host and changes nothing.

static uint64_t memory_and_swap(void)
{
	struct sysinfo info;

	must(sysinfo(&info));
	return ((uint64_t)info.totalram + info.totalswap) * info.mem_unit;
}

// As the kernel computes it, in pages.
static uint64_t commit_limit(void)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t kbytes =
		(uint64_t)proc_number("/proc/sys/vm/overcommit_kbytes");
	struct sysinfo info;

	must(sysinfo(&info));
	uint64_t ram = (uint64_t)info.totalram * info.mem_unit / page;
	uint64_t swap = (uint64_t)info.totalswap * info.mem_unit / page;
	ram -= proc_bytes("/proc/meminfo", "Hugetlb") / page;
	uint64_t allowed =
		kbytes ? kbytes * 1024 / page
		       : ram *
				 (uint64_t)proc_number(
					 "/proc/sys/vm/overcommit_ratio") /
				 100;
	return (allowed + swap) * page;
}

static bool granted(uint64_t bytes, int flags)
{
	char *got = promise(bytes, PROT_READ | PROT_WRITE, flags);

	if (got == MAP_FAILED && errno != ENOMEM)
		must(got);
	if (got == MAP_FAILED)
		return false;
	must(munmap(got, bytes));
	return true;
}

// Sizes are whole pages.
static uint64_t pages_of(uint64_t bytes)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return bytes / page * page;
}

static void heuristic(uint64_t all)
{
	char text[HUMAN_BYTES], more[HUMAN_BYTES];
	uint64_t half = pages_of(all / 4 * 3);

	claim(!granted(2 * all, 0),
	      "a mapping twice as large as all of it is refused (ENOMEM)");
	claim(granted(2 * all, MAP_NORESERVE),
	      "with MAP_NORESERVE it is granted");
	char *one = promise(half, PROT_READ | PROT_WRITE, 0);
	char *two = promise(half, PROT_READ | PROT_WRITE, 0);
	say("two of %s each: Committed_AS is now %s", human_size(text, half),
	    human_size(more, proc_bytes("/proc/meminfo", "Committed_AS")));
	claim(one != MAP_FAILED && two != MAP_FAILED,
	      "two of three quarters each are granted: each is looked at "
	      "alone");
	if (one != MAP_FAILED)
		must(munmap(one, half));
	if (two != MAP_FAILED)
		must(munmap(two, half));
}

static void strict_or_not(uint64_t all, uint64_t limit, uint64_t committed)
{
	char text[HUMAN_BYTES];

	switch (proc_number(mode_file)) {
	case HEURISTIC:
		say("mode 0 here, a mapping at a time is looked at");
		heuristic(all);
		break;
	case ALWAYS:
		say("mode 1 here: whatever is asked for is granted");
		claim(granted(2 * all, 0),
		      "a mapping twice as large as all of it is granted");
		break;
	default:
		say("mode 2 here: all promises together are limited");
		claim(!granted(pages_of(limit) + MIB, 0),
		      "a mapping larger than CommitLimit is refused (ENOMEM)");
		claim(!granted(pages_of(limit) + MIB, MAP_NORESERVE),
		      "with MAP_NORESERVE, too");
		return;
	}
	say("in mode 2 more than %s would be refused",
	    human_size(text, limit > committed ? limit - committed : 0));
}

void scene_modes(void)
{
	static const char meminfo[] = "/proc/meminfo";
	char a[HUMAN_BYTES], b[HUMAN_BYTES];

	need_promises();
	uint64_t all = pages_of(memory_and_swap());
	uint64_t limit = proc_bytes(meminfo, "CommitLimit");
	uint64_t committed = proc_bytes(meminfo, "Committed_AS");
	if (!limit)
		skip("no CommitLimit in /proc/meminfo: it takes Linux's own "
		     "/proc");
	say("memory and swap: %s; ratio %ld %%", human_size(a, all),
	    proc_number("/proc/sys/vm/overcommit_ratio"));
	say("CommitLimit %s, Committed_AS %s", human_size(a, limit),
	    human_size(b, committed));
	claim(limit == commit_limit(),
	      "CommitLimit is that share of memory, and all of swap");
	strict_or_not(all, limit, committed);
}

// ## A limit of one's own
//
// What mode 2 does for the machine, RLIMIT_AS (ulimit -v) does for a process: the
// refusal comes when memory is asked for, as an error that can be handled. It
// counts addresses, though, so it also refuses who would have used none of them.

void scene_limit(void)
{
	need_promises();
	pid_t child = fork_as("child");
	if (child == 0) {
		uint64_t size = proc_bytes("/proc/self/status", "VmSize");
		const struct rlimit limit = { size + 64 * MIB,
					      size + 64 * MIB };
		must(setrlimit(RLIMIT_AS, &limit));
		say("RLIMIT_AS: 64 MiB more than what I have");
		bool small = granted(32 * MIB, 0), large = granted(96 * MIB, 0);
		int error = large ? 0 : errno;
		claim(small, "mmap of 32 MiB succeeds");
		claim(!large && error == ENOMEM,
		      "mmap of 96 MiB fails (ENOMEM), and I go on");
		claim(!granted(96 * MIB, MAP_NORESERVE),
		      "with MAP_NORESERVE, too: addresses are what counts");
		_exit(EXIT_SUCCESS);
	}
	reap(child);
}

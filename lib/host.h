// host.h - what this machine is, and what it can do
//
// A figure without its machine says nothing, so every result carries this.
// Everything is read from /proc and /sys; what a host does not tell is "", or 0
// for a number. No privilege is needed, nothing is written.

#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>

enum { HOST_TEXT = 256 };

struct host {
	char cpu_model[HOST_TEXT];    // "AMD EPYC"
	char architecture[HOST_TEXT]; // uname -m
	int cpus_online;              // of the machine, not of this process
	int cores, sockets, threads_per_core;
	char kernel[HOST_TEXT];       // release and version
	char mitigations[4096];       // "spectre_v2: Mitigation: ...; ..." of
				      // every file below vulnerabilities/ in
				      // order of name, but for those that say
				      // "Not affected"; "none needed" where
				      // all do
	char governor[HOST_TEXT];     // cpufreq of CPU 0
	char clock_source[HOST_TEXT]; // "tsc"
	char hypervisor[HOST_TEXT];   // "KVM"; "none" only where that is sure
	char thp[HOST_TEXT];          // transparent huge pages: "madvise"
	char load[HOST_TEXT];         // "0.20 0.18 0.12 1/80", when asked:
				      // averages of 1, 5, 15 minutes, tasks
				      // that run now of all (/proc/loadavg)
	char compiler[HOST_TEXT];     // __VERSION__ with its name
	char flags[512];              // the flags this was built with
	long page_bytes;
	unsigned long long memory_bytes;
};

void host_read(struct host *host);

// The same for another machine, whose files lie below `root` (ROOT/proc/cpuinfo
// ...). What only this machine's CPU and C library could say is left empty.
void host_read_at(struct host *host, const char *root);

// Stolen time of one CPU since boot in ns (the hypervisor ran somebody else),
// from /proc/stat, in steps of 1/USER_HZ; -1 where there is none to read.
long long host_steal_ns(int cpu);

// Capability checks. Each returns true, or false and a sentence that says what
// is missing and how to get it. They try it for real, and leave nothing behind.
bool host_has_io_uring(char why[HOST_TEXT]);
bool host_has_mqueue(char why[HOST_TEXT]);
bool host_is_root(char why[HOST_TEXT]);

// A small file of /proc or /sys as one line: without the newline at its end,
// others are spaces, cut to text_bytes - 1 characters. False and "" where it
// cannot be read.
bool host_line(const char *path, char *text, size_t text_bytes);

#endif

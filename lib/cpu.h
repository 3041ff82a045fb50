// cpu.h - which CPU a process runs on, and how the CPUs lie to each other
//
// The cost of a context switch or a wake-up depends on where the two sides
// run. The kernel tells the topology in /sys/devices/system/cpu/cpuN/topology;
// we read it, restricted to the CPUs this process may use (sched_getaffinity).

#ifndef CPU_H
#define CPU_H

#include <stdbool.h>
#include <stddef.h>

// Where two sides stand to each other. The order is from near to far.
enum placement {
	SAME_CPU,   // one CPU: each hand-over is a context switch
	SMT,        // two hardware threads of one core
	CROSS_CORE, // two cores of one socket
	CROSS_SOCKET,
	PLACEMENTS
};

extern const char *const placement_names[PLACEMENTS]; // "same-cpu", "smt" ...

struct cpu {
	int number; // as in /proc/cpuinfo
	int core;   // unique in the machine: the lowest number among the
		    // hardware threads of its core. (core_id is not: on
		    // arm64 it starts anew in each cluster.)
	int socket; // physical_package_id
};

struct topology {
	size_t count; // CPUs this process may use, ascending by number
	struct cpu *cpus;
};

// Reads the topology. Returns 0 or -errno; topology_free releases it (also
// after an error). Where sysfs is missing, every CPU is its own core of
// socket 0. O(count) small files.
int topology_read(struct topology *topology);

// The same for `count` CPU numbers, ascending, and another folder than
// /sys/devices/system/cpu: a tree of files that describes some machine. A CPU
// that it calls offline is left out; -ENODEV when none remains.
int topology_read_at(struct topology *topology, const char *folder,
		     const int *numbers, size_t count);
void topology_free(struct topology *topology);

// How two CPUs of a topology stand to each other.
enum placement cpu_placement(const struct cpu *a, const struct cpu *b);

// Picks two CPUs that stand in `placement` to each other (pair[0] == pair[1]
// for SAME_CPU, pair[0] < pair[1] otherwise). CPU 0 takes most of the machine's
// own work, so the pair is the one whose lower number is highest, and of those
// the one whose other number is highest. Returns false where the host has no
// such pair. O(count^2) at most.
bool topology_pair(const struct topology *topology, enum placement placement,
		   int pair[2]);

// How many CPUs the calling thread may use: 1 or more.
int usable_cpus(void);

// Keeps the calling thread on one CPU (sched_setaffinity(2)); children inherit
// it. Returns 0 or -errno: -EINVAL where there is no such CPU, it is offline, or
// the process's cpuset (cpuset(7)) does not hold it.
int pin_to_cpu(int cpu);

#endif

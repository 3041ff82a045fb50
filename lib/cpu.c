// # cpu: where two processes can stand to each other
//
// Two hardware threads of a core share its execution units and first caches.
// Two cores of a socket share the last cache, mostly. Two sockets share
// nothing but the wires between them. A message or a wake-up pays for the
// distance, so a measurement has to say which it was.
//
// The kernel writes what it knows into small files (Documentation/admin-guide/
// cputopology.rst in its source):
//
//     cpuN/topology/core_cpus_list        "0,64": the threads of N's core
//     cpuN/topology/thread_siblings_list  the same before Linux 5.3
//     cpuN/topology/physical_package_id   the socket
//     cpuN/online                         0 or 1; CPU 0 often has none
//
// A virtual machine shows what its hypervisor pretends, which may have nothing
// to do with where the host runs its virtual CPUs.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cpu.h"

const char *const placement_names[PLACEMENTS] = {
	[SAME_CPU] = "same-cpu",
	[SMT] = "smt",
	[CROSS_CORE] = "cross-core",
	[CROSS_SOCKET] = "cross-socket",
};

// Far above the largest NR_CPUS of any architecture (8,192): where we stop
// asking, so that nonsense is refused instead of allocated.
enum { CPU_LIMIT = 1 << 20 };

// The number a file begins with; `otherwise` where there is no file, or no
// number from 0 on in it (physical_package_id is -1 where nobody knows).
static int number_in(const char *folder, int cpu, const char *file,
		     int otherwise)
{
	char path[PATH_MAX], text[32], *end;
	int length = snprintf(path, sizeof path, "%s/cpu%d/%s", folder, cpu,
			      file);

	if (length < 0 || (size_t)length >= sizeof path)
		return otherwise;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return otherwise;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return otherwise;
	text[n] = '\0';
	long number = strtol(text, &end, 10);
	return end == text || number < 0 || number > INT_MAX ? otherwise
							     : (int)number;
}

int topology_read_at(struct topology *topology, const char *folder,
		     const int *numbers, size_t count)
{
	*topology = (struct topology){ 0 };
	if (count == 0)
		return -ENODEV;
	topology->cpus = calloc(count, sizeof *topology->cpus);
	if (!topology->cpus)
		return -ENOMEM;

	for (size_t i = 0; i < count; i++) {
		int cpu = numbers[i];
		int core = number_in(folder, cpu, "topology/core_cpus_list",
				     number_in(folder, cpu,
					       "topology/thread_siblings_list",
					       cpu));

		if (number_in(folder, cpu, "online", 1) == 0)
			continue;
		topology->cpus[topology->count++] = (struct cpu){
			.number = cpu,
			.core = core,
			.socket = number_in(folder, cpu,
					    "topology/physical_package_id", 0),
		};
	}
	if (topology->count == 0) {
		topology_free(topology);
		return -ENODEV;
	}
	return 0;
}

// Asks for the CPUs this process may use, with a larger set each time the
// kernel says that its own does not fit (EINVAL): cpu_set_t ends at 1,024.
// Returns 0 or -errno; the caller frees *set.
static int allowed_cpus(cpu_set_t **set, size_t *bits)
{
	for (*bits = CPU_SETSIZE; *bits <= CPU_LIMIT; *bits *= 2) {
		*set = CPU_ALLOC(*bits);
		if (!*set)
			return -ENOMEM;
		if (sched_getaffinity(0, CPU_ALLOC_SIZE(*bits), *set) == 0)
			return 0;
		int error = errno;
		CPU_FREE(*set);
		if (error != EINVAL)
			return -error;
	}
	return -EINVAL;
}

int topology_read(struct topology *topology)
{
	cpu_set_t *set;
	size_t bits, count = 0;

	*topology = (struct topology){ 0 };
	int error = allowed_cpus(&set, &bits);
	if (error)
		return error;
	int *numbers = malloc(bits * sizeof *numbers);
	if (numbers) {
		for (size_t cpu = 0; cpu < bits; cpu++)
			if (CPU_ISSET_S(cpu, CPU_ALLOC_SIZE(bits), set))
				numbers[count++] = (int)cpu;
		error = topology_read_at(topology, "/sys/devices/system/cpu",
					 numbers, count);
	} else {
		error = -ENOMEM;
	}
	free(numbers);
	CPU_FREE(set);
	return error;
}

void topology_free(struct topology *topology)
{
	free(topology->cpus);
	*topology = (struct topology){ 0 };
}

enum placement cpu_placement(const struct cpu *a, const struct cpu *b)
{
	if (a->number == b->number)
		return SAME_CPU;
	if (a->socket != b->socket)
		return CROSS_SOCKET;
	return a->core == b->core ? SMT : CROSS_CORE;
}

bool topology_pair(const struct topology *topology, enum placement placement,
		   int pair[2])
{
	const struct cpu *cpus = topology->cpus;

	for (size_t low = topology->count; low-- > 0;) {
		for (size_t high = topology->count; high-- > low;) {
			if (cpu_placement(&cpus[low], &cpus[high]) ==
			    placement) {
				pair[0] = cpus[low].number;
				pair[1] = cpus[high].number;
				return true;
			}
		}
	}
	return false;
}

int usable_cpus(void)
{
	cpu_set_t set;

	// more CPUs than the set has room for: EINVAL
	if (sched_getaffinity(0, sizeof set, &set) == -1)
		return 1;
	return CPU_COUNT(&set);
}

int pin_to_cpu(int cpu)
{
	if (cpu < 0 || cpu >= CPU_LIMIT)
		return -EINVAL;
	size_t bytes = CPU_ALLOC_SIZE((size_t)cpu + 1);
	cpu_set_t *set = CPU_ALLOC((size_t)cpu + 1);
	if (!set)
		return -ENOMEM;
	CPU_ZERO_S(bytes, set);
	CPU_SET_S((size_t)cpu, bytes, set);
	int error = sched_setaffinity(0, bytes, set) == 0 ? 0 : -errno;
	CPU_FREE(set);
	return error;
}
